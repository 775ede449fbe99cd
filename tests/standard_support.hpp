// SPDX-License-Identifier: MIT
#pragma once

// What the tests of the standard queue share.

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/error.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/testing/catch2.hpp"

#include <chrono>
#include <cstddef>
#include <future>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace standard {

using Queue = sqsim::Queue<sqsim::ManualClock>;
using Message = Queue::message_type;
using Bodies = std::vector<std::string>;
using TimePoint = sqsim::ManualClock::time_point;

inline constexpr std::chrono::nanoseconds tick{1};  // the smallest step of time

/// An instant by its distance from the clock's epoch.
constexpr TimePoint at(std::chrono::nanoseconds time) { return TimePoint{time}; }

inline Bodies bodies_of(const std::vector<Message>& messages) {
    Bodies bodies;
    for (const Message& message : messages) {
        bodies.emplace_back(message.body());
    }
    return bodies;
}

inline Bodies receive_bodies(Queue& queue, sqsim::ReceiveMessageOptions options = {}) {
    return bodies_of(queue.receive_messages(std::move(options)));
}

inline std::vector<sqsim::ReceiptHandle> handles_of(const std::vector<Message>& messages) {
    std::vector<sqsim::ReceiptHandle> handles;
    for (const Message& message : messages) {
        handles.push_back(message.receipt_handle());
    }
    return handles;
}

/// Sends "<prefix>0", "<prefix>1", …
inline void send_numbered(Queue& queue, const std::string& prefix, std::size_t count,
                          const sqsim::SendMessageOptions& options = {}) {
    for (std::size_t i = 0; i < count; ++i) {
        queue.send_message(prefix + std::to_string(i), options);
    }
}

/// The error that a call throws; nothing if it throws none.
template <class Call>
std::optional<sqsim::Error> error_of(Call&& call) {
    try {
        static_cast<void>(std::forward<Call>(call)());
    } catch (const sqsim::Error& error) {
        return error;
    }
    return std::nullopt;
}

template <class Call>
std::optional<sqsim::Errc> code_of(Call&& call) {
    const auto error = error_of(std::forward<Call>(call));
    return error ? std::optional{error->code()} : std::nullopt;
}

/// A receive on a thread of its own. It is stopped if it does not return: a wake-up that is missing fails the test
/// instead of hanging it.
class BlockingReceive {
public:
    explicit BlockingReceive(Queue& queue, sqsim::ReceiveMessageOptions options = {})
        : messages_{std::async(std::launch::async, [&queue, options, token = stop_.get_token()] {
              return queue.receive_messages(options, token);
          })} {}
    BlockingReceive(const BlockingReceive&) = delete;
    BlockingReceive& operator=(const BlockingReceive&) = delete;
    ~BlockingReceive() { stop_.request_stop(); }

    void stop() { stop_.request_stop(); }

    /// What the receive returned; nothing if it had to be stopped.
    std::optional<std::vector<Message>> messages() {
        if (messages_.wait_for(std::chrono::seconds{10}) != std::future_status::ready) {
            stop_.request_stop();
            messages_.wait();
            return std::nullopt;
        }
        return messages_.get();
    }
    Bodies bodies() {
        const auto received = messages();
        return received ? bodies_of(*received) : Bodies{"the receive did not return"};
    }

private:
    std::stop_source stop_{};
    std::future<std::vector<Message>> messages_;
};

}  // namespace standard
