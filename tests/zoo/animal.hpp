// SPDX-License-Identifier: MIT
#pragma once

#include <sqsim/sim/fault.hpp>
#include <sqsim/sim/world.hpp>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

// The zoo: consumers and producers with the bugs that people make with queues, and some without. Each is a scenario of
// one or two messages; the comment above it names the bug and the rows of the table of faults that bring it out.

namespace zoo {

using sqsim::sim::EffectOutcome;
using sqsim::sim::Fault;
using sqsim::sim::Faults;
using sqsim::sim::World;
using Message = sqsim::sim::SimMessage;
using Batch = std::vector<Message>;
using std::chrono::minutes;
using std::chrono::seconds;

/// How often something was done, by business key.
using Ledger = std::map<std::string, int>;
using Keys = std::set<std::string>;

/// A consumer with a bug.
struct Animal {
    std::string_view name;
    int faults;       // of the smallest plan that shows the bug
    int preemptions;  // of the same
    Faults family;    // the kinds that the bug is about: these alone show it, with as many faults
    void (*scenario)(World&);
    int choices = 0;  // of `sim::choose`, other than the first alternative
};

/// One without.
struct TameAnimal {
    std::string_view name;
    int faults;  // how many it is tried with
    void (*scenario)(World&);
};

/// All animals, each of three files compiled by itself: what is between a queue and a single consumer, what is more,
/// and what has to do with time, processes and their ends.
[[nodiscard]] std::vector<Animal> consumers();
[[nodiscard]] std::vector<Animal> systems();
[[nodiscard]] std::vector<Animal> deployments();

[[nodiscard]] inline std::string key_of(const Message& message) { return std::string{message.body()}; }

inline const sqsim::ReceiveMessageOptions long_poll{.wait_time = seconds{20}};

}  // namespace zoo
