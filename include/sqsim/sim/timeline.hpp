// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// One line of a timeline.
struct TimelineStep {
    enum class Kind : std::uint8_t {
        call,     ///< a call of a queue
        point,    ///< a point, an effect or a note in the consumer's code
        life,     ///< an actor starts, starts again, leaves
        service,  ///< what the queue did by itself
    };

    std::chrono::nanoseconds at{};
    std::chrono::nanoseconds until{};  // later than `at` if the step takes time: a sleep, a stall, a wait
    std::size_t actor = 0;             // index into Timeline::actors
    Kind kind = Kind::call;
    std::uint32_t message = 0;  // its number; 0: none
    bool copy = false;          // the copy of this message that a repetition of its send made
    std::string text{};         // "receive #2 (1st)"
    std::string fault{};        // the fault that happens here; empty if none

    friend bool operator==(const TimelineStep&, const TimelineStep&) = default;
};

/// A time during which a message was in flight for an actor.
struct TimelineLease {
    std::size_t actor = 0;
    std::uint32_t message = 0;
    bool copy = false;
    std::chrono::nanoseconds from{};
    std::chrono::nanoseconds until{};
    bool deleted = false;  // it ended with a delete, not by time

    friend bool operator==(const TimelineLease&, const TimelineLease&) noexcept = default;
};

/// An execution, for people: what every actor did, in virtual time.
struct Timeline {
    std::vector<std::string> actors{};  // the first is the scenario itself
    std::vector<TimelineStep> steps{};
    std::vector<TimelineLease> leases{};

    friend bool operator==(const Timeline&, const Timeline&) = default;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
