// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

// What the caller asked for, as the parts of an exploration need it.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The settings of executions under these options.
template <class Options>
[[nodiscard]] Settings run_settings(const Options& options) {
    Settings settings;
    settings.offered = options.offered;
    settings.stalls_at_all_deadlines = options.stalls == Stalls::all_deadlines;
    settings.abandons = !SQSIM_EXCEPTIONS || options.crash == CrashMode::abandon;
    settings.horizon = options.horizon;
    settings.maximum_steps = options.maximum_steps;
    settings.clock_error = options.clock_error;
    settings.stack_size = options.stack_size;
    if constexpr (requires { options.reduce_by_state; }) {  // only where every plan is run
        settings.reduces_by_state = options.reduce_by_state;
    }
    if (!SQSIM_EXCEPTIONS) {
        settings.offered = settings.offered.without({Fault::throttle, Fault::lose_delete, Fault::lose_extension,
                                                     Fault::lose_extension_reply, Fault::lose_send_reply});
    }
    return settings;
}

[[nodiscard]] inline ReplayOptions replay_options(const ExploreOptions& options) {
    return {options.name,          options.offered,     options.crash,      options.stalls,   options.horizon,
            options.maximum_steps, options.clock_error, options.stack_size, options.watchdog, options.on_standstill};
}

/// The same for replaying a plan, which may come from a sample that chose who goes on.
[[nodiscard]] inline Settings replay_settings(const ReplayOptions& options, const FaultPlan& plan) {
    Settings settings = run_settings(options);
    settings.chooses_actors = std::any_of(plan.begin(), plan.end(), [](const PlannedFault& planned) {
        const std::size_t longest = std::max<std::size_t>(planned.site.size(), 6);
        return planned.fault == info(Fault::preempt).word &&
               (planned.parameter != 0 || planned.site == token_site(next_actor_site, longest));
    });
    return settings;
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

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
