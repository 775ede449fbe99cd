// SPDX-License-Identifier: MIT

// Catches a plain send, which does not take the queue's lock, that is lost, doubled, overtaken by a later one of its
// thread, or read while it is written by whatever else happens to the queue.

#include "catch.hpp"

#include "sqsim/sqsim.hpp"

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int senders = 2;
constexpr int per_sender = 4'000;

/// Sends "0 …", "1 …" and so on, singly and in batches.
template <class Queue>
void send_all(Queue& queue, int sender, std::atomic<int>& done) {
    const std::string pad(static_cast<std::size_t>(1 + sender * 90), '.');  // slots of several sizes
    const std::string long_pad(700, '.');                                   // such bodies are copied without a lock
    const auto body = [&](int number) {
        return std::to_string(sender) + " " + std::to_string(number) + " " + (number % 7 == 0 ? long_pad : pad);
    };
    for (int number = 0; number < per_sender;) {
        if (number % 3 == 0 && number + 4 <= per_sender) {
            const std::array<std::string, 4> bodies{body(number), body(number + 1), body(number + 2), body(number + 3)};
            const std::array<std::string_view, 4> views{bodies[0], bodies[1], bodies[2], bodies[3]};
            queue.send_messages(std::span<const std::string_view>{views});
            number += 4;
        } else {
            queue.send_message(body(number++));
        }
    }
    done.fetch_add(1);
}

/// Threads that send everything, until this ends; `done` counts those that have.
struct Sending {
    explicit Sending(sqsim::Queue<>& queue) {
        for (int sender = 0; sender < senders; ++sender) {
            threads.emplace_back([&queue, sender, this] { send_all(queue, sender, done); });
        }
    }
    [[nodiscard]] bool is_over() const noexcept { return done.load() == senders; }

    std::atomic<int> done{0};
    std::vector<std::jthread> threads{};  // last: they use the count
};

}  // namespace

TEST_CASE("Sends of two threads meet receives, deletes and looks: each arrives once, in its sender's order",
          "[beside][threads]") {
    sqsim::Queue<> queue;
    Sending sending{queue};
    std::array<int, senders> next{};
    int wrong = 0;
    std::array<decltype(queue)::message_type, 10> messages;
    for (int round = 0; !sending.is_over() || queue.counts().total() != 0; ++round) {
        const std::size_t received = queue.receive_messages(messages);
        for (std::size_t i = 0; i < received; ++i) {
            const std::string body{messages[i].body()};
            const auto sender = static_cast<std::size_t>(body[0] - '0');
            wrong += sender >= senders || std::stoi(body.substr(2)) != next[sender]++ ? 1 : 0;
            wrong += queue.delete_message(messages[i].receipt_handle()) ? 0 : 1;
        }
        if (round % 16 == 0) {
            wrong += queue.peek(sqsim::MessageState::visible, 50).size() > 50 ? 1 : 0;
            wrong += queue.metrics().number_of_messages_sent < queue.metrics().number_of_messages_deleted ? 1 : 0;
            static_cast<void>(queue.next_event());
        }
    }
    CHECK(wrong == 0);
    CHECK(next == std::array<int, senders>{per_sender, per_sender});
    CHECK(queue.metrics().number_of_messages_sent == senders * per_sender);
    CHECK(queue.metrics().sent_message_size->count == senders * per_sender);
}

TEST_CASE("R196: purges while others send remove what was sent and nothing else", "[beside][threads]") {
    sqsim::Queue<> queue;
    Sending sending{queue};
    std::array<int, senders> next{};
    int wrong = 0;
    while (!sending.is_over() || queue.counts().total() != 0) {
        if (const auto message = queue.receive_message()) {
            const std::string body{message->body()};
            const auto sender = static_cast<std::size_t>(body[0] - '0');
            const int number = std::stoi(body.substr(2));
            wrong += sender >= senders || number < next[sender] ? 1 : 0;
            next[sender] = number + 1;
        }
        queue.purge();
    }
    CHECK(wrong == 0);
    CHECK(queue.metrics().number_of_messages_sent == senders * per_sender);
    CHECK(queue.counts().total() == 0);
}

TEST_CASE("A capacity holds for sends from several threads", "[beside][threads]") {
    sqsim::Queue<> queue{sqsim::QueueOptions{.capacity = 100}};
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::vector<std::jthread> threads;
    for (int sender = 0; sender < senders; ++sender) {
        threads.emplace_back([&] {
            const std::array<std::string_view, 3> three{"a", "b", "c"};
            for (int i = 0; i < 40; ++i) {
                const std::size_t stored = queue.send_messages(std::span<const std::string_view>{three});
                (stored == 3 ? accepted : refused).fetch_add(1);
            }
        });
    }
    threads.clear();
    CHECK(accepted.load() == 33);
    CHECK(refused.load() == 47);
    CHECK(queue.counts().total() == 99);
}
