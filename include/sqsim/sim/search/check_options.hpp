// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/error.hpp"

#include <chrono>
#include <cstddef>
#include <limits>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

// What no exploration can do is refused before it begins.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

inline constexpr int most_threads = 1'024;
inline constexpr std::size_t largest_stack = std::size_t{1} << 30;  // bytes
inline constexpr int deepest_schedule = 1'000;                      // more changes of priorities are no schedule

[[noreturn]] inline void refuse_option(std::string_view name, const std::string& value, const std::string& rule) {
    sqsim::detail::raise_standard<std::invalid_argument>("sqsim: invalid value " + value + " for the option " +
                                                         std::string{name} + ": it must " + rule);
}

template <class Number>
void require_between(std::string_view name, Number value, Number least, Number most) {
    if (!(value >= least && value <= most)) {  // which is true of what is not a number, too
        const std::string rule = most == std::numeric_limits<Number>::max()
                                     ? "be at least " + std::to_string(least)
                                     : "be between " + std::to_string(least) + " and " + std::to_string(most);
        refuse_option(name, std::to_string(value), rule);
    }
}

inline void require_not_negative(std::string_view name, std::chrono::nanoseconds value) {
    if (value < std::chrono::nanoseconds::zero()) {
        refuse_option(name, sqsim::detail::seconds_text(value) + " s", "not be negative");
    }
}

inline void require_budget(std::string_view name, const std::optional<int>& value) {
    require_between(name, value.value_or(0), 0, std::numeric_limits<int>::max());
}

/// Errors: `std::invalid_argument` names the first option that makes no sense, its value, and what it may be.
template <class Options>
void check_options(const Options& options) {
    require_not_negative("horizon", options.horizon);
    require_not_negative("clock_error", options.clock_error);
    if (options.watchdog < std::chrono::milliseconds::zero()) {
        refuse_option("watchdog", std::to_string(options.watchdog.count()) + " ms", "not be negative");
    }
    require_between("stack_size", options.stack_size, std::size_t{0}, largest_stack);
    if constexpr (requires { options.threads; }) {
        require_budget("faults", options.faults);
        require_budget("preemptions", options.preemptions);
        require_budget("reorders", options.reorders);
        require_budget("misses", options.misses);
        require_budget("choices", options.choices);
        require_not_negative("maximum_time", options.maximum_time);
        require_between("threads", options.threads, 1, most_threads);
    }
    if constexpr (requires { options.pct_depth; }) {
        require_between("kind_probability", options.kind_probability, 0.0, 1.0);
        require_between("fault_probability", options.fault_probability, 0.0, 1.0);
        require_between("pct_depth", options.pct_depth.value_or(1), 1, deepest_schedule);
    }
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
