// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/sim/timeline.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

// Stories for the tests of what shows them.

namespace samples {

using namespace std::chrono_literals;
using Kind = sqsim::sim::TimelineStep::Kind;

inline sqsim::sim::TimelineStep step(std::chrono::nanoseconds at, std::size_t actor, std::string text,
                                     std::uint32_t message = 0, Kind kind = Kind::call) {
    sqsim::sim::TimelineStep result;
    result.at = result.until = at;
    result.actor = actor;
    result.kind = kind;
    result.message = message;
    result.text = std::move(text);
    return result;
}

/// A consumer stands still until its lease has ended, and another charges for the same order.
inline sqsim::sim::Timeline stall() {
    sqsim::sim::Timeline timeline;
    timeline.actors = {"scenario", "consumer 1", "consumer 2"};
    timeline.steps = {step(0s, 0, "send #1", 1),
                      step(0s, 0, "send #2", 2),
                      step(0s, 1, "starts", 0, Kind::life),
                      step(0s, 2, "starts", 0, Kind::life),
                      step(0s, 1, "receive #2 (1st)", 2),
                      step(0s, 2, "receive #1 (1st)", 1),
                      step(0s, 2, "point charged", 1, Kind::point),
                      step(0s, 2, "delete #1: ok", 1),
                      step(0s, 1, "point charged", 2, Kind::point),
                      step(30s, 0, "#2 is visible again", 2, Kind::service),
                      step(30s, 2, "receive #2 (2nd)", 2),
                      step(30s, 2, "delete #2: ok", 2),
                      step(30s + 1ms, 1, "delete #2: gone", 2)};
    timeline.steps[8].until = 30s + 1ms;
    timeline.steps[8].fault = "consumer 1 stalls 30.001 s";
    timeline.leases = {{1, 2, false, 0s, 30s, false}, {2, 1, false, 0s, 0s, true}, {2, 2, false, 30s, 30s, true}};
    return timeline;
}

/// Everything a text may hold that means something to JSON, HTML or a terminal.
inline const std::string hostile =
    "\"\\</script></title><b onload='x'>&amp;\x01\x1b[31m\x7f\n\r\t\xff\xc0\xaf\xed\xa0\x80"
    "\xf5\x80\x80\x80 \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ${x} ]]> --> \xe2\x82";

/// The same story with hostile names and texts.
inline sqsim::sim::Timeline hostile_stall() {
    sqsim::sim::Timeline timeline = stall();
    for (std::string& actor : timeline.actors) {
        actor += hostile;
    }
    for (sqsim::sim::TimelineStep& step : timeline.steps) {
        step.text += hostile;
        step.fault += hostile;
    }
    return timeline;
}

}  // namespace samples
