// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/event_source.hpp"
#include "sqsim/clock/source_list.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// Which of a clock's sources have something due, and when. A step costs only those that do and those that were used
/// since the step before. Allocates nothing: the sources are linked with each other.
///
/// A source is *open* if it must be asked for its next event; or it is settled and *waiting* for that, or in no place
/// if there is none; or it is *due* in the step that is under way. A settled source that something was added to is
/// told: it goes to a list that any thread may push to, and is open once that list was taken.
///
/// Concurrency: `begin_source`, `end_source`, `attach`, `tell`, `is_empty` and `has_acting` from any thread; all else
/// needs the clock's lock.
class Agenda {
public:
    Agenda() = default;
    Agenda(const Agenda&) = delete;
    Agenda& operator=(const Agenda&) = delete;

    [[nodiscard]] bool is_empty() const noexcept { return count_.load(std::memory_order_acquire) == 0; }
    /// Whether a source acts on others.
    [[nodiscard]] bool has_acting() const noexcept { return acting_.load(std::memory_order_acquire) != 0; }

    /// Takes a turn for a source that may be added later. Those that are due in a step run in the order of their turns.
    [[nodiscard]] std::uint64_t begin_source() noexcept {
        count_.fetch_add(1, std::memory_order_relaxed);
        return last_order_.fetch_add(1, std::memory_order_relaxed) + 1;
    }
    void end_source() noexcept { count_.fetch_sub(1, std::memory_order_release); }

    /// Adds a source.
    void attach(EventSource& source) noexcept {
        attach(source, last_order_.fetch_add(1, std::memory_order_relaxed) + 1);
    }
    void attach(EventSource& source, std::uint64_t turn) noexcept {
        source.order_ = turn;
        source.acts_ = source.acts_on_others();
        acting_.fetch_add(source.acts_ ? 1 : 0, std::memory_order_relaxed);
        count_.fetch_add(1, std::memory_order_relaxed);
        tell(source);
    }

    /// Removes a source, which may be running.
    void detach(EventSource& source) noexcept {
        if (source.is_told_.load(std::memory_order_relaxed)) {
            take_told();
        }
        leave(source);
        if (running_ == &source) {
            running_ = nullptr;
        }
        acting_.fetch_sub(source.acts_ ? 1 : 0, std::memory_order_relaxed);
        count_.fetch_sub(1, std::memory_order_release);
    }

    /// A source has to be asked again. Called under the source's lock.
    void tell(EventSource& source) noexcept {
        if (source.is_told_.exchange(true, std::memory_order_acq_rel)) {
            return;
        }
        EventSource* head = told_.load(std::memory_order_relaxed);
        do {
            source.next_told_ = head;
        } while (!told_.compare_exchange_weak(head, &source, std::memory_order_release, std::memory_order_relaxed));
    }

    /// When the next source has something due; `never` if none will.
    [[nodiscard]] Nanos next_event() {
        Nanos next = ask_open();
        while (EventSource* const first = waiting_.top()) {
            const Nanos expected = first->when_;  // nothing happens before, and perhaps nothing then
            if (expected >= next || ask(*first) <= expected) {
                return std::min(next, first->when_);
            }
            if (first->stage_ == Stage::open) {
                next = std::min(next, first->when_);
            }
        }
        return next;
    }

    /// Moves to an instant: runs the sources that have something due by then, or may have, in their order.
    class Step;

private:
    using Stage = EventSource::Stage;

    /// Asks the open sources, so that only those stay open that settle never. Returns: when the next event of these is.
    Nanos ask_open() {
        take_told();
        Nanos next = never;
        ++round_;
        while (EventSource* const source = open_.front()) {
            if (source->round_ == round_) {
                break;
            }
            source->round_ = round_;
            const Nanos when = ask(*source);
            if (source->stage_ == Stage::open) {
                next = std::min(next, when);
            }
        }
        return next;
    }

    struct Earlier {
        [[nodiscard]] bool operator()(const EventSource& a, const EventSource& b) const noexcept {
            return a.when_ < b.when_;
        }
    };
    struct AddedEarlier {
        [[nodiscard]] bool operator()(const EventSource& a, const EventSource& b) const noexcept {
            return a.order_ < b.order_;
        }
    };

    /// Asks a source, which takes its lock. Returns: when its next event is.
    Nanos ask(EventSource& source) {
        const EventSource::NextEvent next = source.settle();
        know(source, next);
        return next.when;
    }
    void know(EventSource& source, const EventSource::NextEvent& next) noexcept {
        source.when_ = next.when;
        move(source, !next.is_settled ? Stage::open : next.when != never ? Stage::waiting : Stage::none);
    }

    /// Takes the list of those that were told.
    void take_told() noexcept {
        EventSource* source = told_.exchange(nullptr, std::memory_order_acquire);
        while (source != nullptr) {
            EventSource* const next = source->next_told_;
            source->is_told_.store(false, std::memory_order_release);  // it may be told again from now on
            move(*source, is_stepping_ && source->order_ > last_run_ ? Stage::due : Stage::open);
            source = next;
        }
    }

    void move(EventSource& source, Stage stage) noexcept {
        leave(source);
        enter(source, stage);
    }
    void leave(EventSource& source) noexcept {
        switch (std::exchange(source.stage_, Stage::none)) {
        case Stage::open:
            open_.erase(source);
            break;
        case Stage::waiting:
            waiting_.erase(source);
            break;
        case Stage::due:
            due_.erase(source);
            break;
        case Stage::none:
            break;
        }
    }
    void enter(EventSource& source, Stage stage) noexcept {
        source.stage_ = stage;
        switch (stage) {
        case Stage::open:
            open_.push_back(source);
            break;
        case Stage::waiting:
            waiting_.push(source);
            break;
        case Stage::due:
            due_.push(source);
            break;
        case Stage::none:
            break;
        }
    }

    std::atomic<EventSource*> told_{nullptr};
    std::atomic<std::size_t> count_{0};
    std::atomic<std::size_t> acting_{0};
    std::atomic<std::uint64_t> last_order_{0};
    SourceList open_{};
    SourceHeap<Earlier> waiting_{};
    SourceHeap<AddedEarlier> due_{};
    std::uint64_t round_ = 0;
    EventSource* running_ = nullptr;
    std::uint64_t last_run_ = 0;  // the order of the source that ran last in this step
    bool is_stepping_ = false;
};

class Agenda::Step {
public:
    Step(Agenda& agenda, Nanos instant) noexcept : agenda_{agenda}, instant_{instant} {
        agenda_.is_stepping_ = true;
        agenda_.last_run_ = 0;
        while (EventSource* const open = agenda_.open_.front()) {
            agenda_.move(*open, Stage::due);
        }
        while (EventSource* const first = agenda_.waiting_.top()) {
            if (first->when_ > instant) {
                break;
            }
            agenda_.move(*first, Stage::due);
        }
    }
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step() {
        agenda_.is_stepping_ = false;
        agenda_.running_ = nullptr;
        while (EventSource* const left = agenda_.due_.top()) {  // one that ran has thrown
            agenda_.move(*left, Stage::open);
        }
    }

    /// A source has something to do at this instant that it does not know of itself.
    void add(EventSource& source) noexcept { agenda_.move(source, Stage::due); }

    /// Those that are told during the step still have their turn in it, unless it was before that of who runs.
    void run() {
        while (true) {
            agenda_.take_told();
            EventSource* const source = agenda_.due_.top();
            if (source == nullptr) {
                return;
            }
            agenda_.last_run_ = source->order_;
            agenda_.running_ = source;
            agenda_.move(*source, Stage::open);
            const EventSource::NextEvent next = source->run_until(instant_);
            if (agenda_.running_ != nullptr) {  // it may have left
                agenda_.know(*source, next);
            }
        }
    }

private:
    Agenda& agenda_;
    Nanos instant_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
