// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

namespace sqsim::inline SQSIM_ABI {

/// Every error of the service (section "Code table" of the rules), and `queue_full`, which is ours alone.
enum class Errc : std::uint8_t {
    queue_does_not_exist,
    queue_name_exists,
    queue_deleted_recently,
    purge_queue_in_progress,
    batch_entry_ids_not_distinct,
    batch_request_too_long,
    empty_batch_request,
    invalid_batch_entry_id,
    too_many_entries_in_batch_request,
    message_not_inflight,
    unsupported_operation,
    over_limit,
    request_throttled,
    invalid_security,
    receipt_handle_is_invalid,
    resource_not_found_exception,
    invalid_address,
    invalid_attribute_name,
    invalid_attribute_value,
    invalid_message_contents,
    invalid_id_format,
    kms_access_denied,
    kms_disabled,
    kms_invalid_key_usage,
    kms_invalid_state,
    kms_not_found,
    kms_opt_in_required,
    kms_throttled,
    invalid_parameter_value,
    missing_parameter,
    access_denied,
    throttling_exception,
    service_unavailable,
    internal_failure,
    invalid_action,
    empty_value,     ///< only inside a batch result (R78)
    internal_error,  ///< only inside a batch result
    queue_full,      ///< a send to a queue whose `capacity` is used up
};

namespace detail {

struct ErrorNames {
    std::string_view shape;       // the exception of the JSON protocol
    std::string_view query_code;  // what SDKs report as the error code
    int http_status;
};

inline constexpr std::array<ErrorNames, 38> error_names{{
    {"QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400},
    {"QueueNameExists", "QueueAlreadyExists", 400},
    {"QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400},
    {"PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403},
    {"BatchEntryIdsNotDistinct", "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400},
    {"BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400},
    {"EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400},
    {"InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400},
    {"TooManyEntriesInBatchRequest", "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400},
    {"MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400},
    {"UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400},
    {"OverLimit", "OverLimit", 403},
    {"RequestThrottled", "RequestThrottled", 403},
    {"InvalidSecurity", "InvalidSecurity", 403},
    {"ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404},
    {"ResourceNotFoundException", "ResourceNotFoundException", 404},
    {"InvalidAddress", "InvalidAddress", 404},
    {"InvalidAttributeName", "InvalidAttributeName", 400},
    {"InvalidAttributeValue", "InvalidAttributeValue", 400},
    {"InvalidMessageContents", "InvalidMessageContents", 400},
    {"InvalidIdFormat", "InvalidIdFormat", 400},
    {"KmsAccessDenied", "KMS.AccessDeniedException", 400},
    {"KmsDisabled", "KMS.DisabledException", 400},
    {"KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400},
    {"KmsInvalidState", "KMS.InvalidStateException", 400},
    {"KmsNotFound", "KMS.NotFoundException", 400},
    {"KmsOptInRequired", "KMS.OptInRequired", 403},
    {"KmsThrottled", "KMS.ThrottlingException", 400},
    {"InvalidParameterValueException", "InvalidParameterValue", 400},
    {"MissingRequiredParameterException", "MissingParameter", 400},
    {"AccessDeniedException", "AccessDenied", 403},
    {"ThrottlingException", "ThrottlingException", 403},
    {"ServiceUnavailable", "ServiceUnavailable", 503},
    {"InternalFailure", "InternalFailure", 500},
    {"InvalidAction", "InvalidAction", 400},
    {"EmptyValue", "EmptyValue", 400},
    {"InternalError", "InternalError", 500},
    {"QueueFull", "QueueFull", 400},
}};

[[nodiscard]] inline std::string without_nul(std::string text) {
    for (auto at = text.find('\0'); at != std::string::npos; at = text.find('\0', at)) {
        text.replace(at, 1, "\\u0000");
    }
    return text;
}

}  // namespace detail

/// What a call reports when the service would answer it with an error: AWS's code and AWS's text.
class Error : public std::runtime_error {
public:
    /// A NUL in the text, as part of a bad value, becomes \u0000: `what()` would end there.
    Error(Errc code, const std::string& text) : std::runtime_error{detail::without_nul(text)}, code_{code} {}

    [[nodiscard]] Errc code() const noexcept { return code_; }

    /// The code that SDKs report, e.g. "AWS.SimpleQueueService.EmptyBatchRequest" or "InvalidParameterValue".
    [[nodiscard]] std::string_view aws_code() const noexcept { return names().query_code; }

    /// The exception's name in the JSON protocol, e.g. "EmptyBatchRequest" or "InvalidParameterValueException".
    [[nodiscard]] std::string_view aws_shape() const noexcept { return names().shape; }

    [[nodiscard]] int http_status() const noexcept { return names().http_status; }

    friend bool operator==(const Error& a, const Error& b) noexcept {
        return a.code_ == b.code_ && std::string_view{a.what()} == std::string_view{b.what()};
    }

private:
    [[nodiscard]] const detail::ErrorNames& names() const noexcept {
        return detail::error_names[static_cast<std::size_t>(code_)];
    }

    Errc code_;
};

/// Called with the error just before the program ends, in builds without exceptions.
using ErrorHandler = void (*)(const Error&);

namespace detail {

inline void print_error(const Error& error) {
    std::fprintf(stderr, "sqsim: %.*s: %s\n", static_cast<int>(error.aws_code().size()), error.aws_code().data(),
                 error.what());
}

inline std::atomic<ErrorHandler> error_handler{&print_error};

/// Reports a caller's bug: throws, or without exceptions calls the handler and ends the program.
[[noreturn]] inline void raise(const Error& error) {
#if SQSIM_EXCEPTIONS
    throw error;
#else
    error_handler.load()(error);
    std::abort();
#endif
}

[[noreturn]] inline void raise(Errc code, const std::string& text) { raise(Error{code, text}); }

/// Reports a misuse with an exception of the standard library; without exceptions ends the program.
template <class Exception>
[[noreturn]] void raise_standard(const std::string& text) {
#if SQSIM_EXCEPTIONS
    throw Exception{text};
#else
    std::fprintf(stderr, "sqsim: %s\n", text.c_str());
    std::abort();
#endif
}

/// Ends the program if a precondition that only a bug can break does not hold.
inline void require(bool holds, const char* precondition) noexcept {
    if (!holds) {
        std::fprintf(stderr, "sqsim: precondition violated: %s\n", precondition);
        std::abort();
    }
}

}  // namespace detail

/// Replaces the handler that builds without exceptions call before they end the program. Returns the previous one.
inline ErrorHandler set_error_handler(ErrorHandler handler) noexcept { return detail::error_handler.exchange(handler); }

/// A value, or the error that a correct program must be ready for. Shaped like `std::expected`, which the supported
/// compilers do not have.
template <class T>
class [[nodiscard]] Result {
public:
    using value_type = T;
    using error_type = Error;

    Result(T value) : state_{std::in_place_index<0>, std::move(value)} {}      // NOLINT: implicit on purpose
    Result(Error error) : state_{std::in_place_index<1>, std::move(error)} {}  // NOLINT: implicit on purpose

    [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return has_value(); }

    /// The value. Errors: throws the error if there is none.
    [[nodiscard]] const T& value() const& { return checked(); }
    [[nodiscard]] T&& value() && { return std::move(const_cast<T&>(checked())); }

    /// The value. Precondition: `has_value()`.
    [[nodiscard]] const T& operator*() const noexcept { return *std::get_if<0>(&state_); }
    [[nodiscard]] const T* operator->() const noexcept { return std::get_if<0>(&state_); }

    /// The error. Precondition: `!has_value()`.
    [[nodiscard]] const Error& error() const noexcept { return *std::get_if<1>(&state_); }

    template <class U>
    [[nodiscard]] T value_or(U&& otherwise) const& {
        return has_value() ? **this : static_cast<T>(std::forward<U>(otherwise));
    }

    friend bool operator==(const Result&, const Result&) = default;

private:
    [[nodiscard]] const T& checked() const {
        if (!has_value()) {
            detail::raise(error());
        }
        return **this;
    }

    std::variant<T, Error> state_;
};

}  // namespace sqsim::inline SQSIM_ABI
