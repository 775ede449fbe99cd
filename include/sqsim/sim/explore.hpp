// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/asked.hpp"
#include "sqsim/sim/detail/crash_hint.hpp"
#include "sqsim/sim/detail/deciders.hpp"
#include "sqsim/sim/detail/reporting.hpp"
#include "sqsim/sim/detail/runner.hpp"
#include "sqsim/sim/detail/search.hpp"
#include "sqsim/sim/detail/shrink.hpp"
#include "sqsim/sim/explore_options.hpp"
#include "sqsim/sim/oracle.hpp"
#include "sqsim/sim/plan.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// Replays one plan, by its token.
/// Returns: the violation with its story, or that nothing is violated any more. A token whose deviation never comes
/// about is an error (`Verdict::stale_token`), as is one that is malformed.
inline Report replay(std::string_view token, const ReplayOptions& options,
                     const std::function<void(World&)>& scenario) {
    Report report;
    report.name = options.name;
    const Result<Plan> plan = plan_from_token(token);
    if (!plan) {
        report.verdict = Verdict::stale_token;
        report.problem = plan.error().what();
        return report;
    }
    const detail::CrashHint hint;
    detail::Runner runner{detail::settings_of(options), scenario};
    const std::vector<detail::Planned> planned = detail::resolve(*plan, runner.workshop().places);
    detail::Outcome outcome = runner.run({});  // makes the states that the plan's are compared with
    if (!planned.empty()) {
        outcome = runner.run(planned);
    }
    const std::vector<detail::Planned> taken = runner.chooser().taken();
    report.plans = runner.runs();
    report.history_hash = outcome.hash;
    if (!outcome.followed) {
        report.verdict = Verdict::stale_token;
        report.problem = "\"" + std::string{token} + "\": the run never reached " +
                         detail::unreached(planned, taken, runner.workshop().places);
        static_cast<void>(runner.tell(planned, report.timeline));
    } else if (!outcome.violation.empty()) {
        detail::report_violation(report, runner, planned, outcome.violation);
        report.before_story.push_back("replayed: " + detail::size_text(planned));
        report.after_story.push_back("replay:   " + report.token);
    } else {
        detail::report_vacuity(report, runner.notes());
        report.before_story.push_back("the plan " + std::string{token} + " breaks nothing any more");
    }
    detail::report_warnings(report, runner);
    return report;
}
inline Report replay(std::string_view token, const std::function<void(World&)>& scenario) {
    return replay(token, ReplayOptions{}, scenario);
}

/// Runs the scenario under every plan within the budgets, each once, those with fewer deviations first. The first
/// violation is therefore minimal.
///
/// The guarantee is relative to the scenario as it is, to the kinds of faults that are offered, and to code that is
/// deterministic, which is checked on one plan in a hundred.
///
/// With the environment variable `SQSIM_REPLAY` set to a token, or to "name=token" for the exploration of that name, it
/// replays that plan instead.
inline Report explore(const ExploreOptions& options, const std::function<void(World&)>& scenario) {
    if (const std::optional<std::string> token = detail::token_from_environment(options.name)) {
        return replay(*token, detail::replay_options(options), scenario);
    }
    for (const std::string& token : options.regressions) {
        Report report = replay(token, detail::replay_options(options), scenario);
        if (report.verdict == Verdict::violated || report.verdict == Verdict::stale_token) {
            return report;
        }
    }
    const detail::CrashHint hint;
    const detail::Settings settings = detail::settings_of(options);
    detail::Runner runner{settings, scenario};
    detail::Search search{runner, detail::budgets_of(options)};
    Report report;
    report.name = options.name;
    const auto end = search.run({options.maximum_plans, options.progress, true});
    report.plans = runner.runs();
    report.history_hash = search.hash();
    switch (end) {
    case detail::Search::End::all_run:
        report.before_story.push_back("every plan with at most " + detail::budget_text(options) +
                                      " was run: " + detail::count_text(report.plans, "plan") + ", 0 violations");
        detail::report_coverage(report, search, settings);
        report.after_story.push_back("run twice with equal histories: " + std::to_string(search.repeated()) + " of " +
                                     std::to_string(report.plans) + "; every history kept the contract of the service");
        detail::report_vacuity(report, runner.notes());
        break;
    case detail::Search::End::failed: {
        const std::vector<detail::Planned> plan = search.plan();
        detail::report_violation(report, runner, plan, search.outcome().violation);
        report.before_story.push_back("minimal plan: " + detail::size_text(plan) + " (" +
                                      (search.smaller_plans() == 0 ? std::string{"nothing is smaller"}
                                       : search.smaller_plans() == 1
                                           ? std::string{"the run without faults passes"}
                                           : "all " + std::to_string(search.smaller_plans()) + " smaller plans pass") +
                                      "); found after " + detail::count_text(report.plans, "run"));
        report.after_story.push_back("replay:   " + report.token);
        detail::report_alike(report, search, runner);
        break;
    }
    case detail::Search::End::limit:
        report.verdict = Verdict::incomplete;
        report.problem = "stopped after " + detail::count_text(report.plans, "plan") + " without a violation";
        break;
    case detail::Search::End::differs:
        detail::report_difference(report, runner, search.plan());
        break;
    }
    detail::report_warnings(report, runner);
    return report;
}
inline Report explore(const std::function<void(World&)>& scenario) { return explore(ExploreOptions{}, scenario); }

/// Runs the scenario under random plans, for scenarios that are too big to exhaust. A violating plan is made smaller,
/// and as far as `maximum_certification` allows it is proved that no smaller one violates anything.
inline Report sample(const SampleOptions& options, const std::function<void(World&)>& scenario) {
    const detail::CrashHint hint;
    detail::Runner runner{detail::settings_of(options), scenario};
    Report report;
    report.name = options.name;
    detail::Outcome outcome = runner.run({});
    std::vector<detail::Planned> plan;
    std::size_t deviations = 0;
    std::uint64_t hash = outcome.hash;
    for (std::size_t i = 0; i < options.runs && outcome.violation.empty(); ++i) {
        detail::RandomDecider decider{options.seed, i, options.activate, options.fire, options.maximum_deviations};
        outcome = runner.run({}, &decider);
        plan = runner.chooser().taken();
        deviations += plan.size();
        hash = sqsim::detail::mix64(hash + outcome.hash);
    }
    report.plans = runner.runs();
    report.history_hash = hash;
    if (outcome.violation.empty()) {
        report.before_story.push_back(detail::count_text(options.runs, "random plan") + " with seed " +
                                      std::to_string(options.seed) +
                                      " were run, 0 violations; deviations in all: " + std::to_string(deviations));
        report.before_story.push_back("a sample is no proof: what needs a rare combination may be missed");
        detail::report_vacuity(report, runner.notes());
    } else {
        detail::report_shrunk(report, runner, std::move(plan), options.maximum_certification);
    }
    detail::report_warnings(report, runner);
    return report;
}

/// Runs the scenario once, with its choices taken from bytes: the entry for fuzzers and property-based tests. A zero,
/// and what is beyond the end, is the best outcome.
inline Report run_bytes(std::span<const std::uint8_t> bytes, const std::function<void(World&)>& scenario,
                        const SampleOptions& options = {}) {
    const detail::CrashHint hint;
    detail::Runner runner{detail::settings_of(options), scenario};
    Report report;
    report.name = options.name;
    detail::Outcome outcome = runner.run({});
    std::vector<detail::Planned> plan;
    if (outcome.violation.empty()) {
        detail::ByteDecider decider{bytes};
        outcome = runner.run({}, &decider);
        plan = runner.chooser().taken();
    }
    report.plans = runner.runs();
    report.history_hash = outcome.hash;
    if (outcome.violation.empty()) {
        report.before_story.push_back("one run of " + detail::count_text(plan.size(), "deviation") + ", no violation");
        detail::report_vacuity(report, runner.notes());
    } else {
        detail::report_shrunk(report, runner, std::move(plan), options.maximum_certification);
    }
    detail::report_warnings(report, runner);
    return report;
}
inline Report run_bytes(const std::uint8_t* data, std::size_t size, const std::function<void(World&)>& scenario) {
    return run_bytes(std::span{data, size}, scenario);
}

}  // namespace sqsim::inline SQSIM_ABI::sim
