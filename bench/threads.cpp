// SPDX-License-Identifier: MIT

// Several threads: throughput, and the time from a send to a receive that waits for it.

#include "contenders.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace bench {
namespace {

/// Runs `work(index)` in so many threads at once. Returns: the seconds from the first start to the last end, which the
/// threads stamp themselves: the thread that waits for them would be late by a time slice.
template <class Work>
[[nodiscard]] double run_threads(std::size_t count, Work work) {
    struct alignas(128) Times {
        Stamp start{};
        Stamp end{};
    };
    std::vector<Times> times(count);
    std::barrier start{static_cast<std::ptrdiff_t>(count)};
    {
        std::vector<std::jthread> threads;
        for (std::size_t i = 0; i < count; ++i) {
            threads.emplace_back([&, i] {
                start.arrive_and_wait();
                times[i].start = stamp();
                work(i);
                times[i].end = stamp();
            });
        }
    }
    const auto by_start = [](const Times& a, const Times& b) { return a.start < b.start; };
    const auto by_end = [](const Times& a, const Times& b) { return a.end < b.end; };
    return std::chrono::duration<double>(std::max_element(times.begin(), times.end(), by_end)->end -
                                         std::min_element(times.begin(), times.end(), by_start)->start)
        .count();
}

/// Half of the threads send, half of them take until everything is gone. The producers keep within a bound of what was
/// taken: an endless backlog would measure page faults.
template <class Contender>
void throughput(benchmark::State& state, std::size_t pairs, std::size_t batch, std::size_t body_size) {
    constexpr std::size_t messages = 200'000;
    constexpr std::size_t bound = 20'000;
    struct alignas(128) Count {
        std::atomic<std::size_t> value{0};
    };
    while (state.KeepRunningBatch(messages)) {
        Contender contender{body_size};
        std::vector<Count> sent(pairs);
        std::vector<Count> taken(pairs);
        const auto sum = [](const std::vector<Count>& counts) {
            std::size_t total = 0;
            for (const Count& count : counts) {
                total += count.value.load(std::memory_order_relaxed);
            }
            return total;
        };
        const auto produce = [&](std::size_t index) {
            typename Contender::Port port{contender};
            for (std::size_t done = 0; done < messages / pairs; done += batch) {
                port.put(batch);
                sent[index].value.store(done + batch, std::memory_order_relaxed);
                while (done % 1'000 == 0 && sum(sent) > sum(taken) + bound) {
                    std::this_thread::yield();
                }
            }
        };
        const auto consume = [&](std::size_t index) {
            typename Contender::Port port{contender};
            std::size_t own = 0;
            while (true) {
                if (const std::size_t got = port.take(batch); got != 0) {
                    own += got;
                    taken[index].value.store(own, std::memory_order_relaxed);
                } else if (sum(taken) == messages) {
                    return;
                } else {
                    std::this_thread::yield();
                }
            }
        };
        state.SetIterationTime(run_threads(
            2 * pairs, [&](std::size_t index) { index < pairs ? produce(index) : consume(index - pairs); }));
    }
}

template <class Contender>
void throughputs(const std::string& name, bool compared = true) {
    struct Case {
        std::size_t pairs;
        std::size_t batch;
        std::size_t body_size;
    };
    for (const Case& each : {Case{1, 1, 64}, Case{1, 10, 64}, Case{1, 10, 1024}, Case{2, 1, 64}, Case{2, 10, 64}}) {
        const std::string scenario = "threads/" + std::to_string(each.pairs) + "P" + std::to_string(each.pairs) + "C/";
        std::vector<std::string> baselines;
        if (compared) {
            baselines.push_back(per(scenario + yardstick, each.batch, each.body_size));
        }
        add(
            per(scenario + name, each.batch, each.body_size), baselines,
            [=](auto& state) { throughput<Contender>(state, each.pairs, each.batch, each.body_size); }, 200'000);
    }
}

// A round trip: a thread sends, another one waits for it and answers, and the first one waits for the answer.

/// Both ends of a conversation; `say(i)` towards the other end, `hear(i)` what it said.
struct ConditionVariables {
    struct Flag {
        std::mutex mutex{};
        std::condition_variable changed{};
        bool set = false;
    };
    void say(std::size_t end) {
        Flag& flag = flags[end];
        {
            const std::scoped_lock lock{flag.mutex};
            flag.set = true;
        }
        flag.changed.notify_one();
    }
    void hear(std::size_t end) {
        Flag& flag = flags[1 - end];
        std::unique_lock lock{flag.mutex};
        flag.changed.wait(lock, [&] { return flag.set; });
        flag.set = false;
    }
    std::array<Flag, 2> flags{};
};

struct LongPolls {
    using Queue = sqsim::Queue<std::chrono::steady_clock>;
    void say(std::size_t end) { queues[end].send_message(body); }
    void hear(std::size_t end) {
        const auto message = queues[1 - end].receive_message({.wait_time = std::chrono::seconds{20}});
        look_at(message->body());
        queues[1 - end].delete_message(message->receipt_handle());
    }
    std::string body = text_of(64);
    std::array<Queue, 2> queues;
};

#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
struct WaitDequeues {
    void say(std::size_t end) { queues[end].enqueue(std::string{body}); }
    void hear(std::size_t end) {
        std::string message;
        queues[1 - end].wait_dequeue(message);
        look_at(message);
    }
    std::string body = text_of(64);
    std::array<moodycamel::BlockingConcurrentQueue<std::string>, 2> queues;
};
#endif

template <class Conversation>
void round_trip(benchmark::State& state) {
    constexpr std::size_t rounds = 2'000;
    while (state.KeepRunningBatch(rounds)) {
        const auto conversation = std::make_unique<Conversation>();
        state.SetIterationTime(run_threads(2, [&](std::size_t end) {
            for (std::size_t i = 0; i < rounds; ++i) {
                if (end == 0) {
                    conversation->say(end);
                }
                conversation->hear(end);
                if (end == 1) {
                    conversation->say(end);
                }
            }
        }));
    }
}

[[maybe_unused]] const bool registered = [] {
    throughputs<Yardstick>(yardstick, false);
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    throughputs<MutexDeque>("mutex_deque");
#endif
#ifdef SQSIM_BENCH_HAVE_TBB
    throughputs<TbbBounded>("tbb_bounded");
#endif
    throughputs<Standard<sqsim::ManualClock, std::mutex>>("mutex/manual");
    throughputs<Standard<std::chrono::steady_clock, std::mutex>>("mutex/steady");
    throughputs<Standard<std::chrono::steady_clock, std::mutex, true>>("mutex/steady/delete_and_receive");

    std::vector<std::string> baselines{"round_trip/condition_variable"};
    add("round_trip/condition_variable", {}, round_trip<ConditionVariables>, 4'000);
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    add("round_trip/moodycamel_wait_dequeue", baselines, round_trip<WaitDequeues>, 4'000);
    baselines.push_back("round_trip/moodycamel_wait_dequeue");
#endif
    add("round_trip/long_poll", baselines, round_trip<LongPolls>, 4'000);
    return true;
}();

}  // namespace
}  // namespace bench
