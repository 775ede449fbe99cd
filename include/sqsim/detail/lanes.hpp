// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sqsim::inline SQSIM_ABI::detail {

/// Which of eight numbers in a row equal one: bit i stands for the i-th. All are looked at at once, for a branch on
/// each could not be predicted.
[[gnu::always_inline]] [[nodiscard]] inline std::uint32_t equal_lanes(const std::array<std::uint32_t, 8>& lanes,
                                                                      std::uint32_t number) noexcept {
#if defined(__GNUC__) && defined(__SSE2__)
    using Ints [[gnu::vector_size(16)]] = int;
    using Shorts [[gnu::vector_size(16)]] = short;
    Ints front;
    Ints back;
    std::memcpy(&front, lanes.data(), 16);
    std::memcpy(&back, lanes.data() + 4, 16);
    const int wanted = static_cast<int>(number);
    const Ints all = {wanted, wanted, wanted, wanted};
    // Each lane becomes all ones or all zeros, then a short, then a byte, then a bit.
    const Shorts shorts = __builtin_ia32_packssdw128(front == all, back == all);
    return static_cast<std::uint32_t>(__builtin_ia32_pmovmskb128(__builtin_ia32_packsswb128(shorts, Shorts{})));
#else
    std::uint32_t found = 0;
    for (std::uint32_t i = 0; i != 8; ++i) {
        found |= std::uint32_t{lanes[i] == number} << i;
    }
    return found;
#endif
}

/// The first of some lanes.
[[nodiscard]] inline std::size_t first_lane(std::uint32_t lanes) noexcept {
    return static_cast<std::size_t>(std::countr_zero(lanes));
}

}  // namespace sqsim::inline SQSIM_ABI::detail
