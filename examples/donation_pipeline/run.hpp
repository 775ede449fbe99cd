// SPDX-License-Identifier: MIT
#pragma once

#include "actor.hpp"

#include "sqsim/clock/manual_clock.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

// Two ways to let time pass for the same actors.

namespace donations {

/// Runs the actors on one thread and moves the clock from one event to the next. At each instant they take their turns
/// in the order given, producers before consumers. The queue is one that never blocks (with a `sqsim::NullMutex`): a
/// long poll that finds nothing returns at once, and is repeated here as soon as there is a message.
template <class Queue>
void run_in_virtual_time(sqsim::ManualClock& clock, const Queue& queue, std::span<Actor* const> actors,
                         const std::stop_token& end) {
    struct Seat {
        Actor* actor;
        Next::Wait wait = Next::Wait::pause;
        sqsim::ManualClock::time_point wakes_at{};  // at the end of a pause
    };
    std::vector<Seat> seats;
    for (Actor* actor : actors) {
        seats.push_back({actor, Next::Wait::pause, clock.now()});
    }

    while (!end.stop_requested()) {
        for (Seat& seat : seats) {
            const bool rested = seat.wait == Next::Wait::pause && seat.wakes_at <= clock.now();
            const bool served = seat.wait == Next::Wait::message && queue.counts().visible > 0;
            if (rested || served) {
                const Next next = seat.actor->step(end);
                seat.wait = next.wait;
                seat.wakes_at = clock.now() + next.pause;
            }
        }
        // The queue's own events are the ends of delays and of visibility timeouts.
        auto next_event = queue.next_event().value_or(sqsim::ManualClock::time_point::max());
        for (const Seat& seat : seats) {
            if (seat.wait == Next::Wait::pause) {
                next_event = std::min(next_event, seat.wakes_at);
            }
        }
        clock.advance_to(next_event);
    }
}

/// Runs each actor on a thread of its own, until the end is requested and all have noticed.
inline void run_in_real_time(std::span<Actor* const> actors, const std::stop_token& end) {
    const auto pause = [&end](Duration length) {
        std::mutex mutex;
        std::condition_variable_any never_notified;
        std::unique_lock lock{mutex};
        never_notified.wait_for(lock, end, length, [] { return false; });
    };
    const auto live = [&](Actor& actor) {
        while (!end.stop_requested()) {
            const Next next = actor.step(end);
            if (next.wait == Next::Wait::nothing) {
                return;
            }
            if (next.wait == Next::Wait::pause) {
                pause(next.pause);
            }
            // A poll has done its waiting in the queue.
        }
    };
    std::vector<std::jthread> threads;
    for (Actor* actor : actors) {
        threads.emplace_back([&live, actor] { live(*actor); });
    }
}

}  // namespace donations
