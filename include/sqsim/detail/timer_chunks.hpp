// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// A deadline of one lease or delay of the message in a slot.
struct Timer {
    Nanos deadline;
    std::uint64_t sequence;  // of its scheduling: breaks ties
    std::uint32_t slot;
    std::uint32_t generation;

    friend constexpr bool operator<(const Timer& a, const Timer& b) noexcept {
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.sequence < b.sequence;
    }
};

/// A piece of a bucket of timers.
struct TimerChunk {
    static constexpr std::uint32_t capacity = 63;  // at most the bits of a word

    TimerChunk* next;
    std::uint32_t size;
    std::array<Timer, capacity> timers;

    /// Asks the processor to have all of it at hand soon.
    void prefetch() const noexcept {
#if defined(__GNUC__)
        const auto* const begin = reinterpret_cast<const std::byte*>(this);
        for (std::size_t at = 0; at < sizeof(TimerChunk); at += 64) {
            __builtin_prefetch(begin + at);
        }
#endif
    }
};

/// A list of timers in the order they were added: its last chunk, whose `next` is the first; null if it is empty.
/// Not an owner: the pool is asked for everything that changes it.
using TimerBucket = TimerChunk*;

/// Where the chunks of buckets come from and return to. Keeps as many of them unused as there are in use and a few
/// more, so that timers that come and go allocate nothing, and a crowd that has gone leaves nothing behind.
class TimerPool {
public:
    TimerPool() = default;
    TimerPool(const TimerPool&) = delete;
    TimerPool& operator=(const TimerPool&) = delete;
    ~TimerPool() {
        used_ = 0;
        trim(0);
    }

    /// Sees to it that so many `append` find a chunk each, if none is given back before. Returns whether it could.
    [[nodiscard]] bool reserve(std::size_t chunks) noexcept {
        while (spares_ < chunks) {
            auto* const chunk = new (std::nothrow) TimerChunk;
            if (chunk == nullptr) {
                return false;
            }
            chunk->next = std::exchange(spare_, chunk);
            ++spares_;
        }
        return true;
    }
    [[nodiscard]] std::size_t spares() const noexcept { return spares_; }

    /// Returns whether there was memory.
    [[nodiscard]] bool append(TimerBucket& bucket, const Timer& timer) noexcept {
        if ((bucket == nullptr || bucket->size == TimerChunk::capacity) && !add_chunk(bucket)) [[unlikely]] {
            return false;
        }
        bucket->timers[bucket->size++] = timer;
        return true;
    }

    /// Puts a chunk that was taken first back.
    static void put_first(TimerBucket& bucket, TimerChunk* chunk) noexcept {
        if (bucket == nullptr) {
            link_last(bucket, chunk);
        } else {
            chunk->next = std::exchange(bucket->next, chunk);
        }
    }

    /// Unlinks the first chunk of a bucket that is not empty. It is returned by `give_back`.
    [[nodiscard]] static TimerChunk* take_first(TimerBucket& bucket) noexcept {
        TimerChunk* const first = bucket->next;
        if (first == bucket) {
            bucket = nullptr;
        } else {
            bucket->next = first->next;
        }
        return first;
    }

    /// Moves all of another bucket to the end of one.
    static void append_all(TimerBucket& bucket, TimerBucket& other) noexcept {
        if (bucket != nullptr && other != nullptr) {
            std::swap(bucket->next, other->next);
        }
        if (other != nullptr) {
            bucket = std::exchange(other, nullptr);
        }
    }

    void give_back(TimerChunk* chunk) noexcept {
        chunk->next = spare_;
        spare_ = chunk;
        --used_;
        ++spares_;
        trim(used_ + few);
    }

    void clear(TimerBucket& bucket) noexcept {
        while (bucket != nullptr) {
            give_back(take_first(bucket));
        }
    }

    /// Removes the timers that `keep` refuses. Keeps the order of the others. Returns how many these are.
    template <class Keep>
    std::size_t remove_unless(TimerBucket& bucket, const Keep& keep) {
        std::size_t size = 0;
        TimerBucket rest = std::exchange(bucket, nullptr);
        while (rest != nullptr) {
            TimerChunk* const chunk = take_first(rest);
            if (rest != nullptr) {
                rest->next->prefetch();
            }
            // First what is kept of all, which needs memory from all over, then the moves: so the reads overlap.
            std::uint64_t kept = 0;
            for (std::uint32_t i = 0; i < chunk->size; ++i) {
                kept |= std::uint64_t{keep(std::as_const(chunk->timers[i]))} << i;
            }
            chunk->size = 0;
            for (; kept != 0; kept &= kept - 1) {
                chunk->timers[chunk->size++] = chunk->timers[static_cast<std::size_t>(std::countr_zero(kept))];
            }
            size += chunk->size;
            add_or_merge(bucket, chunk);
        }
        return size;
    }

private:
    static constexpr std::size_t few = 16;

    static void link_last(TimerBucket& bucket, TimerChunk* chunk) noexcept {
        chunk->next = bucket == nullptr ? chunk : std::exchange(bucket->next, chunk);
        bucket = chunk;
    }

    [[nodiscard]] bool add_chunk(TimerBucket& bucket) noexcept {
        if (spares_ == 0 && !reserve(1)) [[unlikely]] {
            return false;
        }
        TimerChunk* const chunk = std::exchange(spare_, spare_->next);
        --spares_;
        ++used_;
        chunk->size = 0;
        link_last(bucket, chunk);
        return true;
    }

    /// Adds a chunk to the end, or what is in it to the last one if it fits.
    void add_or_merge(TimerBucket& bucket, TimerChunk* chunk) noexcept {
        const std::uint32_t room = bucket == nullptr ? 0 : TimerChunk::capacity - bucket->size;
        if (chunk->size > room) {
            link_last(bucket, chunk);
            return;
        }
        for (std::uint32_t i = 0; i < chunk->size; ++i) {
            bucket->timers[bucket->size++] = chunk->timers[i];
        }
        give_back(chunk);
    }

    void trim(std::size_t limit) noexcept {
        while (spares_ > limit) {
            delete std::exchange(spare_, spare_->next);
            --spares_;
        }
    }

    TimerChunk* spare_ = nullptr;
    std::size_t spares_ = 0;
    std::size_t used_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
