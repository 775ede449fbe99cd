// SPDX-License-Identifier: MIT
#pragma once

#include "ledger.hpp"

#include "sqsim/sim/point.hpp"

#include <chrono>
#include <stdexcept>
#include <stop_token>

// Consumers as one writes them, templates on the queue: production and simulation run the same code. Nothing here knows
// of simulated worlds but the points, places where a process may end. They cost a look at a variable of the thread.

namespace donations {

using namespace std::chrono_literals;
namespace sim = sqsim::sim;

/// Adds each donation, then deletes its message. A message that comes twice counts twice.
template <class Queue>
void naive_consumer(Queue& queue, Ledger& ledger, std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
            ledger.add(parse_donation(message->body()));
            sim::point("credited");
            queue.delete_message(message->receipt_handle());
        }
    }
}

/// Its repaired twin: what it does to the ledger may be done any number of times.
template <class Queue>
void idempotent_consumer(Queue& queue, Ledger& ledger, std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (const auto message = queue.receive_message({.wait_time = 20s}, stop)) {
            ledger.enter(parse_donation(message->body()));
            sim::point("credited");
            queue.delete_message(message->receipt_handle());
        }
    }
}

/// As tutorials have it: deletes before it works. What it has in hand when its process ends is lost.
template <class Queue>
void hasty_consumer(Queue& queue, Ledger& ledger, std::stop_token stop) {
    while (!stop.stop_requested()) {
        if (const auto message = queue.receive_message({.wait_time = 10s}, stop)) {
            queue.delete_message(message->receipt_handle());
            sim::point("deleted");
            ledger.enter(parse_donation(message->body()));
        }
    }
}

/// As tutorials have it, too: takes the first message of an answer, whether there is one or not. An empty answer ends
/// the program, and nobody starts it again.
template <class Queue>
void trusting_consumer(Queue& queue, Ledger& ledger, std::stop_token stop) {
    try {
        while (!stop.stop_requested()) {
            const auto messages = queue.receive_messages({.max_number_of_messages = 1, .wait_time = 10s}, stop);
            ledger.enter(parse_donation(messages.at(0).body()));
            queue.delete_message(messages.at(0).receipt_handle());
        }
    } catch (const std::out_of_range&) {
    }
}

}  // namespace donations
