// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/sim/timeline.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Makes a timeline as short as people read it: a cycle of steps is shown once and counted, and of what is still too
/// long the middle is left out, but for the steps around the first faults. A short timeline stays as it is.
class TimelineFold {
public:
    static constexpr std::size_t longest_cycle = 64;  // in steps
    static constexpr std::size_t fewest_folded = 20;  // steps: fewer are no burden

    [[nodiscard]] static Timeline fold(const Timeline& timeline, std::size_t most_steps) {
        TimelineFold folding{timeline};
        folding.fold_cycles();
        folding.leave_out_middle(most_steps);
        folding.keep_leases();
        return std::move(folding.folded_);
    }

private:
    explicit TimelineFold(const Timeline& timeline) : timeline_{timeline} { folded_.actors = timeline.actors; }

    /// The text without the count of receives, which grows in every cycle: "receive #1 (3rd)".
    [[nodiscard]] static std::string_view without_count(std::string_view text) noexcept {
        const std::size_t open = text.rfind(" (");
        const bool has_count =
            open != std::string_view::npos && text.ends_with(')') && text[open + 2] >= '0' && text[open + 2] <= '9';
        return has_count ? text.substr(0, open) : text;
    }

    [[nodiscard]] static bool is_alike(const TimelineStep& a, const TimelineStep& b) noexcept {
        return a.fault.empty() && b.fault.empty() && a.actor == b.actor && a.kind == b.kind && a.message == b.message &&
               a.copy == b.copy && a.until - a.at == b.until - b.at && without_count(a.text) == without_count(b.text);
    }

    /// How many steps from `first` on repeat those `period` before them.
    [[nodiscard]] std::size_t repeated_steps(std::size_t first, std::size_t period) const noexcept {
        const std::vector<TimelineStep>& steps = timeline_.steps;
        std::size_t i = first + period;
        while (i < steps.size() && is_alike(steps[i - period], steps[i])) {
            ++i;
        }
        return i - std::min(i, first + period);
    }

    void fold_cycles() {
        const std::vector<TimelineStep>& steps = timeline_.steps;
        for (std::size_t i = 0; i < steps.size();) {
            std::size_t period = 1;
            std::size_t repeated = 0;
            for (; period <= longest_cycle && i + 2 * period <= steps.size(); ++period) {
                repeated = repeated_steps(i, period) / period * period;
                if (repeated >= std::max(fewest_folded, 3 * period)) {
                    break;
                }
                repeated = 0;
            }
            if (repeated == 0) {
                folded_.steps.push_back(steps[i++]);
                continue;
            }
            const auto first = steps.begin() + static_cast<std::ptrdiff_t>(i);
            folded_.steps.insert(folded_.steps.end(), first, first + static_cast<std::ptrdiff_t>(period));
            add_fold(i + period, i + period + repeated,
                     (period == 1 ? "this step" : "these " + std::to_string(period) + " steps") + std::string{" "} +
                         std::to_string(repeated / period) + " times more");
            i += period + repeated;
        }
    }

    /// One step for those from `first` up to `end`.
    void add_fold(std::size_t first, std::size_t end, std::string_view what) {
        TimelineStep fold;
        fold.at = timeline_.steps[first].at;
        fold.actor = timeline_.steps[first].actor;
        fold.kind = TimelineStep::Kind::life;
        fold.text = "... " + std::string{what} + ", until " +
                    sqsim::detail::seconds_text(std::max(timeline_.steps[end - 1].at, timeline_.steps[end - 1].until)) +
                    " s";
        folded_.steps.push_back(std::move(fold));
    }

    void leave_out_middle(std::size_t most_steps) {
        constexpr std::size_t around_fault = 3;
        constexpr std::size_t most_kept_faults = 10;
        std::vector<TimelineStep>& steps = folded_.steps;
        if (steps.size() <= most_steps) {
            return;
        }
        std::vector<bool> is_kept(steps.size());
        const auto keep = [&](std::size_t first, std::size_t end) {
            std::fill(is_kept.begin() + static_cast<std::ptrdiff_t>(first),
                      is_kept.begin() + static_cast<std::ptrdiff_t>(std::min(end, steps.size())), true);
        };
        const std::size_t last = most_steps / 4;
        keep(0, most_steps - last);
        keep(steps.size() - last, steps.size());
        std::size_t kept_faults = 0;
        for (std::size_t i = 0; i < steps.size() && kept_faults < most_kept_faults; ++i) {
            if (!steps[i].fault.empty()) {
                keep(i - std::min(i, around_fault), i + around_fault + 1);
                ++kept_faults;
            }
        }
        std::vector<TimelineStep> kept;
        for (std::size_t i = 0; i < steps.size();) {
            if (is_kept[i]) {
                kept.push_back(std::move(steps[i++]));
                continue;
            }
            const std::size_t first = i;
            while (!is_kept[i]) {
                ++i;
            }
            TimelineStep gap;
            gap.at = steps[first].at;
            gap.actor = steps[first].actor;
            gap.kind = TimelineStep::Kind::life;
            gap.text = "... " + std::to_string(i - first) + " steps left out";
            kept.push_back(std::move(gap));
        }
        steps = std::move(kept);
    }

    /// Those that began with a step that is still there.
    void keep_leases() {
        if (folded_.steps.size() == timeline_.steps.size()) {
            folded_.leases = timeline_.leases;
            return;
        }
        for (const TimelineLease& lease : timeline_.leases) {
            const auto begins = [&](const TimelineStep& step) {
                return step.at <= lease.from && lease.from <= std::max(step.at, step.until) &&
                       step.actor == lease.actor && step.message == lease.message;
            };
            const auto after =
                std::upper_bound(folded_.steps.begin(), folded_.steps.end(), lease.from,
                                 [](std::chrono::nanoseconds at, const TimelineStep& step) { return at < step.at; });
            if (std::any_of(folded_.steps.begin(), after, begins)) {
                folded_.leases.push_back(lease);
            }
        }
    }

    const Timeline& timeline_;
    Timeline folded_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
