// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Draws numbers over time with block characters, for a terminal of 100 columns that shows UTF-8.

namespace donations {

struct Series {
    std::string label{};
    std::vector<std::size_t> values{};  // one each second
    std::size_t rows = 1;
};

namespace chart_detail {

inline constexpr std::size_t widest = 90;
inline constexpr std::size_t margin = 7;  // for the numbers of the scale

[[nodiscard]] inline std::string right_aligned(std::size_t number, std::size_t width) {
    const std::string digits = std::to_string(number);
    return std::string(width - std::min(width, digits.size()), ' ') + digits;
}

/// The largest value of each column, so that no peak gets lost where a column stands for several seconds.
[[nodiscard]] inline std::vector<std::size_t> columns_of(std::span<const std::size_t> values, std::size_t per_column) {
    std::vector<std::size_t> columns;
    for (std::size_t begin = 0; begin < values.size(); begin += per_column) {
        columns.push_back(std::ranges::max(values.subspan(begin, std::min(per_column, values.size() - begin))));
    }
    return columns;
}

/// The smallest round number that is not below the peak; small peaks get one row for each.
[[nodiscard]] inline std::size_t top_of_scale(std::size_t peak, std::size_t rows) {
    if (peak <= rows) {
        return rows;
    }
    for (std::size_t power = 1;; power *= 10) {
        for (const std::size_t tenths : {10U, 12U, 15U, 20U, 25U, 30U, 40U, 50U, 60U, 70U, 80U}) {
            const std::size_t top = tenths * power / 10;
            if (top >= peak) {
                return top;
            }
        }
    }
}

/// The part of a bar that lies in one row, by eighths of the row's height.
[[nodiscard]] inline std::string_view block(std::size_t eighths) {
    static constexpr std::array<std::string_view, 9> blocks{" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    return blocks[std::min<std::size_t>(eighths, 8)];
}

[[nodiscard]] inline std::string panel(const Series& series, std::size_t per_column) {
    const std::size_t peak = series.values.empty() ? 0 : std::ranges::max(series.values);
    const std::size_t top = top_of_scale(peak, series.rows);
    const auto columns = columns_of(series.values, per_column);

    std::string text = std::string(margin + 1, ' ') + series.label + " (peak " + std::to_string(peak) + ")\n";
    for (std::size_t row = series.rows; row-- > 0;) {
        const bool first = row + 1 == series.rows;
        text += first ? right_aligned(top, margin - 1) + " ┤" : std::string(margin, ' ') + "│";
        for (const std::size_t value : columns) {
            // What is not zero shows.
            const std::size_t height = value == 0 ? 0 : std::max<std::size_t>(value * series.rows * 8 / top, 1);
            text += block(height > row * 8 ? height - row * 8 : 0);
        }
        text += '\n';
    }
    return text;
}

[[nodiscard]] inline std::string time_axis(std::size_t seconds, std::size_t per_column) {
    constexpr std::size_t tick_every = 15;  // columns
    std::string line = right_aligned(0, margin - 1) + " └";
    std::string labels(margin, ' ');
    const std::size_t columns = (seconds + per_column - 1) / per_column;
    for (std::size_t column = 0; column < columns; ++column) {
        const bool tick = column % tick_every == 0;
        line += tick ? "┬" : "─";
        if (tick) {
            labels += std::string(margin + 1 + column - labels.size(), ' ') + std::to_string(column * per_column);
        }
    }
    return line + '\n' + labels + " s\n";
}

}  // namespace chart_detail

/// The series below each other, each with a scale of its own, over one axis of time.
[[nodiscard]] inline std::string chart(std::span<const Series> all) {
    std::size_t seconds = 1;
    for (const Series& series : all) {
        seconds = std::max(seconds, series.values.size());
    }
    const std::size_t per_column = (seconds + chart_detail::widest - 1) / chart_detail::widest;
    std::string text;
    for (const Series& series : all) {
        text += chart_detail::panel(series, per_column) + (&series == &all.back() ? "" : "\n");
    }
    return text + chart_detail::time_axis(seconds, per_column);
}

}  // namespace donations
