// SPDX-License-Identifier: MIT

// Catches a table that loses an entry when a neighbour is erased, confuses ids that collide, or keeps memory for what
// is gone.

#include "catch.hpp"

#include "sqsim/detail/fingerprint.hpp"
#include "sqsim/detail/index_table.hpp"
#include "sqsim/detail/rng.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <vector>

using sqsim::detail::Fingerprint;
using sqsim::detail::IndexTable;
using sqsim::detail::SplitMix;

namespace {

std::vector<Fingerprint> random_ids(std::size_t count, std::uint64_t seed) {
    SplitMix random{seed};
    std::vector<Fingerprint> ids(count);
    for (Fingerprint& id : ids) {
        id = {random.next(), random.next()};
    }
    return ids;
}

/// A table of `count` ids, against a plain list of which are in it.
bool behaves_like_model(const std::vector<Fingerprint>& ids, std::uint64_t seed, int period = 2000) {
    const auto id_of = [&](std::uint32_t number) -> const Fingerprint& { return ids[number]; };
    IndexTable table;
    std::vector<bool> model(ids.size(), false);
    std::size_t size = 0;
    SplitMix random{seed};
    for (int step = 0; step < 10 * period; ++step) {
        // Tends to fill for a while and then to empty.
        const auto number = random.below(static_cast<std::uint32_t>(ids.size()));
        const bool fill = random.below(10) < (step / period % 2 == 0 ? 8U : 2U);
        if (fill && !model[number]) {
            table.insert(ids[number], number, id_of);
            model[number] = true;
            ++size;
        } else if (!fill && model[number]) {
            table.erase(ids[number], id_of);
            table.shrink();
            model[number] = false;
            --size;
        }
        const auto other = random.below(static_cast<std::uint32_t>(ids.size()));
        if (table.find(ids[other], id_of) != (model[other] ? std::optional{other} : std::nullopt) ||
            table.size() != size) {
            return false;
        }
    }
    for (std::uint32_t number = 0; number < ids.size(); ++number) {
        if (table.find(ids[number], id_of).has_value() != model[number]) {
            return false;
        }
    }
    return true;
}

}  // namespace

TEST_CASE("An index table finds exactly what is in it", "[detail][index]") {
    CHECK(behaves_like_model(random_ids(3000, 1), 2));
    CHECK(behaves_like_model(random_ids(30'000, 1), 3, 50'000));  // many segments
}

TEST_CASE("An index table tells apart ids that collide in everything but one bit", "[detail][index]") {
    // The same home for all, wrapping around the end of the table, and the same tag for most.
    std::vector<Fingerprint> ids;
    for (std::uint64_t i = 0; i < 60; ++i) {
        ids.push_back({(i % 4) << 40 | 1, ~std::uint64_t{0} ^ (i / 4) << 56});
    }
    CHECK(behaves_like_model(ids, 3));
    // Neighbouring homes, so that runs overlap.
    ids.clear();
    for (std::uint64_t i = 0; i < 60; ++i) {
        ids.push_back({0, (i % 5 + 14) | (i / 5) << 32});
    }
    CHECK(behaves_like_model(ids, 4));
}

TEST_CASE("An index table grows and shrinks by little at a time", "[detail][index]") {
    const std::vector<Fingerprint> ids = random_ids(100'000, 6);
    const auto id_of = [&](std::uint32_t number) -> const Fingerprint& { return ids[number]; };
    IndexTable table;
    std::size_t largest = 0;
    const auto note = [&](std::size_t before) {
        largest = std::max(largest, std::max(before, table.bytes()) - std::min(before, table.bytes()));
    };
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
        const std::size_t before = table.bytes();
        table.insert(ids[i], i, id_of);
        note(before);
    }
    CHECK(table.bytes() > 2'000'000);
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
        const std::size_t before = table.bytes();
        table.erase(ids[i], id_of);
        table.shrink();
        note(before);
    }
    CHECK(table.bytes() < 5'000);
    CHECK(largest < 40'000);
}

TEST_CASE("An index table that is full of ids with the same bits refuses more", "[detail][index]") {
    std::vector<Fingerprint> ids;
    for (std::uint64_t i = 0; i < 10'000; ++i) {
        ids.push_back({i, i << 32 | 7});
    }
    const auto id_of = [&](std::uint32_t number) -> const Fingerprint& { return ids[number]; };
    IndexTable table;
    std::uint32_t count = 0;
    try {
        for (; count < ids.size(); ++count) {
            table.insert(ids[count], count, id_of);
        }
    } catch (const std::bad_alloc&) {
        CHECK(table.size() == count);
    }
    CHECK(count == 7 * 512);
    CHECK_THROWS_AS(table.insert(ids[count], count, id_of), std::bad_alloc);
    CHECK_FALSE(table.find(ids[count], id_of));
    ids[count] = {1, 1 << 9};  // of another segment
    CHECK(table.insert(ids[count], count, id_of) == count);
    table.erase(ids[count], id_of);
    for (std::uint32_t i = 0; i < count; ++i) {
        CHECK(table.find(ids[i], id_of) == i);
        table.erase(ids[i], id_of);
        table.shrink();
    }
    CHECK(table.size() == 0);
}

TEST_CASE("An index table gives memory back when its content goes", "[detail][index]") {
    const std::vector<Fingerprint> ids = random_ids(20'000, 5);
    const auto id_of = [&](std::uint32_t number) -> const Fingerprint& { return ids[number]; };
    IndexTable table;
    CHECK(table.bytes() == 0);
    for (std::uint32_t i = 0; i < ids.size(); ++i) {
        table.insert(ids[i], i, id_of);
    }
    const std::size_t full = table.bytes();
    for (std::uint32_t i = 10; i < ids.size(); ++i) {
        table.erase(ids[i], id_of);
        table.shrink();
    }
    CHECK(table.bytes() * 50 < full);
    for (std::uint32_t i = 0; i < 10; ++i) {
        CHECK(table.find(ids[i], id_of) == i);
        table.erase(ids[i], id_of);
    }
    CHECK(table.size() == 0);
    CHECK_FALSE(table.find(ids[0], id_of));
}
