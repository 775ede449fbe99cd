// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <algorithm>
#include <cstddef>

namespace sqsim::inline SQSIM_ABI::detail {

/// How much an engine does at once of what is due or was purged. The queue's lock is let go between two pieces, so that
/// nobody waits for more than one.
class Piece {
public:
    static constexpr std::size_t most = 1000;  // messages: a tenth of a millisecond

    [[nodiscard]] std::size_t rest() const noexcept { return rest_; }
    [[nodiscard]] bool is_done() const noexcept { return rest_ == 0; }
    void count(std::size_t messages) noexcept { rest_ -= std::min(rest_, messages); }

private:
    std::size_t rest_ = most;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
