// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/log.hpp"
#include "sqsim/detail/message_store.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The stored messages in the order they came: who is fresh, who is the oldest, whose retention ends next.
///
/// A message that leaves the queue stays here as a stale entry until it is swept away. An entry is the place that the
/// message had before its first receive.
template <class Body>
class Arrivals {
public:
    explicit Arrivals(const MessageStore<Body>& store) noexcept : store_{store} {}

    /// Sees to it that so many `add` throw nothing. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void reserve(std::size_t count) { order_.reserve(count); }
    [[gnu::always_inline]] void add(Place place) { order_.push_back(place); }

    /// The same in two steps, for several of them.
    [[gnu::always_inline]] void append(Place place) { order_.append(place); }
    void count_appended(std::size_t count) noexcept { order_.count_appended(count); }

    using End = typename Log<Place>::End;
    [[nodiscard]] End end() const noexcept { return order_.end(); }
    /// Forgets what was added since, which nobody has looked at, and calls `undo(record)` for each.
    template <class Undo>
    void take_back(const End& end, Undo undo) noexcept {
        order_.for_each_since(end, [&](Place place) { undo(store_[place.slot()]); });
        order_.take_back(end);
    }

    /// Sees to it that one `add_late` throws nothing. Errors: `std::bad_alloc`.
    void reserve_late() {
        if (late_.size() == late_.capacity()) {
            late_.reserve(2 * late_.size() + 4);
        }
    }
    /// Tells that a message was sent before others that came earlier: it was moved here with its sent time.
    void add_late(const Record& record) noexcept {
        late_.push_back({record.sent_at, record.ordinal, record.place});
        std::push_heap(late_.begin(), late_.end());
    }

    /// Forgets stale entries at the front; `stored` are not stale.
    void drop_stale(std::size_t stored) noexcept {
        drop_stale_front();
        if (late_.size() > 2 * stored + 64) {
            std::erase_if(late_, [this](const Late& late) { return !is_stored(late.place); });
            std::make_heap(late_.begin(), late_.end());
        }
    }

    /// Whether most entries are stale; `stored` are not. `compact` forgets these.
    [[nodiscard]] bool is_mostly_stale(std::size_t stored) const noexcept { return order_.size() > 2 * stored + 64; }
    void compact() noexcept {
        order_.compact([this](Place entry) { return is_stored(entry); }, cursor_);
    }

    /// Forgets the entries before the cursor: no stored message is among them.
    void drop_until_cursor() noexcept { order_.drop_until(cursor_); }

    /// The message that was sent first; null if there is none.
    [[nodiscard]] Record* first_sent() noexcept {
        while (!late_.empty() && !is_stored(late_.front().place)) {
            std::pop_heap(late_.begin(), late_.end());
            late_.pop_back();
        }
        Record* const came_first = first();
        if (late_.empty()) {
            return came_first;
        }
        Record* const late = &store_[late_.front().place.slot()];
        return came_first == nullptr || late->sent_at < came_first->sent_at ? late : came_first;
    }

    /// Calls `visit(record)` for every message in the order they came, as long as it returns true.
    template <class Visit>
    void for_each(Visit visit) const {
        order_.for_each([&](Place entry) { return !is_stored(entry) || visit(store_[entry.slot()]); });
    }

    /// The stored message that came first; null if there is none.
    [[nodiscard]] Record* first() noexcept {
        drop_stale_front();
        const Place* const front = order_.front();
        return front == nullptr ? nullptr : &store_[front->slot()];
    }

    // A cursor runs through the order once. A standard queue keeps it before the first fresh message, a FIFO queue at
    // the horizon of its backlog.

    /// The next message never received and never delayed; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] Record* next_fresh() noexcept {
        while (const Place* const entry = order_.get(cursor_)) {
            if (Record* const record = fresh_at(*entry)) {
                return record;
            }
            order_.step(cursor_);
        }
        return nullptr;
    }
    [[gnu::always_inline]] void skip_fresh() noexcept { order_.step(cursor_); }

    /// The next entry, whatever has become of it; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] const Place* next() noexcept { return order_.get(cursor_); }

    // The same for many at once: the entries ahead, the fresh message of one, and moving past some.
    [[gnu::always_inline]] [[nodiscard]] std::span<const Place> ahead() noexcept { return order_.ahead(cursor_); }
    [[gnu::always_inline]] [[nodiscard]] Record* fresh_at(Place entry) const noexcept {
        Record& record = store_[entry.slot()];
        const bool is_fresh = record.place == entry && record.has(Record::in_line) && record.state() == State::visible;
        return is_fresh ? &record : nullptr;
    }
    void move_past(std::size_t entries) noexcept { order_.step(cursor_, entries); }

    /// The next stored message, and moves past it; null at the end.
    [[nodiscard]] Record* next_stored() noexcept {
        while (const Place* const entry = order_.get(cursor_)) {
            order_.step(cursor_);
            if (is_stored(*entry)) {
                return &store_[entry->slot()];
            }
        }
        return nullptr;
    }

private:
    struct Late {
        Nanos sent_at;
        std::uint64_t ordinal;
        Place place;
        friend bool operator<(const Late& a, const Late& b) noexcept {  // for a heap with the oldest on top
            return a.sent_at != b.sent_at ? a.sent_at > b.sent_at : a.ordinal > b.ordinal;
        }
    };

    void drop_stale_front() noexcept {
        for (const Place* front = order_.front(); front != nullptr && !is_stored(*front); front = order_.front()) {
            order_.pop_front();
        }
    }

    [[gnu::always_inline]] [[nodiscard]] bool is_stored(Place entry) const noexcept {
        const Record& record = store_[entry.slot()];
        return record.born == entry.generation() && record.state() != State::free;
    }

    const MessageStore<Body>& store_;
    Log<Place> order_{};
    typename Log<Place>::Cursor cursor_{};
    std::vector<Late> late_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
