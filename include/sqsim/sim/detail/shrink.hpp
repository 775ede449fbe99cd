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
#include <cstdlib>
#include <exception>
#include <optional>
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
    plan = shrink(runner, std::move(plan), outcome);
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
                                  proof);
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

/// The settings of runs under these options.
template <class Options>
[[nodiscard]] Settings settings_of(const Options& options) {
    Settings settings;
    settings.offered = options.offered;
    settings.stalls_at_all_deadlines = options.stalls == Stalls::all_deadlines;
    settings.abandons = !SQSIM_EXCEPTIONS || options.crash == CrashMode::abandon;
    settings.horizon = options.horizon;
    settings.maximum_steps = options.maximum_steps;
    settings.clock_error = options.clock_error;
    if (!SQSIM_EXCEPTIONS) {
        settings.offered = settings.offered.without({Fault::throttle, Fault::lose_delete, Fault::lose_extension,
                                                     Fault::lose_extension_reply, Fault::lose_send_reply});
    }
    return settings;
}

[[nodiscard]] inline ReplayOptions replay_options(const ExploreOptions& options) {
    return {options.name,    options.offered,       options.crash,      options.stalls,
            options.horizon, options.maximum_steps, options.clock_error};
}

[[nodiscard]] inline Budgets budgets_of(const ExploreOptions& options) {
    Budgets budgets;
    budgets.most = {options.faults, options.preemptions, options.reorders.value_or(0), options.misses.value_or(0)};
    budgets.counts_as_fault = {false, false, !options.reorders, !options.misses};
    return budgets;
}

/// "2 faults and 1 preemption".
[[nodiscard]] inline std::string budget_text(const ExploreOptions& options) {
    const auto part = [](int count, std::string_view noun) {
        return count_text(static_cast<std::size_t>(std::max(count, 0)), noun);
    };
    std::string text = part(options.faults, "fault");
    if (options.reorders) {
        text += ", " + part(*options.reorders, "reordering");
    }
    if (options.misses) {
        text += ", " + std::to_string(*options.misses) + (*options.misses == 1 ? " miss" : " misses");
    }
    return text + " and " + part(options.preemptions, "preemption");
}

/// The token that the environment wants replayed by the exploration of this name.
[[nodiscard]] inline std::optional<std::string> token_from_environment(std::string_view name) {
    const char* const value = std::getenv("SQSIM_REPLAY");
    if (value == nullptr || *value == '\0') {
        return std::nullopt;
    }
    const std::string_view text{value};
    const std::size_t equals = text.rfind('=');
    if (equals == std::string_view::npos) {
        return std::string{text};
    }
    return text.substr(0, equals) == name ? std::optional{std::string{text.substr(equals + 1)}} : std::nullopt;
}

/// While it lives, a crash that meets `noexcept` ends the program with a hint instead of without a word.
class CrashHint {
public:
#if SQSIM_EXCEPTIONS
    CrashHint() : before_{std::set_terminate(&CrashHint::end)} { outer() = before_; }
    CrashHint(const CrashHint&) = delete;
    CrashHint& operator=(const CrashHint&) = delete;
    ~CrashHint() { std::set_terminate(before_); }

private:
    [[nodiscard]] static std::terminate_handler& outer() {
        static std::terminate_handler handler = nullptr;
        return handler;
    }
    [[noreturn]] static void end() {
        if (const std::exception_ptr current = std::current_exception()) {
            try {
                std::rethrow_exception(current);
            } catch (const Crash&) {
                std::fputs("sqsim: a simulated crash met code that is noexcept: explore with CrashMode::abandon\n",
                           stderr);
            } catch (...) {
            }
        }
        if (outer() != nullptr) {
            outer()();
        }
        std::abort();
    }

    std::terminate_handler before_;
#else
    CrashHint() {}
#endif
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
