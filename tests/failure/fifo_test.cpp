// SPDX-License-Identifier: MIT

// Every allocation of programs with FIFO queues fails, one in each run: world.hpp says what must hold then.

#include "failure/world.hpp"

#include "catch.hpp"

TEMPLATE_TEST_CASE("whatever allocation fails, a FIFO queue loses, doubles and leaks no message", "[failure]",
                   (failing::FifoWorld<sqsim::NullMutex, std::string>), (failing::FifoWorld<std::mutex, std::string>),
                   (failing::FifoWorld<sqsim::LightMutex, std::string>),
                   (failing::FifoWorld<sqsim::NullMutex, failing::Typed>),
                   (failing::FifoWorld<std::mutex, failing::Typed>)) {
    for (const auto& program : failing::programs<TestType>()) {
        const std::size_t runs = failing::run_all(program, [&](std::uint64_t n, const failing::Problems& problems) {
            for (const std::string& problem : problems) {
                FAIL_CHECK(program.name << ", allocation " << n << ": " << problem);
            }
        });
        CHECK(runs > 5);
    }
}
