// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/plans.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the receives with a ReceiveRequestAttemptId of the last five minutes returned (R100).
template <class = void>
class BasicAttempts {
public:
    /// Repeats the receive with this id, if its leases last: the same messages and handles with their timeouts reset.
    /// If not, or if there was none, receives with this id. Does neither if the attempt is void.
    template <class Engine, class Take, class Dead>
    Received receive(Engine& engine, std::string_view id, const ReceivePlan& plan, Take take, Dead dead) {
        if (is_void(id)) {
            return {.not_retryable = true};
        }
        if (const std::vector<Lease>* const earlier = find(id, plan.maximum, engine.ledger().store())) {
            if constexpr (requires { take.reserve(earlier->size()); }) {
                take.reserve(earlier->size());
            }
            engine.reserve_repeating(plan, earlier->size());
            for (const Lease& lease : *earlier) {
                engine.repeat(engine.ledger().store()[lease.slot], plan, take);
            }
            return {.messages = earlier->size()};
        }
        const std::size_t most = std::min(plan.maximum, engine.ledger().visible());
        if constexpr (requires { take.reserve(most); }) {
            take.reserve(most);
        }
        std::vector<Lease> leases;
        leases.reserve(most);
        const auto note_and_take = [&](Record& record) {
            leases.push_back({record.slot(), record.generation()});
            take(record);
        };
        const Received result = engine.receive(plan, note_and_take, dead);
        if (!leases.empty() && !obtained([&] { remember(id, std::move(leases), engine.ledger().now()); })) {
            forget(id);  // what was received is; it cannot be repeated
        }
        return result;
    }

    /// A delete or a change of visibility is about to take effect: voids the attempt of the message's lease.
    void note_change(const Record& record) {
        if (const auto found = by_lease_.find(key({record.slot(), record.generation()})); found != by_lease_.end()) {
            found->second->second.is_void = true;
        }
    }

    /// Whether the receive with this id cannot be repeated.
    [[nodiscard]] bool is_void(std::string_view id) const {
        const auto found = attempts_.find(id);
        return found != attempts_.end() && found->second.is_void;
    }
    /// Whether a message's lease is of the receive with this id.
    [[nodiscard]] bool is_of(std::string_view id, const Record& record) const {
        const auto attempt = attempts_.find(id);
        const auto found = by_lease_.find(key({record.slot(), record.generation()}));
        return attempt != attempts_.end() && found != by_lease_.end() && found->second == attempt;
    }

    /// When the oldest attempt will be forgotten; `never` if there is none.
    [[nodiscard]] Nanos next_end() const noexcept {
        return by_age_.empty() ? never : by_age_.begin()->second->second.end;
    }

    void expire(Nanos now) noexcept {
        while (!by_age_.empty() && next_end() <= now) {
            erase(by_age_.begin()->second);
        }
    }

private:
    struct Lease {
        std::uint32_t slot;
        std::uint32_t generation;
    };
    struct Attempt {
        std::vector<Lease> leases;
        Nanos end{};
        std::uint64_t number = 0;  // it ends before those with higher ones
        bool is_void = false;
    };
    using Map = std::map<std::string, Attempt, std::less<>>;
    using Index = std::map<std::uint64_t, typename Map::iterator>;

    [[nodiscard]] static std::uint64_t key(const Lease& lease) noexcept {
        return std::uint64_t{lease.slot} << 32 | lease.generation;
    }

    /// The leases of an earlier receive with this id, at most so many; null if there was none. It is forgotten if one
    /// of its leases has ended by itself.
    template <class Body>
    [[nodiscard]] const std::vector<Lease>* find(std::string_view id, std::size_t most,
                                                 const MessageStore<Body>& store) {
        const auto found = attempts_.find(id);
        if (found == attempts_.end() || found->second.leases.size() > most) {
            return nullptr;
        }
        for (const Lease& lease : found->second.leases) {
            const Record& record = store[lease.slot];
            if (record.generation() != lease.generation || record.state() != State::in_flight) {
                forget(id);
                return nullptr;
            }
        }
        return &found->second.leases;
    }

    void remember(std::string_view id, std::vector<Lease> leases, Nanos now) {
        forget(id);
        Attempt remembered{std::move(leases), saturating_add(now, validity), next_number_++};
        const auto attempt = attempts_.emplace(id, std::move(remembered)).first;
        for (const Lease& lease : attempt->second.leases) {
            by_lease_.insert_or_assign(key(lease), attempt);
        }
        by_age_.emplace(attempt->second.number, attempt);
    }

    void forget(std::string_view id) {
        if (const auto found = attempts_.find(id); found != attempts_.end()) {
            erase(found);
        }
    }

    void erase(typename Map::iterator attempt) {
        for (const Lease& lease : attempt->second.leases) {
            by_lease_.erase(key(lease));
        }
        by_age_.erase(attempt->second.number);
        attempts_.erase(attempt);
    }

    static constexpr Nanos validity = std::chrono::minutes{5};

    Map attempts_{};
    Index by_lease_{};
    Index by_age_{};
    std::uint64_t next_number_ = 0;
};

/// Compiled where it is used, and not wherever it is included.
using Attempts = BasicAttempts<>;

}  // namespace sqsim::inline SQSIM_ABI::detail
