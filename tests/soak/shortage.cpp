// SPDX-License-Identifier: MIT

// A real shortage: the address space of this program is limited, and queues are filled until the system has no memory
// left. Then they go on for a while with what there is, are drained, and compared with what was accepted.
//
//     shortage [MEGABYTES, 256 if not given]

#include <sqsim/sqsim.hpp>

#include <sys/resource.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

using namespace std::chrono_literals;

namespace {

constexpr std::size_t most = std::size_t{1} << 23;  // numbers of messages
constexpr std::size_t longest = 3'000;

void limit_memory(std::uint64_t bytes) {
    rlimit limit{};
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = bytes == 0 ? limit.rlim_max : bytes;
    if (setrlimit(RLIMIT_AS, &limit) != 0) {
        std::perror("setrlimit");
        std::exit(2);
    }
}

std::uint64_t memory_in_use() {
    std::uint64_t pages = 0;
    if (std::FILE* const file = std::fopen("/proc/self/statm", "r")) {
        unsigned long long size = 0;
        pages = std::fscanf(file, "%llu", &size) == 1 ? size : 0;
        std::fclose(file);
    }
    return pages * 4096;
}

enum class Fate : std::uint8_t { never_sent, stored, deleted };

/// A queue, and what became of the messages whose sends returned. Its own memory is had before the shortage.
template <class Q>
class Trial {
    static constexpr bool is_fifo = requires(const Q& queue) { queue.options().deduplication_scope; };

public:
    explicit Trial(std::size_t body_size) : body_size_{body_size} {
        fates_.resize(most);
        text_.resize(longest, '.');
        group_.reserve(100);
        options_.message_deduplication_id.reserve(100);
        messages_.resize(10);
    }

    /// Returns: whether nothing was lost or doubled.
    bool run(const char* name) {
        while (send()) {
        }
        const std::size_t filled = accepted_;
        std::uint32_t random = 1;
        for (int i = 0; i < 100'000; ++i) {
            random = random * 1664525 + 1013904223;
            switch (random >> 29) {
            case 0:
                receive(1h, 1);
                break;
            case 1:
                receive(1s * (random >> 20 & 63), 0);
                break;
            case 2:
                clock_.advance(1s * (random >> 20 & 15));
                break;
            default:
                static_cast<void>(send());
            }
        }
        const std::size_t short_of_memory = failures_;
        clock_.advance(5h);
        limit_memory(0);
        while (receive(1h, messages_.size()) != 0) {
        }
        std::size_t lost = 0;
        for (const Fate fate : fates_) {
            lost += fate == Fate::stored ? 1U : 0U;
        }
        lost += queue_.counts().total();
        std::printf(
            "%-28s %8zu messages fill it, %7zu more went through; %6zu calls threw bad_alloc; lost %zu, wrong %zu\n",
            name, filled, accepted_ - filled, short_of_memory, lost, wrong_);
        return lost == 0 && wrong_ == 0 && short_of_memory > 0;
    }

private:
    bool send() {
        if (next_ == most) {
            return false;
        }
        char number[24];
        const int length = std::snprintf(number, sizeof number, "%zu:", next_);
        text_.replace(0, static_cast<std::size_t>(length), number);
        const std::string_view body{text_.data(), body_size_};
        try {
            if constexpr (is_fifo) {
                group_ = "group-";
                group_.append(number, static_cast<std::size_t>(length - 2));
                options_.message_deduplication_id = number;
                options_.message_deduplication_id.pop_back();
                if (queue_.send_message(body, group_, options_).deduplicated) {
                    ++wrong_;
                }
            } else {
                queue_.send_message(body);
            }
        } catch (const std::bad_alloc&) {
            ++failures_;
            return false;
        }
        fates_[next_++] = Fate::stored;
        ++accepted_;
        return true;
    }

    /// Receives, and deletes up to so many of what comes. Returns: how many came.
    std::size_t receive(std::chrono::nanoseconds timeout, std::size_t deletes) {
        try {
            const std::size_t count = queue_.receive_messages(std::span{messages_}, {.visibility_timeout = timeout});
            for (std::size_t i = 0; i < count; ++i) {
                const auto number = static_cast<std::size_t>(std::strtoull(messages_[i].body().data(), nullptr, 10));
                if (number >= most || fates_[number] != Fate::stored || messages_[i].body().size() != body_size_) {
                    ++wrong_;
                } else if (i < deletes) {
                    if (!queue_.delete_message(messages_[i].receipt_handle())) {
                        ++wrong_;
                    }
                    fates_[number] = Fate::deleted;
                }
            }
            return count;
        } catch (const std::bad_alloc&) {
            ++failures_;
            return 0;
        }
    }

    sqsim::ManualClock clock_{};
    Q queue_{clock_};
    std::size_t body_size_;
    std::vector<Fate> fates_{};
    std::string text_{};
    std::string group_{};
    sqsim::FifoSendMessageOptions options_{};
    std::vector<typename Q::message_type> messages_{};
    std::size_t next_ = 0;
    std::size_t accepted_ = 0;
    std::size_t failures_ = 0;
    std::size_t wrong_ = 0;
};

template <class Q>
bool try_out(const char* name, std::size_t body_size, std::uint64_t bytes) {
    limit_memory(0);
    Trial<Q> trial{body_size};
    limit_memory(memory_in_use() + bytes);
    return trial.run(name);
}

}  // namespace

int main(int count, char** arguments) {
    const std::uint64_t bytes = (count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 256) << 20;
    using Clock = sqsim::ManualClock;
    bool good = true;
    for (const std::size_t size : {std::size_t{64}, longest}) {
        std::printf("bodies of %zu bytes, %llu MiB\n", size, static_cast<unsigned long long>(bytes >> 20));
        good = try_out<sqsim::Queue<Clock>>("standard, std::mutex", size, bytes) && good;
        good = try_out<sqsim::Queue<Clock, std::string, sqsim::NullMutex>>("standard, NullMutex", size, bytes) && good;
        good = try_out<sqsim::FifoQueue<Clock>>("FIFO, std::mutex", size, bytes) && good;
        good = try_out<sqsim::FifoQueue<Clock, std::string, sqsim::NullMutex>>("FIFO, NullMutex", size, bytes) && good;
    }
    std::puts(good ? "nothing lost, nothing doubled" : "WRONG");
    return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
