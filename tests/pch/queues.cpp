// SPDX-License-Identifier: MIT

// The queues that tests.hpp says are elsewhere.

#include "pch/tests.hpp"

#if !defined(__clang__)
template class sqsim::Queue<sqsim::ManualClock>;
template class sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
template class sqsim::Queue<std::chrono::steady_clock>;
template class sqsim::FifoQueue<sqsim::ManualClock>;
template class sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
template class sqsim::FifoQueue<std::chrono::steady_clock>;
#endif
