// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/attempts.hpp"
#include "sqsim/detail/dedup_window.hpp"
#include "sqsim/detail/group_table.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/ready_list.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The state machine of a FIFO queue. Pure: no clock, no lock, no wait; `advance_to` comes first in every operation
/// and makes everything happen that is due.
///
/// A message can be delivered when every earlier one of its group is gone or delivered with it (R138). So a group is
/// available exactly when its first message, the head, is visible; available groups wait in the order in which their
/// heads became visible (R144).
template <class Body>
class FifoEngine {
    using Layout = PayloadOf<Body>;

public:
    FifoEngine(const FifoQueueOptions& options, std::uint64_t tag, std::uint64_t id_key, bool concurrent)
        : options_{options}, ledger_{tag, id_key, concurrent, options.message_retention_period} {}

    [[nodiscard]] Ledger<Body>& ledger() noexcept { return ledger_; }
    [[nodiscard]] const Ledger<Body>& ledger() const noexcept { return ledger_; }

    /// Lets everything happen that is due.
    void advance_to(Nanos now) {
        ledger_.clamp(now);
        end_delays_and_leases();
        while (Record* record = ledger_.next_past_retention()) {
            remove(*record);
        }
        dedup_.expire(ledger_.now());
        if (attempts_ != nullptr) {
            attempts_->expire(ledger_.now());
        }
    }

    /// How many groups became available since the last call: so many receives may be worth waking.
    [[nodiscard]] std::size_t take_opened() noexcept { return std::exchange(opened_, 0); }

    [[nodiscard]] Nanos next_event() { return std::min({ledger_.next_event(), next_delay_end(), dedup_.next_end()}); }

    /// The message that a deduplication id was accepted for within the interval (R149, R153).
    [[nodiscard]] std::optional<std::uint64_t> find_duplicate(std::string_view group_id,
                                                              std::string_view deduplication_id) {
        const auto original = dedup_.find(scoped(group_id, deduplication_id));
        if (original) {
            ++deduplicated_;
        }
        return original;
    }

    /// Stores a message. Precondition: `find_duplicate` found nothing.
    template <class From>
    Record& send(From&& body, std::unique_ptr<const Extras> extras, std::string_view group_id,
                 std::string_view deduplication_id) {
        Record& record = ledger_.store().store(std::forward<From>(body), std::move(extras), group_id,
                                               deduplication_id, true);
        record.ordinal = ledger_.next_ordinal();
        record.sent_at = ledger_.now();
        dedup_.insert(scoped(group_id, deduplication_id), record.ordinal,
                      saturating_add(ledger_.now(), options_.deduplication_interval));
        add(record, saturating_add(ledger_.now(), options_.delay));
        return record;
    }

    /// Stores a message that another queue moved here; its enqueue time is now (R176, R191).
    void admit(MovedMessage&& moved) { add(ledger_.admit(std::move(moved), false, true), ledger_.now()); }

    /// Leases messages of available groups, exhausting one group before the next (R139), and hands each to
    /// `take(record)`; those received too often go to `dead(moved)` instead (R171, R178).
    template <class Take, class Dead>
    Received receive(const ReceivePlan& plan, Take take, Dead dead) {
        Received result;
        const std::size_t most = options_.limits.maximum_in_flight;
        if (ledger_.counts().in_flight >= most) {
            result.over_limit = true;
            return result;
        }
        widen_horizon();
        while (result.messages < plan.maximum && ledger_.counts().in_flight < most) {
            const std::optional<std::uint32_t> number = take_group();
            if (!number) {
                break;
            }
            std::uint32_t slot = groups_[*number].head;
            while (slot != none && result.messages < plan.maximum && ledger_.counts().in_flight < most) {
                Record& record = ledger_.store()[slot];
                if (record.state != State::visible || record.ordinal > horizon_) {
                    break;
                }
                slot = Layout::link(record).next;
                if (plan.max_receive_count > 0 &&
                    record.receives() >= static_cast<std::uint32_t>(plan.max_receive_count)) {
                    dead(take_away(record, false));
                    continue;
                }
                lease(record, plan);
                take(record);
                ++result.messages;
            }
            reopen_.push_back(*number);
        }
        // Only now: one call never returns a message twice (R146).
        for (const std::uint32_t number : reopen_) {
            open_if_available(number);
        }
        reopen_.clear();
        ledger_.totals.number_of_messages_received += result.messages;
        return result;
    }

    /// A receive that may be the repetition of an earlier one with the same id (R100); an empty id never is.
    template <class Take, class Dead>
    Received receive_attempt(std::string_view attempt_id, const ReceivePlan& plan, Take take, Dead dead) {
        if (attempt_id.empty()) {
            return receive(plan, take, dead);
        }
        if (const std::size_t messages = repeat(attempt_id, plan, take); messages != 0) {
            return {messages, false};
        }
        std::vector<Attempts::Lease> leases;
        const auto note_and_take = [&](Record& record) {
            leases.push_back({record.slot, record.generation, record.deadline});
            take(record);
        };
        const Received result = receive(plan, note_and_take, dead);
        if (!leases.empty()) {
            if (attempts_ == nullptr) {
                attempts_ = std::make_unique<Attempts>();
            }
            attempts_->remember(attempt_id, std::move(leases), ledger_.now());
        }
        return result;
    }

    /// R110, R111: only the lease that lasts can delete.
    HandleStatus erase(const ReceiptHandle& handle) {
        const auto [status, record] = ledger_.find(handle);
        if (status == HandleStatus::ok && record->state != State::in_flight) {
            return HandleStatus::expired;
        }
        if (status == HandleStatus::ok) {
            remove(*record);
        }
        if (status == HandleStatus::ok || status == HandleStatus::gone) {
            ++ledger_.totals.number_of_messages_deleted;
        }
        return status;
    }

    /// R117, R120, R123.
    Changed change_visibility(const ReceiptHandle& handle, Nanos timeout) {
        const auto [status, record] = ledger_.find(handle);
        if (status != HandleStatus::ok) {
            return {status};
        }
        if (record->state != State::in_flight) {
            return {HandleStatus::expired};
        }
        if (saturating_add(ledger_.now() - record->received_at, timeout) > options_.limits.maximum_visibility_timeout) {
            return {HandleStatus::ok, true};
        }
        set_deadline(*record, timeout, false);
        open_if_head(*record);
        return {HandleStatus::ok};
    }

    /// Removes everything, also the memory of deduplication ids (R155, R196). Linear in the stored messages.
    void purge() {
        std::vector<Record*> all;
        all.reserve(ledger_.counts().total());
        ledger_.for_each([&](Record& record) {
            all.push_back(&record);
            return true;
        });
        for (Record* record : all) {
            remove(*record);
        }
        available_.clear();
        beyond_.clear();
        delayed_.clear();
        dedup_.clear();
        attempts_.reset();
    }

    /// Takes the next deliverable message away, for a move task, if `accept(record)`.
    template <class Accept>
    [[nodiscard]] std::optional<MovedMessage> take_for_redrive(Accept accept) {
        widen_horizon();
        const std::optional<std::uint32_t> number = take_group();
        if (!number) {
            return std::nullopt;
        }
        Record& head = ledger_.store()[groups_[*number].head];
        if (!accept(head)) {
            open_if_head(head);
            return std::nullopt;
        }
        return take_away(head, true);
    }

    /// Changes the delay, also of the messages that are delayed now (R130).
    void set_delay(Nanos delay) {
        options_.delay = delay;
        end_delays_and_leases();
    }

    /// When a delay or a lease ends, or since when the message is visible.
    [[nodiscard]] Nanos available_at(const Record& record) const noexcept {
        return record.state == State::delayed ? saturating_add(record.sent_at, options_.delay) : record.deadline;
    }

    [[nodiscard]] FifoQueueOptions& options() noexcept { return options_; }
    [[nodiscard]] const FifoQueueOptions& options() const noexcept { return options_; }

    [[nodiscard]] QueueMetrics metrics() {
        QueueMetrics metrics = ledger_.totals;
        metrics.approximate_age_of_oldest_message = ledger_.age_of_oldest([](const Record&) { return true; });
        metrics.approximate_number_of_messages_visible = ledger_.counts().visible;
        metrics.approximate_number_of_messages_not_visible = ledger_.counts().in_flight;
        metrics.approximate_number_of_messages_delayed = ledger_.counts().delayed;
        metrics.fifo = FifoMetrics{groups_in_flight_, deduplicated_};
        return metrics;
    }

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    struct Group {
        std::uint32_t head = none;
        std::uint32_t tail = none;
        std::uint32_t in_flight = 0;
    };
    struct Delayed {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    [[nodiscard]] Fingerprint scoped(std::string_view group_id, std::string_view deduplication_id) const noexcept {
        return options_.deduplication_scope == DeduplicationScope::queue
                   ? fingerprint(deduplication_id)
                   : fingerprint(deduplication_id, fingerprint(group_id));
    }

    /// Every change of state goes through here: it keeps the count of groups with messages in flight.
    template <class Change>
    void change_state(Record& record, Change change) {
        Group& group = groups_[Layout::link(record).group];
        const bool was_in_flight = record.state == State::in_flight;
        change();
        const bool is_in_flight = record.state == State::in_flight;
        if (was_in_flight != is_in_flight) {
            const std::uint32_t before = group.in_flight;
            group.in_flight += is_in_flight ? 1U : ~0U;
            groups_in_flight_ += before == 0 ? 1 : 0;
            groups_in_flight_ -= group.in_flight == 0 ? 1 : 0;
        }
        if (record.state == State::visible) {
            Layout::link(record).visible_sequence = ++visible_sequence_;
        }
    }

    /// Repeats an earlier receive with the same attempt id: the same messages and handles with their timeouts reset,
    /// unless one of them was deleted, changed, or is visible again (R100). Returns how many were handed to `take`.
    template <class Take>
    std::size_t repeat(std::string_view attempt_id, const ReceivePlan& plan, Take take) {
        std::vector<Attempts::Lease>* leases = attempts_ != nullptr ? attempts_->find(attempt_id) : nullptr;
        if (leases == nullptr) {
            return 0;
        }
        for (const Attempts::Lease& lease : *leases) {
            const Record& record = ledger_.store()[lease.slot];
            if (record.generation != lease.generation || record.state != State::in_flight ||
                record.deadline != lease.deadline) {
                attempts_->forget(attempt_id);
                return 0;
            }
        }
        for (Attempts::Lease& lease : *leases) {
            Record& record = ledger_.store()[lease.slot];
            set_deadline(record, plan.visibility_timeout, plan.default_timeout);
            lease.deadline = record.deadline;
            take(record);
        }
        ledger_.totals.number_of_messages_received += leases->size();
        return leases->size();
    }

    void add(Record& record, Nanos visible_at) {
        const std::uint32_t number = groups_.find_or_create(Layout::group_id(record));
        Group& group = groups_[number];
        GroupLink& link = Layout::link(record);
        link.group = number;
        link.previous = group.tail;
        link.next = none;
        if (group.tail == none) {
            group.head = record.slot;
        } else {
            Layout::link(ledger_.store()[group.tail]).next = record.slot;
        }
        group.tail = record.slot;
        change_state(record, [&] { ledger_.add(record, visible_at); });
        if (record.state == State::delayed) {
            delayed_.push_back({record.slot, record.generation});
        }
        open_if_head(record);
    }

    void lease(Record& record, const ReceivePlan& plan) {
        change_state(record, [&] { ledger_.lease(record, plan.visibility_timeout, plan.default_timeout); });
    }
    void set_deadline(Record& record, Nanos timeout, bool is_default) {
        change_state(record, [&] { ledger_.set_deadline(record, timeout, is_default); });
    }

    /// Delays and leases end in the order of time, for the order of the groups depends on it; at one instant delays
    /// end first.
    void end_delays_and_leases() {
        while (true) {
            const Nanos delay_end = next_delay_end();
            const Nanos lease_end = ledger_.next_lease_end();
            if (std::min(delay_end, lease_end) > ledger_.now()) {
                return;
            }
            Record* record = nullptr;
            if (delay_end <= lease_end) {
                record = &ledger_.store()[delayed_.front().slot];
                delayed_.pop_front();
                record->deadline = delay_end;
            } else {
                record = ledger_.next_due();
            }
            change_state(*record, [&] { ledger_.set_state(*record, State::visible); });
            open_if_head(*record);
        }
    }

    /// When the oldest delayed message becomes visible: the queue's delay after it was sent, whatever it was then.
    [[nodiscard]] Nanos next_delay_end() {
        while (!delayed_.empty()) {
            const Record& record = ledger_.store()[delayed_.front().slot];
            if (record.generation == delayed_.front().generation && record.state == State::delayed) {
                return saturating_add(record.sent_at, options_.delay);
            }
            delayed_.pop_front();
        }
        return never;
    }

    void open_if_head(Record& record) {
        const GroupLink& link = Layout::link(record);
        if (record.state == State::visible && link.previous == none) {
            available_.push({link.visible_sequence, record.slot, record.generation, false});
            ++opened_;
        }
    }

    void open_if_available(std::uint32_t number) {
        if (groups_.contains(number) && groups_[number].head != none) {
            open_if_head(ledger_.store()[groups_[number].head]);
        }
    }

    [[nodiscard]] bool is_meant(const Ready& entry) const noexcept {
        Record& record = ledger_.store()[entry.slot];
        return record.generation == entry.generation && record.state == State::visible &&
               Layout::link(record).previous == none;
    }

    /// Takes the next available group within the horizon out of the order.
    [[nodiscard]] std::optional<std::uint32_t> take_group() {
        while (const Ready* entry = available_.peek()) {
            const Ready taken = *entry;
            available_.pop();
            if (!is_meant(taken)) {
                continue;
            }
            Record& head = ledger_.store()[taken.slot];
            if (head.ordinal > horizon_) {
                beyond_.push({head.ordinal, taken.slot, taken.generation, false});
                continue;
            }
            return Layout::link(head).group;
        }
        return std::nullopt;
    }

    /// Only the first so many stored messages are looked at (R104): `horizon_` is the ordinal of the last of them.
    void widen_horizon() {
        while (within_horizon_ < options_.limits.fifo_backlog_window) {
            const Record* record = ledger_.next_stored();
            if (record == nullptr) {
                break;
            }
            horizon_ = record->ordinal;
            ++within_horizon_;
        }
        while (const Ready* entry = beyond_.peek()) {
            if (is_meant(*entry) && entry->order > horizon_) {
                break;
            }
            if (is_meant(*entry)) {
                open_if_head(ledger_.store()[entry->slot]);
            }
            beyond_.pop();
        }
    }

    /// Takes a message that is about to leave the queue out of its group, which may thereby become available.
    void leave(Record& record) {
        change_state(record, [&] { ledger_.set_state(record, State::free); });
        if (record.ordinal <= horizon_) {
            --within_horizon_;
        }
        const GroupLink link = Layout::link(record);
        Group& group = groups_[link.group];
        (link.previous == none ? group.head : Layout::link(ledger_.store()[link.previous]).next) = link.next;
        (link.next == none ? group.tail : Layout::link(ledger_.store()[link.next]).previous) = link.previous;
        if (group.head == none) {
            groups_.erase(link.group);
        } else if (link.previous == none) {
            open_if_head(ledger_.store()[group.head]);
        }
    }

    void remove(Record& record) {
        leave(record);
        ledger_.remove(record);
        if (available_.size() > 2 * ledger_.counts().total() + 64) {
            available_.remove_unless([this](const Ready& entry) { return is_meant(entry); });
        }
    }

    [[nodiscard]] MovedMessage take_away(Record& record, bool redriven) {
        leave(record);
        return ledger_.take_away(record, redriven, options_.name);
    }

    FifoQueueOptions options_;
    Ledger<Body> ledger_;
    GroupTable<Group> groups_{};
    ReadyList available_{};            // heads of available groups, by when they became visible
    ReadyList beyond_{};               // the same beyond the horizon, by ordinal
    std::vector<std::uint32_t> reopen_{};
    Ring<Delayed> delayed_{};          // in the order sent, which is that of their delays' ends
    DedupWindow dedup_{};
    std::unique_ptr<Attempts> attempts_{};  // few queues use them
    std::uint64_t visible_sequence_ = 0;
    std::uint64_t horizon_ = 0;
    std::size_t within_horizon_ = 0;   // stored messages up to the horizon
    std::size_t groups_in_flight_ = 0;
    std::uint64_t deduplicated_ = 0;
    std::size_t opened_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
