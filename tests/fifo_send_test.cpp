// SPDX-License-Identifier: MIT
// Catches a FIFO queue that takes a message's own delay, mixes up the errors of missing and malformed ids, remembers
// the deduplication id of a refused send, hashes the wrong bytes, or reorders a batch.

#include "send_support.hpp"

#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using send_support::FifoQueue;
using send_support::fill;
using send_support::Job;
using send_support::outcome;
using send_support::outcome_of;
using send_support::refusal;

namespace {

using Entry = sqsim::FifoSendMessageEntry<std::string>;
using JobQueue = sqsim::FifoQueue<sqsim::ManualClock, Job>;
using JobEntry = sqsim::FifoSendMessageEntry<Job>;

const std::string group_is_missing = "The request must contain the parameter MessageGroupId.";
const std::string deduplication_id_is_missing =
    "InvalidParameterValue: The queue should either have ContentBasedDeduplication enabled or MessageDeduplicationId "
    "provided explicitly";

std::string bad_id(const std::string& parameter, const std::string& value) {
    return "InvalidParameterValue: Value " + value + " for parameter " + parameter +
           " is invalid. Reason: " + parameter +
           " can only include alphanumeric and punctuation characters. 1 to 128 in length.";
}

Entry entry(const std::string& body, const std::string& group, const std::string& deduplication_id) {
    return {.body = body, .message_group_id = group, .options = {.message_deduplication_id = deduplication_id}};
}

std::vector<std::string> bodies_of(FifoQueue& queue) {
    std::vector<std::string> bodies;
    for (auto& message : queue.receive_messages()) {
        bodies.emplace_back(message.body());
    }
    return bodies;
}

}  // namespace

TEST_CASE("R47: a FIFO queue takes no delay of a message", "[send][fifo][delay]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);
    const auto send = [&](std::chrono::nanoseconds delay) {
        return refusal(queue,
                       [&] { return queue.send_message("m", "g", {.message_deduplication_id = "d", .delay = delay}); });
    };

    CHECK(send(2s) == "InvalidParameterValue: Value 2 for parameter DelaySeconds is invalid. Reason: The request "
                      "include parameter that is not valid for this queue type.");
    CHECK(send(900s) == "InvalidParameterValue: Value 900 for parameter DelaySeconds is invalid. Reason: The request "
                        "include parameter that is not valid for this queue type.");
    CHECK_THAT(send(-1s), Catch::Matchers::StartsWith(
                              "InvalidParameterValue: Value -1 for parameter DelaySeconds is invalid. Reason: "));

    std::vector<Entry> batch{entry("good", "g", "d-1"), entry("delayed", "g", "d-2")};
    batch[1].options.delay = 2s;
    const auto results = queue.send_messages(batch);
    CHECK(outcome_of(results[0]) == "accepted");
    CHECK(outcome_of(results[1]) == "InvalidParameterValue: Value 2 for parameter DelaySeconds is invalid. Reason: The "
                                    "request include parameter that is not valid for this queue type.");
    CHECK(queue.counts() == sqsim::QueueCounts{2, 1, 0});
}

TEST_CASE("R48: a delay of zero is accepted and the queue's own still applies", "[send][fifo][delay]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.delay = 2s}};
    queue.send_message("zero", "g", {.message_deduplication_id = "d-1", .delay = 0s});
    queue.send_message("none", "g", {.message_deduplication_id = "d-2"});
    std::vector<Entry> batch{entry("batch", "g", "d-3")};
    batch[0].options.delay = 0s;
    CHECK(queue.send_messages(batch)[0].has_value());

    CHECK(queue.counts() == sqsim::QueueCounts{0, 0, 3});
    CHECK(bodies_of(queue).empty());
    clock.advance(2s - 1ns);
    CHECK(bodies_of(queue).empty());
    clock.advance(1ns);
    CHECK(bodies_of(queue) == std::vector<std::string>{"zero", "none", "batch"});
}

TEST_CASE("R49: a send without a group id lacks a parameter", "[send][fifo][ids]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);
    CHECK(refusal(queue, [&] { return queue.send_message("m", "", {.message_deduplication_id = "d"}); }) ==
          "MissingParameter: " + group_is_missing);
    CHECK(refusal(queue, [&] { return queue.try_send_message("m", "", {.message_deduplication_id = "d"}); }) ==
          "MissingParameter: " + group_is_missing);
    FifoQueue content_based{clock, {.content_based_deduplication = true}};
    CHECK(refusal(content_based, [&] { return content_based.send_message("m", ""); }) ==
          "MissingParameter: " + group_is_missing);
}

TEST_CASE("R50: a send without a deduplication id needs content-based deduplication", "[send][fifo][ids]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);
    CHECK(refusal(queue, [&] { return queue.send_message("m", "g"); }) == deduplication_id_is_missing);
    CHECK(refusal(queue, [&] { return queue.try_send_message("m", "g"); }) == deduplication_id_is_missing);

    FifoQueue content_based{clock, {.content_based_deduplication = true}};
    CHECK(outcome([&] { return content_based.send_message("m", "g"); }) == "accepted");
}

TEST_CASE("R51: group and deduplication ids are 1 to 128 letters, digits and punctuation marks", "[send][fifo][ids]") {
    sqsim::ManualClock clock;
    const bool content_based = GENERATE(false, true);
    FifoQueue queue{clock, {.content_based_deduplication = content_based}};
    fill(queue);
    const auto group = [&](const std::string& id) {
        return refusal(queue, [&] { return queue.send_message("m", id, {.message_deduplication_id = "d"}); });
    };
    const auto deduplication = [&](const std::string& id) {
        return refusal(queue, [&] { return queue.send_message("m", "g", {.message_deduplication_id = id}); });
    };

    for (const auto& bad : {std::string(129, 'i'), "two words"s, " "s, "tab\t"s, "\x7F"s, "\x1F"s, "\xC3\xB6"s}) {
        CHECK(group(bad) == bad_id("MessageGroupId", bad));
        CHECK(deduplication(bad) == bad_id("MessageDeduplicationId", bad));
    }
    for (const auto& good : {std::string(128, 'i'), "i"s, R"(!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)"s, "azAZ09"s}) {
        CAPTURE(good);
        const auto sent = queue.send_message("m", good, {.message_deduplication_id = good});
        CHECK_FALSE(sent.deduplicated);
        const auto peeked = queue.peek(sent.message_id);
        REQUIRE(peeked.has_value());
        CHECK(peeked->message.message_group_id() == good);
        CHECK(peeked->message.message_deduplication_id() == good);
    }
}

TEST_CASE("R51: every character of an id is accepted or refused by itself", "[send][fifo][ids]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    const auto allowed =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"s + R"(!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)";
    for (int code = 1; code < 256; ++code) {
        const std::string id{'i', static_cast<char>(code)};
        const bool good = allowed.find(static_cast<char>(code)) != std::string::npos;
        CAPTURE(code);
        CHECK((outcome([&] { return queue.send_message("m", id, {.message_deduplication_id = id}); }) == "accepted") ==
              good);
    }
    CHECK(queue.counts().total() == 94);
}

TEST_CASE("R39, R41, R42, R54: a FIFO queue refuses what a standard queue refuses", "[send][fifo]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.maximum_message_size = 1024}};
    fill(queue);
    const auto send = [&](const std::string& body, sqsim::MessageAttributes attributes = {}) {
        return refusal(queue, [&] {
            return queue.send_message(body, "g", {.message_deduplication_id = "d", .message_attributes = attributes});
        });
    };
    CHECK(send("") == "MissingParameter: The request must contain the parameter MessageBody.");
    CHECK_THAT(send("\x08"),
               Catch::Matchers::StartsWith("InvalidMessageContents: Invalid binary character '#x8' was found "));
    CHECK(send(std::string(1025, 'x')) == "InvalidParameterValue: One or more parameters are invalid. Reason: Message "
                                          "must be shorter than 1024 bytes.");
    CHECK(send("m", {{"Age", {"Number", "old"}}}) ==
          "InvalidParameterValue: Can't cast the value of message (user) attribute 'Age' to a number.");

    // None of them has used up the deduplication id.
    const auto sent = queue.send_message("m", "g", {.message_deduplication_id = "d"});
    CHECK_FALSE(sent.deduplicated);
    CHECK(queue.peek(sent.message_id).has_value());
}

TEST_CASE("R69: sequence numbers have twenty digits and grow, by send and by batch", "[send][fifo][ids]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.visibility_timeout = 1s, .content_based_deduplication = true}};
    std::vector<sqsim::SequenceNumber> numbers;
    for (int i = 0; i < 5; ++i) {
        const auto sent = queue.send_message("single " + std::to_string(i), i % 2 == 0 ? "even" : "odd");
        REQUIRE(sent.sequence_number.has_value());
        numbers.push_back(*sent.sequence_number);
    }
    std::vector<Entry> batch;
    for (int i = 0; i < 5; ++i) {
        batch.push_back({.body = "batch " + std::to_string(i), .message_group_id = i % 2 == 0 ? "even" : "odd"});
    }
    for (const auto& result : queue.send_messages(batch)) {
        REQUIRE(result.has_value());
        REQUIRE(result->sequence_number.has_value());
        numbers.push_back(*result->sequence_number);
    }

    bool consecutive = true;
    const auto as_number = [](const std::string& text) { return std::stoull(text.substr(8)); };  // the rest is equal
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto text = numbers[i].to_string();
        CHECK(text.size() == 20);
        CHECK(text.find_first_not_of("0123456789") == std::string::npos);
        if (i > 0) {
            const auto before = numbers[i - 1].to_string();
            CHECK(numbers[i - 1] < numbers[i]);
            CHECK(before < text);
            REQUIRE(before.substr(0, 8) == text.substr(0, 8));
            consecutive = consecutive && as_number(before) + 1 == as_number(text);
        }
    }
    CHECK_FALSE(consecutive);

    // The same on every receive.
    for (int round = 0; round < 2; ++round) {
        const auto messages = queue.receive_messages();
        REQUIRE(messages.size() == 10);
        std::set<std::string> received;
        for (const auto& message : messages) {
            REQUIRE(message.sequence_number().has_value());
            received.insert(message.sequence_number()->to_string());
        }
        std::set<std::string> sent;
        for (const auto& number : numbers) {
            sent.insert(number.to_string());
        }
        CHECK(received == sent);
        clock.advance(1s);
    }
}

TEST_CASE("R79: a batch with an entry that lacks an id fails as a whole", "[send][fifo][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);

    for (const std::size_t at : {0U, 1U, 2U}) {
        std::vector<Entry> batch{entry("a", "g", "d-1"), entry("b", "g", "d-2"), entry("c", "g", "d-3")};
        batch[at].message_group_id.clear();
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) ==
              "InvalidParameterValue: " + group_is_missing);
        batch[at].message_group_id = "g";
        batch[at].options.message_deduplication_id.clear();
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == deduplication_id_is_missing);
    }

    // Nothing of it is remembered: the same ids are new.
    std::vector<Entry> batch{entry("a", "g", "d-1"), entry("b", "g", "d-2"), entry("c", "g", "d-3")};
    for (const auto& result : queue.send_messages(batch)) {
        REQUIRE(result.has_value());
        CHECK_FALSE(result->deduplicated);
    }
}

TEST_CASE("R71, R72, R75: a FIFO batch is limited as any other", "[send][fifo][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);

    std::vector<Entry> none;
    CHECK(refusal(queue, [&] { return queue.send_messages(none); }) ==
          "AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one SendMessageBatchRequestEntry in the "
          "request.");
    std::vector<Entry> eleven;
    for (int i = 0; i < 11; ++i) {
        eleven.push_back(entry("m", "g", "d" + std::to_string(i)));
    }
    CHECK(refusal(queue, [&] { return queue.send_messages(eleven); }) ==
          "AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have "
          "sent 11.");
    std::vector<Entry> long_batch{entry("small", "g", "d-1"), entry(std::string(1'048'572, 'x'), "g", "d-2")};
    CHECK(refusal(queue, [&] { return queue.send_messages(long_batch); }) ==
          "AWS.SimpleQueueService.BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You have "
          "sent 1048577 bytes.");
    long_batch[1].body.pop_back();
    for (const auto& result : queue.send_messages(long_batch)) {
        REQUIRE(result.has_value());
        CHECK_FALSE(result->deduplicated);
    }
}

TEST_CASE("R51, R76, R77, R78: other errors of one entry are in its result, and its id is not remembered",
          "[send][fifo][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.maximum_message_size = 1024}};
    std::vector<Entry> batch{entry("good 1", "g", "d-1"),  entry("", "g", "d-2"),
                             entry("\x13", "g", "d-3"),    entry(std::string(1025, 'x'), "g", "d-4"),
                             entry("group", "a b", "d-5"), entry("id", "g", "a b"),
                             entry("good 2", "g", "d-7")};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 7);
    CHECK(outcome_of(results[0]) == "accepted");
    CHECK_THAT(outcome_of(results[1]), Catch::Matchers::StartsWith("EmptyValue: "));
    CHECK_THAT(outcome_of(results[2]), Catch::Matchers::StartsWith("InvalidMessageContents: "));
    CHECK(outcome_of(results[3]) == "InvalidParameterValue: One or more parameters cannot be validated. Reason: "
                                    "Message must be shorter than 1024 bytes.");
    CHECK(outcome_of(results[4]) == bad_id("MessageGroupId", "a b"));
    CHECK(outcome_of(results[5]) == bad_id("MessageDeduplicationId", "a b"));
    CHECK(outcome_of(results[6]) == "accepted");
    CHECK(queue.metrics().number_of_messages_sent == 2);
    CHECK(queue.metrics().sent_message_size == sqsim::SentMessageSizes{2, 12, 6, 6});
    CHECK(bodies_of(queue) == std::vector<std::string>{"good 1", "good 2"});

    for (const auto* id : {"d-2", "d-3", "d-4", "d-5"}) {
        CHECK_FALSE(queue.send_message("m", "g", {.message_deduplication_id = id}).deduplicated);
    }
}

TEST_CASE("R80: a batch is stored in its order", "[send][fifo][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    std::vector<Entry> batch;
    std::vector<std::string> expected;
    for (int i = 0; i < 10; ++i) {
        const auto number = std::to_string((i * 7) % 10);  // neither sorted by id nor by body
        batch.push_back(entry("body " + number, "g", "d-" + number));
        expected.push_back(batch.back().body);
    }
    for (const auto& result : queue.send_messages(batch)) {
        CHECK(result.has_value());
    }
    CHECK(bodies_of(queue) == expected);
}

TEST_CASE("R80: the second of two entries with one deduplication id is a duplicate of the first",
          "[send][fifo][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    std::vector<Entry> batch{entry("first", "g", "same"), entry("second", "g", "same"), entry("third", "g", "other")};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 3);
    REQUIRE(results[0].has_value());
    REQUIRE(results[1].has_value());
    REQUIRE(results[2].has_value());
    CHECK_FALSE(results[0]->deduplicated);
    CHECK(results[1]->deduplicated);
    CHECK(results[1]->message_id == results[0]->message_id);
    CHECK_FALSE(results[2]->deduplicated);
    CHECK(bodies_of(queue) == std::vector<std::string>{"first", "third"});
}

TEST_CASE("R151: the content's id is the SHA-256 of the body", "[send][fifo][content]") {
    // The vector of the rules; the others computed by a program that has nothing to do with this one.
    const std::string message = "ab530a13e45914982b79f9b7e3fba994cfd1f3fb22f71cea1afbf02b460c6d1d";
    CHECK(sqsim::content_deduplication_id("message") == message);
    CHECK(sqsim::content_deduplication_id("\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80") ==
          "df9226927fd572c1ee66eec85de1bb139497614899f36e4e90474cb71f6ef9d0");

    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.content_based_deduplication = true}};
    const auto sent = queue.send_message("message", "g");
    CHECK(queue.peek(sent.message_id)->message.message_deduplication_id() == message);

    SECTION("the same body is a duplicate, whatever its attributes and its group") {
        const auto again = queue.send_message("message", "other", {.message_attributes = {{"k", {"String", "x"}}}});
        CHECK(again.deduplicated);
        CHECK(again.message_id == sent.message_id);
        CHECK(queue.counts().total() == 1);
    }
    SECTION("an explicit id takes precedence over the content") {
        const auto explicit_id = queue.send_message("message", "g", {.message_deduplication_id = "mine"});
        CHECK_FALSE(explicit_id.deduplicated);
        CHECK(queue.peek(explicit_id.message_id)->message.message_deduplication_id() == "mine");
        CHECK(queue.send_message("another body", "g", {.message_deduplication_id = "mine"}).deduplicated);
        CHECK(queue.counts().total() == 2);
    }
    SECTION("an explicit id that equals the hash of an earlier body is a duplicate of it") {
        const auto again = queue.send_message("another body", "g", {.message_deduplication_id = message});
        CHECK(again.deduplicated);
        CHECK(again.message_id == sent.message_id);
    }
    SECTION("an explicit id that equals the hash makes the later body a duplicate") {
        const auto other = "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"s;
        CHECK_FALSE(queue.send_message("something", "g", {.message_deduplication_id = other}).deduplicated);
        CHECK(queue.send_message("other", "g").deduplicated);
    }
    SECTION("another body is another message") {
        CHECK_FALSE(queue.send_message("message ", "g").deduplicated);
        CHECK(queue.counts().total() == 2);
    }
    SECTION("in a batch, too") {
        std::vector<Entry> batch{{.body = "message", .message_group_id = "g"},
                                 {.body = "new", .message_group_id = "g"},
                                 {.body = "new", .message_group_id = "g"}};
        const auto results = queue.send_messages(batch);
        CHECK(results[0]->deduplicated);
        CHECK_FALSE(results[1]->deduplicated);
        CHECK(results[2]->deduplicated);
        CHECK(results[2]->message_id == results[1]->message_id);
    }
}

TEST_CASE("R151: entries may be used again with other bodies", "[send][fifo][content][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.content_based_deduplication = true}};
    std::vector<Entry> batch{{.body = "first", .message_group_id = "g"}};
    CHECK_FALSE(queue.send_messages(batch)[0]->deduplicated);
    batch[0].body = "second";
    CHECK_FALSE(queue.send_messages(batch)[0]->deduplicated);
    CHECK(bodies_of(queue) == std::vector<std::string>{"first", "second"});
}

TEST_CASE("R71-R79: a refused content-based batch is not remembered", "[send][fifo][content][batch]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.content_based_deduplication = true}};
    std::vector<Entry> batch{{.body = "a", .message_group_id = "g"}, {.body = "b"}};
    CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == "InvalidParameterValue: " + group_is_missing);
    CHECK_FALSE(queue.send_message("a", "g").deduplicated);
}

TEST_CASE("a full FIFO queue refuses a new message and not a duplicate", "[send][fifo][capacity]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.name = "small.fifo", .capacity = 2}};
    fill(queue);

    const auto send = [&](const std::string& id) {
        return queue.try_send_message("m", "g", {.message_deduplication_id = id});
    };
    CHECK(refusal(queue, [&] { CHECK(send("new").error().code() == sqsim::Errc::queue_full); }) == "accepted");
    CHECK(refusal(queue, [&] {
              return queue.send_message("m", "g", {.message_deduplication_id = "new"});
          }).starts_with("QueueFull: "));
    REQUIRE(send("fill-2").has_value());
    CHECK(send("fill-2")->deduplicated);

    std::vector<Entry> batch{entry("m", "g", "fill-1"), entry("m", "g", "new")};
    const auto results = queue.send_messages(batch);
    REQUIRE(results[0].has_value());
    CHECK(results[0]->deduplicated);
    CHECK(results[1].error().code() == sqsim::Errc::queue_full);
    CHECK(queue.counts().total() == 2);
    CHECK(queue.metrics().number_of_messages_sent == 2);

    // A refusal is no acceptance: the id is new when there is room again.
    const auto room = queue.receive_message();
    REQUIRE(room.has_value());
    REQUIRE(queue.delete_message(room->receipt_handle()));
    REQUIRE(send("new").has_value());
    CHECK(queue.counts().total() == 2);
    CHECK(send("new")->deduplicated);
}

TEST_CASE("a refused FIFO entry is as it was, so that it can be sent again", "[send][fifo][batch][capacity]") {
    sqsim::ManualClock clock;
    FifoQueue queue{clock, {.capacity = 1}};
    const sqsim::MessageAttributes attributes{{"k", {"String", "x"}}};
    std::vector<Entry> batch{entry("first", "g", "d-1"), entry("second", "g", "d-2")};
    batch[1].options.message_attributes = attributes;
    REQUIRE(queue.send_messages(batch)[1].error().code() == sqsim::Errc::queue_full);
    queue.purge();
    std::vector<Entry> again{batch[1]};
    REQUIRE(queue.send_messages(again)[0].has_value());
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(message->body() == "second");
    CHECK(message->message_attributes() == attributes);
}

TEST_CASE("R69: what a FIFO message was sent with comes back", "[send][fifo]") {
    sqsim::ManualClock clock;
    clock.advance(50s);
    FifoQueue queue{clock, {.delay = 3s}};
    const sqsim::MessageAttributes attributes{{"b", {"Binary.png", "\x00\xFF\x80"s}}, {"n", {"Number.int", "42"}}};
    const auto sent = queue.send_message(
        "m", "group",
        {.message_deduplication_id = "id", .message_attributes = attributes, .aws_trace_header = "trace"});
    clock.advance(3s);
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(message->message_id() == sent.message_id);
    CHECK(message->sequence_number() == sent.sequence_number);
    CHECK(message->message_group_id() == "group");
    CHECK(message->message_deduplication_id() == "id");
    CHECK(message->message_attributes() == attributes);
    CHECK(message->aws_trace_header() == "trace");
    CHECK(message->sent_at() == send_support::Instant{50s});  // R70: of the acceptance, not of the delay's end
}

TEST_CASE("a move-only body goes through a FIFO queue as one object", "[send][fifo][move-only]") {
    REQUIRE(Job::alive == 0);
    {
        sqsim::ManualClock clock;
        JobQueue dead{clock, {.name = "dead.fifo"}};
        JobQueue queue{clock, {.visibility_timeout = 10s}};
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});

        std::vector<JobEntry> batch;
        batch.push_back({.body = Job{1}, .message_group_id = "g", .options = {.message_deduplication_id = "d-1"}});
        batch.push_back({.body = Job{2}, .message_group_id = "g", .options = {.message_deduplication_id = "d-1"}});
        batch.push_back({.body = Job{3}, .message_group_id = "g", .options = {.message_deduplication_id = "a b"}});
        const auto results = queue.send_messages(batch);
        CHECK(results[0].has_value());
        CHECK(results[1]->deduplicated);
        CHECK(outcome_of(results[2]) == bad_id("MessageDeduplicationId", "a b"));
        batch.clear();
        CHECK(Job::alive == 1);

        CHECK(refusal(queue, [&] { return queue.send_message(Job{4}, "g"); }) == deduplication_id_is_missing);
        CHECK(refusal(queue, [&] { return queue.send_message(Job{4}, ""); }) ==
              "MissingParameter: " + group_is_missing);
        CHECK(Job::alive == 1);

        const Job* stored = nullptr;
        const int* identity = nullptr;
        {
            const auto message = queue.receive_message();
            REQUIRE(message.has_value());
            CHECK(message->body().number() == 1);
            stored = &message->body();
            identity = message->body().identity();
        }
        clock.advance(10s);
        CHECK_FALSE(queue.receive_message().has_value());
        const auto moved = dead.receive_message();
        REQUIRE(moved.has_value());
        CHECK(&moved->body() == stored);
        CHECK(moved->body().identity() == identity);
        CHECK(moved->message_id() == results[0]->message_id);
        CHECK(moved->message_group_id() == "g");
        REQUIRE(dead.delete_message(moved->receipt_handle()));
        CHECK(Job::alive == 1);
    }
    CHECK(Job::alive == 0);
}

TEST_CASE("content-based deduplication needs a text", "[fifo][content][move-only]") {
    sqsim::ManualClock clock;
    CHECK_THAT(outcome([&] {
                   const JobQueue queue{clock, {.content_based_deduplication = true}};
                   return 0;
               }),
               Catch::Matchers::StartsWith(
                   "InvalidAttributeValue: Invalid value for the parameter ContentBasedDeduplication."));
    CHECK_FALSE(clock.next_event().has_value());
}
