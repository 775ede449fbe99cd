// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

#if defined(__unix__) || defined(__APPLE__)
#    include <pthread.h>
#    include <unistd.h>
#endif

// The one door for chance: whatever a queue or a simulated network may do in more than one way is a call of
// `ChoiceSource::choose`, and whatever must differ from run to run comes from `process_entropy`.

namespace sqsim {
inline namespace SQSIM_ABI {

/// A place where the service, the network or a process may behave in more than one way.
enum class Site : std::uint8_t {
    // Inside a queue.
    short_poll,     ///< what a short poll sees: 0 all, k only k-1 of the messages that it could return (R90)
    receive_order,  ///< which of the next visible messages comes first (R201)
    duplicate,      ///< whether a lease is handed out a second time while it lasts (R202)
    lost_delete,    ///< whether a copy survives an acknowledged delete (R200)
    stale_delete,   ///< whether a delete by an older handle takes effect (R108)
    // Around the calls of a simulated queue: before the request, and after the answer.
    send,
    sent,
    send_batch,
    batch_sent,
    send_entry,  ///< one entry of a batch of sends
    receive,
    received,
    delete_message,
    deleted,
    delete_entry,  ///< one entry of a batch of deletes
    extend,
    extended,
    purge,
    purged,
    set_visibility_timeout,
    visibility_timeout_set,
    set_delay,
    delay_set,
    set_redrive_policy,
    redrive_policy_set,
    dead_letter,   ///< a message has just become a dead letter
    run_property,  ///< what holds for the whole execution
    // In the life of a consumer.
    start,   ///< before the first step of an actor
    handle,  ///< before the handler of a simulated consumer
    turn,    ///< before the next message of a batch
    work,    ///< before and within `work_time`; the delete follows
    working,
    sleep,  ///< before, within and after `sim::sleep_for`
    asleep,
    slept,
    clock,  ///< a look at the consumer's own clock
    await,  ///< a coroutine suspended itself
};

inline constexpr std::size_t site_count = 37;

/// Chooses among alternatives.
class ChoiceSource {
public:
    ChoiceSource() = default;
    ChoiceSource(const ChoiceSource&) = delete;
    ChoiceSource& operator=(const ChoiceSource&) = delete;
    virtual ~ChoiceSource() = default;

    /// Returns one of `count` >= 1 alternatives at a site, about the `subject`-th message sent (0: about the queue).
    /// Alternative 0 is always fault-free. Errors: if it throws, so does the call of the queue, which has not happened
    /// then; an answer that is not below `count` makes that throw `std::out_of_range`.
    /// Concurrency: called under the lock of the queue, one call at a time; it must not call the queue.
    [[nodiscard]] virtual std::uint32_t choose(Site site, std::uint64_t subject, std::uint32_t count) = 0;

    /// How many messages sent later may overtake a message at the site `receive_order`.
    [[nodiscard]] virtual std::uint32_t reorder_window() const { return 0; }
};

/// The earlier name, for one release.
using DecisionSource = ChoiceSource;

namespace detail {

/// What differs between processes and, for a shared object that has variables of its own, also between these.
[[nodiscard]] inline std::uint64_t entropy_of_now(const void* place) noexcept {
    std::uint64_t process = 0;
#if defined(__unix__) || defined(__APPLE__)
    process = static_cast<std::uint64_t>(::getpid());
#endif
    return mix64(static_cast<std::uint64_t>(std::chrono::system_clock::now().time_since_epoch().count())) ^
           mix64(static_cast<std::uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()) + 1) ^
           mix64(reinterpret_cast<std::uintptr_t>(place) + 2) ^ mix64(process + 3);
}

[[nodiscard]] inline std::atomic<std::uint64_t>& entropy_counter() noexcept {
    static std::atomic<std::uint64_t> counter{entropy_of_now(&counter)};
#if defined(__unix__) || defined(__APPLE__)
    // A process that was forked goes on from another number than its parent.
    [[maybe_unused]] static const int watches_forks =
        ::pthread_atfork(nullptr, nullptr, [] { counter.fetch_add(entropy_of_now(&counter)); });
#endif
    return counter;
}

/// A number that differs between processes, also forked ones, and between calls: for ids that must not repeat after a
/// restart.
[[nodiscard]] inline std::uint64_t process_entropy() noexcept {
    return mix64(entropy_counter().fetch_add(0x9e3779b97f4a7c15U, std::memory_order_relaxed));
}

/// A number of 63 bits that no other queue has, whatever shared object made it: recognises handles of another queue.
[[nodiscard]] inline std::uint64_t next_queue_tag() noexcept {
    std::uint64_t tag = process_entropy() >> 1;
    while (tag == 0) {  // that of an empty handle
        tag = process_entropy() >> 1;
    }
    return tag;
}

}  // namespace detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
