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

// Where the library notes its commits (detail/commit.hpp): the allocations in one. Always counted.
inline std::atomic<std::uint64_t> in_commits{0};

// For programs with threads: of the allocations of this thread, counted while `own_failures` is not 0, each whose
// number is a multiple of it fails.
inline thread_local std::uint64_t own_failures = 0;
inline thread_local std::uint64_t own_allocations = 0;

}  // namespace watched
