// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The sizes of slots, in bytes behind the record: few, and no more than half as large again as the one before.
struct SlotSizes {
    static constexpr std::size_t largest = 4480;
    static constexpr std::array<std::uint32_t, 13> payloads{64,   128,  192,  256,  384,  512,    768,
                                                            1024, 1536, 2048, 3072, 4096, largest};

    // The smallest class for a payload of so many times 64 bytes.
    static constexpr auto class_of = [] {
        std::array<std::uint8_t, payloads.back() / 64 + 1> table{};
        std::uint8_t number = 0;
        for (std::size_t lines = 0; lines < table.size(); ++lines) {
            number = static_cast<std::uint8_t>(number + (lines * 64 > payloads[number] ? 1 : 0));
            table[lines] = number;
        }
        return table;
    }();
};

}  // namespace sqsim::inline SQSIM_ABI::detail
