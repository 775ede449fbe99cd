// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <atomic>
#include <chrono>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI {

namespace detail {
class Agenda;
class SourceList;
template <class Before>
class SourceHeap;
}  // namespace detail

/// Something that happens at instants of its own: the queues and move tasks that a `ManualClock` steps through.
/// Instants are nanoseconds since the clock's epoch.
class EventSource {
public:
    EventSource(const EventSource&) = delete;
    EventSource& operator=(const EventSource&) = delete;

    /// The next instant at which something happens; the largest duration if nothing will.
    /// Concurrency: takes the source's own lock; the clock's lock is not held.
    [[nodiscard]] virtual std::chrono::nanoseconds next_event() = 0;

    /// What a clock needs to know.
    struct NextEvent {
        std::chrono::nanoseconds when{};
        /// The source calls the clock's `unsettle`, under its own lock, before something may happen earlier. The clock
        /// asks any other source before each step.
        bool is_settled = false;
    };
    /// `next_event` for the clock.
    [[nodiscard]] virtual NextEvent settle() { return {next_event()}; }

    /// Lets everything happen that is due by `now`, and wakes those whom it concerns. Returns: what `settle`
    /// would, or an earlier instant.
    virtual NextEvent run_until(std::chrono::nanoseconds now) = 0;

    /// Whether its events change other sources, so that time may not jump over them. Asked once, by `attach`.
    [[nodiscard]] virtual bool acts_on_others() const { return false; }

protected:
    EventSource() = default;
    ~EventSource() = default;

private:
    friend class detail::Agenda;
    friend class detail::SourceList;
    template <class Before>
    friend class detail::SourceHeap;

    enum class Stage : std::uint8_t { none, open, waiting, due };

    // All of it belongs to the clock's agenda.
    EventSource* previous_ = nullptr;  // in a list; in a heap the parent, if this is its first child
    EventSource* next_ = nullptr;
    EventSource* child_ = nullptr;
    EventSource* next_told_ = nullptr;
    std::chrono::nanoseconds when_{};  // nothing happens before
    std::uint64_t order_ = 0;          // of the sources that are due
    std::uint64_t round_ = 0;          // in which it was asked
    std::atomic<bool> is_told_{false};
    bool acts_ = false;
    Stage stage_ = Stage::none;
};

}  // namespace sqsim::inline SQSIM_ABI
