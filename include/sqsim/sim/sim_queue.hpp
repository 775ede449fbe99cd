// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/decision.hpp"
#include "sqsim/sim/detail/queue_verbs.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// A standard queue of a simulated world, with the verbs of `Queue`: consumers that are templates on the queue run on
/// it as they are.
class SimQueue final : public detail::QueueVerbs<Queue<ManualClock, std::string, NullMutex>>, private DecisionSource {
public:
    using Base = detail::QueueVerbs<Queue<ManualClock, std::string, NullMutex>>;

    /// For `World::queue`.
    SimQueue(detail::Run& run, const QueueOptions& options) : Base{run, options} { queue_.decide_by(this); }

    SendMessageResult send_message(std::string_view body, const SendMessageOptions& options = {}) {
        return try_send_message(body, options).value();
    }

    Result<SendMessageResult> try_send_message(std::string_view body, const SendMessageOptions& options = {}) {
        return run_.enter() ? send(body, options, next_subject(), true) : SendMessageResult{};
    }

    /// Each entry may be refused by itself (S4).
    std::vector<Result<SendMessageResult>> send_messages(std::span<SendMessageEntry<std::string>> entries) {
        return send_batch(entries, [this](const auto& entry, detail::Subject subject) {
            return store(entry.body, entry.options, subject, false);
        });
    }

    std::size_t send_messages(std::span<const std::string_view> bodies, const SendMessageOptions& options = {}) {
        for (const std::string_view body : bodies) {
            send_message(body, options);
        }
        return bodies.size();
    }

    void set_redrive_policy(RedrivePolicy<SimQueue> policy) {
        queue_.set_redrive_policy({policy.dead_letter_queue.queue_, policy.max_receive_count});
        link_dead_letters(policy.dead_letter_queue, policy.max_receive_count);
    }

private:
    friend class World;

    /// For producers: one send, as the only one of them that matters.
    void send_surely(std::string_view body, const SendMessageOptions& options) {
        if (run_.enter()) {
            static_cast<void>(send(body, options, next_subject(), false).value());
        }
    }

    /// One attempt to send. A sender that does not give up gets no lost reply: it sends again.
    Result<SendMessageResult> send(std::string_view body, const SendMessageOptions& options, detail::Subject subject,
                                   bool gives_up) {
        const std::size_t step =
            run_.story().tell(run_.actor(), TimelineStep::Kind::call, subject, [&] { return said(subject, body); });
        const detail::Option option =
            gives_up ? run_.at(place(detail::Verb::send), subject,
                               {{Fault::refuse_send}, {Fault::lose_send_reply}, {Fault::resend}, {Fault::late}}, true)
                     : run_.at(place(detail::Verb::send), subject, {{Fault::resend}, {Fault::late}}, false);
        if (option.fault == Fault::refuse_send) {
            return refused(Errc::request_throttled);
        }
        Result<SendMessageResult> result = store(body, options, subject, option.fault == Fault::late);
        run_.story().amend(step, [&] { return result ? std::string{} : std::string{" refused"}; });
        if (!result) {
            return result;
        }
        if (option.fault == Fault::resend) {
            result = store(body, options, subject + 1, false);
        }
        run_.at(place(detail::Verb::sent), subject, {}, true);
        return option.fault == Fault::lose_send_reply ? unanswered() : result;
    }

    Result<SendMessageResult> store(std::string_view body, const SendMessageOptions& options, detail::Subject subject,
                                    bool late) {
        SendMessageOptions now = options;
        if (late) {
            now.delay = limits().maximum_delay;
        }
        const detail::Nanos delay = now.delay.value_or(delay_);
        Result<SendMessageResult> result = queue_.try_send_message(body, std::move(now));
        if (result) {
            Operation operation = begin(Action::send);
            operation.message = add_message(result->message_id, subject);
            operation.duration = delay;
            operation.group = run_.registry().text(options.message_group_id);
            operation.content = detail::hash_text(body);
            record(operation);
            run_.queue_changed(*this);
        }
        return result;
    }

    // What the queue itself may do one way or another.

    [[nodiscard]] std::uint32_t choose(Site site, std::uint64_t subject, std::uint32_t alternatives) override {
        switch (site) {
        case Site::duplicate:
            if (run_.at(place(detail::Verb::receive), subject_by_ordinal(subject), {{Fault::duplicate}}, false).fault !=
                Fault::duplicate) {
                return 0;
            }
            delivers_again = true;
            lets_others_go_first = true;  // so that the second delivery comes while the first is being worked on
            return 1;
        case Site::receive_order:
            return choose_next(alternatives);
        case Site::lost_delete:
            return survives_delete;
        case Site::stale_delete:
            return run_.at(place(detail::Verb::stale), subject_by_ordinal(subject), {{Fault::stale_delete}}, false)
                       .fault == Fault::stale_delete;
        case Site::short_poll:
            return 0;  // decided for every receive, also those that wait
        }
        return 0;
    }

    /// Offers each of the next visible messages.
    [[nodiscard]] std::uint32_t choose_next(std::uint32_t alternatives) {
        constexpr detail::Option order1{Fault::reorder, 1};
        constexpr detail::Option order2{Fault::reorder, 2};
        constexpr detail::Option order3{Fault::reorder, 3};
        switch (alternatives) {
        case 2:
            return run_.at(place(detail::Verb::next), 0, {order1}, false).parameter;
        case 3:
            return run_.at(place(detail::Verb::next), 0, {order1, order2}, false).parameter;
        default:
            return run_.at(place(detail::Verb::next), 0, {order1, order2, order3}, false).parameter;
        }
    }

    [[nodiscard]] std::uint32_t reorder_window() const override {
        return run_.offers() && run_.settings().offered.contains(Fault::reorder) ? 3 : 0;
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim
