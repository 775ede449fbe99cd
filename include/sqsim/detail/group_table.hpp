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
        const Fingerprint id = fingerprint(group_id);
        if (const auto found = table_.find(id, id_of())) {
            return *found;
        }
        std::uint32_t number = first_unused_;
        if (number == none) {
            number = static_cast<std::uint32_t>(groups_.size());
            groups_.emplace_back();
        } else {
            first_unused_ = groups_[number].next_unused;
        }
        groups_[number].id = id;
        table_.insert(id, number, id_of());
        return number;
    }

    void erase(std::uint32_t number) {
        table_.erase(groups_[number].id, id_of());
        if (table_.size() == 0 && groups_.size() > 64) {
            clear();  // gives back what a crowd of groups took; a few groups that come and go keep their memory
            return;
        }
        groups_[number].group = Group{};
        groups_[number].next_unused = first_unused_;
        first_unused_ = number;
        table_.shrink(id_of());
    }

    void clear() {
        groups_ = std::vector<Entry>{};
        first_unused_ = none;
        table_.clear();
    }

    [[nodiscard]] Group& operator[](std::uint32_t number) noexcept { return groups_[number].group; }
    [[nodiscard]] const Group& operator[](std::uint32_t number) const noexcept { return groups_[number].group; }
    [[nodiscard]] std::size_t size() const noexcept { return table_.size(); }

    [[nodiscard]] bool contains(std::uint32_t number) const noexcept {
        return number < groups_.size() && table_.find(groups_[number].id, id_of()) == number;
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

    std::vector<Entry> groups_{};
    std::uint32_t first_unused_ = none;
    IndexTable table_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
