// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/sim/detail/exception_type.hpp"
#include "sqsim/sim/detail/instants.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/detail/scheduler.hpp"
#include "sqsim/sim/detail/shortage.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/detail/timeline_writer.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// One execution of a scenario: its actors, its time, every choice about them, and what it comes to. One thread. Only a
/// choice makes it different from others.
class Execution final : private SchedulerClient {
public:
    /// Of one kind at one choice point: a parameter is a byte.
    static constexpr std::size_t most_alternatives = 250;

    explicit Execution(RunContext& context)
        : context_{context}, scheduler_{*this, context.scheduler, context.settings.abandons,
                                        context.settings.stack_size},
          timeline_{context.timeline, scheduler_.clock()}, instants_{context, scheduler_} {
        context_.clear();
        add_client("scenario");
        if (settings().chooses_actors) {
            scheduler_.let_client_choose();
        }
    }
    ~Execution() { leave(); }

    [[nodiscard]] RunContext& context() const noexcept { return context_; }
    [[nodiscard]] const Settings& settings() const noexcept { return context_.settings; }
    [[nodiscard]] Scheduler& scheduler() noexcept { return scheduler_; }
    [[nodiscard]] TimelineWriter& timeline() noexcept { return timeline_; }
    [[nodiscard]] Instants& instants() noexcept { return instants_; }
    [[nodiscard]] IdNumbering& ids() const noexcept { return context_.ids; }
    [[nodiscard]] History& history() const noexcept { return context_.history; }
    [[nodiscard]] SiteTable& sites() const noexcept { return context_.sites; }
    [[nodiscard]] const std::vector<WorldQueue*>& queues() const noexcept { return context_.queues.queues(); }
    [[nodiscard]] Nanos now() const noexcept { return scheduler_.now(); }

    Actor& add_actor(std::string name) {
        Actor& actor = scheduler_.add_actor(std::move(name), clients_);
        add_client(actor.name);
        return actor;
    }

    /// The index of who acts now: 0 for the scenario itself.
    [[nodiscard]] std::size_t client_index() const noexcept {
        const Actor* const actor = scheduler_.current();
        return actor != nullptr ? actor->index : 0;
    }
    [[nodiscard]] ClientState& client() noexcept { return context_.clients[client_index()]; }
    [[nodiscard]] ClientState& client_of(const Actor& actor) noexcept { return context_.clients[actor.index]; }

    /// What is to be checked after every step; it may `fail`.
    void watch_by(std::function<void()> check) { watches_.push_back(std::move(check)); }

    /// Runs all actors: faults may happen from `prepare` on, which sends what is sent before anybody receives.
    template <class Prepare>
    void run(SimulationHooks& hooks, const Prepare& prepare) {
        hooks_ = &hooks;
        outer_ = std::exchange(simulation_hooks, &hooks);
        executions_under_way.fetch_add(1, std::memory_order_relaxed);
        is_running_.store(true, std::memory_order_relaxed);
        if (!found_memory([&] { run_to_rest(prepare); })) {
            run_out_of_memory();
        }
        scheduler_.finish();
        leave();
        if (is_out_of_memory()) {
            sqsim::detail::raise_out_of_memory();
        }
    }

    /// There was no memory: the execution ends as soon as it can, and nothing that it shows counts.
    void run_out_of_memory() noexcept { context_.is_out_of_memory = true; }
    [[nodiscard]] bool is_out_of_memory() const noexcept { return context_.is_out_of_memory; }
    /// Notes it if a call of the simulation finds no memory: the code that called may keep that to itself.
    template <class Call>
    decltype(auto) noting_shortage(Call call) {
#if SQSIM_EXCEPTIONS
        try {
            return call();
        } catch (const std::bad_alloc&) {
            run_out_of_memory();
            throw;
        }
#else
        return call();
#endif
    }

    /// Reduces the exploration where the user's state has not changed, by its fingerprint.
    void reduce_by(std::function<std::uint64_t()> fingerprint) {
        if (settings().reduces_by_state) {
            fingerprint_ = std::move(fingerprint);
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
    /// Whether other faults took so long that the retention of a message ended: the service then loses it rightfully.
    [[nodiscard]] bool lost_by_retention() const { return may_delay_ && !ends_retention_ && ended_retention(); }
    [[nodiscard]] bool read_clock() const noexcept { return read_clock_; }
    void note_clock_read() noexcept { read_clock_ = read_clock_ || scheduler_.current() != nullptr; }

    void count_deliveries(std::size_t count) noexcept { deliveries_ += count; }
    [[nodiscard]] std::size_t deliveries() const noexcept { return deliveries_; }

    /// What is still in the queues that an actor receives from, for reports; empty if nothing is.
    [[nodiscard]] std::string left_over() const {
        std::string text;
        for (const WorldQueue* queue : queues()) {
            if (queue->is_consumed && queue->stored().total() != 0) {
                text += "; " + queue->label() + " still holds " + queue->contents();
            }
        }
        return text;
    }

    /// What reports call a message: with its queue, where there are several.
    [[nodiscard]] std::string name_of(const WorldQueue* queue, Subject subject) const {
        return (queue != nullptr && queues().size() > 1 ? queue->label() : std::string{}) + subject_text(subject);
    }
    [[nodiscard]] std::string name_of(const MessageRef& message) const {
        return name_of(message.queue, message.subject);
    }

    // Steps.

    /// Whether faults may happen now: not before the run, not for the scenario, not when all is over.
    [[nodiscard]] bool offers() const noexcept {
        return scheduler_.current() != nullptr && is_running_.load(std::memory_order_relaxed) &&
               scheduler_.phase() == Scheduler::Phase::running;
    }

    /// The current actor begins a step. Returns false if nothing may happen any more: its process has ended, and its
    /// stack is being unwound.
    [[nodiscard]] bool enter() {
        Actor* const actor = scheduler_.current();
        if (simulation_hooks != hooks_ && is_running_.load(std::memory_order_relaxed)) [[unlikely]] {
            refuse_other_thread();
        }
        if (actor == nullptr) {
            return true;
        }
        if (actor->state == ActorState::ended) {
#if SQSIM_EXCEPTIONS
            if (std::uncaught_exceptions() > 0) {
                return false;
            }
#endif
            swallowed_crash_ = swallowed_crash_ || scheduler_.phase() == Scheduler::Phase::running;
            scheduler_.halt();
            return false;
        }
        if (is_out_of_memory()) [[unlikely]] {
            end_current();
            return false;
        }
        if (++steps_ > settings().maximum_steps) {
            fail("the run did not come to rest within " + std::to_string(settings().maximum_steps) +
                 " steps: " + actor->name + " is in an endless loop" + most_received());
            scheduler_.halt();
            return false;
        }
        context_.progress.steps.store(context_.progress.steps.load(std::memory_order_relaxed) + 1,
                                      std::memory_order_relaxed);
        context_.progress.actor.store(actor->name.c_str(), std::memory_order_relaxed);
        check_watches();
        if (is_stopped()) {
            scheduler_.halt();
            return false;
        }
        return true;
    }

    /// A choice point: one of `faults` may happen, or harm of these kinds to the current actor. Harm has happened on
    /// return. Returns what else the caller has to bring about. `count`: how many messages compete, for kinds with
    /// several alternatives.
    Alternative choose(SiteNumber site, Subject subject, Faults faults, Faults harm, std::size_t count = 0) {
        if (!offers()) {
            return {};
        }
        context_.progress.site.store(site, std::memory_order_relaxed);
        if (context_.path.scheduler() != nullptr && harm.contains(Fault::preempt) && scheduler_.current()->has_stack) {
            context_.path.scheduler()->at_site(*scheduler_.current(), scheduler_.ready());
        }
        const Faults possible = faults.with(harm.empty() ? Faults{} : possible_harm(harm)).common(settings().offered);
        return context_.path.reach(site, subject, possible) ? choose_among(site, subject, possible, count)
                                                            : Alternative{};
    }
    /// A choice point of one kind, whose alternatives `add(path)` adds. What was chosen is the caller's to bring about.
    template <class Add>
    [[nodiscard]] Alternative choose_of(Fault kind, SiteNumber site, Subject subject, const Add& add) {
        if (!offers() || !settings().offered.contains(kind) || !context_.path.reach(site, subject, kind)) {
            return {};
        }
        add(context_.path);
        return context_.path.choose(timeline_.size());
    }

    /// A site where nothing but harm may happen to the current actor.
    void reach(Site site) { static_cast<void>(choose(number_of(site), client().current.subject, {}, info(site).harm)); }

    /// Makes a step part of what tells this execution from others.
    void mix_into_hash(std::uint64_t what, std::uint64_t how) noexcept {
        // Two multiplications are enough to tell executions apart; one has a hundred steps.
        const std::uint64_t step =
            (what ^ std::rotl((how + static_cast<std::uint64_t>(now().count())) * 0x9e37'79b9'7f4a'7c15U, 29));
        hash_ = (std::rotl(hash_, 23) ^ step) * 0xbf58'476d'1ce4'e5b9U;
        if (context_.step_hashes != nullptr) {
            context_.step_hashes->push_back(step);
        }
    }
    [[nodiscard]] std::uint64_t hash() const noexcept { return sqsim::detail::mix64(hash_); }

    std::size_t add_step(TimelineStep::Kind kind, Subject subject, const std::string& text) {
        return timeline_.add_step(client_index(), kind, subject, [&] { return text; });
    }
    template <class Make>
    requires std::invocable<Make> std::size_t add_step(TimelineStep::Kind kind, Subject subject, const Make& make) {
        return timeline_.add_step(client_index(), kind, subject, make);
    }

    /// The execution takes so much longer than its plan without faults: its horizon is as far away as before.
    void extend_horizon(Nanos time) noexcept {
        horizon_ = sqsim::detail::saturating_add(horizon_, std::max(time, Nanos::zero()));
    }

    /// Spends time in the current actor. Its process may end before and within.
    void spend(Nanos time, Site before, Site within) {
        reach(before);
        if (time > Nanos::zero()) {
            if (ends_within(within)) {
                scheduler_.sleep_until(sqsim::detail::saturating_add(now(), time / 2));
                scheduler_.end_process(*scheduler_.current()->process, now());
                return;
            }
            scheduler_.sleep_until(sqsim::detail::saturating_add(now(), time));
        }
    }

    // What the current actor is about.

    void set_current(const MessageRef& message) noexcept { client().current = message; }
    /// The current actor looked at a message that it has received.
    void look_at(const MessageRef& message) noexcept {
        if (scheduler_.current() != nullptr) {
            client().current = message;
        }
    }

    /// A fault costs the message the receive that it is in.
    void charge(std::uint32_t message) {
        if (message < context_.receives.size()) {
            MessageReceives& receives = context_.receives[message];
            if (receives.count != receives.last_charged) {
                receives.last_charged = receives.count;
                ++receives.lost;
            }
        }
    }
    [[nodiscard]] MessageReceives& receives_of(std::uint32_t message) {
        if (message >= context_.receives.size()) {
            context_.receives.resize(message + std::size_t{1});
        }
        return context_.receives[message];
    }

    /// The handler of the current actor failed.
    void handler_failed(const std::string& what) {
        client().last_error = what;
        add_step(TimelineStep::Kind::point, client().current.subject, [&] { return "error: " + what; });
    }
    /// The handler of the current actor threw what is no `std::exception`.
    void handler_threw_foreign() {
        fail("the code of " + scheduler_.current()->name + " threw what is no std::exception (" +
             current_exception_type() + "): a failed REQUIRE, or an error that nobody handles");
    }

    /// An incarnation of the current actor begins.
    void start_incarnation() {
        if (scheduler_.current()->incarnation == 1) {
            reach(Site::start);
        }
    }

    void set_settling_time(Nanos time) noexcept { settling_time_ = time; }
    /// A message has been received once more, deleted, or become a dead letter.
    void check_settling(const MessageRef& message) {
        if (settling_time_ != Nanos::zero() &&
            now() - receives_of(message.message).sent_at >
                sqsim::detail::saturating_add(settling_time_, horizon_ - settings().horizon)) {
            fail("settles: " + name_of(message) + " is neither deleted nor a dead letter within " +
                 duration_text(settling_time_) + most_received());
        }
    }

    /// A coroutine suspended itself: others go first.
    void await() {
        if (enter()) {
            reach(Site::await);
            scheduler_.yield();
        }
    }

private:
    void add_client(const std::string& name) {
        if (clients_ == context_.clients.size()) {
            context_.clients.emplace_back();
        }
        ClientState& client = context_.clients[clients_++];
        client.forget();
        client.faults = 0;
        client.last_error.clear();
        history().clients.push_back(name);
        timeline_.add_actor(name);
    }

    template <class Prepare>
    void run_to_rest(const Prepare& prepare) {
        prepare();
        scheduler_.set_polls_before_rest(queues().size() > 1 ? static_cast<int>(queues().size()) + 1 : 0);
        if (scheduler_.run(horizon_) == Scheduler::Rest::horizon) {
            fail("the run did not come to rest within " + duration_text(settings().horizon) + " of virtual time" +
                 left_over() + most_received());
        }
    }

    /// Ends the incarnation of the current actor, unless an exception does so already, or it has none.
    void end_current() {
#if SQSIM_EXCEPTIONS
        if (std::uncaught_exceptions() > 0) {
            return;
        }
#endif
        if (scheduler_.current()->has_stack) {
            scheduler_.end_process(*scheduler_.current()->process, now());
        }
    }

    void leave() noexcept {
        if (is_running_.exchange(false, std::memory_order_relaxed)) {
            executions_under_way.fetch_sub(1, std::memory_order_relaxed);
            simulation_hooks = std::exchange(outer_, nullptr);
        }
    }

    /// Two threads would race for everything that an execution knows, so the call has no effect.
    [[noreturn]] void refuse_other_thread() {
        called_from_other_thread_.store(true, std::memory_order_relaxed);
        sqsim::detail::raise({Errc::unsupported_operation, "A simulated queue was called from another thread than its "
                                                           "world's: a world has one thread, use its actors instead."});
    }

    void check_watches() {
        for (const auto& check : watches_) {
            check();
        }
        if (called_from_other_thread_.load(std::memory_order_relaxed)) [[unlikely]] {
            fail("a queue of the world was called from another thread: what happens there cannot be judged");
        }
    }

    // SchedulerClient.

    [[nodiscard]] bool is_stopped() const override {
        return !violation_.empty() || swallowed_crash_ || is_out_of_memory();
    }
    void on_out_of_memory() noexcept override { run_out_of_memory(); }
    [[nodiscard]] bool is_work_left() const override {
        return std::any_of(queues().begin(), queues().end(),
                           [](const WorldQueue* queue) { return queue->is_consumed && queue->stored().total() != 0; });
    }
    [[nodiscard]] bool may_come(const void* source) const override {
        return source == nullptr || static_cast<const WorldQueue*>(source)->stored().total() != 0;
    }
    [[nodiscard]] bool is_there(const void* source) const override {
        return source == nullptr || static_cast<const WorldQueue*>(source)->stored().visible != 0;
    }
    void after_step() override { check_watches(); }

    /// A choice point like others, but nobody acts: the one whose turn it is lets another one go first.
    [[nodiscard]] std::size_t next_of(const Actor* last, const std::vector<Actor*>& ready) override {
        context_.path.end_turn(last, ready);
        if (ready.size() < 2 || !settings().offered.contains(Fault::preempt) ||
            !context_.path.reach(next_actor_, 0, Fault::preempt)) {
            return 0;
        }
        add_alternatives_of(Fault::preempt, 0);
        const Alternative chosen = context_.path.choose(timeline_.size());
        if (chosen.fault == Fault::preempt) {
            begin_fault(next_actor_, 0, Fault::preempt);
            timeline_.add_switch(ready[chosen.parameter]->index, ready.front()->name);
        }
        return chosen.parameter;
    }

    void on_end(Actor& actor, Ending ending) override {
        const auto add = [&](const std::string& text) {
            timeline_.add_step(actor.index, TimelineStep::Kind::life, client_of(actor).current.subject,
                               [&] { return text; });
        };
        switch (ending) {
        case Ending::process:
            break;
        case Ending::swallowed:
            swallowed_crash_ = swallowed_crash_ || scheduler_.phase() == Scheduler::Phase::running;
            break;
        case Ending::left:
            add("leaves");
            break;
        case Ending::replaced:
            break;
        case Ending::error:
#if SQSIM_EXCEPTIONS
            try {
                std::rethrow_exception(scheduler_.error());
            } catch (const std::exception& error) {
                client_of(actor).last_error = error.what();
                add("ends with an error: " + client_of(actor).last_error);
            }
#endif
            break;
        case Ending::foreign:
#if SQSIM_EXCEPTIONS
            try {
                std::rethrow_exception(scheduler_.error());
            } catch (...) {
                handler_threw_foreign();
            }
#endif
            break;
        }
    }
    void on_restart(Actor& actor) override {
        client_of(actor).forget();
        timeline_.add_step(actor.index, TimelineStep::Kind::life, 0, [] { return std::string{"starts again"}; });
    }

    // Choices.

    /// What may happen to the current actor itself.
    [[nodiscard]] Faults possible_harm(Faults harm) {
        if (!scheduler_.current()->has_stack) {
            return {};
        }
        if (leaves_nothing_behind()) {
            harm = harm.common(Fault::preempt);
        }
        if (fingerprint_ && harm.contains(Fault::crash) && leaves_the_same_behind()) {
            context_.covered += harm.contains(Fault::outage) ? 2U : 1U;
            harm = harm.without({Fault::crash, Fault::outage});
        }
        if (harm.contains(Fault::preempt) && !scheduler_.is_anyone_ready()) {
            harm = harm.without(Fault::preempt);
        }
        if (harm.contains(Fault::stall) && !instants_.may_stall()) {
            harm = harm.without(Fault::stall);
        }
        if (harm.contains(Fault::outage) && !instants_.may_be_gone()) {
            harm = harm.without(Fault::outage);
        }
        return harm;
    }
    /// Whether the current actor is a simulated consumer between two messages, without anything of its own: if it ended
    /// or stood still there, the others would only go first.
    [[nodiscard]] bool leaves_nothing_behind() {
        const Actor& actor = *scheduler_.current();
        return actor.holds_nothing() && !actor.has_memory && client().leases.empty();
    }

    /// Whether the process of the current actor would leave behind what it would have left at its last site: neither
    /// the queues nor the user's state changed, and nobody else had a turn. So it makes no difference at which of the
    /// two it ends. For a preemption it would: what the actor has read since would be older.
    [[nodiscard]] bool leaves_the_same_behind() {
        const DurableState now{fingerprint_(), scheduler_.sources_changed(), scheduler_.turns(),
                               scheduler_.current()->incarnation};
        return std::exchange(client().durable, now) == now;
    }

    /// Chooses, and brings about what concerns the current actor itself. Returns the rest. Apart from `choose` because
    /// most executions come here once or twice.
    [[gnu::noinline]] Alternative choose_among(SiteNumber site, Subject subject, Faults possible, std::size_t count) {
        add_alternatives(possible, count);
        const Alternative chosen = context_.path.choose(timeline_.size());
        if (chosen.fault == Fault::none) {
            return {};
        }
        begin_fault(site, subject, chosen.fault);
        const std::size_t index = client_index();
        switch (chosen.fault) {
        case Fault::crash:
            timeline_.mark_fault(index, chosen.fault);
            scheduler_.end_process(*scheduler_.current()->process, now());
            break;
        case Fault::outage:
            begin_outage(instants_.ends_of_outages()[chosen.parameter]);
            break;
        case Fault::stall:
            stall(chosen.parameter);
            break;
        case Fault::preempt:
            timeline_.mark_preemption(index, chosen.parameter, scheduler_.ready()[chosen.parameter]->name);
            scheduler_.let_go_first(chosen.parameter);
            break;
        case Fault::retention_ends:
            ends_retention_ = true;
            [[fallthrough]];
        default:
            timeline_.mark_fault(index, chosen.fault);
            return chosen;
        }
        return {};
    }

    void begin_fault(SiteNumber site, Subject subject, Fault fault) {
        mix_into_hash(ChoiceId{site, 0, subject}.bits(), static_cast<std::uint64_t>(fault));
        on_fault(info(fault).word);
        charge_current(fault);
    }

    void add_alternatives(Faults possible, std::size_t count) {
        for (const Fault fault : possible) {
            add_alternatives_of(fault, count);
        }
    }
    void add_alternatives_of(Fault fault, std::size_t count);

    /// A fault of this kind costs the messages that the current actor is about a receive each.
    void charge_current(Fault fault);
    void charge_leases(const ClientState& client) {
        for (const HeldLease& lease : client.leases) {
            charge(lease.message);
        }
    }

    void stall(std::size_t parameter) {
        const Nanos until = instants_.end_of_stall(parameter);
        const Nanos own = client().last_deadline(now());
        timeline_.mark_stall(client_index(), until, own != Nanos::zero() && own < until);
        extend_horizon(until - now());
        scheduler_.pause(*scheduler_.current()->process, until);
    }

    /// All consumers end; those that have not left for good begin again then.
    void begin_outage(Nanos until) {
        timeline_.mark_outage(client_index(), until);
        extend_horizon(until - now());
        Process* const own = scheduler_.current()->process;
        scheduler_.each([&](Actor& actor) {
            const std::vector<Actor*>& members = actor.process->members;
            const bool has_left = std::all_of(members.begin(), members.end(),
                                              [](const Actor* member) { return member->state == ActorState::left; });
            if (actor.body && members.front() == &actor && actor.process != own && !has_left) {
                scheduler_.end_process(*actor.process, until);
            }
        });
        scheduler_.end_process(*own, until);
    }

    /// Whether the process of the current actor is to end within the time that it is about to spend.
    [[nodiscard]] bool ends_within(Site site) {
        const Subject subject = client().current.subject;
        const auto add = [](ChoicePath& path) { path.add_alternative({Fault::crash}); };
        if (!offers() || !scheduler_.current()->has_stack ||
            choose_of(Fault::crash, number_of(site), subject, add).fault != Fault::crash) {
            return false;
        }
        begin_fault(number_of(site), subject, Fault::crash);
        timeline_.mark_fault(client_index(), Fault::crash);
        return true;
    }

    // What became of messages.

    /// Whether the retention of a message ended before it was deleted or became a dead letter.
    [[nodiscard]] bool ended_retention() const {
        std::vector<bool> is_settled(context_.receives.size() + history().operations.size() + 1);
        for (auto operation = history().operations.rbegin(); operation != history().operations.rend(); ++operation) {
            if (operation->message >= is_settled.size()) {
                continue;
            }
            if ((operation->action == Action::delete_message || operation->action == Action::dead_letter) &&
                operation->answer == Answer::ok) {
                is_settled[operation->message] = true;
            } else if (operation->action == Action::send && operation->answer == Answer::ok &&
                       !is_settled[operation->message] &&
                       sqsim::detail::saturating_add(
                           operation->answered, history().queues[operation->queue].message_retention_period) <= now()) {
                return true;
            }
        }
        return false;
    }

    /// Which message was received most often, and what its handler said last.
    [[nodiscard]] std::string most_received() const {
        std::size_t most = 0;
        for (std::size_t i = 1; i < context_.receives.size(); ++i) {
            most = context_.receives[i].count > context_.receives[most].count ? i : most;
        }
        if (most == 0 || context_.receives[most].count < 3) {
            return {};
        }
        const auto number = static_cast<std::uint32_t>(most);
        std::string text = "; " + name_of(queue_of(number), ids().subject(number)) + " was received " +
                           std::to_string(context_.receives[most].count) + " times";
        for (const ClientState& client : context_.clients) {
            if (!client.last_error.empty()) {
                return text + ", last error: " + client.last_error;
            }
        }
        return text;
    }
    [[nodiscard]] const WorldQueue* queue_of(std::uint32_t message) const {
        for (const Operation& operation : history().operations) {
            if (operation.message == message) {
                return queues()[operation.queue];
            }
        }
        return nullptr;
    }

    RunContext& context_;
    Scheduler scheduler_;
    TimelineWriter timeline_;
    Instants instants_;
    std::size_t clients_ = 0;
    SimulationHooks* hooks_ = nullptr;
    SimulationHooks* outer_ = nullptr;  // of an execution around this one
    std::vector<std::function<void()>> watches_{};
    std::function<std::uint64_t()> fingerprint_{};
    std::string violation_{};
    Nanos horizon_ = context_.settings.horizon;
    Nanos settling_time_{};  // zero: messages may take any time
    std::uint64_t hash_ = 0;
    std::size_t steps_ = 0;
    std::size_t deliveries_ = 0;
    std::atomic<bool> is_running_ = false;
    std::atomic<bool> called_from_other_thread_ = false;
    bool swallowed_crash_ = false;
    bool ends_retention_ = false;
    bool may_delay_ = false;  // a fault happened that may have cost time
    bool read_clock_ = false;
    SiteNumber next_actor_ = settings().chooses_actors ? sites().number(next_actor_site) : SiteNumber{0};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
