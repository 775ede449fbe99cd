// SPDX-License-Identifier: MIT

// FIFO queues: what groups and deduplication cost, against the queue that a textbook would build from the standard
// containers.

#include "fifo_contenders.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace bench {
namespace {

using std::chrono::nanoseconds;

/// A FIFO queue with groups, leases and deduplication: what is obvious, each part a standard container.
class Textbook {
public:
    struct Message {
        std::string body;
        std::uint64_t handle;
    };

    explicit Textbook(nanoseconds interval) : interval_{interval} {}

    void send(const std::string& body, const std::string& group_id, const std::string& deduplication_id) {
        if (!remembered_.emplace(deduplication_id, ++sequence_).second) {
            return;
        }
        ends_.emplace_back(now_ + interval_, deduplication_id);
        Group& group = groups_[group_id];
        group.messages.push_back(body);
        if (group.messages.size() == 1) {
            available_.push_back(group_id);
        }
    }

    [[nodiscard]] std::vector<Message> receive(std::size_t most) {
        std::vector<Message> messages;
        while (messages.size() < most && !available_.empty()) {
            const std::string group_id = std::move(available_.front());
            available_.pop_front();
            Group& group = groups_[group_id];
            while (messages.size() < most && group.leased < group.messages.size()) {
                const std::uint64_t handle = ++handles_;
                const auto timer = deadlines_.emplace(now_ + std::chrono::seconds{30}, handle);
                leases_.emplace(handle, Lease{group_id, timer});
                messages.push_back({group.messages[group.leased++], handle});
            }
        }
        return messages;
    }

    void erase(std::uint64_t handle) {  // the messages of a group are deleted in their order
        const auto lease = leases_.find(handle);
        deadlines_.erase(lease->second.timer);
        const auto group = groups_.find(lease->second.group_id);
        group->second.messages.pop_front();
        if (--group->second.leased == 0) {
            if (group->second.messages.empty()) {
                groups_.erase(group);
            } else {
                available_.push_back(group->first);
            }
        }
        leases_.erase(lease);
    }

    void advance(nanoseconds step) {
        now_ += step;
        while (!ends_.empty() && ends_.front().first <= now_) {
            remembered_.erase(ends_.front().second);
            ends_.pop_front();
        }
    }

private:
    using Deadlines = std::multimap<nanoseconds, std::uint64_t>;
    struct Group {
        std::deque<std::string> messages{};
        std::size_t leased = 0;
    };
    struct Lease {
        std::string group_id;
        Deadlines::iterator timer;
    };

    nanoseconds interval_;
    nanoseconds now_{};
    std::uint64_t sequence_ = 0;
    std::uint64_t handles_ = 0;
    std::unordered_map<std::string, Group> groups_{};
    std::deque<std::string> available_{};
    std::unordered_map<std::uint64_t, Lease> leases_{};
    Deadlines deadlines_{};
    std::unordered_map<std::string, std::uint64_t> remembered_{};
    std::deque<std::pair<nanoseconds, std::string>> ends_{};
};

class TextbookFifo {
public:
    explicit TextbookFifo(const FifoCase& each) : ids_{each.groups}, queue_{nanoseconds{each.window}} {}

    void put(std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            ids_.next(group_id_, deduplication_id_);
            queue_.send(body_, group_id_, deduplication_id_);
        }
    }
    std::size_t take(std::size_t count) {
        const auto messages = queue_.receive(count);
        for (const auto& message : messages) {
            look_at(message.body);
            queue_.erase(message.handle);
        }
        return messages.size();
    }
    void advance(nanoseconds step) { queue_.advance(step); }

private:
    std::string body_ = text_of(64);
    Ids ids_;
    std::string group_id_{};
    std::string deduplication_id_{};
    Textbook queue_;
};

/// Makes a contender as full as the case says. Returns: how it passes on messages.
template <class Contender>
[[nodiscard]] std::function<void()> prepare(const FifoCase& each, std::size_t messages, std::size_t batch) {
    const auto contender = std::make_shared<Contender>(each);
    pass_fifo(*contender, each.stored, batch, false);
    pass_fifo(*contender, std::max<std::size_t>(each.window, 1'000), batch);
    return [=] { pass_fifo(*contender, messages, batch); };
}

/// The price of the ids alone, which the report takes off.
[[nodiscard]] std::function<void()> ids_only(const FifoCase& each, std::size_t messages) {
    using Texts = std::array<std::pair<std::string, std::string>, 10>;
    return [ids = Ids{each.groups}, texts = Texts{}, messages]() mutable {
        for (std::size_t done = 0; done < messages; done += 10) {
            for (auto& [group_id, deduplication_id] : texts) {
                ids.next(group_id, deduplication_id);
            }
            benchmark::DoNotOptimize(texts);
            benchmark::ClobberMemory();
        }
    };
}

template <class Lock = sqsim::NullMutex>
void contest(const std::string& scenario, const FifoCase& each, std::size_t batch) {
    if (!wanted(std::max(each.window, each.stored))) {
        return;
    }
    constexpr std::size_t turns = 7;
    constexpr std::size_t messages = 50'000;  // enough that what the others threw out of the caches does not matter
    add(
        scenario, {"+textbook", "+" + yardstick},
        [=](benchmark::State& state) {
            take_turns(state, turns, messages, prepare<Fifo<Lock>>(each, messages, batch),
                       {{"textbook", prepare<TextbookFifo>(each, messages, batch)},
                        {"ids", ids_only(each, messages)},
                        yardstick_beside(messages, batch)});
        },
        turns * messages);
}

[[maybe_unused]] const bool registered = [] {
    contest("fifo/single", {}, 1);
    contest<std::mutex>("fifo/mutex", {}, 10);
    for (const std::size_t groups : {1U, 1'000U, 1'000'000U}) {
        // That many groups come to be and end only if messages are stored in them.
        contest("fifo/groups/" + magnitude(groups), {.groups = groups, .stored = groups == 1'000'000U ? groups : 0},
                10);
    }
    for (const std::size_t window : {0U, 1'000U, 100'000U, 1'000'000U}) {
        contest("fifo/window/" + magnitude(window), {.window = window}, 10);
    }
    for (const std::size_t stored : {1'000U, 100'000U, 1'000'000U}) {
        contest("fifo/backlog/" + magnitude(stored), {.stored = stored}, 10);
    }
    return true;
}();

}  // namespace
}  // namespace bench
