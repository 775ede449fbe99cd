// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/core_access.hpp"
#include "sqsim/detail/lazy_core.hpp"
#include "sqsim/detail/seeded_choices.hpp"
#include "sqsim/detail/sending.hpp"
#include "sqsim/detail/shared_verbs.hpp"
#include "sqsim/detail/standard_engine.hpp"
#include "sqsim/detail/unfinished_batch.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/handle_results.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI {

/// A standard queue: at-least-once delivery, best-effort order, within one process and against an injected clock.
///
/// The life of a message: a send stores it, *delayed* or *visible*. A receive returns visible messages and makes them
/// *in flight*: hidden from other receives for the visibility timeout. A delete by the receipt handle ends its life.
/// Without a delete the message becomes visible again when the timeout ends, and the next receive returns it with
/// another handle and a higher receive count; after `max_receive_count` receives it moves to the dead-letter queue
/// instead. Whatever its state, it ends when its retention period does.
///
/// By default the queue is exact: every message once, in the order sent. `QueueOptions::delivery` makes it misbehave
/// within what the service documents.
///
/// `Clock` is a `sqsim::Clock`; the queue keeps a reference to it. `Body` is `std::string` or any movable type;
/// messages with text bodies obey the service's rules for contents and size. `Lock` is `std::mutex`; `LightMutex`,
/// where locking is what a call costs; or `NullMutex`, if only one thread uses the queue.
///
/// Errors: a call that throws has not happened, whatever throws: the queue, memory, the clock, a body's constructor or
/// a choice source. A body's destructor may not throw.
///
/// Concurrency: all members may be called at the same time, construction and destruction excepted; calls block each
/// other for a moment. The only user code that runs under the lock is a body's move or copy, a choice source, and the
/// clock in a receive that waits. It must not call the queue.
template <class C, class Body, class Lock>
class Queue {
    static_assert(Clock<C>, "the first parameter of Queue must satisfy sqsim::Clock");

public:
    using clock_type = C;
    using body_type = Body;
    using time_point = typename C::time_point;
    using message_type = Message<Body, time_point>;
    /// What a send takes: text is copied in once from a view, anything else is moved in, unless the call throws or
    /// stores nothing.
    using body_argument = detail::BodyArgument<Body>;

    /// A queue on a clock that needs no object, as those of the standard library.
    /// Errors: an option out of its range in `options.limits` throws.
    Queue() requires detail::StaticClock<C> : Queue{detail::static_clock<C>} {}
    explicit Queue(QueueOptions options) requires detail::StaticClock<C>
        : Queue{detail::static_clock<C>, std::move(options)} {}

    /// A queue on a clock that outlives it.
    explicit Queue(C& clock, QueueOptions options = {}) : lazy_core_{clock, options} {
        if (options.delivery != DeliveryModel::exact()) {
            seeded_choices_ = std::make_unique<detail::SeededChoices>(options.delivery);
            decide_by(seeded_choices_.get());
        }
    }
    Queue(C&&, QueueOptions = {}) = delete;
    Queue(const Queue&) = delete;
    Queue& operator=(const Queue&) = delete;
    /// Precondition, checked: no receive is blocked on the queue. One that is when the process ends never returns.
    /// Messages outlive the queue.
    ~Queue() = default;

    /// Stores a message; it becomes visible after its delay, or the queue's.
    /// Errors: throws for a body, an attribute, a delay or a group id that the service refuses (R38-R60), and
    /// `queue_full` if `capacity` messages are stored. Nothing is stored then.
    /// Complexity: constant. Concurrency: wakes one waiting receive.
    SendMessageResult send_message(body_argument body, const SendMessageOptions& options) {
        return try_send_message(std::forward<body_argument>(body), options).value();
    }
    SendMessageResult send_message(const Body& body,
                                   const SendMessageOptions& options) requires detail::is_copied<Body> {
        return try_send_message(body, options).value();
    }

    /// Stores a message without options: the fast way to send one. Concurrency: waits for other sends, but seldom for
    /// receives.
    SendMessageResult send_message(body_argument body) { return send_plain(std::forward<body_argument>(body)); }
    SendMessageResult send_message(const Body& body) requires detail::is_copied<Body> { return send_plain(body); }

    /// As `send_message`, with the error `queue_full` as a value.
    Result<SendMessageResult> try_send_message(body_argument body, const SendMessageOptions& options = {}) {
        return send_drafted(std::forward<body_argument>(body), options);
    }
    Result<SendMessageResult>
    try_send_message(const Body& body, const SendMessageOptions& options = {}) requires detail::is_copied<Body> {
        return send_drafted(body, options);
    }

    /// Stores up to ten messages; each entry succeeds or fails by itself (R76-R78). An entry that succeeds is moved
    /// from, another one is not touched. Returns: a result for each entry, in their order. Errors: throws if the batch
    /// is empty, too long or too large (R71, R72, R75); nothing is stored then, and all entries are what they were.
    std::vector<Result<SendMessageResult>> send_messages(std::span<SendMessageEntry<Body>> entries) {
        auto drafts = detail::draft_batch<Body, SendMessageEntry<Body>>(entries, core());
        std::vector<Result<SendMessageResult>> results;
        results.reserve(entries.size());
        core().locked_to_send(entries.size(), [&](Engine& engine) {
            detail::UnfinishedEntries<Engine, Body, SendMessageEntry<Body>> unfinished{engine, entries, results};
            detail::SizeTotals sizes;
            for (std::size_t i = 0; i < entries.size(); ++i) {
                results.push_back(
                    drafts[i].error ? Result<SendMessageResult>{*drafts[i].error}
                                    : store(engine, std::move(entries[i].body), entries[i].options, drafts[i], sizes));
            }
            unfinished.keep();
            for (std::size_t i = 0; i < entries.size(); ++i) {
                detail::take_options(drafts[i], entries[i].options);
            }
            engine.ledger().count_sent(sizes);
        });
        return results;
    }

    /// Stores messages with equal options, all or none: the fast way to send many. Not limited to ten.
    /// Returns: how many were stored, which is zero if `capacity` would be exceeded.
    /// Errors: throws as `send_message`.
    std::size_t send_messages(std::span<const std::string_view> bodies,
                              const SendMessageOptions& options) requires detail::is_text<Body> {
        const auto sizes = detail::check_bodies(bodies, options, core());
        return core().locked_to_send(bodies.size(), [&](Engine& engine) -> std::size_t {
            if (bodies.size() > engine.room()) {
                return 0;
            }
            detail::UnfinishedBatch<Engine> unfinished{engine};
            for (const std::string_view body : bodies) {
                engine.send(body, detail::make_extras(options), options.message_group_id, options.delay);
            }
            unfinished.keep();
            engine.ledger().count_sent(sizes);
            return bodies.size();
        });
    }

    /// The same without options, and faster still: as `send_message` of one body.
    std::size_t send_messages(std::span<const std::string_view> bodies) requires detail::is_text<Body> {
        return bodies.empty() ||
                       core().template send_plain<std::span<const std::string_view>>(bodies, bodies.size()) != 0
                   ? bodies.size()
                   : send_unusual(bodies);
    }

    /// Receives one message, if there is one.
    ///
    /// With a `wait_time` above zero, the option's or the queue's, the call blocks until a message is visible, the
    /// time is over, or a stop is requested. A stop leases nothing. What becomes visible just when the wait ends is
    /// taken. With a `NullMutex` on a `ManualClock` nothing could end a wait, and the call returns at once.
    /// Errors: throws for options out of range (R85, R86), and `over_limit` from a short poll if too many messages are
    /// in flight (R102).
    /// Concurrency: woken by a send, the end of a delay or a lease, and `change_message_visibility` to zero.
    std::optional<message_type> receive_message(const ReceiveMessageOptions& options, std::stop_token stop = {}) {
        return detail::receive_one(core(), options, stop);
    }
    /// The same without options: the fast way to receive one.
    std::optional<message_type> receive_message() {
        std::optional<message_type> message{std::in_place};
        return core().receive_fresh(*message) != 0 ? std::move(message) : receive_message(ReceiveMessageOptions{});
    }

    /// Receives up to `max_number_of_messages`, as soon as there is at least one (R91). See `receive_message`.
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return detail::receive_some(core(), options, stop);
    }

    /// Receives into `out`, up to its size and `max_number_of_messages`. Returns: how many.
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options,
                                 std::stop_token stop = {}) {
        return detail::receive_into(core(), {}, out, options, stop);
    }
    /// The same without options: the fast way to receive.
    std::size_t receive_messages(std::span<message_type> out) {
        Core& core = this->core();
        const std::size_t received = out.size() == 1 ? core.receive_fresh(out.front()) : core.receive_fresh(out);
        return received != 0 ? received : receive_unusual(out);
    }

    /// Deletes a message by the handle of its latest receive, also when that lease has ended, however long ago (R107).
    /// Returns: `superseded` for the handle of an older receive and `gone` for a message that is no longer there; both
    /// change nothing (R108, R110).
    /// Errors: throws `receipt_handle_is_invalid` for a malformed handle or that of another queue (R106, R113).
    HandleResult delete_message(const ReceiptHandle& handle) { return core().erase(handle); }

    /// Deletes up to ten messages; a bad handle is `invalid` in its own result. Errors: R71, R72.
    HandleResults delete_messages(std::span<const ReceiptHandle> handles) {
        return detail::erase_batch(core(), handles);
    }

    /// Deletes messages and receives others at the price of one call. Handles that do not count are passed over.
    /// Returns: how many messages were received. Errors: as `receive_message`; the deletes are done then, or none is.
    /// Once it has deleted, it receives nothing instead of throwing `std::bad_alloc`.
    /// Concurrency: as `receive_message`; the deletes are done before it waits.
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return detail::erase_and_receive(core(), done, out, options, stop);
    }

    /// Lets a lease end `timeout` from now (R117); with zero the message is visible at once. An older handle acts on
    /// the current lease (R118).
    /// Returns: `expired`, and changes nothing, if no lease lasts (R122).
    /// Errors: throws for a timeout out of range (R116), one that would exceed the maximum counted from the receive
    /// (R120), and a handle that is malformed or of another queue.
    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
        return core().change_visibility(handle, timeout);
    }

    /// Removes every message, whatever its state (R196). Complexity: linear. Concurrency: sends get through meanwhile,
    /// and nobody sees a part of it done.
    void purge() { core().purge(); }

    /// Lets the receive after the `max_receive_count`-th of a message move it to the dead-letter queue (R171), which is
    /// a queue on the same clock and may be this one (R168). Replaces an earlier policy.
    /// Errors: throws for a count that is not between 1 and 1,000 (R165).
    void set_redrive_policy(RedrivePolicy<Queue> policy) {
        core().set_redrive_policy(policy.dead_letter_queue.core(), policy.max_receive_count);
    }
    void clear_redrive_policy() {
        if (Core* const core = lazy_core_.made()) {
            core->clear_redrive_policy();
        }
    }

    /// The names of the queues whose dead-letter queue this is (R170).
    [[nodiscard]] std::vector<std::string> dead_letter_source_queues() const {
        return detail::dead_letter_source_queues(core());
    }

    // Attributes that may change during the life of the queue. Errors: a value out of range throws and changes nothing.

    void set_visibility_timeout(std::chrono::nanoseconds timeout) {
        detail::set_visibility_timeout(core(), timeout);  // of leases that begin from now on
    }
    void set_delay(std::chrono::nanoseconds delay) { detail::set_delay(core(), delay); }  // of new messages (R130)
    void set_message_retention_period(std::chrono::nanoseconds period) {
        detail::set_retention(core(), period);  // also of stored messages (R195)
    }
    void set_receive_message_wait_time(std::chrono::nanoseconds time) { detail::set_wait_time(core(), time); }
    void set_maximum_message_size(std::size_t bytes) { detail::set_maximum_message_size(core(), bytes); }

    /// Lets `source` decide whatever the service may do one way or another; null is exact delivery. It replaces the
    /// `DeliveryModel` and must outlive its use.
    void decide_by(ChoiceSource* source) {
        core().locked_with_mailbox([&](Engine& engine) { engine.decide_by(source); });
    }

    // Inspection: nothing of this receives a message or counts as a call.

    /// The options, with the attributes as they are now.
    [[nodiscard]] QueueOptions options() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? core->locked([](Engine& engine) { return engine.options(); })
                               : lazy_core_.first_options();
    }
    [[nodiscard]] const std::string& name() const noexcept { return lazy_core_.first_options().name; }

    /// The stored messages by state.
    [[nodiscard]] QueueCounts counts() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? core->locked([](Engine& engine) { return engine.ledger().counts(); }) : QueueCounts{};
    }

    /// The service's metrics. Complexity: linear in the groups, and in the messages that do not count for the age.
    [[nodiscard]] QueueMetrics metrics() const {
        return core().locked_with_mailbox([](Engine& engine) { return engine.metrics(); });
    }

    /// A message by its id, whatever its state. Complexity: linear.
    [[nodiscard]] std::optional<PeekedMessage<message_type>> peek(const MessageId& id) const {
        return detail::peek(core(), id);
    }
    /// The first messages in a state, in the order they came. Complexity: linear.
    [[nodiscard]] std::vector<PeekedMessage<message_type>> peek(MessageState state, std::size_t maximum = 10) const {
        return detail::peek(core(), state, maximum);
    }

    /// The next instant at which something happens by itself: a delay, a lease or a retention ends.
    [[nodiscard]] std::optional<time_point> next_event() const {
        Core* const core = lazy_core_.made();
        return core != nullptr ? detail::next_event(*core) : std::nullopt;
    }

    /// The queue in a line, for people.
    [[nodiscard]] std::string describe() const { return detail::describe(core(), "queue"); }

private:
    friend struct detail::CoreAccess;
    using Engine = detail::StandardEngine<Body>;
    using Core = detail::QueueCore<C, Body, Lock, Engine, QueueOptions>;
    template <class From>
    using PlainBody = std::conditional_t<detail::is_text<Body>, std::string_view, From&&>;

    // What the short operations cannot do, out of their way.
    template <class From>
    [[gnu::noinline]] SendMessageResult send_unusual(From&& body) {
        return send_drafted(std::forward<From>(body), {}).value();
    }
    [[gnu::noinline]] std::size_t send_unusual(std::span<const std::string_view> bodies) {
        return send_messages(bodies, SendMessageOptions{});
    }
    [[gnu::noinline]] std::size_t receive_unusual(std::span<message_type> out) {
        const std::size_t received = core().receive_fresh(out);
        return received != 0 ? received : receive_messages(out, ReceiveMessageOptions{});
    }

    template <class From>
    [[gnu::always_inline]] SendMessageResult send_plain(From&& body) {
        Core& core = this->core();
        const std::uint64_t place = core.template send_plain<PlainBody<From>>(std::forward<From>(body), 1);
        return place != 0 ? SendMessageResult{core.message_id(place), std::nullopt, false}
                          : send_unusual(std::forward<From>(body));
    }

    template <class From>
    Result<SendMessageResult> send_drafted(From&& body, const SendMessageOptions& options) {
        auto draft = detail::draft<Body>(body, options, core(), false);
        detail::raise_if(draft.error);
        return core().locked_to_send(1, [&](Engine& engine) {
            detail::SizeTotals sizes;
            auto result = store(engine, std::forward<From>(body), options, draft, sizes);
            engine.ledger().count_sent(sizes);
            return result;
        });
    }

    /// Stores a message that was found good, and adds its size. Under the lock.
    template <class From>
    Result<SendMessageResult> store(Engine& engine, From&& body, const SendMessageOptions& options,
                                    detail::Draft& draft, detail::SizeTotals& sizes) {
        if (engine.room() == 0) {
            return detail::queue_is_full(core());
        }
        detail::Record& record =
            engine.send(std::forward<From>(body), std::move(draft.extras), options.message_group_id, options.delay);
        sizes.add(draft.size);
        return SendMessageResult{detail::message_id<Body>(record, engine.ledger().store()), std::nullopt, false};
    }

    std::unique_ptr<ChoiceSource> seeded_choices_{};
    [[gnu::always_inline]] [[nodiscard]] Core& core() const { return lazy_core_.get(); }

    detail::LazyCore<Core> lazy_core_;
};

template <class C>
Queue(C&) -> Queue<C>;
template <class C>
Queue(C&, QueueOptions) -> Queue<C>;

}  // namespace sqsim::inline SQSIM_ABI
