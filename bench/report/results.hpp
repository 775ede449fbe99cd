// SPDX-License-Identifier: MIT
#pragma once

#include "json.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace report {

inline constexpr double missing = std::numeric_limits<double>::quiet_NaN();

/// One benchmark: its values, one for each round. Benchmarks of the same section ran beside each other in each round.
struct Series {
    std::string name{};
    std::string section{};
    std::string unit{};
    std::vector<std::string> baselines{};
    std::vector<double> values{};
    std::string error{};

    void set(std::size_t round, double value) {
        values.resize(std::max(values.size(), round + 1), missing);
        values[round] = value;
    }
    [[nodiscard]] double at(std::size_t round) const { return round < values.size() ? values[round] : missing; }
};

/// What one run of all rounds gave, and where.
struct Results {
    std::vector<std::pair<std::string, std::string>> machine{};
    std::vector<Series> series{};

    [[nodiscard]] const Series* find(std::string_view name, std::string_view section) const {
        const auto found = std::find_if(series.begin(), series.end(), [&](const Series& each) {
            return each.name == name && each.section == section;
        });
        return found == series.end() ? nullptr : &*found;
    }
};

/// The middle of some numbers: median and quartiles. None without numbers.
struct Middle {
    double low = 0;
    double median = 0;
    double high = 0;

    /// The distance of the quartiles as a share of the median.
    [[nodiscard]] double spread() const { return median == 0 ? 0 : (high - low) / std::abs(median); }
};

[[nodiscard]] inline std::optional<Middle> middle_of(std::vector<double> values) {
    std::erase_if(values, [](double value) { return std::isnan(value); });
    if (values.empty()) {
        return std::nullopt;
    }
    std::sort(values.begin(), values.end());
    const auto quantile = [&](double share) {  // between neighbours where it falls between them
        const double place = share * static_cast<double>(values.size() - 1);
        const auto below = static_cast<std::size_t>(place);
        const std::size_t above = std::min(below + 1, values.size() - 1);
        return values[below] + (values[above] - values[below]) * (place - std::floor(place));
    };
    return Middle{quantile(0.25), quantile(0.5), quantile(0.75)};
}

[[nodiscard]] inline std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, separator);) {
        parts.push_back(part);
    }
    return parts;
}

[[nodiscard]] inline double nanoseconds_in(const std::string& unit) {
    static const std::map<std::string, double> units{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    const auto found = units.find(unit);
    if (found == units.end()) {
        throw std::runtime_error{"the unit of time '" + unit + "' is unknown"};
    }
    return found->second;
}

/// The series of a benchmark in a section; a new one if there is none yet.
[[nodiscard]] inline Series& series_of(Results& results, const std::string& name, const std::string& section) {
    const auto found = std::find_if(results.series.begin(), results.series.end(),
                                    [&](const Series& each) { return each.name == name && each.section == section; });
    return found != results.series.end() ? *found
                                         : results.series.emplace_back(Series{.name = name, .section = section});
}

/// Adds what Google Benchmark, or sqsim_bench_counts, wrote in one round. A benchmark that has a `value` is about that,
/// any other about its time. What took turns with it is in members whose names begin with a plus: series of their own.
inline void add_round(Results& results, const std::string& section, std::size_t round, const Json& file) {
    const Json* benchmarks = file.find("benchmarks");
    if (benchmarks == nullptr) {
        throw std::runtime_error{"a result of '" + section + "' has no benchmarks"};
    }
    for (const auto& [unused, benchmark] : benchmarks->members) {
        std::string name = benchmark.text_of("run_name");
        for (const std::string_view suffix : {"/iterations:", "/manual_time"}) {  // Google Benchmark appends them
            name.resize(std::min(name.size(), name.find(suffix)));
        }
        Series& series = series_of(results, name, section);
        if (benchmark.text_of("error_occurred") == "true") {
            series.error = benchmark.text_of("error_message");
            continue;
        }
        series.baselines = split(benchmark.text_of("label"), '|');
        if (const auto value = benchmark.number_of("value")) {
            series.unit = benchmark.text_of("unit");
            series.set(round, *value);
        } else if (const auto time = benchmark.number_of("real_time")) {
            series.unit = "ns";
            series.set(round, *time * nanoseconds_in(benchmark.text_of("time_unit")));
        }
        for (const auto& [member, beside] : benchmark.members) {
            if (member.starts_with('+')) {
                Series& other = series_of(results, name + member, section);
                other.unit = "ns";
                other.set(round, beside.number);
            }
        }
    }
}

/// Puts the benchmarks in the order of their names: they ran in a random one.
inline void sort(Results& results) {
    std::sort(results.series.begin(), results.series.end(), [](const Series& a, const Series& b) {
        return std::pair{a.section, a.name} < std::pair{b.section, b.name};
    });
}

[[nodiscard]] inline std::string to_json(const Series& series) {
    std::ostringstream text;
    text << "{\"name\": " << quoted(series.name) << ", \"section\": " << quoted(series.section)
         << ", \"unit\": " << quoted(series.unit) << ", \"error\": " << quoted(series.error) << ", \"baselines\": [";
    const char* separator = "";
    for (const std::string& baseline : series.baselines) {
        text << std::exchange(separator, ", ") << quoted(baseline);
    }
    text << "], \"values\": [";
    separator = "";
    for (const double value : series.values) {
        text << std::exchange(separator, ", ");
        std::isnan(value) ? text << "null" : text << value;
    }
    text << "]}";
    return text.str();
}

[[nodiscard]] inline Series series_from(const Json& json) {
    Series series{.name = json.text_of("name"),
                  .section = json.text_of("section"),
                  .unit = json.text_of("unit"),
                  .error = json.text_of("error")};
    if (const Json* baselines = json.find("baselines")) {
        for (const auto& [unused, baseline] : baselines->members) {
            series.baselines.push_back(baseline.text);
        }
    }
    if (const Json* values = json.find("values")) {
        for (const auto& [unused, value] : values->members) {
            series.values.push_back(value.text == "null" ? missing : value.number);
        }
    }
    return series;
}

/// Reads a file that the report wrote.
[[nodiscard]] inline Results read_results(const std::string& path) {
    const Json json = read_json(path);
    Results results;
    const Json* machine = json.find("machine");
    const Json* series = json.find("series");
    if (machine == nullptr || series == nullptr) {
        throw std::runtime_error{path + ": it is not a file of results"};
    }
    for (const auto& [name, value] : machine->members) {
        results.machine.emplace_back(name, value.text);
    }
    for (const auto& [unused, each] : series->members) {
        results.series.push_back(series_from(each));
    }
    return results;
}

}  // namespace report
