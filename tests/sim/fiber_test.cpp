// SPDX-License-Identifier: MIT
#include "catch.hpp"

#include <sqsim/sim/detail/fiber.hpp>

#include <optional>
#include <vector>

using namespace sqsim;
using sim::detail::Fiber;

namespace {

struct Steps {
    Fiber* fiber;
    std::vector<int> done{};
    const volatile char* local = nullptr;
};

void two_steps(void* argument) {
    auto& steps = *static_cast<Steps*>(argument);
    volatile char local[64] = {};
    steps.local = local;
    steps.done.push_back(1);
    steps.fiber->suspend();
    steps.done.push_back(3);
}

}  // namespace

TEST_CASE("a fiber stands still where it suspends itself and goes on from there", "[sim][fiber]") {
    Fiber fiber;
    Steps steps{&fiber};
    fiber.start(&two_steps, &steps);
    CHECK(fiber.resume());
    steps.done.push_back(2);
    CHECK_FALSE(fiber.resume());
    CHECK(steps.done == std::vector{1, 2, 3});
}

TEST_CASE("the smallest stack has room for a call", "[sim][fiber]") {
    Fiber fiber{0};
    Steps steps{&fiber};
    fiber.start(&two_steps, &steps);
    CHECK(fiber.resume());
    CHECK_FALSE(fiber.resume());
}

#if SQSIM_ASAN
TEST_CASE("frames that were given up leave no mark where other memory may be mapped", "[sim][fiber]") {
    std::optional<Fiber> fiber{std::in_place};
    Steps steps{&*fiber};
    fiber->start(&two_steps, &steps);
    REQUIRE(fiber->resume());
    char* const redzone = const_cast<char*>(steps.local) - 32;
    REQUIRE(__asan_region_is_poisoned(redzone, 32) == redzone);
    fiber.reset();
    CHECK(__asan_region_is_poisoned(redzone, 32) == nullptr);
}
#endif
