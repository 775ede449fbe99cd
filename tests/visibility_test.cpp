// SPDX-License-Identifier: MIT

// Catches leases that end a moment too early or too late, changes of visibility that add up, stick, go past 12 hours or
// act on the wrong message, and messages that lose their place when they come back.

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

TEST_CASE("R128: choice: a leased message is hidden until exactly the visibility timeout has passed",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    CHECK(message->visibility_deadline() == at(30s));
    CHECK_FALSE(queue.receive_message());
    clock.advance(30s - tick);
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
    SECTION("at its end it is visible") {
        clock.advance(tick);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
        CHECK(queue.receive_message()->approximate_receive_count() == 2);
    }
    SECTION("and one tick later") {
        clock.advance(2 * tick);
        CHECK(queue.receive_message()->approximate_receive_count() == 2);
    }
}

TEST_CASE("R86: a change of the queue's visibility timeout is for leases that begin later", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    send_numbered(queue, "m", 2);
    REQUIRE(queue.receive_message());
    queue.set_visibility_timeout(5s);
    CHECK(queue.receive_message()->visibility_deadline() == at(5s));
    clock.advance(30s - tick);
    CHECK(receive_bodies(queue) == Bodies{"m1"});
    clock.advance(tick);
    CHECK(receive_bodies(queue) == Bodies{"m0"});
}

TEST_CASE("R115: with a timeout of zero a message is returned, counted and at once visible again",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 0s});
    REQUIRE(first);
    CHECK(first->approximate_receive_count() == 1);
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    const auto second = queue.receive_message();
    REQUIRE(second);
    CHECK(second->approximate_receive_count() == 2);
    CHECK(second->receipt_handle() != first->receipt_handle());
    CHECK(second->message_id() == first->message_id());
    CHECK_FALSE(queue.receive_message());
}

TEST_CASE("R115: one receive with a timeout of zero returns each message once", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 3);
    CHECK(receive_bodies(queue, {.visibility_timeout = 0s}) == Bodies{"m0", "m1", "m2"});
    CHECK(receive_bodies(queue, {.visibility_timeout = 0s}) == Bodies{"m0", "m1", "m2"});
    CHECK(queue.counts() == QueueCounts{.visible = 3});
}

TEST_CASE("R115: a queue whose visibility timeout is zero never hides a message", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.send_message("m");
    for (unsigned receive = 1; receive <= 5; ++receive) {
        const auto message = queue.receive_message();
        REQUIRE(message);
        CHECK(message->approximate_receive_count() == receive);
    }
}

TEST_CASE("R116: a new timeout outside 0 to 43,200 seconds is refused with the service's text",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto message = queue.receive_message();
    const auto change = [&](std::chrono::nanoseconds timeout) {
        return error_of([&] { return queue.change_message_visibility(message->receipt_handle(), timeout); });
    };
    const auto error = change(86400s);
    REQUIRE(error);
    CHECK(error->code() == Errc::invalid_parameter_value);
    CHECK(std::string{error->what()} == "Value 86400 for parameter VisibilityTimeout is invalid. Reason: "
                                        "VisibilityTimeout must be an integer between 0 and 43200.");
    CHECK(change(43200s + tick));
    CHECK(change(-tick));
    CHECK_FALSE(change(43200s));
}

TEST_CASE("R117: a new timeout counts from the call and replaces the remainder", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    clock.advance(10s);
    SECTION("longer") {
        CHECK(queue.change_message_visibility(message->receipt_handle(), 60s));
        clock.advance(60s - tick);
        CHECK_FALSE(queue.receive_message());
        clock.advance(tick);
        CHECK(queue.receive_message());
    }
    SECTION("shorter") {
        CHECK(queue.change_message_visibility(message->receipt_handle(), 2s));
        clock.advance(2s - tick);
        CHECK_FALSE(queue.receive_message());
        clock.advance(tick);
        CHECK(queue.receive_message());
    }
    SECTION("the same as the remainder") {
        CHECK(queue.change_message_visibility(message->receipt_handle(), 20s));
        clock.advance(20s - tick);
        CHECK_FALSE(queue.receive_message());
        clock.advance(tick);
        CHECK(queue.receive_message());
    }
}

TEST_CASE("R117: a message is held as long as its lease is extended (golden scenario 3)", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 2s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    for (int i = 0; i < 4; ++i) {
        clock.advance(1s);
        CHECK(queue.change_message_visibility(message->receipt_handle(), 2s));
        CHECK_FALSE(queue.receive_message());
    }
    clock.advance(2s);
    CHECK(queue.receive_message()->approximate_receive_count() == 2);
}

TEST_CASE("R118: zero ends the lease at once, also by an older handle (golden scenario 2)", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 0s});
    const auto second = queue.receive_message({.visibility_timeout = 3s});
    REQUIRE(second);
    CHECK(first->receipt_handle() != second->receipt_handle());
    CHECK(queue.change_message_visibility(first->receipt_handle(), 0s).status == HandleStatus::ok);
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    const auto third = queue.receive_message();
    REQUIRE(third);
    CHECK(third->approximate_receive_count() == 3);
    clock.advance(3s);  // when the second lease would have ended
    CHECK_FALSE(queue.receive_message());
}

TEST_CASE("R118: an older handle extends the current lease, too", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s}};
    queue.send_message("m");
    const auto first = queue.receive_message();
    clock.advance(10s);
    REQUIRE(queue.receive_message());
    CHECK(queue.change_message_visibility(first->receipt_handle(), 60s).status == HandleStatus::ok);
    clock.advance(60s - tick);
    CHECK_FALSE(queue.receive_message());
    clock.advance(tick);
    CHECK(queue.receive_message());
}

TEST_CASE("R119: a changed timeout is not remembered for the next receive (golden scenario 4)",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("m");
    const auto first = queue.receive_message();
    CHECK(queue.change_message_visibility(first->receipt_handle(), 0s));
    CHECK(queue.receive_message()->visibility_deadline() == at(30s));
    CHECK_FALSE(queue.receive_message());
    clock.advance(30s);
    const auto third = queue.receive_message();
    CHECK(queue.change_message_visibility(third->receipt_handle(), 100s));
    clock.advance(100s);
    CHECK(queue.receive_message()->visibility_deadline() == at(160s));
}

TEST_CASE("R120: a lease lasts at most 43,200 s from its receive, and a change beyond fails and clamps nothing",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("m");
    clock.advance(1h);  // the time of the send does not count
    const auto message = queue.receive_message();
    const auto change = [&](std::chrono::nanoseconds timeout) {
        return error_of([&] { return queue.change_message_visibility(message->receipt_handle(), timeout); });
    };
    clock.advance(5s);
    const auto error = change(43200s);
    REQUIRE(error);
    CHECK(error->code() == Errc::invalid_parameter_value);
    CHECK(std::string{error->what()} == "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total "
                                        "VisibilityTimeout for the message is beyond the limit [43200 seconds].");
    CHECK(change(43195s + tick));
    SECTION("a refused change leaves the lease as it was") {
        clock.advance(25s - tick);
        CHECK_FALSE(queue.receive_message());
        clock.advance(tick);
        CHECK(queue.receive_message());
    }
    SECTION("up to the limit it passes, and extensions do not move the limit") {
        CHECK_FALSE(change(43195s));
        clock.advance(43194s);
        CHECK(change(1s + tick));
        CHECK_FALSE(change(1s));
        clock.advance(1s);
        CHECK(queue.receive_message()->approximate_receive_count() == 2);
    }
    SECTION("the next receive starts anew") {
        CHECK_FALSE(change(43195s));
        clock.advance(43195s);
        const auto next = queue.receive_message();
        CHECK_FALSE(error_of([&] { return queue.change_message_visibility(next->receipt_handle(), 43200s); }));
    }
}

TEST_CASE("R121: a change of visibility of a message that is not there says gone", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s, .message_retention_period = 60s}};
    queue.send_message("m");
    const auto handle = queue.receive_message()->receipt_handle();
    SECTION("deleted") { REQUIRE(queue.delete_message(handle)); }
    SECTION("purged") { queue.purge(); }
    SECTION("past its retention") { clock.advance(60s); }
    CHECK(queue.change_message_visibility(handle, 10s).status == HandleStatus::gone);
    CHECK(queue.change_message_visibility(handle, 0s).status == HandleStatus::gone);
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R122: choice: a change of visibility after the lease ended says expired and hides nothing",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 5s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    clock.advance(5s - tick);
    SECTION("one tick before the end it takes effect") {
        CHECK(queue.change_message_visibility(message->receipt_handle(), 5s).status == HandleStatus::ok);
        CHECK(queue.counts() == QueueCounts{.in_flight = 1});
    }
    SECTION("at the end it does not") {
        clock.advance(tick);
        CHECK(queue.change_message_visibility(message->receipt_handle(), 5s).status == HandleStatus::expired);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
        CHECK(queue.receive_message()->approximate_receive_count() == 2);
    }
    SECTION("nor after it, nor with zero") {
        clock.advance(2 * tick);
        CHECK(queue.change_message_visibility(message->receipt_handle(), 0s).status == HandleStatus::expired);
        CHECK(queue.counts() == QueueCounts{.visible = 1});
    }
}

TEST_CASE("R115, R122: choice: a lease of zero has ended at once, so that its handle is expired",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto message = queue.receive_message({.visibility_timeout = 0s});
    CHECK(queue.change_message_visibility(message->receipt_handle(), 10s).status == HandleStatus::expired);
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);  // R107
}

TEST_CASE("R122: choice: an older handle says expired as well when no lease lasts", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 5s}};
    queue.send_message("m");
    const auto first = queue.receive_message();
    clock.advance(5s);
    REQUIRE(queue.receive_message());
    clock.advance(5s);
    CHECK(queue.change_message_visibility(first->receipt_handle(), 10s).status == HandleStatus::expired);
    CHECK(queue.counts() == QueueCounts{.visible = 1});
}

TEST_CASE("R126: a message whose lease ended goes in front of later ones (golden scenario 1)",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("test1");
    REQUIRE(queue.receive_message({.visibility_timeout = 3s}));
    clock.advance(1500ms);
    queue.send_message("test2");
    clock.advance(3s);
    CHECK(receive_bodies(queue, {.max_number_of_messages = 1}) == Bodies{"test1"});
}

TEST_CASE("R126: messages come back in the order sent, whatever the order in which their leases ended",
          "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 6);
    const auto messages = queue.receive_messages({.max_number_of_messages = 5});
    REQUIRE(messages.size() == 5);
    for (const std::size_t i : {3U, 0U, 4U, 1U, 2U}) {
        clock.advance(1s);
        REQUIRE(queue.change_message_visibility(messages[i].receipt_handle(), 0s));
    }
    CHECK(receive_bodies(queue) == Bodies{"m0", "m1", "m2", "m3", "m4", "m5"});
}

TEST_CASE("R114: by default a message keeps its place however often it was received", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 2);
    for (int i = 0; i < 10; ++i) {
        CHECK(receive_bodies(queue, {.max_number_of_messages = 1, .visibility_timeout = 1s}) == Bodies{"m0"});
        clock.advance(1s);
    }
}

TEST_CASE("R114: as an option a message received three times goes behind all others", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 1s, .back_of_queue_after_three_receives = true}};
    send_numbered(queue, "m", 2);
    const auto receive_one = [&] { return queue.receive_message(); };
    for (unsigned receive = 1; receive <= 2; ++receive) {
        const auto message = receive_one();
        REQUIRE(message->body() == "m0");
        clock.advance(1s);
    }
    const auto third = receive_one();
    REQUIRE(third->body() == "m0");  // after two receives it had kept its place
    REQUIRE(third->approximate_receive_count() == 3);

    SECTION("when its lease ends") { clock.advance(1s); }
    SECTION("when its lease is ended") { REQUIRE(queue.change_message_visibility(third->receipt_handle(), 0s)); }
    CHECK(receive_bodies(queue) == Bodies{"m1", "m0"});
}

TEST_CASE("R114, R115: the option counts receives with a timeout of zero as well", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s, .back_of_queue_after_three_receives = true}};
    send_numbered(queue, "m", 2);
    Bodies order;
    for (int i = 0; i < 4; ++i) {
        order.emplace_back(queue.receive_message()->body());
    }
    CHECK(order == Bodies{"m0", "m0", "m0", "m1"});
}

TEST_CASE("R128: in exact mode no message is delivered twice within its lease", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    send_numbered(queue, "m", 50);
    std::size_t received = 0;
    for (int second = 0; second < 30; ++second) {
        received += queue.receive_messages().size();
        clock.advance(999ms);
    }
    CHECK(received == 50);
}

TEST_CASE("R131: a change of visibility never makes a delayed message", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.delay = 5s}};
    queue.send_message("m");
    clock.advance(5s);
    const auto message = queue.receive_message();
    REQUIRE(message);
    for (const std::chrono::nanoseconds timeout : {10s, 1s, 0s}) {
        REQUIRE(queue.change_message_visibility(message->receipt_handle(), timeout));
        CHECK(queue.counts().delayed == 0);
        CHECK(queue.counts().total() == 1);
    }
    CHECK(queue.receive_message());
}

TEST_CASE("a lease for ever ends never, without limits", "[visibility][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.message_retention_period = std::chrono::nanoseconds::max(), .limits = sqsim::Limits::none()}};
    queue.send_message("m");
    const auto message = queue.receive_message({.visibility_timeout = std::chrono::nanoseconds::max()});
    REQUIRE(message);
    clock.advance(24h * 365 * 100);
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
    CHECK(queue.change_message_visibility(message->receipt_handle(), std::chrono::nanoseconds::max()));
    CHECK(queue.change_message_visibility(message->receipt_handle(), 0s));
    CHECK(queue.receive_message());
}
