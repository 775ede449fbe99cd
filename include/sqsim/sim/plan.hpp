// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/sim/fault.hpp"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// One decision that differs from the best: which alternative, and where. The address does not count steps, so that it
/// survives changes elsewhere: the `occurrence`-th time that `place` is met with this message.
struct Deviation {
    std::string fault{};          // the word of a `Fault`
    std::uint32_t parameter = 0;  // which of several alternatives of the kind; 0 is the first
    std::string place{};          // "receive", "deleted", the name of a point; "queue:receive" for a further queue
    std::uint32_t subject = 0;    // the message's number in the order of the sends; 0: none
    bool copy = false;            // the second message that a retry of this send made
    std::uint32_t occurrence = 1;

    friend bool operator==(const Deviation&, const Deviation&) = default;
};

/// A run: its deviations in the order in which they happen; everything else is at its best.
using Plan = std::vector<Deviation>;

/// The longest token.
inline constexpr std::size_t maximum_token_size = 80;

namespace detail {

/// The name of a place as tokens have it: short, and of characters that need no quoting in a shell.
[[nodiscard]] inline std::string token_place(std::string_view place, std::size_t longest) {
    std::string text;
    std::uint32_t sum = 2'166'136'261U;
    for (const char character : place) {
        const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                           (character >= '0' && character <= '9') || character == '-' || character == '_' ||
                           character == ':';
        text.push_back(plain ? character : '_');
        sum = (sum ^ static_cast<unsigned char>(character)) * 16'777'619U;
    }
    if (text == place && text.size() <= longest) {
        return text;
    }
    // Two names that look alike after this must stay different: hence the sum.
    text.resize(text.size() < longest - 5 ? text.size() : longest - 5);
    text.push_back('~');
    for (int shift = 12; shift >= 0; shift -= 4) {
        text.push_back("0123456789abcdef"[((sum ^ (sum >> 16)) >> shift) & 0xF]);
    }
    return text;
}

[[nodiscard]] constexpr bool is_fault_word(std::string_view word) noexcept {
    for (std::size_t i = 1; i < fault_kinds; ++i) {
        if (fault_table[i].word == word) {
            return true;
        }
    }
    return false;
}

[[nodiscard]] inline std::string to_token(const Deviation& deviation, std::size_t longest_place) {
    std::string text = deviation.fault;
    if (deviation.parameter != 0) {
        text += std::to_string(deviation.parameter);
    }
    text += '@';
    text += token_place(deviation.place, longest_place);
    if (deviation.subject != 0) {
        text += '#';
        text += std::to_string(deviation.subject);
        text += deviation.copy ? "b" : "";
    }
    text += '.';
    text += std::to_string(deviation.occurrence);
    return text;
}

}  // namespace detail

/// The text that names a plan, for `replay`: "dup@receive#2.1+crash@charged#2.2". Names of places are shortened until
/// it has at most 80 characters; with too many deviations for that it is longer. The fault-free plan is "none".
[[nodiscard]] inline std::string to_token(const Plan& plan) {
    std::string text;
    for (std::size_t longest = 40; longest >= 6; longest -= 2) {
        text.clear();
        for (const Deviation& deviation : plan) {
            text += text.empty() ? "" : "+";
            text += detail::to_token(deviation, longest);
        }
        if (text.size() <= maximum_token_size) {
            break;
        }
    }
    return text.empty() ? "none" : text;
}

/// Reads a token. Errors: what is malformed, and what was expected there.
[[nodiscard]] inline Result<Plan> plan_from_token(std::string_view token) {
    const std::string whole{token};
    const auto wrong = [&](std::string_view part, std::string_view rule) {
        return Result<Plan>{Error{Errc::invalid_parameter_value, "The token \"" + whole + "\" cannot be replayed: \"" +
                                                                     std::string{part} + "\" " + std::string{rule}}};
    };
    const auto number = [](std::string_view& text, std::uint32_t& value) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool read = error == std::errc{};
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return read;
    };
    Plan plan;
    if (token == "none") {
        return plan;
    }
    while (true) {
        const std::size_t plus = token.find('+');
        const std::string_view part = token.substr(0, plus);
        const std::size_t at = part.find('@');
        const std::size_t dot = part.rfind('.');
        if (at == std::string_view::npos || at == 0 || dot == std::string_view::npos || dot < at) {
            return wrong(part, "is not of the form fault@place#message.occurrence");
        }
        Deviation deviation;
        std::string_view fault = part.substr(0, at);
        const std::size_t digits = fault.find_last_not_of("0123456789") + 1;
        deviation.fault = std::string{fault.substr(0, digits)};
        fault.remove_prefix(digits);
        if (!fault.empty() && (!number(fault, deviation.parameter) || deviation.parameter > 255)) {
            return wrong(part, "has a number after the fault that is above 255");
        }
        if (!detail::is_fault_word(deviation.fault)) {
            return wrong(part, "begins with no kind of fault");
        }
        std::string_view place = part.substr(at + 1, dot - at - 1);
        if (const std::size_t hash = place.rfind('#'); hash != std::string_view::npos) {
            std::string_view subject = place.substr(hash + 1);
            place = place.substr(0, hash);
            if (!number(subject, deviation.subject) || (!subject.empty() && subject != "b") || deviation.subject == 0 ||
                deviation.subject > 1'000'000'000) {
                return wrong(part, "has no message number from 1 to 1000000000 after #");
            }
            deviation.copy = !subject.empty();
        }
        if (place.empty()) {
            return wrong(part, "names no place after @");
        }
        deviation.place = std::string{place};
        std::string_view occurrence = part.substr(dot + 1);
        if (!number(occurrence, deviation.occurrence) || !occurrence.empty() || deviation.occurrence == 0 ||
            deviation.occurrence > 65'535) {
            return wrong(part, "does not end in a number from .1 to .65535");
        }
        plan.push_back(std::move(deviation));
        if (plus == std::string_view::npos) {
            return plan;
        }
        token.remove_prefix(plus + 1);
    }
}

}  // namespace sqsim::inline SQSIM_ABI::sim
