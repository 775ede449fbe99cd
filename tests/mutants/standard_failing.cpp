// SPDX-License-Identifier: MIT

// What tests/failure/standard_test.cpp does, and the wheel without memory of parts_test.cpp.

#include "mutants/failing_gate.hpp"

#include "failure/starved_wheel.hpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>

int main() {
    for (const std::uint64_t spread : {std::uint64_t{3}, std::uint64_t{5'000}, std::uint64_t{1} << 50}) {
        if (const auto wrong = failing::out_of_order(spread, true); wrong != 0) {
            std::printf("%zu timers come out of order without memory\n", wrong);
            return EXIT_FAILURE;
        }
    }
    return mutants::run_out_of_memory<failing::StandardWorld<std::mutex, std::string>>() != EXIT_SUCCESS
               ? EXIT_FAILURE
               : mutants::run_out_of_memory<failing::StandardWorld<sqsim::NullMutex, std::string>>();
}
