// SPDX-License-Identifier: MIT
#pragma once

#include "contenders.hpp"

#include "sqsim/fifo_queue.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

// FIFO queues under one interface: `put` and `take` as the contenders have them, and `advance`, which moves the clock.

namespace bench {

/// How a FIFO queue is used: which ids the messages have. Deduplication ids never repeat; groups take turns. Making
/// them costs as little as can be, because it is not what is measured (`fifo/ids_only` is that cost).
class Ids {
public:
    explicit Ids(std::size_t groups) : groups_{groups} {
        for (std::size_t i = 0; i < 256; ++i) {
            pairs_[2 * i] = "0123456789abcdef"[i / 16];
            pairs_[2 * i + 1] = "0123456789abcdef"[i % 16];
        }
    }

    /// Writes the next ids. Each text is either empty or an earlier id of its kind.
    void next(std::string& group_id, std::string& deduplication_id) {
        ++number_;
        group_ = group_ + 1 == groups_ ? 0 : group_ + 1;
        write(group_id, "customer-", group_);
        write(deduplication_id, "0badc0de-0000-4000-8000-", number_ * 0x9e37'79b9'7f4a'7c15U);
    }

private:
    static constexpr std::size_t digits = 12;

    void write(std::string& text, std::string_view prefix, std::uint64_t number) const {
        if (text.size() != prefix.size() + digits) {
            text.assign(prefix);
            text.resize(prefix.size() + digits);
        }
        char* at = text.data() + prefix.size();
        for (int shift = 40; shift >= 0; shift -= 8, at += 2) {
            std::memcpy(at, pairs_.data() + 2 * (number >> shift & 255), 2);
        }
    }

    std::array<char, 512> pairs_{};
    std::size_t groups_;
    std::size_t group_ = 0;
    std::uint64_t number_ = 0;
};

struct FifoCase {
    std::size_t groups = 1'000;
    std::size_t window = 0;  // ids remembered: with one message for each nanosecond, the interval in nanoseconds
    std::size_t stored = 0;
};

template <class Lock>
class Fifo {
public:
    using Queue = sqsim::FifoQueue<sqsim::ManualClock, std::string, Lock>;

    explicit Fifo(const FifoCase& each) : ids_{each.groups}, queue_{clock_, options(each)} {}

    void put(std::size_t count) {
        if (count == 1) {
            ids_.next(entries_[0].message_group_id, entries_[0].options.message_deduplication_id);
            queue_.send_message(body_, entries_[0].message_group_id,
                                {.message_deduplication_id = entries_[0].options.message_deduplication_id});
            return;
        }
        for (std::size_t i = 0; i < count; ++i) {
            entries_[i].body.assign(body_);
            ids_.next(entries_[i].message_group_id, entries_[i].options.message_deduplication_id);
        }
        benchmark::DoNotOptimize(queue_.send_messages({entries_.data(), count}));
    }

    std::size_t take(std::size_t count) {
        const std::size_t received = queue_.receive_messages({messages_.data(), count});
        for (std::size_t i = 0; i < received; ++i) {
            look_at(messages_[i].body());
            handles_[i] = messages_[i].receipt_handle();
        }
        if (received != 0) {
            benchmark::DoNotOptimize(queue_.delete_messages({handles_.data(), received}));
        }
        return received;
    }

    void advance(std::chrono::nanoseconds step) { clock_.advance(step); }

private:
    [[nodiscard]] static sqsim::FifoQueueOptions options(const FifoCase& each) {
        sqsim::FifoQueueOptions options;
        options.deduplication_interval = std::chrono::nanoseconds{each.window};
        return options;
    }

    std::string body_ = text_of(64);
    Ids ids_;
    sqsim::ManualClock clock_{};
    Queue queue_;
    std::array<sqsim::FifoSendMessageEntry<std::string>, 10> entries_{};
    std::array<typename Queue::message_type, 10> messages_{};
    std::array<sqsim::ReceiptHandle, 10> handles_{};
};

/// Passes so many messages, a hundred of them for each step of the clock: a nanosecond a message, so that the window of
/// the remembered ids keeps its size. Without `take` they are stored.
template <class Contender>
void pass_fifo(Contender& contender, std::size_t messages, std::size_t batch, bool take = true) {
    for (std::size_t done = 0; done < messages; done += 100) {
        for (std::size_t i = 0; i < 100; i += batch) {
            contender.put(batch);
            if (take) {
                contender.take(batch);
            }
        }
        contender.advance(std::chrono::nanoseconds{100});
    }
}

}  // namespace bench
