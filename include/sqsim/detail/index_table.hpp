// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A hash table from fingerprints to numbers, for an owner who knows each number's fingerprint (`id_of`) and so need
/// not have it stored twice. As large as its content, up and down.
///
/// It consists of buckets of one cache line, each with room for seven numbers and 32 bits of each fingerprint. Where a
/// number belongs follows from these, so that only a find that meets what looks like its id has to ask the owner. What
/// does not fit into its bucket goes to the next one with room, and is counted in the buckets that it passed: so
/// nothing has to be left behind where something was erased. A bucket is looked at as a whole, for a branch on each of
/// its places could not be predicted.
class IndexTable {
public:
    /// Not a number that can be in the table.
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    /// Asks for the memory that an operation on this id will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept {
#if defined(__GNUC__)
        __builtin_prefetch(buckets_.data() + (id_hash(id) & mask_));
#else
        static_cast<void>(id);
#endif
    }

    template <class IdOf>
    [[nodiscard]] std::optional<std::uint32_t> find(const Fingerprint& id, IdOf id_of) const noexcept {
        const std::uint32_t number = size_ == 0 ? none : look_up(id, id_of);
        return number != none ? std::optional{number} : std::nullopt;
    }

    /// Returns the number that the table has for an id, which is this one if it had none. The owner is not asked about
    /// this one.
    template <class IdOf>
    [[gnu::always_inline]] std::uint32_t insert(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        if (2 * (size_ + 1) > places * buckets_.size()) [[unlikely]] {
            resize(buckets_.empty() ? smallest : buckets_.size() * 2);
        }
        const std::uint32_t known = look_up(id, id_of);
        if (known != none) [[unlikely]] {
            return known;
        }
        put(id_hash(id), number);
        ++size_;
        return number;
    }

    /// Precondition: the id is in the table.
    template <class IdOf>
    void erase(const Fingerprint& id, IdOf id_of) noexcept {
        erase_number(id, look_up(id, id_of));
    }

    /// The same for one who knows the number, too.
    [[gnu::always_inline]] void erase_number(const Fingerprint& id, std::uint32_t number) noexcept {
        std::size_t at = id_hash(id) & mask_;
        std::size_t place = buckets_[at].place_of(number);
        while (place == places)
            [[unlikely]] {
                --buckets_[at].passed;
                at = (at + 1) & mask_;
                place = buckets_[at].place_of(number);
            }
        Bucket& bucket = buckets_[at];
        const std::uint32_t last = --bucket.count;
        bucket.hashes[place] = bucket.hashes[last];
        bucket.numbers[place] = bucket.numbers[last];
        bucket.numbers[last] = none;
        --size_;
    }

    /// Gives back memory that the content no longer needs. Amortised: only when seven eighths are empty.
    void shrink() {
        if (buckets_.size() > smallest && size_ * 8 < buckets_.size() * places) [[unlikely]] {
            std::size_t count = buckets_.size();
            while (count > smallest && size_ * 8 < count * places) {
                count /= 2;
            }
            resize(count);
        }
    }

    void clear() {
        buckets_ = std::vector<Bucket>{};
        mask_ = 0;
        size_ = 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

private:
    static constexpr std::size_t places = 7;    // of a bucket
    static constexpr std::size_t smallest = 4;  // buckets

    struct alignas(64) Bucket {
        std::array<std::uint32_t, places> hashes{};
        std::uint32_t count = 0;
        std::array<std::uint32_t, places> numbers{none, none, none, none, none, none, none};
        std::uint32_t passed = 0;  // how many belong here or before and are behind

        /// Whether some place may have this hash; an empty one may, too.
        [[gnu::always_inline]] [[nodiscard]] bool may_have(std::uint32_t hash) const noexcept {
#if defined(__GNUC__)
            using Vector [[gnu::vector_size(16)]] = std::uint32_t;
            Vector front;
            Vector back;
            std::memcpy(&front, hashes.data(), 16);
            std::memcpy(&back, hashes.data() + 3, 16);
            const auto equal = (front == hash) | (back == hash);
            std::uint64_t low = 0;
            std::uint64_t high = 0;
            std::memcpy(&low, &equal, 8);
            std::memcpy(&high, reinterpret_cast<const char*>(&equal) + 8, 8);
            return (low | high) != 0;
#else
            bool found = false;
            for (const std::uint32_t other : hashes) {
                found |= other == hash;
            }
            return found;
#endif
        }

        [[gnu::always_inline]] [[nodiscard]] std::size_t place_of(std::uint32_t number) const noexcept {
            std::size_t place = places;
            const auto look = [&](std::size_t at) { place = numbers[at] == number ? at : place; };
            look(0), look(1), look(2), look(3), look(4), look(5), look(6);  // moves, not branches
            return place;
        }
    };

    [[nodiscard]] static std::uint32_t id_hash(const Fingerprint& id) noexcept {
        return static_cast<std::uint32_t>(id.low);
    }

    /// The number of an id; `none` if there is none. Precondition: the table has memory.
    template <class IdOf>
    [[gnu::always_inline]] [[nodiscard]] std::uint32_t look_up(const Fingerprint& id, IdOf id_of) const noexcept {
        const std::uint32_t hash = id_hash(id);
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            const Bucket& bucket = buckets_[at];
            if (bucket.may_have(hash)) [[unlikely]] {
                for (std::size_t i = 0; i < bucket.count; ++i) {
                    if (bucket.hashes[i] == hash && id_of(bucket.numbers[i]) == id) {
                        return bucket.numbers[i];
                    }
                }
            }
            if (bucket.passed == 0) [[likely]] {
                return none;
            }
        }
    }

    [[gnu::always_inline]] void put(std::uint32_t hash, std::uint32_t number) noexcept {
        std::size_t at = hash & mask_;
        while (buckets_[at].count == places)
            [[unlikely]] {
                ++buckets_[at].passed;
                at = (at + 1) & mask_;
            }
        Bucket& bucket = buckets_[at];
        bucket.hashes[bucket.count] = hash;
        bucket.numbers[bucket.count] = number;
        ++bucket.count;
    }

    void resize(std::size_t count) {
        std::vector<Bucket> old(count);
        old.swap(buckets_);
        mask_ = count - 1;
        for (const Bucket& bucket : old) {
            for (std::size_t i = 0; i < bucket.count; ++i) {
                put(bucket.hashes[i], bucket.numbers[i]);
            }
        }
    }

    std::vector<Bucket> buckets_{};  // a power of two of them, at most half full
    std::size_t mask_ = 0;           // their number less one
    std::size_t size_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
