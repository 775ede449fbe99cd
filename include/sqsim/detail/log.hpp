// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// A sequence that grows at its end, loses its front, and is gone through with cursors.
///
/// It consists of chunks, so that growth copies nothing. A sequence that breathes allocates nothing: chunks that the
/// front leaves behind are used again.
template <class T>
class Log {
    static_assert(std::is_trivially_copyable_v<T>);

    struct Chunk {
        Chunk* next = nullptr;
        std::uint32_t size = 0;

        [[nodiscard]] T* begin() noexcept { return reinterpret_cast<T*>(this + 1); }
        [[nodiscard]] T* end() noexcept { return begin() + size; }
    };
    static_assert(alignof(T) <= alignof(Chunk));

public:
    /// A place in the sequence.
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
        destroy_all(spares_);
    }

    /// Sees to it that so many `push_back` throw nothing. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void reserve(std::size_t count) {
        if (count > static_cast<std::size_t>(tail_end_ - tail_)) [[unlikely]] {
            reserve_chunks(count - static_cast<std::size_t>(tail_end_ - tail_));
        }
    }

    /// Appends what was reserved; `count_appended` follows.
    [[gnu::always_inline]] void append(const T& value) {
        if (tail_ == tail_end_) [[unlikely]] {
            add_chunk();
        }
        *tail_++ = value;
    }
    void count_appended(std::size_t count) noexcept { end_ += count; }

    /// Errors: `std::bad_alloc`, but not for what was reserved.
    [[gnu::always_inline]] void push_back(const T& value) {
        append(value);
        count_appended(1);
    }

    /// The end as it is now, to which `take_back` returns.
    class End {
        friend class Log;
        T* tail_;
        T* tail_end_;
        Chunk* chunk_;
        std::uint64_t position_;
    };
    [[nodiscard]] End end() const noexcept {
        End end;
        end.tail_ = tail_;
        end.tail_end_ = tail_end_;
        end.chunk_ = tail_chunk_;
        end.position_ = end_;
        return end;
    }
    /// Removes what was appended since. Precondition: no cursor has passed it.
    void take_back(const End& end) noexcept {
        Chunk*& behind = end.chunk_ != nullptr ? end.chunk_->next : first_;
        while (behind != nullptr) {
            Chunk* const chunk = std::exchange(behind, behind->next);
            chunk->next = std::exchange(spares_, chunk);
            ++spare_count_;
        }
        tail_ = end.tail_;
        tail_end_ = end.tail_end_;
        tail_chunk_ = end.chunk_;
        end_ = end.position_;
    }
    /// Calls `visit(entry)` for what was appended since.
    template <class Visit>
    void for_each_since(const End& end, Visit visit) const {
        const Chunk* chunk = end.chunk_;
        const T* entry = end.tail_;
        const T* entry_end = end.tail_end_;
        while (entry != tail_) {
            if (entry == entry_end) {
                Chunk* const next = chunk != nullptr ? chunk->next : first_;
                chunk = next;
                entry = next->begin();
                entry_end = next->end();
            }
            visit(*entry++);
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(end_ - head_.position_); }

    /// The first entry; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] const T* front() noexcept {
        if (head_.position_ == end_) {
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
        if (cursor.position_ == end_) {
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
                                   static_cast<std::uint64_t>(cursor.end_ - cursor.entry_), end_ - cursor.position_))};
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
        for (Cursor cursor = head_; cursor.position_ != end_; step(cursor)) {
            if (cursor.entry_ == cursor.end_) {
                enter_next(cursor);
            }
            if (!visit(std::as_const(*cursor.entry_))) {
                return;
            }
        }
    }

    /// Removes the entries that `keep` refuses; the others move together towards the front. `place` stays in front of
    /// the same entry. Linear.
    template <class Keep>
    void compact(Keep keep, Cursor& place) {
        if (front() == nullptr) {
            return;
        }
        Cursor write = head_;
        Cursor new_place = head_;
        for (Cursor read = head_; read.position_ != end_; step(read)) {
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
        place = place.position_ == end_ ? write : new_place;
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

    [[gnu::noinline]] void add_chunk() {
        Chunk* const chunk = spares_ != nullptr ? std::exchange(spares_, spares_->next) : make_chunk();
        spare_count_ -= spare_count_ != 0 ? 1 : 0;
        chunk->next = nullptr;
        (tail_chunk_ != nullptr ? tail_chunk_->next : first_) = chunk;
        tail_chunk_ = chunk;
        tail_ = chunk->begin();
        tail_end_ = chunk->end();
    }

    [[gnu::noinline]] void reserve_chunks(std::size_t count) {
        std::size_t reserved = 0;
        for (const Chunk* spare = spares_; spare != nullptr && reserved < count; spare = spare->next) {
            reserved += spare->size;
        }
        while (reserved < count) {
            Chunk* const chunk = make_chunk();
            chunk->next = std::exchange(spares_, chunk);
            ++spare_count_;
            reserved += chunk->size;
        }
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

    /// Keeps a chunk for later, unless there are many.
    void give_back(Chunk* chunk) noexcept {
        if (spare_count_ >= most_spares) {
            destroy(chunk);
            return;
        }
        chunk->next = std::exchange(spares_, chunk);
        ++spare_count_;
    }

    void truncate(const Cursor& end) noexcept {
        destroy_all(std::exchange(end.chunk_->next, nullptr));
        tail_chunk_ = end.chunk_;
        tail_ = end.entry_;
        tail_end_ = end.end_;
        end_ = end.position_;
    }

    T* tail_ = nullptr;
    T* tail_end_ = nullptr;
    std::uint64_t end_ = 0;  // position behind the last entry
    Cursor head_{};
    Chunk* tail_chunk_ = nullptr;
    Chunk* first_ = nullptr;  // ever
    Chunk* spares_ = nullptr;
    std::uint32_t spare_count_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
