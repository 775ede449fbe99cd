// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/arrivals.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/handles.hpp"
#include "sqsim/detail/lease_timers.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/size_totals.hpp"
#include "sqsim/detail/timers.hpp"
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
        return {count_of(State::visible), count_of(State::in_flight), count_of(State::delayed)};
    }
    [[nodiscard]] std::size_t visible() const noexcept { return count_of(State::visible); }
    [[nodiscard]] std::size_t in_flight() const noexcept { return count_of(State::in_flight); }
    [[nodiscard]] Nanos now() const noexcept { return now_; }

    /// A new place in the order.
    [[nodiscard]] std::uint64_t next_ordinal() noexcept { return ++last_ordinal_; }
    [[nodiscard]] std::uint64_t last_ordinal() const noexcept { return last_ordinal_; }

    /// The time of a send: no earlier than that of the one before.
    [[gnu::always_inline]] [[nodiscard]] Nanos send_time(Nanos now) noexcept {
        last_sent_at_ = std::max(now, last_sent_at_);
        return last_sent_at_;
    }
    [[nodiscard]] Nanos last_sent_at() const noexcept { return last_sent_at_; }

    /// How many more messages a capacity allows.
    [[nodiscard]] std::size_t room(std::size_t capacity) const noexcept {
        return stored() < capacity ? capacity - stored() : 0;
    }

    /// Counts bodies that were sent.
    [[gnu::always_inline]] void count_sent(const SizeTotals& sizes) noexcept { sent_.add(sizes); }

    /// Moves to a later time; an earlier one, from a clock that was set back, counts as the last one seen.
    [[gnu::always_inline]] void advance(Nanos now) noexcept { now_ = std::max(now_, now); }

    /// At the end of time nothing more happens: what has been put off until then does not end. Comes before anything
    /// that is due happens.
    void stay_before_the_end() noexcept { now_ = std::min(now_, never - Nanos{1}); }

    /// Whether it is certain that nothing is due.
    [[nodiscard]] bool is_quiet() const noexcept { return now_ < quiet_until_; }
    [[nodiscard]] Nanos quiet_until() const noexcept { return quiet_until_; }
    /// Tells that nothing is due before the next event.
    void settle() noexcept { quiet_until_ = next_event(); }

    /// Everything that is stored now is purged: it must leave before anybody looks, by `next_purged`. Its timers go
    /// now.
    void purge() noexcept {
        purged_until_ = last_ordinal_;
        timers_.clear();
        quiet_until_ = Nanos::min();
    }
    /// The next message that was purged; null if there is none.
    [[nodiscard]] Record* next_purged() noexcept {
        Record* const first = purged_until_ != 0 ? arrivals_.first() : nullptr;
        if (first == nullptr || first->ordinal > purged_until_) {
            purged_until_ = 0;
            return nullptr;
        }
        return first;
    }

    /// Sees to it that so many messages can be added without an error. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void reserve(std::size_t count) { arrivals_.reserve(count); }

    /// Adds a message that is visible now, or is delayed until `visible_at`. Errors: `std::bad_alloc`; nothing has
    /// changed then.
    [[gnu::always_inline]] void add(Record& record, Nanos visible_at) {
        arrivals_.reserve(1);
        const Commit commit{};
        record.deadline = std::max(visible_at, now_);
        const bool is_delayed = visible_at > now_;
        if (is_delayed) {
            record.set_state(State::delayed);
            ++count_of(State::delayed);
        } else {
            record.status |= static_cast<std::uint8_t>(State::visible) | Record::in_line;
            ++count_of(State::visible);
        }
        quiet_until_ = std::min(quiet_until_, saturating_add(record.sent_at, retention_));
        arrivals_.add(record.place);
    }

    /// Sees to it that so many plain messages can be sent without an error, from `now` on. Errors: `std::bad_alloc`.
    void prepare_sends(std::size_t count) {
        arrivals_.reserve(count);
        quiet_until_ = std::min(quiet_until_, saturating_add(now_, retention_));
    }

    /// Stores a message with nothing but a body, visible at once. Precondition: `prepare_sends`. Returns: its place, or
    /// 0 if it is refused (`rules`). Errors: as `MessageStore::write_plain`; nothing has changed then.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t send_plain(From&& body, Nanos now, const PlainRules& rules) {
        const std::size_t size = body_size<Body>(body);
        Plain why{};
        Record* const record = store_->write_plain(*store_, std::forward<From>(body), rules, why);
        if (record == nullptr) [[unlikely]] {
            return 0;
        }
        advance(now);
        record->ordinal = last_ordinal_ + 1;
        record->sent_at = now_;
        arrivals_.add(record->place);
        sent_.add(size);
        commit_plain(1);
        return last_ordinal_;
    }
    /// The same for several texts, all or none. Returns: the place of the last one, or 0.
    [[nodiscard]] std::uint64_t send_plain(std::span<const std::string_view> bodies, Nanos now,
                                           const PlainRules& rules) {
        advance(now);
        const Nanos sent_at = now_;
        std::uint64_t ordinal = last_ordinal_;
        SizeTotals sizes{.count = bodies.size()};
        MessageStore<Body>& store = *store_;
        Plain why{};
        Unfinished unfinished{*this};
        for (const std::string_view body : bodies) {
            Record* const record = store.write_plain(store, body, rules, why);
            if (record == nullptr) [[unlikely]] {
                return 0;
            }
            record->ordinal = ++ordinal;
            record->sent_at = sent_at;
            arrivals_.append(record->place);
            sizes.add_uncounted(body.size());
        }
        unfinished.is_over = true;
        arrivals_.count_appended(bodies.size());
        sent_.add(sizes);
        commit_plain(bodies.size());
        return last_ordinal_;
    }

    /// Adds messages that plain sends have prepared elsewhere, in the order of their ordinals. Precondition: memory is
    /// reserved.
    template <class Prepared>
    void take_in(std::span<const Prepared> messages, std::uint64_t last_ordinal, Nanos last_sent_at) noexcept {
        const Commit commit{};
        for (const Prepared& message : messages) {
            arrivals_.add(message.place);
        }
        if (!messages.empty()) {
            count_of(State::visible) += messages.size();
            // None of them was sent before the last one that is known.
            quiet_until_ = std::min(quiet_until_, saturating_add(last_sent_at_, retention_));
            last_ordinal_ = last_ordinal;
            last_sent_at_ = last_sent_at;
            now_ = std::max(now_, last_sent_at);
        }
    }

    /// Calls `leave(record)`, which removes it, for the messages that were added since; nobody has looked at them.
    template <class Leave>
    [[gnu::noinline]] void take_back_since(const typename Arrivals<Body>::End& end, Leave leave) noexcept {
        const Commit commit{};
        arrivals_.take_back(end, leave);
    }

    void set_state(Record& record, State state) noexcept {
        --count_of(record.state());
        record.set_state(state);
        ++count_of(state);
    }

    /// How many messages will be visible again by themselves.
    [[nodiscard]] std::size_t timed() const noexcept { return count_of(State::in_flight) + count_of(State::delayed); }

    /// Sees to it that so many leases in a row with this timeout throw nothing. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void reserve_leases(Nanos timeout, bool is_default, std::size_t count) {
        if (timeout != Nanos::zero()) {
            timers_.reserve(saturating_add(now_, timeout), is_default, count);
        }
    }
    /// The same for a delay.
    void reserve_delay() { timers_.reserve(now_, false, 1); }

    /// Begins a new lease of a message, for which memory is reserved. With a timeout of zero the message is visible at
    /// once (R115).
    [[gnu::always_inline]] void lease(Record& record, Nanos timeout, bool is_default) noexcept {
        const Commit commit{};
        note_receive(record);
        begin_lease(record, timeout, is_default);
    }
    /// The same in two steps, the first of which can be undone: nothing outside of the record and the counts knows of
    /// it.
    void lease_untimed(Record& record, Nanos timeout) noexcept {
        note_receive(record);
        record.deadline = saturating_add(record.received_at, timeout);
        set_state(record, timeout == Nanos::zero() ? State::visible : State::in_flight);
    }
    void time_lease(Record& record, bool is_default) noexcept {
        if (record.state() == State::in_flight) {
            schedule(record, is_default);
        }
    }

    /// Begins leases of the default timeout, which is above zero, of so many messages that were never received, in the
    /// order they came; none of them is in a group. Returns: how many there were, each given to `take(record)`, which
    /// throws nothing. Precondition: memory is reserved.
    template <class Take>
    [[gnu::always_inline]] std::size_t lease_fresh(std::size_t most, Nanos timeout, Take& take) noexcept {
        const Nanos deadline = saturating_add(now_, timeout);
        if (!timers_.may_rise_to(deadline)) [[unlikely]] {
            return lease_fresh_singly(most, timeout, take);
        }
        quiet_until_ = std::min(quiet_until_, deadline);
        return lease_run(most, deadline, take);
    }

    /// Whether `lease_run` is right until `quiet_until` for leases that long. Lets that be no later than their ends.
    [[nodiscard]] bool prepare_runs(Nanos timeout) noexcept {
        const Nanos deadline = saturating_add(now_, timeout);
        if (saturating_add(deadline, timeout) == never || !timers_.may_rise_to(deadline)) {
            return false;
        }
        quiet_until_ = std::min(quiet_until_, deadline);
        return true;
    }

    /// The same where the deadline is no earlier than those before, and `quiet_until` no later.
    template <class Take>
    [[gnu::always_inline]] std::size_t lease_run(std::size_t most, Nanos deadline, Take& take) noexcept {
        const Commit commit{};
        const Nanos now = now_;
        Timers& timers = timers_.list();
        const Slots::Finder records = store_->slots().finder();
        std::size_t count = 0;
        do {
            const std::span<const Place> entries = arrivals_.ahead();
            if (entries.empty()) [[unlikely]] {
                break;
            }
            const std::size_t wanted = most - count;
            if (store_->is_concurrent()) {  // other threads have written these records, and those of the next receive
                for (const Place entry : entries.first(std::min(entries.size(), 2 * wanted))) {
                    prefetch<true>(records[entry.slot()]);
                }
            }
            const std::span<Place> room = timers.begin(deadline, wanted);
            Place* timer = room.data();
            Place* const timer_end = timer + room.size();
            const Place* entry = entries.data();
            const Place* const end = entry + entries.size();
            do {
                const Place place = *entry++;
                Record& record = records[place.slot()];
                if (record.place != place) [[unlikely]] {
                    continue;
                }
                if (record.status == Record::plain_status) [[likely]] {
                    begin_first_lease(record, place, now, deadline);
                    record.first_received_at = now;
                    *timer++ = place.next();
                    if constexpr (requires { take.plain(record, place, now, deadline); }) {
                        take.plain(record, place.next(), now, deadline);
                    } else {
                        take(record);
                    }
                } else if (record.has(Record::in_line) && record.state() == State::visible) {
                    const Nanos first = record.first_receive();
                    begin_first_lease(record, place, now, deadline);
                    record.first_received_at = first == never ? now : first;
                    *timer++ = place.next();
                    take(record);
                }
            } while (timer != timer_end && entry != end);
            const auto taken = static_cast<std::size_t>(timer - room.data());
            timers.finish(deadline, taken);
            arrivals_.move_past(static_cast<std::size_t>(entry - entries.data()));
            count += taken;
        } while (count != most);
        count_of(State::visible) -= count;
        count_of(State::in_flight) += count;
        return count;
    }

    /// The same for one message, if the next one is plain. Returns whether it is.
    template <class Take>
    [[gnu::always_inline]] bool leases_one(Nanos deadline, Take& take) noexcept {
        const Place* const entry = arrivals_.next();
        if (entry == nullptr) [[unlikely]] {
            return false;
        }
        const Place place = *entry;
        Record& record = (*store_)[place.slot()];
        if (record.place != place || record.status != Record::plain_status) [[unlikely]] {
            return false;
        }
        const Commit commit{};
        begin_first_lease(record, place, now_, deadline);
        record.first_received_at = now_;
        timers_.list().append(deadline, place.next());
        arrivals_.skip_fresh();
        --count_of(State::visible);
        ++count_of(State::in_flight);
        take.plain(record, place.next(), now_, deadline);
        return true;
    }

    /// Lets the lease end `timeout` from now. Precondition: memory is reserved, as for a lease.
    [[gnu::always_inline]] void set_deadline(Record& record, Nanos timeout, bool is_default) noexcept {
        const Commit commit{};
        begin_lease(record, timeout, is_default);
    }

    void schedule_delay(Record& record) noexcept {
        const Commit commit{};
        schedule(record, false);
    }

    /// Ends the leases of the default timeout that are due, as long as no other timer comes between them and the piece
    /// is not done: each message is visible then, and given to `visit(record)`, which throws nothing.
    template <class Visit>
    void end_default_leases(Piece& piece, Visit visit) noexcept {
        const Commit commit{};
        std::size_t count = 0;
        timers_.end_run(now_, piece, [&](Record& record) {
            record.set_state(State::visible);
            ++count;
            visit(record);
        });
        count_of(State::in_flight) -= count;
        count_of(State::visible) += count;
    }

    /// The next message whose delay or lease has ended, still in its old state; null if there is none.
    [[nodiscard]] Record* next_due() noexcept {
        const Timer* timer = timers_.peek();
        if (timer == nullptr || timer->deadline > now_) {
            return nullptr;
        }
        Record& record = (*store_)[timer->slot];
        timers_.pop();
        return &record;
    }

    /// When the next delay or lease that was scheduled ends; `never` if there is none.
    [[nodiscard]] Nanos next_lease_end() noexcept {
        const Timer* timer = timers_.peek();
        return timer != nullptr ? timer->deadline : never;
    }

    /// The oldest message whose retention has ended (R193); null if there is none.
    [[nodiscard]] Record* next_past_retention() noexcept {
        Record* const first = arrivals_.first_sent();
        return first != nullptr && retention_end(*first) <= now_ ? first : nullptr;
    }

    /// The next instant at which something happens by itself.
    [[nodiscard]] Nanos next_event() noexcept {
        const Record* const first = arrivals_.first_sent();
        return std::min(next_lease_end(), first != nullptr ? retention_end(*first) : never);
    }

    /// Takes a message out of the queue for good that is in flight; `count_removed_in_flight` follows.
    template <bool is_shared>
    [[gnu::always_inline]] void remove_in_flight(Record& record) noexcept {
        const Commit commit{};
        store_->template remove<is_shared>(record);
    }
    void count_removed_in_flight(std::size_t count) noexcept {
        count_of(State::in_flight) -= count;
        removed_ += count;
    }

    /// Takes a message out of the queue for good.
    [[gnu::always_inline]] void remove(Record& record) noexcept {
        const Commit commit{};
        --count_of(record.state());
        store_->remove(record);
        ++removed_;
    }

    /// How many messages were removed since the last `tidy`, and whether that is enough for it to be worth its time.
    [[nodiscard]] std::size_t removed() const noexcept { return removed_; }
    [[nodiscard]] bool is_untidy() const noexcept { return removed_ > 64; }

    /// Forgets stale entries where they come to the front. `all_fresh`: the visible messages are those behind the
    /// cursor. Linear in what was removed since the last time.
    void tidy(bool all_fresh) noexcept {
        const Commit commit{};
        removed_since_trim_ += std::exchange(removed_, 0);
        store_->sweep_held();
        timers_.sweep(timed());
        if (timed() == 0 && all_fresh && purged_until_ == 0) {
            arrivals_.drop_until_cursor();
        } else {
            arrivals_.drop_stale(stored());
        }
    }

    /// Whether most arrivals are stale, or much memory is unused.
    [[nodiscard]] bool is_wasteful() const noexcept { return arrivals_.is_mostly_stale(stored()) || may_trim(); }
    /// Ends that; or later, if there is no memory. Linear in the stale entries. Precondition: all free slots are the
    /// store's. Returns: whether `trim_piece` is to be called until it returns false.
    [[nodiscard]] bool compact() noexcept {
        const Commit commit{};
        if (arrivals_.is_mostly_stale(stored())) {
            arrivals_.compact();
        }
        if (may_trim()) {
            removed_since_trim_ = 0;
            store_->collect();
            store_->free_held();
            return obtained([this] { store_->slots().begin_trim(); });
        }
        return false;
    }
    /// Gives unused memory back, a piece of it. Returns: whether there is more.
    [[nodiscard]] bool trim_piece() noexcept { return store_->slots().trim_piece(); }

    void set_retention(Nanos retention) noexcept {
        retention_ = retention;
        quiet_until_ = Nanos::min();
    }

    /// The counters that only grow, but those of sends.
    QueueMetrics totals{};
    /// Those of sends.
    [[nodiscard]] const SizeTotals& sent() const noexcept { return sent_; }

private:
    using Plain = typename MessageStore<Body>::Plain;

    /// Takes back the messages of a send that does not come to its end.
    struct Unfinished {
        explicit Unfinished(Ledger& ledger_) noexcept : ledger{ledger_}, end{ledger_.arrivals_.end()} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (!is_over) [[unlikely]] {
                ledger.take_back(end);
            }
        }
        Ledger& ledger;
        typename Arrivals<Body>::End end;
        bool is_over = false;
    };
    [[gnu::noinline]] void take_back(const typename Arrivals<Body>::End& end) noexcept {
        const Commit commit{};
        arrivals_.take_back(end, [this](Record& record) { store_->take_back(*store_, record); });
    }

    [[gnu::always_inline]] void commit_plain(std::size_t count) noexcept {
        const Commit commit{};
        last_ordinal_ += count;
        last_sent_at_ = now_;
        count_of(State::visible) += count;
    }

    [[gnu::always_inline]] static void begin_first_lease(Record& record, Place place, Nanos now,
                                                         Nanos deadline) noexcept {
        record.place = place.next();
        record.status = static_cast<std::uint8_t>(State::in_flight);
        record.deadline = deadline;
        record.received_at = now;
    }

    /// As `lease_fresh`, whatever the timeout.
    template <class Take>
    [[gnu::noinline]] std::size_t lease_fresh_singly(std::size_t most, Nanos timeout, Take& take) noexcept {
        const Commit commit{};
        std::size_t count = 0;
        while (count != most) {
            Record* const record = arrivals_.next_fresh();
            if (record == nullptr) {
                break;
            }
            lease(*record, timeout, false);
            arrivals_.skip_fresh();
            ++count;
            take(*record);
        }
        return count;
    }

    /// Retention that has no end has none either for what was sent before the epoch.
    [[nodiscard]] Nanos retention_end(const Record& record) const noexcept {
        return retention_ == never ? never : saturating_add(record.sent_at, retention_);
    }

    [[nodiscard]] std::size_t& count_of(State state) noexcept { return by_state_[static_cast<std::size_t>(state)]; }
    [[nodiscard]] std::size_t count_of(State state) const noexcept {
        return by_state_[static_cast<std::size_t>(state)];
    }

    [[nodiscard]] bool may_trim() const noexcept {
        const std::size_t returnable = store_->slots().returnable();
        return removed_since_trim_ > returnable / 2 && stored() < returnable / 4;
    }

    [[gnu::always_inline]] void note_receive(Record& record) noexcept {
        const Nanos first = record.first_receive();
        record.place = record.place.next();
        record.received_at = now_;
        record.first_received_at = first == never ? now_ : first;
        record.status &= static_cast<std::uint8_t>(~(Record::untouched | Record::in_line));
    }

    [[gnu::always_inline]] void begin_lease(Record& record, Nanos timeout, bool is_default) noexcept {
        record.deadline = saturating_add(now_, timeout);
        if (timeout == Nanos::zero()) [[unlikely]] {
            set_state(record, State::visible);
        } else {
            set_state(record, State::in_flight);
            schedule(record, is_default);
        }
    }

    [[gnu::always_inline]] void schedule(Record& record, bool is_default) noexcept {
        quiet_until_ = std::min(quiet_until_, record.deadline);
        timers_.schedule(record, is_default);
    }

    [[nodiscard]] std::size_t stored() const noexcept { return counts().total(); }

    typename MessageStore<Body>::Pointer store_;
    std::uint64_t tag_;
    Nanos retention_;
    Nanos now_ = Nanos::min();
    Nanos quiet_until_ = Nanos::min();       // nothing is due before
    std::array<std::size_t, 4> by_state_{};  // how many messages; that of `free` means nothing
    std::uint64_t purged_until_ = 0;         // messages up to this ordinal are purged; 0 once they have left
    std::size_t removed_ = 0;                // since the last `tidy`
    std::size_t removed_since_trim_ = 0;
    LeaseTimers<Body> timers_{*store_};
    Arrivals<Body> arrivals_{*store_};
    std::uint64_t last_ordinal_ = 0;
    Nanos last_sent_at_ = Nanos::min();
    SizeTotals sent_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
