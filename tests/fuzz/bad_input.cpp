// SPDX-License-Identifier: MIT

// Catches a call with bad input that does something else than to succeed or to throw sqsim::Error, or that leaves a
// trace behind although it threw.

#include "sqsim/sqsim.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Queue = sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
using FifoQueue = sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
using std::chrono::nanoseconds;

/// Takes values from the input; when it has ended, zeros.
class Input {
public:
    Input(const std::uint8_t* data, std::size_t size) : rest_{data, data + size} {}

    [[nodiscard]] bool ended() const { return at_ >= rest_.size(); }
    std::uint8_t byte() { return ended() ? std::uint8_t{0} : rest_[at_++]; }

    std::string text() {
        std::string text;
        for (std::size_t length = byte() % 48; length > 0 && !ended(); --length) {
            text.push_back(static_cast<char>(byte()));
        }
        return text;
    }
    std::string plain_text() { return "t" + std::to_string(byte() % 8); }
    std::string maybe_plain() { return byte() % 4 == 0 ? text() : plain_text(); }

    std::int64_t number() {
        constexpr std::array<std::int64_t, 12> interesting{0,
                                                           1,
                                                           -1,
                                                           10,
                                                           11,
                                                           1'000'000'000,
                                                           -1'000'000'000,
                                                           900'000'000'000,
                                                           900'000'000'001,
                                                           43'200'000'000'000,
                                                           INT64_MAX,
                                                           INT64_MIN};
        const std::uint8_t kind = byte();
        return kind < 128 ? std::int64_t{kind} * 100'000'000 : interesting[kind % interesting.size()];
    }
    nanoseconds duration() { return nanoseconds{number()}; }

    sqsim::MessageAttributes attributes() {
        sqsim::MessageAttributes attributes;
        for (int count = byte() % 16 == 0 ? 11 : byte() % 2; count > 0; --count) {
            attributes[maybe_plain() + std::to_string(count)] = {byte() % 4 == 0 ? text() : "String", maybe_plain()};
        }
        return attributes;
    }

private:
    std::vector<std::uint8_t> rest_;
    std::size_t at_ = 0;
};

/// Everything that a failed call must not have changed.
template <class AnyQueue>
auto content(const AnyQueue& queue) {
    std::vector<std::tuple<sqsim::MessageState, std::string, sqsim::MessageId, std::uint32_t, std::int64_t>> messages;
    using enum sqsim::MessageState;
    for (const auto state : {visible, in_flight, delayed}) {
        for (const auto& peeked : queue.peek(state, 1000)) {
            messages.emplace_back(state, std::string{peeked.message.body()}, peeked.message.message_id(),
                                  peeked.message.approximate_receive_count(),
                                  peeked.available_at.time_since_epoch().count());
        }
    }
    return std::tuple{queue.counts(), queue.metrics(), queue.next_event(), messages};
}

[[noreturn]] void fail(const char* what, const std::string& error) {
    std::fprintf(stderr, "%s: %s\n", what, error.c_str());
    std::abort();
}

/// The call succeeds, or throws an Error and changes nothing.
template <class AnyQueue, class Call>
void attempt(const AnyQueue& queue, Call call) {
    const auto before = content(queue);
    try {
        call();
    } catch (const sqsim::Error& error) {
        if (content(queue) != before) {
            fail("an error left a trace", error.what());
        }
        if (std::string_view{error.what()}.empty() || error.aws_code().empty()) {
            fail("an error without a text", std::string{error.aws_code()});
        }
    }
}

void send(Input& input, Queue& queue) {
    sqsim::SendMessageOptions options;
    if (input.byte() % 2 == 0) {
        options.delay = input.duration();
    }
    options.message_attributes = input.attributes();
    options.message_group_id = input.byte() % 4 == 0 ? input.maybe_plain() : std::string{};
    const std::string body = input.maybe_plain();
    if (input.byte() % 4 != 0) {
        return static_cast<void>(queue.send_message(body, options));
    }
    std::vector<sqsim::SendMessageEntry<std::string>> entries(input.byte() % 13, {body, options});
    for (auto& entry : entries) {
        entry.body = input.maybe_plain();
    }
    static_cast<void>(queue.send_messages(entries));
}

void send(Input& input, FifoQueue& queue) {
    sqsim::FifoSendMessageOptions options;
    if (input.byte() % 4 == 0) {
        options.delay = input.duration();
    }
    options.message_deduplication_id = input.maybe_plain();
    options.message_attributes = input.attributes();
    const std::string body = input.maybe_plain();
    const std::string group = input.maybe_plain();
    if (input.byte() % 4 != 0) {
        return static_cast<void>(queue.send_message(body, group, options));
    }
    std::vector<sqsim::FifoSendMessageEntry<std::string>> entries(input.byte() % 13, {body, group, options});
    for (auto& entry : entries) {
        entry.options.message_deduplication_id = input.maybe_plain();
    }
    static_cast<void>(queue.send_messages(entries));
}

sqsim::ReceiptHandle handle(Input& input, const std::vector<sqsim::ReceiptHandle>& known) {
    if (!known.empty() && input.byte() % 2 == 0) {
        std::string text = known[input.byte() % known.size()].to_string();
        if (input.byte() % 4 == 0) {
            text[input.byte() % text.size()] = static_cast<char>(input.byte());
        }
        return sqsim::ReceiptHandle::from_string(text).value_or(sqsim::ReceiptHandle{});
    }
    return sqsim::ReceiptHandle::from_string(input.text()).value_or(sqsim::ReceiptHandle{});
}

template <class AnyQueue>
void receive(Input& input, AnyQueue& queue, std::vector<sqsim::ReceiptHandle>& known) {
    sqsim::ReceiveMessageOptions options;
    options.max_number_of_messages = static_cast<int>(input.byte() % 13) - 1;
    if (input.byte() % 2 == 0) {
        options.visibility_timeout = input.duration();
    }
    if (input.byte() % 4 == 0) {
        options.wait_time = input.duration();
    }
    if (input.byte() % 2 == 0) {
        options.receive_request_attempt_id = input.maybe_plain();
    }
    std::array<typename AnyQueue::message_type, 5> out;
    const std::size_t count =
        queue.receive_messages(std::span{out}.first(static_cast<std::size_t>(input.byte() % 6)), options);
    for (std::size_t i = 0; i < count; ++i) {
        known.push_back(out[i].receipt_handle());
    }
}

template <class AnyQueue>
void run(Input& input, AnyQueue& queue, AnyQueue& other, sqsim::ManualClock& clock) {
    std::vector<sqsim::ReceiptHandle> known;
    while (!input.ended()) {
        attempt(queue, [&] {
            switch (input.byte() % 13) {
            case 0:
            case 1:
            case 2:
                return send(input, queue);
            case 3:
            case 4:
                return receive(input, queue, known);
            case 5:
                return static_cast<void>(queue.delete_message(handle(input, known)));
            case 6:
                return static_cast<void>(queue.change_message_visibility(handle(input, known), input.duration()));
            case 7: {
                std::vector<sqsim::ReceiptHandle> handles;
                for (int i = input.byte() % 13; i > 0; --i) {
                    handles.push_back(handle(input, known));
                }
                return static_cast<void>(queue.delete_messages(handles));
            }
            case 8:
                return queue.set_delay(input.duration());
            case 9:
                return queue.set_visibility_timeout(input.duration());
            case 10:
                return queue.set_message_retention_period(input.duration());
            case 11:
                return queue.set_redrive_policy(
                    {.dead_letter_queue = other, .max_receive_count = static_cast<int>(input.number() % 100'000)});
            default:
                return clock.advance(nanoseconds{std::int64_t{input.byte()} * 100'000'000});
            }
        });
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    sqsim::ManualClock clock;
    if (input.byte() % 2 == 0) {
        Queue other{clock};
        Queue queue{clock, {.maximum_message_size = 1024, .capacity = 20}};
        run(input, queue, other, clock);
    } else {
        FifoQueue other{clock};
        FifoQueue queue{clock, {.capacity = 20, .content_based_deduplication = input.byte() % 2 == 0}};
        run(input, queue, other, clock);
    }
    return 0;
}
