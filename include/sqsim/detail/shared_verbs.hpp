// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/throttle.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/handle_results.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The verbs that both kinds of queue have, in terms of their core.

namespace sqsim::inline SQSIM_ABI::detail {

template <class Core>
[[nodiscard]] auto receive_one(Core& core, const ReceiveMessageOptions& options, const std::stop_token& stop) {
    require_good_receive(options, core.limits(), Core::is_fifo);
    std::optional<typename Core::message_type> message;
    core.receive({}, options, 1, stop, [&](Record& record) { core.fill(message.emplace(), record); });
    return message;
}

/// Appends what is received to a vector.
template <class Core>
class IntoVector {
    using Message = typename Core::message_type;

public:
    IntoVector(Core& core, std::vector<Message>& messages) noexcept : core_{core}, messages_{messages} {}

    /// So many may come. Errors: `std::bad_alloc`.
    void reserve(std::size_t count) { messages_.reserve(messages_.size() + count); }
    void operator()(Record& record) {
        const Commit commit{};
        core_.fill(messages_.emplace_back(), record);
    }

private:
    Core& core_;
    std::vector<Message>& messages_;
};

template <class Core>
[[nodiscard]] auto receive_some(Core& core, const ReceiveMessageOptions& options, const std::stop_token& stop) {
    require_good_receive(options, core.limits(), Core::is_fifo);
    std::vector<typename Core::message_type> messages;
    core.receive({}, options, static_cast<std::size_t>(options.max_number_of_messages), stop,
                 IntoVector<Core>{core, messages});
    return messages;
}

/// Puts what is received into messages that the caller has, one after the other.
template <class Core>
class IntoSpan {
    using Message = typename Core::message_type;

public:
    IntoSpan(Core& core, Message* out, std::vector<Message>& others, bool* has_erased) noexcept
        : core_{core}, next_{out}, others_{others}, has_erased_{has_erased} {}

    /// What this receive erases first is gone.
    void note_erased() noexcept {
        if (has_erased_ != nullptr) {
            *has_erased_ = true;
        }
    }

    /// So many may come, for which there is room. Errors: `std::bad_alloc`.
    void reserve(std::size_t count) {
        std::size_t others = 0;
        for (std::size_t i = 0; i != count; ++i) {
            others += core_.is_of_another(next_[i]) ? 1U : 0U;
        }
        others_.reserve(others_.size() + others);
    }
    [[gnu::always_inline]] void operator()(Record& record) {
        const Commit commit{};
        if (!core_.let_go(*next_)) [[unlikely]] {
            keep();
        }
        core_.fill(*next_++, record);
    }

private:
    [[gnu::noinline]] void keep() { others_.push_back(std::exchange(*next_, Message{})); }

    Core& core_;
    Message* next_;
    std::vector<Message>& others_;  // of other queues: what they refer to must not end under this queue's lock
    bool* has_erased_;
};

/// Erases messages and receives others into a span, under one lock.
template <class Core>
[[nodiscard]] std::size_t receive_into(Core& core, std::span<const ReceiptHandle> done,
                                       std::span<typename Core::message_type> out, const ReceiveMessageOptions& options,
                                       const std::stop_token& stop, bool* has_erased = nullptr) {
    using Message = typename Core::message_type;
    require_good_receive(options, core.limits(), Core::is_fifo);
    if (out.empty()) {
        core.locked([&](auto&) { core.erase_done(done); });
        return 0;
    }
    std::vector<Message> others;
    return core.receive(done, options, std::min(static_cast<std::size_t>(options.max_number_of_messages), out.size()),
                        stop, IntoSpan<Core>{core, out.data(), others, has_erased});
}

/// The same. Errors: `std::bad_alloc` only with nothing erased; what cannot be received is there for the next call.
template <class Core>
[[nodiscard]] std::size_t erase_and_receive(Core& core, std::span<const ReceiptHandle> done,
                                            std::span<typename Core::message_type> out,
                                            const ReceiveMessageOptions& options, const std::stop_token& stop) {
    bool has_erased = false;
#if SQSIM_EXCEPTIONS
    try {
        return receive_into(core, done, out, options, stop, &has_erased);
    } catch (const std::bad_alloc&) {
        if (!has_erased) {
            throw;
        }
        return 0;
    }
#else
    return receive_into(core, done, out, options, stop, &has_erased);
#endif
}

template <class Core>
[[nodiscard]] HandleResults erase_batch(Core& core, std::span<const ReceiptHandle> handles) {
    require_batch(handles.size(), "DeleteMessageBatchRequestEntry", core.limits());
    HandleResults results{handles.size()};
    core.erase(handles, results.data());
    return results;
}

template <class Core>
void set_visibility_timeout(Core& core, Nanos timeout) {
    raise_if(check_attribute("VisibilityTimeout", timeout, Nanos::zero(), core.limits().maximum_visibility_timeout));
    core.locked([&](auto& engine) { engine.options().visibility_timeout = timeout; });
}

template <class Core>
void set_delay(Core& core, Nanos delay) {
    raise_if(check_attribute("DelaySeconds", delay, Nanos::zero(), core.limits().maximum_delay));
    core.locked_to_change_times([&](auto& engine) { engine.set_delay(delay); });
}

template <class Core>
void set_retention(Core& core, Nanos period) {
    raise_if(check_attribute("MessageRetentionPeriod", period, core.limits().minimum_message_retention_period,
                             core.limits().maximum_message_retention_period));
    core.locked_to_change_times([&](auto& engine) {
        engine.options().message_retention_period = period;
        engine.ledger().set_retention(period);
    });
}

template <class Core>
void set_wait_time(Core& core, Nanos time) {
    raise_if(check_attribute("ReceiveMessageWaitTimeSeconds", time, Nanos::zero(), core.limits().maximum_wait_time));
    core.locked([&](auto& engine) { engine.options().receive_message_wait_time = time; });
}

template <class Core>
void set_maximum_message_size(Core& core, std::size_t bytes) {
    raise_if(check_attribute("MaximumMessageSize", bytes, core.limits().minimum_message_size,
                             core.limits().maximum_message_size));
    core.set_maximum_message_size(bytes);
}

[[nodiscard]] constexpr MessageState public_state(State state) noexcept {
    return state == State::in_flight ? MessageState::in_flight
           : state == State::delayed ? MessageState::delayed
                                     : MessageState::visible;
}

template <class Core, class Accept>
[[nodiscard]] auto peek_if(Core& core, std::size_t maximum, Accept accept) {
    using Message = typename Core::message_type;
    std::vector<PeekedMessage<Message>> found;
    core.peek([&](Message&& message, Record& record, Nanos available_at) {
        if (found.size() < maximum && accept(message, public_state(record.state()))) {
            found.push_back({std::move(message), public_state(record.state()),
                             to_time_point<typename Message::time_point>(available_at)});
        }
        return found.size() < maximum;
    });
    return found;
}

template <class Core>
[[nodiscard]] auto peek(Core& core, const MessageId& id) {
    auto found = peek_if(core, 1, [&](const auto& message, MessageState) { return message.message_id() == id; });
    return found.empty() ? std::nullopt : std::optional{std::move(found.front())};
}

template <class Core>
[[nodiscard]] auto peek(Core& core, MessageState state, std::size_t maximum) {
    return peek_if(core, maximum, [&](const auto&, MessageState found) { return found == state; });
}

template <class Core>
[[nodiscard]] std::vector<std::string> dead_letter_source_queues(Core& core) {
    return core.locked([&](auto&) {
        std::vector<std::string> names;
        for (const Core* source : core.sources()) {
            names.push_back(source->name());
        }
        return names;
    });
}

template <class Core>
[[nodiscard]] auto next_event(Core& core) {
    using TimePoint = typename Core::message_type::time_point;
    const Nanos next = core.next_event();
    return next == never ? std::nullopt : std::optional{to_time_point<TimePoint>(next)};
}

template <class Core>
[[nodiscard]] std::string describe(Core& core, std::string_view kind) {
    return core.locked([&](auto& engine) {
        const QueueCounts counts = engine.ledger().counts();
        const Nanos next = engine.next_event();
        return std::string{kind} + " '" + std::string{core.name()} + "': " + std::to_string(counts.visible) +
               " visible, " + std::to_string(counts.in_flight) + " in flight, " + std::to_string(counts.delayed) +
               " delayed; " +
               (next == never
                    ? "nothing pending"
                    : "next event in " + seconds_text(saturating_subtract(next, engine.ledger().now())) + " s");
    });
}

}  // namespace sqsim::inline SQSIM_ABI::detail
