// SPDX-License-Identifier: MIT

// Catches documentation that names a test or links to a file which does not exist, a README whose code is not the one
// that is built and run, and a page on the simulation whose table of states is not that of the code.

#include "catch.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "structure/source_files.hpp"

#include <array>
#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace {

using structure::Problems;

/// The names in backquotes that have ": choice: " in them.
std::vector<std::string> named_choices(std::string_view text) {
    std::vector<std::string> names;
    for (auto open = text.find('`'); open != std::string_view::npos;) {
        const auto close = text.find('`', open + 1);
        if (close == std::string_view::npos) {
            break;
        }
        const std::string name{text.substr(open + 1, close - open - 1)};
        if (name.find(": choice: ") != std::string::npos) {
            names.push_back(name);
        }
        open = text.find('`', close + 1);
    }
    return names;
}

Problems missing_tests(std::string_view text, std::string_view tests) {
    Problems problems;
    for (const std::string& name : named_choices(text)) {
        if (tests.find("TEST_CASE(\"" + name + "\"") == std::string_view::npos) {
            problems.push_back(name + " is no test");
        }
    }
    return problems;
}

/// The rows of a page that name a test and its file, where there is no such test in it. `read(path)`: the text of a
/// file, by its path from the root.
template <class Read>
Problems missing_in_files(const std::string& page, Read read, std::size_t& rows) {
    Problems problems;
    for (const std::string& line : structure::lines_of(page)) {
        const auto open = line.find(" | `");
        const auto close = line.find("` | [", open + 4);
        if (open == std::string::npos || close == std::string::npos) {
            continue;
        }
        ++rows;
        const std::string name = line.substr(open + 4, close - open - 4);
        const std::string path = line.substr(close + 5, line.find(']', close) - close - 5);
        const std::string text = read(path);
        if (text.find("TEST_CASE(\"" + name + "\"") == std::string::npos) {
            problems.push_back(path + " has no test: " + name);
        }
    }
    return problems;
}

/// The links of a document to files that do not exist. Code, links within a page and to other sites are left out.
Problems broken_links(const std::filesystem::path& document, const std::string& text) {
    Problems problems;
    bool is_code = false;
    for (const std::string& line : structure::lines_of(text)) {
        is_code = is_code != line.starts_with("```");
        for (auto at = line.find("]("); !is_code && at != std::string::npos; at = line.find("](", at + 1)) {
            const std::string target = line.substr(at + 2, line.find_first_of(")#", at + 2) - at - 2);
            if (!target.empty() && target.find("://") == std::string::npos &&
                !std::filesystem::exists(document.parent_path() / target)) {
                problems.push_back(document.filename().string() + ": " + target);
            }
        }
    }
    return problems;
}

/// The row of a state of actors in the page on the simulation, without what it says of the state.
std::string transitions_text(std::size_t from) {
    using sqsim::sim::detail::ActorState;
    constexpr std::array<const char*, 7> names{"idle", "ready", "running", "asleep", "waiting", "ended", "left"};
    std::string text;
    for (std::size_t to = 0; to < names.size(); ++to) {
        if (sqsim::sim::detail::may_become(static_cast<ActorState>(from), static_cast<ActorState>(to))) {
            text += (text.empty() ? "`" : ", `") + std::string{names[to]} + "`";
        }
    }
    return "| `" + std::string{names[from]} + "`: | " + text + " |";
}

/// The lines of tables that begin with a name and a colon, without what stands between the colon and the next column.
Problems state_rows(const std::string& page) {
    Problems rows;
    for (const std::string& line : structure::lines_of(page)) {
        const auto colon = line.find("`: ");
        const auto column = colon == std::string::npos ? colon : line.find(" | ", colon);
        if (line.starts_with("| `") && column != std::string::npos) {
            rows.push_back(line.substr(0, colon + 2) + line.substr(column));
        }
    }
    return rows;
}

/// The first block of code in a document.
std::string first_program(const std::string& text) {
    const std::string fence = "```cpp\n";
    const auto begin = text.find(fence) + fence.size();
    return text.substr(begin, text.find("```", begin) - begin);
}

/// The lines of a text without indentation and empty lines.
std::string without_indentation(const std::string& text) {
    std::string all;
    for (const std::string& line : structure::lines_of(text)) {
        if (const auto begin = line.find_first_not_of(' '); begin != std::string::npos) {
            all += line.substr(begin) + '\n';
        }
    }
    return all;
}

/// The blocks of code in a document that are not in some source.
Problems uncompiled_blocks(std::string document, const std::string& source) {
    Problems problems;
    const std::string code = without_indentation(source);
    for (auto at = document.find("```cpp\n"); at != std::string::npos; at = document.find("```cpp\n")) {
        document.erase(0, at);
        const std::string block = first_program(document);
        if (code.find(without_indentation(block)) == std::string::npos) {
            problems.push_back(block);
        }
        document.erase(0, block.size());
    }
    return problems;
}

}  // namespace

TEST_CASE("every test that the fidelity page names exists", "[structure]") {
    const std::filesystem::path root{SQSIM_SOURCE_DIR};
    std::string tests;
    for (const auto& file : structure::read_tree(root / "tests", {".cpp"})) {
        tests += file.text;
    }
    const std::string page = structure::read_file(root / "docs" / "fidelity.md");
    CHECK(named_choices(page).size() > 30);
    CHECK(missing_tests(page, tests) == Problems{});

    CHECK(missing_tests("| a | `R1: choice: b` |", "TEST_CASE(\"R1: choice: b\", \"[c]\")") == Problems{});
    CHECK(missing_tests("| a | `R1: choice: b` |", "TEST_CASE(\"R1: choice: x\", \"[c]\")").size() == 1);
}

TEST_CASE("every test that the page on reliability names is in its file", "[structure]") {
    const auto root = structure::source_dir();
    const std::string page = structure::read_file(root / "docs" / "reliability.md");
    std::size_t rows = 0;
    const auto read = [&](const std::string& path) { return structure::read_file(root / path); };
    CHECK(missing_in_files(page, read, rows) == Problems{});
    CHECK(rows > 15);
    // A row of a table of guarantees that is not understood would name what it likes.
    std::size_t linked = 0;
    for (auto at = page.find("](../tests/"); at != std::string::npos; at = page.find("](../tests/", at + 1)) {
        const std::string_view path = std::string_view{page}.substr(at + 5);
        const bool is_program = path.starts_with("tests/process/") || path.starts_with("tests/noexcept/");
        linked += is_program ? 0U : 1U;  // a test of ctest's, without names within
    }
    CHECK(rows == linked);

    const auto sample = [](const std::string& path) {
        return path == "tests/a.cpp" ? std::string{"TEMPLATE_TEST_CASE(\"a b\", \"[c]\")"} : std::string{};
    };
    CHECK(missing_in_files("| x | `a b` | [tests/a.cpp](../tests/a.cpp) |\n", sample, rows) == Problems{});
    CHECK(missing_in_files("| x | `a` | [tests/a.cpp](../tests/a.cpp) |\n", sample, rows) ==
          Problems{"tests/a.cpp has no test: a"});
    CHECK(missing_in_files("| x | `a b` | [tests/b.cpp](../tests/b.cpp) |\n", sample, rows).size() == 1);
}

TEST_CASE("the programs of the README are those that are built and run", "[structure]") {
    const std::filesystem::path root{SQSIM_SOURCE_DIR};
    const std::string readme = structure::read_file(root / "README.md");
    const auto program = [&](const char* name) {
        const std::string text = structure::read_file(root / "examples" / name / "main.cpp");
        return text.substr(text.find("#include"));
    };
    CHECK(first_program(readme) == program("first_proof"));
    CHECK(readme.find("```cpp\n" + program("first_look") + "```\n") != std::string::npos);
    CHECK(first_program("text\n```cpp\nint a;\n```\n```cpp\nint b;\n```\n") == "int a;\n");
}

TEST_CASE("the code of the guide to the test double is compiled and run", "[structure]") {
    const auto root = structure::source_dir();
    const std::string guide = structure::read_file(root / "docs" / "test-double.md");
    const std::string tests = structure::read_file(root / "tests" / "clock" / "manual_clock_test.cpp");
    REQUIRE(guide.find("```cpp\n") != std::string::npos);
    CHECK(uncompiled_blocks(guide, tests) == Problems{});

    CHECK(uncompiled_blocks("a\n```cpp\nb;\n  c;\n```\n```cpp\nd;\n```\n", "  b;\n\n    c;\n") == Problems{"d;\n"});
}

TEST_CASE("the links of the documentation lead to files", "[structure]") {
    const auto root = structure::source_dir();
    Problems problems = broken_links(root / "README.md", structure::read_file(root / "README.md"));
    for (const auto& file : structure::read_tree(root / "docs", {".md"})) {
        const Problems more = broken_links(root / "docs" / file.path, file.text);
        problems.insert(problems.end(), more.begin(), more.end());
    }
    CHECK(problems == Problems{});

    CHECK(broken_links(root / "README.md", "[a](LICENSE) [b](#c) [d](https://e.f/g) [h](LICENSE#i)") == Problems{});
    CHECK(broken_links(root / "README.md", "```cpp\n[&](int) {}\n```\n[a](no/such.md#b)") ==
          Problems{"README.md: no/such.md"});
}

TEST_CASE("the page on the simulation has the states of actors, and where they lead", "[structure]") {
    const auto page = structure::read_file(structure::source_dir() / "docs" / "internals" / "simulation.md");
    const Problems rows = state_rows(page);
    REQUIRE(rows.size() == 7);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        CHECK(rows[i] == transitions_text(i));
    }
    CHECK(state_rows("| `left`: for good | `idle` |\n| `x` | y |\n") == Problems{"| `left`: | `idle` |"});
}
