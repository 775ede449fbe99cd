// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/history_life.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The messages of each group that may still be there, in the order in which their sends were answered: lists through
/// the lives of the messages.
class HistoryGroups {
public:
    /// Every group in every queue gets its own list, unless that would be many more lists than operations: then the
    /// queues share them.
    void begin(std::size_t queues, std::size_t groups, std::size_t operations) {
        stride_ = queues * groups <= 8 * operations + 1024 ? queues : 0;
        last_.assign(stride_ != 0 ? queues * groups : groups, 0);
    }

    [[nodiscard]] std::uint32_t last(const MessageLife& life) const noexcept { return last_[place(life)]; }

    void append(std::vector<MessageLife>& messages, std::uint32_t message) noexcept {
        MessageLife& life = messages[message];
        std::uint32_t& last = last_[place(life)];
        life.before = last;
        life.after = 0;
        life.in_group = true;
        messages[last].after = message;  // of nobody, if there was none
        last = message;
    }

    void remove(std::vector<MessageLife>& messages, std::uint32_t message) noexcept {
        MessageLife& life = messages[message];
        if (!life.in_group) {
            return;
        }
        life.in_group = false;
        messages[life.before].after = life.after;
        if (life.after != 0) {
            messages[life.after].before = life.before;
        } else {
            last_[place(life)] = life.before;
        }
    }

private:
    [[nodiscard]] std::size_t place(const MessageLife& life) const noexcept {
        return stride_ != 0 ? life.group * stride_ + life.queue : life.group;
    }

    std::vector<std::uint32_t> last_{};
    std::size_t stride_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
