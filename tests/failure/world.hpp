// SPDX-License-Identifier: MIT
#pragma once

// Ordinary programs in which something fails, once in each run: an allocation, or a step of user code. The call that it
// fails in may throw; what it was to do has then not happened at all, and everything else goes on. At the end the
// queues are drained and compared with a model. An allocation in a commit is a problem whether it fails or not.

#include "watched_memory.hpp"

#include "sqsim/any_queue.hpp"
#include "sqsim/history/check_history.hpp"
#include "sqsim/history/recorder.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace failing {

using std::chrono_literals::operator""h;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""ns;
using std::chrono_literals::operator""s;

using Nanos = std::chrono::nanoseconds;
using Problems = std::vector<std::string>;

/// Memory that fails.
struct NoMemory {
    using Exception = std::bad_alloc;

    /// The n-th allocation while `count` says so will fail.
    static void begin(std::uint64_t n) {
        watched::allocations = 0;
        watched::fails_at = n;
    }
    static void end() { watched::fails_at = 0; }
    /// Whether there were so many.
    static bool has_reached(std::uint64_t n) { return watched::allocations.load() >= n; }
    static void count(bool on) { watched::counting = on; }

    /// Whether time may fail to pass, and calls that need nothing but the time.
    template <class>
    static constexpr bool clock_may_throw = false;
    /// Whether the receive of `delete_and_receive` may throw when the deletes are done. All are, or none.
    static constexpr bool deletes_may_stay = false;

    /// What a new queue gets.
    template <class Q>
    static void equip(Q&) {}
};

/// A body that is not text, and cannot be copied.
struct Typed {
    std::unique_ptr<std::size_t> number;
};

inline std::string text_of(std::size_t number) {
    std::string text = std::to_string(number) + ':';
    text.resize(number % 29 == 28 ? 5000 : number % 7 == 6 ? 900 : 12, '.');  // some need memory of their own
    return text;
}

template <class Body>
Body make_body(std::size_t number) {
    if constexpr (!std::is_same_v<Body, std::string>) {
        return Body{std::make_unique<std::size_t>(number)};
    } else {
        return text_of(number);
    }
}

/// Whether a body is the one that `make_body(number)` made.
template <class Body>
bool is_body_of(const Body& body, std::size_t number) {
    if constexpr (requires { body.number; }) {
        if constexpr (requires { body.number == nullptr; }) {
            return body.number != nullptr && *body.number == number;
        } else {
            return *body.number == number;
        }
    } else {
        return body == text_of(number);
    }
}

template <class Message>
std::size_t number_of(const Message& message) {
    if constexpr (requires { message.body().number; }) {
        return *message.body().number;
    } else {
        const std::string text{message.body()};
        const std::size_t number = std::stoul(text);
        return text == text_of(number) ? number : ~std::size_t{0};
    }
}

enum class State { visible, in_flight, delayed, gone };

/// What the model knows of a message that was sent.
template <class Handle>
struct Sent {
    std::string group{};
    State state = State::visible;
    Nanos until{};
    int receives = 0;
    bool has_attributes = false;
    bool has_trace = false;
    Handle handle{};
};

/// A queue and its dead-letter queue beside the model of what they hold, and something in their calls that may fail.
template <class Q, class What = NoMemory>
class World {
public:
    using Failure = What;
    using Clock = typename Q::clock_type;
    using Body = typename Q::body_type;
    using Message = typename Q::message_type;
    static constexpr bool is_fifo = requires(const Q& queue) { queue.options().deduplication_scope; };
    static constexpr bool is_text = std::is_same_v<Body, std::string>;
    using Options = std::conditional_t<is_fifo, sqsim::FifoQueueOptions, sqsim::QueueOptions>;

    explicit World(Problems& problems) : problems_{problems} {}

    // What a program does.

    /// Calls go through an `AnyQueue` or a `Recorder` from now on, where these have them.
    void call_through_any_queue() {
        if constexpr (is_text) {
            any_.emplace(*queue_);
        }
    }
    void call_through_recorder() {
        make(log_, clock_);
        make(recorder_, *queue_, *log_, "a client with a name that needs memory");
        do_else("note_redrive_policy", [&](Q& queue, auto&) { log_->note_redrive_policy(queue, *dead_, 3); });
    }

    /// Sends a message; with options if `delay` or `optioned` says so.
    void send(bool optioned = false, Nanos delay = 0ns, const std::string& group = "") {
        const std::size_t number = sent_.size();
        const std::string its_group = is_fifo && group.empty() ? "group-" + std::to_string(number % 5) : group;
        const bool threw = try_send(number, optioned, delay, its_group);
        if (threw) {
            check("a send");
            if (try_send(number, optioned, delay, its_group)) {
                problem("a send threw without a failure");
                return;
            }
        }
        note_sent(its_group, delay, optioned, optioned);
    }

    /// Sends some messages in one call, the way that has entries.
    void send_batch(std::size_t count, bool optioned = false) {
        using Entry = std::conditional_t<is_fifo, sqsim::FifoSendMessageEntry<Body>, sqsim::SendMessageEntry<Body>>;
        const std::size_t first = sent_.size();
        std::vector<Entry> entries;
        std::vector<sqsim::AnySendMessageEntry> any_entries;
        for (std::size_t i = 0; i < count; ++i) {
            if constexpr (is_fifo) {
                entries.push_back({make_body<Body>(first + i), group_of(first + i), {}});
                entries.back().options.message_deduplication_id = id_of(first + i);
            } else {
                entries.push_back({make_body<Body>(first + i), {}});
            }
            set_options(entries.back().options, optioned);
            if constexpr (is_text) {
                auto& options = any_entries.emplace_back(sqsim::AnySendMessageEntry{entries.back().body}).options;
                set_options(options, optioned);
                options.message_group_id = group_of(first + i);
                options.message_deduplication_id = is_fifo ? id_of(first + i) : "";
            }
        }
        for (int attempt = 0; attempt < 2; ++attempt) {
            bool all = true;
            const bool threw = call([&] {
                for (const auto& result : any_        ? any_->send_messages(any_entries)
                                          : recorder_ ? recorder_->send_messages(entries)
                                                      : queue_->send_messages(entries)) {
                    all = all && result && !result->deduplicated;
                }
            });
            if (threw) {
                check("a batch of sends");
                any_ ? check_whole(any_entries, first, optioned) : check_whole(entries, first, optioned);
                continue;
            }
            if (!all) {
                problem("an entry of a batch was refused or deduplicated");
            }
            for (std::size_t i = 0; i < count; ++i) {
                note_sent(group_of(first + i), 0ns, optioned, optioned);
            }
            return;
        }
        problem("a batch of sends threw without a failure");
    }

    /// Sends some messages, the fastest way that there is.
    void send_many(std::size_t count, bool optioned = false) {
        if constexpr (is_fifo || !is_text) {
            for (std::size_t i = 0; i < count; ++i) {
                send();
            }
        } else {
            std::vector<std::string> texts;
            for (std::size_t i = 0; i < count; ++i) {
                texts.push_back(text_of(sent_.size() + i));
            }
            const std::vector<std::string_view> views{texts.begin(), texts.end()};
            sqsim::SendMessageOptions with_trace;
            with_trace.aws_trace_header = trace;
            for (int attempt = 0; attempt < 2; ++attempt) {
                const bool threw = call([&] {
                    static_cast<void>(optioned ? queue_->send_messages(views, with_trace)
                                               : queue_->send_messages(views));
                });
                if (threw) {
                    check("a send of several texts");
                    continue;
                }
                for (std::size_t i = 0; i < count; ++i) {
                    note_sent("", 0ns, false, optioned);
                }
                return;
            }
        }
    }

    enum class How { one, vector, span, erasing };

    /// Receives, and once more if it failed. `done` is deleted with it, if it is the way that deletes. Returns: the
    /// numbers of what came.
    std::vector<std::size_t> receive(How how, std::size_t most, std::optional<Nanos> timeout = {},
                                     const std::string& attempt_id = "", const std::vector<std::size_t>& done = {}) {
        std::vector<sqsim::ReceiptHandle> handles;
        for (const std::size_t number : done) {
            handles.push_back(sent_[number].handle);
        }
        const sqsim::ReceiveMessageOptions options{.max_number_of_messages = static_cast<int>(most),
                                                   .visibility_timeout = timeout,
                                                   .receive_request_attempt_id = attempt_id};
        for (int attempt = 0; attempt < 2; ++attempt) {
            if constexpr (is_text) {
                if (any_ && how != How::span && how != How::erasing) {
                    std::vector<sqsim::AnyMessage> messages;
                    if (!call([&] { messages = receive_any(how, options); })) {
                        return note_received(messages, how == How::one ? 1 : most, timeout, !attempt_id.empty());
                    }
                    check("a receive of any queue");
                    continue;
                }
            }
            std::vector<Message> out(how == How::span || how == How::erasing ? most : 0);
            std::vector<Message> messages;
            const bool threw = call([&] {
                messages = recorder_ ? receive_by(*recorder_, how, options, handles, out)
                                     : receive_by(*queue_, how, options, handles, out);
            });
            if (threw) {
                if (Failure::deletes_may_stay && stored() + done.size() == expected_to_be_stored()) {
                    note_gone(done);
                }
                check("a receive");
                continue;
            }
            note_gone(done);
            // A call that has deleted does not throw for want of memory any more: it receives nothing instead.
            const bool may_return_less =
                !attempt_id.empty() || (!done.empty() && !Failure::deletes_may_stay && has_failed());
            return note_received(messages, how == How::one ? 1 : most, timeout, may_return_less);
        }
        problem("a receive threw without a failure");
        return {};
    }

    void change(std::size_t number, Nanos timeout) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            sqsim::HandleResult result;
            const auto& handle = sent_[number].handle;
            if (call([&] {
                    result = any_        ? any_->change_message_visibility(handle, timeout)
                             : recorder_ ? recorder_->change_message_visibility(handle, timeout)
                                         : queue_->change_message_visibility(handle, timeout);
                })) {
                check("a change of visibility");
                continue;
            }
            if (!result) {
                problem("a change of visibility of " + std::to_string(number) + " had no effect");
            }
            sent_[number].state = timeout == 0ns ? State::visible : State::in_flight;
            sent_[number].until = clock_.now().time_since_epoch() + timeout;
            return;
        }
    }

    void erase(std::size_t number) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            sqsim::HandleResult result;
            const auto& handle = sent_[number].handle;
            if (call([&] {
                    result = any_        ? any_->delete_message(handle)
                             : recorder_ ? recorder_->delete_message(handle)
                                         : queue_->delete_message(handle);
                })) {
                check("a delete");
                continue;
            }
            if (!result) {
                problem("a delete of " + std::to_string(number) + " had no effect");
            }
            sent_[number].state = State::gone;
            return;
        }
    }

    void erase(const std::vector<std::size_t>& numbers) {
        std::vector<sqsim::ReceiptHandle> handles;
        for (const std::size_t number : numbers) {
            handles.push_back(sent_[number].handle);
        }
        for (int attempt = 0; attempt < 2 && !numbers.empty(); ++attempt) {
            bool all = true;
            if (call([&] {
                    const auto look_at = [&](const auto& results) {
                        for (const sqsim::HandleResult& result : results) {
                            all = all && result.success;
                        }
                    };
                    if (any_) {
                        look_at(any_->delete_messages(handles));
                    } else if (recorder_) {
                        look_at(recorder_->delete_messages(handles));
                    } else {
                        look_at(queue_->delete_messages(handles));
                    }
                })) {
                check("a batch of deletes");
                continue;
            }
            if (!all) {
                problem("a delete in a batch had no effect");
            }
            note_gone(numbers);
            return;
        }
    }

    void advance(Nanos step) {
        pass_time("advance", clock_.now() + step, [&] { clock_.advance(step); });
    }
    /// These two where the clock drives its queues.
    void step_stepwise(Nanos step) {
        if constexpr (drives) {
            pass_time("advance_stepwise", clock_.now() + step, [&] { clock_.advance_stepwise(step, 0); });
        }
    }
    void step_to_next_event() {
        if constexpr (drives) {
            pass_time("advance_to_next_event", clock_.next_event().value_or(clock_.now()),
                      [&] { clock_.advance_to_next_event(); });
        }
    }

    void purge() {
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (call([&] { any_ ? any_->purge() : recorder_ ? recorder_->purge() : queue_->purge(); })) {
                check("a purge");
                continue;
            }
            for (auto& message : sent_) {
                message.state = State::gone;
            }
            return;
        }
    }

    void bury_after(int receives) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!call([&] { queue_->set_redrive_policy({*dead_, receives}); })) {
                dies_after_ = receives;
                return;
            }
            if (call([&] { static_cast<void>(dead_->dead_letter_source_queues()); })) {
                problem("an inspection threw without a failure");
            }
            if (dead_->dead_letter_source_queues().size() != (dies_after_ != 0 ? 1U : 0U)) {
                problem("set_redrive_policy threw and changed the dead-letter queue's sources");
            }
            check("set_redrive_policy");
        }
    }

    void never_bury() {
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!call([&] { queue_->clear_redrive_policy(); })) {
                return;
            }
            check("clear_redrive_policy");
            if (!Failure::template clock_may_throw<Clock>) {
                problem("clear_redrive_policy threw");
            }
        }
    }

    /// Starts to move the dead letters back, to where they came from or to the queue.
    void move_back(std::optional<int> per_second, bool names_destination = false) {
        moves_ = true;
        const sqsim::MoveTaskOptions options{.max_number_of_messages_per_second = per_second};
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (!call([&] {
                    task_ = names_destination ? sqsim::start_message_move_task(*dead_, *queue_, options)
                                              : sqsim::start_message_move_task(*dead_, options);
                })) {
                return;
            }
            check("start_message_move_task");
        }
        problem("start_message_move_task threw without a failure");
    }

    Q& dead_letter_queue() { return *dead_; }
    /// The last of the tasks that were started, if there is one.
    std::optional<sqsim::MessageMoveTask<Q>>& task() { return task_; }

    /// Sets an attribute of the queue. `get(options)` is what it was set to.
    template <class Set, class Get, class Value>
    void set(const char* what, Set set_it, Get get, const Value& value) {
        for (int attempt = 0; attempt < 2; ++attempt) {
            const auto before = get(queue_->options());
            if (!call([&] { set_it(*queue_, value); })) {
                if (get(queue_->options()) != value) {
                    problem(std::string{what} + " had no effect");
                }
                return;
            }
            if (get(queue_->options()) != before) {
                problem(std::string{what} + " threw and set the attribute");
            }
            check(what);
        }
        problem(std::string{what} + " threw without a failure");
    }

    /// Any other call, which changes nothing of the messages.
    template <class F>
    void do_else(const char* what, F f) {
        if (call([&] { f(*queue_, clock_); })) {
            check(what);
            if (call([&] { f(*queue_, clock_); })) {
                problem(std::string{what} + " threw without a failure");
            }
        }
    }

    void set_delay(Nanos delay) {
        const auto set_it = [&](Q& queue, Nanos value) {
            recorder_ ? recorder_->set_delay(value) : queue.set_delay(value);
        };
        set(
            "set_delay", set_it, [](const auto& options) { return options.delay; }, delay);
        delay_ = delay;
    }

    std::vector<std::size_t> in_flight() const {
        std::vector<std::size_t> numbers;
        for (std::size_t i = 0; i < sent_.size(); ++i) {
            if (sent_[i].state == State::in_flight) {
                numbers.push_back(i);
            }
        }
        return numbers;
    }

    /// Runs `program(world)` with the n-th step of its calls failing. Returns: whether there was one.
    template <class Program>
    static bool run(std::uint64_t n, const Options& given, const Program& program, Problems& problems) {
        const std::int64_t before = watched::living;
        bool has_failed = false;
        {
            World world{problems};
            Failure::begin(n);
            world.fails_at_ = n;
            Options options = given;
            Options dead = given;
            dead.name = is_fifo ? "dead-letters.fifo" : "dead-letters";
            options.name =
                is_fifo ? "a-source-with-a-name-that-needs-memory.fifo" : "a-source-with-a-name-of-its-own-in-memory";
            world.default_timeout_ = options.visibility_timeout;
            world.delay_ = options.delay;
            world.make(world.dead_, world.clock_, dead);
            Failure::equip(*world.dead_);
            world.make(world.queue_, world.clock_, options);
            Failure::equip(*world.queue_);
            program(world);
            has_failed = world.has_failed();
            Failure::end();
            world.has_ended_ = true;
            world.check("the end of the program");
            world.check_record();
            world.drain();
        }
        if (watched::in_commits.exchange(0) != 0) {
            problems.push_back("a commit allocates");
        }
        if (problems.empty() && watched::living != before) {
            problems.push_back("leak: " + std::to_string(watched::living - before) + " allocations are left");
        }
        return has_failed;
    }

private:
    static constexpr const char* trace = "Root=1-5759e988-bd862e3fe1be46a994272793";

    /// Whether the clock has the verbs of one that drives its queues.
    static constexpr bool drives = requires(Clock clock) { clock.advance_to_next_event(); };

    /// What time does cannot fail.
    template <class Pass>
    void pass_time(const char* what, typename Clock::time_point end, Pass pass) {
        if (call(pass)) {
            if (!Failure::template clock_may_throw<Clock>) {
                problem(std::string{what} + " threw");
            }
            clock_.advance_to(end);
        }
        for (auto& message : sent_) {
            if ((message.state == State::in_flight || message.state == State::delayed) &&
                message.until <= clock_.now().time_since_epoch()) {
                message.state = State::visible;
            }
        }
        check("time has passed");
    }

    using Recorder = sqsim::history::Recorder<Q, Clock>;
    using Log = sqsim::history::HistoryLog<Clock>;

    template <class T, class... Arguments>
    void make(std::unique_ptr<T>& object, Arguments&&... arguments) {
        if (call([&] { object = std::make_unique<T>(arguments...); })) {
            object = std::make_unique<T>(arguments...);
        }
    }

    bool has_failed() const { return !has_ended_ && Failure::has_reached(fails_at_); }

    static std::string group_of(std::size_t number) { return is_fifo ? "group-" + std::to_string(number % 5) : ""; }
    static std::string id_of(std::size_t number) { return "an-id-of-thirty-six-characters-" + std::to_string(number); }

    /// Calls with failures. Returns whether there was one.
    template <class F>
    bool call(F f) {
        bool threw = false;
        Failure::count(true);
        try {
            f();
        } catch (const typename Failure::Exception&) {
            threw = true;
        } catch (const sqsim::Error& error) {
            Failure::count(false);
            problem(std::string{"an error: "} + error.what());
        }
        Failure::count(false);
        return threw;
    }

    template <class SendOptions>
    static void set_options(SendOptions& options, bool optioned) {
        if (optioned) {
            options.message_attributes = {{"kind", {.value = "some value that is not short at all"}}};
            options.aws_trace_header = trace;
        }
    }
    static bool has_all_attributes(const sqsim::MessageAttributes& attributes) {
        return attributes.size() == 1 && attributes.begin()->first == "kind" &&
               attributes.begin()->second.value == "some value that is not short at all";
    }

    /// A batch that throws has taken nothing of its entries.
    template <class Entry>
    void check_whole(const std::vector<Entry>& entries, std::size_t first, bool optioned) {
        for (std::size_t i = 0; i < entries.size(); ++i) {
            const Entry& entry = entries[i];
            const auto& options = entry.options;
            bool is_whole = is_body_of(entry.body, first + i);
            is_whole = is_whole &&
                       (optioned ? has_all_attributes(options.message_attributes) : options.message_attributes.empty());
            is_whole = is_whole && options.aws_trace_header == (optioned ? trace : "");
            if constexpr (requires { entry.message_group_id; }) {
                is_whole = is_whole && entry.message_group_id == group_of(first + i);
            } else {
                is_whole = is_whole && options.message_group_id == group_of(first + i);
            }
            if constexpr (requires { options.message_deduplication_id; }) {
                is_whole = is_whole && options.message_deduplication_id == (is_fifo ? id_of(first + i) : "");
            }
            if (!is_whole) {
                problem("a batch threw and took of its entry " + std::to_string(i));
            }
        }
    }

    bool try_send(std::size_t number, bool optioned, Nanos delay, const std::string& group) {
        Body body = make_body<Body>(number);
        bool deduplicated = false;
        const std::string id = id_of(number);
        const bool threw = call([&] {
            if constexpr (is_text) {
                if (any_) {
                    sqsim::AnySendMessageOptions options;  // g++ 12 destroys too much if a designated one throws
                    set_options(options, optioned);
                    options.message_group_id = group;
                    if (is_fifo) {
                        options.message_deduplication_id = id;
                    } else if (delay != 0ns) {
                        options.delay = delay;
                    }
                    deduplicated = (number % 3 == 0 ? any_->try_send_message(body, std::move(options)).value()
                                                    : any_->send_message(body, std::move(options)))
                                       .deduplicated;
                    return;
                }
            }
            if constexpr (is_fifo) {
                sqsim::FifoSendMessageOptions options;
                options.message_deduplication_id = id;
                set_options(options, optioned);
                if (recorder_) {
                    deduplicated = recorder_->send_message(std::move(body), group, std::move(options)).deduplicated;
                } else if (number % 3 == 0) {
                    deduplicated =
                        queue_->try_send_message(std::move(body), group, std::move(options)).value().deduplicated;
                } else {
                    deduplicated = queue_->send_message(std::move(body), group, std::move(options)).deduplicated;
                }
            } else if (optioned || delay != 0ns || !group.empty() || recorder_) {
                sqsim::SendMessageOptions options;
                options.message_group_id = group;
                if (delay != 0ns) {
                    options.delay = delay;
                }
                set_options(options, optioned);
                if (recorder_) {
                    recorder_->send_message(std::move(body), std::move(options));
                } else if (number % 3 == 0) {
                    static_cast<void>(queue_->try_send_message(std::move(body), std::move(options)).value());
                } else {
                    queue_->send_message(std::move(body), std::move(options));
                }
            } else {
                queue_->send_message(std::move(body));
            }
        });
        if (deduplicated) {
            problem("message " + std::to_string(number) + " is answered as a duplicate");
        }
        return threw;
    }

    std::vector<sqsim::AnyMessage> receive_any(How how, const sqsim::ReceiveMessageOptions& options) {
        std::vector<sqsim::AnyMessage> messages;
        if (how != How::one) {
            return any_->receive_messages(options);
        }
        messages.reserve(1);
        if (auto one = any_->receive_message(options)) {
            messages.push_back(std::move(*one));
        }
        return messages;
    }

    /// Receives by a queue or a recorder. Without memory of its own after the receive.
    template <class Client>
    static std::vector<Message> receive_by(Client& client, How how, const sqsim::ReceiveMessageOptions& options,
                                           const std::vector<sqsim::ReceiptHandle>& done, std::vector<Message>& out) {
        if (how == How::vector) {
            return client.receive_messages(options);
        }
        // Without options a receive goes another way.
        const bool is_plain =
            !options.visibility_timeout && !options.wait_time && options.receive_request_attempt_id.empty();
        if (how == How::one) {
            std::vector<Message> messages;
            messages.reserve(1);
            if (std::optional<Message> one = is_plain ? client.receive_message() : client.receive_message(options)) {
                messages.push_back(std::move(*one));
            }
            return messages;
        }
        const std::size_t most = std::min(out.size(), static_cast<std::size_t>(options.max_number_of_messages));
        out.resize(how == How::span && is_plain ? client.receive_messages(std::span{out}.first(most))
                   : how == How::span           ? client.receive_messages(std::span{out}, options)
                                                : client.delete_and_receive(done, std::span{out}, options));
        return std::move(out);
    }

    void note_sent(const std::string& group, Nanos delay, bool has_attributes, bool has_trace) {
        const Nanos its_delay = delay != 0ns ? delay : delay_;
        sent_.push_back({.group = group,
                         .state = its_delay == 0ns ? State::visible : State::delayed,
                         .until = clock_.now().time_since_epoch() + its_delay,
                         .has_attributes = has_attributes,
                         .has_trace = has_trace});
    }

    void note_gone(const std::vector<std::size_t>& numbers) {
        for (const std::size_t number : numbers) {
            sent_[number].state = State::gone;
        }
    }

    template <class Received>
    std::vector<std::size_t> note_received(const std::vector<Received>& messages, std::size_t most,
                                           std::optional<Nanos> given_timeout, bool may_repeat) {
        const Nanos timeout = given_timeout.value_or(default_timeout_);
        if (dies_after_ == 0 && !may_repeat) {
            const std::size_t there = is_fifo ? std::min<std::size_t>(available_groups(), 1) : count(State::visible);
            const std::size_t expected = std::min(most, there);
            if (is_fifo ? messages.size() < expected : messages.size() != expected) {
                problem("lost: a receive returned " + std::to_string(messages.size()) + " of " +
                        std::to_string(expected) + " messages");
            }
        }
        std::vector<std::size_t> numbers;
        for (const Received& message : messages) {
            const std::size_t number = number_of(message);
            if (number >= sent_.size() || (sent_[number].state != State::visible && !may_repeat)) {
                problem("doubled: a receive returned message " + std::to_string(number) + ", which is not visible");
                continue;
            }
            auto& sent = sent_[number];
            sent.state = timeout == 0ns ? State::visible : State::in_flight;
            sent.until = clock_.now().time_since_epoch() + timeout;
            sent.handle = message.receipt_handle();
            ++sent.receives;
            numbers.push_back(number);
        }
        return numbers;
    }

    std::size_t count(State state) const {
        return static_cast<std::size_t>(
            std::count_if(sent_.begin(), sent_.end(), [&](const auto& sent) { return sent.state == state; }));
    }

    /// How many messages the queues hold, and how many the model.
    std::size_t stored() const { return queue_->counts().total() + dead_->counts().total(); }
    std::size_t expected_to_be_stored() const { return sent_.size() - count(State::gone); }

    std::size_t available_groups() const {
        std::map<std::string, bool> groups;
        for (const auto& sent : sent_) {
            if (sent.state != State::gone) {
                groups.emplace(sent.group, sent.state == State::visible);
            }
        }
        return static_cast<std::size_t>(
            std::count_if(groups.begin(), groups.end(), [](const auto& group) { return group.second; }));
    }

    /// Compares the counts with the model, and with what there is to see.
    void check(const char* after) {
        const sqsim::QueueCounts counts = queue_->counts();
        const std::size_t dead = dead_->counts().total();
        const std::size_t total = expected_to_be_stored();
        const std::string where = std::string{" after "} + after;
        if (counts.total() + dead != total) {
            problem("lost: " + std::to_string(counts.total() + dead) + " of " + std::to_string(total) +
                    " messages are stored" + where);
        } else if (dies_after_ == 0 &&
                   (counts.visible != count(State::visible) || counts.in_flight != count(State::in_flight))) {
            problem("state: " + std::to_string(counts.visible) + "/" + std::to_string(counts.in_flight) +
                    " messages are visible/in flight, not " + std::to_string(count(State::visible)) + "/" +
                    std::to_string(count(State::in_flight)) + where);
        }
        if (queue_->peek(sqsim::MessageState::visible, 10'000).size() != counts.visible ||
            queue_->peek(sqsim::MessageState::in_flight, 10'000).size() != counts.in_flight ||
            queue_->peek(sqsim::MessageState::delayed, 10'000).size() != counts.delayed) {
            problem("the counts are not what there is to see" + where);
        }
    }

    /// The history that was recorded is one that the service may have.
    void check_record() {
        if (log_) {
            do_else("a look at the history", [&](auto&, auto&) { static_cast<void>(log_->history()); });
            const auto verdict = sqsim::history::check_history(log_->history());
            if (!verdict.ok()) {
                problem("the record is wrong: " + verdict.to_string());
            }
        }
    }

    void drain() {
        try {
            clock_.advance(13h);
            std::map<std::size_t, int> seen;
            std::map<std::string, std::size_t> last;
            std::set<std::string> ids;
            for (int empty = 0, rounds = 0; empty < 3; ++rounds) {
                if (rounds > 10'000) {
                    problem("hang: the queues are never empty");
                    return;
                }
                bool any = false;
                for (Q* queue : {queue_.get(), dead_.get()}) {
                    for (const Message& message : queue->receive_messages({.visibility_timeout = 1h})) {
                        const std::size_t number = number_of(message);
                        ++seen[number];
                        if (!ids.insert(message.message_id().to_string()).second) {
                            problem("two messages have one id");
                        }
                        any = true;
                        if (number < sent_.size()) {
                            const auto& sent = sent_[number];
                            if (message.aws_trace_header() != (sent.has_trace ? trace : "") ||
                                (sent.has_attributes ? !has_all_attributes(message.message_attributes())
                                                     : !message.message_attributes().empty())) {
                                problem("message " + std::to_string(number) + " has not what it was sent with");
                            }
                        }
                        if (is_fifo && dies_after_ == 0 && !moves_ && number < sent_.size()) {
                            auto& before = last.emplace(sent_[number].group, 0).first->second;
                            if (before > number) {
                                problem("order: message " + std::to_string(number) + " comes late in its group");
                            }
                            before = number;
                        }
                        if (!queue->delete_message(message.receipt_handle())) {
                            problem("message " + std::to_string(number) + " cannot be deleted");
                        }
                    }
                }
                empty = any ? 0 : empty + 1;
            }
            for (std::size_t i = 0; i < sent_.size(); ++i) {
                const int expected = sent_[i].state == State::gone ? 0 : 1;
                const int found = seen.contains(i) ? seen[i] : 0;
                seen.erase(i);
                if (found != expected) {
                    problem((found < expected ? "lost: message " : "doubled: message ") + std::to_string(i) + " came " +
                            std::to_string(found) + " times at the end");
                }
            }
            if (!seen.empty()) {
                problem("doubled: a message that was never stored");
            }
            if (queue_->counts().total() + dead_->counts().total() != 0) {
                problem("lost: messages are stored that are never delivered");
            }
        } catch (const std::exception& error) {
            problem(std::string{"without a failure: "} + error.what());
        }
    }

    void problem(const std::string& text) {
        if (problems_.size() < 5) {
            problems_.push_back(text);
        }
    }

    Problems& problems_;
    Clock clock_{};
    std::unique_ptr<Q> dead_{};
    std::unique_ptr<Q> queue_{};
    std::optional<sqsim::AnyQueue> any_{};
    std::unique_ptr<Log> log_{};
    std::unique_ptr<Recorder> recorder_{};
    std::optional<sqsim::MessageMoveTask<Q>> task_{};
    std::vector<Sent<sqsim::ReceiptHandle>> sent_{};
    Nanos default_timeout_{};
    Nanos delay_{};
    std::uint64_t fails_at_ = 0;
    int dies_after_ = 0;
    bool moves_ = false;
    bool has_ended_ = false;
};

/// A program for a world, whatever its queues.
template <class W>
struct Program {
    const char* name;
    typename W::Options options;
    std::function<void(W&)> steps;
};

template <class W>
std::vector<Program<W>> programs() {
    using How = typename W::How;
    const auto each = [](const std::vector<std::size_t>& numbers, auto&& f) {
        for (const std::size_t number : numbers) {
            f(number);
        }
    };
    typename W::Options usual{};
    typename W::Options delaying{};
    delaying.delay = 20s;
    std::vector<Program<W>> all{
        {"sends", usual,
         [](W& world) {
             for (int i = 0; i < 40; ++i) {
                 world.send();
             }
             world.send(true);
             world.send_batch(10);
             world.send_batch(7, true);
             world.send_many(70);
             world.send_many(3, true);
             for (int i = 0; i < 20; ++i) {
                 world.send(i % 2 == 0);
             }
         }},
        {"receives", usual,
         [](W& world) {
             world.send_many(90);
             world.receive(How::one, 1);
             world.receive(How::vector, 10);
             world.receive(How::span, 10);
             world.receive(How::erasing, 5);
             for (int i = 0; i < 3; ++i) {
                 const auto done = world.receive(How::vector, 3, 40s);
                 world.receive(How::erasing, 3, i == 0 ? std::optional<Nanos>{} : Nanos{20s * i}, "", done);
             }
             world.receive(How::one, 1, 5s);
             world.receive(How::vector, 10, 7s);
             world.receive(How::span, 10, 6s);
             world.receive(How::vector, 4, 0s);
             for (int i = 0; i < 12; ++i) {
                 world.receive(How::vector, 10);
             }
             world.advance(6s);
             world.receive(How::vector, 10, 0s);
             world.receive(How::vector, 10);
             world.advance(24s);
             for (int i = 0; i < 12; ++i) {
                 world.receive(i % 2 == 0 ? How::vector : How::span, 10);
             }
             world.advance(30s);
         }},
        {"many timeouts", usual,
         [](W& world) {
             for (int i = 0; i < 12; ++i) {
                 world.send_many(50);
             }
             unsigned random = 1;
             for (std::size_t i = 0; i < 200; ++i) {
                 random = random * 1103515245 + 12345;
                 world.receive(How::vector, i % 4 + 1, std::chrono::seconds{random >> 16 & 1023} + 1s);
             }
             for (int i = 0; i < 5; ++i) {
                 world.advance(100s);
                 world.receive(How::vector, 10, std::chrono::seconds{1 + 7 * i});
             }
             world.advance(1h);
         }},
        {"delays", delaying,
         [](W& world) {
             for (int i = 0; i < 30; ++i) {
                 world.send();
             }
             world.advance(5s);
             if constexpr (!W::is_fifo) {
                 for (int i = 0; i < 80; ++i) {
                     world.send(false, std::chrono::seconds{1 + i * 37 % 101});
                 }
             }
             world.send_batch(4);
             world.advance(15s);
             world.receive(How::vector, 10);
             world.advance(10s);
             world.receive(How::vector, 10);
             world.advance(200s);
             world.set_delay(0s);
             world.send();
             world.receive(How::vector, 10);
         }},
        {"changes of visibility", usual,
         [each](W& world) {
             world.send_many(40);
             for (int i = 0; i < 5; ++i) {
                 each(world.receive(How::vector, 10), [&](std::size_t number) {
                     world.change(number, std::array<Nanos, 4>{5s, 100s, 0s, 30s}[number % 4]);
                 });
             }
             world.advance(5s);
             each(world.receive(How::vector, 10), [&](std::size_t number) { world.change(number, 0s); });
             world.receive(How::vector, 10);
             world.advance(100s);
             each(world.receive(How::vector, 10, 1h),
                  [&](std::size_t number) { world.change(number, std::chrono::seconds{40 - number}); });
             world.advance(20s);
             world.receive(How::vector, 10);
         }},
        {"deletes", usual,
         [each](W& world) {
             for (int round = 0; round < 12; ++round) {
                 world.send_many(20);
                 world.erase(world.receive(How::vector, 10));
                 each(world.receive(How::vector, 7, 3s), [&](std::size_t number) { world.erase(number); });
             }
             world.advance(31s);
             for (int round = 0; round < 14; ++round) {
                 world.erase(world.receive(How::span, 10));
             }
         }},
        {"dead letters", usual,
         [](W& world) {
             world.bury_after(2);
             world.send_many(30);
             world.send(true);
             for (int round = 0; round < 6; ++round) {
                 for (int i = 0; i < 5; ++i) {
                     world.receive(How::vector, 10, i == 0 ? Nanos{0s} : Nanos{4s});
                 }
                 world.advance(4s);
             }
             world.bury_after(1);
             for (int i = 0; i < 4; ++i) {
                 world.send_many(5);
                 world.receive(How::vector, 10);
                 world.advance(30s);
                 world.receive(How::one, 1);
             }
         }},
        {"move tasks", usual,
         [](W& world) {
             world.bury_after(1);
             world.send_many(12);
             world.send(true);
             for (int i = 0; i < 8; ++i) {
                 world.receive(How::vector, 10, 0s);
             }
             world.move_back(2);
             for (int i = 0; i < 8; ++i) {
                 world.advance(1s);
             }
             for (int i = 0; i < 8; ++i) {
                 world.receive(How::vector, 10, 0s);
             }
             world.move_back({}, true);
             world.advance(1s);
             for (int i = 0; i < 8; ++i) {
                 world.receive(How::vector, 10, 0s);
             }
             world.move_back(1);
             world.advance(2s);
             if (world.task()) {
                 auto& task = *world.task();
                 world.do_else("a look at a task", [&](auto&, auto&) {
                     static_cast<void>(task.status());
                     static_cast<void>(task.failure_reason());
                     static_cast<void>(task.started_at());
                     static_cast<void>(task.max_number_of_messages_per_second());
                     static_cast<void>(task.approximate_number_of_messages_moved() +
                                       task.approximate_number_of_messages_to_move());
                 });
                 world.do_else("a list of tasks", [&](auto&, auto&) {
                     static_cast<void>(sqsim::list_message_move_tasks(world.dead_letter_queue(), 10));
                 });
                 world.do_else("a cancel", [&](auto&, auto&) { static_cast<void>(task.cancel()); });
             }
             world.never_bury();
             world.send_many(3);
             world.receive(How::vector, 10, 1s);
             world.advance(1s);
         }},
        {"purges", usual,
         [](W& world) {
             world.send_many(40);
             world.receive(How::vector, 10);
             world.receive(How::vector, 10, 0s);
             world.purge();
             world.send_many(10);
             world.receive(How::vector, 3);
             world.advance(31s);
             world.purge();
             world.send();
         }},
        {"setters and looks", usual,
         [](W& world) {
             world.send_many(30);
             world.receive(How::vector, 10);
             world.send_many(70);  // they may wait for the next call to store them
             world.set(
                 "set_visibility_timeout", [](auto& queue, Nanos value) { queue.set_visibility_timeout(value); },
                 [](const auto& options) { return options.visibility_timeout; }, Nanos{30s});
             world.set(
                 "set_message_retention_period",
                 [](auto& queue, Nanos value) { queue.set_message_retention_period(value); },
                 [](const auto& options) { return options.message_retention_period; }, Nanos{48h});
             world.set(
                 "set_receive_message_wait_time",
                 [](auto& queue, Nanos value) { queue.set_receive_message_wait_time(value); },
                 [](const auto& options) { return options.receive_message_wait_time; }, Nanos{0s});
             world.send_many(70);  // they may wait for the next call to store them
             world.set(
                 "set_maximum_message_size",
                 [](auto& queue, std::size_t value) { queue.set_maximum_message_size(value); },
                 [](const auto& options) { return options.maximum_message_size; }, std::size_t{100'000});
             if constexpr (!W::is_fifo) {
                 world.do_else("decide_by", [](auto& queue, auto&) {
                     queue.decide_by(nullptr);
                     W::Failure::equip(queue);
                 });
             }
             world.do_else("counts", [](auto& queue, auto&) { static_cast<void>(queue.counts()); });
             world.do_else("metrics", [](auto& queue, auto&) { static_cast<void>(queue.metrics()); });
             world.do_else("a peek",
                           [](auto& queue, auto&) { static_cast<void>(queue.peek(sqsim::MessageState::visible, 20)); });
             world.do_else("a peek", [](auto& queue, auto&) { static_cast<void>(queue.peek(sqsim::MessageId{})); });
             world.do_else("a look", [](auto& queue, auto&) { static_cast<void>(queue.describe()); });
             world.do_else("a look", [](auto& queue, auto&) { static_cast<void>(queue.name()); });
             world.do_else("a look", [](auto& queue, auto&) { static_cast<void>(queue.dead_letter_source_queues()); });
             world.do_else("a look", [](auto& queue, auto&) { static_cast<void>(queue.options()); });
             world.do_else("a look", [](auto& queue, auto&) { static_cast<void>(queue.next_event()); });
             world.do_else("a clock's look", [](auto&, auto& clock) { static_cast<void>(clock.next_event()); });
             world.do_else("a clock's look", [](auto&, auto& clock) {
                 if constexpr (requires { clock.wait_for_waiters(0); }) {
                     static_cast<void>(clock.waiters());
                     clock.wait_for_waiters(0);
                 }
             });
             world.step_stepwise(100ms);
             world.step_to_next_event();
             world.set_delay(3s);
             world.send();
             world.advance(3s);
             world.receive(How::vector, 10);
         }},
    };
    const auto usual_life = [each](W& world) {
        for (int i = 0; i < 12; ++i) {
            world.send(i % 3 == 0, 0ns, W::is_fifo || i % 2 == 0 ? "" : "tenant");
        }
        world.send_batch(5);
        world.send_batch(4, true);
        world.receive(How::one, 1);
        world.erase(world.receive(How::vector, 10, 4s));
        each(world.receive(How::vector, 6), [&](std::size_t number) { world.change(number, number % 2 * 7s); });
        world.advance(7s);
        const auto done = world.receive(How::span, 2);
        world.receive(How::erasing, 3, {}, "", done);
        world.set_delay(1s);
        world.send();
        world.advance(31s);
        each(world.receive(How::vector, 3), [&](std::size_t number) { world.erase(number); });
        world.purge();
        world.set_delay(0s);
        world.send();
        world.receive(How::vector, 3, 0s);
    };
    if constexpr (W::is_text) {
        all.push_back({"any queue", usual, [usual_life](W& world) {
                           world.call_through_any_queue();
                           usual_life(world);
                       }});
    }
    // A recorder reads the clock itself when the queue has answered.
    if constexpr (!W::Failure::template clock_may_throw<typename W::Clock>) {
        all.push_back({"recorder", usual, [usual_life](W& world) {
                           world.call_through_recorder();
                           usual_life(world);
                       }});
    }
    if constexpr (W::is_fifo) {
        typename W::Options by_group{};
        by_group.deduplication_scope = sqsim::DeduplicationScope::message_group;
        by_group.deduplication_interval = 7s;
        by_group.maximum_calls_per_second = 1'000;
        by_group.partitions = 3;
        by_group.capacity = 60;
        all.push_back({"high throughput", by_group, [usual_life](W& world) {
                           usual_life(world);
                           world.advance(8s);
                           world.send_batch(10);
                       }});
        all.push_back({"attempts", usual, [each](W& world) {
                           world.send_many(40);
                           for (int i = 0; i < 3; ++i) {
                               const std::string id = "an-attempt-with-a-long-id-" + std::to_string(i);
                               world.receive(How::vector, 5, {}, id);
                               each(world.receive(How::vector, 5, {}, id), [&](std::size_t number) {
                                   if (number % 2 == 0) {
                                       world.change(number, 0s);
                                   }
                               });
                           }
                           world.advance(31s);
                           world.receive(How::vector, 10, {}, "another-attempt-with-a-long-id");
                           world.advance(6min);
                           world.receive(How::vector, 10);
                       }});
        typename W::Options narrow{};
        narrow.limits.fifo_backlog_window = 8;
        all.push_back({"horizon", narrow, [](W& world) {
                           world.send_many(60);
                           for (int round = 0; round < 8; ++round) {
                               world.receive(How::vector, 3, 5s);
                               world.erase(world.in_flight());
                               world.receive(How::vector, 2, 2s);
                               world.advance(2s);
                           }
                       }});
    } else {
        typename W::Options noisy{};
        noisy.fair_queue.minimum_in_flight = 3;
        all.push_back({"groups", noisy, [each](W& world) {
                           for (int i = 0; i < 60; ++i) {
                               world.send(false, 0ns, i % 4 != 0 ? "loud" : "quiet-" + std::to_string(i));
                           }
                           for (int round = 0; round < 6; ++round) {
                               each(world.receive(How::vector, 6), [&](std::size_t number) {
                                   if (number % 3 == 0) {
                                       world.erase(number);
                                   }
                               });
                               world.receive(How::one, 1, 2s);
                               world.advance(2s);
                           }
                           world.advance(31s);
                           for (int i = 0; i < 8; ++i) {
                               world.receive(How::vector, 10, 0s);
                           }
                       }});
        all.push_back({"a spike that goes", usual, [](W& world) {
                           for (int i = 0; i < 8; ++i) {
                               world.send_many(150);
                           }
                           for (int i = 0; i < 120; ++i) {
                               world.erase(world.receive(How::vector, 10));
                           }
                           world.send();
                       }});
        typename W::Options to_the_back{};
        to_the_back.back_of_queue_after_three_receives = true;
        all.push_back({"to the back", to_the_back, [](W& world) {
                           world.send_many(30);
                           for (int i = 0; i < 20; ++i) {
                               world.receive(How::vector, 10, i % 3 == 0 ? Nanos{0s} : Nanos{1s});
                               world.advance(500ms);
                           }
                       }});
    }
    return all;
}

/// Runs a program with each `stride`-th step of it failing in turn, and gives `tell(n, problems)` what went wrong.
template <class W, class Tell>
std::size_t run_all(const Program<W>& program, Tell tell, std::uint64_t stride = 1) {
    std::size_t runs = 0;
    Problems first;
    static_cast<void>(W::run(~std::uint64_t{0}, program.options, program.steps, first));  // what is made once is made
    for (std::uint64_t n = 1;; n += stride) {
        Problems problems;
        problems.reserve(8);
        const bool has_failed = W::run(n, program.options, program.steps, problems);
        tell(n, problems);
        if (!has_failed) {
            return runs;
        }
        ++runs;
    }
}

template <class Lock, class Body>
using StandardWorld = World<sqsim::Queue<sqsim::ManualClock, Body, Lock>>;
template <class Lock, class Body>
using FifoWorld = World<sqsim::FifoQueue<sqsim::ManualClock, Body, Lock>>;

}  // namespace failing
