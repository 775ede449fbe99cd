// SPDX-License-Identifier: MIT

// A program of its own: explores and samples as many random worlds as asked for, and prints each of them in which the
// simulation is said to have broken the contract of the service.
//
//     sqsim_fuzz_worlds [first seed = 0] [count = 1000] [full]
//
// With "full" it also prints the plan of each world and both reports.

#include "sim/world_fuzzer.hpp"

#include <chrono>
#include <cinttypes>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <string>
#include <string_view>

using namespace world_fuzzer;

int main(int argc, char** argv) {
    const std::uint64_t first = argc > 1 ? std::strtoull(argv[1], nullptr, 0) : 0;
    const std::uint64_t count = argc > 2 ? std::strtoull(argv[2], nullptr, 0) : 1'000;
    const bool is_full = argc > 3 && std::string_view{argv[3]} == "full";
    std::uint64_t accused = 0;
    std::uint64_t different = 0;
    std::uint64_t plans = 0;
    std::map<std::string, std::uint64_t> verdicts;
    const auto begin = std::chrono::steady_clock::now();
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
        const WorldPlan plan = draw_world(seed);
        if (is_full) {
            std::fputs(to_text(plan).c_str(), stdout);
            std::fflush(stdout);
        }
        const Judged judged = judge(plan);
        plans += judged.explored.plans_run() + judged.sampled.plans_run();
        for (const Report* report : {&judged.explored, &judged.sampled}) {
            const std::string headline = report->headline();
            ++verdicts[accuses_simulation(*report) ? std::string{"ACCUSED"} : headline.substr(0, headline.find(' '))];
        }
        if (is_full) {
            std::fputs((judged.explored.to_string() + judged.sampled.to_string()).c_str(), stdout);
        }
        if (const Report* const accusation = judged.accusation()) {
            ++accused;
            std::printf("%s  %s\n  token: %s\n", to_text(plan).c_str(), accusation->problem.c_str(),
                        accusation->replay_token().c_str());
        }
        if (seed % 20 == 0 && !(judge(plan) == judged)) {
            ++different;
            std::printf("%s  ends differently when it is run again\n", to_text(plan).c_str());
        }
        std::fflush(stdout);
    }
    const std::chrono::duration<double> real = std::chrono::steady_clock::now() - begin;
    for (const auto& [verdict, times] : verdicts) {
        std::printf("%s: %" PRIu64 "\n", verdict.c_str(), times);
    }
    std::printf("%" PRIu64 " worlds, %" PRIu64 " plans, %" PRIu64 " broke the contract, %" PRIu64
                " not deterministic, %.1f s\n",
                count, plans, accused, different, real.count());
    return accused + different == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
