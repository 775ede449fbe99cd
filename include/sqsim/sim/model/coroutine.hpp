// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <coroutine>
#include <cstdlib>
#include <exception>
#include <utility>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// A consumer that is a coroutine, for `World::spawn`: where it suspends itself (`co_await std::suspend_always{}`),
/// others go on, and its process may end.
class Coroutine {
public:
    struct promise_type {
        [[nodiscard]] Coroutine get_return_object() {
            return Coroutine{std::coroutine_handle<promise_type>::from_promise(*this)};
        }
        [[nodiscard]] std::suspend_always initial_suspend() const noexcept { return {}; }
        [[nodiscard]] std::suspend_always final_suspend() const noexcept { return {}; }
        void return_void() const noexcept {}
        void unhandled_exception() noexcept {
#if SQSIM_EXCEPTIONS
            exception = std::current_exception();
#else
            std::abort();
#endif
        }

        std::exception_ptr exception{};
    };

    Coroutine(Coroutine&& other) noexcept : coroutine_{std::exchange(other.coroutine_, {})} {}
    Coroutine& operator=(Coroutine&& other) noexcept {
        std::swap(coroutine_, other.coroutine_);
        return *this;
    }
    Coroutine(const Coroutine&) = delete;
    Coroutine& operator=(const Coroutine&) = delete;
    ~Coroutine() {
        if (coroutine_) {
            coroutine_.destroy();
        }
    }

    [[nodiscard]] bool done() const noexcept { return coroutine_.done(); }

    /// Goes on to where it suspends itself next, or to its end. Errors: throws what comes out of the coroutine.
    void resume() {
        coroutine_.resume();
#if SQSIM_EXCEPTIONS
        if (coroutine_.done() && coroutine_.promise().exception) {
            std::rethrow_exception(coroutine_.promise().exception);
        }
#endif
    }

private:
    explicit Coroutine(std::coroutine_handle<promise_type> coroutine) noexcept : coroutine_{coroutine} {}

    std::coroutine_handle<promise_type> coroutine_;
};

/// The earlier name, for one release.
using Task = Coroutine;

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
