// SPDX-License-Identifier: MIT

// The library without exceptions and without RTTI: it works, and a caller's bug reaches the error handler.

#include <sqsim/sim/explore.hpp>
#include <sqsim/sqsim.hpp>

#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>

namespace {

void check(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "failed: %s\n", what);
        std::exit(1);
    }
}

void standard_queue() {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    queue.send_message("a");
    const auto message = queue.receive_message();
    check(message && message->body() == "a", "a message is received");
    check(!queue.receive_message(), "a message in flight is invisible");
    check(static_cast<bool>(queue.delete_message(message->receipt_handle())), "it can be deleted");
}

void fifo_queue() {
    sqsim::ManualClock clock;
    sqsim::FifoQueue queue{clock};
    queue.send_message("1", "group", {.message_deduplication_id = "one"});
    queue.send_message("2", "group", {.message_deduplication_id = "two"});
    check(queue.send_message("2", "group", {.message_deduplication_id = "two"}).deduplicated,
          "a repetition is noticed");
    for (const char* expected : {"1", "2"}) {
        const auto message = queue.receive_message({.max_number_of_messages = 1});
        check(message && message->body() == expected, "messages of a group come in order");
        check(static_cast<bool>(queue.delete_message(message->receipt_handle())),
              "a message of a group can be deleted");
    }
}

void simulation() {
    const auto explore = [](auto pay) {
        return sqsim::sim::explore({.faults = 1}, [pay](sqsim::sim::World& world) {
            std::map<std::string, int> paid;
            auto& orders = world.queue();
            world.produce(orders, {"a"});
            world.consume(orders, [&](const auto& message) {
                pay(paid[std::string{message.body()}]);
                sqsim::sim::point("paid");
            });
            world.run();
            world.expect(sqsim::sim::once_per_key(paid));
        });
    };
    check(explore([](int& amount) { amount = 1; }).ok(), "an idempotent consumer is one");
    const auto report = explore([](int& amount) { ++amount; });
    check(report.minimal_faults() == 1, "another is not: its process just ends, and nothing is unwound");
}

// Ends the program with success: after the handler the library would abort.
void expect_invalid_value(const sqsim::Error& error) {
    check(error.code() == sqsim::Errc::invalid_parameter_value, "the handler is told the error");
    std::exit(0);
}

}  // namespace

int main() {
    standard_queue();
    fifo_queue();
    simulation();

    sqsim::set_error_handler(expect_invalid_value);
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    static_cast<void>(queue.receive_message({.max_number_of_messages = 0}));
    check(false, "an option out of range reaches the error handler");
}
