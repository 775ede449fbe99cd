// SPDX-License-Identifier: MIT

// What a user's build pays for the header: the processor time of the compiler on a file of one line, beside what the
// standard headers cost that such a library cannot do without.

#include "harness.hpp"

#if defined(__linux__) && defined(SQSIM_BENCH_COMPILER)

#    include <sys/resource.h>
#    include <sys/wait.h>
#    include <unistd.h>

#    include <filesystem>
#    include <fstream>
#    include <string>
#    include <vector>

namespace bench {
namespace {

/// A folder for a file and what the compiler makes of it.
class Compilation {
public:
    explicit Compilation(const std::vector<std::string>& headers) {
        std::string pattern =
            (std::filesystem::temp_directory_path() / ("sqsim_bench_" + std::string(6, 'X'))).string();
        folder_ = ::mkdtemp(pattern.data()) == nullptr ? "." : pattern;
        std::ofstream file{folder_ / "use.cpp"};
        for (const std::string& header : headers) {
            file << "#include <" << header << ">\n";
        }
    }
    Compilation(const Compilation&) = delete;
    Compilation& operator=(const Compilation&) = delete;
    ~Compilation() {
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }

    /// Runs the compiler. Returns: its seconds in user mode, those of its own children too; below zero if it failed.
    [[nodiscard]] double run(const std::string& action, const std::string& output) const {
        std::vector<std::string> words{SQSIM_BENCH_COMPILER,
                                       "-std=c++20",
                                       "-I",
                                       SQSIM_BENCH_INCLUDE,
                                       action,
                                       (folder_ / "use.cpp").string(),
                                       "-o",
                                       (folder_ / output).string()};
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        arguments.push_back(nullptr);
        const ::pid_t child = ::fork();
        if (child == 0) {
            ::execvp(arguments[0], arguments.data());
            ::_exit(127);
        }
        int status = 0;
        ::rusage used{};
        if (child < 0 || ::wait4(child, &status, 0, &used) != child || status != 0) {
            return -1;
        }
        return static_cast<double>(used.ru_utime.tv_sec) + 1e-6 * static_cast<double>(used.ru_utime.tv_usec);
    }

    [[nodiscard]] std::vector<std::string> words_of(const std::string& output) const {
        std::ifstream file{folder_ / output};
        std::vector<std::string> words;
        for (std::string word; file >> word;) {
            words.push_back(word);
        }
        return words;
    }

private:
    std::filesystem::path folder_;
};

void compile(benchmark::State& state, const std::vector<std::string>& headers) {
    const Compilation compilation{headers};
    while (state.KeepRunning()) {
        const double seconds = compilation.run("-c", "use.o");
        if (seconds < 0) {
            state.SkipWithError("the compiler failed");
            return;
        }
        state.SetIterationTime(seconds);
    }
}

/// How many of the headers that nobody wants to pay for are behind ours.
void count_heavy_headers(benchmark::State& state) {
    const Compilation compilation{{"sqsim/sqsim.hpp"}};
    while (state.KeepRunning()) {
        if (compilation.run("-M", "use.d") < 0) {
            state.SkipWithError("the compiler failed");
            return;
        }
        int count = 0;
        for (const std::string& file : compilation.words_of("use.d")) {
            for (const char* const heavy : {"/iostream", "/regex", "/random"}) {
                count += file.ends_with(heavy) ? 1 : 0;
            }
        }
        state.counters["value"] = count;
        state.SetIterationTime(1);
    }
}

[[maybe_unused]] const bool registered = [] {
    const std::vector<std::string> standard{"chrono", "mutex", "string", "vector", "condition_variable", "stop_token"};
    add(
        "include/standard", {}, [=](auto& state) { compile(state, standard); }, 1);
    add(
        "include/sqsim", {"include/standard"}, [](auto& state) { compile(state, {"sqsim/sqsim.hpp"}); }, 1);
    add("include/heavy_headers", {}, count_heavy_headers, 1);
    return true;
}();

}  // namespace
}  // namespace bench

#endif
