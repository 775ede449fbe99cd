// SPDX-License-Identifier: MIT

// Catches a long poll that watches and misses a send, goes on after a stop, or sees nothing but sends.

#include "blocked_call.hpp"
#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

using namespace std::chrono_literals;

namespace {

sqsim::ReceiveMessageOptions watching(std::chrono::nanoseconds spin) {
    sqsim::ReceiveMessageOptions options;
    options.wait_time = 20s;
    options.spin = spin;
    return options;
}

/// The body of what a receive returns; empty if it returns nothing.
template <class Queue>
[[nodiscard]] auto call_receive(Queue& queue, std::chrono::nanoseconds spin) {
    return blocked::Call{[&queue, spin](const std::stop_token& stop) {
        const auto message = queue.receive_message(watching(spin), stop);
        return message ? std::string{message->body()} : std::string{};
    }};
}

}  // namespace

TEST_CASE("Two threads that watch answer each other without one being woken", "[spin][threads]") {
    sqsim::Queue<> questions;
    sqsim::Queue<> answers;
    constexpr int rounds = 200;
    int answered = 0;
    std::jthread other{[&] {
        for (int i = 0; i < rounds; ++i) {
            const auto question = questions.receive_message(watching(20s));
            if (question && questions.delete_message(question->receipt_handle())) {
                ++answered;
            }
            answers.send_message(std::to_string(i));
        }
    }};
    int right = 0;
    for (int i = 0; i < rounds; ++i) {
        questions.send_message("?");
        const auto answer = answers.receive_message(watching(20s));
        right += answer && answer->body() == std::to_string(i) && answers.delete_message(answer->receipt_handle());
    }
    other.join();
    CHECK(answered == rounds);
    CHECK(right == rounds);
    CHECK(questions.counts().total() == 0);
    CHECK(answers.counts().total() == 0);
}

TEST_CASE("A long poll that watches a FIFO queue gets what is sent", "[spin][threads][fifo]") {
    sqsim::FifoQueue<> queue;
    auto receive = call_receive(queue, 20s);
    queue.send_message("a", "group", {.message_deduplication_id = "1"});
    CHECK(receive.get() == "a");
}

TEST_CASE("A long poll that has watched long enough waits like any other", "[spin][threads]") {
    sqsim::Queue<> queue;
    auto receive = call_receive(queue, 1ns);
    queue.send_message("a");
    CHECK(receive.get() == "a");
}

TEST_CASE("R93: the end of a delay and of a lease is seen also by those who watch", "[spin][threads]") {
    sqsim::Queue<> queue;
    queue.send_message("delayed", {.delay = 2ms});
    auto receive = call_receive(queue, 20s);
    CHECK(receive.get() == "delayed");
    sqsim::Queue<> leased{sqsim::QueueOptions{.visibility_timeout = 2ms}};
    leased.send_message("leased");
    REQUIRE(leased.receive_message());
    auto again = call_receive(leased, 20s);
    CHECK(again.get() == "leased");
}

TEST_CASE("A stop request ends the watching: nothing is leased", "[spin][threads][stop]") {
    sqsim::Queue<> queue;
    auto receive = call_receive(queue, 20s);
    receive.request_stop();
    CHECK(receive.get().empty());
    queue.send_message("a");
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
}

TEST_CASE("On a manual clock nobody watches: the thread waits where the clock can see it", "[spin][threads]") {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    auto receive = call_receive(queue, 20s);
    clock.wait_for_waiters(1);
    clock.advance(20s);
    CHECK(receive.get().empty());
}

TEST_CASE("Watching for less than no time is an error", "[spin]") {
    sqsim::Queue<> queue;
    sqsim::FifoQueue<> fifo;
    CHECK_THROWS_AS(queue.receive_message(watching(-1ns)), sqsim::Error);
    CHECK_THROWS_AS(fifo.receive_message(watching(-1ns)), sqsim::Error);
    queue.send_message("a");
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
}
