// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/detail/company.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// A run's time: its actors go on, one after the other, until all of them wait or sleep; then time moves to the next
/// thing that happens.
class Stage : public Company {
public:
    using Company::Company;

    [[nodiscard]] const std::vector<QueueInWorld*>& queues() const noexcept { return workshop().rooms.tenants(); }

    /// Calls `action` at an instant, as `actor`.
    void schedule(Nanos instant, Actor& actor, std::function<void()> action) {
        timers_.push_back({instant, &actor, std::move(action)});
    }

    /// A queue changed: who waits for a message looks again.
    void queue_changed(const QueueInWorld& queue) {
        ++changes_;
        for (Actor* const actor : workshop().waiting) {
            if (actor->waits_for == &queue || actor->waits_for == nullptr) {
                make_ready(*actor);
            }
        }
        forget_who_waits_no_more();
    }
    /// How often anything changed.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

    // What the current actor does with time.

    void sleep_until(Nanos instant) {
        if (current() == nullptr || !current()->has_stack || instant <= now()) {
            return;
        }
        current()->state = Actor::State::asleep;
        current()->wakes_at = instant;
        suspend();
    }

    /// Until something about the queue changed, or about anything if it is null, or until `deadline`.
    void wait_for(const QueueInWorld* queue, Nanos deadline) {
        current()->state = Actor::State::waiting;
        current()->wakes_at = deadline;
        current()->waits_for = queue;
        workshop().waiting.push_back(current());
        suspend();
    }

    // The run as a whole.

    /// Calls `check` after every step; it may `fail`.
    void watch_by(std::function<void()> check) { watches_.push_back(std::move(check)); }

    /// Runs the actors until all is at rest.
    void go() {
        each([this](Actor& actor) {
            if (actor.body && actor.state == Actor::State::fresh) {
                make_ready(actor);
            }
        });
        while (!is_stopped()) {
            if (Actor* const next = next_ready()) {
                resume(*next);
                watch();
            } else if (!move_time()) {
                break;
            }
        }
    }

    /// Ends: what still waits returns, or is made to. It begins again with the next `go`.
    void end() {
        each([this](Actor& actor) {
            if (actor.is_started && !is_stopped()) {
                let_return(actor);
            }
            if (actor.is_started) {
                make_end(actor);
            }
            if (actor.state != Actor::State::left) {
                actor.begin_again();
            }
        });
        workshop().ready.clear();
        workshop().waiting.clear();
    }

    /// The run may take so much longer, for a choice that takes time.
    void extend_horizon(Nanos time) noexcept { longer_ += time; }

    /// What is still in the queues that somebody receives from, for reports; empty if nothing is.
    [[nodiscard]] std::string left_over() const {
        std::string text;
        for (const QueueInWorld* queue : queues()) {
            if (queue->is_consumed && queue->stored().total() != 0) {
                text += "; " + queue->label() + " still holds " + queue->contents();
            }
        }
        return text;
    }

protected:
    ~Stage() = default;

    void watch() {
        for (const auto& check : watches_) {
            check();
        }
    }

private:
    struct Timer {
        Nanos instant;
        Actor* actor;
        std::function<void()> action;
    };

    void forget_who_waits_no_more() {
        std::erase_if(workshop().waiting, [](const Actor* actor) { return actor->state != Actor::State::waiting; });
    }

    /// Moves the time to the next thing that happens. Returns false if nothing will: the run is at rest.
    [[nodiscard]] bool move_time() {
        Nanos next = next_plan(false);
        if (next == sqsim::detail::never && !is_anything_awaited()) {
            return false;
        }
        next = next_plan(true);
        for (const Actor* actor : workshop().waiting) {
            next = std::min(next, actor->wakes_at);
        }
        if (const auto event = clock().next_event()) {
            next = std::min(next, event->time_since_epoch());
        }
        if (next == sqsim::detail::never) {
            return false;
        }
        if (next > settings().horizon + longer_) {
            fail("the run did not come to rest within " + duration_text(settings().horizon) + " of virtual time" +
                 left_over());
            return false;
        }
        clock().advance_to(ManualClock::time_point{std::max(next, now())});
        ++changes_;
        run_timers();
        wake();
        return true;
    }

    /// When the next actor wakes by itself, or a timer is due. Who sleeps because it found nothing to receive does so
    /// only to ask again.
    [[nodiscard]] Nanos next_plan(bool also_to_ask_again) const {
        Nanos next = sqsim::detail::never;
        each([&](const Actor& actor) {
            if (actor.state == Actor::State::asleep && (also_to_ask_again || !actor.asked_in_vain)) {
                next = std::min(next, actor.wakes_at);
            }
        });
        for (const Timer& timer : timers_) {
            next = std::min(next, timer.instant);
        }
        return next;
    }

    /// Whether there is a message for somebody who waits or asks now and then.
    [[nodiscard]] bool is_anything_awaited() const {
        if (std::none_of(queues().begin(), queues().end(), [](const QueueInWorld* queue) {
                return queue->is_consumed && queue->stored().total() != 0;
            })) {
            return false;
        }
        bool is_awaited = false;
        each([&](const Actor& actor) {
            const bool waits = actor.state == Actor::State::waiting;
            const bool finds = waits && (actor.waits_for == nullptr || actor.waits_for->stored().total() != 0);
            is_awaited = is_awaited || finds || actor.state == Actor::State::asleep;
        });
        return is_awaited;
    }

    void run_timers() {
        for (std::size_t i = 0; i < timers_.size();) {
            if (timers_[i].instant > now()) {
                ++i;
                continue;
            }
            const Timer timer = std::move(timers_[i]);
            timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(i));
            act_as(*timer.actor, timer.action);
        }
    }

    void wake() {
        each([this](Actor& actor) {
            const bool is_due = actor.wakes_at <= now();
            if (actor.state == Actor::State::asleep && is_due) {
                make_ready(actor);
            } else if (actor.state == Actor::State::waiting &&
                       (is_due || actor.waits_for == nullptr || actor.waits_for->stored().visible != 0)) {
                make_ready(actor);
            }
        });
        forget_who_waits_no_more();
    }

    std::vector<Timer> timers_{};
    std::vector<std::function<void()>> watches_{};
    std::uint64_t changes_ = 1;
    Nanos longer_{};
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
