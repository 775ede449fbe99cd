// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// What the runs of a sample that are scheduled by random priorities find (`SampleOptions::pct_depth`): each of them a
/// bug of this depth that shows within so many steps, with at least the probability that `one_in` says.
///
/// It is for bugs that need no fault and no choice of the scenario's own. The depth of a bug is how many orderings of
/// two steps make it happen, whatever else the schedule is.
struct ScheduleBound {
    std::size_t depth = 1;
    std::size_t actors = 0;  // the most that one execution had
    std::size_t steps = 0;   // the first so many of an execution; more than any has had
    std::size_t runs = 0;    // without faults, since there have been so many steps

    /// The bound is a probability of one in so many: actors times steps to the power of `depth` - 1.
    [[nodiscard]] double one_in() const noexcept {
        double product = static_cast<double>(actors);
        for (std::size_t i = 1; i < depth; ++i) {
            product *= static_cast<double>(steps);
        }
        return product;
    }

    /// How many such runs find the bug with a probability of 99.9 %.
    [[nodiscard]] double runs_needed() const noexcept {
        return one_in() <= 1 ? 1 : std::ceil(std::log(0.001) / std::log1p(-1 / one_in()));
    }
};

namespace detail {

/// "1178", or "10^18" for what nobody counts.
[[nodiscard]] inline std::string large_text(double number) {
    if (number < 1e15) {
        return std::to_string(static_cast<std::uint64_t>(number));
    }
    const double exponent = std::floor(std::log10(number));
    return "10^" + std::to_string(static_cast<int>(exponent) + 1);
}

[[nodiscard]] inline std::string schedule_text(const ScheduleBound& bound) {
    return std::to_string(bound.runs) + " of them had no fault, and random priorities that change " +
           (bound.depth == 2 ? std::string{"once"} : std::to_string(bound.depth - 1) + " times") +
           ": each finds a bug of depth " + std::to_string(bound.depth) + " that shows within " +
           std::to_string(bound.steps) + " steps of " + std::to_string(bound.actors) +
           " actors with a probability of at least 1/" + large_text(bound.one_in()) + "; " +
           large_text(bound.runs_needed()) + " such runs find it with 99.9 %";
}

}  // namespace detail
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
