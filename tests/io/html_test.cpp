// SPDX-License-Identifier: MIT

#include "sqsim/io/html.hpp"

#include "catch.hpp"
#include "io/sample_timeline.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using sqsim::sim::HtmlPage;
using sqsim::sim::Timeline;
using sqsim::sim::TimelineStep;
using sqsim::sim::to_html;

HtmlPage page_of(Timeline timeline) {
    return {"charging", "key 2 charged 2 times", "1 fault", "stall@charged#2.1", std::move(timeline), false};
}

/// As many steps as asked for, of three actors, at a few instants.
Timeline long_story(std::size_t steps) {
    Timeline timeline;
    timeline.actors = {"scenario", "consumer 1", "consumer 2"};
    for (std::size_t i = 0; i < steps; ++i) {
        const auto message = static_cast<std::uint32_t>(i / 3 % 9 + 1);
        timeline.steps.push_back(samples::step(
            i / 20 * 30s, i % 3, (i % 3 == 0 ? "send #" : "receive #") + std::to_string(message), message));
        timeline.steps.back().fault = i % 11 == 0 || i % 12 == 2 ? "fault " + std::to_string(i) + "." : "";
        if (i % 3 != 0) {
            timeline.leases.push_back({i % 3, message, false, i / 20 * 30s, i / 20 * 30s + 45s, false});
        }
    }
    return timeline;
}

std::size_t count(std::string_view text, std::string_view part) {
    std::size_t found = 0;
    for (std::size_t at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) {
        ++found;
    }
    return found;
}

/// Whether every tag is closed, in order, and every attribute is in double quotes.
bool well_formed(std::string_view text) {
    const std::vector<std::string_view> single{"!DOCTYPE", "meta"};
    std::vector<std::string_view> open;
    while (true) {
        const std::size_t begin = text.find('<');
        if (begin == std::string_view::npos) {
            return open.empty();
        }
        text.remove_prefix(begin + 1);
        const bool closing = text.starts_with('/');
        text.remove_prefix(closing ? 1 : 0);
        const std::string_view name = text.substr(0, text.find_first_of(" />\n"));
        bool quoted = false;
        std::size_t end = 0;
        for (; end < text.size() && (quoted || text[end] != '>'); ++end) {
            quoted = quoted != (text[end] == '"');
            if (!quoted && (text[end] == '<' || text[end] == '\'')) {
                return false;
            }
        }
        if (end == text.size()) {
            return false;
        }
        const bool alone = text[end - 1] == '/';
        text.remove_prefix(end + 1);
        if (closing) {
            if (open.empty() || open.back() != name) {
                return false;
            }
            open.pop_back();
        } else if (!alone && std::find(single.begin(), single.end(), name) == single.end()) {
            open.push_back(name);
            if (name == "script" || name == "style") {
                text.remove_prefix(std::min(text.find("</"), text.size()));
            }
        }
    }
}

}  // namespace

TEST_CASE("a page tells the verdict, the plan and the token", "[io]") {
    HtmlPage page = page_of(samples::stall());
    std::string html = to_html(page);
    CHECK(html.find("<title>charging</title>") != std::string::npos);
    CHECK(html.find("<h1><b>Fails</b>key 2 charged 2 times</h1>") != std::string::npos);
    CHECK(html.find("<dd>1 fault</dd>") != std::string::npos);
    CHECK(html.find("<code>stall@charged#2.1</code>") != std::string::npos);
    CHECK(html.find("13 steps of 3 actors in 30.001 s of virtual time, 1 fault<") != std::string::npos);
    page.ok = true;
    page.token.clear();
    html = to_html(page);
    CHECK(html.find("<b>Holds</b>") != std::string::npos);
    CHECK(html.find("<code>") == std::string::npos);
}

TEST_CASE("a page has every step and every fault, in the diagram and in the table", "[io]") {
    for (const std::size_t steps : {1U, 5U, 150U, 300U}) {
        const Timeline timeline = long_story(steps);
        const std::string html = to_html(page_of(timeline));
        INFO(steps);
        CHECK(well_formed(html));
        CHECK(count(html, "class=\"bar\"") >= timeline.leases.size());
        for (std::size_t i = 0; i < steps; ++i) {
            const std::string number = std::to_string(i + 1);
            CHECK(count(html, "<a id=\"d" + number + "\" href=\"#s" + number + "\"") == 1);
            CHECK(count(html, "<tr id=\"s" + number + "\"") == 1);
            if (const std::string& fault = timeline.steps[i].fault; !fault.empty()) {
                CHECK(count(html, "<strong>" + fault + "</strong>") == 1);
                CHECK(count(html, ">" + fault + "</text>") == 1);
            }
        }
        for (const TimelineStep& step : timeline.steps) {
            CHECK(count(html, "</i>" + step.text) >= 1);
        }
    }
}

TEST_CASE("a page refers to nothing outside itself", "[io]") {
    const std::string html = to_html(page_of(long_story(50)));
    for (const auto* word : {"http", "//", "src=", "@import", "<link", "<img", "data:"}) {
        INFO(word);
        CHECK(html.find(word) == std::string::npos);
    }
    CHECK(count(html, "url(") == count(html, "url(#"));
    CHECK(count(html, "href=\"") == count(html, "href=\"#"));
}

TEST_CASE("a page shows hostile texts as texts", "[io]") {
    const std::string& hostile = samples::hostile;
    const std::string html = to_html({hostile, hostile, hostile, hostile, samples::hostile_stall(), false});
    CHECK(well_formed(html));
    CHECK(count(html, "<script>") == 1);
    CHECK(count(html, "</script>") == 1);
    CHECK(count(html, "<b ") == 0);
    CHECK(html.find("<h1><b>Fails</b>&quot;\\&lt;/script&gt;&lt;/title&gt;&lt;b onload=&#39;x&#39;&gt;&amp;amp;") !=
          std::string::npos);
    CHECK(html.find(" \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ") != std::string::npos);
    CHECK(
        std::none_of(html.begin(), html.end(), [](char c) { return (c >= 0 && c < ' ' && c != '\n') || c == '\x7f'; }));
    std::string_view rest = html;
    while (!rest.empty() && sqsim::sim::detail::utf8_size(rest) != 0) {
        rest.remove_prefix(sqsim::sim::detail::utf8_size(rest));
    }
    CHECK(rest.empty());
}

TEST_CASE("nothing in the diagram covers another label of its lane or leaves the picture", "[io]") {
    using sqsim::sim::detail::html::text_width;
    Timeline timeline = long_story(300);
    for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
        timeline.steps[i].actor = i / 4 % 3;
    }
    const auto layout = sqsim::sim::detail::html::LayoutMaker{timeline}.make();
    CHECK(layout.staves > 5);
    std::vector<sqsim::sim::detail::html::Spot> free(3);
    std::vector<sqsim::sim::detail::html::Spot> free_of_flags(3);
    sqsim::sim::detail::html::Spot last;
    for (std::size_t i = 0; i < timeline.steps.size(); ++i) {
        const auto& marker = layout.markers[i];
        const std::size_t lane = timeline.steps[i].actor;
        CHECK(marker.at > last);
        CHECK(marker.at > free[lane]);
        CHECK((marker.flag.empty() || marker.at > free_of_flags[lane]));
        last = marker.at;
        free[lane] = {marker.at.stave, marker.at.x + text_width(marker.label)};
        if (!marker.flag.empty()) {
            free_of_flags[lane] = {marker.at.stave, marker.at.x + text_width(marker.flag)};
        }
        CHECK(marker.at.x > layout.left);
        CHECK(free[lane].x <= sqsim::sim::detail::html::diagram_right);
        CHECK(free_of_flags[lane].x <= sqsim::sim::detail::html::diagram_right);
    }
}

TEST_CASE("a bar goes from the receive to the delete, or to when its time is over", "[io]") {
    const Timeline timeline = samples::stall();
    const auto layout = sqsim::sim::detail::html::LayoutMaker{timeline}.make();
    const auto bars = sqsim::sim::detail::html::BarPlacer{timeline, layout}.place();
    REQUIRE(bars.size() == 3);
    CHECK(bars[0].from == layout.markers[4].at);
    CHECK(bars[0].until < layout.markers[9].at);
    CHECK(bars[0].until > layout.markers[8].at);
    CHECK(bars[1].from == layout.markers[5].at);
    CHECK(bars[1].until == layout.markers[7].at);
    CHECK(bars[2].from == layout.markers[10].at);
    CHECK(bars[2].until == layout.markers[11].at);
}

TEST_CASE("bars begin at the receive of several messages, where its wait ends", "[io]") {
    Timeline timeline;
    timeline.actors = {"scenario", "consumer"};
    timeline.steps = {samples::step(0s, 1, "receive #11"),
                      samples::step(20s, 0, "send", 1),
                      samples::step(20s, 1, "delete"),
                      samples::step(25s, 1, "receive #11 (1st)"),
                      samples::step(25s, 1, "receive #11 #1 (1st)"),
                      samples::step(30s, 1, "delete #11 #1")};
    timeline.steps[0].until = 20s;
    timeline.leases = {{1, 11, false, 20s, 21s, false}, {1, 1, false, 25s, 30s, true}};
    const auto layout = sqsim::sim::detail::html::LayoutMaker{timeline}.make();
    const auto bars = sqsim::sim::detail::html::BarPlacer{timeline, layout}.place();
    REQUIRE(bars.size() == 2);
    CHECK(bars[0].from == layout.markers[0].until);
    CHECK(bars[1].from == layout.markers[4].at);
    CHECK(bars[1].until == layout.markers[5].at);
}

TEST_CASE("bars of one message that was received twice at once begin at different receives", "[io]") {
    Timeline timeline;
    timeline.actors = {"scenario", "consumer"};
    timeline.steps = {samples::step(0s, 1, "receive #1 (1st)"), samples::step(0s, 1, "delete #1: superseded"),
                      samples::step(0s, 1, "receive #1 (2nd)"), samples::step(0s, 1, "delete #1: ok")};
    timeline.leases = {{1, 1, false, 0s, 30s, false}, {1, 1, false, 0s, 0s, true}};
    const auto layout = sqsim::sim::detail::html::LayoutMaker{timeline}.make();
    const auto bars = sqsim::sim::detail::html::BarPlacer{timeline, layout}.place();
    REQUIRE(bars.size() == 2);
    CHECK(bars[0].from == layout.markers[0].at);
    CHECK(bars[1].from == layout.markers[2].at);
    CHECK(bars[1].until == layout.markers[3].at);
}

TEST_CASE("bars that overlap are in different rows of their lane", "[io]") {
    Timeline timeline;
    timeline.actors = {"scenario", "consumer"};
    timeline.steps = {samples::step(0s, 1, "receive #1", 1), samples::step(0s, 1, "receive #2", 2),
                      samples::step(1s, 1, "delete #1", 1), samples::step(2s, 1, "receive #3", 3)};
    timeline.leases = {{1, 1, false, 0s, 1s, true}, {1, 2, false, 0s, 30s, false}, {1, 3, false, 2s, 32s, false}};
    const auto layout = sqsim::sim::detail::html::LayoutMaker{timeline}.make();
    const auto bars = sqsim::sim::detail::html::BarPlacer{timeline, layout}.place();
    REQUIRE(bars.size() == 3);
    CHECK(bars[0].row == 0);
    CHECK(bars[1].row == 1);
    CHECK(bars[2].row == 0);
    CHECK(!bars[0].open);
    CHECK(bars[1].open);
}

TEST_CASE("an actor that does nothing has no lane", "[io]") {
    Timeline timeline = samples::stall();
    timeline.actors.push_back("idle");
    const std::string html = to_html(page_of(timeline));
    CHECK(html.find("idle") == std::string::npos);
    CHECK(html.find(">consumer 2</text>") != std::string::npos);
    CHECK(html.find("13 steps of 3 actors") != std::string::npos);
}

TEST_CASE("a page of a strange timeline is still a page", "[io]") {
    CHECK(well_formed(to_html(HtmlPage{})));
    Timeline timeline;
    timeline.steps = {samples::step(10s, 7, "nobody"), samples::step(5s, static_cast<std::size_t>(-1), "")};
    timeline.steps[0].until = std::chrono::nanoseconds::max();
    timeline.leases = {{9, 1, true, 0s, std::chrono::nanoseconds::max(), false}, {9, 1, true, 7s, 6s, true}};
    const std::string html = to_html(page_of(timeline));
    CHECK(well_formed(html));
    CHECK(html.find("nobody") != std::string::npos);
    timeline.steps.clear();
    CHECK(well_formed(to_html(page_of(timeline))));
}

TEST_CASE("the check of pages reports what a browser would have to repair", "[io]") {
    for (const auto* bad :
         {"<p>", "</p>", "<p><b></p></b>", "<p class='a'></p>", "<p class=\"a></p>", "<p <b></b></p>"}) {
        INFO(bad);
        CHECK(!well_formed(bad));
    }
    CHECK(well_formed("<!DOCTYPE html><p class=\"a > b\">x<line/></p>"));
}

TEST_CASE("spans of time have the unit that people would use", "[io]") {
    using sqsim::sim::detail::html::span_text;
    CHECK(span_text(1ns) == "1 ns");
    CHECK(span_text(1500ns) == "1.5 \xc2\xb5s");
    CHECK(span_text(1ms) == "1 ms");
    CHECK(span_text(999999999ns) == "999.999999 ms");
    CHECK(span_text(30s) == "30 s");
    CHECK(span_text(30001ms) == "30.001 s");
    CHECK(span_text(5min) == "5 min");
    CHECK(span_text(90min) == "1 h 30 min");
    CHECK(span_text(12h) == "12 h");
    CHECK(span_text(96h) == "4 d");
    CHECK(span_text(100h) == "4 d 4 h");
    CHECK(span_text(96h - 1s) == "345599 s");
}
