// SPDX-License-Identifier: MIT

// Catches a crash that is not one: code that goes on afterwards, a destructor that still talks to the queue, memory
// that survives; and a durable state that does not.

#include "sim/sim_support.hpp"

#include <exception>
#include <map>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace {

using namespace simulated;

constexpr CrashMode both_modes[] = {CrashMode::unwind, CrashMode::abandon};

ReplayOptions in(CrashMode mode) {
    ReplayOptions options;
    options.crash = mode;
    return options;
}

/// Says when it is destroyed.
struct Guard {
    Log& log;
    explicit Guard(Log& where) : log{where} {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { log.say("guard"); }
};

void guarded(World& world, Log& log) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    world.consume(queue, [&](const SimMessage& message) {
        log.got("c", message);
        const Guard guard{log};
        point("middle");
        log.say("done");
    });
    world.run();
}

}  // namespace

TEST_CASE("a crash that unwinds runs destructors, one that abandons does not", "[sim][crash]") {
    CHECK(lines_of("crash@middle#1.1", guarded, in(CrashMode::unwind)) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s guard", "30s c got a (2), id 1, handle 2", "30s done",
                "30s guard"});
    CHECK(lines_of("crash@middle#1.1", guarded, in(CrashMode::abandon)) ==
          Lines{"0s c got a (1), id 1, handle 1", "30s c got a (2), id 1, handle 2", "30s done", "30s guard"});
}

TEST_CASE("what a destructor asks of the queue while a crash unwinds has no effect", "[sim][crash]") {
    struct Deleter {
        SimQueue& queue;
        ReceiptHandle handle;
        Log& log;
        Deleter(SimQueue& where, const ReceiptHandle& what, Log& says) : queue{where}, handle{what}, log{says} {}
        Deleter(const Deleter&) = delete;
        Deleter& operator=(const Deleter&) = delete;
        ~Deleter() {
            if (std::uncaught_exceptions() == 0) {
                return;
            }
            log.say(queue.delete_message(handle) ? "deleted" : "not deleted");
            point("in a destructor");
            static_cast<void>(queue.try_send_message("from a destructor"));
            CHECK(!queue.receive_message());
            CHECK(!queue.change_message_visibility(handle, 0s));
            queue.purge();
            sqsim::sim::sleep_for(1h);
        }
    };
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        int tries = 0;
        world.consume(queue, [&](const SimMessage& message) {
            log.got("c", message);
            if (++tries == 1) {
                const Deleter deleter{queue, message.receipt_handle(), log};
                point("middle");
                log.say("not here");
            }
        });
        world.run();
    };
    CHECK(lines_of("crash@middle#1.1", scenario) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s not deleted", "30s c got a (2), id 1, handle 2"});
}

TEST_CASE("code that swallows its crash is noticed, and its run repeated so that it cannot go on", "[sim][crash]") {
    const auto scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.spawn("r", [&] {
            while (true) {
                try {
                    if (const auto message = queue.receive_message({.wait_time = 20s})) {
                        log.got("r", *message);
                        point("middle");
                        queue.delete_message(message->receipt_handle());
                        log.say("deleted");
                    }
                } catch (...) {
                    log.say("an error");
                }
            }
        });
        world.run();
    };
    const Replayed result = replayed("crash@middle#1.1", scenario);
    INFO(result.report.to_string());
    CHECK(result.report.ok());
    REQUIRE(result.report.warnings.size() == 2);  // the other: the log reads the clock
    CHECK(result.report.warnings[0].find("a crash was swallowed by a catch (...) in 1 execution") == 0);
    CHECK(result.report.to_string().find("note: a crash was swallowed") != std::string::npos);
    CHECK(result.lines == Lines{"0s r got a (1), id 1, handle 1", "30s r got a (2), id 1, handle 2", "30s deleted"});

    const auto run = [&](World& world) {
        Log log{world};
        scenario(world, log);
        world.expect("the end", true);
    };
    ExploreOptions options{.faults = 2, .preemptions = 0, .offered = {Fault::crash}};
    const Report all = explore(options, run);
    options.crash = CrashMode::abandon;
    const Report swallowing_nothing = explore(options, run);
    CHECK(all.ok());
    // Receive, received, middle, delete, deleted and the next receive; and as many as if nothing had been swallowed.
    CHECK(all.plans_run() == 36);
    CHECK(swallowing_nothing.plans_run() == 36);
    REQUIRE(all.warnings.size() == 2);
    CHECK(all.repeated == 2);  // the fault-free plan and one of the 35 with a crash
    CHECK(all.warnings[0].find("a crash was swallowed by a catch (...) in 36 executions, which were repeated") == 0);

    const Replayed abandoned = replayed("crash@middle#1.1", scenario, in(CrashMode::abandon));
    CHECK(abandoned.report.ok());
    REQUIRE(abandoned.report.warnings.size() == 1);
    CHECK(abandoned.report.warnings[0].find("the code reads the world's clock") == 0);
    CHECK(abandoned.lines == result.lines);
}

TEST_CASE("a swallowed crash hides no violation, and makes none", "[sim][crash]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::map<std::string, int> charges;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            ++charges[std::string{message.body()}];
            try {
                point("charged");
            } catch (...) {
                --charges[std::string{message.body()}];  // a process that ended could not do that
            }
        });
        world.run();
        world.expect(once_per_key(charges));
    };
    const Report found = explore({.faults = 1, .preemptions = 0, .offered = {Fault::crash}}, scenario);
    CHECK(found.violation() == "once per key: key a took effect twice");
    CHECK(found.replay_token() == "crash@charged#1.1");
    CHECK(replay(found.replay_token(), scenario).violation() == found.violation());
}

TEST_CASE("a handler that is noexcept can be abandoned", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) noexcept {
            log.got("c", message);
            point("middle");
            log.say("done");
        });
        world.run();
    };
    const Lines expected{"0s c got a (1), id 1, handle 1", "30s c got a (2), id 1, handle 2", "30s done"};
    CHECK(lines_of("crash@middle#1.1", scenario, in(CrashMode::abandon)) == expected);
    const Report report =
        explore({.faults = 2, .offered = {Fault::crash}, .crash = CrashMode::abandon}, [&](World& world) {
            Log log{world};
            scenario(world, log);
            world.expect("the end", true);
        });
    CHECK(report.ok());
    CHECK(report.plans_run() == 13);
}

TEST_CASE("what a consumer keeps in its own memory dies with it, and what it refers to does not", "[sim][crash]") {
    for (const CrashMode mode : both_modes) {
        const Scenario scenario = [](World& world, Log& log) {
            auto& queue = world.queue({.visibility_timeout = 30s});
            int durable = 0;
            world.produce(queue, {"a", "b"});
            world.consume(queue, [&] {
                return [&, local = 0](const SimMessage& message) mutable {
                    log.say(std::string{message.body()} + " local " + std::to_string(++local) + " durable " +
                            std::to_string(++durable));
                    point("middle");
                };
            });
            world.run();
        };
        CHECK(lines_of("none", scenario, in(mode)) == Lines{"0s a local 1 durable 1", "0s b local 2 durable 2"});
        CHECK(lines_of("crash@middle#1.1", scenario, in(mode)) ==
              Lines{"0s a local 1 durable 1", "0s b local 1 durable 2", "30s a local 2 durable 3"});
        CHECK(lines_of("crash@middle#2.1", scenario, in(mode)) ==
              Lines{"0s a local 1 durable 1", "0s b local 2 durable 2", "30s b local 1 durable 3"});
    }
}

TEST_CASE("each of several consumers has its own memory, and crashes by itself", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b", "c"});
        world.consume(queue,
                      [&] {
                          return [&, local = 0](const SimMessage& message) mutable {
                              log.say(std::string{message.body()} + " local " + std::to_string(++local));
                              point("middle");
                          };
                      },
                      {.consumers = 2, .work_time = 1s});
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s a local 1", "0s b local 1", "1s c local 2"});
    CHECK(lines_of("crash@middle#1.1", scenario).front() == "0s a local 1");
    const Lines lines = lines_of("crash@middle#2.1", scenario);
    CHECK(std::count(lines.begin(), lines.end(), "0s c local 1") == 1);  // the one that crashed begins anew
    CHECK(lines.back() == "30s b local 2");
}

TEST_CASE("a factory's handlers are destroyed, or abandoned, as many times as they were made", "[sim][crash]") {
    const auto alive = [](CrashMode mode) {
        auto token = std::make_shared<int>(1);
        static_cast<void>(replay("crash@middle#1.1", in(mode), [&](World& world) {
            auto& queue = world.queue({.visibility_timeout = 30s});
            world.produce(queue, {"a"});
            world.consume(queue, [&] { return [held = token](const SimMessage&) { point("middle"); }; });
            world.run();
            world.expect("the end", true);
        }));
        return token.use_count() - 1;
    };
    CHECK(alive(CrashMode::unwind) == 0);
    CHECK(alive(CrashMode::abandon) == 0);  // what a handler holds belongs to the world, not to the stack
}

TEST_CASE("code that returns has left for good", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        world.spawn("one", [&] {
            log.say("one begins");
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                log.got("one", *message);
                queue.delete_message(message->receipt_handle());
            }
            log.say("one leaves");
        });
        world.spawn("rest", [&] {
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("rest", *message);
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s one begins", "0s one got a (1), id 1, handle 1", "0s one leaves",
                                              "0s rest got b (1), id 2, handle 2"});
    // A crash is no return: it begins again.
    const Lines crashed = lines_of("crash@delete#1.1", scenario);
    CHECK(std::count(crashed.begin(), crashed.end(), "0s one begins") == 2);
}

TEST_CASE("code that ends with an exception starts again", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        int tries = 0;
        world.spawn("r", [&] {
            log.say("begins");
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("r", *message);
                    if (++tries == 1) {
                        throw std::runtime_error{"once"};
                    }
                    if (tries == 2) {
                        throw std::logic_error{"twice"};
                    }
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s begins", "0s r got a (1), id 1, handle 1", "0s begins",
                                              "30s r got a (2), id 1, handle 2", "30s begins",
                                              "60s r got a (3), id 1, handle 3"});
}

TEST_CASE("a consumer with a stop token is asked to leave at the end of the run", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.spawn("s", [&](std::stop_token stop) {
            while (!stop.stop_requested()) {
                if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
                    log.got("s", *message);
                    queue.delete_message(message->receipt_handle());
                }
            }
            log.say("leaves in order");
        });
        world.run();
    };
    for (const CrashMode mode : both_modes) {
        CHECK(lines_of("none", scenario, in(mode)) == Lines{"0s s got a (1), id 1, handle 1", "0s leaves in order"});
    }
}

TEST_CASE("a loop without end is ended when the run is over, and its stack unwound", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.spawn("r", [&] {
            const Guard guard{log};
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("r", *message);
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
        log.say("after the run");
    };
    CHECK(lines_of("none", scenario) == Lines{"0s r got a (1), id 1, handle 1", "0s guard", "0s after the run"});
    CHECK(lines_of("none", scenario, in(CrashMode::abandon)) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s after the run"});
}

TEST_CASE("exceptions of several consumers do not get mixed up", "[sim][crash]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        for (const std::string who : {"r", "s"}) {
            world.spawn(who, [&, who] {
                while (true) {
                    const auto message = queue.receive_message({.wait_time = 20s});
                    if (!message) {
                        continue;
                    }
                    try {
                        throw std::runtime_error{who + " " + std::string{message->body()}};
                    } catch (const std::exception&) {
                        sqsim::sim::sleep_for(5s);  // meanwhile the other one handles an exception of its own
                        try {
                            throw;
                        } catch (const std::exception& again) {
                            log.say(again.what());
                        }
                    }
                    queue.delete_message(message->receipt_handle());
                }
            });
        }
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"5s r a", "5s s b"});
}
