// SPDX-License-Identifier: MIT

// What is optional must cost nothing where it is not used: the lifecycle on queues that differ in one thing.
//
// Code that is not there cannot be measured. But what is there and idle is an upper bound: a dead-letter policy that no
// message reaches, attributes on other messages, metrics that are asked for now and then (the counters behind them are
// always kept; their price is in the lifecycle). A decision source that was removed again shows whether something of it
// stays. All run the same machine code, so that where the compiler put it makes no difference.

#include "contenders.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace bench {
namespace {

using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;
using Queue = Contender::Queue;

[[gnu::noinline]] void ten_thousand_lives(Contender::Port& port, std::size_t batch) { pass(port, 10'000, batch); }

class BenignDecisions final : public sqsim::DecisionSource {
public:
    std::uint32_t choose(sqsim::Site, std::uint64_t, std::uint32_t) override { return 0; }
    [[nodiscard]] std::uint32_t reorder_window() const override { return 0; }
};

/// What a queue is given before the measurement, and what is done in between.
struct Feature {
    virtual ~Feature() = default;
    virtual void give(Contender&) {}
    virtual void every_ten_thousand_messages(Contender&) {}
    virtual void take_back(Contender&) {}
};

struct DeadLetterPolicy final : Feature {
    void give(Contender& contender) override {
        dead_letters = std::make_unique<Queue>(contender.clock());
        contender.queue().set_redrive_policy({.dead_letter_queue = *dead_letters, .max_receive_count = 1'000});
    }
    void take_back(Contender& contender) override { contender.queue().clear_redrive_policy(); }
    std::unique_ptr<Queue> dead_letters{};
};

struct Decisions final : Feature {
    explicit Decisions(bool removed) : is_removed{removed} {}
    void give(Contender& contender) override {
        contender.queue().decide_by(&source);
        if (is_removed) {
            contender.queue().decide_by(nullptr);
        }
    }
    void take_back(Contender& contender) override { contender.queue().decide_by(nullptr); }
    bool is_removed;
    BenignDecisions source{};
};

struct Metrics final : Feature {
    void every_ten_thousand_messages(Contender& contender) override {
        benchmark::DoNotOptimize(contender.queue().metrics());
    }
};

/// A thousand other messages are in flight all the time.
struct OtherMessages final : Feature {
    explicit OtherMessages(bool attributes) : have_attributes{attributes} {}
    void give(Contender& contender) override {
        for (int i = 0; i < 1'000; ++i) {
            sqsim::SendMessageOptions options;
            if (have_attributes) {
                options.message_attributes["kind"] = {.value = "other"};
            }
            contender.queue().send_message(contender.body(), options);
            benchmark::DoNotOptimize(contender.queue().receive_message());
        }
    }
    bool have_attributes;
};

template <class Kind, class... Arguments>
void add_feature(const std::string& name, const std::string& baseline, Arguments... arguments) {
    for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
        const auto full_name = [&](const std::string& feature) {
            return "features/" + feature + "/by" + std::to_string(batch);
        };
        add(full_name(name), baseline.empty() ? std::vector<std::string>{} : std::vector{full_name(baseline)},
            [=](benchmark::State& state) {
                Contender contender{64};
                Contender::Port port{contender};
                Kind feature{arguments...};
                feature.give(contender);
                measure(state, 10'000, [&] {
                    ten_thousand_lives(port, batch);
                    feature.every_ten_thousand_messages(contender);
                });
                feature.take_back(contender);
            });
    }
}

struct Nothing final : Feature {};

[[maybe_unused]] const bool registered = [] {
    add_feature<Nothing>("none", {});
    add_feature<DeadLetterPolicy>("dead_letter_policy", "none");
    add_feature<Decisions>("decisions_removed", "none", true);
    add_feature<Decisions>("decisions_benign", "none", false);
    add_feature<Metrics>("metrics", "none");
    add_feature<OtherMessages>("others_plain", "none", false);
    add_feature<OtherMessages>("others_with_attributes", "others_plain", true);
    return true;
}();

}  // namespace
}  // namespace bench
