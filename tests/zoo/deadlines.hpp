// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <chrono>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

// Keeps the record of a charge for an hour; after an outage of half a day its message comes again all the same.
inline void forgets_within_the_retention(World& world) {
    Ledger charged;
    std::map<std::string, sqsim::ManualClock::time_point> records;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const auto now = world.clock().now();
        const auto record = records.find(key_of(order));
        if (record == records.end() || now >= record->second) {
            records[key_of(order)] = now + std::chrono::hours{1};
            ++charged[key_of(order)];
        }
        sqsim::sim::point("charged");
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

/// A lock that ends by itself, of which its owner tells the world. Returns whether it is ours now.
[[nodiscard]] inline bool lock_for_ten_minutes(World& world, sqsim::ManualClock::time_point& locked_until) {
    const auto now = world.clock().now();
    if (now < locked_until) {
        return false;
    }
    locked_until = now + minutes{10};
    sqsim::sim::deadline("lock", locked_until);
    return true;
}

// Locks for ten minutes, far longer than its lease lasts. Who stands still for longer goes on, and so does the next.
inline void outlives_a_long_lock(World& world) {
    Ledger charged;
    sqsim::ManualClock::time_point locked_until{};
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (!lock_for_ten_minutes(world, locked_until)) {
                          throw std::runtime_error{"somebody else is on it"};
                      }
                      if (!charged.contains(key_of(order))) {
                          sqsim::sim::point("locked");
                          ++charged[key_of(order)];
                      }
                      locked_until = {};
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Sends again after a restart, and trusts that the queue knows the deduplication id: for five minutes it does.
inline void sends_again_after_an_outage(World& world) {
    Ledger charged;
    std::set<sqsim::MessageId> seen;
    std::deque<std::string> to_send{"a"};
    auto& orders = world.fifo_queue();
    world.spawn("producer", [&] {
        while (!to_send.empty()) {
            if (orders.try_send_message(to_send.front(), "customer", {.message_deduplication_id = to_send.front()})) {
                to_send.pop_front();
            }
        }
    });
    world.consume(orders, [&](const Message& order) {
        if (seen.insert(order.message_id()).second) {
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Goes on with what is newer when a send gets no answer, and repeats that one in the end.
inline void repeats_in_the_end(World& world) {
    std::string address;
    std::deque<std::string> to_send{"old", "new"};
    auto& changes = world.fifo_queue();
    world.spawn("producer", [&] {
        while (!to_send.empty()) {
            const std::string change = to_send.front();
            if (!changes.try_send_message(change, "customer", {.message_deduplication_id = change})) {
                to_send.push_back(change);
            }
            to_send.pop_front();
        }
    });
    world.consume(changes, [&](const Message& change) { address = key_of(change); });
    world.run();
    world.expect("the last change holds", address == "new");
}

inline constexpr Animal deadlines[] = {
    {"forgets within the retention", 1, 0, {Fault::outage}, forgets_within_the_retention},
    {"outlives a long lock", 1, 0, {Fault::stall}, outlives_a_long_lock},
    {"sends again after an outage", 1, 0, {Fault::outage}, sends_again_after_an_outage},
    {"repeats in the end", 1, 0, {Fault::refuse_send}, repeats_in_the_end},
};

}  // namespace zoo
