// SPDX-License-Identifier: MIT

// Catches handles that work too long or not long enough, that delete somebody else's message, that are mistaken for
// those of another queue, and deletes that report the wrong outcome.

#include "catch.hpp"
#include "standard_support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;
using sqsim::Errc;
using sqsim::HandleResult;
using sqsim::HandleStatus;
using sqsim::ReceiptHandle;

TEST_CASE("R105: every receive gives a handle of its own, of at most 1,024 characters", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 3);
    std::set<std::string> seen;
    for (int round = 0; round < 10; ++round) {
        for (const Message& message : queue.receive_messages({.visibility_timeout = 0s})) {
            const std::string text = message.receipt_handle().to_string();
            CHECK(text.size() <= 1024);
            seen.insert(text);
            CHECK(ReceiptHandle::from_string(text) == message.receipt_handle());
        }
    }
    CHECK(seen.size() == 30);
}

TEST_CASE("R105: a handle that went through its text still works", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto handle = ReceiptHandle::from_string(queue.receive_message()->receipt_handle().to_string());
    REQUIRE(handle);
    CHECK(queue.delete_message(*handle));
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R106: text that is no handle is recognised", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const std::string good = queue.receive_message()->receipt_handle().to_string();
    REQUIRE(ReceiptHandle::from_string(good));
    CHECK_FALSE(ReceiptHandle::from_string("garbage"));
    CHECK_FALSE(ReceiptHandle::from_string(""));
    CHECK_FALSE(ReceiptHandle::from_string(good + "0"));
    CHECK_FALSE(ReceiptHandle::from_string(good.substr(1)));
    for (std::size_t i = 0; i < good.size(); ++i) {
        std::string changed = good;
        changed[i] = changed[i] == '0' ? '1' : '0';
        CHECK_FALSE(ReceiptHandle::from_string(changed));
    }
}

TEST_CASE("R106: a handle of no message is refused by delete and by change of visibility, HTTP 404",
          "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto of_delete = error_of([&] { return queue.delete_message(ReceiptHandle{}); });
    const auto of_change = error_of([&] { return queue.change_message_visibility(ReceiptHandle{}, 1s); });
    REQUIRE(of_delete);
    REQUIRE(of_change);
    CHECK(of_delete->code() == Errc::receipt_handle_is_invalid);
    CHECK(of_delete->aws_code() == "ReceiptHandleIsInvalid");
    CHECK(of_delete->http_status() == 404);
    CHECK(std::string{of_delete->what()} == "The input receipt handle \"\" is not a valid receipt handle.");
    CHECK(*of_change == *of_delete);
}

TEST_CASE("R82, R106: in a batch of deletes a bad handle fails alone", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    Queue other{clock};
    other.send_message("foreign");
    send_numbered(queue, "m", 2);
    const auto messages = queue.receive_messages();
    const std::array handles{messages[0].receipt_handle(), ReceiptHandle{}, messages[1].receipt_handle(),
                             other.receive_message()->receipt_handle(), messages[0].receipt_handle()};
    CHECK(queue.delete_messages(handles) == std::vector<HandleResult>{{HandleStatus::ok},
                                                                      {HandleStatus::invalid},
                                                                      {HandleStatus::ok},
                                                                      {HandleStatus::invalid},
                                                                      {HandleStatus::gone}});
    CHECK(queue.counts().total() == 0);
    CHECK(other.counts().total() == 1);
}

TEST_CASE("R71, R72: a batch of deletes has one to ten handles", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 10);
    auto handles = handles_of(queue.receive_messages());
    REQUIRE(handles.size() == 10);
    CHECK(code_of([&] { return queue.delete_messages({}); }) == Errc::empty_batch_request);
    handles.push_back(handles.front());
    CHECK(code_of([&] { return queue.delete_messages(handles); }) == Errc::too_many_entries_in_batch_request);
    CHECK(queue.counts().in_flight == 10);
    handles.pop_back();
    CHECK(queue.delete_messages(handles) == std::vector<HandleResult>(10));
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R107: a standard message is deleted by its handle after the lease ended", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 1s}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    clock.advance(GENERATE(1s - tick, std::chrono::nanoseconds{1s}, 1s + tick, std::chrono::nanoseconds{2s}));
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);
    CHECK(queue.counts().total() == 0);
    clock.advance(1h);
    CHECK_FALSE(queue.receive_message());
}

TEST_CASE("R107: choice: the handle of a standard message has no end of its own, it lasts until the next receive",
          "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 12h, .message_retention_period = 14 * 24h}};
    queue.send_message("m");
    const auto message = queue.receive_message();
    REQUIRE(message);
    SECTION("past the longest lease") { clock.advance(55'000s); }
    SECTION("until just before the end of the message") { clock.advance(14 * 24h - tick); }
    CHECK(queue.change_message_visibility(message->receipt_handle(), 1s).status == HandleStatus::expired);
    CHECK(queue.delete_message(message->receipt_handle()).status == HandleStatus::ok);
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("R108: choice: a delete by an older handle says superseded and deletes nothing", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 10s}};
    queue.send_message("m");
    const auto first = queue.receive_message();
    clock.advance(10s);
    const auto second = queue.receive_message();
    REQUIRE(second);

    SECTION("while the newer lease lasts") {
        CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::superseded);
        CHECK(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
    }
    SECTION("after the newer lease ended") {
        clock.advance(10s);
        CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::superseded);
        CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
    }
    CHECK(queue.delete_message(second->receipt_handle()).status == HandleStatus::ok);
    CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::gone);
}

TEST_CASE("R108: the other outcome, an older handle that deletes, is a decision of the service",
          "[handles][standard]") {
    struct Deletes final : sqsim::DecisionSource {
        std::uint32_t choose(sqsim::Site site, std::uint64_t, std::uint32_t) override {
            return site == sqsim::Site::stale_delete ? 1 : 0;
        }
        std::uint32_t reorder_window() const override { return 0; }
    } deletes;
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    queue.decide_by(&deletes);
    const auto first = queue.receive_message({.visibility_timeout = 0s});
    const auto second = queue.receive_message();
    CHECK(queue.delete_message(first->receipt_handle()).status == HandleStatus::ok);
    CHECK(queue.counts().total() == 0);
    CHECK(queue.delete_message(second->receipt_handle()).status == HandleStatus::gone);
}

TEST_CASE("R109: a delete works while the message is in flight", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto owner = queue.receive_message();
    REQUIRE(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
    const ReceiptHandle passed_on = owner->receipt_handle();
    CHECK(queue.delete_message(passed_on));
    CHECK(queue.counts().total() == 0);
    CHECK(owner->body() == "m");  // the consumer that works on it is not disturbed
}

TEST_CASE("R110: deleting again, any number of times, is no error and changes nothing", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m");
    const auto handle = queue.receive_message()->receipt_handle();
    CHECK(queue.delete_message(handle).status == HandleStatus::ok);
    queue.send_message("next");  // may well take the place of the deleted one
    for (int i = 0; i < 3; ++i) {
        CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    }
    CHECK(receive_bodies(queue) == Bodies{"next"});
    CHECK(queue.delete_message(handle).status == HandleStatus::gone);
    CHECK(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
}

TEST_CASE("R110: old handles never touch the messages that come after theirs", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    std::vector<ReceiptHandle> old;
    for (int i = 0; i < 200; ++i) {  // places are reused again and again
        queue.send_message("m");
        const auto message = queue.receive_message();
        REQUIRE(message);
        old.push_back(message->receipt_handle());
        REQUIRE(queue.delete_message(old.back()));
    }
    queue.send_message("last");
    const auto last = queue.receive_message();
    for (const ReceiptHandle& handle : old) {
        CHECK(queue.delete_message(handle).status == HandleStatus::gone);
        CHECK(queue.change_message_visibility(handle, 0s).status == HandleStatus::gone);
    }
    CHECK(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
    CHECK(std::set<ReceiptHandle>(old.begin(), old.end()).size() == old.size());
}

TEST_CASE("R106, R113: a handle of another queue is refused in other words than a malformed one",
          "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    Queue other{clock};
    queue.send_message("m");
    other.send_message("m");
    const auto own = queue.receive_message()->receipt_handle();
    const auto foreign = other.receive_message()->receipt_handle();
    CHECK(own != foreign);

    const auto error = error_of([&] { return queue.delete_message(foreign); });
    REQUIRE(error);
    CHECK(error->code() == Errc::receipt_handle_is_invalid);
    CHECK(std::string{error->what()} ==
          "The receipt handle \"" + foreign.to_string() + "\" is not valid for this queue.");
    CHECK(code_of([&] { return queue.change_message_visibility(foreign, 0s); }) == Errc::receipt_handle_is_invalid);
    CHECK(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
    CHECK(other.counts() == sqsim::QueueCounts{.in_flight = 1});
}

TEST_CASE("R113: a handle of a queue that is gone does not work on a later one", "[handles][standard]") {
    sqsim::ManualClock clock;
    ReceiptHandle old;
    {
        Queue queue{clock};
        queue.send_message("m");
        old = queue.receive_message()->receipt_handle();
    }
    Queue queue{clock};
    queue.send_message("m");
    REQUIRE(queue.receive_message());
    CHECK(code_of([&] { return queue.delete_message(old); }) == Errc::receipt_handle_is_invalid);
}

TEST_CASE("delete_and_receive deletes what counts, passes over what does not, and receives", "[handles][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    Queue other{clock};
    other.send_message("foreign");
    send_numbered(queue, "m", 5);
    const auto done = queue.receive_messages({.max_number_of_messages = 2});
    const std::array handles{done[0].receipt_handle(), ReceiptHandle{}, other.receive_message()->receipt_handle(),
                             done[1].receipt_handle(), done[1].receipt_handle()};
    std::array<Message, 2> out;
    CHECK(queue.delete_and_receive(handles, out) == 2);
    CHECK(out[0].body() == "m2");
    CHECK(out[1].body() == "m3");
    CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1, .in_flight = 2});
    CHECK(other.counts().total() == 1);

    SECTION("options out of range delete nothing") {
        const std::array more{out[0].receipt_handle()};
        CHECK(code_of([&] { return queue.delete_and_receive(more, out, {.max_number_of_messages = 11}); }) ==
              Errc::invalid_parameter_value);
        CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1, .in_flight = 2});
    }
    SECTION("with no room for messages it only deletes") {
        const std::array more{out[0].receipt_handle(), out[1].receipt_handle()};
        CHECK(queue.delete_and_receive(more, {}) == 0);
        CHECK(queue.counts() == sqsim::QueueCounts{.visible = 1});
    }
    SECTION("the deletes make room for the receive") {
        sqsim::Limits limits;
        limits.maximum_in_flight = 1;
        Queue narrow{clock, {.limits = limits}};
        send_numbered(narrow, "n", 2);
        const std::array first{narrow.receive_message()->receipt_handle()};
        CHECK(narrow.delete_and_receive(first, out) == 1);
        CHECK(out[0].body() == "n1");
    }
}

TEST_CASE("R106: a forged handle that leads into a body that looks like a message finds nothing",
          "[handles][standard]") {
    using sqsim::detail::IdAccess;
    using sqsim::detail::Place;
    using sqsim::detail::Record;
    using Bytes = std::array<std::uint64_t, 16>;
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock, Bytes, sqsim::NullMutex> queue{clock};
    queue.send_message(Bytes{});
    const ReceiptHandle first = queue.receive_message()->receipt_handle();
    REQUIRE(queue.delete_message(first));

    // The next message lies in the same slot. Its body begins at the next line.
    const Place forged{Place{IdAccess::place(first)}.slot() + 1, 7};
    Bytes body{forged.word()};
    body[offsetof(Record, status) / 8] = std::uint64_t{Record::leased_status} << offsetof(Record, status) % 8 * 8;
    queue.send_message(body);
    const auto message = queue.receive_message();
    REQUIRE(Place{IdAccess::place(message->receipt_handle())}.slot() == Place{IdAccess::place(first)}.slot());
    REQUIRE(std::memcmp(reinterpret_cast<const std::byte*>(&message->body()), body.data(), sizeof body) == 0);
    const std::string text = IdAccess::handle(IdAccess::queue(first), forged.word()).to_string();
    const ReceiptHandle handle = ReceiptHandle::from_string(text).value();
    CHECK(code_of([&] { return queue.delete_message(handle); }) == Errc::receipt_handle_is_invalid);
    const std::array handles{handle};
    CHECK(queue.delete_messages(handles).front().status == HandleStatus::invalid);
    CHECK(code_of([&] { return queue.change_message_visibility(handle, 0s); }) == Errc::receipt_handle_is_invalid);
    CHECK(queue.counts() == sqsim::QueueCounts{.in_flight = 1});
    CHECK(queue.delete_message(message->receipt_handle()));
}
