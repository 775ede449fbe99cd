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

    [[nodiscard]] bool is_to_tidy() const noexcept {
        const auto& ledger = queue.engine_.ledger();
        return ledger.is_untidy();
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

    [[gnu::noinline]] static void finish_with_more(Core& queue) noexcept {
        auto& store = queue.engine_.ledger().store();
        bool trims = false;
        if (queue.engine_.ledger().is_untidy()) {
            queue.close_fast_path();
            trims = queue.tidy(false);
        }
        Record* const doomed = store.take_doomed();
        queue.mutex_.unlock();
        store.bury(doomed);
        if (trims) [[unlikely]] {
            Section<Core>::trim(queue);
        }
    }

    Core& queue;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
