// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <iterator>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

// A second, naive implementation of an exploration, to compare `explore` with: it runs a tiny consumer on a model of
// its own, anew for every set of faults. Of the library it uses nothing but the names of the faults.

namespace naive {

using sqsim::sim::Fault;

using Time = std::int64_t;  // in nanoseconds
inline constexpr Time millisecond = 1'000'000;
inline constexpr Time second = 1'000 * millisecond;
inline constexpr Time hour = 3'600 * second;
inline constexpr Time never = std::numeric_limits<Time>::max();

// Tiny consumers.

/// What a handler does with its message. The key of a message is its body.
enum class Op : std::uint8_t {
    point,
    stop_if_marked,    // returns if the key is in a durable set
    mark,              // puts the key into it
    mark_or_stop,      // both at once
    unmark,            // takes it out again
    remember_or_stop,  // the same with a set that dies with the process
    charge,            // adds one to a durable counter of the key
    effect,            // a charge by `sim::effect`
    erase,             // deletes the message before the handler is done
    extend,            // changes the visibility timeout
    sleep,
    send_on,   // sends the body to the second queue
    call,      // asks `sim::fails`
    choose,    // asks `sim::choose`, and returns by the second alternative
    deadline,  // names a deadline of its own
    work,      // no step of a program: the `work_time` of the consumers
};
/// What it does if that goes wrong.
enum class OnError : std::uint8_t { fail, ignore, retry };

struct Step {
    Op op = Op::point;
    OnError on_error = OnError::fail;
    Time time = 0;
};

/// The consumers of a queue.
struct Group {
    std::size_t consumers = 1;
    std::size_t batch = 1;  // how many messages they receive at once
    Time work_time = 0;
    std::vector<Step> program{};
};

struct Setup {
    std::size_t messages = 1;
    std::vector<Group> groups{};  // of the first queue, and perhaps of the second
    bool exactly = true;          // whether a second charge breaks it, or only a missing one
    bool stalls_at_all_deadlines = false;
    bool all_outages = false;  // an outage may end at every deadline, not only where that makes a difference
    Time delay = 0;            // of the first queue
    Time visibility = 30 * second;
    Time retention = 96 * hour;
    Time horizon = hour / 4;
};

[[nodiscard]] inline bool has(const std::vector<Step>& program, std::initializer_list<Op> ops) {
    return std::any_of(program.begin(), program.end(),
                       [&](const Step& step) { return std::find(ops.begin(), ops.end(), step.op) != ops.end(); });
}

[[nodiscard]] inline bool expects_marks(const std::vector<Step>& program) {
    return has(program, {Op::mark, Op::mark_or_stop}) && !has(program, {Op::unmark});
}

// Faults.

enum class Place : std::uint8_t {
    start,
    receive,
    next,
    received,
    handle,
    turn,
    erase,
    erased,
    remove,
    stale,
    extend,
    extended,
    send,
    sent,
    sleep,
    asleep,
    slept,
    work,
    working,
    point,
    effect,
    effect_done,
    call,
    choose,
};

/// A fault: which one, where, about which message, and at which time that this place is reached about it.
struct Event {
    Fault fault = Fault::none;
    int parameter = 0;
    Place place = Place::start;
    std::size_t which = 0;  // the number of a queue, or of a step
    int message = 0;        // twice its number, plus one for its copy
    int occurrence = 1;

    friend auto operator<=>(const Event&, const Event&) = default;
};
using Plan = std::vector<Event>;  // sorted: a set

[[nodiscard]] inline std::string text_of(const Event& event) {
    static const std::map<Fault, std::string> words{
        {Fault::resend, "resend"},
        {Fault::refuse_send, "refuse"},
        {Fault::lose_send_reply, "lost-reply"},
        {Fault::late_visibility, "late-visibility"},
        {Fault::reorder, "order"},
        {Fault::partial_receive, "partial-receive"},
        {Fault::empty_receive, "empty-receive"},
        {Fault::duplicate, "dup"},
        {Fault::lose_messages, "lost"},
        {Fault::crash, "crash"},
        {Fault::outage, "outage"},
        {Fault::stall, "stall"},
        {Fault::handler_fails, "fail"},
        {Fault::stop_mid_batch, "stop-mid-batch"},
        {Fault::effect_fails, "effect-fails"},
        {Fault::effect_unknown, "effect-unknown"},
        {Fault::lose_extension, "lost"},
        {Fault::lose_extension_reply, "lost-reply"},
        {Fault::lose_delete, "lost"},
        {Fault::lose_delete_reply, "lost-reply"},
        {Fault::delete_survives, "delete-survives"},
        {Fault::stale_delete, "stale"},
        {Fault::call_fails, "fails"},
        {Fault::preempt, "preempt"},
        {Fault::free_choice, "choose:second"},
    };
    static constexpr std::array<std::string_view, 24> places{
        "start",  "receive", "next",    "received", "handle", "turn", "delete", "deleted",
        "remove", "stale",   "extend",  "extended", "send",   "sent", "sleep",  "asleep",
        "slept",  "work",    "working", "p",        "e",      "e",    "c",      "x"};
    const std::string which = std::to_string(event.which);
    std::string text = words.at(event.fault);
    text += event.parameter != 0 ? std::to_string(event.parameter) : "";
    const bool is_named = event.place >= Place::point;
    text += event.which == 1 && !is_named ? "@second:" : "@";
    text += places[static_cast<std::size_t>(event.place)];
    text += (is_named ? which : "") + (event.place == Place::effect_done ? "-done" : "");
    if (event.message != 0) {
        text += "#" + std::to_string(event.message / 2) + (event.message % 2 != 0 ? "b" : "");
    }
    return text + "." + std::to_string(event.occurrence);
}

[[nodiscard]] inline std::string text_of(const Plan& plan) {
    std::string text;
    for (const Event& event : plan) {
        text += (text.empty() ? "" : "+") + text_of(event);
    }
    return text.empty() ? "none" : text;
}

[[nodiscard]] inline std::string text_of(const Setup& setup) {
    static constexpr std::array<std::string_view, 16> ops{
        "point", "stop-if-marked", "mark",  "mark-or-stop", "unmark", "remember-or-stop", "charge",   "effect",
        "erase", "extend",         "sleep", "send-on",      "call",   "choose",           "deadline", "work"};
    static constexpr std::array<std::string_view, 3> on_error{"", "/ignore", "/retry"};
    std::string text = std::to_string(setup.messages) + " messages";
    for (const Group& group : setup.groups) {
        text += "; " + std::to_string(group.consumers) + " consumers of " + std::to_string(group.batch) + ":";
        text += group.work_time != 0 ? " (working)" : "";
        for (const Step& step : group.program) {
            text += " ";
            text += ops[static_cast<std::size_t>(step.op)];
            text += has({step}, {Op::sleep, Op::extend, Op::deadline}) ? " " + std::to_string(step.time / second) + "s"
                                                                       : "";
            text += on_error[static_cast<std::size_t>(step.on_error)];
        }
    }
    text += setup.delay != 0 ? "; a delay" : "";
    text += setup.stalls_at_all_deadlines ? "; stalls at all deadlines" : "";
    return text + (setup.exactly ? "; exactly once" : "; at least once");
}

/// One execution under a set of faults.
class Run {
public:
    Run(const Setup& setup, const Plan& plan) : setup_{setup}, plan_{plan}, horizon_{setup.horizon} {
        for (std::size_t queue = 0; queue < setup.groups.size(); ++queue) {
            programs_[queue] = setup.groups[queue].program;
            code_[queue] = compile(programs_[queue]);
            end_[queue] = code_[queue].size();
            if (setup.groups[queue].work_time != 0) {
                programs_[queue].push_back({Op::work, OnError::ignore, setup.groups[queue].work_time});
            }
            programs_[queue].push_back({Op::erase, OnError::ignore, 0});
            code_[queue] = compile(programs_[queue]);
            for (std::size_t i = 0; i < setup.groups[queue].consumers; ++i) {
                actors_.emplace_back();
                actors_.back().queue = queue;
                actors_.back().next = i == 0 ? 0 : 1;  // of consumers that are alike only the first may start late
            }
        }
        produce();
        for (Actor& actor : actors_) {
            make_ready(actor);
        }
        while (!is_hopeless_ && (run_ready() || move_time())) {
        }
    }

    /// Whether each fault of the set happened.
    [[nodiscard]] bool followed() const noexcept { return happened_ == plan_.size(); }
    /// Every fault that might have happened.
    [[nodiscard]] const std::vector<Event>& possible() const noexcept { return possible_; }

    /// Whether the consumers did wrong.
    [[nodiscard]] bool fails() const {
        bool wrong = is_hopeless_;
        for (int key = 1; key <= static_cast<int>(setup_.messages); ++key) {
            for (std::size_t queue = 0; queue < setup_.groups.size(); ++queue) {
                const std::vector<Step>& program = setup_.groups[queue].program;
                const auto charged = std::count(charges_[queue].begin(), charges_[queue].end(), key);
                wrong = wrong ||
                        (has(program, {Op::charge, Op::effect}) && (charged == 0 || (setup_.exactly && charged > 1)));
                wrong = wrong || (expects_marks(program) && !marks_[queue].contains(key));
            }
            if (setup_.groups.size() == 1 && has(setup_.groups[0].program, {Op::send_on})) {
                const auto sent = std::count_if(queues_[1].begin(), queues_[1].end(),
                                                [&](const Message& message) { return message.key == key; });
                wrong = wrong || sent == 0 || (setup_.exactly && sent > 1);
            }
        }
        return wrong;
    }

private:
    struct Message {
        int name = 0;  // in faults
        int key = 0;
        Time sent_at = 0;
        Time visible_at = 0;
        int receives = 0;
        int doubled = 0;  // at which receive it was chosen for a second delivery
        bool survived_delete = false;
        bool is_gone = false;
    };
    struct Lease {
        std::size_t message = 0;
        int receipt = 0;  // the count of its receive
        Time end = 0;
    };

    enum class Do : std::uint8_t { start, receive, received, turn, handle, op, after, judge };
    struct Instruction {
        Do what = Do::start;
        std::size_t step = 0;
    };
    using Code = std::vector<Instruction>;

    struct Actor {
        std::size_t queue = 0;
        std::size_t next = 0;       // of its instructions
        bool is_past_site = false;  // of the next one, before which something happened to it
        bool is_asleep = false;
        bool is_waiting = false;
        Time wakes_at = 0;
        Time stands_still_until = 0;
        std::vector<std::pair<std::size_t, int>> batch{};  // messages, each with the count of its receive
        std::size_t at = 0;                                // in the batch
        std::vector<Lease> leases{};
        std::set<int> memory{};
        int sending = 0;
        bool has_failed = false;   // its last call did
        bool has_retried = false;  // its last call
        bool is_doomed = false;    // its process ends while it sleeps
    };

    enum class Harm : std::uint8_t { none, start, usual, with_outage };

    static constexpr std::size_t receive_at = 1;
    static constexpr std::size_t turn_at = 3;

    [[nodiscard]] static Code compile(const std::vector<Step>& program) {
        Code code{{Do::start}, {Do::receive}, {Do::received}, {Do::turn}, {Do::handle}};
        for (std::size_t step = 0; step < program.size(); ++step) {
            code.push_back({Do::op, step});
            if (has({program[step]}, {Op::effect, Op::erase, Op::extend, Op::sleep, Op::send_on, Op::call, Op::work})) {
                code.push_back({Do::after, step});
                code.push_back({Do::judge, step});
            }
        }
        return code;
    }

    // Choices.

    using Alternatives = std::vector<std::pair<Fault, int>>;

    /// A choice between nothing and what may happen here.
    [[nodiscard]] std::pair<Fault, int> choose(Place place, std::size_t which, int message,
                                               const Alternatives& alternatives) {
        Event event{Fault::none, 0, place, which, message, ++reached_[{place, which, message}]};
        std::pair<Fault, int> chosen{Fault::none, 0};
        for (const auto& [fault, parameter] : alternatives) {
            event.fault = fault;
            event.parameter = parameter;
            possible_.push_back(event);
            if (std::find(plan_.begin(), plan_.end(), event) != plan_.end() && chosen.first == Fault::none) {
                chosen = {fault, parameter};
                ++happened_;
            }
        }
        return chosen;
    }
    [[nodiscard]] bool happens(Fault fault, Place place, std::size_t which, int message) {
        return choose(place, which, message, {{fault, 0}}).first == fault;
    }

    /// A place in an actor's life. Returns one of `faults` or `none`; nothing if something happened to the actor
    /// itself, so that it does not go on now.
    [[nodiscard]] std::optional<Fault> reach(Actor& actor, Place place, std::size_t which, int message,
                                             std::initializer_list<Fault> faults, Harm harm) {
        if (std::exchange(actor.is_past_site, false)) {
            return Fault::none;
        }
        Alternatives alternatives;
        for (const Fault fault : faults) {
            alternatives.emplace_back(fault, 0);
        }
        if (harm == Harm::usual || harm == Harm::with_outage) {
            alternatives.emplace_back(Fault::crash, 0);
        }
        if (harm != Harm::none && !ready_.empty()) {
            alternatives.emplace_back(Fault::preempt, 0);
        }
        const std::map<int, Time> stall_ends = harm != Harm::none ? ends_of_stall(actor) : std::map<int, Time>{};
        for (const auto& [number, end] : stall_ends) {
            alternatives.emplace_back(Fault::stall, number);
        }
        const std::vector<Time> outage_ends = harm == Harm::with_outage ? ends_of_outage(actor) : std::vector<Time>{};
        for (std::size_t i = 0; i < outage_ends.size(); ++i) {
            alternatives.emplace_back(Fault::outage, static_cast<int>(i));
        }
        const auto [fault, parameter] = choose(place, which, message, alternatives);
        switch (fault) {
        case Fault::crash:
            restart(actor, now_);
            return std::nullopt;
        case Fault::outage:
            horizon_ += outage_ends[static_cast<std::size_t>(parameter)] - now_;
            for (Actor& other : actors_) {
                restart(other, outage_ends[static_cast<std::size_t>(parameter)]);
            }
            return std::nullopt;
        case Fault::stall: {
            const Time end = stall_ends.at(parameter);
            horizon_ += end - now_;
            actor.stands_still_until = end;
            if (end == now_) {
                return Fault::none;
            }
            actor.is_past_site = true;
            sleep(actor, end);
            return std::nullopt;
        }
        case Fault::preempt:
            actor.is_past_site = true;
            make_ready(actor);
            return std::nullopt;
        default:
            return fault;
        }
    }

    /// When an actor that stands still may go on, by the number of the alternative: just after the last of its leases,
    /// or, if it has none, of anybody's, or after a deadline of its own; or just before, at and just after each
    /// deadline.
    [[nodiscard]] std::map<int, Time> ends_of_stall(const Actor& actor) const {
        std::map<int, Time> ends;
        if (setup_.stalls_at_all_deadlines) {
            for (const Time deadline : deadlines()) {
                for (const Time end : {deadline - 1, deadline, deadline + 1}) {
                    ends.emplace(static_cast<int>(ends.size()) + 1, end);
                }
            }
            return ends;
        }
        Time end = last_lease(actor);
        for (std::size_t i = 0; i < actors_.size() && last_lease(actor) == 0; ++i) {
            end = std::max(end, last_lease(actors_[i]));
        }
        if (end != 0) {
            ends.emplace(0, end + millisecond);
        }
        int number = 0;
        for (const Time deadline : own_deadlines_) {
            if (deadline > now_) {
                ends.emplace(++number, deadline + millisecond);
            }
        }
        return ends;
    }

    /// When the last lease of an actor ends that still lasts; 0 if none does.
    [[nodiscard]] Time last_lease(const Actor& actor) const {
        Time end = 0;
        for (const Lease& lease : actor.leases) {
            end = lease.end > now_ ? std::max(end, lease.end) : end;
        }
        return end;
    }

    /// The ends of all leases, or of all delays.
    [[nodiscard]] std::set<Time> ends_of(bool leases) const {
        std::set<Time> ends;
        for (const auto& queue : queues_) {
            for (const Message& message : queue) {
                if (!message.is_gone && message.visible_at > now_ && (message.receives != 0) == leases) {
                    ends.insert(message.visible_at);
                }
            }
        }
        return ends;
    }
    /// The ends of all leases and delays, and the consumers' own deadlines.
    [[nodiscard]] std::set<Time> deadlines() const {
        std::set<Time> all{own_deadlines_.upper_bound(now_), own_deadlines_.end()};
        all.merge(ends_of(true));
        all.merge(ends_of(false));
        return all;
    }

    /// When an outage may end: just after the last lease, if somebody else has one, the last delay, and each deadline
    /// of the consumers' own, or just after each deadline; and late, but before a retention ends.
    [[nodiscard]] std::vector<Time> ends_of_outage(const Actor& actor) const {
        std::set<Time> instants = deadlines();
        if (!setup_.stalls_at_all_deadlines && !setup_.all_outages) {
            instants = {own_deadlines_.upper_bound(now_), own_deadlines_.end()};
            const bool is_alone = std::none_of(actors_.begin(), actors_.end(), [&](const Actor& other) {
                return &other != &actor && last_lease(other) != 0;
            });
            for (const std::set<Time>& ends : {is_alone ? std::set<Time>{} : ends_of(true), ends_of(false)}) {
                instants.insert(ends.empty() ? ends.end() : std::prev(ends.end()), ends.end());
            }
        }
        Time late = never;
        for (const auto& queue : queues_) {
            for (const Message& message : queue) {
                const Time end = message.sent_at + setup_.retention;
                late = message.is_gone ? late : std::min(late, end - std::min(hour, (end - now_) / 2));
            }
        }
        std::vector<Time> ends;
        for (const Time instant : instants) {
            if (instant + millisecond < late) {
                ends.push_back(instant + millisecond);
            }
        }
        if (late != never) {
            ends.push_back(late);
        }
        return ends;
    }

    // Who goes on.

    void stop(Actor& actor) {
        std::erase(ready_, &actor);
        std::erase(waiting_, &actor);
        actor.is_asleep = actor.is_waiting = false;
    }
    void make_ready(Actor& actor) {
        stop(actor);
        if (actor.stands_still_until > now_) {
            sleep(actor, actor.stands_still_until);
        } else {
            ready_.push_back(&actor);
        }
    }
    void sleep(Actor& actor, Time until) {
        stop(actor);
        actor.is_asleep = true;
        actor.wakes_at = until;
    }
    void wait(Actor& actor) {
        stop(actor);
        actor.is_waiting = true;
        waiting_.push_back(&actor);
    }
    /// Its process ends and begins anew.
    void restart(Actor& actor, Time at) {
        const Actor before = std::exchange(actor, Actor{});
        actor.queue = before.queue;
        actor.next = receive_at;
        actor.stands_still_until = before.stands_still_until;
        if (at > now_) {
            sleep(actor, at);
        } else {
            make_ready(actor);
        }
    }
    /// Who waits for a queue looks again.
    void notify(std::size_t queue) {
        for (Actor* const actor : std::vector<Actor*>{waiting_}) {
            if (actor->queue == queue) {
                make_ready(*actor);
            }
        }
    }

    bool run_ready() {
        if (ready_.empty()) {
            return false;
        }
        Actor* const actor = ready_.front();
        ready_.erase(ready_.begin());
        while (!is_hopeless_ && go_on(*actor)) {
            is_hopeless_ = ++instructions_ > 10'000;  // an endless loop
        }
        return true;
    }

    /// All sleep or wait: the time of the next event comes. Returns false if all is at rest.
    bool move_time() {
        bool is_anything_left = false;
        Time next = never;
        for (const Actor& actor : actors_) {
            is_anything_left = is_anything_left || actor.is_asleep;
            next = actor.is_asleep ? std::min(next, actor.wakes_at) : next;
        }
        for (std::size_t queue = 0; queue < queues_.size(); ++queue) {
            for (const Message& message : queues_[queue]) {
                if (!message.is_gone) {
                    is_anything_left = is_anything_left || queue < setup_.groups.size();
                    next = message.visible_at > now_ ? std::min(next, message.visible_at) : next;
                }
            }
        }
        if (!is_anything_left) {
            return false;
        }
        if (next > horizon_) {
            is_hopeless_ = true;
            return false;
        }
        now_ = next;
        for (Actor& actor : actors_) {
            if (actor.is_asleep ? actor.wakes_at <= now_ : actor.is_waiting && is_anything_visible(actor.queue)) {
                make_ready(actor);
            }
        }
        return true;
    }

    // The queues.

    [[nodiscard]] bool is_visible(const Message& message) const {
        return !message.is_gone && message.visible_at <= now_;
    }
    [[nodiscard]] bool is_anything_visible(std::size_t queue) const {
        return std::any_of(queues_[queue].begin(), queues_[queue].end(),
                           [this](const Message& message) { return is_visible(message); });
    }
    void store(std::size_t queue, int name, int key, bool is_late) {
        Message message;
        message.name = name;
        message.key = key;
        message.sent_at = now_;
        message.visible_at = now_ + (is_late ? 900 * second : queue == 0 ? setup_.delay : 0);
        horizon_ += is_late ? 900 * second : 0;
        queues_[queue].push_back(message);
        notify(queue);
    }
    void produce() {
        for (int key = 1; key <= static_cast<int>(setup_.messages); ++key) {
            const Fault fault =
                choose(Place::send, 0, 2 * key, {{Fault::resend, 0}, {Fault::late_visibility, 0}}).first;
            store(0, 2 * key, key, fault == Fault::late_visibility);
            if (fault == Fault::resend) {
                store(0, 2 * key + 1, key, false);
            }
        }
    }

    [[nodiscard]] Message& message_of(const Actor& actor) { return queues_[actor.queue][actor.batch[actor.at].first]; }
    [[nodiscard]] static bool is_of(const Lease& lease, const Actor& actor) {
        return std::pair{lease.message, lease.receipt} == actor.batch[actor.at];
    }
    /// What an actor does after a message.
    static void finish(Actor& actor) { actor.next = ++actor.at < actor.batch.size() ? turn_at : receive_at; }

    bool receive(Actor& actor) {
        const auto visible =
            static_cast<std::size_t>(std::count_if(queues_[actor.queue].begin(), queues_[actor.queue].end(),
                                                   [this](const Message& message) { return is_visible(message); }));
        std::size_t most = setup_.groups[actor.queue].batch;
        if (visible != 0) {
            Alternatives alternatives{{Fault::empty_receive, 0}};
            if (std::min(visible, most) > 1) {
                alternatives.emplace_back(Fault::partial_receive, 1);
            }
            const Fault fault = choose(Place::receive, actor.queue, 0, alternatives).first;
            if (fault == Fault::empty_receive) {
                make_ready(actor);
                return false;
            }
            most = fault == Fault::partial_receive ? 1 : most;
        }
        actor.batch.clear();
        actor.at = 0;
        std::vector<std::size_t> doubled;
        while (actor.batch.size() < most && take(actor, doubled)) {
        }
        if (actor.batch.empty()) {
            wait(actor);
            return false;
        }
        for (const std::size_t i : doubled) {  // a receive does not return a message twice
            queues_[actor.queue][i].doubled = queues_[actor.queue][i].receives;
        }
        ++actor.next;
        notify(actor.queue);
        if (!doubled.empty()) {
            make_ready(actor);  // the others first
        }
        return doubled.empty();
    }
    /// An actor takes one message, if there is one.
    bool take(Actor& actor, std::vector<std::size_t>& doubled) {
        std::vector<Message>& queue = queues_[actor.queue];
        std::vector<std::size_t> candidates;  // up to four in a row, beginning with the first that there is
        for (std::size_t i = 0; i < queue.size(); ++i) {
            const bool is_second = !queue[i].is_gone && queue[i].receives != 0 && queue[i].doubled == queue[i].receives;
            if ((is_visible(queue[i]) || is_second) && (candidates.empty() || i <= candidates.front() + 3)) {
                candidates.push_back(i);
            }
        }
        if (candidates.empty()) {
            return false;
        }
        Alternatives others;
        for (std::size_t i = 1; i < candidates.size(); ++i) {
            others.emplace_back(Fault::reorder, static_cast<int>(i));
        }
        const int chosen = others.empty() ? 0 : choose(Place::next, actor.queue, 0, others).second;
        const std::size_t taken = candidates[static_cast<std::size_t>(chosen)];
        Message& message = queue[taken];
        const bool is_first = is_visible(message);
        ++message.receives;
        message.visible_at = now_ + setup_.visibility;
        if (is_first && happens(Fault::duplicate, Place::receive, actor.queue, message.name)) {
            doubled.push_back(taken);
        }
        actor.batch.emplace_back(taken, message.receives);
        actor.leases.push_back({taken, message.receives, message.visible_at});
        return true;
    }

    void erase(Actor& actor) {
        Message& message = message_of(actor);
        const std::size_t queue = actor.queue;
        if (message.is_gone || (message.receives != actor.batch[actor.at].second &&
                                !happens(Fault::stale_delete, Place::stale, queue, message.name))) {
            return;
        }
        if (!message.survived_delete && happens(Fault::delete_survives, Place::remove, queue, message.name)) {
            message.survived_delete = true;
        } else {
            message.is_gone = true;
        }
        std::erase_if(actor.leases, [&](const Lease& lease) { return is_of(lease, actor); });
        notify(queue);
    }

    void extend(Actor& actor, Time timeout) {
        Message& message = message_of(actor);
        if (message.is_gone || is_visible(message)) {
            return;
        }
        message.visible_at = now_ + timeout;
        for (Lease& lease : actor.leases) {
            lease.end = is_of(lease, actor) ? message.visible_at : lease.end;
        }
        notify(actor.queue);
    }

    // Consumers.

    /// Executes the next instruction of an actor. Returns false if it does not go on now.
    bool go_on(Actor& actor) {
        const Code& code = code_[actor.queue];
        const Instruction instruction = code[actor.next];
        const int name = actor.next > receive_at ? message_of(actor).name : 0;
        std::optional<Fault> fault;
        switch (instruction.what) {
        case Do::start:
            fault = reach(actor, Place::start, 0, 0, {}, Harm::start);
            break;
        case Do::receive:
            return receive(actor);
        case Do::received:
            fault = reach(actor, Place::received, actor.queue, name, {Fault::lose_messages}, Harm::with_outage);
            if (fault == Fault::lose_messages) {
                actor.leases.resize(actor.leases.size() - actor.batch.size());
                actor.next = receive_at;
                make_ready(actor);
                return false;
            }
            break;
        case Do::turn:
            fault =
                actor.at == 0 ? Fault::none : reach(actor, Place::turn, 0, name, {Fault::stop_mid_batch}, Harm::usual);
            if (fault == Fault::stop_mid_batch) {
                restart(actor, now_);
                return false;
            }
            break;
        case Do::handle:
            fault = reach(actor, Place::handle, 0, name, {Fault::handler_fails}, Harm::none);
            if (fault == Fault::handler_fails) {
                finish(actor);
                return true;
            }
            break;
        case Do::op:
            return begin_step(actor, programs_[actor.queue][instruction.step], instruction.step, name);
        case Do::after:
            return go_on_with_step(actor, programs_[actor.queue][instruction.step].op, instruction.step, name);
        case Do::judge:
            return end_step(actor, programs_[actor.queue][instruction.step].on_error);
        }
        actor.next += fault ? 1U : 0U;
        return fault.has_value();
    }

    bool begin_step(Actor& actor, const Step& step, std::size_t number, int name) {
        const std::size_t queue = actor.queue;
        const int key = message_of(actor).key;
        std::optional<Fault> fault = Fault::none;
        bool stops = false;
        switch (step.op) {
        case Op::point:
            fault = reach(actor, Place::point, number, name, {}, Harm::with_outage);
            break;
        case Op::stop_if_marked:
            stops = marks_[queue].contains(key);
            break;
        case Op::mark:
            marks_[queue].insert(key);
            break;
        case Op::mark_or_stop:
            stops = !marks_[queue].insert(key).second;
            break;
        case Op::unmark:
            marks_[queue].erase(key);
            break;
        case Op::remember_or_stop:
            stops = !actor.memory.insert(key).second;
            break;
        case Op::charge:
            charges_[queue].push_back(key);
            break;
        case Op::effect:
            fault =
                reach(actor, Place::effect, number, name, {Fault::effect_fails, Fault::effect_unknown}, Harm::usual);
            if (fault && fault != Fault::effect_fails) {
                charges_[queue].push_back(key);
            }
            break;
        case Op::erase:
            fault = reach(actor, Place::erase, queue, name, {Fault::lose_delete, Fault::lose_delete_reply},
                          Harm::with_outage);
            for (int i = 0; fault && fault != Fault::lose_delete && i < (fault == Fault::none ? 1 : 2); ++i) {
                erase(actor);
            }
            break;
        case Op::extend:
            fault = reach(actor, Place::extend, queue, name, {Fault::lose_extension, Fault::lose_extension_reply},
                          Harm::usual);
            if (fault && fault != Fault::lose_extension) {
                extend(actor, step.time);
            }
            break;
        case Op::sleep:
        case Op::work: {
            const bool works = step.op == Op::work;
            fault = reach(actor, works ? Place::work : Place::sleep, 0, name, {}, Harm::usual);
            if (fault) {
                actor.is_doomed = happens(Fault::crash, works ? Place::working : Place::asleep, 0, name);
                ++actor.next;
                sleep(actor, now_ + (actor.is_doomed ? step.time / 2 : step.time));
                return false;
            }
            break;
        }
        case Op::send_on:
            actor.sending = actor.is_past_site ? actor.sending : 2 * ++sends_;
            fault =
                reach(actor, Place::send, 1, actor.sending,
                      {Fault::refuse_send, Fault::lose_send_reply, Fault::resend, Fault::late_visibility}, Harm::usual);
            if (fault && fault != Fault::refuse_send) {
                store(1, actor.sending, key, fault == Fault::late_visibility);
            }
            if (fault == Fault::resend) {
                store(1, actor.sending + 1, key, false);
            }
            break;
        case Op::call:
            fault = reach(actor, Place::call, number, name, {Fault::call_fails}, Harm::usual);
            break;
        case Op::choose:
            stops = happens(Fault::free_choice, Place::choose, number, name);
            break;
        case Op::deadline:
            own_deadlines_.insert(now_ + step.time);
            break;
        }
        if (!fault) {
            return false;
        }
        // Of these the caller sees an error; those of the first kind never arrived, so nothing comes after them.
        const bool refused = is_one_of(*fault, {Fault::effect_fails, Fault::lose_delete, Fault::lose_extension,
                                                Fault::refuse_send, Fault::call_fails});
        actor.has_failed =
            refused || is_one_of(*fault, {Fault::effect_unknown, Fault::lose_extension_reply, Fault::lose_send_reply});
        actor.next = stops ? end_[queue] : actor.next + (refused ? 2 : 1);
        return true;
    }
    [[nodiscard]] static bool is_one_of(Fault fault, std::initializer_list<Fault> faults) {
        return std::find(faults.begin(), faults.end(), fault) != faults.end();
    }

    bool go_on_with_step(Actor& actor, Op op, std::size_t number, int name) {
        std::optional<Fault> fault;
        if (op == Op::effect) {
            fault = reach(actor, Place::effect_done, number, name, {}, Harm::with_outage);
        } else if (op == Op::erase) {
            fault = reach(actor, Place::erased, actor.queue, name, {}, Harm::with_outage);
        } else if (op == Op::extend) {
            fault = reach(actor, Place::extended, actor.queue, name, {}, Harm::with_outage);
        } else if (op == Op::send_on) {
            fault = reach(actor, Place::sent, 1, actor.sending, {}, Harm::with_outage);
        } else if (op == Op::call) {
            fault = Fault::none;
        } else if (actor.is_doomed) {
            restart(actor, now_);
        } else {
            fault = op == Op::work ? Fault::none : reach(actor, Place::slept, 0, name, {}, Harm::usual);
        }
        actor.next += fault ? 1U : 0U;
        return fault.has_value();
    }

    bool end_step(Actor& actor, OnError on_error) {
        const bool retries = actor.has_failed && on_error == OnError::retry && !actor.has_retried;
        const bool gives_up = actor.has_failed && on_error != OnError::ignore && !retries;
        actor.has_retried = retries;
        if (gives_up || (!retries && actor.next + 1 == code_[actor.queue].size())) {
            finish(actor);
        } else {
            actor.next = retries ? actor.next - 2 : actor.next + 1;
        }
        actor.has_failed = false;
        return true;
    }

    const Setup& setup_;
    const Plan& plan_;
    std::size_t happened_ = 0;
    std::vector<Event> possible_{};
    std::map<std::tuple<Place, std::size_t, int>, int> reached_{};
    std::array<std::vector<Step>, 2> programs_{};
    std::array<Code, 2> code_{};
    std::array<std::size_t, 2> end_{};  // where a handler ends: after that its message is deleted
    std::deque<Actor> actors_{};
    std::vector<Actor*> ready_{};
    std::vector<Actor*> waiting_{};
    Time now_ = 0;
    Time horizon_;
    std::size_t instructions_ = 0;
    bool is_hopeless_ = false;  // it never comes to rest
    std::array<std::vector<Message>, 2> queues_{};
    std::array<std::vector<int>, 2> charges_{};
    std::array<std::set<int>, 2> marks_{};
    int sends_ = 0;                   // to the second queue
    std::set<Time> own_deadlines_{};  // of the consumers
};

/// What an exploration comes to: it ends with the first size of which some set of faults fails.
struct Explored {
    std::vector<std::size_t> runs{};  // of each size
    std::set<Plan> failing{};
};

/// How many of each a set may have. Reorderings and misses without a budget of their own count as faults.
struct Budgets {
    std::size_t faults = 1;
    std::size_t preemptions = 1;
    std::size_t choices = 1;
    std::optional<std::size_t> reorders{};
    std::optional<std::size_t> misses{};
};

[[nodiscard]] inline std::size_t count(const Plan& plan, std::initializer_list<Fault> faults) {
    return static_cast<std::size_t>(std::count_if(plan.begin(), plan.end(), [&](const Event& event) {
        return std::find(faults.begin(), faults.end(), event.fault) != faults.end();
    }));
}
[[nodiscard]] inline bool fits(const Plan& plan, const Budgets& budgets) {
    const std::size_t reorders = count(plan, {Fault::reorder, Fault::late_visibility});
    const std::size_t misses = count(plan, {Fault::empty_receive, Fault::partial_receive});
    const std::size_t preemptions = count(plan, {Fault::preempt});
    const std::size_t choices = count(plan, {Fault::free_choice});
    const std::size_t others =
        plan.size() - preemptions - choices - (budgets.reorders ? reorders : 0) - (budgets.misses ? misses : 0);
    return others <= budgets.faults && preemptions <= budgets.preemptions && choices <= budgets.choices &&
           reorders <= budgets.reorders.value_or(reorders) && misses <= budgets.misses.value_or(misses);
}

/// Runs every set within the budgets that can happen, smaller ones first. A set is found by adding anything that may
/// happen to a smaller one, before, between or after what is there.
[[nodiscard]] inline Explored enumerate(const Setup& setup, const Budgets& budgets) {
    Explored explored;
    std::set<Plan> level{Plan{}};
    while (explored.failing.empty() && !level.empty()) {
        std::set<Plan> next;
        std::size_t runs = 0;
        for (const Plan& plan : level) {
            const Run run{setup, plan};
            if (!run.followed()) {
                continue;
            }
            ++runs;
            if (run.fails()) {
                explored.failing.insert(plan);
            }
            if (!explored.failing.empty()) {
                continue;
            }
            for (const Event& event : run.possible()) {
                Plan larger = plan;
                larger.insert(std::upper_bound(larger.begin(), larger.end(), event), event);
                const bool is_new = std::adjacent_find(larger.begin(), larger.end()) == larger.end();
                if (is_new && fits(larger, budgets)) {
                    next.insert(std::move(larger));
                }
            }
        }
        if (runs != 0) {
            explored.runs.push_back(runs);
        }
        level.swap(next);
    }
    return explored;
}

/// A random setup; the same for the same seed everywhere.
[[nodiscard]] inline Setup draw_setup(std::uint64_t seed) {
    std::uint64_t state = seed * 0x9e37'79b9'7f4a'7c15U + 1;
    const auto below = [&state](std::size_t bound) {
        state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
        return static_cast<std::size_t>((state >> 33) % bound);
    };
    const auto draw_program = [&](bool sends) {
        static constexpr std::array ops{
            Op::point,  Op::point,  Op::stop_if_marked, Op::mark,   Op::mark_or_stop,     Op::mark_or_stop,
            Op::unmark, Op::charge, Op::effect,         Op::effect, Op::remember_or_stop, Op::erase,
            Op::extend, Op::sleep,  Op::call,           Op::choose, Op::deadline,         Op::send_on};
        static constexpr std::array on_error{OnError::fail, OnError::fail, OnError::ignore, OnError::retry};
        std::vector<Step> program;
        const std::size_t size = 1 + below(4);
        while (program.size() < size) {
            Step step;
            step.op = ops[below(ops.size() - (sends ? 0 : 1))];
            step.on_error = on_error[below(step.op == Op::effect ? 4 : 3)];
            step.time = (step.op == Op::extend ? std::array{Time{0}, 10 * second, 60 * second}
                                               : std::array{10 * second, 20 * second, 40 * second})[below(3)];
            program.push_back(step);
        }
        if (!has(program, {Op::charge, Op::effect, Op::send_on}) && !expects_marks(program)) {
            program.push_back({Op::effect, on_error[below(4)], 0});
        }
        return program;
    };
    Setup setup;
    setup.messages = 1 + below(2);
    setup.exactly = below(3) != 0;
    setup.groups.push_back(
        {1 + below(2), setup.messages == 1 ? 1 : 1 + below(2), below(4) == 0 ? 20 * second : 0, draw_program(true)});
    if (has(setup.groups[0].program, {Op::send_on}) && below(2) == 0) {
        setup.groups.push_back({1, 1, 0, draw_program(false)});
    }
    setup.delay = below(3) == 0 ? 10 * second : 0;
    setup.stalls_at_all_deadlines = below(5) == 0;
    return setup;
}

}  // namespace naive
