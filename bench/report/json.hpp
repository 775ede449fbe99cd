// SPDX-License-Identifier: MIT
#pragma once

#include <cctype>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace report {

/// As much of JSON as the files of benchmarks need. A value is text, a number, or has members; an array's members
/// have no names.
struct Json {
    std::string text{};
    double number = 0;
    std::vector<std::pair<std::string, Json>> members{};

    [[nodiscard]] const Json* find(std::string_view name) const {
        for (const auto& [member, value] : members) {
            if (member == name) {
                return &value;
            }
        }
        return nullptr;
    }
    [[nodiscard]] std::string text_of(std::string_view name) const {
        const Json* value = find(name);
        return value == nullptr ? std::string{} : value->text;
    }
    [[nodiscard]] std::optional<double> number_of(std::string_view name) const {
        const Json* value = find(name);
        return value == nullptr ? std::nullopt : std::optional{value->number};
    }
};

class JsonParser {
public:
    explicit JsonParser(std::string_view text) : text_{text} {}

    [[nodiscard]] Json parse() {
        Json value = parse_value();
        if (next() != '\0') {
            fail();
        }
        return value;
    }

private:
    [[nodiscard]] Json parse_value() {
        Json value;
        switch (next()) {
        case '{':
        case '[':
            parse_members(value);
            break;
        case '"':
            value.text = parse_text();
            break;
        default:
            parse_word(value);
        }
        return value;
    }

    void parse_members(Json& value) {
        const bool named = text_[at_++] == '{';
        const char end = named ? '}' : ']';
        while (next() != end) {
            std::string name;
            if (named) {
                name = parse_text();
                expect(':');
            }
            value.members.emplace_back(std::move(name), parse_value());
            if (next() != end) {
                expect(',');
            }
        }
        ++at_;
    }

    [[nodiscard]] std::string parse_text() {
        expect('"');
        std::string text;
        while (at_ < text_.size() && text_[at_] != '"') {
            at_ += text_[at_] == '\\' ? 1U : 0U;  // an escaped character stands for itself: nothing here needs more
            if (at_ < text_.size()) {
                text += text_[at_++];
            }
        }
        expect('"');
        return text;
    }

    void parse_word(Json& value) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && std::string_view{",]} \t\r\n"}.find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        value.text = text_.substr(begin, at_ - begin);
        if (value.text.empty()) {
            fail();
        }
        value.number = std::strtod(value.text.c_str(), nullptr);
    }

    [[nodiscard]] char next() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
            ++at_;
        }
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void expect(char c) {
        if (next() != c) {
            fail();
        }
        ++at_;
    }

    [[noreturn]] void fail() const {
        throw std::runtime_error{"it is not a JSON file, at character " + std::to_string(at_)};
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

[[nodiscard]] inline Json read_json(const std::string& path) {
    std::ifstream stream{path};
    std::ostringstream text;
    text << stream.rdbuf();
    if (!stream) {
        throw std::runtime_error{path + ": it cannot be read"};
    }
    try {
        return JsonParser{text.str()}.parse();
    } catch (const std::exception& error) {
        throw std::runtime_error{path + ": " + error.what()};
    }
}

/// Text between quotation marks, for what benchmarks and machines are called.
[[nodiscard]] inline std::string quoted(const std::string& text) {
    std::string result = "\"";
    for (const char c : text) {
        if (static_cast<unsigned char>(c) >= ' ') {
            result += c == '"' || c == '\\' ? std::string{'\\', c} : std::string{c};
        }
    }
    return result + '"';
}

}  // namespace report
