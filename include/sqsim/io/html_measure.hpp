// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/io/escape.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

// Texts that must fit into a drawing.

namespace sqsim::inline SQSIM_ABI::sim::detail::html {

/// About how wide a text of 11 pixels is; a little more rather than less.
[[nodiscard]] inline int text_width(std::string_view text) noexcept {
    constexpr std::string_view narrow = "ijlI|'.,:;! ftr()[]-/\"`";
    constexpr std::string_view wide = "mwMW@%";
    int tenths = 0;
    while (!text.empty()) {
        const std::size_t size = utf8_size(text);
        const char c = text.front();
        tenths += size == 0 || size > 2                      ? 115  // it may be an ideograph
                  : narrow.find(c) != std::string_view::npos ? 36
                  : wide.find(c) != std::string_view::npos   ? 98
                  : (c >= 'A' && c <= 'Z') || c < ' '        ? 77
                                                             : 62;
        text.remove_prefix(std::max<std::size_t>(size, 1));
    }
    return (tenths + 9) / 10;
}

/// The text, cut to about so many pixels.
[[nodiscard]] inline std::string fitted(std::string_view text, int width) {
    if (text_width(text) <= width) {
        return std::string{text};
    }
    std::string result;
    while (!text.empty()) {
        const std::size_t size = std::max<std::size_t>(utf8_size(text), 1);
        if (text_width(result) + text_width(text.substr(0, size)) > width - 11) {
            break;
        }
        result += text.substr(0, size);
        text.remove_prefix(size);
    }
    return result + "\xE2\x80\xA6";
}

/// A span of time for people: "30 s", "5 min", "250 ms", "1 ns".
[[nodiscard]] inline std::string span_text(std::chrono::nanoseconds span) {
    const std::int64_t count = span.count();
    const auto in = [&](std::int64_t unit, std::string_view name) {
        return sqsim::detail::seconds_text(
                   std::chrono::nanoseconds{count / unit * 1'000'000'000 + (count % unit) * (1'000'000'000 / unit)}) +
               " " + std::string{name};
    };
    constexpr std::int64_t minute = 60'000'000'000;
    if (count >= 1440 * minute && count % (60 * minute) == 0) {
        return sqsim::detail::seconds_text(std::chrono::seconds{count / (1440 * minute)}) + " d" +
               (count % (1440 * minute) == 0 ? "" : " " + std::to_string(count / (60 * minute) % 24) + " h");
    }
    if (count >= 60 * minute && count % minute == 0) {
        return std::to_string(count / (60 * minute)) + " h" +
               (count % (60 * minute) == 0 ? "" : " " + std::to_string(count / minute % 60) + " min");
    }
    if (count >= 2 * minute && count % minute == 0) {
        return std::to_string(count / minute) + " min";
    }
    return count >= 1'000'000'000 ? duration_text(span)
           : count >= 1'000'000   ? in(1'000'000, "ms")
           : count >= 1'000       ? in(1'000, "\xC2\xB5s")
                                  : std::to_string(count) + " ns";
}

}  // namespace sqsim::inline SQSIM_ABI::sim::detail::html
