// SPDX-License-Identifier: MIT

// The life of a message in an empty queue, by one thread: send, receive, delete.

#include "contenders.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace bench {
namespace {

constexpr std::size_t turns = 15;
constexpr std::size_t messages = 10'000;

template <class Contender>
void lifecycle(const std::string& scenario) {
    for (const std::size_t body_size : {std::size_t{64}, std::size_t{1024}}) {
        for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
            add(
                per("lifecycle/" + scenario, batch, body_size), {"+" + yardstick},
                [=](benchmark::State& state) {
                    Contender contender{body_size};
                    typename Contender::Port port{contender};
                    take_turns(state, turns, messages, [&] { pass(port, messages, batch); },
                               {yardstick_beside(messages, batch, body_size)});
                },
                turns * messages);
        }
    }
}

/// What a clock costs that has to be asked for the time.
template <class C>
void surcharge(const std::string& clock) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
        add(
            per("clock/" + clock, batch, 64), {"+manual"},
            [=](benchmark::State& state) {
                using Manual = Standard<sqsim::ManualClock, std::mutex>;
                Manual manual{64};
                Manual::Port manual_port{manual};
                Standard<C, std::mutex> contender{64};
                typename Standard<C, std::mutex>::Port port{contender};
                take_turns(state, turns, messages, [&] { pass(port, messages, batch); },
                           {{"manual", [&] { pass(manual_port, messages, batch); }}});
            },
            turns * messages);
    }
}

/// Each verb alone, single messages, a thousand at a time.
void verbs() {
    enum Verb { send, receive, erase };
    const auto one = [](const std::string& name, Verb verb) {
        add("verb/" + name, {}, [=](benchmark::State& state) {
            using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;
            Contender contender{64};
            auto& queue = contender.queue();
            std::vector<Contender::Message> received(1'000);
            const auto timed = [&](bool counts, auto work) {
                const double start = busy_seconds();
                for (auto& message : received) {
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
    using sqsim::LightMutex;
    using sqsim::ManualClock;
    using sqsim::NullMutex;
    using std::chrono::steady_clock;
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
    lifecycle<Standard<ManualClock, LightMutex>>("light/manual");
    lifecycle<Standard<ManualClock, NullMutex, true>>("null/manual/delete_and_receive");
    lifecycle<Standard<ManualClock, std::mutex, true>>("mutex/manual/delete_and_receive");
    surcharge<CoarseClock>("coarse");
    surcharge<steady_clock>("steady");
    verbs();
    return true;
}();

}  // namespace
}  // namespace bench
