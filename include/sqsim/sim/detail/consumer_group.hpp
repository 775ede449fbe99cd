// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/simulated_queue.hpp"
#include "sqsim/sim/handler.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <span>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Consumers that share a handler.
struct ConsumerGroup {
    Execution& execution;
    SimulatedQueue& queue;
    HandlerSource handler;
    ConsumeOptions options;

    /// How many messages a receive asks for.
    [[nodiscard]] int batch_size() const noexcept {
        return options.max_number_of_messages.value_or(handler.is_batch_handler ? 10 : 1);
    }
};

/// The loop of a consumer: receive, handle, delete; for one incarnation of an actor.
class Consumer {
public:
    explicit Consumer(const ConsumerGroup& group)
        : execution_{group.execution}, queue_{group.queue}, handler_{group.handler.handler()},
          handles_batches_{group.handler.is_batch_handler}, work_time_{group.options.work_time},
          batch_(static_cast<std::size_t>(std::max(group.batch_size(), 1))) {
        receive_options_.max_number_of_messages = group.batch_size();
        receive_options_.visibility_timeout = group.options.visibility_timeout;
    }
    Consumer(const Consumer&) = delete;
    Consumer& operator=(const Consumer&) = delete;
    ~Consumer() = default;

    /// Runs one incarnation of a consumer of a group.
    static void run(const ConsumerGroup& group, Actor& actor) {
        // The stack may be given up while it waits, so nothing there may own anything.
        actor.memory = std::make_shared<Consumer>(group);
        static_cast<Consumer*>(actor.memory.get())->run();
    }

private:
    void run() {
        Scheduler& scheduler = execution_.scheduler();
        Actor& actor = *scheduler.current();
        while (scheduler.phase() == Scheduler::Phase::running && !actor.is_replaced) {
            const std::span<const SimMessage> received = std::span{batch_}.first(
                retry_on_error([&] { return queue_.receive_or_wait(batch_, receive_options_); }));
            if (received.empty()) {
                continue;
            }
            if (handles_batches_) {
                process_batch(received);
            } else {
                process_each(received);
            }
        }
    }

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
            if (call_handler([&] { handler_->handle(received[i]); })) {
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
        const bool done = call_handler([&] { handler_->handle_batch(received, failed_); });
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
        } catch (const std::bad_alloc&) {  // whose memory it was nobody can tell
            execution_.run_out_of_memory();
            return false;
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
    std::shared_ptr<HandlerCall> handler_;
    bool handles_batches_;
    Nanos work_time_;
    ReceiveMessageOptions receive_options_{};
    std::vector<SimMessage> batch_;
    std::vector<MessageId> failed_{};
    std::vector<ReceiptHandle> handles_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
