// SPDX-License-Identifier: MIT
#pragma once

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

// How everything here is measured.
//
// One iteration is one message, so that the times are per message. Times are stamped by hand around many messages:
// the library of benchmarks may have been built for debugging. A benchmark names the ones to compare it with in its
// label ("a|b"); the report divides, and knows the goals (report/goals.hpp). Only such ratios within one run mean
// something on a machine that is shared.
//
// Where it can be, what is compared takes turns in one benchmark (`take_turns`).
//
// A run of this program is one round: run.cmake makes many, and the report takes medians over them. So each round has
// its own addresses and its own place in time, and luck with either shows as spread.

namespace bench {

using Stamp = std::chrono::steady_clock::time_point;

[[nodiscard]] inline Stamp stamp() noexcept { return std::chrono::steady_clock::now(); }

/// What this thread has computed so far. For work of one thread it is better than the time of day: other programs on
/// the machine disturb it less.
[[nodiscard]] inline double busy_seconds() noexcept {
#if defined(CLOCK_THREAD_CPUTIME_ID)
    std::timespec time{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
#else
    return std::chrono::duration<double>(stamp().time_since_epoch()).count();
#endif
}

/// Whether this only proves that the benchmarks run: SQSIM_BENCH_QUICK=1.
[[nodiscard]] inline bool quick() {
    const char* const value = std::getenv("SQSIM_BENCH_QUICK");
    return value != nullptr && std::string_view{value} == "1";
}

/// Whether benchmarks with so many stored messages are to be run.
[[nodiscard]] inline bool wanted(std::size_t stored) { return !quick() || stored <= 10'000; }

/// Keeps a second thread alive: with only one, the C library takes short cuts in locks and reference counts that no
/// program with threads would see.
inline void keep_a_second_thread() {
    static std::mutex mutex;
    static std::condition_variable_any condition;
    static const std::jthread parked{[](const std::stop_token& stop) {
        std::unique_lock lock{mutex};
        condition.wait(lock, stop, [] { return false; });
    }};
}

/// Work that takes turns with that of a benchmark, to be divided by.
struct Beside {
    std::string name;
    std::function<void()> work;
};

[[nodiscard]] inline double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

/// Times `work`, which handles so many messages, in turns with others: what disturbs the machine for a while disturbs
/// all of them. Their times go along in counters, with a plus before the name.
template <class Work>
void take_turns(benchmark::State& state, std::size_t turns, std::size_t messages, Work work,
                const std::vector<Beside>& others) {
    keep_a_second_thread();
    turns = quick() ? 1 : turns;
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(turns * messages))) {
        std::vector<std::vector<double>> times(1 + others.size());
        for (std::size_t turn = 0; turn <= turns; ++turn) {
            for (std::size_t i = 0; i < times.size(); ++i) {
                const std::size_t which = (i + turn) % times.size();
                const double start = busy_seconds();
                which == 0 ? work() : others[which - 1].work();
                const double end = busy_seconds();
                if (turn != 0) {  // the first turn only warms up
                    times[which].push_back(end - start);
                }
            }
        }
        state.SetIterationTime(median(times[0]) * static_cast<double>(turns));
        for (std::size_t i = 0; i < others.size(); ++i) {
            state.counters["+" + others[i].name] = median(times[i + 1]) * 1e9 / static_cast<double>(messages);
        }
    }
}

/// A printable text of so many bytes.
[[nodiscard]] inline std::string text_of(std::size_t size) {
    std::string text(size, ' ');
    for (std::size_t i = 0; i < size; ++i) {
        text[i] = static_cast<char>('a' + i * 7 % 26);
    }
    return text;
}

/// What a consumer does at the least: it looks at the body.
inline void look_at(std::string_view body) noexcept {
    benchmark::DoNotOptimize(body.front());
    benchmark::DoNotOptimize(body.back());
}

/// Small, fast and good enough random numbers, the same in every run.
class Random {
public:
    explicit Random(std::uint64_t seed) noexcept : state_{seed} {}
    [[nodiscard]] std::uint64_t operator()() noexcept {
        std::uint64_t x = state_ += 0x9e37'79b9'7f4a'7c15U;
        x = (x ^ (x >> 30)) * 0xbf58'476d'1ce4'e5b9U;
        x = (x ^ (x >> 27)) * 0x94d0'49bb'1331'11ebU;
        return x ^ (x >> 31);
    }
    [[nodiscard]] std::uint64_t below(std::uint64_t bound) noexcept { return (*this)() % bound; }

private:
    std::uint64_t state_;
};

/// "1e6" for a power of ten, else the number.
[[nodiscard]] inline std::string magnitude(std::size_t number) {
    std::size_t rest = number;
    int digits = 0;
    while (rest >= 10 && rest % 10 == 0) {
        rest /= 10;
        ++digits;
    }
    return rest == 1 && digits >= 3 ? "1e" + std::to_string(digits) : std::to_string(number);
}

/// Registers a benchmark. `baselines` are names of others, or of what takes turns with it, with a plus. `messages`, if
/// given, is how many to measure in each repetition, for benchmarks whose preparation is long or whose messages cost
/// too much to repeat.
inline bool add(const std::string& name, const std::vector<std::string>& baselines,
                std::function<void(benchmark::State&)> run, std::size_t messages = 0) {
    std::string label;
    for (const std::string& baseline : baselines) {
        label += (label.empty() ? "" : "|") + (baseline.starts_with('+') ? name + baseline : baseline);
    }
    auto* const benchmark = benchmark::RegisterBenchmark(name.c_str(), [=](benchmark::State& state) {
        run(state);
        state.SetLabel(label);
    });
    benchmark->UseManualTime();
    if (quick()) {
        benchmark->Iterations(1);  // one call of what is measured, however many messages that is
    } else if (messages != 0) {
        benchmark->Iterations(static_cast<benchmark::IterationCount>(messages));
    }
    return true;
}

}  // namespace bench
