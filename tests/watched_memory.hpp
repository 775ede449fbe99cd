// SPDX-License-Identifier: MIT
#pragma once

// What the test program's own global operators new and delete count, and which allocation they let fail.

#include <atomic>
#include <cstdint>

namespace watched {

inline std::atomic<bool> counting{false};
inline std::atomic<std::uint64_t> allocations{0};  // while `counting`
inline std::atomic<std::uint64_t> bytes{0};        // of these
inline std::atomic<std::uint64_t> fails_at{0};     // the allocation of this number, counted so, throws; 0: none
inline std::atomic<bool> goes_on_failing{false};   // so do all after it
inline std::atomic<std::int64_t> living{0};        // always counted

}  // namespace watched
