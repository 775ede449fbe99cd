// SPDX-License-Identifier: MIT
#pragma once

// Catch2 (2.13 or 3) judges reports of explorations: `CHECK_THAT(report, sqsim::sim::holds())`. It is apart from
// catch2.hpp because that brings every queue, and this Catch2's matchers, which not every test wants to pay for.

#include "sqsim/config.hpp"
#include "sqsim/sim/report.hpp"

#if __has_include(<catch2/matchers/catch_matchers.hpp>)
#    include <catch2/matchers/catch_matchers.hpp>
#else
#    include <catch2/catch.hpp>
#endif

#include <string>

namespace sqsim::inline SQSIM_ABI::sim {

namespace detail {

#if __has_include(<catch2/matchers/catch_matchers.hpp>)
using CatchMatcher = Catch::Matchers::MatcherBase<Report>;
#else
using CatchMatcher = Catch::MatcherBase<Report>;
#endif

}  // namespace detail

/// Matches a report of an exploration that holds.
class Holds final : public detail::CatchMatcher {
public:
    bool match(const Report& report) const override { return report.ok(); }
    std::string describe() const override { return "holds"; }
};

/// For `CHECK_THAT` and `REQUIRE_THAT`: if it fails, the report is the message.
[[nodiscard]] inline Holds holds() { return {}; }

}  // namespace sqsim::inline SQSIM_ABI::sim
