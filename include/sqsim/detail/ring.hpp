// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/spare_memory.hpp"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A first-in first-out sequence addressed by positions that never change while an entry is stored.
///
/// It grows and shrinks by chunks, so that growth copies no entries. The chunks emptied stay behind the last one in
/// use, up to as many as are in use and four more: what breathes allocates nothing, what has shrunk gives its memory
/// back.
///
/// Both ends are known by their addresses: adding and removing an entry are a few instructions each.
template <class T>
class Ring {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    // Small, so that a queue of three messages costs next to nothing: simulations build millions of them.
    static constexpr std::uint64_t chunk_size = 64;  // at most the bits of a word

    Ring() = default;
    Ring(const Ring&) = delete;
    Ring& operator=(const Ring&) = delete;
    ~Ring() = default;

    [[nodiscard]] std::uint64_t begin_position() const noexcept { return head_; }
    [[nodiscard]] std::uint64_t end_position() const noexcept { return tail_; }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(tail_ - head_); }
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }

    [[nodiscard]] T& operator[](std::uint64_t position) noexcept { return *address(position); }
    [[nodiscard]] const T& operator[](std::uint64_t position) const noexcept { return *address(position); }
    [[nodiscard]] T& front() noexcept { return *front_; }
    [[nodiscard]] const T& front() const noexcept { return *front_; }
    [[nodiscard]] T& back() noexcept { return end_[-1]; }
    [[nodiscard]] const T& back() const noexcept { return end_[-1]; }

    /// Sees to it that so many `push_back` throw nothing, if nothing is removed before. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void reserve(std::size_t count) {
        if (static_cast<std::size_t>(chunk_end_ - end_) < count) [[unlikely]] {
            reserve_chunks(count);
        }
    }

    /// The same whatever is removed meanwhile, until the next call of this. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] void keep_room(std::size_t count) {
        kept_room_ = count;
        if (spares_ * chunk_size < count && room() < count) [[unlikely]] {
            reserve_chunks(count);
        }
    }
    /// The same for so many entries in all, those that are stored included.
    void keep_capacity(std::size_t count) {
        kept_room_ = count;
        if (size() + room() < count) {
            reserve_chunks(count - size());
        }
    }
    /// Lets go of the room beyond this that is not needed otherwise.
    void limit_room(std::size_t count) noexcept {
        kept_room_ = count;
        trim();
    }
    /// How many `push_back` throw nothing.
    [[nodiscard]] std::size_t room() const noexcept {
        return static_cast<std::size_t>(chunk_end_ - end_) + static_cast<std::size_t>(spares_ * chunk_size);
    }

    /// Errors: `std::bad_alloc`, but not for what was reserved.
    [[gnu::always_inline]] void push_back(const T& value) {
        if (end_ == chunk_end_) [[unlikely]] {
            add_chunk();
        }
        *end_++ = value;
        ++tail_;
    }

    /// Where the next entries go, as many as lie beside each other. What is written there counts from `count_written`
    /// on. Errors: as `push_back`.
    [[gnu::always_inline]] [[nodiscard]] std::span<T> ahead() {
        if (end_ == chunk_end_) [[unlikely]] {
            add_chunk();
        }
        return {end_, chunk_end_};
    }
    [[gnu::always_inline]] void count_written(std::size_t count) noexcept {
        end_ += count;
        tail_ += count;
    }

    void pop_front() noexcept {
        ++head_;
        ++front_;
        if (head_ % chunk_size == 0) [[unlikely]] {
            drop_first_chunk();
        }
    }

    /// Removes the entries that `keep` refuses; the others move together towards the front. `cursor`, a position of
    /// this ring, stays in front of the same entry. Linear.
    template <class Keep>
    void compact(Keep keep, std::uint64_t& cursor) {
        const std::uint64_t middle = std::clamp(cursor, head_, tail_);
        cursor = gather(head_, middle, head_, keep);
        truncate(gather(middle, tail_, cursor, keep));
    }

    template <class Keep>
    void compact(Keep keep) {
        std::uint64_t unused = head_;
        compact(keep, unused);
    }

    void clear() noexcept { truncate(head_); }

private:
    static constexpr std::size_t chunk_bytes = static_cast<std::size_t>(chunk_size) * sizeof(T);
    struct Free {
        void operator()(T* memory) const noexcept { SpareMemory::deallocate(memory, chunk_bytes, alignof(T)); }
    };
    using Chunk = std::unique_ptr<T[], Free>;

    [[nodiscard]] Chunk& chunk(std::uint64_t number) noexcept { return chunks_[number & mask_]; }
    [[nodiscard]] T* address(std::uint64_t position) const noexcept {
        return chunks_[(position / chunk_size) & mask_].get() + position % chunk_size;
    }

    // The chunks in use are those from the head's to the one before this.
    [[nodiscard]] std::uint64_t first_chunk() const noexcept { return head_ / chunk_size; }
    [[nodiscard]] std::uint64_t end_chunk() const noexcept { return (tail_ + chunk_size - 1) / chunk_size; }

    [[gnu::noinline]] void reserve_chunks(std::size_t count) {
        while (room() < count) {
            add_spare();
        }
    }

    [[gnu::noinline]] void add_spare() {
        const std::uint64_t used = end_chunk() - first_chunk() + spares_;
        if (used == chunks_.size()) {
            resize_table(chunks_.empty() ? 2 : chunks_.size() * 2);
        } else if (chunks_.size() > 64 && used * 8 < chunks_.size()) {
            resize_table(chunks_.size() / 2);
        }
        chunk(end_chunk() + spares_).reset(static_cast<T*>(SpareMemory::allocate(chunk_bytes, alignof(T))));
        ++spares_;
    }

    [[gnu::noinline]] void add_chunk() {
        if (spares_ == 0) {
            add_spare();
        }
        --spares_;
        const std::uint64_t number = tail_ / chunk_size;
        end_ = chunk(number).get();
        chunk_end_ = end_ + chunk_size;
        if (empty()) {
            front_ = end_;
        }
    }

    void drop_first_chunk() noexcept {
        std::swap(chunk(first_chunk() - 1), chunk(end_chunk() + spares_));
        ++spares_;
        trim();
        if (!empty()) {
            front_ = address(head_);
        }
    }

    void truncate(std::uint64_t end) noexcept {
        const std::uint64_t old_end = end_chunk();
        tail_ = end;
        spares_ += old_end - end_chunk();
        if (end % chunk_size != 0) {
            chunk_end_ = chunk(end / chunk_size).get() + chunk_size;
            end_ = address(end);
        } else {
            end_ = chunk_end_ = empty() ? nullptr : address(end - 1) + 1;
        }
        trim();
    }

    /// Frees the chunks that are too many.
    void trim() noexcept {
        const std::uint64_t used = end_chunk() - first_chunk();
        const std::uint64_t kept = std::max(used + 4, kept_room_ / chunk_size + 1);
        while (spares_ > kept) {
            chunk(end_chunk() + --spares_).reset();
        }
    }

    void resize_table(std::size_t size) {
        std::vector<Chunk> table(size);
        for (std::uint64_t number = first_chunk(); number != end_chunk() + spares_; ++number) {
            table[number & (size - 1)] = std::move(chunk(number));
        }
        chunks_ = std::move(table);
        mask_ = size - 1;
    }

    /// Moves the entries from `read` to `end` that are kept to `write` on. Returns where they end.
    template <class Keep>
    [[nodiscard]] std::uint64_t gather(std::uint64_t read, std::uint64_t end, std::uint64_t write, Keep& keep) {
        while (read != end) {
            // A chunk's worth at a time. First what is kept of it all, which needs memory from all over, then the
            // moves: so the reads overlap.
            const std::uint64_t chunk_end = std::min(end, (read / chunk_size + 1) * chunk_size);
            const T* const from = address(read);
            std::uint64_t kept = 0;
            for (std::uint64_t i = 0; i < chunk_end - read; ++i) {
                kept |= std::uint64_t{keep(from[i])} << i;
            }
            for (; kept != 0; kept &= kept - 1) {
                *address(write++) = from[std::countr_zero(kept)];
            }
            read = chunk_end;
        }
        return write;
    }

    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;
    T* front_ = nullptr;      // the entry at `head_`, or where it will be
    T* end_ = nullptr;        // behind the last entry
    T* chunk_end_ = nullptr;  // behind the last chunk in use
    std::uint64_t mask_ = 0;
    std::vector<Chunk> chunks_{};  // a power of two of them, addressed by number modulo their count
    std::uint64_t spares_ = 0;     // chunks behind the last one in use
    std::size_t kept_room_ = 0;    // so many entries find spares
};

}  // namespace sqsim::inline SQSIM_ABI::detail
