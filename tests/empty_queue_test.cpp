// SPDX-License-Identifier: MIT

// Catches a queue that takes much memory before it is used, and one that is used late and then behaves as if it had
// been made late.

#include "catch.hpp"
#include "noted.hpp"
#include "watched_memory.hpp"

#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using sqsim::ManualClock;

}  // namespace

TEMPLATE_TEST_CASE("a queue that was never used takes up to 1 KiB and one allocation", "[memory][empty_queue]",
                   sqsim::Queue<ManualClock>, sqsim::FifoQueue<ManualClock>,
                   (sqsim::Queue<ManualClock, std::string, sqsim::NullMutex>),
                   (sqsim::FifoQueue<ManualClock, std::string, sqsim::NullMutex>),
                   (sqsim::Queue<ManualClock, std::string, sqsim::LightMutex>),
                   (sqsim::Queue<std::chrono::steady_clock>), (sqsim::FifoQueue<std::chrono::steady_clock>)) {
    typename TestType::clock_type clock;
    watched::allocations = 0;
    watched::bytes = 0;
    watched::counting = true;
    auto queue = std::make_unique<TestType>(clock);
    const bool is_empty = queue->counts().total() == 0 && !queue->next_event() && queue->name().empty() &&
                          queue->options().visibility_timeout == 30s;
    watched::counting = false;
    CHECK(is_empty);
    CHECK(watched::allocations == 1);
    CHECK(watched::bytes <= 1'024);
}

TEST_CASE("queues that are used in another order than they were made in have their turns as they were made",
          "[clock][empty_queue]") {
    using Queue = sqsim::Queue<ManualClock, Noted, sqsim::NullMutex>;
    std::vector<int> ends;
    {
        ManualClock clock;
        Queue first{clock, {.message_retention_period = 60s}};
        Queue second{clock, {.message_retention_period = 60s}};
        second.send_message(Noted{2, ends});
        first.send_message(Noted{1, ends});
        clock.advance(60s);
        CHECK(ends == std::vector{1, 2});
    }
}

TEST_CASE("the ids of a queue's messages are those of its place among the queues made, not used", "[empty_queue]") {
    const auto id_of_second = [](bool is_used_first) {
        ManualClock clock;
        sqsim::Queue<ManualClock> first{clock};
        sqsim::Queue<ManualClock> second{clock};
        if (!is_used_first) {
            first.send_message("m");
        }
        return second.send_message("m").message_id.to_string();
    };
    CHECK(id_of_second(true) == id_of_second(false));
}

TEST_CASE("the first use of a queue may come from several threads at once", "[threads][empty_queue]") {
    for (int round = 0; round < 200; ++round) {
        ManualClock clock;
        sqsim::Queue<ManualClock> queue{clock};
        {
            std::vector<std::jthread> threads;
            for (int i = 0; i < 3; ++i) {
                threads.emplace_back([&] { queue.send_message("m"); });
            }
        }
        REQUIRE(queue.counts().visible == 3);
        clock.advance(96h);
        REQUIRE(queue.counts().total() == 0);
    }
}

TEST_CASE("the first use of a queue that finds no memory changes nothing, and the next one works", "[empty_queue]") {
    ManualClock clock;
    sqsim::Queue<ManualClock> dead{clock, {.name = "dead"}};
    sqsim::Queue<ManualClock> queue{clock};
    for (std::uint64_t n = 1;; ++n) {
        watched::allocations = 0;
        watched::fails_at = n;
        watched::counting = true;
        bool has_thrown = false;
        try {
            queue.set_redrive_policy({dead, 1});
        } catch (const std::bad_alloc&) {
            has_thrown = true;
        }
        watched::counting = false;
        watched::fails_at = 0;
        if (!has_thrown) {
            break;
        }
        CHECK(dead.dead_letter_source_queues().empty());
    }
    queue.send_message("m");
    CHECK(queue.receive_message({.visibility_timeout = 0s}));
    CHECK_FALSE(queue.receive_message());
    CHECK(dead.counts().visible == 1);
}

TEST_CASE("a ManualClock knows of a queue that was never used", "[clock][empty_queue]") {
    ManualClock clock;
    {
        const sqsim::Queue<ManualClock> queue{clock};
        clock.advance(1h);
        CHECK_FALSE(clock.next_event());
    }
    SUCCEED("the clock may end now");
}
