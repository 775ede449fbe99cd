// SPDX-License-Identifier: MIT
#pragma once

// What nearly every test includes, compiled once: half of the time would go into it. That every header compiles alone
// is checked elsewhere.

#include "catch.hpp"

#include <sqsim/sqsim.hpp>

#include <chrono>
#include <string>

// The queues of most tests: queues.cpp has them, compiled once. Clang 14 crashes on these lines in such a header.
#if !defined(__clang__)
extern template class sqsim::Queue<sqsim::ManualClock>;
extern template class sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
extern template class sqsim::Queue<std::chrono::steady_clock>;
extern template class sqsim::FifoQueue<sqsim::ManualClock>;
extern template class sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
extern template class sqsim::FifoQueue<std::chrono::steady_clock>;
#endif
