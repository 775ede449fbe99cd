// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/commit.hpp"

#include <cstdint>
#include <cstdlib>
#include <new>

namespace sqsim::inline SQSIM_ABI::detail {

// Every operation first obtains what it needs, which may fail and changes nothing that anybody can see, and then
// commits, which cannot fail. What follows is for what can do with less, or later.

/// How often this thread has done with less, or later.
inline constinit thread_local std::uint64_t shortages = 0;

/// Whether `get()` found memory for all that it needs. Also for a commit. Errors: whatever else it throws.
template <class Get>
[[nodiscard]] bool obtained(Get get) {
    const Dispensable dispensable{};
#if SQSIM_EXCEPTIONS
    try {
        get();
    } catch (const std::bad_alloc&) {
        ++shortages;
        return false;
    }
#else
    get();
#endif
    return true;
}

/// Tells the caller that there is no memory.
[[noreturn]] inline void raise_out_of_memory() {
#if SQSIM_EXCEPTIONS
    throw std::bad_alloc{};
#else
    std::abort();
#endif
}

}  // namespace sqsim::inline SQSIM_ABI::detail
