// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/inbox.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/receive_attempt.hpp"
#include "sqsim/detail/redrive_link.hpp"
#include "sqsim/detail/section.hpp"
#include "sqsim/detail/senders.hpp"
#include "sqsim/detail/task_list.hpp"
#include "sqsim/detail/throttle.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"
#include "sqsim/message.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
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
/// Lock order: task, queue, senders, inbox, clock. Two queues' locks are never held together: a message that moves to
/// another queue waits in that queue's inbox, which belongs to it in every count, until its next operation takes it in.
///
/// Plain sends to a standard queue take the senders' lock only. What they store counts from the next operation under
/// the queue's lock, which sees it first of all.
template <class C, class Body, class Lock, class Engine, class Options>
class QueueCore final : public EventSource {
public:
    using message_type = Message<Body, typename C::time_point>;
    using lock_type = Lock;
    static constexpr bool is_driven = requires(C & clock, EventSource& source) { clock.attach(source); };
    static constexpr bool is_shared = !std::is_same_v<Lock, NullMutex>;  // by several threads
    /// A send beside the queue's lock does not know the last time that the queue has seen.
    static constexpr bool may_go_back = !is_driven && !is_steady<C>;
    static constexpr bool is_fifo = requires(const Options& options) { options.deduplication_scope; };

    QueueCore(C& clock, const Options& options)
        : clock_{clock}, tag_{next_queue_tag()}, condition_{checked_name(options)},
          engine_{options, tag_, make_id_key(clock), is_shared}, maximum_message_size_{options.maximum_message_size} {
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
        tasks_.queue_ends(this);
        clear_redrive_policy();
        RedriveLink<QueueCore>::end(*this);
    }

    /// Stores good messages without options and without the queue's lock, all or none. Returns: the place of the last
    /// one, or 0 if that was not possible and nothing was taken: a receive waits, a task is due, there is no room, the
    /// clock may be set back.
    template <class Bodies>
    [[gnu::always_inline]] std::uint64_t send_beside(Bodies&& bodies, const SentMessageSizes& sizes) {
        if (may_go_back || tasks_.any()) {
            return 0;
        }
        const Nanos now = to_nanos(clock_.now());
        const auto lock = lock_soon(senders_.mutex);
        return senders_.sleepers == 0 ? engine_.try_send(std::forward<Bodies>(bodies), sizes, now) : 0;
    }

    /// Runs an operation on the engine under both locks.
    template <class Operation>
    auto locked_with_senders(Operation operation) {
        return locked([&](Engine& engine) {
            const auto lock = lock_soon(senders_.mutex);
            engine.advance_to(engine.ledger().now());  // sees what was sent meanwhile
            return operation(engine);
        });
    }

    /// The engine of a queue that only one thread uses, between two operations.
    [[nodiscard]] const Engine& unlocked() const noexcept requires(!is_shared) { return engine_; }

    /// The id of the message with this place.
    [[nodiscard]] MessageId message_id(std::uint64_t ordinal) const noexcept {
        return IdAccess::message_id(engine_.ledger().store().id_key(), ordinal);
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

    /// R84-R93: gives `take(record)` what there is, up to `maximum`, or waits for it; before that, and under the same
    /// lock, erases `done`. Returns how many it gave. Precondition: the options are good.
    template <class Take>
    std::size_t receive(std::span<const ReceiptHandle> done, const ReceiveMessageOptions& options, std::size_t maximum,
                        const std::stop_token& stop, Take take) {
        run_tasks();
        const auto start = clock_.now();
        Section section{*this};
        catch_up(to_nanos(start));
        if constexpr (is_fifo) {
            if (engine_.is_void(options.receive_request_attempt_id, done)) {
                raise(attempt_is_void(options.receive_request_attempt_id));
            }
        }
        engine_.count_call(Call::receive);
        if constexpr (is_shared) {
            engine_.ledger().store().collect();  // what this thread has freed is still near
        }
        for (const ReceiptHandle& handle : done) {
            static_cast<void>(engine_.erase(handle));
        }
        if (stop.stop_requested()) {
            return 0;
        }
        if constexpr (!is_fifo) {
            if (const std::size_t received = engine_.receive_fresh(maximum, options.visibility_timeout, take)) {
                return received;
            }
        }
        return ReceiveAttempt<QueueCore, Take>{*this, options, maximum, take}.receive(section, stop, start);
    }

    HandleResult erase(const ReceiptHandle& handle) {
        const HandleStatus status = locked([&](Engine& engine) {
            engine.count_call(Call::erase);
            return engine.erase(handle);
        });
        return {checked(handle, status)};
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

    /// Lets this queue be the source of a dead-letter queue, in place of an earlier one; or of none.
    void set_redrive_policy(QueueCore& dead_letter_queue, int max_receive_count) {
        RedriveLink<QueueCore>::set(*this, dead_letter_queue, max_receive_count);
    }
    void clear_redrive_policy() { RedriveLink<QueueCore>::clear(*this); }

    /// Takes a message that another queue moves here: into the inbox. `take_in` must follow, without that queue's lock.
    void post(MovedMessage&& moved) { inbox_.post(std::move(moved)); }
    void take_in() {
        locked_now([](Engine&) {});
    }

    /// The queue with this tag that moves its dead letters here; null if there is none. Under the lock (`locked`).
    [[nodiscard]] QueueCore* source_with_tag(std::uint64_t tag) const noexcept { return redrive_.source_with_tag(tag); }
    [[nodiscard]] const std::vector<QueueCore*>& sources() const noexcept { return redrive_.sources; }

    /// The move tasks. Those that the clock does not drive are driven by this queue's calls and waiting receives.
    [[nodiscard]] TaskList<Lock>& tasks() noexcept { return tasks_; }
    void drive(std::shared_ptr<Task> task) {
        tasks_.add(std::move(task), !is_driven);
        const std::scoped_lock lock{mutex_};
        condition_.notify_all();
    }

    /// Calls `visit(message, record, available_at)` for the stored messages, without handles and in the order they
    /// came, as long as it returns true.
    template <class Visit>
    void peek(Visit visit) {
        locked([&](Engine& engine) {
            engine.ledger().arrivals().for_each([&](Record& record) {
                message_type message;
                MessageAccess::fill(message, record, engine.ledger().store(), ReceiptHandle{});
                return visit(std::move(message), record, engine.available_at(record));
            });
        });
    }

    /// Makes an empty message one of a record that is being received.
    [[gnu::always_inline]] void fill(message_type& message, Record& record) noexcept {
        MessageAccess::fill(message, record, engine_.ledger().store(), engine_.ledger().handle(record));
    }

    /// Lets go of a message that is about to be overwritten, under the lock. Returns whether it could: otherwise the
    /// caller keeps it until the lock is free, for it belongs to another queue.
    [[gnu::always_inline]] [[nodiscard]] bool let_go(message_type& message) noexcept {
        MessageStore<Body>& store = engine_.ledger().store();
        Record* const record = MessageAccess::empty(message, store);
        if (record == nullptr) {
            return !message;
        }
        store.drop(*record);
        return true;
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
    [[nodiscard]] HandleStatus checked(const ReceiptHandle& handle, HandleStatus status) const {
        if (status == HandleStatus::invalid) {
            const bool is_empty = handle == ReceiptHandle{};
            raise(handle_is_invalid(is_empty ? "" : handle.to_string(), !is_empty && IdAccess::queue(handle) != tag_));
        }
        return status;
    }

private:
    template <class Core, class Take>
    friend class ReceiveAttempt;
    friend struct RedriveLink<QueueCore>;
    friend struct detail::Section<QueueCore>;

    using Section = detail::Section<QueueCore>;

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
    [[gnu::always_inline]] void catch_up(Nanos now) {
        engine_.advance_to(now);
        if (inbox_.is_filled()) [[unlikely]] {
            take_in_now(now);
        }
    }

    void take_in_now(Nanos now) {
        std::vector<MovedMessage> arrived = inbox_.take();
        {
            const std::scoped_lock lock{senders_.mutex};
            engine_.advance_to(now);  // sees what was sent meanwhile
            for (MovedMessage& moved : arrived) {
                engine_.admit(std::move(moved));
            }
        }
        engine_.advance_to(now);  // one that kept its sent time may be past its retention already
    }

    void tidy() {
        auto& ledger = engine_.ledger();
        if (ledger.is_untidy()) {
            engine_.tidy();
        }
        Slots& slots = ledger.store().slots();
        if (!slots.has_batch() && !ledger.is_wasteful()) {
            return;
        }
        const std::unique_lock lock{senders_.mutex, std::try_to_lock};
        if (lock.owns_lock()) {  // what is worth doing now is worth it after the next send
            engine_.advance_to(ledger.now());
            slots.hand_over();
            if (ledger.is_wasteful()) {
                ledger.compact();
            }
        }
    }

    /// Wakes as many receives as may find something, or all if one would look too late otherwise.
    void wake() noexcept {
        if (condition_.waiting() == 0) {
            return;
        }
        const std::size_t opened = engine_.take_opened();
        if (next_look_ <= engine_.ledger().now()) {
            next_look_ = never;  // whoever was to look by now does so by itself
        }
        if constexpr (is_driven) {
            if (opened != 0) {
                clock_.wake(condition_);
            }
        } else if (opened > 1 || engine_.next_event() < next_look_) {
            next_look_ = never;
            condition_.notify_all();
        } else if (opened == 1) {
            condition_.notify_one();
        }
    }

    void run_tasks() {
        if (tasks_.any()) {
            tasks_.run_due(to_nanos(clock_.now()));
        }
    }

    C& clock_;
    std::uint64_t tag_;
    alignas(two_cache_lines) mutable Lock mutex_{};
    WaitCondition condition_;
    Nanos next_look_ = never;  // no later than when the next waiting receive looks by itself
    Engine engine_;
    std::atomic<std::size_t> maximum_message_size_;  // a copy of the option: sends check it before they lock
    RedriveLink<QueueCore> redrive_{};
    TaskList<Lock> tasks_{};
    Inbox<Lock> inbox_{};
    mutable Senders<Lock> senders_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
