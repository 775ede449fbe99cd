// SPDX-License-Identifier: MIT
#pragma once

// GoogleTest shows sqsim's values in its reports: it finds their `operator<<` by itself, also inside
// `std::optional` and containers. What it does not find is here.

#include "sqsim/io/ostream.hpp"

#include <ostream>

namespace sqsim::inline SQSIM_ABI {

/// Instants of a manual clock are seconds since its epoch.
inline void PrintTo(const ManualClock::time_point& instant, std::ostream* out) { *out << instant; }

}  // namespace sqsim::inline SQSIM_ABI
