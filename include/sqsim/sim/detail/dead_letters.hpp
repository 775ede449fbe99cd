// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/sim/detail/backing_queue.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/queue_recorder.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The dead-letter queue of a simulated queue: what goes there by a receive, and what an operator moves back.
class DeadLetters {
public:
    DeadLetters(QueueRecorder& recorder, BackingQueue& queue) noexcept : recorder_{recorder}, queue_{queue} {}
    DeadLetters(const DeadLetters&) = delete;
    DeadLetters& operator=(const DeadLetters&) = delete;

    /// Messages go to `target` from now on.
    void link(DeadLetters& target, int max_receive_count) {
        target_ = &target;
        target.attempts_before_ =
            target.attempts_before_ == 0 ? max_receive_count : std::min(target.attempts_before_, max_receive_count);
        recorder_.record_redrive_policy(max_receive_count, target.recorder_.index());
    }

    /// Of a dead-letter queue: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before() const noexcept { return attempts_before_; }

    /// Whether the queue is its own dead-letter queue.
    [[nodiscard]] bool is_own_target() const noexcept { return target_ == this; }

    /// What is in the dead-letter queue, to be compared after a receive.
    [[nodiscard]] std::vector<StoredId> ids() const {
        return target_ != nullptr ? target_->queue_.ids() : std::vector<StoredId>{};
    }

    /// Records what the receive moved there since. Returns whether that was anything.
    bool record_moves(const std::vector<StoredId>& before) {
        if (target_ == nullptr) {
            return false;
        }
        const std::vector<StoredId> arrived = target_->arrived_since(before);
        bool is_redriven = false;
        for (const StoredId& letter : arrived) {
            is_redriven = record_move(letter) || is_redriven;
        }
        if (is_redriven) {
            Scheduler& scheduler = recorder_.execution().scheduler();
            scheduler.schedule(recorder_.execution().now() + std::chrono::milliseconds{1}, *scheduler.current(),
                               [this, from = target_] { redrive(*from); });
        }
        if (!arrived.empty()) {
            target_->recorder_.notify();
        }
        return !arrived.empty();
    }

private:
    /// What came to the queue since `before`, in the order in which it came.
    [[nodiscard]] std::vector<StoredId> arrived_since(const std::vector<StoredId>& before) const {
        std::vector<StoredId> arrived = queue_.ids();
        std::erase_if(arrived, [&](const StoredId& stored) {
            return std::find(before.begin(), before.end(), stored) != before.end();
        });
        std::sort(arrived.begin(), arrived.end(),
                  [](const StoredId& a, const StoredId& b) { return a.ordinal < b.ordinal; });
        return arrived;
    }

    /// Returns whether an operator moves the message back.
    bool record_move(const StoredId& letter) {
        Execution& execution = recorder_.execution();
        const std::uint32_t number = execution.ids().message(letter.id);
        const Subject subject = execution.ids().subject(number);
        target_->recorder_.add_stored(letter.ordinal, number, subject);
        execution.check_settling(recorder_.reference(number, subject));
        Operation operation = recorder_.begin(Action::dead_letter);
        operation.message = number;
        recorder_.record(operation);
        execution.add_step(TimelineStep::Kind::service, subject, [&] {
            return recorder_.name_of(subject) + " goes to the dead-letter queue " + target_->recorder_.label();
        });
        return execution.choose(recorder_.site(Site::dead_letter), subject, Fault::redrive, {}).fault == Fault::redrive;
    }

    /// An operator moves back what is in the dead-letter queue. It gets new ids, and is called the copy of what it was.
    void redrive(DeadLetters& from) {
        const std::vector<StoredId> before = queue_.ids();
        std::vector<StoredId> left = from.arrived_since({});
        queue_.redrive(from.queue_);
        const std::vector<StoredId> remaining = from.queue_.ids();
        std::erase_if(left, [&](const StoredId& stored) {
            return std::find(remaining.begin(), remaining.end(), stored) != remaining.end();
        });
        for (const StoredId& arrived : arrived_since(before)) {
            const auto old = std::find_if(left.begin(), left.end(), [&](const StoredId& letter) {
                return letter.content == arrived.content && letter.group == arrived.group;
            });
            if (old != left.end()) {
                record_redrive(from, recorder_.execution().ids().message(old->id), arrived);
                left.erase(old);
            }
        }
        recorder_.notify();
    }
    void record_redrive(DeadLetters& from, std::uint32_t old_message, const StoredId& arrived) {
        Operation leaves = from.recorder_.begin(Action::delete_message);
        leaves.message = old_message;
        leaves.answer = Answer::unknown;  // no client deleted it
        recorder_.record(leaves);
        Execution& execution = recorder_.execution();
        const Subject copy = execution.ids().subject(old_message) | 1U;
        Operation operation = recorder_.begin(Action::redrive);
        operation.message = execution.ids().add_message(arrived.id, copy);
        operation.content = arrived.content;
        operation.group = arrived.group;
        recorder_.record(operation);
        recorder_.add_stored(arrived.ordinal, operation.message, copy);
        execution.add_step(TimelineStep::Kind::service, copy,
                           [&] { return recorder_.name_of(copy) + " is moved back to " + recorder_.label(); });
    }

    QueueRecorder& recorder_;
    BackingQueue& queue_;
    DeadLetters* target_ = nullptr;
    int attempts_before_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
