// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/registry.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/timeline.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
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
    std::vector<Option> options{};
    std::deque<Message<std::string, ManualClock::time_point>> received{};  // everything that actors refer to
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

/// A queue, as the rest of the world sees it.
class QueueInWorld {
public:
    QueueInWorld() = default;
    QueueInWorld(const QueueInWorld&) = delete;
    QueueInWorld& operator=(const QueueInWorld&) = delete;
    virtual ~QueueInWorld() = default;

    [[nodiscard]] virtual QueueCounts stored() const = 0;
    [[nodiscard]] virtual const std::string& label() const = 0;
    /// Adds every instant at which a delay, a lease or a deduplication window ends, and a retention if asked for.
    virtual void add_deadlines(std::vector<Nanos>& deadlines, bool with_retention) const = 0;
    /// The numbers of the stored messages, for reports.
    [[nodiscard]] virtual std::string contents() const = 0;

    bool is_consumed = false;  // somebody received from it
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
