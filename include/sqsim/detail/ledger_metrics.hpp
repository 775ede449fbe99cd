// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/metrics.hpp"

#include <optional>

// What both kinds of queue report of themselves.

namespace sqsim::inline SQSIM_ABI::detail {

/// The age of the oldest message that counts, from its arrival (R177). Linear in those before it that do not.
template <class Body, class Counts>
[[nodiscard]] std::optional<Nanos> age_of_oldest(Ledger<Body>& ledger, Counts counts) {
    std::optional<Nanos> age;
    ledger.arrivals().for_each([&](Record& record) {
        if (counts(record)) {
            const Extras* extras = PayloadOf<Body>::extras(record);
            const bool was_moved = extras != nullptr && extras->body_record != nullptr;
            const Nanos since = was_moved ? extras->arrived_at : record.sent_at;
            age = std::max(saturating_subtract(ledger.now(), since), Nanos::zero());
        }
        return !age;
    });
    return age;
}

/// The metrics that both have. `counts(record)`: it counts for the age of the oldest.
template <class Body, class Counts>
[[nodiscard]] QueueMetrics metrics_of(Ledger<Body>& ledger, Counts counts) {
    QueueMetrics metrics = ledger.totals;
    if (ledger.sent().count != 0) {
        metrics.number_of_messages_sent = ledger.sent().count;
        metrics.sent_message_size = ledger.sent().sizes();
    }
    metrics.approximate_age_of_oldest_message = age_of_oldest(ledger, counts);
    metrics.approximate_number_of_messages_visible = ledger.counts().visible;
    metrics.approximate_number_of_messages_not_visible = ledger.counts().in_flight;
    metrics.approximate_number_of_messages_delayed = ledger.counts().delayed;
    return metrics;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
