// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/detail/site.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

using Nanos = std::chrono::nanoseconds;

/// "#2", or "#2b" for the second message of a send that was repeated.
[[nodiscard]] inline std::string subject_text(Subject subject) {
    return "#" + std::to_string(subject / 2) + (subject % 2 != 0 ? "b" : "");
}

/// Writes the timeline of an execution if somebody wants to read it; else costs next to nothing.
class TimelineWriter {
public:
    TimelineWriter(Timeline* timeline, const ManualClock& clock) noexcept : timeline_{timeline}, clock_{clock} {}

    [[nodiscard]] bool is_writing() const noexcept { return timeline_ != nullptr; }

    /// How many steps there are.
    [[nodiscard]] std::size_t size() const noexcept { return timeline_ != nullptr ? timeline_->steps.size() : 0; }

    void add_actor(const std::string& name) {
        if (is_writing()) {
            timeline_->actors.push_back(name);
        }
    }

    /// Adds a step of an actor, with the text that `make` returns. Returns where it is.
    template <class Make>
    std::size_t add_step(std::size_t actor, TimelineStep::Kind kind, Subject subject, Make make) {
        if (!is_writing()) {
            return 0;
        }
        TimelineStep step;
        step.at = step.until = now();
        step.actor = actor;
        step.kind = kind;
        step.message = subject / 2;
        step.copy = subject % 2 != 0;
        step.text = make();
        timeline_->steps.push_back(std::move(step));
        return timeline_->steps.size() - 1;
    }

    /// Adds to the text of a step what came of it.
    template <class Make>
    void append(std::size_t step, Make make) {
        if (is_writing()) {
            timeline_->steps[step].text += make();
        }
    }

    /// The last step of an actor takes until then.
    void lasts_until(std::size_t actor, Nanos until) {
        if (TimelineStep* const step = last_of(actor)) {
            step->until = until;
        }
    }

    /// Marks the last step of an actor as the one in which a fault happens.
    void mark_fault(std::size_t actor, Fault fault) {
        if (is_writing()) {
            const FaultInfo& kind = info(fault);
            add_fault(actor, std::string{kind.word} + ": " + std::string{kind.description});
        }
    }
    /// Those that are ready go first; with `place` != 0 only the one at that place, whose name it is, goes before them.
    void mark_preemption(std::size_t actor, std::size_t place, const std::string& name) {
        if (place == 0) {
            mark_fault(actor, Fault::preempt);
        } else if (is_writing()) {
            add_fault(actor, "preempt: " + name + " goes first");
        }
    }
    /// An actor goes on before the one whose turn it would be.
    void add_switch(std::size_t actor, const std::string& other) {
        if (is_writing()) {
            add_step(actor, TimelineStep::Kind::life, 0, [] { return std::string{"goes on"}; });
            add_fault(actor, "preempt: it goes before " + other);
        }
    }
    void mark_choice(std::size_t actor, const std::string& text) {
        if (is_writing()) {
            add_fault(actor, text);
        }
    }
    void mark_stall(std::size_t actor, Nanos until, bool is_past_lease) {
        if (is_writing()) {
            add_fault(actor, "stall: it stands still for " + duration_text(until - now()) +
                                 (is_past_lease ? ", past the end of its lease" : ""));
            lasts_until(actor, until);
        }
    }
    void mark_outage(std::size_t actor, Nanos until) {
        if (is_writing()) {
            add_fault(actor, "outage: all consumers end here and start again after " + duration_text(until - now()));
        }
    }

    void add_lease(std::size_t actor, Subject subject, Nanos until) {
        if (is_writing()) {
            timeline_->leases.push_back({actor, subject / 2, subject % 2 != 0, now(), until, false});
        }
    }
    /// An actor's lease of a message ends, or will end, then.
    void end_lease(std::size_t actor, Subject subject, Nanos until, bool deleted) {
        if (is_writing()) {
            for (auto lease = timeline_->leases.rbegin(); lease != timeline_->leases.rend(); ++lease) {
                if (lease->actor == actor && lease->message == subject / 2 && lease->copy == (subject % 2 != 0)) {
                    lease->until = until;
                    lease->deleted = deleted;
                    return;
                }
            }
        }
    }

private:
    [[nodiscard]] Nanos now() const noexcept { return clock_.now().time_since_epoch(); }

    [[nodiscard]] TimelineStep* last_of(std::size_t actor) noexcept {
        if (is_writing()) {
            for (auto step = timeline_->steps.rbegin(); step != timeline_->steps.rend(); ++step) {
                if (step->actor == actor) {
                    return &*step;
                }
            }
        }
        return nullptr;
    }

    void add_fault(std::size_t actor, const std::string& text) {
        if (TimelineStep* const step = last_of(actor)) {
            step->fault += (step->fault.empty() ? "" : "; ") + text;
        }
    }

    Timeline* timeline_;
    const ManualClock& clock_;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
