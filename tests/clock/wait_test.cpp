// SPDX-License-Identifier: MIT

// Catches a clock that a queue should accept and does not, or accepts and should not; a wait that evaluates after a
// stop or misses its last look; and a clock set back that loses a message or lets two hold one lease.

#include "blocked_call.hpp"
#include "catch.hpp"

#include "sqsim/detail/rng.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <ratio>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// A clock of a user: an object, its time is set from outside, in milliseconds, and may go back.
struct WallClock {
    using duration = std::chrono::milliseconds;
    using time_point = std::chrono::time_point<WallClock, duration>;
    [[nodiscard]] time_point now() const { return time; }
    time_point time{};
};

/// A clock of a user that runs by itself.
struct RunningClock {
    using duration = std::chrono::microseconds;
    using time_point = std::chrono::time_point<RunningClock, duration>;
    [[nodiscard]] time_point now() const {
        return time_point{std::chrono::duration_cast<duration>(std::chrono::steady_clock::now() - start) - 1h};
    }
    std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
};

/// A clock of a user that runs by itself and is set once: when it is read for the `set_at`-th time, by an hour.
class SetClock {
public:
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<SetClock, duration>;

    SetClock(int set_at, duration by) : set_at_{set_at}, by_{by} {}
    [[nodiscard]] time_point now() {
        return time_point{std::chrono::steady_clock::now().time_since_epoch() + (++reads_ >= set_at_ ? by_ : 0ns)};
    }

private:
    int set_at_;
    duration by_;
    std::atomic<int> reads_{0};
};

/// The same as the standard library would have it, without an object and not steady.
struct StaticSetClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<StaticSetClock, duration>;
    static constexpr bool is_steady = false;
    static time_point now() {
        return time_point{std::chrono::steady_clock::now().time_since_epoch() + (++reads >= set_at ? by : 0ns)};
    }
    StaticSetClock(int set_at_, duration by_) {
        reads = 0;
        set_at = set_at_;
        by = by_;
    }
    static inline std::atomic<int> reads{0};
    static inline int set_at = 0;
    static inline duration by{};
};

/// How long a receive of a queue that has nothing takes, in real time.
template <class Queue>
std::chrono::nanoseconds time_of_wait(Queue& queue, std::chrono::nanoseconds wait_time, std::chrono::nanoseconds spin) {
    const auto begin = std::chrono::steady_clock::now();
    sqsim::ReceiveMessageOptions options;
    options.wait_time = wait_time;
    options.spin = spin;
    blocked::Call call{[&](const std::stop_token& stop) { return queue.receive_message(options, stop).has_value(); }};
    CHECK_FALSE(call.get());
    return std::chrono::steady_clock::now() - begin;
}

struct NoNow {
    using duration = std::chrono::seconds;
    using time_point = std::chrono::time_point<NoNow, duration>;
};
struct WrongNow : NoNow {
    static int now() { return 0; }
};
struct NoDuration {
    using time_point = std::chrono::steady_clock::time_point;
    static time_point now() { return {}; }
};

}  // namespace

TEST_CASE("The clocks of the standard library, of sqsim and of users are clocks, and others are not",
          "[clock][concept]") {
    STATIC_REQUIRE(sqsim::Clock<std::chrono::steady_clock>);
    STATIC_REQUIRE(sqsim::Clock<std::chrono::system_clock>);
    STATIC_REQUIRE(sqsim::Clock<std::chrono::high_resolution_clock>);
    STATIC_REQUIRE(sqsim::Clock<sqsim::ManualClock>);
    STATIC_REQUIRE(sqsim::Clock<sqsim::CoarseClock>);
    STATIC_REQUIRE(sqsim::Clock<WallClock>);
    STATIC_REQUIRE(sqsim::Clock<RunningClock>);
    STATIC_REQUIRE_FALSE(sqsim::Clock<int>);
    STATIC_REQUIRE_FALSE(sqsim::Clock<NoNow>);
    STATIC_REQUIRE_FALSE(sqsim::Clock<WrongNow>);
    STATIC_REQUIRE_FALSE(sqsim::Clock<NoDuration>);
    STATIC_REQUIRE(sqsim::detail::StandardClock<sqsim::CoarseClock>);
#if !defined(_LIBCPP_VERSION)  // has no std::chrono::is_clock yet
    STATIC_REQUIRE(std::chrono::is_clock_v<sqsim::CoarseClock>);
#endif
    STATIC_REQUIRE(sqsim::CoarseClock::is_steady);
}

TEST_CASE("A queue refers to a clock that outlives it, or needs none", "[clock][concept]") {
    using Manual = sqsim::Queue<sqsim::ManualClock>;
    using ManualFifo = sqsim::FifoQueue<sqsim::ManualClock>;
    STATIC_REQUIRE(std::is_constructible_v<Manual, sqsim::ManualClock&>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Manual, sqsim::ManualClock>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<sqsim::Queue<WallClock>, WallClock>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<ManualFifo, sqsim::ManualClock>);
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<Manual>);
    STATIC_REQUIRE_FALSE(std::is_default_constructible_v<sqsim::Queue<WallClock>>);
    STATIC_REQUIRE_FALSE(std::is_constructible_v<Manual, WallClock&>);
    STATIC_REQUIRE(std::is_default_constructible_v<sqsim::Queue<std::chrono::system_clock>>);
    STATIC_REQUIRE(std::is_default_constructible_v<sqsim::FifoQueue<sqsim::CoarseClock>>);
    STATIC_REQUIRE_FALSE(std::is_copy_constructible_v<Manual>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<Manual>);
    STATIC_REQUIRE_FALSE(std::is_move_constructible_v<ManualFifo>);
}

TEST_CASE("The coarse clock never goes back", "[clock][coarse]") {
    auto last = sqsim::CoarseClock::now();
    bool monotonic = true;
    for (int i = 0; i < 100'000; ++i) {
        const auto now = sqsim::CoarseClock::now();
        monotonic = monotonic && now >= last;
        last = now;
    }
    CHECK(monotonic);
}

TEST_CASE("A queue follows a user's clock", "[clock][user]") {
    WallClock clock{WallClock::time_point{-10s}};
    sqsim::Queue queue{clock};
    queue.send_message("m", {.delay = 5s});
    clock.time += 5s - 1ms;
    CHECK_FALSE(queue.receive_message());
    clock.time += 1ms;
    const auto message = queue.receive_message({.visibility_timeout = 1500us});
    REQUIRE(message);
    CHECK(message->sent_at() == WallClock::time_point{-10s});
    CHECK(message->visibility_deadline() == WallClock::time_point{-5s + 2ms});  // the first that is not too early
    clock.time += 1ms;
    CHECK_FALSE(queue.receive_message());
    clock.time += 1ms;
    CHECK(queue.receive_message());
}

TEST_CASE("R93: a receive waits on a user's clock that runs by itself", "[clock][user][blocking]") {
    RunningClock clock;
    sqsim::Queue queue{clock};
    queue.send_message("m", {.delay = 2ms});
    const auto message = queue.receive_message({.wait_time = 20s});
    REQUIRE(message);
    CHECK(message->body() == "m");
    CHECK(message->first_received_at() - message->sent_at() >= 2ms);
    CHECK_FALSE(queue.receive_message({.wait_time = 1ms}));
    blocked::Call call{[&](const std::stop_token& stop) { return queue.receive_message({.wait_time = 20s}, stop); }};
    queue.send_message("n");
    CHECK(call.get());
}

TEMPLATE_TEST_CASE("A system clock works as a queue's clock", "[clock]", std::chrono::system_clock,
                   std::chrono::high_resolution_clock) {
    sqsim::Queue<TestType> queue;
    queue.send_message("m", {.delay = 1ms});
    CHECK(queue.receive_message({.wait_time = 20s}));
}

TEST_CASE("A clock that is set back stands still for a queue: leases and delays last, and end when it is reached again",
          "[clock][backwards]") {
    WallClock clock{WallClock::time_point{1000s}};
    sqsim::Queue queue{clock};
    queue.send_message("leased");
    queue.send_message("delayed", {.delay = 10s});
    const auto first = queue.receive_message({.visibility_timeout = 30s});
    REQUIRE(first);

    clock.time = WallClock::time_point{0s};
    CHECK_FALSE(queue.receive_message());
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 0, .in_flight = 1, .delayed = 1});
    queue.send_message("sent meanwhile", {.delay = 10s});  // counts from the last time seen
    clock.time = WallClock::time_point{900s};
    CHECK_FALSE(queue.receive_message());
    clock.time = WallClock::time_point{1010s - 1ms};
    CHECK_FALSE(queue.receive_message());
    clock.time = WallClock::time_point{1010s};
    const auto delayed = queue.receive_messages();
    REQUIRE(delayed.size() == 2);
    CHECK(delayed[0].body() == "delayed");
    CHECK(delayed[1].body() == "sent meanwhile");
    CHECK(delayed[1].sent_at() == WallClock::time_point{1000s});

    clock.time = WallClock::time_point{500s};
    REQUIRE(queue.delete_message(delayed[0].receipt_handle()));
    REQUIRE(queue.change_message_visibility(delayed[1].receipt_handle(), 0s));
    REQUIRE(queue.receive_message());
    clock.time = WallClock::time_point{1030s};
    const auto second = queue.receive_message();
    REQUIRE(second);
    CHECK(second->message_id() == first->message_id());
    CHECK(second->approximate_receive_count() == 2);
}

TEMPLATE_TEST_CASE("What is sent after a clock was set back was sent at the last time seen, also by a receive",
                   "[clock][backwards]", std::mutex, sqsim::NullMutex) {
    WallClock clock{WallClock::time_point{1000s}};
    sqsim::Queue<WallClock, std::string, TestType> queue{clock};
    for (int i = 0; i < 500; ++i) {  // so many that sends find free slots by themselves
        queue.send_message("before");
    }
    for (auto old = queue.receive_message(); old; old = queue.receive_message()) {
        queue.delete_message(old->receipt_handle());
    }
    clock.time = WallClock::time_point{2000s};
    REQUIRE_FALSE(queue.receive_message());
    clock.time = WallClock::time_point{500s};
    queue.send_message("one");
    const std::array<std::string_view, 1> bodies{"batch"};
    queue.send_messages(std::span<const std::string_view>{bodies});
    const auto messages = queue.receive_messages();
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].sent_at() == WallClock::time_point{2000s});
    CHECK(messages[1].sent_at() == WallClock::time_point{2000s});
}

TEST_CASE("A clock set back keeps a FIFO queue's order, groups and deduplication", "[clock][backwards][fifo]") {
    WallClock clock{WallClock::time_point{1000s}};
    sqsim::FifoQueue queue{clock};
    queue.send_message("1", "g", {.message_deduplication_id = "1"});
    REQUIRE(queue.receive_message());
    clock.time = WallClock::time_point{0s};
    queue.send_message("2", "g", {.message_deduplication_id = "2"});
    CHECK(queue.send_message("1", "g", {.message_deduplication_id = "1"}).deduplicated);
    CHECK_FALSE(queue.receive_message());
    clock.time = WallClock::time_point{1300s - 1ms};
    CHECK(queue.send_message("1", "g", {.message_deduplication_id = "1"}).deduplicated);
    const auto messages = queue.receive_messages();
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].body() == "1");
    CHECK(messages[1].body() == "2");
    clock.time = WallClock::time_point{1300s};
    CHECK_FALSE(queue.send_message("1", "g", {.message_deduplication_id = "1"}).deduplicated);
}

TEMPLATE_TEST_CASE("R91: a wait lasts as long as it was asked for, also while a clock is set", "[clock][backwards]",
                   SetClock, StaticSetClock) {
    for (const auto by : {-1h, 1h}) {
        for (int set_at = 1; set_at <= 8; ++set_at) {  // before the wait, at every look, and never
            for (const auto spin : {0ms, 2ms, 1000ms}) {
                CAPTURE(by.count(), set_at, spin.count());
                TestType clock{set_at, by};
                sqsim::Queue<TestType> queue{clock};
                const auto standard = time_of_wait(queue, 4ms, spin);
                CHECK(standard >= 4ms);
                CHECK(standard < 5s);
                TestType other{set_at, by};
                sqsim::FifoQueue<TestType> fifo{other};
                const auto of_fifo = time_of_wait(fifo, 4ms, spin);
                CHECK(of_fifo >= 4ms);
                CHECK(of_fifo < 5s);
            }
        }
    }
}

TEST_CASE("R162: a second of a quota lasts a second, also if the clock is set back in it", "[clock][backwards][fifo]") {
    WallClock clock{WallClock::time_point{1000s}};
    sqsim::FifoQueue queue{clock, {.maximum_calls_per_second = 1}};
    REQUIRE_FALSE(queue.receive_message());
    clock.time += 400ms;
    CHECK_THROWS_AS(queue.receive_message(), sqsim::Error);
    clock.time -= 1h;
    CHECK_THROWS_AS(queue.receive_message(), sqsim::Error);
    clock.time += 600ms - 1ms;
    CHECK_THROWS_AS(queue.receive_message(), sqsim::Error);
    clock.time += 1ms;
    CHECK_FALSE(queue.receive_message());
}

TEST_CASE("R185: a move task keeps its rate, also if the clock is set back", "[clock][backwards]") {
    WallClock clock{WallClock::time_point{1000s}};
    sqsim::Queue dead{clock};
    sqsim::Queue source{clock};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    for (int i = 0; i < 4; ++i) {
        source.send_message("m");
        REQUIRE(source.receive_message({.visibility_timeout = 0s}));
        REQUIRE_FALSE(source.receive_message());
    }
    sqsim::Queue destination{clock};
    const auto task = start_message_move_task(dead, destination, {.max_number_of_messages_per_second = 1});
    REQUIRE(task.approximate_number_of_messages_moved() == 1);
    clock.time += 400ms;
    CHECK(destination.counts().visible == 1);
    clock.time -= 1h;
    CHECK(destination.counts().visible == 1);
    clock.time += 600ms - 1ms;
    CHECK(destination.counts().visible == 1);
    clock.time += 1ms;
    CHECK(destination.counts().visible == 2);
    clock.time -= 30s;
    CHECK(destination.counts().visible == 2);
    clock.time += 2s;
    CHECK(destination.counts().visible == 4);
    clock.time += 1s;
    CHECK(task.status() == sqsim::MoveTaskStatus::completed);
    CHECK(task.started_at() == WallClock::time_point{1000s});
}

TEST_CASE("A clock that jumps about loses nothing and lets no two hold one lease", "[clock][backwards]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        INFO("seed " << seed);
        sqsim::detail::SplitMix random{seed};
        WallClock clock{WallClock::time_point{1000s}};
        sqsim::Queue queue{clock, {.message_retention_period = 336h}};
        WallClock::time_point latest = clock.time;  // what the queue has seen at the latest
        std::map<std::string, WallClock::time_point> leases;
        std::size_t sent = 0;
        std::size_t deleted = 0;
        bool exclusive = true;
        for (int step = 0; step < 2000; ++step) {
            // Forward by up to 4 s, now and then far back.
            clock.time += std::chrono::milliseconds{random.below(4000)};
            if (random.below(20) == 0) {
                clock.time -= std::chrono::seconds{random.below(100)};
            }
            latest = std::max(latest, clock.time);
            if (random.below(3) == 0) {
                queue.send_message("m", {.delay = std::chrono::seconds{random.below(20)}});
                ++sent;
            }
            for (const auto& message : queue.receive_messages({.max_number_of_messages = 2})) {
                auto& lease = leases[message.message_id().to_string()];
                exclusive = exclusive && lease <= latest;
                lease = message.visibility_deadline();
                exclusive = exclusive && lease == latest + 30s;
                if (random.below(2) == 0 && queue.delete_message(message.receipt_handle())) {
                    ++deleted;
                }
            }
        }
        CHECK(exclusive);
        CHECK(queue.counts().total() == sent - deleted);
        clock.time = latest + 1h;
        for (auto rest = queue.receive_messages(); !rest.empty(); rest = queue.receive_messages()) {
            for (const auto& message : rest) {
                deleted += queue.delete_message(message.receipt_handle()) ? 1U : 0U;
            }
        }
        CHECK(deleted == sent);
    }
}

TEST_CASE("A wait looks at once, once more at its end, and never after a stop", "[clock][wait]") {
    std::chrono::steady_clock clock;
    std::mutex mutex;
    std::unique_lock lock{mutex};
    sqsim::WaitCondition condition{"c"};
    int looks = 0;
    const auto looking = [&](int until) { return [&looks, until] { return ++looks >= until; }; };
    const auto later = std::chrono::steady_clock::now() + 1h;
    const auto past = std::chrono::steady_clock::now() - 1h;

    std::stop_source stopped;
    stopped.request_stop();
    CHECK_FALSE(sqsim::wait_until(clock, lock, condition, stopped.get_token(), later, looking(1)));
    CHECK(looks == 0);
    CHECK(sqsim::wait_until(clock, lock, condition, std::stop_token{}, later, looking(1)));
    CHECK(looks == 1);
    looks = 0;
    CHECK_FALSE(sqsim::wait_until(clock, lock, condition, std::stop_token{}, past, looking(2)));
    CHECK(looks == 1);
    looks = 0;
    CHECK(sqsim::wait_until(clock, lock, condition, std::stop_token{}, past, looking(1)));
    looks = 0;
    CHECK_FALSE(sqsim::wait_until(clock, lock, condition, std::stop_token{}, std::chrono::steady_clock::now() + 1ms,
                                  looking(100'000)));
    CHECK(looks >= 2);
    CHECK(lock.owns_lock());
    CHECK(condition.waiting() == 0);
    CHECK(condition.name() == "c");
}

TEST_CASE("Deadlines at the ends of time do not overflow", "[clock][wait]") {
    using sqsim::detail::Nanos;
    using sqsim::detail::never;
    using sqsim::detail::saturating_add;
    CHECK(saturating_add(never, 1ns) == never);
    CHECK(saturating_add(1ns, never) == never);
    CHECK(saturating_add(Nanos::min(), -1ns) == Nanos::min());
    CHECK(saturating_add(-1ns, Nanos::min()) == Nanos::min());
    CHECK(saturating_add(never, Nanos::min()) == -1ns);
    CHECK(saturating_add(never - 1ns, 1ns) == never);

    // A wait and a lease without end, on each kind of clock.
    sqsim::Queue<> steady{{.limits = sqsim::Limits::none()}};
    steady.send_message("m");
    const auto forever = std::chrono::nanoseconds::max();
    const auto message = steady.receive_message({.visibility_timeout = forever, .wait_time = forever});
    REQUIRE(message);
    CHECK(message->visibility_deadline() == std::chrono::steady_clock::time_point::max());
    blocked::Call call{
        [&](const std::stop_token& stop) { return steady.receive_message({.wait_time = forever}, stop); }};
    steady.send_message("n");
    CHECK(call.get());

    sqsim::ManualClock clock;
    sqsim::Queue manual{clock, {.limits = sqsim::Limits::none()}};
    blocked::Call endless{
        [&](const std::stop_token& stop) { return manual.receive_message({.wait_time = forever}, stop); }};
    clock.wait_for_waiters(1);
    clock.advance(100'000h);
    CHECK(clock.waiters() == 1);
    manual.send_message("m");
    CHECK(endless.get());
}
