// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/event_source.hpp"

#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// Event sources in a row, linked with each other: needs no memory.
class SourceList {
public:
    [[nodiscard]] EventSource* front() const noexcept { return first_; }

    void push_back(EventSource& source) noexcept {
        source.previous_ = last_;
        source.next_ = nullptr;
        (last_ != nullptr ? last_->next_ : first_) = &source;
        last_ = &source;
    }

    /// Precondition: the source is in this list.
    void erase(EventSource& source) noexcept {
        (source.previous_ != nullptr ? source.previous_->next_ : first_) = source.next_;
        (source.next_ != nullptr ? source.next_->previous_ : last_) = source.previous_;
    }

private:
    EventSource* first_ = nullptr;
    EventSource* last_ = nullptr;
};

/// Event sources with the first one on top, linked with each other: a pairing heap, which needs no memory.
/// Complexity: `push` constant, `erase` amortised logarithmic.
template <class Before>
class SourceHeap {
public:
    [[nodiscard]] EventSource* top() const noexcept { return root_; }

    void push(EventSource& source) noexcept {
        source.previous_ = source.next_ = source.child_ = nullptr;
        root_ = root_ == nullptr ? &source : merged(root_, &source);
    }

    /// Precondition: the source is in this heap.
    void erase(EventSource& source) noexcept {
        EventSource* const rest = merged_siblings(std::exchange(source.child_, nullptr));
        if (&source == root_) {
            root_ = rest;
            return;
        }
        EventSource* const previous = source.previous_;
        (previous->child_ == &source ? previous->child_ : previous->next_) = source.next_;
        if (source.next_ != nullptr) {
            source.next_->previous_ = previous;
        }
        if (rest != nullptr) {
            root_ = merged(root_, rest);
        }
    }

private:
    /// Two heaps as one. Precondition: neither root has siblings.
    [[nodiscard]] static EventSource* merged(EventSource* a, EventSource* b) noexcept {
        if (Before{}(*b, *a)) {
            std::swap(a, b);
        }
        b->previous_ = a;
        b->next_ = std::exchange(a->child_, b);
        if (b->next_ != nullptr) {
            b->next_->previous_ = b;
        }
        return a;
    }

    /// Siblings as one heap: each with its neighbour, then these pairs from the last one on.
    [[nodiscard]] static EventSource* merged_siblings(EventSource* first) noexcept {
        EventSource* pairs = nullptr;  // linked by `previous_`, the last one first
        while (first != nullptr) {
            EventSource* pair = first;
            EventSource* const second = std::exchange(first->next_, nullptr);
            first = second != nullptr ? std::exchange(second->next_, nullptr) : nullptr;
            if (second != nullptr) {
                pair = merged(pair, second);
            }
            pair->previous_ = std::exchange(pairs, pair);
        }
        EventSource* heap = nullptr;
        while (pairs != nullptr) {
            EventSource* const pair = std::exchange(pairs, pairs->previous_);
            pair->previous_ = nullptr;
            heap = heap == nullptr ? pair : merged(heap, pair);
        }
        return heap;
    }

    EventSource* root_ = nullptr;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
