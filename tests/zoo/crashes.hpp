// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace zoo {

/// Erases a key at the end of its scope.
class Erase {
public:
    Erase(Keys& keys, std::string key) : keys_{keys}, key_{std::move(key)} {}
    Erase(const Erase&) = delete;
    Erase& operator=(const Erase&) = delete;
    ~Erase() { keys_.erase(key_); }

private:
    Keys& keys_;
    std::string key_;
};

// Notes an error for good when its work throws, and gives the payment up: a process that ends throws nothing, but a
// payment that fails does.
inline void gives_up_at_the_first_error(World& world) {
    Ledger charged;
    Keys failed;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (failed.contains(key_of(order))) {
            return;
        }
        try {
            if (sqsim::sim::effect("charge", [&] { charged[key_of(order)] = 1; }) != EffectOutcome::done) {
                throw std::runtime_error{"not charged"};
            }
        } catch (...) {
            failed.insert(key_of(order));
            throw;
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Holds a lock in the database while it works, and unlocks in a destructor: no destructor runs when a process ends, so
// the redelivery takes the lock for somebody else's and drops the message.
inline void unlocks_in_a_destructor(World& world) {
    Ledger charged;
    Keys locked;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!locked.insert(key_of(order)).second) {
            return;
        }
        const Erase unlock{locked, key_of(order)};
        sqsim::sim::point("locked");
        charged[key_of(order)] = 1;
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Writes the row of an order before the work, and takes it back in a destructor if the work did not come to its end.
inline void takes_back_in_a_destructor(World& world) {
    Ledger charged;
    Keys rows;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        Keys not_done{key_of(order)};
        if (!rows.insert(key_of(order)).second) {
            return;
        }
        struct TakeBack {
            Keys& rows;
            Keys& not_done;
            ~TakeBack() {
                for (const std::string& key : not_done) {
                    rows.erase(key);
                }
            }
        } const take_back{rows, not_done};
        sqsim::sim::point("written");
        ++charged[key_of(order)];
        not_done.clear();
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Charges, and notes it in the next line: a process may end between the two.
inline void notes_after_the_effect(World& world) {
    Ledger charged;
    Keys noted;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (noted.contains(key_of(order))) {
            return;
        }
        if (sqsim::sim::effect("charge", [&] { ++charged[key_of(order)]; }) != EffectOutcome::failed) {
            noted.insert(key_of(order));
        }
    });
    world.run();
    world.expect(sqsim::sim::at_most_once_per_key(charged));
}

// Notes that an order was handed on, then sends the batch: a process may end in between.
inline void notes_then_sends_a_batch(World& world) {
    Keys handed_on;
    Keys arrived;
    auto& orders = world.queue({.name = "orders"});
    auto& parcels = world.queue({.name = "parcels"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!handed_on.insert(key_of(order)).second) {
            return;
        }
        std::vector<sqsim::SendMessageEntry<std::string>> left{{key_of(order) + "1"}, {key_of(order) + "2"}};
        while (!left.empty()) {
            const auto results = parcels.send_messages(left);
            std::vector<sqsim::SendMessageEntry<std::string>> refused;
            for (std::size_t i = 0; i < results.size(); ++i) {
                if (!results[i]) {
                    refused.push_back(left[i]);
                }
            }
            left = std::move(refused);
        }
    });
    world.consume(parcels, [&](const Message& parcel) { arrived.insert(key_of(parcel)); });
    world.run();
    world.expect("both arrived", arrived == Keys{"a1", "a2"});
}

// The new version migrates when it starts, and is expected to start before the old one.
inline void relies_on_the_order_of_starts(World& world) {
    bool is_migrated = false;
    bool wrote_old_format = false;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("new version", [&] { is_migrated = true; });
    world.spawn("old version", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                wrote_old_format = wrote_old_format || !is_migrated;
                orders.delete_message(order.receipt_handle());
            }
        }
    });
    world.run();
    world.expect("nobody writes the old format", !wrote_old_format);
}

// Debits, waits for the bank, credits: a process may end while it waits.
inline void sleeps_between_two_writes(World& world) {
    Ledger debits;
    Ledger credits;
    auto& transfers = world.queue();
    world.produce(transfers, {"a"});
    world.consume(transfers, [&](const Message& transfer) {
        if (!debits.contains(key_of(transfer))) {
            ++debits[key_of(transfer)];
            sqsim::sim::sleep_for(seconds{5});
            ++credits[key_of(transfer)];
        }
    });
    world.run();
    world.expect("as much credited as debited", debits == credits);
}

// Works longer than its lease lasts.
inline void works_longer_than_its_lease(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { ++charged[key_of(order)]; },
                  {.consumers = 2, .work_time = seconds{45}});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Remembers in memory what it works on: that ends with the process, in the middle of the work.
inline void remembers_while_it_works(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&charged] {
                      return [&charged, working_on = Keys{}](const Message& order) mutable {
                          if (working_on.insert(key_of(order)).second) {
                              ++charged[key_of(order)];
                          }
                      };
                  },
                  {.work_time = seconds{10}});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Notes a payment before it makes it; nobody says which payments there should be.
inline void notes_before_the_payment(World& world) {
    Ledger paid;
    Keys noted;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders, [&](const Message& order) {
        if (noted.insert(key_of(order)).second) {
            sqsim::sim::point("noted");
            ++paid[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(paid));
}

inline constexpr Animal crashes[] = {
    {"gives up at the first error", 1, 0, {Fault::effect_fails}, gives_up_at_the_first_error},
    {"unlocks in a destructor", 1, 0, {Fault::crash}, unlocks_in_a_destructor},
    {"takes back in a destructor", 1, 0, {Fault::crash}, takes_back_in_a_destructor},
    {"notes after the effect", 1, 0, {Fault::crash}, notes_after_the_effect},
    {"notes, then sends a batch", 1, 0, {Fault::crash}, notes_then_sends_a_batch},
    {"relies on the order of starts", 0, 1, {Fault::preempt}, relies_on_the_order_of_starts},
    {"sleeps between two writes", 1, 0, {Fault::crash}, sleeps_between_two_writes},
    {"works longer than its lease", 0, 0, {}, works_longer_than_its_lease},
    {"remembers while it works", 1, 0, {Fault::crash}, remembers_while_it_works},
    {"notes before the payment", 1, 0, {Fault::crash}, notes_before_the_payment},
};

}  // namespace zoo
