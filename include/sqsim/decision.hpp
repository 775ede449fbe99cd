// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

// The one door for everything nondeterministic: what the simulated service may do one way or another is a call of
// `choose`, and whatever must differ from run to run comes from `process_entropy`.

namespace sqsim::inline SQSIM_ABI {

/// A place where the service may behave in more than one way.
enum class Site : std::uint8_t {
    short_poll,     ///< how much a short poll sees: 0 all, k at most k-1 messages (R90)
    receive_order,  ///< which of the next visible messages comes first (R201)
    duplicate,      ///< whether a lease is handed out a second time while it lasts (R202)
    lost_delete,    ///< whether a copy survives an acknowledged delete (R200)
    stale_delete,   ///< whether a delete by an older handle takes effect (R108)
};

/// Makes the decisions of one queue. Called under the queue's lock, one call at a time.
class DecisionSource {
public:
    DecisionSource() = default;
    DecisionSource(const DecisionSource&) = delete;
    DecisionSource& operator=(const DecisionSource&) = delete;
    virtual ~DecisionSource() = default;

    /// One of `alternatives` >= 1 outcomes at a site, about the `subject`-th message sent (0: about the queue).
    /// Outcome 0 is always the benign one.
    [[nodiscard]] virtual std::uint32_t choose(Site site, std::uint64_t subject, std::uint32_t alternatives) = 0;

    /// How many messages sent later may overtake a message at the site `receive_order`.
    [[nodiscard]] virtual std::uint32_t reorder_window() const = 0;
};

namespace detail {

/// A number that differs between processes and between calls: for ids that must not repeat after a restart.
[[nodiscard]] inline std::uint64_t process_entropy() noexcept {
    static std::atomic<std::uint64_t> counter{
        mix64(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) ^
        mix64(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) + 1) ^
        reinterpret_cast<std::uintptr_t>(&counter)};
    return mix64(counter.fetch_add(0x9e3779b97f4a7c15U, std::memory_order_relaxed));
}

/// A number that no other queue of this process has: recognises handles of another queue.
[[nodiscard]] inline std::uint64_t next_queue_tag() noexcept {
    static std::atomic<std::uint64_t> last{0};
    return last.fetch_add(1, std::memory_order_relaxed) + 1;
}

}  // namespace detail
}  // namespace sqsim::inline SQSIM_ABI
