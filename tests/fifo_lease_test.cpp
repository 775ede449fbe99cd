// SPDX-License-Identifier: MIT

// Catches a FIFO handle that works after its lease or dies before it, a lease that is extended from the wrong instant,
// messages that come back out of order, counters that lose track, and a change of the delay that misses messages.

#include "catch.hpp"
#include "fifo_support.hpp"

#include <string>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send_all;
using fifo::take;
using sqsim::HandleStatus;
using sqsim::QueueCounts;
using sqsim::ReceiptHandle;

namespace {

/// Receives exactly one message and returns its handle.
ReceiptHandle receive_one(fifo::Queue& queue, fifo::Timeout timeout = {}) {
    const auto received = receive(queue, 1, timeout);
    REQUIRE(received.size() == 1);
    return received[0].receipt_handle();
}

}  // namespace

TEST_CASE("R111: a FIFO message is deleted during its lease and not after it", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue);

    SECTION("just before the end") {
        clock.advance(2s - 1ns);
        CHECK(queue.delete_message(handle).status == HandleStatus::ok);
        CHECK(queue.counts() == QueueCounts{});
    }
    SECTION("choice: at the end the lease has ended") {
        clock.advance(2s);
        CHECK(queue.delete_message(handle).status == HandleStatus::expired);
        CHECK(take(queue) == Bodies{"g-m1"});
    }
    SECTION("long after the end, with nobody having looked meanwhile") {
        clock.advance(1h);
        CHECK(queue.delete_message(handle).status == HandleStatus::expired);
        CHECK(take(queue) == Bodies{"g-m1"});
    }
}

TEST_CASE("R111: extending the visibility extends the life of the handle, shortening shortens it", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue);
    clock.advance(1s);

    SECTION("extended: until five seconds after the change, before and at the end") {
        REQUIRE(queue.change_message_visibility(handle, 5s));
        clock.advance(5s - 1ns);
        const bool at_the_end = GENERATE(false, true);
        if (at_the_end) {
            clock.advance(1ns);
        }
        CHECK(queue.delete_message(handle).status == (at_the_end ? HandleStatus::expired : HandleStatus::ok));
        CHECK(take(queue) == (at_the_end ? Bodies{"g-m1"} : Bodies{}));
    }
    SECTION("R117: shortened: the new timeout replaces the remainder") {
        REQUIRE(queue.change_message_visibility(handle, 500ms));
        clock.advance(500ms - 1ns);
        CHECK(take(queue).empty());
        clock.advance(1ns);
        CHECK(queue.delete_message(handle).status == HandleStatus::expired);
        CHECK(take(queue) == Bodies{"g-m1"});
    }
    SECTION("ended by a timeout of zero") {
        REQUIRE(queue.change_message_visibility(handle, 0s));
        CHECK(queue.delete_message(handle).status == HandleStatus::expired);
        CHECK(queue.counts() == QueueCounts{1, 0, 0});
    }
}

TEST_CASE("R119: a changed timeout is not remembered by the next lease", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto first = receive_one(queue);
    REQUIRE(queue.change_message_visibility(first, 10s));
    clock.advance(10s);
    const auto second = receive_one(queue);
    clock.advance(2s);
    CHECK(queue.delete_message(second).status == HandleStatus::expired);
}

TEST_CASE("R112, R115: a FIFO message received with a timeout of zero cannot be deleted with that handle",
          "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1"});
    const auto first = receive_one(queue, 0s);
    CHECK(queue.delete_message(first).status == HandleStatus::expired);
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    const auto second = receive_one(queue);
    CHECK(first != second);
    CHECK(queue.delete_message(second).status == HandleStatus::ok);
}

TEST_CASE("R123: choice: a change of visibility after the lease changes nothing and says expired", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue);
    clock.advance(2s - 1ns);
    SECTION("before the end it works") {
        CHECK(queue.change_message_visibility(handle, 2s).status == HandleStatus::ok);
        clock.advance(2s - 1ns);
        CHECK(take(queue).empty());
    }
    SECTION("at the end it does not") {
        clock.advance(1ns);
        const auto timeout = GENERATE(0s, 10s);
        CHECK(queue.change_message_visibility(handle, timeout).status == HandleStatus::expired);
        CHECK(queue.counts() == QueueCounts{1, 0, 0});
        CHECK(take(queue) == Bodies{"g-m1"});
    }
}

TEST_CASE("R124: choice: MessageNotInflight is never raised, a visible message's handle says expired",
          "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1"});
    const auto handle = receive_one(queue, 0s);
    CHECK_NOTHROW(queue.change_message_visibility(handle, 1s));
    CHECK(queue.change_message_visibility(handle, 1s).status == HandleStatus::expired);
}

TEST_CASE("R111: choice: an old handle while a newer lease lasts changes nothing and says superseded",
          "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto old = receive_one(queue);
    clock.advance(2s);
    const auto latest = receive_one(queue);

    CHECK(queue.delete_message(old).status == HandleStatus::superseded);
    CHECK(queue.change_message_visibility(old, 0s).status == HandleStatus::superseded);
    CHECK(queue.change_message_visibility(old, 100s).status == HandleStatus::superseded);
    CHECK(queue.counts() == QueueCounts{0, 1, 0});
    clock.advance(2s - 1ns);
    CHECK(take(queue).empty());
    CHECK(queue.delete_message(latest).status == HandleStatus::ok);
}

TEST_CASE("R110, R121: any handle of a deleted message says gone", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g-m1"});
    const auto old = receive_one(queue);
    clock.advance(2s);
    const auto latest = receive_one(queue);
    REQUIRE(queue.delete_message(latest));
    for (const auto& handle : {old, latest}) {
        CHECK(queue.delete_message(handle).status == HandleStatus::gone);
        CHECK(queue.change_message_visibility(handle, 1s).status == HandleStatus::gone);
    }
    send_all(queue, {"g-m2"});  // may use the same memory; its handles are others
    CHECK(queue.delete_message(latest).status == HandleStatus::gone);
    CHECK(take(queue) == Bodies{"g-m2"});
    CHECK(queue.delete_message(latest).status == HandleStatus::gone);
}

TEST_CASE("R113: choice: the handle of another queue is refused as malformed", "[fifo][handles]") {
    Clock clock;
    fifo::Queue one{clock};
    fifo::Queue other{clock};
    send_all(one, {"g-m1"});
    send_all(other, {"g-m1"});
    const auto handle = receive_one(one);
    receive_one(other);
    try {
        other.delete_message(handle);
        FAIL("the handle was accepted");
    } catch (const sqsim::Error& error) {
        CHECK(error.code() == sqsim::Errc::receipt_handle_is_invalid);
    }
    CHECK_THROWS_AS(other.change_message_visibility(handle, 1s), sqsim::Error);
    CHECK(other.counts() == QueueCounts{0, 1, 0});
}

TEST_CASE("R82, R111: in a batch each handle has its own outcome", "[fifo][handles][batch]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 2s}};
    send_all(queue, {"g1-m1", "g2-m1"});
    const auto expired = receive_one(queue, 1s);
    const auto good = receive_one(queue);
    clock.advance(1s);
    const std::vector<ReceiptHandle> handles{expired, good, ReceiptHandle{}, good};
    const auto results = queue.delete_messages(handles);
    REQUIRE(results.size() == 4);
    CHECK(results[0].status == HandleStatus::expired);
    CHECK(results[1].status == HandleStatus::ok);
    CHECK(results[2].status == HandleStatus::invalid);
    CHECK(results[3].status == HandleStatus::gone);
    CHECK(take(queue) == Bodies{"g1-m1"});
}

TEST_CASE("R120: the total of a lease is limited to 12 hours from its receive", "[fifo][handles]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1"});
    clock.advance(1h);  // the sent time is irrelevant
    const auto handle = receive_one(queue);
    CHECK(queue.change_message_visibility(handle, 12h));
    clock.advance(5s);
    CHECK_THROWS_WITH(queue.change_message_visibility(handle, 12h),
                      "Value 43200 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout for the "
                      "message is beyond the limit [43200 seconds].");
    CHECK_THROWS_AS(queue.change_message_visibility(handle, 12h - 5s + 1ns), sqsim::Error);
    CHECK(queue.change_message_visibility(handle, 12h - 5s));
    clock.advance(12h - 5s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"g-m1"});
}

TEST_CASE("R127: a batch whose lease ended comes back in the same order, before what was sent later", "[fifo][lease]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    CHECK(take(queue) == Bodies{"g-m1", "g-m2", "g-m3"});
    send_all(queue, {"g-m4"});
    clock.advance(1s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"g-m1", "g-m2", "g-m3", "g-m4"});
}

TEST_CASE("R127: messages of a group given back in another order come back in their own", "[fifo][lease]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    const auto received = receive(queue);
    REQUIRE(received.size() == 3);
    for (const std::size_t which : {2U, 0U, 1U}) {
        CHECK(queue.change_message_visibility(received[which].receipt_handle(), 0s));
    }
    CHECK(take(queue) == Bodies{"g-m1", "g-m2", "g-m3"});
}

TEST_CASE("R97: the receive count grows with every receive, the first receive's instant stays", "[fifo][lease]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g-m1"});
    clock.advance(5s);
    for (unsigned count = 1; count <= 4; ++count) {
        const auto received = receive(queue, 1, count % 2 == 0 ? fifo::Timeout{0s} : fifo::Timeout{});
        REQUIRE(received.size() == 1);
        CHECK(received[0].approximate_receive_count() == count);
        CHECK(received[0].first_received_at() == fifo::at(5s));
        CHECK(received[0].sent_at() == fifo::at(0s));
        CHECK(received[0].visibility_deadline() == clock.now() + (count % 2 == 0 ? 0s : 1s));
        clock.advance(1s);
    }
}

TEST_CASE("R130: a change of the delay reaches the messages that are delayed", "[fifo][delay]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 10s}};
    send_all(queue, {"g-m1"});
    clock.advance(4s);

    SECTION("shorter: it ends so long after the send") {
        queue.set_delay(6s);
        CHECK(queue.next_event() == fifo::at(6s));
        clock.advance(2s - 1ns);
        CHECK(queue.counts() == QueueCounts{0, 0, 1});
        CHECK(take(queue).empty());
        clock.advance(1ns);
        CHECK(take(queue) == Bodies{"g-m1"});
    }
    SECTION("shorter than what has passed: it ends at once") {
        queue.set_delay(4s);
        CHECK(queue.counts() == QueueCounts{1, 0, 0});
        CHECK(take(queue) == Bodies{"g-m1"});
    }
    SECTION("longer: it goes on") {
        queue.set_delay(20s);
        clock.advance(16s - 1ns);
        CHECK(take(queue).empty());
        clock.advance(1ns);
        CHECK(take(queue) == Bodies{"g-m1"});
    }
}

TEST_CASE("R130: choice: a change of the delay leaves a message visible whose delay has ended", "[fifo][delay]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 10s}};
    send_all(queue, {"g-m1"});
    clock.advance(10s);
    queue.set_delay(100s);
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    send_all(queue, {"g-m2"});
    CHECK(queue.counts() == QueueCounts{1, 0, 1});
    CHECK(take(queue) == Bodies{"g-m1"});
}

TEST_CASE("R130, R93: a delay made shorter wakes a long poll", "[fifo][delay][wait]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 10s}};
    send_all(queue, {"g-m1"});
    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    clock.advance(3s);
    queue.set_delay(0s);
    CHECK(waiting.bodies() == Bodies{"g-m1"});
}

TEST_CASE("R134: messages blocked by their group count as visible", "[fifo][counts]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"1-a", "1-b", "2-a", "2-b", "3-a", "3-b"});
    CHECK(queue.counts() == QueueCounts{6, 0, 0});
    CHECK(take(queue, 1) == Bodies{"1-a"});
    CHECK(take(queue, 1) == Bodies{"2-a"});
    CHECK(queue.counts() == QueueCounts{4, 2, 0});
    const auto metrics = queue.metrics();
    CHECK(metrics.approximate_number_of_messages_visible == 4);
    CHECK(metrics.approximate_number_of_messages_not_visible == 2);
    REQUIRE(metrics.fifo);
    CHECK(metrics.fifo->approximate_number_of_groups_with_inflight_messages == 2);
}

TEST_CASE("R135: the counters of five messages in three groups, as recorded", "[fifo][counts]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"1-a", "1-b", "1-c", "2-a", "3-a"});
    const auto received = receive(queue, 4);
    REQUIRE(received.size() == 4);
    CHECK(queue.counts() == QueueCounts{1, 4, 0});
    for (const auto& message : received) {
        CHECK(queue.delete_message(message.receipt_handle()));
    }
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
}

TEST_CASE("R135: a deduplicated send changes no counter but its own", "[fifo][counts]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 5s}};
    send_all(queue, {"1-a"});
    const auto before = queue.metrics();
    CHECK(fifo::send(queue, "1-a", "1").deduplicated);
    CHECK(queue.counts() == QueueCounts{0, 0, 1});
    auto after = queue.metrics();
    REQUIRE(before.fifo);
    REQUIRE(after.fifo);
    CHECK(before.fifo->number_of_deduplicated_sent_messages == 0);
    CHECK(after.fifo->number_of_deduplicated_sent_messages == 1);
    after.fifo = before.fifo;
    CHECK(after == before);
}

TEST_CASE("R133, R137: the three counters follow a message from the delay to its end", "[fifo][counts]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 5s, .delay = 2s}};
    send_all(queue, {"g-m1"});
    CHECK(queue.counts() == QueueCounts{0, 0, 1});
    clock.advance(2s);
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    const auto handle = receive_one(queue);
    CHECK(queue.counts() == QueueCounts{0, 1, 0});
    clock.advance(5s);
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    CHECK(queue.metrics().fifo->approximate_number_of_groups_with_inflight_messages == 0);
    CHECK(queue.delete_message(handle).status == HandleStatus::expired);
    CHECK(queue.delete_message(receive_one(queue)));
    CHECK(queue.counts() == QueueCounts{});
}

TEST_CASE("R193, R138: the end of retention takes a message in flight away and frees its group", "[fifo][retention]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 10min, .message_retention_period = 60s}};
    send_all(queue, {"g-m1"});
    clock.advance(30s);
    send_all(queue, {"g-m2"});
    const auto handle = receive_one(queue);
    clock.advance(30s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"g-m2"});
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    CHECK(queue.counts() == QueueCounts{0, 1, 0});
}

TEST_CASE("R196, R198: a purge takes messages in every state away and frees their groups", "[fifo][purge]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 2s}};
    send_all(queue, {"g-m1", "g-m2"});
    clock.advance(2s);
    const auto handle = receive_one(queue);
    send_all(queue, {"h-m1"});
    CHECK(queue.counts() == QueueCounts{1, 1, 1});
    queue.purge();
    CHECK(queue.counts() == QueueCounts{});
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    send_all(queue, {"g-m3"});
    clock.advance(2s);
    CHECK(take(queue) == Bodies{"g-m3"});
    clock.advance(1h);
    CHECK(take(queue) == Bodies{"g-m3"});
}

TEST_CASE("choice: a long poll outlasts a purge and takes what is sent after it", "[fifo][purge][wait]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1"});
    CHECK(take(queue) == Bodies{"g-m1"});
    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    queue.purge();
    clock.advance(1s);
    CHECK(clock.waiters() == 1);
    send_all(queue, {"g-m2"});
    CHECK(waiting.bodies() == Bodies{"g-m2"});
}

TEST_CASE("R47, R48: a message of a FIFO queue has no delay of its own", "[fifo][delay]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 2s}};
    CHECK_THROWS_WITH(queue.send_message("m1", "g", {.message_deduplication_id = "1", .delay = 2s}),
                      "Value 2 for parameter DelaySeconds is invalid. Reason: The request include parameter that is "
                      "not valid for this queue type.");
    CHECK(queue.counts() == QueueCounts{});
    queue.send_message("m1", "g", {.message_deduplication_id = "1", .delay = 0s});
    CHECK(queue.counts() == QueueCounts{0, 0, 1});
    clock.advance(2s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"m1"});
}
