// SPDX-License-Identifier: MIT

// Catches an exploration that is wrong about its consumer: that accuses a right one, or that calls a broken one right.

#include "sim/sim_support.hpp"
#include "zoo/correct.hpp"
#include "zoo/crashes.hpp"
#include "zoo/polling.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

using Keys = std::set<std::string>;
using Counts = std::map<std::string, int>;
using ScenarioOf = std::function<void(World&)>;

std::string key(const SimMessage& message) { return std::string{message.body()}; }

void check_holds(const ScenarioOf& scenario, const ExploreOptions& options = {}) {
    const Report report = explore(options, scenario);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
    CHECK(report.ok());
}

void check_fails(const ScenarioOf& scenario) {
    const Report report = explore(scenario);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK_FALSE(report.violation().empty());
}

const FifoQueueOptions fifo_by_content = [] {
    FifoQueueOptions options;
    options.content_based_deduplication = true;
    return options;
}();

// Loops of short polls.

/// Asks as long as it may, and rests for `pause` after each answer without a message.
template <class Q>
void poll_shortly(World& world, Q& queue, std::chrono::nanoseconds pause) {
    Keys done;
    world.spawn("poller", [&queue, &done, pause](std::stop_token stop) {
        while (!stop.stop_requested()) {
            try {
                const auto message = queue.receive_message({.wait_time = 0s}, stop);
                if (message) {
                    done.insert(key(*message));
                    queue.delete_message(message->receipt_handle());
                } else {
                    sleep_for(pause);
                }
            } catch (const sqsim::Error&) {  // asks again
            }
        }
    });
    world.run();
    world.expect(drained(queue));
    world.expect("handled", done == Keys{"only"});
}

// Consumers that give back what they cannot handle now.

template <class Q>
void give_back(World& world, Q& queue) {
    Keys done;
    world.consume(queue, [&](const SimMessage& message) {
        const auto outcome = effect("handle", [&] { done.insert(key(message)); });
        if (outcome != EffectOutcome::done) {
            queue.change_message_visibility(message.receipt_handle(), 0s);
            throw std::runtime_error("somebody else may try");
        }
    });
    world.run();
    world.expect(drained(queue));
    world.expect("handled", done == Keys{"only"});
}

// Broken consumers.

/// Remembers for an hour what it has charged: too short a time, for messages are kept for four days.
void forget_after_an_hour(World& world) {
    Counts charged;
    std::map<std::string, sqsim::ManualClock::time_point> remembered;
    auto& queue = world.queue();
    world.produce(queue, {"order"});
    world.consume(queue,
                  [&](const SimMessage& message) {
                      point("about to look");
                      const auto now = world.clock().now();
                      const auto found = remembered.find(key(message));
                      if (found == remembered.end() || now - found->second >= 1h) {
                          remembered[key(message)] = now;
                          ++charged[key(message)];
                      }
                      point("charged");
                  },
                  {.consumers = 2});
    world.run();
    world.expect(once_per_key(charged));
}

/// Charges, and only then writes down that it has: with nothing but the effect before the end of the process.
void charge_then_note(World& world) {
    Counts charged;
    Keys noted;
    auto& queue = world.queue();
    world.produce(queue, {"order"});
    world.consume(queue, [&](const SimMessage& message) {
        const std::string order = key(message);
        if (noted.contains(order)) {
            return;
        }
        const int before = charged[order];
        static_cast<void>(effect("charge", [&] { ++charged[order]; }));
        if (charged[order] == before) {
            throw std::runtime_error("not charged");
        }
        noted.insert(order);
    });
    world.run();
    world.expect(drained(queue));
    world.expect(once_per_key(charged));
}

/// Two consumers that do `handle`, judged by what the first page of the documentation expects.
void pay_orders(World& world, const std::function<void(Counts&, const SimMessage&)>& handle) {
    Counts payments;
    auto& queue = world.queue();
    world.produce(queue, {"order-1", "order-2"});
    world.consume(queue, [&](const SimMessage& message) { handle(payments, message); }, {.consumers = 2});
    world.run();
    world.expect(drained(queue));
    world.expect(once_per_key(payments));
}

/// The old version is not ready for what the new version writes, and relies on being first.
void rely_on_start_order(World& world) {
    bool is_migrated = false;
    bool is_old_format_written = false;
    auto& queue = world.queue();
    world.produce(queue, {"order"});
    const auto serve = [&queue] {
        while (true) {
            for (const SimMessage& message : queue.receive_messages({.wait_time = 20s})) {
                queue.delete_message(message.receipt_handle());
            }
        }
    };
    world.spawn("new version", [&, serve] {
        is_migrated = true;
        serve();
    });
    world.spawn("old version", [&, serve] {
        is_old_format_written = is_old_format_written || !is_migrated;
        serve();
    });
    world.run();
    world.expect("the old format is not written", !is_old_format_written);
}

// Right consumers.

/// Calls somebody in the night when a delete does not succeed.
void watch_deletes(World& world) {
    int calls = 0;
    auto& queue = world.queue();
    world.produce(queue, {"order"});
    world.spawn("worker", [&] {
        while (true) {
            for (const SimMessage& message : queue.receive_messages({.wait_time = 20s})) {
                if (!queue.delete_message(message.receipt_handle())) {
                    ++calls;
                }
            }
        }
    });
    world.run();
    world.expect("everybody sleeps", calls == 0);
}

void collect(World& world) {
    Keys done;
    auto& queue = world.queue();
    world.produce(queue, {"order"});
    world.consume(queue, [&](const SimMessage& message) { done.insert(key(message)); });
    world.run();
    world.expect(drained(queue));
    world.expect("one at most", done.size() < 2);
}

}  // namespace

TEST_CASE("a loop of short polls is right on a standard queue", "[sim][judgement]") {
    check_holds([](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"only"});
        poll_shortly(world, queue, 0s);
    });
}

TEST_CASE("a loop of short polls is right on a FIFO queue", "[sim][judgement]") {
    check_holds([](World& world) {
        auto& queue = world.fifo_queue(fifo_by_content);
        world.produce(queue, "group", {"only"});
        poll_shortly(world, queue, 0s);
    });
}

TEST_CASE("a loop of short polls that rests is right", "[sim][judgement]") {
    check_holds(
        [](World& world) {
            auto& queue = world.queue();
            world.produce(queue, {"only"});
            poll_shortly(world, queue, 1s);
        },
        {.faults = 1});
}

TEST_CASE("a loop that makes sure three times that there is nothing is right", "[sim][judgement]") {
    check_holds([](World& world) {
        Keys done;
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.spawn("poller", [&](std::stop_token stop) {
            while (!stop.stop_requested()) {
                try {
                    auto message = queue.receive_message({}, stop);
                    for (int more = 2; !message && more > 0; --more) {
                        message = queue.receive_message({}, stop);
                    }
                    if (message) {
                        done.insert(key(*message));
                        queue.delete_message(message->receipt_handle());
                    } else {
                        sleep_for(10s);
                    }
                } catch (const sqsim::Error&) {  // asks again
                }
            }
        });
        world.run();
        world.expect("both", done == Keys{"a", "b"});
    });
}

TEST_CASE("a consumer of a standard queue that gives back what fails is right", "[sim][judgement]") {
    check_holds([](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"only"});
        give_back(world, queue);
    });
}

TEST_CASE("a consumer of a FIFO queue that gives back what fails is right", "[sim][judgement]") {
    check_holds([](World& world) {
        auto& queue = world.fifo_queue(fifo_by_content);
        world.produce(queue, "group", {"only"});
        give_back(world, queue);
    });
}

TEST_CASE("a consumer of a FIFO queue that backs off is right", "[sim][judgement]") {
    ExploreOptions options;
    options.faults = 1;
    check_holds(zoo::backs_off, options);
}

TEST_CASE("a deduplication that ends before the retention is found", "[sim][judgement]") {
    check_fails(forget_after_an_hour);
}

TEST_CASE("a crash right after an effect is found", "[sim][judgement]") { check_fails(charge_then_note); }

TEST_CASE("a note before a batch of sends is found", "[sim][judgement]") { check_fails(zoo::notes_then_sends_a_batch); }

TEST_CASE("a payment that is noted before it is made is found without a list of keys", "[sim][judgement]") {
    check_fails([](World& world) {
        Keys noted;
        pay_orders(world, [&](Counts& payments, const SimMessage& message) {
            if (noted.insert(key(message)).second) {
                point("noted");
                ++payments[key(message)];
            }
        });
    });
}

TEST_CASE("a consumer that does nothing is not called right", "[sim][judgement]") {
    const Report report = explore([](World& world) { pay_orders(world, [](Counts&, const SimMessage&) {}); });
    INFO(report.to_string());
    CHECK_FALSE(report.ok());
}

TEST_CASE("a good message that dies with its batch is found", "[sim][judgement]") {
    check_fails(zoo::fails_as_a_whole_for_one_payment);
}

TEST_CASE("a handler whose sends are refused until its message is dead is right", "[sim][judgement]") {
    check_holds(zoo::hands_on);
}

TEST_CASE("a handler that notes whatever is thrown is right", "[sim][judgement]") {
    check_holds(zoo::notes_every_error);
}

TEST_CASE("a consumer that counts on its deletes is right", "[sim][judgement]") { check_holds(watch_deletes); }

TEST_CASE("a simple consumer is right under all faults and all deadlines", "[sim][judgement]") {
    ExploreOptions options;
    options.offered = Faults::all();
    options.stalls = Stalls::all_deadlines;
    check_holds(collect, options);
}

TEST_CASE("a view of what one patient sender sent in order is right", "[sim][judgement]") {
    check_holds(zoo::shows_the_last_value);
}

TEST_CASE("a scenario that relies on the order in which actors start is found", "[sim][judgement]") {
    check_fails(rely_on_start_order);
}

TEST_CASE("a crash during a sleep is found", "[sim][judgement]") { check_fails(zoo::sleeps_between_two_writes); }

TEST_CASE("an expectation for always that is registered after the run is an error of the scenario",
          "[sim][judgement]") {
    const Report report = explore([](World& world) {
        int handled = 0;
        auto& queue = world.queue();
        world.produce(queue, {"order"});
        world.consume(queue, [&](const SimMessage&) { ++handled; });
        world.run();
        world.always("never twice", [&] { return handled < 2; });
    });
    INFO(report.to_string());
    CHECK_FALSE(report.ok());
    CHECK(report.problem.find("never twice") != std::string::npos);
    CHECK(report.problem.find("after run()") != std::string::npos);
}

TEST_CASE("a scenario that remembers earlier runs is not deterministic", "[sim][judgement]") {
    long runs = 0;
    const Report report = explore([&runs](World& world) {
        const std::string place = ++runs > 3 ? "later" : "earlier";
        Keys done;
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.consume(queue, [&, place](const SimMessage& message) {
            point(place);
            done.insert(key(message));
            point("handled");
        });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
}
