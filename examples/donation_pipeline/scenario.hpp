// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/options.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

// Who takes part, and how fast: all numbers of the example in one place.

namespace donations {

using namespace std::chrono_literals;
using Duration = std::chrono::nanoseconds;

struct ProducerPlan {
    std::string name{};
    Duration message_delay{};  // how long each of its messages stays hidden at first
    Duration interval = 1s;
    std::uint64_t messages = 50;
};

struct ConsumerPlan {
    std::string name{};
    Duration visibility_timeout{};
    Duration work{};
    Duration long_work{};  // of every n-th message, none with zero
    std::uint64_t long_work_every = 0;
    Duration wait_time = 10s;
};

struct Scenario {
    sqsim::QueueOptions queue{.name = "donations", .delay = 5s, .message_retention_period = 24h};

    ProducerPlan slow_producer{.name = "Slow", .message_delay = 10s};
    ProducerPlan fast_producer{.name = "Fast", .message_delay = 2s};

    ConsumerPlan fast_consumer{.name = "fast", .visibility_timeout = 5s, .work = 2s};
    // Sometimes works longer than its visibility timeout, so that the message is delivered again meanwhile.
    ConsumerPlan slow_consumer{
        .name = "slow", .visibility_timeout = 20s, .work = 8s, .long_work = 25s, .long_work_every = 4};

    Duration sample_interval = 1s;
    Duration give_up_after = 1h;  // a pipeline that loses a message must fail, not hang

    [[nodiscard]] std::uint64_t messages() const { return slow_producer.messages + fast_producer.messages; }
    [[nodiscard]] std::size_t most_samples() const { return static_cast<std::size_t>(give_up_after / sample_interval); }
};

/// The same in a fraction of the time. The retention period stays: it plays no part, and has a minimum.
[[nodiscard]] inline Scenario sped_up(Scenario scenario, int speed) {
    scenario.queue.delay /= speed;
    for (ProducerPlan* plan : {&scenario.slow_producer, &scenario.fast_producer}) {
        plan->message_delay /= speed;
        plan->interval /= speed;
    }
    for (ConsumerPlan* plan : {&scenario.fast_consumer, &scenario.slow_consumer}) {
        plan->visibility_timeout /= speed;
        plan->work /= speed;
        plan->long_work /= speed;
        plan->wait_time /= speed;
    }
    scenario.sample_interval /= speed;
    scenario.give_up_after /= speed;
    return scenario;
}

}  // namespace donations
