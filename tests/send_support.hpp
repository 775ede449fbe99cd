// SPDX-License-Identifier: MIT
#pragma once

// What the tests of sending and of bad input share: the outcome of a call as a text, and a picture of everything that
// can be seen of a queue, by which a refused call is shown to have changed nothing.

#include "catch.hpp"
#include "sqsim/sqsim.hpp"
#include "sqsim/testing/catch2.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

namespace send_support {

using StandardQueue = sqsim::Queue<sqsim::ManualClock>;
using FifoQueue = sqsim::FifoQueue<sqsim::ManualClock>;
using Instant = sqsim::ManualClock::time_point;

/// A stored message as `peek` shows it.
struct Row {
    sqsim::MessageId id{};
    const void* body = nullptr;
    sqsim::MessageState state{};
    Instant available_at{};
    Instant sent_at{};
    Instant first_received_at{};
    std::uint32_t receives = 0;
    std::string group_id{};
    std::string deduplication_id{};
    sqsim::MessageAttributes attributes{};

    friend bool operator==(const Row&, const Row&) = default;
};

/// Everything that can be seen of a queue without receiving from it.
struct Picture {
    sqsim::QueueCounts counts{};
    sqsim::QueueMetrics metrics{};
    std::optional<Instant> next_event{};
    std::vector<Row> rows{};
    std::string description{};

    friend bool operator==(const Picture&, const Picture&) = default;
};

inline const void* address_of(std::string_view body) { return body.data(); }
template <class Body>
const void* address_of(const Body& body) {
    return std::addressof(body);
}

template <class Queue>
Picture picture(const Queue& queue) {
    using enum sqsim::MessageState;
    Picture taken{queue.counts(), queue.metrics(), queue.next_event(), {}, queue.describe()};
    for (const auto state : {visible, in_flight, delayed}) {
        for (const auto& peeked : queue.peek(state, 10'000)) {
            const auto& message = peeked.message;
            taken.rows.push_back({message.message_id(), address_of(message.body()), peeked.state, peeked.available_at,
                                  message.sent_at(), message.first_received_at(), message.approximate_receive_count(),
                                  std::string{message.message_group_id()},
                                  std::string{message.message_deduplication_id()}, message.message_attributes()});
        }
    }
    return taken;
}

/// "accepted", or the error that a call throws as "code: text".
template <class Call>
std::string outcome(Call call) {
    try {
        static_cast<void>(call());
    } catch (const sqsim::Error& error) {
        return std::string{error.aws_code()} + ": " + error.what();
    }
    return "accepted";
}

/// The same for the result of a batch entry.
template <class T>
std::string outcome_of(const sqsim::Result<T>& result) {
    if (result.has_value()) {
        return "accepted";
    }
    return std::string{result.error().aws_code()} + ": " + result.error().what();
}

/// The outcome of a call that is to be refused. The text says so if the call changed the queue.
template <class Queue, class Call>
std::string refusal(const Queue& queue, Call call) {
    const Picture before = picture(queue);
    const std::string text = outcome(call);
    const Picture after = picture(queue);
    return after == before
               ? text
               : text + " -- but the queue changed from [" + before.description + "] to [" + after.description + "]";
}

/// A queue with a message in each state: only there does "nothing changed" mean much.
inline void fill(StandardQueue& queue) {
    queue.send_message("in flight", {.message_attributes = {{"kept", {"Number", "1"}}}});
    static_cast<void>(queue.receive_message());
    queue.send_message("visible", {.message_group_id = "tenant"});
    queue.send_message("delayed", {.delay = std::chrono::seconds{7}});
    REQUIRE(queue.counts() == sqsim::QueueCounts{1, 1, 1});
}
inline void fill(FifoQueue& queue) {
    queue.send_message("in flight", "first", {.message_deduplication_id = "fill-1"});
    static_cast<void>(queue.receive_message());
    queue.send_message("visible", "second", {.message_deduplication_id = "fill-2"});
    REQUIRE(queue.counts() == sqsim::QueueCounts{1, 1, 0});
}

/// A body that can be moved but not copied and counts its living objects.
class Job {
public:
    explicit Job(int number) : number_{std::make_unique<int>(number)} { ++alive; }
    Job(Job&& other) noexcept : number_{std::move(other.number_)} { ++alive; }
    Job& operator=(Job&&) noexcept = default;
    Job(const Job&) = delete;
    Job& operator=(const Job&) = delete;
    ~Job() { --alive; }

    int number() const { return number_ ? *number_ : -1; }  // -1: moved from
    const int* identity() const { return number_.get(); }   // the same for the life of the value, however it moves

    static inline int alive = 0;

private:
    std::unique_ptr<int> number_;
};

}  // namespace send_support
