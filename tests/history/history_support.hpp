// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/history/check_history.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

namespace history {

using sqsim::history::Action;
using sqsim::history::Answer;
using sqsim::history::check_history;
using sqsim::history::CheckOptions;
using sqsim::history::History;
using sqsim::history::HistoryRule;
using sqsim::history::HistoryVerdict;
using sqsim::history::Operation;
using sqsim::history::QueueFacts;
using std::chrono::nanoseconds;

/// One message of an answer: which, and how often it was received by then.
struct Got {
    std::uint32_t message;
    std::int32_t count = 1;
};

/// Writes a history by hand, one call after the other. The receipt of a message's n-th receive is found by number.
class Story {
public:
    explicit Story(std::vector<QueueFacts> queues) {
        history.queues = std::move(queues);
        history.clients = {"a", "b", "c", "d"};
    }

    static QueueFacts standard() { return {.name = "orders"}; }
    static QueueFacts fifo() { return {.name = "orders.fifo", .fifo = true}; }
    /// A queue that moves messages to the second queue after so many receives.
    static std::vector<QueueFacts> with_dead_letters(QueueFacts queue, std::int32_t max_receive_count) {
        QueueFacts dead = queue;
        dead.name = "dead";
        queue.max_receive_count = max_receive_count;
        queue.dead_letter_queue = 1;
        return {queue, dead};
    }

    Story& at(nanoseconds instant) { return during(instant, instant); }
    Story& during(nanoseconds invoked, nanoseconds answered) {
        invoked_ = invoked;
        answered_ = answered;
        return *this;
    }
    Story& by(std::uint32_t client) {
        client_ = client;
        return *this;
    }
    Story& in(std::uint32_t queue) {
        queue_ = queue;
        return *this;
    }

    Operation& add(Action action, std::uint32_t message = 0) {
        Operation& operation = history.operations.emplace_back();
        operation.action = action;
        operation.message = message;
        operation.invoked = invoked_;
        operation.answered = answered_;
        operation.client = client_;
        operation.queue = queue_;
        return operation;
    }

    Operation& send(std::uint32_t message, std::uint32_t group = 0) {
        Operation& operation = add(Action::send, message);
        operation.group = group;
        operation.content = message + 7;
        return operation;
    }

    /// Returns: the receive.
    Operation& receive(std::initializer_list<Got> answer, nanoseconds visibility = std::chrono::seconds{30}) {
        const std::size_t index = history.operations.size();
        add(Action::receive).duration = visibility;
        history.operations.back().maximum = 10;
        for (const Got& got : answer) {
            Operation& delivery = add(Action::delivery, got.message);
            delivery.receive_count = got.count;
            delivery.receipt = receipt(got);
            delivery.content = got.message + 7;
        }
        return history.operations[index];
    }

    Operation& remove(const Got& got) {
        Operation& operation = add(Action::delete_message, got.message);
        operation.receipt = receipt(got);
        return operation;
    }

    Operation& change(const Got& got, nanoseconds visibility) {
        Operation& operation = add(Action::change_message_visibility, got.message);
        operation.receipt = receipt(got);
        operation.duration = visibility;
        return operation;
    }

    [[nodiscard]] HistoryVerdict check(const CheckOptions& options = {}) const {
        return check_history(history, options);
    }

    History history{};

private:
    static std::uint32_t receipt(const Got& got) { return got.message * 10 + static_cast<std::uint32_t>(got.count); }

    nanoseconds invoked_{};
    nanoseconds answered_{};
    std::uint32_t client_ = 0;
    std::uint32_t queue_ = 0;
};

/// The rules that were broken, each once, in the order of the findings.
inline std::vector<HistoryRule> broken(const HistoryVerdict& verdict) {
    std::vector<HistoryRule> rules;
    for (const auto& finding : verdict.findings) {
        if (std::find(rules.begin(), rules.end(), finding.rule) == rules.end()) {
            rules.push_back(finding.rule);
        }
    }
    return rules;
}

using Rules = std::vector<HistoryRule>;

}  // namespace history
