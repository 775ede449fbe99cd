// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/execution.hpp"
#include "sqsim/sim/detail/simulated_queue.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// How a simulated consumer works.
struct ConsumeOptions {
    int consumers = 1;
    std::chrono::nanoseconds work_time{};         // of virtual time, from the handler to the delete
    std::optional<int> max_number_of_messages{};  // of a receive; absent: 1, and 10 for handlers of batches
    std::optional<std::chrono::nanoseconds> visibility_timeout{};
    std::string name{};  // empty: "consumer", after the name of the queue if it has one
};

namespace detail {

/// Makes a handler for every incarnation: what it keeps in itself dies with the process.
template <class Handler>
concept HandlerFactory = std::invocable<Handler&>;

template <class Handler>
concept MessageHandler = std::invocable<Handler&, const SimMessage&>;

template <class Handler>
concept BatchHandler = !MessageHandler<Handler> && std::invocable<Handler&, std::span<const SimMessage>>;

/// The loop of a consumer: receive, handle, delete; for one incarnation of an actor. A handler for each message has
/// `handle`, one for batches has `handle_batch`, which adds to `failed`.
class Consumer {
public:
    Consumer(Execution& execution, SimulatedQueue& queue, const ConsumeOptions& options, int most)
        : execution_{execution}, queue_{queue}, work_time_{options.work_time},
          batch_(static_cast<std::size_t>(std::max(most, 1))) {
        receive_options_.max_number_of_messages = most;
        receive_options_.visibility_timeout = options.visibility_timeout;
    }
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;
    virtual ~Consumer() = default;

    void run() {
        Scheduler& scheduler = execution_.scheduler();
        Actor& actor = *scheduler.current();
        while (scheduler.phase() == Scheduler::Phase::running && !actor.is_replaced) {
            const std::span<const SimMessage> received = std::span{batch_}.first(
                retry_on_error([&] { return queue_.receive_or_wait(batch_, receive_options_); }));
            if (received.empty()) {
                continue;
            }
            if (handles_batches()) {
                process_batch(received);
            } else {
                process_each(received);
            }
        }
    }

protected:
    [[nodiscard]] virtual bool handles_batches() const noexcept = 0;
    virtual void handle(const SimMessage& message) = 0;
    virtual void handle_batch(std::span<const SimMessage> messages, std::vector<MessageId>& failed) = 0;

private:
    /// Calls the service; an error of it is a reason to try again.
    template <class Call>
    auto retry_on_error(Call call) -> decltype(call()) {
#if SQSIM_EXCEPTIONS
        try {
            return call();
        } catch (const Error& error) {
            execution_.handler_failed(error.what());
            return decltype(call()){};
        }
#else
        return call();
#endif
    }

    void process_each(std::span<const SimMessage> received) {
        for (std::size_t i = 0; i < received.size(); ++i) {
            execution_.set_current(received[i].reference());
            // The first message of a batch comes straight from the receive, where all of this was possible already.
            if (i != 0 && leaves_the_rest()) {
                return;
            }
            if (call_handler([&] { handle(received[i]); })) {
                spend_work_time();
                const auto result = queue_.try_delete_message(received[i].receipt_handle());
                if (!result) {
                    execution_.handler_failed(result.error().what());
                }
            }
        }
    }

    void process_batch(std::span<const SimMessage> received) {
        execution_.set_current(received.front().reference());
        failed_.clear();
        const std::size_t faults_before = execution_.client().faults;
        const bool done = call_handler([&] { handle_batch(received, failed_); });
        charge_failed(received, done, execution_.client().faults - faults_before);
        if (!done) {
            return;
        }
        spend_work_time();
        handles_.clear();
        for (const SimMessage& message : received) {
            if (!has_failed(message)) {
                handles_.push_back(message.receipt_handle());
            }
        }
        if (!handles_.empty()) {
            retry_on_error([&] { return queue_.delete_messages(handles_); });
        }
    }

    [[nodiscard]] bool has_failed(const SimMessage& message) const {
        return std::find(failed_.begin(), failed_.end(), message.message_id()) != failed_.end();
    }

    /// The faults of a batch cost those that the handler names a receive: as many as there were faults, or all of a
    /// FIFO queue, where what follows a failed message has to fail with it.
    void charge_failed(std::span<const SimMessage> received, bool done, std::size_t faults) {
        for (const SimMessage& message : received) {
            if (done && faults != 0 && has_failed(message)) {
                execution_.charge(message.reference().message);
                faults -= queue_.is_fifo() ? 0U : 1U;
            }
        }
    }

    void spend_work_time() {
        if (work_time_ > Nanos::zero()) {
            execution_.spend(work_time_, Site::work, Site::working);
        }
    }

    /// Asked to stop in the middle of a batch, the consumer leaves; another begins.
    [[nodiscard]] bool leaves_the_rest() {
        if (!execution_.enter()) {
            return true;
        }
        const MessageRef& current = execution_.client().current;
        execution_.add_step(TimelineStep::Kind::point, current.subject,
                            [&] { return "turn to " + execution_.name_of(current); });
        Actor& actor = *execution_.scheduler().current();
        actor.is_replaced =
            execution_.choose(number_of(Site::turn), current.subject, Fault::stop_mid_batch, info(Site::turn).harm)
                .fault == Fault::stop_mid_batch;
        return actor.is_replaced;
    }

    /// Calls the user's handler. Returns whether it succeeded.
    template <class Call>
    [[nodiscard]] bool call_handler(Call call) {
        if (!execution_.enter()) {
            return false;
        }
        const MessageRef& current = execution_.client().current;
        execution_.add_step(TimelineStep::Kind::point, current.subject,
                            [&] { return "handle " + execution_.name_of(current); });
        if (execution_.choose(number_of(Site::handle), current.subject, Fault::handler_fails, {}).fault ==
            Fault::handler_fails) {
            return false;
        }
        const Holding holding{*execution_.scheduler().current()};
#if SQSIM_EXCEPTIONS
        try {
            call();
        } catch (const Crash&) {
            throw;
        } catch (const std::exception& error) {
            execution_.handler_failed(error.what());
            return false;
        } catch (...) {
            execution_.handler_threw_foreign();
            return false;
        }
#else
        call();
#endif
        return true;
    }

    Execution& execution_;
    SimulatedQueue& queue_;
    Nanos work_time_;
    ReceiveMessageOptions receive_options_{};
    std::vector<SimMessage> batch_;
    std::vector<MessageId> failed_{};
    std::vector<ReceiptHandle> handles_{};
};

/// A consumer with the user's handler, a reference or one of its own.
template <class Handler>
class ConsumerOf final : public Consumer {
public:
    ConsumerOf(Execution& execution, SimulatedQueue& queue, Handler handler, const ConsumeOptions& options)
        : Consumer{execution, queue, options,
                   options.max_number_of_messages.value_or(MessageHandler<std::unwrap_reference_t<Handler>> ? 1 : 10)},
          handler_{std::move(handler)} {}

private:
    using Target = std::unwrap_reference_t<Handler>;
    static_assert(MessageHandler<Target> || BatchHandler<Target>,
                  "a handler takes a const SimMessage&, or a std::span<const SimMessage>");

    [[nodiscard]] bool handles_batches() const noexcept override { return !MessageHandler<Target>; }
    void handle([[maybe_unused]] const SimMessage& message) override {
        if constexpr (MessageHandler<Target>) {
            std::invoke(handler_, message);
        }
    }
    void handle_batch([[maybe_unused]] std::span<const SimMessage> messages,
                      [[maybe_unused]] std::vector<MessageId>& failed) override {
        if constexpr (!MessageHandler<Target>) {
            if constexpr (std::is_void_v<std::invoke_result_t<Target&, std::span<const SimMessage>>>) {
                std::invoke(handler_, messages);
            } else {
                failed = std::invoke(handler_, messages);
            }
        }
    }

    Handler handler_;
};

/// Consumers that share a handler.
template <class Handler>
struct ConsumerGroup {
    Execution& execution;
    SimulatedQueue& queue;
    Handler handler;
    ConsumeOptions options;

    /// Runs one incarnation of a consumer.
    void run_consumer(Actor& actor) {
        // The stack may be given up while it waits, so nothing there may own anything.
        if constexpr (HandlerFactory<Handler>) {
            start(actor, handler());
        } else {
            start(actor, std::ref(handler));
        }
        static_cast<Consumer*>(actor.memory.get())->run();
    }

private:
    template <class Made>
    void start(Actor& actor, Made made) {
        actor.memory = std::static_pointer_cast<Consumer>(
            std::make_shared<ConsumerOf<Made>>(execution, queue, std::move(made), options));
    }
};

}  // namespace detail
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
