// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/redriving_queue.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// "1st", "2nd", …
[[nodiscard]] inline std::string ordinal_text(std::uint32_t number) {
    const std::uint32_t last = number % 10;
    const bool teen = number / 10 % 10 == 1;
    return std::to_string(number) + (teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

/// Delivering in a simulated world: from what the service answers to a receive to what arrives at the consumer.
template <class Q>
class DeliveringQueue : public RedrivingQueue<Q> {
public:
    using Base = RedrivingQueue<Q>;
    using Base::Base;
    using Base::is_fifo;
    using typename Base::message_type;

protected:
    using Base::begin;
    using Base::dead_letter_count;
    using Base::limits_;
    using Base::name_redriven;
    using Base::note_dead_letters;
    using Base::place;
    using Base::queue_;
    using Base::record;
    using Base::run_;
    using Base::visibility_timeout_;

    /// A receive that is under way. It owns nothing, for its stack may be given up.
    struct Call {
        std::span<message_type> out;
        const ReceiveMessageOptions& options;
        Nanos invoked;
        Nanos wait;
        Nanos deadline;
        bool for_ever;
        std::size_t received = 0;
    };

    /// Receives what is there. Returns how many of it arrive at the consumer.
    std::size_t deliver(const Call& call, std::size_t most, std::size_t step, bool& is_lost) {
        // Waiting for ever is many long polls, of which the history has the last.
        const Nanos invoked = call.for_ever ? run_.now() : call.invoked;
        const ReceiveMessageOptions now = options_now(call, most);
        const std::size_t dead_before = dead_letter_count();
        auto& answer = run_.workshop().answer;
        answer.resize(std::max(answer.size(), most));
        const std::span messages = std::span{answer}.first(queue_.receive_messages(std::span{answer}.first(most), now));
        note_dead_letters(dead_before);
        if (messages.empty()) {
            return 0;
        }
        const std::size_t count = messages.size();
        Actor& actor = run_.actor();
        const std::size_t leases_before = actor.leases.size();
        name_redriven(messages);
        record_receive(call, invoked);
        // What an actor has received belongs to the world: its stack may be given up at any choice.
        auto& received = run_.workshop().received;
        const std::size_t kept = received.size();
        for (auto& message : messages) {
            const Subject subject = take_lease(actor, message, invoked, step);
            received.add(std::move(message), subject);
        }
        const Subject first = actor.subject = received[kept].subject;
        run_.queue_changed(*this);  // a receive may have freed a group
        if (std::exchange(lets_others_go_first, false)) {
            run_.let_others_go_first();
        }
        const Option option = choose_arrival(first);
        if (option.fault == Fault::lose_messages) {
            actor.leases.resize(leases_before);
            is_lost = true;
            return 0;
        }
        if (option.fault == Fault::stop) {
            actor.stop->request_stop();
            actor.is_replaced = true;
        }
        if (option.fault == Fault::repeat_attempt) {
            const std::size_t again = queue_.receive_messages(messages, now);
            for (std::size_t i = 0; i < again; ++i) {
                received[kept + i].message = std::move(messages[i]);
            }
        }
        for (std::size_t i = 0; i < count; ++i) {
            call.out[i] = message_type{received[kept + i].message, received[kept + i].subject};
        }
        return count;
    }

    bool lets_others_go_first = false;  // after the receive that is under way

private:
    /// As the service is asked: at once, for so many.
    [[nodiscard]] ReceiveMessageOptions options_now(const Call& call, std::size_t most) {
        ReceiveMessageOptions now = call.options;
        now.wait_time = Nanos::zero();
        if (call.options.max_number_of_messages > 0 && most > 0) {
            now.max_number_of_messages = static_cast<int>(most);
        }
        if constexpr (is_fifo) {
            if (now.receive_request_attempt_id.empty() && run_.offers()) {
                now.receive_request_attempt_id = "attempt-" + std::to_string(++attempts_);
            }
        }
        return now;
    }

    void record_receive(const Call& call, Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.maximum = call.options.max_number_of_messages;
        operation.wait = call.for_ever ? limits_.maximum_wait_time : call.wait;
        operation.duration = call.options.visibility_timeout.value_or(visibility_timeout_);
        record(operation);
    }

    /// A message arrived at an actor. Returns what it is called.
    template <class Real>
    Subject take_lease(Actor& actor, const Real& message, Nanos invoked, std::size_t step) {
        const std::uint32_t number = run_.registry().message(message.message_id());
        const Subject subject = run_.registry().subject(number);
        const Nanos deadline = message.visibility_deadline().time_since_epoch();
        const KnownHandle known = run_.registry().add_handle(message.receipt_handle(), number);
        actor.leases.push_back({this, known.hash, subject, run_.now(), deadline});
        run_.story().amend(step, [&] {
            return " " + subject_text(subject) + " (" + ordinal_text(message.approximate_receive_count()) + ")";
        });
        run_.story().leases(actor, subject, deadline);
        Operation delivery = begin(Action::delivery);
        delivery.invoked = invoked;
        delivery.message = number;
        delivery.receipt = known.number;
        delivery.group = run_.registry().text(message.message_group_id());
        if constexpr (is_fifo) {
            delivery.deduplication = run_.registry().text(message.message_deduplication_id());
        }
        delivery.receive_count = static_cast<std::int32_t>(message.approximate_receive_count());
        delivery.content = hash_text(message.body());
        record(delivery);
        return subject;
    }

    /// What may happen between the service's answer and the consumer.
    [[nodiscard]] Option choose_arrival(Subject first) {
        std::array<Option, 3> options{};
        std::size_t count = 0;
        options[count++] = {Fault::lose_messages};
        if (is_fifo) {
            options[count++] = {Fault::repeat_attempt};
        }
        if (run_.actor().stop) {
            options[count++] = {Fault::stop};
        }
        return run_.at(place(Verb::received), first, std::span{options}.first(count), true);
    }

    std::uint32_t attempts_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
