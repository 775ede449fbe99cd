// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "zoo/animal.hpp"
#include "zoo/correct.hpp"

#include <sqsim/sim/explore.hpp>

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <string>
#include <vector>

// Every bug of the zoo is found, by the smallest plan that there is; what is correct is not accused of anything.

using sqsim::sim::Fault;
using sqsim::sim::Report;
using sqsim::sim::Verdict;
using zoo::Animal;

namespace {

struct Captured {
    Animal animal;
    Report report;

    [[nodiscard]] std::size_t size() const {
        return static_cast<std::size_t>(animal.faults + animal.preemptions + animal.choices);
    }
};

[[nodiscard]] Report explore(const Animal& animal, int faults, int preemptions,
                             sqsim::sim::Faults offered = sqsim::sim::Faults::usual()) {
    sqsim::sim::ExploreOptions options;
    options.name = animal.name;
    options.faults = faults;
    options.preemptions = preemptions;
    options.offered = offered;
    return sqsim::sim::explore(options, animal.scenario);
}

/// All animals, and what an exploration of up to three faults found.
[[nodiscard]] const std::vector<Captured>& all() {
    static const std::vector<Captured> captured = [] {
        std::vector<Captured> result;
        for (const std::vector<Animal>& part : {zoo::consumers(), zoo::systems(), zoo::deployments()}) {
            for (const Animal& animal : part) {
                result.push_back({animal, explore(animal, 3, 1)});
            }
        }
        return result;
    }();
    return captured;
}

[[nodiscard]] std::ptrdiff_t count_with_faults(int faults) {
    return std::count_if(all().begin(), all().end(),
                         [faults](const Captured& captured) { return captured.animal.faults == faults; });
}

}  // namespace

// One test, for what all of its sections look at is found once.
TEST_CASE("the bugs of the zoo are found, by the smallest plans that there are", "[zoo]") {
    SECTION("the zoo has bugs that need one fault, two and three") {
        CHECK(all().size() >= 30);
        CHECK(count_with_faults(2) >= 5);
        CHECK(count_with_faults(3) >= 2);
    }

    SECTION("every bug of the zoo is found with at most three faults") {
        for (const Captured& captured : all()) {
            INFO(captured.report);
            CHECK(captured.report.verdict == Verdict::violated);
            CHECK(captured.report.minimal_faults() == captured.animal.faults);
            CHECK(captured.report.plan.size() == captured.size());
        }
    }

    SECTION("a bug of the zoo needs every fault of its plan") {
        for (const Captured& captured : all()) {
            const Animal& animal = captured.animal;
            if (animal.faults > 0) {
                const Report less = explore(animal, animal.faults - 1, 1);
                INFO(less);
                CHECK(less.ok());
            } else if (animal.preemptions > 0) {
                const Report less = explore(animal, 0, animal.preemptions - 1);
                INFO(less);
                CHECK(less.ok());
            }
        }
    }

    SECTION("a bug of the zoo is shown by the faults of its family alone") {
        for (const Captured& captured : all()) {
            const Animal& animal = captured.animal;
            const Report report = explore(animal, 3, 1, animal.family);
            INFO(report);
            CHECK(report.verdict == Verdict::violated);
            CHECK(report.plan.size() == captured.size());
        }
    }

    SECTION("the token of every bug of the zoo replays it") {
        for (const Captured& captured : all()) {
            INFO(captured.report);
            CHECK(captured.report.replay_token().size() <= 80);
            const Report again = sqsim::sim::replay(captured.report.replay_token(), captured.animal.scenario);
            CHECK(again.violation() == captured.report.violation());
        }
    }

    SECTION("random plans find the bugs of the zoo, and are made as small as they can be") {
        std::vector<std::size_t> shrink_runs;
        for (const Captured& captured : all()) {
            sqsim::sim::SampleOptions options;
            options.name = captured.animal.name;
            if (captured.report.notes.only_abandoned) {  // a sample runs its plans in one mode
                options.crash = sqsim::sim::CrashMode::abandon;
            }
            const Report report = sqsim::sim::sample(options, captured.animal.scenario);
            INFO(report);
            CHECK(report.verdict == Verdict::violated);
            CHECK(report.plan.size() == captured.size());
            shrink_runs.push_back(report.shrink_runs);
        }
        const auto middle = shrink_runs.begin() + static_cast<std::ptrdiff_t>(shrink_runs.size() / 2);
        std::nth_element(shrink_runs.begin(), middle, shrink_runs.end());
        CHECK(*middle <= 15);
    }
}

TEST_CASE("there are correct consumers in the zoo", "[zoo]") { CHECK(std::size(zoo::correct) >= 12); }

TEST_CASE("no correct consumer of the zoo is accused", "[zoo]") {
    for (const zoo::TameAnimal& animal : zoo::correct) {
        sqsim::sim::ExploreOptions options;
        options.name = animal.name;
        options.faults = animal.faults;
        const sqsim::sim::Report report = sqsim::sim::explore(options, animal.scenario);
        INFO(report);
        CHECK(report.ok());
        // Besides what the exploration did not look at: deadlines without a name, crashes in the second mode.
        const std::size_t not_looked_at = (report.notes.reads_clock ? 1U : 0U) + (report.notes.abandoned_all ? 0U : 1U);
        CHECK(report.warnings.size() - not_looked_at <= 1);
    }
}
