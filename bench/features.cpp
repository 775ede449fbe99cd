// SPDX-License-Identifier: MIT

// What is optional must cost nothing where it is not used: the lifecycle on queues that differ in one thing.
//
// Code that is not there cannot be measured. But what is there and idle is an upper bound: a dead-letter policy that no
// message reaches, attributes on other messages, metrics that are asked for now and then (the counters behind them are
// always kept; their price is in the lifecycle). A choice source that was removed again shows whether something of it
// stays. All run the same machine code, so that where the compiler put it makes no difference.

#include "contenders.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace bench {
namespace {

using Contender = Standard<sqsim::ManualClock, sqsim::NullMutex>;
using Queue = Contender::Queue;

[[gnu::noinline]] void ten_thousand_lives(Contender::Port& port, std::size_t batch) { pass(port, 10'000, batch); }

class BenignChoices final : public sqsim::ChoiceSource {
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
    BenignChoices source{};
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

/// A queue with a feature, and its user.
struct Side {
    explicit Side(std::unique_ptr<Feature> given) : feature{std::move(given)} { feature->give(contender); }
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;
    ~Side() { feature->take_back(contender); }

    void live(std::size_t batch) {
        ten_thousand_lives(port, batch);
        feature->every_ten_thousand_messages(contender);
    }

    Contender contender{64};
    Contender::Port port{contender};
    std::unique_ptr<Feature> feature;
};

using MakeFeature = std::function<std::unique_ptr<Feature>()>;

template <class Kind, class... Arguments>
[[nodiscard]] MakeFeature make(Arguments... arguments) {
    return [=]() -> std::unique_ptr<Feature> { return std::make_unique<Kind>(arguments...); };
}

[[maybe_unused]] const bool registered = [] {
    const auto contest = [](const std::string& feature, const MakeFeature& with, const MakeFeature& without) {
        for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
            const std::string name = "features/" + feature + "/by" + std::to_string(batch);
            add(
                name, {"+without"},
                [=](benchmark::State& state) {
                    Side has{with()};
                    Side has_not{without()};
                    take_turns(state, 41, 10'000, [&] { has.live(batch); },
                               {{"without", [&] { has_not.live(batch); }}});
                },
                410'000);
        }
    };
    const MakeFeature nothing = make<Feature>();
    contest("nothing", nothing, nothing);  // what remains of the noise
    contest("dead_letter_policy", make<DeadLetterPolicy>(), nothing);
    contest("decisions_removed", make<Decisions>(true), nothing);
    contest("decisions_benign", make<Decisions>(false), nothing);
    contest("metrics", make<Metrics>(), nothing);
    contest("attributes_of_others", make<OtherMessages>(true), make<OtherMessages>(false));
    return true;
}();

}  // namespace
}  // namespace bench
