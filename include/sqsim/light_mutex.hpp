// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <atomic>
#include <chrono>
#include <thread>

#if __has_include(<pthread.h>)
#    include <pthread.h>
#endif

namespace sqsim::inline SQSIM_ABI {

namespace detail {

/// Leaves the processor to its other half while a thread spins.
inline void pause_a_moment() noexcept {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
}

/// While it lives, a cancelled thread (`pthread_cancel`) goes on: a lock is also taken where nothing may be thrown.
class NotCancelled {
public:
    NotCancelled() noexcept {
#if defined(PTHREAD_CANCEL_DISABLE)
        ::pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before_);
#endif
    }
    NotCancelled(const NotCancelled&) = delete;
    NotCancelled& operator=(const NotCancelled&) = delete;
    ~NotCancelled() {
#if defined(PTHREAD_CANCEL_DISABLE)
        ::pthread_setcancelstate(before_, nullptr);
#endif
    }

private:
    [[maybe_unused]] int before_ = 0;
};

}  // namespace detail

/// A lock that is held for less than a microsecond at a time: a `Lock` for queues that costs one atomic exchange, where
/// `std::mutex` costs two atomic operations and two calls.
///
/// A thread that finds it locked watches it for a moment, and then sleeps and looks again until it is free. Not fair:
/// a thread may be overtaken any number of times. A thread whose holder was interrupted gets it up to 0.1 ms late.
/// Concurrency: *Lockable*; it may end as soon as no thread holds or wants it.
class LightMutex {
public:
    LightMutex() noexcept = default;
    LightMutex(const LightMutex&) = delete;
    LightMutex& operator=(const LightMutex&) = delete;
    ~LightMutex() = default;

    /// Precondition: the calling thread does not hold it.
    void lock() noexcept {
        while (locked_.test_and_set(std::memory_order_acquire))
            [[unlikely]] { wait_until_free(); }
    }

    /// Returns: whether it was free, so that the calling thread holds it now.
    [[nodiscard]] bool try_lock() noexcept { return !locked_.test_and_set(std::memory_order_acquire); }

    /// Precondition: the calling thread holds it.
    void unlock() noexcept { locked_.clear(std::memory_order_release); }

private:
    /// Only reads, which leaves the cache line with the holder. It sleeps and does not yield: a thread that yields uses
    /// up its share of a busy processor, and then the holder beside it gets none.
    [[gnu::noinline]] void wait_until_free() const noexcept {
        for (int look = 0; locked_.test(std::memory_order_relaxed); ++look) {
            if (look < looks_before_sleep) {
                detail::pause_a_moment();
            } else {
                const detail::NotCancelled sleeping;
                std::this_thread::sleep_for(std::chrono::microseconds{20});
            }
        }
    }

    static constexpr int looks_before_sleep = 300;  // longer than a batch of ten takes under the lock

    std::atomic_flag locked_{};
};

}  // namespace sqsim::inline SQSIM_ABI
