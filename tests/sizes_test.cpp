// SPDX-License-Identifier: MIT
// Catches memory that is asked for by an option instead of by what a queue holds, and a limit with which a queue could
// never answer.

#include "send_support.hpp"
#include "watched_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using send_support::FifoQueue;
using send_support::outcome;
using send_support::StandardQueue;

namespace {

constexpr int most = std::numeric_limits<int>::max();

/// How many bytes are asked for while `work` runs.
template <class Work>
std::uint64_t bytes_of(Work work) {
    watched::bytes = 0;
    watched::counting = true;
    work();
    watched::counting = false;
    return watched::bytes;
}

template <class Queue, class Options>
std::string construct(const Options& options) {
    sqsim::ManualClock clock;
    return outcome([&] {
        const Queue queue{clock, options};
        return queue.counts();
    });
}

}  // namespace

TEST_CASE("a reorder window of any size takes memory for the messages that there are", "[sizes][reorder]") {
    for (const std::size_t count : {5U, 2'000U}) {
        for (const int window : {0, 1, most - 1, most}) {
            CAPTURE(count, window);
            sqsim::ManualClock clock;
            StandardQueue queue{clock,
                                {.delivery = {.reorder_window = window, .seed = 1}, .limits = sqsim::Limits::none()}};
            REQUIRE(queue.send_messages(std::vector<std::string_view>(count, "m")) == count);
            std::vector<StandardQueue::message_type> messages;
            const std::uint64_t bytes =
                bytes_of([&] { messages = queue.receive_messages({.max_number_of_messages = most}); });
            CHECK(messages.size() == count);
            CHECK(queue.counts() == sqsim::QueueCounts{0, count, 0});
            CHECK(bytes <= 400 * count + 10'000);
        }
    }
}

TEST_CASE("what a wide reorder window passes over is delivered later", "[sizes][reorder]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.delivery = {.reorder_window = most, .seed = 1}}};
    REQUIRE(queue.send_messages(std::vector<std::string_view>(1'000, "m")) == 1'000);
    std::size_t received = 0;
    for (int call = 0; call < 100; ++call) {
        for (const auto& message : queue.receive_messages()) {
            ++received;
            CHECK(queue.delete_message(message.receipt_handle()));
        }
    }
    CHECK(received == 1'000);
    CHECK(queue.counts() == sqsim::QueueCounts{});
}

TEST_CASE("partitions take memory only where calls are counted", "[sizes][throughput]") {
    constexpr std::size_t partitions = 1'000'000;
    sqsim::ManualClock clock;
    CHECK(bytes_of([&] { const FifoQueue queue{clock, {.partitions = partitions}}; }) < 100'000);
}

TEST_CASE("limits that no receive and no move could meet are refused", "[sizes][limits]") {
    const auto with = [](auto set) {
        sqsim::Limits limits;
        set(limits);
        return std::vector{construct<StandardQueue>(sqsim::QueueOptions{.limits = limits}),
                           construct<FifoQueue>(sqsim::FifoQueueOptions{.limits = limits})};
    };
    const auto refused = [](const std::string& name, const std::string& value, const std::string& greatest) {
        return std::vector<std::string>(2, "InvalidAttributeValue: Invalid value for the parameter " + name +
                                               ". Reason: " + value + " is not between 1 and " + greatest + ".");
    };
    const std::vector<std::string> accepted(2, "accepted");
    for (const int value : {0, -1, std::numeric_limits<int>::min()}) {
        const std::string text = std::to_string(value);
        CHECK(with([&](auto& limits) { limits.maximum_number_of_messages = value; }) ==
              refused("maximum_number_of_messages", text, "2147483647"));
        CHECK(with([&](auto& limits) { limits.maximum_receive_count = value; }) ==
              refused("maximum_receive_count", text, "2147483647"));
        CHECK(with([&](auto& limits) { limits.maximum_move_rate = value; }) ==
              refused("maximum_move_rate", text, "2147483647"));
    }
    CHECK(with([&](auto& limits) { limits.fifo_backlog_window = 0; }) ==
          refused("fifo_backlog_window", "0", std::to_string(sqsim::unlimited)));
    for (const int value : {1, most}) {
        CHECK(with([&](auto& limits) { limits.maximum_number_of_messages = value; }) == accepted);
        CHECK(with([&](auto& limits) { limits.maximum_receive_count = value; }) == accepted);
        CHECK(with([&](auto& limits) { limits.maximum_move_rate = value; }) == accepted);
    }
    for (const std::size_t value : {std::size_t{1}, sqsim::unlimited}) {
        CHECK(with([&](auto& limits) { limits.fifo_backlog_window = value; }) == accepted);
    }
}
