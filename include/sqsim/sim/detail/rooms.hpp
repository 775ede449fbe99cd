// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/sim/detail/actor.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// A queue, as the rest of the world sees it.
class QueueInWorld {
public:
    QueueInWorld() = default;
    QueueInWorld(const QueueInWorld&) = delete;
    QueueInWorld& operator=(const QueueInWorld&) = delete;
    virtual ~QueueInWorld() = default;

    [[nodiscard]] virtual QueueCounts stored() const = 0;
    [[nodiscard]] virtual const std::string& label() const = 0;
    /// Adds every instant at which a delay, a lease or a deduplication window ends, and a retention if asked for.
    virtual void add_deadlines(std::vector<Nanos>& deadlines, bool with_retention) const = 0;
    /// The numbers of the stored messages, for reports.
    [[nodiscard]] virtual std::string contents() const = 0;

    bool is_consumed = false;  // somebody received from it
};

/// Where the queues of a run live; the next run's live in the same places.
class Rooms {
public:
    Rooms() = default;
    Rooms(const Rooms&) = delete;
    Rooms& operator=(const Rooms&) = delete;
    ~Rooms() { vacate(); }

    /// A queue in the next room.
    template <class Kept, class... Arguments>
    Kept& let(Arguments&&... arguments) {
        static_assert(alignof(Kept) <= sqsim::detail::two_cache_lines);
        if (tenants_.size() == rooms_.size()) {
            rooms_.emplace_back();
        }
        Room& room = rooms_[tenants_.size()];
        if (room.size < sizeof(Kept)) {
            room.memory.reset(new (std::align_val_t{sqsim::detail::two_cache_lines}) std::byte[sizeof(Kept)]);
            room.size = sizeof(Kept);
        }
        Kept* const kept = ::new (room.memory.get()) Kept(std::forward<Arguments>(arguments)...);
        tenants_.push_back(kept);
        return *kept;
    }

    /// The queues in the order in which they came.
    [[nodiscard]] const std::vector<QueueInWorld*>& tenants() const noexcept { return tenants_; }

    /// Ends all queues, the last one first.
    void vacate() noexcept {
        for (; !tenants_.empty(); tenants_.pop_back()) {
            tenants_.back()->~QueueInWorld();
        }
    }

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept {
            ::operator delete[](memory, std::align_val_t{sqsim::detail::two_cache_lines});
        }
    };
    struct Room {
        std::unique_ptr<std::byte[], Free> memory{};
        std::size_t size = 0;
    };

    std::vector<Room> rooms_{};
    std::vector<QueueInWorld*> tenants_{};
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
