// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// An open-addressing table from fingerprints to numbers, for an owner who knows each number's fingerprint (`id_of`)
/// and so need not have it stored twice. Linear probing, no tombstones; as large as its content, up and down.
///
/// A place keeps 32 bits of the fingerprint. Where a number wants to be follows from them, so that only a find that
/// meets what looks like its id has to ask the owner; nothing else touches memory beside the table.
class IndexTable {
public:
    /// Not a number that can be in the table.
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    /// Asks for the memory that an operation on this id will need soon.
    void prefetch(const Fingerprint& id) const noexcept {
#if defined(__GNUC__)
        __builtin_prefetch(places_.data() + (id_hash(id) & mask_));
#else
        static_cast<void>(id);
#endif
    }

    template <class IdOf>
    [[nodiscard]] std::optional<std::uint32_t> find(const Fingerprint& id, IdOf id_of) const noexcept {
        if (size_ == 0) {
            return std::nullopt;
        }
        const Place& place = places_[probe(id, id_of)];
        return place.number != none ? std::optional{place.number} : std::nullopt;
    }

    /// Returns the number that the table has for an id, which is this one if it had none. The owner is not asked about
    /// this one.
    template <class IdOf>
    [[gnu::always_inline]] std::uint32_t insert(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        make_room();
        Place& place = places_[probe(id, id_of)];
        if (place.number == none) {
            place = {number, id_hash(id)};
            ++size_;
        }
        return place.number;
    }

    /// Precondition: the id is in the table.
    template <class IdOf>
    void erase(const Fingerprint& id, IdOf id_of) noexcept {
        erase_place(probe(id, id_of));
    }

    /// The same for one who knows the number, too.
    [[gnu::always_inline]] void erase_number(const Fingerprint& id, std::uint32_t number) noexcept {
        std::size_t place = id_hash(id) & mask_;
        while (places_[place].number != number) {
            place = next(place);
        }
        erase_place(place);
    }

    /// Gives back memory that the content no longer needs. Amortised: only when seven eighths are empty.
    void shrink() {
        std::size_t size = places_.size();
        while (size > smallest && size_ * 8 < size) {
            size /= 2;
        }
        if (size != places_.size()) {
            resize(size);
        }
    }

    void clear() {
        places_ = std::vector<Place>{};
        mask_ = 0;
        size_ = 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return places_.capacity() * sizeof(Place); }

private:
    struct Place {
        std::uint32_t number = none;
        std::uint32_t hash = 0;  // part of the fingerprint
    };
    static constexpr std::size_t smallest = 32;

    [[nodiscard]] static std::uint32_t id_hash(const Fingerprint& id) noexcept {
        return static_cast<std::uint32_t>(id.low);
    }
    [[nodiscard]] std::size_t next(std::size_t place) const noexcept { return (place + 1) & mask_; }

    /// The place of an id, or the empty one where it would go. Precondition: the table has memory.
    template <class IdOf>
    [[nodiscard]] std::size_t probe(const Fingerprint& id, IdOf id_of) const noexcept {
        const std::uint32_t hash = id_hash(id);
        const Place* const places = places_.data();
        std::size_t place = hash & mask_;
        while (places[place].number != none && (places[place].hash != hash || !(id_of(places[place].number) == id))) {
            place = next(place);
        }
        return place;
    }

    [[gnu::always_inline]] void erase_place(std::size_t hole) noexcept {
        // Backward shift: whatever was pushed past the hole moves into it.
        Place* const places = places_.data();
        for (std::size_t place = next(hole); places[place].number != none; place = next(place)) {
            const std::size_t wanted = places[place].hash & mask_;
            if (((place - wanted) & mask_) >= ((place - hole) & mask_)) {
                places[hole] = places[place];
                hole = place;
            }
        }
        places[hole] = Place{};
        --size_;
    }

    void put(Place value) noexcept {
        std::size_t place = value.hash & mask_;
        while (places_[place].number != none) {
            place = next(place);
        }
        places_[place] = value;
    }

    void make_room() {
        if ((size_ + 1) * 3 > places_.size() * 2) [[unlikely]] {
            resize(places_.empty() ? smallest : places_.size() * 2);
        }
    }

    void resize(std::size_t size) {
        std::vector<Place> old(size);
        old.swap(places_);
        mask_ = size - 1;
        for (const Place& place : old) {
            if (place.number != none) {
                put(place);
            }
        }
    }

    std::vector<Place> places_{};  // a power of two of them, at most two thirds full
    std::size_t mask_ = 0;         // their number less one
    std::size_t size_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
