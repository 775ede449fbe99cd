// SPDX-License-Identifier: MIT

// Catches a process that does not end, or not well, because a thread is blocked on a static queue.
// Arguments: the clock, and "exit" or "return".

#include "sqsim/detail/core_access.hpp"
#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <thread>

using namespace std::chrono_literals;

namespace {

sqsim::ManualClock manual_clock;
sqsim::Queue<sqsim::ManualClock> manual{manual_clock};
sqsim::FifoQueue<sqsim::ManualClock> manual_fifo{manual_clock};
sqsim::Queue<std::chrono::steady_clock> steady;
sqsim::FifoQueue<std::chrono::steady_clock> steady_fifo;

/// Lets two threads wait that nobody joins.
template <class Queue>
void block_on(Queue& queue) {
    for (int thread = 0; thread < 2; ++thread) {
        std::thread{[&queue] {
            while (true) {
                static_cast<void>(queue.receive_messages({.wait_time = 20s}));
            }
        }}.detach();
    }
    while (sqsim::detail::CoreAccess::core(queue).blocked() != 2) {
        std::this_thread::yield();
    }
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 3) {
        std::fputs("usage: exit manual|steady exit|return\n", stderr);
        return 2;
    }
    if (std::string_view{arguments[1]} == "manual") {
        block_on(manual);
        block_on(manual_fifo);
        manual_clock.wait_for_waiters(4);
    } else {
        block_on(steady);
        block_on(steady_fifo);
    }
    if (std::string_view{arguments[2]} == "exit") {
        std::exit(0);
    }
    return 0;
}
