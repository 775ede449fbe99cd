// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"
#include "zoo/leases.hpp"

#include <map>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace zoo {

// Asks three times in a row to be sure that nothing is left; a message whose receive was lost is in flight meanwhile.
inline void asks_three_times(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("job", [&] {
        for (int empty = 0; empty < 3; ++empty) {
            for (const Message& order : orders.receive_messages()) {
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
                empty = 0;
            }
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// The same on a FIFO queue: a message whose receive was lost blocks its group, and the queue looks empty.
inline void asks_three_times_in_order(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a", "b"});
    world.spawn("job", [&] {
        for (int empty = 0; empty < 3; ++empty) {
            for (const Message& order : orders.receive_messages()) {
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
                empty = 0;
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Gives a message back that is early. Gets no answer to that, takes the message for its own still, and works on it
// while another has it.
inline void works_on_what_it_gave_back(World& world) {
    int workers = 0;
    auto& orders = world.fifo_queue();
    world.always("one works on it", [&] { return workers <= 1; });
    world.produce(orders, "customer", {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (order.approximate_receive_count() == 1) {
                          try {
                              orders.change_message_visibility(order.receipt_handle(), seconds{0});
                              return;
                          } catch (const sqsim::Error&) {  // still ours, then
                          }
                      }
                      const Exclusive work{workers};
                      sqsim::sim::sleep_for(seconds{10});
                  },
                  {.consumers = 2});
    world.run();
}

// Backs off by a shorter lease, and deletes the message all the same when it gets no answer to that.
inline void drops_what_it_cannot_put_off(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a"});
    world.consume(orders, [&](const Message& order) {
        if (order.approximate_receive_count() > 1) {
            charged.insert(key_of(order));
            return;
        }
        try {
            orders.change_message_visibility(order.receipt_handle(), seconds{5});
        } catch (const sqsim::Error&) {
            return;  // logged
        }
        throw std::runtime_error{"in five seconds"};
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Looks into the dead-letter queue when the orders are through, and leaves when both are empty: a message whose receive
// was lost is in neither.
inline void leaves_when_both_are_empty(World& world) {
    Keys settled;
    auto& dead = world.fifo_queue({.name = "dead.fifo"});
    auto& orders = world.fifo_queue({.name = "orders.fifo"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, "customer", {"a"});
    world.spawn("worker", [&] {
        for (auto* queue : {&orders, &dead}) {
            while (const auto message = queue->receive_message(long_poll)) {
                settled.insert(key_of(*message));
                queue->delete_message(message->receipt_handle());
            }
        }
    });
    world.run();
    world.expect("settled", settled == Keys{"a"});
}

// One payment that fails makes the whole batch fail, until a good message has used up its receives.
inline void fails_as_a_whole_for_one_payment(World& world) {
    Keys charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      for (const Message& order : batch) {
                          if (sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) !=
                              EffectOutcome::done) {
                              throw std::runtime_error{"not charged"};
                          }
                      }
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect(sqsim::sim::no_good_message_in_dlq(dead, Keys{}));
}

// The first of two stages hands on what it has received, and does not look whether that was accepted.
inline void hands_on_without_looking(World& world) {
    Keys shipped;
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { static_cast<void>(shipments.try_send_message(order.body())); });
    world.consume(shipments, [&](const Message& shipment) { shipped.insert(key_of(shipment)); });
    world.run();
    world.expect(sqsim::sim::once_per_key(shipped, Keys{"a"}));
}

inline constexpr Animal polling[] = {
    {"asks three times", 1, 0, {Fault::lose_messages}, asks_three_times},
    {"asks three times in order", 1, 0, {Fault::lose_messages}, asks_three_times_in_order},
    {"works on what it gave back", 1, 0, {Fault::lose_extension_reply}, works_on_what_it_gave_back},
    {"drops what it cannot put off", 1, 0, {Fault::lose_extension}, drops_what_it_cannot_put_off},
    {"leaves when both are empty", 1, 0, {Fault::lose_messages}, leaves_when_both_are_empty},
    {"fails as a whole for one payment", 2, 0, {Fault::effect_fails}, fails_as_a_whole_for_one_payment},
    {"hands on without looking", 1, 0, {Fault::refuse_send}, hands_on_without_looking},
};

}  // namespace zoo
