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

    /// Whether what one client had an answer to by `answered` took effect before `b`, which was answered later. The
    /// clock of one client orders its own calls.
    [[nodiscard]] constexpr bool in_order(Nanos answered, std::uint32_t client, const Sometime& b) const noexcept {
        return saturating_add(answered, client == b.client ? Nanos::zero() : slack_) <= b.first && answered != never;
    }
    [[nodiscard]] constexpr bool in_order(const Sometime& a, const Sometime& b) const noexcept {
        return in_order(a.last, a.client, b);
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

/// One message, as the operations so far show it: three cache lines.
struct alignas(64) MessageLife {
    MessageLife() noexcept {}  // NOLINT: a defaulted one would let a vector zero the whole before

    // Its way into the queue where it is now.
    Sometime sent{};
    std::uint32_t queue = 0;
    std::uint32_t group = 0;
    std::uint64_t content = 0;
    Nanos visible_from = Nanos::min();            // at the earliest
    Nanos kept_since = never;                     // at the latest; for the retention
    std::uint32_t send_operation = no_operation;  // of the first certain send
    std::uint32_t same_deduplication = 0;         // the message before with that id
    std::uint32_t before = 0;                     // its neighbours in its group
    std::uint32_t after = 0;

    // Its latest lease.
    Nanos leased_by = never;
    Nanos lease_end_first = Nanos::min();  // the earliest possible end
    Nanos lease_end_last = Nanos::min();   // the latest possible end
    std::uint32_t leased_client = 0;
    std::uint32_t receipt = 0;
    std::uint32_t receive = no_operation;         // the call that returned it last
    std::uint32_t first_delivery = no_operation;  // at all
    std::int32_t returned = 0;                    // by how many receives of this queue

    // The highest receive count, and who saw it.
    std::int32_t highest_count = 0;
    Nanos counted_by = never;
    std::uint32_t counted_client = 0;

    // Its end.
    std::uint32_t deleted_client = 0;
    Nanos deleted_by = never;
    std::uint32_t deleted_from = 0;
    std::uint32_t moved_from = sim::QueueFacts::none;
    Nanos moved_by = never;

    // The latest change of visibility, and what it makes of the lease.
    Nanos changed_by = Nanos::min();
    Nanos change_end_first = Nanos::min();
    Nanos change_end_last = Nanos::min();
    std::uint32_t changed_client = 0;

    bool known : 1 = false;      // sent, or taken as sent
    bool stored : 1 = false;     // for certain
    bool recovered : 1 = false;  // counted as such
    bool maybe_deleted : 1 = false;
    bool deleted_while_leased : 1 = false;  // so that it cannot have moved before
    bool in_group : 1 = false;              // linked
    bool moved : 1 = false;
    bool has_place : 1 = true;        // its place in its group is known
    bool replaced_lease : 1 = false;  // the latest lease began after the one before, for certain
    bool changed : 1 = false;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
