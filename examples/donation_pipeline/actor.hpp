// SPDX-License-Identifier: MIT
#pragma once

#include "scenario.hpp"

#include <stop_token>

namespace donations {

/// What an actor waits for before its next step.
struct Next {
    enum class Wait { pause, message, nothing };

    Wait wait = Wait::nothing;
    Duration pause{};

    /// Goes on after a while.
    [[nodiscard]] static Next after(Duration pause) { return {Wait::pause, pause}; }
    /// Polled, and goes on polling until there is a message.
    [[nodiscard]] static Next poll() { return {Wait::message, {}}; }
    /// Has finished.
    [[nodiscard]] static Next finished() { return {}; }
};

/// Somebody who does something, waits, does something again. It never sleeps itself: how time passes between two steps
/// is the business of who runs it, so the same actor lives in virtual and in real time.
class Actor {
public:
    Actor() = default;
    Actor(const Actor&) = delete;
    Actor& operator=(const Actor&) = delete;
    virtual ~Actor() = default;

    /// Does the next step. A stop request ends a receive that blocks in it.
    virtual Next step(std::stop_token stop) = 0;
};

}  // namespace donations
