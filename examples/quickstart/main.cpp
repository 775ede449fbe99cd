// SPDX-License-Identifier: MIT

// The shortest complete program: send, receive, delete. Time stands still unless the program moves it.

#include "sqsim/sqsim.hpp"

#include <chrono>
#include <iostream>

int main() {
    using namespace std::chrono_literals;

    sqsim::ManualClock clock;
    sqsim::Queue queue{clock, {.name = "greetings", .visibility_timeout = 30s}};

    const auto sent =
        queue.send_message("Hello, queue!", {.delay = 5s, .message_attributes = {{"Author", {.value = "Ada"}}}});
    std::cout << "sent " << sent.message_id.to_string() << '\n';

    std::cout << "at 0 s: " << (queue.receive_message() ? "a message" : "nothing, the message is delayed") << '\n';
    clock.advance(5s);

    const auto message = queue.receive_message();
    if (!message) {
        return 1;
    }
    std::cout << "at 5 s: \"" << message->body() << "\" from " << message->message_attributes().at("Author").value
              << ", in flight: " << queue.counts().in_flight << '\n';

    const auto deleted = queue.delete_message(message->receipt_handle());
    std::cout << "deleted: " << (deleted ? "yes" : "no") << ", left: " << queue.counts().total() << '\n';
    return deleted ? 0 : 1;
}
