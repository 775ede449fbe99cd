// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_life.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The first look at a history: whether it is one, and everything that a later look must know beforehand, above all
/// the sends, whose answers may come after the message was received.
class HistorySurvey {
public:
    using Operation = sim::Operation;
    using Action = sim::Action;
    using Answer = sim::Answer;

    /// Beyond 146 years from the epoch sums of times could overflow.
    static constexpr Nanos latest = Nanos{std::int64_t{1} << 62};

    struct QueueSurvey {
        Nanos purged_first = never;
        Nanos purged_last = Nanos::min();
        std::int32_t unseen_receives = 0;  // whose answers never came
        bool is_dead_letter_queue = false;
    };

    /// Returns: nothing, or what is wrong with the operation `at`.
    [[nodiscard]] const char* take_in(const sim::History& history, Nanos purge_time) {
        begin(history);
        purge_time_ = purge_time;
        const char* problem = check_queues();
        if (problem != nullptr) {
            return problem;
        }
        std::uint32_t index = 0;
        for (const Operation& operation : history.operations) {
            problem = find_problem(operation);
            if (problem != nullptr) {
                at = index;
                return problem;
            }
            note(operation, index++);
        }
        return nullptr;
    }

    [[nodiscard]] MessageLife& life(std::uint32_t message) noexcept { return messages[message]; }

    /// The message of an operation by receipt handle; zero if nobody can know.
    [[nodiscard]] std::uint32_t message_of(const Operation& operation) const noexcept {
        return operation.message != 0 ? operation.message : receipts[operation.receipt];
    }

    /// A message that begins its life with this send.
    static void begin_life(MessageLife& life, const Operation& operation, std::uint32_t index) noexcept {
        life.known = true;
        life.stored = operation.answer != Answer::unknown;
        life.send_operation = life.stored ? index : no_operation;
        life.sent = Sometime::of(operation);
        life.kept_since = life.sent.last;
        life.visible_from = saturating_add(operation.invoked, operation.duration);
        life.queue = operation.queue;
        life.group = operation.group;
        life.content = operation.content;
    }

    /// Takes the oldest unacknowledged send without a message id of this content. Returns: its index or `no_operation`.
    [[nodiscard]] std::uint32_t take_nameless(std::uint64_t content) {
        if (!nameless_sorted_) {
            std::sort(nameless_.begin(), nameless_.end(), [](const Nameless& a, const Nameless& b) {
                return a.content != b.content ? a.content < b.content : a.operation < b.operation;
            });
            nameless_sorted_ = true;
        }
        const auto first = std::lower_bound(nameless_.begin(), nameless_.end(), content,
                                            [](const Nameless& a, std::uint64_t b) { return a.content < b; });
        if (first == nameless_.end()) {
            return no_operation;
        }
        const auto next = static_cast<std::size_t>(first - nameless_.begin()) + first->taken;
        if (next >= nameless_.size() || nameless_[next].content != content) {
            return no_operation;
        }
        ++first->taken;
        return nameless_[next].operation;
    }

    std::size_t at = 0;
    std::vector<MessageLife> messages{};    // by message; the first is nobody
    std::vector<std::uint32_t> receipts{};  // the message of each
    std::vector<QueueSurvey> queues{};
    std::uint32_t groups = 1;
    Nanos longest_call{};  // of those that may have had an effect
    Nanos end = Nanos::min();
    bool has_deduplication = false;
    bool has_redrive = false;

private:
    struct Nameless {
        std::uint64_t content;
        std::uint32_t operation;
        std::uint32_t taken;  // in the first of each content: how many of them are used up
    };

    void begin(const sim::History& history) {
        history_ = &history;
        at = 0;
        // Most messages have at least a send, a receive and a delete: more room is made as it is needed.
        make_empty(messages, history.operations.size() / 3);
        make_empty(receipts, history.operations.size() / 3);
        make_empty(deduplications_, 0);
        groups = 1;
        queues.assign(history.queues.size(), {});
        most_ids_ = 16 * history.operations.size() + 1024;
        nameless_.clear();
        nameless_sorted_ = false;
        longest_call = Nanos::zero();
        end = Nanos::min();
        has_deduplication = false;
        has_redrive = false;
        receive_ = nullptr;
    }

    /// Leaves the first place, which is nobody's.
    template <class T>
    static void make_empty(std::vector<T>& table, std::size_t expected) {
        table.clear();
        table.reserve(expected + 1);
        table.resize(1);
    }

    template <class T>
    static void make_room(std::vector<T>& table, std::uint32_t id) {
        if (id >= table.size()) {
            table.resize(std::size_t{id} + 1);
        }
    }

    [[nodiscard]] const char* check_queues() {
        for (const sim::QueueFacts& facts : history_->queues) {
            if (facts.dead_letter_queue != sim::QueueFacts::none) {
                if (facts.dead_letter_queue >= queues.size()) {
                    return "a queue names a dead-letter queue that is not there";
                }
                queues[facts.dead_letter_queue].is_dead_letter_queue = true;
            }
        }
        return nullptr;
    }

    [[nodiscard]] const char* find_problem(const Operation& operation) const noexcept {
        const std::uint32_t id =
            std::max({operation.message, operation.receipt, operation.group, operation.deduplication});
        if (id > most_ids_) {
            return "messages, receipts, groups and deduplication ids must be numbered without large gaps";
        }
        if (operation.queue >= queues.size()) {
            return "its queue is not in the list of queues";
        }
        if (operation.action == Action::delivery) {
            return receive_ == nullptr || receive_->queue != operation.queue || operation.message == 0
                       ? "a delivery must have a message and follow its receive"
                       : nullptr;
        }
        if (operation.invoked < -latest || operation.answered > latest || operation.duration > latest ||
            operation.wait > latest) {
            return "its times are too far from the epoch";
        }
        if (operation.answered < operation.invoked || operation.duration < Nanos::zero() ||
            operation.wait < Nanos::zero()) {
            return "it ends before it begins, or lasts less than nothing";
        }
        return operation.answered < end ? "the operations must be in the order of their answers" : nullptr;
    }

    void note(const Operation& operation, std::uint32_t index) {
        make_room(messages, operation.message);
        make_room(receipts, operation.receipt);
        groups = std::max(groups, operation.group + 1);
        if (operation.action == Action::delivery) {
            longest_call = std::max(longest_call, receive_->answered - receive_->invoked);
            receipts[operation.receipt] = operation.receipt != 0 ? operation.message : 0;
            queues[operation.queue].unseen_receives += operation.answer == Answer::unknown ? 1 : 0;
            return;
        }
        end = operation.answered;
        receive_ = nullptr;
        switch (operation.action) {
        case Action::receive:
            receive_ = &operation;
            queues[operation.queue].unseen_receives += operation.answer == Answer::unknown ? 1 : 0;
            return;
        case Action::redrive:
            has_redrive = true;
            [[fallthrough]];
        case Action::send:
            note_send(operation, index);
            break;
        case Action::purge:
            note_purge(operation);
            break;
        default:
            break;
        }
        longest_call = std::max(longest_call, operation.answered - operation.invoked);
    }

    void note_send(const Operation& operation, std::uint32_t index) {
        if (operation.answer != Answer::ok && operation.answer != Answer::unknown &&
            operation.answer != Answer::deduplicated) {
            return;
        }
        if (operation.message == 0) {
            if (operation.answer == Answer::unknown) {
                nameless_.push_back({operation.content, index, 0});
            }
            return;
        }
        MessageLife& life = messages[operation.message];
        if (life.known) {
            note_repeated_send(life, operation, index);
            return;
        }
        const bool original = operation.answer != Answer::deduplicated;
        begin_life(life, operation, index);
        if (!original) {  // what it repeats was not acknowledged: all that is known is that it is there
            life.sent.first = Nanos::min();
            life.visible_from = Nanos::min();
            life.content = 0;
        } else if (operation.deduplication != 0 && history_->queues[operation.queue].fifo) {
            make_room(deduplications_, operation.deduplication);
            life.same_deduplication = deduplications_[operation.deduplication];
            deduplications_[operation.deduplication] = operation.message;
            has_deduplication = true;
        }
    }

    /// A send that was answered with the id of an earlier one (R156).
    static void note_repeated_send(MessageLife& life, const Operation& operation, std::uint32_t index) noexcept {
        if (operation.answer == Answer::unknown || operation.queue != life.queue) {
            return;
        }
        if (operation.answer == Answer::ok && operation.invoked < life.sent.last) {  // either may be the original
            life.sent.first = std::min(life.sent.first, operation.invoked);
            life.visible_from = std::min(life.visible_from, saturating_add(operation.invoked, operation.duration));
            life.content = life.content == operation.content ? life.content : 0;
        }
        life.sent.last = std::min(life.sent.last, operation.answered);
        life.kept_since = std::min(life.kept_since, operation.answered);
        life.send_operation = life.stored ? life.send_operation : index;
        life.stored = true;
    }

    void note_purge(const Operation& operation) noexcept {
        if (operation.answer == Answer::ok || operation.answer == Answer::unknown) {
            QueueSurvey& queue = queues[operation.queue];
            queue.purged_first = std::min(queue.purged_first, operation.invoked);
            queue.purged_last = std::max(queue.purged_last, saturating_add(Sometime::of(operation).last, purge_time_));
        }
    }

    const sim::History* history_ = nullptr;
    const Operation* receive_ = nullptr;
    std::size_t most_ids_ = 0;
    Nanos purge_time_{};
    std::vector<std::uint32_t> deduplications_{};  // the last message of each
    std::vector<Nameless> nameless_{};             // unacknowledged sends whose message id nobody knows
    bool nameless_sorted_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
