// SPDX-License-Identifier: MIT

// Catches a duplicate that gets through inside the deduplication interval, a message refused after it, an interval
// that restarts, ids remembered in the wrong scope, and a memory of ids that finds the wrong one or never shrinks.

#include "catch.hpp"
#include "expiring.hpp"
#include "fifo_support.hpp"
#include "sqsim/detail/dedup_window.hpp"
#include "sqsim/detail/index_table.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using fifo::Bodies;
using fifo::Clock;
using fifo::receive;
using fifo::send;
using fifo::send_as;
using fifo::take;
using sqsim::DeduplicationScope;
using sqsim::detail::Fingerprint;

namespace {

using Identity = std::pair<std::uint64_t, std::uint64_t>;

template <class Queue>
concept CanChangeDeduplication = requires(Queue& queue) {
    queue.set_deduplication_scope(DeduplicationScope::queue);
}
|| requires(Queue& queue) { queue.set_content_based_deduplication(true); };

/// A small generator of its own, so that every run is the same.
class Dice {
public:
    explicit Dice(std::uint64_t seed) : state_{seed} {}
    std::uint64_t roll(std::uint64_t sides) {
        state_ = state_ * 6364136223846793005U + 1442695040888963407U;
        return (state_ >> 33) % sides;
    }

private:
    std::uint64_t state_;
};

/// Few homes and few tags, so that probes run over each other and around the end of the table.
Fingerprint crowded(Dice& dice) { return {dice.roll(6), dice.roll(2) == 0 ? dice.roll(20) : ~std::uint64_t{0}}; }

}  // namespace

TEST_CASE("R149: a send with an id accepted within five minutes succeeds and stores nothing", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    CHECK_FALSE(send_as(queue, "one", "g", "id").deduplicated);
    clock.advance(299s);
    CHECK(send_as(queue, "one", "g", "id").deduplicated);
    CHECK(queue.counts() == sqsim::QueueCounts{1, 0, 0});
    CHECK(take(queue) == Bodies{"one"});
}

TEST_CASE("R149: choice: the interval is half-open, exactly 5 minutes after the first send an id is new",
          "[fifo][dedup]") {
    Clock clock;
    clock.advance(1234567ns);
    fifo::Queue queue{clock};
    send_as(queue, "one", "g", "id");
    clock.advance(5min - 1ns);
    CHECK(send_as(queue, "two", "g", "id").deduplicated);
    clock.advance(1ns);
    CHECK_FALSE(send_as(queue, "three", "g", "id").deduplicated);
    CHECK(take(queue) == Bodies{"one", "three"});
}

TEST_CASE("R149: choice: a suppressed duplicate does not restart the interval", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_as(queue, "one", "g", "id");
    clock.advance(4min);
    CHECK(send_as(queue, "two", "g", "id").deduplicated);
    clock.advance(1min);
    CHECK_FALSE(send_as(queue, "three", "g", "id").deduplicated);
    clock.advance(4min);  // and the accepted one has begun an interval of its own
    CHECK(send_as(queue, "four", "g", "id").deduplicated);
    clock.advance(1min);
    CHECK_FALSE(send_as(queue, "five", "g", "id").deduplicated);
}

TEST_CASE("R149: each id has an interval of its own", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_as(queue, "a", "g", "1");
    clock.advance(1min);
    send_as(queue, "b", "g", "2");
    clock.advance(4min);
    CHECK_FALSE(send_as(queue, "c", "g", "1").deduplicated);
    CHECK(send_as(queue, "d", "g", "2").deduplicated);
    clock.advance(1min);
    CHECK_FALSE(send_as(queue, "e", "g", "2").deduplicated);
}

TEST_CASE("R149: the interval is an option of the queue, 5 minutes unless set", "[fifo][dedup]") {
    CHECK(sqsim::FifoQueueOptions{}.deduplication_interval == 5min);
    Clock clock;
    fifo::Queue queue{clock, {.deduplication_interval = 10s}};
    send_as(queue, "one", "g", "id");
    clock.advance(10s - 1ns);
    CHECK(send_as(queue, "two", "g", "id").deduplicated);
    clock.advance(1ns);
    CHECK_FALSE(send_as(queue, "three", "g", "id").deduplicated);
}

TEST_CASE("R150: an id is remembered after its message was received and deleted", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    const auto original = send_as(queue, "one", "g", "id");
    for (const auto& message : receive(queue)) {
        CHECK(queue.delete_message(message.receipt_handle()));
    }
    clock.advance(5min - 1ns);
    const auto again = send_as(queue, "two", "g", "id");
    CHECK(again.deduplicated);
    CHECK(again.message_id == original.message_id);
    CHECK(take(queue).empty());
    CHECK(queue.counts() == sqsim::QueueCounts{});
}

TEST_CASE("R149, R193: an id is remembered when retention ended its message, and forgotten only in its own time",
          "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock, {.message_retention_period = 60s}};
    send_as(queue, "one", "g", "id");
    clock.advance(61s);
    CHECK(queue.counts() == sqsim::QueueCounts{});
    CHECK(send_as(queue, "two", "g", "id").deduplicated);
    clock.advance(5min - 61s);
    CHECK_FALSE(send_as(queue, "three", "g", "id").deduplicated);
}

TEST_CASE("R151, R98: content-based deduplication takes the SHA-256 of the body as the id", "[fifo][dedup]") {
    // FIPS 180-2, appendix B.1.
    const std::string hash_of_abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
    Clock clock;
    fifo::Queue queue{clock, {.content_based_deduplication = true}};
    const auto original = queue.send_message("abc", "g");
    CHECK_FALSE(original.deduplicated);
    CHECK(sqsim::content_deduplication_id("abc") == hash_of_abc);

    SECTION("the same body is a duplicate, another is not") {
        CHECK(queue.send_message("abc", "g").deduplicated);
        CHECK_FALSE(queue.send_message("abd", "g").deduplicated);
    }
    SECTION("attributes are ignored") {
        CHECK(queue.send_message("abc", "g", {.message_attributes = {{"k", {.value = "v"}}}}).deduplicated);
    }
    SECTION("an explicit id takes precedence over the body") {
        CHECK_FALSE(send_as(queue, "abc", "g", "id").deduplicated);
        CHECK(send_as(queue, "other", "g", "id").deduplicated);
    }
    SECTION("an explicit id equal to the hash of an earlier body is a duplicate of it") {
        const auto again = send_as(queue, "other", "g", hash_of_abc);
        CHECK(again.deduplicated);
        CHECK(again.message_id == original.message_id);
    }
    SECTION("the message carries the generated id") {
        const auto received = receive(queue);
        REQUIRE(received.size() == 1);
        CHECK(received[0].message_deduplication_id() == hash_of_abc);
    }
}

TEST_CASE("R152: with an explicit id the body is irrelevant", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    send_as(queue, "one", "g", "id");
    CHECK(send_as(queue, "another body", "g", "id").deduplicated);
    CHECK_FALSE(send_as(queue, "one", "g", "other").deduplicated);
    CHECK(take(queue) == Bodies{"one", "one"});
}

TEST_CASE("R153: an id is unique in the queue, or in its group if the scope says so", "[fifo][dedup]") {
    Clock clock;
    SECTION("scope queue: also in another group") {
        fifo::Queue queue{clock};
        send_as(queue, "one", "g1", "id");
        CHECK(send_as(queue, "two", "g2", "id").deduplicated);
        CHECK(take(queue) == Bodies{"one"});
    }
    SECTION("scope message_group: only in the same group") {
        fifo::Queue queue{clock, {.deduplication_scope = DeduplicationScope::message_group}};
        send_as(queue, "one", "g1", "id");
        CHECK_FALSE(send_as(queue, "two", "g2", "id").deduplicated);
        CHECK(send_as(queue, "three", "g1", "id").deduplicated);
        CHECK(send_as(queue, "four", "g2", "id").deduplicated);
        CHECK(take(queue) == Bodies{"one", "two"});
    }
    SECTION("scope message_group: the border between group and id counts") {
        fifo::Queue queue{clock, {.deduplication_scope = DeduplicationScope::message_group}};
        send_as(queue, "one", "ab", "c");
        CHECK_FALSE(send_as(queue, "two", "a", "bc").deduplicated);
        CHECK_FALSE(send_as(queue, "three", "c", "ab").deduplicated);
    }
    SECTION("scope message_group: also for the hash of the body") {
        fifo::Queue queue{
            clock, {.content_based_deduplication = true, .deduplication_scope = DeduplicationScope::message_group}};
        queue.send_message("one", "g1");
        CHECK_FALSE(queue.send_message("one", "g2").deduplicated);
        CHECK(queue.send_message("one", "g1").deduplicated);
    }
    SECTION("scope message_group: ids outlive their group") {
        fifo::Queue queue{clock, {.deduplication_scope = DeduplicationScope::message_group}};
        send_as(queue, "one", "g1", "id");
        CHECK(fifo::drain(queue) == Bodies{"one"});
        CHECK(send_as(queue, "two", "g1", "id").deduplicated);
    }
}

TEST_CASE("R154: choice: scope and content-based deduplication are fixed when the queue is made", "[fifo][dedup]") {
    // So the question what a change does to ids already seen does not arise.
    STATIC_REQUIRE_FALSE(CanChangeDeduplication<fifo::Queue>);
}

TEST_CASE("R155: a purge forgets the ids", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    const auto first = send_as(queue, "one", "g", "id");
    queue.purge();
    const auto second = send_as(queue, "two", "g", "id");
    CHECK_FALSE(second.deduplicated);
    CHECK(second.message_id != first.message_id);
    CHECK(take(queue) == Bodies{"two"});
    // The interval counts from the second: that of the first must not end it.
    clock.advance(5min - 1ns);
    CHECK(send_as(queue, "three", "g", "id").deduplicated);
    clock.advance(1ns);
    CHECK_FALSE(send_as(queue, "four", "g", "id").deduplicated);
}

TEST_CASE("R156: choice: a duplicate is answered with the message id and the sequence number of the original",
          "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    const auto first = send_as(queue, "one", "g", "id");
    const auto other = send_as(queue, "else", "g", "other");
    clock.advance(1min);
    const auto again = send_as(queue, "two", "g", "id");
    CHECK(again.deduplicated);
    CHECK(again.message_id == first.message_id);
    REQUIRE(again.sequence_number);
    CHECK(again.sequence_number == first.sequence_number);
    CHECK(first.message_id != other.message_id);
    CHECK(first.sequence_number != other.sequence_number);
    const auto received = receive(queue, 1);
    REQUIRE(received.size() == 1);
    CHECK(received[0].message_id() == first.message_id);
    CHECK(received[0].sequence_number() == first.sequence_number);
}

TEST_CASE("R156: a suppressed duplicate does not advance the sequence", "[fifo][dedup]") {
    const auto third_number = [](int duplicates) {
        Clock clock;
        fifo::Queue queue{clock};
        send(queue, "one", "g");
        for (int i = 0; i < duplicates; ++i) {
            send(queue, "one", "g");
        }
        return send(queue, "two", "g").sequence_number;
    };
    CHECK(third_number(0) == third_number(7));
}

TEST_CASE("R156, R80: two entries of one batch with the same id: the second is a duplicate of the first",
          "[fifo][dedup][batch]") {
    Clock clock;
    fifo::Queue queue{clock};
    std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
    entries.push_back({.body = "one", .message_group_id = "g", .options = {.message_deduplication_id = "id"}});
    entries.push_back({.body = "two", .message_group_id = "g", .options = {.message_deduplication_id = "id"}});
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 2);
    CHECK_FALSE(results[0].value().deduplicated);
    CHECK(results[1].value().deduplicated);
    CHECK(results[1].value().message_id == results[0].value().message_id);
    CHECK(take(queue) == Bodies{"one"});
}

TEST_CASE("R149, R80: with an interval of zero only a batch remembers, and only its own ids", "[fifo][dedup][batch]") {
    Clock clock;
    fifo::Queue queue{clock, {.deduplication_interval = 0s}};
    const auto batch = [&](const std::vector<std::string>& ids) {
        std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
        for (const auto& id : ids) {
            entries.push_back({.body = "x", .message_group_id = "g", .options = {.message_deduplication_id = id}});
        }
        std::string accepted;
        for (const auto& result : queue.send_messages(entries)) {
            accepted += result.value().deduplicated ? '-' : '+';
        }
        return accepted;
    };
    CHECK(batch({"a", "b", "c"}) == "+++");
    CHECK(batch({"a", "b", "a", "c", "b", "a"}) == "++-+--");
    CHECK(batch({"c", "a"}) == "++");
    CHECK_FALSE(send_as(queue, "x", "g", "a").deduplicated);
    CHECK_FALSE(send_as(queue, "x", "g", "a").deduplicated);
    CHECK(queue.counts().visible == 10);
    CHECK_FALSE(queue.next_event() == clock.now());  // nothing is remembered that would have to be forgotten
}

TEST_CASE("R149: the ids of a batch's entries that found no room stay new", "[fifo][dedup][batch]") {
    Clock clock;
    fifo::Queue queue{clock, {.capacity = 2}};
    std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
    for (const char* const id : {"a", "b", "c", "a", "c"}) {
        entries.push_back({.body = id, .message_group_id = "g", .options = {.message_deduplication_id = id}});
    }
    const auto results = queue.send_messages(entries);
    REQUIRE(results.size() == 5);
    CHECK_FALSE(results[0].value().deduplicated);
    CHECK_FALSE(results[1].value().deduplicated);
    CHECK(results[2].error().code() == sqsim::Errc::queue_full);
    CHECK(results[3].value().message_id == results[0].value().message_id);
    CHECK(results[4].error().code() == sqsim::Errc::queue_full);
    CHECK(fifo::drain(queue) == Bodies{"a", "b"});
    CHECK_FALSE(send_as(queue, "c", "g", "c").deduplicated);
    CHECK(queue.metrics().number_of_messages_sent == 3);
}

TEST_CASE("R149: a send that fails is not accepted, its id stays new", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock, {.maximum_message_size = 1024, .capacity = 1}};
    CHECK_THROWS_AS(send_as(queue, std::string(1025, 'x'), "g", "id"), sqsim::Error);
    CHECK_FALSE(send_as(queue, "fits", "g", "id").deduplicated);

    const auto refused = queue.try_send_message("more", "g", {.message_deduplication_id = "second"});
    REQUIRE_FALSE(refused);
    CHECK(refused.error().code() == sqsim::Errc::queue_full);
    CHECK(send_as(queue, "fits", "g", "id").deduplicated);  // needs no room
    CHECK(fifo::drain(queue) == Bodies{"fits"});
    CHECK_FALSE(send_as(queue, "more", "g", "second").deduplicated);
}

TEST_CASE("R158: after the interval an id is a new message, also while the first is still stored", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock};
    const auto first = send_as(queue, "one", "g", "id");
    clock.advance(5min);
    const auto second = send_as(queue, "two", "g", "id");
    CHECK_FALSE(second.deduplicated);
    CHECK(second.message_id != first.message_id);
    CHECK(*first.sequence_number < *second.sequence_number);
    CHECK(take(queue) == Bodies{"one", "two"});
    const auto third = send_as(queue, "three", "g", "id");
    CHECK(third.message_id == second.message_id);  // the original is now the second
}

TEST_CASE("R149: many ids that come and go are each remembered for their interval", "[fifo][dedup]") {
    Clock clock;
    fifo::Queue queue{clock, {.deduplication_interval = 10s}};
    Dice dice{7};
    std::map<std::string, Clock::time_point> accepted;
    for (int i = 0; i < 4000; ++i) {
        const auto id = "id" + std::to_string(dice.roll(500));
        const auto known = accepted.find(id);
        const bool expected = known != accepted.end() && clock.now() < known->second + 10s;
        REQUIRE(send_as(queue, "x", "g", id).deduplicated == expected);
        if (!expected) {
            accepted[id] = clock.now();
        }
        clock.advance(std::chrono::milliseconds{dice.roll(60)});
    }
}

// ---------------------------------------------------------------------------------------------------------------------
// The parts that remember.

TEST_CASE("an index table agrees with a map under random inserts, finds, erases and shrinks", "[fifo][detail]") {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        Dice dice{seed};
        sqsim::detail::IndexTable table;
        std::map<Identity, std::uint32_t> model;
        std::vector<Fingerprint> by_number;
        const auto id_of = [&](std::uint32_t number) { return by_number[number]; };
        const bool wide = seed % 2 == 0;
        for (int step = 0; step < 1500; ++step) {
            const Fingerprint id = wide ? Fingerprint{dice.roll(1000), dice.roll(1000)} : crowded(dice);
            const Identity key{id.high, id.low};
            const auto known = model.find(key);
            // The first half of a run grows more than it shrinks.
            const bool may_insert = dice.roll(step < 750 ? 8 : 3) != 0;
            if (known == model.end() && may_insert) {
                const auto number = static_cast<std::uint32_t>(by_number.size());
                by_number.push_back(id);
                table.insert(id, number, id_of);
                model[key] = number;
            } else if (!model.empty() && !may_insert) {
                auto victim = model.begin();
                std::advance(victim, static_cast<std::ptrdiff_t>(dice.roll(model.size())));
                table.erase({victim->first.first, victim->first.second}, id_of);
                model.erase(victim);
            }
            if (dice.roll(20) == 0) {
                table.shrink();
            }
            REQUIRE(table.size() == model.size());
            const auto now_known = model.find(key);
            const auto found = table.find(id, id_of);
            REQUIRE(found.has_value() == (now_known != model.end()));
            REQUIRE((!found || *found == now_known->second));
        }
        for (const auto& [key, number] : model) {
            REQUIRE(table.find({key.first, key.second}, id_of) == number);
        }
    }
}

TEST_CASE("an index table gives its memory back as its content goes", "[fifo][detail]") {
    sqsim::detail::IndexTable table;
    CHECK(table.bytes() == 0);
    const auto id_of = [](std::uint32_t number) { return Fingerprint{sqsim::detail::mix64(number), number}; };
    const std::uint32_t many = 10'000;
    for (std::uint32_t number = 0; number < many; ++number) {
        table.insert(id_of(number), number, id_of);
    }
    const auto full = table.bytes();
    for (std::uint32_t number = 0; number < many - 10; ++number) {
        table.erase(id_of(number), id_of);
        table.shrink();
    }
    CHECK(table.bytes() * 50 < full);
    for (std::uint32_t number = many - 10; number < many; ++number) {
        CHECK(table.find(id_of(number), id_of) == number);
        table.erase(id_of(number), id_of);
    }
    CHECK(table.size() == 0);
    CHECK_FALSE(table.find(id_of(1), id_of).has_value());
}

TEST_CASE("R149: a dedup window agrees with a map under random inserts and ends", "[fifo][detail][dedup]") {
    struct Entry {
        std::uint64_t ordinal;
        std::chrono::nanoseconds ends;
    };
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        CAPTURE(seed);
        Dice dice{seed * 977};
        sqsim::detail::DedupWindow window;
        std::map<Identity, Entry> model;
        std::chrono::nanoseconds now{0};
        for (std::uint64_t step = 1; step <= 1500; ++step) {
            const Fingerprint id = seed % 2 == 0 ? Fingerprint{dice.roll(300), dice.roll(4)} : crowded(dice);
            const Identity key{id.high, id.low};
            const auto known = model.find(key);
            const auto found = window.find(id);
            REQUIRE(found.has_value() == (known != model.end()));
            if (found) {
                REQUIRE(*found == known->second.ordinal);
            } else {
                window.insert(id, step, now + 100ns);
                model[key] = {step, now + 100ns};
            }
            if (dice.roll(400) == 0) {
                window.clear();
                model.clear();
            }
            // Mostly small steps; now and then one that ends everything.
            now += std::chrono::nanoseconds{dice.roll(100) == 0 ? 200 : dice.roll(3)};
            expire(window, now);
            std::erase_if(model, [&](const auto& entry) { return entry.second.ends <= now; });
            REQUIRE(window.size() == model.size());
            auto next = std::chrono::nanoseconds::max();
            for (const auto& entry : model) {
                next = std::min(next, entry.second.ends);
            }
            REQUIRE(window.next_end() == next);
        }
    }
}

TEST_CASE("R149: the memory of a dedup window follows its content", "[fifo][detail][dedup]") {
    sqsim::detail::DedupWindow window;
    for (std::uint64_t number = 1; number <= 20'000; ++number) {
        window.insert({sqsim::detail::mix64(number), sqsim::detail::mix64(~number)}, number,
                      std::chrono::nanoseconds{number});
    }
    CHECK(window.size() == 20'000);
    const auto full = window.table_bytes();
    CHECK(full >= 20'000 * sizeof(std::uint32_t));
    expire(window, 19'995ns);
    CHECK(window.size() == 5);
    CHECK(window.table_bytes() * 100 < full);
    CHECK(window.find({sqsim::detail::mix64(20'000), sqsim::detail::mix64(~std::uint64_t{20'000})}) == 20'000U);
    CHECK_FALSE(window.find({sqsim::detail::mix64(19'995), sqsim::detail::mix64(~std::uint64_t{19'995})}).has_value());
    expire(window, 20'000ns);
    CHECK(window.size() == 0);
    CHECK(window.next_end() == std::chrono::nanoseconds::max());
}
