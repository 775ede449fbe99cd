// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/fast_path.hpp"
#include "sqsim/detail/mailbox.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/queue_core.hpp"
#include "sqsim/detail/receive_attempt.hpp"
#include "sqsim/detail/section.hpp"
#include "sqsim/detail/take_first.hpp"
#include "sqsim/detail/throttle.hpp"
#include "sqsim/message.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

// The longer members of `QueueCore`.

namespace sqsim::inline SQSIM_ABI::detail {

template <class C, class Body, class Lock, class Engine, class Options>
template <class Take>
std::size_t QueueCore<C, Body, Lock, Engine, Options>::receive(std::span<const ReceiptHandle> done,
                                                               const ReceiveMessageOptions& options,
                                                               std::size_t maximum, const std::stop_token& stop,
                                                               Take take) {
    run_tasks();
    const auto start = clock_.now();
    Posted<QueueCore> posted;  // before the section, so that its end comes after that of the lock
    Section section{*this};
    std::size_t fresh = catch_up_to_receive(section, to_nanos(start), maximum);
    if constexpr (is_fifo) {
        if (engine_.is_void(options.receive_request_attempt_id, done)) {
            section.finish();
            raise(attempt_is_void(options.receive_request_attempt_id));
        }
        if (!engine_.count_call(Call::receive)) {
            section.finish();
            raise_throttled();
        }
    }
    if constexpr (is_shared) {
        engine_.ledger().store().collect();  // what this thread has freed is still near
    }
    if (!done.empty()) {
        erase_done(done);
    }
    if constexpr (requires { take.note_erased(); }) {
        if (!done.empty()) {
            take.note_erased();
        }
    }
    if (stop.stop_requested()) {
        return 0;
    }
    if constexpr (!is_fifo) {
        if (!done.empty()) {
            fresh = engine_.fresh(maximum);  // more may be in flight now
        }
        if (fresh != 0 && !options.visibility_timeout) {
            if constexpr (requires { take.reserve(fresh); }) {
                take.reserve(fresh);
            }
            return engine_.receive_fresh(fresh, take);
        }
    }
    return ReceiveAttempt<QueueCore, Take>{*this, options, maximum, take, posted}.receive(section, stop, start);
}

template <class C, class Body, class Lock, class Engine, class Options>
std::size_t QueueCore<C, Body, Lock, Engine, Options>::receive_fresh(std::span<message_type> out) {
    const Nanos now = to_nanos(clock_.now());
    std::size_t count = std::min(out.size(), most_received);
    OtherMessages<message_type, most_received> others;
    const ShortSection section{*this};
    const bool is_fast = fast_path_.leases >= count && now < engine_.quiet_until();
    if (!is_fast && !opens_fast_path(now)) [[unlikely]] {
        return 0;
    }
    if (engine_.ledger().visible() < count && mailbox_.is_filled() && !takes_in_fresh(now)) [[unlikely]] {
        return 0;
    }
    count = std::min({count, engine_.ledger().visible(), fast_path_.leases});
    if constexpr (is_shared) {
        engine_.ledger().store().collect();  // what this thread has freed is still near
    }
    fast_path_.leases -= count;
    TakeFirst<QueueCore, OtherMessages<message_type, most_received>> take{*this, out.data(), others};
    return engine_.receive_soon(count, now, take);
}

template <class C, class Body, class Lock, class Engine, class Options>
std::size_t QueueCore<C, Body, Lock, Engine, Options>::receive_fresh(message_type& out) {
    const Nanos now = to_nanos(clock_.now());
    const ShortSection section{*this};
    if (fast_path_.leases != 0 && now < engine_.quiet_until() && !is_of_another(out)) [[likely]] {
        if constexpr (is_shared) {
            if (engine_.ledger().visible() == 0 && mailbox_.is_filled() && !takes_in_fresh(now)) [[unlikely]] {
                return 0;
            }
        }
        TakeOneFirst<QueueCore> take{*this, out};
        if (engine_.receives_one_soon(now, take)) [[likely]] {
            --fast_path_.leases;
            return 1;
        }
    }
    return 0;
}

template <class C, class Body, class Lock, class Engine, class Options>
HandleResult QueueCore<C, Body, Lock, Engine, Options>::erase(const ReceiptHandle& handle) {
    if constexpr (!is_fifo) {
        const Nanos now = to_nanos(clock_.now());
        const ShortSection section{*this};
        if (is_fast_path_open(now) && engine_.template erase_soon<is_shared>(handle, now)) [[likely]] {
            return {HandleStatus::ok};
        }
    }
    return erase_in_any_case(handle);
}

template <class C, class Body, class Lock, class Engine, class Options>
void QueueCore<C, Body, Lock, Engine, Options>::erase(std::span<const ReceiptHandle> handles, HandleResult* results) {
    if constexpr (!is_fifo) {
        const Nanos now = to_nanos(clock_.now());
        const ShortSection section{*this};
        if (is_fast_path_open(now)) [[likely]] {
            engine_.template erase_soon<is_shared>(handles, now, results);
            return;
        }
    }
    locked_to_erase([&](Engine& engine) { engine.erase(handles, results); });
}

template <class C, class Body, class Lock, class Engine, class Options>
std::uint64_t QueueCore<C, Body, Lock, Engine, Options>::send_long_texts(std::span<const std::string_view> bodies) {
    TakenSlots taken{*this};
    std::optional<PlainRules> rules;
    {
        const auto lock = lock_soon(mailbox_.mutex);
        rules = plain_rules_;
        if (!mailbox_.take_slots(bodies, taken.slots)) {
            return 0;
        }
    }
    auto& store = engine_.ledger().store();
    for (const std::string_view body : bodies) {
        typename MessageStore<Body>::Plain why{};
        Record* const record = store.write_plain(taken.slots, body, *rules, why);
        if (record == nullptr) {
            return 0;
        }
        taken.records[taken.written++] = record;
    }
    const Nanos now = to_nanos(clock_.now());
    const auto lock = lock_soon(mailbox_.mutex);
    if (!mailbox_.prepare_written(taken.slots, now)) {
        return 0;
    }
    taken.written = 0;
    return mailbox_.last_ordinal();
}

template <class C, class Body, class Lock, class Engine, class Options>
bool QueueCore<C, Body, Lock, Engine, Options>::opens_fast_path(Nanos now, std::size_t sends) noexcept {
    fast_path_ = {};
    if (condition_.waiting() == 0 && !has_tasks() && engine_.is_ordinary() && engine_.advance_to(now)) {
        unsettle();
        static_cast<void>(obtained([&] {
            fast_path_.leases = engine_.prepare_leases();
            fast_path_.sends = is_shared ? 0 : engine_.prepare_sends(sends);
        }));
        fast_path_.is_open = now < engine_.quiet_until();
    }
    return fast_path_.is_open;
}

template <class C, class Body, class Lock, class Engine, class Options>
bool QueueCore<C, Body, Lock, Engine, Options>::settles() noexcept {
    is_settled_ = false;
    if constexpr (is_driven) {
        if (!mailbox_.is_filled() || obtained([this] { empty_mailbox(engine_.ledger().now()); })) {
            const auto lock = lock_soon(mailbox_.mutex);
            is_settled_ = mailbox_.close();
        }
    }
    return is_settled_;
}

template <class C, class Body, class Lock, class Engine, class Options>
bool QueueCore<C, Body, Lock, Engine, Options>::empty_mailbox(Nanos now, std::size_t sends) {
    bool has_moved = false;
    {
        const auto lock = lock_soon(mailbox_.mutex);
        const Follower follower{*this};
        has_moved = mailbox_.has_moved();
        mailbox_.empty_into(engine_);
    }
    let_moved_happen(now, sends);
    return has_moved;
}

template <class C, class Body, class Lock, class Engine, class Options>
bool QueueCore<C, Body, Lock, Engine, Options>::tidy(bool sends) noexcept {
    const Commit commit{};
    auto& ledger = engine_.ledger();
    if (ledger.is_untidy()) {
        engine_.tidy();
    }
    const bool is_wasteful = !sends && ledger.is_wasteful();
    if (!is_wasteful && (is_fifo || !is_shared)) {
        return false;
    }
    const std::unique_lock lock{mailbox_.mutex, std::try_to_lock};
    if (!lock.owns_lock()) {
        return false;  // what is worth doing now is worth it after the next send
    }
    if (is_wasteful) {
        mailbox_.return_slots(ledger.store());
        return ledger.compact();
    }
    mailbox_.refill(ledger.store());  // before the senders have to ask for slots
    return false;
}

template <class C, class Body, class Lock, class Engine, class Options>
void QueueCore<C, Body, Lock, Engine, Options>::wake_receives(bool one_more) noexcept {
    std::size_t count = engine_.take_opened();
    if (condition_.waiting() == 0) {
        return;
    }
    count = std::min(std::max<std::size_t>(count, one_more ? 1 : 0), engine_.receivable());
    if constexpr (!is_driven) {
        condition_.notify(count);
    } else if (count != 0) {
        clock_.wake(condition_, count);
    }
}

template <class C, class Body, class Lock, class Engine, class Options>
std::chrono::nanoseconds QueueCore<C, Body, Lock, Engine, Options>::next_event() {
    std::chrono::nanoseconds next{};
    if (!obtained([&] { next = locked([](Engine& engine) { return engine.next_event(); }); })) {
        const Section section{*this};  // what has come in cannot be taken in now
        next = engine_.next_event();
    }
    return next;
}

template <class C, class Body, class Lock, class Engine, class Options>
void QueueCore<C, Body, Lock, Engine, Options>::abandon_receives() noexcept {
    {
        const std::scoped_lock lock{mutex_};
        is_abandoned_ = true;
        condition_.notify_all();
    }
    ProcessEnd::wait_for_none(blocked_);
}

template <class C, class Body, class Lock, class Engine, class Options>
template <class Operation>
void QueueCore<C, Body, Lock, Engine, Options>::locked_to_change_times(Operation operation) {
    run_tasks();
    const Nanos now = to_nanos(clock_.now());
    Section section{*this};
    let_happen(section, now);
    unsettle();
    {
        const auto lock = lock_soon(mailbox_.mutex);
        const Follower follower{*this};
        mailbox_.empty_into(engine_);
        let_moved_happen(now, 0);
        operation(engine_);
    }
    let_happen(section, now);
}

template <class C, class Body, class Lock, class Engine, class Options>
void QueueCore<C, Body, Lock, Engine, Options>::set_maximum_message_size(std::size_t bytes) {
    locked_with_mailbox([&](Engine& engine) {
        engine.options().maximum_message_size = bytes;
        maximum_message_size_.store(possible_size(bytes), std::memory_order_relaxed);
        plain_rules_ = {possible_size(bytes), limits().check_characters};
    });
}

template <class C, class Body, class Lock, class Engine, class Options>
void QueueCore<C, Body, Lock, Engine, Options>::erase_done(std::span<const ReceiptHandle> done) {
    if constexpr (is_fifo) {
        for (const ReceiptHandle& handle : done) {
            static_cast<void>(engine_.erase(handle));
        }
    } else {
        engine_.erase(done);
    }
}

}  // namespace sqsim::inline SQSIM_ABI::detail
