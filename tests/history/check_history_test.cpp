// SPDX-License-Identifier: MIT

// Catches a checker that overlooks something forbidden, that reports what may have been right, and that mistakes what a
// standard queue may do for a fault.

#include "catch.hpp"
#include "history/history_support.hpp"

#include <chrono>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using namespace history;

Story standard() { return Story{{Story::standard()}}; }
Story fifo() { return Story{{Story::fifo()}}; }

}  // namespace

TEST_CASE("a life from send to delete is clean", "[history]") {
    for (const QueueFacts& queue : {Story::standard(), Story::fifo()}) {
        Story story{{queue}};
        story.at(1s).send(1, 1);
        story.at(2s).receive({{1}});
        story.at(3s).remove({1});
        story.history.drained = true;
        const auto verdict = story.check();
        CHECK(verdict.ok());
        CHECK(verdict.counts.operations == 4);
        CHECK(verdict.counts.messages == 1);
        CHECK(verdict.counts.deliveries == 1);
        CHECK(verdict.to_string() == "clean; operations: 4, messages: 1, deliveries: 1\n");
    }
}

TEST_CASE("lost is a stored message that a drained queue does not hold any more", "[history]") {
    Story story = standard();
    story.at(1s).send(1);
    story.at(2s).receive({});
    CHECK(story.check().ok());  // it may still be there
    story.history.drained = true;
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::lost});
    CHECK(verdict.counts.lost == 1);
    CHECK(verdict.findings[0].text == "message 1, queue 'orders': it was stored, but never received, deleted or moved, "
                                      "and the queue is empty; sent, at 1 s");

    SECTION("unless the send was not acknowledged") { story.history.operations[0].answer = Answer::unknown; }
    SECTION("unless a delete may have taken it") { story.at(3s).remove({1}).answer = Answer::unknown; }
    SECTION("unless its retention may have ended: at that very instant it has") { story.at(1s + 96h).receive({}); }
    SECTION("unless a purge may have taken it") { story.at(3s).add(Action::purge); }
    CHECK(story.check().ok());
}

TEST_CASE("lost is also a message that was received, and never seen again", "[history]") {
    Story story = standard();
    story.at(1s).send(1);
    story.at(2s).receive({{1}});
    story.at(90s).receive({});
    story.history.drained = true;
    CHECK(broken(story.check()) == Rules{HistoryRule::lost});
    story.at(91s).remove({1}).answer = Answer::expired;
    CHECK(broken(story.check()) == Rules{HistoryRule::lost});
    story.history.operations.back().answer = Answer::ok;
    CHECK(story.check().ok());
}

TEST_CASE("unexpected is a message that nobody sent", "[history]") {
    Story story = standard();
    story.at(1s).receive({{1}});
    CHECK(broken(story.check()) == Rules{HistoryRule::unexpected});

    SECTION("or whose send was refused") {
        story.history.operations.insert(story.history.operations.begin(),
                                        Operation{.message = 1, .answer = Answer::refused});
        CHECK(broken(story.check()) == Rules{HistoryRule::unexpected});
    }
    SECTION("or that was sent to another queue") {
        Story other{{Story::standard(), Story::standard()}};
        other.at(1s).send(1);
        other.at(2s).in(1).receive({{1}});
        CHECK(broken(other.check()) == Rules{HistoryRule::unexpected});
    }
    SECTION("but not one whose send is answered later") {
        Story late = standard();
        late.during(1s, 2s).receive({{1}});
        late.during(2s, 3s).send(1);
        CHECK(late.check().ok());
    }
}

TEST_CASE("recovered is a message that is seen although its send was not acknowledged", "[history]") {
    Story story = standard();
    story.at(1s).send(1).answer = Answer::unknown;
    story.at(2s).receive({{1}});
    auto verdict = story.check();
    CHECK(verdict.ok());
    CHECK(verdict.counts.recovered == 1);

    SECTION("also if its client never learnt the message id") { story.history.operations[0].message = 0; }
    SECTION("and only once") { story.at(40s).receive({{1, 2}}); }
    verdict = story.check();
    CHECK(verdict.ok());
    CHECK(verdict.counts.recovered == 1);
}

TEST_CASE("one unacknowledged send explains only one message, and only of its content", "[history]") {
    Story story = standard();
    story.at(1s).send(0).answer = Answer::unknown;
    story.history.operations[0].content = 9;  // as message 2 has
    story.at(2s).receive({{2}});
    CHECK(story.check().ok());
    story.at(3s).receive({{1}});
    CHECK(broken(story.check()) == Rules{HistoryRule::unexpected});
    story.history.operations.back().content = 9;
    CHECK(broken(story.check()) == Rules{HistoryRule::unexpected});
}

TEST_CASE("a deduplicated send whose answer came first does not tell group and content of the original", "[history]") {
    for (const Answer answer : {Answer::deduplicated, Answer::ok}) {  // a service need not say so
        Story story = fifo();
        story.during(1s, 2s).by(1).send(1, 2).answer = answer;
        story.history.operations[0].content = 99;
        story.during(0s, 3s).by(2).send(1, 1);
        story.at(4s).receive({{1}});
        story.history.operations[3].group = 1;
        CHECK(broken(story.check()) == Rules{});
        std::swap(story.history.operations[0], story.history.operations[1]);
        story.history.operations[0].answered = 500ms;  // certainly the original
        story.history.operations[3].group = 2;
        CHECK(broken(story.check()) == Rules{HistoryRule::content_changed});
    }
}

TEST_CASE("content changed is another fingerprint or group than that of the send", "[history]") {
    Story story = fifo();
    story.at(1s).send(1, 1);
    story.at(2s).receive({{1}});
    story.history.operations[2].group = 1;
    CHECK(story.check().ok());
    story.history.operations[2].group = 2;
    CHECK(broken(story.check()) == Rules{HistoryRule::content_changed});
    story.history.operations[2].group = 0;  // not recorded
    story.history.operations[2].content = 5;
    CHECK(broken(story.check()) == Rules{HistoryRule::content_changed});
    story.history.operations[2].content = 0;
    CHECK(story.check().ok());
}

TEST_CASE("R128: a message is received again from exactly the end of its lease on", "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story early = is_fifo ? fifo() : standard();
        early.at(1s).send(1, 1);
        early.during(2s, 3s).receive({{1}}, 30s);
        Story exact = early;
        early.at(32s - 1ns).receive({{1, 2}});
        exact.at(32s).receive({{1, 2}});
        CHECK(exact.check().ok());
        CHECK(exact.check().counts.duplicates == 1);
        CHECK(exact.check().counts.while_leased == 0);
        CHECK(early.check().ok() == !is_fifo);
        CHECK(early.check().counts.while_leased == 1);
        if (is_fifo) {
            const auto verdict = early.check();
            CHECK(broken(verdict) == Rules{HistoryRule::received_while_leased});
            CHECK(verdict.findings[0].operation == 4);
            CHECK(verdict.findings[0].text == "message 1, queue 'orders.fifo': received again although it was hidden "
                                              "until 32 s, at 31.999999999 s [fifo.lease]");
        }
        CHECK(early.check({.clock_error = 1ns}).counts.while_leased == 0);
    }
}

TEST_CASE("R117: a change of visibility moves the end of the lease", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(1s).receive({{1}}, 30s);

    SECTION("to an earlier time") {
        story.at(2s).change({1}, 0s);
        story.at(2s).receive({{1, 2}});
        CHECK(story.check().ok());
    }
    SECTION("to a later time") {
        story.at(30s).change({1}, 10s);
        Story exact = story;
        story.at(40s - 1ns).receive({{1, 2}});
        CHECK(broken(story.check()) == Rules{HistoryRule::received_while_leased});
        exact.at(40s).receive({{1, 2}});
        CHECK(exact.check().ok());
    }
    SECTION("perhaps, if no answer came") {
        story.at(2s).change({1}, 0s).answer = Answer::unknown;
        Story both = story;
        story.at(3s).receive({{1, 2}});
        CHECK(story.check().ok());
        both.at(31s).receive({{1, 2}});
        CHECK(both.check().ok());
    }
    SECTION("not at all, if it was refused") {
        story.at(2s).change({1}, 0s).answer = Answer::expired;
        story.at(3s).receive({{1, 2}});
        CHECK(broken(story.check()) == Rules{HistoryRule::received_while_leased});
    }
    SECTION("also if its answer comes after that of the receive it made possible") {
        story.during(3s, 4s).by(1).receive({{1, 2}});
        CHECK(broken(story.check()) == Rules{HistoryRule::received_while_leased});
        story.during(2s, 5s).by(0).change({1}, 0s);
        CHECK(story.check().ok());
    }
}

TEST_CASE("two receives that overlap are judged in the order that is right", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.during(50s, 51s).by(1).receive({{1, 2}});
    story.during(1s, 60s).by(2).receive({{1, 1}});  // leased it at 1 s, and answered late
    CHECK(story.check().ok());
    story.history.operations[3].invoked = 49s;
    CHECK_FALSE(story.check().ok());
}

TEST_CASE("a message received after its acknowledged delete is a ghost, and forbidden on a FIFO queue", "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story story = is_fifo ? fifo() : standard();
        story.at(0s).send(1, 1);
        story.at(1s).receive({{1}});
        story.during(2s, 5s).remove({1});
        Story overlapping = story;
        story.during(40s, 41s).by(1).receive({{1, 2}});
        CHECK(story.check().counts.ghosts == 1);
        CHECK(broken(story.check()) == (is_fifo ? Rules{HistoryRule::received_after_delete} : Rules{}));
        CHECK(story.check({.clock_error = 17s}).ok() == !is_fifo);
        CHECK(story.check({.clock_error = 18s}).ok());
        overlapping.during(4s, 41s).by(1).receive({{1, 2}});
        CHECK(overlapping.check().counts.ghosts == 0);
        CHECK(overlapping.check().ok());

        story.history.operations[3].answer = Answer::unknown;
        CHECK(story.check().counts.ghosts == 0);
        CHECK(story.check().ok());
    }
}

TEST_CASE("R129: a message is received from exactly the end of its delay on", "[history]") {
    Story story = standard();
    story.during(1s, 2s).send(1).duration = 5s;
    Story exact = story;
    story.at(6s - 1ns).receive({{1}});
    CHECK(broken(story.check()) == Rules{HistoryRule::received_before_delay});
    CHECK(story.check({.clock_error = 1ns}).ok());
    exact.at(6s).receive({{1}});
    CHECK(exact.check().ok());
}

TEST_CASE("a message is not received before it is sent", "[history]") {
    Story story = standard();
    story.during(1s, 2s).receive({{1}});
    story.during(2s + 1ns, 3s).send(1);
    CHECK(broken(story.check()) == Rules{HistoryRule::received_before_delay});
    story.history.operations[2].invoked = 2s;
    CHECK(story.check().ok());
}

TEST_CASE("R193: a message is received up to exactly the end of its retention", "[history]") {
    Story story = standard();
    story.during(1s, 2s).send(1);
    story.at(2s + 96h).receive({{1}});
    CHECK(story.check().ok());
    story.at(2s + 97h).receive({{1, 2}});
    CHECK(broken(story.check()) == Rules{HistoryRule::received_after_retention});
    story.history.operations[0].answer = Answer::unknown;  // who knows when it was stored
    CHECK(story.check().ok());
}

TEST_CASE("R175, R176: a dead letter keeps the time of its send on a standard queue, and begins anew on a FIFO queue",
          "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story story{Story::with_dead_letters(is_fifo ? Story::fifo() : Story::standard(), 1)};
        story.at(0s).send(1, 1);
        story.at(95h).receive({{1}});
        story.at(95h + 1min).add(Action::dead_letter, 1);
        story.at(97h).in(1).receive({{1, 2}});
        CHECK(broken(story.check()) == (is_fifo ? Rules{} : Rules{HistoryRule::received_after_retention}));
        if (is_fifo) {
            story.at(192h).receive({{1, 3}});
            CHECK(broken(story.check()) == Rules{HistoryRule::received_after_retention});
        }
    }
}

TEST_CASE("R97: receive counts grow, and on a standard queue that is counted only", "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story story = is_fifo ? fifo() : standard();
        story.at(0s).send(1, 1);
        story.at(1s).receive({{1, 2}});
        Story growing = story;
        story.at(40s).receive({{1, 1}});
        CHECK(broken(story.check()) == (is_fifo ? Rules{HistoryRule::receive_count_not_growing} : Rules{}));
        CHECK(story.check().counts.not_growing_counts == 1);
        growing.at(40s).receive({{1, 3}});
        growing.at(80s).receive({{1, 0}});  // not recorded
        CHECK(growing.check().ok());
        CHECK(growing.check().counts.not_growing_counts == 0);
    }
}

TEST_CASE("R171: a message is not moved before it was received often enough", "[history]") {
    for (const bool is_fifo : {false, true}) {
        for (const bool is_told : {false, true}) {
            Story story{Story::with_dead_letters(is_fifo ? Story::fifo() : Story::standard(), 2)};
            const auto move = [&](nanoseconds instant) {
                if (is_told) {
                    story.at(instant).add(Action::dead_letter, 1);
                } else {
                    story.at(instant).in(1).receive({{1, 9}});
                }
            };
            story.at(0s).send(1, 1);
            story.at(1s).receive({{1, 1}});
            Story enough = story;
            move(60s);
            CHECK(broken(story.check()) == Rules{HistoryRule::dead_lettered_early});
            CHECK(story.check().counts.dead_letters == 1);

            SECTION(is_told ? "twice is enough, told" : "twice is enough, seen") {
                std::swap(story, enough);
                story.at(31s).receive({{1, 2}});
                move(61s);
                CHECK(story.check().ok());
            }
            SECTION(is_told ? "an answer may be lost, told" : "an answer may be lost, seen") {
                std::swap(story, enough);
                story.at(31s).receive({}).answer = Answer::unknown;
                move(61s);
                CHECK(story.check().ok());
            }
            SECTION(is_told ? "an answer may be late, told" : "an answer may be late, seen") {
                story.during(31s, 80s).in(0).by(1).receive({{1, 2}});
                CHECK(story.check().ok());
            }
        }
    }
}

TEST_CASE("R171: a message is not received more often than the policy says, nor from the queue that it left",
          "[history]") {
    Story story{Story::with_dead_letters(Story::standard(), 2)};
    story.at(0s).send(1);
    story.at(1s).receive({{1, 1}});
    story.at(31s).receive({{1, 2}});
    CHECK(story.check().ok());
    Story moved = story;
    story.at(61s).receive({{1, 3}});
    CHECK(broken(story.check()) == Rules{HistoryRule::received_beyond_maximum});
    CHECK(story.check().findings[0].text == "message 1, queue 'orders': received for the 3. time instead of being "
                                            "moved, at 61 s [dead-letter.threshold]");

    moved.during(61s, 62s).in(1).receive({{1, 3}});
    CHECK(moved.check().ok());
    moved.during(70s, 71s).in(0).receive({{1, 4}});
    CHECK(broken(moved.check()) == Rules{HistoryRule::received_beyond_maximum});
    moved.history.operations[moved.history.operations.size() - 2].invoked = 50s;  // perhaps before it was moved
    CHECK(moved.check().ok());
}

TEST_CASE("R138: sends at one instant have no order if one of them was not acknowledged", "[history]") {
    // The sender of 1 got no answer and sends 2 at once; the answer with 1 in it is lost to nobody but the history.
    for (const bool named : {true, false}) {
        Story story{{Story::fifo()}};
        Operation& unknown = story.at(5s).send(named ? 1 : 0, 1);
        unknown.answer = Answer::unknown;
        unknown.content = 1 + 7;
        story.at(5s).send(2, 1);
        story.at(10s).receive({{1}});
        CHECK(broken(story.check()) == Rules{});
        story.history.operations[1].invoked = story.history.operations[1].answered = 4s;
        std::swap(story.history.operations[0], story.history.operations[1]);
        CHECK(broken(story.check()) == Rules{HistoryRule::group_overtaken});
    }
}

TEST_CASE("R138: a send that is repeated has no order with what was sent at the instant of the first try",
          "[history]") {
    Story story = fifo();
    story.at(5s).by(0).send(1, 1).answer = Answer::unknown;
    story.at(5s).by(1).send(2, 1);
    story.at(7s).by(0).send(1, 1).answer = Answer::deduplicated;
    Story later = story;
    story.at(10s).receive({{1}});
    CHECK(broken(story.check()) == Rules{});
    later.history.operations[0].invoked = later.history.operations[0].answered = 6s;
    std::swap(later.history.operations[0], later.history.operations[1]);
    later.at(10s).receive({{1}});
    CHECK(broken(later.check()) == Rules{HistoryRule::group_overtaken});
}

TEST_CASE("R138: a message does not overtake an earlier one of its group", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(0s).send(2, 1);
    Story other_group = story;
    other_group.history.operations[1].group = 2;
    Story together = story;
    Story standard_queue = story;
    standard_queue.history.queues[0].fifo = false;
    story.at(1s).receive({{2}});
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::group_overtaken});
    CHECK(verdict.findings[0].text == "message 2, queue 'orders.fifo': received before message 1 of its group, which "
                                      "was sent earlier, at 1 s [fifo.order]");

    other_group.at(1s).receive({{2}});
    CHECK(other_group.check().ok());
    standard_queue.at(1s).receive({{2}});
    CHECK(standard_queue.check().ok());
    Story reversed = together;
    together.at(1s).receive({{1}, {2}});  // several in one answer (R139)
    CHECK(together.check().ok());
    reversed.at(1s).receive({{2}, {1}});
    CHECK(broken(reversed.check()) == Rules{HistoryRule::group_overtaken});
}

TEST_CASE("sends that overlap have no order, those of a batch have", "[history]") {
    Story story = fifo();
    story.during(0s, 2s).by(0).send(1, 1);
    story.during(0s, 2s).by(0).send(2, 1);
    story.at(3s).receive({{2}});
    CHECK(broken(story.check()) == Rules{HistoryRule::group_overtaken});
    story.history.operations[1].client = 1;
    CHECK(story.check().ok());
    story.history.operations[1].invoked = 2s;
    CHECK(broken(story.check()) == Rules{HistoryRule::group_overtaken});
    CHECK(story.check({.clock_error = 1ns}).ok());
}

TEST_CASE("R140: a group is locked while an earlier message of it is in flight", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(0s).send(2, 1);
    story.at(1s).receive({{1}}, 30s);
    Story deleted = story;
    Story visible = story;
    story.at(2s).receive({{2}});
    CHECK(broken(story.check()) == Rules{HistoryRule::group_locked});

    SECTION("a delete ends it") {
        deleted.at(2s).remove({1});
        deleted.at(2s).receive({{2}});
        CHECK(deleted.check().ok());
    }
    SECTION("a delete without an answer may have ended it") {
        deleted.at(2s).remove({1}).answer = Answer::unknown;
        deleted.at(2s).receive({{2}});
        CHECK(deleted.check().ok());
    }
    SECTION("a delete that did nothing does not") {
        deleted.at(2s).remove({1}).answer = Answer::expired;
        deleted.at(2s).receive({{2}});
        CHECK(broken(deleted.check()) == Rules{HistoryRule::group_locked});
    }
    SECTION("a delete whose answer comes later may have") {
        deleted.during(2s, 4s).by(1).receive({{2}});
        CHECK(broken(deleted.check()) == Rules{HistoryRule::group_locked});
        deleted.during(3s, 5s).by(0).remove({1});
        CHECK(deleted.check().ok());
        deleted.history.operations.back().invoked = 4s;
        CHECK(broken(deleted.check()) == Rules{HistoryRule::group_locked});
    }
    SECTION("the end of the lease or a visibility of zero make it first again") {
        visible.at(2s).change({1}, 0s);
        Story overtaken = visible;
        overtaken.at(2s).receive({{2}});
        CHECK(broken(overtaken.check()) == Rules{HistoryRule::group_overtaken});
        visible.at(2s).receive({{1, 2}, {2}});
        CHECK(visible.check().ok());
    }
    SECTION("the end of its retention ends it") {
        visible.at(96h).receive({{2}});
        visible.history.operations[1].answer = Answer::unknown;
        CHECK(visible.check().ok());
    }
}

TEST_CASE("R143: an earlier message is received while a later one of its group is in flight", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(0s).send(2, 1);
    story.at(1s).receive({{1}, {2}}, 30s);
    story.at(2s).change({2}, 60s);
    story.at(31s).receive({{1, 2}});
    CHECK(story.check().ok());
}

TEST_CASE("R178: a message that may have been moved to the dead-letter queue frees its group", "[history]") {
    Story story{Story::with_dead_letters(Story::fifo(), 2)};
    story.at(0s).send(1, 1);
    story.at(0s).send(2, 1);
    story.at(1s).receive({{1, 1}}, 1s);
    Story early = story;
    early.at(3s).receive({{2}});
    CHECK(broken(early.check()) == Rules{HistoryRule::group_overtaken});
    story.at(3s).receive({{1, 2}}, 1s);
    story.at(4s).receive({{2}});
    story.at(5s).in(1).receive({{1, 3}});
    CHECK(story.check().ok());
}

TEST_CASE("R100: repeating a receive returns the same handles, and is no second receive", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(0s).send(2, 1);
    story.at(1s).receive({{1}, {2}}, 30s);
    story.at(5s).receive({{1}, {2}}, 30s);  // with the attempt id of the first
    CHECK(story.check().ok());
    CHECK(story.check().counts.duplicates == 0);
    story.at(34s).receive({{1, 2}});
    CHECK(broken(story.check()) == Rules{HistoryRule::received_while_leased});
}

TEST_CASE("R149: one deduplication id gives one message within the interval", "[history]") {
    Story story = fifo();
    story.during(0s, 1s).send(1, 1).deduplication = 1;
    story.during(300s - 2ns, 300s - 1ns).send(2, 2).deduplication = 1;
    story.at(301s).receive({{1}, {2}});
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::duplicate_within_interval});
    CHECK(verdict.findings[0].text == "message 2, queue 'orders.fifo': received, and so was message 1 with the same "
                                      "deduplication id, both sent within 300 s, at 301 s [fifo.deduplication]");

    SECTION("half open: after it the id is new") { story.history.operations[1].answered = 300s; }
    SECTION("other ids are others") { story.history.operations[1].deduplication = 2; }
    SECTION("with the scope of a group other groups have their own ids") {
        story.history.queues[0].deduplicates_by_group = true;
    }
    SECTION("a purge forgets it") {
        Operation purge = story.history.operations[0];
        purge = {.invoked = 200s, .answered = 200s, .action = Action::purge};
        story.history.operations.insert(story.history.operations.begin() + 1, purge);
    }
    SECTION("a send that stored nothing is none") {
        story.history.operations[1].answer = Answer::deduplicated;
        story.history.operations[1].message = 1;
        story.history.operations.pop_back();
    }
    SECTION("also if the service does not say so, but answers with the first message") {
        story.history.operations[1].message = 1;
        story.history.operations.pop_back();
    }
    CHECK(story.check().ok());
}

TEST_CASE("a deduplicated retry shows that the send without an answer was stored", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1).answer = Answer::unknown;
    story.at(1s).send(1, 1).answer = Answer::deduplicated;
    story.history.drained = true;
    CHECK(broken(story.check()) == Rules{HistoryRule::lost});
    story.at(2s).receive({{1}});
    story.at(2s).remove({1});
    CHECK(story.check().ok());
    CHECK(story.check().counts.recovered == 0);
}

TEST_CASE("a delete by a handle that another receive has replaced is forbidden on a FIFO queue", "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story story = is_fifo ? fifo() : standard();
        story.at(0s).send(1, 1);
        story.at(1s).receive({{1, 1}}, 10s);
        story.at(11s).by(1).receive({{1, 2}}, 10s);
        story.at(12s).by(0).remove({1, 1});
        CHECK(broken(story.check()) == (is_fifo ? Rules{HistoryRule::stale_delete} : Rules{}));
        CHECK(story.check().counts.stale_deletes == 1);
        story.history.operations.back().answer = Answer::superseded;
        CHECK(story.check().ok());
        CHECK(story.check().counts.stale_deletes == 0);
        story.history.operations.back() = {};
        story.history.operations.pop_back();
        story.at(12s).by(1).remove({1, 2});
        CHECK(story.check().ok());
        story.at(13s).by(0).remove({1, 1});  // the message is gone: also fine (R110)
        CHECK(story.check().ok());
    }
}

TEST_CASE("R111: on a FIFO queue a handle deletes up to exactly the end of its lease", "[history]") {
    for (const bool is_fifo : {false, true}) {
        Story story = is_fifo ? fifo() : standard();
        story.at(0s).send(1, 1);
        story.during(1s, 2s).receive({{1, 1}}, 10s);
        Story exact = story;
        Story extended = story;
        story.during(12s + 1ns, 13s).remove({1, 1});
        CHECK(broken(story.check()) == (is_fifo ? Rules{HistoryRule::stale_delete} : Rules{}));
        exact.during(12s, 13s).remove({1, 1});
        CHECK(exact.check().ok());
        extended.during(9s, 10s).change({1, 1}, 5s);
        extended.during(15s, 16s).remove({1, 1});
        CHECK(extended.check().ok());
    }
}

TEST_CASE("R88: an answer has at most as many messages as asked for, and at most ten", "[history]") {
    Story story = standard();
    for (std::uint32_t message = 1; message <= 11; ++message) {
        story.at(0s).send(message);
    }
    story.at(1s).receive({{1}, {2}}).maximum = 2;
    CHECK(story.check().ok());
    Operation& receive = story.at(2s).receive({{3}, {4}, {5}});
    receive.maximum = 2;
    CHECK(broken(story.check()) == Rules{HistoryRule::too_many_messages});

    Story ten = standard();
    ten.history.operations.assign(story.history.operations.begin(), story.history.operations.begin() + 11);
    Story eleven = ten;
    ten.at(1s).receive({{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}});
    CHECK(ten.check().ok());
    eleven.at(1s).receive({{1}, {2}, {3}, {4}, {5}, {6}, {7}, {8}, {9}, {10}, {11}}).maximum = 0;
    CHECK(broken(eleven.check()) == Rules{HistoryRule::too_many_messages});

    for (const int most : {11, std::numeric_limits<int>::max()}) {  // a queue with limits of its own
        eleven.history.queues[0].max_number_of_messages = most;
        CHECK(eleven.check().ok());
        eleven.history.queues[0].max_number_of_messages = 10;
        CHECK_FALSE(eleven.check().ok());
    }
}

TEST_CASE("a receive waits no longer than asked", "[history]") {
    Story story = standard();
    story.during(1s, 21s).receive({}).wait = 20s;
    CHECK(story.check({.call_overhead = 0s}).ok());
    story.history.operations[0].answered = 21s + 1ns;
    CHECK(broken(story.check({.call_overhead = 0s})) == Rules{HistoryRule::waited_too_long});
    CHECK(story.check({.call_overhead = 1ns}).ok());
    CHECK(story.check().ok());  // a real service is not that exact
    story.history.operations[0].answer = Answer::unknown;
    CHECK(story.check({.call_overhead = 0s}).ok());
}

TEST_CASE("what is no history is malformed, with a reason", "[history]") {
    Story story = standard();
    story.at(1s).send(1);
    story.at(2s).receive({{1}});
    Operation& first = story.history.operations[0];
    Operation& delivery = story.history.operations[2];

    SECTION("a queue that is not there") { first.queue = 1; }
    SECTION("numbers with gaps") { first.message = 4'000'000'000; }
    SECTION("an end before the beginning") { first.invoked = 2s; }
    SECTION("answers out of order") { first.answered = 3s; }
    SECTION("a time without sense") { first.answered = nanoseconds::max(); }
    SECTION("a beginning without sense") { first.invoked = nanoseconds::min(); }
    SECTION("a negative delay") { first.duration = -1ns; }
    SECTION("a delivery of nothing") { delivery.message = 0; }
    SECTION("a delivery from elsewhere") {
        story.history.queues.push_back(Story::standard());
        delivery.queue = 1;
    }
    SECTION("a delivery without its receive") { std::swap(story.history.operations[1], story.history.operations[2]); }
    SECTION("a dead-letter queue that is not there") { story.history.queues[0].dead_letter_queue = 1; }
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::malformed});
    CHECK_FALSE(verdict.findings[0].text.empty());
}

TEST_CASE("the first findings are told, all are counted", "[history]") {
    Story story = standard();
    for (std::uint32_t message = 1; message <= 30; ++message) {
        story.at(1s).receive({{message}});
    }
    const auto verdict = story.check();
    CHECK(verdict.findings.size() == HistoryVerdict::most_findings);
    CHECK(verdict.counts.violations == 30);
    CHECK(verdict.to_string().find("and 10 more\n") != std::string::npos);
    CHECK(verdict.to_string().starts_with("violations: 30; operations: 60"));
}

TEST_CASE("a checker keeps nothing of the history before", "[history]") {
    sqsim::history::HistoryChecker checker;
    Story bad = fifo();
    bad.at(0s).send(1, 1);
    bad.at(0s).send(2, 1);
    bad.at(0s).send(3, 1).deduplication = 4;
    bad.at(1s).receive({{2}, {3}, {9}});
    Story good = fifo();
    good.at(0s).send(2, 1).deduplication = 4;
    good.at(0s).send(1, 1);
    good.at(1s).receive({{2}});
    const auto first = checker.check(bad.history);
    CHECK_FALSE(first.ok());
    CHECK(checker.check(good.history).ok());
    CHECK(checker.check(bad.history).findings == first.findings);
    CHECK(checker.check({}).ok());
}

TEST_CASE("the time to check grows with the history, not with what overlaps in it", "[history]") {
    // A checker that compares each message with every other would take hours.
    constexpr std::uint32_t messages = 32'000;
    constexpr auto end = 200s + messages * 1ms;
    Story story = fifo();
    SECTION("sends in order, and deletes of which each may have come before any receive") {
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.at(i * 1ms).send(i, 1);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.at(200s + i * 1ms).receive({{i}}, 1h);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.during(200s, end).by(i).remove({i});
        }
    }
    SECTION("sends that all overlap, received in the opposite order") {
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.during(0s, 100s).by(i).send(i, 1);
        }
        for (std::uint32_t i = messages; i >= 1; --i) {
            story.at(end - i * 1ms).receive({{i}}, 1h);
        }
    }
    SECTION("sends that all overlap and were received before their answers") {
        for (std::uint32_t i = messages; i >= 1; --i) {
            story.at(50s).receive({{i}}, 1h);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.during(0s, 100s).by(i).send(i, 1);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.at(2h).receive({{i, 2}}, 1h);
            story.at(2h).remove({i, 2});
        }
    }
    SECTION("receives during which any message may be received once more, and so be moved") {
        story.history.queues = Story::with_dead_letters(Story::fifo(), 1'000);
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.during(i * 1ms, i * 1ms + 50s).by(i).send(i, 1);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.at(200s + i * 1ms).receive({{i}}, 0s);
        }
        for (std::uint32_t i = 1; i <= messages; ++i) {
            story.during(200s, end).by(i).receive({{i, 2}}, 1h);
        }
    }
    const auto verdict = story.check(CheckOptions::exact());
    INFO(verdict.to_string());
    CHECK(verdict.ok());
    CHECK(verdict.counts.operations >= 3 * messages);
}

TEST_CASE("R138: a message is overtaken however many sends overlap with both", "[history]") {
    Story story = fifo();
    story.at(0s).by(1).send(1, 1);
    for (std::uint32_t i = 2; i <= 200; ++i) {
        story.during(0s, 10s).by(i).send(i, 1);
    }
    story.during(5s, 20s).by(1).send(201, 1);
    story.at(30s).receive({{201}});
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::group_overtaken});
    CHECK(verdict.findings[0].text.find("received before message 1 of its group") != std::string::npos);
}

TEST_CASE("R89: a short poll is judged only by what it returned", "[history]") {
    Story story = standard();
    story.at(0s).send(1).duration = 40s;
    story.during(1s, 31s).receive({});  // its client was slow, or time went on: a short poll does not wait
    CHECK(story.check(CheckOptions::exact()).ok());
    story.during(1s, 39s).receive({{1}});
    CHECK(broken(story.check(CheckOptions::exact())) == Rules{HistoryRule::received_before_delay});
    story.history.operations.resize(2);
    story.history.operations[1].wait = 1ns;
    CHECK(broken(story.check(CheckOptions::exact())) == Rules{HistoryRule::waited_too_long});
}

TEST_CASE("R117: a shorter visibility, whose answer may be lost, ends the lease at its exact deadline", "[history]") {
    for (const nanoseconds shorter : {0s, 5s}) {
        for (const Answer answer : {Answer::ok, Answer::unknown}) {
            const std::string which = "to " + std::to_string(shorter.count()) + " ns, answer " +
                                      std::to_string(static_cast<int>(answer)) + ": ";
            Story story = fifo();
            story.at(0s).send(1, 1);
            story.at(0s).send(2, 1);
            story.at(1s).by(1).receive({{1}}, 30s);
            story.at(2s).by(1).change({1}, shorter).answer = answer;
            Story early = story;
            Story other = story;
            Story late = story;
            const nanoseconds end = 2s + shorter;
            // A change without an answer explains whatever comes early later on: the checker says nothing then.
            const auto certain = [&](HistoryRule rule) { return answer == Answer::ok ? Rules{rule} : Rules{}; };
            DYNAMIC_SECTION(which << "received again by another client, which holds it") {
                story.at(end).by(2).receive({{1, 2}, {2}}, 30s);
                story.at(end).by(1).remove({1, 1}).answer = Answer::superseded;
                story.at(end).by(1).change({1, 1}, 0s).answer = Answer::superseded;
                Story again = story;
                story.at(end + 30s).by(1).receive({{1, 3}, {2, 2}}, 30s);
                CHECK(story.check(CheckOptions::exact()).ok());
                again.at(end + 30s - 1ns).by(1).receive({{1, 3}}, 30s);
                CHECK(broken(again.check(CheckOptions::exact())) == certain(HistoryRule::received_while_leased));
            }
            DYNAMIC_SECTION(which << "deleted at the deadline, or by the second handle") {
                other.at(end).by(1).remove({1, 1});
                other.at(end).by(2).receive({{2}}, 30s);
                CHECK(other.check(CheckOptions::exact()).ok());
                story.at(end).by(2).receive({{1, 2}}, 30s);
                story.at(end).by(2).remove({1, 2});
                story.at(end).by(2).receive({{2}}, 30s);
                CHECK(story.check(CheckOptions::exact()).ok());
            }
            DYNAMIC_SECTION(which << "shortened a second time") {
                story.at(end).by(2).receive({{1, 2}}, 30s);
                story.at(end + 1s).by(2).change({1, 2}, shorter);
                Story again = story;
                Story deleted = story;
                story.at(end + 1s + shorter).by(1).receive({{1, 3}}, 30s);
                CHECK(story.check(CheckOptions::exact()).ok());
                if (shorter != 0s) {
                    again.at(end + 1s + shorter - 1ns).by(1).receive({{1, 3}}, 30s);
                    CHECK(broken(again.check(CheckOptions::exact())) == certain(HistoryRule::received_while_leased));
                }
                deleted.at(end + 1s + shorter + 1ns).by(2).remove({1, 2});
                CHECK(broken(deleted.check(CheckOptions::exact())) == certain(HistoryRule::stale_delete));
            }
            DYNAMIC_SECTION(which << "not before it, and not past it by a later message") {
                if (shorter != 0s) {
                    early.at(end - 1ns).by(2).receive({{1, 2}}, 30s);
                    CHECK(broken(early.check(CheckOptions::exact())) == Rules{HistoryRule::received_while_leased});
                }
                other.at(end).by(2).receive({{2}}, 30s);
                CHECK(other.check(CheckOptions::exact()).counts.violations == 1);
                late.at(end + 30s).by(2).receive({{2}}, 30s);
                CHECK(broken(late.check(CheckOptions::exact())) == Rules{HistoryRule::group_overtaken});
            }
        }
    }
}

TEST_CASE("R100: a repeated attempt begins the lease again, also one of zero", "[history]") {
    for (const nanoseconds lease : {0s, 10s}) {
        for (const Answer first_answer : {Answer::ok, Answer::unknown}) {
            const std::string which = "lease of " + std::to_string(lease.count()) + " ns, first answer " +
                                      std::to_string(static_cast<int>(first_answer)) + ": ";
            Story story = fifo();
            story.at(0s).send(1, 1);
            story.at(0s).send(2, 1);
            story.at(0s).send(3, 1);
            if (first_answer == Answer::ok) {
                story.at(1s).by(1).receive({{1}, {2}}, 30s);
            } else {
                story.at(1s).by(1).receive({}, 30s).answer = Answer::unknown;
            }
            story.at(4s).by(1).receive({{1}, {2}}, lease);
            const nanoseconds end = 4s + lease;
            Story kept = story;
            Story stale = story;
            Story early = story;
            Story locked = story;
            DYNAMIC_SECTION(which << "received again at the deadline") {
                story.at(end).by(2).receive({{1, 2}, {2, 2}, {3}}, 30s);
                CHECK(story.check(CheckOptions::exact()).ok());
                early.at(end - 1ns).by(2).receive({{1, 2}, {2, 2}}, 30s);
                CHECK_FALSE(early.check(CheckOptions::exact()).ok());
            }
            DYNAMIC_SECTION(which << "deleted at the deadline, not after it") {
                kept.at(end).by(1).remove({1});
                kept.at(end).by(1).remove({2});
                kept.at(end).by(2).receive({{3}}, 30s);
                CHECK(kept.check(CheckOptions::exact()).ok());
                stale.at(end + 1ns).by(1).remove({1});
                CHECK(broken(stale.check(CheckOptions::exact())) == Rules{HistoryRule::stale_delete});
            }
            DYNAMIC_SECTION(which << "the group is locked until then") {
                locked.at(end).by(2).receive({{3}}, 30s);
                CHECK(broken(locked.check(CheckOptions::exact())) == Rules{HistoryRule::group_overtaken});
            }
        }
    }
}

TEST_CASE("R100: of two overlapping answers to one attempt either may have begun the lease", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.during(5s, 10s).by(1).receive({{1}}, 0s);
    story.during(6s, 11s).by(1).receive({{1}}, 30s);
    Story certain = story;
    story.at(12s).by(2).receive({{1, 2}}, 30s);
    CHECK(story.check().ok());
    certain.history.operations[3].invoked = certain.history.operations[4].invoked = 10s;
    certain.at(12s).by(2).receive({{1, 2}}, 30s);
    CHECK(broken(certain.check()) == Rules{HistoryRule::received_while_leased});
}

TEST_CASE("R100: a repeated attempt whose answer comes later may have ended the lease before", "[history]") {
    Story story = fifo();
    story.at(0s).send(1, 1);
    story.at(1s).by(1).receive({{1}}, 30s);
    story.during(5s, 6s).by(2).receive({{1, 2}}, 30s);
    Story certain = story;
    Story other = story;
    story.during(2s, 7s).by(1).receive({{1}}, 0s);
    CHECK(broken(story.check()) == Rules{});
    certain.during(6s, 7s).by(1).receive({{1}}, 0s);
    CHECK_FALSE(certain.check().ok());
    other.during(2s, 7s).by(1).receive({{1, 3}}, 0s);  // with a handle of its own it cannot have come first
    CHECK_FALSE(other.check().ok());
}

TEST_CASE("R100: a repeated attempt may have ended the lease of an answer that comes late", "[history]") {
    for (const bool repeat_is_first : {false, true}) {  // of the answers
        for (const nanoseconds lease : {0s, 30s}) {
            Story story = fifo();
            story.at(0s).send(1, 1);
            if (repeat_is_first) {
                story.during(2s, 3s).by(1).receive({{1, 1}}, lease);
            }
            story.during(4s, 6s).by(2).receive({{1, 2}}, 30s);
            story.during(1s, 8s).by(1).receive({{1, 1}}, 30s);  // the first to take effect
            if (!repeat_is_first) {
                story.during(3s, 9s).by(1).receive({{1, 1}}, lease);
            }
            CHECK(story.check().ok() == (lease == 0s));
        }
    }
}

TEST_CASE("R100: a repeated attempt may have changed the lease although its answer was lost", "[history]") {
    for (const nanoseconds lease : {0s, 30s}) {
        for (const auto& [client, is_known_to_the_queue] :
             {std::pair{1U, false}, {2U, false}, {1U, true}, {2U, true}}) {
            INFO("lease of " << lease.count() << " ns, repeated by " << client);
            Story story = fifo();
            story.at(0s).send(1, 1);
            story.at(1s).by(1).receive({{1, 1}}, 10s);
            story.at(5s).by(client).receive({}, lease).answer = Answer::unknown;
            if (is_known_to_the_queue) {  // a simulation knows what was lost
                story.add(Action::delivery, 1).answer = Answer::unknown;
            }
            Story deleted = story;
            Story late = story;
            story.at(8s).by(2).receive({{1, 2}}, 30s);  // right if client 1 repeated its receive with a lease of zero
            CHECK(story.check().ok() == (lease == 0s && client == 1));
            deleted.at(20s).by(1).remove({1, 1});  // right if it repeated it with 30 s
            CHECK(deleted.check().ok() == (lease == 30s && client == 1));
            late.at(41s + 1ns).by(1).remove({1, 1});  // 30 s after the end of the first lease
            CHECK(broken(late.check()) == Rules{HistoryRule::stale_delete});
        }
    }
}

TEST_CASE("R105: one handle is one receive, however often it arrives", "[history]") {
    Story story{Story::with_dead_letters(Story::fifo(), 2)};
    story.at(0s).send(1, 1);
    SECTION("two answers to one attempt, and one to another between them") {
        story.during(3s, 5s).by(2).receive({{1, 1}}, 1s);
        story.during(6s, 7s).by(3).receive({{1, 2}}, 30s);
        story.during(1s, 10s).by(1).receive({{1, 1}}, 1s);
        CHECK(story.check(CheckOptions{.call_overhead = 1min}).ok());
        story.at(40s).by(1).receive({{1, 3}}, 30s);
        CHECK(broken(story.check()) == Rules{HistoryRule::received_beyond_maximum});
    }
    SECTION("again after one that was answered late") {
        story.during(4s, 6s).by(1).receive({{1, 2}}, 30s);
        story.during(1s, 7s).by(2).receive({{1, 1}}, 1s);  // at 2 s
        Story replaced = story;
        story.at(8s).by(1).receive({{1, 2}}, 30s);
        CHECK(broken(story.check()) == Rules{});
        replaced.history.operations[3].invoked = replaced.history.operations[4].invoked = 6s;
        replaced.at(8s).by(1).receive({{1, 2}}, 30s);
        CHECK_FALSE(replaced.check().ok());
    }
    SECTION("but not after a receive that replaced it") {
        story.at(3s).by(2).receive({{1, 1}}, 1s);
        story.at(6s).by(3).receive({{1, 2}}, 30s);
        story.at(40s).by(1).receive({{1, 1}}, 30s);
        CHECK(broken(story.check()) == Rules{HistoryRule::receive_count_not_growing});
    }
    SECTION("nor while another client holds the message") {
        story.at(3s).by(2).receive({{1, 1}}, 1s);
        story.at(6s).by(3).receive({{1, 2}}, 30s);
        story.at(7s).by(1).receive({{1, 1}}, 30s);
        CHECK(broken(story.check()) ==
              Rules{HistoryRule::received_while_leased, HistoryRule::receive_count_not_growing});
    }
    SECTION("on a standard queue, too") {
        for (QueueFacts& queue : story.history.queues) {
            queue.fifo = false;
        }
        story.at(1s).receive({{1, 1}}, 1s);
        story.at(3s).receive({{1, 1}}, 1s);
        story.at(5s).receive({{1, 1}}, 1s);
        CHECK(story.check().ok());
        story.at(7s).receive({{1, 3}}, 1s);
        CHECK(broken(story.check()) == Rules{HistoryRule::received_beyond_maximum});
    }
}

TEST_CASE("R175, R176, R191: a redriven message may keep the time it was sent at on a standard queue", "[history]") {
    for (const bool is_fifo : {false, true}) {
        QueueFacts source = is_fifo ? Story::fifo() : Story::standard();
        source.message_retention_period = 60s;
        Story story{Story::with_dead_letters(source, 1)};
        story.at(0s).send(1, 1);
        story.at(1s).receive({{1}}, 1s);
        story.at(10s).add(Action::dead_letter, 1);
        story.at(50s).add(Action::redrive, 2).group = 1;
        story.history.drained = true;
        Story early = story;
        Story before = story;
        Story late = story;
        Story gone = story;
        INFO((is_fifo ? "fifo" : "standard"));

        story.at(60s).receive({});  // 60 s after the send, 10 s after the redrive
        CHECK(broken(story.check(CheckOptions::exact())) == (is_fifo ? Rules{HistoryRule::lost} : Rules{}));
        before.at(60s - 1ns).receive({});
        CHECK(broken(before.check(CheckOptions::exact())) == Rules{HistoryRule::lost});
        gone.at(110s).receive({});  // the redrive began its retention anew
        CHECK(gone.check(CheckOptions::exact()).ok());
        early.at(110s).receive({{2}});
        CHECK(early.check(CheckOptions::exact()).ok());
        late.at(110s + 1ns).receive({{2}});
        CHECK(broken(late.check(CheckOptions::exact())) == Rules{HistoryRule::received_after_retention});
    }
}

TEST_CASE("R175, R176: near the end of its retention a dead letter keeps its age on a standard queue", "[history]") {
    for (const bool is_fifo : {false, true}) {
        QueueFacts source = is_fifo ? Story::fifo() : Story::standard();
        source.message_retention_period = 60s;
        Story story{Story::with_dead_letters(source, 1)};
        story.at(0s).send(1, 1);
        story.at(1s).receive({{1}}, 1s);
        story.at(60s).add(Action::dead_letter, 1);
        Story late = story;
        story.at(60s).in(1).receive({{1, 2}});
        CHECK(story.check(CheckOptions::exact()).ok());
        late.at(120s).in(1).receive({{1, 2}});
        CHECK(broken(late.check(CheckOptions::exact())) ==
              (is_fifo ? Rules{} : Rules{HistoryRule::received_after_retention}));
        late.at(120s + 1ns).in(1).receive({{1, 3}});
        CHECK(broken(late.check(CheckOptions::exact()))[0] ==
              (is_fifo ? HistoryRule::received_while_leased : HistoryRule::received_after_retention));
    }
}

TEST_CASE("R130: a change of the delay is retroactive on a FIFO queue, and on no other", "[history]") {
    for (const bool is_fifo : {false, true}) {
        INFO((is_fifo ? "fifo" : "standard"));
        const auto change = [](Story& story, nanoseconds instant, nanoseconds delay) -> Operation& {
            Operation& operation = story.at(instant).add(Action::set_delay);
            operation.duration = delay;
            return operation;
        };
        const auto receive = [](Story story, nanoseconds instant) {
            story.at(instant).receive({{1}});
            return broken(story.check(CheckOptions::exact()));
        };
        const Rules early{HistoryRule::received_before_delay};
        Story story = is_fifo ? fifo() : standard();
        story.at(10s).send(1, 1).duration = 20s;

        SECTION(is_fifo ? "shorter, fifo" : "shorter, standard") {
            change(story, 12s, 5s);
            CHECK(receive(story, 15s - 1ns) == early);
            CHECK(receive(story, 15s) == (is_fifo ? Rules{} : early));
            CHECK(receive(story, 30s) == Rules{});
        }
        SECTION(is_fifo ? "ended at once, fifo" : "ended at once, standard") {
            change(story, 12s, 1s);
            CHECK(receive(story, 12s) == (is_fifo ? Rules{} : early));
        }
        SECTION(is_fifo ? "longer, fifo" : "longer, standard") {
            change(story, 12s, 60s);
            CHECK(receive(story, 30s) == (is_fifo ? early : Rules{}));
            CHECK(receive(story, 70s - 1ns) == (is_fifo ? early : Rules{}));
            CHECK(receive(story, 70s) == Rules{});
        }
        SECTION(is_fifo ? "longer, but after it had ended, fifo" : "longer, but after it had ended, standard") {
            change(story, 30s, 60s);
            CHECK(receive(story, 31s) == Rules{});
        }
        SECTION(is_fifo ? "shorter for a while, fifo" : "shorter for a while, standard") {
            change(story, 12s, 5s);
            Story in_time = story;
            change(story, 14s, 20s);
            CHECK(receive(story, 16s) == early);
            CHECK(receive(story, 30s) == Rules{});
            change(in_time, 15s, 20s);
            CHECK(receive(in_time, 16s) == (is_fifo ? Rules{} : early));
        }
        SECTION(is_fifo ? "perhaps, fifo" : "perhaps, standard") {
            Operation& unanswered = change(story, 12s, 5s);
            unanswered.answer = Answer::unknown;
            CHECK(receive(story, 15s) == (is_fifo ? Rules{} : early));
            Story longer = story;
            change(longer, 13s, 60s);
            CHECK(receive(longer, 15s) == (is_fifo ? Rules{} : early));
            longer.history.operations.pop_back();
            longer.history.operations.back().duration = 60s;
            CHECK(receive(longer, 30s) == Rules{});
        }
        SECTION(is_fifo ? "not if it was refused, fifo" : "not if it was refused, standard") {
            change(story, 12s, 5s).answer = Answer::refused;
            CHECK(receive(story, 15s) == early);
        }
        SECTION(is_fifo ? "before the send, fifo" : "before the send, standard") {
            Story before = is_fifo ? fifo() : standard();
            change(before, 1s, 0s);
            change(before, 2s, 20s);
            before.at(10s).send(1, 1).duration = 20s;
            CHECK(receive(before, 30s - 1ns) == early);
            CHECK(receive(before, 30s) == Rules{});
            before.history.operations[0].answer = Answer::unknown;
            CHECK(receive(before, 15s) == (is_fifo ? Rules{} : early));  // it may take effect after the send
        }
        SECTION(is_fifo ? "during the send, fifo" : "during the send, standard") {
            story.history.operations[0].answered = 13s;
            change(story, 13s, 60s).invoked = 12s;  // perhaps before the send, and undone by then
            CHECK(receive(story, 30s - 1ns) == early);
            CHECK(receive(story, 30s) == Rules{});
        }
        SECTION(is_fifo ? "at the instant of the send, fifo" : "at the instant of the send, standard") {
            change(story, 10s, 5s);
            CHECK(receive(story, 15s - 1ns) == early);
            CHECK(receive(story, 15s) == (is_fifo ? Rules{} : early));
            std::swap(story.history.operations[0], story.history.operations[1]);  // the send knew of it
            CHECK(receive(story, 15s) == early);
            story.history.operations[1].answer = Answer::unknown;  // perhaps not
            CHECK(receive(story, 15s) == (is_fifo ? Rules{} : early));
        }
        SECTION(is_fifo ? "after the first receive, fifo" : "after the first receive, standard") {
            story.at(30s).receive({{1}}, 1s);
            change(story, 30s, 15min);
            story.at(31s).receive({{1, 2}});
            CHECK(broken(story.check(CheckOptions::exact())) == Rules{});
        }
        SECTION(is_fifo ? "of another queue, fifo" : "of another queue, standard") {
            story.history.queues.push_back(story.history.queues[0]);
            change(story, 12s, 5s).queue = 1;
            CHECK(receive(story, 15s) == early);
        }
    }
}
