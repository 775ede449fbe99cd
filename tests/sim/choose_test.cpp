// SPDX-License-Identifier: MIT

// Catches a free choice that is not tried, that is tried though its budget is spent, that counts as a fault, or whose
// token means another alternative; a failing call of the user's own that is reported under another name; and notes and
// hooks that are not there when something goes wrong.

#include "sim/sim_support.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// What a provider answered to two orders.
void ask_provider(World& world, Log& log) {
    auto& queue = world.queue();
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        const std::size_t answer = choose("provider answers", {"paid", "declined", "pending"});
        log.say(std::string{message.body()} + " " + std::to_string(answer));
    });
    world.run();
}

/// Writes a row unless its database fails.
void write_row(World& world, Log& log) {
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, [&](const SimMessage& message) {
        if (fails("db timeout")) {
            note("the database did not answer");
            throw std::runtime_error{"db timeout"};
        }
        log.say("wrote " + std::string{message.body()});
    });
    world.run();
}

}  // namespace

TEST_CASE("outside of a world the first alternative is chosen, and nothing fails", "[sim][choose]") {
    CHECK(choose("provider answers", {"paid", "declined"}) == 0);
    CHECK_FALSE(fails("db timeout"));
    note("nobody reads this");
    deadline("lock", sqsim::ManualClock::time_point{});
}

TEST_CASE("a choice is the first alternative unless its token says otherwise", "[sim][choose]") {
    CHECK(lines_of("none", ask_provider) == Lines{"0s a 0", "0s b 0"});
}

TEST_CASE("a token names the alternative, and the message it was chosen for", "[sim][choose]") {
    const PlannedFault declined{"choose:declined", 0, "provider answers", 1, false, 1};
    const PlannedFault pending{"choose:pending", 0, "provider answers", 2, false, 1};
    CHECK(to_token({declined}).starts_with("choose:declined@provider_answers"));
    CHECK(lines_of(to_token({declined}), ask_provider) == Lines{"0s a 1", "0s b 0"});
    CHECK(lines_of(to_token({pending}), ask_provider) == Lines{"0s a 0", "0s b 2"});
    const PlannedFault unknown{"choose:refunded", 0, "provider answers", 1, false, 1};
    CHECK(replayed(to_token({unknown}), ask_provider).report.verdict == Verdict::stale_token);
}

TEST_CASE("a choice is part of the report of a replay, and no fault", "[sim][choose]") {
    const PlannedFault declined{"choose:declined", 0, "provider answers", 1, false, 1};
    const Report report = replay(to_token({declined}), [](World& world) {
        Log log{world};
        ask_provider(world, log);
        world.expect("paid", log.lines() == Lines{"0s a 0", "0s b 0"});
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.minimal_faults() == 0);
    CHECK(report.token == to_token({declined}));
    CHECK(report.to_string().find("replayed: 1 choice") != std::string::npos);
    CHECK(report.to_string().find("provider answers: declined") != std::string::npos);
}

TEST_CASE("a call of the user's own fails under its own name", "[sim][choose]") {
    ExploreOptions options;
    options.faults = 1;
    options.offered = {Fault::call_fails};
    const Report report = explore(options, [](World& world) {
        Log log{world};
        write_row(world, log);
        world.expect("written at once", log.lines() == Lines{"0s wrote a"});
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.minimal_faults() == 1);
    REQUIRE(report.plan.size() == 1);
    CHECK(report.plan.front().fault == "fails");
    CHECK(report.plan.front().site == "db timeout");
    CHECK(report.to_string().find("call db timeout") != std::string::npos);
    CHECK(report.token.starts_with("fails@db_timeout"));
    CHECK(lines_of(report.token, write_row) == Lines{"30s wrote a"});
}

TEST_CASE("a failing call can crash or stand still before it", "[sim][choose]") {
    CHECK(lines_of(to_token({{"crash", 0, "db timeout", 1, false, 1}}), write_row) == Lines{"30s wrote a"});
    CHECK(lines_of(to_token({{"stall", 0, "db timeout", 1, false, 1}}), write_row) == Lines{"30.001s wrote a"});
}

TEST_CASE("a note is a line of the timeline", "[sim][choose]") {
    const Report report = replay(to_token({{"fails", 0, "db timeout", 1, false, 1}}), [](World& world) {
        Log log{world};
        write_row(world, log);
        world.expect("for the timeline", false);
    });
    CHECK(report.to_string().find("the database did not answer") != std::string::npos);
    CHECK(report.to_string().find("error: db timeout") != std::string::npos);
    CHECK(replay("none",
                 [](World& world) {
                     Log log{world};
                     write_row(world, log);
                     world.expect("for the timeline", false);
                 })
              .to_string()
              .find("the database did not answer") == std::string::npos);
}

TEST_CASE("what a debugger breaks at can be called with any text", "[sim][choose]") {
    on_fault("crash");
    on_fault({});
    SUCCEED();
}
