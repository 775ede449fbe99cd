// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/history/history.hpp"

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <unordered_map>
#include <utility>

// The words of the text form of a history.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

using sqsim::detail::append_hex;
using sqsim::detail::fingerprint;
using sqsim::detail::Nanos;
using sqsim::detail::seconds_text;

inline constexpr std::array<std::string_view, 10> action_words{
    "send",  "receive",     "delivery", "delete",    "change_visibility",
    "purge", "dead_letter", "redrive",  "set_delay", "set_redrive_policy"};
/// What the duration of an operation is called.
[[nodiscard]] constexpr std::string_view duration_key(Action action) noexcept {
    return action == Action::send || action == Action::redrive || action == Action::set_delay ? "delay" : "visibility";
}

inline constexpr std::array<std::string_view, 7> answer_words{"ok",      "refused",    "unknown", "deduplicated",
                                                              "expired", "superseded", "gone"};

/// The place of a word in its list.
template <std::size_t n>
[[nodiscard]] std::optional<std::size_t> find_word(const std::array<std::string_view, n>& words,
                                                   std::string_view word) noexcept {
    for (std::size_t i = 0; i < n; ++i) {
        if (words[i] == word) {
            return i;
        }
    }
    return std::nullopt;
}

/// The words of a list, for a message that says what is allowed.
template <std::size_t n>
[[nodiscard]] std::string list_of(const std::array<std::string_view, n>& words) {
    std::string text;
    for (const std::string_view word : words) {
        text += (text.empty() ? "" : ", ") + std::string{word};
    }
    return text;
}

/// A name as one word: spaces, control characters, `%` and a leading `#` become `%` and two hexadecimal digits.
[[nodiscard]] inline std::string escape(std::string_view name) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < name.size(); ++i) {
        const auto byte = static_cast<unsigned char>(name[i]);
        if (byte <= ' ' || byte == 0x7F || byte == '%' || (byte == '#' && i == 0)) {
            text += {'%', digits[byte >> 4], digits[byte & 0xF]};
        } else {
            text.push_back(name[i]);
        }
    }
    return text;
}

/// The name that a word stands for; nothing if a `%` is not followed by two lower-case hexadecimal digits.
[[nodiscard]] inline std::optional<std::string> unescape(std::string_view word) {
    std::string name;
    for (std::size_t i = 0; i < word.size(); ++i) {
        if (word[i] != '%') {
            name.push_back(word[i]);
            continue;
        }
        const std::string_view digits = word.substr(i + 1, 2);
        unsigned value = 0;
        const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
        if (digits.size() != 2 || error != std::errc{} || end != digits.data() + 2) {
            return std::nullopt;
        }
        name.push_back(static_cast<char>(value));
        i += 2;
    }
    return name;
}

/// A whole number; nothing if the word is anything else, or the number does not fit.
template <class Number>
[[nodiscard]] std::optional<Number> parse_number(std::string_view word, int base = 10) noexcept {
    Number value{};
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
    if (word.empty() || error != std::errc{} || end != word.data() + word.size()) {
        return std::nullopt;
    }
    return value;
}

/// Seconds with up to nine decimals, as `seconds_text` writes them; nothing if the word is anything else, or the time
/// does not fit into nanoseconds.
[[nodiscard]] inline std::optional<Nanos> parse_seconds(std::string_view word) noexcept {
    constexpr std::int64_t billion = 1'000'000'000;
    const bool negative = word.starts_with('-');
    if (negative) {
        word.remove_prefix(1);
    }
    const std::size_t point = word.find('.');
    const auto whole = parse_number<std::uint64_t>(word.substr(0, point));
    std::uint64_t rest = 0;
    if (point != std::string_view::npos) {
        const std::string_view decimals = word.substr(point + 1);
        const auto value = parse_number<std::uint64_t>(decimals);
        if (!value || decimals.size() > 9) {
            return std::nullopt;
        }
        rest = *value;
        for (std::size_t i = decimals.size(); i < 9; ++i) {
            rest *= 10;
        }
    }
    constexpr std::uint64_t most = std::uint64_t{1} << 63;
    if (!whole || *whole > most / billion) {
        return std::nullopt;
    }
    const std::uint64_t size = *whole * billion + rest;
    if (size > most - (negative ? 0 : 1)) {
        return std::nullopt;
    }
    return Nanos{static_cast<std::int64_t>(negative ? 0 - size : size)};
}

/// Words that stand for numbers: `#7` for itself, others in the order in which they appear.
struct Numbering {
    std::unordered_map<std::string, std::uint32_t> names{};
    bool has_numbers = false;
};

/// Reads the values of a line, and keeps the first problem. Each `read` returns true, for the key was known, also if
/// the value is bad.
class Values {
protected:
    void fail(std::string problem) { problem_ = std::move(problem); }

    void bad_value(std::string_view key, std::string_view value, std::string_view allowed) {
        fail(std::string{key} + " is '" + std::string{value} + "', but must be " + std::string{allowed});
    }

    bool read_flag(std::string_view key, std::string_view value, bool& into) {
        into = value == "yes";
        if (value != "yes" && value != "no") {
            bad_value(key, value, "yes or no");
        }
        return true;
    }

    bool read_seconds(std::string_view key, std::string_view value, Nanos& into) {
        const auto seconds = parse_seconds(value);
        into = seconds.value_or(Nanos::zero());
        if (!seconds) {
            bad_value(key, value, "a number of seconds with at most nine decimals, within 292 years");
        }
        return true;
    }

    bool read_count(std::string_view key, std::string_view value, std::int32_t& into) {
        const auto count = parse_number<std::int32_t>(value);
        into = count.value_or(0);
        if (!count) {
            bad_value(key, value, "a whole number of 32 bits");
        }
        return true;
    }

    bool read_name(std::string_view key, std::string_view value, std::string& into) {
        auto name = unescape(value);
        if (!name) {
            bad_value(key, value, "text in which each % is followed by two hexadecimal digits");
        }
        into = std::move(name).value_or(std::string{});
        return true;
    }

    bool read_content(std::string_view key, std::string_view value, std::uint64_t& into) {
        if (!value.starts_with('#')) {
            into = fingerprint(value).low;
            return true;
        }
        const auto content = parse_number<std::uint64_t>(value.substr(1), 16);
        into = content.value_or(0);
        if (!content) {
            bad_value(key, value, "text, or # and a hexadecimal number of 64 bits");
        }
        return true;
    }

    bool read_number(std::string_view key, std::string_view value, std::uint32_t& into) {
        const auto number = parse_number<std::uint32_t>(value.substr(1));
        into = number.value_or(0);
        if (!number) {
            bad_value(key, value, "text, or # and a whole number of 32 bits");
        }
        return true;
    }

    bool read_id(std::string_view key, std::string_view value, Numbering& numbering, std::uint32_t& into) {
        const bool is_number = value.starts_with('#');
        if (is_number ? !numbering.names.empty() : numbering.has_numbers) {
            bad_value(key, value, is_number ? "text as before, not # and a number" : "# and a number as before");
            return true;
        }
        if (is_number) {
            numbering.has_numbers = true;
            return read_number(key, value, into);
        }
        const auto next = static_cast<std::uint32_t>(numbering.names.size() + 1);
        into = numbering.names.try_emplace(std::string{value}, next).first->second;
        return true;
    }

    bool read_answer(std::string_view key, std::string_view value, Answer& into) {
        const auto answer = find_word(answer_words, value);
        into = static_cast<Answer>(answer.value_or(0));
        if (!answer) {
            bad_value(key, value, "one of " + list_of(answer_words));
        }
        return true;
    }

    std::string problem_{};
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
