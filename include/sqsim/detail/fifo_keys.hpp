// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/options.hpp"

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

}  // namespace sqsim::inline SQSIM_ABI::detail
