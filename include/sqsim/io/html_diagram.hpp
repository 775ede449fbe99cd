// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/io/escape.hpp"
#include "sqsim/io/html_bars.hpp"
#include "sqsim/io/html_layout.hpp"
#include "sqsim/io/html_measure.hpp"
#include "sqsim/io/trace.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Draws the diagram of a timeline as SVG. Its colours are in the page's style sheet.

namespace sqsim::inline SQSIM_ABI::sim::detail::html {

/// The class that gives a message its colour: one of seven that people with any colour vision tell apart.
[[nodiscard]] inline std::string message_class(std::uint32_t message) {
    return message == 0 ? "m" : "m m" + std::to_string((message - 1) % 7);
}

/// An SVG element with a shape for a kind of step, around a point.
[[nodiscard]] inline std::string marker_shape(TimelineStep::Kind kind, int x, int y) {
    const std::string at_x = std::to_string(x);
    const std::string at_y = std::to_string(y);
    switch (kind) {
    case TimelineStep::Kind::point:
        return "<path d=\"M" + at_x + " " + std::to_string(y - 6) + "l6 6l-6 6l-6-6z\"/>";
    case TimelineStep::Kind::life:
        return "<rect x=\"" + std::to_string(x - 4) + "\" y=\"" + std::to_string(y - 4) +
               "\" width=\"8\" height=\"8\" rx=\"1\"/>";
    case TimelineStep::Kind::service:
        return "<circle class=\"ring\" cx=\"" + at_x + "\" cy=\"" + at_y + "\" r=\"4\"/>";
    case TimelineStep::Kind::call:
        break;
    }
    return "<circle cx=\"" + at_x + "\" cy=\"" + at_y + "\" r=\"5\"/>";
}

/// All of a step in one line.
[[nodiscard]] inline std::string step_title(const Timeline& timeline, std::size_t index) {
    const TimelineStep& step = timeline.steps[index];
    std::string title = std::to_string(index + 1) + ". " + instant_text(step.at) + " s, " +
                        actor_name(timeline, step.actor) + ": " + step.text;
    if (const std::string duration = step_duration(step); !duration.empty()) {
        title += " " + duration;
    }
    return step.fault.empty() ? title : title + " \xE2\x80\x94 " + step.fault;
}

[[nodiscard]] inline std::string lease_title(const Timeline& timeline, const TimelineLease& lease, bool open) {
    return message_name(lease.message, lease.copy) + " in flight for " + actor_name(timeline, lease.actor) + ", " +
           instant_text(lease.from) + " s to " +
           (open ? "after the end"
                 : instant_text(lease.until) + " s, ended by " + (lease.deleted ? "a delete" : "time"));
}

class DiagramWriter {
public:
    explicit DiagramWriter(const Timeline& timeline)
        : timeline_{timeline}, layout_{LayoutMaker{timeline}.make()}, bars_{BarPlacer{timeline, layout_}.place()} {}

    /// The diagram, one SVG image for each stave.
    [[nodiscard]] std::string write() {
        for (std::size_t stave = 0; stave < layout_.staves; ++stave) {
            write_stave(stave);
        }
        return std::move(out_);
    }

private:
    struct Lane {
        int top = 0;
        int label = 0;  // where texts stand
        int line = 0;   // where markers are
        int bottom = 0;
    };

    [[nodiscard]] std::size_t lane_of(std::size_t actor) const { return std::min(actor, timeline_.actors.size()); }

    /// Sets `lanes_` for a stave. Lanes in which nothing happens are low.
    int measure(std::size_t stave) {
        std::vector<bool> used(layout_.lanes, false);
        std::vector<bool> flagged(layout_.lanes, false);
        std::vector<int> rows(layout_.lanes, 0);
        for (std::size_t i = 0; i < timeline_.steps.size(); ++i) {
            const std::size_t lane = lane_of(timeline_.steps[i].actor);
            const Marker& marker = layout_.markers[i];
            if (marker.at.stave == stave) {
                used[lane] = true;
                flagged[lane] = flagged[lane] || !marker.flag.empty();
            }
        }
        for (const Bar& bar : bars_) {
            const std::size_t lane = lane_of(timeline_.leases[bar.lease].actor);
            if (bar.from.stave <= stave && stave <= bar.until.stave) {
                rows[lane] = std::max(rows[lane], static_cast<int>(bar.row) + 1);
            }
        }
        axis_ = 25;
        for (const Cluster& cluster : layout_.clusters) {
            axis_ = cluster.begin.stave == stave && cluster.gap.count() != 0 ? 40 : axis_;
        }
        int y = axis_;
        lanes_.clear();
        for (std::size_t lane = 0; lane < layout_.lanes; ++lane) {
            Lane place{y, y, y, y};
            if (!layout_.active[lane]) {
                lanes_.push_back(place);
                continue;
            }
            y += 8 + (flagged[lane] ? 24 : 0);
            place.label = y + 11;
            y += used[lane] ? 24 : 6;
            place.line = y;
            y += 12 + rows[lane] * bar_pitch + (rows[lane] > 0 ? 4 : 0);
            place.bottom = y;
            lanes_.push_back(place);
        }
        return y + 1;
    }

    void write_stave(std::size_t stave) {
        const int height = measure(stave);
        out_ += "<svg class=\"stave\" viewBox=\"0 0 " + std::to_string(diagram_width) + " " + std::to_string(height) +
                "\" role=\"img\" aria-label=\"Diagram, part " + std::to_string(stave + 1) + " of " +
                std::to_string(layout_.staves) + "\">\n";
        if (stave == 0) {
            out_ += "<defs><pattern id=\"hatch\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                    "patternTransform=\"rotate(45)\"><line class=\"hatch\" y2=\"6\"/></pattern></defs>\n";
        }
        write_lanes();
        write_time(stave, height);
        for (const Bar& bar : bars_) {
            if (bar.from.stave <= stave && stave <= bar.until.stave) {
                write_bar(bar, stave);
            }
        }
        for (std::size_t i = 0; i < timeline_.steps.size(); ++i) {
            write_busy(i, stave);
        }
        for (std::size_t i = 0; i < timeline_.steps.size(); ++i) {
            if (layout_.markers[i].at.stave == stave) {
                write_marker(i);
            }
        }
        out_ += "</svg>\n";
    }

    void write_lanes() {
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            const Lane& lane = lanes_[i];
            if (!layout_.active[i]) {
                continue;
            }
            const std::string name = actor_name(timeline_, i);
            line("edge", 0, lane.top, diagram_width, lane.top);
            line("lane", layout_.left, lane.line, diagram_right, lane.line);
            text("name", 0, lane.line + 4, fitted(name, (layout_.left - 16) * 11 / 12), name);
        }
        line("edge", 0, lanes_.empty() ? 0 : lanes_.back().bottom, diagram_width,
             lanes_.empty() ? 0 : lanes_.back().bottom);
    }

    void write_time(std::size_t stave, int height) {
        const std::vector<Cluster>& clusters = layout_.clusters;
        for (std::size_t i = 0; i < clusters.size(); ++i) {
            const Cluster& cluster = clusters[i];
            if (cluster.begin.stave != stave) {
                continue;
            }
            if (cluster.gap.count() != 0) {
                const int from = cluster.gap_at_left ? layout_.left : clusters[i - 1].end.x + 2;
                const int until = cluster.begin.x - 2;
                out_ += "<rect class=\"gap\"";
                box(from, axis_, until - from, height - 1 - axis_);
                out_ += "/>\n";
                text("gap", (from + until) / 2, 11, span_text(cluster.gap), {});
            }
            line("tick", cluster.begin.x + 10, axis_ - 6, cluster.begin.x + 10, height - 1);
            text(cluster.continued ? "time more" : "time", cluster.begin.x + 4, axis_ - 10,
                 (cluster.continued ? "\xE2\x80\xA6 " : "") + instant_text(cluster.at) + " s", {});
        }
    }

    void write_bar(const Bar& bar, std::size_t stave) {
        const TimelineLease& lease = timeline_.leases[bar.lease];
        const Lane& lane = lanes_[lane_of(lease.actor)];
        const bool begins = bar.from.stave == stave;
        const bool ends = bar.until.stave == stave;
        const int from = begins ? bar.from.x : layout_.left;
        const int until = std::max(ends ? bar.until.x : diagram_right, from + 14);
        const int y = lane.line + 11 + static_cast<int>(bar.row) * bar_pitch;
        out_ += "<g class=\"lease " + message_class(lease.message) + "\">";
        title(lease_title(timeline_, lease, bar.open));
        out_ += "<rect class=\"bar\"";
        box(from, y, until - from, bar_height);
        out_ += " rx=\"2\"/>";
        if (ends && !bar.open) {
            line(lease.deleted ? "done" : "lapsed", until - 1, y, until - 1, y + bar_height);
        }
        if (const std::string name = message_name(lease.message, lease.copy); text_width(name) + 8 <= until - from) {
            text("number", from + 4, y + bar_height - 3, name, {});
        }
        out_ += "</g>\n";
    }

    /// A step that takes time: a line from its marker on.
    void write_busy(std::size_t index, std::size_t stave) {
        const Marker& marker = layout_.markers[index];
        const TimelineStep& step = timeline_.steps[index];
        if (marker.until == marker.at || stave < marker.at.stave || stave > marker.until.stave) {
            return;
        }
        const int y = lanes_[lane_of(step.actor)].line;
        line(step.fault.empty() ? "busy" : "busy fault", marker.at.stave == stave ? marker.at.x : layout_.left, y,
             marker.until.stave == stave ? marker.until.x : diagram_right, y);
    }

    void write_marker(std::size_t index) {
        const TimelineStep& step = timeline_.steps[index];
        const Marker& marker = layout_.markers[index];
        const Lane& lane = lanes_[lane_of(step.actor)];
        const int x = marker.at.x;
        const std::string number = std::to_string(index + 1);
        const bool fault = !marker.flag.empty();
        out_ += "<a id=\"d" + number + "\" href=\"#s" + number + "\" class=\"step " + message_class(step.message) +
                (fault ? " fault\">" : "\">");
        title(step_title(timeline_, index));
        if (fault) {
            line("pole", x, lane.top + 20, x, lane.line);
            out_ += "<rect class=\"pill\"";
            box(x - 1, lane.top + 6, text_width(marker.flag) * 11 / 10 + 14, 18);
            out_ += " rx=\"2\"/>";
            text("flag", x + 6, lane.top + 19, marker.flag, {});
            out_ += "<circle class=\"halo\" cx=\"" + std::to_string(x) + "\" cy=\"" + std::to_string(lane.line) +
                    "\" r=\"9\"/>";
        }
        out_ += marker_shape(step.kind, x, lane.line);
        text("label", fault ? x + 6 : x - 5, lane.label, marker.label, {});
        out_ += "</a>\n";
    }

    void line(std::string_view kind, int x1, int y1, int x2, int y2) {
        out_ += "<line class=\"";
        out_ += kind;
        out_ += "\" x1=\"" + std::to_string(x1) + "\" y1=\"" + std::to_string(y1) + "\" x2=\"" + std::to_string(x2) +
                "\" y2=\"" + std::to_string(y2) + "\"/>";
    }
    void box(int x, int y, int width, int height) {
        out_ += " x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\" width=\"" +
                std::to_string(std::max(width, 0)) + "\" height=\"" + std::to_string(std::max(height, 0)) + "\"";
    }
    void text(std::string_view kind, int x, int y, std::string_view text, std::string_view whole) {
        out_ += "<text class=\"";
        out_ += kind;
        out_ += "\" x=\"" + std::to_string(x) + "\" y=\"" + std::to_string(y) + "\">";
        if (!whole.empty() && whole != text) {
            title(whole);
        }
        out_ += html_text(text) + "</text>";
    }
    void title(std::string_view text) { out_ += "<title>" + html_text(text) + "</title>"; }

    static constexpr int bar_height = 13;
    static constexpr int bar_pitch = 16;

    const Timeline& timeline_;
    Layout layout_;
    std::vector<Bar> bars_;
    std::vector<Lane> lanes_{};
    int axis_ = 0;  // the height of the axis
    std::string out_{};
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail::html
