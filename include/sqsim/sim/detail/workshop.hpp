// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/spare_memory.hpp"
#include "sqsim/message.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/registry.hpp"
#include "sqsim/sim/detail/rooms.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/sim/timeline.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// What the runs of an exploration have in common.
struct Settings {
    Faults offered = Faults::usual();
    bool stalls_at_all_deadlines = false;
    bool abandons = !SQSIM_EXCEPTIONS;  // crashed code is never resumed, instead of unwound
    Nanos horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    Nanos clock_error = std::chrono::minutes{10};
};

/// Everything that actors received in a run: they refer to it, wherever they stop. The places are used again.
class Received {
public:
    using Real = Message<std::string, ManualClock::time_point>;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    struct One {
        Real message{};
        Subject subject = 0;
    };

    [[nodiscard]] One& operator[](std::size_t place) noexcept { return *messages_[place]; }
    void add(Real&& message, Subject subject) {
        if (size_ == messages_.size()) {
            messages_.push_back(std::make_unique<One>());
        }
        One& one = *messages_[size_++];
        one.message = std::move(message);
        one.subject = subject;
    }
    void clear() noexcept {
        while (size_ != 0) {
            messages_[--size_]->message = Real{};
        }
    }

private:
    std::vector<std::unique_ptr<One>> messages_{};
    std::size_t size_ = 0;
};

/// What every run uses anew, so that a run makes next to nothing.
struct Workshop {
    Settings settings{};
    Places places{};
    Chooser chooser{};
    Registry registry{};
    History history{};
    std::vector<std::unique_ptr<Actor>> actors{};
    std::vector<Actor*> ready{};
    std::vector<Actor*> waiting{};
    sqsim::detail::SpareMemory spare_memory{};
    Rooms rooms{};
    Received received{};
    std::vector<Received::Real> answer{};       // of the receive that is under way
    std::vector<std::uint64_t>* log = nullptr;  // what every step of a run was, if somebody compares two
    Timeline* timeline = nullptr;               // the run's story, if somebody wants to read it

    void clear() {
        registry.clear();
        history.queues.clear();
        history.clients.clear();
        history.operations.clear();
        history.drained = false;
        ready.clear();
        waiting.clear();
        received.clear();
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
