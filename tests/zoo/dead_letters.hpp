// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

// Nothing takes a bad message away, so it blocks its group for ever (C4).
inline void blocks_on_poison(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"bad", "good"});
    world.consume(orders, [&](const Message& order) {
        if (order.body() == "bad") {
            throw std::runtime_error{"cannot be read"};
        }
        charged.insert(key_of(order));
    });
    world.run();
    world.expect("the good one is charged", charged == Keys{"good"});
}

// Takes every failure for a bad message, and drops it (C4, C5).
inline void drops_what_fails(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        try {
            if (sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) != EffectOutcome::done) {
                throw std::runtime_error{"the payment failed"};
            }
        } catch (const std::runtime_error&) {  // logged
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Gives up by the receive count; but most receives never reached it (R4, C1).
inline void gives_up_by_receive_count(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (order.approximate_receive_count() <= 2) {
            charged.insert(key_of(order));
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Counts attempts when they begin, and parks a message as bad after two that crashed for other reasons (C1).
inline void counts_attempts_that_began(World& world) {
    Ledger attempts;
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (++attempts[key_of(order)] > 2) {
            return;  // parked for a person to look at
        }
        sqsim::sim::point("counted");
        charged.insert(key_of(order));
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// A maximum receive count of one: an answer that is lost, and the message is dead without an attempt (R4).
inline void allows_one_receive(World& world) {
    Keys charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 1});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { charged.insert(key_of(order)); });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Sends dead letters again under a new key, though some were charged before they died (L1, D1).
inline void renames_dead_letters(World& world) {
    Keys charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { charged.insert(key_of(order)); });
    world.consume(dead, [&](const Message& letter) { orders.send_message("again " + key_of(letter)); });
    world.run();
    world.expect("charged once", charged.size() == 1);
}

// Cancels what is dead: a dead letter was never charged, was it (L1, D1)?
inline void cancels_dead_letters(World& world) {
    Keys charged;
    Keys cancelled;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 3});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { charged.insert(key_of(order)); });
    world.consume(dead, [&](const Message& letter) { cancelled.insert(key_of(letter)); });
    world.run();
    world.expect("nothing is both charged and cancelled", !charged.contains("a") || !cancelled.contains("a"));
}

inline constexpr Animal dead_letters[] = {
    {"blocks on poison", 0, 0, {}, blocks_on_poison},
    {"drops what fails", 1, 0, {Fault::effect_fails}, drops_what_fails},
    {"gives up by receive count", 2, 0, {Fault::lose_messages}, gives_up_by_receive_count},
    {"counts attempts that began", 2, 0, {Fault::crash}, counts_attempts_that_began},
    {"allows one receive", 1, 0, {Fault::lose_messages}, allows_one_receive},
    {"renames dead letters", 2, 0, {Fault::lose_delete}, renames_dead_letters},
    {"cancels dead letters", 3, 0, {Fault::lose_delete}, cancels_dead_letters},
};

}  // namespace zoo
