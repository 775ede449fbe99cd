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

/// What a call is told that is one too many.
[[noreturn]] inline void raise_throttled() { raise(Errc::request_throttled, "Request is throttled."); }

/// The quota of calls of a FIFO queue (R159-R162): so many a second for each action, and for the sends of one group
/// so many as one partition serves. A second begins with the first call after the last one ended.
class Throttle {
public:
    Throttle(std::size_t calls_per_second, std::size_t partitions)
        : most_{calls_per_second}, partitions_(partitions > 1 && calls_per_second != unlimited ? partitions : 0) {}

    /// Counts a call when the clock shows `reading`. Returns: false if it is one too many; it does not count then.
    [[nodiscard]] bool count(Call call, Nanos reading) noexcept {
        return most_ == unlimited || count(calls_[static_cast<std::size_t>(call)], most_, time_.at(reading));
    }

    /// Counts a send to a group.
    [[nodiscard]] bool count_send(std::string_view group_id, Nanos reading) noexcept {
        if (most_ == unlimited) {
            return true;
        }
        const Nanos now = time_.at(reading);
        if (!partitions_.empty()) {
            const auto partition = static_cast<std::size_t>(fingerprint(group_id).low % partitions_.size());
            if (!count(partitions_[partition], fifo_calls_per_second, now)) {
                return false;
            }
        }
        return count(calls_[static_cast<std::size_t>(Call::send)], most_, now);
    }

private:
    struct Second {
        Nanos begin = Nanos::min();
        std::size_t calls = 0;
    };

    [[nodiscard]] static bool count(Second& second, std::size_t most, Nanos now) noexcept {
        const Nanos end = saturating_add(second.begin, std::chrono::seconds{1});
        if (now >= end && end != never) {
            second = {now, 0};
        }
        if (second.calls == most) {
            return false;
        }
        ++second.calls;
        return true;
    }

    std::size_t most_;
    ElapsedTime time_{};  // a second lasts a second, also if the clock is set back in it
    std::array<Second, 3> calls_{};
    std::vector<Second> partitions_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
