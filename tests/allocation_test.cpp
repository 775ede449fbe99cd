// SPDX-License-Identifier: MIT

// Catches a path of a message's life that allocates memory once the queue has reached its size.

#include "catch.hpp"
#include "watched_memory.hpp"

#include "sqsim/sqsim.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;

namespace {

using watched::allocations;
using watched::counting;

constexpr std::size_t lifecycles = 100'000;
constexpr std::size_t batch = 10;

// What 100,000 lifecycles may allocate in all: a table or list that doubles once more, not one per message.
constexpr std::uint64_t handful = 16;

/// How much `work` allocates per `lifecycles` messages once it was done a tenth as often before.
template <class Work>
std::uint64_t allocations_of(Work work) {
    for (std::size_t i = 0; i < lifecycles / batch / 10; ++i) {
        work(i);
    }
    allocations = 0;
    counting = true;
    for (std::size_t i = 0; i < lifecycles / batch; ++i) {
        work(i);
    }
    counting = false;
    return allocations.load();
}

}  // namespace

TEST_CASE("The count of allocations counts", "[allocation]") {
    allocations = 0;
    counting = true;
    auto* const text = new std::string(100, 'x');
    counting = false;
    delete text;
    CHECK(allocations.load() == 2);
}

TEMPLATE_TEST_CASE("A standard queue allocates nothing per message in the steady state", "[allocation][standard]",
                   sqsim::ManualClock, std::chrono::steady_clock) {
    const std::size_t body_size = GENERATE(std::size_t{64}, std::size_t{1024});
    TestType clock;
    using Queue = sqsim::Queue<TestType>;
    Queue queue{clock};
    const std::string body(body_size, 'b');
    std::array<std::string_view, batch> bodies;
    bodies.fill(body);
    std::array<typename Queue::message_type, batch> messages;
    std::array<sqsim::ReceiptHandle, batch> handles;
    std::size_t wrong = 0;

    SECTION("send a batch, receive into a span, delete") {
        CHECK(allocations_of([&](std::size_t) {
                  wrong += queue.send_messages(bodies) != batch;
                  wrong += queue.receive_messages(messages) != batch;
                  for (const auto& message : messages) {
                      wrong += !queue.delete_message(message.receipt_handle());
                  }
              }) <= handful);
    }
    SECTION("one by one, deletes combined with receives") {
        std::size_t held = 0;
        CHECK(allocations_of([&](std::size_t) {
                  for (std::size_t i = 0; i < batch; ++i) {
                      queue.send_message(body);
                  }
                  held = queue.delete_and_receive(std::span{handles}.first(held), messages);
                  wrong += held != batch;
                  for (std::size_t i = 0; i < held; ++i) {
                      handles[i] = messages[i].receipt_handle();
                  }
              }) <= handful);
    }
    SECTION("with a backlog") {
        for (int i = 0; i < 500; ++i) {
            REQUIRE(queue.send_messages(bodies) == batch);
        }
        CHECK(allocations_of([&](std::size_t) {
                  wrong += queue.send_messages(bodies) != batch;
                  wrong += queue.receive_messages(messages) != batch;
                  for (const auto& message : messages) {
                      wrong += !queue.delete_message(message.receipt_handle());
                  }
              }) <= handful);
    }
    CHECK(wrong == 0);
}

TEST_CASE("Leases that end and visibility that is changed allocate nothing per message", "[allocation][standard]") {
    sqsim::ManualClock clock;
    using Queue = sqsim::Queue<sqsim::ManualClock>;
    Queue queue{clock, {.visibility_timeout = 5s}};
    const std::array<std::string_view, batch> bodies{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    std::array<Queue::message_type, batch> messages;
    std::size_t wrong = 0;
    CHECK(allocations_of([&](std::size_t) {
              wrong += queue.send_messages(bodies) != batch;
              wrong += queue.receive_messages(messages) != batch;
              clock.advance(5s);  // each comes back
              wrong += queue.receive_messages(messages) != batch;
              for (const auto& message : messages) {
                  wrong += !queue.change_message_visibility(message.receipt_handle(), 0s);
              }
              wrong += queue.receive_messages(messages) != batch;
              for (const auto& message : messages) {
                  wrong += !queue.delete_message(message.receipt_handle());
              }
          }) <= handful);
    CHECK(wrong == 0);
}

TEST_CASE("R149: a FIFO queue with groups and expiring deduplication ids allocates nothing per message",
          "[allocation][fifo]") {
    const std::size_t body_size = GENERATE(std::size_t{64}, std::size_t{1024});
    sqsim::ManualClock clock;
    using FifoQueue = sqsim::FifoQueue<sqsim::ManualClock>;
    FifoQueue queue{clock};
    const std::string body(body_size, 'b');
    const std::array<std::string, 8> groups{"group-0", "group-1", "group-2", "group-3",
                                            "group-4", "group-5", "group-6", "group-7"};
    std::array<FifoQueue::message_type, batch> messages;
    std::size_t wrong = 0;
    std::uint64_t next_id = 0;
    sqsim::FifoSendMessageOptions options;
    options.message_deduplication_id.reserve(32);
    CHECK(allocations_of([&](std::size_t round) {
              for (std::size_t i = 0; i < batch; ++i) {
                  // Short, so that copying the options allocates nothing in the caller.
                  options.message_deduplication_id = std::to_string(next_id++);
                  wrong += queue.send_message(body, groups[(round + i) % groups.size()], options).deduplicated;
              }
              wrong += queue.receive_messages(messages) != batch;
              for (const auto& message : messages) {
                  wrong += !queue.delete_message(message.receipt_handle());
              }
              clock.advance(1s);  // 3,000 ids are remembered at any time
          }) <= handful);
    CHECK(wrong == 0);
    CHECK(queue.counts().total() == 0);
}
