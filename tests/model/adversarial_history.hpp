// SPDX-License-Identifier: MIT
#pragma once

// A fixed random program on a queue that misbehaves, folded into one number: the same on every compiler, or the promise
// of `DeliveryModel` ("the same seed gives the same history") is broken.

#include "model/driver.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

namespace model {

inline std::uint64_t adversarial_history(std::uint64_t seed, std::size_t operations = 5'000) {
    using namespace std::chrono_literals;
    sqsim::ManualClock clock;
    Standard::Queue dead{clock};
    Standard::Queue queue{clock, {.visibility_timeout = 5s, .delivery = sqsim::DeliveryModel::adversarial(seed)}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 4});
    Random random{seed};
    History history;
    std::deque<sqsim::ReceiptHandle> handles;
    for (std::size_t i = 0; i < operations; ++i) {
        const std::uint64_t bits = random.next();
        const auto pick = [&] { return handles[bits / 64 % handles.size()]; };
        switch (bits % 8) {
        case 0:
        case 1:
            history.add(
                queue.send_message("m" + std::to_string(i), {.delay = bits / 8 % 3 * 1s}).message_id.to_string());
            break;
        case 2:
        case 3:
        case 4:
            for (const auto& message : queue.receive_messages(
                     {.max_number_of_messages = static_cast<int>(1 + bits / 8 % 4), .wait_time = bits / 64 % 4 * 1s})) {
                history.add(message.body());
                history.add(message.approximate_receive_count());
                history.add(static_cast<std::uint64_t>(message.first_received_at().time_since_epoch().count()));
                handles.push_back(message.receipt_handle());
            }
            break;
        case 5:
        case 6:
            if (!handles.empty()) {
                const auto status = bits / 16 % 4 != 0
                                        ? queue.delete_message(pick()).status
                                        : queue.change_message_visibility(pick(), bits / 8 % 7 * 1s).status;
                history.add(static_cast<std::uint64_t>(status));
            }
            break;
        default:
            clock.advance(bits / 8 % 3000 * 1ms);
            break;
        }
        while (handles.size() > 20) {
            handles.pop_front();
        }
        const auto counts = queue.counts();
        history.add(counts.visible);
        history.add(counts.in_flight);
        history.add(counts.delayed);
        history.add(dead.counts().visible);
    }
    return history.hash();
}

}  // namespace model
