// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"
#include "sqsim/detail/piece.hpp"
#include "sqsim/detail/ring.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>

namespace sqsim::inline SQSIM_ABI::detail {

/// The deduplication ids accepted within the last interval, each with the message that it was accepted for (R149).
/// The entries lie in the order they end; a table of their positions finds them. Both follow the window's content.
///
/// Ids that were accepted at one instant end together: they are a run, which has what they share. So an entry is 20
/// bytes, and the end of many ids is one comparison.
class DedupWindow {
public:
    /// The message that was accepted for an id that is still remembered.
    [[nodiscard]] std::optional<std::uint64_t> find(const Fingerprint& id) const noexcept {
        const auto found = table_.find(id, id_of());
        return found && position(*found) >= cleared_ ? std::optional{ordinal(position(*found))} : std::nullopt;
    }

    /// Remembers an id until `ends`, which is no earlier than for all others. Precondition: the window has no such id.
    void insert(const Fingerprint& id, std::uint64_t ordinal, Nanos ends) {
        begin_run(ordinal, ends);
        static_cast<void>(find_or_claim(id, ordinal, Nanos::min()));
        Claim{this, id}.confirm();
    }

    // The same in one search of the table: an id is claimed for a message, and then confirmed or given up again before
    // anything else. All memory is had by the claim. If it fails, nothing has changed.

    /// Tells that the ids that are claimed next end then, no earlier than all others, and that their messages come
    /// after all others, this one first.
    [[gnu::always_inline]] void begin_run(std::uint64_t ordinal, Nanos ends) {
        if (runs_.empty() || runs_.back().ends != ends || runs_.back().high != ordinal >> 32) {
            add_run(ordinal, ends);
        }
    }

    /// The message that was accepted for an id that is remembered beyond `now`, whether or not the others have been
    /// forgotten. If there is none, 0, and the id is claimed for this message.
    [[gnu::always_inline]] [[nodiscard]] std::uint64_t find_or_claim(const Fingerprint& id, std::uint64_t ordinal,
                                                                     Nanos now) {
        if (accepted_ == entries_.end_position()) [[likely]] {
            entries_.push_back(Entry{id, ordinal});
        } else {
            entries_[accepted_] = Entry{id, ordinal};
        }
        if (static_cast<std::uint32_t>(ordinal) == 0) [[unlikely]] {
            add_run(ordinal, runs_.back().ends);  // from here on their places have other high bits
        }
        const std::uint32_t claimed = number(accepted_);
        const std::uint32_t found = table_.insert(id, claimed, id_of());
        return found == claimed ? 0 : find_unless_ended(id, found, now);
    }
    void give_up(const Fingerprint& id) noexcept { table_.erase_number(id, number(accepted_)); }
    [[gnu::always_inline]] void confirm() noexcept { ++accepted_; }

    /// The position behind the last accepted id, to which `take_back` returns: the ids since are forgotten.
    [[nodiscard]] std::uint64_t accepted() const noexcept { return accepted_; }
    void take_back(std::uint64_t accepted) noexcept {
        while (accepted_ != accepted) {
            --accepted_;
            table_.erase_number(entries_[accepted_].id(), number(accepted_));
        }
    }

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
        [[gnu::always_inline]] void confirm() noexcept {
            if (window_ != nullptr) {
                window_->confirm();
                window_ = nullptr;
            }
        }

    private:
        DedupWindow* window_;
        const Fingerprint& id_;
    };

    /// Asks for the memory that the above will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept { table_.prefetch(id); }
    /// Whether that is worth its time.
    [[nodiscard]] bool is_large() const noexcept { return table_.is_large(); }

    /// When the oldest id will be forgotten; `never` if there is none.
    [[nodiscard]] Nanos next_end() const noexcept {
        return entries_.begin_position() < cleared_ ? Nanos::min() : size() == 0 ? never : runs_.front().ends;
    }

    /// Forgets the ids whose time has come, unless the piece is done before.
    void expire(Nanos now, Piece& piece) noexcept {
        while (entries_.begin_position() != accepted_ && !piece.is_done()) {
            const std::uint64_t begin = entries_.begin_position();
            const std::uint64_t end = end_of_first_run();
            const std::uint64_t due = runs_.front().ends <= now ? end : std::clamp(cleared_, begin, end);
            if (due == begin) {
                break;
            }
            const std::size_t count = std::min(static_cast<std::size_t>(due - begin), piece.rest());
            forget(begin + count);
            piece.count(count);
            if (entries_.begin_position() == end) {
                runs_.pop_front();
            }
        }
        table_.shrink();
    }

    /// The time of all ids has come.
    void clear() noexcept { cleared_ = accepted_; }

    /// How many ids were neither forgotten nor cleared.
    [[nodiscard]] std::size_t size() const noexcept {
        return static_cast<std::size_t>(accepted_ - std::max(entries_.begin_position(), cleared_));
    }
    [[nodiscard]] std::size_t table_bytes() const noexcept { return table_.bytes(); }

private:
    static constexpr std::uint64_t lookahead = 32;

    // An id and the low bits of its message's place, without holes.
    class Entry {
    public:
        Entry(const Fingerprint& id, std::uint64_t ordinal) noexcept : ordinal_{static_cast<std::uint32_t>(ordinal)} {
            std::memcpy(id_.data(), &id, sizeof id);
        }
        [[nodiscard]] Fingerprint id() const noexcept {
            Fingerprint id{};
            std::memcpy(&id, id_.data(), sizeof id);
            return id;
        }
        [[nodiscard]] std::uint32_t ordinal() const noexcept { return ordinal_; }

    private:
        std::array<std::uint32_t, 4> id_;
        std::uint32_t ordinal_;
    };
    static_assert(sizeof(Entry) == 20);

    // Where ids begin that end together. The last run may have none: then it is free to become another.
    struct Run {
        Nanos ends;
        std::uint32_t first;  // the low bits of a position
        std::uint32_t high;   // the high bits of the places of all their messages
    };

    // The table keeps the low bits of positions, one less than it has room for.
    static constexpr std::uint32_t number_mask = 0x7FFF'FFFF;
    [[nodiscard]] static std::uint32_t number(std::uint64_t position) noexcept {
        return static_cast<std::uint32_t>(position) & number_mask;
    }
    [[nodiscard]] std::uint64_t position(std::uint32_t number_in_table) const noexcept {
        const std::uint64_t oldest = entries_.begin_position();
        return oldest + ((number_in_table - number(oldest)) & number_mask);
    }

    struct IdOf {
        const DedupWindow& window;
        Fingerprint operator()(std::uint32_t number_in_table) const noexcept {
            return window.entries_[window.position(number_in_table)].id();
        }
    };
    [[nodiscard]] IdOf id_of() const noexcept { return {*this}; }

    /// The place of the message of the id at a position: its run knows the high bits.
    [[nodiscard]] std::uint64_t ordinal(std::uint64_t at) const noexcept { return ordinal(at, run_of(at)); }
    [[nodiscard]] std::uint64_t ordinal(std::uint64_t at, const Run& run) const noexcept {
        return std::uint64_t{run.high} << 32 | entries_[at].ordinal();
    }
    [[nodiscard]] const Run& run_of(std::uint64_t at) const noexcept {
        std::uint64_t low = runs_.begin_position();
        std::uint64_t high = runs_.end_position();
        while (high - low > 1) {
            const std::uint64_t middle = low + (high - low) / 2;
            (begin_of(runs_[middle]) <= at ? low : high) = middle;
        }
        return runs_[low];
    }

    /// The message of an id that is being claimed and was found, unless its time has come: then the id is claimed, and
    /// the old entry is left for `forget`.
    [[gnu::noinline]] std::uint64_t find_unless_ended(const Fingerprint& id, std::uint32_t found, Nanos now) noexcept {
        const Run& run = run_of(position(found));
        if (run.ends > now && position(found) >= cleared_) {
            return ordinal(position(found), run);
        }
        table_.erase_number(id, found);
        ++replaced_;
        static_cast<void>(table_.insert(id, number(accepted_), id_of()));  // there is room
        return 0;
    }

    [[gnu::noinline]] void add_run(std::uint64_t ordinal, Nanos ends) {
        const Run run{ends, static_cast<std::uint32_t>(accepted_), static_cast<std::uint32_t>(ordinal >> 32)};
        if (!runs_.empty() && runs_.back().first == run.first) {
            runs_[runs_.end_position() - 1] = run;
        } else {
            runs_.push_back(run);
        }
    }

    [[nodiscard]] std::uint64_t begin_of(const Run& run) const noexcept {
        const std::uint64_t oldest = entries_.begin_position();
        return oldest + static_cast<std::uint32_t>(run.first - static_cast<std::uint32_t>(oldest));
    }
    [[nodiscard]] std::uint64_t end_of_first_run() const noexcept {
        return runs_.size() == 1 ? accepted_ : begin_of(runs_[runs_.begin_position() + 1]);
    }

    /// Forgets the ids before a position. The places in a large table are asked for some ids ahead, those of the next
    /// call by this one.
    void forget(std::uint64_t end) noexcept {
        const bool looks_ahead = table_.is_large();
        for (std::uint64_t at = entries_.begin_position(); at != end; ++at) {
            if (looks_ahead && at + lookahead < accepted_) {
                table_.prefetch(entries_[at + lookahead].id());
            }
            const Fingerprint id = entries_.front().id();
            if (replaced_ == 0 || table_.has_number(id, number(at))) [[likely]] {
                table_.erase_number(id, number(at));
            } else {
                --replaced_;
            }
            entries_.pop_front();
        }
    }

    Ring<Entry> entries_{};       // those behind the accepted ones are for the next claims
    Ring<Run> runs_{};            // in the order they end
    std::uint64_t accepted_ = 0;  // the position behind the last id that is remembered
    std::uint64_t cleared_ = 0;   // the position behind the last id whose time has come whatever its run says
    std::uint64_t replaced_ = 0;  // ids whose time had come and that were accepted again before they were forgotten
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
