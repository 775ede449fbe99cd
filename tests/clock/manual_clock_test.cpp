// SPDX-License-Identifier: MIT

// Catches a manual clock that jumps over events or stops short of the last one, that moves by itself or backwards,
// and an advance that returns before those whom it concerns have looked.

#include "blocked_call.hpp"
#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using sqsim::ManualClock;
using Queue = sqsim::Queue<ManualClock>;
using FifoQueue = sqsim::FifoQueue<ManualClock>;
using Received = std::optional<Queue::message_type>;

/// An instant by its distance from the epoch.
ManualClock::time_point at(std::chrono::nanoseconds since_epoch) { return ManualClock::time_point{since_epoch}; }

auto receiver(Queue& queue, std::chrono::nanoseconds wait_time) {
    return [&queue, wait_time](const std::stop_token& stop) {
        return queue.receive_message({.wait_time = wait_time}, stop);
    };
}

using Call = blocked::Call<Received>;

bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

}  // namespace

TEST_CASE("A manual clock is no clock of the standard library, so that its waits refuse it", "[clock][manual]") {
    STATIC_REQUIRE_FALSE(sqsim::detail::StandardClock<ManualClock>);
#if !defined(_LIBCPP_VERSION)  // has no std::chrono::is_clock yet
    STATIC_REQUIRE_FALSE(std::chrono::is_clock_v<ManualClock>);
#endif
    STATIC_REQUIRE(sqsim::Clock<ManualClock>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<ManualClock>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<ManualClock>);
    STATIC_REQUIRE_FALSE(std::is_convertible_v<ManualClock::time_point, ManualClock>);
}

TEST_CASE("A manual clock begins at its epoch or at the time it is given", "[clock][manual]") {
    const ManualClock from_epoch;
    CHECK(from_epoch.now() == at(0ns));
    const ManualClock from_later{at(1000h + 1ns)};
    CHECK(from_later.now() == at(1000h + 1ns));
    const ManualClock from_before{at(-3s)};
    CHECK(from_before.now() == at(-3s));

    ManualClock clock{at(-3s)};
    Queue queue{clock};
    queue.send_message("m", {.delay = 5s});
    clock.advance(5s - 1ns);
    CHECK_FALSE(queue.receive_message());
    clock.advance(1ns);
    const auto message = queue.receive_message();
    REQUIRE(message);
    CHECK(message->sent_at() == at(-3s));
    CHECK(message->first_received_at() == at(2s));
}

TEST_CASE("Nothing but advance moves a manual clock", "[clock][manual]") {
    ManualClock clock;
    Queue queue{clock};
    queue.send_message("m", {.delay = 5s});
    for (int i = 0; i < 1000; ++i) {
        CHECK_FALSE(queue.receive_message());
        static_cast<void>(queue.metrics());
        static_cast<void>(clock.next_event());
    }
    CHECK(clock.now() == at(0s));
}

TEST_CASE("Advance moves by the step, advance_to to the instant, both inclusive of the end", "[clock][manual]") {
    ManualClock clock;
    clock.advance(0ns);
    CHECK(clock.now() == at(0ns));
    clock.advance(1ns);
    CHECK(clock.now() == at(1ns));
    clock.advance_to(at(5s));
    CHECK(clock.now() == at(5s));
    clock.advance_to(at(5s));
    CHECK(clock.now() == at(5s));

    Queue queue{clock};
    queue.send_message("m", {.delay = 10s});
    clock.advance(10s);
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1, .in_flight = 0, .delayed = 0});
}

TEST_CASE("A step beyond the end of time stops there", "[clock][manual]") {
    ManualClock clock{ManualClock::time_point::max() - 1s};
    clock.advance(5s);
    CHECK(clock.now() == ManualClock::time_point::max());
}

TEST_CASE("Moving backwards throws and moves nothing", "[clock][manual]") {
    ManualClock clock{at(10s)};
    CHECK_THROWS_AS(clock.advance(-1ns), std::invalid_argument);
    CHECK_THROWS_AS(clock.advance_to(at(10s - 1ns)), std::invalid_argument);
    CHECK_THROWS_AS(clock.advance(ManualClock::duration::min()), std::invalid_argument);
    CHECK(clock.now() == at(10s));
    try {
        clock.advance_to(at(4s));
        FAIL("did not throw");
    } catch (const std::invalid_argument& error) {
        CHECK(contains(error.what(), "10000000000"));
        CHECK(contains(error.what(), "4000000000"));
    }
}

TEST_CASE("R93: one advance goes from event to event, and at each the time is that of the event", "[clock][manual]") {
    ManualClock clock;
    Queue queue{clock};
    std::vector<std::unique_ptr<Call>> calls;
    for (std::size_t i = 0; i < 3; ++i) {
        calls.push_back(std::make_unique<Call>(receiver(queue, 20s)));
    }
    clock.wait_for_waiters(3);
    queue.send_message("third", {.delay = 3s});
    queue.send_message("first", {.delay = 1s});
    queue.send_message("second", {.delay = 2s});

    clock.advance(19s);

    CHECK(clock.waiters() == 0);
    CHECK(clock.now() == at(19s));
    std::vector<std::pair<ManualClock::time_point, std::string>> got;
    for (const auto& call : calls) {
        const auto message = call->get();
        REQUIRE(message);
        CHECK(message->visibility_deadline() == message->first_received_at() + 30s);
        got.emplace_back(message->first_received_at(), message->body());
    }
    std::sort(got.begin(), got.end());
    CHECK(got == std::vector<std::pair<ManualClock::time_point, std::string>>{
                     {at(1s), "first"}, {at(2s), "second"}, {at(3s), "third"}});
}

TEST_CASE("The events of all queues of a clock come in the order of time", "[clock][manual]") {
    ManualClock clock;
    Queue a{clock, {.name = "a"}};
    Queue b{clock, {.name = "b"}};
    FifoQueue c{clock, {.name = "c.fifo", .delay = 3s}};
    Call on_a{receiver(a, 20s)};
    Call on_b{receiver(b, 20s)};
    blocked::Call on_c{[&](const std::stop_token& stop) { return c.receive_message({.wait_time = 20s}, stop); }};
    clock.wait_for_waiters(3);
    b.send_message("b", {.delay = 2s});
    a.send_message("a", {.delay = 4s});
    c.send_message("c", "g", {.message_deduplication_id = "c"});

    clock.advance(20s);

    const auto from_a = on_a.get();
    const auto from_b = on_b.get();
    const auto from_c = on_c.get();
    REQUIRE((from_a && from_b && from_c));
    CHECK(from_a->first_received_at() == at(4s));
    CHECK(from_b->first_received_at() == at(2s));
    CHECK(from_c->first_received_at() == at(3s));
}

TEST_CASE("The end of a wait is an event: what becomes visible just later is not taken", "[clock][manual][blocking]") {
    ManualClock clock;
    Queue queue{clock};
    Call call{receiver(queue, 5s)};
    clock.wait_for_waiters(1);
    queue.send_message("m", {.delay = 5s + 1ns});

    clock.advance(20s);

    CHECK(clock.waiters() == 0);
    CHECK_FALSE(call.get());
    CHECK(queue.counts().visible == 1);
}

TEST_CASE("A lease that a waiting receive begins during an advance ends during it", "[clock][manual][blocking]") {
    ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 2s}};
    Call first{receiver(queue, 20s)};
    Call second{receiver(queue, 20s)};
    Call third{receiver(queue, 20s)};
    clock.wait_for_waiters(3);
    queue.send_message("m", {.delay = 1s});

    clock.advance(10s);  // received at 1 s, again at 3 s, again at 5 s

    std::vector<ManualClock::duration> leases;
    std::vector<unsigned> counts;
    for (Call* call : {&first, &second, &third}) {
        const auto message = call->get();
        REQUIRE(message);
        leases.push_back(message->visibility_deadline() - at(0s));
        counts.push_back(message->approximate_receive_count());
    }
    std::sort(leases.begin(), leases.end());
    std::sort(counts.begin(), counts.end());
    CHECK(leases == std::vector<ManualClock::duration>{3s, 5s, 7s});
    CHECK(counts == std::vector<unsigned>{1, 2, 3});
    CHECK(queue.counts().visible == 1);
}

TEST_CASE("The next event is the end of a delay, a lease, a retention or a deduplication window", "[clock][manual]") {
    ManualClock clock;
    CHECK_FALSE(clock.next_event());
    CHECK_FALSE(clock.advance_to_next_event());
    CHECK(clock.now() == at(0s));

    Queue queue{clock, {.message_retention_period = 1h}};
    CHECK_FALSE(clock.next_event());
    queue.send_message("m", {.delay = 3s});
    CHECK(clock.next_event() == at(3s));
    CHECK(clock.advance_to_next_event());
    CHECK(clock.now() == at(3s));

    CHECK(clock.next_event() == at(1h));  // retention counts from the send
    REQUIRE(queue.receive_message());
    CHECK(clock.next_event() == at(33s));
    CHECK(queue.next_event() == at(33s));
    CHECK(clock.advance_to_next_event());
    CHECK(clock.now() == at(33s));
    CHECK(clock.advance_to_next_event());
    CHECK(clock.now() == at(1h));
    CHECK(queue.counts().total() == 0);
    CHECK_FALSE(clock.advance_to_next_event());
    CHECK(clock.now() == at(1h));

    FifoQueue fifo{clock};
    fifo.send_message("m", "g", {.message_deduplication_id = "1"});
    const auto message = fifo.receive_message();
    REQUIRE(message);
    REQUIRE(fifo.delete_message(message->receipt_handle()));
    CHECK(clock.next_event() == at(1h + 5min));
    CHECK(clock.advance_to_next_event());
    CHECK_FALSE(fifo.send_message("m", "g", {.message_deduplication_id = "1"}).deduplicated);
}

TEST_CASE("The next event is the end of a wait, if nothing comes before", "[clock][manual][blocking]") {
    ManualClock clock;
    Queue queue{clock};
    Call short_wait{receiver(queue, 7s)};
    Call long_wait{receiver(queue, 9s)};
    clock.wait_for_waiters(2);
    CHECK(clock.next_event() == at(7s));
    CHECK(clock.advance_to_next_event());
    CHECK(clock.waiters() == 1);
    CHECK(clock.next_event() == at(9s));
    CHECK(clock.advance_to_next_event());
    CHECK(clock.waiters() == 0);
    CHECK(clock.now() == at(9s));
    CHECK_FALSE(short_wait.get());
    CHECK_FALSE(long_wait.get());
}

TEST_CASE("Who waits is counted, and wait_for_waiters returns once enough do", "[clock][manual][blocking]") {
    ManualClock clock;
    Queue queue{clock};
    clock.wait_for_waiters(0);
    CHECK(clock.waiters() == 0);
    Call one{receiver(queue, 1s)};
    clock.wait_for_waiters(1);
    Call two{receiver(queue, 2s)};
    clock.wait_for_waiters(2);
    clock.wait_for_waiters(1);
    CHECK(clock.waiters() == 2);
    clock.advance(1s);
    CHECK(clock.waiters() == 1);
    queue.send_message("m");
    CHECK_FALSE(one.get());
    CHECK(two.get());
    CHECK(clock.waiters() == 0);
}

TEST_CASE("wait_for_waiters gives up after the real limit and lists who waits for what", "[clock][manual][blocking]") {
    ManualClock clock{at(1s)};
    Queue orders{clock, {.name = "orders"}};
    Queue bills{clock, {.name = "bills"}};
    Call on_orders{receiver(orders, 5s)};
    Call on_bills{receiver(bills, 6s)};
    clock.wait_for_waiters(2);
    try {
        clock.wait_for_waiters(3, 5ms);
        FAIL("did not throw");
    } catch (const std::runtime_error& error) {
        const std::string_view text = error.what();
        INFO(text);
        CHECK(contains(text, "2 of 3 threads"));
        CHECK(contains(text, "5 ms"));
        CHECK(contains(text, "at 1000000000 ns"));
        CHECK(contains(text, "'orders' until 6000000000 ns"));
        CHECK(contains(text, "'bills' until 7000000000 ns"));
    }
    CHECK(clock.now() == at(1s));
    CHECK(clock.waiters() == 2);
    clock.advance(6s);
    CHECK_FALSE(on_orders.get());
    CHECK_FALSE(on_bills.get());
    CHECK_THROWS_AS(clock.wait_for_waiters(1, 1ms), std::runtime_error);
}

TEST_CASE("advance_stepwise lets a worker come around at each event: as many receives as leases end",
          "[clock][manual][stepwise][threads]") {
    for (int round = 0; round < 50; ++round) {
        ManualClock clock;
        Queue queue{clock, {.visibility_timeout = 10s}};
        std::vector<ManualClock::duration> receives;  // by the worker alone; read while it waits
        std::jthread worker{[&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
                    receives.push_back(message->visibility_deadline() - at(10s));
                }
            }
        }};
        queue.send_message("never deleted");
        clock.advance_stepwise(100s, 1);
        REQUIRE(clock.now() == at(100s));
        REQUIRE(clock.waiters() == 1);
        REQUIRE(receives == std::vector<ManualClock::duration>{0s, 10s, 20s, 30s, 40s, 50s, 60s, 70s, 80s, 90s, 100s});
    }
}

TEST_CASE("advance_stepwise counts the waits of workers that find nothing as events, too",
          "[clock][manual][stepwise][threads]") {
    ManualClock clock;
    Queue queue{clock};
    std::atomic<int> empty = 0;
    std::vector<std::jthread> workers;
    for (int i = 0; i < 3; ++i) {
        workers.emplace_back([&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                empty += queue.receive_message({.wait_time = 20s}, stop) || stop.stop_requested() ? 0 : 1;
            }
        });
    }
    clock.advance_stepwise(99s, 3);
    CHECK(empty == 3 * 4);
    clock.advance_stepwise(1s, 3);
    CHECK(empty == 3 * 5);
    clock.advance_stepwise(0s, 3);
    CHECK(empty == 3 * 5);
}

TEST_CASE("advance_stepwise takes a chain of workers through all that follows from an event at its instant",
          "[clock][manual][stepwise][threads]") {
    for (int round = 0; round < 50; ++round) {
        ManualClock clock;
        Queue first{clock};
        Queue second{clock};
        std::vector<ManualClock::time_point> arrived;
        std::jthread sender{[&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (const auto message = first.receive_message({.wait_time = 20s}, stop)) {
                    Queue scratch{clock};  // a worker may make and end what is on the clock
                    scratch.send_message("x");
                    second.send_message(message->body(), {.delay = 3s});
                    first.delete_message(message->receipt_handle());
                }
            }
        }};
        std::jthread receiver{[&](const std::stop_token& stop) {
            while (!stop.stop_requested()) {
                if (const auto message = second.receive_message({.wait_time = 20s}, stop)) {
                    arrived.push_back(message->first_received_at());
                    second.delete_message(message->receipt_handle());
                }
            }
        }};
        for (const auto delay : {1s, 2s, 5s}) {
            first.send_message("m", {.delay = delay});
        }
        clock.advance_stepwise(10s, 2);
        REQUIRE(arrived == std::vector<ManualClock::time_point>{at(4s), at(5s), at(8s)});
        REQUIRE(first.counts().total() + second.counts().total() == 0);
    }
}

TEST_CASE("advance_stepwise gives up where too few threads wait, and says who does",
          "[clock][manual][stepwise][threads]") {
    ManualClock clock;
    Queue orders{clock, {.name = "orders"}};
    Call once{receiver(orders, 5s)};  // ends at 5 s and does not come back
    clock.wait_for_waiters(1);
    CHECK_THROWS_AS(clock.advance_stepwise(10s, 2, 5ms), std::runtime_error);
    CHECK(clock.now() == at(0s));
    try {
        clock.advance_stepwise(10s, 1, 5ms);
        FAIL("did not throw");
    } catch (const std::runtime_error& error) {
        const std::string_view text = error.what();
        INFO(text);
        CHECK(contains(text, "advance_stepwise: 0 of 1 threads wait after 5 ms at 5000000000 ns"));
    }
    CHECK(clock.now() == at(5s));
    CHECK_FALSE(once.get());
    CHECK_THROWS_AS(clock.advance_stepwise(-1ns, 0), std::invalid_argument);
    CHECK(clock.now() == at(5s));
    orders.send_message("m", {.delay = 1s});
    clock.advance_stepwise(10s, 0);
    CHECK(clock.now() == at(15s));
    CHECK(orders.counts().visible == 1);
}

// The code of docs/test-double.md.

TEST_CASE("the guide to the test double: one receive in another thread", "[clock][manual][guide]") {
    std::string handled;
    {
        sqsim::ManualClock clock;
        sqsim::Queue orders{clock};
        std::jthread consumer{[&] {
            if (auto order = orders.receive_message({.wait_time = 20s})) {
                handled = order->body();
                orders.delete_message(order->receipt_handle());
            }
        }};
        clock.wait_for_waiters(1);  // it is blocked: a receive that begins later would miss the advance
        orders.send_message("order-1", {.delay = 5s});
        clock.advance(5s);  // it has the order
        consumer.join();
    }
    CHECK(handled == "order-1");
}

TEST_CASE("the guide to the test double: a worker that receives in a loop", "[clock][manual][guide][stepwise]") {
    sqsim::ManualClock clock;
    sqsim::Queue dead{clock};
    sqsim::Queue orders{clock, {.visibility_timeout = 30s}};
    orders.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 5});
    int attempts = 0;  // of the worker, which fails each time
    std::jthread worker{[&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            if (orders.receive_message({.wait_time = 20s}, stop)) {
                ++attempts;
            }
        }
    }};
    orders.send_message("poison");
    clock.advance_stepwise(10min, 1);
    CHECK(attempts == 5);
    CHECK(dead.counts().visible == 1);
}

TEST_CASE("Advances by several threads take turns and add up", "[clock][manual][threads]") {
    ManualClock clock;
    Queue queue{clock};
    constexpr int threads = 4;
    constexpr int steps = 2000;
    std::vector<int> refused(threads, 0);
    {
        std::vector<std::jthread> movers;
        for (std::size_t i = 0; i < threads; ++i) {
            movers.emplace_back([&clock, &count = refused[i], step = std::chrono::nanoseconds{i + 1}] {
                for (int n = 0; n < steps; ++n) {
                    try {
                        clock.advance(step);
                    } catch (const std::invalid_argument&) {
                        ++count;
                    }
                }
            });
        }
    }
    CHECK(refused == std::vector<int>(threads, 0));
    CHECK(clock.now() == at(std::chrono::nanoseconds{steps * (1 + 2 + 3 + 4)}));
}

TEST_CASE("Message ids on a manual clock are the same in every run and differ between its queues",
          "[clock][manual][determinism]") {
    const auto ids = [] {
        ManualClock clock;
        Queue first{clock};
        Queue second{clock};
        return std::vector{first.send_message("m").message_id, first.send_message("m").message_id,
                           second.send_message("m").message_id};
    };
    const auto once = ids();
    CHECK(once == ids());
    CHECK(once[0] != once[1]);
    CHECK(once[0] != once[2]);
    CHECK(once[1] != once[2]);
}
