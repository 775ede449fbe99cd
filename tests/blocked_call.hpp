// SPDX-License-Identifier: MIT
#pragma once

// A call that may block, on a thread of its own, for tests: a call that nobody wakes ends in a failed assertion
// instead of a test that hangs.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <utility>

namespace blocked {

template <class Result>
class Call {
public:
    /// Runs `call(std::stop_token)` on a thread.
    template <class Function>
    explicit Call(Function call)
        : thread_{[this, call = std::move(call)](const std::stop_token& stop) {
              auto result = call(stop);
              const std::scoped_lock lock{mutex_};
              result_.emplace(std::move(result));
              changed_.notify_all();
          }} {}

    void request_stop() { thread_.request_stop(); }

    [[nodiscard]] bool ended() {
        const std::scoped_lock lock{mutex_};
        return result_.has_value();
    }

    /// The call's result. One that has not ended after so much real time is stopped, and what it returns then counts.
    Result get(std::chrono::milliseconds real_limit = std::chrono::seconds{10}) {
        {
            std::unique_lock lock{mutex_};
            if (!changed_.wait_for(lock, real_limit, [this] { return result_.has_value(); })) {
                thread_.request_stop();
            }
        }
        thread_.join();
        return std::move(*result_);
    }

private:
    std::mutex mutex_{};
    std::condition_variable changed_{};
    std::optional<Result> result_{};
    std::jthread thread_;  // last: it uses the others
};

template <class Function>
Call(Function) -> Call<decltype(std::declval<Function>()(std::stop_token{}))>;

}  // namespace blocked
