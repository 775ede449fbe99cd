// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/sim/timeline.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

/// An instant in seconds with three digits after the point, or six or nine if it needs them: "30.000", "29.999999999".
[[nodiscard]] inline std::string instant_text(std::chrono::nanoseconds at) {
    std::string text = sqsim::detail::seconds_text(at);
    const std::size_t point = text.find('.');
    const std::size_t digits = point == std::string::npos ? 0 : text.size() - point - 1;
    text += digits == 0 ? "." : "";
    text.append(std::max<std::size_t>((digits + 2) / 3 * 3, 3) - digits, '0');
    return text;
}

/// How long something takes: "30.001 s".
[[nodiscard]] inline std::string duration_text(std::chrono::nanoseconds duration) {
    return sqsim::detail::seconds_text(duration) + " s";
}

/// The duration of a step in brackets; nothing if it takes no time or its fault says it already.
[[nodiscard]] inline std::string step_duration(const TimelineStep& step) {
    if (step.until <= step.at) {
        return {};
    }
    const std::string text = duration_text(step.until - step.at);
    return (" " + step.fault + " ").find(" " + text + " ") != std::string::npos ? "" : "[" + text + "]";
}

/// A text for a terminal: whatever is not printable ASCII as an escape, so that columns stay aligned.
[[nodiscard]] inline std::string printable(std::string_view text) {
    std::string result;
    for (const char character : text) {
        const unsigned value = static_cast<unsigned char>(character);
        if (value >= 0x20 && value < 0x7F) {
            result += character;
        } else if (character == '\n') {
            result += "\\n";
        } else {
            result += "\\x";
            result += "0123456789abcdef"[value >> 4];
            result += "0123456789abcdef"[value & 0xF];
        }
    }
    return result;
}

/// The name of an actor, also of one that the timeline does not have.
[[nodiscard]] inline std::string actor_name(const Timeline& timeline, std::size_t actor) {
    return actor < timeline.actors.size() ? timeline.actors[actor] : "actor " + std::to_string(actor);
}

/// When the timeline ends: the last instant of a step. Leases may go on after it.
[[nodiscard]] inline std::chrono::nanoseconds end_of(const Timeline& timeline) noexcept {
    std::chrono::nanoseconds end{};
    for (const TimelineStep& step : timeline.steps) {
        end = std::max({end, step.at, step.until});
    }
    return end;
}

/// The parts of a line, before they are aligned.
struct TextLine {
    std::string at{};
    std::string actor{};
    std::string text{};
    std::string mark{};
};

/// Whether the second step only repeats the first, so that one line can tell of both.
[[nodiscard]] inline bool repeats(const TimelineStep& first, const TimelineStep& second) noexcept {
    return first.message == 0 && second.message == 0 && first.fault.empty() && second.fault.empty() &&
           first.actor == second.actor && first.kind == second.kind && first.text == second.text;
}

[[nodiscard]] inline std::vector<TextLine> text_lines(const Timeline& timeline) {
    constexpr std::size_t longest_name = 24;
    std::vector<TextLine> lines;
    const std::vector<TimelineStep>& steps = timeline.steps;
    for (std::size_t i = 0; i < steps.size();) {
        std::size_t end = i + 1;
        while (end < steps.size() && repeats(steps[i], steps[end])) {
            ++end;
        }
        TextLine line{
            instant_text(steps[i].at), printable(actor_name(timeline, steps[i].actor)), printable(steps[i].text), {}};
        if (line.actor.size() > longest_name) {
            line.actor.replace(longest_name - 2, std::string::npos, "..");
        }
        if (end > i + 1) {
            const std::chrono::nanoseconds last = std::max(steps[end - 1].at, steps[end - 1].until);
            line.text += " [x " + std::to_string(end - i) + ", until " + instant_text(last) + "]";
        } else if (const std::string duration = step_duration(steps[i]); !duration.empty()) {
            line.text += " " + duration;
        }
        if (!steps[i].fault.empty()) {
            line.mark = "<-- " + printable(steps[i].fault);
        }
        lines.push_back(std::move(line));
        i = end;
    }
    return lines;
}

/// Appends a text whose further lines, should it be wider than `width`, begin in the column `indent`.
inline void append_wrapped(std::string& out, std::string_view text, std::size_t indent, std::size_t width) {
    while (text.size() > width) {
        const std::size_t space = text.rfind(' ', width);
        const std::size_t cut = space == std::string_view::npos || space < width / 2 ? width : space;
        out += text.substr(0, cut);
        out += '\n';
        out.append(indent, ' ');
        text.remove_prefix(cut == space ? cut + 1 : cut);
    }
    out += text;
}

}  // namespace detail

/// An execution for a terminal of 120 columns, in ASCII, one line per step: virtual seconds, the actor, what it
/// did, how long that took in brackets; a fault is marked with an arrow. Equal steps of one actor
/// without a message that follow each other are one line.
[[nodiscard]] inline std::string to_text(const Timeline& timeline) {
    constexpr std::size_t line_width = 118;
    const std::vector<detail::TextLine> lines = detail::text_lines(timeline);

    std::size_t whole = 3;
    std::size_t fraction = 4;
    std::size_t name = 0;
    std::size_t text = 0;  // the widest that has a mark beside it
    for (const detail::TextLine& line : lines) {
        whole = std::max(whole, line.at.find('.'));
        fraction = std::max(fraction, line.at.size() - line.at.find('.'));
        name = std::max(name, line.actor.size());
    }
    const std::size_t text_column = whole + fraction + name + 4;
    const std::size_t text_width = line_width - std::min(text_column, line_width - 40);
    const auto fits = [&](const detail::TextLine& line) {
        return !line.mark.empty() && line.text.size() + 2 + line.mark.size() <= text_width;
    };
    for (const detail::TextLine& line : lines) {
        text = fits(line) ? std::max(text, line.text.size()) : text;
    }

    std::string out;
    for (const detail::TextLine& line : lines) {
        const std::size_t point = line.at.find('.');
        out.append(whole - point, ' ');
        out += line.at;
        out.append(fraction - (line.at.size() - point) + 2, ' ');
        out += line.actor;
        out.append(name - line.actor.size() + 2, ' ');
        detail::append_wrapped(out, line.text, text_column, text_width);
        if (fits(line)) {
            // One long mark shall not be wrapped only because another line has a long text.
            out.append(std::min(text, text_width - line.mark.size() - 2) - line.text.size() + 2, ' ');
            out += line.mark;
        } else if (!line.mark.empty()) {
            // Beside the text if enough of the line is left, else below it.
            const std::size_t beside = line.text.size() + 2 + 50 <= text_width ? line.text.size() + 2 : 2;
            out += beside == 2 ? "\n" : "";
            out.append(beside == 2 ? text_column + 2 : 2, ' ');
            detail::append_wrapped(out, line.mark, text_column + beside + 4, text_width - beside - 4);
        }
        out += '\n';
    }
    return out;
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
