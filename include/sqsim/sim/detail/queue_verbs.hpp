// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/decision.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fifo_queue.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/queue.hpp"
#include "sqsim/sim/detail/run.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// "1st", "2nd", …
[[nodiscard]] inline std::string ordinal_text(std::uint32_t number) {
    const std::uint32_t last = number % 10;
    const bool teen = number / 10 % 10 == 1;
    return std::to_string(number) + (teen ? "th" : last == 1 ? "st" : last == 2 ? "nd" : last == 3 ? "rd" : "th");
}

/// A queue in a simulated world: what is the same for both kinds. Each call of an actor is a place where things may go
/// wrong; the scenario's own calls always go well.
template <class Q>
class QueueVerbs : public QueueInWorld {
public:
    using clock_type = ManualClock;
    using body_type = std::string;
    using time_point = ManualClock::time_point;
    using message_type = SimMessage;
    static constexpr bool is_fifo = std::is_same_v<Q, FifoQueue<ManualClock, std::string, NullMutex>>;
    using options_type = std::conditional_t<is_fifo, FifoQueueOptions, QueueOptions>;

    QueueVerbs(Run& run, const options_type& options)
        : run_{run}, queue_{run.clock(), options}, index_{static_cast<std::uint32_t>(run.queues().size())},
          label_{options.name.empty() ? "queue " + std::to_string(index_ + 1) : options.name}, limits_{options.limits},
          visibility_timeout_{options.visibility_timeout}, wait_time_{options.receive_message_wait_time},
          retention_{options.message_retention_period} {
        // The first queue's places have short names: most worlds have only one.
        for (std::size_t i = 0; i < verb_names.size(); ++i) {
            places_[i] = index_ == 0 ? static_cast<std::uint16_t>(i)
                                     : run.places().number(label_ + ":" + std::string{verb_names[i]});
        }
        QueueFacts facts;
        facts.name = label_;
        facts.fifo = is_fifo;
        facts.message_retention_period = options.message_retention_period;
        if constexpr (is_fifo) {
            facts.deduplicates_by_group = options.deduplication_scope == DeduplicationScope::message_group;
            facts.deduplication_interval = options.deduplication_interval;
        }
        run.history().queues.push_back(std::move(facts));
        run.add_queue(*this);
    }

    /// As the verbs of `Queue` and `FifoQueue`. A receive that waits lets other actors go on in virtual time.
    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        message_type message;
        const std::size_t received = receive({}, std::span{&message, 1}, options, stop);
        return received != 0 ? std::optional{message} : std::nullopt;
    }
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        std::vector<message_type> messages(static_cast<std::size_t>(std::max(options.max_number_of_messages, 1)));
        messages.resize(receive({}, messages, options, stop));
        return messages;
    }
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {}) {
        return receive({}, out, options, stop);
    }
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {}) {
        return receive(done, out, options, stop);
    }

    HandleResult delete_message(const ReceiptHandle& handle) {
        if (!run_.enter()) {
            return {HandleStatus::gone};
        }
        Actor& actor = run_.actor();
        const Subject subject = subject_of(handle);
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, subject,
                                                   [&] { return "delete " + subject_text(subject); });
        const Option option =
            is_fifo ? run_.at(place(Verb::erase), subject, {{Fault::lose_delete}, {Fault::lose_delete_reply}}, true)
                    : run_.at(place(Verb::erase), subject,
                              {{Fault::lose_delete}, {Fault::lose_delete_reply}, {Fault::survive}}, true);
        if (option.fault == Fault::lose_delete) {
            record_handle(Action::delete_message, handle, Answer::unknown, {});
            refuse(Errc::service_unavailable);
        }
        HandleResult result = erase(handle, option.fault == Fault::survive);
        if (option.fault == Fault::lose_delete_reply) {
            result = erase(handle, false);
        }
        run_.story().amend(step, [&] { return " " + status_text(result.status); });
        run_.at(place(Verb::erased), subject, {}, true);
        return result;
    }

    std::vector<HandleResult> delete_messages(std::span<const ReceiptHandle> handles) {
        if (!run_.enter()) {
            return std::vector<HandleResult>(handles.size(), HandleResult{HandleStatus::gone});
        }
        Actor& actor = run_.actor();
        const Holding holding{actor};
        const Subject first = handles.empty() ? 0 : subject_of(handles.front());
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, first, [&] {
            std::string text = "delete";
            for (const ReceiptHandle& handle : handles) {
                text += " " + subject_text(subject_of(handle));
            }
            return text;
        });
        const Option option =
            run_.at(place(Verb::erase), first, {{Fault::lose_delete}, {Fault::lose_delete_reply}}, true);
        if (option.fault == Fault::lose_delete) {
            refuse(Errc::service_unavailable);
        }
        std::vector<HandleResult> results;
        if (handles.empty() || handles.size() > limits().maximum_batch_entries) {
            results = queue_.delete_messages(handles);  // says why not
        }
        for (const ReceiptHandle& handle : handles) {
            const Option entry =
                run_.at(place(Verb::entry), subject_of(handle),
                        is_fifo ? std::initializer_list<Option>{{Fault::refuse_delete_entry}}
                                : std::initializer_list<Option>{{Fault::refuse_delete_entry}, {Fault::survive}},
                        false);
            if (entry.fault == Fault::refuse_delete_entry) {
                record_handle(Action::delete_message, handle, Answer::refused, {});
                results.push_back({HandleStatus::invalid});
                continue;
            }
            results.push_back(is_malformed(handle) ? HandleResult{HandleStatus::invalid}
                                                   : erase(handle, entry.fault == Fault::survive));
        }
        if (option.fault == Fault::lose_delete_reply) {
            for (std::size_t i = 0; i < handles.size(); ++i) {
                results[i] = is_malformed(handles[i]) ? results[i] : erase(handles[i], false);
            }
        }
        run_.story().amend(step, [&] {
            const auto failed = std::count_if(results.begin(), results.end(), [](HandleResult r) { return !r; });
            return failed == 0 ? std::string{" ok"} : ": " + std::to_string(failed) + " without effect";
        });
        run_.at(place(Verb::erased), first, {}, true);
        return results;
    }

    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout) {
        if (!run_.enter()) {
            return {HandleStatus::gone};
        }
        Actor& actor = run_.actor();
        const Subject subject = subject_of(handle);
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, subject, [&] {
            return "change visibility of " + subject_text(subject) + " to " + duration_text(timeout);
        });
        const Option option =
            run_.at(place(Verb::extend), subject, {{Fault::lose_extension}, {Fault::lose_extension_reply}}, true);
        if (option.fault == Fault::lose_extension) {
            record_handle(Action::change_message_visibility, handle, Answer::unknown, timeout);
            refuse(Errc::service_unavailable);
        }
        const HandleResult result = queue_.change_message_visibility(handle, timeout);
        if (result) {
            extend_lease(actor, handle, timeout);
            run_.queue_changed(*this);
        }
        const bool unknown = option.fault == Fault::lose_extension_reply;
        record_handle(Action::change_message_visibility, handle, unknown ? Answer::unknown : answer(result), timeout);
        run_.story().amend(step, [&] { return " " + status_text(result.status); });
        if (unknown) {
            refuse(Errc::service_unavailable);
        }
        return result;
    }

    /// Removes every message; a purge may take up to a minute (A1).
    void purge() {
        if (!run_.enter()) {
            return;
        }
        run_.story().tell(run_.actor(), TimelineStep::Kind::call, 0, [] { return std::string{"purge"}; });
        const auto now = [this] {
            queue_.purge();
            Operation operation = begin(Action::purge);
            record(operation);
            run_.queue_changed(*this);
        };
        if (run_.at(place(Verb::purge), 0, {{Fault::late_purge}}, false).fault == Fault::late_purge) {
            run_.schedule(run_.now() + administrative_delay, run_.actor(), now);
        } else {
            now();
        }
    }

    /// A change of an attribute may take up to a minute (A1).
    void set_visibility_timeout(std::chrono::nanoseconds timeout) {
        administer("set visibility timeout", [this, timeout] {
            queue_.set_visibility_timeout(timeout);
            visibility_timeout_ = timeout;
        });
    }
    void set_delay(std::chrono::nanoseconds delay) {
        administer("set delay", [this, delay] { queue_.set_delay(delay); });
    }

    // Inspection, by the scenario or by an actor: not a place for faults.

    [[nodiscard]] QueueCounts counts() const { return queue_.counts(); }
    [[nodiscard]] const std::string& name() const noexcept { return queue_.name(); }
    [[nodiscard]] options_type options() const { return queue_.options(); }
    [[nodiscard]] auto peek(MessageState state, std::size_t maximum = 10) const { return queue_.peek(state, maximum); }
    [[nodiscard]] auto peek(const MessageId& id) const { return queue_.peek(id); }
    [[nodiscard]] std::string describe() const { return queue_.describe(); }
    /// The queue itself, for what a world has no faults for.
    [[nodiscard]] Q& underlying() noexcept { return queue_; }

    [[nodiscard]] QueueCounts stored() const override { return queue_.counts(); }
    [[nodiscard]] const std::string& label() const override { return label_; }
    /// The stored bodies, whatever their state.
    [[nodiscard]] std::vector<std::string> bodies() const {
        std::vector<std::string> result;
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                result.emplace_back(peeked.message.body());
            }
        }
        return result;
    }
    /// Of a dead-letter queue: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before_dead_letter() const noexcept { return attempts_before_; }

    void add_deadlines(std::vector<Nanos>& deadlines) const override {
        const options_type options = queue_.options();
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                const Nanos sent = peeked.message.sent_at().time_since_epoch();
                deadlines.push_back(sent + options.message_retention_period);
                if (state != MessageState::visible) {
                    deadlines.push_back(peeked.available_at.time_since_epoch());
                }
                if constexpr (is_fifo) {
                    deadlines.push_back(sent + options.deduplication_interval);
                }
            }
        }
    }

    [[nodiscard]] std::string contents() const override {
        std::string text;
        for (const MessageState state : {MessageState::visible, MessageState::in_flight, MessageState::delayed}) {
            for (const auto& peeked : queue_.peek(state, unlimited)) {
                text += (text.empty() ? "" : ", ") + subject_text(subject_of(peeked.message.message_id()));
            }
        }
        return text;
    }

protected:
    static constexpr Nanos administrative_delay = std::chrono::seconds{60};

    [[nodiscard]] std::uint16_t place(Verb verb) const noexcept { return places_[static_cast<std::size_t>(verb)]; }
    [[nodiscard]] const Limits& limits() const noexcept { return limits_; }

    [[noreturn]] static void refuse(Errc code) {
        sqsim::detail::raise(code, code == Errc::request_throttled ? "The request is throttled (simulated)."
                                                                   : "The service gave no answer (simulated).");
    }

    [[nodiscard]] Subject subject_of(const MessageId& id) const {
        return run_.registry().subject(run_.registry().message(id));
    }
    [[nodiscard]] Subject subject_of(const ReceiptHandle& handle) const {
        return run_.registry().subject(run_.registry().message_of(run_.registry().handle(handle)));
    }

    [[nodiscard]] Operation begin(Action action) {
        Operation operation;
        operation.invoked = operation.answered = run_.now();
        operation.queue = index_;
        operation.client = static_cast<std::uint32_t>(run_.actor().index);
        operation.action = action;
        return operation;
    }
    void record(const Operation& operation) {
        run_.note(std::uint64_t{static_cast<std::uint8_t>(operation.action)} << 8 |
                      static_cast<std::uint8_t>(operation.answer),
                  std::uint64_t{operation.message} << 32 | operation.client);
        run_.history().operations.push_back(operation);
    }
    void record_handle(Action action, const ReceiptHandle& handle, Answer answer, Nanos duration) {
        Operation operation = begin(action);
        operation.receipt = run_.registry().handle(handle);
        operation.message = run_.registry().message_of(operation.receipt);
        operation.answer = answer;
        operation.duration = duration;
        record(operation);
    }

    /// A message was stored. Returns what it is called.
    Subject add_message(const MessageId& id, Subject subject) {
        run_.registry().add_message(id, subject);
        subjects_by_ordinal_.push_back(subject);
        return subject;
    }
    [[nodiscard]] Subject next_subject() noexcept { return 2 * ++last_number_; }

    /// A send that stores nothing, and one whose sender cannot know whether it did.
    [[nodiscard]] Result<SendMessageResult> refused(Errc code) {
        Operation operation = begin(Action::send);
        operation.answer = Answer::refused;
        record(operation);
        return Error{code, "The message was not accepted (simulated)."};
    }
    [[nodiscard]] static Result<SendMessageResult> unanswered() {
        return Error{Errc::service_unavailable, "The service gave no answer (simulated)."};
    }

    [[nodiscard]] static std::string said(Subject subject, std::string_view body) {
        constexpr std::size_t longest = 24;
        return "send " + subject_text(subject) + " \"" + std::string{body.substr(0, longest)} +
               (body.size() > longest ? "...\"" : "\"");
    }

    void link_dead_letters(QueueVerbs& dead_letter_queue, int max_receive_count) {
        dead_letters_ = &dead_letter_queue;
        int& attempts = dead_letter_queue.attempts_before_;
        attempts = attempts == 0 ? max_receive_count : std::min(attempts, max_receive_count);
        run_.history().queues[index_].max_receive_count = max_receive_count;
        run_.history().queues[index_].dead_letter_queue = dead_letter_queue.index_;
    }

    /// The subject of the n-th message that the queue stored.
    [[nodiscard]] Subject subject_by_ordinal(std::uint64_t ordinal) const noexcept {
        return ordinal <= subjects_by_ordinal_.size() ? subjects_by_ordinal_[ordinal - 1] : 0;
    }

private:
    [[nodiscard]] static Answer answer(HandleResult result) noexcept {
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
    [[nodiscard]] bool is_malformed(const ReceiptHandle& handle) const { return run_.registry().handle(handle) == 0; }

    HandleResult erase(const ReceiptHandle& handle, bool survives) {
        survives_delete = survives;
        const HandleResult result = queue_.delete_message(handle);
        survives_delete = false;
        Actor& actor = run_.actor();
        record_handle(Action::delete_message, handle, answer(result), {});
        if (result) {
            run_.story().lease_ends(actor, subject_of(handle), run_.now(), true);
            forget_lease(handle);
            run_.queue_changed(*this);  // the next of a FIFO group may be available
        }
        return result;
    }

    void forget_lease(const ReceiptHandle& handle) {
        const std::uint64_t hash = Registry::hash(handle);
        std::erase_if(run_.actor().leases, [&](const Lease& lease) { return lease.handle == hash; });
    }
    void extend_lease(Actor& actor, const ReceiptHandle& handle, Nanos timeout) {
        for (Lease& lease : actor.leases) {
            if (lease.handle == Registry::hash(handle)) {
                lease.deadline = run_.now() + timeout;
                run_.story().lease_ends(actor, lease.subject, lease.deadline, false);
            }
        }
    }

    template <class Change>
    void administer(std::string_view what, Change change) {
        if (!run_.enter()) {
            return;
        }
        run_.story().tell(run_.actor(), TimelineStep::Kind::call, 0, [&] { return std::string{what}; });
        if (run_.at(run_.places().number(what), 0, {{Fault::late_attribute}}, false).fault == Fault::late_attribute) {
            run_.schedule(run_.now() + administrative_delay, run_.actor(), change);
        } else {
            change();
        }
    }

public:
    /// For the loop of a simulated consumer: a receive that waits for as long as there is something to wait for.
    std::size_t receive_or_wait(std::span<message_type> out, const ReceiveMessageOptions& options) {
        waits_for_ever_ = true;
        const std::size_t received = receive({}, out, options, {});
        return received;
    }

protected:
    bool survives_delete = false;       // what the queue's decision about a lost delete will be
    bool lets_others_go_first = false;  // after the receive that is under way

private:
    std::size_t receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                        const ReceiveMessageOptions& options, const std::stop_token& stop) {
        const bool for_ever = std::exchange(waits_for_ever_, false);
        if (!run_.enter()) {
            return 0;
        }
        for (const ReceiptHandle& handle : done) {
            if (!is_malformed(handle)) {
                delete_message(handle);
            }
        }
        is_consumed = is_consumed || run_.current() != nullptr;
        choose_habits();
        Actor& actor = run_.actor();
        const Nanos wait = for_ever ? sqsim::detail::never : options.wait_time.value_or(wait_time_);
        const Nanos invoked = run_.now();
        const Nanos deadline = run_.current() == nullptr ? invoked : sqsim::detail::saturating_add(invoked, wait);
        while (!stop.stop_requested()) {
            const std::size_t step =
                run_.story().tell(actor, TimelineStep::Kind::call, 0, [] { return std::string{"receive"}; });
            std::size_t most =
                std::min({out.size(), static_cast<std::size_t>(std::max(options.max_number_of_messages, 0)),
                          static_cast<std::size_t>(limits_.maximum_number_of_messages)});
            const Option answer = choose_answer(std::min(queue_.counts().visible, most));
            if (answer.fault == Fault::throttle) {
                record_refused_receive(invoked);
                refuse(Errc::request_throttled);
            }
            if (answer.fault == Fault::fewer) {
                most = answer.parameter;
            }
            if (answer.fault == Fault::retention_ends) {
                let_retention_end();
            }
            if (answer.fault != Fault::miss) {
                // Waiting for ever is many long polls, of which the history has the last.
                const std::size_t received =
                    for_ever ? receive_now(out, options, most, limits_.maximum_wait_time, run_.now(), step)
                             : receive_now(out, options, most, wait, invoked, step);
                if (received != 0) {
                    return received;
                }
            }
            run_.story().amend(step, [] { return std::string{" nothing"}; });
            if (run_.current() == nullptr) {
                return 0;
            }
            if (actor.is_ending) {
                run_.answer_nothing();
                return 0;
            }
            if (answer.fault == Fault::miss) {
                if (for_ever) {
                    run_.let_others_go_first();  // even a poll that misses takes its time
                } else {
                    run_.sleep_until(deadline);
                }
                return 0;
            }
            if (run_.now() < deadline) {
                run_.wait_for(this, deadline);
                continue;
            }
            if (wait != Nanos::zero()) {
                return 0;
            }
            if (actor.saw_nothing_at != run_.changes()) {
                actor.saw_nothing_at = run_.changes();
                return 0;
            }
            run_.wait_for(nullptr, sqsim::detail::never);  // asks again though nothing changed: lets time move
        }
        return 0;
    }

    /// R7: what holds for the whole run is decided when a consumer first asks.
    void choose_habits() {
        if constexpr (!is_fifo) {
            if (!has_habits_ && run_.offers()) {
                has_habits_ = true;
                const Option option = run_.at(place(Verb::habit), 0, {{Fault::to_back}}, false);
                if (option.fault == Fault::to_back) {
                    sqsim::detail::CoreAccess::core(queue_).locked(
                        [](auto& engine) { engine.options().back_of_queue_after_three_receives = true; });
                }
            }
        }
    }

    /// R8: nobody receives until the retention of the oldest visible message has ended.
    void let_retention_end() {
        const auto visible = queue_.peek(MessageState::visible, 1);
        if (!visible.empty()) {
            const Nanos end = visible.front().message.sent_at().time_since_epoch() + retention_;
            run_.extend_horizon(end - run_.now());
            run_.sleep_until(end);
        }
    }

    /// How the service answers a receive that could return `possible` messages. The loop of a simulated consumer asks
    /// again whatever it is refused for: to it throttling is a miss.
    [[nodiscard]] Option choose_answer(std::size_t possible) {
        if (possible == 0) {
            return {};
        }
        std::array<Option, 5> options{};
        std::size_t count = 0;
        if (possible > 1) {
            options[count++] = {Fault::fewer, 1};
        }
        if (possible > 2) {
            options[count++] = {Fault::fewer, static_cast<std::uint8_t>(std::min<std::size_t>(possible - 1, 255))};
        }
        options[count++] = {Fault::miss};
        if (!run_.actor().is_loop) {
            options[count++] = {Fault::throttle};
        }
        options[count++] = {Fault::retention_ends};
        return run_.at(place(Verb::receive), 0, std::span{options}.first(count), false);
    }

    /// Receives what is there. Returns how many of it arrive at the consumer.
    std::size_t receive_now(std::span<message_type> out, const ReceiveMessageOptions& options, std::size_t most,
                            Nanos wait, Nanos invoked, std::size_t step) {
        ReceiveMessageOptions now = options;
        now.wait_time = Nanos::zero();
        now.max_number_of_messages =
            options.max_number_of_messages > 0 && most > 0 ? static_cast<int>(most) : options.max_number_of_messages;
        if constexpr (is_fifo) {
            if (now.receive_request_attempt_id.empty() && run_.offers()) {
                now.receive_request_attempt_id = "attempt-" + std::to_string(++attempts_);
            }
        }
        const std::size_t dead_before = dead_letters_ != nullptr ? dead_letters_->queue_.counts().total() : 0;
        answer_.resize(most);
        answer_.resize(queue_.receive_messages(answer_, now));
        if (dead_letters_ != nullptr) {
            note_dead_letters(dead_before);
        }
        if (answer_.empty()) {
            return 0;
        }
        const std::size_t count = answer_.size();
        Actor& actor = run_.actor();
        for (const auto& message : answer_) {
            if (run_.registry().message(message.message_id()) == 0) {
                name_redriven(message.message_id());
            }
        }
        run_.story().amend(step, [&] {
            std::string text;
            for (const auto& message : answer_) {
                text += " " + subject_text(subject_of(message.message_id())) + " (" +
                        ordinal_text(message.approximate_receive_count()) + ")";
            }
            return text;
        });
        const std::size_t leases_before = actor.leases.size();
        const std::size_t operations_before = run_.history().operations.size();
        Operation call = begin(Action::receive);
        call.invoked = invoked;
        call.maximum = options.max_number_of_messages;
        call.wait = wait;
        call.duration = options.visibility_timeout.value_or(visibility_timeout_);
        record(call);
        for (const auto& message : answer_) {
            take_lease(actor, message);
            record_delivery(message, invoked);
        }
        const Subject first = subject_of(answer_.front().message_id());
        actor.subject = first;
        // What an actor has received belongs to the queue: its stack may be given up at any choice.
        const std::size_t kept = received_.size();
        std::move(answer_.begin(), answer_.end(), std::back_inserter(received_));
        answer_.clear();
        run_.queue_changed(*this);  // a receive may have freed a group
        if (std::exchange(lets_others_go_first, false)) {
            run_.let_others_go_first();
        }
        const Option option = choose_arrival(first);
        if (option.fault == Fault::lose_messages) {
            actor.leases.resize(leases_before);
            auto& operations = run_.history().operations;  // nobody knows of the deliveries
            operations[operations_before].answer = Answer::unknown;
            const auto after = operations.begin() + static_cast<std::ptrdiff_t>(operations_before) + 1;
            operations.erase(after, after + static_cast<std::ptrdiff_t>(count));
            return 0;
        }
        if (option.fault == Fault::stop) {
            actor.stop->request_stop();
            actor.is_replaced = true;
        }
        if (option.fault == Fault::repeat_attempt) {
            answer_.resize(count);
            answer_.resize(queue_.receive_messages(answer_, now));
            std::move(answer_.begin(), answer_.end(), received_.begin() + static_cast<std::ptrdiff_t>(kept));
            answer_.clear();
        }
        for (std::size_t i = 0; i < count; ++i) {
            out[i] = message_type{received_[kept + i]};
        }
        return count;
    }

    /// What may happen between the service's answer and the consumer.
    [[nodiscard]] Option choose_arrival(Subject first) {
        if (is_fifo) {
            return run_.at(place(Verb::received), first, {{Fault::lose_messages}, {Fault::repeat_attempt}}, true);
        }
        if (run_.actor().stop) {
            return run_.at(place(Verb::received), first, {{Fault::lose_messages}, {Fault::stop}}, true);
        }
        return run_.at(place(Verb::received), first, {{Fault::lose_messages}}, true);
    }

    /// L1: a message that was moved back has a new id, and is called the copy of what it was.
    void name_redriven(const MessageId& id) {
        const Subject subject = redriven_.empty() ? 0 : redriven_.front() | 1U;
        if (!redriven_.empty()) {
            redriven_.erase(redriven_.begin());
        }
        Operation operation = begin(Action::redrive);
        operation.message = run_.registry().add_message(id, subject);
        operation.content = hash_text(queue_.peek(id)->message.body());
        record(operation);
    }

    template <class Real>
    void take_lease(Actor& actor, const Real& message) {
        const std::uint32_t number = run_.registry().message(message.message_id());
        run_.registry().add_handle(message.receipt_handle(), number);
        const Nanos deadline = message.visibility_deadline().time_since_epoch();
        const Subject subject = run_.registry().subject(number);
        actor.leases.push_back({this, Registry::hash(message.receipt_handle()), subject, run_.now(), deadline});
        run_.story().leases(actor, subject, deadline);
    }

    void record_refused_receive(Nanos invoked) {
        Operation operation = begin(Action::receive);
        operation.invoked = invoked;
        operation.answer = Answer::refused;
        record(operation);
    }

    template <class Real>
    void record_delivery(const Real& message, Nanos invoked) {
        Operation delivery = begin(Action::delivery);
        delivery.invoked = invoked;
        delivery.message = run_.registry().message(message.message_id());
        delivery.receipt = run_.registry().handle(message.receipt_handle());
        delivery.group = run_.registry().text(message.message_group_id());
        if constexpr (is_fifo) {
            delivery.deduplication = run_.registry().text(message.message_deduplication_id());
        }
        delivery.receive_count = static_cast<std::int32_t>(message.approximate_receive_count());
        delivery.content = hash_text(message.body());
        record(delivery);
    }

    /// The receive moved messages to the dead-letter queue: as many as it grew by.
    void note_dead_letters(std::size_t before) {
        const std::size_t moved = dead_letters_->queue_.counts().total() - before;
        if (moved == 0) {
            return;
        }
        const auto there = dead_letters_->queue_.peek(MessageState::visible, unlimited);
        for (std::size_t i = there.size() - std::min(moved, there.size()); i < there.size(); ++i) {
            const MessageId id = there[i].message.message_id();
            const std::uint32_t number = run_.registry().message(id);
            const Subject subject = run_.registry().subject(number);
            dead_letters_->subjects_by_ordinal_.push_back(subject);
            Operation operation = begin(Action::dead_letter);
            operation.message = number;
            record(operation);
            run_.story().tell(run_.actor(), TimelineStep::Kind::service, subject, [&] {
                return subject_text(subject) + " goes to the dead-letter queue " + dead_letters_->label();
            });
            if (run_.at(place(Verb::dead), subject, {{Fault::redrive}}, false).fault == Fault::redrive) {
                redriven_.push_back(subject);
            }
        }
        if (!redriven_.empty()) {  // an operator moves back what is there
            run_.schedule(run_.now() + std::chrono::milliseconds{1}, run_.actor(), [this] {
                static_cast<void>(start_message_move_task(dead_letters_->queue_, queue_));
            });
        }
        run_.queue_changed(*dead_letters_);
    }

protected:
    Run& run_;
    Q queue_;
    std::uint32_t index_;

private:
    std::string label_;
    std::array<std::uint16_t, verb_names.size()> places_{};
    Limits limits_;
    Nanos visibility_timeout_;
    Nanos wait_time_;
    Nanos retention_;
    std::vector<Message<std::string, time_point>> answer_{};   // of the receive that is under way
    std::deque<Message<std::string, time_point>> received_{};  // everything that actors refer to
    std::vector<Subject> subjects_by_ordinal_{};
    std::uint32_t last_number_ = 0;
    std::uint32_t attempts_ = 0;
    QueueVerbs* dead_letters_ = nullptr;
    int attempts_before_ = 0;
    bool waits_for_ever_ = false;
    bool has_habits_ = false;
    std::vector<Subject> redriven_{};  // moved back, but not seen here under their new ids
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
