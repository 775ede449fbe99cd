// SPDX-License-Identifier: MIT

// Catches a fault of a delete, or of a change of visibility, that does not do what its line in the table says, or that
// happens where it is not offered.

#include "sim/sim_support.hpp"

#include <string>
#include <vector>

namespace {

using namespace simulated;

std::string text(sqsim::HandleResult result) {
    switch (result.status) {
    case HandleStatus::ok:
        return "ok";
    case HandleStatus::expired:
        return "expired";
    case HandleStatus::superseded:
        return "superseded";
    case HandleStatus::gone:
        return "gone";
    case HandleStatus::invalid:
        return "invalid";
    }
    return {};
}

/// Receives and deletes one message after the other, and says what comes of it.
template <class Q>
void read_and_say(World& world, Log& log, Q& queue) {
    world.spawn("r", [&] {
        while (true) {
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                log.got("r", *message);
                try {
                    log.say("delete " + text(queue.delete_message(message->receipt_handle())));
                } catch (const sqsim::Error& error) {
                    CHECK(error.code() == Errc::service_unavailable);
                    log.say("delete: no answer");
                }
            }
        }
    });
}

void standard(World& world, Log& log) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    read_and_say(world, log, queue);
    world.run();
}

void fifo(World& world, Log& log) {
    auto& queue = world.fifo_queue({.visibility_timeout = 30s});
    world.produce(queue, "g", {"a"});
    read_and_say(world, log, queue);
    world.run();
}

/// Receives three messages and deletes them together.
template <class Make>
Scenario batch(Make make) {
    return [make](World& world, Log& log) {
        auto& queue = make(world);
        world.spawn("r", [&] {
            while (true) {
                const auto messages = queue.receive_messages({.max_number_of_messages = 10, .wait_time = 20s});
                std::string got;
                std::vector<ReceiptHandle> handles;
                for (const SimMessage& message : messages) {
                    got += std::string{message.body()} + std::to_string(message.approximate_receive_count());
                    handles.push_back(message.receipt_handle());
                }
                if (messages.empty()) {
                    continue;
                }
                log.say(got);
                try {
                    std::string all;
                    for (const auto result : queue.delete_messages(handles)) {
                        all += " " + text(result);
                    }
                    log.say("delete" + all);
                } catch (const sqsim::Error& error) {
                    CHECK(error.code() == Errc::service_unavailable);
                    log.say("delete: no answer");
                }
            }
        });
        world.run();
    };
}

const Scenario standard_batch = batch([](World& world) -> SimQueue& {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a", "b", "c"});
    return queue;
});
const Scenario fifo_batch = batch([](World& world) -> SimFifoQueue& {
    auto& queue = world.fifo_queue({.visibility_timeout = 30s});
    world.produce(queue, "g", {"a", "b", "c"});
    return queue;
});

/// Extends its lease while it works for 40 s.
void extends(World& world, Log& log) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.produce(queue, {"a"});
    world.spawn("r", [&] {
        while (true) {
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                log.got("r", *message);
                world.sleep_for(20s);
                try {
                    log.say("extend " + text(queue.change_message_visibility(message->receipt_handle(), 30s)));
                } catch (const sqsim::Error& error) {
                    CHECK(error.code() == Errc::service_unavailable);
                    log.say("extend: no answer");
                }
                world.sleep_for(20s);
                log.say("delete " + text(queue.delete_message(message->receipt_handle())));
            }
        }
    });
    world.spawn("s", [&] {
        world.sleep_for(1s);
        if (const auto message = queue.receive_message({.wait_time = 20s})) {
            log.got("s", *message);
        }
        if (const auto message = queue.receive_message({.wait_time = 15s})) {
            log.got("s", *message);
        }
    });
    world.run();
}

}  // namespace

TEST_CASE("D1: a delete that never arrives is an error to its caller, and the message comes again", "[sim][faults]") {
    const Lines expected{"0s r got a (1), id 1, handle 1", "0s delete: no answer", "30s r got a (2), id 1, handle 2",
                         "30s delete ok"};
    CHECK(with_fault(Fault::lose_delete, "lost@delete#1.1", 1, standard) == expected);
    CHECK(with_fault(Fault::lose_delete, "lost@delete#1.1", 1, fifo) == expected);
    CHECK(with_fault(Fault::lose_delete, "lost@delete#1.1", 1, standard_batch) ==
          Lines{"0s a1b1c1", "0s delete: no answer", "30s a2b2c2", "30s delete ok ok ok"});
}

TEST_CASE("D1: a simulated consumer tries a lost delete no second time", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) { log.got("c", message); });
        world.run();
    };
    CHECK(with_fault(Fault::lose_delete, "lost@delete#1.1", 1, scenario) ==
          Lines{"0s c got a (1), id 1, handle 1", "30s c got a (2), id 1, handle 2"});
}

TEST_CASE("D2: a delete whose reply is lost is repeated, and the second succeeds, too", "[sim][faults]") {
    CHECK(lines_of("none", standard) == Lines{"0s r got a (1), id 1, handle 1", "0s delete ok"});
    // That the message is gone is no error for a standard queue; what the status says differs.
    const Lines repeated = with_fault(Fault::lose_delete_reply, "lost-reply@delete#1.1", 1, standard);
    CHECK(repeated == Lines{"0s r got a (1), id 1, handle 1", "0s delete gone"});
    CHECK(with_fault(Fault::lose_delete_reply, "lost-reply@delete#1.1", 1, standard_batch) ==
          Lines{"0s a1b1c1", "0s delete gone gone gone"});
    CHECK(with_fault(Fault::lose_delete_reply, "lost-reply@delete#1.1", 1, fifo).size() == 2);
    CHECK(with_fault(Fault::lose_delete_reply, "lost-reply@delete#1.1", 1, fifo_batch).size() == 2);
}

TEST_CASE("D3: a copy of a deleted message survives and is delivered later", "[sim][faults]") {
    CHECK(with_fault(Fault::delete_survives, "delete-survives@remove#1.1", 1, standard) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s delete ok", "30s r got a (2), id 1, handle 2", "30s delete ok"});
    CHECK(with_fault(Fault::delete_survives, "delete-survives@remove#2.1", 3, standard_batch) ==
          Lines{"0s a1b1c1", "0s delete ok ok ok", "30s b2", "30s delete ok"});
}

TEST_CASE("D3: never in a FIFO queue", "[sim][faults]") {
    CHECK(explored({.faults = 2, .offered = {Fault::delete_survives}}, fifo).size() == 2);
    CHECK(explored({.faults = 2, .offered = {Fault::delete_survives}}, fifo_batch).size() == 2);
}

TEST_CASE("D4: a delete by an older handle has no effect, or has one", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 10s});
        world.produce(queue, {"a"});
        for (const std::string who : {"slow", "quick"}) {
            world.spawn(who, [&world, &queue, &log, who] {
                while (true) {
                    if (const auto message = queue.receive_message({.wait_time = 20s})) {
                        log.got(who, *message);
                        world.sleep_for(who == "slow" ? 15s : 8s);
                        log.say(who + " delete " + text(queue.delete_message(message->receipt_handle())));
                    }
                }
            });
        }
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s slow got a (1), id 1, handle 1",
                                              "10s quick got a (2), id 1, handle 2", "15s slow delete superseded",
                                              "18s quick delete ok"});
    CHECK(with_fault(Fault::stale_delete, "stale@stale#1.1", 1, scenario) ==
          Lines{"0s slow got a (1), id 1, handle 1", "10s quick got a (2), id 1, handle 2", "15s slow delete ok",
                "18s quick delete gone"});
}

TEST_CASE("D4: in a FIFO queue a delete after the lease has ended is an error", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.fifo_queue({.visibility_timeout = 10s});
        world.produce(queue, "g", {"a"});
        world.spawn("slow", [&] {
            int tries = 0;
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    log.got("slow", *message);
                    world.sleep_for(++tries == 1 ? 15s : 0s);
                    log.say("delete " + text(queue.delete_message(message->receipt_handle())));
                }
            }
        });
        world.run();
    };
    CHECK(lines_of("none", scenario) == Lines{"0s slow got a (1), id 1, handle 1", "15s delete expired",
                                              "15s slow got a (2), id 1, handle 2", "15s delete ok"});
    CHECK(replayed("stale@stale#1.1", scenario).report.verdict == Verdict::stale_token);
}

TEST_CASE("D5: one entry of a batch of deletes fails", "[sim][faults]") {
    CHECK(with_fault(Fault::refuse_delete_entry, "refuse-entry@delete-entry#2.1", 3, standard_batch) ==
          Lines{"0s a1b1c1", "0s delete ok invalid ok", "30s b2", "30s delete ok"});
    CHECK(with_fault(Fault::refuse_delete_entry, "refuse-entry@delete-entry#1.1", 3, fifo_batch) ==
          Lines{"0s a1b1c1", "0s delete invalid ok ok", "30s a2", "30s delete ok"});
}

TEST_CASE("V1: a change of visibility never arrives, and its caller sees an error", "[sim][faults]") {
    CHECK(lines_of("none", extends) == Lines{"0s r got a (1), id 1, handle 1", "20s extend ok", "40s delete ok"});
    CHECK(with_fault(Fault::lose_extension, "lost@extend#1.1", 1, extends) ==
          Lines{"0s r got a (1), id 1, handle 1", "20s extend: no answer", "30s s got a (2), id 1, handle 2",
                "40s delete superseded", "60s r got a (3), id 1, handle 3", "80s extend ok", "100s delete ok"});
}

TEST_CASE("V1: a change of visibility takes effect, but its caller sees an error", "[sim][faults]") {
    CHECK(with_fault(Fault::lose_extension_reply, "lost-reply@extend#1.1", 1, extends) ==
          Lines{"0s r got a (1), id 1, handle 1", "20s extend: no answer", "40s delete ok"});
}
