// SPDX-License-Identifier: MIT

// Every allocation of programs with standard queues fails, one in each run: world.hpp says what must hold then.

#include "failure/world.hpp"

#include "catch.hpp"

TEMPLATE_TEST_CASE("whatever allocation fails, a standard queue loses, doubles and leaks no message", "[failure]",
                   (failing::StandardWorld<sqsim::NullMutex, std::string>),
                   (failing::StandardWorld<std::mutex, std::string>),
                   (failing::StandardWorld<sqsim::LightMutex, std::string>),
                   (failing::StandardWorld<sqsim::NullMutex, failing::Typed>),
                   (failing::StandardWorld<std::mutex, failing::Typed>)) {
    for (const auto& program : failing::programs<TestType>()) {
        const std::size_t runs = failing::run_all(program, [&](std::uint64_t n, const failing::Problems& problems) {
            for (const std::string& problem : problems) {
                FAIL_CHECK(program.name << ", allocation " << n << ": " << problem);
            }
        });
        CHECK(runs > 5);
    }
}
