// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/fast_clear_map.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

struct Actor;

/// Chooses where no plan does: by chance, or by the bytes of a fuzzer.
class Strategy {
public:
    Strategy() = default;
    Strategy(const Strategy&) = delete;
    Strategy& operator=(const Strategy&) = delete;
    virtual ~Strategy() = default;

    /// Returns 0, or the number of an alternative from 1 on.
    [[nodiscard]] virtual std::size_t choose(std::span<const Alternative> alternatives) = 0;

    /// Whether it chooses who goes on, too: then it is told of each step.
    [[nodiscard]] virtual bool schedules() const noexcept { return false; }
    /// The current actor has come to a site where any of those that are ready may go on instead.
    virtual void at_site(const Actor& /*current*/, std::span<Actor* const> /*ready*/) {}
    /// The last actor has ended its turn, and one of those that are ready goes on. It is null at the beginning.
    virtual void at_switch(const Actor* /*last*/, std::span<Actor* const> /*ready*/) {}
};

/// Makes the choices of an execution: what its plan says, else the fault-free alternative.
class ChoicePath {
public:
    /// A choice that an execution reached.
    struct ChoicePoint {
        ChoiceId id;
        std::uint32_t first_alternative;
        std::uint16_t alternatives;
        std::uint16_t chosen;  // 0: the fault-free one; else the number of an alternative from 1 on
        std::uint32_t step;    // how many steps the timeline had
    };

    /// Begins an execution. The plan and the strategy, which may be null, stay where they are until it ends. An
    /// execution whose choices nobody asks for remembers only those that its plan names, and is faster for it.
    void begin(std::span<const PackedFault> plan, Strategy* strategy, bool remembers_all) {
        plan_ = plan;
        strategy_ = strategy;
        scheduler_ = strategy != nullptr && strategy->schedules() ? strategy : nullptr;
        remembers_all_ = remembers_all || strategy != nullptr;
        followed_ = 0;
        seen_.assign(plan.size(), 0);
        if (remembers_all_) {
            occurrences_.clear();
        }
        points_.clear();
        alternatives_.clear();
        offered_ = 0;
        reached_free_choice_ = false;
    }

    /// The strategy, if it chooses who goes on; else null.
    [[nodiscard]] Strategy* scheduler() const noexcept { return scheduler_; }

    /// The last actor has ended its turn, and one of those that are ready goes on.
    void end_turn(const Actor* last, std::span<Actor* const> ready) {
        if (scheduler_ != nullptr) {
            scheduler_->at_switch(last, ready);
        }
    }

    /// The execution reaches a choice at a site about a message, among these kinds. Returns false if the fault-free
    /// alternative is chosen without further ado; else the alternatives are to be added, and then chosen from.
    [[nodiscard]] bool reach(SiteNumber site, Subject subject, Faults kinds) {
        if (site >= kinds_.size()) {
            kinds_.resize(site + std::size_t{1});
        }
        kinds_[site] = kinds_[site].with(kinds);
        reached_free_choice_ = reached_free_choice_ || kinds.contains(Fault::free_choice);
        planned_ = nullptr;
        if (followed_ != plan_.size()) {
            look_into_plan(site, subject);
        }
        if (remembers_all_) {
            const std::uint32_t times = ++occurrences_[std::uint64_t{site} << 32 | subject];
            id_ = {site, static_cast<std::uint16_t>(times), subject};
        }
        return remembers_all_ || planned_ != nullptr;
    }

    void add_alternative(Alternative alternative) { alternatives_.push_back(alternative); }

    /// Chooses between the fault-free alternative and those that were added. Returns the chosen one; its fault is
    /// `none` for the fault-free one. `step`: how many steps the timeline has.
    [[nodiscard]] Alternative choose(std::size_t step) {
        const std::size_t first = std::exchange(offered_, alternatives_.size());
        const std::span<const Alternative> alternatives = std::span{alternatives_}.subspan(first);
        if (alternatives.empty()) {
            return {};
        }
        std::size_t chosen = 0;
        if (planned_ != nullptr) {
            const auto found =
                std::find_if(alternatives.begin(), alternatives.end(), [&](const Alternative& alternative) {
                    return is_meant(planned_->alternative, alternative);
                });
            if (found != alternatives.end()) {
                chosen = static_cast<std::size_t>(found - alternatives.begin()) + 1;
                ++followed_;
            }
        }
        if (strategy_ != nullptr) {
            chosen = strategy_->choose(alternatives);
        }
        points_.push_back({id_, static_cast<std::uint32_t>(first), static_cast<std::uint16_t>(alternatives.size()),
                           static_cast<std::uint16_t>(chosen), static_cast<std::uint32_t>(step)});
        return chosen == 0 ? Alternative{} : alternatives[chosen - 1];
    }

    /// The kinds that came up at a site in any execution since the last call of `forget_kinds`.
    [[nodiscard]] std::span<const Faults> kinds() const noexcept { return kinds_; }
    void forget_kinds() noexcept { kinds_.clear(); }
    /// The same for the sites from this number on.
    void forget_kinds_from(std::size_t site) { kinds_.resize(std::min(kinds_.size(), site)); }
    /// Adds the kinds that came up in executions of another path.
    void add_kinds(std::span<const Faults> kinds) {
        kinds_.resize(std::max(kinds_.size(), kinds.size()));
        for (std::size_t site = 0; site < kinds.size(); ++site) {
            kinds_[site] = kinds_[site].with(kinds[site]);
        }
    }

    /// The choices that the execution reached so far and remembers, in their order.
    [[nodiscard]] const std::vector<ChoicePoint>& points() const noexcept { return points_; }
    [[nodiscard]] PackedFault packed(const ChoicePoint& point, std::size_t alternative) const noexcept {
        return {point.id, alternatives_[point.first_alternative + alternative]};
    }

    /// The faults that really happened, in their order.
    [[nodiscard]] std::vector<PackedFault> taken() const {
        std::vector<PackedFault> result;
        for (const ChoicePoint& point : points_) {
            if (point.chosen != 0) {
                result.push_back(packed(point, point.chosen - 1U));
            }
        }
        return result;
    }

    /// Whether the execution reached a choice of the user's own.
    [[nodiscard]] bool reached_free_choice() const noexcept { return reached_free_choice_; }

    /// Whether the execution reached every fault of its plan.
    [[nodiscard]] bool followed_plan() const noexcept { return followed_ == plan_.size(); }

private:
    /// By the word: a token does not tell kinds that share one, which no site offers together.
    [[nodiscard]] static bool is_meant(const Alternative& planned, const Alternative& offered) noexcept {
        if (planned.fault == Fault::free_choice || offered.fault == Fault::free_choice) {
            return planned.fault == offered.fault && planned.label == offered.label;
        }
        return planned.parameter == offered.parameter && info(planned.fault).word == info(offered.fault).word;
    }

    void look_into_plan(SiteNumber site, Subject subject) {
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            const PackedFault& planned = plan_[i];
            if (planned.choice.site == site && planned.choice.subject == subject &&
                ++seen_[i] == planned.choice.occurrence) {
                planned_ = &planned;
                id_ = planned.choice;
            }
        }
    }

    std::span<const PackedFault> plan_{};
    Strategy* strategy_ = nullptr;
    Strategy* scheduler_ = nullptr;  // the same, if it chooses who goes on
    bool remembers_all_ = true;
    std::size_t followed_ = 0;
    std::vector<std::uint16_t> seen_{};     // for each of the plan, how often its site was reached about its message
    const PackedFault* planned_ = nullptr;  // what the plan says of the choice that is being made
    ChoiceId id_{};                         // of that choice
    std::vector<Faults> kinds_{};           // by site
    FastClearMap occurrences_{};            // if all is remembered
    std::vector<ChoicePoint> points_{};
    std::vector<Alternative> alternatives_{};  // of all choices so far, and of the next
    std::size_t offered_ = 0;                  // where those of the next begin
    bool reached_free_choice_ = false;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
