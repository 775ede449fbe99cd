// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"
#include "sqsim/detail/ring.hpp"

#include <algorithm>
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
        const auto found = table_.find(id, id_of());
        return found ? std::optional{entry(*found).ordinal} : std::nullopt;
    }

    /// Remembers an id until `ends`, which is no earlier than for all others. Precondition: it is not remembered yet.
    void insert(const Fingerprint& id, std::uint64_t ordinal, Nanos ends) {
        static_cast<void>(find_or_claim(id));
        Claim{this, id}.confirm(ordinal, ends);
    }

    // The same in one search of the table: an id is claimed, and then confirmed or given up again before anything else.

    /// The message that was accepted for an id that is still remembered. If there is none, 0, and the id is claimed.
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t find_or_claim(const Fingerprint& id) {
        const std::uint32_t claimed = number(entries_.end_position());
        const std::uint32_t found = table_.insert(id, claimed, id_of());
        return found == claimed ? 0 : entry(found).ordinal;
    }
    void give_up(const Fingerprint& id) noexcept { table_.erase_number(id, number(entries_.end_position())); }

    /// An id that was claimed (or not, if there is no window), for as long as its message is being stored.
    class Claim {
    public:
        Claim(DedupWindow* window, const Fingerprint& id) noexcept : window_{window}, id_{id} {}
        Claim(const Claim&) = delete;
        Claim& operator=(const Claim&) = delete;
        ~Claim() {
            if (window_ != nullptr) {
                window_->give_up(id_);
            }
        }
        [[gnu::always_inline]] void confirm(std::uint64_t ordinal, Nanos ends) {
            if (window_ != nullptr) {
                window_->entries_.push_back({id_, ordinal, ends});
                window_ = nullptr;
            }
        }

    private:
        DedupWindow* window_;
        const Fingerprint& id_;
    };

    /// Asks for the memory that the above will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept { table_.prefetch(id); }

    /// When the oldest id will be forgotten; `never` if there is none.
    [[nodiscard]] Nanos next_end() const noexcept { return entries_.empty() ? never : entries_.front().ends; }

    /// Forgets the ids whose time has come.
    void expire(Nanos now) {
        if (entries_.empty() || entries_.front().ends > now) {
            return;
        }
        // The places in a large table are asked for a few ids ahead.
        std::uint64_t ahead = entries_.begin_position();
        do {
            for (const std::uint64_t end = std::min(entries_.begin_position() + lookahead, entries_.end_position());
                 ahead < end; ++ahead) {
                table_.prefetch(entries_[ahead].id);
            }
            forget_oldest();
        } while (!entries_.empty() && entries_.front().ends <= now);
        table_.shrink();
    }

    void clear() {
        entries_.clear();
        table_.clear();
    }

    [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }
    [[nodiscard]] std::size_t table_bytes() const noexcept { return table_.bytes(); }

private:
    static constexpr std::uint64_t lookahead = 16;

    struct Entry {
        Fingerprint id;
        std::uint64_t ordinal;
        Nanos ends;
    };

    // The table keeps the low bits of positions, one less than it has room for.
    static constexpr std::uint32_t number_mask = 0x7FFF'FFFF;
    [[nodiscard]] static std::uint32_t number(std::uint64_t position) noexcept {
        return static_cast<std::uint32_t>(position) & number_mask;
    }

    [[nodiscard]] const Entry& entry(std::uint32_t number_in_table) const noexcept {
        const std::uint64_t oldest = entries_.begin_position();
        return entries_[oldest + ((number_in_table - number(oldest)) & number_mask)];
    }
    struct IdOf {
        const DedupWindow& window;
        const Fingerprint& operator()(std::uint32_t number_in_table) const noexcept {
            return window.entry(number_in_table).id;
        }
    };
    [[nodiscard]] IdOf id_of() const noexcept { return {*this}; }

    void forget_oldest() noexcept {
        table_.erase_number(entries_.front().id, number(entries_.begin_position()));
        entries_.pop_front();
    }

    Ring<Entry> entries_{};
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
