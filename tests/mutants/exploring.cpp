// SPDX-License-Identifier: MIT

// Explores small consumers, of which it is known what is wrong with them, replays tokens, of which it is known what
// they do, and runs random worlds. Ends with the first surprise, which kills the mutant.

#include "sim/world_fuzzer.hpp"
#include "sqsim/sim/explore.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace sqsim::sim;

using Scenario = std::function<void(World&)>;
using Handler = std::function<void(const SimMessage&)>;
using BatchHandler = std::function<void(std::span<const SimMessage>)>;
using Keys = std::set<std::string>;
using Counts = std::map<std::string, int>;

[[noreturn]] void complain(std::string_view what, const std::string& text) {
    std::printf("%.*s: %s\n", static_cast<int>(what.size()), what.data(), text.c_str());
    std::exit(EXIT_FAILURE);
}

void check(bool holds, std::string_view what, const std::string& text) {
    if (!holds) {
        complain(what, text);
    }
}

std::string key(const SimMessage& message) { return std::string{message.body()}; }

// Explorations.

ExploreOptions offering(Faults offered, int faults = 1, int preemptions = 0) {
    ExploreOptions options;
    options.faults = faults;
    options.preemptions = preemptions;
    options.offered = offered;
    return options;
}

/// The wrong consumer is found, by this plan and no other.
Report must_fail(std::string_view token, const ExploreOptions& options, const Scenario& scenario) {
    const Report report = explore(options, scenario);
    check(report.verdict == Verdict::violated && report.replay_token() == token, token, report.to_string());
    return report;
}

/// The right consumer is called right.
Report must_hold(std::string_view what, const ExploreOptions& options, const Scenario& scenario) {
    Report report = explore(options, scenario);
    check(report.verdict == Verdict::holds, what, report.to_string());
    return report;
}

/// The exploration proves nothing, and says so in these words.
void must_say(Verdict verdict, std::string_view words, const ExploreOptions& options, const Scenario& scenario) {
    const Report report = explore(options, scenario);
    check(report.verdict == verdict && report.problem.find(words) != std::string::npos, words, report.to_string());
}

// Replays.

/// What the actors of a run see, as one line: "0 a1" for a message and how often it was received.
class Log {
public:
    explicit Log(World& world) : world_{world} {}

    void say(const std::string& what) {
        const auto now = world_.clock().now().time_since_epoch();
        text_ += (text_.empty() ? "" : "; ") + std::to_string(now / 1s) + (now % 1s > 0s ? "+ " : " ") + what;
    }
    void got(const SimMessage& message) { say(key(message) + std::to_string(message.approximate_receive_count())); }
    [[nodiscard]] const std::string& text() const noexcept { return text_; }

private:
    World& world_;
    std::string text_{};
};

struct Replay {
    std::string_view token;
    std::string_view line;
};

void replay_all(std::span<const Replay> replays, const std::function<void(World&, Log&)>& scenario,
                const ReplayOptions& options = {}) {
    for (const auto& [token, line] : replays) {
        std::string text;
        const Report report = replay(token, options, [&](World& world) {
            Log log{world};
            scenario(world, log);
            world.run();
            world.expect("the run came to its end", true);
            text = log.text();
        });
        check(report.verdict == Verdict::holds, token, report.to_string());
        check(text == line, token, text);
    }
}

/// Does something until it succeeds.
void insist(const std::function<void()>& call) {
    while (true) {
        try {
            return call();
        } catch (const sqsim::Error&) {  // again
        }
    }
}

/// Writes down an error of the service.
void attempt(Log& log, const std::function<void()>& call) {
    try {
        call();
    } catch (const sqsim::Error& error) {
        log.say(error.code() == sqsim::Errc::request_throttled ? "throttled" : "error");
    }
}

/// A loop that receives up to `most` messages, says which, works on each, and deletes it.
template <class Q>
void add_reader(World& world, Log& log, Q& queue, int most, const Handler& work) {
    world.spawn("reader", std::function<void(std::stop_token)>{[&log, &queue, most, work](std::stop_token stop) {
                    while (!stop.stop_requested()) {
                        attempt(log, [&] {
                            const auto messages =
                                queue.receive_messages({.max_number_of_messages = most, .wait_time = 20s}, stop);
                            for (const SimMessage& message : messages) {
                                log.got(message);
                            }
                            for (const SimMessage& message : messages) {
                                if (stop.stop_requested()) {
                                    return;
                                }
                                work(message);
                                queue.delete_message(message.receipt_handle());
                            }
                        });
                    }
                }});
}

/// A standard queue: receives, changes of visibility, deletes.
void replay_reads() {
    const Replay replays[] = {
        {"none", "0 a1; 0 b1; 0 c1"},
        {"resend@send#1.1", "0 a1; 0 a1; 0 b1; 0 c1"},
        {"late-visibility@send#1.1", "0 b1; 0 c1; 900 a1"},
        {"order2@next.1", "0 c1; 0 a1; 0 b1"},
        {"partial-receive1@receive.1+crash@received#1.1", "0 b1; 0 c1; 30 a2"},
        {"partial-receive2@receive.1+crash@received#1.1", "0 c1; 30 a2; 30 b2"},
        {"empty-receive@receive.1", "20 a1; 20 b1; 20 c1"},
        {"throttle@receive.1", "0 throttled; 0 a1; 0 b1; 0 c1"},
        {"expire@receive.1", ""},
        {"lost@received#1.1", "30 a2; 30 b2; 30 c2"},
        {"stop-mid-batch@received#1.1", "0 a1; 0 b1; 0 c1; 30 a2; 30 b2; 30 c2"},
        {"stall@received#1.1", "30+ a1; 30+ b1; 30+ c1"},
        {"lost@extend#1.1", "0 a1; 0 b1; 0 c1; 0 error; 30 a2; 30 b2; 30 c2"},
        {"lost-reply@extend#1.1", "0 a1; 0 b1; 0 c1; 0 error; 30 b2; 30 c2; 60 a2"},
        {"crash@extended#1.1", "0 a1; 0 b1; 0 c1; 30 b2; 30 c2; 60 a2"},
        {"outage@extended#1.1", "0 a1; 0 b1; 0 c1; 342000 a2; 342000 b2; 342000 c2"},
        {"lost@delete#1.1", "0 a1; 0 b1; 0 c1; 0 error; 30 b2; 30 c2; 60 a2"},
        {"lost-reply@delete#1.1", "0 a1; 0 b1; 0 c1"},
        {"delete-survives@remove#1.1", "0 a1; 0 b1; 0 c1; 60 a2"},
        {"crash@deleted#1.1", "0 a1; 0 b1; 0 c1; 30 b2; 30 c2"},
        {"outage@read#1.1", "0 a1; 0 b1; 0 c1; 342000 a2; 342000 b2; 342000 c2"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a", "b", "c"});
        add_reader(world, log, queue, 3, [&queue](const SimMessage& message) {
            queue.change_message_visibility(message.receipt_handle(), 60s);
            point("read", message.message_id());
        });
    });
}

/// A delete by a handle that is older than the last receive; a message that has been received three times.
void replay_old_receives() {
    const Replay replays[] = {
        {"none", "0 a1; 0 error; 5 a2; 5 error; 10 a3; 10 error; 15 a4; 15 b1"},
        {"stale@stale#1.1", "0 a1; 0 error; 5 a2; 5 error; 15 b1"},
        {"to-back@run.1", "0 a1; 0 error; 5 a2; 5 error; 10 a3; 10 error; 15 b1; 15 a4"},
    };
    replay_all(replays, [](World& world, Log& log) {
        sqsim::ReceiptHandle first;
        auto& queue = world.queue({.visibility_timeout = 5s});
        world.produce(queue, {{"a", {}}, {"b", {.delay = 15s}}});
        add_reader(world, log, queue, 1, [&queue, first](const SimMessage& message) mutable {
            if (key(message) != "a") {
                return;
            }
            if (first == sqsim::ReceiptHandle{}) {
                first = message.receipt_handle();
            } else if (message.approximate_receive_count() == 2) {
                queue.delete_message(first);
            }
            if (message.approximate_receive_count() < 4) {
                throw sqsim::Error{sqsim::Errc::internal_error, "again"};
            }
        });
    });
}

/// Sends of an actor, one by one and as a batch, and deletes as a batch.
void replay_sends() {
    const Replay replays[] = {
        {"none", "0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1"},
        {"refuse@send-batch.1", "0 throttled; 0 sent; 0 c1"},
        {"lost-reply@send-batch.1", "0 error; 0 sent; 0 a1; 0 b1; 0 c1"},
        {"refuse-entry@send-entry#1.1", "0 refused; 0 sent; 0 sent; 0 b1; 0 c1"},
        {"resend@send-entry#1.1", "0 sent; 0 sent; 0 sent; 0 a1; 0 a1; 0 b1; 0 c1"},
        {"crash@batch-sent.1", "0 a1; 0 b1; 0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1"},
        {"outage@batch-sent.1",
         "342000 sent; 342000 sent; 342000 sent; 342000 a1; 342000 b1; 342000 a1; 342000 b1; 342000 c1"},
        {"refuse@send#3.1", "0 sent; 0 sent; 0 throttled; 0 a1; 0 b1"},
        {"lost-reply@send#3.1", "0 sent; 0 sent; 0 error; 0 a1; 0 b1; 0 c1"},
        {"resend@send#3.1", "0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1; 0 c1"},
        {"crash@sent#3.1", "0 sent; 0 sent; 0 a1; 0 b1; 0 c1; 0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1"},
        {"refuse-entry@delete-entry#1.1", "0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1; 30 a2"},
        {"lost-reply@delete#1.1", "0 sent; 0 sent; 0 sent; 0 a1; 0 b1; 0 c1"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& queue = world.queue();
        world.spawn("sender", std::function<void()>{[&] {
                        std::vector<sqsim::SendMessageEntry<std::string>> entries{{"a", {}}, {"b", {}}};
                        attempt(log, [&] {
                            for (const auto& result : queue.send_messages(entries)) {
                                log.say(result ? "sent" : "refused");
                            }
                        });
                        attempt(log, [&] {
                            queue.send_message("c");
                            log.say("sent");
                        });
                    }});
        world.spawn("reader", std::function<void()>{[&] {
                        while (true) {
                            std::vector<sqsim::ReceiptHandle> handles;
                            for (const auto& message :
                                 queue.receive_messages({.max_number_of_messages = 10, .wait_time = 20s})) {
                                log.got(message);
                                handles.push_back(message.receipt_handle());
                            }
                            if (!handles.empty()) {
                                insist([&] { queue.delete_messages(handles); });
                            }
                        }
                    }});
    });
}

/// A FIFO queue: one message is handed on after the other, sends and receives are repeated.
void replay_fifo() {
    const Replay replays[] = {
        {"none", "0 a1; 0 b1"},
        {"resend@send#1.1", "0 a1; 0 b1"},
        {"resend-early@send#1.1", "0 a1; 299+ b1"},
        {"resend-late@send#1.1", "0 a1; 300 a1; 300 b1"},
        {"again@received#1.1", "0 a1; 0 b1"},
        {"crash@received#1.1", "30 a2; 30 b1"},
        {"crash@extended#1.1", "0 a1; 5 a2; 5 b1"},
        {"lost-reply@extend#1.1", "0 a1; 0 error; 5 a2; 5 b1"},
        {"lost@delete#1.1", "0 a1; 0 error; 5 a2; 5 b1"},
        {"crash@deleted#1.1", "0 a1; 0 b1"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& queue = world.fifo_queue({.content_based_deduplication = true});
        world.produce(queue, "g", {"a", "b"});
        add_reader(world, log, queue, 1, [&queue](const SimMessage& message) {
            queue.change_message_visibility(message.receipt_handle(), 5s);
        });
    });
}

/// An administrator.
void replay_administration() {
    const Replay replays[] = {
        {"none", "0 begins; 20 b01; 30 b02"},
        {"late@purge.1", "0 begins; 20 a1; 30 a2; 30 b11; 40 b12"},
        {"late@set-delay.1", "0 begins; 80 b01; 90 b02"},
        {"late@set-visibility-timeout.1", "0 begins; 20 b01; 50 b02"},
        {"crash@purged.1", "0 begins; 0 begins; 20 b01; 30 b02"},
        {"crash@delay-set.1", "0 begins; 20 b01; 20 begins; 20 b01; 30 b02"},
        {"crash@visibility-timeout-set.1", "0 begins; 0 begins; 20 b01; 30 b02"},
        {"crash@set-delay.1", "0 begins; 20 begins; 40 b01; 50 b02"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& queue = world.fifo_queue({.delay = 90s, .content_based_deduplication = true});
        world.produce(queue, "g", {"a"});
        world.spawn("administrator", std::function<void()>{[&] {
                        log.say("begins");
                        queue.purge();
                        insist([&] { queue.send_message("b" + std::to_string(queue.counts().total()), "g"); });
                        queue.set_visibility_timeout(10s);
                        sleep_for(20s);
                        queue.set_delay(0s);
                    }});
        world.spawn("reader", std::function<void()>{[&] {
                        while (true) {
                            insist([&] {
                                if (const auto message = queue.receive_message({.wait_time = 20s})) {
                                    log.got(*message);
                                    if (message->approximate_receive_count() > 1) {
                                        queue.delete_message(message->receipt_handle());
                                    }
                                }
                            });
                        }
                    }});
    });
}

/// A simulated consumer: its turns, its work time, its effects, its clock.
void replay_consumer() {
    const Replay replays[] = {
        {"none", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 14 b1; 14 paid; 28 looks"},
        {"fail@handle#1.1", "0 b1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 looks"},
        {"effect-fails@pay#1.1", "0 a1; 0 b1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 looks"},
        {"effect-unknown@pay#1.1", "0 a1; 0 paid; 0 b1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 looks"},
        {"ahead@clock#1.1", "0 a1; 0 paid; 0 ahead; 0 visits; 0 looks; 1 goes; 14 b1; 14 paid; 28 looks"},
        {"behind@clock#1.1", "0 a1; 0 paid; 0 behind; 0 visits; 0 looks; 1 goes; 14 b1; 14 paid; 28 looks"},
        {"crash@asleep#1.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 b2; 44 paid; 58 looks"},
        {"crash@slept#1.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 b2; 44 paid; 58 looks"},
        {"crash@work#1.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 b2; 44 paid; 58 looks"},
        {"crash@working#1.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 a2; 30 paid; 44 b2; 44 paid; 58 looks"},
        {"crash@turn#2.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 b2; 30 paid; 44 looks"},
        {"stop-mid-batch@turn#2.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 b2; 30 paid; 44 looks"},
        {"outage@pay-done#1.1",
         "0 a1; 0 paid; 45+ a2; 45+ paid; 45+ visits; 45+ looks; 46+ goes; 59+ b2; 59+ paid; 73+ looks"},
        {"outage1@pay-done#1.1", "0 a1; 0 paid; 342000 a2; 342000 paid; 342000 visits; 342000 looks; 342001 goes; "
                                 "342014 b2; 342014 paid; 342028 "
                                 "looks"},
        {"outage@pay-done#2.1",
         "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 14 b1; 14 paid; 45+ b2; 45+ paid; 45+ looks; 65+ looks"},
        {"stall@sleep.2", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 14 b1; 14 paid; 50+ looks"},
        {"preempt@start.2", "0 a1; 0 paid; 0 looks; 0 visits; 1 goes; 14 b1; 14 paid; 28 looks"},
        {"stall@pay-done#1.1",
         "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 looks; 44+ b1; 44+ paid; 50 looks; 58+ a4; 58+ paid; 72+ looks"},
        {"stall1@pay-done#1.1", "0 a1; 0 paid; 0 visits; 0 looks; 1 goes; 30 looks; 50 looks; 59+ b1; 59+ paid; 70 "
                                "looks; 73+ a5; 73+ paid; 90 looks"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.consume(queue, Handler{[&](const SimMessage& message) {
                          log.got(message);
                          deadline("lock", world.clock().now() + 45s);
                          const auto outcome = effect("pay", [&] { log.say("paid"); });
                          if (outcome != EffectOutcome::done) {
                              throw std::runtime_error("not paid");
                          }
                          if (const auto error = clock_error(); error != 0s) {
                              log.say(error > 0s ? "ahead" : "behind");
                          }
                          sleep_for(4s);
                      }},
                      {.work_time = 10s, .max_number_of_messages = 2});
        world.spawn("visitor", std::function<void()>{[&] {
                        log.say("visits");
                        sleep_for(1s);
                        log.say("goes");
                    }});
        world.spawn("other", std::function<void()>{[&] {
                        while (true) {
                            log.say("looks");
                            sleep_for(20s);
                            static_cast<void>(queue.receive_message({.visibility_timeout = 0s, .wait_time = 100s}));
                        }
                    }});
    });
}

/// A stall at all deadlines: before, at, after.
void replay_stalls() {
    const Replay replays[] = {
        {"stall1@received#1.1", "29+ a1"},
        {"stall2@received#1.1", "30 a1"},
        {"stall3@received#1.1", "30 a2; 30+ a1"},
        {"dup@receive#1.1", "0 a2; 0 a1"},
    };
    ReplayOptions options;
    options.stalls = Stalls::all_deadlines;
    replay_all(
        replays,
        [](World& world, Log& log) {
            auto& queue = world.queue();
            world.produce(queue, {"a"});
            world.consume(queue, Handler{[&](const SimMessage& message) { log.got(message); }}, {.consumers = 2});
        },
        options);
}

/// A dead letter, which somebody takes notice of, or an operator moves back.
void replay_dead_letters() {
    const Replay replays[] = {
        {"none", "0 a1; 40 buries a"},
        {"redrive@orders:dead#1.1", "0 a1; 30+ a1; 60+ buries a"},
    };
    replay_all(replays, [](World& world, Log& log) {
        auto& dead = world.queue({.name = "dead"});
        auto& queue = world.queue({.name = "orders"});
        queue.set_redrive_policy({dead, 1});
        world.produce(queue, {"a"});
        world.consume(queue, Handler{[&](const SimMessage& message) {
                          log.got(message);
                          throw std::runtime_error("poison");
                      }});
        world.spawn("undertaker", std::function<void()>{[&] {
                        sleep_for(40s);
                        while (true) {
                            if (const auto message = dead.receive_message({.wait_time = 20s})) {
                                log.say("buries " + key(*message));
                                dead.delete_message(message->receipt_handle());
                            }
                        }
                    }});
    });
}

// Wrong consumers: each is wrong at one place only.

/// Works after the delete.
void delete_first(World& world, bool tells_state) {
    Keys done;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    if (tells_state) {
        world.state([&] { return done; });
    }
    world.spawn("worker", std::function<void()>{[&] {
                    while (true) {
                        for (const auto& message : queue.receive_messages({.wait_time = 20s})) {
                            const std::string body = key(message);
                            queue.delete_message(message.receipt_handle());
                            done.insert(body);
                        }
                    }
                }});
    world.run();
    world.expect("done", done == Keys{"a"});
}

/// Hands on, and only then writes down that it has.
void send_then_note(World& world, bool as_batch) {
    Keys noted;
    Counts arrived;
    auto& in = world.queue({.name = "in"});
    auto& out = world.queue({.name = "out"});
    world.produce(in, {"a"});
    world.consume(in, Handler{[&](const SimMessage& message) {
                      const std::string body = key(message);
                      if (noted.contains(body)) {
                          return;
                      }
                      if (as_batch) {
                          std::vector<sqsim::SendMessageEntry<std::string>> entries{{body, {}}};
                          static_cast<void>(out.send_messages(entries));
                      } else {
                          out.send_message(body);
                      }
                      noted.insert(body);
                  }});
    world.consume(out, Handler{[&](const SimMessage& message) { ++arrived[key(message)]; }});
    world.run();
    world.expect(at_most_once_per_key(arrived));
}

/// Charges in a handler that knows what it has noted.
void charge(World& world, const std::function<void(Keys& noted, Counts& charged, const std::string& key)>& handle,
            int consumers = 1, bool tells_state = false) {
    Keys noted;
    Counts charged;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    if (tells_state) {
        world.state([&] { return std::pair{noted, charged}; });
    }
    world.consume(queue, Handler{[&](const SimMessage& message) { handle(noted, charged, key(message)); }},
                  {.consumers = consumers});
    world.run();
    world.expect(drained(queue));
    world.expect(once_per_key(charged));
}

void note_after_effect(Keys& noted, Counts& charged, const std::string& key) {
    if (!noted.contains(key)) {
        static_cast<void>(effect("charge", [&] { ++charged[key]; }));
        noted.insert(key);
    }
}

void note_before(Keys& noted, Counts& charged, const std::string& key) {
    if (noted.insert(key).second) {
        point("noted");
        ++charged[key];
    }
}

/// Two consumers may both look before one of them charges.
void look_then_charge(Keys& noted, Counts& charged, const std::string& key) {
    const bool is_known = noted.contains(key);
    point("looked");
    if (!is_known) {
        noted.insert(key);
        ++charged[key];
    }
}

void find_wrong_consumers() {
    for (const bool tells_state : {false, true}) {
        const auto scenario = [tells_state](World& world) { delete_first(world, tells_state); };
        must_fail("crash@deleted#1.1", offering(Fault::crash), scenario);
        must_hold("a consumer that ends elsewhere", offering(Faults{Fault::stall, Fault::preempt}), scenario);
    }
    must_fail("crash@out:sent#1.1", offering(Fault::crash), [](World& world) { send_then_note(world, false); });
    must_fail("crash@out:batch-sent.1", offering(Fault::crash), [](World& world) { send_then_note(world, true); });
    must_fail("crash@charge-done#1.1", offering(Fault::crash), [](World& world) { charge(world, note_after_effect); });
    must_fail("effect-fails@charge#1.1", offering({Fault::effect_fails, Fault::crash}),
              [](World& world) { charge(world, note_after_effect); });
    for (const bool tells_state : {false, true}) {
        must_fail("crash@noted#1.1", offering(Fault::crash),
                  [tells_state](World& world) { charge(world, note_before, 1, tells_state); });
        must_fail("dup@receive#1.1+preempt@looked#1.1", offering({Fault::duplicate, Fault::preempt}, 1, 1),
                  [tells_state](World& world) { charge(world, look_then_charge, 2, tells_state); });
    }
}

// The reduction.

/// Ends at one of two points that leave the same behind, but at different times.
void find_late_restart() {
    must_fail("crash@waited.1", offering(Fault::crash), [](World& world) {
        bool is_late = false;
        auto& queue = world.queue({.visibility_timeout = 0s});
        world.state([&] { return is_late; });
        world.spawn("worker", std::function<void()>{[&] {
                        is_late = is_late || world.clock().now().time_since_epoch() > 0s;
                        static_cast<void>(queue.receive_message({.wait_time = 5s}));
                        point("waited");
                    }});
        world.spawn("sleeper", std::function<void()>{[&] { sleep_for(10s); }});
        world.run();
        world.expect("never late", !is_late);
    });
}

/// Many points at which the same is left behind.
void reduce() {
    const auto scenario = [](World& world) {
        charge(
            world,
            [](Keys& noted, Counts& charged, const std::string& key) {
                for (const std::string_view name : {"one", "two", "three"}) {
                    point(name);
                }
                if (noted.insert(key).second) {
                    ++charged[key];
                }
            },
            1, true);
    };
    ExploreOptions options = offering({Fault::crash, Fault::outage});
    const Report with = must_hold("a reduction", options, scenario);
    options.reduce_by_state = false;
    const Report without = must_hold("no reduction", options, scenario);
    check(with.covered != 0 && with.plans_run() + with.covered <= without.plans_run(), "a reduction", with.to_string());
}

// Excuses.

/// Two dependencies, which may both fail at the same receive.
void depend_on_two(World& world) {
    bool panics = false;
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "orders"});
    queue.set_redrive_policy({dead, 2});
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage&) {
                      const bool first = fails("first");
                      const bool second = fails("second");
                      panics = panics || (first && second);
                      if (panics || first || second) {
                          throw std::runtime_error("later");
                      }
                  }});
    world.run();
    world.expect(no_good_message_in_dlq(dead, Keys{}));
}

/// A batch fails as a whole.
void work_on_batches(World& world, bool is_wrong, int attempts) {
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "orders"});
    queue.set_redrive_policy({dead, attempts});
    world.produce(queue, {"a", "b"});
    world.consume(queue, BatchHandler{[is_wrong](std::span<const SimMessage> batch) {
                      for (const SimMessage& message : batch) {
                          if (is_wrong && fails(key(message))) {
                              throw std::runtime_error("the batch fails");
                          }
                      }
                  }});
    world.run();
    world.expect(no_good_message_in_dlq(dead, Keys{}));
}

/// Hands on; a send that is refused costs the message a receive.
void hand_on(World& world, int consumers) {
    auto& dead = world.queue({.name = "dead"});
    auto& in = world.queue({.name = "in"});
    auto& out = world.queue({.name = "out"});
    in.set_redrive_policy({dead, 2});
    world.produce(in, {"a"});
    world.consume(in, Handler{[&](const SimMessage& message) { out.send_message(message.body()); }},
                  {.consumers = consumers});
    world.run();
    world.expect(no_good_message_in_dlq(dead, Keys{}));
}

/// The retention is shorter than two leases; the consumer may even begin too late.
void lose_by_retention(World& world, std::chrono::nanoseconds rest) {
    Counts done;
    auto& queue = world.queue({.visibility_timeout = 45s, .message_retention_period = 60s});
    world.produce(queue, {"a"});
    world.spawn("worker", std::function<void()>{[&, rest] {
                    sleep_for(rest);
                    while (true) {
                        for (const auto& message : queue.receive_messages({.wait_time = 20s})) {
                            ++done[key(message)];
                            queue.delete_message(message.receipt_handle());
                        }
                    }
                }});
    world.run();
    world.expect("done", !done.empty());
}

void judge_excuses() {
    must_fail("fails@first#1.1+fails@second#1.1", offering(Fault::call_fails, 2), depend_on_two);
    must_fail("fails@a#1.1+fails@a#1.2", offering(Fault::call_fails, 2),
              [](World& world) { work_on_batches(world, true, 2); });
    const Report crashes = must_hold("batches that end with their process", offering({Fault::crash, Fault::outage}),
                                     [](World& world) { work_on_batches(world, false, 1); });
    check(crashes.notes.excused != 0, "excused", crashes.to_string());
    for (const Faults offered : {Faults{Fault::refuse_send}, Faults{Fault::lose_messages}, Faults{Fault::stall}}) {
        const Report lost = must_hold("a message that faults cost both receives", offering(offered, 2),
                                      [](World& world) { hand_on(world, 1); });
        check(lost.notes.excused != 0 || offered == Faults{Fault::stall}, "excused", lost.to_string());
    }
    const Report duplicates =
        must_hold("a message that is delivered twice", offering({Fault::duplicate, Fault::refuse_send}, 2),
                  [](World& world) { hand_on(world, 2); });
    check(duplicates.notes.excused != 0, "excused", duplicates.to_string());
    const Report late =
        must_hold("a message whose retention ends in time", offering(Faults{Fault::crash, Fault::lose_messages}, 2),
                  [](World& world) { lose_by_retention(world, 0s); });
    check(late.notes.past_retention != 0, "past the retention", late.to_string());
    must_fail("none", offering(Fault::crash), [](World& world) { lose_by_retention(world, 61s); });
}

// Ends of processes.

/// Tells that it has failed, whatever is thrown. A process that ends throws nothing.
void note_what_is_thrown(World& world) {
    bool has_failed = false;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage&) {
                      try {
                          point("works");
                      } catch (...) {
                          has_failed = true;
                          throw;
                      }
                  }});
    world.run();
    world.expect("nothing fails", !has_failed);
}

/// Holds a lock that nobody takes away from a process that has ended.
void hold_lock(World& world) {
    class Lock {
    public:
        explicit Lock(bool& is_held) : is_held_{is_held} { is_held_ = true; }
        ~Lock() { is_held_ = false; }

    private:
        bool& is_held_;
    };
    bool is_held = false;
    Keys done;
    auto& dead = world.queue({.name = "dead"});
    auto& queue = world.queue({.name = "orders"});
    queue.set_redrive_policy({dead, 3});
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage& message) {
                      if (is_held) {
                          throw std::runtime_error("locked");
                      }
                      const Lock lock{is_held};
                      point("locked");
                      done.insert(key(message));
                  }});
    world.run();
    world.expect("done", done == Keys{"a"});
}

/// Takes back what it has begun when it leaves a block.
void take_back(World& world) {
    int refunds = 0;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage&) {
                      struct Guard {
                          int& refunds;
                          bool is_needed = true;
                          ~Guard() {
                              if (is_needed) {
                                  static_cast<void>(effect("refund", [&] { ++refunds; }));
                              }
                          }
                      };
                      Guard guard{refunds};
                      point("works");
                      guard.is_needed = false;
                  }});
    world.run();
    world.expect("no refund", refunds == 0);
}

/// Goes on after its end.
void swallow(World& world) {
    int begun = 0;
    int ended = 0;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage& message) {
                      if (message.approximate_receive_count() > 1) {
                          return;
                      }
                      ++begun;
                      try {
                          point("between");
                      } catch (...) {  // deliberately wrong
                      }
                      ++ended;
                  }});
    world.run();
    world.expect("all or nothing", begun == ended);
}

void end_processes() {
    const Report noted = must_hold("a handler that notes what is thrown", offering(Fault::crash), note_what_is_thrown);
    check(noted.notes.only_unwinding == 1, "only unwinding", noted.to_string());
    const Report locked = must_fail("crash@locked#1.1", offering(Fault::crash), hold_lock);
    check(locked.notes.only_abandoned, "only abandoned", locked.to_string());
    const Report refunded = must_hold("an effect of a process that has ended", offering(Fault::crash), take_back);
    check(refunded.notes.only_unwinding == 0, "effects of the dead", refunded.to_string());
    const Report swallowed = must_fail("crash@between#1.1", offering(Fault::crash), swallow);
    check(swallowed.notes.swallowed_crashes != 0 && !swallowed.notes.only_abandoned, "swallowed",
          swallowed.to_string());
}

// Rest.

/// Asks, and rests if there is nothing.
void poll(World& world) {
    Keys done;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.spawn("poller", std::function<void()>{[&] {
                    while (true) {
                        insist([&] {
                            if (const auto message = queue.receive_message({.wait_time = 0s})) {
                                done.insert(key(*message));
                                queue.delete_message(message->receipt_handle());
                            } else {
                                sleep_for(7s);
                            }
                        });
                    }
                }});
    world.run();
    world.expect("done", done == Keys{"a"});
}

/// A process of which one part flushes what another has buffered.
void flush_at_times(World& world) {
    struct Buffer {
        Keys keys{};
    };
    Keys written;
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.process("service", [] { return Buffer{}; },
                  {{"reader",
                    [&](Buffer& buffer) {
                        while (true) {
                            for (const auto& message : queue.receive_messages({.wait_time = 20s})) {
                                buffer.keys.insert(key(message));
                                while (!buffer.keys.empty()) {
                                    sleep_for(1s);
                                }
                                queue.delete_message(message.receipt_handle());
                            }
                        }
                    }},
                   {"flusher", [&](Buffer& buffer) {
                        while (true) {
                            sleep_for(3s);
                            written.merge(buffer.keys);
                            buffer.keys.clear();
                        }
                    }}});
    world.run();
    world.expect("written", written == Keys{"a"});
}

void come_to_rest() {
    must_hold("a loop of polls", offering({Fault::crash, Fault::empty_receive, Fault::lose_messages}), poll);
    must_hold("a process of two parts", offering({Fault::crash, Fault::stall, Fault::outage}), flush_at_times);
    must_say(Verdict::violated, "endless loop", offering({}), [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, Handler{[](const SimMessage&) {
                          while (true) {
                              point("again");
                          }
                      }});
        world.run();
        world.expect("never reached", true);
    });
}

// The search.

/// Wrong if `both` fail.
void need_one_of_two(World& world, bool& is_broken) {
    auto& queue = world.queue();
    world.produce(queue, {"a"});
    world.consume(queue, Handler{[&](const SimMessage&) {
                      const bool first = fails("first");
                      is_broken = (fails("second") && first) || is_broken;
                  }});
    world.run();
}

void search() {
    const auto needs_two = [](World& world) {
        bool is_broken = false;
        need_one_of_two(world, is_broken);
        world.expect("one of two", !is_broken);
    };
    const Report one = must_hold("one fault", offering(Fault::call_fails), needs_two);
    check(one.plans_run() == 3, "one fault", one.to_string());
    const Report two = must_fail("fails@first#1.1+fails@second#1.1", offering(Fault::call_fails, 2), needs_two);
    check(two.minimality.smaller_plans == 3, "two faults", two.to_string());
    const auto handled_once = [](World& world) {
        int receives = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, Handler{[&](const SimMessage&) { ++receives; }}, {.consumers = 2});
        world.always("never twice", [&] { return receives < 2; });
        world.run();
    };
    must_fail("lost@delete#1.1", offering(Faults::default_faults().without(Fault::resend)), handled_once);
    must_fail("lost@received#1.1",
              offering(Faults{Fault::crash, Fault::outage, Fault::empty_receive, Fault::lose_messages}),
              [](World& world) {
                  Keys seen;
                  auto& queue = world.queue();
                  world.produce(queue, {"a"});
                  world.consume(queue, Handler{[&](const SimMessage& message) { seen.insert(key(message)); }});
                  world.run();
                  world.expect("at once", world.clock().now().time_since_epoch() == 0s);
              });
    must_fail("order1@next.1", offering(Faults::default_faults().without(Fault::late_visibility)), [](World& world) {
        std::string last;
        auto& queue = world.queue();
        world.produce(queue, {"a", "b"});
        world.consume(queue, Handler{[&](const SimMessage& message) { last = key(message); }});
        world.run();
        world.expect("b is the last", last == "b");
    });
    must_fail("choose:no@answer#1.1", offering(Fault::free_choice, 0), [](World& world) {
        std::size_t answer = 0;
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, Handler{[&](const SimMessage& message) {
                          static_cast<void>(key(message));
                          answer = choose("answer", {"yes", "no"});
                      }});
        world.run();
        world.expect("yes", answer == 0);
    });
}

// What is no answer.

void doubt() {
    const auto run_once = [](World& world, const std::string& place) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.consume(queue, Handler{[place](const SimMessage&) { point(place); }});
        world.run();
    };
    int runs = 0;
    must_say(Verdict::nondeterministic, "never reached", offering(Fault::crash), [&](World& world) {
        run_once(world, ++runs > 3 ? "later" : "earlier");
        world.expect("the run came to its end", true);
    });
    runs = 0;
    must_say(Verdict::nondeterministic, "two histories", offering({}), [&](World& world) {
        run_once(world, ++runs % 2 == 0 ? "even" : "odd");
        world.expect("the run came to its end", true);
    });
    runs = 0;
    must_say(Verdict::nondeterministic, "when it was replayed it did not", offering(Fault::stall), [&](World& world) {
        run_once(world, "here");
        world.expect("not the third", ++runs != 3);
    });
    must_say(Verdict::vacuous, "nothing took effect", offering(Fault::crash),
             [](World& world) { charge(world, [](Keys&, Counts&, const std::string&) {}); });
    must_say(Verdict::vacuous, "nothing is expected", offering({}), [&](World& world) { run_once(world, "here"); });
    must_say(Verdict::vacuous, "never held", offering(Fault::crash), [&](World& world) {
        world.sometimes("pigs fly", [] { return false; });
        run_once(world, "here");
        world.expect("the run came to its end", true);
    });
    must_say(Verdict::violated, "registered after run()", offering({}), [&](World& world) {
        run_once(world, "here");
        world.always("after the run", [] { return true; });
    });
    must_say(Verdict::violated, "settles", offering({}), [](World& world) {
        auto& queue = world.queue();
        world.produce(queue, {"a"});
        world.settles_within(50s);
        world.consume(queue, Handler{[](const SimMessage& message) {
                          if (message.approximate_receive_count() < 3) {
                              throw std::runtime_error("later");
                          }
                      }});
        world.run();
    });
}

// The contract, whatever happens.

void run_random_worlds() {
    constexpr std::uint64_t worlds = 200;
    for (std::uint64_t seed = 0; seed < worlds; ++seed) {
        world_fuzzer::WorldPlan plan = world_fuzzer::draw_world(seed);
        plan.explored.maximum_plans = 25;  // it is to be fast without optimisation, too
        plan.explored.maximum_steps = plan.sampled.maximum_steps = 200;
        plan.sampled.runs = 8;
        const world_fuzzer::Judged judged = world_fuzzer::judge(plan);
        if (const Report* const accusation = judged.accusation()) {
            complain("world " + std::to_string(seed), accusation->problem);
        }
    }
}

}  // namespace

int main() {
    replay_reads();
    replay_old_receives();
    replay_sends();
    replay_fifo();
    replay_administration();
    replay_consumer();
    replay_stalls();
    replay_dead_letters();
    find_wrong_consumers();
    find_late_restart();
    reduce();
    judge_excuses();
    end_processes();
    come_to_rest();
    search();
    doubt();
    run_random_worlds();
    return EXIT_SUCCESS;
}
