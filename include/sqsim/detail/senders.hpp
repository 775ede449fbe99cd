// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/record.hpp"

#include <cstddef>
#include <mutex>

namespace sqsim::inline SQSIM_ABI::detail {

/// What sends need that do not take the queue's lock: the lock of the engine's senders' side, and whether such a send
/// would go unseen.
template <class Lock>
struct alignas(two_cache_lines) Senders {
    Lock mutex{};
    std::size_t sleepers = 0;  // receives that wait and must be woken, which takes the queue's lock
};

/// The time for which a receive waits. It begins before the receive looks a last time: no send goes unseen.
template <class Lock>
class Sleeper {
public:
    explicit Sleeper(Senders<Lock>& senders) : senders_{senders} {
        const std::scoped_lock lock{senders_.mutex};
        ++senders_.sleepers;
    }
    Sleeper(const Sleeper&) = delete;
    Sleeper& operator=(const Sleeper&) = delete;
    ~Sleeper() {
        const std::scoped_lock lock{senders_.mutex};
        --senders_.sleepers;
    }

private:
    Senders<Lock>& senders_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
