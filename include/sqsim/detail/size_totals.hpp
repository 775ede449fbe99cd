// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/metrics.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The sizes of messages that were sent, added up: `SentMessageSizes` where none has no minimum yet.
struct SizeTotals {
    std::uint64_t count = 0;
    std::uint64_t sum = 0;
    std::size_t minimum = ~std::size_t{0};
    std::size_t maximum = 0;

    /// Adds one message. Its caller adds to `count`, once for many.
    [[gnu::always_inline]] void add_uncounted(std::size_t size) noexcept {
        sum += size;
        minimum = std::min(minimum, size);
        maximum = std::max(maximum, size);
    }
    [[gnu::always_inline]] void add(std::size_t size) noexcept {
        add_uncounted(size);
        ++count;
    }
    [[gnu::always_inline]] void add(const SizeTotals& more) noexcept {
        count += more.count;
        sum += more.sum;
        minimum = std::min(minimum, more.minimum);
        maximum = std::max(maximum, more.maximum);
    }

    /// Precondition: there is one at least.
    [[nodiscard]] SentMessageSizes sizes() const noexcept { return {count, sum, minimum, maximum}; }
};

}  // namespace sqsim::inline SQSIM_ABI::detail
