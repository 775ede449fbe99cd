// SPDX-License-Identifier: MIT

// The golden scenarios of the rules, each with the outcome that was recorded on the service: catches any change that
// makes the library disagree with it.
//
// Scenario 24 (creating a queue that exists) is about queue names and URLs, which only `aws::Account` has: it belongs
// to the tests of that class. Of scenario 25 (filters of attribute names, and the MD5 of what they leave) this file
// has what the C++ API has, the attributes themselves.

#include "catch.hpp"
#include "fifo_support.hpp"
#include "sqsim/queue.hpp"

#include <cstddef>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send_all;
using fifo::take;
using sqsim::HandleStatus;
using sqsim::QueueCounts;
using sqsim::ReceiptHandle;

namespace {

using Queue = sqsim::Queue<Clock>;

template <class AnyQueue>
ReceiptHandle receive_one(AnyQueue& queue, fifo::Timeout timeout = {}) {
    const auto received = receive(queue, 1, timeout);
    REQUIRE(received.size() == 1);
    return received[0].receipt_handle();
}

}  // namespace

TEST_CASE("golden 1: R126: an expired message comes back before a later one", "[golden][standard]") {
    Clock clock;
    Queue queue{clock};
    queue.send_message("test1");
    CHECK(take(queue, 1, 3s) == Bodies{"test1"});
    clock.advance(1500ms);
    queue.send_message("test2");
    SECTION("as recorded, at T+4.5") { clock.advance(3s); }
    SECTION("at the very end of the timeout") { clock.advance(1500ms); }
    CHECK(take(queue, 1) == Bodies{"test1"});
    CHECK(take(queue, 1) == Bodies{"test2"});
}

TEST_CASE("golden 2: R118, R115: the handle of an earlier receive ends the timeout of a later one",
          "[golden][standard]") {
    Clock clock;
    Queue queue{clock};
    queue.send_message("message");
    const auto first = receive_one(queue, 0s);
    const auto second = receive_one(queue, 3s);
    CHECK(first != second);
    CHECK(take(queue).empty());
    CHECK(queue.change_message_visibility(first, 0s));
    CHECK(take(queue) == Bodies{"message"});
}

TEST_CASE("golden 3: R117: each change of visibility counts from its call", "[golden]") {
    Clock clock;
    Queue queue{clock, {.visibility_timeout = 2s}};
    queue.send_message("message");
    const auto handle = receive_one(queue);
    for (int second = 1; second <= 4; ++second) {
        clock.advance(1s);
        CHECK(queue.change_message_visibility(handle, 2s));
        CHECK(take(queue).empty());
    }
    clock.advance(2s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"message"});
}

TEST_CASE("golden 4: R119, R118: the changed timeout is not remembered", "[golden]") {
    Clock clock;
    Queue queue{clock};
    queue.send_message("message");
    const auto handle = receive_one(queue);
    CHECK(queue.change_message_visibility(handle, 0s));
    CHECK(take(queue) == Bodies{"message"});
    CHECK(take(queue).empty());
    clock.advance(30s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"message"});
}

TEST_CASE("golden 5: R107: a standard message is deleted by its handle after the timeout", "[golden][standard]") {
    Clock clock;
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.send_message("message");
    const auto handle = receive_one(queue);
    const auto wait = GENERATE(2'000'000'000ns, 1'000'000'000ns, 999'999'999ns);
    clock.advance(wait);
    CHECK(queue.delete_message(handle).status == HandleStatus::ok);
    CHECK(take(queue).empty());
    clock.advance(1h);
    CHECK(take(queue).empty());
}

TEST_CASE("golden 6: R111: a FIFO handle has expired after the timeout", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue);
    const auto wait = GENERATE(2s, 1s);
    clock.advance(wait);
    CHECK(queue.delete_message(handle).status == HandleStatus::expired);
    CHECK(take(queue) == Bodies{"g-m1"});
}

TEST_CASE("golden 7: R111: a FIFO handle lives as long as its extended timeout", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue);
    CHECK(queue.change_message_visibility(handle, 5s));
    const auto wait = GENERATE(1500ms, 1000ms, 4999ms);
    clock.advance(wait);
    CHECK(queue.delete_message(handle).status == HandleStatus::ok);
    CHECK(take(queue).empty());
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("golden 8: R110: deleting again does no harm", "[golden]") {
    Clock clock;
    Queue standard{clock};
    fifo::Queue ordered{clock};
    standard.send_message("message");
    send_all(ordered, {"g-m1"});
    const auto one = receive_one(standard);
    const auto other = receive_one(ordered);
    CHECK(standard.delete_message(one).status == HandleStatus::ok);
    CHECK(ordered.delete_message(other).status == HandleStatus::ok);
    for (int again = 0; again < 2; ++again) {
        CHECK(standard.delete_message(one).status == HandleStatus::gone);  // a value, no error
        CHECK(ordered.delete_message(other).status == HandleStatus::gone);
    }
}

TEST_CASE("golden 9: R121: the visibility of a deleted message cannot be changed", "[golden]") {
    Clock clock;
    Queue standard{clock};
    fifo::Queue ordered{clock};
    standard.send_message("message");
    send_all(ordered, {"g-m1"});
    const auto one = receive_one(standard);
    const auto other = receive_one(ordered);
    REQUIRE(standard.delete_message(one));
    REQUIRE(ordered.delete_message(other));
    // The reason "does not exist" is the value `gone`; its text is that of `aws::Account`.
    CHECK(standard.change_message_visibility(one, 0s).status == HandleStatus::gone);
    CHECK(ordered.change_message_visibility(other, 0s).status == HandleStatus::gone);
    CHECK(take(standard).empty());
    CHECK(take(ordered).empty());
}

TEST_CASE("golden 10: R138: an extended message withholds the later ones only", "[golden][fifo]") {
    const std::vector<Bodies> expected{{}, {"g-m1"}, {"g-m1", "g-m2"}};
    const std::size_t extended = GENERATE(0U, 1U, 2U);
    CAPTURE(extended);
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    const auto received = receive(queue, 5);
    REQUIRE(received.size() == 3);
    CHECK(queue.change_message_visibility(received[extended].receipt_handle(), 4s));
    clock.advance(2500ms);
    CHECK(take(queue, 5) == expected[extended]);
}

TEST_CASE("golden 11: R144, R138: a message given back goes behind the other group", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g1-m2", "g2-m1"});
    const auto received = receive(queue, 2);
    REQUIRE(bodies(received) == Bodies{"g1-m1", "g1-m2"});
    CHECK(queue.change_message_visibility(received[0].receipt_handle(), 0s));
    CHECK(take(queue, 3) == Bodies{"g2-m1", "g1-m1"});
}

TEST_CASE("golden 12: R144, R139, R142: the order between groups, recordings (a) to (d)", "[golden][fifo]") {
    Clock clock;
    SECTION("(a)") {
        fifo::Queue queue{clock};
        send_all(queue, {"g1-m1", "g2-m1", "g1-m2", "g1-m3"});
        CHECK(take(queue) == Bodies{"g1-m1", "g1-m2", "g1-m3", "g2-m1"});
    }
    SECTION("(b)") {
        fifo::Queue queue{clock};
        send_all(queue, {"g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2"});
        CHECK(take(queue, 3, 0s) == Bodies{"g1-m1", "g1-m2", "g2-m1"});
        CHECK(take(queue) == Bodies{"g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"});
    }
    SECTION("(c)") {
        fifo::Queue queue{clock, {.visibility_timeout = 1s}};
        send_all(queue, {"g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1"});
        CHECK(take(queue, 2) == Bodies{"g1-m1", "g1-m2"});
        CHECK(take(queue, 1) == Bodies{"g2-m1"});
        clock.advance(1s);
        CHECK(take(queue) == Bodies{"g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"});
    }
    SECTION("(d)") {
        fifo::Queue queue{clock};
        send_all(queue, {"g1-m1", "g2-m1", "g1-m2", "g2-m2", "g1-m2", "g1-m3", "g1-m4", "g3-m1"});
        const auto received = receive(queue, 2);
        REQUIRE(bodies(received) == Bodies{"g1-m1", "g1-m2"});
        CHECK(queue.delete_message(received[0].receipt_handle()));
        SECTION("both deleted") {
            CHECK(queue.delete_message(received[1].receipt_handle()));
            CHECK(take(queue) == Bodies{"g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"});
        }
        SECTION("only the first deleted") { CHECK(take(queue) == Bodies{"g2-m1", "g2-m2", "g3-m1"}); }
    }
}

TEST_CASE("golden 13: R141, R93: three long polls on one group get its messages one by one", "[golden][fifo][wait]") {
    Clock clock;
    fifo::Queue queue{clock};
    fifo::LongPoll first{queue};
    fifo::LongPoll second{queue};
    fifo::LongPoll third{queue};
    clock.wait_for_waiters(3);

    // One returns with m1. Time stands still, so the others cannot have given up.
    send_all(queue, {"g-m1"});
    std::vector<fifo::LongPoll<fifo::Queue>*> waiting{&first, &second, &third};
    const auto winner = fifo::first_to_return(waiting);
    REQUIRE(winner.size() == 1);
    REQUIRE(bodies(winner) == Bodies{"g-m1"});

    // None returns with m2, which its group withholds: both still wait after time has passed.
    send_all(queue, {"g-m2"});
    clock.advance(1s);
    CHECK(clock.waiters() == 2);

    CHECK(queue.delete_message(winner[0].receipt_handle()));
    CHECK(bodies(fifo::first_to_return(waiting)) == Bodies{"g-m2"});

    // The third has nothing to wait for but its end.
    clock.advance(19s);
    CHECK(fifo::first_to_return(waiting).empty());
    CHECK(waiting.empty());
}

TEST_CASE("golden 14: R134: what a group withholds counts as visible", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"1-a", "1-b", "2-a", "2-b", "3-a", "3-b"});
    CHECK(take(queue, 1) == Bodies{"1-a"});
    CHECK(take(queue, 1) == Bodies{"2-a"});
    CHECK(queue.counts() == QueueCounts{.visible = 4, .in_flight = 2, .delayed = 0});
}

TEST_CASE("golden 15: R150: an id is remembered after the delete", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock};
    fifo::send_as(queue, "first", "g", "d1");
    CHECK(queue.delete_message(receive_one(queue)));
    CHECK_NOTHROW(fifo::send_as(queue, "second", "g", "d1"));
    CHECK(take(queue).empty());
}

TEST_CASE("golden 16: R155: a purge forgets the ids", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock};
    fifo::send_as(queue, "first", "g", "d");
    queue.purge();
    fifo::send_as(queue, "second", "g", "d");
    CHECK(take(queue) == Bodies{"second"});
}

TEST_CASE("golden 17: R171, R173, R174: with a count of one the second receive moves the message",
          "[golden][dead-letter]") {
    Clock clock;
    Queue dead{clock, {.name = "dead"}};
    Queue queue{clock, {.name = "source"}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    const auto sent = queue.send_message("message");
    CHECK(take(queue, 1, 0s) == Bodies{"message"});
    CHECK(take(dead).empty());
    CHECK(take(queue, 1, 0s).empty());
    const auto moved = receive(dead);
    REQUIRE(moved.size() == 1);
    CHECK(moved[0].message_id() == sent.message_id);
    CHECK(moved[0].approximate_receive_count() == 2);
    CHECK(moved[0].dead_letter_queue_source() == "source");
}

TEST_CASE("golden 18: R178, R171: a FIFO move frees the group", "[golden][fifo][dead-letter]") {
    Clock clock;
    fifo::Queue dead{clock};
    fifo::Queue queue{clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 2});
    send_all(queue, {"g-m1"});
    CHECK(take(queue, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(queue, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(queue, 1, 0s).empty());
    CHECK(take(dead) == Bodies{"g-m1"});
    send_all(queue, {"g-m2"});
    CHECK(take(queue) == Bodies{"g-m2"});
}

TEST_CASE("golden 19: R48: a delay of zero does not undo that of a FIFO queue", "[golden][fifo]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 2s}};
    queue.send_message("message", "g", {.message_deduplication_id = "d", .delay = 0s});
    CHECK(take(queue).empty());
    clock.advance(2s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"message"});
}

TEST_CASE("golden 20: R193, R194: retention ends messages also in flight, and their handles do no harm", "[golden]") {
    Clock clock;
    Queue queue{clock, {.message_retention_period = 60s}};
    queue.send_message("one");
    queue.send_message("two");
    clock.advance(5s);
    const auto handle = receive_one(queue, 60s);
    SECTION("as recorded") {
        clock.advance(61s);
        CHECK(take(queue).empty());
        clock.advance(7s);
    }
    SECTION("at the very end of retention") {
        clock.advance(55s - 1ns);
        CHECK(queue.counts() == QueueCounts{1, 1, 0});
        clock.advance(1ns);
    }
    CHECK(take(queue).empty());
    CHECK(queue.counts() == QueueCounts{});
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
}

TEST_CASE("golden 21: R75, R37: the limit of a batch is not that of a message", "[golden][batch]") {
    Clock clock;
    Queue queue{clock, {.maximum_message_size = 2048}};
    std::vector<sqsim::SendMessageEntry<std::string>> entries;
    entries.push_back({.body = std::string(2040, 'a'), .options = {.message_attributes = {{"k", {.value = "x"}}}}});
    entries.push_back({.body = "b"});
    for (const auto& result : queue.send_messages(entries)) {
        CHECK(result);
    }
    CHECK(queue.counts() == QueueCounts{2, 0, 0});

    // The first entry was exactly as large as a message may be (R37: 2040 + "k" + "String" + "x" = 2048).
    entries[0].body = std::string(2041, 'a');
    entries[0].options.message_attributes = {{"k", {.value = "x"}}};
    entries[1].body = "b";
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 2);
    CHECK_FALSE(results[0]);
    CHECK(results[1]);
}

TEST_CASE("golden 22: R76: one oversized entry fails by itself", "[golden][batch]") {
    Clock clock;
    Queue queue{clock, {.maximum_message_size = 1024}};
    std::vector<sqsim::SendMessageEntry<std::string>> entries;
    entries.push_back({.body = std::string(1025, 'a')});
    entries.push_back({.body = std::string(1024, 'b')});
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 2);
    REQUIRE_FALSE(results[0]);
    CHECK(results[0].error().aws_code() == "InvalidParameterValue");
    CHECK(std::string{results[0].error().what()} ==
          "One or more parameters cannot be validated. Reason: Message must be shorter than 1024 bytes.");
    CHECK(results[1]);
    CHECK(take(queue) == Bodies{std::string(1024, 'b')});
}

TEST_CASE("golden 23: R196: a purge removes messages in flight, too", "[golden]") {
    Clock clock;
    Queue queue{clock, {.visibility_timeout = 5s}};
    for (int i = 0; i < 10; ++i) {
        queue.send_message("message");
    }
    CHECK(take(queue, 5).size() == 5);
    queue.purge();
    CHECK(queue.counts() == QueueCounts{});
    clock.advance(5s);
    CHECK(take(queue).empty());
}

TEST_CASE("golden 25: R99: a received message has all attributes that were sent", "[golden]") {
    Clock clock;
    Queue queue{clock};
    const sqsim::MessageAttributes attributes{{"Help.Me", {.data_type = "String", .value = "Me"}},
                                              {"Hello", {.data_type = "String", .value = "There"}},
                                              {"General", {.data_type = "String", .value = "Kenobi"}}};
    queue.send_message("message", {.message_attributes = attributes});
    const auto received = receive(queue);
    REQUIRE(received.size() == 1);
    CHECK(received[0].message_attributes() == attributes);
    CHECK(received[0].message_attributes().count("Foo") == 0);
}
