// SPDX-License-Identifier: MIT
#pragma once

// A wheel of timers that gives back what it has while there is no memory at all.

#include "watched_memory.hpp"

#include "sqsim/detail/timer_wheel.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace failing {

/// Returns: how many of 60,000 timers, whose deadlines are `spread` over so many nanoseconds, do not come out in order.
/// `fails`: each allocation fails meanwhile.
inline std::size_t out_of_order(std::uint64_t spread, bool fails) {
    sqsim::detail::TimerWheel wheel;
    std::vector<sqsim::detail::Timer> expected;
    std::uint64_t random = 1;
    for (std::uint32_t i = 0; i < 60'000; ++i) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        expected.push_back({std::chrono::nanoseconds{static_cast<std::int64_t>((random >> 8) % spread)}, i, i, 0});
        wheel.push(expected.back());
    }
    std::sort(expected.begin(), expected.end());
    watched::allocations = 0;
    watched::fails_at = 1;
    watched::goes_on_failing = fails;
    watched::counting = fails;
    std::size_t wrong = 0;
    for (const sqsim::detail::Timer& next : expected) {
        const sqsim::detail::Timer* const timer = wheel.peek();
        if (timer == nullptr) {
            ++wrong;
            break;
        }
        wrong += timer->sequence != next.sequence ? 1U : 0U;
        wheel.pop();
    }
    watched::counting = false;
    watched::goes_on_failing = false;
    watched::fails_at = 0;
    return wrong + wheel.size();
}

}  // namespace failing
