// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/dedup_window.hpp"
#include "sqsim/detail/piece.hpp"

/// Forgets all ids whose time has come, piece by piece.
inline void expire(sqsim::detail::DedupWindow& window, sqsim::detail::Nanos now) {
    sqsim::detail::Piece piece;
    do {
        piece = {};
        window.expire(now, piece);
    } while (piece.is_done());
}
