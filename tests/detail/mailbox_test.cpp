// SPDX-License-Identifier: MIT

// Catches a mailbox that loses, doubles or reorders what was prepared, stores a part of a send that is refused, takes
// more than its queue has room for, or takes anything while a receive waits.

#include "catch.hpp"

#include "sqsim/detail/mailbox.hpp"
#include "sqsim/detail/rng.hpp"
#include "sqsim/detail/standard_engine.hpp"
#include "sqsim/sqsim.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace {

using sqsim::detail::Nanos;
using sqsim::detail::PlainRules;
using sqsim::detail::Record;
using Engine = sqsim::detail::StandardEngine<std::string>;
using Mailbox = sqsim::detail::Mailbox<std::string, sqsim::NullMutex>;
using Posted = Mailbox::Posted;
using Layout = sqsim::detail::PayloadOf<std::string>;

constexpr PlainRules rules{100, true};

/// An engine and its mailbox, used as a queue with both locks would.
struct Pair {
    explicit Pair(std::size_t capacity = sqsim::unlimited) : engine{options(capacity), 1, 1, true} {
        static_cast<void>(engine.advance_to(Nanos{0}));
    }
    Pair(const Pair&) = delete;
    Pair& operator=(const Pair&) = delete;
    ~Pair() { mailbox.return_slots(engine.ledger().store()); }

    static sqsim::QueueOptions options(std::size_t capacity) {
        sqsim::QueueOptions options;
        options.capacity = capacity;
        return options;
    }

    template <class Bodies>
    Posted prepare(const Bodies& bodies) {
        return mailbox.prepare(engine.ledger().store(), bodies, Nanos{0}, rules);
    }
    /// What a send does that the mailbox could not take.
    void obtain(std::size_t count = 12) {
        mailbox.empty_into(engine);
        mailbox.obtain(engine.ledger().store(), count);
        mailbox.follow(engine);
    }
    /// Opens the mailbox for messages with small bodies.
    void open() {
        obtain();
        static_cast<void>(prepare(std::string_view{"small"}));  // there is no slot yet
        obtain(50);
    }
    /// The bodies that the engine has, in the order of their arrival.
    std::vector<std::string> bodies() {
        mailbox.empty_into(engine);
        std::vector<std::string> found;
        std::uint64_t last = 0;
        engine.ledger().arrivals().for_each([&](Record& record) {
            in_order = in_order && record.ordinal > last;
            last = record.ordinal;
            found.emplace_back(reinterpret_cast<const char*>(Layout::body(record)), record.body_size);
            return true;
        });
        in_order = in_order && found.size() == engine.ledger().counts().visible;
        return found;
    }

    Engine engine;
    Mailbox mailbox{};
    bool in_order = true;
};

/// A body that refuses to be moved once too often.
struct Fragile {
    explicit Fragile(int& moves_left_) : moves_left{&moves_left_} {}
    Fragile(Fragile&& other) : moves_left{other.moves_left} {
        if (--*moves_left < 0) {
            throw std::runtime_error{"broken"};
        }
    }
    Fragile(const Fragile&) = delete;
    Fragile& operator=(const Fragile&) = delete;
    Fragile& operator=(Fragile&&) = delete;
    ~Fragile() = default;
    int* moves_left;
};

}  // namespace

TEST_CASE("What is prepared comes to the engine whole, once and in order", "[detail][mailbox]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        INFO("seed " << seed);
        sqsim::detail::SplitMix random{seed};
        Pair pair;
        std::vector<std::string> expected;
        std::size_t stored = 0;
        for (int step = 0; step < 3'000; ++step) {
            std::vector<std::string> texts;
            for (std::uint32_t count = 1 + random.below(12); count != 0; --count) {
                texts.push_back(std::to_string(step) + std::string(random.below(99), 'x'));
                texts.back().resize(std::min<std::size_t>(texts.back().size(), 100));
            }
            const bool is_bad = random.below(5) == 0;
            if (is_bad) {
                std::string& bad = texts[random.below(static_cast<std::uint32_t>(texts.size()))];
                bad = random.below(3) == 0 ? std::string(101, 'x') : random.below(2) == 0 ? "" : "a\x01z";
            }
            const std::vector<std::string_view> views(texts.begin(), texts.end());
            const bool is_single = texts.size() == 1;
            Posted posted = is_single ? pair.prepare(views[0]) : pair.prepare(std::span<const std::string_view>{views});
            for (int again = 0; posted == Posted::not_stored && again < 20; ++again) {  // a class of slots at a time
                pair.obtain();
                stored = expected.size();
                posted = is_single ? pair.prepare(views[0]) : pair.prepare(std::span<const std::string_view>{views});
            }
            REQUIRE(posted == (is_bad ? Posted::refused : Posted::stored));
            if (!is_bad) {
                expected.insert(expected.end(), texts.begin(), texts.end());
            }
            CHECK(pair.mailbox.last_ordinal() == expected.size());
            CHECK(pair.mailbox.latest() == expected.size());
            if (random.below(40) == 0) {
                CHECK(pair.mailbox.is_filled() == (stored != expected.size()));
                CHECK(pair.bodies() == expected);
                CHECK_FALSE(pair.mailbox.is_filled());
                stored = expected.size();
            }
        }
        CHECK(pair.bodies() == expected);
        CHECK(pair.in_order);
        CHECK(pair.engine.ledger().sent().count == expected.size());
    }
}

TEST_CASE("A mailbox takes no more than its queue has room for", "[detail][mailbox]") {
    Pair pair{25};
    CHECK(pair.prepare(std::string_view{"a"}) == Posted::not_stored);
    pair.open();
    const std::array<std::string_view, 10> ten{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    CHECK(pair.prepare(std::span<const std::string_view>{ten}) == Posted::stored);
    CHECK(pair.bodies().size() == 10);
    CHECK(pair.prepare(std::string_view{"a"}) == Posted::stored);
    pair.obtain();
    CHECK(pair.prepare(std::span<const std::string_view>{ten}) == Posted::stored);
    CHECK(pair.prepare(std::span<const std::string_view>{ten}) == Posted::not_stored);
    for (int i = 0; i < 4; ++i) {
        CHECK(pair.prepare(std::string_view{"a"}) == Posted::stored);
    }
    CHECK(pair.prepare(std::string_view{"a"}) == Posted::not_stored);
    CHECK(pair.bodies().size() == 25);
    CHECK(pair.prepare(std::string_view{"a"}) == Posted::not_stored);
}

TEST_CASE("A mailbox that could not be emptied still knows what it holds", "[detail][mailbox]") {
    Pair pair;
    pair.open();
    const std::array<std::string_view, 10> ten{"0", "1", "2", "3", "4", "5", "6", "7", "8", "9"};
    for (int i = 0; i < 4; ++i) {
        CHECK(pair.prepare(std::span<const std::string_view>{ten}) == Posted::stored);
        pair.mailbox.follow(pair.engine);  // as after an operation that had no memory to take anything in
        CHECK(pair.mailbox.last_ordinal() == 10U * static_cast<unsigned>(i + 1));
    }
    CHECK(pair.bodies().size() == 40);
    CHECK(pair.in_order);
}

TEST_CASE("A mailbox takes nothing while a receive waits", "[detail][mailbox]") {
    Pair pair;
    pair.open();
    {
        const sqsim::detail::Sleeper sleeper{pair.mailbox};
        CHECK(pair.prepare(std::string_view{"a"}) == Posted::not_stored);
        pair.obtain();
        CHECK(pair.prepare(std::string_view{"a"}) == Posted::not_stored);
    }
    pair.obtain();
    CHECK(pair.prepare(std::string_view{"a"}) == Posted::stored);
}

TEMPLATE_TEST_CASE("A body that cannot be moved stays with its sender, and its slot with the queue",
                   "[detail][mailbox]", sqsim::NullMutex, std::mutex) {
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock, Fragile, TestType> queue{clock};
    constexpr int many = 1'000'000;
    int moves_left = many;
    int refused = 0;
    for (int round = 0; round < 100; ++round) {
        moves_left = many;
        queue.send_message(Fragile{moves_left});
        const int moves = many - moves_left;
        REQUIRE(moves >= 1);
        for (moves_left = moves - 1; moves_left >= 0; moves_left -= 1) {  // each in turn is one too many
            const int before = moves_left;
            try {
                queue.send_message(Fragile{moves_left});
            } catch (const std::runtime_error&) {
                ++refused;
            }
            moves_left = before;
        }
    }
    CHECK(refused >= 100);
    CHECK(queue.counts().visible == 100);
    CHECK(queue.metrics().number_of_messages_sent == 100);
    CHECK(queue.metrics().sent_message_size.value().count == 100);
    CHECK(queue.peek(sqsim::MessageState::visible, 1000).size() == 100);
}

TEST_CASE("Long texts, which are copied without a lock, are stored whole, in order, all or none", "[detail][mailbox]") {
    sqsim::ManualClock clock;
    sqsim::QueueOptions options;
    options.capacity = 300;
    sqsim::Queue<sqsim::ManualClock, std::string, std::mutex> queue{clock, options};
    sqsim::detail::SplitMix random{11};
    std::vector<std::string> expected;
    while (expected.size() < 290) {
        std::vector<std::string> texts;
        for (std::uint32_t count = 1 + random.below(10); count != 0; --count) {
            const std::size_t size = texts.empty() ? 257 + random.below(5'000) : 1 + random.below(5'000);
            texts.emplace_back(size, static_cast<char>('a' + random.below(26)));
        }
        const bool is_bad = random.below(4) == 0;
        if (is_bad) {
            texts[random.below(static_cast<std::uint32_t>(texts.size()))].back() = '\x02';
        }
        const std::vector<std::string_view> views(texts.begin(), texts.end());
        if (is_bad) {
            CHECK_THROWS_AS(queue.send_messages(std::span<const std::string_view>{views}), sqsim::Error);
        } else if (queue.send_messages(std::span<const std::string_view>{views}) != 0) {
            expected.insert(expected.end(), texts.begin(), texts.end());
        } else {
            CHECK(expected.size() + texts.size() > 300);
            break;
        }
        CHECK(queue.counts().visible == expected.size());
    }
    std::vector<std::string> found;
    while (const auto message = queue.receive_message()) {
        found.emplace_back(message->body());
        CHECK(queue.delete_message(message->receipt_handle()));
    }
    CHECK(found == expected);
    CHECK(queue.metrics().number_of_messages_sent == expected.size());
}

TEST_CASE("A receive that has enough leaves the mailbox alone, and misses nothing when it has not",
          "[detail][mailbox]") {
    sqsim::ManualClock clock;
    sqsim::QueueOptions options;
    options.limits.maximum_in_flight = 4;
    sqsim::Queue<sqsim::ManualClock, std::string, std::mutex> dead_letters{clock};
    sqsim::Queue<sqsim::ManualClock, std::string, std::mutex> queue{clock, options};
    queue.set_redrive_policy({dead_letters, 1});
    for (const char* const body : {"a", "b", "c"}) {
        queue.send_message(body);
    }
    CHECK(queue.receive_messages({.max_number_of_messages = 3}).size() == 3);
    clock.advance(std::chrono::seconds{31});  // all of them are visible again, and dead at the next receive
    queue.send_message("d");
    queue.send_message("e");
    const auto messages = queue.receive_messages({.max_number_of_messages = 2});
    REQUIRE(messages.size() == 2);
    CHECK(messages[0].body() == "d");
    CHECK(messages[1].body() == "e");
    CHECK(dead_letters.counts().visible == 3);

    // Deletes make room for more in flight within one call.
    for (const char* const body : {"f", "g", "h", "i"}) {
        queue.send_message(body);
    }
    std::array<decltype(queue)::message_type, 10> out;
    const std::array done{messages[0].receipt_handle(), messages[1].receipt_handle()};
    CHECK(queue.delete_and_receive(done, out, {.max_number_of_messages = 10}) == 4);
}
