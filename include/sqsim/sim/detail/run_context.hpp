// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/spare_memory.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/message.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/detail/id_numbering.hpp"
#include "sqsim/sim/detail/queue_arena.hpp"
#include "sqsim/sim/detail/scheduler.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/point.hpp"
#include "sqsim/sim/timeline.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What the executions of an exploration have in common.
struct Settings {
    Faults offered = Faults::default_faults();
    bool stalls_at_all_deadlines = false;
    bool abandons = !SQSIM_EXCEPTIONS;  // crashed code is never resumed, instead of unwound
    Nanos horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    Nanos clock_error = std::chrono::minutes{10};
    bool reduces_by_state = false;
    bool chooses_actors = false;  // any of those that are ready may go on, not only the one that has waited longest
    std::size_t stack_size = Fiber::default_stack_size;
};

/// What a watchdog sees of an exploration from its own thread.
struct ProgressMark {
    std::atomic<std::uint64_t> steps = 0;
    std::atomic<SiteNumber> site = 0;
    std::atomic<const char*> actor = nullptr;  // its name
    std::atomic<bool> is_idle = false;         // no execution is under way, and none is missed

    /// An execution begins: from now on its steps are missed, and none is before this one.
    void end_idleness() noexcept {
        steps.fetch_add(1, std::memory_order_relaxed);
        is_idle.store(false, std::memory_order_release);
    }
};

/// Everything that actors received in an execution: they refer to it, wherever they stop. The memory is used again.
class ReceivedMessages {
public:
    using Real = Message<std::string, ManualClock::time_point>;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] Real& operator[](std::size_t place) noexcept { return *messages_[place]; }

    Real& add(Real&& message) {
        if (size_ == messages_.size()) {
            messages_.push_back(std::make_unique<Real>());
        }
        Real& kept = *messages_[size_++];
        kept = std::move(message);
        return kept;
    }
    void clear() noexcept {
        while (size_ != 0) {
            *messages_[--size_] = Real{};
        }
    }

private:
    std::vector<std::unique_ptr<Real>> messages_{};
    std::size_t size_ = 0;
};

/// A message that an actor has received and not deleted.
struct HeldLease {
    const WorldQueue* queue = nullptr;
    std::uint64_t handle = 0;   // a hash
    std::uint32_t message = 0;  // its number in the world
    Subject subject = 0;
    Nanos deadline{};
};

/// What an actor would leave behind if its process ended.
struct DurableState {
    std::uint64_t fingerprint = 0;  // of the user's state
    std::uint64_t sources = 0;      // how often a queue has changed
    std::uint64_t turns = 0;        // how often an actor has had its turn
    std::uint32_t incarnation = 0;

    friend bool operator==(const DurableState&, const DurableState&) noexcept = default;
};

/// What the simulation knows of an actor, or of the scenario itself.
struct ClientState {
    MessageRef current{};  // the message that it is about
    std::vector<HeldLease> leases{};
    std::uint64_t saw_nothing_at = 0;  // the state of the world when a short poll found nothing
    DurableState durable{};            // at the last site where its process could end
    std::size_t faults = 0;            // that happened to it
    std::string last_error{};          // of its handler

    void forget() {
        current = {};
        leases.clear();
        saw_nothing_at = 0;
        durable = {};
    }

    /// When the last of the leases ends that still last but not for ever; zero: none does.
    [[nodiscard]] Nanos last_deadline(Nanos now) const noexcept {
        Nanos last{};
        for (const HeldLease& lease : leases) {
            const bool ends = lease.deadline > now && lease.deadline != sqsim::detail::never;
            last = ends && lease.deadline > last ? lease.deadline : last;
        }
        return last;
    }
};

/// When a message was sent, and how many of its receives were lost to faults: what excuses its dead letter.
struct MessageReceives {
    Nanos sent_at{};
    std::uint32_t count = 0;         // the latest receive count
    std::uint32_t last_charged = 0;  // the receive count at which a fault was charged last
    std::int32_t lost = 0;
};

/// Where instants are worked out.
struct InstantsMemory {
    std::vector<Nanos> instants{};
    QueueDeadlines deadlines{};
};

/// What every execution uses anew, so that one allocates next to nothing.
struct RunContext {
    Settings settings{};
    SiteTable sites{};
    ChoicePath path{};
    IdNumbering ids{};
    History history{};
    SchedulerMemory scheduler{};
    std::vector<ClientState> clients{};
    std::vector<MessageReceives> receives{};  // by message number
    sqsim::detail::SpareMemory spare_memory{};
    QueueArena queues{};
    InstantsMemory instants{};
    ReceivedMessages received{};
    std::vector<ReceivedMessages::Real> answer{};       // of the receive that is under way
    std::vector<std::uint64_t>* step_hashes = nullptr;  // what every step was, if somebody compares two executions
    Timeline* timeline = nullptr;                       // if somebody wants to read it
    ProgressMark progress{};
    std::size_t covered = 0;        // alternatives of the execution that an earlier one covers
    bool is_out_of_memory = false;  // the execution was: it says nothing

    void clear() {
        ids.clear();
        history.queues.clear();
        history.clients.clear();
        history.operations.clear();
        history.drained = false;
        received.clear();
        receives.clear();
        covered = 0;
        is_out_of_memory = false;
    }
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
