// SPDX-License-Identifier: MIT

// Catches messages whose body or attributes die or change before the message does, bodies that are never destroyed or
// destroyed twice, and copies, moves and swaps that mix messages up. Worth most under the sanitizers.

#include "catch.hpp"
#include "standard_support.hpp"

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace standard;

namespace {

const sqsim::MessageAttributes attributes{{"color", {"String", "red"}}};

/// A body of a size that is stored inline, in a large slot, or in memory of its own.
std::string body_of(std::size_t size, char filler = 'x') { return std::string(size, filler); }

void check_whole(const Message& message, const std::string& body) {
    REQUIRE(message);
    CHECK(message.body() == body);
    CHECK(message.message_attributes() == attributes);
    CHECK(message.message_group_id() == "group");
    CHECK(message.aws_trace_header() == "Root=1");
    CHECK(message.message_id() != sqsim::MessageId{});
    CHECK(message.approximate_receive_count() >= 1);
}

const sqsim::SendMessageOptions everything{
    .message_attributes = attributes, .message_group_id = "group", .aws_trace_header = "Root=1"};

}  // namespace

TEST_CASE("a message stays whole after its delete, its retention, a purge and the end of its queue",
          "[message][standard]") {
    const std::string body =
        body_of(GENERATE(std::size_t{1}, std::size_t{100}, std::size_t{4000}, std::size_t{500'000}));
    const int how = GENERATE(0, 1, 2, 3, 4);
    CAPTURE(body.size(), how);
    sqsim::ManualClock clock;
    auto queue = std::make_optional<Queue>(clock);
    queue->send_message(body, everything);
    const auto message = queue->receive_message();
    REQUIRE(message);
    const auto id = message->message_id();
    switch (how) {
    case 0:
        REQUIRE(queue->delete_message(message->receipt_handle()));
        break;
    case 1:
        queue->purge();
        break;
    case 2:
        clock.advance(96h);
        break;
    case 3:
        queue.reset();
        break;
    default:
        REQUIRE(queue->delete_message(message->receipt_handle()));
        queue.reset();
        break;
    }
    if (queue) {
        // Whatever is sent afterwards must not take the place of the message that is held.
        for (int i = 0; i < 50; ++i) {
            queue->send_message(body_of(body.size(), 'y'), {.message_group_id = "other"});
        }
    }
    check_whole(*message, body);
    CHECK(message->message_id() == id);
    CHECK(message->sent_at() == at(0s));
    CHECK(message->first_received_at() == at(0s));
    CHECK(message->visibility_deadline() == at(30s));
}

TEST_CASE("several messages may outlive their queue and end in any order", "[message][standard]") {
    sqsim::ManualClock clock;
    auto queue = std::make_optional<Queue>(clock);
    send_numbered(*queue, "m", 30);
    std::vector<Message> messages;
    for (int i = 0; i < 3; ++i) {
        for (Message& message : queue->receive_messages()) {
            messages.push_back(std::move(message));
        }
    }
    REQUIRE(messages.size() == 30);
    for (std::size_t i = 0; i < 30; i += 3) {
        REQUIRE(queue->delete_message(messages[i].receipt_handle()));
    }
    messages.erase(messages.begin() + 10);
    queue.reset();
    messages.erase(messages.begin());
    std::swap(messages.front(), messages.back());
    CHECK(messages.front().body() == "m29");
    while (messages.size() > 1) {
        messages.erase(messages.begin() + static_cast<std::ptrdiff_t>(messages.size() / 2));
    }
    CHECK(messages.front().body() == "m29");
}

TEST_CASE("a moved message stays whole when its source, and then its dead-letter queue, are gone",
          "[message][standard]") {
    const std::string body = body_of(GENERATE(std::size_t{10}, std::size_t{100'000}));
    sqsim::ManualClock clock;
    auto last = std::make_optional<Queue>(clock);
    auto dead = std::make_optional<Queue>(clock, sqsim::QueueOptions{.visibility_timeout = 0s});
    auto source = std::make_optional<Queue>(clock, sqsim::QueueOptions{.visibility_timeout = 0s});
    source->set_redrive_policy({.dead_letter_queue = *dead, .max_receive_count = 1});
    source->send_message(body, everything);
    const auto at_source = source->receive_message();
    REQUIRE_FALSE(source->receive_message());
    source.reset();

    const auto moved = dead->receive_message();
    REQUIRE(moved);
    check_whole(*moved, body);
    dead->set_redrive_policy({.dead_letter_queue = *last, .max_receive_count = 1});
    REQUIRE_FALSE(dead->receive_message());
    dead.reset();

    const auto moved_twice = last->receive_message();
    REQUIRE(moved_twice);
    check_whole(*moved_twice, body);
    REQUIRE(last->delete_message(moved_twice->receipt_handle()));
    last.reset();

    check_whole(*at_source, body);
    check_whole(*moved, body);
    check_whole(*moved_twice, body);
    CHECK(moved_twice->message_id() == at_source->message_id());
}

TEST_CASE("messages may be held, copied and dropped by other threads while the queue goes on and ends",
          "[message][standard]") {
    constexpr int threads = 3;
    sqsim::ManualClock clock;
    auto queue = std::make_optional<Queue>(clock);
    std::vector<std::thread> owners;
    std::atomic<bool> queue_is_gone{false};
    std::atomic<int> wrong{0};
    std::atomic<int> checked{0};
    for (int thread = 0; thread < threads; ++thread) {
        std::vector<std::pair<Message, std::string>> held;
        for (int i = 0; i < 100; ++i) {
            const std::string body = body_of(i % 10 == 0 ? 10'000 : 50, static_cast<char>('a' + i % 26));
            queue->send_message(body, everything);
            auto message = queue->receive_message();
            REQUIRE(message);
            if (i % 2 == 0) {
                REQUIRE(queue->delete_message(message->receipt_handle()));
            }
            held.emplace_back(*std::move(message), body);
        }
        owners.emplace_back([&wrong, &checked, &queue_is_gone, mine = std::move(held)]() mutable {
            const auto check = [&](const Message& message, const std::string& body) {
                const bool whole = message.body() == body && message.message_attributes() == attributes &&
                                   message.message_group_id() == "group";
                wrong += whole ? 0 : 1;
                ++checked;
            };
            while (mine.size() > 20) {  // some end while the queue is in use …
                const Message copy = mine.back().first;
                check(copy, mine.back().second);
                mine.pop_back();
            }
            while (!queue_is_gone.load()) {
                std::this_thread::yield();
            }
            while (!mine.empty()) {  // … and some after it
                check(mine.back().first, mine.back().second);
                mine.pop_back();
            }
        });
    }
    for (int i = 0; i < 300; ++i) {
        queue->send_message(body_of(50, 'z'));
        const auto message = queue->receive_message();
        if (message && i % 3 != 0) {
            static_cast<void>(queue->delete_message(message->receipt_handle()));
        }
        if (i % 100 == 99) {
            queue->purge();
        }
    }
    queue.reset();
    queue_is_gone = true;
    for (std::thread& owner : owners) {
        owner.join();
    }
    CHECK(wrong == 0);
    CHECK(checked == threads * 100);
}

TEST_CASE("a dead-lettered message may be dropped by another thread while both queues end", "[message][standard]") {
    for (int round = 0; round < 20; ++round) {
        sqsim::ManualClock clock;
        auto dead = std::make_optional<Queue>(clock);
        auto source = std::make_optional<Queue>(clock, sqsim::QueueOptions{.visibility_timeout = 0s});
        source->set_redrive_policy({.dead_letter_queue = *dead, .max_receive_count = 1});
        std::vector<std::pair<Message, std::string>> held;
        for (int i = 0; i < 10; ++i) {
            const std::string body = body_of(i % 2 == 0 ? 20 : 10'000, static_cast<char>('a' + i));
            source->send_message(body, everything);
            auto at_source = source->receive_message();
            REQUIRE_FALSE(source->receive_message());
            auto moved = dead->receive_message();
            REQUIRE(moved);
            held.emplace_back(*std::move(at_source), body);
            held.emplace_back(*std::move(moved), body);
        }
        std::atomic<int> wrong{0};
        std::thread owner{[&wrong, mine = std::move(held)]() mutable {
            while (!mine.empty()) {
                const auto& [message, body] = mine.back();
                const bool whole = message.body() == body && message.message_attributes() == attributes;
                wrong += whole ? 0 : 1;
                mine.pop_back();
            }
        }};
        source.reset();
        dead.reset();
        owner.join();
        CHECK(wrong == 0);
    }
}

TEST_CASE("copies share the body and live on their own", "[message][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("body", everything);
    auto original = queue.receive_message();
    REQUIRE(original);
    auto copy = std::make_optional(*original);
    CHECK(copy->body().data() == original->body().data());
    CHECK(copy->receipt_handle() == original->receipt_handle());
    CHECK(copy->message_id() == original->message_id());
    REQUIRE(queue.delete_message(original->receipt_handle()));
    original.reset();
    check_whole(*copy, "body");
    const Message last = *copy;
    copy.reset();
    check_whole(last, "body");
}

TEST_CASE("assignment replaces a message, also by itself", "[message][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock};
    send_numbered(queue, "m", 2, everything);
    auto messages = queue.receive_messages();
    REQUIRE(messages.size() == 2);
    Message& first = messages[0];
    const Message& alias = first;
    first = alias;
    check_whole(first, "m0");
    first = messages[1];
    check_whole(first, "m1");
    check_whole(messages[1], "m1");
    first = Message{};
    CHECK_FALSE(first);
    first = messages[1];
    check_whole(first, "m1");
}

TEST_CASE("a message that was moved from is empty and can be assigned again", "[message][standard]") {
    STATIC_REQUIRE(std::is_nothrow_move_constructible_v<Message>);
    STATIC_REQUIRE(std::is_nothrow_copy_constructible_v<Message>);
    STATIC_REQUIRE(std::is_nothrow_default_constructible_v<Message>);
    STATIC_REQUIRE(std::is_nothrow_swappable_v<Message>);
    sqsim::ManualClock clock;
    Queue queue{clock};
    queue.send_message("m", everything);
    auto received = queue.receive_message();
    REQUIRE(received);
    Message taken = *std::move(received);
    CHECK_FALSE(*received);
    check_whole(taken, "m");
    *received = std::move(taken);
    CHECK_FALSE(taken);
    check_whole(*received, "m");
}

TEST_CASE("a swap exchanges everything, also with an empty message and between queues", "[message][standard]") {
    sqsim::ManualClock clock;
    auto a = std::make_optional<Queue>(clock);
    Queue b{clock};
    a->send_message("a");
    b.send_message("b");
    Message from_a = *a->receive_message({.visibility_timeout = 1s});
    Message from_b = *b.receive_message({.visibility_timeout = 2s});
    const auto handle_a = from_a.receipt_handle();
    const auto id_a = from_a.message_id();
    swap(from_a, from_b);
    CHECK(from_b.body() == "a");
    CHECK(from_b.receipt_handle() == handle_a);
    CHECK(from_b.message_id() == id_a);
    CHECK(from_b.visibility_deadline() == at(1s));
    CHECK(from_a.body() == "b");
    CHECK(from_a.visibility_deadline() == at(2s));
    Message empty;
    swap(empty, from_b);
    a.reset();
    CHECK_FALSE(from_b);
    CHECK(empty.body() == "a");
}

TEST_CASE("a default-constructed message is empty and may be copied, moved, assigned and dropped",
          "[message][standard]") {
    Message empty;
    CHECK_FALSE(empty);
    Message copy = empty;
    Message taken = std::move(copy);
    CHECK_FALSE(taken);
    empty = taken;
    CHECK_FALSE(empty);
}

TEST_CASE("a body of another type is moved in, referred to, and destroyed with the last message",
          "[message][standard]") {
    using Shared = sqsim::Queue<sqsim::ManualClock, std::shared_ptr<int>>;
    sqsim::ManualClock clock;
    auto dead = std::make_optional<Shared>(clock);
    auto queue = std::make_optional<Shared>(clock, sqsim::QueueOptions{.visibility_timeout = 0s});
    queue->set_redrive_policy({.dead_letter_queue = *dead, .max_receive_count = 1});
    const auto value = std::make_shared<int>(17);
    queue->send_message(value);
    CHECK(value.use_count() == 2);
    auto message = queue->receive_message();
    REQUIRE(message);
    CHECK(message->body() == value);
    CHECK(value.use_count() == 2);  // no copy
    SECTION("deleted and dropped") {
        REQUIRE(queue->delete_message(message->receipt_handle()));
        CHECK(value.use_count() == 2);
        message.reset();
        CHECK(value.use_count() == 1);
    }
    SECTION("dropped and purged") {
        message.reset();
        queue->purge();
        CHECK(value.use_count() == 1);
    }
    SECTION("the queue ends first") {
        queue.reset();
        CHECK(*message->body() == 17);
        message.reset();
        CHECK(value.use_count() == 1);
    }
    SECTION("moved, and everything ends before the moved message") {
        REQUIRE_FALSE(queue->receive_message());
        message.reset();
        queue.reset();
        auto moved = dead->receive_message();
        dead.reset();
        REQUIRE(moved);
        CHECK(moved->body() == value);
        CHECK(value.use_count() == 2);
        moved.reset();
        CHECK(value.use_count() == 1);
    }
    SECTION("moved, never received, and the queues end") {
        REQUIRE_FALSE(queue->receive_message());
        message.reset();
        queue.reset();
        CHECK(value.use_count() == 2);
        dead.reset();
        CHECK(value.use_count() == 1);
    }
}

TEST_CASE("a body may be movable only", "[message][standard]") {
    using Unique = sqsim::Queue<sqsim::ManualClock, std::unique_ptr<int>, sqsim::NullMutex>;
    sqsim::ManualClock clock;
    auto queue = std::make_optional<Unique>(clock);
    queue->send_message(std::make_unique<int>(1));
    queue->send_message(std::make_unique<int>(2));
    const auto messages = queue->receive_messages();
    REQUIRE(messages.size() == 2);
    REQUIRE(queue->delete_message(messages[0].receipt_handle()));
    queue.reset();
    CHECK(*messages[0].body() == 1);
    CHECK(*messages[1].body() == 2);
}

TEST_CASE("R68: the message id is a UUID in lower case, equal on every receive and different for every message",
          "[message][standard]") {
    sqsim::ManualClock clock;
    Queue queue{clock, {.visibility_timeout = 0s}};
    const auto sent = queue.send_message("m").message_id;
    const std::string text = sent.to_string();
    REQUIRE(text.size() == 36);
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        CHECK((dash ? text[i] == '-' : std::string_view{"0123456789abcdef"}.find(text[i]) != std::string_view::npos));
    }
    for (int i = 0; i < 3; ++i) {
        CHECK(queue.receive_message()->message_id() == sent);
    }
    CHECK(queue.send_message("m").message_id != sent);
}
