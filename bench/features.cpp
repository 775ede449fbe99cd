// SPDX-License-Identifier: MIT

// What is optional must cost nothing where it is not used: the lifecycle on queues that differ in one thing.
//
// Code that is not there cannot be measured. But what is there and idle is an upper bound: a dead-letter policy that no
// message reaches, attributes on other messages, metrics that are asked for now and then (the counters behind them are
// always kept; their price is in the lifecycle). A decision source that was removed again shows whether something of it
// stays. All run the same machine code, so that where the compiler put it makes no difference.

#include "contenders.hpp"

#include <algorithm>
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

/// A queue with a feature, and its user.
struct Side {
    explicit Side(std::unique_ptr<Feature> given) : feature{std::move(given)} { feature->give(contender); }
    Side(const Side&) = delete;
    Side& operator=(const Side&) = delete;
    ~Side() { feature->take_back(contender); }

    /// Returns: the seconds for ten thousand messages.
    [[nodiscard]] double live(std::size_t batch) {
        const double start = busy_seconds();
        ten_thousand_lives(port, batch);
        feature->every_ten_thousand_messages(contender);
        return busy_seconds() - start;
    }

    Contender contender{64};
    Contender::Port port{contender};
    std::unique_ptr<Feature> feature;
};

[[nodiscard]] double median(std::vector<double> values) {
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

using MakeFeature = std::function<std::unique_ptr<Feature>()>;

/// A few percent would drown in what else goes on in a machine. So the queue with the feature and the one without take
/// turns, many times, and the time without goes along in the counter `beside`.
void take_turns(benchmark::State& state, std::size_t batch, const MakeFeature& with, const MakeFeature& without) {
    keep_a_second_thread();
    const std::size_t turns = quick() ? 3 : 41;
    const std::size_t messages = turns * 10'000;
    while (state.KeepRunningBatch(static_cast<benchmark::IterationCount>(messages))) {
        Side has{with()};
        Side has_not{without()};
        std::vector<double> times;
        std::vector<double> times_without;
        static_cast<void>(has.live(batch) + has_not.live(batch));
        for (std::size_t i = 0; i < turns; ++i) {
            if (i % 2 == 0) {
                times.push_back(has.live(batch));
                times_without.push_back(has_not.live(batch));
            } else {
                times_without.push_back(has_not.live(batch));
                times.push_back(has.live(batch));
            }
        }
        state.SetIterationTime(median(times) * static_cast<double>(turns));
        state.counters["beside"] = median(times_without) * 1e9 / 10'000;
    }
}

template <class Kind, class... Arguments>
[[nodiscard]] MakeFeature make(Arguments... arguments) {
    return [=]() -> std::unique_ptr<Feature> { return std::make_unique<Kind>(arguments...); };
}

[[maybe_unused]] const bool registered = [] {
    const auto contest = [](const std::string& feature, const MakeFeature& with, const MakeFeature& without) {
        for (const std::size_t batch : {std::size_t{1}, std::size_t{10}}) {
            const std::string name = "features/" + feature + "/by" + std::to_string(batch);
            add(
                name, {name + "/beside"}, [=](auto& state) { take_turns(state, batch, with, without); }, 410'000);
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
