// SPDX-License-Identifier: MIT

// Does a message cost more when many others are stored? Ready messages, and messages in flight.

#include "contenders.hpp"

#include <array>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace bench {
namespace {

using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;

/// Whether ten million messages fit: they need three gigabytes or so. SQSIM_BENCH_HUGE=1 or =0 decides; else the
/// memory that is free does.
[[nodiscard]] bool huge() {
    if (const char* const value = std::getenv("SQSIM_BENCH_HUGE")) {
        return std::string_view{value} == "1";
    }
    constexpr std::size_t needed_kilobytes = 8'000'000;
    std::ifstream stream{"/proc/meminfo"};
    for (std::string name; stream >> name;) {
        std::size_t kilobytes = 0;
        if (name == "MemAvailable:" && stream >> kilobytes) {
            return kilobytes >= needed_kilobytes;
        }
        stream.ignore(1'000, '\n');
    }
    return false;
}

template <class Queue>
void backlog(const std::string& queue_name, bool is_yardstick) {
    std::vector<std::size_t> sizes{0, 1'000, 100'000, 1'000'000};
    if (huge()) {
        sizes.push_back(10'000'000);
    }
    for (const std::size_t size : sizes) {
        if (!wanted(size)) {
            continue;
        }
        const std::string scenario = "backlog/";
        std::vector<std::string> baselines;
        if (!is_yardstick) {
            baselines.push_back(scenario + yardstick + "/" + magnitude(size));
            if (size > 1'000) {
                baselines.push_back(scenario + queue_name + "/1e3");
            }
        }
        add(
            scenario + queue_name + "/" + magnitude(size), baselines,
            [=](benchmark::State& state) {
                Queue queue{64};
                typename Queue::Port port{queue};
                for (std::size_t stored = 0; stored < size; stored += 10) {
                    port.put(10);
                }
                pass(port, 1'000, 10);
                measure(state, 10'000, [&] { pass(port, 10'000, 10); });
            },
            1'000'000);
    }
}

/// The oldest message in flight is deleted whenever a new one is received.
void in_flight() {
    for (const std::size_t size : {10U, 1'000U, 100'000U, 1'000'000U}) {
        if (!wanted(size)) {
            continue;
        }
        const std::string name = "in_flight/";
        std::vector<std::string> baselines{transfer(10)};
        if (size > 1'000) {
            baselines.push_back(name + "1e3");
        }
        add(
            name + magnitude(size), baselines,
            [=](benchmark::State& state) {
                Contender contender{64};
                auto& queue = contender.queue();
                std::array<std::string_view, 10> bodies;
                bodies.fill(contender.body());
                std::array<Contender::Message, 10> messages;
                std::vector<sqsim::ReceiptHandle> handles(size);
                std::size_t oldest = 0;
                const auto receive_into = [&](std::size_t place) {
                    queue.send_messages(std::span<const std::string_view>{bodies});
                    queue.receive_messages(std::span{messages});
                    for (std::size_t i = 0; i < 10; ++i) {
                        look_at(messages[i].body());
                        handles[place + i] = messages[i].receipt_handle();
                    }
                };
                for (std::size_t place = 0; place < size; place += 10) {
                    receive_into(place);
                }
                measure(state, 10'000, [&] {
                    for (std::size_t done = 0; done < 10'000; done += 10) {
                        benchmark::DoNotOptimize(queue.delete_messages(std::span{handles}.subspan(oldest, 10)));
                        receive_into(oldest);
                        oldest = oldest + 10 == size ? 0 : oldest + 10;
                    }
                });
            },
            1'000'000);
    }
}

[[maybe_unused]] const bool registered = [] {
    backlog<Yardstick>(yardstick, true);
    backlog<Contender>("standard", false);
    in_flight();
    return true;
}();

}  // namespace
}  // namespace bench
