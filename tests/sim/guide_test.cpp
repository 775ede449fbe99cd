// SPDX-License-Identifier: MIT

// The code of docs/testing.md: each block of the guide stands here, line for line, and what the guide says of it is
// checked.

#include "catch.hpp"

#include "sqsim/io/report.hpp"
#include "sqsim/io/text_file.hpp"
#include "sqsim/sim/explore.hpp"
#include "sqsim/testing/catch2_sim.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
namespace sim = sqsim::sim;

void handle_order(const std::string& order, auto& database, auto& payments) {
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
    void charge_once(const std::string& order) {  // with the order as idempotency key
        if (sim::effect("charge", [&] { charges.try_emplace(order, 1); }) != sim::EffectOutcome::done) {
            throw std::runtime_error{"the payment provider gave no answer"};
        }
    }
};

sim::Report explore_orders(const sim::ExploreOptions& options) {
    return sim::explore(options, [](sim::World& world) {
        FakeDatabase database;
        FakePayments payments;
        auto& orders = world.queue({.visibility_timeout = 30s});
        world.produce(orders, {"order-1"});
        world.consume(orders, [&](const sim::SimMessage& message) {
            handle_order(std::string{message.body()}, database, payments);
        });
        world.run();
        world.expect(sim::drained(orders));
        world.expect(sim::once_per_key(payments.charges));
    });
}

void handle_order_safely(const std::string& order, auto& database, auto& payments) {
    if (!database.is_paid(order)) {
        payments.charge_once(order);
        database.mark_paid(order);
    }
}

void safe_orders(sim::World& world) {
    FakeDatabase database;
    FakePayments payments;
    auto& orders = world.queue({.visibility_timeout = 30s});
    world.produce(orders, {"order-1", "order-2"});
    world.consume(
        orders,
        [&](const sim::SimMessage& message) {
            handle_order_safely(std::string{message.body()}, database, payments);
        },
        {.consumers = 2});
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(payments.charges));
}

// Several consumers, and what they share.

class Store {
public:
    struct Tables {
        std::set<std::string> paid;
        std::vector<std::string> mails;
    };

    /// All of it, or nothing if it throws, its process ends, or another transaction was committed meanwhile.
    template <class Work>
    void transaction(Work work) {
        sim::point("begin");
        const int version = version_;
        Tables tables = tables_;
        work(tables);
        sim::point("commit");
        if (version != version_) {
            throw std::runtime_error{"could not serialize access"};
        }
        tables_ = std::move(tables);
        ++version_;
        sim::point("committed");
    }

    const Tables& tables() const { return tables_; }

private:
    Tables tables_;
    int version_ = 0;
};

void note_payment(const std::string& order, Store& store) {
    store.transaction([&](Store::Tables& tables) {
        if (tables.paid.insert(order).second) {
            tables.mails.push_back(order);
        }
    });
}

void transactional_orders(sim::World& world) {
    Store store;
    auto& orders = world.queue();
    world.produce(orders, {"order-1", "order-2"});
    world.consume(
        orders, [&](const sim::SimMessage& message) { note_payment(std::string{message.body()}, store); },
        {.consumers = 2});
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(store.tables().mails, store.tables().paid));
    world.expect_same_modulo_order(store.tables().mails);
}

/// What a run writes is gone when it ends.
template <class Connection>
class RolledBack {
public:
    explicit RolledBack(Connection& connection) : connection_{connection} { connection_.execute("savepoint run"); }
    ~RolledBack() {
        connection_.execute("rollback to run");
        connection_.execute("release run");
    }

private:
    Connection& connection_;
};

struct FakeConnection {
    std::vector<std::string> statements;
    void execute(const char* statement) { statements.emplace_back(statement); }
};

struct Row {
    std::string order;
    std::string status;
    long long paid_at;
    int id;
};

/// Of the state only what must be the same.
std::map<std::string, std::string> statuses(const std::vector<Row>& rows) {
    std::map<std::string, std::string> result;
    for (const Row& row : rows) {
        result[row.order] = row.status;
    }
    return result;
}

/// A loop of its own.
template <class Queue>
void work(Queue& queue, Store& store, std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
            note_payment(std::string{message->body()}, store);
            queue.delete_message(message->receipt_handle());
        }
    }
}

void orders_in_a_loop(sim::World& world) {
    Store store;
    auto& orders = world.queue();
    world.produce(orders, {"order-1", "order-2"});
    world.spawn("worker", [&](std::stop_token stop) { work(orders, store, stop); });
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(store.tables().mails));
}

void orders_in_batches(sim::World& world) {
    Store store;
    auto& orders = world.queue();
    world.produce(orders, {"order-1", "order-2"});
    const auto handle_batch = [&](std::span<const sim::SimMessage> batch) {
        std::vector<sqsim::MessageId> failed;  // are not deleted
        for (const sim::SimMessage& message : batch) {
            try {
                note_payment(std::string{message.body()}, store);
            } catch (const std::exception&) {
                failed.push_back(message.message_id());
            }
        }
        return failed;
    };
    world.consume(orders, handle_batch, {.max_number_of_messages = 10});
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(store.tables().mails));
}

void account(sim::World& world) {
    std::vector<std::string> booked;
    auto& bookings = world.fifo_queue({.name = "bookings.fifo", .content_based_deduplication = true});
    world.produce(bookings, "alice", {"1: deposit 5", "2: withdraw 3"});
    world.consume(bookings, [&](const sim::SimMessage& message) {
        if (std::find(booked.begin(), booked.end(), message.body()) == booked.end()) {
            booked.emplace_back(message.body());
        }
    });
    world.run();
    world.expect(sim::drained(bookings));
    world.expect_same_as_fault_free(booked);
}

void orders_with_poison(sim::World& world) {
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 4});
    world.produce(orders, {"order-1", "poison"});
    world.consume(orders, [](const sim::SimMessage& message) {
        if (message.body() == "poison") {
            throw std::invalid_argument{"not an order"};
        }
    });
    world.run();
    const std::vector<std::string> poison{"poison"};
    world.expect(sim::drained(orders));
    world.expect(sim::poison_ends_in_dlq(dead, poison));
    world.expect(sim::no_good_message_in_dlq(dead, poison));
}

void orders_with_a_cache(sim::World& world) {
    std::map<std::string, int> charges;
    auto& orders = world.queue();
    world.produce(orders, {"order-1"});
    world.consume(orders, [&] {                                             // called for every incarnation
        return [&, seen = std::set<std::string>{}](const auto& message) mutable {  // `seen` dies with it
            const std::string order{message.body()};
            if (seen.insert(order).second) {
                ++charges[order];
                sim::point("charged");
            }
        };
    });
    world.run();
    world.expect(sim::once_per_key(charges));
}

bool careful_step(void (*step)()) {
    try {
        step();
        return true;
    } catch (const sim::Crash&) {
        throw;
    } catch (...) {
        return false;  // logs, and goes on
    }
}

int fuzz_one_input(const std::uint8_t* data, std::size_t size) {
    const sim::Report report = sim::run_bytes(data, size, safe_orders);
    if (!report) {
        std::fputs(report.to_string().c_str(), stderr);
        std::abort();
    }
    return 0;
}

}  // namespace

TEST_CASE("an order is charged once") {
    CHECK_THAT(sim::explore({.name = "an order is charged once"}, safe_orders), sim::holds());
}

TEST_CASE("guide: several") {
    for (auto f : {transactional_orders, orders_in_a_loop, orders_in_batches, account, orders_with_poison}) {
        const auto r = sim::explore({}, f);
        std::puts(r.to_string().c_str());
        CHECK_THAT(r, sim::holds());
    }
    const auto r = sim::explore({}, orders_with_a_cache);
    std::puts(r.to_string().c_str());
    static_cast<void>(fuzz_one_input(nullptr, 0)); static_cast<void>(careful_step([]{}));
    FakeConnection connection; { RolledBack b{connection}; }
    CHECK(statuses({}).empty());
    const sim::ExploreOptions options{
        .faults = 2,       // of the service, crashes, stalls
        .preemptions = 1,  // another consumer goes first
        .reorders = 1,     // unset, they count as faults
        .misses = 0,
        .name = "an order is charged once",
        .offered = sim::Faults::usual().without({sim::Fault::handler_fails}),
    };
    std::puts(sim::explore(options, safe_orders).to_string().c_str());
    std::puts(sim::sample({.runs=1000, .seed=1}, safe_orders).to_string().c_str());
    std::puts(sim::replay("crash@nowhere.1", safe_orders).to_string().c_str());
}
