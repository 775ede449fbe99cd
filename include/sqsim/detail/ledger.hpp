// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/arrivals.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/timers.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// A message on its way from one queue to another. Holds a reference to the record that it leaves.
struct MovedMessage {
    RecordOwner* owner = nullptr;
    Record* record = nullptr;
    bool redriven = false;  // by a move task: a new message (R191)
    MessageId message_id{};
    std::uint32_t receives = 0;
    Nanos sent_at{};
    Nanos first_received_at{};
    std::uint64_t source_tag = 0;
    std::string source_name{};
};

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
    [[nodiscard]] QueueCounts counts() const noexcept {
        return {count(State::visible), count(State::in_flight), count(State::delayed)};
    }
    [[nodiscard]] std::size_t in_flight() const noexcept { return count(State::in_flight); }
    [[nodiscard]] Nanos now() const noexcept { return now_; }

    // The senders' side.

    /// A new place in the queue. Needs the owner's side too, if places are given out there.
    [[nodiscard]] std::uint64_t next_ordinal() noexcept { return ++last_ordinal_; }

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
        ++record.generation;
        record.visibility_changed = false;
        record.received_at = now_;
        if (record.first_received_at == never) {
            record.first_received_at = now_;
        }
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
            std::size_t passed = 0;
            while (passed != entries.size() && count != most) {
                Record* const record = arrivals_.fresh_at(entries[passed++]);
                if (record == nullptr) [[unlikely]] {
                    continue;
                }
                ++record->generation;
                record->state = State::in_flight;
                record->visibility_changed = false;
                record->received_at = now;
                record->deadline = deadline;
                if (record->first_received_at == never) [[likely]] {
                    record->first_received_at = now;
                }
                --by_state_[static_cast<std::size_t>(State::visible)];
                ++by_state_[static_cast<std::size_t>(State::in_flight)];
                timers_.schedule(deadline, record->slot, record->generation, is_default);
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
        const Timer* timer = next_timer();
        if (timer == nullptr || timer->deadline > now_) {
            return nullptr;
        }
        Record& record = (*store_)[timer->slot];
        timers_.pop();
        return &record;
    }

    /// When the next delay or lease that was scheduled ends; `never` if there is none.
    [[nodiscard]] Nanos next_lease_end() {
        const Timer* timer = next_timer();
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

    /// Forgets stale entries where they may be most of all, and gives memory back that the messages no longer fill.
    /// Linear in what was removed since the last time. `all_fresh`: the visible messages are those behind the cursor.
    /// Needs both sides.
    void tidy(bool all_fresh) {
        removed_since_trim_ += std::exchange(removed_, 0);
        const std::size_t timed = count(State::in_flight) + count(State::delayed);
        if (timed == 0) {
            timers_.drop_all();
        } else {
            timers_.sweep(timed, [this](const Timer& timer) { return is_meant(timer); });
        }
        if (timed == 0 && all_fresh) {
            arrivals_.drop_until_cursor();
        } else {
            arrivals_.sweep(stored());
        }
        const std::size_t returnable = store_->slots().returnable();
        if (removed_since_trim_ > returnable / 2 && stored() < returnable / 4) {
            removed_since_trim_ = 0;
            store_->collect();
            store_->slots().trim();
        }
    }

    /// What a handle refers to. `superseded` comes with the record, too.
    struct Found {
        HandleStatus status;
        Record* record = nullptr;
    };
    [[gnu::always_inline]] [[nodiscard]] Found find(const ReceiptHandle& handle) const noexcept {
        const std::uint32_t slot = IdAccess::slot(handle);
        const std::uint32_t generation = IdAccess::generation(handle);
        if (IdAccess::queue(handle) != tag_ || !store_->contains(slot)) {
            const bool was_ours =
                IdAccess::queue(handle) == tag_ && generation - 1 < store_->slots().generation_before(slot);
            return {was_ours ? HandleStatus::gone : HandleStatus::invalid};
        }
        Record& record = (*store_)[slot];
        // Generations only grow, also modulo 2^32: a distance beyond half of that is a handle from the future.
        if (record.generation - generation > 0x8000'0000U || generation == 0) {
            return {HandleStatus::invalid};
        }
        if (record.state == State::free || record.generation - generation >= record.receives()) {
            return {HandleStatus::gone};
        }
        return {record.generation == generation ? HandleStatus::ok : HandleStatus::superseded, &record};
    }

    /// The message of a handle that is its latest; null if that is not what it is.
    [[gnu::always_inline]] [[nodiscard]] Record* find_current(const ReceiptHandle& handle) const noexcept {
        const std::uint32_t slot = IdAccess::slot(handle);
        if (IdAccess::queue(handle) != tag_ || !store_->contains(slot)) {
            return nullptr;
        }
        Record& record = (*store_)[slot];
        const bool is_current =
            record.generation == IdAccess::generation(handle) && record.state != State::free && record.receives() != 0;
        return is_current ? &record : nullptr;
    }

    [[nodiscard]] ReceiptHandle handle(const Record& record) const noexcept {
        return IdAccess::handle(tag_, record.slot, record.generation);
    }

    [[nodiscard]] Arrivals<Body>& arrivals() noexcept { return arrivals_; }

    /// Packs a message for another queue and takes it out of this one.
    [[nodiscard]] MovedMessage take_away(Record& record, bool redriven, std::string_view source_name) {
        store_->retain(record);
        MovedMessage moved{.owner = store_.get(),
                           .record = &record,
                           .redriven = redriven,
                           .message_id = message_id<Body>(record, *store_),
                           .receives = receive_count<Body>(record),
                           .sent_at = record.sent_at,
                           .first_received_at = record.first_received_at,
                           .source_tag = tag_,
                           .source_name = std::string{source_name}};
        remove(record);
        return moved;
    }

    /// Stores a message that came from another queue, without making it visible. Keeps the sent time of a dead-letter
    /// move if asked to (R175, R176).
    [[nodiscard]] Record& admit(MovedMessage&& moved, bool keep_sent_at, bool fifo) {
        const std::uint64_t ordinal = next_ordinal();
        auto extras = std::make_unique<Extras>();
        extras->body_owner = moved.owner;
        extras->body_record = moved.record;
        const Extras* origin = Layout::extras(*moved.record);
        if (origin != nullptr && origin->body_record != nullptr) {  // moved before: refer to the first record
            extras->body_owner = origin->body_owner;
            extras->body_record = origin->body_record;
            extras->body_owner->retain(*extras->body_record);
        }
        extras->arrived_at = now_;
        if (!moved.redriven) {
            extras->from_dead_letter_move = true;
            extras->message_id = moved.message_id;
            extras->earlier_receives = moved.receives;
            extras->source_tag = moved.source_tag;
            extras->source_name = std::move(moved.source_name);
        }
        const std::string_view group_id = Layout::group_id(*moved.record);
        std::string deduplication_id;
        if (fifo) {  // R157: so that equal ids of unrelated messages do not meet
            deduplication_id =
                (moved.redriven ? IdAccess::message_id(store_->id_key(), ordinal) : moved.message_id).to_string();
        }
        const bool moved_twice = extras->body_record != moved.record;
        Record& record = store_->store_moved(std::move(extras), group_id, deduplication_id, !group_id.empty());
        if (moved_twice) {
            moved.owner->release(*moved.record);
        }
        record.ordinal = ordinal;
        record.sent_at = keep_sent_at ? moved.sent_at : now_;
        record.first_received_at = moved.redriven ? never : moved.first_received_at;
        if (record.sent_at < now_) {
            arrivals_.add_late(record);
        } else {
            record.sent_at = send_time(record.sent_at);
        }
        return record;
    }

    /// The age of the oldest message that counts, from its arrival (R177). Linear in those before it that do not.
    template <class Counts>
    [[nodiscard]] std::optional<Nanos> age_of_oldest(Counts counts) {
        std::optional<Nanos> age;
        arrivals_.for_each([&](Record& record) {
            if (counts(record)) {
                const Extras* extras = Layout::extras(record);
                age =
                    now_ - (extras != nullptr && extras->body_record != nullptr ? extras->arrived_at : record.sent_at);
            }
            return !age;
        });
        return age;
    }

    void set_retention(Nanos retention) noexcept {
        retention_ = retention;
        quiet_until_ = Nanos::min();
    }

    /// The counters that only grow, but those of sends.
    QueueMetrics totals{};

    /// All of them. Needs both sides.
    [[nodiscard]] QueueMetrics all_totals() const {
        QueueMetrics all = totals;
        if (sent_.count != 0) {
            all.number_of_messages_sent = sent_.count;
            all.sent_message_size = sent_;
        }
        return all;
    }

private:
    /// Gives a new message its place in the order. Senders' side.
    [[gnu::always_inline]] void enter(Record& record, Nanos sent_at) {
        record.ordinal = ++last_ordinal_;
        record.sent_at = sent_at;
        record.deadline = sent_at;
        arrivals_.add(record);
        record.state = State::visible;
    }

    [[gnu::always_inline]] void schedule(Record& record, bool is_default) {
        quiet_until_ = std::min(quiet_until_, record.deadline);
        const std::uint64_t sequence = timers_.schedule(record.deadline, record.slot, record.generation, is_default);
        if ((record.layout & layout_linked) != 0) {
            Layout::link(record).timer = static_cast<std::uint32_t>(sequence);
        }
    }

    /// Whether a timer is that of a delay or lease that lasts. In groups also which of several with one deadline, for
    /// their order is that of the groups: a deadline may be changed and changed back.
    [[gnu::always_inline]] [[nodiscard]] bool is_meant(const Timer& timer) const noexcept {
        Record& record = (*store_)[timer.slot];
        return record.generation == timer.generation && record.deadline == timer.deadline &&
               (record.state == State::in_flight || record.state == State::delayed) &&
               ((record.layout & layout_linked) == 0 ||
                Layout::link(record).timer == static_cast<std::uint32_t>(timer.sequence));
    }

    [[nodiscard]] const Timer* next_timer() {
        const Timer* timer = timers_.peek();
        while (timer != nullptr && !is_meant(*timer)) {
            timers_.pop();
            timer = timers_.peek();
        }
        return timer;
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
    Timers timers_{};
    Arrivals<Body> arrivals_{*store_};
    // The senders'.
    alignas(two_cache_lines) std::uint64_t last_ordinal_ = 0;
    Nanos last_sent_at_ = Nanos::min();
    SentMessageSizes sent_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
