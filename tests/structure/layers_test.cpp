// SPDX-License-Identifier: MIT

// Catches a header that includes one of its own layer or of a higher one: the engines would no longer be
// pure, and the umbrella could drag in what only some users want.

#include "catch.hpp"
#include "structure/source_files.hpp"

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace {

using structure::Problems;
using structure::SourceFile;

// A header includes only headers of lower rank. An entry that ends in '/' is the rank of a folder's other
// headers.
const std::map<std::string, double> ranks{
    // the only macros
    {"config.hpp", 0},
    {"version.hpp", 0},
    // declarations, the clock concept
    {"fwd.hpp", 1},
    {"clock/clock.hpp", 1},
    {"clock/event_source.hpp", 1},
    // vocabulary
    {"error.hpp", 2},
    {"ids.hpp", 2},
    {"limits.hpp", 2},
    {"attributes.hpp", 2},
    {"delivery_model.hpp", 2},
    {"light_mutex.hpp", 2},
    // vocabulary that builds on it
    {"message.hpp", 3},
    {"options.hpp", 3},
    {"metrics.hpp", 3},
    {"handle_results.hpp", 3.5},
    {"choice.hpp", 3},
    {"decision.hpp", 4},  // its earlier name
    // the only code that blocks on time
    {"clock/wait.hpp", 4},
    // what the manual clock has to do when
    {"clock/source_list.hpp", 4},
    {"clock/agenda.hpp", 4.2},
    {"clock/manual_clock.hpp", 4.5},
    {"clock/coarse_clock.hpp", 4.5},
    {"clock/process_end.hpp", 4.5},
    // parts: no clock, no lock
    {"detail/", 5},
    // what a Message refers to, hence below message.hpp
    {"detail/record.hpp", 2.5},
    // pure state machines
    {"detail/standard_engine.hpp", 6},
    {"detail/fifo_engine.hpp", 6},
    // what both public queues are made of
    {"detail/forks.hpp", 6},
    {"detail/mailbox.hpp", 6.5},
    {"detail/task_list.hpp", 6.5},
    {"detail/receive_attempt.hpp", 6.5},
    {"detail/redrive_link.hpp", 6.5},
    {"detail/section.hpp", 6.5},
    {"detail/queue_core.hpp", 6.5},
    {"detail/queue_core_impl.hpp", 6.6},
    {"detail/lazy_core.hpp", 6.7},
    {"detail/core_access.hpp", 6.5},
    {"detail/sending.hpp", 6.5},
    {"detail/shared_verbs.hpp", 6.5},
    // lock + wait + engine
    {"queue.hpp", 7},
    {"fifo_queue.hpp", 7},
    {"move_task.hpp", 7},
    // an application's worker, the AWS-shaped face
    {"worker.hpp", 8},
    {"any_queue.hpp", 8},
    {"aws/", 8},
    // umbrella
    {"sqsim.hpp", 9},
    // what clients saw, and the checker that judges it: knows nothing of simulation
    {"history/history.hpp", 9.1},
    {"history/verdict.hpp", 9.1},
    {"history/detail/", 9.2},
    {"history/", 9.3},
    // simulation, capacity
    {"sim/", 10},
    {"sim/detail/", 10.1},
    {"sim/model/", 10.2},
    {"sim/search/", 10.3},
    {"sim/explore.hpp", 10.4},
    {"sim/explore_impl.hpp", 10.5},
    // the earlier places of headers of sim/model/, for one release
    {"sim/sim_queue.hpp", 10.5},
    {"sim/sim_fifo_queue.hpp", 10.5},
    {"sim/world.hpp", 10.5},
    {"sim/task.hpp", 10.5},
    {"load/", 10},
    // opt-in
    {"io/", 11},
    {"testing/", 11.5},
    {"async/", 11},
};

std::string folder_of(const std::string& path) { return path.substr(0, path.rfind('/') + 1); }

std::optional<double> rank_of(const std::string& path) {
    for (const auto& entry : {path, folder_of(path)}) {
        if (const auto found = ranks.find(entry); found != ranks.end()) {
            return found->second;
        }
    }
    return {};
}

/// The library's headers that this one includes, whether it names them from the include root or from its
/// folder.
std::vector<std::string> includes_of(const SourceFile& file) {
    std::vector<std::string> included;
    for (const auto& line : structure::lines_of(file.text)) {
        const auto hash = line.find_first_not_of(" \t");
        if (hash == std::string::npos || line[hash] != '#') {
            continue;
        }
        const auto word = line.find_first_not_of(" \t", hash + 1);
        const auto open = line.find_first_of("<\"", hash);
        const auto close = open == std::string::npos ? open : line.find_first_of(">\"", open + 1);
        if (word == std::string::npos || line.compare(word, 7, "include") != 0 || close == std::string::npos) {
            continue;
        }
        const auto name = line.substr(open + 1, close - open - 1);
        if (name.starts_with("sqsim/")) {
            // A header may end with its own functions, which include it.
            if (name.substr(6) != file.path.substr(0, file.path.size() - 4) + "_impl.hpp") {
                included.push_back(name.substr(6));
            }
        } else if (line[open] == '"') {
            included.push_back(
                (std::filesystem::path{folder_of(file.path)} / name).lexically_normal().generic_string());
        }
    }
    return included;
}

Problems check_ranks(const SourceFile& file) {
    const auto rank = rank_of(file.path);
    if (!rank) {
        return {file.path + " has no rank"};
    }
    Problems problems;
    for (const auto& name : includes_of(file)) {
        const auto other = rank_of(name);
        // Headers of one folder may build on each other; that they do not in circles is checked separately.
        const bool neighbours = other == rank && folder_of(name) == folder_of(file.path) && !folder_of(name).empty();
        if (!other) {
            problems.push_back(file.path + " includes " + name + ", which has no rank");
        } else if (*other >= *rank && !neighbours) {
            problems.push_back(file.path + " includes " + name + ", which is not of a lower rank");
        }
    }
    return problems;
}

Problems check_cycles(const std::vector<SourceFile>& files) {
    std::map<std::string, std::vector<std::string>> graph;
    for (const auto& file : files) {
        graph[file.path] = includes_of(file);
    }
    // What includes only headers that are settled is settled; what remains is in a circle or depends on one.
    for (bool changed = true; changed;) {
        changed = std::erase_if(graph, [&](const auto& node) {
                      return std::none_of(node.second.begin(), node.second.end(),
                                          [&](const std::string& name) { return graph.contains(name); });
                  }) > 0;
    }
    Problems problems;
    for (const auto& [path, included] : graph) {
        problems.push_back(path + " includes itself through others");
    }
    return problems;
}

/// Every header of the library that this one includes, itself or through others.
std::set<std::string> all_includes_of(const std::string& path, const std::vector<SourceFile>& files) {
    std::set<std::string> found;
    std::vector<std::string> open{path};
    while (!open.empty()) {
        const std::string next = open.back();
        open.pop_back();
        for (const auto& file : files) {
            if (file.path == next) {
                for (const auto& name : includes_of(file)) {
                    if (found.insert(name).second) {
                        open.push_back(name);
                    }
                }
            }
        }
    }
    return found;
}

/// The headers of `folder` that a header with this path prefix includes, itself or through others.
Problems check_knows_nothing_of(const std::string& prefix, const std::string& folder,
                                const std::vector<SourceFile>& files) {
    Problems problems;
    for (const auto& file : files) {
        if (file.path.starts_with(prefix)) {
            for (const auto& name : all_includes_of(file.path, files)) {
                if (name.starts_with(folder)) {
                    problems.push_back(file.path + " pulls in " + name);
                }
            }
        }
    }
    return problems;
}

}  // namespace

TEST_CASE("every header includes only headers of lower rank", "[structure]") {
    REQUIRE(structure::headers().size() > 10);
    CHECK(structure::check_all(structure::headers(), check_ranks) == Problems{});
    CHECK(check_cycles(structure::headers()) == Problems{});
}

TEST_CASE("the layer check reports a header that looks upwards, sideways or at the unknown", "[structure]") {
    const auto upwards = check_ranks({"detail/fifo_engine.hpp", "#include <vector>\n#include <sqsim/queue.hpp>\n"});
    CHECK(upwards == Problems{"detail/fifo_engine.hpp includes queue.hpp, which is not of a lower rank"});
    CHECK(check_ranks({"queue.hpp", "#  include \"fifo_queue.hpp\"\n"}).size() == 1);
    CHECK(check_ranks({"queue.hpp", "#include \"sqsim/fifo_queue.hpp\"\n"}).size() == 1);
    CHECK(check_ranks({"clock/wait.hpp", "#include \"../queue.hpp\"\n"}).size() == 1);
    CHECK(check_ranks({"ids.hpp", "#include \"sqsim/other.hpp\"\n"}) ==
          Problems{"ids.hpp includes other.hpp, which has no rank"});
    CHECK(check_ranks({"other.hpp", ""}) == Problems{"other.hpp has no rank"});

    CHECK(check_ranks({"queue.hpp", "#include <sqsim/clock/wait.hpp>\n"}) == Problems{});
    CHECK(check_ranks({"detail/a.hpp", "#include \"b.hpp\"\n"}) == Problems{});
}

TEST_CASE("the layer check reports parts that include each other in a circle", "[structure]") {
    const SourceFile a{"detail/a.hpp", "#include \"b.hpp\"\n"};
    const SourceFile b{"detail/b.hpp", "#include <sqsim/detail/c.hpp>\n"};
    const SourceFile c{"detail/c.hpp", "#include \"a.hpp\"\n"};
    CHECK(check_cycles({a, b, c}).size() == 3);
    CHECK(check_cycles({a, b}) == Problems{});
}

TEST_CASE("the history module pulls in no header of the simulation", "[structure]") {
    const auto included = all_includes_of("history/check_history.hpp", structure::headers());
    CHECK(included.contains("history/detail/delivery_rules.hpp"));  // or the walk shows nothing
    CHECK(included.contains("clock/clock.hpp"));
    CHECK(check_knows_nothing_of("history/", "sim/", structure::headers()) == Problems{});

    const SourceFile a{"history/a.hpp", "#include \"detail/b.hpp\"\n"};
    const SourceFile b{"history/detail/b.hpp", "#include \"sqsim/queue.hpp\"\n"};
    const SourceFile queue{"queue.hpp", "#include <sqsim/sim/world.hpp>\n"};
    CHECK(check_knows_nothing_of("history/", "sim/", {a, queue}) == Problems{});
    CHECK(check_knows_nothing_of("history/", "sim/", {a, b, queue}) ==
          Problems{"history/a.hpp pulls in sim/world.hpp", "history/detail/b.hpp pulls in sim/world.hpp"});
}
