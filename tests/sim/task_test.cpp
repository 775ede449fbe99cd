// SPDX-License-Identifier: MIT

// Catches coroutine consumers that do not take turns, or whose crashes are not like those of ordinary code.

#include "catch.hpp"

#include "sqsim/sim/explore.hpp"

#include <coroutine>
#include <map>
#include <string>
#include <vector>

namespace {

namespace sim = sqsim::sim;

TEST_CASE("two coroutines take turns wherever they suspend themselves", "[sim][task]") {
    std::vector<std::string> order;
    const auto report = sim::explore({.faults = 0, .preemptions = 0}, [&](sim::World& world) {
        order.clear();
        const auto counts = [&](std::string name) -> sim::Task {
            for (int i = 1; i <= 2; ++i) {
                order.push_back(name + std::to_string(i));
                co_await std::suspend_always{};
            }
        };
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const auto&) {});
        world.spawn("left", [&] { return counts("left "); });
        world.spawn("right", [&] { return counts("right "); });
        world.run();
        world.expect("both end", order.size() == 4);
    });
    CHECK(report.ok());
    CHECK(order == std::vector<std::string>{"left 1", "right 1", "left 2", "right 2"});
}

/// Asks, suspends itself, and only then notes: another may ask meanwhile.
sim::Task check_then_act(sim::SimQueue& queue, std::map<std::string, int>& paid) {
    while (const auto message = queue.receive_message({.wait_time = std::chrono::seconds{20}})) {
        const std::string order{message->body()};
        const bool is_paid = paid.contains(order);
        co_await std::suspend_always{};
        if (!is_paid) {
            ++paid[order];
        }
        queue.delete_message(message->receipt_handle());
    }
}

sim::Report explore_race(int faults) {
    return sim::explore({.faults = faults}, [](sim::World& world) {
        std::map<std::string, int> paid;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        for (const auto* name : {"left", "right"}) {
            world.spawn(name, [&] { return check_then_act(queue, paid); });
        }
        world.run();
        world.expect(sim::once_per_key(paid));
    });
}

TEST_CASE("a race between two coroutines is found", "[sim][task]") {
    const auto report = explore_race(1);
    CHECK(report.verdict == sim::Verdict::violated);
    CHECK(report.minimal_faults() == 1);
    CHECK(explore_race(0).ok());
}

TEST_CASE("a coroutine crashes where it is suspended, and begins anew", "[sim][task]") {
    const auto scenario = [](sim::World& world) {
        int begun = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const auto&) {});
        world.spawn("task", [&]() -> sim::Task {
            ++begun;
            co_await std::suspend_always{};
        });
        world.run();
        world.expect("it begins once", begun == 1);
    };
    CHECK(sim::replay("crash@await.1", scenario).verdict == sim::Verdict::violated);
    CHECK(sim::replay("none", scenario).ok());
}

}  // namespace
