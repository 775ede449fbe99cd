// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ring.hpp"
#include "sqsim/detail/timer_wheel.hpp"

#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The pending deadlines of a queue, delivered in (deadline, sequence) order.
///
/// Leases of the default timeout end in the order they began and are a list; all others go to the wheel.
/// Nothing is ever cancelled: whoever takes an entry checks that it is still meant, and `sweep` throws away what is
/// not once that is most of it.
class Timers {
public:
    /// Adds a deadline. `is_default`: it is later than all others so marked, unless the default was changed meanwhile.
    /// Returns: the timer's sequence number.
    [[gnu::always_inline]] std::uint64_t schedule(Nanos deadline, std::uint32_t slot, std::uint32_t generation,
                                                  bool is_default) {
        const std::uint64_t sequence = ++sequence_;
        if (deadline == never) {
            return sequence;
        }
        if (is_default && (rising_.empty() || rising_.back().deadline <= deadline)) [[likely]] {
            rising_.push_back({deadline, sequence, slot, generation});
        } else {
            push_other({deadline, sequence, slot, generation});
        }
        return sequence;
    }

    /// The next entry, stale or not; null if there is none.
    [[nodiscard]] const Timer* peek() {
        const Timer* const other = wheel_.size() == 0 ? nullptr : wheel_.peek();
        from_wheel_ = other != nullptr && (rising_.empty() || *other < rising_.front());
        return from_wheel_ ? other : rising_.empty() ? nullptr : &rising_.front();
    }

    /// Removes the entry that `peek` has just returned.
    void pop() noexcept {
        if (from_wheel_) {
            wheel_.pop();
        } else {
            rising_.pop_front();
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return rising_.size() + wheel_.size(); }

    /// Removes entries that are no longer meant. The `live` ones are the others: as long as there are more entries
    /// than these, those at the front, where those of messages that are deleted in order are; and all once they
    /// may be most of all.
    template <class IsMeant>
    void sweep(std::size_t live, IsMeant is_meant) {
        if (size() <= live) {
            return;
        }
        while (!rising_.empty() && !is_meant(rising_.front())) {
            rising_.pop_front();
        }
        if (size() > 2 * live + 64) [[unlikely]] {
            rising_.compact(is_meant);
            wheel_.remove_unless(is_meant);
        }
    }

    /// Removes all entries, but keeps memory for the next ones.
    void drop_all() {
        rising_.clear();
        if (wheel_.size() != 0) {
            wheel_.remove_unless([](const Timer&) { return false; });
        }
    }

private:
    [[gnu::noinline]] void push_other(const Timer& timer) { wheel_.push(timer); }

    Ring<Timer> rising_{};
    TimerWheel wheel_{};
    std::uint64_t sequence_ = 0;
    bool from_wheel_ = false;  // where what was peeked at is
};

}  // namespace sqsim::inline SQSIM_ABI::detail
