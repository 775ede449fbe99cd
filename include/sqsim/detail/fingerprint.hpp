// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/ids.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

/// 128 bits that stand for a text. Two texts share one with a probability of about n²/2^129 among n texts: with a
/// million ids below 10^-26, less than that of a memory error. Not for adversaries who choose the texts.
struct Fingerprint {
    std::uint64_t high = 0;
    std::uint64_t low = 0;

    friend constexpr bool operator==(const Fingerprint&, const Fingerprint&) noexcept = default;
};

[[nodiscard]] inline std::uint64_t load_bytes(const char* bytes, std::size_t count) noexcept {
    std::uint64_t value = 0;
    if (std::endian::native == std::endian::little && count == sizeof value) {
        std::memcpy(&value, bytes, sizeof value);
        return value;
    }
    for (std::size_t i = 0; i < count; ++i) {  // byte by byte: the same on every byte order
        value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
}

/// The fingerprint of a text within a scope (a number that keeps equal texts of different scopes apart).
[[nodiscard]] inline Fingerprint fingerprint(std::string_view text, Fingerprint scope = {}) noexcept {
    std::uint64_t a = scope.low ^ mix64(text.size() + 0x243f'6a88U);
    std::uint64_t b = scope.high ^ 0x1319'8a2e'0370'7344U;
    const char* bytes = text.data();
    std::size_t left = text.size();
    while (left != 0) {
        const std::size_t count = left < 8 ? left : 8;
        const std::uint64_t word = load_bytes(bytes, count);
        a = mix64(a ^ word) + b;
        b = (b ^ word) * 0x9e37'79b9'7f4a'7c15U + (a >> 29);
        bytes += count;
        left -= count;
    }
    return {mix64(a ^ (b >> 32)), mix64(b + a)};
}

}  // namespace sqsim::inline SQSIM_ABI::detail
