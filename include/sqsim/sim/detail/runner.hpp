// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/check_history.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/notes.hpp"
#include "sqsim/sim/detail/run.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/world.hpp"

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// What a run came to.
struct Outcome {
    std::string violation{};
    std::uint64_t hash = 0;
    bool followed = true;  // every deviation of the plan came about
};

/// Runs a scenario under one plan after the other.
class Runner {
public:
    using Scenario = std::function<void(World&)>;

    Runner(const Settings& settings, const Scenario& scenario) : scenario_{scenario} { workshop_.settings = settings; }

    /// Runs a plan, or what a decider says, and checks the history. Complexity: that of the scenario.
    Outcome run(std::span<const Planned> plan, Decider* decider = nullptr) { return run(plan, decider, false); }

    /// The same for a plan of which others are to be made: the chooser remembers every choice that came up.
    Outcome run_and_remember(std::span<const Planned> plan) { return run(plan, nullptr, true); }

    /// Runs a plan that does not count: it was run before, or says more about one that was.
    Outcome run_again(std::span<const Planned> plan) {
        Outcome outcome = run(plan);
        --runs_;
        return outcome;
    }

    /// Runs a plan and writes down its story.
    Outcome tell(std::span<const Planned> plan, Timeline& timeline) {
        timeline = {};
        workshop_.timeline = &timeline;
        Outcome outcome = run_again(plan);
        workshop_.timeline = nullptr;
        return outcome;
    }

    /// The same, and what tells its steps from those of another run.
    Outcome tell(std::span<const Planned> plan, Timeline& timeline, std::vector<std::uint64_t>& steps) {
        steps.clear();
        workshop_.log = &steps;
        Outcome outcome = tell(plan, timeline);
        workshop_.log = nullptr;
        return outcome;
    }

    [[nodiscard]] Workshop& workshop() noexcept { return workshop_; }
    [[nodiscard]] Chooser& chooser() noexcept { return workshop_.chooser; }
    [[nodiscard]] const Notes& notes() const noexcept { return notes_; }
    [[nodiscard]] std::size_t runs() const noexcept { return runs_; }
    [[nodiscard]] std::size_t swallowed_crashes() const noexcept { return swallowed_; }

private:
    Outcome run(std::span<const Planned> plan, Decider* decider, bool remembers_all) {
        ++runs_;
        notes_.is_fault_free = plan.empty() && decider == nullptr;
        Outcome outcome;
        if (run_once(plan, decider, remembers_all, outcome)) {
            return outcome;
        }
        // Code that swallows its crash went on where a process would not have: that run counts for nothing.
        ++swallowed_;
        const std::vector<Planned> taken = workshop_.chooser.taken();
        workshop_.settings.abandons = true;
        outcome = {};
        static_cast<void>(run_once(decider != nullptr ? std::span{taken} : plan, nullptr, remembers_all, outcome));
        workshop_.settings.abandons = false;
        return outcome;
    }

    /// Returns false if the run counts for nothing.
    bool run_once(std::span<const Planned> plan, Decider* decider, bool remembers_all, Outcome& outcome) {
        const sqsim::detail::SpareMemory::Use use{workshop_.spare_memory};
        workshop_.chooser.begin(plan, decider, remembers_all);
        Run run{workshop_};
        {
            World world{run, notes_};
            call(run, world);
        }
        if (run.swallowed_crash() && !workshop_.settings.abandons) {
            return false;
        }
        outcome.followed = workshop_.chooser.followed_plan();
        outcome.hash = run.hash();
        outcome.violation = run.violation();
        if (outcome.violation.empty() && !notes_.ran) {
            outcome.violation = "the scenario never calls run(): nothing was simulated";
        }
        if (outcome.violation.empty()) {
            const HistoryVerdict& verdict = checker_.check(workshop_.history, CheckOptions::exact());
            if (!verdict.ok()) {
                outcome.violation =
                    "the simulated queue broke its contract (a bug of sqsim: please report it with the token): " +
                    verdict.findings.front().text;
            }
        }
        return true;
    }

    void call(Run& run, World& world) {
#if SQSIM_EXCEPTIONS
        try {
            scenario_(world);
        } catch (const std::exception& error) {
            run.fail("the scenario itself ended with an error: " + std::string{error.what()});
        }
#else
        static_cast<void>(run);
        scenario_(world);
#endif
    }

    const Scenario& scenario_;
    Workshop workshop_{};
    Notes notes_{};
    HistoryChecker checker_{};
    std::size_t runs_ = 0;
    std::size_t swallowed_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
