// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

// Reads, adds, writes: the other consumer's update in between is lost (scheduling, C2).
inline void loses_an_update(World& world) {
    int balance = 0;
    Keys added;
    auto& payments = world.queue();
    world.produce(payments, {"a", "b"});
    world.consume(payments,
                  [&](const Message& payment) {
                      if (added.contains(key_of(payment))) {
                          return;
                      }
                      const int before = balance;
                      sqsim::sim::point("read");
                      balance = before + 10;
                      added.insert(key_of(payment));
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(balance);
}

// Two writes that should be one transaction, the first of them guarded (C1).
inline void writes_twice(World& world) {
    Ledger debits;
    Ledger credits;
    auto& transfers = world.queue();
    world.produce(transfers, {"a"});
    world.consume(transfers, [&](const Message& transfer) {
        if (!debits.contains(key_of(transfer))) {
            ++debits[key_of(transfer)];
            sqsim::sim::point("debited");
            ++credits[key_of(transfer)];
        }
    });
    world.run();
    world.expect("as much credited as debited", debits == credits);
}

// Tries a payment again until it succeeds; it had, but the answer was lost (C5).
inline void retries_blindly(World& world) {
    Ledger charged;
    Keys done;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!done.contains(key_of(order))) {
            while (sqsim::sim::effect("charge", [&] { ++charged[key_of(order)]; }) != EffectOutcome::done) {
            }
            done.insert(key_of(order));
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Does not look at what a call answers (C5).
inline void ignores_the_outcome(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        static_cast<void>(sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }));
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// The inbox says done though the work failed: the redelivery is skipped (C4, C5; MassTransit #3998).
inline void skips_what_failed(World& world) {
    Keys inbox;
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (inbox.insert(key_of(order)).second &&
            sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) == EffectOutcome::failed) {
            throw std::runtime_error{"the payment failed"};
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Publishes from within the work, under a new id each time, and only then fills its inbox (C1; MassTransit #3791).
inline void publishes_twice(World& world) {
    Keys inbox;
    Keys seen;
    int published = 0;
    int shipped = 0;
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!inbox.contains(key_of(order))) {
            shipments.send_message("shipment-" + std::to_string(++published));
            inbox.insert(key_of(order));
        }
    });
    world.consume(shipments, [&](const Message& shipment) { shipped += seen.insert(key_of(shipment)).second ? 1 : 0; });
    world.run();
    world.expect("shipped once", shipped == 1);
}

// Fills its inbox first and publishes then: what is not sent in between never is (C1, S2).
inline void publishes_never(World& world) {
    Keys inbox;
    Keys shipped;
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (inbox.insert(key_of(order)).second) {
            shipments.send_message(order.body());
        }
    });
    world.consume(shipments, [&](const Message& shipment) { shipped.insert(key_of(shipment)); });
    world.run();
    world.expect("shipped", shipped == Keys{"a"});
}

// Deletes the message, then publishes what follows from it (C1, S2).
inline void publishes_after_the_delete(World& world) {
    Keys shipped;
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                const std::string key = key_of(order);
                orders.delete_message(order.receipt_handle());
                shipments.send_message(key);
            }
        }
    });
    world.consume(shipments, [&](const Message& shipment) { shipped.insert(key_of(shipment)); });
    world.run();
    world.expect("shipped", shipped == Keys{"a"});
}

inline constexpr Animal transactions[] = {
    {"loses an update", 0, 1, {Fault::preempt}, loses_an_update},
    {"writes twice", 1, 0, {Fault::crash}, writes_twice},
    {"retries blindly", 1, 0, {Fault::effect_unknown}, retries_blindly},
    {"ignores the outcome", 1, 0, {Fault::effect_fails}, ignores_the_outcome},
    {"skips what failed", 1, 0, {Fault::effect_fails}, skips_what_failed},
    {"publishes twice", 1, 0, {Fault::crash}, publishes_twice},
    {"publishes never", 1, 0, {Fault::refuse_send}, publishes_never},
    {"publishes after the delete", 1, 0, {Fault::refuse_send}, publishes_after_the_delete},
};

}  // namespace zoo
