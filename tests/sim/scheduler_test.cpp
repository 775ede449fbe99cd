// SPDX-License-Identifier: MIT

// Catches a scheduler that lets actors go on in another order, time that moves too early or too far, a run that ends
// too early or never, a process of which a part outlives the rest, and a stack that is not unwound, or should not be.

#include "catch.hpp"

#include <sqsim/sim/detail/scheduler.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using sqsim::sim::Crash;
using sqsim::sim::detail::Actor;
using sqsim::sim::detail::ActorState;
using sqsim::sim::detail::Ending;
using sqsim::sim::detail::may_become;
using sqsim::sim::detail::Nanos;
using sqsim::sim::detail::Scheduler;
using sqsim::sim::detail::SchedulerClient;
using sqsim::sim::detail::SchedulerMemory;

using Lines = std::vector<std::string>;
constexpr Nanos for_ever = sqsim::detail::never;

/// A world with nothing in it but what a test says.
class Client final : public SchedulerClient {
public:
    bool stopped = false;
    bool work_left = false;
    bool comes_by_itself = false;
    std::set<const void*> there{};
    std::size_t steps = 0;
    Lines endings{};

    [[nodiscard]] bool is_stopped() const override { return stopped; }
    [[nodiscard]] bool is_work_left() const override { return work_left; }
    [[nodiscard]] bool may_come(const void*) const override { return comes_by_itself; }
    [[nodiscard]] bool is_there(const void* source) const override { return there.contains(source); }
    void after_step() override { ++steps; }
    void on_end(Actor& actor, Ending ending) override {
        constexpr const char* texts[] = {"left", "replaced", "error", "foreign", "process", "swallowed"};
        endings.push_back(actor.name + " " + texts[static_cast<std::size_t>(ending)]);
    }
    void on_restart(Actor& actor) override {
        endings.push_back(actor.name + " again " + std::to_string(actor.incarnation));
    }
};

/// A scheduler, its client, and what its actors say, with the time in seconds.
struct Stage {
    explicit Stage(bool abandons = false) : scheduler{client, memory, abandons} {}
    Stage(const Stage&) = delete;
    Stage& operator=(const Stage&) = delete;
    ~Stage() = default;

    Actor& add(const std::string& name, std::function<void(Actor&)> body) {
        Actor& actor = scheduler.add_actor(name, scheduler.actors());
        actor.body = std::move(body);
        return actor;
    }
    void say(const std::string& what) {
        said.push_back(std::to_string(std::chrono::duration_cast<std::chrono::seconds>(scheduler.now()).count()) + " " +
                       what);
    }
    Scheduler::Rest run(Nanos horizon = 24h) {
        const Scheduler::Rest rest = scheduler.run(horizon);
        scheduler.finish();
        return rest;
    }

    Lines said{};  // outlives the stacks of the actors
    Client client{};
    SchedulerMemory memory{};
    Scheduler scheduler;
};

/// Says when it is destroyed.
class Guard {
public:
    explicit Guard(Stage& stage) : stage_{stage} {}
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    ~Guard() { stage_.say("guard"); }

private:
    Stage& stage_;
};

}  // namespace

TEST_CASE("actors go on in the order in which they were added, and give way to those that are ready",
          "[sim][scheduler]") {
    Stage stage;
    for (const char* name : {"a", "b", "c"}) {
        stage.add(name, [&](Actor& self) {
            stage.say(self.name + "1");
            stage.scheduler.yield();
            stage.say(self.name + "2");
        });
    }
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 a1", "0 b1", "0 c1", "0 a2", "0 b2", "0 c2"});
    CHECK(stage.client.endings == Lines{"a left", "b left", "c left"});
    CHECK(stage.client.steps == 6);
}

TEST_CASE("giving way when nobody is ready changes nothing", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor& self) {
        stage.scheduler.yield();
        CHECK(self.state == ActorState::running);
        CHECK(stage.scheduler.current() == &self);
        stage.say("done");
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.client.steps == 1);
    CHECK(stage.said == Lines{"0 done"});
    CHECK(stage.scheduler.current() == nullptr);
}

TEST_CASE("sleepers wake in the order of their times, and at one time in the order of the actors", "[sim][scheduler]") {
    Stage stage;
    const auto sleeper = [&](Nanos until) {
        return [&stage, until](Actor& self) {
            stage.scheduler.sleep_until(until);
            stage.say(self.name);
        };
    };
    stage.add("a", sleeper(5s));
    stage.add("b", sleeper(3s));
    stage.add("c", sleeper(5s));
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"3 b", "5 a", "5 c"});
}

TEST_CASE("a sleep until now, or earlier, takes no step", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor&) {
        stage.scheduler.sleep_until(2s);
        stage.scheduler.sleep_until(2s);
        stage.scheduler.sleep_until(1s);
        stage.say("awake");
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"2 awake"});
    CHECK(stage.client.steps == 2);
}

TEST_CASE("time moves only when nobody is ready", "[sim][scheduler]") {
    Stage stage;
    stage.add("sleeper", [&](Actor&) {
        stage.scheduler.sleep_until(1s);
        stage.say("awake");
    });
    stage.add("busy", [&](Actor&) {
        for (int i = 0; i < 3; ++i) {
            stage.say("busy");
            stage.scheduler.yield();
        }
    });
    stage.add("as busy", [&](Actor&) {
        for (int i = 0; i < 3; ++i) {
            stage.scheduler.yield();
        }
        stage.say("as busy");
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 busy", "0 busy", "0 busy", "0 as busy", "1 awake"});
}

TEST_CASE("who waits for a source goes on when that is notified, not when another is", "[sim][scheduler]") {
    Stage stage;
    const int mine = 0;
    const int other = 0;
    stage.add("waiter", [&](Actor&) {
        stage.scheduler.wait_for(&mine, for_ever);
        stage.say("notified");
    });
    stage.add("waiter for anything", [&](Actor&) {
        stage.scheduler.wait_for(nullptr, for_ever);
        stage.say("something");
    });
    stage.add("notifier", [&](Actor&) {
        const auto before = stage.scheduler.changes();
        stage.scheduler.notify(&other);
        CHECK(stage.scheduler.changes() == before + 1);
        stage.scheduler.sleep_until(1s);
        stage.scheduler.notify(&mine);
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 something", "1 notified"});
}

TEST_CASE("a wait ends at its deadline if there is work left, and is given up if there is none", "[sim][scheduler]") {
    const bool work_left = GENERATE(true, false);
    Stage stage;
    stage.client.work_left = work_left;
    const int source = 0;
    stage.add("waiter", [&](Actor&) {
        stage.scheduler.wait_for(&source, 20s);
        stage.say("goes on");
        stage.client.work_left = false;
    });
    CHECK(stage.scheduler.run(24h) == Scheduler::Rest::at_rest);
    CHECK(stage.said == (work_left ? Lines{"20 goes on"} : Lines{}));
    stage.scheduler.finish();
}

TEST_CASE("who waits goes on as soon as what it waits for is there", "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    stage.add("waiter", [&](Actor&) {
        stage.scheduler.wait_for(&source, 60s);
        stage.say("there");
    });
    stage.add("clock", [&](Actor&) {
        stage.client.there.insert(&source);
        stage.scheduler.sleep_until(7s);
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"7 there"});
}

TEST_CASE("what is scheduled happens at its time, as its actor, before anybody wakes", "[sim][scheduler]") {
    Stage stage;
    Actor& producer = stage.scheduler.add_actor("producer", 0);
    stage.add("sleeper", [&](Actor&) {
        stage.scheduler.sleep_until(4s);
        stage.say("awake");
    });
    stage.scheduler.schedule(4s, producer, [&] {
        CHECK(stage.scheduler.current() == &producer);
        stage.say("second");
    });
    stage.scheduler.schedule(2s, producer, [&] { stage.say("first"); });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"2 first", "4 second", "4 awake"});
}

TEST_CASE("who only sleeps to poll again keeps nothing running, unless work is left", "[sim][scheduler]") {
    Stage stage;
    stage.client.work_left = true;
    stage.add("poller", [&](Actor& self) {
        while (true) {
            stage.say("poll");
            self.is_polling = true;
            stage.client.work_left = stage.said.size() < 3;
            stage.scheduler.sleep_until(stage.scheduler.now() + 10s);
        }
    });
    CHECK(stage.scheduler.run(24h) == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 poll", "10 poll", "20 poll"});
    stage.scheduler.finish();
}

TEST_CASE("a run ends at the horizon, and where no step is wanted any more", "[sim][scheduler]") {
    Stage stage;
    stage.add("sleeper", [&](Actor&) {
        while (true) {
            stage.scheduler.sleep_until(stage.scheduler.now() + 1h);
            stage.say("awake");
            stage.client.stopped = stage.said.size() == 3;
        }
    });
    const Nanos horizon = 2h + 30min;
    CHECK(stage.scheduler.run(horizon) == Scheduler::Rest::horizon);
    CHECK(stage.scheduler.now() == Nanos{2h});
    CHECK(stage.scheduler.run(24h) == Scheduler::Rest::stopped);
    CHECK(stage.scheduler.now() == Nanos{3h});
    stage.scheduler.finish();
}

TEST_CASE("an error ends an incarnation, and the next begins at once", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor& self) {
        stage.say("incarnation " + std::to_string(self.incarnation));
        if (self.incarnation == 1) {
            throw std::runtime_error{"first"};
        }
        if (self.incarnation == 2) {
            throw 2;
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 incarnation 1", "0 incarnation 2", "0 incarnation 3"});
    CHECK(stage.client.endings == Lines{"a error", "a again 2", "a foreign", "a again 3", "a left"});
    CHECK(stage.scheduler.error() != nullptr);
}

TEST_CASE("who is replaced makes room for another incarnation", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor& self) { self.is_replaced = self.incarnation == 1; });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.client.endings == Lines{"a replaced", "a again 2", "a left"});
}

TEST_CASE("a process that ends begins again when it may", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor& self) {
        stage.say("begins");
        if (self.incarnation == 1) {
            stage.scheduler.end_process(*self.process, 10s);
            stage.say("not here");
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 begins", "10 begins"});
    CHECK(stage.client.endings == Lines{"a process", "a again 2", "a left"});
}

TEST_CASE("all members of a process end together, whatever they are doing, and its memory is renewed once",
          "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    int renewals = 0;
    const auto member = [&](std::function<void(Actor&)> act) {
        return [&stage, act](Actor& self) {
            stage.say(self.name + std::to_string(self.incarnation));
            if (self.incarnation == 1) {
                act(self);
                stage.say(self.name + " is still there");
            }
        };
    };
    Actor& waits = stage.add("waits", member([&](Actor&) { stage.scheduler.wait_for(&source, for_ever); }));
    Actor& sleeps = stage.add("sleeps", member([&](Actor&) { stage.scheduler.sleep_until(1h); }));
    Actor& ends = stage.add("ends", member([&](Actor& self) {
                                stage.scheduler.sleep_until(1s);
                                stage.scheduler.end_process(*self.process, stage.scheduler.now());
                            }));
    stage.add("apart", [&](Actor&) {
        stage.scheduler.sleep_until(2s);
        stage.say("apart");
    });
    Scheduler::join(sleeps, *waits.process);
    Scheduler::join(ends, *waits.process);
    waits.process->renew = [&](auto&) { ++renewals; };
    waits.process->needs_renewal = true;
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 waits1", "0 sleeps1", "0 ends1", "1 waits2", "1 sleeps2", "1 ends2", "2 apart"});
    CHECK(renewals == 2);
}

TEST_CASE("a process that is ended from outside is ended, too", "[sim][scheduler]") {
    Stage stage;
    Actor& victim = stage.add("victim", [&](Actor& self) {
        stage.say("victim" + std::to_string(self.incarnation));
        if (self.incarnation == 1) {
            const Guard guard{stage};
            stage.scheduler.sleep_until(1h);
            stage.say("not here");
        }
    });
    stage.add("other", [&](Actor&) {
        stage.scheduler.sleep_until(1s);
        stage.scheduler.end_process(*victim.process, 5s);
        stage.say("other goes on");
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 victim1", "1 guard", "1 other goes on", "5 victim2"});
}

TEST_CASE("a process that pauses stands still with all its members", "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    Actor& waits = stage.add("waits", [&](Actor&) {
        stage.scheduler.wait_for(&source, for_ever);
        stage.say("waited");
    });
    Actor& ready = stage.add("ready", [&](Actor&) {
        stage.scheduler.yield();
        stage.say("was ready");
    });
    Actor& sleeps = stage.add("sleeps", [&](Actor&) {
        stage.scheduler.sleep_until(2s);
        stage.say("slept");
    });
    Actor& pauses = stage.add("pauses", [&](Actor& self) {
        stage.scheduler.pause(*self.process, 10s);
        stage.say("paused");
    });
    stage.add("apart", [&](Actor&) {
        stage.scheduler.sleep_until(3s);
        stage.scheduler.notify(&source);
        stage.say("apart");
    });
    for (Actor* const member : {&ready, &sleeps, &pauses}) {
        Scheduler::join(*member, *waits.process);
    }
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    REQUIRE(stage.said.size() == 5);
    CHECK(stage.said.front() == "3 apart");
    CHECK(std::set<std::string>(stage.said.begin() + 1, stage.said.end()) ==
          std::set<std::string>{"10 waited", "10 was ready", "10 slept", "10 paused"});
}

TEST_CASE("the end of a process unwinds its stack, or gives it up", "[sim][scheduler]") {
    const bool abandons = GENERATE(false, true);
    Stage stage{abandons};
    stage.add("a", [&](Actor& self) {
        if (self.incarnation == 1) {
            const Guard guard{stage};
            stage.scheduler.end_process(*self.process, Nanos::zero());
        }
        stage.say("again");
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == (abandons ? Lines{"0 again"} : Lines{"0 guard", "0 again"}));
}

TEST_CASE("a loop whose stack holds nothing is given up without unwinding", "[sim][scheduler]") {
    Stage stage;
    bool unwound = false;
    Actor& loop = stage.add("loop", [&](Actor& self) {
        if (self.incarnation == 1) {
            try {
                stage.scheduler.end_process(*self.process, Nanos::zero());
            } catch (const Crash&) {
                unwound = true;
                throw;
            }
        }
    });
    loop.is_loop = true;
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK_FALSE(unwound);
    CHECK(stage.client.endings == Lines{"loop process", "loop again 2", "loop left"});
}

TEST_CASE("code that swallows the end of its process is found out", "[sim][scheduler]") {
    Stage stage;
    stage.add("a", [&](Actor& self) {
        try {
            stage.scheduler.end_process(*self.process, Nanos::zero());
        } catch (...) {
            stage.say("swallowed");
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.client.endings == Lines{"a swallowed"});
}

TEST_CASE("in the end those that wait return, and those that go on waiting are ended", "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    stage.add("returns", [&](Actor& self) {
        self.stop.emplace();
        stage.scheduler.wait_for(&source, for_ever);
        stage.say(self.stop->stop_requested() ? "asked to stop" : "not asked");
    });
    stage.add("insists", [&](Actor&) {
        const Guard guard{stage};
        while (true) {
            stage.scheduler.wait_for(&source, for_ever);
            stage.say("insists");
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 asked to stop", "0 insists", "0 guard"});
    CHECK(stage.scheduler.phase() == Scheduler::Phase::ending);
}

TEST_CASE("a second run begins again with those that have not left", "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    stage.add("left", [&](Actor&) { stage.say("left"); });
    stage.add("waits", [&](Actor&) {
        stage.say("waits");
        while (true) {
            stage.scheduler.wait_for(&source, for_ever);
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 left", "0 waits", "0 waits"});
}

TEST_CASE("what answers nothing to one that asks in the end ends it after three times", "[sim][scheduler]") {
    Stage stage;
    const int source = 0;
    stage.add("asks", [&](Actor&) {
        stage.scheduler.wait_for(&source, for_ever);
        while (true) {
            stage.say("asks");
            stage.scheduler.answer_nothing();
        }
    });
    CHECK(stage.run() == Scheduler::Rest::at_rest);
    CHECK(stage.said == Lines{"0 asks", "0 asks", "0 asks", "0 asks"});
}

TEST_CASE("the states of an actor change as the table says", "[sim][scheduler]") {
    using enum ActorState;
    const std::set<std::pair<ActorState, ActorState>> allowed{
        {idle, ready},    {idle, asleep},  {idle, idle},       {ready, running},  {ready, asleep},
        {ready, ended},   {ready, idle},   {running, ready},   {running, asleep}, {running, waiting},
        {running, ended}, {running, left}, {running, idle},    {asleep, ready},   {asleep, asleep},
        {asleep, ended},  {asleep, idle},  {asleep, running},  {waiting, ready},  {waiting, asleep},
        {waiting, ended}, {waiting, idle}, {waiting, running}, {ended, idle},     {left, idle},
    };
    for (const ActorState from : {idle, ready, running, asleep, waiting, ended, left}) {
        for (const ActorState to : {idle, ready, running, asleep, waiting, ended, left}) {
            INFO(static_cast<int>(from) << " to " << static_cast<int>(to));
            CHECK(may_become(from, to) == allowed.contains({from, to}));
        }
    }
}
