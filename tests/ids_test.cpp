// SPDX-License-Identifier: MIT
// Catches ids whose texts cannot be read back or that are read from malformed texts, orders and hashes that disagree
// with equality, ids that two queues share, and ids that differ from run to run on a manual clock.

#include "send_support.hpp"

#include <algorithm>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <unordered_set>
#include <vector>

using namespace std::string_literals;
using namespace std::chrono_literals;
using send_support::FifoQueue;
using send_support::StandardQueue;
using sqsim::MessageId;
using sqsim::ReceiptHandle;
using sqsim::SequenceNumber;

namespace {

constexpr std::uint64_t all_ones = std::numeric_limits<std::uint64_t>::max();

/// The ids of a fixed little history on a clock of its own.
std::vector<MessageId> history() {
    std::vector<MessageId> ids;
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    FifoQueue fifo{clock, {.content_based_deduplication = true}};
    for (int i = 0; i < 5; ++i) {
        ids.push_back(queue.send_message("m" + std::to_string(i)).message_id);
        ids.push_back(fifo.send_message("m" + std::to_string(i), "g").message_id);
        clock.advance(1s);
    }
    return ids;
}

/// Receipt handles as a user gets them: of two queues, several messages and several receives.
std::vector<ReceiptHandle> handles() {
    std::vector<ReceiptHandle> all;
    sqsim::ManualClock clock;
    StandardQueue first{clock, {.visibility_timeout = 0s}};
    StandardQueue second{clock, {.visibility_timeout = 0s}};
    for (auto* queue : {&first, &second}) {
        for (int i = 0; i < 5; ++i) {
            queue->send_message(std::string(static_cast<std::size_t>(1 + 400 * i), 'x'));
        }
        for (int round = 0; round < 3; ++round) {
            for (const auto& message : queue->receive_messages()) {
                all.push_back(message.receipt_handle());
            }
        }
    }
    return all;
}

template <class Id>
void check_order_and_hash(const std::vector<Id>& ascending) {
    for (std::size_t i = 0; i < ascending.size(); ++i) {
        for (std::size_t j = 0; j < ascending.size(); ++j) {
            CHECK((ascending[i] == ascending[j]) == (i == j));
            CHECK((ascending[i] < ascending[j]) == (i < j));
            CHECK(((ascending[i] <=> ascending[j]) == std::strong_ordering::greater) == (i > j));
        }
        const Id copy = ascending[i];
        CHECK(std::hash<Id>{}(copy) == std::hash<Id>{}(ascending[i]));
    }
    const std::unordered_set<Id> set{ascending.begin(), ascending.end()};
    CHECK(set.size() == ascending.size());
}

/// How many different hashes there are: an unordered container is only as good as these.
template <class Id>
std::size_t hashes(const std::vector<Id>& ids) {
    std::set<std::size_t> values;
    for (const Id& id : ids) {
        values.insert(std::hash<Id>{}(id));
    }
    return values.size();
}

}  // namespace

TEST_CASE("R68: a message id is written and read as a UUID of lower-case digits", "[ids]") {
    const MessageId id{0x0123'4567'89AB'CDEF, 0xFEDC'BA98'7654'3210};
    CHECK(id.to_string() == "01234567-89ab-cdef-fedc-ba9876543210");
    CHECK(MessageId{}.to_string() == "00000000-0000-0000-0000-000000000000");
    CHECK(MessageId{all_ones, all_ones}.to_string() == "ffffffff-ffff-ffff-ffff-ffffffffffff");

    for (const MessageId& each : {id, MessageId{}, MessageId{all_ones, all_ones}, MessageId{1, 0}, MessageId{0, 1},
                                  MessageId{0x8000'0000'0000'0000, 0x0001'0000'0000'0000}}) {
        CHECK(MessageId::from_string(each.to_string()) == std::optional{each});
    }
    for (const MessageId& each : history()) {
        CHECK(MessageId::from_string(each.to_string()) == std::optional{each});
        CHECK(each.to_string().size() <= 100);
    }
}

TEST_CASE("R68: no other text is read as a message id", "[ids]") {
    const auto good = "01234567-89ab-cdef-fedc-ba9876543210"s;
    REQUIRE(MessageId::from_string(good).has_value());
    const std::vector<std::string> malformed{"",
                                             "garbage",
                                             "01234567-89AB-cdef-fedc-ba9876543210",
                                             "0123456789abcdeffedcba9876543210",
                                             "{01234567-89ab-cdef-fedc-ba9876543210}",
                                             good + "0",
                                             good + " ",
                                             " " + good,
                                             good.substr(1),
                                             "01234567089ab-cdef-fedc-ba987654321-",
                                             "01234567-89ab-cdef-fedc-ba987654321g",
                                             "01234567-89ab-cdef-fedc-ba98765432\x00z"s,
                                             "+1234567-89ab-cdef-fedc-ba9876543210",
                                             "0x234567-89ab-cdef-fedc-ba9876543210"};
    for (const auto& text : malformed) {
        CAPTURE(text);
        CHECK_FALSE(MessageId::from_string(text).has_value());
    }
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char bad : {'g', '/', ':', '`', 'A', ' ', '\x00'}) {
            std::string text = good;
            text[at] = bad;
            CHECK_FALSE(MessageId::from_string(text).has_value());
        }
        const bool hyphen = good[at] == '-';
        std::string text = good;
        text[at] = hyphen ? '0' : '-';
        CHECK_FALSE(MessageId::from_string(text).has_value());
    }
}

TEST_CASE("R105: a receipt handle is read back from its text", "[ids]") {
    const auto all = handles();
    REQUIRE(all.size() == 30);
    for (const ReceiptHandle& handle : all) {
        const auto text = handle.to_string();
        CHECK(text.size() <= 1024);
        CHECK(ReceiptHandle::from_string(text) == std::optional{handle});
    }
    CHECK(std::set<ReceiptHandle>{all.begin(), all.end()}.size() == 30);  // every receive has another one

    // What was read works as what was received.
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    queue.send_message("m");
    const auto text = queue.receive_message()->receipt_handle().to_string();
    CHECK(queue.delete_message(ReceiptHandle::from_string(text).value()));
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R106: a text that was spoilt is not read as a receipt handle", "[ids]") {
    CHECK_FALSE(ReceiptHandle::from_string("").has_value());
    CHECK_FALSE(ReceiptHandle::from_string("garbage").has_value());
    CHECK_FALSE(ReceiptHandle::from_string(std::string(40, '0')).has_value());
    CHECK_FALSE(ReceiptHandle::from_string(std::string(40, 'f')).has_value());

    const auto good = handles().front().to_string();
    CHECK_FALSE(ReceiptHandle::from_string(good + "0").has_value());
    CHECK_FALSE(ReceiptHandle::from_string(good.substr(1)).has_value());
    CHECK_FALSE(ReceiptHandle::from_string(" " + good).has_value());
    CHECK_FALSE(ReceiptHandle::from_string(std::string_view{good}.substr(0, 39)).has_value());
    for (std::size_t at = 0; at < good.size(); ++at) {
        for (const char other : "0123456789abcdefABCDEFgz -"s) {
            if (other != good[at]) {
                std::string text = good;
                text[at] = other;
                CHECK_FALSE(ReceiptHandle::from_string(text).has_value());
            }
        }
    }
}

TEST_CASE("R69: a sequence number is twenty digits that compare like the numbers", "[ids]") {
    CHECK(SequenceNumber{0}.to_string() == "18849496460467696128");  // a number that was seen
    SequenceNumber before{0};
    for (std::uint64_t ordinal = 1; ordinal < 100'000'000'000; ordinal = ordinal * 3 / 2 + 1) {
        const SequenceNumber number{ordinal};
        const SequenceNumber next{ordinal + 1};
        REQUIRE(number.to_string().size() == 20);
        CHECK(before < number);
        CHECK(before.to_string() < number.to_string());
        CHECK(number < next);
        CHECK(number.to_string() < next.to_string());
        before = number;
    }
}

TEST_CASE("R69: sequence numbers are not consecutive where a billion is passed either", "[ids]") {
    // Texts are put together from two parts: around every carry the order and the width must hold.
    std::string before = SequenceNumber{0}.to_string();
    for (std::uint64_t ordinal = 1; ordinal < 12'000'000; ++ordinal) {
        if (ordinal % 1'000'003 == 0 || (ordinal > 2'079'300 && ordinal < 2'079'320) ||
            (ordinal > 5'985'550 && ordinal < 5'985'570)) {
            const std::string text = SequenceNumber{ordinal}.to_string();
            CHECK(text.size() == 20);
            CHECK(before < text);
            CHECK(text != before);
            before = text;
        }
    }
}

TEST_CASE("ids are ordered and hashed as they are equal", "[ids]") {
    check_order_and_hash(std::vector{MessageId{}, MessageId{0, 1}, MessageId{0, all_ones}, MessageId{1, 0},
                                     MessageId{1, 1}, MessageId{all_ones, 0}, MessageId{all_ones, all_ones}});
    check_order_and_hash(std::vector{SequenceNumber{}, SequenceNumber{1}, SequenceNumber{255}, SequenceNumber{256},
                                     SequenceNumber{all_ones}});
    auto all = handles();
    all.emplace_back();
    std::sort(all.begin(), all.end());
    check_order_and_hash(all);
    CHECK(MessageId{} == MessageId{0, 0});
    CHECK(ReceiptHandle{} == ReceiptHandle{});
    CHECK(SequenceNumber{} == SequenceNumber{0});
}

TEST_CASE("hashes of real ids hardly ever meet", "[ids]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    std::vector<MessageId> ids;
    std::vector<ReceiptHandle> received;
    std::vector<SequenceNumber> numbers;
    for (std::uint64_t i = 0; i < 1000; ++i) {
        ids.push_back(queue.send_message("m").message_id);
        received.push_back(queue.receive_message()->receipt_handle());
        numbers.emplace_back(i);
    }
    // Sixty-four bits: one meeting among a thousand would be a wonder.
    CHECK(hashes(ids) == 1000);
    CHECK(hashes(received) == 1000);
    CHECK(hashes(numbers) == 1000);
}

TEST_CASE("R68: the queues of one clock share no message id", "[ids]") {
    sqsim::ManualClock clock;
    StandardQueue first{clock};
    StandardQueue second{clock};
    FifoQueue fifo{clock, {.content_based_deduplication = true}};
    std::set<MessageId> ids;
    for (int i = 0; i < 500; ++i) {
        ids.insert(first.send_message("m").message_id);
        ids.insert(second.send_message("m").message_id);
        ids.insert(fifo.send_message(std::to_string(i), "g").message_id);
    }
    CHECK(ids.size() == 1500);
}

TEST_CASE("R68: a queue that follows another on one clock has ids of its own", "[ids]") {
    sqsim::ManualClock clock;
    std::set<MessageId> ids;
    for (int i = 0; i < 10; ++i) {
        StandardQueue queue{clock, {.name = "same"}};
        ids.insert(queue.send_message("m").message_id);
    }
    CHECK(ids.size() == 10);
}

TEST_CASE("message ids on a manual clock are the same in each run", "[ids][determinism]") {
    const auto first = history();
    CHECK(history() == first);
    CHECK(std::set<MessageId>{first.begin(), first.end()}.size() == first.size());
}

TEST_CASE("queues on a running clock have ids that differ between queues", "[ids]") {
    sqsim::Queue<> first;
    sqsim::Queue<> second;
    CHECK(first.send_message("m").message_id != second.send_message("m").message_id);
}

TEST_CASE("R105: a default handle belongs to no message", "[ids]") {
    for (const ReceiptHandle& handle : handles()) {
        CHECK(handle != ReceiptHandle{});
    }
}
