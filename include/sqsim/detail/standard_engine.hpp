// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/detail/choices.hpp"
#include "sqsim/detail/chosen_receive.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/delivery_order.hpp"
#include "sqsim/detail/fair_queue.hpp"
#include "sqsim/detail/given_body.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/ledger_metrics.hpp"
#include "sqsim/detail/moved_message.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/ready_list.hpp"
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
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The state machine of a standard queue. Pure: no clock, no lock, no wait; `advance_to` comes first in every
/// operation and makes everything happen that is due.
template <class Body>
class StandardEngine {
public:
    StandardEngine(const QueueOptions& options, std::uint64_t tag, std::uint64_t id_key, bool concurrent)
        : options_{options}, ledger_{tag, id_key, concurrent, options.message_retention_period},
          fair_queue_{ledger_, options.fair_queue} {}

    [[nodiscard]] Ledger<Body>& ledger() noexcept { return ledger_; }
    [[nodiscard]] const Ledger<Body>& ledger() const noexcept { return ledger_; }

    /// Installs what decides where the service may behave in several ways; null is exact delivery.
    void decide_by(ChoiceSource* source) noexcept { choices_.decide_by(source); }

    /// Stores messages without options, all or none. Returns: the place of the last one, or 0 if there is no room for
    /// them or one is refused.
    template <class Bodies>
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t send_plain(Bodies&& bodies, std::size_t count, Nanos now,
                                                                  const PlainRules& rules) {
        if (room() < count || options_.delay != Nanos::zero()) [[unlikely]] {
            return 0;
        }
        ledger_.prepare_sends(count);
        const std::uint64_t last = ledger_.send_plain(std::forward<Bodies>(bodies), now, rules);
        opened_ += last != 0 ? count : 0;
        return last;
    }

    // What short operations need (`FastPath`): they come only before `quiet_until`, and as long as nobody waits.

    /// Whether nothing decides, and no tenant was ever there.
    [[nodiscard]] bool is_ordinary() const noexcept { return choices_.are_made() && !fair_queue_.is_used(); }

    /// Sees to it that messages can be leased by `receive_soon`. Returns: how many. Errors: `std::bad_alloc`.
    [[nodiscard]] std::size_t prepare_leases() {
        const std::size_t maximum = options_.limits.maximum_in_flight;
        const Nanos timeout = options_.visibility_timeout;
        if (!order_.is_that_of_arrival() || timeout == Nanos::zero() || ledger_.in_flight() >= maximum ||
            options_.limits.maximum_number_of_messages < ReceiveMessageOptions{}.max_number_of_messages ||
            !ledger_.prepare_runs(timeout)) {
            return 0;
        }
        const std::size_t count = std::min(maximum - ledger_.in_flight(), prepared);
        order_.reserve(count);
        ledger_.reserve_leases(timeout, true, count);
        return count;
    }
    /// Sees to it that messages can be sent by `send_soon`: so many, or some more. Returns: how many. Errors:
    /// `std::bad_alloc`.
    [[nodiscard]] std::size_t prepare_sends(std::size_t count) {
        if (options_.delay != Nanos::zero()) {
            return 0;
        }
        const std::size_t most = std::min(room(), std::max(count, prepared));
        ledger_.prepare_sends(most);
        return most;
    }

    /// As `send_plain`.
    template <class Bodies>
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t send_soon(Bodies&& bodies, Nanos now, const PlainRules& rules) {
        return ledger_.send_plain(std::forward<Bodies>(bodies), now, rules);
    }
    /// As `receive_fresh`.
    template <class Take>
    [[gnu::always_inline]] std::size_t receive_soon(std::size_t count, Nanos now, Take& take) noexcept {
        ledger_.advance(now);
        if (count == 0) [[unlikely]] {
            return 0;
        }
        const std::size_t received = ledger_.lease_run(count, ledger_.now() + options_.visibility_timeout, take);
        ledger_.totals.number_of_messages_received += received;
        return received;
    }
    /// The same for one plain message. Returns whether that is the next one.
    template <class Take>
    [[gnu::always_inline]] bool receives_one_soon(Nanos now, Take& take) noexcept {
        ledger_.advance(now);
        const bool received = ledger_.leases_one(ledger_.now() + options_.visibility_timeout, take);
        ledger_.totals.number_of_messages_received += received ? 1 : 0;
        return received;
    }
    /// Erases a message in flight. Returns whether the handle is that of one.
    template <bool is_shared>
    [[gnu::always_inline]] [[nodiscard]] bool erase_soon(const ReceiptHandle& handle, Nanos now) noexcept {
        ledger_.advance(now);
        Record* const current = ledger_.handles().find_usual(handle);
        if (current == nullptr) [[unlikely]] {
            return false;
        }
        ledger_.template remove_in_flight<is_shared>(*current);
        ledger_.count_removed_in_flight(1);
        ++ledger_.totals.number_of_messages_deleted;
        return true;
    }
    /// The same for many, and what became of those that were not in flight: `result` is set to success for all.
    template <bool is_shared>
    [[gnu::always_inline]] void erase_soon(std::span<const ReceiptHandle> handles, Nanos now, HandleResult* result) {
        ledger_.advance(now);
        std::size_t count = 0;
        for (const ReceiptHandle& handle : handles) {
            Record* const current = ledger_.handles().find_usual(handle);
            if (current != nullptr) [[likely]] {
                ledger_.template remove_in_flight<is_shared>(*current);
                ++count;
            } else {
                *result = {erase(handle)};
            }
            ++result;
        }
        ledger_.count_removed_in_flight(count);
        ledger_.totals.number_of_messages_deleted += count;
    }

    /// Whether messages without options may be prepared elsewhere and taken in later: none is delayed, nothing else is
    /// given a place in the order, and nothing chooses among all that there are.
    [[nodiscard]] bool accepts_prepared() const noexcept {
        return choices_.are_made() && options_.delay == Nanos::zero() && !options_.back_of_queue_after_three_receives;
    }
    /// Takes in messages that were prepared elsewhere. Precondition: memory is reserved in the ledger.
    template <class Prepared>
    void take_in(std::span<const Prepared> messages, std::uint64_t last_ordinal, Nanos last_sent_at,
                 const SizeTotals& sizes) noexcept {
        const Commit commit{};
        ledger_.take_in(messages, last_ordinal, last_sent_at);
        ledger_.count_sent(sizes);
        opened_ += messages.size();
    }

    /// Lets happen what is due, a piece of it. Returns: whether that was all, without which nobody may look.
    [[gnu::always_inline]] [[nodiscard]] bool advance_to(Nanos now) noexcept {
        ledger_.advance(now);
        if (ledger_.is_quiet()) [[likely]] {
            return true;
        }
        return catch_up();
    }
    /// The same before so many messages are sent, to which what else is due makes no difference: leases, delays and
    /// retentions that have ended, and purged messages.
    [[nodiscard]] bool advance_to_send(Nanos now, std::size_t count) noexcept {
        return advance_to(now) || (room() >= count && !options_.back_of_queue_after_three_receives &&
                                   !fair_queue_.is_used() && choices_.are_made());
    }

    /// How many deliveries became possible since the last call: so many receives may be worth waking.
    [[nodiscard]] std::size_t take_opened() noexcept { return std::exchange(opened_, 0); }

    /// Up to how many receives could find something now.
    [[nodiscard]] std::size_t receivable() const noexcept {
        const bool is_any = ledger_.in_flight() < options_.limits.maximum_in_flight;
        // A choice source may have a message in flight delivered once more.
        return !is_any ? 0 : choices_.are_made() ? ledger_.visible() : ledger_.counts().total();
    }

    [[nodiscard]] Nanos next_event() noexcept { return ledger_.next_event(); }
    /// Nothing happens by itself before, and perhaps nothing then.
    [[nodiscard]] Nanos quiet_until() const noexcept { return ledger_.quiet_until(); }

    /// A standard queue serves any number of calls (R163).
    [[nodiscard]] static constexpr bool count_call(Call) noexcept { return true; }

    /// Stores a message (R46, R70, R129).
    template <class From>
    Record& send(From&& body, std::unique_ptr<const Extras> extras, std::string_view group_id,
                 const std::optional<Nanos>& delay) {
        const Nanos visible_at = saturating_add(ledger_.now(), delay.value_or(options_.delay));
        ledger_.reserve(1);
        if (visible_at > ledger_.now()) {
            ledger_.reserve_delay();
            order_.reserve(1);
        }
        Record& record =
            ledger_.store().store(std::forward<From>(body), std::move(extras), group_id, {}, !group_id.empty());
        Unadded<Body> unadded{ledger_.store(), record, given_body<Body>(body)};
        fair_queue_.expect(record);
        unadded.release();
        record.ordinal = ledger_.next_ordinal();
        record.sent_at = ledger_.send_time(ledger_.now());
        add(record, visible_at);
        return record;
    }

    // For a batch that does not come to its end.
    using BeforeBatch = typename Arrivals<Body>::End;
    [[nodiscard]] BeforeBatch before_batch() noexcept { return ledger_.arrivals().end(); }
    template <class Undo>
    void take_back(const BeforeBatch& before, Undo undo) noexcept {
        const Commit commit{};
        ledger_.take_back_since(before, [&](Record& record) {
            undo(record);
            remove(record);
        });
    }

    /// How many more messages the capacity allows.
    [[nodiscard]] std::size_t room() const noexcept { return ledger_.room(options_.capacity); }

    /// Forgets what is stale where that costs little.
    void tidy() noexcept {
        const Commit commit{};
        ledger_.tidy(order_.is_that_of_arrival());
        order_.sweep();
    }

    /// Stores a message that another queue moved here. A dead-letter move keeps its times (R174, R175).
    /// Errors: `std::bad_alloc`; nothing has changed then.
    void admit(MovedMessage& moved) {
        ledger_.reserve(1);
        ledger_.arrivals().reserve_late();
        Record& record = detail::admit(ledger_, moved, !moved.redriven, false);
        Unadded<Body> unadded{ledger_.store(), record, nullptr};
        fair_queue_.expect(record);
        unadded.release();
        if (record.sent_at < ledger_.now()) {
            ledger_.arrivals().add_late(record);
        }
        add(record, ledger_.now());
    }

    /// Leases visible messages in the order sent and hands each to `take(record)`; those received too often go to
    /// `dead(moved)` instead (R171). Errors: `std::bad_alloc` and those of a choice source; nothing has changed then.
    template <class Take, class Dead>
    Received receive(const ReceivePlan& plan, Take take, Dead dead) {
        Received result;
        if (ledger_.in_flight() >= options_.limits.maximum_in_flight) {
            result.over_limit = true;
            return result;
        }
        result.messages =
            choices_.are_made() ? receive_in_order<false>(plan, take, dead) : receive_in_order<true>(plan, take, dead);
        ledger_.totals.number_of_messages_received += result.messages;
        return result;
    }

    /// How many of so many messages a receive returns if all visible ones are there for the first time, nothing may
    /// change their order, and their timeout is not zero; 0 if that is not so.
    [[gnu::always_inline]] [[nodiscard]] std::size_t fresh(std::size_t maximum) const noexcept {
        if (!choices_.are_made() || !order_.is_that_of_arrival() || options_.visibility_timeout == Nanos::zero() ||
            ledger_.in_flight() >= options_.limits.maximum_in_flight) [[unlikely]] {
            return 0;
        }
        return std::min({maximum, ledger_.visible(), options_.limits.maximum_in_flight - ledger_.in_flight(),
                         static_cast<std::size_t>(options_.limits.maximum_number_of_messages)});
    }
    /// Leases so many of them for the default timeout, and hands each to `take(record)`, which throws nothing. Errors:
    /// `std::bad_alloc`, with none of them leased.
    template <class Take>
    [[gnu::always_inline]] std::size_t receive_fresh(std::size_t count, Take& take) {
        order_.reserve(count);
        ledger_.reserve_leases(options_.visibility_timeout, true, count);
        const Commit commit{};
        const std::size_t received = ledger_.lease_fresh(count, options_.visibility_timeout, take);
        ledger_.totals.number_of_messages_received += received;
        return received;
    }

    /// R107-R110. Errors: as below.
    [[gnu::always_inline]] HandleStatus erase(const ReceiptHandle& handle) {
        Record* const current = ledger_.handles().find_in_flight(handle);
        if (current == nullptr || !choices_.are_made()) [[unlikely]] {
            return erase_other(handle);
        }
        ++ledger_.totals.number_of_messages_deleted;
        remove(*current);
        return HandleStatus::ok;
    }

    /// The same for many, and what became of each. Errors: those of a choice source; nothing has changed then.
    void erase(std::span<const ReceiptHandle> handles, HandleResult* result) {
        if (!choices_.are_made()) [[unlikely]] {
            return erase_by_choice(handles, result);
        }
        for (const ReceiptHandle& handle : handles) {
            *result++ = {erase(handle)};
        }
    }

    /// The same if nobody asks what became of them.
    void erase(std::span<const ReceiptHandle> handles) {
        if (!choices_.are_made()) [[unlikely]] {
            return erase_by_choice(handles, nullptr);
        }
        for (const ReceiptHandle& handle : handles) {
            static_cast<void>(erase(handle));
        }
    }

    /// R117-R122.
    Changed change_visibility(const ReceiptHandle& handle, Nanos timeout) {
        auto [status, record] = ledger_.handles().find(handle);
        if (status == HandleStatus::invalid || status == HandleStatus::gone) {
            return {status};
        }
        if (record->state() != State::in_flight) {
            return {HandleStatus::expired};
        }
        if (saturating_add(saturating_subtract(ledger_.now(), record->received_at), timeout) >
            options_.limits.maximum_visibility_timeout) {
            return {HandleStatus::ok, true};
        }
        ledger_.reserve_leases(timeout, false, 1);
        const Commit commit{};
        ledger_.set_deadline(*record, timeout, false);
        fair_queue_.track(*record, State::in_flight, record->state());
        if (record->state() == State::visible) {
            give_back(returning(*record));
        }
        return {HandleStatus::ok};
    }

    /// Removes everything (R196): it leaves as what is due does.
    void purge() noexcept {
        ledger_.purge();
        order_.purge();
    }

    /// Takes the next visible message away, for a move task, if `accept(record)`, which throws nothing. Errors:
    /// `std::bad_alloc`; nothing has changed then.
    template <class Accept>
    [[nodiscard]] std::unique_ptr<MovedMessage> take_for_redrive(Accept accept) {
        auto moved = prepare_move(options_.name);
        order_.reserve(1);
        const Commit commit{};
        auto next = order_.take();
        while (next.duplicate) {
            next = order_.take();
        }
        if (next.record == nullptr) {
            return nullptr;
        }
        if (!accept(*next.record)) {
            order_.give_back(next.ready());
            return nullptr;
        }
        take_away(*next.record, true, *moved);
        return moved;
    }

    /// Not for what was sent already (R130).
    void set_delay(Nanos delay) noexcept { options_.delay = delay; }

    /// When a delay or a lease ends, or since when the message is visible.
    [[nodiscard]] static Nanos available_at(const Record& record) noexcept { return record.state_until(); }

    [[nodiscard]] QueueOptions& options() noexcept { return options_; }
    [[nodiscard]] const QueueOptions& options() const noexcept { return options_; }

    [[nodiscard]] QueueMetrics metrics() {
        // A message received three times or more is taken for poison, and the next oldest counts (R114).
        QueueMetrics metrics = metrics_of(ledger_, [](const Record& record) { return record.receives() < 3; });
        metrics.fair_queue = fair_queue_.metrics();
        return metrics;
    }

private:
    static constexpr std::size_t prepared = 64;  // so many at a time

    /// The general case: messages come back, in groups, or in an order that something decides. `asks`: there is a
    /// choice source, which may throw at any time. So nothing is given to `take` before all choices are made.
    template <bool asks, class Take, class Dead>
    std::size_t receive_in_order(const ReceivePlan& plan, Take& take, Dead& dead) {
        std::size_t count = 0;
        const std::uint32_t window = asks ? choices_.reorder_window() : 0;
        const std::size_t maximum = choices_.seen_by_poll(plan, [&] { return returnable(plan); });
        const std::size_t most = std::min(maximum, ledger_.counts().total());
        if constexpr (requires { take.reserve(most); }) {
            take.reserve(most);
        }
        ledger_.reserve_leases(plan.visibility_timeout, plan.default_timeout, most);
        again_.clear();  // what an earlier receive left that did not come to its end
        again_.reserve(2 * most);
        order_.reserve_taking(most + 1, window);  // and one that stays after all
        if constexpr (asks) {
            chosen_.reserve(most);
        }
        typename Chosen::Open open{chosen_};
        while (count < maximum && ledger_.in_flight() < options_.limits.maximum_in_flight) {
            const auto next = asks ? order_.take(choices_, window) : order_.take();
            if (next.record == nullptr) {
                break;
            }
            Record& record = *next.record;
            if (plan.max_receive_count > 0 && record.receives() >= static_cast<std::uint32_t>(plan.max_receive_count)) {
                if (!next.duplicate && !keep_dead_letter(next)) {
                    if (count == 0) {
                        raise_out_of_memory();
                    }
                    break;
                }
                continue;
            }
            if constexpr (asks) {
                lease_untimed(next, plan);
                if (!next.duplicate && record.state() == State::in_flight && choices_.is_doubled(record)) {
                    again_.push_back({record.ordinal, record.slot(), record.generation(), true});
                }
            } else {
                lease(record, plan);
                take(record);
            }
            ++count;
        }
        open.end();
        if constexpr (asks) {
            chosen_.commit_leases(plan.default_timeout, take);
        }
        if (chosen_.has_dead()) [[unlikely]] {
            chosen_.commit_dead([this](Record& record, MovedMessage& moved) { take_away(record, false, moved); }, dead);
        }
        if (!again_.empty()) {  // only now: one call never returns a message twice
            for (const Ready& ready : again_) {
                give_back(ready);
            }
            again_.clear();
        }
        return count;
    }

    /// Keeps a message that was received too often, to be moved. Returns whether there was memory; it is where it was
    /// if not.
    [[nodiscard]] bool keep_dead_letter(const typename DeliveryOrder<Body>::Next& next) noexcept {
        if (!obtained([&] { chosen_.keep_dead(next, options_.name); })) {
            order_.give_back(next.ready());
            return false;
        }
        return true;
    }

    /// How many visible messages a receive returns if it misses none. Linear in the stored messages if some may become
    /// dead letters instead.
    [[nodiscard]] std::size_t returnable(const ReceivePlan& plan) {
        std::size_t most = plan.maximum;
        if (plan.visibility_timeout != Nanos::zero()) {
            most = std::min(most, options_.limits.maximum_in_flight - ledger_.in_flight());
        }
        if (plan.max_receive_count == 0) {
            return std::min(most, ledger_.counts().visible);
        }
        std::size_t count = 0;
        ledger_.arrivals().for_each([&](const Record& record) {
            const bool lives = record.receives() < static_cast<std::uint32_t>(plan.max_receive_count);
            count += record.state() == State::visible && lives ? 1U : 0U;
            return count < most;
        });
        return std::min(most, count);
    }

    HandleStatus erase_other(const ReceiptHandle& handle) {
        auto [status, record] = ledger_.handles().find(handle);
        if (status == HandleStatus::invalid) {
            return status;
        }
        if (status == HandleStatus::superseded && choices_.stale_delete_works(*record)) {
            status = HandleStatus::ok;
        }
        const bool removes = status == HandleStatus::ok && !choices_.is_delete_lost(*record);
        ++ledger_.totals.number_of_messages_deleted;
        if (removes) {
            remove(*record);
        }
        return status;
    }

    // The marks of a batch of deletes, which go again unless it comes to its end.
    struct Marks {
        explicit Marks(std::size_t count) { records.reserve(count); }
        Marks(const Marks&) = delete;
        Marks& operator=(const Marks&) = delete;
        ~Marks() {
            for (const auto& [record, mark] : records) {
                record->unmark(mark);
            }
        }
        std::vector<std::pair<Record*, std::uint8_t>> records{};
    };

    /// Deletes many where a choice source decides: it is asked about all of them first.
    [[gnu::noinline]] void erase_by_choice(std::span<const ReceiptHandle> handles, HandleResult* result) {
        Marks marks{handles.size()};
        std::size_t counted = 0;
        for (const ReceiptHandle& handle : handles) {
            auto [status, record] = ledger_.handles().find(handle);
            if ((status == HandleStatus::ok || status == HandleStatus::superseded) && record->has(Record::leaving)) {
                status = HandleStatus::gone;  // by an earlier handle of this batch
            } else if (status == HandleStatus::superseded && choices_.stale_delete_works(*record)) {
                status = HandleStatus::ok;
            }
            if (status == HandleStatus::ok) {
                const std::uint8_t mark = choices_.is_delete_lost(*record) ? Record::survived_delete : Record::leaving;
                record->mark(mark);
                marks.records.emplace_back(record, mark);
            }
            counted += status != HandleStatus::invalid ? 1U : 0U;
            if (result != nullptr) {
                *result++ = {status};
            }
        }
        for (const auto& [record, mark] : std::exchange(marks.records, {})) {
            if (mark == Record::leaving) {
                record->unmark(mark);
                remove(*record);
            }
        }
        ledger_.totals.number_of_messages_deleted += counted;
    }

    [[gnu::noinline]] bool catch_up() noexcept {
        const Commit commit{};
        ledger_.stay_before_the_end();
        Piece piece;
        while (Record* const record = piece.is_done() ? nullptr : ledger_.next_purged()) {
            remove(*record);
            piece.count(1);
        }
        const bool is_tracked = fair_queue_.is_used();
        ledger_.end_default_leases(piece, [&](Record& record) {
            if (is_tracked) [[unlikely]] {
                fair_queue_.track(record, State::in_flight, State::visible);
            }
            give_back(returning(record));
        });
        while (Record* const record = piece.is_done() ? nullptr : ledger_.next_due()) {
            become_visible(*record);
            piece.count(1);
        }
        while (Record* const record = piece.is_done() ? nullptr : ledger_.next_past_retention()) {
            remove(*record);
            piece.count(1);
        }
        if (piece.is_done()) [[unlikely]] {
            return false;
        }
        ledger_.settle();
        return true;
    }

    /// Precondition: memory is reserved.
    void add(Record& record, Nanos visible_at) noexcept {
        const Commit commit{};
        ledger_.add(record, visible_at);
        if (record.state() == State::delayed) {
            ledger_.schedule_delay(record);
        } else {
            ++opened_;
        }
        fair_queue_.enter(record);
    }

    void become_visible(Record& record) noexcept {
        const State before = record.state();
        ledger_.set_state(record, State::visible);
        fair_queue_.track(record, before, record.state());
        give_back(returning(record));
    }

    /// The place of a message that is visible again: that of its send, or as an option the last (R114).
    [[nodiscard]] Ready returning(const Record& record) noexcept {
        Ready entry = order_.entry(record);
        if (options_.back_of_queue_after_three_receives && record.receives() >= 3) {
            entry.order = ledger_.next_ordinal();
        }
        return entry;
    }

    void give_back(const Ready& entry) noexcept {
        const Commit commit{};
        order_.give_back(entry);
        ++opened_;
    }

    void lease(Record& record, const ReceivePlan& plan) noexcept {
        const Commit commit{};
        const State before = record.state();
        if (before == State::in_flight) {
            fair_queue_.note_second_lease(record);
        }
        ledger_.lease(record, plan.visibility_timeout, plan.default_timeout);
        note_lease(record, before);
    }
    void lease_untimed(const typename DeliveryOrder<Body>::Next& next, const ReceivePlan& plan) noexcept {
        Record& record = *next.record;
        const State before = record.state();
        chosen_.lease(next, plan.visibility_timeout, [&] {
            if (before == State::in_flight) {
                fair_queue_.note_second_lease(record);
            }
        });
        note_lease(record, before);
    }
    void note_lease(Record& record, State before) noexcept {
        fair_queue_.track(record, before, record.state());
        if (record.state() == State::visible) {
            again_.push_back(returning(record));
        }
    }

    [[gnu::always_inline]] void remove(Record& record) noexcept {
        const Commit commit{};
        if (record.state() == State::in_flight && ledger_.in_flight() >= options_.limits.maximum_in_flight) {
            ++opened_;  // a receive may wait for the limit
        }
        fair_queue_.track(record, record.state(), State::free);
        ledger_.remove(record);
    }

    void take_away(Record& record, bool redriven, MovedMessage& moved) noexcept {
        const Commit commit{};
        fair_queue_.track(record, record.state(), State::free);
        detail::take_away(ledger_, record, redriven, moved);
    }

    QueueOptions options_;
    Ledger<Body> ledger_;
    Choices choices_{};
    FairQueue<Body> fair_queue_;
    DeliveryOrder<Body> order_{ledger_, fair_queue_.tenants()};
    using Chosen = ChosenReceive<DeliveryOrder<Body>, Body>;
    Chosen chosen_{ledger_, fair_queue_, order_};
    std::vector<Ready> again_{};  // visible again within one receive
    std::size_t opened_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
