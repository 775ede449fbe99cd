// SPDX-License-Identifier: MIT
#pragma once

// Lets each allocation of programs fail in turn, as the tests of tests/failure do, but in a program that is small
// enough to be compiled for every mutant. Ends with the first problem, which kills the mutant.

#define SQSIM_WATCHES_COMMITS 1

#include "failure/world.hpp"
#include "watched_memory.cpp"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace mutants {

/// Returns: the exit code of the program. 0: no problem. 1: one, which is printed.
template <class World>
int run_out_of_memory() {
    for (const auto& program : failing::programs<World>()) {
        failing::run_all(program, [&](std::uint64_t n, const failing::Problems& problems) {
            if (!problems.empty()) {
                std::printf("%s, allocation %llu: %s\n", program.name, static_cast<unsigned long long>(n),
                            problems.front().c_str());
                std::exit(EXIT_FAILURE);
            }
        });
    }
    return EXIT_SUCCESS;
}

}  // namespace mutants
