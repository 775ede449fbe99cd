// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/reporting.hpp"
#include "sqsim/sim/detail/search.hpp"
#include "sqsim/sim/detail/workshop.hpp"
#include "sqsim/sim/explore_options.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>

// What the caller asked for, as the parts of an exploration need it.

namespace sqsim::inline SQSIM_ABI::sim::detail {

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

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
