// SPDX-License-Identifier: MIT

// Catches an exploration that takes memory or threads by the number in an option, or that runs with one that means
// nothing.

#include "sim/sim_support.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <stdexcept>
#include <string>

namespace {

using namespace simulated;

constexpr int most = std::numeric_limits<int>::max();
constexpr int least = std::numeric_limits<int>::min();
constexpr auto forever = std::chrono::nanoseconds::max();

/// "accepted", or what is wrong with the options; whether the scenario was run nevertheless.
template <class Run>
std::string outcome(Run run) {
    bool is_run = false;
    const auto scenario = [&](World& world) {
        is_run = true;
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { point("middle"); });
        world.run();
        world.expect(drained(queue));
    };
    try {
        const Report report = run(scenario);
        return report.ok() || report.verdict == Verdict::incomplete ? "accepted" : report.problem;
    } catch (const std::invalid_argument& refused) {
        return is_run ? "refused too late" : refused.what();
    }
}

template <class Set>
std::string explored(Set set) {
    ExploreOptions options{.faults = 1, .maximum_plans = 30};
    set(options);
    return outcome([&](const auto& scenario) { return explore(options, scenario); });
}
template <class Set>
std::string sampled(Set set) {
    SampleOptions options{.runs = 20};
    set(options);
    return outcome([&](const auto& scenario) { return sample(options, scenario); });
}

std::string refused(const std::string& value, const std::string& name, const std::string& rule) {
    return "sqsim: invalid value " + value + " for the option " + name + ": it must " + rule;
}

}  // namespace

TEST_CASE("budgets of an exploration are not negative and may be as large as can be", "[sim][options]") {
    for (const int value : {-1, least}) {
        const std::string text = std::to_string(value);
        CHECK(explored([&](auto& o) { o.faults = value; }) == refused(text, "faults", "be at least 0"));
        CHECK(explored([&](auto& o) { o.preemptions = value; }) == refused(text, "preemptions", "be at least 0"));
        CHECK(explored([&](auto& o) { o.reorders = value; }) == refused(text, "reorders", "be at least 0"));
        CHECK(explored([&](auto& o) { o.misses = value; }) == refused(text, "misses", "be at least 0"));
        CHECK(explored([&](auto& o) { o.choices = value; }) == refused(text, "choices", "be at least 0"));
    }
    for (const int value : {0, 1, most}) {
        CHECK(explored([&](auto& o) { o.faults = value; }) == "accepted");
        CHECK(explored([&](auto& o) { o.preemptions = value; }) == "accepted");
        CHECK(explored([&](auto& o) { o.reorders = value; }) == "accepted");
        CHECK(explored([&](auto& o) { o.misses = value; }) == "accepted");
        CHECK(explored([&](auto& o) { o.choices = value; }) == "accepted");
    }
    CHECK(explored([](auto& o) { o.faults = o.preemptions = most; }) == "accepted");
}

TEST_CASE("an exploration has as many threads and as large stacks as a machine may have", "[sim][options]") {
    for (const int value : {0, -1, least, 1'025, most}) {
        CHECK(explored([&](auto& o) { o.threads = value; }) ==
              refused(std::to_string(value), "threads", "be between 1 and 1024"));
    }
    CHECK(explored([](auto& o) { o.threads = 3; }) == "accepted");
    for (const std::size_t value : {(std::size_t{1} << 30) + 1, sqsim::unlimited - 100'000, sqsim::unlimited}) {
        const std::string text = refused(std::to_string(value), "stack_size", "be between 0 and 1073741824");
        CHECK(explored([&](auto& o) { o.stack_size = value; }) == text);
        CHECK(sampled([&](auto& o) { o.stack_size = value; }) == text);
        CHECK(outcome([&](const auto& scenario) {
                  return replay("-", ReplayOptions{.stack_size = value}, scenario);
              }) == text);
        CHECK(outcome([&](const auto& scenario) {
                  return run_bytes(std::span<const std::uint8_t>{}, scenario, {.stack_size = value});
              }) == text);
    }
    for (const std::size_t value : {0U, 1U, 1U << 20U}) {
        CHECK(explored([&](auto& o) { o.stack_size = value; }) == "accepted");
    }
}

TEST_CASE("durations of an exploration are not negative and may last for ever", "[sim][options]") {
    for (const auto value : {-1ns, std::chrono::nanoseconds::min()}) {
        const std::string text = value == -1ns ? "-0.000000001 s" : "-9223372036.854775808 s";
        CHECK(explored([&](auto& o) { o.horizon = value; }) == refused(text, "horizon", "not be negative"));
        CHECK(explored([&](auto& o) { o.clock_error = value; }) == refused(text, "clock_error", "not be negative"));
        CHECK(explored([&](auto& o) { o.maximum_time = value; }) == refused(text, "maximum_time", "not be negative"));
    }
    CHECK(explored([](auto& o) { o.watchdog = -1ms; }) == refused("-1 ms", "watchdog", "not be negative"));
    CHECK(explored([](auto& o) { o.horizon = o.clock_error = o.maximum_time = forever; }) == "accepted");
    CHECK(explored([](auto& o) { o.maximum_time = 0ns; }) == "accepted");
}

TEST_CASE("a watchdog with the longest patience sleeps", "[sim][options]") {
    std::size_t told = 0;
    CHECK(sampled([&](auto& o) {
              o.watchdog = std::chrono::milliseconds::max();
              o.on_standstill = [&](std::string_view) { ++told; };
          }) == "accepted");
    CHECK(told == 0);
}

TEST_CASE("a sample draws with probabilities and changes priorities a number of times", "[sim][options]") {
    for (const double value : {-0.5, 1.5, std::numeric_limits<double>::quiet_NaN()}) {
        const std::string text = std::to_string(value);
        const std::string rule = "be between 0.000000 and 1.000000";
        CHECK(sampled([&](auto& o) { o.kind_probability = value; }) == refused(text, "kind_probability", rule));
        CHECK(sampled([&](auto& o) { o.fault_probability = value; }) == refused(text, "fault_probability", rule));
    }
    for (const int value : {0, -1, least, 1'001, most}) {
        CHECK(sampled([&](auto& o) { o.pct_depth = value; }) ==
              refused(std::to_string(value), "pct_depth", "be between 1 and 1000"));
    }
    CHECK(sampled([](auto& o) { o.pct_depth = 1'000; }) == "accepted");
    CHECK(sampled([](auto& o) { o.kind_probability = o.fault_probability = 1; }) == "accepted");
    CHECK(sampled([](auto& o) { o.maximum_faults = o.maximum_certification = sqsim::unlimited; }) == "accepted");
    CHECK(sampled([](auto& o) { o.maximum_faults = o.maximum_certification = o.runs = 0; }) == "accepted");
}
