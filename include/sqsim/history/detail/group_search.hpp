// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/detail/message_history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// The messages of one group in their order, for a search that need not look at those which may have left before a call
/// that is still to come: a binary tree over their places.
///
/// Complexity: `append` amortised constant, all else logarithmic.
class GroupSearch {
public:
    void append(std::uint32_t number, const MessageHistory& message) {
        if (numbers_.size() == width_) {
            grow();
        }
        numbers_.push_back(number);
        orders_.push_back(message.send_operation);
        set(numbers_.size() - 1, {0, message.sent.last});
    }

    void erase(const MessageHistory& message) noexcept { set(place(message), Entry{}); }

    /// The message needs no look before the operation `until`.
    void pass_until(const MessageHistory& message, std::uint32_t until) noexcept {
        const std::size_t at = place(message);
        set(at, {until, tree_[width_ + at].sent_by});
    }

    /// The first message, from this one on, that needs a look for the operation `index`, or was sent by `sent_by` or
    /// later; 0 if there is none.
    [[nodiscard]] std::uint32_t find(const MessageHistory& from, std::uint32_t index, Nanos sent_by) noexcept {
        const auto matches = [&](std::size_t node) {
            ++steps_;
            return tree_[node].until <= index || tree_[node].sent_by >= sent_by;
        };
        std::size_t node = width_ + place(from);
        while (!matches(node)) {
            while (node % 2 == 1) {  // up from the second child: the next place is in another tree
                node /= 2;
            }
            if (node == 0) {
                return 0;
            }
            ++node;
        }
        while (node < width_) {
            node *= 2;
            node += matches(node) ? 0U : 1U;
        }
        return numbers_[node - width_];
    }

    /// How many nodes all searches have looked at: their cost.
    [[nodiscard]] std::uint64_t steps() const noexcept { return steps_; }

private:
    /// Of a place: until when its message is passed over, and the latest time of the send. Of an inner node: the first
    /// and the latest.
    struct Entry {
        std::uint32_t until = no_operation;
        Nanos sent_by = Nanos::min();
    };

    [[nodiscard]] static Entry both(const Entry& a, const Entry& b) noexcept {
        return {std::min(a.until, b.until), std::max(a.sent_by, b.sent_by)};
    }

    [[nodiscard]] std::size_t place(const MessageHistory& message) const noexcept {
        return static_cast<std::size_t>(std::lower_bound(orders_.begin(), orders_.end(), message.send_operation) -
                                        orders_.begin());
    }

    void set(std::size_t at, const Entry& entry) noexcept {
        std::size_t node = width_ + at;
        tree_[node] = entry;
        for (node /= 2; node != 0; node /= 2) {
            tree_[node] = both(tree_[2 * node], tree_[2 * node + 1]);
        }
    }

    void grow() {
        const std::size_t width = std::max<std::size_t>(2 * width_, 64);
        std::vector<Entry> tree(2 * width);
        std::copy_n(tree_.begin() + static_cast<std::ptrdiff_t>(width_), width_,
                    tree.begin() + static_cast<std::ptrdiff_t>(width));
        for (std::size_t node = width - 1; node != 0; --node) {
            tree[node] = both(tree[2 * node], tree[2 * node + 1]);
        }
        tree_.swap(tree);
        width_ = width;
    }

    std::vector<std::uint32_t> numbers_{};
    std::vector<std::uint32_t> orders_{};  // their `send_operation`, which grows
    std::vector<Entry> tree_{};            // the children of node i are 2 i and 2 i + 1; the last half are the places
    std::size_t width_ = 0;
    std::uint64_t steps_ = 0;
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
