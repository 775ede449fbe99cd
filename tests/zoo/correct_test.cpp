// SPDX-License-Identifier: MIT
#include "catch.hpp"
#include "zoo/correct.hpp"

#include <sqsim/sim/explore.hpp>

#include <iterator>

// What is correct is not accused of anything, and the runs that say so mean something.

TEST_CASE("there are correct consumers in the zoo", "[zoo]") { CHECK(std::size(zoo::correct) >= 12); }

TEST_CASE("no correct consumer of the zoo is accused", "[zoo]") {
    for (const zoo::TameAnimal& animal : zoo::correct) {
        sqsim::sim::ExploreOptions options;
        options.name = animal.name;
        options.faults = animal.faults;
        const sqsim::sim::Report report = sqsim::sim::explore(options, animal.scenario);
        INFO(report);
        CHECK(report.ok());
        CHECK(report.warnings.size() <= 1);
    }
}
