// SPDX-License-Identifier: MIT
#pragma once

// Runs one program of random calls on two real queues and on their models, and compares all that can be seen after
// every call. A program is a list of six-byte operations, from a random stream or from a file; if the queues and the
// models ever disagree, the program is shrunk to the shortest one that still shows it, and printed as calls.

#include "model/fifo_model.hpp"
#include "model/standard_model.hpp"
#include "sqsim/io/ostream.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace model {

/// splitmix64: the programs must be the same on every compiler, which those of <random> are not.
class Random {
public:
    explicit Random(std::uint64_t seed) : state_{seed} {}
    std::uint64_t next() {
        std::uint64_t z = state_ += 0x9e3779b97f4a7c15U;
        z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
        z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
        return z ^ (z >> 31);
    }

private:
    std::uint64_t state_;
};

/// A fold of everything observed, in order.
class History {
public:
    void add(std::uint64_t value) {
        hash_ ^= value + 0x9e3779b97f4a7c15U + (hash_ << 6) + (hash_ >> 2);
        hash_ *= 0xff51afd7ed558ccdU;
        hash_ ^= hash_ >> 29;
    }
    void add(std::string_view text) {
        std::uint64_t value = 0xcbf29ce484222325U;
        for (const char c : text) {
            value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
        }
        add(value);
        add(text.size());
    }
    [[nodiscard]] std::uint64_t hash() const { return hash_; }

private:
    std::uint64_t hash_ = 0;
};

enum class Verb : std::uint8_t {
    send,
    send_batch,
    receive,
    erase,
    erase_batch,
    erase_and_receive,
    change,
    step,
    purge,
    redrive_policy,
    set_delay,
    set_visibility_timeout,
    set_retention,
    move_task,
};

struct Operation {
    std::uint8_t verb = 0, queue = 0, a = 0, b = 0, c = 0, d = 0;

    [[nodiscard]] Verb what() const {
        using enum Verb;
        constexpr std::array weights{
            std::pair{send, 56},          std::pair{send_batch, 10}, std::pair{receive, 60},
            std::pair{erase, 36},         std::pair{erase_batch, 8}, std::pair{erase_and_receive, 8},
            std::pair{change, 28},        std::pair{step, 36},       std::pair{purge, 1},
            std::pair{redrive_policy, 3}, std::pair{set_delay, 3},   std::pair{set_visibility_timeout, 2},
            std::pair{set_retention, 2},  std::pair{move_task, 3}};
        int rest = verb;
        for (const auto& [candidate, weight] : weights) {
            rest -= weight;
            if (rest < 0) {
                return candidate;
            }
        }
        return step;
    }
};

using Program = std::vector<Operation>;

inline Program decode(std::span<const std::uint8_t> bytes) {
    Program program;
    for (std::size_t i = 0; i + 6 <= bytes.size(); i += 6) {
        program.push_back({bytes[i], bytes[i + 1], bytes[i + 2], bytes[i + 3], bytes[i + 4], bytes[i + 5]});
    }
    return program;
}

inline Program random_program(std::uint64_t seed, std::size_t operations) {
    Random random{seed};
    Program program(operations);
    for (Operation& operation : program) {
        const std::uint64_t bits = random.next();
        operation = {static_cast<std::uint8_t>(bits),       static_cast<std::uint8_t>(bits >> 8),
                     static_cast<std::uint8_t>(bits >> 16), static_cast<std::uint8_t>(bits >> 24),
                     static_cast<std::uint8_t>(bits >> 32), static_cast<std::uint8_t>(bits >> 40)};
    }
    return program;
}

/// How the two queues of a run are made, and how they begin.
struct Configuration {
    const char* name = "";
    Settings settings{};
    int max_receive_count = 0;           // 0: no policy at the beginning
    bool own_dead_letter_queue = false;  // or the other queue
};

inline constexpr Time second = 1'000'000'000;

inline const std::vector<Configuration>& standard_configurations() {
    static const std::vector<Configuration> all{
        {"plain",
         {.visibility_timeout = 30 * second,
          .retention = 345'600 * second,
          .capacity = 40,
          .maximum_visibility = 400 * second},
         3,
         false},
        {"tight",
         {.visibility_timeout = 2 * second,
          .delay = second,
          .retention = 20 * second,
          .capacity = 8,
          .maximum_in_flight = 3,
          .maximum_visibility = 60 * second},
         2,
         false},
        {"own dead letters",
         {.visibility_timeout = 0,
          .retention = 60 * second,
          .capacity = 16,
          .maximum_in_flight = 10,
          .maximum_visibility = 400 * second},
         1,
         true},
    };
    return all;
}

inline const std::vector<Configuration>& fifo_configurations() {
    static const std::vector<Configuration> all{
        {"plain",
         {.visibility_timeout = 30 * second,
          .retention = 345'600 * second,
          .capacity = 40,
          .maximum_visibility = 400 * second},
         3,
         false},
        {"tight",
         {.visibility_timeout = 2 * second,
          .delay = second,
          .retention = 20 * second,
          .capacity = 12,
          .maximum_in_flight = 4,
          .maximum_visibility = 60 * second,
          .backlog_window = 5,
          .content_based = true,
          .deduplication_interval = 10 * second},
         2,
         false},
        {"own dead letters",
         {.visibility_timeout = second,
          .retention = 360 * second,
          .capacity = 24,
          .maximum_visibility = 400 * second,
          .backlog_window = 8,
          .scope_is_group = true,
          .deduplication_interval = 3 * second},
         1,
         true},
    };
    return all;
}

/// A clock that knows nothing of its queues, as those of the standard library: what is due happens with the next call,
/// however much that is.
class PlainClock {
public:
    using duration = std::chrono::nanoseconds;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<PlainClock, duration>;
    static constexpr bool is_steady = true;

    explicit PlainClock(time_point start) : now_{start} {}
    [[nodiscard]] time_point now() const { return now_; }
    void advance_to(time_point to) { now_ = to; }

private:
    time_point now_;
};

/// A standard queue and its model under the same verbs.
template <class Lock, class C = sqsim::ManualClock>
struct StandardWith {
    using Clock = C;
    using Queue = sqsim::Queue<C, std::string, Lock>;
    static constexpr bool is_driven = std::is_same_v<C, sqsim::ManualClock>;
    static constexpr bool waits = !is_driven || !std::is_same_v<Lock, sqsim::NullMutex>;
    template <Mistake mistake>
    using Model = StandardModel<mistake>;
    static constexpr bool is_fifo = false;

    static sqsim::QueueOptions options(const char* name, const Settings& s) {
        sqsim::QueueOptions options;
        common(options, s);
        options.name = name;
        return options;
    }
    template <class Options>
    static void common(Options& options, const Settings& s) {
        using std::chrono::nanoseconds;
        options.visibility_timeout = nanoseconds{s.visibility_timeout};
        options.delay = nanoseconds{s.delay};
        options.message_retention_period = nanoseconds{s.retention};
        options.capacity = s.capacity;
        options.limits.maximum_visibility_timeout = nanoseconds{s.maximum_visibility};
        options.limits.minimum_message_retention_period = nanoseconds{second};
        options.limits.maximum_in_flight = s.maximum_in_flight;
        options.limits.fifo_backlog_window = s.backlog_window;
    }
};

using Standard = StandardWith<sqsim::NullMutex>;
using SharedStandard = StandardWith<std::mutex>;
using PlainStandard = StandardWith<sqsim::NullMutex, PlainClock>;

template <class Lock, class C = sqsim::ManualClock>
struct FifoWith {
    using Clock = C;
    using Queue = sqsim::FifoQueue<C, std::string, Lock>;
    static constexpr bool is_driven = StandardWith<Lock, C>::is_driven;
    static constexpr bool waits = StandardWith<Lock, C>::waits;
    template <Mistake mistake>
    using Model = FifoModel<mistake>;
    static constexpr bool is_fifo = true;

    static sqsim::FifoQueueOptions options(const char* name, const Settings& s) {
        sqsim::FifoQueueOptions options;
        Standard::common(options, s);
        options.name = std::string{name} + ".fifo";
        options.content_based_deduplication = s.content_based;
        options.deduplication_scope =
            s.scope_is_group ? sqsim::DeduplicationScope::message_group : sqsim::DeduplicationScope::queue;
        options.deduplication_interval = std::chrono::nanoseconds{s.deduplication_interval};
        return options;
    }
};
using Fifo = FifoWith<sqsim::NullMutex>;
using SharedFifo = FifoWith<std::mutex>;
using PlainFifo = FifoWith<sqsim::NullMutex, PlainClock>;

/// What differed, at which operation.
struct Mismatch {
    std::size_t operation = 0;
    std::string text{};
};

struct Outcome {
    std::optional<Mismatch> mismatch{};
    std::size_t operations = 0;
    std::uint64_t history = 0;
    std::vector<std::string> calls{};  // if asked for
};

/// After every operation all there is, or a part that changes; or all, but after few operations: who looks at a queue
/// makes it notice what was sent and what time it is.
enum class Compare { everything, in_turns, seldom };

template <class Kind, Mistake mistake = Mistake::none>
class Run {
public:
    using Queue = typename Kind::Queue;
    using Model = typename Kind::template Model<mistake>;
    using Message = typename Queue::message_type;
    using time_point = typename Queue::time_point;
    using ns = std::chrono::nanoseconds;

    explicit Run(const Configuration& configuration, bool trace = false, Compare compare = Compare::everything)
        : trace_{trace}, compare_{compare} {
        for (const int i : {0, 1}) {
            queues_[index(i)] =
                std::make_unique<Queue>(clock_, Kind::options(i == 0 ? "q" : "r", configuration.settings));
            models_.emplace_back(i, configuration.settings);
            models_.back().advance(now());
        }
        if (configuration.max_receive_count > 0) {
            const int target = configuration.own_dead_letter_queue ? 0 : 1;
            set_redrive_policy(0, target, configuration.max_receive_count);
        }
    }

    Outcome run(std::span<const Operation> program) {
        for (; step_ < program.size() && !mismatch_; ++step_) {
            apply(program[step_]);
            compare_all();
        }
        return {mismatch_, step_, history_.hash(), calls_};
    }

private:
    struct KnownHandle {
        sqsim::ReceiptHandle real{};
        Handle handle{};
    };
    struct Held {
        Message message;
        std::string body;
    };

    static std::size_t index(int i) { return static_cast<std::size_t>(i); }
    [[nodiscard]] Time now() const { return clock_.now().time_since_epoch().count(); }
    Queue& real(int q) { return *queues_[index(q)]; }
    Model& model(int q) { return models_[index(q)]; }

    /// Reports if a real value differs from the model's.
    template <class T>
    void same(const T& real_value, const T& model_value, const char* what) {
        if (!(real_value == model_value) && !mismatch_) {
            std::ostringstream out;
            out << what << ": the queue says " << show(real_value) << ", the model " << show(model_value);
            mismatch_ = Mismatch{step_, out.str()};
        }
    }
    template <class T>
    static std::string show(const T& value) {
        std::ostringstream out;
        if constexpr (requires { value.has_value(); }) {
            out << (value.has_value() ? show(*value) : "none");
        } else if constexpr (std::is_same_v<T, Answer>) {
            out << (value.error ? show(*value.error) : show(value.status));
        } else {
            using sqsim::operator<<;
            out << value;
        }
        return out.str();
    }

    template <class... Parts>
    void say(const Parts&... parts) {
        if (trace_) {
            std::ostringstream out;
            using sqsim::operator<<;
            (out << ... << parts);
            calls_.push_back(out.str());
        }
    }
    void say_result(const std::string& result) {
        if (trace_) {
            calls_.back() += "  -> " + result;
        }
    }
    static std::string seconds(Time time) {
        return time == never ? std::string{"never"} : sqsim::detail::seconds_text(ns{time}) + "s";
    }
    [[nodiscard]] static const char* name(int q) { return q == 0 ? "q" : "r"; }

    static Time duration(std::uint8_t byte) {
        constexpr std::array<Time, 16> table{
            0,          0,          1,          second / 2,  second,      second,      2 * second,  2 * second,
            3 * second, 3 * second, 5 * second, 10 * second, 30 * second, 59 * second, 60 * second, 360 * second};
        return table[byte % 16];
    }

    /// Calls, and turns what is thrown into a value.
    template <class Call>
    static Answer answer(Call call) {
        try {
            return {{}, call().status};
        } catch (const sqsim::Error& error) {
            return {error.code(), {}};
        }
    }

    void apply(const Operation& op) {
        const int q = op.queue % 8 == 0 ? 1 : 0;  // mostly the first; the second gets dead letters as well
        switch (op.what()) {
        case Verb::send:
            send(q, op);
            for (int more = op.d >= 240 ? op.c % 32 : 0; more > 0; --more) {  // else no queue would ever be full
                send(q, {op.verb, op.queue, op.a, static_cast<std::uint8_t>(op.b + more), 1, 0});
            }
            return;
        case Verb::send_batch:
            return send_batch(q, op);
        case Verb::receive:
            return receive(q, op, {});
        case Verb::erase:
            return erase(q, op);
        case Verb::erase_batch:
            return erase_batch(q, op);
        case Verb::erase_and_receive:
            return receive(q, op, some_handles(q, op.d));
        case Verb::change:
            return change(q, op);
        case Verb::step:
            return step(op);
        case Verb::purge:
            say(name(q), ".purge()");
            real(q).purge();
            return model(q).purge();
        case Verb::redrive_policy:
            return redrive_policy(op.c % 2, op);
        case Verb::set_delay:
            say(name(q), ".set_delay(", seconds(duration(op.a)), ")");
            real(q).set_delay(ns{duration(op.a)});
            return model(q).set_delay(duration(op.a));
        case Verb::set_visibility_timeout: {
            const Time timeout = std::min(duration(op.a), model(q).settings.maximum_visibility);
            say(name(q), ".set_visibility_timeout(", seconds(timeout), ")");
            real(q).set_visibility_timeout(ns{timeout});
            model(q).settings.visibility_timeout = timeout;
            return;
        }
        case Verb::set_retention: {
            const Time period = std::max(duration(op.a) * (op.b % 4 == 0 ? 100 : 4), second);
            say(name(q), ".set_message_retention_period(", seconds(period), ")");
            real(q).set_message_retention_period(ns{period});
            return model(q).set_retention(period);
        }
        case Verb::move_task:
            return move_task(q, op);
        }
    }

    // Sending.

    struct Draft {
        std::string body{};
        std::string group{};
        std::string deduplication_id{};
        std::string key{};  // what the model deduplicates by
        std::optional<Time> delay{};
    };

    Draft draft(int q, std::uint8_t a, std::uint8_t b, std::uint8_t c) {
        Draft draft;
        ++sends_;
        const bool repeats_body = Kind::is_fifo && a % 4 == 0;
        draft.body = repeats_body ? "b" + std::to_string(a / 4 % 6) : "m" + std::to_string(sends_);
        if (a / 32 == 0) {
            draft.body.append(b, '.');  // a body that does not fit where a short one does
        }
        if constexpr (Kind::is_fifo) {
            draft.group = "g" + std::to_string(b % 4);
            if (c % 2 == 0) {
                draft.deduplication_id = "d" + std::to_string(c / 2 % 8);
            } else if (!model(q).settings.content_based) {
                draft.deduplication_id = "u" + std::to_string(sends_);
            } else if (c % 16 == 1) {
                draft.deduplication_id = sqsim::content_deduplication_id(draft.body);  // R151
            }
            draft.key =
                draft.deduplication_id.empty() ? sqsim::content_deduplication_id(draft.body) : draft.deduplication_id;
        } else if (c % 4 == 0) {
            draft.delay = duration(c / 4);
        }
        return draft;
    }

    std::string describe(const Draft& draft) const {
        std::string text = '"' + draft.body.substr(0, 8) + (draft.body.size() > 8 ? "...\"" : "\"");
        if (Kind::is_fifo) {
            text += ", \"" + draft.group + "\", {\"" + draft.deduplication_id + "\"}";
        } else if (draft.delay) {
            text += ", {.delay = " + seconds(*draft.delay) + "}";
        }
        return text;
    }

    void send(int q, const Operation& op) {
        const Draft d = draft(q, op.a, op.b, op.c);
        say(name(q), ".send_message(", describe(d), ")");
        check_send(q, d, [&] {
            if constexpr (Kind::is_fifo) {
                return real(q).try_send_message(d.body, d.group, {.message_deduplication_id = d.deduplication_id});
            } else {
                return d.delay ? real(q).try_send_message(d.body, delay_option(d)) : send_plainly(q, d.body);
            }
        }());
    }

    /// Without options a send goes another way.
    sqsim::Result<sqsim::SendMessageResult> send_plainly(int q, const std::string& body) {
        try {
            return real(q).send_message(body);
        } catch (const sqsim::Error& error) {
            if (error.code() != sqsim::Errc::queue_full) {
                throw;
            }
            return error;
        }
    }

    static sqsim::SendMessageOptions delay_option(const Draft& d) {
        sqsim::SendMessageOptions options;
        if (d.delay) {
            options.delay = ns{*d.delay};
        }
        return options;
    }

    void send_batch(int q, const Operation& op) {
        std::vector<Draft> drafts;
        for (std::uint8_t i = 0; i <= op.d % 4; ++i) {
            drafts.push_back(draft(q, static_cast<std::uint8_t>(op.a + 7 * i), static_cast<std::uint8_t>(op.b + i / 2),
                                   static_cast<std::uint8_t>(op.c + 2 * i)));
            say(i == 0 ? name(q) : "    ", i == 0 ? ".send_messages: " : "  ", describe(drafts.back()));
        }
        if constexpr (Kind::is_fifo) {
            std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
            for (const Draft& d : drafts) {
                entries.push_back({d.body, d.group, {.message_deduplication_id = d.deduplication_id}});
            }
            check_batch(q, drafts, real(q).send_messages(entries));
        } else if (op.d % 8 < 4) {
            std::vector<sqsim::SendMessageEntry<std::string>> entries;
            for (const Draft& d : drafts) {
                entries.push_back({d.body, delay_option(d)});
            }
            check_batch(q, drafts, real(q).send_messages(entries));
        } else {
            // All or none, with the options of the first.
            std::vector<std::string_view> bodies;
            for (const Draft& d : drafts) {
                bodies.push_back(d.body);
            }
            const bool fits = model(q).settings.capacity - model(q).messages.size() >= drafts.size() &&
                              model(q).messages.size() <= model(q).settings.capacity;
            const std::size_t sent = drafts.front().delay ? real(q).send_messages(bodies, delay_option(drafts.front()))
                                                          : real(q).send_messages(bodies);
            same(sent, fits ? drafts.size() : std::size_t{0}, "messages sent");
            for (std::size_t i = 0; fits && i < drafts.size(); ++i) {
                static_cast<void>(model(q).send(next_id(), drafts[i].body, drafts.front().delay));
                ids_.emplace_back();
            }
        }
    }

    void check_batch(int q, const std::vector<Draft>& drafts,
                     const std::vector<sqsim::Result<sqsim::SendMessageResult>>& results) {
        same(results.size(), drafts.size(), "results of a batch");
        for (std::size_t i = 0; i < drafts.size() && !mismatch_; ++i) {
            check_send(q, drafts[i], results[i]);
        }
    }

    [[nodiscard]] int next_id() const { return static_cast<int>(ids_.size()); }

    void check_send(int q, const Draft& d, const sqsim::Result<sqsim::SendMessageResult>& result) {
        std::optional<Receipt> receipt;
        if constexpr (Kind::is_fifo) {
            receipt = model(q).send(next_id(), d.body, d.group, d.key);
        } else {
            receipt = model(q).send(next_id(), d.body, d.delay);
        }
        same(result.has_value(), receipt.has_value(), "whether a send found room");
        if (!result || !receipt) {
            same(result ? std::optional<sqsim::Errc>{} : result.error().code(),
                 receipt ? std::optional<sqsim::Errc>{} : sqsim::Errc::queue_full, "error of a send");
            return say_result("full");
        }
        same(result->deduplicated, receipt->deduplicated, "deduplicated");
        same(result->sequence_number.has_value(), Kind::is_fifo, "whether there is a sequence number");
        if (!receipt->deduplicated) {
            ids_.emplace_back();
        }
        learn(receipt->id, result->message_id);
        if constexpr (Kind::is_fifo) {
            learn_sequence(q, receipt->place, *result->sequence_number);
        }
        history_.add(result->deduplicated);
        say_result(result->deduplicated ? "duplicate" : "#" + std::to_string(receipt->id));
    }

    /// A message has one id for ever, and no other message has it.
    void learn(int id, const sqsim::MessageId& real_id) {
        auto& known = ids_.at(index(id));
        if (!known) {
            same(known_ids_.insert(real_id).second, true, "whether a message id is new");
            known = real_id;
        }
        same(real_id, *known, "message id");
    }

    /// A later place has a larger sequence number.
    void learn_sequence(int q, int place, const sqsim::SequenceNumber& number) {
        auto& known = sequences_[index(q)];
        known.resize(std::max(known.size(), index(place) + 1));
        if (!known[index(place)]) {
            known[index(place)] = number;
            for (std::size_t i = index(place); i > 0; --i) {
                if (known[i - 1]) {
                    same(*known[i - 1] < number, true, "whether sequence numbers increase");
                    break;
                }
            }
        }
        same(number, *known[index(place)], "sequence number");
    }

    // Receiving.

    void receive(int q, const Operation& op, const std::vector<std::size_t>& done) {
        sqsim::ReceiveMessageOptions options;
        options.max_number_of_messages = op.a % 4 == 0 ? 10 : 1 + op.a / 4 % 4;
        std::optional<Time> timeout;
        if (op.b % 2 == 0) {
            timeout = std::min(duration(op.b / 2), model(q).settings.maximum_visibility);
            options.visibility_timeout = ns{*timeout};
        }
        const bool long_poll = op.c % 8 == 0 && !Kind::waits;  // nobody else could move the time
        if (long_poll) {
            options.wait_time = ns{second};
        }
        if (Kind::is_fifo && op.c % 8 < 4) {
            options.receive_request_attempt_id = "a" + std::to_string(op.c / 8 % 4);
        }
        // What form the call has must not matter.
        const bool has_options = timeout || long_poll || !options.receive_request_attempt_id.empty();
        const int form = !done.empty() ? 3 : !has_options && op.d % 8 != 0 ? 2 : op.d % 3;
        if (form == 0) {
            options.max_number_of_messages = 1;
        }
        say(name(q), done.empty() ? ".receive(" : ".delete_and_receive(", done.size(), " handles, max ",
            options.max_number_of_messages, timeout ? ", visibility " + seconds(*timeout) : std::string{},
            long_poll ? ", long" : "",
            options.receive_request_attempt_id.empty() ? "" : ", attempt " + options.receive_request_attempt_id, ")");
        for (const std::size_t i : done) {
            say("    deletes ", describe(handles_[i].handle));
        }

        received_.clear();
        std::optional<sqsim::Errc> error;
        try {
            call_receive(q, form, options, done);
        } catch (const sqsim::Error& thrown) {
            error = thrown.code();
        }
        taken_.clear();
        std::vector<Handle> deleted;
        for (const std::size_t i : done) {
            deleted.push_back(handles_[i].handle);
        }
        std::optional<sqsim::Errc> model_error = sqsim::Errc::invalid_parameter_value;
        if (!model(q).is_void(options.receive_request_attempt_id, deleted)) {
            for (const Handle& handle : deleted) {
                static_cast<void>(model(q).erase(handle));  // a foreign one is passed over
            }
            model_error = model(q).receive(static_cast<std::size_t>(options.max_number_of_messages),
                                           timeout.value_or(model(q).settings.visibility_timeout), long_poll,
                                           options.receive_request_attempt_id, taken_);
        }
        same(error, model_error, "error of a receive");
        check_received(q);
    }

    void call_receive(int q, int form, const sqsim::ReceiveMessageOptions& options,
                      const std::vector<std::size_t>& done) {
        if (form == 0) {
            if (auto message = real(q).receive_message(options)) {
                received_.push_back(std::move(*message));
            }
        } else if (form == 1) {
            received_ = real(q).receive_messages(options);
        } else {
            std::vector<sqsim::ReceiptHandle> handles;
            for (const std::size_t i : done) {
                handles.push_back(handles_[i].real);
            }
            const std::size_t count =
                form == 2 ? receive_into_span(q, options) : real(q).delete_and_receive(handles, out_, options);
            for (std::size_t i = 0; i < count; ++i) {
                received_.push_back(out_[i]);
            }
        }
    }

    /// Without options a receive goes another way.
    std::size_t receive_into_span(int q, const sqsim::ReceiveMessageOptions& options) {
        const bool is_plain =
            !options.visibility_timeout && !options.wait_time && options.receive_request_attempt_id.empty();
        const auto most = static_cast<std::size_t>(options.max_number_of_messages);
        return is_plain ? real(q).receive_messages(std::span<Message>{out_}.first(most))
                        : real(q).receive_messages(out_, options);
    }

    void check_received(int q) {
        std::string bodies;
        std::string expected;
        for (const Message& message : received_) {
            bodies.append(message.body().substr(0, 8)).append(" ");
        }
        for (const Received& received : taken_) {
            expected.append(received.message.body.substr(0, 8)).append(" ");
        }
        same(bodies, expected, "received");
        for (std::size_t i = 0; i < taken_.size() && !mismatch_; ++i) {
            const Message& message = received_[i];
            const Received& received = taken_[i];
            check_message(q, message, received.message);
            same(message.visibility_deadline().time_since_epoch().count(), received.message.when, "deadline");
            learn_handle(message.receipt_handle(), received.handle);
            history_.add(message.body());
            history_.add(message.approximate_receive_count());
            history_.add(static_cast<std::uint64_t>(message.sent_at().time_since_epoch().count()));
            history_.add(static_cast<std::uint64_t>(message.visibility_deadline().time_since_epoch().count()));
            hold(message);
        }
        history_.add(taken_.size());
        say_result(bodies.empty() ? "nothing" : bodies);
    }

    void check_message(int q, const Message& message, const Stored& stored) {
        same(message.body(), std::string_view{stored.body}, "body");
        learn(stored.id, message.message_id());
        same(message.message_group_id(), std::string_view{stored.group}, "group");
        same(static_cast<int>(message.approximate_receive_count()), stored.receives_elsewhere + stored.receives,
             "receive count");
        same(message.sent_at().time_since_epoch().count(), stored.sent, "sent at");
        same(message.first_received_at().time_since_epoch().count(), stored.first_received, "first received at");
        const auto source = message.dead_letter_queue_source();
        same(source.has_value() ? std::string{*source} : std::string{},
             stored.source < 0 ? std::string{} : real(stored.source).name(), "dead-letter source");
        if (const auto number = message.sequence_number()) {
            learn_sequence(q, stored.place, *number);
        }
    }

    /// Each receive has a handle of its own; a repeated attempt has those of the first.
    void learn_handle(const sqsim::ReceiptHandle& real_handle, const Handle& handle) {
        for (const KnownHandle& known : handles_) {
            same(known.real == real_handle, known.handle == handle, "whether two handles are the same");
        }
        if (handles_.size() == 48) {
            handles_.pop_front();
        }
        handles_.push_back({real_handle, handle});
    }

    /// Keeps some messages for a while: they must stay as they were whatever happens to the queue.
    void hold(const Message& message) {
        if (held_.size() == 6) {
            same(held_.front().message.body(), std::string_view{held_.front().body}, "body of an old message");
            held_.pop_front();
        }
        held_.push_back({message, std::string{message.body()}});
    }

    // Handles.

    /// Mostly one of the latest handles of this queue, sometimes any, which may be of the other one.
    std::optional<std::size_t> pick_handle(int q, std::uint8_t byte) const {
        if (handles_.empty()) {
            return std::nullopt;
        }
        const bool any = byte >= 224;
        std::size_t skip = any ? byte % 32 * handles_.size() / 32 : byte % 8 * (byte < 128 ? 1U : 2U);
        std::optional<std::size_t> found;
        for (std::size_t i = handles_.size(); i-- > 0;) {
            if (any || handles_[i].handle.queue == q) {
                found = i;
                if (skip-- == 0) {
                    break;
                }
            }
        }
        return found;
    }

    std::vector<std::size_t> some_handles(int q, std::uint8_t byte) const {
        std::vector<std::size_t> some;
        for (std::uint8_t i = 0; i <= byte % 3; ++i) {
            if (const auto handle = pick_handle(q, static_cast<std::uint8_t>(byte * 5 + 3 * i))) {
                some.push_back(*handle);
            }
        }
        return some;
    }

    std::string describe(const Handle& handle) const {
        return "handle " + std::to_string(handle.receive) + " of place " + std::to_string(handle.place) + " in " +
               name(handle.queue);
    }

    void erase(int q, const Operation& op) {
        const auto i = pick_handle(q, op.a);
        if (!i) {
            return;
        }
        say(name(q), ".delete_message(", describe(handles_[*i].handle), ")");
        sqsim::ReceiptHandle handle = handles_[*i].real;
        if (op.b % 16 == 0) {
            handle = sqsim::ReceiptHandle::from_string(handle.to_string()).value_or(sqsim::ReceiptHandle{});
        }
        check_answer(answer([&] { return real(q).delete_message(handle); }), model(q).erase(handles_[*i].handle));
    }

    void check_answer(const Answer& real_answer, const Answer& model_answer) {
        same(real_answer, model_answer, "answer");
        history_.add(static_cast<std::uint64_t>(real_answer.status));
        say_result(trace_ ? show(real_answer) : std::string{});
    }

    void erase_batch(int q, const Operation& op) {
        const auto some = some_handles(q, op.a);
        if (some.empty()) {
            return;
        }
        std::vector<sqsim::ReceiptHandle> handles;
        for (const std::size_t i : some) {
            handles.push_back(handles_[i].real);
        }
        const auto results = real(q).delete_messages(handles);
        same(results.size(), some.size(), "results of a batch");
        for (std::size_t i = 0; i < some.size(); ++i) {
            say(name(q), ".delete_messages: ", describe(handles_[some[i]].handle));
            Answer expected = model(q).erase(handles_[some[i]].handle);
            if (expected.error) {
                expected = {{}, sqsim::HandleStatus::invalid};
            }
            check_answer({{}, results[i].status}, expected);
        }
    }

    void change(int q, const Operation& op) {
        const auto i = pick_handle(q, op.a);
        if (!i) {
            return;
        }
        const Time timeout = op.b == 255 ? model(q).settings.maximum_visibility + 1 : duration(op.b);
        say(name(q), ".change_message_visibility(", describe(handles_[*i].handle), ", ", seconds(timeout), ")");
        check_answer(answer([&] { return real(q).change_message_visibility(handles_[*i].real, ns{timeout}); }),
                     model(q).change_visibility(handles_[*i].handle, timeout));
    }

    // Time, policies and tasks.

    void step(const Operation& op) {
        const Time next = std::min(models_[0].next_event(), models_[1].next_event());
        const Time random = op.b % 8 == 0 ? duration(op.c) * (1 + op.d % 8) : duration(op.c) / (1 + op.d % 4);
        Time to = now() + random;
        if (next != never && op.a % 8 < 6) {
            constexpr std::array<Time, 6> offsets{0, 0, 0, -1, 1, 0};
            to = std::max(now(), next + offsets[op.a % 8]);
        }
        if constexpr (Kind::is_fifo) {
            const Time end = std::min(models_[0].next_attempt_end(), models_[1].next_attempt_end());
            if (op.a % 8 >= 6 && end != never) {
                to = std::max(now(), end - op.b % 2);
            }
        }
        say("clock.advance_to(", seconds(to), ")");
        if constexpr (Kind::is_driven) {
            if (next != never && to == next && op.b % 2 == 0) {
                same(clock_.advance_to_next_event(), true, "whether there is a next event");
                same(now(), next, "time of the next event");
            }
        }
        clock_.advance_to(time_point{ns{to}});
        for (Model& m : models_) {
            m.advance(to);
        }
    }

    void set_redrive_policy(int q, int target, int count) {
        real(q).set_redrive_policy({.dead_letter_queue = real(target), .max_receive_count = count});
        model(q).set_redrive_policy(&model(target), count);
    }

    void redrive_policy(int q, const Operation& op) {
        if (op.a % 8 == 0) {
            say(name(q), ".clear_redrive_policy()");
            real(q).clear_redrive_policy();
            return model(q).set_redrive_policy(nullptr, 0);
        }
        const int target = op.a % 8 < 3 ? q : 1 - q;
        say(name(q), ".set_redrive_policy(", name(target), ", ", 1 + op.b % 4, ")");
        set_redrive_policy(q, target, 1 + op.b % 4);
    }

    void move_task(int q, const Operation& op) {
        const int source = op.a % 4 == 0 ? 1 - q : q;
        const std::optional<int> destination = op.b % 2 == 0 ? std::optional{1 - source} : std::nullopt;
        say("start_message_move_task(", name(source), destination ? ", " : "", destination ? name(*destination) : "",
            ")");
        std::string real_result = "refused";
        try {
            const auto task = destination ? sqsim::start_message_move_task(real(source), real(*destination))
                                          : sqsim::start_message_move_task(real(source));
            real_result = std::to_string(static_cast<int>(task.status())) + " moved " +
                          std::to_string(task.approximate_number_of_messages_moved());
        } catch (const sqsim::Error& error) {
            same(error.code(), sqsim::Errc::invalid_parameter_value, "error of a move task");
        }
        const std::string model_result = redrive(source, destination);
        same(real_result, model_result, "move task");
        history_.add(real_result);
        say_result(real_result);
    }

    /// R183, R187, R191: new messages, the oldest first, until nothing is visible or one has nowhere to go.
    std::string redrive(int source, std::optional<int> destination) {
        Model& from = model(source);
        if (models_[0].dead_letter_queue != &from && models_[1].dead_letter_queue != &from) {
            return "refused";
        }
        for (int moved = 0;; ++moved) {
            const auto place = from.next_to_redrive();
            const auto ended = [&](sqsim::MoveTaskStatus how) {
                return std::to_string(static_cast<int>(how)) + " moved " + std::to_string(moved);
            };
            if (!place) {
                return ended(sqsim::MoveTaskStatus::completed);
            }
            Stored m = *from.find(*place);
            const int to = destination.value_or(m.source);
            if (to < 0 || (!destination && model(to).dead_letter_queue != &from)) {
                return ended(sqsim::MoveTaskStatus::failed);
            }
            std::erase_if(from.messages, [&](const Stored& other) { return other.place == *place; });
            m.id = next_id();
            ids_.emplace_back();
            m.sent = now();
            m.receives = m.receives_elsewhere = 0;
            m.first_received = never;
            m.source = -1;
            model(to).arrive(std::move(m));
        }
    }

    // Comparing the states.

    void compare_all() {
        const bool everything = compare_ != Compare::in_turns;
        if (compare_ == Compare::seldom && ++turn_ % 8 != 0) {
            return;
        }
        for (const int q : {0, 1}) {
            const sqsim::QueueCounts counts = real(q).counts();
            same(counts, model(q).counts(), "counts");
            history_.add(counts.visible + 1000 * counts.in_flight + 1'000'000 * counts.delayed);
            if (everything || turn_ % 4 == index(q) * 2) {
                same(real(q).metrics(), model(q).metrics(), "metrics");
                same(time(real(q).next_event()), model(q).next_event(), "next event of a queue");
            }
        }
        if constexpr (Kind::is_driven) {
            if (everything || turn_ % 16 == 0) {
                const Time next = std::min(model(0).next_event(), model(1).next_event());
                same(time(clock_.next_event()), next, "next event");
            }
        }
        turn_ += everything ? 0U : 1U;
        for (const int q : {0, 1}) {
            using enum sqsim::MessageState;
            for (const auto state : {visible, in_flight, delayed}) {
                if (everything || turn_ % 48 == 8 * (index(q) * 3 + static_cast<std::size_t>(state))) {
                    compare_peek(q, state);
                }
            }
        }
    }

    static Time time(std::optional<time_point> at) { return at ? at->time_since_epoch().count() : never; }

    void compare_peek(int q, sqsim::MessageState state) {
        const auto peeked = real(q).peek(state, 1000);
        same(peeked.size(), model(q).count(state), "messages to peek at");
        std::size_t i = 0;
        for (const Stored& stored : model(q).messages) {
            if (stored.state == state && !mismatch_) {
                check_message(q, peeked[i].message, stored);
                same(peeked[i].state, state, "peeked state");
                same(peeked[i].available_at.time_since_epoch().count(), stored.when, "available at");
                ++i;
            }
        }
    }

    typename Kind::Clock clock_{time_point{ns{1'000'000'007}}};
    std::array<std::unique_ptr<Queue>, 2> queues_{};
    std::deque<Model> models_{};  // they point to each other
    std::deque<KnownHandle> handles_{};
    std::deque<Held> held_{};
    std::vector<std::optional<sqsim::MessageId>> ids_{};
    std::set<sqsim::MessageId> known_ids_{};
    std::array<std::vector<std::optional<sqsim::SequenceNumber>>, 2> sequences_{};
    std::array<Message, 10> out_{};  // what earlier receives of both queues have put there is overwritten
    std::vector<Message> received_{};
    std::vector<Received> taken_{};
    std::optional<Mismatch> mismatch_{};
    History history_{};
    std::vector<std::string> calls_{};
    std::size_t step_ = 0;
    std::size_t turn_ = 0;
    int sends_ = 0;
    bool trace_;
    Compare compare_;
};

template <class Kind, Mistake mistake = Mistake::none>
Outcome run(const Configuration& configuration, std::span<const Operation> program, bool trace = false,
            Compare compare = Compare::everything) {
    return Run<Kind, mistake>{configuration, trace, compare}.run(program);
}

/// Leaves out runs of operations, of half the length each time (ddmin), as long as the program still `fails`.
template <class Fails>
Program leave_out(Program program, Fails fails) {
    for (std::size_t length = std::max<std::size_t>(program.size() / 2, 1);;) {
        bool shorter = false;
        for (std::size_t at = 0; at < program.size();) {
            Program candidate = program;
            const auto from = candidate.begin() + static_cast<std::ptrdiff_t>(at);
            candidate.erase(from, from + static_cast<std::ptrdiff_t>(std::min(length, program.size() - at)));
            if (fails(candidate)) {
                program = std::move(candidate);
                shorter = true;
            } else {
                at += length;
            }
        }
        if (length == 1 && !shorter) {
            return program;
        }
        length = std::max<std::size_t>(length / 2, 1);
    }
}

/// The shortest program found that still shows a mismatch: without the operations that are not needed, and then with
/// plain ones in the place of the others, which may make more of them unneeded.
template <class Kind, Mistake mistake = Mistake::none>
Program shrink(const Configuration& configuration, Program program, Compare compare = Compare::everything) {
    const auto fails = [&](const Program& candidate) {
        return run<Kind, mistake>(configuration, candidate, false, compare).mismatch.has_value();
    };
    while (true) {
        program = leave_out(std::move(program), fails);
        const std::size_t length = program.size();
        for (Operation& operation : program) {
            for (std::uint8_t Operation::*part :
                 {&Operation::a, &Operation::b, &Operation::c, &Operation::d, &Operation::queue}) {
                for (const std::uint8_t plain : {std::uint8_t{0}, std::uint8_t{33}}) {
                    const std::uint8_t before = std::exchange(operation.*part, plain);
                    if (fails(program)) {
                        break;
                    }
                    operation.*part = before;
                }
            }
        }
        program = leave_out(std::move(program), fails);
        if (program.size() == length) {
            return program;
        }
    }
}

/// Runs a program; if something differs, says what, with the shortest program that shows it. Else an empty text.
template <class Kind, Mistake mistake = Mistake::none>
std::string check(const Configuration& configuration, Program program, Compare compare = Compare::everything) {
    const Outcome outcome = run<Kind, mistake>(configuration, program, false, compare);
    if (!outcome.mismatch) {
        return {};
    }
    program.resize(outcome.mismatch->operation + 1);
    program = shrink<Kind, mistake>(configuration, std::move(program), compare);
    const Outcome shortest = run<Kind, mistake>(configuration, program, true, compare);
    std::string report = std::string{Kind::is_fifo ? "FIFO" : "standard"} + " queue \"" + configuration.name + "\", " +
                         std::to_string(program.size()) + " calls: " + shortest.mismatch->text + "\n";
    for (const std::string& call : shortest.calls) {
        report += "    " + call + "\n";
    }
    return report;
}

/// As `check`, of a program as the fuzzers write it: the first byte chooses the configuration.
template <class Kind>
std::string check_bytes(const std::vector<Configuration>& configurations, std::span<const std::uint8_t> bytes) {
    if (bytes.empty()) {
        return {};
    }
    return check<Kind>(configurations[bytes[0] % configurations.size()], decode(bytes.subspan(1)));
}

}  // namespace model
