// SPDX-License-Identifier: MIT

// What it costs to explore: three messages, two consumers, every run with its history checked; and what `sim::point`
// costs a program that is not simulated.

#include "harness.hpp"

#include <sqsim/ids.hpp>
#include <sqsim/sim/explore.hpp>

#include <benchmark/benchmark.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

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

/// The same, but what is paid twice is paid twice.
void add_up(sqsim::sim::World& world) {
    std::map<std::string, int> paid;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b", "c"});
    world.consume(orders, [&](const auto& message) { ++paid[std::string{message.body()}]; }, {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(paid);
}

/// Bytes that make `add_up` fail.
[[nodiscard]] std::vector<std::vector<std::uint8_t>> failing_bytes(std::size_t count) {
    std::vector<std::vector<std::uint8_t>> result;
    for (std::uint64_t seed = 1; result.size() < count; ++seed) {
        std::vector<std::uint8_t> bytes;
        for (std::uint64_t i = 0; i < 200; ++i) {
            const std::uint64_t random = sqsim::detail::mix64(seed << 32 | i);
            bytes.push_back(random % 4 == 0 ? static_cast<std::uint8_t>(random >> 8) : std::uint8_t{0});
        }
        if (!sqsim::sim::run_bytes(bytes, add_up).ok()) {
            result.push_back(std::move(bytes));
        }
    }
    return result;
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

[[maybe_unused]] const bool shrink = add("sim/shrink", {}, [](benchmark::State& state) {
    const auto failing = failing_bytes(quick() ? 1 : 25);
    take_turns(state, 9, failing.size(),
               [&] {
                   for (const auto& bytes : failing) {
                       benchmark::DoNotOptimize(sqsim::sim::run_bytes(bytes, add_up).shrink_runs);
                   }
               },
               {});
});

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
