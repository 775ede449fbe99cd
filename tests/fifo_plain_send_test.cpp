// SPDX-License-Identifier: MIT

// Catches a message whose texts are cut or mixed up by the short way that plain sends take, and a send that is judged
// otherwise there than on the long way.

#include "catch.hpp"
#include "fifo_support.hpp"

#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using sqsim::Errc;
using sqsim::FifoSendMessageEntry;
using sqsim::FifoSendMessageOptions;

namespace {

using Entries = std::vector<FifoSendMessageEntry<std::string>>;

std::string text_of(std::size_t size, std::size_t seed) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text.push_back(static_cast<char>('!' + (i * 31 + seed * 7 + i / 16) % 94));
    }
    return text;
}

FifoSendMessageEntry<std::string> entry_of(std::string body, std::string group_id, std::string id) {
    return {.body = std::move(body),
            .message_group_id = std::move(group_id),
            .options = {.message_deduplication_id = std::move(id)}};
}

/// Receives the one message there is and deletes it. Returns whether it is the one that was sent.
template <class Queue>
bool takes(Queue& queue, const FifoSendMessageEntry<std::string>& sent) {
    auto message = queue.receive_message();
    return message && message->body() == sent.body && message->message_group_id() == sent.message_group_id &&
           message->message_deduplication_id() == sent.options.message_deduplication_id &&
           queue.delete_message(message->receipt_handle()) && queue.counts() == sqsim::QueueCounts{};
}

/// The error of a send alone and of the same send in a batch; nothing if it succeeds.
std::pair<std::optional<Errc>, std::optional<Errc>> errors_of(const FifoSendMessageEntry<std::string>& entry) {
    fifo::Clock clock;
    fifo::Queue queue{clock};
    std::pair<std::optional<Errc>, std::optional<Errc>> errors;
    try {
        static_cast<void>(queue.send_message(entry.body, entry.message_group_id, entry.options));
    } catch (const sqsim::Error& error) {
        errors.first = error.code();
    }
    Entries entries{entry_of("something before it", "group", "id-0"), entry};
    entries[1].options.message_deduplication_id += entries[1].options.message_deduplication_id.size() < 128 ? "+" : "";
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 2);
    CHECK(results[0].has_value());
    if (!results[1]) {
        errors.second = results[1].error().code();
    }
    return errors;
}

}  // namespace

TEST_CASE("Texts of every size arrive as they were sent, alone and in batches", "[fifo][send]") {
    fifo::Clock clock;
    fifo::Queue queue{clock};
    sqsim::FifoQueue<fifo::Clock, std::string, sqsim::NullMutex> of_one_thread{clock};
    std::vector<std::size_t> sizes{200, 1023, 1024, 1025, 4095, 4096, 4097, 20'000};
    for (std::size_t size = 1; size <= 130; ++size) {
        sizes.push_back(size);
    }
    bool all_right = true;
    for (const std::size_t size : sizes) {
        const auto sent = entry_of(text_of(size, 1), text_of(size % 128 + 1, 2), text_of((size * 5) % 128 + 1, size));
        static_cast<void>(queue.send_message(sent.body, sent.message_group_id, sent.options));
        all_right = all_right && takes(queue, sent);
        Entries entries{sent};
        entries[0].options.message_deduplication_id = text_of((size * 5) % 128 + 1, size + 47);
        const auto batched = entries[0];
        all_right = all_right && queue.send_messages(entries)[0].has_value() && takes(queue, batched);
        static_cast<void>(of_one_thread.send_message(sent.body, sent.message_group_id, sent.options));
        all_right = all_right && takes(of_one_thread, sent);
        clock.advance(std::chrono::minutes{5});
    }
    CHECK(all_right);
}

TEST_CASE("R42: bodies that are not plain ASCII are judged one by one", "[fifo][send]") {
    const auto errors = [](const std::string& body) { return errors_of(entry_of(body, "group", "id")); };
    const std::pair<std::optional<Errc>, std::optional<Errc>> none{};
    const std::pair<std::optional<Errc>, std::optional<Errc>> forbidden{Errc::invalid_message_contents,
                                                                        Errc::invalid_message_contents};
    CHECK(errors("a line\nanother\tone\r\n") == none);
    CHECK(errors("x") == none);
    CHECK(errors("\n") == none);
    CHECK(errors("sixteen letters and an umlaut: \xc3\xa4") == none);
    CHECK(errors("\xe2\x82\xac") == none);
    CHECK(errors(std::string(40, 'x') + '\x7f') == none);
    CHECK(errors(std::string(40, 'x') + '\x01') == forbidden);
    CHECK(errors(std::string(40, 'x') + '\xff') == forbidden);
    CHECK(errors("\x01") == forbidden);
    CHECK(errors(std::string(15, 'x') + '\0' + std::string(15, 'x')) == forbidden);
}

TEST_CASE("R49-R51: ids that are not good are refused, also beside good ones", "[fifo][send]") {
    const auto errors = [](const std::string& group_id, const std::string& id) {
        return errors_of(entry_of("body", group_id, id));
    };
    const std::pair<std::optional<Errc>, std::optional<Errc>> none{};
    const std::pair<std::optional<Errc>, std::optional<Errc>> invalid{Errc::invalid_parameter_value,
                                                                      Errc::invalid_parameter_value};
    CHECK(errors("g", "i") == none);
    CHECK(errors(text_of(128, 1), text_of(127, 2)) == none);
    CHECK(errors(text_of(129, 1), "id") == invalid);
    CHECK(errors("group with spaces in it", "id") == invalid);
    CHECK(errors("group", "an id with spaces in it, too") == invalid);
    CHECK(errors("group", std::string(20, 'x') + '\x80') == invalid);
}

TEST_CASE("R39: the maximum size of a message holds on the short way", "[fifo][send]") {
    fifo::Clock clock;
    fifo::Queue queue{clock, {.maximum_message_size = 1024}};
    Entries entries{entry_of(std::string(1024, 'x'), "g", "1"), entry_of(std::string(1025, 'x'), "g", "2")};
    const auto results = queue.send_messages(entries);
    CHECK(results[0].has_value());
    CHECK_FALSE(results[1].has_value());
    CHECK(queue.try_send_message(std::string(1024, 'x'), "g", {.message_deduplication_id = "3"}).has_value());
    CHECK_THROWS_AS(queue.try_send_message(std::string(1025, 'x'), "g", {.message_deduplication_id = "4"}),
                    sqsim::Error);
    CHECK(queue.counts().visible == 2);
}
