// SPDX-License-Identifier: MIT

// Catches a report that a failing assertion does not show.

#include "catch.hpp"

#include "sqsim/sim/report.hpp"
#include "sqsim/testing/catch2_sim.hpp"

#include <string>

namespace {

using sqsim::sim::holds;
using sqsim::sim::Report;
using sqsim::sim::Verdict;

Report report_of(Verdict verdict) {
    Report report;
    report.name = "orders";
    report.verdict = verdict;
    report.problem = "order-1 is paid twice";
    report.token = "crash@paid#1.1";
    return report;
}

}  // namespace

TEST_CASE("a report that holds matches", "[testing]") {
    CHECK_THAT(report_of(Verdict::holds), holds());
    CHECK(report_of(Verdict::holds));
}

TEST_CASE("a report of any other verdict does not match", "[testing]") {
    for (const auto verdict :
         {Verdict::violated, Verdict::vacuous, Verdict::stale_token, Verdict::nondeterministic, Verdict::incomplete}) {
        CHECK_THAT(report_of(verdict), !holds());
    }
}

TEST_CASE("a failing assertion shows the report", "[testing]") {
    const Report report = report_of(Verdict::violated);
    CHECK(Catch::Detail::stringify(report) == report.to_string());
    CHECK(report.to_string().find("order-1 is paid twice") != std::string::npos);
    CHECK(holds().toString() == "holds");
}
