// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/options.hpp"

#include <cstddef>

namespace sqsim::inline SQSIM_ABI::detail {

/// What a receive did.
struct Received {
    std::size_t messages = 0;
    bool over_limit = false;     // nothing more may be in flight (R102, R103)
    bool not_retryable = false;  // refused: what it repeats was changed since (R100)
    bool cut_short = false;      // it has moved dead letters, and there was no memory to go on
};

/// How to receive, with every default filled in.
struct ReceivePlan {
    std::size_t maximum = 1;
    Nanos visibility_timeout{};
    bool default_timeout = true;  // it is the queue's own
    bool short_poll = true;
    int max_receive_count = 0;  // of the redrive policy; 0: there is none
};

/// What a change of visibility did. `beyond_limit`: nothing, because of R120.
struct Changed {
    HandleStatus status = HandleStatus::ok;
    bool beyond_limit = false;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
