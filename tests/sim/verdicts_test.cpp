// SPDX-License-Identifier: MIT

// Catches a verdict that does not say what happened: a plan that fails once and is reported as a violation, a fault
// that never comes about, an expectation that is checked too late, what nobody can judge, and a standstill without a
// word.

#include "sim/sim_support.hpp"

#include <sqsim/sim/detail/fiber.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <future>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

/// Calls `handle` for one message, and expects what every scenario expects.
Report explore_handler(const ExploreOptions& options, const std::function<void(World&, const SimMessage&)>& handle) {
    return explore(options, [&](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) { handle(world, message); });
        world.run();
        world.expect(drained(queue));
    });
}

ExploreOptions without_faults() {
    ExploreOptions options;
    options.faults = options.preemptions = 0;
    return options;
}

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

TEST_CASE("a fault that does not come about where an earlier execution reached its site is not deterministic",
          "[sim][verdicts]") {
    int runs = 0;
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::crash};
    const Report report = explore_handler(options, [&runs](World&, const SimMessage&) {
        if (++runs <= 2) {  // the execution without faults, and its repetition
            point("only at first");
        }
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(contains(report.problem, "never reached crash@only_at_first"));
    CHECK_FALSE(report.ok());
    CHECK_FALSE(report.timeline.steps.empty());
}

TEST_CASE("a plan that fails and does not fail again is not deterministic", "[sim][verdicts]") {
    int failures = 0;
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::lose_delete};
    const Report report = explore(options, [&failures](World& world) {
        std::map<std::string, int> handled;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage& message) { ++handled[std::string{message.body()}]; });
        world.run();
        world.expect("handled once, or this is not the first time", handled["a"] == 1 || ++failures > 1);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(contains(report.problem, "failed (handled once, or this is not the first time: it does not hold)"));
    CHECK(contains(report.problem, "when it was replayed it did not"));
}

TEST_CASE("a plan that fails otherwise when it is replayed is not deterministic", "[sim][verdicts]") {
    int failures = 0;
    const Report report = explore(without_faults(), [&failures](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) {});
        world.run();
        world.expect_equal("failures", ++failures, 0);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::nondeterministic);
    CHECK(contains(report.problem, "it is 1, expected is 0"));
    CHECK(contains(report.problem, "otherwise (failures: it is 2, expected is 0)"));
}

TEST_CASE("what is to hold always, sometimes or within a time is registered before the run", "[sim][verdicts]") {
    const std::pair<std::string, std::function<void(World&)>> registrations[] = {
        {"always \"it\"", [](World& world) { world.always("it", [] { return true; }); }},
        {"sometimes \"it\"", [](World& world) { world.sometimes("it", [] { return true; }); }},
        {"settles_within \"60 s\"", [](World& world) { world.settles_within(60s); }},
    };
    for (const auto& [text, add] : registrations) {
        const auto scenario = [&, &add = add](bool too_late) {
            return explore(without_faults(), [&](World& world) {
                auto& queue = world.queue();
                world.produce(queue, {"a"});
                world.consume(queue, [](const SimMessage&) {});
                if (!too_late) {
                    add(world);
                }
                world.run();
                if (too_late) {
                    add(world);
                }
                world.expect(drained(queue));
            });
        };
        CHECK(scenario(false).ok());
        const Report report = scenario(true);
        INFO(report.to_string());
        CHECK(report.verdict == Verdict::violated);
        CHECK(contains(report.problem, "the scenario is wrong: " + text));
    }
}

TEST_CASE("what is registered between two runs is checked by the second", "[sim][verdicts]") {
    const Report report = explore(without_faults(), [](World& world) {
        int handled = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) { ++handled; });
        world.run();
        world.always("at most once", [&] { return handled < 2; });
        world.produce(queue, {"b"});
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "always at most once"));
}

TEST_CASE("what is thrown and is no std::exception is a violation with its type",
          "[sim][verdicts]"){SECTION("in a handler"){
    const Report report = explore_handler(without_faults(), [](World&, const SimMessage&) { throw 7; });
INFO(report.to_string());
CHECK(report.verdict == Verdict::violated);
CHECK(contains(report.problem, "the code of consumer threw what is no std::exception"));
CHECK(report.plans == 1);
}
SECTION("in code that was spawned") {
    const Report report = explore(without_faults(), [](World& world) {
        auto& queue = world.queue();
        world.spawn("worker", [&] {
            static_cast<void>(queue.receive_message());
            throw std::string{"seven"};
        });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "the code of worker threw what is no std::exception"));
}
SECTION("in the scenario itself") {
    const Report report = explore(without_faults(), [](World&) { throw 7; });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "the scenario itself threw what is no std::exception"));
}
#ifndef _LIBCPP_VERSION
SECTION("its type is named") {
    CHECK(contains(explore(without_faults(), [](World&) { throw 7; }).problem, "(int)"));
}
#endif
}

TEST_CASE("an error of the scenario itself is a violation with its text", "[sim][verdicts]") {
    const Report report = explore(without_faults(), [](World&) { throw std::runtime_error{"no database"}; });
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "the scenario itself ended with an error: no database"));
}

TEST_CASE("a queue that is called from another thread refuses, and the execution is a violation", "[sim][verdicts]") {
    std::string refused;
    const Report report = explore(without_faults(), [&refused](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            std::thread{[&] {
                try {
                    queue.send_message("b");
                } catch (const sqsim::Error& error) {
                    refused = error.what();
                }
            }}.join();
        });
        world.run();
        world.expect(drained(queue));
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "called from another thread"));
    CHECK(contains(refused, "use its actors instead"));
}

TEST_CASE("a point in another thread does nothing, and the report says so", "[sim][verdicts]") {
    const Report report = explore_handler(without_faults(), [](World&, const SimMessage&) {
        std::async(std::launch::async, [] { point("elsewhere"); }).get();
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
    CHECK(report.notes.stray_point);
    CHECK(contains(report.to_string(), "another thread reached a point"));
    const Report next = explore_handler(without_faults(), [](World&, const SimMessage&) { point("here"); });
    CHECK_FALSE(next.notes.stray_point);
}

TEST_CASE("an endless loop without a step is told, with its place", "[sim][verdicts]") {
    std::atomic<bool> is_told = false;
    std::string told;
    ExploreOptions options = without_faults();
    options.watchdog = 20ms;
    options.on_standstill = [&](std::string_view text) {
        if (!is_told.load()) {
            told = text;
            is_told.store(true);
        }
    };
    const Report report = explore_handler(options, [&is_told](World&, const SimMessage&) {
        point("before the loop");
        for (int i = 0; i < 100'000'000 && !is_told.load(); ++i) {  // ends even if nobody watches
            std::this_thread::yield();
        }
    });
    CHECK(report.verdict == Verdict::holds);
    INFO(told);
    CHECK(contains(told, "no step for 0.02 s of real time"));
    CHECK(contains(told, "consumer is in an endless loop"));
    CHECK(contains(told, "Its last site: before the loop"));
    CHECK(contains(told, "gets #1"));
}

TEST_CASE("a watchdog of several threads tells of the one that stands still, and of none that is idle",
          "[sim][verdicts]") {
    std::atomic<int> told = 0;
    std::atomic<int> told_of_others = 0;
    ExploreOptions options = without_faults();
    options.faults = 1;
    options.offered = Fault::crash;
    options.threads = 3;
    options.watchdog = 50ms;
    options.on_standstill = [&](std::string_view text) {
        ++(contains(std::string{text}, "Its last site: before the loop") ? told : told_of_others);
    };
    const Report report = explore_handler(options, [&told](World&, const SimMessage& message) {
        point("before the loop");
        if (message.approximate_receive_count() == 2) {
            for (int i = 0; i < 100'000'000 && told.load() < 12; ++i) {
                std::this_thread::yield();
            }
        }
    });
    CHECK(report.verdict == Verdict::holds);
    CHECK(told.load() >= 12);
    CHECK(told_of_others.load() < 3);  // the machine, too, may let a thread stand still
}

TEST_CASE("a watchdog of zero watches nothing", "[sim][verdicts]") {
    ExploreOptions options = without_faults();
    options.watchdog = 0ms;
    options.on_standstill = [](std::string_view) { std::abort(); };
    CHECK(explore_handler(options, [](World&, const SimMessage&) {}).ok());
}

#if !SQSIM_ASAN && !SQSIM_TSAN
namespace {

/// Calls itself until the stack is full.
[[gnu::noinline]] int dig(int depth) {
    std::array<volatile char, 1024> here{};
    here[static_cast<std::size_t>(depth) % here.size()] = 1;
    return depth == 1'000'000 ? here[0] : dig(depth + 1) + here[0];
}

/// What a child process writes to its standard error stream, and the signal that ends it.
std::pair<std::string, int> end_of_child(const std::function<void()>& child) {
    std::array<int, 2> ends{};
    REQUIRE(::pipe(ends.data()) == 0);
    const ::pid_t id = ::fork();
    if (id == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        for (const int signal : {SIGSEGV, SIGABRT, SIGBUS}) {
            std::signal(signal, SIG_DFL);
        }
        child();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string text;
    std::array<char, 256> part{};
    for (::ssize_t size = 0; (size = ::read(ends[0], part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<std::size_t>(size));
    }
    ::close(ends[0]);
    int status = 0;
    REQUIRE(::waitpid(id, &status, 0) == id);
    return {text, WIFSIGNALED(status) ? WTERMSIG(status) : 0};
}

}  // namespace

TEST_CASE("a stack that is too small ends the program with a sentence", "[sim][verdicts]") {
    const auto [text, signal] = end_of_child([] {
        static_cast<void>(explore_handler(without_faults(), [](World&, const SimMessage&) {
            if (dig(0) == 42) {
                point("never");
            }
        }));
    });
    CHECK(signal == SIGSEGV);
    CHECK(contains(text, "sqsim: the stack of a simulated consumer is too small for its code"));
    CHECK(contains(text, "stack_size"));
}

TEST_CASE("a stack that is too small ends the program with a sentence, whichever thread it is in", "[sim][verdicts]") {
    const auto [text, signal] = end_of_child([] {
        ExploreOptions options = without_faults();
        options.faults = 1;
        options.offered = Fault::crash;
        options.threads = 2;
        std::atomic<int> executions = 0;
        static_cast<void>(
            explore_handler(options, [&executions, first = std::this_thread::get_id()](World&, const SimMessage&) {
                if (std::this_thread::get_id() != first && dig(0) == 42) {
                    point("never");
                }
                while (++executions > 4) {  // the first thread waits for the other one
                    std::this_thread::yield();
                }
                point("handled");
            }));
    });
    CHECK(signal == SIGSEGV);
    CHECK(contains(text, "sqsim: the stack of a simulated consumer is too small for its code"));
}

TEST_CASE("another bad access ends the program without that sentence", "[sim][verdicts]") {
    const auto [text, signal] = end_of_child([] {
        static_cast<void>(explore_handler(without_faults(), [](World&, const SimMessage&) { std::raise(SIGSEGV); }));
    });
    CHECK(signal == SIGSEGV);
    CHECK_FALSE(contains(text, "too small"));
}

TEST_CASE("a larger stack holds what a smaller one does not", "[sim][verdicts]") {
    ExploreOptions options = without_faults();
    options.stack_size = 8 * 1024 * 1024;
    CHECK(explore_handler(options, [](World&, const SimMessage&) {
              std::array<volatile char, 1024 * 1024> large;  // four times the usual stack
              for (std::size_t i = 0; i < large.size(); i += 512) {
                  large[i] = 1;
              }
          }).ok());
}
#endif

TEST_CASE("a message that does not settle in time is reported with what its handler said last", "[sim][verdicts]") {
    const auto scenario = [](std::uint32_t failures) {
        return explore(without_faults(), [failures](World& world) {
            auto& queue = world.queue({.visibility_timeout = 30s});
            world.settles_within(5min);
            world.produce(queue, {"a"});
            world.consume(queue, [failures](const SimMessage& message) {
                if (message.approximate_receive_count() <= failures) {
                    throw std::runtime_error{"overlapping"};
                }
            });
            world.run();
            world.expect(drained(queue));
        });
    };
    CHECK(scenario(10).ok());
    const Report report = scenario(1000);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(contains(report.problem, "settles: #1 is neither deleted nor a dead letter within 300 s"));
    CHECK(contains(report.problem, "#1 was received 12 times, last error: overlapping"));
}

TEST_CASE("the time that faults take does not count against settling", "[sim][verdicts]") {
    const auto scenario = [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.settles_within(1min);
        world.produce(queue, {"a"});
        world.consume(queue, [](const SimMessage&) { point("held"); });
        world.run();
        world.expect(drained(queue));
    };
    ReplayOptions options;
    options.offered = Faults::default_faults();
    CHECK(replay("outage@held#1.1", options, scenario).ok());
    CHECK(replay("lost@delete#1.1", options, scenario).ok());
}

TEST_CASE("two values that should be equal are both in the report", "[sim][verdicts]") {
    const auto scenario = [](const std::map<std::string, int>& expected) {
        return explore(without_faults(), [&](World& world) {
            std::map<std::string, int> counts;
            auto& queue = world.queue();
            world.produce(queue, {"a", "b"});
            world.consume(queue, [&](const SimMessage& message) { ++counts[std::string{message.body()}]; });
            world.run();
            world.expect_equal("counts", counts, expected);
        });
    };
    CHECK(scenario({{"a", 1}, {"b", 1}}).ok());
    const Report report = scenario({{"a", 1}, {"b", 2}});
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.problem == "counts: it is {a: 1, b: 1}, expected is {a: 1, b: 2}");
}

TEST_CASE("an exploration without time is not complete", "[sim][verdicts]") {
    ExploreOptions options;
    options.maximum_time = 0ns;
    const Report report = explore_handler(options, [](World&, const SimMessage&) {});
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::incomplete);
    CHECK_FALSE(report.ok());
    CHECK(report.headline().starts_with("NOT COMPLETE"));
    CHECK(report.plans == 0);
}

TEST_CASE("a violation that only a destructor causes does not count, and the report says so", "[sim][verdicts]") {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::crash};
    const Report report = explore(options, [](World& world) {
        struct Rollback {
            int& rollbacks;
            bool is_committed = false;
            ~Rollback() { rollbacks += is_committed ? 0 : 1; }
        };
        int rollbacks = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, [&](const SimMessage&) {
            Rollback rollback{rollbacks};
            point("held");
            rollback.is_committed = true;
        });
        world.run();
        world.expect("nothing is rolled back", rollbacks == 0);
    });
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::holds);
    CHECK(report.notes.only_unwinding == 1);
    CHECK(contains(report.to_string(), "1 plan with a crash fail only because code of the consumer runs"));
}

TEST_CASE("a violation that a destructor hides is found, and the report says so", "[sim][verdicts]") {
    ExploreOptions options;
    options.faults = 1;
    options.preemptions = 0;
    options.offered = {Fault::crash};
    const Report report = explore(options, hide_in_destructor);
    INFO(report.to_string());
    CHECK(report.verdict == Verdict::violated);
    CHECK(report.token == "crash@locked#1.1");
    CHECK(report.notes.only_abandoned);
    CHECK(contains(report.to_string(), "a destructor hides it while the stack unwinds"));
    const Report again = replay(report.token, hide_in_destructor);
    CHECK(again.verdict == Verdict::violated);
    CHECK(again.notes.only_abandoned);

    options.maximum_abandoned = 0;
    const Report unwinding_only = explore(options, hide_in_destructor);
    CHECK(unwinding_only.verdict == Verdict::holds);
    CHECK_FALSE(unwinding_only.notes.abandoned_all);
}

TEST_CASE("the report names how many plans were run in both crash modes", "[sim][verdicts]") {
    ExploreOptions options;
    options.faults = 2;
    options.preemptions = 0;
    options.offered = {Fault::crash};
    const auto handle = [](World&, const SimMessage&) { point("held"); };
    const Report all = explore_handler(options, handle);
    CHECK(all.ok());
    CHECK(all.notes.abandoned_all);
    CHECK(all.notes.abandoned >= 3);
    CHECK(all.warnings.empty());
    options.maximum_abandoned = 2;
    const Report some = explore_handler(options, handle);
    INFO(some.to_string());
    CHECK(some.ok());
    CHECK(some.notes.abandoned == 2);
    CHECK(contains(some.to_string(), "the first 2 plans with a crash were run in both crash modes"));
}

TEST_CASE("a delete by an older handle, or a repeated one, succeeds in a world, and its status says more",
          "[sim][verdicts]") {
    const Report report = explore(without_faults(), [](World& world) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        auto& fifo = world.fifo_queue({.visibility_timeout = 30s});
        std::vector<std::pair<bool, HandleStatus>> answers;
        const auto ask = [&](auto& from) {
            const auto first = from.receive_message({.wait_time = 20s});
            sleep_for(30s);
            const auto second = from.receive_message({.wait_time = 20s});
            for (const auto& handle : {first->receipt_handle(), second->receipt_handle(), second->receipt_handle()}) {
                const auto result = from.delete_message(handle);
                answers.emplace_back(static_cast<bool>(result), result.status);
            }
        };
        world.produce(queue, {"a"});
        world.produce(fifo, "group", {"a"});
        world.spawn("asks", [&] {
            ask(queue);
            ask(fifo);
        });
        world.run();
        using Answers = std::vector<std::pair<bool, HandleStatus>>;
        world.expect("as the service answers", answers == Answers{{true, HandleStatus::superseded},
                                                                  {true, HandleStatus::ok},
                                                                  {true, HandleStatus::gone},
                                                                  {false, HandleStatus::superseded},
                                                                  {true, HandleStatus::ok},
                                                                  {true, HandleStatus::gone}});
    });
    INFO(report.to_string());
    CHECK(report.ok());
}

TEST_CASE("a queue in the process tells a delete that had no effect", "[sim][verdicts]") {
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock> queue{clock, {.visibility_timeout = 30s}};
    static_cast<void>(queue.send_message("a"));
    const auto first = queue.receive_message();
    clock.advance(30s);
    const auto second = queue.receive_message();
    REQUIRE(first);
    REQUIRE(second);
    const auto superseded = queue.delete_message(first->receipt_handle());
    CHECK_FALSE(superseded);
    CHECK(superseded.status == HandleStatus::superseded);
    CHECK(queue.delete_message(second->receipt_handle()));
    const auto gone = queue.delete_message(second->receipt_handle());
    CHECK_FALSE(gone);
    CHECK(gone.status == HandleStatus::gone);
}
