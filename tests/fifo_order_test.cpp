// SPDX-License-Identifier: MIT

// Catches overtaking inside a message group, a group that stays locked or opens too early, groups served in another
// order than the recordings show, and a delay that changes the order.

#include "catch.hpp"
#include "fifo_support.hpp"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send;
using fifo::send_all;
using fifo::take;

namespace {

/// The queue receives m1, m2 and m3 of one group together for one second, and extends one of them to four.
struct ExtendedOneOfThree {
    explicit ExtendedOneOfThree(std::size_t extended) {
        send_all(queue, {"g-m1", "g-m2", "g-m3"});
        received = receive(queue);
        REQUIRE(received.size() == 3);
        REQUIRE(queue.change_message_visibility(received[extended].receipt_handle(), 4s));
    }

    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    fifo::Messages received;
};

/// What is left of `all` after each element of `part` was taken from it.
Bodies without(Bodies all, const Bodies& part) {
    for (const auto& body : part) {
        std::erase(all, body);
    }
    return all;
}

}  // namespace

TEST_CASE("R138: a message in flight withholds the later ones of its group and not the earlier ones", "[fifo][order]") {
    const std::vector<Bodies> deliverable{{}, {"g-m1"}, {"g-m1", "g-m2"}};
    const std::size_t extended = GENERATE(0U, 1U, 2U);
    CAPTURE(extended);

    SECTION("as recorded, some time after the others expired") {
        ExtendedOneOfThree scene{extended};
        scene.clock.advance(2500ms);
        CHECK(take(scene.queue) == deliverable[extended]);
    }
    SECTION("from the very instant at which the others expire") {
        ExtendedOneOfThree scene{extended};
        scene.clock.advance(1s - 1ns);
        CHECK(take(scene.queue).empty());
        scene.clock.advance(1ns);
        CHECK(take(scene.queue) == deliverable[extended]);
    }
    SECTION("until the very instant at which the extended one expires") {
        ExtendedOneOfThree scene{extended};
        scene.clock.advance(4s - 1ns);
        CHECK(take(scene.queue, 10, 0s) == deliverable[extended]);
        scene.clock.advance(1ns);
        CHECK(take(scene.queue) == Bodies{"g-m1", "g-m2", "g-m3"});
    }
}

TEST_CASE("R139, R144 (a): one receive exhausts a group before it opens the next", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1", "g1-m2", "g1-m3"});
    CHECK(take(queue) == Bodies{"g1-m1", "g1-m2", "g1-m3", "g2-m1"});
}

TEST_CASE("R139, R88: a receive stops in the middle of a group when it has enough", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1", "g1-m2", "g1-m3"});
    CHECK(take(queue, 2) == Bodies{"g1-m1", "g1-m2"});
    CHECK(take(queue, 10) == Bodies{"g2-m1"});  // the rest of g1 waits for the first two
}

TEST_CASE("R140: a group with a message in flight withholds the rest, other groups are delivered", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g1-m2", "g2-m1", "g2-m2"});
    CHECK(take(queue, 1) == Bodies{"g1-m1"});
    CHECK(take(queue, 1) == Bodies{"g2-m1"});
    CHECK(take(queue).empty());
    send_all(queue, {"g3-m1"});
    CHECK(take(queue) == Bodies{"g3-m1"});
}

TEST_CASE("R141: a send does not unblock a group, the delete of the blocking message does at once", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1"});
    const auto first = receive(queue);
    REQUIRE(bodies(first) == Bodies{"g-m1"});
    send_all(queue, {"g-m2"});
    CHECK(take(queue).empty());
    CHECK(queue.delete_message(first[0].receipt_handle()));
    CHECK(take(queue) == Bodies{"g-m2"});
}

TEST_CASE("R93, R141: the delete of the blocking message wakes a long poll", "[fifo][order][wait]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1", "g-m2"});
    const auto first = receive(queue, 1);
    REQUIRE(bodies(first) == Bodies{"g-m1"});

    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    clock.advance(1s);
    CHECK(queue.delete_message(first[0].receipt_handle()));
    CHECK(waiting.bodies() == Bodies{"g-m2"});
}

TEST_CASE("R93, R138: the end of the lease of a group's first message wakes a long poll", "[fifo][order][wait]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1", "g-m2"});
    CHECK(take(queue, 1, 10s) == Bodies{"g-m1"});

    fifo::LongPoll waiting{queue};
    clock.wait_for_waiters(1);
    clock.advance(10s - 1ns);
    CHECK(clock.waiters() == 1);
    clock.advance(1ns);
    CHECK(waiting.bodies() == Bodies{"g-m1", "g-m2"});
}

TEST_CASE("R142: after a partial delete the group is blocked by the rest", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    const auto received = receive(queue, 2);
    REQUIRE(bodies(received) == Bodies{"g-m1", "g-m2"});

    SECTION("the first is deleted: the second blocks the third") {
        CHECK(queue.delete_message(received[0].receipt_handle()));
        CHECK(take(queue).empty());
        CHECK(queue.delete_message(received[1].receipt_handle()));
        CHECK(take(queue) == Bodies{"g-m3"});
    }
    SECTION("the second is deleted, out of order: the first blocks the third") {
        CHECK(queue.delete_message(received[1].receipt_handle()));
        CHECK(take(queue).empty());
        CHECK(queue.delete_message(received[0].receipt_handle()));
        CHECK(take(queue) == Bodies{"g-m3"});
    }
    SECTION("the second is deleted and the first comes back: the third follows it") {
        CHECK(queue.delete_message(received[1].receipt_handle()));
        clock.advance(30s);
        CHECK(take(queue) == Bodies{"g-m1", "g-m3"});
    }
}

TEST_CASE("R143: a first message that expires while the second is in flight comes back alone", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 10s}};
    send_all(queue, {"g-m1", "g-m2", "g-m3"});
    const auto received = receive(queue, 2);
    REQUIRE(received.size() == 2);
    REQUIRE(queue.change_message_visibility(received[0].receipt_handle(), 2s));

    clock.advance(2s - 1ns);
    CHECK(take(queue).empty());
    clock.advance(1ns);
    CHECK(take(queue) == Bodies{"g-m1"});
    CHECK(take(queue).empty());
    clock.advance(8s);  // now m2 is visible, behind m1 that is leased until 12 s
    CHECK(take(queue).empty());
    clock.advance(2s);
    CHECK(take(queue) == Bodies{"g-m1", "g-m2", "g-m3"});
}

TEST_CASE("R144 (b), R146: groups received with a timeout of zero go behind the others", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1", "g2-m2", "g3-m1", "g1-m2"});

    SECTION("in one instant") {}
    SECTION("with time between the calls") { clock.advance(1s); }
    CHECK(take(queue, 3, 0s) == Bodies{"g1-m1", "g1-m2", "g2-m1"});
    CHECK(take(queue, 10) == Bodies{"g3-m1", "g1-m1", "g1-m2", "g2-m1", "g2-m2"});
}

TEST_CASE("R144 (c): groups whose leases ended go behind a group never received, in the order the leases ended",
          "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s}};
    send_all(queue, {"g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1", "g3-m1"});
    CHECK(take(queue, 2) == Bodies{"g1-m1", "g1-m2"});
    const auto step = GENERATE(0ms, 300ms);
    clock.advance(step);
    CHECK(take(queue, 1) == Bodies{"g2-m1"});
    SECTION("some time after both ended") { clock.advance(2s); }
    SECTION("at the instant at which the second ends") { clock.advance(1s); }
    CHECK(take(queue) == Bodies{"g3-m1", "g1-m1", "g1-m2", "g1-m3", "g1-m4", "g2-m1"});
}

TEST_CASE("R144 (d), R141, R149: a group freed by deletes is as old as its next message", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1", "g1-m2", "g2-m2"});
    CHECK(send(queue, "g1-m2", "g1").deduplicated);
    send_all(queue, {"g1-m3", "g1-m4", "g3-m1"});
    const auto received = receive(queue, 2);
    REQUIRE(bodies(received) == Bodies{"g1-m1", "g1-m2"});
    for (const auto& message : received) {
        CHECK(queue.delete_message(message.receipt_handle()));
    }
    CHECK(take(queue) == Bodies{"g2-m1", "g2-m2", "g1-m3", "g1-m4", "g3-m1"});
}

TEST_CASE("R144: a lease that ends later puts its group later, whatever the order of the receives", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1", "g3-m1"});
    CHECK(take(queue, 1, 3s) == Bodies{"g1-m1"});
    CHECK(take(queue, 1, 2s) == Bodies{"g2-m1"});
    CHECK(take(queue, 1, 1s) == Bodies{"g3-m1"});
    const bool step_by_step = GENERATE(false, true);  // one call that sees all three ends, or one call at each
    for (int i = 0; i < 3; ++i) {
        clock.advance(1s);
        if (step_by_step) {
            CHECK(queue.counts().visible == static_cast<std::size_t>(i) + 1);
        }
    }
    CHECK(take(queue) == Bodies{"g3-m1", "g2-m1", "g1-m1"});
}

TEST_CASE("R144: leases that end at one instant put their groups in the order of the receives", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 5s}};
    send_all(queue, {"g1-m1", "g2-m1", "g3-m1"});

    SECTION("the queue's timeout first, then one of the receive's own") {
        CHECK(take(queue, 1) == Bodies{"g1-m1"});
        clock.advance(2s);
        CHECK(take(queue, 1, 3s) == Bodies{"g2-m1"});
    }
    SECTION("one of the receive's own first, then the queue's timeout") {
        CHECK(take(queue, 1, 7s) == Bodies{"g1-m1"});
        clock.advance(2s);
        CHECK(take(queue, 1) == Bodies{"g2-m1"});
    }
    clock.advance(5s);
    CHECK(take(queue) == Bodies{"g3-m1", "g1-m1", "g2-m1"});
}

TEST_CASE("R144: a message given back goes behind the groups that became visible before", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g2-m1"});
    const auto received = receive(queue, 1);
    REQUIRE(bodies(received) == Bodies{"g1-m1"});
    clock.advance(1s);
    CHECK(queue.change_message_visibility(received[0].receipt_handle(), 0s));
    send_all(queue, {"g3-m1"});
    CHECK(take(queue) == Bodies{"g2-m1", "g1-m1", "g3-m1"});
}

TEST_CASE("R144, R132: groups of a delay queue are ordered by the end of their delays", "[fifo][order][delay]") {
    Clock clock;
    fifo::Queue queue{clock, {.visibility_timeout = 1s, .delay = 3s}};
    send_all(queue, {"g1-m1"});
    clock.advance(3s);
    CHECK(take(queue) == Bodies{"g1-m1"});  // comes back at 4 s
    clock.advance(500ms);
    send_all(queue, {"g2-m1"});  // visible at 6.5 s, though sent before that lease ended
    clock.advance(3s);
    CHECK(take(queue) == Bodies{"g1-m1", "g2-m1"});
}

TEST_CASE("R132: the messages of a group come out of a delay queue in order", "[fifo][order][delay]") {
    Clock clock;
    fifo::Queue queue{clock, {.delay = 2s}};
    send_all(queue, {"g1-m1", "g2-m1", "g1-m2"});
    clock.advance(1s);
    send_all(queue, {"g1-m3"});
    CHECK(queue.counts() == sqsim::QueueCounts{0, 0, 4});

    clock.advance(1s - 1ns);
    CHECK(take(queue).empty());
    SECTION("a delayed message waits for itself only") {
        clock.advance(1ns);
        CHECK(take(queue) == Bodies{"g1-m1", "g1-m2", "g2-m1"});
        clock.advance(1s);
        CHECK(take(queue).empty());  // m3 is visible, but its group is locked by what is in flight
        CHECK(queue.counts() == sqsim::QueueCounts{1, 3, 0});
    }
    SECTION("later all come together") {
        clock.advance(1s + 1ns);
        CHECK(take(queue) == Bodies{"g1-m1", "g1-m2", "g1-m3", "g2-m1"});
    }
}

TEST_CASE("R145: a group emptied by deletes works again when messages arrive", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    for (int round = 0; round < 3; ++round) {
        CAPTURE(round);
        const auto number = std::to_string(round);
        send_all(queue, {"g1-m1." + number, "g2-m1." + number, "g1-m2." + number});
        const auto received = receive(queue);
        CHECK(bodies(received) == Bodies{"g1-m1." + number, "g1-m2." + number, "g2-m1." + number});
        for (const auto& message : received) {
            CHECK(queue.delete_message(message.receipt_handle()));
        }
        CHECK(queue.counts() == sqsim::QueueCounts{});
    }
}

TEST_CASE("R146: choice: one receive with a timeout of zero never returns a message twice", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g1-m1", "g1-m2", "g2-m1"});
    CHECK(take(queue, 10, 0s) == Bodies{"g1-m1", "g1-m2", "g2-m1"});
    CHECK(take(queue, 10, 0s) == Bodies{"g1-m1", "g1-m2", "g2-m1"});  // the groups were left unlocked
    const auto third = receive(queue);
    REQUIRE(third.size() == 3);
    CHECK(third[0].approximate_receive_count() == 3);
}

TEST_CASE("R147, R138: two batches of a group are out together only if the later part went first", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_all(queue, {"g-m1", "g-m2", "g-m3", "g-m4"});
    const auto batch = receive(queue, 3);
    REQUIRE(bodies(batch) == Bodies{"g-m1", "g-m2", "g-m3"});
    CHECK(queue.change_message_visibility(batch[0].receipt_handle(), 0s));
    CHECK(queue.change_message_visibility(batch[1].receipt_handle(), 0s));
    CHECK(take(queue) == Bodies{"g-m1", "g-m2"});  // while m3 is still out
    CHECK(take(queue).empty());
    CHECK(queue.counts() == sqsim::QueueCounts{1, 3, 0});
}

TEST_CASE("R148: a thousand groups are served in the order of their first messages", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    Bodies expected;
    for (int group = 0; group < 1000; ++group) {
        const auto body = "g" + std::to_string(group) + "-m1";
        send_all(queue, {body});
        expected.push_back(body);
    }
    Bodies got;
    for (auto part = take(queue); !part.empty(); part = take(queue)) {
        got.insert(got.end(), part.begin(), part.end());
    }
    CHECK(got == expected);
}

TEST_CASE("R80: the entries of a batch are enqueued in their order", "[fifo][order][batch]") {
    Clock clock;
    fifo::Queue queue{clock};
    std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
    for (const auto* body : {"a", "b", "c"}) {
        entries.push_back({.body = body, .message_group_id = "g", .options = {.message_deduplication_id = body}});
    }
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 3);
    CHECK(*results[0].value().sequence_number < *results[1].value().sequence_number);
    CHECK(*results[1].value().sequence_number < *results[2].value().sequence_number);
    CHECK(take(queue) == Bodies{"a", "b", "c"});
}

TEST_CASE("R69: sequence numbers grow with every send, as numbers and as text", "[fifo][order]") {
    Clock clock;
    fifo::Queue queue{clock};
    std::optional<sqsim::SequenceNumber> last;
    for (int i = 0; i < 100; ++i) {
        const auto sent = send(queue, "m" + std::to_string(i), i % 3 == 0 ? "a" : "b");
        REQUIRE(sent.sequence_number);
        if (last) {
            CHECK(*last < *sent.sequence_number);
            CHECK(last->to_string() < sent.sequence_number->to_string());
            CHECK(last->to_string().size() == sent.sequence_number->to_string().size());
        }
        last = sent.sequence_number;
    }
    const auto received = receive(queue, 1);
    REQUIRE(received.size() == 1);
    CHECK(received[0].sequence_number() < last);
}

TEST_CASE("R138, R143: whatever consumers do, no message overtakes an earlier one of its group that is out or waits",
          "[fifo][order]") {
    // A plain model of the rule beside the queue: for every group its undeleted messages in order, and until when
    // each is out. After every receive the model says what may have come from each group.
    struct Stored {
        std::string body;
        Clock::time_point free_at;
    };
    for (unsigned seed = 1; seed <= 30; ++seed) {
        CAPTURE(seed);
        unsigned state = seed * 2654435761U;
        const auto roll = [&](unsigned sides) {
            state = state * 1664525U + 1013904223U;
            return (state >> 16) % sides;
        };
        Clock clock;
        fifo::Queue queue{clock, {.visibility_timeout = 4s}};
        std::map<std::string, std::vector<Stored>> groups;
        fifo::Messages held;
        int sent = 0;
        for (int step = 0; step < 300; ++step) {
            switch (roll(5)) {
            case 0: {
                const auto group = "g" + std::to_string(roll(4));
                const auto body = group + "-m" + std::to_string(sent++);
                send_all(queue, {body});
                groups[group].push_back({body, clock.now()});
                break;
            }
            case 1:
            case 2: {
                const int most = 1 + static_cast<int>(roll(4));
                const auto timeout = std::chrono::seconds{roll(6)};
                // What each group may give: its messages up to the first that is out.
                std::map<std::string, Bodies> possible;
                std::size_t total = 0;
                for (const auto& [group, messages] : groups) {
                    for (const auto& message : messages) {
                        if (message.free_at > clock.now()) {
                            break;
                        }
                        possible[group].push_back(message.body);
                        ++total;
                    }
                }
                auto received = receive(queue, most, timeout);
                REQUIRE(received.size() == std::min(total, static_cast<std::size_t>(most)));
                std::map<std::string, Bodies> got;
                for (auto& message : received) {
                    const std::string group{message.message_group_id()};
                    got[group].emplace_back(message.body());
                    for (auto& stored : groups[group]) {
                        if (stored.body == message.body()) {
                            stored.free_at = clock.now() + timeout;
                        }
                    }
                    held.push_back(std::move(message));
                }
                for (const auto& [group, part] : got) {
                    const Bodies& all = possible[group];
                    REQUIRE(part.size() <= all.size());
                    REQUIRE(std::equal(part.begin(), part.end(), all.begin()));
                }
                break;
            }
            case 3:
                clock.advance(std::chrono::milliseconds{500 * roll(5)});
                break;
            default:
                if (!held.empty()) {
                    const std::size_t which = roll(static_cast<unsigned>(held.size()));
                    const std::string group{held[which].message_group_id()};
                    const std::string body{held[which].body()};
                    const bool deleted{queue.delete_message(held[which].receipt_handle())};
                    auto& stored = groups[group];
                    const auto place = std::find_if(stored.begin(), stored.end(),
                                                    [&](const Stored& message) { return message.body == body; });
                    if (deleted) {
                        REQUIRE(place != stored.end());
                        REQUIRE(place->free_at > clock.now());  // R111
                        stored.erase(place);
                    }
                    held.erase(held.begin() + static_cast<std::ptrdiff_t>(which));
                }
            }
        }
        Bodies left;
        for (const auto& [group, messages] : groups) {
            for (const auto& message : messages) {
                left.push_back(message.body);
            }
        }
        clock.advance(10s);
        CHECK(without(left, fifo::drain(queue)).empty());
        CHECK(queue.counts() == sqsim::QueueCounts{});
    }
}
