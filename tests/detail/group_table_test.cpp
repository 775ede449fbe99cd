// SPDX-License-Identifier: MIT

// Catches groups that share a number or keep another's content when numbers are used again.

#include "catch.hpp"

#include "sqsim/detail/group_table.hpp"
#include "sqsim/detail/rng.hpp"

#include <cstdint>
#include <map>
#include <set>
#include <string>

using sqsim::detail::GroupTable;
using sqsim::detail::SplitMix;

TEST_CASE("A group table is a map from ids to numbers that stay while the group is in use", "[detail][groups]") {
    GroupTable<int> table;
    std::map<std::string, std::uint32_t> model;
    SplitMix random{1};
    bool same = true;
    for (int step = 0; step < 20'000 && same; ++step) {
        const std::string id = "group-" + std::to_string(random.below(300));
        const auto known = model.find(id);
        if (random.below(10) < (step / 2000 % 2 == 0 ? 7U : 2U)) {
            const std::uint32_t number = table.find_or_create(id);
            if (known != model.end()) {
                same = number == known->second && table[number] == static_cast<int>(number) + 1;
            } else {
                same = table[number] == 0;  // nothing of an earlier group
                table[number] = static_cast<int>(number) + 1;
                model.emplace(id, number);
            }
        } else if (known != model.end()) {
            table.erase(known->second);
            same = !table.contains(known->second);
            model.erase(known);
        }
        same = same && table.size() == model.size();
    }
    CHECK(same);
    std::set<std::uint32_t> numbers;
    for (const auto& [id, number] : model) {
        CHECK(table.contains(number));
        numbers.insert(number);
    }
    CHECK(numbers.size() == model.size());
    std::set<std::uint32_t> visited;
    table.for_each([&](std::uint32_t number) { visited.insert(number); });
    CHECK(visited == numbers);
}

TEST_CASE("A crowd of groups may come and go", "[detail][groups]") {
    GroupTable<int> table;
    for (int round = 0; round < 3; ++round) {
        for (std::uint32_t i = 0; i < 1000; ++i) {
            table[table.find_or_create(std::to_string(i))] = static_cast<int>(i) + 1;
        }
        bool same = true;
        for (std::uint32_t j = 0; j < 1000; ++j) {
            const std::uint32_t i = round == 2 ? j * 7 % 1000 : j;  // also in another order
            const std::uint32_t number = table.find_or_create(std::to_string(i));
            same = same && table[number] == static_cast<int>(i) + 1;
            table.erase(number);
        }
        CHECK(same);
        CHECK(table.size() == 0);
    }
}
