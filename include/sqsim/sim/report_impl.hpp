// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/report_text.hpp"

#include <string>

// The functions of `Report`.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

SQSIM_EXPLORE_INLINE std::string Report::to_string() const { return detail::report_text(*this); }

SQSIM_EXPLORE_INLINE std::string Report::headline() const { return detail::headline(*this); }

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
