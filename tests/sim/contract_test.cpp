// SPDX-License-Identifier: MIT

// Catches a simulation that accuses itself: a history that does not say what the simulated queue did, or a checker of
// histories that does not know what a queue may do. No program of a user can make the simulated queue break the
// contract of the service.

#include "sim/sim_support.hpp"

#include <chrono>
#include <functional>
#include <set>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace {

using namespace simulated;

using Keys = std::set<std::string>;

std::string key(const SimMessage& message) { return std::string{message.body()}; }

/// Explores a right consumer: nobody is to blame.
void check_holds(const ExploreOptions& options, const std::function<void(World&)>& scenario) {
    const Report report = explore(options, scenario);
    INFO(report.to_string());
    CHECK(report.problem.find("broke its contract") == std::string::npos);
    CHECK(report.ok());
}

ExploreOptions one_fault(Faults offered = Faults::usual()) {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = offered;
    return options;
}

const ExploreOptions no_faults = one_fault({});

/// Looks three times before it takes a rest.
template <class Q>
void poll_thrice(World& world, Q& queue, Keys& done) {
    world.spawn("worker", [&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            try {
                auto message = queue.receive_message({.wait_time = 0s}, stop);
                for (int i = 0; i < 2 && !message; ++i) {
                    message = queue.receive_message({.wait_time = 0s}, stop);
                }
                if (message) {
                    done.insert(key(*message));
                    queue.delete_message(message->receipt_handle());
                } else {
                    sleep_for(10s);
                }
            } catch (const sqsim::Error&) {  // the next turn may go better
            }
        }
    });
}

}  // namespace

// A short poll that finds nothing for the second time in a row.

TEST_CASE("short polls in a row of a standard queue keep the contract", "[sim][contract]") {
    check_holds(one_fault(), [](World& world) {
        Keys done;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        poll_thrice(world, queue, done);
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("short polls in a row of a FIFO queue keep the contract", "[sim][contract]") {
    check_holds(one_fault(), [](World& world) {
        Keys done;
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        world.produce(queue, "g", {"a"});
        poll_thrice(world, queue, done);
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("short polls in a row before a delay ends keep the contract without any fault", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Keys done;
        auto& queue = world.queue({.delay = 90s});
        world.produce(queue, {"a"});
        world.spawn("worker", [&] {
            while (true) {
                if (const auto message = queue.receive_message()) {
                    done.insert(key(*message));
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

// A change of visibility takes effect, but its reply is lost.

TEST_CASE("a FIFO message that is given back while the reply is lost may come again at once", "[sim][contract]") {
    check_holds(one_fault(), [](World& world) {
        Keys done;
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        world.produce(queue, "g", {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                queue.change_message_visibility(message.receipt_handle(), 0s);
                throw std::runtime_error("given back");
            }
            done.insert(key(message));
        });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("a FIFO lease that is shortened while the reply is lost ends early", "[sim][contract]") {
    check_holds(one_fault({Fault::lose_extension_reply}), [](World& world) {
        Keys done;
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        world.produce(queue, "g", {"a", "b"});
        world.consume(queue, [&](const SimMessage& message) {
            if (message.approximate_receive_count() == 1) {
                queue.change_message_visibility(message.receipt_handle(), 5s);
                throw std::runtime_error("later");
            }
            done.insert(key(message));
        });
        world.run();
        world.expect("done", done == Keys{"a", "b"});
    });
}

// The delay of a FIFO queue changes for the messages that are delayed now.

TEST_CASE("a FIFO delay that is set to less lets delayed messages come earlier", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Keys done;
        auto& queue = world.fifo_queue({.delay = 90s, .content_based_deduplication = true});
        world.produce(queue, "g", {"a"});
        world.spawn("administrator", [&] {
            sleep_for(1s);
            queue.set_delay(0s);
        });
        world.spawn("worker", [&] {
            sleep_for(2s);
            if (const auto message = queue.receive_message()) {
                done.insert(key(*message));
                queue.delete_message(message->receipt_handle());
            }
        });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("a FIFO delay that is set to less wakes a consumer that waits", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        std::chrono::nanoseconds received{};
        auto& queue = world.fifo_queue({.delay = 90s, .content_based_deduplication = true});
        world.produce(queue, "g", {"a"});
        world.consume(queue, [&](const SimMessage&) { received = world.clock().now().time_since_epoch(); });
        world.spawn("administrator", [&] {
            sleep_for(1s);
            queue.set_delay(0s);
        });
        world.run();
        world.expect("received at once", received == 1s);
    });
}

// A receive is repeated with its attempt id, and its lease was of no length.

TEST_CASE("a repeated receive with a lease of zero is a second receive", "[sim][contract]") {
    check_holds(one_fault({Fault::repeat_attempt}), [](World& world) {
        Keys done;
        auto& dead = world.fifo_queue({.name = "dead.fifo"});
        auto& queue = world.fifo_queue({.name = "orders.fifo", .content_based_deduplication = true});
        queue.set_redrive_policy({dead, 2});
        world.produce(queue, "g", {"a"});
        world.spawn("monitor",
                    [&] { static_cast<void>(queue.receive_message({.visibility_timeout = 0s, .wait_time = 20s})); });
        world.spawn("worker", [&] {
            sleep_for(1s);
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    done.insert(key(*message));
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
        world.expect("done or dead", done.size() + dead.counts().total() == 1);
    });
}

// A message that was moved back from the dead-letter queue begins its life when it is moved.

TEST_CASE("a dead letter that is moved back is kept from then on, not from its next receive", "[sim][contract]") {
    check_holds(one_fault({Fault::redrive}), [](World& world) {
        Keys seen;
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders", .visibility_timeout = 5s, .message_retention_period = 60s});
        queue.set_redrive_policy({dead, 2});
        world.produce(queue, {"a"});
        world.spawn("worker", [&] {
            // The third receive moves the message; it comes back at 10.001 s, is received at 50 s, and is there until
            // 70.001 s.
            for (const auto pause : {5s, 5s, 40s, 30s, 0s}) {
                if (const auto message = queue.receive_message()) {
                    seen.insert(key(*message));
                }
                sleep_for(pause);
            }
        });
        world.run();
        world.expect("seen", seen == Keys{"a"});
    });
}

TEST_CASE("a FIFO dead letter that is moved back is not in the way of later dead letters", "[sim][contract]") {
    check_holds(one_fault({Fault::redrive}), [](World& world) {
        Keys done;
        auto& dead = world.fifo_queue({.name = "dead.fifo"});
        auto& queue = world.fifo_queue({.name = "orders.fifo", .content_based_deduplication = true});
        queue.set_redrive_policy({dead, 1});
        world.produce(queue, "g", {"a", "b"});
        Keys tried;
        world.consume(queue, [&](const SimMessage& message) {
            if (tried.insert(key(message)).second) {
                throw std::runtime_error("not at the first attempt");
            }
            done.insert(key(message));
        });
        world.spawn("undertaker", [&] {
            sleep_for(100s);  // a was moved, and perhaps back, at 30 s; b was moved at 60 s
            while (true) {
                if (const auto message = dead.receive_message({.wait_time = 20s})) {
                    done.insert(key(*message));
                    dead.delete_message(message->receipt_handle());
                }
            }
        });
        world.run();
        world.expect("done", done == Keys{"a", "b"});
    });
}

// A queue that is somebody's dead-letter queue, and gets messages of its own.

TEST_CASE("messages that were sent to a dead-letter queue where nobody receives are not lost", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Keys done;
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders"});
        queue.set_redrive_policy({dead, 3});
        world.produce(queue, {"a"});
        world.produce(dead, {"by hand"});
        world.consume(queue, [&](const SimMessage& message) { done.insert(key(message)); });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

// A queue that is its own dead-letter queue: its number of messages does not grow when one is moved.

TEST_CASE("a FIFO queue that is its own dead-letter queue keeps a moved message from then on", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Keys done;
        auto& queue = world.fifo_queue({.message_retention_period = 60s, .content_based_deduplication = true});
        queue.set_redrive_policy({queue, 1});
        world.produce(queue, "g", {"a"});
        world.spawn("worker", [&] {
            while (done.empty()) {  // received at 0 s, moved at 30 s, received again at 35 s, moved at 65 s
                const auto message = queue.receive_message();
                if (message && world.clock().now().time_since_epoch() >= 70s) {
                    done.insert(key(*message));
                    queue.delete_message(message->receipt_handle());
                }
                sleep_for(5s);
            }
        });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("a consumer that waits receives the message that its own receive moved to the same queue",
          "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        std::vector<std::chrono::nanoseconds> received;
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        queue.set_redrive_policy({queue, 1});
        world.produce(queue, "g", {"a"});
        world.consume(queue, [&](const SimMessage&) {
            received.push_back(world.clock().now().time_since_epoch());
            if (received.size() == 1) {
                throw std::runtime_error("not yet");
            }
        });
        world.run();
        world.expect("at once", received == std::vector<std::chrono::nanoseconds>{0s, 30s});
    });
}

TEST_CASE("a FIFO queue that is its own dead-letter queue moves a message to the end of its group", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Lines done;
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        queue.set_redrive_policy({queue, 1});
        world.produce(queue, "g", {"a", "b"});
        world.consume(queue, [&](const SimMessage& message) {
            if (key(message) == "a" && done.empty()) {
                throw std::runtime_error("b comes first");
            }
            done.push_back(key(message));
        });
        world.run();
        world.expect("done", done == Lines{"b", "a"});
    });
}

// A redrive policy that changes while messages are there.

TEST_CASE("a redrive policy that is set later does not count for receives before", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        Keys done;
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders", .visibility_timeout = 10s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            done.insert(key(message));
            if (message.approximate_receive_count() < 3) {
                throw std::runtime_error("again");
            }
        });
        world.spawn("administrator", [&] {
            sleep_for(60s);
            queue.set_redrive_policy({dead, 1});
        });
        world.run();
        world.expect("done", done == Keys{"a"});
    });
}

TEST_CASE("a redrive policy that is relaxed later does not count for moves before", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders", .visibility_timeout = 10s});
        queue.set_redrive_policy({dead, 1});
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { throw std::runtime_error("poison"); });
        world.spawn("administrator", [&] {
            sleep_for(60s);
            queue.set_redrive_policy({dead, 5});
        });
        world.run();
        world.expect(poison_ends_in_dlq(dead, Keys{"a"}));
    });
}

TEST_CASE("a redrive policy that names another queue later does not count for moves before", "[sim][contract]") {
    check_holds(no_faults, [](World& world) {
        auto& first = world.queue({.name = "first"});
        auto& second = world.queue({.name = "second"});
        auto& queue = world.queue({.name = "orders", .visibility_timeout = 10s});
        Keys read;
        queue.set_redrive_policy({first, 1});
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { throw std::runtime_error("poison"); });
        world.consume(first, [&](const SimMessage& message) { read.insert(key(message)); });
        world.spawn("administrator", [&] {
            sleep_for(60s);
            queue.set_redrive_policy({second, 1});
        });
        world.run();
        world.expect("read", read == Keys{"a"});
    });
}
