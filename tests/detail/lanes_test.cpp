// SPDX-License-Identifier: MIT

// Catches a comparison of eight numbers at once that misses one of them or finds one that differs.

#include "catch.hpp"

#include "sqsim/detail/lanes.hpp"
#include "sqsim/detail/rng.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

using sqsim::detail::equal_lanes;
using sqsim::detail::first_lane;
using sqsim::detail::SplitMix;

TEST_CASE("The lanes that equal a number are found, and no others", "[detail][lanes]") {
    SplitMix random{1};
    bool same = true;
    for (int round = 0; round < 20'000; ++round) {
        // Few different numbers, some of which differ in one byte only.
        std::array<std::uint32_t, 8> lanes{};
        for (std::uint32_t& lane : lanes) {
            lane = std::uint32_t{1 + random.below(2)} << (8 * random.below(4)) ^ (0U - random.below(2));
        }
        const std::uint32_t number = lanes[random.below(8)] ^ std::uint32_t{random.below(2)} << 31;
        std::uint32_t expected = 0;
        for (std::size_t i = 0; i < lanes.size(); ++i) {
            expected |= std::uint32_t{lanes[i] == number} << i;
        }
        same = same && equal_lanes(lanes, number) == expected;
        same = same && (expected == 0 || lanes[first_lane(expected)] == number);
    }
    CHECK(same);
}
