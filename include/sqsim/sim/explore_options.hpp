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
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// How a consumer's process ends where it crashes.
enum class CrashMode : std::uint8_t {
    /// `Crash` is thrown. Destructors run, which they would not if a process ended. A run in which the code swallows it
    /// is repeated with `abandon`.
    unwind,
    /// The code is never resumed: exact, and possible where it is `noexcept`, but what it held on the heap is lost to
    /// the test process. Without exceptions the only mode.
    abandon,
};

/// When a consumer that stands still goes on.
enum class Stalls : std::uint8_t {
    own_lease,      ///< just after the last of its leases has ended
    all_deadlines,  ///< just before, at, and just after each pending deadline: every order that timers can have
};

/// What `explore` tells while it works.
struct Progress {
    std::size_t plans_run = 0;
    std::size_t plans_known = 0;  // so far; running a plan finds more
    std::size_t deviations = 0;   // of the plans that are run now
};

/// How to explore. Without budgets of their own, reorderings and misses count as faults.
struct ExploreOptions {
    int faults = 2;
    int preemptions = 1;
    std::optional<int> reorders{};
    std::optional<int> misses{};
    std::string name{};                // for reports
    Faults offered = Faults::usual();  // without exceptions, the kinds that are reported by one are left out
    CrashMode crash = CrashMode::unwind;
    Stalls stalls = Stalls::own_lease;
    std::chrono::nanoseconds horizon = std::chrono::hours{24};  // of virtual time: a run must come to rest by then
    std::size_t maximum_steps = 10'000;                         // of a run: more are an endless loop
    std::size_t maximum_plans = unlimited;
    std::chrono::nanoseconds clock_error = std::chrono::minutes{10};  // of a clock that is ahead or behind (C6)
    std::vector<std::string> regressions{};                           // tokens of earlier failures: run first
    std::function<void(const Progress&)> progress{};                  // called now and then
};

/// How to sample. Each run activates each kind of fault with one probability and lets it happen with another.
struct SampleOptions {
    std::size_t runs = 1'000;
    std::uint64_t seed = 1;
    double activate = 0.25;
    double fire = 0.25;
    std::size_t maximum_deviations = 30;  // of a run: then faults stop, so that it can come to rest
    std::string name{};
    Faults offered = Faults::usual();
    CrashMode crash = CrashMode::unwind;
    Stalls stalls = Stalls::own_lease;
    std::chrono::nanoseconds horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    std::size_t maximum_certification = 50'000;  // runs that may be spent on proving that nothing smaller fails
    std::chrono::nanoseconds clock_error = std::chrono::minutes{10};
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
};

}  // namespace sqsim::inline SQSIM_ABI::sim
