// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace zoo {

// Keeps the keys that it has seen in memory, and starts again without them (C1).
inline void remembers_in_memory(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&charged] {
        return [&charged, seen = Keys{}](const Message& order) mutable {
            if (seen.insert(key_of(order)).second) {
                ++charged[key_of(order)];
            }
        };
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// The same, and each of two consumers has a memory of its own (R3, D1).
inline void remembers_in_each_consumer(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&charged] {
                      return [&charged, seen = Keys{}](const Message& order) mutable {
                          if (seen.insert(key_of(order)).second) {
                              ++charged[key_of(order)];
                          }
                      };
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Collects two rows before it writes them, but deletes each message at once (C1).
inline void deletes_what_it_buffers(World& world) {
    Keys written;
    auto& rows = world.queue();
    world.produce(rows, {"a", "b"});
    world.consume(rows, [&written] {
        return [&written, buffer = Keys{}](const Message& row) mutable {
            buffer.insert(key_of(row));
            if (buffer.size() == 2) {
                written.merge(buffer);
                buffer.clear();
            }
        };
    });
    world.run();
    world.expect_same_as_fault_free(written);
}

// Drops orders that are too old by its own clock (C6).
inline void drops_by_its_own_clock(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const auto now = world.clock().now() + sqsim::sim::clock_error();
        if (now - order.sent_at() < minutes{5}) {
            charged.insert(key_of(order));
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Forgets a key after five minutes of its own clock (C6, D1).
inline void forgets_by_its_own_clock(World& world) {
    Ledger charged;
    std::map<std::string, sqsim::ManualClock::time_point> seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const auto now = world.clock().now() + sqsim::sim::clock_error();
        const auto found = seen.find(key_of(order));
        if (found == seen.end() || now - found->second > minutes{5}) {
            ++charged[key_of(order)];
            seen[key_of(order)] = now;
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Rejects what comes from the future: by its own clock (C6).
inline void rejects_the_future(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (order.sent_at() <= world.clock().now() + sqsim::sim::clock_error()) {
            charged.insert(key_of(order));
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

inline constexpr Animal memory[] = {
    {"remembers in memory", 1, 0, {Fault::crash}, remembers_in_memory},
    {"remembers in each consumer", 1, 0, {Fault::duplicate}, remembers_in_each_consumer},
    {"deletes what it buffers", 1, 0, {Fault::crash}, deletes_what_it_buffers},
    {"drops by its own clock", 1, 0, {Fault::clock_ahead}, drops_by_its_own_clock},
    {"forgets by its own clock", 1, 0, {Fault::outage}, forgets_by_its_own_clock},
    {"rejects the future", 1, 0, {Fault::clock_behind}, rejects_the_future},
};

}  // namespace zoo
