// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstddef>

namespace sqsim::inline SQSIM_ABI::detail {

/// What short operations of a standard queue do without asking: the memory is there, no limit is near, and nothing out
/// of the ordinary is in use. It holds as long as nothing is due.
///
/// Every other operation closes it; the next short one opens it again if it can. So whoever adds something out of the
/// ordinary need not know of it.
struct FastPath {
    bool is_open = false;    // nobody waits, no task runs, nothing decides, no tenant was ever there
    std::size_t leases = 0;  // so many messages may be leased for the default timeout: the next ones are all fresh
    std::size_t sends = 0;   // so many may be sent with no option, by the only thread
};

}  // namespace sqsim::inline SQSIM_ABI::detail
