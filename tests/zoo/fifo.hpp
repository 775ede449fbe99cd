// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <cstddef>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

// Deduplicates by message id, as a FIFO queue sends nothing twice: for five minutes (S6).
inline void trusts_the_window(World& world) {
    Ledger charged;
    std::set<sqsim::MessageId> seen;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a"});
    world.consume(orders, [&](const Message& order) {
        if (seen.insert(order.message_id()).second) {
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// After a failure it goes on with the next message of the group (R6, C4).
inline void goes_on_after_a_failure(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.consume(changes,
                  [&](std::span<const Message> batch) {
                      std::vector<sqsim::MessageId> failed;
                      for (const Message& change : batch) {
                          if (sqsim::sim::effect("write", [&] { address = key_of(change); }) != EffectOutcome::done) {
                              failed.push_back(change.message_id());
                          }
                      }
                      return failed;
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect_same_as_fault_free(address);
}

// Deletes the second message of a group before the first: if only that fails, the first comes last (R6, D1).
inline void deletes_from_the_end(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.spawn("worker", [&] {
        for (;;) {
            const Batch batch = changes.receive_messages(long_poll);
            for (const Message& change : batch) {
                address = key_of(change);
            }
            for (std::size_t i = batch.size(); i-- > 0;) {
                changes.delete_message(batch[i].receipt_handle());
            }
        }
    });
    world.run();
    world.expect_same_as_fault_free(address);
}

// Deletes only the last message of a batch, as if that acknowledged those before it: it does with logs (R6).
inline void acknowledges_like_a_log(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.spawn("worker", [&] {
        for (;;) {
            const Batch batch = changes.receive_messages(long_poll);
            for (const Message& change : batch) {
                address = key_of(change);
            }
            if (!batch.empty()) {
                changes.delete_message(batch.back().receipt_handle());
            }
        }
    });
    world.run();
    world.expect("the last change holds", address == "new");
}

// Takes the order of a group for a fence: a consumer that stood still writes late (C2).
inline void trusts_the_group(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.consume(changes,
                  [&](const Message& change) {
                      sqsim::sim::point("begun");
                      address = key_of(change);
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(address);
}

// Creates and cancels through a standard queue, which keeps no order (R1, S5).
inline void depends_on_order(World& world) {
    Keys open;
    auto& events = world.queue();
    world.produce(events, {"create", "cancel"});
    world.consume(events, [&](const Message& event) {
        if (event.body() == "create") {
            open.insert("a");
        } else {
            open.erase("a");
        }
    });
    world.run();
    world.expect_same_as_fault_free(open);
}

// Writes whatever comes, without a version: a redelivery brings back what was (D1, R3).
inline void last_writer_wins(World& world) {
    std::string address;
    auto& changes = world.queue();
    world.produce(changes, {"old", "new"});
    world.consume(changes, [&](const Message& change) { address = key_of(change); });
    world.run();
    world.expect_same_as_fault_free(address);
}

// Fails until what must come before has come; the attempts run out first (S5, L1).
inline void waits_by_failing(World& world) {
    Keys created;
    Keys cancelled;
    auto& dead = world.queue({.name = "dead"});
    auto& events = world.queue({.name = "events"});
    events.set_redrive_policy({dead, 5});
    world.produce(events, {"create", "cancel"});
    world.consume(events, [&](const Message& event) {
        if (event.body() == "create") {
            created.insert("a");
        } else if (created.contains("a")) {
            cancelled.insert("a");
        } else {
            throw std::runtime_error{"no such order yet"};
        }
    });
    world.run();
    world.expect_same_as_fault_free(cancelled);
}

inline constexpr Animal fifo[] = {
    {"trusts the window", 1, 0, {Fault::resend_after_window}, trusts_the_window},
    {"goes on after a failure", 1, 0, {Fault::effect_fails}, goes_on_after_a_failure},
    {"deletes from the end", 1, 0, {Fault::lose_delete}, deletes_from_the_end},
    {"acknowledges like a log", 0, 0, {}, acknowledges_like_a_log},
    {"trusts the group", 1, 0, {Fault::stall}, trusts_the_group},
    {"depends on order", 1, 0, {Fault::reorder}, depends_on_order},
    {"last writer wins", 1, 0, {Fault::lose_delete}, last_writer_wins},
    {"waits by failing", 1, 0, {Fault::late_visibility}, waits_by_failing},
};

}  // namespace zoo
