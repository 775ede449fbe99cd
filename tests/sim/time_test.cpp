// SPDX-License-Identifier: MIT

// Catches deadlines that nothing aims at: an outage that ends too early to matter, or so late that the retention of a
// message has ended, a stall that ignores the lock of the user's own, time that faults take and that then counts
// against the scenario, and a report that accuses somebody of what retention took rightfully.

#include "sim/sim_support.hpp"

#include <chrono>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>

namespace {

using namespace simulated;

/// One message; its consumer has a point while it holds it, and says when it begins and when it is done.
void one_message(World& world, Log& log) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    world.consume(queue, [&](const SimMessage& message) {
        log.got("c", message);
        point("held");
        log.say("done");
    });
    world.run();
}

/// The same on a FIFO queue, with half an hour of retention.
void one_message_in_order(World& world, Log& log) {
    FifoQueueOptions options;
    options.visibility_timeout = 30s;
    options.message_retention_period = 30min;
    auto& queue = world.fifo_queue(options);
    world.produce(queue, "group", {"a"});
    world.consume(queue, [&](const SimMessage& message) {
        log.got("c", message);
        point("held");
        log.say("done");
    });
    world.run();
}

/// How an exploration of outages alone runs: what each execution with an outage at "held" saw.
std::set<std::string> times_of_second_receive(const Scenario& scenario) {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::outage};
    std::set<std::string> times;
    for (const Lines& lines : explored(options, scenario)) {
        if (lines.size() == 3 && lines[1].find("got") != std::string::npos) {  // it did not come to its end at first
            times.insert(lines[1].substr(0, lines[1].find(' ')));
        }
    }
    return times;
}

Report explore_kinds(Faults offered, int faults, const std::function<void(World&)>& scenario) {
    ExploreOptions options;
    options.faults = faults;
    options.preemptions = 0;
    options.offered = offered;
    return explore(options, scenario);
}

}  // namespace

TEST_CASE("an outage lasts until shortly before the retention ends", "[sim][time]") {
    // Four days of retention, an hour less. At the end of the lease it would be a crash, for nobody else has one.
    CHECK(times_of_second_receive(one_message) == std::set<std::string>{"342000s"});
}

TEST_CASE("an outage lasts until the window of deduplication has ended", "[sim][time]") {
    // Half of the rest of a short retention is left.
    CHECK(times_of_second_receive(one_message_in_order) == std::set<std::string>{"300.001s", "900s"});
}

TEST_CASE("an outage lasts until a delayed message is visible", "[sim][time]") {
    const auto delayed = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        auto& later = world.queue({.delay = 10min});
        world.produce(queue, {"a"});
        world.produce(later, {"b"});
        world.consume(queue, [&](const SimMessage& message) {
            log.got("c", message);
            point("held");
            log.say("done");
        });
        world.run();
    };
    CHECK(times_of_second_receive(delayed) == std::set<std::string>{"600.001s", "342000s"});
}

TEST_CASE("an outage lasts until a deadline of the user's own has passed", "[sim][time]") {
    const auto locks = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            deadline("lock", sqsim::ManualClock::time_point{2h});
            log.got("c", message);
            point("held");
            log.say("done");
        });
        world.run();
    };
    CHECK(times_of_second_receive(locks) == std::set<std::string>{"7200.001s", "342000s"});
}

TEST_CASE("in an outage all consumers are gone, and all come back", "[sim][time]") {
    const auto two = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        for (const char* name : {"x", "y"}) {
            world.spawn(name, [&queue, &log, name] {
                log.say(std::string{name} + " begins");
                for (;;) {
                    if (const auto message = queue.receive_message({.wait_time = 20s})) {
                        log.got(name, *message);
                        point("held");
                        sleep_for(5s);
                        queue.delete_message(message->receipt_handle());
                        log.say(std::string{name} + " is done");
                    }
                }
            });
        }
        world.run();
    };
    CHECK(lines_of("outage@held#2.1", two) ==
          Lines{"0s x begins", "0s x got a (1), id 1, handle 1", "0s y begins", "0s y got b (1), id 2, handle 2",
                "30.001s x begins", "30.001s x got a (2), id 1, handle 3", "30.001s y begins",
                "30.001s y got b (2), id 2, handle 4", "35.001s x is done", "35.001s y is done"});
}

TEST_CASE("a stall aims at a deadline of the user's own, past the end of the lease", "[sim][time]") {
    const auto locks = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                deadline("lock", sqsim::ManualClock::time_point{10min});
                point("locked");
                log.say("goes on");
            }
        });
        world.run();
    };
    CHECK(lines_of("none", locks) == Lines{"0s goes on"});
    CHECK(lines_of("stall@locked#1.1", locks) == Lines{"30.001s goes on"});
    CHECK(lines_of("stall1@locked#1.1", locks) == Lines{"600.001s goes on"});
    CHECK(replayed("stall2@locked#1.1", locks).report.verdict == Verdict::stale_token);
}

TEST_CASE("a deadline that has passed is none", "[sim][time]") {
    const auto locks = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            deadline("lock", sqsim::ManualClock::time_point{5s});
            sleep_for(5s);
            point("too late");
            log.say("goes on");
        });
        world.run();
    };
    CHECK(lines_of(to_token({{"stall", 0, "too late", 1, false, 1}}), locks) == Lines{"30.001s goes on"});
    CHECK(replayed(to_token({{"stall", 1, "too late", 1, false, 1}}), locks).report.verdict == Verdict::stale_token);
}

TEST_CASE("an actor that holds no lease can stand still past that of another", "[sim][time]") {
    const auto watcher = [](World& world, Log& log) {
        bool is_done = false;
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            sleep_for(10s);
            is_done = true;
        });
        world.spawn("watcher", [&] {
            sleep_for(1s);
            point("watch");
            log.say(is_done ? "done" : "not done");
        });
        world.run();
    };
    CHECK(lines_of("none", watcher) == Lines{"1s not done"});
    CHECK(lines_of("stall@watch.1", watcher) == Lines{"30.001s done"});
}

TEST_CASE("a consumer can stand still twice", "[sim][time]") {
    const auto twice = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                deadline("lock", sqsim::ManualClock::time_point{1h});
                point("first");
                point("second");
                log.say("done");
            }
        });
        world.run();
    };
    CHECK(lines_of("stall@first#1.1+stall1@second#1.1", twice) == Lines{"3600.001s done"});
    CHECK(lines_of("stall1@first#1.1", twice) == Lines{"3600.001s done"});
    CHECK(replayed("stall@first#1.1+stall@second#1.1", twice).report.verdict == Verdict::stale_token);
}

TEST_CASE("two consumers can stand still one after the other", "[sim][time]") {
    const auto both = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue,
                      [&](const SimMessage& message) {
                          log.got("c", message);
                          point("held");
                          log.say("done");
                      },
                      {.consumers = 2});
        world.run();
    };
    CHECK(lines_of("stall@held#1.1+stall@held#1.2", both) ==
          Lines{"0s c got a (1), id 1, handle 1", "30s c got a (2), id 1, handle 2", "30.001s done",
                "60s c got a (3), id 1, handle 3", "60s done", "60.001s done"});
}

TEST_CASE("what faults take is added to the horizon", "[sim][time]") {
    ReplayOptions options;
    options.horizon = 1min;
    options.offered = Faults::default_faults();
    const auto locks = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            deadline("lock", sqsim::ManualClock::time_point{48h});
            point("locked");
            log.say("goes on");
        });
        world.run();
    };
    CHECK(lines_of("stall1@locked#1.1", locks, options) == Lines{"172800.001s goes on"});
    CHECK(lines_of("outage@locked#1.1", locks, options) == Lines{"172800.001s goes on"});
    options.horizon = 10s;
    CHECK(replayed("crash@locked#1.1", locks, options).report.verdict ==
          Verdict::violated);  // 30 s till it comes again
}

TEST_CASE("a message whose retention is shorter than a fault's delay is not judged, and the report says so",
          "[sim][time]") {
    std::set<std::string> handled;
    const auto short_retention = [&handled](World& world) {
        handled.clear();
        auto& queue = world.queue({.visibility_timeout = 5min, .message_retention_period = 60s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) { handled.insert(std::string{message.body()}); });
        world.run();
        world.expect("handled", handled.contains("a"));
    };
    const Report report = explore_kinds(Fault::lose_messages, 1, short_retention);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
    CHECK(report.notes.past_retention == 1);
    CHECK(report.to_string().find("not judged") != std::string::npos);
    // No fault, no excuse.
    const auto loses_by_itself = [](World& world) {
        bool is_handled = false;
        auto& queue = world.queue({.visibility_timeout = 5min, .message_retention_period = 60s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                throw std::runtime_error{"later"};
            }
            is_handled = true;
        });
        world.run();
        world.expect("handled", is_handled);
    };
    CHECK(explore_kinds({}, 0, loses_by_itself).verdict == Verdict::violated);
}

TEST_CASE("a send that is late by more than a retention is not offered", "[sim][time]") {
    const auto retained_for = [](std::chrono::nanoseconds retention) {
        return [retention](World& world) {
            auto& queue = world.queue({.message_retention_period = retention});
            world.produce(queue, {"a"});
            world.consume(queue, [](const SimMessage&) {});
            world.run();
            world.expect(drained(queue));
        };
    };
    CHECK(explore_kinds(Fault::late_visibility, 1, retained_for(1h)).plans == 2);
    CHECK(explore_kinds(Fault::late_visibility, 1, retained_for(10min)).plans == 1);
}

TEST_CASE("code that reads the clock and names no deadline is hinted at one", "[sim][time]") {
    const auto reads = [](bool names_a_deadline) {
        return [names_a_deadline](World& world) {
            auto& queue = world.queue();
            world.produce(queue, {"a"});
            world.consume(queue, [&world, names_a_deadline](const SimMessage&) {
                const auto now = world.clock().now();
                if (names_a_deadline) {
                    deadline("record", now + 1h);
                }
            });
            world.run();
            world.expect(drained(queue));
        };
    };
    const Report hinted = explore_kinds({}, 0, reads(false));
    CHECK(hinted.notes.reads_clock);
    CHECK(hinted.to_string().find("sim::deadline") != std::string::npos);
    const Report named = explore_kinds({}, 0, reads(true));
    CHECK_FALSE(named.notes.reads_clock);
    CHECK(named.warnings.empty());
    // The scenario itself may look at the clock.
    const Report outside = explore_kinds({}, 0, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect("in time", world.clock().now().time_since_epoch() < 1h);
    });
    CHECK_FALSE(outside.notes.reads_clock);
}

TEST_CASE("a deadline is a line of the timeline", "[sim][time]") {
    const Report report = replay("none", [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&world](const SimMessage&) { deadline("lock", world.clock().now() + 10min); });
        world.run();
        world.expect("for the timeline", false);
    });
    CHECK(report.to_string().find("deadline lock at 600") != std::string::npos);
}
