// SPDX-License-Identifier: MIT

// Catches messages that move to the dead-letter queue too early, too late, twice or not at all, and moves that lose or
// change what a message carries.

#include "catch.hpp"
#include "sqsim/fifo_queue.hpp"
#include "standard_support.hpp"

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::Errc;
using sqsim::HandleStatus;
using sqsim::QueueCounts;

namespace {

template <class Source, class Target>
concept CanRedriveTo = requires(Source& source, sqsim::RedrivePolicy<Target> policy) {
    source.set_redrive_policy(policy);
};

}  // namespace

TEST_CASE("R164, R165: the maximum receive count is between 1 and 1,000", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock, {.name = "dead"}};
    Queue queue{clock, {.visibility_timeout = 0s}};
    for (const int count : {0, -1, 1001}) {
        const auto error = error_of(
            [&] { return queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = count}), 0; });
        REQUIRE(error);
        CHECK(error->code() == Errc::invalid_parameter_value);
        const std::string text = error->what();
        CHECK(text.starts_with("Value "));
        CHECK(text.ends_with(" for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: " +
                             std::to_string(count) + ", valid values are from 1 to 1000 both inclusive."));
    }
    queue.send_message("m");
    for (int i = 0; i < 3; ++i) {
        CHECK(queue.receive_message());  // a refused policy is not set
    }
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    CHECK_FALSE(queue.receive_message());
    CHECK_NOTHROW(queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1000}));
}

TEST_CASE("R165: a refused policy leaves the one before in place", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    CHECK(code_of([&] { return queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 0}), 0; }) ==
          Errc::invalid_parameter_value);
    queue.send_message("m");
    CHECK(queue.receive_message());
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts().visible == 1);
}

TEST_CASE("R167: source and dead-letter queue are of one type, or it does not compile", "[dead_letter][standard]") {
    using Fifo = sqsim::FifoQueue<sqsim::ManualClock>;
    STATIC_REQUIRE(CanRedriveTo<Queue, Queue>);
    STATIC_REQUIRE(CanRedriveTo<Fifo, Fifo>);
    STATIC_REQUIRE_FALSE(CanRedriveTo<Queue, Fifo>);
    STATIC_REQUIRE_FALSE(CanRedriveTo<Fifo, Queue>);
}

TEST_CASE("R167: choice: a dead-letter queue on another clock is refused", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    sqsim::ManualClock other_clock;
    Queue dead{other_clock};
    Queue queue{clock};
    CHECK(code_of([&] { return queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1}), 0; }) ==
          Errc::invalid_parameter_value);
}

TEST_CASE("R171: a message is returned as often as the maximum says and moves at the next attempt",
          "[dead_letter][standard]") {
    const int maximum = GENERATE(1, 2, 5);
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 10s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = maximum});
    queue.send_message("m");
    for (int i = 0; i < maximum; ++i) {
        REQUIRE(queue.receive_message());
        clock.advance(10s);
    }
    clock.advance(1h);  // the end of the lease does not move it, nor does time
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    CHECK(dead.counts() == QueueCounts{});
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == QueueCounts{});
    CHECK(dead.counts() == QueueCounts{.visible = 1});
    CHECK(dead.receive_message()->body() == "m");
}

TEST_CASE("R171: a change of visibility to zero does not move a message either", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto message = queue.receive_message();
    REQUIRE(queue.change_message_visibility(message->receipt_handle(), 0s));
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    CHECK(dead.counts().total() == 0);
}

TEST_CASE("R171: choice: a receive that moves a message goes on to the next one", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    send_numbered(queue, "old", 3);
    REQUIRE(queue.receive_messages().size() == 3);
    clock.advance(1s);
    send_numbered(queue, "new", 3);
    CHECK(receive_bodies(queue, {.max_number_of_messages = 2}) == Bodies{"new0", "new1"});
    CHECK(receive_bodies(dead) == Bodies{"old0", "old1", "old2"});
}

TEST_CASE("R171: choice: a moved message can be received at once, and wakes a long poll on the dead-letter queue",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    clock.advance(1s);
    BlockingReceive receive{dead, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    CHECK_FALSE(queue.receive_message());
    CHECK(receive.bodies() == Bodies{"m"});
}

TEST_CASE("R171: a long poll that only moves messages goes on waiting", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("poison");
    REQUIRE(queue.receive_message());
    clock.advance(1s);
    BlockingReceive receive{queue, {.wait_time = 20s}};
    clock.wait_for_waiters(1);
    CHECK(dead.counts() == QueueCounts{.visible = 1});  // moved at the attempt, not when the wait ends
    queue.send_message("good");
    CHECK(receive.bodies() == Bodies{"good"});
    CHECK(dead.counts() == QueueCounts{.visible = 1});
}

TEST_CASE("R171: a batch moves every message that is due and returns the others", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 2});
    send_numbered(queue, "m", 4);
    for (int round = 0; round < 2; ++round) {  // m0 and m1 twice
        REQUIRE(receive_bodies(queue, {.max_number_of_messages = 2}) == Bodies{"m0", "m1"});
        clock.advance(1s);
    }
    CHECK(receive_bodies(queue) == Bodies{"m2", "m3"});
    CHECK(receive_bodies(dead) == Bodies{"m0", "m1"});
}

TEST_CASE("R171: a policy that is set, changed or cleared later counts the receives before",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue other{clock};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.send_message("m");
    for (int i = 0; i < 3; ++i) {
        REQUIRE(queue.receive_message());
    }
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 4});
    CHECK(queue.receive_message());
    queue.clear_redrive_policy();
    CHECK(queue.receive_message());
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 4});
    queue.set_redrive_policy({.dead_letter_queue = other, .max_receive_count = 5});
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts().total() == 0);
    CHECK(other.counts().total() == 1);
}

TEST_CASE("R172: deleted after its last receive a message never moves, even if late", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 10s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto message = queue.receive_message();
    SECTION("in time") {}
    SECTION("late") { clock.advance(1h); }
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);
    clock.advance(1h);
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts().total() == 0);
}

TEST_CASE("R173: the move does not count as a receive, and the count goes on in the dead-letter queue",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock, {.visibility_timeout = 0s}};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto before = queue.receive_message();
    CHECK_FALSE(queue.receive_message());
    const auto after = dead.receive_message();  // golden scenario 17
    REQUIRE(after);
    CHECK(after->message_id() == before->message_id());
    CHECK(after->approximate_receive_count() == 2);
    CHECK(dead.receive_message()->approximate_receive_count() == 3);
}

TEST_CASE("R173: choice: only the receives in a queue count towards its own maximum", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue last{clock};
    Queue middle{clock, {.visibility_timeout = 0s}};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = middle, .max_receive_count = 2});
    middle.set_redrive_policy({.dead_letter_queue = last, .max_receive_count = 2});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    REQUIRE(queue.receive_message());
    REQUIRE_FALSE(queue.receive_message());
    CHECK(middle.receive_message()->approximate_receive_count() == 3);
    CHECK(middle.receive_message()->approximate_receive_count() == 4);
    CHECK_FALSE(middle.receive_message());
    CHECK(last.receive_message()->approximate_receive_count() == 5);
}

TEST_CASE("R174: a move keeps id, body, attributes, trace header and group, and names the source",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue last{clock, {.name = "last"}};
    Queue dead{clock, {.name = "dead", .visibility_timeout = 0s}};
    Queue queue{clock, {.name = "source", .visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    dead.set_redrive_policy({.dead_letter_queue = last, .max_receive_count = 1});
    const std::string body(GENERATE(std::size_t{10}, std::size_t{100'000}), 'b');
    const sqsim::MessageAttributes attributes{{"color", {"String", "red"}}, {"weight", {"Number", "17"}}};
    const auto sent = queue.send_message(
        body, {.message_attributes = attributes, .message_group_id = "tenant", .aws_trace_header = "Root=1-2-3"});

    const auto first = queue.receive_message();
    CHECK_FALSE(first->dead_letter_queue_source());
    REQUIRE_FALSE(queue.receive_message());
    const auto second = dead.receive_message();
    REQUIRE(second);
    CHECK(second->dead_letter_queue_source() == std::string_view{"source"});
    REQUIRE_FALSE(dead.receive_message());
    const auto third = last.receive_message();
    REQUIRE(third);
    CHECK(third->dead_letter_queue_source() == std::string_view{"dead"});
    for (const auto& moved : {second, third}) {
        CHECK(moved->message_id() == sent.message_id);
        CHECK(moved->body() == body);
        CHECK(moved->message_attributes() == attributes);
        CHECK(moved->aws_trace_header() == "Root=1-2-3");
        CHECK(moved->message_group_id() == "tenant");
        CHECK_FALSE(moved->sequence_number());
    }
}

TEST_CASE("R174: choice: a move to a standard queue keeps the time of the first receive, as that of the send",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 5s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    clock.advance(1s);
    REQUIRE(queue.receive_message());
    clock.advance(10s);
    REQUIRE_FALSE(queue.receive_message());
    clock.advance(10s);
    const auto moved = dead.receive_message();
    REQUIRE(moved);
    CHECK(moved->sent_at() == at(0s));
    CHECK(moved->first_received_at() == at(1s));
}

TEST_CASE("R174: handles of the source do not work on the dead-letter queue, and are gone at the source",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto handle = queue.receive_message()->receipt_handle();
    REQUIRE_FALSE(queue.receive_message());
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    CHECK(queue.change_message_visibility(handle, 5s).status == HandleStatus::gone);
    CHECK(code_of([&] { return dead.delete_message(handle); }) == Errc::receipt_handle_is_invalid);
    CHECK(dead.counts() == QueueCounts{.visible = 1});
    CHECK(dead.delete_message(dead.receive_message()->receipt_handle()));
    CHECK(dead.counts().total() == 0);
}

TEST_CASE("R175: the time in the source counts against the retention of the dead-letter queue",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock, {.message_retention_period = 96h}};
    Queue queue{clock, {.visibility_timeout = 24h / 2, .message_retention_period = 14 * 24h}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    clock.advance(24h);
    dead.send_message("sent by hand");
    REQUIRE_FALSE(queue.receive_message());
    CHECK(dead.peek(sqsim::MessageState::visible).back().message.sent_at() == at(0s));
    clock.advance(72h - tick);
    CHECK(dead.counts().visible == 2);
    clock.advance(tick);
    CHECK(receive_bodies(dead) == Bodies{"sent by hand"});  // not the moved one: 96 hours since its send
    clock.advance(24h);
    CHECK(dead.counts() == QueueCounts{});
}

TEST_CASE("R175: what is too old for the dead-letter queue is gone with the move", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock, {.message_retention_period = 60s}};
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    SECTION("one tick before its retention ends it is there") {
        clock.advance(60s - tick);
        REQUIRE_FALSE(queue.receive_message());
        CHECK(dead.counts() == QueueCounts{.visible = 1});
        clock.advance(tick);
    }
    SECTION("at the end") { clock.advance(60s); }
    SECTION("long after") { clock.advance(1h); }
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == QueueCounts{});
    CHECK(dead.counts() == QueueCounts{});
}

TEST_CASE("R177: the age of a moved message counts from the move", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    clock.advance(100s);
    CHECK(queue.metrics().approximate_age_of_oldest_message == std::chrono::nanoseconds{100s});
    REQUIRE_FALSE(queue.receive_message());
    CHECK_FALSE(queue.metrics().approximate_age_of_oldest_message);
    CHECK(dead.metrics().approximate_age_of_oldest_message == std::chrono::nanoseconds{0s});
    clock.advance(7s);
    CHECK(dead.metrics().approximate_age_of_oldest_message == std::chrono::nanoseconds{7s});
}

TEST_CASE("R179: choice: a moved message arrives visible, whatever the delay of the dead-letter queue",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock, {.delay = 900s}};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    REQUIRE_FALSE(queue.receive_message());
    CHECK(dead.counts() == QueueCounts{.visible = 1});
}

TEST_CASE("R168: choice: a queue may be its own dead-letter queue, where the message starts over behind all others",
          "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.name = "loop", .visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = queue, .max_receive_count = 2});
    const auto sent = queue.send_message("m");
    queue.send_message("other", {.delay = 1s});
    for (unsigned count = 1; count <= 2; ++count) {
        CHECK(queue.receive_message()->approximate_receive_count() == count);
    }
    CHECK_FALSE(queue.receive_message());  // moves it
    CHECK(queue.counts() == QueueCounts{.visible = 1, .delayed = 1});
    clock.advance(1s);
    const auto messages = queue.receive_messages();
    REQUIRE(bodies_of(messages) == Bodies{"other", "m"});
    CHECK(messages[1].message_id() == sent.message_id);
    CHECK(messages[1].approximate_receive_count() == 3);
    CHECK(messages[1].dead_letter_queue_source() == std::string_view{"loop"});
}

TEST_CASE("R180, R214: moves do not count as messages sent to the dead-letter queue", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    send_numbered(queue, "m", 3);
    REQUIRE(queue.receive_messages().size() == 3);
    REQUIRE(queue.receive_messages().empty());
    dead.send_message("by hand");
    REQUIRE(dead.receive_messages().size() == 4);
    CHECK(dead.metrics().number_of_messages_sent == 1);
    CHECK(dead.metrics().number_of_messages_received == 4);
    CHECK(queue.metrics().number_of_messages_sent == 3);
    CHECK(queue.metrics().number_of_messages_received == 3);
    CHECK(queue.metrics().number_of_messages_deleted == 0);
    CHECK(queue.metrics().number_of_empty_receives == 1);
}

TEST_CASE("R182: choice: without its dead-letter queue a source goes on delivering", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    auto dead = std::make_optional<Queue>(clock);
    Queue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = *dead, .max_receive_count = 1});
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    SECTION("the policy was cleared") { queue.clear_redrive_policy(); }
    SECTION("the dead-letter queue is gone") { dead.reset(); }
    for (unsigned count = 2; count <= 5; ++count) {
        const auto message = queue.receive_message();
        REQUIRE(message);
        CHECK(message->approximate_receive_count() == count);
    }
}

TEST_CASE("R171: messages move into a dead-letter queue from several sources", "[dead_letter][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue a{clock, {.name = "a", .visibility_timeout = 0s}};
    auto b = std::make_optional<Queue>(clock, sqsim::QueueOptions{.name = "b", .visibility_timeout = 0s});
    a.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    b->set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    for (Queue* queue : {&a, &*b, &a}) {
        queue->send_message("from " + queue->name());
        REQUIRE(queue->receive_message());
        REQUIRE_FALSE(queue->receive_message());
    }
    b.reset();  // its message stays
    const auto messages = dead.receive_messages();
    REQUIRE(bodies_of(messages) == Bodies{"from a", "from b", "from a"});
    CHECK(messages[1].dead_letter_queue_source() == std::string_view{"b"});
}

TEST_CASE("R170: a dead-letter queue names the queues that move their dead letters to it", "[dead-letter][standard]") {
    sqsim::ManualClock clock;
    sqsim::Queue dead{clock, {.name = "dead"}};
    sqsim::Queue orders{clock, {.name = "orders"}};
    CHECK(dead.dead_letter_source_queues().empty());
    orders.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 3});
    {
        sqsim::Queue invoices{clock, {.name = "invoices"}};
        invoices.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 3});
        CHECK(dead.dead_letter_source_queues() == std::vector<std::string>{"orders", "invoices"});
        orders.clear_redrive_policy();
        CHECK(dead.dead_letter_source_queues() == std::vector<std::string>{"invoices"});
    }
    CHECK(dead.dead_letter_source_queues().empty());
}
