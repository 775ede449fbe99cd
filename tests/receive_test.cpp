// SPDX-License-Identifier: MIT

// Catches receives that return too many or too few messages, confuse short and long polls, miss a wake-up or wake for
// nothing, count receives wrongly, or handle the in-flight limit in the wrong way.

#include "catch.hpp"
#include "standard_support.hpp"

#include <array>
#include <chrono>
#include <stop_token>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;

TEST_CASE("R84, R88: a receive returns at most as many messages as asked for, and one or ten by default",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 25);
    CHECK(queue.receive_message()->body() == "m0");
    CHECK(receive_bodies(queue, {.max_number_of_messages = 1}) == Bodies{"m1"});
    CHECK(receive_bodies(queue, {.max_number_of_messages = 3}) == Bodies{"m2", "m3", "m4"});
    CHECK(queue.receive_messages().size() == 10);
    CHECK(queue.receive_messages({.max_number_of_messages = 10}).size() == 10);  // m15 to m24
    CHECK(queue.receive_messages().empty());
}

TEST_CASE("R84: a maximum that is not between 1 and 10 is refused with the service's text and leases nothing",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    for (const int count : {11, 0, -1}) {
        const auto error = error_of([&] { return queue.receive_messages({.max_number_of_messages = count}); });
        REQUIRE(error);
        CHECK(error->code() == sqsim::Errc::invalid_parameter_value);
        CHECK(std::string{error->what()} == "Value " + std::to_string(count) +
                                                " for parameter MaxNumberOfMessages is invalid. Reason: Must be "
                                                "between 1 and 10, if provided.");
    }
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
}

TEST_CASE("R84: a receive into a span fills no more than the span and the maximum", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 9);
    std::array<Message, 4> out;
    CHECK(queue.receive_messages(out) == 4);
    CHECK(out[0].body() == "m0");
    CHECK(out[3].body() == "m3");
    std::array<Message, 4> half;
    CHECK(queue.receive_messages(half, {.max_number_of_messages = 2}) == 2);
    CHECK(half[1].body() == "m5");
    CHECK_FALSE(half[2]);
    CHECK(queue.receive_messages(std::span<Message>{}) == 0);
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 3, .in_flight = 6});
    CHECK(queue.receive_messages(out) == 3);
    CHECK(out[2].body() == "m8");
    CHECK(out[3].body() == "m3");  // what is behind the count stays as it was
}

TEST_CASE("R85: a wait time outside 0 to 20 seconds is refused with the service's text", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto text_for = [&](std::chrono::nanoseconds wait) {
        const auto error = error_of([&] { return queue.receive_message({.wait_time = wait}); });
        return error && error->code() == sqsim::Errc::invalid_parameter_value ? std::string{error->what()} : "";
    };
    CHECK(text_for(21s) == "Value 21 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if "
                           "provided.");
    CHECK(text_for(-1s) == "Value -1 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 20, if "
                           "provided.");
    CHECK_FALSE(text_for(20s + tick).empty());
    CHECK_FALSE(text_for(-tick).empty());
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
    CHECK(queue.receive_message({.wait_time = 20s}));  // there is a message, so it does not wait
}

TEST_CASE("R86: the visibility timeout of a receive is for that receive only and between 0 and 12 hours",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("m");
    CHECK(code_of([&] { return queue.receive_message({.visibility_timeout = 12h + tick}); }) ==
          sqsim::Errc::invalid_parameter_value);
    CHECK(code_of([&] { return queue.receive_message({.visibility_timeout = -tick}); }) ==
          sqsim::Errc::invalid_parameter_value);
    REQUIRE(queue.counts() == sqsim::QueueCounts{.visible = 1});

    CHECK(queue.receive_message({.visibility_timeout = 5s})->visibility_deadline() == at(5s));
    clock.advance(5s);
    CHECK(queue.receive_message()->visibility_deadline() == at(35s));
    clock.advance(30s);
    CHECK(queue.receive_message({.visibility_timeout = 12h})->visibility_deadline() == at(35s + 12h));
}

TEST_CASE("R87: a receive that finds nothing is empty and no error", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.receive_messages().empty());
    std::array<Message, 2> out;
    CHECK(queue.receive_messages(out) == 0);
}

TEST_CASE("R89: a wait time of zero makes a short poll although the queue's own is longer", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.receive_message_wait_time = 20s}};
    BlockingReceive receive{queue, {.wait_time = 0s}};
    CHECK(receive.bodies().empty());  // nobody moves the clock: a long poll would not come back
}

TEST_CASE("R89: without a wait time the queue's own decides", "[receive][standard]") {
    sqsim::ManualClock clock;
    SECTION("zero: a short poll") {
        Queue queue{clock};
        BlockingReceive receive{queue};
        CHECK(receive.bodies().empty());
    }
    SECTION("more: a long poll that ends empty when its time has come, not before") {
        Queue queue{clock, {.receive_message_wait_time = 7s}};
        BlockingReceive receive{queue};
        clock.wait_for_waiters(1);
        clock.advance(7s - tick);
        CHECK(clock.waiters() == 1);
        clock.advance(tick);
        CHECK(receive.bodies().empty());
    }
    SECTION("it may change, and the receive's own goes before it") {
        Queue queue{clock};
        queue.set_receive_message_wait_time(3s);
        BlockingReceive receive{queue};
        BlockingReceive longer{queue, {.wait_time = 5s}};
        clock.wait_for_waiters(2);
        clock.advance(3s);
        CHECK(receive.bodies().empty());
        CHECK(clock.waiters() == 1);
        clock.advance(2s);
        CHECK(longer.bodies().empty());
    }
}

TEST_CASE("R90: in exact mode a short poll finds every visible message", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    for (int round = 0; round < 100; ++round) {
        send_numbered(queue, "m", 3);
        CHECK(receive_bodies(queue) == Bodies{"m0", "m1", "m2"});
    }
}

TEST_CASE("R91: a long poll with messages present returns at once and does not wait to fill its batch",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 2);
    BlockingReceive receive{queue, {.max_number_of_messages = 10, .wait_time = 20s}};
    CHECK(receive.bodies() == Bodies{"m0", "m1"});
    CHECK(clock.waiters() == 0);
}

TEST_CASE("R91, R93: a send wakes one waiting long poll, at the time of the send", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    clock.advance(4s);
    queue.send_message("m");
    const auto messages = receive.messages();
    REQUIRE(messages);
    REQUIRE(bodies_of(*messages) == Bodies{"m"});
    CHECK(messages->front().first_received_at() == at(4s));
    CHECK(messages->front().visibility_deadline() == at(34s));
}

TEST_CASE("R93: as many long polls as messages wake, and the others wait on", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    BlockingReceive a{queue, {.max_number_of_messages = 1, .wait_time = 20s}};
    BlockingReceive b{queue, {.max_number_of_messages = 1, .wait_time = 20s}};
    BlockingReceive c{queue, {.max_number_of_messages = 1, .wait_time = 20s}};
    clock.wait_for_waiters(3);
    send_numbered(queue, "m", 2);
    clock.advance(20s);  // the third one's time is over
    std::size_t received = 0;
    for (BlockingReceive* receive : {&a, &b, &c}) {
        received += receive->bodies().size();
    }
    CHECK(received == 2);
    CHECK(queue.counts().total() == 2);
}

TEST_CASE("R93: the end of a delay wakes a long poll at that instant", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m", {.delay = 5s});
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    clock.advance(5s - tick);
    CHECK(clock.waiters() == 1);
    clock.advance(10s);
    const auto messages = receive.messages();
    REQUIRE(messages);
    REQUIRE(bodies_of(*messages) == Bodies{"m"});
    CHECK(messages->front().first_received_at() == at(5s));
}

TEST_CASE("R93: the end of a lease wakes a long poll at that instant", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 6s}};
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    clock.advance(6s - tick);
    CHECK(clock.waiters() == 1);
    clock.advance(10s);
    const auto messages = receive.messages();
    REQUIRE(messages);
    REQUIRE(bodies_of(*messages) == Bodies{"m"});
    CHECK(messages->front().visibility_deadline() == at(12s));
    CHECK(messages->front().approximate_receive_count() == 2);
}

TEST_CASE("R93: a change of visibility to zero wakes a long poll", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto first = queue.receive_message();
    REQUIRE(first);
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    clock.advance(2s);
    CHECK(queue.change_message_visibility(first->receipt_handle(), 0s));
    CHECK(receive.bodies() == Bodies{"m"});
}

TEST_CASE("R93: what becomes visible exactly when the wait ends is taken, one tick later it is not",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    SECTION("at the end") {
        queue.send_message("m", {.delay = 5s});
        BlockingReceive receive{queue, {.wait_time = 5s}};
        clock.wait_for_waiters(1);
        clock.advance(1h);
        CHECK(receive.bodies() == Bodies{"m"});
    }
    SECTION("after the end") {
        queue.send_message("m", {.delay = 5s + tick});
        BlockingReceive receive{queue, {.wait_time = 5s}};
        clock.wait_for_waiters(1);
        clock.advance(1h);
        CHECK(receive.bodies().empty());
        CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
    }
}

TEST_CASE("a stop ends a waiting receive and leases nothing, and a token that is stopped already returns nothing",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    receive.stop();
    CHECK(receive.bodies().empty());

    queue.send_message("m");
    std::stop_source stop;
    stop.request_stop();
    CHECK_FALSE(queue.receive_message({}, stop.get_token()));
    CHECK(queue.receive_messages({.wait_time = 20s}, stop.get_token()).empty());
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
}

TEST_CASE("R97: the first receive sets the first-receive time for ever, and every receive counts one",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s}};
    clock.advance(1s);
    queue.send_message("m");
    clock.advance(1s);
    const auto first = queue.receive_message();
    CHECK(first->approximate_receive_count() == 1);
    CHECK(first->first_received_at() == at(2s));
    CHECK(first->sent_at() == at(1s));

    clock.advance(10s);
    const auto second = queue.receive_message({.visibility_timeout = 0s});  // counts although it hides nothing
    CHECK(second->approximate_receive_count() == 2);
    CHECK(second->first_received_at() == at(2s));
    const auto third = queue.receive_message();
    CHECK(third->approximate_receive_count() == 3);
    CHECK(third->first_received_at() == at(2s));

    CHECK(first->approximate_receive_count() == 1);  // a message says what it was at its own receive
    CHECK(third->message_id() == first->message_id());
    CHECK(third->sent_at() == at(1s));
}

TEST_CASE("R101: a receive request attempt id is accepted and ignored, whatever it looks like", "[receive][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 3);
    const auto attempt = [&](const std::string& id) {
        return receive_bodies(queue, {.max_number_of_messages = 1, .receive_request_attempt_id = id});
    };
    CHECK(attempt("attempt") == Bodies{"m0"});
    CHECK(attempt("attempt") == Bodies{"m1"});  // a FIFO queue would repeat the first
    CHECK(attempt(std::string(200, ' ')) == Bodies{"m2"});
}

TEST_CASE("R102: at the in-flight limit a short poll fails with OverLimit, HTTP 403, and a long poll finds nothing",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    sqsim::Limits limits;
    limits.maximum_in_flight = 3;
    Queue queue{clock, {.visibility_timeout = 30s, .limits = limits}};
    send_numbered(queue, "m", 5);
    const auto messages = queue.receive_messages({.max_number_of_messages = 10});
    CHECK(bodies_of(messages) == Bodies{"m0", "m1", "m2"});  // up to the limit, not beyond

    const auto error = error_of([&] { return queue.receive_messages(); });
    REQUIRE(error);
    CHECK(error->code() == sqsim::Errc::over_limit);
    CHECK(error->aws_code() == "OverLimit");
    CHECK(error->http_status() == 403);
    CHECK(std::string{error->what()} ==
          "Too many messages have been received without being deleted. Please delete your received messages or let "
          "them timeout before receiving more.");
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 2, .in_flight = 3});

    BlockingReceive receive{queue, {.wait_time = 5s}};
    clock.wait_for_waiters(1);
    clock.advance(5s);
    CHECK(receive.bodies().empty());

    SECTION("a delete makes room") {
        CHECK(queue.delete_message(messages[0].receipt_handle()));
        CHECK(receive_bodies(queue) == Bodies{"m3"});
        CHECK(code_of([&] { return queue.receive_message(); }) == sqsim::Errc::over_limit);
    }
    SECTION("the end of a lease makes room") {
        clock.advance(25s);
        CHECK(receive_bodies(queue).size() == 3);
    }
    SECTION("a change of visibility to zero makes room") {
        CHECK(queue.change_message_visibility(messages[1].receipt_handle(), 0s));
        CHECK(receive_bodies(queue) == Bodies{"m1"});
    }
}

TEST_CASE("R91, R102: a long poll that waits at the in-flight limit returns as soon as a delete makes room",
          "[receive][standard]") {
    sqsim::ManualClock clock;
    sqsim::Limits limits;
    limits.maximum_in_flight = 1;
    Queue queue{clock, {.limits = limits}};
    send_numbered(queue, "m", 2);
    const auto first = queue.receive_message();
    REQUIRE(first);
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    clock.advance(2s);
    REQUIRE(queue.delete_message(first->receipt_handle()));
    CHECK(receive.bodies() == Bodies{"m1"});  // nobody moves the clock any more
}

TEST_CASE("R84: receiving one message refuses a number out of range like any other receive", "[receive][standard]") {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    queue.send_message("m");
    for (const int number : {0, 11, -1}) {
        CHECK_THROWS_AS(queue.receive_message({.max_number_of_messages = number}), sqsim::Error);
    }
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
    CHECK(queue.receive_message({.max_number_of_messages = 10}));
}

TEST_CASE("R84: under a lower limit the default asks for as many messages as may be", "[receive][standard]") {
    sqsim::ManualClock clock;
    sqsim::Limits limits;
    limits.maximum_number_of_messages = 3;
    sqsim::Queue queue{clock, {.limits = limits}};
    for (int i = 0; i < 5; ++i) {
        queue.send_message("m");
    }
    CHECK(queue.receive_messages().size() == 3);
    CHECK_THROWS_AS(queue.receive_messages({.max_number_of_messages = 4}), sqsim::Error);
    CHECK(queue.receive_message());
}
