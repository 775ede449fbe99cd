// SPDX-License-Identifier: MIT
#pragma once

#include "verdicts.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace report {

/// Rows of cells, the first row being the heads of the columns. An empty row separates.
using Table = std::vector<std::vector<std::string>>;

/// Prints a table with the columns under each other, for a terminal or as Markdown. Only the first `left` columns are
/// text and stand to the left.
inline void print(const Table& table, std::size_t left, bool markdown) {
    std::vector<std::size_t> widths(table.front().size(), markdown ? 3 : 0);
    for (const auto& row : table) {
        for (std::size_t i = 0; i < row.size(); ++i) {
            widths[i] = std::max(widths[i], row[i].size());
        }
    }
    const std::string separator = markdown ? " | " : "  ";
    bool is_head = true;
    for (const auto& row : table) {
        std::string line = markdown ? "| " : "";
        for (std::size_t i = 0; i < row.size(); ++i) {
            const std::string padding(widths[i] - row[i].size(), ' ');
            line += (i == 0 ? "" : separator) + (i < left ? row[i] + padding : padding + row[i]);
        }
        line += markdown ? " |" : "";
        if (!row.empty() || !markdown) {
            line.erase(line.find_last_not_of(' ') + 1);
            std::printf("%s\n", line.c_str());
        }
        if (std::exchange(is_head, false) && markdown) {
            for (std::size_t i = 0; i < widths.size(); ++i) {
                std::printf("|%s%s", std::string(widths[i] + 1, '-').c_str(), i < left ? "-" : ":");
            }
            std::printf("|\n");
        }
    }
}

[[nodiscard]] inline std::string text_of(const char* format, double number) {
    char text[64];
    std::snprintf(text, sizeof text, format, number);
    return text;
}

/// A number with as many digits as mean something.
[[nodiscard]] inline std::string short_text(double number) {
    const double size = std::abs(number);
    return text_of(size == 0 || size >= 100 || number == std::floor(number) ? "%.0f"
                   : size >= 10                                             ? "%.1f"
                                                                            : "%.2f",
                   number);
}

[[nodiscard]] inline std::string amount(double value, const std::string& unit) {
    if (unit == "ns" && value >= 1e4) {
        return value >= 1e7 ? short_text(value / 1e6) + " ms" : short_text(value / 1e3) + " us";
    }
    return short_text(value) + (unit.empty() ? "" : " " + unit);
}

[[nodiscard]] inline std::string styled(Style style, double value, const std::string& unit) {
    switch (style) {
    case Style::ratio:
        return text_of("%.2f", value);
    case Style::fraction:
        return value > 0.5 ? text_of("%.2f", value) : "1/" + short_text(1 / value);
    case Style::times_faster:
        return short_text(1 / value) + "x";
    case Style::surcharge:
        return text_of("%+.1f %%", 100 * (value - 1));
    case Style::amount:
        break;
    }
    return amount(value, unit);
}

[[nodiscard]] inline std::string limit_of(const Goal& goal, const std::string& unit) {
    if (!goal.limit) {
        return "-";
    }
    return (goal.style == Style::times_faster ? ">= " : "<= ") + styled(goal.style, *goal.limit, unit);
}

[[nodiscard]] inline std::string verdict_text(const Verdict& verdict) {
    return !verdict.quotient      ? "not measured"
           : !verdict.goal->limit ? "(information)"
           : verdict.is_met()     ? "met"
                                  : "SHORT";
}

[[nodiscard]] inline std::string stretch_text(const Verdict& verdict, const std::string& unit) {
    if (!verdict.goal->stretch) {
        return "";
    }
    return styled(verdict.goal->style, *verdict.goal->stretch, unit) + (!verdict.quotient        ? "    "
                                                                        : verdict.is_stretched() ? " yes"
                                                                                                 : "  no");
}

[[nodiscard]] inline std::string fact(const Results& results, std::string_view name) {
    const auto found = std::find_if(results.machine.begin(), results.machine.end(),
                                    [&](const auto& each) { return each.first == name; });
    return found == results.machine.end() ? "?" : found->second;
}

[[nodiscard]] inline std::vector<std::string> row_of(const Verdict& verdict) {
    const auto& [goal, quotient] = verdict;
    const std::string unit = quotient ? quotient->unit : "";
    std::vector<std::string> row{std::string{goal->number}, std::string{goal->what}, limit_of(*goal, unit)};
    row.push_back(quotient ? styled(goal->style, quotient->value, unit) : "");
    row.push_back(verdict_text(verdict));
    row.push_back(stretch_text(verdict, unit));
    row.push_back(quotient && quotient->count > 1 ? text_of("%.0f %%", 100 * quotient->spread()) : "");
    row.push_back(quotient ? amount(quotient->measured.median, unit) : "");
    row.push_back(quotient && !goal->baseline.empty() ? amount(quotient->baseline.median, unit) : "");
    return row;
}

/// How many goals were met and so on, and where.
inline void print_summary(const Results& results, const std::vector<Verdict>& verdicts, bool markdown) {
    const auto count = [&](auto is) {
        return static_cast<std::size_t>(std::count_if(verdicts.begin(), verdicts.end(), is));
    };
    const std::size_t judged = count([](const Verdict& verdict) { return verdict.goal->limit.has_value(); });
    const std::size_t met = count([](const Verdict& verdict) { return verdict.is_met(); });
    const std::size_t fallen_short = count([](const Verdict& verdict) { return verdict.is_short(); });
    std::printf("\n%zu of %zu met (%zu beyond the stretch goal), %zu short, %zu not measured.\n", met, judged,
                count([](const Verdict& verdict) { return verdict.is_stretched(); }), fallen_short,
                judged - met - fallen_short);
    std::printf(
        "%s%s, %s cores; %s, %s; %s; up to %s rounds. Times are for each message, medians of the rounds. Spread: "
        "the distance of the quartiles of the rounds' ratios.\n",
        markdown ? "\n" : "", fact(results, "cpu").c_str(), fact(results, "cores").c_str(),
        fact(results, "compiler").c_str(), fact(results, "flags").c_str(), fact(results, "date").c_str(),
        fact(results, "rounds").c_str());
}

/// All the goals. `beside` are results of another compiler, which get a column; "!" there: short of the goal.
inline void print_goals(const Results& results, const std::optional<Results>& beside, bool markdown) {
    Table table{{"#", "goal", "limit", "measured", "verdict", "stretch", "spread", "ours", "baseline"}};
    const auto verdicts = judge(results);
    std::vector<Verdict> others;
    if (beside) {
        others = judge(*beside);
        table.front().push_back(fact(*beside, "compiler"));
    }
    for (std::size_t i = 0; i < verdicts.size(); ++i) {
        if (i != 0 && goals[i].number != goals[i - 1].number) {
            table.emplace_back();
        }
        table.push_back(row_of(verdicts[i]));
        if (beside) {
            const auto& other = others[i].quotient;
            table.back().push_back(
                other ? styled(goals[i].style, other->value, other->unit) + (others[i].is_short() ? " !" : "  ") : "");
        }
    }
    print(table, 2, markdown);
    print_summary(results, verdicts, markdown);
}

/// Every benchmark, with its ratios to those that it names.
inline void print_all(const Results& results) {
    std::string last;
    for (const Series& series : results.series) {
        if (std::exchange(last, series.section) != series.section) {
            std::printf("\n%-54s %14s %8s   ratios\n", series.section.c_str(), "median", "spread");
        }
        const auto middle = middle_of(series.values);
        if (!middle) {
            std::printf("%-54s failed: %s\n", series.name.c_str(), series.error.c_str());
            continue;
        }
        std::string ratios;
        for (const std::string& baseline : series.baselines) {
            if (const auto quotient =
                    divide(results, {.measured = series.name, .baseline = baseline, .section = series.section})) {
                ratios += (ratios.empty() ? "" : ",  ") + text_of("%.2f x ", quotient->value) + baseline;
            }
        }
        std::printf("%-54s %14s %8s   %s\n", series.name.c_str(), amount(middle->median, series.unit).c_str(),
                    text_of("%.0f %%", 100 * middle->spread()).c_str(), ratios.c_str());
    }
}

}  // namespace report
