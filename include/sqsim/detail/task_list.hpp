// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/task.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <iterator>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The move tasks that concern a queue: those that work on it now, and the latest that moved messages out of it.
template <class Lock>
class TaskList {
public:
    /// Adds a task that works on the queue until it ends, and that the queue's calls drive or not.
    void add(std::shared_ptr<Task> task, bool driven_by_calls) {
        std::vector<std::shared_ptr<Task>> tasks{std::move(task)};
        const std::scoped_lock lock{mutex_};
        std::copy_if(working_.begin(), working_.end(), std::back_inserter(tasks),
                     [](const auto& other) { return other->next_due() != never; });
        working_.swap(tasks);  // what was dropped goes only after the lock: a task's end takes the clock's
        any_.store(driven_by_calls, std::memory_order_release);
    }

    /// Remembers a task that moves messages out of the queue.
    void add_history(std::shared_ptr<Task> task) {
        std::shared_ptr<Task> oldest;
        const std::scoped_lock lock{mutex_};
        history_.push_back(std::move(task));
        if (history_.size() > 10) {
            oldest = std::move(history_.front());
            history_.erase(history_.begin());
        }
    }

    /// The latest tasks that moved messages out of the queue, the oldest first.
    [[nodiscard]] std::vector<std::shared_ptr<Task>> history() const {
        const std::scoped_lock lock{mutex_};
        return history_;
    }

    /// Whether the queue's calls drive a task. One load: almost always there is none.
    [[nodiscard]] bool any() const noexcept { return any_.load(std::memory_order_acquire); }

    /// Lets all tasks do what is due. Errors: those of the clock. Concurrency: the caller holds no lock.
    void run_due(Nanos now) {
        for_each([&](Task& task) { task.run_due(now); });
        const std::scoped_lock lock{mutex_};
        any_.store(earliest() != never, std::memory_order_release);
    }

    /// When the next task has something to do.
    [[nodiscard]] Nanos next_due() const {
        if (!any()) {
            return never;
        }
        const std::scoped_lock lock{mutex_};
        return earliest();
    }

    void queue_ends(const void* queue) noexcept {
        for_each([&](Task& task) { task.queue_ends(queue); });
    }

private:
    /// Calls `visit(task)` for the tasks at work, without the lock. One that is passed over because another has ended
    /// meanwhile has its turn the next time.
    template <class Visit>
    void for_each(Visit visit) const {
        for (std::size_t i = 0;; ++i) {
            std::shared_ptr<Task> task;
            {
                const std::scoped_lock lock{mutex_};
                if (i >= working_.size()) {
                    return;
                }
                task = working_[i];
            }
            visit(*task);
        }
    }

    [[nodiscard]] Nanos earliest() const {
        Nanos next = never;
        for (const std::shared_ptr<Task>& task : working_) {
            next = std::min(next, task->next_due());
        }
        return next;
    }

    mutable Lock mutex_{};
    std::vector<std::shared_ptr<Task>> working_{};
    std::vector<std::shared_ptr<Task>> history_{};
    std::atomic<bool> any_{false};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
