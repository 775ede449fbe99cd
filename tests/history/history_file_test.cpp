// SPDX-License-Identifier: MIT

// Catches a history that is another one after it was written and read, and an error that does not help.

#include "catch.hpp"
#include "history/history_support.hpp"
#include "sqsim/history/history_file.hpp"
#include "structure/source_files.hpp"

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace history;
using sqsim::history::history_from_text;
using sqsim::history::to_text;

std::string error_of(const std::string& text) {
    const auto result = history_from_text(text);
    return result ? "no error" : result.error().what();
}

History after_round_trip(const History& history) { return history_from_text(to_text(history)).value(); }

/// With every field of every operation set to something.
History everything() {
    History history;
    history.drained = true;
    history.queues = {
        {.name = "orders.fifo",
         .fifo = true,
         .deduplicates_by_group = true,
         .message_retention_period = 61s,
         .deduplication_interval = 7s + 1ns,
         .max_receive_count = 3,
         .dead_letter_queue = 1,
         .max_number_of_messages = 2'147'483'647},
        {.name = "dead.fifo", .fifo = true},
    };
    history.clients = {"one", "two"};
    for (std::uint8_t action = 0; action <= static_cast<std::uint8_t>(Action::set_redrive_policy); ++action) {
        for (std::uint8_t answer = 0; answer < 7; ++answer) {
            history.operations.push_back({.invoked = 1s + 1ns * answer,
                                          .answered = 2s,
                                          .queue = answer % 2U,
                                          .client = action % 2U,
                                          .message = 7U + action,
                                          .receipt = 4'294'967'295U,
                                          .group = 5,
                                          .deduplication = 6,
                                          .receive_count = 3,
                                          .maximum = -1,
                                          .duration = 12h,
                                          .wait = 20s,
                                          .content = 0xFEDC'BA98'7654'3210U,
                                          .action = static_cast<Action>(action),
                                          .answer = static_cast<Answer>(answer)});
        }
    }
    return history;
}

}  // namespace

TEST_CASE("a history reads like this", "[history]") {
    Story story{Story::with_dead_letters(Story::standard(), 3)};
    story.at(0s).send(1);
    story.during(1500ms, 2s).by(1).receive({{1}}).wait = 20s;
    story.at(3s).remove({1}).answer = Answer::unknown;
    CHECK(to_text(story.history) == "sqsim-history 1\n"
                                    "queue name=orders max_receive_count=3 dead_letter_queue=dead\n"
                                    "queue name=dead\n"
                                    "client name=a\n"
                                    "client name=b\n"
                                    "client name=c\n"
                                    "client name=d\n"
                                    "send from=0 queue=orders client=a message=#1 content=#0000000000000008\n"
                                    "receive from=1.5 to=2 queue=orders client=b maximum=10 visibility=30 wait=20\n"
                                    "delivery message=#1 receipt=#11 count=1 content=#0000000000000008\n"
                                    "delete from=3 queue=orders client=b message=#1 receipt=#11 answer=unknown\n");
}

TEST_CASE("a history is the same after writing and reading it", "[history]") {
    CHECK(after_round_trip({}) == History{});
    CHECK(after_round_trip(everything()) == everything());

    History plain;
    plain.queues.resize(1);
    plain.operations.resize(3);
    plain.operations[1].client = 9;
    plain.operations[2].action = Action::delivery;
    CHECK(after_round_trip(plain) == plain);

    constexpr auto least = nanoseconds::min();
    constexpr auto most = nanoseconds::max();
    const std::vector<nanoseconds> instants{least, least + 1ns, -1s - 1ns, -1s, -1ns, 0ns, 1ns, 999'999'999ns, most};
    for (const nanoseconds instant : instants) {
        plain.operations[0].invoked = instant;
        plain.operations[1].answered = instant;
        plain.operations[2].duration = instant;
        CHECK(after_round_trip(plain) == plain);
    }
}

TEST_CASE("names may be anything", "[history]") {
    History history = everything();
    for (const std::string& name :
         {std::string{}, std::string{"#1"}, std::string{"a b\n\t=%41"}, std::string{"\0\x7f", 2},
          std::string{"gr\xc3\xbc\xc3\x9f"}, std::string{"dead.fifo"}}) {
        history.queues[0].name = name;
        history.clients[1] = name;
        CHECK(after_round_trip(history) == history);
    }
    history.queues[1] = history.queues[0];
    history.clients[0] = history.clients[1];
    CHECK(after_round_trip(history) == history);
}

TEST_CASE("the ids of others are words, numbered in the order in which they appear", "[history]") {
    const auto history =
        history_from_text("# recorded on Monday\n"
                          "sqsim-history 1 drained=no\r\n"
                          "\n"
                          "queue name=q fifo=yes\n"
                          "  send\tfrom=1 to=1.25 message=5fea-11 group=g1 deduplication=x client=web\n"
                          "send from=2 message=5fea-12 group=g2 deduplication=y content=text\n"
                          "receive from=3 client=worker\n"
                          "delivery message=5fea-12 receipt=AQEB== content=text\n"
                          "delivery message=5fea-11 receipt=AQEC==\n")
            .value();
    REQUIRE(history.operations.size() == 5);
    CHECK(history.clients == std::vector<std::string>{"web", "worker"});
    CHECK(history.operations[0].answered == 1250ms);
    CHECK(history.operations[1].message == 2);
    CHECK(history.operations[1].group == 2);
    CHECK(history.operations[3].message == 2);
    CHECK(history.operations[3].receipt == 1);
    CHECK(history.operations[3].answered == 3s);
    CHECK(history.operations[3].client == 1);
    CHECK(history.operations[3].content == history.operations[1].content);
    CHECK(history.operations[4].message == 1);
    CHECK(check_history(history).ok());
}

TEST_CASE("an error names the line, what is wrong, and what would be right", "[history]") {
    const std::string head = "sqsim-history 1\nqueue name=q\n";
    CHECK(error_of("") == "line 0: the first line must be 'sqsim-history 1'");
    CHECK(error_of("sqsim-history 2\n") == "line 1: the first line must be 'sqsim-history 1'");
    CHECK(error_of("sqsim-history 1 drained=maybe") == "line 1: drained is 'maybe', but must be yes or no");
    CHECK(error_of(head + "sent from=1\n") ==
          "line 3: 'sent' is none of queue, client, send, receive, delivery, delete, change_visibility, purge, "
          "dead_letter, redrive, set_delay, set_redrive_policy");
    CHECK(error_of(head + "send from=1 visibility=3") ==
          "line 3: 'visibility=3' is not a key that is known here, an equals sign and a value; the keys are from, to, "
          "queue, client, message, receipt, group, deduplication, count, maximum, delay, wait, content, answer");
    CHECK(error_of(head + "send message=1") == "line 3: from=... is missing");
    CHECK(error_of("sqsim-history 1\nsend from=1\n") == "line 2: queue=... is missing");
    CHECK(error_of(head + "send from=1 queue=r") ==
          "line 3: queue is 'r', but must be the name of a queue that has a line 'queue name=...'");
    CHECK(error_of(head + "send from=1 queue=#1") ==
          "line 3: queue is '#1', but must be less than the number of queues, 1");
    CHECK(error_of(head + "send from=1 message=#1\nsend from=1 message=a") ==
          "line 4: message is 'a', but must be # and a number as before");
    CHECK(error_of(head + "send from=1 message=a\nsend from=1 message=#1") ==
          "line 4: message is '#1', but must be text as before, not # and a number");
    CHECK(error_of(head + "send from=1 answer=good") ==
          "line 3: answer is 'good', but must be one of ok, refused, unknown, deduplicated, expired, superseded, gone");
    CHECK(error_of(head + "queue name=q\nsend from=1 queue=q") ==
          "line 4: queue is 'q', but must be # and the place of the queue, from 0: there are several of that name");
    CHECK(error_of("sqsim-history 1\nqueue name=q dead_letter_queue=d\nqueue name=e\n") ==
          "line 2: dead_letter_queue is 'd', but must be the name of a queue that has a line 'queue name=...'");
    for (const std::string& time :
         std::vector<std::string>{"", "-", "1,5", "1.", ".5", "1e3", "0.0000000001", "9223372036.854775808",
                                  "-9223372036.854775809", "99999999999999999999", "--1", "+1", "1s"}) {
        CHECK(error_of(head + "send from=" + time) == "line 3: from is '" + time +
                                                          "', but must be a number of seconds with at most nine "
                                                          "decimals, within 292 years");
    }
    for (const std::string& count : std::vector<std::string>{"", "x", "1.0", "2147483648"}) {
        CHECK(error_of(head + "send from=1 count=" + count).starts_with("line 3: count is '" + count + "', but"));
    }
    for (const std::string& id : std::vector<std::string>{"#", "#x", "#-1", "#4294967296"}) {
        CHECK(error_of(head + "send from=1 message=" + id).starts_with("line 3: message is '" + id + "', but"));
    }
    for (const std::string& name : std::vector<std::string>{"%", "%4", "%zz", "a%-1"}) {
        CHECK(error_of("sqsim-history 1\nqueue name=" + name).starts_with("line 2: name is '" + name + "', but"));
    }
    CHECK(error_of(head + "send from=1 content=#12345678901234567").starts_with("line 3: content is"));
    CHECK(error_of(head + "send from=1 =").starts_with("line 3: '=' is not a key"));
}

TEST_CASE("the example of the documentation is read, and is clean", "[history]") {
    const std::string page = structure::read_file(std::filesystem::path{SQSIM_SOURCE_DIR} / "docs" / "history.md");
    const auto begin = page.find("\nsqsim-history 1");
    REQUIRE(begin != std::string::npos);
    const auto history = history_from_text(page.substr(begin, page.find("```", begin) - begin)).value();
    CHECK(history.operations.size() == 7);
    const auto verdict = check_history(history);
    INFO(verdict.to_string());
    CHECK(verdict.ok());
    CHECK(verdict.counts.recovered == 1);
}

TEST_CASE("a file holds a history", "[history]") {
    const std::string path = "sqsim_history_file_test.txt";
    CHECK(sqsim::history::write_history_file(everything(), path).value() == to_text(everything()).size());
    CHECK(sqsim::history::read_history_file(path).value() == everything());
    std::remove(path.c_str());
    const auto missing = sqsim::history::read_history_file(path);
    REQUIRE_FALSE(missing);
    CHECK(std::string{missing.error().what()} == "cannot open the file '" + path + "'");
    CHECK_FALSE(sqsim::history::write_history_file(everything(), "no/such/folder/file"));
}
