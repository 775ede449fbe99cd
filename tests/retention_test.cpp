// SPDX-License-Identifier: MIT

// Catches messages that outlive their retention in any state or end before it, retention that moves to the dead-letter
// queue, and purges that leave something behind.

#include "catch.hpp"
#include "standard_support.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::Errc;
using sqsim::HandleStatus;
using sqsim::QueueCounts;

TEST_CASE("R193: choice: a message ends exactly when its age reaches the retention, in every state",
          "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = 60s}};
    clock.advance(10s);
    using State = sqsim::MessageState;
    const auto state = GENERATE(State::visible, State::in_flight, State::delayed);
    const int ticks_late = GENERATE(0, 1);
    CAPTURE(state, ticks_late);
    queue.send_message("m", {.delay = state == State::delayed ? 900s : 0s});
    if (state == State::in_flight) {
        REQUIRE(queue.receive_message({.visibility_timeout = 1h}));
    }
    clock.advance(60s - tick);
    CHECK(queue.peek(state).size() == 1);
    CHECK(queue.counts().total() == 1);
    clock.advance(tick + ticks_late * tick);
    CHECK(queue.counts() == QueueCounts{});
    CHECK_FALSE(queue.receive_message());
    clock.advance(2h);  // nothing comes back from a lease or a delay
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R193: the retention is between 60 seconds and 14 days, four days by default", "[retention][standard]") {
    sqsim::ManualClock clock;
    CHECK(sqsim::QueueOptions{}.message_retention_period == 96h);
    Queue queue{clock};
    for (const std::chrono::nanoseconds period : {60s - tick, 14 * 24h + tick, -tick, std::chrono::nanoseconds{0}}) {
        CHECK(code_of([&] { return queue.set_message_retention_period(period), 0; }) == Errc::invalid_attribute_value);
        CHECK(code_of([&] {
                  return Queue{clock, {.message_retention_period = period}}.counts();
              }) == Errc::invalid_attribute_value);
    }
    CHECK_NOTHROW(queue.set_message_retention_period(60s));
    CHECK_NOTHROW(queue.set_message_retention_period(14 * 24h));
}

TEST_CASE("R193: golden scenario 20: one message is received late in its life, both end", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = 60s}};
    send_numbered(queue, "m", 2);
    clock.advance(5s);
    const auto message = queue.receive_message({.visibility_timeout = 60s});
    REQUIRE(message);
    clock.advance(61s);
    CHECK_FALSE(queue.receive_message());
    clock.advance(7s);
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::gone);
    CHECK(message->body() == "m0");
}

TEST_CASE("R193: each message ends at its own time", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = 60s}};
    for (int i = 0; i < 60; ++i) {
        queue.send_message("m");
        clock.advance(1s);
    }
    for (std::size_t left = 59; left > 0; --left) {
        CHECK(queue.counts().total() == left);
        clock.advance(1s);
    }
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R194: the end of a retention is silent: no move, no delete is counted, a late delete is no error",
          "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 30s, .message_retention_period = 60s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto message = queue.receive_message();
    clock.advance(60s);
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts() == QueueCounts{});
    CHECK(queue.metrics().number_of_messages_deleted == 0);
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::gone);
}

TEST_CASE("R195: a change of the retention is for stored messages, too", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = 1h}};
    queue.send_message("old");
    clock.advance(100s);
    queue.send_message("young");
    SECTION("lower: it takes effect at once") {
        queue.set_message_retention_period(100s);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
        clock.advance(100s - tick);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
        clock.advance(tick);
        CHECK(queue.counts() == QueueCounts{});
    }
    SECTION("lower by a tick less") {
        queue.set_message_retention_period(100s + tick);
        CHECK(queue.counts() == QueueCounts{.visible = 2});
        clock.advance(tick);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
    }
    SECTION("higher") {
        queue.set_message_retention_period(2h);
        clock.advance(2h - 100s - tick);
        CHECK(queue.counts() == QueueCounts{.visible = 2});
        clock.advance(tick);
        CHECK(receive_bodies(queue) == Bodies{"young"});
    }
}

TEST_CASE("R196: choice: a purge removes everything in every state at once, and nothing that is sent later",
          "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s}};
    send_numbered(queue, "visible", 5);
    send_numbered(queue, "delayed", 2, {.delay = 5s});
    send_numbered(queue, "grouped", 3, {.message_group_id = "g"});
    const auto leased = queue.receive_messages({.max_number_of_messages = 3});
    REQUIRE(queue.counts() == QueueCounts{.visible = 5, .in_flight = 3, .delayed = 2});
    queue.purge();
    CHECK(queue.counts() == QueueCounts{});
    queue.send_message("after");
    CHECK(receive_bodies(queue, {.visibility_timeout = 1h}) == Bodies{"after"});
    clock.advance(10s);  // golden scenario 23: nothing comes back
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
    CHECK(leased[0].body() == "visible0");
}

TEST_CASE("R196: an empty queue can be purged", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.purge();
    queue.send_message("m");
    CHECK(receive_bodies(queue) == Bodies{"m"});
}

TEST_CASE("R196: a purge counts no deletes and empties no counter", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 3);
    REQUIRE(queue.receive_message());
    queue.purge();
    CHECK(queue.metrics().number_of_messages_deleted == 0);
    CHECK(queue.metrics().number_of_messages_sent == 3);
    CHECK(queue.metrics().number_of_messages_received == 1);
    CHECK_FALSE(queue.metrics().approximate_age_of_oldest_message);
}

TEST_CASE("R197: choice: a queue that is an object may be purged again within 60 seconds", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    for (int i = 0; i < 3; ++i) {
        queue.send_message("m");
        CHECK_NOTHROW(queue.purge());
        CHECK(queue.counts() == QueueCounts{});
    }
}

TEST_CASE("R198: a delete with the handle of a purged message is no error", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto handle = queue.receive_message()->receipt_handle();
    queue.purge();
    queue.send_message("next");
    REQUIRE(queue.receive_message());
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
}

TEST_CASE("R196: choice: a long poll goes on waiting when the queue is purged", "[retention][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    queue.purge();
    CHECK(clock.waiters() == 1);
    queue.send_message("after");
    CHECK(receive.bodies() == Bodies{"after"});
}
