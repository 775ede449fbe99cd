// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <concepts>
#include <cstdint>
#include <ratio>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI {

/// A source of time that a queue reads through a reference.
///
/// | expression          | type            | requirement                                                        |
/// |---------------------|-----------------|--------------------------------------------------------------------|
/// | `C::duration`       | chrono duration | any period; a queue computes in nanoseconds                        |
/// | `C::time_point`     | chrono time     | its duration is `C::duration`                                      |
/// | `c.now()`           | `C::time_point` | static or member; may be called from any thread; may step backwards |
///
/// If `now()` throws, so does the call of the queue, which has not happened then.
///
/// One second of a clock is a second of real time, unless the clock has its own `wait_until`, as `ManualClock` has.
/// When it is set back, leases, delays, retention and deduplication stand still until it is where it was: nothing ends
/// early. What is asked for as a span lasts as long as ever: a long poll, a second of a quota, the rate of a move task.
///
/// The standard clocks satisfy it as they are. A clock with a member `now()` (`ManualClock`) is refused at compile
/// time by the waiting functions of the standard library, which would otherwise wait in real time.
template <class C>
concept Clock = requires(C& clock) {
    typename C::duration;
    typename C::time_point;
    { clock.now() } -> std::same_as<typename C::time_point>;
};

namespace detail {

/// A clock that needs no object.
template <class C>
concept StaticClock = requires {
    C::now();
}
&&std::is_default_constructible_v<C>;

/// Whether two queues have the same clock. That of a clock that needs no object is the same whatever object is named.
template <class C>
[[nodiscard]] constexpr bool is_same_clock(const C& a, const C& b) noexcept {
    return StaticClock<C> || &a == &b;
}

/// A clock that the waiting functions of the standard library accept (the standard's own test is not everywhere yet).
template <class C>
concept StandardClock = requires {
    C::now();
    C::is_steady;
    typename C::rep;
    typename C::period;
};

/// Whether a clock says of itself that it never goes back.
template <class C>
inline constexpr bool is_steady = false;
template <class C>
requires requires { C::is_steady; }
inline constexpr bool is_steady<C> = C::is_steady;

/// Instants and durations inside the engines: nanoseconds since the clock's epoch, or between two instants.
using Nanos = std::chrono::nanoseconds;

/// The instant that no clock reaches.
inline constexpr Nanos never = Nanos::max();

/// The sum of two durations, at the ends of the range instead of beyond them: a deadline must not overflow.
[[nodiscard]] constexpr Nanos saturating_add(Nanos a, Nanos b) noexcept {
    if (b > Nanos::zero() && a > never - b) {
        return never;
    }
    if (b < Nanos::zero() && a < Nanos::min() - b) {
        return Nanos::min();
    }
    return a + b;
}

/// The difference of two instants, likewise.
[[nodiscard]] constexpr Nanos saturating_subtract(Nanos a, Nanos b) noexcept {
    if (b < Nanos::zero() && a > never + b) {
        return never;
    }
    if (b > Nanos::zero() && a < Nanos::min() + b) {
        return Nanos::min();
    }
    return a - b;
}

/// A duration in nanoseconds, likewise; what is finer is cut off.
template <class Rep, class Period>
[[nodiscard]] constexpr Nanos saturating_nanos(std::chrono::duration<Rep, Period> duration) noexcept {
    using Scale = std::ratio_divide<Period, std::nano>;
    if constexpr (std::is_same_v<std::chrono::duration<Rep, Period>, Nanos>) {
        return duration;
    } else if constexpr (std::is_integral_v<Rep>) {
        using Wide = std::conditional_t<std::is_signed_v<Rep>, std::int64_t, std::uint64_t>;
        constexpr Nanos::rep most = never.count() / Scale::num;
        const Wide whole = static_cast<Wide>(duration.count()) / static_cast<Wide>(Scale::den);
        if (std::cmp_greater(whole, most)) {
            return never;
        }
        if (std::cmp_less(whole, -most)) {
            return Nanos::min();
        }
        const auto rest = static_cast<Nanos::rep>(static_cast<Wide>(duration.count()) % static_cast<Wide>(Scale::den));
        return saturating_add(Nanos{static_cast<Nanos::rep>(whole) * Scale::num},
                              Nanos{rest * Scale::num / Scale::den});
    } else {
        const std::chrono::duration<double, std::nano> nanos{duration};
        constexpr double beyond = 9'223'372'036'854'775'808.0;
        if (nanos.count() >= beyond) {
            return never;
        }
        return nanos.count() > -beyond ? std::chrono::duration_cast<Nanos>(nanos) : Nanos::min();
    }
}

/// So many of a clock's own units as reach a duration, which they can. Without a product beyond the range.
template <class Duration>
[[nodiscard]] constexpr Duration rounded_up(Nanos duration) noexcept {
    using Scale = std::ratio_divide<std::nano, typename Duration::period>;
    if constexpr (std::is_integral_v<typename Duration::rep>) {
        const Nanos::rep whole = duration.count() / Scale::den * Scale::num;
        const Nanos::rep rest = duration.count() % Scale::den * Scale::num;
        const Nanos::rep units = whole + rest / Scale::den + (rest % Scale::den > 0 ? 1 : 0);
        return Duration{static_cast<typename Duration::rep>(units)};
    } else {
        return std::chrono::ceil<Duration>(duration);
    }
}

/// How long the machine has been running: for limits in real time.
[[nodiscard]] inline Nanos real_time() noexcept { return std::chrono::steady_clock::now().time_since_epoch(); }

/// Time that goes on with what a clock shows, but not back: a clock that is set back goes on from where it was.
class ElapsedTime {
public:
    /// The time when the clock shows `reading`.
    [[nodiscard]] Nanos at(Nanos reading) noexcept {
        if (reading < last_reading_) {
            set_back_ = saturating_add(set_back_, saturating_subtract(last_reading_, reading));
        }
        last_reading_ = reading;
        return saturating_add(reading, set_back_);
    }

    /// By how much the clock was set back in all.
    [[nodiscard]] Nanos set_back() const noexcept { return set_back_; }

private:
    Nanos last_reading_ = Nanos::min();
    Nanos set_back_{};
};

/// A clock's time as nanoseconds since its epoch: those of a coarse clock may be more than there are, and stand still
/// at the end of the range then.
template <class TimePoint>
[[nodiscard]] constexpr Nanos to_nanos(TimePoint time) noexcept {
    return saturating_nanos(time.time_since_epoch());
}

/// The first instant of a clock at which `instant` has been reached (a coarse clock rounds up); the end of its range if
/// that is never.
template <class TimePoint>
[[nodiscard]] constexpr TimePoint to_time_point(Nanos instant) noexcept {
    using Duration = typename TimePoint::duration;
    if constexpr (std::is_same_v<Duration, Nanos>) {
        return TimePoint{instant};
    } else {
        if (instant >= saturating_nanos(Duration::max())) {
            return TimePoint::max();
        }
        if (instant <= saturating_nanos(Duration::min())) {
            return TimePoint::min();
        }
        return TimePoint{rounded_up<Duration>(instant)};
    }
}

}  // namespace detail
}  // namespace sqsim::inline SQSIM_ABI
