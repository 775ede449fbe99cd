// SPDX-License-Identifier: MIT
#pragma once

#include "chart.hpp"
#include "pipeline.hpp"
#include "records.hpp"

#include "sqsim/metrics.hpp"

#include <array>
#include <cstdint>
#include <iomanip>
#include <ostream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// What is told at the end, and whether it adds up.

namespace donations {

struct ConsumerReport {
    std::string name{};
    ConsumerTally tally{};
};

struct Report {
    std::uint64_t sent = 0;
    Cents donated = 0;
    Cents credited = 0;
    std::uint64_t donations_credited = 0;
    std::vector<ConsumerReport> consumers{};
    sqsim::QueueCounts left{};
    std::vector<sqsim::QueueCounts> samples{};

    [[nodiscard]] ConsumerTally total() const {
        ConsumerTally sum;
        for (const ConsumerReport& consumer : consumers) {
            sum += consumer.tally;
        }
        return sum;
    }
};

inline void print_chart(std::ostream& out, std::span<const sqsim::QueueCounts> samples) {
    std::array<Series, 3> series{{{.label = "available: visible, waits for a consumer", .rows = 8},
                                  {.label = "delayed: sent, not yet visible", .rows = 5},
                                  {.label = "in flight: received, not yet deleted", .rows = 2}}};
    for (const sqsim::QueueCounts& counts : samples) {
        series[0].values.push_back(counts.visible);
        series[1].values.push_back(counts.delayed);
        series[2].values.push_back(counts.in_flight);
    }
    out << chart(series);
}

inline void print_consumers(std::ostream& out, const Report& report) {
    out << "consumer  received  redelivered  credited  repeated  unfinished  deleted\n";
    const auto row = [&out](std::string_view name, const ConsumerTally& tally) {
        out << std::left << std::setw(8) << name << std::right << std::setw(10) << tally.received << std::setw(13)
            << tally.redelivered << std::setw(10) << tally.credited << std::setw(10) << tally.repeated << std::setw(12)
            << tally.unfinished() << std::setw(9) << tally.deleted << '\n';
    };
    for (const ConsumerReport& consumer : report.consumers) {
        row(consumer.name, consumer.tally);
    }
    row("total", report.total());
}

/// Prints what must be equal. Returns whether it is.
[[nodiscard]] inline bool print_checks(std::ostream& out, const Report& report) {
    bool good = true;
    const auto check = [&](std::string_view what, bool holds, const std::string& values) {
        out << (holds ? "  ok     " : "  WRONG  ") << std::left << std::setw(42) << what << std::right << std::setw(20)
            << values << '\n';
        good = good && holds;
    };
    const auto equal = [&](std::string_view what, std::uint64_t a, std::uint64_t b) {
        check(what, a == b, std::to_string(a) + " = " + std::to_string(b));
    };
    const ConsumerTally total = report.total();
    check("money in = money credited", report.donated == report.credited,
          to_decimal(report.donated) + " = " + to_decimal(report.credited));
    equal("messages sent = donations credited", report.sent, report.donations_credited);
    equal("messages sent = deletes", report.sent, total.deleted);
    check("receives = messages sent + redeliveries", total.received == report.sent + total.redelivered,
          std::to_string(total.received) + " = " + std::to_string(report.sent) + " + " +
              std::to_string(total.redelivered));
    equal("messages left = 0", report.left.total(), 0);
    return good;
}

}  // namespace donations
