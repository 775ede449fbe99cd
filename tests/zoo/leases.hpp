// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace zoo {

/// A piece of work that must not overlap with another on the same message.
class Exclusive {
public:
    explicit Exclusive(int& workers) : workers_{workers} { ++workers_; }
    Exclusive(const Exclusive&) = delete;
    Exclusive& operator=(const Exclusive&) = delete;
    ~Exclusive() { --workers_; }

private:
    int& workers_;
};

// Extends its lease whenever that has just ended (V1; CAMEL-25737).
inline void extends_too_late(World& world) {
    int workers = 0;
    auto& orders = world.queue({.visibility_timeout = seconds{1}});
    world.always("one works on it", [&] { return workers <= 1; });
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      const Exclusive work{workers};
                      for (int step = 0; step < 3; ++step) {
                          sqsim::sim::sleep_for(seconds{1});
                          orders.change_message_visibility(order.receipt_handle(), seconds{1});
                      }
                  },
                  {.consumers = 2});
    world.run();
}

// Believes that an extension adds to what is left of the lease (V1).
inline void adds_up_extensions(World& world) {
    int workers = 0;
    auto& orders = world.queue();
    world.always("one works on it", [&] { return workers <= 1; });
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      const Exclusive work{workers};
                      sqsim::sim::sleep_for(seconds{15});
                      orders.change_message_visibility(order.receipt_handle(), seconds{20});
                      sqsim::sim::sleep_for(seconds{30});
                  },
                  {.consumers = 2});
    world.run();
}

// Believes that its heartbeat worked (V1).
inline void believes_its_heartbeat(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (charged.contains(key_of(order))) {
                          return;
                      }
                      sqsim::sim::sleep_for(seconds{25});
                      try {
                          orders.change_message_visibility(order.receipt_handle(), minutes{1});
                      } catch (const sqsim::Error&) {  // logged
                      }
                      sqsim::sim::sleep_for(seconds{25});
                      ++charged[key_of(order)];
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Takes the visibility timeout for a lock (R3).
inline void locks_by_visibility(World& world) {
    int workers = 0;
    auto& orders = world.queue();
    world.always("one works on it", [&] { return workers <= 1; });
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message&) {
                      const Exclusive work{workers};
                      sqsim::sim::sleep_for(seconds{10});
                  },
                  {.consumers = 2});
    world.run();
}

// Works one by one through a batch whose leases all began together; a retry, and the last has ended (C3; NATS).
inline void prefetches_without_heartbeat(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (charged.contains(key_of(order))) {
                          return;
                      }
                      do {
                          sqsim::sim::sleep_for(seconds{14});
                      } while (sqsim::sim::effect("charge", [&] { ++charged[key_of(order)]; }) != EffectOutcome::done);
                  },
                  {.consumers = 2, .max_number_of_messages = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Takes a delete that succeeds for a claim, and works only then (C1).
inline void claims_by_delete(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("worker", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                if (orders.delete_message(order.receipt_handle())) {
                    charged.insert(key_of(order));
                }
            }
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

// Pays whoever's delete succeeds: so does one by an older handle, and a repeated one (C2, R3).
inline void pays_for_each_delete(World& world) {
    Ledger paid;
    auto& jobs = world.queue();
    world.produce(jobs, {"a"});
    for (const char* name : {"first", "second"}) {
        world.spawn(name, [&] {
            for (;;) {
                for (const Message& job : jobs.receive_messages(long_poll)) {
                    const std::string key = key_of(job);
                    sqsim::sim::sleep_for(seconds{5});
                    if (jobs.delete_message(job.receipt_handle())) {
                        ++paid[key];
                    }
                }
            }
        });
    }
    world.run();
    world.expect("paid at most once", sqsim::sim::at_most_once_per_key(paid).holds());
}

// Changes the visibility timeout, and relies on it at once (A1).
inline void relies_on_a_change(World& world) {
    Ledger charged;
    auto& orders = world.queue({.visibility_timeout = seconds{10}});
    world.produce(orders, {"a"});
    for (const char* name : {"first", "second"}) {
        world.spawn(name, [&] {
            orders.set_visibility_timeout(minutes{1});
            for (;;) {
                for (const Message& order : orders.receive_messages(long_poll)) {
                    if (!charged.contains(key_of(order))) {
                        sqsim::sim::sleep_for(seconds{45});
                        ++charged[key_of(order)];
                    }
                    orders.delete_message(order.receipt_handle());
                }
            }
        });
    }
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Hides a message for as long as can be, to be on the safe side; after a crash it stays hidden (V1, C1).
inline void hides_for_hours(World& world) {
    auto& orders = world.queue();
    auto done = sqsim::ManualClock::time_point::max();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        orders.change_message_visibility(order.receipt_handle(), std::chrono::hours{12});
        sqsim::sim::sleep_for(minutes{1});
        done = world.clock().now();
    });
    world.run();
    world.expect("done within the hour", done.time_since_epoch() <= std::chrono::hours{1});
}

// Sees that its lease is over and leaves the work to the next, but deletes none the less: an old handle harms nobody,
// unless the delete takes effect and the next one crashes (C2, D4, C1).
inline void deletes_what_it_was_late_for(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      sqsim::sim::point("begun");
                      if (world.clock().now() < order.visibility_deadline()) {
                          sqsim::sim::sleep_for(seconds{10});
                          charged.insert(key_of(order));
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect("charged", charged == Keys{"a"});
}

inline constexpr Animal leases[] = {
    {"extends too late", 0, 0, {}, extends_too_late},
    {"adds up extensions", 0, 0, {}, adds_up_extensions},
    {"believes its heartbeat", 1, 0, {Fault::lose_extension}, believes_its_heartbeat},
    {"locks by visibility", 1, 0, {Fault::duplicate}, locks_by_visibility},
    {"prefetches without heartbeat", 1, 0, {Fault::effect_fails}, prefetches_without_heartbeat},
    {"claims by delete", 1, 0, {Fault::crash}, claims_by_delete},
    {"pays for each delete", 1, 0, {Fault::stall}, pays_for_each_delete},
    {"relies on a change", 1, 0, {Fault::late_attribute}, relies_on_a_change},
    {"hides for hours", 1, 0, {Fault::crash}, hides_for_hours},
    {"deletes what it was late for",
     3,
     0,
     {Fault::stall, Fault::stale_delete, Fault::crash},
     deletes_what_it_was_late_for},
};

}  // namespace zoo
