// SPDX-License-Identifier: MIT
// Catches a UTF-8 check that is wrong at a border, or only at some place of a long text (it looks at eight bytes at a
// time), a SHA-256 that is wrong at a block border, and durations that read wrongly in the service's texts.

#include "catch.hpp"
#include "sqsim/detail/sha256.hpp"
#include "sqsim/detail/text.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

using namespace std::chrono_literals;
using namespace std::string_literals;
using sqsim::detail::has_only_allowed_characters;
using sqsim::detail::is_attribute_name;
using sqsim::detail::is_identifier;
using sqsim::detail::seconds_text;
using sqsim::detail::Sha256;

namespace {

/// A code point in the bytes that UTF-8 has for it, also where it must not be used.
std::string encode(std::uint32_t point) {
    const auto byte = [](std::uint32_t value) { return static_cast<char>(static_cast<unsigned char>(value)); };
    if (point < 0x80) {
        return {byte(point)};
    }
    if (point < 0x800) {
        return {byte(0xC0 | point >> 6), byte(0x80 | (point & 0x3F))};
    }
    if (point < 0x10000) {
        return {byte(0xE0 | point >> 12), byte(0x80 | (point >> 6 & 0x3F)), byte(0x80 | (point & 0x3F))};
    }
    return {byte(0xF0 | point >> 18), byte(0x80 | (point >> 12 & 0x3F)), byte(0x80 | (point >> 6 & 0x3F)),
            byte(0x80 | (point & 0x3F))};
}

/// The rule's own words (R42).
bool is_allowed(std::uint32_t point) {
    return point == 0x9 || point == 0xA || point == 0xD || (point >= 0x20 && point <= 0xD7FF) ||
           (point >= 0xE000 && point <= 0xFFFD) || (point >= 0x10000 && point <= 0x10FFFF);
}

const std::vector<std::uint32_t> borders{
    0x0,    0x1,    0x8,    0x9,     0xA,     0xB,     0xC,     0xD,      0xE,      0x13,     0x1F,     0x20,    0x21,
    0x7E,   0x7F,   0x80,   0x7FF,   0x800,   0xFFF,   0x1000,  0xD7FF,   0xD800,   0xDBFF,   0xDC00,   0xDFFF,  0xE000,
    0xFFFD, 0xFFFE, 0xFFFF, 0x10000, 0x1FFFE, 0x1FFFF, 0xFFFFF, 0x100000, 0x10FFFF, 0x110000, 0x13FFFF, 0x1FFFFF};

// Bytes that are no UTF-8, each cut or spoilt in one way.
const std::vector<std::string> malformed{"\x80",
                                         "\xBF",
                                         "\xC3",
                                         "\xC3("s,
                                         "\xE2\x82",
                                         "\xE2\x82(",
                                         "\xE2(\xAC",
                                         "\xF0\x9F\x98",
                                         "\xF0\x9F\x98(",
                                         "\xF0\x9F(\x80",
                                         "\xF0(\x98\x80",
                                         "\xC0\x80",
                                         "\xC0\xAF",
                                         "\xC1\xBF",
                                         "\xE0\x80\x80",
                                         "\xE0\x9F\xBF",
                                         "\xF0\x80\x80\x80",
                                         "\xF0\x8F\xBF\xBF",
                                         "\xF5\x80\x80\x80",
                                         "\xF8\x88\x80\x80\x80",
                                         "\xFC\x84\x80\x80\x80\x80",
                                         "\xFE",
                                         "\xFF",
                                         "\xC3\xA9\xA9"};

/// Whether a part is judged alike at every place of a long text, at its very end included.
std::string judge_everywhere(const std::string& part, bool expected, char filler) {
    for (std::size_t before = 0; before <= 33; ++before) {
        for (std::size_t after = 0; after <= 17; ++after) {
            const std::string text = std::string(before, filler) + part + std::string(after, filler);
            if (has_only_allowed_characters(text) != expected) {
                return "wrong with " + std::to_string(before) + " bytes before and " + std::to_string(after) + " after";
            }
        }
    }
    return "right";
}

/// Bytes 0, 1, 2 … 250, 0, 1 …
std::string counting(std::size_t size) {
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text.push_back(static_cast<char>(static_cast<unsigned char>(i % 251)));
    }
    return text;
}

}  // namespace

TEST_CASE("R42: every code point is judged as the rule says", "[text]") {
    std::vector<std::uint32_t> wrong;
    for (std::uint32_t point = 0; point <= 0x11FFFF; ++point) {
        if (has_only_allowed_characters(encode(point)) != is_allowed(point)) {
            wrong.push_back(point);
        }
    }
    CHECK(wrong == std::vector<std::uint32_t>{});
}

TEST_CASE("R42: a border is judged alike at every place of a long text", "[text]") {
    for (const std::uint32_t point : borders) {
        CAPTURE(point);
        for (const char filler : {' ', 'x', '~', '\x7F', '\n'}) {
            CHECK(judge_everywhere(encode(point), is_allowed(point), filler) == "right");
        }
    }
}

TEST_CASE("R42: two borders in a row do not hide each other", "[text]") {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> wrong;
    for (const std::uint32_t a : borders) {
        for (const std::uint32_t b : borders) {
            const bool expected = is_allowed(a) && is_allowed(b);
            for (std::size_t before = 0; before < 9; ++before) {
                const std::string text = std::string(before, ' ') + encode(a) + encode(b) + std::string(20, 'x');
                if (has_only_allowed_characters(text) != expected) {
                    wrong.emplace_back(a, b);
                }
            }
        }
    }
    CHECK(wrong.empty());
}

TEST_CASE("R42: what is no UTF-8 is refused at every place", "[text]") {
    for (const auto& bytes : malformed) {
        CAPTURE(bytes);
        CHECK(judge_everywhere(bytes, false, 'x') == "right");
    }
}

TEST_CASE("R42: every byte is judged alike at every place of eight", "[text]") {
    for (int value = 0; value < 0x80; ++value) {
        const bool expected = is_allowed(static_cast<std::uint32_t>(value));
        for (std::size_t at = 0; at < 16; ++at) {
            for (const char filler : {' ', '\x7F'}) {
                std::string text(16, filler);
                text[at] = static_cast<char>(value);
                if (has_only_allowed_characters(text) != expected) {
                    FAIL_CHECK("byte " << value << " at " << at);
                }
            }
        }
    }
    CHECK(has_only_allowed_characters(""));
    CHECK(has_only_allowed_characters(std::string(1'000'000, 'x')));
    CHECK_FALSE(has_only_allowed_characters(std::string(999'999, 'x') + '\x01'));
}

TEST_CASE("R51: an identifier is 1 to 128 printable characters without a space", "[text]") {
    CHECK_FALSE(is_identifier(""));
    CHECK(is_identifier(std::string(128, '~')));
    CHECK_FALSE(is_identifier(std::string(129, '~')));
    for (int value = 0; value < 256; ++value) {
        const std::string id(1, static_cast<char>(static_cast<unsigned char>(value)));
        CAPTURE(value);
        CHECK(is_identifier(id) == (value >= 0x21 && value <= 0x7E));
        CHECK(is_identifier("id" + id + "id") == (value >= 0x21 && value <= 0x7E));
    }
}

TEST_CASE("R55: the characters of an attribute name", "[text]") {
    for (int value = 0; value < 0x80; ++value) {
        const char c = static_cast<char>(value);
        const bool expected = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
                              c == '-' || c == '.';
        CAPTURE(value);
        CHECK(is_attribute_name(std::string(1, c)) == expected);
        CHECK(is_attribute_name("name" + std::string(1, c)) == expected);
        CHECK(is_attribute_name("\xC3\xB8" + std::string(1, c) + "\xC3\xA4") == expected);
    }
    for (const auto& bytes : malformed) {
        CAPTURE(bytes);
        CHECK_FALSE(is_attribute_name("a" + bytes));
        CHECK_FALSE(is_attribute_name("a" + bytes + "z"));
    }
}

TEST_CASE("R55: choice: beyond ASCII a name has letters, marks and decimal digits", "[text]") {
    // Of several scripts.
    for (const std::uint32_t letter :
         {0xAAU,   0xB5U,   0xBAU,   0xC0U,   0xD6U,   0xD8U,    0xF6U,    0xF8U,    0xFFU,   0x100U,
          0x301U,  0x3B1U,  0x416U,  0x5D0U,  0x661U,  0x905U,   0x93EU,   0x966U,   0xE01U,  0x10D0U,
          0x13A0U, 0x1E9EU, 0x2071U, 0x2C00U, 0x3005U, 0x3042U,  0x4E00U,  0x4E2DU,  0x9FFFU, 0xAC00U,
          0xD55CU, 0xD7A3U, 0xFB01U, 0xFF10U, 0xFF21U, 0x10000U, 0x1D400U, 0x1D7CEU, 0x20000U}) {
        CAPTURE(letter);
        CHECK(is_attribute_name("a" + encode(letter) + "z"));
    }
    // Signs of Latin-1, punctuation, symbols, other numbers, separators, controls, private use, what is not assigned.
    for (const std::uint32_t sign :
         {0x80U,    0xA0U,    0xA7U,    0xA9U,    0xABU,    0xADU,    0xB2U,    0xB4U,     0xB6U,    0xB9U,   0xBBU,
          0xBDU,    0xBFU,    0xD7U,    0xF7U,    0x2C2U,   0x37EU,   0x3F6U,   0x589U,    0x60CU,   0x964U,  0xE3FU,
          0x1680U,  0x200BU,  0x200DU,  0x200EU,  0x2013U,  0x2026U,  0x203FU,  0x20ACU,   0x2160U,  0x2192U, 0x2211U,
          0x2460U,  0x2605U,  0x2764U,  0x2E2EU,  0x3000U,  0x3002U,  0x3007U,  0x3012U,   0x4DC0U,  0xA4A2U, 0xE000U,
          0xF8FFU,  0xFD3EU,  0xFDD0U,  0xFDEFU,  0xFEFFU,  0xFF01U,  0xFFE5U,  0xFFFCU,   0xFFFDU,  0xFFFEU, 0xFFFFU,
          0x10100U, 0x1D11EU, 0x1F600U, 0x1F980U, 0x1FFFEU, 0xE0001U, 0xF0000U, 0x10FFFDU, 0x10FFFFU}) {
        CAPTURE(sign);
        CHECK_FALSE(is_attribute_name("a" + encode(sign) + "z"));
    }
}

TEST_CASE("R42, R55: no character is good in an attribute name and bad in a body", "[text]") {
    std::vector<std::uint32_t> wrong;
    std::size_t good = 0;
    for (std::uint32_t point = 0; point <= 0x11FFFF; ++point) {
        const std::string text = encode(point);
        const bool is_in_name = is_attribute_name(text);
        good += is_in_name ? 1U : 0U;
        if (is_in_name && !has_only_allowed_characters(text)) {
            wrong.push_back(point);
        }
    }
    CHECK(wrong == std::vector<std::uint32_t>{});
    CHECK(good == 134827);  // the letters, marks and decimal digits of Unicode 14, and the three other signs
}

TEST_CASE("R85: a duration reads as the service writes seconds", "[text]") {
    CHECK(seconds_text(0s) == "0");
    CHECK(seconds_text(1s) == "1");
    CHECK(seconds_text(-1s) == "-1");
    CHECK(seconds_text(43'201s) == "43201");
    CHECK(seconds_text(1'209'600s) == "1209600");
    CHECK(seconds_text(500ms) == "0.5");
    CHECK(seconds_text(-500ms) == "-0.5");
    CHECK(seconds_text(-1500ms) == "-1.5");
    CHECK(seconds_text(1050ms) == "1.05");
    CHECK(seconds_text(1ns) == "0.000000001");
    CHECK(seconds_text(-1ns) == "-0.000000001");
    CHECK(seconds_text(900s + 1ns) == "900.000000001");
    CHECK(seconds_text(10s + 100'000'000ns) == "10.1");
    CHECK(seconds_text(std::chrono::nanoseconds::max()) == "9223372036.854775807");
    CHECK(seconds_text(std::chrono::nanoseconds::min()) == "-9223372036.854775808");
}

TEST_CASE("R151: SHA-256 gives the digests of FIPS 180", "[text][sha256]") {
    CHECK(Sha256::hex("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(Sha256::hex("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(Sha256::hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(Sha256::hex(
              "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmno"
              "pqrstnopqrstu") == "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    CHECK(Sha256::hex(std::string(1'000'000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("R151: SHA-256 is right on both sides of every padding and block border", "[text][sha256]") {
    // Computed with another implementation over the bytes of `counting`.
    const std::vector<std::pair<std::size_t, std::string>> digests{
        {1, "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"},
        {55, "463eb28e72f82e0a96c0a4cc53690c571281131f672aa229e0d45ae59b598b59"},
        {56, "da2ae4d6b36748f2a318f23e7ab1dfdf45acdc9d049bd80e59de82a60895f562"},
        {57, "2fe741af801cc238602ac0ec6a7b0c3a8a87c7fc7d7f02a3fe03d1c12eac4d8f"},
        {63, "29af2686fd53374a36b0846694cc342177e428d1647515f078784d69cdb9e488"},
        {64, "fdeab9acf3710362bd2658cdc9a29e8f9c757fcf9811603a8c447cd1d9151108"},
        {65, "4bfd2c8b6f1eec7a2afeb48b934ee4b2694182027e6d0fc075074f2fabb31781"},
        {111, "60780e9451bdc43cf4530ffc95cbb0c4eb24dae2c39f55f334d679e076c08065"},
        {112, "09373f127d34e61dbbaa8bc4499c87074f2ddb10e1b465f506d7d70a15011979"},
        {119, "da18797ed7c3a777f0847f429724a2d8cd5138e6ed2895c3fa1a6d39d18f7ec6"},
        {120, "f52b23db1fbb6ded89ef42a23ce0c8922c45f25c50b568a93bf1c075420bbb7c"},
        {127, "92ca0fa6651ee2f97b884b7246a562fa71250fedefe5ebf270d31c546bfea976"},
        {128, "471fb943aa23c511f6f72f8d1652d9c880cfa392ad80503120547703e56a2be5"},
        {129, "5099c6a56203f9687f7d33f4bfdf576d31dc91f6b695ecea38b2770c87631135"},
        {1000, "4e4c294b331f7a2099a379bec34b9f9fc03dc46ab465d998f4d683da53487e6d"}};
    for (const auto& [size, digest] : digests) {
        CAPTURE(size);
        CHECK(Sha256::hex(counting(size)) == digest);
    }
}
