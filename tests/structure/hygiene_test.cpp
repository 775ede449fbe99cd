// SPDX-License-Identifier: MIT

// Catches a file without its licence line, a header without its guard or grown too long, a test file that no
// build knows of, and reminders left behind.

#include "catch.hpp"
#include "structure/source_files.hpp"

#include <set>
#include <string>
#include <vector>

namespace {

using structure::Problems;
using structure::SourceFile;

const std::string licence = "SPDX-License-Identifier: MIT";

Problems check_licence(const SourceFile& file) {
    auto lines = structure::lines_of(file.text);
    if (!lines.empty() && lines.front().starts_with("#!")) {
        lines.erase(lines.begin());
    }
    if (lines.empty() || (lines.front() != "// " + licence && lines.front() != "# " + licence)) {
        return {file.path + " does not begin with the licence line"};
    }
    return {};
}

Problems check_guard(const SourceFile& file) {
    for (const auto& line : structure::lines_of(file.text)) {
        if (line == "#pragma once") {
            return {};
        }
    }
    return {file.path + " has no #pragma once"};
}

// A header holds one idea, which may have its length; beyond this it holds more than one.
constexpr std::size_t longest_header = 700;

Problems check_length(const SourceFile& file) {
    const auto count = structure::lines_of(file.text).size();
    return count > longest_header ? Problems{file.path + " has " + std::to_string(count) + " lines"} : Problems{};
}

// Put together here so that this file does not report itself.
const std::vector<std::string> marks{std::string{"TO"} + "DO", std::string{"FIX"} + "ME", std::string{"XX"} + "X"};

Problems check_marks(const SourceFile& file) {
    Problems problems;
    const auto lines = structure::lines_of(file.text);
    for (std::size_t i = 0; i < lines.size(); ++i) {
        for (const auto& mark : marks) {
            if (lines[i].find(mark) != std::string::npos) {
                problems.push_back(structure::at_line(file.path, i, mark));
            }
        }
    }
    return problems;
}

// Programs of their own: one without exceptions, the consumers' projects, the fuzz targets, the gate of mutants, the
// soak run, processes that fork or end early; and the queues of most tests, which every selection of tests has.
const std::vector<std::string> separate_programs{"noexcept/", "consume/", "fuzz/",    "mutants/",
                                                 "soak/",     "gtest/",   "process/", "pch/"};

Problems check_list(const std::string& list, const std::vector<SourceFile>& files) {
    Problems problems;
    std::set<std::string> listed;
    for (const auto& line : structure::lines_of(list)) {
        if (!listed.insert(line).second) {
            problems.push_back(line + " is listed twice");
        }
    }
    for (const auto& file : files) {
        if (!structure::is_among(file.path, separate_programs) && listed.erase(file.path) == 0) {
            problems.push_back(file.path + " is not listed");
        }
    }
    for (const auto& path : listed) {
        problems.push_back(path + " is listed but does not exist");
    }
    return problems;
}

/// Every file of ours that may carry a comment.
std::vector<SourceFile> everything() {
    const std::vector<std::string> endings{".hpp", ".cpp", ".cmake", "CMakeLists.txt", "meson.build", "demo",
                                           "need", "run",  "test",   "mutants",        "letters"};
    std::vector<SourceFile> all;
    for (const auto* name : {"CMakeLists.txt", "meson.build", "meson_options.txt"}) {
        all.push_back({name, structure::read_file(structure::source_dir() / name)});
    }
    for (const auto* folder : {"include", "tests", "examples", "bench", "cmake", "tools", ".ci"}) {
        for (auto& file : structure::read_tree(structure::source_dir() / folder, endings)) {
            all.push_back({std::string{folder} + "/" + file.path, std::move(file.text)});
        }
    }
    return all;
}

/// CMake separates the elements of a list by semicolons: a test with one in its name never runs, and nobody misses it.
[[nodiscard]] Problems check_names(const SourceFile& file) {
    static const std::string begin = "TEST_CASE(\"";
    Problems problems;
    for (std::size_t at = file.text.find(begin); at != std::string::npos; at = file.text.find(begin, at + 1)) {
        const std::string name = file.text.substr(at, file.text.find(") {", at) - at);
        if (name.find(';') != std::string::npos) {
            problems.push_back(file.path + ": CMake splits the name in " + name + ")");
        }
    }
    return problems;
}

}  // namespace

TEST_CASE("every source and build file begins with the licence line", "[structure]") {
    REQUIRE(everything().size() > 20);
    CHECK(structure::check_all(everything(), check_licence) == Problems{});

    CHECK(check_licence({"a.cpp", "#include <vector>\n"}).size() == 1);
    CHECK(check_licence({"a.cpp", "\n// " + licence + "\n"}).size() == 1);
    CHECK(check_licence({"a.cpp", ""}).size() == 1);
    CHECK(check_licence({"run", "#!/usr/bin/env bash\n# " + licence + "\n"}) == Problems{});
}

TEST_CASE("every header has its guard and a length that can be read", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_guard) == Problems{});
    CHECK(structure::check_all(structure::headers(), check_length) == Problems{});

    CHECK(check_guard({"a.hpp", "// #pragma once\n"}) == Problems{"a.hpp has no #pragma once"});
    CHECK(check_length({"a.hpp", std::string(701, '\n')}) == Problems{"a.hpp has 701 lines"});
    CHECK(check_length({"a.hpp", std::string(700, '\n')}) == Problems{});
}

TEST_CASE("tests/sources.txt lists exactly the tests", "[structure]") {
    const auto tests = structure::source_dir() / "tests";
    const std::string list =
        structure::read_file(tests / "sources.txt") + structure::read_file(tests / "failure" / "sources.txt");
    CHECK(check_list(list, structure::read_tree(tests, {".cpp"})) == Problems{});

    const std::vector<SourceFile> files{{"a_test.cpp", {}}, {"fuzz/b.cpp", {}}};
    CHECK(check_list("a_test.cpp\n", files) == Problems{});
    CHECK(check_list("", files) == Problems{"a_test.cpp is not listed"});
    CHECK(check_list("a_test.cpp\nc_test.cpp\n", files) == Problems{"c_test.cpp is listed but does not exist"});
    CHECK(check_list("a_test.cpp\na_test.cpp\n", files) == Problems{"a_test.cpp is listed twice"});
}

TEST_CASE("the name of every test reaches CTest whole", "[structure]") {
    const std::vector<SourceFile> tests = structure::read_tree(structure::source_dir() / "tests", {".cpp"});
    CHECK(structure::check_all(tests, check_names) == Problems{});

    CHECK(check_names({"a.cpp", "TEST_CASE(\"a, and b\", \"[c]\") {"}) == Problems{});
    CHECK(check_names({"a.cpp", "TEST_CASE(\"a; b\") {"}) ==
          Problems{"a.cpp: CMake splits the name in TEST_CASE(\"a; b\")"});
    CHECK(check_names({"a.cpp", "TEST_CASE(\"a, \"\n          \"b; c\", \"[d]\") {"}).size() == 1);
}

TEST_CASE("no reminders are left behind", "[structure]") {
    CHECK(structure::check_all(everything(), check_marks) == Problems{});

    for (const auto& mark : marks) {
        CHECK(check_marks({"a.hpp", "int a;\n// " + mark + ": b\n"}) == Problems{"a.hpp:2: " + mark});
    }
}

TEST_CASE("the checks look at code, not at comments and literals", "[structure]") {
    CHECK(structure::code_of("a // b\nc") == "a     \nc");
    CHECK(structure::code_of("a /* b\nc */ d") == "a     \n     d");
    CHECK(structure::code_of(R"(f("a\"b", '"', 1'000) // x)") == R"(f("    ", ' ', 1'000)     )");
}
