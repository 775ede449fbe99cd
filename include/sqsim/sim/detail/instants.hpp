// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/run_context.hpp"
#include "sqsim/sim/detail/scheduler.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The instants at which time matters: a queue changes its behaviour only where a lease, a delay, a deduplication
/// interval or a retention ends, and a consumer where a deadline of its own does. So these are all that stalls and
/// outages need to aim at.
class Instants {
public:
    static constexpr Nanos just_after = std::chrono::milliseconds{1};

    Instants(RunContext& context, const Scheduler& scheduler) noexcept
        : context_{context}, scheduler_{scheduler}, instants_{context.instants.instants},
          deadlines_{context.instants.deadlines} {}
    Instants(const Instants&) = delete;
    Instants& operator=(const Instants&) = delete;

    void add_user_deadline(Nanos deadline) {
        has_user_deadlines_ = true;
        if (deadline == sqsim::detail::never) {
            return;
        }
        if (std::find(user_deadlines_.begin(), user_deadlines_.end(), deadline) == user_deadlines_.end()) {
            user_deadlines_.push_back(deadline);
        }
    }
    /// Whether there ever was one.
    [[nodiscard]] bool has_user_deadlines() const noexcept { return has_user_deadlines_; }

    // Stalls of the current actor's process.

    [[nodiscard]] bool may_stall() {
        return at_all_deadlines() ? !all_deadlines().empty()
                                  : lease_end() != Nanos::zero() || !user_deadlines_for_stalls().empty();
    }
    /// The parameters of a stall, from the first to the last.
    [[nodiscard]] std::size_t first_stall() const {
        return !at_all_deadlines() && lease_end() != Nanos::zero() ? 0 : 1;
    }
    [[nodiscard]] std::size_t last_stall() {
        return at_all_deadlines() ? 3 * all_deadlines().size() : user_deadlines_for_stalls().size();
    }
    /// Until when a stall lasts. 0: just past the end of the last lease. Else just past the n-th pending deadline of
    /// the user's own; or, at all deadlines, 1 to 3: just before, at and just after the first, 4 to 6: the second, …
    [[nodiscard]] Nanos end_of_stall(std::size_t parameter) {
        if (at_all_deadlines()) {
            return all_deadlines()[(parameter - 1) / 3] + Nanos{static_cast<Nanos::rep>((parameter - 1) % 3) - 1};
        }
        return after(parameter == 0 ? lease_end() : user_deadlines_for_stalls()[parameter - 1]);
    }

    // Outages.

    [[nodiscard]] bool may_be_gone() const {
        return has_pending_user_deadline() ||
               std::any_of(queues().begin(), queues().end(),
                           [](const WorldQueue* queue) { return queue->stored().total() != 0; });
    }
    /// When consumers that are gone may come back: just past the last lease, if another process has one; just past the
    /// last delay or deduplication interval, and each deadline of the user's own; at all deadlines just past each. And
    /// an hour before a retention ends, for what ends then is lost rightfully: just past that only if it is offered.
    [[nodiscard]] const std::vector<Nanos>& ends_of_outages() {
        read_queues();
        instants_ = user_deadlines_;
        add_ends(deadlines_.leases, at_all_deadlines() || another_process_has_a_lease());
        add_ends(deadlines_.others, true);
        for (Nanos& instant : keep_pending(instants_)) {
            instant = after(instant);
        }
        if (!keep_pending(deadlines_.retentions).empty()) {
            const Nanos first = deadlines_.retentions.front();
            const Nanos late = first - std::min<Nanos>(std::chrono::hours{1}, (first - now()) / 2);
            std::erase_if(instants_, [&](Nanos instant) { return instant >= late; });
            instants_.push_back(late);
            if (offers_ends_of_retention()) {
                instants_.push_back(after(first));  // the last, so that it renumbers no other
            }
        }
        return instants_;
    }

private:
    [[nodiscard]] static Nanos after(Nanos deadline) noexcept {
        return sqsim::detail::saturating_add(deadline, just_after);
    }
    [[nodiscard]] Nanos now() const noexcept { return scheduler_.now(); }
    [[nodiscard]] bool at_all_deadlines() const noexcept { return context_.settings.stalls_at_all_deadlines; }
    [[nodiscard]] bool offers_ends_of_retention() const noexcept {
        return context_.settings.offered.contains(Fault::retention_ends);
    }
    [[nodiscard]] const std::vector<WorldQueue*>& queues() const noexcept { return context_.queues.queues(); }

    /// Leaves the instants that are ahead and come, each once, in their order.
    std::vector<Nanos>& keep_pending(std::vector<Nanos>& instants) const {
        std::erase_if(instants, [this](Nanos instant) { return instant <= now() || instant == sqsim::detail::never; });
        std::sort(instants.begin(), instants.end());
        instants.erase(std::unique(instants.begin(), instants.end()), instants.end());
        return instants;
    }

    [[nodiscard]] const std::vector<Nanos>& user_deadlines_for_stalls() {
        instants_.clear();
        if (has_pending_user_deadline()) {
            read_queues();
            instants_ = keep_pending(user_deadlines_);
            erase_past_retention();
        }
        return instants_;
    }
    /// Whoever stands still past the end of a retention may find that the service lost a message rightfully, and that
    /// all who deduplicate have forgotten it: so nobody does, unless that is offered.
    void erase_past_retention() {
        if (!offers_ends_of_retention() && !keep_pending(deadlines_.retentions).empty()) {
            std::erase_if(instants_, [end = deadlines_.retentions.front()](Nanos instant) { return instant >= end; });
        }
    }
    [[nodiscard]] bool has_pending_user_deadline() const noexcept {
        return std::any_of(user_deadlines_.begin(), user_deadlines_.end(),
                           [this](Nanos deadline) { return deadline > now(); });
    }

    void read_queues() {
        deadlines_.clear();
        for (const WorldQueue* queue : queues()) {
            queue->add_deadlines(deadlines_);
        }
    }

    [[nodiscard]] const std::vector<Nanos>& all_deadlines() {
        read_queues();
        instants_ = user_deadlines_;
        instants_.insert(instants_.end(), deadlines_.leases.begin(), deadlines_.leases.end());
        instants_.insert(instants_.end(), deadlines_.others.begin(), deadlines_.others.end());
        keep_pending(instants_);
        erase_past_retention();
        if (offers_ends_of_retention()) {  // the last, so that they renumber no other
            keep_pending(deadlines_.retentions);
            instants_.insert(instants_.end(), deadlines_.retentions.begin(), deadlines_.retentions.end());
        }
        return instants_;
    }

    /// Adds the last of these deadlines, or at all deadlines each.
    void add_ends(std::vector<Nanos>& ends, bool wanted) {
        if (wanted && !keep_pending(ends).empty()) {
            instants_.insert(instants_.end(), at_all_deadlines() ? ends.begin() : ends.end() - 1, ends.end());
        }
    }

    [[nodiscard]] bool another_process_has_a_lease() const {
        bool has_lease = false;
        scheduler_.each([&](const Actor& actor) {
            has_lease = has_lease || (actor.process != scheduler_.current()->process &&
                                      context_.clients[actor.index].last_deadline(now()) != Nanos::zero());
        });
        return has_lease;
    }

    /// The end of the last lease of the current actor's process or, if it has none, of any actor. Zero: none lasts.
    [[nodiscard]] Nanos lease_end() const noexcept {
        Nanos own{};
        for (const Actor* const member : scheduler_.current()->process->members) {
            own = std::max(own, context_.clients[member->index].last_deadline(now()));
        }
        if (own != Nanos::zero()) {
            return own;
        }
        Nanos any{};
        scheduler_.each(
            [&](const Actor& actor) { any = std::max(any, context_.clients[actor.index].last_deadline(now())); });
        return any;
    }

    const RunContext& context_;
    const Scheduler& scheduler_;
    std::vector<Nanos> user_deadlines_{};
    bool has_user_deadlines_ = false;
    std::vector<Nanos>& instants_;
    QueueDeadlines& deadlines_;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
