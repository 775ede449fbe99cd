// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_findings.hpp"
#include "sqsim/sim/history_groups.hpp"
#include "sqsim/sim/history_life.hpp"
#include "sqsim/sim/history_survey.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <initializer_list>

namespace sqsim::inline SQSIM_ABI::sim {

/// How far the times of a history are to be believed.
struct CheckOptions {
    /// By how much a recorded time may be wrong: what the clocks of the clients and of the service differ, and the
    /// resolution of a coarse clock. Zero, as in a simulation: times are exact.
    std::chrono::nanoseconds clock_error{};
    /// How much longer than its wait a receive may take, for all that lies between client and queue, with the retries
    /// of the client's library.
    std::chrono::nanoseconds call_overhead = std::chrono::minutes{1};
    /// For how long a purge goes on, and takes what is sent meanwhile (R196).
    std::chrono::nanoseconds purge_time = std::chrono::minutes{1};

    /// For the queues of this library on a clock of their own: no call and no purge takes any time.
    [[nodiscard]] static constexpr CheckOptions exact() noexcept { return {{}, {}, {}}; }
};

}  // namespace sqsim::inline SQSIM_ABI::sim

namespace sqsim::inline SQSIM_ABI::detail {

/// What all rules look at: the history, what is known so far, and what may have been.
struct HistoryContext {
    using Action = sim::Action;
    using Answer = sim::Answer;

    void begin(const sim::History& its_history, const sim::CheckOptions& its_options) noexcept {
        history = &its_history;
        options = its_options;
        certainty = Certainty{options.clock_error};
        findings.begin(its_history);
        receive = nullptr;
    }

    [[nodiscard]] const sim::QueueFacts& facts(std::uint32_t queue) const noexcept { return history->queues[queue]; }
    [[nodiscard]] const sim::Operation& at(std::uint32_t index) const noexcept { return history->operations[index]; }

    /// The most receives of a queue that a message can have behind it.
    [[nodiscard]] std::int32_t received_at_most(const MessageLife& life, std::uint32_t queue) const noexcept {
        return std::max(life.highest_count, life.returned) + survey.queues[queue].unseen_receives;
    }

    /// Whether the message may have left its queue by then, as far as the answers so far tell.
    [[nodiscard]] bool may_be_gone(const MessageLife& life, Nanos latest) const noexcept {
        const sim::QueueFacts& queue = facts(life.queue);
        const auto& purges = survey.queues[life.queue];
        const Nanos then = saturating_add(latest, certainty.slack());
        return life.maybe_deleted || then >= saturating_add(life.sent.first, queue.message_retention_period) ||
               (then >= purges.purged_first && life.sent.first <= purges.purged_last) ||
               (queue.max_receive_count > 0 && received_at_most(life, life.queue) >= queue.max_receive_count);
    }

    /// Whether an operation that is answered later may take the message away before.
    [[nodiscard]] bool may_leave(std::uint32_t message, const MessageLife& life, std::uint32_t index) const {
        return facts(life.queue).max_receive_count > 0
                   ? may_follow(message, index, {Action::delete_message, Action::dead_letter, Action::delivery})
                   : may_follow(message, index, {Action::delete_message, Action::dead_letter});
    }

    /// Whether such an operation on the message took effect perhaps before this one, although it was answered later.
    /// Only asked before something is reported.
    [[nodiscard]] bool may_follow(std::uint32_t message, std::uint32_t index,
                                  std::initializer_list<sim::Action> actions) const {
        const bool delivery = at(index).action == Action::delivery;
        const Sometime now = Sometime::of(delivery ? *receive : at(index));
        const Nanos reach = saturating_add(survey.longest_call, certainty.slack());
        if (reach == Nanos::zero()) {
            return false;
        }
        const Nanos last = saturating_add(now.last, saturating_add(reach, certainty.slack()));
        const sim::Operation* latest = receive;
        for (std::size_t i = std::size_t{index} + 1; i < history->operations.size(); ++i) {
            const sim::Operation& other = history->operations[i];
            latest = other.action == Action::receive ? &other : latest;
            const sim::Operation& call = other.action == Action::delivery && latest != nullptr ? *latest : other;
            if (call.answered > last) {
                break;
            }
            const bool counts = other.answer == Answer::ok || other.answer == Answer::unknown;
            if (counts && survey.message_of(other) == message && &call != receive &&
                std::find(actions.begin(), actions.end(), other.action) != actions.end() &&
                !certainty.in_order(now, Sometime::of(call))) {
                return true;
            }
        }
        return false;
    }

    /// The message is in another queue now, at the latest since then.
    void leave(MessageLife& life, std::uint32_t message, std::uint32_t to, Nanos latest) {
        groups.remove(survey.messages, message);
        life.moved_from = life.queue;
        life.moved_by = latest;
        life.moved = true;
        life.queue = to;
        life.returned = 0;
        life.receipt = 0;
        life.lease_end_first = Nanos::min();
        life.lease_end_last = Nanos::min();
        life.visible_from = Nanos::min();
    }

    const sim::History* history = nullptr;
    sim::CheckOptions options{};
    Certainty certainty{Nanos::zero()};
    HistorySurvey survey{};
    HistoryGroups groups{};
    HistoryFindings findings{};
    const sim::Operation* receive = nullptr;  // the latest
    std::uint32_t receive_index = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
