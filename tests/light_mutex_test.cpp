// SPDX-License-Identifier: MIT

// Catches a LightMutex that lets two threads in, forgets what the last holder wrote, or never comes free, and a queue
// that loses or doubles messages or wake-ups with it. Run it under ThreadSanitizer.

#include "catch.hpp"

#include "blocked_call.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <vector>

using namespace std::chrono_literals;

namespace {

using sqsim::LightMutex;
using sqsim::ManualClock;
using Steady = sqsim::Queue<std::chrono::steady_clock, std::string, LightMutex>;
using SteadyFifo = sqsim::FifoQueue<std::chrono::steady_clock, std::string, LightMutex>;

constexpr std::size_t pairs = 4;
constexpr std::size_t per_producer = 1'500;
constexpr std::size_t all = pairs * per_producer;

/// Runs `work(index)` in as many threads as asked for, and waits for their ends.
template <class Work>
void in_threads(std::size_t count, Work work) {
    std::vector<std::jthread> threads;
    for (std::size_t i = 0; i < count; ++i) {
        threads.emplace_back([work, i] { work(i); });
    }
}

void send(Steady& queue, const std::string& body, std::size_t /*producer*/) { queue.send_message(body); }
void send(SteadyFifo& queue, const std::string& body, std::size_t producer) {
    queue.send_message(body, std::to_string(producer), {.message_deduplication_id = body});
}

/// Passes all messages from the producers to the consumers. Returns: how often each was received.
template <class Q>
std::vector<std::atomic<int>> pass_messages(Q& queue) {
    std::vector<std::atomic<int>> received(all);
    std::atomic<std::size_t> deleted{0};
    std::stop_source done;
    in_threads(2 * pairs, [&](std::size_t thread) {
        if (thread % 2 == 0) {
            for (std::size_t i = 0; i < per_producer; ++i) {
                send(queue, std::to_string(thread / 2 * per_producer + i), thread / 2);
            }
            return;
        }
        while (!done.stop_requested()) {
            const auto messages =
                queue.receive_messages({.max_number_of_messages = 3, .wait_time = 20s}, done.get_token());
            for (const auto& message : messages) {
                ++received[std::stoul(std::string{message.body()})];
                if (queue.delete_message(message.receipt_handle()) && ++deleted == all) {
                    done.request_stop();
                }
            }
        }
    });
    return received;
}

template <class Q>
void check_that_none_is_lost_or_doubled() {
    Q queue;
    const auto received = pass_messages(queue);
    CHECK(std::all_of(received.begin(), received.end(), [](const auto& count) { return count == 1; }));
    CHECK(queue.counts().total() == 0);
    CHECK(queue.metrics().number_of_messages_sent == all);
    CHECK(queue.metrics().number_of_messages_deleted == all);
}

}  // namespace

TEST_CASE("A LightMutex lets one thread in at a time, and shows it what the last one wrote", "[light_mutex][threads]") {
    constexpr std::size_t threads = 4;
    constexpr int rounds = 20'000;
    LightMutex mutex;
    int sum = 0;  // guarded by the mutex
    int inside = 0;
    bool met = false;
    in_threads(threads, [&](std::size_t thread) {
        for (int i = 0; i < rounds; ++i) {
            if (thread % 2 == 0) {
                mutex.lock();
            } else {
                while (!mutex.try_lock()) {
                    std::this_thread::yield();
                }
            }
            met = met || ++inside != 1;
            ++sum;
            --inside;
            mutex.unlock();
        }
    });
    CHECK_FALSE(met);
    CHECK(sum == static_cast<int>(threads) * rounds);
}

TEST_CASE("LightMutex: try_lock fails while another thread holds it, and succeeds again after", "[light_mutex]") {
    LightMutex mutex;
    REQUIRE(mutex.try_lock());
    std::jthread{[&] { CHECK_FALSE(mutex.try_lock()); }}.join();
    CHECK_FALSE(mutex.try_lock());
    mutex.unlock();
    std::jthread{[&] {
        const std::unique_lock lock{mutex, std::try_to_lock};
        CHECK(lock.owns_lock());
    }}.join();
    CHECK(mutex.try_lock());
    mutex.unlock();
}

TEST_CASE("LightMutex: a thread that watched it in vain gets it when it comes free", "[light_mutex][threads]") {
    LightMutex mutex;
    std::atomic<int> held{0};
    mutex.lock();
    {
        std::jthread other{[&] {
            held = 1;
            const std::scoped_lock lock{mutex};
            held = 2;
        }};
        while (held == 0) {
            std::this_thread::yield();
        }
        for (int i = 0; i < 1'000; ++i) {  // lets the other one watch and yield
            std::this_thread::yield();
        }
        CHECK(held == 1);
        mutex.unlock();
    }
    CHECK(held == 2);
}

TEST_CASE("LightMutex serves the locks of the standard library", "[light_mutex][threads]") {
    static_assert(!std::is_copy_constructible_v<LightMutex> && !std::is_move_assignable_v<LightMutex>);
    static_assert(std::is_nothrow_default_constructible_v<LightMutex>);
    LightMutex a;
    LightMutex b;
    int sum = 0;  // guarded by both
    in_threads(2, [&](std::size_t thread) {
        for (int i = 0; i < 5'000; ++i) {
            if (thread == 0) {
                const std::scoped_lock both{a, b};
                ++sum;
            } else {
                std::unique_lock second{b, std::defer_lock};
                std::unique_lock first{a, std::defer_lock};
                std::lock(second, first);
                ++sum;
            }
        }
    });
    CHECK(sum == 10'000);
}

TEST_CASE("A queue with a LightMutex does what a queue does", "[light_mutex]") {
    ManualClock clock;
    sqsim::Queue<ManualClock, std::string, LightMutex> dead{clock};
    sqsim::Queue<ManualClock, std::string, LightMutex> queue{clock, {.visibility_timeout = 30s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    queue.send_message("a");
    queue.send_message("b", {.delay = 5s});
    REQUIRE(queue.receive_message());
    CHECK_FALSE(queue.receive_message());
    clock.advance(30s);
    const auto b = queue.receive_message();
    REQUIRE(b);
    CHECK(b->body() == "b");
    CHECK(queue.delete_message(b->receipt_handle()));
    CHECK(queue.counts().total() == 0);
    CHECK(dead.counts().visible == 1);

    sqsim::FifoQueue<ManualClock, std::string, LightMutex> fifo{clock};
    fifo.send_message("1", "g", {.message_deduplication_id = "1"});
    CHECK(fifo.send_message("1", "g", {.message_deduplication_id = "1"}).deduplicated);
    CHECK(fifo.receive_messages().size() == 1);
}

TEMPLATE_TEST_CASE(
    "A long poll on a queue with a LightMutex is woken by a send, the end of a lease, a stop and its end",
    "[light_mutex][blocking]", (sqsim::Queue<ManualClock, std::string, LightMutex>),
    (sqsim::FifoQueue<ManualClock, std::string, LightMutex>)) {
    ManualClock clock;
    TestType queue{clock};
    const auto send = [&](const std::string& body) {
        if constexpr (requires { queue.send_message(body, "g", sqsim::FifoSendMessageOptions{}); }) {
            queue.send_message(body, body, {.message_deduplication_id = body});
        } else {
            queue.send_message(body);
        }
    };
    const auto poll = [&](const std::stop_token& stop) { return queue.receive_message({.wait_time = 20s}, stop); };

    blocked::Call sent{poll};
    clock.wait_for_waiters(1);
    send("a");
    const auto a = sent.get();
    REQUIRE(a);
    CHECK(a->body() == "a");

    blocked::Call returned{poll};
    clock.wait_for_waiters(1);
    CHECK(queue.change_message_visibility(a->receipt_handle(), 1s));
    clock.advance(1s);
    const auto again = returned.get();
    REQUIRE(again);
    CHECK(again->approximate_receive_count() == 2);
    CHECK(queue.delete_message(again->receipt_handle()));

    blocked::Call stopped{poll};
    clock.wait_for_waiters(1);
    stopped.request_stop();
    CHECK_FALSE(stopped.get());

    blocked::Call ended{poll};
    clock.wait_for_waiters(1);
    clock.advance(20s);
    CHECK_FALSE(ended.get());
}

TEST_CASE("Two threads that answer each other by long polls, with a LightMutex, miss no message",
          "[light_mutex][blocking][threads]") {
    constexpr int rounds = 300;
    std::array<Steady, 2> queues;
    std::atomic<int> heard{0};
    for (const auto spin : {0us, 100us}) {
        in_threads(2, [&](std::size_t end) {
            for (int i = 0; i < rounds; ++i) {
                if (end == 0) {
                    queues[0].send_message("to 1");
                }
                const auto message = queues[1 - end].receive_message({.wait_time = 20s, .spin = spin});
                heard += message && queues[1 - end].delete_message(message->receipt_handle()) ? 1 : 0;
                if (end == 1) {
                    queues[1].send_message("to 0");
                }
            }
        });
    }
    CHECK(heard == 4 * rounds);
}

TEST_CASE("Four producers and four consumers of a queue with a LightMutex: nothing is lost, nothing comes twice",
          "[light_mutex][threads]") {
    check_that_none_is_lost_or_doubled<Steady>();
}

TEST_CASE("Four producers and four consumers of a FIFO queue with a LightMutex: nothing is lost, nothing comes twice",
          "[light_mutex][threads][fifo]") {
    check_that_none_is_lost_or_doubled<SteadyFifo>();
}
