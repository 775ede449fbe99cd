// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/runner.hpp"
#include "sqsim/sim/detail/search.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/plan.hpp"
#include "sqsim/sim/report.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// "1 fault", "2 faults".
[[nodiscard]] inline std::string count_text(std::size_t count, std::string_view noun) {
    return std::to_string(count) + " " + std::string{noun} + (count == 1 ? "" : "s");
}

/// Appends a word to a list of words.
inline void append_word(std::string& list, std::string_view word) {
    list += list.empty() ? "" : ", ";
    list += word;
}

[[nodiscard]] inline int faults_of(std::span<const Planned> plan) noexcept {
    return static_cast<int>(std::count_if(plan.begin(), plan.end(), [](const Planned& planned) {
        return info(planned.option.fault).category != Category::preemption;
    }));
}

/// "2 faults and 1 preemption".
[[nodiscard]] inline std::string size_text(std::span<const Planned> plan) {
    const auto faults = static_cast<std::size_t>(faults_of(plan));
    const std::size_t preemptions = plan.size() - faults;
    std::string text = faults != 0 || preemptions == 0 ? count_text(faults, "fault") : std::string{};
    if (preemptions != 0) {
        text += (text.empty() ? "" : " and ") + count_text(preemptions, "preemption");
    }
    return text;
}

/// Puts a violating plan into a report, with its story.
inline void report_violation(Report& report, Runner& runner, std::span<const Planned> plan,
                             const std::string& problem) {
    report.verdict = Verdict::violated;
    report.problem = problem;
    report.plan = describe(plan, runner.workshop().places);
    report.token = to_token(report.plan);
    report.faults = faults_of(plan);
    static_cast<void>(runner.tell(plan, report.timeline));
}

/// What the user should know of the runs, whatever came of them.
inline void report_warnings(Report& report, const Runner& runner) {
    if (runner.swallowed_crashes() != 0) {
        report.warnings.push_back(
            "a crash was swallowed by a catch (...) in " + count_text(runner.swallowed_crashes(), "run") +
            ", which were repeated without unwinding: let sim::Crash pass, or explore with CrashMode::abandon");
    }
    if (const std::size_t excused = runner.notes().excused; excused != 0) {
        report.warnings.push_back("in " + count_text(excused, "run") +
                                  " the faults themselves spent all attempts of a message: its dead letter is excused");
    }
    for (const std::string& warning : report.warnings) {
        report.after_story.push_back("note: " + warning);
    }
}

/// A scenario that cannot fail is no proof, and says so.
inline void report_vacuity(Report& report, const Notes& notes) {
    if (report.verdict != Verdict::holds) {
        return;
    }
    if (notes.messages_handled == 0) {
        report.problem = "no consumer ever received a message";
    } else if (notes.expectations == 0) {
        report.problem = "nothing is expected: add expect(), always() or expect_same_as_fault_free()";
    } else {
        for (const auto& [name, held] : notes.sometimes) {
            if (!held) {
                report.problem = "sometimes \"" + name + "\" never held in " + count_text(report.plans, "run");
                break;
            }
        }
    }
    if (!report.problem.empty()) {
        report.verdict = Verdict::proves_nothing;
    }
}

/// Names the first step in which two runs of one plan differ.
inline void report_difference(Report& report, Runner& runner, std::span<const Planned> plan) {
    std::vector<std::uint64_t> first_steps;
    std::vector<std::uint64_t> second_steps;
    Timeline first;
    Timeline second;
    static_cast<void>(runner.tell(plan, first, first_steps));
    static_cast<void>(runner.tell(plan, second, second_steps));
    const auto [a, b] = std::mismatch(first_steps.begin(), first_steps.end(), second_steps.begin(), second_steps.end());
    static_cast<void>(b);
    report.verdict = Verdict::nondeterministic;
    report.plan = describe(plan, runner.workshop().places);
    report.problem = "plan " + to_token(report.plan) + " gave two histories, which part at step " +
                     std::to_string(a - first_steps.begin() + 1);
    const auto [left, right] =
        std::mismatch(first.steps.begin(), first.steps.end(), second.steps.begin(), second.steps.end());
    if (left != first.steps.end() || right != second.steps.end()) {
        const auto text = [](const Timeline& timeline, auto step) {
            return step == timeline.steps.end() ? std::string{"the end"}
                                                : timeline.actors[step->actor] + ": " + step->text;
        };
        report.before_story.push_back("first:  " + text(first, left));
        report.before_story.push_back("second: " + text(second, right));
    }
    report.before_story.push_back(
        "usual causes: unordered containers, pointers as keys, a real clock, random numbers, threads, and statics "
        "that one run leaves behind for the next");
}

/// The kinds of faults that came up, that did not, and where.
inline void report_coverage(Report& report, const Search& search, const Settings& settings) {
    const auto reached = search.reached();
    const auto tried = std::count_if(reached.begin(), reached.end(), [](const auto& site) { return site.tried; });
    std::string absent;
    for (const FaultInfo& kind : fault_table) {
        const bool came_up =
            std::any_of(reached.begin(), reached.end(), [&](const auto& site) { return site.fault == kind.fault; });
        if (kind.fault != Fault::none && settings.offered.contains(kind.fault) && !came_up &&
            !absent.ends_with(kind.site)) {
            absent += " " + std::string{kind.site};
        }
    }
    report.after_story.push_back(
        std::to_string(tried) + " of " + std::to_string(reached.size()) +
        " fault sites tried; kinds that no call of this scenario allows:" + (absent.empty() ? " none" : absent));
}

/// What else fails as the minimal plan does, and which kinds do not.
inline void report_alike(Report& report, Search& search, Runner& runner) {
    constexpr std::size_t most_runs = 2'000;
    constexpr std::size_t most_tokens = 4;
    const std::vector<Planned> minimal = search.plan();
    std::array<std::uint8_t, fault_kinds> fate{};  // 1: some plan with it was run, 2: one of them failed
    std::string tokens;
    std::size_t alike = 0;
    const auto note = [&](std::span<const Planned> plan, bool failed) {
        for (const Planned& planned : plan) {
            std::uint8_t& kind = fate[static_cast<std::size_t>(planned.option.fault)];
            kind = std::max<std::uint8_t>(kind, failed ? 2 : 1);
        }
    };
    note(minimal, true);
    search.run_rest_of_level(most_runs, [&](std::span<const Planned> plan, const Outcome& outcome) {
        note(plan, !outcome.violation.empty());
        if (!outcome.violation.empty() && ++alike <= most_tokens) {
            append_word(tokens, to_token(describe(plan, runner.workshop().places)));
        }
    });
    if (alike != 0) {
        report.after_story.push_back(
            "also fails with: " + tokens +
            (alike > most_tokens ? " and " + std::to_string(alike - most_tokens) + " more" : ""));
    }
    std::string harmless;
    for (std::size_t i = 1; i < fate.size(); ++i) {
        if (fate[i] == 1) {
            append_word(harmless, std::string{fault_table[i].site} + " " + std::string{fault_table[i].word});
        }
    }
    if (!harmless.empty()) {
        report.after_story.push_back("not with: " + harmless);
    }
}

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
