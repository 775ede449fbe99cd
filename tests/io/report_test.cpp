// SPDX-License-Identifier: MIT

// Catches a page or a trace that does not tell what the report does.

#include "catch.hpp"

#include "sqsim/io/report.hpp"
#include "sqsim/sim/explore.hpp"

#include <string>

namespace {

using namespace sqsim;

/// Two consumers that count each message they see.
sim::Report explored(sim::Faults offered) {
    return sim::explore({.name = "orders & more", .offered = offered}, [](sim::World& world) {
        int seen = 0;
        auto& queue = world.queue();
        world.produce(queue, {"order-1"});
        world.consume(queue, [&](const sim::SimMessage&) { ++seen; });
        world.run();
        world.expect("seen once", seen == 1);
    });
}

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("the page of a report that fails has its name, its problem, its token and its steps", "[io]") {
    const sim::Report report = explored({sim::Fault::resend});
    REQUIRE(report.verdict == sim::Verdict::violated);
    const std::string page = to_html(report);
    CHECK(contains(page, "orders &amp; more"));
    CHECK(contains(page, "<b>Fails</b>" + report.violation()));
    CHECK(contains(page, "<code>" + report.replay_token() + "</code>"));
    CHECK(contains(page, "<dt>Plan</dt><dd>1 fault ("));
    CHECK(contains(page, "<svg"));
}

TEST_CASE("the page of a report that holds says so", "[io]") {
    const sim::Report report = explored({});
    REQUIRE(report.ok());
    CHECK(contains(to_html(report), "<b>Holds</b>"));
}

TEST_CASE("the trace of a report is that of its run", "[io]") {
    const sim::Report report = explored({sim::Fault::resend});
    CHECK(to_chrome_trace(report) == to_chrome_trace(report.timeline, "orders & more"));
    CHECK(contains(to_chrome_trace(report), "\"cat\":\"fault\""));
}
