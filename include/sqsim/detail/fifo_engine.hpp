// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/attempts.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/dedup_window.hpp"
#include "sqsim/detail/delays.hpp"
#include "sqsim/detail/fifo_groups.hpp"
#include "sqsim/detail/fifo_keys.hpp"
#include "sqsim/detail/given_body.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/ledger_metrics.hpp"
#include "sqsim/detail/linked_text.hpp"
#include "sqsim/detail/moved_message.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/throttle.hpp"
#include "sqsim/detail/unadded.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// The state machine of a FIFO queue. Pure: no clock, no lock, no wait; `advance_to` comes first in every operation
/// and makes everything happen that is due. The rules of order and blocking are those of its groups.
template <class Body>
class FifoEngine {
public:
    FifoEngine(const FifoQueueOptions& options, std::uint64_t tag, std::uint64_t id_key, bool concurrent)
        : options_{options}, ledger_{tag, id_key, concurrent, options.message_retention_period},
          groups_{ledger_, options.limits.fifo_backlog_window}, throttle_{options.maximum_calls_per_second,
                                                                          options.partitions} {}

    [[nodiscard]] Ledger<Body>& ledger() noexcept { return ledger_; }
    [[nodiscard]] const Ledger<Body>& ledger() const noexcept { return ledger_; }

    /// Lets happen what is due, a piece of it. Returns: whether that was all, without which nobody may look.
    [[gnu::always_inline]] [[nodiscard]] bool advance_to(Nanos now) noexcept {
        reading_ = now;
        ledger_.advance(now);
        if (ledger_.is_quiet() && ledger_.now() < quiet_until_) [[likely]] {
            return true;
        }
        return let_happen();
    }
    /// The same before so many messages are sent, which need not wait for what has not happened yet.
    [[gnu::always_inline]] [[nodiscard]] bool advance_to_send(Nanos now, std::size_t count) noexcept {
        return advance_to(now) || (room() >= count && options_.deduplication_interval != Nanos::zero() &&
                                   groups_.send_before_all_are_visible());
    }

    /// How many groups became available since the last call: so many receives may be worth waking.
    [[nodiscard]] std::size_t take_opened() noexcept { return groups_.take_opened(); }

    /// Up to how many receives could find something now.
    [[nodiscard]] std::size_t receivable() const noexcept {
        return ledger_.in_flight() < options_.limits.maximum_in_flight ? groups_.available() : 0;
    }

    [[nodiscard]] Nanos next_event() noexcept {
        return std::min({ledger_.next_event(), next_delay_end(), dedup_.next_end()});
    }

    /// Nothing happens by itself before, and perhaps nothing then.
    [[nodiscard]] Nanos quiet_until() const noexcept { return std::min(ledger_.quiet_until(), quiet_until_); }

    /// Counts a call against the queue's throughput. Returns: false if it is one too many (R162).
    [[nodiscard]] bool count_call(Call call) noexcept { return throttle_.count(call, reading_); }
    [[nodiscard]] bool count_send(std::string_view group_id) noexcept {
        return throttle_.count_send(group_id, reading_);
    }

    /// The times of the messages of one call.
    struct SendTimes {
        Nanos deduplication_ends;
        Nanos visible_at;
        bool remembers;  // the deduplication ids
        Nanos ended_by;  // ids that end until then are not remembered any more
    };
    /// Begins a call that sends. `distinct`: it has no duplicates in itself, so that nothing need be remembered if the
    /// interval is zero.
    [[nodiscard]] SendTimes begin_send(bool distinct) {
        const SendTimes times{saturating_add(ledger_.now(), options_.deduplication_interval),
                              saturating_add(ledger_.now(), options_.delay),
                              options_.deduplication_interval != Nanos::zero() || !distinct,
                              // With an interval of zero ids are remembered until the end of the call.
                              options_.deduplication_interval != Nanos::zero() ? ledger_.now() : Nanos::min()};
        if (times.remembers) {
            dedup_.begin_run(ledger_.last_ordinal() + 1, times.deduplication_ends);
            note_event(times.deduplication_ends);
        }
        return times;
    }

    /// Asks for the memory that a send with these keys will need soon.
    [[gnu::always_inline]] void prefetch(const FifoKeys& keys) const noexcept {
        groups_.prefetch(keys.group);
        dedup_.prefetch(keys.deduplication);
    }
    /// Whether that is worth its time.
    [[nodiscard]] bool is_large() const noexcept { return dedup_.is_large() || groups_.are_many(); }

    /// The place of the message that an id was accepted for within the interval (R149). If there is none, 0, and `send`
    /// or `give_up` must follow.
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t find_original(const FifoKeys& keys, const SendTimes& times) {
        const std::uint64_t original =
            times.remembers ? dedup_.find_or_claim(keys.deduplication, ledger_.last_ordinal() + 1, times.ended_by) : 0;
        deduplicated_ += original != 0 ? 1U : 0U;
        return original;
    }
    void give_up(const FifoKeys& keys, const SendTimes& times) noexcept {
        const Commit commit{};
        if (times.remembers) {
            dedup_.give_up(keys.deduplication);
        }
    }

    /// Stores a message. Returns: its place. Precondition: `find_original(keys)` found nothing. If memory fails,
    /// nothing has changed, and the id is given up.
    template <class From>
    std::uint64_t send(From&& body, std::unique_ptr<const Extras> extras, std::string_view group_id,
                       std::string_view deduplication_id, const FifoKeys& keys, const SendTimes& times) {
        DedupWindow::Claim claim{times.remembers ? &dedup_ : nullptr, keys.deduplication};
        return enter(
            ledger_.store().store(std::forward<From>(body), std::move(extras), group_id, deduplication_id, true),
            given_body<Body>(body), keys, times, claim);
    }

    /// The same for a message that has nothing beside its body and its ids.
    template <class From>
    [[gnu::always_inline]] std::uint64_t send_plain(From&& body, std::string_view group_id,
                                                    std::string_view deduplication_id, const FifoKeys& keys,
                                                    const SendTimes& times) {
        if constexpr (is_text<Body>) {
            if (std::string_view{body}.size() <= short_text) [[likely]] {
                DedupWindow::Claim claim{times.remembers ? &dedup_ : nullptr, keys.deduplication};
                return enter(store_linked_text(ledger_.store(), body, group_id, deduplication_id), nullptr, keys, times,
                             claim);
            }
        }
        return send_long(std::forward<From>(body), group_id, deduplication_id, keys, times);
    }

    // For a batch that does not come to its end.
    struct BeforeBatch {
        typename Arrivals<Body>::End end;
        std::uint64_t accepted;
        std::uint64_t deduplicated;
    };
    [[nodiscard]] BeforeBatch before_batch() noexcept {
        return {ledger_.arrivals().end(), dedup_.accepted(), deduplicated_};
    }
    template <class Undo>
    [[gnu::noinline]] void take_back(const BeforeBatch& before, Undo undo) noexcept {
        const Commit commit{};
        ledger_.take_back_since(before.end, [&](Record& record) {
            undo(record);
            remove(record);
        });
        dedup_.take_back(before.accepted);
        deduplicated_ = before.deduplicated;
    }

    /// Stores a message that another queue moved here; its enqueue time is now (R176, R191).
    /// Errors: `std::bad_alloc`; nothing has changed then.
    void admit(MovedMessage& moved) {
        Record& record = detail::admit(ledger_, moved, false, true);
        add(record, nullptr, fingerprint(PayloadOf<Body>::group_id(record)), ledger_.now());
    }

    /// Leases messages of available groups, exhausting one group before the next (R139), and hands each to
    /// `take(record)`; those received too often go to `dead(moved)` instead (R171, R178). Errors: `std::bad_alloc`;
    /// nothing has changed then.
    template <class Take, class Dead>
    Received receive(const ReceivePlan& plan, Take take, Dead dead) {
        Received result;
        const std::size_t in_flight = ledger_.in_flight();
        const std::size_t most = options_.limits.maximum_in_flight;
        if (in_flight >= most) {
            result.over_limit = true;
            return result;
        }
        // With a timeout of zero nothing stays in flight.
        const bool leases = plan.visibility_timeout != Nanos::zero();
        const std::size_t maximum = leases ? std::min(plan.maximum, most - in_flight) : plan.maximum;
        const auto most_receives = static_cast<std::uint32_t>(plan.max_receive_count);
        const std::size_t expected = std::min(maximum, ledger_.visible());
        if constexpr (requires { take.reserve(expected); }) {
            take.reserve(expected);
        }
        ledger_.reserve_leases(plan.visibility_timeout, plan.default_timeout, expected);
        if (!leases) {
            groups_.reserve_reopening(expected);
        }
        const Commit commit{};
        bool lacks_memory = false;
        bool moves_dead = false;
        while (result.messages < maximum && !lacks_memory) {
            Record* record = groups_.take();
            if (record == nullptr) {
                break;
            }
            GroupLink* link = &PayloadOf<Body>::link(*record);
            const std::uint32_t number = link->group;
            typename FifoGroups<Body>::Taken group{groups_, number};
            bool may_be_available = !leases;
            while (true) {
                Record* const next = groups_.at(link->next);
                if (plan.max_receive_count > 0 && record->receives() >= most_receives) [[unlikely]] {
                    if (!move_dead_letter(*record, dead)) {
                        groups_.open_if_head(*record);
                        lacks_memory = true;
                        break;
                    }
                    moves_dead = true;
                } else {
                    ledger_.lease(*record, plan.visibility_timeout, plan.default_timeout);
                    group.note_lease(*record, *link);
                    take(*record);
                    ++result.messages;
                }
                if (next == nullptr || result.messages == maximum || next->state() != State::visible ||
                    !groups_.within_horizon(*next)) {
                    break;
                }
                record = next;
                link = &PayloadOf<Body>::link(*record);
            }
            if (may_be_available) [[unlikely]] {
                groups_.reopen_later(number);
            }
        }
        groups_.reopen();  // only now: one call never returns a message twice (R146)
        ledger_.totals.number_of_messages_received += result.messages;
        if (lacks_memory && result.messages == 0) {
            if (!moves_dead) {
                raise_out_of_memory();
            }
            result.cut_short = true;
        }
        return result;
    }

    /// Whether a receive with this id that deletes `done` first is to be refused: what it repeats was deleted or
    /// changed, or would be.
    [[nodiscard]] bool is_void(std::string_view attempt_id, std::span<const ReceiptHandle> done) const {
        if (attempts_ == nullptr || attempt_id.empty()) {
            return false;
        }
        return attempts_->is_void(attempt_id) ||
               std::any_of(done.begin(), done.end(), [&](const ReceiptHandle& handle) {
                   const auto [status, record] = ledger_.handles().find(handle);
                   return status == HandleStatus::ok && record->state() == State::in_flight &&
                          attempts_->is_of(attempt_id, *record);
               });
    }

    /// A receive that may be the repetition of an earlier one with the same id (R100); an empty id never is.
    template <class Take, class Dead>
    Received receive_attempt(std::string_view attempt_id, const ReceivePlan& plan, Take take, Dead dead) {
        if (attempt_id.empty()) {
            return receive(plan, take, dead);
        }
        if (attempts_ == nullptr) {
            attempts_ = std::make_unique<Attempts>();
        }
        const Received result = attempts_->receive(*this, attempt_id, plan, take, dead);
        note_event(attempts_->next_end());
        return result;
    }

    /// Sees to it that so many `repeat` throw nothing. Errors: `std::bad_alloc`.
    void reserve_repeating(const ReceivePlan& plan, std::size_t count) {
        ledger_.reserve_leases(plan.visibility_timeout, plan.default_timeout, count);
    }
    /// Repeats the receive of a message that is in flight: its timeout begins anew.
    template <class Take>
    void repeat(Record& record, const ReceivePlan& plan, Take& take) noexcept {
        const Commit commit{};
        set_deadline(record, plan.visibility_timeout, plan.default_timeout);
        take(record);
        groups_.open_if_head(record);
        ++ledger_.totals.number_of_messages_received;
    }

    /// R110, R111: only the lease that lasts can delete.
    [[gnu::always_inline]] HandleStatus erase(const ReceiptHandle& handle) {
        Record* const record = ledger_.handles().find_in_flight(handle);
        if (record == nullptr) [[unlikely]] {
            return erase_nothing(handle);
        }
        note_change(*record);
        remove(*record);
        ++ledger_.totals.number_of_messages_deleted;
        return HandleStatus::ok;
    }

    /// The same for many, and what became of each.
    void erase(std::span<const ReceiptHandle> handles, HandleResult* result) {
        for (const ReceiptHandle& handle : handles) {
            *result++ = {erase(handle)};
        }
    }

    /// R117, R120, R123.
    Changed change_visibility(const ReceiptHandle& handle, Nanos timeout) {
        const auto [status, record] = ledger_.handles().find(handle);
        if (status != HandleStatus::ok || record->state() != State::in_flight) {
            return {status != HandleStatus::ok ? status : HandleStatus::expired};
        }
        if (saturating_add(saturating_subtract(ledger_.now(), record->received_at), timeout) >
            options_.limits.maximum_visibility_timeout) {
            return {HandleStatus::ok, true};
        }
        ledger_.reserve_leases(timeout, false, 1);
        const Commit commit{};
        note_change(*record);
        set_deadline(*record, timeout, false);
        groups_.open_if_head(*record);
        return {HandleStatus::ok};
    }

    /// Forgets what is stale where that costs little.
    void tidy() noexcept {
        const Commit commit{};
        const std::size_t removed = ledger_.removed();
        ledger_.tidy(false);
        groups_.sweep(2 * removed);
    }

    /// How many more messages the capacity allows.
    [[nodiscard]] std::size_t room() const noexcept { return ledger_.room(options_.capacity); }

    /// Removes everything, also the memory of deduplication ids (R155, R196). The messages leave as what is due does.
    void purge() {
        ledger_.purge();
        dedup_.clear();
        attempts_.reset();
    }

    /// Takes the oldest deliverable message away, for a move task, if `accept(record)`. Linear in the messages before
    /// it, which are those that wait for one in flight.
    template <class Accept>
    [[nodiscard]] std::unique_ptr<MovedMessage> take_for_redrive(Accept accept) {
        auto moved = prepare_move(options_.name);
        Record* const oldest = groups_.oldest_available();
        if (oldest == nullptr || !accept(*oldest)) {
            return nullptr;
        }
        take_away(*oldest, true, *moved);
        return moved;
    }

    /// Changes the delay, also of the messages that are delayed now (R130).
    void set_delay(Nanos delay) {
        options_.delay = delay;
        quiet_until_ = Nanos::min();
    }

    /// When a delay or a lease ends, or since when the message is visible.
    [[nodiscard]] Nanos available_at(const Record& record) const noexcept {
        return record.state() == State::delayed ? saturating_add(record.sent_at, options_.delay) : record.deadline;
    }

    [[nodiscard]] FifoQueueOptions& options() noexcept { return options_; }
    [[nodiscard]] const FifoQueueOptions& options() const noexcept { return options_; }

    [[nodiscard]] QueueMetrics metrics() {
        QueueMetrics metrics = metrics_of(ledger_, [](const Record&) { return true; });
        metrics.fifo = FifoMetrics{groups_.in_flight(), deduplicated_};
        return metrics;
    }

private:
    /// What a delete answers that has no effect.
    [[gnu::noinline]] HandleStatus erase_nothing(const ReceiptHandle& handle) {
        const HandleStatus status = ledger_.handles().find(handle).status;
        ledger_.totals.number_of_messages_deleted += status == HandleStatus::gone ? 1U : 0U;
        return status == HandleStatus::ok ? HandleStatus::expired : status;
    }

    /// Moves a message that was received too often. Returns whether there was memory; nothing has changed if not.
    template <class Dead>
    [[gnu::noinline]] [[nodiscard]] bool move_dead_letter(Record& record, Dead& dead) noexcept {
        std::unique_ptr<MovedMessage> moved;
        if (!obtained([&] { moved = prepare_move(options_.name); })) {
            return false;
        }
        const Commit commit{};
        take_away(record, false, *moved);
        dead(std::move(moved));
        return true;
    }

    template <class From>
    [[gnu::noinline]] std::uint64_t send_long(From&& body, std::string_view group_id, std::string_view deduplication_id,
                                              const FifoKeys& keys, const SendTimes& times) {
        return send(std::forward<From>(body), nullptr, group_id, deduplication_id, keys, times);
    }

    /// Gives a stored message its place in the order and in its group.
    [[gnu::always_inline]] std::uint64_t enter(Record& record, Body* given, const FifoKeys& keys,
                                               const SendTimes& times, DedupWindow::Claim& claim) {
        const std::uint64_t ordinal = ledger_.next_ordinal();
        record.ordinal = ordinal;
        record.sent_at = ledger_.send_time(ledger_.now());
        add(record, given, keys.group, times.visible_at);
        claim.confirm();
        return ordinal;
    }

    /// Adds a record to its group. If memory fails, the record is gone, its body is where it was given, and nothing
    /// else has changed.
    [[gnu::always_inline]] void add(Record& record, Body* given, const Fingerprint& group_id, Nanos visible_at) {
        Unadded<Body> unadded{ledger_.store(), record, given};
        if (visible_at > ledger_.now()) [[unlikely]] {
            delays_.add(record);
            note_event(visible_at);
        }
        groups_.append(record, group_id, visible_at);
        unadded.release();
    }

    /// A client deletes a message or changes its visibility: its receive is not to be repeated (R100).
    [[gnu::always_inline]] void note_change(const Record& record) {
        if (attempts_ != nullptr) [[unlikely]] {
            attempts_->note_change(record);
        }
    }

    /// Precondition: memory is reserved, as for a lease.
    void set_deadline(Record& record, Nanos timeout, bool is_default) noexcept {
        const Commit commit{};
        groups_.change_state(record, [&] { ledger_.set_deadline(record, timeout, is_default); });
    }

    /// Something will happen then that is not the ledger's: `advance_to` must not pass it.
    void note_event(Nanos when) noexcept { quiet_until_ = std::min(quiet_until_, when); }

    [[gnu::noinline]] bool let_happen() noexcept {
        const Commit commit{};
        ledger_.stay_before_the_end();
        Piece piece;
        end_delays_and_leases(piece);
        if (!piece.is_done()) {
            dedup_.expire(ledger_.now(), piece);
        }
        while (Record* const record = piece.is_done() ? nullptr : ledger_.next_purged()) {
            remove(*record);
            piece.count(1);
        }
        while (Record* const record = piece.is_done() ? nullptr : ledger_.next_past_retention()) {
            remove(*record);
            piece.count(1);
        }
        if (piece.is_done()) [[unlikely]] {
            return false;
        }
        groups_.note_all_visible();
        quiet_until_ = std::min(next_delay_end(), dedup_.next_end());
        if (attempts_ != nullptr) {
            attempts_->expire(ledger_.now());
            note_event(attempts_->next_end());
        }
        ledger_.settle();
        return true;
    }

    /// Delays and leases end in the order of time, for the order of the groups depends on it; at one instant delays
    /// end first.
    void end_delays_and_leases(Piece& piece) noexcept {
        for (; !piece.is_done(); piece.count(1)) {
            const Nanos delay_end = next_delay_end();
            const Nanos lease_end = ledger_.next_lease_end();
            if (std::min(delay_end, lease_end) > ledger_.now()) {
                return;
            }
            Record* record = nullptr;
            if (delay_end <= lease_end) {
                record = delays_.first(ledger_.store());
                record->deadline = delay_end;
            } else {
                record = ledger_.next_due();
            }
            groups_.become_visible(*record, std::min(delay_end, lease_end));
        }
    }

    [[nodiscard]] Nanos next_delay_end() noexcept {
        const Record* first = delays_.first(ledger_.store());
        return first != nullptr ? saturating_add(first->sent_at, options_.delay) : never;
    }

    [[gnu::always_inline]] void remove(Record& record) noexcept {
        const Commit commit{};
        if (record.state() == State::in_flight && ledger_.in_flight() >= options_.limits.maximum_in_flight) {
            groups_.note_opening();  // a receive may wait for the limit
        }
        groups_.leave(record);
        ledger_.remove(record);
    }

    void take_away(Record& record, bool redriven, MovedMessage& moved) noexcept {
        const Commit commit{};
        groups_.leave(record);
        detail::take_away(ledger_, record, redriven, moved);
    }

    FifoQueueOptions options_;
    Ledger<Body> ledger_;
    FifoGroups<Body> groups_;
    Delays delays_{};
    DedupWindow dedup_{};
    std::unique_ptr<Attempts> attempts_{};  // few queues use them
    Throttle throttle_;
    Nanos reading_ = Nanos::min();  // what the clock shows, also if it was set back
    std::uint64_t deduplicated_ = 0;
    Nanos quiet_until_ = Nanos::min();  // no delay ends and nothing is forgotten before
};

}  // namespace sqsim::inline SQSIM_ABI::detail
