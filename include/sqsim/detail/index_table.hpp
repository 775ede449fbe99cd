// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/lanes.hpp"
#include "sqsim/detail/obtain.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
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

    /// Whether the table is so large that most of it is far from the core, and `prefetch` worth its time.
    [[nodiscard]] bool is_large() const noexcept { return buckets_.size() > nearby / sizeof(Bucket); }

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
    /// this one. If memory fails, nothing has changed.
    template <class IdOf>
    [[gnu::always_inline]] std::uint32_t insert(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        if (size_ == most_) [[unlikely]] {
            resize(buckets_.empty() ? smallest : buckets_.size() * 2);
        }
        const std::uint32_t hash = id_hash(id);
        Bucket& home = buckets_[hash & mask_];
        const std::uint32_t count = home.count();
        if (home.passed() == 0 && count != places && !home.may_have(hash)) [[likely]] {
            home.hashes[count] = hash;
            home.numbers[count] = number;
            home.count() = count + 1;
            ++size_;
            return number;
        }
        return insert_otherwise(id, number, id_of);
    }

    /// Precondition: the id is in the table.
    template <class IdOf>
    void erase(const Fingerprint& id, IdOf id_of) noexcept {
        erase_number(id, look_up(id, id_of));
    }

    /// The same for one who knows the number, too.
    [[gnu::always_inline]] void erase_number(const Fingerprint& id, std::uint32_t number) noexcept {
        std::size_t at = id_hash(id) & mask_;
        std::uint32_t found = buckets_[at].place_of(number);
        while (found == 0)
            [[unlikely]] {
                --buckets_[at].passed();
                at = (at + 1) & mask_;
                found = buckets_[at].place_of(number);
            }
        Bucket& bucket = buckets_[at];
        const auto place = first_lane(found);
        const std::uint32_t last = --bucket.count();
        bucket.hashes[place] = bucket.hashes[last];
        bucket.numbers[place] = bucket.numbers[last];
        bucket.numbers[last] = none;
        --size_;
    }

    /// Gives back memory that the content no longer needs; or later, if there is none for that. Amortised: only when
    /// seven eighths are empty.
    [[gnu::always_inline]] void shrink() noexcept {
        if (size_ < least_) [[unlikely]] {
            resize_down();
        }
    }

    void clear() noexcept {
        buckets_ = std::vector<Bucket>{};
        mask_ = 0;
        size_ = 0;
        most_ = 0;
        least_ = 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return buckets_.capacity() * sizeof(Bucket); }

private:
    static constexpr std::size_t places = 7;  // of a bucket
    static constexpr std::uint32_t all_places = (std::uint32_t{1} << places) - 1;
    static constexpr std::size_t smallest = 4;  // buckets
    static constexpr std::size_t nearby = std::size_t{1} << 17;

    // What is behind the seven places is compared, too: eight are as cheap. It is masked out.
    struct alignas(64) Bucket {
        std::array<std::uint32_t, places + 1> hashes{};  // and how many places are taken
        std::array<std::uint32_t, places + 1> numbers{none, none, none, none, none, none, none, 0};  // and `passed`

        [[nodiscard]] std::uint32_t& count() noexcept { return hashes[places]; }
        [[nodiscard]] std::uint32_t count() const noexcept { return hashes[places]; }
        /// How many belong here or before and are behind.
        [[nodiscard]] std::uint32_t& passed() noexcept { return numbers[places]; }
        [[nodiscard]] std::uint32_t passed() const noexcept { return numbers[places]; }

        /// Whether some place may have this hash: one that is free may, too.
        [[gnu::always_inline]] [[nodiscard]] bool may_have(std::uint32_t hash) const noexcept {
            return (equal_lanes(hashes, hash) & all_places) != 0;
        }
        /// As bits: the places that have this hash.
        [[gnu::always_inline]] [[nodiscard]] std::uint32_t places_with(std::uint32_t hash) const noexcept {
            return equal_lanes(hashes, hash) & ((std::uint32_t{1} << count()) - 1);
        }
        /// As a bit: the place that has this number.
        [[gnu::always_inline]] [[nodiscard]] std::uint32_t place_of(std::uint32_t number) const noexcept {
            return equal_lanes(numbers, number) & all_places;
        }
    };
    static_assert(sizeof(Bucket) == 64);

    [[nodiscard]] static std::uint32_t id_hash(const Fingerprint& id) noexcept {
        return static_cast<std::uint32_t>(id.low);
    }

    /// The number of an id; `none` if there is none. Precondition: the table has memory.
    template <class IdOf>
    [[gnu::always_inline]] [[nodiscard]] std::uint32_t look_up(const Fingerprint& id, IdOf id_of) const noexcept {
        const std::uint32_t hash = id_hash(id);
        for (std::size_t at = hash & mask_;; at = (at + 1) & mask_) {
            const Bucket& bucket = buckets_[at];
            for (std::uint32_t found = bucket.places_with(hash); found != 0; found &= found - 1)
                [[unlikely]] {
                    const std::uint32_t number = bucket.numbers[first_lane(found)];
                    if (id_of(number) == id) {
                        return number;
                    }
                }
            if (bucket.passed() == 0) [[likely]] {
                return none;
            }
        }
    }

    /// An insert that the first look at the id's bucket does not settle. Precondition: the table has room.
    template <class IdOf>
    [[gnu::noinline]] std::uint32_t insert_otherwise(const Fingerprint& id, std::uint32_t number, IdOf id_of) noexcept {
        const std::uint32_t known = look_up(id, id_of);
        if (known != none) {
            return known;
        }
        put(id_hash(id), number);
        ++size_;
        return number;
    }

    void put(std::uint32_t hash, std::uint32_t number) noexcept {
        std::size_t at = hash & mask_;
        while (buckets_[at].count() == places)
            [[unlikely]] {
                ++buckets_[at].passed();
                at = (at + 1) & mask_;
            }
        Bucket& bucket = buckets_[at];
        bucket.hashes[bucket.count()] = hash;
        bucket.numbers[bucket.count()] = number;
        ++bucket.count();
    }

    void resize(std::size_t count) {
        std::vector<Bucket> old(count);
        old.swap(buckets_);
        mask_ = count - 1;
        most_ = count * places / 2;
        least_ = count > smallest ? (count * places + 7) / 8 : 0;
        for (const Bucket& bucket : old) {
            for (std::size_t i = 0; i < bucket.count(); ++i) {
                put(bucket.hashes[i], bucket.numbers[i]);
            }
        }
    }

    [[gnu::noinline]] void resize_down() noexcept {
        std::size_t count = buckets_.size();
        while (count > smallest && size_ * 8 < count * places) {
            count /= 2;
        }
        static_cast<void>(obtained([&] { resize(count); }));
    }

    std::vector<Bucket> buckets_{};  // a power of two of them, at most half full
    std::size_t mask_ = 0;           // their number less one
    std::size_t size_ = 0;
    std::size_t most_ = 0;   // with more it grows
    std::size_t least_ = 0;  // with fewer it shrinks
};

}  // namespace sqsim::inline SQSIM_ABI::detail
