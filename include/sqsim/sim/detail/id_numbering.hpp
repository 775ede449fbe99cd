// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/sim/detail/fast_clear_map.hpp"
#include "sqsim/sim/detail/site.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// A 64-bit hash of a text, the same everywhere.
[[nodiscard]] constexpr std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0xcbf2'9ce4'8422'2325U) {
    std::uint64_t hash = seed;
    for (const char character : text) {
        hash = (hash ^ static_cast<unsigned char>(character)) * 0x0000'0100'0000'01b3U;
    }
    return sqsim::detail::mix64(hash ^ text.size());
}

/// What an execution knows of a receipt handle.
struct KnownHandle {
    std::uint64_t hash;
    std::uint32_t number;  // 0 if it was never received here
    std::uint32_t message;
    Subject subject;
};

/// Numbers for the messages, handles, groups and deduplication ids of one execution, from 1 on.
class IdNumbering {
public:
    void clear() {
        messages_.clear();
        handles_.clear();
        texts_.clear();
        subjects_.assign(1, 0);
        messages_of_handles_.assign(1, 0);
        last_text_ = 0;
    }

    /// Numbers a message that was sent, or that got a new id.
    std::uint32_t add_message(const MessageId& id, Subject subject) {
        subjects_.push_back(subject);
        const auto number = static_cast<std::uint32_t>(subjects_.size() - 1);
        messages_[std::hash<MessageId>{}(id)] = number;
        return number;
    }
    [[nodiscard]] std::uint32_t message(const MessageId& id) noexcept {
        return messages_.value_or_zero(std::hash<MessageId>{}(id));
    }
    [[nodiscard]] Subject subject(std::uint32_t message) const noexcept { return subjects_[message]; }

    /// Numbers the handle of a delivery; the same handle gets the same number.
    KnownHandle add_handle(const ReceiptHandle& handle, std::uint32_t message) {
        const std::uint64_t key = hash(handle);
        std::uint32_t& number = handles_[key];
        if (number == 0) {
            messages_of_handles_.push_back(message);
            number = static_cast<std::uint32_t>(messages_of_handles_.size() - 1);
        }
        return {key, number, message, subjects_[message]};
    }
    [[nodiscard]] KnownHandle look_up(const ReceiptHandle& handle) noexcept {
        const std::uint64_t key = hash(handle);
        const std::uint32_t number = handles_.value_or_zero(key);
        const std::uint32_t message = messages_of_handles_[number];
        return {key, number, message, subjects_[message]};
    }

    /// A number for a text; 0 for the empty one.
    [[nodiscard]] std::uint32_t text(std::string_view text) {
        if (text.empty()) {
            return 0;
        }
        std::uint32_t& number = texts_[hash_text(text)];
        if (number == 0) {
            number = ++last_text_;
        }
        return number;
    }

    [[nodiscard]] static std::uint64_t hash(const ReceiptHandle& handle) noexcept {
        return std::hash<ReceiptHandle>{}(handle);
    }

private:
    FastClearMap messages_{};
    FastClearMap handles_{};
    FastClearMap texts_{};
    std::vector<Subject> subjects_{0};
    std::vector<std::uint32_t> messages_of_handles_{0};
    std::uint32_t last_text_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
