// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/sim/fault.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// How a consumer's process ends where it crashes.
enum class CrashMode : std::uint8_t {
    /// `Crash` is thrown, and destructors run, which they would not if a process ended. A violation counts only if
    /// `abandon` shows it, too; an execution in which the code swallows the exception is repeated with `abandon`.
    unwind,
    /// The code is never resumed: exact, and possible where it is `noexcept`, but what it held on the heap is lost to
    /// the test process. Without exceptions the only mode.
    abandon,
};

/// When a consumer that stands still goes on.
enum class Stalls : std::uint8_t {
    own_lease,      ///< just after the last of its leases has ended, or past a deadline of the user's own
    all_deadlines,  ///< just before, at, and just after each pending deadline: every order that timers can have
};

/// The progress of an exploration.
struct Progress {
    std::size_t plans_run = 0;
    std::size_t plans_known = 0;  // so far; running a plan finds more
    std::size_t faults = 0;       // of the plans that are run now, preemptions included
};

/// How to explore. Without budgets of their own, reorderings and misses count as faults, and choices are free.
struct ExploreOptions {
    int faults = 2;
    int preemptions = 1;
    std::optional<int> reorders{};
    std::optional<int> misses{};
    std::string name{};                         // for reports
    Faults offered = Faults::default_faults();  // without exceptions, the kinds that are reported by one are left out
    CrashMode crash = CrashMode::unwind;
    Stalls stalls = Stalls::own_lease;
    std::chrono::nanoseconds horizon = std::chrono::hours{24};  // of virtual time: a run must come to rest by then
    std::size_t maximum_steps = 10'000;                         // of an execution: one with more is an endless loop
    std::size_t maximum_plans = unlimited;
    std::chrono::nanoseconds clock_error = std::chrono::minutes{10};  // of a clock that is ahead or behind
    std::vector<std::string> regressions{};                           // tokens of earlier failures: run first
    std::function<void(const Progress&)> progress{};                  // called every few thousand plans
    std::optional<int> choices{};  // how often a plan may take another alternative of `sim::choose` than the first
    std::chrono::nanoseconds maximum_time = std::chrono::nanoseconds::max();  // of real time
    /// How many plans with a crash are run in both crash modes. One that fails is always confirmed with `abandon`.
    std::size_t maximum_abandoned = 2'000;
    bool reduce_by_state = true;          // where `World::state` tells what is durable
    std::size_t stack_size = 256 * 1024;  // of each consumer, in bytes; up to 1 GiB
    /// After how much real time without a step the exploration says where it stands still; zero: never.
    std::chrono::milliseconds watchdog = std::chrono::seconds{10};
    std::function<void(std::string_view)> on_standstill{};  // gets the text instead of stderr, in a thread
    /// How many threads call the scenario, to the same result. With more than one, executions must share nothing that
    /// they change.
    int threads = 1;  // to 1,024
};

/// How to sample. Each execution draws each kind of fault with one probability, and lets it happen with another.
struct SampleOptions {
    std::size_t runs = 1'000;
    std::uint64_t seed = 1;
    double kind_probability = 0.25;
    double fault_probability = 0.25;
    std::size_t maximum_faults = 30;  // of an execution: then faults stop, so that it can come to rest
    std::string name{};
    Faults offered = Faults::default_faults();
    CrashMode crash = CrashMode::unwind;
    Stalls stalls = Stalls::own_lease;
    std::chrono::nanoseconds horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    std::size_t maximum_certification = 50'000;  // executions that may be spent on proving that nothing smaller fails
    std::chrono::nanoseconds clock_error = std::chrono::minutes{10};
    std::size_t stack_size = 256 * 1024;
    std::chrono::milliseconds watchdog = std::chrono::seconds{10};
    std::function<void(std::string_view)> on_standstill{};
    /// Chooses who goes on by random priorities, which finds every bug of this depth with a probability that the report
    /// bounds. Every other run is without faults. Offers preemptions in any case.
    std::optional<int> pct_depth{};  // 1 to 1,000
};

/// How to replay: as the exploration that made the token.
struct ReplayOptions {
    std::string name{};
    Faults offered = Faults::all();
    CrashMode crash = CrashMode::unwind;
    Stalls stalls = Stalls::own_lease;
    std::chrono::nanoseconds horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    std::chrono::nanoseconds clock_error = std::chrono::minutes{10};
    std::size_t stack_size = 256 * 1024;
    std::chrono::milliseconds watchdog = std::chrono::seconds{10};
    std::function<void(std::string_view)> on_standstill{};
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
