// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstdint>

namespace sqsim::inline SQSIM_ABI {

/// How a standard queue misbehaves within what the service documents (R200-R203, R206). The same seed gives the same
/// history on every compiler, flag and machine. Probabilities are from 0 to 1; AWS publishes none.
///
/// No model loses an acknowledged message, delivers before the delay, or moves a message to the dead-letter queue
/// early. A lease is duplicated at most once, and a message survives at most one delete.
struct DeliveryModel {
    /// That a received message is delivered once more within its visibility timeout (R202).
    double duplicate_probability = 0;
    /// How many messages sent later may overtake a message (R201).
    int reorder_window = 0;
    /// That a short poll returns nothing, or fewer messages than it could (R90, R203). A long poll never misses: with 1
    /// only a long poll returns the last message.
    double short_poll_miss_probability = 0;
    /// That a successful delete leaves a copy behind, which is delivered after the visibility timeout (R200).
    double lost_delete_probability = 0;
    std::uint64_t seed = 0;

    /// Every message once, in the order sent: the default, so that tests are stable.
    [[nodiscard]] static constexpr DeliveryModel exact() noexcept { return {}; }

    /// Everything that may go wrong happens often.
    [[nodiscard]] static constexpr DeliveryModel adversarial(std::uint64_t seed) noexcept {
        return {.duplicate_probability = 0.25,
                .reorder_window = 8,
                .short_poll_miss_probability = 0.25,
                .lost_delete_probability = 0.125,
                .seed = seed};
    }

    friend constexpr bool operator==(const DeliveryModel&, const DeliveryModel&) noexcept = default;
};

}  // namespace sqsim::inline SQSIM_ABI
