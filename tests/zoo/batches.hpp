// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <cstddef>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <vector>

namespace zoo {

// After a batch of deletes it forgets the keys, of those too whose delete failed (D5).
inline void assumes_the_batch_deleted(World& world) {
    Ledger charged;
    Keys seen;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.spawn("worker", [&] {
        for (;;) {
            std::vector<sqsim::ReceiptHandle> handles;
            Keys keys;
            for (const Message& order : orders.receive_messages(long_poll)) {
                if (seen.insert(key_of(order)).second) {
                    ++charged[key_of(order)];
                }
                handles.push_back(order.receipt_handle());
                keys.insert(key_of(order));
            }
            if (!handles.empty()) {
                orders.delete_messages(handles);
                for (const std::string& key : keys) {
                    seen.erase(key);
                }
            }
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Logs what failed in a batch, and deletes it with the rest (C4, C5).
inline void deletes_the_failed_too(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      for (const Message& order : batch) {
                          if (sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) !=
                              EffectOutcome::done) {
                              continue;  // logged
                          }
                      }
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Deduplicates batches: the next one with the same message is another batch (D5, R1).
inline void deduplicates_batches(World& world) {
    Ledger charged;
    Keys seen;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      std::string all;
                      for (const Message& order : batch) {
                          all += key_of(order) + " ";
                      }
                      if (seen.insert(all).second) {
                          for (const Message& order : batch) {
                              ++charged[key_of(order)];
                          }
                      }
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Deduplicates within the batch, and begins anew with the next (D1, R3, S1).
inline void forgets_at_the_end_of_a_batch(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      Keys seen;
                      for (const Message& order : batch) {
                          if (seen.insert(key_of(order)).second) {
                              ++charged[key_of(order)];
                          }
                      }
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Concurrent consumers of one component share the buffer of the batch (scheduling; as in CAMEL-25700).
inline void shares_the_buffer(World& world) {
    Keys charged;
    Batch batch;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b", "c"});
    for (const char* name : {"first", "second"}) {
        world.spawn(name, [&] {
            for (;;) {
                batch = orders.receive_messages({.max_number_of_messages = 2, .wait_time = seconds{20}});
                std::vector<sqsim::ReceiptHandle> handles;
                for (const Message& order : batch) {
                    handles.push_back(order.receipt_handle());
                }
                for (std::size_t i = 0; i < batch.size(); ++i) {
                    charged.insert(key_of(batch[i]));
                    sqsim::sim::point("charged");
                }
                if (!handles.empty()) {
                    orders.delete_messages(handles);
                }
            }
        });
    }
    world.run();
    world.expect("all charged", charged == Keys{"a", "b", "c"});
}

// A batch fails as a whole, so one bad message drags the good ones with it (C4).
inline void fails_as_a_whole(World& world) {
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, {"good", "bad"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      for (const Message& order : batch) {
                          if (order.body() == "bad") {
                              throw std::runtime_error{"cannot be read"};
                          }
                      }
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect(sqsim::sim::no_good_message_in_dlq(dead, Keys{"bad"}));
}

// Asked to stop in the middle of a batch, it leaves, and deletes the whole batch on its way out (C7).
inline void deletes_all_when_it_stops(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.spawn("worker", [&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            std::vector<sqsim::ReceiptHandle> handles;
            for (const Message& order : orders.receive_messages(long_poll, stop)) {
                handles.push_back(order.receipt_handle());
                if (!stop.stop_requested()) {
                    charged.insert(key_of(order));
                }
            }
            if (!handles.empty()) {
                orders.delete_messages(handles);
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

inline constexpr Animal batches[] = {
    {"assumes the batch deleted", 1, 0, {Fault::refuse_delete_entry}, assumes_the_batch_deleted},
    {"deletes the failed too", 1, 0, {Fault::effect_fails}, deletes_the_failed_too},
    {"deduplicates batches", 1, 0, {Fault::refuse_delete_entry}, deduplicates_batches},
    {"forgets at the end of a batch", 1, 0, {Fault::lose_delete}, forgets_at_the_end_of_a_batch},
    {"shares the buffer", 0, 1, {Fault::preempt}, shares_the_buffer},
    {"fails as a whole", 0, 0, {}, fails_as_a_whole},
    {"deletes all when it stops", 1, 0, {Fault::stop_mid_batch}, deletes_all_when_it_stops},
};

}  // namespace zoo
