// SPDX-License-Identifier: MIT

// Catches an exploration that leaves a plan out, runs one twice, overruns a budget, reports something that is not
// minimal, or says that a scenario holds which proves nothing.

#include "sim/sim_support.hpp"

#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// One message, one consumer, one point: with `crash` alone the sites are received, middle and delete.
void one_message(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    world.consume(queue, [](const SimMessage&) { point("middle"); });
    world.run();
    world.expect(drained(queue));
}

/// A consumer that charges twice if it is interrupted between charging and deleting.
void charges_twice(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::map<std::string, int> charges;
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        ++charges[std::string{message.body()}];
        point("charged");
    });
    world.run();
    world.expect(once_per_key(charges));
}

/// Fails only when two different points of one run crash.
void fails_with_two(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::set<int> incarnations;
    world.produce(queue, {"a"});
    world.consume(queue, [&](const SimMessage& message) {
        incarnations.insert(static_cast<int>(message.approximate_receive_count()));
        point("middle");
    });
    world.run();
    world.expect("handled at most twice", incarnations.size() <= 2);
}

struct Environment {
    explicit Environment(const char* value) { ::setenv("SQSIM_REPLAY", value, 1); }
    Environment(const Environment&) = delete;
    Environment& operator=(const Environment&) = delete;
    ~Environment() { ::unsetenv("SQSIM_REPLAY"); }
};

bool says(const Report& report, std::string_view words) { return report.to_string().find(words) != std::string::npos; }

}  // namespace

TEST_CASE("every plan within the budgets is run once", "[sim][explore]") {
    // Each of the three places brings the message again, with the same three places; a crash after the delete would
    // leave nothing half done. So there are 1, 3, 9, 27, ... plans of 0, 1, 2, 3, ... crashes.
    ExploreOptions options{.faults = 0, .preemptions = 0, .offered = {Fault::crash}};
    CHECK(explore(options, one_message).plans_run() == 1);
    options.faults = 1;
    CHECK(explore(options, one_message).plans_run() == 1 + 3);
    options.faults = 2;
    CHECK(explore(options, one_message).plans_run() == 1 + 3 + 9);
    options.faults = 3;
    const Report report = explore(options, one_message);
    CHECK(report.plans_run() == 1 + 3 + 9 + 27);
    CHECK(report.ok());
    CHECK(says(report, "every plan with up to 3 faults and 0 preemptions was run: 40 plans, 0 violations"));
}

TEST_CASE("no two runs of an exploration are the same", "[sim][explore]") {
    std::map<Lines, int> runs;
    const Report report = explore({.faults = 2, .preemptions = 0, .offered = {Fault::crash}}, [&](World& world) {
        Log log{world};
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&] {
            log.say("begins");
            return [&](const SimMessage& message) {
                log.got("r", message);
                point("middle");
                log.say("done");
            };
        });
        world.run();
        world.expect("the end", true);
        Lines lines = log.lines();
        lines.push_back(std::to_string(world.history().operations.size()));
        ++runs[lines];
    });
    CHECK(report.ok());
    CHECK(report.plans_run() == 1 + 4 + 12);
    CHECK(runs.size() == report.plans_run());
}

TEST_CASE("plans with fewer deviations are run first", "[sim][explore]") {
    std::vector<std::size_t> receives;
    const Report report =
        explore({.faults = 3, .preemptions = 0, .offered = {Fault::handler_fails}}, [&](World& world) {
            auto& queue = world.queue({.visibility_timeout = 30s});
            std::size_t count = 0;
            world.produce(queue, {"a"});
            world.consume(queue, [&](const SimMessage& message) { count = message.approximate_receive_count(); });
            world.run();
            world.expect("handled", count != 0);
            receives.push_back(count);
        });
    CHECK(report.plans_run() == 4);
    CHECK(receives == std::vector<std::size_t>{1, 1, 2, 3, 4});  // the first one twice, to compare
}

TEST_CASE("faults and preemptions have budgets of their own", "[sim][explore]") {
    const auto two = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a", "b"});
        world.consume(queue, [](const SimMessage&) { point("middle"); }, {.consumers = 2});
        world.run();
        world.expect(drained(queue));
    };
    const auto plans = [&](int faults, int preemptions) {
        return explore({.faults = faults, .preemptions = preemptions, .offered = {Fault::crash, Fault::preempt}}, two)
            .plans_run();
    };
    CHECK(plans(0, 0) == 1);
    CHECK(plans(1, 0) == 1 + 6);
    CHECK(plans(0, 1) == 1 + 8 + 1);  // and one of them may start first
    CHECK(plans(1, 1) > 1 + 6 + 9);
    CHECK(plans(1, 1) < plans(2, 1));
    CHECK(plans(2, 0) < plans(2, 1));
    CHECK(plans(0, 2) > plans(0, 1));
}

TEST_CASE("reorderings and misses count as faults unless they have budgets of their own", "[sim][explore]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect(drained(queue));
    };
    const auto plans = [&](int faults, std::optional<int> reorders, std::optional<int> misses) {
        return explore({.faults = faults,
                        .preemptions = 0,
                        .reorders = reorders,
                        .misses = misses,
                        .offered = {Fault::reorder, Fault::empty_receive}},
                       scenario)
            .plans_run();
    };
    // One place for an order (the first receive), two for a miss (each receive that finds something; after a miss the
    // consumer asks again).
    CHECK(plans(0, {}, {}) == 1);
    CHECK(plans(1, {}, {}) == 1 + 1 + 2);
    CHECK(plans(0, 1, {}) == 1 + 1);
    CHECK(plans(0, {}, 1) == 1 + 2);
    CHECK(plans(0, 1, 1) == 1 + 1 + 2 + 2);  // the order together with a miss before it, or after it
    CHECK(plans(1, 0, {}) == 1 + 2);
    CHECK(plans(5, 0, 0) == 1);
    CHECK(says(
        explore({.faults = 0, .preemptions = 0, .reorders = 1, .misses = 2, .offered = {Fault::reorder}}, scenario),
        "0 faults, 1 reordering, 2 misses and 0 preemptions"));
}

TEST_CASE("the first violation that is found is minimal, and says so", "[sim][explore]") {
    const Report one = explore({.faults = 3, .name = "charging"}, charges_twice);
    CHECK(one.verdict == Verdict::violated);
    CHECK(!one);
    CHECK(one.minimal_faults() == 1);
    CHECK(one.plan.size() == 1);
    CHECK(one.violation() == "once per key: key a took effect twice");
    CHECK(one.headline() == "FAILED charging: once per key: key a took effect twice");
    CHECK(says(one, "minimal plan: 1 fault (the fault-free plan passes)"));
    CHECK(says(one, "replay:   " + one.replay_token()));

    const Report two = explore({.faults = 3, .offered = {Fault::crash}}, fails_with_two);
    CHECK(two.minimal_faults() == 2);
    CHECK(says(two, "minimal plan: 2 faults (all 4 smaller plans pass)"));
    CHECK(explore({.faults = 1, .offered = {Fault::crash}}, fails_with_two).ok());
}

TEST_CASE("of two violations of equal size the one of the milder faults is reported", "[sim][explore]") {
    const Faults offered{Fault::crash, Fault::stall, Fault::lose_delete, Fault::duplicate};
    const Report report = explore({.faults = 2, .offered = offered}, charges_twice);
    CHECK(report.replay_token() == "lost@delete#1.1");
    CHECK(says(report, "also fails with: lost@delete#2.1"));
    CHECK(explore({.faults = 2, .offered = {Fault::crash, Fault::duplicate}}, charges_twice).replay_token() ==
          "crash@charged#1.1");
}

TEST_CASE("a violation without any fault has zero of them", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect("never", false);
    });
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.minimal_faults() == 0);
    CHECK(report.plans_run() == 1);
    CHECK(report.replay_token() == "none");
    CHECK(report.violation() == "never: it does not hold");
    CHECK(says(report, "nothing is smaller"));
}

TEST_CASE("a scenario that never runs is a violation", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
    });
    CHECK(!report.ok());
    CHECK(report.violation() == "the scenario never calls run(): nothing was simulated");
}

TEST_CASE("what is expected before the run is a violation", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        world.expect(drained(queue));
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
    });
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.violation().find("before run() was called") != std::string::npos);
}

TEST_CASE("a scenario that expects nothing proves nothing", "[sim][explore]") {
    const Report report = explore({.name = "idle"}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
    });
    CHECK(report.verdict == Verdict::vacuous);
    CHECK(!report);
    CHECK(report.headline() ==
          "VACUOUS idle: nothing is expected: add expect(), always() or expect_same_as_fault_free()");
}

TEST_CASE("a scenario in which nobody receives a message proves nothing", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect(drained(queue));
    });
    CHECK(report.verdict == Verdict::vacuous);
    CHECK(report.violation() == "no consumer ever received a message");
}

TEST_CASE("nobody receives a message either where code of its own asks an empty queue", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        world.spawn("r", [&] { static_cast<void>(queue.receive_message()); });
        world.run();
        world.expect(drained(queue));
    });
    CHECK(report.verdict == Verdict::vacuous);
    CHECK(report.violation() == "no consumer ever received a message");
}

TEST_CASE("what was to hold sometimes, and never did, proves nothing", "[sim][explore]") {
    const auto scenario = [](int wanted) {
        return [wanted](World& world) {
            auto& queue = world.queue();
            std::uint32_t most = 0;
            world.produce(queue, {"a"});
            world.consume(
                queue, [&](const SimMessage& message) { most = std::max(most, message.approximate_receive_count()); });
            world.sometimes("received " + std::to_string(wanted) + " times",
                            [&] { return most == static_cast<std::uint32_t>(wanted); });
            world.run();
            world.expect("handled", most != 0);
        };
    };
    CHECK(explore({.faults = 1}, scenario(1)).ok());
    CHECK(explore({.faults = 1}, scenario(2)).ok());
    const Report report = explore({.faults = 1}, scenario(3));
    CHECK(report.verdict == Verdict::vacuous);
    CHECK(report.violation() ==
          "sometimes \"received 3 times\" never held in " + std::to_string(report.plans_run()) + " executions");
}

TEST_CASE("what must always hold is looked at after every step", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue();
        int busy = 0;
        world.always("nobody is busy", [&] { return busy == 0; });
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            busy = 1;
            point("busy");
            busy = 0;
        });
        world.run();
    });
    CHECK(report.minimal_faults() == 0);
    CHECK(report.violation() == "always nobody is busy: it does not hold");
}

TEST_CASE("a run of too many steps is an endless loop, and says whose", "[sim][explore]") {
    const Report report = explore({.maximum_steps = 200}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.spawn("spinner", [&] {
            while (true) {
                point("spin");
            }
        });
        world.run();
        world.expect(drained(queue));
    });
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.violation() == "the run did not come to rest within 200 steps: spinner is in an endless loop");
    CHECK(report.to_string().size() < 20'000);
}

TEST_CASE("a run of too much virtual time is a violation, and says what is left over", "[sim][explore]") {
    const Report report = explore({.horizon = 5min}, [](World& world) {
        auto& queue = world.queue({.name = "orders", .visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { throw std::runtime_error{"always"}; });
        world.run();
        world.expect(drained(queue));
    });
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.violation().find("did not come to rest within 300 s of virtual time; orders still holds #1") !=
          std::string::npos);
}

TEST_CASE("messages that nobody receives any more are a violation", "[sim][explore]") {
    const Report report = explore([](World& world) {
        auto& queue = world.queue({.name = "orders"});
        world.produce(queue, {"a", "b"});
        world.spawn("r", [&] {
            const auto message = queue.receive_message({.wait_time = 20s});
            if (message) {
                queue.delete_message(message->receipt_handle());
            }
        });
        world.run();
        world.expect("the end", true);
    });
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.violation() == "the run did not come to rest; orders still holds #2, and nobody receives any more");
}

TEST_CASE("a dead-letter queue that nobody receives from may keep its messages", "[sim][explore]") {
    const Report report = explore({.faults = 1}, [](World& world) {
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.visibility_timeout = 10s});
        queue.set_redrive_policy({dead, 2});
        world.produce(queue, {"bad"});
        world.consume(queue, [](const SimMessage&) { throw std::runtime_error{"bad"}; });
        world.run();
        world.expect(drained(queue));
        world.expect(poison_ends_in_dlq(dead, std::vector<std::string>{"bad"}));
    });
    INFO(report.to_string());
    CHECK(report.ok());
}

TEST_CASE("an exploration stops at a number of plans, and then proves nothing", "[sim][explore]") {
    ExploreOptions options{.faults = 2, .offered = {Fault::crash}, .maximum_plans = 9};
    const Report report = explore(options, one_message);
    CHECK(report.verdict == Verdict::incomplete);
    CHECK(!report.ok());
    CHECK(report.plans_run() == 9);
    CHECK(report.violation() == "stopped after 9 plans without a violation");
    options.maximum_plans = 13;
    CHECK(explore(options, one_message).ok());
    options.maximum_plans = 1;
    CHECK(explore(options, charges_twice).verdict == Verdict::incomplete);
}

TEST_CASE("progress is told now and then", "[sim][explore]") {
    std::vector<Progress> told;
    ExploreOptions options{.faults = 8, .preemptions = 0, .offered = {Fault::crash}, .maximum_plans = 10'000};
    options.progress = [&](const Progress& progress) { told.push_back(progress); };
    static_cast<void>(explore(options, one_message));
    REQUIRE(told.size() >= 2);
    CHECK(told[0].plans_run < told[1].plans_run);
    CHECK(told[0].plans_known >= told[0].plans_run);
    CHECK(told[0].faults >= 5);
    CHECK(told[0].faults <= 8);
}

TEST_CASE("earlier failures are run first", "[sim][explore]") {
    ExploreOptions options{.faults = 2, .preemptions = 0, .offered = {Fault::crash}};
    const auto fails = explore(options, fails_with_two);
    options.regressions = {"crash@middle#1.1", fails.replay_token()};
    const Report failing = explore(options, fails_with_two);
    CHECK(failing.verdict == Verdict::violated);
    CHECK(failing.violation() == fails.violation());
    CHECK(failing.replay_token() == fails.replay_token());
    CHECK(failing.plans_run() == 2);  // the fault-free one, for its states, and this one

    options.regressions = {"crash@middle#1.1", "crash@nowhere#1.1"};
    const Report stale = explore(options, one_message);
    CHECK(stale.verdict == Verdict::stale_token);
    CHECK(stale.violation().find("crash@nowhere#1.1") != std::string::npos);

    options.regressions = {"crash@middle#1.1", "crash@received#1.1"};
    const Report passing = explore(options, one_message);
    CHECK(passing.ok());
    CHECK(passing.plans_run() == 13);

    options.regressions = {"no token"};
    CHECK(explore(options, one_message).verdict == Verdict::stale_token);
}

TEST_CASE("the environment names a plan to replay instead", "[sim][explore]") {
    const std::string token = explore({.faults = 1}, charges_twice).replay_token();
    {
        const Environment environment{token.c_str()};
        const Report report = explore({.faults = 1}, charges_twice);
        CHECK(report.verdict == Verdict::violated);
        CHECK(report.plans_run() == 2);
        CHECK(says(report, "replayed: 1 fault"));
    }
    {
        const Environment environment{("charging=" + token).c_str()};
        CHECK(explore({.faults = 1, .name = "charging"}, charges_twice).plans_run() == 2);
        CHECK(explore({.faults = 1, .name = "other"}, one_message).plans_run() > 2);
        CHECK(explore({.faults = 1}, one_message).plans_run() > 2);
    }
    {
        const Environment environment{"crash@nowhere#1.1"};
        CHECK(explore({.faults = 1}, one_message).verdict == Verdict::stale_token);
    }
    {
        const Environment environment{""};
        CHECK(explore({.faults = 1}, one_message).plans_run() > 2);
    }
    {
        const Environment environment{"none"};
        CHECK(explore({.faults = 1}, charges_twice).ok());
    }
}

TEST_CASE("a scenario that throws is a violation, and says what it threw", "[sim][explore]") {
    const Report before = explore([](World&) { throw std::runtime_error{"no database"}; });
    CHECK(before.verdict == Verdict::violated);
    CHECK(before.violation() == "the scenario itself ended with an error: no database");
    const Report after = explore({.faults = 1}, [](World& world) {
        auto& queue = world.queue();
        int handled = 0;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            ++handled;
            point("middle");
        });
        world.run();
        world.expect("handled", handled >= 1);
        if (handled != 1) {
            throw std::runtime_error{"handled twice"};
        }
    });
    CHECK(after.minimal_faults() == 1);
    CHECK(after.violation() == "the scenario itself ended with an error: handled twice");
}

TEST_CASE("several queues have places of their own", "[sim][explore]") {
    const auto scenario = [](World& world) {
        auto& orders = world.queue({.name = "orders"});
        auto& mails = world.fifo_queue({.name = "mails.fifo"});
        world.produce(orders, {"a", "b"});
        std::vector<std::string> sent;
        world.consume(orders,
                      [&](const SimMessage& message) {
                          const std::string id{message.body()};
                          mails.send_message("mail " + id, "customers", {.message_deduplication_id = id});
                      },
                      {.name = "shop"});
        world.consume(mails, [&](const SimMessage& message) { sent.emplace_back(message.body()); }, {.name = "post"});
        world.run();
        world.expect(drained(orders));
        world.expect(drained(mails));
        world.expect(once_per_key(sent, std::vector<std::string>{"mail a", "mail b"}));
    };
    const Report report = explore({.faults = 1, .preemptions = 0, .reorders = 0}, scenario);
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.replay_token().find("mails") != std::string::npos);
    CHECK(replay(report.replay_token(), scenario).violation() == report.violation());
    CHECK(replay("lost@mails.fifo:delete#1.1", scenario).verdict == Verdict::violated);
    CHECK(replay("lost@orders:delete#1.1", scenario).ok());
    CHECK(replay("lost@delete#1.1", scenario).verdict == Verdict::stale_token);
}

TEST_CASE("messages are produced by their bodies, or with their options", "[sim][explore]") {
    std::vector<std::string> got;
    const Report report = explore({.faults = 0, .preemptions = 0}, [&](World& world) {
        got.clear();
        auto& queue = world.queue();
        auto& fifo = world.fifo_queue();
        auto& by_content = world.fifo_queue({.content_based_deduplication = true});
        world.produce(queue, {"a", "b"});
        world.produce(queue, std::vector<sqsim::SendMessageEntry<std::string>>{{"c", {.delay = 5s}}, {"d", {}}});
        world.produce(fifo, "g", {"e", "e"});
        world.produce(
            fifo, std::vector<sqsim::FifoSendMessageEntry<std::string>>{{"f", "h", {.message_deduplication_id = "1"}},
                                                                        {"g", "h", {.message_deduplication_id = "1"}}});
        world.produce(by_content, "g", {"h", "h"});
        const auto take = [&](const SimMessage& message) { got.emplace_back(message.body()); };
        world.consume(queue, take);
        world.consume(fifo, take);
        world.consume(by_content, take);
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(got == std::vector<std::string>{"a", "b", "d", "e", "e", "f", "h", "c"});
}

TEST_CASE("a scenario may run more than once", "[sim][explore]") {
    std::vector<std::string> got;
    const Report report = explore({.faults = 1}, [&](World& world) {
        got.clear();
        auto& queue = world.queue();
        int handled = 0;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            got.emplace_back(message.body());
            ++handled;
        });
        world.run();
        world.expect("handled", handled >= 1);
        const int before = handled;
        world.produce(queue, {"b"});
        world.run();
        world.expect("handled again", handled > before);
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(report.plans_run() > 20);
}

TEST_CASE("a consumer that polls and sleeps comes to rest", "[sim][explore]") {
    const Report report = explore({.faults = 1}, [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        int handled = 0;
        world.produce(queue, {"a", "b"});
        world.spawn("poller", [&] {
            while (true) {
                try {
                    if (const auto message = queue.receive_message()) {
                        ++handled;
                        queue.delete_message(message->receipt_handle());
                    } else {
                        sqsim::sim::sleep_for(12s);
                    }
                } catch (const sqsim::Error&) {
                    sqsim::sim::sleep_for(1s);
                }
            }
        });
        world.run();
        world.expect("handled", handled >= 2);
        world.expect(drained(queue));
    });
    INFO(report.headline());
    CHECK(report.ok());
}

TEST_CASE("the report of a scenario that holds says what is guaranteed", "[sim][explore]") {
    const Report report = explore({.faults = 1, .preemptions = 0, .name = "one"}, one_message);
    CHECK(report.headline() == "HOLDS one");
    CHECK(says(report, "every plan with up to 1 fault and 0 preemptions was run: "));
    CHECK(says(report, "not possible here: "));
    CHECK(says(report, "every history kept the contract of the service"));
    CHECK(report.minimal_faults() == -1);
    CHECK(report.replay_token().empty());
    CHECK(report.violation().empty());
}

TEST_CASE("a queue that nobody receives from may keep its messages", "[sim][explore]") {
    const auto report = sqsim::sim::explore({.faults = 1}, [](sqsim::sim::World& world) {
        auto& orders = world.queue({.name = "orders"});
        auto& shipments = world.queue({.name = "shipments"});
        world.produce(orders, {"a"});
        world.consume(orders, [&](const auto& message) { shipments.send_message(message.body()); });
        world.run();
        world.expect("something is shipped", shipments.counts().total() != 0);
    });
    INFO(report.to_string());
    CHECK(report.ok());
}
