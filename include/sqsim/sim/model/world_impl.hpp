// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/consumer_group.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/exploration_stats.hpp"
#include "sqsim/sim/detail/queue_kinds.hpp"
#include "sqsim/sim/detail/user_hooks.hpp"
#include "sqsim/sim/model/sim_queue_impl.hpp"
#include "sqsim/sim/model/world.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// The functions of `World`.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

/// A simulated queue with its client's side.
template <class Simulated, class Client>
class QueueOfWorld final : public Simulated {
public:
    QueueOfWorld(Execution& execution, const typename Simulated::Options& options) : Simulated{execution, options} {}

    [[nodiscard]] Client& client() noexcept { return client_; }

private:
    Client client_{*this};
};

/// What an execution of a scenario keeps, and how it is judged.
class WorldState {
public:
    WorldState(Execution& execution, ExplorationStats& stats) noexcept : execution_{execution}, stats_{stats} {
        stats_.ran = false;
    }
    WorldState(const WorldState&) = delete;
    WorldState& operator=(const WorldState&) = delete;
    ~WorldState() { execution_.context().queues.clear(); }

    [[nodiscard]] Execution& execution() const noexcept { return execution_; }
    [[nodiscard]] UserHooks& hooks() noexcept { return hooks_; }

    template <class Simulated, class Client, class Options>
    [[nodiscard]] Client& add_queue(const Options& options) {
        return execution_.context().queues.emplace<QueueOfWorld<Simulated, Client>>(execution_, options).client();
    }

    template <class Simulated>
    void add_producer(Simulated& queue, std::vector<typename Simulated::Entry> entries) {
        Actor& actor = execution_.add_actor("producer");
        const auto producer =
            std::make_shared<Producer<Simulated>>(Producer<Simulated>{execution_, actor, queue, std::move(entries)});
        producers_.push_back(
            [this, &actor, producer] { execution_.scheduler().act_as(actor, [&] { producer->go_on(producer); }); });
    }

    /// The entries of a FIFO queue that needs deduplication ids get one each.
    void number(std::vector<FifoSendMessageEntry<std::string>>& entries) {
        for (auto& entry : entries) {
            if (entry.options.message_deduplication_id.empty()) {
                entry.options.message_deduplication_id = "message-" + std::to_string(++deduplication_ids_);
            }
        }
    }

    void add_consumers(SimulatedQueue& queue, HandlerSource handler, const ConsumeOptions& options) {
        const auto group =
            std::make_shared<ConsumerGroup>(ConsumerGroup{execution_, queue, std::move(handler), options});
        groups_.push_back(group);
        const std::string name = !options.name.empty()  ? options.name
                                 : queue.name().empty() ? std::string{"consumer"}
                                                        : queue.name() + " consumer";
        for (int i = 1; i <= options.consumers; ++i) {
            Actor& actor = execution_.add_actor(options.consumers == 1 ? name : name + " " + std::to_string(i));
            actor.is_loop = true;
            actor.has_memory = group->handler.is_factory();
            // Consumers of a group are alike: which of them starts first makes no difference.
            actor.body = [&group = *group, is_first = i == 1](Actor& self) {
                if (is_first) {
                    group.execution.start_incarnation();
                }
                Consumer::run(group, self);
            };
        }
    }

    /// What is registered after the run is never checked.
    void note_registration(std::string_view what, std::string_view name) {
        if (stats_.ran) {
            unchecked_ = std::string{what} + " \"" + std::string{name} + "\"";
        }
    }
    void count_expectation() noexcept { ++stats_.expectations; }
    /// What must hold once holds.
    [[nodiscard]] std::size_t place_of_sometimes(std::string_view name) { return stats_.place_of_sometimes(name); }
    void hold_sometimes(std::size_t place, const std::function<bool()>& holds) {
        bool& held = stats_.sometimes[place].second;
        held = held || holds();
    }

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

    /// The scenario has returned.
    void finish() {
        if (!unchecked_.empty()) {
            execution_.fail("the scenario is wrong: " + unchecked_ +
                            " is registered after run(), so it is never checked: register it before");
        }
        stats_.reads_clock_without_deadline = stats_.reads_clock_without_deadline ||
                                              (execution_.read_clock() && !execution_.instants().has_user_deadlines());
    }

    [[nodiscard]] bool is_over() const noexcept {
        return !execution_.violation().empty() || execution_.swallowed_crash() || execution_.is_out_of_memory();
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
    template <class Simulated>
    struct Producer {
        Execution& execution;
        Actor& actor;
        Simulated& queue;
        std::vector<typename Simulated::Entry> entries;
        std::size_t next = 0;

        void go_on(const std::shared_ptr<Producer>& self) {
            while (next < entries.size() && execution.enter()) {
                const typename Simulated::Entry& entry = entries[next++];
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

    /// Something is wrong, unless the service itself lost a message rightfully.
    void judge(std::string violation) {
        if (execution_.violation().empty() && execution_.lost_by_retention()) {
            ++stats_.past_retention;
        } else {
            execution_.fail(std::move(violation));
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

    Execution& execution_;
    ExplorationStats& stats_;
    UserHooks hooks_{execution_};
    std::vector<std::function<void()>> producers_{};
    std::vector<std::shared_ptr<void>> groups_{};  // of the consumers
    std::string unchecked_{};                      // what was registered after the last run
    std::size_t states_ = 0;
    std::size_t keys_ = 0;
    std::size_t deduplication_ids_ = 0;
};

}  // namespace detail

SQSIM_EXPLORE_INLINE ManualClock& World::clock() noexcept {
    state_.execution().note_clock_read();
    return state_.execution().scheduler().clock();
}

SQSIM_EXPLORE_INLINE SimQueue& World::queue(const QueueOptions& options) {
    return state_.add_queue<detail::SimulatedStandardQueue, SimQueue>(options);
}

SQSIM_EXPLORE_INLINE SimFifoQueue& World::fifo_queue(const FifoQueueOptions& options) {
    return state_.add_queue<detail::SimulatedFifoQueue, SimFifoQueue>(options);
}

SQSIM_EXPLORE_INLINE void World::produce(SimQueue& queue, std::vector<std::string> bodies) {
    std::vector<SendMessageEntry<std::string>> entries;
    entries.reserve(bodies.size());
    for (std::string& body : bodies) {
        entries.push_back({std::move(body), {}});
    }
    add_producer(queue, std::move(entries));
}

SQSIM_EXPLORE_INLINE void World::produce(SimFifoQueue& queue, const std::string& message_group_id,
                                         std::vector<std::string> bodies) {
    std::vector<FifoSendMessageEntry<std::string>> entries;
    entries.reserve(bodies.size());
    for (std::string& body : bodies) {
        entries.push_back({std::move(body), message_group_id, {}});
    }
    add_producer(queue, std::move(entries));
}

SQSIM_EXPLORE_INLINE void World::add_producer(SimQueue& queue, std::vector<SendMessageEntry<std::string>> entries) {
    state_.add_producer(queue.simulated(), std::move(entries));
}

SQSIM_EXPLORE_INLINE void World::add_producer(SimFifoQueue& queue,
                                              std::vector<FifoSendMessageEntry<std::string>> entries) {
    if (!queue.options().content_based_deduplication) {
        state_.number(entries);
    }
    state_.add_producer(queue.simulated(), std::move(entries));
}

SQSIM_EXPLORE_INLINE void World::add_consumers(detail::SimulatedClient& queue, detail::HandlerSource handler,
                                               const ConsumeOptions& options) {
    state_.add_consumers(queue.base(), std::move(handler), options);
}

SQSIM_EXPLORE_INLINE void World::add_code(std::string name, std::function<void()> code) {
    detail::Execution& execution = state_.execution();
    execution.add_actor(std::move(name)).body = [&execution, code = std::move(code)](detail::Actor&) {
        execution.start_incarnation();
        code();
    };
}

SQSIM_EXPLORE_INLINE void World::add_stoppable_code(std::string name, std::function<void(std::stop_token)> code) {
    detail::Execution& execution = state_.execution();
    execution.add_actor(std::move(name)).body = [&execution, code = std::move(code)](detail::Actor& actor) {
        execution.start_incarnation();
        actor.stop.emplace();
        code(actor.stop->get_token());
    };
}

SQSIM_EXPLORE_INLINE void World::add_coroutine(std::string name, std::function<Coroutine()> code) {
    detail::Execution& execution = state_.execution();
    execution.add_actor(std::move(name)).body = [&execution, code = std::move(code)](detail::Actor&) {
        execution.start_incarnation();
        for (Coroutine coroutine = code(); !coroutine.done();) {
            coroutine.resume();
            if (!coroutine.done()) {
                execution.await();
            }
        }
    };
}

SQSIM_EXPLORE_INLINE void World::add_process(const std::string& name, std::vector<Member> members,
                                             std::function<void(bool)> renew) {
    detail::Execution& execution = state_.execution();
    detail::Process* process = nullptr;
    for (Member& member : members) {
        detail::Actor& actor = execution.add_actor(name + " " + member.name);
        actor.body = [&execution, code = std::move(member.code)](detail::Actor&) {
            execution.start_incarnation();
            code();
        };
        if (process == nullptr) {
            process = actor.process;
            process->needs_renewal = true;
            process->renew = [renew, leaks = execution.settings().abandons](detail::Process&) { renew(leaks); };
        } else {
            detail::Scheduler::join(actor, *process);
        }
    }
}

SQSIM_EXPLORE_INLINE void World::sleep_for(std::chrono::nanoseconds time) { state_.hooks().sleep_for(time); }

SQSIM_EXPLORE_INLINE void World::always(std::string name, std::function<bool()> holds) {
    state_.count_expectation();
    state_.note_registration("always", name);
    detail::Execution& execution = state_.execution();
    execution.watch_by([&execution, name = std::move(name), holds = std::move(holds)] {
        if (!holds()) {
            execution.fail("always " + name + ": it does not hold");
        }
    });
}

SQSIM_EXPLORE_INLINE void World::sometimes(std::string_view name, std::function<bool()> holds) {
    state_.note_registration("sometimes", name);
    state_.execution().watch_by([&state = state_, place = state_.place_of_sometimes(name), holds = std::move(holds)] {
        state.hold_sometimes(place, holds);
    });
}

SQSIM_EXPLORE_INLINE void World::settles_within(std::chrono::nanoseconds time) {
    state_.count_expectation();
    state_.note_registration("settles_within", detail::duration_text(time));
    state_.execution().set_settling_time(time);
}

SQSIM_EXPLORE_INLINE void World::reduce_by(std::function<std::string()> state) {
    state_.execution().reduce_by([state = std::move(state)] { return detail::hash_text(state()); });
}

SQSIM_EXPLORE_INLINE void World::run() { state_.run(); }

SQSIM_EXPLORE_INLINE void World::expect(std::string_view name, bool holds) {
    Finding finding;
    finding.name = name;
    finding.problem = holds ? std::string{} : std::string{"it does not hold"};
    expect(finding);
}

SQSIM_EXPLORE_INLINE void World::expect(const Finding& finding) { state_.check(finding); }

SQSIM_EXPLORE_INLINE bool World::is_over() const noexcept { return state_.is_over(); }

SQSIM_EXPLORE_INLINE void World::compare(std::string_view name, const std::string& state) {
    state_.compare(name, state);
}

SQSIM_EXPLORE_INLINE const History& World::history() const noexcept { return state_.execution().history(); }

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
