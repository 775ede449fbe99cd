// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_context.hpp"
#include "sqsim/sim/history_life.hpp"
#include "sqsim/sim/history_rules.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The rules for what a receive returns.
class DeliveryRules {
public:
    explicit DeliveryRules(HistoryContext& context) noexcept : context_{context} {}

    void begin(const sim::Operation& operation, std::uint32_t index) {
        context_.receive = &operation;
        context_.receive_index = index;
        returned_ = 0;
        const Nanos longest = saturating_add(operation.wait, context_.options.call_overhead);
        if (operation.answer == sim::Answer::ok &&
            context_.certainty.is_after(operation.answered, saturating_add(operation.invoked, longest))) {
            context_.findings.add(Rule::waited_too_long, index, operation.wait);
        }
    }

    void look_at(const sim::Operation& operation, std::uint32_t index) {
        MessageLife& life = context_.survey.life(operation.message);
        const std::int32_t most = context_.receive->maximum > 0 ? std::min(context_.receive->maximum, 10) : 10;
        if (++returned_ == most + 1) {
            context_.findings.add(Rule::too_many_messages, index, {}, most);
        }
        if (operation.answer != sim::Answer::ok) {  // its client never saw it
            life.receive = context_.receive_index;
            return;
        }
        ++context_.findings.counts().deliveries;
        const bool repeated = operation.receipt != 0 && operation.receipt == life.receipt;
        context_.findings.counts().duplicates += life.first_delivery != no_operation && !repeated ? 1 : 0;
        if (!life.known) {
            adopt(life, operation, index);
        }
        if (!life.stored && !life.recovered) {
            life.recovered = true;
            ++context_.findings.counts().recovered;
        }
        if (life.queue == operation.queue || follow(life, operation, index)) {
            judge(life, operation, index);
        }
        life.first_delivery = std::min(life.first_delivery, index);
        life.sent.last = std::min(life.sent.last, context_.receive->answered);
    }

private:
    using Action = sim::Action;
    using Rule = sim::HistoryRule;

    void add_if(bool forbidden, Rule rule, std::uint32_t index, Nanos instant, std::int64_t number = 0) {
        if (forbidden) {
            context_.findings.add(rule, index, instant, number);
        }
    }

    /// A message that no send names: that of a send without an answer, or nobody's.
    void adopt(MessageLife& life, const sim::Operation& operation, std::uint32_t index) {
        const std::uint32_t send = context_.survey.take_nameless(operation.content);
        if (send != no_operation &&
            !context_.certainty.is_before(context_.receive->answered, context_.at(send).invoked)) {
            HistorySurvey::begin_life(life, context_.at(send), send);
            return;
        }
        context_.findings.add(Rule::unexpected, index);
        life.known = true;
        life.recovered = true;
        life.queue = operation.queue;
        life.has_place = false;
    }

    /// A message that comes from another queue than before. Returns: whether it can have moved there.
    bool follow(MessageLife& life, const sim::Operation& operation, std::uint32_t index) {
        std::uint32_t queue = life.queue;
        std::int32_t received = context_.received_at_most(life, queue);
        bool early = false;
        for (std::size_t steps = 0; steps <= context_.history->queues.size() && queue != operation.queue; ++steps) {
            if (context_.facts(queue).dead_letter_queue == sim::QueueFacts::none) {
                break;
            }
            early = early || received < context_.facts(queue).max_receive_count;
            queue = context_.facts(queue).dead_letter_queue;
            received = context_.survey.queues[queue].unseen_receives;
        }
        if (queue != operation.queue) {
            if (life.moved_from != operation.queue) {
                context_.findings.add(Rule::unexpected, index);
            } else {
                judge_move(life, index);
            }
            return false;
        }
        if (early && !context_.may_follow(operation.message, index, {Action::delivery})) {
            context_.findings.add(Rule::dead_lettered_early, index, {}, context_.facts(life.queue).max_receive_count);
        }
        ++context_.findings.counts().dead_letters;
        context_.leave(life, operation.message, operation.queue, context_.receive->answered);
        life.has_place = false;
        if (context_.facts(operation.queue).fifo) {
            life.kept_since = never;  // it began anew, nobody saw when (R176)
        }
        return true;
    }

    /// Whether a message that was moved is received from the queue that it left.
    void judge_move(const MessageLife& life, std::uint32_t index) {
        if (context_.certainty.in_order(life.moved_by, no_operation, Sometime::of(*context_.receive))) {
            context_.findings.add(Rule::received_beyond_maximum, index, life.moved_by);
        }
    }

    void judge(MessageLife& life, const sim::Operation& operation, std::uint32_t index) {
        const sim::QueueFacts& queue = context_.facts(life.queue);
        const Sometime now = Sometime::of(*context_.receive);
        const bool repeated = queue.fifo && operation.receipt != 0 && operation.receipt == life.receipt;  // R100
        if ((operation.content != life.content && operation.content != 0 && life.content != 0) ||
            (operation.group != life.group && operation.group != 0 && life.group != 0)) {
            context_.findings.add(Rule::content_changed, index);
        }
        if (life.moved && queue.dead_letter_queue == sim::QueueFacts::none && life.moved_from == life.queue) {
            judge_move(life, index);
        }
        if (context_.certainty.is_before(now.last, life.visible_from)) {
            context_.findings.add(Rule::received_before_delay, index, life.visible_from);
        }
        const Nanos kept_until = saturating_add(life.kept_since, queue.message_retention_period);
        if (context_.certainty.is_after(now.first, kept_until)) {
            context_.findings.add(Rule::received_after_retention, index, kept_until);
        }
        if (context_.certainty.in_order(life.deleted_by, life.deleted_client, now) &&
            (life.deleted_from == operation.queue || life.deleted_while_leased)) {
            ++context_.findings.counts().ghosts;
            add_if(queue.fifo, Rule::received_after_delete, index, life.deleted_by);
        }
        const bool follows = context_.certainty.in_order(life.leased_by, life.leased_client, now);
        if (!repeated && life.returned != 0) {
            judge_lease(life, operation, index, follows);
        }
        if (!repeated) {
            ++life.returned;
            judge_count(life, operation, index);
        }
        if (queue.fifo && life.group != 0 && life.has_place && !life.maybe_deleted) {
            judge_place(life, index);
        }
        lease(life, operation, now, follows || life.returned <= 1);
    }

    /// Whether the message was still hidden, whichever of the two receives took effect first.
    void judge_lease(const MessageLife& life, const sim::Operation& operation, std::uint32_t index, bool follows) {
        const Nanos own_end = saturating_add(context_.receive->invoked, context_.receive->duration);
        if (context_.certainty.is_before(context_.receive->answered, life.lease_end_first) &&
            (follows || context_.certainty.is_before(life.leased_by, own_end)) &&
            !context_.may_follow(operation.message, index, {Action::change_message_visibility})) {
            ++context_.findings.counts().while_leased;
            add_if(context_.facts(life.queue).fifo, Rule::received_while_leased, index, life.lease_end_first);
        }
    }

    void judge_count(MessageLife& life, const sim::Operation& operation, std::uint32_t index) {
        const sim::QueueFacts& queue = context_.facts(life.queue);
        const std::int32_t count = operation.receive_count;
        const Sometime now = Sometime::of(*context_.receive);
        if (count > 0 &&
            (count == life.highest_count ||
             (count < life.highest_count && context_.certainty.in_order(life.counted_by, life.counted_client, now)))) {
            ++context_.findings.counts().not_growing_counts;
            add_if(queue.fifo, Rule::receive_count_not_growing, index, {}, life.highest_count);
        }
        if (count > life.highest_count) {
            life.highest_count = count;
            life.counted_by = now.last;
            life.counted_client = now.client;
        }
        const std::int32_t received = life.moved ? life.returned : std::max(life.returned, count);
        if (queue.max_receive_count > 0 && queue.dead_letter_queue != life.queue &&
            received > queue.max_receive_count) {
            context_.findings.add(Rule::received_beyond_maximum, index, never, received);
        }
    }

    /// All earlier messages of the group that are there must be in the same answer (R138, R139).
    void judge_place(const MessageLife& life, std::uint32_t index) {
        constexpr int most_steps = 64;  // sends that overlap have no order; nobody overlaps with so many
        std::uint32_t other = life.in_group ? life.before : context_.groups.last(life);
        for (int steps = 0; steps < most_steps && other != 0; ++steps) {
            MessageLife& earlier = context_.survey.life(other);
            const std::uint32_t next = earlier.before;
            if (earlier.queue == life.queue && earlier.receive != context_.receive_index) {
                if (context_.may_be_gone(earlier, context_.receive->answered)) {
                    context_.groups.remove(context_.survey.messages, other);
                } else if (was_sent_before(earlier, life) && !context_.may_leave(other, earlier, index)) {
                    const bool locked =
                        context_.certainty.in_order(earlier.leased_by, earlier.leased_client,
                                                    Sometime::of(*context_.receive)) &&
                        context_.certainty.is_before(context_.receive->answered, earlier.lease_end_first) &&
                        !context_.may_follow(other, index, {Action::change_message_visibility});
                    context_.findings.add(locked ? Rule::group_locked : Rule::group_overtaken, index,
                                          earlier.lease_end_first, static_cast<std::int64_t>(other));
                    return;
                }
            }
            other = next;
        }
    }

    /// In the order of their calls, or of one batch (R80).
    [[nodiscard]] bool was_sent_before(const MessageLife& a, const MessageLife& b) const noexcept {
        if (b.send_operation == no_operation) {  // nobody knows which of two sends at one instant it was
            return context_.certainty.is_before(a.sent.last, b.sent.first);
        }
        return context_.certainty.in_order(a.sent, b.sent) ||
               (a.sent.client == b.sent.client && a.send_operation < b.send_operation &&
                b.send_operation != no_operation &&
                context_.at(a.send_operation).invoked == context_.at(b.send_operation).invoked &&
                context_.at(a.send_operation).answered == context_.at(b.send_operation).answered);
    }

    void lease(MessageLife& life, const sim::Operation& operation, const Sometime& now, bool follows) noexcept {
        Nanos first = saturating_add(context_.receive->invoked, context_.receive->duration);
        Nanos last = saturating_add(context_.receive->answered, context_.receive->duration);
        if (!context_.certainty.in_order(life.changed_by, life.changed_client, now) && life.changed) {
            first = std::min(first, life.change_end_first);  // a change that may be of this lease already
            last = std::max(last, life.change_end_last);
        }
        if (!follows) {
            first = std::min(first, life.lease_end_first);
            last = std::max(last, life.lease_end_last);
        }
        life.replaced_lease = follows;
        life.leased_by = now.last;
        life.leased_client = now.client;
        life.receipt = operation.receipt;
        life.receive = context_.receive_index;
        life.lease_end_first = first;
        life.lease_end_last = last;
    }

    [[nodiscard]] const sim::QueueFacts& facts(std::uint32_t queue) const noexcept { return context_.facts(queue); }

    HistoryContext& context_;
    std::int32_t returned_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
