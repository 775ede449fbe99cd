// SPDX-License-Identifier: MIT
#pragma once

// What the structure checks share: reading the source tree, and looking at code without its comments and
// literals. A check is a function over files, so that a test can also hand it a bad sample.

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

namespace structure {

struct SourceFile {
    std::string path;  // relative, with forward slashes
    std::string text;
};

using Problems = std::vector<std::string>;

inline std::filesystem::path source_dir() { return SQSIM_SOURCE_DIR; }

inline std::string read_file(const std::filesystem::path& path) {
    std::ifstream stream{path, std::ios::binary};
    return {std::istreambuf_iterator<char>{stream}, {}};
}

/// The files below `root` with one of the endings, sorted; their paths are relative to `root`.
inline std::vector<SourceFile> read_tree(const std::filesystem::path& root, std::vector<std::string> endings) {
    std::vector<SourceFile> files;
    if (!std::filesystem::exists(root)) {
        return files;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator{root}) {
        const auto& path = entry.path();
        if (entry.is_regular_file() && (std::find(endings.begin(), endings.end(), path.extension()) != endings.end() ||
                                        std::find(endings.begin(), endings.end(), path.filename()) != endings.end())) {
            files.push_back({path.lexically_relative(root).generic_string(), read_file(path)});
        }
    }
    std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.path < b.path; });
    return files;
}

/// The library's headers, with paths such as "clock/wait.hpp".
inline const std::vector<SourceFile>& headers() {
    static const auto files = read_tree(source_dir() / "include" / "sqsim", {".hpp"});
    return files;
}

inline std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    std::istringstream stream{text};
    for (std::string line; std::getline(stream, line);) {
        lines.push_back(line);
    }
    return lines;
}

/// The text with comments, and what string and character literals hold, replaced by spaces. Lines stay where
/// they are. Good enough for this code base: it has no raw strings in headers.
inline std::string code_of(std::string text) {
    enum class State { code, line_comment, block_comment, string, character };
    auto state = State::code;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        const char next = i + 1 < text.size() ? text[i + 1] : '\0';
        const bool digit_separator = i > 0 && std::isxdigit(static_cast<unsigned char>(text[i - 1])) != 0 &&
                                     std::isxdigit(static_cast<unsigned char>(next)) != 0;
        if (state == State::code) {
            if (c == '/' && (next == '/' || next == '*')) {
                state = next == '/' ? State::line_comment : State::block_comment;
                text[i] = text[i + 1] = ' ';
                ++i;
            } else if (c == '"') {
                state = State::string;
            } else if (c == '\'' && !digit_separator) {
                state = State::character;
            }
            continue;
        }
        if (c == '\n') {
            if (state != State::block_comment) {
                state = State::code;
            }
            continue;
        }
        if (state == State::block_comment && c == '*' && next == '/') {
            text[i] = text[i + 1] = ' ';
            ++i;
            state = State::code;
        } else if ((state == State::string && c == '"') || (state == State::character && c == '\'')) {
            state = State::code;
        } else {
            if ((state == State::string || state == State::character) && c == '\\' && next != '\n') {
                text[i + 1] = ' ';
            }
            text[i] = ' ';
            if (c == '\\' && next != '\n') {
                ++i;
            }
        }
    }
    return text;
}

/// Whether the file is one of those listed; an entry that ends in '/' stands for a folder.
inline bool is_among(const std::string& path, const std::vector<std::string>& entries) {
    return std::any_of(entries.begin(), entries.end(), [&](const std::string& entry) {
        return entry.back() == '/' ? path.starts_with(entry) : path == entry;
    });
}

inline std::string at_line(const std::string& path, std::size_t index, const std::string& what) {
    return path + ":" + std::to_string(index + 1) + ": " + what;
}

/// The checks of all files together.
template <class Check>
Problems check_all(const std::vector<SourceFile>& files, Check check) {
    Problems all;
    for (const auto& file : files) {
        const Problems problems = check(file);
        all.insert(all.end(), problems.begin(), problems.end());
    }
    return all;
}

}  // namespace structure
