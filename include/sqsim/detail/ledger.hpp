// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/arrivals.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/timers.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
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

/// What both kinds of queue are: stored messages, their handles, the timers of their leases, their retention, the
/// counts. Pure: time comes in as `now`, which never goes back.
template <class Body>
class Ledger {
public:
    using Layout = PayloadOf<Body>;

    Ledger(std::uint64_t tag, std::uint64_t id_key, bool concurrent, Nanos retention)
        : store_{MessageStore<Body>::make(id_key, concurrent)}, tag_{tag}, retention_{retention} {}

    [[nodiscard]] MessageStore<Body>& store() const noexcept { return *store_; }
    [[nodiscard]] const QueueCounts& counts() const noexcept { return counts_; }
    [[nodiscard]] std::uint64_t next_ordinal() noexcept { return ++last_ordinal_; }
    [[nodiscard]] Nanos now() const noexcept { return now_; }

    /// Moves to a later time; an earlier one, from a clock that was set back, counts as the last one seen.
    void clamp(Nanos now) noexcept { now_ = std::max(now_, now); }

    /// Adds a message that is visible now, or is delayed until `visible_at`.
    void add(Record& record, Nanos visible_at) {
        record.state = State::free;
        record.deadline = std::max(visible_at, now_);
        record.was_delayed = visible_at > now_;
        arrivals_.add(record);
        set_state(record, record.was_delayed ? State::delayed : State::visible);
    }

    void set_state(Record& record, State state) noexcept {
        count(record.state) -= 1;
        record.state = state;
        count(state) += 1;
    }

    /// Begins a new lease of a message. With a timeout of zero the message is visible at once (R115).
    void lease(Record& record, Nanos timeout, bool is_default) {
        ++record.generation;
        record.visibility_changed = false;
        record.received_at = now_;
        if (record.first_received_at == never) {
            record.first_received_at = now_;
        }
        set_deadline(record, timeout, is_default);
    }

    /// Lets the lease end `timeout` from now.
    void set_deadline(Record& record, Nanos timeout, bool is_default) {
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
    void remove(Record& record) {
        set_state(record, State::free);
        store_->remove(record);
        arrivals_.sweep(counts_.total());
        timers_.sweep(counts_.in_flight + counts_.delayed, [this](const Timer& timer) { return is_meant(timer); });
    }

    /// What a handle refers to. `superseded` comes with the record, too.
    struct Found {
        HandleStatus status;
        Record* record = nullptr;
    };
    [[nodiscard]] Found find(const ReceiptHandle& handle) const noexcept {
        const std::uint32_t slot = IdAccess::slot(handle);
        const std::uint32_t generation = IdAccess::generation(handle);
        if (IdAccess::queue(handle) != tag_ || !store_->contains(slot)) {
            return {HandleStatus::invalid};
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

    void set_retention(Nanos retention) noexcept { retention_ = retention; }

    QueueMetrics totals{};  // the counters that only grow

private:
    void schedule(Record& record, bool is_default) {
        const std::uint64_t sequence = timers_.schedule(record.deadline, record.slot, record.generation, is_default);
        if ((record.layout & layout_linked) != 0) {
            Layout::link(record).timer = static_cast<std::uint32_t>(sequence);
        }
    }

    /// Whether a timer is that of a delay or lease that lasts. In groups also which of several with one deadline, for
    /// their order is that of the groups: a deadline may be changed and changed back.
    [[nodiscard]] bool is_meant(const Timer& timer) const noexcept {
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

    [[nodiscard]] std::size_t& count(State state) noexcept {
        switch (state) {
        case State::visible:
            return counts_.visible;
        case State::in_flight:
            return counts_.in_flight;
        case State::delayed:
            return counts_.delayed;
        case State::free:
            break;
        }
        return uncounted_;
    }

    typename MessageStore<Body>::Pointer store_;
    std::uint64_t tag_;
    Nanos retention_;
    Nanos now_ = Nanos::min();
    std::uint64_t last_ordinal_ = 0;
    QueueCounts counts_{};
    std::size_t uncounted_ = 0;
    Timers timers_{};
    Arrivals<Body> arrivals_{*store_};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
