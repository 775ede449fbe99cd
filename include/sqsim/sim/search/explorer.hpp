// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/options.hpp"
#include "sqsim/sim/search/plan_step.hpp"
#include "sqsim/sim/search/plan_workers.hpp"
#include "sqsim/sim/search/runner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// How many faults of each category a plan may have.
struct Budgets {
    std::array<int, categories> most{};              // by category
    std::array<bool, categories> counts_as_fault{};  // has no budget of its own
    int most_faults = 1'000'000;                     // of all categories together
};

[[nodiscard]] inline Budgets budgets_of(const ExploreOptions& options) {
    Budgets budgets;
    budgets.most = {options.faults, options.preemptions, options.reorders.value_or(0), options.misses.value_or(0),
                    options.choices.value_or(1'000'000)};
    budgets.counts_as_fault = {false, false, !options.reorders, !options.misses, false};
    return budgets;
}

/// What ends an exploration early.
struct SearchBounds {
    std::size_t runs = unlimited;
    Nanos end = sqsim::detail::never;  // in real time
    std::function<void(const Progress&)> progress{};
    bool repeats_some = false;  // a hundredth of the plans, to see whether the code is deterministic
};

/// Runs every plan within budgets, once, those with fewer faults first: so the first that fails is minimal. A plan's
/// children have one fault more, at a choice point that its execution reached after its last one.
///
/// With workers, these run plans ahead. Their results are taken in the order of the plans, so the exploration is the
/// same, and what they ran too much counts for nothing.
class Explorer {
public:
    /// The workers, if there are any, stay where they are.
    Explorer(Runner& runner, const Budgets& budgets, PlanWorkers* workers = nullptr)
        : runner_{runner}, budgets_{budgets}, workers_{workers != nullptr && workers->threads() > 1 ? workers
                                                                                                    : nullptr} {}

    enum class End : std::uint8_t {
        all_run,
        failed,
        limit,
        differs,       // two executions of a plan do
        not_followed,  // a fault did not come about where an earlier execution reached its site
        shares_state,  // a plan fails beside others, and passes alone
    };

    /// Runs the fault-free plan, then the others.
    End run(const SearchBounds& bounds) {
        const End end = search(bounds);
        if (workers_ != nullptr) {
            workers_->stop();
        }
        return end;
    }

    /// After a failure: runs the other plans of the same size, up to `most`. Calls `visit(plan, outcome)` for each.
    template <class Visit>
    void run_rest_of_level(std::size_t most, Visit visit) {
        for (std::size_t i = at_ + 1; i < level_.size() && most-- > 0; ++i) {
            std::vector<PackedFault> plan;
            plan_of(level_[i], plan);
            visit(plan, runner_.run_again(plan));
        }
    }

    /// The plan that the exploration ended at, and what came of it.
    [[nodiscard]] const std::vector<PackedFault>& plan() const noexcept { return plan_; }
    [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
    [[nodiscard]] std::size_t smaller_plans() const noexcept { return before_level_; }
    [[nodiscard]] std::size_t repeated() const noexcept { return repeated_; }
    /// How many plans need not be run because others cover them, not counting the plans that would follow from those.
    [[nodiscard]] std::size_t covered() const noexcept { return covered_; }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

    /// Which kinds came up at a site, and which of them were tried there.
    struct Reached {
        SiteNumber site;
        Fault fault;
        bool tried;
    };
    [[nodiscard]] std::vector<Reached> reached() const {
        std::vector<Reached> result;
        const std::span<const Faults> kinds = runner_.path().kinds();
        for (std::size_t site = 0; site < kinds.size(); ++site) {
            for (const FaultInfo& kind : fault_table) {
                if (kinds[site].contains(kind.fault)) {
                    result.push_back({static_cast<SiteNumber>(site), kind.fault,
                                      site < tried_.size() && tried_[site].contains(kind.fault)});
                }
            }
        }
        return result;
    }

private:
    [[nodiscard]] End search(const SearchBounds& bounds) {
        runner_.path().forget_kinds();
        nodes_.assign(1, Node{});
        level_.assign(1, 0);
        while (!level_.empty()) {
            before_level_ = runner_.runs();
            next_.clear();
            for (at_ = 0; at_ < level_.size(); ++at_) {
                if (runner_.runs() >= bounds.runs || is_time_over(bounds)) {
                    return End::limit;
                }
                if (bounds.progress && runner_.runs() % 4096 == 4095) {
                    bounds.progress(
                        {runner_.runs(), nodes_.size(), static_cast<std::size_t>(nodes_[level_[at_]].size)});
                }
                const PlanResult* const result = next_result(bounds);
                if (result != nullptr && result->kind == PlanResult::Kind::passed) {
                    merge(*result);
                    continue;
                }
                const bool is_alarm = result != nullptr && result->kind == PlanResult::Kind::alarmed;
                if (is_alarm) {
                    workers_->stop();  // nothing is to run beside it
                }
                plan_of(level_[at_], plan_);
                if (const auto end = run_here(bounds)) {
                    return *end;
                }
                if (is_alarm) {
                    return End::shares_state;
                }
            }
            std::stable_sort(next_.begin(), next_.end(), [this](std::uint32_t a, std::uint32_t b) {
                const Node& left = nodes_[a];
                const Node& right = nodes_[b];
                return std::pair{left.faults(), left.severity} < std::pair{right.faults(), right.severity};
            });
            level_.swap(next_);
        }
        return End::all_run;
    }

    /// Runs the plan and adds its children. Returns what ends the exploration, if anything does.
    [[nodiscard]] std::optional<End> run_here(const SearchBounds& bounds) {
        const Room room = room_of(nodes_[level_[at_]]);
        const bool has_children = run_to_extend(runner_, plan_, room, outcome_);
        hash_ = sqsim::detail::mix64(hash_ + outcome_.hash);
        if (!outcome_.followed) {
            return End::not_followed;
        }
        if (!outcome_.violation.empty()) {
            return End::failed;
        }
        if (has_children) {
            covered_ += room.for_fault ? runner_.context().covered : 0;
            visit_children(runner_.path(), room, [this](const PackedFault& packed) { add_child(level_[at_], packed); });
        }
        if (is_to_repeat(bounds, runner_.runs())) {
            ++repeated_;
            const std::uint64_t first = outcome_.hash;
            if (runner_.run_again(plan_).hash != first) {
                return End::differs;
            }
        }
        return std::nullopt;
    }

    struct Node {
        PackedFault last{};
        std::uint32_t parent = 0;
        std::uint16_t size = 0;
        std::uint16_t severity = 0;
        std::array<std::uint8_t, categories> used{};  // by category

        [[nodiscard]] int faults() const noexcept {
            return size - used[static_cast<std::size_t>(Category::preemption)] -
                   used[static_cast<std::size_t>(Category::choice)];
        }
    };

    [[nodiscard]] bool is_time_over(const SearchBounds& bounds) const {
        return bounds.end != sqsim::detail::never && runner_.runs() % 16 == 0 &&
               sqsim::detail::real_time() >= bounds.end;
    }

    void plan_of(std::uint32_t node, std::vector<PackedFault>& plan) const {
        plan.resize(nodes_[node].size);
        for (std::size_t i = plan.size(); i-- > 0; node = nodes_[node].parent) {
            plan[i] = nodes_[node].last;
        }
    }

    /// Whether a plan may have one more fault that counts against a category's budget.
    [[nodiscard]] bool fits(const Node& node, std::size_t index) const noexcept {
        if (node.size + 1 > budgets_.most_faults) {
            return false;
        }
        int used = node.used[index];
        for (std::size_t i = 1; index == 0 && i < node.used.size(); ++i) {
            used += budgets_.counts_as_fault[i] ? node.used[i] : 0;
        }
        return used + 1 <= budgets_.most[index];
    }

    [[nodiscard]] Room room_of(const Node& node) const noexcept {
        Room room;
        room.for_fault = fits(node, 0);
        room.for_choice = fits(node, static_cast<std::size_t>(Category::choice));
        for (std::size_t i = 0; i < categories; ++i) {
            room.for_some = room.for_some || (i != static_cast<std::size_t>(Category::choice) && fits(node, i));
            // A category without a budget of its own counts as a fault.
            const bool fits_category = budgets_.counts_as_fault[i] ? room.for_fault : fits(node, i);
            room.categories = static_cast<std::uint8_t>(room.categories | (fits_category ? 1U << i : 0U));
        }
        return room;
    }

    /// Adds the child of a plan that has this more.
    void add_child(std::uint32_t parent, const PackedFault& packed) {
        mark_tried(packed);
        const FaultInfo& kind = info(packed.alternative.fault);
        Node child = nodes_[parent];
        child.last = packed;
        child.parent = parent;
        ++child.size;
        ++child.used[static_cast<std::size_t>(kind.category)];
        child.severity = static_cast<std::uint16_t>(child.severity + kind.severity);
        nodes_.push_back(child);
        next_.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
    }

    void mark_tried(const PackedFault& packed) {
        if (packed.choice.site >= tried_.size()) {
            tried_.resize(packed.choice.site + std::size_t{1});
        }
        Faults& tried = tried_[packed.choice.site];
        tried = tried.with(packed.alternative.fault);
    }

    /// Whether the plan that is the `run`-th to be run is to be run twice.
    [[nodiscard]] static bool is_to_repeat(const SearchBounds& bounds, std::size_t run) noexcept {
        return bounds.repeats_some && (run == 1 || sqsim::detail::mix64(run) % 100 == 0);
    }

    // The plans that workers run.

    /// What a worker made of the next plan of the level; null if it is to be run here.
    [[nodiscard]] const PlanResult* next_result(const SearchBounds& bounds) {
        if (workers_ == nullptr || level_.size() < 2) {
            return nullptr;
        }
        if (at_ == 0) {
            added_ = 0;
            batch_.reset();
        }
        if (batch_ == nullptr || at_ == batch_begin_ + batch_->tasks.size()) {
            add_batches(bounds);
            batch_ = workers_->take();
            batch_begin_ = at_;
        }
        return &batch_->results[at_ - batch_begin_];
    }

    /// Makes batches of the plans to come, as many as keep the workers busy.
    void add_batches(const SearchBounds& bounds) {
        constexpr std::size_t most_plans = 16;
        constexpr std::size_t batches_per_thread = 4;
        const std::size_t threads = workers_->threads();
        const std::size_t plans =
            std::clamp<std::size_t>(level_.size() / (threads * 2 * batches_per_thread), 1, most_plans);
        const std::size_t end = std::min(level_.size(), bounds.runs - before_level_);
        while (added_ < end && workers_->batches() < threads * batches_per_thread) {
            auto batch = std::make_unique<PlanBatch>();
            const std::size_t batch_end = std::min(end, added_ + plans);
            const std::size_t abandoned = runner_.abandoned();
            batch->plan_size = nodes_[level_[added_]].size;
            batch->abandoned = {abandoned, abandoned + (added_ - at_) * PlanWorker::most_abandoned_of_plan};
            for (; added_ < batch_end; ++added_) {
                const std::uint32_t node = level_[added_];
                plan_of(node, plan_);
                batch->faults.insert(batch->faults.end(), plan_.begin(), plan_.end());
                batch->tasks.push_back({room_of(nodes_[node]), is_to_repeat(bounds, before_level_ + added_ + 1)});
            }
            workers_->add(std::move(batch));
        }
    }

    /// Takes over what a worker made of a plan that passed.
    void merge(const PlanResult& result) {
        const std::size_t index = at_ - batch_begin_;
        runner_.add_plan(result.counts);
        hash_ = sqsim::detail::mix64(hash_ + result.hash);
        covered_ += result.covered;
        const std::size_t first = index == 0 ? 0 : batch_->results[index - 1].children_end;
        for (std::size_t i = first; i < result.children_end; ++i) {
            add_child(level_[at_], batch_->children[i]);
        }
        repeated_ += batch_->tasks[index].is_repeated ? 1U : 0U;
    }

    Runner& runner_;
    Budgets budgets_;
    PlanWorkers* workers_;
    std::vector<Node> nodes_{};
    std::vector<std::uint32_t> level_{};
    std::vector<std::uint32_t> next_{};
    std::vector<PackedFault> plan_{};
    Outcome outcome_{};
    std::vector<Faults> tried_{};  // by site
    std::size_t at_ = 0;
    std::size_t before_level_ = 0;
    std::size_t repeated_ = 0;
    std::size_t covered_ = 0;
    std::uint64_t hash_ = 0;
    std::size_t added_ = 0;               // plans of the level that are in batches
    std::unique_ptr<PlanBatch> batch_{};  // the one that results are taken from
    std::size_t batch_begin_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
