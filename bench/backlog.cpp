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

constexpr std::size_t turns = 15;
constexpr std::size_t messages = 50'000;

void backlog() {
    std::vector<std::size_t> sizes{1'000, 100'000, 1'000'000};
    if (huge()) {
        sizes.push_back(10'000'000);
    }
    for (const std::size_t size : sizes) {
        if (!wanted(size)) {
            continue;
        }
        add(
            "backlog/" + magnitude(size), {"+" + yardstick, "+empty"},
            [=](benchmark::State& state) {
                Contender contender{64};
                Contender::Port port{contender};
                for (std::size_t stored = 0; stored < size; stored += 10) {
                    port.put(10);
                }
                Contender empty{64};
                Contender::Port empty_port{empty};
                take_turns(
                    state, turns, messages, [&] { pass(port, messages, 10); },
                    {yardstick_beside(messages, 10, 64, size), {"empty", [&] { pass(empty_port, messages, 10); }}});
            },
            turns * messages);
    }
}

/// Keeps so many messages in flight: the oldest is deleted whenever a new one is received.
class InFlight {
public:
    explicit InFlight(std::size_t size) : handles_(size) {
        bodies_.fill(contender_.body());
        for (std::size_t place = 0; place < size; place += 10) {
            receive_into(place);
        }
    }

    void pass_on(std::size_t count) {
        for (std::size_t done = 0; done < count; done += 10) {
            benchmark::DoNotOptimize(contender_.queue().delete_messages(std::span{handles_}.subspan(oldest_, 10)));
            receive_into(oldest_);
            oldest_ = oldest_ + 10 == handles_.size() ? 0 : oldest_ + 10;
        }
    }

private:
    void receive_into(std::size_t place) {
        contender_.queue().send_messages(std::span<const std::string_view>{bodies_});
        contender_.queue().receive_messages(std::span{received_});
        for (std::size_t i = 0; i < 10; ++i) {
            look_at(received_[i].body());
            handles_[place + i] = received_[i].receipt_handle();
        }
    }

    Contender contender_{64};
    std::array<std::string_view, 10> bodies_{};
    std::array<Contender::Message, 10> received_{};
    std::vector<sqsim::ReceiptHandle> handles_;
    std::size_t oldest_ = 0;
};

void in_flight() {
    for (const std::size_t size : {1'000U, 100'000U, 1'000'000U}) {
        if (!wanted(size)) {
            continue;
        }
        add(
            "in_flight/" + magnitude(size), {"+" + yardstick, "+10"},
            [=](benchmark::State& state) {
                InFlight many{size};
                InFlight ten{10};
                take_turns(state, turns, messages, [&] { many.pass_on(messages); },
                           {yardstick_beside(messages, 10), {"10", [&] { ten.pass_on(messages); }}});
            },
            turns * messages);
    }
}

[[maybe_unused]] const bool registered = [] {
    backlog();
    in_flight();
    return true;
}();

}  // namespace
}  // namespace bench
