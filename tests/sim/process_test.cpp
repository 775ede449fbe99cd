// SPDX-License-Identifier: MIT

// Catches actors of one process that do not share its fate: memory that outlives a crash, or that each has for itself,
// a member that survives the crash of another, and one that goes on while its process stands still.

#include "sim/sim_support.hpp"

#include <algorithm>
#include <string>
#include <utility>

namespace {

using namespace simulated;

constexpr CrashMode both_modes[] = {CrashMode::unwind, CrashMode::abandon};

ReplayOptions in(CrashMode mode) {
    ReplayOptions options;
    options.crash = mode;
    return options;
}

/// What two threads of a worker share.
struct Memory {
    int number = 0;  // of the process: how often its memory was made
    std::string held{};
};

/// A receiver that writes down what it holds, and a thread beside it that says so every ten seconds, until the receiver
/// has deleted something. What both say, and when.
void receiver_and_reporter(World& world, Log& log) {
    int made = 0;
    bool is_done = false;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.process("worker",
                  [&made] {
                      return Memory{++made, {}};
                  },
                  {{"receiver",
                    [&](Memory& memory) {
                        for (const SimMessage& message : queue.receive_messages({.wait_time = 60s})) {
                            memory.held = message.body();
                            log.say("receiver of " + std::to_string(memory.number) + " holds " + memory.held);
                            point("held");
                            sleep_for(15s);
                            queue.delete_message(message.receipt_handle());
                            log.say("receiver is done");
                            is_done = true;
                        }
                    }},
                   {"reporter", [&](Memory& memory) {
                        while (!is_done) {
                            sleep_for(10s);
                            log.say("reporter of " + std::to_string(memory.number) + " sees " +
                                    (memory.held.empty() ? std::string{"nothing"} : memory.held));
                        }
                    }}});
    world.run();
}

}  // namespace

TEST_CASE("the members of a process share its memory", "[sim][process]") {
    CHECK(lines_of("none", receiver_and_reporter) == Lines{"0s receiver of 1 holds a", "10s reporter of 1 sees a",
                                                           "15s receiver is done", "20s reporter of 1 sees a"});
}

TEST_CASE("a crash of one member ends all of them, and their memory is made anew, once", "[sim][process]") {
    for (const CrashMode mode : both_modes) {
        CHECK(lines_of("crash@held#1.1", receiver_and_reporter, in(mode)) ==
              Lines{"0s receiver of 1 holds a", "10s reporter of 2 sees nothing", "20s reporter of 2 sees nothing",
                    "30s receiver of 2 holds a", "30s reporter of 2 sees a", "40s reporter of 2 sees a",
                    "45s receiver is done", "50s reporter of 2 sees a"});
    }
}

TEST_CASE("a crash of the member that holds nothing ends the one that does", "[sim][process]") {
    for (const CrashMode mode : both_modes) {
        const Lines lines = lines_of("crash@asleep.1", receiver_and_reporter, in(mode));
        REQUIRE(lines.size() >= 3);
        CHECK(lines[0] == "0s receiver of 1 holds a");
        CHECK(lines[1] == "15s reporter of 2 sees nothing");
        CHECK(lines[2] != "15s receiver is done");
        CHECK(std::find(lines.begin(), lines.end(), "30s receiver of 2 holds a") != lines.end());
    }
}

TEST_CASE("a member that stands still stands still with the others", "[sim][process]") {
    CHECK(lines_of("stall@held#1.1", receiver_and_reporter) ==
          Lines{"0s receiver of 1 holds a", "40.001s reporter of 1 sees a", "45.001s receiver is done",
                "50.001s reporter of 1 sees a"});
}

TEST_CASE("another process goes on while one stands still", "[sim][process]") {
    const auto two_processes = [](World& world, Log& log) {
        auto& queue = world.queue({.visibility_timeout = 30s});
        world.produce(queue, {"a"});
        for (const char* name : {"one", "two"}) {
            world.process(name, [] { return 0; },
                          {{"receiver", [&queue, &log, name](int&) {
                                for (const SimMessage& message : queue.receive_messages({.wait_time = 60s})) {
                                    log.got(name, message);
                                    point("got");
                                    queue.delete_message(message.receipt_handle());
                                    log.say(std::string{name} + " is done");
                                }
                            }}});
        }
        world.run();
    };
    CHECK(lines_of("stall@got#1.1", two_processes) == Lines{"0s one got a (1), id 1, handle 1",
                                                            "30s two got a (2), id 1, handle 2", "30s two is done",
                                                            "30.001s one is done"});
}

TEST_CASE("members are named after their process", "[sim][process]") {
    const Report report = replay("crash@held#1.1", [](World& world) {
        Log log{world};
        receiver_and_reporter(world, log);
        world.expect("for the timeline", false);
    });
    CHECK(std::count(report.timeline.actors.begin(), report.timeline.actors.end(), "worker receiver") == 1);
    CHECK(std::count(report.timeline.actors.begin(), report.timeline.actors.end(), "worker reporter") == 1);
    const std::string text = report.to_string();
    CHECK(text.find("worker receiver") != std::string::npos);
    CHECK(text.find("starts again") != std::string::npos);
}

TEST_CASE("the memory of a process that ends is destroyed, unless the process is abandoned", "[sim][process]") {
    for (const CrashMode mode : both_modes) {
        int destroyed = 0;
        int destroyed_by_crash = 0;
        struct Counted {
            explicit Counted(int& where) : count{&where} {}
            Counted(Counted&& other) noexcept : count{std::exchange(other.count, nullptr)} {}
            Counted& operator=(Counted&&) = delete;
            ~Counted() {
                if (count != nullptr) {
                    ++*count;
                }
            }
            int* count;
        };
        ReplayOptions options = in(mode);
        const Report report = replay("crash@got#1.1", options, [&](World& world) {
            destroyed = 0;
            auto& queue = world.queue();
            world.produce(queue, {"a"});
            world.process("worker", [&] { return Counted{destroyed}; },
                          {{"receiver", [&](Counted&) {
                                for (const SimMessage& message : queue.receive_messages({.wait_time = 60s})) {
                                    point("got");
                                    queue.delete_message(message.receipt_handle());
                                }
                            }}});
            world.run();
            world.expect(drained(queue));
            destroyed_by_crash = destroyed;
        });
        INFO(report.to_string());
        CHECK(report.ok());
        CHECK(destroyed_by_crash == (mode == CrashMode::unwind ? 1 : 0));
    }
}
