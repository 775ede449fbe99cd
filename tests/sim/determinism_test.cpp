// SPDX-License-Identifier: MIT

// Catches a scenario that is not the same again and is believed all the same, and a simulation that differs between
// compilers, levels of optimization, or from one version to the next without anybody wanting it.

#include "sim/sim_support.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

void orders(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::set<std::string> charged;
    world.produce(queue, {"a", "b"});
    world.consume(queue,
                  [&](const SimMessage& message) {
                      point("handled");
                      static_cast<void>(effect("charge", [&] { charged.emplace(message.body()); }));
                      if (clock_error() != 0ns) {
                          point("clock");
                      }
                  },
                  {.consumers = 2, .work_time = 5s, .max_number_of_messages = 2});
    world.run();
    world.expect(drained(queue));
}

void groups(World& world) {
    auto& queue = world.fifo_queue({.visibility_timeout = 20s});
    world.produce(queue, "g", {"a", "b"});
    world.produce(queue, "h", {"c"});
    world.spawn("r", [&] {
        while (true) {
            for (const SimMessage& message : queue.receive_messages({.max_number_of_messages = 2, .wait_time = 20s})) {
                sqsim::sim::sleep_for(3s);
                queue.change_message_visibility(message.receipt_handle(), 20s);
                queue.delete_message(message.receipt_handle());
            }
        }
    });
    world.run();
    world.expect(drained(queue));
}

void poison(World& world) {
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "work", .visibility_timeout = 10s, .delay = 1s});
    queue.set_redrive_policy({dead, 2});
    world.produce(queue, {"good", "bad"});
    world.consume(queue, [](const SimMessage& message) {
        if (message.body() == "bad") {
            throw std::runtime_error{"bad"};
        }
    });
    world.run();
    world.expect(drained(queue));
}

struct Pinned {
    void (*scenario)(World&);
    ExploreOptions options;
    std::size_t plans;
    std::uint64_t hash;
};

void check(const Pinned& pin) {
    const Report report = explore(pin.options, pin.scenario);
    INFO(report.to_string());
    CHECK(report.ok());
    CHECK(report.plans_run() == pin.plans);
    CHECK(report.history_hash == pin.hash);
}

}  // namespace

TEST_CASE("the histories of fixed scenarios are the same on every compiler", "[sim][determinism]") {
    const Pinned pinned[] = {
        {orders, {.faults = 1, .preemptions = 1}, 885, 0x013d'c021'cb68'd946U},
        {orders, {.faults = 2, .preemptions = 0}, 3'212, 0xd6c2'9644'f69b'3be6U},
        {groups, {.faults = 2, .preemptions = 0}, 5'867, 0xc952'4a28'43a9'6eddU},
        {groups, {.faults = 1, .preemptions = 1, .stalls = Stalls::all_deadlines}, 214, 0xa687'748a'03f4'1820U},
        {poison, {.faults = 2}, 660, 0x0335'de2d'af40'f64bU},
    };
    for (const Pinned& pin : pinned) {
        check(pin);
        CHECK(explore(pin.options, pin.scenario).history_hash == pin.hash);
    }
}

// Not run by default: 173,868 runs, for a new compiler, its flags or its library.
TEST_CASE("the histories of a hundred thousand runs are the same on every compiler", "[.][sim][determinism][long]") {
    check({orders, {.faults = 2, .preemptions = 1}, 45'001, 0x644c'c7b6'5dde'1170U});
    check({groups, {.faults = 2, .preemptions = 0, .stalls = Stalls::all_deadlines}, 28'025, 0xa127'6094'c03d'a244U});
    check({poison, {.faults = 4}, 100'842, 0x6bd4'18b7'2ca1'cca5U});
}

TEST_CASE("what other explorations ran before makes no difference", "[sim][determinism]") {
    const auto hash = [] { return explore({.faults = 1}, orders).history_hash; };
    const std::uint64_t first = hash();
    for (int i = 0; i < 5; ++i) {
        static_cast<void>(explore({.faults = 1}, poison));
        CHECK(hash() == first);
    }
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock> another{clock, {}};
    another.send_message("beside it");
    CHECK(hash() == first);
}

TEST_CASE("a scenario with a static counter is caught, and the first step that differs named", "[sim][determinism]") {
    static int counter = 0;
    counter = 0;
    const Report report = explore({.faults = 1, .name = "counting"}, [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {
            point("always the same");
            point(counter++ % 2 == 0 ? "even" : "odd");
        });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(!report.ok());
    CHECK(report.headline().find("NOT DETERMINISTIC counting: plan none gave two histories") == 0);
    const std::string text = report.to_string();
    CHECK(text.find("point even") != std::string::npos);
    CHECK(text.find("point odd") != std::string::npos);
    CHECK(text.find("statics that one execution leaves behind for the next") != std::string::npos);
}

TEST_CASE("a scenario in which only what is sent differs is caught, too", "[sim][determinism]") {
    static int counter = 0;
    counter = 0;
    const Report report = explore({.faults = 1}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"body " + std::to_string(counter++)});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
}

TEST_CASE("a scenario that differs only in time is caught", "[sim][determinism]") {
    static int counter = 0;
    counter = 0;
    const Report report = explore({.faults = 1}, [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { sqsim::sim::sleep_for(1s + 1ns * counter++); });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
}

TEST_CASE("a difference that comes only under faults is caught in the runs that are repeated", "[sim][determinism]") {
    static int counter = 0;
    counter = 0;
    const Report report = explore({.faults = 3, .preemptions = 0, .offered = {Fault::crash}}, [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        int handled = 0;
        world.produce(queue, {"a", "b", "c"});
        world.consume(queue, [&](const SimMessage& message) {
            ++handled;
            point("middle");
            if (message.approximate_receive_count() > 1) {
                sqsim::sim::sleep_for(1ns * ++counter);
            }
        });
        world.run();
        world.expect("handled", handled >= 3);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(report.violation().find("crash@") != std::string::npos);
}
