// SPDX-License-Identifier: MIT
#pragma once

#include "tables.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace report {

/// What is compared between two runs: the goals, and each benchmark's ratio to the first that it names. Times are not:
/// the machine is never the same.
struct Compared {
    std::string name;
    Style style;
    std::optional<Quotient> before;
    std::optional<Quotient> after;
};

[[nodiscard]] inline std::vector<Compared> pair_up(const Results& before, const Results& after) {
    std::vector<Compared> all;
    const auto old_verdicts = judge(before);
    const auto new_verdicts = judge(after);
    for (std::size_t i = 0; i < goals.size(); ++i) {
        all.push_back({std::string{goals[i].number} + " " + std::string{goals[i].what}, goals[i].style,
                       old_verdicts[i].quotient, new_verdicts[i].quotient});
    }
    const auto is_goal = [](const Series& series) {
        return std::any_of(goals.begin(), goals.end(), [&](const Goal& goal) { return goal.measured == series.name; });
    };
    for (const Series& series : after.series) {
        if (!series.baselines.empty() && !is_goal(series)) {
            const Division division{.measured = series.name, .baseline = series.baselines.front()};
            all.push_back({series.name, Style::ratio, divide(before, division), divide(after, division)});
        }
    }
    return all;
}

/// Prints what moved. A move counts if the middle halves of the rounds, from quartile to quartile, no longer overlap,
/// and it is more than both of them are wide.
inline void print_comparison(const Results& before, const Results& after) {
    for (const std::string_view name : {"cpu", "compiler", "flags"}) {
        if (fact(before, name) != fact(after, name)) {
            std::printf("Careful: before %s, now %s.\n", fact(before, name).c_str(), fact(after, name).c_str());
        }
    }
    Table table{{"", "before", "after", "change", "spreads", ""}};
    std::size_t still = 0;
    std::size_t lonely = 0;
    for (const auto& [name, style, old, now] : pair_up(before, after)) {
        if (!old || !now) {
            lonely += old || now ? 1U : 0U;
            continue;
        }
        const double change = old->value == 0 ? now->value : now->value / old->value - 1;
        const bool apart = now->rounds.low > old->rounds.high || now->rounds.high < old->rounds.low;
        if (!apart || std::abs(change) < std::max(0.03, old->spread() + now->spread())) {
            ++still;
            continue;
        }
        table.push_back({name, styled(style, old->value, old->unit), styled(style, now->value, now->unit),
                         text_of("%+.0f %%", 100 * change),
                         text_of("%.0f, ", 100 * old->spread()) + text_of("%.0f %%", 100 * now->spread()),
                         change > 0 ? "WORSE" : "better"});
    }
    if (table.size() > 1) {
        print(table, 1, false);
    }
    std::printf("%zu ratios moved beyond the spread of their rounds, %zu did not, %zu were measured in one of the runs "
                "only. Spreads: before and after. Below zero is better, whatever is divided by what.\n",
                table.size() - 1, still, lonely);
}

}  // namespace report
