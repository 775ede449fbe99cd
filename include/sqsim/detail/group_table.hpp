// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The message groups of a queue by their id, each with a number for as long as it is in use.
template <class Group>
class GroupTable {
public:
    /// The number of a group, which is created if it does not exist.
    [[nodiscard]] std::uint32_t find_or_create(std::string_view group_id) {
        return find_or_create(fingerprint(group_id));
    }
    [[gnu::always_inline]] [[nodiscard]] std::uint32_t find_or_create(const Fingerprint& id) {
        if (first_unused_ == none) {
            add_unused();
        }
        const std::uint32_t number = table_.insert(id, first_unused_, id_of());
        if (number == first_unused_) {
            Entry& entry = groups_[number];
            first_unused_ = entry.next_unused;
            entry.next_unused = in_use;
            entry.id = id;
        }
        return number;
    }

    /// Asks for the memory that `find_or_create` will need soon.
    [[gnu::always_inline]] void prefetch(const Fingerprint& id) const noexcept { table_.prefetch(id); }
    /// Whether that is worth its time.
    [[nodiscard]] bool is_large() const noexcept { return table_.is_large(); }

    [[gnu::always_inline]] void erase(std::uint32_t number) noexcept {
        Entry& entry = groups_[number];
        table_.erase_number(entry.id, number);
        if (table_.size() == 0 && groups_.size() > 64) [[unlikely]] {
            clear();  // gives back what a crowd of groups took; a few groups that come and go keep their memory
            return;
        }
        entry.group = Group{};
        entry.next_unused = first_unused_;
        first_unused_ = number;
        table_.shrink();
    }

    void clear() noexcept {
        groups_ = std::vector<Entry>{};
        first_unused_ = none;
        table_.clear();
    }

    [[nodiscard]] Group& operator[](std::uint32_t number) noexcept { return groups_[number].group; }
    [[nodiscard]] const Group& operator[](std::uint32_t number) const noexcept { return groups_[number].group; }
    [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

    [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
        return number < groups_.size() && groups_[number].next_unused == in_use;
    }

    /// Calls `visit(number)` for every group in use. Linear.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::uint32_t number = 0; number < groups_.size(); ++number) {
            if (contains(number)) {
                visit(number);
            }
        }
    }

private:
    static constexpr std::uint32_t none = 0xFFFF'FFFF;
    static constexpr std::uint32_t in_use = 0xFFFF'FFFE;

    struct Entry {
        Fingerprint id{};
        std::uint32_t next_unused = none;
        Group group{};
    };

    struct IdOf {
        const GroupTable& table;
        const Fingerprint& operator()(std::uint32_t number) const noexcept { return table.groups_[number].id; }
    };
    [[nodiscard]] IdOf id_of() const noexcept { return {*this}; }

    void add_unused() {
        const auto number = static_cast<std::uint32_t>(groups_.size());
        groups_.emplace_back();
        first_unused_ = number;
    }

    std::vector<Entry> groups_{};
    std::uint32_t first_unused_ = none;
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
