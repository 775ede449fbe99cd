// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

// No deduplication at all (S1, R3, C1, D1-D3).
inline void no_deduplication(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { ++charged[key_of(order)]; });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Deduplicates by message id; a retry of the send made another (S1).
inline void deduplicates_by_message_id(World& world) {
    Ledger charged;
    std::set<sqsim::MessageId> seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (seen.insert(order.message_id()).second) {
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Deduplicates by receipt handle, which every delivery makes anew (D1, R3).
inline void deduplicates_by_receipt_handle(World& world) {
    Ledger charged;
    std::set<sqsim::ReceiptHandle> seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (seen.insert(order.receipt_handle()).second) {
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Takes a second receive for a duplicate: but nobody saw the first (R4, C1).
inline void works_on_first_receives_only(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (order.approximate_receive_count() == 1) {
            charged[key_of(order)] = 1;
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Looks for duplicates only where the receive count is above one; another message with the same key has one (S1).
inline void looks_only_at_redeliveries(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (order.approximate_receive_count() > 1 && charged.contains(key_of(order))) {
            return;
        }
        ++charged[key_of(order)];
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Checks, then acts: the other consumer does the same in between (C2, R3).
inline void checks_then_acts(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (!charged.contains(key_of(order))) {
                          sqsim::sim::point("checked");
                          ++charged[key_of(order)];
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Marks before the effect: a crash in between loses it (C1).
inline void marks_before_the_effect(World& world) {
    Ledger charged;
    Keys seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (seen.insert(key_of(order)).second) {
            sqsim::sim::point("marked");
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Marks after the effect, not with it: a crash in between doubles it (C1).
inline void marks_after_the_effect(World& world) {
    Ledger charged;
    Keys seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!seen.contains(key_of(order))) {
            ++charged[key_of(order)];
            sqsim::sim::point("charged");
            seen.insert(key_of(order));
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Remembers the last two keys: more come between a message and its redelivery (D1, R3).
inline void remembers_the_last_two(World& world) {
    Ledger charged;
    std::deque<std::string> recent;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b", "c"});
    world.consume(orders, [&](const Message& order) {
        for (const std::string& key : recent) {
            if (key == order.body()) {
                return;
            }
        }
        ++charged[key_of(order)];
        recent.push_back(key_of(order));
        if (recent.size() > 2) {
            recent.pop_front();
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

/// Charges once per key as long as the database keeps the key.
inline void forgets_keys_after(World& world, seconds time) {
    Ledger charged;
    std::map<std::string, sqsim::ManualClock::time_point> seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const auto now = world.clock().now();
        const auto found = seen.find(key_of(order));
        if (found == seen.end() || now - found->second > time) {
            ++charged[key_of(order)];
            seen[key_of(order)] = now;
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Forgets a key sooner than its message is visible again (D1).
inline void forgets_before_redelivery(World& world) { forgets_keys_after(world, seconds{20}); }

// Forgets a key when two visibility timeouts are over: enough for one redelivery, not for an outage (D1, R4).
inline void forgets_after_one_redelivery(World& world) { forgets_keys_after(world, seconds{59}); }

/// Drops the record of a key when its message has come so many times.
inline void forgets_keys_that_came(World& world, int times) {
    Ledger charged;
    std::map<std::string, int> seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const int count = ++seen[key_of(order)];
        if (count == 1) {
            ++charged[key_of(order)];
        } else if (count == times) {
            seen.erase(key_of(order));
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Forgets a key when its message has come again, as if it could not come twice (D1).
inline void forgets_what_came_twice(World& world) { forgets_keys_that_came(world, 2); }

// The same for two redeliveries (D1).
inline void forgets_what_came_three_times(World& world) { forgets_keys_that_came(world, 3); }

// Deletes the record of a key with the message: no redelivery can come after that, or can it (D3, R3)?
inline void forgets_with_the_delete(World& world) {
    Ledger charged;
    Keys seen;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                if (seen.insert(key_of(order)).second) {
                    ++charged[key_of(order)];
                }
                if (orders.delete_message(order.receipt_handle())) {
                    seen.erase(key_of(order));
                }
            }
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// A lock that ends by itself; whoever outlives it works on, as nothing fences it off (C2).
inline void outlives_its_lock(World& world) {
    Ledger charged;
    std::map<std::string, sqsim::ManualClock::time_point> locked_until;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      const auto now = world.clock().now();
                      const auto lock = locked_until.find(key_of(order));
                      if (lock != locked_until.end() && now < lock->second) {
                          throw std::runtime_error{"somebody else is on it"};
                      }
                      if (charged[key_of(order)] == 0) {
                          locked_until[key_of(order)] = now + seconds{25};
                          sqsim::sim::point("locked");
                          ++charged[key_of(order)];
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Takes a lock that a crashed consumer holds for a duplicate, and deletes the message (C1).
inline void drops_what_is_locked(World& world) {
    Ledger charged;
    Keys locked;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (locked.insert(key_of(order)).second) {
                          sqsim::sim::point("locked");
                          charged[key_of(order)] = 1;
                          locked.erase(key_of(order));
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

inline constexpr Animal idempotency[] = {
    {"no deduplication", 1, 0, {Fault::lose_delete}, no_deduplication},
    {"deduplicates by message id", 1, 0, {Fault::resend}, deduplicates_by_message_id},
    {"deduplicates by receipt handle", 1, 0, {Fault::lose_delete}, deduplicates_by_receipt_handle},
    {"works on first receives only", 1, 0, {Fault::lose_messages}, works_on_first_receives_only},
    {"looks only at redeliveries", 1, 0, {Fault::resend}, looks_only_at_redeliveries},
    {"checks, then acts", 1, 0, {Fault::stall}, checks_then_acts},
    {"marks before the effect", 1, 0, {Fault::crash}, marks_before_the_effect},
    {"marks after the effect", 1, 0, {Fault::crash}, marks_after_the_effect},
    {"remembers the last two", 1, 0, {Fault::lose_delete}, remembers_the_last_two},
    {"forgets before redelivery", 1, 0, {Fault::lose_delete}, forgets_before_redelivery},
    {"forgets after one redelivery", 1, 0, {Fault::outage}, forgets_after_one_redelivery},
    {"forgets what came twice", 2, 0, {Fault::lose_delete, Fault::lose_messages}, forgets_what_came_twice},
    {"forgets what came three times", 3, 0, {Fault::lose_delete, Fault::lose_messages}, forgets_what_came_three_times},
    {"forgets with the delete", 1, 0, {Fault::delete_survives}, forgets_with_the_delete},
    {"outlives its lock", 1, 0, {Fault::stall}, outlives_its_lock},
    {"drops what is locked", 1, 0, {Fault::crash}, drops_what_is_locked},
};

}  // namespace zoo
