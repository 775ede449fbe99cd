// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/letters.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

[[nodiscard]] constexpr bool is_ascii_letter_or_digit(char c) noexcept {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/// Has the high bit of some byte set unless all of eight bytes are printable ASCII.
[[nodiscard]] inline std::uint64_t strangeness(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    // No byte has its high bit, and none is below a space: subtracting that from each borrows from no byte.
    return word | (word - 0x2020'2020'2020'2020U);
}

[[nodiscard]] inline bool eight_plain_bytes(const char* bytes) noexcept {
    return (strangeness(bytes) & 0x8080'8080'8080'8080U) == 0;
}

/// Whether a text is printable ASCII, as almost all are.
[[nodiscard]] inline bool is_plain(std::string_view text) noexcept {
    const char* bytes = text.data();
    std::size_t left = text.size();
    std::uint64_t strange = 0;
#if defined(__GNUC__)
    if (left >= 16) {  // compilers do not find the vector instructions by themselves
        using Vector [[gnu::vector_size(16)]] = signed char;
        Vector block;
        std::memcpy(&block, bytes + left - 16, 16);  // the last ones, which the loop leaves out
        Vector found = block < 0x20;                 // what is above 0x7F is negative
        for (; left > 16; left -= 16, bytes += 16) {
            std::memcpy(&block, bytes, 16);
            found |= block < 0x20;
        }
        std::uint64_t halves[2];
        std::memcpy(halves, &found, 16);
        return (halves[0] | halves[1]) == 0;
    }
#endif
    for (; left >= 8; left -= 8, bytes += 8) {
        strange |= strangeness(bytes);
    }
    for (; left != 0; --left, ++bytes) {
        strange |= static_cast<unsigned char>(*bytes - 0x20) < 0x60 ? 0 : 0x80;
    }
    return (strange & 0x8080'8080'8080'8080U) == 0;
}

/// Copies a text. Returns whether it is printable ASCII, as almost all are.
[[gnu::always_inline]] [[nodiscard]] inline bool copy_text(char* to, std::string_view text) noexcept {
#if defined(__GNUC__)
    if (text.size() >= 16) [[likely]] {
        using Vector [[gnu::vector_size(16)]] = signed char;
        const char* from = text.data();
        const std::size_t last = text.size() - 16;
        Vector lowest;
        std::memcpy(&lowest, from + last, 16);
        std::memcpy(to + last, &lowest, 16);
        for (std::size_t at = 0; at < last; at += 16) {
            Vector block;
            std::memcpy(&block, from + at, 16);
            std::memcpy(to + at, &block, 16);
            lowest = block < lowest ? block : lowest;  // what is above 0x7F is negative
        }
        const Vector strange = lowest < 0x20;
        std::uint64_t halves[2];
        std::memcpy(halves, &strange, 16);
        return (halves[0] | halves[1]) == 0;
    }
#endif
    if (!text.empty()) {
        std::memcpy(to, text.data(), text.size());
    }
    return is_plain(text);
}

/// The code point at `at`, which moves behind it; nothing if the bytes are not UTF-8.
[[nodiscard]] inline std::optional<std::uint32_t> next_code_point(std::string_view text, std::size_t& at) noexcept {
    const auto lead = static_cast<unsigned char>(text[at++]);
    if (lead < 0x80) {
        return lead;
    }
    const std::size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (lead < 0xC2 || lead > 0xF4 || text.size() - at < more) {
        return std::nullopt;
    }
    std::uint32_t point = lead & (0x3FU >> more);
    for (std::size_t i = 0; i < more; ++i) {
        const auto byte = static_cast<unsigned char>(text[at++]);
        if ((byte & 0xC0U) != 0x80U) {
            return std::nullopt;
        }
        point = point << 6 | (byte & 0x3FU);
    }
    const std::uint32_t least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
    const bool surrogate = point >= 0xD800 && point <= 0xDFFF;
    return point < least || surrogate || point > 0x10FFFF ? std::nullopt : std::optional{point};
}

/// What a text may not have: a code point, or a byte that does not belong to UTF-8.
struct ForbiddenCharacter {
    std::uint32_t value;
    bool is_byte;
};

/// The first character that the service does not accept, which is all but #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to
/// #xFFFD | #x10000 to #x10FFFF in UTF-8 (R42); nothing if there is none.
[[nodiscard]] inline std::optional<ForbiddenCharacter> first_forbidden_character(std::string_view text) noexcept {
    if (is_plain(text)) {
        return std::nullopt;
    }
    for (std::size_t at = 0; at < text.size();) {
        if (text.size() - at >= 8 && eight_plain_bytes(text.data() + at)) {
            at += 8;
            continue;
        }
        const auto lead = static_cast<unsigned char>(text[at]);
        const std::optional<std::uint32_t> point = next_code_point(text, at);
        if (!point) {
            return ForbiddenCharacter{lead, true};
        }
        if ((*point < 0x20 && *point != 0x9 && *point != 0xA && *point != 0xD) || *point == 0xFFFE ||
            *point == 0xFFFF) {
            return ForbiddenCharacter{*point, false};
        }
    }
    return std::nullopt;
}

[[nodiscard]] inline bool has_only_allowed_characters(std::string_view text) noexcept {
    return !first_forbidden_character(text);
}

/// Whether a text is made of letters, marks, digits, `_`, `-` and `.`: the name of a message attribute. The service
/// takes letters beyond ASCII, and refuses at least the signs among them (R55); which exactly is not known.
[[nodiscard]] inline bool is_attribute_name(std::string_view text) noexcept {
    for (std::size_t at = 0; at < text.size();) {
        const std::optional<std::uint32_t> point = next_code_point(text, at);
        if (!point) {
            return false;
        }
        if (*point < 0x80) {
            const char c = static_cast<char>(*point);
            if (!is_ascii_letter_or_digit(c) && c != '_' && c != '-' && c != '.') {
                return false;
            }
            continue;
        }
        if (!is_letter_mark_or_digit(*point)) {
            return false;
        }
    }
    return true;
}

/// As `strangeness`, but a space and #x7F count, too.
[[nodiscard]] inline std::uint64_t oddness(const char* bytes) noexcept {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes, sizeof word);
    return word | (word - 0x2121'2121'2121'2121U) | (word + 0x0101'0101'0101'0101U);
}

/// The same of sixteen bytes.
[[nodiscard]] inline std::uint64_t oddness_of_16(const char* bytes) noexcept {
#if defined(__GNUC__)
    using Vector [[gnu::vector_size(16)]] = signed char;
    Vector vector;
    std::memcpy(&vector, bytes, 16);
    const Vector odd = (vector < 0x21) | (vector > 0x7E);
    std::array<std::uint64_t, 2> words;
    std::memcpy(words.data(), &odd, 16);
    return words[0] | words[1];
#else
    return oddness(bytes) | oddness(bytes + 8);
#endif
}

/// Whether a text is 1 to 128 letters, digits and punctuation marks of ASCII: a group or deduplication id (R51).
[[nodiscard]] inline bool is_identifier(std::string_view text) noexcept {
    if (text.empty() || text.size() > 128) {
        return false;
    }
    if (text.size() < 8) {
        for (const char c : text) {
            if (c <= ' ' || c > '~') {
                return false;
            }
        }
        return true;
    }
    const char* bytes = text.data();
    const char* const last = bytes + (text.size() - 8);
    std::uint64_t odd = oddness(last);
    if (text.size() >= 16) {
        odd |= oddness_of_16(last - 8);
        for (; bytes < last - 8; bytes += 16) {
            odd |= oddness_of_16(bytes);
        }
    } else {
        odd |= oddness(bytes);
    }
    return (odd & 0x8080'8080'8080'8080U) == 0;
}

/// A duration in seconds as the service's texts give it, e.g. "43201", "-1", "0.5".
[[nodiscard]] inline std::string seconds_text(Nanos duration) {
    const std::int64_t count = duration.count();
    const std::int64_t whole = count / 1'000'000'000;
    const std::int64_t rest = count % 1'000'000'000;
    std::string text = count < 0 && whole == 0 ? "-0" : std::to_string(whole);
    if (rest != 0) {
        std::string digits = std::to_string(rest < 0 ? -rest : rest);
        digits.insert(0, 9 - digits.size(), '0');
        digits.erase(digits.find_last_not_of('0') + 1);
        text += "." + digits;
    }
    return text;
}

/// Whether a text is a number that a `Number` attribute can hold: up to 38 significant digits, a magnitude from 10^-128
/// to 10^126, or zero (R60). An exponent is accepted.
[[nodiscard]] inline bool is_attribute_number(std::string_view text) noexcept {
    std::size_t at = 0;
    const auto is_digit = [&](std::size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
        ++at;
    }
    // The number is 0.d1 d2 d3 … × 10^point, with d1 its first significant digit.
    int digits = 0;
    int significant = 0;
    int trailing_zeros = 0;
    std::int64_t point = 0;
    bool one = true;
    bool after_period = false;
    for (; is_digit(at) || (!after_period && at < text.size() && text[at] == '.'); ++at) {
        if (text[at] == '.') {
            after_period = true;
            continue;
        }
        ++digits;
        if (significant == 0 && text[at] == '0') {
            point -= after_period ? 1 : 0;
            continue;
        }
        one = one && (significant == 0 ? text[at] == '1' : text[at] == '0');
        ++significant;
        trailing_zeros = text[at] == '0' ? trailing_zeros + 1 : 0;
        point += after_period ? 0 : 1;
    }
    if (digits == 0) {
        return false;
    }
    if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
        ++at;
        const bool negative = at < text.size() && text[at] == '-';
        if (at < text.size() && (text[at] == '-' || text[at] == '+')) {
            ++at;
        }
        if (!is_digit(at)) {
            return false;
        }
        std::int64_t exponent = 0;
        for (; is_digit(at); ++at) {
            exponent = exponent < 1'000'000 ? exponent * 10 + (text[at] - '0') : exponent;
        }
        point += negative ? -exponent : exponent;
    }
    if (at != text.size()) {
        return false;
    }
    if (significant == 0) {
        return true;
    }
    const std::int64_t magnitude = point - 1;  // of the first digit
    return significant - trailing_zeros <= 38 && magnitude >= -128 && (magnitude < 126 || (magnitude == 126 && one));
}

}  // namespace sqsim::inline SQSIM_ABI::detail
