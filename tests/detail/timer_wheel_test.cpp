// SPDX-License-Identifier: MIT

// Catches timers that come out of order, twice or never, ties in time that are not broken by sequence, and overflow
// at the ends of time.

#include "catch.hpp"

#include "sqsim/detail/rng.hpp"
#include "sqsim/detail/timer_chunks.hpp"
#include "sqsim/detail/timer_wheel.hpp"
#include "sqsim/detail/timers.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <set>
#include <span>
#include <utility>

using sqsim::detail::Nanos;
using sqsim::detail::never;
using sqsim::detail::Place;
using sqsim::detail::SplitMix;
using sqsim::detail::Timer;
using sqsim::detail::TimerBucket;
using sqsim::detail::TimerChunk;
using sqsim::detail::TimerPool;
using sqsim::detail::Timers;
using sqsim::detail::TimerWheel;

namespace {

// A multimap keeps the order of insertion among equal keys, which is that of the sequence numbers.
using Model = std::multimap<Nanos, std::uint32_t>;

/// A deadline from `now` on, on every scale, and often one that others have.
Nanos deadline_after(Nanos now, SplitMix& random) {
    switch (random.below(5)) {
    case 0:
        return now;
    case 1:
        return now + Nanos{random.below(4)};
    case 2:
        return now + Nanos{random.below(5) * 1000};
    default:
        return now + Nanos{static_cast<std::int64_t>(random.next() >> (20 + random.below(40)))};
    }
}

template <class Push, class Wheel>
bool behaves_like_model(Wheel& wheel, Push push, std::uint64_t seed, Nanos start, std::uint32_t crowd) {
    Model model;
    SplitMix random{seed};
    Nanos now = start;
    std::uint32_t slot = 0;
    for (int phase = 0; phase < 60; ++phase) {
        for (std::uint32_t pushes = random.below(crowd); pushes != 0; --pushes) {
            // Also earlier than what was taken already: the wheel does not forbid it.
            const Nanos deadline = deadline_after(random.below(20) == 0 ? start : now, random);
            push(wheel, deadline, slot);
            model.emplace(deadline, slot++);
        }
        for (std::uint32_t pops = random.below(crowd + crowd / 8); pops != 0 && !model.empty(); --pops) {
            const Timer* timer = wheel.peek();
            if (timer == nullptr || timer->deadline != model.begin()->first || timer->slot != model.begin()->second) {
                return false;
            }
            now = std::max(now, timer->deadline);
            wheel.pop();
            model.erase(model.begin());
            if (wheel.size() != model.size()) {
                return false;
            }
        }
    }
    while (!model.empty()) {
        const Timer* timer = wheel.peek();
        if (timer == nullptr || timer->deadline != model.begin()->first || timer->slot != model.begin()->second) {
            return false;
        }
        wheel.pop();
        model.erase(model.begin());
    }
    return wheel.peek() == nullptr && wheel.size() == 0;
}

const auto push_numbered = [](TimerWheel& wheel, Nanos deadline, std::uint32_t slot) {
    wheel.push({deadline, slot, slot, 0});
};

}  // namespace

TEST_CASE("A timer wheel is a multimap by deadline and sequence", "[detail][timers]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        INFO("seed " << seed);
        TimerWheel few;
        CHECK(behaves_like_model(few, push_numbered, seed, Nanos{0}, 12));
        TimerWheel many;
        CHECK(behaves_like_model(many, push_numbered, seed, Nanos{-1'000'000'000}, 600));
    }
}

TEST_CASE("A timer wheel orders the ends of time", "[detail][timers]") {
    for (const std::uint32_t crowd : {3U, 100U}) {  // as a heap, and as a wheel
        TimerWheel wheel;
        Model model;
        std::uint32_t slot = 0;
        const auto push = [&](Nanos deadline) {
            wheel.push({deadline, slot, slot, 0});
            model.emplace(deadline, slot++);
        };
        for (std::uint32_t i = 0; i < crowd; ++i) {
            push(never - Nanos{1 + i});
            push(Nanos::min() + Nanos{i});
            push(Nanos{i});
            push(Nanos{-1} - Nanos{i});
            push(never - Nanos{1});
        }
        bool in_order = true;
        for (const auto& [deadline, expected] : model) {
            const Timer* timer = wheel.peek();
            REQUIRE(timer != nullptr);
            in_order = in_order && timer->deadline == deadline && timer->slot == expected;
            wheel.pop();
        }
        CHECK(in_order);
        CHECK(wheel.peek() == nullptr);
    }
}

TEST_CASE("A timer wheel takes in crowds that are earlier than all it has", "[detail][timers]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        INFO("seed " << seed);
        SplitMix random{seed};
        TimerWheel wheel;
        Model model;
        std::uint32_t slot = 0;
        bool in_order = true;
        const auto take = [&] {
            const Timer* timer = wheel.peek();
            in_order = in_order && timer != nullptr && timer->deadline == model.begin()->first &&
                       timer->slot == model.begin()->second;
            wheel.pop();
            model.erase(model.begin());
        };
        // Every crowd ends before the one before it; many of its timers end together, and are left in the middle.
        std::int64_t end = std::int64_t{1} << 50;
        while (end > 1000 && in_order) {
            end -= end / (2 + random.below(30));
            const std::int64_t apart = 1 + random.below(3) * (end / 100'000);
            for (std::uint32_t pushes = 1 + random.below(900); pushes != 0; --pushes) {
                const Nanos deadline{end - random.below(50) * apart};
                wheel.push({deadline, slot, slot, 0});
                model.emplace(deadline, slot++);
            }
            for (std::uint32_t pops = random.below(500); pops != 0 && !model.empty() && in_order; --pops) {
                take();
            }
        }
        while (!model.empty() && in_order) {
            take();
        }
        CHECK(in_order);
        CHECK(wheel.size() == 0);
    }
}

TEST_CASE("A bucket of timers is a list that loses what is refused", "[detail][timers]") {
    TimerPool pool;
    TimerBucket bucket = nullptr;
    TimerBucket other = nullptr;
    for (std::uint32_t slot = 0; slot < 1000; ++slot) {
        REQUIRE(pool.append(slot < 500 ? bucket : other, {Nanos{0}, slot, slot, 0}));
    }
    TimerPool::append_all(bucket, other);
    CHECK(other == nullptr);
    TimerPool::append_all(bucket, other);  // of nothing
    const auto keep = [](const Timer& timer) { return timer.slot < 100 || timer.slot % 7 == 0; };
    std::size_t expected = 0;
    for (std::uint32_t slot = 0; slot < 1000; ++slot) {
        expected += keep({Nanos{0}, slot, slot, 0}) ? 1U : 0U;
    }
    CHECK(pool.remove_unless(bucket, keep) == expected);
    bool same = true;
    std::uint32_t next = 0;
    while (bucket != nullptr) {
        TimerChunk* const chunk = TimerPool::take_first(bucket);
        for (std::uint32_t i = 0; i < chunk->size; ++i) {
            while (!keep({Nanos{0}, next, next, 0})) {
                ++next;
            }
            same = same && chunk->timers[i].slot == next++;
        }
        expected -= chunk->size;
        pool.give_back(chunk);
    }
    CHECK(same);
    CHECK(expected == 0);
    REQUIRE(pool.append(bucket, {Nanos{0}, 1, 1, 0}));
    const auto keep_none = [](const Timer&) { return false; };
    CHECK(pool.remove_unless(bucket, keep_none) == 0);
    CHECK(bucket == nullptr);
}

TEST_CASE("A timer wheel removes what is refused and keeps the order of the rest", "[detail][timers]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        INFO("seed " << seed);
        SplitMix random{seed};
        TimerWheel wheel;
        Model model;
        for (std::uint32_t slot = 0; slot < 1000; ++slot) {
            const Nanos deadline = deadline_after(Nanos{0}, random);
            wheel.push({deadline, slot, slot, 0});
            model.emplace(deadline, slot);
        }
        for (int i = 0; i < 100; ++i) {  // so that a part of it is a sorted run when the others are removed
            REQUIRE(wheel.peek() != nullptr);
            wheel.pop();
            model.erase(model.begin());
        }
        const std::uint32_t modulus = 2 + random.below(100);
        wheel.remove_unless([&](const Timer& timer) { return timer.slot % modulus == 0; });
        std::erase_if(model, [&](const auto& entry) { return entry.second % modulus != 0; });
        CHECK(wheel.size() == model.size());
        bool in_order = true;
        for (const auto& [deadline, slot] : model) {
            const Timer* timer = wheel.peek();
            REQUIRE(timer != nullptr);
            in_order = in_order && timer->deadline == deadline && timer->slot == slot;
            wheel.pop();
        }
        CHECK(in_order);
        CHECK(wheel.peek() == nullptr);
        wheel.push({Nanos{7}, 1, 5, 0});  // and goes on
        REQUIRE(wheel.peek() != nullptr);
        CHECK(wheel.peek()->slot == 5);
        wheel.clear();
        CHECK(wheel.peek() == nullptr);
    }
}

TEST_CASE("Timers are a multimap by deadline and order of scheduling, the default ones among the others",
          "[detail][timers]") {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        INFO("seed " << seed);
        Timers timers;
        const auto schedule = [](Timers& to, Nanos deadline, std::uint32_t slot) {
            to.schedule(deadline, Place{slot, 0U}, slot % 2 == 0);  // marked default also where it is out of order
        };
        CHECK(behaves_like_model(timers, schedule, seed, Nanos{0}, 200));
    }
}

TEST_CASE("Timers break ties between default and other deadlines by the order of scheduling", "[detail][timers]") {
    Timers timers;
    for (std::uint32_t slot = 0; slot < 200; ++slot) {
        timers.schedule(Nanos{100}, Place{slot, 0U}, slot % 3 == 0);
    }
    bool in_order = true;
    for (std::uint32_t slot = 0; slot < 200; ++slot) {
        REQUIRE(timers.peek() != nullptr);
        in_order = in_order && timers.peek()->slot == slot;
        timers.pop();
    }
    CHECK(in_order);
    CHECK(timers.peek() == nullptr);
}

TEST_CASE("A deadline that never comes is not kept", "[detail][timers]") {
    Timers timers;
    timers.schedule(never, Place{1U, 0U}, true);
    timers.schedule(never, Place{2U, 0U}, false);
    CHECK(timers.size() == 0);
    CHECK(timers.peek() == nullptr);
}

TEST_CASE("A sweep throws away only what is not meant, and only once that is most", "[detail][timers]") {
    Timers timers;
    for (std::uint32_t slot = 0; slot < 400; ++slot) {
        timers.schedule(Nanos{slot / 2}, Place{slot, 0U}, slot % 2 == 0);
    }
    const auto is_meant = [](const Timer& timer) { return timer.slot % 10 == 0 || timer.slot % 10 == 5; };
    timers.sweep(200, is_meant);
    CHECK(timers.size() == 400);  // more than half may be meant
    timers.sweep(80, is_meant);
    CHECK(timers.size() == 80);
    bool in_order = true;
    for (std::uint32_t slot = 0; slot < 400; slot += 5) {
        REQUIRE(timers.peek() != nullptr);
        in_order = in_order && timers.peek()->slot == slot;
        timers.pop();
    }
    CHECK(in_order);
    CHECK(timers.size() == 0);
    timers.schedule(Nanos{1}, Place{1U, 0U}, true);
    timers.drop_all();
    CHECK(timers.peek() == nullptr);
}

TEST_CASE("Default deadlines in rows, other ones, ends and sweeps are those of a multimap", "[detail][timers]") {
    using Key = std::pair<Nanos, std::uint64_t>;  // deadline, and order of scheduling
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        INFO("seed " << seed);
        SplitMix random{seed};
        Timers timers;
        std::map<Key, std::uint32_t> model;  // all that were not swept away; slots
        std::set<std::uint32_t> meant;
        Nanos now{0};
        std::uint64_t order = 0;
        std::uint32_t slot = 0;
        bool good = true;
        const auto add = [&](Nanos deadline) {
            model.emplace(Key{deadline, ++order}, ++slot);
            meant.insert(slot);
        };
        for (int step = 0; step < 1500 && good; ++step) {
            switch (random.below(8)) {
            case 0:
            case 1: {  // a row, of which the timers may take a part at a time
                const Nanos deadline = now + Nanos{1000};
                if (!timers.may_rise_to(deadline)) {
                    break;
                }
                for (std::size_t rest = random.below(150); rest != 0;) {
                    const std::span<Place> places = timers.begin(deadline, rest);
                    const std::size_t room = places.size();
                    good = good && room >= 1 && room <= rest;
                    const std::size_t count =
                        random.below(4) == 0 ? random.below(static_cast<std::uint32_t>(room)) : room;
                    for (std::size_t i = 0; i != count; ++i) {
                        add(deadline);
                        places[i] = Place{slot, 0U};
                    }
                    timers.finish(deadline, count);
                    rest -= count == room ? room : rest;
                }
                break;
            }
            case 2:
            case 3: {
                const bool is_default = random.below(2) == 0;
                const Nanos deadline = now + Nanos{is_default ? 1000U : random.below(2000)};
                add(deadline);
                good = good && timers.schedule(deadline, Place{slot, 0U}, is_default) == order;
                break;
            }
            case 4:
                now += Nanos{random.below(3) == 0 ? random.below(400) : 0};
                break;
            case 5:  // what is due ends
                while (!model.empty() && model.begin()->first.first <= now && good) {
                    const Timer* const timer = timers.peek();
                    good = timer != nullptr && timer->deadline == model.begin()->first.first &&
                           timer->sequence == model.begin()->first.second && timer->slot == model.begin()->second;
                    timers.pop();
                    meant.erase(model.begin()->second);
                    model.erase(model.begin());
                }
                break;
            case 6:  // many are over early
                for (auto it = meant.begin(); it != meant.end();) {
                    it = random.below(3) != 0 ? meant.erase(it) : std::next(it);
                }
                break;
            default: {
                const std::size_t size = timers.size();
                timers.sweep(meant.size(), [&](const Timer& timer) { return meant.contains(timer.slot); });
                good = good && timers.size() <= std::min(size, 2 * meant.size() + 64) && timers.size() >= meant.size();
                std::erase_if(model, [&](const auto& entry) { return !meant.contains(entry.second); });
                const auto skip = [&] {  // stale ones that the sweep has left
                    while (timers.peek() != nullptr && !meant.contains(timers.peek()->slot)) {
                        timers.pop();
                    }
                };
                skip();
                if (timers.size() > model.size()) {  // the rest is compared as it ends
                    for (const auto& [key, each] : model) {
                        skip();
                        const Timer* const timer = timers.peek();
                        good = good && timer != nullptr && timer->sequence == key.second && timer->slot == each;
                        timers.pop();
                    }
                    model.clear();
                    meant.clear();
                    timers.drop_all();
                }
                break;
            }
            }
        }
        CHECK(good);
    }
}
