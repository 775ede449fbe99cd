// SPDX-License-Identifier: MIT

// Catches a process that was forked and gives messages the ids that its parent gives, or forgets those of before.

#include <cstdio>

#if defined(__unix__) || defined(__APPLE__)

#    include "sqsim/sqsim.hpp"

#    include <sys/wait.h>
#    include <unistd.h>

#    include <array>
#    include <chrono>
#    include <cstddef>
#    include <cstdlib>
#    include <set>
#    include <string>
#    include <string_view>
#    include <vector>

namespace {

using Clock = std::chrono::steady_clock;
using Standard = sqsim::Queue<Clock>;
using Fifo = sqsim::FifoQueue<Clock>;

void expect(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n", what);
        std::_Exit(1);
    }
}

std::vector<std::string> ids_of_new_messages(Standard& standard, Fifo& fifo, const std::string& who) {
    std::vector<std::string> ids;
    ids.push_back(standard.send_message("one").message_id.to_string());
    standard.send_messages(std::vector<std::string_view>(20, who));
    ids.push_back(fifo.send_message("one", "g", {.message_deduplication_id = who}).message_id.to_string());
    for (const auto state : {sqsim::MessageState::visible, sqsim::MessageState::in_flight}) {
        for (const auto& peeked : standard.peek(state, 100)) {
            if (peeked.message.body() == who) {
                ids.push_back(peeked.message.message_id().to_string());
            }
        }
    }
    Standard later;
    ids.push_back(later.send_message("a queue that was made after the fork").message_id.to_string());
    return ids;
}

/// What the other process writes until it ends.
std::vector<std::string> read_ids(int descriptor) {
    std::string text;
    std::array<char, 4096> part{};
    for (ssize_t size = 0; (size = ::read(descriptor, part.data(), part.size())) > 0;) {
        text.append(part.data(), static_cast<std::size_t>(size));
    }
    std::vector<std::string> ids;
    for (std::size_t begin = 0; begin + 36 <= text.size(); begin += 36) {
        ids.push_back(text.substr(begin, 36));
    }
    return ids;
}

}  // namespace

int main() {
    Standard standard;
    Fifo fifo;
    const auto first = standard.send_message("before").message_id;
    const auto second = standard.send_message("before, prepared only").message_id;
    const auto fifo_first = fifo.send_message("before", "g", {.message_deduplication_id = "old"}).message_id;
    const auto held = standard.receive_message();

    std::set<std::string> all;
    std::size_t count = 0;
    for (int child = 0; child < 3; ++child) {
        std::array<int, 2> pipe{};
        expect(::pipe(pipe.data()) == 0, "there is a pipe");
        const pid_t process = ::fork();
        expect(process >= 0, "a process is forked");
        if (process == 0) {
            std::string text;
            for (const std::string& id : ids_of_new_messages(standard, fifo, "child-" + std::to_string(child))) {
                text += id;
            }
            if (::fork() != 0) {  // both go on, this one later
                ::wait(nullptr);
            } else {
                text.clear();
            }
            Fifo after{sqsim::FifoQueueOptions{}};
            text += standard.send_message("after two forks").message_id.to_string();
            text += fifo.send_message("x", "g", {.message_deduplication_id = "newer"}).message_id.to_string();
            expect(held->message_id() == first, "a message that is held keeps its id in the child");
            expect(standard.peek(first) && standard.peek(second), "stored messages keep their ids in the child");
            const auto again = fifo.send_message("before", "g", {.message_deduplication_id = "old"});
            expect(again.deduplicated && again.message_id == fifo_first, "a duplicate has the original's id");
            expect(standard.delete_message(held->receipt_handle()).success, "a handle of before works in the child");
            const ssize_t written = ::write(pipe[1], text.data(), text.size());
            std::_Exit(written == static_cast<ssize_t>(text.size()) ? 0 : 1);
        }
        ::close(pipe[1]);
        const auto ids = read_ids(pipe[0]);
        ::close(pipe[0]);
        int status = 1;
        ::waitpid(process, &status, 0);
        expect(status == 0, "the child ends well");
        count += ids.size();
        all.insert(ids.begin(), ids.end());
        const auto own = ids_of_new_messages(standard, fifo, "parent-" + std::to_string(child));
        count += own.size();
        all.insert(own.begin(), own.end());
    }
    std::printf("%zu messages of seven processes have %zu ids\n", count, all.size());
    expect(count == 3 * (23 + 2 + 2 + 23), "all processes have told of their messages");
    expect(all.size() == count, "no two messages have one id");
    expect(held->message_id() == first, "a message that is held keeps its id in the parent");
    expect(standard.peek(first) && standard.peek(second), "stored messages keep their ids in the parent");
    expect(fifo.send_message("before", "g", {.message_deduplication_id = "old"}).message_id == fifo_first,
           "a duplicate has the original's id in the parent");
}

#else

int main() {
    std::puts("skipped: this platform has no fork");
    return 77;
}

#endif
