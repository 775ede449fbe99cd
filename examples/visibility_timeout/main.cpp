// SPDX-License-Identifier: MIT

// What the visibility timeout does for a consumer, and to it: four stories on one virtual clock.

#include "sqsim/io/names.hpp"
#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <string>
#include <string_view>

using namespace std::chrono_literals;

namespace {

using Queue = sqsim::Queue<sqsim::ManualClock>;

/// Prints what happens, each line with its virtual time, and remembers whether all of it was as expected.
class Timeline {
public:
    explicit Timeline(const sqsim::ManualClock& clock) : clock_{clock} {}

    void story(std::string_view title) {
        std::cout << '\n' << title << '\n';
        begin_ = clock_.now();
    }

    void say(std::string_view what) const {
        const auto time = std::chrono::duration_cast<std::chrono::seconds>(clock_.now() - begin_);
        std::cout << std::setw(6) << time.count() << " s  " << what << '\n';
    }

    void expect(bool holds, std::string_view what) {
        say(std::string{what} + (holds ? "" : "   <-- NOT SO"));
        all_as_expected_ = all_as_expected_ && holds;
    }

    [[nodiscard]] bool all_as_expected() const { return all_as_expected_; }

private:
    const sqsim::ManualClock& clock_;
    sqsim::ManualClock::time_point begin_{};
    bool all_as_expected_ = true;
};

void a_consumer_fails(sqsim::ManualClock& clock, Timeline& timeline) {
    timeline.story("A consumer fails: the message comes back.");
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("resize photo 1");

    const auto first = queue.receive_message();
    timeline.expect(first && first->approximate_receive_count() == 1, "A receives the message (receive count 1)");
    clock.advance(10s);
    timeline.say("A crashes; it deletes nothing");
    timeline.expect(!queue.receive_message(), "B receives nothing: the message is in flight");
    clock.advance(20s);
    const auto second = queue.receive_message();
    timeline.expect(second && second->approximate_receive_count() == 2,
                    "the timeout has ended; B receives the message (receive count 2)");
    clock.advance(10s);
    timeline.expect(second && queue.delete_message(second->receipt_handle()), "B is done and deletes it");
}

void a_consumer_extends(sqsim::ManualClock& clock, Timeline& timeline) {
    timeline.story("A consumer needs longer: it extends the timeout while it works.");
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("transcode a film");

    const auto message = queue.receive_message();
    if (!message) {
        timeline.expect(false, "A receives the message");
        return;
    }
    timeline.say("A receives the message, in flight until 30 s");
    for (int beat = 0; beat < 3; ++beat) {
        clock.advance(20s);
        timeline.expect(bool{queue.change_message_visibility(message->receipt_handle(), 30s)},
                        "A is still at work: 30 s more from now");
    }
    clock.advance(20s);
    timeline.expect(!queue.receive_message(), "B has never seen the message");
    timeline.expect(bool{queue.delete_message(message->receipt_handle())}, "A is done and deletes it");
}

void a_handle_is_superseded(sqsim::ManualClock& clock, Timeline& timeline) {
    timeline.story("A consumer is too slow: its receipt handle is superseded.");
    Queue queue{clock, {.visibility_timeout = 30s}};
    queue.send_message("charge order 7");

    const auto first = queue.receive_message();
    timeline.say("A receives the message and works for 40 s");
    clock.advance(30s);
    const auto second = queue.receive_message();
    timeline.expect(second.has_value(), "the timeout has ended; B receives the message, too");
    clock.advance(10s);
    if (!first || !second) {
        return;
    }
    const sqsim::HandleResult late = queue.delete_message(first->receipt_handle());
    timeline.expect(late.status == sqsim::HandleStatus::superseded,
                    "A is done, but its delete does not count: " + std::string{sqsim::to_string(late.status)});
    clock.advance(10s);
    timeline.expect(bool{queue.delete_message(second->receipt_handle())}, "B is done and deletes the message");
    timeline.say("the order was charged twice, unless the handler is idempotent");
}

void a_message_is_poisonous(sqsim::ManualClock& clock, Timeline& timeline) {
    timeline.story("No consumer can handle a message: after three receives it becomes a dead letter.");
    Queue dead_letters{clock, {.name = "dead-letters"}};
    Queue queue{clock, {.name = "uploads", .visibility_timeout = 30s}};
    queue.set_redrive_policy({.dead_letter_queue = dead_letters, .max_receive_count = 3});
    queue.send_message("{ not JSON");

    while (const auto message = queue.receive_message()) {
        timeline.say("a consumer fails on it (receive count " + std::to_string(message->approximate_receive_count()) +
                     ")");
        clock.advance(30s);
    }
    timeline.expect(queue.counts().total() == 0, "the fourth attempt receives nothing");
    const auto dead = dead_letters.receive_message();
    timeline.expect(dead && dead->dead_letter_queue_source() == "uploads",
                    "the message is in the dead-letter queue: " + std::string{dead ? dead->body() : "?"});
}

}  // namespace

int main() {
    sqsim::ManualClock clock;
    Timeline timeline{clock};
    a_consumer_fails(clock, timeline);
    a_consumer_extends(clock, timeline);
    a_handle_is_superseded(clock, timeline);
    a_message_is_poisonous(clock, timeline);
    return timeline.all_as_expected() ? EXIT_SUCCESS : EXIT_FAILURE;
}
