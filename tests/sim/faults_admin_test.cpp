// SPDX-License-Identifier: MIT

// Catches a fault of administration, or of a dead-letter queue, that does not do what its line in the table says, or
// that happens where it is not offered; and a table that says of itself what is not so.

#include "sim/sim_support.hpp"

#include <sqsim/sim/site_table.hpp>

#include <set>
#include <string>
#include <utility>

namespace {

using namespace simulated;

/// Sends a, purges after 10 s, and sends b at 20 s; nobody receives before 100 s.
void purged(World& world, Log& log) {
    auto& queue = world.queue();
    world.spawn("admin", [&] {
        queue.send_message("a");
        world.sleep_for(10s);
        queue.purge();
        world.sleep_for(10s);
        queue.send_message("b");
        world.sleep_for(60s);
        queue.send_message("c");
    });
    world.spawn("r", [&] {
        world.sleep_for(100s);
        while (true) {
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                log.got("r", *message);
                queue.delete_message(message->receipt_handle());
            }
        }
    });
    world.run();
}

/// Changes the visibility timeout at 10 s; the messages of 20 s and of 80 s are never deleted at their first receive.
void changed_visibility(World& world, Log& log) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    world.spawn("admin", [&] {
        world.sleep_for(10s);
        queue.set_visibility_timeout(5s);
        world.sleep_for(10s);
        queue.send_message("a");
        world.sleep_for(60s);
        queue.send_message("b");
    });
    world.spawn("r", [&] {
        while (true) {
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                log.got("r", *message);
                if (message->approximate_receive_count() == 2) {
                    queue.delete_message(message->receipt_handle());
                }
            }
        }
    });
    world.run();
}

void changed_delay(World& world, Log& log) {
    auto& queue = world.queue();
    world.spawn("admin", [&] {
        queue.set_delay(7s);
        queue.send_message("a");
        world.sleep_for(100s);
        queue.send_message("b");
    });
    read_all(world, log, queue, "r");
    world.run();
}

template <class Make>
Scenario poisoned(Make make) {
    return [make](World& world, Log& log) {
        auto [queue, dead] = make(world);
        queue->set_redrive_policy({*dead, 2});
        world.consume(*queue, [&](const SimMessage& message) {
            log.got("c", message);
            throw std::runtime_error{"poison"};
        });
        world.run();
        for (const std::string& body : dead->bodies()) {
            log.say("dead: " + body);
        }
    };
}

const Scenario standard_poison = poisoned([](World& world) {
    auto& queue = world.queue({.visibility_timeout = 10s});
    world.produce(queue, {"a"});
    return std::pair{&queue, &world.queue({.name = "dead"})};
});
const Scenario fifo_poison = poisoned([](World& world) {
    auto& queue = world.fifo_queue({.visibility_timeout = 10s});
    world.produce(queue, "g", {"a"});
    return std::pair{&queue, &world.fifo_queue({.name = "dead.fifo"})};
});

}  // namespace

TEST_CASE("A1: a purge takes up to 60 s, and the messages that are sent meanwhile", "[sim][faults]") {
    CHECK(lines_of("none", purged) == Lines{"100s r got b (1), id 1, handle 1", "100s r got c (1), id 2, handle 2"});
    CHECK(with_fault(Fault::late_purge, "late@purge.1", 1, purged) == Lines{"100s r got c (1), id 1, handle 1"});
}

TEST_CASE("A1: a change of the visibility timeout takes up to 60 s", "[sim][faults]") {
    CHECK(lines_of("none", changed_visibility) ==
          Lines{"20s r got a (1), id 1, handle 1", "25s r got a (2), id 1, handle 2", "80s r got b (1), id 2, handle 3",
                "85s r got b (2), id 2, handle 4"});
    CHECK(with_fault(Fault::late_attribute, "late@set-visibility-timeout.1", 1, changed_visibility) ==
          Lines{"20s r got a (1), id 1, handle 1", "50s r got a (2), id 1, handle 2", "80s r got b (1), id 2, handle 3",
                "85s r got b (2), id 2, handle 4"});
}

TEST_CASE("A1: a change of the delay takes up to 60 s", "[sim][faults]") {
    CHECK(lines_of("none", changed_delay) ==
          Lines{"7s r got a (1), id 1, handle 1", "107s r got b (1), id 2, handle 2"});
    CHECK(with_fault(Fault::late_attribute, "late@set-delay.1", 1, changed_delay) ==
          Lines{"0s r got a (1), id 1, handle 1", "107s r got b (1), id 2, handle 2"});
}

TEST_CASE("L1: a message goes to the dead-letter queue when its receives exceed the limit, never before",
          "[sim][faults]") {
    const Lines expected{"0s c got a (1), id 1, handle 1", "10s c got a (2), id 1, handle 2", "20s dead: a"};
    CHECK(lines_of("none", standard_poison) == expected);
    CHECK(lines_of("none", fifo_poison) == expected);
    // A lost answer spends an attempt, too.
    CHECK(lines_of("lost@received#1.1", standard_poison) == Lines{"10s c got a (2), id 1, handle 1", "20s dead: a"});
}

TEST_CASE("L1: a dead letter is moved back at once, under a new id", "[sim][faults]") {
    const Lines expected{"0s c got a (1), id 1, handle 1", "10s c got a (2), id 1, handle 2",
                         "20.001s c got a (1), id 2, handle 3", "30.001s c got a (2), id 2, handle 4",
                         "40.001s dead: a"};
    // The second time it becomes a dead letter it is the copy of the first; there the operator comes back.
    CHECK(lines_of("redrive@dead#1.1", standard_poison) == expected);
    CHECK(lines_of("redrive@dead#1.1", fifo_poison) == expected);
    CHECK(with_fault(Fault::redrive, "redrive@dead#1.1", 1, standard_poison) == expected);
    CHECK(!Faults::usual().contains(Fault::redrive));
    CHECK(explored({.faults = 2, .preemptions = 0, .offered = {Fault::redrive}}, standard_poison).size() == 4);
}

TEST_CASE("L1: an operator moves back everything that is there", "[sim][faults]") {
    CHECK(lines_of("resend@send#1.1+redrive@dead#1.1", standard_poison) ==
          Lines{"0s c got a (1), id 1, handle 1", "0s c got a (1), id 2, handle 2", "10s c got a (2), id 1, handle 3",
                "10s c got a (2), id 2, handle 4", "20.001s c got a (1), id 3, handle 5",
                "20.001s c got a (1), id 4, handle 6", "30.001s c got a (2), id 3, handle 7",
                "30.001s c got a (2), id 4, handle 8", "40.001s dead: a", "40.001s dead: a"});
}

TEST_CASE("a call that is not made is no place for its faults", "[sim][faults]") {
    const Scenario scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        read_all(world, log, queue, "r");
        world.run();
    };
    const Faults absent{Fault::late_purge,       Fault::late_attribute, Fault::lose_extension, Fault::handler_fails,
                        Fault::effect_fails,     Fault::clock_ahead,    Fault::stop_mid_batch, Fault::redrive,
                        Fault::resend_in_window, Fault::refuse_entry,   Fault::lose_send_reply};
    CHECK(explored({.faults = 3, .preemptions = 3, .offered = absent}, scenario).size() == 2);
}

TEST_CASE("the table of the faults has every kind in its place, with a word for tokens", "[sim][faults]") {
    for (std::size_t i = 0; i < fault_table.size(); ++i) {
        const FaultInfo& kind = fault_table[i];
        INFO(kind.word);
        CHECK(kind.fault == static_cast<Fault>(i));
        CHECK(info(kind.fault).word == kind.word);
        CHECK(!kind.word.empty());
        CHECK(kind.word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-") == std::string_view::npos);
        CHECK(!kind.description.empty());
        CHECK(kind.basis.empty() == (kind.fault == Fault::none));
        CHECK(Faults::default_faults().contains(kind.fault) == kind.is_default);
        CHECK(Faults::all().contains(kind.fault) == (kind.fault != Fault::none));
        CHECK(Faults{kind.fault}.contains(kind.fault));
        CHECK(!Faults::all().without({kind.fault}).contains(kind.fault));
        CHECK(Faults{}.with({kind.fault}) == Faults{kind.fault});
    }
}

TEST_CASE("no site offers two kinds with one word", "[sim][faults]") {
    for (std::size_t i = 0; i < site_table.size(); ++i) {
        const SiteInfo& site = site_table[i];
        INFO(site.name);
        CHECK(site.site == static_cast<sqsim::Site>(i));
        CHECK(!site.description.empty());
        std::set<std::string_view> words;
        std::size_t kinds = 0;
        for (const Fault fault : site.faults.with(site.harm)) {
            words.insert(info(fault).word);
            ++kinds;
        }
        CHECK(words.size() == kinds);
    }
}
