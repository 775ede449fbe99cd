// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/history.hpp"

#include <algorithm>
#include <cstdint>

// What the checker knows of a message, and what it may conclude from times.

namespace sqsim::inline SQSIM_ABI::detail {

/// Something took effect within this time, as the clock of a client says.
struct Sometime {
    Nanos first = Nanos::min();
    Nanos last = never;
    std::uint32_t client = 0;

    [[nodiscard]] static constexpr Sometime of(const sim::Operation& operation) noexcept {
        return {operation.invoked, operation.answer == sim::Answer::unknown ? never : operation.answered,
                operation.client};
    }
};

/// What is certain about times whose clocks may be wrong.
class Certainty {
public:
    constexpr explicit Certainty(Nanos clock_error) noexcept
        : slack_{saturating_add(std::max(clock_error, Nanos::zero()), std::max(clock_error, Nanos::zero()))} {}

    /// Whether `a` took effect before `b`, which was answered later. The clock of one client orders its own calls.
    [[nodiscard]] constexpr bool in_order(const Sometime& a, const Sometime& b) const noexcept {
        return saturating_add(a.last, a.client == b.client ? Nanos::zero() : slack_) <= b.first && a.last != never;
    }

    /// Whether what happened at the latest then was before a deadline.
    [[nodiscard]] constexpr bool is_before(Nanos latest, Nanos deadline) const noexcept {
        return saturating_add(latest, slack_) < deadline;
    }
    /// Whether what happened at the earliest then was after a deadline.
    [[nodiscard]] constexpr bool is_after(Nanos earliest, Nanos deadline) const noexcept {
        return earliest > saturating_add(deadline, slack_);
    }

    [[nodiscard]] constexpr Nanos slack() const noexcept { return slack_; }

private:
    Nanos slack_;  // the difference of two times may be off by twice the error
};

inline constexpr std::uint32_t no_operation = 0xFFFF'FFFF;

/// One message, as the operations so far show it.
struct MessageLife {
    // Its way into the queue where it is now.
    Sometime sent{};
    std::uint32_t send_operation = no_operation;  // of the first certain send
    std::uint32_t queue = 0;
    std::uint32_t group = 0;
    std::uint32_t same_deduplication = 0;  // the message before with that id
    std::uint32_t deduplication = 0;
    std::uint64_t content = 0;
    Nanos visible_from = Nanos::min();  // at the earliest
    Nanos kept_since = never;           // at the latest; for the retention

    // Its latest lease.
    Sometime leased{};
    std::uint32_t receipt = 0;
    std::uint32_t receive = no_operation;         // the call that returned it last
    std::uint32_t first_delivery = no_operation;  // at all
    std::int32_t returned = 0;                    // by how many receives of this queue
    Nanos lease_end_first = Nanos::min();         // the earliest possible end
    Nanos lease_end_last = Nanos::min();          // the latest possible end
    Sometime changed{never, Nanos::min(), 0};     // the latest change of visibility …
    Nanos change_end_first = Nanos::min();        // … and what it makes of the lease
    Nanos change_end_last = Nanos::min();

    // The highest receive count, and who saw it.
    Sometime counted{};
    std::int32_t highest_count = 0;

    // Its neighbours in its group.
    std::uint32_t before = 0;
    std::uint32_t after = 0;

    // Its end.
    Sometime deleted{never, never, 0};
    std::uint32_t deleted_from = 0;
    std::uint32_t moved_from = sim::QueueFacts::none;
    Nanos moved_by = never;

    bool known = false;      // sent, or taken as sent
    bool stored = false;     // for certain
    bool recovered = false;  // counted as such
    bool maybe_deleted = false;
    bool deleted_while_leased = false;  // so that it cannot have moved before
    bool in_group = false;              // linked
    bool moved = false;
    bool has_place = true;        // its place in its group is known
    bool replaced_lease = false;  // the latest lease began after the one before, for certain
};

}  // namespace sqsim::inline SQSIM_ABI::detail
