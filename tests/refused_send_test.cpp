// SPDX-License-Identifier: MIT

// A send that is refused, or for which there is no memory, changes nothing that the caller has: body, attributes, trace
// header and ids are those of before, and the same call again stores all of them.

#include "catch.hpp"
#include "watched_memory.hpp"

#include "sqsim/any_queue.hpp"
#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace refused_send {

using sqsim::Errc;
using sqsim::ManualClock;

/// Can be moved but not copied.
struct Owner {
    std::unique_ptr<std::string> text;
};
/// Can be moved and copied.
struct Value {
    std::string text;
};
/// Can be moved, but not assigned.
struct Fixed {
    explicit Fixed(std::string from) : text{std::make_unique<std::string>(std::move(from))} {}
    Fixed(Fixed&&) noexcept = default;
    Fixed& operator=(Fixed&&) = delete;
    ~Fixed() = default;
    std::unique_ptr<std::string> text;
};
/// A large body, which has memory of its own in the queue.
struct Large {
    std::unique_ptr<std::string> text;
    char rest[5'000] = {};
};
/// Its moves may throw, as far as the compiler knows.
struct Loud {
    explicit Loud(std::string from) : text{std::make_unique<std::string>(std::move(from))} {}
    Loud(Loud&& other) noexcept(false) : text{std::move(other.text)} {}
    Loud& operator=(Loud&& other) noexcept(false) {
        text = std::move(other.text);
        return *this;
    }
    ~Loud() = default;
    std::unique_ptr<std::string> text;
};

inline std::string text_of(std::size_t number) {
    return "the body with the number " + std::to_string(number) + ", longer than any small string";
}

template <class Body>
Body make_body(std::size_t number) {
    if constexpr (std::is_same_v<Body, std::string> || std::is_same_v<Body, Fixed> || std::is_same_v<Body, Loud>) {
        return Body{text_of(number)};
    } else if constexpr (std::is_same_v<Body, Value>) {
        return {text_of(number)};
    } else {
        return {std::make_unique<std::string>(text_of(number))};
    }
}

inline std::string read(std::string_view body) { return std::string{body}; }
inline std::string read(const Value& body) { return body.text; }
template <class Body>
requires requires(const Body& body) { body.text->size(); }
inline std::string read(const Body& body) { return body.text == nullptr ? "(taken)" : *body.text; }

inline const std::string trace = "Root=1-5759e988-bd862e3fe1be46a994272793";
inline sqsim::MessageAttributes attributes() {
    return {{"kind", {.value = "a payment of more than a few characters"}}, {"amount", {"Number", "12"}}};
}

/// What a send has beside its body.
template <class Options>
Options make_options(std::size_t number, bool has_extras) {
    Options options;
    if constexpr (requires { options.message_deduplication_id; }) {
        options.message_deduplication_id = "a-deduplication-id-of-some-length-" + std::to_string(number);
    } else {
        options.message_group_id = has_extras ? "a-tenant-with-a-long-name-" + std::to_string(number) : "";
    }
    if (has_extras) {
        options.message_attributes = attributes();
        options.aws_trace_header = trace;
    }
    return options;
}

/// Whether options are those of a message, as they were made.
template <class Options>
bool are_whole(const Options& options, std::size_t number, bool has_extras) {
    const Options expected = make_options<Options>(number, has_extras);
    bool same = options.message_attributes == expected.message_attributes &&
                options.aws_trace_header == expected.aws_trace_header && options.delay == expected.delay;
    if constexpr (requires { options.message_deduplication_id; }) {
        same = same && options.message_deduplication_id == expected.message_deduplication_id;
    } else {
        same = same && options.message_group_id == expected.message_group_id;
    }
    return same;
}

inline const std::string group = "a-message-group-with-a-long-name";

template <class Q>
inline constexpr bool is_fifo = !requires(Q & queue, sqsim::ChoiceSource* source) {
    queue.decide_by(source);
};
template <class Q>
using OptionsOf = std::conditional_t<is_fifo<Q>, sqsim::FifoSendMessageOptions, sqsim::SendMessageOptions>;
template <class Q>
using QueueOptionsOf = std::conditional_t<is_fifo<Q>, sqsim::FifoQueueOptions, sqsim::QueueOptions>;
template <class Q>
using EntryOf = std::conditional_t<is_fifo<Q>, sqsim::FifoSendMessageEntry<typename Q::body_type>,
                                   sqsim::SendMessageEntry<typename Q::body_type>>;

/// The arguments of one call, some of which may be taken by it.
template <class Q>
class Arguments {
public:
    using Body = typename Q::body_type;

    Arguments(std::size_t first, std::size_t count, bool has_extras) : first_{first}, has_extras_{has_extras} {
        entries_.reserve(count);
        for (std::size_t i = 0; i < count; ++i) {
            if constexpr (is_fifo<Q>) {
                entries_.push_back(
                    {make_body<Body>(first + i), group, make_options<OptionsOf<Q>>(first + i, has_extras)});
            } else {
                entries_.push_back({make_body<Body>(first + i), make_options<OptionsOf<Q>>(first + i, has_extras)});
            }
        }
    }

    std::vector<EntryOf<Q>>& entries() { return entries_; }
    EntryOf<Q>& entry() { return entries_.front(); }

    /// What is not as it was made.
    std::string damage() const {
        for (std::size_t i = 0; i < entries_.size(); ++i) {
            const std::string where = " of message " + std::to_string(i) + " of " + std::to_string(entries_.size());
            if (read(entries_[i].body) != text_of(first_ + i)) {
                return "the body" + where + " is \"" + read(entries_[i].body) + '"';
            }
            if (!are_whole(entries_[i].options, first_ + i, has_extras_)) {
                return "the options" + where;
            }
            if constexpr (is_fifo<Q>) {
                if (entries_[i].message_group_id != group) {
                    return "the group id" + where;
                }
            }
        }
        return "";
    }

private:
    std::vector<EntryOf<Q>> entries_{};
    std::size_t first_;
    bool has_extras_;
};

enum class Verb { send, send_plain, try_send, batch };

/// Calls a verb with arguments that it may take. Returns: how many messages were stored.
template <class Q>
std::size_t call(Q& queue, Verb verb, Arguments<Q>& arguments) {
    EntryOf<Q>& entry = arguments.entry();
    const auto one = [&](auto&& send) {
        if (verb == Verb::try_send) {
            return std::size_t{send(true) ? 1U : 0U};
        }
        static_cast<void>(send(false).value());
        return std::size_t{1};
    };
    if (verb == Verb::batch) {
        std::size_t stored = 0;
        for (const auto& result : queue.send_messages(arguments.entries())) {
            stored += result && !result->deduplicated ? 1U : 0U;
        }
        return stored;
    }
    if constexpr (is_fifo<Q>) {
        return one([&](bool tries) -> sqsim::Result<sqsim::SendMessageResult> {
            if (tries) {
                return queue.try_send_message(std::move(entry.body), entry.message_group_id, std::move(entry.options));
            }
            return queue.send_message(std::move(entry.body), entry.message_group_id, std::move(entry.options));
        });
    } else {
        return one([&](bool tries) -> sqsim::Result<sqsim::SendMessageResult> {
            if (tries) {
                return queue.try_send_message(std::move(entry.body), std::move(entry.options));
            }
            if (verb == Verb::send_plain) {
                return queue.send_message(std::move(entry.body));
            }
            return queue.send_message(std::move(entry.body), std::move(entry.options));
        });
    }
}

/// Receives everything, and tells what is not as it was sent.
template <class Q>
std::string wrong_in(Q& queue, ManualClock& clock, std::size_t first, std::size_t count, bool has_extras) {
    for (std::size_t i = first; i < first + count; ++i) {
        clock.advance(1s);  // for a queue with few calls a second
        const auto message = queue.receive_message({.max_number_of_messages = 1});
        const std::string where = " of message " + std::to_string(i);
        if (!message) {
            return "message " + std::to_string(i) + " is missing";
        }
        if (read(message->body()) != text_of(i)) {
            return "the body" + where + " is \"" + read(message->body()) + '"';
        }
        if (message->message_attributes() != (has_extras ? attributes() : sqsim::MessageAttributes{}) ||
            message->aws_trace_header() != (has_extras ? trace : "")) {
            return "the attributes" + where;
        }
        queue.delete_message(message->receipt_handle());
    }
    return queue.counts().total() == 0 ? "" : "there are more messages than were sent";
}

struct Case {
    Verb verb;
    std::size_t count;
    bool has_extras;
};
inline const std::vector<Case> cases{
    {Verb::send, 1, true},        {Verb::send, 1, false}, {Verb::try_send, 1, true}, {Verb::try_send, 1, false},
    {Verb::send_plain, 1, false}, {Verb::batch, 1, true}, {Verb::batch, 7, true},    {Verb::batch, 7, false}};

inline std::string name_of(const Case& one) {
    constexpr const char* names[] = {"send_message", "send_message without options", "try_send_message",
                                     "send_messages"};
    return std::string{names[static_cast<std::size_t>(one.verb)]} + " of " + std::to_string(one.count) +
           (one.has_extras ? " with attributes" : "");
}

/// Runs `refuse(queue, arguments)`, which must refuse the call, then compares, and calls again after `relent(queue)`.
template <class Q, class Refuse, class Relent>
void refuses(QueueOptionsOf<Q> options, Refuse refuse, Relent relent) {
    for (const Case& one : cases) {
        INFO(name_of(one));
        ManualClock clock;
        Q queue{clock, options};
        Arguments<Q> arguments{100, one.count, one.has_extras};
        refuse(queue, one, arguments);
        CHECK(arguments.damage() == "");
        relent(queue, clock);
        CHECK(call(queue, one.verb, arguments) == one.count);
        CHECK(wrong_in(queue, clock, 100, one.count, one.has_extras) == "");
    }
}

template <class Lock, class Body>
using Standard = sqsim::Queue<ManualClock, Body, Lock>;
template <class Lock, class Body>
using Fifo = sqsim::FifoQueue<ManualClock, Body, Lock>;

}  // namespace refused_send

using namespace refused_send;

#define REFUSED_SEND_FIFO                                                                                    \
    (Fifo<sqsim::NullMutex, std::string>), (Fifo<std::mutex, std::string>), (Fifo<sqsim::NullMutex, Owner>), \
        (Fifo<std::mutex, Owner>), (Fifo<sqsim::NullMutex, Value>), (Fifo<std::mutex, Fixed>),               \
        (Fifo<std::mutex, Large>), (Fifo<std::mutex, Loud>)
#define REFUSED_SEND_STANDARD                                                                              \
    (Standard<sqsim::NullMutex, std::string>), (Standard<std::mutex, std::string>),                        \
        (Standard<sqsim::NullMutex, Owner>), (Standard<std::mutex, Owner>), (Standard<std::mutex, Value>), \
        (Standard<sqsim::NullMutex, Fixed>), (Standard<sqsim::NullMutex, Large>), (Standard<std::mutex, Loud>)

TEMPLATE_TEST_CASE("a send without memory leaves its arguments whole", "[failure]", REFUSED_SEND_STANDARD,
                   REFUSED_SEND_FIFO) {
    using Q = TestType;
    for (const Case& one : cases) {
        std::size_t failures = 0;
        for (std::uint64_t n = 1;; ++n) {
            INFO(name_of(one) << ", allocation " << n);
            ManualClock clock;
            Q queue{clock};
            Arguments<Q> arguments{100, one.count, one.has_extras};
            std::size_t stored = 0;
            watched::allocations = 0;
            watched::fails_at = n;
            watched::counting = true;
            try {
                stored = call(queue, one.verb, arguments);
            } catch (const std::bad_alloc&) {
                ++failures;
            }
            watched::counting = false;
            watched::fails_at = 0;
            if (stored == 0) {
                REQUIRE(arguments.damage() == "");
                REQUIRE(call(queue, one.verb, arguments) == one.count);
            }
            REQUIRE(wrong_in(queue, clock, 100, one.count, one.has_extras) == "");
            if (stored != 0 && watched::allocations < n) {
                break;
            }
        }
        CHECK(failures > 1);
    }
}

TEMPLATE_TEST_CASE("a send to a full queue leaves its arguments whole", "[failure]", REFUSED_SEND_STANDARD,
                   REFUSED_SEND_FIFO) {
    using Q = TestType;
    QueueOptionsOf<Q> options{};
    options.capacity = 7;
    refuses<Q>(
        options,
        [](Q& queue, const Case& one, Arguments<Q>& arguments) {
            Arguments<Q> others{0, 7, false};
            REQUIRE(call(queue, Verb::batch, others) == 7);
            if (one.verb == Verb::send || one.verb == Verb::send_plain) {
                REQUIRE_THROWS_AS(call(queue, one.verb, arguments), sqsim::Error);
            } else {
                REQUIRE(call(queue, one.verb, arguments) == 0);
            }
        },
        [](Q& queue, ManualClock& clock) { REQUIRE(wrong_in(queue, clock, 0, 7, false) == ""); });
}

TEMPLATE_TEST_CASE("a send that is refused for an option leaves its arguments whole", "[failure]",
                   REFUSED_SEND_STANDARD, REFUSED_SEND_FIFO) {
    using Q = TestType;
    refuses<Q>(
        {},
        [](Q& queue, const Case& one, Arguments<Q>& arguments) {
            if (one.verb == Verb::send_plain) {
                return;
            }
            for (auto& entry : arguments.entries()) {
                entry.options.delay = -1s;
            }
            if (one.verb == Verb::batch) {
                REQUIRE(call(queue, one.verb, arguments) == 0);
            } else {
                REQUIRE_THROWS_AS(call(queue, one.verb, arguments), sqsim::Error);
            }
            for (auto& entry : arguments.entries()) {
                entry.options.delay.reset();
            }
        },
        [](Q&, ManualClock&) {});
}

TEMPLATE_TEST_CASE("a send that is throttled leaves its arguments whole", "[failure]", REFUSED_SEND_FIFO) {
    using Q = TestType;
    refuses<Q>(
        {.maximum_calls_per_second = 1},
        [](Q& queue, const Case& one, Arguments<Q>& arguments) {
            Arguments<Q> others{0, 1, false};
            REQUIRE(call(queue, Verb::send, others) == 1);
            try {
                static_cast<void>(call(queue, one.verb, arguments));
                FAIL("the send was not throttled");
            } catch (const sqsim::Error& error) {
                CHECK(error.code() == Errc::request_throttled);
            }
        },
        [](Q& queue, ManualClock& clock) {
            clock.advance(1s);
            REQUIRE(queue.receive_message().has_value());
            queue.purge();
            clock.advance(1s);
        });
}

TEMPLATE_TEST_CASE("a duplicate takes nothing of its arguments", "[failure]", REFUSED_SEND_FIFO) {
    using Q = TestType;
    for (const Case& one : cases) {
        INFO(name_of(one));
        ManualClock clock;
        Q queue{clock};
        Arguments<Q> first{100, one.count, one.has_extras};
        REQUIRE(call(queue, one.verb, first) == one.count);
        Arguments<Q> second{100, one.count, one.has_extras};
        static_cast<void>(call(queue, one.verb, second));
        CHECK(second.damage() == "");
    }
}

TEST_CASE("a body that is an lvalue is copied", "[send]") {
    ManualClock clock;
    Standard<std::mutex, Value> queue{clock};
    Fifo<std::mutex, Value> fifo{clock};
    const Value value{"text"};
    queue.send_message(value);
    queue.send_message(value, {.delay = 0s});
    CHECK(queue.try_send_message(value));
    fifo.send_message(value, "g", {.message_deduplication_id = "1"});
    CHECK(fifo.try_send_message(value, "g", {.message_deduplication_id = "2"}));
    CHECK(value.text == "text");
    CHECK(queue.counts().visible == 3);
    CHECK(queue.receive_message()->body().text == "text");
    CHECK(fifo.counts().visible == 2);
    CHECK(fifo.receive_message()->body().text == "text");
}

TEMPLATE_TEST_CASE("a batch to any queue that is refused leaves its entries whole", "[failure]",
                   (Standard<std::mutex, std::string>), (Fifo<std::mutex, std::string>)) {
    using Q = TestType;
    for (std::uint64_t n = 1;; ++n) {
        INFO("allocation " << n);
        ManualClock clock;
        Q queue{clock};
        const sqsim::AnyQueue any{queue};
        std::vector<sqsim::AnySendMessageEntry> entries;
        for (std::size_t i = 0; i < 3; ++i) {
            sqsim::AnySendMessageOptions options;
            options.message_attributes = attributes();
            options.aws_trace_header = trace;
            options.message_group_id = group;
            if (is_fifo<Q>) {
                options.message_deduplication_id = "an-id-longer-than-small-strings-" + std::to_string(i);
            }
            entries.push_back({text_of(i), options});
        }
        bool threw = false;
        watched::allocations = 0;
        watched::fails_at = n;
        watched::counting = true;
        try {
            static_cast<void>(any.send_messages(entries));
        } catch (const std::bad_alloc&) {
            threw = true;
        }
        watched::counting = false;
        watched::fails_at = 0;
        if (!threw) {
            CHECK(n > 10);
            break;
        }
        for (std::size_t i = 0; i < 3; ++i) {
            CHECK(entries[i].body == text_of(i));
            CHECK(entries[i].options.message_attributes == attributes());
            CHECK(entries[i].options.aws_trace_header == trace);
            CHECK(entries[i].options.message_group_id == group);
            CHECK(entries[i].options.message_deduplication_id.empty() == !is_fifo<Q>);
        }
        CHECK(queue.counts().total() == 0);
    }
}

TEST_CASE("a send to any queue that is refused leaves its options whole", "[failure]") {
    ManualClock clock;
    Standard<std::mutex, std::string> queue{clock, {.capacity = 1}};
    queue.send_message("the only one");
    const sqsim::AnyQueue any{queue};
    sqsim::AnySendMessageOptions options;
    options.message_attributes = attributes();
    options.aws_trace_header = trace;
    CHECK_FALSE(any.try_send_message("text", std::move(options)));
    CHECK(options.message_attributes == attributes());  // NOLINT: that is what is asked
    CHECK(options.aws_trace_header == trace);
}
