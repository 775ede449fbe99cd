// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/ids.hpp"

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI {

namespace detail {

struct MessageAccess;

}  // namespace detail

/// A received message: what it was at that receive, and its body.
///
/// It stays valid, body included, for as long as it lives: after the delete, after a purge, and after the end of its
/// queue. Copies share the body. A default-constructed message is empty; only assignment and `operator bool` are
/// allowed on it.
/// Concurrency: distinct messages are independent, also those that share a body; one message is like an `int`.
template <class Body, class TimePoint>
class Message {
public:
    using body_type = Body;
    using time_point = TimePoint;

    Message() noexcept = default;
    Message(const Message& other) noexcept
        : record_{other.record_}, owner_{other.owner_}, handle_{other.handle_},
          first_received_at_{other.first_received_at_}, deadline_{other.deadline_}, receive_count_{
                                                                                        other.receive_count_} {
        if (record_ != nullptr) {
            owner_->retain(*record_);
        }
    }
    Message(Message&& other) noexcept
        : record_{std::exchange(other.record_, nullptr)}, owner_{other.owner_}, handle_{other.handle_},
          first_received_at_{other.first_received_at_}, deadline_{other.deadline_}, receive_count_{
                                                                                        other.receive_count_} {}
    Message& operator=(Message other) noexcept {
        swap(*this, other);
        return *this;
    }
    ~Message() {
        if (record_ != nullptr) {
            owner_->release(*record_);
        }
    }

    friend void swap(Message& a, Message& b) noexcept {
        std::swap(a.record_, b.record_);
        std::swap(a.owner_, b.owner_);
        std::swap(a.handle_, b.handle_);
        std::swap(a.first_received_at_, b.first_received_at_);
        std::swap(a.deadline_, b.deadline_);
        std::swap(a.receive_count_, b.receive_count_);
    }

    /// Whether this is a message at all.
    explicit operator bool() const noexcept { return record_ != nullptr; }

    /// The body: a `std::string_view` for `Body = std::string`, a reference otherwise. Valid as long as this message.
    [[nodiscard]] decltype(auto) body() const noexcept {
        detail::Record& record = content();
        const std::byte* body = Layout::body(record);
        if constexpr (detail::is_text<Body>) {
            return std::string_view{reinterpret_cast<const char*>(body), record.body_size};
        } else {
            return *std::launder(reinterpret_cast<const Body*>(body));
        }
    }

    /// The identity of the message, equal on every receive (R68).
    [[nodiscard]] MessageId message_id() const noexcept { return detail::message_id<Body>(*record_, *owner_); }

    /// The handle of this receive, for deleting the message or changing its visibility (R105).
    [[nodiscard]] const ReceiptHandle& receipt_handle() const noexcept { return handle_; }

    /// How often the message was received, this receive included, in all queues that it went through (R97, R173).
    [[nodiscard]] std::uint32_t approximate_receive_count() const noexcept { return receive_count_; }

    /// When the queue accepted the message, not when its delay ended (R70).
    [[nodiscard]] TimePoint sent_at() const noexcept { return detail::to_time_point<TimePoint>(record_->sent_at); }

    /// When the message was received for the first time (R97); on a FIFO dead-letter queue, for the first time there
    /// (R174). The end of time if it never was (`peek`).
    [[nodiscard]] TimePoint first_received_at() const noexcept {
        return detail::to_time_point<TimePoint>(first_received_at_);
    }

    /// When this lease ends, unless `change_message_visibility` says otherwise later.
    [[nodiscard]] TimePoint visibility_deadline() const noexcept { return detail::to_time_point<TimePoint>(deadline_); }

    [[nodiscard]] const MessageAttributes& message_attributes() const noexcept {
        static const MessageAttributes none;
        const detail::Extras* extras = Layout::extras(content());
        return extras != nullptr ? extras->attributes : none;
    }

    /// The X-Ray trace header that was sent along; empty if there was none (R62).
    [[nodiscard]] std::string_view aws_trace_header() const noexcept {
        const detail::Extras* extras = Layout::extras(content());
        return extras != nullptr ? std::string_view{extras->aws_trace_header} : std::string_view{};
    }

    /// The group, or the tenant of a fair queue; empty if there was none.
    [[nodiscard]] std::string_view message_group_id() const noexcept { return Layout::group_id(*record_); }

    /// The id that a FIFO queue deduplicated by, also where the body's hash stood in for it (R98); empty on a standard
    /// queue.
    [[nodiscard]] std::string_view message_deduplication_id() const noexcept {
        return Layout::deduplication_id(*record_);
    }

    /// The place in a FIFO queue; nothing on a standard queue (R69).
    [[nodiscard]] std::optional<SequenceNumber> sequence_number() const noexcept {
        if (record_->deduplication_id_size == 0) {
            return std::nullopt;
        }
        return SequenceNumber{record_->ordinal};
    }

    /// The name of the queue that moved the message to this dead-letter queue; nothing if none did (R174).
    [[nodiscard]] std::optional<std::string_view> dead_letter_queue_source() const noexcept {
        const detail::Extras* extras = Layout::extras(*record_);
        if (extras == nullptr || !extras->from_dead_letter_move) {
            return std::nullopt;
        }
        return std::string_view{extras->source_name};
    }

private:
    friend struct detail::MessageAccess;
    using Layout = detail::PayloadOf<Body>;

    /// The record with body and attributes: on a moved message that of the first queue.
    [[nodiscard]] detail::Record& content() const noexcept {
        const detail::Extras* extras = Layout::extras(*record_);
        return extras != nullptr && extras->body_record != nullptr ? *extras->body_record : *record_;
    }

    detail::Record* record_ = nullptr;
    detail::RecordOwner* owner_ = nullptr;
    ReceiptHandle handle_{};
    detail::Nanos first_received_at_ = detail::never;
    detail::Nanos deadline_{};
    std::uint32_t receive_count_ = 0;
};

namespace detail {

/// Makes messages, for the queues.
struct MessageAccess {
    /// Makes an empty message one of a record that the queue holds. Under the queue's lock.
    template <class MessageType>
    [[gnu::always_inline]] static void fill(MessageType& message, Record& record, RecordOwner& owner,
                                            const ReceiptHandle& handle) noexcept {
        owner.hand_out(record);
        message.record_ = &record;
        message.owner_ = &owner;
        message.handle_ = handle;
        message.first_received_at_ = record.first_received_at;
        message.deadline_ = record.deadline;
        message.receive_count_ = receive_count<typename MessageType::body_type>(record);
    }

    /// The same of a plain message that is received for the first time.
    template <bool is_shared, class MessageType>
    [[gnu::always_inline]] static void fill_first(MessageType& message, Record& record, RecordOwner& owner,
                                                  const ReceiptHandle& handle, Nanos received_at,
                                                  Nanos deadline) noexcept {
        owner.hand_out<is_shared>(record);
        message.record_ = &record;
        message.owner_ = &owner;
        message.handle_ = handle;
        message.first_received_at_ = received_at;
        message.deadline_ = deadline;
        message.receive_count_ = 1;
    }

    /// The same of a record that is looked at: it may never have been received.
    template <class MessageType>
    static void fill_unreceived(MessageType& message, Record& record, RecordOwner& owner) noexcept {
        fill(message, record, owner, ReceiptHandle{});
        message.first_received_at_ = record.first_receive();
        message.deadline_ = record.state_until();
    }

    /// Whether a message belongs to another owner.
    template <class MessageType>
    [[gnu::always_inline]] [[nodiscard]] static bool is_of_another(const MessageType& message,
                                                                   const RecordOwner& owner) noexcept {
        return message.owner_ != &owner && message.record_ != nullptr;
    }

    /// Makes a message empty. Returns: the record, whose reference is now the caller's, if it belongs to this owner.
    template <class MessageType>
    [[nodiscard]] static Record* empty(MessageType& message, const RecordOwner& owner) noexcept {
        return message.owner_ == &owner ? std::exchange(message.record_, nullptr) : nullptr;
    }
};

}  // namespace detail
}  // namespace sqsim::inline SQSIM_ABI
