// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/record.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <new>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

/// Bodies up to this size go the short way of `store_linked_text`: for longer ones the copy is all that counts.
inline constexpr std::size_t short_text = 1024;

/// Copies a text. Returns: the place behind it.
[[gnu::always_inline]] inline std::byte* copy_text(std::byte* to, std::string_view text) noexcept {
    constexpr std::size_t step = 16;
    const char* from = text.data();
    if (text.size() >= step && text.size() <= 8 * step) [[likely]] {  // ids, and most bodies: a call costs more
        std::byte* const last = to + (text.size() - step);
        std::memcpy(last, from + (text.size() - step), step);
        for (; to < last; to += step, from += step) {
            std::memcpy(to, from, step);
        }
        return last + step;
    }
    if (!text.empty()) {
        std::memcpy(to, from, text.size());
    }
    return to + text.size();
}

/// A new record for a message of a group that has nothing beside its ids and a short text: what `MessageStore::store`
/// makes of it, but with one layout that is known beforehand. If memory fails, nothing has changed.
[[gnu::always_inline]] [[nodiscard]] inline Record& store_linked_text(MessageStore<std::string>& store,
                                                                      std::string_view body, std::string_view group_id,
                                                                      std::string_view deduplication_id) {
    using Layout = PayloadOf<std::string>;
    constexpr std::size_t body_offset = Layout::body_offset(layout_linked);
    store.collect();
    Record& record = store.slots().take(body_offset + body.size() + group_id.size() + deduplication_id.size());
    record.references.store(1, std::memory_order_relaxed);
    record.body_size = static_cast<std::uint32_t>(body.size());
    record.group_id_size = static_cast<std::uint8_t>(group_id.size());
    record.deduplication_id_size = static_cast<std::uint8_t>(deduplication_id.size());
    record.layout = layout_linked;
    record.was_delayed = false;
    record.survived_delete = false;
    record.first_received_at = never;
    std::byte* const begin = Layout::begin(record);
    ::new (begin + Layout::link_offset(layout_linked)) GroupLink{};
    copy_text(copy_text(copy_text(begin + body_offset, body), group_id), deduplication_id);
    return record;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
