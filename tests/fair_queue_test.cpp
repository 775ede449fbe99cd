// SPDX-License-Identifier: MIT

// Catches a fair queue that lets one tenant starve the others, that holds messages back when only noisy tenants are
// left, that loses or doubles a message while it reorders, or that calls the wrong tenants noisy.

#include "catch.hpp"
#include "standard_support.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::QueueCounts;

namespace {

constexpr std::chrono::nanoseconds long_lease = 1h;

sqsim::SendMessageOptions of(std::string_view group) { return {.message_group_id = std::string{group}}; }

/// Leases `count` messages for long and returns them.
std::vector<Message> lease(Queue& queue, std::size_t count) {
    std::vector<Message> leased;
    while (leased.size() < count) {
        const auto more = queue.receive_messages(
            {.max_number_of_messages = static_cast<int>(std::min<std::size_t>(10, count - leased.size())),
             .visibility_timeout = long_lease});
        if (more.empty()) {
            break;
        }
        leased.insert(leased.end(), more.begin(), more.end());
    }
    return leased;
}

void delete_all(Queue& queue, const std::vector<Message>& messages) {
    for (const Message& message : messages) {
        static_cast<void>(queue.delete_message(message.receipt_handle()));
    }
}

Bodies receive_one(Queue& queue) {
    return receive_bodies(queue, {.max_number_of_messages = 1, .visibility_timeout = long_lease});
}

std::size_t noisy_groups(const Queue& queue) {
    const auto fair = queue.metrics().fair_queue;
    return fair ? fair->approximate_number_of_noisy_groups : 0;
}

/// Only the share of the processing time counts.
constexpr sqsim::FairQueueThresholds by_time{.minimum_in_flight = 1'000'000,
                                             .processing_time_share = 0.10,
                                             .minimum_processing_time = 60s,
                                             .processing_time_window = 1h};

}  // namespace

TEST_CASE("R209: the thresholds are 10 percent, 30 in flight and five minutes unless asked otherwise",
          "[fair_queue][standard]") {
    const sqsim::FairQueueThresholds thresholds = sqsim::QueueOptions{}.fair_queue;
    CHECK(thresholds.in_flight_share == 0.10);
    CHECK(thresholds.minimum_in_flight == 30);
    CHECK(thresholds.processing_time_share == 0.10);
    CHECK(thresholds.quiet_after == 5min);
}

TEST_CASE("R207, R213: a group id on a standard queue comes back and locks nothing", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    const auto sent = queue.send_message("m0", of("tenant"));
    queue.send_message("m1", of("tenant"));
    queue.send_message("m1", of("tenant"));  // equal messages are two messages
    CHECK_FALSE(sent.sequence_number);
    CHECK_FALSE(sent.deduplicated);
    const auto first = queue.receive_message();
    CHECK(first->message_group_id() == "tenant");
    CHECK_FALSE(first->sequence_number());
    CHECK(first->message_deduplication_id().empty());
    const auto others = queue.receive_messages();  // in flight at the same time as the first
    CHECK(bodies_of(others) == Bodies{"m1", "m1"});
    CHECK(queue.delete_message(others[1].receipt_handle()));
    CHECK(queue.delete_message(first->receipt_handle()));
    CHECK(queue.counts() == QueueCounts{.in_flight = 1});
}

TEST_CASE("R212: without a noisy group messages come in the order sent", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    Bodies sent;
    for (int i = 0; i < 25; ++i) {
        sent.push_back("m" + std::to_string(i));
        queue.send_message(sent.back(),
                           i % 5 == 0 ? sqsim::SendMessageOptions{} : of("tenant" + std::to_string(i % 3)));
    }
    CHECK(bodies_of(lease(queue, 25)) == sent);
    CHECK(noisy_groups(queue) == 0);
}

TEST_CASE("R209, R210: a group with 30 of 30 in flight is noisy, and quiet groups go before its backlog",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 40, of("a"));
    REQUIRE(lease(queue, 30).size() == 30);
    queue.send_message("b", of("b"));
    queue.send_message("c", of("c"));
    queue.send_message("alone");
    CHECK(receive_bodies(queue, {.max_number_of_messages = 5}) == Bodies{"b", "c", "alone", "a30", "a31"});
    CHECK(noisy_groups(queue) == 1);
}

TEST_CASE("R209: 29 in flight are not enough, whatever their share", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 40, of("a"));
    REQUIRE(lease(queue, 29).size() == 29);
    queue.send_message("b", of("b"));
    CHECK(noisy_groups(queue) == 0);
    CHECK(receive_one(queue) == Bodies{"a29"});
    CHECK(noisy_groups(queue) == 1);  // that was the 30th
    CHECK(receive_one(queue) == Bodies{"b"});
}

TEST_CASE("R209: exactly a tenth of the messages in flight is not too much, any more is", "[fair_queue][standard]") {
    const std::size_t others = GENERATE(std::size_t{269}, std::size_t{270});
    const bool noisy = others == 269;  // 30 of 299 instead of 30 of 300
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "n", others);
    REQUIRE(lease(queue, others).size() == others);
    send_numbered(queue, "a", 31, of("a"));
    REQUIRE(lease(queue, 30).size() == 30);
    queue.send_message("b", of("b"));
    CHECK(noisy_groups(queue) == (noisy ? 1 : 0));
    CHECK(receive_one(queue) == Bodies{noisy ? "b" : "a30"});
}

TEST_CASE("R208: messages without a group are tenants of their own and never noisy together",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "n", 110);
    queue.send_message("b", of("b"));
    REQUIRE(lease(queue, 100).size() == 100);  // all that is in flight
    CHECK(noisy_groups(queue) == 0);
    CHECK(receive_bodies(queue, {.visibility_timeout = long_lease}) ==
          Bodies{"n100", "n101", "n102", "n103", "n104", "n105", "n106", "n107", "n108", "n109"});
    CHECK(receive_one(queue) == Bodies{"b"});
}

TEST_CASE("R210: with only noisy messages left they are returned, and consumers are not idle",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 100, of("a"));
    const auto messages = lease(queue, 100);
    REQUIRE(messages.size() == 100);
    for (std::size_t i = 0; i < 100; ++i) {
        CHECK(messages[i].body() == "a" + std::to_string(i));  // in their own order
    }
}

TEST_CASE("R210: of several noisy groups the one with the fewest in flight goes first", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 45, of("a"));
    REQUIRE(lease(queue, 40).size() == 40);
    send_numbered(queue, "b", 35, of("b"));
    const auto quiet = lease(queue, 30);
    REQUIRE(quiet.front().body() == "b0");  // a is noisy, b was not yet
    REQUIRE(quiet.back().body() == "b29");
    queue.send_message("c", of("c"));
    REQUIRE(noisy_groups(queue) == 2);
    CHECK(receive_bodies(queue, {.max_number_of_messages = 10, .visibility_timeout = long_lease}) ==
          Bodies{"c", "b30", "b31", "b32", "b33", "b34", "a40", "a41", "a42", "a43"});
}

TEST_CASE("R210: noisy groups with equally many in flight take turns", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 33, of("a"));
    REQUIRE(lease(queue, 30).size() == 30);
    send_numbered(queue, "b", 33, of("b"));
    REQUIRE(lease(queue, 30).back().body() == "b29");
    REQUIRE(noisy_groups(queue) == 2);
    const auto bodies = receive_bodies(queue, {.visibility_timeout = long_lease});
    REQUIRE(bodies.size() == 6);
    for (std::size_t i = 0; i < 6; i += 2) {  // after every pair they are equal again
        CHECK(std::set<char>{bodies[i][0], bodies[i + 1][0]} == std::set<char>{'a', 'b'});
    }
}

TEST_CASE("R211: a noisy group is quiet again when its backlog is consumed", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 32, of("a"));
    const auto leased = lease(queue, 30);
    queue.send_message("b", of("b"));
    REQUIRE(receive_one(queue) == Bodies{"b"});
    delete_all(queue, leased);

    queue.send_message("c", of("c"));  // the thresholds are no longer exceeded, but there is a backlog
    CHECK(noisy_groups(queue) == 1);
    CHECK(receive_one(queue) == Bodies{"c"});
    delete_all(queue, lease(queue, 1));
    CHECK(noisy_groups(queue) == 1);
    delete_all(queue, lease(queue, 1));
    CHECK(noisy_groups(queue) == 0);

    queue.send_message("a again", of("a"));
    queue.send_message("d", of("d"));
    CHECK(receive_bodies(queue) == Bodies{"a again", "d"});
}

TEST_CASE("R211: a noisy group is quiet again after five minutes without anything in flight",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 32, of("a"));
    const auto leased = lease(queue, 30);
    queue.send_message("b", of("b"));
    REQUIRE(receive_one(queue) == Bodies{"b"});
    delete_all(queue, leased);

    clock.advance(5min - tick);
    queue.send_message("c", of("c"));
    SECTION("one tick before it is noisy") {
        CHECK(noisy_groups(queue) == 1);
        CHECK(receive_one(queue) == Bodies{"c"});
    }
    SECTION("at the end it is quiet") {
        clock.advance(tick);
        CHECK(noisy_groups(queue) == 0);
        CHECK(receive_bodies(queue, {.visibility_timeout = long_lease}) == Bodies{"a30", "a31", "c"});
    }
    SECTION("one tick after, too") {
        clock.advance(2 * tick);
        CHECK(receive_one(queue) == Bodies{"a30"});
    }
    SECTION("the five minutes are continuous: a lease in between starts them again") {
        REQUIRE(receive_one(queue) == Bodies{"c"});
        const auto again = lease(queue, 1);
        REQUIRE(bodies_of(again) == Bodies{"a30"});
        clock.advance(10s);
        delete_all(queue, again);
        clock.advance(5min - tick);
        CHECK(noisy_groups(queue) == 1);
        clock.advance(tick);
        CHECK(noisy_groups(queue) == 0);
    }
}

TEST_CASE("R211: a group that became quiet goes by the order sent again, with what had been set aside",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 31, of("a"));
    const auto leased = lease(queue, 30);
    queue.send_message("b", of("b"));
    queue.send_message("c", of("c"));
    REQUIRE(receive_one(queue) == Bodies{"b"});  // a30 was looked at and passed over
    delete_all(queue, leased);
    clock.advance(5min);
    queue.send_message("a last", of("a"));
    CHECK(receive_bodies(queue) == Bodies{"a30", "c", "a last"});
}

TEST_CASE("R209, R211: choice: a group that was noisy stays so, whether or not anybody looked",
          "[fair_queue][standard]") {
    const bool look = GENERATE(false, true);
    CAPTURE(look);
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 31, of("a"));
    const auto leased = lease(queue, 30);
    if (look) {
        REQUIRE(noisy_groups(queue) == 1);
    }
    delete_all(queue, leased);
    queue.send_message("b", of("b"));
    CHECK(receive_bodies(queue) == Bodies{"b", "a30"});
}

TEST_CASE("R209: a group with more than its share of the processing time is noisy", "[fair_queue][standard]") {
    // One message of "a" and `others` of other tenants are in flight for 100 seconds each.
    const std::size_t others = GENERATE(std::size_t{8}, std::size_t{9}, std::size_t{10});
    const bool noisy = others == 8;  // 1 of 9 instead of 1 of 10 or 11
    CAPTURE(others);
    sqsim::ManualClock clock;
    Queue queue{clock, {.fair_queue = by_time}};
    queue.send_message("a", of("a"));
    send_numbered(queue, "n", others);
    queue.send_message("a waits", of("a"));
    auto leased = lease(queue, 1 + others);
    clock.advance(100s);
    std::reverse(leased.begin(), leased.end());  // "a" last: before that all the time would be its own
    delete_all(queue, leased);
    queue.send_message("b", of("b"));
    CHECK(noisy_groups(queue) == (noisy ? 1 : 0));
    CHECK(receive_one(queue) == Bodies{noisy ? "b" : "a waits"});
}

TEST_CASE("R209: processing time counts however the lease ended", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 100s, .fair_queue = by_time}};
    queue.send_message("a", of("a"));
    const auto message = queue.receive_message();
    SECTION("by its timeout") { clock.advance(100s); }
    SECTION("by a change of visibility") {
        clock.advance(60s);
        REQUIRE(queue.change_message_visibility(message->receipt_handle(), 0s));
    }
    queue.send_message("b", of("b"));
    CHECK(receive_bodies(queue) == Bodies{"b", "a"});
}

TEST_CASE("R209: choice: processing time counts from a floor on", "[fair_queue][standard]") {
    const bool reached = GENERATE(false, true);
    sqsim::ManualClock clock;
    Queue queue{clock, {.fair_queue = by_time}};
    send_numbered(queue, "a", 2, of("a"));
    const auto leased = lease(queue, 1);
    clock.advance(reached ? 60s : 60s - tick);
    delete_all(queue, leased);
    queue.send_message("b", of("b"));
    CHECK(receive_one(queue) == Bodies{reached ? "b" : "a1"});
}

TEST_CASE("R209: choice: the floor of the processing time is five minutes by default", "[fair_queue][standard]") {
    const bool reached = GENERATE(false, true);
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "a", 2, of("a"));
    const auto leased = lease(queue, 1);
    clock.advance(reached ? 5min : 5min - tick);
    delete_all(queue, leased);
    queue.send_message("b", of("b"));
    CHECK(receive_one(queue) == Bodies{reached ? "b" : "a1"});
}

TEST_CASE("R209: extending a lease does not count its time twice", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock,
                {.fair_queue = {.minimum_in_flight = 1'000'000,
                                .processing_time_share = 0.40,
                                .minimum_processing_time = 60s,
                                .processing_time_window = 1h}}};
    queue.send_message("a", of("a"));
    const auto extended = lease(queue, 1);
    send_numbered(queue, "n", 3);
    const auto others = lease(queue, 3);
    REQUIRE(others.size() == 3);
    queue.send_message("a waits", of("a"));
    for (int i = 0; i < 10; ++i) {  // a heartbeat
        clock.advance(10s);
        REQUIRE(queue.change_message_visibility(extended.front().receipt_handle(), 100s));
    }
    delete_all(queue, others);
    delete_all(queue, extended);
    // Of 400 seconds 100 belong to "a", a quarter; with every heartbeat counted it would be most of them.
    CHECK(noisy_groups(queue) == 0);
}

TEST_CASE("R209: processing time that is long ago does not count", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock,
                {.fair_queue = {
                     .minimum_in_flight = 1'000'000, .minimum_processing_time = 60s, .processing_time_window = 5min}}};
    send_numbered(queue, "a", 2, of("a"));
    const auto leased = lease(queue, 1);
    clock.advance(100s);
    delete_all(queue, leased);
    clock.advance(15min);
    queue.send_message("b", of("b"));
    CHECK(noisy_groups(queue) == 0);
    CHECK(receive_one(queue) == Bodies{"a1"});
}

TEST_CASE("R209: thresholds of one's own decide", "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.fair_queue = {.in_flight_share = 0.5, .minimum_in_flight = 2}}};
    send_numbered(queue, "a", 4, of("a"));
    queue.send_message("b", of("b"));
    SECTION("enough in flight and more than the share") {
        REQUIRE(lease(queue, 2).size() == 2);
        CHECK(receive_one(queue) == Bodies{"b"});
    }
    SECTION("too few in flight") {
        REQUIRE(lease(queue, 1).size() == 1);
        CHECK(receive_one(queue) == Bodies{"a1"});
    }
}

TEST_CASE("R210: a noisy group's message that comes back or ends its delay waits behind the quiet ones",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("delayed", {.delay = 5s, .message_group_id = "a"});
    queue.send_message("returned", of("a"));
    const auto first = lease(queue, 1);
    send_numbered(queue, "a", 30, of("a"));
    REQUIRE(lease(queue, 30).size() == 30);
    queue.send_message("b", of("b"));
    clock.advance(5s);
    REQUIRE(queue.change_message_visibility(first.front().receipt_handle(), 0s));
    CHECK(receive_bodies(queue) == Bodies{"b", "delayed", "returned"});
}

TEST_CASE("R210: deleting, purging and moving messages of a noisy group leaves nothing behind",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue dead{clock};
    Queue queue{clock};
    send_numbered(queue, "a", 40, of("a"));
    const auto leased = lease(queue, 30);
    queue.send_message("b", of("b"));
    REQUIRE(receive_one(queue) == Bodies{"b"});
    SECTION("purged") {
        queue.purge();
        CHECK(queue.counts() == QueueCounts{});
        CHECK(noisy_groups(queue) == 0);
        queue.send_message("a new", of("a"));
        queue.send_message("c", of("c"));
        CHECK(receive_bodies(queue) == Bodies{"a new", "c"});
    }
    SECTION("past their retention") {
        clock.advance(96h);
        CHECK(queue.counts() == QueueCounts{});
        queue.send_message("a new", of("a"));
        queue.send_message("c", of("c"));
        CHECK(receive_bodies(queue) == Bodies{"a new", "c"});
    }
    SECTION("moved") {
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        clock.advance(long_lease);  // 30 of "a" and b come back, received once
        CHECK(lease(queue, 50).size() == 10);
        CHECK(dead.counts() == QueueCounts{.visible = 31});
        const auto moved = dead.peek(sqsim::MessageState::visible, 100);
        CHECK(std::count_if(moved.begin(), moved.end(),
                            [](const auto& peeked) { return peeked.message.message_group_id() == "a"; }) == 30);
    }
}

TEST_CASE("R210: nothing is lost, doubled or starved in a long run with many tenants", "[fair_queue][standard]") {
    const std::uint32_t seed = GENERATE(1U, 2U, 3U, 4U);
    CAPTURE(seed);
    std::uint32_t state = seed;
    const auto random = [&state](std::uint32_t bound) {
        state = state * 1664525U + 1013904223U;
        return (state >> 8) % bound;
    };
    sqsim::ManualClock clock;
    Queue queue{clock,
                {.visibility_timeout = 20s,
                 .fair_queue = {.in_flight_share = 0.2, .minimum_in_flight = 3, .minimum_processing_time = 30s}}};
    std::map<std::string, int> deleted;
    std::vector<Message> held;
    std::size_t sent = 0;
    const auto receive = [&] {
        std::set<std::string> in_one_call;
        for (Message& message : queue.receive_messages()) {
            CHECK(in_one_call.insert(std::string{message.body()}).second);
            held.push_back(std::move(message));
        }
    };
    const auto finish = [&](std::size_t i) {
        if (queue.delete_message(held[i].receipt_handle())) {
            ++deleted[std::string{held[i].body()}];
        }
        held.erase(held.begin() + static_cast<std::ptrdiff_t>(i));
    };
    for (int step = 0; step < 2000; ++step) {
        switch (random(4)) {
        case 0:
            for (std::uint32_t i = random(8); i > 0; --i) {
                const std::uint32_t tenant = random(8);  // tenant 0 sends as much as 1 to 4 others
                queue.send_message("m" + std::to_string(sent++),
                                   {.delay = std::chrono::seconds{random(5) == 0 ? random(30) : 0},
                                    .message_group_id = tenant < 5 ? "t" + std::to_string(tenant / 4) : ""});
            }
            break;
        case 1:
            receive();
            break;
        case 2:
            for (std::uint32_t i = random(6); i > 0 && !held.empty(); --i) {
                finish(random(static_cast<std::uint32_t>(held.size())));
            }
            break;
        default:
            clock.advance(std::chrono::milliseconds{random(3000)});
            break;
        }
        const QueueCounts counts = queue.counts();
        REQUIRE(counts.total() == sent - deleted.size());
    }
    for (int round = 0; round < 1000 && queue.counts().total() != 0; ++round) {
        receive();
        while (!held.empty()) {
            finish(0);
        }
        clock.advance(1s);
    }
    CHECK(queue.counts() == QueueCounts{});
    CHECK(deleted.size() == sent);
    CHECK(std::all_of(deleted.begin(), deleted.end(), [](const auto& entry) { return entry.second == 1; }));
}

TEST_CASE("R210: a quiet tenant's message waits for at most one receive behind a noisy backlog",
          "[fair_queue][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = long_lease}};
    send_numbered(queue, "a", 1000, of("a"));
    REQUIRE(lease(queue, 50).size() == 50);
    for (int i = 0; i < 20; ++i) {
        const std::string body = "b" + std::to_string(i);
        queue.send_message(body, of("b"));
        const auto received = queue.receive_messages();
        REQUIRE(received.size() == 10);
        CHECK(received.front().body() == body);
        delete_all(queue, {received.front()});
    }
}
