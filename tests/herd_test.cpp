// SPDX-License-Identifier: MIT

// Catches a send that wakes more waiting receives than it has messages for, a receive that sleeps although there is
// something for it, and a queue whose next event nobody, or everybody, waits for.

#include "blocked_call.hpp"
#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <list>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

/// A queue's lock that counts how often it is taken, so often does a waiting receive look, and that calls a function
/// before it is let go.
class CountedMutex {
public:
    void lock() {
        mutex_.lock();
        ++locks;
    }
    [[nodiscard]] bool try_lock() {
        const bool is_locked = mutex_.try_lock();
        locks += is_locked ? 1 : 0;
        return is_locked;
    }
    void unlock() {
        if (const auto* const call = before_unlock.exchange(nullptr)) {
            (*call)();
        }
        mutex_.unlock();
    }

    static inline std::atomic<int> locks{0};
    static inline std::atomic<const std::function<void()>*> before_unlock{nullptr};  // whoever unlocks next calls it

private:
    std::mutex mutex_{};
};

template <class Lock>
using Standard = sqsim::Queue<std::chrono::steady_clock, std::string, Lock>;
template <class Lock>
using Fifo = sqsim::FifoQueue<std::chrono::steady_clock, std::string, Lock>;

template <class Queue>
constexpr bool is_fifo = false;
template <class C, class Body, class Lock>
constexpr bool is_fifo<sqsim::FifoQueue<C, Body, Lock>> = true;

/// A message of its own group.
template <class Queue>
void send(Queue& queue, int number) {
    if constexpr (is_fifo<Queue>) {
        queue.send_message(std::to_string(number), std::to_string(number),
                           {.message_deduplication_id = std::to_string(number)});
    } else {
        queue.send_message(std::to_string(number));
    }
}

template <class Queue>
auto options() {
    if constexpr (is_fifo<Queue>) {
        return sqsim::FifoQueueOptions{.limits = sqsim::Limits::none()};
    } else {
        return sqsim::QueueOptions{.limits = sqsim::Limits::none()};
    }
}

/// Receives that each wait for a message, which they neither delete nor give back.
template <class Queue>
class Receives {
public:
    Receives(Queue& queue, int count) {
        for (int i = 0; i < count; ++i) {
            calls_.emplace_back([&queue, this](const std::stop_token& stop) {
                const bool received = queue.receive_message({.wait_time = 1000h}, stop).has_value();
                received_ += received ? 1 : 0;
                return received;
            });
        }
    }

    /// Blocks until so many have received something. Returns false after ten seconds.
    [[nodiscard]] bool wait_for(int count) const {
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (received_ < count && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        return received_ >= count;
    }
    void request_stop() {
        for (auto& call : calls_) {
            call.request_stop();
        }
    }
    /// Stops those that still wait. Returns: how many have received something.
    int stop() {
        request_stop();
        for (auto& call : calls_) {
            static_cast<void>(call.get());
        }
        calls_.clear();
        return received_;
    }

private:
    std::atomic<int> received_{0};
    std::list<blocked::Call<bool>> calls_{};
};

/// Lets receives fall asleep: each of them takes the lock once, and lets it go when it sleeps.
template <class Queue>
void let_sleep(Queue& queue, int count) {
    while (CountedMutex::locks < count) {
        std::this_thread::yield();
    }
    static_cast<void>(queue.counts());
}

/// Stops all receives before one of them has ended: the end of one that leads makes another look. Takes the lock once.
template <class Queue>
void stop_at_once(Queue& queue, Receives<Queue>& receives) {
    const std::function<void()> stop = [&] { receives.request_stop(); };
    CountedMutex::before_unlock = &stop;
    static_cast<void>(queue.counts());
}

/// Threads that wait on a condition.
class Sleepers {
public:
    ~Sleepers() { CHECK(condition.waiting() == 0); }

    /// Adds one that is woken, and one that leads.
    void add() {
        start([this](auto& lock) { condition.wait(lock, std::stop_token{}); });
    }
    void add_leader(std::chrono::nanoseconds look) {
        start([this, look](auto& lock) {
            condition.lead_until(lock, std::stop_token{}, std::chrono::steady_clock::now() + 1h, look);
        });
    }
    /// Blocks until all that were woken have gone.
    void settle() {
        while (true) {
            {
                const std::scoped_lock lock{mutex};
                if (condition.waiting() == 0 || condition.all_sleep()) {
                    return;
                }
            }
            std::this_thread::yield();
        }
    }

    std::mutex mutex{};
    sqsim::WaitCondition condition{"c"};

private:
    template <class Wait>
    void start(Wait wait) {
        const std::size_t before = waiting();
        threads_.emplace_back([this, wait] {
            std::unique_lock lock{mutex};
            wait(lock);
        });
        while (waiting() == before) {
            std::this_thread::yield();
        }
    }
    [[nodiscard]] std::size_t waiting() {
        const std::scoped_lock lock{mutex};
        return condition.waiting();
    }

    std::list<std::jthread> threads_{};
};

}  // namespace

TEST_CASE("A condition wakes as many as it is asked to and the leader last", "[clock][wait][herd]") {
    Sleepers sleepers;
    sleepers.add_leader(5s);
    for (int i = 0; i < 6; ++i) {
        sleepers.add();
    }
    const auto notify = [&](std::size_t count) {
        const std::scoped_lock lock{sleepers.mutex};
        sleepers.condition.notify(count);
    };
    const auto left = [&] {
        sleepers.settle();
        const std::scoped_lock lock{sleepers.mutex};
        return sleepers.condition.waiting();
    };
    notify(0);
    CHECK(left() == 7);
    notify(1);
    CHECK(left() == 6);
    notify(3);
    CHECK(left() == 3);
    notify(2);
    CHECK(left() == 1);
    CHECK(sleepers.condition.has_leader());
    notify(1);
    CHECK(left() == 0);
    CHECK_FALSE(sleepers.condition.has_leader());
}

TEST_CASE("A condition wakes one for an earlier event and nobody for a later one", "[clock][wait][herd]") {
    Sleepers sleepers;
    const auto look_by = [&](std::chrono::nanoseconds instant) {
        {
            const std::scoped_lock lock{sleepers.mutex};
            const auto before = sleepers.condition.waiting();
            sleepers.condition.look_by(instant);
            sleepers.condition.look_by(instant - 1ns);  // one is awake already: it will see to that
            CHECK(sleepers.condition.waiting() == before);
        }
        sleepers.settle();
        const std::scoped_lock lock{sleepers.mutex};
        return sleepers.condition.waiting();
    };
    CHECK(look_by(5s) == 0);
    for (int i = 0; i < 3; ++i) {
        sleepers.add();
    }
    CHECK(look_by(std::chrono::nanoseconds::max()) == 2);  // the second call: never is no event
    CHECK(look_by(5s) == 1);
    sleepers.add_leader(5s);
    CHECK(look_by(5s + 1ns) == 2);
    CHECK(look_by(5s) == 1);
    CHECK_FALSE(sleepers.condition.has_leader());
    CHECK(look_by(5s) == 0);
}

TEMPLATE_TEST_CASE("A send wakes one of many waiting receives", "[blocking][herd]", Standard<CountedMutex>,
                   Fifo<CountedMutex>) {
    constexpr int waiters = 60;
    const int sends = GENERATE(1, 20);
    CountedMutex::locks = 0;
    TestType queue{options<TestType>()};
    Receives receives{queue, waiters};
    let_sleep(queue, waiters);
    const int before = CountedMutex::locks;
    for (int i = 0; i < sends; ++i) {  // the first one's retention and lease are the queue's first events
        send(queue, i);
        REQUIRE(receives.wait_for(i + 1));
    }
    stop_at_once(queue, receives);
    REQUIRE(receives.stop() == sends);
    // Each thread once at its end; for a send itself, whoever receives, and whoever must lead now.
    CHECK(CountedMutex::locks - before - 1 <= waiters + 4 * sends);
}

TEMPLATE_TEST_CASE("One of many waiting receives waits for the end of a delay and of a lease", "[blocking][herd]",
                   Standard<CountedMutex>, Fifo<CountedMutex>) {
    constexpr int waiters = 60;
    CountedMutex::locks = 0;
    auto queue_options = options<TestType>();
    queue_options.delay = 1ms;
    queue_options.visibility_timeout = 2ms;
    TestType queue{queue_options};
    Receives receives{queue, waiters};
    let_sleep(queue, waiters);
    const int before = CountedMutex::locks;
    send(queue, 0);
    for (int i = 0; i < 20; ++i) {
        REQUIRE(receives.wait_for(i + 1));  // by the same message, as nobody deletes it
    }
    stop_at_once(queue, receives);
    const int received = receives.stop();
    CHECK(received >= 20);
    CHECK(CountedMutex::locks - before - 1 <= waiters + 6 * (received + 1));
}

TEMPLATE_TEST_CASE("On a clock that is driven a send wakes one of many waiting receives", "[blocking][herd]",
                   (sqsim::Queue<sqsim::ManualClock, std::string, CountedMutex>),
                   (sqsim::FifoQueue<sqsim::ManualClock, std::string, CountedMutex>)) {
    constexpr int waiters = 40;
    CountedMutex::locks = 0;
    sqsim::ManualClock clock;
    TestType queue{clock, options<TestType>()};
    Receives receives{queue, waiters};
    clock.wait_for_waiters(waiters);
    let_sleep(queue, waiters);
    int before = CountedMutex::locks;
    send(queue, 0);
    REQUIRE(receives.wait_for(1));
    clock.advance(0s);  // waits for everybody who was woken
    CHECK(CountedMutex::locks - before <= 8);
    before = CountedMutex::locks;
    clock.advance(30s);  // the lease ends: another receives it
    CHECK(receives.wait_for(2));
    clock.advance(0s);
    CHECK(CountedMutex::locks - before <= 20);
    CHECK(receives.stop() == 2);
}

TEMPLATE_TEST_CASE("Messages that become visible at once are received by as many waiting receives", "[blocking][herd]",
                   Standard<std::mutex>, Standard<sqsim::LightMutex>, Fifo<std::mutex>, Fifo<sqsim::LightMutex>) {
    TestType queue{options<TestType>()};
    for (int i = 0; i < 8; ++i) {
        send(queue, i);
    }
    REQUIRE(queue.receive_messages({.max_number_of_messages = 10, .visibility_timeout = 5ms}).size() == 8);
    Receives receives{queue, 8};
    CHECK(receives.wait_for(8));
    CHECK(receives.stop() == 8);
}

TEST_CASE("Places in flight that become free at once are filled by as many waiting receives", "[blocking][herd]") {
    sqsim::Limits limits = sqsim::Limits::none();
    limits.maximum_in_flight = 3;
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock, {.message_retention_period = 60s, .limits = limits}};
    for (int i = 0; i < 3; ++i) {
        queue.send_message("old");
    }
    REQUIRE(queue.receive_messages({.max_number_of_messages = 3, .visibility_timeout = 1000s}).size() == 3);
    clock.advance(30s);
    for (int i = 0; i < 5; ++i) {
        queue.send_message("new");
    }
    Receives receives{queue, 3};
    clock.wait_for_waiters(3);
    clock.advance(30s);
    CHECK(receives.wait_for(3));
    CHECK(receives.stop() == 3);
}

TEMPLATE_TEST_CASE("A receive that is stopped when it is woken wakes another", "[blocking][herd]",
                   Standard<CountedMutex>, Fifo<CountedMutex>,
                   (sqsim::Queue<sqsim::ManualClock, std::string, CountedMutex>),
                   (sqsim::FifoQueue<sqsim::ManualClock, std::string, CountedMutex>)) {
    CountedMutex::locks = 0;
    sqsim::ManualClock clock;
    std::optional<TestType> queue;
    if constexpr (std::is_constructible_v<TestType, sqsim::ManualClock&>) {
        queue.emplace(clock, options<TestType>());
    } else {
        queue.emplace(options<TestType>());
    }
    // The end of this lease is the next event, for which the leader waits: nobody is woken for a later one.
    send(*queue, 0);
    REQUIRE(queue->receive_message({.visibility_timeout = 1h}));
    CountedMutex::locks = 0;
    Receives leader{*queue, 1};
    let_sleep(*queue, 1);
    CountedMutex::locks = 0;
    Receives first{*queue, 1};
    let_sleep(*queue, 1);
    CountedMutex::locks = 0;
    Receives second{*queue, 1};
    let_sleep(*queue, 1);
    // On a clock that is driven there is no leader: this send is the leader's.
    int sent = 0;
    if constexpr (std::is_constructible_v<TestType, sqsim::ManualClock&>) {
        send(*queue, ++sent);
        REQUIRE(leader.wait_for(1));
    }
    // The send has woken the first one, which has not got the lock yet.
    const std::function<void()> stop = [&] { first.request_stop(); };
    CountedMutex::before_unlock = &stop;
    send(*queue, ++sent);
    CHECK(first.stop() == 0);
    CHECK(second.wait_for(1));
    CHECK(second.stop() == 1);
    CHECK(leader.stop() == sent - 1);
}

TEST_CASE("A receive that fails when it is woken wakes another", "[blocking][herd]") {
    // A clock that fails once, in the thread that was woken.
    struct FailingClock {
        using duration = std::chrono::nanoseconds;
        using time_point = std::chrono::time_point<FailingClock, duration>;
        [[nodiscard]] time_point now() {
            if (fails && std::this_thread::get_id() != main) {
                fails = false;
                throw std::runtime_error{"no time"};
            }
            return time_point{std::chrono::steady_clock::now().time_since_epoch()};
        }
        std::thread::id main = std::this_thread::get_id();
        std::atomic<bool> fails{false};
    };
    CountedMutex::locks = 0;
    FailingClock clock;
    sqsim::Queue<FailingClock, std::string, CountedMutex> queue{clock, {.limits = sqsim::Limits::none()}};
    queue.send_message("leased");
    REQUIRE(queue.receive_message({.visibility_timeout = 1h}));
    CountedMutex::locks = 0;
    std::atomic<int> received{0};
    std::atomic<int> failed{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i) {  // the first one leads
            threads.emplace_back([&](const std::stop_token& stop) {
                try {
                    received += queue.receive_message({.wait_time = 1000h}, stop) ? 1 : 0;
                } catch (const std::runtime_error&) {
                    ++failed;
                }
            });
        }
        let_sleep(queue, 3);
        clock.fails = true;
        queue.send_message("m");
        const auto end = std::chrono::steady_clock::now() + 10s;
        while (received == 0 && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
    }
    CHECK(received == 1);
    CHECK(failed == 1);
}

TEMPLATE_TEST_CASE("Nothing is lost and nobody sleeps for ever among many waiting receives",
                   "[blocking][herd][threads]", Standard<std::mutex>, Standard<sqsim::LightMutex>, Fifo<std::mutex>,
                   Fifo<sqsim::LightMutex>) {
    constexpr int producers = 3;
    constexpr int consumers = 24;
    constexpr int each = 400;
    auto queue_options = options<TestType>();
    queue_options.visibility_timeout = 1ms;
    TestType queue{queue_options};
    std::array<std::atomic<int>, static_cast<std::size_t>(producers * each)> received{};
    std::atomic<int> distinct{0};
    std::atomic<int> left{producers * each};
    std::atomic<bool> gave_up{false};
    std::stop_source over;
    {
        std::vector<std::jthread> threads;
        for (int consumer = 0; consumer < consumers; ++consumer) {
            threads.emplace_back([&, consumer] {
                std::uint64_t random = static_cast<std::uint64_t>(consumer);
                while (left != 0 && !gave_up) {
                    random = sqsim::detail::mix64(random + 1);
                    // Short and long waits, some that watch before they sleep, and a stop of one's own now and then.
                    std::stop_source own;
                    const std::stop_callback at_end{over.get_token(), [&] { own.request_stop(); }};
                    std::jthread stopper;
                    if (random % 64 == 0) {
                        stopper = std::jthread{[&] { own.request_stop(); }};
                    }
                    const sqsim::ReceiveMessageOptions how{.max_number_of_messages = 1 + static_cast<int>(random % 3),
                                                           .wait_time =
                                                               random % 5 == 0 ? 1ms : std::chrono::nanoseconds{1000h},
                                                           .spin = random % 7 == 0 ? 20us : 0us};
                    for (const auto& message : queue.receive_messages(how, own.get_token())) {
                        const auto number = static_cast<std::size_t>(std::stoi(std::string{message.body()}));
                        distinct += ++received[number] == 1 ? 1 : 0;
                        if (random % 4 != 0 && queue.delete_message(message.receipt_handle())) {
                            if (--left == 0) {
                                over.request_stop();
                            }
                        }
                    }
                }
            });
        }
        for (int producer = 0; producer < producers; ++producer) {
            threads.emplace_back([&, producer] {
                for (int i = 0; i < each; ++i) {
                    send(queue, producer * each + i);
                    if (i % 16 == 0) {
                        std::this_thread::yield();
                    }
                }
            });
        }
        const auto end = std::chrono::steady_clock::now() + 60s;
        while (left != 0 && std::chrono::steady_clock::now() < end) {
            std::this_thread::yield();
        }
        gave_up = true;
        over.request_stop();
    }
    CHECK(left == 0);
    CHECK(distinct == producers * each);
    CHECK(queue.counts().total() == 0);
}
