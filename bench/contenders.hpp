// SPDX-License-Identifier: MIT
#pragma once

#include "harness.hpp"

#include "sqsim/clock/coarse_clock.hpp"
#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/light_mutex.hpp"
#include "sqsim/queue.hpp"

#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
#    include <blockingconcurrentqueue.h>
#endif
#ifdef SQSIM_BENCH_HAVE_TBB
#    include <tbb/concurrent_queue.h>
#endif

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <iterator>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// The queues that compete, under one interface. A contender is the shared queue; each thread uses it through a port
// of its own. `put(n)` sends n messages, n up to ten; `take(n)` takes up to n, looks at them, and ends their lives.
// Returns: how many.

namespace bench {

/// sqsim's standard queue: the full life of a message, with an explicit delete. With `Fused`, the delete of one batch
/// and the receive of the next are one call.
template <class C, class Lock, bool Fused = false>
class Standard {
public:
    using Queue = sqsim::Queue<C, std::string, Lock>;
    using Message = typename Queue::message_type;

    explicit Standard(std::size_t body_size) : body_{text_of(body_size)}, queue_{clock_, options()} {}

    class Port {
    public:
        explicit Port(Standard& shared) : queue_{shared.queue_}, body_{shared.body_} { bodies_.fill(body_); }

        void put(std::size_t count) {
            if (count == 1) {
                queue_.send_message(body_);
            } else {
                queue_.send_messages(std::span<const std::string_view>{bodies_.data(), count});
            }
        }

        std::size_t take(std::size_t count) {
            if constexpr (Fused) {
                held_ = queue_.delete_and_receive({handles_.data(), held_}, {messages_.data(), count});
                note_handles(held_);
                return held_;
            }
            if (count == 1) {
                const auto message = queue_.receive_message();
                if (!message) {
                    return 0;
                }
                look_at(message->body());
                queue_.delete_message(message->receipt_handle());
                return 1;
            }
            const std::size_t received = queue_.receive_messages({messages_.data(), count});
            if (received != 0) {
                note_handles(received);
                benchmark::DoNotOptimize(queue_.delete_messages({handles_.data(), received}));
            }
            return received;
        }

    private:
        void note_handles(std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) {
                look_at(messages_[i].body());
                handles_[i] = messages_[i].receipt_handle();
            }
        }

        Queue& queue_;
        std::string_view body_;
        std::array<std::string_view, 10> bodies_{};
        std::array<Message, 10> messages_{};
        std::array<sqsim::ReceiptHandle, 10> handles_{};
        std::size_t held_ = 0;
    };

    [[nodiscard]] C& clock() noexcept { return clock_; }
    [[nodiscard]] Queue& queue() noexcept { return queue_; }
    [[nodiscard]] std::string_view body() const noexcept { return body_; }

private:
    [[nodiscard]] static sqsim::QueueOptions options() {
        sqsim::QueueOptions options;
        options.limits.maximum_in_flight = sqsim::unlimited;
        return options;
    }

    std::string body_;
    C clock_{};
    Queue queue_;
};

/// What everybody writes first: a lock and a sequence of strings.
class MutexDeque {
public:
    explicit MutexDeque(std::size_t body_size) : body_{text_of(body_size)} {}

    class Port {
    public:
        explicit Port(MutexDeque& shared) : shared_{shared} {}

        void put(std::size_t count) {
            std::array<std::string, 10> bodies;
            std::fill_n(bodies.begin(), count, shared_.body_);
            const std::scoped_lock lock{shared_.mutex_};
            std::move(bodies.begin(), bodies.begin() + static_cast<std::ptrdiff_t>(count),
                      std::back_inserter(shared_.bodies_));
        }

        std::size_t take(std::size_t count) {
            std::array<std::string, 10> bodies;
            std::size_t taken = 0;
            {
                const std::scoped_lock lock{shared_.mutex_};
                for (; taken < count && !shared_.bodies_.empty(); ++taken) {
                    bodies[taken] = std::move(shared_.bodies_.front());
                    shared_.bodies_.pop_front();
                }
            }
            for (std::size_t i = 0; i < taken; ++i) {
                look_at(bodies[i]);
            }
            return taken;
        }

    private:
        MutexDeque& shared_;
    };

private:
    std::string body_;
    std::mutex mutex_{};
    std::deque<std::string> bodies_{};
};

#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
/// The yardstick: a fast concurrent queue that transfers bodies and does nothing else.
class Moodycamel {
public:
    explicit Moodycamel(std::size_t body_size) : body_{text_of(body_size)} {}

    class Port {
    public:
        explicit Port(Moodycamel& shared) : shared_{shared} {}

        void put(std::size_t count) {
            if (count == 1) {
                shared_.queue_.enqueue(std::string{shared_.body_});
                return;
            }
            std::array<std::string, 10> bodies;
            std::fill_n(bodies.begin(), count, shared_.body_);
            shared_.queue_.enqueue_bulk(std::make_move_iterator(bodies.begin()), count);
        }

        std::size_t take(std::size_t count) {
            if (count == 1) {
                std::string body;
                if (!shared_.queue_.try_dequeue(body)) {
                    return 0;
                }
                look_at(body);
                return 1;
            }
            std::array<std::string, 10> bodies;
            const std::size_t taken = shared_.queue_.try_dequeue_bulk(bodies.begin(), count);
            for (std::size_t i = 0; i < taken; ++i) {
                look_at(bodies[i]);
            }
            return taken;
        }

    private:
        Moodycamel& shared_;
    };

private:
    std::string body_;
    moodycamel::BlockingConcurrentQueue<std::string> queue_{};
};
#endif

#ifdef SQSIM_BENCH_HAVE_TBB
/// It has no batches: a batch is as many single messages.
class TbbBounded {
public:
    explicit TbbBounded(std::size_t body_size) : body_{text_of(body_size)} {}

    class Port {
    public:
        explicit Port(TbbBounded& shared) : shared_{shared} {}

        void put(std::size_t count) {
            for (std::size_t i = 0; i < count; ++i) {
                shared_.queue_.push(std::string{shared_.body_});
            }
        }

        std::size_t take(std::size_t count) {
            std::array<std::string, 10> bodies;
            std::size_t taken = 0;
            while (taken < count && shared_.queue_.try_pop(bodies[taken])) {
                look_at(bodies[taken++]);
            }
            return taken;
        }

    private:
        TbbBounded& shared_;
    };

private:
    std::string body_;
    tbb::concurrent_bounded_queue<std::string> queue_{};
};
#endif

/// The queue that the others are compared with, and how its benchmarks are called.
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
using Yardstick = Moodycamel;
inline const std::string yardstick = "moodycamel";
#else
using Yardstick = MutexDeque;
inline const std::string yardstick = "mutex_deque";
#endif

[[nodiscard]] inline std::string per(const std::string& scenario, std::size_t batch, std::size_t body_size) {
    return scenario + "/" +
           (body_size < 1024 ? std::to_string(body_size) + "B" : std::to_string(body_size / 1024) + "KiB") + "/by" +
           std::to_string(batch);
}

/// Sends and takes so many messages, a batch at a time.
template <class Port>
void pass(Port& port, std::size_t messages, std::size_t batch) {
    for (std::size_t done = 0; done < messages; done += batch) {
        port.put(batch);
        port.take(batch);
    }
}

/// The yardstick, passing on as many messages in turn with something else.
[[nodiscard]] inline Beside yardstick_beside(std::size_t messages, std::size_t batch, std::size_t body_size = 64,
                                             std::size_t stored = 0) {
    struct Use {
        explicit Use(std::size_t size) : contender{size} {}
        Yardstick contender;
        Yardstick::Port port{contender};
    };
    const auto use = std::make_shared<Use>(body_size);
    for (std::size_t i = 0; i < stored; i += 10) {
        use->port.put(10);
    }
    return {yardstick, [=] { pass(use->port, messages, batch); }};
}

}  // namespace bench
