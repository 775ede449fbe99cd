// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <new>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Whether `call()` found memory for all that it needs. Other errors pass.
template <class Call>
[[nodiscard]] bool found_memory(const Call& call) {
#if SQSIM_EXCEPTIONS
    try {
        call();
    } catch (const std::bad_alloc&) {
        return false;
    }
#else
    call();
#endif
    return true;
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
