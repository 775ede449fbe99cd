// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/ring.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A visible message by its place in the queue, as of one generation of its slot.
struct Ready {
    std::uint64_t order;
    std::uint32_t slot;
    std::uint32_t generation;
    bool duplicate;  // a second delivery of a lease that lasts
};

/// Visible messages in the order of the queue. Those that come in order, which is the rule, are a list; the others a
/// heap. Like all references to messages an entry may be stale: whoever takes it checks.
template <class = void>
class BasicReadyList {
public:
    [[gnu::always_inline]] void push(const Ready& ready) {
        if (rising_.empty() || rising_.back().order < ready.order) [[likely]] {
            rising_.push_back({ready.order, ready.slot, ready.generation, ready.duplicate});
        } else {
            push_late(ready);
        }
    }

    /// The first entry; null if there is none.
    [[nodiscard]] const Ready* peek() const noexcept {
        if (heap_.empty()) {
            return rising_.empty() ? nullptr : &rising_.front();
        }
        return rising_.empty() || heap_.front().order < rising_.front().order ? &heap_.front() : &rising_.front();
    }

    /// Removes the entry that `peek` returned.
    [[gnu::always_inline]] void pop() noexcept {
        if (heap_.empty() || peek() != &heap_.front()) [[likely]] {
            rising_.pop_front();
        } else {
            pop_late();
        }
    }

    [[nodiscard]] bool empty() const noexcept { return heap_.empty() && rising_.empty(); }
    [[nodiscard]] std::size_t size() const noexcept { return heap_.size() + rising_.size(); }

    template <class Keep>
    void remove_unless(Keep keep) {
        rising_.compact(keep);
        std::erase_if(heap_, [&](const Ready& ready) { return !keep(ready); });
        std::make_heap(heap_.begin(), heap_.end(), Later{});
    }

    void clear() noexcept {
        rising_.clear();
        heap_.clear();
    }

private:
    struct Later {  // a type: a pointer to a function is not inlined
        [[nodiscard]] bool operator()(const Ready& a, const Ready& b) const noexcept { return a.order > b.order; }
    };

    void push_late(Ready ready) {
        heap_.push_back(ready);
        std::push_heap(heap_.begin(), heap_.end(), Later{});
    }
    void pop_late() noexcept {
        std::pop_heap(heap_.begin(), heap_.end(), Later{});
        heap_.pop_back();
    }

    Ring<Ready> rising_{};
    std::vector<Ready> heap_{};
};

/// Compiled where it is used, and not wherever it is included.
using ReadyList = BasicReadyList<>;

}  // namespace sqsim::inline SQSIM_ABI::detail
