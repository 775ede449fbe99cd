// SPDX-License-Identifier: MIT

// Prints what sqsim_bench measured, as ratios to the baselines that the benchmarks name.
//
//   sqsim_bench_report results.json              one table
//   sqsim_bench_report before.json after.json    what changed between two runs

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

/// As much of JSON as a file of Google Benchmark needs. A value is text, a number, or has members; an array's members
/// have no names.
struct Json {
    std::string text{};
    double number = 0;
    std::vector<std::pair<std::string, Json>> members{};

    [[nodiscard]] const Json* find(std::string_view name) const {
        for (const auto& [member, value] : members) {
            if (member == name) {
                return &value;
            }
        }
        return nullptr;
    }
    [[nodiscard]] std::string text_of(std::string_view name) const {
        const Json* value = find(name);
        return value == nullptr ? std::string{} : value->text;
    }
};

class Parser {
public:
    explicit Parser(std::string_view text) : text_{text} {}

    [[nodiscard]] Json parse() {
        Json value = parse_value();
        if (next() != '\0') {
            fail();
        }
        return value;
    }

private:
    [[nodiscard]] Json parse_value() {
        Json value;
        switch (next()) {
        case '{':
        case '[':
            parse_members(value);
            break;
        case '"':
            value.text = parse_text();
            break;
        default:
            parse_word(value);
        }
        return value;
    }

    void parse_members(Json& value) {
        const bool named = text_[at_++] == '{';
        const char end = named ? '}' : ']';
        while (next() != end) {
            std::string name;
            if (named) {
                name = parse_text();
                expect(':');
            }
            value.members.emplace_back(std::move(name), parse_value());
            if (next() != end) {
                expect(',');
            }
        }
        ++at_;
    }

    [[nodiscard]] std::string parse_text() {
        expect('"');
        std::string text;
        while (at_ < text_.size() && text_[at_] != '"') {
            at_ += text_[at_] == '\\' ? 1U : 0U;  // an escaped character stands for itself: nothing here needs more
            if (at_ < text_.size()) {
                text += text_[at_++];
            }
        }
        expect('"');
        return text;
    }

    void parse_word(Json& value) {
        const std::size_t begin = at_;
        while (at_ < text_.size() && std::string_view{",]} \t\r\n"}.find(text_[at_]) == std::string_view::npos) {
            ++at_;
        }
        value.text = text_.substr(begin, at_ - begin);
        if (value.text.empty()) {
            fail();
        }
        value.number = std::strtod(value.text.c_str(), nullptr);
    }

    [[nodiscard]] char next() {
        while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) {
            ++at_;
        }
        return at_ < text_.size() ? text_[at_] : '\0';
    }

    void expect(char c) {
        if (next() != c) {
            fail();
        }
        ++at_;
    }

    [[noreturn]] void fail() const {
        throw std::runtime_error{"it is not a JSON file, at character " + std::to_string(at_)};
    }

    std::string_view text_;
    std::size_t at_ = 0;
};

struct Row {
    std::string name{};
    std::vector<std::string> baselines{};
    std::vector<double> times{};  // nanoseconds for each message, one for each repetition
    std::optional<double> bytes{};
    std::string error{};
    double family = 0;  // the place among the benchmarks: they ran in a random order

    /// A quantile of the repetitions, between neighbours where it falls between them.
    [[nodiscard]] double quantile(double share) const {
        const double place = share * static_cast<double>(times.size() - 1);
        const auto below = static_cast<std::size_t>(place);
        const std::size_t above = std::min(below + 1, times.size() - 1);
        return times[below] + (times[above] - times[below]) * (place - std::floor(place));
    }
    [[nodiscard]] double median() const { return quantile(0.5); }
    /// The distance between the quartiles as a share of the median.
    [[nodiscard]] double spread() const { return (quantile(0.75) - quantile(0.25)) / median(); }
};

using Rows = std::vector<Row>;

[[nodiscard]] const Row* find(const Rows& rows, std::string_view name) {
    const auto found = std::find_if(rows.begin(), rows.end(), [&](const Row& row) { return row.name == name; });
    return found == rows.end() || found->times.empty() ? nullptr : &*found;
}

/// The name without what the library of benchmarks appends to it.
[[nodiscard]] std::string plain_name(std::string name) {
    for (const std::string_view suffix : {"/iterations:", "/repeats:", "/manual_time"}) {
        name.resize(std::min(name.size(), name.find(suffix)));
    }
    return name;
}

[[nodiscard]] std::vector<std::string> split(const std::string& text) {
    std::vector<std::string> parts;
    std::istringstream stream{text};
    for (std::string part; std::getline(stream, part, '|');) {
        parts.push_back(part);
    }
    return parts;
}

[[nodiscard]] double nanoseconds_in(const std::string& unit) {
    static const std::map<std::string, double> units{{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
    const auto found = units.find(unit);
    if (found == units.end()) {
        throw std::runtime_error{"it has the unknown unit of time '" + unit + "'"};
    }
    return found->second;
}

[[nodiscard]] Rows rows_of(const Json& file) {
    const Json* benchmarks = file.find("benchmarks");
    if (benchmarks == nullptr) {
        throw std::runtime_error{"it has no benchmarks"};
    }
    Rows rows;
    for (const auto& [unused, benchmark] : benchmarks->members) {
        if (benchmark.text_of("run_type") == "aggregate") {
            continue;
        }
        const std::string name = plain_name(benchmark.text_of("run_name"));
        auto row = std::find_if(rows.begin(), rows.end(), [&](const Row& other) { return other.name == name; });
        if (row == rows.end()) {
            row = rows.insert(row, Row{.name = name});
        }
        if (const Json* family = benchmark.find("family_index")) {
            row->family = family->number;
        }
        if (benchmark.text_of("error_occurred") == "true") {
            row->error = benchmark.text_of("error_message");
            continue;
        }
        row->baselines = split(benchmark.text_of("label"));
        if (const Json* time = benchmark.find("real_time")) {
            row->times.push_back(time->number * nanoseconds_in(benchmark.text_of("time_unit")));
        }
        if (const Json* bytes = benchmark.find("bytes")) {
            row->bytes = bytes->number;
        }
    }
    for (Row& row : rows) {
        std::sort(row.times.begin(), row.times.end());
    }
    std::stable_sort(rows.begin(), rows.end(), [](const Row& a, const Row& b) { return a.family < b.family; });
    return rows;
}

[[nodiscard]] Rows read(const char* path) {
    try {
        std::ifstream stream{path};
        if (!stream) {
            throw std::runtime_error{"it cannot be read"};
        }
        std::ostringstream text;
        text << stream.rdbuf();
        return rows_of(Parser{text.str()}.parse());
    } catch (const std::exception& error) {
        throw std::runtime_error{std::string{path} + ": " + error.what()};
    }
}

/// Leaves a line free where the first part of the names changes.
class Sections {
public:
    void enter(const std::string& name) {
        const std::string section = name.substr(0, name.find('/'));
        if (section != last_) {
            std::printf("\n");
        }
        last_ = section;
    }

private:
    std::string last_{};
};

/// The median of a quantity: the memory where a benchmark measured that, else the time.
[[nodiscard]] double value_of(const Row& row) { return row.bytes ? *row.bytes : row.median(); }

void print_value(const Row& row, const char* format) { std::printf(format, value_of(row), row.bytes ? "B " : "ns"); }

void print_table(const Rows& rows) {
    std::printf("%-54s %14s %8s   %s\n", "scenario", "per message", "spread", "ratio to its baselines");
    Sections sections;
    for (const Row& row : rows) {
        sections.enter(row.name);
        std::printf("%-54s", row.name.c_str());
        if (row.times.empty()) {
            std::printf(" failed: %s\n", row.error.c_str());
            continue;
        }
        print_value(row, " %11.1f %s");
        std::printf(" %7.0f%%  ", 100 * row.spread());
        const char* separator = " ";
        for (const std::string& name : row.baselines) {
            if (const Row* baseline = find(rows, name)) {
                std::printf("%s%.2f x %s", separator, value_of(row) / value_of(*baseline), name.c_str());
                separator = ",  ";
            }
        }
        std::printf("\n");
    }
}

/// The ratio to the first baseline that was measured, too: the figure that compares across runs and machines.
[[nodiscard]] std::optional<double> ratio_of(const Row& row, const Rows& rows) {
    for (const std::string& name : row.baselines) {
        if (const Row* baseline = find(rows, name)) {
            return value_of(row) / value_of(*baseline);
        }
    }
    return std::nullopt;
}

void print_optional(const std::optional<double>& ratio) {
    if (ratio) {
        std::printf(" %8.2f", *ratio);
    } else {
        std::printf(" %8s", "");
    }
}

/// A change counts if both the time and, where there is one, the ratio to the baseline moved by more than the spread.
void print_comparison(const Rows& before, const Rows& after) {
    std::printf("%-54s %14s %14s %8s   %s\n", "scenario", "before", "after", "change", "ratio to its baseline");
    Sections sections;
    for (const Row& row : after) {
        sections.enter(row.name);
        std::printf("%-54s", row.name.c_str());
        const Row* old = find(before, row.name);
        if (row.times.empty() || old == nullptr) {
            std::printf(row.times.empty() ? " failed now\n" : " is new\n");
            continue;
        }
        const double change = value_of(row) / value_of(*old) - 1;
        print_value(*old, " %11.1f %s");
        print_value(row, " %11.1f %s");
        std::printf(" %+7.0f%%  ", 100 * change);
        const auto old_ratio = ratio_of(*old, before);
        const auto new_ratio = ratio_of(row, after);
        print_optional(old_ratio);
        print_optional(new_ratio);
        const double noise = std::max({row.spread(), old->spread(), 0.05});
        const double relative = old_ratio && new_ratio ? *new_ratio / *old_ratio - 1 : change;
        if (std::min(change, relative) > noise) {
            std::printf("  slower");
        } else if (std::max(change, relative) < -noise) {
            std::printf("  faster");
        }
        std::printf("\n");
    }
    for (const Row& row : before) {
        if (find(after, row.name) == nullptr) {
            std::printf("%-54s was not measured again\n", row.name.c_str());
        }
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc == 2) {
            print_table(read(argv[1]));
        } else if (argc == 3) {
            print_comparison(read(argv[1]), read(argv[2]));
        } else {
            std::fprintf(stderr, "usage: %s results.json | before.json after.json\n", argv[0]);
            return 2;
        }
    } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        return 1;
    }
    return 0;
}
