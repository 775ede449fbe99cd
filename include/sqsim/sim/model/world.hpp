// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/consumer_group.hpp"
#include "sqsim/sim/detail/execution.hpp"
#include "sqsim/sim/detail/exploration_stats.hpp"
#include "sqsim/sim/detail/user_hooks.hpp"
#include "sqsim/sim/model/coroutine.hpp"
#include "sqsim/sim/model/sim_queue.hpp"
#include "sqsim/sim/oracle.hpp"
#include "sqsim/sim/point.hpp"

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <initializer_list>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// One execution of a scenario: queues, producers and consumers in virtual time, in one thread. A scenario arranges,
/// runs, and says what it expects; it is called again for every plan, so everything in it begins anew.
class World {
public:
    /// For `explore` and its kin.
    World(detail::Execution& execution, detail::ExplorationStats& stats) noexcept
        : execution_{execution}, stats_{stats} {
        stats_.ran = false;
    }
    World(const World&) = delete;
    World& operator=(const World&) = delete;
    ~World() { execution_.context().queues.clear(); }

    // Arrange.

    /// The time of the world. Actors share it; it moves when all of them wait.
    [[nodiscard]] ManualClock& clock() noexcept {
        execution_.note_clock_read();
        return execution_.scheduler().clock();
    }

    /// Makes a queue that lives as long as the world. What the scenario itself asks of it never fails.
    SimQueue& queue(const QueueOptions& options = {}) {
        return execution_.context().queues.emplace<SimQueue>(execution_, options);
    }
    SimFifoQueue& fifo_queue(const FifoQueueOptions& options = {}) {
        return execution_.context().queues.emplace<SimFifoQueue>(execution_, options);
    }

    /// Sends these messages when the world runs, before anybody receives, in order without faults. A send that gets no
    /// answer is repeated, and may then be stored twice.
    void produce(SimQueue& queue, std::vector<std::string> bodies) {
        std::vector<SendMessageEntry<std::string>> entries;
        for (std::string& body : bodies) {
            entries.push_back({std::move(body), {}});
        }
        produce(queue, std::move(entries));
    }
    template <std::same_as<SendMessageEntry<std::string>> Entry = SendMessageEntry<std::string>>
    void produce(SimQueue& queue, std::vector<Entry> entries) {
        add_producer(queue, std::move(entries));
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
        add_producer(queue, std::move(entries));
    }

    /// Adds consumers that receive, call the handler, and delete what it did not throw at. A handler takes a
    /// `const message_type&`, or a `std::span<const message_type>` and may return the ids of those that failed. One
    /// without parameters makes the handler, anew for each incarnation: what it holds dies in a crash, what it refers
    /// to is durable.
    template <class Q, class Handler>
    void consume(Q& queue, Handler handler, const ConsumeOptions& options = {}) {
        using Group = detail::ConsumerGroup<Handler>;
        const auto group = std::make_shared<Group>(Group{execution_, queue, std::move(handler), options});
        groups_.push_back(group);
        const std::string name = !options.name.empty()  ? options.name
                                 : queue.name().empty() ? std::string{"consumer"}
                                                        : queue.name() + " consumer";
        for (int i = 1; i <= options.consumers; ++i) {
            detail::Actor& actor = execution_.add_actor(options.consumers == 1 ? name : name + " " + std::to_string(i));
            actor.is_loop = true;
            actor.has_memory = detail::HandlerFactory<Handler>;
            // Consumers of a group are alike: which of them starts first makes no difference.
            actor.body = [&group = *group, is_first = i == 1](detail::Actor& self) {
                if (is_first) {
                    group.execution.start_incarnation();
                }
                group.run_consumer(self);
            };
        }
    }

    /// Adds ordinary code with a receive loop of its own: one incarnation. After a crash, or an exception, it starts
    /// again from its beginning; a normal return means that it has left for good. It may take a `std::stop_token`, by
    /// which it is asked to leave, or be a coroutine that returns a `Coroutine`.
    template <std::invocable Code>
    void spawn(std::string name, Code code) {
        execution_.add_actor(std::move(name)).body = [&execution = execution_,
                                                      code = std::move(code)](detail::Actor&) mutable {
            execution.start_incarnation();
            if constexpr (std::is_same_v<std::invoke_result_t<Code&>, Coroutine>) {
                for (Coroutine coroutine = code(); !coroutine.done();) {
                    coroutine.resume();
                    if (!coroutine.done()) {
                        execution.await();
                    }
                }
            } else {
                code();
            }
        };
    }
    template <std::invocable<std::stop_token> Code>
    requires(!std::invocable<Code>) void spawn(std::string name, Code code) {
        execution_.add_actor(std::move(name)).body = [&execution = execution_,
                                                      code = std::move(code)](detail::Actor& actor) mutable {
            execution.start_incarnation();
            actor.stop.emplace();
            code(actor.stop->get_token());
        };
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
        detail::Process* process = nullptr;
        for (const auto& [member, code] : members) {
            detail::Actor& actor = execution_.add_actor(name + " " + member);
            actor.body = [&execution = execution_, memory, code = code](detail::Actor&) {
                execution.start_incarnation();
                code(**memory);
            };
            if (process == nullptr) {
                process = actor.process;
                process->needs_renewal = true;
                const bool leaks = execution_.settings().abandons;
                process->renew = [memory, make_memory, leaks](detail::Process&) mutable {
                    if (leaks) {  // a process that ends runs no destructors
                        static_cast<void>(memory->release());
                    }
                    *memory = std::make_unique<Memory>(make_memory());
                };
            } else {
                detail::Scheduler::join(actor, *process);
            }
        }
    }

    /// Spends virtual time in an actor.
    void sleep_for(std::chrono::nanoseconds time) { hooks_.sleep_for(time); }

    /// Must hold after every step of the run. Register it before.
    void always(std::string name, std::function<bool()> holds) {
        ++stats_.expectations;
        register_watch("always", name);
        execution_.watch_by([this, name = std::move(name), holds = std::move(holds)] {
            if (!holds()) {
                execution_.fail("always " + name + ": it does not hold");
            }
        });
    }
    /// Must hold after some step of some execution: else what the scenario is about never happened. Register it before
    /// the run.
    void sometimes(std::string_view name, std::function<bool()> holds) {
        register_watch("sometimes", name);
        execution_.watch_by([this, place = stats_.place_of_sometimes(name), holds = std::move(holds)] {
            bool& held = stats_.sometimes[place].second;
            held = held || holds();
        });
    }
    /// Every message must be deleted or a dead letter within `time` of its send, not counting the time that stalls,
    /// outages and late deliveries take. Register it before the run.
    void settles_within(std::chrono::nanoseconds time) {
        ++stats_.expectations;
        register_watch("settles_within", detail::duration_text(time));
        execution_.set_settling_time(time);
    }

    /// Tells the world of all that is durable beside its queues, as any printable value: `world.state([&] { return
    /// database.rows; })`. The exploration then leaves out the ends of a process that would leave the same behind as
    /// one that it tries. What is durable and not named here makes it miss something.
    template <std::invocable State>
    void state(State state) {
        execution_.reduce_by([state = std::move(state)]() mutable { return detail::hash_text(state_text(state())); });
    }

    // Run.

    /// Lets everything happen: until faults have stopped, the queues that somebody receives from are empty, and all
    /// actors wait. It is a violation if that does not come about.
    void run() {
        stats_.ran = true;
        unchecked_.clear();
        execution_.run(hooks_, [this] {
            for (const auto& produce : std::exchange(producers_, {})) {
                produce();
            }
        });
        if (const std::string left_over = execution_.left_over(); !left_over.empty()) {
            judge("the run did not come to rest" + left_over + ", and nobody receives any more");
        } else if (execution_.violation().empty()) {
            end_history();
        }
        stats_.messages_handled += execution_.deliveries();
    }

    // Expect. After the run; without effect if something went wrong before.

    void expect(std::string_view name, bool holds) {
        Finding finding;
        finding.name = name;
        finding.problem = holds ? std::string{} : std::string{"it does not hold"};
        check(finding);
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

    /// Both are equal; a report shows them.
    template <class Actual, class Expected>
    void expect_equal(std::string_view name, const Actual& actual, const Expected& expected) {
        Finding finding;
        finding.name = name;
        if (!(actual == expected)) {
            finding.problem = "it is " + state_text(actual) + ", expected is " + state_text(expected);
        }
        check(finding);
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
    [[nodiscard]] const History& history() const noexcept { return execution_.history(); }

    /// For `explore` and its kin: the scenario has returned.
    void finish() {
        if (!unchecked_.empty()) {
            execution_.fail("the scenario is wrong: " + unchecked_ +
                            " is registered after run(), so it is never checked: register it before");
        }
        stats_.reads_clock_without_deadline = stats_.reads_clock_without_deadline ||
                                              (execution_.read_clock() && !execution_.instants().has_user_deadlines());
    }

private:
    /// The queues that somebody receives from are empty now; a last look says when that was.
    void end_history() {
        History& history = execution_.history();
        history.drained = true;
        for (std::size_t i = 0; i < execution_.queues().size(); ++i) {
            history.queues[i].keeps_messages = execution_.queues()[i]->stored().total() != 0;
        }
        if (!history.operations.empty() && history.operations.back().answered < execution_.now()) {
            Operation look;
            look.invoked = look.answered = execution_.now();
            look.action = Action::receive;
            look.maximum = 1;
            history.operations.push_back(look);
        }
    }

    /// A producer goes on when its send was answered. One that got no answer sends again later, before its next
    /// message.
    template <class Q, class Entry>
    struct Producer {
        detail::Execution& execution;
        detail::Actor& actor;
        Q& queue;
        std::vector<Entry> entries;
        std::size_t next = 0;

        void go_on(const std::shared_ptr<Producer>& self) {
            while (next < entries.size() && execution.enter()) {
                const Entry& entry = entries[next++];
                if (const auto again = queue.send_until_accepted(entry)) {
                    execution.scheduler().schedule(*again, actor, [self, &entry] {
                        self->queue.send_again(entry);
                        self->go_on(self);
                    });
                    return;
                }
            }
        }
    };
    template <class Q, class Entry>
    void add_producer(Q& queue, std::vector<Entry> entries) {
        detail::Actor& actor = execution_.add_actor("producer");
        const auto producer =
            std::make_shared<Producer<Q, Entry>>(Producer<Q, Entry>{execution_, actor, queue, std::move(entries)});
        producers_.push_back(
            [this, &actor, producer] { execution_.scheduler().act_as(actor, [&] { producer->go_on(producer); }); });
    }

    void register_watch(std::string_view what, std::string_view name) {
        if (stats_.ran) {
            unchecked_ = std::string{what} + " \"" + std::string{name} + "\"";
        }
    }

    [[nodiscard]] bool is_over() const noexcept {
        return !execution_.violation().empty() || execution_.swallowed_crash();
    }

    /// Something is wrong, unless the service itself lost a message rightfully.
    void judge(std::string violation) {
        if (execution_.violation().empty() && execution_.lost_by_retention()) {
            ++stats_.past_retention;
        } else {
            execution_.fail(std::move(violation));
        }
    }

    void check(const Finding& finding) {
        ++stats_.expectations;
        if (is_over()) {
            return;
        }
        if (!stats_.ran) {
            execution_.fail(finding.name + ": it was expected before run() was called, when nothing had happened yet");
            return;
        }
        stats_.excused += finding.excused;
        if (!finding.holds()) {
            judge(finding.name + ": " + finding.problem);
        } else if (finding.keys) {
            check_keys(finding);
        }
    }

    void check_keys(const Finding& finding) {
        const std::vector<std::string>& without = stats_.keys_without_faults(keys_++, *finding.keys);
        if (stats_.is_fault_free && without.empty()) {
            stats_.without_effect = finding.name;
        }
        for (const std::string& key : without) {
            if (std::find(finding.keys->begin(), finding.keys->end(), key) == finding.keys->end()) {
                judge(finding.name + ": key " + key + " never took effect, without faults it does");
                return;
            }
        }
    }

    void compare(std::string_view name, const std::string& state) {
        if (is_over()) {
            return;
        }
        const std::string& without = stats_.state_without_faults(states_++, state);
        Finding finding;
        finding.name = name;
        finding.problem =
            state == without ? std::string{} : "the state is " + state + ", without faults it is " + without;
        check(finding);
    }

    detail::Execution& execution_;
    detail::ExplorationStats& stats_;
    detail::UserHooks hooks_{execution_};
    std::vector<std::function<void()>> producers_{};
    std::vector<std::shared_ptr<void>> groups_{};  // of the consumers
    std::string unchecked_{};                      // what was registered after the last run
    std::size_t states_ = 0;
    std::size_t keys_ = 0;
    std::size_t deduplication_ids_ = 0;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
