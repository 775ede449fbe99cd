// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/record.hpp"

#include <mutex>

namespace sqsim::inline SQSIM_ABI::detail {

/// The time under the lock. At its end those are woken who should be, and what was removed is freed.
template <class Core>
struct Section {
    explicit Section(Core& queue_) : queue{queue_}, lock{lock_soon(queue_.mutex_, queue_.wanting_)} {
        queue.close_fast_path();
    }
    Section(const Section&) = delete;
    Section& operator=(const Section&) = delete;
    ~Section() { finish(); }

    [[gnu::always_inline]] void finish() noexcept {
        if (!lock.owns_lock()) {
            return;
        }
        const auto& ledger = queue.engine_.ledger();
        if (queue.condition_.waiting() != 0 || ledger.is_untidy() || ledger.store().has_doomed()) [[unlikely]] {
            finish_with_more();
        } else {
            lock.unlock();
        }
    }

    [[gnu::noinline]] void finish_with_more() noexcept {
        queue.wake();
        lock.release();
        leave(queue, sends);
    }

    /// Lets go of the lock, which is held, and frees what was removed.
    static void leave(Core& queue, bool sends) noexcept {
        auto& ledger = queue.engine_.ledger();
        bool trims = false;
        if (ledger.is_untidy()) {
            queue.close_fast_path();
            trims = queue.tidy(sends);
        }
        Record* const doomed = ledger.store().take_doomed();
        queue.mutex_.unlock();
        ledger.store().bury(doomed);
        if (trims) [[unlikely]] {
            trim(queue);
        }
    }

    /// Gives unused memory back. Between two pieces others have the lock.
    [[gnu::noinline]] static void trim(Core& queue) noexcept {
        bool has_more = true;
        while (has_more) {
            let_others_in(queue.wanting_);
            const auto lock = lock_soon(queue.mutex_, queue.wanting_);
            has_more = queue.engine_.ledger().trim_piece();
        }
    }

    /// Between two pieces of work: lets those have the lock who wait for it.
    [[gnu::noinline]] void pause() noexcept {
        if constexpr (Core::is_shared) {
            finish();
            let_others_in(queue.wanting_);
            lock = lock_soon(queue.mutex_, queue.wanting_);
            queue.close_fast_path();
        }
    }

    Core& queue;
    std::unique_lock<typename Core::lock_type> lock;
    bool sends = false;  // and so leaves to others what would take long
};

/// The same for an operation that the fast path knows of: nobody waits.
template <class Core>
struct ShortSection {
    explicit ShortSection(Core& queue_) : queue{queue_} { lock_soon(queue_.mutex_, queue_.wanting_).release(); }
    ShortSection(const ShortSection&) = delete;
    ShortSection& operator=(const ShortSection&) = delete;
    ~ShortSection() {
        const auto& ledger = queue.engine_.ledger();
        if (ledger.is_untidy() || ledger.store().has_doomed()) [[unlikely]] {
            finish_with_more(queue);
        } else {
            queue.mutex_.unlock();
        }
    }

    [[gnu::noinline]] static void finish_with_more(Core& queue) noexcept { Section<Core>::leave(queue, false); }

    Core& queue;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
