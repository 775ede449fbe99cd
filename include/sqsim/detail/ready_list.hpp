// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/obtain.hpp"
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
    /// Room that entries leave which are removed can be used again by so many at a time.
    static constexpr std::size_t chunk = Ring<Ready>::chunk_size;

    /// Sees to it that so many `push` throw nothing, whatever is removed meanwhile, until the next call of this.
    /// Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void keep_room(std::size_t count) { rising_.keep_room(count); }
    /// The same for so many entries in all, those that are stored included.
    void keep_capacity(std::size_t count) { rising_.keep_capacity(count); }
    /// Lets go of the room beyond this that is not needed otherwise.
    void limit_room(std::size_t count) noexcept { rising_.limit_room(count); }
    /// How many `push` throw nothing.
    [[nodiscard]] std::size_t room() const noexcept { return rising_.room(); }

    /// Errors: `std::bad_alloc`, but not if there is room.
    [[gnu::always_inline]] void push(const Ready& ready) {
        if (rising_.empty() || rising_.back().order < ready.order) [[likely]] {
            rising_.push_back({ready.order, ready.slot, ready.generation, ready.duplicate});
        } else {
            push_aside(ready);
        }
    }
    /// The same for an entry before which others will come that are in order among themselves.
    void push_aside(const Ready& ready) {
        if (heap_.size() == heap_.capacity() && !obtained([this] { heap_.reserve(2 * heap_.size() + 16); })) {
            insert(ready);
            return;
        }
        heap_.push_back(ready);
        std::push_heap(heap_.begin(), heap_.end(), Later{});
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
            pop_aside();
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

    /// Adds an entry to the list at its place: slow, but there is room.
    [[gnu::noinline]] void insert(const Ready& ready) {
        rising_.push_back(ready);
        std::uint64_t place = rising_.end_position() - 1;
        for (; place != rising_.begin_position() && rising_[place - 1].order > ready.order; --place) {
            rising_[place] = rising_[place - 1];
        }
        rising_[place] = ready;
    }
    void pop_aside() noexcept {
        std::pop_heap(heap_.begin(), heap_.end(), Later{});
        heap_.pop_back();
    }

    Ring<Ready> rising_{};
    std::vector<Ready> heap_{};
};

/// Compiled where it is used, and not wherever it is included.
using ReadyList = BasicReadyList<>;

}  // namespace sqsim::inline SQSIM_ABI::detail
