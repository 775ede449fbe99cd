// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/fiber.hpp"
#include "sqsim/sim/point.hpp"

#include <signal.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// While it lives, a handler of signals in this thread has a stack of its own: the one that overflowed is full.
class OverflowStack {
public:
    OverflowStack() {
        ::stack_t stack{};
        stack.ss_sp = memory_.data();
        stack.ss_size = memory_.size();
        // The sanitizers have handlers of their own.
        is_used_ = !SQSIM_ASAN && !SQSIM_TSAN && ::sigaltstack(&stack, &before_) == 0;
    }
    OverflowStack(const OverflowStack&) = delete;
    OverflowStack& operator=(const OverflowStack&) = delete;
    ~OverflowStack() {
        if (is_used_) {
            ::sigaltstack(&before_, nullptr);
        }
    }

    [[nodiscard]] bool is_used() const noexcept { return is_used_; }

private:
    bool is_used_ = false;
    ::stack_t before_{};
    std::array<std::byte, 16 * 1024> memory_{};
};

/// While it lives, what ends the program in a simulated world says why: a crash that meets `noexcept`, and a stack that
/// is too small.
class TerminateHint {
public:
    TerminateHint() {
#if SQSIM_EXCEPTIONS
        before_ = std::set_terminate(&TerminateHint::end);
        outer() = before_;
#endif
        if (stack_.is_used()) {
            watch_stack();
        }
    }
    TerminateHint(const TerminateHint&) = delete;
    TerminateHint& operator=(const TerminateHint&) = delete;
    ~TerminateHint() {
#if SQSIM_EXCEPTIONS
        std::set_terminate(before_);
#endif
        if (watches_stack_) {
            ::sigaction(SIGSEGV, &action_before(), nullptr);
        }
    }

private:
#if SQSIM_EXCEPTIONS
    [[nodiscard]] static std::terminate_handler& outer() {
        static std::terminate_handler handler = nullptr;
        return handler;
    }
    [[noreturn]] static void end() {
        if (const std::exception_ptr current = std::current_exception()) {
            try {
                std::rethrow_exception(current);
            } catch (const Crash&) {
                std::fputs("sqsim: a simulated crash met code that is noexcept: explore with CrashMode::abandon\n",
                           stderr);
            } catch (...) {
            }
        }
        if (outer() != nullptr) {
            outer()();
        }
        std::abort();
    }

    std::terminate_handler before_ = nullptr;
#endif

    void watch_stack() {
        struct ::sigaction action = {};
        action.sa_sigaction = &TerminateHint::tell_overflow;
        action.sa_flags = SA_SIGINFO | SA_ONSTACK;
        watches_stack_ = ::sigaction(SIGSEGV, &action, &action_before()) == 0;
    }
    [[nodiscard]] static struct ::sigaction& action_before() {
        static struct ::sigaction action;
        return action;
    }
    /// Only what a signal handler may call.
    static void tell_overflow(int, ::siginfo_t* info, void*) {
        if (Fiber::is_overflow(info->si_addr)) {
            constexpr std::string_view text = "sqsim: the stack of a simulated consumer is too small for its code: "
                                              "explore with a larger stack_size\n";
            static_cast<void>(!::write(STDERR_FILENO, text.data(), text.size()));
        }
        ::sigaction(SIGSEGV, &action_before(), nullptr);  // the same again, for who was there before
    }

    OverflowStack stack_{};
    bool watches_stack_ = false;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
