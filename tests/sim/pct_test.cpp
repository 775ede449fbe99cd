// SPDX-License-Identifier: MIT

// Catches a sample whose schedules are not those of random priorities, that finds a race more rarely than its report
// says, or whose failure is no plan that replays.

#include "sim/sim_support.hpp"
#include "zoo/correct.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

/// Only schedules, no faults.
SampleOptions scheduled(int depth, std::size_t runs, std::uint64_t seed = 1) {
    SampleOptions options;
    options.runs = runs;
    options.seed = seed;
    options.offered = {};
    options.pct_depth = depth;
    return options;
}

/// Actors that take so many steps each and wait for nothing. `step(actor, number)` is called in each of them.
template <class Step>
void let_run(World& world, std::size_t actors, std::size_t steps, const Step& step) {
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, [](const SimMessage&) {});
    for (std::size_t actor = 0; actor < actors; ++actor) {
        world.spawn(std::string{"actor "} + std::to_string(actor), [&step, actor, steps] {
            for (std::size_t number = 0; number < steps; ++number) {
                if (number != 0) {
                    point("between");
                }
                step(actor, number);
            }
        });
    }
    world.run();
}

/// A race that happens if steps of two actors, `a` and `b`, come in a certain order.
struct Race {
    std::size_t depth;
    std::size_t actors;
    std::size_t steps;
    std::size_t a_at;  // its step with this number and the one after it
    std::size_t b_at;

    void operator()(World& world) const {
        std::string order;
        // Without preemptions the actors run in the order in which they were added: b after a.
        let_run(world, actors, steps, [&](std::size_t actor, std::size_t number) {
            if (actor == 0 && (number == a_at || number == a_at + 1)) {
                order += number == a_at ? "a" : "A";
            } else if (actor == 1 && (number == b_at || number == b_at + 1)) {
                order += number == b_at ? "b" : "B";
            }
        });
        switch (depth) {
        case 1:
            world.expect("a before b", order.find('a') < order.find('b'));
            break;
        case 2:
            world.expect("b not within a", !(order.find('a') < order.find('b') && order.find('b') < order.find('A')));
            break;
        default:
            world.expect("not in turns", order != "abAB");
        }
    }
};

/// How often a race was met, in all runs of several samples, and how often it should have been.
struct Rate {
    std::size_t failures = 0;
    std::size_t runs = 0;
    double one_in = 1e18;  // the best bound that a report has

    [[nodiscard]] bool keeps_its_bound() const {
        return static_cast<double>(failures) * one_in >= static_cast<double>(runs);
    }
};

template <class Options>
Rate rate_of(const Race& race, std::size_t samples, Options options) {
    Rate rate;
    for (std::uint64_t seed = 1; seed <= samples; ++seed) {
        const Report report = sample(options(seed), race);
        rate.runs += report.plans_run() - 1;
        rate.failures += report.verdict == Verdict::violated ? 1U : 0U;
        if (report.schedules && report.schedules->runs != 0) {
            rate.one_in = std::min(rate.one_in, report.schedules->one_in());
        }
    }
    return rate;
}

}  // namespace

TEST_CASE("without changes of priorities each actor runs to its end, in every order", "[sim][pct]") {
    std::map<std::string, int> orders;
    const Report report = sample(scheduled(1, 1'200), [&](World& world) {
        std::string order;
        let_run(world, 3, 3, [&](std::size_t actor, std::size_t) { order += static_cast<char>('a' + actor); });
        world.expect("the end", order.size() == 9);
        ++orders[order];
    });
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(orders.size() == 6);
    for (const auto& [order, count] : orders) {
        INFO(order);
        CHECK(std::set<char>(order.begin(), order.begin() + 3).size() == 1);
        CHECK(std::set<char>(order.begin() + 3, order.begin() + 6).size() == 1);
        CHECK(std::set<char>(order.begin() + 6, order.end()).size() == 1);
        CHECK(count > 140);  // 200 is the mean
        CHECK(count < 260);
    }
}

TEST_CASE("each change of priorities interrupts one actor", "[sim][pct]") {
    for (const int depth : {2, 3, 4}) {
        std::size_t most = 0;
        std::set<std::string> orders;
        const Report report = sample(scheduled(depth, 2'000), [&](World& world) {
            std::string order;
            let_run(world, 3, 4, [&](std::size_t actor, std::size_t) { order += static_cast<char>('a' + actor); });
            world.expect("the end", order.size() == 12);
            std::size_t switches = 0;
            for (std::size_t i = 1; i < order.size(); ++i) {
                switches += order[i] != order[i - 1] ? 1U : 0U;
            }
            most = std::max(most, switches);
            orders.insert(order);
        });
        CHECK(report.ok());
        CHECK(most == 2 + static_cast<std::size_t>(depth - 1));
        CHECK(orders.size() > 6);
    }
}

TEST_CASE("an actor that becomes ready goes on at once if its priority is higher", "[sim][pct]") {
    std::map<std::string, int> orders;
    const Report report = sample(scheduled(1, 300), [&](World& world) {
        auto& queue = world.queue();
        std::string order;
        world.spawn("receiver", [&] {
            for (const SimMessage& message : queue.receive_messages({.wait_time = 20s})) {
                order += "r";
                queue.delete_message(message.receipt_handle());
            }
        });
        world.spawn("sender", [&] {
            sqsim::sim::sleep_for(1s);
            order += "s";
            queue.send_message("a");
            order += "t";
            point("sent");
            order += "u";
        });
        world.run();
        world.expect("the end", order.size() == 4);
        ++orders[order];
    });
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(orders.size() == 2);
    CHECK(orders["srtu"] > 100);  // the send is a step, after which the receiver goes on
    CHECK(orders["stur"] > 100);
}

TEST_CASE("a race of depth 2 is met at least as often as the report says, at every place", "[sim][pct]") {
    for (std::size_t a_at = 0; a_at < 3; ++a_at) {
        for (std::size_t b_at = 0; b_at < 3; ++b_at) {
            const Race race{2, 3, 4, a_at, b_at};
            const Rate rate = rate_of(race, 100, [](std::uint64_t seed) { return scheduled(2, 200, seed); });
            INFO(a_at << " " << b_at << ": " << rate.failures << " of " << rate.runs << ", one in " << rate.one_in);
            CHECK(rate.failures > 50);
            CHECK(rate.keeps_its_bound());
        }
    }
}

TEST_CASE("a race of depth 1 is met at least as often as the report says", "[sim][pct]") {
    const Rate first = rate_of({1, 3, 2, 0, 0}, 100, [](std::uint64_t seed) { return scheduled(1, 50, seed); });
    INFO(first.failures << " of " << first.runs << ", one in " << first.one_in);
    CHECK(first.failures > 90);
    CHECK(first.keeps_its_bound());
}

TEST_CASE("a race of depth 3 is met at least as often as the report says", "[sim][pct]") {
    for (const Race& race : {Race{3, 2, 3, 0, 0}, Race{3, 2, 3, 1, 0}, Race{3, 2, 3, 0, 1}, Race{3, 3, 3, 1, 1}}) {
        const Rate rate = rate_of(race, 100, [](std::uint64_t seed) { return scheduled(3, 1'000, seed); });
        INFO(rate.failures << " of " << rate.runs << ", one in " << rate.one_in);
        CHECK(rate.failures > 30);
        CHECK(rate.keeps_its_bound());
    }
}

TEST_CASE("a race of some depth is not met with one change of priorities less, nor without any", "[sim][pct]") {
    CHECK(sample(scheduled(1, 500), Race{2, 3, 4, 1, 1}).ok());
    CHECK(sample(scheduled(2, 500), Race{3, 3, 4, 1, 1}).ok());
    const Rate in_order = rate_of({2, 3, 4, 1, 1}, 20, [](std::uint64_t seed) {
        SampleOptions options = scheduled(2, 200, seed);
        options.pct_depth = std::nullopt;
        return options;
    });
    CHECK_FALSE(in_order.keeps_its_bound());
}

TEST_CASE("the report of a sample with priorities says what it guarantees", "[sim][pct]") {
    const auto scenario = [](World& world) {
        let_run(world, 2, 5, [](std::size_t, std::size_t) {});
        world.expect("the end", true);
    };
    const Report report = sample(scheduled(2, 400), scenario);
    INFO(report.to_string());
    REQUIRE(report.schedules);
    CHECK(report.schedules->depth == 2);
    CHECK(report.schedules->actors == 3);
    CHECK(report.schedules->runs > 300);
    CHECK(report.schedules->runs < 400);  // the first one measures
    const std::size_t steps = report.schedules->steps;
    // Up to its last turn: 2 * (the start, 4 points, the end), and start, receive, both sides of the delete, the wait.
    CHECK(steps == 16 + 16 / 4);
    CHECK(report.schedules->one_in() == static_cast<double>(3 * steps));
    const std::string text = report.to_string();
    CHECK(text.find(std::to_string(report.schedules->runs) +
                    " of them had no fault, and random priorities that change once: each finds a bug of depth 2 that "
                    "shows within " +
                    std::to_string(steps) + " steps of 3 actors with a probability of at least 1/" +
                    std::to_string(3 * steps) + "; ") != std::string::npos);
    // (1 - 1/n)^m = 0.001
    const auto needed = static_cast<std::size_t>(report.schedules->runs_needed());
    CHECK(needed > 6 * 3 * steps);
    CHECK(needed < 7 * 3 * steps);
    CHECK(text.find(std::to_string(needed) + " such runs find it with 99.9 %") != std::string::npos);
    CHECK_FALSE(sample({.runs = 10}, scenario).schedules);
}

TEST_CASE("a bound that nobody can reach is told, too", "[sim][pct]") {
    using sqsim::sim::detail::schedule_text;
    CHECK(schedule_text({9, 9, 1'000, 5}).find("at least 1/10^25;") != std::string::npos);
    CHECK(ScheduleBound{1, 1, 0, 5}.runs_needed() == 1);
    CHECK(ScheduleBound{1, 2, 0, 5}.runs_needed() == 10);
    CHECK(schedule_text({1, 2, 7, 5}).find("that change 0 times") != std::string::npos);
}

TEST_CASE("a race that random priorities find is a plan that replays, made as small as it can be", "[sim][pct]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        const Race race{2, 3, 4, 1, 1};
        const Report report = sample(scheduled(2, 2'000, seed), race);
        INFO(report.to_string());
        REQUIRE(report.verdict == Verdict::violated);
        CHECK(report.plan.size() == 1);
        CHECK(report.minimal_faults() == 0);
        CHECK(report.to_string().find("minimal plan: 1 preemption") != std::string::npos);
        CHECK(replay(report.replay_token(), race).violation() == report.violation());
    }
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const Race race{3, 3, 3, 1, 0};
        const Report report = sample(scheduled(3, 5'000, seed), race);
        INFO(report.to_string());
        REQUIRE(report.verdict == Verdict::violated);
        CHECK(report.plan.size() <= 2);
        CHECK(replay(report.replay_token(), race).violation() == report.violation());
    }
}

TEST_CASE("who goes on where nobody is preempted is part of a plan, too", "[sim][pct]") {
    // They are ready at the same time, and take one step.
    const auto scenario = [](World& world) {
        auto& queue = world.queue();
        std::string order;
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        for (const char* const name : {"a", "b", "c"}) {
            world.spawn(name, [&order, name] { order += name; });
        }
        world.run();
        world.expect("c is not first", order.front() != 'c');
    };
    const Report report = sample(scheduled(1, 100), scenario);
    INFO(report.to_string());
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(report.plan.size() == 1);
    const Report again = replay(report.replay_token(), scenario);
    INFO(again.to_string());
    CHECK(again.violation() == report.violation());
    CHECK(replay("preempt3@next-actor.1", scenario).verdict == Verdict::violated);
    CHECK(replay("preempt2@next-actor.1", scenario).verdict == Verdict::holds);
    CHECK(replay("preempt9@next-actor.1", scenario).verdict == Verdict::stale_token);
}

TEST_CASE("code that asks again and again does not keep the others from going on", "[sim][pct]") {
    for (const int depth : {1, 2, 3}) {
        const Report report = sample(scheduled(depth, 200), [](World& world) {
            auto& queue = world.queue({.name = "work"});
            auto& other = world.queue({.name = "other"});
            bool is_done = false;
            world.produce(queue, {"a"});
            world.consume(queue, [&](const SimMessage&) {
                point("working");
                is_done = true;
            });
            for (const char* const name : {"one", "two"}) {
                world.spawn(name, [&]() -> Coroutine {
                    while (!is_done) {
                        co_await std::suspend_always{};
                    }
                });
            }
            world.spawn("polls", [&] {
                while (!is_done) {
                    static_cast<void>(other.receive_messages({.wait_time = 0s}));
                }
            });
            world.run();
            world.expect("done", is_done);
        });
        INFO(report.to_string());
        CHECK(report.verdict == Verdict::holds);
    }
}

TEST_CASE("no correct consumer of the zoo is accused for any priorities", "[sim][pct]") {
    for (const zoo::TameAnimal& animal : zoo::correct) {
        for (const bool has_faults : {false, true}) {
            SampleOptions options = scheduled(3, 100);
            options.name = animal.name;
            options.offered = has_faults ? Faults::default_faults() : Faults{};
            options.maximum_faults = 2;
            const Report report = sample(options, animal.scenario);
            INFO(report.to_string());
            CHECK(report.verdict != Verdict::violated);
        }
    }
}

TEST_CASE("priorities and faults go together, and every other run is without faults", "[sim][pct]") {
    // Charges twice if a delivery comes again, which needs a fault.
    std::size_t quiet = 0;
    const auto scenario = [&](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::set<std::string> charged;
        world.produce(queue, {"a", "b"});
        world.consume(queue,
                      [&](const SimMessage& message) {
                          charged.emplace(message.body());
                          point("charged");
                      },
                      {.consumers = 2});
        world.run();
        std::size_t deliveries = 0;
        for (const Operation& operation : world.history().operations) {
            deliveries += operation.action == Action::delivery ? 1 : 0;
        }
        quiet += deliveries == 2 ? 1U : 0U;
        world.expect("both", charged.size() == 2);
        world.expect(drained(queue));
    };
    SampleOptions options = scheduled(2, 400);
    options.offered = {Fault::crash, Fault::lose_delete};
    options.kind_probability = options.fault_probability = 1;
    options.maximum_faults = 3;
    const Report report = sample(options, scenario);
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(quiet == 1 + 200);
    CHECK(report.total_faults > 300);
    REQUIRE(report.schedules);
    CHECK(report.schedules->runs > 100);
    CHECK(report.schedules->runs < 200);
    CHECK(sample(options, scenario).history_hash == report.history_hash);
    options.seed = 2;
    CHECK(sample(options, scenario).history_hash != report.history_hash);
}

TEST_CASE("a failure that needs a fault and a schedule is found and replays", "[sim][pct]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::string last;
        std::size_t twice = 0;
        world.produce(queue, {"a", "b"});
        world.consume(queue,
                      [&](const SimMessage& message) {
                          const std::string before = last;
                          point("read");
                          twice += before != last && message.approximate_receive_count() > 1 ? 1U : 0U;
                          last = message.body();
                          point("written");
                      },
                      {.consumers = 2});
        world.run();
        world.expect("nobody comes between a second time", twice == 0);
    };
    SampleOptions options;
    options.runs = 3'000;
    options.pct_depth = 2;
    options.kind_probability = 0.3;
    const Report report = sample(options, scenario);
    INFO(report.to_string());
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(report.plan.size() <= 2);
    CHECK(replay(report.replay_token(), scenario).violation() == report.violation());
}
