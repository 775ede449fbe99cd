// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/rng.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Probabilistic concurrency testing: each actor has a random priority, and of those that are ready always the one with
/// the highest goes on. At `depth` - 1 steps, drawn from the first `steps`, the priority of the actor that took the
/// step falls below all others. Faults are another strategy's to choose, or do not happen.
///
/// An actor that gives way by itself counts as ready only when those that were ready before it have had their turn:
/// code that asks again and again would otherwise keep the others from what it waits for.
class PriorityStrategy final : public Strategy {
public:
    PriorityStrategy(std::uint64_t seed, std::uint64_t execution, std::size_t depth, std::size_t steps,
                     Strategy* faults)
        : random_{sqsim::detail::mix64(seed + 0x5052'494fU) ^ sqsim::detail::mix64(execution + 1)}, faults_{faults} {
        for (std::size_t i = 1; i < depth && steps != 0; ++i) {
            changes_.push_back(1 + random_.next() % steps);
        }
    }

    [[nodiscard]] bool schedules() const noexcept override { return true; }

    void at_site(const Actor& current, std::span<Actor* const> ready) override {
        end_step(current);
        is_at_site_ = true;
        preferred_.reset();
        const std::size_t best = best_of(ready);
        if (best != ready.size() && priority_of(*ready[best]) > priority_of(current)) {
            preferred_ = best;
        }
    }

    void at_switch(const Actor* last, std::span<Actor* const> ready) override {
        if (!std::exchange(was_preempted_, false) && last != nullptr) {
            end_step(*last);
        }
        is_at_site_ = false;
        preferred_.reset();
        if (const std::size_t best = best_of(ready); best != 0) {
            preferred_ = best;
        }
    }

    [[nodiscard]] std::size_t choose(std::span<const Alternative> alternatives) override {
        // A preemption is the last of the kinds that a site offers.
        const auto preemptions = std::find_if(alternatives.begin(), alternatives.end(), [](const Alternative& offered) {
            return offered.fault == Fault::preempt;
        });
        if (const auto preferred = std::exchange(preferred_, std::nullopt)) {
            for (auto offered = preemptions; offered != alternatives.end(); ++offered) {
                if (offered->parameter == *preferred) {
                    was_preempted_ = is_at_site_;
                    return static_cast<std::size_t>(offered - alternatives.begin()) + 1;
                }
            }
        }
        const std::span others{alternatives.begin(), preemptions};
        return faults_ != nullptr && !others.empty() ? faults_->choose(others) : 0;
    }

    /// How many steps the actors have taken, and how many actors there were.
    [[nodiscard]] std::size_t steps() const noexcept { return steps_; }
    [[nodiscard]] std::size_t actors() const noexcept { return actors_; }

private:
    void end_step(const Actor& actor) {
        ++steps_;
        for (std::size_t i = 0; i < changes_.size(); ++i) {
            if (changes_[i] == steps_) {
                priority_of(actor) = i + 1;  // below all that are drawn
            }
        }
    }

    /// The place of the one that goes on; the number of actors if there is none.
    [[nodiscard]] std::size_t best_of(std::span<Actor* const> ready) {
        std::size_t best = ready.size();
        for (std::size_t i = 0; i < ready.size(); ++i) {
            const bool lets_others_go = ready[i]->gives_way && i != 0;
            if (!lets_others_go && (best == ready.size() || priority_of(*ready[i]) > priority_of(*ready[best]))) {
                best = i;
            }
        }
        return best;
    }

    /// Drawn when the actor is first seen.
    [[nodiscard]] std::uint64_t& priority_of(const Actor& actor) {
        if (actor.index >= priorities_.size()) {
            priorities_.resize(actor.index + 1);
        }
        std::uint64_t& priority = priorities_[actor.index];
        if (priority == 0) {
            priority = random_.next() | std::uint64_t{1} << 63;
            ++actors_;
        }
        return priority;
    }

    sqsim::detail::SplitMix random_;
    Strategy* faults_;
    std::vector<std::uint64_t> changes_{};     // the steps after which a priority falls
    std::vector<std::uint64_t> priorities_{};  // by the actor's index; 0: not drawn yet
    std::optional<std::size_t> preferred_{};   // the place of the actor that is to go on instead
    bool is_at_site_ = false;
    bool was_preempted_ = false;  // the step before the next switch has been counted
    std::size_t steps_ = 0;
    std::size_t actors_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
