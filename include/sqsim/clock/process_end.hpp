// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <thread>

namespace sqsim::inline SQSIM_ABI::detail {

/// The end of the process, when static queues end although threads may be blocked on them that nobody joins.
class ProcessEnd {
public:
    /// Finds out when the process ends. It ends before whatever static object there is already.
    static void expect() {
        [[maybe_unused]] static const int registered = std::atexit([] { begun() = true; });
    }
    [[nodiscard]] static bool has_begun() noexcept { return begun(); }

    /// Waits until a count of threads is zero, but no longer than ten seconds.
    static void wait_for_none(const std::atomic<std::size_t>& threads) noexcept {
        const Nanos end = saturating_add(real_time(), std::chrono::seconds{10});
        while (threads != 0 && real_time() < end) {
            std::this_thread::sleep_for(std::chrono::milliseconds{1});
        }
    }

    /// What a thread does that has nothing to return to.
    [[noreturn]] static void stand_still() noexcept {
        while (true) {
            std::this_thread::sleep_for(std::chrono::hours{1});
        }
    }

private:
    [[nodiscard]] static std::atomic<bool>& begun() noexcept {
        static std::atomic<bool> has_begun{false};
        return has_begun;
    }
};

}  // namespace sqsim::inline SQSIM_ABI::detail
