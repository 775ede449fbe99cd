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
#include <optional>
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
        timers_.schedule(deadline, sqsim::detail::Place{slot, generations_[slot]}, is_default);
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
class Churn {
public:
    Churn(std::size_t outstanding, bool is_default)
        : count_{static_cast<std::uint32_t>(outstanding)}, is_default_{is_default}, timers_{outstanding} {
        for (std::uint32_t slot = 0; slot < count_; ++slot) {
            schedule(slot);
        }
        run(outstanding);
    }

    void run(std::size_t messages) {
        for (std::size_t i = 0; i < messages; ++i) {
            now_ += step_;
            for (std::uint32_t ended = timers_.pop(now_); ended != Timers::none; ended = timers_.pop(now_)) {
                schedule(ended);
            }
            oldest_ = oldest_ + 1 == count_ ? 0 : oldest_ + 1;
            const std::uint32_t slot = is_default_ ? oldest_ : static_cast<std::uint32_t>(random_.below(count_));
            timers_.cancel(slot);
            schedule(slot);
        }
    }

private:
    void schedule(std::uint32_t slot) {
        timers_.schedule(slot, now_ + (is_default_ ? longest / 2 : some_timeout(random_)), is_default_);
    }

    std::uint32_t count_;
    bool is_default_;
    Timers timers_;
    Random random_{7};
    nanoseconds now_{};
    nanoseconds step_ = longest / count_ / 10;
    std::uint32_t oldest_ = 0;
};

void schedule_and_cancel(std::size_t outstanding, bool is_default) {
    if (!wanted(outstanding)) {
        return;
    }
    constexpr std::size_t turns = 11;
    constexpr std::size_t messages = 20'000;
    add((is_default ? "timers/default/" : "timers/random/") + magnitude(outstanding), {"+multimap"},
        [=](benchmark::State& state) {
            Churn<Ours> ours{outstanding, is_default};
            Churn<Multimap> multimap{outstanding, is_default};
            take_turns(state, turns, messages, [&] { ours.run(messages); },
                       {{"multimap", [&] { multimap.run(messages); }}});
        },
        turns * messages);
}

/// All end, none is renewed. Returns: the seconds, or nothing if not all of them ended.
template <class Timers>
[[nodiscard]] std::optional<double> expire(std::size_t outstanding) {
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
    const double taken = busy_seconds() - start;
    return ended == count ? std::optional{taken} : std::nullopt;
}

void expire(std::size_t outstanding) {
    if (!wanted(outstanding)) {
        return;
    }
    add(
        "timers/expire_random/" + magnitude(outstanding), {"+multimap"},
        [=](benchmark::State& state) {
            keep_a_second_thread();
            while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(outstanding))) {
                const auto ours = expire<Ours>(outstanding);
                const auto multimap = expire<Multimap>(outstanding);
                if (!ours || !multimap) {
                    state.SkipWithError("not all timers ended");
                    return;
                }
                state.SetIterationTime(*ours);
                state.counters["+multimap"] = *multimap * 1e9 / static_cast<double>(outstanding);
            }
        },
        outstanding);
}

/// A clock that jumps, or walks, over the ends of a million leases.
void advance(const std::string& name, bool random_timeouts, int steps) {
    constexpr std::size_t messages = 1'000'000;
    if (!wanted(messages)) {
        return;
    }
    constexpr nanoseconds step = longest / 1'000'000;
    add(
        "advance/" + name, {"+" + yardstick},
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
            const Beside other = yardstick_beside(100'000, 10);
            other.work();
            while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(messages))) {
                const double start = busy_seconds();
                for (int i = 0; i < steps; ++i) {
                    contender.clock().advance(2 * longest / steps);
                }
                const double between = busy_seconds();
                other.work();
                state.SetIterationTime(between - start);
                state.counters["+" + other.name] = (busy_seconds() - between) * 1e9 / 100'000;
            }
            if (queue.counts().visible != messages) {
                state.SkipWithError("not all leases ended");
            }
        },
        messages);
}

[[maybe_unused]] const bool registered = [] {
    for (const std::size_t outstanding : {1'000U, 100'000U, 1'000'000U}) {
        schedule_and_cancel(outstanding, true);
        schedule_and_cancel(outstanding, false);
    }
    expire(1'000'000);
    advance("default/1e6", false, 1);
    advance("default/1e6/in_1000_steps", false, 1'000);
    advance("random/1e6", true, 1);
    return true;
}();

}  // namespace
}  // namespace bench
