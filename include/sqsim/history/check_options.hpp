// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// How far the times of a history are to be believed.
struct CheckOptions {
    /// How wrong a recorded time may be: by the differences between the clocks of the clients and of the service, and
    /// by the resolution of a coarse clock. Zero, as in a simulation: times are exact.
    std::chrono::nanoseconds clock_error{};
    /// How much longer than its wait a receive may take, for all that lies between client and queue, including the
    /// retries of the client's library.
    std::chrono::nanoseconds call_overhead = std::chrono::minutes{1};
    /// How long a purge takes; it may remove what is sent meanwhile (R196).
    std::chrono::nanoseconds purge_time = std::chrono::minutes{1};

    /// For the queues of this library on a clock of their own: no call and no purge takes any time.
    [[nodiscard]] static constexpr CheckOptions exact() noexcept { return {{}, {}, {}}; }
};

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::CheckOptions;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
