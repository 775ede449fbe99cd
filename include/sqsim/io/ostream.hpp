// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/io/names.hpp"
#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <type_traits>

// `operator<<` for every public value type: one line each, as an assertion that fails should show it.

namespace sqsim::inline SQSIM_ABI {

namespace detail {

/// Writes an optional value, or "none".
template <class T, class Write>
void write_optional(std::ostream& out, const std::optional<T>& value, Write write) {
    if (value) {
        write(*value);
    } else {
        out << "none";
    }
}

inline void write_seconds(std::ostream& out, Nanos duration) {
    if (duration == never) {
        out << "never";
    } else {
        out << seconds_text(duration) << " s";
    }
}

inline void write_count(std::ostream& out, std::size_t count) {
    if (count == unlimited) {
        out << "unlimited";
    } else {
        out << count;
    }
}

/// A text in quotes, cut after so many bytes: a body of a mebibyte helps nobody.
inline void write_quoted(std::ostream& out, std::string_view text, std::size_t maximum = 64) {
    out << '"' << text.substr(0, maximum) << '"';
    if (text.size() > maximum) {
        out << "... (" << text.size() << " bytes)";
    }
}

inline void write_attributes(std::ostream& out, const MessageAttributes& attributes) {
    out << '{';
    std::string_view separator;
    for (const auto& [name, attribute] : attributes) {
        out << separator << name << ": " << attribute.data_type << ' ';
        write_quoted(out, attribute.value);
        separator = ", ";
    }
    out << '}';
}

}  // namespace detail

inline std::ostream& operator<<(std::ostream& out, HandleStatus status) { return out << to_string(status); }
inline std::ostream& operator<<(std::ostream& out, MessageState state) { return out << to_string(state); }
inline std::ostream& operator<<(std::ostream& out, DeduplicationScope scope) { return out << to_string(scope); }
inline std::ostream& operator<<(std::ostream& out, MoveTaskStatus status) { return out << to_string(status); }
inline std::ostream& operator<<(std::ostream& out, Errc code) { return out << to_string(code); }
inline std::ostream& operator<<(std::ostream& out, const Error& error) {
    return out << error.aws_code() << ": " << error.what();
}
inline std::ostream& operator<<(std::ostream& out, HandleResult result) { return out << result.status; }
inline std::ostream& operator<<(std::ostream& out, const MessageId& id) { return out << id.to_string(); }
inline std::ostream& operator<<(std::ostream& out, const ReceiptHandle& handle) { return out << handle.to_string(); }
inline std::ostream& operator<<(std::ostream& out, const SequenceNumber& number) { return out << number.to_string(); }
inline std::ostream& operator<<(std::ostream& out, ManualClock::time_point instant) {
    detail::write_seconds(out, instant.time_since_epoch());
    return out;
}

inline std::ostream& operator<<(std::ostream& out, const MessageAttribute& attribute) {
    out << attribute.data_type << ' ';
    detail::write_quoted(out, attribute.value);
    return out;
}

inline std::ostream& operator<<(std::ostream& out, const SendMessageResult& result) {
    out << "sent " << result.message_id;
    if (result.sequence_number) {
        out << ", sequence number " << *result.sequence_number;
    }
    return out << (result.deduplicated ? ", a duplicate" : "");
}

template <class T>
std::ostream& operator<<(std::ostream& out, const Result<T>& result) {
    if (result.has_value()) {
        return out << *result;
    }
    return out << result.error();
}

inline std::ostream& operator<<(std::ostream& out, const QueueCounts& counts) {
    return out << counts.visible << " visible, " << counts.in_flight << " in flight, " << counts.delayed << " delayed";
}

inline std::ostream& operator<<(std::ostream& out, const SentMessageSizes& sizes) {
    return out << sizes.count << " messages of " << sizes.minimum << " to " << sizes.maximum << " bytes, " << sizes.sum
               << " in all";
}

inline std::ostream& operator<<(std::ostream& out, const FifoMetrics& metrics) {
    return out << metrics.approximate_number_of_groups_with_inflight_messages << " groups in flight, "
               << metrics.number_of_deduplicated_sent_messages << " deduplicated";
}

inline std::ostream& operator<<(std::ostream& out, const FairQueueMetrics& metrics) {
    out << metrics.approximate_number_of_noisy_groups << " noisy groups; in quiet groups "
        << metrics.approximate_number_of_messages_visible_in_quiet_groups << " visible, "
        << metrics.approximate_number_of_messages_not_visible_in_quiet_groups << " in flight, "
        << metrics.approximate_number_of_messages_delayed_in_quiet_groups << " delayed, oldest ";
    detail::write_optional(out, metrics.approximate_age_of_oldest_message_in_quiet_groups,
                           [&](auto age) { detail::write_seconds(out, age); });
    return out;
}

inline std::ostream& operator<<(std::ostream& out, const QueueMetrics& metrics) {
    out << metrics.approximate_number_of_messages_visible << " visible, "
        << metrics.approximate_number_of_messages_not_visible << " in flight, "
        << metrics.approximate_number_of_messages_delayed << " delayed, oldest ";
    detail::write_optional(out, metrics.approximate_age_of_oldest_message,
                           [&](auto age) { detail::write_seconds(out, age); });
    out << "; " << metrics.number_of_messages_sent << " sent, " << metrics.number_of_messages_received << " received, "
        << metrics.number_of_empty_receives << " empty receives, " << metrics.number_of_messages_deleted << " deleted";
    if (metrics.sent_message_size) {
        out << "; sizes: " << *metrics.sent_message_size;
    }
    if (metrics.fifo) {
        out << "; " << *metrics.fifo;
    }
    if (metrics.fair_queue) {
        out << "; " << *metrics.fair_queue;
    }
    return out;
}

template <class Body, class TimePoint>
std::ostream& operator<<(std::ostream& out, const Message<Body, TimePoint>& message) {
    if (!message) {
        return out << "no message";
    }
    out << "message " << message.message_id();
    if constexpr (std::is_same_v<Body, std::string>) {
        out << ' ';
        detail::write_quoted(out, message.body());
    } else if constexpr (requires { out << message.body(); }) {
        out << ' ' << message.body();
    }
    if (!message.message_group_id().empty()) {
        out << " of group " << message.message_group_id();
    }
    out << ", receive " << message.approximate_receive_count() << ", sent at ";
    detail::write_seconds(out, detail::to_nanos(message.sent_at()));
    out << ", lease until ";
    detail::write_seconds(out, detail::to_nanos(message.visibility_deadline()));
    if (!message.message_attributes().empty()) {
        out << ", attributes ";
        detail::write_attributes(out, message.message_attributes());
    }
    if (const auto source = message.dead_letter_queue_source()) {
        out << ", dead letter of " << *source;
    }
    return out;
}

template <class MessageType>
std::ostream& operator<<(std::ostream& out, const PeekedMessage<MessageType>& peeked) {
    out << peeked.state << (peeked.state == MessageState::visible ? " since " : " until ");
    detail::write_seconds(out, detail::to_nanos(peeked.available_at));
    return out << ": " << peeked.message;
}

inline std::ostream& operator<<(std::ostream& out, const DeliveryModel& model) {
    if (model == DeliveryModel::exact()) {
        return out << "exact";
    }
    return out << "duplicates " << model.duplicate_probability << ", lost deletes " << model.lost_delete_probability
               << ", missing short polls " << model.short_poll_miss_probability << ", reorder window "
               << model.reorder_window << ", seed " << model.seed;
}

inline std::ostream& operator<<(std::ostream& out, const FairQueueThresholds& thresholds) {
    return out << "noisy above " << thresholds.in_flight_share << " of and " << thresholds.minimum_in_flight
               << " in flight, or above " << thresholds.processing_time_share << " of the processing time";
}

inline std::ostream& operator<<(std::ostream& out, const Limits& limits) {
    if (limits == Limits::aws()) {
        return out << "limits of the service";
    }
    return out << (limits == Limits::none() ? "no limits" : "own limits");
}

template <class Options>
requires std::is_same_v<Options, QueueOptions> || std::is_same_v<Options, FifoQueueOptions> std::ostream&
operator<<(std::ostream& out, const Options& options) {
    out << "queue '" << options.name << "': visibility timeout ";
    detail::write_seconds(out, options.visibility_timeout);
    out << ", delay ";
    detail::write_seconds(out, options.delay);
    out << ", retention ";
    detail::write_seconds(out, options.message_retention_period);
    out << ", wait time ";
    detail::write_seconds(out, options.receive_message_wait_time);
    out << ", messages up to ";
    detail::write_count(out, options.maximum_message_size);
    out << " bytes, capacity ";
    detail::write_count(out, options.capacity);
    if constexpr (std::is_same_v<Options, QueueOptions>) {
        out << ", delivery " << options.delivery;
    } else {
        out << ", deduplication per " << options.deduplication_scope
            << (options.content_based_deduplication ? " by content" : " by id");
    }
    return out << ", " << options.limits;
}

template <class Options>
requires std::is_same_v<Options, SendMessageOptions> || std::is_same_v<Options, FifoSendMessageOptions> std::ostream&
operator<<(std::ostream& out, const Options& options) {
    out << "delay ";
    detail::write_optional(out, options.delay, [&](auto delay) { detail::write_seconds(out, delay); });
    if constexpr (std::is_same_v<Options, SendMessageOptions>) {
        out << ", group ";
        detail::write_quoted(out, options.message_group_id);
    } else {
        out << ", deduplication id ";
        detail::write_quoted(out, options.message_deduplication_id);
    }
    out << ", attributes ";
    detail::write_attributes(out, options.message_attributes);
    return out;
}

inline std::ostream& operator<<(std::ostream& out, const ReceiveMessageOptions& options) {
    out << "up to " << options.max_number_of_messages << " messages, visibility timeout ";
    detail::write_optional(out, options.visibility_timeout, [&](auto time) { detail::write_seconds(out, time); });
    out << ", wait time ";
    detail::write_optional(out, options.wait_time, [&](auto time) { detail::write_seconds(out, time); });
    return out;
}

}  // namespace sqsim::inline SQSIM_ABI
