// SPDX-License-Identifier: MIT

// Catches a clock that asks or runs every queue at each step, that forgets an event which comes earlier than it knew,
// and one that runs queues in another order than that in which they were made.

#include "catch.hpp"
#include "noted.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

using sqsim::EventSource;
using sqsim::ManualClock;
using std::chrono::nanoseconds;

/// Counts how often any queue is locked.
struct CountedMutex {
    static inline std::uint64_t locks = 0;

    void lock() {
        ++locks;
        mutex_.lock();
    }
    bool try_lock() {
        const bool is_locked = mutex_.try_lock();
        locks += is_locked ? 1 : 0;
        return is_locked;
    }
    void unlock() { mutex_.unlock(); }

private:
    std::mutex mutex_{};
};

constexpr nanoseconds never = nanoseconds::max();

template <class QueueType>
void send(QueueType& queue, const std::string& id = "id") {
    if constexpr (requires { queue.send_message("m"); }) {
        queue.send_message("m");
    } else {
        queue.send_message("m", "g", {.message_deduplication_id = id});
    }
}

}  // namespace

TEMPLATE_TEST_CASE("an advance locks only the queues that have something due", "[clock][many_queues]",
                   (sqsim::Queue<ManualClock, std::string, CountedMutex>),
                   (sqsim::FifoQueue<ManualClock, std::string, CountedMutex>)) {
    ManualClock clock;
    std::vector<std::unique_ptr<TestType>> queues;
    for (int i = 0; i < 1'000; ++i) {
        queues.push_back(std::make_unique<TestType>(clock));
        send(*queues.back());
    }
    clock.advance(1s);
    for (int step = 0; step < 10; ++step) {
        const auto message = queues[500]->receive_message({.visibility_timeout = 1s});
        REQUIRE(message);
        CountedMutex::locks = 0;
        clock.advance(1s);
        CHECK(CountedMutex::locks <= 4);
        CHECK(queues[500]->counts().visible == 1);
    }
    static_cast<void>(clock.next_event());
    CountedMutex::locks = 0;
    CHECK(clock.next_event());
    CHECK(CountedMutex::locks <= 2);
    CountedMutex::locks = 0;
    clock.advance(1s);
    CHECK(CountedMutex::locks <= 2);
    CountedMutex::locks = 0;
    clock.advance(1s);
    CHECK(CountedMutex::locks == 0);
}

TEST_CASE("queues with something due at one instant have their turns in the order in which they were made",
          "[clock][many_queues]") {
    using Queue = sqsim::Queue<ManualClock, Noted, sqsim::NullMutex>;
    std::vector<int> ends;
    {
        ManualClock clock;
        std::vector<std::unique_ptr<Queue>> queues;
        for (int i = 0; i < 100; ++i) {
            queues.push_back(std::make_unique<Queue>(clock, sqsim::QueueOptions{.message_retention_period = 60s}));
        }
        std::vector<int> order(100);
        for (int i = 0; i < 100; ++i) {
            order[static_cast<std::size_t>(i)] = i;
        }
        std::shuffle(order.begin(), order.end(), std::mt19937{1});
        for (const int i : order) {
            queues[static_cast<std::size_t>(i)]->send_message(Noted{i, ends});
        }
        queues.erase(queues.begin() + 40);  // 40 leaves first
        CHECK(ends == std::vector{40});
        clock.advance(59s);
        CHECK(ends.size() == 1);
        clock.advance(1s);
    }
    std::vector<int> expected{40};
    for (int i = 0; i < 100; ++i) {
        if (i != 40) {
            expected.push_back(i);
        }
    }
    CHECK(ends == expected);
}

TEST_CASE("an advance that nobody waits in runs each queue once, the first made first whatever is due earlier",
          "[clock][many_queues]") {
    using Queue = sqsim::Queue<ManualClock, Noted, sqsim::NullMutex>;
    std::vector<int> ends;
    {
        ManualClock clock;
        Queue late{clock, {.message_retention_period = 90s}};
        Queue early{clock, {.message_retention_period = 60s}};
        early.send_message(Noted{1, ends});
        late.send_message(Noted{2, ends});
        clock.advance(1h);
        CHECK(ends == std::vector{2, 1});
    }
    CHECK(ends.size() == 2);
}

TEMPLATE_TEST_CASE("an event that comes earlier than the clock knew is not missed", "[clock][many_queues]",
                   (sqsim::Queue<ManualClock>), (sqsim::FifoQueue<ManualClock>),
                   (sqsim::Queue<ManualClock, std::string, sqsim::NullMutex>),
                   (sqsim::FifoQueue<ManualClock, std::string, sqsim::NullMutex>),
                   (sqsim::Queue<ManualClock, std::string, sqsim::LightMutex>)) {
    ManualClock clock;
    TestType other{clock};
    TestType queue{clock};
    const auto settle = [&] { static_cast<void>(clock.next_event()); };
    const auto next = [&] { return clock.next_event().value() - ManualClock::time_point{}; };
    settle();
    send(queue);  // a plain send, past the queue's lock
    CHECK(next() == (std::is_same_v<decltype(queue.options()), sqsim::QueueOptions> ? 96h : 5min));
    settle();
    const auto message = queue.receive_message({.visibility_timeout = 20s});
    REQUIRE(message);
    CHECK(next() == 20s);
    queue.change_message_visibility(message->receipt_handle(), 10s);
    CHECK(next() == 10s);
    queue.set_message_retention_period(60s);
    queue.change_message_visibility(message->receipt_handle(), 1h);
    CHECK(next() == 60s);
    queue.delete_message(message->receipt_handle());  // a later event is known when it matters
    CHECK(clock.next_event().has_value() == !std::is_same_v<decltype(queue.options()), sqsim::QueueOptions>);
    queue.purge();
    CHECK_FALSE(clock.next_event());
    send(queue, "2");
    const auto again = queue.receive_message({.visibility_timeout = 5s});
    REQUIRE(again);
    clock.advance(4s);
    CHECK(queue.counts().in_flight == 1);
    clock.advance(1s);
    CHECK(queue.counts().visible == 1);
}

TEST_CASE("what plain sends of several threads add to settled queues is not missed", "[clock][many_queues][threads]") {
    using Queue = sqsim::Queue<ManualClock>;
    ManualClock clock;
    std::vector<std::unique_ptr<Queue>> queues;
    for (int i = 0; i < 8; ++i) {
        queues.push_back(std::make_unique<Queue>(clock, sqsim::QueueOptions{.message_retention_period = 60s}));
    }
    {
        std::vector<std::jthread> senders;
        for (int thread = 0; thread < 2; ++thread) {
            senders.emplace_back([&] {
                for (int i = 0; i < 20'000; ++i) {
                    queues[static_cast<std::size_t>(i % 8)]->send_message("m");
                }
            });
        }
        for (int i = 0; i < 1'000; ++i) {
            static_cast<void>(clock.next_event());
            clock.advance(1ns);
        }
    }
    std::size_t stored = 0;
    for (const auto& queue : queues) {
        stored += queue->counts().visible;
    }
    CHECK(stored == 40'000);
    clock.advance(60s);  // runs every queue, for each knows a message
    REQUIRE_FALSE(clock.next_event());
    for (const auto& queue : queues) {
        CHECK(queue->counts().total() == 0);
    }
}

namespace {

/// A source whose events are set from outside, and that may or may not settle.
class Source final : public EventSource {
public:
    Source(ManualClock& clock, bool settles) : clock_{clock}, settles_{settles} { clock_.attach(*this); }
    Source(const Source&) = delete;
    Source& operator=(const Source&) = delete;
    ~Source() { clock_.detach(*this); }

    void set(nanoseconds when) {
        if (is_settled_ && when < when_) {
            is_settled_ = false;
            clock_.unsettle(*this);
        }
        when_ = when;
    }
    [[nodiscard]] nanoseconds when() const { return when_; }
    [[nodiscard]] bool settles() const { return settles_; }

    nanoseconds next_event() override { return when_; }
    NextEvent settle() override {
        ++asked;
        is_settled_ = settles_;
        return {when_, settles_};
    }
    NextEvent run_until(nanoseconds now) override {
        ++runs;
        if (when_ <= now) {
            when_ = never;
            on_event(*this);
        }
        is_settled_ = settles_;
        return {when_, settles_};
    }

    std::function<void(Source&)> on_event = [](Source&) {};
    int asked = 0;
    int runs = 0;

private:
    ManualClock& clock_;
    bool settles_;
    bool is_settled_ = false;
    nanoseconds when_ = never;
};

}  // namespace

TEST_CASE("a source that does not settle is asked each time and runs in each step", "[clock][many_queues]") {
    ManualClock clock;
    Source source{clock, false};
    for (int i = 1; i <= 3; ++i) {
        clock.advance(1s);
        CHECK(source.runs == i);
        static_cast<void>(clock.next_event());
        CHECK(source.asked == i);
    }
    source.set(4s);
    CHECK(clock.next_event() == ManualClock::time_point{4s});
}

TEST_CASE("a source that was told or attached by one that runs has its turn in the same step, if that is still to come",
          "[clock][many_queues]") {
    ManualClock clock;
    std::vector<std::string> runs;
    const auto note = [&](const std::string& name) { return [&runs, name](Source&) { runs.push_back(name); }; };
    Source first{clock, true};
    Source second{clock, true};
    Source third{clock, true};
    std::optional<Source> fourth;
    first.on_event = note("first");
    third.on_event = note("third");
    second.set(1s);
    clock.advance(0s);
    second.on_event = [&](Source&) {
        runs.push_back("second");
        first.set(1s);
        third.set(1s);
        fourth.emplace(clock, true);
        fourth->on_event = note("fourth");
        fourth->set(1s);
    };
    clock.advance(1s);
    CHECK(runs == std::vector<std::string>{"second", "third", "fourth"});
    clock.advance(0s);
    CHECK(runs == std::vector<std::string>{"second", "third", "fourth", "first"});
}

TEST_CASE("a source that ends while others run has no turn any more", "[clock][many_queues]") {
    ManualClock clock;
    int runs = 0;
    std::vector<std::unique_ptr<Source>> sources;
    for (int i = 0; i < 5; ++i) {
        sources.push_back(std::make_unique<Source>(clock, i % 2 == 0));
        sources.back()->set(1s);
        sources.back()->on_event = [&](Source&) {
            ++runs;
            sources[3].reset();
            sources[4].reset();
        };
    }
    clock.advance(1s);
    CHECK(runs == 3);
}

TEST_CASE("a source that throws while it runs leaves the others their turns", "[clock][many_queues]") {
    ManualClock clock;
    Source first{clock, true};
    Source second{clock, true};
    first.on_event = [](Source&) { throw std::runtime_error{"first"}; };
    bool has_run = false;
    second.on_event = [&](Source&) { has_run = true; };
    first.set(1s);
    second.set(1s);
    CHECK_THROWS_AS(clock.advance(1s), std::runtime_error);
    CHECK_FALSE(has_run);
    clock.advance(0s);
    CHECK(has_run);
}

TEST_CASE("a thousand sources in random order: the clock does what one does that asks all", "[clock][many_queues]") {
    std::mt19937 random{7};
    const auto below = [&](std::size_t bound) {
        return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
    };
    ManualClock clock;
    std::vector<std::unique_ptr<Source>> sources;  // in the order in which they were attached
    std::vector<Source*> runs;
    const auto add = [&] {
        sources.push_back(std::make_unique<Source>(clock, below(10) != 0));
        sources.back()->on_event = [&](Source& source) { runs.push_back(&source); };
    };
    for (int i = 0; i < 300; ++i) {
        add();
    }
    nanoseconds now{};
    for (int step = 0; step < 20'000; ++step) {
        Source& source = *sources[below(sources.size())];
        switch (below(8)) {
        case 0:
            sources.erase(sources.begin() + static_cast<std::ptrdiff_t>(below(sources.size())));
            add();
            break;
        case 1: {
            const auto first = std::min_element(sources.begin(), sources.end(),
                                                [](auto& a, auto& b) { return a->when() < b->when(); });
            const auto known = clock.next_event();
            REQUIRE((known ? known->time_since_epoch() : never) == (*first)->when());
            break;
        }
        case 2: {
            now += nanoseconds{below(50)};
            std::vector<Source*> due;
            for (const auto& each : sources) {
                if (each->when() <= now) {
                    due.push_back(each.get());
                }
            }
            runs.clear();
            clock.advance_to(ManualClock::time_point{now});
            REQUIRE(runs == due);
            break;
        }
        case 3:
            source.set(never);
            break;
        default:
            source.set(now + nanoseconds{below(1'000)});
            break;
        }
    }
    clock.advance(10us);
    clock.advance(0s);
    int not_settling = 0;
    for (const auto& source : sources) {
        source->asked = source->runs = 0;
        not_settling += source->settles() ? 0 : 1;
    }
    sources[150]->set(clock.now().time_since_epoch() + 1s);
    clock.advance(1s);
    int calls = 0;
    for (const auto& source : sources) {
        calls += source->asked + source->runs;
    }
    CHECK(calls <= 2 * not_settling + 2);
}
