// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/shortage.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// How an incarnation ended.
enum class Ending : std::uint8_t {
    left,       // it returned, for good
    replaced,   // it returned, another one takes its place
    error,      // it threw an exception
    foreign,    // it threw what is no `std::exception`
    process,    // its process ended
    swallowed,  // its process ended, but its code went on
};

/// What a scheduler asks about the world, and tells it.
class SchedulerClient {
public:
    SchedulerClient() = default;
    SchedulerClient(const SchedulerClient&) = delete;
    SchedulerClient& operator=(const SchedulerClient&) = delete;

    /// Whether no further step is wanted.
    [[nodiscard]] virtual bool is_stopped() const = 0;
    /// Whether there is something that somebody who waits or polls should still get.
    [[nodiscard]] virtual bool is_work_left() const = 0;
    /// Whether what an actor waits for may come by itself when time passes.
    [[nodiscard]] virtual bool may_come(const void* source) const = 0;
    /// Whether what an actor waits for is there now.
    [[nodiscard]] virtual bool is_there(const void* source) const = 0;
    virtual void after_step() = 0;
    /// The place of the one that goes on, of those that are ready. `last`: who had a turn before.
    [[nodiscard]] virtual std::size_t next_of(const Actor* /*last*/, const std::vector<Actor*>& /*ready*/) { return 0; }
    virtual void on_end(Actor& actor, Ending ending) = 0;
    virtual void on_restart(Actor& actor) = 0;
    /// An incarnation ended, or could not, because there was no memory: no further step is wanted from now on.
    virtual void on_out_of_memory() noexcept {}

protected:
    ~SchedulerClient() = default;
};

/// The memory of schedulers, one after the other.
struct SchedulerMemory {
    std::vector<std::unique_ptr<Actor>> actors{};
    std::vector<std::unique_ptr<Process>> processes{};
    std::vector<Actor*> ready{};
    std::vector<Actor*> waiting{};
};

/// Runs actors in one thread and in virtual time: one goes on until it gives way, sleeps, waits or ends; when all of
/// them sleep or wait, time moves to the next event. It knows no faults.
class Scheduler {
public:
    enum class Rest : std::uint8_t { at_rest, stopped, horizon };
    enum class Phase : std::uint8_t { running, returning, ending };

    Scheduler(SchedulerClient& client, SchedulerMemory& memory, bool abandons,
              std::size_t stack_size = Fiber::default_stack_size)
        : client_{client}, memory_{memory}, abandons_{abandons}, stack_size_{stack_size} {
        memory_.ready.clear();
        memory_.waiting.clear();
    }
    Scheduler(const Scheduler&) = delete;
    Scheduler& operator=(const Scheduler&) = delete;
    ~Scheduler() {
        each([](Actor& actor) {
            actor.body = nullptr;  // what it refers to ends with the execution
            actor.memory.reset();
            actor.process->renew = nullptr;
        });
    }

    [[nodiscard]] ManualClock& clock() noexcept { return clock_; }
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }
    [[nodiscard]] Actor* current() const noexcept { return current_; }
    [[nodiscard]] Phase phase() const noexcept { return phase_; }
    [[nodiscard]] std::size_t actors() const noexcept { return actors_; }
    [[nodiscard]] Actor& actor(std::size_t index) const noexcept { return *memory_.actors[index]; }
    [[nodiscard]] bool is_anyone_ready() const noexcept { return !memory_.ready.empty(); }
    [[nodiscard]] const std::vector<Actor*>& ready() const noexcept { return memory_.ready; }
    /// Whether the stack of a process that ended was unwound, and held something.
    [[nodiscard]] bool unwound() const noexcept { return unwound_; }
    /// How often a source changed, and how often an actor had its turn.
    [[nodiscard]] std::uint64_t sources_changed() const noexcept { return sources_changed_; }
    [[nodiscard]] std::uint64_t turns() const noexcept { return turns_; }
    /// How often anything changed: a source, or the time.
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

    /// What the last incarnation that ended with an error threw.
    [[nodiscard]] const std::exception_ptr& error() const noexcept { return error_; }

    /// Adds an actor of a process of its own. `index` is what the client calls it.
    Actor& add_actor(std::string name, std::size_t index) {
        if (actors_ == memory_.actors.size()) {
            memory_.actors.push_back(std::make_unique<Actor>());
        }
        if (actors_ == memory_.processes.size()) {
            memory_.processes.push_back(std::make_unique<Process>());
        }
        Actor& actor = *memory_.actors[actors_];
        Process& process = *memory_.processes[actors_];
        process.members.assign(1, &actor);
        ++actors_;
        actor.begin(std::move(name), index, *this);
        process.renew = nullptr;
        process.needs_renewal = false;
        actor.process = &process;
        return actor;
    }

    /// Makes an actor a further member of a process.
    static void join(Actor& actor, Process& process) {
        process.members.push_back(&actor);
        actor.process = &process;
    }

    /// Calls `visit` for each actor.
    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t i = 0; i < actors_; ++i) {
            visit(*memory_.actors[i]);
        }
    }

    /// Acts as an actor that has no stack of its own.
    template <class Action>
    void act_as(Actor& actor, const Action& action) {
        struct Turn {
            Turn(Actor*& current_, Actor& actor_) noexcept
                : current{current_}, before{std::exchange(current_, &actor_)} {}
            Turn(const Turn&) = delete;
            Turn& operator=(const Turn&) = delete;
            ~Turn() { current = before; }
            Actor*& current;
            Actor* before;
        };
        const Turn turn{current_, actor};
        action();
    }

    /// Calls `action` at an instant, as `actor`.
    void schedule(Nanos instant, Actor& actor, std::function<void()> action) {
        actions_.push_back({instant, &actor, std::move(action)});
    }

    // The current actor.

    /// The client says which of those that are ready goes on.
    void let_client_choose() noexcept { client_chooses_ = true; }

    /// Lets the others that are ready go first, of its own accord.
    void yield() {
        current_->gives_way = is_anyone_ready();
        let_go_first(0);
    }
    /// Lets the one at this place go first, and then the others that are ready.
    void let_go_first(std::size_t place) {
        if (is_anyone_ready() && current_->has_stack) {
            const auto first = memory_.ready.begin() + static_cast<std::ptrdiff_t>(place);
            std::rotate(memory_.ready.begin(), first, first + 1);
            current_->become(ActorState::ready);
            memory_.ready.push_back(current_);
            suspend();
        }
    }

    void sleep_until(Nanos instant) {
        if (current_ == nullptr || !current_->has_stack || instant <= now() || current_->state == ActorState::ended) {
            return;
        }
        count_idle_sleep(*current_);
        current_->become(ActorState::asleep);
        current_->wakes_at = instant;
        suspend();
    }

    /// Waits until `source` changed, or anything if it is null, or until `deadline`.
    void wait_for(const void* source, Nanos deadline) {
        current_->become(ActorState::waiting);
        current_->wakes_at = deadline;
        current_->waits_for = source;
        memory_.waiting.push_back(current_);
        suspend();
    }

    /// Does nothing any more: its stack is given up.
    void halt() {
        if (current_->has_stack) {
            current_->stack->suspend();
        }
    }

    /// The execution is over, and there is nothing to receive: the current actor may go on for a while, then it ends.
    void answer_nothing() {
        if (++current_->empty_answers > 3) {
            current_->become(ActorState::ended);
            unwind();
        }
    }

    /// The current actor found nothing to receive, or something.
    void count_poll(bool is_empty) noexcept {
        if (current_ != nullptr) {
            current_->empty_polls =
                is_empty ? (current_->polled_at == sources_changed_ ? current_->empty_polls : 0) + 1 : 0;
            current_->polled_at = sources_changed_;
            current_->is_polling = is_empty;
        }
    }
    /// Who polls keeps the execution from coming to rest until it has found nothing so many times since the last
    /// change: it may have several queues to look at.
    void set_polls_before_rest(int polls) noexcept { polls_before_rest_ = polls; }

    // Processes.

    /// Ends all members of a process, the current actor last; each begins anew at `restart`. Does not return to a
    /// member.
    void end_process(Process& process, Nanos restart) {
        bool is_current = false;
        for (Actor* const member : process.members) {
            member->restarts_at = restart;
            if (member == current_) {
                is_current = true;
            } else {
                end(*member);
            }
        }
        process.needs_renewal = process.renew != nullptr;
        if (is_current) {
            current_->become(ActorState::ended);
            unwind();
        }
    }

    /// All members of a process stand still until then, the current actor among them.
    void pause(Process& process, Nanos until) {
        for (Actor* const member : process.members) {
            member->not_before = until;
            member->is_polling = false;  // it has something to go on with
            if (member != current_ && member->state == ActorState::ready) {
                std::erase(memory_.ready, member);
                member->become(ActorState::asleep);
                member->wakes_at = until;
            }
        }
        sleep_until(until);
    }

    // What happens.

    /// Who waits for the source looks again.
    void notify(const void* source) {
        ++changes_;
        ++sources_changed_;
        bool any = false;
        for (Actor* const actor : memory_.waiting) {
            if (actor->state == ActorState::waiting && (actor->waits_for == source || actor->waits_for == nullptr)) {
                make_ready(*actor);
                any = true;
            }
        }
        if (any) {
            forget_who_waits_no_more();
        }
    }

    /// Runs the actors until all is at rest, nothing more is wanted, or time would pass the horizon.
    Rest run(const Nanos& horizon) {
        phase_ = Phase::running;
        each([this](Actor& actor) {
            actor.process->needs_renewal = actor.process->renew != nullptr;
            if (actor.body && actor.state == ActorState::idle) {
                make_ready(actor);
            }
        });
        last_ = nullptr;
        while (!client_.is_stopped()) {
            if (Actor* const next = client_chooses_ ? chosen_ready() : next_ready()) {
                resume(*next);
                client_.after_step();
            } else if (const Nanos next_event = next_instant(); next_event == sqsim::detail::never) {
                return Rest::at_rest;
            } else if (next_event > horizon) {
                return Rest::horizon;
            } else {
                move_time(next_event);
            }
        }
        return Rest::stopped;
    }

    /// Ends: what still waits returns, or is made to. All begin again with the next `run`.
    void finish() {
        phase_ = Phase::returning;
        each([this](Actor& actor) {
            if (actor.is_on_stack && !client_.is_stopped()) {
                let_return(actor);
            }
        });
        phase_ = Phase::ending;
        each([this](Actor& actor) {
            if (actor.is_on_stack) {
                end(actor);
            }
            if (actor.state != ActorState::left) {
                actor.begin_again();
            }
        });
        memory_.ready.clear();
        memory_.waiting.clear();
        actions_.clear();
    }

private:
    struct ScheduledAction {
        Nanos instant;
        Actor* actor;
        std::function<void()> action;
    };

    void make_ready(Actor& actor) {
        if (actor.not_before > now()) {
            actor.become(ActorState::asleep);
            actor.wakes_at = actor.not_before;
            return;
        }
        actor.become(ActorState::ready);
        memory_.ready.push_back(&actor);
    }
    [[nodiscard]] Actor* next_ready() {
        if (memory_.ready.empty()) {
            return nullptr;
        }
        Actor* const next = memory_.ready.front();
        memory_.ready.erase(memory_.ready.begin());
        return next;
    }
    [[nodiscard]] Actor* chosen_ready() {
        if (memory_.ready.empty()) {
            return nullptr;
        }
        const auto place = static_cast<std::ptrdiff_t>(client_.next_of(last_, memory_.ready));
        last_ = memory_.ready[static_cast<std::size_t>(place)];
        last_->gives_way = false;
        memory_.ready.erase(memory_.ready.begin() + place);
        return last_;
    }
    void forget_who_waits_no_more() {
        std::erase_if(memory_.waiting, [](const Actor* actor) { return actor->state != ActorState::waiting; });
    }

    /// A member of a process may sleep in a loop, such as one that flushes a buffer or extends leases. When nothing has
    /// changed for some of its rounds it does not keep the execution from coming to rest.
    void count_idle_sleep(Actor& actor) const {
        constexpr int most_rounds = 3;
        actor.idle_sleeps = actor.slept_at == sources_changed_ ? actor.idle_sleeps + 1 : 0;
        actor.slept_at = sources_changed_;
        actor.is_idle = actor.process->members.size() > 1 && actor.idle_sleeps >= most_rounds;
    }

    void suspend() {
        Actor& actor = *current_;
        actor.stack->suspend();
        if (actor.state == ActorState::ended) {
            unwind();
        }
    }

    void resume(Actor& actor) {
        if (!actor.is_on_stack) {
            if (std::exchange(actor.process->needs_renewal, false)) {
                actor.process->renew(*actor.process);
            }
            if (actor.stack == nullptr) {
                actor.stack = std::make_unique<Fiber>(stack_size_);
            }
            actor.has_stack = actor.is_on_stack = true;
            actor.stack->start(&Scheduler::run_incarnation, &actor);
        }
        if (actor.state != ActorState::ended) {
            actor.become(ActorState::running);
        }
        ++turns_;
        Actor* const before = std::exchange(current_, &actor);
        actor.stack->resume();
        current_ = before;
    }

    /// Ends the incarnation of the current actor: by unwinding its stack, or by giving it up.
    void unwind() {
        Actor& actor = *current_;
#if SQSIM_EXCEPTIONS
        if (!abandons_ && !actor.holds_nothing()) {
            unwound_ = unwound_ || phase_ == Phase::running;
            throw Crash{};
        }
#endif
        after_end(actor);
        actor.stack->suspend();
    }

    /// Ends the incarnation of an actor that is suspended, or the wait for its next one.
    void end(Actor& actor) {
        std::erase(memory_.ready, &actor);
        std::erase(memory_.waiting, &actor);
        if (!actor.is_on_stack || actor.state == ActorState::ended) {
            after_end(actor);
            return;
        }
        actor.become(ActorState::ended);
        if (!abandons_ && !actor.holds_nothing()) {
            resume(actor);
        }
        if (actor.is_on_stack) {  // its stack is given up
            after_end(actor);
        }
    }

    /// The incarnation is over, by the end of its process; the next one begins when it may.
    void after_end(Actor& actor) {
        actor.is_on_stack = false;
        client_.on_end(actor, Ending::process);
        if (actor.state != ActorState::idle) {
            actor.become(ActorState::idle);
        }
        if (phase_ == Phase::running) {
            restart(actor);
        }
    }

    void restart(Actor& actor) {
        actor.forget();
        ++actor.incarnation;
        client_.on_restart(actor);
        if (actor.restarts_at > now()) {
            actor.become(ActorState::asleep);
            actor.wakes_at = actor.restarts_at;
        } else {
            make_ready(actor);
        }
    }

    /// An actor's stack begins here.
    static void run_incarnation(void* argument) {
        Actor& actor = *static_cast<Actor*>(argument);
        actor.scheduler->run_incarnation(actor);
    }
    void run_incarnation(Actor& actor) {
        const Ending ending = run_body(actor);
        actor.is_on_stack = false;
        if (!found_memory([&] { end_incarnation(actor, ending); })) {
            client_.on_out_of_memory();
        }
    }
    void end_incarnation(Actor& actor, Ending ending) {
        if (ending == Ending::process) {
            after_end(actor);
            return;
        }
        if (actor.state == ActorState::ended) {
            actor.become(ActorState::idle);
            client_.on_end(actor, Ending::swallowed);
            return;
        }
        const bool is_replaced = ending == Ending::left && std::exchange(actor.is_replaced, false);
        client_.on_end(actor, is_replaced ? Ending::replaced : ending);
        if (ending == Ending::left && !is_replaced) {
            actor.become(ActorState::left);
            return;
        }
        actor.become(ActorState::idle);
        if (phase_ == Phase::running && !client_.is_stopped()) {
            actor.restarts_at = now();
            restart(actor);
        }
    }
    [[nodiscard]] static Ending run_body(Actor& actor) {
#if SQSIM_EXCEPTIONS
        try {
            actor.body(actor);
        } catch (const Crash&) {
            return Ending::process;
        } catch (const std::bad_alloc&) {
            actor.scheduler->client_.on_out_of_memory();
            return Ending::replaced;
        } catch (const std::exception&) {
            actor.scheduler->error_ = std::current_exception();
            return Ending::error;
        } catch (...) {
            actor.scheduler->error_ = std::current_exception();
            return Ending::foreign;
        }
#else
        actor.body(actor);
#endif
        return Ending::left;
    }

    void let_return(Actor& actor) {
        if (actor.holds_nothing()) {
            actor.is_on_stack = false;
            return;
        }
        std::erase(memory_.ready, &actor);
        std::erase(memory_.waiting, &actor);
        if (actor.stop) {
            actor.stop->request_stop();
        }
        resume(actor);
        while (Actor* const next = client_.is_stopped() ? nullptr : next_ready()) {  // what it did may be for others
            if (next->is_on_stack) {
                resume(*next);
            }
        }
    }

    // Time.

    /// When the next thing happens that matters; `never` if all is at rest.
    [[nodiscard]] Nanos next_instant() const {
        if (next_own_event(false) == sqsim::detail::never && !is_anything_awaited()) {
            return sqsim::detail::never;
        }
        Nanos next = next_own_event(true);
        for (const Actor* actor : memory_.waiting) {
            next = std::min(next, actor->wakes_at);
        }
        if (const auto event = clock_.next_event()) {
            next = std::min(next, event->time_since_epoch());
        }
        return next;
    }

    /// When the next actor wakes by itself, or an action is due. Who only sleeps to poll again may be left out.
    [[nodiscard]] Nanos next_own_event(bool polls_count) const {
        Nanos next = sqsim::detail::never;
        each([&](const Actor& actor) {
            if (actor.state == ActorState::asleep && (polls_count || (!actor.is_polling && !actor.is_idle))) {
                next = std::min(next, actor.wakes_at);
            }
        });
        for (const ScheduledAction& action : actions_) {
            next = std::min(next, action.instant);
        }
        return next;
    }

    /// Whether there is work that somebody who waits or polls will get to.
    [[nodiscard]] bool is_anything_awaited() const {
        bool is_awaited = false;
        each([&](const Actor& actor) { is_awaited = is_awaited || has_to_look_around(actor); });
        if (is_awaited || !client_.is_work_left()) {
            return is_awaited;
        }
        each([&](const Actor& actor) {
            is_awaited = is_awaited || actor.state == ActorState::asleep ||
                         (actor.state == ActorState::waiting &&
                          (actor.wakes_at != sqsim::detail::never || client_.may_come(actor.waits_for)));
        });
        return is_awaited;
    }

    [[nodiscard]] bool has_to_look_around(const Actor& actor) const noexcept {
        const bool polls = (actor.state == ActorState::asleep && actor.is_polling) ||
                           (actor.state == ActorState::waiting && actor.wakes_at != sqsim::detail::never);
        const int polled = actor.polled_at == sources_changed_ ? actor.empty_polls : 0;
        return polls && polled < polls_before_rest_;
    }

    void move_time(Nanos next) {
        clock_.advance_to(ManualClock::time_point{std::max(next, now())});
        ++changes_;
        for (std::size_t i = 0; i < actions_.size();) {
            if (actions_[i].instant > now()) {
                ++i;
                continue;
            }
            const ScheduledAction action = std::move(actions_[i]);
            actions_.erase(actions_.begin() + static_cast<std::ptrdiff_t>(i));
            act_as(*action.actor, action.action);
        }
        each([this](Actor& actor) {
            const bool is_due = actor.wakes_at <= now();
            if ((actor.state == ActorState::asleep && is_due) ||
                (actor.state == ActorState::waiting && (is_due || client_.is_there(actor.waits_for)))) {
                make_ready(actor);
            }
        });
        forget_who_waits_no_more();
    }

    SchedulerClient& client_;
    SchedulerMemory& memory_;
    bool abandons_;
    std::size_t stack_size_;
    ManualClock clock_{};
    std::size_t actors_ = 0;
    Actor* current_ = nullptr;
    Actor* last_ = nullptr;  // who had a turn before, where the client chooses
    bool client_chooses_ = false;
    Phase phase_ = Phase::running;
    bool unwound_ = false;
    std::vector<ScheduledAction> actions_{};
    std::uint64_t changes_ = 1;
    std::uint64_t sources_changed_ = 1;
    std::uint64_t turns_ = 0;
    int polls_before_rest_ = 0;
    std::exception_ptr error_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
