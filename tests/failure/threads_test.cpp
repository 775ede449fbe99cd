// SPDX-License-Identifier: MIT

// Catches a message that is lost, doubled or leaked, and a lock or a receive that hangs, when memory fails now and then
// while several threads use a queue.

#include "catch.hpp"
#include "watched_memory.hpp"

#include "sqsim/sqsim.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t producers = 2;
constexpr std::size_t consumers = 2;
constexpr std::size_t each = 3'000;
constexpr std::uint64_t one_in = 50;

/// In this scope one allocation in fifty of this thread fails.
struct Failures {
    Failures() noexcept { watched::own_failures = one_in; }
    Failures(const Failures&) = delete;
    Failures& operator=(const Failures&) = delete;
    ~Failures() { watched::own_failures = 0; }
};

/// Calls until memory does not fail. Returns: how often it failed.
template <class F>
std::size_t call(F f) {
    for (std::size_t failures = 0;; ++failures) {
        try {
            const Failures failing;
            f();
            return failures;
        } catch (const std::bad_alloc&) {
        }
    }
}

std::string text_of(std::size_t number) {
    std::string text = std::to_string(number) + ':';
    text.resize(number % 11 == 10 ? 5'000 : number % 7 == 6 ? 900 : 40, '.');  // some need memory of their own
    return text;
}

/// Sends its numbers, one at a time or some in a batch.
template <class Q>
std::size_t produce(Q& queue, std::size_t first) {
    constexpr bool is_fifo = requires { queue.send_message("", "", sqsim::FifoSendMessageOptions{}); };
    std::size_t failures = 0;
    for (std::size_t number = first; number < first + each;) {
        const std::size_t count = number % 3 == 0 ? std::min<std::size_t>(4, first + each - number) : 1;
        failures += call([&] {
            if constexpr (is_fifo) {
                std::vector<sqsim::FifoSendMessageEntry<std::string>> entries;
                for (std::size_t i = number; i < number + count; ++i) {
                    auto& entry = entries.emplace_back();
                    entry.body = text_of(i);
                    entry.message_group_id = "group-" + std::to_string(i % 37);
                    entry.options.message_deduplication_id = "the-id-of-message-" + std::to_string(i);
                }
                for (const auto& result : queue.send_messages(entries)) {
                    static_cast<void>(result.value());
                }
            } else if (count == 1 && number % 2 == 0) {
                sqsim::SendMessageOptions options;
                options.message_group_id = "tenant-" + std::to_string(number % 5);
                options.message_attributes = {{"kind", {.value = "a value that needs memory of its own"}}};
                queue.send_message(text_of(number), std::move(options));
            } else if (count == 1) {
                queue.send_message(text_of(number));
            } else {
                std::vector<std::string> texts;
                for (std::size_t i = number; i < number + count; ++i) {
                    texts.push_back(text_of(i));
                }
                const std::vector<std::string_view> views{texts.begin(), texts.end()};
                static_cast<void>(queue.send_messages(views));
            }
        });
        number += count;
    }
    return failures;
}

/// Receives and deletes until all are gone. Each number that it has deleted is counted.
template <class Q>
std::size_t consume(Q& queue, std::size_t which, std::vector<std::atomic<int>>& deleted,
                    std::atomic<std::size_t>& left) {
    std::size_t failures = 0;
    std::vector<typename Q::message_type> messages(10);
    while (left.load() != 0) {
        std::size_t count = 0;
        failures += call([&] {
            if (which % 2 == 0) {
                count = queue.receive_messages(std::span{messages}, {.wait_time = 1ms});
            } else {
                auto one = queue.receive_message({.wait_time = 1ms});
                count = one ? 1 : 0;
                if (one) {
                    messages[0] = std::move(*one);
                }
            }
        });
        for (std::size_t i = 0; i < count; ++i) {
            const std::string body{messages[i].body()};
            const std::size_t number = std::stoul(body);
            bool is_deleted = false;
            failures += call([&] { is_deleted = queue.delete_message(messages[i].receipt_handle()).success; });
            if (is_deleted && number < deleted.size() && body == text_of(number)) {
                deleted[number].fetch_add(1);
                left.fetch_sub(1);
            }
        }
    }
    return failures;
}

template <class Lock>
using Standard = sqsim::Queue<std::chrono::steady_clock, std::string, Lock>;
template <class Lock>
using Fifo = sqsim::FifoQueue<std::chrono::steady_clock, std::string, Lock>;

}  // namespace

TEMPLATE_TEST_CASE("with threads whose memory fails now and then no message is lost, doubled or leaked",
                   "[failure][threads]", Standard<std::mutex>, Standard<sqsim::LightMutex>, Fifo<std::mutex>,
                   Fifo<sqsim::LightMutex>) {
    constexpr std::size_t all = producers * each;
    std::vector<std::atomic<int>> deleted(all);
    std::atomic<std::size_t> left{all};
    std::atomic<std::size_t> failures{0};
    std::vector<std::thread> threads;
    threads.reserve(producers + consumers);
    const auto run = [&] {
        auto queue = std::make_unique<TestType>();
        for (std::size_t i = 0; i < producers; ++i) {
            threads.emplace_back([&, i] { failures += produce(*queue, i * each); });
        }
        for (std::size_t i = 0; i < consumers; ++i) {
            threads.emplace_back([&, i] { failures += consume(*queue, i, deleted, left); });
        }
        for (std::thread& thread : threads) {
            thread.join();
        }
        threads.clear();
        const std::size_t rest = queue->counts().total();
        queue.reset();
        return rest;
    };

    {  // what a process obtains with its first receive that blocks, it keeps
        TestType first;
        static_cast<void>(first.receive_message({.wait_time = 1ms}));
    }
    const std::int64_t before = watched::living;
    const std::size_t rest = run();
    const std::int64_t leaked = watched::living - before;
    std::size_t not_once = 0;
    for (const std::atomic<int>& times : deleted) {
        not_once += times.load() == 1 ? 0U : 1U;
    }
    CHECK(rest == 0);
    CHECK(not_once == 0);
    CHECK((SQSIM_TSAN || leaked == 0));  // what lives is not counted there
    CHECK(watched::in_commits.exchange(0) == 0);
    CHECK(failures.load() > 100);
}
