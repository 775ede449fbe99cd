// SPDX-License-Identifier: MIT
// Catches a queue that is built from options out of range, a default or a border that differs from the service's, a
// refused change of an attribute that sticks, and a limit that Limits::none() does not lift.

#include "send_support.hpp"

#include <chrono>
#include <cstddef>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using send_support::FifoQueue;
using send_support::fill;
using send_support::outcome;
using send_support::refusal;
using send_support::StandardQueue;

namespace {

/// The outcome of a construction. A queue that is refused must leave nothing on the clock.
template <class Queue, class Options>
std::string construct(const Options& options) {
    sqsim::ManualClock clock;
    const auto text = outcome([&] {
        const Queue queue{clock, options};
        return queue.counts();
    });
    clock.advance(1s);  // reaches every queue that the clock knows of
    return clock.next_event() ? text + " -- but something is pending" : text;
}

struct Refused {
    std::string attribute;
    std::string value;
    std::string limit;
};

void check_refused(const std::string& text, const Refused& expected) {
    CAPTURE(text, expected.value, expected.limit);
    CHECK_THAT(text, Catch::Matchers::StartsWith("InvalidAttributeValue: Invalid value for the parameter " +
                                                 expected.attribute + "."));
    CHECK(text.find(" " + expected.value + " ") != std::string::npos);
    const auto holds = [&](const std::string& part) { return text.find(part) != std::string::npos; };
    CHECK((holds(" " + expected.limit + " ") || holds(" " + expected.limit + ".")));
    CHECK_THAT(text, !Catch::Matchers::EndsWith("pending"));
}

const std::string bad_name =
    "InvalidParameterValue: Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length";
const std::string bad_fifo_name =
    "InvalidParameterValue: The name of a FIFO queue can only include alphanumeric characters, hyphens, or "
    "underscores, must end with .fifo suffix and be 1 to 80 in length";

/// The ranges that both kinds of queue have.
template <class Queue, class Options>
void check_ranges() {
    const auto with = [](auto change) {
        Options options;
        change(options);
        return construct<Queue>(options);
    };
    struct Case {
        std::chrono::nanoseconds Options::*member;
        std::string attribute;
        std::chrono::nanoseconds least;
        std::chrono::nanoseconds most;
        std::string least_text;
        std::string most_text;
    };
    const std::vector<Case> cases{
        {&Options::visibility_timeout, "VisibilityTimeout", 0s, 43'200s, "0", "43200"},
        {&Options::delay, "DelaySeconds", 0s, 900s, "0", "900"},
        {&Options::message_retention_period, "MessageRetentionPeriod", 60s, 1'209'600s, "60", "1209600"},
        {&Options::receive_message_wait_time, "ReceiveMessageWaitTimeSeconds", 0s, 20s, "0", "20"}};
    for (const auto& range : cases) {
        const auto set = [&](std::chrono::nanoseconds value) {
            return with([&](Options& options) { options.*range.member = value; });
        };
        CAPTURE(range.attribute);
        CHECK(set(range.least) == "accepted");
        CHECK(set(range.most) == "accepted");
        CHECK(set(range.least + 1ns) == "accepted");  // fractions of seconds are allowed
        CHECK(set(range.most - 1ns) == "accepted");
        const auto whole = [](std::chrono::nanoseconds value) {
            return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(value).count());
        };
        check_refused(set(range.most + 1s), {range.attribute, whole(range.most + 1s), range.most_text});
        check_refused(set(range.least - 1s), {range.attribute, whole(range.least - 1s), range.least_text});
        check_refused(set(range.most + 1ns), {range.attribute, range.most_text + ".000000001", range.most_text});
        CHECK(set(range.least - 1ns) != "accepted");
    }

    const auto size = [&](std::size_t value) {
        return with([&](Options& options) { options.maximum_message_size = value; });
    };
    CHECK(size(1024) == "accepted");
    CHECK(size(1'048'576) == "accepted");
    check_refused(size(1023), {"MaximumMessageSize", "1023", "1024"});
    check_refused(size(1'048'577), {"MaximumMessageSize", "1048577", "1048576"});
    check_refused(size(0), {"MaximumMessageSize", "0", "1024"});
}

template <class Queue>
void check_setters() {
    sqsim::ManualClock clock;
    Queue queue{clock};
    fill(queue);
    const auto before = queue.options();
    const auto refused = [&](const Refused& expected, auto call) {
        check_refused(refusal(queue, call), expected);
        CHECK(queue.options().visibility_timeout == before.visibility_timeout);
        CHECK(queue.options().delay == before.delay);
        CHECK(queue.options().message_retention_period == before.message_retention_period);
        CHECK(queue.options().receive_message_wait_time == before.receive_message_wait_time);
        CHECK(queue.options().maximum_message_size == before.maximum_message_size);
    };
    refused({"VisibilityTimeout", "43201", "43200"}, [&] { queue.set_visibility_timeout(43'201s); });
    refused({"VisibilityTimeout", "-1", "0"}, [&] { queue.set_visibility_timeout(-1s); });
    refused({"DelaySeconds", "901", "900"}, [&] { queue.set_delay(901s); });
    refused({"DelaySeconds", "-0.5", "0"}, [&] { queue.set_delay(-500ms); });
    refused({"MessageRetentionPeriod", "59", "60"}, [&] { queue.set_message_retention_period(59s); });
    refused({"MessageRetentionPeriod", "1209601", "1209600"}, [&] { queue.set_message_retention_period(1'209'601s); });
    refused({"ReceiveMessageWaitTimeSeconds", "21", "20"}, [&] { queue.set_receive_message_wait_time(21s); });
    refused({"ReceiveMessageWaitTimeSeconds", "-1", "0"}, [&] { queue.set_receive_message_wait_time(-1s); });
    refused({"MaximumMessageSize", "1023", "1024"}, [&] { queue.set_maximum_message_size(1023); });
    refused({"MaximumMessageSize", "1048577", "1048576"}, [&] { queue.set_maximum_message_size(1'048'577); });

    queue.set_visibility_timeout(12h);
    queue.set_delay(900s);
    queue.set_message_retention_period(60s);
    queue.set_receive_message_wait_time(20s);
    queue.set_maximum_message_size(1024);
    CHECK(queue.options().visibility_timeout == 12h);
    CHECK(queue.options().delay == 900s);
    CHECK(queue.options().message_retention_period == 60s);
    CHECK(queue.options().receive_message_wait_time == 20s);
    CHECK(queue.options().maximum_message_size == 1024);
}

}  // namespace

TEST_CASE("R1: the defaults are the service's", "[options]") {
    const sqsim::QueueOptions standard;
    CHECK(standard.visibility_timeout == 30s);
    CHECK(standard.delay == 0s);
    CHECK(standard.message_retention_period == 345'600s);
    CHECK(standard.receive_message_wait_time == 0s);
    CHECK(standard.maximum_message_size == 1'048'576);
    CHECK(standard.capacity == sqsim::unlimited);
    CHECK(standard.delivery == sqsim::DeliveryModel::exact());
    CHECK(standard.limits == sqsim::Limits::aws());
    const sqsim::FifoQueueOptions fifo;
    CHECK(fifo.visibility_timeout == 30s);
    CHECK(fifo.delay == 0s);
    CHECK(fifo.message_retention_period == 345'600s);
    CHECK(fifo.receive_message_wait_time == 0s);
    CHECK(fifo.maximum_message_size == 1'048'576);
    CHECK(fifo.deduplication_interval == 300s);
    CHECK_FALSE(fifo.content_based_deduplication);
    CHECK(fifo.deduplication_scope == sqsim::DeduplicationScope::queue);
}

TEST_CASE("R5: an option of a standard queue out of range is refused with its value and its limit", "[options]") {
    check_ranges<StandardQueue, sqsim::QueueOptions>();
}

TEST_CASE("R5: an option of a FIFO queue out of range is refused with its value and its limit", "[options][fifo]") {
    check_ranges<FifoQueue, sqsim::FifoQueueOptions>();
    CHECK_THAT(construct<FifoQueue>(sqsim::FifoQueueOptions{.deduplication_interval = -1s}),
               Catch::Matchers::StartsWith(
                   "InvalidAttributeValue: Invalid value for the parameter deduplication_interval. Reason: -1 "));
    CHECK(construct<FifoQueue>(sqsim::FifoQueueOptions{.deduplication_interval = 0s}) == "accepted");
}

TEST_CASE("R5: a change of an attribute out of range is refused and changes nothing", "[options]") {
    check_setters<StandardQueue>();
}

TEST_CASE("R5: a change of a FIFO queue's attribute out of range is refused and changes nothing", "[options][fifo]") {
    check_setters<FifoQueue>();
}

TEST_CASE("a delivery model out of range is refused", "[options]") {
    const auto with = [](const sqsim::DeliveryModel& model) {
        return construct<StandardQueue>(sqsim::QueueOptions{.delivery = model});
    };
    using Model = sqsim::DeliveryModel;
    for (const double bad :
         {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
        CHECK_THAT(with({.duplicate_probability = bad}),
                   Catch::Matchers::StartsWith(
                       "InvalidAttributeValue: Invalid value for the parameter duplicate_probability."));
        CHECK_THAT(with({.short_poll_miss_probability = bad}),
                   Catch::Matchers::StartsWith(
                       "InvalidAttributeValue: Invalid value for the parameter short_poll_miss_probability."));
        CHECK_THAT(with({.lost_delete_probability = bad}),
                   Catch::Matchers::StartsWith(
                       "InvalidAttributeValue: Invalid value for the parameter lost_delete_probability."));
    }
    check_refused(with({.reorder_window = -1}), {"reorder_window", "-1", "negative"});
    CHECK(with({.duplicate_probability = 1, .short_poll_miss_probability = 1, .lost_delete_probability = 1}) ==
          "accepted");
    CHECK(with(Model::adversarial(1)) == "accepted");
}

TEST_CASE("R16, R17: a name is up to 80 letters, digits, hyphens and underscores", "[options][name]") {
    const auto with = [](const std::string& name) {
        return construct<StandardQueue>(sqsim::QueueOptions{.name = name});
    };
    for (const auto& good : {"a"s, std::string(80, 'n'), "azAZ09-_"s, "-"s, ""s}) {  // here a queue needs no name
        CAPTURE(good);
        CHECK(with(good) == "accepted");
    }
    for (const auto& bad : {std::string(81, 'n'), "two words"s, "a.b"s, "a/b"s, "a\n"s, "\xC3\xA9"s, "a\x00"s, "!"s}) {
        CAPTURE(bad);
        CHECK(with(bad) == bad_name);
    }
    sqsim::ManualClock clock;
    const StandardQueue queue{clock, {.name = "Orders_1"}};
    CHECK(queue.name() == "Orders_1");  // case is kept
}

TEST_CASE("R16, R18: the suffix .fifo belongs to FIFO queues and counts within the 80", "[options][name][fifo]") {
    const auto standard = construct<StandardQueue>(sqsim::QueueOptions{.name = "orders.fifo"});
    CHECK(standard == bad_name);

    const auto with = [](const std::string& name) {
        return construct<FifoQueue>(sqsim::FifoQueueOptions{.name = name});
    };
    for (const auto& good : {"a.fifo"s, std::string(75, 'n') + ".fifo", "azAZ09-_.fifo"s, ""s}) {
        CAPTURE(good);
        CHECK(with(good) == "accepted");
    }
    for (const auto& bad : {"orders"s, std::string(76, 'n') + ".fifo", "a.b.fifo"s, "a b.fifo"s, "a.FIFO"s, "a.fifo "s,
                            "afifo"s, ".fifo.fifo"s, "fifo"s, "x"s}) {
        CAPTURE(bad);
        CHECK(with(bad) == bad_fifo_name);
    }
}

TEST_CASE("a queue's own limits replace the service's, in the checks and in the texts", "[options][limits]") {
    sqsim::Limits limits;
    limits.maximum_delay = 1500ms;
    limits.maximum_visibility_timeout = 60s;
    limits.maximum_wait_time = 5s;
    limits.maximum_number_of_messages = 3;
    limits.maximum_batch_entries = 2;
    limits.maximum_message_attributes = 1;
    limits.maximum_receive_count = 4;

    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.limits = limits}};
    StandardQueue dead{clock, {.limits = limits}};
    queue.send_message("m");
    CHECK(refusal(queue, [&] { return queue.send_message("m", {.delay = 2s}); }) ==
          "InvalidParameterValue: Value 2 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and "
          "<= 1.5.");
    CHECK(refusal(queue, [&] { return queue.receive_messages({.max_number_of_messages = 4}); }) ==
          "InvalidParameterValue: Value 4 for parameter MaxNumberOfMessages is invalid. Reason: Must be between 1 and "
          "3, if provided.");
    CHECK(refusal(queue, [&] { return queue.receive_message({.visibility_timeout = 61s}); }) ==
          "InvalidParameterValue: Value 61 for parameter VisibilityTimeout is invalid. Reason: Must be >= 0 and <= 60, "
          "if provided.");
    CHECK(refusal(queue, [&] { return queue.receive_message({.wait_time = 6s}); }) ==
          "InvalidParameterValue: Value 6 for parameter WaitTimeSeconds is invalid. Reason: Must be >= 0 and <= 5, if "
          "provided.");
    std::vector<sqsim::SendMessageEntry<std::string>> batch{{.body = "a"}, {.body = "b"}, {.body = "c"}};
    CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) ==
          "AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 2. You have "
          "sent 3.");
    CHECK(refusal(queue, [&] {
              return queue.send_message("m", {.message_attributes = {{"a", {"String", "x"}}, {"b", {"String", "x"}}}});
          }) == "InvalidParameterValue: Number of message attributes [2] exceeds the allowed maximum [1].");
    CHECK_THAT(refusal(queue, [&] { queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 5}); }),
               Catch::Matchers::EndsWith("Invalid value for maxReceiveCount: 5, valid values are from 1 to 4 both "
                                         "inclusive."));
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    clock.advance(1s);
    CHECK(refusal(queue, [&] { return queue.change_message_visibility(message->receipt_handle(), 60s); }) ==
          "InvalidParameterValue: Value 60 for parameter VisibilityTimeout is invalid. Reason: Total VisibilityTimeout "
          "for the message is beyond the limit [60 seconds].");
    CHECK(refusal(queue, [&] {
              queue.set_visibility_timeout(61s);
          }).starts_with("InvalidAttributeValue: Invalid value for the parameter VisibilityTimeout."));

    // A default that a smaller limit excludes must be changed with it.
    sqsim::Limits older;
    older.maximum_message_size = 262'144;
    check_refused(construct<StandardQueue>(sqsim::QueueOptions{.limits = older}),
                  {"MaximumMessageSize", "1048576", "262144"});
}

TEST_CASE("Limits::none() lifts what the service limits", "[options][limits]") {
    sqsim::ManualClock clock;
    const std::chrono::nanoseconds year = std::chrono::hours{24 * 365};
    StandardQueue queue{clock,
                        {.visibility_timeout = year,
                         .message_retention_period = 10 * year,
                         .receive_message_wait_time = 0s,
                         .maximum_message_size = sqsim::unlimited,
                         .limits = sqsim::Limits::none()}};
    StandardQueue dead{clock, {.maximum_message_size = 1, .limits = sqsim::Limits::none()}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1'000'000});

    sqsim::MessageAttributes eleven;
    for (char c = 'a'; c < 'l'; ++c) {
        eleven[std::string(1, c)] = {"String", "x"};
    }
    const auto late = queue.send_message("late", {.delay = year});
    CHECK(queue.peek(late.message_id)->available_at == clock.now() + year);
    queue.send_message(std::string(1'048'577, 'x'), {.message_attributes = eleven});
    queue.send_message("\x01 any bytes \xFF");
    std::vector<sqsim::SendMessageEntry<std::string>> batch(11, {.body = std::string(100'000, 'y')});
    for (const auto& result : queue.send_messages(batch)) {
        CHECK(result.has_value());
    }
    const auto messages = queue.receive_messages({.max_number_of_messages = 1000});
    REQUIRE(messages.size() == 13);
    CHECK(messages[0].body().size() == 1'048'577);
    CHECK(messages[1].body() == "\x01 any bytes \xFF");
    CHECK(messages[0].visibility_deadline() == clock.now() + year);
    CHECK(queue.change_message_visibility(messages[0].receipt_handle(), 5 * year));
    CHECK(queue.change_message_visibility(messages[1].receipt_handle(), std::chrono::nanoseconds::max()));
    std::vector<sqsim::ReceiptHandle> handles;
    for (const auto& message : messages) {
        handles.push_back(message.receipt_handle());
    }
    CHECK(queue.delete_messages(handles).size() == 13);
    CHECK(queue.counts() == sqsim::QueueCounts{0, 0, 1});

    auto task = sqsim::start_message_move_task(dead, {.max_number_of_messages_per_second = 1'000'000});
    CHECK(task.max_number_of_messages_per_second() == 1'000'000);

    // Messages still need a body, ids their form, and no duration is negative.
    CHECK(refusal(queue, [&] { return queue.send_message(""); }) ==
          "MissingParameter: The request must contain the parameter MessageBody.");
    CHECK_THAT(refusal(queue, [&] { return queue.send_message("m", {.message_group_id = "a b"}); }),
               Catch::Matchers::StartsWith("InvalidParameterValue: Value a b for parameter MessageGroupId"));
    CHECK_THAT(refusal(queue, [&] { return queue.send_message("m", {.delay = -1ns}); }),
               Catch::Matchers::StartsWith("InvalidParameterValue: Value -0.000000001 for parameter DelaySeconds"));
    CHECK_THAT(refusal(queue, [&] { return queue.receive_message({.visibility_timeout = -1s}); }),
               Catch::Matchers::StartsWith("InvalidParameterValue: Value -1 for parameter VisibilityTimeout"));
    CHECK(construct<StandardQueue>(sqsim::QueueOptions{.visibility_timeout = -1s, .limits = sqsim::Limits::none()}) !=
          "accepted");
}

TEST_CASE("durations below a second count", "[options]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.visibility_timeout = 10ms, .delay = 5ms, .message_retention_period = 60s + 1ms}};
    queue.send_message("m");
    CHECK_FALSE(queue.receive_message().has_value());
    clock.advance(5ms);
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    clock.advance(10ms - 1ns);
    CHECK(queue.counts() == sqsim::QueueCounts{0, 1, 0});
    clock.advance(1ns);
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 0});
    clock.advance_to(send_support::Instant{60s});
    CHECK(queue.counts().total() == 1);
    clock.advance(1ms);
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("a queue answers with the options that it was given", "[options]") {
    sqsim::ManualClock clock;
    const StandardQueue queue{clock,
                              {.name = "q",
                               .visibility_timeout = 1s,
                               .delay = 2s,
                               .message_retention_period = 70s,
                               .receive_message_wait_time = 3s,
                               .maximum_message_size = 2000,
                               .capacity = 5,
                               .delivery = sqsim::DeliveryModel::adversarial(4),
                               .back_of_queue_after_three_receives = true}};
    const auto options = queue.options();
    CHECK(options.name == "q");
    CHECK(options.visibility_timeout == 1s);
    CHECK(options.delay == 2s);
    CHECK(options.message_retention_period == 70s);
    CHECK(options.receive_message_wait_time == 3s);
    CHECK(options.maximum_message_size == 2000);
    CHECK(options.capacity == 5);
    CHECK(options.delivery == sqsim::DeliveryModel::adversarial(4));
    CHECK(options.back_of_queue_after_three_receives);
}
