// SPDX-License-Identifier: MIT

// Every allocation of ordinary programs fails, one in each run. The call that needed it may throw; what it was to do
// has then not happened at all, and everything else goes on. At the end the queues are drained and compared with a
// model.

#include "catch.hpp"
#include "failing_programs.hpp"
#include "watched_memory.hpp"

#include "sqsim/detail/timer_wheel.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

TEST_CASE("a wheel gives its timers back in order when there is no memory left", "[failure]") {
    const std::uint64_t spread = GENERATE(std::uint64_t{3}, std::uint64_t{5'000}, std::uint64_t{1} << 50);
    sqsim::detail::TimerWheel wheel;
    std::vector<sqsim::detail::Timer> expected;
    std::uint64_t random = 1;
    for (std::uint32_t i = 0; i < 20'000; ++i) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        expected.push_back({failing::Nanos{static_cast<failing::Nanos::rep>((random >> 8) % spread)}, i, i, 0});
        wheel.push(expected.back());
    }
    std::sort(expected.begin(), expected.end());
    const bool fails = GENERATE(true, false);
    watched::allocations = 0;
    watched::fails_at = 1;
    watched::goes_on_failing = fails;
    watched::counting = fails;
    std::size_t wrong = 0;
    for (const sqsim::detail::Timer& next : expected) {
        const sqsim::detail::Timer* const timer = wheel.peek();
        wrong += timer == nullptr || timer->sequence != next.sequence ? 1U : 0U;
        wheel.pop();
    }
    watched::counting = false;
    watched::goes_on_failing = false;
    watched::fails_at = 0;
    CHECK(wrong == 0);
    CHECK(wheel.size() == 0);
}

TEMPLATE_TEST_CASE("whatever allocation fails, no message is lost, doubled or leaked", "[failure]",
                   (failing::StandardWorld<sqsim::NullMutex, std::string>),
                   (failing::StandardWorld<std::mutex, std::string>),
                   (failing::StandardWorld<sqsim::NullMutex, failing::Typed>),
                   (failing::StandardWorld<std::mutex, failing::Typed>),
                   (failing::FifoWorld<sqsim::NullMutex, std::string>), (failing::FifoWorld<std::mutex, std::string>),
                   (failing::FifoWorld<sqsim::NullMutex, failing::Typed>),
                   (failing::FifoWorld<std::mutex, failing::Typed>)) {
    for (const auto& program : failing::programs<TestType>()) {
        const std::size_t runs = failing::run_all(program, [&](std::uint64_t n, const failing::Problems& problems) {
            for (const std::string& problem : problems) {
                FAIL_CHECK(program.name << ", allocation " << n << ": " << problem);
            }
        });
        CHECK(runs > 5);
    }
}
