// SPDX-License-Identifier: MIT

// Donations arrive faster than they can be handled, and one of the consumers sometimes takes longer than it may. The
// queue evens out the first; that consumers are idempotent makes up for the second.
//
// Two producers send fifty messages each, two consumers credit them, a monitor watches. By default nobody waits for
// anything: minutes pass in milliseconds on a `sqsim::ManualClock`. With --real-time the same actors run on threads.

#include "actor.hpp"
#include "pipeline.hpp"
#include "records.hpp"
#include "report.hpp"
#include "run.hpp"
#include "scenario.hpp"

#include "sqsim/sqsim.hpp"

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <iomanip>
#include <iostream>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace {

using namespace donations;

constexpr std::string_view usage = R"(usage: donation_pipeline [--real-time [--speed N]]

  --real-time   run on threads and a real clock, about three minutes long
  --speed N     run N times as fast (1 to 1000), with --real-time only
  --help        print this text

Without options the pipeline runs in virtual time, within milliseconds.
)";

struct Options {
    bool help = false;
    bool real_time = false;
    int speed = 1;
};

Options parse_options(std::span<char*> arguments) {
    Options options;
    bool has_speed = false;
    for (std::size_t i = 0; i < arguments.size(); ++i) {
        const std::string_view argument = arguments[i];
        if (argument == "--help") {
            options.help = true;
        } else if (argument == "--real-time") {
            options.real_time = true;
        } else if (argument == "--speed" && i + 1 < arguments.size()) {
            const std::string_view value = arguments[++i];
            const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), options.speed);
            if (error != std::errc{} || end != value.data() + value.size() || options.speed < 1 ||
                options.speed > 1000) {
                throw std::invalid_argument{"--speed wants a number from 1 to 1000"};
            }
            has_speed = true;
        } else {
            throw std::invalid_argument{"what is " + std::string{argument} + "?"};
        }
    }
    if (has_speed && !options.real_time) {
        throw std::invalid_argument{"--speed needs --real-time; virtual time cannot be faster"};
    }
    return options;
}

/// Sets up the actors around a queue, lets `run` run them, and collects what they know.
template <class Queue, class Run>
Report run_pipeline(Queue& queue, const Scenario& scenario, std::span<const Donation> records,
                    typename Monitor<Queue>::Observer observer, Run run) {
    Ledger ledger;
    Producer slow_producer{queue, scenario.slow_producer, records};
    Producer fast_producer{queue, scenario.fast_producer, records};
    Consumer fast_consumer{queue, scenario.fast_consumer, ledger};
    Consumer slow_consumer{queue, scenario.slow_consumer, ledger};
    Monitor monitor{queue, scenario, std::move(observer)};

    const std::array<Actor*, 5> actors{&slow_producer, &fast_producer, &fast_consumer, &slow_consumer, &monitor};
    run(std::span{actors}, monitor.end());

    return {.sent = slow_producer.sent() + fast_producer.sent(),
            .donated = slow_producer.donated() + fast_producer.donated(),
            .credited = ledger.total(),
            .donations_credited = ledger.donations(),
            .consumers = {{fast_consumer.name(), fast_consumer.tally()}, {slow_consumer.name(), slow_consumer.tally()}},
            .left = queue.counts(),
            .samples = monitor.samples()};
}

Report run_virtually(const Scenario& scenario, std::span<const Donation> records) {
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex> queue{clock, scenario.queue};
    const auto silent = [](std::size_t, const sqsim::QueueCounts&) {};
    return run_pipeline(queue, scenario, records, silent, [&](std::span<Actor* const> actors, std::stop_token end) {
        run_in_virtual_time(clock, queue, actors, end);
    });
}

Report run_really(const Scenario& scenario, std::span<const Donation> records) {
    sqsim::Queue<std::chrono::steady_clock> queue{scenario.queue};
    const auto live = [](std::size_t second, const sqsim::QueueCounts& counts) {
        if (second % 10 == 0) {
            std::cout << std::setw(4) << second << " s: " << counts.visible << " available, " << counts.delayed
                      << " delayed, " << counts.in_flight << " in flight" << std::endl;
        }
    };
    return run_pipeline(queue, scenario, records, live,
                        [](std::span<Actor* const> actors, std::stop_token end) { run_in_real_time(actors, end); });
}

/// Returns whether everything added up.
bool simulate(const Options& options) {
    const std::vector<Donation> records = load_donations(SQSIM_EXAMPLE_DATA "/fast_data.json");

    const auto begin = std::chrono::steady_clock::now();
    const Report report = options.real_time ? run_really(sped_up(Scenario{}, options.speed), records)
                                            : run_virtually(Scenario{}, records);
    const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - begin;

    std::cout << "The queue, second by second:\n\n";
    print_chart(std::cout, report.samples);
    std::cout << '\n';
    print_consumers(std::cout, report);
    std::cout << '\n';
    const bool good = print_checks(std::cout, report);
    std::cout << '\n'
              << report.samples.size() - 1 << (options.real_time ? " s" : " s of virtual time") << " in " << std::fixed
              << std::setprecision(1) << took.count() << " ms of real time\n";
    return good;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        const Options options = parse_options(std::span{argv, static_cast<std::size_t>(argc)}.subspan(1));
        if (options.help) {
            std::cout << usage;
            return EXIT_SUCCESS;
        }
        return simulate(options) ? EXIT_SUCCESS : EXIT_FAILURE;
    } catch (const std::invalid_argument& error) {
        std::cerr << "donation_pipeline: " << error.what() << "\n\n" << usage;
    } catch (const std::exception& error) {
        std::cerr << "donation_pipeline: " << error.what() << '\n';
    }
    return EXIT_FAILURE;
}
