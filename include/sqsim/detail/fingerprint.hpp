// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/ids.hpp"

#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

/// 128 bits that stand for a text. Two texts share one with a probability of about n²/2^129 among n texts: with a
/// million ids below 10^-26, less than that of a memory error. Not for adversaries who choose the texts.
struct Fingerprint {
    std::uint64_t high;
    std::uint64_t low;

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

/// Eight bytes as a number: the same on every byte order.
[[nodiscard]] inline std::uint64_t load_word(const char* bytes) noexcept {
    std::uint64_t value = 0;
    if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(&value, bytes, sizeof value);
    } else {
        for (int i = 0; i < 8; ++i) {
            value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
        }
    }
    return value;
}

/// The fingerprint of a text within a scope (a number that keeps equal texts of different scopes apart).
///
/// Sixteen bytes at a time: each half of the state takes in eight of them, and is replaced by the low half of a product
/// of its own, which it determines, mixed with the high half of the other's. So two texts that differ in only one of
/// the two stay apart for sure in that step, others like random numbers.
///
/// `see.look_at(bytes)` gets all sixteen bytes that are read on the way of a text that has as many.
template <class See>
[[gnu::always_inline]] [[nodiscard]] inline Fingerprint fingerprint_on_the_way(std::string_view text, Fingerprint scope,
                                                                               See& see) noexcept {
    constexpr std::uint64_t k = 0x9e37'79b9'7f4a'7c15U;
    constexpr std::uint64_t m = 0xd6e8'feb8'6659'fd93U;
    Fingerprint state{scope.high ^ 0x1319'8a2e'0370'7344U, scope.low ^ (text.size() + 1) * m};
    const auto take = [&state](std::uint64_t x, std::uint64_t y) {
        const Product p = multiply(state.low ^ x, k);
        const Product q = multiply(state.high ^ y, m);
        state = {q.low ^ p.high, p.low ^ q.high};
    };
    const char* bytes = text.data();
    if (text.size() >= 16) [[likely]] {
        // The last step may read again what the one before has read: all texts of one size do.
        const char* const last = bytes + (text.size() - 16);
        for (; bytes < last; bytes += 16) {
            see.look_at(bytes);
            take(load_word(bytes), load_word(bytes + 8));
        }
        see.look_at(last);
        take(load_word(last), load_word(last + 8));
    } else if (text.size() >= 8) {
        take(load_word(bytes), load_word(bytes + (text.size() - 8)));
    } else {
        std::uint64_t word = 0;
        for (const char c : text) {
            word = word << 8 | static_cast<unsigned char>(c);
        }
        take(word, 0);
    }
    state.low ^= std::rotl(state.high, 29);
    take(0, std::rotl(state.low, 23));
    return state;
}

[[nodiscard]] inline Fingerprint fingerprint(std::string_view text, Fingerprint scope = {}) noexcept {
    struct {
        void look_at(const char*) const noexcept {}
    } nothing;
    return fingerprint_on_the_way(text, scope, nothing);
}

}  // namespace sqsim::inline SQSIM_ABI::detail
