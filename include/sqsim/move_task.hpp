// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/core_access.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/queue_core.hpp"
#include "sqsim/detail/task.hpp"
#include "sqsim/error.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI {

/// What a move task is doing (R188). `cancelling` is never seen here: a cancel takes effect at once.
enum class MoveTaskStatus : std::uint8_t { running, completed, cancelling, cancelled, failed };

namespace detail {

/// How long after its start a task at a rate moves the message after so many.
[[nodiscard]] constexpr Nanos time_of_move(std::size_t count, std::optional<int> per_second) noexcept {
    if (!per_second) {
        return {};
    }
    const auto rate = static_cast<std::uint64_t>(*per_second);
    const std::chrono::duration<std::uint64_t> whole{count / rate};
    const std::uint64_t rest = count % rate * 1'000'000'000 / rate;
    return saturating_add(saturating_nanos(whole), Nanos{static_cast<Nanos::rep>(rest)});
}

/// Moves messages out of a dead-letter queue at a rate: the n-th at n seconds divided by the rate from the start.
template <class Core>
class MoveTaskState final : public Task, public EventSource {
public:
    MoveTaskState(Core& source, Core* destination, std::optional<int> per_second)
        : source_{&source}, destination_{destination}, clock_{&source.clock()}, rate{per_second},
          started_at{std::min(to_nanos(source.clock().now()), never - Nanos{1})},
          to_move{source.locked([](auto& engine) { return engine.ledger().counts().visible; })} {}

    ~MoveTaskState() override { leave_clock(); }

    /// Lets the clock drive the task.
    void attach() noexcept {
        if constexpr (Core::is_driven) {
            clock_->attach(*this);
            attached_ = true;
        }
    }

    /// If there is no memory to move a message, the next try comes a little later.
    void run_due([[maybe_unused]] Nanos now) override {
        {
            const std::scoped_lock lock{mutex_};
            if constexpr (Core::may_go_back) {
                now = follow_clock();
            }
            move_due(now);
        }
        leave_clock_if_ended();
    }

    /// The first time, at the start. It reads no clock, for the task has begun and a call that throws must not begin
    /// one.
    void run_at_start() noexcept {
        {
            const std::scoped_lock lock{mutex_};
            if (next_due() == Nanos::min()) {  // nobody else has come before
                static_cast<void>(time_.at(started_at));
                move_due(started_at);
            }
        }
        leave_clock_if_ended();
    }

    [[nodiscard]] Nanos next_due() noexcept override { return Nanos{next_due_.load(std::memory_order_acquire)}; }

    void queue_ends(const void* queue) noexcept override {
        {
            const std::scoped_lock lock{mutex_};
            if (queue == source_ || queue == destination_) {
                end(MoveTaskStatus::failed, "AWS.SimpleQueueService.NonExistentQueue");  // R190
            }
        }
        leave_clock_if_ended();
    }

    /// Does what is due now, if the task has not ended: the clock may be gone then.
    void run_due_now() {
        if (next_due() != never) {
            run_due(to_nanos(clock_->now()));
        }
    }

    std::size_t cancel() noexcept {
        {
            const std::scoped_lock lock{mutex_};
            end(MoveTaskStatus::cancelled, "");
        }
        leave_clock_if_ended();
        return moved.load();
    }

    [[nodiscard]] std::string failure_reason() const {
        const std::scoped_lock lock{mutex_};
        return failure_reason_;
    }

    [[nodiscard]] std::chrono::nanoseconds next_event() override { return next_due(); }
    [[nodiscard]] NextEvent settle() noexcept override { return {next_due(), true}; }  // it is never put forward
    NextEvent run_until(std::chrono::nanoseconds now) noexcept override {
        run_due(now);
        return settle();
    }
    [[nodiscard]] bool acts_on_others() const override { return status.load() == MoveTaskStatus::running; }

private:
    static constexpr Nanos patience = std::chrono::milliseconds{1};

    void move_due(Nanos now) noexcept {
        while (next_due() <= now && next_due() != never) {
            if (!obtained([&] { move_one(now); })) {
                next_due_.store(saturating_add(now, patience).count(), std::memory_order_release);
            }
        }
    }

    /// The time now. If the clock was set back, the next message moves when it would have, by the time that passes.
    [[nodiscard]] Nanos follow_clock() {
        const Nanos now =
            to_nanos(clock_->now());  // under the lock: another call may have read it later, and come first
        const Nanos before = time_.set_back();
        static_cast<void>(time_.at(now));
        if (next_due() != never) {
            const Nanos earlier = saturating_subtract(next_due(), saturating_subtract(time_.set_back(), before));
            next_due_.store(earlier.count(), std::memory_order_release);
        }
        return now;
    }

    void move_one(Nanos now) {
        Core* destination = destination_;
        bool without_source = false;
        std::unique_ptr<MovedMessage> message = source_->locked_at(now, [&](auto& engine) {
            return engine.take_for_redrive([&](Record& record) {
                if (destination_ == nullptr) {
                    const Extras* extras = Ledger<typename Core::message_type::body_type>::Layout::extras(record);
                    destination = source_->source_with_tag(extras != nullptr ? extras->source_tag : 0);
                }
                without_source = destination == nullptr;
                return !without_source;
            });
        });
        if (without_source) {
            end(MoveTaskStatus::failed, "CouldNotDetermineMessageSource");
        } else if (!message) {
            end(MoveTaskStatus::completed, "");
        } else {
            destination->post(std::move(message));
            destination->take_in(now);
            const std::size_t count = ++moved;
            const Nanos next =
                saturating_add(saturating_subtract(started_at, time_.set_back()), time_of_move(count, rate));
            next_due_.store(next.count(), std::memory_order_release);
        }
    }

    void end(MoveTaskStatus how, const char* reason) noexcept {
        const Commit commit{};
        if (status.load() == MoveTaskStatus::running) {
            status = how;
            failure_reason_ = reason;
            next_due_.store(never.count(), std::memory_order_release);
        }
    }

    // Without the task's lock: a clock that advances holds its own and may be waiting for the task's.
    void leave_clock_if_ended() {
        if (next_due() == never) {
            leave_clock();
        }
    }
    void leave_clock() {
        if constexpr (Core::is_driven) {
            if (attached_.exchange(false)) {
                clock_->detach(*this);
            }
        }
    }

    mutable std::mutex mutex_{};
    Core* source_;
    Core* destination_;  // null: each message's own source (R187)
    std::remove_reference_t<decltype(std::declval<Core&>().clock())>* clock_;
    std::atomic<bool> attached_{false};
    ElapsedTime time_{};
    const char* failure_reason_ = "";
    std::atomic<Nanos::rep> next_due_{Nanos::min().count()};

public:
    const std::optional<int> rate;
    const Nanos started_at;
    const std::size_t to_move;
    std::atomic<std::size_t> moved{0};
    std::atomic<MoveTaskStatus> status{MoveTaskStatus::running};
};

}  // namespace detail

/// A task that moves messages out of a dead-letter queue (R183-R192). A handle: copies are the same task, which runs
/// whether or not a handle to it is kept.
///
/// The clock runs it: a `ManualClock` as it advances; with a clock that runs by itself, the calls and the waiting
/// receives of the queues involved do what is due.
/// Concurrency: all members may be called at the same time.
template <class QueueType>
class MessageMoveTask {
public:
    using time_point = typename QueueType::time_point;

    [[nodiscard]] MoveTaskStatus status() const { return state().status.load(); }

    /// How many messages were moved so far, and how many were there to move at the start.
    [[nodiscard]] std::size_t approximate_number_of_messages_moved() const { return state().moved.load(); }
    [[nodiscard]] std::size_t approximate_number_of_messages_to_move() const { return state().to_move; }

    /// Why it failed: a queue was destroyed (R190), or a message has no source queue any more to return to. Else empty.
    [[nodiscard]] std::string failure_reason() const { return state_->failure_reason(); }

    [[nodiscard]] time_point started_at() const { return detail::to_time_point<time_point>(state_->started_at); }
    [[nodiscard]] std::optional<int> max_number_of_messages_per_second() const { return state_->rate; }

    /// Ends the task; what was moved stays where it is (R189). Returns: how many messages that is.
    std::size_t cancel() { return state().cancel(); }

    friend bool operator==(const MessageMoveTask&, const MessageMoveTask&) noexcept = default;

private:
    template <class Q>
    friend MessageMoveTask<Q> start_message_move_task(Q&, MoveTaskOptions);
    template <class Q>
    friend MessageMoveTask<Q> start_message_move_task(Q&, std::type_identity_t<Q>&, MoveTaskOptions);
    template <class Q>
    friend std::vector<MessageMoveTask<Q>> list_message_move_tasks(Q&, int);

    using Core = std::remove_reference_t<decltype(detail::CoreAccess::core(std::declval<QueueType&>()))>;
    using State = detail::MoveTaskState<Core>;

    // A task that not everybody knows who is to drive it: it ends before it has begun.
    struct Unstarted {
        explicit Unstarted(State* state_) noexcept : state{state_} {}
        Unstarted(const Unstarted&) = delete;
        Unstarted& operator=(const Unstarted&) = delete;
        ~Unstarted() {
            if (state != nullptr) {
                state->cancel();
            }
        }
        State* state;
    };

    explicit MessageMoveTask(std::shared_ptr<State> state) noexcept : state_{std::move(state)} {}

    /// The state, after what is due has been done.
    [[nodiscard]] State& state() const {
        if constexpr (!Core::is_driven) {
            state_->run_due_now();
        }
        return *state_;
    }

    /// R183-R185, R187.
    static MessageMoveTask start(Core& source, Core* destination, const MoveTaskOptions& options) {
        const std::optional<int> rate = options.max_number_of_messages_per_second;
        if (rate && (*rate < 1 || *rate > source.limits().maximum_move_rate)) {
            detail::raise(
                Errc::invalid_parameter_value,
                "Value for parameter MaxNumberOfMessagesPerSecond is invalid. Reason: You must enter a number "
                "that's between 1 and " +
                    std::to_string(source.limits().maximum_move_rate) + ".");
        }
        if (destination == &source) {
            detail::raise(Errc::invalid_parameter_value,
                          "Source queue arn and destination queue arn cannot be the same.");
        }
        if (destination != nullptr && !detail::is_same_clock(destination->clock(), source.clock())) {
            detail::raise(Errc::invalid_parameter_value, "Destination queue '" + destination->name() +
                                                             "' must use the same clock object as the source '" +
                                                             source.name() + "'.");
        }
        if (source.locked([&](auto&) { return source.sources().empty(); })) {
            detail::raise(Errc::invalid_parameter_value, "Source queue must be configured as a Dead Letter Queue.");
        }
        for (const auto& task : source.tasks().history()) {
            if (task->next_due() != detail::never) {
                detail::raise(Errc::invalid_parameter_value,
                              "There is already a task running. Only one active task is allowed for a source queue arn "
                              "at a given time.");
            }
        }
        auto state = std::make_shared<State>(source, destination, rate);
        const auto destinations =
            destination != nullptr ? std::vector{destination} : source.locked([&](auto&) { return source.sources(); });
        Unstarted unstarted{state.get()};
        source.drive(state);
        for (Core* queue : destinations) {
            queue->drive(state);
        }
        state->attach();
        source.tasks().add_history(state);
        unstarted.state = nullptr;
        state->run_at_start();
        return MessageMoveTask{std::move(state)};
    }

    std::shared_ptr<State> state_;
};

/// Starts to move the messages of a dead-letter queue back, each to the queue it came from (R187), the oldest first.
/// A moved message is a new one: new id, new sent time, received never (R191). The task ends when no message can be
/// delivered.
/// Errors: throws if `source` is no queue's dead-letter queue (R183), a task of it is running (R184), or the rate is
/// not between 1 and 500 (R185).
template <class QueueType>
MessageMoveTask<QueueType> start_message_move_task(QueueType& source, MoveTaskOptions options = {}) {
    return MessageMoveTask<QueueType>::start(detail::CoreAccess::core(source), nullptr, options);
}

/// As above, to one queue on the same clock; it fails if that queue is destroyed meanwhile (R190).
template <class QueueType>
MessageMoveTask<QueueType> start_message_move_task(QueueType& source, std::type_identity_t<QueueType>& destination,
                                                   MoveTaskOptions options = {}) {
    return MessageMoveTask<QueueType>::start(detail::CoreAccess::core(source), &detail::CoreAccess::core(destination),
                                             options);
}

/// The latest tasks of a dead-letter queue, the newest first: one unless asked for more, ten at the most (R188).
template <class QueueType>
std::vector<MessageMoveTask<QueueType>> list_message_move_tasks(QueueType& source, int max_results = 1) {
    using Task = MessageMoveTask<QueueType>;
    const auto all = detail::CoreAccess::core(source).tasks().history();
    const auto count = static_cast<std::size_t>(std::clamp(max_results, 0, 10));
    std::vector<Task> tasks;
    for (auto task = all.rbegin(); task != all.rend() && tasks.size() < count; ++task) {
        tasks.push_back(Task{std::static_pointer_cast<typename Task::State>(*task)});
    }
    return tasks;
}

}  // namespace sqsim::inline SQSIM_ABI
