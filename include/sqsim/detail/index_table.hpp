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
class IndexTable {
public:
    template <class IdOf>
    [[nodiscard]] std::optional<std::uint32_t> find(const Fingerprint& id, IdOf id_of) const noexcept {
        if (size_ == 0) {
            return std::nullopt;
        }
        for (std::size_t place = home(id); places_[place].tag != 0; place = next(place)) {
            if (places_[place].tag == tag(id) && id_of(places_[place].number) == id) {
                return places_[place].number;
            }
        }
        return std::nullopt;
    }

    /// Precondition: the id is not in the table.
    template <class IdOf>
    void insert(const Fingerprint& id, std::uint32_t number, IdOf id_of) {
        if ((size_ + 1) * 3 > places_.size() * 2) {
            resize(places_.empty() ? smallest : places_.size() * 2, id_of);
        }
        put({number, tag(id)}, id);
        ++size_;
    }

    /// Precondition: the id is in the table.
    template <class IdOf>
    void erase(const Fingerprint& id, IdOf id_of) noexcept {
        std::size_t hole = home(id);
        while (places_[hole].tag != tag(id) || !(id_of(places_[hole].number) == id)) {
            hole = next(hole);
        }
        // Backward shift: whatever was pushed past the hole moves into it.
        for (std::size_t place = next(hole); places_[place].tag != 0; place = next(place)) {
            const std::size_t wanted = home(id_of(places_[place].number));
            if (((place - wanted) & (places_.size() - 1)) >= ((place - hole) & (places_.size() - 1))) {
                places_[hole] = places_[place];
                hole = place;
            }
        }
        places_[hole] = Place{};
        --size_;
    }

    /// Gives back memory that the content no longer needs. Amortised: only when seven eighths are empty.
    template <class IdOf>
    void shrink(IdOf id_of) {
        std::size_t size = places_.size();
        while (size > smallest && size_ * 8 < size) {
            size /= 2;
        }
        if (size != places_.size()) {
            resize(size, id_of);
        }
    }

    void clear() {
        places_ = std::vector<Place>{};
        size_ = 0;
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] std::size_t bytes() const noexcept { return places_.capacity() * sizeof(Place); }

private:
    struct Place {
        std::uint32_t number = 0;
        std::uint32_t tag = 0;  // part of the fingerprint; 0: empty
    };
    static constexpr std::size_t smallest = 16;

    [[nodiscard]] static std::uint32_t tag(const Fingerprint& id) noexcept {
        return static_cast<std::uint32_t>(id.high) | 1;
    }
    [[nodiscard]] std::size_t home(const Fingerprint& id) const noexcept {
        return static_cast<std::size_t>(id.low) & (places_.size() - 1);
    }
    [[nodiscard]] std::size_t next(std::size_t place) const noexcept { return (place + 1) & (places_.size() - 1); }

    void put(Place value, const Fingerprint& id) noexcept {
        std::size_t place = home(id);
        while (places_[place].tag != 0) {
            place = next(place);
        }
        places_[place] = value;
    }

    template <class IdOf>
    void resize(std::size_t size, IdOf id_of) {
        std::vector<Place> old(size);
        old.swap(places_);
        for (const Place& place : old) {
            if (place.tag != 0) {
                put(place, id_of(place.number));
            }
        }
    }

    std::vector<Place> places_{};  // a power of two of them, at most two thirds full
    std::size_t size_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
