// SPDX-License-Identifier: MIT

// Catches a token that does not name its plan, that is too long, or that is malformed and accepted all the same.

#include "sim/sim_support.hpp"

#include <string>
#include <string_view>

namespace {

using namespace simulated;

std::string problem(std::string_view token) {
    const auto plan = plan_from_token(token);
    return plan ? "" : plan.error().what();
}

}  // namespace

TEST_CASE("a token names the fault, the place, the message, and which time it is", "[sim][token]") {
    CHECK(to_token(FaultPlan{}) == "none");
    CHECK(to_token(FaultPlan{{.fault = "crash", .site = "charged", .subject = 2, .occurrence = 3}}) ==
          "crash@charged#2.3");
    CHECK(to_token(FaultPlan{{.fault = "empty-receive", .site = "receive"}}) == "empty-receive@receive.1");
    CHECK(to_token(FaultPlan{{.fault = "order", .parameter = 2, .site = "next", .occurrence = 4}}) == "order2@next.4");
    CHECK(to_token(FaultPlan{{.fault = "dup", .site = "receive", .subject = 3, .copy = true}}) == "dup@receive#3b.1");
    CHECK(to_token(FaultPlan{{.fault = "lost", .site = "mails:delete", .subject = 1}}) == "lost@mails:delete#1.1");
    CHECK(to_token(FaultPlan{{.fault = "dup", .site = "receive", .subject = 2},
                             {.fault = "crash", .site = "charged", .subject = 2, .occurrence = 2}}) ==
          "dup@receive#2.1+crash@charged#2.2");
}

TEST_CASE("what a token says is read again", "[sim][token]") {
    const FaultPlan plans[] = {
        {},
        {{.fault = "crash", .site = "charged", .subject = 2, .occurrence = 3}},
        {{.fault = "stall", .parameter = 12, .site = "a-b_c:d", .subject = 4'000'000, .copy = true, .occurrence = 99}},
        {{.fault = "lost-reply", .site = "delete", .subject = 1},
         {.fault = "order", .parameter = 3, .site = "next", .occurrence = 2},
         {.fault = "effect-unknown", .site = "x", .subject = 7}},
    };
    for (const FaultPlan& plan : plans) {
        INFO(to_token(plan));
        CHECK(plan_from_token(to_token(plan)).value() == plan);
    }
}

TEST_CASE("a token of three faults has at most 80 characters, however long their names are", "[sim][token]") {
    const std::string names[] = {"after the card of the customer was charged", "a point with quite another long name",
                                 std::string(300, 'x')};
    FaultPlan plan;
    for (const std::string& name : names) {
        plan.push_back({.fault = "effect-unknown", .site = name, .subject = 9, .occurrence = 9});
    }
    CHECK(to_token(plan).size() <= maximum_token_size);
    // What may happen at a point of the user's, whose name may be long.
    for (const Fault kind : {Fault::crash, Fault::stall, Fault::preempt, Fault::effect_fails, Fault::effect_unknown}) {
        const FaultPlan three(3, {.fault = std::string{info(kind).word},
                                  .parameter = kind == Fault::stall ? 12U : 0U,
                                  .site = names[2],
                                  .subject = 9,
                                  .occurrence = 9});
        INFO(to_token(three));
        CHECK(to_token(three).size() <= maximum_token_size);
        CHECK(plan_from_token(to_token(three)).value().size() == 3);
    }
}

TEST_CASE("a shortened name stays different from others that begin alike", "[sim][token]") {
    const auto token = [](const std::string& place) { return to_token(FaultPlan{{.fault = "crash", .site = place}}); };
    const std::string same(60, 'a');
    CHECK(token(same + "1") != token(same + "2"));
    CHECK(token("with blank") != token("with_blank"));
    CHECK(token("with blank") != token("with.blank"));
    for (const char* name : {"with blank", "a+b", "a@b", "a#b", "a.b", "\xc3\xa4", "a\"b'c$d`e\\f", "~", "=", "(x)"}) {
        const std::string text = token(name);
        INFO(text);
        CHECK(text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_:~@#.") ==
              std::string::npos);
        CHECK(plan_from_token(text).has_value());
    }
}

TEST_CASE("a malformed token says what is wrong with it", "[sim][token]") {
    for (const char* token : {"",
                              "crash",
                              "crash@",
                              "crash@x",
                              "@x.1",
                              "crash.1@x",
                              "crash@x.0",
                              "crash@x.",
                              "crash@x.one",
                              "crash@x.1 ",
                              "crash@x#.1",
                              "crash@x#one.1",
                              "crash@x#1c.1",
                              "crash@x.1+",
                              "+crash@x.1",
                              "crash@x.1++crash@y.1",
                              "none+none",
                              "crash@x.-1",
                              "crash@x#-1.1",
                              "crash99999999999@x.1",
                              "crash@x.99999999999",
                              "crash@x#99999999999.1",
                              "crash@.1",
                              "crash@#1.1"}) {
        INFO("token " << token);
        CHECK(problem(token).find(std::string{"The token \""} + token + "\" cannot be replayed: ") !=
              std::string::npos);
    }
    CHECK(problem("dup@receive#2.1+crash").find("\"crash\" is not of the form fault@site#message.occurrence") !=
          std::string::npos);
    CHECK(problem("crash@x.0").find("does not end in a number from .1") != std::string::npos);
    CHECK(problem("crash@x#b.1").find("has no message number from 1") != std::string::npos);
    CHECK(problem("none").empty());
}

TEST_CASE("a token with a fault that does not exist is malformed", "[sim][token]") {
    const auto scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        read_all(world, log, queue, "r");
        world.run();
    };
    for (const char* token : {"crush@received#1.1", "none@received#1.1", "Crash@received#1.1"}) {
        const Report report = replayed(token, scenario).report;
        INFO(report.headline());
        CHECK(report.verdict == Verdict::stale_token);
        const std::string word = std::string{token}.substr(0, std::string{token}.find('@'));
        CHECK(report.violation().find("\"" + word) != std::string::npos);
        CHECK(report.violation().find("never reached") == std::string::npos);
    }
}

TEST_CASE("numbers that are too large for a run are not cut off", "[sim][token]") {
    const auto scenario = [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        read_all(world, log, queue, "r");
        world.run();
    };
    CHECK(replayed("crash@received#1.1", scenario).report.ok());
    for (const char* token : {"crash256@received#1.1", "crash@received#2147483649.1", "crash@received#1.65537"}) {
        INFO(token);
        CHECK(replayed(token, scenario).report.verdict == Verdict::stale_token);
    }
}
