// SPDX-License-Identifier: MIT

// Catches documentation that names a test which does not exist, and a README or a guide whose code is not the one that
// is built and run.

#include "catch.hpp"
#include "structure/source_files.hpp"

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

/// The first block of code in a document.
std::string first_program(const std::string& text) {
    const std::string fence = "```cpp\n";
    const auto begin = text.find(fence) + fence.size();
    return text.substr(begin, text.find("```", begin) - begin);
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
