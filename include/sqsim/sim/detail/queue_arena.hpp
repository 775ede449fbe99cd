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

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The instants at which queues change by themselves, by what ends there.
struct QueueDeadlines {
    std::vector<Nanos> leases{};
    std::vector<Nanos> others{};  // delays and deduplication intervals
    std::vector<Nanos> retentions{};

    void clear() noexcept {
        leases.clear();
        others.clear();
        retentions.clear();
    }
};

/// A queue, as the rest of the world sees it.
class WorldQueue {
public:
    WorldQueue() = default;
    WorldQueue(const WorldQueue&) = delete;
    WorldQueue& operator=(const WorldQueue&) = delete;
    virtual ~WorldQueue() = default;

    [[nodiscard]] virtual QueueCounts stored() const = 0;
    /// What reports call the queue.
    [[nodiscard]] virtual const std::string& label() const = 0;
    /// Adds the instants at which something changes by itself.
    virtual void add_deadlines(QueueDeadlines& deadlines) const = 0;
    /// The names of the stored messages, for reports.
    [[nodiscard]] virtual std::string contents() const = 0;

    bool is_consumed = false;  // an actor received from it
};

/// The storage of the queues of an execution; those of the next one live in the same places.
class QueueArena {
public:
    QueueArena() = default;
    QueueArena(const QueueArena&) = delete;
    QueueArena& operator=(const QueueArena&) = delete;
    ~QueueArena() { clear(); }

    /// A queue in the next place.
    template <class Kept, class... Arguments>
    Kept& emplace(Arguments&&... arguments) {
        static_assert(alignof(Kept) <= sqsim::detail::two_cache_lines);
        if (queues_.size() == places_.size()) {
            places_.emplace_back();
        }
        Place& place = places_[queues_.size()];
        if (place.size < sizeof(Kept)) {
            place.memory.reset(new (std::align_val_t{sqsim::detail::two_cache_lines}) std::byte[sizeof(Kept)]);
            place.size = sizeof(Kept);
        }
        queues_.reserve(places_.size());
        Kept* const kept = ::new (place.memory.get()) Kept(std::forward<Arguments>(arguments)...);
        queues_.push_back(kept);
        return *kept;
    }

    /// The queues in the order in which they came.
    [[nodiscard]] const std::vector<WorldQueue*>& queues() const noexcept { return queues_; }

    /// Ends all queues, the last one first.
    void clear() noexcept {
        for (; !queues_.empty(); queues_.pop_back()) {
            queues_.back()->~WorldQueue();
        }
    }

private:
    struct Free {
        void operator()(std::byte* memory) const noexcept {
            ::operator delete[](memory, std::align_val_t{sqsim::detail::two_cache_lines});
        }
    };
    struct Place {
        std::unique_ptr<std::byte[], Free> memory{};
        std::size_t size = 0;
    };

    std::vector<Place> places_{};
    std::vector<WorldQueue*> queues_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
