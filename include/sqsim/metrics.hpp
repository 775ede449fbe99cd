// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sqsim::inline SQSIM_ABI {

/// The stored messages by state; each message is in exactly one (R133). A FIFO message that waits only because an
/// earlier one of its group is in flight counts as visible (R134).
struct QueueCounts {
    std::size_t visible = 0;
    std::size_t in_flight = 0;
    std::size_t delayed = 0;

    [[nodiscard]] constexpr std::size_t total() const noexcept { return visible + in_flight + delayed; }

    friend constexpr bool operator==(const QueueCounts&, const QueueCounts&) noexcept = default;
};

/// The sizes of the messages accepted so far, in bytes as the service counts them (R37).
struct SentMessageSizes {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    std::size_t minimum = 0;
    std::size_t maximum = 0;

    friend constexpr bool operator==(const SentMessageSizes&, const SentMessageSizes&) noexcept = default;
};

/// What only a FIFO queue measures.
struct FifoMetrics {
    std::size_t approximate_number_of_groups_with_inflight_messages = 0;
    std::uint64_t number_of_deduplicated_sent_messages = 0;

    friend constexpr bool operator==(const FifoMetrics&, const FifoMetrics&) noexcept = default;
};

/// What a standard queue measures once a message group id was used on it (R216).
struct FairQueueMetrics {
    std::size_t approximate_number_of_noisy_groups = 0;
    std::size_t approximate_number_of_messages_visible_in_quiet_groups = 0;
    std::size_t approximate_number_of_messages_not_visible_in_quiet_groups = 0;
    std::size_t approximate_number_of_messages_delayed_in_quiet_groups = 0;
    std::optional<std::chrono::nanoseconds> approximate_age_of_oldest_message_in_quiet_groups{};

    friend constexpr bool operator==(const FairQueueMetrics&, const FairQueueMetrics&) noexcept = default;
};

/// The service's CloudWatch metrics under their own names, exact and without delay. Counters run from the queue's
/// construction; absent values mean what their absence means on the service.
struct QueueMetrics {
    std::optional<std::chrono::nanoseconds> approximate_age_of_oldest_message{};  // absent on an empty queue
    std::size_t approximate_number_of_messages_visible = 0;
    std::size_t approximate_number_of_messages_not_visible = 0;
    std::size_t approximate_number_of_messages_delayed = 0;
    std::uint64_t number_of_empty_receives = 0;
    std::uint64_t number_of_messages_deleted = 0;  // operations, not messages (R215)
    std::uint64_t number_of_messages_received = 0;
    std::uint64_t number_of_messages_sent = 0;            // without moves to this queue (R180)
    std::optional<SentMessageSizes> sent_message_size{};  // absent before the first send
    std::optional<FifoMetrics> fifo{};
    std::optional<FairQueueMetrics> fair_queue{};

    friend constexpr bool operator==(const QueueMetrics&, const QueueMetrics&) noexcept = default;
};

}  // namespace sqsim::inline SQSIM_ABI
