// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/detail/priority_strategy.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/options.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/schedule_bound.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Gives the runs of a sample their strategies, if it chooses schedules, and measures what these guarantee.
///
/// The steps of an execution are not known beforehand. The first run has no change of priorities and counts them;
/// whenever a run has more than the changes were drawn from, a quarter more is drawn from, and the runs before do not
/// count any more.
class SampledSchedules {
public:
    explicit SampledSchedules(const SampleOptions& options)
        : seed_{options.seed}, has_faults_{options.kind_probability > 0 && options.fault_probability > 0 &&
                                           options.maximum_faults != 0 &&
                                           !options.offered.without(Fault::preempt).empty()} {
        if (options.pct_depth) {
            bound_.emplace();
            bound_->depth = static_cast<std::size_t>(*options.pct_depth);
        }
    }

    /// The settings of the runs, if these are the ones without schedules.
    [[nodiscard]] Settings settings(Settings settings) const {
        settings.chooses_actors = bound_.has_value();
        settings.offered = bound_ ? settings.offered.with(Fault::preempt) : settings.offered;
        return settings;
    }

    /// The strategy of a run: `faults`, or priorities, with them or alone.
    [[nodiscard]] Strategy& strategy(std::size_t run, Strategy& faults) {
        if (!bound_) {
            return faults;
        }
        is_without_faults_ = !has_faults_ || run % 2 == 0;
        priorities_.emplace(seed_, run, bound_->depth, steps(), is_without_faults_ ? nullptr : &faults);
        return *priorities_;
    }

    /// The run is over.
    void count_run() {
        if (!bound_) {
            return;
        }
        bound_->actors = std::max(bound_->actors, priorities_->actors());
        const bool has_more_steps = priorities_->steps() > steps();
        if (has_more_steps) {
            steps() = priorities_->steps() + priorities_->steps() / 4;
        }
        if (is_without_faults_) {
            bound_->steps = steps();
            bound_->runs = has_more_steps ? 0 : bound_->runs + 1;
        }
    }

    [[nodiscard]] const std::optional<ScheduleBound>& bound() const noexcept { return bound_; }

private:
    /// The first so many steps, which changes of priorities are drawn from.
    [[nodiscard]] std::size_t& steps() noexcept { return steps_[is_without_faults_ ? 0 : 1]; }

    std::uint64_t seed_;
    bool has_faults_;
    std::optional<ScheduleBound> bound_{};
    std::optional<PriorityStrategy> priorities_{};  // of the last run
    bool is_without_faults_ = true;
    std::array<std::size_t, 2> steps_{};  // of runs without faults, and of those with some
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
