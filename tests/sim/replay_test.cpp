// SPDX-License-Identifier: MIT

// Catches a token that does not bring its failure back, that comes to mean another plan when the scenario is edited
// elsewhere, or that is taken to hold though its faults never came about.

#include "sim/sim_support.hpp"

#include <map>
#include <string>
#include <vector>

namespace {

using namespace simulated;

/// What somebody may change in a scenario without touching what a token is about.
struct Edits {
    bool point_after = false;
    bool point_of_others = false;
    bool message_after = false;
    bool queue_after = false;
    bool consumer_of_others = false;
    bool bodies = false;
};

std::function<void(World&)> charging(Edits edits) {
    return [edits](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::map<std::string, int> charges;
        std::vector<std::string> bodies{"a", "b"};
        if (edits.bodies) {
            bodies = {"first", "second"};
        }
        if (edits.message_after) {
            bodies.emplace_back("c");
        }
        world.produce(queue, bodies);
        world.consume(queue, [&](const SimMessage& message) {
            if (edits.point_of_others && message.body() != "b") {
                point("another");
            }
            ++charges[std::string{message.body()}];
            point("charged");
            if (edits.point_after) {
                point("after it");
            }
        });
        if (edits.queue_after || edits.consumer_of_others) {
            auto& other = world.queue({.name = "other"});
            world.produce(other, {"x"});
            world.consume(other, [](const SimMessage&) { point("charged elsewhere"); }, {.name = "another"});
        }
        world.run();
        world.expect(once_per_key(charges));
    };
}

bool says(const Report& report, std::string_view words) { return report.to_string().find(words) != std::string::npos; }

}  // namespace

TEST_CASE("a token brings back the same violation in the same words", "[sim][replay]") {
    for (const Faults& offered : {Faults{Fault::crash}, Faults{Fault::stall}, Faults{Fault::lose_delete},
                                  Faults{Fault::resend}, Faults{Fault::delete_survives}, Faults{Fault::late_purge}}) {
        const Report found = explore({.faults = 2, .preemptions = 0, .offered = offered}, charging({}));
        if (found.ok()) {
            CHECK(found.replay_token().empty());
            continue;
        }
        const Report again = replay(found.replay_token(), charging({}));
        INFO(found.replay_token());
        CHECK(again.verdict == Verdict::violated);
        CHECK(again.violation() == found.violation());
        CHECK(again.replay_token() == found.replay_token());
        CHECK(again.minimal_faults() == found.minimal_faults());
        CHECK(sqsim::sim::to_text(again.timeline) == sqsim::sim::to_text(found.timeline));
        CHECK(says(again, "replayed: 1 fault"));
        CHECK(plan_from_token(found.replay_token()).value() == found.plan);
    }
}

TEST_CASE("a token means the same when the scenario is edited elsewhere", "[sim][replay]") {
    // The crash of the second message, after it was charged.
    const char* const token = "crash@charged#2.1";
    CHECK(replay(token, charging({})).violation() == "once per key: key b took effect twice");
    CHECK(replay(token, charging({.point_after = true})).violation() == "once per key: key b took effect twice");
    CHECK(replay(token, charging({.point_of_others = true})).violation() == "once per key: key b took effect twice");
    CHECK(replay(token, charging({.message_after = true})).violation() == "once per key: key b took effect twice");
    CHECK(replay(token, charging({.queue_after = true})).violation() == "once per key: key b took effect twice");
    CHECK(replay(token, charging({.bodies = true})).violation() == "once per key: key second took effect twice");
}

TEST_CASE("a token means the same whatever else is offered", "[sim][replay]") {
    const char* const token = "crash@charged#2.1";
    const Report all = replay(token, charging({}));
    ReplayOptions few;
    few.offered = {Fault::crash};
    CHECK(replay(token, few, charging({})).violation() == all.violation());
    CHECK(sqsim::sim::to_text(replay(token, few, charging({})).timeline) == sqsim::sim::to_text(all.timeline));
}

TEST_CASE("a token whose faults never come about is an error, and names what was not reached", "[sim][replay]") {
    const Report gone = replay("crash@shipped#2.1", charging({}));
    CHECK(gone.verdict == Verdict::stale_token);
    CHECK(!gone.ok());
    CHECK(gone.violation() == "\"crash@shipped#2.1\": the execution never reached crash@shipped#2.1");
    const Report half = replay("crash@charged#1.1+crash@charged#1.9", charging({}));
    CHECK(half.verdict == Verdict::stale_token);
    CHECK(half.violation() == "\"crash@charged#1.1+crash@charged#1.9\": the execution never reached crash@charged#1.9");
    const Report other_kind = replay("dup@charged#1.1", charging({}));
    CHECK(other_kind.verdict == Verdict::stale_token);
    CHECK(other_kind.violation() == "\"dup@charged#1.1\": the execution never reached dup@charged#1.1");
    CHECK(replay("order7@next.1", charging({})).verdict == Verdict::stale_token);
    CHECK(replay("crash@charged#1.1+crash@charged#1.1", charging({})).verdict == Verdict::stale_token);
}

TEST_CASE("a failure that was mended is said to break nothing any more", "[sim][replay]") {
    const auto mended = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::map<std::string, int> charges;
        world.produce(queue, {"a", "b"});
        world.consume(queue, [&](const SimMessage& message) {
            charges[std::string{message.body()}] = 1;
            point("charged");
        });
        world.run();
        world.expect(once_per_key(charges));
    };
    const Report report = replay("crash@charged#2.1", mended);
    CHECK(report.ok());
    CHECK(says(report, "the plan crash@charged#2.1 no longer violates anything"));
}

TEST_CASE("the state of the replayed run is compared with the run without faults", "[sim][replay]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::map<std::string, int> charges;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            ++charges[std::string{message.body()}];
            point("charged");
        });
        world.run();
        world.expect_same_as_fault_free(charges, "charges");
    };
    CHECK(replay("crash@charged#1.1", scenario).violation() ==
          "charges: the state is {a: 2}, without faults it is {a: 1}");
    CHECK(replay("none", scenario).ok());
}

TEST_CASE("points with long or strange names are found again by their short ones", "[sim][replay]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        int first = 0;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            point("the long beginning of a name that goes on and on, first");
            ++first;
            point("the long beginning of a name that goes on and on, second");
            point("short (2)");
        });
        world.run();
        world.expect("once", first == 1);
    };
    const Report found = explore({.faults = 1, .offered = {Fault::crash}}, scenario);
    CHECK(found.plan.at(0).site == "the long beginning of a name that goes on and on, second");
    CHECK(found.replay_token().size() <= maximum_token_size);
    CHECK(replay(found.replay_token(), scenario).violation() == found.violation());
    CHECK(replay(found.replay_token(), scenario).replay_token() == found.replay_token());
    const std::string strange = to_token(FaultPlan{{.fault = "crash", .site = "short (2)", .subject = 1}});
    CHECK(replay(strange, scenario).violation() == found.violation());
    const std::string first = to_token(
        FaultPlan{{.fault = "crash", .site = "the long beginning of a name that goes on and on, first", .subject = 1}});
    CHECK(replay(first, scenario).ok());
}

TEST_CASE("the copy that a repeated send made has an address of its own", "[sim][replay]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        std::map<MessageId, int> handled;
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) {
            ++handled[message.message_id()];
            point("handled");
        });
        world.run();
        bool once = true;
        for (const auto& [id, count] : handled) {
            once = once && count == 1;
        }
        world.expect("each message once", once);
    };
    CHECK(replay("resend@send#1.1", scenario).ok());
    const Report report = replay("resend@send#1.1+crash@handled#1b.1", scenario);
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.minimal_faults() == 2);
    CHECK(replay("crash@handled#1b.1", scenario).verdict == Verdict::stale_token);
}
