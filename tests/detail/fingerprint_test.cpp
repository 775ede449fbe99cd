// SPDX-License-Identifier: MIT

// Catches a fingerprint that ignores a part of the text, its length or its scope.

#include "catch.hpp"

#include "sqsim/detail/fingerprint.hpp"

#include <bit>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <utility>

using sqsim::detail::Fingerprint;
using sqsim::detail::fingerprint;

namespace {

using Key = std::pair<std::uint64_t, std::uint64_t>;
Key key(const Fingerprint& print) { return {print.high, print.low}; }

int distance(const Fingerprint& a, const Fingerprint& b) {
    return std::popcount(a.high ^ b.high) + std::popcount(a.low ^ b.low);
}

}  // namespace

TEST_CASE("Equal texts have equal fingerprints, wherever they lie", "[detail][fingerprint]") {
    const std::string padded = "xxorder-1234567890";
    for (std::size_t size = 0; size <= 16; ++size) {
        CHECK(fingerprint(std::string_view{padded}.substr(2, size)) == fingerprint(std::string{padded, 2, size}));
    }
    static_assert(noexcept(fingerprint("")));
}

TEST_CASE("Different texts have different fingerprints, in both halves", "[detail][fingerprint]") {
    std::set<Key> prints;
    std::set<std::uint64_t> high;
    std::set<std::uint64_t> low;
    std::size_t texts = 0;
    const auto add = [&](std::string_view text) {
        const Fingerprint print = fingerprint(text);
        prints.insert(key(print));
        high.insert(print.high);
        low.insert(print.low);
        ++texts;
    };
    for (int i = 0; i < 20'000; ++i) {
        add(std::to_string(i));
        add("group-" + std::to_string(i));
    }
    for (std::size_t size = 0; size <= 300; ++size) {  // only the length differs
        add(std::string(size, '\0'));
    }
    for (std::size_t size = 1; size <= 300; ++size) {
        add(std::string(size, 'a'));
    }
    CHECK(prints.size() == texts);
    CHECK(high.size() == texts);
    CHECK(low.size() == texts);
}

TEST_CASE("Every bit of a text moves about half of its fingerprint", "[detail][fingerprint]") {
    for (const std::size_t size : {1U, 7U, 8U, 9U, 16U, 100U, 128U}) {
        const std::string text(size, 'q');
        int total = 0;
        int flips = 0;
        for (std::size_t i = 0; i < size; ++i) {
            for (unsigned bit = 0; bit < 8; ++bit) {
                std::string other = text;
                other[i] = static_cast<char>(static_cast<unsigned char>(other[i]) ^ 1U << bit);
                const int moved = distance(fingerprint(text), fingerprint(other));
                REQUIRE(moved > 20);
                total += moved;
                ++flips;
            }
        }
        CHECK(total / flips >= 56);
        CHECK(total / flips <= 72);
    }
}

TEST_CASE("R153: a scope keeps equal texts apart", "[detail][fingerprint]") {
    std::set<Key> prints;
    for (int scope = 0; scope < 200; ++scope) {
        for (int text = 0; text < 50; ++text) {
            prints.insert(key(fingerprint(std::to_string(text), fingerprint(std::to_string(scope)))));
        }
    }
    CHECK(prints.size() == 10'000);
    CHECK(fingerprint("id", fingerprint("group")) != fingerprint("group", fingerprint("id")));
}
