// SPDX-License-Identifier: MIT

// Catches a sample that is not the same again with its seed, that is about one rate only, or whose failure is not made
// as small as it can be.

#include "sim/sim_support.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// Charges twice if a message comes twice.
void charging(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::map<std::string, int> charges;
    world.produce(queue, {"a", "b", "c", "d"});
    world.consume(queue,
                  [&](const SimMessage& message) {
                      ++charges[std::string{message.body()}];
                      point("charged");
                  },
                  {.consumers = 2});
    world.run();
    world.expect(once_per_key(charges));
}

/// Fails when some message is received for the third time: that needs two faults.
void thrice(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::uint32_t most = 0;
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        most = std::max(most, message.approximate_receive_count());
        point("handled");
    });
    world.run();
    world.expect("at most twice", most <= 2);
}

void correct(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::set<std::string> charged;
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        charged.emplace(message.body());
        point("charged");
    });
    world.run();
    world.expect("both", charged.size() == 2);
    world.expect(drained(queue));
}

bool says(const Report& report, std::string_view words) { return report.to_string().find(words) != std::string::npos; }

}  // namespace

TEST_CASE("a sample of a scenario that holds says how much it tried", "[sim][sample]") {
    const Report report = sample({.runs = 300, .seed = 5, .name = "charging"}, correct);
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(report.headline() == "HOLDS charging");
    CHECK(report.plans_run() == 301);
    CHECK(says(report, "300 random plans with seed 5 were run, 0 violations"));
    CHECK(says(report, "a sample is no proof"));
}

TEST_CASE("a sample is the same again with its seed, and another with another", "[sim][sample]") {
    const auto hash = [](std::uint64_t seed) { return sample({.runs = 100, .seed = seed}, correct).history_hash; };
    std::set<std::uint64_t> hashes;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        hashes.insert(hash(seed));
    }
    CHECK(hashes.size() == 20);  // neighbours, too, have nothing in common
    CHECK(hash(3) == hash(3));
}

TEST_CASE("a run of a sample is about some kinds of faults, not about all", "[sim][sample]") {
    // By what the runs saw: with two levels some are without any fault, and some are full of one kind.
    std::size_t quiet = 0;
    std::size_t loud = 0;
    const auto counted = [&](World& world) {
        correct(world);
        std::size_t deliveries = 0;
        for (const Operation& operation : world.history().operations) {
            deliveries += operation.action == Action::delivery ? 1 : 0;
        }
        quiet += deliveries == 2 ? 1 : 0;
        loud += deliveries >= 6 ? 1 : 0;
    };
    CHECK(sample({.runs = 400,
                  .kind_probability = 0.2,
                  .fault_probability = 0.5,
                  .offered = {Fault::crash, Fault::lose_delete}},
                 counted)
              .ok());
    CHECK(quiet > 200);
    CHECK(loud > 10);
    quiet = loud = 0;
    CHECK(sample({.runs = 400, .kind_probability = 0, .fault_probability = 1}, counted).ok());
    CHECK(quiet == 401);
    CHECK(sample({.runs = 100, .kind_probability = 1, .fault_probability = 0}, counted).ok());
    CHECK(quiet == 502);
}

TEST_CASE("a failure that a sample finds is made minimal, and proved to be", "[sim][sample]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const Report one =
            sample({.runs = 500, .seed = seed, .kind_probability = 0.6, .fault_probability = 0.3}, charging);
        INFO(one.to_string());
        REQUIRE(one.verdict == Verdict::violated);
        CHECK(one.minimal_faults() == 1);
        CHECK(says(one, "shrunk from "));
        CHECK(says(one, "minimal plan: 1 fault (the fault-free plan passes)"));
        CHECK(replay(one.replay_token(), charging).violation() == one.violation());
    }
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        const Report two =
            sample({.runs = 2'000, .seed = seed, .kind_probability = 0.6, .fault_probability = 0.3}, thrice);
        INFO(two.to_string());
        REQUIRE(two.verdict == Verdict::violated);
        CHECK(two.plan.size() == 2);
        CHECK(says(two, "minimal plan: 2 faults (all "));
        CHECK(replay(two.replay_token(), thrice).violation() == two.violation());
    }
}

TEST_CASE("a failure for which certification has too few runs says so", "[sim][sample]") {
    const Report report = sample(
        {.runs = 2'000, .seed = 1, .kind_probability = 0.6, .fault_probability = 0.3, .maximum_certification = 3},
        thrice);
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(says(report, "whether a smaller one exists was not searched to the end"));
}

TEST_CASE("a sample proves nothing where there is nothing to prove", "[sim][sample]") {
    const Report report = sample({.runs = 10}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
    });
    CHECK(report.verdict == Verdict::vacuous);
}

TEST_CASE("a failure of the run without faults is found at once", "[sim][sample]") {
    const Report report = sample({.runs = 10}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect("never", false);
    });
    CHECK(report.minimal_faults() == 0);
    CHECK(report.replay_token() == "none");
    CHECK(report.plans_run() == 1);
}

TEST_CASE("a sample keeps to the kinds that are offered", "[sim][sample]") {
    SampleOptions options{.runs = 200, .kind_probability = 1, .fault_probability = 0.5};
    options.offered = {Fault::reorder, Fault::empty_receive, Fault::partial_receive};
    CHECK(sample(options, charging).ok());
    options.offered = {};
    CHECK(sample(options, charging).ok());
    options.offered = {Fault::delete_survives};
    CHECK(sample(options, charging).replay_token().find("delete-survives@remove#") == 0);
}

TEST_CASE("bytes choose a run: none, zeros and what is beyond the end are the best", "[sim][sample]") {
    CHECK(run_bytes({}, charging).ok());
    const std::array<std::uint8_t, 40> zeros{};
    const Report best = run_bytes(zeros, charging);
    CHECK(best.ok());
    CHECK(best.plans_run() == 2);
    CHECK(says(best, "one execution with 0 faults, no violation"));
    CHECK(run_bytes(zeros.data(), zeros.size(), charging).history_hash == best.history_hash);
}

TEST_CASE("bytes that break something are made a minimal plan", "[sim][sample]") {
    std::vector<std::uint8_t> bytes;
    std::uint32_t state = 1;
    for (int i = 0; i < 200; ++i) {
        state = state * 1'664'525U + 1'013'904'223U;
        bytes.push_back(static_cast<std::uint8_t>(state >> 24));
    }
    const Report report = run_bytes(bytes, charging);
    INFO(report.to_string());
    REQUIRE(report.verdict == Verdict::violated);
    CHECK(report.minimal_faults() == 1);
    CHECK(report.history_hash == run_bytes(bytes, charging).history_hash);
    CHECK(replay(report.replay_token(), charging).violation() == report.violation());
}

TEST_CASE("one byte is one choice: every value of it is one of the alternatives", "[sim][sample]") {
    std::set<std::uint64_t> hashes;
    for (int value = 0; value < 256; ++value) {
        const std::array<std::uint8_t, 1> bytes{static_cast<std::uint8_t>(value)};
        const Report report = run_bytes(bytes, correct);
        INFO(report.to_string());
        CHECK(report.ok());
        hashes.insert(report.history_hash);
    }
    CHECK(hashes.size() == 3);  // the first send: as it should, repeated, or late
}

TEST_CASE("random faults stop, so that a correct consumer comes to rest whatever the rates are", "[sim][sample]") {
    const auto scenario = [](sqsim::sim::World& world) {
        std::map<std::string, int> paid;
        auto& orders = world.queue();
        world.produce(orders, {"a", "b"});
        world.consume(orders, [&](const auto& message) { paid[std::string{message.body()}] = 1; }, {.consumers = 2});
        world.run();
        world.expect_same_as_fault_free(paid);
    };
    const auto report = sqsim::sim::sample({.runs = 50, .kind_probability = 1, .fault_probability = 1}, scenario);
    INFO(report.to_string());
    CHECK(report.ok());
}
