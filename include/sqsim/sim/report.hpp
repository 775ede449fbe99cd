// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/plan.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// What came of an exploration.
enum class Verdict : std::uint8_t {
    holds,             ///< every run kept every expectation
    violated,          ///< one did not
    proves_nothing,    ///< no violation, but nothing that could have shown one either
    stale_token,       ///< a deviation of the token never came about
    nondeterministic,  ///< the same plan gave two histories
    incomplete,        ///< stopped at `maximum_plans`, without a violation so far
};

/// The result of `explore`, `sample`, `replay` and `run_bytes`, for programs and for people.
class Report {
public:
    /// Whether there was no violation, and the runs mean something.
    [[nodiscard]] bool ok() const noexcept { return verdict == Verdict::holds; }
    explicit operator bool() const noexcept { return ok(); }

    [[nodiscard]] std::size_t plans_run() const noexcept { return plans; }

    /// How many faults the smallest violating plan has, preemptions not counted; -1 without a violation.
    [[nodiscard]] int minimal_faults() const noexcept { return faults; }

    /// What went wrong, in a sentence; the same when it is replayed. Empty if nothing did.
    [[nodiscard]] const std::string& violation() const noexcept { return problem; }

    /// Replays the violating plan: at most 80 characters for plans of a few faults. Empty without a violation.
    [[nodiscard]] const std::string& replay_token() const noexcept { return token; }

    /// The report: the guarantee with its counts, or the smallest plan that breaks it, its story, and the token.
    [[nodiscard]] std::string to_string() const {
        std::string text = headline() + "\n";
        for (const std::string& line : before_story) {
            text += line + "\n";
        }
        if (!timeline.steps.empty()) {
            text += "\n" + to_text(shortened()) + "\n";
        }
        for (const std::string& line : after_story) {
            text += line + "\n";
        }
        return text;
    }

    /// The story without its middle, if it is too long to read.
    [[nodiscard]] Timeline shortened() const {
        constexpr std::size_t first = 60;
        constexpr std::size_t last = 20;
        Timeline shorter = timeline;
        if (shorter.steps.size() > first + last + 1) {
            const auto end = shorter.steps.end() - static_cast<std::ptrdiff_t>(last);
            TimelineStep gap;
            gap.at = gap.until = shorter.steps[first].at;
            gap.kind = TimelineStep::Kind::life;
            gap.text = "... " + std::to_string(timeline.steps.size() - first - last) + " steps left out ...";
            shorter.steps.insert(shorter.steps.erase(shorter.steps.begin() + static_cast<std::ptrdiff_t>(first), end),
                                 gap);
        }
        return shorter;
    }

    /// The first line of the report.
    [[nodiscard]] std::string headline() const {
        const std::string subject = name.empty() ? std::string{"the scenario"} : name;
        switch (verdict) {
        case Verdict::holds:
            return "HOLDS " + subject;
        case Verdict::violated:
            return "FAILED " + subject + ": " + problem;
        case Verdict::proves_nothing:
            return "PROVES NOTHING " + subject + ": " + problem;
        case Verdict::stale_token:
            return "STALE TOKEN " + subject + ": " + problem;
        case Verdict::nondeterministic:
            return "NOT DETERMINISTIC " + subject + ": " + problem;
        case Verdict::incomplete:
            return "NOT COMPLETE " + subject + ": " + problem;
        }
        return {};
    }

    // The parts, for tools.

    std::string name{};
    Verdict verdict = Verdict::holds;
    std::string problem{};
    Plan plan{};  // the smallest violating one
    std::string token{};
    int faults = -1;
    std::size_t plans = 0;
    std::size_t shrink_runs = 0;     // to make a plan found at random smaller
    std::uint64_t history_hash = 0;  // of all runs: the same on every compiler
    Timeline timeline{};             // of the violating plan
    std::vector<std::string> before_story{};
    std::vector<std::string> after_story{};
    std::vector<std::string> warnings{};  // what the user should know of the runs; also part of the text
};

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Report& report) {
    return out << report.to_string();
}

}  // namespace sqsim::inline SQSIM_ABI::sim
