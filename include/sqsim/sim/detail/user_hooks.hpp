// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/point.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What `sim::point` and its kin do in an execution.
class UserHooks final : public SimulationHooks {
public:
    explicit UserHooks(Execution& execution) noexcept : execution_{execution} {}

    void point(std::string_view name, const MessageId* message) override {
        return execution_.noting_shortage([&]() -> void {
            if (!enters()) {
                return;
            }
            if (message != nullptr) {
                const std::uint32_t number = execution_.ids().message(*message);
                execution_.client().current = {execution_.client().current.queue, number,
                                               execution_.ids().subject(number)};
            }
            execution_.add_step(TimelineStep::Kind::point, subject(), [&] { return "point " + std::string{name}; });
            reach_named(name, harm_after);
        });
    }

    EffectOutcome begin_effect(std::string_view name) override {
        return execution_.noting_shortage([&]() -> EffectOutcome {
            if (execution_.scheduler().current() == nullptr) {
                return EffectOutcome::done;
            }
            if (!execution_.enter()) {
                return EffectOutcome::failed;  // a dead process has no effect
            }
            execution_.add_step(TimelineStep::Kind::point, subject(), [&] { return "effect " + std::string{name}; });
            const Fault fault =
                execution_.choose(named(name), subject(), {Fault::effect_fails, Fault::effect_unknown}, harm_before)
                    .fault;
            return fault == Fault::effect_fails     ? EffectOutcome::failed
                   : fault == Fault::effect_unknown ? EffectOutcome::unknown
                                                    : EffectOutcome::done;
        });
    }
    void end_effect(std::string_view name) override {
        return execution_.noting_shortage([&]() -> void {
            if (!enters()) {
                return;
            }
            effect_site_.assign(name);
            effect_site_ += "-done";
            reach_named(effect_site_, harm_after);
        });
    }

    void sleep_for(Nanos time) override {
        return execution_.noting_shortage([&]() -> void {
            if (!enters()) {
                return;
            }
            execution_.add_step(TimelineStep::Kind::point, subject(), [] { return std::string{"sleep"}; });
            execution_.timeline().lasts_until(execution_.client_index(),
                                              sqsim::detail::saturating_add(execution_.now(), time));
            execution_.spend(time, Site::sleep, Site::asleep);
            execution_.reach(Site::slept);
        });
    }

    Nanos clock_error() override {
        return execution_.noting_shortage([&]() -> Nanos {
            if (!enters()) {
                return Nanos::zero();
            }
            const Fault fault =
                execution_.choose(number_of(Site::clock), subject(), {Fault::clock_ahead, Fault::clock_behind}, {})
                    .fault;
            return fault == Fault::clock_ahead    ? execution_.settings().clock_error
                   : fault == Fault::clock_behind ? -execution_.settings().clock_error
                                                  : Nanos::zero();
        });
    }

    void deadline(std::string_view name, Nanos until) override {
        return execution_.noting_shortage([&]() -> void {
            if (!enters()) {
                return;
            }
            execution_.instants().add_user_deadline(until);
            execution_.add_step(TimelineStep::Kind::point, subject(),
                                [&] { return "deadline " + std::string{name} + " at " + instant_text(until); });
        });
    }

    std::size_t choose(std::string_view name, std::span<const std::string_view> alternatives) override {
        return execution_.noting_shortage([&]() -> std::size_t {
            if (execution_.scheduler().current() == nullptr || alternatives.empty() || !execution_.enter()) {
                return 0;
            }
            const std::size_t chosen = choose_freely(name, alternatives);
            execution_.add_step(TimelineStep::Kind::point, subject(),
                                [&] { return std::string{name} + ": " + std::string{alternatives[chosen]}; });
            if (chosen != 0) {
                execution_.timeline().mark_choice(execution_.client_index(),
                                                  "choose: " + std::string{alternatives[chosen]});
            }
            return chosen;
        });
    }

    bool fails(std::string_view name) override {
        return execution_.noting_shortage([&]() -> bool {
            if (!enters()) {
                return false;
            }
            execution_.add_step(TimelineStep::Kind::point, subject(), [&] { return "call " + std::string{name}; });
            return execution_.choose(named(name), subject(), Fault::call_fails, harm_before).fault == Fault::call_fails;
        });
    }

    void look_at(const MessageRef& message) noexcept override { execution_.look_at(message); }

    void note(std::string_view text) override {
        return execution_.noting_shortage([&]() -> void {
            if (execution_.scheduler().current() != nullptr &&
                execution_.scheduler().current()->state != ActorState::ended) {
                execution_.add_step(TimelineStep::Kind::point, subject(), [&] { return std::string{text}; });
            }
        });
    }

private:
    /// Whether an actor takes a step; not the scenario itself, and no process that has ended.
    [[nodiscard]] bool enters() { return execution_.scheduler().current() != nullptr && execution_.enter(); }
    [[nodiscard]] Subject subject() const noexcept { return execution_.client().current.subject; }

    /// The number of a site in the user's code, which becomes part of what tells this execution from others.
    [[nodiscard]] SiteNumber named(std::string_view name) {
        const SiteNumber site = execution_.sites().number(name);
        execution_.mix_into_hash(ChoiceId{site, 0, subject()}.bits(), 0);
        return site;
    }
    void reach_named(std::string_view name, Faults harm) {
        static_cast<void>(execution_.choose(named(name), subject(), {}, harm));
    }

    [[nodiscard]] std::size_t choose_freely(std::string_view name, std::span<const std::string_view> alternatives) {
        const SiteNumber site = named(name);
        const auto add = [&](ChoicePath& path) {
            for (std::size_t i = 1; i < alternatives.size() && i <= Execution::most_alternatives; ++i) {
                path.add_alternative(
                    {Fault::free_choice, static_cast<std::uint8_t>(i), execution_.sites().number(alternatives[i])});
            }
        };
        const Alternative chosen = execution_.choose_of(Fault::free_choice, site, subject(), add);
        if (chosen.parameter != 0) {
            execution_.mix_into_hash(ChoiceId{site, 0, subject()}.bits(), chosen.parameter);
            on_fault(alternatives[chosen.parameter]);
        }
        return chosen.parameter;
    }

    Execution& execution_;
    std::string effect_site_{};  // the name of the site after an effect
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
