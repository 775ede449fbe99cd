// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/ledger_metrics.hpp"
#include "sqsim/detail/tenants.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <cstdint>
#include <optional>

namespace sqsim::inline SQSIM_ABI::detail {

/// Tells the tenants of a standard queue what happens to its messages. Costs a test of one flag until the first message
/// with a group id.
template <class Body>
class FairQueue {
    using Layout = PayloadOf<Body>;

public:
    FairQueue(Ledger<Body>& ledger, const FairQueueThresholds& thresholds) : ledger_{ledger}, tenants_{thresholds} {}

    [[nodiscard]] Tenants& tenants() noexcept { return tenants_; }
    [[nodiscard]] bool is_used() const noexcept { return tenants_.used(); }

    /// Finds the tenant of a message that comes: `enter` must follow. Errors: `std::bad_alloc`.
    void expect(Record& record) {
        if (is_grouped(record)) {
            Layout::link(record).group = tenants_.number(Layout::group_id(record));
        }
    }
    /// A message has come.
    void enter(Record& record) noexcept {
        if (is_grouped(record)) {
            track(record, State::free, record.state());
        }
    }

    /// A message went from one state to another.
    void track(Record& record, State before, State after) noexcept {
        if (tenants_.used()) [[unlikely]] {
            track_used(record, before, after);
        }
    }

    /// A message that is leased is leased once more.
    void note_second_lease(Record& record) {
        if (tenants_.used()) {
            count_processing_time(record);
        }
    }

    // For a lease that is undone.
    [[nodiscard]] TenantPast past(Record& record) const noexcept {
        return tenants_.used() && is_grouped(record) ? tenants_.past(tenant(record)) : TenantPast{};
    }
    void undo(Record& record, State before, State after, const TenantPast& past) noexcept {
        if (tenants_.used() && is_grouped(record)) {
            tenants_.undo_change(tenant(record), before, after, past);
        }
    }

    /// Nothing unless there are groups.
    [[nodiscard]] std::optional<FairQueueMetrics> metrics() {
        if (!tenants_.used()) {
            return std::nullopt;
        }
        FairQueueMetrics metrics;
        QueueCounts quiet = ledger_.counts();
        tenants_.for_each([&](std::uint32_t number) {
            if (is_noisy(number)) {
                ++metrics.approximate_number_of_noisy_groups;
                quiet.visible -= tenants_.counts(number).visible;
                quiet.in_flight -= tenants_.counts(number).in_flight;
                quiet.delayed -= tenants_.counts(number).delayed;
            }
        });
        metrics.approximate_number_of_messages_visible_in_quiet_groups = quiet.visible;
        metrics.approximate_number_of_messages_not_visible_in_quiet_groups = quiet.in_flight;
        metrics.approximate_number_of_messages_delayed_in_quiet_groups = quiet.delayed;
        metrics.approximate_age_of_oldest_message_in_quiet_groups = age_of_oldest(ledger_, [&](Record& record) {
            return record.receives() < 3 && !(is_grouped(record) && is_noisy(tenant(record)));
        });
        return metrics;
    }

private:
    [[nodiscard]] static bool is_grouped(const Record& record) noexcept { return (record.layout & layout_linked) != 0; }
    [[nodiscard]] static std::uint32_t tenant(Record& record) noexcept { return Layout::link(record).group; }

    [[nodiscard]] bool is_noisy(std::uint32_t number) {
        return tenants_.noisy(number, ledger_.now(), ledger_.in_flight());
    }

    void track_used(Record& record, State before, State after) noexcept {
        if (before == State::in_flight && after != State::in_flight) {
            count_processing_time(record);
        }
        if (is_grouped(record)) {
            tenants_.change(tenant(record), before, after, ledger_.now(), ledger_.in_flight());
        }
    }

    /// Counts the time of a lease that ends now.
    void count_processing_time(Record& record) {
        const Nanos now = ledger_.now();
        const Nanos lasted = saturating_subtract(now, record.received_at);
        tenants_.add_processing_time(now, lasted);
        if (is_grouped(record)) {
            tenants_.add_processing_time(tenant(record), now, lasted);
        }
    }

    Ledger<Body>& ledger_;
    Tenants tenants_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
