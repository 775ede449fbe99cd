// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/agenda.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/event_source.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/ids.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <vector>

namespace sqsim::inline SQSIM_ABI {

/// A clock for tests: time moves only when told to. An object, passed by reference, that outlives its queues.
///
/// Its `now()` is a member on purpose: `std::condition_variable::wait_until` and the like then refuse its instants at
/// compile time instead of waiting in real time.
/// Concurrency: all members may be called at the same time. `advance` and its kin take turns.
class ManualClock {
public:
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<ManualClock, duration>;

    ManualClock() noexcept = default;
    explicit ManualClock(time_point start) noexcept : now_{start.time_since_epoch().count()} {}
    ManualClock(const ManualClock&) = delete;
    ManualClock& operator=(const ManualClock&) = delete;
    ~ManualClock() {
        detail::require(agenda_.is_empty(), "a ManualClock is destroyed before a queue that uses it");
        detail::require(waiters_.empty(), "a ManualClock is destroyed while a thread waits on it");
    }

    [[nodiscard]] time_point now() const noexcept { return time_point{duration{now_.load(std::memory_order_acquire)}}; }

    /// Moves the time by `step`, event by event, each at its own instant, up to and including the end. Queues that have
    /// something due at one instant have their turns in the order in which they were made.
    /// Errors: a negative step throws `std::invalid_argument`.
    /// Complexity: logarithmic in the queues, for each that has something due or was used since the last move.
    /// Concurrency: at each event, waits until every receive that it concerns has looked again: it has returned or
    /// blocks again. Promises nothing about the code after such a receive: `advance_stepwise` waits for that, too.
    void advance(duration step) {
        const std::scoped_lock advancing{advancing_};
        advance_to(time_point{detail::saturating_add(now().time_since_epoch(), step)});
    }

    /// Moves the time to `end`, as `advance`. Errors: an earlier time than now throws `std::invalid_argument`.
    void advance_to(time_point end) {
        const std::scoped_lock advancing{advancing_};
        if (end < now()) {
            backwards(end);
        }
        while (must_step()) {
            const detail::Nanos next = earliest_event();
            if (next >= end.time_since_epoch()) {
                break;
            }
            step_to(std::max(next, now().time_since_epoch()));
        }
        step_to(end.time_since_epoch());
    }

    /// Moves the time by `step` as `advance`, but goes on from an event only once `waiters` threads are blocked in a
    /// receive on this clock again, as they also must be at the beginning and at the end. So threads that receive in a
    /// loop come around between two events, and what they do there takes no time: it happens at the first one.
    /// Errors: as `advance`; `std::runtime_error`, with the list of who waits for what, if for `real_limit` of real
    /// time fewer threads wait. The time stays where it is then.
    /// Concurrency: other threads may use the clock between two events.
    void advance_stepwise(duration step, std::size_t waiters,
                          std::chrono::milliseconds real_limit = std::chrono::seconds{10}) {
        const time_point end{detail::saturating_add(now().time_since_epoch(), step)};
        if (step < duration::zero()) {
            backwards(end);
        }
        wait_for_blocked(waiters, real_limit);
        for (bool more = true; more;) {
            more = step_towards(end);
            wait_for_blocked(waiters, real_limit);
        }
    }

    /// Moves the time to the next event. Returns false, and moves nothing, if nothing is pending.
    bool advance_to_next_event() {
        const std::scoped_lock advancing{advancing_};
        const std::optional<time_point> next = next_event();
        if (next) {
            advance_to(std::max(*next, now()));
        }
        return next.has_value();
    }

    /// The next instant at which something happens by itself: a delay, a lease, a retention or a deduplication window
    /// ends, a receive gives up, a move task moves a message. Nothing if nothing will.
    [[nodiscard]] std::optional<time_point> next_event() const {
        const std::scoped_lock advancing{advancing_};
        const detail::Nanos next = earliest_event();
        return next == detail::never ? std::nullopt : std::optional{time_point{next}};
    }

    /// How many threads are blocked in a receive on this clock.
    [[nodiscard]] std::size_t waiters() const {
        const auto lock = rendezvous_.lock();
        return waiters_.size();
    }

    /// Blocks until at least `count` threads are blocked in a receive on this clock: call it before `advance`, which
    /// a receive that begins later would miss.
    /// Errors: throws `std::runtime_error`, with the list of who waits for what, after `real_limit` of real time.
    void wait_for_waiters(std::size_t count, std::chrono::milliseconds real_limit = std::chrono::seconds{10}) {
        auto lock = rendezvous_.lock();
        if (!rendezvous_.wait_for(lock, real_limit, [&] { return waiters_.size() >= count; })) {
            too_few_waiters("wait_for_waiters", waiters_.size(), count, real_limit);
        }
    }

    // What follows is for queues and move tasks.

    /// Adds a source of events. It must be removed before it ends.
    void attach(EventSource& source) noexcept { agenda_.attach(source); }
    /// The same, for the turn that was taken when the source was still to come.
    void attach(EventSource& source, std::uint64_t turn) noexcept { agenda_.attach(source, turn); }
    [[nodiscard]] std::uint64_t begin_source() noexcept { return agenda_.begin_source(); }
    void end_source() noexcept { agenda_.end_source(); }
    void detach(EventSource& source) noexcept {
        const std::scoped_lock advancing{advancing_};
        agenda_.detach(source);
    }
    /// A settled source, under its own lock, tells that something may happen in it earlier than it has said.
    void unsettle(EventSource& source) noexcept { agenda_.tell(source); }

    /// The key of the next queue's message ids: the same in every run, so that a test may name them.
    [[nodiscard]] std::uint64_t next_id_key() noexcept { return detail::mix64(++id_keys_ + 0x7371'7369'6d00'0000U); }

    /// A source, under its own lock, tells that time has moved: wakes those who wait on its condition and whose time
    /// has come, and in all as many as found something to receive.
    void time_has_moved(WaitCondition& condition, std::size_t openings) { wake(condition, openings); }

    /// A source, under its own lock, wakes up to `count` of those who wait on its condition. An `advance` that is under
    /// way waits until they have looked.
    void wake(WaitCondition& condition, std::size_t count) {
        const auto lock = rendezvous_.lock();
        wake_waiters(condition, count);
    }

    template <class Lock, class Predicate>
    friend bool wait_until(ManualClock& clock, std::unique_lock<Lock>& lock, WaitCondition& condition,
                           const std::stop_token& stop, time_point deadline, Predicate&& predicate) {
        if (stop.stop_requested()) {
            return false;
        }
        if constexpr (std::is_same_v<Lock, NullMutex>) {
            return predicate();  // the only thread is this one: nobody could move the time
        } else {
            Waiter waiter{&condition, deadline};
            const Registration registration{clock, waiter};
            while (true) {
                const time_point now = clock.now();
                if (stop.stop_requested()) {
                    clock.pass_on(waiter);
                    return false;
                }
                const bool holds = predicate();
                if (detail::work_outside(lock, predicate) && !holds) {
                    continue;
                }
                if (holds) {
                    return true;
                }
                if (now >= deadline) {
                    return false;
                }
                if (clock.has_looked(waiter, now)) {
                    condition.wait(lock, stop, waiter.place);
                }
            }
        }
    }

private:
    struct Waiter {
        WaitCondition* condition;
        time_point deadline;
        bool must_look = false;   // the time has moved for it
        bool has_looked = false;  // and found nothing: it blocks
        WaitCondition::Waiter place{};
    };

    struct Registration {
        Registration(ManualClock& clock_, Waiter& waiter_) : clock{clock_}, waiter{waiter_} {
            const auto lock = clock.rendezvous_.lock();
            clock.waiters_.push_back(&waiter);
            clock.rendezvous_.notify();
        }
        ~Registration() {
            const auto lock = clock.rendezvous_.lock();
            std::erase(clock.waiters_, &waiter);
            clock.rendezvous_.notify();
        }
        ManualClock& clock;
        Waiter& waiter;
    };

    /// Under the rendezvous' lock. Those who do not sleep are about to look; they had no part in what was there before.
    void wake_waiters(WaitCondition& condition, std::size_t count) noexcept {
        for (Waiter* waiter : waiters_) {
            if (waiter->condition != &condition) {
                continue;
            }
            if (!waiter->place.is_asleep()) {
                waiter->must_look = true;
            } else if (count != 0 || waiter->deadline <= now()) {
                waiter->must_look = true;
                condition.wake(waiter->place);
                count -= count != 0 ? 1U : 0U;
            }
        }
    }

    /// A waiter does not look any more: if it was to, another does.
    void pass_on(const Waiter& waiter) {
        const auto lock = rendezvous_.lock();
        if (waiter.must_look) {
            wake_waiters(*waiter.condition, 1);
        }
    }

    /// A waiter looked when the time was `seen`. Returns whether that is still the time, so that it may block.
    [[nodiscard]] bool has_looked(Waiter& waiter, time_point seen) {
        const auto lock = rendezvous_.lock();
        if (seen != now()) {
            return false;
        }
        waiter.must_look = false;
        waiter.has_looked = true;
        rendezvous_.notify();
        return true;
    }

    /// How many threads are blocked, and not about to look or to return. Under the rendezvous' lock.
    [[nodiscard]] std::size_t blocked() const {
        return static_cast<std::size_t>(std::count_if(
            waiters_.begin(), waiters_.end(), [](auto* waiter) { return waiter->has_looked && !waiter->must_look; }));
    }

    void wait_for_blocked(std::size_t count, std::chrono::milliseconds real_limit) {
        auto lock = rendezvous_.lock();
        if (!rendezvous_.wait_for(lock, real_limit, [&] { return blocked() >= count; })) {
            too_few_waiters("advance_stepwise", blocked(), count, real_limit);
        }
    }

    /// Moves the time to the next event, at most to `end`. Returns whether that is still ahead.
    bool step_towards(time_point end) {
        const std::scoped_lock advancing{advancing_};
        const detail::Nanos next = std::min(earliest_event(), end.time_since_epoch());
        step_to(std::max(next, now().time_since_epoch()));
        return now() < end;
    }

    [[nodiscard]] bool must_step() const {
        const auto lock = rendezvous_.lock();
        return !waiters_.empty() || agenda_.has_acting();
    }

    [[nodiscard]] detail::Nanos earliest_event() const {
        detail::Nanos next = agenda_.next_event();
        const auto lock = rendezvous_.lock();
        for (const Waiter* waiter : waiters_) {
            next = std::min(next, waiter->deadline.time_since_epoch());
        }
        return next;
    }

    void step_to(detail::Nanos instant) {
        {
            detail::Agenda::Step step{agenda_, instant};
            {
                const auto lock = rendezvous_.lock();
                now_.store(instant.count(), std::memory_order_release);
                add_expired_waits(step);
            }
            step.run();
        }
        auto lock = rendezvous_.lock();
        rendezvous_.wait(lock, [this] {
            return std::none_of(waiters_.begin(), waiters_.end(), [](auto* waiter) { return waiter->must_look; });
        });
    }

    /// The sources of the waits that end now: these only the clock knows. Under the rendezvous' lock.
    void add_expired_waits(detail::Agenda::Step& step) noexcept {
        for (const Waiter* waiter : waiters_) {
            EventSource* const source = waiter->condition->source();
            if (source != nullptr && waiter->deadline <= now()) {
                step.add(*source);
            }
        }
    }

    [[noreturn]] void backwards(time_point end) const {
        detail::raise_standard<std::invalid_argument>(
            "sqsim::ManualClock cannot move backwards: it is " + std::to_string(now().time_since_epoch().count()) +
            " ns and was asked to be " + std::to_string(end.time_since_epoch().count()) + " ns");
    }

    [[noreturn]] void too_few_waiters(const std::string& verb, std::size_t found, std::size_t count,
                                      std::chrono::milliseconds real_limit) const {
        std::string text = "sqsim::ManualClock::" + verb + ": " + std::to_string(found) + " of " +
                           std::to_string(count) + " threads wait after " + std::to_string(real_limit.count()) +
                           " ms at " + std::to_string(now().time_since_epoch().count()) + " ns";
        for (const Waiter* waiter : waiters_) {
            text += "\n  a receive on queue '" + waiter->condition->name() + "' until " +
                    std::to_string(waiter->deadline.time_since_epoch().count()) + " ns";
        }
        detail::raise_standard<std::runtime_error>(text);
    }

    std::atomic<rep> now_{0};  // written under the rendezvous' lock
    // One mover at a time; recursive, for a source may end, and so leave, while it runs.
    mutable std::recursive_mutex advancing_{};
    mutable detail::Agenda agenda_{};  // asking a source changes what is known of it
    mutable detail::Rendezvous rendezvous_{};
    std::vector<Waiter*> waiters_{};  // guarded by the rendezvous' lock
    std::atomic<std::uint64_t> id_keys_{0};
};

static_assert(Clock<ManualClock>);

}  // namespace sqsim::inline SQSIM_ABI
