// SPDX-License-Identifier: MIT
// Catches a FIFO queue that throttles without being asked to, that counts actions together, or a group that gets more
// than its partition.

#include "catch.hpp"

#include <sqsim/sqsim.hpp>

#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Queue = sqsim::FifoQueue<sqsim::ManualClock>;

/// How many of `calls` sends to groups `group(i)` are accepted before one is throttled.
template <class Group>
int accepted(Queue& queue, int calls, Group group) {
    for (int i = 0; i < calls; ++i) {
        try {
            queue.send_message("m", group(i));
        } catch (const sqsim::Error& error) {
            CHECK(error.code() == sqsim::Errc::request_throttled);
            CHECK(std::string{error.what()} == "Request is throttled.");
            return i;
        }
    }
    return calls;
}

}  // namespace

TEST_CASE("R159: without a limit a FIFO queue serves any number of calls", "[throughput][fifo]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.content_based_deduplication = true}};
    CHECK(accepted(queue, 1000, [](int) { return "g"; }) == 1000);
}

TEST_CASE("R159, R162: a FIFO queue serves 300 calls a second of each action", "[throughput][fifo]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.content_based_deduplication = true, .maximum_calls_per_second = sqsim::fifo_calls_per_second}};
    CHECK(accepted(queue, 1000, [](int) { return "g"; }) == 300);

    SECTION("the refused send stored nothing") {
        CHECK(queue.counts().total() == 1);  // one message and 299 duplicates of it
        CHECK(queue.metrics().number_of_messages_sent == 1);
    }
    SECTION("receives and deletes have quotas of their own") {
        auto message = queue.receive_message();
        REQUIRE(message);
        for (int i = 1; i < 300; ++i) {
            CHECK_FALSE(queue.receive_message());
        }
        CHECK_THROWS_AS(queue.receive_message(), sqsim::Error);
        CHECK(queue.delete_message(message->receipt_handle()));
    }
    SECTION("the quota is there again a second after the first call, and not before") {
        clock.advance(1s - 1ns);
        CHECK(accepted(queue, 1, [](int) { return "g"; }) == 0);
        clock.advance(1ns);
        CHECK(accepted(queue, 1000, [](int) { return "g"; }) == 300);
    }
    SECTION("a batch of ten is one call: 3,000 messages a second") {
        clock.advance(1s);
        int batches = 0;
        for (; batches < 1000; ++batches) {
            std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
            for (int i = 0; i < 10; ++i) {
                entries.push_back({.body = std::to_string(batches) + "." + std::to_string(i), .message_group_id = "g"});
            }
            try {
                queue.send_messages(entries);
            } catch (const sqsim::Error&) {
                break;
            }
        }
        CHECK(batches == 300);
        CHECK(queue.counts().total() == 3001);
    }
}

TEST_CASE("R160: high throughput has a quota of calls for each region", "[throughput][fifo]") {
    CHECK(sqsim::fifo_high_throughput_calls_per_second("us-east-1") == 70'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("us-west-2") == 70'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("eu-west-1") == 70'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("us-east-2") == 19'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("eu-central-1") == 19'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("ap-south-1") == 9'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("ap-southeast-1") == 9'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("ap-southeast-2") == 9'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("ap-northeast-1") == 9'000);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("eu-west-2") == 4'500);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("sa-east-1") == 4'500);
    CHECK(sqsim::fifo_high_throughput_calls_per_second("ca-central-1") == 2'400);
}

TEST_CASE("R161: one group never gets more than one partition's rate", "[throughput][fifo]") {
    sqsim::ManualClock clock;
    Queue queue{clock,
                {.content_based_deduplication = true,
                 .maximum_calls_per_second = sqsim::fifo_high_throughput_calls_per_second("us-east-1"),
                 .partitions = 32}};
    CHECK(accepted(queue, 1000, [](int) { return "hot"; }) == 300);

    clock.advance(1s);
    CHECK(accepted(queue, 1000, [](int i) { return "group-" + std::to_string(i); }) == 1000);
}

TEST_CASE("R163: a standard queue serves any number of calls", "[throughput][standard]") {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    for (int i = 0; i < 1000; ++i) {
        queue.send_message("m");
    }
    CHECK(queue.counts().visible == 1000);
}
