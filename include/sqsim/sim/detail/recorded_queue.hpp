// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/sim/detail/run.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// A queue in a simulated world, what it is called in keys, histories and reports, and how it is looked at.
template <class Q>
class RecordedQueue : public QueueInWorld {
public:
    using clock_type = ManualClock;
    using body_type = std::string;
    using time_point = ManualClock::time_point;
    using message_type = SimMessage;
    static constexpr bool is_fifo = std::is_same_v<Q, FifoQueue<ManualClock, std::string, NullMutex>>;
    using options_type = std::conditional_t<is_fifo, FifoQueueOptions, QueueOptions>;

    RecordedQueue(Run& run, const options_type& options)
        : run_{run}, queue_{run.clock(), options}, index_{static_cast<std::uint32_t>(run.queues().size())},
          label_{options.name.empty() ? "queue-" + std::to_string(index_ + 1) : options.name}, limits_{options.limits},
          visibility_timeout_{options.visibility_timeout}, delay_{options.delay},
          wait_time_{options.receive_message_wait_time}, retention_{options.message_retention_period} {
        // The first queue's places have short names: most worlds have only one.
        for (std::size_t i = 0; i < verb_names.size(); ++i) {
            places_[i] = index_ == 0 ? static_cast<std::uint16_t>(i)
                                     : run.places().number(label_ + ":" + std::string{verb_names[i]});
        }
        QueueFacts facts;
        facts.name = label_;
        facts.fifo = is_fifo;
        facts.message_retention_period = options.message_retention_period;
        if constexpr (is_fifo) {
            facts.deduplicates_by_group = options.deduplication_scope == DeduplicationScope::message_group;
            facts.deduplication_interval = options.deduplication_interval;
        }
        run.history().queues.push_back(std::move(facts));
        subjects_by_ordinal_.reserve(8);  // at once what a world usually needs
    }

    // Inspection, by the scenario or by an actor: not a place for faults.

    [[nodiscard]] QueueCounts counts() const { return queue_.counts(); }
    [[nodiscard]] const std::string& name() const noexcept { return queue_.name(); }
    [[nodiscard]] options_type options() const { return queue_.options(); }
    [[nodiscard]] auto peek(MessageState state, std::size_t maximum = 10) const { return queue_.peek(state, maximum); }
    [[nodiscard]] auto peek(const MessageId& id) const { return queue_.peek(id); }
    [[nodiscard]] std::string describe() const { return queue_.describe(); }
    /// The queue itself, for what a world has no faults for.
    [[nodiscard]] Q& underlying() noexcept { return queue_; }

    [[nodiscard]] QueueCounts stored() const override { return queue_.counts(); }
    [[nodiscard]] const std::string& label() const override { return label_; }
    /// The stored bodies, whatever their state.
    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> result;
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                result.emplace_back(peeked.message.body());
            }
        }
        return result;
    }
    void add_deadlines(std::vector<Nanos>& deadlines, bool with_retention) const override {
        const options_type options = queue_.options();
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                const Nanos sent = peeked.message.sent_at().time_since_epoch();
                if (with_retention) {
                    deadlines.push_back(sent + options.message_retention_period);
                }
                if (state != MessageState::visible) {
                    deadlines.push_back(peeked.available_at.time_since_epoch());
                }
                if constexpr (is_fifo) {
                    deadlines.push_back(sent + options.deduplication_interval);
                }
            }
        }
    }

    [[nodiscard]] std::string contents() const override {
        std::string text;
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                text += (text.empty() ? "" : ", ") + subject_text(subject_of(peeked.message.message_id()));
            }
        }
        return text;
    }

protected:
    [[nodiscard]] std::uint16_t place(Verb verb) const noexcept { return places_[static_cast<std::size_t>(verb)]; }
    [[nodiscard]] const Limits& limits() const noexcept { return limits_; }

    [[nodiscard]] static Error refusal(Errc code) {
        return {code, code == Errc::request_throttled ? "The request is throttled (simulated)."
                                                      : "The service gave no answer (simulated)."};
    }
    [[noreturn]] static void refuse(Errc code) { sqsim::detail::raise(refusal(code)); }

    [[nodiscard]] Subject subject_of(const MessageId& id) const {
        return run_.registry().subject(run_.registry().message(id));
    }
    [[nodiscard]] KnownHandle look_up(const ReceiptHandle& handle) const { return run_.registry().look_up(handle); }

    [[nodiscard]] Operation begin(Action action) {
        Operation operation;
        operation.invoked = operation.answered = run_.now();
        operation.queue = index_;
        operation.client = static_cast<std::uint32_t>(run_.actor().index);
        operation.action = action;
        return operation;
    }
    void record(const Operation& operation) {
        run_.note(std::uint64_t{static_cast<std::uint8_t>(operation.action)} << 8 |
                      static_cast<std::uint8_t>(operation.answer),
                  (std::uint64_t{operation.message} << 32 | operation.client) ^ operation.content ^
                      static_cast<std::uint64_t>(operation.duration.count()) ^
                      static_cast<std::uint64_t>(operation.receive_count) << 16);
        run_.history().operations.push_back(operation);
    }
    void record_handle(Action action, const KnownHandle& handle, Answer answer, Nanos duration) {
        Operation operation = begin(action);
        operation.receipt = handle.number;
        operation.message = handle.message;
        operation.answer = answer;
        operation.duration = duration;
        record(operation);
    }

    /// A message was stored. Returns its number.
    std::uint32_t add_message(const MessageId& id, Subject subject) {
        subjects_by_ordinal_.push_back(subject);
        return run_.registry().add_message(id, subject);
    }
    [[nodiscard]] Subject next_subject() noexcept { return 2 * ++last_number_; }

    /// A send that stores nothing, and one whose sender cannot know whether it did.
    [[nodiscard]] Result<SendMessageResult> refused(Errc code) {
        Operation operation = begin(Action::send);
        operation.answer = Answer::refused;
        record(operation);
        return Error{code, "The message was not accepted (simulated)."};
    }
    [[nodiscard]] static Result<SendMessageResult> unanswered() {
        return Error{Errc::service_unavailable, "The service gave no answer (simulated)."};
    }

    [[nodiscard]] static std::string said(Subject subject, std::string_view body) {
        constexpr std::size_t longest = 24;
        return "send " + subject_text(subject) + " \"" + std::string{body.substr(0, longest)} +
               (body.size() > longest ? "...\"" : "\"");
    }

    [[nodiscard]] static Answer answer(HandleResult result) noexcept {
        switch (result.status) {
        case HandleStatus::ok:
            return Answer::ok;
        case HandleStatus::expired:
            return Answer::expired;
        case HandleStatus::superseded:
            return Answer::superseded;
        case HandleStatus::gone:
            return Answer::gone;
        case HandleStatus::invalid:
            return Answer::refused;
        }
        return Answer::refused;
    }
    [[nodiscard]] static std::string status_text(HandleStatus status) {
        constexpr std::array<std::string_view, 5> texts{"ok", "expired", "superseded", "gone", "invalid"};
        return std::string{texts[static_cast<std::size_t>(status)]};
    }

    /// The subject of the n-th message that the queue stored.
    [[nodiscard]] Subject subject_by_ordinal(std::uint64_t ordinal) const noexcept {
        return ordinal <= subjects_by_ordinal_.size() ? subjects_by_ordinal_[ordinal - 1] : 0;
    }

    /// Which queue a step of the story is about, unless there is only one.
    [[nodiscard]] std::string where() const { return index_ == 0 ? std::string{} : " (" + label_ + ")"; }

    void record_refused_receive(Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.answer = Answer::refused;
        record(operation);
    }

    Run& run_;
    Q queue_;
    std::uint32_t index_;
    std::string label_;
    Limits limits_;
    Nanos visibility_timeout_;
    Nanos delay_;
    Nanos wait_time_;
    Nanos retention_;
    std::vector<Subject> subjects_by_ordinal_{};

private:
    std::array<std::uint16_t, verb_names.size()> places_{};
    std::uint32_t last_number_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
