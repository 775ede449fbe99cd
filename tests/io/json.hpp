// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// A strict reader of JSON (RFC 8259): whatever it accepts, every reader does.

namespace json {

struct Value {
    enum class Type { null, boolean, number, string, array, object };

    Type type = Type::null;
    std::string text{};  // of a string without escapes, of a number as it stands
    std::vector<Value> items{};
    std::vector<std::string> keys{};  // of an object, one for each item

    /// The item with this key; an empty value if there is none.
    [[nodiscard]] Value operator[](std::string_view key) const {
        for (std::size_t i = 0; i < keys.size(); ++i) {
            if (keys[i] == key) {
                return items[i];
            }
        }
        return {};
    }
    [[nodiscard]] double number() const { return std::strtod(text.c_str(), nullptr); }
};

class Reader {
public:
    explicit Reader(std::string_view text) : left_{text} {}

    std::optional<Value> document() {
        Value value;
        const bool read = this->value(value, 0);
        space();
        return read && left_.empty() ? std::optional{value} : std::nullopt;
    }

private:
    void space() {
        while (!left_.empty() && std::string_view{" \t\n\r"}.find(left_.front()) != std::string_view::npos) {
            left_.remove_prefix(1);
        }
    }
    bool take(std::string_view word) {
        const bool there = left_.starts_with(word);
        left_.remove_prefix(there ? word.size() : 0);
        return there;
    }
    bool digits(std::string& out) {
        const std::size_t before = out.size();
        while (!left_.empty() && left_.front() >= '0' && left_.front() <= '9') {
            out += left_.front();
            left_.remove_prefix(1);
        }
        return out.size() > before;
    }

    bool value(Value& out, int depth) {
        space();
        if (depth > 50 || left_.empty()) {
            return false;
        }
        if (left_.front() == '"') {
            out.type = Value::Type::string;
            return string(out.text);
        }
        if (take("{")) {
            out.type = Value::Type::object;
            return list(out, depth, "}");
        }
        if (take("[")) {
            out.type = Value::Type::array;
            return list(out, depth, "]");
        }
        if (take("true") || take("false")) {
            out.type = Value::Type::boolean;
            return true;
        }
        return take("null") || number(out);
    }

    bool list(Value& out, int depth, std::string_view end) {
        space();
        if (take(end)) {
            return true;
        }
        do {
            space();
            if (out.type == Value::Type::object) {
                std::string key;
                if (!string(key)) {
                    return false;
                }
                for (const std::string& other : out.keys) {
                    if (other == key) {
                        return false;
                    }
                }
                out.keys.push_back(key);
                space();
                if (!take(":")) {
                    return false;
                }
            }
            if (!value(out.items.emplace_back(), depth + 1)) {
                return false;
            }
            space();
        } while (take(","));
        return take(end);
    }

    bool number(Value& out) {
        out.type = Value::Type::number;
        out.text = take("-") ? "-" : "";
        if (take("0")) {
            out.text += '0';
        } else if (!digits(out.text)) {
            return false;
        }
        if (take(".")) {
            out.text += '.';
            return digits(out.text);
        }
        return true;
    }

    bool string(std::string& out) {
        if (!take("\"")) {
            return false;
        }
        while (!take("\"")) {
            if (left_.empty() || static_cast<unsigned char>(left_.front()) < 0x20) {
                return false;
            }
            if (take("\\u00")) {
                const std::string digits{left_.substr(0, 2)};
                char* end = nullptr;
                out += static_cast<char>(std::strtol(digits.c_str(), &end, 16));
                if (digits.size() != 2 || *end != '\0') {
                    return false;
                }
                left_.remove_prefix(2);
            } else if (take("\\")) {
                if (left_.empty() || std::string_view{"\"\\/"}.find(left_.front()) == std::string_view::npos) {
                    return false;
                }
                out += left_.front();
                left_.remove_prefix(1);
            } else if (const std::size_t size = character(); size != 0) {
                out += left_.substr(0, size);
                left_.remove_prefix(size);
            } else {
                return false;
            }
        }
        return true;
    }

    /// The size of a UTF-8 character, found by its code point.
    [[nodiscard]] std::size_t character() const {
        const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(left_[i]); };
        const unsigned first = byte(0);
        if (first < 0x80) {
            return 1;
        }
        const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
        unsigned point = first & (0x7FU >> size);
        if (first < 0xC0 || first > 0xF7 || left_.size() < size) {
            return 0;
        }
        for (std::size_t i = 1; i < size; ++i) {
            if ((byte(i) >> 6) != 2) {
                return 0;
            }
            point = (point << 6) | (byte(i) & 0x3FU);
        }
        const unsigned least = size == 2 ? 0x80 : size == 3 ? 0x800 : 0x10000;
        return point < least || point > 0x10FFFF || (point >= 0xD800 && point < 0xE000) ? 0 : size;
    }

    std::string_view left_;
};

/// The value that a text is; nothing if it is not JSON.
inline std::optional<Value> parse(std::string_view text) { return Reader{text}.document(); }

}  // namespace json
