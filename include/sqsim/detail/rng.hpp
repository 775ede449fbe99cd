// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/ids.hpp"

#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The splitmix64 generator: one addition and one mix for a number, the same on every compiler.
class SplitMix {
public:
    constexpr explicit SplitMix(std::uint64_t seed) noexcept : state_{seed} {}

    [[nodiscard]] constexpr std::uint64_t next() noexcept { return mix64(state_ += 0x9e3779b97f4a7c15U); }

    /// A number below `bound` >= 1. The bias, below bound / 2^32, is the same everywhere.
    [[nodiscard]] constexpr std::uint32_t below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>((next() >> 32) * bound >> 32);
    }

private:
    std::uint64_t state_;
};

/// A probability as the bound that a uniform 64-bit number must stay below. Exact: a product with a power of two.
[[nodiscard]] constexpr std::uint64_t probability_bound(double probability) noexcept {
    if (probability >= 1) {
        return ~std::uint64_t{0};
    }
    return probability > 0 ? static_cast<std::uint64_t>(probability * 18'446'744'073'709'551'616.0) : 0;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
