// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/error.hpp"
#include "sqsim/limits.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The actions that have a quota of their own.
enum class Call : std::uint8_t { send, receive, erase };

/// The quota of calls of a FIFO queue (R159-R162): so many a second for each action, and for the sends of one group
/// so many as one partition serves. A second begins with the first call after the last one ended.
class Throttle {
public:
    Throttle(std::size_t calls_per_second, std::size_t partitions)
        : most_{calls_per_second}, partitions_(partitions > 1 && calls_per_second != unlimited ? partitions : 0) {}

    /// Counts a call when the clock shows `reading`. Errors: throws `request_throttled` if it is one too many; it does
    /// not count then.
    void count(Call call, Nanos reading) {
        if (most_ != unlimited) {
            count(calls_[static_cast<std::size_t>(call)], most_, time_.at(reading));
        }
    }

    /// Counts a send to a group.
    void count_send(std::string_view group_id, Nanos reading) {
        if (most_ == unlimited) {
            return;
        }
        const Nanos now = time_.at(reading);
        if (!partitions_.empty()) {
            const auto partition = static_cast<std::size_t>(fingerprint(group_id).low % partitions_.size());
            count(partitions_[partition], fifo_calls_per_second, now);
        }
        count(calls_[static_cast<std::size_t>(Call::send)], most_, now);
    }

private:
    struct Second {
        Nanos begin = Nanos::min();
        std::size_t calls = 0;
    };

    static void count(Second& second, std::size_t most, Nanos now) {
        const Nanos end = saturating_add(second.begin, std::chrono::seconds{1});
        if (now >= end && end != never) {
            second = {now, 0};
        }
        if (second.calls == most) {
            raise(Errc::request_throttled, "Request is throttled.");
        }
        ++second.calls;
    }

    std::size_t most_;
    ElapsedTime time_{};  // a second lasts a second, also if the clock is set back in it
    std::array<Second, 3> calls_{};
    std::vector<Second> partitions_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
