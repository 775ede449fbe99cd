// SPDX-License-Identifier: MIT

// Catches delayed messages that appear early, late or out of order, delays that are applied to the wrong messages, and
// counters that do not add up.

#include "catch.hpp"
#include "standard_support.hpp"

#include <chrono>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::Errc;
using sqsim::QueueCounts;

TEST_CASE("R129: choice: on a delay queue a message is hidden until exactly its delay has passed",
          "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delay = 5s}};
    clock.advance(3s);
    queue.send_message("m");
    CHECK(queue.counts() == QueueCounts{.delayed = 1});
    clock.advance(5s - tick);
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == QueueCounts{.delayed = 1});
    SECTION("at its end it is visible") { clock.advance(tick); }
    SECTION("and one tick later") { clock.advance(2 * tick); }
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    CHECK(queue.receive_message()->body() == "m");
}

TEST_CASE("R129: without a delay a message is visible at once", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    CHECK(queue.receive_message());
}

TEST_CASE("R46: a message's own delay replaces the queue's, also with zero", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delay = 5s}};
    queue.send_message("short", {.delay = 1s});
    queue.send_message("none", {.delay = 0s});
    queue.send_message("long", {.delay = 9s});
    CHECK(receive_bodies(queue) == Bodies{"none"});
    clock.advance(1s);
    CHECK(receive_bodies(queue) == Bodies{"short"});
    clock.advance(8s - tick);
    CHECK(receive_bodies(queue).empty());
    clock.advance(tick);
    CHECK(receive_bodies(queue) == Bodies{"long"});
}

TEST_CASE("R45, R129: a delay is between 0 and 900 seconds", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    CHECK_FALSE(code_of([&] { return queue.send_message("m", {.delay = 900s}); }));
    CHECK(code_of([&] { return queue.send_message("m", {.delay = 900s + tick}); }) == Errc::invalid_parameter_value);
    CHECK(code_of([&] { return queue.send_message("m", {.delay = -tick}); }) == Errc::invalid_parameter_value);
    CHECK(queue.counts() == QueueCounts{.delayed = 1});
    CHECK(code_of([&] { return Queue{clock, {.delay = 901s}}.counts(); }) == Errc::invalid_attribute_value);
}

TEST_CASE("R130: a change of the queue's delay does not touch messages that were sent before", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delay = 5s}};
    queue.send_message("before");
    SECTION("shorter") {
        queue.set_delay(0s);
        queue.send_message("after");
        CHECK(receive_bodies(queue) == Bodies{"after"});
        clock.advance(5s - tick);
        CHECK(receive_bodies(queue).empty());
        clock.advance(tick);
        CHECK(receive_bodies(queue) == Bodies{"before"});
    }
    SECTION("longer") {
        queue.set_delay(60s);
        queue.send_message("after");
        clock.advance(5s);
        CHECK(receive_bodies(queue) == Bodies{"before"});
        clock.advance(55s - tick);
        CHECK(receive_bodies(queue, {.visibility_timeout = 12h}) == Bodies{"before"});  // its lease had ended
        clock.advance(tick);
        CHECK(receive_bodies(queue) == Bodies{"after"});
    }
}

TEST_CASE("R131: the delay hides before the first receive only", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 2s, .delay = 100s}};
    queue.send_message("m");
    clock.advance(100s);
    for (int i = 0; i < 3; ++i) {
        REQUIRE(queue.receive_message());
        clock.advance(2s);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
    }
}

TEST_CASE("R70: the sent time is that of the send and not that of the end of the delay", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    clock.advance(1s);
    queue.send_message("m", {.delay = 10s});
    clock.advance(10s);
    const auto message = queue.receive_message();
    CHECK(message->sent_at() == at(1s));
    CHECK(message->first_received_at() == at(11s));
}

TEST_CASE("R126: a message that comes out of its delay takes its place by send", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("first", {.delay = 5s});
    queue.send_message("second");
    queue.send_message("third", {.delay = 2s});
    queue.send_message("fourth");
    clock.advance(5s);
    CHECK(receive_bodies(queue) == Bodies{"first", "second", "third", "fourth"});
}

TEST_CASE("R126: delays that end at the same instant keep the order of the sends", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    Bodies sent;
    for (int i = 9; i >= 0; --i) {
        sent.push_back("m" + std::to_string(i));
        queue.send_message(sent.back(), {.delay = std::chrono::seconds{i}});  // all end at 9 s
        if (i != 0) {
            clock.advance(1s);
        }
    }
    CHECK(receive_bodies(queue) == sent);
}

TEST_CASE("R133: visible, in flight and delayed partition the stored messages", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s}};
    CHECK(queue.counts() == QueueCounts{});
    send_numbered(queue, "v", 5);
    send_numbered(queue, "d", 3, {.delay = 4s});
    CHECK(queue.counts() == QueueCounts{.visible = 5, .delayed = 3});
    const auto leased = queue.receive_messages({.max_number_of_messages = 2});
    CHECK(queue.counts() == QueueCounts{.visible = 3, .in_flight = 2, .delayed = 3});
    CHECK(queue.counts().total() == 8);
    clock.advance(4s);
    CHECK(queue.counts() == QueueCounts{.visible = 6, .in_flight = 2});
    REQUIRE(queue.delete_message(leased[0].receipt_handle()));
    CHECK(queue.counts() == QueueCounts{.visible = 6, .in_flight = 1});
    clock.advance(6s);
    CHECK(queue.counts() == QueueCounts{.visible = 7});
}

TEST_CASE("R136: choice: the counters are exact at every instant", "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 1s}};
    for (std::size_t sent = 1; sent <= 50; ++sent) {
        queue.send_message("m", {.delay = 1s});
        CHECK(queue.counts() == QueueCounts{.delayed = sent});
    }
    clock.advance(1s);
    for (std::size_t received = 1; received <= 50; ++received) {
        REQUIRE(queue.receive_message());
        CHECK(queue.counts() == QueueCounts{.visible = 50 - received, .in_flight = received});
    }
    clock.advance(1s);
    CHECK(queue.counts() == QueueCounts{.visible = 50});
}

TEST_CASE("R137: a message that is deleted, past its retention, purged or moved leaves the counters at once",
          "[delay][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 10s, .message_retention_period = 60s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    SECTION("deleted") { REQUIRE(queue.delete_message(message->receipt_handle())); }
    SECTION("past its retention") { clock.advance(60s); }
    SECTION("purged") { queue.purge(); }
    SECTION("moved") {
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        clock.advance(10s);
        REQUIRE_FALSE(queue.receive_message());
        CHECK(dead.counts() == QueueCounts{.visible = 1});
    }
    CHECK(queue.counts() == QueueCounts{});
}
