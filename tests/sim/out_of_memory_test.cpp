// SPDX-License-Identifier: MIT

// Every allocation of an exploration fails, one in each, and then all from there on. What comes of it is the right
// verdict or that there was no memory: never a violation of code that is right, an end of the program, or a leak.

#include "catch.hpp"
#include "sim/sim_support.hpp"
#include "watched_memory.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <new>
#include <set>
#include <string>
#include <vector>

using namespace simulated;

namespace {

using WorldScenario = std::function<void(World&)>;

/// A consumer that charges each order once, and whose code has memory of its own on the stack.
struct Charging {
    std::set<std::string>& charged;

    void handle(const SimMessage& message) const {
        const std::string order = std::string{message.body()} + std::string(40, '.');
        const auto held = std::make_unique<std::string>(order);
        point("before");
        charged.insert(*held);
        point("after");
    }
};

void standard_world(World& world) {
    std::set<std::string> charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 5});
    world.produce(orders, {"a", "b"});
    world.consume(orders, [&](const SimMessage& message) { Charging{charged}.handle(message); });
    world.run();
    world.expect("both are charged", charged.size() == 2);
}

void fifo_world(World& world) {
    std::vector<std::string> seen;
    auto& orders = world.fifo_queue({.name = "orders.fifo"});
    world.produce(orders, "group", {"a", "b"});
    world.consume(orders, [&](const SimMessage& message) {
        point("before");
        seen.push_back(std::string{message.body()} + std::string(40, '.'));
    });
    world.always("the first comes first", [&] { return seen.empty() || seen.front().front() == 'a'; });
    world.run();
    world.expect("both are seen", seen.size() >= 2);
}

/// Code that keeps every error to itself, and needs no memory but that of its calls.
void swallowing_world(World& world) {
    bool is_seen = false;
    auto& orders = world.queue({.name = "orders"});
    world.spawn("worker", [&] {
        while (true) {
            try {
                for (const auto& message : orders.receive_messages({.wait_time = 20s})) {
                    is_seen = true;
                    orders.delete_message(message.receipt_handle());
                }
            } catch (const std::exception&) {
                point("an error");
            }
        }
    });
    world.produce(orders, {"a"});
    world.run();
    world.expect("it is seen", is_seen);
}

/// Its handler is wrong: it counts twice what comes twice.
void wrong_world(World& world) {
    std::map<std::string, int> charged;
    auto& orders = world.queue({.name = "orders"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const SimMessage& message) {
        ++charged[std::string{message.body()}];
        point("charged");
    });
    world.run();
    world.expect("it is charged once", charged["a"] == 1);
}

/// Runs `explore` without a failure, and then with a failure at the n-th allocation, for about `most` of all n.
void let_fail(const std::function<Report()>& explore, Verdict right, std::uint64_t most) {
    {
        static_cast<void>(explore());  // what is made once for the whole program is there now
        watched::allocations = 0;
        watched::counting = true;
        const Report report = explore();
        watched::counting = false;
        INFO(report.to_string());
        REQUIRE(report.verdict == right);
    }
    const std::uint64_t all = watched::allocations;
    const std::uint64_t step = std::max<std::uint64_t>(all / most, 1);
    std::uint64_t shortages = 0;
    for (const bool goes_on : {false, true}) {
        for (std::uint64_t n = 1; n <= all; n += n < 200 ? 1 : step) {
            const std::int64_t living = watched::living;
            watched::allocations = 0;
            watched::fails_at = n;
            watched::goes_on_failing = goes_on;
            watched::counting = true;
            bool is_right = false;
            bool is_shortage = false;
            std::string wrong;
            {
                const Report report = explore();
                watched::counting = false;
                is_right = report.verdict == right;
                is_shortage = report.verdict == Verdict::out_of_memory;
                if (!is_right && !is_shortage) {
                    wrong = report.to_string();
                }
                if (is_shortage && report.headline().rfind("OUT OF MEMORY", 0) != 0) {
                    wrong = report.headline();
                }
            }
            watched::fails_at = 0;
            shortages += is_shortage ? 1U : 0U;
            const std::int64_t leaked = watched::living - living;
            if (!wrong.empty() || leaked != 0) {
                FAIL("allocation " << n << " of " << all << (goes_on ? " and all later ones" : "") << ": leaked "
                                   << leaked << ", " << wrong);
            }
        }
    }
    CHECK(shortages != 0);
    watched::goes_on_failing = false;
}

ExploreOptions small(int threads) {
    ExploreOptions options;
    options.name = "a name that is too long to be kept in place";
    options.faults = 1;
    options.threads = threads;
    options.watchdog = {};
    options.maximum_abandoned = 0;  // what is abandoned leaks on purpose
    return options;
}

}  // namespace

TEST_CASE("exploring that finds no memory says so, whichever allocation fails", "[sim][out_of_memory]") {
    const WorldScenario right[] = {standard_world, fifo_world, swallowing_world};
    const WorldScenario wrong = wrong_world;
    for (const int threads : {1, 2}) {
        const ExploreOptions options = small(threads);
        for (const WorldScenario& scenario : right) {
            let_fail([&] { return explore(options, scenario); }, Verdict::holds, 400);
        }
        let_fail([&] { return explore(options, wrong); }, Verdict::violated, 400);
    }
}

TEST_CASE("replaying and sampling that find no memory say so, whichever allocation fails", "[sim][out_of_memory]") {
    const std::string token = explore(small(1), wrong_world).replay_token();
    REQUIRE_FALSE(token.empty());
    const WorldScenario wrong = wrong_world;
    const WorldScenario right = fifo_world;
    let_fail([&] { return replay(token, wrong); }, Verdict::violated, 400);
    SampleOptions options;
    options.runs = 20;
    options.watchdog = {};
    let_fail([&] { return sample(options, right); }, Verdict::holds, 400);
    options.pct_depth = 2;
    let_fail([&] { return sample(options, right); }, Verdict::holds, 400);
}

TEST_CASE("a std::bad_alloc that leaves the code is told as a lack of memory, not as an error of the code",
          "[sim][out_of_memory]") {
    const Report report = explore(small(1), [](World& world) {
        auto& orders = world.queue();
        world.produce(orders, {"a"});
        world.consume(orders, [](const SimMessage&) { throw std::bad_alloc{}; });
        world.run();
        world.expect("nothing", true);
    });
    CHECK(report.verdict == Verdict::out_of_memory);
    CHECK_FALSE(report.ok());
    CHECK(report.headline() == "OUT OF MEMORY a name that is too long to be kept in place: std::bad_alloc");
}

TEST_CASE("a std::bad_alloc that the code handles itself is its own affair", "[sim][out_of_memory]") {
    const Report report = explore(small(1), [](World& world) {
        bool is_seen = false;
        auto& orders = world.queue();
        world.produce(orders, {"a"});
        world.consume(orders, [&](const SimMessage&) {
            try {
                throw std::bad_alloc{};
            } catch (const std::bad_alloc&) {
                is_seen = true;
            }
        });
        world.run();
        world.expect("it is seen", is_seen);
    });
    INFO(report.to_string());
    CHECK(report.ok());
}
