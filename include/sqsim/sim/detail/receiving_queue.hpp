// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/sim/detail/delivering_queue.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// Receiving in a simulated world: how the service answers, and how long the consumer waits for it.
template <class Q>
class ReceivingQueue : public DeliveringQueue<Q> {
public:
    using Base = DeliveringQueue<Q>;
    using Base::Base;
    using Base::is_consumed;
    using Base::is_fifo;
    using typename Base::message_type;

    /// As the verbs of `Queue` and `FifoQueue`. A receive that waits lets other actors go on in virtual time.
    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        message_type message;
        const std::size_t received = receive({}, std::span{&message, 1}, options, stop);
        return received != 0 ? std::optional{message} : std::nullopt;
    }
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        std::vector<message_type> messages(static_cast<std::size_t>(std::max(options.max_number_of_messages, 1)));
        messages.resize(receive({}, messages, options, stop));
        return messages;
    }
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {}) {
        return receive({}, out, options, stop);
    }
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return receive(done, out, options, stop);
    }

    /// For the loop of a simulated consumer: a receive that waits for as long as there is something to wait for.
    std::size_t receive_or_wait(std::span<message_type> out, const ReceiveMessageOptions& options) {
        waits_for_ever_ = true;
        return receive({}, out, options, {});
    }

protected:
    using Base::deliver;
    using Base::limits_;
    using Base::place;
    using Base::queue_;
    using Base::record_refused_receive;
    using Base::refuse;
    using Base::retention_;
    using Base::run_;
    using Base::wait_time_;
    using Base::where;
    using typename Base::Call;

    bool delivers_again = false;  // some message in flight was chosen for a second delivery

    virtual void erase_before_receive(const ReceiptHandle& handle) = 0;

    std::size_t receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                        const ReceiveMessageOptions& options, const std::stop_token& stop) {
        const bool for_ever = std::exchange(waits_for_ever_, false);
        if (!run_.enter()) {
            return 0;
        }
        for (const ReceiptHandle& handle : done) {
            erase_before_receive(handle);
        }
        is_consumed = is_consumed || run_.current() != nullptr;
        choose_habits();
        const Nanos wait = for_ever ? sqsim::detail::never : options.wait_time.value_or(wait_time_);
        Call call{out, options, run_.now(), wait, run_.now(), for_ever};
        if (run_.current() != nullptr) {
            call.deadline = sqsim::detail::saturating_add(call.invoked, wait);
        }
        while (!stop.stop_requested()) {
            const Came came = ask(call);
            if (came == Came::messages) {
                return call.received;
            }
            if (came != Came::too_early && !goes_on(call, came)) {
                return 0;
            }
        }
        return 0;
    }

private:
    /// What came of one look at the queue.
    enum class Came : std::uint8_t {
        messages,
        nothing,
        a_miss,     // the service found nothing though something was there
        no_answer,  // the service had an answer, the consumer got none
        too_early,  // the time went on to when there may be less: to be asked again
    };

    /// Looks at the queue once.
    Came ask(Call& call) {
        Actor& actor = run_.actor();
        const std::size_t step =
            run_.story().tell(actor, TimelineStep::Kind::call, 0, [&] { return "receive" + where(); });
        std::size_t most =
            std::min({call.out.size(), static_cast<std::size_t>(std::max(call.options.max_number_of_messages, 0)),
                      static_cast<std::size_t>(limits_.maximum_number_of_messages)});
        const std::size_t visible = queue_.counts().visible;
        const Option answer = choose_answer(std::min(visible, most));
        bool is_lost = false;
        switch (answer.fault) {
        case Fault::throttle:
            record_refused_receive(call.invoked);
            refuse(Errc::request_throttled);
        case Fault::retention_ends:
            let_retention_end();
            call.invoked = run_.now();
            return Came::too_early;
        case Fault::miss:
            break;
        case Fault::fewer:
            most = answer.parameter;
            [[fallthrough]];
        default:
            // A simulated consumer asks when it has to, and at the end; nobody counts what it asks in vain.
            if (visible != 0 || delivers_again || !call.for_ever) {
                call.received = deliver(call, most, step, is_lost);
            }
        }
        if (call.received != 0) {
            run_.count_deliveries(call.received);
            actor.asked_in_vain = false;
            return Came::messages;
        }
        run_.story().amend(step, [] { return std::string{" nothing"}; });
        actor.asked_in_vain = true;
        return is_lost ? Came::no_answer : answer.fault == Fault::miss ? Came::a_miss : Came::nothing;
    }

    /// After a look without messages: lets the time or others go on. Returns whether to look again.
    [[nodiscard]] bool goes_on(const Call& call, Came came) {
        if (run_.current() == nullptr) {
            return false;
        }
        Actor& actor = run_.actor();
        if (actor.is_ending) {
            run_.answer_nothing();
            return false;
        }
        if (came == Came::no_answer || (came == Came::a_miss && call.for_ever)) {
            run_.let_others_go_first();  // even a poll that misses takes its time
            return false;
        }
        if (came == Came::a_miss) {
            run_.sleep_until(call.deadline);
            return false;
        }
        if (run_.now() < call.deadline) {
            run_.wait_for(this, call.deadline);
            const bool is_over = run_.now() >= call.deadline && queue_.counts().visible == 0;
            if (is_over) {
                run_.story().lasts_until(actor, run_.now());
            }
            return !is_over;
        }
        if (call.wait != Nanos::zero()) {
            return false;
        }
        if (actor.saw_nothing_at != run_.changes()) {
            actor.saw_nothing_at = run_.changes();
            return false;
        }
        run_.wait_for(nullptr, sqsim::detail::never);  // asks again though nothing changed: lets time move
        return true;
    }

    /// R7: what holds for the whole run is decided when a consumer first asks.
    void choose_habits() {
        if constexpr (!is_fifo) {
            if (!has_habits_ && run_.offers()) {
                has_habits_ = true;
                const Option option = run_.at(place(Verb::habit), 0, {{Fault::to_back}}, false);
                if (option.fault == Fault::to_back) {
                    sqsim::detail::CoreAccess::core(queue_).locked(
                        [](auto& engine) { engine.options().back_of_queue_after_three_receives = true; });
                }
            }
        }
    }

    /// R8: nobody receives until the retention of the oldest visible message has ended.
    void let_retention_end() {
        const auto visible = queue_.peek(MessageState::visible, 1);
        if (!visible.empty()) {
            const Nanos end = visible.front().message.sent_at().time_since_epoch() + retention_;
            run_.extend_horizon(end - run_.now());
            run_.sleep_until(end);
        }
    }

    /// How the service answers a receive that could return `possible` messages. The loop of a simulated consumer asks
    /// again whatever it is refused for: to it throttling is a miss.
    [[nodiscard]] Option choose_answer(std::size_t possible) {
        if (possible == 0) {
            return {};
        }
        std::array<Option, 5> options{};
        std::size_t count = 0;
        if (possible > 1) {
            options[count++] = {Fault::fewer, 1};
        }
        if (possible > 2) {
            options[count++] = {Fault::fewer, static_cast<std::uint8_t>(std::min<std::size_t>(possible - 1, 255))};
        }
        options[count++] = {Fault::miss};
        if (!run_.actor().is_loop) {
            options[count++] = {Fault::throttle};
        }
        options[count++] = {Fault::retention_ends};
        return run_.at(place(Verb::receive), 0, std::span{options}.first(count), false);
    }

    bool waits_for_ever_ = false;
    bool has_habits_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
