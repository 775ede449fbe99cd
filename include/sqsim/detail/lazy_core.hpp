// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/queue_core_impl.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <type_traits>

namespace sqsim::inline SQSIM_ABI::detail {

/// The core of a queue, which is made when it is used for the first time: a program may have very many queues of which
/// few are used.
///
/// What the core takes from the moment at which the queue was made is taken then: its tag, the key of its message ids,
/// its turn on the clock, the time.
/// Concurrency: all members may be called at the same time. Where several threads make the core, one of them does.
template <class Core>
class LazyCore {
    using Clock = typename Core::clock_type;
    using Options = typename Core::options_type;

public:
    /// Errors: throws for options that are out of range.
    LazyCore(Clock& clock, const Options& options)
        : clock_{clock}, options_{options}, birth_{Core::begin(clock, options_)} {}
    LazyCore(const LazyCore&) = delete;
    LazyCore& operator=(const LazyCore&) = delete;
    ~LazyCore() {
        delete core_.load(std::memory_order_acquire);
        Core::end(clock_);
    }

    /// Errors: `std::bad_alloc`, the first time.
    [[gnu::always_inline]] [[nodiscard]] Core& get() const {
        Core* const core = core_.load(std::memory_order_acquire);
        return core != nullptr ? *core : make();
    }

    /// The core, if it was made already; null if it was not: then nothing has happened to the queue.
    [[nodiscard]] Core* made() const noexcept { return core_.load(std::memory_order_acquire); }

    /// As the queue was made with them.
    [[nodiscard]] const Options& first_options() const noexcept { return options_; }

private:
    [[gnu::noinline]] [[gnu::cold]] Core& make() const {
        auto core = std::make_unique<Core>(clock_, options_, birth_);
        Core* made = nullptr;
        return core_.compare_exchange_strong(made, core.get(), std::memory_order_acq_rel) ? *core.release() : *made;
    }

    Clock& clock_;
    Options options_;
    typename Core::Birth birth_;
    mutable std::atomic<Core*> core_{nullptr};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
