// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

// The records that travel through the queue, and just enough JSON to read and write them.

namespace donations {

/// Amounts of money are whole cents: they must add up exactly.
using Cents = std::int64_t;

struct Donation {
    std::string name{};
    std::string email{};
    Cents amount = 0;
};

[[nodiscard]] inline std::string to_decimal(Cents amount) {
    const std::string cents = std::to_string(amount % 100);
    return std::to_string(amount / 100) + (cents.size() == 1 ? ".0" : ".") + cents;
}

/// Reads JSON of one shape: objects with a name, an email and a donation, in this order, and arrays of them. Names have
/// no escape sequences, donations at most two decimals. Whatever else it meets is an error, with its position.
class RecordReader {
public:
    explicit RecordReader(std::string_view text) : text_{text} {}

    [[nodiscard]] std::vector<Donation> array() {
        std::vector<Donation> all;
        expect('[');
        do {
            all.push_back(record());
        } while (accept(','));
        expect(']');
        return all;
    }

    [[nodiscard]] Donation record() {
        Donation donation;
        expect('{');
        key("name");
        donation.name = string();
        expect(',');
        key("email");
        donation.email = string();
        expect(',');
        key("donation");
        donation.amount = amount();
        expect('}');
        return donation;
    }

    void end() {
        skip_space();
        if (position_ != text_.size()) {
            fail("the end");
        }
    }

private:
    void skip_space() { position_ = std::min(text_.find_first_not_of(" \t\r\n", position_), text_.size()); }

    [[nodiscard]] bool accept(char wanted) {
        skip_space();
        const bool found = position_ < text_.size() && text_[position_] == wanted;
        position_ += found ? 1 : 0;
        return found;
    }

    void expect(char wanted) {
        if (!accept(wanted)) {
            fail(std::string{'\'', wanted, '\''});
        }
    }

    void key(std::string_view wanted) {
        if (string() != wanted) {
            fail("a value for \"" + std::string{wanted} + '"');
        }
        expect(':');
    }

    [[nodiscard]] std::string string() {
        expect('"');
        const auto end = text_.find_first_of("\"\\", position_);
        if (end == std::string_view::npos || text_[end] == '\\') {
            fail("a string without escape sequences");
        }
        const auto begin = std::exchange(position_, end + 1);
        return std::string{text_.substr(begin, end - begin)};
    }

    [[nodiscard]] Cents amount() {
        skip_space();
        const Cents whole = digits();
        if (position_ == text_.size() || text_[position_] != '.') {
            return whole * 100;
        }
        const auto point = position_++;
        const Cents fraction = digits();
        switch (position_ - point) {
        case 2:
            return whole * 100 + fraction * 10;
        case 3:
            return whole * 100 + fraction;
        default:
            fail("cents");
        }
    }

    [[nodiscard]] Cents digits() {
        constexpr std::size_t most = 15;  // so that cents cannot overflow
        Cents value = 0;
        const char* const begin = text_.data() + position_;
        const auto [end, error] = std::from_chars(begin, text_.data() + text_.size(), value);
        const auto length = static_cast<std::size_t>(end - begin);
        if (error != std::errc{} || *begin == '-' || length > most) {
            fail("a number");
        }
        position_ += length;
        return value;
    }

    [[noreturn]] void fail(const std::string& expected) const {
        throw std::runtime_error{"expected " + expected + " at byte " + std::to_string(position_) + " of the records"};
    }

    std::string_view text_;
    std::size_t position_ = 0;
};

/// The record as the body of a message.
[[nodiscard]] inline std::string to_json(const Donation& donation) {
    return R"({"name": ")" + donation.name + R"(", "email": ")" + donation.email + R"(", "donation": )" +
           to_decimal(donation.amount) + '}';
}

[[nodiscard]] inline Donation parse_donation(std::string_view json) {
    RecordReader reader{json};
    Donation donation = reader.record();
    reader.end();
    return donation;
}

/// Errors: throws `std::runtime_error` if the file cannot be read or holds anything but an array of records.
[[nodiscard]] inline std::vector<Donation> load_donations(const std::string& path) {
    std::ifstream file{path};
    if (!file) {
        throw std::runtime_error{"cannot read " + path};
    }
    std::ostringstream text;
    text << file.rdbuf();
    const std::string json = std::move(text).str();
    RecordReader reader{json};
    std::vector<Donation> all = reader.array();
    reader.end();
    return all;
}

}  // namespace donations
