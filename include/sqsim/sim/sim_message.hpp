// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/message.hpp"
#include "sqsim/sim/point.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// A received message in a simulated world: as `Message`, but it belongs to the world and ends with the execution. So a
/// consumer whose process ends without any clean-up leaves nothing behind.
class SimMessage {
public:
    using body_type = std::string;
    using time_point = ManualClock::time_point;

    SimMessage() noexcept = default;
    SimMessage(const Message<std::string, time_point>& message, const detail::MessageRef& reference) noexcept
        : message_{&message}, reference_{reference} {}

    explicit operator bool() const noexcept { return message_ != nullptr; }

    [[nodiscard]] std::string_view body() const noexcept { return looked_at().body(); }
    [[nodiscard]] MessageId message_id() const noexcept { return looked_at().message_id(); }
    [[nodiscard]] const ReceiptHandle& receipt_handle() const noexcept { return message_->receipt_handle(); }
    [[nodiscard]] std::uint32_t approximate_receive_count() const noexcept {
        return message_->approximate_receive_count();
    }
    [[nodiscard]] time_point sent_at() const noexcept { return message_->sent_at(); }
    [[nodiscard]] time_point first_received_at() const noexcept { return message_->first_received_at(); }
    [[nodiscard]] time_point visibility_deadline() const noexcept { return message_->visibility_deadline(); }
    [[nodiscard]] const MessageAttributes& message_attributes() const noexcept {
        return message_->message_attributes();
    }
    [[nodiscard]] std::string_view aws_trace_header() const noexcept { return message_->aws_trace_header(); }
    [[nodiscard]] std::string_view message_group_id() const noexcept { return message_->message_group_id(); }
    [[nodiscard]] std::string_view message_deduplication_id() const noexcept {
        return message_->message_deduplication_id();
    }
    [[nodiscard]] std::optional<SequenceNumber> sequence_number() const noexcept { return message_->sequence_number(); }
    [[nodiscard]] std::optional<std::string_view> dead_letter_queue_source() const noexcept {
        return message_->dead_letter_queue_source();
    }

    /// How the world calls the message.
    [[nodiscard]] const detail::MessageRef& reference() const noexcept { return reference_; }

private:
    /// A point without a message is about the one that its consumer looked at last.
    [[nodiscard]] const Message<std::string, time_point>& looked_at() const noexcept {
        if (detail::simulation_hooks != nullptr) {
            detail::simulation_hooks->look_at(reference_);
        }
        return *message_;
    }

    const Message<std::string, time_point>* message_ = nullptr;
    detail::MessageRef reference_{};
};

/// A stored message of a dead-letter queue.
struct DeadLetter {
    std::string body{};
    int receives_lost_to_faults = 0;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
