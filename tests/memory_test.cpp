// SPDX-License-Identifier: MIT

// Catches a queue that keeps the memory of a spike, and one that has given it back and mistakes what is left of the old
// messages, their handles, for the new ones'.

#include "catch.hpp"
#include "standard_support.hpp"

#include "sqsim/sqsim.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#if defined(__linux__)
#    include <fstream>
#endif

using namespace std::chrono_literals;
using sqsim::HandleStatus;
using sqsim::ReceiptHandle;

namespace {

constexpr std::size_t spike = 300'000;
constexpr std::size_t fifo_spike = 60'000;
constexpr std::size_t batch = 10;

template <class Queue>
void send_spike(Queue& queue) {
    const std::string body(100, 'b');
    for (std::size_t i = 0; i < spike; ++i) {
        queue.send_message(body);
    }
}
template <class Queue>
void send_fifo_spike(Queue& queue) {
    const std::string body(100, 'b');
    for (std::size_t i = 0; i < fifo_spike; ++i) {
        queue.send_message(body, "group-" + std::to_string(i % 100), {.message_deduplication_id = std::to_string(i)});
    }
}

/// Receives and deletes everything. Returns some of the handles.
template <class Queue>
std::vector<ReceiptHandle> drain(Queue& queue) {
    std::array<typename Queue::message_type, batch> messages;
    std::array<ReceiptHandle, batch> handles;
    std::vector<ReceiptHandle> some;
    for (std::size_t round = 0;; ++round) {
        const std::size_t count = queue.receive_messages(messages, {.max_number_of_messages = static_cast<int>(batch)});
        if (count == 0) {
            return some;
        }
        for (std::size_t i = 0; i < count; ++i) {
            handles[i] = messages[i].receipt_handle();
        }
        queue.delete_messages(std::span{handles}.first(count));
        if (round % 10 == 0) {
            some.push_back(handles[0]);
        }
    }
}

/// Receives some messages, keeps their handles, and purges the queue.
template <class Queue>
std::vector<ReceiptHandle> purge(Queue& queue) {
    std::vector<ReceiptHandle> some;
    for (int i = 0; i < 1000; ++i) {
        for (const auto& message : queue.receive_messages({.max_number_of_messages = static_cast<int>(batch)})) {
            some.push_back(message.receipt_handle());
        }
    }
    queue.purge();
    return some;
}

template <class Queue>
std::size_t count_gone(Queue& queue, const std::vector<ReceiptHandle>& handles) {
    std::size_t gone = 0;
    for (const ReceiptHandle& handle : handles) {
        gone += queue.delete_message(handle).status == HandleStatus::gone &&
                        queue.change_message_visibility(handle, 1s).status == HandleStatus::gone
                    ? 1U
                    : 0U;
    }
    return gone;
}

/// Old handles do nothing, neither to an empty queue nor to messages that are where theirs were.
template <class Queue, class Send>
void check_old_handles(Queue& queue, const std::vector<ReceiptHandle>& old, Send send) {
    REQUIRE(old.size() > 1000);
    CHECK(queue.counts().total() == 0);
    CHECK(count_gone(queue, old) == old.size());
    send(queue);
    CHECK(count_gone(queue, old) == old.size());
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = spike});
    const auto message = queue.receive_message();
    REQUIRE(message);
    CHECK(message->body() == std::string(100, 'b'));
    CHECK(message->approximate_receive_count() == 1);
    CHECK(count_gone(queue, old) == old.size());
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);
    const auto next = drain(queue);
    CHECK(queue.metrics().number_of_messages_received >= 2 * next.size());
    CHECK(queue.counts().total() == 0);
    CHECK(count_gone(queue, next) == next.size());
    CHECK(count_gone(queue, old) == old.size());
}

#if defined(__linux__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#    if defined(__has_feature)
#        if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
constexpr bool knows_resident = false;
#        else
constexpr bool knows_resident = true;
#        endif
#    else
constexpr bool knows_resident = true;
#    endif
#else
constexpr bool knows_resident = false;
#endif

/// The pages of memory that the process has.
std::ptrdiff_t resident_pages() {
#if defined(__linux__)
    std::ifstream file{"/proc/self/statm"};
    std::ptrdiff_t all = 0;
    std::ptrdiff_t resident = 0;
    file >> all >> resident;
    return resident;
#else
    return 0;
#endif
}

}  // namespace

TEMPLATE_TEST_CASE("Handles of a spike are gone, not invalid and not another message's, when its memory is",
                   "[memory][standard]", std::mutex, sqsim::NullMutex) {
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock, std::string, TestType> queue{clock};
    send_spike(queue);
    SECTION("after deletes") {
        check_old_handles(queue, drain(queue), [](auto& to) { send_spike(to); });
    }
    SECTION("after a purge") {
        check_old_handles(queue, purge(queue), [](auto& to) { send_spike(to); });
    }
}

TEMPLATE_TEST_CASE("The memory of a spike goes back to the system", "[memory][standard]", std::mutex,
                   sqsim::NullMutex) {
    if (!knows_resident) {
        return;
    }
    sqsim::ManualClock clock;
    const bool by_purge = GENERATE(false, true);
    sqsim::Queue<sqsim::ManualClock, std::string, TestType> queue{clock};
    const std::ptrdiff_t before = resident_pages();
    send_spike(queue);
    const std::ptrdiff_t at_spike = resident_pages() - before;
    REQUIRE(at_spike > 0);
    if (by_purge) {
        queue.purge();
    } else {
        static_cast<void>(drain(queue));
    }
    CHECK(queue.counts().total() == 0);
    CHECK(resident_pages() - before < at_spike / 4);
}

TEST_CASE("Handles of a spike in a FIFO queue are gone when its memory is", "[memory][fifo]") {
    sqsim::ManualClock clock;
    sqsim::FifoQueue queue{clock, {.name = "spike.fifo", .deduplication_interval = 0s}};
    send_fifo_spike(queue);
    const bool by_purge = GENERATE(false, true);
    std::vector<ReceiptHandle> old;
    if (by_purge) {
        for (int i = 0; i < 200; ++i) {
            for (const auto& message : queue.receive_messages({.max_number_of_messages = static_cast<int>(batch)})) {
                old.push_back(message.receipt_handle());
            }
        }
        queue.purge();
    } else {
        old = drain(queue);
    }
    REQUIRE(old.size() > 500);
    CHECK(queue.counts().total() == 0);
    CHECK(count_gone(queue, old) == old.size());
    send_fifo_spike(queue);
    CHECK(count_gone(queue, old) == old.size());
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = fifo_spike});
    CHECK(drain(queue).size() > fifo_spike / 200);
    CHECK(queue.counts().total() == 0);
}
