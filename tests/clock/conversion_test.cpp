// SPDX-License-Identifier: MIT

// Catches a conversion between the units of clocks that leaves the range of either instead of stopping at its end.

#include "catch.hpp"

#include "sqsim/clock/clock.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>

using namespace std::chrono_literals;
using sqsim::detail::Nanos;
using sqsim::detail::never;
using sqsim::detail::saturating_add;
using sqsim::detail::saturating_nanos;
using sqsim::detail::saturating_subtract;

namespace {

constexpr Nanos first = Nanos::min();

template <class Duration>
using TimePoint = std::chrono::time_point<std::chrono::system_clock, Duration>;
template <class Duration>
constexpr Duration since(Nanos instant) {
    return sqsim::detail::to_time_point<TimePoint<Duration>>(instant).time_since_epoch();
}

using Picos = std::chrono::duration<std::int64_t, std::pico>;
using ShortHours = std::chrono::duration<std::int32_t, std::ratio<3600>>;
using Sixtieths = std::chrono::duration<std::int64_t, std::ratio<1, 60>>;
using UnsignedSeconds = std::chrono::duration<std::uint64_t>;
using Years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;

}  // namespace

TEST_CASE("sums and differences stop at the ends of time", "[clock][ranges]") {
    CHECK(saturating_add(never, 1ns) == never);
    CHECK(saturating_add(first, -1ns) == first);
    CHECK(saturating_add(never, first) == -1ns);
    CHECK(saturating_subtract(never, -1ns) == never);
    CHECK(saturating_subtract(first, 1ns) == first);
    CHECK(saturating_subtract(0ns, first) == never);
    CHECK(saturating_subtract(-1ns, first) == never);
    CHECK(saturating_subtract(never, never) == 0ns);
    CHECK(saturating_subtract(first, first) == 0ns);
    CHECK(saturating_subtract(3ns, 5ns) == -2ns);
}

TEST_CASE("durations of every unit in nanoseconds", "[clock][ranges]") {
    CHECK(saturating_nanos(std::chrono::hours{2}) == 2h);
    CHECK(saturating_nanos(std::chrono::hours{-2}) == -2h);
    CHECK(saturating_nanos(std::chrono::hours{2'562'047}) == 2'562'047h);  // in the year 2262
    CHECK(saturating_nanos(std::chrono::hours{2'562'048}) == never);
    CHECK(saturating_nanos(std::chrono::hours{-2'562'047}) == -2'562'047h);
    CHECK(saturating_nanos(std::chrono::hours{-2'562'048}) == first);
    CHECK(saturating_nanos(std::chrono::hours::max()) == never);
    CHECK(saturating_nanos(std::chrono::hours::min()) == first);
    CHECK(saturating_nanos(Years{292}) == 292 * 31'556'952s);
    CHECK(saturating_nanos(Years{293}) == never);
    CHECK(saturating_nanos(ShortHours::max()) == never);
    CHECK(saturating_nanos(ShortHours{-1}) == -1h);
    CHECK(saturating_nanos(Picos{1'999}) == 1ns);
    CHECK(saturating_nanos(Picos{-1'999}) == -1ns);
    CHECK(saturating_nanos(Picos::max()) == Nanos{9'223'372'036'854'775});
    CHECK(saturating_nanos(Sixtieths{1}) == 16'666'666ns);
    CHECK(saturating_nanos(Sixtieths{6'000'000'061}) == 100'000'001s + 16'666'666ns);
    CHECK(saturating_nanos(Sixtieths::max()) == never);
    CHECK(saturating_nanos(Sixtieths::min()) == first);
    CHECK(saturating_nanos(UnsignedSeconds{7}) == 7s);
    CHECK(saturating_nanos(UnsignedSeconds::max()) == never);
    CHECK(saturating_nanos(std::chrono::milliseconds::max()) == never);
    using Seconds = std::chrono::duration<double>;
    CHECK(saturating_nanos(Seconds{1.5}) == 1500ms);
    CHECK(saturating_nanos(Seconds{1e300}) == never);
    CHECK(saturating_nanos(Seconds{std::numeric_limits<double>::infinity()}) == never);
    CHECK(saturating_nanos(Seconds{-std::numeric_limits<double>::infinity()}) == first);
    CHECK(saturating_nanos(Nanos{42}) == 42ns);
}

TEST_CASE("instants in every unit are the first ones that reach them", "[clock][ranges]") {
    CHECK(since<std::chrono::hours>(1ns) == 1h);
    CHECK(since<std::chrono::hours>(-1ns) == 0h);
    CHECK(since<std::chrono::hours>(-1h) == -1h);
    CHECK(since<std::chrono::hours>(never) == std::chrono::hours::max());
    CHECK(since<std::chrono::hours>(never - 1ns) == 2'562'048h);
    CHECK(since<std::chrono::hours>(first) == std::chrono::hours::min());
    CHECK(since<Picos>(1ns) == Picos{1'000});
    CHECK(since<Picos>(Nanos{9'223'372'036'854'774}) == Picos{9'223'372'036'854'774'000});
    CHECK(since<Picos>(Nanos{9'223'372'036'854'775}) == Picos::max());
    CHECK(since<Picos>(never) == Picos::max());
    CHECK(since<Picos>(-9'223'372'036'854'776ns) == Picos::min());
    CHECK(since<Sixtieths>(16'666'666ns) == Sixtieths{1});
    CHECK(since<Sixtieths>(16'666'667ns) == Sixtieths{2});
    CHECK(since<Sixtieths>(never - 1ns) == Sixtieths{553'402'322'212});
    CHECK(since<ShortHours>(1h + 1ns) == ShortHours{2});
    CHECK(since<Nanos>(never) == never);
    CHECK(since<Nanos>(first) == first);
    CHECK(since<std::chrono::microseconds>(1ns) == 1us);
}
