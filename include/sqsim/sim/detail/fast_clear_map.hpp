// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// A hash table of numbers that is emptied in constant time: for what each of a hundred thousand executions begins
/// anew.
class FastClearMap {
public:
    FastClearMap() : entries_(64) {}

    void clear() noexcept {
        size_ = 0;
        if (++epoch_ == 0) {  // entries of four thousand million runs ago would look current
            entries_.assign(entries_.size(), Entry{});
            epoch_ = 1;
        }
    }

    /// The value of a key; 0 if it is new. Valid until the next call.
    [[nodiscard]] std::uint32_t& operator[](std::uint64_t key) {
        if (2 * size_ >= entries_.size()) {
            grow();
        }
        Entry& entry = find(key);
        if (entry.epoch != epoch_) {
            entry = Entry{key, epoch_, 0};
            ++size_;
        }
        return entry.value;
    }

    /// The value of a key, or 0.
    [[nodiscard]] std::uint32_t value_or_zero(std::uint64_t key) noexcept {
        const Entry& entry = find(key);
        return entry.epoch == epoch_ ? entry.value : 0;
    }

private:
    struct Entry {
        std::uint64_t key = 0;
        std::uint32_t epoch = 0;
        std::uint32_t value = 0;
    };

    [[nodiscard]] Entry& find(std::uint64_t key) noexcept {
        const std::size_t mask = entries_.size() - 1;
        std::size_t at = static_cast<std::size_t>(key * 0x9e37'79b9'7f4a'7c15U >> 32) & mask;  // Fibonacci hashing
        while (entries_[at].epoch == epoch_ && entries_[at].key != key) {
            at = (at + 1) & mask;
        }
        return entries_[at];
    }

    void grow() {
        std::vector<Entry> old(2 * entries_.size());
        old.swap(entries_);
        for (const Entry& entry : old) {
            if (entry.epoch == epoch_) {
                find(entry.key) = entry;
            }
        }
    }

    std::vector<Entry> entries_;
    std::uint32_t epoch_ = 1;
    std::size_t size_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
