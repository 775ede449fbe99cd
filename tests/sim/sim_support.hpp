// SPDX-License-Identifier: MIT
#pragma once

#include "catch.hpp"
#include "sqsim/sim/explore.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

// What the tests of explorations share: scenarios that write down what their actors see.

namespace simulated {

using namespace std::chrono_literals;
using namespace sqsim::sim;
using sqsim::Errc;
using sqsim::FifoQueueOptions;
using sqsim::HandleStatus;
using sqsim::MessageId;
using sqsim::QueueOptions;
using sqsim::ReceiptHandle;
using sqsim::ReceiveMessageOptions;

using Lines = std::vector<std::string>;

/// "30s", "30.001s", "0s".
inline std::string seconds_text(std::chrono::nanoseconds time) {
    const auto count = time.count();
    std::string text = std::to_string(count / 1'000'000'000);
    if (auto rest = count % 1'000'000'000; rest != 0) {
        std::string digits = std::to_string(1'000'000'000 + rest).substr(1);
        digits.erase(digits.find_last_not_of('0') + 1);
        text += "." + digits;
    }
    return text + "s";
}

/// What the actors of one run saw, with message ids and handles numbered in the order in which they appear.
class Log {
public:
    explicit Log(World& world) : world_{world} {}

    void say(const std::string& what) {
        lines_.push_back(seconds_text(world_.clock().now().time_since_epoch()) + " " + what);
    }

    /// "0s a got x (1st), id 1, handle 1"
    void got(const std::string& who, const SimMessage& message) {
        say(who + " got " + std::string{message.body()} + " (" + std::to_string(message.approximate_receive_count()) +
            "), id " + std::to_string(number(ids_, message.message_id())) + ", handle " +
            std::to_string(number(handles_, message.receipt_handle())));
    }

    [[nodiscard]] const Lines& lines() const noexcept { return lines_; }

private:
    template <class T>
    static std::size_t number(std::vector<T>& seen, const T& value) {
        const auto found = std::find(seen.begin(), seen.end(), value);
        const auto place = static_cast<std::size_t>(found - seen.begin()) + 1;
        if (found == seen.end()) {
            seen.push_back(value);
        }
        return place;
    }

    World& world_;
    Lines lines_{};
    std::vector<MessageId> ids_{};
    std::vector<ReceiptHandle> handles_{};
};

/// Arranges a world and runs it.
using Scenario = std::function<void(World&, Log&)>;

/// What the last run of `scenario` saw, when it was replayed under a token.
struct Replayed {
    Report report;
    Lines lines;
};

inline Replayed replayed(std::string_view token, const Scenario& scenario, const ReplayOptions& options = {}) {
    Replayed result;
    result.report = replay(token, options, [&](World& world) {
        Log log{world};
        scenario(world, log);
        world.expect("the run came to its end", true);
        result.lines = log.lines();
    });
    return result;
}

inline Lines lines_of(std::string_view token, const Scenario& scenario, const ReplayOptions& options = {}) {
    const Replayed result = replayed(token, scenario, options);
    INFO(result.report.headline());
    CHECK(result.report.ok());
    return result.lines;
}

/// What every run of an exploration saw, in the order of the runs.
inline std::vector<Lines> explored(const ExploreOptions& options, const Scenario& scenario) {
    std::vector<Lines> runs;
    const Report report = explore(options, [&](World& world) {
        Log log{world};
        scenario(world, log);
        world.expect("the run came to its end", true);
        runs.push_back(log.lines());
    });
    INFO(report.headline());
    CHECK(report.ok());
    return runs;
}

/// What is checked of every kind of fault: that the scenario meets it at so many places when nothing else is offered,
/// that the exploration has a run which sees what the token makes it see, and that it never happens where it is left
/// out.
inline Lines with_fault(Fault kind, std::string_view token, std::size_t places, const Scenario& scenario,
                        ExploreOptions options = {}) {
    options.faults = options.preemptions = 1;
    options.offered = {kind};
    ReplayOptions how;
    how.stalls = options.stalls;
    how.crash = options.crash;
    how.clock_error = options.clock_error;
    Lines lines = lines_of(token, scenario, how);

    std::vector<Lines> runs;
    const Report report = explore(options, [&](World& world) {
        Log log{world};
        scenario(world, log);
        world.expect("the run came to its end", true);
        runs.push_back(log.lines());
    });
    INFO(report.headline());
    CHECK(report.ok());
    CHECK(report.plans_run() == 1 + places);
    CHECK(std::find(runs.begin(), runs.end(), lines) != runs.end());

    how.offered = Faults::all().without({kind});
    CHECK(replayed(token, scenario, how).report.verdict == Verdict::stale_token);
    options.offered = {};
    CHECK(explored(options, scenario).size() == 2);  // the best run, and again to see that it is the same
    return lines;
}

/// A consumer that receives one message after the other, says so, and deletes it.
template <class Q>
void read_all(World& world, Log& log, Q& queue, const std::string& who,
              const ReceiveMessageOptions& options = {.max_number_of_messages = 1, .wait_time = 20s}) {
    world.spawn(who, [&log, &queue, who, options] {
        while (true) {
            for (const SimMessage& message : queue.receive_messages(options)) {
                log.got(who, message);
                queue.delete_message(message.receipt_handle());
            }
        }
    });
}

/// A lock that a destructor takes back while the stack unwinds, as it would not when a process ends.
inline void hide_in_destructor(World& world) {
    struct Unlock {
        bool& is_locked;
        ~Unlock() { is_locked = false; }
    };
    bool is_locked = false;
    int handled = 0;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, [&](const SimMessage&) {
        if (!is_locked) {
            is_locked = true;
            const Unlock unlock{is_locked};
            point("locked");
            ++handled;
        }
    });
    world.run();
    world.expect("handled", handled != 0);
}

}  // namespace simulated
