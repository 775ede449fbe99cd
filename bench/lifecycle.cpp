// SPDX-License-Identifier: MIT

// The life of a message in an empty queue, by one thread: send, receive, delete.

#include "contenders.hpp"

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

namespace bench {
namespace {

template <class Contender>
void lifecycle(const std::string& scenario, bool compared = true) {
    for (const std::size_t body_size : {std::size_t{64}, std::size_t{1024}}) {
        for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
            const auto baselines = compared ? std::vector{transfer(batch, body_size)} : std::vector<std::string>{};
            add(per("lifecycle/" + scenario, batch, body_size), baselines, [=](benchmark::State& state) {
                Contender contender{body_size};
                typename Contender::Port port{contender};
                measure(state, 10'000, [&] { pass(port, 10'000, batch); });
            });
        }
    }
}

/// Each verb alone, single messages, a thousand at a time.
void verbs() {
    enum Verb { send, receive, erase };
    const auto one = [](const std::string& name, Verb verb) {
        add("verb/" + name, {transfer(1)}, [=](benchmark::State& state) {
            using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;
            Contender contender{64};
            auto& queue = contender.queue();
            std::vector<Contender::Message> messages(1'000);
            const auto timed = [&](bool counts, auto work) {
                const double start = busy_seconds();
                for (auto& message : messages) {
                    work(message);
                }
                if (counts) {
                    state.SetIterationTime(busy_seconds() - start);
                }
            };
            keep_a_second_thread();
            while (state.KeepRunningBatch(1'000)) {
                timed(verb == send, [&](auto&) { queue.send_message(contender.body()); });
                timed(verb == receive, [&](auto& message) { message = *queue.receive_message(); });
                timed(verb == erase, [&](auto& message) { queue.delete_message(message.receipt_handle()); });
                timed(false, [](auto& message) { message = {}; });
            }
        });
    };
    one("send_message", send);
    one("receive_message", receive);
    one("delete_message", erase);
}

[[maybe_unused]] const bool registered = [] {
    using sqsim::CoarseClock;
    using sqsim::ManualClock;
    using sqsim::NullMutex;
    using std::chrono::steady_clock;
    lifecycle<Yardstick>(yardstick, false);
#ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    lifecycle<MutexDeque>("mutex_deque");
#endif
#ifdef SQSIM_BENCH_HAVE_TBB
    lifecycle<TbbBounded>("tbb_bounded");
#endif
    lifecycle<Standard<ManualClock, NullMutex>>("null/manual");
    lifecycle<Standard<CoarseClock, NullMutex>>("null/coarse");
    lifecycle<Standard<steady_clock, NullMutex>>("null/steady");
    lifecycle<Standard<ManualClock, std::mutex>>("mutex/manual");
    lifecycle<Standard<CoarseClock, std::mutex>>("mutex/coarse");
    lifecycle<Standard<steady_clock, std::mutex>>("mutex/steady");
    lifecycle<Standard<ManualClock, NullMutex, true>>("null/manual/delete_and_receive");
    lifecycle<Standard<ManualClock, std::mutex, true>>("mutex/manual/delete_and_receive");
    verbs();
    return true;
}();

}  // namespace
}  // namespace bench
