// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/registry.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// "#2", or "#2b" for the second message of a send that was repeated.
[[nodiscard]] inline std::string subject_text(Subject subject) {
    return "#" + std::to_string(subject / 2) + (subject % 2 != 0 ? "b" : "");
}

/// Writes down a run's story if somebody wants to read it; else costs next to nothing.
class Story {
public:
    Story(Timeline* timeline, const ManualClock& clock) noexcept : timeline_{timeline}, clock_{clock} {}

    [[nodiscard]] bool is_told() const noexcept { return timeline_ != nullptr; }

    void add_actor(const std::string& name) {
        if (is_told()) {
            timeline_->actors.push_back(name);
        }
    }

    /// Adds a step of an actor, with the text that `make` returns. Returns where it is.
    template <class Make>
    std::size_t tell(const Actor& actor, TimelineStep::Kind kind, Subject subject, Make make) {
        if (!is_told()) {
            return 0;
        }
        TimelineStep step;
        step.at = step.until = now();
        step.actor = actor.index;
        step.kind = kind;
        step.message = subject / 2;
        step.copy = subject % 2 != 0;
        step.text = make();
        timeline_->steps.push_back(std::move(step));
        return timeline_->steps.size() - 1;
    }

    /// Adds to the text of a step what came of it.
    template <class Make>
    void amend(std::size_t step, Make make) {
        if (is_told()) {
            timeline_->steps[step].text += make();
        }
    }

    /// The last step of an actor takes until then.
    void lasts_until(const Actor& actor, Nanos until) {
        if (TimelineStep* const step = last_of(actor)) {
            step->until = until;
        }
    }

    /// In the last step of an actor something goes other than best.
    void deviates(const Actor& actor, Fault fault) {
        if (is_told()) {
            const FaultInfo& kind = info(fault);
            add_deviation(actor, std::string{kind.word} + ": " + std::string{kind.basis});
        }
    }
    void stalls(const Actor& actor, Nanos until) {
        if (is_told()) {
            const bool past = !actor.leases.empty() && actor.last_deadline(now()).value_or(now()) < until;
            add_deviation(actor, "stall: it stands still for " + duration_text(until - now()) +
                                     (past ? ", past the end of its lease" : ""));
            lasts_until(actor, until);
        }
    }

    void leases(const Actor& actor, Subject subject, Nanos until) {
        if (is_told()) {
            timeline_->leases.push_back({actor.index, subject / 2, subject % 2 != 0, now(), until, false});
        }
    }
    /// The actor's lease of a message ends, or will end, then.
    void lease_ends(const Actor& actor, Subject subject, Nanos until, bool deleted) {
        if (is_told()) {
            for (auto lease = timeline_->leases.rbegin(); lease != timeline_->leases.rend(); ++lease) {
                if (lease->actor == actor.index && lease->message == subject / 2 && lease->copy == (subject % 2 != 0)) {
                    lease->until = until;
                    lease->deleted = deleted;
                    return;
                }
            }
        }
    }

private:
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }

    [[nodiscard]] TimelineStep* last_of(const Actor& actor) noexcept {
        if (is_told()) {
            for (auto step = timeline_->steps.rbegin(); step != timeline_->steps.rend(); ++step) {
                if (step->actor == actor.index) {
                    return &*step;
                }
            }
        }
        return nullptr;
    }

    void add_deviation(const Actor& actor, const std::string& text) {
        if (TimelineStep* const step = last_of(actor)) {
            step->deviation += (step->deviation.empty() ? "" : "; ") + text;
        }
    }

    Timeline* timeline_;
    const ManualClock& clock_;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
