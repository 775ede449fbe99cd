// SPDX-License-Identifier: MIT

// Visibility timeouts: the timers alone against std::multimap, and a clock that moves over many leases.

#include "contenders.hpp"

#include "sqsim/detail/timers.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;

constexpr nanoseconds longest = seconds{60};

/// sqsim's timers as a queue uses them: a cancelled one stays behind and is recognised by its generation.
class Ours {
public:
    explicit Ours(std::size_t slots) : generations_(slots) {}

    void schedule(std::uint32_t slot, nanoseconds deadline, bool is_default) {
        timers_.schedule(deadline, slot, generations_[slot], is_default);
    }
    void cancel(std::uint32_t slot) {
        ++generations_[slot];
        timers_.sweep(generations_.size(), [this](const auto& timer) { return is_meant(timer); });
    }
    /// Takes the earliest timer that ends by `now`. Returns its slot, or none.
    [[nodiscard]] std::uint32_t pop(nanoseconds now) {
        for (const auto* timer = timers_.peek(); timer != nullptr && timer->deadline <= now; timer = timers_.peek()) {
            const auto taken = *timer;
            timers_.pop();
            if (is_meant(taken)) {
                return taken.slot;
            }
        }
        return none;
    }
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

private:
    [[nodiscard]] bool is_meant(const sqsim::detail::Timer& timer) const {
        return generations_[timer.slot] == timer.generation;
    }
    std::vector<std::uint32_t> generations_;
    sqsim::detail::Timers timers_{};
};

class Multimap {
public:
    explicit Multimap(std::size_t slots) : places_(slots) {}

    void schedule(std::uint32_t slot, nanoseconds deadline, bool) { places_[slot] = timers_.emplace(deadline, slot); }
    void cancel(std::uint32_t slot) { timers_.erase(places_[slot]); }
    [[nodiscard]] std::uint32_t pop(nanoseconds now) {
        if (timers_.empty() || timers_.begin()->first > now) {
            return none;
        }
        const std::uint32_t slot = timers_.begin()->second;
        timers_.erase(timers_.begin());
        return slot;
    }
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

private:
    std::multimap<nanoseconds, std::uint32_t> timers_{};
    std::vector<std::multimap<nanoseconds, std::uint32_t>::iterator> places_;
};

[[nodiscard]] nanoseconds some_timeout(Random& random) {
    return nanoseconds{random.below(static_cast<std::uint64_t>(longest.count()))};
}

/// A message is received and deleted: a timer begins and is cancelled. Some, as time goes by, end instead.
template <class Timers>
void schedule_and_cancel(benchmark::State& state, std::size_t outstanding, bool is_default) {
    const auto count = static_cast<std::uint32_t>(outstanding);
    Timers timers{count};
    Random random{7};
    nanoseconds now{};
    const auto schedule = [&](std::uint32_t slot) {
        timers.schedule(slot, now + (is_default ? longest / 2 : some_timeout(random)), is_default);
    };
    for (std::uint32_t slot = 0; slot < count; ++slot) {
        schedule(slot);
    }
    const nanoseconds step = longest / count / 10;
    std::uint32_t oldest = 0;
    const auto work = [&] {
        for (int i = 0; i < 1'000; ++i) {
            now += step;
            for (std::uint32_t ended = timers.pop(now); ended != Timers::none; ended = timers.pop(now)) {
                schedule(ended);
            }
            oldest = oldest + 1 == count ? 0 : oldest + 1;
            const std::uint32_t slot = is_default ? oldest : static_cast<std::uint32_t>(random.below(count));
            timers.cancel(slot);
            schedule(slot);
        }
    };
    for (std::size_t done = 0; done < 2 * outstanding; done += 1'000) {
        work();
    }
    measure(state, 1'000, work);
}

/// All end, none is renewed.
template <class Timers>
void expire(benchmark::State& state, std::size_t outstanding) {
    keep_a_second_thread();
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(outstanding))) {
        const auto count = static_cast<std::uint32_t>(outstanding);
        Timers timers{count};
        Random random{7};
        for (std::uint32_t slot = 0; slot < count; ++slot) {
            timers.schedule(slot, some_timeout(random), false);
        }
        const double start = busy_seconds();
        std::uint32_t ended = 0;
        while (timers.pop(longest) != Timers::none) {
            ++ended;
        }
        state.SetIterationTime(busy_seconds() - start);
        if (ended != count) {
            state.SkipWithError("not all timers ended");
            return;
        }
    }
}

void contest(const std::string& name, std::size_t outstanding, std::size_t messages, auto ours, auto multimap) {
    if (!wanted(outstanding)) {
        return;
    }
    add("timers/" + name + "/multimap", {}, multimap, messages);
    add("timers/" + name + "/sqsim", {"timers/" + name + "/multimap"}, ours, messages);
}

/// A clock that jumps, or walks, over the ends of a million leases.
void advance(const std::string& name, bool random_timeouts, int steps) {
    constexpr std::size_t messages = 1'000'000;
    if (!wanted(messages)) {
        return;
    }
    constexpr nanoseconds step = longest / 1'000'000;
    add(
        "advance/" + name, {transfer(10)},
        [=](benchmark::State& state) {
            using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;
            Contender contender{64};
            auto& queue = contender.queue();
            std::array<std::string_view, 10> bodies;
            bodies.fill(contender.body());
            std::array<Contender::Message, 10> received;
            for (std::size_t stored = 0; stored < messages; stored += 10) {
                queue.send_messages(std::span<const std::string_view>{bodies});
            }
            Random random{7};
            for (std::size_t leased = 0; leased < messages; leased += 10) {
                for (std::size_t i = 0; i < (random_timeouts ? 10U : 1U); ++i) {
                    sqsim::ReceiveMessageOptions options;
                    if (random_timeouts) {
                        options.visibility_timeout = nanoseconds{1} + some_timeout(random);
                    }
                    queue.receive_messages(std::span{received}.first(random_timeouts ? 1 : 10), options);
                }
                contender.clock().advance(random_timeouts ? nanoseconds{0} : step);
            }
            measure(state, messages, [&] {
                for (int i = 0; i < steps; ++i) {
                    contender.clock().advance(2 * longest / steps);
                }
            });
            if (queue.counts().visible != messages) {
                state.SkipWithError("not all leases ended");
            }
        },
        messages);
}

[[maybe_unused]] const bool registered = [] {
    for (const std::size_t outstanding : {1'000U, 100'000U, 1'000'000U}) {
        for (const bool is_default : {true, false}) {
            contest(
                std::string{is_default ? "default/" : "random/"} + magnitude(outstanding), outstanding, 200'000,
                [=](auto& state) { schedule_and_cancel<Ours>(state, outstanding, is_default); },
                [=](auto& state) { schedule_and_cancel<Multimap>(state, outstanding, is_default); });
        }
    }
    contest(
        "expire_random/1e6", 1'000'000, 1'000'000, [](auto& state) { expire<Ours>(state, 1'000'000); },
        [](auto& state) { expire<Multimap>(state, 1'000'000); });
    advance("default/1e6", false, 1);
    advance("default/1e6/in_1000_steps", false, 1'000);
    advance("random/1e6", true, 1);
    return true;
}();

}  // namespace
}  // namespace bench
