// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/wait.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/detail/shortage.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/point.hpp"
#include "sqsim/sim/search/plan_step.hpp"
#include "sqsim/sim/search/runner.hpp"
#include "sqsim/sim/search/terminate_hint.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <thread>
#include <utility>
#include <vector>

// Runs plans in several threads, so that an exploration is the same as with one.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What came of a plan that a worker ran.
struct PlanResult {
    enum class Kind : std::uint8_t {
        none,     // to be run by the exploration itself
        passed,   // all below is as the exploration itself would have it
        alarmed,  // it failed, or was not the same again: the exploration itself looks at it
    };

    Kind kind = Kind::none;
    bool has_children = false;
    std::uint64_t hash = 0;
    std::size_t covered = 0;
    std::size_t children_end = 0;  // in the batch's children
    RunCounts counts{};
};

/// Plans of one level that one thread runs, one after the other.
struct PlanBatch {
    struct Task {
        Room room;
        bool is_repeated;  // to see whether the code is deterministic
    };

    std::size_t plan_size = 0;
    std::vector<PackedFault> faults{};  // of all the plans
    std::vector<Task> tasks{};
    Runner::AbandonedBefore abandoned{};       // before its first plan
    std::shared_ptr<const SiteTable> sites{};  // the names that the exploration knows

    std::vector<PlanResult> results{};
    std::vector<PackedFault> children{};  // what each has more than its plan
    bool is_claimed = false;
    bool is_done = false;

    [[nodiscard]] std::span<const PackedFault> plan(std::size_t index) const noexcept {
        return std::span{faults}.subspan(index * plan_size, plan_size);
    }
};

/// Runs batches of plans with a runner of its own.
///
/// The numbers of sites are in choices and hashes. A worker knows the names that the exploration knew when it made the
/// batch, under the same numbers. A plan that meets another name is run again by the exploration, in its turn: there
/// are few of those.
class PlanWorker {
public:
    /// How often an execution of one plan may be run in both crash modes: with its choice points, and repeated.
    static constexpr std::size_t most_abandoned_of_plan = 3;

    PlanWorker(const Runner& exploration, const Runner::Scenario& scenario, std::size_t maximum_abandoned)
        : runner_{exploration.settings(), scenario, maximum_abandoned} {
        runner_.progress().is_idle.store(true, std::memory_order_relaxed);
    }

    [[nodiscard]] Runner& runner() noexcept { return runner_; }

    /// Runs the plans of a batch until `is_over`.
    void run(PlanBatch& batch, const std::atomic<bool>& is_over) {
        runner_.progress().end_idleness();
        if (is_out_of_memory_ || !found_memory([&] { begin(batch); })) {
            is_out_of_memory_ = true;
            runner_.progress().is_idle.store(true, std::memory_order_relaxed);
            return;
        }
        for (std::size_t i = 0; i < batch.tasks.size() && !is_over.load(std::memory_order_relaxed); ++i) {
            if (is_out_of_memory_) {
                batch.results[i].children_end = batch.children.size();
                continue;
            }
            runner_.begin_counts({batch.abandoned.least, batch.abandoned.most + i * most_abandoned_of_plan});
            const std::size_t children_before = batch.children.size();
            PlanResult& result = batch.results[i];
#if SQSIM_EXCEPTIONS
            try {
                run_plan(batch, i, result);
            } catch (...) {  // the exploration itself will meet it in its turn
                result.kind = PlanResult::Kind::none;
                is_out_of_memory_ = true;  // what this runner knows may be half done
            }
#else
            run_plan(batch, i, result);
#endif
            if (result.kind != PlanResult::Kind::passed) {
                batch.children.resize(children_before);
            }
            result.children_end = batch.children.size();
            result.counts = runner_.end_counts();
        }
        runner_.progress().is_idle.store(true, std::memory_order_relaxed);
    }

private:
    void begin(PlanBatch& batch) {
        if (sites_ != batch.sites) {
            runner_.set_sites(*batch.sites);
            sites_ = batch.sites;
        }
    }

    void run_plan(PlanBatch& batch, std::size_t index, PlanResult& result) {
        const std::span<const PackedFault> plan = batch.plan(index);
        const PlanBatch::Task& task = batch.tasks[index];
        Outcome outcome;
        result.has_children = run_to_extend(runner_, plan, task.room, outcome);
        result.hash = outcome.hash;
        bool has_passed = outcome.followed && outcome.violation.empty();
        if (has_passed && result.has_children) {
            result.covered = task.room.for_fault ? runner_.context().covered : 0;
            visit_children(runner_.path(), task.room,
                           [&](const PackedFault& packed) { batch.children.push_back(packed); });
        }
        has_passed = has_passed && (!task.is_repeated || runner_.run_again(plan).hash == outcome.hash);
        result.kind = has_passed ? PlanResult::Kind::passed : PlanResult::Kind::alarmed;
        if (runner_.sites().size() != sites_->size()) {
            runner_.set_sites(*sites_);
            result.kind = PlanResult::Kind::none;
        } else if (runner_.is_uncertain()) {
            result.kind = PlanResult::Kind::none;
        }
    }

    Runner runner_;
    std::shared_ptr<const SiteTable> sites_{};
    bool is_out_of_memory_ = false;  // from then on the exploration itself runs its plans
};

/// The threads of an exploration: its own and further ones. Each has a worker; the exploration itself takes the results
/// in the order of the plans, and its thread runs plans while the next result is not there.
class PlanWorkers {
public:
    /// With one thread there are no workers. The runner and the scenario stay where they are.
    PlanWorkers(Runner& exploration, const Runner::Scenario& scenario, std::size_t maximum_abandoned, int threads)
        : exploration_{exploration} {
        for (int i = 0; threads > 1 && i < threads; ++i) {
            workers_.push_back(std::make_unique<PlanWorker>(exploration, scenario, maximum_abandoned));
        }
    }
    PlanWorkers(const PlanWorkers&) = delete;
    PlanWorkers& operator=(const PlanWorkers&) = delete;
    ~PlanWorkers() { end_threads(); }

    [[nodiscard]] std::size_t threads() const noexcept { return std::max<std::size_t>(workers_.size(), 1); }

    /// What a watchdog watches.
    [[nodiscard]] std::vector<const RunContext*> contexts() const {
        std::vector<const RunContext*> contexts{&exploration_.context()};
        for (const auto& worker : workers_) {
            contexts.push_back(&worker->runner().context());
        }
        return contexts;
    }

    /// Adds a batch behind the others. The fault-free plan has been run.
    void add(std::unique_ptr<PlanBatch> batch) {
        if (known_sites_ == nullptr || known_sites_->size() != exploration_.sites().size()) {
            known_sites_ = std::make_shared<const SiteTable>(exploration_.sites());
        }
        batch->sites = known_sites_;
        batch->results.resize(batch->tasks.size());
        if (!has_started_) {
            start();
        }
        {
            const auto lock = rendezvous_.lock();
            batches_.push_back(std::move(batch));
        }
        rendezvous_.notify();
    }
    [[nodiscard]] std::size_t batches() const noexcept { return batches_.size(); }  // this thread alone changes it

    /// Takes the first batch, when it has been run.
    [[nodiscard]] std::unique_ptr<PlanBatch> take() {
        exploration_.progress().is_idle.store(true, std::memory_order_relaxed);
        auto lock = rendezvous_.lock();
        while (!batches_.front()->is_done) {
            if (PlanBatch* const batch = claim()) {
                lock.unlock();
                workers_.front()->run(*batch, is_over_);
                lock.lock();
                batch->is_done = true;
            } else {
                rendezvous_.wait(lock, [this] { return batches_.front()->is_done; });
            }
        }
        std::unique_ptr<PlanBatch> batch = std::move(batches_.front());
        batches_.pop_front();
        exploration_.progress().end_idleness();
        return batch;
    }

    /// Ends the threads, and adds to the exploration which kinds of faults came up.
    void stop() {
        if (end_threads()) {
            for (const auto& worker : workers_) {
                exploration_.path().add_kinds(worker->runner().path().kinds());
            }
        }
        batches_.clear();
    }

private:
    /// Returns whether there were any.
    bool end_threads() noexcept {
        {
            const auto lock = rendezvous_.lock();
            is_over_.store(true, std::memory_order_relaxed);
        }
        rendezvous_.notify();
        for (std::thread& thread : threads_) {
            thread.join();
        }
        threads_.clear();
        if (has_started_) {
            runs_beside_others = false;
        }
        return std::exchange(has_started_, false);
    }

    void start() {
        runs_beside_others = true;
        for (const auto& worker : workers_) {
            worker->runner().compare_with_states_of(exploration_);
        }
        has_started_ = true;
        threads_.reserve(workers_.size());
        for (std::size_t i = 1; i < workers_.size(); ++i) {
#if SQSIM_EXCEPTIONS
            try {
                threads_.emplace_back([this, &worker = *workers_[i]] { work(worker); });
            } catch (...) {  // the system has no more of them: those that there are do
                return;
            }
#else
            threads_.emplace_back([this, &worker = *workers_[i]] { work(worker); });
#endif
        }
    }

    void work(PlanWorker& worker) {
        const OverflowStack stack;
        runs_beside_others = true;
        auto lock = rendezvous_.lock();
        while (true) {
            PlanBatch* batch = nullptr;
            rendezvous_.wait(lock,
                             [&] { return is_over_.load(std::memory_order_relaxed) || (batch = claim()) != nullptr; });
            if (batch == nullptr) {
                return;
            }
            lock.unlock();
            worker.run(*batch, is_over_);
            lock.lock();
            batch->is_done = true;
            if (batch == batches_.front().get()) {
                rendezvous_.notify();
            }
        }
    }

    /// The first batch that nobody runs; null if there is none. Under the lock.
    [[nodiscard]] PlanBatch* claim() noexcept {
        const auto free = std::find_if(batches_.begin(), batches_.end(),
                                       [](const std::unique_ptr<PlanBatch>& batch) { return !batch->is_claimed; });
        if (free == batches_.end()) {
            return nullptr;
        }
        (*free)->is_claimed = true;
        return free->get();
    }

    Runner& exploration_;
    std::vector<std::unique_ptr<PlanWorker>> workers_{};  // the first one is this thread's
    std::shared_ptr<const SiteTable> known_sites_{};
    sqsim::detail::Rendezvous rendezvous_{};
    std::deque<std::unique_ptr<PlanBatch>> batches_{};
    std::atomic<bool> is_over_ = false;
    std::vector<std::thread> threads_{};
    bool has_started_ = false;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
