// SPDX-License-Identifier: MIT
#pragma once

// The naive model of a standard queue with exact delivery.

#include "model/queue_model.hpp"

namespace model {

template <Mistake mistake = Mistake::none>
class StandardModel : public QueueModel<mistake> {
    using Base = QueueModel<mistake>;

public:
    using Base::Base, Base::messages, Base::now, Base::settings, Base::find;

    std::optional<Receipt> send(int id, std::string body, std::optional<Time> delay) {
        if (!this->has_room()) {
            return std::nullopt;
        }
        const Stored& m = this->store(id, std::move(body), delay.value_or(settings.delay));  // R46, R129
        return Receipt{m.id, m.place, false};
    }

    /// The oldest visible messages (R126); those received too often are moved and others taken instead (R171). At the
    /// in-flight limit a short poll is an error, a long one empty (R102).
    std::optional<sqsim::Errc> receive(std::size_t maximum, Time timeout, bool long_poll, const std::string&,
                                       std::vector<Received>& taken) {
        if (this->count(sqsim::MessageState::in_flight) >= settings.maximum_in_flight && !long_poll) {
            return sqsim::Errc::over_limit;
        }
        std::vector<Stored> dead;
        for (const int place : visible_places()) {
            if (taken.size() >= maximum || this->count(sqsim::MessageState::in_flight) >= settings.maximum_in_flight) {
                break;
            }
            if (Stored& m = *find(place); this->is_dead_letter(m)) {
                this->take_dead_letter(place, dead);
            } else {
                taken.push_back(this->lease(m, timeout));
            }
        }
        for (Stored& m : dead) {
            this->dead_letter_queue->arrive(std::move(m));  // keeps its sent time (R175)
        }
        if (long_poll && taken.empty() && !dead.empty() && this->dead_letter_queue == this) {
            return receive(maximum, timeout, long_poll, {}, taken);  // what it waits for has arrived
        }
        this->number_of_empty_receives += taken.empty() ? 1U : 0U;
        return std::nullopt;
    }

    /// A standard queue has no attempts (R101).
    [[nodiscard]] static bool is_void(const std::string&, const std::vector<Handle>&) { return false; }

    /// With the latest handle also after the lease (R107); a delete that finds nothing succeeds and counts (R110,
    /// R215).
    Answer erase(const Handle& handle) {
        if (handle.queue != this->index_) {
            return {sqsim::Errc::receipt_handle_is_invalid, {}};
        }
        ++this->number_deleted;
        const Stored* m = find(handle.place);
        if (m == nullptr) {
            return {{}, sqsim::HandleStatus::gone};
        }
        if (m->receives != handle.receive && mistake != Mistake::deletes_by_older_handle) {
            return {{}, sqsim::HandleStatus::superseded};  // R108
        }
        std::erase_if(messages, [&](const Stored& other) { return other.place == handle.place; });
        return {};
    }

    /// With any handle of the message, on its current lease (R118), if there is one (R122).
    Answer change_visibility(const Handle& handle, Time timeout) {
        if (timeout < 0 || timeout > settings.maximum_visibility) {
            return {sqsim::Errc::invalid_parameter_value, {}};  // R116
        }
        if (handle.queue != this->index_) {
            return {sqsim::Errc::receipt_handle_is_invalid, {}};
        }
        Stored* m = find(handle.place);
        if (m == nullptr) {
            return {{}, sqsim::HandleStatus::gone};
        }
        if (m->state != sqsim::MessageState::in_flight) {
            return {{}, sqsim::HandleStatus::expired};
        }
        if (now + timeout - m->received > settings.maximum_visibility) {
            return {sqsim::Errc::invalid_parameter_value, {}};  // R120
        }
        this->let_lease_end(*m, now + timeout);  // R117
        return {};
    }

    void set_delay(Time delay) { settings.delay = delay; }  // of new messages only (R130)

    /// The oldest visible message, for a move task.
    [[nodiscard]] std::optional<int> next_to_redrive() const {
        const auto visible = visible_places();
        return visible.empty() ? std::nullopt : std::optional{visible.front()};
    }

    [[nodiscard]] sqsim::QueueMetrics metrics() const { return this->common_metrics(true); }

private:
    [[nodiscard]] std::vector<int> visible_places() const {
        std::vector<int> found;  // the vector is in the order of arrival
        for (const Stored& m : messages) {
            if (m.state == sqsim::MessageState::visible) {
                found.push_back(m.place);
            }
        }
        return found;
    }
};

}  // namespace model
