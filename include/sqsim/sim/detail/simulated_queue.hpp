// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/execution.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// "1st", "2nd", …
[[nodiscard]] inline std::string ordinal_text(std::uint32_t number) {
    const std::uint32_t last = number % 10;
    const bool teen = number / 10 % 10 == 1;
    return std::to_string(number) + (teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

/// A body, shortened for a timeline.
[[nodiscard]] inline std::string quoted(std::string_view body) {
    constexpr std::size_t longest = 24;
    return "\"" + std::string{body.substr(0, longest)} + (body.size() > longest ? "...\"" : "\"");
}

/// What the calls of a simulated queue need to know of the queue underneath.
struct QueueTraits {
    bool is_fifo = false;
    Limits limits{};
    Nanos visibility_timeout{};
    Nanos delay{};
    Nanos wait_time{};
    Nanos retention{};
    Nanos deduplication_interval{};
};

/// A stored message as its queue knows it.
struct StoredId {
    std::uint64_t ordinal = 0;  // in the order in which they came to the queue
    MessageId id{};
    std::uint64_t content = 0;  // a hash of the body
    std::uint32_t group = 0;    // its number

    friend bool operator==(const StoredId&, const StoredId&) noexcept = default;
};

/// A call of a simulated queue, as `simulated_call` is given it.
struct CallSpec {
    Site before;
    Site after;
    Subject subject = 0;
    Faults refused{};  // the request does not arrive: nothing is executed, its caller sees an error
    Faults unanswered{};  // the reply does not arrive: its caller sees an error
    Faults others{};      // what the call itself interprets
    Errc refusal = Errc::service_unavailable;
};

/// A queue in a simulated world: the calls that both kinds have in common. Each call of an actor is a place where
/// faults may happen before and after; the scenario's own calls never fail.
class SimulatedQueue : public WorldQueue, private ChoiceSource {
public:
    using clock_type = ManualClock;
    using body_type = std::string;
    using time_point = ManualClock::time_point;
    using message_type = SimMessage;
    using Real = ReceivedMessages::Real;
    using Peeked = PeekedMessage<Real>;

    // Receives. One that waits lets other actors go on in virtual time.

    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        message_type message;
        const std::size_t received = receive({}, std::span{&message, 1}, options, stop, false);
        return received != 0 ? std::optional{message} : std::nullopt;
    }
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        std::vector<message_type> messages(static_cast<std::size_t>(std::max(options.max_number_of_messages, 1)));
        messages.resize(receive({}, messages, options, stop, false));
        return messages;
    }
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {}) {
        return receive({}, out, options, stop, false);
    }
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return receive(done, out, options, stop, false);
    }

    // Deletes, and changes of visibility.

    HandleResult delete_message(const ReceiptHandle& handle) { return try_delete_message(handle).value(); }

    /// The same with the service's error as a value.
    Result<HandleResult> try_delete_message(const ReceiptHandle& handle) {
        if (!execution_.enter()) {
            return HandleResult{HandleStatus::gone};
        }
        const KnownHandle known = look_up(handle);
        execution_.look_at({this, known.message, known.subject});
        return simulated_call<HandleResult>(
            {Site::delete_message, Site::deleted, known.subject, Fault::lose_delete, {}, Fault::lose_delete_reply},
            [&] { return "delete " + name_of(known.subject); },
            [&] { record_handle(Action::delete_message, known, Answer::refused, {}); },
            [&](Fault fault, std::size_t step) -> Result<HandleResult> {
                HandleResult result = erase(handle, known);
                if (fault == Fault::lose_delete_reply) {
                    result = erase(handle, known);
                }
                execution_.timeline().append(step, [&] { return " " + status_text(result.status); });
                return result;
            });
    }

    std::vector<HandleResult> delete_messages(std::span<const ReceiptHandle> handles) {
        if (!execution_.enter()) {
            return std::vector<HandleResult>(handles.size(), HandleResult{HandleStatus::gone});
        }
        const HoldingCall holding{execution_};
        const Subject first = handles.empty() ? 0 : look_up(handles.front()).subject;
        return simulated_call<std::vector<HandleResult>>(
                   {Site::delete_message, Site::deleted, first, Fault::lose_delete, {}, Fault::lose_delete_reply},
                   [&] {
                       std::string text = "delete";
                       for (const ReceiptHandle& handle : handles) {
                           text += " " + name_of(look_up(handle).subject);
                       }
                       return text;
                   },
                   [&] { charge_handles(handles); },
                   [&](Fault fault, std::size_t step) -> Result<std::vector<HandleResult>> {
                       std::vector<HandleResult> results = erase_batch(handles, fault == Fault::lose_delete_reply);
                       execution_.timeline().append(step, [&] {
                           const auto failed =
                               std::count_if(results.begin(), results.end(), [](HandleResult r) { return !r; });
                           return failed == 0 ? std::string{" ok"} : ": " + std::to_string(failed) + " without effect";
                       });
                       return results;
                   })
            .value();
    }

    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
        if (!execution_.enter()) {
            return {HandleStatus::gone};
        }
        const KnownHandle known = look_up(handle);
        execution_.look_at({this, known.message, known.subject});
        return simulated_call<HandleResult>(
                   {Site::extend, Site::extended, known.subject, Fault::lose_extension, Fault::lose_extension_reply},
                   [&] { return "change visibility of " + name_of(known.subject) + " to " + duration_text(timeout); },
                   [&] { record_handle(Action::change_message_visibility, known, Answer::refused, timeout); },
                   [&](Fault, std::size_t step) -> Result<HandleResult> {
                       HandleResult result = ask_change_visibility(handle, timeout);
                       record_handle(Action::change_message_visibility, known, answer_of(result), timeout);
                       if (result.status == HandleStatus::ok) {
                           extend_lease(known, timeout);
                           execution_.scheduler().notify(as_source());
                       }
                       execution_.timeline().append(step, [&] { return " " + status_text(result.status); });
                       // The service accepts a change for a lease that has ended, if the queue is no FIFO queue.
                       result.success =
                           result.success || (!traits_.is_fifo && result.status == HandleStatus::expired);
                       return result;
                   })
            .value();
    }

    // Administration.

    /// Removes every message; a purge may take up to a minute.
    void purge() {
        administer(Site::purge, Site::purged, Fault::late_purge, "purge", [this] {
            ask_purge();
            record(begin(Action::purge));
            execution_.scheduler().notify(as_source());
        });
    }
    /// A change of an attribute may take up to a minute.
    void set_visibility_timeout(std::chrono::nanoseconds timeout) {
        administer(Site::set_visibility_timeout, Site::visibility_timeout_set, Fault::late_attribute,
                   "set-visibility-timeout", [this, timeout] {
                       ask_set_visibility_timeout(timeout);
                       traits_.visibility_timeout = timeout;
                   });
    }
    void set_delay(std::chrono::nanoseconds delay) {
        administer(Site::set_delay, Site::delay_set, Fault::late_attribute, "set-delay", [this, delay] {
            ask_set_delay(delay);
            traits_.delay = delay;
            Operation operation = begin(Action::set_delay);
            operation.duration = delay;
            record(operation);
            execution_.scheduler().notify(as_source());
        });
    }

    // Inspection, by the scenario or by an actor: no place for faults.

    [[nodiscard]] QueueCounts counts() const { return stored(); }
    [[nodiscard]] const std::string& label() const final { return label_; }
    /// The stored bodies, whatever their state.
    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> result;
        each_stored([&](const Peeked& peeked) { result.emplace_back(peeked.message.body()); });
        return result;
    }
    [[nodiscard]] std::string contents() const final {
        std::string text;
        each_stored([&](const Peeked& peeked) {
            text += (text.empty() ? "" : ", ") + name_of(subject_of(peeked.message.message_id()));
        });
        return text;
    }

    /// A stored message of a dead-letter queue.
    struct Letter {
        std::string body{};
        std::string name{};
        int receives_lost_to_faults = 0;
    };
    [[nodiscard]] std::vector<Letter> letters() const {
        std::vector<Letter> result;
        each_stored([&](const Peeked& peeked) {
            const std::uint32_t number = execution_.ids().message(peeked.message.message_id());
            result.push_back({std::string{peeked.message.body()}, name_of(execution_.ids().subject(number)),
                              execution_.receives_of(number).lost});
        });
        return result;
    }
    /// For dead-letter queues: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before_dead_letter() const noexcept { return attempts_before_; }
    [[nodiscard]] bool is_fifo() const noexcept { return traits_.is_fifo; }

    void add_deadlines(std::vector<Nanos>& deadlines) const final {
        each_stored([&](const Peeked& peeked) {
            if (peeked.state != MessageState::visible) {
                deadlines.push_back(peeked.available_at.time_since_epoch());
            }
            if (traits_.is_fifo) {
                deadlines.push_back(peeked.message.sent_at().time_since_epoch() + traits_.deduplication_interval);
            }
        });
    }
    void add_retention_ends(std::vector<Nanos>& ends) const final {
        each_stored([&](const Peeked& peeked) {
            ends.push_back(peeked.message.sent_at().time_since_epoch() + traits_.retention);
        });
    }

    /// For the loop of a simulated consumer: a receive that waits for as long as there is something to wait for.
    std::size_t receive_or_wait(std::span<message_type> out, const ReceiveMessageOptions& options) {
        return receive({}, out, options, {}, true);
    }

protected:
    SimulatedQueue(Execution& execution, const std::string& name, const QueueTraits& traits)
        : execution_{execution}, traits_{traits}, index_{static_cast<std::uint32_t>(execution.queues().size())},
          label_{name.empty() ? "queue-" + std::to_string(index_ + 1) : name},
          sites_{&execution.sites().of_queue(name.empty() && index_ == 0 ? std::string{} : label_)} {
        QueueFacts facts;
        facts.name = label_;
        facts.fifo = traits.is_fifo;
        facts.message_retention_period = traits.retention;
        facts.deduplication_interval = traits.deduplication_interval;
        execution.history().queues.push_back(std::move(facts));
        stored_.reserve(8);  // at once what a world usually needs
    }

    // The queue underneath.

    [[nodiscard]] virtual std::size_t ask_receive(std::span<Real> out, const ReceiveMessageOptions& options) = 0;
    [[nodiscard]] virtual HandleResult ask_delete(const ReceiptHandle& handle) = 0;
    /// Throws for a batch that the service refuses as a whole.
    virtual void ask_check_delete_batch(std::span<const ReceiptHandle> handles) = 0;
    [[nodiscard]] virtual HandleResult ask_change_visibility(const ReceiptHandle& handle, Nanos timeout) = 0;
    virtual void ask_purge() = 0;
    virtual void ask_set_visibility_timeout(Nanos timeout) = 0;
    virtual void ask_set_delay(Nanos delay) = 0;
    /// Lets messages that were received three times go behind all others.
    virtual void ask_to_back() = 0;
    [[nodiscard]] virtual std::vector<Peeked> ask_peek(MessageState state) const = 0;
    /// The ids of the stored messages, with their ordinals in the queue, in no order.
    [[nodiscard]] virtual std::vector<StoredId> ask_ids() const = 0;
    /// Moves what the dead-letter queue holds back into this queue.
    virtual void ask_redrive(SimulatedQueue& dead_letter_queue) = 0;

    /// Executes a call with all that may go wrong around it: a place before, with faults of the request and of the
    /// reply, the call itself, and a place after it. `refuse()` records a request that did not arrive; `execute(fault,
    /// step)` returns what the service answers, and records it.
    template <class T, class Text, class Refuse, class Execute>
    Result<T> simulated_call(const CallSpec& spec, const Text& text, const Refuse& refuse, const Execute& execute) {
        const std::size_t step = execution_.add_step(TimelineStep::Kind::call, spec.subject, text);
        const Fault fault = execution_
                                .choose(site(spec.before), spec.subject,
                                        spec.refused.with(spec.unanswered).with(spec.others), info(spec.before).harm)
                                .fault;
        if (spec.refused.contains(fault)) {
            refuse();
            return refusal(spec.refusal);
        }
        Result<T> result = execute(fault, step);
        if (result) {
            static_cast<void>(execution_.choose(site(spec.after), spec.subject, {}, info(spec.after).harm));
        }
        return spec.unanswered.contains(fault) ? Result<T>{refusal(Errc::service_unavailable)} : std::move(result);
    }

    /// The same for changes by an administrator, which may take effect a minute later.
    template <class Change>
    void administer(Site before, Site after, Faults late, std::string_view text, const Change& change) {
        if (!execution_.enter()) {
            return;
        }
        static_cast<void>(simulated_call<bool>(
            {before, after, 0, {}, {}, late}, [&] { return std::string{text} + where(); }, [] {},
            [&](Fault fault, std::size_t) -> Result<bool> {
                if (fault == Fault::none) {
                    change();
                } else {
                    const Nanos then = execution_.now() + administrative_delay;
                    execution_.scheduler().schedule(then, *execution_.scheduler().current(), change);
                }
                return true;
            }));
    }

    // Sends, which the kinds of queue declare.

    /// Sends by `store(subject, is_late)`. A sender that does not give up gets no error: it sends again.
    template <class Store>
    Result<SendMessageResult> send(std::string_view body, bool gives_up, const Store& store) {
        const Subject subject = next_subject();
        return simulated_call<SendMessageResult>(
            {Site::send, Site::sent, subject, gives_up ? Faults{Fault::refuse_send} : Faults{},
             gives_up ? Faults{Fault::lose_send_reply} : Faults{}, send_faults(), Errc::request_throttled},
            [&] { return "send " + name_of(subject) + " " + quoted(body); }, [&] { record_refused_send(); },
            [&](Fault fault, std::size_t step) {
                Result<SendMessageResult> result = store(subject, fault == Fault::late_visibility);
                if (!result) {
                    execution_.timeline().append(step, [] { return std::string{" refused"}; });
                    return result;
                }
                if (fault == Fault::resend) {
                    return store(subject + 1, false);
                }
                if (fault == Fault::resend_in_window || fault == Fault::resend_after_window) {
                    const Nanos again = resend_instant(fault);
                    execution_.extend_horizon(again - execution_.now());
                    if (!gives_up) {  // a producer, which goes on when it got an answer
                        resends_at_ = again;
                        return result;
                    }
                    execution_.scheduler().sleep_until(again);
                    add_resend_step(subject, body);
                    return store(subject + 1, false);
                }
                return result;
            });
    }

    /// Sends a batch by `store(entry, subject)`: each entry may be refused by itself, or be sent twice.
    template <class Entry, class Store>
    std::vector<Result<SendMessageResult>> send_batch(std::span<Entry> entries, const Store& store) {
        using Results = std::vector<Result<SendMessageResult>>;
        const HoldingCall holding{execution_};
        return simulated_call<Results>(
                   {Site::send_batch, Site::batch_sent, 0, Fault::refuse_send, Fault::lose_send_reply, {},
                    Errc::request_throttled},
                   [&] { return "send a batch of " + std::to_string(entries.size()) + where(); },
                   [&] { record_refused_send(); },
                   [&](Fault, std::size_t) -> Result<Results> {
                       Results results;
                       for (const Entry& entry : entries) {
                           results.push_back(send_entry([&](Subject subject) { return store(entry, subject); }));
                       }
                       return results;
                   })
            .value();
    }

    /// When a producer whose send got no answer sends again; nothing if it got one.
    [[nodiscard]] std::optional<Nanos> take_resend() { return std::exchange(resends_at_, std::nullopt); }
    void add_resend_step(Subject subject, std::string_view body) {
        execution_.add_step(TimelineStep::Kind::call, subject + 1,
                            [&] { return "send " + name_of(subject + 1) + " " + quoted(body); });
    }
    [[nodiscard]] Subject last_subject() const noexcept { return 2 * last_number_; }

    /// Records a message that was stored, or that a FIFO queue deduplicated.
    void record_send(const SendMessageResult& result, Subject subject, std::string_view body, std::string_view group,
                     std::string_view deduplication_id, Nanos delay) {
        Operation operation = begin(Action::send);
        if (result.deduplicated) {
            operation.message = execution_.ids().message(result.message_id);
            operation.answer = Answer::deduplicated;
        } else {
            operation.message = execution_.ids().add_message(result.message_id, subject);
            add_stored(stored_.size() + 1, operation.message, subject);
        }
        operation.duration = delay;
        operation.group = execution_.ids().text(group);
        operation.deduplication = execution_.ids().text(deduplication_id);
        operation.content = hash_text(body);
        record(operation);
        execution_.scheduler().notify(as_source());
    }

    // Dead letters.

    template <class Set>
    void link_dead_letters(SimulatedQueue& dead_letter_queue, int max_receive_count, const Set& set) {
        if (!execution_.enter()) {
            return;
        }
        static_cast<void>(simulated_call<bool>(
            {Site::set_redrive_policy, Site::redrive_policy_set, 0}, [&] { return "set-redrive-policy" + where(); },
            [] {},
            [&](Fault, std::size_t) -> Result<bool> {
                set();
                dead_letters_ = &dead_letter_queue;
                int& attempts = dead_letter_queue.attempts_before_;
                attempts = attempts == 0 ? max_receive_count : std::min(attempts, max_receive_count);
                record_redrive_policy(max_receive_count, dead_letter_queue.index_);
                return true;
            }));
    }

    void deduplicate_by_group() { execution_.history().queues[index_].deduplicates_by_group = true; }
    [[nodiscard]] Subject next_subject() noexcept { return 2 * ++last_number_; }
    [[nodiscard]] SiteNumber site(Site which) const noexcept { return (*sites_)[number_of(which)]; }
    [[nodiscard]] ChoiceSource& choices() noexcept { return *this; }
    [[nodiscard]] const void* as_source() const noexcept { return static_cast<const WorldQueue*>(this); }

    Execution& execution_;
    QueueTraits traits_;

private:
    static constexpr Nanos administrative_delay = std::chrono::seconds{60};

    /// Marks that the current actor's stack holds what must be destroyed.
    class HoldingCall {
    public:
        explicit HoldingCall(Execution& execution) {
            if (Actor* const actor = execution.scheduler().current()) {
                holding_.emplace(*actor);
            }
        }

    private:
        std::optional<Holding> holding_{};
    };

    // Names and records.

    [[nodiscard]] std::string name_of(Subject subject) const { return execution_.name_of(this, subject); }
    /// Which queue a step is about, unless there is only one.
    [[nodiscard]] std::string where() const {
        return execution_.queues().size() > 1 ? " (" + label_ + ")" : std::string{};
    }
    [[nodiscard]] Subject subject_of(const MessageId& id) const {
        return execution_.ids().subject(execution_.ids().message(id));
    }
    [[nodiscard]] KnownHandle look_up(const ReceiptHandle& handle) const { return execution_.ids().look_up(handle); }
    /// The n-th message that the queue stored.
    [[nodiscard]] MessageRef stored_message(std::uint64_t ordinal) const noexcept {
        return ordinal - 1 < stored_.size() ? stored_[ordinal - 1] : MessageRef{};
    }
    [[nodiscard]] static Error refusal(Errc code) {
        return {code, code == Errc::request_throttled ? "The request is throttled (simulated)."
                                                      : "The service gave no answer (simulated)."};
    }
    [[nodiscard]] static Answer answer_of(HandleResult result) noexcept {
        switch (result.status) {
        case HandleStatus::ok:
            return Answer::ok;
        case HandleStatus::expired:
            return Answer::expired;
        case HandleStatus::superseded:
            return Answer::superseded;
        case HandleStatus::gone:
            return Answer::gone;
        case HandleStatus::invalid:
            return Answer::refused;
        }
        return Answer::refused;
    }
    [[nodiscard]] static std::string status_text(HandleStatus status) {
        constexpr std::array<std::string_view, 5> texts{"ok", "expired", "superseded", "gone", "invalid"};
        return std::string{texts[static_cast<std::size_t>(status)]};
    }

    [[nodiscard]] Operation begin(Action action) {
        Operation operation;
        operation.invoked = operation.answered = execution_.now();
        operation.queue = index_;
        operation.client = static_cast<std::uint32_t>(execution_.client_index());
        operation.action = action;
        return operation;
    }
    void record(const Operation& operation) {
        execution_.mix_into_hash(std::uint64_t{static_cast<std::uint8_t>(operation.action)} << 8 |
                                     static_cast<std::uint8_t>(operation.answer),
                                 (std::uint64_t{operation.message} << 32 | operation.client) ^ operation.content ^
                                     static_cast<std::uint64_t>(operation.duration.count()) ^
                                     static_cast<std::uint64_t>(operation.receive_count) << 16);
        execution_.history().operations.push_back(operation);
    }
    void record_handle(Action action, const KnownHandle& handle, Answer answer, Nanos duration) {
        Operation operation = begin(action);
        operation.receipt = handle.number;
        operation.message = handle.message;
        operation.answer = answer;
        operation.duration = duration;
        record(operation);
    }
    /// A policy from before the first operation is a fact of the queue, a later one is an operation.
    void record_redrive_policy(int max_receive_count, std::uint32_t dead_letter_queue) {
        if (execution_.history().operations.empty()) {
            QueueFacts& facts = execution_.history().queues[index_];
            facts.max_receive_count = max_receive_count;
            facts.dead_letter_queue = dead_letter_queue;
            return;
        }
        Operation operation = begin(Action::set_redrive_policy);
        operation.receive_count = max_receive_count;
        operation.maximum = static_cast<std::int32_t>(dead_letter_queue) + 1;
        record(operation);
    }
    void record_refused_send() {
        Operation operation = begin(Action::send);
        operation.answer = Answer::refused;
        record(operation);
    }

    template <class Visit>
    void each_stored(const Visit& visit) const {
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const Peeked& peeked : ask_peek(state)) {
                visit(peeked);
            }
        }
    }

    // Sends.

    [[nodiscard]] Faults send_faults() const noexcept {
        if (traits_.is_fifo) {
            return {Fault::resend, Fault::resend_in_window, Fault::resend_after_window};
        }
        // A message that is late by more than its retention would be lost rightfully.
        return traits_.retention > 2 * traits_.limits.maximum_delay ? Faults{Fault::resend, Fault::late_visibility}
                                                                    : Faults{Fault::resend};
    }
    [[nodiscard]] Nanos resend_instant(Fault fault) const noexcept {
        return execution_.now() + traits_.deduplication_interval - Nanos{fault == Fault::resend_in_window ? 1 : 0};
    }
    template <class Store>
    Result<SendMessageResult> send_entry(const Store& store) {
        const Subject subject = next_subject();
        const Fault fault =
            execution_.choose(site(Site::send_entry), subject, info(Site::send_entry).faults, {}).fault;
        if (fault == Fault::refuse_entry) {
            record_refused_send();
            return Error{Errc::internal_error, "The message was not accepted (simulated)."};
        }
        Result<SendMessageResult> result = store(subject);
        return fault == Fault::resend && result ? store(subject + 1) : std::move(result);
    }

    // Deletes.

    HandleResult erase(const ReceiptHandle& handle, const KnownHandle& known) {
        HandleResult result = ask_delete(handle);
        record_handle(Action::delete_message, known, answer_of(result), {});
        if (result.status == HandleStatus::ok) {
            execution_.timeline().end_lease(execution_.client_index(), known.subject, execution_.now(), true);
            std::erase_if(execution_.client().leases,
                          [&](const HeldLease& lease) { return lease.handle == known.hash; });
            execution_.scheduler().notify(as_source());  // the next of a FIFO group may be available
        }
        // What is gone is deleted, says the service; of an older handle it says so for a standard queue only.
        result.success = result.success || result.status == HandleStatus::gone ||
                         (!traits_.is_fifo && result.status == HandleStatus::superseded);
        return result;
    }

    std::vector<HandleResult> erase_batch(std::span<const ReceiptHandle> handles, bool is_repeated) {
        if (handles.empty() || handles.size() > traits_.limits.maximum_batch_entries) {
            ask_check_delete_batch(handles);  // says why not
        }
        std::vector<HandleResult> results;
        for (const ReceiptHandle& handle : handles) {
            const KnownHandle known = look_up(handle);
            const Fault entry = execution_
                                    .choose(site(Site::delete_entry), known.subject, Fault::refuse_delete_entry, {})
                                    .fault;
            if (entry == Fault::refuse_delete_entry) {
                execution_.charge(known.message);
                record_handle(Action::delete_message, known, Answer::refused, {});
                results.push_back({HandleStatus::invalid});
            } else {
                results.push_back(known.number == 0 ? HandleResult{HandleStatus::invalid} : erase(handle, known));
            }
        }
        for (std::size_t i = 0; is_repeated && i < handles.size(); ++i) {
            const KnownHandle known = look_up(handles[i]);
            results[i] = known.number == 0 ? results[i] : erase(handles[i], known);
        }
        return results;
    }

    void charge_handles(std::span<const ReceiptHandle> handles) {
        for (const ReceiptHandle& handle : handles) {
            const KnownHandle known = look_up(handle);
            execution_.charge(known.message);
            record_handle(Action::delete_message, known, Answer::refused, {});
        }
    }

    void extend_lease(const KnownHandle& known, Nanos timeout) {
        for (HeldLease& lease : execution_.client().leases) {
            if (lease.handle == known.hash) {
                lease.deadline = execution_.now() + timeout;
                execution_.timeline().end_lease(execution_.client_index(), lease.subject, lease.deadline, false);
            }
        }
    }

    // Receives.

    /// A receive that is under way. It owns nothing, for its stack may be given up.
    struct PendingReceive {
        std::span<message_type> out;
        const ReceiveMessageOptions& options;
        Nanos invoked;
        Nanos wait;
        Nanos deadline;
        bool for_ever;
        std::size_t received = 0;
    };

    /// What came of one look at the queue.
    enum class Look : std::uint8_t {
        messages,
        nothing,
        missed,      // the service found nothing though something was there
        unanswered,  // the service had an answer, the consumer got none
        too_early,   // time went on to when there may be less: the queue is to be asked again
    };

    std::size_t receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                        const ReceiveMessageOptions& options, const std::stop_token& stop, bool for_ever) {
        if (!execution_.enter()) {
            return 0;
        }
        for (const ReceiptHandle& handle : done) {
            if (look_up(handle).number != 0) {
                delete_message(handle);
            }
        }
        Actor* const actor = execution_.scheduler().current();
        is_consumed = is_consumed || actor != nullptr;
        choose_run_properties();
        const Nanos wait = for_ever ? sqsim::detail::never : options.wait_time.value_or(traits_.wait_time);
        PendingReceive call{out, options, execution_.now(), wait, execution_.now(), for_ever};
        if (actor != nullptr) {
            call.deadline = sqsim::detail::saturating_add(call.invoked, wait);
        }
        Faults harm = for_ever ? Faults{} : info(Site::receive).harm;  // a loop was at its last call just now
        while (!stop.stop_requested()) {
            const Look look = look_once(call, std::exchange(harm, {}));
            if (look == Look::messages) {
                return call.received;
            }
            if (look != Look::too_early && !goes_on(call, look)) {
                return 0;
            }
        }
        return 0;
    }

    Look look_once(PendingReceive& call, Faults harm) {
        const std::size_t step =
            execution_.add_step(TimelineStep::Kind::call, 0, [&] { return "receive" + where(); });
        std::size_t most =
            std::min({call.out.size(), static_cast<std::size_t>(std::max(call.options.max_number_of_messages, 0)),
                      static_cast<std::size_t>(traits_.limits.maximum_number_of_messages)});
        const Alternative request = choose_request(std::min(stored().visible, most), harm);
        if (!harm.empty() && execution_.now() != call.invoked) {  // it stood still before it asked
            call.invoked = execution_.now();
            call.deadline = sqsim::detail::saturating_add(call.invoked, call.wait);
        }
        bool is_lost = false;
        bool moved_some = false;  // to the dead-letter queue
        switch (request.fault) {
        case Fault::throttle:
            record_refused_receive(call.invoked);
            sqsim::detail::raise(refusal(Errc::request_throttled));
        case Fault::retention_ends:
            let_retention_end();
            call.invoked = execution_.now();
            return Look::too_early;
        case Fault::empty_receive:
            break;
        case Fault::partial_receive:
            most = request.parameter;
            [[fallthrough]];
        default:
            // A simulated consumer asks when it has to, and at the end; nobody counts what it asks in vain.
            if (stored().visible != 0 || duplicates_ != 0 || !call.for_ever) {
                call.received = deliver(call, most, step, is_lost, moved_some);
            }
        }
        Actor* const actor = execution_.scheduler().current();
        if (call.received != 0) {
            execution_.count_deliveries(call.received);
        } else {
            execution_.timeline().append(step, [] { return std::string{" nothing"}; });
        }
        if (actor != nullptr) {
            actor->is_polling = call.received == 0;
        }
        if (call.received != 0) {
            return Look::messages;
        }
        if (moved_some && dead_letters_ == this) {
            return Look::too_early;  // what it moved to itself is there now
        }
        return is_lost                                 ? Look::unanswered
               : request.fault == Fault::empty_receive ? Look::missed
                                                       : Look::nothing;
    }

    /// After a look without messages: lets the time or others go on. Returns whether to look again.
    [[nodiscard]] bool goes_on(PendingReceive& call, Look look) {
        Scheduler& scheduler = execution_.scheduler();
        if (scheduler.current() == nullptr) {
            return false;
        }
        if (scheduler.phase() != Scheduler::Phase::running) {
            scheduler.answer_nothing();
            return false;
        }
        if (look == Look::unanswered || (look == Look::missed && call.for_ever)) {
            scheduler.yield();  // even a poll that misses takes its time
            return false;
        }
        if (look == Look::missed) {
            scheduler.sleep_until(call.deadline);
            return false;
        }
        if (execution_.now() < call.deadline) {
            scheduler.wait_for(as_source(), call.deadline);
            const bool is_over = execution_.now() >= call.deadline && stored().visible == 0;
            if (is_over) {
                execution_.timeline().lasts_until(execution_.client_index(), execution_.now());
            }
            return !is_over;
        }
        if (call.wait != Nanos::zero()) {
            return false;
        }
        ClientState& client = execution_.client();
        if (client.saw_nothing_at != scheduler.changes()) {
            client.saw_nothing_at = scheduler.changes();
            return false;
        }
        // It asked twice though nothing changed: lets time move, for a loop of polls takes its time, too.
        scheduler.wait_for(nullptr, sqsim::detail::never);
        return false;
    }

    /// What holds for the whole execution is decided when an actor first asks.
    void choose_run_properties() {
        if (traits_.is_fifo || has_run_properties_ || !execution_.offers()) {
            return;
        }
        has_run_properties_ = true;
        if (execution_.choose(site(Site::run_property), 0, Fault::to_back, {}).fault == Fault::to_back) {
            ask_to_back();
        }
    }

    /// Nobody receives until the retention of the oldest visible message has ended.
    void let_retention_end() {
        Nanos end{};
        if (const auto visible = ask_peek(MessageState::visible); !visible.empty()) {
            end = visible.front().message.sent_at().time_since_epoch() + traits_.retention;
        }
        execution_.extend_horizon(end - execution_.now());
        execution_.scheduler().sleep_until(end);  // with a stack that holds nothing
    }

    /// How the service answers a receive that could return `possible` messages. The loop of a simulated consumer asks
    /// again whatever it is refused for: to it throttling is an empty receive.
    [[nodiscard]] Alternative choose_request(std::size_t possible, Faults harm) {
        Faults faults;
        if (possible != 0) {
            faults = {Fault::empty_receive, Fault::retention_ends};
            if (possible > 1) {
                faults = faults.with(Fault::partial_receive);
            }
            const Actor* const actor = execution_.scheduler().current();
            if (actor != nullptr && !actor->is_loop) {
                faults = faults.with(Fault::throttle);
            }
        } else if (harm.empty()) {
            return {};
        }
        return execution_.choose(site(Site::receive), 0, faults, harm, possible);
    }

    /// Receives what is there. Returns how much of it arrives at the consumer.
    std::size_t deliver(const PendingReceive& call, std::size_t most, std::size_t step, bool& is_lost, bool& moved_some) {
        // Waiting for ever is many long polls, of which the history has the last.
        const Nanos invoked = call.for_ever ? execution_.now() : call.invoked;
        const ReceiveMessageOptions now = options_now(call, most);
        const std::size_t duplicates_before = duplicates_;
        const std::span messages = ask_and_record_dead_letters(now, most, moved_some);
        if (messages.empty()) {
            return 0;
        }
        const std::size_t count = messages.size();
        ClientState& client = execution_.client();
        const std::size_t leases_before = client.leases.size();
        record_receive(call, invoked);
        // What an actor has received belongs to the world: its stack may be given up at any choice.
        ReceivedMessages& received = execution_.context().received;
        const std::size_t kept = received.size();
        for (std::size_t i = 0; i < count; ++i) {
            const MessageRef message = record_delivery(messages[i], invoked, step);
            const Real& real = received.add(std::move(messages[i]));
            call.out[i] = message_type{real, message};
        }
        client.current = call.out.front().reference();
        execution_.scheduler().notify(as_source());  // a receive may have freed a group
        if (duplicates_ != duplicates_before) {
            execution_.scheduler().yield();  // so that the second delivery comes while the first is being worked on
        }
        const Fault fault = choose_reply(client.current.subject);
        if (fault == Fault::lose_messages) {
            for (std::size_t i = 0; i < count; ++i) {
                execution_.charge(call.out[i].reference().message);
                call.out[i] = {};
            }
            execution_.client().leases.resize(std::min(leases_before, execution_.client().leases.size()));
            is_lost = true;
            return 0;
        }
        Actor* const actor = execution_.scheduler().current();
        if (fault == Fault::stop_mid_batch) {
            actor->stop->request_stop();
            actor->is_replaced = true;
        }
        if (fault == Fault::repeat_attempt) {
            const std::size_t again = repeat_attempt(std::span{call.out}.first(count), now, kept);
            is_lost = again == 0;
            return again;
        }
        return count;
    }

    /// A FIFO receive gets no answer and is repeated with its attempt id: the same messages and handles, for a lease
    /// that begins anew. If the first lease has ended, it is a receive like any other. Returns how many it receives.
    std::size_t repeat_attempt(std::span<message_type> out, const ReceiveMessageOptions& options, std::size_t kept) {
        std::vector<HeldLease>& leases = execution_.client().leases;
        leases.resize(leases.size() - std::min(out.size(), leases.size()));
        for (message_type& message : out) {
            execution_.charge(message.reference().message);
            message = {};
        }
        bool moved_some = false;
        const std::span messages = ask_and_record_dead_letters(options, out.size(), moved_some);
        if (messages.empty()) {
            return 0;
        }
        Operation operation = begin(Action::receive);
        operation.maximum = options.max_number_of_messages;
        operation.duration = options.visibility_timeout.value_or(traits_.visibility_timeout);
        record(operation);
        const std::size_t step = execution_.add_step(TimelineStep::Kind::call, 0,
                                                     [&] { return "receive" + where() + " again"; });
        ReceivedMessages& received = execution_.context().received;
        for (std::size_t i = 0; i < messages.size(); ++i) {
            const MessageRef message = record_delivery(messages[i], execution_.now(), step);
            received[kept + i] = std::move(messages[i]);
            out[i] = message_type{received[kept + i], message};
        }
        execution_.set_current(out.front().reference());
        execution_.scheduler().notify(as_source());
        return messages.size();
    }

    /// What the queue answers to a receive, and moves to the dead-letter queue by it.
    [[nodiscard]] std::span<Real> ask_and_record_dead_letters(const ReceiveMessageOptions& options, std::size_t most,
                                                              bool& moved_some) {
        auto& answer = execution_.context().answer;
        answer.resize(std::max(answer.size(), most));
        const std::vector<StoredId> before =
            dead_letters_ != nullptr ? dead_letters_->ask_ids() : std::vector<StoredId>{};
        const std::size_t count = ask_receive(std::span{answer}.first(most), options);
        moved_some = record_dead_letters(before);
        return std::span{answer}.first(count);
    }

    /// As the service is asked: at once, for so many.
    [[nodiscard]] ReceiveMessageOptions options_now(const PendingReceive& call, std::size_t most) {
        ReceiveMessageOptions now = call.options;
        now.wait_time = Nanos::zero();
        if (call.options.max_number_of_messages > 0 && most > 0) {
            now.max_number_of_messages = static_cast<int>(most);
        }
        if (traits_.is_fifo && now.receive_request_attempt_id.empty() && execution_.offers()) {
            now.receive_request_attempt_id = "attempt-" + std::to_string(++attempts_);
        }
        return now;
    }

    void record_receive(const PendingReceive& call, Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.maximum = call.options.max_number_of_messages;
        operation.wait = call.for_ever ? traits_.limits.maximum_wait_time : call.wait;
        operation.duration = call.options.visibility_timeout.value_or(traits_.visibility_timeout);
        record(operation);
    }
    void record_refused_receive(Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.answer = Answer::refused;
        record(operation);
    }

    /// A message arrives at the current actor, which leases it. Returns what it is called.
    MessageRef record_delivery(const Real& message, Nanos invoked, std::size_t step) {
        IdNumbering& ids = execution_.ids();
        const std::uint32_t number = ids.message(message.message_id());
        const Subject subject = ids.subject(number);
        const Nanos deadline = message.visibility_deadline().time_since_epoch();
        const KnownHandle known = ids.add_handle(message.receipt_handle(), number);
        execution_.client().leases.push_back({this, known.hash, number, subject, deadline});
        execution_.receives_of(number).count = message.approximate_receive_count();
        execution_.timeline().append(step, [&] {
            return " " + name_of(subject) + " (" + ordinal_text(message.approximate_receive_count()) + ")";
        });
        execution_.timeline().add_lease(execution_.client_index(), subject, deadline);
        Operation delivery = begin(Action::delivery);
        delivery.invoked = invoked;
        delivery.message = number;
        delivery.receipt = known.number;
        delivery.group = ids.text(message.message_group_id());
        if (traits_.is_fifo) {
            delivery.deduplication = ids.text(message.message_deduplication_id());
        }
        delivery.receive_count = static_cast<std::int32_t>(message.approximate_receive_count());
        delivery.content = hash_text(message.body());
        record(delivery);
        const MessageRef reference{this, number, subject};
        execution_.check_settling(reference, message.sent_at().time_since_epoch());
        return reference;
    }

    /// What may happen between the service's answer and the consumer.
    [[nodiscard]] Fault choose_reply(Subject first) {
        Faults faults = Fault::lose_messages;
        if (traits_.is_fifo) {
            faults = faults.with(Fault::repeat_attempt);
        }
        if (const Actor* const actor = execution_.scheduler().current(); actor != nullptr && actor->stop) {
            faults = faults.with(Fault::stop_mid_batch);
        }
        return execution_.choose(site(Site::received), first, faults, info(Site::received).harm).fault;
    }

    // Dead letters.

    /// What came to a queue by a move since `before`, in the order in which it came.
    [[nodiscard]] std::vector<StoredId> arrived_since(const std::vector<StoredId>& before) const {
        std::vector<StoredId> arrived = ask_ids();
        std::erase_if(arrived, [&](const StoredId& stored) {
            return std::find(before.begin(), before.end(), stored) != before.end();
        });
        std::sort(arrived.begin(), arrived.end(),
                  [](const StoredId& a, const StoredId& b) { return a.ordinal < b.ordinal; });
        return arrived;
    }

    void add_stored(std::uint64_t ordinal, std::uint32_t message, Subject subject) {
        stored_.resize(std::max<std::size_t>(stored_.size(), ordinal));
        stored_[ordinal - 1] = {this, message, subject};
    }

    /// Records what the receive moved to the dead-letter queue. Returns whether that was anything.
    bool record_dead_letters(const std::vector<StoredId>& before) {
        if (dead_letters_ == nullptr) {
            return false;
        }
        const std::vector<StoredId> arrived = dead_letters_->arrived_since(before);
        bool is_redriven = false;
        for (const StoredId& letter : arrived) {
            const std::uint32_t number = execution_.ids().message(letter.id);
            const Subject subject = execution_.ids().subject(number);
            dead_letters_->add_stored(letter.ordinal, number, subject);
            Operation operation = begin(Action::dead_letter);
            operation.message = number;
            record(operation);
            execution_.add_step(TimelineStep::Kind::service, subject, [&] {
                return name_of(subject) + " goes to the dead-letter queue " + dead_letters_->label();
            });
            is_redriven = execution_.choose(site(Site::dead_letter), subject, Fault::redrive, {}).fault ==
                              Fault::redrive ||
                          is_redriven;
        }
        if (is_redriven) {
            execution_.scheduler().schedule(execution_.now() + std::chrono::milliseconds{1},
                                            *execution_.scheduler().current(),
                                            [this, from = dead_letters_] { redrive(*from); });
        }
        if (!arrived.empty()) {
            execution_.scheduler().notify(dead_letters_->as_source());
        }
        return !arrived.empty();
    }

    /// An operator moves back what is in the dead-letter queue. It gets new ids, and is called the copy of what it was.
    void redrive(SimulatedQueue& dead_letter_queue) {
        const std::vector<StoredId> before = ask_ids();
        std::vector<StoredId> left = dead_letter_queue.arrived_since({});
        ask_redrive(dead_letter_queue);
        const std::vector<StoredId> remaining = dead_letter_queue.ask_ids();
        std::erase_if(left, [&](const StoredId& stored) {
            return std::find(remaining.begin(), remaining.end(), stored) != remaining.end();
        });
        for (const StoredId& arrived : arrived_since(before)) {
            const auto old = std::find_if(left.begin(), left.end(), [&](const StoredId& letter) {
                return letter.content == arrived.content && letter.group == arrived.group;
            });
            if (old != left.end()) {
                record_redrive(dead_letter_queue, execution_.ids().message(old->id), arrived);
                left.erase(old);
            }
        }
        execution_.scheduler().notify(as_source());
    }
    void record_redrive(SimulatedQueue& dead_letter_queue, std::uint32_t old_message, const StoredId& arrived) {
        Operation leaves = dead_letter_queue.begin(Action::delete_message);
        leaves.message = old_message;
        leaves.answer = Answer::unknown;  // no client deleted it
        record(leaves);
        const Subject copy = execution_.ids().subject(old_message) | 1U;
        Operation operation = begin(Action::redrive);
        operation.message = execution_.ids().add_message(arrived.id, copy);
        operation.content = arrived.content;
        operation.group = arrived.group;
        record(operation);
        add_stored(arrived.ordinal, operation.message, copy);
        execution_.add_step(TimelineStep::Kind::service, copy,
                            [&] { return name_of(copy) + " is moved back to " + label_; });
    }

    // ChoiceSource: what the queue underneath may do in more than one way.

    [[nodiscard]] std::uint32_t choose(Site which, std::uint64_t ordinal, std::uint32_t count) override {
        const auto happens = [&](Fault fault) {
            return execution_.choose(site(which), stored_message(ordinal).subject, fault, {}).fault == fault;
        };
        switch (which) {
        case Site::duplicate:
            if (!happens(Fault::duplicate)) {
                return 0;
            }
            ++duplicates_;
            count_lost_receive(ordinal);
            return 1;
        case Site::receive_order:
            return execution_.choose(site(which), 0, Fault::reorder, {}, count).parameter;
        case Site::lost_delete:
            if (!happens(Fault::delete_survives)) {
                return 0;
            }
            count_lost_receive(ordinal);
            return 1;
        case Site::stale_delete:
            return happens(Fault::stale_delete) ? 1 : 0;
        default:
            return 0;  // how much a poll sees is decided for every receive, also those that wait
        }
    }
    [[nodiscard]] std::uint32_t reorder_window() const override {
        return execution_.offers() && execution_.settings().offered.contains(Fault::reorder) ? 3 : 0;
    }
    /// The message comes once more than its consumer has to do with.
    void count_lost_receive(std::uint64_t ordinal) { ++execution_.receives_of(stored_message(ordinal).message).lost; }

    std::uint32_t index_;
    std::string label_;
    const QueueSites* sites_;
    std::vector<MessageRef> stored_{};  // in the order of the queue's ordinals
    std::uint32_t last_number_ = 0;
    std::uint32_t attempts_ = 0;
    std::size_t duplicates_ = 0;  // messages that were chosen for a second delivery
    SimulatedQueue* dead_letters_ = nullptr;
    int attempts_before_ = 0;
    std::optional<Nanos> resends_at_{};
    bool has_run_properties_ = false;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
