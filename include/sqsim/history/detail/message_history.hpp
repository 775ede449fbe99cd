// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/history.hpp"

#include <algorithm>
#include <cstdint>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

inline constexpr std::uint32_t no_operation = 0xFFFF'FFFF;

/// What the operations so far show of one message.
///
/// Invariants: a name ending in `_by` is the latest possible time, one ending in `_first` the earliest and in `_last`
/// the latest end; `visible_from` is the earliest possible time. The lease is that of the last receive processed, and
/// its ends include every change of visibility that may belong to it. `before` and `after` are valid while `in_group`.
/// Three cache lines: each operation touches one message.
struct alignas(64) MessageHistory {
    MessageHistory() noexcept {}  // NOLINT: with a defaulted one a vector would zero the memory first

    // The send, or the move into the queue where the message is now.
    Interval sent{};
    std::uint32_t queue = 0;
    std::uint32_t group = 0;
    std::uint64_t content = 0;
    Nanos visible_from = Nanos::min();
    Nanos kept_since = never;                     // the latest start of the retention
    std::uint32_t send_operation = no_operation;  // the first acknowledged send
    std::uint32_t same_deduplication = 0;         // the previous message with this id
    std::uint32_t before = 0;                     // neighbours in the group
    std::uint32_t after = 0;

    // The latest lease.
    Nanos leased_by = never;
    Nanos lease_end_first = Nanos::min();
    Nanos lease_end_last = Nanos::min();
    std::uint32_t leased_client = 0;
    std::uint32_t receipt = 0;
    std::uint32_t receive = no_operation;         // the call that returned the message last
    std::uint32_t first_delivery = no_operation;  // in any queue
    std::int32_t returned = 0;                    // receives of this queue that returned it

    // The highest receive count.
    std::int32_t highest_count = 0;
    Nanos counted_by = never;
    std::uint32_t counted_client = 0;

    // The delete, or the move to the dead-letter queue.
    std::uint32_t deleted_client = 0;
    Nanos deleted_by = never;
    std::uint32_t deleted_from = 0;
    std::uint32_t moved_from = QueueFacts::none;
    Nanos moved_by = never;

    // The latest change of visibility, and the end of the lease that it sets.
    Nanos changed_by = Nanos::min();
    Nanos change_end_first = Nanos::min();
    Nanos change_end_last = Nanos::min();
    std::uint32_t changed_client = 0;

    bool known : 1 = false;            // a send or a delivery named it
    bool stored : 1 = false;           // for certain
    bool recovered : 1 = false;        // counted as such
    bool send_unanswered : 1 = false;  // the first send, so that operations at its instant have no order with it
    bool maybe_deleted : 1 = false;
    bool deleted_while_leased : 1 = false;  // it cannot have moved before the delete
    bool in_group : 1 = false;              // linked
    bool moved : 1 = false;
    bool redriven : 1 = false;
    bool has_place : 1 = true;        // its place in its group is known
    bool replaced_lease : 1 = false;  // the latest lease certainly began after the previous one
    bool changed : 1 = false;

    /// The message enters a queue by this send or redrive.
    void begin(const Operation& operation, std::uint32_t index) noexcept {
        known = true;
        stored = operation.answer != Answer::unknown;
        send_unanswered = !stored;
        redriven = operation.action == Action::redrive;
        send_operation = stored ? index : no_operation;
        sent = Interval::of(operation);
        kept_since = sent.last;
        visible_from = saturating_add(operation.invoked, operation.duration);
        queue = operation.queue;
        group = operation.group;
        content = operation.content;
    }

    /// Another send was answered with the id of this message: a FIFO queue deduplicated one of them (R156).
    void repeat_send(const Operation& operation, std::uint32_t index) noexcept {
        if (operation.answer == Answer::unknown || operation.queue != queue) {
            return;
        }
        if (operation.answer == Answer::ok && operation.invoked < sent.last) {  // either may be the original
            sent.first = std::min(sent.first, operation.invoked);
            visible_from = std::min(visible_from, saturating_add(operation.invoked, operation.duration));
            content = content == operation.content ? content : 0;
            group = group == operation.group ? group : 0;
        }
        sent.last = std::min(sent.last, operation.answered);
        kept_since = std::min(kept_since, operation.answered);
        send_operation = stored ? send_operation : index;
        stored = true;
    }

    /// A receive with `receipt_number` returned the message. `follows`: certainly after the previous lease.
    void begin_lease(const Operation& receive_call, std::uint32_t receive_index, std::uint32_t receipt_number,
                     bool follows, const IntervalOrder& order) noexcept {
        const Interval now = Interval::of(receive_call);
        follows = follows || leased_by == never;
        Nanos first = saturating_add(receive_call.invoked, receive_call.duration);
        Nanos last = saturating_add(receive_call.answered, receive_call.duration);
        if (changed && !order.precedes(changed_by, changed_client, now)) {  // the change may be one of this lease
            first = std::min(first, change_end_first);
            last = std::max(last, change_end_last);
        }
        if (!follows) {  // either lease may be the later one
            first = std::min(first, lease_end_first);
            last = std::max(last, lease_end_last);
        }
        replaced_lease = follows;
        leased_by = now.last;
        leased_client = now.client;
        receipt = receipt_number;
        receive = receive_index;
        lease_end_first = first;
        lease_end_last = last;
    }

    /// A change of visibility took effect, or may have.
    void change_lease(const Operation& change, const IntervalOrder& order) noexcept {
        const bool unknown = change.answer == Answer::unknown;
        const Interval now = Interval::of(change);
        const Nanos first = saturating_add(change.invoked, change.duration);
        // An unanswered change may take effect at any time while the lease lasts.
        const Nanos last = saturating_add(unknown ? lease_end_last : change.answered, change.duration);
        if (!unknown && change.receipt == receipt && order.precedes(leased_by, leased_client, now) &&
            (!changed || order.precedes(changed_by, changed_client, now))) {
            lease_end_first = first;
            lease_end_last = last;
        } else {  // it may belong to another lease, or an earlier change may take effect after it
            lease_end_first = std::min(lease_end_first, first);
            lease_end_last = std::max(lease_end_last, last);
        }
        changed = true;
        changed_by = now.last;
        changed_client = now.client;
        change_end_first = first;
        change_end_last = last;
    }

    /// The message is in queue `to`, since `latest` or earlier.
    void move(std::uint32_t to, Nanos latest) noexcept {
        moved_from = queue;
        moved_by = latest;
        moved = true;
        queue = to;
        returned = 0;
        receipt = 0;
        leased_by = never;
        lease_end_first = Nanos::min();
        lease_end_last = Nanos::min();
        visible_from = Nanos::min();
    }
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
