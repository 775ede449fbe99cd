// SPDX-License-Identifier: MIT

// GoogleTest with what sqsim has for it: the code of docs/testing.md, and whether a failure shows the report.

#include "sim/guide_orders.hpp"

#include "sqsim/testing/gtest_sim.hpp"

#include <gtest/gtest.h>

#include <string>

namespace sim = sqsim::sim;
using guide::safe_orders;

TEST(Orders, AreChargedOnce) {
    EXPECT_TRUE(sim::holds(sim::explore({.name = "orders are charged once"}, safe_orders)));
}

TEST(Orders, AFailureShowsTheReport) {
    const sim::Report report = sim::replay("crash@nowhere.1", safe_orders);
    const auto result = sim::holds(report);
    EXPECT_FALSE(result);
    EXPECT_NE(std::string{result.message()}.find("STALE TOKEN"), std::string::npos);
    EXPECT_EQ(testing::PrintToString(report), "\n" + report.to_string());
}
