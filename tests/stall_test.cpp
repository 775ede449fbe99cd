// SPDX-License-Identifier: MIT

// Catches work under the lock that grows with what has become due or was purged, and a call in between that sees a part
// of it done: a purged message, a lease that has ended but not for this call, an order that depends on who came first.

#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr int messages = 5000;

/// A clock that is set by hand.
struct HandClock {
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<HandClock, duration>;
    [[nodiscard]] time_point now() const { return time; }
    time_point time{};
};

/// A queue's lock that, whenever it was let go, calls what another thread could call then.
class OpenMutex {
public:
    void lock() { mutex_.lock(); }
    [[nodiscard]] bool try_lock() { return mutex_.try_lock(); }
    void unlock() {
        mutex_.unlock();
        if (in_between) {
            auto call = std::exchange(in_between, nullptr);
            call();
            in_between = std::move(call);
        }
    }
    static inline std::function<void()> in_between{};

private:
    std::mutex mutex_{};
};

using Standard = sqsim::Queue<HandClock, std::string, OpenMutex>;
using Fifo = sqsim::FifoQueue<HandClock, std::string, OpenMutex>;

template <class Queue>
constexpr bool is_fifo = false;
template <class C, class Body, class Lock>
constexpr bool is_fifo<sqsim::FifoQueue<C, Body, Lock>> = true;

/// Every message in a group of its own: they come in the order sent.
template <class Queue>
bool send(Queue& queue, int number) {
    if constexpr (is_fifo<Queue>) {
        const auto text = std::to_string(number);
        return queue.try_send_message(text, text, {.message_deduplication_id = text}).has_value();
    } else {
        return queue.try_send_message(std::to_string(number)).has_value();
    }
}

template <class Queue>
auto options() {
    std::conditional_t<is_fifo<Queue>, sqsim::FifoQueueOptions, sqsim::QueueOptions> all;
    all.limits = sqsim::Limits::none();
    all.message_retention_period = 1h;
    return all;
}

template <class Queue>
std::vector<int> receive_all(Queue& queue) {
    std::vector<int> numbers;
    while (const auto message = queue.receive_message()) {
        numbers.push_back(std::stoi(std::string{message->body()}));
    }
    return numbers;
}

std::vector<int> from_to(int begin, int end) {
    std::vector<int> numbers;
    for (int i = begin; i != end; ++i) {
        numbers.push_back(i);
    }
    return numbers;
}

/// Sends some messages while a call goes on, whenever others may.
template <class Queue>
class InBetween {
public:
    InBetween(
        Queue& queue, std::function<void(int)> then = [](int) {}) {
        OpenMutex::in_between = [this, &queue, then] {
            ++times_;
            if (times_ <= 10 && send(queue, messages + sent_)) {
                ++sent_;
            }
            then(sent_);
        };
    }
    ~InBetween() { OpenMutex::in_between = nullptr; }

    void stop() { OpenMutex::in_between = nullptr; }
    [[nodiscard]] int times() const { return times_; }
    [[nodiscard]] int sent() const { return sent_; }

private:
    int times_ = 0;
    int sent_ = 0;
};

/// How many messages an engine changes at the most before it lets others in.
template <class Engine>
std::size_t largest_piece(Engine& engine, sqsim::detail::Nanos now) {
    const auto visible_and_in_flight = [&] {
        const sqsim::QueueCounts counts = engine.ledger().counts();
        return std::pair{counts.visible, counts.total()};
    };
    std::size_t largest = 0;
    for (bool is_all = false; !is_all;) {
        const auto [visible, total] = visible_and_in_flight();
        is_all = engine.advance_to(now);
        const auto [visible_now, total_now] = visible_and_in_flight();
        largest =
            std::max({largest, std::max(visible, visible_now) - std::min(visible, visible_now), total - total_now});
    }
    return largest;
}

}  // namespace

TEST_CASE("An engine does what is due in pieces of a thousand messages", "[stall]") {
    using Engine = sqsim::detail::StandardEngine<std::string>;
    const auto now = GENERATE(0s, 40s, 7200s);
    CAPTURE(now.count());
    sqsim::QueueOptions queue_options = options<Standard>();
    Engine engine{queue_options, 1, 1, false};
    REQUIRE(engine.advance_to(sqsim::detail::Nanos{0}));
    for (int i = 0; i < messages; ++i) {
        engine.send(std::string{"m"}, nullptr, {},
                    now == 40s && i % 2 == 0 ? std::optional{sqsim::detail::Nanos{30s}} : std::nullopt);
    }
    sqsim::detail::ReceivePlan plan{};
    plan.maximum = 2000;
    plan.visibility_timeout = 30s;
    plan.default_timeout = true;
    REQUIRE(engine
                .receive(
                    plan, [](auto&) {}, [](auto) {})
                .messages == 2000);
    if (now == 0s) {
        engine.purge();
    }
    const std::size_t largest = largest_piece(engine, now);
    CHECK(largest >= 500);
    CHECK(largest <= 1063);  // leases end by the sixty-four
    CHECK(engine.ledger().counts().total() == (now == 40s ? messages : 0U));
    CHECK(engine.ledger().counts().visible == (now == 40s ? messages : 0U));
}

TEMPLATE_TEST_CASE("Who comes while a queue is purged sees nothing of what was there", "[stall][purge]", Standard,
                   Fifo) {
    HandClock clock;
    TestType queue{clock, options<TestType>()};
    for (int i = 0; i < messages; ++i) {
        REQUIRE(send(queue, i));
    }
    for (int i = 0; i < 1000; ++i) {
        REQUIRE(queue.receive_message({.visibility_timeout = i % 2 == 0 ? 30s : 20s}));
    }
    const auto handle = queue.receive_message()->receipt_handle();
    if (GENERATE(false, true)) {
        clock.time += 31s;  // so that all are visible, some of them again
        REQUIRE(queue.counts().visible == messages);
    }
    SECTION("a send") {
        InBetween others{queue};
        queue.purge();
        others.stop();
        CHECK(others.times() >= 2);
        CHECK(others.sent() > 0);
        CHECK(queue.counts() == sqsim::QueueCounts{.visible = static_cast<std::size_t>(others.sent())});
        CHECK(receive_all(queue) == from_to(messages, messages + others.sent()));
    }
    SECTION("a send and who counts") {
        bool is_begun = false;
        std::vector<std::size_t> wrong;
        InBetween others{queue, [&](int sent) {
                             if (const auto total = queue.counts().total(); total != static_cast<std::size_t>(sent)) {
                                 wrong.push_back(total);
                             }
                             is_begun = true;
                         }};
        queue.purge();
        others.stop();
        CHECK(is_begun);
        CHECK(wrong.empty());
    }
    SECTION("a receive and a delete") {
        std::vector<int> received;
        std::vector<sqsim::HandleStatus> deleted;
        InBetween others{queue, [&](int) {
                             for (const int number : receive_all(queue)) {
                                 received.push_back(number);
                             }
                             deleted.push_back(queue.delete_message(handle).status);
                         }};
        queue.purge();
        others.stop();
        CHECK(received == from_to(messages, messages + others.sent()));
        CHECK(std::all_of(deleted.begin(), deleted.end(),
                          [](auto status) { return status == sqsim::HandleStatus::gone; }));
    }
    clock.time += 2h;
    CHECK(queue.counts().total() == 0);
}

TEMPLATE_TEST_CASE("A send during the end of many leases changes neither their order nor its own", "[stall]", Standard,
                   Fifo) {
    HandClock clock;
    auto queue_options = options<TestType>();
    queue_options.visibility_timeout = 30s;
    TestType queue{clock, queue_options};
    for (int i = 0; i < messages; ++i) {
        REQUIRE(send(queue, i));
    }
    REQUIRE(receive_all(queue) == from_to(0, messages));
    clock.time += 31s;
    InBetween others{queue};
    CHECK(queue.counts().visible >= messages);
    others.stop();
    CHECK(others.times() >= 2);
    CHECK(others.sent() > 0);
    CHECK(receive_all(queue) == from_to(0, messages + others.sent()));
}

TEST_CASE("Sends while much is due at once are what they are when all of it has happened before", "[stall]") {
    // Each message is in a group of its own, and ids come again, some when they are no longer remembered.
    const auto seed = GENERATE(range(std::uint64_t{1}, std::uint64_t{13}));
    CAPTURE(seed);
    constexpr int several = 50;
    int rounds = 0;
    const auto outcome = [&](bool late) {
        sqsim::detail::SplitMix random{seed};
        HandClock clock;
        auto queue_options = options<Fifo>();
        queue_options.delay = seed % 2 == 0 ? 20s : 0s;
        Fifo queue{clock, queue_options};
        std::vector<int> deduplicated;
        int sent = 0;
        const auto send_next = [&] {
            const auto text = std::to_string(sent);
            const auto id = std::to_string(random.below(3 * messages));
            if (queue.send_message(text, text, {.message_deduplication_id = id}).deduplicated) {
                deduplicated.push_back(sent);
            }
            ++sent;
            clock.time += std::chrono::milliseconds{random.below(3)};
        };
        while (sent != messages) {
            send_next();
        }
        clock.time += 20s;
        for (int i = 0; i < 2 * messages / 3; ++i) {
            const std::chrono::milliseconds lease{1 + random.below(60'000)};
            REQUIRE(queue.receive_message({.visibility_timeout = lease}));
        }
        // Many leases end at once, the others while somebody sends.
        clock.time += seed % 3 == 0 ? 290s : 30s;
        const auto send_several = [&] {
            clock.time += 3s;
            for (int i = 0; i < several; ++i) {
                if (!late) {
                    static_cast<void>(queue.counts());
                }
                send_next();
            }
        };
        if (late) {
            OpenMutex::in_between = [&] {
                if (rounds < 4) {
                    ++rounds;
                    send_several();
                }
            };
            static_cast<void>(queue.counts());
            OpenMutex::in_between = nullptr;
        } else {
            static_cast<void>(queue.counts());
            for (int round = 0; round < rounds; ++round) {
                send_several();
            }
        }
        clock.time += 60s;
        return std::pair{receive_all(queue), deduplicated};
    };
    const auto [order, deduplicated] = outcome(true);
    REQUIRE(rounds >= 2);
    const auto [expected_order, expected_deduplicated] = outcome(false);
    CHECK(deduplicated == expected_deduplicated);
    CHECK(order == expected_order);
}

TEMPLATE_TEST_CASE("A send during the end of many retentions is stored", "[stall][retention]", Standard, Fifo) {
    HandClock clock;
    TestType queue{clock, options<TestType>()};
    for (int i = 0; i < messages; ++i) {
        REQUIRE(send(queue, i));
    }
    clock.time += 1h;
    InBetween others{queue};
    const auto counts = queue.counts();
    others.stop();
    CHECK(others.times() >= 2);
    CHECK(others.sent() > 0);
    CHECK(counts.total() <= static_cast<std::size_t>(others.sent()));
    CHECK(receive_all(queue) == from_to(messages, messages + others.sent()));
}

TEMPLATE_TEST_CASE("There is room at once for as many as were purged or are past their retention", "[stall]", Standard,
                   Fifo) {
    HandClock clock;
    auto queue_options = options<TestType>();
    queue_options.capacity = messages;
    TestType queue{clock, queue_options};
    for (int i = 0; i < messages; ++i) {
        REQUIRE(send(queue, i));
    }
    REQUIRE_FALSE(send(queue, messages));
    SECTION("purged") {
        InBetween others{queue};
        queue.purge();
        others.stop();
        CHECK(others.sent() == std::min(others.times(), 10));
        CHECK(receive_all(queue) == from_to(messages, messages + others.sent()));
    }
    SECTION("past their retention") {
        clock.time += 1h;
        CHECK(send(queue, messages));
        CHECK(queue.counts().total() == 1);
    }
}

TEMPLATE_TEST_CASE("Threads that purge and send and receive lose no message sent after the last purge",
                   "[stall][threads]", (sqsim::Queue<std::chrono::steady_clock, std::string, std::mutex>),
                   (sqsim::Queue<std::chrono::steady_clock, std::string, sqsim::LightMutex>),
                   (sqsim::FifoQueue<std::chrono::steady_clock, std::string, std::mutex>),
                   (sqsim::FifoQueue<std::chrono::steady_clock, std::string, sqsim::LightMutex>)) {
    constexpr int each = 30'000;
    constexpr int after = 3000;
    auto queue_options = options<TestType>();
    queue_options.visibility_timeout = 2ms;
    TestType queue{queue_options};
    std::atomic<bool> over{false};
    {
        std::vector<std::jthread> threads;
        for (int producer = 0; producer < 2; ++producer) {
            threads.emplace_back([&, producer] {
                for (int i = 0; i < each; ++i) {
                    send(queue, producer * each + i);
                }
            });
        }
        for (int consumer = 0; consumer < 2; ++consumer) {
            threads.emplace_back([&, consumer] {
                for (int i = 0; !over; ++i) {
                    const auto messages_received =
                        queue.receive_messages({.max_number_of_messages = 10, .wait_time = 1ms});
                    for (const auto& message : messages_received) {
                        if ((i + consumer) % 4 == 0) {
                            queue.delete_message(message.receipt_handle());
                        }
                    }
                }
            });
        }
        for (int i = 0; i < 20; ++i) {
            queue.purge();
            std::this_thread::yield();
        }
        threads[0].join();
        threads[1].join();
        queue.purge();
        for (int i = 0; i < after; ++i) {
            send(queue, 2 * each + i);
        }
        over = true;
    }
    const std::size_t left = queue.counts().total();
    CHECK(left <= after);
    queue.purge();
    CHECK(queue.counts().total() == 0);
    for (int i = 0; i < after; ++i) {
        send(queue, 2 * each + i);  // a purge forgets the ids, too
    }
    CHECK(queue.counts().total() == after);
}
