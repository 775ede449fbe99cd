// SPDX-License-Identifier: MIT

// Catches a reduction that leaves out a plan which fails, or that leaves out nothing; and an explanation that names the
// wrong step.

#include "sim/sim_support.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace simulated;

struct Shop {
    std::map<std::string, int> charged{};
    std::set<std::string> noted{};
};

/// A consumer with many points, of which few change anything. Right or wrong by the order of its two writes.
void many_points(World& world, bool is_right, std::set<std::string>* ends = nullptr) {
    Shop shop;
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    world.state([&] { return std::pair{shop.charged, shop.noted}; });
    world.consume(queue, [&](const SimMessage& message) {
        const std::string key{message.body()};
        point("looks");
        const bool is_known = shop.noted.contains(key);
        point("knows");
        point("thinks");
        if (is_known) {
            return;
        }
        if (is_right) {
            shop.charged.try_emplace(key, 1);
        } else {
            ++shop.charged[key];
        }
        point("charged");
        point("writes");
        shop.noted.insert(key);
        point("noted");
        point("done");
    });
    world.run();
    world.expect(drained(queue));
    world.expect(once_per_key(shop.charged));
    if (ends != nullptr) {
        ends->insert(state_text(shop.charged) + state_text(shop.noted));
    }
}

}  // namespace

TEST_CASE("a process that leaves the same behind is ended once", "[sim][reduction]") {
    for (const int faults : {1, 2}) {
        std::set<std::string> ends_with;
        std::set<std::string> ends_without;
        ExploreOptions options{.faults = faults, .preemptions = 1};
        const Report with = explore(options, [&](World& world) { many_points(world, true, &ends_with); });
        options.reduce_by_state = false;
        const Report without = explore(options, [&](World& world) { many_points(world, true, &ends_without); });
        INFO(with.to_string());
        CHECK(with.ok());
        CHECK(without.ok());
        CHECK(with.covered > 0);
        CHECK(without.covered == 0);
        CHECK(with.plans_run() < without.plans_run());
        CHECK(with.plans_run() + with.covered <= without.plans_run());
        CHECK(ends_with == ends_without);
        CHECK(with.to_string().find("more covered by them") != std::string::npos);
    }
}

TEST_CASE("a reduction finds what is found without it, and no larger plan", "[sim][reduction]") {
    ExploreOptions options{.faults = 2, .preemptions = 1};
    for (const Faults offered : {Faults::default_faults(), Faults{Fault::crash}, Faults{Fault::outage}}) {
        options.offered = offered;
        options.reduce_by_state = true;
        const Report with = explore(options, [](World& world) { many_points(world, false); });
        options.reduce_by_state = false;
        const Report without = explore(options, [](World& world) { many_points(world, false); });
        INFO(with.to_string());
        CHECK(with.violation() == without.violation());
        CHECK(with.minimal_faults() == 1);
        CHECK(with.minimal_faults() == without.minimal_faults());
        // The first of the sites that leave the same behind stands for the others.
        CHECK(replay(with.replay_token(), [](World& world) { many_points(world, false); }).violation() ==
              with.violation());
    }
}

TEST_CASE("a token of a plan that an exploration leaves out is replayed all the same", "[sim][reduction]") {
    const Report report = replay("crash@thinks#1.1", [](World& world) { many_points(world, true); });
    INFO(report.to_string());
    CHECK(report.ok());
}

TEST_CASE("state that changes without a queue is seen", "[sim][reduction]") {
    // Two writes with nothing but points between them: each end of the process leaves something else behind.
    const Report report = explore({.faults = 1, .preemptions = 0, .offered = {Fault::crash}}, [](World& world) {
        int first = 0;
        int second = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.state([&] { return std::pair{first, second}; });
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() > 1) {
                return;
            }
            ++first;
            point("between");
            ++second;
        });
        world.run();
        world.expect("both or none", first == second);
    });
    CHECK(report.replay_token() == "crash@between#1.1");
}

TEST_CASE("a report says from which step on the violation was inevitable", "[sim][explanation]") {
    const auto scenario = [](World& world) {
        std::map<std::string, int> charged;
        std::set<std::string> noted;
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue,
                      [&](const SimMessage& message) {
                          const std::string key{message.body()};
                          point("looks");
                          if (noted.contains(key)) {
                              return;
                          }
                          ++charged[key];
                          point("charged");
                          noted.insert(key);
                      },
                      {.consumers = 2});
        world.run();
        world.expect(once_per_key(charged));
    };
    // Another crash before the second look only repeats it.
    const Report crashes = explore({.faults = 1, .offered = {Fault::crash}}, scenario);
    INFO(crashes.to_string());
    REQUIRE(crashes.verdict == Verdict::violated);
    REQUIRE(crashes.inevitable_from != 0);
    CHECK(!crashes.timeline.steps[crashes.inevitable_from - 1].fault.empty());
    CHECK(crashes.to_string().find("inevitable from here on: 0.000 consumer 1: point charged") != std::string::npos);

    // The first consumer goes on just after its lease. If it went first then, the second would find the note.
    const Report stalls = explore({.faults = 1, .offered = {Fault::stall}}, scenario);
    INFO(stalls.to_string());
    REQUIRE(stalls.inevitable_from != 0);
    const TimelineStep& step = stalls.timeline.steps[stalls.inevitable_from - 1];
    CHECK(step.at == 30s);
    CHECK(step.text == "point charged");
}

TEST_CASE("a free choice that saves the execution, or a crash within a sleep, is where the inevitable begins",
          "[sim][explanation]") {
    const auto scenario = [](World& world) {
        int half_done = 0;
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                ++half_done;
                sleep_for(10s);
                --half_done;
            } else if (choose("rescue", {"no", "yes"}) == 1) {
                half_done = 0;
            }
        });
        world.run();
        world.expect("done", half_done == 0);
    };
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::crash, Fault::free_choice};
    const Report report = explore(options, scenario);
    INFO(report.to_string());
    CHECK(report.replay_token() == "crash@sleep#1.1");
    REQUIRE(report.inevitable_from != 0);
    CHECK(report.timeline.steps[report.inevitable_from - 1].text == "rescue: no");

    options.offered = {Fault::crash};
    const Report hopeless = explore(options, scenario);
    INFO(hopeless.to_string());
    REQUIRE(hopeless.inevitable_from != 0);
    CHECK(hopeless.timeline.steps[hopeless.inevitable_from - 1].text == "sleep");
}
