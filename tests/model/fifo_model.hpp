// SPDX-License-Identifier: MIT
#pragma once

// The naive model of a FIFO queue.

#include "model/queue_model.hpp"

namespace model {

template <Mistake mistake = Mistake::none>
class FifoModel : public QueueModel<mistake> {
    using Base = QueueModel<mistake>;

public:
    using Base::Base, Base::messages, Base::now, Base::settings, Base::find;

    /// Stores at the end, unless the id was accepted within the interval, whatever became of it (R149, R150, R156).
    std::optional<Receipt> send(int id, std::string body, const std::string& group,
                                const std::string& deduplication_id) {
        for (Accepted& a : accepted_) {
            if (a.deduplication_id == deduplication_id && (!settings.scope_is_group || a.group == group)) {  // R153
                ++number_deduplicated_;
                a.at = mistake == Mistake::extends_the_interval ? now : a.at;
                return Receipt{a.receipt.id, a.receipt.place, true};
            }
        }
        if (!this->has_room()) {
            return std::nullopt;
        }
        Stored& m = this->store(id, std::move(body), settings.delay);  // R48
        m.group = group;
        accepted_.push_back({deduplication_id, group, now, {m.id, m.place, false}});
        return accepted_.back().receipt;
    }

    std::optional<sqsim::Errc> receive(std::size_t maximum, Time timeout, bool long_poll, const std::string& attempt,
                                       std::vector<Received>& taken) {
        if (is_void(attempt, {})) {
            return sqsim::Errc::invalid_parameter_value;
        }
        if (!attempt.empty() && repeat(attempt, maximum, timeout, taken)) {
            return std::nullopt;
        }
        std::vector<Stored> dead;
        std::vector<std::string> served;
        const auto has_room = [&] {  // R103
            return taken.size() < maximum && this->count(sqsim::MessageState::in_flight) < settings.maximum_in_flight;
        };
        while (has_room()) {
            const std::vector<int> places = next_group(served);
            if (places.empty()) {
                break;
            }
            for (std::size_t i = 0; i < places.size() && has_room(); ++i) {
                if (Stored& m = *find(places[i]); this->is_dead_letter(m)) {
                    this->take_dead_letter(places[i], dead);  // frees the group (R178)
                } else {
                    served.push_back(m.group);
                    taken.push_back(this->lease(m, timeout));
                }
            }
        }
        for (Stored& m : dead) {
            m.sent = now;  // R176
            m.first_received = never;
            this->dead_letter_queue->arrive(std::move(m));
        }
        if (long_poll && taken.empty() && !dead.empty()) {
            return receive(maximum, timeout, long_poll, attempt, taken);  // others may be available now
        }
        this->number_of_empty_receives += taken.empty() ? 1U : 0U;
        if (!attempt.empty() && !taken.empty()) {
            std::erase_if(attempts_, [&](const Attempt& a) { return a.id == attempt; });
            attempts_.push_back({attempt, now, taken, false});
        }
        return std::nullopt;
    }

    /// Whether a receive is refused that deletes `done` first, for what it repeats was deleted or changed (R100).
    [[nodiscard]] bool is_void(const std::string& attempt, const std::vector<Handle>& done) {
        return std::any_of(attempts_.begin(), attempts_.end(), [&](const Attempt& a) {
            return a.id == attempt && (a.is_void || std::any_of(done.begin(), done.end(), [&](const Handle& handle) {
                                           return look_up(handle) == Answer{} && has(a, handle);
                                       }));
        });
    }

    /// Only with the latest handle and during its lease (R111, R112).
    Answer erase(const Handle& handle) {
        const Answer answer = look_up(handle);
        void_attempt_of(handle);
        if (!answer.error && (answer.status == sqsim::HandleStatus::ok || answer.status == sqsim::HandleStatus::gone)) {
            ++this->number_deleted;
            std::erase_if(messages, [&](const Stored& m) { return m.place == handle.place; });
        }
        return answer;
    }

    Answer change_visibility(const Handle& handle, Time timeout) {
        if (timeout < 0 || timeout > settings.maximum_visibility) {
            return {sqsim::Errc::invalid_parameter_value, {}};  // R116
        }
        const Answer answer = look_up(handle);
        if (!answer.error && answer.status == sqsim::HandleStatus::ok) {
            Stored& m = *find(handle.place);
            if (now + timeout - m.received > settings.maximum_visibility) {
                return {sqsim::Errc::invalid_parameter_value, {}};  // R120
            }
            void_attempt_of(handle);
            this->let_lease_end(m, now + timeout);
        }
        return answer;
    }

    void purge() {
        Base::purge();
        accepted_.clear();  // R155
        attempts_.clear();
    }

    void advance(Time time) {
        Base::advance(time);
        std::erase_if(accepted_, [&](const Accepted& a) { return a.at + settings.deduplication_interval <= now; });
        std::erase_if(attempts_, [&](const Attempt& a) { return a.at + attempt_validity <= now; });
    }

    [[nodiscard]] Time next_event() const {
        Time next = Base::next_event();
        for (const Accepted& a : accepted_) {
            next = std::min(next, a.at + settings.deduplication_interval);
        }
        return next;
    }

    /// When the first of the receives that are repeated or refused until then is forgotten: no event, but it can be
    /// seen.
    [[nodiscard]] Time next_attempt_end() const {
        Time next = never;
        for (const Attempt& a : attempts_) {
            const auto lasts = [&](const Received& r) { return r.message.when > a.at + attempt_validity; };
            const bool can_be_seen = a.is_void || std::all_of(a.taken.begin(), a.taken.end(), lasts);
            next = can_be_seen ? std::min(next, a.at + attempt_validity) : next;
        }
        return next;
    }

    /// Also of the messages delayed now (R130).
    void set_delay(Time delay) {
        settings.delay = delay;
        for (Stored& m : messages) {
            if (m.state == sqsim::MessageState::delayed) {
                m.when = m.sent + delay;
            }
        }
        Base::advance(now);
    }

    /// The oldest message that could be delivered, for a move task (R191).
    [[nodiscard]] std::optional<int> next_to_redrive() const {
        for (const Stored* head : heads(sqsim::unlimited)) {
            if (head->state == sqsim::MessageState::visible) {
                return head->place;
            }
        }
        return std::nullopt;
    }

    [[nodiscard]] sqsim::QueueMetrics metrics() const {
        std::vector<std::string> groups;
        for (const Stored& m : messages) {
            if (m.state == sqsim::MessageState::in_flight &&
                std::find(groups.begin(), groups.end(), m.group) == groups.end()) {
                groups.push_back(m.group);
            }
        }
        sqsim::QueueMetrics metrics = this->common_metrics(false);
        metrics.fifo = sqsim::FifoMetrics{groups.size(), number_deduplicated_};
        return metrics;
    }

private:
    static constexpr Time attempt_validity = 300'000'000'000;  // R100

    struct Accepted {
        std::string deduplication_id;
        std::string group;
        Time at;
        Receipt receipt;
    };
    struct Attempt {
        std::string id;
        Time at;
        std::vector<Received> taken;
        bool is_void = false;
    };

    [[nodiscard]] static bool has(const Attempt& attempt, const Handle& handle) {
        return std::any_of(attempt.taken.begin(), attempt.taken.end(),
                           [&](const Received& r) { return r.handle == handle; });
    }

    /// A delete or a change of visibility by this handle: takes effect if its lease lasts.
    void void_attempt_of(const Handle& handle) {
        for (Attempt& a : attempts_) {
            a.is_void = a.is_void || (look_up(handle) == Answer{} && has(a, handle));
        }
    }

    /// The first messages of the groups, among the first so many messages (R104).
    [[nodiscard]] std::vector<const Stored*> heads(std::size_t window) const {
        std::vector<const Stored*> found;
        for (std::size_t i = 0; i < std::min(messages.size(), window); ++i) {
            const auto is_same_group = [&](const Stored* head) { return head->group == messages[i].group; };
            if (std::none_of(found.begin(), found.end(), is_same_group)) {
                found.push_back(&messages[i]);
            }
        }
        return found;
    }

    /// What may be delivered of one group, which one receive exhausts before the next (R139): of the group whose first
    /// message became visible first (R144), everything before a message that waits (R138). Each group once in a call.
    [[nodiscard]] std::vector<int> next_group(const std::vector<std::string>& served) const {
        const Stored* first = nullptr;
        for (const Stored* head : heads(settings.backlog_window)) {
            const bool is_served = std::find(served.begin(), served.end(), head->group) != served.end();
            if (head->state == sqsim::MessageState::visible && !is_served && !is_locked(head->group) &&
                (first == nullptr || head->order < first->order)) {
                first = head;
            }
        }
        std::vector<int> found;
        for (std::size_t i = 0; first != nullptr && i < std::min(messages.size(), settings.backlog_window); ++i) {
            if (messages[i].group == first->group) {
                if (messages[i].state != sqsim::MessageState::visible) {
                    break;
                }
                found.push_back(messages[i].place);
            }
        }
        return found;
    }

    [[nodiscard]] bool is_locked(const std::string& group) const {
        return mistake == Mistake::locks_the_whole_group &&
               std::any_of(messages.begin(), messages.end(), [&](const Stored& m) {
                   return m.group == group && m.state == sqsim::MessageState::in_flight;
               });
    }

    [[nodiscard]] Answer look_up(const Handle& handle) {
        if (handle.queue != this->index_) {
            return {sqsim::Errc::receipt_handle_is_invalid, {}};
        }
        const Stored* m = find(handle.place);
        if (m == nullptr) {
            return {{}, sqsim::HandleStatus::gone};
        }
        if (m->receives != handle.receive) {
            return {{}, sqsim::HandleStatus::superseded};
        }
        return {{},
                m->state == sqsim::MessageState::in_flight ? sqsim::HandleStatus::ok : sqsim::HandleStatus::expired};
    }

    /// Returns the messages of an earlier receive again, if the lease of each lasts (R100), and if they are not too
    /// many now.
    bool repeat(const std::string& attempt, std::size_t maximum, Time timeout, std::vector<Received>& taken) {
        const auto found =
            std::find_if(attempts_.begin(), attempts_.end(), [&](const Attempt& a) { return a.id == attempt; });
        if (found == attempts_.end() || found->taken.size() > maximum) {
            return false;
        }
        for (const Received& r : found->taken) {
            if (look_up(r.handle).status != sqsim::HandleStatus::ok) {
                attempts_.erase(found);
                return false;
            }
        }
        for (Received& r : found->taken) {
            this->let_lease_end(*find(r.handle.place), now + timeout);
            r.message.when = now + timeout;
        }
        taken = found->taken;
        this->number_received += taken.size();
        return true;
    }

    std::vector<Accepted> accepted_{};
    std::vector<Attempt> attempts_{};
    std::uint64_t number_deduplicated_ = 0;
};

}  // namespace model
