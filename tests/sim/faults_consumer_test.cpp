// SPDX-License-Identifier: MIT

// Catches a fault of a consumer, or of the scheduler, that does not do what its line in the table says, or that happens
// where it is not offered.

#include "sim/sim_support.hpp"

#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// A simulated consumer with a point in its handler.
Scenario handled(ConsumeOptions options = {}, std::vector<std::string> bodies = {"a"}) {
    return [options, bodies](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, bodies);
        world.consume(
            queue,
            [&log](const SimMessage& message) {
                log.got("c", message);
                sqsim::sim::point("middle");
                log.say("done");
            },
            options);
        world.run();
    };
}

Scenario with_effect(bool retries) {
    return [retries](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        int balance = 0;
        world.produce(queue, {"a"});
        world.consume(queue, [&, retries](const SimMessage& message) {
            log.got("c", message);
            while (true) {
                const EffectOutcome outcome = effect("charge", [&] { ++balance; });
                log.say((outcome == EffectOutcome::done     ? "done"
                         : outcome == EffectOutcome::failed ? "failed"
                                                            : "unknown") +
                        std::string{", balance "} + std::to_string(balance));
                if (outcome == EffectOutcome::done) {
                    return;
                }
                if (!retries) {
                    throw std::runtime_error{"charge"};
                }
            }
        });
        world.run();
    };
}

void reads_clock(World& world, Log& log) {
    auto& queue = world.queue();
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        log.say(std::string{message.body()} + " " + seconds_text(sqsim::sim::clock_error()));
    });
    world.run();
}

/// A consumer of batches of two.
Scenario in_batches(std::vector<std::string> bodies) {
    return [bodies](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, bodies);
        world.consume(queue, [&](const SimMessage& message) { log.got("c", message); }, {.max_number_of_messages = 2});
        world.run();
    };
}

/// A loop of its own that leaves when it is asked to.
template <class Make>
Scenario stoppable(Make make) {
    return [make](World& world, Log& log) {
        auto& queue = make(world);
        world.spawn("s", [&](std::stop_token stop) {
            log.say("begins");
            while (!stop.stop_requested()) {
                const auto messages = queue.receive_messages({.max_number_of_messages = 2, .wait_time = 20s}, stop);
                for (const SimMessage& message : messages) {
                    log.got("s", message);
                    if (stop.stop_requested()) {
                        break;
                    }
                    queue.delete_message(message.receipt_handle());
                }
            }
            log.say("leaves");
        });
        world.run();
    };
}

}  // namespace

TEST_CASE("C1: a consumer that crashes at a point begins again when the lease has ended", "[sim][faults]") {
    // Places: received, middle, delete; after the delete, a crash finds nothing that it could leave half done.
    CHECK(with_fault(Fault::crash, "crash@middle#1.1", 3, handled()) ==
          Lines{"0s c got a (1), id 1, handle 1", "30s c got a (2), id 1, handle 2", "30s done"});
    CHECK(lines_of("crash@received#1.1", handled()) == Lines{"30s c got a (2), id 1, handle 1", "30s done"});
    CHECK(lines_of("crash@delete#1.1", handled()) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s done", "30s c got a (2), id 1, handle 2", "30s done"});
    CHECK(lines_of("crash@middle#1.1+crash@middle#1.2", handled()).size() == 4);
}

TEST_CASE("C1: crashed code starts again from its beginning", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.spawn("s", [&] {
            log.say("begins");
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("s", *message);
                    sqsim::sim::point("middle");
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
    };
    const Lines expected{"0s begins", "0s s got a (1), id 1, handle 1", "0s begins", "30s s got a (2), id 1, handle 2"};
    CHECK(with_fault(Fault::crash, "crash@middle#1.1", 6, scenario) == expected);
    ExploreOptions abandon;
    abandon.crash = CrashMode::abandon;
    CHECK(with_fault(Fault::crash, "crash@middle#1.1", 6, scenario, abandon) == expected);
}

TEST_CASE("C2: a consumer stands still past the end of its lease, and goes on", "[sim][faults]") {
    const Lines expected{"0s c 1 got a (1), id 1, handle 1", "30s c 2 got a (2), id 1, handle 2", "30s done",
                         "30.001s done"};
    const Scenario two = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        for (const char* who : {"c 1", "c 2"}) {
            world.consume(queue,
                          [&log, who](const SimMessage& message) {
                              log.got(who, message);
                              sqsim::sim::point("middle");
                              log.say("done");
                          },
                          {.name = who});
        }
        world.run();
    };
    // Once deleted, the message has no lease to stand still past.
    CHECK(with_fault(Fault::stall, "stall@middle#1.1", 3, two) == expected);
}

TEST_CASE("C2: past every deadline: just before, at, and just after it", "[sim][faults]") {
    ExploreOptions options;
    options.stalls = Stalls::all_deadlines;
    ReplayOptions how;
    how.stalls = Stalls::all_deadlines;
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s, .message_retention_period = 60s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            sqsim::sim::point("middle");
            log.say("done");
        });
        world.run();
    };
    CHECK(lines_of("stall1@middle#1.1", scenario, how).front() == "29.999999999s done");
    CHECK(lines_of("stall2@middle#1.1", scenario, how).front() == "30s done");
    CHECK(lines_of("stall3@middle#1.1", scenario, how).front() == "30.000000001s done");
    CHECK(lines_of("stall4@middle#1.1", scenario, how).front() == "59.999999999s done");
    CHECK(lines_of("stall6@middle#1.1", scenario, how).front() == "60.000000001s done");
    CHECK(replayed("stall7@middle#1.1", scenario, how).report.verdict == Verdict::stale_token);
    CHECK(replayed("stall1@middle#1.1", scenario).report.verdict == Verdict::stale_token);
    // Three instants at three places; the end of the retention counts only where it may pass (R8).
    CHECK(with_fault(Fault::stall, "stall1@middle#1.1", 9, scenario, options).front() == "29.999999999s done");
}

TEST_CASE("C3: the next message of a batch is turned to after its lease has ended", "[sim][faults]") {
    // Nobody else received it meanwhile, so the delete still takes effect.
    CHECK(lines_of("stall@turn#2.1", in_batches({"a", "b"})) ==
          Lines{"0s c got a (1), id 1, handle 1", "30.001s c got b (1), id 2, handle 2"});
    const Scenario two = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        for (const char* who : {"c 1", "c 2"}) {
            world.consume(queue, [&log, who](const SimMessage& message) { log.got(who, message); },
                          {.max_number_of_messages = 2, .name = who});
        }
        world.run();
    };
    CHECK(lines_of("stall@turn#2.1", two) == Lines{"0s c 1 got a (1), id 1, handle 1",
                                                   "30s c 2 got b (2), id 2, handle 2",
                                                   "30.001s c 1 got b (1), id 2, handle 3"});
}

TEST_CASE("C4: a handler fails before it does anything, and its message comes again", "[sim][faults]") {
    CHECK(with_fault(Fault::handler_fails, "fail@handle#1.1", 1, handled()) ==
          Lines{"30s c got a (2), id 1, handle 1", "30s done"});
    CHECK(lines_of("fail@handle#1.1+fail@handle#1.2", handled()) ==
          Lines{"60s c got a (3), id 1, handle 1", "60s done"});
}

TEST_CASE("C5: an effect is refused, and its caller sees it", "[sim][faults]") {
    CHECK(with_fault(Fault::effect_fails, "effect-fails@charge#1.1", 1, with_effect(true)) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s failed, balance 0", "0s done, balance 1"});
    CHECK(lines_of("effect-fails@charge#1.1", with_effect(false)) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s failed, balance 0", "30s c got a (2), id 1, handle 2",
                "30s done, balance 1"});
}

TEST_CASE("C5: an effect takes place, but its caller sees an error", "[sim][faults]") {
    CHECK(with_fault(Fault::effect_unknown, "effect-unknown@charge#1.1", 1, with_effect(true)) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s unknown, balance 1", "0s done, balance 2"});
}

TEST_CASE("C5: outside of a simulation an effect is done", "[sim][faults]") {
    int calls = 0;
    CHECK(effect("charge", [&] { ++calls; }) == EffectOutcome::done);
    CHECK(calls == 1);
    CHECK(clock_error() == 0ns);
    point("nothing");
    sqsim::sim::sleep_for(1h);
}

TEST_CASE("C6: the consumer's own clock is ahead or behind, once", "[sim][faults]") {
    CHECK(lines_of("none", reads_clock) == Lines{"0s a 0s", "0s b 0s"});
    CHECK(with_fault(Fault::clock_ahead, "ahead@clock#1.1", 2, reads_clock) == Lines{"0s a 600s", "0s b 0s"});
    CHECK(with_fault(Fault::clock_behind, "behind@clock#2.1", 2, reads_clock) == Lines{"0s a 0s", "0s b -600s"});
    ReplayOptions how;
    how.clock_error = 1min;
    CHECK(lines_of("ahead@clock#2.1", reads_clock, how) == Lines{"0s a 0s", "0s b 60s"});
}

TEST_CASE("C7: a simulated consumer leaves the rest of its batch, and another begins", "[sim][faults]") {
    CHECK(with_fault(Fault::stop_mid_batch, "stop-mid-batch@turn#2.1", 1, in_batches({"a", "b"})) ==
          Lines{"0s c got a (1), id 1, handle 1", "30s c got b (2), id 2, handle 2"});
    CHECK(replayed("stop-mid-batch@turn#1.1", in_batches({"a", "b"})).report.verdict == Verdict::stale_token);
}

TEST_CASE("C7: code that takes a stop token is asked to leave, and another begins", "[sim][faults]") {
    const Scenario standard = stoppable([](World& world) -> SimQueue& {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        return queue;
    });
    CHECK(lines_of("none", standard) ==
          Lines{"0s begins", "0s s got a (1), id 1, handle 1", "0s s got b (1), id 2, handle 2", "0s leaves"});
    CHECK(with_fault(Fault::stop_mid_batch, "stop-mid-batch@received#1.1", 1, standard) ==
          Lines{"0s begins", "0s s got a (1), id 1, handle 1", "0s leaves", "0s begins",
                "30s s got a (2), id 1, handle 2", "30s s got b (2), id 2, handle 3", "30s leaves"});
}

TEST_CASE("C7: also where the queue is a FIFO queue", "[sim][faults]") {
    const Scenario fifo = stoppable([](World& world) -> SimFifoQueue& {
        auto& queue = world.fifo_queue({.visibility_timeout = 30s});
        world.produce(queue, "g", {"a", "b"});
        return queue;
    });
    CHECK(with_fault(Fault::stop_mid_batch, "stop-mid-batch@received#1.1", 1, fifo) ==
          Lines{"0s begins", "0s s got a (1), id 1, handle 1", "0s leaves", "0s begins",
                "30s s got a (2), id 1, handle 2", "30s s got b (2), id 2, handle 3", "30s leaves"});
}

TEST_CASE("P: another consumer goes first, where one is ready", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        for (const char* who : {"c 1", "c 2"}) {
            world.consume(queue,
                          [&log, who](const SimMessage& message) {
                              log.got(who, message);
                              sqsim::sim::point("middle");
                              log.say(std::string{who} + " done");
                          },
                          {.name = who});
        }
        world.run();
    };
    CHECK(lines_of("none", scenario) ==
          Lines{"0s c 1 got a (1), id 1, handle 1", "0s c 1 done", "0s c 1 got b (1), id 2, handle 2", "0s c 1 done"});
    CHECK(lines_of("preempt@middle#1.1", scenario) ==
          Lines{"0s c 1 got a (1), id 1, handle 1", "0s c 2 got b (1), id 2, handle 2", "0s c 2 done", "0s c 1 done"});
    // All four places of the first message, and of the second; and the start.
    CHECK(with_fault(Fault::preempt, "preempt@middle#1.1", 9, scenario).size() == 4);
}

TEST_CASE("P: a lone consumer is never preempted", "[sim][faults]") {
    CHECK(explored({.faults = 0, .preemptions = 3}, handled({}, {"a", "b"})).size() == 2);
}

TEST_CASE("a producer and the scenario never crash, stall, or are preempted", "[sim][faults]") {
    for (const char* token : {"crash@send#1.1", "stall@send#1.1", "preempt@send#1.1", "crash@sent#1.1"}) {
        INFO(token);
        CHECK(replayed(token, handled()).report.verdict == Verdict::stale_token);
    }
}
