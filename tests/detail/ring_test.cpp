// SPDX-License-Identifier: MIT

// Catches a ring that loses or reorders entries when it grows, wraps, is compacted or cleared at a chunk's border,
// or that moves a cursor off its entry.

#include "catch.hpp"

#include "sqsim/detail/ring.hpp"
#include "sqsim/detail/rng.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

using sqsim::detail::Ring;
using sqsim::detail::SplitMix;

namespace {

bool same(const Ring<std::uint32_t>& ring, const std::deque<std::uint32_t>& model) {
    if (ring.size() != model.size() || ring.empty() != model.empty()) {
        return false;
    }
    for (std::size_t i = 0; i < model.size(); ++i) {
        if (ring[ring.begin_position() + i] != model[i]) {
            return false;
        }
    }
    return model.empty() || (ring.front() == model.front() && ring.back() == model.back());
}

}  // namespace

TEST_CASE("A ring is a deque whose positions do not change", "[detail][ring]") {
    Ring<std::uint32_t> ring;
    std::deque<std::uint32_t> model;
    std::uint64_t begin = 0;
    SplitMix random{1};
    std::uint32_t next = 0;
    bool all_same = true;
    for (int phase = 0; phase < 200 && all_same; ++phase) {
        const std::uint32_t pushes = random.below(300);
        for (std::uint32_t i = 0; i < pushes; ++i) {
            ring.push_back(next);
            model.push_back(next++);
        }
        for (std::uint32_t pops = random.below(350); pops != 0 && !model.empty(); --pops) {
            ring.pop_front();
            model.pop_front();
            ++begin;
        }
        all_same = same(ring, model) && ring.begin_position() == begin && ring.end_position() == begin + model.size();
    }
    CHECK(all_same);
}

TEST_CASE("A ring that breathes by one entry keeps it, across chunk borders", "[detail][ring]") {
    Ring<std::uint32_t> ring;
    bool kept = true;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        ring.push_back(i);
        kept = kept && ring.front() == i && ring.back() == i && ring.size() == 1;
        ring.pop_front();
        kept = kept && ring.empty();
    }
    CHECK(kept);
}

TEST_CASE("Compacting keeps the order of what is kept, and the cursor in front of the same entry", "[detail][ring]") {
    SplitMix random{2};
    bool all_same = true;
    bool cursor_right = true;
    for (int round = 0; round < 500; ++round) {
        Ring<std::uint32_t> ring;
        std::deque<std::uint32_t> model;
        const std::uint32_t skipped = random.below(200);
        for (std::uint32_t i = 0; i < skipped; ++i) {
            ring.push_back(0);
            ring.pop_front();
        }
        const std::uint32_t size = random.below(300);
        for (std::uint32_t i = 0; i < size; ++i) {
            ring.push_back(i);
            model.push_back(i);
        }
        const std::uint32_t seen = random.below(size + 1);  // entries in front of the cursor
        std::uint64_t cursor = ring.begin_position() + seen;
        const std::uint32_t modulus = 1 + random.below(5);
        const auto keep = [&](std::uint32_t value) { return value % modulus == 0; };

        ring.compact(keep, cursor);

        std::erase_if(model, [&](std::uint32_t value) { return !keep(value); });
        const auto kept_before_cursor =
            static_cast<std::uint64_t>(std::count_if(model.begin(), model.end(), [&](auto v) { return v < seen; }));
        cursor_right = cursor_right && cursor == ring.begin_position() + kept_before_cursor;
        all_same = all_same && same(ring, model);
        for (std::uint32_t i = 0; i < 100; ++i) {  // and goes on as before
            ring.push_back(i);
            model.push_back(i);
        }
        all_same = all_same && same(ring, model);
        ring.compact([](std::uint32_t) { return false; });
        all_same = all_same && ring.empty();
    }
    CHECK(all_same);
    CHECK(cursor_right);
}

TEST_CASE("A cleared ring is empty and usable, whatever its positions were", "[detail][ring]") {
    for (const std::uint32_t size : {0U, 1U, 63U, 64U, 65U, 128U, 200U}) {
        for (const std::uint32_t popped : {0U, 1U, 63U, 64U, 65U, 200U}) {
            Ring<std::uint32_t> ring;
            for (std::uint32_t i = 0; i < size; ++i) {
                ring.push_back(i);
            }
            for (std::uint32_t i = 0; i < std::min(popped, size); ++i) {
                ring.pop_front();
            }
            ring.clear();
            CHECK(ring.empty());
            std::deque<std::uint32_t> model;
            for (std::uint32_t i = 0; i < 150; ++i) {
                ring.push_back(i);
                model.push_back(i);
            }
            CHECK(same(ring, model));
        }
    }
}
