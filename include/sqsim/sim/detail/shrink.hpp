// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/reporting.hpp"
#include "sqsim/sim/detail/runner.hpp"
#include "sqsim/sim/detail/search.hpp"
#include "sqsim/sim/explore_options.hpp"
#include "sqsim/sim/plan.hpp"
#include "sqsim/sim/report.hpp"

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// Makes a violating plan smaller by leaving out ever smaller parts of it, as long as something is still violated.
/// Complexity: about n log n runs for n deviations.
inline std::vector<Planned> shrink(Runner& runner, std::vector<Planned> plan, Outcome& outcome) {
    for (std::size_t part = plan.size(); part >= 1;) {
        bool got_smaller = false;
        for (std::size_t from = 0; from < plan.size();) {
            std::vector<Planned> candidate = plan;
            const auto first = candidate.begin() + static_cast<std::ptrdiff_t>(from);
            candidate.erase(first, first + static_cast<std::ptrdiff_t>(std::min(part, plan.size() - from)));
            const Outcome result = runner.run(candidate);
            if (result.violation.empty()) {
                from += part;
            } else {
                outcome = result;
                plan = runner.chooser().taken();  // what no longer comes about goes, too
                got_smaller = true;
            }
        }
        part = got_smaller ? std::min(part, plan.size()) : part / 2;
    }
    return plan;
}

/// Reports a violating plan after making it as small as it can be.
inline void report_shrunk(Report& report, Runner& runner, std::vector<Planned> plan,
                          std::size_t maximum_certification) {
    const std::size_t found = plan.size();
    Outcome outcome = runner.run_again(plan);
    const std::size_t before_shrinking = runner.runs();
    plan = shrink(runner, std::move(plan), outcome);
    report.shrink_runs = runner.runs() - before_shrinking;
    const std::size_t shrunk = plan.size();
    std::string proof = ", which is minimal: nothing is smaller";
    if (!plan.empty()) {
        Budgets budgets;
        budgets.most.fill(255);
        budgets.most_deviations = static_cast<int>(shrunk) - 1;
        Search below{runner, budgets};
        const std::size_t before = runner.runs();
        switch (below.run({before + maximum_certification, {}, false})) {
        case Search::End::failed:
            plan = below.plan();
            outcome = below.outcome();
            proof = ", which is minimal: all " + count_text(below.smaller_plans() - before, "smaller plan") + " pass";
            break;
        case Search::End::all_run:
            proof = ", which is minimal: all " + count_text(runner.runs() - before, "smaller plan") + " pass";
            break;
        default:
            proof = "; whether a smaller one exists was not searched to the end";
        }
    }
    report_violation(report, runner, plan, outcome.violation);
    report.before_story.push_back("plan: " + size_text(plan) + ", shrunk from " + count_text(found, "deviation") +
                                  " in " + count_text(report.shrink_runs, "run") + proof);
    report.after_story.push_back("replay:   " + report.token);
}

/// The deviations of a token, for a run.
[[nodiscard]] inline std::vector<Planned> resolve(const Plan& plan, Places& places) {
    std::vector<Planned> result;
    for (const Deviation& deviation : plan) {
        Planned planned;
        planned.address.place = places.number_of_text(deviation.place);
        planned.address.subject = 2 * deviation.subject + (deviation.copy ? 1 : 0);
        planned.address.occurrence = static_cast<std::uint16_t>(deviation.occurrence);
        planned.option.parameter = static_cast<std::uint8_t>(deviation.parameter);
        for (const FaultInfo& kind : fault_table) {
            if (kind.fault != Fault::none && kind.word == deviation.fault) {
                planned.option.fault = kind.fault;
                break;
            }
        }
        result.push_back(planned);
    }
    return result;
}

/// The deviations of a plan that did not come about, as a token.
[[nodiscard]] inline std::string unreached(std::span<const Planned> plan, std::span<const Planned> taken,
                                           const Places& places) {
    std::vector<Planned> missing;
    for (const Planned& planned : plan) {
        if (std::none_of(taken.begin(), taken.end(),
                         [&](const Planned& other) { return other.address == planned.address; })) {
            missing.push_back(planned);
        }
    }
    return to_token(describe(missing, places));
}

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
