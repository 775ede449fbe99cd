// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"
#include "sqsim/detail/ring.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

namespace sqsim::inline SQSIM_ABI::detail {

/// The deduplication ids accepted within the last interval, each with the message that it was accepted for (R149).
/// The entries lie in the order they end; a table of their positions finds them. Both follow the window's content.
class DedupWindow {
public:
    /// The message that was accepted for an id that is still remembered.
    [[nodiscard]] std::optional<std::uint64_t> find(const Fingerprint& id) const noexcept {
        const auto position = table_.find(id, id_of());
        return position ? std::optional{entry(*position).ordinal} : std::nullopt;
    }

    /// Remembers an id until `ends`, which is no earlier than for all others. Precondition: it is not remembered yet.
    void insert(const Fingerprint& id, std::uint64_t ordinal, Nanos ends) {
        const auto position = static_cast<std::uint32_t>(entries_.end_position());
        entries_.push_back({id, ordinal, ends});
        table_.insert(id, position, id_of());
    }

    /// When the oldest id will be forgotten; `never` if there is none.
    [[nodiscard]] Nanos next_end() const noexcept { return entries_.empty() ? never : entries_.front().ends; }

    /// Forgets the ids whose time has come.
    void expire(Nanos now) {
        while (!entries_.empty() && entries_.front().ends <= now) {
            table_.erase(entries_.front().id, id_of());
            entries_.pop_front();
        }
        table_.shrink(id_of());
    }

    void clear() {
        entries_.clear();
        table_.clear();
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t table_bytes() const noexcept { return table_.bytes(); }

private:
    struct Entry {
        Fingerprint id;
        std::uint64_t ordinal;
        Nanos ends;
    };

    /// The entry at a position of which the table keeps the low 32 bits.
    [[nodiscard]] const Entry& entry(std::uint32_t position) const noexcept {
        const std::uint64_t oldest = entries_.begin_position();
        return entries_[oldest + static_cast<std::uint32_t>(position - static_cast<std::uint32_t>(oldest))];
    }
    struct IdOf {
        const DedupWindow& window;
        const Fingerprint& operator()(std::uint32_t position) const noexcept { return window.entry(position).id; }
    };
    [[nodiscard]] IdOf id_of() const noexcept { return {*this}; }

    Ring<Entry> entries_{};
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
