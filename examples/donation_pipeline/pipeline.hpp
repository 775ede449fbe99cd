// SPDX-License-Identifier: MIT
#pragma once

#include "actor.hpp"
#include "records.hpp"
#include "scenario.hpp"

#include "sqsim/ids.hpp"
#include "sqsim/metrics.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <unordered_set>
#include <utility>
#include <vector>

// The actors, as templates over the queue. What they count may be read when nobody runs them.

namespace donations {

/// Where donations are credited. Each message counts once, however often it is delivered: this makes the consumers
/// idempotent.
class Ledger {
public:
    /// Returns whether the message was credited now, for the first time.
    bool credit(const sqsim::MessageId& message, Cents amount) {
        const std::scoped_lock lock{mutex_};
        const bool first_time = credited_.insert(message).second;
        total_ += first_time ? amount : 0;
        return first_time;
    }

    [[nodiscard]] Cents total() const { return total_; }
    [[nodiscard]] std::size_t donations() const { return credited_.size(); }

private:
    std::mutex mutex_{};
    std::unordered_set<sqsim::MessageId> credited_{};
    Cents total_ = 0;
};

/// Sends donations at a steady pace, the records in turn.
template <class Queue>
class Producer final : public Actor {
public:
    Producer(Queue& queue, const ProducerPlan& plan, std::span<const Donation> records)
        : queue_{queue}, plan_{plan}, records_{records} {}

    Next step(std::stop_token) override {
        const Donation& donation = records_[sent_ % records_.size()];
        queue_.send_message(to_json(donation), {.delay = plan_.message_delay,
                                                .message_attributes = {{"JobType", {.value = "NewDonor"}},
                                                                       {"Producer", {.value = plan_.name}}}});
        ++sent_;
        donated_ += donation.amount;
        return sent_ < plan_.messages ? Next::after(plan_.interval) : Next::finished();
    }

    [[nodiscard]] std::uint64_t sent() const { return sent_; }
    [[nodiscard]] Cents donated() const { return donated_; }

private:
    Queue& queue_;
    ProducerPlan plan_;
    std::span<const Donation> records_;
    std::uint64_t sent_ = 0;
    Cents donated_ = 0;
};

/// What became of the messages that a consumer received.
struct ConsumerTally {
    std::uint64_t received = 0;
    std::uint64_t redelivered = 0;  // of those, how many had been delivered before
    std::uint64_t credited = 0;     // finished, and the first to credit the donation
    std::uint64_t repeated = 0;     // finished, but the donation was credited already
    std::uint64_t deleted = 0;      // deletes that took effect

    /// At work when the run ended: a message that somebody else has deleted meanwhile.
    [[nodiscard]] std::uint64_t unfinished() const { return received - credited - repeated; }

    ConsumerTally& operator+=(const ConsumerTally& other) {
        received += other.received;
        redelivered += other.redelivered;
        credited += other.credited;
        repeated += other.repeated;
        deleted += other.deleted;
        return *this;
    }
};

/// Receives a message, works on it, credits the donation, and only then deletes the message: whatever happens to a
/// consumer at its work, no donation is lost.
template <class Queue>
class Consumer final : public Actor {
public:
    Consumer(Queue& queue, const ConsumerPlan& plan, Ledger& ledger) : queue_{queue}, plan_{plan}, ledger_{ledger} {}

    Next step(std::stop_token stop) override {
        if (message_) {
            finish(*message_);
        }
        message_ = queue_.receive_message(
            {.visibility_timeout = plan_.visibility_timeout, .wait_time = plan_.wait_time}, std::move(stop));
        if (!message_) {
            return Next::poll();
        }
        ++tally_.received;
        tally_.redelivered += message_->approximate_receive_count() > 1 ? 1U : 0U;
        const bool takes_long = plan_.long_work_every != 0 && tally_.received % plan_.long_work_every == 0;
        return Next::after(takes_long ? plan_.long_work : plan_.work);
    }

    [[nodiscard]] const std::string& name() const { return plan_.name; }
    [[nodiscard]] const ConsumerTally& tally() const { return tally_; }

private:
    using Message = typename Queue::message_type;

    void finish(const Message& message) {
        const Donation donation = parse_donation(message.body());
        const bool first_time = ledger_.credit(message.message_id(), donation.amount);
        ++(first_time ? tally_.credited : tally_.repeated);
        if (queue_.delete_message(message.receipt_handle())) {
            ++tally_.deleted;
        }
    }

    Queue& queue_;
    ConsumerPlan plan_;
    Ledger& ledger_;
    std::optional<Message> message_{};  // at work
    ConsumerTally tally_{};
};

/// Samples the queue's counters at a steady pace, and ends the run when everything was sent and the queue is empty.
template <class Queue>
class Monitor final : public Actor {
public:
    using Observer = std::function<void(std::size_t sample, const sqsim::QueueCounts&)>;

    Monitor(const Queue& queue, const Scenario& scenario, Observer observer)
        : queue_{queue}, interval_{scenario.sample_interval},
          most_samples_{scenario.most_samples()}, messages_{scenario.messages()}, observer_{std::move(observer)} {}

    Next step(std::stop_token) override {
        const sqsim::QueueCounts counts = queue_.counts();
        observer_(samples_.size(), counts);
        samples_.push_back(counts);
        const bool all_sent = queue_.metrics().number_of_messages_sent == messages_;
        if ((all_sent && counts.total() == 0) || samples_.size() == most_samples_) {
            end_.request_stop();
            return Next::finished();
        }
        return Next::after(interval_);
    }

    /// Stops when the run is to end.
    [[nodiscard]] std::stop_token end() const { return end_.get_token(); }
    [[nodiscard]] const std::vector<sqsim::QueueCounts>& samples() const { return samples_; }

private:
    const Queue& queue_;
    Duration interval_;
    std::size_t most_samples_;
    std::uint64_t messages_;
    std::stop_source end_{};
    Observer observer_;
    std::vector<sqsim::QueueCounts> samples_{};
};

}  // namespace donations
