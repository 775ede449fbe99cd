// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/fiber.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

using Nanos = std::chrono::nanoseconds;

class Scheduler;
struct Actor;

/// Where an actor is in the life of its current incarnation.
enum class ActorState : std::uint8_t {
    idle,     // none has begun, or the last one has ended
    ready,    // it wants to go on
    running,  // it is the one that goes on
    asleep,   // until `wakes_at`
    waiting,  // for a change, or until `wakes_at`
    ended,    // its process has ended: its stack is being unwound, or its code swallowed that
    left,     // it returned for good
};

/// The transitions between the states of an actor.
[[nodiscard]] constexpr bool may_become(ActorState from, ActorState to) noexcept {
    using enum ActorState;
    switch (from) {
    case idle:
        return to == ready || to == asleep || to == idle;
    case ready:
        return to == running || to == asleep || to == ended || to == idle;
    case running:
        return to == ready || to == asleep || to == waiting || to == ended || to == left || to == idle;
    case asleep:
    case waiting:
        return to == ready || to == asleep || to == ended || to == idle || to == running;
    case ended:
        return to == idle;
    case left:
        return to == idle;
    }
    return false;
}

/// What ends and stands still together: one actor, or several that share memory.
struct Process {
    std::vector<Actor*> members{};
    std::function<void(Process&)> renew{};  // gives the members the bodies of the next incarnation, and new memory
    bool needs_renewal = false;
};

/// A consumer, a producer, or other code in the world with a life of its own. Its body runs as one incarnation after
/// the other until one returns.
///
/// Invariants: `state` changes by `may_become` only; the actor is in the scheduler's ready list exactly when it is
/// `ready`; `stack` is in use exactly when `is_on_stack`.
struct Actor {
    std::string name{};
    std::function<void(Actor&)> body{};
    std::size_t index = 0;
    bool is_loop = false;     // of a simulated consumer, whose own stack holds nothing that must be destroyed
    bool has_memory = false;  // of such a consumer: its handler is made anew for each incarnation
    int holding = 0;          // calls on its stack that do, such as that of the user's handler
    Scheduler* scheduler = nullptr;
    Process* process = nullptr;
    std::unique_ptr<Fiber> stack{};  // kept from execution to execution
    bool has_stack = false;          // in this execution: a producer has none
    bool is_on_stack = false;        // an incarnation is under way

    ActorState state = ActorState::idle;
    Nanos wakes_at{};
    Nanos not_before{};               // it stands still until then
    Nanos restarts_at{};              // when its next incarnation begins
    const void* waits_for = nullptr;  // null: for any change
    bool is_polling = false;          // it found nothing to receive: if it sleeps, then only to ask again
    bool gives_way = false;           // it has let those that were ready go first, of itself
    bool is_replaced = false;         // when it returns, another incarnation begins in its place
    std::uint64_t polled_at = 0;      // the state of the sources when it found nothing last
    int empty_polls = 0;              // since a source changed
    std::uint64_t slept_at = 0;       // the state of the sources when it slept last
    int idle_sleeps = 0;              // since a source changed
    bool is_idle = false;             // it only sleeps in a loop
    int empty_answers = 0;            // since the execution is over
    std::uint32_t incarnation = 1;
    std::optional<std::stop_source> stop{};  // made when its token is asked for
    std::shared_ptr<void> memory{};          // what the loop of a simulated consumer has on no stack

    /// Makes what is left of an actor of an earlier execution a new one.
    void begin(std::string new_name, std::size_t new_index, Scheduler& new_scheduler) {
        name = std::move(new_name);
        body = nullptr;
        index = new_index;
        scheduler = &new_scheduler;
        process = nullptr;
        is_loop = has_memory = has_stack = is_on_stack = false;
        incarnation = 1;
        begin_again();
    }

    /// Forgets its last incarnation, at the end of a run that another one may follow.
    void begin_again() {
        state = ActorState::idle;
        not_before = {};
        is_replaced = false;
        empty_answers = 0;
        forget();
    }

    /// Forgets what dies with an incarnation.
    void forget() {
        holding = 0;
        is_polling = false;
        polled_at = 0;
        empty_polls = 0;
        slept_at = 0;
        idle_sleeps = 0;
        is_idle = false;
        gives_way = false;
        stop.reset();
        memory.reset();
    }

    void become(ActorState next) noexcept {
        sqsim::detail::require(may_become(state, next), "an actor's state changes as its transition table allows");
        state = next;
    }

    /// Whether its stack may be given up as it is.
    [[nodiscard]] bool holds_nothing() const noexcept { return is_loop && holding == 0; }
};

/// Marks a call on an actor's stack that holds what must be destroyed.
class Holding {
public:
    explicit Holding(Actor& actor) noexcept : actor_{actor} { ++actor_.holding; }
    Holding(const Holding&) = delete;
    Holding& operator=(const Holding&) = delete;
    ~Holding() { --actor_.holding; }

private:
    Actor& actor_;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
