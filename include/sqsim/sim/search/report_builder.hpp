// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/report_text.hpp"
#include "sqsim/sim/search/explorer.hpp"
#include "sqsim/sim/search/runner.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

// Fills in reports.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

[[nodiscard]] inline int faults_of(std::span<const PackedFault> plan) noexcept {
    return static_cast<int>(std::count_if(plan.begin(), plan.end(), [](const PackedFault& packed) {
        const Category category = info(packed.alternative.fault).category;
        return category != Category::preemption && category != Category::choice;
    }));
}

/// Puts a violating plan into a report, with its timeline. It is replayed for that: a plan that does not fail again is
/// no violation.
inline void report_violation(Report& report, Runner& runner, std::span<const PackedFault> plan,
                             const std::string& problem) {
    report.plan = describe(plan, runner.sites());
    report.token = to_token(report.plan);
    report.faults = faults_of(plan);
    const Outcome again = runner.run_with_timeline(plan, report.timeline);
    report.notes.only_abandoned = runner.only_abandoned();
    if (again.violation != problem) {
        report.verdict = Verdict::nondeterministic;
        report.problem = "plan " + report.token + " failed (" + problem + "), and when it was replayed " +
                         (again.violation.empty() ? std::string{"it did not"} : "otherwise (" + again.violation + ")");
        return;
    }
    report.verdict = Verdict::violated;
    report.problem = problem;
}

/// What the user should know of the executions, whatever came of them.
inline void report_warnings(Report& report, const Runner& runner) {
    Warnings& notes = report.notes;
    notes.swallowed_crashes = runner.swallowed_crashes();
    notes.excused = runner.stats().excused;
    notes.past_retention = runner.stats().past_retention;
    notes.only_unwinding = runner.only_unwinding();
    notes.abandoned = runner.abandoned();
    notes.abandoned_all = runner.abandoned_all();
    notes.reads_clock = runner.stats().reads_clock_without_deadline;
    notes.stray_point = has_stray_point.exchange(false);
    report.warnings = warning_lines(notes);
}

/// A scenario that cannot fail is no proof.
inline void report_vacuity(Report& report, const ExplorationStats& stats) {
    if (report.verdict != Verdict::holds) {
        return;
    }
    if (stats.messages_handled == 0) {
        report.problem = "no consumer ever received a message";
    } else if (stats.expectations == 0) {
        report.problem = "nothing is expected: add expect(), always() or expect_same_as_fault_free()";
    } else if (!stats.without_effect.empty()) {
        report.problem = stats.without_effect + ": nothing took effect in the execution without faults";
    } else {
        for (const auto& [name, held] : stats.sometimes) {
            if (!held) {
                report.problem = "sometimes \"" + name + "\" never held in " + count_text(report.plans, "execution");
                break;
            }
        }
    }
    if (!report.problem.empty()) {
        report.verdict = Verdict::vacuous;
    }
}

/// Names the first step in which two executions of one plan differ.
inline void report_difference(Report& report, Runner& runner, std::span<const PackedFault> plan) {
    std::vector<std::uint64_t> first_steps;
    std::vector<std::uint64_t> second_steps;
    Timeline first;
    Timeline second;
    static_cast<void>(runner.run_with_timeline(plan, first, first_steps));
    static_cast<void>(runner.run_with_timeline(plan, second, second_steps));
    const auto at = std::mismatch(first_steps.begin(), first_steps.end(), second_steps.begin(), second_steps.end());
    report.verdict = Verdict::nondeterministic;
    report.plan = describe(plan, runner.sites());
    report.problem = "plan " + to_token(report.plan) + " gave two histories, which part at step " +
                     std::to_string(at.first - first_steps.begin() + 1);
    const auto [left, right] =
        std::mismatch(first.steps.begin(), first.steps.end(), second.steps.begin(), second.steps.end());
    if (left != first.steps.end() || right != second.steps.end()) {
        const auto text = [](const Timeline& timeline, auto step) {
            return step == timeline.steps.end() ? std::string{"the end"}
                                                : timeline.actors[step->actor] + ": " + step->text;
        };
        report.difference = {"first:  " + text(first, left), "second: " + text(second, right)};
    }
}

/// The faults of a plan that did not come about, as a token.
[[nodiscard]] inline std::string unreached(std::span<const PackedFault> plan, std::span<const PackedFault> taken,
                                           const SiteTable& sites) {
    std::vector<PackedFault> missing;
    for (const PackedFault& packed : plan) {
        if (std::none_of(taken.begin(), taken.end(),
                         [&](const PackedFault& other) { return other.choice == packed.choice; })) {
            missing.push_back(packed);
        }
    }
    return to_token(describe(missing, sites));
}

/// A fault did not come about although an earlier execution reached its site.
inline void report_unreached(Report& report, Runner& runner, std::span<const PackedFault> plan) {
    const std::vector<PackedFault> taken = runner.path().taken();
    report.verdict = Verdict::nondeterministic;
    report.plan = describe(plan, runner.sites());
    report.problem = "plan " + to_token(report.plan) + " never reached " + unreached(plan, taken, runner.sites()) +
                     ", which an earlier execution did";
    static_cast<void>(runner.run_with_timeline(plan, report.timeline));
}

/// A plan did not go well beside those that other threads ran, and does alone.
inline void report_shared_state(Report& report, Runner& runner, std::span<const PackedFault> plan) {
    report.verdict = Verdict::nondeterministic;
    report.plan = describe(plan, runner.sites());
    report.problem = "plan " + to_token(report.plan) +
                     " fails while other threads run plans, and passes alone: executions share state that several "
                     "threads change";
}

/// The kinds of faults that came up, those that did not, and where.
inline void report_coverage(Report& report, const Explorer& explorer, Runner& runner) {
    const auto reached = explorer.reached();
    for (const auto& site : reached) {
        report.coverage.push_back({runner.sites().name(site.site), site.fault, site.tried});
    }
    for (const FaultInfo& kind : fault_table) {
        const bool came_up =
            std::any_of(reached.begin(), reached.end(), [&](const auto& site) { return site.fault == kind.fault; });
        if (kind.fault != Fault::none && kind.fault != Fault::free_choice && kind.fault != Fault::call_fails &&
            runner.settings().offered.contains(kind.fault) && !came_up) {
            report.not_possible.push_back(kind.fault);
        }
    }
}

/// How many more executions an explanation may take: fewer after one that is long, such as an endless loop.
[[nodiscard]] inline std::size_t affordable_runs(std::size_t most, const Report& report) {
    constexpr std::size_t most_steps = 200'000;
    return std::min(most, most_steps / (report.timeline.steps.size() + 1) + 1);
}

/// Finds from which step on the violation was inevitable: after the last choice point at which a sibling of the plan,
/// one with a further choice there, passes.
inline void report_inevitable(Report& report, Runner& runner, std::span<const PackedFault> plan) {
    static_cast<void>(runner.run_with_points(plan));
    const std::size_t most_runs = affordable_runs(500, report);
    struct Sibling {
        PackedFault choice;
        std::uint32_t step;
    };
    std::vector<Sibling> siblings;
    std::size_t last_fault = 0;  // the step in which it happens
    for (const ChoicePath::ChoicePoint& point : runner.path().points()) {
        if (point.chosen != 0) {
            siblings.clear();  // what comes before the last fault of the plan is part of it
            last_fault = point.step;
        }
        for (std::size_t i = 0; point.chosen == 0 && i < point.alternatives; ++i) {
            siblings.push_back({runner.path().packed(point, i), point.step});
        }
    }
    std::vector<PackedFault> sibling{plan.begin(), plan.end()};
    sibling.emplace_back();
    for (std::size_t i = siblings.size(); i-- > 0 && siblings.size() - i <= most_runs;) {
        sibling.back() = siblings[i].choice;
        if (runner.run_again(sibling).violation.empty()) {
            report.inevitable_from = siblings[i].step + std::size_t{1};
            return;
        }
    }
    report.inevitable_from = siblings.size() <= most_runs ? last_fault : 0;
}

/// What else fails as the minimal plan does, and which kinds do not.
inline void report_alike(Report& report, Explorer& explorer, Runner& runner) {
    constexpr std::size_t most_tokens = 4;
    const std::size_t most_runs = affordable_runs(2'000, report);
    const std::vector<PackedFault> minimal = explorer.plan();
    std::array<std::uint8_t, fault_kinds> fate{};  // 1: some plan with it was run, 2: one of them failed
    const auto add = [&](std::span<const PackedFault> plan, bool failed) {
        for (const PackedFault& packed : plan) {
            std::uint8_t& kind = fate[static_cast<std::size_t>(packed.alternative.fault)];
            kind = std::max<std::uint8_t>(kind, failed ? 2 : 1);
        }
    };
    add(minimal, true);
    explorer.run_rest_of_level(most_runs, [&](std::span<const PackedFault> plan, const Outcome& outcome) {
        add(plan, !outcome.violation.empty());
        if (outcome.violation.empty()) {
            return;
        }
        if (report.alike.size() < most_tokens) {
            report.alike.push_back(to_token(describe(plan, runner.sites())));
        } else {
            ++report.more_alike;
        }
    });
    for (std::size_t i = 1; i < fate.size(); ++i) {
        if (fate[i] == 1) {
            report.harmless.push_back(static_cast<Fault>(i));
        }
    }
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
