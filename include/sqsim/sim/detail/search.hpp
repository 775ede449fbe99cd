// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/runner.hpp"
#include "sqsim/sim/explore_options.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// How many deviations of each category a plan may have.
struct Budgets {
    std::array<int, 4> most{};              // by category
    std::array<bool, 4> counts_as_fault{};  // has no budget of its own
    int most_deviations = 1'000'000;        // of all categories together
};

/// Runs every plan within budgets, once, those with fewer deviations first: so the first that fails is minimal. A
/// plan's children have one deviation more, at a choice that its run met after its last one.
class Search {
public:
    Search(Runner& runner, const Budgets& budgets) : runner_{runner}, budgets_{budgets} {}

    /// What ends the search early.
    struct Limits {
        std::size_t runs = unlimited;
        std::function<void(const Progress&)> progress{};
        bool repeats_some = false;  // a hundredth of the plans, to see whether the code is deterministic
    };

    enum class End : std::uint8_t { all_run, failed, limit, differs };

    /// Runs the fault-free plan, then the others.
    End run(const Limits& limits) {
        runner_.chooser().forget_kinds();
        nodes_.assign(1, Node{});
        level_.assign(1, 0);
        while (!level_.empty()) {
            before_level_ = runner_.runs();
            next_.clear();
            for (at_ = 0; at_ < level_.size(); ++at_) {
                if (runner_.runs() >= limits.runs) {
                    return End::limit;
                }
                if (limits.progress && runner_.runs() % 4096 == 4095) {
                    limits.progress(
                        {runner_.runs(), nodes_.size(), static_cast<std::size_t>(nodes_[level_[at_]].size)});
                }
                plan_of(level_[at_], plan_);
                const bool has_children = may_have_children(nodes_[level_[at_]]);
                outcome_ = has_children ? runner_.run_and_remember(plan_) : runner_.run(plan_);
                hash_ = sqsim::detail::mix64(hash_ + outcome_.hash);
                if (!outcome_.violation.empty()) {
                    return End::failed;
                }
                if (has_children) {
                    expand(level_[at_]);
                }
                if (limits.repeats_some && is_to_repeat()) {
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
                const int left_faults = left.size - left.used[preemption];
                const int right_faults = right.size - right.used[preemption];
                return left_faults != right_faults ? left_faults < right_faults : left.mild < right.mild;
            });
            level_.swap(next_);
        }
        return End::all_run;
    }

    /// After a failure: runs the other plans of the same size, at most so many. Calls `visit(plan, outcome)` for each.
    template <class Visit>
    void run_rest_of_level(std::size_t most, Visit visit) {
        for (std::size_t i = at_ + 1; i < level_.size() && most-- > 0; ++i) {
            std::vector<Planned> plan;
            plan_of(level_[i], plan);
            visit(plan, runner_.run_again(plan));
        }
    }

    /// The plan that the search ended at, and what came of it.
    [[nodiscard]] const std::vector<Planned>& plan() const noexcept { return plan_; }
    [[nodiscard]] const Outcome& outcome() const noexcept { return outcome_; }
    [[nodiscard]] std::size_t smaller_plans() const noexcept { return before_level_; }
    [[nodiscard]] std::size_t repeated() const noexcept { return repeated_; }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

    /// Which kinds came up at a place, and which of them were tried there.
    struct Reached {
        std::uint16_t place;
        Fault fault;
        bool tried;
    };
    [[nodiscard]] std::vector<Reached> reached() const {
        std::vector<Reached> result;
        const std::span<const Faults> met = runner_.chooser().kinds();
        for (std::size_t place = 0; place < met.size(); ++place) {
            for (const FaultInfo& kind : fault_table) {
                if (met[place].contains(kind.fault)) {
                    result.push_back({static_cast<std::uint16_t>(place), kind.fault,
                                      place < tried_.size() && tried_[place].contains(kind.fault)});
                }
            }
        }
        return result;
    }

private:
    static constexpr std::size_t preemption = static_cast<std::size_t>(Category::preemption);

    struct Node {
        Planned last{};
        std::uint32_t parent = 0;
        std::uint16_t size = 0;
        std::uint16_t mild = 0;
        std::array<std::uint8_t, 4> used{};  // by category
    };

    void plan_of(std::uint32_t node, std::vector<Planned>& plan) const {
        plan.resize(nodes_[node].size);
        for (std::size_t i = plan.size(); i-- > 0; node = nodes_[node].parent) {
            plan[i] = nodes_[node].last;
        }
    }

    /// Whether a plan may have one more deviation that counts against a category's budget.
    [[nodiscard]] bool fits(const Node& node, std::size_t index) const noexcept {
        if (node.size + 1 > budgets_.most_deviations) {
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
            if (fits(node, i)) {
                return true;
            }
        }
        return false;
    }

    /// Adds the children of a plan that has just been run.
    void expand(std::uint32_t parent) {
        const auto& choices = runner_.chooser().met();
        std::size_t first = choices.size();
        while (first > 0 && choices[first - 1].chosen == 0) {
            --first;
        }
        const Node node = nodes_[parent];
        std::array<bool, 4> fits_category{};
        for (std::size_t i = 0; i < 4; ++i) {
            fits_category[i] = fits(node, i);
        }
        for (std::size_t i = first; i < choices.size(); ++i) {
            for (std::size_t option = 0; option < choices[i].options; ++option) {
                const Planned planned = runner_.chooser().planned(choices[i], option);
                const FaultInfo& kind = info(planned.option.fault);
                const auto category = static_cast<std::size_t>(kind.category);
                // A category of its own counts itself, the rest count as faults.
                const std::size_t counts = budgets_.counts_as_fault[category] ? 0 : category;
                if (!fits_category[counts]) {
                    continue;
                }
                note_tried(planned);
                Node child = node;
                child.last = planned;
                child.parent = parent;
                ++child.size;
                ++child.used[category];
                child.mild = static_cast<std::uint16_t>(child.mild + kind.mild);
                nodes_.push_back(child);
                next_.push_back(static_cast<std::uint32_t>(nodes_.size() - 1));
            }
        }
    }

    void note_tried(const Planned& planned) {
        if (planned.address.place >= tried_.size()) {
            tried_.resize(planned.address.place + std::size_t{1});
        }
        Faults& tried = tried_[planned.address.place];
        tried = tried.with(planned.option.fault);
    }

    [[nodiscard]] bool is_to_repeat() const noexcept {
        return plan_.empty() || sqsim::detail::mix64(runner_.runs()) % 100 == 0;
    }

    Runner& runner_;
    Budgets budgets_;
    std::vector<Node> nodes_{};
    std::vector<std::uint32_t> level_{};
    std::vector<std::uint32_t> next_{};
    std::vector<Planned> plan_{};
    Outcome outcome_{};
    std::vector<Faults> tried_{};  // by place
    std::size_t at_ = 0;
    std::size_t before_level_ = 0;
    std::size_t repeated_ = 0;
    std::uint64_t hash_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
