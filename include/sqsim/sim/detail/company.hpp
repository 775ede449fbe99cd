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

/// The actors of a run, who take turns: one goes on until it suspends itself.
class Company {
public:
    explicit Company(Workshop& workshop) : workshop_{workshop}, story_{workshop.timeline, clock_} {
        workshop_.clear();
        scenario_.begin("scenario", 0, *this);
        add_client(scenario_);
    }
    Company(const Company&) = delete;
    Company& operator=(const Company&) = delete;

    [[nodiscard]] ManualClock& clock() noexcept { return clock_; }
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }
    [[nodiscard]] Workshop& workshop() const noexcept { return workshop_; }
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
    /// Acts as an actor that has no stack of its own: a producer.
    template <class Action>
    void act_as(Actor& actor, const Action& action) {
        Actor* const before = std::exchange(current_, &actor);
        action();
        current_ = before;
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

    /// Something that must not happen has happened. The first one counts.
    void fail(std::string violation) {
        if (violation_.empty()) {
            violation_ = std::move(violation);
        }
    }
    [[nodiscard]] const std::string& violation() const noexcept { return violation_; }
    [[nodiscard]] bool swallowed_crash() const noexcept { return swallowed_crash_; }

protected:
    ~Company() {
        each([](Actor& actor) {
            actor.body = nullptr;  // what it refers to ends with the run
            actor.memory.reset();
        });
    }

    /// Calls `visit` for each actor but the scenario.
    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t i = 0; i < actors_; ++i) {
            visit(*workshop_.actors[i]);
        }
    }

    [[nodiscard]] bool is_stopped() const noexcept { return !violation_.empty() || swallowed_crash_; }
    [[nodiscard]] bool is_anyone_ready() const noexcept { return !workshop_.ready.empty(); }

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

    void suspend() {
        Actor& actor = *current_;
        actor.stack->suspend();
        if (actor.must_end) {
            end_incarnation();
        }
    }

    void resume(Actor& actor) {
        if (!actor.is_started) {
            if (actor.stack == nullptr) {
                actor.stack = std::make_unique<Fiber>();
            }
            actor.has_stack = true;
            actor.stack->start(&Company::live, &actor);
            actor.is_started = true;
        }
        Actor* const before = std::exchange(current_, &actor);
        const bool goes_on = actor.stack->resume();
        current_ = before;
        if (!goes_on || std::exchange(actor.begins_anew, false)) {
            actor.is_started = false;
        }
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

private:
    void add_client(Actor& actor) {
        workshop_.history.clients.push_back(actor.name);
        story_.add_actor(actor.name);
    }

    void restart(Actor& actor) {
        actor.forget();
        ++actor.incarnation;
        story_.tell(actor, TimelineStep::Kind::life, 0, [] { return std::string{"starts again"}; });
        make_ready(actor);
    }

    /// An actor's stack begins here.
    static void live(void* argument) {
        Actor& actor = *static_cast<Actor*>(argument);
        Company& company = *actor.company;
        while (!company.lives_once(actor)) {
            if (actor.must_end || company.is_stopped()) {
                return;
            }
            company.restart(actor);
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
        return true;
    }

    Workshop& workshop_;
    ManualClock clock_{};
    Story story_;
    Actor scenario_{};
    std::size_t actors_ = 0;
    Actor* current_ = nullptr;
    std::string violation_{};
    bool swallowed_crash_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
