// SPDX-License-Identifier: MIT

#include <sqsim/sqsim.hpp>

// What a consumer sees first: the umbrella compiles without a warning, and a message gets through.
int main() {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    queue.send_message("hello");
    const auto message = queue.receive_message();
    return message && message->body() == "hello" && queue.delete_message(message->receipt_handle()) ? 0 : 1;
}
