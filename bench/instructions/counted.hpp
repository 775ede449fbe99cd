// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

// What tools/instructions counts: the functions named `counted_...` here, with all that they call. Each of them passes
// on a batch; what surrounds it is not counted.

namespace bench {

inline constexpr std::size_t counted_messages = 20'000;
inline constexpr std::size_t messages_before = 2'000;  // until nothing is made for the first time any more

/// The body of every message.
inline constexpr std::string_view counted_body =
    "{\"order\": 123456, \"customer\": \"0123456789\", \"amount\": 99.50, ..}";
static_assert(counted_body.size() == 64);

/// Lets no compiler leave out the making of a value.
template <class T>
void keep(const T& value) noexcept {
    asm volatile("" : : "r,m"(&value) : "memory");
}

/// Calls `pass(batch)` until so many messages went through.
template <class Pass>
void pass_messages(std::size_t messages, std::size_t batch, Pass pass) {
    for (std::size_t done = 0; done < messages; done += batch) {
        pass(batch);
    }
}

}  // namespace bench
