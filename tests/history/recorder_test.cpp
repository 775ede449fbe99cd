// SPDX-License-Identifier: MIT

// Catches a recorder that changes or mistakes what it records, a queue that breaks a rule in a random program, and a
// checker that does not see it when a recorded history is falsified.

#include "catch.hpp"
#include "history/history_support.hpp"
#include "history/recorded_program.hpp"
#include "sqsim/history/history_file.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace history;
using sqsim::history::HistoryLog;
using sqsim::history::Recorder;

template <class QueueType>
void check_programs(std::uint64_t seeds, int steps) {
    HistoryVerdict sum;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Program<QueueType> program{seed};
        program.run(steps);
        program.drain();
        const History history = program.history(true);
        const auto verdict = check_history(history, CheckOptions::exact());
        INFO("seed " << seed << ": " << verdict.to_string());
        CHECK(verdict.ok());
        CHECK(sqsim::history::history_from_text(sqsim::history::to_text(history)).value() == history);
        sum.counts.deliveries += verdict.counts.deliveries;
        sum.counts.duplicates += verdict.counts.duplicates;
        sum.counts.ghosts += verdict.counts.ghosts;
        sum.counts.while_leased += verdict.counts.while_leased;
        sum.counts.dead_letters += verdict.counts.dead_letters;
    }
    CHECK(sum.counts.deliveries > seeds * 100);  // or the test shows nothing
    CHECK(sum.counts.duplicates > seeds * 10);
    CHECK(sum.counts.dead_letters > seeds);
    const bool is_fifo = std::is_same_v<QueueType, Fifo>;
    CHECK((sum.counts.ghosts == 0) == is_fifo);
    CHECK((sum.counts.while_leased == 0) == is_fifo);
}

using Places = std::vector<std::size_t>;

Places places_of(const History& history, const std::function<bool(const Operation&)>& is_wanted) {
    Places places;
    for (std::size_t i = 0; i < history.operations.size(); ++i) {
        if (is_wanted(history.operations[i])) {
            places.push_back(i);
        }
    }
    return places;
}

/// How many of the histories with one thing falsified are found out.
template <class QueueType>
std::size_t found_out(const std::function<bool(const Operation&)>& is_wanted,
                      const std::function<void(History&, std::size_t)>& falsify, HistoryRule rule,
                      std::size_t seeds = 12) {
    std::size_t found = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Program<QueueType> program{seed, false};
        program.run(600);
        program.drain();
        History history = program.history(true);
        const Places places = places_of(history, is_wanted);
        if (!places.empty()) {
            falsify(history, places[places.size() / 2]);
            const auto rules = broken(check_history(history, CheckOptions::exact()));
            found += std::find(rules.begin(), rules.end(), rule) != rules.end() ? 1U : 0U;
        }
    }
    return found;
}

void erase(History& history, std::size_t place) {
    history.operations.erase(history.operations.begin() + static_cast<std::ptrdiff_t>(place));
}

bool is_delivery(const Operation& operation) { return operation.action == Action::delivery && operation.queue == 0; }
bool is_ok_delete(const Operation& operation) {
    return operation.action == Action::delete_message && operation.answer == Answer::ok;
}

}  // namespace

TEST_CASE("a recorder hands on what the queue answers, and records it", "[history]") {
    sqsim::ManualClock clock;
    sqsim::Queue orders{clock, {.name = "orders", .visibility_timeout = 10s, .delay = 1s}};
    HistoryLog log{clock};
    Recorder web{orders, log, "web"};
    Recorder worker{orders, log, "worker"};
    web.send_message("a");
    web.send_message("b", {.delay = 0s});
    const auto b = worker.receive_message();
    clock.advance(2s);
    const auto a = worker.receive_messages({.max_number_of_messages = 3, .visibility_timeout = 4s});
    REQUIRE(b);
    REQUIRE(a.size() == 1);
    CHECK(b->body() == "b");
    CHECK(worker.change_message_visibility(b->receipt_handle(), 20s));
    CHECK(worker.delete_message(b->receipt_handle()));
    CHECK_FALSE(worker.delete_message(b->receipt_handle()));
    web.purge();
    CHECK(orders.counts().total() == 0);
    CHECK_FALSE(worker.receive_message({.wait_time = 0s}));

    History expected = log.history();
    for (Operation& operation : expected.operations) {
        operation.content = operation.content != 0 ? 1 : 0;
    }
    CHECK(sqsim::history::to_text(expected) ==
          "sqsim-history 1\n"
          "queue name=orders\n"
          "client name=web\n"
          "client name=worker\n"
          "send from=0 client=web message=#1 delay=1 content=#0000000000000001\n"
          "send from=0 client=web message=#2 content=#0000000000000001\n"
          "receive from=0 client=worker maximum=1 visibility=10\n"
          "delivery message=#2 receipt=#1 count=1 content=#0000000000000001\n"
          "receive from=2 client=worker maximum=3 visibility=4\n"
          "delivery message=#1 receipt=#2 count=1 content=#0000000000000001\n"
          "change_visibility from=2 client=worker message=#2 receipt=#1 visibility=20\n"
          "delete from=2 client=worker message=#2 receipt=#1\n"
          "delete from=2 client=worker message=#2 receipt=#1 answer=gone\n"
          "purge from=2 client=web\n"
          "receive from=2 client=worker maximum=1 visibility=10\n");
    CHECK(check_history(log.history(true)).ok());
}

TEST_CASE("a recorder of a FIFO queue records groups and deduplication ids", "[history]") {
    sqsim::ManualClock clock;
    sqsim::FifoQueue ledger{clock, {.name = "ledger.fifo", .content_based_deduplication = true}};
    HistoryLog log{clock};
    Recorder client{ledger, log, "client"};
    client.send_message("a", "g1");
    client.send_message("a", "g2");
    std::vector<sqsim::FifoSendMessageEntry<std::string>> batch{{"c", "g2", {}}, {"d", "g1", {}}};
    CHECK(client.send_messages(batch).size() == 2);
    CHECK(client.receive_messages().size() == 3);
    const History history = log.history();
    REQUIRE(history.operations.size() == 8);
    CHECK(history.queues[0].fifo);
    CHECK(history.operations[1].answer == Answer::deduplicated);
    CHECK(history.operations[1].message == 1);
    CHECK(history.operations[1].group == 2);
    CHECK(history.operations[2].message == 2);
    CHECK(history.operations[3].group == 1);
    CHECK(history.operations[7].group == 2);
    CHECK(history.operations[7].deduplication == history.operations[2].deduplication);
    CHECK(check_history(history).ok());
}

TEST_CASE("a recorder of a FIFO queue records changes of its delay, which the checker needs to know", "[history]") {
    sqsim::ManualClock clock;
    sqsim::FifoQueue ledger{clock, {.name = "ledger.fifo", .delay = 60s, .content_based_deduplication = true}};
    HistoryLog log{clock};
    Recorder client{ledger, log, "client"};
    client.send_message("a", "g");
    clock.advance(10s);
    client.set_delay(5s);
    CHECK(client.receive_message());
    History history = log.history();
    REQUIRE(history.operations[1].action == Action::set_delay);
    CHECK(history.operations[1].duration == 5s);
    CHECK(check_history(history, CheckOptions::exact()).ok());
    history.operations.erase(history.operations.begin() + 1);
    CHECK(broken(check_history(history, CheckOptions::exact())) == Rules{HistoryRule::received_before_delay});
}

TEST_CASE("a recorder covers the other verbs", "[history]") {
    sqsim::ManualClock clock;
    sqsim::Queue orders{clock};
    HistoryLog log{clock};
    Recorder client{orders, log, "client"};
    std::vector<sqsim::SendMessageEntry<std::string>> entries{{"a", {}}, {"", {}}, {"c", {}}};
    CHECK(client.send_messages(entries).size() == 3);
    std::array<decltype(client)::message_type, 2> messages;
    CHECK(client.receive_messages(messages) == 2);
    const std::vector<sqsim::ReceiptHandle> first{messages[0].receipt_handle()};
    CHECK(client.delete_messages(first) == std::vector<sqsim::HandleResult>{{}});
    const std::vector<sqsim::ReceiptHandle> second{messages[1].receipt_handle()};
    CHECK(client.delete_and_receive(second, messages) == 0);
    const History history = log.history(true);
    REQUIRE(history.operations.size() == 9);
    CHECK(history.operations[1].answer == Answer::refused);
    CHECK(history.operations[3].maximum == 2);
    CHECK(history.operations[6].answer == Answer::ok);
    CHECK(history.operations[7].answer == Answer::unknown);
    CHECK(history.operations[8].action == Action::receive);
    CHECK(check_history(history).ok());
}

TEST_CASE("a call that ends with an exception is recorded, and the exception goes on", "[history]") {
    sqsim::ManualClock clock;
    sqsim::Queue orders{clock};
    HistoryLog log{clock};
    Recorder client{orders, log, "client"};
    CHECK_THROWS_AS(client.send_message(""), sqsim::Error);
    CHECK_THROWS_AS(client.receive_message({.wait_time = 21s}), sqsim::Error);
    CHECK_THROWS_AS(client.delete_message({}), sqsim::Error);
    REQUIRE(log.history().operations.size() == 3);
    for (const Operation& operation : log.history().operations) {
        CHECK(operation.answer == Answer::refused);
    }

    struct Broken {
        using message_type = sqsim::Queue<sqsim::ManualClock>::message_type;
        using body_type = std::string;
        [[nodiscard]] static sqsim::QueueOptions options() { return {}; }
        static sqsim::SendMessageResult send_message(std::string_view, const sqsim::SendMessageOptions&) {
            throw std::runtime_error{"the line is dead"};
        }
    } broken_queue;
    Recorder unlucky{broken_queue, log, "unlucky"};
    CHECK_THROWS_AS(unlucky.send_message("a"), std::runtime_error);
    CHECK(log.history().operations.back().answer == Answer::unknown);
    CHECK(log.history().operations.back().queue == 1);
}

TEST_CASE("random programs on an adversarial standard queue are clean", "[history]") {
    check_programs<Standard>(40, 1'000);
}

TEST_CASE("random programs on a FIFO queue are clean", "[history]") { check_programs<Fifo>(40, 1'000); }

TEST_CASE("falsified histories of a standard queue are found out", "[history]") {
    const auto found = [](auto is_wanted, auto falsify, HistoryRule rule, std::size_t seeds = 12) {
        return found_out<Standard>(is_wanted, falsify, rule, seeds);
    };
    const auto is_send = [](const Operation& o) { return o.action == Action::send && o.message != 0; };
    CHECK(found(
              is_ok_delete, [](History& h, std::size_t i) { h.operations[i].answer = Answer::expired; },
              HistoryRule::lost, 24) > 4);
    CHECK(found(is_send, erase, HistoryRule::unexpected) > 4);
    CHECK(found(
              is_delivery, [](History& h, std::size_t i) { h.operations[i].content += 1; },
              HistoryRule::content_changed) > 10);
    CHECK(found([](const Operation& o) { return o.action == Action::send && o.duration > 1s; },
                [](History& h, std::size_t i) { h.operations[i].duration = 1h; },
                HistoryRule::received_before_delay) > 4);
    CHECK(found(
              is_delivery, [](History& h, std::size_t) { h.queues[0].message_retention_period = 1s; },
              HistoryRule::received_after_retention) > 10);
    CHECK(found(
              is_delivery, [](History& h, std::size_t) { h.queues[0].max_receive_count = 4; },
              HistoryRule::dead_lettered_early) > 4);
    CHECK(found(
              is_delivery, [](History& h, std::size_t) { h.queues[0].max_receive_count = 2; },
              HistoryRule::received_beyond_maximum) > 10);
    CHECK(found([](const Operation& o) { return o.action == Action::receive && o.maximum == 3; },
                [](History& h, std::size_t) {
                    for (Operation& operation : h.operations) {
                        operation.maximum = std::min(operation.maximum, 1);
                    }
                },
                HistoryRule::too_many_messages) > 10);
}

TEST_CASE("falsified histories of a FIFO queue are found out", "[history]") {
    const auto found = [](auto is_wanted, auto falsify, HistoryRule rule) {
        return found_out<Fifo>(is_wanted, falsify, rule);
    };
    const auto is_first = [](const Operation& o) { return is_delivery(o) && o.receive_count == 1; };
    const auto anywhere = [&](auto falsify, HistoryRule rule) { return found(is_first, falsify, rule); };
    CHECK(anywhere(
              [](History& h, std::size_t) {  // two of a group change places
                  for (Operation& operation : h.operations) {
                      if (operation.action == Action::send && operation.queue == 0) {
                          operation.group = operation.group != 0 ? 1 : 0;
                      }
                      operation.group = is_delivery(operation) ? 0 : operation.group;
                  }
              },
              HistoryRule::group_overtaken) > 8);
    CHECK(anywhere(
              [](History& h, std::size_t) {
                  for (Operation& operation : h.operations) {
                      operation.duration += operation.action == Action::receive ? 1min : 0s;
                  }
              },
              HistoryRule::received_while_leased) > 10);
    CHECK(anywhere(
              [](History& h, std::size_t) {
                  for (Operation& operation : h.operations) {
                      operation.answer = operation.action == Action::delete_message ? Answer::ok : operation.answer;
                  }
              },
              HistoryRule::received_after_delete) > 10);
    CHECK(anywhere(
              [](History& h, std::size_t) {
                  for (Operation& operation : h.operations) {
                      operation.answer = operation.action == Action::delete_message ? Answer::ok : operation.answer;
                  }
              },
              HistoryRule::stale_delete) > 8);
    CHECK(anywhere(
              [](History& h, std::size_t) {
                  for (Operation& operation : h.operations) {
                      operation.receive_count = std::min(operation.receive_count, 1);
                  }
              },
              HistoryRule::receive_count_not_growing) > 10);
    CHECK(anywhere([](History& h, std::size_t) { h.queues[0].deduplication_interval = 10min; },
                   HistoryRule::duplicate_within_interval) > 4);
    CHECK(found(is_first, erase, HistoryRule::group_overtaken) + found(is_first, erase, HistoryRule::group_locked) > 2);
}

namespace {

/// Four clients at once, each so many rounds: sends, receives, deletes most.
template <class QueueType, class Send>
HistoryVerdict check_threads(QueueType& queue, Send send) {
    HistoryLog log;
    {
        std::vector<std::jthread> threads;
        for (int client = 0; client < 4; ++client) {
            threads.emplace_back([&queue, &log, &send, client] {
                Recorder recorder{queue, log, "client " + std::to_string(client)};
                for (int round = 0; round < 300; ++round) {
                    send(recorder, client, round);
                    const auto messages = recorder.receive_messages(
                        {.max_number_of_messages = 3, .visibility_timeout = std::chrono::milliseconds{round % 5}});
                    for (const auto& message : messages) {
                        if (round % 7 != 0) {
                            static_cast<void>(recorder.delete_message(message.receipt_handle()));
                        } else if (round % 2 == 0) {
                            static_cast<void>(recorder.change_message_visibility(message.receipt_handle(), 0s));
                        }
                    }
                }
            });
        }
    }
    Recorder last{queue, log, "last"};
    while (queue.counts().total() != 0) {
        for (const auto& message : last.receive_messages({.visibility_timeout = 1h, .wait_time = 1s})) {
            static_cast<void>(last.delete_message(message.receipt_handle()));
        }
    }
    return check_history(log.history(true));
}

}  // namespace

TEST_CASE("four threads on a standard queue leave a clean history", "[history][threads]") {
    sqsim::Queue<std::chrono::steady_clock> queue{sqsim::QueueOptions{.name = "orders"}};
    const auto verdict = check_threads(
        queue, [](auto& client, int who, int round) { client.send_message(std::to_string(who * 1000 + round)); });
    INFO(verdict.to_string());
    CHECK(verdict.ok());
    CHECK(verdict.counts.messages == 1200);
}

TEST_CASE("four threads on a FIFO queue leave a clean history", "[history][threads]") {
    sqsim::FifoQueue<std::chrono::steady_clock> queue{sqsim::FifoQueueOptions{.name = "orders.fifo"}};
    const auto verdict = check_threads(queue, [](auto& client, int who, int round) {
        client.send_message("body", "group-" + std::to_string(round % 3),
                            {.message_deduplication_id = std::to_string(who * 1000 + round)});
    });
    INFO(verdict.to_string());
    CHECK(verdict.ok());
    CHECK(verdict.counts.messages == 1200);
}
