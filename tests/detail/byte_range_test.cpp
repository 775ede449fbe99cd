// SPDX-License-Identifier: MIT

// Catches a byte out of the range that is overlooked, wherever it lies, and one in the range that is not.

#include "catch.hpp"

#include "sqsim/detail/byte_range.hpp"

#include <cstddef>
#include <string>

using sqsim::detail::ByteRange;

namespace {

/// Whether a range judges each byte right at each place of texts of many sizes.
template <unsigned char Lowest, unsigned char Highest>
bool judges_each_byte() {
    bool right = true;
    for (std::size_t size = 16; size <= 70; ++size) {
        for (std::size_t place = 0; place < size; ++place) {
            for (int byte = 0; byte < 256; byte += size == 16 || byte % 16 > 13 || byte % 16 < 2 ? 1 : 5) {
                std::string text(size, static_cast<char>(Lowest));
                text[place] = static_cast<char>(byte);
                ByteRange<Lowest, Highest> range;
                range.look_at_all(text);
                right = right && range.has_seen_others() == (byte < Lowest || byte > Highest);
            }
        }
    }
    return right;
}

}  // namespace

TEST_CASE("A byte range sees every byte that is not in it", "[detail][text]") {
    CHECK(judges_each_byte<0x20, 0x7F>());
    CHECK(judges_each_byte<0x21, 0x7E>());
}

TEST_CASE("A byte range remembers what it has seen in earlier texts", "[detail][text]") {
    ByteRange<0x21, 0x7E> range;
    CHECK_FALSE(range.has_seen_others());
    range.look_at_all("all-of-this-is-good");
    CHECK_FALSE(range.has_seen_others());
    range.look_at_all("this one has spaces");
    range.look_at_all("all-of-this-is-good");
    CHECK(range.has_seen_others());
}
