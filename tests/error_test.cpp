// SPDX-License-Identifier: MIT
// Catches an error with another service's name or status, a text that differs from the recorded one, a Result that
// loses its value or its error, and a refused receive, handle, lease or policy that changed something all the same.

#include "send_support.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using send_support::FifoQueue;
using send_support::fill;
using send_support::outcome;
using send_support::picture;
using send_support::refusal;
using send_support::StandardQueue;
using sqsim::Errc;
using sqsim::Error;

namespace {

struct Names {
    Errc code;
    std::string_view shape;
    std::string_view query_code;
    int status;
};

// The table of the service's own model.
constexpr std::array table{
    Names{Errc::queue_does_not_exist, "QueueDoesNotExist", "AWS.SimpleQueueService.NonExistentQueue", 400},
    Names{Errc::queue_name_exists, "QueueNameExists", "QueueAlreadyExists", 400},
    Names{Errc::queue_deleted_recently, "QueueDeletedRecently", "AWS.SimpleQueueService.QueueDeletedRecently", 400},
    Names{Errc::purge_queue_in_progress, "PurgeQueueInProgress", "AWS.SimpleQueueService.PurgeQueueInProgress", 403},
    Names{Errc::batch_entry_ids_not_distinct, "BatchEntryIdsNotDistinct",
          "AWS.SimpleQueueService.BatchEntryIdsNotDistinct", 400},
    Names{Errc::batch_request_too_long, "BatchRequestTooLong", "AWS.SimpleQueueService.BatchRequestTooLong", 400},
    Names{Errc::empty_batch_request, "EmptyBatchRequest", "AWS.SimpleQueueService.EmptyBatchRequest", 400},
    Names{Errc::invalid_batch_entry_id, "InvalidBatchEntryId", "AWS.SimpleQueueService.InvalidBatchEntryId", 400},
    Names{Errc::too_many_entries_in_batch_request, "TooManyEntriesInBatchRequest",
          "AWS.SimpleQueueService.TooManyEntriesInBatchRequest", 400},
    Names{Errc::message_not_inflight, "MessageNotInflight", "AWS.SimpleQueueService.MessageNotInflight", 400},
    Names{Errc::unsupported_operation, "UnsupportedOperation", "AWS.SimpleQueueService.UnsupportedOperation", 400},
    Names{Errc::over_limit, "OverLimit", "OverLimit", 403},
    Names{Errc::request_throttled, "RequestThrottled", "RequestThrottled", 403},
    Names{Errc::invalid_security, "InvalidSecurity", "InvalidSecurity", 403},
    Names{Errc::receipt_handle_is_invalid, "ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404},
    Names{Errc::resource_not_found_exception, "ResourceNotFoundException", "ResourceNotFoundException", 404},
    Names{Errc::invalid_address, "InvalidAddress", "InvalidAddress", 404},
    Names{Errc::invalid_attribute_name, "InvalidAttributeName", "InvalidAttributeName", 400},
    Names{Errc::invalid_attribute_value, "InvalidAttributeValue", "InvalidAttributeValue", 400},
    Names{Errc::invalid_message_contents, "InvalidMessageContents", "InvalidMessageContents", 400},
    Names{Errc::invalid_id_format, "InvalidIdFormat", "InvalidIdFormat", 400},
    Names{Errc::kms_access_denied, "KmsAccessDenied", "KMS.AccessDeniedException", 400},
    Names{Errc::kms_disabled, "KmsDisabled", "KMS.DisabledException", 400},
    Names{Errc::kms_invalid_key_usage, "KmsInvalidKeyUsage", "KMS.InvalidKeyUsageException", 400},
    Names{Errc::kms_invalid_state, "KmsInvalidState", "KMS.InvalidStateException", 400},
    Names{Errc::kms_not_found, "KmsNotFound", "KMS.NotFoundException", 400},
    Names{Errc::kms_opt_in_required, "KmsOptInRequired", "KMS.OptInRequired", 403},
    Names{Errc::kms_throttled, "KmsThrottled", "KMS.ThrottlingException", 400},
    Names{Errc::invalid_parameter_value, "InvalidParameterValueException", "InvalidParameterValue", 400},
    Names{Errc::missing_parameter, "MissingRequiredParameterException", "MissingParameter", 400},
    Names{Errc::access_denied, "AccessDeniedException", "AccessDenied", 403},
    Names{Errc::throttling_exception, "ThrottlingException", "ThrottlingException", 403},
    Names{Errc::service_unavailable, "ServiceUnavailable", "ServiceUnavailable", 503},
    Names{Errc::internal_failure, "InternalFailure", "InternalFailure", 500},
    Names{Errc::invalid_action, "InvalidAction", "InvalidAction", 400},
};

std::string value_text(const std::string& value, const std::string& parameter, const std::string& reason) {
    return "InvalidParameterValue: Value " + value + " for parameter " + parameter + " is invalid. Reason: " + reason;
}

std::string handle_text(const std::string& handle) {
    return "ReceiptHandleIsInvalid: The input receipt handle \"" + handle + "\" is not a valid receipt handle.";
}

/// Runs the same checks on a standard and on a FIFO queue, each with a message in flight.
template <class Check>
void on_both(Check check) {
    {
        INFO("standard");
        sqsim::ManualClock clock;
        StandardQueue queue{clock, {.name = "queue"}};
        fill(queue);
        check(clock, queue);
    }
    {
        INFO("FIFO");
        sqsim::ManualClock clock;
        FifoQueue queue{clock, {.name = "queue.fifo"}};
        fill(queue);
        check(clock, queue);
    }
}

void send_one(StandardQueue& queue, const std::string& body) { queue.send_message(body); }
void send_one(FifoQueue& queue, const std::string& body) {
    queue.send_message(body, "group-of-" + body, {.message_deduplication_id = body});
}

}  // namespace

TEST_CASE("R222: each error has the service's shape, query code and status", "[error]") {
    for (const auto& names : table) {
        const Error error{names.code, "text"};
        CAPTURE(names.shape);
        CHECK(error.code() == names.code);
        CHECK(error.aws_shape() == names.shape);
        CHECK(error.aws_code() == names.query_code);
        CHECK(error.http_status() == names.status);
        CHECK(error.what() == "text"s);
    }
    // Only inside a batch result, and ours.
    CHECK(Error{Errc::empty_value, ""}.aws_code() == "EmptyValue");
    CHECK(Error{Errc::internal_error, ""}.aws_code() == "InternalError");
    CHECK(Error{Errc::queue_full, ""}.aws_code() == "QueueFull");

    // The table is complete: every enumerator is in it once.
    for (std::size_t i = 0; i < table.size(); ++i) {
        CHECK(static_cast<std::size_t>(table[i].code) == i);
    }
    CHECK(static_cast<std::size_t>(Errc::queue_full) == table.size() + 2);
}

TEST_CASE("errors are equal if code and text are", "[error]") {
    const Error error{Errc::over_limit, "text"};
    CHECK(error == Error{Errc::over_limit, "text"});
    CHECK_FALSE(error == Error{Errc::over_limit, "another text"});
    CHECK_FALSE(error == Error{Errc::request_throttled, "text"});
    CHECK(error != Error{Errc::over_limit, ""});
    const std::runtime_error& base = error;
    CHECK(base.what() == "text"s);
}

TEST_CASE("a Result is a value or an error", "[error][result]") {
    using Result = sqsim::Result<std::string>;
    const Error error{Errc::queue_full, "full"};
    const Result good{"value"s};
    const Result bad{error};

    CHECK(good.has_value());
    CHECK(static_cast<bool>(good));
    CHECK(*good == "value");
    CHECK(good->size() == 5);
    CHECK(good.value() == "value");
    CHECK(good.value_or("otherwise") == "value");

    CHECK_FALSE(bad.has_value());
    CHECK_FALSE(static_cast<bool>(bad));
    CHECK(bad.error() == error);
    CHECK(bad.value_or("otherwise") == "otherwise");
    CHECK(outcome([&] { return bad.value(); }) == "QueueFull: full");
    CHECK(outcome([&] { return Result{error}.value(); }) == "QueueFull: full");

    CHECK(good == Result{"value"s});
    CHECK_FALSE(good == Result{"another"s});
    CHECK_FALSE(good == bad);
    CHECK(bad == Result{error});
    CHECK_FALSE(bad == Result{Error{Errc::queue_full, "fuller"}});

    Result copy = good;
    CHECK(copy == good);
    copy = bad;
    CHECK(copy == bad);

    sqsim::Result<std::unique_ptr<int>> owner{std::make_unique<int>(3)};
    const std::unique_ptr<int> taken = std::move(owner).value();
    CHECK(*taken == 3);
}

TEST_CASE("R84: at most ten messages, at least one", "[error][receive]") {
    on_both([](auto&, auto& queue) {
        for (const int bad : {11, 0, -1, 1'000'000}) {
            const auto text =
                value_text(std::to_string(bad), "MaxNumberOfMessages", "Must be between 1 and 10, if provided.");
            CHECK(refusal(queue, [&] { return queue.receive_messages({.max_number_of_messages = bad}); }) == text);
            std::vector<typename std::remove_reference_t<decltype(queue)>::message_type> out(20);
            CHECK(refusal(queue, [&] { return queue.receive_messages(out, {.max_number_of_messages = bad}); }) == text);
            CHECK_FALSE(static_cast<bool>(out[0]));
        }
        CHECK(queue.receive_messages({.max_number_of_messages = 10}).size() == 1);
    });
}

TEST_CASE("R85: a wait time is 0 to 20 seconds", "[error][receive]") {
    on_both([](auto&, auto& queue) {
        const auto receive = [&](std::chrono::nanoseconds time) {
            return refusal(queue, [&] { return queue.receive_messages({.wait_time = time}); });
        };
        const auto reason = "Must be >= 0 and <= 20, if provided."s;
        CHECK(receive(21s) == value_text("21", "WaitTimeSeconds", reason));
        CHECK(receive(-1s) == value_text("-1", "WaitTimeSeconds", reason));
        CHECK(receive(20s + 1ns) == value_text("20.000000001", "WaitTimeSeconds", reason));
        CHECK(receive(-500ms) == value_text("-0.5", "WaitTimeSeconds", reason));
        CHECK(refusal(queue, [&] { return queue.receive_message({.wait_time = 21s}); }) ==
              value_text("21", "WaitTimeSeconds", reason));
        CHECK(outcome([&] { return queue.receive_messages({.wait_time = 20s}); }) == "accepted");
    });
}

TEST_CASE("R86: a visibility timeout of a receive is 0 to 43,200 seconds", "[error][receive]") {
    on_both([](auto& clock, auto& queue) {
        const auto receive = [&](std::chrono::nanoseconds timeout) {
            return refusal(queue, [&] { return queue.receive_messages({.visibility_timeout = timeout}); });
        };
        const auto reason = "Must be >= 0 and <= 43200, if provided."s;
        CHECK(receive(43'201s) == value_text("43201", "VisibilityTimeout", reason));
        CHECK(receive(-1s) == value_text("-1", "VisibilityTimeout", reason));
        CHECK(receive(12h + 1ms) == value_text("43200.001", "VisibilityTimeout", reason));
        CHECK(refusal(queue, [&] { return queue.receive_message({.visibility_timeout = 43'201s}); }) ==
              value_text("43201", "VisibilityTimeout", reason));
        const auto message = queue.receive_message({.visibility_timeout = 43'200s});
        REQUIRE(message.has_value());
        CHECK(message->visibility_deadline() == clock.now() + 12h);
    });
}

TEST_CASE("R84-R86: a refused receive deletes nothing on its way", "[error][receive]") {
    on_both([](auto& clock, auto& queue) {
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        const std::vector<sqsim::ReceiptHandle> done{message->receipt_handle()};
        std::vector<typename std::remove_reference_t<decltype(queue)>::message_type> out(3);
        CHECK(refusal(queue, [&] { return queue.delete_and_receive(done, out, {.max_number_of_messages = 11}); }) ==
              value_text("11", "MaxNumberOfMessages", "Must be between 1 and 10, if provided."));
        CHECK(refusal(queue, [&] { return queue.delete_and_receive(done, out, {.wait_time = 21s}); }) ==
              value_text("21", "WaitTimeSeconds", "Must be >= 0 and <= 20, if provided."));
        CHECK(refusal(queue, [&] { return queue.delete_and_receive(done, out, {.visibility_timeout = -1s}); }) ==
              value_text("-1", "VisibilityTimeout", "Must be >= 0 and <= 43200, if provided."));
        clock.advance(1s);
        CHECK(queue.delete_message(message->receipt_handle()) == sqsim::HandleResult{sqsim::HandleStatus::ok});
    });
}

TEST_CASE("A NUL in a value cuts no error short", "[error]") {
    const sqsim::Error error{sqsim::Errc::invalid_parameter_value, "Value a\0b is invalid."s};
    CHECK(std::string{error.what()} == "Value a\\u0000b is invalid.");
    CHECK_FALSE(error == sqsim::Error{sqsim::Errc::invalid_parameter_value, "Value a\0c is invalid."s});

    sqsim::ManualClock clock;
    FifoQueue queue{clock};
    fill(queue);
    const auto send = [&](const std::string& group, const std::string& id) {
        return refusal(queue, [&] { return queue.send_message("m", group, {.message_deduplication_id = id}); });
    };
    CHECK(send("a\0b"s, "id") == value_text("a\\u0000b", "MessageGroupId",
                                            "MessageGroupId can only include alphanumeric and punctuation "
                                            "characters. 1 to 128 in length."));
    CHECK(send("g", "\0"s) == value_text("\\u0000", "MessageDeduplicationId",
                                         "MessageDeduplicationId can only include alphanumeric and punctuation "
                                         "characters. 1 to 128 in length."));
    CHECK(refusal(queue, [&] { return queue.receive_message({.receive_request_attempt_id = "a\0"s}); }) ==
          value_text("a\\u0000", "ReceiveRequestAttemptId",
                     "ReceiveRequestAttemptId can only include alphanumeric and punctuation characters. 1 to 128 in "
                     "length."));
}

TEST_CASE("R106: a malformed handle is refused by every verb", "[error][handles]") {
    on_both([](auto&, auto& queue) {
        const sqsim::ReceiptHandle empty;
        const auto text = refusal(queue, [&] { return queue.delete_message(empty); });
        CHECK_THAT(text, Catch::Matchers::StartsWith("ReceiptHandleIsInvalid: The input receipt handle \""));
        CHECK_THAT(text, Catch::Matchers::EndsWith("\" is not a valid receipt handle."));
        CHECK(refusal(queue, [&] { return queue.change_message_visibility(empty, 10s); }) == text);
        CHECK_FALSE(sqsim::ReceiptHandle::from_string("garbage").has_value());
    });
}

TEST_CASE("R106: a well-formed handle that was never given out is refused", "[error][handles]") {
    using Parts = sqsim::detail::IdAccess;
    on_both([](auto&, auto& queue) {
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        const auto& handle = message->receipt_handle();
        const std::uint64_t of = Parts::queue(handle);
        const sqsim::detail::Place place{Parts::place(handle)};
        const auto forge = [of](std::uint32_t slot, std::uint32_t generation) {
            return Parts::handle(of, sqsim::detail::Place{slot, generation}.word());
        };
        for (const auto& forged :
             {forge(place.slot(), place.generation() + 1), forge(place.slot(), place.generation() + 1000),
              forge(place.slot() + 1000, place.generation()), forge(0xFFFF'FFFF, place.generation()),
              forge(place.slot(), 0)}) {
            CAPTURE(forged.to_string());
            CHECK(refusal(queue, [&] { return queue.delete_message(forged); }) == handle_text(forged.to_string()));
            CHECK(refusal(queue, [&] { return queue.change_message_visibility(forged, 10s); }) ==
                  handle_text(forged.to_string()));
        }
        CHECK(queue.delete_message(handle));
    });
}

TEST_CASE("R113: the handle of another queue is refused and names no message here", "[error][handles]") {
    sqsim::ManualClock clock;
    StandardQueue queue{clock};
    StandardQueue other{clock};
    fill(queue);
    fill(other);
    FifoQueue fifo{clock};
    fill(fifo);
    const auto handle = other.receive_message()->receipt_handle();
    const auto text =
        "ReceiptHandleIsInvalid: The receipt handle \"" + handle.to_string() + "\" is not valid for this queue.";
    CHECK(refusal(queue, [&] { return queue.delete_message(handle); }) == text);
    CHECK(refusal(queue, [&] { return queue.change_message_visibility(handle, 0s); }) == text);
    CHECK(refusal(fifo, [&] { return fifo.delete_message(handle); }) == text);
    CHECK(refusal(fifo, [&] { return fifo.change_message_visibility(handle, 0s); }) == text);
    CHECK(other.delete_message(handle));
}

TEST_CASE("R82, R113: in a batch a bad handle fails alone", "[error][handles][batch]") {
    using enum sqsim::HandleStatus;
    on_both([](auto&, auto& queue) {
        sqsim::ManualClock clock;
        StandardQueue other{clock};
        other.send_message("m");
        send_one(queue, "another");
        const auto mine = queue.receive_messages();
        REQUIRE(mine.size() == 2);
        const std::vector<sqsim::ReceiptHandle> handles{mine[0].receipt_handle(),
                                                        other.receive_message()->receipt_handle(),
                                                        sqsim::ReceiptHandle{}, mine[1].receipt_handle()};
        const auto deleted = queue.metrics().number_of_messages_deleted;
        const auto results = queue.delete_messages(handles);
        CHECK(results == std::vector<sqsim::HandleResult>{{ok}, {invalid}, {invalid}, {ok}});
        CHECK(queue.metrics().number_of_messages_deleted == deleted + 2);
    });
}

TEST_CASE("R116: a new visibility timeout is 0 to 43,200 seconds", "[error][visibility]") {
    on_both([](auto& clock, auto& queue) {
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        const auto change = [&](std::chrono::nanoseconds timeout) {
            return refusal(queue, [&] { return queue.change_message_visibility(message->receipt_handle(), timeout); });
        };
        const auto reason = "VisibilityTimeout must be an integer between 0 and 43200."s;
        CHECK(change(86'400s) == value_text("86400", "VisibilityTimeout", reason));
        CHECK(change(43'201s) == value_text("43201", "VisibilityTimeout", reason));
        CHECK(change(-1s) == value_text("-1", "VisibilityTimeout", reason));
        CHECK(change(-1ns) == value_text("-0.000000001", "VisibilityTimeout", reason));
        CHECK(change(std::chrono::nanoseconds::max()).starts_with("InvalidParameterValue: Value 9223372036.8547"));

        CHECK(queue.change_message_visibility(message->receipt_handle(), 43'200s));
        CHECK(queue.peek(message->message_id())->available_at == clock.now() + 12h);
        CHECK(queue.change_message_visibility(message->receipt_handle(), 250ms));
        CHECK(queue.peek(message->message_id())->available_at == clock.now() + 250ms);
    });
}

TEST_CASE("R120: a lease lasts at most 43,200 seconds in all, counted from its receive", "[error][visibility]") {
    on_both([](auto& clock, auto& queue) {
        clock.advance(1h);  // the sent time is irrelevant
        const auto message = queue.receive_message();
        REQUIRE(message.has_value());
        const auto change = [&](std::chrono::nanoseconds timeout) {
            return queue.change_message_visibility(message->receipt_handle(), timeout);
        };
        const auto refused = [&](std::chrono::nanoseconds timeout) {
            return refusal(queue, [&] { return change(timeout); });
        };
        const auto reason = "Total VisibilityTimeout for the message is beyond the limit [43200 seconds]."s;

        CHECK(change(43'200s));  // at the very instant of the receive
        clock.advance(5s);
        CHECK(refused(43'200s) == value_text("43200", "VisibilityTimeout", reason));
        CHECK(refused(43'195s + 1ns) == value_text("43195.000000001", "VisibilityTimeout", reason));
        CHECK(change(43'195s));
        clock.advance(43'175s);  // 20 seconds are left
        CHECK(refused(30s) == value_text("30", "VisibilityTimeout", reason));
        CHECK(queue.peek(message->message_id())->available_at == clock.now() + 20s);
        CHECK(change(10s));
        clock.advance(10s);

        // The next receive has the whole time again.
        for (const auto& next : queue.receive_messages()) {
            CHECK(queue.change_message_visibility(next.receipt_handle(), 43'200s));
        }
    });
}

TEST_CASE("R102: too many messages in flight fail a short poll of a standard queue", "[error][receive]") {
    sqsim::ManualClock clock;
    sqsim::Limits limits;
    limits.maximum_in_flight = 1;
    StandardQueue queue{clock, {.limits = limits}};
    fill(queue);
    const auto before = picture(queue);
    CHECK(outcome([&] { return queue.receive_messages(); }) ==
          "OverLimit: Too many messages have been received without being deleted. Please delete your received messages "
          "or let them timeout before receiving more.");
    CHECK(queue.counts() == before.counts);
    CHECK(queue.next_event() == before.next_event);
    CHECK(queue.metrics().number_of_messages_received == before.metrics.number_of_messages_received);
}

TEST_CASE("R164, R165: max_receive_count is 1 to 1,000", "[error][redrive]") {
    sqsim::ManualClock clock;
    StandardQueue dead{clock, {.name = "dead"}};
    StandardQueue unused{clock, {.name = "unused"}};
    StandardQueue queue{clock, {.visibility_timeout = 0s}};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});

    for (const int bad : {0, -1, 1001, 2'000'000'000}) {
        const auto text =
            refusal(queue, [&] { queue.set_redrive_policy({.dead_letter_queue = unused, .max_receive_count = bad}); });
        const auto number = std::to_string(bad);
        CHECK_THAT(text, Catch::Matchers::StartsWith("InvalidParameterValue: Value {"));
        CHECK(text.find("\"maxReceiveCount\":" + number + "}") != std::string::npos);
        CHECK_THAT(text, Catch::Matchers::EndsWith(
                             "} for parameter RedrivePolicy is invalid. Reason: Invalid value for maxReceiveCount: " +
                             number + ", valid values are from 1 to 1000 both inclusive."));
    }

    // The earlier policy still holds.
    queue.send_message("m");
    CHECK(queue.receive_message().has_value());
    CHECK_FALSE(queue.receive_message().has_value());
    CHECK(dead.counts().visible == 1);
    CHECK(unused.counts().total() == 0);

    CHECK(outcome([&] { queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1000}); }) ==
          "accepted");
}

TEST_CASE("R164, R165: the same on a FIFO queue", "[error][redrive][fifo]") {
    sqsim::ManualClock clock;
    FifoQueue dead{clock};
    FifoQueue queue{clock};
    fill(queue);
    for (const int bad : {0, 1001}) {
        CHECK_THAT(
            refusal(queue, [&] { queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = bad}); }),
            Catch::Matchers::EndsWith("Reason: Invalid value for maxReceiveCount: " + std::to_string(bad) +
                                      ", valid values are from 1 to 1000 both inclusive."));
    }
    CHECK(outcome([&] { return sqsim::start_message_move_task(dead); }) ==
          "InvalidParameterValue: Source queue must be configured as a Dead Letter Queue.");  // no policy came of it
}

TEST_CASE("R165: a dead-letter queue on another clock is refused", "[error][redrive]") {
    sqsim::ManualClock clock;
    sqsim::ManualClock another;
    StandardQueue queue{clock};
    StandardQueue dead{another};
    CHECK_THAT(refusal(queue, [&] { queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1}); }),
               Catch::Matchers::StartsWith("InvalidParameterValue: "));
}

TEST_CASE("R185: a move task moves 1 to 500 messages a second", "[error][move-task]") {
    sqsim::ManualClock clock;
    StandardQueue dead{clock};
    StandardQueue queue{clock};
    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    fill(dead);

    for (const int bad : {0, -1, 501}) {
        CHECK(refusal(dead,
                      [&] {
                          return sqsim::start_message_move_task(dead, queue,
                                                                {.max_number_of_messages_per_second = bad});
                      }) ==
              "InvalidParameterValue: Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You "
              "must enter a number that's between 1 and 500.");
        CHECK(sqsim::list_message_move_tasks(dead, 10).empty());
    }
    for (const int good : {1, 500}) {
        auto task = sqsim::start_message_move_task(dead, queue, {.max_number_of_messages_per_second = good});
        CHECK(task.max_number_of_messages_per_second() == good);
        task.cancel();
    }
}
