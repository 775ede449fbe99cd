// SPDX-License-Identifier: MIT

// A program of its own: compares queues and models for as many operations as asked for (10,000,000), over all
// configurations, and prints one number for everything that was observed, to be compared between compilers and flags.

#include "model/driver.hpp"

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace model;

struct Total {
    std::uint64_t operations = 0;
    std::uint64_t mismatches = 0;
    History history{};
};

template <class Kind>
void soak(const std::vector<Configuration>& configurations, std::uint64_t operations, std::uint64_t seed,
          Total& total) {
    constexpr std::size_t length = 5'000;
    for (const Configuration& configuration : configurations) {
        for (std::uint64_t done = 0; done < operations; done += length) {
            const Program program = random_program(++seed, length);
            // Who looks at a queue closes its fast path: half of the programs look seldom.
            const Compare compare = seed % 2 == 0 ? Compare::in_turns : Compare::seldom;
            const Outcome outcome = run<Kind>(configuration, program, false, compare);
            total.operations += outcome.operations;
            total.history.add(outcome.history);
            if (outcome.mismatch && ++total.mismatches <= 3) {
                std::printf("seed %" PRIu64 ": %s\n", seed, outcome.mismatch->text.c_str());
                std::fputs(check<Kind>(configuration, program, compare).c_str(), stdout);
            }
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    const std::uint64_t operations = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 10'000'000;
    const std::uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 0;
    Total total;
    const auto begin = std::chrono::steady_clock::now();
    soak<Standard>(standard_configurations(), operations / 6, seed, total);
    soak<Fifo>(fifo_configurations(), operations / 6, seed, total);
    const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begin;
    std::printf("%" PRIu64 " operations, %" PRIu64 " mismatches, history %016" PRIx64 ", %.1f s\n", total.operations,
                total.mismatches, total.history.hash(), real.count());
    return total.mismatches == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
