// SPDX-License-Identifier: MIT

// Catches a public call that no program of tests/failure makes, so that nobody knows what it does without memory.

#include "catch.hpp"
#include "structure/source_files.hpp"

#include <cctype>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace {

using structure::Problems;

bool is_of_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// The name before the first parenthesis of a line of code, if a declaration of a member or a function begins there.
std::string declared_name(std::string_view line, std::size_t indentation) {
    const std::size_t open = line.find('(');
    if (open == std::string_view::npos || line.find_first_not_of(' ') != indentation ||
        line.find("= delete") != std::string_view::npos || line.find("//") < open || line.find('=') < open) {
        return {};
    }
    std::size_t begin = open;
    while (begin != 0 && is_of_name(line[begin - 1])) {
        --begin;
    }
    const std::string name{line.substr(begin, open - begin)};
    // A type stands before it. Words of the language, constructors and helpers of other kinds do not count.
    if (begin <= indentation || line[begin - 1] != ' ' || name.empty() ||
        std::isupper(static_cast<unsigned char>(name[0])) != 0) {
        return {};
    }
    static const std::set<std::string> no_names{"requires",      "if",       "for",      "while",   "return",
                                                "static_assert", "noexcept", "decltype", "operator"};
    return no_names.contains(name) ? std::string{} : name;
}

/// The public member functions of a class: of the part between its head and `private:`.
std::set<std::string> public_members(const std::string& text, const std::string& head) {
    std::set<std::string> names;
    const std::size_t begin = text.find(head);
    if (begin == std::string::npos) {
        return names;
    }
    bool is_public = head.starts_with("struct");
    for (const std::string& line : structure::lines_of(text.substr(begin))) {
        if (line == "public:") {
            is_public = true;
        } else if (line == "private:") {
            is_public = false;
        } else if (line == "};") {
            break;
        } else if (is_public) {
            if (const std::string name = declared_name(line, 4); !name.empty()) {
                names.insert(name);
            }
        }
    }
    return names;
}

/// Whether a program calls it on something.
bool is_called(const std::string& programs, const std::string& name) {
    for (const char* const before : {".", "->", "sqsim::"}) {
        if (programs.find(before + name + "(") != std::string::npos) {
            return true;
        }
    }
    return false;
}

Problems uncalled(const std::set<std::string>& names, const std::string& programs) {
    Problems problems;
    for (const std::string& name : names) {
        if (!is_called(programs, name)) {
            problems.push_back(name);
        }
    }
    return problems;
}

}  // namespace

TEST_CASE("every public call is made in a program whose memory fails", "[structure]") {
    const auto root = structure::source_dir();
    const std::string programs = structure::read_file(root / "tests" / "failure" / "world.hpp");
    struct Class {
        const char* header;
        const char* head;
        std::size_t least;
        std::set<std::string> left_out;  // and why
    };
    const std::vector<Class> classes{
        {"queue.hpp", "class Queue {", 24, {}},
        {"fifo_queue.hpp", "class FifoQueue {", 22, {}},
        {"any_queue.hpp", "class BasicAnyQueue {", 10, {"is_fifo"}},  // a constant
        {"move_task.hpp", "class MessageMoveTask {", 7, {}},
        // What queues call: `attach` is called by their constructors, the others in waits, which threads_test.cpp has.
        {"clock/manual_clock.hpp",
         "class ManualClock {",
         8,
         {"attach", "detach", "begin_source", "end_source", "unsettle", "next_id_key", "wait", "wake", "time_has_moved",
          "wait_until"}},
        {"history/recorder.hpp", "class Recorder {", 9, {"queue"}},  // a reference
        // What recorders call.
        {"history/history_log.hpp", "class HistoryLog {", 2, {"add_queue", "add_client", "now", "answered", "expect"}},
    };
    for (const Class& each : classes) {
        auto names = public_members(structure::read_file(root / "include" / "sqsim" / each.header), each.head);
        INFO(each.header);
        CHECK(names.size() >= each.least);
        for (const std::string& name : each.left_out) {
            names.erase(name);
        }
        CHECK(uncalled(names, programs) == Problems{});
    }

    const std::string sample =
        "class A {\npublic:\n    A(int);\n    void one(int a);\n    [[nodiscard]] int two() const {\n        f(3);\n"
        "    }\n    A& operator=(const A&) = delete;\n\nprivate:\n    void three();\n};\nvoid four();\n";
    CHECK(public_members(sample, "class A {") == std::set<std::string>{"one", "two"});
    CHECK(uncalled({"one", "two"}, "a.one(3); b->two();") == Problems{});
    CHECK(uncalled({"one", "two"}, "a.one(3); two();") == Problems{"two"});
}
