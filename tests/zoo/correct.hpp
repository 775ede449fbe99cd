// SPDX-License-Identifier: MIT
#pragma once

#include "zoo/animal.hpp"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>
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

// Polls three times in a row before it rests, and goes on for ever.
template <class Q>
void polls_in_a_row(World& world, Q& orders, Keys& charged) {
    world.spawn("poller", [&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            try {
                auto order = orders.receive_message({}, stop);
                for (int more = 2; !order && more > 0; --more) {
                    order = orders.receive_message({}, stop);
                }
                if (order) {
                    charged.insert(key_of(*order));
                    orders.delete_message(order->receipt_handle());
                } else {
                    sqsim::sim::sleep_for(seconds{10});
                }
            } catch (const sqsim::Error&) {  // asks again
            }
        }
    });
}
inline void polls_shortly(World& world) {
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    polls_in_a_row(world, orders, charged);
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
    world.expect(sqsim::sim::drained(orders));
}
inline void polls_shortly_in_order(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a", "b"});
    polls_in_a_row(world, orders, charged);
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
    world.expect(sqsim::sim::drained(orders));
}

// Gives back at once what it could not charge; whether the answer to that comes makes no difference.
inline void gives_back_at_once(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a"});
    world.consume(orders, [&](const Message& order) {
        if (sqsim::sim::effect("charge", [&] { charged.insert(key_of(order)); }) != EffectOutcome::done) {
            orders.change_message_visibility(order.receipt_handle(), seconds{0});
            throw std::runtime_error{"somebody else may try"};
        }
    });
    world.run();
    world.expect("charged", charged == Keys{"a"});
    world.expect(sqsim::sim::drained(orders));
}

// Wants every order of a group back after five seconds when it comes for the first time.
inline void backs_off(World& world) {
    Keys charged;
    auto& orders = world.fifo_queue();
    world.produce(orders, "customer", {"a", "b"});
    world.consume(orders, [&](const Message& order) {
        if (order.approximate_receive_count() < 2) {
            orders.change_message_visibility(order.receipt_handle(), seconds{5});
            throw std::runtime_error{"in five seconds"};
        }
        charged.insert(key_of(order));
    });
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
}

// Raises an alarm when a delete does not succeed: a repeated one does, and one by an older handle.
inline void expects_its_deletes_to_succeed(World& world) {
    int alarms = 0;
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    for (const char* name : {"first", "second"}) {
        world.spawn(name, [&] {
            for (;;) {
                for (const Message& order : orders.receive_messages(long_poll)) {
                    charged.insert(key_of(order));
                    if (!orders.delete_message(order.receipt_handle())) {
                        ++alarms;
                    }
                }
            }
        });
    }
    world.run();
    world.expect("no alarm", alarms == 0);
    world.expect("charged", charged == Keys{"a"});
}

// Shows the last value of one sender, which sends a value when the one before was answered.
inline void shows_the_last_value(World& world) {
    std::string address;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.consume(changes, [&](const Message& change) { address = key_of(change); });
    world.run();
    world.expect("the last change holds", address == "new");
}

// Writes only what has a larger sequence number than what is there.
inline void compares_sequence_numbers(World& world) {
    std::string address;
    sqsim::SequenceNumber last;
    auto& changes = world.fifo_queue();
    world.produce(changes, "customer", {"old", "new"});
    world.consume(changes, [&](const Message& change) {
        if (last < *change.sequence_number()) {
            last = *change.sequence_number();
            address = key_of(change);
        }
    });
    world.run();
    world.expect_same_as_fault_free(address);
}

// Stays at one send until it is answered, then begins the next.
inline void repeats_until_it_is_answered(World& world) {
    std::string address;
    std::deque<std::string> to_send{"old", "new"};
    auto& changes = world.fifo_queue();
    world.spawn("producer", [&] {
        while (!to_send.empty()) {
            const std::string change = to_send.front();
            if (changes.try_send_message(change, "customer", {.message_deduplication_id = change})) {
                to_send.pop_front();
            } else {
                sqsim::sim::sleep_for(seconds{1});
            }
        }
    });
    world.consume(changes, [&](const Message& change) { address = key_of(change); });
    world.run();
    world.expect("the last change holds", address == "new");
}

// Names the messages of a batch that failed: only these use up a receive.
inline void fails_one_by_one(World& world) {
    Keys charged;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    orders.set_redrive_policy({dead, 2});
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
    world.expect(sqsim::sim::no_good_message_in_dlq(dead, Keys{}));
}

// Two stages: a send that is refused makes the handler fail, and may cost the message its last receive.
inline void hands_on(World& world) {
    Keys shipped;
    auto& dead = world.queue({.name = "dead"});
    auto& orders = world.queue({.name = "orders"});
    auto& shipments = world.queue({.name = "shipments"});
    orders.set_redrive_policy({dead, 2});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { shipments.send_message(order.body()); });
    world.consume(shipments, [&](const Message& shipment) { shipped.insert(key_of(shipment)); });
    world.run();
    world.expect(sqsim::sim::no_good_message_in_dlq(dead, Keys{}));
    world.expect("shipped or dead", !shipped.empty() || dead.counts().total() != 0);
}

// One loop for the orders, and for dead letters whenever there are no orders.
inline void settles_dead_letters_when_idle(World& world) {
    Keys settled;
    auto& dead = world.fifo_queue({.name = "dead.fifo"});
    auto& orders = world.fifo_queue({.name = "orders.fifo"});
    orders.set_redrive_policy({dead, 1});
    world.produce(orders, "customer", {"a"});
    world.spawn("worker", [&](std::stop_token stop) {
        while (!stop.stop_requested()) {
            try {
                auto* from = &orders;
                auto message = from->receive_message(long_poll, stop);
                if (!message) {
                    from = &dead;
                    message = from->receive_message({}, stop);
                }
                if (message) {
                    settled.insert(key_of(*message));
                    from->delete_message(message->receipt_handle());
                }
            } catch (const sqsim::Error&) {  // asks again
            }
        }
    });
    world.run();
    world.expect("settled", settled == Keys{"a"});
    world.expect(sqsim::sim::drained(dead));
}

// Notes whatever its work throws as final. A process that ends throws nothing.
inline void notes_every_error(World& world) {
    std::map<std::string, std::string> state;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        std::string& its_state = state[key_of(order)];
        if (!its_state.empty()) {
            return;
        }
        try {
            sqsim::sim::point("working");
            its_state = "shipped";
        } catch (...) {
            its_state = "failed";
            throw;
        }
    });
    world.run();
    world.expect("shipped", state["a"] == "shipped");
}

// Erases in a destructor what ends with the process all the same: a set in its memory.
inline void unlocks_its_memory(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&charged] {
        return [&charged, busy = Keys{}](const Message& order) mutable {
            struct Unlock {
                Keys& busy;
                std::string key;
                ~Unlock() { busy.erase(key); }
            };
            if (!busy.insert(key_of(order)).second) {
                throw std::runtime_error{"another thread is on it"};
            }
            const Unlock unlock{busy, key_of(order)};
            sqsim::sim::point("locked");
            charged[key_of(order)] = 1;
        };
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Asks the provider what is booked already before it charges: a charge that nobody noted is found there.
inline void asks_before_it_charges(World& world) {
    Ledger booked;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (!booked.contains(key_of(order)) &&
            sqsim::sim::effect("charge", [&] { ++booked[key_of(order)]; }) == EffectOutcome::failed) {
            throw std::runtime_error{"not charged"};
        }
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(booked));
}

// Sends the batch, then notes it: what is sent again is known at the other end.
inline void sends_a_batch_then_notes(World& world) {
    Keys handed_on;
    Ledger arrived;
    auto& orders = world.queue({.name = "orders"});
    auto& parcels = world.queue({.name = "parcels"});
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (handed_on.contains(key_of(order))) {
            return;
        }
        std::vector<sqsim::SendMessageEntry<std::string>> entries{{key_of(order) + "1"}, {key_of(order) + "2"}};
        for (const auto& result : parcels.send_messages(entries)) {
            if (!result) {
                throw std::runtime_error{"not handed on"};
            }
        }
        handed_on.insert(key_of(order));
    });
    world.consume(parcels, [&](const Message& parcel) { arrived[key_of(parcel)] = 1; });
    world.run();
    world.expect(sqsim::sim::once_per_key(arrived));
}

// Looks whether the new version has migrated before it writes, whichever version starts first.
inline void looks_which_format_to_write(World& world) {
    bool is_migrated = false;
    Keys in_new_format;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.spawn("new version", [&] { is_migrated = true; });
    world.spawn("old version", [&] {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                if (is_migrated) {
                    in_new_format.insert(key_of(order));
                    orders.delete_message(order.receipt_handle());
                }
            }
        }
    });
    world.run();
    world.expect("every order is written in the new format", in_new_format == Keys{"a"});
}

// Waits for the bank first, then debits and credits in one step.
inline void sleeps_before_two_writes(World& world) {
    Ledger debits;
    Ledger credits;
    auto& transfers = world.queue();
    world.produce(transfers, {"a"});
    world.consume(transfers, [&](const Message& transfer) {
        sqsim::sim::sleep_for(seconds{5});
        if (!debits.contains(key_of(transfer))) {
            ++debits[key_of(transfer)];
            ++credits[key_of(transfer)];
        }
    });
    world.run();
    world.expect("as much credited as debited", debits == credits);
    world.expect(sqsim::sim::once_per_key(credits));
}

// Works long, with a lease that lasts longer.
inline void leases_for_as_long_as_it_works(World& world) {
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) { charged.try_emplace(key_of(order), 1); },
                  {.consumers = 2, .work_time = seconds{45}, .visibility_timeout = minutes{2}});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
    world.expect(sqsim::sim::drained(orders));
}

// Notes a payment and makes it in one step; nobody says which payments there should be.
inline void notes_with_the_payment(World& world) {
    Ledger paid;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    world.consume(orders, [&](const Message& order) {
        sqsim::sim::point("begun");
        paid.try_emplace(key_of(order), 1);
        sqsim::sim::point("noted");
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(paid));
}

// Keeps the record of a charge for longer than the queue keeps a message.
inline void remembers_for_the_retention(World& world) {
    Ledger charged;
    std::map<std::string, sqsim::ManualClock::time_point> records;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        const auto now = world.clock().now();
        const auto record = records.find(key_of(order));
        if (record == records.end() || now >= record->second) {
            records[key_of(order)] = now + std::chrono::hours{5 * 24};
            sqsim::sim::deadline("record", records[key_of(order)]);
            ++charged[key_of(order)];
        }
        sqsim::sim::point("charged");
    });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// A lock that ends by itself, and a number with it: what has an older number is not written.
inline void fences_a_lock(World& world) {
    Ledger charged;
    int newest = 0;
    sqsim::ManualClock::time_point locked_until{};
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders,
                  [&](const Message& order) {
                      const auto now = world.clock().now();
                      if (now < locked_until) {
                          throw std::runtime_error{"somebody else is on it"};
                      }
                      locked_until = now + minutes{10};
                      sqsim::sim::deadline("lock", locked_until);
                      const int number = ++newest;
                      sqsim::sim::point("locked");
                      if (number != newest) {
                          throw std::runtime_error{"the lock is lost"};
                      }
                      charged.try_emplace(key_of(order), 1);
                      locked_until = {};
                  },
                  {.consumers = 2});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Sends again after a restart, however late that is: the inbox knows the key of the business.
inline void survives_a_late_restart(World& world) {
    Ledger charged;
    std::deque<std::string> to_send{"a"};
    auto& orders = world.fifo_queue();
    world.spawn("producer", [&] {
        while (!to_send.empty()) {
            if (orders.try_send_message(to_send.front(), "customer", {.message_deduplication_id = to_send.front()})) {
                to_send.pop_front();
            }
        }
    });
    world.consume(orders, [&](const Message& order) { charged.try_emplace(key_of(order), 1); });
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// The threads of a worker share what it has fetched ahead, and delete an order when it is charged.
inline void deletes_what_it_charged(World& world) {
    struct Prefetched {
        std::deque<Message> orders{};
    };
    Keys charged;
    auto& orders = world.queue();
    world.produce(orders, {"a", "b"});
    const auto work = [&](Prefetched& buffer) {
        for (;;) {
            if (buffer.orders.empty()) {
                for (const Message& order :
                     orders.receive_messages({.max_number_of_messages = 2, .wait_time = seconds{20}})) {
                    buffer.orders.push_back(order);
                }
            } else {
                const Message order = buffer.orders.front();
                buffer.orders.pop_front();
                charged.insert(key_of(order));
                orders.delete_message(order.receipt_handle());
            }
        }
    };
    world.process("worker", [] { return Prefetched{}; }, {{"first", work}, {"second", work}});
    world.run();
    world.expect("all charged", charged == Keys{"a", "b"});
    world.expect(sqsim::sim::drained(orders));
}

// Works for longer than its lease lasts, with a heartbeat, and charges only what nobody has charged.
inline void works_with_a_heartbeat(World& world) {
    struct UnderWay {
        std::optional<Message> order{};
    };
    Ledger charged;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    const auto handle = [&](UnderWay& memory) {
        for (;;) {
            for (const Message& order : orders.receive_messages(long_poll)) {
                memory.order = order;
                sqsim::sim::sleep_for(seconds{45});
                charged.try_emplace(key_of(order), 1);
                memory.order.reset();
                orders.delete_message(order.receipt_handle());
            }
        }
    };
    const auto beat = [&](UnderWay& memory) {
        while (charged.empty()) {
            sqsim::sim::sleep_for(seconds{20});
            if (memory.order) {
                orders.change_message_visibility(memory.order->receipt_handle(), seconds{30});
            }
        }
    };
    world.process("worker", [] { return UnderWay{}; }, {{"handler", handle}, {"heartbeat", beat}});
    world.run();
    world.expect(sqsim::sim::once_per_key(charged));
}

// Books what the provider answers, in one step with the answer.
inline void books_what_was_paid(World& world) {
    Keys provider;
    Keys booked;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (sqsim::sim::choose("provider answers", {"paid", "declined"}) == 0) {
            provider.insert(key_of(order));
            booked.insert(key_of(order));
        }
    });
    world.run();
    world.expect("booked is what was paid", booked == provider);
}

// Fails when the database does: the message comes again.
inline void fails_with_its_database(World& world) {
    Keys rows;
    auto& orders = world.queue();
    world.produce(orders, {"a"});
    world.consume(orders, [&](const Message& order) {
        if (sqsim::sim::fails("db timeout")) {
            throw std::runtime_error{"db timeout"};
        }
        rows.insert(key_of(order));
    });
    world.run();
    world.expect("written", rows == Keys{"a"});
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
    {"polls shortly", 2, polls_shortly},
    {"polls shortly in order", 2, polls_shortly_in_order},
    {"gives back at once", 2, gives_back_at_once},
    {"backs off", 1, backs_off},
    {"expects its deletes to succeed", 2, expects_its_deletes_to_succeed},
    {"shows the last value", 1, shows_the_last_value},
    {"compares sequence numbers", 3, compares_sequence_numbers},
    {"repeats until it is answered", 2, repeats_until_it_is_answered},
    {"fails one by one", 2, fails_one_by_one},
    {"hands on", 2, hands_on},
    {"settles dead letters when idle", 2, settles_dead_letters_when_idle},
    {"notes every error", 3, notes_every_error},
    {"unlocks its memory", 3, unlocks_its_memory},
    {"asks before it charges", 3, asks_before_it_charges},
    {"sends a batch, then notes", 2, sends_a_batch_then_notes},
    {"looks which format to write", 2, looks_which_format_to_write},
    {"sleeps before two writes", 3, sleeps_before_two_writes},
    {"leases for as long as it works", 2, leases_for_as_long_as_it_works},
    {"notes with the payment", 2, notes_with_the_payment},
    {"remembers for the retention", 2, remembers_for_the_retention},
    {"fences a lock", 2, fences_a_lock},
    {"survives a late restart", 2, survives_a_late_restart},
    {"deletes what it charged", 1, deletes_what_it_charged},
    {"works with a heartbeat", 1, works_with_a_heartbeat},
    {"books what was paid", 2, books_what_was_paid},
    {"fails with its database", 3, fails_with_its_database},
};

}  // namespace zoo
