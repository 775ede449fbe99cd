// SPDX-License-Identifier: MIT

// Catches a repeated receive that loses or duplicates messages instead of returning the same ones, keeps an attempt
// alive after a change, or forgets to begin the timeouts anew; and a standard queue that cares about attempt ids.

#include "catch.hpp"
#include "fifo_support.hpp"
#include "sqsim/queue.hpp"

#include <string>
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

TEST_CASE("R100: after a delete the repetition is an ordinary receive", "[fifo][attempt]") {
    Tried scene;
    SECTION("of all") {
        CHECK(scene.queue.delete_message(scene.first[0].receipt_handle()));
        CHECK(scene.queue.delete_message(scene.first[1].receipt_handle()));
        CHECK(bodies(attempt(scene.queue, "try")) == Bodies{"g1-m3", "g2-m1"});
    }
    SECTION("choice: the delete of one message voids the attempt for all") {
        CHECK(scene.queue.delete_message(scene.first[1].receipt_handle()));
        CHECK(bodies(attempt(scene.queue, "try")) == Bodies{"g2-m1"});  // m1 is still out and blocks m3
    }
}

TEST_CASE("R100: after a change of visibility the repetition is an ordinary receive", "[fifo][attempt]") {
    Tried scene;
    scene.clock.advance(1s);
    SECTION("an extension") {
        CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 20s));
        CHECK(bodies(attempt(scene.queue, "try")) == Bodies{"g2-m1"});
    }
    SECTION("an end") {
        CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 0s));
        const auto second = attempt(scene.queue, "try");
        CHECK(bodies(second) == Bodies{"g2-m1", "g1-m1"});
        CHECK(second[1].receipt_handle() != scene.first[0].receipt_handle());
        CHECK(second[1].approximate_receive_count() == 2);
    }
    SECTION("one that leaves the deadline where it was is a change, too") {
        CHECK(scene.queue.change_message_visibility(scene.first[0].receipt_handle(), 9s));
        CHECK(bodies(attempt(scene.queue, "try")) == Bodies{"g2-m1"});
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
