// SPDX-License-Identifier: MIT

// Catches a page on the faults that leaves a kind out, gives it another number or word, or lists one that does not
// exist.

#include "catch.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/site_table.hpp"
#include "structure/source_files.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using Row = std::vector<std::string>;

/// The rows of all tables of a page that have so many columns, without blanks around.
std::vector<Row> rows_of(std::string_view page, std::size_t columns) {
    std::vector<Row> rows;
    while (!page.empty()) {
        const auto end = std::min(page.find('\n'), page.size());
        std::string_view line = page.substr(0, end);
        page.remove_prefix(std::min(end + 1, page.size()));
        if (!line.starts_with("| ")) {
            continue;
        }
        Row row;
        line.remove_prefix(1);
        while (!line.empty()) {
            std::string_view cell = line.substr(0, line.find('|'));
            line.remove_prefix(std::min(cell.size() + 1, line.size()));
            cell.remove_prefix(std::min(cell.find_first_not_of(' '), cell.size()));
            row.emplace_back(cell.substr(0, cell.find_last_not_of(' ') + 1));
        }
        if (row.size() == columns && row[0] != "number") {
            rows.push_back(std::move(row));
        }
    }
    return rows;
}

/// What is wrong with a page: kinds without a row, and rows without a kind.
std::vector<std::string> problems_of(std::string_view page) {
    using sqsim::sim::fault_table;
    std::vector<std::string> problems;
    const auto rows = rows_of(page, 6);
    const auto is_about = [](const Row& row, const sqsim::sim::FaultInfo& kind) {
        const std::string_view site = row[0] == "C3" ? std::string_view{"C2"} : std::string_view{row[0]};
        return site == kind.site && row[1] == "`" + std::string{kind.word} + "`" &&
               row[5] == (kind.usual ? "yes" : "no");
    };
    for (const auto& kind : fault_table) {
        if (kind.fault != sqsim::sim::Fault::none &&
            std::none_of(rows.begin(), rows.end(), [&](const Row& row) { return is_about(row, kind); })) {
            problems.push_back(std::string{kind.site} + " " + std::string{kind.word} + " has no row");
        }
    }
    for (const Row& row : rows) {
        if (std::none_of(fault_table.begin(), fault_table.end(),
                         [&](const auto& kind) { return is_about(row, kind); })) {
            problems.push_back(row[0] + " " + row[1] + " is no kind");
        }
    }
    return problems;
}

}  // namespace

TEST_CASE("the page on the faults lists every kind, with its number and its word, and no other", "[structure]") {
    const std::filesystem::path root{SQSIM_SOURCE_DIR};
    const std::string page = structure::read_file(root / "docs" / "faults.md");
    CHECK(problems_of(page) == std::vector<std::string>{});
    CHECK(rows_of(page, 6).size() == sqsim::sim::fault_kinds);  // C3 is a stall, too

    std::string wrong = page;
    wrong.replace(wrong.find("| D3 | `survive`"), 16, "| D3 | `revives`");
    CHECK(problems_of(wrong) == std::vector<std::string>{"D3 survive has no row", "D3 `revives` is no kind"});
}

TEST_CASE("the page on the faults names every place that is a call of a queue", "[structure]") {
    const std::filesystem::path root{SQSIM_SOURCE_DIR};
    const std::string page = structure::read_file(root / "docs" / "faults.md");
    for (const std::string_view name : sqsim::sim::detail::verb_names) {
        INFO(name);
        CHECK(page.find("`" + std::string{name} + "`") != std::string::npos);
    }
}
