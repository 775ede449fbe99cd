// SPDX-License-Identifier: MIT

// Catches a FIFO queue that fails at its in-flight limit, goes beyond it, or stays stuck at it; and a backlog window
// that does not starve the groups behind it, or starves them for longer than it must.

#include "catch.hpp"
#include "fifo_support.hpp"

#include <string>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send_all;
using fifo::take;
using sqsim::QueueCounts;

namespace {

sqsim::FifoQueueOptions in_flight_limit(std::size_t most) {
    sqsim::FifoQueueOptions options;
    options.limits.maximum_in_flight = most;
    return options;
}

sqsim::FifoQueueOptions backlog_window(std::size_t messages) {
    sqsim::FifoQueueOptions options;
    options.limits.fifo_backlog_window = messages;
    return options;
}

}  // namespace

TEST_CASE("R103, R104: the limits of the service are 120,000", "[fifo][limits]") {
    CHECK(sqsim::Limits::aws().maximum_in_flight == 120'000);
    CHECK(sqsim::Limits::aws().fifo_backlog_window == 120'000);
}

TEST_CASE("R103: choice: exactly the limit may be in flight, beyond it a receive returns nothing and no error",
          "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, in_flight_limit(3)};
    send_all(queue, {"g1-m1", "g2-m1", "g3-m1", "g4-m1", "g5-m1"});
    CHECK(take(queue, 2) == Bodies{"g1-m1", "g2-m1"});
    const auto third = receive(queue, 10);
    CHECK(bodies(third) == Bodies{"g3-m1"});
    CHECK(queue.counts() == QueueCounts{2, 3, 0});
    CHECK_NOTHROW(take(queue));
    CHECK(take(queue).empty());
    CHECK(queue.counts() == QueueCounts{2, 3, 0});

    SECTION("a delete makes room for one") {
        CHECK(queue.delete_message(third[0].receipt_handle()));
        CHECK(take(queue) == Bodies{"g4-m1"});
        CHECK(take(queue).empty());
    }
    SECTION("a message given back makes room for one, which is the next in order") {
        CHECK(queue.change_message_visibility(third[0].receipt_handle(), 0s));
        CHECK(take(queue) == Bodies{"g4-m1"});
    }
    SECTION("the end of the leases makes room for all") {
        clock.advance(30s - 1ns);
        CHECK(take(queue).empty());
        clock.advance(1ns);
        CHECK(take(queue) == Bodies{"g4-m1", "g5-m1", "g1-m1"});
    }
}

TEST_CASE("R103: the limit cuts a group in its order", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, in_flight_limit(2)};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    const auto received = receive(queue);
    CHECK(bodies(received) == Bodies{"g-m1", "g-m2"});
    CHECK(queue.delete_message(received[0].receipt_handle()));
    CHECK(take(queue).empty());
    CHECK(queue.delete_message(received[1].receipt_handle()));
    CHECK(take(queue) == Bodies{"g-m3"});
}

TEST_CASE("R103: receives with a timeout of zero do not count against the limit", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, in_flight_limit(1)};
    send_all(queue, {"g1-m1", "g2-m1"});
    CHECK(take(queue, 10, 0s) == Bodies{"g1-m1", "g2-m1"});
    CHECK(take(queue, 10, 5s).size() == 1);
}

TEST_CASE("R103: a long poll at the limit returns nothing at its end and no error", "[fifo][limits][wait]") {
    Clock clock;
    fifo::Queue queue{clock, in_flight_limit(1)};
    send_all(queue, {"g1-m1", "g2-m1"});
    CHECK(take(queue) == Bodies{"g1-m1"});
    fifo::LongPoll waiting{queue, {.wait_time = 5s}};
    clock.wait_for_waiters(1);
    clock.advance(5s);
    CHECK(waiting.bodies().empty());
}

TEST_CASE("R103, R93: a delete that makes room below the limit wakes a long poll", "[fifo][limits][wait]") {
    Clock clock;
    fifo::Queue queue{clock, in_flight_limit(1)};
    send_all(queue, {"g1-m1", "g2-m1"});
    const auto first = receive(queue);
    REQUIRE(bodies(first) == Bodies{"g1-m1"});
    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    CHECK(queue.delete_message(first[0].receipt_handle()));
    CHECK(waiting.bodies() == Bodies{"g2-m1"});
}

TEST_CASE("R104: groups behind the backlog window are starved although visible, until it moves", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, backlog_window(3)};
    send_all(queue, {"g1-m1", "g1-m2", "g1-m3", "g2-m1"});
    const auto first = receive(queue, 1);
    REQUIRE(bodies(first) == Bodies{"g1-m1"});
    CHECK(take(queue).empty());
    CHECK(queue.counts() == QueueCounts{3, 1, 0});

    SECTION("a delete moves the window by one") {
        CHECK(queue.delete_message(first[0].receipt_handle()));
        CHECK(take(queue) == Bodies{"g1-m2", "g1-m3", "g2-m1"});
    }
    SECTION("the end of a lease does not move it") {
        clock.advance(30s);
        CHECK(take(queue) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
        CHECK(take(queue).empty());
    }
    SECTION("the end of retention moves it") {
        clock.advance(96h - 1ns);
        CHECK(take(queue, 3, 0s) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
        clock.advance(1ns);
        CHECK(take(queue).empty());  // all were sent at the same time
        CHECK(queue.counts() == QueueCounts{});
    }
    SECTION("a purge empties it") {
        queue.purge();
        send_all(queue, {"g3-m1"});
        CHECK(take(queue) == Bodies{"g3-m1"});
    }
}

TEST_CASE("R104: a group in the window is served while another one in it is blocked", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, backlog_window(3)};
    send_all(queue, {"g1-m1", "g1-m2", "g2-m1", "g3-m1"});
    CHECK(take(queue, 1) == Bodies{"g1-m1"});
    const auto second = receive(queue);
    REQUIRE(bodies(second) == Bodies{"g2-m1"});
    CHECK(take(queue).empty());
    CHECK(queue.delete_message(second[0].receipt_handle()));
    CHECK(take(queue) == Bodies{"g3-m1"});
}

TEST_CASE("R104: choice: messages of an open group behind the window wait, too", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock, backlog_window(2)};
    send_all(queue, {"g1-m1", "g1-m2", "g1-m3"});
    const auto first = receive(queue);
    CHECK(bodies(first) == Bodies{"g1-m1", "g1-m2"});
    for (const auto& message : first) {
        CHECK(queue.delete_message(message.receipt_handle()));
    }
    CHECK(take(queue) == Bodies{"g1-m3"});
}

TEST_CASE("R104: a backlog many times the window is delivered in the end, every group in its order", "[fifo][limits]") {
    Clock clock;
    const std::size_t window = GENERATE(1U, 2U, 7U, 64U);
    CAPTURE(window);
    fifo::Queue queue{clock, backlog_window(window)};
    std::vector<Bodies> sent(5);
    for (int i = 0; i < 200; ++i) {
        const auto group = static_cast<std::size_t>(i * i + i / 7) % 5;
        sent[group].push_back("g" + std::to_string(group) + "-m" + std::to_string(i));
        send_all(queue, {sent[group].back()});
    }
    std::vector<Bodies> got(5);
    for (const auto& body : fifo::drain(queue)) {
        got[static_cast<std::size_t>(body[1] - '0')].push_back(body);
    }
    CHECK(got == sent);
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R104, R93: a delete that moves the window wakes a long poll", "[fifo][limits][wait]") {
    Clock clock;
    fifo::Queue queue{clock, backlog_window(2)};
    send_all(queue, {"g1-m1", "g1-m2", "g2-m1"});
    const auto first = receive(queue);
    REQUIRE(bodies(first) == Bodies{"g1-m1", "g1-m2"});
    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    CHECK(queue.delete_message(first[0].receipt_handle()));  // opens no group, but g2-m1 is now in the window
    CHECK(waiting.bodies() == Bodies{"g2-m1"});
}

TEST_CASE("R104, R171: a message moved to the dead-letter queue makes room in the window for the same receive",
          "[fifo][limits][dead-letter]") {
    Clock clock;
    fifo::Queue dead{clock};
    fifo::Queue queue{clock, backlog_window(1)};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    send_all(queue, {"g1-m1", "g2-m1"});
    CHECK(take(queue, 10, 0s) == Bodies{"g1-m1"});
    CHECK(take(queue) == Bodies{"g2-m1"});
    CHECK(take(dead) == Bodies{"g1-m1"});
}

TEST_CASE("R49, R50: choice: a send that lacks both ids is refused for the group id", "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock};
    const auto error_of = [&](std::string_view group, std::string_view id) {
        try {
            fifo::send_as(queue, "body", group, id);
        } catch (const sqsim::Error& error) {
            return std::pair{error.code(), std::string{error.what()}};
        }
        return std::pair{sqsim::Errc::queue_full, std::string{"nothing was thrown"}};
    };
    const std::pair no_group{sqsim::Errc::missing_parameter,
                             std::string{"The request must contain the parameter MessageGroupId."}};
    CHECK(error_of("", "") == no_group);
    CHECK(error_of("", "id") == no_group);
    CHECK(error_of("g", "") == std::pair{sqsim::Errc::invalid_parameter_value,
                                         std::string{"The queue should either have ContentBasedDeduplication enabled "
                                                     "or MessageDeduplicationId provided explicitly"}});
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R51: group and deduplication ids have 1 to 128 characters, letters, digits and punctuation",
          "[fifo][limits]") {
    Clock clock;
    fifo::Queue queue{clock};
    const std::string longest(128, 'a');
    CHECK_NOTHROW(fifo::send_as(queue, "body", longest, longest));
    CHECK_NOTHROW(fifo::send_as(queue, "body", "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", "id"));
    for (const auto& bad : {std::string(129, 'a'), std::string{"a b"}, std::string{"\n"}, std::string{"\xc3\xa9"}}) {
        CAPTURE(bad);
        CHECK_THROWS_WITH(fifo::send_as(queue, "body", bad, "new"),
                          "Value " + bad +
                              " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only "
                              "include alphanumeric and punctuation characters. 1 to 128 in length.");
        CHECK_THROWS_WITH(
            fifo::send_as(queue, "body", "g", bad),
            "Value " + bad +
                " for parameter MessageDeduplicationId is invalid. Reason: "
                "MessageDeduplicationId can only include alphanumeric and punctuation characters. 1 to 128 "
                "in length.");
    }
    CHECK(queue.counts().visible == 2);
}
