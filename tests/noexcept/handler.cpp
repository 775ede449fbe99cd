// SPDX-License-Identifier: MIT

// The error handler of a build without exceptions may look at the queue that has called it, and use it: no lock is
// held. Each case is a process of its own, for it ends in the handler.

#include <sqsim/sqsim.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#if __has_include(<sys/wait.h>)
#    include <sys/wait.h>
#    include <unistd.h>
#endif

#if defined(WEXITSTATUS)
namespace {

using namespace std::chrono_literals;

using Queue = sqsim::Queue<sqsim::ManualClock, std::string, std::mutex>;
using FifoQueue = sqsim::FifoQueue<sqsim::ManualClock, std::string, std::mutex>;

sqsim::ManualClock the_clock;
Queue* standard = nullptr;
FifoQueue* fifo = nullptr;
sqsim::Errc expected{};

void look_and_end(const sqsim::Error& error) {
    if (standard != nullptr) {
        static_cast<void>(standard->metrics());
        static_cast<void>(standard->try_send_message("from the handler"));
        static_cast<void>(standard->describe());
    }
    if (fifo != nullptr) {
        static_cast<void>(fifo->metrics());
        static_cast<void>(fifo->peek(sqsim::MessageState::visible));
        static_cast<void>(fifo->describe());
    }
    ::_exit(error.code() == expected ? 0 : 3);
}

int failures = 0;

/// Runs `act()` in a process of its own, which must reach the handler, and the end of it.
template <class Act>
void expect(sqsim::Errc code, const char* what, Act act) {
    std::fflush(nullptr);
    const ::pid_t child = ::fork();
    if (child == 0) {
        ::alarm(10);  // a handler that waits for the queue's lock waits for ever
        expected = code;
        sqsim::set_error_handler(look_and_end);
        act();
        ::_exit(2);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        std::fprintf(stderr, "failed: %s (%s)\n", what,
                     WIFSIGNALED(status)        ? "it hangs or has crashed"
                     : WEXITSTATUS(status) == 2 ? "no error"
                                                : "another error");
        ++failures;
    }
}

template <class Act>
void expect_throttled(const char* what, Act act) {
    expect(sqsim::Errc::request_throttled, what, [&] {
        FifoQueue queue{the_clock, {.maximum_calls_per_second = 1}};
        fifo = &queue;
        queue.send_message("a", "g", {.message_deduplication_id = "1"});
        const auto message = queue.receive_message();
        queue.delete_message(message->receipt_handle());
        act(queue, message->receipt_handle());
    });
}

void standard_queue() {
    expect(sqsim::Errc::over_limit, "too many messages in flight", [] {
        Queue queue{the_clock, {.limits = {.maximum_in_flight = 1}}};
        standard = &queue;
        queue.send_message("a");
        queue.send_message("b");
        static_cast<void>(queue.receive_messages());
        static_cast<void>(queue.receive_messages());
    });
    expect(sqsim::Errc::queue_full, "a full queue", [] {
        Queue queue{the_clock, {.capacity = 1}};
        standard = &queue;
        queue.send_message("a");
        queue.send_message("b", {.delay = 1s});
    });
    expect(sqsim::Errc::receipt_handle_is_invalid, "a bad handle", [] {
        Queue queue{the_clock};
        standard = &queue;
        queue.delete_message({});
    });
}

void fifo_queue() {
    using Handle = sqsim::ReceiptHandle;
    expect_throttled("a throttled send", [](FifoQueue& queue, const Handle&) {
        queue.send_message("b", "g", {.message_deduplication_id = "2"});
    });
    expect_throttled("a throttled send with a trace header", [](FifoQueue& queue, const Handle&) {
        queue.send_message("b", "g", {.message_deduplication_id = "2", .aws_trace_header = "Root=1"});
    });
    expect_throttled("a throttled batch", [](FifoQueue& queue, const Handle&) {
        std::vector<sqsim::FifoSendMessageEntry<std::string>> entries{{"b", "g", {.message_deduplication_id = "2"}}};
        static_cast<void>(queue.send_messages(entries));
    });
    expect_throttled("a throttled batch with a trace header", [](FifoQueue& queue, const Handle&) {
        std::vector<sqsim::FifoSendMessageEntry<std::string>> entries{
            {"b", "g", {.message_deduplication_id = "2", .aws_trace_header = "Root=1"}}};
        static_cast<void>(queue.send_messages(entries));
    });
    expect_throttled("a throttled receive",
                     [](FifoQueue& queue, const Handle&) { static_cast<void>(queue.receive_message()); });
    expect_throttled("a throttled delete",
                     [](FifoQueue& queue, const Handle& handle) { queue.delete_message(handle); });
    expect_throttled("a throttled batch of deletes", [](FifoQueue& queue, const Handle& handle) {
        static_cast<void>(queue.delete_messages(std::span{&handle, 1}));
    });
    expect(sqsim::Errc::invalid_parameter_value, "an attempt that is void", [] {
        FifoQueue queue{the_clock};
        fifo = &queue;
        queue.send_message("a", "g", {.message_deduplication_id = "1"});
        const auto message = queue.receive_message({.receive_request_attempt_id = "attempt"});
        queue.delete_message(message->receipt_handle());
        static_cast<void>(queue.receive_message({.receive_request_attempt_id = "attempt"}));
    });
}

}  // namespace

int main() {
    standard_queue();
    fifo_queue();
    return failures == 0 ? 0 : 1;
}
#else
int main() {}
#endif
