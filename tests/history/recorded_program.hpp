// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/history/recorder.hpp"
#include "sqsim/queue.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace history {

using Standard = sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
using Fifo = sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;

/// Random numbers, the same on every compiler.
class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : state_{seed} {}
    std::uint64_t below(std::uint64_t bound) noexcept {
        return sqsim::detail::mix64(state_ += 0x9e37'79b9'7f4a'7c15U) % bound;
    }
    bool one_in(std::uint64_t n) noexcept { return below(n) == 0; }

private:
    std::uint64_t state_;
};

/// A queue with a dead-letter queue, two clients that do whatever comes to their minds, and a log.
template <class QueueType>
class Program {
    static constexpr bool is_fifo = std::is_same_v<QueueType, Fifo>;
    using Recorder = sqsim::history::Recorder<QueueType, sqsim::ManualClock>;
    using Message = typename QueueType::message_type;

public:
    explicit Program(std::uint64_t seed, bool purges = true)
        : purges_{purges}, dice_{seed}, dead_{clock_, dead_options()}, queue_{clock_, options(seed)} {
        queue_.set_redrive_policy({.dead_letter_queue = dead_, .max_receive_count = 3});
        log_.note_redrive_policy(queue_, dead_, 3);
    }

    void run(int steps) {
        for (int i = 0; i < steps; ++i) {
            step(*clients_[dice_.below(2)]);
        }
    }

    /// Receives and deletes until both queues are empty.
    void drain() {
        while (queue_.counts().total() + dead_.counts().total() != 0) {
            for (Recorder* from : {clients_[0], &dead_letters_}) {
                for (const Message& message : from->receive_messages()) {
                    from->delete_message(message.receipt_handle());
                }
            }
            clock_.advance(std::chrono::seconds{1});
        }
    }

    [[nodiscard]] sqsim::history::History history(bool drained) const { return log_.history(drained); }

private:
    static auto dead_options() {
        using namespace std::chrono_literals;
        if constexpr (is_fifo) {
            return sqsim::FifoQueueOptions{.name = "dead.fifo", .visibility_timeout = 7s};
        } else {
            return sqsim::QueueOptions{.name = "dead", .visibility_timeout = 7s};
        }
    }

    static auto options(std::uint64_t seed) {
        using namespace std::chrono_literals;
        if constexpr (is_fifo) {
            return sqsim::FifoQueueOptions{.name = "work.fifo",
                                           .visibility_timeout = 5s,
                                           .delay = seed % 3 == 0 ? 2s : 0s,
                                           .message_retention_period = seed % 4 == 0 ? 60s : 96h,
                                           .content_based_deduplication = seed % 2 == 0,
                                           .deduplication_scope = seed % 5 == 0
                                                                      ? sqsim::DeduplicationScope::message_group
                                                                      : sqsim::DeduplicationScope::queue,
                                           .deduplication_interval = 30s};
        } else {
            return sqsim::QueueOptions{.name = "work",
                                       .visibility_timeout = 5s,
                                       .delay = seed % 3 == 0 ? 2s : 0s,
                                       .message_retention_period = seed % 4 == 0 ? 60s : 96h,
                                       .delivery = sqsim::DeliveryModel::adversarial(seed)};
        }
    }

    void send(Recorder& client) {
        const std::string body = "body " + std::to_string(dice_.below(40));
        if constexpr (is_fifo) {
            sqsim::FifoSendMessageOptions options{.message_deduplication_id = "d" + std::to_string(dice_.below(200))};
            client.send_message(body, "g" + std::to_string(dice_.below(4)), options);
        } else if (dice_.one_in(3)) {
            client.send_message(body, {.delay = std::chrono::seconds{dice_.below(4)}});
        } else {
            client.send_message(body);
        }
    }

    void send_batch(Recorder& client) {
        if constexpr (is_fifo) {
            std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
            for (int i = 0; i < 4; ++i) {
                entries.push_back({"b",
                                   "g" + std::to_string(dice_.below(4)),
                                   {.message_deduplication_id = "b" + std::to_string(dice_.below(300))}});
            }
            client.send_messages(entries);
        } else {
            std::vector<sqsim::SendMessageEntry<std::string>> entries(3, {"b", {}});
            client.send_messages(entries);
        }
    }

    void keep(std::span<const Message> messages) {
        for (const Message& message : messages) {
            if (handles_.size() < 40) {
                handles_.push_back(message.receipt_handle());
            } else {
                handles_[dice_.below(handles_.size())] = message.receipt_handle();
            }
        }
    }

    void step(Recorder& client) {
        const sqsim::ReceiptHandle handle =
            handles_.empty() ? sqsim::ReceiptHandle{} : handles_[dice_.below(handles_.size())];
        const std::chrono::nanoseconds timeout = std::chrono::seconds{dice_.below(8)};
        switch (dice_.below(16)) {
        case 0:
        case 1:
        case 2:
            return send(client);
        case 3:
            return send_batch(client);
        case 4:
        case 5: {
            const auto messages =
                client.receive_messages({.max_number_of_messages = static_cast<int>(1 + dice_.below(10))});
            return keep(messages);
        }
        case 6: {
            const auto messages = client.receive_messages({.max_number_of_messages = 2, .visibility_timeout = timeout});
            return keep(messages);
        }
        case 7:
            if (const auto message = client.receive_message()) {
                keep({&*message, 1});
                client.delete_message(message->receipt_handle());
            }
            return;
        case 8:
        case 9:
            if (!handles_.empty()) {
                client.delete_message(handle);
            }
            return;
        case 10:
            if (!handles_.empty()) {
                client.change_message_visibility(handle, timeout);
            }
            return;
        case 11: {
            std::array<Message, 3> into;
            const std::size_t count = client.receive_messages(into);
            return keep(std::span{into}.first(count));
        }
        case 12: {
            const auto messages = dead_letters_.receive_messages({.max_number_of_messages = 1});
            return;
        }
        case 13:
            if (purges_ && dice_.one_in(30)) {
                client.purge();
            }
            if (is_fifo && dice_.one_in(3)) {
                try {
                    client.receive_messages({.visibility_timeout = timeout,
                                             .receive_request_attempt_id = "a" + std::to_string(dice_.below(3))});
                } catch (const sqsim::Error&) {
                    return;  // a message of the attempt was deleted or changed meanwhile (R100)
                }
            }
            return;
        default:
            return clock_.advance(std::chrono::milliseconds{dice_.below(1500)});
        }
    }

    bool purges_;
    Dice dice_;
    sqsim::ManualClock clock_{};
    QueueType dead_;
    QueueType queue_;
    sqsim::history::HistoryLog<sqsim::ManualClock> log_{clock_};
    Recorder one_{queue_, log_, "one"};
    Recorder two_{queue_, log_, "two"};
    Recorder dead_letters_{dead_, log_, "dead letters"};
    std::array<Recorder*, 2> clients_{&one_, &two_};
    std::vector<sqsim::ReceiptHandle> handles_{};
};

}  // namespace history
