// SPDX-License-Identifier: MIT

#include "sqsim/sim/timeline_text.hpp"

#include "catch.hpp"

#include <algorithm>
#include <chrono>
#include <string>

namespace {

using namespace std::chrono_literals;
using sqsim::sim::Timeline;
using sqsim::sim::TimelineStep;
using sqsim::sim::to_text;
using Kind = TimelineStep::Kind;

TimelineStep step(std::chrono::nanoseconds at, std::size_t actor, std::string text) {
    TimelineStep result;
    result.at = result.until = at;
    result.actor = actor;
    result.text = std::move(text);
    return result;
}

Timeline stall_story() {
    Timeline timeline;
    timeline.actors = {"scenario", "consumer 1", "consumer 2"};
    timeline.steps = {step(0s, 0, "send #1, #2, #3"), step(0s, 1, "receive #2 (1st)"),
                      step(0s, 1, "point charged"),   step(30s, 2, "receive #2 (2nd)"),
                      step(30s, 2, "delete #2: ok"),  step(30001ms, 1, "delete #2: superseded")};
    timeline.steps[2].kind = Kind::point;
    timeline.steps[2].until = 30001ms;
    timeline.steps[2].fault = "consumer 1 stalls 30.001 s";
    return timeline;
}

std::size_t longest_line(const std::string& text) {
    std::size_t longest = 0;
    for (std::size_t begin = 0; begin < text.size();) {
        const std::size_t end = text.find('\n', begin);
        longest = std::max(longest, end - begin);
        begin = end + 1;
    }
    return longest;
}

}  // namespace

TEST_CASE("a timeline is told in aligned columns, with an arrow at what went wrong", "[sim]") {
    CHECK(to_text(stall_story()) == "  0.000  scenario    send #1, #2, #3\n"
                                    "  0.000  consumer 1  receive #2 (1st)\n"
                                    "  0.000  consumer 1  point charged  <-- consumer 1 stalls 30.001 s\n"
                                    " 30.000  consumer 2  receive #2 (2nd)\n"
                                    " 30.000  consumer 2  delete #2: ok\n"
                                    " 30.001  consumer 1  delete #2: superseded\n");
    CHECK(to_text(Timeline{}).empty());
}

TEST_CASE("the arrows of a timeline stand below each other", "[sim]") {
    Timeline timeline = stall_story();
    timeline.steps[1].fault = "out of order";
    timeline.steps[5].fault = "effect repeated";
    CHECK(to_text(timeline) == "  0.000  scenario    send #1, #2, #3\n"
                               "  0.000  consumer 1  receive #2 (1st)       <-- out of order\n"
                               "  0.000  consumer 1  point charged          <-- consumer 1 stalls 30.001 s\n"
                               " 30.000  consumer 2  receive #2 (2nd)\n"
                               " 30.000  consumer 2  delete #2: ok\n"
                               " 30.001  consumer 1  delete #2: superseded  <-- effect repeated\n");
}

TEST_CASE("instants get more than three digits only where they need them", "[sim]") {
    Timeline timeline;
    timeline.actors = {"a"};
    timeline.steps = {step(0s, 0, "x"), step(1500us, 0, "y"), step(30s - 1ns, 0, "z"), step(30s, 0, "u"),
                      step(96h, 0, "v")};
    CHECK(to_text(timeline) == "     0.000        a  x\n"
                               "     0.001500     a  y\n"
                               "    29.999999999  a  z\n"
                               "    30.000        a  u\n"
                               "345600.000        a  v\n");
}

TEST_CASE("a step that takes time says how long, once", "[sim]") {
    Timeline timeline;
    timeline.actors = {"a"};
    timeline.steps = {step(1s, 0, "receive: nothing"), step(3s, 0, "sleep")};
    timeline.steps[0].until = 3s;
    timeline.steps[1].until = 33s + 1ns;
    timeline.steps[1].fault = "stalls";
    CHECK(to_text(timeline) == "  1.000  a  receive: nothing [2 s]\n"
                               "  3.000  a  sleep [30.000000001 s]  <-- stalls\n");
    timeline.steps[1].fault = "stalls 30.000000001 s (visibility 30 s)";
    CHECK(to_text(timeline) == "  1.000  a  receive: nothing [2 s]\n"
                               "  3.000  a  sleep  <-- stalls 30.000000001 s (visibility 30 s)\n");
    timeline.steps[1].fault = "stalls 130.000000001 s";
    CHECK(to_text(timeline).find("sleep [30.000000001 s]  <-- stalls 130") != std::string::npos);
}

TEST_CASE("equal steps that follow each other are one line unless they matter", "[sim]") {
    Timeline timeline;
    timeline.actors = {"a", "b"};
    timeline.steps = {step(1s, 0, "receive: nothing"), step(2s, 0, "receive: nothing"), step(3s, 0, "receive: nothing"),
                      step(4s, 1, "receive: nothing"), step(5s, 1, "delete #1"),        step(6s, 1, "delete #1"),
                      step(7s, 1, "receive: nothing"), step(8s, 1, "receive: nothing")};
    timeline.steps[2].until = 4s;
    timeline.steps[4].message = timeline.steps[5].message = 1;
    timeline.steps[7].fault = "throttled";
    CHECK(to_text(timeline) == "  1.000  a  receive: nothing [x 3, until 4.000]\n"
                               "  4.000  b  receive: nothing\n"
                               "  5.000  b  delete #1\n"
                               "  6.000  b  delete #1\n"
                               "  7.000  b  receive: nothing\n"
                               "  8.000  b  receive: nothing  <-- throttled\n");
}

TEST_CASE("a long mark goes on below itself, or below a long text", "[sim]") {
    Timeline timeline;
    timeline.actors = {"consumer 1"};
    timeline.steps = {step(0s, 0, "send #1"),
                      step(0s, 0, "a text that is so long that next to nothing is left for a mark")};
    timeline.steps[0].fault = timeline.steps[1].fault =
        "resend: the reply to a send is lost and the producer sends again: a second message with another id";
    CHECK(
        to_text(timeline) ==
        "  0.000  consumer 1  send #1  <-- resend: the reply to a send is lost and the producer sends again: a second\n"
        "                                  message with another id\n"
        "  0.000  consumer 1  a text that is so long that next to nothing is left for a mark\n"
        "                       <-- resend: the reply to a send is lost and the producer sends again: a second "
        "message with\n"
        "                           another id\n");
}

TEST_CASE("no text breaks the columns, the width or the terminal", "[sim]") {
    Timeline timeline;
    timeline.actors = {std::string(100, 'n'), "a\x1b[31m\n\xff"};
    timeline.steps = {step(0s, 0, std::string(150, 'w')), step(0s, 1, "two\nlines"), step(0s, 7, "nobody")};
    for (int i = 0; i < 40; ++i) {
        timeline.steps[1].fault += "words and ";
    }
    const std::string text = to_text(timeline);
    CHECK(longest_line(text) <= 118);
    CHECK(text.starts_with("  0.000  nnnnnnnnnnnnnnnnnnnnnn..  wwww"));
    CHECK(text.find("\n  0.000  a\\x1b[31m\\n\\xff           two\\nlines  <-- words and words") != std::string::npos);
    CHECK(text.find("  actor 7                   nobody\n") != std::string::npos);
    CHECK(std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; }));
}
