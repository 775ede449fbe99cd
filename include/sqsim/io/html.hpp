// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/io/escape.hpp"
#include "sqsim/io/html_diagram.hpp"
#include "sqsim/io/html_measure.hpp"
#include "sqsim/io/html_style.hpp"
#include "sqsim/io/trace.hpp"
#include "sqsim/sim/timeline.hpp"
#include "sqsim/sim/timeline_fold.hpp"
#include "sqsim/sim/timeline_text.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// What a page tells of a run. Any bytes may be in the texts.
struct HtmlPage {
    std::string title{};    // what was tested
    std::string verdict{};  // "key 2 charged 2 times"
    std::string plan{};     // one line
    std::string token{};    // to run it again
    Timeline timeline{};
    bool ok = false;

    friend bool operator==(const HtmlPage&, const HtmlPage&) = default;
};

namespace detail::html {

[[nodiscard]] inline std::string count_text(std::size_t count, std::string_view one) {
    return std::to_string(count) + " " + std::string{one} + (count == 1 ? "" : "s");
}

/// What the shapes mean, as far as they occur.
[[nodiscard]] inline std::string legend(const Timeline& timeline) {
    std::string out = "<ul class=\"legend\">\n";
    const auto entry = [&](bool occurs, std::string_view drawing, std::string_view meaning) {
        if (occurs) {
            out += "<li><svg class=\"key\" viewBox=\"0 0 26 18\" aria-hidden=\"true\">";
            out += drawing;
            out += "</svg>";
            out += meaning;
            out += "</li>\n";
        }
    };
    const auto any_step = [&](auto matches) {
        return std::any_of(timeline.steps.begin(), timeline.steps.end(), matches);
    };
    const auto any_lease = [&](auto matches) {
        return std::any_of(timeline.leases.begin(), timeline.leases.end(), matches);
    };
    using Kind = TimelineStep::Kind;
    const auto kind = [&](Kind wanted, std::string_view meaning) {
        entry(any_step([&](const TimelineStep& step) { return step.kind == wanted; }), marker_shape(wanted, 13, 9),
              meaning);
    };
    kind(Kind::call, "call of a queue");
    kind(Kind::point, "point in the code");
    kind(Kind::life, "an actor starts or leaves");
    kind(Kind::service, "the queue by itself");
    entry(any_step([](const TimelineStep& step) { return !step.fault.empty(); }),
          "<circle class=\"halo\" cx=\"13\" cy=\"9\" r=\"8\"/><circle cx=\"13\" cy=\"9\" r=\"4\"/>", "fault");
    entry(any_lease([](const TimelineLease& lease) { return lease.deleted; }),
          "<g class=\"m m0\"><rect class=\"bar\" x=\"1\" y=\"3\" width=\"24\" height=\"12\"/>"
          "<line class=\"done\" x1=\"23\" y1=\"3\" x2=\"23\" y2=\"15\"/></g>",
          "in flight until deleted");
    entry(any_lease([](const TimelineLease& lease) { return !lease.deleted; }),
          "<g class=\"m m0\"><rect class=\"bar\" x=\"1\" y=\"3\" width=\"24\" height=\"12\"/>"
          "<line class=\"lapsed\" x1=\"24\" y1=\"3\" x2=\"24\" y2=\"15\"/></g>",
          "in flight until its time is over");
    const bool gap = any_step([&](const TimelineStep& step) { return step.at != timeline.steps.front().at; });
    entry(gap, "<rect class=\"gap\" x=\"3\" y=\"1\" width=\"20\" height=\"16\"/>",
          "time in which nothing happens, not to scale");
    return out + "</ul>\n";
}

[[nodiscard]] inline std::string row(const Timeline& timeline, std::size_t index) {
    const TimelineStep& step = timeline.steps[index];
    const std::string number = std::to_string(index + 1);
    std::string kinds = index > 0 && timeline.steps[index - 1].at == step.at ? "same" : "later";
    if (!step.fault.empty()) {
        kinds += " bad";
    }
    std::string out = "<tr id=\"s" + number + "\" class=\"" + kinds + "\"><td class=\"n\"><a href=\"#d" + number +
                      "\">" + number + "</a></td><td class=\"t\">" + instant_text(step.at) + "</td><td class=\"d\">" +
                      (step.until > step.at ? span_text(step.until - step.at) : "") + "</td><td class=\"a\">" +
                      html_text(actor_name(timeline, step.actor)) + "</td><td><i class=\"" +
                      (step.message == 0 ? "m none" : message_class(step.message)) + "\"></i>" + html_text(step.text);
    if (!step.fault.empty()) {
        out += "<strong>" + html_text(step.fault) + "</strong>";
    }
    return out + "</td></tr>\n";
}

}  // namespace detail::html

/// A page that shows a run: the verdict, the plan and its token, a diagram of who did what when, and a table of all
/// steps. It refers to nothing outside itself, follows the reader's choice of light or dark and can be printed. A long
/// run is shortened: cycles are counted, and up to some 400 steps are shown.
[[nodiscard]] inline std::string to_html(const HtmlPage& page) {
    constexpr std::size_t most_steps = 400;
    const Timeline timeline = detail::TimelineFold::fold(page.timeline, most_steps);
    const auto faults = static_cast<std::size_t>(std::count_if(
        timeline.steps.begin(), timeline.steps.end(), [](const TimelineStep& step) { return !step.fault.empty(); }));
    std::vector<bool> acts(timeline.actors.size() + 1, false);
    for (const TimelineStep& step : timeline.steps) {
        acts[std::min(step.actor, timeline.actors.size())] = true;
    }
    const auto actors = static_cast<std::size_t>(std::count(acts.begin(), acts.end(), true));
    std::string out = "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n<title>";
    out += detail::html_text(page.title) + "</title>\n<style>\n";
    out += detail::html::style;
    out += page.ok ? "</style>\n</head>\n<body>\n<main class=\"ok\">\n" : "</style>\n</head>\n<body>\n<main>\n";
    out += "<p class=\"name\">" + detail::html_text(page.title) + "</p>\n<h1><b>" + (page.ok ? "Holds" : "Fails") +
           "</b>" + detail::html_text(page.verdict) + "</h1>\n<dl>\n";
    if (!page.plan.empty()) {
        out += "<dt>Plan</dt><dd>" + detail::html_text(page.plan) + "</dd>\n";
    }
    if (!page.token.empty()) {
        out += "<dt>Replay</dt><dd><code>" + detail::html_text(page.token) + "</code></dd>\n";
    }
    out += "<dt>Run</dt><dd>" + detail::html::count_text(page.timeline.steps.size(), "step") + " of " +
           detail::html::count_text(actors, "actor") + " in " + detail::html::span_text(detail::end_of(timeline)) +
           " of virtual time, " + detail::html::count_text(faults, "fault") + "</dd>\n</dl>\n";
    if (!timeline.steps.empty()) {
        out += "<div class=\"card\">\n" + detail::html::DiagramWriter{timeline}.write() + "</div>\n" +
               detail::html::legend(timeline) +
               "<h2>Steps</h2>\n<div class=\"card\">\n<table>\n<thead><tr><th class=\"n\">#</th><th class=\"t\">"
               "seconds</th><th class=\"d\">takes</th><th class=\"a\">actor</th><th>step</th></tr></thead>\n<tbody>\n";
        for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
            out += detail::html::row(timeline, i);
        }
        out += "</tbody>\n</table>\n</div>\n";
    }
    out += "</main>\n<script>\n";
    out += detail::html::script;
    return out + "</script>\n</body>\n</html>\n";
}

}  // namespace sqsim::inline SQSIM_ABI::sim
