// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/ring.hpp"
#include "sqsim/detail/timer_wheel.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

namespace sqsim::inline SQSIM_ABI::detail {

/// The pending deadlines of a queue, delivered in (deadline, sequence) order.
///
/// Leases of the default timeout end in the order they began. They are a list of places, cut into *runs* of up to 64
/// that have one deadline and successive sequence numbers. All others go to the wheel.
/// Nothing is ever cancelled: whoever takes an entry checks that it is still meant, and `sweep` throws away what is
/// not once that is most of it.
class Timers {
public:
    /// Sees to it that so many `schedule` in a row with this deadline throw nothing, or so much between `begin` and
    /// `finish`. Errors: `std::bad_alloc`; nothing has changed then.
    [[gnu::always_inline]] void reserve(Nanos deadline, bool is_default, std::size_t count) {
        if (is_default && may_rise_to(deadline)) [[likely]] {
            places_.reserve(count);
            runs_.reserve(count / longest + 2);
        } else {
            reserve_others(count);
        }
    }

    /// Adds a deadline, for which memory is reserved. `is_default`: it is later than all others so marked, unless the
    /// default was changed meanwhile. Returns: the timer's sequence number.
    [[gnu::always_inline]] std::uint64_t schedule(Nanos deadline, Place place, bool is_default) noexcept {
        const std::uint64_t sequence = ++sequence_;
        if (deadline == never) {
            room_ = 0;
            return sequence;
        }
        if (is_default && may_rise_to(deadline)) [[likely]] {
            places_.push_back(place);
            add_to_run(deadline, sequence, 1);
        } else {
            room_ = 0;
            push_other({deadline, sequence, place.slot(), place.generation()});
        }
        return sequence;
    }

    /// Whether deadlines so marked may be `append`ed.
    [[nodiscard]] bool may_rise_to(Nanos deadline) const noexcept { return last_deadline_ <= deadline; }
    /// Begins to add some default deadlines in a row, not `never`. Returns: where their places go, at most `count` of
    /// them; `finish` follows. Precondition: `may_rise_to`, and memory is reserved.
    [[gnu::always_inline]] [[nodiscard]] std::span<Place> begin(Nanos deadline, std::size_t count) noexcept {
        const std::span<Place> ahead = places_.ahead();
        return ahead.first(std::min({count, ahead.size(), std::size_t{goes_on(deadline) ? room_ : longest}}));
    }
    [[gnu::always_inline]] void finish(Nanos deadline, std::size_t count) noexcept {
        if (count != 0) {
            places_.count_written(count);
            add_to_run(deadline, sequence_ + 1, count);
            sequence_ += count;
        }
    }

    /// Adds one such deadline. Precondition: as for `begin`.
    [[gnu::always_inline]] void append(Nanos deadline, Place place) noexcept {
        places_.push_back(place);
        ++sequence_;
        if (!goes_on(deadline)) [[unlikely]] {
            begin_run(deadline, sequence_);
        }
        runs_.back().present |= std::uint64_t{1} << (longest - room_);
        --room_;
    }

    /// The next entry, stale or not; null if there is none. Valid until the next call.
    [[nodiscard]] const Timer* peek() noexcept {
        const Timer* const other = wheel_.size() == 0 ? nullptr : wheel_.peek();
        if (runs_.empty()) {
            from_wheel_ = true;
            return other;
        }
        front_ = front_of(runs_.front(), places_.front());
        from_wheel_ = other != nullptr && *other < front_;
        return from_wheel_ ? other : &front_;
    }

    /// Removes the entry that `peek` has just returned.
    void pop() noexcept {
        if (from_wheel_) {
            wheel_.pop();
        } else {
            pop_place();
        }
    }

    /// Removes the default deadlines that are due, up to the first that another one comes before, or whole runs until
    /// they are as many as the piece has left. Calls `visit(place, deadline)` for each, which throws nothing.
    template <class Visit>
    void end_run(Nanos now, Piece& piece, Visit visit) noexcept {
        while (!piece.is_done() && !runs_.empty() && runs_.front().deadline <= now) {
            const Nanos deadline = runs_.front().deadline;
            const Timer* const other = wheel_.size() == 0 ? nullptr : wheel_.peek();
            if (other != nullptr && other->deadline <= deadline) {
                return;
            }
            piece.count(static_cast<std::size_t>(std::popcount(runs_.front().present)));
            for (int rest = std::popcount(runs_.front().present); rest != 0; --rest) {
                const Place place = places_.front();
                pop_place();
                visit(place, deadline);
            }
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return places_.size() + wheel_.size(); }

    /// Removes entries that are no longer meant. The `live` ones are the others: as long as there are more entries
    /// than these, those at the front, where those of messages that are deleted in order are; and all once they
    /// may be most of all.
    template <class IsMeant>
    void sweep(std::size_t live, IsMeant is_meant) noexcept {
        if (size() <= live) {
            return;
        }
        while (!runs_.empty() && !is_meant(front_of(runs_.front(), places_.front()))) {
            pop_place();
        }
        if (size() > 2 * live + 64) [[unlikely]] {
            compact(is_meant);
            wheel_.remove_unless(is_meant);
        }
    }

    /// Removes all entries, but keeps memory for the next ones.
    void drop_all() noexcept {
        places_.clear();
        runs_.clear();
        close_run();
        if (wheel_.size() != 0) {
            wheel_.remove_unless([](const Timer&) { return false; });
        }
    }

private:
    /// Places beside each other. What was removed from their middle leaves a gap in the sequence numbers.
    struct Run {
        Nanos deadline;
        std::uint64_t sequence;  // of the first place that there ever was
        std::uint64_t present;   // which of the places are still there, as bits
    };
    static constexpr std::uint32_t longest = 64;

    [[gnu::noinline]] void reserve_others(std::size_t count) { wheel_.reserve(count); }
    [[gnu::noinline]] void push_other(const Timer& timer) noexcept { wheel_.add(timer); }

    /// Whether the last run goes on with this deadline.
    [[gnu::always_inline]] [[nodiscard]] bool goes_on(Nanos deadline) const noexcept {
        return room_ != 0 && last_deadline_ == deadline;
    }
    [[gnu::noinline]] void begin_run(Nanos deadline, std::uint64_t sequence) noexcept {
        runs_.push_back({deadline, sequence, 0});
        last_deadline_ = deadline;
        room_ = longest;
    }
    /// The last places are these. Precondition: a run has room for them.
    [[gnu::always_inline]] void add_to_run(Nanos deadline, std::uint64_t sequence, std::size_t count) noexcept {
        if (!goes_on(deadline)) {
            begin_run(deadline, sequence);
        }
        runs_.back().present |= (~std::uint64_t{0} >> (longest - count)) << (longest - room_);
        room_ -= static_cast<std::uint32_t>(count);
    }
    /// The last run does not go on.
    void close_run() noexcept {
        last_deadline_ = runs_.empty() ? Nanos::min() : runs_.back().deadline;
        room_ = 0;
    }

    [[nodiscard]] static Timer front_of(const Run& run, Place place) noexcept {
        return {run.deadline, run.sequence + static_cast<unsigned>(std::countr_zero(run.present)), place.slot(),
                place.generation()};
    }

    void pop_place() noexcept {
        places_.pop_front();
        Run& run = runs_.front();
        run.present &= run.present - 1;
        if (run.present == 0) {
            runs_.pop_front();
            if (runs_.empty()) {
                close_run();
            }
        }
    }

    /// Removes what is no longer meant from the list.
    template <class IsMeant>
    void compact(const IsMeant& is_meant) {
        std::uint64_t run = runs_.begin_position();
        std::uint64_t rest = runs_.empty() ? 0 : runs_[run].present;
        places_.compact([&](Place place) {
            while (rest == 0) {
                rest = runs_[++run].present;
            }
            const auto offset = static_cast<unsigned>(std::countr_zero(rest));
            rest &= rest - 1;
            if (is_meant(Timer{runs_[run].deadline, runs_[run].sequence + offset, place.slot(), place.generation()})) {
                return true;
            }
            runs_[run].present &= ~(std::uint64_t{1} << offset);
            return false;
        });
        runs_.compact([](const Run& each) { return each.present != 0; });
        close_run();
    }

    Ring<Place> places_{};  // of the runs, one after the other
    Ring<Run> runs_{};
    Nanos last_deadline_ = Nanos::min();  // of the last run
    std::uint32_t room_ = 0;              // so many more places may follow in it
    TimerWheel wheel_{};
    std::uint64_t sequence_ = 0;
    Timer front_{};  // of the list, as `peek` found it
    bool from_wheel_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
