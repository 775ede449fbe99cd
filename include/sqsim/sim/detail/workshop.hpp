// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/detail/registry.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/timeline.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// What the runs of an exploration have in common.
struct Settings {
    Faults offered = Faults::usual();
    bool stalls_at_all_deadlines = false;
    bool abandons = !SQSIM_EXCEPTIONS;  // crashed code is never resumed, instead of unwound
    Nanos horizon = std::chrono::hours{24};
    std::size_t maximum_steps = 10'000;
    Nanos clock_error = std::chrono::minutes{10};
};

/// Everything that actors received in a run: they refer to it, wherever they stop. The places are used again.
class Received {
public:
    using Real = Message<std::string, ManualClock::time_point>;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] Real& operator[](std::size_t place) noexcept { return *messages_[place]; }
    void add(Real&& message) {
        if (size_ == messages_.size()) {
            messages_.push_back(std::make_unique<Real>());
        }
        *messages_[size_++] = std::move(message);
    }
    void clear() noexcept {
        for (; size_ != 0; --size_) {
            *messages_[size_ - 1] = Real{};
        }
    }

private:
    std::vector<std::unique_ptr<Real>> messages_{};
    std::size_t size_ = 0;
};

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

/// What every run uses anew, so that a run makes next to nothing.
struct Workshop {
    Settings settings{};
    Places places{};
    Chooser chooser{};
    Registry registry{};
    History history{};
    std::vector<std::unique_ptr<Actor>> actors{};
    std::vector<Actor*> ready{};
    std::vector<Actor*> waiting{};
    Rooms rooms{};
    Received received{};
    std::vector<Received::Real> answer{};       // of the receive that is under way
    std::vector<std::uint64_t>* log = nullptr;  // what every step of a run was, if somebody compares two
    Timeline* timeline = nullptr;               // the run's story, if somebody wants to read it

    void clear() {
        registry.clear();
        history.queues.clear();
        history.clients.clear();
        history.operations.clear();
        history.drained = false;
        ready.clear();
        waiting.clear();
        received.clear();
        rooms.clear();
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
