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

/// A product in two halves.
struct Product {
    std::uint64_t low;
    std::uint64_t high;
};

[[nodiscard]] constexpr Product multiply(std::uint64_t a, std::uint64_t b) noexcept {
#if defined(__SIZEOF_INT128__)
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return {static_cast<std::uint64_t>(product), static_cast<std::uint64_t>(product >> 64)};
#else
    constexpr std::uint64_t half = 0xFFFF'FFFFU;
    const std::uint64_t low = (a & half) * (b & half);
    const std::uint64_t one = (a >> 32) * (b & half) + (low >> 32);
    const std::uint64_t two = (a & half) * (b >> 32) + (one & half);
    return {a * b, (a >> 32) * (b >> 32) + (one >> 32) + (two >> 32)};
#endif
}

/// Up to eight bytes as a number: the same on every byte order.
[[nodiscard]] inline std::uint64_t load_bytes(const char* bytes, std::size_t count) noexcept {
    std::uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        if (count == 8) {
            std::memcpy(&value, bytes, 8);
            return value;
        }
        if (count >= 4) {  // two halves that may overlap
            std::uint32_t first = 0;
            std::uint32_t last = 0;
            std::memcpy(&first, bytes, 4);
            std::memcpy(&last, bytes + (count - 4), 4);
            return first | std::uint64_t{last} << (8 * (count - 4));
        }
    }
    for (std::size_t i = 0; i < count; ++i) {
        value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
    }
    return value;
}

/// The fingerprint of a text within a scope (a number that keeps equal texts of different scopes apart).
///
/// Sixteen bytes at a time: each half of the state takes in eight of them, and is replaced by the low half of a product
/// of its own, which it determines, mixed with the high half of the other's. So two texts that differ in only one of
/// the two stay apart for sure in that step, others like random numbers.
[[nodiscard]] inline Fingerprint fingerprint(std::string_view text, Fingerprint scope = {}) noexcept {
    constexpr std::uint64_t k = 0x9e37'79b9'7f4a'7c15U;
    constexpr std::uint64_t m = 0xd6e8'feb8'6659'fd93U;
    std::uint64_t a = scope.low ^ 0x243f'6a88'85a3'08d3U;
    std::uint64_t b = scope.high ^ 0x1319'8a2e'0370'7344U;
    const auto take = [&](std::uint64_t x, std::uint64_t y) {
        const Product p = multiply(a ^ x, k);
        const Product q = multiply(b ^ y, m);
        a = p.low ^ q.high;
        b = q.low ^ p.high;
    };
    const char* bytes = text.data();
    std::size_t left = text.size();
    for (; left > 16; left -= 16, bytes += 16) {
        take(load_bytes(bytes, 8), load_bytes(bytes + 8, 8));
    }
    // The last one to sixteen bytes; that the size goes in, too, makes up for what is read twice or not at all.
    if (left >= 8) {
        take(load_bytes(bytes, 8), load_bytes(bytes + (left - 8), 8));
    } else {
        take(load_bytes(bytes, left), 0);
    }
    take(text.size(), k);
    take(0, 0);
    return {b, a};
}

}  // namespace sqsim::inline SQSIM_ABI::detail
