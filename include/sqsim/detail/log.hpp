// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/record.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// A sequence that one side, the *writer*, appends to, while the other one, the *reader*, goes through it with cursors
/// and removes its front. The two need no lock between them; what needs both sides says so.
///
/// It consists of chunks, so that growth copies nothing. A sequence that breathes allocates nothing: chunks that the
/// reader leaves behind go back to the writer.
template <class T>
class Log {
    static_assert(std::is_trivially_copyable_v<T>);

    struct Chunk {
        Chunk* next = nullptr;
        std::uint32_t size = 0;
        std::uint32_t depth = 1;  // of the stack of spare chunks that ends here

        [[nodiscard]] T* begin() noexcept { return reinterpret_cast<T*>(this + 1); }
        [[nodiscard]] T* end() noexcept { return begin() + size; }
    };
    static_assert(alignof(T) <= alignof(Chunk));

public:
    /// A place in the sequence: the reader's.
    class Cursor {
        friend class Log;
        T* entry_ = nullptr;
        T* end_ = nullptr;  // of the chunk
        Chunk* chunk_ = nullptr;
        std::uint64_t position_ = 0;
    };

    Log() = default;
    Log(const Log&) = delete;
    Log& operator=(const Log&) = delete;
    ~Log() {
        destroy_all(head_.chunk_ != nullptr ? head_.chunk_ : first_);
        destroy_all(own_spares_);
        destroy_all(spares_.load());
    }

    // The writer.

    [[gnu::always_inline]] void push_back(const T& value) {
        if (tail_ == tail_end_) {
            add_chunk();
        }
        *tail_++ = value;
        ++written_;
    }

    /// Lets the reader's next `note` see what was appended, and `stamp`, which the reader cannot see any earlier.
    [[gnu::always_inline]] void publish(std::int64_t stamp) noexcept {
        stamp_.store(stamp, std::memory_order_relaxed);
        published_.store(written_, std::memory_order_release);
    }
    [[nodiscard]] std::int64_t stamp() const noexcept { return stamp_.load(std::memory_order_relaxed); }

    // The reader.

    /// Sees what was published. Returns: how many entries are new.
    [[gnu::always_inline]] std::size_t note() noexcept {
        const std::uint64_t before = std::exchange(seen_, published_.load(std::memory_order_acquire));
        return static_cast<std::size_t>(seen_ - before);
    }

    /// How much was published ever, as far as the reader has seen; and at all, which any thread may ask.
    [[nodiscard]] std::uint64_t seen() const noexcept { return seen_; }
    [[nodiscard]] std::uint64_t published() const noexcept { return published_.load(std::memory_order_relaxed); }

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(seen_ - head_.position_); }

    /// The first entry; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] const T* front() noexcept {
        if (head_.position_ == seen_) {
            return nullptr;
        }
        if (head_.entry_ == head_.end_) {
            leave_first_chunk();
        }
        return head_.entry_;
    }

    /// Removes the entry that `front` returned.
    [[gnu::always_inline]] void pop_front() noexcept { step(head_); }

    /// The entry at a cursor, or at the front if that has moved on; null at the end.
    [[gnu::always_inline]] [[nodiscard]] const T* get(Cursor& cursor) noexcept {
        if (cursor.position_ < head_.position_) {
            cursor = head_;
        }
        if (cursor.position_ == seen_) {
            return nullptr;
        }
        if (cursor.entry_ == cursor.end_) {
            if (cursor.position_ == head_.position_) {
                static_cast<void>(front());
                cursor = head_;
            } else {
                enter_next(cursor);
            }
        }
        return cursor.entry_;
    }

    /// Removes the entries before a cursor.
    void drop_until(const Cursor& cursor) noexcept {
        if (cursor.position_ <= head_.position_) {
            return;
        }
        while (head_.chunk_ != cursor.chunk_) {
            leave_first_chunk();
        }
        head_ = cursor;
    }

    /// The entries from a cursor on that lie beside each other; none only at the end.
    [[gnu::always_inline]] [[nodiscard]] std::span<const T> ahead(Cursor& cursor) noexcept {
        if (get(cursor) == nullptr) {
            return {};
        }
        return {cursor.entry_, static_cast<std::size_t>(std::min<std::uint64_t>(
                                   static_cast<std::uint64_t>(cursor.end_ - cursor.entry_), seen_ - cursor.position_))};
    }
    /// Moves a cursor past so many of the entries that are `ahead`.
    static void step(Cursor& cursor, std::size_t count) noexcept {
        cursor.entry_ += count;
        cursor.position_ += count;
    }

    static void step(Cursor& cursor) noexcept {
        ++cursor.entry_;
        ++cursor.position_;
    }

    /// Calls `visit(entry)` for each entry, as long as it returns true.
    template <class Visit>
    void for_each(Visit visit) const {
        for (Cursor cursor = head_; cursor.position_ != seen_; step(cursor)) {
            if (cursor.entry_ == cursor.end_) {
                enter_next(cursor);
            }
            if (!visit(std::as_const(*cursor.entry_))) {
                return;
            }
        }
    }

    // Both sides.

    /// Removes the entries that `keep` refuses; the others move together towards the front. `place` stays in front of
    /// the same entry. Linear.
    template <class Keep>
    void compact(Keep keep, Cursor& place) {
        publish(stamp());
        note();
        if (front() == nullptr) {
            return;
        }
        Cursor write = head_;
        Cursor new_place = head_;
        for (Cursor read = head_; read.position_ != seen_; step(read)) {
            if (read.entry_ == read.end_) {
                enter_next(read);
            }
            if (read.position_ == place.position_) {
                new_place = write;
            }
            if (keep(std::as_const(*read.entry_))) {
                if (write.entry_ == write.end_) {
                    enter_next(write);
                }
                *write.entry_ = *read.entry_;
                step(write);
            }
        }
        place = place.position_ == seen_ ? write : new_place;
        truncate(write);
    }

private:
    // Small at first, for a queue of three messages should cost next to nothing: simulations build millions of them.
    static constexpr std::uint32_t smallest_chunk = 64;
    static constexpr std::uint32_t largest_chunk = 1024;
    static constexpr std::uint32_t most_spares = 4;

    void enter_next(Cursor& cursor) const noexcept {
        cursor.chunk_ = cursor.chunk_ != nullptr ? cursor.chunk_->next : first_;
        cursor.entry_ = cursor.chunk_->begin();
        cursor.end_ = cursor.chunk_->end();
    }

    void leave_first_chunk() noexcept {
        Chunk* const old = head_.chunk_;
        enter_next(head_);
        if (old != nullptr) {
            give_back(old);
        }
    }

    void add_chunk() {
        if (own_spares_ == nullptr) {
            own_spares_ = spares_.exchange(nullptr, std::memory_order_acquire);
        }
        Chunk* const chunk = own_spares_ != nullptr ? std::exchange(own_spares_, own_spares_->next) : make_chunk();
        chunk->next = nullptr;
        (tail_chunk_ != nullptr ? tail_chunk_->next : first_) = chunk;
        tail_chunk_ = chunk;
        tail_ = chunk->begin();
        tail_end_ = chunk->end();
    }

    [[nodiscard]] Chunk* make_chunk() const {
        const std::uint32_t size =
            tail_chunk_ == nullptr ? smallest_chunk : std::min(tail_chunk_->size * 2, largest_chunk);
        auto* const chunk = ::new (::operator new(sizeof(Chunk) + size * sizeof(T))) Chunk{};
        chunk->size = size;
        std::uninitialized_default_construct_n(chunk->begin(), size);
        return chunk;
    }

    static void destroy(Chunk* chunk) noexcept { ::operator delete(chunk); }

    static void destroy_all(Chunk* chunk) noexcept {
        while (chunk != nullptr) {
            destroy(std::exchange(chunk, chunk->next));
        }
    }

    /// Returns a chunk to the writer, who takes all there are at once.
    void give_back(Chunk* chunk) noexcept {
        chunk->next = spares_.load(std::memory_order_relaxed);
        do {
            chunk->depth = chunk->next != nullptr ? chunk->next->depth + 1 : 1;
            if (chunk->depth > most_spares) {
                destroy(chunk);
                return;
            }
        } while (
            !spares_.compare_exchange_weak(chunk->next, chunk, std::memory_order_release, std::memory_order_relaxed));
    }

    void truncate(const Cursor& end) noexcept {
        destroy_all(std::exchange(end.chunk_->next, nullptr));
        tail_chunk_ = end.chunk_;
        tail_ = end.entry_;
        tail_end_ = end.end_;
        written_ = seen_ = end.position_;
        publish(stamp());
    }

    // The writer's.
    alignas(two_cache_lines) T* tail_ = nullptr;
    T* tail_end_ = nullptr;
    Chunk* tail_chunk_ = nullptr;
    Chunk* own_spares_ = nullptr;
    std::uint64_t written_ = 0;
    Chunk* first_ = nullptr;  // ever; the reader begins there
    // What the writer tells the reader.
    alignas(two_cache_lines) std::atomic<std::uint64_t> published_{0};
    std::atomic<std::int64_t> stamp_{0};
    // The reader's.
    alignas(two_cache_lines) Cursor head_{};
    std::uint64_t seen_ = 0;
    std::atomic<Chunk*> spares_{nullptr};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
