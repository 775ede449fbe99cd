// SPDX-License-Identifier: MIT

// Code of the user that the queue runs, and that throws: choice sources, clocks, bodies, and a thread that is
// cancelled. The call that it was run for throws, and has not happened at all. Also a choice source whose answer does
// not exist.

#include "catch.hpp"
#include "failure/world.hpp"

#include "sqsim/config.hpp"
#include "sqsim/light_mutex.hpp"
#include "sqsim/move_task.hpp"
#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#if __has_include(<pthread.h>)
#    include <pthread.h>
#endif

using namespace std::chrono_literals;

namespace user_code {

using failing::Nanos;

/// What the code of a user throws: none of the library's, nor of the standard library's.
struct Thrown {};

/// Steps of user code, one of which throws.
struct UserCode {
    using Exception = Thrown;

    static inline std::uint64_t steps = 0;
    static inline std::uint64_t fails_at = 0;
    static inline bool counting = false;

    static void step() {
        if (counting && ++steps == fails_at) {
            throw Thrown{};
        }
    }
    static void begin(std::uint64_t n) {
        steps = 0;
        fails_at = n;
    }
    static void end() { fails_at = 0; }
    static bool has_reached(std::uint64_t n) { return steps >= n; }
    static void count(bool on) { counting = on; }

    /// Never misbehaves, but wants to be asked.
    class Source final : public sqsim::ChoiceSource {
    public:
        std::uint32_t choose(sqsim::Site, std::uint64_t, std::uint32_t) override {
            step();
            return 0;
        }
        std::uint32_t reorder_window() const override {
            step();
            return 3;
        }
    };
    static inline Source source{};

    /// A clock of a user that drives its queues reads itself as it advances.
    template <class Clock>
    static constexpr bool clock_may_throw = !std::is_same_v<Clock, sqsim::ManualClock>;

    static constexpr bool deletes_may_stay = true;

    template <class Q>
    static void equip(Q& queue) {
        if constexpr (requires { queue.decide_by(&source); }) {
            if constexpr (std::is_same_v<typename Q::clock_type, sqsim::ManualClock>) {
                queue.decide_by(&source);
            }
        }
    }
};

/// A body whose moves may throw.
struct Fragile {
    explicit Fragile(std::unique_ptr<std::size_t> from) : number{std::move(from)} {}
    Fragile(Fragile&& other) noexcept(false) : number{(UserCode::step(), std::move(other.number))} {}
    Fragile& operator=(Fragile&& other) noexcept(false) {
        UserCode::step();
        number = std::move(other.number);
        return *this;
    }
    ~Fragile() = default;
    std::unique_ptr<std::size_t> number;
};
/// A body that has copies only, which may throw.
struct Copied {
    explicit Copied(const std::unique_ptr<std::size_t>& from) : number{*from} {}
    Copied(const Copied& other) : number{(UserCode::step(), other.number)} {}
    Copied& operator=(const Copied&) = delete;
    ~Copied() = default;

    struct Number {
        std::size_t value;
        std::size_t operator*() const { return value; }
    };
    Number number;
};

/// A clock that moves when it is told to, and runs by itself as far as a queue knows.
template <bool steady>
class FreeClock {
public:
    using duration = Nanos;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<FreeClock>;
    static constexpr bool is_steady = steady;

    time_point now() const {
        UserCode::step();
        return time_point{Nanos{now_.load()}};
    }
    void advance(Nanos step) { now_ += step.count(); }
    void advance_to(time_point end) { now_ = end.time_since_epoch().count(); }
    static std::optional<time_point> next_event() { return std::nullopt; }

private:
    std::atomic<Nanos::rep> now_{0};
};

/// A clock that drives its queues, and cannot always be read.
class DrivingClock : public sqsim::ManualClock {
public:
    time_point now() const {
        UserCode::step();
        return ManualClock::now();
    }
};

template <class Q>
using World = failing::World<Q, UserCode>;

}  // namespace user_code

using namespace user_code;

TEMPLATE_TEST_CASE("whatever user code throws, no message is lost, doubled or leaked", "[failure]",
                   // choices and bodies
                   (World<sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>>),
                   (World<sqsim::Queue<sqsim::ManualClock, Fragile, std::mutex>>),
                   (World<sqsim::FifoQueue<sqsim::ManualClock, Fragile, sqsim::NullMutex>>),
                   (World<sqsim::FifoQueue<sqsim::ManualClock, Fragile, std::mutex>>),
                   // bodies, without choices
                   (World<sqsim::Queue<FreeClock<true>, Copied, sqsim::NullMutex>>),
                   (World<sqsim::Queue<DrivingClock, Fragile, std::mutex>>),
                   // clocks
                   (World<sqsim::Queue<DrivingClock, std::string, sqsim::NullMutex>>),
                   (World<sqsim::Queue<FreeClock<true>, std::string, std::mutex>>),
                   (World<sqsim::Queue<FreeClock<false>, std::string, sqsim::LightMutex>>),
                   (World<sqsim::FifoQueue<DrivingClock, std::string, std::mutex>>),
                   (World<sqsim::FifoQueue<FreeClock<false>, std::string, std::mutex>>)) {
    std::size_t runs = 0;
    constexpr std::uint64_t stride = SQSIM_ASAN || SQSIM_TSAN ? 37 : 1;  // sanitizers take ten times as long
    for (const auto& program : failing::programs<TestType>()) {
        runs += failing::run_all(
            program,
            [&](std::uint64_t n, const failing::Problems& problems) {
                for (const std::string& problem : problems) {
                    FAIL_CHECK(program.name << ", step " << n << " of user code: " << problem);
                }
            },
            stride);
    }
    CHECK(runs > 500 / stride);
}

// Choice sources that misbehave.

namespace user_code {

/// Answers at random, and once as it must not.
class Misbehaving final : public sqsim::ChoiceSource {
public:
    enum class Way { throws, answers_the_count, answers_the_largest };

    std::uint32_t choose(sqsim::Site site, std::uint64_t, std::uint32_t count) override {
        if (++asked_ == misbehaves_at) {
            sites.insert(sites.end(), site);
            switch (way) {
            case Way::throws:
                throw Thrown{};
            case Way::answers_the_count:
                return count;
            case Way::answers_the_largest:
                return std::numeric_limits<std::uint32_t>::max();
            }
        }
        random_ = random_ * 6364136223846793005U + 1442695040888963407U;
        return static_cast<std::uint32_t>(random_ >> 33) % count;
    }
    std::uint32_t reorder_window() const override {
        if (way == Way::throws && ++asked_ == misbehaves_at) {
            throw Thrown{};
        }
        return 4;
    }

    void begin(std::uint64_t at) {
        asked_ = 0;
        misbehaves_at = at;
    }
    bool has_misbehaved() const { return misbehaves_at != 0 && asked_ >= misbehaves_at; }

    Way way = Way::throws;
    std::uint64_t misbehaves_at = 0;
    std::vector<sqsim::Site> sites{};

private:
    mutable std::uint64_t asked_ = 0;
    std::uint64_t random_ = 7;
};

using ChosenQueue = sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
using ChosenMessage = ChosenQueue::message_type;

/// Everything that there is to see of a queue.
inline std::string look_at(ChosenQueue& queue) {
    std::string text;
    const auto add = [&](auto... numbers) { (..., (text += std::to_string(numbers) + ' ')); };
    for (const auto state :
         {sqsim::MessageState::visible, sqsim::MessageState::in_flight, sqsim::MessageState::delayed}) {
        for (const auto& peeked : queue.peek(state, 10'000)) {
            const auto& message = peeked.message;
            text += std::string{message.body()} + '/' + std::string{message.message_group_id()} + ' ';
            add(message.approximate_receive_count(), message.sent_at().time_since_epoch().count(),
                message.first_received_at().time_since_epoch().count(), peeked.available_at.time_since_epoch().count());
        }
        text += '\n';
    }
    const auto metrics = queue.metrics();
    add(metrics.number_of_messages_sent, metrics.number_of_messages_received, metrics.number_of_messages_deleted,
        metrics.number_of_empty_receives, metrics.approximate_number_of_messages_visible,
        metrics.approximate_number_of_messages_not_visible);
    if (metrics.fair_queue) {
        add(metrics.fair_queue->approximate_number_of_noisy_groups,
            metrics.fair_queue->approximate_number_of_messages_visible_in_quiet_groups,
            metrics.fair_queue->approximate_number_of_messages_not_visible_in_quiet_groups);
    }
    const auto next = queue.next_event();
    add(next ? next->time_since_epoch().count() : -1);
    return text;
}

/// Two queues, and a source that misbehaves at each of its choices in a call before the call is let through.
struct Trial {
    explicit Trial(Misbehaving::Way way) {
        source.way = way;
        queue.decide_by(&source);
        dead.decide_by(&source);
    }

    template <class Call>
    void call(Call what, const char* name) {
        for (std::uint64_t at = 1;; ++at) {
            INFO(name << ", choice " << at);
            const std::string before = look_at(queue) + look_at(dead);
            source.begin(at);
            bool threw = false;
            try {
                what();
            } catch (const Thrown&) {
                threw = true;
            } catch (const std::out_of_range& error) {
                CHECK(std::string{error.what()}.find("sqsim::ChoiceSource::choose returned ") == 0);
                threw = true;
            }
            const bool should = source.has_misbehaved();
            source.begin(0);
            REQUIRE(threw == should);
            if (!threw) {
                return;
            }
            ++failures;
            REQUIRE(look_at(queue) + look_at(dead) == before);
        }
    }

    sqsim::ManualClock clock{};
    ChosenQueue dead{clock, {.name = "dead"}};
    ChosenQueue queue{clock, {.fair_queue = {.minimum_in_flight = 3}}};
    Misbehaving source{};
    std::size_t failures = 0;
};

}  // namespace user_code

TEST_CASE("a choice source that throws or answers nonsense leaves the queue as it was", "[failure]") {
    const auto way =
        GENERATE(Misbehaving::Way::throws, Misbehaving::Way::answers_the_count, Misbehaving::Way::answers_the_largest);
    const bool dies = GENERATE(false, true);
    const bool grouped = GENERATE(false, true);
    Trial trial{way};
    ChosenQueue& queue = trial.queue;
    if (dies) {
        queue.set_redrive_policy({trial.dead, 2});
    }
    std::vector<sqsim::ReceiptHandle> handles;
    std::vector<ChosenMessage> out(6);
    std::uint64_t random = 1;
    std::size_t sent = 0;
    for (int round = 0; round < 60; ++round) {
        random = random * 6364136223846793005U + 1442695040888963407U;
        const auto dice = static_cast<std::size_t>(random >> 40);
        for (std::size_t i = 0; i < 1 + dice % 4; ++i) {
            sqsim::SendMessageOptions options;
            options.message_group_id = !grouped ? "" : sent % 3 != 0 ? "loud" : "quiet-" + std::to_string(sent % 5);
            queue.send_message(std::to_string(sent++), options);
        }
        const sqsim::ReceiveMessageOptions options{
            .visibility_timeout = std::array<std::optional<Nanos>, 4>{std::nullopt, 0s, 2s, 5s}[dice / 4 % 4]};
        std::vector<ChosenMessage> received;
        std::size_t count = 0;
        switch (dice / 16 % 4) {
        case 0:
            trial.call([&] { received = queue.receive_messages(options); }, "receive_messages");
            break;
        case 1:
            trial.call(
                [&] {
                    const std::vector<ChosenMessage> before = out;
                    try {
                        count = queue.receive_messages(out, options);
                    } catch (...) {
                        for (std::size_t i = 0; i < out.size(); ++i) {
                            REQUIRE(static_cast<bool>(out[i]) == static_cast<bool>(before[i]));
                            REQUIRE((!out[i] || out[i].receipt_handle() == before[i].receipt_handle()));
                        }
                        throw;
                    }
                },
                "receive_messages into a span");
            received.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
            break;
        case 2:
            trial.call([&] { count = queue.delete_and_receive({}, out, options); }, "delete_and_receive");
            received.assign(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(count));
            break;
        default:
            trial.call(
                [&] {
                    if (auto message = queue.receive_message()) {
                        received.assign(1, std::move(*message));
                    }
                },
                "receive_message");
        }
        for (const ChosenMessage& message : received) {
            handles.push_back(message.receipt_handle());
        }
        if (handles.size() > 3) {  // some are of leases that have ended, and some come twice
            trial.call([&] { static_cast<void>(queue.delete_message(handles[dice % handles.size()])); },
                       "delete_message");
            std::vector<sqsim::ReceiptHandle> some;
            for (std::size_t i = 0; i < 7; ++i) {
                some.push_back(handles[(dice / 3 + i * i) % handles.size()]);
            }
            trial.call([&] { static_cast<void>(queue.delete_messages(some)); }, "delete_messages");
            if (handles.size() > 12) {
                handles.erase(handles.begin(), handles.begin() + 4);
            }
        }
        trial.clock.advance(std::chrono::milliseconds{100 * (dice % 30)});
    }
    CHECK(trial.failures > 100);
    for (const auto site :
         {sqsim::Site::short_poll, sqsim::Site::receive_order, sqsim::Site::duplicate, sqsim::Site::lost_delete}) {
        CHECK(std::find(trial.source.sites.begin(), trial.source.sites.end(), site) != trial.source.sites.end());
    }
}

TEST_CASE("an answer that does not exist is an error that names it", "[failure]") {
    class TooMuch final : public sqsim::ChoiceSource {
        std::uint32_t choose(sqsim::Site, std::uint64_t, std::uint32_t) override { return 9; }
    };
    TooMuch source;
    sqsim::ManualClock clock;
    sqsim::Queue<sqsim::ManualClock> queue{clock};
    queue.decide_by(&source);
    queue.send_message("a");
    queue.send_message("b");
    std::string text;
    try {
        static_cast<void>(queue.receive_messages());
    } catch (const std::out_of_range& error) {
        text = error.what();
    }
    CHECK(text == "sqsim::ChoiceSource::choose returned 9 at the site short_poll: the alternatives there are 0 to 2");
    CHECK(queue.counts().visible == 2);
    queue.decide_by(nullptr);
    CHECK(queue.receive_messages().size() == 2);
}

TEST_CASE("a setter whose clock throws sets nothing", "[failure]") {
    DrivingClock clock;
    sqsim::Queue<DrivingClock> queue{clock};
    const auto sets = [&](auto set) {
        UserCode::begin(1);
        UserCode::count(true);
        CHECK_THROWS_AS(set(), Thrown);
        UserCode::count(false);
        UserCode::end();
    };
    const std::size_t largest = queue.options().maximum_message_size;
    sets([&] { queue.set_maximum_message_size(2'000); });
    CHECK(queue.options().maximum_message_size == largest);
    CHECK_NOTHROW(queue.send_message(std::string(3'000, 'a')));
    sets([&] { queue.set_visibility_timeout(1s); });
    CHECK(queue.options().visibility_timeout == 30s);
}

// Bodies.

namespace user_code {

template <class Q, class Entry>
void check_throwing_batches() {
    for (std::uint64_t n = 1;; ++n) {
        INFO("move " << n);
        sqsim::ManualClock clock;
        Q queue{clock};
        std::vector<Entry> entries;
        for (std::size_t i = 0; i < 5; ++i) {
            if constexpr (requires(Entry entry) { entry.message_group_id; }) {
                entries.push_back({Fragile{std::make_unique<std::size_t>(i)}, "group", {std::to_string(i)}});
            } else {
                entries.push_back({Fragile{std::make_unique<std::size_t>(i)}, {}});
            }
        }
        bool threw = false;
        UserCode::begin(n);
        UserCode::count(true);
        try {
            static_cast<void>(queue.send_messages(entries));
        } catch (const Thrown&) {
            threw = true;
        }
        UserCode::count(false);
        UserCode::end();
        CHECK(queue.counts().total() == (threw ? 0U : 5U));
        if (!threw) {
            CHECK(n == 6);
            return;
        }
        for (const Entry& entry : entries) {  // a move that throws leaves its argument as it was here
            CHECK(entry.body.number != nullptr);
        }
        for (const auto& result : queue.send_messages(entries)) {
            CHECK((result && !result->deduplicated));
        }
        CHECK(queue.counts().total() == 5);
    }
}

}  // namespace user_code

TEST_CASE("a batch with a body whose move throws stores nothing and gives the others back", "[failure]") {
    check_throwing_batches<sqsim::Queue<sqsim::ManualClock, Fragile>, sqsim::SendMessageEntry<Fragile>>();
    check_throwing_batches<sqsim::FifoQueue<sqsim::ManualClock, Fragile>, sqsim::FifoSendMessageEntry<Fragile>>();
}

// Clocks in a wait.

namespace user_code {

/// The time of the machine; the n-th look of a thread that says so throws.
class ThrowingClock {
public:
    using duration = Nanos;
    using rep = duration::rep;
    using period = duration::period;
    using time_point = std::chrono::time_point<ThrowingClock>;
    static constexpr bool is_steady = true;

    static inline thread_local int looks_left = 0;
    static inline std::atomic<int> looks{0};  // of such threads

    static time_point now() {
        if (looks_left != 0) {
            ++looks;
            if (--looks_left == 0) {
                looks = 1'000;
                throw Thrown{};
            }
        }
        return time_point{std::chrono::steady_clock::now().time_since_epoch()};
    }
};

/// Until something is so, which takes a moment.
template <class Predicate>
void wait_for(Predicate predicate) {
    while (!predicate()) {
        std::this_thread::yield();
    }
}

}  // namespace user_code

TEMPLATE_TEST_CASE("a clock that throws in a wait ends the receive, and nothing else", "[failure]",
                   (sqsim::Queue<ThrowingClock, std::string, std::mutex>),
                   (sqsim::Queue<ThrowingClock, std::string, sqsim::LightMutex>)) {
    bool threw = true;
    for (int n = 1; threw; ++n) {
        INFO("look " << n);
        TestType queue;
        ThrowingClock::looks = 0;
        threw = false;
        std::optional<typename TestType::message_type> message;
        std::thread receiver{[&] {
            ThrowingClock::looks_left = n;
            try {
                message = queue.receive_message({.wait_time = 20s});
            } catch (const Thrown&) {
                threw = true;
            }
            ThrowingClock::looks_left = 0;
        }};
        wait_for([n] { return ThrowingClock::looks >= std::min(n, 4); });
        queue.send_message("a");
        receiver.join();
        CHECK(message.has_value() != threw);
        CHECK(queue.counts().total() == 1);
        if (threw) {
            REQUIRE(queue.receive_message());
        }
        REQUIRE(n < 50);
    }
}

TEST_CASE("a receive that its clock ends passes its wake-up on", "[failure]") {
    for (int round = 0; round < 30; ++round) {
        sqsim::Queue<ThrowingClock> queue;
        ThrowingClock::looks = 0;
        std::optional<sqsim::Queue<ThrowingClock>::message_type> message;
        std::thread throwing{[&] {
            ThrowingClock::looks_left = 5;  // four before it blocks
            try {
                if (auto received = queue.receive_message({.wait_time = 20s})) {
                    queue.change_message_visibility(received->receipt_handle(), 0s);
                }
            } catch (const Thrown&) {
            }
            ThrowingClock::looks_left = 0;
        }};
        wait_for([] { return ThrowingClock::looks >= 4; });
        std::thread receiving{[&] { message = queue.receive_message({.wait_time = 20s}); }};
        queue.send_message("a");
        receiving.join();
        CHECK(message.has_value());
        queue.send_message("b");
        throwing.join();
    }
}

TEST_CASE("a source of events that throws does not keep its clock stepping", "[failure]") {
    struct Throwing final : sqsim::EventSource {
        Nanos next_event() override { return 1s; }
        NextEvent run_until(Nanos) override { throw Thrown{}; }
    };
    sqsim::ManualClock clock;
    {
        Throwing source;
        clock.attach(source);
        CHECK_THROWS_AS(clock.advance(1s), Thrown);
        clock.detach(source);
    }
    CHECK_NOTHROW(clock.advance(1s));
    CHECK_FALSE(clock.next_event());
}

TEST_CASE("a move task whose clock throws begins or does not", "[failure]") {
    using Q = sqsim::Queue<FreeClock<false>>;
    for (std::uint64_t n = 1;; ++n) {
        INFO("look " << n);
        FreeClock<false> clock;
        Q dead{clock};
        Q queue{clock};
        queue.set_redrive_policy({dead, 1});
        queue.send_message("a");
        static_cast<void>(queue.receive_messages({.visibility_timeout = 0s}));
        static_cast<void>(queue.receive_messages());
        REQUIRE(dead.counts().visible == 1);
        bool threw = false;
        UserCode::begin(n);
        UserCode::count(true);
        try {
            static_cast<void>(sqsim::start_message_move_task(dead));
        } catch (const Thrown&) {
            threw = true;
        }
        UserCode::count(false);
        UserCode::end();
        CHECK(queue.counts().visible == (threw ? 0U : 1U));
        CHECK(dead.counts().visible == (threw ? 1U : 0U));
        CHECK(sqsim::list_message_move_tasks(dead).empty() == threw);
        if (!threw) {
            CHECK(n > 2);
            return;
        }
        CHECK_NOTHROW(sqsim::start_message_move_task(dead));
        CHECK(queue.counts().visible == 1);
    }
}

#if defined(PTHREAD_CANCEL_DISABLE)
TEMPLATE_TEST_CASE("a thread that is cancelled in a receive leaves the queue usable", "[failure]",
                   (sqsim::Queue<sqsim::ManualClock, std::string, std::mutex>),
                   (sqsim::FifoQueue<sqsim::ManualClock, std::string, std::mutex>),
                   (sqsim::Queue<std::chrono::steady_clock, std::string, std::mutex>),
                   (sqsim::Queue<std::chrono::system_clock, std::string, sqsim::LightMutex>),
                   (sqsim::FifoQueue<std::chrono::steady_clock, std::string, std::mutex>)) {
    using Clock = typename TestType::clock_type;
    constexpr bool is_fifo = !requires(TestType & queue, sqsim::ChoiceSource * source) { queue.decide_by(source); };
    for (int round = 0; round < 20; ++round) {
        Clock clock;
        TestType queue{clock};
        std::atomic<bool> has_begun{false};
        std::pair<TestType*, std::atomic<bool>*> given{&queue, &has_begun};
        ::pthread_t thread{};
        REQUIRE(::pthread_create(
                    &thread, nullptr,
                    [](void* argument) -> void* {
                        auto& [its_queue, begun] = *static_cast<decltype(given)*>(argument);
                        *begun = true;
                        static_cast<void>(its_queue->receive_message({.wait_time = 20s}));
                        return nullptr;
                    },
                    &given) == 0);
        if constexpr (std::is_same_v<Clock, sqsim::ManualClock>) {
            clock.wait_for_waiters(1);
        } else {
            wait_for([&] { return has_begun.load(); });
        }
        REQUIRE(::pthread_cancel(thread) == 0);
        void* result = nullptr;
        REQUIRE(::pthread_join(thread, &result) == 0);
        CHECK(result == PTHREAD_CANCELED);
        if constexpr (is_fifo) {
            queue.send_message("a", "g", {.message_deduplication_id = "1"});
        } else {
            queue.send_message("a");
        }
        CHECK(queue.receive_message());
        if constexpr (std::is_same_v<Clock, sqsim::ManualClock>) {
            CHECK(clock.waiters() == 0);
        }
    }
}
#endif
