// SPDX-License-Identifier: MIT

// Catches a fault of a receive that does not do what its line in the table says, or that happens where it is not
// offered.

#include "sim/sim_support.hpp"

#include <memory>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// Several messages, received one by one.
Scenario one_by_one(std::vector<std::string> bodies, QueueOptions options = {}) {
    return [bodies = std::move(bodies), options](World& world, Log& log) {
        auto& queue = world.queue(options);
        world.produce(queue, bodies);
        read_all(world, log, queue, "r");
        world.run();
    };
}

/// Several messages, asked for together. The sizes of the answers are said, too.
Scenario together(std::vector<std::string> bodies) {
    return [bodies = std::move(bodies)](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, bodies);
        world.spawn("r", [&] {
            while (true) {
                const auto messages = queue.receive_messages({.max_number_of_messages = 10, .wait_time = 20s});
                std::string all;
                for (const SimMessage& message : messages) {
                    all += message.body();
                    queue.delete_message(message.receipt_handle());
                }
                if (!messages.empty()) {
                    log.say(all);
                }
            }
        });
        world.run();
    };
}

/// Somebody who polls without waiting until it gets nothing, then again after a while.
void short_polls(World& world, Log& log) {
    auto& queue = world.queue();
    world.produce(queue, {"a", "b"});
    world.spawn("r", [&] {
        for (int round = 1; round <= 2; ++round) {
            while (const auto message = queue.receive_message()) {
                log.got("r", *message);
                queue.delete_message(message->receipt_handle());
            }
            log.say("nothing");
            sqsim::sim::sleep_for(10s);
        }
    });
    world.run();
}

}  // namespace

TEST_CASE("R1: any of the next visible messages may come first", "[sim][faults]") {
    const auto three = one_by_one({"a", "b", "c"});
    CHECK(with_fault(Fault::reorder, "order1@next.1", 3, three) ==
          Lines{"0s r got b (1), id 1, handle 1", "0s r got a (1), id 2, handle 2", "0s r got c (1), id 3, handle 3"});
    CHECK(lines_of("order2@next.1", three) ==
          Lines{"0s r got c (1), id 1, handle 1", "0s r got a (1), id 2, handle 2", "0s r got b (1), id 3, handle 3"});
    CHECK(lines_of("order1@next.2", three) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s r got c (1), id 2, handle 2", "0s r got b (1), id 3, handle 3"});
    CHECK(lines_of("order2@next.1+order1@next.2", three) ==
          Lines{"0s r got c (1), id 1, handle 1", "0s r got b (1), id 2, handle 2", "0s r got a (1), id 3, handle 3"});
}

TEST_CASE("R1: with five messages the first four may come first, one of them at a time", "[sim][faults]") {
    const auto five = one_by_one({"a", "b", "c", "d", "e"});
    CHECK(lines_of("order3@next.1", five).front() == "0s r got d (1), id 1, handle 1");
    CHECK(replayed("order4@next.1", five).report.verdict == Verdict::stale_token);
}

TEST_CASE("R1: every order of three messages is found", "[sim][faults]") {
    std::vector<Lines> orders;
    ExploreOptions options;
    options.faults = 0;
    options.preemptions = 0;
    options.reorders = 2;
    options.offered = {Fault::reorder};
    const auto runs = explored(options, together({"a", "b", "c"}));
    for (const char* order : {"0s abc", "0s acb", "0s bac", "0s bca", "0s cab", "0s cba"}) {
        CHECK(std::count(runs.begin(), runs.end(), Lines{order}) >= 1);
    }
    CHECK(runs.size() == 7);  // each once, and the first again
}

TEST_CASE("R1: the order of a FIFO queue is never changed", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue();
        world.produce(queue, "g", {"a", "b", "c"});
        world.produce(queue, "h", {"d"});
        read_all(world, log, queue, "r");
        world.run();
    };
    CHECK(explored({.faults = 2, .offered = {Fault::reorder}}, scenario).size() == 2);
}

TEST_CASE("R1: a receive returns fewer messages than it could: only one, or all but one", "[sim][faults]") {
    const auto four = together({"a", "b", "c", "d"});
    CHECK(lines_of("none", four) == Lines{"0s abcd"});
    CHECK(with_fault(Fault::partial_receive, "partial-receive1@receive.1", 2, four) == Lines{"0s a", "0s bcd"});
    CHECK(lines_of("partial-receive3@receive.1", four) == Lines{"0s abc", "0s d"});
    CHECK(with_fault(Fault::partial_receive, "partial-receive1@receive.1", 1, together({"a", "b"})) ==
          Lines{"0s a", "0s b"});
}

TEST_CASE("R2: a short poll returns nothing though messages are visible", "[sim][faults]") {
    CHECK(lines_of("none", short_polls) == Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2",
                                                 "0s nothing",
                                                 "0s nothing"});  // at the end of the run time stands still
    CHECK(with_fault(Fault::empty_receive, "empty-receive@receive.2", 2, short_polls) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s nothing", "10s r got b (1), id 2, handle 2", "10s nothing"});
}

TEST_CASE("R2: a long poll, too, rarely returns nothing, after all of its time", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.spawn("r", [&] {
            for (int i = 0; i < 2; ++i) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("r", *message);
                    queue.delete_message(message->receipt_handle());
                } else {
                    log.say("nothing");
                }
            }
        });
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s r got a (1), id 1, handle 1", "0s nothing"});
    CHECK(with_fault(Fault::empty_receive, "empty-receive@receive.1", 1, scenario) ==
          Lines{"20s nothing", "20s r got a (1), id 1, handle 1"});
}

TEST_CASE("R2: there is nothing to miss in an empty queue", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.spawn("r", [&] { log.say(queue.receive_message() ? "something" : "nothing"); });
        world.run();
    };
    CHECK(replayed("none", scenario).lines == Lines{"0s nothing"});
    CHECK(replayed("empty-receive@receive.1", scenario).report.verdict == Verdict::stale_token);
}

TEST_CASE("R3: a message in flight is delivered once more", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        for (const char* who : {"r", "s"}) {
            world.spawn(who, [&world, &queue, &log, who] {
                while (true) {
                    if (const auto message = queue.receive_message({.wait_time = 20s})) {
                        log.got(who, *message);
                        world.sleep_for(5s);
                        queue.delete_message(message->receipt_handle());
                    }
                }
            });
        }
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s r got a (1), id 1, handle 1"});
    // The second delivery counts, and has a handle of its own.
    CHECK(with_fault(Fault::duplicate, "dup@receive#1.1", 1, scenario) ==
          Lines{"0s s got a (2), id 1, handle 1", "0s r got a (1), id 1, handle 2"});
}

TEST_CASE("R3: never from a FIFO queue", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue();
        world.produce(queue, "g", {"a", "b"});
        read_all(world, log, queue, "r");
        read_all(world, log, queue, "s");
        world.run();
    };
    CHECK(explored({.faults = 2, .offered = {Fault::duplicate}}, scenario).size() == 2);
}

TEST_CASE("R4: the messages of a receive are marked as received, but the answer is lost", "[sim][faults]") {
    // Received for the second time when the first lease has ended, under a new handle.
    CHECK(with_fault(Fault::lose_messages, "lost@received#1.1", 1, one_by_one({"a"})) ==
          Lines{"30s r got a (2), id 1, handle 1"});
    CHECK(
        with_fault(Fault::lose_messages, "lost@received#1.1", 2, one_by_one({"a", "b"}, {.visibility_timeout = 7s})) ==
        Lines{"0s r got b (1), id 1, handle 1", "7s r got a (2), id 2, handle 2"});
    CHECK(with_fault(Fault::lose_messages, "lost@received#1.1", 1, together({"a", "b"})) == Lines{"30s ab"});
}

TEST_CASE("R4: a lost answer of a FIFO receive locks the group until the lease ends", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue();
        world.produce(queue, "g", {"a", "b"});
        world.produce(queue, "h", {"c"});
        read_all(world, log, queue, "r");
        world.run();
    };
    CHECK(
        with_fault(Fault::lose_messages, "lost@received#1.1", 3, scenario) ==
        Lines{"0s r got c (1), id 1, handle 1", "30s r got a (2), id 2, handle 2", "30s r got b (1), id 3, handle 3"});
}

TEST_CASE("R4: a lost answer to a short poll looks empty", "[sim][faults]") {
    CHECK(with_fault(Fault::lose_messages, "lost@received#1.1", 2, [](World& world, Log& log) {
              auto& queue = world.queue();
              world.produce(queue, {"a"});
              world.produce(queue, {"b"});
              world.spawn("r", [&] {
                  for (int i = 0; i < 6; ++i) {
                      const auto message = queue.receive_message();
                      if (message) {
                          log.got("r", *message);
                          queue.delete_message(message->receipt_handle());
                      } else {
                          world.sleep_for(12s);
                      }
                  }
              });
              world.run();
          }) == Lines{"12s r got b (1), id 1, handle 1", "36s r got a (2), id 2, handle 2"});
}

TEST_CASE("R5: a receive is refused because the service is throttling", "[sim][faults]") {
    const auto scenario = [](auto make) -> Scenario {
        return [make](World& world, Log& log) {
            auto& queue = make(world);
            world.spawn("r", [&] {
                while (true) {
                    try {
                        if (const auto message = queue.receive_message({.wait_time = 20s})) {
                            log.got("r", *message);
                            queue.delete_message(message->receipt_handle());
                        }
                    } catch (const sqsim::Error& error) {
                        CHECK(error.code() == Errc::request_throttled);
                        log.say("throttled");
                        world.sleep_for(1s);
                    }
                }
            });
            world.run();
        };
    };
    const Lines expected{"0s throttled", "1s r got a (1), id 1, handle 1"};
    CHECK(with_fault(Fault::throttle, "throttle@receive.1", 1, scenario([](World& world) -> SimQueue& {
                         auto& queue = world.queue();
                         world.produce(queue, {"a"});
                         return queue;
                     })) == expected);
    CHECK(with_fault(Fault::throttle, "throttle@receive.1", 1, scenario([](World& world) -> SimFifoQueue& {
                         auto& queue = world.fifo_queue();
                         world.produce(queue, "g", {"a"});
                         return queue;
                     })) == expected);
}

TEST_CASE("R5: code that does not catch a refusal ends, and starts again", "[sim][faults]") {
    CHECK(with_fault(Fault::throttle, "throttle@receive.2", 2, one_by_one({"a", "b"})) ==
          lines_of("none", one_by_one({"a", "b"})));
}

TEST_CASE("R6: a FIFO receive repeated with its attempt id returns the same messages and handles", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue();
        world.produce(queue, "g", {"a", "b"});
        world.spawn("r", [&] {
            while (true) {
                const auto messages = queue.receive_messages({.max_number_of_messages = 2, .wait_time = 20s});
                for (const SimMessage& message : messages) {
                    log.got("r", message);
                }
                for (const SimMessage& message : messages) {
                    log.say(queue.delete_message(message.receipt_handle()) ? "deleted" : "not deleted");
                }
            }
        });
        world.run();
    };
    // The consumer sees one answer; the service gave it twice.
    CHECK(with_fault(Fault::repeat_attempt, "again@received#1.1", 1, scenario) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2", "0s deleted", "0s deleted"});
    CHECK(replayed("again@received#1.1", one_by_one({"a"})).report.verdict == Verdict::stale_token);
}

TEST_CASE("R100: in a world, too, a receive is refused once one of the messages that it repeats was deleted",
          "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue();
        world.produce(queue, "g", {"a", "b"});
        world.spawn("r", [&] {
            const sqsim::ReceiveMessageOptions options{
                .max_number_of_messages = 2, .wait_time = 20s, .receive_request_attempt_id = "try"};
            for (const SimMessage& message : queue.receive_messages(options)) {
                log.got("r", message);
                queue.delete_message(message.receipt_handle());
            }
            try {
                static_cast<void>(queue.receive_messages(options));
            } catch (const sqsim::Error& error) {
                log.say(std::string{error.aws_code()});
            }
        });
        world.run();
    };
    CHECK(lines_of("none", scenario) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2", "0s InvalidParameterValue"});
}

TEST_CASE("R7: after three receives a message goes behind all others", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 10s});
        world.produce(queue, {"a"});
        world.spawn("r", [&] {
            int tries = 0;
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("r", *message);
                    if (message->body() == "a" && ++tries < 4) {
                        if (tries == 3) {
                            queue.send_message("b");
                            world.sleep_for(10s);
                        }
                    } else {
                        queue.delete_message(message->receipt_handle());
                    }
                }
            }
        });
        world.run();
    };
    const Lines without = lines_of("none", scenario);
    REQUIRE(without.size() == 5);
    CHECK(without[3] == "30s r got a (4), id 1, handle 4");
    // A habit of the service, for the whole run.
    CHECK(with_fault(Fault::to_back, "to-back@run.1", 1, scenario) ==
          Lines{"0s r got a (1), id 1, handle 1", "10s r got a (2), id 1, handle 2", "20s r got a (3), id 1, handle 3",
                "30s r got b (1), id 2, handle 4", "30s r got a (4), id 1, handle 5"});
    CHECK(!Faults::usual().contains(Fault::to_back));
}

TEST_CASE("R8: the retention period of a message passes before it is received", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.message_retention_period = 60s});
        world.spawn("sender", [&] {
            queue.send_message("a");
            world.sleep_for(10s);
            queue.send_message("b");
        });
        read_all(world, log, queue, "r");
        world.run();
    };
    CHECK(with_fault(Fault::retention_ends, "expire@receive.1", 2, scenario) ==
          Lines{"60s r got b (1), id 1, handle 1"});
    CHECK(lines_of("expire@receive.3", scenario) == Lines{"0s r got a (1), id 1, handle 1"});
    CHECK(!Faults::usual().contains(Fault::retention_ends));
}

TEST_CASE("R8: a retention period that is longer than the horizon is waited for all the same", "[sim][faults]") {
    CHECK(with_fault(Fault::retention_ends, "expire@receive.1", 2, one_by_one({"a", "b"})) == Lines{});
}
