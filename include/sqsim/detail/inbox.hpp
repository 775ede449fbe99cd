// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/moved_message.hpp"

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The messages that other queues have moved to a queue and that it has not taken in yet. With a lock of its own, the
/// innermost of all, so that a queue can post while it holds its own lock: no message is ever in neither queue, and no
/// two queues wait for each other.
template <class Lock>
class Inbox {
public:
    Inbox() = default;
    Inbox(const Inbox&) = delete;
    Inbox& operator=(const Inbox&) = delete;
    ~Inbox() {
        for (const MovedMessage& moved : messages_) {
            moved.owner->release(*moved.record);
        }
    }

    void post(MovedMessage&& moved) {
        const std::scoped_lock lock{mutex_};
        messages_.push_back(std::move(moved));
        filled_.store(true, std::memory_order_release);
    }

    /// Whether there is a message. One load: almost always there is none.
    [[nodiscard]] bool is_filled() const noexcept { return filled_.load(std::memory_order_acquire); }

    /// Takes all messages out.
    [[nodiscard]] std::vector<MovedMessage> take() {
        const std::scoped_lock lock{mutex_};
        filled_.store(false, std::memory_order_release);
        return std::exchange(messages_, {});
    }

private:
    Lock mutex_{};
    std::vector<MovedMessage> messages_{};
    std::atomic<bool> filled_{false};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
