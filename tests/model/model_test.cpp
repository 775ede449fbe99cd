// SPDX-License-Identifier: MIT

// Catches any difference between a queue and the naive model of it, in any order of calls that chance finds: results,
// order, times, counts, metrics, handles, next events and what `peek` shows are compared after every call.

#include "catch.hpp"
#include "model/driver.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

using namespace model;

std::uint64_t number_from_environment(const char* name, std::uint64_t otherwise) {
    const char* text = std::getenv(name);
    return text != nullptr ? std::strtoull(text, nullptr, 0) : otherwise;
}

/// Runs many random programs in every configuration; the first difference, if there is one, is the result.
template <class Kind>
std::string check_random_programs(const std::vector<Configuration>& configurations,
                                  Compare compare = Compare::everything) {
    const std::uint64_t base = number_from_environment("SQSIM_MODEL_SEED", 1);
    const std::uint64_t operations = number_from_environment("SQSIM_MODEL_OPERATIONS", 24'000);
    constexpr std::size_t length = 150;
    for (const Configuration& configuration : configurations) {
        for (std::uint64_t i = 0; i < operations / length; ++i) {
            const std::string report =
                check<Kind>(configuration, random_program(base * 1'000'003 + i, length), compare);
            if (!report.empty()) {
                return "SQSIM_MODEL_SEED=" + std::to_string(base) + ", program " + std::to_string(i) + ": " + report;
            }
        }
    }
    return {};
}

template <class Kind>
std::string replay_corpus(const std::string& name, const std::vector<Configuration>& configurations) {
    const auto folder = std::filesystem::path{SQSIM_SOURCE_DIR} / "tests" / "fuzz" / "corpus" / name;
    std::size_t files = 0;
    for (const auto& file : std::filesystem::directory_iterator{folder}) {
        std::ifstream stream{file.path(), std::ios::binary};
        const std::vector<std::uint8_t> bytes{std::istreambuf_iterator<char>{stream}, {}};
        ++files;
        const std::string report = check_bytes<Kind>(configurations, bytes);
        if (!report.empty()) {
            return file.path().filename().string() + ": " + report;
        }
    }
    return files == 0 ? "there is no file" : "";
}

/// Whether a wrong model is told from the queue, by a program of a few calls.
template <class Kind, Mistake mistake>
bool is_found(const Configuration& configuration) {
    for (std::uint64_t seed = 1, found = 0; seed <= 50 && found < 4; ++seed) {
        Program program = random_program(seed, 250);
        const auto outcome = run<Kind, mistake>(configuration, program);
        if (outcome.mismatch) {
            ++found;
            program.resize(outcome.mismatch->operation + 1);
            if (shrink<Kind, mistake>(configuration, program).size() <= 6) {
                return true;
            }
        }
    }
    return false;
}

}  // namespace

TEST_CASE("R107-R123, R126, R129-R137, R164-R177, R183-R198: a standard queue does what its model does, whatever is "
          "called",
          "[model][standard]") {
    CHECK(check_random_programs<Standard>(standard_configurations()) == "");
    CHECK(check_random_programs<SharedStandard>(standard_configurations()) == "");
}

TEST_CASE("R100, R103, R104, R111, R127, R130-R158, R171-R178, R183-R198: a FIFO queue does what its model does, "
          "whatever is called",
          "[model][fifo]") {
    CHECK(check_random_programs<Fifo>(fifo_configurations()) == "");
    CHECK(check_random_programs<SharedFifo>(fifo_configurations()) == "");
}

TEST_CASE("a queue whose clock does not drive it does what its model does, however much is due at once", "[model]") {
    CHECK(check_random_programs<PlainStandard>(standard_configurations(), Compare::seldom) == "");
    CHECK(check_random_programs<PlainFifo>(fifo_configurations(), Compare::seldom) == "");
}

TEST_CASE("the programs that the fuzzers found worth keeping run as in the models", "[model]") {
    CHECK(replay_corpus<Standard>("standard_queue", standard_configurations()) == "");
    CHECK(replay_corpus<Fifo>("fifo_queue", fifo_configurations()) == "");
}

TEST_CASE("a model with a mistake is told from the queue, and the program is shrunk to a few calls", "[model]") {
    const Configuration& standard = standard_configurations().front();
    const Configuration& fifo = fifo_configurations().front();
    CHECK(is_found<Standard, Mistake::returns_to_the_back>(standard));
    CHECK(is_found<Standard, Mistake::deletes_by_older_handle>(standard));
    CHECK(is_found<Standard, Mistake::ends_after_the_deadline>(standard));
    CHECK(is_found<Standard, Mistake::counts_the_moving_receive>(standard_configurations()[1]));
    CHECK(is_found<Fifo, Mistake::returns_to_the_back>(fifo));
    CHECK(is_found<Fifo, Mistake::ends_after_the_deadline>(fifo));
    CHECK(is_found<Fifo, Mistake::locks_the_whole_group>(fifo));
    CHECK(is_found<Fifo, Mistake::extends_the_interval>(fifo_configurations()[2]));
    CHECK(!is_found<Standard, Mistake::none>(standard));
    CHECK(!is_found<Fifo, Mistake::none>(fifo));
}

TEST_CASE("the report of a mismatch names what differs and lists the calls", "[model]") {
    std::string report;
    for (std::uint64_t seed = 1; report.empty() && seed <= 100; ++seed) {
        report = check<Standard, Mistake::ends_after_the_deadline>(standard_configurations().front(),
                                                                   random_program(seed, 250));
    }
    INFO(report);
    CHECK(report.find("the queue says ") != std::string::npos);
    CHECK(report.find(".send_message") != std::string::npos);
    CHECK(report.find("clock.advance_to(") != std::string::npos);
}

TEST_CASE("the same program has the same history, another program another", "[model]") {
    const Program program = random_program(1, 250);
    const Configuration& configuration = standard_configurations().front();
    CHECK(run<Standard>(configuration, program).history == run<Standard>(configuration, program).history);
    CHECK(run<Standard>(configuration, program).history !=
          run<Standard>(configuration, random_program(2, 250)).history);
}
