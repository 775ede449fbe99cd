// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/clock/process_end.hpp"
#include "sqsim/clock/wait.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/fast_path.hpp"
#include "sqsim/detail/forks.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/mailbox.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/receive_attempt.hpp"
#include "sqsim/detail/redrive_link.hpp"
#include "sqsim/detail/section.hpp"
#include "sqsim/detail/spare_memory.hpp"
#include "sqsim/detail/take_first.hpp"
#include "sqsim/detail/task_list.hpp"
#include "sqsim/detail/throttle.hpp"
#include "sqsim/detail/validate.hpp"
#include "sqsim/error.hpp"
#include "sqsim/light_mutex.hpp"
#include "sqsim/message.hpp"
#include "sqsim/options.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
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
/// Lock order: task, queue, mailbox, clock. Two queues' locks are never held together: a message that moves to another
/// queue waits in that queue's mailbox until its next operation takes it in.
///
/// Plain sends to a standard queue take the mailbox's lock only, unless one thread has the queue for itself. What they
/// prepare is stored by the next operation under the queue's lock, first of all.
template <class C, class Body, class Lock, class Engine, class Options>
class QueueCore final : public EventSource {
public:
    using message_type = Message<Body, typename C::time_point>;
    using lock_type = Lock;
    using clock_type = C;
    using options_type = Options;
    static constexpr bool is_driven = requires(C & clock, EventSource& source) { clock.attach(source); };
    static constexpr bool is_shared = !std::is_same_v<Lock, NullMutex>;  // by several threads
    /// The clock says which ids the queue's messages have: the same ones in every process.
    static constexpr bool names_ids = requires(C & clock) { clock.next_id_key(); };
    /// A send past the queue's lock does not know the last time that the queue has seen.
    static constexpr bool may_go_back = !is_driven && !is_steady<C>;
    static constexpr bool is_fifo = requires(const Options& options) { options.deduplication_scope; };

    /// What a queue has from the moment on at which it was made.
    struct Birth {
        std::uint64_t tag;
        std::uint64_t id_key;  // if the clock names it; otherwise the core has one of the process that makes it
        std::uint64_t turn;    // on a clock that drives it
        Nanos time;
    };
    /// A queue begins, whose core may follow. Errors: throws for options out of range.
    [[nodiscard]] static Birth begin(C& clock, const Options& options) {
        raise_if(check_queue_options(options, is_fifo));
        Birth birth{next_queue_tag(), names_ids ? make_id_key(clock) : 0, 0, to_nanos(clock.now())};
        if constexpr (is_driven) {
            birth.turn = clock.begin_source();
        }
        return birth;
    }
    static void end([[maybe_unused]] C& clock) noexcept {
        if constexpr (is_driven) {
            clock.end_source();
        }
    }

    QueueCore(C& clock, const Options& options, const Birth& birth)
        : clock_{clock}, tag_{birth.tag}, condition_{options.name, this}, engine_{options, tag_,
                                                                                  names_ids ? birth.id_key
                                                                                            : make_id_key(clock),
                                                                                  is_shared},
          maximum_message_size_{possible_size(options.maximum_message_size)} {
        static_cast<void>(engine_.advance_to(birth.time));
        if constexpr (is_driven) {
            clock_.attach(*this, birth.turn);
        }
    }
    QueueCore(const QueueCore&) = delete;
    QueueCore& operator=(const QueueCore&) = delete;

    [[nodiscard]] static void* operator new(std::size_t size, std::align_val_t alignment) {
        return SpareMemory::allocate(size, static_cast<std::size_t>(alignment));
    }
    /// Without the size: g++ looks for no other one where a constructor throws.
    static void operator delete(void* memory, std::align_val_t alignment) noexcept {
        SpareMemory::deallocate(memory, sizeof(QueueCore), static_cast<std::size_t>(alignment));
    }

    ~QueueCore() {
        if (blocked_ != 0 && ProcessEnd::has_begun()) {
            abandon_receives();
        }
        const Commit commit{};
        require(condition_.waiting() == 0, "a queue is destroyed while a receive is blocked on it");
        if constexpr (is_driven) {
            clock_.detach(*this);
        }
        tasks_.queue_ends(this);
        clear_redrive_policy();
        RedriveLink<QueueCore>::end(*this);
        mailbox_.return_slots(engine_.ledger().store());
    }

    /// Stores `count` messages without options, all or none, the fastest way that there is. Returns: the place of the
    /// last one, or 0 if they are refused or there is no room: a send with options says why. Nothing is taken then.
    template <class Bodies>
    [[gnu::always_inline]] std::uint64_t send_plain(Bodies bodies, std::size_t count) {
        const PlainRules& rules = plain_rules_;
        if constexpr (!is_shared) {
            const Nanos now = to_nanos(clock_.now());
            const bool is_fast = fast_path_.sends >= count && now < engine_.quiet_until();
            if (is_fast || (opens_fast_path(now, count) && fast_path_.sends >= count)) [[likely]] {
                fast_path_.sends -= count;
                return engine_.send_soon(std::forward<Bodies>(bodies), now, rules);
            }
        } else if (!has_tasks()) [[likely]] {
            if constexpr (!may_go_back) {
                if constexpr (is_text<Body>) {
                    if (are_long(bodies)) [[unlikely]] {
                        if (const std::uint64_t last = send_long_texts(as_span(bodies))) {
                            return last;
                        }
                    }
                }
                const Nanos now = to_nanos(clock_.now());
                const auto lock = lock_soon(mailbox_.mutex);
                const auto posted =
                    mailbox_.prepare(engine_.ledger().store(), std::forward<Bodies>(bodies), now, rules);
                if (posted != Mailbox::Posted::not_stored) [[likely]] {
                    return posted == Mailbox::Posted::stored ? mailbox_.last_ordinal() : 0;
                }
            }
        }
        return send_plain_locked<Bodies>(std::forward<Bodies>(bodies), count);
    }

    /// Runs an operation on the engine under the queue's lock and the mailbox's: one that gives messages places in the
    /// order, or changes what may be prepared.
    template <class Operation>
    auto locked_with_mailbox(Operation operation) {
        return with_mailbox(0, std::move(operation));
    }

    /// The same for an operation that changes when delays or retentions end: what is due then happens.
    template <class Operation>
    void locked_to_change_times(Operation operation);

    /// Runs an operation that sends up to so many messages, and does nothing else.
    template <class Operation>
    auto locked_to_send(std::size_t count, Operation operation) {
        return with_mailbox(count, std::move(operation));
    }

    /// The engine of a queue that only one thread uses, between two operations.
    [[nodiscard]] const Engine& unlocked() const noexcept requires(!is_shared) { return engine_; }

    /// The id of a new message with this place.
    [[nodiscard]] MessageId message_id(std::uint64_t ordinal) const noexcept {
        return IdAccess::message_id(engine_.ledger().store().id_key(), ordinal);
    }
    /// The id of any message with this place.
    [[nodiscard]] MessageId earlier_message_id(std::uint64_t ordinal) const noexcept {
        return IdAccess::message_id(engine_.ledger().store().id_key_of(ordinal), ordinal);
    }

    /// Runs an operation on the engine under the lock, after everything that is due has happened.
    template <class Operation>
    auto locked(Operation operation) {
        run_tasks();
        return locked_at(to_nanos(clock_.now()), std::move(operation));
    }

    /// The same for a send to a FIFO queue. Errors: throws `request_throttled` if it is one too many.
    template <class Operation>
    auto locked_to_send(std::string_view group_id, std::size_t count, Operation operation) {
        run_tasks();
        const Nanos now = to_nanos(clock_.now());
        {
            Section section{*this};
            section.sends = true;
            catch_up(section, now, count);
            [[maybe_unused]] const Announcement announcement{*this};
            if (engine_.count_send(group_id)) [[likely]] {
                return operation(engine_);
            }
        }
        raise_throttled();
    }

    /// The same for deletes, which concern only messages that were received: what has come meanwhile stays in the
    /// mailbox.
    template <class Operation>
    auto locked_to_erase(Operation operation) {
        run_tasks();
        const Nanos now = to_nanos(clock_.now());
        {
            Section section{*this};
            let_happen(section, now);
            if (engine_.count_call(Call::erase)) [[likely]] {
                return operation(engine_);
            }
        }
        raise_throttled();
    }

    /// As `locked`, for a move task, which must not run itself, and knows the time.
    template <class Operation>
    auto locked_at(Nanos now, Operation operation) {
        Section section{*this};
        catch_up(section, now);
        [[maybe_unused]] const Announcement announcement{*this};
        return operation(engine_);
    }

    /// Removes everything. From the first piece on nothing is there any more, but for sends: who looks helps.
    void purge() {
        run_tasks();
        const Nanos now = to_nanos(clock_.now());
        Section section{*this};
        catch_up(section, now);
        engine_.purge();
        let_happen(section, now);
    }

    /// R84-R93: gives `take(record)` what there is, up to `maximum`, or waits for it; before that, and under the same
    /// lock, erases `done`, which `take` is told of. Returns how many it gave. Precondition: the options are good.
    template <class Take>
    std::size_t receive(std::span<const ReceiptHandle> done, const ReceiveMessageOptions& options, std::size_t maximum,
                        const std::stop_token& stop, Take take);

    /// The usual case of a receive: without options, and with messages that are there for the first time. Returns: how
    /// many it put into `out`, at most ten; with none, `receive` knows.
    std::size_t receive_fresh(std::span<message_type> out);

    /// The same for one message.
    std::size_t receive_fresh(message_type& out);

    HandleResult erase(const ReceiptHandle& handle);

    /// Erases many, and says what became of each. Precondition: `results` are those of success.
    void erase(std::span<const ReceiptHandle> handles, HandleResult* results);

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
    void clear_redrive_policy() noexcept { RedriveLink<QueueCore>::clear(*this); }

    /// Takes a message that another queue moves here: into the mailbox. `take_in` must follow, without that queue's
    /// lock. If there is no memory for it now, it stays there until the next operation.
    void post(std::unique_ptr<MovedMessage> moved) noexcept { mailbox_.post(std::move(moved)); }
    void take_in(Nanos now) noexcept {
        static_cast<void>(obtained([&] { locked_at(now, [](Engine&) {}); }));
    }

    /// Deletes what counts of the handles, all or nothing.
    void erase_done(std::span<const ReceiptHandle> done);

    /// The queue with this tag that moves its dead letters here; null if there is none. Under the lock (`locked`).
    [[nodiscard]] QueueCore* source_with_tag(std::uint64_t tag) const noexcept { return redrive_.source_with_tag(tag); }
    [[nodiscard]] const std::vector<QueueCore*>& sources() const noexcept { return redrive_.sources; }

    /// The move tasks. Those that the clock does not drive are driven by this queue's calls and waiting receives.
    [[nodiscard]] TaskList<Lock>& tasks() noexcept { return tasks_; }
    void drive(std::shared_ptr<Task> task) {
        tasks_.add(std::move(task), !is_driven);
        const Section section{*this};  // at its end a receive that waits knows when the task has something to do
    }

    /// Calls `visit(message, record, available_at)` for the stored messages, without handles and in the order they
    /// came, as long as it returns true.
    template <class Visit>
    void peek(Visit visit) {
        locked([&](Engine& engine) {
            engine.ledger().arrivals().for_each([&](Record& record) {
                message_type message;
                MessageAccess::fill_unreceived(message, record, engine.ledger().store());
                return visit(std::move(message), record, engine.available_at(record));
            });
        });
    }

    /// Makes an empty message one of a record that is being received.
    [[gnu::always_inline]] void fill(message_type& message, Record& record) noexcept {
        MessageAccess::fill(message, record, engine_.ledger().store(), engine_.ledger().handle(record));
    }

    /// Whether a message is one of another queue.
    [[gnu::always_inline]] [[nodiscard]] bool is_of_another(const message_type& message) const noexcept {
        return MessageAccess::is_of_another(message, engine_.ledger().store());
    }

    /// Lets go of a message that is about to be overwritten, under the lock. Returns whether it could: otherwise the
    /// caller keeps it until the lock is free, for it belongs to another queue.
    [[gnu::always_inline]] [[nodiscard]] bool let_go(message_type& message) noexcept {
        MessageStore<Body>& store = engine_.ledger().store();
        Record* const record = MessageAccess::empty(message, store);
        if (record == nullptr) {
            return !message;
        }
        store.template let_go<is_shared>(*record);
        return true;
    }

    [[nodiscard]] std::chrono::nanoseconds next_event() override;

    [[nodiscard]] NextEvent settle() override {
        Section section{*this};
        let_happen(section, to_nanos(clock_.now()));
        const bool is_settled = settles();
        return {engine_.next_event(), is_settled};
    }

    NextEvent run_until(std::chrono::nanoseconds now) noexcept override {
        const Commit commit{};
        Section section{*this};
        let_happen(section, now);
        if constexpr (is_driven) {
            clock_.time_has_moved(condition_, take_openings());
        }
        const bool is_settled = settles();
        return {engine_.quiet_until(), is_settled};
    }

    /// How many receives are blocked, or about to be.
    [[nodiscard]] std::size_t blocked() const noexcept { return blocked_; }

    [[nodiscard]] C& clock() const noexcept { return clock_; }
    [[nodiscard]] const std::string& name() const noexcept { return condition_.name(); }
    [[nodiscard]] const Limits& limits() const noexcept { return engine_.options().limits; }
    [[nodiscard]] std::size_t maximum_message_size() const noexcept {
        return maximum_message_size_.load(std::memory_order_relaxed);
    }
    void set_maximum_message_size(std::size_t bytes);
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
    template <class Core, class Others>
    friend struct TakeFirst;
    template <class Core>
    friend struct TakeOneFirst;
    friend struct RedriveLink<QueueCore>;
    friend struct detail::Section<QueueCore>;
    friend struct detail::ShortSection<QueueCore>;

    using Section = detail::Section<QueueCore>;
    using ShortSection = detail::ShortSection<QueueCore>;
    /// Lets a process that was forked give ids of its own.
    class IdRenewal final : public ForkWatcher {
    public:
        explicit IdRenewal(QueueCore& core) : core_{core} { watch(); }
        IdRenewal(const IdRenewal&) = delete;
        IdRenewal& operator=(const IdRenewal&) = delete;
        ~IdRenewal() { unwatch(); }

    private:
        [[gnu::noinline, gnu::cold]] void was_forked() noexcept override {
            auto& ledger = core_.engine_.ledger();
            ledger.store().change_id_key(process_entropy(),
                                         std::max(ledger.last_ordinal(), core_.mailbox_.last_ordinal()));
        }

        QueueCore& core_;
    };
    struct NoIdRenewal {
        explicit NoIdRenewal(QueueCore&) noexcept {}
    };

    /// Held for less time than a sleep takes, and never while another lock is waited for.
    using Mailbox = detail::Mailbox<Body, std::conditional_t<is_shared, LightMutex, NullMutex>>;

    /// At the end of an operation under both locks: the mailbox knows what the engine knows.
    struct Follower {
        explicit Follower(QueueCore& core_) noexcept : core{core_} {}
        Follower(const Follower&) = delete;
        Follower& operator=(const Follower&) = delete;
        ~Follower() { core.mailbox_.follow(core.engine_); }
        QueueCore& core;
    };
    /// At the end of an operation: who watches a FIFO queue without its lock sees what was sent.
    struct Announcement {
        explicit Announcement(QueueCore& core_) noexcept : core{core_} {}
        Announcement(const Announcement&) = delete;
        Announcement& operator=(const Announcement&) = delete;
        ~Announcement() {
            if constexpr (is_fifo && is_shared) {
                core.mailbox_.note_latest(core.engine_.ledger().last_ordinal());
            }
        }
        QueueCore& core;
    };

    static constexpr std::size_t most_received = 10;  // by the fast path at once

    [[gnu::always_inline]] void fill_first(message_type& message, Record& record, Place place, Nanos received_at,
                                           Nanos deadline) noexcept {
        MessageAccess::fill_first<is_shared>(message, record, engine_.ledger().store(),
                                             IdAccess::handle(tag_, place.word()), received_at, deadline);
    }

    // Longer texts are copied without the mailbox's lock: others would wait for it.
    static constexpr std::size_t short_text = 256;

    [[nodiscard]] static std::span<const std::string_view> as_span(const std::string_view& body) noexcept {
        return {&body, 1};
    }
    [[nodiscard]] static std::span<const std::string_view> as_span(std::span<const std::string_view> bodies) noexcept {
        return bodies;
    }
    template <class Bodies>
    [[nodiscard]] static bool are_long(const Bodies& bodies) noexcept {
        const std::span<const std::string_view> texts = as_span(bodies);
        return !texts.empty() && texts.front().size() > short_text && texts.size() <= Mailbox::Slots::most;
    }

    /// Sends texts whose copies take longer than the mailbox's lock. Returns: as `send_plain`, and 0 if that needs the
    /// queue's lock.
    [[gnu::noinline]] std::uint64_t send_long_texts(std::span<const std::string_view> bodies);

    /// Gives the slots of a send back that does not come to its end.
    struct TakenSlots {
        explicit TakenSlots(QueueCore& core_) noexcept : core{core_} {}
        TakenSlots(const TakenSlots&) = delete;
        TakenSlots& operator=(const TakenSlots&) = delete;
        ~TakenSlots() {
            if (slots.empty()) {
                return;
            }
            while (written != 0) {
                core.engine_.ledger().store().take_back(slots, *records[--written]);
            }
            const auto lock = lock_soon(core.mailbox_.mutex);
            core.mailbox_.put_back(slots);
        }
        QueueCore& core;
        typename Mailbox::Slots slots{};
        std::array<Record*, Mailbox::Slots::most> records{};
        std::size_t written = 0;
    };

    [[nodiscard]] static std::size_t possible_size(std::size_t bytes) noexcept { return std::min(bytes, largest_body); }

    [[nodiscard]] static std::uint64_t make_id_key(C& clock) noexcept {
        if constexpr (names_ids) {
            return clock.next_id_key();
        } else {
            return process_entropy();
        }
    }

    // The fast path, under the lock. A FIFO queue has none.

    void close_fast_path() noexcept {
        if constexpr (!is_fifo) {
            fast_path_ = {};
        }
    }
    /// Whether it is open, or can be opened.
    [[gnu::always_inline]] bool is_fast_path_open(Nanos now) noexcept {
        return (fast_path_.is_open && now < engine_.quiet_until()) || opens_fast_path(now);
    }
    /// Opens it if nothing is out of the ordinary: for so many sends, too. Returns whether it is open.
    [[gnu::noinline]] bool opens_fast_path(Nanos now, std::size_t sends = 0) noexcept;

    /// Takes in what has come for a receive of the fast path. Returns whether that is open still.
    [[gnu::noinline]] bool takes_in_fresh(Nanos now) {
        return empty_mailbox(now) ? opens_fast_path(now) : now < engine_.quiet_until();
    }

    [[gnu::noinline]] HandleResult erase_in_any_case(const ReceiptHandle& handle) {
        const HandleStatus status = locked_to_erase([&](Engine& engine) { return engine.erase(handle); });
        return {checked(handle, status)};
    }

    /// Gets the threads out of here that are blocked when the process ends: their receives never return.
    [[gnu::noinline, gnu::cold]] void abandon_receives() noexcept;

    template <class Operation>
    [[gnu::always_inline]] auto with_mailbox(std::size_t sends, Operation operation) {
        run_tasks();
        const Nanos now = to_nanos(clock_.now());
        Section section{*this};
        section.sends = sends != 0;
        let_happen(section, now, sends);
        unsettle();
        const auto lock = lock_soon(mailbox_.mutex);
        const Follower follower{*this};
        mailbox_.empty_into(engine_);
        let_moved_happen(now, sends);
        return operation(engine_);
    }
    /// Lets everything happen that is due; between two pieces of much work others have the lock. `sends`: up to so many
    /// messages will be sent, and nothing else: what makes no difference to that may be left.
    [[gnu::always_inline]] void let_happen(Section& section, Nanos now, std::size_t sends = 0) noexcept {
        if (!advance(now, sends)) [[unlikely]] {
            let_rest_happen(section, now, sends);
        }
    }
    [[gnu::noinline]] void let_rest_happen(Section& section, Nanos now, std::size_t sends) noexcept {
        do {
            section.pause();
        } while (!advance(now, sends));
    }
    [[gnu::always_inline]] [[nodiscard]] bool advance(Nanos now, std::size_t sends) noexcept {
        return sends == 0 ? engine_.advance_to(now) : engine_.advance_to_send(now, sends);
    }
    /// A message that was moved here may be past its retention already.
    void let_moved_happen(Nanos now, std::size_t sends) noexcept {
        while (!advance(now, sends)) {
        }
    }

    /// Lets everything happen that is due, and takes in what has come.
    [[gnu::always_inline]] void catch_up(Section& section, Nanos now, std::size_t sends = 0) {
        let_happen(section, now, sends);
        if (mailbox_.is_filled() || is_settled()) [[unlikely]] {
            unsettle_and_take_in(now, sends);
        }
    }

    /// The same for a receive. A standard queue that has as many fresh messages as the call takes leaves what has come
    /// in the mailbox: it is younger. Returns: how many fresh ones the call takes.
    [[gnu::always_inline]] std::size_t catch_up_to_receive(Section& section, Nanos now, std::size_t maximum) {
        if constexpr (is_fifo) {
            catch_up(section, now);
            return 0;
        } else {
            let_happen(section, now);
            std::size_t fresh = engine_.fresh(maximum);
            if ((fresh < maximum && mailbox_.is_filled()) || is_settled()) {
                unsettle_and_take_in(now);
                fresh = engine_.fresh(maximum);
            }
            return fresh;
        }
    }

    /// From now on operations tell the clock that they may have added an earlier event; plain sends take the queue's
    /// lock until one has. Returns: false if what has come cannot be taken in, so that the clock must ask again.
    [[nodiscard]] bool settles() noexcept;

    /// Whether an operation that may add an event has more to do first.
    [[gnu::always_inline]] [[nodiscard]] bool is_settled() const noexcept { return is_driven && is_settled_; }
    void unsettle() noexcept {
        if constexpr (is_driven) {
            if (std::exchange(is_settled_, false)) {
                clock_.unsettle(*this);
            }
        }
    }

    /// Tells the clock, if it is to be told, and takes in what has come.
    [[gnu::noinline]] void unsettle_and_take_in(Nanos now, std::size_t sends = 0) {
        unsettle();
        if (mailbox_.is_filled()) {
            empty_mailbox(now, sends);
        }
    }

    /// Returns whether messages of other queues were among what has come.
    [[gnu::noinline]] bool empty_mailbox(Nanos now, std::size_t sends = 0);

    template <class Bodies>
    [[gnu::noinline]] std::uint64_t send_plain_locked(Bodies bodies, std::size_t count) {
        return locked_to_send(count, [&](Engine& engine) -> std::uint64_t {
            if constexpr (is_shared) {
                mailbox_.obtain(engine.ledger().store(), count);
            }
            return engine.send_plain(std::forward<Bodies>(bodies), count, engine.ledger().now(), plain_rules_);
        });
    }

    /// A send leaves to others what would take long. Returns: whether unused memory is to be given back, piece by
    /// piece.
    [[nodiscard]] bool tidy(bool sends) noexcept;

    /// How many receives may find something that could not before.
    [[nodiscard]] std::size_t take_openings() noexcept { return std::min(engine_.take_opened(), engine_.receivable()); }

    /// At the end of an operation: wakes whom it concerns.
    void wake() noexcept {
        const Commit commit{};
        wake_receives(false);
        lead();
    }

    /// Wakes as many waiting receives as may find something. `one_more`: at least one, if there is something.
    void wake_receives(bool one_more) noexcept;

    /// Sees to it that one of the waiting receives looks at the next event.
    void lead() noexcept {
        if constexpr (!is_driven) {
            if (condition_.all_sleep()) {
                condition_.look_by(next_look());
            }
        }
    }

    /// When something happens by itself that a receive may wait for.
    [[nodiscard]] Nanos next_look() { return std::min(engine_.next_event(), tasks_.next_due()); }
    /// Whether the queue's calls drive a task.
    [[gnu::always_inline]] [[nodiscard]] bool has_tasks() const noexcept { return !is_driven && tasks_.any(); }

    void run_tasks() {
        if (has_tasks()) {
            tasks_.run_due(to_nanos(clock_.now()));
        }
    }

    C& clock_;
    std::uint64_t tag_;
    alignas(two_cache_lines) mutable Lock mutex_{};
    std::atomic<std::uint32_t> wanting_{0};  // so many threads wait for the lock
    WaitCondition condition_;
    bool is_abandoned_ = false;            // guarded by the lock
    std::atomic<std::size_t> blocked_{0};  // receives that wait or may begin to
    bool is_settled_ = false;              // the clock knows when something happens by itself, and need not ask
    FastPath fast_path_{};
    Engine engine_;
    // Of the option, as far as it is possible. The first needs the mailbox's lock; sends check the other before they
    // lock.
    PlainRules plain_rules_{possible_size(engine_.options().maximum_message_size), limits().check_characters};
    std::atomic<std::size_t> maximum_message_size_;
    RedriveLink<QueueCore> redrive_{};
    TaskList<Lock> tasks_{};
    Mailbox mailbox_{};
    [[no_unique_address]] std::conditional_t<names_ids, NoIdRenewal, IdRenewal> id_renewal_{*this};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
