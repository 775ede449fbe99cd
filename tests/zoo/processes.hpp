// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <deque>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace zoo {

/// What the threads of a worker share: it ends with their process.
struct Prefetched {
    std::deque<Message> orders{};
};

/// The next order of a buffer, which whoever finds it empty fills again.
[[nodiscard]] inline std::optional<Message> next_order(sqsim::sim::SimQueue& queue, Prefetched& buffer,
                                                       bool deletes_at_once) {
    if (buffer.orders.empty()) {
        for (const Message& order : queue.receive_messages({.max_number_of_messages = 2, .wait_time = seconds{20}})) {
            if (deletes_at_once) {
                queue.delete_message(order.receipt_handle());
            }
            buffer.orders.push_back(order);
        }
    }
    if (buffer.orders.empty()) {
        return std::nullopt;
    }
    const Message order = buffer.orders.front();
    buffer.orders.pop_front();
    return order;
}

// Deletes what it has fetched ahead, for the threads have it in their buffer now: that ends with their process.
inline void deletes_what_it_prefetched(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    const auto work = [&](Prefetched& buffer) {
        for (;;) {
            if (const auto order = next_order(orders, buffer, true)) {
                charged.insert(key_of(*order));
            }
        }
    };
    world.process("worker", [] { return Prefetched{}; }, {{"first", work}, {"second", work}});
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

/// What a handler and its heartbeat share.
struct UnderWay {
    std::optional<Message> order{};
};

/// Extends the lease of what is under way, every 20 seconds, until everything is charged.
inline void beat(sqsim::sim::SimQueue& orders, const UnderWay& memory, const Ledger& charged) {
    while (charged.empty()) {
        sqsim::sim::sleep_for(seconds{20});
        if (memory.order) {
            try {
                orders.change_message_visibility(memory.order->receipt_handle(), seconds{30});
            } catch (const sqsim::Error&) {  // the next one may succeed
            }
        }
    }
}

// Works for longer than its lease lasts, and trusts its heartbeat to keep the others away: one that gets lost, and
// another works on the same.
inline void trusts_its_heartbeat(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    for (const char* name : {"one", "two"}) {
        world.process(name, [] { return UnderWay{}; },
                      {{"handler",
                        [&](UnderWay& memory) {
                            while (charged.empty()) {
                                for (const Message& order : orders.receive_messages(long_poll)) {
                                    memory.order = order;
                                    sqsim::sim::sleep_for(seconds{45});
                                    ++charged[key_of(order)];
                                    memory.order.reset();
                                    orders.delete_message(order.receipt_handle());
                                }
                            }
                        }},
                       {"heartbeat", [&](UnderWay& memory) { beat(orders, memory, charged); }}});
    }
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Books every order as paid, whatever the provider answers.
inline void books_what_was_declined(World& world) {
    Keys provider;
    Keys booked;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (sqsim::sim::choose("provider answers", {"paid", "declined"}) == 0) {
            provider.insert(key_of(order));
        }
        booked.insert(key_of(order));
    });
    world.run();
    world.expect("booked is what was paid", booked == provider);
}

// Logs that the database did not answer, and goes on as if it had.
inline void logs_a_timeout(World& world) {
    Keys rows;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!sqsim::sim::fails("db timeout")) {
            rows.insert(key_of(order));
        }
    });
    world.run();
    world.expect("written", rows == Keys{"a"});
}

inline constexpr Animal processes[] = {
    {"deletes what it prefetched", 1, 0, {Fault::crash}, deletes_what_it_prefetched},
    {"trusts its heartbeat", 1, 0, {Fault::lose_extension}, trusts_its_heartbeat},
    {"books what was declined", 0, 0, {Fault::free_choice}, books_what_was_declined, 1},
    {"logs a timeout", 1, 0, {Fault::call_fails}, logs_a_timeout},
};

}  // namespace zoo
