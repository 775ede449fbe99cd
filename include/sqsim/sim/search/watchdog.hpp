// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/wait.hpp"
#include "sqsim/config.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/detail/shortage.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

[[nodiscard]] constexpr std::string_view action_text(Action action) noexcept {
    switch (action) {
    case Action::send:
        return "send";
    case Action::receive:
        return "receive";
    case Action::delivery:
        return "gets";
    case Action::delete_message:
        return "delete";
    case Action::change_message_visibility:
        return "change visibility of";
    case Action::purge:
        return "purge";
    case Action::dead_letter:
        return "dead letter";
    case Action::redrive:
        return "redrive";
    default:
        return "call";
    }
}

/// Watches an exploration in real time, with a thread of its own: code that takes no step for so long is in an endless
/// loop without a point, or waits for a mutex that another actor holds, which nothing can end.
class Watchdog {
public:
    using Tell = std::function<void(std::string_view)>;

    Watchdog(const RunContext& context, std::chrono::milliseconds limit, Tell tell)
        : Watchdog{std::vector{&context}, limit, std::move(tell)} {}
    /// For an exploration that has several threads, with a context each.
    Watchdog(std::vector<const RunContext*> contexts, std::chrono::milliseconds limit, Tell tell)
        : contexts_{std::move(contexts)}, limit_{limit}, tell_{std::move(tell)} {
        if (limit_ > std::chrono::milliseconds::zero()) {
            seen_.reserve(contexts_.size());
            thread_ = std::thread{[this] { watch(); }};
        }
    }
    Watchdog(const Watchdog&) = delete;
    Watchdog& operator=(const Watchdog&) = delete;
    ~Watchdog() {
        if (thread_.joinable()) {
            {
                const auto lock = rendezvous_.lock();
                is_over_ = true;
            }
            rendezvous_.notify();
            thread_.join();
        }
    }

private:
    void watch() {
        auto lock = rendezvous_.lock();
        for (const RunContext* const context : contexts_) {
            seen_.push_back(steps(*context));
        }
        while (!rendezvous_.wait_for(lock, limit_, [this] { return is_over_; })) {
            for (std::size_t i = 0; i < contexts_.size(); ++i) {
                const bool is_idle = contexts_[i]->progress.is_idle.load(std::memory_order_acquire);
                if (steps(*contexts_[i]) == std::exchange(seen_[i], steps(*contexts_[i])) && !is_idle) {
                    if (!found_memory([&] { tell(*contexts_[i]); })) {
                        std::fputs("sqsim: no step for a long time, and no memory to tell of it\n", stderr);
                    }
                }
            }
        }
    }

    [[nodiscard]] static std::uint64_t steps(const RunContext& context) noexcept {
        return context.progress.steps.load(std::memory_order_relaxed);
    }

    /// The thread that is watched stands still, so that what it did last can be read.
    void tell(const RunContext& context) const {
        const char* const actor = context.progress.actor.load(std::memory_order_relaxed);
        std::string text = "sqsim: no step for " + duration_text(limit_) +
                           " of real time: " + (actor != nullptr ? actor : "the scenario") +
                           " is in an endless loop without a point, or " +
                           "waits for what another actor holds, such as a mutex. Its last site: " +
                           context.sites.name(context.progress.site.load(std::memory_order_relaxed)) +
                           ". The last calls:\n";
        constexpr std::size_t most = 12;
        const auto& operations = context.history.operations;
        for (std::size_t i = operations.size() - std::min(operations.size(), most); i < operations.size(); ++i) {
            const Operation& operation = operations[i];
            text += "  " + instant_text(operation.answered) + "  " + context.history.clients[operation.client] + "  " +
                    std::string{action_text(operation.action)} +
                    (operation.message != 0 ? " #" + std::to_string(operation.message) : std::string{}) + "\n";
        }
        if (tell_) {
            tell_(text);
        } else {
            std::fputs(text.c_str(), stderr);
        }
    }

    std::vector<const RunContext*> contexts_;
    std::vector<std::uint64_t> seen_{};
    std::chrono::milliseconds limit_;
    Tell tell_;
    sqsim::detail::Rendezvous rendezvous_{};
    bool is_over_ = false;
    std::thread thread_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
