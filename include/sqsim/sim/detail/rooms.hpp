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
    struct Vacate {
        void operator()(QueueInWorld* queue) const noexcept { queue->~QueueInWorld(); }
    };
    template <class Kept>
    using Tenancy = std::unique_ptr<Kept, Vacate>;

    /// A queue in the next room. The rooms outlive it.
    template <class Kept, class... Arguments>
    [[nodiscard]] Tenancy<Kept> let(Arguments&&... arguments) {
        static_assert(alignof(Kept) <= sqsim::detail::two_cache_lines);
        if (next_ == rooms_.size()) {
            rooms_.emplace_back();
        }
        Room& room = rooms_[next_++];
        if (room.size < sizeof(Kept)) {
            room.memory.reset(new (std::align_val_t{sqsim::detail::two_cache_lines}) std::byte[sizeof(Kept)]);
            room.size = sizeof(Kept);
        }
        return Tenancy<Kept>{::new (room.memory.get()) Kept(std::forward<Arguments>(arguments)...)};
    }

    /// All of them are vacant: begins at the first again.
    void clear() noexcept { next_ = 0; }

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
    std::size_t next_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
