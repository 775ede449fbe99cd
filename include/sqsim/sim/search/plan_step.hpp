// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/search/runner.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

// A step of the search: a plan is run, and its children are found.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What a plan may have more, within the budgets.
struct Room {
    std::uint8_t categories = 0;  // a bit for each category of which one more fits
    bool for_some = false;        // of some category but that of choices: most scenarios have none of those
    bool for_fault = false;
    bool for_choice = false;

    [[nodiscard]] bool is_for(Category category) const noexcept {
        return (categories >> static_cast<unsigned>(category) & 1) != 0;
    }
};

/// Runs a plan, and remembers its choice points if it may have children. Returns whether it may.
[[nodiscard]] inline bool run_to_extend(Runner& runner, std::span<const PackedFault> plan, const Room& room,
                                        Outcome& outcome) {
    bool has_children = room.for_some;
    outcome = has_children ? runner.run_and_remember(plan) : runner.run(plan);
    // Whether there is a choice of the user's own, only an execution tells.
    if (!has_children && runner.path().reached_free_choice() && room.for_choice) {
        has_children = true;
        outcome = runner.run_and_remember_again(plan);
    }
    return has_children;
}

/// Calls `visit` with what each child of a plan that has just been run has more: at a choice point after its last
/// fault.
template <class Visit>
void visit_children(const ChoicePath& path, const Room& room, Visit visit) {
    const auto& points = path.points();
    std::size_t first = points.size();
    while (first > 0 && points[first - 1].chosen == 0) {
        --first;
    }
    for (std::size_t i = first; i < points.size(); ++i) {
        for (std::size_t alternative = 0; alternative < points[i].alternatives; ++alternative) {
            const PackedFault packed = path.packed(points[i], alternative);
            if (room.is_for(info(packed.alternative.fault).category)) {
                visit(packed);
            }
        }
    }
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
