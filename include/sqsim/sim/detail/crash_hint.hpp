// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/point.hpp"

#include <cstdio>
#include <cstdlib>
#include <exception>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// While it lives, a crash that meets `noexcept` ends the program with a hint instead of without a word.
class CrashHint {
public:
#if SQSIM_EXCEPTIONS
    CrashHint() : before_{std::set_terminate(&CrashHint::end)} { outer() = before_; }
    CrashHint(const CrashHint&) = delete;
    CrashHint& operator=(const CrashHint&) = delete;
    ~CrashHint() { std::set_terminate(before_); }

private:
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

    std::terminate_handler before_;
#else
    CrashHint() {}
#endif
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
