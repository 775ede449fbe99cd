// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/history/check_history.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/detail/exception_type.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/exploration_stats.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/model/world_impl.hpp"
#include "sqsim/sim/point.hpp"
#include "sqsim/sim/timeline.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <new>
#include <span>
#include <string>
#include <utility>
#include <vector>

// The leak sanitizer's, where it is linked in.
extern "C" {
[[gnu::weak]] void __lsan_disable();
[[gnu::weak]] void __lsan_enable();
}

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What an execution came to.
struct Outcome {
    std::string violation{};
    std::uint64_t hash = 0;
    bool followed = true;  // every fault of the plan came about
};

/// What the executions of a plan are counted for, repetitions and those without unwinding included.
struct RunCounts {
    ExecutionCounts executions{};
    std::size_t swallowed = 0;
    std::size_t only_unwinding = 0;
    std::size_t abandoned = 0;
    bool abandoned_all = true;
};

/// Tells the leak sanitizer that code which is abandoned leaks what it holds, on purpose.
class LeaksOnPurpose {
public:
    explicit LeaksOnPurpose(bool does_so) : does_so_{does_so && &__lsan_disable != nullptr} {
        if (does_so_) {
            __lsan_disable();
        }
    }
    LeaksOnPurpose(const LeaksOnPurpose&) = delete;
    LeaksOnPurpose& operator=(const LeaksOnPurpose&) = delete;
    ~LeaksOnPurpose() {
        if (does_so_) {
            __lsan_enable();
        }
    }

private:
    bool does_so_;
};

/// Runs a scenario under one plan after the other.
///
/// A crash ends a process without its destructors. Unwinding the stack is an approximation: a violation counts only if
/// it shows without unwinding, too, and as many plans with a crash as `maximum_abandoned` says are run in both modes.
class Runner {
public:
    using Scenario = std::function<void(World&)>;

    Runner(const Settings& settings, const Scenario& scenario, std::size_t maximum_abandoned = 0)
        : scenario_{scenario}, maximum_abandoned_{maximum_abandoned} {
        context_.settings = settings;
    }

    /// Runs a plan, or what a strategy chooses, and checks the history. Complexity: that of the scenario.
    Outcome run(std::span<const PackedFault> plan, Strategy* strategy = nullptr) { return run(plan, strategy, false); }

    /// The same for a plan of which others are to be made: the choice path remembers every choice point.
    Outcome run_and_remember(std::span<const PackedFault> plan) { return run(plan, nullptr, true); }

    /// The same for a plan that was run already.
    Outcome run_and_remember_again(std::span<const PackedFault> plan) {
        Outcome outcome = run_and_remember(plan);
        --runs_;
        return outcome;
    }

    /// Runs a plan, and remembers its choice points with the steps of the timeline that they belong to.
    Outcome run_with_points(std::span<const PackedFault> plan) {
        Timeline timeline;
        timeline_ = &timeline;
        Outcome outcome = run_and_remember_again(plan);
        timeline_ = nullptr;
        return outcome;
    }

    /// Runs a plan that does not count: it was run before, or says more about one that was.
    Outcome run_again(std::span<const PackedFault> plan) {
        Outcome outcome = run(plan);
        --runs_;
        return outcome;
    }

    /// Runs a plan and writes its timeline.
    Outcome run_with_timeline(std::span<const PackedFault> plan, Timeline& timeline) {
        timeline = {};
        timeline_ = &timeline;
        Outcome outcome = run_again(plan);
        timeline_ = nullptr;
        return outcome;
    }

    /// The same, and what tells its steps from those of another execution.
    Outcome run_with_timeline(std::span<const PackedFault> plan, Timeline& timeline,
                              std::vector<std::uint64_t>& steps) {
        steps_ = &steps;
        Outcome outcome = run_with_timeline(plan, timeline);
        steps_ = nullptr;
        return outcome;
    }

    /// Lets the last execution of a plan be one that unwinds.
    void end_unwinding() noexcept { ends_unwinding_ = true; }

    // For a runner that runs some of the plans of another one.

    /// How many plans were run in both crash modes before the next one, at least and at most.
    struct AbandonedBefore {
        std::size_t least = 0;
        std::size_t most = 0;
    };

    /// Compares with the fault-free execution that another runner ran.
    void compare_with_states_of(const Runner& other) {
        stats_.states = other.stats_.states;
        stats_.keys = other.stats_.keys;
    }

    /// Has the names of sites of another runner, and no others.
    void set_sites(const SiteTable& sites) {
        context_.sites = sites;
        context_.path.forget_kinds_from(sites.size());
    }

    /// Counts from zero.
    void begin_counts(AbandonedBefore before) {
        static_cast<ExecutionCounts&>(stats_) = {};
        swallowed_ = only_unwinding_ = 0;
        abandoned_ = abandoned_before_ = before.least;
        maybe_abandoned_ = before.most - before.least;
        abandoned_all_ = true;
        is_uncertain_ = false;
    }
    [[nodiscard]] RunCounts end_counts() {
        return {std::move(static_cast<ExecutionCounts&>(stats_)), swallowed_, only_unwinding_,
                abandoned_ - abandoned_before_, abandoned_all_};
    }
    /// Whether it depends on plans that others run whether one of these was to be run in both crash modes.
    [[nodiscard]] bool is_uncertain() const noexcept { return is_uncertain_; }

    /// Counts a plan that another runner has run, as if it had been run here.
    void add_plan(const RunCounts& counts) {
        ++runs_;
        stats_.add(counts.executions);
        swallowed_ += counts.swallowed;
        only_unwinding_ += counts.only_unwinding;
        abandoned_ += counts.abandoned;
        abandoned_all_ = abandoned_all_ && counts.abandoned_all;
    }

    [[nodiscard]] const RunContext& context() const noexcept { return context_; }
    [[nodiscard]] ProgressMark& progress() noexcept { return context_.progress; }
    [[nodiscard]] const Settings& settings() const noexcept { return context_.settings; }
    [[nodiscard]] SiteTable& sites() noexcept { return context_.sites; }
    [[nodiscard]] ChoicePath& path() noexcept { return context_.path; }
    [[nodiscard]] const ExplorationStats& stats() const noexcept { return stats_; }
    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }
    [[nodiscard]] std::size_t swallowed_crashes() const noexcept { return swallowed_; }
    [[nodiscard]] std::size_t only_unwinding() const noexcept { return only_unwinding_; }
    [[nodiscard]] std::size_t abandoned() const noexcept { return abandoned_; }
    [[nodiscard]] bool abandoned_all() const noexcept { return abandoned_all_; }
    /// Whether the last violation shows only where no destructor runs.
    [[nodiscard]] bool only_abandoned() const noexcept { return only_abandoned_; }

private:
    Outcome run(std::span<const PackedFault> plan, Strategy* strategy, bool remembers_all) {
        ++runs_;
        only_abandoned_ = false;
        stats_.is_fault_free = strategy == nullptr && plan.empty();
        Outcome outcome;
        if (!run_once(plan, strategy, remembers_all, outcome)) {
            // Code that swallows its crash went on where a process would not have: the execution counts for nothing.
            ++swallowed_;
            const std::vector<PackedFault> taken = context_.path.taken();
            return run_abandoning(strategy != nullptr ? std::span{taken} : plan, remembers_all);
        }
        if (unwound_) {
            const std::vector<PackedFault> taken =
                strategy != nullptr ? context_.path.taken() : std::vector<PackedFault>{};
            compare_crash_modes(strategy != nullptr ? std::span{taken} : plan, outcome);
        }
        return outcome;
    }

    /// Runs the plan of an execution that unwound a stack once more, without unwinding; that counts.
    void compare_crash_modes(std::span<const PackedFault> plan, Outcome& outcome) {
        const bool fails = !outcome.violation.empty();
        if (!fails) {
            if (abandoned_ >= maximum_abandoned_) {
                abandoned_all_ = false;
                return;
            }
            if (abandoned_ + maybe_abandoned_ >= maximum_abandoned_) {
                is_uncertain_ = true;
                return;
            }
            ++abandoned_;
        }
        std::swap(context_.path, other_path_);  // the choice points of the execution stay
        Timeline* const timeline = std::exchange(timeline_, fails ? nullptr : timeline_);
        const Outcome abandoned = run_abandoning(plan, false);
        timeline_ = timeline;
        std::swap(context_.path, other_path_);
        if (ends_unwinding_ && !only_abandoned_) {
            Outcome again;  // what the scenario itself keeps of its last execution is of this one
            static_cast<void>(run_once(plan, nullptr, true, again));
        }
        if (abandoned.followed && abandoned.violation.empty() == fails) {
            only_unwinding_ += fails ? 1U : 0U;
            only_abandoned_ = !fails;
            outcome.violation = abandoned.violation;
        }
    }

    Outcome run_abandoning(std::span<const PackedFault> plan, bool remembers_all) {
        Outcome outcome;
        context_.settings.abandons = true;
        static_cast<void>(run_once(plan, nullptr, remembers_all, outcome));
        context_.settings.abandons = false;
        return outcome;
    }

    /// Returns false if the execution counts for nothing.
    bool run_once(std::span<const PackedFault> plan, Strategy* strategy, bool remembers_all, Outcome& outcome) {
        const LeaksOnPurpose leaks{context_.settings.abandons};
        const sqsim::detail::SpareMemory::Use use{context_.spare_memory};
        context_.path.begin(plan, strategy, remembers_all);
        if (timeline_ != nullptr) {
            *timeline_ = {};
        }
        if (steps_ != nullptr) {
            steps_->clear();
        }
        context_.timeline = timeline_;
        context_.step_hashes = steps_;
        const std::uint64_t shortages = sqsim::detail::shortages;
        Execution execution{context_};
        {
            WorldState state{execution, stats_};
            call_scenario(execution, state);
        }
        if (execution.is_out_of_memory() || sqsim::detail::shortages != shortages) {
            sqsim::detail::raise_out_of_memory();  // a queue that did with less memory is not the service any more
        }
        if (execution.swallowed_crash() && !context_.settings.abandons) {
            return false;
        }
        unwound_ = execution.scheduler().unwound();
        outcome.followed = context_.path.followed_plan();
        outcome.hash = execution.hash();
        outcome.violation = execution.violation();
        if (outcome.violation.empty() && !stats_.ran) {
            outcome.violation = "the scenario never calls run(): nothing was simulated";
        }
        if (outcome.violation.empty()) {
            const HistoryVerdict& verdict = checker_.check(context_.history, CheckOptions::exact());
            if (!verdict.ok()) {
                outcome.violation =
                    "the simulated queue broke its contract (a bug of sqsim: please report it with the token): " +
                    verdict.findings.front().text;
            }
        }
        return true;
    }

    void call_scenario(Execution& execution, WorldState& state) {
        World world{state};
#if SQSIM_EXCEPTIONS
        try {
            scenario_(world);
            state.finish();
        } catch (const std::bad_alloc&) {
            execution.run_out_of_memory();
        } catch (const std::exception& error) {
            execution.fail("the scenario itself ended with an error: " + std::string{error.what()});
        } catch (...) {
            execution.fail("the scenario itself threw what is no std::exception (" + current_exception_type() +
                           "): a failed REQUIRE, or an error that nobody handles");
        }
#else
        static_cast<void>(execution);
        scenario_(world);
        state.finish();
#endif
    }

    const Scenario& scenario_;
    std::size_t maximum_abandoned_;
    RunContext context_{};
    ChoicePath other_path_{};
    ExplorationStats stats_{};
    HistoryChecker checker_{};
    Timeline* timeline_ = nullptr;
    std::vector<std::uint64_t>* steps_ = nullptr;
    std::size_t runs_ = 0;
    std::size_t swallowed_ = 0;
    std::size_t only_unwinding_ = 0;
    std::size_t abandoned_ = 0;
    std::size_t abandoned_before_ = 0;  // by other runners
    std::size_t maybe_abandoned_ = 0;   // so many more, by other runners
    bool abandoned_all_ = true;
    bool is_uncertain_ = false;
    bool only_abandoned_ = false;
    bool ends_unwinding_ = false;
    bool unwound_ = false;  // the last execution ran code of a process that had ended
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
