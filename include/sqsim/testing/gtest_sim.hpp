// SPDX-License-Identifier: MIT
#pragma once

// GoogleTest judges reports of explorations: `EXPECT_TRUE(sqsim::sim::holds(report))`.

#include "sqsim/config.hpp"
#include "sqsim/sim/report.hpp"

#include <gtest/gtest.h>

#include <ostream>

namespace sqsim::inline SQSIM_ABI::sim {

/// For `EXPECT_TRUE` and `ASSERT_TRUE`, which show nothing but "false" of the report itself: if it fails, the report is
/// the message.
[[nodiscard]] inline testing::AssertionResult holds(const Report& report) {
    return (report.ok() ? testing::AssertionSuccess() : testing::AssertionFailure()) << '\n' << report.to_string();
}

/// Where GoogleTest prints a report, it is its text.
inline void PrintTo(const Report& report, std::ostream* out) { *out << '\n' << report.to_string(); }

}  // namespace sqsim::inline SQSIM_ABI::sim
