// SPDX-License-Identifier: MIT

// Catches a simulated service that does what the real one never does, whatever the faults: it loses an acknowledged
// message, lets a FIFO message overtake another, hands out two of a locked group, delivers before the delay, stores a
// duplicate inside the deduplication window, or gives up a message too early. The rules are written a second time here,
// as simple as can be, beside those of the history checker.

#include "sim/sim_support.hpp"

#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using namespace simulated;

/// The operations of a history, asked in the simplest way there is.
class Facts {
public:
    explicit Facts(const History& history) : history_{history} {}

    /// The first forbidden outcome; empty if there is none.
    [[nodiscard]] std::string broken() const {
        for (const auto rule : {&Facts::lost, &Facts::overtaken, &Facts::unlocked, &Facts::early, &Facts::stored_twice,
                                &Facts::given_up_early}) {
            if (std::string problem = (this->*rule)(); !problem.empty()) {
                return problem;
            }
        }
        return {};
    }

private:
    using Index = std::size_t;

    [[nodiscard]] const std::vector<Operation>& all() const { return history_.operations; }
    [[nodiscard]] static bool stored(const Operation& op) {
        return op.action == Action::send && (op.answer == Answer::ok || op.answer == Answer::unknown);
    }
    /// Whether a send made a message: one whose answer was lost names an older one if it did not.
    [[nodiscard]] bool made(Index send) const {
        for (Index i = 0; i < send; ++i) {
            if (stored(all()[i]) && all()[i].message == all()[send].message) {
                return false;
            }
        }
        return stored(all()[send]);
    }
    [[nodiscard]] static bool removed(const Operation& op) {
        return (op.action == Action::delete_message && op.answer == Answer::ok) || op.action == Action::dead_letter;
    }
    /// Whether a message was gone for good before an operation.
    [[nodiscard]] bool is_removed(std::uint32_t message, Index before) const {
        for (Index i = 0; i < before; ++i) {
            if (all()[i].message == message && removed(all()[i])) {
                return true;
            }
        }
        return false;
    }
    [[nodiscard]] const Operation* send_of(std::uint32_t message) const {
        for (const Operation& op : all()) {
            if (op.message == message && stored(op)) {
                return &op;
            }
        }
        return nullptr;
    }
    /// The receive that a delivery belongs to.
    [[nodiscard]] Index receive_of(Index delivery) const {
        while (all()[delivery].action != Action::receive) {
            --delivery;
        }
        return delivery;
    }

    [[nodiscard]] std::string lost() const {
        for (const Operation& op : all()) {
            if (history_.drained && stored(op) && !is_removed(op.message, all().size())) {
                return "lost";
            }
        }
        return {};
    }

    [[nodiscard]] std::string overtaken() const {
        for (Index i = 0; i < all().size(); ++i) {
            const Operation& op = all()[i];
            if (op.action != Action::delivery || op.group == 0 || !history_.queues[op.queue].fifo) {
                continue;
            }
            for (const Operation& earlier : all()) {
                if (!stored(earlier) || earlier.queue != op.queue || earlier.group != op.group ||
                    earlier.message >= op.message || is_removed(earlier.message, i)) {
                    continue;
                }
                bool in_same_answer = false;
                for (Index j = receive_of(i) + 1; j < i; ++j) {
                    in_same_answer = in_same_answer || all()[j].message == earlier.message;
                }
                if (!in_same_answer) {
                    return "overtaken";
                }
            }
        }
        return {};
    }

    [[nodiscard]] bool is_in_answer(Index receive, std::uint32_t receipt) const {
        for (Index i = receive + 1; i < all().size() && all()[i].action == Action::delivery; ++i) {
            if (all()[i].receipt == receipt) {
                return true;
            }
        }
        return false;
    }

    [[nodiscard]] std::string unlocked() const {
        struct Lease {
            std::uint32_t message;
            std::uint32_t receipt;
            Index receive;
            std::chrono::nanoseconds end;
        };
        std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<Lease>> leases;  // by queue and group
        for (Index i = 0; i < all().size(); ++i) {
            const Operation& op = all()[i];
            if (!history_.queues[op.queue].fifo) {
                continue;
            }
            if (op.action == Action::delivery) {
                auto& group = leases[{op.queue, op.group}];
                const Index receive = receive_of(i);
                // A receive that is repeated with its attempt id has the same handles again.
                std::erase_if(group, [&](const Lease& lease) { return is_in_answer(receive, lease.receipt); });
                for (const Lease& lease : group) {
                    if (lease.receive != receive && op.answered < lease.end) {
                        return "locked group";
                    }
                }
                group.push_back({op.message, op.receipt, receive, op.answered + all()[receive].duration});
            }
            for (auto& [key, group] : leases) {
                for (Lease& lease : group) {
                    if (lease.receipt != op.receipt || op.receipt == 0) {
                        continue;
                    }
                    if (op.action == Action::delete_message && op.answer == Answer::ok) {
                        lease.end = {};
                    } else if (op.action == Action::change_message_visibility &&
                               (op.answer == Answer::ok || op.answer == Answer::unknown)) {
                        lease.end = op.answer == Answer::ok ? op.answered + op.duration
                                                            : std::min(lease.end, op.answered + op.duration);
                    }
                }
            }
        }
        return {};
    }

    [[nodiscard]] std::string early() const {
        for (const Operation& op : all()) {
            if (op.action == Action::delivery) {
                const Operation* const send = send_of(op.message);
                if (send != nullptr && op.answered < send->answered + send->duration) {
                    return "before its delay";
                }
            }
        }
        return {};
    }

    [[nodiscard]] std::string stored_twice() const {
        for (Index i = 0; i < all().size(); ++i) {
            for (Index j = i + 1; j < all().size(); ++j) {
                const Operation& a = all()[i];
                const Operation& b = all()[j];
                if (made(i) && made(j) && a.deduplication != 0 && a.deduplication == b.deduplication &&
                    a.queue == b.queue && b.answered < a.answered + history_.queues[a.queue].deduplication_interval) {
                    return "stored twice";
                }
            }
        }
        return {};
    }

    [[nodiscard]] std::string given_up_early() const {
        for (Index i = 0; i < all().size(); ++i) {
            if (all()[i].action != Action::dead_letter) {
                continue;
            }
            int attempts = 0;
            for (Index j = 0; j < i; ++j) {
                const Operation& op = all()[j];
                const bool unanswered = op.action == Action::receive && op.answer == Answer::unknown;
                attempts += unanswered || (op.action == Action::delivery && op.message == all()[i].message) ? 1 : 0;
            }
            if (attempts < history_.queues[all()[i].queue].max_receive_count) {
                return "given up early";
            }
        }
        return {};
    }

    const History& history_;
};

/// What the runs of a scenario came to: how much happened in all of them.
struct Sum {
    std::size_t runs = 0;
    std::size_t deliveries = 0;
    std::size_t dead_letters = 0;
    std::size_t deduplicated = 0;
};

Sum sum_of(const std::function<void(World&)>& scenario, const ExploreOptions& options, std::size_t samples) {
    Sum sum;
    const auto watched = [&](World& world) {
        scenario(world);
        const History& history = world.history();
        ++sum.runs;
        for (const Operation& op : history.operations) {
            sum.deliveries += op.action == Action::delivery ? 1 : 0;
            sum.dead_letters += op.action == Action::dead_letter ? 1 : 0;
            sum.deduplicated += op.answer == Answer::deduplicated ? 1 : 0;
        }
        world.expect({"never", Facts{history}.broken()});
    };
    const Report all = explore(options, watched);
    INFO(all.to_string());
    CHECK(all.ok());
    const Report some =
        sample({.runs = samples, .seed = 7, .kind_probability = 0.5, .fault_probability = 0.1}, watched);
    INFO(some.to_string());
    CHECK(some.ok());
    return sum;
}

void check_never(const Sum& sum) {
    CHECK(sum.runs > 500);
    CHECK(sum.deliveries > 2 * sum.runs);
}

void delayed(World& world) {
    auto& queue = world.queue({.visibility_timeout = 10s, .delay = 2s});
    world.produce(queue,
                  std::vector<sqsim::SendMessageEntry<std::string>>{{"a", {.delay = 5s}}, {"b", {.delay = 0s}}, {"c"}});
    world.consume(queue, [](const SimMessage&) { point("work"); },
                  {.consumers = 2, .work_time = 4s, .max_number_of_messages = 2});
    world.run();
}

void grouped(World& world) {
    auto& queue = world.fifo_queue({.visibility_timeout = 10s});
    world.produce(queue, "g", {"a", "b"});
    world.produce(queue, "h", {"c"});
    world.consume(queue, [](const SimMessage&) { point("work"); },
                  {.consumers = 2, .work_time = 4s, .max_number_of_messages = 2});
    world.run();
}

/// Sends with one deduplication id again and again, and keeps its lease while it works.
void repeated(World& world) {
    auto& queue = world.fifo_queue({.visibility_timeout = 10s, .deduplication_interval = 60s});
    world.spawn("sender", [&] {
        for (int i = 0; i < 2; ++i) {
            static_cast<void>(queue.try_send_message("a", "g", {.message_deduplication_id = "d"}));
            sqsim::sim::sleep_for(25s);
        }
        static_cast<void>(queue.try_send_message("b", "g", {.message_deduplication_id = "e"}));
    });
    for (const char* who : {"r", "s"}) {
        world.spawn(who, [&] {
            while (true) {
                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                    sqsim::sim::sleep_for(6s);
                    queue.change_message_visibility(message->receipt_handle(), 10s);
                    sqsim::sim::sleep_for(6s);
                    queue.delete_message(message->receipt_handle());
                }
            }
        });
    }
    world.run();
}

template <class Q>
void poison(World& world, Q& queue, Q& dead) {
    queue.set_redrive_policy({dead, 3});
    world.consume(queue,
                  [](const SimMessage& message) {
                      if (message.body() == "bad") {
                          throw std::runtime_error{"bad"};
                      }
                  },
                  {.consumers = 2, .work_time = 2s});
    world.run();
}

void poisoned(World& world) {
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "work", .visibility_timeout = 10s});
    world.produce(queue, {"bad", "good"});
    poison(world, queue, dead);
}

void poisoned_fifo(World& world) {
    auto& dead = world.fifo_queue({.name = "dead.fifo"});
    auto& queue = world.fifo_queue({.name = "work.fifo", .visibility_timeout = 10s});
    world.produce(queue, "g", {"bad", "good"});
    poison(world, queue, dead);
}

}  // namespace

TEST_CASE("a standard queue never loses a message, and never delivers before the delay", "[sim][never]") {
    check_never(sum_of(delayed, {.faults = 2}, 500));
}

TEST_CASE("a FIFO group is never overtaken, and never unlocked before its time", "[sim][never]") {
    check_never(sum_of(grouped, {.faults = 2}, 500));
}

TEST_CASE("a duplicate is never stored inside the deduplication window", "[sim][never]") {
    const Sum sum = sum_of(repeated, {.faults = 2, .preemptions = 0}, 500);
    CHECK(sum.runs > 500);
    CHECK(sum.deduplicated > sum.runs);
}

TEST_CASE("a message is never given up before its attempts are spent", "[sim][never]") {
    for (const auto scenario : {&poisoned, &poisoned_fifo}) {
        const Sum sum = sum_of(scenario, {.faults = 2}, 500);
        check_never(sum);
        CHECK(sum.dead_letters > sum.runs / 2);
    }
}

TEST_CASE("the rules of this test find histories in which they are broken", "[sim][never]") {
    History right;
    std::vector<std::string> problems;
    const auto record = [&](const std::function<void(World&)>& scenario) {
        static_cast<void>(replay("none", [&](World& world) {
            scenario(world);
            right = world.history();
        }));
        CHECK(Facts{right}.broken().empty());
    };
    const auto broken = [&](auto change) {
        History wrong = right;
        for (std::size_t i = 0; i < wrong.operations.size(); ++i) {
            if (change(wrong.operations, i)) {
                break;
            }
        }
        return Facts{wrong}.broken();
    };
    using Operations = std::vector<Operation>;
    record(delayed);
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delete_message;
              all[i].answer = found ? Answer::expired : all[i].answer;
              return found;
          }) == "lost");
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delivery && all[i].answered == 5s;
              all[i].answered -= found ? 1ns : 0ns;
              return found;
          }) == "before its delay");
    record(grouped);
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delivery && all[i + 1].action == Action::delivery;
              if (found) {
                  std::swap(all[i], all[i + 1]);
              }
              return found;
          }) == "overtaken");
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delivery && all[i + 1].action == Action::delivery;
              if (found) {  // a receive of its own for the second one
                  const Operation receive = all[i - 1];
                  all.insert(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, receive);
              }
              return found;
          }) == "overtaken");
    record(repeated);
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].answer == Answer::deduplicated;
              if (found) {  // stored as a message that is deleted
                  all[i].answer = Answer::ok;
                  all[i].message = 7;
                  all.push_back(all[i]);
                  all.back().action = Action::delete_message;
              }
              return found;
          }) == "stored twice");
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delivery;
              if (found) {  // the same message again, at once, by another receive
                  Operations again{all[i - 1], all[i]};
                  again.back().receipt += 100;
                  all.insert(all.begin() + static_cast<std::ptrdiff_t>(i) + 1, again.begin(), again.end());
              }
              return found;
          }) == "locked group");
    record(poisoned);
    CHECK(broken([](Operations& all, std::size_t i) {
              const bool found = all[i].action == Action::delivery;
              if (found) {
                  all.erase(all.begin() + static_cast<std::ptrdiff_t>(i));
              }
              return found;
          }) == "given up early");
}
