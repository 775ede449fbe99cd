// SPDX-License-Identifier: MIT

// Catches a queue that behaves otherwise behind the type that hides its own: a lost option, a swapped field, a refusal
// that changes something; and code that cannot be explored because it is no template.

#include "catch.hpp"
#include "standard_support.hpp"

#include <sqsim/sim/explore.hpp>
#include <sqsim/sqsim.hpp>

#include <chrono>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace sqsim;
using namespace std::chrono_literals;
using standard::code_of;
using standard::error_of;

using Standard = Queue<ManualClock, std::string, NullMutex>;
using Fifo = FifoQueue<ManualClock, std::string, NullMutex>;

static_assert(std::is_trivially_copyable_v<AnyQueue>);
static_assert(!std::is_constructible_v<AnyQueue, Queue<ManualClock, int>&>, "bodies that are no texts have no place");
static_assert(std::is_constructible_v<AnyQueue, Queue<>&>);
static_assert(std::is_constructible_v<AnyQueue, sim::SimQueue&> &&
              std::is_constructible_v<AnyQueue, sim::SimFifoQueue&>);

/// Ordinary code, compiled once for all queues.
void charge_one(AnyQueue orders, std::map<std::string, int>& charged) {
    if (const auto order = orders.receive_message({.wait_time = 20s})) {
        ++charged[std::string{order->body()}];
        sim::point("charged");
        orders.delete_message(order->receipt_handle());
    }
}

}  // namespace

TEST_CASE("a standard queue is the same behind AnyQueue", "[any_queue]") {
    ManualClock clock;
    Standard queue{clock, {.name = "orders", .visibility_timeout = 30s}};
    const AnyQueue any{queue};
    CHECK_FALSE(any.is_fifo());
    CHECK(any.name() == "orders");

    clock.advance(1s);
    const auto sent = any.send_message("a", {.delay = 5s,
                                             .message_attributes = {{"colour", {"String", "red"}}},
                                             .message_group_id = "tenant",
                                             .aws_trace_header = "Root=1"});
    CHECK(any.counts() == QueueCounts{.delayed = 1});
    CHECK_FALSE(any.receive_message());
    clock.advance(5s);
    const auto message = any.receive_message({.visibility_timeout = 10s});
    REQUIRE(message);
    CHECK(message->body() == "a");
    CHECK(message->message_id() == sent.message_id);
    CHECK(message->approximate_receive_count() == 1);
    CHECK(message->sent_at() == 1s);
    CHECK(message->first_received_at() == 6s);
    CHECK(message->visibility_deadline() == 16s);
    CHECK(message->message_attributes().at("colour").value == "red");
    CHECK(message->aws_trace_header() == "Root=1");
    CHECK(message->message_group_id() == "tenant");
    CHECK_FALSE(message->sequence_number());
    CHECK_FALSE(message->dead_letter_queue_source());

    CHECK(any.change_message_visibility(message->receipt_handle(), 0s));
    const auto again = any.receive_messages();
    REQUIRE(again.size() == 1);
    CHECK(again[0].approximate_receive_count() == 2);
    CHECK(any.delete_message(message->receipt_handle()).status == HandleStatus::superseded);
    const std::vector<ReceiptHandle> handles{again[0].receipt_handle()};
    CHECK(any.delete_messages(handles) == std::vector<HandleResult>{{HandleStatus::ok}});
    CHECK(again[0].body() == "a");  // as long as it is held

    std::vector<AnySendMessageEntry> entries{{"b"}, {""}, {"c"}};
    const auto results = any.send_messages(entries);
    REQUIRE(results.size() == 3);
    CHECK((results[0] && !results[1] && results[2]));
    CHECK(any.counts().visible == 2);
    any.purge();
    CHECK(any.counts().total() == 0);
}

TEST_CASE("a FIFO queue is the same behind AnyQueue", "[any_queue]") {
    ManualClock clock;
    Fifo queue{clock, {.name = "orders.fifo"}};
    const AnyQueue any{queue};
    CHECK(any.is_fifo());
    const auto first = any.send_message("a", {.message_group_id = "g", .message_deduplication_id = "1"});
    CHECK(any.send_message("a", {.message_group_id = "g", .message_deduplication_id = "1"}).deduplicated);
    CHECK(any.send_message("b", {.message_group_id = "g", .message_deduplication_id = "2"}).sequence_number >
          first.sequence_number);
    const auto message = any.receive_message();
    REQUIRE(message);
    CHECK(message->message_group_id() == "g");
    CHECK(message->message_deduplication_id() == "1");
    CHECK(message->sequence_number() == first.sequence_number);
    CHECK_FALSE(any.receive_message());  // the group waits
    CHECK(any.delete_message(message->receipt_handle()));

    std::vector<AnySendMessageEntry> entries{{"c", {.message_group_id = "h", .message_deduplication_id = "3"}},
                                             {"", {.message_group_id = "h", .message_deduplication_id = "4"}}};
    const auto results = any.send_messages(entries);
    REQUIRE(results.size() == 2);
    CHECK((results[0] && !results[1]));
    CHECK(any.counts().visible == 2);
}

TEST_CASE("what the other kind of queue would accept is refused, and nothing is stored", "[any_queue]") {
    ManualClock clock;
    Standard standard{clock};
    Fifo fifo{clock, {.name = "a.fifo"}};
    const AnyQueue any_standard{standard};
    const AnyQueue any_fifo{fifo};
    CHECK(code_of([&] { any_fifo.send_message("a"); }) == Errc::missing_parameter);  // R49
    const auto error = error_of([&] { any_standard.send_message("a", {.message_deduplication_id = "1"}); });
    REQUIRE(error);
    CHECK(error->code() == Errc::invalid_parameter_value);  // R53
    CHECK(std::string{error->what()} ==
          "Value 1 for parameter MessageDeduplicationId is invalid. Reason: The request include parameter that is not "
          "valid for this queue type.");
    std::vector<AnySendMessageEntry> entries{{"a"}, {"b", {.message_deduplication_id = "1"}}};
    CHECK(code_of([&] { any_standard.send_messages(entries); }) == Errc::invalid_parameter_value);
    CHECK(entries[0].body == "a");
    CHECK(standard.counts().total() == 0);
    CHECK(fifo.counts().total() == 0);

    Standard full{clock, {.capacity = 1}};
    full.send_message("x");
    CHECK(AnyQueue{full}.try_send_message("y").error().code() == Errc::queue_full);
}

TEST_CASE("a message of AnyQueue outlives its queue", "[any_queue]") {
    ManualClock clock;
    AnyMessage message;
    CHECK_FALSE(message);
    {
        Standard queue{clock};
        queue.send_message("kept");
        message = AnyQueue{queue}.receive_message().value();
    }
    const AnyMessage copy = message;
    message = {};
    CHECK(copy.body() == "kept");
}

TEST_CASE("code that is no template is explored through AnyQueue", "[any_queue][sim]") {
    const auto explored = [](bool fifo) {
        return sim::explore({.faults = 1}, [fifo](sim::World& world) {
            std::map<std::string, int> charged;
            const auto consume = [&](AnyQueue orders) {
                world.spawn("consumer", [orders, &charged] {
                    while (true) {
                        charge_one(orders, charged);
                    }
                });
            };
            if (fifo) {
                auto& queue = world.fifo_queue();
                world.produce(queue, "g", {"a"});
                consume(queue);
            } else {
                auto& queue = world.queue();
                world.produce(queue, {"a"});
                consume(queue);
            }
            world.run();
            world.expect_same_as_fault_free(charged);
        });
    };
    for (const bool fifo : {false, true}) {
        const sim::Report report = explored(fifo);
        INFO(report);
        CHECK(report.verdict == sim::Verdict::violated);
        CHECK(report.minimal_faults() == 1);
    }
}
