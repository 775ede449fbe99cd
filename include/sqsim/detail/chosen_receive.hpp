// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/fair_queue.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/moved_message.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/tenants.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// What a receive of a standard queue has taken out of the order and can still give back: the dead letters that it has
/// found, and where a choice source is asked, the messages that it leases. A source may throw between any two of them.
template <class Order, class Body>
class ChosenReceive {
    using Next = typename Order::Next;

public:
    ChosenReceive(Ledger<Body>& ledger, FairQueue<Body>& fair_queue, Order& order) noexcept
        : ledger_{ledger}, fair_queue_{fair_queue}, order_{order} {}

    /// One receive. Unless it comes to its end (`end`), everything is as before.
    class Open {
    public:
        explicit Open(ChosenReceive& receive) noexcept
            : receive_{&receive}, all_{receive.fair_queue_.tenants().all_processing()} {}
        Open(const Open&) = delete;
        Open& operator=(const Open&) = delete;
        ~Open() {
            if (receive_ != nullptr) [[unlikely]] {
                receive_->undo();
                receive_->fair_queue_.tenants().undo_all_processing(all_);
            }
        }
        void end() noexcept { receive_ = nullptr; }

    private:
        ChosenReceive* receive_;
        RecentTime all_;
    };

    /// Sees to it that so many `lease` throw nothing. Errors: `std::bad_alloc`.
    void reserve(std::size_t count) { leases_.reserve(count); }

    /// Leases a message without its timer, after `note()`, which may change the past of its tenant.
    template <class Note>
    void lease(const Next& next, Nanos timeout, Note note) noexcept {
        Record& record = *next.record;
        leases_.push_back({next, record.place, record.deadline, record.received_at, record.first_received_at,
                           record.status, fair_queue_.past(record)});
        note();
        ledger_.lease_untimed(record, timeout);
    }

    /// Keeps a message that is to become a dead letter. Errors: `std::bad_alloc`; it is not kept then.
    void keep_dead(const Next& next, std::string_view source_name) {
        // The message may have been set aside: then it takes another place if it goes back.
        order_.reserve_more(dead_.size() + 1);
        dead_.push_back({next, prepare_move(source_name)});
    }

    /// Begins the timers, and calls `take(record)` for what is leased.
    template <class Take>
    void commit_leases(bool default_timeout, Take& take) noexcept {
        for (const Lease& lease : leases_) {
            ledger_.time_lease(*lease.next.record, default_timeout);
            take(*lease.next.record);
        }
        leases_.clear();
    }

    /// Calls `take_away(record, moved)` and `dead(moved)` for the dead letters.
    template <class TakeAway, class Dead>
    void commit_dead(TakeAway take_away, Dead& dead) noexcept {
        for (DeadLetter& letter : dead_) {
            take_away(*letter.next.record, *letter.moved);
            dead(std::move(letter.moved));
        }
        dead_.clear();
    }
    [[nodiscard]] bool has_dead() const noexcept { return !dead_.empty(); }

private:
    struct Lease {
        Next next;
        Place place;
        Nanos deadline;
        Nanos received_at;
        Nanos first_received_at;
        std::uint8_t status;
        TenantPast tenant;
    };
    struct DeadLetter {
        Next next;
        std::unique_ptr<MovedMessage> moved;
    };

    void undo() noexcept {
        while (!leases_.empty()) {
            const Lease& lease = leases_.back();
            Record& record = *lease.next.record;
            const State after = record.state();
            const auto before = static_cast<State>(lease.status & Record::state_mask);
            ledger_.set_state(record, before);
            fair_queue_.undo(record, before, after, lease.tenant);
            record.place = lease.place;
            record.deadline = lease.deadline;
            record.received_at = lease.received_at;
            record.first_received_at = lease.first_received_at;
            record.status = lease.status;
            order_.give_back(lease.next.ready());
            leases_.pop_back();
        }
        for (const DeadLetter& letter : dead_) {
            order_.give_back(letter.next.ready());
        }
        dead_.clear();
    }

    Ledger<Body>& ledger_;
    FairQueue<Body>& fair_queue_;
    Order& order_;
    std::vector<Lease> leases_{};
    std::vector<DeadLetter> dead_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
