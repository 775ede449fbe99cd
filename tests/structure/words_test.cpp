// SPDX-License-Identifier: MIT

// Catches code that waits, reads a clock or takes entropy outside the doors made for it, which would end
// determinism unnoticed; and macros, using directives and heavy headers in places where every user would pay
// for them.

#include "catch.hpp"
#include "structure/source_files.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace {

using structure::Problems;
using structure::SourceFile;

bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; }

/// Where `word` stands in `line`; if it begins with a letter, then not as the end of a longer word.
std::size_t find_word(std::string_view line, std::string_view word, std::size_t from = 0) {
    auto at = line.find(word, from);
    while (at != std::string_view::npos && at > 0 && is_word(word.front()) && is_word(line[at - 1])) {
        at = line.find(word, at + 1);
    }
    return at;
}

/// Reports the lines that hold one of the words, unless the whole line is accounted for by `allowed` ones.
Problems check_words(const SourceFile& file, const std::vector<std::string>& words,
                     const std::vector<std::string>& allowed = {}) {
    Problems problems;
    const auto lines = structure::lines_of(structure::code_of(file.text));
    for (std::size_t i = 0; i < lines.size(); ++i) {
        auto line = lines[i];
        for (const auto& token : allowed) {
            for (auto at = find_word(line, token); at != std::string::npos; at = find_word(line, token, at)) {
                line.replace(at, token.size(), token.size(), ' ');
            }
        }
        for (const auto& word : words) {
            if (find_word(line, word) != std::string::npos) {
                problems.push_back(structure::at_line(file.path, i, word));
            }
        }
    }
    return problems;
}

Problems check_macros(const SourceFile& file) {
    if (structure::is_among(file.path, {"config.hpp", "version.hpp"})) {
        return {};
    }
    SourceFile squeezed{file.path, {}};
    for (const auto& line : structure::lines_of(file.text)) {  // "#  define" is "#define" as well
        auto copy = line;
        if (const auto first = copy.find_first_not_of(" \t"); first != std::string::npos && copy[first] == '#') {
            std::erase_if(copy, [](char c) { return c == ' ' || c == '\t'; });
        }
        squeezed.text += copy + '\n';
    }
    return check_words(squeezed, {"#define"});
}

Problems check_using(const SourceFile& file) { return check_words(file, {"using namespace"}); }

Problems check_waiting(const SourceFile& file) {
    // The layer that blocks on time, and the lock that sleeps while another thread holds it. Everybody else waits
    // through the customisation point of the layer.
    if (structure::is_among(file.path, {"clock/wait.hpp", "clock/manual_clock.hpp", "clock/coarse_clock.hpp",
                                        "clock/process_end.hpp", "light_mutex.hpp"})) {
        return {};
    }
    // In a simulated world time is virtual, and a consumer that waits is a stack that is switched away from. Only the
    // threads of an exploration wait, for each other.
    if (file.path.starts_with("sim/")) {
        return check_words(file, {"this_thread", "condition_variable", ".wait(", "->wait("}, {"rendezvous_.wait("});
    }
    return check_words(file, {"sleep_for", "sleep_until", "wait_for(", "wait_until(", ".wait(", "->wait("},
                       {"sqsim::wait_until(", "= wait_until(core_.clock_, section.lock,", "wait_for_waiters"});
}

Problems check_purity(const SourceFile& file) {
    // What both public queues are made of holds the lock for the engines.
    if (!file.path.starts_with("detail/") ||
        structure::is_among(file.path, {"detail/queue_core.hpp", "detail/queue_core_impl.hpp", "detail/forks.hpp",
                                        "detail/mailbox.hpp", "detail/redrive_link.hpp", "detail/section.hpp",
                                        "detail/task_list.hpp"})) {
        return {};
    }
    return check_words(file,
                       {"<mutex>", "<shared_mutex>", "<thread>", "<condition_variable>", "<semaphore>", "::now()"});
}

Problems check_entropy(const SourceFile& file) {
    if (structure::is_among(file.path, {"choice.hpp", "clock/"})) {
        return {};
    }
    return check_words(file, {"random_device", "::now()", "rand(", "srand("});
}

Problems check_heavy_headers(const SourceFile& file) {
    // Ranks 10 and 11 are opt-in.
    if (structure::is_among(file.path, {"sim/", "load/", "io/", "testing/", "async/"})) {
        return {};
    }
    return check_words(file, {"<iostream>", "<regex>", "<random>"});
}

}  // namespace

TEST_CASE("only config.hpp and version.hpp define macros", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_macros) == Problems{});

    CHECK(check_macros({"queue.hpp", "int a;\n#define B\n"}) == Problems{"queue.hpp:2: #define"});
    CHECK(check_macros({"queue.hpp", "  #   define B\n"}).size() == 1);
    CHECK(check_macros({"queue.hpp", "// #define B\n"}) == Problems{});
    CHECK(check_macros({"config.hpp", "#define B\n"}) == Problems{});
}

TEST_CASE("no header has a using directive", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_using) == Problems{});

    CHECK(check_using({"ids.hpp", "void f() { using namespace std; }\n"}).size() == 1);
    CHECK(check_using({"ids.hpp", "using std::string;  // not: using namespace std\n"}) == Problems{});
}

TEST_CASE("only the clock layer blocks on time", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_waiting) == Problems{});

    for (const auto* line : {"std::this_thread::sleep_for(1s);", "std::this_thread::sleep_until(t);", "cv.wait(lock);",
                             "cv.wait_for(lock, 1s);", "condition_.wait_until(lock, t);", "wait_until(clock, t);"}) {
        CHECK(check_waiting({"queue.hpp", line}).size() == 1);
        CHECK(check_waiting({"clock/wait.hpp", line}) == Problems{});
    }
    CHECK(check_waiting({"queue.hpp", "sqsim::wait_until(clock, lock);\nclock.wait_for_waiters(1);\n"}) == Problems{});
    CHECK(check_waiting({"queue.hpp", "sqsim::wait_until(clock, cv.wait_until(lock, t));\n"}).size() == 1);
    CHECK(check_waiting({"sim/world.hpp", "run_.sleep_for(time);\n"}) == Problems{});
    CHECK(check_waiting({"sim/world.hpp", "std::this_thread::sleep_for(time);\n"}).size() == 1);
    CHECK(check_waiting({"queue.hpp", "/* cv.wait(lock) */ // sleep_for\n"}) == Problems{});
}

TEST_CASE("the engines and their parts have no lock, no thread and no clock", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_purity) == Problems{});

    CHECK(check_purity({"detail/fifo_engine.hpp", "#include <mutex>\n"}) ==
          Problems{"detail/fifo_engine.hpp:1: <mutex>"});
    CHECK(check_purity({"detail/ring.hpp", "auto t = std::chrono::steady_clock::now();\n"}).size() == 1);
    CHECK(check_purity({"queue.hpp", "#include <mutex>\n"}) == Problems{});
}

TEST_CASE("only choice.hpp and the clocks touch what differs from run to run", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_entropy) == Problems{});

    for (const auto* line : {"std::random_device{}()", "std::chrono::system_clock::now()", "std::rand()", "srand(1)"}) {
        CHECK(check_entropy({"sim/world.hpp", line}).size() == 1);
        CHECK(check_entropy({"choice.hpp", line}) == Problems{});
        CHECK(check_entropy({"clock/coarse_clock.hpp", line}) == Problems{});
    }
    CHECK(check_entropy({"queue.hpp", "const auto now = clock_.now(); operand(now);\n"}) == Problems{});
}

TEST_CASE("no header that everybody gets includes a heavy one", "[structure]") {
    CHECK(structure::check_all(structure::headers(), check_heavy_headers) == Problems{});

    CHECK(check_heavy_headers({"error.hpp", "#include <iostream>\n"}) == Problems{"error.hpp:1: <iostream>"});
    CHECK(check_heavy_headers({"sim/report.hpp", "#include <iostream>\n"}) == Problems{});
}
