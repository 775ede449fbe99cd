// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/sending.hpp"
#include "sqsim/error.hpp"
#include "sqsim/history/detail/answer.hpp"
#include "sqsim/history/detail/number_table.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// A fingerprint of what a message carries, which is never zero; zero for a body that is not text.
template <class Body>
[[nodiscard]] std::uint64_t content_of(const Body& body, const MessageAttributes& attributes) {
    if constexpr (std::is_convertible_v<const Body&, std::string_view>) {
        sqsim::detail::Fingerprint content = sqsim::detail::fingerprint(body);
        for (const auto& [name, attribute] : attributes) {
            content = sqsim::detail::fingerprint(name, content);
            content = sqsim::detail::fingerprint(attribute.data_type, content);
            content = sqsim::detail::fingerprint(attribute.value, content);
        }
        return std::max<std::uint64_t>(content.low, 1);
    } else {
        return 0;
    }
}

/// Calls, and hands the result to `end(result, answer)`; null if the call ended with an exception, which goes on.
template <class Call, class End>
auto record_call(Call call, End end) -> decltype(call()) {
    using Result = decltype(call());
    const Result* const none = nullptr;
    std::optional<Result> result;
#if SQSIM_EXCEPTIONS
    try {
        result.emplace(call());
    } catch (const Error&) {
        end(none, Answer::refused);
        throw;
    } catch (...) {
        end(none, Answer::unknown);
        throw;
    }
#else
    static_cast<void>(none);
    result.emplace(call());
#endif
    end(&std::as_const(*result), Answer::ok);
    return std::move(*result);
}

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// What the recorders of some queues have seen, in the order of the answers.
///
/// The clock is that of the queues. It should not be coarser than a call is long; if it is, its step is the checker's
/// `clock_error`. Concurrency: all members may be called at the same time.
template <Clock C = std::chrono::steady_clock>
class HistoryLog {
public:
    HistoryLog() requires sqsim::detail::StaticClock<C> : HistoryLog{sqsim::detail::static_clock<C>} {}
    explicit HistoryLog(C& clock) : clock_{clock} {}
    HistoryLog(const HistoryLog&) = delete;
    HistoryLog& operator=(const HistoryLog&) = delete;
    ~HistoryLog() = default;

    /// So far. `drained` says that the clients went on until the queues were empty.
    [[nodiscard]] History history(bool drained = false) const {
        const std::lock_guard lock{mutex_};
        History copy = history_;
        copy.drained = drained;
        return copy;
    }

    /// Tells of a redrive policy, which a queue keeps to itself.
    template <class QueueType>
    void note_redrive_policy(const QueueType& queue, const QueueType& dead_letter_queue, int max_receive_count) {
        const std::uint32_t source = add_queue(queue);
        const std::uint32_t target = add_queue(dead_letter_queue);
        const std::lock_guard lock{mutex_};
        history_.queues[source].dead_letter_queue = target;
        history_.queues[source].max_receive_count = max_receive_count;
    }

    // For the recorders.

    /// Returns: the index of a queue, which is known from then on by its address.
    template <class QueueType>
    std::uint32_t add_queue(const QueueType& queue) {
        const auto options = queue.options();
        const std::lock_guard lock{mutex_};
        const auto next = static_cast<std::uint32_t>(history_.queues.size());
        QueueFacts facts;
        history_.queues.reserve(history_.queues.size() + 1);
        facts.name = options.name;
        facts.message_retention_period = options.message_retention_period;
        facts.max_number_of_messages = options.limits.maximum_number_of_messages;
        if constexpr (requires { options.deduplication_scope; }) {
            facts.fifo = true;
            facts.deduplicates_by_group = options.deduplication_scope == DeduplicationScope::message_group;
            facts.deduplication_interval = options.deduplication_interval;
        }
        const auto [found, is_new] = queues_.try_emplace(&queue, next);
        if (is_new) {
            history_.queues.push_back(std::move(facts));
        }
        return found->second;
    }

    std::uint32_t add_client(std::string_view name) {
        const std::lock_guard lock{mutex_};
        history_.clients.emplace_back(name);
        return static_cast<std::uint32_t>(history_.clients.size() - 1);
    }

    [[nodiscard]] std::chrono::nanoseconds now() const { return sqsim::detail::to_nanos(clock_.now()); }

    /// Memory for the operations of a call that begins. For as long as it lasts, so many can be noted without an error:
    /// a call that has happened must not throw because it cannot be recorded.
    class [[nodiscard]] Expected {
    public:
        Expected(HistoryLog& log, std::size_t operations) : log_{log}, operations_{operations} {
            const std::lock_guard lock{log_.mutex_};
            log_.reserve(log_.expected_ + operations_);
            log_.expected_ += operations_;
        }
        Expected(const Expected&) = delete;
        Expected& operator=(const Expected&) = delete;
        ~Expected() {
            const std::lock_guard lock{log_.mutex_};
            log_.expected_ -= operations_;
        }

    private:
        HistoryLog& log_;
        std::size_t operations_;
    };
    /// Errors: `std::bad_alloc`.
    Expected expect(std::size_t operations) { return {*this, operations}; }

    /// One call was answered. Its operations are added by `add(Entry)` calls of `note`, at one and the same time.
    /// Precondition: they are expected.
    template <class Note>
    void answered(Note note) {
        const std::lock_guard lock{mutex_};
        now_ = std::max(now_, now());  // also on a clock that steps backwards
        note(Entries{*this});
    }

    /// Where the operations of one call go.
    class Entries {
    public:
        void add(Operation operation, Answer answer) {
            operation.invoked = std::min(operation.invoked, log_.now_);
            operation.answered = log_.now_;
            operation.answer = answer;
            log_.history_.operations.push_back(operation);
        }

        void add_send(Operation operation, std::string_view group, std::string_view deduplication,
                      const SendMessageResult* result, Answer answer) {
            operation.group = number(log_.groups_, group);
            operation.deduplication = number(log_.deduplications_, deduplication);
            if (result != nullptr) {
                operation.message = log_.message(result->message_id);
                answer = result->deduplicated ? Answer::deduplicated : Answer::ok;
            }
            add(operation, answer);
        }

        template <class MessageType>
        void add_receive(Operation operation, Answer answer, std::span<MessageType> messages) {
            add(operation, answer);
            operation.action = Action::delivery;
            operation.maximum = 0;
            operation.wait = {};
            operation.duration = {};
            for (const auto& message : messages) {
                operation.message = log_.message(message.message_id());
                operation.receipt = log_.receipts_.find_or_add(message.receipt_handle(), operation.message).number;
                operation.group = number(log_.groups_, message.message_group_id());
                operation.deduplication = number(log_.deduplications_, message.message_deduplication_id());
                operation.receive_count = static_cast<std::int32_t>(message.approximate_receive_count());
                operation.content = detail::content_of(message.body(), message.message_attributes());
                add(operation, answer);
            }
        }

        void add_by_handle(Operation operation, const ReceiptHandle& handle, Answer answer) {
            const auto& receipt = log_.receipts_.find_or_add(handle, 0);
            operation.receipt = receipt.number;
            operation.message = receipt.value;
            add(operation, answer);
        }

    private:
        friend class HistoryLog;
        explicit Entries(HistoryLog& log) noexcept : log_{log} {}
        HistoryLog& log_;
    };

private:
    struct Nothing {};
    struct LowBits {
        std::size_t operator()(const sqsim::detail::Fingerprint& id) const noexcept {
            return static_cast<std::size_t>(id.low);
        }
    };
    using Names = detail::NumberTable<sqsim::detail::Fingerprint, Nothing, LowBits>;

    [[nodiscard]] static std::uint32_t number(Names& names, std::string_view text) noexcept {
        return text.empty() ? 0 : names.find_or_add(sqsim::detail::fingerprint(text), {}).number;
    }

    [[nodiscard]] std::uint32_t message(const MessageId& id) noexcept { return messages_.find_or_add(id, {}).number; }

    void reserve(std::size_t operations) {
        auto& all = history_.operations;
        if (all.capacity() - all.size() < operations) {
            all.reserve(std::max(all.size() + operations, 2 * all.capacity()));
        }
        messages_.reserve(operations);
        receipts_.reserve(operations);
        groups_.reserve(operations);
        deduplications_.reserve(operations);
    }

    C& clock_;
    mutable std::mutex mutex_{};
    History history_{};
    std::chrono::nanoseconds now_ = std::chrono::nanoseconds::min();
    std::unordered_map<const void*, std::uint32_t> queues_{};
    detail::NumberTable<MessageId, Nothing> messages_{};
    detail::NumberTable<ReceiptHandle, std::uint32_t> receipts_{};  // each with its message
    Names groups_{};
    Names deduplications_{};
    std::size_t expected_ = 0;  // operations of calls that have begun
};

template <class C>
HistoryLog(C&) -> HistoryLog<C>;

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::HistoryLog;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
