// SPDX-License-Identifier: MIT

// Catches a ready list that hands out messages out of order, drops one that came out of order, or forgets what it
// should keep.

#include "catch.hpp"

#include "sqsim/detail/ready_list.hpp"
#include "sqsim/detail/rng.hpp"

#include <cstdint>
#include <map>
#include <vector>

using sqsim::detail::Ready;
using sqsim::detail::ReadyList;
using sqsim::detail::SplitMix;

TEST_CASE("A ready list hands out by order, however the entries came", "[detail][ready]") {
    for (std::uint64_t seed = 0; seed < 30; ++seed) {
        INFO("seed " << seed);
        SplitMix random{seed};
        ReadyList list;
        std::map<std::uint64_t, std::uint32_t> model;
        std::uint64_t next = 1000;
        bool same = true;
        for (std::uint32_t i = 0; i < 2000; ++i) {
            // Mostly in order, some far earlier.
            const std::uint64_t order = random.below(4) == 0 ? next - random.below(1000) : ++next;
            if (model.emplace(order, i).second) {
                list.push({order, i, i + 1, i % 2 == 0});
            }
            for (std::uint32_t pops = random.below(3); pops != 0 && !model.empty(); --pops) {
                const Ready* first = list.peek();
                REQUIRE(first != nullptr);
                const std::uint32_t slot = model.begin()->second;
                same = same && first->order == model.begin()->first && first->slot == slot &&
                       first->generation == slot + 1 && first->duplicate == (slot % 2 == 0);
                list.pop();
                model.erase(model.begin());
            }
            same = same && list.size() == model.size() && list.empty() == model.empty();
        }
        CHECK(same);
    }
}

TEST_CASE("A ready list removes what is refused from both of its parts", "[detail][ready]") {
    ReadyList list;
    for (std::uint32_t i = 0; i < 300; ++i) {
        list.push({1000 + i, i, 0, false});
        list.push({999 - i, 300 + i, 0, false});
    }
    list.remove_unless([](const Ready& ready) { return ready.order % 7 == 0; });
    std::vector<std::uint64_t> expected;
    for (std::uint64_t order = 700; order < 1300; ++order) {
        if (order % 7 == 0) {
            expected.push_back(order);
        }
    }
    CHECK(list.size() == expected.size());
    std::vector<std::uint64_t> got;
    while (const Ready* first = list.peek()) {
        got.push_back(first->order);
        list.pop();
    }
    CHECK(got == expected);

    list.push({5, 0, 0, false});
    list.push({4, 0, 0, false});
    list.clear();
    CHECK(list.empty());
    CHECK(list.peek() == nullptr);
}
