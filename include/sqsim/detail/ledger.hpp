// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/arrivals.hpp"
#include "sqsim/detail/handles.hpp"
#include "sqsim/detail/lease_timers.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

[[gnu::always_inline]] inline void add_sizes(SentMessageSizes& sizes, const SentMessageSizes& more) noexcept {
    if (more.count != 0) {
        sizes.minimum = sizes.count == 0 ? more.minimum : std::min(sizes.minimum, more.minimum);
        sizes.maximum = std::max(sizes.maximum, more.maximum);
        sizes.sum += more.sum;
        sizes.count += more.count;
    }
}

/// What both kinds of queue are: stored messages, their handles, the timers of their leases, their retention, the
/// counts. Pure: time comes in as `now`, which never goes back.
template <class Body>
class Ledger {
public:
    using Layout = PayloadOf<Body>;

    Ledger(std::uint64_t tag, std::uint64_t id_key, bool concurrent, Nanos retention)
        : store_{MessageStore<Body>::make(id_key, concurrent)}, tag_{tag}, retention_{retention} {}

    [[nodiscard]] MessageStore<Body>& store() const noexcept { return *store_; }
    [[gnu::always_inline]] [[nodiscard]] Handles<Body> handles() const noexcept { return {*store_, tag_}; }
    [[nodiscard]] ReceiptHandle handle(const Record& record) const noexcept { return handles().make(record); }
    [[nodiscard]] Arrivals<Body>& arrivals() noexcept { return arrivals_; }
    [[nodiscard]] QueueCounts counts() const noexcept {
        return {count(State::visible), count(State::in_flight), count(State::delayed)};
    }
    [[nodiscard]] std::size_t in_flight() const noexcept { return count(State::in_flight); }
    [[nodiscard]] Nanos now() const noexcept { return now_; }

    // The senders' side.

    /// A new place in the queue. Needs the owner's side too, if places are given out there.
    [[nodiscard]] std::uint64_t next_ordinal() noexcept { return ++last_ordinal_; }
    [[nodiscard]] std::uint64_t last_ordinal() const noexcept { return last_ordinal_; }

    /// Stores a message that is visible at once and in no group; not if the senders' side has no slot for it. It counts
    /// from the owner's next `advance` after `publish`. Returns: its place, or 0.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t try_send(From&& body, Nanos now) {
        Record* const record = store_->try_store(std::forward<From>(body));
        if (record == nullptr) [[unlikely]] {
            return 0;
        }
        enter(*record, send_time(now));
        return last_ordinal_;
    }

    /// The same for several texts, all or none. Returns: the place of the last one, or 0.
    [[nodiscard]] std::uint64_t try_send(std::span<const std::string_view> bodies, Nanos now) {
        Record* first = nullptr;
        Record** end = &first;
        for (const std::string_view body : bodies) {
            Record* const record = store_->try_store(body);
            *end = record;
            if (record == nullptr) [[unlikely]] {
                store_->put_back(first);
                return 0;
            }
            end = &record->next_free;
        }
        *end = nullptr;
        const Nanos sent_at = send_time(now);
        while (first != nullptr) {
            enter(*std::exchange(first, first->next_free), sent_at);
        }
        return last_ordinal_;
    }
    [[gnu::always_inline]] void publish(const SentMessageSizes& sizes) noexcept {
        add_sizes(sent_, sizes);
        arrivals_.publish(last_sent_at_);
    }

    /// The time of a send: no earlier than that of the one before.
    [[gnu::always_inline]] [[nodiscard]] Nanos send_time(Nanos now) noexcept {
        last_sent_at_ = std::max(now, last_sent_at_);
        return last_sent_at_;
    }

    // The owner's side.

    /// How many more messages a capacity allows.
    [[nodiscard]] std::size_t room(std::size_t capacity) const noexcept {
        return stored() < capacity ? capacity - stored() : 0;
    }

    /// Moves to a later time and sees the new messages; an earlier time, from a clock that was set back, counts as the
    /// last one seen. Returns: how many messages are new.
    [[gnu::always_inline]] std::size_t advance(Nanos now) noexcept {
        const std::size_t count = arrivals_.note();
        if (count != 0) {
            by_state_[static_cast<std::size_t>(State::visible)] += count;
            // None of them was sent before the last one that was seen.
            quiet_until_ = std::min(quiet_until_, saturating_add(last_seen_, retention_));
            last_seen_ = arrivals_.last_sent_at();
            now_ = std::max(now_, last_seen_);
        }
        now_ = std::max(now_, now);
        return count;
    }

    /// Whether it is certain that nothing is due.
    [[nodiscard]] bool is_quiet() const noexcept { return now_ < quiet_until_; }
    /// Tells that nothing is due before the next event.
    void settle() { quiet_until_ = next_event(); }

    /// Adds a message that is visible now, or is delayed until `visible_at`. Needs both sides.
    [[gnu::always_inline]] void add(Record& record, Nanos visible_at) {
        record.state = State::free;
        record.deadline = std::max(visible_at, now_);
        record.was_delayed = visible_at > now_;
        quiet_until_ = std::min(quiet_until_, saturating_add(record.sent_at, retention_));
        arrivals_.add(record);
        arrivals_.publish(last_sent_at_);
        arrivals_.note();
        set_state(record, record.was_delayed ? State::delayed : State::visible);
    }

    void set_state(Record& record, State state) noexcept {
        --by_state_[static_cast<std::size_t>(record.state)];
        record.state = state;
        ++by_state_[static_cast<std::size_t>(state)];
    }

    /// Begins a new lease of a message. With a timeout of zero the message is visible at once (R115).
    [[gnu::always_inline]] void lease(Record& record, Nanos timeout, bool is_default) {
        note_receive(record, now_);
        set_deadline(record, timeout, is_default);
    }

    /// Begins leases of up to so many messages that were never received, in the order they came. With a timeout above
    /// zero; none of them is in a group. Returns: how many, each given to `take(record)`.
    template <class Take>
    [[gnu::always_inline]] std::size_t lease_fresh(std::size_t most, Nanos timeout, bool is_default, Take& take) {
        const Nanos now = now_;
        const Nanos deadline = saturating_add(now, timeout);
        quiet_until_ = std::min(quiet_until_, deadline);
        std::size_t count = 0;
        while (count != most) {
            const auto entries = arrivals_.ahead();
            if (entries.empty()) {
                break;
            }
            if (store_->is_concurrent()) {  // other threads have written these records, and those of the next receive
                for (const auto& entry : entries.first(std::min(entries.size(), 2 * (most - count)))) {
                    prefetch<true>((*store_)[entry.slot]);
                }
            }
            std::size_t passed = 0;
            while (passed != entries.size() && count != most) {
                Record* const record = arrivals_.fresh_at(entries[passed++]);
                if (record == nullptr) [[unlikely]] {
                    continue;
                }
                note_receive(*record, now);
                record->deadline = deadline;
                set_state(*record, State::in_flight);
                timers_.schedule_ungrouped(*record, deadline, is_default);
                ++count;
                take(*record);
            }
            arrivals_.move_past(passed);  // if `take` failed, what was taken is no longer fresh
        }
        return count;
    }

    /// Lets the lease end `timeout` from now.
    [[gnu::always_inline]] void set_deadline(Record& record, Nanos timeout, bool is_default) {
        record.deadline = saturating_add(now_, timeout);
        set_state(record, timeout == Nanos::zero() ? State::visible : State::in_flight);
        if (record.state == State::in_flight) {
            schedule(record, is_default);
        }
    }

    void schedule_delay(Record& record) { schedule(record, false); }

    /// The next message whose delay or lease has ended, still in its old state; null if there is none.
    [[nodiscard]] Record* next_due() {
        const Timer* timer = timers_.peek();
        if (timer == nullptr || timer->deadline > now_) {
            return nullptr;
        }
        Record& record = (*store_)[timer->slot];
        timers_.pop();
        return &record;
    }

    /// When the next delay or lease that was scheduled ends; `never` if there is none.
    [[nodiscard]] Nanos next_lease_end() {
        const Timer* timer = timers_.peek();
        return timer != nullptr ? timer->deadline : never;
    }

    /// The oldest message whose retention has ended (R193); null if there is none.
    [[nodiscard]] Record* next_past_retention() {
        Record* const first = arrivals_.first_sent();
        return first != nullptr && first->sent_at <= saturating_add(now_, -retention_) ? first : nullptr;
    }

    /// The next instant at which something happens by itself.
    [[nodiscard]] Nanos next_event() {
        const Record* const first = arrivals_.first_sent();
        const Nanos retention_end = first != nullptr ? saturating_add(first->sent_at, retention_) : never;
        return std::min(next_lease_end(), retention_end);
    }

    /// Takes a message out of the queue for good.
    [[gnu::always_inline]] void remove(Record& record) {
        set_state(record, State::free);
        store_->remove(record);
        ++removed_;
    }

    /// Whether enough was removed for `tidy` to be worth its time.
    [[nodiscard]] bool is_untidy() const noexcept { return removed_ > 64; }

    /// Forgets stale entries where they come to the front. `all_fresh`: the visible messages are those behind the
    /// cursor. Linear in what was removed since the last time.
    void tidy(bool all_fresh) {
        removed_since_trim_ += std::exchange(removed_, 0);
        const std::size_t timed = count(State::in_flight) + count(State::delayed);
        timers_.sweep(timed);
        if (timed == 0 && all_fresh) {
            arrivals_.drop_until_cursor();
        } else {
            arrivals_.drop_stale(stored());
        }
    }

    /// Whether most arrivals are stale, or much memory is unused.
    [[nodiscard]] bool is_wasteful() const noexcept { return arrivals_.is_mostly_stale(stored()) || may_trim(); }
    /// Ends that. Linear in the stale entries and the free slots. Needs both sides.
    void compact() {
        if (arrivals_.is_mostly_stale(stored())) {
            arrivals_.compact();
        }
        if (may_trim()) {
            removed_since_trim_ = 0;
            store_->collect();
            store_->slots().trim();
        }
    }

    void set_retention(Nanos retention) noexcept {
        retention_ = retention;
        quiet_until_ = Nanos::min();
    }

    /// The counters that only grow, but those of sends.
    QueueMetrics totals{};
    /// Those of sends. Needs both sides.
    [[nodiscard]] const SentMessageSizes& sent() const noexcept { return sent_; }

private:
    /// Gives a new message its place in the order. Senders' side.
    [[gnu::always_inline]] void enter(Record& record, Nanos sent_at) {
        record.ordinal = next_ordinal();
        record.sent_at = sent_at;
        record.deadline = sent_at;
        arrivals_.add(record);
        record.state = State::visible;
    }

    [[gnu::always_inline]] static void note_receive(Record& record, Nanos now) noexcept {
        ++record.generation;
        record.received_at = now;
        if (record.first_received_at == never) {
            record.first_received_at = now;
        }
    }

    [[nodiscard]] bool may_trim() const noexcept {
        const std::size_t returnable = store_->slots().returnable();
        return removed_since_trim_ > returnable / 2 && stored() < returnable / 4;
    }

    [[gnu::always_inline]] void schedule(Record& record, bool is_default) {
        quiet_until_ = std::min(quiet_until_, record.deadline);
        timers_.schedule(record, is_default);
    }

    [[nodiscard]] std::size_t count(State state) const noexcept { return by_state_[static_cast<std::size_t>(state)]; }
    [[nodiscard]] std::size_t stored() const noexcept {
        return count(State::visible) + count(State::in_flight) + count(State::delayed);
    }

    typename MessageStore<Body>::Pointer store_;
    std::uint64_t tag_;
    // The owner's; what is above, both sides read.
    alignas(two_cache_lines) Nanos retention_;
    Nanos now_ = Nanos::min();
    Nanos quiet_until_ = Nanos::min();       // nothing is due before
    Nanos last_seen_ = Nanos::min();         // when the last message was sent that the owner has seen
    std::array<std::size_t, 4> by_state_{};  // how many messages; that of `free` means nothing
    std::size_t removed_ = 0;                // since the last `tidy`
    std::size_t removed_since_trim_ = 0;
    LeaseTimers<Body> timers_{*store_};
    Arrivals<Body> arrivals_{*store_};
    // The senders'.
    alignas(two_cache_lines) std::uint64_t last_ordinal_ = 0;
    Nanos last_sent_at_ = Nanos::min();
    SentMessageSizes sent_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
