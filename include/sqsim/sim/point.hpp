// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>
#include <utility>

// What production code may call. Outside of a simulated world these hooks do nothing, and cost one read of a
// thread-local variable.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// What comes out of queue calls and points where a consumer's process ends. It is not a `std::exception` on purpose:
/// code that handles errors should not handle this; code that catches everything should throw it on.
class Crash {};

/// What the caller of an effect sees.
enum class EffectOutcome : std::uint8_t {
    done,     ///< it took place
    failed,   ///< it did not take place, its caller sees an error
    unknown,  ///< it took place, but its caller sees an error
};

namespace detail {

class WorldQueue;

/// The names of a message in a world.
struct MessageRef {
    const WorldQueue* queue = nullptr;
    std::uint32_t message = 0;  // its number in the world; 0: none
    std::uint32_t subject = 0;  // twice its number in its queue, plus one for the copy that a repeated send made
};

/// The simulated world that a thread's code runs in.
class SimulationHooks {
public:
    SimulationHooks() = default;
    SimulationHooks(const SimulationHooks&) = delete;
    SimulationHooks& operator=(const SimulationHooks&) = delete;
    virtual ~SimulationHooks() = default;

    virtual void point(std::string_view name, const MessageId* message) = 0;
    [[nodiscard]] virtual EffectOutcome begin_effect(std::string_view name) = 0;
    virtual void end_effect(std::string_view name) = 0;
    virtual void sleep_for(std::chrono::nanoseconds time) = 0;
    [[nodiscard]] virtual std::chrono::nanoseconds clock_error() = 0;
    virtual void deadline(std::string_view name, std::chrono::nanoseconds until) = 0;
    [[nodiscard]] virtual std::size_t choose(std::string_view name, std::span<const std::string_view> alternatives) = 0;
    [[nodiscard]] virtual bool fails(std::string_view name) = 0;
    virtual void note(std::string_view text) = 0;
    virtual void look_at(const MessageRef& message) noexcept = 0;
};

inline constinit thread_local SimulationHooks* simulation_hooks = nullptr;

/// How many executions are under way in the process, and whether code of another thread reached a point meanwhile.
inline constinit std::atomic<int> executions_under_way = 0;
inline constinit std::atomic<bool> has_stray_point = false;

/// Whether this thread calls scenarios while other threads do, too: what it does between two executions is its own.
inline constinit thread_local bool runs_beside_others = false;

/// Apart from the callers, so that a point without a simulation stays as cheap as a branch.
[[gnu::noinline, gnu::cold]] inline void report_stray_point() noexcept {
    if (!runs_beside_others) {
        has_stray_point.store(true, std::memory_order_relaxed);
    }
}

inline void look_for_execution() noexcept {
    if (executions_under_way.load(std::memory_order_relaxed) != 0) [[unlikely]] {
        report_stray_point();
    }
}

}  // namespace detail

/// Marks a place in a consumer where its process may end, stand still, or be overtaken by another one. The name is part
/// of tokens and reports; the place concerns the message that the consumer received last, or is handling.
inline void point(std::string_view name) {
    if (detail::simulation_hooks != nullptr) [[unlikely]] {
        detail::simulation_hooks->point(name, nullptr);
    } else {
        detail::look_for_execution();
    }
}

/// The same about a certain message.
inline void point(std::string_view name, const MessageId& message) {
    if (detail::simulation_hooks != nullptr) [[unlikely]] {
        detail::simulation_hooks->point(name, &message);
    } else {
        detail::look_for_execution();
    }
}

/// Calls `apply`, an effect on the world outside such as a payment. A point before it and, if it took place, after it.
/// Returns how its caller sees it go: with `failed` it was not called, with `unknown` it was. Outside of a simulation
/// always `done`.
template <class Apply>
[[nodiscard]] EffectOutcome effect(std::string_view name, Apply&& apply) {
    if (detail::simulation_hooks == nullptr) [[likely]] {
        detail::look_for_execution();
        std::forward<Apply>(apply)();
        return EffectOutcome::done;
    }
    const EffectOutcome outcome = detail::simulation_hooks->begin_effect(name);
    if (outcome != EffectOutcome::failed) {
        std::forward<Apply>(apply)();
        detail::simulation_hooks->end_effect(name);
    }
    return outcome;
}

/// Asks whether a dependency of the consumer's own, such as a database, fails now: `if (sim::fails("db timeout"))
/// { throw timeout{}; }`. In a simulation a point, and a fault that bears this name in tokens and reports. Outside of
/// one always false.
[[nodiscard]] inline bool fails(std::string_view name) {
    if (detail::simulation_hooks == nullptr) [[likely]] {
        detail::look_for_execution();
        return false;
    }
    return detail::simulation_hooks->fails(name);
}

/// Lets the exploration choose between alternatives that are no faults: `sim::choose("provider answers", {"paid",
/// "declined"})`. Returns the index of one, 0 for the first; outside of a simulation always 0.
[[nodiscard]] inline std::size_t choose(std::string_view name, std::initializer_list<std::string_view> alternatives) {
    if (detail::simulation_hooks == nullptr) [[likely]] {
        detail::look_for_execution();
        return 0;
    }
    return detail::simulation_hooks->choose(name, std::span{alternatives.begin(), alternatives.size()});
}

/// Tells the world of a deadline of the consumer's own, such as the end of a lock or of a deduplication record: stalls
/// and outages aim at it. `until` is a time of the world's clock. Nothing outside of a simulation.
template <class TimePoint>
void deadline(std::string_view name, const TimePoint& until) {
    if (detail::simulation_hooks != nullptr) {
        detail::simulation_hooks->deadline(
            name, std::chrono::duration_cast<std::chrono::nanoseconds>(until.time_since_epoch()));
    }
}

/// Writes a line into the timeline of the report. Nothing outside of a simulation.
inline void note(std::string_view text) {
    if (detail::simulation_hooks != nullptr) {
        detail::simulation_hooks->note(text);
    }
}

/// Returns how wrong the consumer's own clock is at this moment: to be added to what it reads. Zero outside of a
/// simulation.
[[nodiscard]] inline std::chrono::nanoseconds clock_error() {
    if (detail::simulation_hooks == nullptr) [[likely]] {
        detail::look_for_execution();
        return {};
    }
    return detail::simulation_hooks->clock_error();
}

/// Spends virtual time, in which other consumers go on. Nothing outside of a simulation.
inline void sleep_for(std::chrono::nanoseconds time) {
    if (detail::simulation_hooks != nullptr) {
        detail::simulation_hooks->sleep_for(time);
    } else {
        detail::look_for_execution();
    }
}

/// Called with a fault's word just before the fault happens: in a debugger, `break on_fault`.
[[gnu::noinline]] inline void on_fault(std::string_view word) noexcept {
    asm volatile("" : : "r"(word.data()), "r"(word.size()));  // keeps the call
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
