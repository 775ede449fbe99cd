// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/lanes.hpp"
#include "sqsim/detail/obtain.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A hash table from fingerprints to numbers, for an owner who knows each number's fingerprint (`id_of`) and so need
/// not have it stored twice. As large as its content, up and down, by one segment at a time (linear hashing): no
/// operation takes longer because there is much in it.
///
/// A segment consists of buckets of one cache line, each with room for seven numbers and 32 bits of each fingerprint.
/// Where a number belongs follows from these, so that only a find that meets what looks like its id has to ask the
/// owner. What does not fit into its bucket goes to the next one with room, and is counted in the buckets that it
/// passed: so nothing has to be left behind where something was erased. A bucket is looked at as a whole, for a branch
/// on each of its places could not be predicted.
class IndexTable {
public:
    /// Not a number that can be in the table.
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    /// Whether the table is so large that most of it is far from the core, and `prefetch` worth its time.
    [[nodiscard]] bool is_large() const noexcept { return segments_.size() > nearby / segment_bytes; }

    /// Asks for the memory that an operation on this id will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept {
#if defined(__GNUC__)
        if (!segments_.empty()) {
            __builtin_prefetch(segment_of(id_hash(id)) + (id_hash(id) & bucket_mask_));
        }
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
    /// this one. Errors: `std::bad_alloc`, also if a segment is full of ids with the same bits; nothing has changed
    /// then.
    template <class IdOf>
    [[gnu::always_inline]] std::uint32_t insert(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        if (size_ == most_) [[unlikely]] {
            grow();
        }
        const std::uint32_t hash = id_hash(id);
        Bucket& home = segment_of(hash)[hash & bucket_mask_];
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

    /// Whether the table has this number for an id. Precondition: something was inserted before.
    [[nodiscard]] bool has_number(const Fingerprint& id, std::uint32_t number) const noexcept {
        const Bucket* const segment = segment_of(id_hash(id));
        const std::size_t home = id_hash(id) & bucket_mask_;
        std::size_t at = home;
        do {
            if (segment[at].place_of(number) != 0) {
                return true;
            }
            if (segment[at].passed() == 0) {
                return false;
            }
            at = (at + 1) & bucket_mask_;
        } while (at != home);
        return false;
    }

    /// Erases what the table has for an id, for one who knows the number, too.
    [[gnu::always_inline]] void erase_number(const Fingerprint& id, std::uint32_t number) noexcept {
        Bucket* const segment = segment_of(id_hash(id));
        std::size_t at = id_hash(id) & bucket_mask_;
        std::uint32_t found = segment[at].place_of(number);
        while (found == 0)
            [[unlikely]] {
                --segment[at].passed();
                at = (at + 1) & bucket_mask_;
                found = segment[at].place_of(number);
            }
        Bucket& bucket = segment[at];
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
            shrink_now();
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept {
        return segments_.size() * (bucket_mask_ + 1) * sizeof(Bucket) + segments_.capacity() * sizeof(Segment) +
               directory_.capacity() * sizeof(Bucket*);
    }

private:
    static constexpr std::size_t places = 7;  // of a bucket
    static constexpr std::uint32_t all_places = (std::uint32_t{1} << places) - 1;
    static constexpr std::size_t smallest = 4;  // buckets of the only segment
    static constexpr unsigned segment_bits = 9;
    static constexpr std::size_t most_buckets = std::size_t{1} << segment_bits;
    static constexpr std::size_t segment_bytes = most_buckets * 64;
    static constexpr std::size_t half = most_buckets * places / 2;
    static constexpr std::size_t eighth = most_buckets * places / 8;
    static constexpr std::size_t step = 64;  // so many more or fewer between two segments that are split or merged
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

    using Segment = std::unique_ptr<Bucket[]>;

    [[gnu::always_inline]] [[nodiscard]] Bucket* segment_of(std::uint32_t hash) const noexcept {
        return directory_[(hash >> segment_bits) & directory_mask_];
    }

    /// The number of an id; `none` if there is none. Precondition: the table has memory.
    template <class IdOf>
    [[gnu::always_inline]] [[nodiscard]] std::uint32_t look_up(const Fingerprint& id, IdOf id_of) const noexcept {
        const std::uint32_t hash = id_hash(id);
        const Bucket* const segment = segment_of(hash);
        const std::size_t home = hash & bucket_mask_;
        std::size_t at = home;
        do {
            const Bucket& bucket = segment[at];
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
            at = (at + 1) & bucket_mask_;
        } while (at != home);
        return none;
    }

    /// An insert that the first look at the id's bucket does not settle. Precondition: the table has memory.
    template <class IdOf>
    [[gnu::noinline]] std::uint32_t insert_otherwise(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        const std::uint32_t known = look_up(id, id_of);
        if (known != none) {
            return known;
        }
        const Bucket* const segment = segment_of(id_hash(id));
        if (segment[id_hash(id) & bucket_mask_].count() == places && taken(segment) == (bucket_mask_ + 1) * places) {
            raise_out_of_memory();
        }
        put(id_hash(id), number);
        ++size_;
        return number;
    }

    /// Precondition: the segment is not full.
    void put(std::uint32_t hash, std::uint32_t number) noexcept {
        Bucket* const segment = segment_of(hash);
        std::size_t at = hash & bucket_mask_;
        while (segment[at].count() == places)
            [[unlikely]] {
                ++segment[at].passed();
                at = (at + 1) & bucket_mask_;
            }
        Bucket& bucket = segment[at];
        bucket.hashes[bucket.count()] = hash;
        bucket.numbers[bucket.count()] = number;
        ++bucket.count();
    }
    void put_all(const Segment& segment, std::size_t buckets) noexcept {
        for (std::size_t at = 0; at != buckets; ++at) {
            const Bucket& bucket = segment[at];
            for (std::size_t i = 0; i < bucket.count(); ++i) {
                put(bucket.hashes[i], bucket.numbers[i]);
            }
        }
    }

    [[nodiscard]] std::size_t taken(const Bucket* segment) const noexcept {
        std::size_t sum = 0;
        for (std::size_t at = 0; at <= bucket_mask_; ++at) {
            sum += segment[at].count();
        }
        return sum;
    }

    [[gnu::noinline]] void grow() {
        if (bucket_mask_ + 1 == most_buckets) {
            split();
        } else {
            resize(segments_.empty() ? smallest : 2 * (bucket_mask_ + 1));
        }
    }
    [[gnu::noinline]] void shrink_now() noexcept {
        while (size_ < least_) {
            if (segments_.size() > 1) {
                merge();
            } else if (!obtained([this] { resize((bucket_mask_ + 1) / 2); })) {
                return;
            }
        }
    }

    /// Gives the only segment another number of buckets.
    void resize(std::size_t buckets) {
        auto old = std::make_unique<Bucket[]>(buckets);
        if (segments_.empty()) {
            directory_.resize(1);
            segments_.emplace_back();
        }
        old.swap(segments_.front());
        directory_.front() = segments_.front().get();
        const std::size_t old_buckets = old != nullptr ? bucket_mask_ + 1 : 0;
        bucket_mask_ = buckets - 1;
        most_ = buckets * places / 2;
        least_ = buckets > smallest ? (buckets * places + 7) / 8 : 0;
        put_all(old, old_buckets);
    }

    // One after the other is split in two while a few more numbers come, until all are; and so they are merged again.
    // The directory has a place for each as if all had been split.

    void split() {
        const std::size_t count = segments_.size();
        if (all_are_split()) {
            directory_.reserve(2 * count);
            segments_.reserve(2 * count);
        }
        auto lower = std::make_unique<Bucket[]>(most_buckets);
        auto upper = std::make_unique<Bucket[]>(most_buckets);
        if (all_are_split()) {
            directory_.resize(2 * count);
            std::copy_n(directory_.begin(), count, directory_.begin() + static_cast<std::ptrdiff_t>(count));
        }
        const std::size_t at = count - directory_.size() / 2;
        directory_[at] = lower.get();
        directory_[count] = upper.get();
        lower.swap(segments_[at]);
        segments_.push_back(std::move(upper));
        count_segments();
        if (!all_are_split()) {
            most_ = size_ + step;
        }
        put_all(lower, most_buckets);
    }

    void merge() noexcept {
        const std::size_t last = segments_.size() - 1;
        const std::size_t at = last - directory_.size() / 2;
        if (taken(directory_[at]) + taken(directory_[last]) > half) {
            least_ = 0;  // ids with the same bits: not before the next split
            return;
        }
        const Segment old = std::move(segments_.back());
        segments_.pop_back();
        directory_[last] = directory_[at];
        const std::size_t next = least_ - std::min(least_, step);
        count_segments();
        if (all_are_split()) {
            directory_.resize(last);
        } else {
            least_ = next;
        }
        put_all(old, most_buckets);
    }

    [[nodiscard]] bool all_are_split() const noexcept { return std::has_single_bit(segments_.size()); }
    void count_segments() noexcept {
        const std::size_t were_split = std::bit_floor(segments_.size());
        directory_mask_ = std::bit_ceil(segments_.size()) - 1;
        most_ = were_split * half;
        least_ = were_split * eighth;
    }

    std::vector<Segment> segments_{};
    std::vector<Bucket*> directory_{};
    std::size_t bucket_mask_ = 0;     // of the buckets of a segment, a power of two
    std::size_t directory_mask_ = 0;  // of the places of the directory, a power of two
    std::size_t size_ = 0;
    std::size_t most_ = 0;   // with more it grows
    std::size_t least_ = 0;  // with fewer it shrinks
};

}  // namespace sqsim::inline SQSIM_ABI::detail
