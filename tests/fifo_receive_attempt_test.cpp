// SPDX-License-Identifier: MIT

// Catches a repeated receive that loses or duplicates messages instead of returning the same ones, keeps an attempt
// alive after a change, refuses one without a change, or forgets to begin the timeouts anew; and a standard queue that
// cares about attempt ids.

#include "blocked_call.hpp"
#include "catch.hpp"
#include "fifo_support.hpp"
#include "sqsim/queue.hpp"

#include <array>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::send_all;
using fifo::take;
using sqsim::QueueCounts;

namespace {

fifo::Messages attempt(fifo::Queue& queue, const std::string& id, int most = 10, fifo::Timeout timeout = {}) {
    return queue.receive_messages(
        {.max_number_of_messages = most, .visibility_timeout = timeout, .receive_request_attempt_id = id});
}

/// Whether two receives returned the same messages with the same handles.
bool same(const fifo::Messages& a, const fifo::Messages& b) {
    bool equal = a.size() == b.size();
    for (std::size_t i = 0; equal && i < a.size(); ++i) {
        equal = a[i].message_id() == b[i].message_id() && a[i].receipt_handle() == b[i].receipt_handle() &&
                a[i].body() == b[i].body();
    }
    return equal;
}

/// What the service says of a receive that cannot be repeated.
std::string not_retryable(const std::string& id) {
    return "InvalidParameterValue: Value " + id +
           " for parameter ReceiveRequestAttemptId is invalid. Reason: The receiveRequestAttemptId is not valid "
           "anymore "
           "since the receive call is not retryable.";
}

/// Why a receive with this id is refused; "not refused" if it is not.
std::string refusal(fifo::Queue& queue, const std::string& id, sqsim::ReceiveMessageOptions options = {},
                    std::stop_token stop = {}) {
    options.receive_request_attempt_id = id;
    try {
        static_cast<void>(queue.receive_messages(options, std::move(stop)));
    } catch (const sqsim::Error& error) {
        return std::string{error.aws_code()} + ": " + error.what();
    }
    return "not refused";
}

/// A queue with three messages of one group and one of another, and a first receive of two with the id "try".
struct Tried {
    Tried() {
        send_all(queue, {"g1-m1", "g1-m2", "g1-m3", "g2-m1"});
        clock.advance(1s);
        first = attempt(queue, "try", 2);
        REQUIRE(bodies(first) == Bodies{"g1-m1", "g1-m2"});
    }

    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 10s}};
    fifo::Messages first;
};

}  // namespace

TEST_CASE("R100: a receive repeated with its attempt id returns the same messages and handles", "[fifo][attempt]") {
    Tried scene;
    scene.clock.advance(3s);
    const auto second = attempt(scene.queue, "try", 2);
    CHECK(same(scene.first, second));
    CHECK(scene.queue.counts() == QueueCounts{2, 2, 0});
    CHECK(same(scene.first, attempt(scene.queue, "try", 2)));
    for (const auto& message : scene.first) {
        CHECK(scene.queue.delete_message(message.receipt_handle()));
    }
}

TEST_CASE("R100: the repetition begins the visibility timeouts anew", "[fifo][attempt]") {
    Tried scene;  // leased at 1 s until 11 s
    scene.clock.advance(9s);
    REQUIRE(attempt(scene.queue, "try", 2).size() == 2);  // at 10 s, so until 20 s
    scene.clock.advance(10s - 1ns);
    CHECK(take(scene.queue) == Bodies{"g2-m1"});
    scene.clock.advance(1ns);
    CHECK(take(scene.queue) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
}

TEST_CASE("R100: another id, or none, is another receive", "[fifo][attempt]") {
    Tried scene;
    SECTION("another id") { CHECK(bodies(attempt(scene.queue, "other")) == Bodies{"g2-m1"}); }
    SECTION("none") { CHECK(take(scene.queue) == Bodies{"g2-m1"}); }
    CHECK(same(scene.first, attempt(scene.queue, "try", 2)));
}

TEST_CASE("R100: receives without an id are no repetitions of each other", "[fifo][attempt]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1"});
    CHECK(take(queue, 1) == Bodies{"g1-m1"});
    CHECK(take(queue, 1) == Bodies{"g2-m1"});
    CHECK(take(queue, 1).empty());
}

TEST_CASE("R100: after the visibility timeout the repetition is an ordinary receive", "[fifo][attempt]") {
    Tried scene;
    scene.clock.advance(10s - 1ns);
    SECTION("just before the end it is a repetition") { CHECK(same(scene.first, attempt(scene.queue, "try", 2))); }
    SECTION("choice: from the end on it is not") {
        scene.clock.advance(1ns);
        const auto second = attempt(scene.queue, "try", 1);
        CHECK(bodies(second) == Bodies{"g2-m1"});  // the group never received comes first
        // It is the receive that the id now stands for.
        CHECK(same(second, attempt(scene.queue, "try", 1)));
    }
}

TEST_CASE("R100: after a delete the repetition is refused", "[fifo][attempt]") {
    Tried scene;
    SECTION("of all") {
        CHECK(scene.queue.delete_message(scene.first[0].receipt_handle()));
        CHECK(scene.queue.delete_message(scene.first[1].receipt_handle()));
    }
    SECTION("of one") { CHECK(scene.queue.delete_message(scene.first[1].receipt_handle())); }
    SECTION("in a batch") {
        const std::array handles{scene.first[0].receipt_handle()};
        CHECK(scene.queue.delete_messages(handles)[0]);
    }
    CHECK(refusal(scene.queue, "try") == not_retryable("try"));
}

TEST_CASE("R100: after a change of visibility the repetition is refused", "[fifo][attempt]") {
    Tried scene;
    scene.clock.advance(1s);
    SECTION("an extension") { CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 20s)); }
    SECTION("an end") { CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 0s)); }
    SECTION("one that leaves the deadline where it was is a change, too") {
        CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 9s));
    }
    CHECK(refusal(scene.queue, "try") == not_retryable("try"));
}

TEST_CASE("R100: choice: a delete or a change of visibility voids an attempt for its five minutes", "[fifo][attempt]") {
    Tried scene;  // at 1 s
    CHECK(scene.queue.delete_message(scene.first[0].receipt_handle()));
    CHECK(refusal(scene.queue, "try") == not_retryable("try"));
    CHECK(refusal(scene.queue, "try") == not_retryable("try"));
    SECTION("whatever it asks for") {
        CHECK(refusal(scene.queue, "try", {.max_number_of_messages = 1}) == not_retryable("try"));
        CHECK(refusal(scene.queue, "try", {.wait_time = 20s}) == not_retryable("try"));
    }
    SECTION("also after the end of the leases, and not longer") {
        scene.clock.advance(5min - 1ns);
        CHECK(refusal(scene.queue, "try") == not_retryable("try"));
        scene.clock.advance(1ns);
        CHECK(bodies(attempt(scene.queue, "try")) == Bodies{"g2-m1", "g1-m2", "g1-m3"});
    }
    SECTION("and no other attempt") { CHECK(bodies(attempt(scene.queue, "other")) == Bodies{"g2-m1"}); }
    SECTION("a receive without an id goes on") { CHECK(take(scene.queue) == Bodies{"g2-m1"}); }
}

TEST_CASE("R100: choice: what a handle could not change voids no attempt, nor what ends by itself", "[fifo][attempt]") {
    Tried scene;
    SECTION("a refused change") {
        scene.clock.advance(1s);
        CHECK_THROWS_AS(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 12h + 1s), sqsim::Error);
        CHECK_THROWS_AS(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 12h), sqsim::Error);
        CHECK(same(scene.first, attempt(scene.queue, "try", 2)));
    }
    SECTION("a delete and a change after the end of the lease") {
        scene.clock.advance(10s);
        CHECK_FALSE(scene.queue.delete_message(scene.first[0].receipt_handle()));
        CHECK_FALSE(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 5s));
        CHECK(bodies(attempt(scene.queue, "try", 1)) == Bodies{"g2-m1"});  // an ordinary receive
    }
    SECTION("a delete by another receive") {
        scene.clock.advance(10s);
        const auto again = attempt(scene.queue, "other");
        REQUIRE(bodies(again) == Bodies{"g2-m1", "g1-m1", "g1-m2", "g1-m3"});
        CHECK(scene.queue.delete_message(again[1].receipt_handle()));
        CHECK(attempt(scene.queue, "try").empty());
    }
}

TEST_CASE("R100: a refused repetition changes nothing", "[fifo][attempt]") {
    Tried scene;
    CHECK(scene.queue.delete_message(scene.first[1].receipt_handle()));
    const auto metrics = scene.queue.metrics();
    const std::array done{scene.first[0].receipt_handle()};
    fifo::Messages out(10);
    CHECK_THROWS_AS(scene.queue.delete_and_receive(done, out, {.receive_request_attempt_id = "try"}), sqsim::Error);
    CHECK(scene.queue.metrics() == metrics);
    CHECK(scene.queue.counts() == QueueCounts{2, 1, 0});
    CHECK(scene.queue.delete_message(scene.first[0].receipt_handle()));
}

TEST_CASE("R100: a receive that would delete what it repeats is refused, and deletes nothing", "[fifo][attempt]") {
    Tried scene;
    const std::array done{scene.first[0].receipt_handle()};
    fifo::Messages out(10);
    CHECK_THROWS_AS(scene.queue.delete_and_receive(done, out, {.receive_request_attempt_id = "try"}), sqsim::Error);
    CHECK(scene.queue.counts() == QueueCounts{2, 2, 0});
    CHECK(same(scene.first, attempt(scene.queue, "try", 2)));
    CHECK(scene.queue.delete_and_receive(done, out, {.receive_request_attempt_id = "other"}) == 1);
    CHECK(out[0].body() == "g2-m1");
}

TEST_CASE("R100: a long poll ends when another call makes and voids its attempt", "[fifo][attempt][wait]") {
    for (int round = 0; round < 100; ++round) {
        Clock clock;
        fifo::Queue queue{clock};
        blocked::Call waiting{
            [&](const std::stop_token& stop) { return refusal(queue, "try", {.wait_time = 20s}, stop); }};
        clock.wait_for_waiters(1);
        send_all(queue, {"g-m1"});
        const auto first = attempt(queue, "try");
        REQUIRE(bodies(first) == Bodies{"g-m1"});
        CHECK(queue.delete_message(first[0].receipt_handle()));
        const std::string outcome = waiting.get();  // it looked before the delete, or after
        CHECK((outcome == "not refused" || outcome == not_retryable("try")));
        CHECK(refusal(queue, "try") == not_retryable("try"));
    }
}

TEST_CASE("R100: choice: a repetition is not another receive of the message", "[fifo][attempt]") {
    Tried scene;
    const auto second = attempt(scene.queue, "try", 2);
    REQUIRE(second.size() == 2);
    CHECK(second[0].approximate_receive_count() == 1);
    CHECK(second[0].first_received_at() == fifo::at(1s));
}

TEST_CASE(
    "R100, R88: choice: a repetition with other parameters takes its own timeout, and is an ordinary receive if it "
    "asks for fewer messages",
    "[fifo][attempt]") {
    Tried scene;
    // Never more than asked for, so the same two cannot be returned.
    SECTION("fewer messages asked") { CHECK(bodies(attempt(scene.queue, "try", 1)) == Bodies{"g2-m1"}); }
    SECTION("more messages asked") { CHECK(same(scene.first, attempt(scene.queue, "try", 10))); }
    SECTION("another timeout") {
        CHECK(same(scene.first, attempt(scene.queue, "try", 2, 3s)));
        CHECK(take(scene.queue) == Bodies{"g2-m1"});
        scene.clock.advance(3s - 1ns);
        CHECK(take(scene.queue).empty());
        scene.clock.advance(1ns);
        CHECK(take(scene.queue) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
    }
}

TEST_CASE("R100: choice: a receive that returned nothing is not remembered", "[fifo][attempt]") {
    Clock clock;
    fifo::Queue queue{clock};
    CHECK(attempt(queue, "try").empty());
    send_all(queue, {"g1-m1"});
    CHECK(bodies(attempt(queue, "try")) == Bodies{"g1-m1"});
}

TEST_CASE("R100: choice: a long poll with an attempt id is remembered by what it returned, a repetition never waits",
          "[fifo][attempt][wait]") {
    Clock clock;
    fifo::Queue queue{clock};
    fifo::LongPoll waiting{queue, {.wait_time = 20s, .receive_request_attempt_id = "try"}};
    clock.wait_for_waiters(1);
    clock.advance(5s);
    send_all(queue, {"g1-m1"});
    const auto first = waiting.messages();
    REQUIRE(bodies(first) == Bodies{"g1-m1"});
    CHECK(same(first, queue.receive_messages({.wait_time = 20s, .receive_request_attempt_id = "try"})));
}

TEST_CASE("R100: an attempt id is valid for 5 minutes after the receive that carried it", "[fifo][attempt]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1h}};
    send_all(queue, {"g1-m1", "g2-m1"});
    const auto first = attempt(queue, "try", 1);
    REQUIRE(bodies(first) == Bodies{"g1-m1"});
    clock.advance(5min - 1ns);
    SECTION("just before the end it repeats") { CHECK(same(first, attempt(queue, "try", 1))); }
    SECTION("choice: at the end it is an ordinary receive") {
        clock.advance(1ns);
        CHECK(bodies(attempt(queue, "try", 1)) == Bodies{"g2-m1"});
    }
}

TEST_CASE("R100: a purge forgets the attempts", "[fifo][attempt]") {
    Tried scene;
    scene.queue.purge();
    CHECK(attempt(scene.queue, "try").empty());
    send_all(scene.queue, {"g1-m1"});
    const auto again = attempt(scene.queue, "try");
    CHECK(bodies(again) == Bodies{"g1-m1"});
    CHECK_FALSE(same(scene.first, again));
}

TEST_CASE("R100, R111: a message of the attempt that retention ended voids it", "[fifo][attempt]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 10min, .message_retention_period = 60s}};
    send_all(queue, {"g1-m1"});
    clock.advance(30s);
    send_all(queue, {"g1-m2"});
    REQUIRE(attempt(queue, "try").size() == 2);
    clock.advance(30s);
    CHECK(attempt(queue, "try").empty());  // m1 is gone, m2 is in flight
    CHECK(queue.counts() == QueueCounts{0, 1, 0});
}

TEST_CASE("R100, R51: an attempt id has 1 to 128 characters of the alphabet of ids", "[fifo][attempt]") {
    Clock clock;
    fifo::Queue queue{clock};
    CHECK_NOTHROW(attempt(queue, std::string(128, 'a')));
    CHECK_NOTHROW(attempt(queue, "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"));
    for (const auto& bad : {std::string(129, 'a'), std::string{"with space"}, std::string{"\xc3\xa9"}}) {
        CAPTURE(bad);
        try {
            attempt(queue, bad);
            FAIL("the id was accepted");
        } catch (const sqsim::Error& error) {
            CHECK(error.code() == sqsim::Errc::invalid_parameter_value);
        }
    }
}

TEST_CASE("R101: a standard queue accepts an attempt id and ignores it", "[standard][attempt]") {
    Clock clock;
    sqsim::Queue queue{clock};
    queue.send_message("one");
    queue.send_message("two");
    const auto with_id = [&](const std::string& id) {
        return bodies(queue.receive_messages({.max_number_of_messages = 1, .receive_request_attempt_id = id}));
    };
    CHECK(with_id("try") == Bodies{"one"});
    CHECK(with_id("try") == Bodies{"two"});
    CHECK(with_id("try").empty());
    CHECK_NOTHROW(with_id(std::string(129, ' ')));
}
