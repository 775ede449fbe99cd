// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/queue_verbs.hpp"

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// A FIFO queue of a simulated world, with the verbs of `FifoQueue`.
class SimFifoQueue final : public detail::QueueVerbs<FifoQueue<ManualClock, std::string, NullMutex>> {
public:
    using Base = detail::QueueVerbs<FifoQueue<ManualClock, std::string, NullMutex>>;

    /// For `World::fifo_queue`.
    SimFifoQueue(detail::Run& run, const FifoQueueOptions& options) : Base{run, options} {}

    SendMessageResult send_message(std::string_view body, std::string_view message_group_id,
                                   const FifoSendMessageOptions& options = {}) {
        return try_send_message(body, message_group_id, options).value();
    }

    Result<SendMessageResult> try_send_message(std::string_view body, std::string_view message_group_id,
                                               const FifoSendMessageOptions& options = {}) {
        return run_.enter() ? send(body, message_group_id, options, next_subject(), true) : SendMessageResult{};
    }

    /// Each entry may be refused by itself (S4), and later ones of its group are stored none the less.
    std::vector<Result<SendMessageResult>> send_messages(std::span<FifoSendMessageEntry<std::string>> entries) {
        return send_batch(entries, [this](const auto& entry, detail::Subject subject) {
            return store(entry.body, entry.message_group_id, entry.options, subject);
        });
    }

    void set_redrive_policy(RedrivePolicy<SimFifoQueue> policy) {
        queue_.set_redrive_policy({policy.dead_letter_queue.queue_, policy.max_receive_count});
        link_dead_letters(policy.dead_letter_queue, policy.max_receive_count);
    }

private:
    friend class World;

    /// For producers: one send, as the only one of them that matters.
    void send_surely(std::string_view body, std::string_view message_group_id, const FifoSendMessageOptions& options) {
        if (run_.enter()) {
            static_cast<void>(send(body, message_group_id, options, next_subject(), false).value());
        }
    }

    /// One attempt to send. A sender that does not give up gets no lost reply: it sends again.
    Result<SendMessageResult> send(std::string_view body, std::string_view message_group_id,
                                   const FifoSendMessageOptions& options, detail::Subject subject, bool gives_up) {
        const std::size_t step =
            run_.story().tell(run_.actor(), TimelineStep::Kind::call, subject, [&] { return said(subject, body); });
        const detail::Option option =
            gives_up ? run_.at(place(detail::Verb::send), subject,
                               {{Fault::refuse_send},
                                {Fault::lose_send_reply},
                                {Fault::resend},
                                {Fault::resend_in_window},
                                {Fault::resend_after_window}},
                               true)
                     : run_.at(place(detail::Verb::send), subject,
                               {{Fault::resend}, {Fault::resend_in_window}, {Fault::resend_after_window}}, false);
        if (option.fault == Fault::refuse_send) {
            return refused(Errc::request_throttled);
        }
        Result<SendMessageResult> result = store(body, message_group_id, options, subject);
        run_.story().amend(step, [&] { return result ? std::string{} : std::string{" refused"}; });
        if (!result) {
            return result;
        }
        switch (option.fault) {
        case Fault::resend:
            result = store(body, message_group_id, options, subject + 1);
            break;
        case Fault::resend_in_window:
            send_again(body, message_group_id, options, subject, detail::Nanos{-1});
            break;
        case Fault::resend_after_window:
            send_again(body, message_group_id, options, subject, detail::Nanos{0});
            break;
        default:
            break;
        }
        run_.at(place(detail::Verb::sent), subject, {}, true);
        return option.fault == Fault::lose_send_reply ? unanswered() : result;
    }

    Result<SendMessageResult> store(std::string_view body, std::string_view group,
                                    const FifoSendMessageOptions& options, detail::Subject subject) {
        Result<SendMessageResult> result = queue_.try_send_message(body, group, options);
        if (result) {
            Operation operation = begin(Action::send);
            operation.message = result->deduplicated ? run_.registry().message(result->message_id)
                                                     : add_message(result->message_id, subject);
            operation.answer = result->deduplicated ? Answer::deduplicated : Answer::ok;
            operation.duration = delay_;
            operation.group = run_.registry().text(group);
            operation.deduplication =
                run_.registry().text(options.message_deduplication_id.empty() ? content_deduplication_id(body)
                                                                              : options.message_deduplication_id);
            operation.content = detail::hash_text(body);
            record(operation);
            run_.queue_changed(*this);
        }
        return result;
    }

    /// The sender, which got no answer, repeats the send at the end of the deduplication window (S6).
    void send_again(std::string_view body, std::string_view group, const FifoSendMessageOptions& options,
                    detail::Subject subject, detail::Nanos offset) {
        run_.schedule(run_.now() + queue_.options().deduplication_interval + offset, run_.actor(),
                      [this, body = std::string{body}, group = std::string{group}, options, subject] {
                          run_.story().tell(run_.actor(), TimelineStep::Kind::call, subject + 1,
                                            [&] { return said(subject + 1, body); });
                          static_cast<void>(store(body, group, options, subject + 1));
                      });
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim
