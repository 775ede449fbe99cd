// SPDX-License-Identifier: MIT
// The first program of the README, as printed there; the build compares what it prints, too.
#include <sqsim/sim/explore.hpp>

#include <iostream>
#include <map>
#include <set>
#include <string>
using namespace std::chrono_literals;
namespace sim = sqsim::sim;

struct Database {  // outlives the consumers
    std::map<std::string, int> payments;
    std::set<std::string> done;
};

void pay_then_note(Database& database, const std::string& order) {
    if (!database.done.contains(order)) {
        ++database.payments[order];
        sim::point("paid");  // a place where its process may end
        database.done.insert(order);
    }
}

void pay_and_note(Database& database, const std::string& order) {
    sim::point("asked");
    if (database.done.insert(order).second) {  // one transaction
        ++database.payments[order];
    }
}

sim::Report check(const char* name, void (*pay)(Database&, const std::string&)) {
    return sim::explore({.name = name}, [&](sim::World& world) {
        Database database;
        auto& orders = world.queue({.visibility_timeout = 30s});
        world.produce(orders, {"order-1", "order-2"});
        world.consume(orders, [&](const auto& message) { pay(database, std::string{message.body()}); },
                      {.consumers = 2});
        world.run();
        world.expect(sim::drained(orders));
        world.expect(sim::once_per_key(database.payments));
    });
}

int main() {
    const auto broken = check("pay, then note", pay_then_note);
    const auto repaired = check("pay and note", pay_and_note);
    std::cout << broken << '\n' << repaired;
    return !broken && repaired ? 0 : 1;
}
