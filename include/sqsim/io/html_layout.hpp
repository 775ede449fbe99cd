// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/io/html_measure.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string>
#include <vector>

// Where the parts of a timeline's diagram go, in whole pixels. Runs have many steps at one instant and then nothing
// for half a minute. Hence the order of the steps decides where they are, and a gap in time is as wide as any other. A
// diagram that is too wide goes on below, as music does.

namespace sqsim::inline SQSIM_ABI::sim::detail::html {

inline constexpr int diagram_width = 1120;
inline constexpr int diagram_right = diagram_width - 14;

/// A place in the diagram: further staves are below.
struct Spot {
    std::size_t stave = 0;
    int x = 0;

    friend auto operator<=>(const Spot&, const Spot&) noexcept = default;
};

/// One instant, or what of it is on one stave.
struct Cluster {
    std::chrono::nanoseconds at{};
    Spot begin{};
    Spot end{};
    bool continued = false;          // it began on the stave above
    std::chrono::nanoseconds gap{};  // before it
    bool gap_at_left = false;        // the gap is drawn where the stave begins
};

/// A step's marker, and how far it reaches if it takes time.
struct Marker {
    Spot at{};
    Spot until{};
    std::string label{};
    std::string flag{};
};

struct Layout {
    int left = 0;  // where the lanes begin, behind their names
    std::size_t staves = 1;
    std::size_t lanes = 0;
    std::vector<bool> active{};     // whether anything is in a lane
    std::vector<Marker> markers{};  // one for each step
    std::vector<Cluster> clusters{};
    std::vector<std::size_t> order{};  // of the steps, by time

    /// Where an instant is: where its steps begin, or inside a gap.
    [[nodiscard]] Spot spot(std::chrono::nanoseconds at) const {
        std::size_t i = 0;
        while (i < clusters.size() && clusters[i].at < at) {
            ++i;
        }
        if (i == clusters.size()) {
            return {staves - 1, diagram_right};
        }
        if (i == 0 || clusters[i].at == at) {
            return clusters[i].begin;
        }
        const Cluster& next = clusters[i];
        const int begin = next.gap_at_left ? left : clusters[i - 1].end.x;
        // Divided first where the product could overflow.
        const std::int64_t passed = (at - clusters[i - 1].at).count();
        const std::int64_t gap = next.gap.count();
        const std::int64_t thousandths = gap < 1'000'000 ? passed * 1000 / gap : passed / (gap / 1000);
        return {next.begin.stave,
                begin + static_cast<int>(std::clamp<std::int64_t>((next.begin.x - begin) * thousandths / 1000, 2,
                                                                  std::max(next.begin.x - begin - 2, 2)))};
    }
};

/// Makes the layout of one timeline.
class LayoutMaker {
public:
    explicit LayoutMaker(const Timeline& timeline) : timeline_{timeline} {}

    [[nodiscard]] Layout make() {
        prepare();
        for (const std::size_t index : result_.order) {
            place(index);
        }
        result_.staves = stave_ + 1;
        justify();
        for (const std::size_t index : result_.order) {
            const TimelineStep& step = timeline_.steps[index];
            Marker& marker = result_.markers[index];
            marker.until = step.until > step.at ? std::max(marker.at, result_.spot(step.until)) : marker.at;
        }
        return std::move(result_);
    }

private:
    void prepare() {
        const std::vector<TimelineStep>& steps = timeline_.steps;
        result_.lanes = timeline_.actors.size();
        int names = 0;
        for (const TimelineStep& step : steps) {
            result_.lanes = std::max(result_.lanes, lane_of(step.actor) + 1);
        }
        result_.active.assign(result_.lanes, false);
        for (const TimelineStep& step : steps) {
            result_.active[lane_of(step.actor)] = true;
        }
        for (const TimelineLease& lease : timeline_.leases) {
            if (lane_of(lease.actor) < result_.lanes) {
                result_.active[lane_of(lease.actor)] = true;
            }
        }
        for (const std::string& name : timeline_.actors) {
            names = std::max(names, text_width(name));
        }
        result_.left = std::clamp(names * 12 / 11 + 26, 76, 170);
        result_.markers.resize(steps.size());
        result_.order.resize(steps.size());
        std::iota(result_.order.begin(), result_.order.end(), std::size_t{0});
        std::stable_sort(result_.order.begin(), result_.order.end(),
                         [&](std::size_t a, std::size_t b) { return steps[a].at < steps[b].at; });
        free_.assign(result_.lanes, 0);
        flag_free_.assign(result_.lanes, 0);
    }

    [[nodiscard]] std::size_t lane_of(std::size_t actor) const { return std::min(actor, timeline_.actors.size()); }

    void place(std::size_t index) {
        const TimelineStep& step = timeline_.steps[index];
        const std::size_t lane = lane_of(step.actor);
        Marker& marker = result_.markers[index];
        marker.label = fitted(step.text, 190);
        marker.flag = fitted(step.fault, 440);
        const int label_width = text_width(marker.label) + (marker.flag.empty() ? 4 : 12);
        const int flag_width = marker.flag.empty() ? 0 : text_width(marker.flag) * 11 / 10 + 20;
        const int time_width = text_width(instant_text(step.at) + " s") * 11 / 10 + 8;
        std::vector<Cluster>& clusters = result_.clusters;
        const bool first = clusters.empty();
        const bool later = !first && clusters.back().at != step.at;

        const std::chrono::nanoseconds gap = later ? step.at - clusters.back().at : std::chrono::nanoseconds{};
        const int gap_width = std::max(text_width(span_text(gap)) + 8, 36);

        int x = first ? result_.left + 16 : x_ + 22;
        if (later) {
            x = std::max(x_ + 16 + gap_width + 16, time_free_);
        }
        x = std::max(x, free_[lane]);
        if (flag_width != 0) {
            x = std::max(x, flag_free_[lane]);
        }
        const bool turn = !first && x + std::max({label_width, flag_width, later ? time_width : 0}) > diagram_right;
        if (turn) {
            ++stave_;
            std::fill(free_.begin(), free_.end(), 0);
            std::fill(flag_free_.begin(), flag_free_.end(), 0);
            x = result_.left + 16 + (later ? gap_width : 0);
        }
        if (first || later || turn) {
            clusters.push_back({step.at, {stave_, x - 10}, {}, turn && !later, gap, turn && later});
            time_free_ = x + time_width;
        }
        marker.at = marker.until = {stave_, x};
        clusters.back().end = {stave_, x + 10};
        x_ = x;
        free_[lane] = x + label_width + 6;
        if (flag_width != 0) {
            flag_free_[lane] = x + flag_width + 4;
        }
    }

    /// Stretches the staves to the right, the last one only so much.
    void justify() {
        std::vector<int> used(result_.staves, 0);
        for (std::size_t i = 0; i < result_.markers.size(); ++i) {
            const Marker& marker = result_.markers[i];
            const int width = std::max(text_width(marker.label), text_width(marker.flag) * 11 / 10 + 20);
            used[marker.at.stave] = std::max(used[marker.at.stave], marker.at.x + width);
        }
        const auto stretch = [&](Spot& spot) {
            const int begin = result_.left + 16;
            const int room = std::max(used[spot.stave] - begin, 1);
            const bool last = spot.stave + 1 == result_.staves;
            const int wanted = std::min(diagram_right - begin, last ? room * 7 / 5 : diagram_width);
            if (spot.x > begin && wanted > room) {
                // Widths of texts do not grow, so this leaves a little of the room.
                spot.x = begin + (spot.x - begin) * wanted / room;
            }
        };
        for (Marker& marker : result_.markers) {
            stretch(marker.at);
        }
        for (Cluster& cluster : result_.clusters) {
            cluster.begin.x += 10;
            cluster.end.x -= 10;
            stretch(cluster.begin);
            stretch(cluster.end);
            cluster.begin.x -= 10;
            cluster.end.x += 10;
        }
    }

    const Timeline& timeline_;
    Layout result_{};
    std::vector<int> free_{};  // where the next label of a lane may begin
    std::vector<int> flag_free_{};
    int time_free_ = 0;
    int x_ = 0;
    std::size_t stave_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail::html
