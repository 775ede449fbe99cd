// SPDX-License-Identifier: MIT

// Catches keys that depend on how they were made, and ids that are found good or bad by mistake on the way.

#include "catch.hpp"

#include "sqsim/detail/fifo_keys.hpp"

#include <cstddef>
#include <string>

using sqsim::DeduplicationScope;
using sqsim::detail::FifoKeys;
using sqsim::detail::KeyMaker;

namespace {

std::string id_of(std::size_t size) {
    std::string id;
    for (std::size_t i = 0; i < size; ++i) {
        id.push_back(static_cast<char>('!' + (i * 7 + size) % 94));
    }
    return id;
}

bool same(const FifoKeys& a, const FifoKeys& b) { return a.group == b.group && a.deduplication == b.deduplication; }

}  // namespace

TEST_CASE("R51, R153: keys are the same however they are made, for good ids of every size", "[detail][fifo]") {
    for (const auto scope : {DeduplicationScope::queue, DeduplicationScope::message_group}) {
        KeyMaker maker{scope};
        bool all_same = true;
        for (std::size_t size = 1; size <= 128; ++size) {
            const std::string group_id = id_of(size);
            const std::string id = id_of(129 - size);
            all_same = all_same && same(maker.make(group_id, id), FifoKeys::of(scope, group_id, id));
        }
        CHECK(all_same);
        CHECK(maker.all_good());
    }
}

TEST_CASE("R51: one bad id among many is found, wherever the bad character is", "[detail][fifo]") {
    const auto is_good = [](const std::string& id) {
        KeyMaker by_group{DeduplicationScope::queue};
        KeyMaker by_id{DeduplicationScope::queue};
        static_cast<void>(by_group.make(id, "id"));
        static_cast<void>(by_group.make("group", "another"));
        static_cast<void>(by_id.make("group", id));
        static_cast<void>(by_id.make(id_of(30), id_of(40)));
        REQUIRE(by_group.all_good() == by_id.all_good());
        return by_group.all_good();
    };
    CHECK_FALSE(is_good(""));
    CHECK_FALSE(is_good(id_of(129)));
    CHECK_FALSE(is_good(id_of(1000)));
    for (const std::size_t size : {1U, 7U, 8U, 15U, 16U, 17U, 31U, 33U, 64U, 127U, 128U}) {
        CHECK(is_good(id_of(size)));
        for (std::size_t place = 0; place < size; ++place) {
            for (const char bad : {' ', '\x7f', '\0', '\x1f', '\x80', '\xff'}) {
                std::string id = id_of(size);
                id[place] = bad;
                REQUIRE_FALSE(is_good(id));
            }
        }
    }
}
