// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/io/html_layout.hpp"
#include "sqsim/io/trace.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>
#include <tuple>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail::html {

/// A lease's bar; bars that overlap are in different rows of the actor's lane.
struct Bar {
    std::size_t lease = 0;
    Spot from{};
    Spot until{};
    bool open = false;  // beyond the end of the run
    std::size_t row = 0;
};

/// Finds the steps that began and ended the leases of a timeline, and a row for each bar.
class BarPlacer {
public:
    BarPlacer(const Timeline& timeline, const Layout& layout)
        : timeline_{timeline}, layout_{layout}, rows_free_(layout.lanes) {}

    [[nodiscard]] std::vector<Bar> place() {
        const std::chrono::nanoseconds end = end_of(timeline_);
        std::vector<std::size_t> order(timeline_.leases.size());
        std::iota(order.begin(), order.end(), std::size_t{0});
        std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
            return timeline_.leases[a].from < timeline_.leases[b].from;
        });
        std::vector<Bar> bars;
        for (const std::size_t index : order) {
            const TimelineLease& lease = timeline_.leases[index];
            const std::size_t lane = std::min(lease.actor, timeline_.actors.size());
            if (lane < layout_.lanes && !layout_.clusters.empty()) {
                Bar bar{index, begin_of(lease), {}, lease.until > end, 0};
                bar.until = std::max(end_of_bar(lease, bar.from), Spot{bar.from.stave, bar.from.x + 22});
                bar.row = free_row(rows_free_[lane], bar);
                bars.push_back(bar);
            }
        }
        return bars;
    }

private:
    /// Whose steps are looked at: another actor than the lease's may have deleted the message.
    enum class Whose { ours, messages, actors };

    /// Whether a step of several messages names this one.
    [[nodiscard]] static bool mentions(std::string_view text, std::string_view name) noexcept {
        for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
            const char next = at + name.size() < text.size() ? text[at + name.size()] : ' ';
            if (!sqsim::detail::is_ascii_letter_or_digit(next)) {
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] static bool matches(const TimelineLease& lease, const TimelineStep& step, Whose whose) {
        const bool message = (step.message == lease.message && step.copy == lease.copy) ||
                             mentions(step.text, message_name(lease.message, lease.copy));
        const bool actor = step.actor == lease.actor;
        return (message || whose == Whose::actors) && (actor || whose == Whose::messages);
    }

    /// One receive begins at most one lease of a message.
    [[nodiscard]] bool is_taken(std::size_t index, const TimelineLease& lease) {
        const std::tuple use{index, lease.message, lease.copy};
        const bool taken = std::find(taken_.begin(), taken_.end(), use) != taken_.end();
        taken_.push_back(use);
        return taken;
    }

    /// At the receive, or where its wait ends.
    [[nodiscard]] Spot begin_of(const TimelineLease& lease) {
        for (const std::size_t index : layout_.order) {
            const TimelineStep& step = timeline_.steps[index];
            if (step.at == lease.from && step.text.starts_with("receive") && matches(lease, step, Whose::ours) &&
                !is_taken(index, lease)) {
                return layout_.markers[index].at;
            }
        }
        return layout_.spot(lease.from);
    }

    [[nodiscard]] Spot end_of_bar(const TimelineLease& lease, Spot from) const {
        if (lease.deleted) {
            for (const Whose whose : {Whose::ours, Whose::messages, Whose::actors}) {
                if (const Marker* const marker = last_delete(lease, from, whose); marker != nullptr) {
                    return marker->at;
                }
            }
        }
        return layout_.spot(lease.until);
    }

    /// The last delete of those that follow each other: the first may have got lost.
    [[nodiscard]] const Marker* last_delete(const TimelineLease& lease, Spot from, Whose whose) const {
        const Marker* last = nullptr;
        for (const std::size_t index : layout_.order) {
            const TimelineStep& step = timeline_.steps[index];
            const Marker& marker = layout_.markers[index];
            if (step.at != lease.until || marker.at <= from || !matches(lease, step, whose)) {
                continue;
            }
            if (last != nullptr && step.text.starts_with("receive")) {
                break;
            }
            last = step.text.starts_with("delete") ? &marker : last;
        }
        return last;
    }

    [[nodiscard]] static std::size_t free_row(std::vector<Spot>& rows, const Bar& bar) {
        std::size_t row = 0;
        while (row < rows.size() && rows[row] > bar.from) {
            ++row;
        }
        rows.resize(std::max(rows.size(), row + 1));
        rows[row] = {bar.until.stave, bar.until.x + 4};
        return row;
    }

    const Timeline& timeline_;
    const Layout& layout_;
    std::vector<std::tuple<std::size_t, std::uint32_t, bool>> taken_{};  // receives that began a lease
    std::vector<std::vector<Spot>> rows_free_;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail::html
