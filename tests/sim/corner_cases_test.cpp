// SPDX-License-Identifier: MIT

// Catches an exploration that is wrong in a corner: at the edge of an outage, of a token, of rest, of a second run.

#include "sim/sim_support.hpp"

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>

namespace {

using namespace simulated;

using Keys = std::set<std::string>;

ExploreOptions one_fault(Faults offered = Faults::default_faults()) {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = offered;
    return options;
}

/// Remembers for an hour what it has charged; whether it has a point afterwards.
std::function<void(World&)> remember_for_an_hour(bool has_point) {
    return [has_point](World& world) {
        std::map<std::string, int> charged;
        std::map<std::string, sqsim::ManualClock::time_point> remembered;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            const std::string key{message.body()};
            const auto now = world.clock().now();
            if (!remembered.contains(key) || now - remembered[key] >= 1h) {
                remembered[key] = now;
                ++charged[key];
            }
            if (has_point) {
                point("charged");
            }
        });
        world.run();
        world.expect(once_per_key(charged));
    };
}

/// How many answers a free choice got in an exploration, and what its verdict was.
struct Answers {
    std::set<std::string> seen{};
    Report report{};
};

Answers explore_answers(const ExploreOptions& options) {
    Answers answers;
    answers.report = explore(options, [&answers](World& world) {
        std::string text;
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.consume(queue, [&](const SimMessage&) {
            text += std::to_string(choose("provider answers", {"paid", "declined", "pending"}));
        });
        world.run();
        world.expect(drained(queue));
        answers.seen.insert(text);
    });
    return answers;
}

}  // namespace

TEST_CASE("the token of an outage is replayed as it was explored", "[sim][corner]") {
    const auto scenario = remember_for_an_hour(true);
    const Report report = explore(one_fault(Fault::outage), scenario);
    INFO(report.to_string());
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(replay(report.token, scenario).violation() == report.violation());
}

TEST_CASE("an outage between the end of a handler and its delete is found", "[sim][corner]") {
    const Report report = explore(one_fault(), remember_for_an_hour(false));
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
}

TEST_CASE("a free choice takes every alternative, in every combination", "[sim][corner]") {
    ExploreOptions options = one_fault({Fault::free_choice});
    options.faults = 0;
    const Answers all = explore_answers(options);
    INFO(all.report.to_string());
    CHECK(all.report.verdict == Verdict::holds);
    CHECK(all.seen == std::set<std::string>{"00", "01", "02", "10", "11", "12", "20", "21", "22"});
    options.choices = 1;
    CHECK(explore_answers(options).seen == std::set<std::string>{"00", "01", "02", "10", "20"});
    options.choices = 0;
    CHECK(explore_answers(options).seen == std::set<std::string>{"00"});
}

TEST_CASE("a clock that is wrong is replayed", "[sim][corner]") {
    const auto scenario = [](World& world) {
        bool is_early = false;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) { is_early = is_early || clock_error() < 0s; });
        world.run();
        world.expect("never early", !is_early);
    };
    const Report report = explore(one_fault(Fault::clock_behind), scenario);
    REQUIRE(report.token == "behind@clock#1.1");
    CHECK(replay(report.token, scenario).violation() == report.violation());
}

TEST_CASE("a point that has the name of a site of the simulation is replayed", "[sim][corner]") {
    for (const std::string name : {"work", "receive", "sleep"}) {
        const auto scenario = [&name](World& world) {
            int begun = 0;
            auto& queue = world.queue();
            world.produce(queue, {"a"});
            world.consume(queue, [&](const SimMessage&) {
                ++begun;
                point(name);
            });
            world.run();
            world.expect("begun once", begun == 1);
        };
        ExploreOptions options = one_fault(Fault::crash);
        const Report report = explore(options, scenario);
        INFO(report.to_string());
        REQUIRE(report.verdict == Verdict::violated);
        // The call of the simulation that has the name comes before the point.
        const std::uint32_t visit = name == "receive" ? 2 : 1;
        CHECK(replay("crash@" + name + "#1." + std::to_string(visit), scenario).violation() == report.violation());
    }
}

TEST_CASE("two faults at a point whose name is shortened are replayed", "[sim][corner]") {
    const auto scenario = [](World& world) {
        int failures = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) { failures += fails("db timeout") ? 1 : 0; });
        world.produce(queue, {"b"});
        world.run();
        world.expect("at most one failure", failures < 2);
    };
    ExploreOptions options = one_fault(Fault::call_fails);
    options.faults = 2;
    const Report report = explore(options, scenario);
    INFO(report.to_string());
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(replay(report.token, scenario).violation() == report.violation());
}

TEST_CASE("a stale token is reported as it was given", "[sim][corner]") {
    const std::string token = to_token({{"crash", 0, "never there", 1, false, 1}});
    const Report report = replay(token, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect(drained(queue));
    });
    CHECK(report.verdict == Verdict::stale_token);
    CHECK(report.problem == "\"" + token + "\": the execution never reached " + token);
}

TEST_CASE("a loop that looks after its dead letters when it has nothing else to do is right", "[sim][corner]") {
    const Report report = explore(one_fault(), [](World& world) {
        Keys settled;
        auto& dead = world.fifo_queue({.name = "dead.fifo"});
        auto& queue = world.fifo_queue({.name = "orders.fifo"});
        queue.set_redrive_policy({dead, 1});
        world.produce(queue, "group", {"a"});
        world.spawn("worker", [&](std::stop_token stop) {
            while (!stop.stop_requested()) {
                try {
                    auto* from = &queue;
                    auto message = from->receive_message({.wait_time = 20s}, stop);
                    if (!message) {
                        from = &dead;
                        message = from->receive_message({}, stop);
                    }
                    if (message) {
                        settled.insert(std::string{message->body()});
                        from->delete_message(message->receipt_handle());
                    }
                } catch (const sqsim::Error&) {  // asks again
                }
            }
        });
        world.run();
        world.expect("settled", settled == Keys{"a"});
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("a loop of short polls of a queue and its dead-letter queue is right", "[sim][corner]") {
    const Report report = explore(one_fault(), [](World& world) {
        Keys settled;
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders"});
        queue.set_redrive_policy({dead, 1});
        world.produce(queue, {"a"});
        world.spawn("worker", [&](std::stop_token stop) {
            while (!stop.stop_requested()) {
                for (auto* from : {&queue, &dead}) {
                    try {
                        if (const auto message = from->receive_message({}, stop)) {
                            settled.insert(std::string{message->body()});
                            from->delete_message(message->receipt_handle());
                        } else {
                            sleep_for(1s);
                        }
                    } catch (const sqsim::Error&) {  // asks again
                    }
                }
            }
        });
        world.run();
        world.expect("settled", settled == Keys{"a"});
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("a process with a heartbeat that beats for ever comes to rest", "[sim][corner]") {
    ExploreOptions options = one_fault();
    options.faults = 0;
    const Report report = explore(options, [](World& world) {
        Keys done;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.process("worker", [] { return std::optional<SimMessage>{}; },
                      {{"handler",
                        [&](std::optional<SimMessage>& under_way) {
                            for (;;) {
                                under_way = queue.receive_message({.wait_time = 20s});
                                if (under_way) {
                                    sleep_for(50s);
                                    done.insert(std::string{under_way->body()});
                                    queue.delete_message(under_way->receipt_handle());
                                    under_way.reset();
                                }
                            }
                        }},
                       {"heartbeat", [&](std::optional<SimMessage>& under_way) {
                            for (;;) {
                                sleep_for(20s);
                                if (under_way) {
                                    queue.change_message_visibility(under_way->receipt_handle(), 30s);
                                }
                            }
                        }}});
        world.run();
        world.expect("done", done == Keys{"a"});
    });
    INFO(report.headline());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("who has left for good stays away after an outage", "[sim][corner]") {
    const Report report = explore(one_fault(Fault::outage), [](World& world) {
        int migrations = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.spawn("migration", [&] { ++migrations; });
        world.consume(queue, [](const SimMessage&) { point("held"); });
        world.run();
        world.expect("migrated once", migrations == 1);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("a sample finds what a destructor hides, or says that it did not look", "[sim][corner]") {
    const Report report = sample({}, hide_in_destructor);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.notes.only_abandoned);
}

TEST_CASE("the time of a late delivery does not count against settling", "[sim][corner]") {
    ReplayOptions options;
    options.offered = Faults::default_faults();
    const Report report = replay("late-visibility@send#1.1", options, [](World& world) {
        auto& queue = world.queue();
        world.settles_within(1min);
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("a message that is deleted after the time to settle is a violation", "[sim][corner]") {
    const Report report = replay("none", [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 1h});
        world.settles_within(5min);
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { sleep_for(10min); });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
}

TEST_CASE("the memory of a process is new in a second run", "[sim][corner]") {
    const Report report = replay("none", [](World& world) {
        int made = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.process("worker", [&] { return ++made; },
                      {{"receiver", [&](int&) {
                            for (;;) {
                                for (const SimMessage& message : queue.receive_messages({.wait_time = 20s})) {
                                    queue.delete_message(message.receipt_handle());
                                }
                            }
                        }}});
        world.run();
        world.produce(queue, {"b"});
        world.run();
        world.expect_equal("made", made, 2);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
}

TEST_CASE("a regression whose plan is not deterministic any more is reported", "[sim][corner]") {
    ExploreOptions options = one_fault({});
    options.faults = 0;
    options.regressions = {"none"};
    int runs = 0;
    const Report report = explore(options, [&runs](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect("not the first time", ++runs != 1);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
}

TEST_CASE("a consumer that stands still with its first message is waited for", "[sim][corner]") {
    // Its look before found nothing. When it goes on, another one has done the work.
    const Report report = explore(one_fault(Fault::stall), [](World& world) {
        std::map<std::string, int> charged;
        std::set<std::string> done;
        auto& queue = world.queue({.visibility_timeout = 30s, .delay = 10s});
        world.produce(queue, {"a"});
        world.consume(queue,
                      [&](const SimMessage& message) {
                          const std::string key{message.body()};
                          if (!done.insert(key).second) {
                              return;
                          }
                          ++charged[key];
                          queue.delete_message(message.receipt_handle());
                          done.erase(key);
                      },
                      {.consumers = 2});
        world.run();
        world.expect(drained(queue));
        world.expect(once_per_key(charged));
    });
    INFO(report.to_string());
    CHECK(report.replay_token() == "stall@received#1.1");
}

TEST_CASE("a queue without limits keeps the contract, although its receives wait without an end", "[sim]") {
    std::size_t most = 0;
    const Report report = explore(one_fault(), [&](World& world) {
        auto& queue = world.queue({.limits = sqsim::Limits::none()});
        world.produce(queue, {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"});
        world.consume(queue, [&](std::span<const SimMessage> messages) { most = std::max(most, messages.size()); },
                      {.max_number_of_messages = 20});
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(most == 13);  // one was sent twice
}

template <class Options>
Options without_an_end() {
    constexpr auto forever = std::chrono::nanoseconds::max();
    Options options;
    options.visibility_timeout = forever;
    options.message_retention_period = forever;
    options.receive_message_wait_time = forever;
    options.limits = sqsim::Limits::none();
    if constexpr (requires { options.deduplication_interval; }) {
        options.deduplication_interval = forever;
    }
    return options;
}

/// A consumer that keeps what it receives for ever.
void keep_all(World& world, auto& queue) {
    world.consume(queue, [&](const SimMessage& message) {
        queue.change_message_visibility(message.receipt_handle(), std::chrono::nanoseconds::max());
    });
    world.run();
    world.expect(drained(queue));
}

TEST_CASE("times without an end overflow nowhere, and a lost answer of an endless lease is a violation", "[sim]") {
    const Report standard = explore(one_fault(Faults::all()), [](World& world) {
        auto& queue = world.queue(without_an_end<QueueOptions>());
        world.produce(queue, {"a", "b"});
        keep_all(world, queue);
    });
    INFO(standard.to_string());
    CHECK(standard.replay_token() == "lost@received#1.1");

    const Report fifo = explore(one_fault(Faults::all()), [](World& world) {
        auto& queue = world.fifo_queue(without_an_end<FifoQueueOptions>());
        world.produce(queue, "group", {"a", "b"});
        keep_all(world, queue);
    });
    INFO(fifo.to_string());
    CHECK(fifo.replay_token() == "lost@received#1.1");

    const Report without_loss =
        explore(one_fault(Faults{Fault::stall, Fault::empty_receive, Fault::resend, Fault::resend_in_window,
                                 Fault::resend_after_window, Fault::retention_ends, Fault::late_visibility}),
                [](World& world) {
                    auto& queue = world.queue(without_an_end<QueueOptions>());
                    world.produce(queue, {"a", "b"});
                    keep_all(world, queue);
                });
    INFO(without_loss.to_string());
    CHECK(without_loss.ok());
}
