// SPDX-License-Identifier: MIT
#pragma once

#include "goals.hpp"
#include "results.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace report {

/// A quotient of two benchmarks that ran beside each other, or an amount that is compared with nothing.
struct Quotient {
    double value = 0;  // the quotient of the medians
    Middle rounds{};   // of the quotients of the single rounds
    Middle measured{};
    Middle baseline{};
    std::string unit{};
    std::size_t count = 0;

    /// How far apart the quartiles of the rounds are, as a share of the quotient.
    [[nodiscard]] double spread() const { return value == 0 ? 0 : (rounds.high - rounds.low) / std::abs(value); }
};

/// What is to be divided, and what is taken off before.
struct Division {
    std::string_view measured;
    std::string_view baseline;
    std::string_view unmeant = {};
    bool unmeant_in_baseline = false;
    std::string_view section = {};  // none: any
};

/// The quotient from the first section that has all its parts. Nothing if none has.
[[nodiscard]] inline std::optional<Quotient> divide(const Results& results, const Division& division) {
    for (const Series& series : results.series) {
        if (series.name != division.measured || (!division.section.empty() && series.section != division.section)) {
            continue;
        }
        const Series* baseline = results.find(division.baseline, series.section);
        const Series* unmeant = results.find(division.unmeant, series.section);
        std::vector<double> above;
        std::vector<double> below;
        std::vector<double> quotients;
        for (std::size_t round = 0; round < series.values.size(); ++round) {
            const double off = division.unmeant.empty() ? 0 : unmeant == nullptr ? missing : unmeant->at(round);
            const double over = division.baseline.empty()      ? 1
                                : baseline == nullptr          ? missing
                                : division.unmeant_in_baseline ? baseline->at(round) - off
                                                               : baseline->at(round);
            if (const double quotient = (series.at(round) - off) / over; !std::isnan(quotient)) {
                above.push_back(series.at(round) - off);
                below.push_back(over);
                quotients.push_back(quotient);
            }
        }
        if (const auto rounds = middle_of(quotients)) {
            const Middle measured = *middle_of(above);
            const Middle divisor = *middle_of(below);
            return Quotient{
                measured.median / divisor.median, *rounds, measured, divisor, series.unit, quotients.size()};
        }
    }
    return std::nullopt;
}

/// How a goal stands.
struct Verdict {
    const Goal* goal = nullptr;
    std::optional<Quotient> quotient{};

    [[nodiscard]] bool is_met() const { return quotient && goal->limit && quotient->value <= *goal->limit; }
    [[nodiscard]] bool is_short() const { return quotient && goal->limit && quotient->value > *goal->limit; }
    [[nodiscard]] bool is_stretched() const { return quotient && goal->stretch && quotient->value <= *goal->stretch; }
};

[[nodiscard]] inline Verdict judge(const Goal& goal, const Results& results) {
    const auto full_name = [&](std::string_view name) {
        return (name.starts_with('+') ? std::string{goal.measured} : "") + std::string{name};
    };
    const std::string baseline = full_name(goal.baseline);
    const std::string unmeant = full_name(goal.unmeant);
    return {&goal, divide(results, {.measured = goal.measured,
                                    .baseline = baseline,
                                    .unmeant = unmeant,
                                    .unmeant_in_baseline = goal.unmeant_in_baseline})};
}

[[nodiscard]] inline std::vector<Verdict> judge(const Results& results) {
    std::vector<Verdict> verdicts;
    for (const Goal& goal : goals) {
        verdicts.push_back(judge(goal, results));
    }
    return verdicts;
}

}  // namespace report
