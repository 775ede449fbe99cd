// SPDX-License-Identifier: MIT

// Catches data races, deadlocks, lost or doubled messages and leases, and messages that do not outlive their queue,
// under threads that use everything at once. Run it under ThreadSanitizer.

#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t producers = 2;
constexpr std::size_t per_producer = 1500;
constexpr std::size_t all = producers * per_producer;
constexpr std::size_t groups = 16;

std::string body_for(std::size_t number) { return "message " + std::to_string(number); }

std::size_t number_of(std::string_view body) {
    return static_cast<std::size_t>(std::stoul(std::string{body.substr(body.find(' ') + 1)}));
}

/// What the consumers of one queue saw. A lease is taken by raising the message's flag, so two at a time show.
struct Watch {
    struct Entry {
        std::atomic<bool> leased{false};
        std::atomic<unsigned> deletes{0};
        std::atomic<unsigned> last_count{0};
    };
    std::vector<Entry> entries = std::vector<Entry>(all);
    std::vector<std::atomic<std::size_t>> next_of_group = std::vector<std::atomic<std::size_t>>(groups * producers);
    std::atomic<std::size_t> deleted{0};
    std::atomic<std::uint64_t> received{0};
    std::atomic<unsigned> doubled{0};       // leased while leased
    std::atomic<unsigned> out_of_count{0};  // the receive count did not grow by one
    std::atomic<unsigned> out_of_order{0};  // FIFO: not the next of its group
    std::atomic<unsigned> refused{0};       // a delete or change by a lease that lasts did not take effect

    template <class Message>
    void begin(const Message& message) {
        Entry& entry = entries[number_of(message.body())];
        doubled += entry.leased.exchange(true) ? 1U : 0U;
        out_of_count +=
            entry.last_count.exchange(message.approximate_receive_count()) + 1 != message.approximate_receive_count()
                ? 1U
                : 0U;
        ++received;
    }
    /// Comes before the lease ends, for from then on another consumer may begin the next one.
    template <class Message>
    void end(const Message& message) {
        entries[number_of(message.body())].leased.store(false);
    }
    template <class Message>
    void count_delete(const Message& message, sqsim::HandleStatus status) {
        refused += status == sqsim::HandleStatus::ok ? 0U : 1U;
        ++entries[number_of(message.body())].deletes;
        ++deleted;
    }

    void check(const sqsim::QueueMetrics& metrics, const sqsim::QueueCounts& counts) const {
        CHECK(doubled.load() == 0);
        CHECK(out_of_count.load() == 0);
        CHECK(out_of_order.load() == 0);
        CHECK(refused.load() == 0);
        CHECK(deleted.load() == all);
        CHECK(std::all_of(entries.begin(), entries.end(), [](const Entry& entry) { return entry.deletes == 1; }));
        CHECK(counts.total() == 0);
        CHECK(metrics.number_of_messages_sent == all);
        CHECK(metrics.number_of_messages_deleted == all);
        CHECK(metrics.number_of_messages_received == received.load());
    }
};

// Leases are so long that none ends by itself: whoever holds one ends it.
constexpr auto lease = 1h;
const sqsim::ReceiveMessageOptions patient{.max_number_of_messages = 5, .wait_time = 20s};

/// The consumers stop each other when everything is deleted.
void stop_when_done(Watch& watch, std::stop_source& done) {
    if (watch.deleted.load() == all) {
        done.request_stop();
    }
}

/// Gives a first lease of some messages back, and says so.
template <class Q, class Message>
bool gave_back(Q& queue, Watch& watch, const Message& message) {
    if (number_of(message.body()) % 7 != 0 || message.approximate_receive_count() > 2) {
        return false;
    }
    watch.end(message);
    watch.refused += queue.change_message_visibility(message.receipt_handle(), 0s) ? 0U : 1U;
    return true;
}

template <class Q>
void consume_singly(Q& queue, Watch& watch, std::stop_source& done) {
    while (!done.stop_requested()) {
        for (const auto& message : queue.receive_messages(patient, done.get_token())) {
            watch.begin(message);
            // Extended, so that the handles of leases are used twice.
            watch.refused += queue.change_message_visibility(message.receipt_handle(), 2 * lease) ? 0U : 1U;
            if (gave_back(queue, watch, message)) {
                continue;
            }
            watch.end(message);
            watch.count_delete(message, queue.delete_message(message.receipt_handle()).status);
        }
        stop_when_done(watch, done);
    }
}

template <class Q>
void consume_in_batches(Q& queue, Watch& watch, std::stop_source& done) {
    std::array<typename Q::message_type, 10> out;
    while (!done.stop_requested()) {
        const std::size_t count = queue.receive_messages(out, patient, done.get_token());
        std::vector<sqsim::ReceiptHandle> handles;
        for (const auto& message : std::span{out}.first(count)) {
            watch.begin(message);
            handles.push_back(message.receipt_handle());
            watch.end(message);
        }
        if (!handles.empty()) {
            const auto results = queue.delete_messages(handles);
            for (std::size_t i = 0; i < count; ++i) {
                watch.count_delete(out[i], results[i].status);
            }
        }
        stop_when_done(watch, done);
    }
}

template <class Q>
void consume_combined(Q& queue, Watch& watch, std::stop_source& done) {
    std::array<typename Q::message_type, 10> out;
    std::vector<sqsim::ReceiptHandle> handles;
    while (!done.stop_requested()) {
        const std::size_t count = queue.delete_and_receive(handles, out, patient, done.get_token());
        handles.clear();
        for (const auto& message : std::span{out}.first(count)) {
            watch.begin(message);
            handles.push_back(message.receipt_handle());
            watch.end(message);
        }
        // Counted before they are deleted, which the next call does whatever else it does.
        for (const auto& message : std::span{out}.first(count)) {
            watch.count_delete(message, sqsim::HandleStatus::ok);
        }
        if (watch.deleted.load() == all) {
            static_cast<void>(queue.delete_and_receive(handles, out, {}, done.get_token()));
            handles.clear();
        }
        stop_when_done(watch, done);
    }
    for (const auto& handle : handles) {
        watch.refused += queue.delete_message(handle) ? 0U : 1U;
    }
}

/// Looks at everything without changing anything, and checks what must hold at any instant.
template <class Q>
void observe(const Q& queue, const std::stop_source& done, std::atomic<unsigned>& wrong) {
    std::uint64_t sent = 0;
    while (!done.stop_requested()) {
        const auto metrics = queue.metrics();
        wrong += metrics.number_of_messages_sent < sent ? 1U : 0U;
        sent = metrics.number_of_messages_sent;
        wrong += queue.counts().total() > all ? 1U : 0U;
        for (const auto state : {sqsim::MessageState::visible, sqsim::MessageState::in_flight}) {
            for (const auto& peeked : queue.peek(state, 3)) {
                wrong += peeked.message.body() != body_for(number_of(peeked.message.body())) ? 1U : 0U;
                wrong += peeked.message.message_id() == sqsim::MessageId{} ? 1U : 0U;
            }
        }
        wrong += queue.describe().empty() ? 1U : 0U;
        static_cast<void>(queue.next_event());
        static_cast<void>(queue.options());
        std::this_thread::yield();
    }
}

}  // namespace

TEMPLATE_TEST_CASE("R202: threads on a standard queue lose nothing and never hold one lease twice",
                   "[threads][standard]", std::chrono::steady_clock, sqsim::CoarseClock) {
    using Queue = sqsim::Queue<TestType>;
    Queue queue{{.visibility_timeout = lease}};
    Watch watch;
    std::stop_source done;
    std::atomic<unsigned> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (std::size_t p = 0; p < producers; ++p) {
            threads.emplace_back([&queue, p] {
                for (std::size_t i = p * per_producer; i < (p + 1) * per_producer;) {
                    if (i % 3 == 0 && i + 3 <= (p + 1) * per_producer) {
                        const std::array texts{body_for(i), body_for(i + 1), body_for(i + 2)};
                        const std::array<std::string_view, 3> bodies{texts[0], texts[1], texts[2]};
                        i += queue.send_messages(bodies);
                    } else {
                        queue.send_message(body_for(i), {.delay = std::chrono::microseconds{i % 5 * 100}});
                        ++i;
                    }
                }
            });
        }
        threads.emplace_back([&] { consume_singly(queue, watch, done); });
        threads.emplace_back([&] { consume_in_batches(queue, watch, done); });
        threads.emplace_back([&] { consume_combined(queue, watch, done); });
        threads.emplace_back([&] { observe(queue, done, wrong); });
    }
    CHECK(wrong.load() == 0);
    watch.check(queue.metrics(), queue.counts());
}

TEMPLATE_TEST_CASE("R138: threads on a FIFO queue lose nothing, and each group keeps its order", "[threads][fifo]",
                   std::chrono::steady_clock, sqsim::CoarseClock) {
    using FifoQueue = sqsim::FifoQueue<TestType>;
    FifoQueue queue{{.visibility_timeout = lease}};
    Watch watch;
    std::stop_source done;
    std::atomic<unsigned> wrong{0};
    std::atomic<unsigned> duplicates{0};
    // Each producer has groups of its own, so that the order within a group is that of the numbers.
    const auto check_order = [&watch](const auto& message) {
        const std::size_t number = number_of(message.body());
        const std::size_t group = number % groups + number / per_producer * groups;
        const std::size_t last = watch.next_of_group[group].exchange(number + 1);
        watch.out_of_order += last > number ? 1U : 0U;
    };
    // One message at a time: a group that is given back takes none of its later messages along.
    const auto consume = [&] {
        while (!done.stop_requested()) {
            const auto message = queue.receive_message(patient, done.get_token());
            if (message) {
                watch.begin(*message);
                if (gave_back(queue, watch, *message)) {
                    continue;
                }
                check_order(*message);
                watch.end(*message);
                watch.count_delete(*message, queue.delete_message(message->receipt_handle()).status);
            }
            stop_when_done(watch, done);
        }
    };
    const auto consume_batches = [&] {
        while (!done.stop_requested()) {
            const auto messages = queue.receive_messages(patient, done.get_token());
            for (const auto& message : messages) {
                watch.begin(message);
                check_order(message);
                watch.end(message);
                watch.count_delete(message, queue.delete_message(message.receipt_handle()).status);
            }
            stop_when_done(watch, done);
        }
    };
    {
        std::vector<std::jthread> threads;
        for (std::size_t p = 0; p < producers; ++p) {
            threads.emplace_back([&queue, &duplicates, p] {
                for (std::size_t i = p * per_producer; i < (p + 1) * per_producer; ++i) {
                    const std::string group = std::to_string(p) + "." + std::to_string(i % groups);
                    const sqsim::FifoSendMessageOptions options{.message_deduplication_id = std::to_string(i)};
                    queue.send_message(body_for(i), group, options);
                    if (i % 4 == 0) {  // a retry of the producer
                        duplicates += queue.send_message(body_for(i), group, options).deduplicated ? 1U : 0U;
                    }
                }
            });
        }
        threads.emplace_back(consume);
        threads.emplace_back(consume);
        threads.emplace_back(consume_batches);
        threads.emplace_back([&] { observe(queue, done, wrong); });
    }
    CHECK(wrong.load() == 0);
    CHECK(duplicates.load() == all / 4);
    watch.check(queue.metrics(), queue.counts());
    REQUIRE(queue.metrics().fifo);
    CHECK(queue.metrics().fifo->approximate_number_of_groups_with_inflight_messages == 0);
    CHECK(queue.metrics().fifo->number_of_deduplicated_sent_messages == all / 4);
}

TEST_CASE("Messages are released on other threads while the queue works, and after its end", "[threads][lifetime]") {
    using Queue = sqsim::Queue<>;
    using Message = Queue::message_type;
    constexpr std::size_t holders = 3;
    constexpr std::size_t count = 600;
    std::array<std::atomic<unsigned>, holders> wrong{};
    for (int round = 0; round < 5; ++round) {
        auto queue = std::make_unique<Queue>();
        std::vector<std::vector<Message>> held(holders);
        for (std::size_t i = 0; i < count; ++i) {
            // Small, large, with attributes: each kind of storage.
            sqsim::SendMessageOptions options;
            if (i % 5 == 0) {
                options.message_attributes["a"].value = "v";
            }
            queue->send_message(body_for(i) + std::string(i % 3 == 0 ? 6000 : i % 50, ' '), std::move(options));
        }
        while (const auto message = queue->receive_message()) {
            const std::size_t number = number_of(message->body());
            for (std::size_t holder = 0; holder < holders; ++holder) {
                held[holder].push_back(*message);
            }
            if (number % 2 == 0) {
                REQUIRE(queue->delete_message(message->receipt_handle()));
            }
        }
        std::vector<std::jthread> threads;
        std::atomic<std::size_t> half_done{0};
        for (std::size_t holder = 0; holder < holders; ++holder) {
            threads.emplace_back([&, holder, messages = std::move(held[holder])]() mutable {
                std::size_t released = 0;
                while (!messages.empty()) {
                    const std::string_view body = messages.back().body();
                    wrong[holder] += body.starts_with(body_for(number_of(body))) ? 0U : 1U;
                    messages.pop_back();
                    if (++released == count / 2) {
                        ++half_done;
                    }
                }
            });
        }
        // The queue goes on while slots come back to it, and ends while others are still held.
        for (std::size_t i = 0; half_done.load() < holders; ++i) {
            queue->send_message(body_for(i));
            const auto message = queue->receive_message();
            if (message) {
                static_cast<void>(queue->delete_message(message->receipt_handle()));
            }
        }
        queue.reset();
    }
    for (const auto& count_wrong : wrong) {
        CHECK(count_wrong.load() == 0);
    }
}

TEST_CASE("Dead letters keep their bodies after both queues have ended, on several threads", "[threads][lifetime]") {
    using Queue = sqsim::Queue<>;
    constexpr std::size_t count = 300;
    std::vector<Queue::message_type> messages;
    {
        Queue dead;
        {
            Queue queue{{.visibility_timeout = 0s}};
            queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1});
            for (std::size_t i = 0; i < count; ++i) {
                queue.send_message(body_for(i) + std::string(i % 2 == 0 ? 5000 : 10, ' '));
            }
            std::vector<Queue::message_type> first;
            while (first.size() < count) {
                for (auto& message : queue.receive_messages()) {
                    first.push_back(std::move(message));
                }
            }
            while (queue.counts().total() != 0) {
                static_cast<void>(queue.receive_messages());
            }
        }
        CHECK(dead.counts().visible == count);
        while (messages.size() < count) {
            for (auto& message : dead.receive_messages()) {
                messages.push_back(std::move(message));
            }
        }
    }
    std::atomic<unsigned> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 3; ++i) {
            threads.emplace_back([&wrong, copies = messages]() mutable {
                for (auto& message : copies) {
                    wrong += message.body().starts_with(body_for(number_of(message.body()))) ? 0U : 1U;
                    message = {};
                }
            });
        }
        messages.clear();
    }
    CHECK(wrong.load() == 0);
}

TEST_CASE("R168: two queues that are each other's dead-letter queue, under load, neither deadlock nor lose a message",
          "[threads][dead-letter]") {
    using Queue = sqsim::Queue<>;
    Queue a{{.visibility_timeout = 0s}};
    Queue b{{.visibility_timeout = 0s}};
    a.set_redrive_policy({.dead_letter_queue = b, .max_receive_count = 1});
    b.set_redrive_policy({.dead_letter_queue = a, .max_receive_count = 1});
    constexpr std::size_t count = 100;
    for (std::size_t i = 0; i < count; ++i) {
        (i % 2 == 0 ? a : b).send_message(body_for(i));
    }
    std::atomic<unsigned> wrong{0};
    {
        std::vector<std::jthread> threads;
        for (Queue* queue : {&a, &b, &a, &b}) {
            threads.emplace_back([queue, &wrong] {
                for (int i = 0; i < 1000; ++i) {
                    for (const auto& message : queue->receive_messages()) {
                        wrong += message.body() != body_for(number_of(message.body())) ? 1U : 0U;
                    }
                }
            });
        }
        threads.emplace_back([&] {
            for (int i = 0; i < 500; ++i) {
                wrong += a.counts().total() > count || b.counts().total() > count ? 1U : 0U;
                static_cast<void>(a.metrics());
                static_cast<void>(b.peek(sqsim::MessageState::visible, 5));
            }
        });
    }
    CHECK(wrong.load() == 0);
    CHECK(a.counts().total() + b.counts().total() == count);

    // Nothing was doubled either: each body once.
    std::vector<unsigned> seen(count, 0);
    for (Queue* queue : {&a, &b}) {
        queue->clear_redrive_policy();
        queue->set_visibility_timeout(lease);
        for (auto messages = queue->receive_messages(); !messages.empty(); messages = queue->receive_messages()) {
            for (const auto& message : messages) {
                ++seen[number_of(message.body())];
            }
        }
    }
    CHECK(seen == std::vector<unsigned>(count, 1));
}

TEST_CASE("Attributes and the redrive policy change while threads use the queue", "[threads]") {
    using Queue = sqsim::Queue<>;
    Queue dead;
    Queue queue;
    std::stop_source done;
    std::atomic<std::size_t> sent{0};
    {
        std::vector<std::jthread> threads;
        threads.emplace_back([&] {
            for (std::size_t i = 0; i < 1500; ++i) {
                queue.send_message(body_for(i));
                ++sent;
            }
            done.request_stop();
        });
        threads.emplace_back([&] {
            while (!done.stop_requested()) {
                static_cast<void>(queue.receive_message({.wait_time = 1ms}, done.get_token()));
            }
        });
        threads.emplace_back([&] {
            for (int i = 0; !done.stop_requested(); ++i) {
                queue.set_visibility_timeout(std::chrono::microseconds{i % 50});
                queue.set_delay(std::chrono::microseconds{i % 30});
                queue.set_receive_message_wait_time(std::chrono::microseconds{i % 20});
                queue.set_maximum_message_size(static_cast<std::size_t>(2048 + i % 100));
                queue.set_message_retention_period(1h + std::chrono::seconds{i % 10});
                if (i % 2 == 0) {
                    queue.set_redrive_policy({.dead_letter_queue = dead, .max_receive_count = 1 + i % 3});
                } else {
                    queue.clear_redrive_policy();
                }
            }
        });
    }
    CHECK(queue.counts().total() + dead.counts().total() == sent.load());
}
