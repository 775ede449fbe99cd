// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/report_data.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <cstddef>
#include <iosfwd>
#include <string>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// The result of `explore`, `sample`, `replay` and `run_bytes`, for programs and for people.
class Report : public ReportData {
public:
    /// Whether there was no violation, and the executions mean something.
    [[nodiscard]] bool ok() const noexcept { return verdict == Verdict::holds; }
    explicit operator bool() const noexcept { return ok(); }

    [[nodiscard]] std::size_t plans_run() const noexcept { return plans; }

    /// How many faults the smallest violating plan has, preemptions and choices not counted; -1 without a violation.
    [[nodiscard]] int minimal_faults() const noexcept { return faults; }

    /// What went wrong, in a sentence; the same when it is replayed. Empty if nothing did.
    [[nodiscard]] const std::string& violation() const noexcept { return problem; }

    /// Replays the violating plan: up to 80 characters for plans of a few faults. Empty without a violation.
    [[nodiscard]] const std::string& replay_token() const noexcept { return token; }

    /// The report: the guarantee with its counts, or the smallest plan that breaks it, its timeline, and the token.
    [[nodiscard]] std::string to_string() const;

    /// The first line of the report.
    [[nodiscard]] std::string headline() const;
};

template <class Traits>
std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out, const Report& report) {
    return out << report.to_string();
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim

#if !SQSIM_COMPILED_EXPLORE
#    include "sqsim/sim/report_impl.hpp"  // IWYU pragma: export
#endif
