// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/group_table.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/ready_list.hpp"
#include "sqsim/detail/ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The message groups of a FIFO queue: each a chain of its stored messages in the order sent.
///
/// A message can be delivered when every earlier one of its group is gone or delivered with it (R138). So a group is
/// available exactly when its first message, the head, is visible; available groups wait in the order in which their
/// heads became visible (R144).
template <class Body>
class FifoGroups {
    using Layout = PayloadOf<Body>;
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    struct Group {
        std::uint32_t head = none;
        std::uint32_t tail = none;
        std::uint32_t in_flight = 0;
    };

public:
    /// `window`: how many stored messages are looked at for available groups (R104).
    FifoGroups(Ledger<Body>& ledger, std::size_t window) noexcept : ledger_{ledger}, window_{window} {}

    /// Asks for the memory that `append` will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& group_id) const noexcept { groups_.prefetch(group_id); }
    /// Whether that is worth its time.
    [[nodiscard]] bool are_many() const noexcept { return groups_.is_large(); }

    /// Adds a message at the end of its group, visible now or delayed until `visible_at`. If memory fails, at most an
    /// entry is left that is stale as soon as the record has another generation.
    [[gnu::always_inline]] void append(Record& record, const Fingerprint& group_id, Nanos visible_at) {
        const bool is_visible = visible_at <= ledger_.now();
        const std::uint32_t number = groups_.find_or_create(group_id);
        NewGroup unused{groups_, number};
        Group& group = groups_[number];
        const bool is_alone = group.tail == none;
        if (groups_.size() > prepared_) [[unlikely]] {
            prepare();
        }
        if (horizon_ == boundless && ledger_.counts().total() >= window_) [[unlikely]] {
            beyond_.keep_capacity(room_for(prepared_));
        }
        if (is_alone && is_visible) [[likely]] {
            const Ready ready{visible_sequence_ + 1, record.slot(), record.generation(), false};
            make_room(available_);
            if (overdue_.empty()) [[likely]] {
                available_.push(ready);
            } else {
                available_.push_aside(ready);
            }
            ++opened_;
        }
        ledger_.add(record, visible_at);
        const Commit commit{};
        unused.groups = nullptr;
        visible_sequence_ += is_visible ? 1U : 0U;
        GroupLink& link = Layout::link(record);
        link.group = number;
        link.previous = group.tail;
        link.next = none;
        link.visible_sequence = visible_sequence_;
        (is_alone ? group.head : Layout::link(ledger_.store()[group.tail]).next) = record.slot();
        group.tail = record.slot();
        if (horizon_ == boundless && ledger_.counts().total() > window_) [[unlikely]] {
            horizon_ = record.ordinal - 1;
            within_horizon_ = ledger_.counts().total() - 1;
        }
    }

    /// A group whose messages one receive takes.
    class Taken {
    public:
        Taken(FifoGroups& groups, std::uint32_t number) noexcept : groups_{groups}, group_{groups.groups_[number]} {}

        /// A visible message of the group was leased: it is in flight, or with a timeout of zero visible again.
        /// Precondition: the group has lost no message since it was taken, or has messages still.
        [[gnu::always_inline]] void note_lease(const Record& record, GroupLink& link) noexcept {
            if (record.state() == State::in_flight) [[likely]] {
                groups_.in_flight_ += ++group_.in_flight == 1 ? 1U : 0U;
            } else {
                link.visible_sequence = ++groups_.visible_sequence_;
            }
        }

    private:
        FifoGroups& groups_;
        Group& group_;
    };

    /// A client's change of a message's state.
    template <class Change>
    void change_state(Record& record, Change change) noexcept {
        change_state(record, change, visible_sequence_);
    }

    /// A message's delay or lease has ended, at this instant.
    void become_visible(Record& record, Nanos instant) noexcept {
        while (!overdue_.empty() && overdue_.front().until < instant) {
            overdue_.pop_front();
        }
        change_state(
            record, [&] { ledger_.set_state(record, State::visible); },
            overdue_.empty() ? visible_sequence_ : overdue_.front().last_sequence);
        open_if_head(record);
    }

    /// Sees to it that messages that are sent now come after those whose delay or lease has ended but that are not
    /// visible yet. Returns: false if there is no memory for that.
    [[nodiscard]] bool send_before_all_are_visible() noexcept {
        if (overdue_.empty() || overdue_.back().until != ledger_.now()) {
            if (!obtained([&] { overdue_.push_back({ledger_.now(), visible_sequence_}); })) {
                return false;
            }
            visible_sequence_ += ledger_.timed();
        }
        return true;
    }
    /// All that should be visible are.
    void note_all_visible() noexcept { overdue_.clear(); }

    /// Takes a message that leaves the queue out of its group, which may thereby become available.
    [[gnu::always_inline]] void leave(Record& record) noexcept {
        const GroupLink& link = Layout::link(record);
        const std::uint32_t number = link.group;
        Group& group = groups_[number];
        if (record.state() == State::in_flight) [[likely]] {
            in_flight_ -= --group.in_flight == 0 ? 1U : 0U;
        }
        if (horizon_ != boundless && within_horizon(record)) [[unlikely]] {
            --within_horizon_;
            opened_ += beyond_.empty() ? 0U : 1U;  // a group may come within the horizon
        }
        const std::uint32_t previous = link.previous;
        const std::uint32_t next = link.next;
        if ((previous & next) == none) {
            groups_.erase(number);
            return;
        }
        (previous == none ? group.head : Layout::link(ledger_.store()[previous]).next) = next;
        (next == none ? group.tail : Layout::link(ledger_.store()[next]).previous) = previous;
        if (previous == none) {
            open_if_head(ledger_.store()[next]);
        }
    }

    /// Takes the next available group out of the order, and returns its head, from which on its messages are
    /// delivered; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] Record* take() noexcept {
        if (horizon_ != boundless) [[unlikely]] {
            widen_horizon();
        }
        while (const Ready* first = available_.peek()) {
            Record& record = ledger_.store()[first->slot];
            const bool meant = is_meant(*first, record);
            available_.pop();
            if (!meant) [[unlikely]] {
                continue;
            }
            if (within_horizon(record)) [[likely]] {
                return &record;
            }
            push(beyond_, {record.ordinal, record.slot(), record.generation(), false});
        }
        return nullptr;
    }

    /// The message at a place in a group; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] Record* at(std::uint32_t slot) const noexcept {
        return slot == none ? nullptr : &ledger_.store()[slot];
    }
    /// Sees to it that so many more groups can be named. Errors: `std::bad_alloc`.
    void reserve_reopening(std::size_t count) {
        if (reopen_.capacity() - reopen_.size() < count) [[unlikely]] {
            reopen_.reserve(2 * reopen_.size() + count);
        }
    }
    /// Puts the groups back that were taken and named, those that still exist and are available.
    void reopen_later(std::uint32_t group) noexcept {
        if (reopen_.empty() || reopen_.back() != group) {
            reopen_.push_back(group);
        }
    }
    void reopen() noexcept {
        for (const std::uint32_t group : reopen_) {
            if (groups_.contains(group)) {
                open_if_head(ledger_.store()[groups_[group].head]);
            }
        }
        reopen_.clear();
    }

    [[gnu::always_inline]] void open_if_head(Record& record) noexcept {
        if (is_available_head(record)) {
            push(available_, {Layout::link(record).visible_sequence, record.slot(), record.generation(), false});
            ++opened_;
        }
    }

    /// Whether a group can be delivered from this message on.
    [[nodiscard]] static bool is_available_head(Record& record) noexcept {
        return record.state() == State::visible && Layout::link(record).previous == none;
    }

    /// The available head that came first; null if there is none. Linear in the messages before it.
    [[nodiscard]] Record* oldest_available() const {
        Record* oldest = nullptr;
        ledger_.arrivals().for_each([&](Record& record) {
            oldest = is_available_head(record) ? &record : nullptr;
            return oldest == nullptr;
        });
        return oldest;
    }

    /// Something else than a group's head lets a receive find more.
    void note_opening() noexcept { ++opened_; }

    [[nodiscard]] bool within_horizon(const Record& record) const noexcept { return record.ordinal <= horizon_; }

    /// Forgets stale entries: up to so many that are first in the order, and all if they may be most. Gives back the
    /// room that so many groups no longer need.
    void sweep(std::size_t piece) noexcept {
        if (prepared_ > 4 * groups_.size() + 64) {
            prepared_ = std::max(2 * groups_.size(), prepared_ - std::min(prepared_, piece));
            available_.limit_room(room_for(prepared_));
            beyond_.limit_room(room_for(prepared_));
        }
        for (ReadyList* const list : {&available_, &beyond_}) {
            for (std::size_t i = 0; i != piece && !list->empty(); ++i) {
                const Ready& first = *list->peek();
                if (is_meant(first, ledger_.store()[first.slot])) {
                    break;
                }
                list->pop();
            }
        }
        const std::size_t bound = 2 * ledger_.counts().total() + 64;
        if (available_.size() > bound || beyond_.size() > bound) [[unlikely]] {
            drop_stale(available_);
            drop_stale(beyond_);
        }
    }

    /// How many groups became available since the last call.
    [[nodiscard]] std::size_t take_opened() noexcept { return std::exchange(opened_, 0); }

    /// How many groups are available, or more.
    [[nodiscard]] std::size_t available() const noexcept { return available_.size() + beyond_.size(); }

    /// How many groups have messages in flight.
    [[nodiscard]] std::size_t in_flight() const noexcept { return in_flight_; }

private:
    // A group that may be new, until it has a message.
    struct NewGroup {
        NewGroup(GroupTable<Group>& groups_, std::uint32_t number_) noexcept : groups{&groups_}, number{number_} {}
        NewGroup(const NewGroup&) = delete;
        NewGroup& operator=(const NewGroup&) = delete;
        ~NewGroup() {
            if (groups != nullptr && (*groups)[number].tail == none) {
                groups->erase(number);
            }
        }
        GroupTable<Group>* groups;
        std::uint32_t number;
    };

    // A send came while messages were due that were not visible yet: in the order, those until that instant have the
    // numbers behind this one.
    struct Overdue {
        Nanos until;
        std::uint64_t last_sequence;
    };

    static constexpr std::uint64_t boundless = ~std::uint64_t{0};

    template <class Change>
    void change_state(Record& record, Change change, std::uint64_t& last_sequence) noexcept {
        Group& group = groups_[Layout::link(record).group];
        const bool was_in_flight = record.state() == State::in_flight;
        change();
        const bool is_in_flight = record.state() == State::in_flight;
        if (is_in_flight && !was_in_flight) {
            in_flight_ += ++group.in_flight == 1 ? 1U : 0U;
        } else if (was_in_flight && !is_in_flight) {
            in_flight_ -= --group.in_flight == 0 ? 1U : 0U;
        }
        if (record.state() == State::visible) {
            Layout::link(record).visible_sequence = ++last_sequence;
        }
    }

    [[nodiscard]] static bool is_meant(const Ready& entry, Record& record) noexcept {
        return record.generation() == entry.generation && is_available_head(record);
    }

    // Both lists have room for an entry of each group, so that a group can become available without an error: when a
    // list is full, it is so of stale entries.
    [[nodiscard]] static std::size_t room_for(std::size_t groups) noexcept { return groups + groups / 2 + 64; }
    [[gnu::noinline]] void prepare() {
        const std::size_t groups = groups_.size() + std::min(groups_.size() / 2, Piece::most);
        available_.keep_capacity(room_for(groups));
        if (horizon_ != boundless) {
            beyond_.keep_capacity(room_for(groups));
        }
        prepared_ = groups;
    }
    [[gnu::always_inline]] void push(ReadyList& list, const Ready& entry) noexcept {
        make_room(list);
        list.push(entry);
    }
    [[gnu::always_inline]] void make_room(ReadyList& list) noexcept {
        if (list.room() == 0) [[unlikely]] {
            drop_stale(list);
        }
    }
    [[gnu::noinline]] void drop_stale(ReadyList& list) noexcept {
        list.remove_unless([this](const Ready& entry) { return is_meant(entry, ledger_.store()[entry.slot]); });
    }

    /// Widens the part of the backlog that is looked at, up to the window, and finds the groups that begin there. Once
    /// the backlog is small again, it is looked at as a whole.
    void widen_horizon() noexcept {
        if (ledger_.counts().total() <= window_ / 2) {
            horizon_ = boundless;
        }
        while (horizon_ != boundless && within_horizon_ < window_) {
            const Record* record = ledger_.arrivals().next_stored();
            if (record == nullptr) {
                break;
            }
            if (record->ordinal > horizon_) {
                horizon_ = record->ordinal;
                ++within_horizon_;
            }
        }
        while (const Ready* first = beyond_.peek()) {
            Record& record = ledger_.store()[first->slot];
            if (is_meant(*first, record)) {
                if (!within_horizon(record)) {
                    break;
                }
                open_if_head(record);
            }
            beyond_.pop();
        }
    }

    Ledger<Body>& ledger_;
    GroupTable<Group> groups_{};
    ReadyList available_{};                // heads of available groups, by when they became visible
    ReadyList beyond_{};                   // the same beyond the horizon, by ordinal
    std::vector<std::uint32_t> reopen_{};  // groups that one receive took
    std::uint64_t visible_sequence_ = 0;
    Ring<Overdue> overdue_{};  // by instant; empty but while much is due at once
    std::size_t window_;
    std::uint64_t horizon_ = boundless;  // the ordinal of the last message looked at; none while all fit the window
    std::size_t within_horizon_ = 0;     // stored messages up to there, if there is one
    std::size_t in_flight_ = 0;
    std::size_t opened_ = 0;
    std::size_t prepared_ = 0;  // the lists have room for so many groups
};

}  // namespace sqsim::inline SQSIM_ABI::detail
