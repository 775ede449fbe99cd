// SPDX-License-Identifier: MIT

// The code of docs/testing.md: each of its blocks stands here or in guide_orders.hpp, and what the guide says of it is
// checked.

#include "catch.hpp"
#include "sim/guide_orders.hpp"
#include "structure/source_files.hpp"

#include "sqsim/any_queue.hpp"
#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/io/report.hpp"
#include "sqsim/io/text_file.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/sim/explore.hpp"
#include "sqsim/testing/catch2_sim.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
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

using namespace guide;

sim::Report explore_orders() {
    return sim::explore({.name = "orders are charged once"}, [](sim::World& world) {
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

const sim::ExploreOptions thorough{
    .faults = 2,       // of the service, of effects, crashes, stalls
    .preemptions = 1,  // the others that are ready go first
    .reorders = 1,     // without this budget they count as faults
    .misses = 0,       // the same
    .name = "orders are charged once",
    .offered = sim::Faults::default_faults().without({sim::Fault::handler_fails}),
};

const sim::ExploreOptions nightly{
    .faults = 3,
    .name = "orders are charged once",
    .maximum_plans = 2'000'000,
    .maximum_time = 10min,
    .watchdog = 30s,
};

void orders_under_a_lock(sim::World& world) {
    std::map<std::string, int> charges;
    std::map<std::string, sqsim::ManualClock::time_point> locked_until;
    auto& orders = world.queue({.visibility_timeout = 30s});
    world.produce(orders, {"order-1"});
    const auto handler = [&](const sim::SimMessage& message) {
        const std::string order{message.body()};
        const auto now = world.clock().now();
        if (now < locked_until[order]) {
            throw std::runtime_error{"another consumer has the lock"};
        }
        locked_until[order] = now + 5min;
        sim::deadline("end of the lock", now + 5min);
        if (charges[order] == 0) {
            sim::point("locked");
            ++charges[order];
        }
    };
    world.consume(orders, handler, {.consumers = 2});
    world.run();
    world.expect(sim::once_per_key(charges));
}

class Store {
public:
    struct Tables {
        std::set<std::string> paid;
        std::vector<std::string> mails;
    };

    /// All of it, or nothing if it throws, its process ends, or another transaction is committed meanwhile.
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

    [[nodiscard]] const Tables& tables() const { return tables_; }

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

void noted_orders(sim::World& world) {
    Store store;
    auto& orders = world.queue();
    world.produce(orders, {"order-1", "order-2"});
    const auto handler = [&](const sim::SimMessage& message) { note_payment(std::string{message.body()}, store); };
    world.consume(orders, handler, {.consumers = 2});
    world.run();
    world.expect(sim::once_per_key(store.tables().mails, store.tables().paid));
    world.expect_same_modulo_order(store.tables().mails);
}

template <class Connection>
class RolledBack {
public:
    explicit RolledBack(Connection& connection) : connection_{connection} { connection_.execute("savepoint run"); }
    RolledBack(const RolledBack&) = delete;
    RolledBack& operator=(const RolledBack&) = delete;
    ~RolledBack() {
        connection_.execute("rollback to run");
        connection_.execute("release run");
    }

private:
    Connection& connection_;
};

struct Row {
    std::string order;
    std::string status;
    std::chrono::nanoseconds paid_at;
    int id;
};

std::map<std::string, std::string> statuses(const std::vector<Row>& rows) {
    std::map<std::string, std::string> result;
    for (const Row& row : rows) {
        result[row.order] = row.status;  // neither when, nor under which id
    }
    return result;
}

template <class Queue>
void work(Queue& queue, Store& store, std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
            note_payment(std::string{message->body()}, store);
            queue.delete_message(message->receipt_handle());
        }
    }
}

void work_on(sqsim::AnyQueue queue, Store& store, std::stop_token stop) { work(queue, store, stop); }

void orders_in_a_loop_of_any_queue(sim::World& world) {
    Store store;
    auto& orders = world.queue();
    world.produce(orders, {"order-1", "order-2"});
    world.spawn("worker", [&](std::stop_token stop) { work_on(orders, store, stop); });
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(store.tables().mails));
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
    const auto handler = [&](std::span<const sim::SimMessage> batch) {
        std::vector<sqsim::MessageId> failed;
        for (const sim::SimMessage& message : batch) {
            try {
                note_payment(std::string{message.body()}, store);
            } catch (const std::exception&) {
                failed.push_back(message.message_id());
            }
        }
        return failed;
    };
    world.consume(orders, handler, {.max_number_of_messages = 10});
    world.run();
    world.expect(sim::drained(orders));
    world.expect(sim::once_per_key(store.tables().mails));
}

void bookings_in_order(sim::World& world) {
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
    const std::vector<std::string> poison{"poison"};
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
    world.expect(sim::drained(orders));
    world.expect(sim::poison_ends_in_dlq(dead, poison));
    world.expect(sim::no_good_message_in_dlq(dead, poison));
}

void orders_with_a_cache(sim::World& world) {
    FakePayments payments;
    auto& orders = world.queue();
    world.produce(orders, {"order-1"});
    world.consume(orders, [&] {  // makes the handler, for every incarnation
        return [&, seen = std::set<std::string>{}](const sim::SimMessage& message) mutable {
            if (seen.insert(std::string{message.body()}).second) {  // forgotten in a crash
                payments.charge(std::string{message.body()});
            }
        };
    });
    world.run();
    world.expect(sim::once_per_key(payments.charges));
}

void orders_in_one_process(sim::World& world) {
    using Seen = std::set<std::string>;
    std::map<std::string, int> charges;
    auto& orders = world.queue();
    world.produce(orders, {"order-1"});
    const auto work = [&](Seen& seen) {
        while (true) {
            const auto message = orders.receive_message({.wait_time = 20s});
            if (message && seen.insert(std::string{message->body()}).second) {
                ++charges[std::string{message->body()}];
                sim::point("charged");
            }
            if (message) {
                orders.delete_message(message->receipt_handle());
            }
        }
    };
    world.process("worker", [] { return Seen{}; }, {{"thread 1", work}, {"thread 2", work}});
    world.run();
    world.expect(sim::once_per_key(charges));
}

void answered_orders(sim::World& world) {
    std::map<std::string, std::string> statuses;
    auto& orders = world.queue();
    world.produce(orders, {"order-1"});
    world.settles_within(1h);
    world.consume(orders, [&](const sim::SimMessage& message) {
        const std::string order{message.body()};
        if (sim::fails("database timeout")) {
            throw std::runtime_error{"the database gave no answer"};
        }
        const bool is_paid = sim::choose("provider answers", {"paid", "declined"}) == 0;
        sim::note(order + (is_paid ? " is paid" : " is declined"));
        statuses.try_emplace(order, is_paid ? "paid" : "declined");
    });
    world.run();
    world.expect_equal("orders with a status", statuses.size(), std::size_t{1});
}

void watched_orders(sim::World& world) {
    FakePayments payments;
    int duplicates = 0;
    auto& orders = world.queue();
    world.produce(orders, {"order-1"});
    world.always("at most one charge", [&] { return sim::at_most_once_per_key(payments.charges).holds(); });
    world.sometimes("a message came again", [&] { return duplicates > 0; });
    world.consume(orders, [&](const sim::SimMessage& message) {
        duplicates += message.approximate_receive_count() > 1 ? 1 : 0;
        payments.charge_once(std::string{message.body()});
    });
    world.run();
    world.expect(sim::once_per_key(payments.charges));
}

template <class Step>
bool try_step(Step step) {
    try {
        step();
        return true;
    } catch (const sim::Crash&) {
        throw;  // not an error of the step
    } catch (...) {
        return false;
    }
}

int fuzz_orders(const std::uint8_t* data, std::size_t size) {
    const sim::Report report = sim::run_bytes(data, size, safe_orders);
    if (!report.ok()) {
        std::fputs(report.to_string().c_str(), stderr);
        std::abort();
    }
    return 0;
}

sim::Report sample_schedules() { return sim::sample({.runs = 2'000, .pct_depth = 2}, safe_orders); }

bool orders_hold(const std::vector<std::uint8_t>& bytes) { return sim::run_bytes(bytes, safe_orders).ok(); }

/// What calls answer: "`gone`, false".
using Answers = std::vector<std::pair<std::string, std::string>>;

/// The answers to deletes and changes of visibility, by what has become of the message.
template <class Standard, class Fifo, class Pass>
Answers answers_of(Standard& standard, Fifo& fifo, Pass pass_two_seconds) {
    Answers answers;
    const auto text = [](sqsim::HandleResult result) {
        constexpr std::array<const char*, 5> names{"ok", "expired", "superseded", "gone", "invalid"};
        return "`" + std::string{names[static_cast<std::size_t>(result.status)]} + "`, " + (result ? "true" : "false");
    };
    const auto ask = [&](auto& queue, const std::string& kind, const auto& send) {
        const auto receive = [&] { return queue.receive_message({.visibility_timeout = 1s})->receipt_handle(); };
        const auto add = [&](const char* state, const auto& prepare) {
            for (const bool deletes : {true, false}) {
                send();
                const sqsim::ReceiptHandle handle = prepare(receive);
                const sqsim::HandleResult result =
                    deletes ? queue.delete_message(handle) : queue.change_message_visibility(handle, 5s);
                answers.push_back({(deletes ? "delete | " : "change | ") + kind + " | " + state, text(result)});
                queue.purge();
            }
        };
        add("in flight by this receive", [&](auto& receive_one) { return receive_one(); });
        add("visible again", [&](auto& receive_one) {
            const auto handle = receive_one();
            pass_two_seconds();
            return handle;
        });
        add("received again since", [&](auto& receive_one) {
            const auto handle = receive_one();
            pass_two_seconds();
            static_cast<void>(receive_one());
            return handle;
        });
        add("gone", [&](auto& receive_one) {
            const auto handle = receive_one();
            static_cast<void>(queue.delete_message(handle));
            return handle;
        });
    };
    int sends = 0;
    ask(standard, "standard", [&] { standard.send_message("x"); });
    ask(fifo, "FIFO", [&] { fifo.send_message("x" + std::to_string(++sends), "group"); });
    return answers;
}

/// The blocks of a document between a fence with this word and the next fence.
std::vector<std::string> blocks(const std::string& document, const std::string& word) {
    std::vector<std::string> result;
    const std::string fence = "```" + word + "\n";
    for (auto at = document.find(fence); at != std::string::npos; at = document.find(fence, at)) {
        at += fence.size();
        const auto end = document.find("```", at);
        result.push_back(document.substr(at, end - at));
        at = end + 3;
    }
    return result;
}

/// The text without indentation, so that code may stand deeper in one file than in the other.
std::string unindented(const std::string& text) {
    std::string result;
    for (const auto& line : structure::lines_of(text)) {
        result += line.substr(std::min(line.find_first_not_of(' '), line.size())) + "\n";
    }
    return result;
}

structure::Problems not_in(const std::string& code, const std::vector<std::string>& parts) {
    structure::Problems problems;
    for (const std::string& part : parts) {
        if (unindented(code).find(unindented(part)) == std::string::npos) {
            problems.push_back(part);
        }
    }
    return problems;
}

}  // namespace

TEST_CASE("orders are charged once", "[sim][guide]") {
    CHECK_THAT(sim::explore({.name = "orders are charged once"}, safe_orders), sim::holds());
}

TEST_CASE("regressions are run first", "[sim][guide]") {
    const sim::ExploreOptions options{
        .name = "orders are charged once",
        .regressions = {"effect-unknown@charge#1.1", "crash@update#1.1"},
    };
    CHECK_THAT(sim::explore(options, safe_orders), sim::holds());
}

TEST_CASE("a failing run becomes a page", "[sim][guide]") {
    const std::string page = (std::filesystem::temp_directory_path() / "sqsim-guide.html").string();
    const sim::Report report = explore_orders();
    if (!report.ok() && !sim::write_text_file(page, sim::to_html(report))) {
        WARN("cannot write " << page);
    }
    CHECK(structure::read_file(page) == sim::to_html(report));
    std::filesystem::remove(page);
}

TEST_CASE("the guide's reports are those that its scenarios give", "[sim][guide][structure]") {
    const auto guide = structure::read_file(structure::source_dir() / "docs" / "testing.md");
    const auto reports = blocks(guide, "text");
    REQUIRE(reports.size() == 3);
    CHECK(reports[0] == explore_orders().to_string());
    CHECK(reports[1] == sim::explore({.name = "orders are charged once"}, safe_orders).to_string());
    const sim::Report sampled = sample_schedules();
    CHECK(sampled.ok());
    INFO(sampled.to_string());
    CHECK(sampled.to_string().find(reports[2]) != std::string::npos);
}

TEST_CASE("the guide's code is compiled and run", "[sim][guide][structure]") {
    const auto root = structure::source_dir();
    std::string code;
    for (const auto* file : {"tests/sim/guide_orders.hpp", "tests/sim/guide_test.cpp", "tests/gtest/main.cpp"}) {
        code += structure::read_file(root / file);
    }
    const auto parts = blocks(structure::read_file(root / "docs" / "testing.md"), "cpp");
    CHECK(parts.size() > 15);
    CHECK(not_in(code, parts) == structure::Problems{});

    CHECK(blocks("a\n```cpp\nb;\n```\nc\n```sh\nd\n```\n```cpp\ne;\n```\n", "cpp") ==
          std::vector<std::string>{"b;\n", "e;\n"});
    CHECK(not_in("    a;\n        b;\n", {"a;\n    b;\n"}) == structure::Problems{});
    CHECK(not_in("    a;\n    b;\n", {"a;\nc;\n"}).size() == 1);
}

TEST_CASE("the guide's scenarios hold, except those that it says fail", "[sim][guide]") {
    for (const auto scenario : {noted_orders, orders_in_a_loop, orders_in_a_loop_of_any_queue, orders_in_batches,
                                bookings_in_order, orders_with_poison, watched_orders}) {
        CHECK_THAT(sim::explore(scenario), sim::holds());
    }
    CHECK(sim::explore(orders_with_a_cache).minimal_faults() == 1);
    CHECK(sim::explore(orders_under_a_lock).replay_token() == "stall1@locked#1.1");
    CHECK(sim::explore(orders_in_one_process).replay_token() == "crash@charged#1.1");
    CHECK_THAT(sim::explore(thorough, orders_in_batches), sim::holds());
    CHECK(sim::explore(nightly, orders_under_a_lock).replay_token() == "stall1@locked#1.1");
}

TEST_CASE("the guide's scenario with choices holds under random plans", "[sim][guide]") {
    CHECK_THAT(sim::sample({.runs = 200}, answered_orders), sim::holds());
}

TEST_CASE("the guide's table of answers is what queues in process and in worlds answer", "[sim][guide][structure]") {
    const auto guide = structure::read_file(structure::source_dir() / "docs" / "testing.md");
    Answers in_process;
    {
        sqsim::ManualClock clock;
        sqsim::Queue<sqsim::ManualClock> standard{clock};
        sqsim::FifoQueue<sqsim::ManualClock> fifo{clock, {.content_based_deduplication = true}};
        in_process = answers_of(standard, fifo, [&] { clock.advance(2s); });
    }
    Answers in_world;
    const sim::ReplayOptions as_it_is{};
    CHECK(sim::replay("none", as_it_is, [&](sim::World& world) {
              auto& standard = world.queue();
              auto& fifo = world.fifo_queue({.content_based_deduplication = true});
              world.spawn("client", [&] { in_world = answers_of(standard, fifo, [] { sim::sleep_for(2s); }); });
              world.run();
              world.expect("it went on to the end", in_world.size() == in_process.size());
          }).ok());
    REQUIRE(in_world.size() == in_process.size());
    for (std::size_t i = 0; i < in_process.size(); ++i) {
        const auto& [call, answer] = in_process[i];
        const std::string row = "| " + call + " | " + answer + " | " + in_world[i].second + " | ";
        INFO(row);
        CHECK(guide.find(row) != std::string::npos);
    }
}

TEST_CASE("the guide's entries for fuzzers take bytes", "[sim][guide]") {
    constexpr std::array<std::uint8_t, 6> bytes{0, 0, 0, 1, 0, 2};
    CHECK(fuzz_orders(bytes.data(), bytes.size()) == 0);
    CHECK(orders_hold({bytes.begin(), bytes.end()}));
}

TEST_CASE("the guide's helpers do what it says of them", "[guide]") {
    CHECK_FALSE(try_step([] { throw std::runtime_error{"no"}; }));
    CHECK(try_step([] {}));
    CHECK_THROWS_AS(try_step([] { throw sim::Crash{}; }), sim::Crash);

    CHECK(statuses({{"order-1", "paid", 5s, 7}}) == statuses({{"order-1", "paid", 6s, 8}}));

    struct Connection {
        std::vector<std::string> statements{};
        void execute(const char* statement) { statements.emplace_back(statement); }
    } connection;
    { const RolledBack run{connection}; }
    CHECK(connection.statements == std::vector<std::string>{"savepoint run", "rollback to run", "release run"});
}
