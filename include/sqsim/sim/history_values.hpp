// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_words.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail::history_text {

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

    bool read_answer(std::string_view key, std::string_view value, sim::Answer& into) {
        const auto answer = find_word(answer_words, value);
        into = static_cast<sim::Answer>(answer.value_or(0));
        if (!answer) {
            bad_value(key, value, "one of " + list_of(answer_words));
        }
        return true;
    }

    std::string problem_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail::history_text
