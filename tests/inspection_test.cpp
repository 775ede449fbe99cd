// SPDX-License-Identifier: MIT

// Catches inspection that changes what it looks at, misses messages, or shows options that are no longer true.

#include "catch.hpp"
#include "standard_support.hpp"

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::Errc;
using sqsim::MessageState;
using sqsim::QueueCounts;

namespace {

Bodies peek_bodies(const Queue& queue, MessageState state, std::size_t maximum = 10) {
    Bodies bodies;
    for (const auto& peeked : queue.peek(state, maximum)) {
        CHECK(peeked.state == state);
        bodies.emplace_back(peeked.message.body());
    }
    return bodies;
}

}  // namespace

TEST_CASE("a message is found by its id in every state, with the time that matters", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s}};
    clock.advance(1s);
    const auto id = queue.send_message("m", {.delay = 5s}).message_id;
    const auto other = queue.send_message("other").message_id;
    const auto delayed = queue.peek(id);
    REQUIRE(delayed);
    CHECK(delayed->state == MessageState::delayed);
    CHECK(delayed->available_at == at(6s));
    CHECK(delayed->message.body() == "m");
    CHECK(delayed->message.message_id() == id);
    CHECK(delayed->message.approximate_receive_count() == 0);
    CHECK(delayed->message.first_received_at() == TimePoint::max());
    CHECK(delayed->message.sent_at() == at(1s));

    clock.advance(10s);
    CHECK(queue.peek(id)->state == MessageState::visible);
    CHECK(queue.peek(id)->available_at == at(6s));  // since then
    CHECK(queue.peek(other)->available_at == at(1s));

    REQUIRE(queue.receive_messages().size() == 2);
    const auto leased = queue.peek(id);
    CHECK(leased->state == MessageState::in_flight);
    CHECK(leased->available_at == at(41s));
    CHECK(leased->message.approximate_receive_count() == 1);
    CHECK(leased->message.first_received_at() == at(11s));

    clock.advance(31s);
    CHECK(queue.peek(id)->state == MessageState::visible);
    CHECK(queue.peek(id)->available_at == at(41s));
}

TEST_CASE("what is not stored is not found", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock, {.visibility_timeout = 10s, .message_retention_period = 60s}};
    CHECK_FALSE(queue.peek(sqsim::MessageId{}));
    const auto id = queue.send_message("m").message_id;
    const auto message = queue.receive_message();
    SECTION("deleted") { REQUIRE(queue.delete_message(message->receipt_handle())); }
    SECTION("purged") { queue.purge(); }
    SECTION("past its retention") { clock.advance(60s); }
    SECTION("moved: found where it is") {
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        clock.advance(10s);
        REQUIRE_FALSE(queue.receive_message());
        REQUIRE(dead.peek(id));
        CHECK(dead.peek(id)->message.body() == "m");
        CHECK(dead.peek(id)->available_at == at(10s));
    }
    CHECK_FALSE(queue.peek(id));
}

TEST_CASE("messages are listed by state, in the order they came, up to a maximum", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "v", 12);
    send_numbered(queue, "d", 2, {.delay = 1s});
    REQUIRE(queue.receive_messages({.max_number_of_messages = 2}).size() == 2);
    CHECK(peek_bodies(queue, MessageState::in_flight) == Bodies{"v0", "v1"});
    CHECK(peek_bodies(queue, MessageState::delayed) == Bodies{"d0", "d1"});
    CHECK(peek_bodies(queue, MessageState::visible, 3) == Bodies{"v2", "v3", "v4"});
    CHECK(peek_bodies(queue, MessageState::visible).size() == 10);
    CHECK(peek_bodies(queue, MessageState::visible, 0).empty());
    clock.advance(1s);
    CHECK(peek_bodies(queue, MessageState::delayed).empty());
    CHECK(peek_bodies(queue, MessageState::visible, 100).size() == 12);
}

TEST_CASE("a peek gives no handle, counts as no receive and hides nothing", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    const auto id = queue.send_message("m").message_id;
    for (int i = 0; i < 5; ++i) {
        const auto peeked = queue.peek(id);
        REQUIRE(peeked);
        CHECK(peeked->message.receipt_handle() == sqsim::ReceiptHandle{});
        CHECK(queue.peek(MessageState::visible).size() == 1);
    }
    CHECK(queue.counts() == QueueCounts{.visible = 1});
    const auto message = queue.receive_message();
    CHECK(message->approximate_receive_count() == 1);
    CHECK(queue.peek(id)->message.receipt_handle() == sqsim::ReceiptHandle{});
    CHECK(queue.delete_message(message->receipt_handle()));  // a peek makes no handle stale
}

TEST_CASE("a peeked message stays whole when its queue ends", "[inspection][standard]") {
    sqsim::ManualClock clock;
    std::vector<sqsim::PeekedMessage<Message>> peeked;
    {
        Queue queue{clock};
        send_numbered(queue, "m", 3);
        peeked = queue.peek(MessageState::visible);
        queue.purge();
    }
    REQUIRE(peeked.size() == 3);
    CHECK(peeked[2].message.body() == "m2");
}

TEST_CASE("the next event of a queue is the first end of a delay, a lease or a retention", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 30s, .message_retention_period = 100s}};
    CHECK_FALSE(queue.next_event());
    queue.send_message("m", {.delay = 5s});
    CHECK(queue.next_event() == at(5s));
    clock.advance(5s);
    CHECK(queue.next_event() == at(100s));
    const auto message = queue.receive_message();
    CHECK(queue.next_event() == at(35s));
    REQUIRE(queue.change_message_visibility(message->receipt_handle(), 10s));
    CHECK(queue.next_event() == at(15s));
    REQUIRE(queue.change_message_visibility(message->receipt_handle(), 1h));
    CHECK(queue.next_event() == at(100s));  // the retention ends before the lease
    queue.set_message_retention_period(2h);
    CHECK(queue.next_event() == at(1h + 5s));
    REQUIRE(queue.delete_message(message->receipt_handle()));
    CHECK_FALSE(queue.next_event());
    CHECK_FALSE(clock.next_event());
}

TEST_CASE("the next event of the clock is that of its earliest queue", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue a{clock};
    Queue b{clock};
    a.send_message("m", {.delay = 7s});
    b.send_message("m", {.delay = 3s});
    CHECK(clock.next_event() == at(3s));
    REQUIRE(clock.advance_to_next_event());
    CHECK(clock.now() == at(3s));
    CHECK(b.counts() == QueueCounts{.visible = 1});
    REQUIRE(clock.advance_to_next_event());
    CHECK(clock.now() == at(7s));
    CHECK(a.counts() == QueueCounts{.visible = 1});
}

TEST_CASE("a queue describes itself in one line with its name, its counts and what comes next",
          "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.name = "orders", .visibility_timeout = 30s}};
    const auto has = [&](std::string_view text) { return queue.describe().find(text) != std::string::npos; };
    CHECK(has("orders"));
    CHECK(has("nothing pending"));
    send_numbered(queue, "m", 3);
    queue.send_message("d", {.delay = 45s});
    REQUIRE(queue.receive_message());
    CHECK(has("2 visible"));
    CHECK(has("1 in flight"));
    CHECK(has("1 delayed"));
    CHECK(has("30 s"));
    CHECK_FALSE(has("\n"));
}

TEST_CASE("the options of a queue are those it has now", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock,
                {.name = "orders",
                 .visibility_timeout = 1s,
                 .delay = 2s,
                 .message_retention_period = 60s,
                 .receive_message_wait_time = 3s,
                 .maximum_message_size = 2000,
                 .capacity = 17,
                 .delivery = {.seed = 4},
                 .fair_queue = {.minimum_in_flight = 9},
                 .back_of_queue_after_three_receives = true}};
    auto options = queue.options();
    CHECK(queue.name() == "orders");
    CHECK(options.name == "orders");
    CHECK(options.visibility_timeout == 1s);
    CHECK(options.delay == 2s);
    CHECK(options.message_retention_period == 60s);
    CHECK(options.receive_message_wait_time == 3s);
    CHECK(options.maximum_message_size == 2000);
    CHECK(options.capacity == 17);
    CHECK(options.delivery == sqsim::DeliveryModel{.seed = 4});
    CHECK(options.fair_queue.minimum_in_flight == 9);
    CHECK(options.back_of_queue_after_three_receives);
    CHECK(options.limits == sqsim::Limits::aws());

    queue.set_visibility_timeout(10s);
    queue.set_delay(20s);
    queue.set_message_retention_period(600s);
    queue.set_receive_message_wait_time(5s);
    queue.set_maximum_message_size(3000);
    options = queue.options();
    CHECK(options.visibility_timeout == 10s);
    CHECK(options.delay == 20s);
    CHECK(options.message_retention_period == 600s);
    CHECK(options.receive_message_wait_time == 5s);
    CHECK(options.maximum_message_size == 3000);
}

TEST_CASE("R5: an attribute out of its range is refused and changes nothing", "[inspection][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    const auto refused = [](auto set) { return code_of([&] { return set(), 0; }) == Errc::invalid_attribute_value; };
    CHECK(refused([&] { queue.set_visibility_timeout(12h + tick); }));
    CHECK(refused([&] { queue.set_visibility_timeout(-tick); }));
    CHECK(refused([&] { queue.set_delay(900s + tick); }));
    CHECK(refused([&] { queue.set_delay(-tick); }));
    CHECK(refused([&] { queue.set_message_retention_period(60s - tick); }));
    CHECK(refused([&] { queue.set_receive_message_wait_time(20s + tick); }));
    CHECK(refused([&] { queue.set_receive_message_wait_time(-tick); }));
    CHECK(refused([&] { queue.set_maximum_message_size(1023); }));
    CHECK(refused([&] { queue.set_maximum_message_size(1'048'577); }));
    const sqsim::QueueOptions defaults;
    const auto options = queue.options();
    CHECK(options.visibility_timeout == defaults.visibility_timeout);
    CHECK(options.delay == defaults.delay);
    CHECK(options.message_retention_period == defaults.message_retention_period);
    CHECK(options.receive_message_wait_time == defaults.receive_message_wait_time);
    CHECK(options.maximum_message_size == defaults.maximum_message_size);
}

TEST_CASE("R1: the defaults of a queue are the service's", "[inspection][standard]") {
    sqsim::ManualClock clock;
    const auto options = Queue{clock}.options();
    CHECK(options.visibility_timeout == 30s);
    CHECK(options.delay == 0s);
    CHECK(options.message_retention_period == 345'600s);
    CHECK(options.receive_message_wait_time == 0s);
    CHECK(options.maximum_message_size == 1'048'576);
    CHECK(options.name.empty());
}
