// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstddef>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// How many bytes the UTF-8 character that a text begins with has; 0 if it is none: cut off, overlong, a surrogate or
/// beyond U+10FFFF.
[[nodiscard]] inline std::size_t utf8_size(std::string_view text) noexcept {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned>(static_cast<unsigned char>(text[i])); };
    if (text.empty()) {
        return 0;
    }
    const unsigned first = byte(0);
    const std::size_t size = first < 0x80   ? 1
                             : first < 0xC2 ? 0
                             : first < 0xE0 ? 2
                             : first < 0xF0 ? 3
                             : first < 0xF5 ? 4
                                            : 0;
    if (size > text.size()) {
        return 0;
    }
    for (std::size_t i = 1; i < size; ++i) {
        if ((byte(i) & 0xC0) != 0x80) {
            return 0;
        }
    }
    if (size >= 3) {
        const unsigned second = byte(1);
        const bool overlong = (first == 0xE0 && second < 0xA0) || (first == 0xF0 && second < 0x90);
        const bool outside = (first == 0xED && second >= 0xA0) || (first == 0xF4 && second >= 0x90);
        return overlong || outside ? 0 : size;
    }
    return size;
}

/// U+FFFD, for what is not a character.
inline constexpr std::string_view replacement_character = "\xEF\xBF\xBD";

/// Any bytes as a JSON string, with its quotes.
[[nodiscard]] inline std::string json_string(std::string_view text) {
    std::string result = "\"";
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        const unsigned char first = static_cast<unsigned char>(text.front());
        if (size == 0) {
            result += replacement_character;
        } else if (first < 0x20 || first == 0x7F) {
            result += "\\u00";
            result += "0123456789abcdef"[first >> 4];
            result += "0123456789abcdef"[first & 0xF];
        } else {
            result += first == '"' || first == '\\' ? "\\" : "";
            result += text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return result + '"';
}

/// Any bytes as text between HTML tags or in a quoted attribute. Ends of lines become spaces.
[[nodiscard]] inline std::string html_text(std::string_view text) {
    std::string result;
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        const char first = text.front();
        if (first == '\n' || first == '\r' || first == '\t') {
            result += ' ';
        } else if (size == 0 || (first >= 0 && first < ' ') || first == '\x7F') {
            result += replacement_character;
        } else if (first == '&') {
            result += "&amp;";
        } else if (first == '<') {
            result += "&lt;";
        } else if (first == '>') {
            result += "&gt;";
        } else if (first == '"') {
            result += "&quot;";
        } else if (first == '\'') {
            result += "&#39;";
        } else {
            result += text.substr(0, size);
        }
        text.remove_prefix(size == 0 ? 1 : size);
    }
    return result;
}

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
