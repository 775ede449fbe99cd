// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/search/explorer.hpp"
#include "sqsim/sim/search/report_builder.hpp"
#include "sqsim/sim/search/runner.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Makes a violating plan smaller by leaving out ever smaller parts of it, as long as something is still violated.
/// Complexity: about n log n executions for n faults.
inline std::vector<PackedFault> shrink(Runner& runner, std::vector<PackedFault> plan, Outcome& outcome) {
    for (std::size_t part = plan.size(); part >= 1;) {
        bool got_smaller = false;
        for (std::size_t from = 0; from < plan.size();) {
            std::vector<PackedFault> candidate = plan;
            const auto first = candidate.begin() + static_cast<std::ptrdiff_t>(from);
            candidate.erase(first, first + static_cast<std::ptrdiff_t>(std::min(part, plan.size() - from)));
            const Outcome result = runner.run(candidate);
            if (result.violation.empty()) {
                from += part;
            } else {
                outcome = result;
                plan = runner.path().taken();  // what no longer comes about goes, too
                got_smaller = true;
            }
        }
        part = got_smaller ? std::min(part, plan.size()) : part / 2;
    }
    return plan;
}

/// Reports a violating plan after making it as small as it can be.
inline void report_shrunk(Report& report, Runner& runner, std::vector<PackedFault> plan,
                          std::size_t maximum_certification) {
    Minimality& minimality = report.minimality;
    minimality.shrunk_from = plan.size();
    Outcome outcome = runner.run_again(plan);
    const std::size_t before_shrinking = runner.runs();
    plan = shrink(runner, std::move(plan), outcome);
    report.shrink_runs = minimality.shrink_runs = runner.runs() - before_shrinking;
    minimality.proof = Minimality::Proof::empty_plan;
    if (!plan.empty()) {
        Budgets budgets;
        budgets.most.fill(255);
        budgets.most_faults = static_cast<int>(plan.size()) - 1;
        Explorer below{runner, budgets};
        const std::size_t before = runner.runs();
        SearchBounds bounds;
        bounds.runs = before + maximum_certification;
        const Explorer::End end = below.run(bounds);
        minimality.proof = end == Explorer::End::failed || end == Explorer::End::all_run
                               ? Minimality::Proof::smaller_pass
                               : Minimality::Proof::none;
        minimality.smaller_plans = runner.runs() - before;
        if (end == Explorer::End::failed) {
            plan = below.plan();
            outcome = below.outcome();
            minimality.smaller_plans = below.smaller_plans() - before;
        }
    }
    report_violation(report, runner, plan, outcome.violation);
}

/// Ends the report of plans that were drawn, of which `plan` is the last.
inline void report_drawn(Report& report, Runner& runner, const Outcome& outcome, std::vector<PackedFault> plan,
                         std::size_t maximum_certification) {
    if (outcome.violation.empty()) {
        report_vacuity(report, runner.stats());
    } else {
        report_shrunk(report, runner, std::move(plan), maximum_certification);
    }
    report_warnings(report, runner);
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
