// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/event_source.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/light_mutex.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>

// The one place that waits.
//
// Lock order: a queue's lock, then a clock's. Under a queue's lock a wait reads its clock, which may throw.

namespace sqsim::inline SQSIM_ABI {

/// A lock for one thread: it does nothing.
struct NullMutex {
    static constexpr void lock() noexcept {}
    static constexpr void unlock() noexcept {}
    [[nodiscard]] static constexpr bool try_lock() noexcept { return true; }
};

/// What the threads that wait for one queue wait on. Everything happens under the queue's lock.
///
/// Each thread sleeps by itself, and is woken by itself: a send wakes one. One of them, the leader, also wakes for the
/// queue's next event; the others need not, for whoever is awake last sees to it that there is a leader (`look_by`).
class WaitCondition {
public:
    /// A thread's place among those that wait.
    class Waiter {
    public:
        Waiter() = default;
        Waiter(const Waiter&) = delete;
        Waiter& operator=(const Waiter&) = delete;

        /// Whether it waits and nobody has woken it. Under the queue's lock.
        [[nodiscard]] bool is_asleep() const noexcept { return is_asleep_; }

    private:
        friend class WaitCondition;

        void let_go(bool& reason) noexcept {
            {
                const std::scoped_lock lock{mutex_};
                reason = true;
            }
            // The waiter cannot end before: it needs the queue's lock, or the end of the callback.
            changed_.notify_one();
        }

        Waiter* previous_ = nullptr;
        Waiter* next_ = nullptr;
        bool is_asleep_ = false;
        std::mutex mutex_{};
        std::condition_variable changed_{};
        bool is_woken_ = false;    // guarded by mutex_
        bool is_stopped_ = false;  // guarded by mutex_
    };

    explicit WaitCondition(std::string name = {}, EventSource* source = nullptr)
        : name_{std::move(name)}, source_{source} {}
    WaitCondition(const WaitCondition&) = delete;
    WaitCondition& operator=(const WaitCondition&) = delete;

    /// Wakes one thread, or all, or up to `count`: those that have slept longest, and the leader last, for another
    /// would have to take its place.
    void notify_one() noexcept { notify(1); }
    void notify_all() noexcept { notify(waiting_); }
    void notify(std::size_t count) noexcept {
        for (; count != 0 && first_ != nullptr; --count) {
            wake(*first_);
        }
        if (count != 0 && leader_ != nullptr) {
            wake(*leader_);
        }
    }
    /// Wakes a thread that is asleep.
    void wake(Waiter& waiter) noexcept {
        remove(waiter);
        ++awake_;
        waiter.let_go(waiter.is_woken_);
    }

    /// Whether no thread was woken that has yet to look: nobody will see to it by himself that there is a leader.
    [[nodiscard]] bool all_sleep() const noexcept { return awake_ == 0 && waiting_ != 0; }
    /// Sees to it that a thread looks at an instant, in nanoseconds since the clock's epoch, if `all_sleep`: wakes one
    /// unless the leader looks by then.
    void look_by(std::chrono::nanoseconds instant) noexcept {
        if (all_sleep() && instant < leader_looks_) {
            Waiter* const waiter = leader_ != nullptr ? leader_ : first_;
            if (waiter != nullptr) {  // none if all of them are about to see that their wait is over
                wake(*waiter);
            }
        }
    }
    [[nodiscard]] bool has_leader() const noexcept { return leader_ != nullptr; }

    /// How many threads are blocked.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

    /// Who waits here, for messages to people.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// What lets those who wait here look again when time has moved; null if nothing does.
    [[nodiscard]] EventSource* source() const noexcept { return source_; }

    /// Blocks until the next notification or a stop request. Returns: whether it was woken, also if it was stopped,
    /// too.
    template <class Lock>
    bool wait(std::unique_lock<Lock>& lock, const std::stop_token& stop) {
        Waiter waiter;
        return wait(lock, stop, waiter);
    }
    /// The same at a place by which it can be woken.
    template <class Lock>
    bool wait(std::unique_lock<Lock>& lock, const std::stop_token& stop, Waiter& waiter) {
        add(waiter);
        return sleep(lock, stop, waiter, [](auto& changed, auto& own, auto ends) { changed.wait(own, ends); });
    }

    /// Blocks as `wait`, but no longer than until an instant of a standard clock.
    template <class Lock, class TimePoint>
    bool wait_until(std::unique_lock<Lock>& lock, const std::stop_token& stop, const TimePoint& instant) {
        Waiter waiter;
        add(waiter);
        return sleep_until(lock, stop, instant, waiter);
    }

    /// Blocks as `wait_until`, as the leader, who looks at the next event at `look`. Precondition: there is none.
    template <class Lock, class TimePoint>
    bool lead_until(std::unique_lock<Lock>& lock, const std::stop_token& stop, const TimePoint& instant,
                    std::chrono::nanoseconds look) {
        Waiter waiter;
        waiter.is_asleep_ = true;
        leader_ = &waiter;
        leader_looks_ = look;
        return sleep_until(lock, stop, instant, waiter);
    }

private:
    /// The time for which a thread waits. However it ends, even by an exception, the thread waits no longer.
    struct Stay {
        Stay(WaitCondition& condition_, Waiter& waiter_) noexcept : condition{condition_}, waiter{waiter_} {
            ++condition.waiting_;
        }
        Stay(const Stay&) = delete;
        Stay& operator=(const Stay&) = delete;
        ~Stay() {
            --condition.waiting_;
            if (waiter.is_asleep_) {
                condition.remove(waiter);
            } else {
                --condition.awake_;
            }
        }
        WaitCondition& condition;
        Waiter& waiter;
    };
    template <class Lock>
    struct Unlocked {
        explicit Unlocked(std::unique_lock<Lock>& lock_) : lock{lock_} { lock.unlock(); }
        Unlocked(const Unlocked&) = delete;
        Unlocked& operator=(const Unlocked&) = delete;
        ~Unlocked() { lock.lock(); }
        std::unique_lock<Lock>& lock;
    };

    template <class Lock, class TimePoint>
    bool sleep_until(std::unique_lock<Lock>& lock, const std::stop_token& stop, const TimePoint& instant,
                     Waiter& waiter) {
        return sleep(lock, stop, waiter,
                     [&](auto& changed, auto& own, auto ends) { changed.wait_until(own, instant, ends); });
    }

    template <class Lock, class Block>
    bool sleep(std::unique_lock<Lock>& lock, const std::stop_token& stop, Waiter& waiter, Block block) {
        waiter.is_woken_ = waiter.is_stopped_ = false;
        const Stay stay{*this, waiter};
        const std::stop_callback on_stop{stop, [&]() noexcept { waiter.let_go(waiter.is_stopped_); }};
        {
            const Unlocked<Lock> unlocked{lock};
            std::unique_lock own{waiter.mutex_};
            block(waiter.changed_, own, [&] { return waiter.is_woken_ || waiter.is_stopped_; });
        }
        return !waiter.is_asleep_;
    }

    void add(Waiter& waiter) noexcept {
        waiter.previous_ = last_;
        waiter.next_ = nullptr;
        (last_ != nullptr ? last_->next_ : first_) = &waiter;
        last_ = &waiter;
        waiter.is_asleep_ = true;
    }
    void remove(Waiter& waiter) noexcept {
        waiter.is_asleep_ = false;
        if (&waiter == leader_) {
            leader_ = nullptr;
            leader_looks_ = std::chrono::nanoseconds::max();
            return;
        }
        (waiter.previous_ != nullptr ? waiter.previous_->next_ : first_) = waiter.next_;
        (waiter.next_ != nullptr ? waiter.next_->previous_ : last_) = waiter.previous_;
    }

    std::string name_;
    EventSource* source_;
    std::size_t waiting_ = 0;  // asleep or awake
    std::size_t awake_ = 0;    // woken, but without the lock yet
    Waiter* first_ = nullptr;  // of those that are asleep and not the leader
    Waiter* last_ = nullptr;
    Waiter* leader_ = nullptr;
    std::chrono::nanoseconds leader_looks_ = std::chrono::nanoseconds::max();  // if there is a leader
};

namespace detail {

/// A mutex with a condition, for those who wait for other threads and not for time.
class Rendezvous {
public:
    [[nodiscard]] std::unique_lock<std::mutex> lock() { return std::unique_lock{mutex_}; }
    void notify() noexcept { changed_.notify_all(); }

    template <class Predicate>
    void wait(std::unique_lock<std::mutex>& lock, Predicate predicate) {
        changed_.wait(lock, predicate);
    }

    /// Returns whether the predicate holds, at the latest after so much real time.
    template <class Predicate>
    [[nodiscard]] bool wait_for(std::unique_lock<std::mutex>& lock, std::chrono::milliseconds limit,
                                Predicate predicate) {
        const Nanos end = saturating_add(real_time(), saturating_nanos(limit));
        while (!predicate()) {
            const Nanos now = real_time();
            if (now >= end) {
                return false;
            }
            constexpr Nanos most = std::chrono::hours{1};  // for the end may be too far away to compute with
            changed_.wait_for(lock, std::min(end - now, most));
        }
        return true;
    }

private:
    std::mutex mutex_{};
    std::condition_variable changed_{};
};

/// Locks, but watches a busy lock for a moment before it sleeps for it: it is held for less time than a sleep takes.
template <class Lock>
[[gnu::noinline]] void watch_and_lock(Lock& mutex) {
    if constexpr (!std::is_same_v<Lock, LightMutex>) {  // which watches by itself
        for (int attempt = 0; attempt < 40; ++attempt) {
            pause_a_moment();
            if (mutex.try_lock()) {
                return;
            }
        }
    }
    mutex.lock();
}
template <class Lock>
[[gnu::always_inline]] [[nodiscard]] inline std::unique_lock<Lock> lock_soon(Lock& mutex) {
    if (!mutex.try_lock()) [[unlikely]] {
        watch_and_lock(mutex);
    }
    return std::unique_lock{mutex, std::adopt_lock};
}

/// The same, and counts those who wait for the lock.
template <class Lock>
[[gnu::noinline]] void want_and_lock(Lock& mutex, std::atomic<std::uint32_t>& wanting) {
    wanting.fetch_add(1, std::memory_order_relaxed);
    watch_and_lock(mutex);
    wanting.fetch_sub(1, std::memory_order_relaxed);
}
template <class Lock>
[[gnu::always_inline]] [[nodiscard]] inline std::unique_lock<Lock> lock_soon(Lock& mutex,
                                                                             std::atomic<std::uint32_t>& wanting) {
    if (!mutex.try_lock()) [[unlikely]] {
        want_and_lock(mutex, wanting);
    }
    return std::unique_lock{mutex, std::adopt_lock};
}

/// Gives those who wait for a lock, which this thread has just let go, the time to wake up and take it: one of them
/// at least, unless that takes a millisecond.
[[gnu::noinline]] inline void let_others_in(const std::atomic<std::uint32_t>& wanting) noexcept {
    const std::uint32_t before = wanting.load(std::memory_order_relaxed);
    if (before == 0) {
        return;
    }
    const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds{1};
    while (wanting.load(std::memory_order_relaxed) >= before && std::chrono::steady_clock::now() < end) {
        std::this_thread::yield();
    }
}

/// Tries whenever there is news, without blocking, until that succeeds, a stop is requested, or so much real time has
/// passed. There is news when `latest()` is no longer what `known()` was when the lock was let go. Only `latest()` is
/// called without the lock. Returns: whether `predicate()` held.
template <class Lock, class Known, class Latest, class Predicate>
[[nodiscard]] bool watch(std::unique_lock<Lock>& lock, const std::stop_token& stop, std::chrono::nanoseconds limit,
                         Known known, Latest latest, Predicate& predicate) {
    const Nanos end = saturating_add(real_time(), limit);
    do {
        const auto old = known();
        lock.unlock();
        for (int round = 1; latest() == old && !stop.stop_requested(); ++round) {
            if (round % 64 == 0 && real_time() >= end) {
                break;
            }
            pause_a_moment();
        }
        lock.lock();
        if (stop.stop_requested()) {
            return false;
        }
        if (predicate()) {
            return true;
        }
    } while (real_time() < end);
    return false;
}

/// When a wait ends, in real time: a clock may be set during the wait. A predicate that has begun to wait before says
/// so itself.
template <class C, class Predicate>
[[nodiscard]] Nanos real_deadline(C& clock, const typename C::time_point& deadline, const Predicate& predicate) {
    if constexpr (requires { predicate.real_deadline(); }) {
        return predicate.real_deadline();
    } else if (deadline == C::time_point::max()) {
        return never;
    } else {
        return saturating_add(real_time(), saturating_subtract(to_nanos(deadline), to_nanos(clock.now())));
    }
}

/// Blocks on a condition until somebody wakes it, a stop is requested, or `left` has passed. If no other thread leads,
/// this one does: it also ends when the predicate is worth evaluating again although nobody notified, which it may say.
/// An hour at most, for instants may be too far away to compute with. Returns: whether it was woken.
template <class Lock, class TimePoint, class Predicate>
bool block(std::unique_lock<Lock>& lock, WaitCondition& condition, const std::stop_token& stop, Nanos real_now,
           Nanos left, [[maybe_unused]] const TimePoint& now, [[maybe_unused]] Predicate& predicate) {
    constexpr Nanos most = std::chrono::hours{1};
    left = std::min(left, most);
    if constexpr (requires { predicate.next_look(); }) {
        const Nanos next = condition.has_leader() ? never : predicate.next_look();
        if (next != never) {
            left = std::min(left, saturating_subtract(to_nanos(to_time_point<TimePoint>(next)), to_nanos(now)));
            return condition.lead_until(lock, stop, std::chrono::steady_clock::time_point{real_now + left}, next);
        }
    }
    return condition.wait_until(lock, stop, std::chrono::steady_clock::time_point{real_now + left});
}

/// Does what a predicate may have to do without the lock. Returns whether there was anything.
template <class Lock, class Predicate>
bool work_outside(std::unique_lock<Lock>& lock, Predicate& predicate) {
    if constexpr (requires { predicate.has_work_outside(); }) {
        if (predicate.has_work_outside()) {
            lock.unlock();
            predicate.work_outside();
            lock.lock();
            return true;
        }
    }
    return false;
}

}  // namespace detail

/// Blocks until `predicate()` holds, the deadline has come, or a stop is requested: the customisation point for
/// clocks. This one serves clocks that run by themselves; `ManualClock` has its own. It waits in real time: until what
/// is left to the deadline now has passed, even if the clock is set meanwhile. `predicate.real_deadline()` (optional,
/// of `std::chrono::steady_clock`) replaces that.
///
/// The predicate is evaluated under the lock: at once, whenever `condition` wakes this thread, and a last time at the
/// deadline; that of one of the threads that wait also when `predicate.next_look()` (nanoseconds since the epoch;
/// optional) has come. If `predicate.has_work_outside()` (optional), `predicate.work_outside()` is called without the
/// lock in between.
/// Returns: whether it held. After a stop request it is not evaluated again. Errors: those of the clock and of the
/// predicate; none once it has held.
template <Clock C, class Lock, class Predicate>
bool wait_until(C& clock, std::unique_lock<Lock>& lock, WaitCondition& condition, const std::stop_token& stop,
                typename C::time_point deadline, Predicate&& predicate) {
    const detail::Nanos end = detail::real_deadline(clock, deadline, predicate);
    while (!stop.stop_requested()) {
        const detail::Nanos real_now = detail::real_time();
        const auto now = clock.now();
        const bool holds = predicate();
        if (detail::work_outside(lock, predicate) && !holds) {
            continue;
        }
        if (holds) {
            return true;
        }
        if (real_now >= end) {
            return false;
        }
        detail::block(lock, condition, stop, real_now, end - real_now, now, predicate);
    }
    return false;
}

}  // namespace sqsim::inline SQSIM_ABI
