// SPDX-License-Identifier: MIT

// Catches a page on the faults that leaves out a kind or a site, says something else of it than the tables of the code,
// or lists one that does not exist.

#include "catch.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/site_table.hpp"
#include "structure/source_files.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace {

using sqsim::sim::Fault;
using sqsim::sim::FaultInfo;
using sqsim::sim::Faults;
using sqsim::sim::SiteInfo;
using structure::Problems;

using Row = std::vector<std::string>;

/// The cells of a line of a table, without blanks around.
Row cells_of(std::string_view line) {
    Row row;
    line.remove_prefix(1);
    while (!line.empty()) {
        std::string_view cell = line.substr(0, line.find('|'));
        line.remove_prefix(std::min(cell.size() + 1, line.size()));
        cell.remove_prefix(std::min(cell.find_first_not_of(' '), cell.size()));
        row.emplace_back(cell.substr(0, cell.find_last_not_of(' ') + 1));
    }
    return row;
}

/// The rows of all tables of a page whose header is this one.
std::vector<Row> rows_of(const std::string& page, const Row& header) {
    std::vector<Row> rows;
    bool is_inside = false;
    for (const std::string& line : structure::lines_of(page)) {
        if (!line.starts_with("|")) {
            is_inside = false;
        } else if (cells_of(line) == header) {
            is_inside = true;
        } else if (is_inside && !line.starts_with("|-")) {
            rows.push_back(cells_of(line));
        }
    }
    return rows;
}

const Row header_of_kinds{"word", "where", "what happens", "basis", "default", "counts as"};
const Row header_of_sites{"site", "when it is reached", "faults", "harm"};

std::string in_quotes(std::string_view name) { return "`" + std::string{name} + "`"; }

void append(std::string& list, std::string_view name) { list += (list.empty() ? "" : ", ") + in_quotes(name); }

/// Where a kind is offered, as its row says: its sites, that the table of sites says it, or what its user names.
std::string where_text(const FaultInfo& kind) {
    std::string sites;
    bool is_harm = false;
    for (const SiteInfo& site : sqsim::sim::site_table) {
        is_harm = is_harm || site.harm.contains(kind.fault);
        if (site.faults.contains(kind.fault)) {
            append(sites, site.name);
        }
    }
    if (is_harm) {
        return "[sites](#sites)";
    }
    if (!sites.empty()) {
        return sites;
    }
    return "the name of a `sim::" +
           std::string{kind.fault == Fault::free_choice  ? "choose"
                       : kind.fault == Fault::call_fails ? "fails"
                                                         : "effect"} +
           "`";
}

/// The words of kinds, as a row of the table of sites has them.
std::string words_text(Faults faults) {
    std::string words;
    for (const FaultInfo& kind : sqsim::sim::fault_table) {
        if (faults.contains(kind.fault)) {
            append(words, kind.word);
        }
    }
    return words.empty() ? "none" : words;
}

/// What a row must say, and what it may say in its own words, which is empty here.
Row expected_row(const FaultInfo& kind) {
    constexpr std::array<std::string_view, sqsim::sim::categories> budgets{"faults", "preemptions", "reorders",
                                                                           "misses", "choices"};
    return {in_quotes(kind.word),
            where_text(kind),
            "",
            "",
            kind.is_default ? "yes" : "no",
            std::string{budgets[static_cast<std::size_t>(kind.category)]}};
}
Row expected_row(const SiteInfo& site) {
    return {in_quotes(site.name), "", words_text(site.faults), words_text(site.harm)};
}

/// A row without what it says in its own words; without anything if it says nothing there.
Row checked_cells(Row row, const std::vector<std::size_t>& own_words) {
    for (const std::size_t column : own_words) {
        if (column >= row.size() || row[column].empty()) {
            return {};
        }
        row[column].clear();
    }
    return row;
}

/// What is wrong with the rows of a page: entries of a table without exactly one row, and rows of no entry.
template <class Table>
Problems check_rows(const Table& table, std::size_t first, const std::vector<Row>& rows,
                    const std::vector<std::size_t>& own_words) {
    std::vector<Row> left;
    for (const Row& row : rows) {
        left.push_back(checked_cells(row, own_words));
    }
    Problems problems;
    for (std::size_t i = first; i < table.size(); ++i) {
        const Row wanted = expected_row(table[i]);
        if (const auto found = std::find(left.begin(), left.end(), wanted); found != left.end()) {
            left.erase(found);
        } else {
            problems.push_back(wanted[0] + " has no row");
        }
    }
    for (const Row& row : left) {
        problems.push_back((row.empty() ? std::string{"an empty row"} : row[0]) + " is not in the table");
    }
    return problems;
}

Problems problems_of(const std::string& page) {
    Problems problems = check_rows(sqsim::sim::fault_table, 1, rows_of(page, header_of_kinds), {2, 3});
    const Problems of_sites = check_rows(sqsim::sim::site_table, 0, rows_of(page, header_of_sites), {1});
    problems.insert(problems.end(), of_sites.begin(), of_sites.end());
    return problems;
}

std::string replaced(std::string page, std::string_view what, std::string_view by) {
    return page.replace(page.find(what), what.size(), by);
}

}  // namespace

TEST_CASE("the page on the faults has one row for each kind and each site, as the code has them", "[structure]") {
    const std::string page = structure::read_file(structure::source_dir() / "docs" / "faults.md");
    CHECK(problems_of(page) == Problems{});

    const auto problems_with = [&](std::string_view what, std::string_view by) {
        REQUIRE(page.find(what) != std::string::npos);
        return problems_of(replaced(page, what, by));
    };
    CHECK(problems_with("| `delete-survives` |", "| `revives` |") ==
          Problems{"`delete-survives` has no row", "`revives` is not in the table"});
    CHECK(problems_with("| `resend` | `send`, `send-entry` |", "| `resend` | `send` |") ==
          Problems{"`resend` has no row", "`resend` is not in the table"});
    CHECK(problems_with("| no | reorders |", "| yes | reorders |") ==
          Problems{"`to-back` has no row", "`to-back` is not in the table"});
    CHECK(problems_with("| yes | misses |", "| yes | faults |") ==
          Problems{"`partial-receive` has no row", "`partial-receive` is not in the table"});
    CHECK(problems_with("| in the middle of the `work_time` | none | `crash` |",
                        "| in the middle of the `work_time` | none | `crash`, `stall` |") ==
          Problems{"`working` has no row", "`working` is not in the table"});
    CHECK(problems_with("| after a delete, or a batch of them |", "| |") ==
          Problems{"`deleted` has no row", "an empty row is not in the table"});
    CHECK(problems_with("| `clock` | a call", "| `clock` | twice | `ahead`, `behind` | none |\n| `clock` | a call") ==
          Problems{"`clock` is not in the table"});
}

TEST_CASE("the page on the faults says what is offered at the sites that users name", "[structure]") {
    const std::string page = structure::read_file(structure::source_dir() / "docs" / "faults.md");
    const std::vector<Row> rows = rows_of(page, {"in your code", "site", "faults", "harm"});
    REQUIRE(rows.size() == 5);
    CHECK(rows[0] == Row{"`sim::point(name)`", "`name`", "none", words_text(sqsim::sim::harm_after)});
    CHECK(rows[1][2] == words_text({Fault::effect_fails, Fault::effect_unknown}));
    CHECK(rows[1][3] == words_text(sqsim::sim::harm_before));
    CHECK(rows[2][3] == words_text(sqsim::sim::harm_after));
    CHECK(rows[3][2] == words_text(Fault::call_fails));
    CHECK(rows[4][2] == words_text(Fault::free_choice));
}
