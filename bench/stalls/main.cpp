// SPDX-License-Identifier: MIT

// What a call costs the others: the threads that one send wakes, and the longest time for which a send waits while
// another thread's call has much to do.
//
//     cmake --build build --target sqsim_bench_stalls && build/bench/sqsim_bench_stalls herds stalls purge
//
// or, without CMake:
//
//     g++ -std=c++20 -O3 -march=x86-64-v2 -Iinclude bench/stalls/main.cpp -pthread -o stalls
//     ./stalls herds stalls purge

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

/// Runs by itself, and jumps ahead when it is told to: so much ends at one instant.
struct JumpingClock {
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<JumpingClock>;
    static constexpr bool is_steady = true;
    static time_point now() noexcept {
        return time_point{std::chrono::steady_clock::now().time_since_epoch() + duration{ahead.load()}};
    }
    static inline std::atomic<rep> ahead{0};
};

/// A lock that knows for how long it was held at the longest, in processor time: other programs on the machine disturb
/// that less than the time for which somebody waits.
class TimedMutex {
public:
    void lock() {
        mutex_.lock();
        since_ = busy_seconds();
    }
    [[nodiscard]] bool try_lock() {
        if (!mutex_.try_lock()) {
            return false;
        }
        since_ = busy_seconds();
        return true;
    }
    void unlock() {
        longest = std::max(longest, busy_seconds() - since_);
        mutex_.unlock();
    }
    static inline double longest = 0;

private:
    [[nodiscard]] static double busy_seconds() noexcept {
        std::timespec time{};
        ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
        return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
    }
    std::mutex mutex_{};
    double since_ = 0;
};

using Standard = sqsim::Queue<JumpingClock, std::string, TimedMutex>;
using Fifo = sqsim::FifoQueue<JumpingClock, std::string, TimedMutex>;

template <class Queue>
constexpr bool is_fifo = std::is_same_v<Queue, Fifo>;

template <class Queue>
[[nodiscard]] auto options() {
    if constexpr (is_fifo<Queue>) {
        return sqsim::FifoQueueOptions{.limits = sqsim::Limits::none()};
    } else {
        return sqsim::QueueOptions{.limits = sqsim::Limits::none()};
    }
}

template <class Queue>
void send(Queue& queue, std::size_t number) {
    if constexpr (is_fifo<Queue>) {
        const std::string text = std::to_string(number);
        queue.send_message(text, text, {.message_deduplication_id = text});
    } else {
        queue.send_message("a message");
    }
}

/// What the program has used up.
struct Usage {
    long voluntary = 0;
    long involuntary = 0;
    double seconds = 0;
};
[[nodiscard]] Usage usage() {
    ::rusage now{};
    ::getrusage(RUSAGE_SELF, &now);
    const auto seconds = [](const ::timeval& time) {
        return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
    };
    return {now.ru_nvcsw, now.ru_nivcsw, seconds(now.ru_utime) + seconds(now.ru_stime)};
}

/// What each of so many sends costs while a thousand receives wait, and those who receive delete and wait again.
template <class Queue>
void herd(const char* name, std::size_t sends) {
    auto how = options<Queue>();
    Queue queue{how};
    std::atomic<std::size_t> received{0};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 1000; ++i) {
        threads.emplace_back([&](const std::stop_token& stop) {
            while (const auto message = queue.receive_message({.wait_time = 1h}, stop)) {
                queue.delete_message(message->receipt_handle());
                ++received;
            }
        });
    }
    std::this_thread::sleep_for(500ms);  // until all of them wait
    const Usage before = usage();
    for (std::size_t i = 0; i < sends; ++i) {
        send(queue, i);
        while (received <= i) {
            std::this_thread::sleep_for(200us);
        }
    }
    std::this_thread::sleep_for(300ms);  // until those who were woken wait again
    const Usage after = usage();
    const auto per_send = 1 / static_cast<double>(sends);
    std::printf(
        "herd/%-10s %4zu sends, each: %8.1f context switches (%.1f involuntary), %8.3f ms of processor\n", name, sends,
        static_cast<double>(after.voluntary - before.voluntary + after.involuntary - before.involuntary) * per_send,
        static_cast<double>(after.involuntary - before.involuntary) * per_send,
        (after.seconds - before.seconds) * 1e3 * per_send);
    for (auto& thread : threads) {
        thread.request_stop();
    }
}

void herds() {
    for (int round = 0; round < 3; ++round) {
        herd<Standard>("standard", 1);
        herd<Fifo>("fifo", 1);
    }
    herd<Standard>("standard", 200);
    herd<Fifo>("fifo", 200);
}

/// The longest sends of a thread that sends as long as another works.
template <class Queue>
class Sender {
public:
    explicit Sender(Queue& queue)
        : thread_{[this, &queue](const std::stop_token& stop) {
              for (std::size_t i = 0; !stop.stop_requested(); ++i) {
                  const auto start = std::chrono::steady_clock::now();
                  send(queue, 1'000'000'000 + i);
                  times_.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
                  if (i % 64 == 0) {
                      std::this_thread::yield();
                  }
              }
          }} {
        times_.reserve(1 << 22);
    }
    void report(const char* what, std::size_t messages, double seconds) {
        thread_.request_stop();
        thread_.join();
        std::sort(times_.begin(), times_.end(), std::greater{});
        std::printf(
            "%-20s %8zu messages: the call %7.1f ms, the lock at most %7.3f ms; of %6zu sends the longest %7.3f "
            "ms, the third %7.3f ms\n",
            what, messages, seconds * 1e3, TimedMutex::longest * 1e3, times_.size(),
            times_.empty() ? 0 : times_[0] * 1e3, times_.size() < 3 ? 0 : times_[2] * 1e3);
    }

private:
    std::vector<double> times_{};
    std::jthread thread_;
};

enum class Work { nothing, purge, leases, retentions };

/// What a sender meets while another thread makes one call that finds so many messages to see to.
template <class Queue>
void stall(const char* what, Work work, std::size_t messages) {
    auto how = options<Queue>();
    how.visibility_timeout = 1h;
    Queue queue{how};
    for (std::size_t i = 0; i < messages; ++i) {
        send(queue, i);
    }
    std::vector<typename Queue::message_type> received(10);
    if (work == Work::leases) {
        while (queue.receive_messages(received, {.max_number_of_messages = 10}) != 0) {
        }
        received.clear();
    }
    Sender<Queue> sender{queue};
    std::this_thread::sleep_for(20ms);
    if (work == Work::leases) {
        JumpingClock::ahead += JumpingClock::duration{2h}.count();
    } else if (work == Work::retentions) {
        JumpingClock::ahead += JumpingClock::duration{5 * 24h}.count();
    }
    TimedMutex::longest = 0;
    const auto start = std::chrono::steady_clock::now();
    if (work == Work::purge) {
        queue.purge();
    } else if (work == Work::nothing) {
        std::this_thread::sleep_for(100ms);
    } else {
        static_cast<void>(queue.counts());
    }
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - start;
    sender.report(what, messages, time.count());
}

template <class Queue>
void stalls_of(const std::string& name, std::size_t messages) {
    stall<Queue>((name + "/nothing").c_str(), Work::nothing, messages);
    stall<Queue>((name + "/purge").c_str(), Work::purge, messages);
    stall<Queue>((name + "/leases").c_str(), Work::leases, messages);
    stall<Queue>((name + "/retentions").c_str(), Work::retentions, messages);
}

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        const std::string_view which{argv[i]};
        if (which == "herds") {
            herds();
        } else if (which == "stalls") {
            stalls_of<Standard>("standard", 1'000'000);
            stalls_of<Fifo>("fifo", 1'000'000);
        } else if (which == "purge") {  // takes about 1.5 GB
            stall<Standard>("standard/purge", Work::purge, 10'000'000);
        }
    }
}
