// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/decision.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/task.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"
#include "sqsim/message.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// What both public queues are made of: an engine, its lock, its clock, and those who wait.
///
/// Lock order: task, queue, inbox, clock. Two queues' locks are never held together: a message that moves to another
/// queue waits in that queue's inbox, which belongs to it in every count, until its next operation takes it in.
template <class C, class Body, class Lock, class Engine, class Options>
class QueueCore final : public EventSource {
public:
    using message_type = Message<Body, typename C::time_point>;
    static constexpr bool is_driven = requires(C& clock, EventSource& source) { clock.attach(source); };
    static constexpr bool is_fifo = requires(const Options& options) { options.deduplication_scope; };

    QueueCore(C& clock, const Options& options)
        : clock_{clock},
          tag_{next_queue_tag()},
          condition_{checked_name(options)},
          engine_{options, tag_, make_id_key(clock), !std::is_same_v<Lock, NullMutex>},
          maximum_message_size_{options.maximum_message_size} {
        engine_.advance_to(to_nanos(clock_.now()));
        if constexpr (is_driven) {
            clock_.attach(*this);
        }
    }

    ~QueueCore() {
        require(condition_.waiting() == 0, "a queue is destroyed while a receive is blocked on it");
        if constexpr (is_driven) {
            clock_.detach(*this);
        }
        for (const auto& task : driven_tasks_) {
            task->queue_ends(this);
        }
        clear_redrive_policy();
        for (QueueCore* source : sources_) {  // they go on without a dead-letter queue (R182)
            const std::scoped_lock lock{source->mutex_};
            source->dead_letter_queue_ = nullptr;
        }
        for (const MovedMessage& moved : inbox_) {
            moved.owner->release(*moved.record);
        }
    }

    /// Runs an operation on the engine under the lock, after everything that is due has happened.
    template <class Operation>
    auto locked(Operation operation) {
        run_tasks();
        return locked_now(std::move(operation));
    }

    /// The same for a move task, which must not run itself.
    template <class Operation>
    auto locked_now(Operation operation) {
        const Nanos now = to_nanos(clock_.now());
        Section section{*this};
        catch_up(now);
        return operation(engine_);
    }

    /// R84-R93: gives `take(message_type&&)` what there is, or waits for it; before that, and under the same lock,
    /// erases `done`. Returns how many it gave.
    template <class Take>
    std::size_t receive(std::span<const ReceiptHandle> done, const ReceiveMessageOptions& options,
                        const std::stop_token& stop, Take take) {
        raise_if(check_receive(options, engine_.options().limits, is_fifo));
        run_tasks();
        const auto start = clock_.now();
        Section section{*this};
        catch_up(to_nanos(start));
        for (const ReceiptHandle& handle : done) {
            static_cast<void>(engine_.erase(handle));
        }
        if (stop.stop_requested()) {
            return 0;
        }
        const Nanos wait_time = options.wait_time.value_or(engine_.options().receive_message_wait_time);
        Attempt<Take> attempt{*this, options, wait_time == Nanos::zero(), take};
        bool again = attempt.once();
        const auto deadline = to_time_point<typename C::time_point>(saturating_add(to_nanos(start), wait_time));
        if (!again && !attempt.plan.short_poll) {
            again = wait_until(clock_, section.lock, condition_, stop, deadline, attempt);
            while (again && attempt.tasks_are_due) {
                section.lock.unlock();
                run_tasks();
                section.lock.lock();
                again = wait_until(clock_, section.lock, condition_, stop, deadline, attempt);
            }
            if (!again && engine_.ledger().counts().visible != 0) {
                condition_.notify_one();  // the wake-up may have been meant for this receive, which was stopped
            }
        }
        const bool refused = attempt.received.over_limit && attempt.plan.short_poll && !is_fifo;
        if (attempt.received.messages == 0 && !refused) {
            ++engine_.ledger().totals.number_of_empty_receives;
        }
        section.finish();
        if (attempt.dead_letter_queue != nullptr) {
            attempt.dead_letter_queue->take_in();
        }
        if (refused) {
            raise(Errc::over_limit,
                  "Too many messages have been received without being deleted. Please delete your received messages "
                  "or let them timeout before receiving more.");
        }
        return attempt.received.messages;
    }

    HandleResult erase(const ReceiptHandle& handle) {
        return {checked(handle, locked([&](Engine& engine) { return engine.erase(handle); }))};
    }

    HandleResult change_visibility(const ReceiptHandle& handle, Nanos timeout) {
        const Limits& limits = engine_.options().limits;
        raise_if(check_new_visibility(timeout, limits));
        const Changed changed = locked([&](Engine& engine) { return engine.change_visibility(handle, timeout); });
        if (changed.beyond_limit) {
            raise(beyond_total_visibility(timeout, limits));
        }
        return {checked(handle, changed.status)};
    }

    void set_redrive_policy(QueueCore& dead_letter_queue, int max_receive_count) {
        raise_if(check_redrive_policy(dead_letter_queue.name(), max_receive_count, engine_.options().limits));
        if (&dead_letter_queue.clock_ != &clock_) {
            raise(Errc::invalid_parameter_value,
                  "Dead-letter queue '" + std::string{dead_letter_queue.name()} +
                      "' must use the same clock object as the source '" + std::string{name()} + "'.");
        }
        clear_redrive_policy();
        {
            const std::scoped_lock lock{dead_letter_queue.mutex_};
            dead_letter_queue.sources_.push_back(this);
        }
        const std::scoped_lock lock{mutex_};
        dead_letter_queue_ = &dead_letter_queue;
        max_receive_count_ = max_receive_count;
    }

    void clear_redrive_policy() {
        QueueCore* old = nullptr;
        {
            const std::scoped_lock lock{mutex_};
            old = std::exchange(dead_letter_queue_, nullptr);
            max_receive_count_ = 0;
        }
        if (old != nullptr) {
            const std::scoped_lock lock{old->mutex_};
            std::erase(old->sources_, this);
        }
    }

    /// Takes a message that another queue moves here: into the inbox. `take_in` must follow, without that queue's lock.
    void post(MovedMessage&& moved) {
        const std::scoped_lock lock{inbox_mutex_};
        inbox_.push_back(std::move(moved));
        inbox_filled_.store(true, std::memory_order_release);
    }
    void take_in() {
        locked_now([](Engine&) {});
    }

    /// The queue with this tag that moves its dead letters here; null if there is none. Under the lock (`locked`).
    [[nodiscard]] QueueCore* source_with_tag(std::uint64_t tag) const noexcept {
        const auto found =
            std::find_if(sources_.begin(), sources_.end(), [&](auto* source) { return source->tag_ == tag; });
        return found == sources_.end() ? nullptr : *found;
    }
    [[nodiscard]] const std::vector<QueueCore*>& sources() const noexcept { return sources_; }

    /// Lets this queue's calls drive a move task until it ends, if the clock does not.
    void drive(std::shared_ptr<Task> task) {
        std::vector<std::shared_ptr<Task>> tasks{std::move(task)};
        const std::scoped_lock lock{mutex_};
        std::copy_if(driven_tasks_.begin(), driven_tasks_.end(), std::back_inserter(tasks),
                     [](const auto& other) { return other->next_due() != never; });
        driven_tasks_.swap(tasks);  // the last reference to a task is dropped only after the lock
        has_tasks_.store(!is_driven, std::memory_order_release);
        condition_.notify_all();
    }

    /// The latest move tasks out of this queue, the oldest first.
    [[nodiscard]] std::vector<std::shared_ptr<Task>> move_tasks() const {
        const std::scoped_lock lock{mutex_};
        return move_tasks_;
    }
    void add_move_task(std::shared_ptr<Task> task) {
        std::shared_ptr<Task> oldest;
        const std::scoped_lock lock{mutex_};
        move_tasks_.push_back(std::move(task));
        if (move_tasks_.size() > 10) {
            oldest = std::move(move_tasks_.front());
            move_tasks_.erase(move_tasks_.begin());
        }
    }

    /// Calls `visit(message, record, available_at)` for the stored messages, without handles and in the order they came,
    /// as long as it returns true.
    template <class Visit>
    void peek(Visit visit) {
        locked([&](Engine& engine) {
            engine.ledger().for_each([&](Record& record) {
                return visit(MessageAccess::make<message_type>(record, engine.ledger().store(), ReceiptHandle{}),
                             record, engine.available_at(record));
            });
        });
    }

    [[nodiscard]] std::chrono::nanoseconds next_event() override {
        return locked([](Engine& engine) { return engine.next_event(); });
    }

    void run_until(std::chrono::nanoseconds now) override {
        Section section{*this};
        engine_.advance_to(now);
        if constexpr (is_driven) {
            clock_.time_has_moved(condition_, engine_.take_opened() != 0);
        }
    }

    [[nodiscard]] C& clock() const noexcept { return clock_; }
    [[nodiscard]] const std::string& name() const noexcept { return condition_.name(); }
    [[nodiscard]] const Limits& limits() const noexcept { return engine_.options().limits; }
    [[nodiscard]] std::size_t maximum_message_size() const noexcept {
        return maximum_message_size_.load(std::memory_order_relaxed);
    }
    void set_maximum_message_size(std::size_t bytes) {
        maximum_message_size_.store(bytes, std::memory_order_relaxed);
        locked([&](Engine& engine) { engine.options().maximum_message_size = bytes; });
    }
    /// What never changes of the options may be read without the lock.
    [[nodiscard]] const Options& fixed_options() const noexcept { return engine_.options(); }

    /// Throws for a handle that never came from this queue (R106, R113).
    [[nodiscard]] static HandleStatus checked(const ReceiptHandle& handle, HandleStatus status) {
        if (status == HandleStatus::invalid) {
            raise(handle_is_invalid(handle == ReceiptHandle{} ? "" : handle.to_string()));
        }
        return status;
    }

private:
    /// The time under the lock. At its end those are woken who should be, and what was removed is freed.
    struct Section {
        explicit Section(QueueCore& queue_) : queue{queue_}, lock{queue_.mutex_} {}
        Section(const Section&) = delete;
        Section& operator=(const Section&) = delete;
        ~Section() { finish(); }

        void finish() noexcept {
            if (!lock.owns_lock()) {
                return;
            }
            queue.wake();
            MessageStore<Body>& store = queue.engine_.ledger().store();
            Record* const doomed = store.take_doomed();
            lock.unlock();
            store.bury(doomed);
        }

        QueueCore& queue;
        std::unique_lock<Lock> lock;
    };

    /// One receive, tried as often as there is hope.
    template <class Take>
    struct Attempt {
        Attempt(QueueCore& queue_, const ReceiveMessageOptions& options_, bool short_poll, Take& take_)
            : queue{queue_}, options{options_}, take{take_} {
            plan.maximum = static_cast<std::size_t>(options.max_number_of_messages);
            plan.short_poll = short_poll;
        }

        [[nodiscard]] bool once() {
            Engine& engine = queue.engine_;
            plan.visibility_timeout = options.visibility_timeout.value_or(engine.options().visibility_timeout);
            plan.default_timeout = !options.visibility_timeout.has_value();
            plan.max_receive_count = queue.dead_letter_queue_ != nullptr ? queue.max_receive_count_ : 0;
            const auto deliver = [&](Record& record) {
                take(MessageAccess::make<message_type>(record, engine.ledger().store(),
                                                       engine.ledger().handle(record)));
            };
            const auto dead = [&](MovedMessage&& moved) {
                dead_letter_queue = queue.dead_letter_queue_;
                dead_letter_queue->post(std::move(moved));
            };
            if constexpr (is_fifo) {
                received = engine.receive_attempt(options.receive_request_attempt_id, plan, deliver, dead);
            } else {
                received = engine.receive(plan, deliver, dead);
            }
            return received.messages != 0;
        }

        // As the predicate of a wait: a stop after this lets a message go to somebody else.
        [[nodiscard]] bool operator()() {
            const Nanos now = to_nanos(queue.clock_.now());
            queue.catch_up(now);
            tasks_are_due = false;
            if (once()) {
                return true;
            }
            tasks_are_due = queue.next_task() <= now;
            queue.wake();
            return tasks_are_due;
        }

        [[nodiscard]] Nanos next_look() {
            const Nanos look = std::min(queue.engine_.next_event(), queue.next_task());
            queue.next_look_ = std::min(queue.next_look_, look);
            return look;
        }

        QueueCore& queue;
        const ReceiveMessageOptions& options;
        Take& take;
        ReceivePlan plan{};
        Received received{};
        QueueCore* dead_letter_queue = nullptr;
        bool tasks_are_due = false;
    };

    [[nodiscard]] static const std::string& checked_name(const Options& options) {
        raise_if(check_queue_options(options, is_fifo));
        return options.name;
    }

    [[nodiscard]] static std::uint64_t make_id_key(C& clock) noexcept {
        if constexpr (requires { clock.next_id_key(); }) {
            return clock.next_id_key();
        } else {
            return process_entropy();
        }
    }

    /// Lets everything happen that is due, and takes in what other queues moved here.
    void catch_up(Nanos now) {
        engine_.advance_to(now);
        if (inbox_filled_.load(std::memory_order_acquire)) {
            std::vector<MovedMessage> arrived;
            {
                const std::scoped_lock lock{inbox_mutex_};
                arrived.swap(inbox_);
                inbox_filled_.store(false, std::memory_order_release);
            }
            for (MovedMessage& moved : arrived) {
                engine_.admit(std::move(moved));
            }
            engine_.advance_to(now);  // one that kept its sent time may be past its retention already
        }
    }

    /// Wakes as many receives as may find something, or all if one would look too late otherwise.
    void wake() noexcept {
        const std::size_t opened = engine_.take_opened();
        if (condition_.waiting() == 0) {
            return;
        }
        const bool too_late = !is_driven && engine_.next_event() < next_look_;
        if (opened > 1 || too_late) {
            next_look_ = never;
            condition_.notify_all();
        } else if (opened == 1) {
            condition_.notify_one();
        }
    }

    void run_tasks() {
        if (!has_tasks_.load(std::memory_order_acquire)) {
            return;
        }
        const Nanos now = to_nanos(clock_.now());
        std::vector<std::shared_ptr<Task>> tasks;
        {
            const std::scoped_lock lock{mutex_};
            tasks = driven_tasks_;
        }
        for (const std::shared_ptr<Task>& task : tasks) {
            task->run_due(now);
        }
        const std::scoped_lock lock{mutex_};
        if (next_task() == never) {
            has_tasks_.store(false, std::memory_order_release);
        }
    }

    [[nodiscard]] Nanos next_task() const {
        Nanos next = never;
        if (has_tasks_.load(std::memory_order_acquire)) {
            for (const std::shared_ptr<Task>& task : driven_tasks_) {
                next = std::min(next, task->next_due());
            }
        }
        return next;
    }

    C& clock_;
    std::uint64_t tag_;
    mutable Lock mutex_{};
    WaitCondition condition_;
    Nanos next_look_ = never;  // no later than when the next waiting receive looks by itself
    Engine engine_;
    std::atomic<std::size_t> maximum_message_size_;  // a copy of the option: sends check it before they lock
    QueueCore* dead_letter_queue_ = nullptr;
    int max_receive_count_ = 0;
    std::vector<QueueCore*> sources_{};  // the queues whose dead-letter queue this is
    std::vector<std::shared_ptr<Task>> move_tasks_{};    // out of this queue
    std::vector<std::shared_ptr<Task>> driven_tasks_{};  // that work on this queue and have not ended
    std::atomic<bool> has_tasks_{false};
    Lock inbox_mutex_{};
    std::vector<MovedMessage> inbox_{};
    std::atomic<bool> inbox_filled_{false};
};

/// The core of a public queue, for move tasks and the simulation.
struct CoreAccess {
    template <class QueueType>
    [[nodiscard]] static auto& core(QueueType& queue) noexcept {
        return queue.core_;
    }
};

}  // namespace sqsim::inline SQSIM_ABI::detail
