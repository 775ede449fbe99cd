// SPDX-License-Identifier: MIT

// Catches an exploration on several threads that reports anything else than one on a single thread.

#include "sim/sim_support.hpp"
#include "zoo/correct.hpp"
#include "zoo/deadlines.hpp"
#include "zoo/fifo.hpp"
#include "zoo/idempotency.hpp"
#include "zoo/leases.hpp"
#include "zoo/processes.hpp"

#include <algorithm>
#include <cstddef>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

/// The parts of a coverage that can be compared.
[[nodiscard]] std::vector<std::tuple<std::string, Fault, bool>> rows(const std::vector<SiteCoverage>& coverage) {
    std::vector<std::tuple<std::string, Fault, bool>> result;
    for (const SiteCoverage& site : coverage) {
        result.emplace_back(site.site, site.fault, site.tried);
    }
    return result;
}

void check_equal(const Report& one, const Report& many) {
    CHECK(one.to_string() == many.to_string());
    CHECK(one.verdict == many.verdict);
    CHECK(one.problem == many.problem);
    CHECK(one.plan == many.plan);
    CHECK(one.token == many.token);
    CHECK(one.faults == many.faults);
    CHECK(one.plans == many.plans);
    CHECK(one.shrink_runs == many.shrink_runs);
    CHECK(one.history_hash == many.history_hash);
    CHECK(one.timeline == many.timeline);
    CHECK(one.minimality.proof == many.minimality.proof);
    CHECK(one.minimality.smaller_plans == many.minimality.smaller_plans);
    CHECK(one.minimality.found_after == many.minimality.found_after);
    CHECK(rows(one.coverage) == rows(many.coverage));
    CHECK(one.not_possible == many.not_possible);
    CHECK(one.covered == many.covered);
    CHECK(one.repeated == many.repeated);
    CHECK(one.alike == many.alike);
    CHECK(one.more_alike == many.more_alike);
    CHECK(one.harmless == many.harmless);
    CHECK(one.inevitable_from == many.inevitable_from);
    CHECK(one.difference == many.difference);
    CHECK(one.notes.swallowed_crashes == many.notes.swallowed_crashes);
    CHECK(one.notes.excused == many.notes.excused);
    CHECK(one.notes.past_retention == many.notes.past_retention);
    CHECK(one.notes.only_unwinding == many.notes.only_unwinding);
    CHECK(one.notes.only_abandoned == many.notes.only_abandoned);
    CHECK(one.notes.abandoned == many.notes.abandoned);
    CHECK(one.notes.abandoned_all == many.notes.abandoned_all);
    CHECK(one.notes.reads_clock == many.notes.reads_clock);
    CHECK(one.notes.stray_point == many.notes.stray_point);
    CHECK(one.warnings == many.warnings);
}

/// Explores with one thread, two and four. Returns the report of one.
template <class Scenario>
Report explore_by_all(ExploreOptions options, const Scenario& scenario) {
    options.threads = 1;
    const Report one = explore(options, scenario);
    INFO(one.to_string());
    for (const int threads : {2, 4}) {
        options.threads = threads;
        INFO(threads);
        check_equal(one, explore(options, scenario));
    }
    return one;
}

void two_consumers(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::set<std::string> charged;
    world.produce(queue, {"a", "b"});
    world.consume(queue,
                  [&](const SimMessage& message) {
                      point("handled");
                      charged.emplace(message.body());
                  },
                  {.consumers = 2});
    world.run();
    world.expect("both", charged.size() == 2);
    world.expect(drained(queue));
}

/// Most of its names are first met where a fault has happened.
void names_late(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::set<std::string> charged;
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        point(std::string{message.body()} + " for the " + std::to_string(message.approximate_receive_count()) + ".");
        if (message.approximate_receive_count() > 2) {
            auto& another = world.queue({.name = "late"});
            another.send_message(message.body());
        }
        if (effect("charge " + std::to_string(world.clock().now().time_since_epoch().count()),
                   [&] { charged.emplace(message.body()); }) != EffectOutcome::done) {
            point("not charged");
            throw std::runtime_error{"not charged"};
        }
    });
    world.run();
    world.expect("both", charged.size() == 2);
}

/// Fails by a preemption and a crash of the second incarnation, and meets rare cases.
void sees_rare_cases(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::uint32_t most = 0;
    world.sometimes("received again", [&] { return most > 1; });
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        most = std::max(most, message.approximate_receive_count());
        point("middle");
    });
    world.sometimes("received three times", [&] { return most > 2; });
    world.run();
    world.expect("handled", most != 0);
}

/// Its code swallows what ends it. Nothing on its stack owns memory: the stack is given up where it swallows.
void swallows(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    int handled = 0;
    world.produce(queue, {"a"});
    world.spawn("r", [&] {
        while (true) {
            if (const auto message = queue.receive_message({.wait_time = 20s})) {
                try {
                    point("swallowed");
                } catch (...) {
                }
                ++handled;
                queue.delete_message(message->receipt_handle());
            }
        }
    });
    world.run();
    world.expect("handled", handled != 0);
}

/// Fails only while the stack unwinds.
void works_in_a_destructor(World& world) {
    struct Count {
        int& count;
        ~Count() { ++count; }
    };
    auto& queue = world.queue({.visibility_timeout = 30s});
    int ended = 0;
    int handled = 0;
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage&) {
        const Count count{ended};
        point("middle");
        ++handled;
    });
    world.run();
    world.expect("as many ends as beginnings", ended == handled);
}

/// Tells what is durable, so that the exploration may leave plans out.
void tells_its_state(World& world) {
    auto& queue = world.queue({.visibility_timeout = 30s});
    std::map<std::string, int> rows;
    world.state([&] { return rows; });
    world.produce(queue, {"a", "b"});
    world.consume(queue, [&](const SimMessage& message) {
        point("select");
        rows.try_emplace(std::string{message.body()}, 1);
        point("commit");
    });
    world.run();
    world.expect_same_as_fault_free(rows);
}

/// Has choices of its own, of which one fails.
void chooses(World& world) {
    auto& queue = world.queue();
    std::vector<std::size_t> chosen;
    world.produce(queue, {"a", "b", "c"});
    world.consume(queue, [&](const SimMessage&) {
        chosen.push_back(choose("answer", {"paid", "declined", "unknown"}));
        if (chosen.back() == 2) {
            chosen.push_back(choose("asked again", {"paid", "declined"}));
        }
    });
    world.run();
    world.expect("not declined every time", chosen != std::vector<std::size_t>{1, 1, 1});
}

void poison(World& world) {
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "work", .visibility_timeout = 10s, .delay = 1s});
    queue.set_redrive_policy({dead, 2});
    world.produce(queue, {"good", "bad"});
    world.consume(queue, [](const SimMessage& message) {
        if (message.body() == "bad") {
            throw std::runtime_error{"bad"};
        }
    });
    world.run();
    world.expect(no_good_message_in_dlq(dead, std::vector<std::string>{"bad"}));
    world.expect(drained(queue));
}

/// Reaches points before the run and after it.
void has_points_around_the_run(World& world) {
    point("before");
    two_consumers(world);
    point("after");
}

/// The threads that call a scenario. After the first two executions, which are of the fault-free plan, each waits for
/// the others to come.
class Threads {
public:
    explicit Threads(std::size_t expected) : expected_{expected} {}

    void enter() {
        auto lock = met_.lock();
        ids_.insert(std::this_thread::get_id());
        met_.notify();
        if (++executions_ > 2) {
            met_.wait(lock, [this] { return ids_.size() >= expected_; });
        }
    }
    [[nodiscard]] std::size_t count() const { return ids_.size(); }
    [[nodiscard]] bool is_first() const { return std::this_thread::get_id() == first_; }

private:
    sqsim::detail::Rendezvous met_{};
    std::size_t expected_;
    std::thread::id first_ = std::this_thread::get_id();
    std::set<std::thread::id> ids_{};
    int executions_ = 0;
};

}  // namespace

TEST_CASE("the bugs of the zoo are reported alike with one thread and with several", "[sim][parallel]") {
    std::size_t found = 0;
    const auto explore_all = [&](const auto& animals) {
        for (const zoo::Animal& animal : animals) {
            ExploreOptions options;
            options.name = animal.name;
            options.faults = std::max(animal.faults, 1);
            options.preemptions = animal.preemptions;
            found += explore_by_all(options, animal.scenario).verdict == Verdict::violated ? 1U : 0U;
        }
    };
    explore_all(zoo::idempotency);
    explore_all(zoo::leases);
    explore_all(zoo::fifo);
    explore_all(zoo::processes);
    explore_all(zoo::deadlines);
    CHECK(found >= 20);
}

TEST_CASE("what is right in the zoo is reported alike with one thread and with several", "[sim][parallel]") {
    for (const zoo::TameAnimal& animal : zoo::correct) {
        ExploreOptions options;
        options.name = animal.name;
        options.faults = 1;
        CHECK(explore_by_all(options, animal.scenario).ok());
    }
}

TEST_CASE("threads make no difference to the sites that are met late", "[sim][parallel]") {
    const Report report = explore_by_all({.faults = 2, .preemptions = 0}, names_late);
    CHECK(report.coverage.size() > 40);
}

TEST_CASE("threads make no difference to what holds in some execution only", "[sim][parallel]") {
    CHECK(explore_by_all({.faults = 1, .preemptions = 0, .offered = {Fault::crash}}, sees_rare_cases)
              .problem.find("received three times") != std::string::npos);
    CHECK(explore_by_all({.faults = 2, .preemptions = 1, .offered = {Fault::crash, Fault::stall, Fault::preempt}},
                         sees_rare_cases)
              .ok());
    CHECK(explore_by_all({.faults = 2, .preemptions = 1, .offered = {Fault::empty_receive}}, sees_rare_cases).verdict ==
          Verdict::vacuous);
}

TEST_CASE("threads make no difference to how crashes are judged", "[sim][parallel]") {
    for (const std::size_t maximum : {0U, 7U, 300U}) {
        const ExploreOptions options{.faults = 2, .preemptions = 0, .maximum_abandoned = maximum};
        INFO(maximum);
        CHECK(explore_by_all(options, two_consumers).ok());
        static_cast<void>(explore_by_all(options, hide_in_destructor));
    }
    CHECK(explore_by_all({.faults = 2}, works_in_a_destructor).notes.only_unwinding != 0);
    CHECK(explore_by_all({.faults = 2}, swallows).notes.swallowed_crashes != 0);
    CHECK(explore_by_all({.faults = 2, .crash = CrashMode::abandon}, two_consumers).ok());
}

TEST_CASE("threads make no difference to reductions, choices and dead letters", "[sim][parallel]") {
    CHECK(explore_by_all({.faults = 2}, tells_its_state).covered != 0);
    CHECK(explore_by_all({.faults = 2, .reduce_by_state = false}, tells_its_state).covered == 0);
    CHECK(explore_by_all({.faults = 1}, chooses).verdict == Verdict::violated);
    CHECK(explore_by_all({.faults = 1, .choices = 2}, chooses).ok());
    CHECK(explore_by_all({.faults = 0, .preemptions = 0}, chooses).verdict == Verdict::violated);
    CHECK(explore_by_all({.faults = 2}, poison).notes.excused != 0);
    CHECK(
        explore_by_all({.faults = 1, .reorders = 1, .misses = 1, .stalls = Stalls::all_deadlines}, two_consumers).ok());
}

TEST_CASE("threads make no difference to where an exploration stops", "[sim][parallel]") {
    for (const std::size_t maximum : {0U, 1U, 2U, 3U, 10U, 50U, 51U, 99U, 400U, 1'000U}) {
        INFO(maximum);
        const Report report = explore_by_all({.faults = 2, .preemptions = 1, .maximum_plans = maximum}, two_consumers);
        CHECK(report.verdict == Verdict::incomplete);
        CHECK(report.plans_run() == maximum);
    }
}

TEST_CASE("threads make no difference to what an exploration tells of its progress", "[sim][parallel]") {
    const auto told = [](int threads) {
        std::vector<std::tuple<std::size_t, std::size_t, std::size_t>> result;
        ExploreOptions options{.faults = 2, .preemptions = 1};
        options.threads = threads;
        options.progress = [&](const Progress& progress) {
            result.emplace_back(progress.plans_run, progress.plans_known, progress.faults);
        };
        CHECK(explore(options, two_consumers).ok());
        return result;
    };
    const auto one = told(1);
    CHECK(one.size() > 1);
    CHECK(told(2) == one);
    CHECK(told(4) == one);
}

TEST_CASE("what a thread does between its executions is no stray point of another one", "[sim][parallel]") {
    CHECK_FALSE(explore_by_all({.faults = 2, .preemptions = 0}, has_points_around_the_run).notes.stray_point);
}

TEST_CASE("several threads call a scenario, and no more than were asked for", "[sim][parallel]") {
    for (const int threads : {1, 2, 3}) {
        Threads seen{static_cast<std::size_t>(threads)};
        ExploreOptions options{.faults = 1, .preemptions = 0};
        options.threads = threads;
        CHECK(explore(options, [&](World& world) {
                  seen.enter();
                  two_consumers(world);
              }).ok());
        CHECK(seen.count() == static_cast<std::size_t>(threads));
    }
}

TEST_CASE("a plan that fails only beside others is no violation", "[sim][parallel]") {
    Threads seen{2};
    ExploreOptions options{.faults = 1, .preemptions = 0};
    options.threads = 2;
    const Report report = explore(options, [&](World& world) {
        seen.enter();
        two_consumers(world);
        world.expect("in the first thread", seen.is_first());
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(report.problem.find("fails while other threads run plans, and passes alone") != std::string::npos);
}

TEST_CASE("an exploration on several threads ends with the exception of its caller", "[sim][parallel]") {
    ExploreOptions options{.faults = 2, .preemptions = 1};
    options.threads = 2;
    options.progress = [](const Progress&) { throw std::runtime_error{"enough"}; };
    CHECK_THROWS_AS(explore(options, two_consumers), std::runtime_error);
}
