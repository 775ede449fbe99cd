// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI {

namespace detail {

struct IdAccess;

/// Writes the lowest `digits` hexadecimal digits of a value, lower case.
constexpr void append_hex(std::string& text, std::uint64_t value, int digits) {
    for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4) {
        text.push_back("0123456789abcdef"[(value >> shift) & 0xF]);
    }
}

/// Reads lower-case hexadecimal digits; nothing if there is any other character.
[[nodiscard]] constexpr std::optional<std::uint64_t> parse_hex(std::string_view text) noexcept {
    std::uint64_t value = 0;
    for (const char character : text) {
        const bool digit = character >= '0' && character <= '9';
        const bool letter = character >= 'a' && character <= 'f';
        if (!digit && !letter) {
            return std::nullopt;
        }
        value = value << 4 | static_cast<std::uint64_t>(digit ? character - '0' : character - 'a' + 10);
    }
    return value;
}

/// A bijective 64-bit mix (splitmix64's finaliser): every bit of the input moves half of the output.
[[nodiscard]] constexpr std::uint64_t mix64(std::uint64_t value) noexcept {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
    return value ^ (value >> 31);
}

}  // namespace detail

/// The identity of a message: a UUID assigned when it is sent, equal on every receive (R68).
class MessageId {
public:
    constexpr MessageId() noexcept = default;
    constexpr MessageId(std::uint64_t high, std::uint64_t low) noexcept : high_{high}, low_{low} {}

    /// Reads the form 8-4-4-4-12 of lower-case hexadecimal digits; nothing for any other text.
    [[nodiscard]] static std::optional<MessageId> from_string(std::string_view text) noexcept {
        if (text.size() != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-') {
            return std::nullopt;
        }
        const auto a = detail::parse_hex(text.substr(0, 8));
        const auto b = detail::parse_hex(text.substr(9, 4));
        const auto c = detail::parse_hex(text.substr(14, 4));
        const auto d = detail::parse_hex(text.substr(19, 4));
        const auto e = detail::parse_hex(text.substr(24, 12));
        if (!a || !b || !c || !d || !e) {
            return std::nullopt;
        }
        return MessageId{*a << 32 | *b << 16 | *c, *d << 48 | *e};
    }

    /// The form 8-4-4-4-12 of lower-case hexadecimal digits.
    [[nodiscard]] std::string to_string() const {
        std::string text;
        text.reserve(36);
        detail::append_hex(text, high_ >> 32, 8);
        text.push_back('-');
        detail::append_hex(text, high_ >> 16, 4);
        text.push_back('-');
        detail::append_hex(text, high_, 4);
        text.push_back('-');
        detail::append_hex(text, low_ >> 48, 4);
        text.push_back('-');
        detail::append_hex(text, low_, 12);
        return text;
    }

    friend constexpr auto operator<=>(const MessageId&, const MessageId&) noexcept = default;

private:
    friend struct std::hash<MessageId>;
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

/// What one receive of a message hands out for deleting it or changing its visibility (R105); opaque, 40 characters.
/// A default-constructed handle belongs to no message; using it is the error of a malformed one.
class ReceiptHandle {
public:
    constexpr ReceiptHandle() noexcept = default;

    /// Reads the text of a handle; nothing if it is malformed.
    [[nodiscard]] static std::optional<ReceiptHandle> from_string(std::string_view text) noexcept {
        if (text.size() != 40) {
            return std::nullopt;
        }
        const auto queue = detail::parse_hex(text.substr(0, 16));
        const auto place = detail::parse_hex(text.substr(16, 16));
        const auto check = detail::parse_hex(text.substr(32, 8));
        if (!queue || !place || !check || *check != checksum(*queue, *place) || *queue >= read_from_text) {
            return std::nullopt;
        }
        ReceiptHandle handle;
        handle.queue_ = *queue | read_from_text;
        handle.place_ = std::rotl(*place, 32);
        return handle;
    }

    /// The text of the handle; `from_string` reads it back.
    [[nodiscard]] std::string to_string() const {
        std::string text;
        text.reserve(40);
        detail::append_hex(text, queue(), 16);
        const std::uint64_t place = std::rotl(place_, 32);
        detail::append_hex(text, place, 16);
        detail::append_hex(text, checksum(queue(), place), 8);
        return text;
    }

    friend constexpr bool operator==(const ReceiptHandle& a, const ReceiptHandle& b) noexcept {
        return a.queue() == b.queue() && a.place_ == b.place_;
    }
    friend constexpr std::strong_ordering operator<=>(const ReceiptHandle& a, const ReceiptHandle& b) noexcept {
        return a.queue() != b.queue() ? a.queue() <=> b.queue() : a.place_ <=> b.place_;
    }

private:
    friend struct detail::IdAccess;
    friend struct std::hash<ReceiptHandle>;

    [[nodiscard]] static constexpr std::uint64_t checksum(std::uint64_t queue, std::uint64_t place) noexcept {
        return detail::mix64(queue ^ detail::mix64(place + 0x5153494dU)) >> 32;
    }

    // A handle that was read may name anything: queues do not take its word for it. It is equal to the other all the
    // same.
    static constexpr std::uint64_t read_from_text = std::uint64_t{1} << 63;

    [[nodiscard]] constexpr std::uint64_t queue() const noexcept { return queue_ & ~read_from_text; }

    std::uint64_t queue_ = 0;
    std::uint64_t place_ = 0;  // that of a record: as two numbers it would be read back before they are written
};

/// A FIFO message's place in its queue: larger than that of every message sent before, not consecutive (R69).
class SequenceNumber {
public:
    constexpr SequenceNumber() noexcept = default;
    constexpr explicit SequenceNumber(std::uint64_t ordinal) noexcept : ordinal_{ordinal} {}

    /// Twenty decimal digits, so that texts compare like numbers (R69).
    [[nodiscard]] std::string to_string() const {
        // The service's numbers exceed 64 bits: the first eleven digits and the last nine are kept apart.
        constexpr std::uint64_t billion = 1'000'000'000;
        const std::uint64_t low = ordinal_ * 256 + 467'696'128;
        const std::uint64_t high = 18'849'496'460 + low / billion;
        std::string digits = std::to_string(low % billion);
        return std::to_string(high) + std::string(9 - digits.size(), '0') + digits;
    }

    friend constexpr auto operator<=>(const SequenceNumber&, const SequenceNumber&) noexcept = default;

private:
    friend struct std::hash<SequenceNumber>;
    std::uint64_t ordinal_ = 0;
};

namespace detail {

/// The parts of a receipt handle, for the queues only: users see it as opaque.
struct IdAccess {
    [[nodiscard]] static constexpr ReceiptHandle handle(std::uint64_t queue, std::uint64_t place) noexcept {
        ReceiptHandle handle;
        handle.queue_ = queue;
        handle.place_ = place;
        return handle;
    }
    [[nodiscard]] static constexpr std::uint64_t queue(const ReceiptHandle& handle) noexcept { return handle.queue(); }
    /// The queue that made the handle itself; none if the handle was read from a text.
    [[nodiscard]] static constexpr std::uint64_t issuer(const ReceiptHandle& handle) noexcept { return handle.queue_; }
    [[nodiscard]] static constexpr std::uint64_t place(const ReceiptHandle& handle) noexcept { return handle.place_; }

    /// The id of a queue's n-th message: a keyed hash in the form of a version 4 UUID.
    [[nodiscard]] static constexpr MessageId message_id(std::uint64_t key, std::uint64_t ordinal) noexcept {
        const std::uint64_t high = mix64(key ^ mix64(ordinal * 2));
        const std::uint64_t low = mix64(key ^ mix64(ordinal * 2 + 1));
        return MessageId{(high & ~std::uint64_t{0xF000}) | 0x4000U,
                         (low & 0x3FFF'FFFF'FFFF'FFFFU) | 0x8000'0000'0000'0000U};
    }
};

}  // namespace detail
}  // namespace sqsim::inline SQSIM_ABI

template <>
struct std::hash<sqsim::MessageId> {
    [[nodiscard]] std::size_t operator()(const sqsim::MessageId& id) const noexcept {
        return static_cast<std::size_t>(id.high_ ^ id.low_);
    }
};

template <>
struct std::hash<sqsim::ReceiptHandle> {
    [[nodiscard]] std::size_t operator()(const sqsim::ReceiptHandle& handle) const noexcept {
        return static_cast<std::size_t>(sqsim::detail::mix64(sqsim::detail::mix64(handle.queue()) ^ handle.place_));
    }
};

template <>
struct std::hash<sqsim::SequenceNumber> {
    [[nodiscard]] std::size_t operator()(const sqsim::SequenceNumber& number) const noexcept {
        return static_cast<std::size_t>(sqsim::detail::mix64(number.ordinal_));
    }
};
