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

#if defined(__linux__)
#    include <pthread.h>
#    include <sched.h>
#endif

namespace bench {
namespace {

#if defined(__linux__)
/// The processors that the program may use; asked before any thread is bound to one.
const std::vector<std::size_t> processors = [] {
    std::vector<std::size_t> allowed;
    ::cpu_set_t set;
    CPU_ZERO(&set);
    if (::sched_getaffinity(0, sizeof set, &set) == 0) {
        for (std::size_t i = 0; i < CPU_SETSIZE; ++i) {
            if (CPU_ISSET(i, &set)) {
                allowed.push_back(i);
            }
        }
    }
    return allowed;
}();
#endif

/// Binds this thread to one of two processors, if there are two: where threads run, and whether they wander, must not
/// be luck. Producers and consumers alternate, and every second pair the other way round: of four threads there is one
/// of each on either.
void bind_thread(std::size_t index) {
#if defined(__linux__)
    if (processors.size() >= 2) {
        ::cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(processors[(index + index / 2) % 2], &set);
        ::pthread_setaffinity_np(::pthread_self(), sizeof set, &set);
    }
#else
    static_cast<void>(index);
#endif
}

/// Runs `warm_up(index)` and then `work(index)` in so many threads at once. Returns: the seconds from the first start
/// to the last end of the work, which the threads stamp themselves: the thread that waits for them would be late by a
/// time slice.
template <class WarmUp, class Work>
[[nodiscard]] double run_threads(std::size_t count, WarmUp warm_up, Work work) {
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
                bind_thread(i);
                warm_up(i);
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

/// Producers and consumers, as many of each, and the queue between them. The producers keep within a bound of what was
/// taken: an endless backlog would measure page faults. Each looks at the others' counts only once in a thousand
/// messages, or when it finds nothing.
template <class Contender>
class Traffic {
public:
    Traffic(std::size_t pairs, std::size_t batch, std::size_t body_size)
        : pairs_{pairs}, batch_{batch}, contender_{body_size}, ends_(2 * pairs) {}

    [[nodiscard]] std::size_t threads() const { return ends_.size(); }

    /// A thread's part in moving messages until `total` of them were taken since the beginning: the even threads
    /// produce, the odd ones consume.
    void run(std::size_t thread, std::size_t total) {
        End& end = ends_[thread];
        if (!end.port) {
            end.port = std::make_unique<Port>(contender_);
        }
        thread % 2 == 0 ? produce(end, total / pairs_) : consume(end, total);
    }

private:
    using Port = typename Contender::Port;
    struct alignas(128) End {
        std::atomic<std::size_t> messages{0};
        std::unique_ptr<Port> port{};
    };

    void produce(End& end, std::size_t until) {
        std::size_t own = end.messages.load(std::memory_order_relaxed);
        while (own < until) {
            end.port->put(batch_);
            own += batch_;
            end.messages.store(own, std::memory_order_relaxed);
            while (own % 1'000 == 0 && sum(0) > sum(1) + bound) {
                std::this_thread::yield();
            }
        }
    }

    void consume(End& end, std::size_t total) {
        std::size_t own = end.messages.load(std::memory_order_relaxed);
        while (true) {
            if (const std::size_t got = end.port->take(batch_); got != 0) {
                own += got;
                end.messages.store(own, std::memory_order_relaxed);
            } else if (sum(1) == total) {
                return;
            } else {
                std::this_thread::yield();
            }
        }
    }

    /// What all producers (0) or all consumers (1) have done.
    [[nodiscard]] std::size_t sum(std::size_t first) const {
        std::size_t total = 0;
        for (std::size_t i = first; i < ends_.size(); i += 2) {
            total += ends_[i].messages.load(std::memory_order_relaxed);
        }
        return total;
    }

    static constexpr std::size_t bound = 20'000;
    std::size_t pairs_;
    std::size_t batch_;
    Contender contender_;
    std::vector<End> ends_;
};

/// Moves messages through a queue of its own. Returns: the seconds for each.
template <class Contender>
[[nodiscard]] double move_messages(std::size_t pairs, std::size_t batch, std::size_t body_size, std::size_t messages) {
    const std::size_t warm_up = messages / 10;
    Traffic<Contender> traffic{pairs, batch, body_size};
    const double taken = run_threads(
        traffic.threads(), [&](std::size_t thread) { traffic.run(thread, warm_up); },
        [&](std::size_t thread) { traffic.run(thread, warm_up + messages); });
    return taken / static_cast<double>(messages);
}

/// As `take_turns`, for work that times itself: each returns the seconds for one message.
template <class Work, class Other>
void alternate(benchmark::State& state, std::size_t messages, Work work, const std::string& name, Other other) {
    const std::size_t turns = quick() ? 1 : 3;
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(messages))) {
        std::vector<double> times;
        std::vector<double> times_of_other;
        for (std::size_t i = 0; i < turns; ++i) {
            times.push_back(work());
            times_of_other.push_back(other());
        }
        state.SetIterationTime(median(times) * static_cast<double>(messages));
        state.counters["+" + name] = median(times_of_other) * 1e9;
    }
}

template <class Contender>
void throughputs(const std::string& name) {
    struct Case {
        std::size_t pairs;
        std::size_t batch;
        std::size_t body_size;
    };
    const std::size_t messages = quick() ? 8'000 : 200'000;  // a tenth of it is whole batches for each producer
    for (const Case& each : {Case{1, 1, 64}, Case{1, 10, 64}, Case{1, 10, 1024}, Case{2, 1, 64}, Case{2, 10, 64},
                             Case{8, 1, 64}, Case{8, 10, 64}}) {
        const std::string pairs = std::to_string(each.pairs);
        add(
            per("threads/" + pairs + "P" + pairs + "C/" + name, each.batch, each.body_size), {"+" + yardstick},
            [=](benchmark::State& state) {
                const auto run = [&](auto move) {
                    return [=] { return move(each.pairs, each.batch, each.body_size, messages); };
                };
                alternate(state, messages, run(move_messages<Contender>), yardstick, run(move_messages<Yardstick>));
            },
            messages);
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

/// Options that can say for how long a receive spins before it parks its thread.
template <class Options>
concept CanSpin = requires(Options options, std::chrono::nanoseconds time) {
    options.spin = time;
};

template <class Options = sqsim::ReceiveMessageOptions, bool Spin = false>
struct LongPolls {
    using Queue = sqsim::Queue<std::chrono::steady_clock>;
    void say(std::size_t end) { queues[end].send_message(body); }
    void hear(std::size_t end) {
        Options options{.wait_time = std::chrono::seconds{20}};
        if constexpr (Spin) {
            options.spin = std::chrono::microseconds{100};
        }
        const auto message = queues[1 - end].receive_message(options);
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

/// Returns: the seconds for a round trip, the median of stretches of some: one late wake-up by a busy machine would
/// spoil a mean.
template <class Conversation>
[[nodiscard]] double round_trip(std::size_t stretches) {
    constexpr std::size_t stretch = 20;
    const auto conversation = std::make_unique<Conversation>();
    std::vector<double> times;
    times.reserve(stretches);
    const auto talk = [&](std::size_t end) {
        for (std::size_t i = 0; i < stretch; ++i) {
            if (end == 0) {
                conversation->say(end);
            }
            conversation->hear(end);
            if (end == 1) {
                conversation->say(end);
            }
        }
    };
    static_cast<void>(run_threads(2, talk, [&](std::size_t end) {
        for (std::size_t i = 0; i < stretches; ++i) {
            const Stamp start = stamp();
            talk(end);
            if (end == 0) {
                times.push_back(std::chrono::duration<double>(stamp() - start).count());
            }
        }
    }));
    return median(times) / stretch;
}

template <class Conversation, class Other>
void contest(const std::string& name, const std::string& other) {
    const std::size_t stretches = quick() ? 5 : 200;
    add(
        "round_trip/" + name + "/" + other, {"+" + other},
        [=](benchmark::State& state) {
            alternate(
                state, 1, [=] { return round_trip<Conversation>(stretches); }, other,
                [=] { return round_trip<Other>(stretches); });
        },
        1);
}

/// The goal for a receive that spins is measured as soon as there is an option for it.
template <class Options>
void contest_spinning() {
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    if constexpr (CanSpin<Options>) {
        contest<LongPolls<Options, true>, WaitDequeues>("long_poll_spinning", "wait_dequeue");
    }
#endif
}

[[maybe_unused]] const bool registered = [] {
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    throughputs<MutexDeque>("mutex_deque");
#endif
#ifdef SQSIM_BENCH_HAVE_TBB
    throughputs<TbbBounded>("tbb_bounded");
#endif
    throughputs<Standard<sqsim::ManualClock, std::mutex>>("mutex/manual");
    throughputs<Standard<sqsim::ManualClock, sqsim::LightMutex>>("light/manual");
    throughputs<Standard<std::chrono::steady_clock, std::mutex>>("mutex/steady");
    throughputs<Standard<std::chrono::steady_clock, std::mutex, true>>("mutex/steady/delete_and_receive");

    contest<LongPolls<>, ConditionVariables>("long_poll", "condition_variable");
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    contest<WaitDequeues, ConditionVariables>("wait_dequeue", "condition_variable");
#endif
    contest_spinning<sqsim::ReceiveMessageOptions>();
    return true;
}();

}  // namespace
}  // namespace bench
