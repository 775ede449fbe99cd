// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/validate_message.hpp"
#include "sqsim/error.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// For code that is no template: one type for the queues of texts, whatever their kind, their clock and their lock, and
// whether they are simulated.

namespace sqsim::inline SQSIM_ABI {

/// What a send to either kind of queue may say beside the body.
struct AnySendMessageOptions {
    std::optional<std::chrono::nanoseconds> delay{};
    MessageAttributes message_attributes{};
    std::string message_group_id{};          // a FIFO queue demands one (R49), to a fair queue it is the tenant (R207)
    std::string message_deduplication_id{};  // FIFO only (R53)
    std::string aws_trace_header{};
};

/// One message of a batch for either kind of queue.
struct AnySendMessageEntry {
    std::string body;
    AnySendMessageOptions options{};
};

// Both are templates so that they are compiled where they are used, and not wherever they are included.
template <class = void>
class BasicAnyMessage;
template <class = void>
class BasicAnyQueue;

/// A received message of any queue of texts, as `Message`; times are since the epoch of the queue's clock. Copies refer
/// to the same message. Complexity: making one allocates.
using AnyMessage = BasicAnyMessage<>;

template <class>
class BasicAnyMessage {
public:
    using body_type = std::string;

    BasicAnyMessage() noexcept = default;
    template <class MessageType>
    requires(!std::same_as<MessageType, BasicAnyMessage>) explicit BasicAnyMessage(MessageType message)
        : facts_{std::make_shared<const Holder<MessageType>>(std::move(message))} {}

    /// Whether it is a message. The others are those of a message only.
    explicit operator bool() const noexcept { return facts_ != nullptr; }

    [[nodiscard]] std::string_view body() const noexcept { return facts_->body; }
    [[nodiscard]] MessageId message_id() const noexcept { return facts_->message_id; }
    [[nodiscard]] const ReceiptHandle& receipt_handle() const noexcept { return facts_->receipt_handle; }
    [[nodiscard]] std::uint32_t approximate_receive_count() const noexcept { return facts_->approximate_receive_count; }
    [[nodiscard]] std::chrono::nanoseconds sent_at() const noexcept { return facts_->sent_at; }
    [[nodiscard]] std::chrono::nanoseconds first_received_at() const noexcept { return facts_->first_received_at; }
    [[nodiscard]] std::chrono::nanoseconds visibility_deadline() const noexcept { return facts_->visibility_deadline; }
    [[nodiscard]] const MessageAttributes& message_attributes() const noexcept { return *facts_->message_attributes; }
    [[nodiscard]] std::string_view aws_trace_header() const noexcept { return facts_->aws_trace_header; }
    [[nodiscard]] std::string_view message_group_id() const noexcept { return facts_->message_group_id; }
    [[nodiscard]] std::string_view message_deduplication_id() const noexcept {
        return facts_->message_deduplication_id;
    }
    [[nodiscard]] std::optional<SequenceNumber> sequence_number() const noexcept { return facts_->sequence_number; }
    [[nodiscard]] std::optional<std::string_view> dead_letter_queue_source() const noexcept {
        return facts_->dead_letter_queue_source;
    }

private:
    /// What a message says; the texts are in the message itself.
    struct Facts {
        std::string_view body{};
        MessageId message_id{};
        ReceiptHandle receipt_handle{};
        std::uint32_t approximate_receive_count = 0;
        std::chrono::nanoseconds sent_at{};
        std::chrono::nanoseconds first_received_at{};
        std::chrono::nanoseconds visibility_deadline{};
        const MessageAttributes* message_attributes = nullptr;
        std::string_view aws_trace_header{};
        std::string_view message_group_id{};
        std::string_view message_deduplication_id{};
        std::optional<SequenceNumber> sequence_number{};
        std::optional<std::string_view> dead_letter_queue_source{};
    };

    template <class MessageType>
    struct Holder : Facts {
        Holder() = default;
        explicit Holder(MessageType from) noexcept { fill(std::move(from)); }

        void fill(MessageType from) noexcept {
            message = std::move(from);
            this->body = message.body();
            this->message_id = message.message_id();
            this->receipt_handle = message.receipt_handle();
            this->approximate_receive_count = message.approximate_receive_count();
            this->sent_at = message.sent_at().time_since_epoch();
            this->first_received_at = message.first_received_at().time_since_epoch();
            this->visibility_deadline = message.visibility_deadline().time_since_epoch();
            this->message_attributes = &message.message_attributes();
            this->aws_trace_header = message.aws_trace_header();
            this->message_group_id = message.message_group_id();
            this->message_deduplication_id = message.message_deduplication_id();
            this->sequence_number = message.sequence_number();
            this->dead_letter_queue_source = message.dead_letter_queue_source();
        }

        MessageType message{};
    };

    friend class BasicAnyQueue<>;
    explicit BasicAnyMessage(std::shared_ptr<const Facts> facts) noexcept : facts_{std::move(facts)} {}

    std::shared_ptr<const Facts> facts_{};
};

namespace detail {

template <class Q>
concept FifoVerbs = requires(Q& queue, std::string_view text) {
    queue.try_send_message(text, text, FifoSendMessageOptions{});
};

template <class Q>
concept StandardVerbs = !FifoVerbs<Q> && requires(Q & queue, std::string_view text) {
    queue.try_send_message(text, SendMessageOptions{});
};

/// A queue with the verbs of `Queue` or `FifoQueue`, and texts for bodies.
template <class Q>
concept TextQueue = (FifoVerbs<Q> || StandardVerbs<Q>)&&std::same_as<typename Q::body_type, std::string>;

[[nodiscard]] inline FifoSendMessageOptions fifo_options(const AnySendMessageOptions& options) {
    return {options.message_deduplication_id, options.message_attributes, options.aws_trace_header, options.delay};
}
[[nodiscard]] inline SendMessageOptions standard_options(const AnySendMessageOptions& options) {
    return {options.delay, options.message_attributes, options.message_group_id, options.aws_trace_header};
}

/// The entries of a caller as those of a queue, for one call. What the queue has not taken goes back at its end.
template <class Entry>
class BorrowedEntries {
    static constexpr bool is_fifo = requires(Entry entry) { entry.message_group_id; };

public:
    explicit BorrowedEntries(std::span<AnySendMessageEntry> lent) : lent_{lent}, entries_(lent.size()) { swap_all(); }
    BorrowedEntries(const BorrowedEntries&) = delete;
    BorrowedEntries& operator=(const BorrowedEntries&) = delete;
    ~BorrowedEntries() { swap_all(); }

    [[nodiscard]] std::vector<Entry>& get() noexcept { return entries_; }

private:
    void swap_all() noexcept {
        for (std::size_t i = 0; i != lent_.size(); ++i) {
            AnySendMessageOptions& mine = lent_[i].options;
            Entry& its = entries_[i];
            std::swap(lent_[i].body, its.body);
            std::swap(mine.delay, its.options.delay);
            std::swap(mine.message_attributes, its.options.message_attributes);
            std::swap(mine.aws_trace_header, its.options.aws_trace_header);
            if constexpr (is_fifo) {
                std::swap(mine.message_group_id, its.message_group_id);
                std::swap(mine.message_deduplication_id, its.options.message_deduplication_id);
            } else {
                std::swap(mine.message_group_id, its.options.message_group_id);
            }
        }
    }

    std::span<AnySendMessageEntry> lent_;
    std::vector<Entry> entries_;
};

/// R53: a standard queue refuses a deduplication id.
[[nodiscard]] inline MaybeError check_for_standard(const AnySendMessageOptions& options) {
    if (options.message_deduplication_id.empty()) {
        return {};
    }
    return invalid_value(options.message_deduplication_id, "MessageDeduplicationId", not_of_this_kind);
}

}  // namespace detail

/// A reference to a queue of texts of whatever type, which outlives it: `Queue`, `FifoQueue`, and those of a simulated
/// world. Copies refer to the same queue. Its verbs, their errors and what may be called concurrently are the queue's.
using AnyQueue = BasicAnyQueue<>;

template <class>
class BasicAnyQueue {
public:
    using body_type = std::string;
    using message_type = AnyMessage;

    template <detail::TextQueue Q>
    BasicAnyQueue(Q& queue) noexcept : queue_{&queue}, verbs_{&verbs<Q>} {}  // NOLINT: a queue is a queue

    [[nodiscard]] bool is_fifo() const noexcept { return verbs_->is_fifo; }
    [[nodiscard]] const std::string& name() const { return verbs_->name(queue_); }
    [[nodiscard]] QueueCounts counts() const { return verbs_->counts(queue_); }

    /// Errors: those of the queue; a FIFO queue without a group id (R49) and a standard one with a deduplication id
    /// (R53) refuse.
    SendMessageResult send_message(std::string_view body, const AnySendMessageOptions& options = {}) const {
        return try_send_message(body, options).value();
    }
    /// As `send_message`, with the error `queue_full` as a value.
    Result<SendMessageResult> try_send_message(std::string_view body, const AnySendMessageOptions& options = {}) const {
        return verbs_->send(queue_, body, options);
    }
    /// Up to ten; each succeeds or fails by itself, and is moved from only if it is stored. Errors: those of the queue;
    /// a deduplication id for a standard queue (R53) throws, and nothing is stored.
    std::vector<Result<SendMessageResult>> send_messages(std::span<AnySendMessageEntry> entries) const {
        return verbs_->send_batch(queue_, entries);
    }

    std::optional<AnyMessage> receive_message(ReceiveMessageOptions options = {}, std::stop_token stop = {}) const {
        options.max_number_of_messages = 1;
        std::vector<AnyMessage> messages = receive_messages(options, std::move(stop));
        return messages.empty() ? std::nullopt : std::optional{std::move(messages.front())};
    }
    std::vector<AnyMessage> receive_messages(const ReceiveMessageOptions& options = {},
                                             std::stop_token stop = {}) const {
        return verbs_->receive(queue_, options, std::move(stop));
    }

    HandleResult delete_message(const ReceiptHandle& handle) const { return verbs_->erase(queue_, handle); }
    std::vector<HandleResult> delete_messages(std::span<const ReceiptHandle> handles) const {
        return verbs_->erase_batch(queue_, handles);
    }
    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) const {
        return verbs_->change_visibility(queue_, handle, timeout);
    }
    void purge() const { verbs_->purge(queue_); }

private:
    struct Verbs {
        bool is_fifo;
        const std::string& (*name)(const void*);
        QueueCounts (*counts)(const void*);
        Result<SendMessageResult> (*send)(void*, std::string_view, const AnySendMessageOptions&);
        std::vector<Result<SendMessageResult>> (*send_batch)(void*, std::span<AnySendMessageEntry>);
        std::vector<AnyMessage> (*receive)(void*, const ReceiveMessageOptions&, std::stop_token&&);
        HandleResult (*erase)(void*, const ReceiptHandle&);
        std::vector<HandleResult> (*erase_batch)(void*, std::span<const ReceiptHandle>);
        HandleResult (*change_visibility)(void*, const ReceiptHandle&, std::chrono::nanoseconds);
        void (*purge)(void*);
    };

    template <class Q>
    static Result<SendMessageResult> send(void* queue, std::string_view body, const AnySendMessageOptions& options) {
        Q& q = *static_cast<Q*>(queue);
        if constexpr (detail::FifoVerbs<Q>) {
            return q.try_send_message(body, options.message_group_id, detail::fifo_options(options));
        } else {
            detail::raise_if(detail::check_for_standard(options));
            return q.try_send_message(body, detail::standard_options(options));
        }
    }

    template <class Q>
    static std::vector<Result<SendMessageResult>> send_batch(void* queue, std::span<AnySendMessageEntry> entries) {
        Q& q = *static_cast<Q*>(queue);
        if constexpr (detail::FifoVerbs<Q>) {
            detail::BorrowedEntries<FifoSendMessageEntry<std::string>> borrowed{entries};
            return q.send_messages(borrowed.get());
        } else {
            for (const AnySendMessageEntry& entry : entries) {
                detail::raise_if(detail::check_for_standard(entry.options));
            }
            detail::BorrowedEntries<SendMessageEntry<std::string>> borrowed{entries};
            return q.send_messages(borrowed.get());
        }
    }

    template <class Q>
    static std::vector<AnyMessage> receive(void* queue, const ReceiveMessageOptions& options, std::stop_token&& stop) {
        constexpr int usual = 10;
        if (options.max_number_of_messages > usual) {  // where limits allow it: up to as many as there are
            const std::size_t stored = std::max<std::size_t>(static_cast<const Q*>(queue)->counts().total(), usual);
            if (stored < static_cast<std::size_t>(options.max_number_of_messages)) {
                ReceiveMessageOptions bounded = options;
                bounded.max_number_of_messages = static_cast<int>(stored);
                return receive_into<Q>(queue, bounded, std::move(stop));
            }
        }
        return receive_into<Q>(queue, options, std::move(stop));
    }

    /// The same, up to a number for which memory is obtained first: once messages are received, nothing may fail.
    template <class Q>
    static std::vector<AnyMessage> receive_into(void* queue, const ReceiveMessageOptions& options,
                                                std::stop_token&& stop) {
        using Holder = typename AnyMessage::template Holder<typename Q::message_type>;
        const auto most = static_cast<std::size_t>(std::max(options.max_number_of_messages, 0));
        std::vector<std::shared_ptr<Holder>> holders(most);
        for (auto& holder : holders) {
            holder = std::make_shared<Holder>();
        }
        std::vector<AnyMessage> messages;
        messages.reserve(most);
        std::size_t next = 0;
        for (auto& message : static_cast<Q*>(queue)->receive_messages(options, std::move(stop))) {
            holders[next]->fill(std::move(message));
            messages.push_back(AnyMessage{std::shared_ptr<const typename AnyMessage::Facts>{std::move(holders[next])}});
            ++next;
        }
        return messages;
    }

    template <class Q>
    static constexpr Verbs verbs{
        detail::FifoVerbs<Q>,
        [](const void* queue) -> const std::string& { return static_cast<const Q*>(queue)->name(); },
        [](const void* queue) { return static_cast<const Q*>(queue)->counts(); },
        &BasicAnyQueue::template send<Q>,
        &BasicAnyQueue::template send_batch<Q>,
        &BasicAnyQueue::template receive<Q>,
        [](void* queue, const ReceiptHandle& handle) { return static_cast<Q*>(queue)->delete_message(handle); },
        [](void* queue, std::span<const ReceiptHandle> handles) -> std::vector<HandleResult> {
            std::vector<HandleResult> answers(handles.size());
            const auto& results = static_cast<Q*>(queue)->delete_messages(handles);
            std::copy(results.begin(), results.end(), answers.begin());
            return answers;
        },
        [](void* queue, const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
            return static_cast<Q*>(queue)->change_message_visibility(handle, timeout);
        },
        [](void* queue) { static_cast<Q*>(queue)->purge(); },
    };

    void* queue_;
    const Verbs* verbs_;
};

}  // namespace sqsim::inline SQSIM_ABI
