// SPDX-License-Identifier: MIT

// Catches a fault of a send that does not do what its line in the table says, or that happens where it is not offered.

#include "sim/sim_support.hpp"

#include <string>

namespace {

using namespace simulated;

void two_sent(World& world, Log& log) {
    auto& queue = world.queue();
    world.produce(queue, {"a", "b"});
    read_all(world, log, queue, "r");
    world.run();
}

/// Somebody who is told whether a send succeeded, and tries only once.
void careless(World& world, Log& log) {
    auto& queue = world.queue();
    world.spawn("sender", [&] {
        const auto result = queue.try_send_message("a");
        log.say(result ? "sent" : "error: " + std::string{result.error().what()});
    });
    read_all(world, log, queue, "r");
    world.run();
}

void careless_fifo(World& world, Log& log) {
    auto& queue = world.fifo_queue({.visibility_timeout = 30s});
    world.spawn("sender", [&] {
        const auto result = queue.try_send_message("a", "g", {.message_deduplication_id = "d"});
        log.say(result ? "sent" : "error: " + std::string{result.error().what()});
    });
    read_all(world, log, queue, "r");
    world.run();
}

void batch(World& world, Log& log) {
    auto& queue = world.queue();
    world.spawn("sender", [&] {
        std::vector<sqsim::SendMessageEntry<std::string>> entries{{"a"}, {"b"}, {"c"}};
        for (const auto& result : queue.send_messages(entries)) {
            log.say(result ? "sent" : "failed");
        }
    });
    read_all(world, log, queue, "r");
    world.run();
}

void fifo_batch(World& world, Log& log) {
    auto& queue = world.fifo_queue();
    world.spawn("sender", [&] {
        std::vector<sqsim::FifoSendMessageEntry<std::string>> entries{{"a", "g", {.message_deduplication_id = "1"}},
                                                                      {"b", "g", {.message_deduplication_id = "2"}}};
        for (const auto& result : queue.send_messages(entries)) {
            log.say(result ? "sent" : "failed");
        }
    });
    read_all(world, log, queue, "r");
    world.run();
}

void fifo_sent(World& world, Log& log) {
    auto& queue = world.fifo_queue();
    world.produce(queue, "g", {"a", "b"});
    read_all(world, log, queue, "r");
    world.run();
}

}  // namespace

TEST_CASE("S0: without faults everything that is sent arrives once, in order", "[sim][faults]") {
    CHECK(lines_of("none", two_sent) == Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2"});
    CHECK(lines_of("none", fifo_sent) == Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2"});
    CHECK(lines_of("none", careless) == Lines{"0s sent", "0s r got a (1), id 1, handle 1"});
    CHECK(lines_of("none", batch) == Lines{"0s sent", "0s sent", "0s sent", "0s r got a (1), id 1, handle 1",
                                           "0s r got b (1), id 2, handle 2", "0s r got c (1), id 3, handle 3"});
}

TEST_CASE("S1: a send that is repeated because its reply was lost makes a second message with another id",
          "[sim][faults]") {
    CHECK(with_fault(Fault::resend, "resend@send#1.1", 2, two_sent) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s r got a (1), id 2, handle 2", "0s r got b (1), id 3, handle 3"});
    CHECK(with_fault(Fault::resend, "resend@send#1.1", 1, careless) ==
          Lines{"0s sent", "0s r got a (1), id 1, handle 1", "0s r got a (1), id 2, handle 2"});
}

TEST_CASE("S1: a repeated send to a FIFO queue is deduplicated", "[sim][faults]") {
    CHECK(with_fault(Fault::resend, "resend@send#2.1", 2, fifo_sent) ==
          Lines{"0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2"});
    CHECK(with_fault(Fault::resend, "resend@send#1.1", 1, careless_fifo) ==
          Lines{"0s sent", "0s r got a (1), id 1, handle 1"});
}

TEST_CASE("S1: an entry of a batch may be stored twice", "[sim][faults]") {
    CHECK(with_fault(Fault::resend, "resend@send-entry#2.1", 3, batch) ==
          Lines{"0s sent", "0s sent", "0s sent", "0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2",
                "0s r got b (1), id 3, handle 3", "0s r got c (1), id 4, handle 4"});
    CHECK(with_fault(Fault::resend, "resend@send-entry#2.1", 2, fifo_batch) ==
          Lines{"0s sent", "0s sent", "0s r got a (1), id 1, handle 1", "0s r got b (1), id 2, handle 2"});
}

TEST_CASE("S2: a send that is refused stores nothing, and its sender knows", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.spawn("sender", [&] {
            for (const char* body : {"a", "b"}) {
                const auto result = queue.try_send_message(body);
                log.say(result ? "sent" : "error");
                CHECK((result || result.error().code() == Errc::request_throttled));
            }
        });
        read_all(world, log, queue, "r");
        world.run();
    };
    CHECK(with_fault(Fault::refuse_send, "refuse@send#1.1", 2, scenario) ==
          Lines{"0s error", "0s sent", "0s r got b (1), id 1, handle 1"});
}

TEST_CASE("S2: a send that throws says why", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        auto& fifo = world.fifo_queue({.name = "second.fifo"});
        world.spawn("sender", [&] {
            try {
                queue.send_message("a");
                fifo.send_message("b", "g", {.message_deduplication_id = "1"});
            } catch (const sqsim::Error& error) {
                log.say(error.code() == Errc::request_throttled ? "throttled" : "another error");
            }
        });
        read_all(world, log, queue, "r");
        read_all(world, log, fifo, "f");
        world.run();
    };
    CHECK(lines_of("refuse@send#1.1", scenario) == Lines{"0s throttled"});
    CHECK(lines_of("refuse@second.fifo:send#1.1", scenario) == Lines{"0s throttled", "0s r got a (1), id 1, handle 1"});
}

TEST_CASE("S3: a send whose reply is lost is stored, but its sender sees an error", "[sim][faults]") {
    const Lines expected{"0s error: The service gave no answer (simulated).", "0s r got a (1), id 1, handle 1"};
    CHECK(with_fault(Fault::lose_send_reply, "lost-reply@send#1.1", 1, careless) == expected);
    CHECK(with_fault(Fault::lose_send_reply, "lost-reply@send#1.1", 1, careless_fifo) == expected);
}

TEST_CASE("S4: one entry of a batch of sends fails, the others are stored", "[sim][faults]") {
    CHECK(with_fault(Fault::refuse_entry, "refuse-entry@send-entry#2.1", 3, batch) ==
          Lines{"0s sent", "0s failed", "0s sent", "0s r got a (1), id 1, handle 1", "0s r got c (1), id 2, handle 2"});
    CHECK(with_fault(Fault::refuse_entry, "refuse-entry@send-entry#1.1", 2, fifo_batch) ==
          Lines{"0s failed", "0s sent", "0s r got b (1), id 1, handle 1"});
}

TEST_CASE("S5: a message becomes visible later than those sent after it", "[sim][faults]") {
    CHECK(with_fault(Fault::late_visibility, "late-visibility@send#1.1", 2, two_sent) ==
          Lines{"0s r got b (1), id 1, handle 1", "900s r got a (1), id 2, handle 2"});
    CHECK(with_fault(Fault::late_visibility, "late-visibility@send#1.1", 1, careless) ==
          Lines{"0s sent", "900s r got a (1), id 1, handle 1"});
}

TEST_CASE("S5: a message of a FIFO queue is never late by itself: only the queue has a delay", "[sim][faults]") {
    CHECK(replayed("late-visibility@send#1.1", fifo_sent).report.verdict == Verdict::stale_token);
}

TEST_CASE("S6: a FIFO send repeated at the last instant of the deduplication window stores nothing", "[sim][faults]") {
    // The sender gets no answer, so its next message waits for that of this one.
    CHECK(with_fault(Fault::resend_in_window, "resend-early@send#1.1", 2, fifo_sent) ==
          Lines{"0s r got a (1), id 1, handle 1", "299.999999999s r got b (1), id 2, handle 2"});
    CHECK(with_fault(Fault::resend_in_window, "resend-early@send#1.1", 1, careless_fifo) ==
          Lines{"0s r got a (1), id 1, handle 1", "299.999999999s sent"});
}

TEST_CASE("S6: a FIFO send repeated after the deduplication window makes a second message", "[sim][faults]") {
    CHECK(with_fault(Fault::resend_after_window, "resend-late@send#1.1", 2, fifo_sent) ==
          Lines{"0s r got a (1), id 1, handle 1", "300s r got a (1), id 2, handle 2",
                "300s r got b (1), id 3, handle 3"});
    CHECK(with_fault(Fault::resend_after_window, "resend-late@send#1.1", 1, careless_fifo) ==
          Lines{"0s r got a (1), id 1, handle 1", "300s sent", "300s r got a (1), id 2, handle 2"});
}

TEST_CASE("a standard queue has no deduplication window", "[sim][faults]") {
    CHECK(replayed("resend-early@send#1.1", two_sent).report.verdict == Verdict::stale_token);
    CHECK(replayed("resend-late@send#1.1", two_sent).report.verdict == Verdict::stale_token);
}

TEST_CASE("what the scenario itself sends always goes well", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        queue.send_message("a");
        read_all(world, log, queue, "r");
        world.run();
        queue.send_message("b");
        const auto message = queue.receive_message();
        log.got("scenario", message.value());
        log.say(queue.delete_message(message->receipt_handle()) ? "deleted" : "not deleted");
    };
    for (const char* token : {"refuse@send#1.1", "resend@send#1.1", "lost-reply@send#1.1", "late-visibility@send#2.1",
                              "lost@received#2.1", "lost@delete#2.1", "delete-survives@remove#2.1"}) {
        INFO(token);
        CHECK(replayed(token, scenario).report.verdict == Verdict::stale_token);
    }
    CHECK(lines_of("none", scenario).size() == 3);
}
