// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What executions are counted for: it shows whether the scenario proves something.
struct ExecutionCounts {
    std::vector<std::pair<std::string, bool>> sometimes{};  // what must hold once, and whether it did
    std::size_t messages_handled = 0;
    std::size_t expectations = 0;
    std::size_t excused = 0;         // dead letters that the faults of the plan account for
    std::size_t past_retention = 0;  // executions in which faults took longer than a retention
    bool reads_clock_without_deadline = false;

    /// The place of what must hold once.
    [[nodiscard]] std::size_t place_of_sometimes(std::string_view name) {
        for (std::size_t i = 0; i < sometimes.size(); ++i) {
            if (sometimes[i].first == name) {
                return i;
            }
        }
        sometimes.emplace_back(name, false);
        return sometimes.size() - 1;
    }

    /// Adds what later executions were counted for.
    void add(const ExecutionCounts& later) {
        for (const auto& [name, held] : later.sometimes) {
            bool& known = sometimes[place_of_sometimes(name)].second;
            known = known || held;
        }
        messages_handled += later.messages_handled;
        expectations += later.expectations;
        excused += later.excused;
        past_retention += later.past_retention;
        reads_clock_without_deadline = reads_clock_without_deadline || later.reads_clock_without_deadline;
    }
};

/// What an exploration keeps of its executions: the states of the fault-free one, and what all are counted for.
struct ExplorationStats : ExecutionCounts {
    bool is_fault_free = true;  // the execution that is under way makes the states that others are compared with
    std::vector<std::string> states{};
    std::vector<std::vector<std::string>> keys{};  // of effects, in the fault-free execution
    std::string without_effect{};                  // the expectation whose fault-free effects are empty
    bool ran = false;                              // `World::run` was called, in the execution that is under way

    /// The `index`-th state of an execution, and that of the fault-free one: equal in the latter.
    [[nodiscard]] const std::string& state_without_faults(std::size_t index, const std::string& state) {
        if (is_fault_free) {
            states.resize(std::max(states.size(), index + 1));
            states[index] = state;
        }
        static const std::string none{"no state"};
        return index < states.size() ? states[index] : none;
    }

    /// The same for the keys of effects.
    [[nodiscard]] const std::vector<std::string>& keys_without_faults(std::size_t index,
                                                                      const std::vector<std::string>& now) {
        if (is_fault_free) {
            keys.resize(std::max(keys.size(), index + 1));
            keys[index] = now;
        }
        static const std::vector<std::string> none{};
        return index < keys.size() ? keys[index] : none;
    }
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
