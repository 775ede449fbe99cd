// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <string>
#include <utility>
#include <vector>

namespace zoo {

/// A consumer that makes no mistakes: one charge for each key.
inline void charge_correctly(World& world, sqsim::sim::SimQueue& orders, Ledger& charged) {
    world.consume(orders, [&charged](const Message& order) { charged[key_of(order)] = 1; });
}

// Sends and forgets: what is refused is lost (S2).
inline void sends_and_forgets(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.spawn("producer", [&] { static_cast<void>(orders.try_send_message("a")); });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Makes a new key for every attempt to send (S1, S3).
inline void makes_a_key_per_attempt(World& world) {
    Ledger charged;
    int keys = 0;
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        while (!orders.try_send_message("order-" + std::to_string(++keys))) {
        }
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect("charged once", charged.size() == 1);
}

// The key is stable, but the transport gives each attempt an id, by which the inbox deduplicates (S3; Trellis #697).
inline void deduplicates_by_transport_id(World& world) {
    Ledger charged;
    Keys inbox;
    int sends = 0;
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        sqsim::SendMessageOptions options;
        do {
            options.message_attributes["transport-id"] = {"String", std::to_string(++sends)};
        } while (!orders.try_send_message("a", options));
    });
    world.consume(orders, [&](const Message& order) {
        if (inbox.insert(order.message_attributes().at("transport-id").value).second) {
            ++charged[key_of(order)];
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Sends a batch, and looks only at whether the call went through (S4).
inline void ignores_refused_entries(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        std::vector<sqsim::SendMessageEntry<std::string>> entries{{"a"}, {"b"}};
        orders.send_messages(entries);
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a", "b"}));
}

// Gets no answer, and releases the goods; the order is on its way (S3).
inline void compensates_without_an_answer(World& world) {
    Ledger charged;
    Keys released;
    auto& orders = world.queue();
    world.spawn("shop", [&] {
        if (!orders.try_send_message("a")) {
            released.insert("a");
        }
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect("either charged or released", charged.contains("a") != released.contains("a"));
}

// Tries three times, then logs an error (S2).
inline void gives_up_after_three_attempts(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        for (int attempt = 1; attempt <= 3; ++attempt) {
            if (orders.try_send_message("a")) {
                return;
            }
            sqsim::sim::sleep_for(seconds{attempt});
        }
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Stores the order, then sends its message: a crash in between, and nobody will (C1).
inline void stores_then_sends(World& world) {
    Ledger charged;
    Keys stored;
    auto& orders = world.queue();
    world.spawn("shop", [&] {
        if (stored.insert("a").second) {
            sqsim::sim::point("stored");
            while (!orders.try_send_message("a")) {
            }
        }
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect("charged as stored", stored.size() == charged.size());
}

// Sends the message, then stores the order: the consumer is faster (scheduling).
inline void sends_then_stores(World& world) {
    Keys stored;
    Keys unknown;
    auto& orders = world.queue();
    world.spawn("shop", [&] {
        while (!orders.try_send_message("a")) {
        }
        stored.insert("a");
    });
    world.consume(orders, [&](const Message& order) {
        if (!stored.contains(key_of(order))) {
            unknown.insert(key_of(order));
        }
    });
    world.run();
    world.expect("no message about an unknown order", unknown.empty());
}

// The relay of an outbox marks a row as sent, then sends it (S2, C1).
inline void marks_then_sends(World& world) {
    Ledger charged;
    std::vector<std::pair<std::string, bool>> outbox{{"a", false}};
    auto& orders = world.queue();
    world.spawn("relay", [&] {
        for (auto& [body, sent] : outbox) {
            if (!sent) {
                sent = true;
                orders.send_message(body);
            }
        }
    });
    charge_correctly(world, orders, charged);
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Purges, and sends at once: a purge takes a minute, and what is sent meanwhile (A1).
inline void purges_then_sends(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.spawn("test", [&] {
        orders.purge();
        while (!orders.try_send_message("a")) {
        }
    });
    world.spawn("worker", [&] {
        sqsim::sim::sleep_for(minutes{2});
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                charged[key_of(order)] = 1;
                orders.delete_message(order.receipt_handle());
            }
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

inline constexpr Animal producers[] = {
    {"sends and forgets", 1, 0, {Fault::refuse_send}, sends_and_forgets},
    {"makes a key per attempt", 1, 0, {Fault::lose_send_reply}, makes_a_key_per_attempt},
    {"deduplicates by transport id", 1, 0, {Fault::lose_send_reply}, deduplicates_by_transport_id},
    {"ignores refused entries", 1, 0, {Fault::refuse_entry}, ignores_refused_entries},
    {"compensates without an answer", 1, 0, {Fault::lose_send_reply}, compensates_without_an_answer},
    {"gives up after three attempts", 3, 0, {Fault::refuse_send}, gives_up_after_three_attempts},
    {"stores, then sends", 1, 0, {Fault::crash}, stores_then_sends},
    {"sends, then stores", 0, 1, {Fault::preempt}, sends_then_stores},
    {"marks, then sends", 1, 0, {Fault::refuse_send}, marks_then_sends},
    {"purges, then sends", 1, 0, {Fault::late_purge}, purges_then_sends},
};

}  // namespace zoo
