// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::detail {

/// Whether all bytes of many texts lie in a range: looks at each text, and is asked once for all.
template <unsigned char Lowest, unsigned char Highest>
class ByteRange {
public:
    static constexpr std::size_t step = 16;

    /// Looks at so many bytes as a step has.
    [[gnu::always_inline]] void look_at(const char* bytes) noexcept {
#if defined(__GNUC__)
        Vector vector;
        std::memcpy(&vector, bytes, step);
        vector -= Lowest;  // what is below it becomes larger than all that is good
        highest_ = highest_ > vector ? highest_ : vector;
#else
        for (std::size_t i = 0; i != step; ++i) {
            const auto distance = static_cast<unsigned char>(bytes[i] - Lowest);
            highest_[i] = highest_[i] > distance ? highest_[i] : distance;
        }
#endif
    }

    /// Looks at a text of at least a step: the last bytes, if need be, together with some before.
    [[gnu::always_inline]] void look_at_all(std::string_view text) noexcept {
        const char* bytes = text.data();
        const char* const last = bytes + (text.size() - step);
        for (; bytes < last; bytes += step) {
            look_at(bytes);
        }
        look_at(last);
    }

    [[nodiscard]] bool has_seen_others() const noexcept {
#if defined(__GNUC__)
        const auto others = highest_ > static_cast<unsigned char>(Highest - Lowest);
        std::array<std::uint64_t, 2> words;
        std::memcpy(words.data(), &others, step);
        return (words[0] | words[1]) != 0;
#else
        bool found = false;
        for (const unsigned char distance : highest_) {
            found = found || distance > Highest - Lowest;
        }
        return found;
#endif
    }

private:
#if defined(__GNUC__)
    using Vector [[gnu::vector_size(step)]] = unsigned char;
    Vector highest_{};
#else
    std::array<unsigned char, step> highest_{};
#endif
};

}  // namespace sqsim::inline SQSIM_ABI::detail
