// SPDX-License-Identifier: MIT
#pragma once

// Runs random programs on a queue and on its model, as tests/model/model_test.cpp does, but in a program that is small
// enough to be compiled for every mutant. Ends with the first difference, which kills the mutant.

#include "model/driver.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace mutants {

/// Returns: the exit code of the program. 0: no difference. 1: one, which is printed.
template <class Kind>
int compare(const std::vector<model::Configuration>& configurations,
            model::Compare compared = model::Compare::everything) {
    constexpr std::uint64_t programs = 400;
    for (std::uint64_t seed = 1; seed <= programs; ++seed) {
        for (const model::Configuration& configuration : configurations) {
            const auto program = model::random_program(seed, seed % 16 == 0 ? 1'200 : 150);
            const model::Outcome outcome = model::run<Kind>(configuration, program, false, compared);
            if (outcome.mismatch) {
                std::printf("%s, program %u, operation %zu: %s\n", configuration.name, static_cast<unsigned>(seed),
                            outcome.mismatch->operation, outcome.mismatch->text.c_str());
                return EXIT_FAILURE;
            }
        }
    }
    return EXIT_SUCCESS;
}

}  // namespace mutants
