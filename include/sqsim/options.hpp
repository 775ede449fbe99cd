// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/config.hpp"
#include "sqsim/delivery_model.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/limits.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace sqsim::inline SQSIM_ABI {

/// When a message group of a standard queue counts as noisy (R209; AWS calls its own figures approximate).
struct FairQueueThresholds {
    /// A group is noisy with more than this share of the messages in flight …
    double in_flight_share = 0.10;
    /// … and at least this many of its own in flight; …
    std::size_t minimum_in_flight = 30;
    /// … or with more than this share of the recent processing time (the time that messages spend in flight) …
    double processing_time_share = 0.10;
    /// … if that was at least this much message time. AWS publishes no such floor; without one every group of a queue
    /// with few messages would be noisy.
    std::chrono::nanoseconds minimum_processing_time = std::chrono::minutes{5};
    /// What "recent" means.
    std::chrono::nanoseconds processing_time_window = std::chrono::minutes{5};
    /// A noisy group becomes quiet when it had nothing in flight for this long (R211), or nothing left to deliver.
    std::chrono::nanoseconds quiet_after = std::chrono::minutes{5};

    friend constexpr bool operator==(const FairQueueThresholds&, const FairQueueThresholds&) noexcept = default;
};

/// A standard queue's attributes (ranges in `Limits`).
struct QueueOptions {
    std::string name{};  // up to 80 letters, digits, hyphens, underscores; may be empty
    std::chrono::nanoseconds visibility_timeout = std::chrono::seconds{30};
    std::chrono::nanoseconds delay = std::chrono::seconds{0};
    std::chrono::nanoseconds message_retention_period = std::chrono::hours{96};
    std::chrono::nanoseconds receive_message_wait_time = std::chrono::seconds{0};
    std::size_t maximum_message_size = 1'048'576;
    std::size_t capacity = unlimited;  // messages in any state; a full queue refuses the send
    DeliveryModel delivery{};
    Limits limits = Limits::aws();
    FairQueueThresholds fair_queue{};
    /// Whether a message received three times goes behind all others instead of keeping its place (R114).
    bool back_of_queue_after_three_receives = false;
};

/// Whether a deduplication id is unique in the whole queue or within its message group (R153).
enum class DeduplicationScope : std::uint8_t { queue, message_group };

/// A FIFO queue's attributes (ranges in `Limits`).
struct FifoQueueOptions {
    std::string name{};  // as a standard queue's, with the suffix ".fifo"; may be empty
    std::chrono::nanoseconds visibility_timeout = std::chrono::seconds{30};
    std::chrono::nanoseconds delay = std::chrono::seconds{0};
    std::chrono::nanoseconds message_retention_period = std::chrono::hours{96};
    std::chrono::nanoseconds receive_message_wait_time = std::chrono::seconds{0};
    std::size_t maximum_message_size = 1'048'576;
    std::size_t capacity = unlimited;
    Limits limits = Limits::aws();
    bool content_based_deduplication = false;  // the SHA-256 of the body stands in for a missing id (R151)
    DeduplicationScope deduplication_scope = DeduplicationScope::queue;
    std::chrono::nanoseconds deduplication_interval = std::chrono::minutes{5};  // R149
    /// Calls a second for sends, receives and deletes each; one more is refused with `request_throttled` (R162). On the
    /// service `fifo_calls_per_second` or `fifo_high_throughput_calls_per_second(region)`.
    std::size_t maximum_calls_per_second = unlimited;
    /// With more than one, as under high throughput, the sends of a group go to the partition that its hash names,
    /// which serves `fifo_calls_per_second` of them (R161). Counts only together with `maximum_calls_per_second`.
    std::size_t partitions = 1;
};

/// What a send may say beside the body.
struct SendMessageOptions {
    std::optional<std::chrono::nanoseconds> delay{};  // replaces the queue's, also with zero (R46)
    MessageAttributes message_attributes{};
    std::string message_group_id{};  // the tenant of a fair queue (R207)
    std::string aws_trace_header{};  // the one message system attribute (R62)
};

/// What a send to a FIFO queue may say beside the body and the message group id.
struct FifoSendMessageOptions {
    std::string message_deduplication_id{};
    MessageAttributes message_attributes{};
    std::string aws_trace_header{};
    /// Only zero is accepted, and it changes nothing: a FIFO queue's delay is the queue's (R47, R48).
    std::optional<std::chrono::nanoseconds> delay{};
};

/// One message of a batch.
template <class Body>
struct SendMessageEntry {
    Body body;
    SendMessageOptions options{};
};

/// One message of a batch for a FIFO queue.
template <class Body>
struct FifoSendMessageEntry {
    Body body;
    std::string message_group_id{};
    FifoSendMessageOptions options{};
};

/// How to receive. `wait_time` zero is a short poll, anything else a long poll; absent is the queue's own (R89).
struct ReceiveMessageOptions {
    int max_number_of_messages = 10;
    std::optional<std::chrono::nanoseconds> visibility_timeout{};
    std::optional<std::chrono::nanoseconds> wait_time{};
    /// How long a long poll watches for a send before it blocks. It burns a processor meanwhile, and sees a message
    /// about a hundred times sooner than a thread that has to be woken. No part of it on a clock that is driven.
    std::chrono::nanoseconds spin{};
    /// FIFO only: repeating a receive with the same id returns the same messages and handles, and is refused once one
    /// of them was deleted or changed (R100).
    std::string receive_request_attempt_id{};
};

/// Where a queue moves messages that were received too often (R164). The dead-letter queue outlives the source.
template <class QueueType>
struct RedrivePolicy {
    QueueType& dead_letter_queue;
    int max_receive_count = 0;  // 1 to 1,000; a message is returned so often and moved by the next attempt (R171)
};

/// What a send answers.
struct SendMessageResult {
    MessageId message_id{};
    std::optional<SequenceNumber> sequence_number{};  // FIFO only (R69)
    bool deduplicated = false;                        // FIFO: nothing was stored, the ids are the original's (R156)

    friend bool operator==(const SendMessageResult&, const SendMessageResult&) noexcept = default;
};

/// What became of a delete or a change of visibility.
enum class HandleStatus : std::uint8_t {
    ok,          ///< it took effect
    expired,     ///< the lease had ended
    superseded,  ///< the message was received again since
    gone,        ///< the message was deleted, moved or purged, or its retention ended
    invalid,     ///< malformed or foreign; only inside a batch result, a single call throws
};

/// What a delete or a change of visibility answers: in process true if the call took effect; in a simulated world and
/// on a remote queue true if the service answers success, as it does to a delete of a message that is gone (R108,
/// R110).
struct HandleResult {
    HandleStatus status = HandleStatus::ok;
    bool success = status == HandleStatus::ok;

    explicit constexpr operator bool() const noexcept { return success; }

    friend constexpr bool operator==(const HandleResult&, const HandleResult&) noexcept = default;
};

/// Where a stored message is in its life (R133).
enum class MessageState : std::uint8_t { visible, in_flight, delayed };

/// A stored message that was looked at without receiving it.
template <class MessageType>
struct PeekedMessage {
    MessageType message;  // without a receipt handle
    MessageState state = MessageState::visible;
    typename MessageType::time_point available_at{};  // when the delay or the lease ends, or since when it is visible
};

/// How to move messages out of a dead-letter queue (R183-R185).
struct MoveTaskOptions {
    /// 1 to 500; absent: all at once.
    std::optional<int> max_number_of_messages_per_second{};
};

}  // namespace sqsim::inline SQSIM_ABI
