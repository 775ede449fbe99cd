// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/sim/detail/simulated_queue.hpp"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The two kinds of simulated queues, with the real queues underneath.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// A queue of one kind, as a simulated queue asks it.
template <class Q>
class BackingQueueOf final : public BackingQueue {
public:
    template <class Options>
    BackingQueueOf(Execution& execution, const Options& options)
        : ids_{execution.ids()}, queue_{execution.scheduler().clock(), options} {}

    [[nodiscard]] Q& real() noexcept { return queue_; }
    [[nodiscard]] const Q& real() const noexcept { return queue_; }

    std::size_t receive(std::span<Real> out, const ReceiveMessageOptions& options) override {
        return queue_.receive_messages(out, options);
    }
    HandleResult delete_message(const ReceiptHandle& handle) override { return queue_.delete_message(handle); }
    void check_delete_batch(std::span<const ReceiptHandle> handles) override {
        static_cast<void>(queue_.delete_messages(handles));
    }
    HandleResult change_visibility(const ReceiptHandle& handle, Nanos timeout) override {
        return queue_.change_message_visibility(handle, timeout);
    }
    void purge() override { queue_.purge(); }
    void set_visibility_timeout(Nanos timeout) override { queue_.set_visibility_timeout(timeout); }
    void set_delay(Nanos delay) override { queue_.set_delay(delay); }
    void let_go_to_back() override {
        if constexpr (requires { queue_.options().back_of_queue_after_three_receives; }) {
            sqsim::detail::CoreAccess::core(queue_).locked(
                [](auto& engine) { engine.options().back_of_queue_after_three_receives = true; });
        }
    }
    const std::string& name() const override { return queue_.name(); }
    std::string describe() const override { return queue_.describe(); }
    QueueCounts counts() const override { return queue_.counts(); }
    std::vector<Peeked> peek(MessageState state, std::size_t maximum) const override {
        return queue_.peek(state, maximum);
    }
    std::optional<Peeked> peek(const MessageId& id) const override { return queue_.peek(id); }
    void visit_times(const std::function<void(MessageState, Nanos, Nanos)>& visit) const override {
        auto& core = sqsim::detail::CoreAccess::core(queue_);
        core.peek([&](const Real& message, const sqsim::detail::Record& record, Nanos available_at) {
            visit(sqsim::detail::public_state(record.state()), message.sent_at().time_since_epoch(), available_at);
            return true;
        });
    }
    std::vector<StoredId> ids() const override {
        std::vector<StoredId> stored;
        auto& core = sqsim::detail::CoreAccess::core(queue_);
        core.peek([&](const Real& message, const sqsim::detail::Record& record, Nanos) {
            stored.push_back({record.ordinal, message.message_id(), hash_text(message.body()),
                              ids_.text(message.message_group_id())});
            return true;
        });
        return stored;
    }
    void redrive(BackingQueue& dead_letter_queue) override {
        // The dead-letter queue is of the same kind, by the type of the redrive policy.
        static_cast<void>(start_message_move_task(static_cast<BackingQueueOf&>(dead_letter_queue).queue_, queue_));
    }

private:
    IdNumbering& ids_;
    Q queue_;
};

/// A simulated queue with a queue of its kind underneath.
template <class Q, class Options>
class SimulatedQueueOf : public SimulatedQueue {
public:
    [[nodiscard]] Options options() const { return backing_.real().options(); }
    [[nodiscard]] Q& underlying() noexcept { return backing_.real(); }

protected:
    SimulatedQueueOf(Execution& execution, const Options& options)
        : SimulatedQueue{execution, backing_, options.name, traits_of(options)}, backing_{execution, options} {}

private:
    [[nodiscard]] static QueueTraits traits_of(const Options& options) {
        QueueTraits traits;
        traits.limits = options.limits;
        traits.visibility_timeout = options.visibility_timeout;
        traits.delay = options.delay;
        traits.wait_time = options.receive_message_wait_time;
        traits.retention = options.message_retention_period;
        if constexpr (requires { options.deduplication_interval; }) {
            traits.is_fifo = true;
            traits.deduplicates_by_group = options.deduplication_scope == DeduplicationScope::message_group;
            traits.deduplication_interval = options.deduplication_interval;
        }
        return traits;
    }

    BackingQueueOf<Q> backing_;
};

class SimulatedStandardQueue : public SimulatedQueueOf<Queue<ManualClock, std::string, NullMutex>, QueueOptions> {
public:
    using Options = QueueOptions;
    using Entry = SendMessageEntry<std::string>;

    SimulatedStandardQueue(Execution& execution, const QueueOptions& options) : SimulatedQueueOf{execution, options} {
        underlying().decide_by(&choices());
    }

    Result<SendMessageResult> try_send_message(std::string_view body, const SendMessageOptions& options) {
        if (!execution_.enter()) {
            return SendMessageResult{};
        }
        return send(body, true, [&](Subject subject, bool is_late) { return store(body, options, subject, is_late); });
    }

    /// Each entry may be refused by itself, or the whole request.
    std::vector<Result<SendMessageResult>> send_messages(std::span<SendMessageEntry<std::string>> entries) {
        if (!execution_.enter()) {
            return std::vector<Result<SendMessageResult>>(entries.size(), SendMessageResult{});
        }
        if (entries.empty() || entries.size() > traits_.limits.maximum_batch_entries) {
            return underlying().send_messages(entries);  // says why not
        }
        return send_batch(entries, [this](const auto& entry, Subject subject) {
            return store(entry.body, entry.options, subject, false);
        });
    }

    /// Stores all or none.
    std::size_t send_messages(std::span<const std::string_view> bodies, const SendMessageOptions& options) {
        if (!execution_.enter() || bodies.empty()) {
            return 0;
        }
        return static_cast<std::size_t>(
            simulated_call<std::size_t>(
                {Site::send_batch,
                 Site::batch_sent,
                 0,
                 Fault::refuse_send,
                 Fault::lose_send_reply,
                 {},
                 Errc::request_throttled},
                [&] { return "send " + std::to_string(bodies.size()) + " messages"; }, [] {},
                [&](Fault, std::size_t) -> Result<std::size_t> { return store_all(bodies, options); })
                .value());
    }

    void set_redrive_policy(SimulatedStandardQueue& dead_letter_queue, int max_receive_count) {
        link_dead_letters(dead_letter_queue, max_receive_count, [&] {
            underlying().set_redrive_policy({dead_letter_queue.underlying(), max_receive_count});
        });
    }

    /// For producers: one send, which is accepted. Returns when the sender, which got no answer, sends again.
    std::optional<Nanos> send_until_accepted(const SendMessageEntry<std::string>& entry) {
        static_cast<void>(send(entry.body, false, [&](Subject subject, bool is_late) {
                              return store(entry.body, entry.options, subject, is_late);
                          }).value());
        return std::nullopt;
    }
    void send_again(const SendMessageEntry<std::string>&) {}

private:
    std::size_t store_all(std::span<const std::string_view> bodies, const SendMessageOptions& options) {
        std::size_t stored = 0;
        for (const std::string_view body : bodies) {
            stored += store(body, options, recorder_.next_subject(), false) ? 1U : 0U;
        }
        return stored;
    }

    Result<SendMessageResult> store(std::string_view body, const SendMessageOptions& options, Subject subject,
                                    bool is_late) {
        SendMessageOptions now = options;
        if (is_late) {
            now.delay = traits_.limits.maximum_delay;
        }
        const Nanos delay = now.delay.value_or(traits_.delay);
        Result<SendMessageResult> result = underlying().try_send_message(body, std::move(now));
        if (result) {
            recorder_.record_send(*result, subject, body, options.message_group_id, {}, delay);
        }
        return result;
    }
};

class SimulatedFifoQueue : public SimulatedQueueOf<FifoQueue<ManualClock, std::string, NullMutex>, FifoQueueOptions> {
public:
    using Options = FifoQueueOptions;
    using Entry = FifoSendMessageEntry<std::string>;

    SimulatedFifoQueue(Execution& execution, const FifoQueueOptions& options) : SimulatedQueueOf{execution, options} {}

    Result<SendMessageResult> try_send_message(std::string_view body, std::string_view message_group_id,
                                               const FifoSendMessageOptions& options) {
        if (!execution_.enter()) {
            return SendMessageResult{};
        }
        return send(body, true, [&](Subject subject, bool) { return store(body, message_group_id, options, subject); });
    }

    /// Each entry may be refused by itself, and later ones of its group are stored none the less; or the whole request.
    std::vector<Result<SendMessageResult>> send_messages(std::span<FifoSendMessageEntry<std::string>> entries) {
        if (!execution_.enter()) {
            return std::vector<Result<SendMessageResult>>(entries.size(), SendMessageResult{});
        }
        if (entries.empty() || entries.size() > traits_.limits.maximum_batch_entries) {
            return underlying().send_messages(entries);  // says why not
        }
        return send_batch(entries, [this](const auto& entry, Subject subject) {
            return store(entry.body, entry.message_group_id, entry.options, subject);
        });
    }

    void set_redrive_policy(SimulatedFifoQueue& dead_letter_queue, int max_receive_count) {
        link_dead_letters(dead_letter_queue, max_receive_count, [&] {
            underlying().set_redrive_policy({dead_letter_queue.underlying(), max_receive_count});
        });
    }

    /// For producers: one send, which is accepted. Returns when the sender, which got no answer, sends again.
    std::optional<Nanos> send_until_accepted(const FifoSendMessageEntry<std::string>& entry) {
        static_cast<void>(send(entry.body, false, [&](Subject subject, bool) {
                              return store(entry.body, entry.message_group_id, entry.options, subject);
                          }).value());
        return take_resend();
    }
    void send_again(const FifoSendMessageEntry<std::string>& entry) {
        add_resend_step(recorder_.last_subject(), entry.body);
        static_cast<void>(store(entry.body, entry.message_group_id, entry.options, recorder_.last_subject() + 1));
    }

private:
    Result<SendMessageResult> store(std::string_view body, std::string_view group,
                                    const FifoSendMessageOptions& options, Subject subject) {
        Result<SendMessageResult> result = underlying().try_send_message(body, group, options);
        if (result) {
            recorder_.record_send(*result, subject, body, group,
                                  options.message_deduplication_id.empty() ? content_deduplication_id(body)
                                                                           : options.message_deduplication_id,
                                  traits_.delay);
        }
        return result;
    }
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
