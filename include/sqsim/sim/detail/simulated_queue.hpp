// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/history/detail/answer.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/backing_queue.hpp"
#include "sqsim/sim/detail/dead_letters.hpp"
#include "sqsim/sim/detail/execution_impl.hpp"
#include "sqsim/sim/detail/queue_recorder.hpp"
#include "sqsim/sim/detail/receiver.hpp"
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

/// A body, shortened for a timeline.
[[nodiscard]] inline std::string quoted(std::string_view body) {
    constexpr std::size_t longest = 24;
    return "\"" + std::string{body.substr(0, longest)} + (body.size() > longest ? "...\"" : "\"");
}

/// A call of a simulated queue, as `simulated_call` is given it.
struct CallSpec {
    Site before;
    Site after;
    Subject subject = 0;
    Faults refused{};     // the request does not arrive: nothing is executed, its caller sees an error
    Faults unanswered{};  // the reply does not arrive: its caller sees an error
    Faults others{};      // what the call itself interprets
    Errc refusal = Errc::service_unavailable;
};

/// A queue in a simulated world: the calls that both kinds have in common. Each call of an actor has a site before
/// it and one after it, where faults may happen; the scenario's own calls never fail.
class SimulatedQueue : public WorldQueue, private ChoiceSource {
public:
    using clock_type = ManualClock;
    using body_type = std::string;
    using time_point = ManualClock::time_point;
    using message_type = SimMessage;
    using Peeked = BackingQueue::Peeked;

    /// What every call from outside goes through, so that no lack of memory is kept from the exploration.
    template <class Call>
    decltype(auto) noting_shortage(Call call) const {
        return execution_.noting_shortage(call);
    }

    // Receives. One that waits lets other actors go on in virtual time.

    std::optional<message_type> receive_message(const ReceiveMessageOptions& options, const std::stop_token& stop) {
        message_type message;
        const std::size_t received = receive({}, std::span{&message, 1}, options, stop, false);
        return received != 0 ? std::optional{message} : std::nullopt;
    }
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options, const std::stop_token& stop) {
        std::vector<message_type> messages(static_cast<std::size_t>(std::max(options.max_number_of_messages, 1)));
        messages.resize(receive({}, messages, options, stop, false));
        return messages;
    }
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options,
                                 const std::stop_token& stop) {
        return receive({}, out, options, stop, false);
    }
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options, const std::stop_token& stop) {
        return receive(done, out, options, stop, false);
    }

    // Deletes, and changes of visibility.

    HandleResult delete_message(const ReceiptHandle& handle) { return try_delete_message(handle).value(); }

    /// The same with the service's error as a value.
    Result<HandleResult> try_delete_message(const ReceiptHandle& handle) {
        if (!execution_.enter()) {
            return HandleResult{HandleStatus::gone};
        }
        const KnownHandle known = recorder_.look_up(handle);
        execution_.look_at(recorder_.reference(known.message, known.subject));
        return simulated_call<HandleResult>(
            {Site::delete_message, Site::deleted, known.subject, Fault::lose_delete, {}, Fault::lose_delete_reply},
            [&] { return "delete " + recorder_.name_of(known.subject); },
            [&] { recorder_.record_handle(Action::delete_message, known, Answer::refused, {}); },
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
        const Subject first = handles.empty() ? 0 : recorder_.look_up(handles.front()).subject;
        return simulated_call<std::vector<HandleResult>>(
                   {Site::delete_message, Site::deleted, first, Fault::lose_delete, {}, Fault::lose_delete_reply},
                   [&] {
                       std::string text = "delete";
                       for (const ReceiptHandle& handle : handles) {
                           text += " " + recorder_.name_of(recorder_.look_up(handle).subject);
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
        const KnownHandle known = recorder_.look_up(handle);
        execution_.look_at(recorder_.reference(known.message, known.subject));
        return simulated_call<HandleResult>(
                   {Site::extend, Site::extended, known.subject, Fault::lose_extension, Fault::lose_extension_reply},
                   [&] {
                       return "change visibility of " + recorder_.name_of(known.subject) + " to " +
                              duration_text(timeout);
                   },
                   [&] { recorder_.record_handle(Action::change_message_visibility, known, Answer::refused, timeout); },
                   [&](Fault, std::size_t step) -> Result<HandleResult> {
                       HandleResult result = queue_.change_visibility(handle, timeout);
                       recorder_.record_handle(Action::change_message_visibility, known,
                                               history::detail::answer_of(result), timeout);
                       if (result.status == HandleStatus::ok) {
                           extend_lease(known, timeout);
                           recorder_.notify();
                       }
                       execution_.timeline().append(step, [&] { return " " + status_text(result.status); });
                       // The service accepts a change for a lease that has ended, if the queue is no FIFO queue.
                       result.success = result.success || (!traits_.is_fifo && result.status == HandleStatus::expired);
                       return result;
                   })
            .value();
    }

    // Administration.

    /// Removes every message; a purge may take up to a minute.
    void purge() {
        administer(Site::purge, Site::purged, Fault::late_purge, "purge", [this] {
            queue_.purge();
            recorder_.record(recorder_.begin(Action::purge));
            recorder_.notify();
        });
    }
    /// A change of an attribute may take up to a minute.
    void set_visibility_timeout(std::chrono::nanoseconds timeout) {
        administer(Site::set_visibility_timeout, Site::visibility_timeout_set, Fault::late_attribute,
                   "set-visibility-timeout", [this, timeout] {
                       queue_.set_visibility_timeout(timeout);
                       traits_.visibility_timeout = timeout;
                   });
    }
    void set_delay(std::chrono::nanoseconds delay) {
        administer(Site::set_delay, Site::delay_set, Fault::late_attribute, "set-delay", [this, delay] {
            queue_.set_delay(delay);
            traits_.delay = delay;
            Operation operation = recorder_.begin(Action::set_delay);
            operation.duration = delay;
            recorder_.record(operation);
            recorder_.notify();
        });
    }

    // Inspection, by the scenario or by an actor: no sites for faults.

    [[nodiscard]] const std::string& name() const { return queue_.name(); }
    [[nodiscard]] std::string describe() const { return queue_.describe(); }
    [[nodiscard]] std::vector<Peeked> peek(MessageState state, std::size_t maximum) const {
        return queue_.peek(state, maximum);
    }
    [[nodiscard]] std::optional<Peeked> peek(const MessageId& id) const { return queue_.peek(id); }
    [[nodiscard]] QueueCounts stored() const final { return queue_.counts(); }
    [[nodiscard]] const std::string& label() const final { return recorder_.label(); }
    [[nodiscard]] bool is_fifo() const noexcept { return traits_.is_fifo; }
    /// The stored bodies, whatever their state.
    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> result;
        each_stored([&](const Peeked& peeked) { result.emplace_back(peeked.message.body()); });
        return result;
    }
    [[nodiscard]] std::string contents() const final {
        std::string text;
        each_stored([&](const Peeked& peeked) {
            text += (text.empty() ? "" : ", ") + recorder_.name_of(recorder_.subject_of(peeked.message.message_id()));
        });
        return text;
    }

    [[nodiscard]] std::vector<DeadLetter> letters() const {
        std::vector<DeadLetter> result;
        each_stored([&](const Peeked& peeked) {
            const std::uint32_t number = execution_.ids().message(peeked.message.message_id());
            result.push_back({std::string{peeked.message.body()}, execution_.receives_of(number).lost});
        });
        return result;
    }
    /// Of a dead-letter queue: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before_dead_letter() const noexcept { return dead_letters_.attempts_before(); }

    void add_deadlines(QueueDeadlines& deadlines) const final {
        queue_.visit_times([&](MessageState state, Nanos sent_at, Nanos available_at) {
            if (state != MessageState::visible) {
                (state == MessageState::in_flight ? deadlines.leases : deadlines.others).push_back(available_at);
            }
            if (traits_.is_fifo) {
                deadlines.others.push_back(sqsim::detail::saturating_add(sent_at, traits_.deduplication_interval));
            }
            deadlines.retentions.push_back(sqsim::detail::saturating_add(sent_at, traits_.retention));
        });
    }

    /// For the loop of a simulated consumer: a receive that waits for as long as there is something to wait for.
    std::size_t receive_or_wait(std::span<message_type> out, const ReceiveMessageOptions& options) {
        return receive({}, out, options, {}, true);
    }

protected:
    /// `queue` may still be under construction.
    SimulatedQueue(Execution& execution, BackingQueue& queue, const std::string& name, const QueueTraits& traits)
        : execution_{execution}, queue_{queue}, traits_{traits}, recorder_{execution, *this, name, facts_of(traits)},
          dead_letters_{recorder_, queue}, receiver_{recorder_, queue, dead_letters_, traits_} {}

    /// Executes a call with all that may go wrong around it: a site before, with faults of the request and of the
    /// reply, the call itself, and a site after it. `refuse()` records a request that did not arrive; `execute(fault,
    /// step)` returns what the service answers, and records it.
    template <class T, class Text, class Refuse, class Execute>
    Result<T> simulated_call(const CallSpec& spec, const Text& text, const Refuse& refuse, const Execute& execute) {
        const std::size_t step = execution_.add_step(TimelineStep::Kind::call, spec.subject, text);
        const Fault fault = execution_
                                .choose(recorder_.site(spec.before), spec.subject,
                                        spec.refused.with(spec.unanswered).with(spec.others), info(spec.before).harm)
                                .fault;
        if (spec.refused.contains(fault)) {
            refuse();
            return refusal(spec.refusal);
        }
        Result<T> result = execute(fault, step);
        if (result) {
            static_cast<void>(execution_.choose(recorder_.site(spec.after), spec.subject, {}, info(spec.after).harm));
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
            {before, after, 0, {}, {}, late}, [&] { return std::string{text} + recorder_.where(); }, [] {},
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
        const Subject subject = recorder_.next_subject();
        return simulated_call<SendMessageResult>(
            {Site::send, Site::sent, subject, gives_up ? Faults{Fault::refuse_send} : Faults{},
             gives_up ? Faults{Fault::lose_send_reply} : Faults{}, send_faults(), Errc::request_throttled},
            [&] { return "send " + recorder_.name_of(subject) + " " + quoted(body); },
            [&] { recorder_.record_refused_send(); },
            [&](Fault fault, std::size_t step) {
                if (fault == Fault::late_visibility) {
                    execution_.extend_horizon(traits_.limits.maximum_delay);
                }
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
                   {Site::send_batch,
                    Site::batch_sent,
                    0,
                    Fault::refuse_send,
                    Fault::lose_send_reply,
                    {},
                    Errc::request_throttled},
                   [&] { return "send a batch of " + std::to_string(entries.size()) + recorder_.where(); },
                   [&] { recorder_.record_refused_send(); },
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
                            [&] { return "send " + recorder_.name_of(subject + 1) + " " + quoted(body); });
    }
    /// Sets the redrive policy by `set()`.
    template <class Set>
    void link_dead_letters(SimulatedQueue& dead_letter_queue, int max_receive_count, const Set& set) {
        if (!execution_.enter()) {
            return;
        }
        static_cast<void>(simulated_call<bool>(
            {Site::set_redrive_policy, Site::redrive_policy_set, 0},
            [&] { return "set-redrive-policy" + recorder_.where(); }, [] {},
            [&](Fault, std::size_t) -> Result<bool> {
                set();
                dead_letters_.link(dead_letter_queue.dead_letters_, max_receive_count);
                return true;
            }));
    }

    [[nodiscard]] ChoiceSource& choices() noexcept { return *this; }

    Execution& execution_;
    BackingQueue& queue_;
    QueueTraits traits_;
    QueueRecorder recorder_;

private:
    static constexpr Nanos administrative_delay = std::chrono::seconds{60};

    [[nodiscard]] static QueueFacts facts_of(const QueueTraits& traits) {
        QueueFacts facts;
        facts.fifo = traits.is_fifo;
        facts.deduplicates_by_group = traits.deduplicates_by_group;
        facts.message_retention_period = traits.retention;
        facts.deduplication_interval = traits.deduplication_interval;
        facts.max_number_of_messages = traits.limits.maximum_number_of_messages;
        return facts;
    }

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

    [[nodiscard]] static Error refusal(Errc code) {
        return {code, code == Errc::request_throttled ? "The request is throttled (simulated)."
                                                      : "The service gave no answer (simulated)."};
    }
    [[nodiscard]] static std::string status_text(HandleStatus status) {
        constexpr std::array<std::string_view, 5> texts{"ok", "expired", "superseded", "gone", "invalid"};
        return std::string{texts[static_cast<std::size_t>(status)]};
    }

    template <class Visit>
    void each_stored(const Visit& visit) const {
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const Peeked& peeked : queue_.peek(state, unlimited)) {
                visit(peeked);
            }
        }
    }

    std::size_t receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                        const ReceiveMessageOptions& options, const std::stop_token& stop, bool for_ever) {
        if (!execution_.enter()) {
            return 0;
        }
        for (const ReceiptHandle& handle : done) {
            if (recorder_.look_up(handle).number != 0) {
                delete_message(handle);
            }
        }
        is_consumed = is_consumed || execution_.scheduler().current() != nullptr;
        return receiver_.receive(out, options, stop, for_ever);
    }

    // Sends.

    [[nodiscard]] Faults send_faults() const noexcept {
        if (traits_.is_fifo) {
            return traits_.deduplication_interval == sqsim::detail::never
                       ? Faults{Fault::resend}
                       : Faults{Fault::resend, Fault::resend_in_window, Fault::resend_after_window};
        }
        // A message that is late by more than its retention would be lost rightfully.
        return traits_.retention - traits_.limits.maximum_delay > traits_.limits.maximum_delay
                   ? Faults{Fault::resend, Fault::late_visibility}
                   : Faults{Fault::resend};
    }
    [[nodiscard]] Nanos resend_instant(Fault fault) const noexcept {
        return sqsim::detail::saturating_add(execution_.now(), traits_.deduplication_interval) -
               Nanos{fault == Fault::resend_in_window ? 1 : 0};
    }
    template <class Store>
    Result<SendMessageResult> send_entry(const Store& store) {
        const Subject subject = recorder_.next_subject();
        const Fault fault =
            execution_.choose(recorder_.site(Site::send_entry), subject, info(Site::send_entry).faults, {}).fault;
        if (fault == Fault::refuse_entry) {
            recorder_.record_refused_send();
            return Error{Errc::internal_error, "The message was not accepted (simulated)."};
        }
        Result<SendMessageResult> result = store(subject);
        return fault == Fault::resend && result ? store(subject + 1) : std::move(result);
    }

    // Deletes.

    HandleResult erase(const ReceiptHandle& handle, const KnownHandle& known) {
        HandleResult result = queue_.delete_message(handle);
        recorder_.record_handle(Action::delete_message, known, history::detail::answer_of(result), {});
        if (result.status == HandleStatus::ok) {
            execution_.check_settling(recorder_.reference(known.message, known.subject));
            execution_.timeline().end_lease(execution_.client_index(), known.subject, execution_.now(), true);
            std::erase_if(execution_.client().leases,
                          [&](const HeldLease& lease) { return lease.handle == known.hash; });
            recorder_.notify();  // the next of a FIFO group may be available
        }
        // What is gone is deleted, says the service; of an older handle it says so for a standard queue only.
        result.success = result.success || result.status == HandleStatus::gone ||
                         (!traits_.is_fifo && result.status == HandleStatus::superseded);
        return result;
    }

    std::vector<HandleResult> erase_batch(std::span<const ReceiptHandle> handles, bool is_repeated) {
        if (handles.empty() || handles.size() > traits_.limits.maximum_batch_entries) {
            queue_.check_delete_batch(handles);  // says why not
        }
        std::vector<HandleResult> results;
        for (const ReceiptHandle& handle : handles) {
            const KnownHandle known = recorder_.look_up(handle);
            const Fault entry =
                execution_.choose(recorder_.site(Site::delete_entry), known.subject, Fault::refuse_delete_entry, {})
                    .fault;
            if (entry == Fault::refuse_delete_entry) {
                execution_.charge(known.message);
                recorder_.record_handle(Action::delete_message, known, Answer::refused, {});
                results.push_back({HandleStatus::invalid});
            } else {
                results.push_back(known.number == 0 ? HandleResult{HandleStatus::invalid} : erase(handle, known));
            }
        }
        for (std::size_t i = 0; is_repeated && i < handles.size(); ++i) {
            const KnownHandle known = recorder_.look_up(handles[i]);
            results[i] = known.number == 0 ? results[i] : erase(handles[i], known);
        }
        return results;
    }

    void charge_handles(std::span<const ReceiptHandle> handles) {
        for (const ReceiptHandle& handle : handles) {
            const KnownHandle known = recorder_.look_up(handle);
            execution_.charge(known.message);
            recorder_.record_handle(Action::delete_message, known, Answer::refused, {});
        }
    }

    void extend_lease(const KnownHandle& known, Nanos timeout) {
        for (HeldLease& lease : execution_.client().leases) {
            if (lease.handle == known.hash) {
                lease.deadline = sqsim::detail::saturating_add(execution_.now(), timeout);
                execution_.timeline().end_lease(execution_.client_index(), lease.subject, lease.deadline, false);
            }
        }
    }

    // ChoiceSource: what the queue underneath may do in more than one way.

    [[nodiscard]] std::uint32_t choose(Site which, std::uint64_t ordinal, std::uint32_t count) override {
        const auto happens = [&](Fault fault) {
            return execution_.choose(recorder_.site(which), recorder_.stored_message(ordinal).subject, fault, {})
                       .fault == fault;
        };
        switch (which) {
        case Site::duplicate:
            if (!happens(Fault::duplicate)) {
                return 0;
            }
            receiver_.add_duplicate();
            count_lost_receive(ordinal);
            return 1;
        case Site::receive_order:
            return execution_.choose(recorder_.site(which), 0, Fault::reorder, {}, count).parameter;
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
    void count_lost_receive(std::uint64_t ordinal) {
        ++execution_.receives_of(recorder_.stored_message(ordinal).message).lost;
    }

    DeadLetters dead_letters_;
    Receiver receiver_;
    std::optional<Nanos> resends_at_{};
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
