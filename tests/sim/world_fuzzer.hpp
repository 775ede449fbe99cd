// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/sim/explore.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

// Random worlds: a seed becomes a plan of queues, producers and actors, a plan becomes a scenario. Nobody expects
// anything of such a scenario. Whatever it does, the simulation must keep the contract of the service.

namespace world_fuzzer {

using namespace sqsim::sim;
using std::chrono::seconds;

/// The random numbers of one world (splitmix64), the same everywhere.
class Dice {
public:
    explicit Dice(std::uint64_t seed) noexcept : state_{seed} {}

    [[nodiscard]] std::size_t below(std::size_t bound) noexcept { return static_cast<std::size_t>(next() % bound); }
    [[nodiscard]] bool percent(std::size_t chance) noexcept { return below(100) < chance; }
    template <class T>
    [[nodiscard]] T one_of(std::initializer_list<T> values) noexcept {
        return *(values.begin() + below(values.size()));
    }

private:
    std::uint64_t next() noexcept {
        std::uint64_t z = state_ += 0x9e37'79b9'7f4a'7c15U;
        z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9U;
        z = (z ^ z >> 27) * 0x94d0'49bb'1331'11ebU;
        return z ^ z >> 31;
    }

    std::uint64_t state_;
};

/// What an actor does next. The first ones are about a message, the others are calls of a loop or of an administrator.
enum class Step : std::uint8_t {
    accept,
    fail,
    give_back,
    shorten,
    extend,
    send_on,
    send_batch_on,
    pay,
    mark,
    rest,
    oversleep,
    read_clock,
    use_old_handle,
    delete_twice,
    short_poll,
    short_polls,
    long_poll,
    patient_poll,
    brief_poll,
    poll_for_nothing,
    batch_poll,
    repeated_poll,
    delete_and_poll,
    poll_dead_letters,
    purge,
    set_visibility,
    set_delay,
    set_redrive,
};

inline constexpr std::array<std::string_view, 28> step_names{
    "accept",         "fail",           "give-back",       "shorten",
    "extend",         "send-on",        "send-batch-on",   "pay",
    "mark",           "rest",           "oversleep",       "read-clock",
    "use-old-handle", "delete-twice",   "short-poll",      "short-polls",
    "long-poll",      "patient",        "brief",           "for-nothing",
    "batch-poll",     "repeated-poll",  "delete-and-poll", "dead-letters",
    "purge",          "set-visibility", "set-delay",       "set-redrive"};

struct QueuePlan {
    bool is_fifo = false;
    bool deduplicates_content = false;
    bool deduplicates_by_group = false;
    seconds visibility{30};
    seconds delay{0};
    seconds retention{345'600};
    seconds wait{0};
    std::size_t dead_letter_queue = 0;
    int max_receive_count = 0;  // 0: no dead-letter queue
    std::optional<seconds> deduplication{};
    std::size_t capacity = sqsim::unlimited;
    std::size_t calls_per_second = sqsim::unlimited;
};

struct MessagePlan {
    std::size_t queue = 0;
    std::string body{};
    std::string group{};
    std::string deduplication{};
    std::optional<seconds> delay{};
    bool is_direct = false;  // sent by the scenario itself, before the run
};

struct ActorPlan {
    enum class Kind : std::uint8_t { handler, batch_handler, factory, loop, stoppable_loop, administrator };

    Kind kind = Kind::handler;
    std::size_t queue = 0;
    std::size_t other_queue = 0;  // where it sends to, or where it also looks
    int consumers = 1;
    seconds work_time{0};
    std::optional<seconds> lease{};
    std::vector<Step> steps{};
};

/// Everything about a world, and how it is run.
struct WorldPlan {
    std::uint64_t seed = 0;
    std::vector<QueuePlan> queues{};
    std::vector<MessagePlan> messages{};
    std::vector<ActorPlan> actors{};
    ExploreOptions explored{};
    SampleOptions sampled{};
};

namespace detail {

inline std::vector<Step> draw_steps(Dice& dice, std::initializer_list<Step> kinds, std::size_t most) {
    std::vector<Step> steps(1 + dice.below(most));
    for (Step& step : steps) {
        step = dice.one_of(kinds);
    }
    return steps;
}

inline QueuePlan draw_queue(Dice& dice) {
    QueuePlan queue;
    queue.is_fifo = dice.percent(50);
    queue.deduplicates_content = dice.percent(50);
    queue.deduplicates_by_group = dice.percent(30);
    queue.visibility = dice.one_of({seconds{30}, seconds{30}, seconds{1}, seconds{0}});
    queue.delay = dice.one_of({seconds{0}, seconds{0}, seconds{5}, seconds{90}});
    queue.retention = dice.one_of({seconds{345'600}, seconds{345'600}, seconds{3'600}, seconds{60}});
    queue.wait = dice.one_of({seconds{0}, seconds{0}, seconds{2}, seconds{20}});
    queue.deduplication = dice.percent(20) ? std::optional{dice.one_of({seconds{0}, seconds{7}})} : std::nullopt;
    queue.capacity = dice.percent(5) ? 3 : sqsim::unlimited;
    queue.calls_per_second = dice.percent(5) ? 2 : sqsim::unlimited;
    return queue;
}

/// The first actor works on the first queue, where most messages are: else many worlds would stand still.
inline ActorPlan draw_actor(Dice& dice, std::size_t queues, bool is_first) {
    using Kind = ActorPlan::Kind;
    ActorPlan actor;
    actor.kind = dice.one_of({Kind::handler, Kind::handler, Kind::batch_handler, Kind::factory, Kind::loop, Kind::loop,
                              Kind::stoppable_loop, is_first ? Kind::handler : Kind::administrator});
    actor.queue = is_first ? 0 : dice.below(queues);
    actor.other_queue = dice.below(queues);
    actor.consumers = dice.percent(25) ? 2 : 1;
    actor.work_time = dice.one_of({seconds{0}, seconds{0}, seconds{3}, seconds{31}});
    actor.lease = dice.percent(25) ? std::optional{dice.one_of({seconds{0}, seconds{5}})} : std::nullopt;
    switch (actor.kind) {
    case Kind::handler:
    case Kind::batch_handler:
    case Kind::factory:
        actor.steps = draw_steps(dice,
                                 {Step::accept, Step::accept, Step::fail, Step::give_back, Step::shorten, Step::extend,
                                  Step::send_on, Step::send_batch_on, Step::pay, Step::mark, Step::rest,
                                  Step::oversleep, Step::read_clock, Step::use_old_handle, Step::delete_twice},
                                 5);
        break;
    case Kind::loop:
    case Kind::stoppable_loop:
        actor.steps =
            draw_steps(dice,
                       {Step::short_poll, Step::short_polls, Step::long_poll, Step::patient_poll, Step::brief_poll,
                        Step::poll_for_nothing, Step::batch_poll, Step::repeated_poll, Step::delete_and_poll,
                        Step::poll_dead_letters, Step::rest, Step::mark, Step::shorten, Step::give_back, Step::extend,
                        Step::send_on, Step::use_old_handle, Step::delete_twice},
                       5);
        actor.steps.push_back(dice.one_of({Step::short_poll, Step::long_poll, Step::batch_poll}));
        break;
    case Kind::administrator:
        actor.steps = draw_steps(dice,
                                 {Step::purge, Step::set_visibility, Step::set_delay, Step::set_redrive, Step::rest,
                                  Step::oversleep, Step::send_on},
                                 4);
        break;
    }
    return actor;
}

}  // namespace detail

/// The world of a seed.
[[nodiscard]] inline WorldPlan draw_world(std::uint64_t seed) {
    Dice dice{seed};
    WorldPlan plan;
    plan.seed = seed;
    plan.queues.resize(1 + dice.below(3));
    for (QueuePlan& queue : plan.queues) {
        queue = detail::draw_queue(dice);
    }
    for (QueuePlan& queue : plan.queues) {
        const std::size_t other = dice.below(plan.queues.size());
        if (dice.percent(50) && plan.queues[other].is_fifo == queue.is_fifo) {
            queue.dead_letter_queue = other;
            queue.max_receive_count = static_cast<int>(1 + dice.below(3));
        }
    }
    plan.messages.resize(1 + dice.below(3));
    for (std::size_t i = 0; i < plan.messages.size(); ++i) {
        MessagePlan& message = plan.messages[i];
        message.queue = dice.percent(70) ? 0 : dice.below(plan.queues.size());
        message.body = std::string(1, static_cast<char>('a' + (dice.percent(85) ? i : 0)));
        message.group = dice.one_of({"g", "g", "h"});
        message.deduplication = dice.percent(30) ? dice.one_of({"x", "y"}) : "";
        message.is_direct = dice.percent(15);
        message.delay = dice.percent(20) ? std::optional{dice.one_of({seconds{0}, seconds{10}})} : std::nullopt;
    }
    plan.actors.resize(1 + dice.below(3));
    for (std::size_t i = 0; i < plan.actors.size(); ++i) {
        plan.actors[i] = detail::draw_actor(dice, plan.queues.size(), i == 0);
    }
    const Faults offered = dice.percent(60) ? Faults::all() : Faults::usual();
    const CrashMode crash = dice.percent(70) ? CrashMode::unwind : CrashMode::abandon;
    const Stalls stalls = dice.percent(60) ? Stalls::own_lease : Stalls::all_deadlines;
    plan.explored = {.faults = 1,
                     .preemptions = dice.percent(30) ? 1 : 0,
                     .offered = offered,
                     .crash = crash,
                     .stalls = stalls,
                     .maximum_steps = 1'000,
                     .maximum_plans = 100};
    plan.sampled = {.runs = 25,
                    .seed = seed,
                    .maximum_faults = 6,
                    .offered = offered,
                    .crash = crash,
                    .stalls = stalls,
                    .maximum_steps = 1'000,
                    .maximum_certification = 100};
    return plan;
}

/// What a plan arranges, for people.
[[nodiscard]] inline std::string to_text(const WorldPlan& plan) {
    const auto number = [](auto value) { return std::to_string(value); };
    std::string text = "world " + number(plan.seed) + "\n";
    for (std::size_t i = 0; i < plan.queues.size(); ++i) {
        const QueuePlan& queue = plan.queues[i];
        text += "  queue " + number(i + 1) + (queue.is_fifo ? ": FIFO" : ": standard") + ", visibility " +
                number(queue.visibility.count()) + " s, delay " + number(queue.delay.count()) + " s, retention " +
                number(queue.retention.count()) + " s, wait " + number(queue.wait.count()) + " s";
        if (queue.is_fifo) {
            text += queue.deduplicates_content ? ", content-based deduplication" : "";
            text += queue.deduplicates_by_group ? ", scope group" : "";
            text += queue.deduplication ? ", interval " + number(queue.deduplication->count()) + " s" : "";
            text += queue.calls_per_second == 2 ? ", 2 calls a second" : "";
        }
        text += queue.capacity == 3 ? ", capacity 3" : "";
        if (queue.max_receive_count != 0) {
            text += ", after " + number(queue.max_receive_count) + " receives to queue " +
                    number(queue.dead_letter_queue + 1);
        }
        text += "\n";
    }
    for (const MessagePlan& message : plan.messages) {
        text += "  message \"" + message.body + "\" to queue " + number(message.queue + 1) + ", group " +
                message.group + (message.deduplication.empty() ? "" : ", id " + message.deduplication) +
                (message.delay ? ", delay " + number(message.delay->count()) + " s" : "") +
                (message.is_direct ? ", by the scenario itself" : "") + "\n";
    }
    constexpr std::array<std::string_view, 6> kinds{"handler", "batch handler",  "factory of handlers",
                                                    "loop",    "stoppable loop", "administrator"};
    for (const ActorPlan& actor : plan.actors) {
        text += "  " + std::string{kinds[static_cast<std::size_t>(actor.kind)]} + " of queue " +
                number(actor.queue + 1) + ", other queue " + number(actor.other_queue + 1) + ", " +
                number(actor.consumers) + " of it, work " + number(actor.work_time.count()) + " s" +
                (actor.lease ? ", lease " + number(actor.lease->count()) + " s" : "") + ":";
        for (const Step step : actor.steps) {
            text += " " + std::string{step_names[static_cast<std::size_t>(step)]};
        }
        text += "\n";
    }
    const bool all = plan.explored.offered == Faults::all();
    text += std::string{"  "} + (all ? "all faults, " : "usual faults, ") +
            (plan.explored.crash == CrashMode::unwind ? "unwind" : "abandon") +
            (plan.explored.stalls == Stalls::own_lease ? ", own lease" : ", all deadlines") + ", preemptions " +
            number(plan.explored.preemptions) + "\n";
    return text;
}

namespace detail {

using AnySimQueue = std::variant<SimQueue*, SimFifoQueue*>;

/// What the actors of one run share: it begins anew with every run, so that nothing depends on earlier ones.
struct Stage {
    World& world;
    const WorldPlan& plan;
    std::vector<AnySimQueue> queues{};
    std::set<std::string> paid{};
    std::vector<sqsim::ReceiptHandle> old_handles{};  // by queue: of the first message that anybody worked on
    std::vector<std::size_t> steps_taken{};           // by actor

    [[nodiscard]] Step next_step(std::size_t actor) {
        const std::vector<Step>& steps = plan.actors[actor].steps;
        return steps[steps_taken[actor]++ % steps.size()];
    }
};

constexpr std::size_t longest_body = 3;  // a message that is sent on is one longer: it does not go around for ever

inline void send_on(const Stage& stage, std::size_t queue, std::string_view body, bool as_batch) {
    if (body.size() >= longest_body) {
        return;
    }
    const std::string longer = std::string{body} + "+";
    if (SimQueue* const* const standard = std::get_if<SimQueue*>(&stage.queues[queue])) {
        if (as_batch) {
            std::vector<sqsim::SendMessageEntry<std::string>> entries{{longer, {}}, {longer + "2", {}}};
            static_cast<void>((*standard)->send_messages(entries));
        } else {
            (*standard)->send_message(longer);
        }
        return;
    }
    SimFifoQueue& fifo = *std::get<SimFifoQueue*>(stage.queues[queue]);
    if (as_batch) {
        std::vector<sqsim::FifoSendMessageEntry<std::string>> entries{
            {longer, "g", {.message_deduplication_id = longer}},
            {longer + "2", "g", {.message_deduplication_id = longer + (body == "a" ? "" : "2")}}};
        static_cast<void>(fifo.send_messages(entries));
    } else {
        fifo.send_message(longer, "g", {.message_deduplication_id = longer});
    }
}

/// Works on a message. Returns false, or throws, if that fails: not for ever.
template <class Q>
bool work_on(Stage& stage, Q& queue, std::size_t actor, const SimMessage& message) {
    const bool may_fail = message.approximate_receive_count() < 4;
    sqsim::ReceiptHandle& old_handle = stage.old_handles[stage.plan.actors[actor].queue];
    if (old_handle == sqsim::ReceiptHandle{}) {
        old_handle = message.receipt_handle();
    }
    switch (stage.next_step(actor)) {
    case Step::use_old_handle:
        queue.change_message_visibility(old_handle, seconds{20});
        queue.delete_message(old_handle);
        return !may_fail;
    case Step::delete_twice:
        queue.delete_message(message.receipt_handle());
        sleep_for(seconds{3});
        break;
    case Step::fail:
        return !may_fail;
    case Step::give_back:
        queue.change_message_visibility(message.receipt_handle(), seconds{0});
        return !may_fail;
    case Step::shorten:
        queue.change_message_visibility(message.receipt_handle(), seconds{5});
        return !may_fail;
    case Step::extend:
        queue.change_message_visibility(message.receipt_handle(), seconds{60});
        break;
    case Step::send_on:
        send_on(stage, stage.plan.actors[actor].other_queue, message.body(), false);
        break;
    case Step::send_batch_on:
        send_on(stage, stage.plan.actors[actor].other_queue, message.body(), true);
        break;
    case Step::pay:
        return effect("pay", [&] { stage.paid.emplace(message.body()); }) == EffectOutcome::done || !may_fail;
    case Step::mark:
        point("marked", message.message_id());
        break;
    case Step::rest:
        sleep_for(seconds{1});
        break;
    case Step::oversleep:
        sleep_for(seconds{40});
        break;
    case Step::read_clock:
        if (clock_error() > std::chrono::nanoseconds{0}) {
            point("ahead");
        }
        break;
    default:
        break;
    }
    return true;
}

/// One turn of a loop that somebody wrote by hand.
template <class Q>
void take_turn(Stage& stage, Q& queue, std::size_t actor, const std::stop_token& stop) {
    const auto finish = [&](const std::optional<SimMessage>& message) {
        if (message) {
            queue.delete_message(message->receipt_handle());
        }
        return message.has_value();
    };
    const Step step = stage.next_step(actor);
    switch (step) {
    case Step::short_poll:
        if (!finish(queue.receive_message({.wait_time = seconds{0}}, stop))) {
            sleep_for(seconds{10});
        }
        break;
    case Step::short_polls:
        for (int i = 0; i < 3 && !finish(queue.receive_message({.wait_time = seconds{0}}, stop)); ++i) {
        }
        break;
    case Step::long_poll:
        finish(queue.receive_message({.wait_time = seconds{20}}, stop));
        break;
    case Step::patient_poll:
        finish(queue.receive_message({.visibility_timeout = seconds{120}, .wait_time = seconds{5}}, stop));
        break;
    case Step::brief_poll:
        finish(queue.receive_message({.visibility_timeout = seconds{0}, .wait_time = seconds{2}}, stop));
        break;
    case Step::poll_for_nothing:
        static_cast<void>(queue.receive_message({.wait_time = seconds{1}}, stop));
        break;
    case Step::batch_poll: {
        std::vector<sqsim::ReceiptHandle> handles;
        for (const SimMessage& message : queue.receive_messages({.wait_time = seconds{20}}, stop)) {
            handles.push_back(message.receipt_handle());
        }
        if (!handles.empty()) {
            queue.delete_messages(handles);
        }
        break;
    }
    case Step::repeated_poll: {
        const std::string attempt =
            "attempt of " + std::to_string(actor) + " and " + std::to_string(stage.steps_taken[actor]);
        const sqsim::ReceiveMessageOptions options{
            .max_number_of_messages = 2, .wait_time = seconds{0}, .receive_request_attempt_id = attempt};
        static_cast<void>(queue.receive_messages(options, stop));
        for (const SimMessage& message : queue.receive_messages(options, stop)) {
            queue.delete_message(message.receipt_handle());
        }
        sleep_for(seconds{1});
        break;
    }
    case Step::delete_and_poll: {
        std::array<SimMessage, 2> messages;
        std::vector<sqsim::ReceiptHandle> handles;
        for (int i = 0; i < 2; ++i) {
            const std::size_t count = queue.delete_and_receive(
                handles, messages, {.max_number_of_messages = 2, .wait_time = seconds{3}}, stop);
            handles.clear();
            for (const SimMessage& message : std::span{messages}.first(count)) {
                handles.push_back(message.receipt_handle());
            }
        }
        if (!handles.empty()) {
            queue.delete_messages(handles);
        }
        break;
    }
    case Step::poll_dead_letters:
        if (!finish(queue.receive_message({.wait_time = seconds{0}}, stop))) {
            std::visit(
                [&](auto* other) {
                    if (const auto message = other->receive_message({.wait_time = seconds{2}}, stop)) {
                        other->delete_message(message->receipt_handle());
                    }
                },
                stage.queues[stage.plan.actors[actor].other_queue]);
        }
        break;
    case Step::rest:
        sleep_for(seconds{1});
        break;
    case Step::mark:
        point("turn");
        break;
    default:  // what is about a message
        --stage.steps_taken[actor];
        if (const auto message = queue.receive_message({.wait_time = seconds{10}}, stop)) {
            if (work_on(stage, queue, actor, *message)) {
                queue.delete_message(message->receipt_handle());
            }
        } else {
            ++stage.steps_taken[actor];
        }
    }
}

inline void administer(Stage& stage, std::size_t actor, Step step) {
    std::visit(
        [&](auto* queue) {
            switch (step) {
            case Step::purge:
                queue->purge();
                break;
            case Step::set_visibility:
                queue->set_visibility_timeout(seconds{2});
                break;
            case Step::set_delay:
                queue->set_delay(queue->options().delay == seconds{0} ? seconds{20} : seconds{0});
                break;
            case Step::set_redrive: {
                using Same = decltype(queue);
                const AnySimQueue& other = stage.queues[stage.plan.actors[actor].other_queue];
                if (Same const* const dead = std::get_if<Same>(&other)) {
                    queue->set_redrive_policy({**dead, 1});
                }
                break;
            }
            case Step::send_on:
                send_on(stage, stage.plan.actors[actor].other_queue, "z", false);
                break;
            case Step::oversleep:
                sleep_for(seconds{40});
                break;
            default:
                sleep_for(seconds{1});
            }
        },
        stage.queues[stage.plan.actors[actor].queue]);
}

template <class Q>
void add_consumer(const std::shared_ptr<Stage>& stage, Q& queue, std::size_t index) {
    const ActorPlan& actor = stage->plan.actors[index];
    ConsumeOptions options;
    options.consumers = actor.consumers;
    options.work_time = actor.work_time;
    options.max_number_of_messages = actor.kind == ActorPlan::Kind::batch_handler ? 10 : actor.consumers;
    options.visibility_timeout = actor.lease;
    options.name = "consumer-" + std::to_string(index);
    const auto handle = [stage, &queue, index](const SimMessage& message) {
        if (!work_on(*stage, queue, index, message)) {
            throw std::runtime_error("the work fails");
        }
    };
    if (actor.kind == ActorPlan::Kind::handler) {
        stage->world.consume(queue, handle, options);
    } else if (actor.kind == ActorPlan::Kind::factory) {
        stage->world.consume(
            queue, [handle] { return handle; }, options);
    } else {
        const auto handle_batch = [stage, &queue, index](std::span<const SimMessage> batch) {
            std::vector<sqsim::MessageId> failed;
            for (const SimMessage& message : batch) {
                if (!work_on(*stage, queue, index, message)) {
                    failed.push_back(message.message_id());
                }
            }
            return failed;
        };
        stage->world.consume(queue, handle_batch, options);
    }
}

template <class Q>
void add_loop(const std::shared_ptr<Stage>& stage, Q& queue, std::size_t index) {
    const auto turn = [stage, &queue, index](const std::stop_token& stop) {
        try {
            take_turn(*stage, queue, index, stop);
        } catch (const sqsim::Error&) {  // the loop goes on
        }
    };
    const std::string name = "loop-" + std::to_string(index);
    if (stage->plan.actors[index].kind == ActorPlan::Kind::stoppable_loop) {
        stage->world.spawn(name, [turn](std::stop_token stop) {
            while (!stop.stop_requested()) {
                turn(stop);
            }
        });
    } else {
        stage->world.spawn(name, [turn] {
            while (true) {
                turn({});
            }
        });
    }
}

inline void add_administrator(const std::shared_ptr<Stage>& stage, std::size_t index) {
    stage->world.spawn("administrator-" + std::to_string(index), [stage, index] {
        while (stage->steps_taken[index] < stage->plan.actors[index].steps.size()) {
            try {
                administer(*stage, index, stage->next_step(index));
            } catch (const sqsim::Error&) {  // the next step may go better
            }
        }
    });
}

inline AnySimQueue add_queue(World& world, const QueuePlan& plan) {
    const auto fill = [&plan](auto options) {
        options.visibility_timeout = plan.visibility;
        options.delay = plan.delay;
        options.message_retention_period = plan.retention;
        options.receive_message_wait_time = plan.wait;
        options.capacity = plan.capacity;
        return options;
    };
    if (!plan.is_fifo) {
        return &world.queue(fill(sqsim::QueueOptions{}));
    }
    auto options = fill(sqsim::FifoQueueOptions{});
    options.content_based_deduplication = plan.deduplicates_content;
    if (plan.deduplication) {
        options.deduplication_interval = *plan.deduplication;
    }
    options.maximum_calls_per_second = plan.calls_per_second;
    if (plan.deduplicates_by_group) {
        options.deduplication_scope = sqsim::DeduplicationScope::message_group;
    }
    return &world.fifo_queue(options);
}

inline void produce(const Stage& stage, const MessagePlan& message) {
    if (SimQueue* const* const standard = std::get_if<SimQueue*>(&stage.queues[message.queue])) {
        const sqsim::SendMessageOptions options{.delay = message.delay};
        if (message.is_direct) {
            (*standard)->send_message(message.body, options);
        } else {
            stage.world.produce(**standard, {sqsim::SendMessageEntry<std::string>{message.body, options}});
        }
        return;
    }
    SimFifoQueue& fifo = *std::get<SimFifoQueue*>(stage.queues[message.queue]);
    sqsim::FifoSendMessageOptions options{.message_deduplication_id = message.deduplication};
    if (message.is_direct) {
        if (message.deduplication.empty()) {
            options.message_deduplication_id = "direct-" + message.body;
        }
        fifo.send_message(message.body, message.group, options);
    } else {
        stage.world.produce(fifo, {sqsim::FifoSendMessageEntry<std::string>{message.body, message.group, options}});
    }
}

}  // namespace detail

/// Arranges the world of a plan, and runs it.
inline void run_world(const WorldPlan& plan, World& world) {
    const auto stage = std::make_shared<detail::Stage>(detail::Stage{world, plan});
    stage->steps_taken.resize(plan.actors.size());
    stage->old_handles.resize(plan.queues.size());
    for (const QueuePlan& queue : plan.queues) {
        stage->queues.push_back(detail::add_queue(world, queue));
    }
    for (std::size_t i = 0; i < plan.queues.size(); ++i) {
        const int most = plan.queues[i].max_receive_count;
        if (most != 0) {
            std::visit(
                [&](auto* queue) {
                    using Same = decltype(queue);
                    queue->set_redrive_policy({*std::get<Same>(stage->queues[plan.queues[i].dead_letter_queue]), most});
                },
                stage->queues[i]);
        }
    }
    for (const MessagePlan& message : plan.messages) {
        detail::produce(*stage, message);
    }
    for (std::size_t i = 0; i < plan.actors.size(); ++i) {
        std::visit(
            [&](auto* queue) {
                switch (plan.actors[i].kind) {
                case ActorPlan::Kind::loop:
                case ActorPlan::Kind::stoppable_loop:
                    return detail::add_loop(stage, *queue, i);
                case ActorPlan::Kind::administrator:
                    return detail::add_administrator(stage, i);
                default:
                    return detail::add_consumer(stage, *queue, i);
                }
            },
            stage->queues[plan.actors[i].queue]);
    }
    world.run();
    world.expect("the run came to its end", true);
}

/// Whether the verdict accuses the simulation itself.
[[nodiscard]] inline bool accuses_simulation(const Report& report) {
    return report.problem.find("broke its contract") != std::string::npos;
}

/// What exploring and sampling say of a world.
struct Judged {
    Report explored;
    Report sampled;

    [[nodiscard]] const Report* accusation() const noexcept {
        return accuses_simulation(explored) ? &explored : accuses_simulation(sampled) ? &sampled : nullptr;
    }

    /// Whether both say the same, word for word, and of the same runs.
    friend bool operator==(const Judged& a, const Judged& b) {
        const auto is_same = [](const Report& one, const Report& other) {
            return one.to_string() == other.to_string() && one.history_hash == other.history_hash;
        };
        return is_same(a.explored, b.explored) && is_same(a.sampled, b.sampled);
    }
};

[[nodiscard]] inline Judged judge(const WorldPlan& plan) {
    const auto scenario = [&plan](World& world) { run_world(plan, world); };
    return {explore(plan.explored, scenario), sample(plan.sampled, scenario)};
}

}  // namespace world_fuzzer
