// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/registry.hpp"
#include "sqsim/sim/detail/story.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>
#include <string_view>
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

/// What every run uses anew, so that a run makes next to nothing.
struct Workshop {
    Settings settings{};
    Places places{};
    Chooser chooser{};
    Registry registry{};
    History history{};
    std::vector<std::unique_ptr<Fiber>> fibers{};
    std::vector<std::uint64_t>* log = nullptr;  // what every step of a run was, if somebody compares two
    Timeline* timeline = nullptr;               // the run's story, if somebody wants to read it
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
    /// Adds every instant at which a delay, a lease, a retention or a deduplication window ends.
    virtual void add_deadlines(std::vector<Nanos>& deadlines) const = 0;
    /// The numbers of the stored messages, for reports.
    [[nodiscard]] virtual std::string contents() const = 0;

    bool is_consumed = false;  // somebody received from it
};

/// One run: virtual time, the actors in it, and every choice about them. One thread.
///
/// The actors take turns: one runs until it waits or sleeps, then the next that is ready; when none is, time moves to
/// the next thing that happens. Only a choice makes it different.
class Run final : public Surroundings {
public:
    explicit Run(Workshop& workshop) : workshop_{workshop}, story_{workshop.timeline, clock_} {
        workshop_.registry.clear();
        workshop_.history.queues.clear();
        workshop_.history.clients.clear();
        workshop_.history.operations.clear();
        scenario_.name = "scenario";
        add_client(scenario_);
    }
    ~Run() override { surroundings = outer_; }

    [[nodiscard]] ManualClock& clock() noexcept { return clock_; }
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }
    [[nodiscard]] Workshop& workshop() noexcept { return workshop_; }
    [[nodiscard]] const Settings& settings() const noexcept { return workshop_.settings; }
    [[nodiscard]] Registry& registry() noexcept { return workshop_.registry; }
    [[nodiscard]] History& history() noexcept { return workshop_.history; }
    [[nodiscard]] Places& places() noexcept { return workshop_.places; }
    [[nodiscard]] Story& story() noexcept { return story_; }

    /// Who acts now: the scenario itself, if no other.
    [[nodiscard]] Actor& actor() noexcept { return current_ != nullptr ? *current_ : scenario_; }
    [[nodiscard]] Actor* current() noexcept { return current_; }

    Actor& add_actor(std::string name) {
        actors_.push_back(std::make_unique<Actor>());
        Actor& actor = *actors_.back();
        actor.name = std::move(name);
        actor.run = this;
        add_client(actor);
        return actor;
    }
    void add_queue(QueueInWorld& queue) { queues_.push_back(&queue); }
    [[nodiscard]] std::size_t queue_count() const noexcept { return queues_.size(); }

    // Choices.

    /// Whether anything may go other than best now: not before `go`, not for the scenario, not when all is over.
    [[nodiscard]] bool offers() const noexcept { return current_ != nullptr && is_going_ && !current_->is_ending; }

    /// The current actor begins a call. Returns false if nothing may happen any more: it crashed, and its stack is
    /// being unwound.
    [[nodiscard]] bool enter() {
        if (current_ == nullptr) {
            return true;
        }
        if (current_->is_fenced || current_->must_end) {
#if SQSIM_EXCEPTIONS
            if (std::uncaught_exceptions() > 0) {
                return false;
            }
#endif
            swallowed_crash_ = swallowed_crash_ || current_->is_fenced;
            halt();
            return false;
        }
        if (++steps_ > settings().maximum_steps) {
            fail("the run did not come to rest within " + std::to_string(settings().maximum_steps) +
                 " steps: " + current_->name + " is in an endless loop");
            halt();
            return false;
        }
        watch();
        if (is_stopped()) {
            halt();
            return false;
        }
        return true;
    }

    /// A place where something may happen to the current actor. What concerns the actor itself (`harm`: it crashes, it
    /// stalls, another goes first) has happened on return. Returns: what else of `kinds` the caller has to bring about.
    Option at(std::uint16_t place, Subject subject, std::initializer_list<Option> kinds, bool harm) {
        return at(place, subject, std::span{kinds.begin(), kinds.size()}, harm);
    }
    Option at(std::uint16_t place, Subject subject, std::span<const Option> kinds, bool harm) {
        if (!offers()) {
            return {};
        }
        options_.clear();
        for (const Option& option : kinds) {
            if (settings().offered.contains(option.fault)) {
                options_.push_back(option);
            }
        }
        if (harm) {
            add_harm();
        }
        const Option option = workshop_.chooser.choose(place, subject, options_);
        note(Address{place, 0, subject}.bits(), static_cast<std::uint64_t>(option.fault));
        switch (option.fault) {
        case Fault::none:
            break;
        case Fault::crash:
            crash();
            break;
        case Fault::stall:
            stall(option.parameter);
            break;
        case Fault::preempt:
            story_.deviates(*current_, option.fault);
            let_others_go_first();
            break;
        default:
            story_.deviates(*current_, option.fault);
            return option;
        }
        return {};
    }

    /// Makes a step part of what tells this run from another.
    void note(std::uint64_t what, std::uint64_t how) noexcept {
        const std::uint64_t step =
            sqsim::detail::mix64(what ^ sqsim::detail::mix64(how + static_cast<std::uint64_t>(now().count())));
        hash_ = sqsim::detail::mix64(hash_ ^ step) + step;
        if (workshop_.log != nullptr) {
            workshop_.log->push_back(step);
        }
    }
    [[nodiscard]] std::uint64_t hash() const noexcept { return hash_; }

    /// The queues changed: who waits for a message looks again.
    void queue_changed(const QueueInWorld& queue) {
        ++changes_;
        for (Actor* const actor : waiting_) {
            if (actor->waits_for == &queue || actor->waits_for == nullptr) {
                make_ready(*actor);
            }
        }
        std::erase_if(waiting_, [](const Actor* actor) { return actor->state != Actor::State::waiting; });
    }
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

    /// Calls `action` at an instant, as `actor`.
    void schedule(Nanos instant, Actor& actor, std::function<void()> action) {
        timers_.push_back({instant, &actor, std::move(action)});
    }

    // What the current actor does with time.

    void sleep_until(Nanos instant) {
        if (current_ == nullptr || current_->fiber == nullptr || instant <= now()) {
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
        waiting_.push_back(current_);
        suspend();
    }

    void let_others_go_first() {
        if (!ready_.empty() && current_->fiber != nullptr) {
            ready_.push_back(current_);
            suspend();
        }
    }

    // Surroundings: what `sim::point` and its kin do.

    void point(std::string_view name, const MessageId* message) override {
        if (current_ == nullptr || !enter()) {
            return;
        }
        const Subject subject =
            message != nullptr ? registry().subject(registry().message(*message)) : current_->subject;
        story_.tell(*current_, TimelineStep::Kind::point, subject, [&] { return "point " + std::string{name}; });
        at(places().number(name), subject, {}, true);
    }

    EffectOutcome effect(std::string_view name) override {
        if (current_ == nullptr || !enter()) {
            return EffectOutcome::done;
        }
        story_.tell(*current_, TimelineStep::Kind::point, current_->subject,
                    [&] { return "effect " + std::string{name}; });
        const Option option =
            at(places().number(name), current_->subject, {{Fault::effect_fails}, {Fault::effect_unknown}}, true);
        return option.fault == Fault::effect_fails     ? EffectOutcome::failed
               : option.fault == Fault::effect_unknown ? EffectOutcome::unknown
                                                       : EffectOutcome::done;
    }

    void sleep_for(Nanos time) override {
        if (current_ == nullptr || !enter()) {
            return;
        }
        story_.tell(*current_, TimelineStep::Kind::point, current_->subject, [&] { return std::string{"sleep"}; });
        story_.lasts_until(*current_, now() + time);
        sleep_until(now() + time);
    }

    Nanos clock_error() override {
        if (current_ == nullptr || !enter()) {
            return Nanos::zero();
        }
        const Option option =
            at(places().number("clock"), current_->subject, {{Fault::clock_ahead}, {Fault::clock_behind}}, false);
        return option.fault == Fault::clock_ahead    ? settings().clock_error
               : option.fault == Fault::clock_behind ? -settings().clock_error
                                                     : Nanos::zero();
    }

    // The run as a whole.

    /// Calls `check` after every step; it may `fail`.
    void watch_by(std::function<void()> check) { watches_.push_back(std::move(check)); }

    /// Acts as an actor that has no stack of its own: a producer.
    template <class Action>
    void act_as(Actor& actor, Action action) {
        Actor* const before = std::exchange(current_, &actor);
        action();
        current_ = before;
    }

    /// Begins: faults may happen from here on.
    void begin() {
        outer_ = std::exchange(surroundings, this);
        is_going_ = true;
    }

    /// Runs the actors until all is at rest.
    void go() {
        for (const auto& actor : actors_) {
            if (actor->body && actor->state == Actor::State::fresh) {
                make_ready(*actor);
            }
        }
        while (!is_stopped()) {
            if (!ready_.empty()) {
                Actor& next = *ready_.front();
                ready_.erase(ready_.begin());
                resume(next);
                watch();
            } else if (!move_time()) {
                break;
            }
        }
    }

    /// Ends: what still waits returns, or is made to.
    void end() {
        for (const auto& actor : actors_) {
            if (actor->is_started && !is_stopped()) {
                let_return(*actor);
            }
            if (actor->is_started) {
                make_end(*actor);
            }
        }
        for (const auto& actor : actors_) {
            if (actor->state != Actor::State::left) {  // it begins again with the next `go`
                actor->state = Actor::State::fresh;
                actor->is_ending = actor->must_end = false;
                actor->empty_answers = 0;
                actor->forget();
            }
        }
        is_going_ = false;
        ready_.clear();
        waiting_.clear();
        surroundings = std::exchange(outer_, nullptr);
    }

    /// The run is over, and there is nothing to receive: the current actor may go on for a while, then it ends.
    void answer_nothing() {
        if (++current_->empty_answers > 3) {
            current_->must_end = true;
            end_incarnation();
        }
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
    [[nodiscard]] const std::vector<QueueInWorld*>& queues() const noexcept { return queues_; }
    [[nodiscard]] const std::vector<std::unique_ptr<Actor>>& actors() const noexcept { return actors_; }

private:
    struct Timer {
        Nanos instant;
        Actor* actor;
        std::function<void()> action;
    };

    void add_client(Actor& actor) {
        actor.index = workshop_.history.clients.size();
        workshop_.history.clients.push_back(actor.name);
        story_.add_actor(actor.name);
    }

    [[nodiscard]] bool is_stopped() const noexcept { return !violation_.empty() || swallowed_crash_; }

    void watch() {
        for (const auto& check : watches_) {
            check();
        }
    }

    void make_ready(Actor& actor) {
        actor.state = Actor::State::ready;
        ready_.push_back(&actor);
    }

    /// Adds what may happen to the current actor itself.
    void add_harm() {
        if (current_->fiber == nullptr) {
            return;
        }
        if (!ready_.empty() && settings().offered.contains(Fault::preempt)) {
            options_.push_back({Fault::preempt});
        }
        if (settings().offered.contains(Fault::stall)) {
            if (settings().stalls_at_all_deadlines) {
                const std::size_t instants = std::min<std::size_t>(3 * deadlines().size(), 250);
                for (std::size_t i = 1; i <= instants; ++i) {
                    options_.push_back({Fault::stall, static_cast<std::uint8_t>(i)});
                }
            } else if (current_->last_deadline(now())) {
                options_.push_back({Fault::stall});
            }
        }
        if (settings().offered.contains(Fault::crash)) {
            options_.push_back({Fault::crash});
        }
    }

    /// The instants ahead at which something changes by itself, each once.
    [[nodiscard]] const std::vector<Nanos>& deadlines() {
        deadlines_.clear();
        for (const QueueInWorld* queue : queues_) {
            queue->add_deadlines(deadlines_);
        }
        std::erase_if(deadlines_, [this](Nanos deadline) { return deadline <= now(); });
        std::sort(deadlines_.begin(), deadlines_.end());
        deadlines_.erase(std::unique(deadlines_.begin(), deadlines_.end()), deadlines_.end());
        return deadlines_;
    }

    void stall(std::size_t parameter) {
        constexpr Nanos just_after = std::chrono::milliseconds{1};
        // 1 to 3: just before, at and just after the first deadline; 4 to 6: the second, …
        const Nanos until =
            parameter == 0 ? *current_->last_deadline(now()) + just_after
                           : deadlines()[(parameter - 1) / 3] + Nanos{static_cast<Nanos::rep>((parameter - 1) % 3) - 1};
        story_.stalls(*current_, until);
        sleep_until(until);
    }

    void crash() {
        story_.deviates(*current_, Fault::crash);
        current_->is_fenced = true;
        end_incarnation();
    }

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
        current_->fiber->suspend();
    }

    /// The current actor does nothing any more.
    void halt() {
        if (current_->fiber != nullptr) {
            suspend();
        }
    }

    void suspend() {
        Actor& actor = *current_;
        actor.fiber->suspend();
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
            if (actor.fiber == nullptr) {
                while (workshop_.fibers.size() <= actor.index) {
                    workshop_.fibers.push_back(std::make_unique<Fiber>());
                }
                actor.fiber = workshop_.fibers[actor.index].get();
            }
            actor.fiber->start(&Run::live, &actor);
            actor.is_started = true;
        }
        Actor* const before = std::exchange(current_, &actor);
        const bool goes_on = actor.fiber->resume();
        current_ = before;
        if (!goes_on || std::exchange(actor.begins_anew, false)) {
            actor.is_started = false;
        }
    }

    /// An actor's stack begins here.
    static void live(void* argument) {
        Actor& actor = *static_cast<Actor*>(argument);
        Run& run = *actor.run;
        while (!run.lives_once(actor)) {
            if (actor.must_end || run.is_stopped()) {
                return;
            }
            run.restart(actor);
            actor.fiber->suspend();
            if (actor.must_end) {
                return;
            }
        }
    }

    /// Returns whether the actor left for good.
    bool lives_once(Actor& actor) {
#if SQSIM_EXCEPTIONS
        try {
            actor.body(actor);
        } catch (const Crash&) {
            return false;
        } catch (const std::exception& error) {
            story_.tell(actor, TimelineStep::Kind::life, actor.subject,
                        [&] { return "ends with an error: " + std::string{error.what()}; });
            return false;
        } catch (...) {
            story_.tell(actor, TimelineStep::Kind::life, actor.subject,
                        [] { return std::string{"ends with an exception"}; });
            return false;
        }
#else
        actor.body(actor);
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
        while (!ready_.empty() && !is_stopped()) {  // what it did may have been for others
            Actor& next = *ready_.front();
            ready_.erase(ready_.begin());
            if (next.is_started) {
                next.is_ending = true;
                resume(next);
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
        Nanos next = sqsim::detail::never;
        bool is_awaited = false;
        for (const auto& actor : actors_) {
            if (actor->state == Actor::State::asleep && actor->is_started) {
                next = std::min(next, actor->wakes_at);
            }
        }
        for (const Timer& timer : timers_) {
            next = std::min(next, timer.instant);
        }
        for (const Actor* actor : waiting_) {
            is_awaited = is_awaited ||
                         (actor->waits_for != nullptr ? actor->waits_for->stored().total() != 0 : holds_consumed());
        }
        if (next == sqsim::detail::never && !is_awaited) {
            return false;
        }
        for (const Actor* actor : waiting_) {
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
        wake();
        return true;
    }

    /// Whether a queue that somebody receives from holds a message.
    [[nodiscard]] bool holds_consumed() const {
        return std::any_of(queues_.begin(), queues_.end(), [](const QueueInWorld* queue) {
            return queue->is_consumed && queue->stored().total() != 0;
        });
    }

    void wake() {
        for (std::size_t i = 0; i < timers_.size();) {
            if (timers_[i].instant <= now()) {
                const Timer timer = std::move(timers_[i]);
                timers_.erase(timers_.begin() + static_cast<std::ptrdiff_t>(i));
                act_as(*timer.actor, timer.action);
            } else {
                ++i;
            }
        }
        for (const auto& actor : actors_) {
            const bool is_due = actor->wakes_at <= now();
            if (actor->state == Actor::State::asleep && is_due) {
                make_ready(*actor);
            } else if (actor->state == Actor::State::waiting &&
                       (is_due || actor->waits_for == nullptr || actor->waits_for->stored().visible != 0)) {
                make_ready(*actor);
            }
        }
        std::erase_if(waiting_, [](const Actor* actor) { return actor->state != Actor::State::waiting; });
    }

public:
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

private:
    Workshop& workshop_;
    ManualClock clock_{};
    Story story_;
    Actor scenario_{};
    std::vector<std::unique_ptr<Actor>> actors_{};
    std::vector<QueueInWorld*> queues_{};
    std::vector<Actor*> ready_{};
    std::vector<Actor*> waiting_{};
    std::vector<Timer> timers_{};
    std::vector<std::function<void()>> watches_{};
    std::vector<Option> options_{};
    std::vector<Nanos> deadlines_{};
    Actor* current_ = nullptr;
    Surroundings* outer_ = nullptr;
    std::string violation_{};
    std::uint64_t hash_ = 0;
    std::uint64_t changes_ = 1;
    std::size_t steps_ = 0;
    Nanos longer_{};
    bool is_going_ = false;
    bool swallowed_crash_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
