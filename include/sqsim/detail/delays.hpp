// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/ring.hpp"

#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The delayed messages of a FIFO queue in the order sent, which is that of their delays' ends: the delay is the
/// queue's, whatever it was when they were sent (R130). A message that left the queue stays as a stale entry.
class Delays {
public:
    void add(const Record& record) { order_.push_back({record.slot(), record.generation()}); }

    /// The message whose delay ends next; null if there is none.
    template <class Body>
    [[nodiscard]] Record* first(const MessageStore<Body>& store) noexcept {
        while (!order_.empty()) {
            Record& record = store[order_.front().slot];
            if (record.generation() == order_.front().generation && record.state() == State::delayed) {
                return &record;
            }
            order_.pop_front();
        }
        return nullptr;
    }

private:
    struct Delayed {
        std::uint32_t slot;
        std::uint32_t generation;
    };
    Ring<Delayed> order_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
