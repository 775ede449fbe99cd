// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/group_table.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/ready_list.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// An amount that fades: what was added within about the last window. Integers only, for the same answer everywhere.
class RecentTime {
public:
    void add(Nanos now, Nanos amount, Nanos window) noexcept {
        rotate(now, window);
        current_ = saturating_add(current_, amount);
    }

    [[nodiscard]] Nanos recent(Nanos now, Nanos window) noexcept {
        rotate(now, window);
        const std::int64_t faded = 1024 - saturating_subtract(now, start_) / (window / 1024 + Nanos{1});
        return saturating_add(current_, previous_ / 1024 * std::max<std::int64_t>(faded, 0));
    }

private:
    void rotate(Nanos now, Nanos window) noexcept {
        const Nanos passed = saturating_subtract(now, start_);
        if (passed < window) {
            return;
        }
        previous_ = passed < saturating_add(window, window) ? current_ : Nanos::zero();
        current_ = Nanos::zero();
        start_ = now;
    }

    Nanos start_ = Nanos::min();  // of the window that `current_` is of
    Nanos current_{};
    Nanos previous_{};
};

/// What of a tenant depends on more than the messages that it has now.
struct TenantPast {
    bool noisy = false;
    Nanos idle_since{};
    RecentTime processing{};
};

/// The message groups of a standard queue: which of them are noisy, and the messages that a noisy one has waiting
/// behind those of the others (R207-R212).
template <class = void>
class BasicTenants {
public:
    explicit BasicTenants(const FairQueueThresholds& thresholds) : thresholds_{thresholds} {}

    [[nodiscard]] bool used() const noexcept { return used_; }

    [[nodiscard]] std::uint32_t number(std::string_view group_id) {
        used_ = true;
        const std::uint32_t number = tenants_.find_or_create(group_id);
        if (deferring_.capacity() < tenants_.size() && !obtained([this] { deferring_.reserve(2 * tenants_.size()); })) {
            if (tenants_[number].counts.total() == 0) {
                tenants_.erase(number);
            }
            raise_out_of_memory();
        }
        return number;
    }

    /// A message of a tenant changed its state, with so many messages of all tenants in flight.
    void change(std::uint32_t number, State before, State after, Nanos now, std::size_t all_in_flight) {
        Tenant& tenant = tenants_[number];
        count(tenant, before, -1);
        count(tenant, after, +1);
        if (before == State::in_flight && after != State::in_flight && tenant.counts.in_flight == 0) {
            tenant.past.idle_since = now;
        }
        if (tenant.counts.total() == 0) {  // its backlog is consumed (R211)
            std::erase(deferring_, number);
            tenants_.erase(number);
        } else {
            static_cast<void>(noisy(number, now, all_in_flight));  // noticed when it happens, not when somebody asks
        }
    }

    /// A lease ended after this long.
    void add_processing_time(Nanos now, Nanos amount) {
        if (used_) {
            all_.add(now, amount, thresholds_.processing_time_window);
        }
    }
    void add_processing_time(std::uint32_t number, Nanos now, Nanos amount) {
        tenants_[number].past.processing.add(now, amount, thresholds_.processing_time_window);
    }

    /// Whether a tenant is noisy now (R209, R211).
    [[nodiscard]] bool noisy(std::uint32_t number, Nanos now, std::size_t all_in_flight) {
        Tenant& tenant = tenants_[number];
        const bool exceeds = exceeds_thresholds(tenant, now, all_in_flight);
        const bool consumed = tenant.counts.visible + tenant.counts.delayed == 0;
        const bool idle =
            tenant.counts.in_flight == 0 && saturating_subtract(now, tenant.past.idle_since) >= thresholds_.quiet_after;
        tenant.past.noisy = exceeds || (tenant.past.noisy && !consumed && !idle);
        return tenant.past.noisy;
    }

    /// Sees to it that one message of a tenant can be set aside. Returns whether it could.
    [[nodiscard]] bool may_defer(std::uint32_t number) noexcept {
        Tenant& tenant = tenants_[number];
        return obtained([&] {
            if (tenant.deferred == nullptr) {
                tenant.deferred = std::make_unique<ReadyList>();
            }
            tenant.deferred->keep_room(1);
        });
    }
    /// Sets a visible message of a noisy tenant aside. Precondition: `may_defer`.
    void defer(std::uint32_t number, const Ready& ready) noexcept {
        Tenant& tenant = tenants_[number];
        if (tenant.deferred->empty()) {
            deferring_.push_back(number);
        }
        tenant.deferred->push(ready);
    }

    // For a lease that is undone: the counts, with the past of before.
    [[nodiscard]] TenantPast past(std::uint32_t number) const noexcept { return tenants_[number].past; }
    void undo_change(std::uint32_t number, State before, State after, const TenantPast& past) noexcept {
        Tenant& tenant = tenants_[number];
        count(tenant, after, -1);
        count(tenant, before, +1);
        tenant.past = past;
    }
    [[nodiscard]] RecentTime all_processing() const noexcept { return all_; }
    void undo_all_processing(const RecentTime& before) noexcept { all_ = before; }

    /// The tenants that have messages set aside.
    [[nodiscard]] const std::vector<std::uint32_t>& deferring() const noexcept { return deferring_; }

    [[nodiscard]] ReadyList& deferred(std::uint32_t number) noexcept { return *tenants_[number].deferred; }
    [[nodiscard]] std::size_t in_flight(std::uint32_t number) const noexcept {
        return tenants_[number].counts.in_flight;
    }
    [[nodiscard]] const QueueCounts& counts(std::uint32_t number) const noexcept { return tenants_[number].counts; }

    /// Forgets which tenants have messages set aside where none are left.
    void trim_deferring() {
        std::erase_if(deferring_, [&](std::uint32_t number) { return tenants_[number].deferred->empty(); });
    }

    /// Calls `visit(number)` for every tenant.
    template <class Visit>
    void for_each(Visit visit) const {
        tenants_.for_each(visit);
    }

private:
    struct Tenant {
        QueueCounts counts{};
        TenantPast past{};
        std::unique_ptr<ReadyList> deferred{};
    };

    [[nodiscard]] bool exceeds_thresholds(Tenant& tenant, Nanos now, std::size_t all_in_flight) {
        const std::size_t own = tenant.counts.in_flight;
        if (own >= thresholds_.minimum_in_flight &&
            static_cast<double>(own) > thresholds_.in_flight_share * static_cast<double>(all_in_flight)) {
            return true;
        }
        const Nanos recent = tenant.past.processing.recent(now, thresholds_.processing_time_window);
        if (recent < thresholds_.minimum_processing_time) {
            return false;
        }
        const Nanos all = all_.recent(now, thresholds_.processing_time_window);
        return static_cast<double>(recent.count()) >
               thresholds_.processing_time_share * static_cast<double>(all.count());
    }

    static void count(Tenant& tenant, State state, int by) noexcept {
        const auto step = static_cast<std::size_t>(by);  // wraps around for -1, as meant
        switch (state) {
        case State::visible:
            tenant.counts.visible += step;
            break;
        case State::in_flight:
            tenant.counts.in_flight += step;
            break;
        case State::delayed:
            tenant.counts.delayed += step;
            break;
        case State::free:
            break;
        }
    }

    FairQueueThresholds thresholds_;
    GroupTable<Tenant> tenants_{};
    RecentTime all_{};
    std::vector<std::uint32_t> deferring_{};  // few: more than ten tenants cannot each have a tenth of the queue
    bool used_ = false;
};

/// Compiled where it is used, and not wherever it is included.
using Tenants = BasicTenants<>;

}  // namespace sqsim::inline SQSIM_ABI::detail
