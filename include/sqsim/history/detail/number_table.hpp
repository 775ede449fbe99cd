// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// Numbers keys from 1 on, in the order in which they are seen, and keeps a value with each. Memory is obtained before
/// a key is known: what happened already must be noted, whatever it was.
template <class Key, class Value, class Hash = std::hash<Key>>
class NumberTable {
public:
    struct Entry {
        Key key;
        Value value;
        std::uint32_t number;
    };

    /// Sees to it that so many `find_or_add` throw nothing. Errors: `std::bad_alloc`; nothing has changed then.
    void reserve(std::size_t count) {
        const std::size_t wanted = entries_.size() + count;
        if (entries_.capacity() < wanted) {
            entries_.reserve(std::max(wanted, 2 * entries_.capacity()));
        }
        if (table_.size() < 2 * wanted) {
            std::size_t size = std::max<std::size_t>(table_.size(), 16);
            while (size < 2 * wanted) {
                size *= 2;
            }
            std::vector<std::uint32_t> table(size);
            table_.swap(table);
            for (const Entry& entry : entries_) {
                table_[place_of(entry.key)] = entry.number;
            }
        }
    }

    /// The entry of a key, which gets this value if it is new. Precondition: memory is reserved.
    [[nodiscard]] const Entry& find_or_add(const Key& key, const Value& value) noexcept {
        const std::size_t place = place_of(key);
        if (table_[place] == 0) {
            entries_.push_back({key, value, static_cast<std::uint32_t>(entries_.size() + 1)});
            table_[place] = entries_.back().number;
        }
        return entries_[table_[place] - 1];
    }

private:
    /// Where a key is, or belongs.
    [[nodiscard]] std::size_t place_of(const Key& key) const noexcept {
        const std::size_t mask = table_.size() - 1;
        const std::uint64_t mixed = std::uint64_t{Hash{}(key)} * 0x9e3779b97f4a7c15U;
        std::size_t place = static_cast<std::size_t>(mixed >> 32) & mask;
        while (table_[place] != 0 && !(entries_[table_[place] - 1].key == key)) {
            place = (place + 1) & mask;
        }
        return place;
    }

    std::vector<Entry> entries_{};
    std::vector<std::uint32_t> table_{};  // numbers; 0 where there is none; at most half full
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
