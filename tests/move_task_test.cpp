// SPDX-License-Identifier: MIT

// Catches a move task that moves too fast, too slow, out of order or to the wrong queue, that does not end or ends in
// the wrong state, and a redriven message that is still the old one.

#include "catch.hpp"
#include "fifo_support.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/queue.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using fifo::at;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::receive;
using fifo::take;
using sqsim::MoveTaskStatus;
using sqsim::QueueCounts;
using sqsim::start_message_move_task;

namespace {

using Queue = sqsim::Queue<Clock>;

void send(Queue& queue, std::string_view body) { queue.send_message(body); }
void send(fifo::Queue& queue, std::string_view body) { fifo::send(queue, body, body.substr(0, body.find('-'))); }

/// A source with a dead-letter queue, on a clock of their own.
template <class AnyQueue = Queue>
struct Scene {
    explicit Scene(const Bodies& dead_letters) {
        source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        dead_letter(source, dead_letters);
    }

    /// Lets messages become dead letters: each is received once and moved by the next receive.
    static void dead_letter(AnyQueue& queue, const Bodies& all) {
        for (const auto& body : all) {
            send(queue, body);
            REQUIRE(take(queue, 1, 0s) == Bodies{body});
            REQUIRE(take(queue).empty());
        }
    }

    static constexpr const char* suffix = std::is_same_v<AnyQueue, Queue> ? "" : ".fifo";
    Clock clock;
    AnyQueue dead{clock, {.name = std::string{"dead"} + suffix}};
    AnyQueue source{clock, {.name = std::string{"source"} + suffix}};
    AnyQueue other{clock, {.name = std::string{"other"} + suffix}};
};

Bodies numbered(int count) {
    Bodies all;
    for (int i = 1; i <= count; ++i) {
        all.push_back("m" + std::to_string(i));
    }
    return all;
}

template <class Start>
std::pair<sqsim::Errc, std::string> error_of(Start start) {
    try {
        start();
    } catch (const sqsim::Error& error) {
        return {error.code(), error.what()};
    }
    return {sqsim::Errc::internal_failure, "nothing was thrown"};
}

/// A clock that runs by itself as far as the library can tell: nobody tells a queue that it has moved.
struct HandClock {
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<HandClock, duration>;
    [[nodiscard]] time_point now() const { return time_point{elapsed}; }
    duration elapsed{};
};

}  // namespace

TEST_CASE("R183: the source of a task must be the dead-letter queue of some queue", "[move-task]") {
    Clock clock;
    Queue plain{clock};
    Queue other{clock};
    const std::pair expected{sqsim::Errc::invalid_parameter_value,
                             std::string{"Source queue must be configured as a Dead Letter Queue."}};
    CHECK(error_of([&] { start_message_move_task(plain); }) == expected);
    CHECK(error_of([&] { start_message_move_task(plain, other); }) == expected);

    other.set_redrive_policy({.dead_letter_queue = plain, .max_receive_count = 1});
    CHECK(error_of([&] { start_message_move_task(other); }) == expected);  // a source is none
    CHECK_NOTHROW(start_message_move_task(plain));
    other.clear_redrive_policy();  // "currently"
    CHECK(error_of([&] { start_message_move_task(plain); }) == expected);
}

TEST_CASE("R184: only one task of a source runs at a time", "[move-task]") {
    Scene<> scene{numbered(3)};
    auto first = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    const std::pair expected{sqsim::Errc::invalid_parameter_value,
                             std::string{"There is already a task running. Only one active task is allowed for a "
                                         "source queue arn at a given time."}};
    CHECK(error_of([&] { start_message_move_task(scene.dead); }) == expected);
    CHECK(error_of([&] { start_message_move_task(scene.dead, scene.other); }) == expected);

    SECTION("after a cancel another may start") {
        first.cancel();
        const auto second = start_message_move_task(scene.dead);
        CHECK(second.status() == MoveTaskStatus::completed);
        CHECK(second.approximate_number_of_messages_moved() == 2);
    }
    SECTION("after the end another may start") {
        scene.clock.advance(3s);
        CHECK(first.status() == MoveTaskStatus::completed);
        CHECK_NOTHROW(start_message_move_task(scene.dead));
    }
    SECTION("tasks of two sources run beside each other") {
        Queue second_dead{scene.clock};
        scene.other.set_redrive_policy({.dead_letter_queue = second_dead, .max_receive_count = 1});
        Scene<>::dead_letter(scene.other, {"x", "y"});
        const auto second = start_message_move_task(second_dead, {.max_number_of_messages_per_second = 1});
        CHECK(second.status() == MoveTaskStatus::running);
        CHECK(first.status() == MoveTaskStatus::running);
        scene.clock.advance(5s);
        CHECK(second.status() == MoveTaskStatus::completed);
        CHECK(first.status() == MoveTaskStatus::completed);
    }
}

TEST_CASE("R185: the rate is 1 to 500 messages per second", "[move-task]") {
    Scene<> scene{{}};
    for (const int bad : {0, -1, 501}) {
        CAPTURE(bad);
        CHECK(error_of([&] {
                  start_message_move_task(scene.dead, {.max_number_of_messages_per_second = bad});
              }).first == sqsim::Errc::invalid_parameter_value);
    }
    for (const int good : {1, 500}) {
        auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = good});
        CHECK(task.max_number_of_messages_per_second() == good);
        task.cancel();
    }
    CHECK_FALSE(start_message_move_task(scene.dead).max_number_of_messages_per_second());
}

TEST_CASE("R185: choice: without a rate everything is moved at once", "[move-task]") {
    Scene<> scene{numbered(25)};
    scene.clock.advance(5s);
    const auto task = start_message_move_task(scene.dead);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_moved() == 25);
    CHECK(task.approximate_number_of_messages_to_move() == 25);
    CHECK(task.started_at() == at(5s));
    CHECK(scene.dead.counts() == QueueCounts{});
    CHECK(scene.source.counts() == QueueCounts{25, 0, 0});
}

TEST_CASE("R185: choice: with a rate the first message moves at once, the next ones each at its instant",
          "[move-task]") {
    Scene<> scene{numbered(5)};
    scene.clock.advance(10s);
    const auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 2});
    const auto moved = [&] { return scene.source.counts().visible; };
    CHECK(moved() == 1);
    for (std::size_t done = 1; done < 5; ++done) {
        scene.clock.advance(500ms - 1ns);
        CHECK(moved() == done);
        CHECK(task.approximate_number_of_messages_moved() == done);
        CHECK(task.status() == MoveTaskStatus::running);
        scene.clock.advance(1ns);
        CHECK(moved() == done + 1);
        CHECK(scene.dead.counts().visible == 4 - done);
    }
    CHECK(task.status() == MoveTaskStatus::running);
    scene.clock.advance(500ms);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_moved() == 5);
}

TEST_CASE("R185: no second sees more messages than the rate allows", "[move-task]") {
    const int rate = GENERATE(1, 3, 7, 500);
    CAPTURE(rate);
    Scene<> scene{numbered(rate * 2 + 1)};
    const auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = rate});
    const auto allowed = static_cast<std::size_t>(rate);
    scene.clock.advance(1s - 1ns);
    CHECK(scene.source.counts().visible == allowed);
    scene.clock.advance(1s);
    CHECK(scene.source.counts().visible == 2 * allowed);
    scene.clock.advance(1ns);
    CHECK(scene.source.counts().visible == 2 * allowed + 1);
}

TEST_CASE("R191, R185: one long advance gives every message its own instant", "[move-task]") {
    Scene<> scene{numbered(4)};
    start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    scene.clock.advance(1min);
    const auto moved = receive(scene.source);
    REQUIRE(bodies(moved) == numbered(4));
    for (std::size_t i = 0; i < moved.size(); ++i) {
        CHECK(moved[i].sent_at() == at(std::chrono::seconds{i}));
    }
}

TEST_CASE("R187: without a destination each message returns to its own source", "[move-task]") {
    Scene<> scene{{"a1"}};
    scene.other.set_redrive_policy({.dead_letter_queue = scene.dead, .max_receive_count = 1});
    Scene<>::dead_letter(scene.other, {"b1"});
    Scene<>::dead_letter(scene.source, {"a2"});
    Scene<>::dead_letter(scene.other, {"b2"});
    const auto task = start_message_move_task(scene.dead);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_moved() == 4);
    CHECK(take(scene.source) == Bodies{"a1", "a2"});
    CHECK(take(scene.other) == Bodies{"b1", "b2"});
}

TEST_CASE("R187: with a destination all messages go there", "[move-task]") {
    Scene<> scene{{"a", "b"}};
    Queue elsewhere{scene.clock};
    const auto task = start_message_move_task(scene.dead, elsewhere);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(take(elsewhere) == Bodies{"a", "b"});
    CHECK(scene.source.counts() == QueueCounts{});
}

TEST_CASE("R187: choice: a source cannot be its own destination", "[move-task]") {
    Scene<> scene{{"a"}};
    CHECK(error_of([&] { start_message_move_task(scene.dead, scene.dead); }).first ==
          sqsim::Errc::invalid_parameter_value);
    CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
}

TEST_CASE("R187: a destination on another clock object is refused: two clocks never meet", "[move-task]") {
    Scene<> scene{{"a"}};
    Clock another;
    Queue far{another};
    CHECK(error_of([&] { start_message_move_task(scene.dead, far); }).first == sqsim::Errc::invalid_parameter_value);
    CHECK(far.counts() == QueueCounts{});
    CHECK(scene.dead.counts() == QueueCounts{1, 0, 0});
}

TEST_CASE("R188: the list has the newest task first, one unless asked for more, at most ten", "[move-task]") {
    Scene<> scene{{}};
    CHECK(sqsim::list_message_move_tasks(scene.dead).empty());
    std::vector<sqsim::MessageMoveTask<Queue>> started;
    for (int i = 0; i < 12; ++i) {
        scene.clock.advance(1s);
        started.push_back(start_message_move_task(scene.dead));
    }
    const auto newest = sqsim::list_message_move_tasks(scene.dead);
    REQUIRE(newest.size() == 1);
    CHECK(newest[0] == started[11]);
    CHECK(newest[0].started_at() == at(12s));

    const auto three = sqsim::list_message_move_tasks(scene.dead, 3);
    REQUIRE(three.size() == 3);
    CHECK(three[0] == started[11]);
    CHECK(three[1] == started[10]);
    CHECK(three[2] == started[9]);

    const auto all = sqsim::list_message_move_tasks(scene.dead, 100);
    REQUIRE(all.size() == 10);
    CHECK(all[9] == started[2]);
    CHECK(sqsim::list_message_move_tasks(scene.source, 10).empty());
}

TEST_CASE("R188: a listed task is the task that was started", "[move-task]") {
    Scene<> scene{numbered(3)};
    start_message_move_task(scene.dead, scene.other,
                            {.max_number_of_messages_per_second = 1});  // runs without a handle
    scene.clock.advance(1s);
    auto listed = sqsim::list_message_move_tasks(scene.dead);
    REQUIRE(listed.size() == 1);
    CHECK(listed[0].status() == MoveTaskStatus::running);
    CHECK(listed[0].max_number_of_messages_per_second() == 1);
    CHECK(listed[0].approximate_number_of_messages_moved() == 2);
    CHECK(listed[0].approximate_number_of_messages_to_move() == 3);
    CHECK(listed[0].started_at() == at(0s));
    CHECK(listed[0].failure_reason().empty());
    CHECK(listed[0].cancel() == 2);
    CHECK(sqsim::list_message_move_tasks(scene.dead)[0].status() == MoveTaskStatus::cancelled);
}

TEST_CASE("R189: choice: a cancel takes effect at once, says how many were moved, and moves nothing back",
          "[move-task]") {
    Scene<> scene{numbered(10)};
    auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    scene.clock.advance(1s);
    CHECK(task.cancel() == 2);
    CHECK(task.status() == MoveTaskStatus::cancelled);
    scene.clock.advance(1h);
    CHECK(task.approximate_number_of_messages_moved() == 2);
    CHECK(task.approximate_number_of_messages_to_move() == 10);
    CHECK(task.failure_reason().empty());
    CHECK(scene.source.counts() == QueueCounts{2, 0, 0});
    CHECK(scene.dead.counts() == QueueCounts{8, 0, 0});
    CHECK(task.cancel() == 2);  // and again
}

TEST_CASE("R189: choice: a cancel after the end changes nothing", "[move-task]") {
    Scene<> scene{numbered(3)};
    auto task = start_message_move_task(scene.dead);
    REQUIRE(task.status() == MoveTaskStatus::completed);
    CHECK(task.cancel() == 3);
    CHECK(task.status() == MoveTaskStatus::completed);
}

TEST_CASE("R190: a destination destroyed while the task runs fails it", "[move-task]") {
    Scene<> scene{numbered(5)};
    auto destination = std::make_unique<Queue>(scene.clock);
    const auto task = start_message_move_task(scene.dead, *destination, {.max_number_of_messages_per_second = 1});
    scene.clock.advance(1s);
    CHECK(task.status() == MoveTaskStatus::running);
    destination.reset();
    CHECK(task.status() == MoveTaskStatus::failed);
    CHECK(task.failure_reason() == "AWS.SimpleQueueService.NonExistentQueue");
    CHECK(task.approximate_number_of_messages_moved() == 2);
    scene.clock.advance(1h);
    CHECK(scene.dead.counts() == QueueCounts{3, 0, 0});
    CHECK_NOTHROW(start_message_move_task(scene.dead));  // another may start
    CHECK(scene.source.counts() == QueueCounts{3, 0, 0});
}

TEST_CASE("R190: choice: a dead-letter queue destroyed while a task empties it fails the task", "[move-task]") {
    Clock clock;
    Queue source{clock};
    std::optional<sqsim::MessageMoveTask<Queue>> task;
    {
        Queue dead{clock};
        source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        Scene<>::dead_letter(source, numbered(5));
        task = start_message_move_task(dead, {.max_number_of_messages_per_second = 1});
    }
    CHECK(task->status() == MoveTaskStatus::failed);
    CHECK(task->failure_reason() == "AWS.SimpleQueueService.NonExistentQueue");
    clock.advance(1h);
    CHECK(task->approximate_number_of_messages_moved() == 1);
    CHECK(source.counts() == QueueCounts{1, 0, 0});
    task.reset();
}

TEST_CASE("R190: a destination destroyed after the end changes nothing", "[move-task]") {
    Scene<> scene{numbered(2)};
    auto destination = std::make_unique<Queue>(scene.clock);
    const auto task = start_message_move_task(scene.dead, *destination);
    destination.reset();
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.failure_reason().empty());
}

TEST_CASE("R192: choice: a message put there by hand has no source to return to and fails the task", "[move-task]") {
    Scene<> scene{{"dead"}};
    scene.dead.send_message("by hand");
    const auto task = start_message_move_task(scene.dead);
    CHECK(task.status() == MoveTaskStatus::failed);
    CHECK(task.failure_reason() == "CouldNotDetermineMessageSource");
    CHECK(task.approximate_number_of_messages_moved() == 1);
    CHECK(take(scene.source) == Bodies{"dead"});
    CHECK(take(scene.dead, 1, 0s) == Bodies{"by hand"});  // still there, not in flight

    // To a destination it can go.
    CHECK(start_message_move_task(scene.dead, scene.other).status() == MoveTaskStatus::completed);
    CHECK(take(scene.other) == Bodies{"by hand"});
}

TEST_CASE("R192: choice: a message whose source was destroyed fails the task", "[move-task]") {
    Clock clock;
    Queue dead{clock};
    Queue source{clock};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    {
        Queue lost{clock};
        lost.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
        Scene<>::dead_letter(lost, {"orphan"});
    }
    const auto task = start_message_move_task(dead);
    CHECK(task.status() == MoveTaskStatus::failed);
    CHECK(task.failure_reason() == "CouldNotDetermineMessageSource");
    CHECK(dead.counts() == QueueCounts{1, 0, 0});
}

TEMPLATE_TEST_CASE("R191: a redriven message is a new message", "[move-task]", Queue, fifo::Queue) {
    Clock clock;
    const std::string suffix = std::is_same_v<TestType, Queue> ? "" : ".fifo";
    TestType dead{clock, {.name = "dead" + suffix}};
    TestType source{clock, {.name = "source" + suffix, .message_retention_period = 60s}};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    sqsim::MessageId original{};
    const sqsim::MessageAttributes attributes{{"k", {.value = "v"}}};
    if constexpr (std::is_same_v<TestType, Queue>) {
        original = source
                       .send_message(
                           "body",
                           {.message_attributes = attributes, .message_group_id = "group", .aws_trace_header = "trace"})
                       .message_id;
    } else {
        original =
            source
                .send_message(
                    "body", "group",
                    {.message_deduplication_id = "id", .message_attributes = attributes, .aws_trace_header = "trace"})
                .message_id;
    }
    REQUIRE(take(source, 1, 0s).size() == 1);
    REQUIRE(take(source).empty());
    clock.advance(5s);
    const auto in_dead = receive(dead, 1, 0s);
    REQUIRE(in_dead.size() == 1);
    REQUIRE(in_dead[0].dead_letter_queue_source() == "source" + suffix);
    clock.advance(95s);
    REQUIRE(start_message_move_task(dead).status() == MoveTaskStatus::completed);

    SECTION("a new id and sent time, received never; group, body and attributes as they were") {
        const auto moved = receive(source, 1, 0s);
        REQUIRE(moved.size() == 1);
        CHECK(moved[0].message_id() != original);
        CHECK(moved[0].sent_at() == at(100s));
        CHECK(moved[0].first_received_at() == at(100s));
        CHECK(moved[0].approximate_receive_count() == 1);
        CHECK(moved[0].message_group_id() == "group");
        CHECK(moved[0].body() == "body");
        CHECK(moved[0].message_attributes() == attributes);
        CHECK(moved[0].aws_trace_header() == "trace");
    }
    SECTION("choice: it no longer says that it came from a dead-letter queue") {
        const auto moved = receive(source, 1, 0s);
        REQUIRE(moved.size() == 1);
        CHECK_FALSE(moved[0].dead_letter_queue_source());
    }
    SECTION("its retention begins anew") {
        clock.advance(60s - 1ns);
        CHECK(take(source, 1, 0s) == Bodies{"body"});
        clock.advance(1ns);
        CHECK(source.counts() == QueueCounts{});
    }
    SECTION("choice: its receive count is reset, so that a policy of one receive returns it once more") {
        CHECK(take(source, 1, 0s) == Bodies{"body"});
        CHECK(take(source, 1, 0s).empty());
        const auto again = receive(dead);
        REQUIRE(again.size() == 1);
        CHECK(again[0].approximate_receive_count() == 2);
        CHECK(again[0].message_id() != original);
        CHECK(again[0].dead_letter_queue_source() == "source" + suffix);
    }
}

TEST_CASE("R191: choice: a message redriven to a FIFO queue is deduplicated by its new message id",
          "[move-task][fifo]") {
    Scene<fifo::Queue> scene{{"g-m1"}};
    const auto task = start_message_move_task(scene.dead);  // within the interval of the id it was sent under
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(fifo::send(scene.source, "g-m1", "g").deduplicated);  // which is still remembered
    const auto moved = receive(scene.source);
    REQUIRE(bodies(moved) == Bodies{"g-m1"});
    CHECK(moved[0].message_deduplication_id() == moved[0].message_id().to_string());
}

TEMPLATE_TEST_CASE("R191: the oldest go first and lie between new arrivals", "[move-task]", Queue, fifo::Queue) {
    Scene<TestType> scene{{"g-a", "g-b", "g-c"}};
    start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    scene.clock.advance(500ms);
    send(scene.source, "g-new1");
    scene.clock.advance(1s);
    send(scene.source, "g-new2");
    scene.clock.advance(1s);
    CHECK(take(scene.source) == Bodies{"g-a", "g-new1", "g-b", "g-new2", "g-c"});
}

TEMPLATE_TEST_CASE("R191: choice: the delay of the destination does not hold redriven messages back", "[move-task]",
                   Queue, fifo::Queue) {
    Scene<TestType> scene{{"g-a"}};
    scene.source.set_delay(10s);
    start_message_move_task(scene.dead);
    CHECK(take(scene.source) == Bodies{"g-a"});
}

TEST_CASE("R191: a FIFO dead-letter queue is emptied group by group in the order of arrival", "[move-task][fifo]") {
    Scene<fifo::Queue> scene{{"g1-a", "g2-a", "g1-b", "g2-b"}};
    start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    for (const Bodies& arrived : {Bodies{"g1-a"}, Bodies{"g2-a"}, Bodies{"g1-b"}, Bodies{"g2-b"}}) {
        CHECK(fifo::drain(scene.source) == arrived);
        scene.clock.advance(1s);
    }
}

TEST_CASE("R183: choice: messages in flight stay, the task ends when nothing is visible", "[move-task]") {
    Scene<> scene{numbered(3)};
    const auto held = receive(scene.dead, 1);
    REQUIRE(bodies(held) == Bodies{"m1"});
    const auto task = start_message_move_task(scene.dead);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_to_move() == 2);
    CHECK(task.approximate_number_of_messages_moved() == 2);
    CHECK(scene.dead.counts() == QueueCounts{0, 1, 0});
    CHECK(scene.dead.delete_message(held[0].receipt_handle()));
}

TEST_CASE("R183, R138: choice: FIFO messages behind one in flight stay, too, until another task", "[move-task][fifo]") {
    Scene<fifo::Queue> scene{{"g-m1", "g-m2", "h-m1"}};
    const auto held = receive(scene.dead, 1);
    REQUIRE(bodies(held) == Bodies{"g-m1"});
    CHECK(start_message_move_task(scene.dead).status() == MoveTaskStatus::completed);
    CHECK(take(scene.source) == Bodies{"h-m1"});
    CHECK(scene.dead.delete_message(held[0].receipt_handle()));
    CHECK(start_message_move_task(scene.dead).status() == MoveTaskStatus::completed);
    CHECK(take(scene.source) == Bodies{"g-m2"});
}

TEST_CASE("choice: a queue that is full refuses sends and takes moved messages", "[move-task]") {
    Clock clock;
    Queue dead{clock, {.capacity = 1}};
    Queue source{clock, {.capacity = 1}};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    Scene<>::dead_letter(source, numbered(3));
    CHECK(dead.counts() == QueueCounts{3, 0, 0});
    CHECK_FALSE(dead.try_send_message("more"));
    CHECK(start_message_move_task(dead).approximate_number_of_messages_moved() == 3);
    CHECK(source.counts() == QueueCounts{3, 0, 0});
    CHECK_FALSE(source.try_send_message("more"));
}

TEST_CASE("R183: choice: what becomes a dead letter while the task runs is moved, too", "[move-task]") {
    Scene<> scene{{"m1", "m2"}};
    const auto task = start_message_move_task(scene.dead, scene.other, {.max_number_of_messages_per_second = 1});
    scene.clock.advance(1s);
    Scene<>::dead_letter(scene.source, {"m3"});
    scene.clock.advance(2s);
    CHECK(take(scene.other) == numbered(3));
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_to_move() == 2);  // as counted at the start
    CHECK(task.approximate_number_of_messages_moved() == 3);
}

TEST_CASE("R193: a message whose retention ends while it waits for the task is not moved", "[move-task]") {
    Clock clock;
    Queue dead{clock, {.message_retention_period = 60s}};
    Queue source{clock};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    Scene<>::dead_letter(source, numbered(3));
    clock.advance(59s);
    const auto task = start_message_move_task(dead, {.max_number_of_messages_per_second = 1});
    clock.advance(1h);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_moved() == 1);  // at 59 s; at 60 s the others are gone
    CHECK(source.counts() == QueueCounts{1, 0, 0});
}

TEST_CASE("R93: a message moved by a task wakes a long poll", "[move-task][wait]") {
    Scene<> scene{numbered(2)};
    auto task = start_message_move_task(scene.dead, scene.other, {.max_number_of_messages_per_second = 1});
    REQUIRE(take(scene.other) == Bodies{"m1"});
    fifo::LongPoll waiting{scene.other};
    scene.clock.wait_for_waiters(1);
    scene.clock.advance(1s - 1ns);
    CHECK(scene.clock.waiters() == 1);
    scene.clock.advance(1ns);
    CHECK(waiting.bodies() == Bodies{"m2"});
}

TEST_CASE("R185: a task is an event of its clock until it ends", "[move-task]") {
    Scene<> scene{numbered(2)};
    auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 4});
    CHECK(scene.clock.next_event() == at(250ms));
    CHECK(scene.clock.advance_to_next_event());
    CHECK(scene.clock.now() == at(250ms));
    CHECK(task.approximate_number_of_messages_moved() == 2);
    task.cancel();
    CHECK(scene.clock.next_event() == at(96h));  // only retention is left
}

TEST_CASE("copies of a task are the same task", "[move-task]") {
    Scene<> scene{numbered(3)};
    const auto task = start_message_move_task(scene.dead, {.max_number_of_messages_per_second = 1});
    auto copy = task;
    CHECK(copy == task);
    copy.cancel();
    CHECK(task.status() == MoveTaskStatus::cancelled);
    CHECK_FALSE(start_message_move_task(scene.dead) == task);
}

TEST_CASE("R185: on a standard clock a task without a rate moves at once", "[move-task]") {
    using SteadyQueue = sqsim::Queue<std::chrono::steady_clock>;
    SteadyQueue dead;
    SteadyQueue source;
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    for (const auto* body : {"a", "b"}) {
        source.send_message(body);
        REQUIRE(take(source, 1, 0s).size() == 1);
        REQUIRE(take(source).empty());
    }
    const auto task = start_message_move_task(dead);
    CHECK(task.status() == MoveTaskStatus::completed);
    CHECK(task.approximate_number_of_messages_moved() == 2);
    CHECK(dead.counts() == QueueCounts{});
    CHECK(take(source) == Bodies{"a", "b"});
}

TEST_CASE("R185: on a clock that runs by itself the calls do what is due", "[move-task]") {
    using HandQueue = sqsim::Queue<HandClock>;
    HandClock clock;
    HandQueue dead{clock};
    HandQueue source{clock};
    HandQueue destination{clock};
    source.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
    for (const auto& body : numbered(4)) {
        source.send_message(body);
        REQUIRE(take(source, 1, 0s).size() == 1);
        REQUIRE(take(source).empty());
    }
    const auto task = start_message_move_task(dead, destination, {.max_number_of_messages_per_second = 1});
    clock.elapsed = 1s - 1ns;
    SECTION("a call of the task") {
        CHECK(task.approximate_number_of_messages_moved() == 1);
        clock.elapsed = 2500ms;
        CHECK(task.approximate_number_of_messages_moved() == 3);
        clock.elapsed = 4s;
        CHECK(task.status() == MoveTaskStatus::completed);
    }
    SECTION("a call of the destination") {
        CHECK(destination.counts() == QueueCounts{1, 0, 0});
        clock.elapsed = 2500ms;
        CHECK(take(destination) == Bodies{"m1", "m2", "m3"});
    }
    SECTION("a call of the dead-letter queue") {
        CHECK(dead.counts() == QueueCounts{3, 0, 0});
        clock.elapsed = 2500ms;
        CHECK(take(dead, 10, 0s) == Bodies{"m4"});
    }
}
