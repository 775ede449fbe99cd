// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/stage.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// One run: its actors, its time, and every choice about them. One thread. Only a choice makes it different from
/// others.
class Run final : public Stage, public Surroundings {
public:
    explicit Run(Workshop& workshop) : Stage{workshop} {}
    ~Run() override { leave(); }

    [[nodiscard]] Registry& registry() noexcept { return workshop().registry; }
    [[nodiscard]] History& history() noexcept { return workshop().history; }
    [[nodiscard]] Places& places() noexcept { return workshop().places; }

    /// Plays the run: faults may happen from `prepare` on, which sends what is sent before anybody receives.
    template <class Prepare>
    void play(const Prepare& prepare) {
        outer_ = std::exchange(surroundings, this);
        is_going_ = true;
        prepare();
        go();
        end();
        leave();
    }

    /// Whether anything may go other than best now: not before the run, not for the scenario, not when all is over.
    [[nodiscard]] bool offers() noexcept { return current() != nullptr && is_going_ && !current()->is_ending; }

    /// Messages that arrived at an actor.
    void count_deliveries(std::size_t count) noexcept { deliveries_ += count; }
    [[nodiscard]] std::size_t deliveries() const noexcept { return deliveries_; }

    /// Whether this kind of fault may happen now.
    [[nodiscard]] bool offers(Fault fault) noexcept { return offers() && settings().offered.contains(fault); }

    /// The current actor begins a call. Returns false if nothing may happen any more: it crashed, and its stack is
    /// being unwound.
    [[nodiscard]] bool enter() {
        if (current() == nullptr) {
            return true;
        }
        if (current()->is_fenced || current()->must_end) {
#if SQSIM_EXCEPTIONS
            if (std::uncaught_exceptions() > 0) {
                return false;
            }
#endif
            if (current()->is_fenced) {
                swallow_crash();
            }
            halt();
            return false;
        }
        if (++steps_ > settings().maximum_steps) {
            fail("the run did not come to rest within " + std::to_string(settings().maximum_steps) +
                 " steps: " + current()->name + " is in an endless loop");
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
        Faults possible = harm ? possible_harm() : Faults{};
        for (const Option& option : kinds) {
            possible = possible.with(option.fault);
        }
        possible = possible.common(settings().offered);
        return workshop().chooser.comes_to(place, subject, possible) ? choose(place, subject, kinds, possible)
                                                                     : Option{};
    }

    /// Makes a step part of what tells this run from another.
    void note(std::uint64_t what, std::uint64_t how) noexcept {
        // Two multiplications are enough to tell runs apart; a run has a hundred steps.
        const std::uint64_t step =
            (what ^ std::rotl((how + static_cast<std::uint64_t>(now().count())) * 0x9e37'79b9'7f4a'7c15U, 29));
        hash_ = (std::rotl(hash_, 23) ^ step) * 0xbf58'476d'1ce4'e5b9U;
        if (workshop().log != nullptr) {
            workshop().log->push_back(step);
        }
    }
    [[nodiscard]] std::uint64_t hash() const noexcept { return sqsim::detail::mix64(hash_); }

    /// A coroutine suspended itself: others go first.
    void take_turns() {
        if (enter()) {
            at(reached("await", current()->subject), current()->subject, {}, true);
            let_others_go_first();
        }
    }

    // Surroundings: what `sim::point` and its kin do.

    void point(std::string_view name, const MessageId* message) override {
        if (current() == nullptr || !enter()) {
            return;
        }
        const Subject subject =
            message != nullptr ? registry().subject(registry().message(*message)) : current()->subject;
        story().tell(*current(), TimelineStep::Kind::point, subject, [&] { return "point " + std::string{name}; });
        at(reached(name, subject), subject, {}, true);
    }

    EffectOutcome effect(std::string_view name) override {
        if (current() == nullptr || !enter()) {
            return EffectOutcome::done;
        }
        story().tell(*current(), TimelineStep::Kind::point, current()->subject,
                     [&] { return "effect " + std::string{name}; });
        const Option option = at(reached(name, current()->subject), current()->subject,
                                 {{Fault::effect_fails}, {Fault::effect_unknown}}, true);
        return option.fault == Fault::effect_fails     ? EffectOutcome::failed
               : option.fault == Fault::effect_unknown ? EffectOutcome::unknown
                                                       : EffectOutcome::done;
    }

    void sleep_for(Nanos time) override {
        if (current() == nullptr || !enter()) {
            return;
        }
        story().tell(*current(), TimelineStep::Kind::point, current()->subject, [&] { return std::string{"sleep"}; });
        story().lasts_until(*current(), now() + time);
        sleep_until(now() + time);
    }

    Nanos clock_error() override {
        if (current() == nullptr || !enter()) {
            return Nanos::zero();
        }
        const Option option = at(reached("clock", current()->subject), current()->subject,
                                 {{Fault::clock_ahead}, {Fault::clock_behind}}, false);
        return option.fault == Fault::clock_ahead    ? settings().clock_error
               : option.fault == Fault::clock_behind ? -settings().clock_error
                                                     : Nanos::zero();
    }

private:
    void leave() noexcept {
        if (is_going_) {
            is_going_ = false;
            surroundings = std::exchange(outer_, nullptr);
        }
    }

    /// The number of a place in the user's code, which becomes part of what tells this run from another.
    [[nodiscard]] std::uint16_t reached(std::string_view name, Subject subject) {
        const std::uint16_t place = places().number(name);
        note(Address{place, 0, subject}.bits(), 0);
        return place;
    }

    /// Chooses, and brings about what concerns the current actor itself. Returns the rest. Apart from `at` because most
    /// runs come here once or twice.
    [[gnu::noinline]] Option choose(std::uint16_t place, Subject subject, std::span<const Option> kinds,
                                    Faults possible) {
        offer(kinds, possible);
        const Option option = workshop().chooser.choose();
        if (option.fault != Fault::none) {
            note(Address{place, 0, subject}.bits(), static_cast<std::uint64_t>(option.fault));
        }
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
            story().deviates(*current(), option.fault);
            let_others_go_first();
            break;
        default:
            story().deviates(*current(), option.fault);
            return option;
        }
        return {};
    }

    /// What may happen to the current actor itself.
    [[nodiscard]] Faults possible_harm() {
        if (!current()->has_stack) {
            return {};
        }
        Faults harm = Fault::crash;
        if (is_anyone_ready()) {
            harm = harm.with(Fault::preempt);
        }
        if (settings().stalls_at_all_deadlines ? !deadlines().empty() : current()->last_deadline(now()).has_value()) {
            harm = harm.with(Fault::stall);
        }
        return harm;
    }

    /// Offers what is possible: of these kinds, and to the current actor itself.
    void offer(std::span<const Option> kinds, Faults possible) {
        Chooser& chooser = workshop().chooser;
        for (const Option& option : kinds) {
            if (possible.contains(option.fault)) {
                chooser.offer(option);
            }
        }
        if (possible.contains(Fault::preempt)) {
            chooser.offer({Fault::preempt});
        }
        if (possible.contains(Fault::stall)) {
            const bool all = settings().stalls_at_all_deadlines;
            const std::size_t instants = all ? std::min<std::size_t>(3 * deadlines().size(), 250) : 0;
            for (std::size_t i = 1; i <= instants; ++i) {
                chooser.offer({Fault::stall, static_cast<std::uint8_t>(i)});
            }
            if (!all) {
                chooser.offer({Fault::stall});
            }
        }
        if (possible.contains(Fault::crash)) {
            chooser.offer({Fault::crash});
        }
    }

    /// The instants ahead at which something changes by itself, each once.
    [[nodiscard]] const std::vector<Nanos>& deadlines() {
        deadlines_.clear();
        for (const QueueInWorld* queue : queues()) {
            queue->add_deadlines(deadlines_, settings().offered.contains(Fault::retention_ends));
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
            parameter == 0 ? *current()->last_deadline(now()) + just_after
                           : deadlines()[(parameter - 1) / 3] + Nanos{static_cast<Nanos::rep>((parameter - 1) % 3) - 1};
        story().stalls(*current(), until);
        sleep_until(until);
    }

    void crash() {
        story().deviates(*current(), Fault::crash);
        current()->is_fenced = true;
        end_incarnation();
    }

    Surroundings* outer_ = nullptr;
    std::vector<Nanos> deadlines_{};
    std::uint64_t hash_ = 0;
    std::size_t steps_ = 0;
    std::size_t deliveries_ = 0;
    bool is_going_ = false;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
