// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/sim/detail/receiving_queue.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// A queue in a simulated world: what is the same for both kinds. Each call of an actor is a place where things may go
/// wrong; the scenario's own calls always go well.
template <class Q>
class QueueVerbs : public ReceivingQueue<Q> {
public:
    using Base = ReceivingQueue<Q>;
    using Base::Base;
    using Base::is_fifo;

    HandleResult delete_message(const ReceiptHandle& handle) {
        const Result<HandleResult> result = try_delete_message(handle);
        if (!result) {
            sqsim::detail::raise(result.error());
        }
        return *result;
    }

    /// The same with the service's error as a value.
    Result<HandleResult> try_delete_message(const ReceiptHandle& handle) {
        if (!run_.enter()) {
            return HandleResult{HandleStatus::gone};
        }
        Actor& actor = run_.actor();
        const KnownHandle known = look_up(handle);
        const Subject subject = known.subject;
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, subject,
                                                   [&] { return "delete " + subject_text(subject) + where(); });
        const Option option =
            is_fifo ? run_.at(place(Verb::erase), subject, {{Fault::lose_delete}, {Fault::lose_delete_reply}}, true)
                    : run_.at(place(Verb::erase), subject,
                              {{Fault::lose_delete}, {Fault::lose_delete_reply}, {Fault::survive}}, true);
        if (option.fault == Fault::lose_delete) {
            record_handle(Action::delete_message, known, Answer::refused, {});
            return refusal(Errc::service_unavailable);
        }
        HandleResult result = erase(handle, known, option.fault == Fault::survive);
        if (option.fault == Fault::lose_delete_reply) {
            result = erase(handle, known, false);
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
        const Subject first = handles.empty() ? 0 : look_up(handles.front()).subject;
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, first, [&] {
            std::string text = "delete";
            for (const ReceiptHandle& handle : handles) {
                text += " " + subject_text(look_up(handle).subject);
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
            const KnownHandle known = look_up(handle);
            const Option entry =
                run_.at(place(Verb::entry), known.subject,
                        is_fifo ? std::initializer_list<Option>{{Fault::refuse_delete_entry}}
                                : std::initializer_list<Option>{{Fault::refuse_delete_entry}, {Fault::survive}},
                        false);
            if (entry.fault == Fault::refuse_delete_entry) {
                record_handle(Action::delete_message, known, Answer::refused, {});
                results.push_back({HandleStatus::invalid});
                continue;
            }
            results.push_back(known.number == 0 ? HandleResult{HandleStatus::invalid}
                                                : erase(handle, known, entry.fault == Fault::survive));
        }
        if (option.fault == Fault::lose_delete_reply) {
            for (std::size_t i = 0; i < handles.size(); ++i) {
                const KnownHandle known = look_up(handles[i]);
                results[i] = known.number == 0 ? results[i] : erase(handles[i], known, false);
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
        const KnownHandle known = look_up(handle);
        const Subject subject = known.subject;
        const std::size_t step = run_.story().tell(actor, TimelineStep::Kind::call, subject, [&] {
            return "change visibility of " + subject_text(subject) + " to " + duration_text(timeout);
        });
        const Option option =
            run_.at(place(Verb::extend), subject, {{Fault::lose_extension}, {Fault::lose_extension_reply}}, true);
        if (option.fault == Fault::lose_extension) {
            record_handle(Action::change_message_visibility, known, Answer::refused, timeout);
            refuse(Errc::service_unavailable);
        }
        const HandleResult result = queue_.change_message_visibility(handle, timeout);
        if (result) {
            extend_lease(actor, known, timeout);
            run_.queue_changed(*this);
        }
        const bool unknown = option.fault == Fault::lose_extension_reply;
        record_handle(Action::change_message_visibility, known, unknown ? Answer::refused : answer(result), timeout);
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
        administer(Verb::visibility_timeout, [this, timeout] {
            queue_.set_visibility_timeout(timeout);
            visibility_timeout_ = timeout;
        });
    }
    void set_delay(std::chrono::nanoseconds delay) {
        administer(Verb::delay, [this, delay] {
            queue_.set_delay(delay);
            delay_ = delay;
        });
    }

protected:
    using Base::answer;
    using Base::begin;
    using Base::delay_;
    using Base::limits;
    using Base::look_up;
    using Base::next_subject;
    using Base::place;
    using Base::queue_;
    using Base::record;
    using Base::record_handle;
    using Base::refusal;
    using Base::refuse;
    using Base::refused;
    using Base::run_;
    using Base::status_text;
    using Base::visibility_timeout_;
    using Base::where;

    /// Sends a batch by `store(entry, subject)`: each entry may be refused by itself (S4), or be sent twice.
    template <class Entry, class Store>
    std::vector<Result<SendMessageResult>> send_batch(std::span<Entry> entries, Store store) {
        if (!run_.enter()) {
            return std::vector<Result<SendMessageResult>>(entries.size(), SendMessageResult{});
        }
        if (entries.empty() || entries.size() > limits().maximum_batch_entries) {
            return queue_.send_messages(entries);  // says why not
        }
        run_.story().tell(run_.actor(), TimelineStep::Kind::call, 0,
                          [&] { return "send a batch of " + std::to_string(entries.size()); });
        std::vector<Result<SendMessageResult>> results;
        for (const Entry& entry : entries) {
            const Subject subject = next_subject();
            const Option option =
                run_.at(place(Verb::send_entry), subject, {{Fault::refuse_entry}, {Fault::resend}}, false);
            if (option.fault == Fault::refuse_entry) {
                results.push_back(refused(Errc::internal_error));
                continue;
            }
            results.push_back(store(entry, subject));
            if (option.fault == Fault::resend) {
                results.back() = store(entry, subject + 1);
            }
        }
        return results;
    }

    bool survives_delete = false;  // what the queue's decision about a lost delete will be

private:
    static constexpr Nanos administrative_delay = std::chrono::seconds{60};

    void erase_before_receive(const ReceiptHandle& handle) override {
        if (look_up(handle).number != 0) {
            delete_message(handle);
        }
    }

    HandleResult erase(const ReceiptHandle& handle, const KnownHandle& known, bool survives) {
        survives_delete = survives;
        const HandleResult result = queue_.delete_message(handle);
        survives_delete = false;
        Actor& actor = run_.actor();
        record_handle(Action::delete_message, known, answer(result), {});
        if (result) {
            run_.story().lease_ends(actor, known.subject, run_.now(), true);
            std::erase_if(actor.leases, [&](const Lease& lease) { return lease.handle == known.hash; });
            run_.queue_changed(*this);  // the next of a FIFO group may be available
        }
        return result;
    }

    void extend_lease(Actor& actor, const KnownHandle& known, Nanos timeout) {
        for (Lease& lease : actor.leases) {
            if (lease.handle == known.hash) {
                lease.deadline = run_.now() + timeout;
                run_.story().lease_ends(actor, lease.subject, lease.deadline, false);
            }
        }
    }

    template <class Change>
    void administer(Verb verb, Change change) {
        if (!run_.enter()) {
            return;
        }
        run_.story().tell(run_.actor(), TimelineStep::Kind::call, 0, [&] { return run_.places().name(place(verb)); });
        if (run_.at(place(verb), 0, {{Fault::late_attribute}}, false).fault == Fault::late_attribute) {
            run_.schedule(run_.now() + administrative_delay, run_.actor(), change);
        } else {
            change();
        }
    }
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
