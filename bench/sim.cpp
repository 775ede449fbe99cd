// SPDX-License-Identifier: MIT

// What it costs to explore: three messages, two consumers, every run with its history checked; and what `sim::point`
// costs a program that is not simulated.

#include "harness.hpp"

#include <sqsim/sim/explore.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <map>
#include <string>

namespace bench {
namespace {

void upsert(sqsim::sim::World& world) {
    std::map<std::string, int> paid;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b", "c"});
    world.consume(orders, [&](const auto& message) { paid[std::string{message.body()}] = 1; }, {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(paid);
}

/// Whether there is a world is looked up each time.
void mark_a_place() {
    sqsim::sim::point("paid");
    benchmark::ClobberMemory();
}

void explore(benchmark::State& state, int faults, bool counts_runs) {
    bool holds = true;
    std::size_t plans = 0;
    const auto once = [&] {
        const sqsim::sim::Report report = sqsim::sim::explore({.faults = faults, .preemptions = 0}, upsert);
        holds = report.ok() && holds;
        plans = report.plans_run();
    };
    once();  // how many there are
    take_turns(state, 9, counts_runs ? plans : 1, once, {});
    if (!holds) {
        state.SkipWithError("the consumer is accused");
    }
}

[[maybe_unused]] const bool runs =
    add("sim/run", {}, [](benchmark::State& state) { explore(state, quick() ? 1 : 2, true); });
[[maybe_unused]] const bool two =
    add("sim/explore/2", {}, [](benchmark::State& state) { explore(state, quick() ? 1 : 2, false); });
[[maybe_unused]] const bool three =
    add("sim/explore/3", {}, [](benchmark::State& state) { explore(state, quick() ? 1 : 3, false); });

[[maybe_unused]] const bool point = add("sim/point", {}, [](benchmark::State& state) {
    const std::size_t times = quick() ? 1'000 : 10'000'000;
    take_turns(state, 9, times,
               [&] {
                   for (std::size_t i = 0; i < times; i += 4) {
                       mark_a_place();
                       mark_a_place();
                       mark_a_place();
                       mark_a_place();
                   }
               },
               {});
});

}  // namespace
}  // namespace bench
