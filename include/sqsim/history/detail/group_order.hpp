// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/group_search.hpp"
#include "sqsim/history/detail/message_history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// The messages of each FIFO group that may still be in their queue, in the order in which their sends were answered.
///
/// Invariants: the lists are linked through the messages, whose `send_operation` grows along a list. The messages
/// before `next` need no second look while the receive `checked_for` is judged.
class GroupOrder {
public:
    /// Every group of every queue has a list of its own, unless there would be many more lists than operations: then
    /// the queues share them.
    void begin(std::size_t queues, std::size_t groups, std::size_t operations) {
        stride_ = queues * groups <= 8 * operations + 1024 ? queues : 0;
        lists_.assign(stride_ != 0 ? queues * groups : groups, List{});
        searches_.clear();
    }

    [[nodiscard]] std::uint32_t last(const MessageHistory& message) const noexcept {
        return lists_[place(message)].last;
    }

    /// The first message of the group that the receive has not passed.
    [[nodiscard]] std::uint32_t next_to_check(const MessageHistory& message, std::uint32_t receive) noexcept {
        List& list = lists_[place(message)];
        if (list.checked_for != receive) {
            list.checked_for = receive;
            list.next = list.first;
        }
        return list.next;
    }

    /// The message needs no look in its group before the operation `until`.
    void pass_until(const std::vector<MessageHistory>& messages, std::uint32_t number, std::uint32_t until) {
        if (!messages[number].in_group) {
            return;
        }
        List& list = lists_[place(messages[number])];
        if (list.search == none) {  // few groups ever need one
            list.search = static_cast<std::uint32_t>(searches_.size());
            searches_.emplace_back();
            for (std::uint32_t each = list.first; each != 0; each = messages[each].after) {
                searches_.back().append(each, messages[each]);
            }
        }
        searches_[list.search].pass_until(messages[number], until);
    }

    /// The first message of a group, from `number` on, that needs a look for the operation `index`, or may have been
    /// sent at `sent_by` or later. 0 if there is none.
    [[nodiscard]] std::uint32_t skip(const std::vector<MessageHistory>& messages, std::uint32_t number,
                                     std::uint32_t index, Nanos sent_by) noexcept {
        const std::uint32_t search = number != 0 ? lists_[place(messages[number])].search : none;
        return search != none ? searches_[search].find(messages[number], index, std::max(sent_by, earliest)) : number;
    }

    /// The receive that asked last need not look at the messages before `next` again.
    void pass(const MessageHistory& message, std::uint32_t next) noexcept { lists_[place(message)].next = next; }

    void append(std::vector<MessageHistory>& messages, std::uint32_t number) {
        MessageHistory& message = messages[number];
        List& list = lists_[place(message)];
        message.before = list.last;
        message.after = 0;
        message.in_group = true;
        (list.last != 0 ? messages[list.last].after : list.first) = number;
        list.last = number;
        list.checked_for = no_operation;
        if (list.search != none) {
            searches_[list.search].append(number, message);
        }
    }

    void erase(std::vector<MessageHistory>& messages, std::uint32_t number) noexcept {
        MessageHistory& message = messages[number];
        if (!message.in_group) {
            return;
        }
        message.in_group = false;
        List& list = lists_[place(message)];
        (message.before != 0 ? messages[message.before].after : list.first) = message.after;
        (message.after != 0 ? messages[message.after].before : list.last) = message.before;
        list.next = list.next == number ? message.after : list.next;
        if (list.search != none) {
            searches_[list.search].erase(message);
        }
    }

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;
    static constexpr Nanos earliest = Nanos::min() + Nanos{1};  // later than the sends of messages that have left

    struct List {
        std::uint32_t first = 0;
        std::uint32_t last = 0;
        std::uint32_t next = 0;
        std::uint32_t checked_for = no_operation;
        std::uint32_t search = none;
    };

    [[nodiscard]] std::size_t place(const MessageHistory& message) const noexcept {
        return stride_ != 0 ? message.group * stride_ + message.queue : message.group;
    }

    std::vector<List> lists_{};
    std::vector<GroupSearch> searches_{};
    std::size_t stride_ = 0;
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
