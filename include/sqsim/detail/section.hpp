// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/record.hpp"

#include <mutex>

namespace sqsim::inline SQSIM_ABI::detail {

/// The time under the lock. At its end those are woken who should be, and what was removed is freed.
template <class Core>
struct Section {
    explicit Section(Core& queue_) : queue{queue_}, lock{lock_soon(queue_.mutex_, queue_.wanting_)} {}
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { finish(); }

    [[gnu::always_inline]] void finish() noexcept {
        if (!lock.owns_lock()) {
            return;
        }
        const auto& store = queue.engine_.ledger().store();
        if (queue.condition_.waiting() != 0 || is_to_tidy() || store.has_doomed()) [[unlikely]] {
            finish_with_more();
        } else {
            lock.unlock();
        }
    }

    [[gnu::noinline]] void finish_with_more() noexcept {
        queue.wake();
        auto& store = queue.engine_.ledger().store();
        const bool trims = is_to_tidy() && queue.tidy(sends);
        Record* const doomed = store.take_doomed();
        lock.unlock();
        store.bury(doomed);
        if (trims) [[unlikely]] {
            trim();
        }
    }

    /// Gives unused memory back. Between two pieces others have the lock.
    [[gnu::noinline]] void trim() noexcept {
        bool has_more = true;
        while (has_more) {
            let_others_in(queue.wanting_);
            lock = lock_soon(queue.mutex_, queue.wanting_);
            has_more = queue.engine_.ledger().trim_piece();
            lock.unlock();
        }
    }

    /// Between two pieces of work: lets those have the lock who wait for it.
    [[gnu::noinline]] void pause() noexcept {
        if constexpr (Core::is_shared) {
            finish();
            let_others_in(queue.wanting_);
            lock = lock_soon(queue.mutex_, queue.wanting_);
        }
    }

    [[nodiscard]] bool is_to_tidy() const noexcept {
        const auto& ledger = queue.engine_.ledger();
        return ledger.is_untidy();
    }

    Core& queue;
    std::unique_lock<typename Core::lock_type> lock;
    bool sends = false;  // and so leaves to others what would take long
};

}  // namespace sqsim::inline SQSIM_ABI::detail
