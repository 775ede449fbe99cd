// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/timers.hpp"

#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// When the delays and leases of a queue's messages end.
///
/// A delay or lease that is over early, or that was changed, stays as a stale timer until it would have ended or is
/// swept away.
template <class Body>
class LeaseTimers {
    using Layout = PayloadOf<Body>;

public:
    explicit LeaseTimers(const MessageStore<Body>& store) noexcept : store_{store} {}

    /// As `Timers::reserve`.
    [[gnu::always_inline]] void reserve(Nanos deadline, bool is_default, std::size_t count) {
        timers_.reserve(deadline, is_default, count);
    }

    /// Adds the record's deadline, for which memory is reserved. `is_default`: as for `Timers`.
    [[gnu::always_inline]] void schedule(Record& record, bool is_default) noexcept {
        const std::uint64_t sequence = timers_.schedule(record.deadline, record.place, is_default);
        if ((record.layout & layout_linked) != 0) {
            Layout::link(record).timer = static_cast<std::uint32_t>(sequence);
        }
    }
    /// Whether ungrouped leases with this deadline, of the default timeout, may be added as `Timers::begin` says.
    [[nodiscard]] bool may_rise_to(Nanos deadline) const noexcept {
        return deadline != never && timers_.may_rise_to(deadline);
    }
    [[gnu::always_inline]] [[nodiscard]] Timers& list() noexcept { return timers_; }

    /// The next delay or lease that ends; null if there is none.
    [[nodiscard]] const Timer* peek() noexcept {
        const Timer* timer = timers_.peek();
        while (timer != nullptr && !is_meant(*timer)) {
            timers_.pop();
            timer = timers_.peek();
        }
        return timer;
    }

    /// Removes what `peek` has just returned.
    void pop() noexcept { timers_.pop(); }

    /// Removes the timers that `Timers::end_run` says, and calls `visit(record)` for the messages whose leases end with
    /// them; none of these is in a group.
    template <class Visit>
    void end_run(Nanos now, Piece& piece, Visit visit) noexcept {
        timers_.end_run(now, piece, [&](Place place, Nanos deadline) {
            Record& record = store_[place.slot()];
            if (record.place == place && record.deadline == deadline && record.state() == State::in_flight) {
                visit(record);
            }
        });
    }

    /// Forgets all timers.
    void clear() noexcept { timers_.drop_all(); }

    /// Forgets stale timers where they may be most of all; `lasting` delays and leases are not stale.
    void sweep(std::size_t lasting) noexcept {
        if (lasting == 0) {
            timers_.drop_all();
        } else {
            timers_.sweep(lasting, [this](const Timer& timer) { return is_meant(timer); });
        }
    }

private:
    /// Whether a timer is that of a delay or lease that lasts. In groups also which of several with one deadline, for
    /// their order is that of the groups: a deadline may be changed and changed back.
    [[gnu::always_inline]] [[nodiscard]] bool is_meant(const Timer& timer) const noexcept {
        Record& record = store_[timer.slot];
        return record.place == Place{timer.slot, timer.generation} && record.deadline == timer.deadline &&
               (record.state() == State::in_flight || record.state() == State::delayed) &&
               ((record.layout & layout_linked) == 0 ||
                Layout::link(record).timer == static_cast<std::uint32_t>(timer.sequence));
    }

    const MessageStore<Body>& store_;
    Timers timers_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
