// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The message groups of a queue by their id, each with a number for as long as it is in use. They lie in chunks, whose
/// memory comes and goes one by one.
template <class Group>
class GroupTable {
public:
    /// The number of a group, which is created if it does not exist.
    [[nodiscard]] std::uint32_t find_or_create(std::string_view group_id) {
        return find_or_create(fingerprint(group_id));
    }
    [[gnu::always_inline]] [[nodiscard]] std::uint32_t find_or_create(const Fingerprint& id) {
        if (first_unused_ == none) {
            find_unused();
        }
        const std::uint32_t number = table_.insert(id, first_unused_, id_of());
        if (number == first_unused_) {
            Entry& entry = at(number);
            first_unused_ = entry.next_unused;
            entry.next_unused = in_use;
            entry.id = id;
            ++chunks_[number / chunk_size].used;
        }
        return number;
    }

    /// Asks for the memory that `find_or_create` will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept { table_.prefetch(id); }
    /// Whether that is worth its time.
    [[nodiscard]] bool is_large() const noexcept { return table_.is_large(); }

    [[gnu::always_inline]] void erase(std::uint32_t number) noexcept {
        Entry& entry = at(number);
        table_.erase_number(entry.id, number);
        table_.shrink();
        entry.group = Group{};
        Chunk& chunk = chunks_[number / chunk_size];
        --chunk.used;
        if (number / chunk_size == open_) [[likely]] {
            entry.next_unused = first_unused_;
            first_unused_ = number;
        } else {
            entry.next_unused = chunk.first_unused;
            chunk.first_unused = number;
            if (!chunk.is_listed || chunk.used == 0) {
                note_room(number / chunk_size);
            }
        }
    }

    [[nodiscard]] Group& operator[](std::uint32_t number) noexcept { return at(number).group; }
    [[nodiscard]] const Group& operator[](std::uint32_t number) const noexcept { return at(number).group; }
    [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

    [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
        const std::size_t chunk = number / chunk_size;
        return chunk < chunks_.size() && number % chunk_size < chunks_[chunk].entries.size() &&
               at(number).next_unused == in_use;
    }

    /// Calls `visit(number)` for every group in use. Linear.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t number = 0; number < chunks_.size() * chunk_size; ++number) {
            if (contains(number)) {
                visit(number);
            }
        }
    }

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;
    static constexpr std::uint32_t in_use = 0xFFFF'FFFE;
    static constexpr std::uint32_t chunk_size = 256;

    struct Entry {
        Fingerprint id{};
        std::uint32_t next_unused = none;
        Group group{};
    };

    struct IdOf {
        const GroupTable& table;
        const Fingerprint& operator()(std::uint32_t number) const noexcept { return table.at(number).id; }
    };
    [[nodiscard]] IdOf id_of() const noexcept { return {*this}; }

    // A full one is in no list, one without groups has no memory. The open one is that of the next new groups, and
    // keeps its memory: a few groups come and go.
    struct Chunk {
        std::vector<Entry> entries{};  // as many as were ever used, up to all
        std::uint32_t used = 0;
        std::uint32_t first_unused = none;    // of those that were used before; the open one's are elsewhere
        std::uint32_t next_with_room = none;  // another chunk
        bool is_listed = false;
    };

    [[nodiscard]] Entry& at(std::uint32_t number) noexcept { return rows_[number / chunk_size][number % chunk_size]; }
    [[nodiscard]] const Entry& at(std::uint32_t number) const noexcept {
        return rows_[number / chunk_size][number % chunk_size];
    }

    /// Finds a number for the next new group. Errors: `std::bad_alloc`; nothing has changed then.
    [[gnu::noinline]] void find_unused() {
        if (open_ == none || chunks_[open_].entries.size() == chunk_size) {
            if (first_with_room_ == none) {
                if (rows_.size() == rows_.capacity()) {
                    rows_.reserve(2 * rows_.size() + 1);
                }
                chunks_.emplace_back();
                rows_.push_back(nullptr);
                first_with_room_ = static_cast<std::uint32_t>(chunks_.size() - 1);
                chunks_.back().is_listed = true;
            }
            open_ = first_with_room_;
            Chunk& opened = chunks_[open_];
            first_with_room_ = std::exchange(opened.next_with_room, none);
            opened.is_listed = false;
            first_unused_ = std::exchange(opened.first_unused, none);
        }
        Chunk& chunk = chunks_[open_];
        if (first_unused_ == none) {
            chunk.entries.emplace_back();
            rows_[open_] = chunk.entries.data();
            first_unused_ = open_ * chunk_size + static_cast<std::uint32_t>(chunk.entries.size() - 1);
        }
    }

    /// A group of a chunk that is not open is gone.
    [[gnu::noinline]] void note_room(std::uint32_t at) noexcept {
        Chunk& chunk = chunks_[at];
        if (!chunk.is_listed) {
            chunk.is_listed = true;
            chunk.next_with_room = std::exchange(first_with_room_, at);
        }
        if (chunk.used == 0) {
            chunk.entries = std::vector<Entry>{};
            chunk.first_unused = none;
        }
    }

    std::vector<Chunk> chunks_{};
    std::vector<Entry*> rows_{};  // where each chunk's entries are
    std::uint32_t open_ = none;
    std::uint32_t first_unused_ = none;  // a number of the open chunk
    std::uint32_t first_with_room_ = none;
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
