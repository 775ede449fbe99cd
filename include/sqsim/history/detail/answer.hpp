// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/options.hpp"

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// What a history says of a call that a queue answered so.
[[nodiscard]] constexpr Answer answer_of(HandleResult result) noexcept {
    switch (result.status) {
    case HandleStatus::ok:
        return Answer::ok;
    case HandleStatus::expired:
        return Answer::expired;
    case HandleStatus::superseded:
        return Answer::superseded;
    case HandleStatus::gone:
        return Answer::gone;
    case HandleStatus::invalid:
        break;
    }
    return Answer::refused;
}

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
