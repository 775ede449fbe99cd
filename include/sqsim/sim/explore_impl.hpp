// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/shortage.hpp"
#include "sqsim/sim/detail/strategies.hpp"
#include "sqsim/sim/explore.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/model/world_impl.hpp"
#include "sqsim/sim/options.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/report_text.hpp"
#include "sqsim/sim/search/check_options.hpp"
#include "sqsim/sim/search/explorer.hpp"
#include "sqsim/sim/search/plan_workers.hpp"
#include "sqsim/sim/search/report_builder.hpp"
#include "sqsim/sim/search/run_settings.hpp"
#include "sqsim/sim/search/runner.hpp"
#include "sqsim/sim/search/sampled_schedules.hpp"
#include "sqsim/sim/search/shrink.hpp"
#include "sqsim/sim/search/terminate_hint.hpp"
#include "sqsim/sim/search/watchdog.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The functions of `sim/explore.hpp`.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

/// The report that `make()` makes; or, if it finds no memory, one that says so, for which a few bytes are enough.
template <class Make>
[[nodiscard]] Report report_or_shortage(Report::Method method, const std::string& name, const Make& make) {
    Report report;
    if (!found_memory([&] { report = make(); })) {
        report = Report{};
        report.method = method;
        report.verdict = Verdict::out_of_memory;
        report.problem = "std::bad_alloc";
        static_cast<void>(found_memory([&] { report.name = name; }));
    }
    return report;
}

}  // namespace detail

SQSIM_EXPLORE_INLINE Report replay(std::string_view token, const ReplayOptions& options,
                                   const std::function<void(World&)>& scenario) {
    detail::check_options(options);
    return detail::report_or_shortage(Report::Method::replay, options.name, [&]() -> Report {
        Report report;
        report.method = Report::Method::replay;
        report.name = options.name;
        const Result<FaultPlan> plan = plan_from_token(token);
        if (!plan) {
            report.verdict = Verdict::stale_token;
            report.problem = plan.error().what();
            return report;
        }
        const detail::TerminateHint hint;
        detail::Runner runner{detail::replay_settings(options, *plan), scenario, unlimited};
        runner.end_unwinding();
        const detail::Watchdog watchdog{runner.context(), options.watchdog, options.on_standstill};
        const std::vector<detail::PackedFault> packed = detail::resolve(*plan, runner.sites());
        detail::Outcome outcome = runner.run({});  // makes the states that the plan's are compared with
        if (!packed.empty()) {
            outcome = runner.run(packed);
        }
        const std::vector<detail::PackedFault> taken = runner.path().taken();
        report.plans = runner.runs();
        report.history_hash = outcome.hash;
        if (!outcome.followed) {
            report.verdict = Verdict::stale_token;
            report.problem = "\"" + std::string{token} + "\": the execution never reached " +
                             detail::unreached(packed, taken, runner.sites());
            static_cast<void>(runner.run_with_timeline(packed, report.timeline));
        } else if (!outcome.violation.empty()) {
            detail::report_violation(report, runner, packed, outcome.violation);
        } else {
            report.token = token;
            detail::report_vacuity(report, runner.stats());
        }
        detail::report_warnings(report, runner);
        return report;
    });
}
SQSIM_EXPLORE_INLINE Report replay(std::string_view token, const std::function<void(World&)>& scenario) {
    return replay(token, ReplayOptions{}, scenario);
}

SQSIM_EXPLORE_INLINE Report explore(const ExploreOptions& options, const std::function<void(World&)>& scenario) {
    detail::check_options(options);
    return detail::report_or_shortage(Report::Method::explore, options.name, [&]() -> Report {
        if (const std::optional<std::string> token = detail::token_from_environment(options.name)) {
            return replay(*token, detail::replay_options(options), scenario);
        }
        for (const std::string& token : options.regressions) {
            Report report = replay(token, detail::replay_options(options), scenario);
            if (report.verdict == Verdict::violated || report.verdict == Verdict::stale_token ||
                report.verdict == Verdict::nondeterministic || report.verdict == Verdict::out_of_memory) {
                return report;
            }
        }
        const detail::TerminateHint hint;
        detail::Runner runner{detail::run_settings(options), scenario, options.maximum_abandoned};
        detail::PlanWorkers workers{runner, scenario, options.maximum_abandoned, options.threads};
        detail::Explorer explorer{runner, detail::budgets_of(options), &workers};
        detail::SearchBounds bounds;
        bounds.runs = options.maximum_plans;
        bounds.progress = options.progress;
        bounds.repeats_some = true;
        if (options.maximum_time != sqsim::detail::never) {
            bounds.end = sqsim::detail::saturating_add(sqsim::detail::real_time(), options.maximum_time);
        }
        const detail::Watchdog watchdog{workers.contexts(), options.watchdog, options.on_standstill};
        const auto end = explorer.run(bounds);
        Report report;
        report.name = options.name;
        report.plans = runner.runs();
        report.history_hash = explorer.hash();
        report.budgets = {options.faults, options.preemptions, options.reorders, options.misses, options.choices};
        report.repeated = explorer.repeated();
        report.covered = explorer.covered();
        switch (end) {
        case detail::Explorer::End::all_run:
            detail::report_coverage(report, explorer, runner);
            detail::report_vacuity(report, runner.stats());
            break;
        case detail::Explorer::End::failed: {
            const std::vector<detail::PackedFault> plan = explorer.plan();
            detail::report_violation(report, runner, plan, explorer.outcome().violation);
            report.minimality = {explorer.smaller_plans() == 0 ? Minimality::Proof::empty_plan
                                                               : Minimality::Proof::smaller_pass,
                                 explorer.smaller_plans(),
                                 report.plans,
                                 {},
                                 0};
            if (report.verdict == Verdict::violated) {
                detail::report_alike(report, explorer, runner);
                detail::report_inevitable(report, runner, plan);
            }
            break;
        }
        case detail::Explorer::End::limit:
            report.verdict = Verdict::incomplete;
            report.problem = "stopped after " + detail::count_text(report.plans, "plan") + " without a violation";
            detail::report_coverage(report, explorer, runner);
            break;
        case detail::Explorer::End::differs:
            detail::report_difference(report, runner, explorer.plan());
            break;
        case detail::Explorer::End::not_followed:
            detail::report_unreached(report, runner, explorer.plan());
            break;
        case detail::Explorer::End::shares_state:
            detail::report_shared_state(report, runner, explorer.plan());
            break;
        }
        detail::report_warnings(report, runner);
        return report;
    });
}
SQSIM_EXPLORE_INLINE Report explore(const std::function<void(World&)>& scenario) {
    return explore(ExploreOptions{}, scenario);
}

SQSIM_EXPLORE_INLINE Report sample(const SampleOptions& options, const std::function<void(World&)>& scenario) {
    detail::check_options(options);
    return detail::report_or_shortage(Report::Method::sample, options.name, [&]() -> Report {
        const detail::TerminateHint hint;
        detail::SampledSchedules schedules{options};
        detail::Runner runner{schedules.settings(detail::run_settings(options)), scenario, unlimited};
        const detail::Watchdog watchdog{runner.context(), options.watchdog, options.on_standstill};
        Report report;
        report.method = Report::Method::sample;
        report.name = options.name;
        report.seed = options.seed;
        detail::Outcome outcome = runner.run({});
        std::vector<detail::PackedFault> plan;
        std::uint64_t hash = outcome.hash;
        for (std::size_t i = 0; i < options.runs && outcome.violation.empty(); ++i) {
            detail::RandomStrategy strategy{options.seed, i, options.kind_probability, options.fault_probability,
                                            options.maximum_faults};
            outcome = runner.run({}, &schedules.strategy(i, strategy));
            schedules.count_run();
            plan = runner.path().taken();
            report.total_faults += schedules.bound() ? static_cast<std::size_t>(detail::faults_of(plan)) : plan.size();
            hash = sqsim::detail::mix64(hash + outcome.hash);
            if (!outcome.violation.empty()) {
                outcome = runner.run_again(plan);  // which confirms it in the other crash mode
            }
        }
        report.plans = runner.runs();
        report.schedules = schedules.bound();
        report.history_hash = hash;
        detail::report_drawn(report, runner, outcome, std::move(plan), options.maximum_certification);
        return report;
    });
}

SQSIM_EXPLORE_INLINE Report run_bytes(std::span<const std::uint8_t> bytes, const std::function<void(World&)>& scenario,
                                      const SampleOptions& options) {
    detail::check_options(options);
    return detail::report_or_shortage(Report::Method::bytes, options.name, [&]() -> Report {
        const detail::TerminateHint hint;
        detail::Runner runner{detail::run_settings(options), scenario, unlimited};
        const detail::Watchdog watchdog{runner.context(), options.watchdog, options.on_standstill};
        Report report;
        report.method = Report::Method::bytes;
        report.name = options.name;
        detail::Outcome outcome = runner.run({});
        std::vector<detail::PackedFault> plan;
        if (outcome.violation.empty()) {
            detail::ByteStrategy strategy{bytes};
            outcome = runner.run({}, &strategy);
            plan = runner.path().taken();
            if (!outcome.violation.empty()) {
                outcome = runner.run_again(plan);  // which confirms it in the other crash mode
            }
        }
        report.plans = runner.runs();
        report.history_hash = outcome.hash;
        report.total_faults = plan.size();
        detail::report_drawn(report, runner, outcome, std::move(plan), options.maximum_certification);
        return report;
    });
}
SQSIM_EXPLORE_INLINE Report run_bytes(const std::uint8_t* data, std::size_t size,
                                      const std::function<void(World&)>& scenario) {
    return run_bytes(std::span{data, size}, scenario);
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
