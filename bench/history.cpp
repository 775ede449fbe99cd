// SPDX-License-Identifier: MIT

// How fast the checker judges histories: a long one that was recorded, and a short one, as every explored run has.

#include "harness.hpp"

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/history/check_history.hpp"
#include "sqsim/history/recorder.hpp"
#include "sqsim/queue.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {
namespace {

using sqsim::history::History;
using namespace std::chrono_literals;

/// What a client sees that sends messages, and receives and deletes them in tens, one in eight only the second time.
template <class QueueType>
[[nodiscard]] History record(std::size_t messages) {
    sqsim::ManualClock clock;
    QueueType queue{clock};
    sqsim::history::HistoryLog log{clock};
    sqsim::history::Recorder client{queue, log, "client"};
    Random random{1};
    std::size_t sent = 0;
    while (sent < messages || queue.counts().total() != 0) {
        for (int i = 0; i < 10 && sent < messages; ++i, ++sent) {
            if constexpr (requires { client.send_message("body", "group"); }) {
                client.send_message("body", "group" + std::to_string(random.below(100)),
                                    {.message_deduplication_id = std::to_string(sent)});
            } else {
                client.send_message("body");
            }
        }
        for (const auto& message : client.receive_messages()) {
            if (message.approximate_receive_count() > 1 || random.below(8) != 0) {
                static_cast<void>(client.delete_message(message.receipt_handle()));
            }
        }
        clock.advance(1s);
    }
    return log.history(true);
}

/// A FIFO group of a queue with a dead-letter queue, whose receives overlap: each message is received by two calls that
/// last all the time, and by a third one after that, and then deleted.
[[nodiscard]] History overlapping_receives(std::uint32_t messages) {
    using sqsim::history::Action;
    using sqsim::history::Operation;
    History history;
    history.queues = {{.name = "orders.fifo", .fifo = true, .max_receive_count = 5}};
    history.clients = {"client"};
    std::chrono::nanoseconds now{};
    const auto add = [&](Action action, std::uint32_t message, std::chrono::nanoseconds invoked) -> Operation& {
        Operation& operation = history.operations.emplace_back();
        operation.action = action;
        operation.message = message;
        operation.content = message;
        operation.invoked = invoked;
        operation.answered = now += 1ns;
        return operation;
    };
    const auto receive = [&](std::uint32_t message, std::int32_t count, std::chrono::nanoseconds invoked) {
        Operation& call = add(Action::receive, 0, invoked);
        call.duration = 1ns;
        call.content = 0;
        Operation delivery = call;
        delivery.action = Action::delivery;
        delivery.message = message;
        delivery.content = message;
        delivery.receipt = 3 * message + static_cast<std::uint32_t>(count);
        delivery.receive_count = count;
        history.operations.push_back(delivery);
    };
    for (std::uint32_t message = 1; message <= messages; ++message) {
        add(Action::send, message, now).group = 1;
    }
    const std::chrono::nanoseconds begin = now;
    for (std::uint32_t message = 1; message <= messages; ++message) {
        receive(message, 1, begin);
    }
    for (std::uint32_t message = messages; message != 0; --message) {
        receive(message, 2, begin);
    }
    now += 10ns;
    for (std::uint32_t message = 1; message <= messages; ++message) {
        receive(message, 3, now);
        add(Action::delete_message, message, now).receipt = 3 * message + 3;
    }
    return history;
}

/// One iteration is one operation.
void check(benchmark::State& state, const History& history, std::size_t times) {
    sqsim::history::HistoryChecker checker;
    bool is_clean = true;
    take_turns(state, 5, times * history.operations.size(),
               [&] {
                   for (std::size_t i = 0; i < times; ++i) {
                       is_clean = checker.check(history, sqsim::history::CheckOptions::exact()).ok() && is_clean;
                   }
               },
               {});
    if (!is_clean) {
        state.SkipWithError("the history is not clean");
    }
}

template <class QueueType>
bool add_checks(const std::string& kind) {
    add("history/check/" + kind + "/long", {}, [](benchmark::State& state) {
        static const History history = record<QueueType>(quick() ? 1'000 : 300'000);
        check(state, history, 1);
    });
    return add("history/check/" + kind + "/short", {}, [](benchmark::State& state) {
        static const History history = record<QueueType>(6);
        check(state, history, quick() ? 1 : 10'000);
    });
}

[[maybe_unused]] const bool overlapping = [] {
    for (const std::uint32_t messages : {1'000U, 32'000U}) {
        if (wanted(messages)) {
            add("history/check/fifo/overlapping/" + std::to_string(messages), {}, [=](benchmark::State& state) {
                const History history = overlapping_receives(messages);
                check(state, history, 1);
            });
        }
    }
    return true;
}();
[[maybe_unused]] const bool standard =
    add_checks<sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>>("standard");
[[maybe_unused]] const bool fifo =
    add_checks<sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>>("fifo");

}  // namespace
}  // namespace bench
