// SPDX-License-Identifier: MIT

// What it costs to have many queues on one clock: to make and end them, and to move the time when few have something
// due.

#include "harness.hpp"

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/queue.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <type_traits>
#include <vector>

namespace bench {
namespace {

using namespace std::chrono_literals;

template <class QueueType>
class ManyQueues {
public:
    explicit ManyQueues(std::size_t count) {
        queues_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            queues_.push_back(std::make_unique<QueueType>(clock_));
        }
    }

    [[nodiscard]] sqsim::ManualClock& clock() noexcept { return clock_; }
    [[nodiscard]] QueueType& operator[](std::size_t i) noexcept { return *queues_[i]; }

    void use_all() {
        for (auto& queue : queues_) {
            send(*queue);
        }
    }
    static void send(QueueType& queue) {
        if constexpr (requires { queue.send_message("body"); }) {
            queue.send_message("body");
        } else {
            queue.send_message("body", "group", {.message_deduplication_id = "id"});
        }
    }
    /// The first ones end first.
    void end_all() {
        for (auto& queue : queues_) {
            queue.reset();
        }
    }

private:
    sqsim::ManualClock clock_{};
    std::vector<std::unique_ptr<QueueType>> queues_{};
};

/// One iteration is one queue.
template <class QueueType>
void make_and_end(const std::string& kind, std::size_t count, bool is_used) {
    const std::string name = "queues/make_and_end/" + kind + (is_used ? "/used/" : "/unused/") + std::to_string(count);
    add(name, {}, [=](benchmark::State& state) {
        const std::size_t repeats = quick() ? 1 : 100'000 / count;
        while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(repeats * count))) {
            const double start = busy_seconds();
            for (std::size_t i = 0; i < repeats; ++i) {
                ManyQueues<QueueType> queues{count};
                if (is_used) {
                    queues.use_all();
                }
                queues.end_all();
            }
            state.SetIterationTime(busy_seconds() - start);
        }
    });
}

/// One iteration is one advance, which one queue's lease ends in.
template <class QueueType>
void advance(const std::string& kind, std::size_t count) {
    add("queues/advance/" + kind + "/" + std::to_string(count), {}, [=](benchmark::State& state) {
        ManyQueues<QueueType> queues{count};
        queues.use_all();
        queues.clock().advance(1s);
        const std::size_t steps = quick() ? 1 : 100;
        while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(steps))) {
            const double start = busy_seconds();
            for (std::size_t i = 0; i < steps; ++i) {
                static_cast<void>(queues[count / 2].receive_message({.visibility_timeout = 1s}));
                queues.clock().advance(1s);
            }
            state.SetIterationTime(busy_seconds() - start);
        }
    });
}

template <class Lock>
void add_both(const std::string& lock) {
    using Queue = sqsim::Queue<sqsim::ManualClock, std::string, Lock>;
    using FifoQueue = sqsim::FifoQueue<sqsim::ManualClock, std::string, Lock>;
    for (const std::size_t count : {std::size_t{1}, std::size_t{1'000}, std::size_t{100'000}}) {
        if (wanted(count)) {
            for (const bool is_used : {false, true}) {
                make_and_end<Queue>("standard/" + lock, count, is_used);
                make_and_end<FifoQueue>("fifo/" + lock, count, is_used);
            }
            advance<Queue>("standard/" + lock, count);
            advance<FifoQueue>("fifo/" + lock, count);
        }
    }
}

[[maybe_unused]] const bool registered = [] {
    add_both<std::mutex>("mutex");
    add_both<sqsim::NullMutex>("null");
    return true;
}();

}  // namespace
}  // namespace bench
