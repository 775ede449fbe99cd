// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/sim/detail/recorded_queue.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// A queue in a simulated world, its dead-letter queue, and the way back from there.
template <class Q>
class RedrivingQueue : public RecordedQueue<Q> {
public:
    using Base = RecordedQueue<Q>;
    using Base::Base;

    /// Of a dead-letter queue: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before_dead_letter() const noexcept { return attempts_before_; }

protected:
    using Base::begin;
    using Base::index_;
    using Base::place;
    using Base::queue_;
    using Base::record;
    using Base::run_;
    using Base::subject_of;
    using Base::subjects_by_ordinal_;

    void link_dead_letters(RedrivingQueue& dead_letter_queue, int max_receive_count) {
        dead_letters_ = &dead_letter_queue;
        int& attempts = dead_letter_queue.attempts_before_;
        attempts = attempts == 0 ? max_receive_count : std::min(attempts, max_receive_count);
        run_.history().queues[index_].max_receive_count = max_receive_count;
        run_.history().queues[index_].dead_letter_queue = dead_letter_queue.index_;
    }

    /// How many messages the dead-letter queue holds; 0 if there is none.
    [[nodiscard]] std::size_t dead_letter_count() const {
        return dead_letters_ != nullptr ? dead_letters_->queue_.counts().total() : 0;
    }

    /// The receive moved messages to the dead-letter queue: as many as it grew by.
    void note_dead_letters(std::size_t before) {
        const std::size_t moved = dead_letter_count() - before;
        if (moved == 0) {
            return;
        }
        bool is_redriven = false;
        const auto there = dead_letters_->queue_.peek(MessageState::visible, unlimited);
        for (std::size_t i = there.size() - std::min(moved, there.size()); i < there.size(); ++i) {
            const MessageId id = there[i].message.message_id();
            const std::uint32_t number = run_.registry().message(id);
            const Subject subject = run_.registry().subject(number);
            dead_letters_->subjects_by_ordinal_.push_back(subject);
            Operation operation = begin(Action::dead_letter);
            operation.message = number;
            record(operation);
            run_.story().tell(run_.actor(), TimelineStep::Kind::service, subject, [&] {
                return subject_text(subject) + " goes to the dead-letter queue " + dead_letters_->label();
            });
            is_redriven =
                run_.at(place(Verb::dead), subject, {{Fault::redrive}}, false).fault == Fault::redrive || is_redriven;
        }
        if (is_redriven) {
            run_.schedule(run_.now() + std::chrono::milliseconds{1}, run_.actor(), [this] { redrive(); });
        }
        run_.queue_changed(*dead_letters_);
    }

    /// L1: messages that were moved back have new ids, and are called the copies of what they were.
    template <class Messages>
    void name_redriven(const Messages& messages) {
        for (std::size_t i = 0; !redriven_.empty() && i < messages.size(); ++i) {
            const MessageId id = messages[i].message_id();
            if (run_.registry().message(id) == 0) {
                Operation operation = begin(Action::redrive);
                operation.message = run_.registry().add_message(id, redriven_.front() | 1U);
                operation.content = hash_text(messages[i].body());
                record(operation);
                redriven_.erase(redriven_.begin());
            }
        }
    }

private:
    /// L1: an operator moves back what is there.
    void redrive() {
        if (!redriven_.empty()) {
            return;  // one is under way, and takes all
        }
        for (const auto& dead : dead_letters_->queue_.peek(MessageState::visible, unlimited)) {
            redriven_.push_back(dead_letters_->subject_of(dead.message.message_id()));
        }
        static_cast<void>(start_message_move_task(dead_letters_->queue_, queue_));
    }

    RedrivingQueue* dead_letters_ = nullptr;
    int attempts_before_ = 0;
    std::vector<Subject> redriven_{};  // moved back, but not seen here under their new ids
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
