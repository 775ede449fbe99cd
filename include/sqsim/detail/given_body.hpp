// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/record.hpp"

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

// A send moves the caller's body into the record, and may still fail after that. Then the body goes back, so that the
// caller may try again.

/// The object that a send is about to move into a record; null if the body is copied.
template <class Body, class From>
[[nodiscard]] constexpr Body* given_body([[maybe_unused]] From& from) noexcept {
    if constexpr (!is_text<Body> && std::is_same_v<From, Body>) {
        return &from;
    } else {
        return nullptr;
    }
}

/// Moves a body back. If that throws, the body is what its own move has left of it.
template <class Body>
void move_back(Body& from, Body& to) noexcept {
    if constexpr (std::is_nothrow_move_assignable_v<Body>) {
        to = std::move(from);
    } else if constexpr (std::is_nothrow_move_constructible_v<Body>) {
        std::destroy_at(&to);
        std::construct_at(&to, std::move(from));
    } else if constexpr (std::is_move_assignable_v<Body>) {
#if SQSIM_EXCEPTIONS
        try {
            to = std::move(from);
        } catch (...) {
        }
#else
        to = std::move(from);
#endif
    }
}

/// Gives the caller's body back that a record has taken. Text is only copied, and stays where it is.
template <class Body>
void return_body([[maybe_unused]] Record& record, [[maybe_unused]] Body* to) noexcept {
    if constexpr (!is_text<Body>) {
        if (to != nullptr) {
            move_back(*std::launder(reinterpret_cast<Body*>(PayloadOf<Body>::body(record))), *to);
        }
    }
}

}  // namespace sqsim::inline SQSIM_ABI::detail
