// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/text.hpp"
#include "sqsim/detail/validate_message.hpp"
#include "sqsim/error.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/options.hpp"

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

// What the service refuses in queues and requests, with its codes and texts. Each check returns the error, or nothing.

namespace sqsim::inline SQSIM_ABI::detail {

/// An attribute of a queue (R5, with the reason that the service keeps to itself).
[[nodiscard]] inline MaybeError check_attribute(std::string_view name, Nanos value, Nanos least, Nanos most) {
    if (value >= least && value <= most) {
        return {};
    }
    return Error{Errc::invalid_attribute_value, "Invalid value for the parameter " + std::string{name} +
                                                    ". Reason: " + seconds_text(value) + " is not between " +
                                                    seconds_text(least) + " and " + seconds_text(most) + " seconds."};
}

[[nodiscard]] inline MaybeError check_attribute(std::string_view name, std::size_t value, std::size_t least,
                                                std::size_t most) {
    if (value >= least && value <= most) {
        return {};
    }
    return Error{Errc::invalid_attribute_value, "Invalid value for the parameter " + std::string{name} +
                                                    ". Reason: " + std::to_string(value) + " is not between " +
                                                    std::to_string(least) + " and " + std::to_string(most) + "."};
}

[[nodiscard]] inline MaybeError check_attribute(std::string_view name, int value, int least, int most) {
    if (value >= least && value <= most) {
        return {};
    }
    return Error{Errc::invalid_attribute_value, "Invalid value for the parameter " + std::string{name} +
                                                    ". Reason: " + std::to_string(value) + " is not between " +
                                                    std::to_string(least) + " and " + std::to_string(most) + "."};
}

[[nodiscard]] inline MaybeError check_probability(std::string_view name, double value) {
    if (value >= 0 && value <= 1) {
        return {};
    }
    return Error{Errc::invalid_attribute_value, "Invalid value for the parameter " + std::string{name} +
                                                    ". Reason: " + std::to_string(value) + " is not between 0 and 1."};
}

/// R16-R18; an empty name is allowed here, where a queue is an object and not a name.
[[nodiscard]] inline MaybeError check_name(std::string_view name, bool fifo) {
    constexpr std::string_view suffix = ".fifo";
    std::string_view stem = name;
    bool good = name.size() <= 80;
    if (fifo && !name.empty()) {
        good = good && name.size() > suffix.size() && name.ends_with(suffix);
        stem = name.substr(0, name.size() - (name.size() < suffix.size() ? name.size() : suffix.size()));
    }
    for (const char c : stem) {
        good = good && (is_ascii_letter_or_digit(c) || c == '-' || c == '_');
    }
    if (good) {
        return {};
    }
    return invalid(fifo ? "The name of a FIFO queue can only include alphanumeric characters, hyphens, or underscores, "
                          "must end with .fifo suffix and be 1 to 80 in length"
                        : "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length");
}

/// Limits that are counts: with less than one, no call that they are for could ever succeed.
[[nodiscard]] inline MaybeError check_limits(const Limits& limits) {
    constexpr int most = std::numeric_limits<int>::max();
    if (auto error = check_attribute("maximum_number_of_messages", limits.maximum_number_of_messages, 1, most)) {
        return error;
    }
    if (auto error = check_attribute("maximum_receive_count", limits.maximum_receive_count, 1, most)) {
        return error;
    }
    if (auto error = check_attribute("maximum_move_rate", limits.maximum_move_rate, 1, most)) {
        return error;
    }
    return check_attribute("fifo_backlog_window", limits.fifo_backlog_window, std::size_t{1}, unlimited);
}

/// What both kinds of queue are constructed with.
template <class Options>
[[nodiscard]] MaybeError check_queue_options(const Options& options, bool fifo) {
    const Limits& limits = options.limits;
    MaybeError error = check_name(options.name, fifo);
    const auto also = [&](auto check) {
        if (error) {
            return;
        }
        if (MaybeError found = check()) {
            error = std::move(found);
        }
    };
    also([&] { return check_limits(limits); });
    also([&] {
        return check_attribute("VisibilityTimeout", options.visibility_timeout, Nanos::zero(),
                               limits.maximum_visibility_timeout);
    });
    also([&] { return check_attribute("DelaySeconds", options.delay, Nanos::zero(), limits.maximum_delay); });
    also([&] {
        return check_attribute("MessageRetentionPeriod", options.message_retention_period,
                               limits.minimum_message_retention_period, limits.maximum_message_retention_period);
    });
    also([&] {
        return check_attribute("ReceiveMessageWaitTimeSeconds", options.receive_message_wait_time, Nanos::zero(),
                               limits.maximum_wait_time);
    });
    also([&] {
        return check_attribute("MaximumMessageSize", options.maximum_message_size, limits.minimum_message_size,
                               limits.maximum_message_size);
    });
    if constexpr (requires { options.delivery; }) {
        const DeliveryModel& model = options.delivery;
        also([&] { return check_probability("duplicate_probability", model.duplicate_probability); });
        also([&] { return check_probability("short_poll_miss_probability", model.short_poll_miss_probability); });
        also([&] { return check_probability("lost_delete_probability", model.lost_delete_probability); });
        also([&]() -> MaybeError {
            if (model.reorder_window >= 0) {
                return {};
            }
            return Error{Errc::invalid_attribute_value, "Invalid value for the parameter reorder_window. Reason: " +
                                                            std::to_string(model.reorder_window) + " is negative."};
        });
        const FairQueueThresholds& fair = options.fair_queue;
        also([&] { return check_probability("in_flight_share", fair.in_flight_share); });
        also([&] { return check_probability("processing_time_share", fair.processing_time_share); });
        also([&] {
            return check_attribute("minimum_processing_time", fair.minimum_processing_time, Nanos::zero(), never);
        });
        also([&] { return check_attribute("processing_time_window", fair.processing_time_window, Nanos{1}, never); });
        also([&] { return check_attribute("quiet_after", fair.quiet_after, Nanos::zero(), never); });
    } else {
        also([&] {
            return check_attribute("deduplication_interval", options.deduplication_interval, Nanos::zero(), never);
        });
        also([&] {
            return check_attribute("maximum_calls_per_second", options.maximum_calls_per_second, std::size_t{1},
                                   unlimited);
        });
        also([&] { return check_attribute("partitions", options.partitions, std::size_t{1}, std::size_t{1'000'000}); });
    }
    return error;
}

/// R84-R86.
[[nodiscard]] inline MaybeError check_receive(const ReceiveMessageOptions& options, const Limits& limits, bool fifo) {
    // The default asks for as many as there may be, also under a lower limit.
    const bool is_default = options.max_number_of_messages == ReceiveMessageOptions{}.max_number_of_messages;
    if (options.max_number_of_messages < 1 ||
        (options.max_number_of_messages > limits.maximum_number_of_messages && !is_default)) {
        return invalid_value(std::to_string(options.max_number_of_messages), "MaxNumberOfMessages",
                             "Must be between 1 and " + std::to_string(limits.maximum_number_of_messages) +
                                 ", if provided.");
    }
    const auto is_within = [](const std::optional<Nanos>& value, Nanos most) {
        return !value || (*value >= Nanos::zero() && *value <= most);
    };
    const auto beyond = [](const std::optional<Nanos>& value, std::string_view parameter, Nanos most) {
        return invalid_value(seconds_text(*value), parameter,
                             "Must be >= 0 and <= " + seconds_text(most) + ", if provided.");
    };
    if (!is_within(options.wait_time, limits.maximum_wait_time)) {
        return beyond(options.wait_time, "WaitTimeSeconds", limits.maximum_wait_time);
    }
    if (!is_within(options.visibility_timeout, limits.maximum_visibility_timeout)) {
        return beyond(options.visibility_timeout, "VisibilityTimeout", limits.maximum_visibility_timeout);
    }
    if (options.spin < Nanos::zero()) {
        return invalid_value(seconds_text(options.spin), "spin", "Must be >= 0.");
    }
    if (fifo && !options.receive_request_attempt_id.empty()) {  // a standard queue ignores it (R101)
        return check_identifier(options.receive_request_attempt_id, "ReceiveRequestAttemptId");
    }
    return {};
}

/// Throws if the options of a receive are bad. Almost always they are the default ones.
inline void require_good_receive(const ReceiveMessageOptions& options, const Limits& limits, bool fifo) {
    const bool is_default = options.max_number_of_messages == 10 && !options.wait_time && !options.visibility_timeout &&
                            options.spin == Nanos::zero() && options.receive_request_attempt_id.empty();
    if (!is_default) {
        raise_if(check_receive(options, limits, fifo));
    }
}

/// R116.
[[nodiscard]] inline MaybeError check_new_visibility(Nanos timeout, const Limits& limits) {
    if (timeout >= Nanos::zero() && timeout <= limits.maximum_visibility_timeout) {
        return {};
    }
    return invalid_value(seconds_text(timeout), "VisibilityTimeout",
                         "VisibilityTimeout must be an integer between 0 and " +
                             seconds_text(limits.maximum_visibility_timeout) + ".");
}

/// R120.
[[nodiscard]] inline Error beyond_total_visibility(Nanos timeout, const Limits& limits) {
    return *invalid_value(seconds_text(timeout), "VisibilityTimeout",
                          "Total VisibilityTimeout for the message is beyond the limit [" +
                              seconds_text(limits.maximum_visibility_timeout) + " seconds].");
}

/// R100; for a receive whose messages were deleted or changed since.
[[nodiscard]] inline Error attempt_is_void(const std::string& id) {
    return *invalid_value(id, "ReceiveRequestAttemptId",
                          "The receiveRequestAttemptId is not valid anymore since the receive call is not retryable.");
}

/// R106, or R113 for a handle of another queue.
[[nodiscard]] inline Error handle_is_invalid(const std::string& handle, bool of_another_queue) {
    return Error{Errc::receipt_handle_is_invalid,
                 of_another_queue ? "The receipt handle \"" + handle + "\" is not valid for this queue."
                                  : "The input receipt handle \"" + handle + "\" is not a valid receipt handle."};
}

/// R71, R72; `entry` names the batch, e.g. SendMessageBatchRequestEntry.
[[nodiscard]] inline MaybeError check_batch(std::size_t entries, std::string_view entry, const Limits& limits) {
    if (entries == 0) {
        return Error{Errc::empty_batch_request,
                     "There should be at least one " + std::string{entry} + " in the request."};
    }
    if (entries > limits.maximum_batch_entries) {
        return Error{Errc::too_many_entries_in_batch_request, "Maximum number of entries per request are " +
                                                                  std::to_string(limits.maximum_batch_entries) +
                                                                  ". You have sent " + std::to_string(entries) + "."};
    }
    return {};
}

[[gnu::always_inline]] inline void require_batch(std::size_t entries, std::string_view entry, const Limits& limits) {
    if (entries - 1 >= limits.maximum_batch_entries) [[unlikely]] {
        raise_if(check_batch(entries, entry, limits));
    }
}

/// R75: the constant of the service, not the queue's own maximum.
[[nodiscard]] inline MaybeError check_batch_size(std::size_t size, const Limits& limits) {
    if (size <= limits.maximum_batch_size) {
        return {};
    }
    return Error{Errc::batch_request_too_long, "Batch requests cannot be longer than " +
                                                   std::to_string(limits.maximum_batch_size) +
                                                   " bytes. You have sent " + std::to_string(size) + " bytes."};
}

/// R164, R165.
[[nodiscard]] inline MaybeError check_redrive_policy(std::string_view dead_letter_queue, int max_receive_count,
                                                     const Limits& limits) {
    if (max_receive_count >= 1 && max_receive_count <= limits.maximum_receive_count) {
        return {};
    }
    const std::string count = std::to_string(max_receive_count);
    return invalid_value(R"({"deadLetterTargetArn":")" + std::string{dead_letter_queue} + R"(","maxReceiveCount":)" +
                             count + "}",
                         "RedrivePolicy",
                         "Invalid value for maxReceiveCount: " + count + ", valid values are from 1 to " +
                             std::to_string(limits.maximum_receive_count) + " both inclusive.");
}

}  // namespace sqsim::inline SQSIM_ABI::detail
