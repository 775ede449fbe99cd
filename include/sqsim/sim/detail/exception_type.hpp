// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstdlib>
#include <exception>
#include <string>
#include <typeinfo>
#if SQSIM_EXCEPTIONS
#    include <cxxabi.h>
#endif

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The name of the type of the exception that is being handled.
[[nodiscard]] inline std::string current_exception_type() {
#if SQSIM_EXCEPTIONS && !defined(_LIBCPP_VERSION)
    if (const std::type_info* const type = abi::__cxa_current_exception_type()) {
        int status = 0;
        char* const name = abi::__cxa_demangle(type->name(), nullptr, nullptr, &status);
        std::string text = status == 0 && name != nullptr ? name : type->name();
        std::free(name);
        return text;
    }
#endif
    return "unknown type";
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
