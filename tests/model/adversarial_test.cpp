// SPDX-License-Identifier: MIT

// Catches a misbehaving standard queue that goes beyond what the service documents: a lost message, an early delivery
// or dead letter, a message that is never seen again or that no delete ends; and a history that depends on the
// compiler.

#include "catch.hpp"
#include "model/adversarial_history.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using Queue = model::Standard::Queue;
using time_point = Queue::time_point;

constexpr std::uint64_t seeds = 40;

/// What one consumer saw of one message.
struct Seen {
    int deliveries = 0;
    int deletes = 0;  // acknowledged ones
};

struct World {
    explicit World(sqsim::DeliveryModel delivery) : queue{clock, {.visibility_timeout = 10s, .delivery = delivery}} {}

    void send(int count) {
        for (int i = 0; i < count; ++i) {
            seen[queue.send_message("m" + std::to_string(i)).message_id];
        }
    }

    sqsim::ManualClock clock{};
    Queue dead{clock};
    Queue queue;
    std::map<sqsim::MessageId, Seen> seen{};
};

}  // namespace

TEST_CASE(
    "R200-R203: under every misbehaviour each message is delivered until it is deleted, and a second delete ends it",
    "[model][delivery]") {
    int redelivered_after_delete = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{sqsim::DeliveryModel::adversarial(seed)};
        world.send(60);
        model::Random random{seed};
        int delivered_after_second_delete = 0;
        for (int round = 0; round < 2'000 && world.queue.counts().total() > 0; ++round) {
            for (const auto& message : world.queue.receive_messages({.max_number_of_messages = 3})) {
                Seen& seen = world.seen.at(message.message_id());
                ++seen.deliveries;
                redelivered_after_delete += seen.deletes == 1 ? 1 : 0;
                delivered_after_second_delete += seen.deletes >= 2 ? 1 : 0;
                if (random.next() % 2 == 0 && world.queue.delete_message(message.receipt_handle())) {
                    ++seen.deletes;
                }
            }
            world.clock.advance(1s);
        }
        INFO("seed " << seed);
        CHECK(world.queue.counts().total() == 0);
        CHECK(delivered_after_second_delete == 0);
        CHECK(std::all_of(world.seen.begin(), world.seen.end(),
                          [](const auto& entry) { return entry.second.deliveries > 0 && entry.second.deletes > 0; }));
    }
    CHECK(redelivered_after_delete > 0);  // or the test shows nothing
}

TEST_CASE("R200: a message that is never deleted keeps coming back, and nothing of it is lost inside the retention",
          "[model][delivery]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{sqsim::DeliveryModel::adversarial(seed)};
        world.send(20);
        for (int round = 0; round < 400; ++round) {
            for (const auto& message : world.queue.receive_messages()) {
                ++world.seen.at(message.message_id()).deliveries;
            }
            world.clock.advance(1s);
        }
        INFO("seed " << seed);
        CHECK(world.queue.counts().total() == 20);
        // 400 s are forty leases; a miss of a poll delays a message by a second.
        CHECK(std::all_of(world.seen.begin(), world.seen.end(),
                          [](const auto& entry) { return entry.second.deliveries >= 20; }));
    }
}

TEST_CASE("R129, R206: no misbehaviour delivers a message before its delay has ended", "[model][delivery]") {
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{sqsim::DeliveryModel::adversarial(seed)};
        model::Random random{seed};
        std::map<sqsim::MessageId, time_point> visible_at;
        int early = 0;
        for (int i = 0; i < 300; ++i) {
            const auto delay = random.next() % 8 * 500ms;
            visible_at[world.queue.send_message("m", {.delay = delay}).message_id] = world.clock.now() + delay;
            world.clock.advance(250ms);
            for (const auto& message : world.queue.receive_messages()) {
                early += world.clock.now() < visible_at.at(message.message_id()) ? 1 : 0;
            }
        }
        CHECK(early == 0);
    }
}

TEST_CASE("R171, R206: no misbehaviour dead-letters a message that was returned less often than the policy says",
          "[model][delivery]") {
    std::size_t dead_letters = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{sqsim::DeliveryModel::adversarial(seed)};
        world.queue.set_redrive_policy({.dead_letter_queue = world.dead, .max_receive_count = 3});
        world.send(30);
        int early = 0;
        for (int round = 0; round < 100; ++round) {
            for (const auto& message : world.queue.receive_messages({.max_number_of_messages = 4})) {
                Seen& seen = world.seen.at(message.message_id());
                ++seen.deliveries;
                if (message.approximate_receive_count() == 1 && round % 3 == 0) {
                    static_cast<void>(world.queue.delete_message(message.receipt_handle()));
                }
            }
            for (const auto& peeked : world.dead.peek(sqsim::MessageState::visible, 100)) {
                early += world.seen.at(peeked.message.message_id()).deliveries < 3 ? 1 : 0;
            }
            world.clock.advance(1s);
        }
        dead_letters += world.dead.counts().total();
        CHECK(early == 0);
    }
    CHECK(dead_letters > 0);
}

TEST_CASE("R201: not more than reorder_window messages sent later overtake a message", "[model][delivery]") {
    int most_overtakers = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{{.reorder_window = 4, .seed = seed}};
        std::vector<sqsim::MessageId> sent;
        for (int i = 0; i < 100; ++i) {
            sent.push_back(world.queue.send_message("m").message_id);
        }
        std::vector<bool> is_delivered(sent.size(), false);
        std::vector<int> overtakers(sent.size(), 0);
        while (const auto message = world.queue.receive_message()) {
            const auto at =
                static_cast<std::size_t>(std::find(sent.begin(), sent.end(), message->message_id()) - sent.begin());
            is_delivered[at] = true;
            for (std::size_t earlier = 0; earlier < at; ++earlier) {
                overtakers[earlier] += is_delivered[earlier] ? 0 : 1;
            }
        }
        CHECK(std::find(is_delivered.begin(), is_delivered.end(), false) == is_delivered.end());
        most_overtakers = std::max(most_overtakers, *std::max_element(overtakers.begin(), overtakers.end()));
    }
    CHECK(most_overtakers <= 4);
    CHECK(most_overtakers >= 1);
}

TEST_CASE("R91, R203: a long poll returns something whenever something is visible, and a short poll sometimes does not",
          "[model][delivery]") {
    int missed_by_short_polls = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        World world{sqsim::DeliveryModel::adversarial(seed)};
        world.send(40);
        int missed_by_long_polls = 0;
        for (int round = 0; round < 200; ++round) {
            const bool is_long = round % 2 == 0;
            const bool is_there = world.queue.counts().visible > 0;
            const auto messages = world.queue.receive_messages({.wait_time = is_long ? 1s : 0s});
            if (is_there && messages.empty()) {
                ++(is_long ? missed_by_long_polls : missed_by_short_polls);
            }
            world.clock.advance(700ms);
        }
        CHECK(missed_by_long_polls == 0);
    }
    CHECK(missed_by_short_polls > 0);
}

TEST_CASE("R206: a seed has one history, on every compiler, at every optimisation level, under every sanitizer",
          "[model][delivery]") {
    CHECK(model::adversarial_history(1) == 0x875d9778aa7dd116U);
    CHECK(model::adversarial_history(2) == 0x514b005ec01de15fU);
}
