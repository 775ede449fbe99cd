// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/consumer.hpp"
#include "sqsim/sim/detail/notes.hpp"
#include "sqsim/sim/detail/run.hpp"
#include "sqsim/sim/oracle.hpp"
#include "sqsim/sim/point.hpp"
#include "sqsim/sim/sim_fifo_queue.hpp"
#include "sqsim/sim/sim_queue.hpp"
#include "sqsim/sim/task.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim {

/// One run of a scenario: queues, producers and consumers in virtual time, in one thread. A scenario arranges, runs,
/// and says what it expects; it is called again for every plan, so everything in it begins anew.
class World {
public:
    /// For `explore` and its kin.
    World(detail::Run& run, detail::Notes& notes) noexcept : run_{run}, notes_{notes} { notes_.ran = false; }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() { run_.workshop().rooms.vacate(); }

    // Arrange.

    /// The time of the world. Actors share it; it moves when all of them wait.
    [[nodiscard]] ManualClock& clock() noexcept { return run_.clock(); }

    /// A queue that lives as long as the world. What the scenario itself asks of it always goes well.
    SimQueue& queue(const QueueOptions& options = {}) { return run_.workshop().rooms.let<SimQueue>(run_, options); }
    SimFifoQueue& fifo_queue(const FifoQueueOptions& options = {}) {
        return run_.workshop().rooms.let<SimFifoQueue>(run_, options);
    }

    /// Sends these messages when the world runs, before anybody receives, in order when nothing goes wrong. A send that
    /// fails is repeated until it succeeds; a repeated one may have been stored already (S1).
    void produce(SimQueue& queue, std::vector<std::string> bodies) {
        add_producer([&queue, bodies = std::move(bodies)] {
            for (const std::string& body : bodies) {
                queue.send_surely(body, {});
            }
        });
    }
    template <std::same_as<SendMessageEntry<std::string>> Entry = SendMessageEntry<std::string>>
    void produce(SimQueue& queue, std::vector<Entry> entries) {
        add_producer([&queue, entries = std::move(entries)] {
            for (const auto& entry : entries) {
                queue.send_surely(entry.body, entry.options);
            }
        });
    }
    /// The same for a FIFO queue; without deduplication ids, and without content-based ones, the bodies are numbered.
    void produce(SimFifoQueue& queue, const std::string& message_group_id, std::vector<std::string> bodies) {
        std::vector<FifoSendMessageEntry<std::string>> entries;
        for (std::string& body : bodies) {
            entries.push_back({std::move(body), message_group_id, {}});
        }
        produce(queue, std::move(entries));
    }
    template <std::same_as<FifoSendMessageEntry<std::string>> Entry = FifoSendMessageEntry<std::string>>
    void produce(SimFifoQueue& queue, std::vector<Entry> entries) {
        if (!queue.options().content_based_deduplication) {
            for (auto& entry : entries) {
                if (entry.options.message_deduplication_id.empty()) {
                    entry.options.message_deduplication_id = "message-" + std::to_string(++deduplication_ids_);
                }
            }
        }
        add_producer([&queue, entries = std::move(entries)] {
            for (const auto& entry : entries) {
                queue.send_surely(entry.body, entry.message_group_id, entry.options);
            }
        });
    }

    /// Consumers that receive, call the handler, and delete what it did not throw at. A handler takes a
    /// `const message_type&`, or a `std::span<const message_type>` and may return the ids of those that failed. One
    /// without parameters makes the handler, anew for each incarnation: what it holds dies in a crash, what it refers
    /// to is durable.
    template <class Q, class Handler>
    void consume(Q& queue, Handler handler, const ConsumeOptions& options = {}) {
        using Crew = detail::Crew<Q, Handler>;
        const auto crew = std::make_shared<Crew>(Crew{run_, queue, std::move(handler), options});
        crews_.push_back(crew);
        for (int i = 1; i <= options.consumers; ++i) {
            detail::Actor& actor =
                run_.add_actor(options.consumers == 1 ? options.name : options.name + " " + std::to_string(i));
            actor.is_loop = true;
            actor.body = [&crew = *crew](detail::Actor& self) { crew.live(self); };
        }
    }

    /// Ordinary code with a receive loop of its own: one incarnation. After a crash, or an exception, it starts again
    /// from its beginning; a normal return means that it has left for good. It may take a `std::stop_token`, by which
    /// it is asked to leave (C7), or be a coroutine that returns a `Task`.
    template <std::invocable Code>
    void spawn(std::string name, Code code) {
        run_.add_actor(std::move(name)).body = [this, code = std::move(code)](detail::Actor&) mutable {
            if constexpr (std::is_same_v<std::invoke_result_t<Code&>, Task>) {
                for (Task task = code(); !task.done();) {
                    task.resume();
                    if (!task.done()) {
                        run_.take_turns();
                    }
                }
            } else {
                static_cast<void>(this);
                code();
            }
        };
    }
    template <std::invocable<std::stop_token> Code>
    requires(!std::invocable<Code>) void spawn(std::string name, Code code) {
        run_.add_actor(std::move(name)).body = [code = std::move(code)](detail::Actor& actor) mutable {
            actor.stop.emplace();
            code(actor.stop->get_token());
        };
    }

    /// Spends virtual time in an actor.
    void sleep_for(std::chrono::nanoseconds time) { run_.sleep_for(time); }

    /// Must hold after every step of the run. Register it before.
    void always(std::string name, std::function<bool()> holds) {
        ++notes_.expectations;
        run_.watch_by([this, name = std::move(name), holds = std::move(holds)] {
            if (!holds()) {
                run_.fail("always " + name + ": it does not hold");
            }
        });
    }
    /// Must hold after some step of some run: else what the scenario is about never happened. Register it before.
    void sometimes(std::string_view name, std::function<bool()> holds) {
        run_.watch_by([this, place = notes_.place_of_sometimes(name), holds = std::move(holds)] {
            bool& held = notes_.sometimes[place].second;
            held = held || holds();
        });
    }

    // Run.

    /// Lets everything happen: until faults have stopped, the queues that somebody receives from are empty, and all
    /// actors wait. It is a violation if that does not come about.
    void run() {
        notes_.ran = true;
        run_.play([this] {
            for (const auto& [actor, produce] : producers_) {
                run_.act_as(*actor, produce);
            }
            producers_.clear();
        });
        if (const std::string left_over = run_.left_over(); !left_over.empty()) {
            run_.fail("the run did not come to rest" + left_over + ", and nobody receives any more");
        } else if (run_.violation().empty()) {
            end_history();
        }
        notes_.messages_handled += run_.deliveries();
    }

    // Expect. After the run; without effect if something went wrong before.

    void expect(std::string_view name, bool holds) {
        check({std::string{name}, holds ? std::string{} : std::string{"it does not hold"}});
    }
    template <std::invocable Predicate>
    void expect(std::string_view name, Predicate predicate) {
        if (is_over()) {
            return;
        }
        if constexpr (std::is_same_v<std::invoke_result_t<Predicate>, Finding>) {
            check(predicate());
        } else {
            expect(name, static_cast<bool>(predicate()));
        }
    }
    void expect(const Finding& finding) { check(finding); }

    /// The state is that of the fault-free run: any ordered, printable value, or a callable that returns one. Leave out
    /// of it what may rightfully differ: times, generated ids, the order of a log.
    template <class State>
    void expect_same_as_fault_free(const State& state, std::string_view name = "same as fault-free") {
        if constexpr (std::invocable<const State&>) {
            compare(name, state_text(state()));
        } else {
            compare(name, state_text(state));
        }
    }

    /// The same elements as in the fault-free run, in whatever order: for the result of effects that commute.
    template <class State>
    void expect_same_modulo_order(const State& state, std::string_view name = "same modulo order") {
        if constexpr (std::invocable<const State&>) {
            expect_same_modulo_order(state(), name);
        } else {
            std::vector<std::string> elements;
            for (const auto& element : state) {
                elements.push_back(state_text(element));
            }
            std::sort(elements.begin(), elements.end());
            compare(name, state_text(elements));
        }
    }

    /// What happened, as the service knows it: an answer that a consumer never got is an answer here.
    [[nodiscard]] const History& history() const noexcept { return run_.history(); }

private:
    /// The queues are empty now, but for those that nobody receives from: a last look at one says when that was.
    void end_history() {
        History& history = run_.history();
        history.drained = true;
        for (std::size_t i = 0; i < run_.queues().size(); ++i) {
            const bool is_dead_letter_queue =
                std::any_of(history.queues.begin(), history.queues.end(),
                            [&](const QueueFacts& facts) { return facts.dead_letter_queue == i; });
            history.drained = history.drained && (is_dead_letter_queue || run_.queues()[i]->stored().total() == 0);
        }
        if (!history.operations.empty() && history.operations.back().answered < run_.now()) {
            Operation look;
            look.invoked = look.answered = run_.now();
            look.action = Action::receive;
            look.maximum = 1;
            history.operations.push_back(look);
        }
    }

    void add_producer(std::function<void()> produce) {
        producers_.emplace_back(&run_.add_actor("producer"), std::move(produce));
    }

    [[nodiscard]] bool is_over() const noexcept { return !run_.violation().empty() || run_.swallowed_crash(); }

    void check(const Finding& finding) {
        ++notes_.expectations;
        if (is_over()) {
            return;
        }
        if (!notes_.ran) {
            run_.fail(finding.name + ": it was expected before run() was called, when nothing had happened yet");
        } else if (!finding.holds()) {
            if (finding.excused_from != 0 && attempts_spent() >= finding.excused_from) {
                ++notes_.excused;
            } else {
                run_.fail(finding.name + ": " + finding.problem);
            }
        }
    }

    /// How many receives the run's deviations may have cost.
    [[nodiscard]] int attempts_spent() const {
        const auto taken = run_.workshop().chooser.taken();
        return static_cast<int>(std::count_if(taken.begin(), taken.end(), [](const detail::Planned& planned) {
            return costs_an_attempt(planned.option.fault);
        }));
    }

    void compare(std::string_view name, const std::string& state) {
        if (is_over()) {
            return;
        }
        const std::string& without = notes_.state_without_faults(states_++, state);
        check({std::string{name},
               state == without ? std::string{} : "the state is " + state + ", without faults it is " + without});
    }

    detail::Run& run_;
    detail::Notes& notes_;
    std::vector<std::pair<detail::Actor*, std::function<void()>>> producers_{};
    std::vector<std::shared_ptr<void>> crews_{};  // whose members the actors are
    std::size_t states_ = 0;
    std::size_t deduplication_ids_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim
