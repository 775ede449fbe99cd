// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/options.hpp"

#include <cstddef>
#include <span>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the ids of a message in a FIFO queue are known by: computed once per send, before the lock.
struct FifoKeys {
    Fingerprint group;
    Fingerprint deduplication;  // within the group if that is the scope (R153)

    [[nodiscard]] static FifoKeys of(DeduplicationScope scope, std::string_view group_id,
                                     std::string_view deduplication_id) noexcept {
        const Fingerprint group = fingerprint(group_id);
        return {group, scope == DeduplicationScope::queue ? fingerprint(deduplication_id)
                                                          : fingerprint(deduplication_id, group)};
    }
};

/// Whether no two messages have the same deduplication id.
[[nodiscard]] inline bool are_distinct(std::span<const FifoKeys> keys) noexcept {
    bool distinct = true;
    for (std::size_t i = 1; i < keys.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
            distinct &= keys[i].deduplication.low != keys[j].deduplication.low;  // if in doubt: no
        }
    }
    return distinct;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
