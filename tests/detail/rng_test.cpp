// SPDX-License-Identifier: MIT

// Catches a generator or a bound that differs from its definition, so that a seed gives another history.

#include "catch.hpp"

#include "sqsim/detail/rng.hpp"

#include <cstdint>
#include <limits>
#include <vector>

using sqsim::detail::probability_bound;
using sqsim::detail::SplitMix;

TEST_CASE("The generator is splitmix64: its published vector", "[detail][rng][determinism]") {
    SplitMix random{1234567};
    CHECK(random.next() == 6457827717110365317U);
    CHECK(random.next() == 3203168211198807973U);
    CHECK(random.next() == 9817491932198370423U);
}

TEST_CASE("A number below a bound is the high half of the next number, scaled", "[detail][rng][determinism]") {
    // 6457827717110365317 = 0x599ed017fb08fc85: the high half is 0x599ed017, times ten and divided by 2^32 is 3.
    SplitMix random{1234567};
    CHECK(random.below(10) == 3);
    SplitMix again{1234567};
    CHECK(again.below(std::numeric_limits<std::uint32_t>::max()) == 0x599ed016U);
}

TEST_CASE("Numbers below a bound stay below it and reach all of it evenly", "[detail][rng]") {
    SplitMix random{42};
    for (int i = 0; i < 100; ++i) {
        REQUIRE(random.below(1) == 0);
    }
    std::vector<int> seen(7, 0);
    for (int i = 0; i < 70'000; ++i) {
        const std::uint32_t number = random.below(7);
        REQUIRE(number < 7);
        ++seen[number];
    }
    for (const int count : seen) {  // the seed is fixed; five standard deviations of 93 around 10,000
        CHECK(count > 9'500);
        CHECK(count < 10'500);
    }
}

TEST_CASE("A probability is an exact bound on 64 bits", "[detail][rng]") {
    CHECK(probability_bound(0) == 0);
    CHECK(probability_bound(-1) == 0);
    CHECK(probability_bound(0.5) == std::uint64_t{1} << 63);
    CHECK(probability_bound(0.25) == std::uint64_t{1} << 62);
    CHECK(probability_bound(1) == std::numeric_limits<std::uint64_t>::max());
    CHECK(probability_bound(2) == std::numeric_limits<std::uint64_t>::max());
}
