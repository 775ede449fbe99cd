// SPDX-License-Identifier: MIT

// What the rounds of sqsim_bench and sqsim_bench_counts say about the goals.

#include "comparison.hpp"
#include "goals.hpp"
#include "results.hpp"
#include "tables.hpp"
#include "verdicts.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace report;

constexpr const char* usage =
    R"(usage: sqsim_bench_report gather results.json compiler flags folder  puts the rounds in a folder into one file
       sqsim_bench_report goals results.json [other.json]           the goals, another compiler beside them if it is there
       sqsim_bench_report markdown results.json [other.json]        the same for docs/benchmarks.md
       sqsim_bench_report all results.json                          every benchmark
       sqsim_bench_report compare before.json after.json            which ratios moved
)";

[[nodiscard]] std::string processor() {
    std::ifstream stream{"/proc/cpuinfo"};
    for (std::string line; std::getline(stream, line);) {
        if (line.starts_with("model name")) {
            return line.substr(line.find(": ") + 2);
        }
    }
    return "unknown processor";
}

[[nodiscard]] std::string today() {
    const std::time_t now = std::time(nullptr);
    char text[16];
    std::strftime(text, sizeof text, "%Y-%m-%d", std::gmtime(&now));
    return text;
}

/// Reads <section>.<round>.json, all of them. Returns: the number of rounds.
std::size_t read_rounds(Results& results, const std::string& folder) {
    std::size_t rounds = 0;
    for (const auto& entry : std::filesystem::directory_iterator{folder}) {
        const auto parts = split(entry.path().filename().string(), '.');
        if (parts.size() == 3 && parts[2] == "json") {
            const std::size_t round = std::stoul(parts[1]);
            rounds = std::max(rounds, round);
            add_round(results, parts[0], round - 1, read_json(entry.path().string()));
        }
    }
    return rounds;
}

void write_goal(std::ofstream& file, const Verdict& verdict) {
    const auto& [goal, quotient] = verdict;
    const auto number = [&](const char* name, std::optional<double> value) {
        file << ", \"" << name << "\": ";
        value ? file << *value : file << "null";
    };
    const auto flag = [&](const char* name, bool value) {
        file << ", \"" << name << "\": " << (value ? "true" : "false");
    };
    file << "{\"goal\": " << quoted(std::string{goal->number}) << ", \"what\": " << quoted(std::string{goal->what});
    number("limit", goal->limit);
    number("stretch", goal->stretch);
    flag("measured", quotient.has_value());
    if (quotient) {
        number("value", quotient->value);
        number("low_quartile", quotient->rounds.low);
        number("high_quartile", quotient->rounds.high);
        number("rounds", static_cast<double>(quotient->count));
        number("ours", quotient->measured.median);
        number("baseline", goal->baseline.empty() ? std::nullopt : std::optional{quotient->baseline.median});
        file << ", \"unit\": " << quoted(quotient->unit);
        flag("met", verdict.is_met());
        flag("stretched", verdict.is_stretched());
    }
    file << '}';
}

void gather(const std::string& path, const std::string& compiler, const std::string& flags, const std::string& folder) {
    Results results;
    const std::size_t rounds = read_rounds(results, folder);
    sort(results);
    results.machine = {{"cpu", processor()},   {"cores", std::to_string(std::thread::hardware_concurrency())},
                       {"compiler", compiler}, {"flags", flags},
                       {"date", today()},      {"rounds", std::to_string(rounds)}};
    std::ofstream file{path};
    file << "{\"machine\": {";
    const char* separator = "";
    for (const auto& [name, value] : results.machine) {
        file << std::exchange(separator, ", ") << quoted(name) << ": " << quoted(value);
    }
    file << "},\n\"goals\": [";
    separator = "\n";
    for (const Verdict& verdict : judge(results)) {
        file << std::exchange(separator, ",\n");
        write_goal(file, verdict);
    }
    file << "\n],\n\"series\": [";
    separator = "\n";
    for (const Series& series : results.series) {
        file << std::exchange(separator, ",\n") << to_json(series);
    }
    file << "\n]}\n";
    if (!file) {
        throw std::runtime_error{path + ": it cannot be written"};
    }
}

/// Returns: whether the words made sense.
bool run(const std::vector<std::string>& words) {
    const std::string command = words.empty() ? "" : words[0];
    const std::size_t count = words.size();
    if (command == "gather" && count == 5) {
        gather(words[1], words[2], words[3], words[4]);
    } else if ((command == "goals" || command == "markdown") && (count == 2 || count == 3)) {
        const bool are_two = count == 3 && std::filesystem::exists(words[2]);
        const auto beside = are_two ? std::optional{read_results(words[2])} : std::nullopt;
        print_goals(read_results(words[1]), beside, command == "markdown");
    } else if (command == "all" && count == 2) {
        print_all(read_results(words[1]));
    } else if (command == "compare" && count == 3) {
        print_comparison(read_results(words[1]), read_results(words[2]));
    } else {
        return false;
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (!run({argv + 1, argv + argc})) {
            std::fputs(usage, stderr);
            return 2;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
