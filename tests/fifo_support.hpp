// SPDX-License-Identifier: MIT
#pragma once

// What the tests of FIFO queues and of move tasks share: short words for sending, receiving and comparing.

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace fifo {

using Clock = sqsim::ManualClock;
using Queue = sqsim::FifoQueue<Clock>;
using Messages = std::vector<Queue::message_type>;
using Bodies = std::vector<std::string>;
using Timeout = std::optional<std::chrono::nanoseconds>;

/// The instant so long after the beginning of time.
inline Clock::time_point at(std::chrono::nanoseconds since_start) { return Clock::time_point{since_start}; }

/// Sends under a deduplication id that no other body has: the body itself.
inline sqsim::SendMessageResult send(Queue& queue, std::string_view body, std::string_view group) {
    return queue.send_message(body, group, {.message_deduplication_id = std::string{body}});
}

inline sqsim::SendMessageResult send_as(Queue& queue, std::string_view body, std::string_view group,
                                        std::string_view deduplication_id) {
    return queue.send_message(body, group, {.message_deduplication_id = std::string{deduplication_id}});
}

/// Sends in order; the group of "g1-m2" is "g1".
inline void send_all(Queue& queue, const Bodies& bodies) {
    for (const std::string& body : bodies) {
        send(queue, body, body.substr(0, body.find('-')));
    }
}

template <class AnyQueue>
auto receive(AnyQueue& queue, int most = 10, Timeout timeout = {}) {
    return queue.receive_messages({.max_number_of_messages = most, .visibility_timeout = timeout});
}

template <class SomeMessages>
Bodies bodies(const SomeMessages& messages) {
    Bodies all;
    for (const auto& message : messages) {
        all.emplace_back(message.body());
    }
    return all;
}

/// Receives and keeps only the bodies.
template <class AnyQueue>
Bodies take(AnyQueue& queue, int most = 10, Timeout timeout = {}) {
    return bodies(receive(queue, most, timeout));
}

/// A receive that blocks in a thread of its own. The instant at which it returned means something only if the test did
/// not move the time any further.
template <class AnyQueue>
class LongPoll {
public:
    explicit LongPoll(AnyQueue& queue, sqsim::ReceiveMessageOptions options = {.wait_time = std::chrono::seconds{20}})
        : received_{std::async(std::launch::async, [this, &queue, options] {
              return queue.receive_messages(options, stop_.get_token());
          })} {}
    LongPoll(const LongPoll&) = delete;
    LongPoll& operator=(const LongPoll&) = delete;
    ~LongPoll() { stop_.request_stop(); }

    /// What it received. A receive that nothing wakes is stopped in the end, so that the test fails instead of hanging.
    auto messages() {
        if (received_.wait_for(std::chrono::seconds{10}) != std::future_status::ready) {
            stop_.request_stop();
        }
        return received_.get();
    }
    Bodies bodies() { return fifo::bodies(messages()); }

    [[nodiscard]] bool has_returned() const {
        return received_.wait_for(std::chrono::seconds{0}) == std::future_status::ready;
    }

private:
    std::stop_source stop_{};
    std::future<std::vector<typename AnyQueue::message_type>> received_;
};

/// Waits until one of several long polls returns, takes it out of `waiting` and returns what it received.
template <class AnyQueue>
auto first_to_return(std::vector<LongPoll<AnyQueue>*>& waiting) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    auto returned = waiting.end();
    while (returned == waiting.end() && std::chrono::steady_clock::now() < limit) {
        std::this_thread::yield();
        returned = std::find_if(waiting.begin(), waiting.end(), [](const auto* poll) { return poll->has_returned(); });
    }
    auto* poll = returned == waiting.end() ? waiting.back() : *returned;
    std::erase(waiting, poll);
    return poll->messages();
}

/// Receives and deletes until the queue gives nothing more.
template <class AnyQueue>
Bodies drain(AnyQueue& queue) {
    Bodies all;
    for (auto messages = receive(queue, 10, std::chrono::seconds{30}); !messages.empty();
         messages = receive(queue, 10, std::chrono::seconds{30})) {
        for (const auto& message : messages) {
            all.emplace_back(message.body());
            queue.delete_message(message.receipt_handle());
        }
    }
    return all;
}

}  // namespace fifo
