// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/story.hpp"
#include "sqsim/sim/detail/workshop.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// The actors of a run, and its time. They take turns: one runs until it waits or sleeps, then the next that is ready;
/// when none is, time moves to the next thing that happens.
class Stage {
public:
    explicit Stage(Workshop& workshop) : workshop_{workshop}, story_{workshop.timeline, clock_} {
        workshop_.clear();
        scenario_.begin("scenario", 0, *this);
        add_client(scenario_);
    }
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;

    [[nodiscard]] ManualClock& clock() noexcept { return clock_; }
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }
    [[nodiscard]] Workshop& workshop() noexcept { return workshop_; }
    [[nodiscard]] const Settings& settings() const noexcept { return workshop_.settings; }
    [[nodiscard]] Story& story() noexcept { return story_; }

    /// Who acts now: the scenario itself, if no other.
    [[nodiscard]] Actor& actor() noexcept { return current_ != nullptr ? *current_ : scenario_; }
    [[nodiscard]] Actor* current() noexcept { return current_; }

    Actor& add_actor(std::string name) {
        if (actors_ == workshop_.actors.size()) {
            workshop_.actors.push_back(std::make_unique<Actor>());
        }
        Actor& actor = *workshop_.actors[actors_++];
        actor.begin(std::move(name), actors_, *this);
        add_client(actor);
        return actor;
    }
    void add_queue(QueueInWorld& queue) { queues_.push_back(&queue); }
    [[nodiscard]] const std::vector<QueueInWorld*>& queues() const noexcept { return queues_; }

    /// Acts as an actor that has no stack of its own: a producer.
    template <class Action>
    void act_as(Actor& actor, const Action& action) {
        Actor* const before = std::exchange(current_, &actor);
        action();
        current_ = before;
    }

    /// Calls `action` at an instant, as `actor`.
    void schedule(Nanos instant, Actor& actor, std::function<void()> action) {
        timers_.push_back({instant, &actor, std::move(action)});
    }

    /// A queue changed: who waits for a message looks again.
    void queue_changed(const QueueInWorld& queue) {
        ++changes_;
        for (Actor* const actor : workshop_.waiting) {
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
        if (current_ == nullptr || !current_->has_stack || instant <= now()) {
            return;
        }
        current_->state = Actor::State::asleep;
        current_->wakes_at = instant;
        suspend();
    }

    /// Until something about the queue changed, or about anything if it is null, or until `deadline`.
    void wait_for(const QueueInWorld* queue, Nanos deadline) {
        current_->state = Actor::State::waiting;
        current_->wakes_at = deadline;
        current_->waits_for = queue;
        workshop_.waiting.push_back(current_);
        suspend();
    }

    void let_others_go_first() {
        if (!workshop_.ready.empty() && current_->has_stack) {
            workshop_.ready.push_back(current_);
            suspend();
        }
    }

    /// The run is over, and there is nothing to receive: the current actor may go on for a while, then it ends.
    void answer_nothing() {
        if (++current_->empty_answers > 3) {
            current_->must_end = true;
            end_incarnation();
        }
    }

    // The run as a whole.

    /// Calls `check` after every step; it may `fail`.
    void watch_by(std::function<void()> check) { watches_.push_back(std::move(check)); }

    /// Runs the actors until all is at rest.
    void go() {
        for (Actor* const actor : cast()) {
            if (actor->body && actor->state == Actor::State::fresh) {
                make_ready(*actor);
            }
        }
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
        for (Actor* const actor : cast()) {
            if (actor->is_started && !is_stopped()) {
                let_return(*actor);
            }
            if (actor->is_started) {
                make_end(*actor);
            }
            if (actor->state != Actor::State::left) {
                actor->begin_again();
            }
        }
        workshop_.ready.clear();
        workshop_.waiting.clear();
    }

    /// The run may take so much longer, for a choice that takes time.
    void extend_horizon(Nanos time) noexcept { longer_ += time; }

    /// Something that must not happen has happened. The first one counts.
    void fail(std::string violation) {
        if (violation_.empty()) {
            violation_ = std::move(violation);
        }
    }
    [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
    [[nodiscard]] bool swallowed_crash() const noexcept { return swallowed_crash_; }

    /// What is still in the queues that somebody receives from, for reports; empty if nothing is.
    [[nodiscard]] std::string left_over() const {
        std::string text;
        for (const QueueInWorld* queue : queues_) {
            if (queue->is_consumed && queue->stored().total() != 0) {
                text += "; " + queue->label() + " still holds " + queue->contents();
            }
        }
        return text;
    }

protected:
    ~Stage() {
        for (Actor* const actor : cast()) {
            actor->body = nullptr;  // what it refers to ends with the run
            actor->memory.reset();
        }
    }

    [[nodiscard]] bool is_stopped() const noexcept { return !violation_.empty() || swallowed_crash_; }
    [[nodiscard]] bool is_anyone_ready() const noexcept { return !workshop_.ready.empty(); }

    void watch() {
        for (const auto& check : watches_) {
            check();
        }
    }

    void swallow_crash() noexcept { swallowed_crash_ = true; }

    /// Ends the current incarnation: by unwinding its stack, or by giving it up.
    void end_incarnation() {
#if SQSIM_EXCEPTIONS
        if (!settings().abandons && !current_->holds_nothing()) {
            throw Crash{};
        }
#endif
        if (!current_->must_end) {
            current_->begins_anew = true;
            restart(*current_);
        }
        current_->stack->suspend();
    }

    /// The current actor does nothing any more.
    void halt() {
        if (current_->has_stack) {
            suspend();
        }
    }

private:
    struct Timer {
        Nanos instant;
        Actor* actor;
        std::function<void()> action;
    };

    [[nodiscard]] std::vector<Actor*> cast() const {
        std::vector<Actor*> all(actors_);
        std::transform(workshop_.actors.begin(), workshop_.actors.begin() + static_cast<std::ptrdiff_t>(actors_),
                       all.begin(), [](const auto& actor) { return actor.get(); });
        return all;
    }

    void add_client(Actor& actor) {
        workshop_.history.clients.push_back(actor.name);
        story_.add_actor(actor.name);
    }

    void make_ready(Actor& actor) {
        actor.state = Actor::State::ready;
        workshop_.ready.push_back(&actor);
    }
    [[nodiscard]] Actor* next_ready() {
        if (workshop_.ready.empty()) {
            return nullptr;
        }
        Actor* const next = workshop_.ready.front();
        workshop_.ready.erase(workshop_.ready.begin());
        return next;
    }

    void forget_who_waits_no_more() {
        std::erase_if(workshop_.waiting, [](const Actor* actor) { return actor->state != Actor::State::waiting; });
    }

    void suspend() {
        Actor& actor = *current_;
        actor.stack->suspend();
        if (actor.must_end) {
            end_incarnation();
        }
    }

    void restart(Actor& actor) {
        actor.forget();
        ++actor.incarnation;
        story_.tell(actor, TimelineStep::Kind::life, 0, [] { return std::string{"starts again"}; });
        make_ready(actor);
    }

    void resume(Actor& actor) {
        if (!actor.is_started) {
            if (actor.stack == nullptr) {
                actor.stack = std::make_unique<Fiber>();
            }
            actor.has_stack = true;
            actor.stack->start(&Stage::live, &actor);
            actor.is_started = true;
        }
        Actor* const before = std::exchange(current_, &actor);
        const bool goes_on = actor.stack->resume();
        current_ = before;
        if (!goes_on || std::exchange(actor.begins_anew, false)) {
            actor.is_started = false;
        }
    }

    /// An actor's stack begins here.
    static void live(void* argument) {
        Actor& actor = *static_cast<Actor*>(argument);
        Stage& stage = *actor.stage;
        while (!stage.lives_once(actor)) {
            if (actor.must_end || stage.is_stopped()) {
                return;
            }
            stage.restart(actor);
            actor.stack->suspend();
            if (actor.must_end) {
                return;
            }
        }
    }

    /// Returns whether the actor left for good.
    bool lives_once(Actor& actor) {
        const auto tell_end = [&](const char* what) {
            story_.tell(actor, TimelineStep::Kind::life, actor.subject,
                        [&] { return std::string{"ends with an error: "} + what; });
            return false;
        };
#if SQSIM_EXCEPTIONS
        try {
            actor.body(actor);
        } catch (const Crash&) {
            return false;
        } catch (const std::exception& error) {
            return tell_end(error.what());
        } catch (...) {
            return tell_end("an exception");
        }
#else
        actor.body(actor);
        static_cast<void>(tell_end);
#endif
        swallowed_crash_ = swallowed_crash_ || actor.is_fenced;
        if (std::exchange(actor.is_replaced, false)) {
            return false;
        }
        actor.state = Actor::State::left;
        story_.tell(actor, TimelineStep::Kind::life, 0, [] { return std::string{"leaves"}; });
        ++changes_;
        return true;
    }

    void let_return(Actor& actor) {
        actor.is_ending = true;
        if (actor.holds_nothing()) {
            actor.is_started = false;
            return;
        }
        if (actor.stop) {
            actor.stop->request_stop();
        }
        resume(actor);
        while (Actor* const next = is_stopped() ? nullptr : next_ready()) {  // what it did may have been for others
            if (next->is_started) {
                next->is_ending = true;
                resume(*next);
            }
        }
    }

    void make_end(Actor& actor) {
        actor.must_end = true;
        if (!settings().abandons && !actor.holds_nothing()) {
            resume(actor);
        }
        actor.is_started = false;  // if it still is, it swallowed its end, and its stack is given up
    }

    /// Moves the time to the next thing that happens. Returns false if nothing will: the run is at rest.
    [[nodiscard]] bool move_time() {
        Nanos next = next_plan();
        const bool is_awaited = std::any_of(workshop_.waiting.begin(), workshop_.waiting.end(), [&](const Actor* actor) {
            return actor->waits_for != nullptr ? actor->waits_for->stored().total() != 0 : !left_over().empty();
        });
        if (next == sqsim::detail::never && !is_awaited) {
            return false;
        }
        for (const Actor* actor : workshop_.waiting) {
            next = std::min(next, actor->wakes_at);
        }
        if (const auto event = clock_.next_event()) {
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
        clock_.advance_to(ManualClock::time_point{std::max(next, now())});
        ++changes_;
        run_timers();
        wake();
        return true;
    }

    /// When the next actor wakes by itself, or a timer is due.
    [[nodiscard]] Nanos next_plan() const {
        Nanos next = sqsim::detail::never;
        for (std::size_t i = 0; i < actors_; ++i) {
            const Actor& actor = *workshop_.actors[i];
            if (actor.state == Actor::State::asleep && actor.is_started) {
                next = std::min(next, actor.wakes_at);
            }
        }
        for (const Timer& timer : timers_) {
            next = std::min(next, timer.instant);
        }
        return next;
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
        for (std::size_t i = 0; i < actors_; ++i) {
            Actor& actor = *workshop_.actors[i];
            const bool is_due = actor.wakes_at <= now();
            if (actor.state == Actor::State::asleep && is_due) {
                make_ready(actor);
            } else if (actor.state == Actor::State::waiting &&
                       (is_due || actor.waits_for == nullptr || actor.waits_for->stored().visible != 0)) {
                make_ready(actor);
            }
        }
        forget_who_waits_no_more();
    }

    Workshop& workshop_;
    ManualClock clock_{};
    Story story_;
    Actor scenario_{};
    std::size_t actors_ = 0;
    std::vector<QueueInWorld*> queues_{};
    std::vector<Timer> timers_{};
    std::vector<std::function<void()>> watches_{};
    Actor* current_ = nullptr;
    std::string violation_{};
    std::uint64_t changes_ = 1;
    Nanos longer_{};
    bool swallowed_crash_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
