// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/options.hpp"
#include "sqsim/sim/search/runner.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
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
class Explorer {
public:
    Explorer(Runner& runner, const Budgets& budgets) : runner_{runner}, budgets_{budgets} {}

    enum class End : std::uint8_t {
        all_run,
        failed,
        limit,
        differs,       // two executions of a plan do
        not_followed,  // a fault did not come about where an earlier execution reached its site
    };

    /// Runs the fault-free plan, then the others.
    End run(const SearchBounds& bounds) {
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
                plan_of(level_[at_], plan_);
                bool has_children = may_have_children(nodes_[level_[at_]]);
                outcome_ = has_children ? runner_.run_and_remember(plan_) : runner_.run(plan_);
                if (!has_children && runner_.path().reached_free_choice() &&
                    fits(nodes_[level_[at_]], static_cast<std::size_t>(Category::choice))) {
                    has_children = true;
                    outcome_ = runner_.run_and_remember_again(plan_);
                }
                hash_ = sqsim::detail::mix64(hash_ + outcome_.hash);
                if (!outcome_.followed) {
                    return End::not_followed;
                }
                if (!outcome_.violation.empty()) {
                    return End::failed;
                }
                if (has_children) {
                    covered_ += fits(nodes_[level_[at_]], 0) ? runner_.context().covered : 0;
                    expand(level_[at_]);
                }
                if (bounds.repeats_some && is_to_repeat()) {
                    ++repeated_;
                    const std::uint64_t first = outcome_.hash;
                    if (runner_.run_again(plan_).hash != first) {
                        return End::differs;
                    }
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

    [[nodiscard]] bool may_have_children(const Node& node) const noexcept {
        for (std::size_t i = 0; i < node.used.size(); ++i) {
            // Whether there is a choice of the user's own, only an execution tells: most scenarios have none.
            if (i != static_cast<std::size_t>(Category::choice) && fits(node, i)) {
                return true;
            }
        }
        return false;
    }

    /// Adds the children of a plan that has just been run.
    void expand(std::uint32_t parent) {
        const auto& points = runner_.path().points();
        std::size_t first = points.size();
        while (first > 0 && points[first - 1].chosen == 0) {
            --first;
        }
        const Node node = nodes_[parent];
        std::array<bool, categories> fits_category{};
        for (std::size_t i = 0; i < categories; ++i) {
            fits_category[i] = fits(node, i);
        }
        for (std::size_t i = first; i < points.size(); ++i) {
            for (std::size_t alternative = 0; alternative < points[i].alternatives; ++alternative) {
                const PackedFault packed = runner_.path().packed(points[i], alternative);
                const FaultInfo& kind = info(packed.alternative.fault);
                const auto category = static_cast<std::size_t>(kind.category);
                // A category without a budget of its own counts as a fault.
                if (!fits_category[budgets_.counts_as_fault[category] ? 0 : category]) {
                    continue;
                }
                mark_tried(packed);
                Node child = node;
                child.last = packed;
                child.parent = parent;
                ++child.size;
                ++child.used[category];
                child.severity = static_cast<std::uint16_t>(child.severity + kind.severity);
                nodes_.push_back(child);
                next_.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
            }
        }
    }

    void mark_tried(const PackedFault& packed) {
        if (packed.choice.site >= tried_.size()) {
            tried_.resize(packed.choice.site + std::size_t{1});
        }
        Faults& tried = tried_[packed.choice.site];
        tried = tried.with(packed.alternative.fault);
    }

    [[nodiscard]] bool is_to_repeat() const noexcept {
        return plan_.empty() || sqsim::detail::mix64(runner_.runs()) % 100 == 0;
    }

    Runner& runner_;
    Budgets budgets_;
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
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
