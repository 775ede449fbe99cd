// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_context.hpp"
#include "sqsim/sim/history_deliveries.hpp"
#include "sqsim/sim/history_life.hpp"
#include "sqsim/sim/history_rules.hpp"

#include <algorithm>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::sim {

/// Judges histories by the rules of the service, knowing nothing of the queues but what their clients saw.
///
/// An operation took effect at some time between its call and its answer, one without an answer perhaps later or never.
/// Something is a violation only if it is one whatever these times were. A deadline is kept at its exact instant.
///
/// Complexity: linear; constant work for each operation, and one more look at each message. It keeps its memory for the
/// next history. Concurrency: a checker serves one thread.
class HistoryChecker {
public:
    HistoryChecker() = default;
    HistoryChecker(const HistoryChecker&) = delete;
    HistoryChecker& operator=(const HistoryChecker&) = delete;
    ~HistoryChecker() = default;

    /// Precondition: none; what is not a history is `malformed`. The verdict lasts until the next call.
    const HistoryVerdict& check(const History& history, const CheckOptions& options = {}) {
        context_.begin(history, options);
        if (const char* problem = context_.survey.take_in(history, options.purge_time)) {
            context_.findings.add_malformed(context_.survey.at, problem);
            return context_.findings.verdict();
        }
        context_.groups.begin(history.queues.size(), context_.survey.groups, history.operations.size());
        std::uint32_t index = 0;
        for (const Operation& operation : history.operations) {
            look_at(operation, index++);
        }
        look_at_messages();
        return context_.findings.verdict();
    }

private:
    using Nanos = sqsim::detail::Nanos;
    using Life = sqsim::detail::MessageLife;
    using Sometime = sqsim::detail::Sometime;
    using Rule = HistoryRule;

    void look_at(const Operation& operation, std::uint32_t index) {
        switch (operation.action) {
        case Action::send:
        case Action::redrive:
            return look_at_send(operation, index);
        case Action::receive:
            return deliveries_.begin(operation, index);
        case Action::delivery:
            return deliveries_.look_at(operation, index);
        case Action::delete_message:
            return look_at_delete(operation, index);
        case Action::change_message_visibility:
            return look_at_change(operation);
        case Action::dead_letter:
            return look_at_move(operation, index);
        case Action::purge:
            return;  // the survey noted it
        }
    }

    void look_at_send(const Operation& operation, std::uint32_t index) {
        Life& life = context_.survey.life(operation.message);
        if (life.send_operation == index && life.group != 0 && context_.facts(life.queue).fifo &&
            life.queue == operation.queue && !life.maybe_deleted && !life.moved) {
            context_.groups.append(context_.survey.messages, operation.message);
        }
    }

    // What clients did with a handle.

    void look_at_delete(const Operation& operation, std::uint32_t index) {
        const std::uint32_t message = context_.survey.message_of(operation);
        Life& life = context_.survey.life(message);
        if (operation.answer == Answer::unknown) {
            life.maybe_deleted = true;
            context_.groups.remove(context_.survey.messages, message);
            return;
        }
        if (operation.answer != Answer::ok || message == 0 || life.queue != operation.queue) {
            return;  // also when the message had moved before: nothing was there to delete (R110)
        }
        const bool fifo = context_.facts(life.queue).fifo;
        const bool other_handle = operation.receipt != life.receipt && operation.receipt != 0 && life.receipt != 0;
        const bool stale = other_handle && life.replaced_lease &&
                           context_.certainty.in_order(life.leased_by, life.leased_client, Sometime::of(operation));
        const bool held = context_.certainty.is_before(operation.answered, life.lease_end_first);
        if (stale && !fifo) {  // it may have deleted the message, or not (R108)
            context_.findings.counts().stale_deletes += held ? 1 : 0;
            life.maybe_deleted = true;
            return;
        }
        const bool too_late = fifo && life.receipt != 0 && !other_handle && operation.receipt != 0 &&
                              context_.certainty.is_after(operation.invoked, life.lease_end_last);
        if ((stale || too_late) && !context_.may_be_gone(life, operation.answered) &&
            !context_.may_follow(message, index, {Action::change_message_visibility, Action::delivery})) {
            ++context_.findings.counts().stale_deletes;
            context_.findings.add(Rule::stale_delete, index, too_late ? life.lease_end_last : sqsim::detail::never,
                                  static_cast<std::int64_t>(message));
        }
        if (life.deleted_by == sqsim::detail::never) {
            life.deleted_by = operation.answered;
            life.deleted_client = operation.client;
            life.deleted_from = operation.queue;
            life.deleted_while_leased = held && !other_handle;
        }
        life.maybe_deleted = true;
        context_.groups.remove(context_.survey.messages, message);
    }

    void look_at_change(const Operation& operation) {
        Life& life = context_.survey.life(context_.survey.message_of(operation));
        const bool unknown = operation.answer == Answer::unknown;
        if ((operation.answer != Answer::ok && !unknown) || life.queue != operation.queue) {
            return;
        }
        const Sometime now = Sometime::of(operation);
        const Nanos first = sqsim::detail::saturating_add(operation.invoked, operation.duration);
        const Nanos last =
            sqsim::detail::saturating_add(unknown ? life.lease_end_last : operation.answered, operation.duration);
        if (!unknown && operation.receipt == life.receipt &&
            context_.certainty.in_order(life.leased_by, life.leased_client, now) &&
            (!life.changed || context_.certainty.in_order(life.changed_by, life.changed_client, now))) {
            life.lease_end_first = first;
            life.lease_end_last = last;
        } else {  // the lease may be another one, or this the second last change
            life.lease_end_first = std::min(life.lease_end_first, first);
            life.lease_end_last = std::max(life.lease_end_last, last);
        }
        life.changed = true;
        life.changed_by = now.last;
        life.changed_client = now.client;
        life.change_end_first = first;
        life.change_end_last = last;
    }

    void look_at_move(const Operation& operation, std::uint32_t index) {
        Life& life = context_.survey.life(operation.message);
        if (!life.known || life.queue != operation.queue) {
            return;  // seen in the other queue already
        }
        const QueueFacts& source = context_.facts(life.queue);
        if (source.max_receive_count == 0 || (context_.received_at_most(life, life.queue) < source.max_receive_count &&
                                              !context_.may_follow(operation.message, index, {Action::delivery}))) {
            context_.findings.add(Rule::dead_lettered_early, index, {}, source.max_receive_count);
        }
        ++context_.findings.counts().dead_letters;
        if (source.dead_letter_queue == QueueFacts::none) {  // to a queue that is no part of the history
            context_.leave(life, operation.message, operation.queue, operation.answered);
            life.has_place = false;
            return;
        }
        context_.leave(life, operation.message, source.dead_letter_queue, operation.answered);
        if (context_.facts(life.queue).fifo) {  // there it begins anew (R176)
            life.sent = Sometime::of(operation);
            life.send_operation = index;
            life.kept_since = life.sent.last;
            if (life.group != 0 && !life.maybe_deleted) {
                context_.groups.append(context_.survey.messages, operation.message);
            }
        }
    }

    // What only the end shows.

    void look_at_messages() {
        context_.findings.counts().operations = context_.history->operations.size();
        for (std::uint32_t message = 1; message < context_.survey.messages.size(); ++message) {
            const Life& life = context_.survey.life(message);
            if (!life.known) {
                continue;
            }
            ++context_.findings.counts().messages;
            if (context_.history->drained && is_lost(life)) {
                ++context_.findings.counts().lost;
                context_.findings.add(Rule::lost, life.send_operation, {},
                                      life.first_delivery != sqsim::detail::no_operation ? 1 : 0);
            }
            if (context_.survey.has_deduplication && life.same_deduplication != 0) {
                judge_deduplication(life);
            }
        }
    }

    [[nodiscard]] bool is_lost(const Life& life) const noexcept {
        return life.stored && life.send_operation != sqsim::detail::no_operation && !life.moved &&
               !(context_.survey.has_redrive && context_.survey.queues[life.queue].is_dead_letter_queue) &&
               !context_.may_be_gone(life, context_.survey.end);
    }

    void judge_deduplication(const Life& life) {
        constexpr int most_steps = 16;  // groups that use one id at a time
        if (life.first_delivery == sqsim::detail::no_operation) {
            return;
        }
        const Operation& operation = context_.at(life.first_delivery);
        std::uint32_t other = life.same_deduplication;
        for (int steps = 0; steps < most_steps && other != 0; ++steps) {
            const Life& earlier = context_.survey.life(other);
            const QueueFacts& queue = context_.facts(operation.queue);
            const bool same_scope = earlier.queue == life.queue && !earlier.moved && !life.moved &&
                                    (!queue.deduplicates_by_group || earlier.group == life.group);
            if (same_scope && earlier.first_delivery != sqsim::detail::no_operation) {
                const Nanos first = std::min(earlier.sent.first, life.sent.first);
                const Nanos last = std::max(earlier.sent.last, life.sent.last);
                const auto& purges = context_.survey.queues[life.queue];
                const bool purged = last >= purges.purged_first && first <= purges.purged_last;  // R155
                if (!purged && context_.certainty.is_before(
                                   last, sqsim::detail::saturating_add(first, queue.deduplication_interval))) {
                    context_.findings.add(Rule::duplicate_within_interval, life.first_delivery,
                                          queue.deduplication_interval, static_cast<std::int64_t>(other));
                }
                return;
            }
            other = earlier.same_deduplication;
        }
    }

    sqsim::detail::HistoryContext context_{};
    sqsim::detail::DeliveryRules deliveries_{context_};
};

/// Judges one history. For many, keep a `HistoryChecker`.
[[nodiscard]] inline HistoryVerdict check_history(const History& history, const CheckOptions& options = {}) {
    HistoryChecker checker;
    return checker.check(history, options);
}

}  // namespace sqsim::inline SQSIM_ABI::sim
