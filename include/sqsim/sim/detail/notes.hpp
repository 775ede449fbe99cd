// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// What an exploration keeps of its runs: the states of the fault-free one, and what shows that the scenario proves
/// something.
struct Notes {
    bool is_fault_free = true;  // the run that is under way makes the states that others are compared with
    std::vector<std::string> states{};
    std::vector<std::pair<std::string, bool>> sometimes{};  // what was to hold once, and whether it did
    std::size_t messages_handled = 0;
    std::size_t expectations = 0;
    std::size_t excused = 0;  // problems that the service itself may cause with so many faults
    bool ran = false;         // `World::run` was called, in the run that is under way

    /// The `index`-th state of a run, and that of the fault-free one: equal in the latter.
    [[nodiscard]] const std::string& state_without_faults(std::size_t index, const std::string& state) {
        if (is_fault_free) {
            states.resize(std::max(states.size(), index + 1));
            states[index] = state;
        }
        static const std::string none{"no state"};
        return index < states.size() ? states[index] : none;
    }

    /// The place of what is to hold once.
    [[nodiscard]] std::size_t place_of_sometimes(std::string_view name) {
        for (std::size_t i = 0; i < sometimes.size(); ++i) {
            if (sometimes[i].first == name) {
                return i;
            }
        }
        sometimes.emplace_back(name, false);
        return sometimes.size() - 1;
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
