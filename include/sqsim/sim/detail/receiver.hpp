// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/backing_queue.hpp"
#include "sqsim/sim/detail/dead_letters.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/queue_recorder.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Receives from a simulated queue: how the service answers, how long the consumer waits, and what arrives.
///
/// Invariant: nothing on the stack of a receive owns memory where a fault may happen, for the stack of a simulated
/// consumer is given up there.
class Receiver {
public:
    Receiver(QueueRecorder& recorder, BackingQueue& queue, DeadLetters& dead_letters,
             const QueueTraits& traits) noexcept
        : execution_{recorder.execution()}, recorder_{recorder}, queue_{queue},
          dead_letters_{dead_letters}, traits_{traits} {}
    Receiver(const Receiver&) = delete;
    Receiver& operator=(const Receiver&) = delete;

    /// Receives into `out`. `for_ever`: for the loop of a simulated consumer, which waits for as long as there is
    /// something to wait for. Returns how many arrive.
    std::size_t receive(std::span<SimMessage> out, const ReceiveMessageOptions& options, const std::stop_token& stop,
                        bool for_ever) {
        choose_run_properties();
        const Nanos wait = for_ever ? sqsim::detail::never : options.wait_time.value_or(traits_.wait_time);
        PendingReceive call{out, options, execution_.now(), wait, execution_.now(), for_ever};
        if (execution_.scheduler().current() != nullptr) {
            call.deadline = sqsim::detail::saturating_add(call.invoked, wait);
        }
        Faults harm = for_ever ? Faults{} : info(Site::receive).harm;  // a loop was at its last call just now
        while (!stop.stop_requested()) {
            const Look look = look_once(call, std::exchange(harm, {}));
            if (look == Look::messages) {
                return call.received;
            }
            if (look != Look::too_early && !goes_on(call, look)) {
                return 0;
            }
        }
        return 0;
    }

    /// A message was chosen for a second delivery.
    void add_duplicate() noexcept { ++duplicates_; }

private:
    /// A receive that is under way.
    struct PendingReceive {
        std::span<SimMessage> out;
        const ReceiveMessageOptions& options;
        Nanos invoked;
        Nanos wait;
        Nanos deadline;
        bool for_ever;
        std::size_t received = 0;
    };

    /// What came of one look at the queue.
    enum class Look : std::uint8_t {
        messages,
        nothing,
        missed,      // the service found nothing though something was there
        unanswered,  // the service had an answer, the consumer got none
        too_early,   // time went on to when there may be less: the queue is to be asked again
    };

    // One look.

    Look look_once(PendingReceive& call, Faults harm) {
        const std::size_t step =
            execution_.add_step(TimelineStep::Kind::call, 0, [&] { return "receive" + recorder_.where(); });
        std::size_t most =
            std::min({call.out.size(), static_cast<std::size_t>(std::max(call.options.max_number_of_messages, 0)),
                      static_cast<std::size_t>(traits_.limits.maximum_number_of_messages)});
        const Alternative request = choose_request(std::min(queue_.counts().visible, most), harm);
        if (!harm.empty() && execution_.now() != call.invoked) {  // it stood still before it asked
            call.invoked = execution_.now();
            call.deadline = sqsim::detail::saturating_add(call.invoked, call.wait);
        }
        Look look = Look::nothing;
        switch (request.fault) {
        case Fault::throttle:
            recorder_.record_refused_receive(call.invoked);
            sqsim::detail::raise({Errc::request_throttled, "The request is throttled (simulated)."});
        case Fault::retention_ends:
            let_retention_end();
            call.invoked = execution_.now();
            return Look::too_early;
        case Fault::empty_receive:
            look = Look::missed;
            break;
        case Fault::partial_receive:
            most = request.parameter;
            [[fallthrough]];
        default:
            // A simulated consumer asks when it has to, and at the end; nobody counts what it asks in vain.
            if (queue_.counts().visible != 0 || duplicates_ != 0 || !call.for_ever) {
                look = deliver(call, most, step);
            }
        }
        if (look == Look::messages) {
            execution_.count_deliveries(call.received);
        } else {
            execution_.timeline().append(step, [] { return std::string{" nothing"}; });
        }
        execution_.scheduler().count_poll(look != Look::messages);
        return look;
    }

    /// How the service answers a receive that could return `possible` messages. The loop of a simulated consumer asks
    /// again whatever it is refused for: to it throttling is an empty receive.
    [[nodiscard]] Alternative choose_request(std::size_t possible, Faults harm) {
        Faults faults;
        if (possible != 0) {
            faults = {Fault::empty_receive};
            if (traits_.retention != sqsim::detail::never) {
                faults = faults.with(Fault::retention_ends);
            }
            if (possible > 1) {
                faults = faults.with(Fault::partial_receive);
            }
            const Actor* const actor = execution_.scheduler().current();
            if (actor != nullptr && !actor->is_loop) {
                faults = faults.with(Fault::throttle);
            }
        } else if (harm.empty()) {
            return {};
        }
        return execution_.choose(recorder_.site(Site::receive), 0, faults, harm, possible);
    }

    /// After a look without messages: lets the time or others go on. Returns whether to look again.
    [[nodiscard]] bool goes_on(const PendingReceive& call, Look look) {
        Scheduler& scheduler = execution_.scheduler();
        if (scheduler.current() == nullptr) {
            return false;
        }
        if (scheduler.phase() != Scheduler::Phase::running) {
            scheduler.answer_nothing();
            return false;
        }
        if (look == Look::unanswered || (look == Look::missed && call.for_ever)) {
            scheduler.yield();  // even a poll that misses takes its time
            return false;
        }
        if (look == Look::missed) {
            if (call.deadline == sqsim::detail::never) {  // the next of many long polls
                scheduler.yield();
                return true;
            }
            scheduler.sleep_until(call.deadline);
            return false;
        }
        if (execution_.now() < call.deadline) {
            recorder_.wait_until(call.deadline);
            const bool is_over = execution_.now() >= call.deadline && queue_.counts().visible == 0;
            if (is_over) {
                execution_.timeline().lasts_until(execution_.client_index(), execution_.now());
            }
            return !is_over;
        }
        if (call.wait != Nanos::zero()) {
            return false;
        }
        ClientState& client = execution_.client();
        if (client.saw_nothing_at != scheduler.changes()) {
            client.saw_nothing_at = scheduler.changes();
            return false;
        }
        // It asked twice though nothing changed: lets time move, for a loop of polls takes its time, too.
        scheduler.wait_for(nullptr, sqsim::detail::never);
        return false;
    }

    /// What holds for the whole execution is decided when an actor first asks.
    void choose_run_properties() {
        if (traits_.is_fifo || has_run_properties_ || !execution_.offers()) {
            return;
        }
        has_run_properties_ = true;
        if (execution_.choose(recorder_.site(Site::run_property), 0, Fault::to_back, {}).fault == Fault::to_back) {
            queue_.let_go_to_back();
        }
    }

    /// Nobody receives until the retention of the oldest visible message has ended.
    void let_retention_end() {
        Nanos end{};
        if (const auto visible = queue_.peek(MessageState::visible, unlimited); !visible.empty()) {
            end =
                sqsim::detail::saturating_add(visible.front().message.sent_at().time_since_epoch(), traits_.retention);
        }
        execution_.extend_horizon(end - execution_.now());
        execution_.scheduler().sleep_until(end);
    }

    // What arrives.

    /// Receives what is there, and counts in `call.received` how much of it arrives at the consumer.
    Look deliver(PendingReceive& call, std::size_t most, std::size_t step) {
        // Waiting for ever is many long polls, of which the history has the last.
        const Nanos invoked = call.for_ever ? execution_.now() : call.invoked;
        const ReceiveMessageOptions now = options_now(call, most);
        const std::size_t duplicates_before = duplicates_;
        bool moved_some = false;
        const std::span messages = ask(now, most, moved_some);
        if (messages.empty()) {
            // What the queue moved to itself is there now.
            return moved_some && dead_letters_.is_own_target() ? Look::too_early : Look::nothing;
        }
        execution_.scheduler().count_poll(false);  // before anything can happen to it: it has work now
        const std::size_t count = messages.size();
        const std::size_t leases_before = execution_.client().leases.size();
        recorder_.record_receive(invoked, call.options.max_number_of_messages,
                                 call.for_ever ? traits_.limits.maximum_wait_time : call.wait,
                                 timeout_of(call.options));
        // What an actor has received belongs to the world: its stack may be given up at any choice.
        ReceivedMessages& received = execution_.context().received;
        const std::size_t kept = received.size();
        for (std::size_t i = 0; i < count; ++i) {
            const MessageRef message = recorder_.record_delivery(messages[i], invoked, step);
            call.out[i] = SimMessage{received.add(std::move(messages[i])), message};
        }
        execution_.set_current(call.out.front().reference());
        recorder_.notify();  // a receive may have freed a group
        if (duplicates_ != duplicates_before) {
            execution_.scheduler().yield();  // so that the second delivery comes while the first is being worked on
        }
        call.received = count;
        switch (choose_reply(call.out.front().reference().subject)) {
        case Fault::lose_messages:
            lose(call.out.first(count), leases_before);
            call.received = 0;
            break;
        case Fault::stop_mid_batch: {
            Actor& actor = *execution_.scheduler().current();
            actor.stop->request_stop();
            actor.is_replaced = true;
            break;
        }
        case Fault::repeat_attempt:
            lose(call.out.first(count), leases_before);
            call.received = repeat_attempt(call.out.first(count), now, kept);
            break;
        default:
            break;
        }
        return call.received != 0 ? Look::messages : Look::unanswered;
    }

    /// What the queue answers to a receive, and moves to the dead-letter queue by it.
    [[nodiscard]] std::span<BackingQueue::Real> ask(const ReceiveMessageOptions& options, std::size_t most,
                                                    bool& moved_some) {
        auto& answer = execution_.context().answer;
        answer.resize(std::max(answer.size(), most));
        const std::vector<StoredId> before = dead_letters_.ids();
        const std::size_t count = queue_.receive(std::span{answer}.first(most), options);
        moved_some = dead_letters_.record_moves(before);
        return std::span{answer}.first(count);
    }

    /// The messages count as received, but do not arrive.
    void lose(std::span<SimMessage> messages, std::size_t leases_before) {
        for (SimMessage& message : messages) {
            execution_.charge(message.reference().message);
            message = {};
        }
        std::vector<HeldLease>& leases = execution_.client().leases;
        leases.resize(std::min(leases_before, leases.size()));
    }

    /// A FIFO receive that got no answer is repeated with its attempt id: the same messages and handles, for a lease
    /// that begins anew. If the first lease has ended, it is a receive like any other. Returns how many arrive.
    std::size_t repeat_attempt(std::span<SimMessage> out, const ReceiveMessageOptions& options, std::size_t kept) {
        bool moved_some = false;
        const std::span messages = ask(options, out.size(), moved_some);
        if (messages.empty()) {
            return 0;
        }
        recorder_.record_receive(execution_.now(), options.max_number_of_messages, {}, timeout_of(options));
        const std::size_t step =
            execution_.add_step(TimelineStep::Kind::call, 0, [&] { return "receive" + recorder_.where() + " again"; });
        ReceivedMessages& received = execution_.context().received;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            const MessageRef message = recorder_.record_delivery(messages[i], execution_.now(), step);
            received[kept + i] = std::move(messages[i]);
            out[i] = SimMessage{received[kept + i], message};
        }
        execution_.set_current(out.front().reference());
        recorder_.notify();
        return messages.size();
    }

    [[nodiscard]] Nanos timeout_of(const ReceiveMessageOptions& options) const noexcept {
        return options.visibility_timeout.value_or(traits_.visibility_timeout);
    }

    /// As the service is asked: at once, for so many.
    [[nodiscard]] ReceiveMessageOptions options_now(const PendingReceive& call, std::size_t most) {
        ReceiveMessageOptions now = call.options;
        now.wait_time = Nanos::zero();
        if (call.options.max_number_of_messages > 0 && most > 0) {
            now.max_number_of_messages = static_cast<int>(most);
        }
        if (traits_.is_fifo && now.receive_request_attempt_id.empty() && execution_.offers()) {
            now.receive_request_attempt_id = "attempt-" + std::to_string(++attempts_);
        }
        return now;
    }

    /// What may happen between the service's answer and the consumer.
    [[nodiscard]] Fault choose_reply(Subject first) {
        Faults faults = Fault::lose_messages;
        if (traits_.is_fifo) {
            faults = faults.with(Fault::repeat_attempt);
        }
        if (const Actor* const actor = execution_.scheduler().current(); actor != nullptr && actor->stop) {
            faults = faults.with(Fault::stop_mid_batch);
        }
        return execution_.choose(recorder_.site(Site::received), first, faults, info(Site::received).harm).fault;
    }

    Execution& execution_;
    QueueRecorder& recorder_;
    BackingQueue& queue_;
    DeadLetters& dead_letters_;
    const QueueTraits& traits_;
    std::size_t duplicates_ = 0;  // messages that were chosen for a second delivery
    std::uint32_t attempts_ = 0;
    bool has_run_properties_ = false;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
