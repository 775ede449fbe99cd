// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"
#include "sqsim/history/history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// What the checker must know before it judges the first operation: whether the history is well formed, and the sends,
/// purges and attribute changes, whose answers may come after the operations that they explain.
///
/// Invariants: `messages` and `receipts` have an entry for every number in the history; entry 0 stands for none.
class HistoryIndex {
public:
    /// 146 years from the epoch. Beyond, sums of two times could overflow.
    static constexpr Nanos latest = Nanos{std::int64_t{1} << 62};

    struct QueueEntry {
        Nanos purged_first = never;
        Nanos purged_last = Nanos::min();
        std::int32_t unseen_receives = 0;  // whose answers never came
        bool is_dead_letter_queue = false;
        bool delay_changes = false;
        // The redrive policy when the operation that is judged took effect.
        std::int32_t max_receive_count = 0;
        std::uint32_t dead_letter_queue = QueueFacts::none;
    };

    struct ReceiptEntry {
        std::uint32_t message = 0;
        bool received = false;  // by a delivery that was judged
    };

    /// Reads the history. Returns: null, or what is wrong with the operation `at`.
    [[nodiscard]] const char* build(const History& history, Nanos purge_time) {
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
            add(operation, index++);
        }
        return nullptr;
    }

    /// The message of an operation by receipt handle; 0 if nobody can know.
    [[nodiscard]] std::uint32_t message_of(const Operation& operation) const noexcept {
        return operation.message != 0 ? operation.message : receipts[operation.receipt].message;
    }

    /// Takes the oldest unacknowledged send without a message id of this content. Returns: its index or `no_operation`.
    [[nodiscard]] std::uint32_t take_nameless(std::uint64_t content) {
        if (!nameless_sorted_) {
            std::sort(nameless_.begin(), nameless_.end(), [](const NamelessSend& a, const NamelessSend& b) {
                return a.content != b.content ? a.content < b.content : a.operation < b.operation;
            });
            nameless_sorted_ = true;
        }
        const auto first = std::lower_bound(nameless_.begin(), nameless_.end(), content,
                                            [](const NamelessSend& a, std::uint64_t b) { return a.content < b; });
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
    std::vector<MessageHistory> messages{};
    std::vector<ReceiptEntry> receipts{};
    std::vector<QueueEntry> queues{};
    std::vector<std::uint32_t> delay_changes{};        // operations
    std::vector<std::uint32_t> unanswered_receives{};  // of FIFO queues
    std::uint32_t last_policy_change = 0;              // an operation; 0 also if there is none
    std::uint32_t groups = 1;
    Nanos longest_call{};  // of those that may have had an effect
    Nanos first_send = never;
    Nanos end = Nanos::min();
    bool has_deduplication = false;
    bool has_redrive = false;

private:
    struct NamelessSend {
        std::uint64_t content;
        std::uint32_t operation;
        std::uint32_t taken;  // in the first of each content: how many of them are used up
    };

    void begin(const History& history) {
        history_ = &history;
        at = 0;
        // Most messages have at least a send, a receive and a delete; the tables grow if there are more.
        clear(messages, history.operations.size() / 3);
        clear(receipts, history.operations.size() / 3);
        clear(deduplications_, 0);
        groups = 1;
        queues.assign(history.queues.size(), {});
        delay_changes.clear();
        unanswered_receives.clear();
        last_policy_change = 0;
        most_ids_ = 16 * history.operations.size() + 1024;
        nameless_.clear();
        nameless_sorted_ = false;
        longest_call = Nanos::zero();
        first_send = never;
        end = Nanos::min();
        has_deduplication = false;
        has_redrive = false;
        receive_ = nullptr;
    }

    /// Leaves entry 0.
    template <class T>
    static void clear(std::vector<T>& table, std::size_t expected) {
        table.clear();
        table.reserve(expected + 1);
        table.resize(1);
    }

    template <class T>
    static void grow(std::vector<T>& table, std::uint32_t id) {
        if (id >= table.size()) {
            table.resize(std::size_t{id} + 1);
        }
    }

    [[nodiscard]] const char* check_queues() {
        for (std::size_t i = 0; i < queues.size(); ++i) {
            const QueueFacts& facts = history_->queues[i];
            queues[i].max_receive_count = facts.max_receive_count;
            queues[i].dead_letter_queue = facts.dead_letter_queue;
            if (facts.dead_letter_queue != QueueFacts::none) {
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
        if (operation.action == Action::set_redrive_policy &&
            (operation.maximum < 0 || static_cast<std::size_t>(operation.maximum) > queues.size())) {
            return "it names a dead-letter queue that is not there";
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

    void add(const Operation& operation, std::uint32_t index) {
        grow(messages, operation.message);
        grow(receipts, operation.receipt);
        groups = std::max(groups, operation.group + 1);
        if (operation.action == Action::delivery) {
            longest_call = std::max(longest_call, receive_->answered - receive_->invoked);
            receipts[operation.receipt].message = operation.receipt != 0 ? operation.message : 0;
            queues[operation.queue].unseen_receives += operation.answer == Answer::unknown ? 1 : 0;
            return;
        }
        end = operation.answered;
        receive_ = nullptr;
        switch (operation.action) {
        case Action::receive:
            receive_ = &operation;
            if (operation.answer == Answer::unknown) {
                ++queues[operation.queue].unseen_receives;
                if (history_->queues[operation.queue].fifo) {
                    unanswered_receives.push_back(index);
                }
            }
            return;
        case Action::redrive:
            has_redrive = true;
            [[fallthrough]];
        case Action::send:
            add_send(operation, index);
            break;
        case Action::purge:
            add_purge(operation);
            break;
        case Action::set_delay:
            add_delay_change(operation, index);
            break;
        case Action::set_redrive_policy:
            last_policy_change = index;
            if (operation.maximum != 0) {
                queues[static_cast<std::size_t>(operation.maximum) - 1].is_dead_letter_queue = true;
            }
            break;
        default:
            break;
        }
        longest_call = std::max(longest_call, operation.answered - operation.invoked);
    }

    void add_send(const Operation& operation, std::uint32_t index) {
        if (operation.answer != Answer::ok && operation.answer != Answer::unknown &&
            operation.answer != Answer::deduplicated) {
            return;
        }
        first_send = std::min(first_send, operation.invoked);
        if (operation.message == 0) {
            if (operation.answer == Answer::unknown) {
                nameless_.push_back({operation.content, index, 0});
            }
            return;
        }
        MessageHistory& message = messages[operation.message];
        if (message.known) {
            message.repeat_send(operation, index);
            return;
        }
        message.begin(operation, index);
        if (operation.answer == Answer::deduplicated) {  // the original is not known yet
            message.sent.first = Nanos::min();
            message.visible_from = Nanos::min();
            message.content = 0;
            message.group = 0;
        } else if (operation.deduplication != 0 && history_->queues[operation.queue].fifo) {
            grow(deduplications_, operation.deduplication);
            message.same_deduplication = deduplications_[operation.deduplication];
            deduplications_[operation.deduplication] = operation.message;
            has_deduplication = true;
        }
    }

    void add_purge(const Operation& operation) noexcept {
        if (operation.answer == Answer::ok || operation.answer == Answer::unknown) {
            QueueEntry& queue = queues[operation.queue];
            queue.purged_first = std::min(queue.purged_first, operation.invoked);
            queue.purged_last = std::max(queue.purged_last, saturating_add(Interval::of(operation).last, purge_time_));
        }
    }

    void add_delay_change(const Operation& operation, std::uint32_t index) {
        if (operation.answer == Answer::ok || operation.answer == Answer::unknown) {
            queues[operation.queue].delay_changes = true;
            delay_changes.push_back(index);
        }
    }

    const History* history_ = nullptr;
    const Operation* receive_ = nullptr;
    std::size_t most_ids_ = 0;
    Nanos purge_time_{};
    std::vector<std::uint32_t> deduplications_{};  // the last message of each
    std::vector<NamelessSend> nameless_{};         // unacknowledged sends whose message id nobody knows
    bool nameless_sorted_ = false;
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
