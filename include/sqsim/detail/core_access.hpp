// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

namespace sqsim::inline SQSIM_ABI::detail {

/// The core of a public queue, for move tasks and the simulation.
struct CoreAccess {
    template <class QueueType>
    [[nodiscard]] static auto& core(QueueType& queue) {
        return queue.core();
    }
};

}  // namespace sqsim::inline SQSIM_ABI::detail
