// SPDX-License-Identifier: MIT

// What a call costs the others: the threads that one send wakes, and the longest time for which a send waits while
// another thread's call has much to do.
//
//     cmake --build build --target sqsim_bench_stalls && build/bench/sqsim_bench_stalls herds stalls
//
// or, without CMake:
//
//     g++ -std=c++20 -O3 -march=x86-64-v2 -Iinclude bench/stalls/main.cpp -pthread -o stalls && ./stalls herds stalls

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <sys/resource.h>

using namespace std::chrono_literals;

namespace {

using Standard = sqsim::Queue<>;
using Fifo = sqsim::FifoQueue<>;

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

}  // namespace

int main(int argc, char** argv) {
    for (int i = 1; i < argc; ++i) {
        if (std::string_view{argv[i]} == "herds") {
            herds();
        }
    }
}
