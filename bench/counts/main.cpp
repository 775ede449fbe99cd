// SPDX-License-Identifier: MIT

// What can be counted instead of timed: memory, allocations, system calls.
//
//   sqsim_bench_counts results.json
//
// A program of its own, because it stands in for the allocation functions of the C library, and so that each case can
// begin in a process that has allocated next to nothing.

#include "fifo_contenders.hpp"

#include <fstream>
#include <iostream>
#include <string>

#if defined(__linux__) && defined(__GLIBC__)

#    include <sys/ptrace.h>
#    include <sys/wait.h>
#    include <unistd.h>

#    include <atomic>
#    include <cerrno>
#    include <csignal>
#    include <cstddef>
#    include <cstdint>
#    include <cstdlib>
#    include <optional>

namespace {

std::atomic<bool> counting{false};
std::atomic<std::uint64_t> allocations{0};

void count_allocation() noexcept {
    if (counting.load(std::memory_order_relaxed)) {
        allocations.fetch_add(1, std::memory_order_relaxed);
    }
}

}  // namespace

// All that allocates comes through here, operator new included.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) noexcept {
    count_allocation();
    return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) noexcept {
    count_allocation();
    return __libc_calloc(count, size);
}
void* realloc(void* memory, std::size_t size) noexcept {
    count_allocation();
    return __libc_realloc(memory, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) noexcept {
    count_allocation();
    return __libc_memalign(alignment, size);
}
int posix_memalign(void** memory, std::size_t alignment, std::size_t size) noexcept {
    count_allocation();
    *memory = __libc_memalign(alignment, size);
    return *memory == nullptr ? ENOMEM : 0;
}
}

namespace bench {
namespace {

using Plain = Standard<sqsim::ManualClock, std::mutex>;
using Fused = Standard<sqsim::ManualClock, std::mutex, true>;
using WithRealClock = Standard<std::chrono::steady_clock, std::mutex>;

/// Does `work` in a process of its own. Returns: its answer, or nothing if it failed.
template <class Work>
[[nodiscard]] std::optional<double> in_a_child(Work work) {
    int ends[2];
    if (::pipe(ends) != 0) {
        return std::nullopt;
    }
    const ::pid_t child = ::fork();
    if (child == 0) {
        const double answer = work();
        ::_exit(::write(ends[1], &answer, sizeof answer) == sizeof answer ? 0 : 1);
    }
    ::close(ends[1]);
    double answer = 0;
    const bool answered = ::read(ends[0], &answer, sizeof answer) == sizeof answer;
    ::close(ends[0]);
    ::waitpid(child, nullptr, 0);
    return answered ? std::optional{answer} : std::nullopt;
}

/// The memory of this process that is really there.
[[nodiscard]] double resident_bytes() {
    std::ifstream statm{"/proc/self/statm"};
    double all = 0;
    double resident = 0;
    statm >> all >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

template <class Contender>
[[nodiscard]] double bytes_beside_the_body(std::size_t body_size, std::size_t messages) {
    const double before = resident_bytes();
    Contender contender{body_size};
    typename Contender::Port port{contender};
    for (std::size_t stored = 0; stored < messages; stored += 10) {
        port.put(10);
    }
    return (resident_bytes() - before) / static_cast<double>(messages) - static_cast<double>(body_size);
}

/// Stores many messages, takes them all, and goes on as if nothing had happened.
/// Returns: which share of the memory for them stays with the process.
template <class Contender>
[[nodiscard]] double kept_after_spike(std::size_t messages) {
    Contender contender{64};
    typename Contender::Port port{contender};
    pass(port, 1'000, 10);
    const double before = resident_bytes();
    for (std::size_t stored = 0; stored < messages; stored += 10) {
        port.put(10);
    }
    const double peak = resident_bytes();
    while (port.take(10) != 0) {
    }
    pass(port, 1'000, 10);
    return (resident_bytes() - before) / (peak - before);
}

/// Runs `work(messages)` after as much of it that may still allocate. Returns: allocations for each message.
template <class Work>
[[nodiscard]] double allocations_of(std::size_t messages, Work work) {
    work(messages);
    counting = true;
    work(messages);
    counting = false;
    return static_cast<double>(allocations.load()) / static_cast<double>(messages);
}

/// How many system calls a process makes between the first and the second time that it stops itself.
[[nodiscard]] std::optional<double> count_calls(::pid_t child) {
    int status = 0;
    if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) {
        return std::nullopt;
    }
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
    double stops = 0;
    while (::ptrace(PTRACE_SYSCALL, child, nullptr, nullptr) == 0 && ::waitpid(child, &status, 0) == child &&
           WIFSTOPPED(status)) {
        if (WSTOPSIG(status) == SIGSTOP) {
            return stops / 2;  // it stops when a call begins and when it ends
        }
        stops += WSTOPSIG(status) == (SIGTRAP | 0x80) ? 1 : 0;
    }
    return std::nullopt;
}

/// As `allocations_of`, for system calls. Nothing if this machine does not let processes be watched.
template <class Work>
[[nodiscard]] std::optional<double> system_calls_of(std::size_t messages, Work work) {
    const ::pid_t child = ::fork();
    if (child == 0) {
        if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) {
            ::_exit(1);
        }
        work(messages, [] { ::raise(SIGSTOP); });
        ::_exit(0);
    }
    const auto calls = count_calls(child);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    return calls;
}

/// Messages in and out, `mark()` before and after those that count.
template <class Contender>
void watched_lives(std::size_t messages, std::size_t batch, auto mark) {
    Contender contender{64};
    typename Contender::Port port{contender};
    pass(port, messages, batch);
    mark();
    pass(port, messages, batch);
    mark();
}

constexpr FifoCase fifo_case{.groups = 1'000, .window = 1'000};

class Results {
public:
    explicit Results(const char* path) : file_{path} { file_ << "{\"benchmarks\": ["; }
    ~Results() { file_ << "\n]}\n"; }
    Results(const Results&) = delete;
    Results& operator=(const Results&) = delete;

    void add(const std::string& name, const std::string& unit, std::optional<double> value,
             const std::string& baseline = {}) {
        if (value) {
            file_ << separator_ << "\n{\"run_name\": \"" << name << R"(", "label": ")" << baseline << R"(", "unit": ")"
                  << unit << "\", \"value\": " << *value << '}';
            separator_ = ",";
        }
    }
    [[nodiscard]] bool good() const { return file_.good(); }

private:
    std::ofstream file_;
    const char* separator_ = "";
};

template <class Contender>
void add_memory(Results& results, const std::string& name, bool compared) {
    const std::size_t messages = quick() ? 10'000 : 1'000'000;
    results.add("memory/" + name + "/64B", "B",
                in_a_child([=] { return bytes_beside_the_body<Contender>(64, messages); }),
                compared ? "memory/" + yardstick + "/64B" : "");
    results.add("memory/" + name + "/1KiB", "B",
                in_a_child([=] { return bytes_beside_the_body<Contender>(1'024, messages / 5); }),
                compared ? "memory/" + yardstick + "/1KiB" : "");
    results.add("spike/" + name, "", in_a_child([=] { return kept_after_spike<Contender>(messages); }),
                compared ? "spike/" + yardstick : "");
}

template <class Contender>
void add_steady(Results& results, const std::string& name, std::size_t batch) {
    const std::size_t messages = quick() ? 10'000 : 100'000;
    results.add("allocations/" + name, "", in_a_child([=] {
                    Contender contender{64};
                    typename Contender::Port port{contender};
                    return allocations_of(messages, [&](std::size_t count) { pass(port, count, batch); });
                }));
    const auto none = system_calls_of(0, [](std::size_t, auto mark) {
        mark();
        mark();
    });
    const auto all =
        system_calls_of(messages, [=](std::size_t count, auto mark) { watched_lives<Contender>(count, batch, mark); });
    if (all && none) {
        results.add("system_calls/" + name, "", (*all - *none) / static_cast<double>(messages));
    }
}

void count_everything(Results& results) {
    add_memory<Yardstick>(results, yardstick, false);
#    ifdef SQSIM_BENCH_HAVE_MOODYCAMEL
    add_memory<MutexDeque>(results, "mutex_deque", true);
#    endif
    add_memory<Plain>(results, "standard", true);
    add_steady<Plain>(results, "standard/by1", 1);
    add_steady<Plain>(results, "standard/by10", 10);
    add_steady<Fused>(results, "standard/delete_and_receive/by10", 10);
    add_steady<WithRealClock>(results, "steady_clock/by1", 1);
    results.add("allocations/fifo/by10", "", in_a_child([=] {
                    Fifo<std::mutex> contender{fifo_case};
                    return allocations_of(100'000, [&](std::size_t count) { pass_fifo(contender, count, 10); });
                }));
    results.add("allocations/" + yardstick + "/by10", "", in_a_child([=] {
                    Yardstick contender{64};
                    Yardstick::Port port{contender};
                    return allocations_of(100'000, [&](std::size_t count) { pass(port, count, 10); });
                }));
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    if (argc != 2) {
        std::cerr << "usage: " << argv[0] << " results.json\n";
        return 2;
    }
    bench::Results results{argv[1]};
    bench::count_everything(results);
    return results.good() ? 0 : 1;
}

#else

int main(int, char** argv) {
    std::ofstream{argv[1]} << "{\"benchmarks\": []}\n";
    return 0;
}

#endif
