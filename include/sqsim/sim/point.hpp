// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"

#include <chrono>
#include <cstdint>
#include <string_view>
#include <utility>

// What production code may call: nothing of it does anything, or costs more than a look at a thread's variable, unless
// the code runs in a simulated world.

namespace sqsim::inline SQSIM_ABI::sim {

/// What comes out of queue calls and points where a consumer's process ends. It is not a `std::exception` on purpose:
/// code that handles errors should not handle this; if it catches everything, it should throw this on.
class Crash {};

/// How its caller sees an effect go.
enum class EffectOutcome : std::uint8_t {
    done,     ///< it took place
    failed,   ///< it did not take place, its caller sees an error
    unknown,  ///< it took place, but its caller sees an error
};

namespace detail {

/// The simulated world that a thread's code runs in.
class Surroundings {
public:
    Surroundings() = default;
    Surroundings(const Surroundings&) = delete;
    Surroundings& operator=(const Surroundings&) = delete;
    virtual ~Surroundings() = default;

    virtual void point(std::string_view name, const MessageId* message) = 0;
    [[nodiscard]] virtual EffectOutcome effect(std::string_view name) = 0;
    virtual void sleep_for(std::chrono::nanoseconds time) = 0;
    [[nodiscard]] virtual std::chrono::nanoseconds clock_error() = 0;
};

inline constinit thread_local Surroundings* surroundings = nullptr;

}  // namespace detail

/// Marks a place in a consumer where its process may end, stand still, or be overtaken by another consumer. The name is
/// part of tokens and reports; it concerns the message that the consumer received last, or is handling.
inline void point(std::string_view name) {
    if (detail::surroundings != nullptr) [[unlikely]] {
        detail::surroundings->point(name, nullptr);
    }
}

/// The same about a certain message.
inline void point(std::string_view name, const MessageId& message) {
    if (detail::surroundings != nullptr) [[unlikely]] {
        detail::surroundings->point(name, &message);
    }
}

/// Calls `apply`, an effect on the world outside such as a payment, and returns how its caller sees it go: with
/// `failed` it was not called, with `unknown` it was. Outside of a simulation always `done`. A point by itself, too.
template <class Apply>
[[nodiscard]] EffectOutcome effect(std::string_view name, Apply&& apply) {
    const EffectOutcome outcome =
        detail::surroundings != nullptr ? detail::surroundings->effect(name) : EffectOutcome::done;
    if (outcome != EffectOutcome::failed) {
        std::forward<Apply>(apply)();
    }
    return outcome;
}

/// How wrong the consumer's own clock is at this moment: to be added to what it reads. Zero outside of a simulation.
[[nodiscard]] inline std::chrono::nanoseconds clock_error() {
    return detail::surroundings != nullptr ? detail::surroundings->clock_error() : std::chrono::nanoseconds{};
}

/// Spends virtual time, in which other consumers go on. Nothing outside of a simulation.
inline void sleep_for(std::chrono::nanoseconds time) {
    if (detail::surroundings != nullptr) {
        detail::surroundings->sleep_for(time);
    }
}

}  // namespace sqsim::inline SQSIM_ABI::sim
