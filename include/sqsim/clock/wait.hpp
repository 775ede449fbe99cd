// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/event_source.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/light_mutex.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <stop_token>
#include <string>
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
class WaitCondition {
public:
    explicit WaitCondition(std::string name = {}, EventSource* source = nullptr)
        : name_{std::move(name)}, source_{source} {}

    /// Wakes one waiting thread, or all. Free if none waits.
    void notify_one() noexcept {
        if (waiting_ != 0) {
            ++signals_;
            changed_.notify_one();
        }
    }
    void notify_all() noexcept {
        if (waiting_ != 0) {
            ++signals_;
            changed_.notify_all();
        }
    }

    /// How many threads are blocked.
    [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }

    /// Who waits here, for messages to people.
    [[nodiscard]] const std::string& name() const noexcept { return name_; }

    /// What lets those who wait here look again when time has moved; null if nothing does.
    [[nodiscard]] EventSource* source() const noexcept { return source_; }

    /// Blocks until the next notification or a stop request.
    template <class Lock>
    void wait(std::unique_lock<Lock>& lock, const std::stop_token& stop) {
        const Entry entry{waiting_};
        changed_.wait(lock, stop, [this, seen = signals_] { return signals_ != seen; });
    }

    /// Blocks as `wait`, but no longer than until an instant of a standard clock.
    template <class Lock, class TimePoint>
    void wait_until(std::unique_lock<Lock>& lock, const std::stop_token& stop, const TimePoint& instant) {
        const Entry entry{waiting_};
        changed_.wait_until(lock, stop, instant, [this, seen = signals_] { return signals_ != seen; });
    }

private:
    // However the wait ends, also by the end of the thread.
    struct Entry {
        explicit Entry(std::size_t& waiting_) noexcept : waiting{waiting_} { ++waiting; }
        Entry(const Entry&) = delete;
        Entry& operator=(const Entry&) = delete;
        ~Entry() { --waiting; }
        std::size_t& waiting;
    };

    std::string name_;
    EventSource* source_;
    std::condition_variable_any changed_{};
    std::uint64_t signals_ = 0;
    std::size_t waiting_ = 0;
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

/// How long to block, `left` being left of the wait: until a predicate is worth evaluating again although nobody
/// notified, which it may say itself. An hour at most, for instants may be too far away to compute with.
template <class TimePoint, class Predicate>
[[nodiscard]] Nanos next_look(const TimePoint& now, Nanos left, Predicate& predicate) {
    constexpr Nanos most = std::chrono::hours{1};
    if constexpr (requires { predicate.next_look(); }) {
        if (const Nanos next = predicate.next_look(); next != never) {
            left = std::min(left, saturating_subtract(to_nanos(to_time_point<TimePoint>(next)), to_nanos(now)));
        }
    }
    return std::min(left, most);
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
/// The predicate is evaluated under the lock: at once, after each notification of `condition`, whenever
/// `predicate.next_look()` (nanoseconds since the epoch; optional) has come, and a last time at the deadline. If
/// `predicate.has_work_outside()` (optional), `predicate.work_outside()` is called without the lock in between.
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
        const detail::Nanos look = detail::next_look(now, end - real_now, predicate);
        condition.wait_until(lock, stop, std::chrono::steady_clock::time_point{real_now + look});
    }
    return false;
}

}  // namespace sqsim::inline SQSIM_ABI
