// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/plans.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the receives with a ReceiveRequestAttemptId of the last five minutes returned (R100).
class Attempts {
public:
    /// Repeats the receive with this id, if its leases last: the same messages and handles with their timeouts reset.
    /// If not, or if there was none, receives with this id.
    template <class Engine, class Take, class Dead>
    Received receive(Engine& engine, std::string_view id, const ReceivePlan& plan, Take take, Dead dead) {
        if (const std::vector<Lease>* const earlier = find(id, plan.maximum, engine.ledger().store())) {
            for (const Lease& lease : *earlier) {
                engine.repeat(engine.ledger().store()[lease.slot], plan, take);
            }
            return {earlier->size(), false};
        }
        std::vector<Lease> leases;
        const auto note_and_take = [&](Record& record) {
            leases.push_back({record.slot, record.generation});
            take(record);
        };
        const Received result = engine.receive(plan, note_and_take, dead);
        if (!leases.empty()) {
            remember(id, std::move(leases), engine.ledger().now());
        }
        return result;
    }

    /// When the oldest attempt will be forgotten; `never` if there is none.
    [[nodiscard]] Nanos next_end() const noexcept { return ends_.empty() ? never : ends_.front().first; }

    void expire(Nanos now) {
        while (!ends_.empty() && ends_.front().first <= now) {
            attempts_.erase(ends_.front().second);
            ends_.pop_front();
        }
    }

private:
    struct Lease {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    /// The leases of an earlier receive with this id, at most so many; null if there was none. It is forgotten if one
    /// of its messages was deleted, changed, or became visible since.
    template <class Body>
    [[nodiscard]] const std::vector<Lease>* find(std::string_view id, std::size_t most,
                                                 const MessageStore<Body>& store) {
        const auto found = attempts_.find(id);
        if (found == attempts_.end() || found->second.size() > most) {
            return nullptr;
        }
        for (const Lease& lease : found->second) {
            const Record& record = store[lease.slot];
            if (record.generation != lease.generation || record.state != State::in_flight ||
                record.visibility_changed) {
                forget(id);
                return nullptr;
            }
        }
        return &found->second;
    }

    void remember(std::string_view id, std::vector<Lease> leases, Nanos now) {
        forget(id);
        attempts_.emplace(id, std::move(leases));
        ends_.emplace_back(saturating_add(now, validity), id);
    }

    void forget(std::string_view id) {
        if (const auto found = attempts_.find(id); found != attempts_.end()) {
            attempts_.erase(found);
            std::erase_if(ends_, [&](const auto& end) { return end.second == id; });
        }
    }

    static constexpr Nanos validity = std::chrono::minutes{5};

    std::map<std::string, std::vector<Lease>, std::less<>> attempts_{};
    std::deque<std::pair<Nanos, std::string>> ends_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
