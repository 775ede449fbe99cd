// SPDX-License-Identifier: MIT
#pragma once

// What the two reference models share: a vector of messages, searched from its beginning for everything. Written from
// the service's rules, not from the engines, and slow on purpose: nothing is kept that can be computed.

#include "sqsim/error.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

namespace model {

using Time = std::chrono::nanoseconds::rep;
inline constexpr Time never = std::numeric_limits<Time>::max();

/// Wrong models, to show that the comparison notices.
enum class Mistake {
    none,
    returns_to_the_back,        // against R126 and R127
    deletes_by_older_handle,    // against the choice made for R108
    counts_the_moving_receive,  // against R173
    ends_after_the_deadline,    // against half-open intervals
    locks_the_whole_group,      // against R138
    extends_the_interval,       // against R149
};

struct Settings {
    Time visibility_timeout = 0;
    Time delay = 0;
    Time retention = never;
    std::size_t capacity = sqsim::unlimited;
    std::size_t maximum_in_flight = sqsim::unlimited;
    Time maximum_visibility = never;
    std::size_t backlog_window = sqsim::unlimited;
    bool content_based = false;
    bool scope_is_group = false;
    Time deduplication_interval = 300'000'000'000;
};

/// One receive of one stay of a message in one queue.
struct Handle {
    int queue = 0;
    int place = 0;
    int receive = 0;
    friend bool operator==(const Handle&, const Handle&) = default;
};

struct Stored {
    int id = 0;     // the message, the same in every queue
    int place = 0;  // its stay in this queue: larger than that of all that came before
    std::string body{};
    std::string group{};
    Time sent = 0;
    Time arrived = 0;  // a dead letter's age counts from the move (R177)
    Time first_received = never;
    int receives_elsewhere = 0;
    int receives = 0;   // in this queue
    Time received = 0;  // the current or last lease: its receive, and who holds it
    sqsim::MessageState state = sqsim::MessageState::visible;
    Time when = 0;    // the end of the delay or lease, or the beginning of visibility
    int order = 0;    // of setting `when`: breaks ties in time
    int source = -1;  // the queue it is a dead letter of
};

struct Received {
    Stored message;
    Handle handle;
};

struct Answer {
    std::optional<sqsim::Errc> error{};
    sqsim::HandleStatus status = sqsim::HandleStatus::ok;
    friend bool operator==(const Answer&, const Answer&) = default;
};

struct Receipt {  // of a send
    int id = -1;
    int place = -1;
    bool deduplicated = false;
};

template <Mistake mistake>
class QueueModel {
public:
    QueueModel(int index, const Settings& with) : index_{index}, settings{with} {}

    void set_redrive_policy(QueueModel* target, int count) {
        dead_letter_queue = target;
        max_receive_count = count;
    }

    /// Lets everything happen that is due until `time`, in the order of time.
    void advance(Time time) {
        while (true) {
            drop_past_retention();
            auto due = messages.end();
            for (auto m = messages.begin(); m != messages.end(); ++m) {
                if (waits(*m) && ends(*m) <= time && (due == messages.end() || key(*m) < key(*due))) {
                    due = m;
                }
            }
            if (due == messages.end()) {
                break;
            }
            now = std::max(now, ends(*due));
            become_visible(*due, due->when);
            if (mistake == Mistake::returns_to_the_back) {
                std::rotate(due, due + 1, messages.end());
            }
        }
        now = time;
        drop_past_retention();
    }

    [[nodiscard]] Time next_event() const {
        Time next = never;
        for (const Stored& m : messages) {
            next = std::min({next, retention_end(m), waits(m) ? m.when : never});
        }
        return next;
    }

    void purge() { messages.clear(); }

    void set_retention(Time period) {
        settings.retention = period;
        drop_past_retention();
    }

    /// A message that another queue moves here arrives visible.
    void arrive(Stored m) {
        m.place = ++last_place;
        m.arrived = now;
        m.receives_elsewhere += m.receives;
        m.receives = 0;
        become_visible(m, now);
        messages.push_back(std::move(m));
        drop_past_retention();
    }

    [[nodiscard]] std::size_t count(sqsim::MessageState state) const {
        return static_cast<std::size_t>(
            std::count_if(messages.begin(), messages.end(), [&](const Stored& m) { return m.state == state; }));
    }

    [[nodiscard]] sqsim::QueueCounts counts() const {
        return {count(sqsim::MessageState::visible), count(sqsim::MessageState::in_flight),
                count(sqsim::MessageState::delayed)};
    }

    [[nodiscard]] bool has_room() const { return messages.size() < settings.capacity; }

    [[nodiscard]] Stored* find(int place) {
        const auto found = std::find_if(messages.begin(), messages.end(), [&](auto& m) { return m.place == place; });
        return found == messages.end() ? nullptr : &*found;
    }

    std::vector<Stored> messages{};  // in the order they came
    QueueModel* dead_letter_queue = nullptr;
    int max_receive_count = 0;
    Time now = 0;
    int last_place = 0;
    std::uint64_t number_sent = 0, number_received = 0, number_deleted = 0, number_of_empty_receives = 0;
    std::optional<sqsim::SentMessageSizes> sizes{};

protected:
    [[nodiscard]] static bool waits(const Stored& m) { return m.state != sqsim::MessageState::visible; }
    [[nodiscard]] static Time ends(const Stored& m) {
        return m.when + (mistake == Mistake::ends_after_the_deadline ? 1 : 0);
    }
    [[nodiscard]] static std::tuple<Time, bool, int> key(const Stored& m) {
        return {m.when, m.state == sqsim::MessageState::in_flight, m.order};
    }
    [[nodiscard]] Time retention_end(const Stored& m) const {
        return m.sent > never - settings.retention ? never : m.sent + settings.retention;
    }

    void drop_past_retention() {
        std::erase_if(messages, [&](const Stored& m) { return retention_end(m) <= now; });
    }

    void become_visible(Stored& m, Time since) {
        m.state = sqsim::MessageState::visible;
        m.when = since;
        m.order = ++last_order;
    }

    Stored& store(int id, std::string body, Time delay) {
        Stored m{
            .id = id, .place = ++last_place, .body = std::move(body), .sent = now, .arrived = now, .when = now + delay};
        m.state = delay > 0 ? sqsim::MessageState::delayed : sqsim::MessageState::visible;
        m.order = ++last_order;
        ++number_sent;
        sizes = sizes.value_or(sqsim::SentMessageSizes{0, 0, m.body.size(), m.body.size()});
        sizes =
            sqsim::SentMessageSizes{sizes->count + 1, sizes->sum + m.body.size(),
                                    std::min(sizes->minimum, m.body.size()), std::max(sizes->maximum, m.body.size())};
        return messages.emplace_back(std::move(m));
    }

    [[nodiscard]] bool is_dead_letter(const Stored& m) const {
        return dead_letter_queue != nullptr && m.receives >= max_receive_count;
    }

    /// Takes a message out, to be sent to the dead-letter queue when the receive is over (R171, R173).
    void take_dead_letter(int place, std::vector<Stored>& dead) {
        dead.push_back(*find(place));
        dead.back().source = index_;
        dead.back().receives_elsewhere += mistake == Mistake::counts_the_moving_receive ? 1 : 0;
        std::erase_if(messages, [&](const Stored& m) { return m.place == place; });
    }

    Received lease(Stored& m, Time timeout) {
        ++m.receives;
        ++number_received;
        m.first_received = std::min(m.first_received, now);
        m.received = now;
        let_lease_end(m, now + timeout);
        Received received{m, {index_, m.place, m.receives}};
        received.message.when = now + timeout;
        return received;
    }

    void let_lease_end(Stored& m, Time at) {
        m.state = sqsim::MessageState::in_flight;
        m.when = at;
        m.order = ++last_order;
        if (at <= now) {
            become_visible(m, now);
        }
    }

    [[nodiscard]] sqsim::QueueMetrics common_metrics(bool skips_received_thrice) const {
        sqsim::QueueMetrics metrics{};
        for (const Stored& m : messages) {
            const std::chrono::nanoseconds age{now - m.arrived};
            if (!skips_received_thrice || m.receives < 3) {
                metrics.approximate_age_of_oldest_message =
                    std::max(metrics.approximate_age_of_oldest_message.value_or(age), age);
            }
        }
        const sqsim::QueueCounts now_stored = counts();
        metrics.approximate_number_of_messages_visible = now_stored.visible;
        metrics.approximate_number_of_messages_not_visible = now_stored.in_flight;
        metrics.approximate_number_of_messages_delayed = now_stored.delayed;
        metrics.number_of_empty_receives = number_of_empty_receives;
        metrics.number_of_messages_deleted = number_deleted;
        metrics.number_of_messages_received = number_received;
        metrics.number_of_messages_sent = number_sent;
        metrics.sent_message_size = sizes;
        return metrics;
    }

    int index_;
    int last_order = 0;

public:
    Settings settings;
};

}  // namespace model
