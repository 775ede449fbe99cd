// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// One call of receive on a queue's core, tried as often as there is hope: the predicate of its wait.
/// Everything happens under the queue's lock but `work_outside`.
template <class Core, class Take>
class ReceiveAttempt {
public:
    /// `take(record)` gets what is received, up to so many.
    ReceiveAttempt(Core& core, const ReceiveMessageOptions& options, std::size_t maximum, bool short_poll, Take& take)
        : core_{core}, options_{options}, take_{take} {
        plan_.maximum = std::min(maximum, static_cast<std::size_t>(core.limits().maximum_number_of_messages));
        plan_.default_timeout = !options.visibility_timeout.has_value();
        plan_.short_poll = short_poll;
    }

    [[nodiscard]] const Received& received() const noexcept { return received_; }
    [[nodiscard]] bool is_short_poll() const noexcept { return plan_.short_poll; }

    /// Tries again, at the time that it is now.
    [[nodiscard]] bool operator()() {
        core_.catch_up(to_nanos(core_.clock_.now()));
        const bool received_some = try_now();
        core_.wake();
        return received_some;
    }

    /// Tries, at the time that the engine has reached. Returns whether anything was received.
    [[nodiscard]] bool try_now() {
        // Both may have changed during the wait.
        plan_.visibility_timeout = options_.visibility_timeout.value_or(core_.engine_.options().visibility_timeout);
        plan_.max_receive_count = core_.dead_letter_queue_ != nullptr ? core_.max_receive_count_ : 0;
        const auto dead = [&](MovedMessage&& moved) {
            dead_letter_queue_ = core_.dead_letter_queue_;
            dead_letter_queue_->post(std::move(moved));
        };
        if constexpr (Core::is_fifo) {
            received_ = core_.engine_.receive_attempt(options_.receive_request_attempt_id, plan_, take_, dead);
        } else {
            received_ = core_.engine_.receive(plan_, take_, dead);
        }
        return received_.messages != 0;
    }

    /// When something happens by itself that may end the wait.
    [[nodiscard]] Nanos next_look() {
        const Nanos look = std::min(core_.engine_.next_event(), core_.tasks_.next_due());
        core_.next_look_ = std::min(core_.next_look_, look);
        return look;
    }

    // Dead letters and move tasks concern other queues, whose locks are taken only without this one's.
    [[nodiscard]] bool has_work_outside() const {
        return dead_letter_queue_ != nullptr ||
               (core_.tasks_.any() && core_.tasks_.next_due() <= to_nanos(core_.clock_.now()));
    }
    void work_outside() {
        if (Core* const other = std::exchange(dead_letter_queue_, nullptr)) {
            other->take_in();
        }
        core_.run_tasks();
    }

private:
    Core& core_;
    const ReceiveMessageOptions& options_;
    Take& take_;
    ReceivePlan plan_{};
    Received received_{};
    Core* dead_letter_queue_ = nullptr;  // that something was posted to
};

}  // namespace sqsim::inline SQSIM_ABI::detail
