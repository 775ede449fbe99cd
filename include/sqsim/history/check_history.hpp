// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/check_options.hpp"
#include "sqsim/history/detail/call_rules.hpp"
#include "sqsim/history/detail/check_context.hpp"
#include "sqsim/history/detail/delivery_rules.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"
#include "sqsim/history/detail/verdict_builder.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/verdict.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// Judges histories by the rules of the service, knowing of the queues only what their clients saw.
///
/// An operation took effect at some time between its call and its answer; one without an answer perhaps later, or
/// never. Something is a violation only if it is one whatever these times were. At the exact instant of a deadline
/// both outcomes are accepted.
///
/// Complexity: linear; constant work for each operation, and one more look at each message. It is logarithmic for the
/// receives of a FIFO group that overlap, if the queue has a dead-letter queue. It keeps its memory for the next
/// history. Concurrency: a checker serves one thread.
class HistoryChecker {
public:
    HistoryChecker() = default;
    HistoryChecker(const HistoryChecker&) = delete;
    HistoryChecker& operator=(const HistoryChecker&) = delete;
    ~HistoryChecker() = default;

    /// Precondition: none; what is not a history is `malformed`. The verdict lasts until the next call.
    const HistoryVerdict& check(const History& history, const CheckOptions& options = {}) {
        context_.begin(history, options.clock_error, options.call_overhead);
        verdict_.begin(history);
        if (const char* problem = context_.index.build(history, options.purge_time)) {
            verdict_.add_malformed(context_.index.at, problem);
            return verdict_.verdict();
        }
        context_.groups.begin(history.queues.size(), context_.index.groups, history.operations.size());
        receive_ = nullptr;
        std::uint32_t index = 0;
        for (const Operation& operation : history.operations) {
            judge(operation, index++);
        }
        judge_messages();
        return verdict_.verdict();
    }

private:
    using Event = detail::Event;
    using Interval = detail::Interval;
    using MessageHistory = detail::MessageHistory;
    using ReceiptEntry = detail::HistoryIndex::ReceiptEntry;

    void judge(const Operation& operation, std::uint32_t index) {
        switch (operation.action) {
        case Action::send:
        case Action::redrive:
            return judge_send(operation, index);
        case Action::receive:
            return judge_receive(operation, index);
        case Action::delivery:
            return judge_delivery(operation, index);
        case Action::delete_message:
            return judge_delete({&operation, index, Interval::of(operation), nullptr});
        case Action::change_message_visibility:
            return judge_change(operation);
        case Action::dead_letter:
            return judge_move({&operation, index, Interval::of(operation), nullptr});
        case Action::set_redrive_policy:
            return judge_redrive_policy(operation);
        case Action::purge:
        case Action::set_delay:
            return;  // the index knows all of them
        }
    }

    void judge_send(const Operation& operation, std::uint32_t index) {
        const MessageHistory& message = message_at(operation.message);
        if (message.send_operation == index && message.group != 0 && context_.facts(message.queue).fifo &&
            message.queue == operation.queue && !message.maybe_deleted && !message.moved) {
            context_.groups.append(context_.index.messages, operation.message);
        }
    }

    // Receives.

    void judge_receive(const Operation& operation, std::uint32_t index) {
        receive_ = &operation;
        receive_index_ = index;
        returned_ = 0;
        report(index, detail::check_wait({&operation, index, Interval::of(operation), nullptr}, context_));
    }

    void judge_delivery(const Operation& operation, std::uint32_t index) {
        const Event delivery{&operation, index, Interval::of(*receive_), receive_};
        MessageHistory& message = message_at(operation.message);
        report(index, detail::check_answer_size(*receive_, ++returned_, context_));
        if (operation.answer != Answer::ok) {  // its client never saw it
            message.receive = receive_index_;
            return;
        }
        ++counts().deliveries;
        const bool is_repeated = operation.receipt != 0 && operation.receipt == message.receipt;
        counts().duplicates += message.first_delivery != detail::no_operation && !is_repeated ? 1 : 0;
        if (!message.known) {
            adopt(message, delivery);
        }
        if (!message.stored && !message.recovered) {
            message.recovered = true;
            ++counts().recovered;
        }
        if (message.queue == operation.queue || follow(message, delivery)) {
            judge_delivered(message, delivery);
        }
        message.first_delivery = std::min(message.first_delivery, index);
        message.sent.last = std::min(message.sent.last, receive_->answered);
    }

    /// A message that no send names: that of a send without an answer, or nobody's.
    void adopt(MessageHistory& message, const Event& delivery) {
        const std::uint32_t send = context_.index.take_nameless(delivery->content);
        if (send != detail::no_operation && !context_.order.is_before(receive_->answered, context_.at(send).invoked)) {
            message.begin(context_.at(send), send);
            return;
        }
        verdict_.add(delivery.index, {HistoryRule::unexpected});
        message.known = true;
        message.recovered = true;
        message.queue = delivery->queue;
        message.has_place = false;
    }

    /// A message that was in another queue before. Returns: whether it can have moved to this one.
    bool follow(MessageHistory& message, const Event& delivery) {
        const detail::Passage passage = detail::find_passage(delivery, message, context_);
        if (!passage.exists) {
            report(delivery.index, detail::check_unexpected(delivery, message, context_));
            return false;
        }
        report(delivery.index, detail::check_early_move(delivery, message, passage, context_));
        ++counts().dead_letters;
        move(message, delivery->message, delivery->queue, receive_->answered);
        message.has_place = false;
        if (context_.facts(delivery->queue).fifo) {
            message.kept_since = detail::never;  // it began anew, nobody saw when (R176)
        }
        return true;
    }

    void judge_delivered(MessageHistory& message, const Event& delivery) {
        const std::uint32_t index = delivery.index;
        const QueueFacts& queue = context_.facts(message.queue);
        ReceiptEntry& receipt = context_.index.receipts[delivery->receipt];
        const bool is_other_receive = delivery->receipt == 0 || !receipt.received;  // each has its own handle (R105)
        receipt.received = true;
        // By its attempt id (R100). The lease may be the latest although another was judged since.
        const bool is_repeated =
            queue.fifo && !is_other_receive && (delivery->receipt == message.receipt || !message.replaced_lease);
        const bool follows = context_.order.precedes(message.leased_by, message.leased_client, delivery.time);
        report(index, detail::check_content(delivery, message));
        if (!is_repeated) {
            report_if(queue.fifo, index, detail::check_lease(delivery, message, is_other_receive, follows, context_),
                      counts().while_leased);
        }
        report_if(queue.fifo, index, detail::check_after_delete(delivery, message, context_), counts().ghosts);
        report(index, detail::check_delay(delivery, message, context_));
        report(index, detail::check_retention(delivery, message, context_));
        if (message.moved && message.moved_from == message.queue &&
            context_.index.queues[message.queue].dead_letter_queue == QueueFacts::none) {  // to one outside the history
            report(index, detail::check_left_queue(delivery, message, context_));
        }
        message.returned += is_other_receive ? 1 : 0;
        if (!is_repeated) {
            report_if(queue.fifo, index, detail::check_receive_count(delivery, message, is_other_receive, context_),
                      counts().not_growing_counts);
            count_receive(message, delivery);
        }
        if (is_other_receive) {
            report(index, detail::check_maximum(delivery, message, context_));
        }
        if (queue.fifo && message.group != 0 && message.has_place && !message.maybe_deleted) {
            report(index, detail::check_group(delivery, message, receive_index_, context_));
        }
        message.begin_lease(*receive_, receive_index_, delivery->receipt, follows, context_.order);
    }

    static void count_receive(MessageHistory& message, const Event& delivery) noexcept {
        if (delivery->receive_count > message.highest_count) {
            message.highest_count = delivery->receive_count;
            message.counted_by = delivery.time.last;
            message.counted_client = delivery.time.client;
        }
    }

    // Calls with a handle.

    void judge_delete(const Event& erase) {
        const std::uint32_t number = context_.index.message_of(*erase.operation);
        MessageHistory& message = message_at(number);
        if (erase->answer == Answer::unknown) {
            message.maybe_deleted = true;
            context_.groups.erase(context_.index.messages, number);
            return;
        }
        if (erase->answer != Answer::ok || number == 0 || message.queue != erase->queue) {
            return;  // a delete of a message that had moved before found nothing (R110)
        }
        const bool held = context_.order.is_before(erase->answered, message.lease_end_first);
        if (!context_.facts(message.queue).fifo) {
            if (detail::is_superseded(erase, message, context_)) {  // it may have deleted the message, or not (R108)
                counts().stale_deletes += held ? 1 : 0;
                message.maybe_deleted = true;
                return;
            }
        } else {
            report_if(true, erase.index, detail::check_stale_delete(erase, number, message, context_),
                      counts().stale_deletes);
        }
        if (message.deleted_by == detail::never) {
            const bool other_handle = erase->receipt != message.receipt && erase->receipt != 0 && message.receipt != 0;
            message.deleted_by = erase->answered;
            message.deleted_client = erase->client;
            message.deleted_from = erase->queue;
            message.deleted_while_leased = held && !other_handle;
        }
        message.maybe_deleted = true;
        context_.groups.erase(context_.index.messages, number);
    }

    void judge_change(const Operation& operation) {
        MessageHistory& message = message_at(context_.index.message_of(operation));
        if ((operation.answer == Answer::ok || operation.answer == Answer::unknown) &&
            message.queue == operation.queue) {
            message.change_lease(operation, context_.order);
        }
    }

    // Moves to the dead-letter queue.

    void judge_redrive_policy(const Operation& operation) noexcept {
        detail::HistoryIndex::QueueEntry& queue = context_.index.queues[operation.queue];
        queue.max_receive_count = operation.receive_count;
        queue.dead_letter_queue =
            operation.maximum != 0 ? static_cast<std::uint32_t>(operation.maximum) - 1 : QueueFacts::none;
    }

    void judge_move(const Event& event) {
        MessageHistory& message = message_at(event->message);
        if (!message.known || message.queue != event->queue) {
            return;  // a delivery has shown the move already
        }
        report(event.index, detail::check_early_dead_letter(event, message, context_));
        ++counts().dead_letters;
        const std::uint32_t target = context_.index.queues[message.queue].dead_letter_queue;
        if (target == QueueFacts::none) {  // to a queue that is no part of the history
            move(message, event->message, event->queue, event->answered);
            message.has_place = false;
            return;
        }
        move(message, event->message, target, event->answered);
        if (context_.facts(target).fifo) {  // there it begins anew (R176)
            message.sent = event.time;
            message.send_unanswered = false;
            message.send_operation = event.index;
            message.kept_since = message.sent.last;
            if (message.group != 0 && !message.maybe_deleted) {
                context_.groups.append(context_.index.messages, event->message);
            }
        }
    }

    void move(MessageHistory& message, std::uint32_t number, std::uint32_t to, detail::Nanos latest) {
        context_.groups.erase(context_.index.messages, number);
        message.move(to, latest);
    }

    // What only the end shows.

    void judge_messages() {
        counts().operations = context_.history->operations.size();
        for (std::uint32_t number = 1; number < context_.index.messages.size(); ++number) {
            const MessageHistory& message = message_at(number);
            if (!message.known) {
                continue;
            }
            ++counts().messages;
            if (context_.history->drained) {
                report_if(true, message.send_operation, detail::check_lost(message, context_), counts().lost);
            }
            if (context_.index.has_deduplication && message.same_deduplication != 0) {
                report(message.first_delivery, detail::check_duplicate(message, context_));
            }
        }
    }

    // What the rules found.

    void report(std::size_t operation, const std::optional<detail::Finding>& finding) {
        if (finding) {
            verdict_.add(operation, *finding);
        }
    }
    /// Counts what is found, and reports it where it is forbidden.
    void report_if(bool is_forbidden, std::size_t operation, const std::optional<detail::Finding>& finding,
                   std::size_t& count) {
        if (finding) {
            ++count;
            report(operation, is_forbidden ? finding : std::nullopt);
        }
    }

    [[nodiscard]] MessageHistory& message_at(std::uint32_t number) noexcept { return context_.index.messages[number]; }
    [[nodiscard]] HistoryCounts& counts() noexcept { return verdict_.counts(); }

    detail::CheckContext context_{};
    detail::VerdictBuilder verdict_{};
    const Operation* receive_ = nullptr;  // the latest
    std::uint32_t receive_index_ = 0;
    std::int32_t returned_ = 0;  // by that receive
};

/// Judges one history. For many, keep a `HistoryChecker`.
[[nodiscard]] inline HistoryVerdict check_history(const History& history, const CheckOptions& options = {}) {
    HistoryChecker checker;
    return checker.check(history, options);
}

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::check_history;
using history::HistoryChecker;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
