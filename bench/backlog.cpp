// SPDX-License-Identifier: MIT

// Does a message cost more when many others are stored? Ready messages, messages in flight, and memory.

#include "contenders.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#if defined(__GLIBC__) && (__GLIBC__ > 2 || __GLIBC_MINOR__ >= 33)
#    include <malloc.h>
#    define SQSIM_BENCH_COUNTS_MEMORY
#endif

namespace bench {
namespace {

using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;

/// SQSIM_BENCH_HUGE=1 adds ten million messages: several gigabytes.
[[nodiscard]] bool huge() {
    const char* const value = std::getenv("SQSIM_BENCH_HUGE");
    return value != nullptr && std::string_view{value} == "1";
}

template <class Queue>
void backlog(const std::string& queue_name, bool is_yardstick) {
    std::vector<std::size_t> sizes{0, 1'000, 100'000, 1'000'000};
    if (huge()) {
        sizes.push_back(10'000'000);
    }
    for (const std::size_t size : sizes) {
        const std::string scenario = "backlog/";
        std::vector<std::string> baselines;
        if (!is_yardstick) {
            baselines.push_back(scenario + yardstick + "/" + magnitude(size));
            if (size > 1'000) {
                baselines.push_back(scenario + queue_name + "/1e3");
            }
        }
        add(
            scenario + queue_name + "/" + magnitude(size), baselines,
            [=](benchmark::State& state) {
                Queue queue{64};
                typename Queue::Port port{queue};
                for (std::size_t stored = 0; stored < size; stored += 10) {
                    port.put(10);
                }
                pass(port, 1'000, 10);
                measure(state, 10'000, [&] { pass(port, 10'000, 10); });
            },
            200'000);
    }
}

/// The oldest message in flight is deleted whenever a new one is received.
void in_flight() {
    for (const std::size_t size : {10U, 1'000U, 100'000U, 1'000'000U}) {
        const std::string name = "in_flight/";
        std::vector<std::string> baselines{transfer(10)};
        if (size > 1'000) {
            baselines.push_back(name + "1e3");
        }
        add(
            name + magnitude(size), baselines,
            [=](benchmark::State& state) {
                Contender contender{64};
                auto& queue = contender.queue();
                std::array<std::string_view, 10> bodies;
                bodies.fill(contender.body());
                std::array<Contender::Message, 10> messages;
                std::vector<sqsim::ReceiptHandle> handles(size);
                std::size_t oldest = 0;
                const auto receive_into = [&](std::size_t place) {
                    queue.send_messages(std::span<const std::string_view>{bodies});
                    queue.receive_messages(std::span{messages});
                    for (std::size_t i = 0; i < 10; ++i) {
                        look_at(messages[i].body());
                        handles[place + i] = messages[i].receipt_handle();
                    }
                };
                for (std::size_t place = 0; place < size; place += 10) {
                    receive_into(place);
                }
                measure(state, 10'000, [&] {
                    for (std::size_t done = 0; done < 10'000; done += 10) {
                        benchmark::DoNotOptimize(queue.delete_messages(std::span{handles}.subspan(oldest, 10)));
                        receive_into(oldest);
                        oldest = oldest + 10 == size ? 0 : oldest + 10;
                    }
                });
            },
            200'000);
    }
}

#ifdef SQSIM_BENCH_COUNTS_MEMORY
[[nodiscard]] double bytes_in_use() {
    const auto memory = ::mallinfo2();
    return static_cast<double>(memory.uordblks + memory.hblkhd);
}

/// What a ready message needs beside its body. The time is that of filling fresh memory.
template <class Queue>
void memory(const std::string& queue_name, const std::vector<std::string>& baseline_queues) {
    struct Case {
        std::size_t body_size;
        std::size_t messages;
        const char* name;
    };
    for (const Case& each : {Case{64, 1'000'000, "/64B"}, Case{1024, 100'000, "/1KiB"}}) {
        std::vector<std::string> baselines;
        for (const std::string& baseline : baseline_queues) {
            baselines.push_back("memory/" + baseline + each.name);
        }
        add(
            "memory/" + queue_name + each.name, baselines,
            [=](benchmark::State& state) {
                double bytes = 0;
                keep_a_second_thread();
                while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(each.messages))) {
                    const double before = bytes_in_use();
                    Queue queue{each.body_size};
                    typename Queue::Port port{queue};
                    const double start = busy_seconds();
                    for (std::size_t stored = 0; stored < each.messages; stored += 10) {
                        port.put(10);
                    }
                    state.SetIterationTime(busy_seconds() - start);
                    bytes = (bytes_in_use() - before) / static_cast<double>(each.messages);
                }
                state.counters["bytes"] = bytes - static_cast<double>(each.body_size);
            },
            each.messages);
    }
}
#endif

[[maybe_unused]] const bool registered = [] {
    backlog<Yardstick>(yardstick, true);
    backlog<Contender>("standard", false);
    in_flight();
#ifdef SQSIM_BENCH_COUNTS_MEMORY
    memory<Yardstick>(yardstick, {});
#    ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    memory<MutexDeque>("mutex_deque", {yardstick});
#    endif
    memory<Contender>("standard", {yardstick});
#endif
    return true;
}();

}  // namespace
}  // namespace bench
