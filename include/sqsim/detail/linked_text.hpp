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

/// Copies so many bytes from both ends of a text that has no more than twice as many; what lies between, twice.
template <std::size_t Bytes>
[[gnu::always_inline]] inline void copy_ends(std::byte* to, const char* from, std::size_t size) noexcept {
    std::memcpy(to, from, Bytes);
    std::memcpy(to + (size - Bytes), from + (size - Bytes), Bytes);
}

/// Copies a text to a place. Returns: the place behind it.
[[gnu::always_inline]] inline std::byte* put_text(std::byte* to, std::string_view text) noexcept {
    const std::size_t size = text.size();
    if (size - 16 <= 16) {  // ids, and most bodies: a call costs more
        copy_ends<16>(to, text.data(), size);
    } else if (size - 32 <= 32) {
        copy_ends<32>(to, text.data(), size);
    } else if (size != 0) {
        std::memcpy(to, text.data(), size);
    }
    return to + size;
}

/// A new record for a message of a group that has nothing beside its ids and a short text: what `MessageStore::store`
/// makes of it, but with one layout that is known beforehand. If memory fails, nothing has changed.
[[gnu::always_inline]] [[nodiscard]] inline Record& store_linked_text(MessageStore<std::string>& store,
                                                                      std::string_view body, std::string_view group_id,
                                                                      std::string_view deduplication_id) {
    using Layout = PayloadOf<std::string>;
    constexpr std::size_t body_offset = Layout::body_offset(layout_linked);
    const std::uint8_t number = Slots::class_for(body_offset + body.size() + group_id.size() + deduplication_id.size());
    Record& record = *store.take(number);
    record.body_size = static_cast<std::uint32_t>(body.size());
    record.group_id_size = static_cast<std::uint8_t>(group_id.size());
    record.deduplication_id_size = static_cast<std::uint8_t>(deduplication_id.size());
    record.layout = static_cast<std::uint8_t>(number << layout_class_shift | layout_linked);
    record.status = 0;
    record.first_received_at = never;
    std::byte* const begin = Layout::begin(record);
    ::new (begin + Layout::link_offset(layout_linked)) GroupLink{};
    put_text(put_text(put_text(begin + body_offset, body), group_id), deduplication_id);
    return record;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
