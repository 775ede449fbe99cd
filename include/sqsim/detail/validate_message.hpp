// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/error.hpp"
#include "sqsim/limits.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

// What the service refuses in messages, with its codes and texts. Each check returns the error, or nothing.

namespace sqsim::inline SQSIM_ABI::detail {

using MaybeError = std::optional<Error>;

inline void raise_if(const MaybeError& error) {
    if (error) {
        raise(*error);
    }
}

[[nodiscard]] inline MaybeError invalid(const std::string& text) { return Error{Errc::invalid_parameter_value, text}; }

[[nodiscard]] inline MaybeError invalid_value(const std::string& value, std::string_view parameter,
                                              const std::string& reason) {
    return invalid("Value " + value + " for parameter " + std::string{parameter} + " is invalid. Reason: " + reason);
}

/// What the service says of a parameter that only the other kind of queue takes (R47, R53), in its own words.
inline constexpr const char* not_of_this_kind = "The request include parameter that is not valid for this queue type.";

/// R45; a FIFO queue takes no delay of a message but zero (R47, R48).
[[nodiscard]] inline MaybeError check_delay(const std::optional<Nanos>& delay, const Limits& limits, bool fifo) {
    if (!delay) {
        return {};
    }
    if (*delay < Nanos::zero() || *delay > limits.maximum_delay) {
        return invalid_value(seconds_text(*delay), "DelaySeconds",
                             "DelaySeconds must be >= 0 and <= " + seconds_text(limits.maximum_delay) + ".");
    }
    if (fifo && *delay != Nanos::zero()) {
        return invalid_value(seconds_text(*delay), "DelaySeconds", not_of_this_kind);
    }
    return {};
}

/// R51; `parameter` is MessageGroupId, MessageDeduplicationId or ReceiveRequestAttemptId.
[[nodiscard]] inline MaybeError check_identifier(std::string_view id, std::string_view parameter) {
    if (is_identifier(id)) {
        return {};
    }
    return invalid_value(std::string{id}, parameter,
                         std::string{parameter} +
                             " can only include alphanumeric and punctuation characters. 1 to 128 in length.");
}

/// The text for a forbidden character (R42); `where` is e.g. "the message body".
[[nodiscard]] inline std::string forbidden_text(const ForbiddenCharacter& forbidden, const std::string& where) {
    std::string digits;
    for (std::uint32_t rest = forbidden.value; rest != 0 || digits.empty(); rest >>= 4U) {
        digits.insert(digits.begin(), "0123456789ABCDEF"[rest & 0xFU]);
    }
    return std::string{"Invalid binary "} + (forbidden.is_byte ? "byte" : "character") + " '#x" + digits +
           "' was found in " + where +
           ", the set of allowed characters is #x9 | #xA | #xD | [#x20-#xD7FF] | [#xE000-#xFFFD] | "
           "[#x10000-#x10FFFF].";
}

/// One attribute of a message (R43, R55-R60).
[[nodiscard]] inline MaybeError check_message_attribute(std::string_view name, const MessageAttribute& attribute) {
    if (name.empty()) {
        return invalid("The request must contain non-empty message attribute name.");
    }
    if (name.size() > 256) {
        return invalid("Message (user) attribute names must be shorter than 256 Bytes");
    }
    if (!is_attribute_name(name)) {
        return invalid("Message (user) attributes name can only contain upper and lower score characters, digits, "
                       "periods, hyphens and underscores. ");
    }
    std::string lower;
    for (const char c : name.substr(0, 7)) {
        lower.push_back(c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c);
    }
    if (name.front() == '.' || name.back() == '.' || lower.starts_with("aws.") || lower.starts_with("amazon.")) {
        return invalid("You can't use message attribute names beginning with 'AWS.' or 'Amazon.'. These strings are "
                       "reserved for internal use. Additionally, they cannot start or end with '.'.");
    }
    const std::string_view type = attribute.data_type;
    const std::string_view kind = type.substr(0, type.find('.'));
    const bool labelled = kind.size() != type.size();
    if ((kind != "String" && kind != "Number" && kind != "Binary") || (labelled && type.size() == kind.size() + 1) ||
        type.size() > 256) {
        return invalid(
            "The type of message (user) attribute '" + std::string{name} +
            "' is invalid. You must use only the following supported type prefixes: Binary, Number, String.");
    }
    if (attribute.value.empty()) {
        return invalid("Message (user) attribute '" + std::string{name} + "' must contain a non-empty value of type '" +
                       std::string{kind} + "'.");
    }
    if (kind == "Number" && !is_attribute_number(attribute.value)) {
        return invalid("Can't cast the value of message (user) attribute '" + std::string{name} + "' to a number.");
    }
    if (kind == "String") {
        if (const auto forbidden = first_forbidden_character(attribute.value)) {
            return invalid(
                forbidden_text(*forbidden, "the value of message (user) attribute '" + std::string{name} + "'"));
        }
    }
    return {};
}

/// All attributes of a message (R54).
[[nodiscard]] inline MaybeError check_message_attributes(const MessageAttributes& attributes, const Limits& limits) {
    if (attributes.size() > limits.maximum_message_attributes) {
        return invalid("Number of message attributes [" + std::to_string(attributes.size()) +
                       "] exceeds the allowed maximum [" + std::to_string(limits.maximum_message_attributes) + "].");
    }
    for (const auto& [name, attribute] : attributes) {
        if (MaybeError error = check_message_attribute(name, attribute)) {
            return error;
        }
    }
    return {};
}

/// What the attributes add to the size of a message (R37).
[[nodiscard]] inline std::size_t attributes_size(const MessageAttributes& attributes) noexcept {
    std::size_t size = 0;
    for (const auto& [name, attribute] : attributes) {
        size += name.size() + attribute.data_type.size() + attribute.value.size();
    }
    return size;
}

/// R39, or R76 inside a batch: the same rule in other words.
[[nodiscard]] inline MaybeError check_size(std::size_t size, std::size_t maximum, bool in_batch) {
    if (size <= maximum) {
        return {};
    }
    return invalid(
        std::string{in_batch ? "One or more parameters cannot be validated." : "One or more parameters are invalid."} +
        " Reason: Message must be shorter than " + std::to_string(maximum) + " bytes.");
}

/// A body of text (R41, R42, R78).
[[nodiscard]] inline MaybeError check_text(std::string_view body, const Limits& limits, bool in_batch) {
    if (body.empty()) {
        return Error{in_batch ? Errc::empty_value : Errc::missing_parameter,
                     "The request must contain the parameter MessageBody."};
    }
    if (limits.check_characters) {
        if (const auto forbidden = first_forbidden_character(body)) {
            return Error{Errc::invalid_message_contents, forbidden_text(*forbidden, "the message body")};
        }
    }
    return {};
}

}  // namespace sqsim::inline SQSIM_ABI::detail
