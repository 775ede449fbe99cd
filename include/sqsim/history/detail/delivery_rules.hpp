// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/check_context.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/verdict.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

// The rules for a message that a receive returned, in the order of the table in docs/history.md. Each returns what is
// certainly wrong, or nothing.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// How a message of another queue can have come to the queue of a delivery.
struct Passage {
    bool exists = false;    // along the redrive policies
    bool is_early = false;  // although some queue had not returned it often enough
};

[[nodiscard]] inline Passage find_passage(const Event& delivery, const MessageHistory& message,
                                          const CheckContext& context) noexcept {
    Passage passage;
    std::uint32_t queue = message.queue;
    std::int32_t received = context.most_receives(message, queue);
    for (std::size_t steps = 0; steps <= context.history->queues.size() && queue != delivery->queue; ++steps) {
        if (context.index.queues[queue].dead_letter_queue == QueueFacts::none) {
            return {};
        }
        passage.is_early = passage.is_early || received < context.index.queues[queue].max_receive_count;
        queue = context.index.queues[queue].dead_letter_queue;
        received = context.index.queues[queue].unseen_receives;
    }
    passage.exists = queue == delivery->queue;
    return passage;
}

/// Whether a message that was moved came from the queue that it had left.
[[nodiscard]] inline std::optional<Finding> check_left_queue(const Event& delivery, const MessageHistory& message,
                                                             const CheckContext& context) noexcept {
    if (message.moved_from == delivery->queue &&
        context.order.precedes(message.moved_by, no_operation, delivery.time)) {
        return Finding{HistoryRule::received_beyond_maximum, message.moved_by};
    }
    return {};
}

/// A message of another queue that no redrive policy brings here. Nobody may have sent it, or it had left.
[[nodiscard]] inline std::optional<Finding> check_unexpected(const Event& delivery, const MessageHistory& message,
                                                             const CheckContext& context) noexcept {
    if (message.moved_from != delivery->queue) {
        return Finding{HistoryRule::unexpected};
    }
    return check_left_queue(delivery, message, context);
}

[[nodiscard]] inline std::optional<Finding> check_content(const Event& delivery,
                                                          const MessageHistory& message) noexcept {
    const bool is_other_content =
        delivery->content != message.content && delivery->content != 0 && message.content != 0;
    const bool is_other_group = delivery->group != message.group && delivery->group != 0 && message.group != 0;
    return is_other_content || is_other_group ? std::optional{Finding{HistoryRule::content_changed}} : std::nullopt;
}

/// Whether the message was still hidden, whichever of the two receives took effect first. The lease of a handle that
/// arrived before may have ended with that answer, so only the other lease counts then.
[[nodiscard]] inline std::optional<Finding> check_lease(const Event& delivery, const MessageHistory& message,
                                                        bool is_other_receive, bool follows, CheckContext& context) {
    const Nanos own_end = saturating_add(delivery.receive->invoked, delivery.receive->duration);
    if (message.returned != 0 && context.order.is_before(delivery.receive->answered, message.lease_end_first) &&
        (follows || (is_other_receive && context.order.is_before(message.leased_by, own_end))) &&
        context.find_earlier_change(delivery, delivery->message) == nullptr &&
        !context.may_be_repeated(message, [&](const Operation& receive) {
            return !context.order.is_before(delivery.time.last, saturating_add(receive.invoked, receive.duration));
        })) {
        return Finding{HistoryRule::received_while_leased, message.lease_end_first};
    }
    return {};
}

[[nodiscard]] inline std::optional<Finding> check_after_delete(const Event& delivery, const MessageHistory& message,
                                                               const CheckContext& context) noexcept {
    if (context.order.precedes(message.deleted_by, message.deleted_client, delivery.time) &&
        (message.deleted_from == delivery->queue || message.deleted_while_leased)) {
        return Finding{HistoryRule::received_after_delete, message.deleted_by};
    }
    return {};
}

/// Whether the send of a message came after a change of the delay, so that the delay of the send is that or a later
/// one.
[[nodiscard]] inline bool was_known_to_send(std::uint32_t change, const MessageHistory& message,
                                            const CheckContext& context) noexcept {
    const Interval time = Interval::of(context.at(change));
    return message.send_unanswered ? context.order.is_before(time.last, message.sent.first)
                                   : change < message.send_operation && context.order.precedes(time, message.sent);
}

/// When the delay of a message ended at the earliest. On a FIFO queue it is that of the queue at the time, so each
/// change starts a period with a delay of its own, in which the message may become visible (R130).
///
/// Complexity: linear in the changes of delay, of which few histories have any.
[[nodiscard]] inline Nanos find_delay_end(const MessageHistory& message, const CheckContext& context) noexcept {
    const IntervalOrder& order = context.order;
    Interval next{never, never};  // the change after the one that is looked at, if it was answered
    Nanos earliest = never;
    const auto& changes = context.index.delay_changes;
    for (std::size_t i = changes.size(); i-- != 0;) {
        const Operation& change = context.at(changes[i]);
        const Interval time = Interval::of(change);
        if (change.queue != message.queue || was_known_to_send(changes[i], message, context)) {
            continue;
        }
        const Nanos end = order.precedes(time, next) ? next.last : never;
        const Nanos visible = std::max(change.invoked, saturating_add(message.sent.first, change.duration));
        earliest = order.is_after(visible, end) ? earliest : std::min(earliest, visible);
        next = time.last != never ? time : next;
    }
    const Nanos end = order.precedes(message.sent, next) ? next.last : never;
    return order.is_after(message.visible_from, end) ? earliest : std::min(earliest, message.visible_from);
}

[[nodiscard]] inline std::optional<Finding> check_delay(const Event& delivery, const MessageHistory& message,
                                                        const CheckContext& context) noexcept {
    Nanos visible_from = message.visible_from;
    if (context.index.queues[message.queue].delay_changes && context.facts(message.queue).fifo &&
        visible_from != Nanos::min()) {
        visible_from = find_delay_end(message, context);
    }
    if (context.order.is_before(delivery.time.last, visible_from)) {
        return Finding{HistoryRule::received_before_delay, visible_from};
    }
    return {};
}

[[nodiscard]] inline std::optional<Finding> check_retention(const Event& delivery, const MessageHistory& message,
                                                            const CheckContext& context) noexcept {
    const Nanos kept_until = saturating_add(message.kept_since, context.facts(message.queue).message_retention_period);
    if (context.order.is_after(delivery.time.first, kept_until)) {
        return Finding{HistoryRule::received_after_retention, kept_until};
    }
    return {};
}

/// The same count again is right only with a handle that arrived before.
[[nodiscard]] inline std::optional<Finding> check_receive_count(const Event& delivery, const MessageHistory& message,
                                                                bool is_other_receive,
                                                                const CheckContext& context) noexcept {
    const std::int32_t count = delivery->receive_count;
    if (count > 0 && ((count == message.highest_count && is_other_receive) ||
                      (count < message.highest_count &&
                       context.order.precedes(message.counted_by, message.counted_client, delivery.time)))) {
        return Finding{HistoryRule::receive_count_not_growing, {}, message.highest_count};
    }
    return {};
}

/// Whether a message that came from another queue had been received there too seldom.
[[nodiscard]] inline std::optional<Finding> check_early_move(const Event& delivery, const MessageHistory& message,
                                                             const Passage& passage, CheckContext& context) {
    if (passage.is_early && context.find_earlier(delivery, delivery->message, {Action::delivery}) == nullptr) {
        return Finding{HistoryRule::dead_lettered_early, {}, context.index.queues[message.queue].max_receive_count};
    }
    return {};
}

/// Whether the message had to move instead. `message.returned` includes this delivery.
[[nodiscard]] inline std::optional<Finding> check_maximum(const Event& delivery, const MessageHistory& message,
                                                          const CheckContext& context) noexcept {
    const HistoryIndex::QueueEntry& queue = context.index.queues[message.queue];
    // The count of a moved message includes the receives of other queues.
    const std::int32_t received =
        message.moved ? message.returned : std::max(message.returned, delivery->receive_count);
    if (queue.max_receive_count > 0 && queue.dead_letter_queue != message.queue && received > queue.max_receive_count) {
        return Finding{HistoryRule::received_beyond_maximum, never, received};
    }
    return {};
}

/// By the order of two calls, or by their order in one batch (R80).
[[nodiscard]] inline bool was_sent_before(const MessageHistory& a, const MessageHistory& b,
                                          const CheckContext& context) noexcept {
    if (b.send_unanswered) {  // at the same instant it may have come first
        return context.order.is_before(a.sent.last, b.sent.first);
    }
    return context.order.precedes(a.sent, b.sent) ||
           (a.sent.client == b.sent.client && a.send_operation < b.send_operation &&
            context.at(a.send_operation).invoked == context.at(b.send_operation).invoked &&
            context.at(a.send_operation).answered == context.at(b.send_operation).answered);
}

/// Whether an operation that was answered later may have taken the message out of its queue before the delivery. A
/// message that certainly leaves by such a call is erased from its group: receives are judged in the order of their
/// answers, so no later one needs to look at it. One that may leave by such a receive needs no look before that.
[[nodiscard]] inline bool may_leave(const Event& delivery, std::uint32_t number, CheckContext& context) {
    const Operation* const call = context.find_earlier(delivery, number, {Action::delete_message, Action::dead_letter});
    if (call != nullptr) {
        if (call->invoked < delivery.time.last) {
            context.groups.erase(context.index.messages, number);
        }
        return true;
    }
    const Operation* const receive = context.index.queues[delivery->queue].max_receive_count > 0
                                         ? context.find_earlier(delivery, number, {Action::delivery})
                                         : nullptr;
    if (receive != nullptr && receive->invoked < delivery.time.last && delivery.time.last != never &&
        delivery.index > context.index.last_policy_change) {
        context.groups.pass_until(context.index.messages, number, context.find_next_look(delivery, number, *receive));
    }
    return receive != nullptr;
}

/// group overtaken, group locked: an earlier message of the group that was there and not in the same answer.
[[nodiscard]] inline Finding find_group_rule(const Event& delivery, std::uint32_t number, CheckContext& context) {
    const MessageHistory& earlier = context.index.messages[number];
    const bool is_locked = context.order.precedes(earlier.leased_by, earlier.leased_client, delivery.time) &&
                           context.order.is_before(delivery.time.last, earlier.lease_end_first) &&
                           context.find_earlier_change(delivery, number) == nullptr;
    return {is_locked ? HistoryRule::group_locked : HistoryRule::group_overtaken, earlier.lease_end_first, number};
}

/// The earlier messages of the group that are there must be in the same answer (R138, R139).
///
/// Complexity: logarithmic, amortised; but each message that may have left within the error of the clocks is looked at
/// again by each receive. The list is in the order of the answers, so the search from its front ends at the first
/// message that may have been sent later.
[[nodiscard]] inline std::optional<Finding> check_group(const Event& delivery, const MessageHistory& message,
                                                        std::uint32_t receive_index, CheckContext& context) {
    auto& messages = context.index.messages;
    const auto skip = [&](std::uint32_t from) {
        return context.groups.skip(messages, from, delivery.index,
                                   saturating_add(message.sent.first, -context.order.slack()));
    };
    std::uint32_t other = skip(context.groups.next_to_check(message, receive_index));
    while (other != 0 && messages[other].send_operation < message.send_operation) {
        const MessageHistory& earlier = messages[other];
        const std::uint32_t next = earlier.after;
        if (earlier.queue == message.queue && earlier.receive != receive_index) {
            if (!was_sent_before(earlier, message, context)) {
                break;
            }
            if (context.may_be_gone(earlier, delivery.time.last)) {
                context.groups.erase(messages, other);
            } else if (!may_leave(delivery, other, context)) {
                return find_group_rule(delivery, other, context);
            }
        }
        context.groups.pass(message, next);
        other = skip(next);
    }
    // Messages of this client, of this batch, and those received before their send was answered, may have been sent
    // earlier for certain although one that was answered before them was not. The last ones must do.
    constexpr int most_steps = 64;
    if (other == 0 || &messages[other] == &message || messages[other].send_operation >= message.send_operation) {
        return {};
    }
    other = message.in_group ? message.before : context.groups.last(message);
    for (int steps = 0; steps < most_steps && other != 0; ++steps) {
        const MessageHistory& earlier = messages[other];
        const std::uint32_t next = earlier.before;
        if (earlier.queue == message.queue && earlier.receive != receive_index &&
            was_sent_before(earlier, message, context)) {
            if (context.may_be_gone(earlier, delivery.time.last)) {
                context.groups.erase(messages, other);
            } else if (!may_leave(delivery, other, context)) {
                return find_group_rule(delivery, other, context);
            }
        }
        other = next;
    }
    return {};
}

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
