// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/schedule_bound.hpp"
#include "sqsim/sim/timeline.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// What came of an exploration.
enum class Verdict : std::uint8_t {
    holds,                     ///< every execution kept every expectation
    violated,                  ///< one did not
    vacuous,                   ///< no violation, but nothing that could have shown one either
    stale_token,               ///< a fault of the token never came about
    nondeterministic,          ///< the same plan gave two histories
    incomplete,                ///< stopped at a limit, without a violation so far
    out_of_memory,             ///< stopped by a `std::bad_alloc`, of sqsim or of the code: says nothing of the code
    proves_nothing = vacuous,  ///< the earlier name, for one release
};

/// The budgets of an exploration. Absent ones count as faults, or are unlimited for choices.
struct BudgetsReport {
    int faults = 0;
    int preemptions = 0;
    std::optional<int> reorders{};
    std::optional<int> misses{};
    std::optional<int> choices{};
};

/// A kind of fault that came up at a site.
struct SiteCoverage {
    std::string site{};
    Fault fault = Fault::none;
    bool tried = false;
};

/// How the plan of a report was found, and what is known to be smaller.
struct Minimality {
    enum class Proof : std::uint8_t {
        none,          ///< whether a smaller plan exists was not searched to the end
        smaller_pass,  ///< all smaller plans were run, and pass
        empty_plan,    ///< nothing is smaller
    };
    Proof proof = Proof::none;
    std::size_t smaller_plans = 0;
    std::size_t found_after = 0;               // executions
    std::optional<std::size_t> shrunk_from{};  // faults of the random plan that was made smaller
    std::size_t shrink_runs = 0;
};

/// What the user should know of the executions, whatever came of them.
struct Warnings {
    std::size_t swallowed_crashes = 0;  // executions in which a crash was swallowed
    std::size_t excused = 0;            // good dead letters that faults account for
    std::size_t past_retention = 0;     // executions not judged, for faults took longer than a retention
    std::size_t only_unwinding = 0;     // plans that fail only because code runs while the stack unwinds
    bool only_abandoned = false;        // the violation shows only when no destructor runs
    std::size_t abandoned = 0;          // plans that were run in both crash modes
    bool abandoned_all = true;          // all plans with a crash were
    bool reads_clock = false;           // the code reads the clock, and names no deadline of its own
    bool stray_point = false;           // code of another thread reached a point
};

/// The parts of a report, for tools.
struct ReportData {
    /// What made the report.
    enum class Method : std::uint8_t { explore, sample, replay, bytes };

    Method method = Method::explore;
    std::string name{};
    Verdict verdict = Verdict::holds;
    std::string problem{};
    FaultPlan plan{};  // the smallest violating one, or what was replayed
    std::string token{};
    int faults = -1;
    std::size_t plans = 0;
    std::size_t shrink_runs = 0;     // to make a plan found at random smaller
    std::uint64_t history_hash = 0;  // of all executions: the same on every compiler
    Timeline timeline{};             // of the violating plan
    BudgetsReport budgets{};
    Minimality minimality{};
    std::vector<SiteCoverage> coverage{};
    std::vector<Fault> not_possible{};      // kinds that were offered, but no call of the scenario allows
    std::size_t covered = 0;                // plans that others cover, see `World::state`
    std::size_t repeated = 0;               // plans that were run twice with equal histories
    std::vector<std::string> alike{};       // tokens of other plans of the same size that fail
    std::size_t more_alike = 0;             // further ones
    std::vector<Fault> harmless{};          // kinds that were tried in plans of the same size and do no harm
    std::uint64_t seed = 0;                 // of a sample
    std::size_t total_faults = 0;           // of all plans of a sample
    std::size_t inevitable_from = 0;        // the step of the timeline from which on every sibling fails; 0: not known
    std::vector<std::string> difference{};  // the first steps in which two executions of a plan differ
    Warnings notes{};
    std::vector<std::string> warnings{};  // the notes in words; also part of the text
    /// What a sample that chooses schedules by random priorities guarantees.
    std::optional<ScheduleBound> schedules{};
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
