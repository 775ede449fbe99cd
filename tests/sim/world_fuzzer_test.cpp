// SPDX-License-Identifier: MIT

// Catches a random world, of which nobody expects anything, that ends with the simulation accusing itself, with an
// exception, or differently when it is run again. Each test takes some seconds; the
// program sqsim_fuzz_worlds tries as many worlds as one likes.

#include "sim/sim_support.hpp"
#include "sim/world_fuzzer.hpp"

#include <cstdint>
#include <string>

namespace {

using world_fuzzer::draw_world;
using world_fuzzer::Judged;
using world_fuzzer::WorldPlan;

/// Judges so many worlds, every twentieth of them twice. tests/soak/worlds.cpp judges as many as one likes.
void check_worlds(std::uint64_t first) {
    for (std::uint64_t seed = first; seed < first + 100; ++seed) {
        const WorldPlan plan = draw_world(seed);
        INFO(to_text(plan));
        const Judged judged = world_fuzzer::judge(plan);
        if (const simulated::Report* const accusation = judged.accusation()) {
            FAIL_CHECK(accusation->problem << "\ntoken: " << accusation->replay_token());
        }
        if (seed % 20 == 0) {
            CHECK(judged == world_fuzzer::judge(plan));
        }
    }
}

}  // namespace

// A hundred worlds each, so that they run side by side.
TEST_CASE("the simulation keeps the contract in the first hundred random worlds", "[sim][fuzz]") { check_worlds(0); }

TEST_CASE("the simulation keeps the contract in the second hundred random worlds", "[sim][fuzz]") { check_worlds(100); }

TEST_CASE("the simulation keeps the contract in the third hundred random worlds", "[sim][fuzz]") { check_worlds(200); }

TEST_CASE("the simulation keeps the contract in the fourth hundred random worlds", "[sim][fuzz]") { check_worlds(300); }

TEST_CASE("the simulation keeps the contract in the fifth hundred random worlds", "[sim][fuzz]") { check_worlds(400); }

TEST_CASE("the simulation keeps the contract in the sixth hundred random worlds", "[sim][fuzz]") { check_worlds(500); }

TEST_CASE("a seed says everything about a world", "[sim][fuzz]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        CHECK(to_text(draw_world(seed)) == to_text(draw_world(seed)));
        CHECK(to_text(draw_world(seed)) != to_text(draw_world(seed + 1)));
    }
}
