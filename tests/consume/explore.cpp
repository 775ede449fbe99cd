// SPDX-License-Identifier: MIT

#include <sqsim/sim/explore.hpp>

// What a consumer of the compiled library sees: a broken handler fails.
int main() {
    const sqsim::sim::Report report = sqsim::sim::explore({.faults = 1}, [](sqsim::sim::World& world) {
        int charged = 0;
        auto& orders = world.queue();
        world.produce(orders, {"order"});
        world.consume(orders, [&](const sqsim::sim::SimMessage&) { ++charged; });
        world.run();
        world.expect("charged once", charged == 1);
    });
    return SQSIM_COMPILED_EXPLORE == 1 && report.verdict == sqsim::sim::Verdict::violated ? 0 : 1;
}
