// SPDX-License-Identifier: MIT

// Catches metrics that count the wrong thing: operations for messages, moves for sends, the age of a message that
// should not count, or anything that an observer did.

#include "catch.hpp"
#include "standard_support.hpp"

#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using Age = std::optional<std::chrono::nanoseconds>;

TEST_CASE("section 12: a fresh queue has zero counters, no age, no sizes, and nothing of FIFO or fair queues",
          "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    CHECK(queue.metrics() == sqsim::QueueMetrics{});
    CHECK_FALSE(queue.metrics().approximate_age_of_oldest_message);
    CHECK_FALSE(queue.metrics().sent_message_size);
    CHECK_FALSE(queue.metrics().fifo);
    CHECK_FALSE(queue.metrics().fair_queue);
}

TEST_CASE("section 12: the three numbers of messages are those of the counters", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "v", 6);
    send_numbered(queue, "d", 2, {.delay = 1s});
    REQUIRE(queue.receive_messages({.max_number_of_messages = 3}).size() == 3);
    const auto metrics = queue.metrics();
    CHECK(metrics.approximate_number_of_messages_visible == 3);
    CHECK(metrics.approximate_number_of_messages_not_visible == 3);
    CHECK(metrics.approximate_number_of_messages_delayed == 2);
}

TEST_CASE("section 12: the age is that of the oldest undeleted message, in whatever state", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("first");
    clock.advance(10s);
    queue.send_message("second", {.delay = 100s});
    CHECK(queue.metrics().approximate_age_of_oldest_message == Age{10s});
    const auto first = queue.receive_message();
    clock.advance(1s);
    CHECK(queue.metrics().approximate_age_of_oldest_message == Age{11s});
    REQUIRE(queue.delete_message(first->receipt_handle()));
    CHECK(queue.metrics().approximate_age_of_oldest_message == Age{1s});
    queue.purge();
    CHECK_FALSE(queue.metrics().approximate_age_of_oldest_message);
}

TEST_CASE("R114: a message received three times does not count for the age, and the next oldest does",
          "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.send_message("poison");
    clock.advance(5s);
    queue.send_message("next", {.delay = 900s});
    for (int i = 0; i < 2; ++i) {
        REQUIRE(queue.receive_message()->body() == "poison");
        clock.advance(1s);
    }
    CHECK(queue.metrics().approximate_age_of_oldest_message == Age{7s});
    REQUIRE(queue.receive_message()->body() == "poison");
    CHECK(queue.metrics().approximate_age_of_oldest_message == Age{2s});
}

TEST_CASE("R114: choice: when every message was received three times there is no age", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.send_message("poison");
    for (int i = 0; i < 3; ++i) {
        REQUIRE(queue.receive_message());
    }
    CHECK_FALSE(queue.metrics().approximate_age_of_oldest_message);
}

TEST_CASE("section 12: an empty receive is a call that returned nothing", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    const auto empty = [&] { return queue.metrics().number_of_empty_receives; };
    REQUIRE_FALSE(queue.receive_message());
    CHECK(empty() == 1);
    REQUIRE(queue.receive_messages().empty());
    CHECK(empty() == 2);
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    CHECK(empty() == 2);
    BlockingReceive receive{queue, {.wait_time = 5s}};
    clock.wait_for_waiters(1);
    clock.advance(5s);
    REQUIRE(receive.bodies().empty());
    CHECK(empty() == 3);  // one call, however often it looked
    CHECK(code_of([&] { return queue.receive_messages({.max_number_of_messages = 0}); }));
    CHECK(empty() == 3);
}

TEST_CASE("section 12: received are the messages returned, repeats included", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s}};
    send_numbered(queue, "m", 3);
    REQUIRE(queue.receive_messages().size() == 3);
    REQUIRE(queue.receive_messages().size() == 3);
    REQUIRE(queue.receive_message());
    CHECK(queue.metrics().number_of_messages_received == 7);
}

TEST_CASE("R215: deleted are the operations with a valid handle, so that they can exceed the sends",
          "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto handle = queue.receive_message()->receipt_handle();
    for (int i = 0; i < 3; ++i) {
        static_cast<void>(queue.delete_message(handle));
    }
    CHECK(queue.metrics().number_of_messages_deleted == 3);
    CHECK(queue.metrics().number_of_messages_sent == 1);
    CHECK(code_of([&] { return queue.delete_message(sqsim::ReceiptHandle{}); }));
    const std::array handles{handle, sqsim::ReceiptHandle{}};
    static_cast<void>(queue.delete_messages(handles));
    CHECK(queue.metrics().number_of_messages_deleted == 4);  // the malformed ones do not count
}

TEST_CASE("section 12: sent are the accepted messages of every kind of send", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.capacity = 6}};
    queue.send_message("one");
    REQUIRE(queue.try_send_message("two"));
    std::vector<sqsim::SendMessageEntry<std::string>> entries{{"three"}, {""}, {"four"}};
    REQUIRE(queue.send_messages(entries).size() == 3);  // the empty body fails
    const std::array<std::string_view, 2> bodies{"five", "six"};
    REQUIRE(queue.send_messages(bodies) == 2);
    REQUIRE(queue.send_messages(bodies) == 0);  // full
    REQUIRE_FALSE(queue.try_send_message("seven"));
    CHECK(code_of([&] { return queue.send_message(""); }));
    CHECK(queue.metrics().number_of_messages_sent == 6);
}

TEST_CASE("section 12: sizes are those of body and attributes, from the first send on", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    CHECK(code_of([&] { return queue.send_message(""); }));
    CHECK_FALSE(queue.metrics().sent_message_size);
    queue.send_message("12345");
    CHECK(queue.metrics().sent_message_size ==
          sqsim::SentMessageSizes{.count = 1, .sum = 5, .minimum = 5, .maximum = 5});
    // R37: bytes, not characters; names, types and values of the attributes count.
    queue.send_message("\xC3\xA4", {.message_attributes = {{"name", {"String", "value"}}}});
    const std::array<std::string_view, 2> bodies{"1", "1234567890"};
    REQUIRE(queue.send_messages(bodies) == 2);
    CHECK(queue.metrics().sent_message_size ==
          sqsim::SentMessageSizes{.count = 4, .sum = 5 + 17 + 1 + 10, .minimum = 1, .maximum = 17});
}

TEST_CASE("section 12: looking at a queue changes no metric", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    const auto sent = queue.send_message("m", {.message_group_id = "g"});
    const auto before = queue.metrics();
    static_cast<void>(queue.peek(sent.message_id));
    static_cast<void>(queue.peek(sqsim::MessageState::visible));
    static_cast<void>(queue.counts());
    static_cast<void>(queue.describe());
    static_cast<void>(queue.next_event());
    static_cast<void>(queue.options());
    CHECK(queue.metrics() == before);
}

TEST_CASE("R216: the metrics of fair queues exist once a group id was used", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    CHECK_FALSE(queue.metrics().fair_queue);
    queue.send_message("m", {.message_group_id = "g"});
    REQUIRE(queue.metrics().fair_queue);
    queue.purge();
    CHECK(queue.metrics().fair_queue == sqsim::FairQueueMetrics{});
}

TEST_CASE("R210, R216: the metrics of quiet groups leave the noisy ones out", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 1h}};
    send_numbered(queue, "a", 35, {.message_group_id = "noisy"});
    for (int i = 0; i < 3; ++i) {
        REQUIRE(queue.receive_messages().size() == 10);
    }
    clock.advance(10s);
    send_numbered(queue, "late", 2, {.delay = 900s, .message_group_id = "noisy"});
    queue.send_message("b", {.message_group_id = "quiet"});
    clock.advance(5s);
    queue.send_message("alone");
    queue.send_message("later", {.delay = 900s});

    const auto metrics = queue.metrics();
    CHECK(metrics.approximate_number_of_messages_visible == 7);
    CHECK(metrics.approximate_number_of_messages_not_visible == 30);
    CHECK(metrics.approximate_number_of_messages_delayed == 3);
    CHECK(metrics.approximate_age_of_oldest_message == Age{15s});
    CHECK(metrics.fair_queue == sqsim::FairQueueMetrics{.approximate_number_of_noisy_groups = 1,
                                                        .approximate_number_of_messages_visible_in_quiet_groups = 2,
                                                        .approximate_number_of_messages_not_visible_in_quiet_groups = 0,
                                                        .approximate_number_of_messages_delayed_in_quiet_groups = 1,
                                                        .approximate_age_of_oldest_message_in_quiet_groups = 5s});
    REQUIRE(receive_bodies(queue, {.max_number_of_messages = 2}) == Bodies{"b", "alone"});
    CHECK(queue.metrics().fair_queue->approximate_number_of_messages_not_visible_in_quiet_groups == 2);
}

TEST_CASE("R216: without a noisy group the metrics of quiet groups are those of the queue", "[metrics][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 5, {.message_group_id = "a"});
    send_numbered(queue, "n", 4);
    queue.send_message("d", {.delay = 1s});
    REQUIRE(queue.receive_messages({.max_number_of_messages = 3}).size() == 3);
    clock.advance(500ms);
    CHECK(queue.metrics().fair_queue ==
          sqsim::FairQueueMetrics{.approximate_number_of_noisy_groups = 0,
                                  .approximate_number_of_messages_visible_in_quiet_groups = 6,
                                  .approximate_number_of_messages_not_visible_in_quiet_groups = 3,
                                  .approximate_number_of_messages_delayed_in_quiet_groups = 1,
                                  .approximate_age_of_oldest_message_in_quiet_groups = 500ms});
}
