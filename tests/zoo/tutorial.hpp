// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <stdexcept>
#include <string>

// What is copied from tutorials.

namespace zoo {

// Receives, deletes, and then works: a crash in between loses the work (C1).
inline void deletes_before_the_work(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                orders.delete_message(order.receipt_handle());
                charged[key_of(order)] = 1;
            }
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Takes the first message of an answer without looking whether there is one (R2).
inline void takes_the_first_message(World& world) {
    Keys charged;
    int deaths = 0;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        try {
            while (charged.empty()) {
                const Message order = orders.receive_messages(long_poll).at(0);
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
            }
        } catch (const std::out_of_range&) {
            ++deaths;
            throw;
        }
    });
    world.run();
    world.expect("no process died of itself", deaths == 0);
}

// Leaves when a receive is empty: nothing there, so nothing left (R2).
inline void leaves_when_a_receive_is_empty(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("job", [&] {
        for (Batch batch = orders.receive_messages(); !batch.empty(); batch = orders.receive_messages()) {
            for (const Message& order : batch) {
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a"});
}

// Leaves after as many messages as were sent; one of them was a duplicate (S1, R3, D1).
inline void counts_messages(World& world) {
    Keys charged;
    int handled = 0;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.spawn("job", [&] {
        while (handled < 2) {
            if (const auto order = orders.receive_message(long_poll)) {
                charged.insert(key_of(*order));
                ++handled;
                orders.delete_message(order->receipt_handle());
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Leaves when a batch is not full: there was no more (R1).
inline void leaves_when_a_batch_is_not_full(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.spawn("job", [&] {
        std::size_t received = 2;
        while (received == 2) {
            const Batch batch = orders.receive_messages({.max_number_of_messages = 2, .wait_time = seconds{20}});
            for (const Message& order : batch) {
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
            }
            received = batch.size();
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Looks at the queue's count to know when it is done; what is in flight does not count (R4, C1).
inline void leaves_when_nothing_is_visible(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("job", [&] {
        while (orders.counts().visible != 0) {
            for (const Message& order : orders.receive_messages()) {
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a"});
}

// Leaves when the service refuses a call, as if that were final (R5).
inline void leaves_when_it_is_throttled(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        try {
            for (;;) {
                for (const Message& order : orders.receive_messages(long_poll)) {
                    charged.insert(key_of(order));
                    orders.delete_message(order.receipt_handle());
                }
            }
        } catch (const sqsim::Error&) {  // logged
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

inline constexpr Animal tutorial[] = {
    {"deletes before the work", 1, 0, {Fault::crash}, deletes_before_the_work},
    {"takes the first message", 1, 0, {Fault::empty_receive}, takes_the_first_message},
    {"leaves when a receive is empty", 1, 0, {Fault::empty_receive}, leaves_when_a_receive_is_empty},
    {"counts messages", 1, 0, {Fault::resend}, counts_messages},
    {"leaves when a batch is not full", 1, 0, {Fault::partial_receive}, leaves_when_a_batch_is_not_full},
    {"leaves when nothing is visible", 1, 0, {Fault::lose_messages}, leaves_when_nothing_is_visible},
    {"leaves when it is throttled", 1, 0, {Fault::throttle}, leaves_when_it_is_throttled},
};

}  // namespace zoo
