// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/history_log.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// A client of a queue whose calls go into a log. It has the verbs of the queue, so that code written for the one runs
/// on the other:
///
///     sqsim::history::HistoryLog log{clock};
///     sqsim::history::Recorder web{orders, log, "web"};
///     sqsim::history::Recorder worker{orders, log, "worker"};
///     web.send_message("order-1");
///     if (const auto message = worker.receive_message()) { worker.delete_message(message->receipt_handle()); }
///     CHECK(check_history(log.history()).ok());
///
/// `QueueType` is a `Queue`, a `FifoQueue`, or whatever has their verbs. Queue and log outlive the recorder. A call
/// that ends with `sqsim::Error` is recorded as refused, with any other exception as unanswered. Concurrency: recorders
/// are independent. One may serve several threads, but one for each tells more: the checker knows the order of the
/// calls of one client for sure.
template <class QueueType, Clock C>
class Recorder {
    static constexpr bool is_fifo = requires(const QueueType& queue) { queue.options().deduplication_scope; };

public:
    using message_type = typename QueueType::message_type;
    using body_type = typename QueueType::body_type;

    Recorder(QueueType& queue, HistoryLog<C>& log, std::string_view client)
        : queue_{queue}, log_{log}, index_{log.add_queue(queue)}, client_{log.add_client(client)} {}
    Recorder(const Recorder&) = delete;
    Recorder& operator=(const Recorder&) = delete;
    ~Recorder() = default;

    /// Sends to a standard queue.
    template <class Text>
    SendMessageResult send_message(Text&& body, const SendMessageOptions& options = {}) requires(!is_fifo) {
        const Sent sent = begin_send(body, options.message_group_id, options);
        return send(sent, [&] { return queue_.send_message(std::forward<Text>(body), options); });
    }

    /// Sends to a FIFO queue.
    template <class Text>
    SendMessageResult send_message(Text&& body, std::string_view group,
                                   const FifoSendMessageOptions& options = {}) requires is_fifo {
        const Sent sent = begin_send(body, group, options);
        return send(sent, [&] { return queue_.send_message(std::forward<Text>(body), group, options); });
    }

    /// Sends a batch. Each entry is an operation of its own.
    template <class Entry>
    auto send_messages(std::span<Entry> entries) {
        std::vector<Sent> sent;
        for (const Entry& entry : entries) {
            sent.push_back(begin_entry(entry));
        }
        const auto expected = log_.expect(entries.size());
        using Results = decltype(queue_.send_messages(entries));
        return detail::record_call([&] { return queue_.send_messages(entries); },
                                   [&](const Results* results, Answer answer) {
                                       log_.answered([&](auto log) {
                                           for (std::size_t i = 0; i < sent.size(); ++i) {
                                               const bool stored = results != nullptr && (*results)[i].has_value();
                                               sent[i].operation.invoked = sent[0].operation.invoked;  // of one call
                                               log.add_send(sent[i].operation, sent[i].group, sent[i].deduplication,
                                                            stored ? &*(*results)[i] : nullptr,
                                                            results != nullptr ? Answer::refused : answer);
                                           }
                                       });
                                   });
    }
    template <class Entry>
    auto send_messages(std::vector<Entry>& entries) {
        return send_messages(std::span<Entry>{entries});
    }

    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return receive(
            options, 1, {}, [&] { return queue_.receive_message(options, std::move(stop)); },
            [](const std::optional<message_type>& message) {
                return message ? Messages{&*message, 1} : Messages{};
            });
    }

    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return receive(
            options, options.max_number_of_messages, {},
            [&] { return queue_.receive_messages(options, std::move(stop)); },
            [](const std::vector<message_type>& messages) { return Messages{messages}; });
    }

    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {}) {
        return receive(
            options, most(out, options), {}, [&] { return queue_.receive_messages(out, options, std::move(stop)); },
            [out](std::size_t count) {
                return Messages{out.data(), count};
            });
    }

    HandleResult delete_message(const ReceiptHandle& handle) {
        return by_handle(begin(Action::delete_message), handle, [&] { return queue_.delete_message(handle); });
    }

    auto delete_messages(std::span<const ReceiptHandle> handles) {
        const Operation operation = begin(Action::delete_message);
        const auto expected = log_.expect(handles.size());
        return detail::record_call([&] { return queue_.delete_messages(handles); },
                                   [&](const auto* results, Answer answer) {
                                       log_.answered([&](auto log) {
                                           for (std::size_t i = 0; i < handles.size(); ++i) {
                                               log.add_by_handle(operation, handles[i],
                                                                 results ? detail::answer_of((*results)[i]) : answer);
                                           }
                                       });
                                   });
    }

    /// The queue does not say what became of each delete: they are recorded as unanswered.
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        const std::vector<ReceiptHandle> handles{done.begin(), done.end()};  // they may live in what is replaced
        return receive(
            options, most(out, options), handles,
            [&] { return queue_.delete_and_receive(handles, out, options, std::move(stop)); },
            [out](std::size_t count) {
                return Messages{out.data(), count};
            });
    }

    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
        Operation operation = begin(Action::change_message_visibility);
        operation.duration = timeout;
        return by_handle(operation, handle, [&] { return queue_.change_message_visibility(handle, timeout); });
    }

    void purge() {
        const Operation operation = begin(Action::purge);
        const auto expected = log_.expect(1);
        detail::record_call(
            [&] { return queue_.purge(), true; },
            [&](const bool*, Answer answer) { log_.answered([&](auto log) { log.add(operation, answer); }); });
    }

    /// Sets the delay of the queue, on a FIFO queue also of the messages that wait (R130).
    void set_delay(std::chrono::nanoseconds delay) {
        Operation operation = begin(Action::set_delay);
        operation.duration = delay;
        const auto expected = log_.expect(1);
        detail::record_call(
            [&] { return queue_.set_delay(delay), true; },
            [&](const bool*, Answer answer) { log_.answered([&](auto log) { log.add(operation, answer); }); });
    }

    /// The queue itself, for what is not recorded.
    [[nodiscard]] QueueType& queue() const noexcept { return queue_; }

private:
    using Messages = std::span<const message_type>;

    /// What is known of a send before it is done; the body may be gone then.
    struct Sent {
        Operation operation;
        std::string group;
        std::string deduplication;
    };

    [[nodiscard]] Operation begin(Action action) const {
        Operation operation;
        operation.action = action;
        operation.queue = index_;
        operation.client = client_;
        operation.invoked = log_.now();
        return operation;
    }

    template <class Body, class Options>
    [[nodiscard]] Sent begin_send(const Body& body, std::string_view group, const Options& options) const {
        const auto attributes = queue_.options();
        Sent sent{begin(Action::send), std::string{group}, {}};
        sent.operation.duration = options.delay.value_or(attributes.delay);
        sent.operation.content = detail::content_of(body, options.message_attributes);
        if constexpr (is_fifo) {
            sent.operation.duration = attributes.delay;
            sent.deduplication = options.message_deduplication_id;
            if constexpr (std::is_convertible_v<const Body&, std::string_view>) {
                if (sent.deduplication.empty() && attributes.content_based_deduplication) {
                    sent.deduplication = content_deduplication_id(body);
                }
            }
        }
        return sent;
    }

    template <class Entry>
    [[nodiscard]] Sent begin_entry(const Entry& entry) const {
        if constexpr (is_fifo) {
            return begin_send(entry.body, entry.message_group_id, entry.options);
        } else {
            return begin_send(entry.body, entry.options.message_group_id, entry.options);
        }
    }

    template <class Call>
    SendMessageResult send(const Sent& sent, Call call) {
        const auto expected = log_.expect(1);
        return detail::record_call(call, [&](const SendMessageResult* result, Answer answer) {
            log_.answered(
                [&](auto log) { log.add_send(sent.operation, sent.group, sent.deduplication, result, answer); });
        });
    }

    template <class Call>
    HandleResult by_handle(const Operation& operation, const ReceiptHandle& handle, Call call) {
        const auto expected = log_.expect(1);
        return detail::record_call(call, [&](const HandleResult* result, Answer answer) {
            log_.answered([&](auto log) {
                log.add_by_handle(operation, handle, result != nullptr ? detail::answer_of(*result) : answer);
            });
        });
    }

    [[nodiscard]] static int most(std::span<message_type> out, const ReceiveMessageOptions& options) noexcept {
        return static_cast<int>(
            std::min(out.size(), static_cast<std::size_t>(std::max(options.max_number_of_messages, 0))));
    }

    /// How many messages an answer may have: where limits allow more than a few, about as many as there are.
    [[nodiscard]] std::size_t most_to_expect(int maximum) const {
        constexpr std::size_t few = 1'000;
        const auto most = static_cast<std::size_t>(std::max(maximum, 0));
        return most <= few ? most : std::min(most, std::max(few, queue_.counts().total()));
    }

    template <class Call, class MessagesOf>
    auto receive(const ReceiveMessageOptions& options, int maximum, std::span<const ReceiptHandle> done, Call call,
                 MessagesOf messages_of) {
        const auto attributes = queue_.options();
        const Operation erase = begin(Action::delete_message);
        Operation operation = erase;
        operation.action = Action::receive;
        operation.maximum = maximum;
        operation.duration = options.visibility_timeout.value_or(attributes.visibility_timeout);
        operation.wait = options.wait_time.value_or(attributes.receive_message_wait_time);
        const auto expected = log_.expect(1 + done.size() + most_to_expect(maximum));
        using Result = decltype(call());
        return detail::record_call(call, [&](const Result* result, Answer answer) {
            const Messages messages = result != nullptr ? messages_of(*result) : Messages{};
            log_.answered([&](auto log) {
                for (const ReceiptHandle& handle : done) {
                    log.add_by_handle(erase, handle, Answer::unknown);
                }
                log.add_receive(operation, answer, messages);
            });
        });
    }

    QueueType& queue_;
    HistoryLog<C>& log_;
    std::uint32_t index_;
    std::uint32_t client_;
};

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::Recorder;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
