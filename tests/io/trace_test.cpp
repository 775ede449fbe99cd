// SPDX-License-Identifier: MIT

#include "sqsim/io/trace.hpp"

#include "catch.hpp"
#include "io/json.hpp"
#include "io/sample_timeline.hpp"
#include "sqsim/io/text_file.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace std::chrono_literals;
using sqsim::sim::Timeline;
using sqsim::sim::to_chrome_trace;

std::vector<json::Value> events_of(const std::string& trace) {
    const auto value = json::parse(trace);
    REQUIRE(value);
    return (*value)["traceEvents"].items;
}

std::vector<json::Value> with(const std::vector<json::Value>& events, std::string_view key, std::string_view text) {
    std::vector<json::Value> found;
    std::copy_if(events.begin(), events.end(), std::back_inserter(found),
                 [&](const json::Value& event) { return event[key].text == text; });
    return found;
}

}  // namespace

TEST_CASE("a trace has a lane with a name for every actor", "[io]") {
    const auto events = events_of(to_chrome_trace(samples::stall(), "charging"));
    CHECK(with(events, "name", "process_name").at(0)["args"]["name"].text == "charging");
    const auto names = with(events, "name", "thread_name");
    REQUIRE(names.size() == 3);
    CHECK(names[1]["args"]["name"].text == "consumer 1");
    CHECK(names[1]["tid"].text == "2");
    CHECK(std::all_of(events.begin(), events.end(), [](const json::Value& event) { return event["pid"].text == "1"; }));
}

TEST_CASE("a trace has every step in its lane: a mark, or a bar if it takes time", "[io]") {
    const Timeline timeline = samples::stall();
    const auto events = events_of(to_chrome_trace(timeline));
    for (const auto& step : timeline.steps) {
        auto found = with(events, "name", step.text);
        found = with(found, "tid", std::to_string(step.actor + 1));
        found = with(found, "ph", step.until > step.at ? "X" : "i");
        INFO(step.text);
        CHECK(!found.empty());
    }
    const auto stall = with(events, "ph", "X");
    REQUIRE(stall.size() == 1);
    CHECK(stall[0]["ts"].text == "0");
    CHECK(stall[0]["dur"].text == "30001000");
    CHECK(stall[0]["args"]["message"].text == "#2");
}

TEST_CASE("a trace sets off what went wrong, with a flag across all lanes", "[io]") {
    const auto events = events_of(to_chrome_trace(samples::stall()));
    const auto faults = with(events, "cat", "fault");
    REQUIRE(faults.size() == 2);
    CHECK(faults[0]["args"]["fault"].text == "consumer 1 stalls 30.001 s");
    CHECK(faults[1]["name"].text == "consumer 1 stalls 30.001 s");
    CHECK(faults[1]["s"].text == "p");
}

TEST_CASE("a trace has leases as pairs of events, each with an id of its own", "[io]") {
    Timeline timeline = samples::stall();
    timeline.leases.push_back({1, 2, true, 10s, std::chrono::nanoseconds::max(), false});
    timeline.leases.push_back({1, 2, true, 50s, 60s, false});
    const auto leases = with(events_of(to_chrome_trace(timeline)), "cat", "lease");
    REQUIRE(leases.size() == 10);
    for (std::size_t i = 0; i < leases.size(); ++i) {
        CHECK(leases[i]["ph"].text == (i % 2 == 0 ? "b" : "e"));
        CHECK(leases[i]["id"].text == std::to_string(i / 2 + 1));
    }
    CHECK(leases[0]["name"].text == "message #2");
    CHECK(leases[0]["args"]["ended by"].text == "time");
    CHECK(leases[1]["ts"].text == "30000000");
    CHECK(leases[2]["args"]["ended by"].text == "delete");
    // One that outlives the run is cut: it would be all that a viewer shows.
    CHECK(leases[6]["name"].text == "message #2b");
    CHECK(leases[7]["ts"].text == "30001000");
    CHECK(leases[9]["ts"].number() >= leases[8]["ts"].number());
}

TEST_CASE("times in a trace are microseconds down to the nanosecond", "[io]") {
    Timeline timeline;
    timeline.actors = {"a"};
    timeline.steps = {samples::step(30s - 1ns, 0, "x"), samples::step(1us, 0, "y"), samples::step(10ns, 0, "z")};
    const auto points = with(events_of(to_chrome_trace(timeline)), "ph", "i");
    REQUIRE(points.size() == 3);
    CHECK(points[0]["ts"].text == "29999999.999");
    CHECK(points[1]["ts"].text == "1");
    CHECK(points[2]["ts"].text == "0.010");
}

TEST_CASE("a trace is JSON whatever the texts are", "[io]") {
    const Timeline timeline = samples::hostile_stall();
    const auto events = events_of(to_chrome_trace(timeline, samples::hostile));
    const auto names = with(events, "name", "thread_name");
    const std::string name = names.at(1)["args"]["name"].text;
    const std::string plain = "consumer 1\"\\</script></title><b onload='x'>&amp;\x01\x1b[31m\x7f\n\r\t";
    CHECK(name.substr(0, plain.size()) == plain);
    CHECK(name.find(" \xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80 ") != std::string::npos);
    CHECK(name.find("\xff") == std::string::npos);

    std::string all;
    for (int byte = 0; byte < 256; ++byte) {
        all += static_cast<char>(byte);
    }
    for (std::size_t size = 0; size <= all.size(); ++size) {
        CHECK(json::parse(sqsim::sim::detail::json_string(all.substr(0, size))));
    }
    CHECK(json::parse(to_chrome_trace(Timeline{})));
}

TEST_CASE("bytes that are no UTF-8 are told from those that are", "[io]") {
    using sqsim::sim::detail::utf8_size;
    for (const auto* good :
         {"a", "\xc2\x80", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xef\xbf\xbf", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
        CHECK(utf8_size(good) == std::string_view{good}.size());
    }
    for (const auto* bad : {"", "\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc2", "\xc2 ", "\xe0\x9f\xbf", "\xed\xa0\x80",
                            "\xe2\x82", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff"}) {
        CHECK(utf8_size(bad) == 0);
    }
}

TEST_CASE("the strict reader of JSON refuses what is not JSON", "[io]") {
    for (const auto* bad : {"", "{", "[1,]", "{\"a\":1,}", "{\"a\":1,\"a\":2}", "\"\n\"", "\"\\x\"", "\"\xff\"", "01",
                            "1.", ".5", "nul", "[1] 2", "{a:1}", "'a'", "\"a", "\"\\u00g0\""}) {
        INFO(bad);
        CHECK(!json::parse(bad));
    }
    CHECK(json::parse(" {\"a\" : [1.5, -0, \"\\\"\\u001f\", null, true], \"b\":{}} "));
}

TEST_CASE("a text is written to a file byte by byte, or it is told that it was not", "[io]") {
    const std::string path = "sqsim_text_file_test.tmp";
    const std::string text{"a\nb\r\n\0c", 7};
    REQUIRE(sqsim::sim::write_text_file(path, "something longer that was there before"));
    REQUIRE(sqsim::sim::write_text_file(path, text));
    std::string read(100, '\0');
    std::FILE* const file = std::fopen(path.c_str(), "rb");
    REQUIRE(file != nullptr);
    read.resize(std::fread(read.data(), 1, read.size(), file));
    std::fclose(file);
    CHECK(read == text);
    CHECK(std::remove(path.c_str()) == 0);
    CHECK_FALSE(sqsim::sim::write_text_file("no/such/folder/file", text));
}
