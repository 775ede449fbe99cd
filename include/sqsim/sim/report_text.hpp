// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/report_data.hpp"
#include "sqsim/sim/schedule_bound.hpp"
#include "sqsim/sim/timeline_fold.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The words of a report.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

/// "1 fault", "2 faults".
[[nodiscard]] inline std::string count_text(std::size_t count, std::string_view noun, std::string_view plural = {}) {
    std::string text = std::to_string(count) + " ";
    if (count == 1 || plural.empty()) {
        text += noun;
        return count == 1 ? text : text + "s";
    }
    text += plural;
    return text;
}

/// Appends a word to a list of words.
inline void append_word(std::string& list, std::string_view word) {
    list += list.empty() ? "" : ", ";
    list += word;
}

/// "2 faults and 1 preemption".
[[nodiscard]] inline std::string size_text(const FaultPlan& plan, int faults) {
    const auto choices =
        static_cast<std::size_t>(std::count_if(plan.begin(), plan.end(), [](const PlannedFault& planned) {
            return planned.fault.starts_with(choice_prefix);
        }));
    const auto count = static_cast<std::size_t>(std::max(faults, 0));
    const std::size_t preemptions = plan.size() - std::min(plan.size(), count + choices);
    std::string text = count != 0 || plan.empty() ? count_text(count, "fault") : std::string{};
    for (const auto& [number, noun] : {std::pair{preemptions, "preemption"}, std::pair{choices, "choice"}}) {
        if (number != 0) {
            text += (text.empty() ? "" : " and ") + count_text(number, noun);
        }
    }
    return text;
}

/// "2 faults and 1 preemption", of an exploration.
[[nodiscard]] inline std::string budget_text(const BudgetsReport& budgets) {
    const auto part = [](int count, std::string_view noun, std::string_view plural = {}) {
        return count_text(static_cast<std::size_t>(std::max(count, 0)), noun, plural);
    };
    std::string text = part(budgets.faults, "fault");
    if (budgets.reorders) {
        text += ", " + part(*budgets.reorders, "reordering");
    }
    if (budgets.misses) {
        text += ", " + part(*budgets.misses, "miss", "misses");
    }
    if (budgets.choices) {
        text += ", " + part(*budgets.choices, "choice");
    }
    return text + " and " + part(budgets.preemptions, "preemption");
}

[[nodiscard]] inline std::string proof_text(const ReportData& report) {
    const Minimality& minimality = report.minimality;
    switch (minimality.proof) {
    case Minimality::Proof::none:
        return "whether a smaller one exists was not searched to the end";
    case Minimality::Proof::empty_plan:
        return "nothing is smaller";
    case Minimality::Proof::smaller_pass:
        break;
    }
    return minimality.smaller_plans == 1 ? "the fault-free plan passes"
                                         : "all " + std::to_string(minimality.smaller_plans) + " smaller plans pass";
}

/// What a report says of its plan, or of its plans.
[[nodiscard]] inline std::vector<std::string> plan_lines(const ReportData& report) {
    if (report.verdict == Verdict::nondeterministic) {
        std::vector<std::string> lines = report.difference;
        lines.push_back("usual causes: unordered containers, pointers as keys, a real clock, random numbers, threads, "
                        "and statics that one execution leaves behind for the next");
        return lines;
    }
    if (report.verdict == Verdict::stale_token || report.verdict == Verdict::incomplete ||
        report.verdict == Verdict::out_of_memory) {
        return {};
    }
    if (report.verdict == Verdict::violated) {
        const std::string size = size_text(report.plan, report.faults);
        const Minimality& minimality = report.minimality;
        if (report.method == ReportData::Method::replay) {
            return {"replayed: " + size};
        }
        if (minimality.shrunk_from) {
            return {"minimal plan: " + size + " (" + proof_text(report) + "), shrunk from " +
                    count_text(*minimality.shrunk_from, "fault") + " in " +
                    count_text(minimality.shrink_runs, "execution")};
        }
        return {"minimal plan: " + size + " (" + proof_text(report) + "); found after " +
                count_text(minimality.found_after, "execution")};
    }
    switch (report.method) {
    case ReportData::Method::explore:
        return {"every plan with up to " + budget_text(report.budgets) +
                " was run: " + count_text(report.plans, "plan") +
                (report.covered != 0 ? ", at least " + std::to_string(report.covered) + " more covered by them"
                                     : std::string{}) +
                ", 0 violations"};
    case ReportData::Method::sample: {
        std::vector<std::string> lines{
            count_text(report.plans - std::min<std::size_t>(report.plans, 1), "random plan") + " with seed " +
            std::to_string(report.seed) +
            " were run, 0 violations; faults in all: " + std::to_string(report.total_faults)};
        if (report.schedules) {
            lines.push_back(schedule_text(*report.schedules));
        }
        lines.push_back("a sample is no proof: what needs a rare combination may be missed");
        return lines;
    }
    case ReportData::Method::replay:
        return {"the plan " + report.token + " no longer violates anything"};
    case ReportData::Method::bytes:
        return {"one execution with " + count_text(report.total_faults, "fault") + ", no violation"};
    }
    return {};
}

[[nodiscard]] inline std::string coverage_line(const ReportData& report) {
    std::string absent;
    std::vector<std::string_view> known;  // some words serve several kinds
    for (const SiteCoverage& site : report.coverage) {
        known.push_back(info(site.fault).word);
    }
    for (const Fault fault : report.not_possible) {
        const std::string_view word = info(fault).word;
        if (std::find(known.begin(), known.end(), word) == known.end()) {
            append_word(absent, word);
            known.push_back(word);
        }
    }
    std::string untried;
    std::size_t tried = 0;
    for (const SiteCoverage& site : report.coverage) {
        tried += site.tried ? 1U : 0U;
        if (!site.tried) {
            append_word(untried, std::string{info(site.fault).word} + "@" + site.site);
        }
    }
    return std::to_string(tried) + " of " + std::to_string(report.coverage.size()) + " fault sites tried" +
           (untried.empty() ? "" : "; not tried: " + untried) +
           (absent.empty() ? "" : "; not possible here: " + absent);
}

[[nodiscard]] inline std::vector<std::string> warning_lines(const Warnings& notes) {
    std::vector<std::string> lines;
    if (notes.swallowed_crashes != 0) {
        lines.push_back("a crash was swallowed by a catch (...) in " +
                        count_text(notes.swallowed_crashes, "execution") +
                        ", which were repeated without unwinding: let sim::Crash pass, or explore with "
                        "CrashMode::abandon");
    }
    if (notes.excused != 0) {
        lines.push_back(count_text(notes.excused, "good dead letter") + " in all executions " +
                        (notes.excused == 1 ? "is" : "are") +
                        " excused: faults cost the message all the receives that it had");
    }
    if (notes.past_retention != 0) {
        lines.push_back(
            count_text(notes.past_retention, "execution") + " " + (notes.past_retention == 1 ? "is" : "are") +
            " not judged: faults took longer than the retention of a message, which the service loses then");
    }
    if (notes.only_unwinding != 0) {
        lines.push_back(
            count_text(notes.only_unwinding, "plan") +
            " with a crash fail only because code of the consumer runs while its stack unwinds, as it would "
            "not when a process ends: they do not count");
    }
    if (notes.only_abandoned) {
        lines.push_back("the violation shows only where no destructor runs, as when a process ends: a destructor hides "
                        "it while the stack unwinds");
    }
    if (!notes.abandoned_all) {
        lines.push_back("the first " + std::to_string(notes.abandoned) +
                        " plans with a crash were run in both crash modes, the others while unwinding only");
    }
    if (notes.reads_clock) {
        lines.push_back("the code reads the world's clock: if it compares times, as the expiry of a lock or of a "
                        "deduplication record, name them with sim::deadline, so that stalls and outages aim at them");
    }
    if (notes.stray_point) {
        lines.push_back(
            "code of another thread reached a point: nothing happens there, use actors of the world instead "
            "of threads");
    }
    return lines;
}

/// What follows the timeline.
[[nodiscard]] inline std::vector<std::string> closing_lines(const ReportData& report) {
    std::vector<std::string> lines;
    if (report.verdict == Verdict::violated) {
        if (report.inevitable_from != 0 && report.inevitable_from <= report.timeline.steps.size()) {
            const TimelineStep& step = report.timeline.steps[report.inevitable_from - 1];
            lines.push_back("inevitable from here on: " + instant_text(step.at) + " " +
                            actor_name(report.timeline, step.actor) + ": " + printable(step.text));
        }
        lines.push_back("replay:   " + report.token);
        std::string alike;
        for (const std::string& token : report.alike) {
            append_word(alike, token);
        }
        if (!alike.empty()) {
            lines.push_back("also fails with: " + alike +
                            (report.more_alike != 0 ? " and " + std::to_string(report.more_alike) + " more" : ""));
        }
        std::string harmless;
        for (const Fault fault : report.harmless) {
            append_word(harmless, info(fault).word);
        }
        if (!harmless.empty()) {
            lines.push_back("not with: " + harmless);
        }
    } else if (report.method == ReportData::Method::explore && !report.coverage.empty()) {
        lines.push_back(coverage_line(report));
        lines.push_back("run twice with equal histories: " + std::to_string(report.repeated) + " of " +
                        std::to_string(report.plans) + "; every history kept the contract of the service");
    }
    for (const std::string& warning : report.warnings) {
        lines.push_back("note: " + warning);
    }
    return lines;
}

/// The first line of a report.
[[nodiscard]] inline std::string headline(const ReportData& report) {
    const std::string subject = report.name.empty() ? std::string{"the scenario"} : report.name;
    switch (report.verdict) {
    case Verdict::holds:
        return "HOLDS " + subject;
    case Verdict::violated:
        return "FAILED " + subject + ": " + report.problem;
    case Verdict::vacuous:
        return "VACUOUS " + subject + ": " + report.problem;
    case Verdict::stale_token:
        return "STALE TOKEN " + subject + ": " + report.problem;
    case Verdict::nondeterministic:
        return "NOT DETERMINISTIC " + subject + ": " + report.problem;
    case Verdict::incomplete:
        return "NOT COMPLETE " + subject + ": " + report.problem;
    case Verdict::out_of_memory:
        return "OUT OF MEMORY " + subject + ": " + report.problem;
    }
    return {};
}

[[nodiscard]] inline std::string report_text(const ReportData& report) {
    constexpr std::size_t most_steps = 80;
    std::string text = headline(report) + "\n";
    for (const std::string& line : plan_lines(report)) {
        text += line + "\n";
    }
    if (!report.timeline.steps.empty()) {
        text += "\n" + to_text(TimelineFold::fold(report.timeline, most_steps)) + "\n";
    }
    for (const std::string& line : closing_lines(report)) {
        text += line + "\n";
    }
    return text;
}

}  // namespace detail
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
