// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/history_index.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// "1st", "2nd", …
[[nodiscard]] inline std::string ordinal_text(std::uint32_t number) {
    const std::uint32_t last = number % 10;
    const bool teen = number / 10 % 10 == 1;
    return std::to_string(number) + (teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

/// What an execution knows of a queue: its names for messages and sites, and what becomes part of the history.
///
/// Invariant: `stored_[n - 1]` is the message with the queue's ordinal n, or none if no message of the world has it.
class QueueRecorder {
public:
    /// The queue gets the next place in the history. One that has no name is called by that place in reports.
    QueueRecorder(Execution& execution, const WorldQueue& queue, const std::string& name, QueueFacts facts)
        : execution_{execution}, queue_{queue}, index_{static_cast<std::uint32_t>(execution.queues().size())},
          label_{name.empty() ? "queue-" + std::to_string(index_ + 1) : name},
          sites_{execution.sites().of_queue(name.empty() && index_ == 0 ? std::string{} : label_)} {
        facts.name = label_;
        is_fifo_ = facts.fifo;
        execution.history().queues.push_back(std::move(facts));
        stored_.reserve(8);  // at once what a world usually needs
    }
    QueueRecorder(const QueueRecorder&) = delete;
    QueueRecorder& operator=(const QueueRecorder&) = delete;

    [[nodiscard]] Execution& execution() const noexcept { return execution_; }
    [[nodiscard]] const std::string& label() const noexcept { return label_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] SiteNumber site(Site which) const noexcept { return sites_[number_of(which)]; }

    // Names.

    [[nodiscard]] MessageRef reference(std::uint32_t message, Subject subject) const noexcept {
        return {&queue_, message, subject};
    }
    [[nodiscard]] std::string name_of(Subject subject) const { return execution_.name_of(&queue_, subject); }
    /// Which queue a step is about, unless there is only one.
    [[nodiscard]] std::string where() const {
        return execution_.queues().size() > 1 ? " (" + label_ + ")" : std::string{};
    }
    /// The subject of the next message that is sent here.
    [[nodiscard]] Subject next_subject() noexcept { return 2 * ++last_number_; }
    [[nodiscard]] Subject last_subject() const noexcept { return 2 * last_number_; }
    [[nodiscard]] Subject subject_of(const MessageId& id) const {
        return execution_.ids().subject(execution_.ids().message(id));
    }
    [[nodiscard]] KnownHandle look_up(const ReceiptHandle& handle) const { return execution_.ids().look_up(handle); }
    /// The n-th message that the queue stored.
    [[nodiscard]] MessageRef stored_message(std::uint64_t ordinal) const noexcept {
        return ordinal - 1 < stored_.size() ? stored_[ordinal - 1] : MessageRef{};
    }
    void add_stored(std::uint64_t ordinal, std::uint32_t message, Subject subject) {
        stored_.resize(std::max<std::size_t>(stored_.size(), ordinal));
        stored_[ordinal - 1] = reference(message, subject);
    }

    /// The current actor waits for a message, or until the deadline.
    void wait_until(Nanos deadline) const { execution_.scheduler().wait_for(&queue_, deadline); }
    /// Who waits for a message looks again.
    void notify() const { execution_.scheduler().notify(&queue_); }

    // The history.

    [[nodiscard]] Operation begin(Action action) {
        Operation operation;
        operation.invoked = operation.answered = execution_.now();
        operation.queue = index_;
        operation.client = static_cast<std::uint32_t>(execution_.client_index());
        operation.action = action;
        return operation;
    }
    void record(const Operation& operation) {
        execution_.mix_into_hash(std::uint64_t{static_cast<std::uint8_t>(operation.action)} << 8 |
                                     static_cast<std::uint8_t>(operation.answer),
                                 (std::uint64_t{operation.message} << 32 | operation.client) ^ operation.content ^
                                     static_cast<std::uint64_t>(operation.duration.count()) ^
                                     static_cast<std::uint64_t>(operation.receive_count) << 16);
        // Without limits, a span may be longer than what a history can tell.
        constexpr Nanos longest = history::detail::HistoryIndex::latest;
        Operation& recorded = execution_.history().operations.emplace_back(operation);
        recorded.wait = std::min(recorded.wait, longest);
        recorded.duration = std::min(recorded.duration, longest);
    }
    void record_handle(Action action, const KnownHandle& handle, Answer answer, Nanos duration) {
        Operation operation = begin(action);
        operation.receipt = handle.number;
        operation.message = handle.message;
        operation.answer = answer;
        operation.duration = duration;
        record(operation);
    }
    /// A policy from before the first operation is a fact of the queue, a later one is an operation.
    void record_redrive_policy(int max_receive_count, std::uint32_t dead_letter_queue) {
        if (execution_.history().operations.empty()) {
            QueueFacts& facts = execution_.history().queues[index_];
            facts.max_receive_count = max_receive_count;
            facts.dead_letter_queue = dead_letter_queue;
            return;
        }
        Operation operation = begin(Action::set_redrive_policy);
        operation.receive_count = max_receive_count;
        operation.maximum = static_cast<std::int32_t>(dead_letter_queue) + 1;
        record(operation);
    }
    void record_refused_send() {
        Operation operation = begin(Action::send);
        operation.answer = Answer::refused;
        record(operation);
    }

    /// Records a message that was stored, or that a FIFO queue deduplicated.
    void record_send(const SendMessageResult& result, Subject subject, std::string_view body, std::string_view group,
                     std::string_view deduplication_id, Nanos delay) {
        Operation operation = begin(Action::send);
        if (result.deduplicated) {
            operation.message = execution_.ids().message(result.message_id);
            operation.answer = Answer::deduplicated;
        } else {
            operation.message = execution_.ids().add_message(result.message_id, subject);
            add_stored(stored_.size() + 1, operation.message, subject);
        }
        operation.duration = delay;
        operation.group = execution_.ids().text(group);
        operation.deduplication = execution_.ids().text(deduplication_id);
        operation.content = hash_text(body);
        record(operation);
        notify();
    }

    void record_receive(Nanos invoked, int maximum, Nanos wait, Nanos visibility_timeout) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.maximum = maximum;
        operation.wait = wait;
        operation.duration = visibility_timeout;
        record(operation);
    }
    void record_refused_receive(Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.answer = Answer::refused;
        record(operation);
    }

    /// A message arrives at the current actor, which leases it. Returns what it is called.
    MessageRef record_delivery(const ReceivedMessages::Real& message, Nanos invoked, std::size_t step) {
        IdNumbering& ids = execution_.ids();
        const std::uint32_t number = ids.message(message.message_id());
        const Subject subject = ids.subject(number);
        const Nanos deadline = message.visibility_deadline().time_since_epoch();
        const KnownHandle known = ids.add_handle(message.receipt_handle(), number);
        execution_.client().leases.push_back({&queue_, known.hash, number, subject, deadline});
        execution_.receives_of(number).count = message.approximate_receive_count();
        execution_.timeline().append(step, [&] {
            return " " + name_of(subject) + " (" + ordinal_text(message.approximate_receive_count()) + ")";
        });
        execution_.timeline().add_lease(execution_.client_index(), subject, deadline);
        Operation delivery = begin(Action::delivery);
        delivery.invoked = invoked;
        delivery.message = number;
        delivery.receipt = known.number;
        delivery.group = ids.text(message.message_group_id());
        if (is_fifo_) {
            delivery.deduplication = ids.text(message.message_deduplication_id());
        }
        delivery.receive_count = static_cast<std::int32_t>(message.approximate_receive_count());
        delivery.content = hash_text(message.body());
        record(delivery);
        execution_.receives_of(number).sent_at = message.sent_at().time_since_epoch();
        const MessageRef arrived = reference(number, subject);
        execution_.check_settling(arrived);
        return arrived;
    }

private:
    Execution& execution_;
    const WorldQueue& queue_;
    std::uint32_t index_;
    std::string label_;
    const QueueSites& sites_;
    bool is_fifo_ = false;
    std::vector<MessageRef> stored_{};
    std::uint32_t last_number_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
