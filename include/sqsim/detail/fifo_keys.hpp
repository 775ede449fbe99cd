// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/byte_range.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/text.hpp"
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
        return {group, fingerprint(deduplication_id, within(scope, group))};
    }

    /// What a deduplication id is unique in.
    [[nodiscard]] static Fingerprint within(DeduplicationScope scope, const Fingerprint& group) noexcept {
        return scope == DeduplicationScope::queue ? Fingerprint{} : group;
    }
};

/// Computes keys, and looks on the way whether the ids are good (R51).
class KeyMaker {
public:
    explicit KeyMaker(DeduplicationScope scope) noexcept : scope_{scope} {}

    [[gnu::always_inline]] [[nodiscard]] FifoKeys make(std::string_view group_id,
                                                       std::string_view deduplication_id) noexcept {
        const Fingerprint group = hash(group_id, {});
        return {group, hash(deduplication_id, FifoKeys::within(scope_, group))};
    }

    /// Whether all ids were good, so that all keys are meant.
    [[nodiscard]] bool all_good() const noexcept { return all_good_ && !bytes_.has_seen_others(); }

private:
    static constexpr std::size_t longest = 128;

    [[gnu::always_inline]] [[nodiscard]] Fingerprint hash(std::string_view id, const Fingerprint& within) noexcept {
        if (id.size() - decltype(bytes_)::step > longest - decltype(bytes_)::step) [[unlikely]] {
            return hash_other(id, within);
        }
        return fingerprint_on_the_way(id, within, bytes_);
    }
    [[gnu::noinline]] [[nodiscard]] Fingerprint hash_other(std::string_view id, const Fingerprint& within) noexcept {
        const bool is_good = is_identifier(id);
        all_good_ = all_good_ && is_good;
        return is_good ? fingerprint(id, within) : Fingerprint{};
    }

    DeduplicationScope scope_;
    bool all_good_ = true;
    ByteRange<0x21, 0x7E> bytes_{};
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
