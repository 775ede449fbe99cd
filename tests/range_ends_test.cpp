// SPDX-License-Identifier: MIT
// Catches what goes wrong only at the end of a range: of time, before the epoch, of a clock's units, of the size of a
// body, of the generations of a slot.

#include "fifo_support.hpp"
#include "send_support.hpp"

#include "sqsim/detail/core_access.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#if defined(__linux__) && defined(__LP64__)
#    include <sys/mman.h>
#endif

using namespace std::chrono_literals;
using send_support::outcome;
using sqsim::HandleStatus;
using sqsim::Limits;
using sqsim::ManualClock;
using sqsim::QueueCounts;
using std::chrono::nanoseconds;

namespace {

/// A clock that shows what it is told to, in units of its own, and that does not drive its queues.
template <class Duration>
struct ShownClock {
    using duration = Duration;
    using rep = typename Duration::rep;
    using period = typename Duration::period;
    using time_point = std::chrono::time_point<ShownClock, Duration>;

    [[nodiscard]] time_point now() const noexcept { return time_point{Duration{shown.load()}}; }
    void show(Duration time) noexcept { shown = time.count(); }

    std::atomic<rep> shown{0};
};

template <class Clock, class Lock = std::mutex>
using Standard = sqsim::Queue<Clock, std::string, Lock>;
template <class Clock, class Lock = std::mutex>
using Fifo = sqsim::FifoQueue<Clock, std::string, Lock>;

template <class Clock, class Lock>
auto send(Standard<Clock, Lock>& queue, std::string_view body) {
    return queue.send_message(body);
}
template <class Clock, class Lock>
auto send(Fifo<Clock, Lock>& queue, std::string_view body) {
    return queue.send_message(body, "group", {.message_deduplication_id = std::string{body}});
}

/// Everything but the end of a lease, at one instant that may be the last of all.
template <class Queue>
void use_at_one_instant(Queue& queue) {
    REQUIRE(queue.counts() == QueueCounts{});
    send(queue, "a");
    send(queue, "b");
    CHECK(queue.counts() == QueueCounts{2, 0, 0});
    auto first = queue.receive_message();
    REQUIRE(first);
    CHECK(first->body() == "a");
    CHECK(queue.counts() == QueueCounts{1, 1, 0});
    CHECK(queue.change_message_visibility(first->receipt_handle(), 5s));
    CHECK(queue.counts() == QueueCounts{1, 1, 0});
    CHECK(queue.change_message_visibility(first->receipt_handle(), 0s));
    CHECK(queue.counts() == QueueCounts{2, 0, 0});
    auto again = queue.receive_messages({.max_number_of_messages = 10});
    REQUIRE(again.size() == 2);
    CHECK(again[0].approximate_receive_count() == 2);
    CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::superseded);
    CHECK(queue.receive_messages().empty());
    CHECK(queue.delete_message(again[0].receipt_handle()));
    CHECK(queue.delete_message(again[0].receipt_handle()).status == HandleStatus::gone);
    CHECK(queue.delete_message(again[1].receipt_handle()));
    CHECK(queue.counts() == QueueCounts{});

    send(queue, "c");
    CHECK(queue.receive_message({.visibility_timeout = 0s}));
    CHECK(queue.metrics().approximate_age_of_oldest_message == std::optional{0ns});
    CHECK_FALSE(queue.describe().empty());
    CHECK(queue.peek(sqsim::MessageState::visible).size() == 1);
    queue.set_message_retention_period(60s);
    queue.set_message_retention_period(14 * 24h);
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    queue.purge();
    queue.set_delay(10s);
    send(queue, "d");
    CHECK(queue.counts() == QueueCounts{0, 0, 1});
    CHECK(queue.receive_messages().empty());
    queue.purge();
    queue.set_delay(0s);
    CHECK(queue.counts() == QueueCounts{});
}

/// Messages go to the dead-letter queue and back.
template <class Queue, class Clock>
void move_at_one_instant(Clock& clock, const std::string& suffix) {
    Queue dead{clock, {.name = "dead" + suffix}};
    Queue queue{clock, {.name = "source" + suffix}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    send(queue, "a");
    CHECK(queue.receive_message({.visibility_timeout = 0s}));
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts() == QueueCounts{1, 0, 0});
    const auto task = sqsim::start_message_move_task(dead);
    CHECK(dead.counts() == QueueCounts{});
    CHECK(queue.counts() == QueueCounts{1, 0, 0});
    CHECK(task.status() == sqsim::MoveTaskStatus::completed);
}

template <class Clock>
void use_both_kinds(Clock& clock) {
    Standard<Clock> standard{clock};
    use_at_one_instant(standard);
    Fifo<Clock> fifo{clock};
    use_at_one_instant(fifo);
    move_at_one_instant<Standard<Clock>>(clock, "");
    move_at_one_instant<Fifo<Clock>>(clock, ".fifo");
    Standard<Clock> without{clock, {.limits = Limits::none()}};
    use_at_one_instant(without);
    Fifo<Clock> fifo_without{clock, {.limits = Limits::none()}};
    use_at_one_instant(fifo_without);
}

constexpr auto forever = nanoseconds::max();

}  // namespace

TEST_CASE("queues work at the first and at the last instants of time", "[ranges][time]") {
    for (const auto instant : {nanoseconds::min(), nanoseconds::min() + 1ns, -1ns, 0ns, forever - 1ns, forever}) {
        CAPTURE(instant.count());
        ManualClock manual{ManualClock::time_point{instant}};
        use_both_kinds(manual);
        ShownClock<nanoseconds> shown;
        shown.show(instant);
        use_both_kinds(shown);
    }
}

TEST_CASE("a clock that is advanced to the end of time takes its queues there", "[ranges][time]") {
    ManualClock clock;
    Standard<ManualClock> standard{clock};
    Fifo<ManualClock> fifo{clock};
    for (const std::string_view body : {"a", "b", "c"}) {
        send(standard, body);
        send(fifo, body);
    }
    REQUIRE(standard.receive_message());
    REQUIRE(fifo.receive_message());
    clock.advance(std::chrono::hours{2'562'047});
    clock.advance(forever);
    REQUIRE(clock.now() == ManualClock::time_point::max());
    CHECK(standard.counts() == QueueCounts{});  // past their retention
    CHECK(fifo.counts() == QueueCounts{});
    CHECK_FALSE(clock.next_event());
    CHECK_FALSE(clock.advance_to_next_event());
    clock.advance(1s);
    clock.advance_to(ManualClock::time_point::max());
    use_at_one_instant(standard);
    use_at_one_instant(fifo);
}

TEST_CASE("what has no end lasts at the end of time", "[ranges][time]") {
    for (const auto start : {nanoseconds::min(), -24h + 0ns, 0ns, 24h + 0ns}) {
        CAPTURE(start.count());
        ManualClock clock{ManualClock::time_point{start}};
        const sqsim::FifoQueueOptions options{.visibility_timeout = forever,
                                              .message_retention_period = forever,
                                              .limits = Limits::none(),
                                              .deduplication_interval = forever};
        Standard<ManualClock> standard{
            clock, {.visibility_timeout = forever, .message_retention_period = forever, .limits = Limits::none()}};
        Fifo<ManualClock> fifo{clock, options};
        send(standard, "leased");
        send(fifo, "leased");
        const auto leased = standard.receive_message();
        const auto fifo_leased = fifo.receive_message();
        REQUIRE(leased);
        REQUIRE(fifo_leased);
        send(standard, "visible");
        send(fifo, "visible");
        standard.send_message("delayed", {.delay = forever});
        auto late = options;
        late.delay = forever;
        Fifo<ManualClock> delayed{clock, late};
        send(delayed, "delayed");
        clock.advance_to(ManualClock::time_point::max());
        if (start >= 0ns) {  // else it is a finite time after the start
            CHECK(standard.counts() == QueueCounts{1, 1, 1});
            CHECK(fifo.counts() == QueueCounts{1, 1, 0});
            CHECK(delayed.counts() == QueueCounts{0, 0, 1});
            CHECK(send(fifo, "leased").deduplicated);
            CHECK(send(fifo, "visible").deduplicated);
            CHECK(standard.delete_message(leased->receipt_handle()).status == HandleStatus::ok);
            CHECK(fifo.delete_message(fifo_leased->receipt_handle()).status == HandleStatus::ok);
        } else {
            CHECK(standard.counts().total() == 3);
            CHECK(fifo.counts().total() == 2);
            CHECK(delayed.counts().total() == 1);
        }
    }
}

TEST_CASE("ids and attempts and quotas hold at the end of time", "[ranges][time]") {
    for (const auto instant : {forever - 1ns, forever}) {
        CAPTURE(instant.count());
        ManualClock clock{ManualClock::time_point{instant}};
        Fifo<ManualClock> queue{clock, {.maximum_calls_per_second = 3}};
        CHECK_FALSE(send(queue, "a").deduplicated);
        CHECK(send(queue, "a").deduplicated);
        CHECK_FALSE(send(queue, "b").deduplicated);
        CHECK(outcome([&] { return send(queue, "c"); }) == "RequestThrottled: Request is throttled.");
        const sqsim::ReceiveMessageOptions attempt{.receive_request_attempt_id = "attempt"};
        const auto first = queue.receive_messages(attempt);
        const auto second = queue.receive_messages(attempt);
        REQUIRE(first.size() == 2);
        REQUIRE(second.size() == 2);
        CHECK(first[1].receipt_handle() == second[1].receipt_handle());
        clock.advance(1s);
        CHECK(queue.receive_messages(attempt).size() == 2);
        CHECK(outcome([&] { return queue.receive_messages(); }) == "RequestThrottled: Request is throttled.");
    }
}

TEST_CASE("a long poll at the end of time ends", "[ranges][time]") {
    ManualClock clock{ManualClock::time_point::max() - 1s};
    Standard<ManualClock> standard{clock};
    Fifo<ManualClock> fifo{clock};
    {
        fifo::LongPoll<Standard<ManualClock>> poll{standard};
        fifo::LongPoll<Fifo<ManualClock>> fifo_poll{fifo};
        clock.wait_for_waiters(2);
        clock.advance(20s);
        CHECK(poll.bodies().empty());
        CHECK(fifo_poll.bodies().empty());
    }
    CHECK(standard.receive_messages({.wait_time = 20s}).empty());
    CHECK(fifo.receive_messages({.wait_time = 20s}).empty());
}

TEST_CASE("a program does the same at every epoch", "[ranges][time]") {
    const auto transcript = [](nanoseconds epoch) {
        ManualClock clock{ManualClock::time_point{epoch}};
        std::string text;
        const auto say = [&](auto number) { text += " " + std::to_string(number); };
        Standard<ManualClock> queue{clock, {.visibility_timeout = 1min}};
        Fifo<ManualClock> fifo{clock, {.visibility_timeout = 1min}};
        for (int i = 0; i < 50; ++i) {
            queue.send_message("a", {.message_group_id = "g" + std::to_string(i % 25)});
            send(fifo, std::to_string(i));
        }
        const auto slow = queue.receive_message({.visibility_timeout = 2h});
        clock.advance(1h);
        queue.delete_message(slow->receipt_handle());
        for (int step = 0; step < 120; ++step) {
            const auto metrics = queue.metrics();
            say(metrics.fair_queue->approximate_number_of_noisy_groups);
            say(metrics.approximate_age_of_oldest_message.value_or(-1ns).count());
            for (const auto& message : queue.receive_messages({.max_number_of_messages = 3})) {
                say((message.sent_at() - clock.now()).count());
                say((message.visibility_deadline() - clock.now()).count());
                if (step % 3 == 0) {
                    queue.delete_message(message.receipt_handle());
                }
            }
            for (const auto& message : fifo.receive_messages({.max_number_of_messages = 2})) {
                text += " " + std::string{message.body()};
                say(message.approximate_receive_count());
                if (step % 2 == 0) {
                    fifo.delete_message(message.receipt_handle());
                }
            }
            say(send(fifo, std::to_string(step % 7)).deduplicated);
            say((clock.next_event().value_or(clock.now()) - clock.now()).count());
            clock.advance(step % 10 == 9 ? 1h : 47s);
        }
        return text;
    };
    const std::string expected = transcript(0ns);
    for (const auto epoch : {nanoseconds::min(), nanoseconds::min() + 1h, -24h * 365 + 0ns, -24h + 0ns, -1min + 0ns,
                             -1ns, 1ns, 24h + 0ns, forever - 24h * 30}) {
        CAPTURE(epoch.count());
        CHECK(transcript(epoch) == expected);
    }
}

TEST_CASE("queues on clocks of coarse and of fine units work at the ends of their ranges", "[ranges][clock]") {
    const auto use = []<class Duration>(Duration unit) {
        constexpr nanoseconds nanos = nanoseconds::max();
        ShownClock<Duration> clock;
        for (const Duration shown :
             {Duration::min(), Duration::min() + unit, Duration{0},
              sqsim::detail::to_time_point<typename ShownClock<Duration>::time_point>(nanos / 2).time_since_epoch(),
              Duration::max() - unit, Duration::max()}) {
            clock.show(shown);
            use_both_kinds(clock);
            Standard<ShownClock<Duration>> standard{clock};
            Fifo<ShownClock<Duration>> fifo{clock};
            CHECK(standard.receive_messages({.wait_time = 1ms}).empty());
            CHECK(fifo.receive_messages({.wait_time = 1ms}).empty());
        }
        // From one end to the other, and back.
        Standard<ShownClock<Duration>> standard{clock};
        Fifo<ShownClock<Duration>> fifo{clock};
        for (const Duration shown : {Duration::min(), Duration::max(), Duration::min(), Duration::max()}) {
            clock.show(shown);
            use_at_one_instant(standard);
            use_at_one_instant(fifo);
            fifo.purge();
        }
    };
    use(std::chrono::hours{1});
    use(std::chrono::duration<std::int64_t, std::pico>{1'000});
}

TEST_CASE("to watch for longer than there is time goes on until something comes", "[ranges][clock]") {
    std::mutex mutex;
    std::unique_lock lock{mutex};
    int latest = 0;
    int looks = 0;
    const auto looked = [&] { return ++looks == 3; };
    CHECK(sqsim::detail::watch(
        lock, std::stop_token{}, forever, [] { return 0; }, [&] { return ++latest; }, looked));
}

TEST_CASE("to wait for other threads for ever is not to wait at all", "[ranges][clock]") {
    sqsim::detail::Rendezvous rendezvous;
    std::atomic<bool> is_over{false};
    std::thread other{[&] {
        while (!is_over) {
            { const auto lock = rendezvous.lock(); }
            rendezvous.notify();
        }
    }};
    int looks = 0;
    {
        auto lock = rendezvous.lock();
        CHECK(rendezvous.wait_for(lock, std::chrono::milliseconds::max(), [&] { return ++looks == 5; }));
    }
    is_over = true;
    other.join();
}

TEST_CASE("a move task may move more messages than nanoseconds can be counted for", "[ranges][move]") {
    using sqsim::detail::time_of_move;
    CHECK(time_of_move(3, std::nullopt) == 0ns);
    CHECK(time_of_move(3, 2) == 1500ms);
    CHECK(time_of_move(1, 3) == 333'333'333ns);
    CHECK(time_of_move(18'000'000'001, 2) == 9'000'000'000s + 500ms);
    CHECK(time_of_move(std::size_t{1} << 40, std::numeric_limits<int>::max()) == 512'000'000'238ns);
    CHECK(time_of_move(sqsim::unlimited, 1) == forever);
}

TEST_CASE("a slot whose generations begin anew serves every receive", "[ranges][handles]") {
    const auto use = [](auto& queue, std::uint32_t generation) {
        // What the slot would be after so many receives and removals.
        send(queue, "used-" + std::to_string(generation));
        const sqsim::ReceiptHandle used = queue.receive_message().value().receipt_handle();
        const sqsim::detail::Place place{sqsim::detail::IdAccess::place(used)};
        queue.delete_message(used);
        sqsim::detail::CoreAccess::core(queue).locked([&](auto& engine) {
            sqsim::detail::Record& record = engine.ledger().store()[place.slot()];
            record.place = sqsim::detail::Place{place.slot(), generation};
            record.born = generation;
        });
        std::optional<sqsim::ReceiptHandle> old;
        for (int life = 0; life < 4; ++life) {
            const auto id = send(queue, "m" + std::to_string(generation) + "-" + std::to_string(life)).message_id;
            for (std::uint32_t receive = 1; receive <= 3; ++receive) {
                auto message = queue.receive_message();
                REQUIRE(message);
                CHECK(message->message_id() == id);
                CHECK(message->approximate_receive_count() == receive);
                const auto handle = message->receipt_handle();
                if (life == 0 && receive == 1) {
                    CHECK(sqsim::detail::Place{sqsim::detail::IdAccess::place(handle)}.slot() == place.slot());
                }
                CHECK(queue.change_message_visibility(handle, 10s));
                if (old && receive != 1) {
                    CHECK(queue.delete_message(*old).status == HandleStatus::superseded);
                }
                old = handle;
                if (receive != 3) {
                    CHECK(queue.change_message_visibility(handle, 0s));
                }
            }
            CHECK(queue.delete_message(*old).status == HandleStatus::ok);
        }
        CHECK(queue.counts() == QueueCounts{});
    };
    for (std::uint32_t back = 0; back < 20; ++back) {
        CAPTURE(back);
        ManualClock clock;
        Standard<ManualClock, sqsim::NullMutex> standard{clock};
        Fifo<ManualClock, sqsim::NullMutex> fifo{clock};
        for (const std::uint32_t generation : {0U - back, 0x8000'0000U - back}) {
            use(standard, generation);
            use(fifo, generation);
        }
    }
}

#if defined(__linux__) && defined(__LP64__)

namespace {

/// Characters that nobody may read: they take no memory.
class Unreadable {
public:
    explicit Unreadable(std::size_t size)
        : size_{size}, memory_{::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)} {
        REQUIRE(memory_ != MAP_FAILED);
    }
    Unreadable(const Unreadable&) = delete;
    Unreadable& operator=(const Unreadable&) = delete;
    ~Unreadable() { ::munmap(memory_, size_); }
    [[nodiscard]] std::string_view text() const noexcept { return {static_cast<const char*>(memory_), size_}; }

private:
    std::size_t size_;
    void* memory_;
};

}  // namespace

TEST_CASE("a body that is larger than a record can count is refused unread", "[ranges][send]") {
    constexpr std::size_t limit = 0xFFFF'FFFF;
    const std::string refused =
        "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 4294967295 "
        "bytes.";
    auto checking = Limits::none();
    checking.check_characters = true;
    for (const std::size_t size : {limit + 1, limit + 2, limit + 101, std::size_t{1} << 36}) {
        const Unreadable large{size};
        for (const Limits& limits : {Limits::none(), checking}) {
            CAPTURE(size, limits.check_characters);
            ManualClock clock;
            Standard<ManualClock> queue{clock, {.maximum_message_size = sqsim::unlimited, .limits = limits}};
            Standard<ManualClock, sqsim::NullMutex> single{
                clock, {.maximum_message_size = sqsim::unlimited, .limits = limits}};
            Fifo<ManualClock> fifo{
                clock,
                {.maximum_message_size = sqsim::unlimited, .limits = limits, .content_based_deduplication = true}};
            for (int round = 0; round < 2; ++round) {  // the mailbox takes messages from the second on
                CHECK(outcome([&] { return queue.send_message(large.text()); }) == refused);
                CHECK(outcome([&] { return queue.send_message(large.text(), {}); }) == refused);
                CHECK(outcome([&] { return single.send_message(large.text()); }) == refused);
                const std::vector<std::string_view> bodies{"a", large.text(), large.text()};
                CHECK(outcome([&] { return queue.send_messages(bodies); }) == refused);
                CHECK(outcome([&] { return single.send_messages(bodies); }) == refused);
                CHECK(outcome([&] { return queue.send_messages(bodies, {}); }) == refused);
                CHECK(outcome([&] { return fifo.send_message(large.text(), "g"); }) == refused);
                CHECK(outcome([&] {
                          return fifo.send_message(large.text(), "g", {.message_deduplication_id = "id"});
                      }) == refused);
                CHECK(queue.counts() == QueueCounts{static_cast<std::size_t>(round), 0, 0});
                CHECK(fifo.counts() == QueueCounts{});
                queue.send_message("small");
            }
            queue.set_maximum_message_size(sqsim::unlimited);
            CHECK(outcome([&] { return queue.send_message(large.text()); }) == refused);
            CHECK(queue.options().maximum_message_size == sqsim::unlimited);
        }
    }
}

#endif
