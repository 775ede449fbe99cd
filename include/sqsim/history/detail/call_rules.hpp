// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/check_context.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/verdict.hpp"

#include <algorithm>
#include <cstdint>
#include <optional>

// The rules for calls, and those that only the end of a history can break, in the order of the table in
// docs/history.md. Each returns what is certainly wrong, or nothing.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// A stored message that is not there any more. Precondition: the history is drained.
[[nodiscard]] inline std::optional<Finding> check_lost(const MessageHistory& message,
                                                       const CheckContext& context) noexcept {
    const bool may_be_redriven =  // under a new id
        context.index.has_redrive && context.index.queues[message.queue].is_dead_letter_queue;
    if (message.stored && !context.facts(message.queue).keeps_messages && message.send_operation != no_operation &&
        !message.moved && !may_be_redriven && !context.may_be_gone(message, context.index.end)) {
        return Finding{HistoryRule::lost, {}, message.first_delivery != no_operation ? 1 : 0};
    }
    return {};
}

/// A move to the dead-letter queue before the message was received as often as the policy says.
[[nodiscard]] inline std::optional<Finding> check_early_dead_letter(const Event& move, const MessageHistory& message,
                                                                    CheckContext& context) {
    const std::int32_t maximum = context.index.queues[message.queue].max_receive_count;
    if (maximum == 0 || (context.most_receives(message, message.queue) < maximum &&
                         context.find_earlier(move, move->message, {Action::delivery}) == nullptr)) {
        return Finding{HistoryRule::dead_lettered_early, {}, maximum};
    }
    return {};
}

/// Two messages with one deduplication id that were both received.
///
/// Complexity: constant. It looks at the previous 16 messages with the id, which only groups of their own can have.
[[nodiscard]] inline std::optional<Finding> check_duplicate(const MessageHistory& message,
                                                            const CheckContext& context) noexcept {
    constexpr int most_steps = 16;
    if (message.first_delivery == no_operation) {
        return {};
    }
    const QueueFacts& queue = context.facts(context.at(message.first_delivery).queue);
    std::uint32_t other = message.same_deduplication;
    for (int steps = 0; steps < most_steps && other != 0; ++steps) {
        const MessageHistory& earlier = context.index.messages[other];
        const bool same_scope = earlier.queue == message.queue && !earlier.moved && !message.moved &&
                                (!queue.deduplicates_by_group || earlier.group == message.group);
        if (same_scope && earlier.first_delivery != no_operation) {
            const Nanos first = std::min(earlier.sent.first, message.sent.first);
            const Nanos last = std::max(earlier.sent.last, message.sent.last);
            const auto& purges = context.index.queues[message.queue];
            const bool is_purged = last >= purges.purged_first && first <= purges.purged_last;  // R155
            if (!is_purged && context.order.is_before(last, saturating_add(first, queue.deduplication_interval))) {
                return Finding{HistoryRule::duplicate_within_interval, queue.deduplication_interval, other};
            }
            return {};
        }
        other = earlier.same_deduplication;
    }
    return {};
}

/// Whether another receive has certainly replaced the handle of a delete.
[[nodiscard]] inline bool is_superseded(const Event& erase, const MessageHistory& message,
                                        const CheckContext& context) noexcept {
    return erase->receipt != message.receipt && erase->receipt != 0 && message.receipt != 0 && message.replaced_lease &&
           context.order.precedes(message.leased_by, message.leased_client, erase.time);
}

/// An acknowledged delete on a FIFO queue by a handle whose lease had ended, or that another receive had replaced.
[[nodiscard]] inline std::optional<Finding> check_stale_delete(const Event& erase, std::uint32_t number,
                                                               const MessageHistory& message, CheckContext& context) {
    const bool too_late =
        erase->receipt == message.receipt && message.receipt != 0 &&
        context.order.is_after(erase->invoked, message.lease_end_last) &&
        !context.may_be_repeated(message, [&](const Operation& receive) {
            return !context.order.is_after(erase->invoked, saturating_add(message.lease_end_last, receive.duration));
        });
    if ((too_late || is_superseded(erase, message, context)) && !context.may_be_gone(message, erase->answered) &&
        context.find_earlier(erase, number, {Action::change_message_visibility, Action::delivery}) == nullptr) {
        return Finding{HistoryRule::stale_delete, too_late ? message.lease_end_last : never, number};
    }
    return {};
}

/// The `position`-th message of an answer is one more than asked for, or than the queue ever gives. Only the first such
/// is a finding.
[[nodiscard]] inline std::optional<Finding> check_answer_size(const Operation& receive, std::int32_t position,
                                                              const CheckContext& context) noexcept {
    const std::int32_t limit = context.facts(receive.queue).max_number_of_messages;
    const std::int32_t most = receive.maximum > 0 ? std::min(receive.maximum, limit) : limit;
    return position - 1 == most ? std::optional{Finding{HistoryRule::too_many_messages, {}, most}} : std::nullopt;
}

/// A long poll that waited longer than asked. A short poll does not wait: how long it took is its client's affair
/// (R89).
[[nodiscard]] inline std::optional<Finding> check_wait(const Event& receive, const CheckContext& context) noexcept {
    const Nanos longest = saturating_add(receive->wait, context.call_overhead);
    if (receive->answer == Answer::ok && receive->wait != Nanos::zero() &&
        context.order.is_after(receive->answered, saturating_add(receive->invoked, longest))) {
        return Finding{HistoryRule::waited_too_long, receive->wait};
    }
    return {};
}

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
