// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A first-in first-out sequence addressed by positions that never change while an entry is stored.
///
/// It grows and shrinks by chunks, so that growth copies no entries and a queue that breathes allocates nothing: the
/// last chunks emptied are kept for the next ones needed. Two, for a sequence that is empty in between needs a new one
/// just when it has dropped the old one, and soon another.
template <class T>
class Ring {
    static_assert(std::is_trivially_copyable_v<T>);

public:
    [[nodiscard]] std::uint64_t begin_position() const noexcept { return head_; }
    [[nodiscard]] std::uint64_t end_position() const noexcept { return tail_; }
    [[nodiscard]] std::size_t size() const noexcept { return static_cast<std::size_t>(tail_ - head_); }
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }

    [[nodiscard]] T& operator[](std::uint64_t position) noexcept { return chunk_of(position)[position % chunk_size]; }
    [[nodiscard]] const T& operator[](std::uint64_t position) const noexcept {
        return chunk_of(position)[position % chunk_size];
    }
    [[nodiscard]] T& front() noexcept { return (*this)[head_]; }
    [[nodiscard]] const T& front() const noexcept { return (*this)[head_]; }
    [[nodiscard]] const T& back() const noexcept { return (*this)[tail_ - 1]; }

    void push_back(const T& value) {
        if (tail_ % chunk_size == 0) {
            add_chunk();
        }
        (*this)[tail_] = value;
        ++tail_;
    }

    void pop_front() noexcept {
        ++head_;
        if (head_ % chunk_size == 0) {
            drop_chunk((head_ - 1) / chunk_size);
        }
    }

    /// Removes the entries that `keep` refuses; the others move together towards the front. `cursor`, a position of
    /// this ring, stays in front of the same entry. Linear.
    template <class Keep>
    void compact(Keep keep, std::uint64_t& cursor) {
        std::uint64_t write = head_;
        std::uint64_t new_cursor = head_;
        for (std::uint64_t read = head_; read != tail_; ++read) {
            if (read == cursor) {
                new_cursor = write;
            }
            if (keep(std::as_const((*this)[read]))) {
                (*this)[write++] = (*this)[read];
            }
        }
        cursor = cursor == tail_ ? write : new_cursor;
        truncate(write);
    }

    template <class Keep>
    void compact(Keep keep) {
        std::uint64_t unused = head_;
        compact(keep, unused);
    }

    void clear() noexcept { truncate(head_); }

private:
    // Small, so that a queue of three messages costs next to nothing: simulations build millions of them.
    static constexpr std::uint64_t chunk_size = 64;
    using Chunk = std::unique_ptr<T[]>;

    [[nodiscard]] T* chunk_of(std::uint64_t position) const noexcept {
        return chunks_[(position / chunk_size) & (chunks_.size() - 1)].get();
    }

    void add_chunk() {
        const std::uint64_t number = tail_ / chunk_size;
        const std::uint64_t first = head_ / chunk_size;
        if (number - first >= chunks_.size()) {
            std::vector<Chunk> wider(chunks_.empty() ? 1 : chunks_.size() * 2);
            for (std::uint64_t chunk = first; chunk != number; ++chunk) {
                wider[chunk & (wider.size() - 1)] = std::move(chunks_[chunk & (chunks_.size() - 1)]);
            }
            chunks_ = std::move(wider);
        }
        Chunk& chunk = chunks_[number & (chunks_.size() - 1)];
        Chunk& spare = spares_[spares_[0] ? 0 : 1];
        chunk = spare ? std::move(spare) : Chunk{new T[static_cast<std::size_t>(chunk_size)]};
    }

    void drop_chunk(std::uint64_t number) noexcept {
        spares_[spares_[0] ? 1 : 0] = std::move(chunks_[number & (chunks_.size() - 1)]);
    }

    void truncate(std::uint64_t end) noexcept {
        const std::uint64_t old_chunks = (tail_ + chunk_size - 1) / chunk_size;
        const std::uint64_t new_chunks = (end + chunk_size - 1) / chunk_size;
        for (std::uint64_t chunk = new_chunks; chunk < old_chunks; ++chunk) {
            drop_chunk(chunk);
        }
        tail_ = end;
    }

    std::uint64_t head_ = 0;
    std::uint64_t tail_ = 0;
    std::vector<Chunk> chunks_{};  // a power of two of them, addressed by number modulo their count
    std::array<Chunk, 2> spares_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
