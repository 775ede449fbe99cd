// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/handler.hpp"
#include "sqsim/sim/model/coroutine.hpp"
#include "sqsim/sim/model/sim_queue.hpp"
#include "sqsim/sim/oracle.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <functional>
#include <initializer_list>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {
class WorldState;
}  // namespace detail

/// One execution of a scenario: queues, producers and consumers in virtual time, in one thread. A scenario arranges,
/// runs, and says what it expects; it is called again for every plan, so everything in it begins anew.
class World {
public:
    /// For `explore` and its kin.
    explicit World(detail::WorldState& state) noexcept : state_{state} {}
    World(const World&) = delete;
    World& operator=(const World&) = delete;

    // Arrange.

    /// The time of the world. Actors share it; it moves when all of them wait.
    [[nodiscard]] ManualClock& clock() noexcept;

    /// Makes a queue that lives as long as the world. What the scenario itself asks of it never fails.
    SimQueue& queue(const QueueOptions& options = {});
    SimFifoQueue& fifo_queue(const FifoQueueOptions& options = {});

    /// Sends these messages when the world runs, before anybody receives, in order without faults. A send that gets no
    /// answer is repeated, and may then be stored twice.
    void produce(SimQueue& queue, std::vector<std::string> bodies);
    template <std::same_as<SendMessageEntry<std::string>> Entry = SendMessageEntry<std::string>>
    void produce(SimQueue& queue, std::vector<Entry> entries) {
        add_producer(queue, std::move(entries));
    }
    /// The same for a FIFO queue; without deduplication ids, and without content-based ones, the bodies are numbered.
    void produce(SimFifoQueue& queue, const std::string& message_group_id, std::vector<std::string> bodies);
    template <std::same_as<FifoSendMessageEntry<std::string>> Entry = FifoSendMessageEntry<std::string>>
    void produce(SimFifoQueue& queue, std::vector<Entry> entries) {
        add_producer(queue, std::move(entries));
    }

    /// Adds consumers that receive, call the handler, and delete what it did not throw at. A handler takes a
    /// `const message_type&`, or a `std::span<const message_type>` and may return the ids of those that failed. One
    /// without parameters makes the handler, anew for each incarnation: what it holds dies in a crash, what it refers
    /// to is durable.
    template <class Handler>
    void consume(detail::SimulatedClient& queue, Handler handler, const ConsumeOptions& options = {}) {
        add_consumers(queue, detail::handler_source(std::move(handler)), options);
    }

    /// Adds ordinary code with a receive loop of its own: one incarnation. After a crash, or an exception, it starts
    /// again from its beginning; a normal return means that it has left for good. It may take a `std::stop_token`, by
    /// which it is asked to leave, or be a coroutine that returns a `Coroutine`.
    template <std::invocable Code>
    void spawn(std::string name, Code code) {
        if constexpr (std::is_same_v<std::invoke_result_t<Code&>, Coroutine>) {
            add_coroutine(std::move(name), std::move(code));
        } else {
            add_code(std::move(name), std::move(code));
        }
    }
    template <std::invocable<std::stop_token> Code>
    requires(!std::invocable<Code>) void spawn(std::string name, Code code) {
        add_stoppable_code(std::move(name), std::move(code));
    }

    /// Adds several actors that are one process: `make_memory()` makes what they share, anew for each incarnation; each
    /// member is a name and code that takes a reference to it. They crash together and stand still together. A member
    /// that sleeps in a loop does not keep the run from coming to rest: it gets a few rounds more after the last change
    /// of a queue.
    template <class MakeMemory, class Memory = std::invoke_result_t<MakeMemory&>>
    void
    process(const std::string& name, MakeMemory make_memory,
            std::initializer_list<std::pair<std::string, std::function<void(std::type_identity_t<Memory>&)>>> members) {
        const auto memory = std::make_shared<std::unique_ptr<Memory>>();
        std::vector<Member> code;
        for (const auto& [member, call] : members) {
            code.push_back({member, [memory, call = call] { call(**memory); }});
        }
        add_process(name, std::move(code), [memory, make_memory](bool leaks) mutable {
            if (leaks) {  // a process that ends runs no destructors
                static_cast<void>(memory->release());
            }
            *memory = std::make_unique<Memory>(make_memory());
        });
    }

    /// Spends virtual time in an actor.
    void sleep_for(std::chrono::nanoseconds time);

    /// Must hold after every step of the run. Register it before.
    void always(std::string name, std::function<bool()> holds);
    /// Must hold after some step of some execution: else what the scenario is about never happened. Register it before
    /// the run.
    void sometimes(std::string_view name, std::function<bool()> holds);
    /// Every message must be deleted or a dead letter within `time` of its send, not counting the time that stalls,
    /// outages and late deliveries take. Register it before the run.
    void settles_within(std::chrono::nanoseconds time);

    /// Tells the world of all that is durable beside its queues, as any printable value: `world.state([&] { return
    /// database.rows; })`. The exploration then leaves out the ends of a process that would leave the same behind as
    /// one that it tries. What is durable and not named here makes it miss something.
    template <std::invocable State>
    void state(State state) {
        reduce_by([state = std::move(state)]() mutable { return state_text(state()); });
    }

    // Run.

    /// Lets everything happen: until faults have stopped, the queues that somebody receives from are empty, and all
    /// actors wait. It is a violation if that does not come about.
    void run();

    // Expect. After the run; without effect if something went wrong before.

    void expect(std::string_view name, bool holds);
    template <std::invocable Predicate>
    void expect(std::string_view name, Predicate predicate) {
        if (is_over()) {
            return;
        }
        if constexpr (std::is_same_v<std::invoke_result_t<Predicate>, Finding>) {
            expect(predicate());
        } else {
            expect(name, static_cast<bool>(predicate()));
        }
    }
    void expect(const Finding& finding);

    /// Both are equal; a report shows them.
    template <class Actual, class Expected>
    void expect_equal(std::string_view name, const Actual& actual, const Expected& expected) {
        Finding finding;
        finding.name = name;
        if (!(actual == expected)) {
            finding.problem = "it is " + state_text(actual) + ", expected is " + state_text(expected);
        }
        expect(finding);
    }

    /// The state is that of the fault-free execution: any ordered, printable value, or a callable that returns one.
    /// Leave out of it what may rightfully differ: times, generated ids, the order of a log.
    template <class State>
    void expect_same_as_fault_free(const State& state, std::string_view name = "same as fault-free") {
        if constexpr (std::invocable<const State&>) {
            compare(name, state_text(state()));
        } else {
            compare(name, state_text(state));
        }
    }

    /// The same elements as in the fault-free execution, in whatever order: for the result of effects that commute.
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
    [[nodiscard]] const History& history() const noexcept;

private:
    struct Member {
        std::string name;
        std::function<void()> code;
    };

    void add_producer(SimQueue& queue, std::vector<SendMessageEntry<std::string>> entries);
    void add_producer(SimFifoQueue& queue, std::vector<FifoSendMessageEntry<std::string>> entries);
    void add_consumers(detail::SimulatedClient& queue, detail::HandlerSource handler, const ConsumeOptions& options);
    void add_code(std::string name, std::function<void()> code);
    void add_stoppable_code(std::string name, std::function<void(std::stop_token)> code);
    void add_coroutine(std::string name, std::function<Coroutine()> code);
    void add_process(const std::string& name, std::vector<Member> members, std::function<void(bool)> renew);
    void reduce_by(std::function<std::string()> state);
    [[nodiscard]] bool is_over() const noexcept;
    /// Compares with the state of the fault-free execution.
    void compare(std::string_view name, const std::string& state);

    detail::WorldState& state_;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim

#if !SQSIM_COMPILED_EXPLORE
#    include "sqsim/sim/model/world_impl.hpp"  // IWYU pragma: export
#endif
