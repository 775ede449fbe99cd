// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <ctime>

namespace sqsim::inline SQSIM_ABI {

/// A steady clock that is read from memory instead of from the hardware: several times cheaper, and precise to a few
/// milliseconds, like the service's own timestamps. Elsewhere than on Linux it is `std::chrono::steady_clock`.
class CoarseClock {
public:
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<CoarseClock, duration>;
    static constexpr bool is_steady = true;

    [[nodiscard]] static time_point now() noexcept {
#if defined(CLOCK_MONOTONIC_COARSE)
        std::timespec time{};
        ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
        return time_point{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
#else
        return time_point{std::chrono::steady_clock::now().time_since_epoch()};
#endif
    }
};

}  // namespace sqsim::inline SQSIM_ABI
