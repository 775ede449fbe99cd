// SPDX-License-Identifier: MIT
// Catches a standard queue that counts sizes in characters or forgets attributes in them, mixes up the two texts of
// the size error, stores part of a refused request, applies delays wrongly, or copies a body that can only be moved.

#include "send_support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using send_support::fill;
using send_support::Job;
using send_support::outcome;
using send_support::outcome_of;
using send_support::picture;
using send_support::refusal;
using send_support::StandardQueue;

namespace {

using Entry = sqsim::SendMessageEntry<std::string>;
using JobQueue = sqsim::Queue<sqsim::ManualClock, Job>;
using JobEntry = sqsim::SendMessageEntry<Job>;

/// The refusal of a body for its first bad character, or for a byte that begins none, e.g. "character '#x7'".
std::string characters_text(const std::string& what) {
    return "InvalidMessageContents: Invalid binary " + what +
           " was found in the message body, the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | "
           "[#xE000-#xFFFD] | [#x10000-#x10FFFF].";
}

std::vector<std::string> bodies_of(StandardQueue& queue) {
    std::vector<std::string> bodies;
    for (auto& message : queue.receive_messages()) {
        bodies.emplace_back(message.body());
    }
    return bodies;
}

std::size_t largest_size(const StandardQueue& queue) {
    const auto sizes = queue.metrics().sent_message_size;
    return sizes ? sizes->maximum : 0;
}

std::string characters(std::size_t count) {
    std::string text(count, 'x');
    return text;
}

}  // namespace

TEST_CASE("R38, R39: the size limit is inclusive and the text names the queue's own limit", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 1024}};
    fill(queue);

    CHECK(refusal(queue, [&] { return queue.send_message(characters(1025)); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 "
          "bytes.");
    CHECK(refusal(queue, [&] { return queue.try_send_message(characters(1025)); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 "
          "bytes.");
    CHECK(outcome([&] { return queue.send_message(characters(1024)); }) == "accepted");
    CHECK(largest_size(queue) == 1024);
}

TEST_CASE("R38, R39: the default limit is a mebibyte", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};

    CHECK(refusal(queue, [&] { return queue.send_message(characters(1'048'577)); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1048576 "
          "bytes.");
    queue.send_message(characters(1'048'576));
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(message->body().size() == 1'048'576);
    CHECK(message->body().find_first_not_of('x') == std::string_view::npos);
}

TEST_CASE("R38, R39: a change of MaximumMessageSize counts from the next send", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    queue.send_message(characters(5000));

    queue.set_maximum_message_size(2048);
    CHECK(refusal(queue, [&] { return queue.send_message(characters(2049)); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 2048 "
          "bytes.");
    CHECK(outcome([&] { return queue.send_message(characters(2048)); }) == "accepted");
    queue.set_maximum_message_size(4096);
    CHECK(outcome([&] { return queue.send_message(characters(4096)); }) == "accepted");
    CHECK(queue.counts().visible == 3);  // what was stored before stays
}

TEST_CASE("R37: a size is bytes, not characters", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 1024}};

    std::string euros;
    for (int i = 0; i < 341; ++i) {
        euros += "\xE2\x82\xAC";  // three bytes each
    }
    CHECK(outcome([&] { return queue.send_message(euros + "x"); }) == "accepted");  // 1,024 bytes, 342 characters
    CHECK(largest_size(queue) == 1024);
    CHECK(refusal(queue, [&] { return queue.send_message(euros + "xx"); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 "
          "bytes.");
}

TEST_CASE("R37, R38: an attribute counts with its name, its whole type and its value", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 2048}};
    const auto too_large = "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter "
                           "than 2048 bytes."s;
    const auto send = [&](std::size_t body, sqsim::MessageAttributes attributes) {
        return refusal(
            queue, [&] { return queue.send_message(characters(body), {.message_attributes = std::move(attributes)}); });
    };
    const auto accepted = [&](std::size_t body, sqsim::MessageAttributes attributes) {
        return outcome(
            [&] { return queue.send_message(characters(body), {.message_attributes = std::move(attributes)}); });
    };

    SECTION("the recorded case: k, String and x are eight bytes") {
        CHECK(accepted(2040, {{"k", {"String", "x"}}}) == "accepted");
        CHECK(largest_size(queue) == 2048);
        CHECK(send(2041, {{"k", {"String", "x"}}}) == too_large);
    }
    SECTION("a label counts: n, Number.int and 42 are thirteen") {
        CHECK(accepted(2035, {{"n", {"Number.int", "42"}}}) == "accepted");
        CHECK(send(2036, {{"n", {"Number.int", "42"}}}) == too_large);
    }
    SECTION("a binary value counts its raw bytes: b, Binary and three bytes are ten") {
        CHECK(accepted(2038, {{"b", {"Binary", "\x00\xFF\x80"s}}}) == "accepted");
        CHECK(send(2039, {{"b", {"Binary", "\x00\xFF\x80"s}}}) == too_large);
    }
    SECTION("several attributes add up, in bytes: 8 and 1 + 6 + 2") {
        CHECK(accepted(2031, {{"k", {"String", "x"}}, {"u", {"String", "\xC3\xA9"}}}) == "accepted");
        CHECK(send(2032, {{"k", {"String", "x"}}, {"u", {"String", "\xC3\xA9"}}}) == too_large);
    }
}

TEST_CASE("R37, R62: the trace header is returned and does not count", "[send][size]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 1024}};
    const auto trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"s;

    queue.send_message(characters(1024), {.aws_trace_header = trace});
    CHECK(largest_size(queue) == 1024);
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(message->aws_trace_header() == trace);
    CHECK(message->message_attributes().empty());  // a system attribute is no message attribute

    queue.send_message("without");
    CHECK(queue.receive_message()->aws_trace_header().empty());
}

TEST_CASE("R40: the ceiling of an older account is a limit like the others", "[send][size]") {
    sqsim::ManualClock clock;
    sqsim::Limits older = sqsim::Limits::aws();
    older.maximum_message_size = 262'144;
    older.maximum_batch_size = 262'144;
    StandardQueue queue{clock, {.maximum_message_size = 262'144, .limits = older}};

    CHECK(outcome([&] { return queue.send_message(characters(262'144)); }) == "accepted");
    CHECK(refusal(queue, [&] { return queue.send_message(characters(262'145)); }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 262144 "
          "bytes.");
    std::vector<Entry> batch{{.body = characters(262'144)}, {.body = "x"}};
    CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) ==
          "AWS.SimpleQueueService.BatchRequestTooLong: Batch requests cannot be longer than 262144 bytes. You have "
          "sent 262145 bytes.");
}

TEST_CASE("R41: an empty body is a missing parameter", "[send][characters]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    const auto text = "MissingParameter: The request must contain the parameter MessageBody."s;

    CHECK(refusal(queue, [&] { return queue.send_message(""); }) == text);
    CHECK(refusal(queue, [&] { return queue.try_send_message(""); }) == text);
    CHECK(refusal(queue, [&] { return queue.send_message(std::string_view{}); }) == text);
    CHECK(refusal(queue, [&] {
              return queue.send_message("", {.message_attributes = {{"k", {"String", "x"}}}});
          }) == text);
}

TEST_CASE("R42: a body with a forbidden character is refused, the first one is named", "[send][characters]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);

    // The five that were recorded, then the rest of the borders.
    const std::vector<std::pair<std::string, std::string>> forbidden{{"\x00"s, "0"},
                                                                     {"\x01"s, "1"},
                                                                     {"\x08"s, "8"},
                                                                     {"\x13"s, "13"},
                                                                     {"\xEF\xBF\xBF"s, "FFFF"},
                                                                     {"\xEF\xBF\xBE"s, "FFFE"},
                                                                     {"\x0B"s, "B"},
                                                                     {"\x0C"s, "C"},
                                                                     {"\x0E"s, "E"},
                                                                     {"\x1F"s, "1F"},
                                                                     {"\x07\x08\xFF"s, "7"}};
    for (const auto& [bad, number] : forbidden) {
        for (const auto& body : {bad, "before " + bad, bad + " after", "some text before " + bad + " and after it"}) {
            CAPTURE(body);
            CHECK(refusal(queue, [&] { return queue.send_message(body); }) ==
                  characters_text("character '#x" + number + "'"));
        }
    }
}

TEST_CASE("R42: choice: what is not UTF-8 is refused and the byte named", "[send][characters]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    const std::vector<std::pair<std::string, std::string>> forbidden{
        {"\xED\xA0\x80"s, "ED"}, {"\xED\xBF\xBF"s, "ED"},     {"\x80"s, "80"},    {"\xC0\x80"s, "C0"},
        {"\xFF"s, "FF"},         {"\xF4\x90\x80\x80"s, "F4"}, {"\xFF\x08"s, "FF"}};
    for (const auto& [bad, number] : forbidden) {
        for (const auto& body : {bad, "before " + bad, bad + " after", "some text before " + bad + " and after it"}) {
            CAPTURE(body);
            CHECK(refusal(queue, [&] { return queue.send_message(body); }) ==
                  characters_text("byte '#x" + number + "'"));
        }
    }
}

TEST_CASE("R42, R44: what is allowed survives unchanged, carriage returns and all", "[send][characters]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    const std::vector<std::string> allowed{"\t",
                                           "\n",
                                           "\r",
                                           " ",
                                           "\x7F",
                                           "line\r\nline\n\r\ttab  two spaces ",
                                           "<a>&quot;&#13;</a>",
                                           "\xED\x9F\xBF",      // U+D7FF
                                           "\xEE\x80\x80",      // U+E000
                                           "\xEF\xBF\xBD",      // U+FFFD
                                           "\xF0\x90\x80\x80",  // U+10000
                                           "\xF4\x8F\xBF\xBF",  // U+10FFFF
                                           "\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80"};
    for (const auto& body : allowed) {
        CAPTURE(body);
        REQUIRE(outcome([&] { return queue.send_message(body); }) == "accepted");
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        CHECK(message->body() == body);
    }
}

TEST_CASE("R44: bodies of every length around the sizes of the storage survive", "[send]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    for (const std::size_t border : {1U, 64U, 128U, 1024U, 4096U, 4480U, 65'536U}) {
        for (std::size_t size = border > 40 ? border - 40 : 1; size <= border + 40; ++size) {
            std::string body;
            for (std::size_t i = 0; i < size; ++i) {
                body.push_back(static_cast<char>('a' + (i * 7 + size) % 26));
            }
            const std::string group = size % 2 == 0 ? std::string(128, 'g') : "";
            sqsim::MessageAttributes attributes;
            if (size % 3 == 0) {
                attributes["k"] = {"String", "x"};
            }
            queue.send_message(body, {.message_attributes = attributes, .message_group_id = group});
            const auto message = queue.receive_message();
            REQUIRE(message.has_value());
            REQUIRE(message->body() == body);
            REQUIRE(message->message_group_id() == group);
            REQUIRE(message->message_attributes() == attributes);
            REQUIRE(queue.delete_message(message->receipt_handle()));
        }
    }
}

TEST_CASE("R45: a delay is at most 900 seconds and not negative", "[send][delay]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    const auto send = [&](std::chrono::nanoseconds delay) {
        return refusal(queue, [&] { return queue.send_message("m", {.delay = delay}); });
    };
    const auto refused = [](const std::string& value) {
        return "InvalidParameterValue: Value " + value +
               " for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 and <= 900.";
    };

    CHECK(send(-1s) == refused("-1"));
    CHECK(send(901s) == refused("901"));
    CHECK(send(900s + 1ns) == refused("900.000000001"));
    CHECK(send(-1ns) == refused("-0.000000001"));
    CHECK(send(std::chrono::hours{24 * 365}) == refused("31536000"));

    for (const std::chrono::nanoseconds delay : {900'000'000'000ns, 500'000'000ns, 1ns}) {
        const auto sent = queue.send_message("m", {.delay = delay});
        const auto peeked = queue.peek(sent.message_id);
        REQUIRE(peeked.has_value());
        CHECK(peeked->state == sqsim::MessageState::delayed);
        CHECK(peeked->available_at == clock.now() + delay);
    }
}

TEST_CASE("R46: a given delay, also zero, replaces the queue's", "[send][delay]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.delay = 10s}};

    const auto by_queue = queue.send_message("by the queue");
    const auto longer = queue.send_message("longer", {.delay = 15s});
    const auto none = queue.send_message("none", {.delay = 0s});
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 2});
    CHECK(queue.peek(by_queue.message_id)->available_at == clock.now() + 10s);
    CHECK(queue.peek(longer.message_id)->available_at == clock.now() + 15s);
    CHECK(queue.peek(none.message_id)->state == sqsim::MessageState::visible);
    CHECK(bodies_of(queue) == std::vector<std::string>{"none"});

    clock.advance(10s - 1ns);
    CHECK(bodies_of(queue).empty());
    clock.advance(1ns);
    CHECK(bodies_of(queue) == std::vector<std::string>{"by the queue"});
    clock.advance(5s);
    CHECK(bodies_of(queue) == std::vector<std::string>{"longer"});
}

TEST_CASE("R46: the delay of a batch entry is its own", "[send][delay][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.delay = 10s}};
    std::vector<Entry> batch{{.body = "now", .options = {.delay = 0s}},
                             {.body = "by the queue"},
                             {.body = "soon", .options = {.delay = 1s}}};

    for (const auto& result : queue.send_messages(batch)) {
        CHECK(result.has_value());
    }
    CHECK(bodies_of(queue) == std::vector<std::string>{"now"});
    clock.advance(1s);
    CHECK(bodies_of(queue) == std::vector<std::string>{"soon"});
    clock.advance(9s);
    CHECK(bodies_of(queue) == std::vector<std::string>{"by the queue"});
}

TEST_CASE("R51, R52: a standard queue accepts a message group id and checks its form", "[send][ids]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    const auto send = [&](const std::string& group) {
        return refusal(queue, [&] { return queue.send_message("m", {.message_group_id = group}); });
    };
    const auto refused = [](const std::string& value) {
        return "InvalidParameterValue: Value " + value +
               " for parameter MessageGroupId is invalid. Reason: MessageGroupId can only include alphanumeric and "
               "punctuation characters. 1 to 128 in length.";
    };

    for (const auto& bad : {std::string(129, 'g'), "two words"s, " "s, "tab\t"s, "\x7F"s, "g\xC3\xB6"s}) {
        CHECK(send(bad) == refused(bad));
    }
    CHECK(send("g\x00"s) == refused("g\\u0000"));  // the text of an exception would end at a zero byte
    for (const auto& good : {std::string(128, 'g'), "g"s, R"(!"#$%&'()*+,-./:;<=>?@[\]^_`{|}~)"s, "azAZ09"s}) {
        CAPTURE(good);
        const auto sent = queue.send_message("m", {.message_group_id = good});
        CHECK(queue.peek(sent.message_id)->message.message_group_id() == good);
    }
    // No group id at all is the normal case.
    const auto sent = queue.send_message("m");
    CHECK(queue.peek(sent.message_id)->message.message_group_id().empty());
}

template <class Options>
concept TakesDeduplicationId = requires(Options options) {
    options.message_deduplication_id;
};

TEST_CASE("R53, R61: what a standard queue refuses always cannot be written down", "[send][ids]") {
    STATIC_REQUIRE(!TakesDeduplicationId<sqsim::SendMessageOptions>);
    STATIC_REQUIRE(TakesDeduplicationId<sqsim::FifoSendMessageOptions>);
    // A value is one string: there are no lists.
    STATIC_REQUIRE(std::is_same_v<decltype(sqsim::MessageAttribute::value), std::string>);
}

TEST_CASE("R68, R69, R70: a send answers with a UUID, no sequence number, and counts from the acceptance",
          "[send][ids]") {
    sqsim::ManualClock clock;
    clock.advance(100s);
    StandardQueue queue{clock, {.visibility_timeout = 1s}};

    const auto sent = queue.send_message("m", {.delay = 5s, .message_group_id = "tenant"});
    CHECK_FALSE(sent.sequence_number.has_value());  // also not with a group id
    CHECK_FALSE(sent.deduplicated);
    const auto text = sent.message_id.to_string();
    REQUIRE(text.size() == 36);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool hyphen = i == 8 || i == 13 || i == 18 || i == 23;
        CHECK(std::string_view{hyphen ? "-" : "0123456789abcdef"}.find(text[i]) != std::string_view::npos);
    }

    clock.advance(5s);
    for (int receive = 1; receive <= 3; ++receive) {
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        CHECK(message->message_id() == sent.message_id);
        CHECK(message->sent_at() == send_support::Instant{100s});
        CHECK_FALSE(message->sequence_number().has_value());
        CHECK(message->message_deduplication_id().empty());
        clock.advance(1s);
    }
}

TEST_CASE("R68: no two messages share an id", "[send][ids]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    std::set<sqsim::MessageId> ids;
    for (int i = 0; i < 1000; ++i) {
        ids.insert(queue.send_message("m").message_id);
    }
    CHECK(ids.size() == 1000);
}

TEST_CASE("R71: an empty batch is refused", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    std::vector<Entry> none;
    CHECK(refusal(queue, [&] { return queue.send_messages(none); }) ==
          "AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one SendMessageBatchRequestEntry in the "
          "request.");
    const std::vector<sqsim::ReceiptHandle> no_handles;
    CHECK(
        refusal(queue, [&] { return queue.delete_messages(no_handles); }) ==
        "AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one DeleteMessageBatchRequestEntry in the "
        "request.");
}

TEST_CASE("R72: more than ten entries are refused, all of them", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    for (const std::size_t count : {11U, 20U}) {
        std::vector<Entry> batch(count, Entry{.body = "m"});
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) ==
              "AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You "
              "have sent " +
                  std::to_string(count) + ".");
    }

    std::vector<Entry> ten(10, Entry{.body = "m"});
    CHECK(queue.send_messages(ten).size() == 10);
    CHECK(queue.counts().visible == 11);

    queue.purge();
    std::vector<sqsim::ReceiptHandle> handles;
    for (int i = 0; i < 11; ++i) {
        queue.send_message("m");
        handles.push_back(queue.receive_message()->receipt_handle());
    }
    CHECK(refusal(queue, [&] { return queue.delete_messages(handles); }) ==
          "AWS.SimpleQueueService.TooManyEntriesInBatchRequest: Maximum number of entries per request are 10. You have "
          "sent 11.");
    handles.pop_back();
    CHECK(queue.delete_messages(handles).size() == 10);
    CHECK(queue.counts().total() == 1);
}

TEST_CASE("R75: a batch of more than a mebibyte in all fails as a whole", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    fill(queue);
    const auto too_long = [](std::size_t sent) {
        return "AWS.SimpleQueueService.BatchRequestTooLong: Batch requests cannot be longer than 1048576 bytes. You "
               "have sent " +
               std::to_string(sent) + " bytes.";
    };

    SECTION("ten entries, each of them well below the limit") {
        std::vector<Entry> batch(10, Entry{.body = characters(104'857)});
        batch[4].body += "1234567";  // 1,048,577 in all
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == too_long(1'048'577));
        batch[4].body.pop_back();
        for (const auto& result : queue.send_messages(batch)) {
            CHECK(result.has_value());
        }
        CHECK(queue.counts().visible == 11);
    }
    SECTION("attributes count") {
        std::vector<Entry> batch{{.body = characters(1'048'567)},
                                 {.body = "x", .options = {.message_attributes = {{"k", {"String", "xx"}}}}}};  // 1 + 9
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == too_long(1'048'577));
        batch[1].options.message_attributes["k"].value = "x";
        CHECK(queue.send_messages(batch).size() == 2);
    }
    SECTION("a small entry beside one that is too large alone is not stored either") {
        std::vector<Entry> batch{{.body = "small"}, {.body = characters(1'048'577)}};
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == too_long(1'048'582));
    }
    SECTION("the check comes before that of attribute names and bodies") {
        std::vector<Entry> batch{{.body = characters(1'048'576)},
                                 {.body = "x", .options = {.message_attributes = {{"!", {"String", "x"}}}}},
                                 {.body = ""}};
        CHECK(refusal(queue, [&] { return queue.send_messages(batch); }) == too_long(1'048'585));
    }
    SECTION("golden scenario 21: the limit is the constant, not the queue's maximum") {
        queue.set_maximum_message_size(2048);
        std::vector<Entry> batch{
            {.body = characters(2040), .options = {.message_attributes = {{"k", {"String", "x"}}}}}, {.body = "x"}};
        for (const auto& result : queue.send_messages(batch)) {
            CHECK(outcome_of(result) == "accepted");
        }
        CHECK(queue.counts().visible == 3);
    }
}

TEST_CASE("R76: an entry above the queue's maximum fails alone, in words of its own", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 1024}};
    const auto text = "InvalidParameterValue: One or more parameters cannot be validated. Reason: Message must be "
                      "shorter than 1024 bytes."s;

    std::vector<Entry> batch{{.body = characters(1025)}, {.body = "small"}};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 2);
    CHECK(outcome_of(results[0]) == text);
    REQUIRE(results[1].has_value());
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 0});
    CHECK(queue.metrics().number_of_messages_sent == 1);
    CHECK(queue.metrics().sent_message_size == sqsim::SentMessageSizes{1, 5, 5, 5});
    CHECK(queue.receive_message()->message_id() == results[1]->message_id);

    std::vector<Entry> alone{{.body = characters(1025)}};
    CHECK(refusal(queue, [&] { CHECK(outcome_of(queue.send_messages(alone)[0]) == text); }) == "accepted");
}

TEST_CASE("R77: an entry with a forbidden character fails alone", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    for (const auto& [bad, number] : std::vector<std::pair<std::string, std::string>>{
             {"\x00"s, "0"}, {"\x01"s, "1"}, {"\x08"s, "8"}, {"\x13"s, "13"}, {"\xEF\xBF\xBF"s, "FFFF"}}) {
        std::vector<Entry> batch;
        std::vector<std::string> expected;
        for (int i = 0; i < 10; ++i) {
            batch.push_back({.body = i == 6 ? "bad" + bad : "good " + std::to_string(i)});
            if (i != 6) {
                expected.push_back(batch.back().body);
            }
        }
        const auto results = queue.send_messages(batch);
        REQUIRE(results.size() == 10);
        for (std::size_t i = 0; i < 10; ++i) {
            CHECK(outcome_of(results[i]) == (i == 6 ? characters_text("character '#x" + number + "'") : "accepted"));
        }
        CHECK(bodies_of(queue) == expected);
        queue.purge();
    }
    CHECK(queue.metrics().number_of_messages_sent == 45);
}

TEST_CASE("R78: an entry with an empty body fails alone as EmptyValue", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    std::vector<Entry> batch{{.body = "a"}, {.body = ""}, {.body = "c"}};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 3);
    CHECK(results[0].has_value());
    REQUIRE_FALSE(results[1].has_value());
    CHECK(results[1].error().code() == sqsim::Errc::empty_value);
    CHECK(results[1].error().aws_code() == "EmptyValue");
    CHECK(results[2].has_value());
    CHECK(bodies_of(queue) == std::vector<std::string>{"a", "c"});
    CHECK(queue.metrics().sent_message_size == sqsim::SentMessageSizes{2, 2, 1, 1});
}

TEST_CASE("R45, R51, R54, R55: other errors of one entry are in its result, too", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    sqsim::MessageAttributes eleven;
    for (char c = 'a'; c < 'l'; ++c) {
        eleven[std::string(1, c)] = {"String", "x"};
    }
    std::vector<Entry> batch{{.body = "delay", .options = {.delay = -1s}},
                             {.body = "group", .options = {.message_group_id = "a b"}},
                             {.body = "good"},
                             {.body = "number", .options = {.message_attributes = {{"Age", {"Number", "old"}}}}},
                             {.body = "eleven", .options = {.message_attributes = eleven}}};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 5);
    CHECK(outcome_of(results[0]) == "InvalidParameterValue: Value -1 for parameter DelaySeconds is invalid. Reason: "
                                    "DelaySeconds must be >= 0 and <= 900.");
    CHECK(outcome_of(results[1]) ==
          "InvalidParameterValue: Value a b for parameter MessageGroupId is invalid. Reason: MessageGroupId can only "
          "include alphanumeric and punctuation characters. 1 to 128 in length.");
    CHECK(outcome_of(results[2]) == "accepted");
    CHECK(outcome_of(results[3]) ==
          "InvalidParameterValue: Can't cast the value of message (user) attribute 'Age' to a number.");
    CHECK(outcome_of(results[4]) ==
          "InvalidParameterValue: Number of message attributes [11] exceeds the allowed maximum [10].");
    CHECK(bodies_of(queue) == std::vector<std::string>{"good"});
    CHECK(queue.metrics().number_of_messages_sent == 1);
}

TEST_CASE("a batch keeps its order, its attributes and its ids", "[send][batch]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    std::vector<Entry> batch;
    for (int i = 0; i < 10; ++i) {
        batch.push_back({.body = "body " + std::to_string(i),
                         .options = {.message_attributes = {{"i", {"Number", std::to_string(i)}}},
                                     .message_group_id = "g" + std::to_string(i),
                                     .aws_trace_header = "t" + std::to_string(i)}});
    }
    const auto results = queue.send_messages(batch);
    const auto messages = queue.receive_messages();
    REQUIRE(results.size() == 10);
    REQUIRE(messages.size() == 10);
    for (std::size_t i = 0; i < 10; ++i) {
        REQUIRE(results[i].has_value());
        const auto number = std::to_string(i);
        CHECK(messages[i].message_id() == results[i]->message_id);
        CHECK(messages[i].body() == "body " + number);
        CHECK(messages[i].message_attributes() == sqsim::MessageAttributes{{"i", {"Number", number}}});
        CHECK(messages[i].message_group_id() == "g" + number);
        CHECK(messages[i].aws_trace_header() == "t" + number);
    }
}

TEST_CASE("a batch of views is stored whole, in order, and may be longer than ten", "[send][views]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    std::vector<std::string> texts;
    for (int i = 0; i < 25; ++i) {
        texts.push_back("body " + std::to_string(i));
    }
    const std::vector<std::string_view> views{texts.begin(), texts.end()};
    const sqsim::MessageAttributes attributes{{"k", {"String", "x"}}};

    CHECK(queue.send_messages(
              views, {.message_attributes = attributes, .message_group_id = "tenant", .aws_trace_header = "trace"}) ==
          25);
    CHECK(queue.counts() == sqsim::QueueCounts{25, 0, 0});
    // 10 bodies of 6 bytes and 15 of 7, and 8 bytes of attributes each
    CHECK(queue.metrics().sent_message_size == sqsim::SentMessageSizes{25, 10 * 14 + 15 * 15, 14, 15});
    CHECK(queue.metrics().number_of_messages_sent == 25);
    std::set<sqsim::MessageId> ids;
    for (const auto& text : texts) {
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        CHECK(message->body() == text);
        CHECK(message->message_attributes() == attributes);
        CHECK(message->message_group_id() == "tenant");
        CHECK(message->aws_trace_header() == "trace");
        ids.insert(message->message_id());
    }
    CHECK(ids.size() == 25);

    CHECK(queue.send_messages(std::vector<std::string_view>{"late"}, {.delay = 3s}) == 1);
    CHECK(queue.counts().delayed == 1);
    const std::vector<std::string_view> none;
    CHECK(refusal(queue, [&] { CHECK(queue.send_messages(none) == 0); }) == "accepted");
}

TEST_CASE("R39, R41, R42, R45, R51, R54: one bad view or option refuses them all", "[send][views]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.maximum_message_size = 1024}};
    fill(queue);
    const auto send = [&](std::string_view last, sqsim::SendMessageOptions options = {}) {
        const std::vector<std::string_view> views{"first", "second", last};
        return refusal(queue, [&] { return queue.send_messages(views, options); });
    };

    CHECK(send("") == "MissingParameter: The request must contain the parameter MessageBody.");
    CHECK(send("\x13") == characters_text("character '#x13'"));
    CHECK(send(characters(1025)) == "InvalidParameterValue: One or more parameters are invalid. Reason: Message must "
                                    "be shorter than 1024 bytes.");
    CHECK(send(characters(1017), {.message_attributes = {{"k", {"String", "x"}}}}) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 "
          "bytes.");
    CHECK(send("third", {.delay = 901s}) == "InvalidParameterValue: Value 901 for parameter DelaySeconds is invalid. "
                                            "Reason: DelaySeconds must be >= 0 and <= 900.");
    CHECK(send("third", {.message_group_id = "\t"}) ==
          "InvalidParameterValue: Value \t for parameter MessageGroupId is invalid. Reason: MessageGroupId can only "
          "include alphanumeric and punctuation characters. 1 to 128 in length.");
    CHECK(send("third", {.message_attributes = {{"Age", {"Number", "old"}}}}) ==
          "InvalidParameterValue: Can't cast the value of message (user) attribute 'Age' to a number.");
}

TEST_CASE("a full queue refuses, and says so in the way of each verb", "[send][capacity]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.name = "small", .capacity = 3}};
    fill(queue);  // one visible, one in flight, one delayed: all of them count

    const auto text = refusal(queue, [&] { return queue.send_message("fourth"); });
    CHECK_THAT(text, Catch::Matchers::StartsWith("QueueFull: "));
    CHECK(text.find("small") != std::string::npos);
    CHECK(text.find('3') != std::string::npos);
    CHECK(text.find("changed") == std::string::npos);

    CHECK(refusal(queue, [&] {
              const auto result = queue.try_send_message("fourth");
              REQUIRE_FALSE(result.has_value());
              CHECK(result.error().code() == sqsim::Errc::queue_full);
          }) == "accepted");

    const std::vector<std::string_view> views{"fourth"};
    CHECK(refusal(queue, [&] { CHECK(queue.send_messages(views) == 0); }) == "accepted");

    // Bad input is the caller's bug and wins over the full queue.
    CHECK(refusal(queue, [&] { return queue.try_send_message(""); }) ==
          "MissingParameter: The request must contain the parameter MessageBody.");
}

TEST_CASE("a batch fills the queue up, entry by entry, but views come all or none", "[send][capacity]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.capacity = 3}};

    const std::vector<std::string_view> four{"1", "2", "3", "4"};
    CHECK(refusal(queue, [&] { CHECK(queue.send_messages(four) == 0); }) == "accepted");

    std::vector<Entry> batch{{.body = "a"}, {.body = ""}, {.body = "b"}, {.body = "c"}, {.body = "d"}};
    const auto results = queue.send_messages(batch);
    REQUIRE(results.size() == 5);
    CHECK(results[0].has_value());
    CHECK(results[1].error().code() == sqsim::Errc::empty_value);  // takes no room
    CHECK(results[2].has_value());
    CHECK(results[3].has_value());
    REQUIRE_FALSE(results[4].has_value());
    CHECK(results[4].error().code() == sqsim::Errc::queue_full);
    CHECK(queue.metrics().number_of_messages_sent == 3);

    // A delete, a purge and the end of the retention each make room.
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    REQUIRE(queue.delete_message(message->receipt_handle()));
    CHECK(queue.try_send_message("e").has_value());
    CHECK_FALSE(queue.try_send_message("f").has_value());
    queue.purge();
    CHECK(queue.send_messages(std::vector<std::string_view>{"1", "2", "3"}) == 3);
    CHECK_FALSE(queue.try_send_message("g").has_value());
    clock.advance(96h);
    CHECK(queue.try_send_message("h").has_value());
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 0});
}

TEST_CASE("a queue of capacity zero stores nothing", "[send][capacity]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.capacity = 0}};
    CHECK_FALSE(queue.try_send_message("m").has_value());
    CHECK(queue.send_messages(std::vector<std::string_view>{"m"}) == 0);
    CHECK(queue.counts() == sqsim::QueueCounts{});
}

TEST_CASE("a move-only body is sent, redelivered and moved to the dead-letter queue as one object",
          "[send][move-only]") {
    REQUIRE(Job::alive == 0);
    {
        sqsim::ManualClock clock;
        JobQueue dead{clock, {.name = "dead"}};
        JobQueue queue{clock, {.name = "jobs", .visibility_timeout = 10s}};
        queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 2});

        Job job{7};
        const int* const identity = job.identity();
        const auto sent = queue.send_message(std::move(job), {.message_attributes = {{"k", {"String", "x"}}}});
        const Job* stored = nullptr;
        {
            const auto first = queue.receive_message();
            REQUIRE(first.has_value());
            CHECK(first->body().number() == 7);
            CHECK(first->body().identity() == identity);
            stored = &first->body();
        }
        clock.advance(10s);
        const auto second = queue.receive_message();
        REQUIRE(second.has_value());
        CHECK(&second->body() == stored);  // redelivery neither copies nor moves
        clock.advance(10s);
        CHECK_FALSE(queue.receive_message().has_value());
        CHECK(queue.counts().total() == 0);

        const auto last = dead.receive_message();
        REQUIRE(last.has_value());
        CHECK(&last->body() == stored);
        CHECK(last->message_id() == sent.message_id);
        CHECK(last->message_attributes() == sqsim::MessageAttributes{{"k", {"String", "x"}}});
        CHECK(last->approximate_receive_count() == 3);
        CHECK(second->body().identity() == identity);  // an older message still has it
        CHECK(Job::alive == 2);                        // `job`, moved from, and the one stored
        REQUIRE(dead.delete_message(last->receipt_handle()));
        CHECK(last->body().number() == 7);  // valid as long as the message lives
        CHECK(Job::alive == 2);
    }
    CHECK(Job::alive == 0);
}

TEST_CASE("a batch of move-only bodies is moved in, and a refused one is not stored", "[send][move-only][batch]") {
    REQUIRE(Job::alive == 0);
    {
        sqsim::ManualClock clock;
        JobQueue queue{clock, {.capacity = 3}};
        std::vector<JobEntry> batch;
        for (int i = 0; i < 5; ++i) {
            batch.push_back({.body = Job{i}});
        }
        batch[1].options.delay = 901s;
        const auto results = queue.send_messages(batch);
        REQUIRE(results.size() == 5);
        CHECK(results[0].has_value());
        CHECK(results[1].error().code() == sqsim::Errc::invalid_parameter_value);
        CHECK(results[2].has_value());
        CHECK(results[3].has_value());
        CHECK(results[4].error().code() == sqsim::Errc::queue_full);
        batch.clear();
        CHECK(Job::alive == 3);

        CHECK(refusal(queue, [&] { return queue.send_message(Job{9}); }).starts_with("QueueFull: "));
        CHECK(
            refusal(queue, [&] { return queue.send_message(Job{9}, {.delay = -1s}); }) ==
            "InvalidParameterValue: Value -1 for parameter DelaySeconds is invalid. Reason: DelaySeconds must be >= 0 "
            "and <= 900.");
        std::vector<JobEntry> none;
        CHECK(refusal(queue, [&] { return queue.send_messages(none); }) ==
              "AWS.SimpleQueueService.EmptyBatchRequest: There should be at least one SendMessageBatchRequestEntry in "
              "the request.");
        CHECK(Job::alive == 3);

        auto messages = queue.receive_messages();
        REQUIRE(messages.size() == 3);
        CHECK(messages[0].body().number() == 0);
        CHECK(messages[1].body().number() == 2);
        CHECK(messages[2].body().number() == 3);
        queue.purge();
        CHECK(Job::alive == 3);  // the messages keep them
        messages.pop_back();
        CHECK(Job::alive == 2);
        messages.clear();
        CHECK(Job::alive == 0);
    }
    CHECK(Job::alive == 0);
}

TEST_CASE("R37: a body that is not text counts as no bytes, its attributes do", "[send][move-only][size]") {
    sqsim::ManualClock clock;
    JobQueue queue{clock, {.maximum_message_size = 1024}};
    queue.send_message(Job{1});
    queue.send_message(Job{2}, {.message_attributes = {{"k", {"String", "x"}}}});
    CHECK(queue.metrics().sent_message_size == sqsim::SentMessageSizes{2, 8, 0, 8});
    CHECK(refusal(queue,
                  [&] {
                      return queue.send_message(Job{3}, {.message_attributes = {{"k", {"String", characters(1018)}}}});
                  }) ==
          "InvalidParameterValue: One or more parameters are invalid. Reason: Message must be shorter than 1024 "
          "bytes.");
}

TEST_CASE("a body whose move throws leaves nothing behind", "[send][move-only]") {
    // What a slot that got lost would hold on to is for the sanitizer to see.
    struct Brittle {
        explicit Brittle(int number_) : number{std::make_unique<int>(number_)} {}
        Brittle(Brittle&& other) : number{} {
            if (*other.moves_left == 0) {
                throw std::runtime_error{"a move failed"};
            }
            --*other.moves_left;
            number = std::move(other.number);
            moves_left = other.moves_left;
        }
        std::unique_ptr<int> number;
        int* moves_left = nullptr;
    };
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock, Brittle> queue{clock};
    bool sent = false;
    int failures = 0;
    for (int moves = 0; !sent && moves < 20; ++moves) {
        int moves_left = moves;
        Brittle body{moves};
        body.moves_left = &moves_left;
        const auto before = picture(queue);
        try {
            queue.send_message(std::move(body), {.message_attributes = {{"k", {"String", "x"}}}});
            sent = true;
        } catch (const std::runtime_error&) {
            ++failures;
            CHECK(picture(queue) == before);
        }
    }
    REQUIRE(sent);
    CHECK(failures > 0);
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 0});
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(*message->body().number == failures);
}

TEST_CASE("bodies that are large or strictly aligned are stored as they are", "[send][move-only]") {
    struct Large {
        std::array<char, 5000> filler{};
        std::unique_ptr<int> number;
    };
    struct alignas(64) Aligned {
        std::unique_ptr<int> number;
    };
    sqsim::ManualClock clock;

    sqsim::Queue<sqsim::ManualClock, Large> large{clock};
    large.send_message(Large{{}, std::make_unique<int>(1)}, {.message_group_id = "g"});
    const auto one = large.receive_message();
    REQUIRE(one.has_value());
    CHECK(*one->body().number == 1);
    CHECK(one->message_group_id() == "g");

    sqsim::Queue<sqsim::ManualClock, Aligned> aligned{clock};
    for (int i = 0; i < 20; ++i) {
        aligned.send_message(Aligned{std::make_unique<int>(i)}, {.message_attributes = {{"k", {"String", "x"}}},
                                                                 .message_group_id = std::string(128, 'g')});
        const auto message = aligned.receive_message();
        REQUIRE(message.has_value());
        CHECK(reinterpret_cast<std::uintptr_t>(&message->body()) % 64 == 0);
        CHECK(*message->body().number == i);
        CHECK(message->message_group_id() == std::string(128, 'g'));
    }
}

TEST_CASE("a refused entry is as it was, so that it can be sent again", "[send][batch][capacity]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock, {.capacity = 1}};
    const sqsim::MessageAttributes attributes{{"k", {"String", "x"}}};
    std::vector<Entry> batch{
        {.body = "first"},
        {.body = "second", .options = {.message_attributes = attributes, .aws_trace_header = "trace"}}};
    REQUIRE(queue.send_messages(batch)[1].error().code() == sqsim::Errc::queue_full);
    queue.purge();

    std::vector<Entry> again{batch[1]};
    REQUIRE(queue.send_messages(again)[0].has_value());
    const auto message = queue.receive_message();
    REQUIRE(message.has_value());
    CHECK(message->body() == "second");
    CHECK(message->message_attributes() == attributes);
    CHECK(message->aws_trace_header() == "trace");
}
