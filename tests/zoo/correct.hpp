// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

// Consumers and producers without a bug: none of them may be accused.

namespace zoo {

// An inbox keyed by what the business calls the order, filled in one step with the work.
inline void inbox_by_business_key(World& world) {
    Ledger charged;
    Keys inbox;
    auto& orders = world.queue();
    world.sometimes("a duplicate came", [&] { return !inbox.empty(); });
    world.produce(orders, {"a", "b"});
    world.consume(orders, [&](const Message& order) {
        sqsim::sim::point("begun");
        if (inbox.insert(key_of(order)).second) {
            ++charged[key_of(order)];
        }
        sqsim::sim::point("committed");
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a", "b"}));
    world.expect(sqsim::sim::drained(orders));
}

// The same under two consumers: look and write are one atomic step.
inline void inbox_under_two_consumers(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](const Message& order) {
                      sqsim::sim::point("begun");
                      if (!charged.contains(key_of(order))) {
                          ++charged[key_of(order)];
                      }
                      sqsim::sim::point("committed");
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(charged);
}

// A write that is idempotent by nature: the row is what the message says.
inline void writes_rows(World& world) {
    std::map<std::string, std::string> rows;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](const Message& order) {
                      if (sqsim::sim::effect("write", [&] { rows[key_of(order)] = "ordered"; }) !=
                          EffectOutcome::done) {
                          throw std::runtime_error{"not written"};
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(rows);
}

// A payment service that takes an idempotency key: it may be asked as often as one likes.
inline void pays_with_an_idempotency_key(World& world) {
    Ledger paid;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      const std::string idempotency_key = "pay-" + key_of(order);
                      while (sqsim::sim::effect("pay", [&] { paid[idempotency_key] = 1; }) != EffectOutcome::done) {
                          sqsim::sim::sleep_for(seconds{1});
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(paid, Keys{"pay-a"}));
}

// Writes only what is newer than what is there.
inline void compares_versions(World& world) {
    std::pair<int, std::string> address;
    auto& changes = world.queue();
    world.produce(changes, {"1 old", "2 new"});
    world.consume(changes,
                  [&](const Message& change) {
                      const int version = change.body().front() - '0';
                      sqsim::sim::point("read");
                      if (version > address.first) {
                          address = {version, key_of(change)};
                      }
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(address);
}

// Holds back what is early, in the database, until what it follows has come; one step with the work.
inline void parks_what_is_early(World& world) {
    int next = 1;
    Keys parked;
    std::vector<std::string> done;
    auto& steps = world.queue();
    world.produce(steps, {"1", "2"});
    world.consume(steps, [&](const Message& step) {
        parked.insert(key_of(step));
        while (parked.contains(std::to_string(next))) {
            done.push_back(std::to_string(next++));
        }
    });
    world.run();
    world.expect_same_as_fault_free(done);
}

// Sums up sets of keys: it does not matter in which order or how often they come.
inline void adds_to_a_set(World& world) {
    std::map<std::string, Keys> votes;
    auto& ballots = world.queue();
    world.produce(ballots, {"yes 1", "no 2"});
    world.consume(ballots,
                  [&](const Message& ballot) {
                      const std::string text = key_of(ballot);
                      votes[text.substr(0, text.find(' '))].insert(text);
                  },
                  {.consumers = 2, .max_number_of_messages = 10});
    world.run();
    world.expect_same_modulo_order(votes);
}

// Ordinary code that polls for ever, takes an empty answer for what it is, and outlives what is refused.
inline void polls_for_ever(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.spawn("worker", [&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            try {
                for (const Message& order : orders.receive_messages(long_poll, stop)) {
                    charged.insert(key_of(order));
                    orders.delete_message(order.receipt_handle());
                }
            } catch (const sqsim::Error&) {
                sqsim::sim::sleep_for(seconds{1});
            }
        }
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
    world.expect(sqsim::sim::drained(orders));
}

// Says which messages of a batch failed; those come again.
inline void reports_what_failed(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders,
                  [&](std::span<const Message> batch) {
                      std::vector<sqsim::MessageId> failed;
                      for (const Message& order : batch) {
                          if (sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) !=
                              EffectOutcome::done) {
                              failed.push_back(order.message_id());
                          }
                      }
                      return failed;
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Gives back the rest of a batch of a group as soon as one message fails; writes by version.
inline void stops_at_the_first_failure(World& world) {
    std::vector<std::string> log;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"1", "2"});
    world.consume(changes,
                  [&](std::span<const Message> batch) {
                      std::vector<sqsim::MessageId> failed;
                      for (const Message& change : batch) {
                          const auto write = [&] {
                              if (log.empty() || log.back() < key_of(change)) {
                                  log.push_back(key_of(change));
                              }
                          };
                          if (!failed.empty() || sqsim::sim::effect("write", write) != EffectOutcome::done) {
                              failed.push_back(change.message_id());
                          }
                      }
                      return failed;
                  },
                  {.max_number_of_messages = 10});
    world.run();
    world.expect_same_as_fault_free(log);
}

// Follows a group, and fences off what is late: by the version that the producer gave, not by anything of the queue.
inline void fences_by_version(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"1 old", "2 new"});
    world.consume(changes,
                  [&](const Message& change) {
                      sqsim::sim::point("begun");
                      address = std::max(address, key_of(change));
                  },
                  {.consumers = 2});
    world.run();
    world.expect_same_as_fault_free(address);
}

// Extends its lease well before that ends, gives up if it cannot, and writes only what nobody wrote before.
inline void keeps_its_lease(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      for (int step = 0; step < 3; ++step) {
                          sqsim::sim::sleep_for(seconds{10});
                          if (!orders.change_message_visibility(order.receipt_handle(), seconds{30})) {
                              throw std::runtime_error{"the lease has ended"};
                          }
                      }
                      charged.try_emplace(key_of(order), 1);
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a"}));
}

// Stores what it has to send with its work; a relay sends it until that succeeds, under a stable key.
inline void has_an_outbox(World& world) {
    Keys inbox;
    std::map<std::string, bool> outbox;
    Ledger shipped;
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (inbox.insert(key_of(order)).second) {
            outbox.emplace("ship-" + key_of(order), false);
        }
        for (auto& [body, sent] : outbox) {
            if (!sent) {
                shipments.send_message(body);
                sent = true;
            }
        }
    });
    world.consume(shipments, [&](const Message& shipment) { shipped[key_of(shipment)] = 1; });
    world.run();
    world.expect(sqsim::sim::once_per_key(shipped, Keys{"ship-a"}));
}

// Leaves what cannot be handled to a dead-letter queue, and nothing else.
inline void leaves_poison_to_the_dead_letter_queue(World& world) {
    Keys charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 3});
    world.produce(orders, {"good", "bad"});
    world.consume(orders, [&](const Message& order) {
        if (order.body() == "bad") {
            throw std::runtime_error{"cannot be read"};
        }
        charged.insert(key_of(order));
    });
    world.run();
    world.expect(sqsim::sim::poison_ends_in_dlq(dead, Keys{"bad"}));
    world.expect(sqsim::sim::no_good_message_in_dlq(dead, Keys{"bad"}));
}

// Looks in the database what became of a dead letter before it is cancelled, in one step.
inline void asks_before_it_cancels(World& world) {
    std::map<std::string, std::string> state;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { state.try_emplace(key_of(order), "charged"); });
    world.consume(dead, [&](const Message& letter) { state.try_emplace(key_of(letter), "cancelled"); });
    world.run();
    world.expect("the order is settled", state.contains("a"));
}

// Sends under a key that stays the same until the send is known to have succeeded.
inline void sends_with_a_stable_key(World& world) {
    Ledger charged;
    std::deque<std::string> to_send{"a", "b"};
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        while (!to_send.empty()) {
            if (orders.try_send_message(to_send.front())) {
                to_send.pop_front();
            } else {
                sqsim::sim::sleep_for(seconds{1});
            }
        }
    });
    world.consume(orders, [&](const Message& order) { charged.try_emplace(key_of(order), 1); });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a", "b"}));
}

// Sends the entries of a batch again that were refused.
inline void sends_refused_entries_again(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.spawn("producer", [&] {
        std::vector<sqsim::SendMessageEntry<std::string>> left{{"a"}, {"b"}};
        while (!left.empty()) {
            const auto results = orders.send_messages(left);
            std::vector<sqsim::SendMessageEntry<std::string>> refused;
            for (std::size_t i = 0; i < results.size(); ++i) {
                if (!results[i]) {
                    refused.push_back(left[i]);
                }
            }
            left = std::move(refused);
        }
    });
    world.consume(orders, [&](const Message& order) { charged.try_emplace(key_of(order), 1); });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged, Keys{"a", "b"}));
}

inline constexpr TameAnimal correct[] = {
    {"inbox by business key", 3, inbox_by_business_key},
    {"inbox under two consumers", 2, inbox_under_two_consumers},
    {"writes rows", 2, writes_rows},
    {"pays with an idempotency key", 3, pays_with_an_idempotency_key},
    {"compares versions", 2, compares_versions},
    {"parks what is early", 3, parks_what_is_early},
    {"adds to a set", 2, adds_to_a_set},
    {"polls for ever", 2, polls_for_ever},
    {"reports what failed", 3, reports_what_failed},
    {"stops at the first failure", 3, stops_at_the_first_failure},
    {"fences by version", 2, fences_by_version},
    {"keeps its lease", 2, keeps_its_lease},
    {"has an outbox", 2, has_an_outbox},
    {"leaves poison to the dead-letter queue", 3, leaves_poison_to_the_dead_letter_queue},
    {"asks before it cancels", 3, asks_before_it_cancels},
    {"sends with a stable key", 2, sends_with_a_stable_key},
    {"sends refused entries again", 2, sends_refused_entries_again},
};

}  // namespace zoo
