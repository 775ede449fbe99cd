// SPDX-License-Identifier: MIT
#pragma once

// The application of docs/testing.md: a handler, what it uses, and its repair.

#include "sqsim/sim/explore.hpp"

#include <chrono>
#include <map>
#include <set>
#include <stdexcept>
#include <string>

namespace guide {

using namespace std::chrono_literals;
namespace sim = sqsim::sim;

template <class Database, class Payments>
void handle_order(const std::string& order, Database& database, Payments& payments) {
    if (!database.is_paid(order)) {
        payments.charge(order);
        database.mark_paid(order);
    }
}

struct FakeDatabase {
    std::set<std::string> paid;

    bool is_paid(const std::string& order) {
        sim::point("select");
        return paid.contains(order);
    }
    void mark_paid(const std::string& order) {
        sim::point("update");
        paid.insert(order);
    }
};

struct FakePayments {
    std::map<std::string, int> charges;

    void charge(const std::string& order) {
        if (sim::effect("charge", [&] { ++charges[order]; }) != sim::EffectOutcome::done) {
            throw std::runtime_error{"the payment provider gave no answer"};
        }
    }
    void charge_once(const std::string& order) {
        if (sim::effect("charge", [&] { charges.try_emplace(order, 1); }) != sim::EffectOutcome::done) {
            throw std::runtime_error{"the payment provider gave no answer"};
        }
    }
};

template <class Database, class Payments>
void handle_order_safely(const std::string& order, Database& database, Payments& payments) {
    if (!database.is_paid(order)) {
        payments.charge_once(order);  // the order is the idempotency key
        database.mark_paid(order);
    }
}

inline void safe_orders(sim::World& world) {
    FakeDatabase database;
    FakePayments payments;
    auto& orders = world.queue({.visibility_timeout = 30s});
    world.produce(orders, {"order-1"});
    const auto handler = [&](const sim::SimMessage& message) {
        handle_order_safely(std::string{message.body()}, database, payments);
    };
    world.consume(orders, handler, {.consumers = 2});
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(payments.charges));
    world.expect_same_as_fault_free(database.paid);
}

}  // namespace guide
