// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <cstddef>
#include <limits>
#include <string_view>

namespace sqsim::inline SQSIM_ABI {

/// A number of messages or bytes that is never reached.
inline constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

/// How many calls a second and action a FIFO queue, or one partition of a high-throughput one, serves (R159, R161).
inline constexpr std::size_t fifo_calls_per_second = 300;

/// The same for a high-throughput FIFO queue in a region (R160).
[[nodiscard]] constexpr std::size_t fifo_high_throughput_calls_per_second(std::string_view region) noexcept {
    if (region == "us-east-1" || region == "us-west-2" || region == "eu-west-1") {
        return 70'000;
    }
    if (region == "us-east-2" || region == "eu-central-1") {
        return 19'000;
    }
    if (region == "ap-south-1" || region == "ap-southeast-1" || region == "ap-southeast-2" ||
        region == "ap-northeast-1") {
        return 9'000;
    }
    return region == "eu-west-2" || region == "sa-east-1" ? 4'500 : 2'400;
}

/// The quotas of the service (R219), each a field, so that an older account or a queue without limits can be had.
/// Durations may be fractions of seconds, unlike AWS's.
struct Limits {
    std::chrono::nanoseconds maximum_delay = std::chrono::seconds{900};                    // R45
    std::chrono::nanoseconds maximum_visibility_timeout = std::chrono::hours{12};          // R86, R116, R120
    std::chrono::nanoseconds minimum_message_retention_period = std::chrono::seconds{60};  // R193
    std::chrono::nanoseconds maximum_message_retention_period = std::chrono::hours{14 * 24};
    std::chrono::nanoseconds maximum_wait_time = std::chrono::seconds{20};  // R85
    std::size_t minimum_message_size = 1'024;                               // of `maximum_message_size`, R37-R40
    std::size_t maximum_message_size = 1'048'576;
    std::size_t maximum_batch_size = 1'048'576;   // bytes, R75
    int maximum_number_of_messages = 10;          // of one receive, R84
    std::size_t maximum_batch_entries = 10;       // R72
    std::size_t maximum_message_attributes = 10;  // R54
    std::size_t maximum_in_flight = 120'000;      // R102, R103
    std::size_t fifo_backlog_window = 120'000;    // how far a FIFO queue looks for available groups, R104
    int maximum_receive_count = 1'000;            // of a redrive policy, R164
    int maximum_move_rate = 500;                  // messages per second of a move task, R185
    bool check_characters = true;                 // whether a text body must be valid UTF-8 of allowed characters, R42

    /// The service's own limits.
    [[nodiscard]] static constexpr Limits aws() noexcept { return {}; }

    /// No limits at all but those of the types: a body has up to 4 GiB less one byte. Messages still need a body, and
    /// ids their form.
    [[nodiscard]] static constexpr Limits none() noexcept {
        constexpr auto forever = std::chrono::nanoseconds::max();
        return {.maximum_delay = forever,
                .maximum_visibility_timeout = forever,
                .minimum_message_retention_period = std::chrono::nanoseconds::zero(),
                .maximum_message_retention_period = forever,
                .maximum_wait_time = forever,
                .minimum_message_size = 0,
                .maximum_message_size = unlimited,
                .maximum_batch_size = unlimited,
                .maximum_number_of_messages = std::numeric_limits<int>::max(),
                .maximum_batch_entries = unlimited,
                .maximum_message_attributes = unlimited,
                .maximum_in_flight = unlimited,
                .fifo_backlog_window = unlimited,
                .maximum_receive_count = std::numeric_limits<int>::max(),
                .maximum_move_rate = std::numeric_limits<int>::max(),
                .check_characters = false};
    }

    friend constexpr bool operator==(const Limits&, const Limits&) noexcept = default;
};

}  // namespace sqsim::inline SQSIM_ABI
