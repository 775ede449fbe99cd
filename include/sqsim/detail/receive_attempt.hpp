// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/process_end.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/mailbox.hpp"
#include "sqsim/detail/moved_message.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/section.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <stop_token>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// Dead letters that a receive has left in another queue's mailbox: that queue takes them in once no lock is held,
/// however the receive ends.
template <class Core>
struct Posted {
    Posted() noexcept = default;
    Posted(const Posted&) = delete;
    Posted& operator=(const Posted&) = delete;
    ~Posted() { take_in(); }

    void take_in() noexcept {
        if (Core* const other = std::exchange(to, nullptr)) {
            other->take_in(at);
        }
    }

    Core* to = nullptr;
    Nanos at{};
};

/// One call of receive on a queue's core, tried as often as there is hope: the predicate of its wait.
/// Everything happens under the queue's lock but `work_outside`.
template <class Core, class Take>
class ReceiveAttempt {
public:
    /// `take(record)` gets what is received, up to so many.
    ReceiveAttempt(Core& core, const ReceiveMessageOptions& options, std::size_t maximum, Take& take,
                   Posted<Core>& posted)
        : core_{core}, options_{options}, take_{take}, posted_{posted},
          wait_time_{options.wait_time.value_or(core.engine_.options().receive_message_wait_time)} {
        plan_.maximum = std::min(maximum, static_cast<std::size_t>(core.limits().maximum_number_of_messages));
        plan_.default_timeout = !options.visibility_timeout.has_value();
        plan_.short_poll = wait_time_ == Nanos::zero();
    }

    /// Receives what there is, or waits for it, from `start` on. Returns: how many messages. Leaves the lock.
    template <class TimePoint>
    std::size_t receive(Section<Core>& section, const std::stop_token& stop, TimePoint start) {
        if (!try_now() && !plan_.short_poll) [[unlikely]] {
            wait(section, stop, start);
        }
        const bool refused = received_.over_limit && plan_.short_poll && !Core::is_fifo;
        if (received_.messages == 0 && !refused && !received_.not_retryable) {
            ++core_.engine_.ledger().totals.number_of_empty_receives;
        }
        section.finish();
        if (received_.not_retryable) {
            raise(attempt_is_void(options_.receive_request_attempt_id));
        }
        if (refused) {
            raise(Errc::over_limit,
                  "Too many messages have been received without being deleted. Please delete your received messages "
                  "or let them timeout before receiving more.");
        }
        return received_.messages;
    }

    // The predicate of the wait.

    /// Tries again, at the time that it is now.
    [[nodiscard]] bool operator()() {
        core_.close_fast_path();  // others had the lock meanwhile
        if (core_.is_abandoned_) [[unlikely]] {
            return true;
        }
        reading_ = to_nanos(core_.clock_.now());
        core_.catch_up(*section_, reading_);
        const bool received_some = try_now();
        core_.wake_receives(received_some);   // there may be more than was counted
        if (core_.condition_.has_leader()) {  // otherwise this receive leads, or the end of its wait sees to that
            core_.lead();
        }
        return received_some;
    }

    /// Tries, at the time that the engine has reached. Returns whether anything was received, or the receive is refused
    /// for good.
    [[nodiscard]] bool try_now() {
        // Both may have changed during the wait.
        plan_.visibility_timeout = options_.visibility_timeout.value_or(core_.engine_.options().visibility_timeout);
        plan_.max_receive_count = core_.redrive_.dead_letter_queue != nullptr ? core_.redrive_.max_receive_count : 0;
        const auto dead = [&](std::unique_ptr<MovedMessage> moved) {
            posted_.to = core_.redrive_.dead_letter_queue;
            posted_.at = core_.engine_.ledger().now();
            posted_.to->post(std::move(moved));
        };
        if constexpr (Core::is_fifo) {
            received_ = core_.engine_.receive_attempt(options_.receive_request_attempt_id, plan_, take_, dead);
        } else {
            received_ = core_.engine_.receive(plan_, take_, dead);
        }
        return is_over();
    }

    /// When the wait ends, for a clock that runs by itself.
    [[nodiscard]] Nanos real_deadline() const noexcept { return real_deadline_; }

    /// When something happens by itself that may end the wait.
    [[nodiscard]] Nanos next_look() { return core_.next_look(); }

    // Dead letters and move tasks concern other queues, whose locks are taken only without this one's. Tasks wait if
    // something was received: the clock may throw.
    [[nodiscard]] bool has_work_outside() const { return posted_.to != nullptr || has_due_task(); }
    void work_outside() {
        posted_.take_in();
        if (has_due_task()) {
            core_.run_tasks();
        }
    }

private:
    /// At the end of a wait that received nothing, by a stop or an exception, too: what this receive was woken for is
    /// for another.
    struct PassingOn {
        PassingOn(Core& core_, std::unique_lock<typename Core::lock_type>& lock_) noexcept : core{core_}, lock{lock_} {}
        PassingOn(const PassingOn&) = delete;
        PassingOn& operator=(const PassingOn&) = delete;
        ~PassingOn() {
            if (is_needed) {
                if (!lock.owns_lock()) {
                    lock.lock();
                }
                core.wake_receives(true);
            }
        }
        Core& core;
        std::unique_lock<typename Core::lock_type>& lock;
        bool is_needed = true;
    };

    [[nodiscard]] bool has_due_task() const {
        return !is_over() && core_.tasks_.any() && core_.tasks_.next_due() <= reading_;
    }

    [[nodiscard]] bool is_over() const noexcept {
        return received_.messages != 0 || received_.not_retryable || received_.cut_short;
    }

    /// A receive that blocks, until it no longer uses the queue.
    class Blocked {
    public:
        explicit Blocked(std::atomic<std::size_t>& count) : count_{count} {
            ProcessEnd::expect();
            ++count_;
        }
        Blocked(const Blocked&) = delete;
        Blocked& operator=(const Blocked&) = delete;
        ~Blocked() { --count_; }

    private:
        std::atomic<std::size_t>& count_;
    };

    /// Waits for messages, and never returns if the process ends meanwhile.
    template <class TimePoint>
    [[gnu::noinline]] void wait(Section<Core>& section, const std::stop_token& stop, TimePoint start) {
        {
            const Blocked blocked{core_.blocked_};
            begin_to_wait(start);
            section_ = &section;
            if (!watches(section, stop)) {
                const Sleeper sleeper{core_.mailbox_};
                core_.catch_up(section, core_.engine_.ledger().now());  // what came before
                core_.wake_receives(false);
                const auto deadline = to_time_point<TimePoint>(saturating_add(to_nanos(start), wait_time_));
                PassingOn passing_on{core_, section.lock};
                const bool received = wait_until(core_.clock_, section.lock, core_.condition_, stop, deadline, *this);
                passing_on.is_needed = !received && !Core::is_driven;  // a clock that drives has seen to it
            }
            if (!core_.is_abandoned_) [[likely]] {
                return;
            }
            section.finish();
        }
        ProcessEnd::stand_still();
    }

    template <class TimePoint>
    void begin_to_wait([[maybe_unused]] TimePoint start) {
        if constexpr (!Core::is_driven) {
            real_deadline_ = saturating_add(real_time(), wait_time_);
            if constexpr (!Core::may_go_back) {  // what the call has taken until now belongs to the wait
                real_deadline_ =
                    saturating_add(real_deadline_, saturating_subtract(to_nanos(start), to_nanos(core_.clock_.now())));
            }
        }
    }

    /// Watches for sends for as long as the options say. Returns whether something was received.
    [[nodiscard]] bool watches(Section<Core>& section, const std::stop_token& stop) {
        if constexpr (Core::is_driven || !Core::is_shared) {
            return false;
        } else {
            if (options_.spin <= Nanos::zero()) {
                return false;
            }
            // What happens by itself ends the watching: a wait that blocks is woken by it.
            const Nanos until_next = saturating_subtract(core_.next_look(), core_.engine_.ledger().now());
            return watch(
                section.lock, stop, std::min({options_.spin, wait_time_, until_next}),
                [&] { return core_.engine_.ledger().last_ordinal(); }, [&] { return core_.mailbox_.latest(); }, *this);
        }
    }

    Core& core_;
    const ReceiveMessageOptions& options_;
    Take& take_;
    Posted<Core>& posted_;
    Nanos wait_time_;
    Nanos real_deadline_{};
    Nanos reading_ = Nanos::min();  // of the clock, when the last try began
    ReceivePlan plan_{};
    Received received_{};
    Section<Core>* section_ = nullptr;  // once it waits
};

}  // namespace sqsim::inline SQSIM_ABI::detail
