// SPDX-License-Identifier: MIT

// Catches a blocked receive that nobody wakes, that is woken for nothing or too late, that loses or doubles a
// message, and a wait that moves time or leases something after it was stopped.

#include "blocked_call.hpp"
#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using sqsim::ManualClock;
using sqsim::QueueCounts;

/// A steady clock as an object, which counts how often it is read.
class CountingClock {
public:
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<CountingClock, duration>;

    [[nodiscard]] time_point now() {
        reads.fetch_add(1);
        return time_point{std::chrono::steady_clock::now().time_since_epoch()};
    }

    std::atomic<std::uint64_t> reads{0};
};

// Every test of what wakes a receive runs once in virtual time and once on each kind of clock that runs by itself.
// There `pass` does nothing, for time passes anyway.

struct VirtualTime {
    using clock_type = ManualClock;
    static constexpr auto unit = std::chrono::nanoseconds{1s};
    ManualClock clock{};

    template <class Function>
    [[nodiscard]] auto call(Function function) {
        const std::size_t before = clock.waiters();
        auto call = std::make_unique<decltype(blocked::Call{function})>(function);
        clock.wait_for_waiters(before + 1);
        return call;
    }
    void pass(std::chrono::nanoseconds time) { clock.advance(time); }
};

struct CountedTime {
    using clock_type = CountingClock;
    static constexpr auto unit = std::chrono::nanoseconds{2ms};
    CountingClock clock{};

    /// Returns when the call holds its queue's lock or has blocked: a receive reads the clock when it begins, when it
    /// begins to wait, and when it looks again.
    template <class Function>
    [[nodiscard]] auto call(Function function) {
        const std::uint64_t before = clock.reads.load();
        auto call = std::make_unique<decltype(blocked::Call{function})>(function);
        while (clock.reads.load() < before + 3 && !call->ended()) {
            std::this_thread::yield();
        }
        return call;
    }
    void pass(std::chrono::nanoseconds) {}
};

template <class C>
struct RealTime {
    using clock_type = C;
    static constexpr auto unit = std::chrono::nanoseconds{2ms};
    C clock{};

    template <class Function>
    [[nodiscard]] auto call(Function function) {
        return std::make_unique<decltype(blocked::Call{function})>(function);
    }
    void pass(std::chrono::nanoseconds) {}
};

using SteadyTime = RealTime<std::chrono::steady_clock>;
using CoarseTime = RealTime<sqsim::CoarseClock>;

template <class Q>
auto receiver(Q& queue, std::chrono::nanoseconds wait_time = 20s) {
    return [&queue, wait_time](const std::stop_token& stop) {
        return queue.receive_message({.wait_time = wait_time}, stop);
    };
}

template <class Message>
std::string body_of(const std::optional<Message>& message) {
    return message ? std::string{message->body()} : "nothing";
}

}  // namespace

TEMPLATE_TEST_CASE("R93: a send wakes a waiting receive", "[blocking]", VirtualTime, CountedTime, SteadyTime,
                   CoarseTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    auto call = time.call(receiver(queue));
    queue.send_message("m");
    CHECK(body_of(call->get()) == "m");
    CHECK(queue.counts() == QueueCounts{.visible = 0, .in_flight = 1, .delayed = 0});
}

TEMPLATE_TEST_CASE("R93: every form of a send wakes waiting receives", "[blocking]", VirtualTime, CountedTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    auto a = time.call(receiver(queue));
    auto b = time.call(receiver(queue));
    auto c = time.call(receiver(queue));
    REQUIRE(queue.try_send_message("1"));
    std::array<sqsim::SendMessageEntry<std::string>, 1> entries{{{"2"}}};
    REQUIRE(queue.send_messages(entries)[0]);
    const std::array<std::string_view, 1> bodies{"3"};
    REQUIRE(queue.send_messages(bodies) == 1);
    const std::multiset<std::string> got{body_of(a->get()), body_of(b->get()), body_of(c->get())};
    CHECK(got == std::multiset<std::string>{"1", "2", "3"});
}

TEMPLATE_TEST_CASE("R91: one batch wakes as many receives as it has messages", "[blocking]", VirtualTime, CountedTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    auto a = time.call(receiver(queue));
    auto b = time.call(receiver(queue));
    auto c = time.call(receiver(queue));
    const std::array<std::string_view, 3> bodies{"1", "2", "3"};
    REQUIRE(queue.send_messages(bodies) == 3);
    const std::multiset<std::string> got{body_of(a->get()), body_of(b->get()), body_of(c->get())};
    CHECK(got == std::multiset<std::string>{"1", "2", "3"});
}

TEMPLATE_TEST_CASE("R91: a long poll returns with what there is and does not wait to fill its batch", "[blocking]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("1");
    queue.send_message("2");
    CHECK(queue.receive_messages({.max_number_of_messages = 10, .wait_time = 20s}).size() == 2);

    auto call = time.call([&](const std::stop_token& stop) {
        return queue.receive_messages({.max_number_of_messages = 10, .wait_time = 20s}, stop);
    });
    queue.send_message("3");
    CHECK(call->get().size() == 1);
}

TEMPLATE_TEST_CASE("R93: the end of a delay wakes a waiting receive", "[blocking]", VirtualTime, CountedTime,
                   SteadyTime, CoarseTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    auto call = time.call(receiver(queue));
    queue.send_message("m", {.delay = TestType::unit});
    time.pass(TestType::unit);
    const auto message = call->get();
    CHECK(body_of(message) == "m");
    CHECK((message && message->first_received_at() - message->sent_at() >= TestType::unit));
}

TEMPLATE_TEST_CASE("R93: receives that wait one after another are each woken by the end of a delay", "[blocking]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    for (int round = 0; round < 5; ++round) {
        auto call = time.call(receiver(queue));
        queue.send_message("m", {.delay = TestType::unit});
        time.pass(TestType::unit);
        REQUIRE(body_of(call->get(5s)) == "m");
    }
}

TEMPLATE_TEST_CASE("R93: the end of an earlier delay wakes a receive that waits for a later one", "[blocking]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("late", {.delay = 900s});
    auto call = time.call(receiver(queue));
    queue.send_message("later", {.delay = 600s});
    queue.send_message("soon", {.delay = TestType::unit});
    time.pass(TestType::unit);
    CHECK(body_of(call->get()) == "soon");
}

TEMPLATE_TEST_CASE("R93: the end of a lease wakes a waiting receive", "[blocking]", VirtualTime, CountedTime,
                   SteadyTime, CoarseTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = TestType::unit});
    REQUIRE(first);
    // The lease may end before the call blocks, so this does not wait until it has.
    blocked::Call call{receiver(queue)};
    if constexpr (std::is_same_v<TestType, VirtualTime>) {
        time.clock.wait_for_waiters(1);
    }
    time.pass(TestType::unit);
    const auto second = call.get();
    REQUIRE(second);
    CHECK(second->approximate_receive_count() == 2);
    CHECK(queue.delete_message(first->receipt_handle()).status == sqsim::HandleStatus::superseded);
    CHECK(queue.delete_message(second->receipt_handle()));
}

TEMPLATE_TEST_CASE("R93: change_message_visibility to zero wakes a waiting receive", "[blocking]", VirtualTime,
                   CountedTime, SteadyTime, CoarseTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("m");
    const auto first = queue.receive_message();
    REQUIRE(first);
    auto call = time.call(receiver(queue));
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), 0s));
    const auto second = call->get();
    CHECK((second && second->approximate_receive_count() == 2));
}

TEMPLATE_TEST_CASE("R93: a lease that is shortened wakes a waiting receive when it ends", "[blocking]", VirtualTime,
                   CountedTime, SteadyTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 10h});
    REQUIRE(first);
    auto call = time.call(receiver(queue));
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), TestType::unit));
    time.pass(TestType::unit);
    const auto second = call->get();
    CHECK((second && second->approximate_receive_count() == 2));
}

TEST_CASE("R93: a lease that is extended does not wake a waiting receive at its old end", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock};
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 5s});
    REQUIRE(first);
    blocked::Call call{receiver(queue)};
    clock.wait_for_waiters(1);
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), 10s));
    clock.advance(10s - 1ns);
    CHECK(clock.waiters() == 1);
    clock.advance(1ns);
    CHECK(clock.waiters() == 0);
    CHECK(call.get());
}

TEMPLATE_TEST_CASE("R115: a receive with a visibility timeout of zero leaves the message to the next waiting one",
                   "[blocking]", VirtualTime, CountedTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    auto a = time.call([&](const std::stop_token& stop) {
        return queue.receive_message({.visibility_timeout = 0s, .wait_time = 20s}, stop);
    });
    auto b = time.call([&](const std::stop_token& stop) {
        return queue.receive_message({.visibility_timeout = 0s, .wait_time = 20s}, stop);
    });
    queue.send_message("m");
    CHECK(a->get());
    CHECK(b->get());
    CHECK(queue.counts().visible == 1);
}

TEMPLATE_TEST_CASE("R93 R141: deleting the message that blocks a group wakes a waiting receive, a send to it does not",
                   "[blocking][fifo]", VirtualTime, CountedTime, SteadyTime, CoarseTime) {
    TestType time;
    sqsim::FifoQueue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("1", "g", {.message_deduplication_id = "1"});
    const auto first = queue.receive_message();
    REQUIRE(first);
    auto call = time.call(receiver(queue));
    queue.send_message("2", "g", {.message_deduplication_id = "2"});
    if constexpr (std::is_same_v<TestType, VirtualTime>) {
        time.pass(10s);
        CHECK(time.clock.waiters() == 1);
    }
    CHECK(queue.counts() == QueueCounts{.visible = 1, .in_flight = 1, .delayed = 0});
    REQUIRE(queue.delete_message(first->receipt_handle()));
    CHECK(body_of(call->get()) == "2");
}

TEMPLATE_TEST_CASE("R141: three long polls on a FIFO queue get a group's messages one by one, as each is deleted",
                   "[blocking][fifo]", VirtualTime, CountedTime) {
    TestType time;
    sqsim::FifoQueue<typename TestType::clock_type> queue{time.clock};
    std::mutex mutex;
    std::vector<std::string> order;
    // Notes the body before it deletes the message, so that the order is that of the leases.
    const auto consume = [&](const std::stop_token& stop) {
        const auto message = queue.receive_message({.wait_time = 20s}, stop);
        if (!message) {
            return false;
        }
        {
            const std::scoped_lock lock{mutex};
            order.emplace_back(message->body());
        }
        return static_cast<bool>(queue.delete_message(message->receipt_handle()));
    };
    auto a = time.call(consume);
    auto b = time.call(consume);
    auto c = time.call(consume);
    for (const std::string id : {"1", "2", "3"}) {
        queue.send_message(id, "g", {.message_deduplication_id = id});
    }
    CHECK(a->get());
    CHECK(b->get());
    CHECK(c->get());
    CHECK(order == std::vector<std::string>{"1", "2", "3"});
    CHECK(queue.counts().total() == 0);
}

TEMPLATE_TEST_CASE("R93: the end of a queue's delay wakes a receive on a FIFO queue", "[blocking][fifo]", VirtualTime,
                   CountedTime, SteadyTime) {
    TestType time;
    sqsim::FifoQueue<typename TestType::clock_type> queue{time.clock, {.delay = TestType::unit}};
    auto call = time.call(receiver(queue));
    queue.send_message("m", "g", {.message_deduplication_id = "1"});
    time.pass(TestType::unit);
    CHECK(body_of(call->get()) == "m");
}

TEMPLATE_TEST_CASE("R93: the end of a lease wakes a receive on a FIFO queue with the whole group", "[blocking][fifo]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    sqsim::FifoQueue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("1", "g", {.message_deduplication_id = "1"});
    queue.send_message("2", "g", {.message_deduplication_id = "2"});
    const auto first = queue.receive_message();
    REQUIRE(first);
    auto call =
        time.call([&](const std::stop_token& stop) { return queue.receive_messages({.wait_time = 20s}, stop); });
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), TestType::unit));
    time.pass(TestType::unit);
    const auto messages = call->get();
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].body() == "1");
    CHECK(messages[1].body() == "2");
}

TEMPLATE_TEST_CASE("R141: a group that its redrive policy frees wakes a receive that waits on the queue",
                   "[blocking][fifo][dead-letter]", VirtualTime, CountedTime) {
    TestType time;
    using FifoQueue = sqsim::FifoQueue<typename TestType::clock_type>;
    FifoQueue dead{time.clock};
    FifoQueue queue{time.clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("1", "g", {.message_deduplication_id = "1"});
    queue.send_message("2", "g", {.message_deduplication_id = "2"});
    const auto first = queue.receive_message();
    REQUIRE(first);
    auto call = time.call(receiver(queue));
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), 0s));
    CHECK(body_of(call->get()) == "2");
    CHECK(dead.counts().visible == 1);
}

TEMPLATE_TEST_CASE("R171: a dead letter wakes a receive on the dead-letter queue when a short poll moves it",
                   "[blocking][dead-letter]", VirtualTime, CountedTime, SteadyTime, CoarseTime) {
    TestType time;
    using Queue = sqsim::Queue<typename TestType::clock_type>;
    Queue dead{time.clock};
    Queue queue{time.clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 0s});
    REQUIRE(first);
    auto call = time.call(receiver(dead));
    CHECK_FALSE(queue.receive_message());
    const auto message = call->get();
    REQUIRE(message);
    CHECK(message->message_id() == first->message_id());
}

TEMPLATE_TEST_CASE(
    "R171: a dead letter wakes a receive on the dead-letter queue while the long poll that moved it waits",
    "[blocking][dead-letter]", VirtualTime, CountedTime, SteadyTime, CoarseTime) {
    TestType time;
    using Queue = sqsim::Queue<typename TestType::clock_type>;
    Queue dead{time.clock};
    Queue queue{time.clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 0s});
    REQUIRE(first);
    auto on_dead = time.call(receiver(dead));
    blocked::Call on_queue{receiver(queue)};  // moves the message and goes on waiting

    CHECK(body_of(on_dead->get(2s)) == "m");

    queue.send_message("other");
    CHECK(body_of(on_queue.get()) == "other");
}

TEMPLATE_TEST_CASE("R171: a dead letter wakes a receive on the dead-letter queue when a lease ends under a long poll",
                   "[blocking][dead-letter]", VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    using Queue = sqsim::Queue<typename TestType::clock_type>;
    Queue dead{time.clock};
    Queue queue{time.clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("m");
    const auto first = queue.receive_message({.visibility_timeout = 10h});
    REQUIRE(first);
    auto on_queue = time.call(receiver(queue));
    auto on_dead = time.call(receiver(dead));
    REQUIRE(queue.change_message_visibility(first->receipt_handle(), TestType::unit));
    time.pass(TestType::unit);
    if constexpr (std::is_same_v<TestType, VirtualTime>) {
        CHECK(time.clock.waiters() == 1);  // who waits on the source goes on waiting
    }
    CHECK(body_of(on_dead->get(2s)) == "m");
    on_queue->request_stop();
    CHECK_FALSE(on_queue->get());
}

TEST_CASE("R171: on a manual clock an advance ends when the receive that a dead letter woke has it",
          "[blocking][dead-letter]") {
    for (int round = 0; round < 200; ++round) {
        ManualClock clock;
        sqsim::Queue dead{clock};
        sqsim::Queue queue{clock};
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        queue.send_message("dead");
        REQUIRE(queue.receive_message({.visibility_timeout = 5s}));
        blocked::Call on_queue{receiver(queue)};
        blocked::Call on_dead{receiver(dead)};
        clock.wait_for_waiters(2);
        queue.send_message("alive", {.delay = 5s});
        clock.advance(5s);  // moves the dead letter and delivers the other message
        const std::size_t waiters = clock.waiters();
        on_dead.request_stop();
        on_queue.request_stop();
        const auto from_dead = on_dead.get();
        CHECK(body_of(on_queue.get()) == "alive");
        REQUIRE(waiters == 0);
        REQUIRE(body_of(from_dead) == "dead");
    }
}

TEMPLATE_TEST_CASE("R196: a purge does not end a wait, and what comes later does", "[blocking]", VirtualTime,
                   CountedTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    queue.send_message("delayed", {.delay = 900s});
    auto call = time.call(receiver(queue));
    queue.purge();
    queue.send_message("after");
    CHECK(body_of(call->get()) == "after");
    CHECK(queue.counts() == QueueCounts{.visible = 0, .in_flight = 1, .delayed = 0});
}

TEST_CASE("R196: a purge of a FIFO queue does not wake a receive with a message of a blocked group",
          "[blocking][fifo]") {
    ManualClock clock;
    sqsim::FifoQueue queue{clock};
    for (const std::string id : {"1", "2", "3"}) {
        queue.send_message(id, "g", {.message_deduplication_id = id});
    }
    REQUIRE(queue.receive_message());
    blocked::Call call{receiver(queue)};
    clock.wait_for_waiters(1);
    queue.purge();
    clock.advance(20s);
    CHECK_FALSE(call.get());
}

TEST_CASE("R91: a message that becomes visible exactly when the wait ends is taken", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock};
    blocked::Call call{receiver(queue, 5s)};
    clock.wait_for_waiters(1);
    SECTION("the end of its delay") { queue.send_message("m", {.delay = 5s}); }
    SECTION("in two steps") {
        queue.send_message("m", {.delay = 5s});
        clock.advance(5s - 1ns);
        CHECK(clock.waiters() == 1);
    }
    clock.advance_to(ManualClock::time_point{5s});
    CHECK(clock.waiters() == 0);
    const auto message = call.get();
    CHECK(body_of(message) == "m");
    CHECK((message && message->first_received_at() == ManualClock::time_point{5s}));
}

TEST_CASE("R91: a lease that ends exactly when the wait ends gives its message to the wait", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock, {.visibility_timeout = 5s}};
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    blocked::Call call{receiver(queue, 5s)};
    clock.wait_for_waiters(1);
    clock.advance(5s);
    const auto message = call.get();
    CHECK((message && message->approximate_receive_count() == 2));
}

TEST_CASE("R91: a wait that ends empty counts as one empty receive and changes nothing", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock};
    blocked::Call call{receiver(queue, 20s)};
    clock.wait_for_waiters(1);
    clock.advance(20s - 1ns);
    CHECK(clock.waiters() == 1);
    clock.advance(1ns);
    CHECK(clock.waiters() == 0);
    CHECK_FALSE(call.get());
    CHECK(queue.metrics().number_of_empty_receives == 1);
    CHECK(queue.metrics().number_of_messages_received == 0);
}

TEST_CASE("R89: the queue's own wait time makes a receive a long poll, and zero forces a short one", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock, {.receive_message_wait_time = 7s}};
    CHECK_FALSE(queue.receive_message({.wait_time = 0s}));  // would block for ever otherwise

    blocked::Call call{[&](const std::stop_token& stop) { return queue.receive_message({}, stop); }};
    clock.wait_for_waiters(1);
    CHECK(clock.next_event() == ManualClock::time_point{7s});
    clock.advance(7s);
    CHECK_FALSE(call.get());

    queue.set_receive_message_wait_time(0s);
    CHECK_FALSE(queue.receive_message());
    blocked::Call longer{receiver(queue, 9s)};
    clock.wait_for_waiters(1);
    CHECK(clock.next_event() == ManualClock::time_point{16s});
    clock.advance(9s);
    CHECK_FALSE(longer.get());
}

TEST_CASE("R89: the queue's own wait time counts on a FIFO queue, too", "[blocking][fifo]") {
    ManualClock clock;
    sqsim::FifoQueue queue{clock, {.receive_message_wait_time = 7s}};
    CHECK_FALSE(queue.receive_message({.wait_time = 0s}));
    blocked::Call call{[&](const std::stop_token& stop) { return queue.receive_message({}, stop); }};
    clock.wait_for_waiters(1);
    CHECK(clock.next_event() == ManualClock::time_point{7s});
    queue.send_message("m", "g", {.message_deduplication_id = "1"});
    CHECK(body_of(call.get()) == "m");
}

TEST_CASE("A stop request ends a wait at once: nothing is leased and no time passes", "[blocking][stop]") {
    ManualClock clock;
    sqsim::Queue queue{clock};
    blocked::Call call{receiver(queue)};
    clock.wait_for_waiters(1);
    call.request_stop();
    CHECK_FALSE(call.get());
    CHECK(clock.waiters() == 0);
    CHECK(clock.now() == ManualClock::time_point{});
    queue.send_message("m");
    CHECK(queue.counts() == QueueCounts{.visible = 1, .in_flight = 0, .delayed = 0});
    const auto message = queue.receive_message();
    CHECK((message && message->approximate_receive_count() == 1));
}

TEMPLATE_TEST_CASE("A token that is already stopped returns nothing although messages are visible", "[blocking][stop]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    sqsim::Queue<typename TestType::clock_type> queue{time.clock};
    sqsim::FifoQueue<typename TestType::clock_type> fifo{time.clock};
    queue.send_message("m");
    queue.send_message("n");
    fifo.send_message("m", "g", {.message_deduplication_id = "1"});
    const auto held = queue.receive_message();
    REQUIRE(held);
    std::stop_source stopped;
    stopped.request_stop();
    using Message = typename decltype(queue)::message_type;
    std::array<Message, 3> out;
    for (const auto wait_time : {0s, 20s}) {
        CHECK_FALSE(queue.receive_message({.wait_time = wait_time}, stopped.get_token()));
        CHECK(queue.receive_messages({.wait_time = wait_time}, stopped.get_token()).empty());
        CHECK(queue.receive_messages(out, {.wait_time = wait_time}, stopped.get_token()) == 0);
        CHECK_FALSE(fifo.receive_message({.wait_time = wait_time}, stopped.get_token()));
    }
    CHECK(queue.counts() == QueueCounts{.visible = 1, .in_flight = 1, .delayed = 0});
    CHECK(fifo.counts() == QueueCounts{.visible = 1, .in_flight = 0, .delayed = 0});

    // The deletes of a combined call are done all the same.
    const std::array done{held->receipt_handle()};
    CHECK(queue.delete_and_receive(done, out, {.wait_time = 20s}, stopped.get_token()) == 0);
    CHECK(queue.counts() == QueueCounts{.visible = 1, .in_flight = 0, .delayed = 0});
}

TEMPLATE_TEST_CASE("A message whose wake-up meets a stopped receive goes to another one that waits", "[blocking][stop]",
                   VirtualTime, CountedTime, SteadyTime) {
    for (int round = 0; round < 100; ++round) {
        TestType time;
        sqsim::Queue<typename TestType::clock_type> queue{time.clock};
        auto stopped = time.call(receiver(queue));
        auto other = time.call(receiver(queue));
        {
            std::jthread stopper{[&] { stopped->request_stop(); }};
            queue.send_message("m");
        }
        // Exactly one of the two has it; if it is not the stopped one, then the other was woken.
        const auto by_stopped = stopped->get();
        if (by_stopped) {
            other->request_stop();
        }
        const auto by_other = other->get();
        REQUIRE(by_stopped.has_value() != by_other.has_value());
    }
}

TEMPLATE_TEST_CASE("delete_and_receive deletes before it waits and is woken like a receive", "[blocking][fifo]",
                   VirtualTime, CountedTime, SteadyTime) {
    TestType time;
    using FifoQueue = sqsim::FifoQueue<typename TestType::clock_type>;
    FifoQueue queue{time.clock};
    queue.send_message("1", "g", {.message_deduplication_id = "1"});
    queue.send_message("2", "g", {.message_deduplication_id = "2"});
    const auto first = queue.receive_message();
    REQUIRE(first);
    const std::array done{first->receipt_handle()};
    std::array<typename FifoQueue::message_type, 10> out;
    REQUIRE(queue.delete_and_receive(done, out, {.wait_time = 20s}) == 1);
    CHECK(out[0].body() == "2");

    const std::array second{out[0].receipt_handle()};
    auto call = time.call(
        [&](const std::stop_token& stop) { return queue.delete_and_receive(second, out, {.wait_time = 20s}, stop); });
    while (queue.counts().total() != 0) {
        std::this_thread::yield();
    }
    queue.send_message("3", "g", {.message_deduplication_id = "3"});
    REQUIRE(call->get() == 1);
    CHECK(out[0].body() == "3");
}

TEST_CASE("Advance never misses a receive that waits: 8 receives time out together, 500 times", "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock};
    constexpr std::size_t threads = 8;
    constexpr int rounds = 500;
    std::atomic<int> empty{0};
    std::vector<std::jthread> receivers;
    for (std::size_t i = 0; i < threads; ++i) {
        receivers.emplace_back([&] {
            for (int round = 0; round < rounds; ++round) {
                empty += queue.receive_message({.wait_time = 20s}) ? 0 : 1;
            }
        });
    }
    for (int round = 0; round < rounds; ++round) {
        clock.wait_for_waiters(threads);
        clock.advance(20s);
    }
    receivers.clear();
    CHECK(empty.load() == rounds * static_cast<int>(threads));
    CHECK(clock.now() == ManualClock::time_point{20s * rounds});
    CHECK(queue.metrics().number_of_empty_receives == threads * rounds);
}

TEST_CASE("Eight receives on one queue in virtual time: nothing lost, nothing leased twice, waiters exact",
          "[blocking]") {
    ManualClock clock;
    sqsim::Queue queue{clock, {.visibility_timeout = 5s}};
    constexpr std::size_t threads = 8;
    constexpr int rounds = 300;
    using Message = sqsim::Queue<ManualClock>::message_type;
    std::size_t wrong_waiters = 0;
    std::size_t wrong_messages = 0;
    for (int round = 0; round < rounds; ++round) {
        std::vector<std::unique_ptr<blocked::Call<std::optional<Message>>>> calls;
        for (std::size_t i = 0; i < threads; ++i) {
            calls.push_back(std::make_unique<blocked::Call<std::optional<Message>>>(receiver(queue)));
        }
        clock.wait_for_waiters(threads);
        // Fewer messages than receives: some at once, some as a delay ends, some as a lease ends. Each number of
        // waiters is exact only if the advance waited until all had looked.
        const auto delayed = static_cast<std::size_t>(round % 5);
        for (std::size_t i = 0; i < delayed; ++i) {
            queue.send_message("delayed", {.delay = 1s});
        }
        clock.advance(1s - 1ns);
        wrong_waiters += clock.waiters() != threads;
        clock.advance(1ns);
        wrong_waiters += clock.waiters() != threads - delayed;
        // Nobody deletes: each message comes again to those still waiting.
        clock.advance(5s - 1ns);
        wrong_waiters += clock.waiters() != threads - delayed;
        clock.advance(1ns);
        wrong_waiters += clock.waiters() != threads - 2 * delayed;
        clock.advance(20s);
        wrong_waiters += clock.waiters() != 0;
        std::set<std::pair<std::string, unsigned>> leases;
        std::size_t messages = 0;
        for (const auto& call : calls) {
            if (const auto message = call->get()) {
                ++messages;
                leases.emplace(message->message_id().to_string(), message->approximate_receive_count());
            }
        }
        // Leases go on every 5 s until no receive is left: at 1, 6, 11 and 16 s of a wait of 20 s.
        const std::size_t expected = std::min(threads, 4 * delayed);
        wrong_messages += messages != expected || leases.size() != expected;
        queue.purge();
    }
    CHECK(wrong_waiters == 0);
    CHECK(wrong_messages == 0);
}

TEST_CASE("A NullMutex on a manual clock: a long poll returns at once, for nobody could move the time", "[blocking]") {
    ManualClock clock;
    sqsim::Queue<ManualClock, std::string, sqsim::NullMutex> queue{clock};
    sqsim::FifoQueue<ManualClock, std::string, sqsim::NullMutex> fifo{clock};
    CHECK_FALSE(queue.receive_message({.wait_time = 20s}));
    CHECK_FALSE(fifo.receive_message({.wait_time = 20s}));
    CHECK(clock.now() == ManualClock::time_point{});
    CHECK(clock.waiters() == 0);
    queue.send_message("m", {.delay = 1s});
    CHECK_FALSE(queue.receive_message({.wait_time = 20s}));
    clock.advance(1s);
    CHECK(body_of(queue.receive_message({.wait_time = 20s})) == "m");
}

TEST_CASE("A NullMutex on a clock that runs by itself waits for what comes by itself", "[blocking]") {
    sqsim::Queue<std::chrono::steady_clock, std::string, sqsim::NullMutex> queue;
    queue.send_message("m", {.delay = 2ms});
    CHECK(body_of(queue.receive_message({.wait_time = 20s})) == "m");
    CHECK_FALSE(queue.receive_message({.wait_time = 1ms}));
}
