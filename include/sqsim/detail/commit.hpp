// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#if SQSIM_WATCHES_COMMITS
#    include <utility>
#endif

namespace sqsim::inline SQSIM_ABI::detail {

/// Marks the rest of a scope as the commit of an operation, or a part of it: nothing fails there, and nothing asks for
/// memory. Freeing memory is allowed. In the library's own tests an allocation there fails the test; in other builds
/// this is empty.
class [[maybe_unused]] Commit {
public:
#if SQSIM_WATCHES_COMMITS
    Commit() noexcept { ++depth; }
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
    ~Commit() { --depth; }

    static inline thread_local int depth = 0;  // how many commits this thread is in
#else
    Commit() noexcept {}
    Commit(const Commit&) = delete;
    Commit& operator=(const Commit&) = delete;
    ~Commit() = default;
#endif
};

/// Marks the rest of a scope as an exception to this: memory that a commit asks for although it can do without.
class [[maybe_unused]] Dispensable {
public:
#if SQSIM_WATCHES_COMMITS
    Dispensable() noexcept : depth_{std::exchange(Commit::depth, 0)} {}
    Dispensable(const Dispensable&) = delete;
    Dispensable& operator=(const Dispensable&) = delete;
    ~Dispensable() { Commit::depth = depth_; }

private:
    int depth_;
#else
    Dispensable() noexcept {}
    Dispensable(const Dispensable&) = delete;
    Dispensable& operator=(const Dispensable&) = delete;
    ~Dispensable() = default;
#endif
};

}  // namespace sqsim::inline SQSIM_ABI::detail
