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

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// One fault of a plan, and where it happens: the `occurrence`-th time that `site` is reached about this message. The
/// address does not count steps, so that it survives changes elsewhere.
struct PlannedFault {
    std::string fault{};          // the word of a `Fault`, or "choose:" and an alternative of `sim::choose`
    std::uint32_t parameter = 0;  // which of several alternatives of the kind; 0 is the first
    std::string site{};           // "receive", "deleted", the name of a point; "queue:receive" for a named queue
    std::uint32_t subject = 0;    // the message's number in the order of the sends; 0: none
    bool copy = false;            // the second message that a repetition of this send made
    std::uint32_t occurrence = 1;

    friend bool operator==(const PlannedFault&, const PlannedFault&) = default;
};

/// The faults of an execution in the order in which they happen; everything else is fault-free.
using FaultPlan = std::vector<PlannedFault>;

/// The longest token.
inline constexpr std::size_t maximum_token_size = 80;

namespace detail {

/// The name of a site as tokens have it: short, and of characters that need no quoting in a shell.
[[nodiscard]] inline std::string token_site(std::string_view site, std::size_t longest) {
    std::string text;
    std::uint32_t sum = 2'166'136'261U;
    for (const char character : site) {
        const bool plain = (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
                           (character >= '0' && character <= '9') || character == '-' || character == '_' ||
                           character == ':' || character == '.' || character == '~';
        text.push_back(plain ? character : '_');
        sum = (sum ^ static_cast<unsigned char>(character)) * 16'777'619U;
    }
    if (text == site && text.size() <= longest) {
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

/// Before the name of an alternative of `sim::choose`, where tokens have the word of a fault.
inline constexpr std::string_view choice_prefix = "choose:";

[[nodiscard]] constexpr bool is_fault_word(std::string_view word) noexcept {
    if (word.starts_with(choice_prefix)) {
        return word.size() > choice_prefix.size();
    }
    for (std::size_t i = 1; i < fault_kinds; ++i) {
        if (fault_table[i].word == word) {
            return true;
        }
    }
    return false;
}

[[nodiscard]] inline std::string to_token(const PlannedFault& planned, std::size_t longest_site) {
    std::string text = planned.fault;
    if (planned.parameter != 0) {
        text += std::to_string(planned.parameter);
    }
    text += '@';
    text += token_site(planned.site, longest_site);
    if (planned.subject != 0) {
        text += '#';
        text += std::to_string(planned.subject);
        text += planned.copy ? "b" : "";
    }
    text += '.';
    text += std::to_string(planned.occurrence);
    return text;
}

}  // namespace detail

/// The text that names a plan, for `replay`: "dup@receive#2.1+crash@charged#2.2". Names of sites are shortened until
/// it has at most 80 characters; with too many faults for that it is longer. The fault-free plan is "none".
[[nodiscard]] inline std::string to_token(const FaultPlan& plan) {
    std::string text;
    for (std::size_t longest = 40; longest >= 6; longest -= 2) {
        text.clear();
        for (const PlannedFault& planned : plan) {
            text += text.empty() ? "" : "+";
            text += detail::to_token(planned, longest);
        }
        if (text.size() <= maximum_token_size) {
            break;
        }
    }
    return text.empty() ? "none" : text;
}

/// Reads a token. Errors: what is malformed, and what was expected there.
[[nodiscard]] inline Result<FaultPlan> plan_from_token(std::string_view token) {
    const std::string whole{token};
    const auto wrong = [&](std::string_view part, std::string_view rule) {
        return Result<FaultPlan>{
            Error{Errc::invalid_parameter_value, "The token \"" + whole + "\" cannot be replayed: \"" +
                                                     std::string{part} + "\" " + std::string{rule}}};
    };
    const auto number = [](std::string_view& text, std::uint32_t& value) {
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
        const bool read = error == std::errc{};
        text.remove_prefix(static_cast<std::size_t>(end - text.data()));
        return read;
    };
    FaultPlan plan;
    if (token == "none") {
        return plan;
    }
    while (true) {
        const std::size_t plus = token.find('+');
        const std::string_view part = token.substr(0, plus);
        const std::size_t at = part.find('@');
        const std::size_t dot = part.rfind('.');
        if (at == std::string_view::npos || at == 0 || dot == std::string_view::npos || dot < at) {
            return wrong(part, "is not of the form fault@site#message.occurrence");
        }
        PlannedFault planned;
        std::string_view fault = part.substr(0, at);
        const bool is_choice =
            fault.starts_with(detail::choice_prefix);  // the name of its alternative may end in digits
        const std::size_t digits = is_choice ? fault.size() : fault.find_last_not_of("0123456789") + 1;
        planned.fault = std::string{fault.substr(0, digits)};
        fault.remove_prefix(digits);
        if (!fault.empty() && (!number(fault, planned.parameter) || planned.parameter > 255)) {
            return wrong(part, "has a number after the fault that is above 255");
        }
        if (!detail::is_fault_word(planned.fault)) {
            return wrong(part, "begins with no kind of fault");
        }
        std::string_view site = part.substr(at + 1, dot - at - 1);
        if (const std::size_t hash = site.rfind('#'); hash != std::string_view::npos) {
            std::string_view subject = site.substr(hash + 1);
            site = site.substr(0, hash);
            if (!number(subject, planned.subject) || (!subject.empty() && subject != "b") || planned.subject == 0 ||
                planned.subject > 1'000'000'000) {
                return wrong(part, "has no message number from 1 to 1000000000 after #");
            }
            planned.copy = !subject.empty();
        }
        if (site.empty()) {
            return wrong(part, "names no site after @");
        }
        planned.site = std::string{site};
        std::string_view occurrence = part.substr(dot + 1);
        if (!number(occurrence, planned.occurrence) || !occurrence.empty() || planned.occurrence == 0 ||
            planned.occurrence > 65'535) {
            return wrong(part, "does not end in a number from .1 to .65535");
        }
        plan.push_back(std::move(planned));
        if (plus == std::string_view::npos) {
            return plan;
        }
        token.remove_prefix(plus + 1);
    }
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
