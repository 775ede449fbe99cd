// SPDX-License-Identifier: MIT

// Catches a FIFO message that is moved too early or too late, a group that stays blocked after the move, a moved
// message that lost what it must keep or kept what it must lose, and a dead-letter queue of the wrong kind.

#include "catch.hpp"
#include "fifo_support.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/queue.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send;
using fifo::send_all;
using fifo::send_as;
using fifo::take;
using sqsim::QueueCounts;

namespace {

using StandardQueue = sqsim::Queue<Clock>;
using SteadyFifoQueue = sqsim::FifoQueue<std::chrono::steady_clock>;

template <class Source, class DeadLetterQueue>
concept AcceptsAsDeadLetterQueue = requires(Source& source, DeadLetterQueue& queue) {
    source.set_redrive_policy({.dead_letter_queue = queue, .max_receive_count = 3});
};

template <class Source, class Destination>
concept AcceptsAsMoveDestination = requires(Source& source, Destination& destination) {
    sqsim::start_message_move_task(source, destination);
};

struct WithDeadLetters {
    explicit WithDeadLetters(int max_receive_count, sqsim::FifoQueueOptions options = {.name = "dead.fifo"})
        : dead{clock, std::move(options)} {
        source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = max_receive_count});
    }

    Clock clock;
    fifo::Queue dead;
    fifo::Queue source{clock, {.name = "source.fifo"}};
};

}  // namespace

TEST_CASE("R167: a queue takes only a dead-letter queue of its own kind and clock, checked at compile time",
          "[fifo][dead-letter][compile]") {
    STATIC_REQUIRE(AcceptsAsDeadLetterQueue<fifo::Queue, fifo::Queue>);
    STATIC_REQUIRE(AcceptsAsDeadLetterQueue<StandardQueue, StandardQueue>);
    STATIC_REQUIRE_FALSE(AcceptsAsDeadLetterQueue<fifo::Queue, StandardQueue>);
    STATIC_REQUIRE_FALSE(AcceptsAsDeadLetterQueue<StandardQueue, fifo::Queue>);
    STATIC_REQUIRE_FALSE(AcceptsAsDeadLetterQueue<fifo::Queue, SteadyFifoQueue>);
    STATIC_REQUIRE_FALSE(AcceptsAsDeadLetterQueue<fifo::Queue, sqsim::FifoQueue<Clock, int>>);
}

TEST_CASE("R187: a move task moves only between queues of one kind and clock, checked at compile time",
          "[fifo][move-task][compile]") {
    STATIC_REQUIRE(AcceptsAsMoveDestination<fifo::Queue, fifo::Queue>);
    STATIC_REQUIRE(AcceptsAsMoveDestination<StandardQueue, StandardQueue>);
    STATIC_REQUIRE_FALSE(AcceptsAsMoveDestination<fifo::Queue, StandardQueue>);
    STATIC_REQUIRE_FALSE(AcceptsAsMoveDestination<StandardQueue, fifo::Queue>);
    STATIC_REQUIRE_FALSE(AcceptsAsMoveDestination<fifo::Queue, SteadyFifoQueue>);
}

TEST_CASE("R171: a message is returned so often as the policy says, the next attempt moves it", "[fifo][dead-letter]") {
    const int most = GENERATE(1, 2, 3);
    CAPTURE(most);
    WithDeadLetters scene{most};
    send_all(scene.source, {"g-m1"});
    for (int i = 0; i < most; ++i) {
        CHECK(take(scene.source, 10, 1s) == Bodies{"g-m1"});
        scene.clock.advance(1s);
        CHECK(scene.source.counts() == QueueCounts{1, 0, 0});  // the end of a lease moves nothing
        CHECK(scene.dead.counts() == QueueCounts{});
    }
    CHECK(take(scene.source).empty());
    CHECK(scene.source.counts() == QueueCounts{});
    CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
}

TEST_CASE("R178: the move frees the group", "[fifo][dead-letter]") {
    WithDeadLetters scene{2};
    send_all(scene.source, {"g-m1", "g-m2"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});

    SECTION("choice: the receive that moves the first message goes on to the next") {
        CHECK(take(scene.source, 1) == Bodies{"g-m2"});
        CHECK(take(scene.dead) == Bodies{"g-m1"});
        CHECK(take(scene.source).empty());
    }
    SECTION("later messages of the group are deliverable, too") {
        send_all(scene.source, {"g-m3", "h-m1"});
        CHECK(take(scene.source) == Bodies{"g-m2", "g-m3", "h-m1"});
        CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
    }
}

TEST_CASE("R178, R171: the move of a group's only message leaves a group that works", "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(scene.source).empty());
    send_all(scene.source, {"g-m2"});
    CHECK(take(scene.source) == Bodies{"g-m2"});
}

TEST_CASE("R171, R138: a whole batch is moved in its order by one receive", "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g1-m1", "g1-m2", "g2-m1", "g1-m3"});
    CHECK(take(scene.source, 3, 1s) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
    scene.clock.advance(1s);
    CHECK(take(scene.source) == Bodies{"g2-m1"});
    CHECK(scene.source.counts() == QueueCounts{0, 1, 0});
    CHECK(take(scene.dead) == Bodies{"g1-m1", "g1-m2", "g1-m3"});
}

TEST_CASE("R171, R138: a message that was received too often is not moved while an earlier one blocks its group",
          "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1", "g-m2"});
    const auto received = receive(scene.source, 2, 10s);
    REQUIRE(received.size() == 2);
    CHECK(scene.source.change_message_visibility(received[1].receipt_handle(), 0s));
    CHECK(take(scene.source).empty());
    CHECK(scene.dead.counts() == QueueCounts{});
    scene.clock.advance(10s);
    CHECK(take(scene.source).empty());
    CHECK(take(scene.dead) == Bodies{"g-m1", "g-m2"});
}

TEST_CASE("R157: the deduplication id of a moved message is its original message id", "[fifo][dead-letter][dedup]") {
    WithDeadLetters scene{1};
    fifo::Queue second{scene.clock, {.name = "second.fifo"}};
    second.set_redrive_policy({.dead_letter_queue = scene.dead, .max_receive_count = 1});
    const auto one = send_as(scene.source, "one", "g", "same");
    const auto two = send_as(second, "two", "g", "same");
    for (auto* queue : {&scene.source, &second}) {
        CHECK(take(*queue, 1, 0s).size() == 1);
        CHECK(take(*queue).empty());
    }
    // Equal ids of unrelated messages did not collide, and a send by hand with that id does not either.
    CHECK_FALSE(send_as(scene.dead, "three", "g", "same").deduplicated);
    const auto dead = receive(scene.dead);
    REQUIRE(bodies(dead) == Bodies{"one", "two", "three"});
    CHECK(dead[0].message_deduplication_id() == one.message_id.to_string());
    CHECK(dead[1].message_deduplication_id() == two.message_id.to_string());
    CHECK(dead[2].message_deduplication_id() == "same");
}

TEST_CASE("R157, R149: a move does not end the source's memory of the id", "[fifo][dead-letter][dedup]") {
    WithDeadLetters scene{1};
    const auto original = send_as(scene.source, "one", "g", "id");
    CHECK(take(scene.source, 1, 0s) == Bodies{"one"});
    CHECK(take(scene.source).empty());
    const auto again = send_as(scene.source, "one", "g", "id");
    CHECK(again.deduplicated);
    CHECK(again.message_id == original.message_id);
}

TEST_CASE("R173, R174: what a moved message keeps and what it gains", "[fifo][dead-letter]") {
    WithDeadLetters scene{2};
    const auto sent = scene.source.send_message(
        "body", "group",
        {.message_deduplication_id = "id", .message_attributes = {{"k", {.value = "v"}}}, .aws_trace_header = "trace"});
    scene.clock.advance(5s);
    const auto before = receive(scene.source, 1, 0s);
    REQUIRE(before.size() == 1);
    CHECK_FALSE(before[0].dead_letter_queue_source());
    CHECK(take(scene.source, 1, 0s).size() == 1);
    CHECK(take(scene.source).empty());

    const auto dead = receive(scene.dead);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].message_id() == sent.message_id);
    CHECK(dead[0].body() == "body");
    CHECK(dead[0].message_group_id() == "group");
    CHECK(dead[0].message_attributes() == before[0].message_attributes());
    CHECK(dead[0].message_attributes().at("k").value == "v");
    CHECK(dead[0].aws_trace_header() == "trace");
    CHECK(dead[0].approximate_receive_count() == 3);  // two in the source, the move not counted, one here
    CHECK(dead[0].dead_letter_queue_source() == "source.fifo");
}

TEST_CASE("R174: choice: a move to a FIFO queue lets the time of the first receive begin anew, as that of the send",
          "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1"});
    scene.clock.advance(7s);
    CHECK(take(scene.source, 1, 0s).size() == 1);
    scene.clock.advance(7s);
    CHECK(take(scene.source).empty());
    scene.clock.advance(7s);
    const auto unreceived = scene.dead.peek(sqsim::MessageState::visible);
    REQUIRE(unreceived.size() == 1);
    CHECK(unreceived[0].message.first_received_at() == Clock::time_point::max());
    const auto first = receive(scene.dead, 1, 0s);
    REQUIRE(first.size() == 1);
    CHECK(first[0].sent_at() == fifo::at(14s));
    CHECK(first[0].first_received_at() == fifo::at(21s));
    scene.clock.advance(7s);
    const auto second = receive(scene.dead);
    REQUIRE(second.size() == 1);
    CHECK(second[0].first_received_at() == fifo::at(21s));
}

TEST_CASE("R176: choice: a moved message takes its place, and a new sequence number, at the end of the other queue",
          "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    const auto earlier = send(scene.dead, "earlier", "g");
    send(scene.source, "moved", "g");
    CHECK(take(scene.source, 1, 0s).size() == 1);
    CHECK(take(scene.source).empty());
    const auto later = send(scene.dead, "later", "g");
    const auto dead = receive(scene.dead);
    REQUIRE(bodies(dead) == Bodies{"earlier", "moved", "later"});
    CHECK(earlier.sequence_number < dead[1].sequence_number());
    CHECK(dead[1].sequence_number() < later.sequence_number);
}

TEST_CASE("R176, R177: the move resets the sent time, retention and age begin anew", "[fifo][dead-letter]") {
    WithDeadLetters scene{1, {.name = "dead.fifo", .message_retention_period = 60s}};
    send_all(scene.source, {"g-m1"});
    scene.clock.advance(100s);
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    scene.clock.advance(100s);
    CHECK(take(scene.source).empty());  // moved at 200 s
    scene.clock.advance(10s);
    CHECK(scene.dead.metrics().approximate_age_of_oldest_message == 10s);
    const auto dead = receive(scene.dead, 1, 0s);
    REQUIRE(dead.size() == 1);
    CHECK(dead[0].sent_at() == fifo::at(200s));
    scene.clock.advance(50s - 1ns);
    CHECK(take(scene.dead, 1, 0s) == Bodies{"g-m1"});
    scene.clock.advance(1ns);
    CHECK(take(scene.dead).empty());
    CHECK(scene.dead.counts() == QueueCounts{});
}

TEST_CASE("R179: choice: the delay of a dead-letter queue does not hold moved messages back", "[fifo][dead-letter]") {
    WithDeadLetters scene{1, {.name = "dead.fifo", .delay = 10s}};
    send_all(scene.source, {"g-m1"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(scene.source).empty());
    CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
    CHECK(take(scene.dead) == Bodies{"g-m1"});
}

TEST_CASE("R180: a move is not counted as a send to the dead-letter queue", "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(scene.source).empty());
    const auto metrics = scene.dead.metrics();
    CHECK(metrics.number_of_messages_sent == 0);
    CHECK(metrics.approximate_number_of_messages_visible == 1);
    CHECK(scene.source.metrics().number_of_messages_received == 1);
}

TEST_CASE("R93: a move wakes a long poll on the dead-letter queue", "[fifo][dead-letter][wait]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1"});
    CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    fifo::LongPoll waiting{scene.dead};
    scene.clock.wait_for_waiters(1);
    CHECK(take(scene.source).empty());
    CHECK(waiting.bodies() == Bodies{"g-m1"});
}

TEST_CASE("R110: the handle of a moved message says gone", "[fifo][dead-letter][handles]") {
    WithDeadLetters scene{1};
    send_all(scene.source, {"g-m1"});
    const auto received = receive(scene.source, 1, 1s);
    REQUIRE(received.size() == 1);
    scene.clock.advance(1s);
    CHECK(take(scene.source).empty());
    CHECK(scene.source.delete_message(received[0].receipt_handle()).status == sqsim::HandleStatus::gone);
    CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
    CHECK(received[0].body() == "g-m1");
}

TEST_CASE("R168: a FIFO queue may be its own dead-letter queue", "[fifo][dead-letter]") {
    Clock clock;
    fifo::Queue queue{clock, {.name = "self.fifo"}};
    queue.set_redrive_policy({.dead_letter_queue = queue, .max_receive_count = 1});
    send_all(queue, {"g-m1", "g-m2"});
    CHECK(take(queue, 1, 0s) == Bodies{"g-m1"});
    CHECK(take(queue, 1, 0s) == Bodies{"g-m2"});  // m1 went to the end of the queue
    const auto again = receive(queue, 1);
    REQUIRE(bodies(again) == Bodies{"g-m1"});
    CHECK(again[0].approximate_receive_count() == 2);
    CHECK(again[0].dead_letter_queue_source() == "self.fifo");
    CHECK(queue.counts().total() == 2);
}

TEST_CASE("R182: choice: without its dead-letter queue a source keeps delivering", "[fifo][dead-letter]") {
    Clock clock;
    fifo::Queue source{clock};
    {
        fifo::Queue dead{clock};
        source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    }
    send_all(source, {"g-m1"});
    for (int i = 0; i < 3; ++i) {
        CHECK(take(source, 1, 0s) == Bodies{"g-m1"});
    }
}

TEST_CASE("R171: without a policy, or after it was cleared, nothing is moved", "[fifo][dead-letter]") {
    WithDeadLetters scene{1};
    scene.source.clear_redrive_policy();
    send_all(scene.source, {"g-m1"});
    for (int i = 0; i < 5; ++i) {
        CHECK(take(scene.source, 1, 0s) == Bodies{"g-m1"});
    }
    CHECK(scene.dead.counts() == QueueCounts{});
}

TEST_CASE("R165: the count of a policy is 1 to 1,000", "[fifo][dead-letter]") {
    Clock clock;
    fifo::Queue dead{clock, {.name = "dead.fifo"}};
    fifo::Queue source{clock};
    for (const int bad : {0, -1, 1001}) {
        CAPTURE(bad);
        try {
            source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = bad});
            FAIL("the count was accepted");
        } catch (const sqsim::Error& error) {
            CHECK(error.code() == sqsim::Errc::invalid_parameter_value);
        }
    }
    CHECK_NOTHROW(source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1}));
    CHECK_NOTHROW(source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1000}));
}
