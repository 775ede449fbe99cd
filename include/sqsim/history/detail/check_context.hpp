// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/call_index.hpp"
#include "sqsim/history/detail/group_order.hpp"
#include "sqsim/history/detail/history_index.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/verdict.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// What a rule finds wrong. What `instant` and `number` mean depends on the rule (verdict_builder.hpp).
struct Finding {
    HistoryRule rule;
    Nanos instant{};
    std::int64_t number = 0;
};

/// An operation that is judged.
struct Event {
    const Operation* operation;
    std::uint32_t index;
    Interval time;             // of the call: a delivery has that of its receive
    const Operation* receive;  // of a delivery

    [[nodiscard]] const Operation* operator->() const noexcept { return operation; }
};

/// What all rules look at: the history, what its operations so far show, and what may have happened besides.
struct CheckContext {
    void begin(const History& its_history, Nanos clock_error, Nanos its_call_overhead) noexcept {
        history = &its_history;
        order = IntervalOrder{clock_error};
        call_overhead = its_call_overhead;
        calls.begin();
    }

    [[nodiscard]] const QueueFacts& facts(std::uint32_t queue) const noexcept { return history->queues[queue]; }
    [[nodiscard]] const Operation& at(std::uint32_t operation) const noexcept { return history->operations[operation]; }

    /// The most receives of a queue that may have returned the message.
    [[nodiscard]] std::int32_t most_receives(const MessageHistory& message, std::uint32_t queue) const noexcept {
        return std::max(message.highest_count, message.returned) + index.queues[queue].unseen_receives;
    }

    /// The earliest start of the retention. On a standard queue a redriven message may keep the time that its original
    /// was sent at, of which the history need not tell.
    [[nodiscard]] Nanos retention_start(const MessageHistory& message) const noexcept {
        return message.redriven && !facts(message.queue).fifo ? index.first_send : message.sent.first;
    }

    /// Whether the message may have left its queue by `latest`, judging by the answers so far. Once it may, it always
    /// may: until a move brings it to another queue.
    [[nodiscard]] bool may_be_gone(const MessageHistory& message, Nanos latest) const noexcept {
        const QueueFacts& queue = facts(message.queue);
        const auto& entry = index.queues[message.queue];
        const Nanos then = saturating_add(latest, order.slack());
        return message.maybe_deleted ||
               then >= saturating_add(retention_start(message), queue.message_retention_period) ||
               (then >= entry.purged_first && message.sent.first <= entry.purged_last) ||
               (entry.max_receive_count > 0 && most_receives(message, message.queue) >= entry.max_receive_count);
    }

    /// A call of which an operation on the message `matches`, and that was answered later but may have taken effect
    /// before the event; null if there is none. The rules ask only before they report something.
    template <class Matches>
    [[nodiscard]] const Operation* find_earlier_if(const Event& event, std::uint32_t message, Matches matches) {
        const Nanos reach = saturating_add(index.longest_call, order.slack());
        if (reach == Nanos::zero()) {
            return nullptr;
        }
        const Nanos last = saturating_add(event.time.last, saturating_add(reach, order.slack()));
        for (const CallIndex::Entry& entry : calls.after(*history, index, message, event.index)) {
            const Operation& call = at(entry.call);
            if (call.answered > last) {
                break;
            }
            if (&call != event.receive && matches(at(entry.operation), call) &&
                !order.precedes(event.time, Interval::of(call))) {
                return &call;
            }
        }
        return nullptr;
    }

    /// The same for the operations with one of these actions.
    [[nodiscard]] const Operation* find_earlier(const Event& event, std::uint32_t message,
                                                std::initializer_list<Action> actions) {
        return find_earlier_if(event, message, [&](const Operation& operation, const Operation&) {
            return std::find(actions.begin(), actions.end(), operation.action) != actions.end();
        });
    }

    /// The operation from which on the message may have to be looked at again, after an event that a `receive` of it
    /// may come before: that receive itself, or the first answer after which a removal may have come before.
    [[nodiscard]] std::uint32_t find_next_look(const Event& event, std::uint32_t message, const Operation& receive) {
        Nanos removed = never;
        for (const CallIndex::Entry& entry : calls.after(*history, index, message, event.index)) {
            const Action action = at(entry.operation).action;
            if (action == Action::delete_message || action == Action::dead_letter) {
                removed = std::min(removed, at(entry.call).invoked);
            }
        }
        auto first = event.index;
        auto last = static_cast<std::uint32_t>(&receive - history->operations.data());
        while (removed != never && first != last) {
            const std::uint32_t middle = first + (last - first) / 2;
            if (answered_by(middle) > removed) {
                last = middle;
            } else {
                first = middle + 1;
            }
        }
        return last;
    }

    /// When the call of an operation was answered. A delivery has its time from its receive.
    [[nodiscard]] Nanos answered_by(std::uint32_t operation) const noexcept {
        while (at(operation).action == Action::delivery) {
            --operation;
        }
        return at(operation).answered;
    }

    /// The same for what may have ended a lease of the message early, the latest one or that of the event: a change of
    /// visibility, or a receive that was repeated by its attempt id (R100), each to an end before the event.
    [[nodiscard]] const Operation* find_earlier_change(const Event& event, std::uint32_t number) {
        const std::uint32_t receipt = index.messages[number].receipt;
        return find_earlier_if(event, number, [&](const Operation& operation, const Operation& call) {
            const bool is_repeat = operation.action == Action::delivery && operation.receipt != 0 &&
                                   (operation.receipt == receipt || operation.receipt == event->receipt);
            return (is_repeat || operation.action == Action::change_message_visibility) &&
                   !order.is_before(event.time.last, saturating_add(call.invoked, call.duration));
        });
    }

    /// Whether the client that holds the message may have repeated its receive by the attempt id without an answer
    /// (R100), so that the lease begins again at any time until its end, and with a duration that `matches(receive)`.
    template <class Matches>
    [[nodiscard]] bool may_be_repeated(const MessageHistory& message, Matches matches) const {
        const auto& receives = index.unanswered_receives;
        return std::any_of(std::lower_bound(receives.begin(), receives.end(), message.receive), receives.end(),
                           [&](std::uint32_t number) {
                               const Operation& receive = at(number);
                               return receive.queue == message.queue && receive.client == message.leased_client &&
                                      receive.invoked <= saturating_add(message.lease_end_last, order.slack()) &&
                                      matches(receive);
                           });
    }

    const History* history = nullptr;
    IntervalOrder order{Nanos::zero()};
    Nanos call_overhead{};
    HistoryIndex index{};
    CallIndex calls{};
    GroupOrder groups{};
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
