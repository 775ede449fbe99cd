// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/io/html.hpp"
#include "sqsim/io/trace.hpp"
#include "sqsim/sim/report.hpp"
#include "sqsim/sim/report_text.hpp"

#include <string>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// A report as a page: with the diagram of the violating execution, if there is one.
[[nodiscard]] inline std::string to_html(const Report& report) {
    HtmlPage page;
    page.title = report.name.empty() ? "the scenario" : report.name;
    page.verdict = report.problem;
    for (const std::string& text : detail::plan_lines(report)) {
        constexpr std::string_view label = "minimal plan: ";  // the page has one of its own
        std::string_view line = text;
        line.remove_prefix(line.starts_with(label) ? label.size() : 0);
        page.plan += page.plan.empty() ? "" : "; ";
        page.plan += line;
    }
    page.token = report.token;
    page.timeline = report.timeline;
    page.ok = report.ok();
    return to_html(page);
}

/// The violating execution of a report as JSON trace events; without one, a trace of nothing.
[[nodiscard]] inline std::string to_chrome_trace(const Report& report) {
    return to_chrome_trace(report.timeline, report.name);
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
