// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/error.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/options.hpp"

#include <string_view>

namespace sqsim::inline SQSIM_ABI {

// The names of enumerators, for people.

[[nodiscard]] constexpr std::string_view to_string(HandleStatus status) noexcept {
    switch (status) {
    case HandleStatus::ok:
        return "ok";
    case HandleStatus::expired:
        return "expired";
    case HandleStatus::superseded:
        return "superseded";
    case HandleStatus::gone:
        return "gone";
    case HandleStatus::invalid:
        return "invalid";
    }
    return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(MessageState state) noexcept {
    switch (state) {
    case MessageState::visible:
        return "visible";
    case MessageState::in_flight:
        return "in flight";
    case MessageState::delayed:
        return "delayed";
    }
    return "unknown";
}

[[nodiscard]] constexpr std::string_view to_string(DeduplicationScope scope) noexcept {
    return scope == DeduplicationScope::queue ? "queue" : "messageGroup";
}

[[nodiscard]] constexpr std::string_view to_string(MoveTaskStatus status) noexcept {
    switch (status) {
    case MoveTaskStatus::running:
        return "RUNNING";
    case MoveTaskStatus::completed:
        return "COMPLETED";
    case MoveTaskStatus::cancelling:
        return "CANCELLING";
    case MoveTaskStatus::cancelled:
        return "CANCELLED";
    case MoveTaskStatus::failed:
        return "FAILED";
    }
    return "UNKNOWN";
}

/// The service's own code, e.g. "InvalidParameterValue".
[[nodiscard]] constexpr std::string_view to_string(Errc code) noexcept {
    return detail::error_names[static_cast<std::size_t>(code)].query_code;
}

}  // namespace sqsim::inline SQSIM_ABI
