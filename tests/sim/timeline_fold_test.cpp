// SPDX-License-Identifier: MIT

// Catches a report that nobody can read: a cycle that is told again and again, a page of megabytes; and one that leaves
// out what a reader needs.

#include "catch.hpp"

#include <sqsim/io/report.hpp>
#include <sqsim/sim/explore.hpp>
#include <sqsim/sim/timeline_fold.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <string>

namespace {

using namespace sqsim::sim;
using namespace std::chrono_literals;

using sqsim::sim::detail::TimelineFold;

void add(Timeline& timeline, const std::string& text, std::chrono::nanoseconds at, std::string fault = {}) {
    TimelineStep step;
    step.at = step.until = at;
    step.actor = 1;
    step.message = 1;
    step.text = text;
    step.fault = std::move(fault);
    timeline.steps.push_back(step);
}

/// A message that is received again and again.
Timeline endless(std::size_t cycles) {
    Timeline timeline;
    timeline.actors = {"scenario", "worker"};
    add(timeline, "send #1", 0s);
    for (std::size_t i = 0; i < cycles; ++i) {
        const auto at = std::chrono::seconds{30 * static_cast<int>(i)};
        add(timeline, "receive #1 (" + std::to_string(i + 1) + "th)", at);
        add(timeline, "handle #1", at);
        add(timeline, "error: overlapping", at + 1s);
        timeline.leases.push_back({1, 1, false, at, at + 30s, false});
    }
    add(timeline, "gives up", 100h);
    return timeline;
}

std::size_t steps_with(const Timeline& timeline, const std::string& text) {
    return static_cast<std::size_t>(
        std::count_if(timeline.steps.begin(), timeline.steps.end(),
                      [&](const TimelineStep& step) { return step.text.find(text) != std::string::npos; }));
}

}  // namespace

TEST_CASE("a short timeline is not folded", "[sim][timeline]") {
    const Timeline timeline = endless(7);
    CHECK(TimelineFold::fold(timeline, 80) == timeline);
}

TEST_CASE("a cycle of steps is told once, and counted", "[sim][timeline]") {
    const Timeline folded = TimelineFold::fold(endless(1000), 80);
    REQUIRE(folded.steps.size() == 6);
    CHECK(folded.steps[1].text == "receive #1 (1th)");
    CHECK(folded.steps[4].text == "... these 3 steps 999 times more, until 29971 s");
    CHECK(folded.steps[4].at == 30s);
    CHECK(folded.steps[5].text == "gives up");
    CHECK(folded.leases.size() == 1);
}

TEST_CASE("a step with a fault is never folded away", "[sim][timeline]") {
    Timeline timeline = endless(100);
    timeline.steps[150].fault = "crash";
    const Timeline folded = TimelineFold::fold(timeline, 80);
    const auto crash = std::find_if(folded.steps.begin(), folded.steps.end(),
                                    [](const TimelineStep& step) { return step.fault == "crash"; });
    REQUIRE(crash != folded.steps.end());
    CHECK(steps_with(folded, "times more") == 2);
    CHECK(folded.steps.size() < 20);
}

TEST_CASE("cycles of other messages are not the same", "[sim][timeline]") {
    Timeline timeline = endless(20);
    for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
        timeline.steps[i].message = static_cast<std::uint32_t>(i);
    }
    CHECK(TimelineFold::fold(timeline, 80) == timeline);
}

TEST_CASE("of a long timeline without a cycle the middle is left out, but for its faults", "[sim][timeline]") {
    Timeline timeline;
    timeline.actors = {"scenario", "worker"};
    for (int i = 0; i < 1000; ++i) {
        add(timeline, "step " + std::to_string(i * i), std::chrono::seconds{i}, i == 500 ? "stall" : "");
    }
    const Timeline folded = TimelineFold::fold(timeline, 80);
    CHECK(folded.steps.size() == 80 + 7 + 2);
    CHECK(folded.steps.front() == timeline.steps.front());
    CHECK(folded.steps.back() == timeline.steps.back());
    CHECK(steps_with(folded, "437 steps left out") == 1);
    CHECK(steps_with(folded, "476 steps left out") == 1);
    CHECK(std::any_of(folded.steps.begin(), folded.steps.end(),
                      [](const TimelineStep& step) { return step.fault == "stall"; }));
}

TEST_CASE("a handler that never succeeds makes a short report and a small page", "[sim][timeline]") {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.horizon = 72h;
    options.maximum_steps = 100'000;
    const Report report = explore(options, [](World& world) {
        auto& orders = world.queue({.visibility_timeout = 30s});
        world.produce(orders, {"a"});
        world.consume(orders, [](const SimMessage&) { throw std::runtime_error{"overlapping"}; });
        world.run();
        world.expect(drained(orders));
    });
    REQUIRE(report.verdict == Verdict::violated);
    INFO(report.to_string());
    CHECK(report.timeline.steps.size() > 10'000);
    CHECK(report.to_string().size() < 2'000);
    CHECK(report.to_string().find("times more") != std::string::npos);
    CHECK(to_html(report).size() < 50'000);
}
