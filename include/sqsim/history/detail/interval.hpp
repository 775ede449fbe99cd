// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/history/history.hpp"

#include <algorithm>
#include <cstdint>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

using sqsim::detail::Nanos;
using sqsim::detail::never;
using sqsim::detail::saturating_add;

/// The time within which an operation took effect, on the clock of its client.
struct Interval {
    Nanos first = Nanos::min();
    Nanos last = never;
    std::uint32_t client = 0;

    /// An operation without an answer may take effect at any time after its call.
    [[nodiscard]] static constexpr Interval of(const Operation& operation) noexcept {
        return {operation.invoked, operation.answer == Answer::unknown ? never : operation.answered, operation.client};
    }
};

/// Says which orders of intervals and instants are certain although every clock may be wrong by `clock_error`.
class IntervalOrder {
public:
    constexpr explicit IntervalOrder(Nanos clock_error) noexcept
        : slack_{saturating_add(std::max(clock_error, Nanos::zero()), std::max(clock_error, Nanos::zero()))} {}

    /// Whether the effect that `client` knew of by `answered` came before the effect of `b`. The calls of one client
    /// are ordered by its own clock, so its error does not matter.
    [[nodiscard]] constexpr bool precedes(Nanos answered, std::uint32_t client, const Interval& b) const noexcept {
        return saturating_add(answered, client == b.client ? Nanos::zero() : slack_) <= b.first && answered != never;
    }
    [[nodiscard]] constexpr bool precedes(const Interval& a, const Interval& b) const noexcept {
        return precedes(a.last, a.client, b);
    }

    /// Whether an effect at `latest` or earlier came before `deadline`.
    [[nodiscard]] constexpr bool is_before(Nanos latest, Nanos deadline) const noexcept {
        return saturating_add(latest, slack_) < deadline;
    }
    /// Whether an effect at `earliest` or later came after `deadline`.
    [[nodiscard]] constexpr bool is_after(Nanos earliest, Nanos deadline) const noexcept {
        return earliest > saturating_add(deadline, slack_);
    }

    [[nodiscard]] constexpr Nanos slack() const noexcept { return slack_; }

private:
    Nanos slack_;  // twice the error: the difference of two wrong times
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
