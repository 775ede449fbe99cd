// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"

namespace sqsim::inline SQSIM_ABI::detail {

/// Work that a queue does bit by bit as time passes: a move task. On a `ManualClock` the clock drives it; on a clock
/// that runs by itself the calls and the waiting receives of its queues do.
class Task {
public:
    Task() = default;
    Task(const Task&) = delete;
    Task& operator=(const Task&) = delete;
    virtual ~Task() = default;

    /// Does what is due. Errors: those of a clock that may go back, which is read first of all. Concurrency: takes
    /// queues' locks, so the caller holds none.
    virtual void run_due(Nanos now) = 0;

    /// When there will be something to do; `never` if the task has ended. Concurrency: takes no queue's lock.
    [[nodiscard]] virtual Nanos next_due() noexcept = 0;

    /// A queue that the task works on is about to end.
    virtual void queue_ends(const void* queue) noexcept = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
