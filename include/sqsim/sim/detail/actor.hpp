// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
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

namespace sqsim::inline SQSIM_ABI::sim::detail {

using Nanos = std::chrono::nanoseconds;

class QueueInWorld;
class Company;

/// A message that an actor has received and not deleted.
struct Lease {
    const QueueInWorld* queue = nullptr;
    std::uint64_t handle = 0;  // a hash
    std::uint32_t subject = 0;
    Nanos from{};
    Nanos deadline{};
};

/// A consumer, a producer, or other code in the world that has a life of its own. Its body runs as one incarnation
/// after the other, each of which ends in a crash, until one returns.
struct Actor {
    enum class State : std::uint8_t {
        fresh,    // has not begun
        ready,    // wants to go on
        asleep,   // until `wakes_at`
        waiting,  // for a message, or until `wakes_at`
        left,     // for good
    };

    std::string name{};
    std::function<void(Actor&)> body{};
    std::size_t index = 0;
    bool is_loop = false;  // a simulated consumer's, whose own stack holds nothing that must be destroyed
    int holding = 0;       // calls on its stack that do, such as that of the user's handler
    Company* company = nullptr;
    std::unique_ptr<Fiber> stack{};  // kept from run to run
    bool has_stack = false;          // in this run: a producer has none

    State state = State::fresh;
    bool is_started = false;   // its stack is in use
    bool begins_anew = false;  // its stack is given up, another incarnation begins
    bool is_fenced = false;    // crashed, but its code goes on: it swallowed the crash
    bool is_replaced = false;  // when it returns, another begins in its place
    bool is_ending = false;    // the run is over, it may return
    bool must_end = false;     // the run is over, it has to
    int empty_answers = 0;     // since the run is over
    Nanos wakes_at{};
    const QueueInWorld* waits_for = nullptr;
    bool asked_in_vain = false;        // its last receive found nothing
    std::uint64_t saw_nothing_at = 0;  // the state of the world when a receive found nothing
    std::uint32_t subject = 0;         // the message it is about
    std::uint32_t incarnation = 1;
    std::vector<Lease> leases{};
    std::optional<std::stop_source> stop{};  // made when its token is asked for
    std::shared_ptr<void> memory{};          // what the loop of a simulated consumer has on no stack

    /// Makes what is left of an actor of an earlier run a new one.
    void begin(std::string new_name, std::size_t new_index, Company& new_company) {
        name = std::move(new_name);
        body = nullptr;
        index = new_index;
        company = &new_company;
        is_loop = has_stack = is_started = begins_anew = is_replaced = is_ending = must_end = false;
        state = State::fresh;
        empty_answers = 0;
        incarnation = 1;
        forget();
    }

    /// After the end of a run that is followed by another one.
    void begin_again() {
        state = State::fresh;
        is_ending = must_end = false;
        empty_answers = 0;
        forget();
    }

    /// Whether its stack may be given up as it is.
    [[nodiscard]] bool holds_nothing() const noexcept { return is_loop && holding == 0; }

    void forget() {
        holding = 0;
        leases.clear();
        subject = 0;
        is_fenced = false;
        saw_nothing_at = 0;
        asked_in_vain = false;
        stop.reset();
        memory.reset();
    }

    /// When the last of the leases ends that still last; nothing if none does.
    [[nodiscard]] std::optional<Nanos> last_deadline(Nanos now) const noexcept {
        std::optional<Nanos> last;
        for (const Lease& lease : leases) {
            if (lease.deadline > now && (!last || lease.deadline > *last)) {
                last = lease.deadline;
            }
        }
        return last;
    }
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

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
