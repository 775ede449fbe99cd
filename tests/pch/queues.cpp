// SPDX-License-Identifier: MIT

// The queues that tests.hpp says are elsewhere, and so whether a queue can be instantiated explicitly.

#include "pch/tests.hpp"

template class sqsim::Queue<sqsim::ManualClock>;
template class sqsim::FifoQueue<sqsim::ManualClock>;
#if !defined(__clang__)
template class sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
template class sqsim::Queue<std::chrono::steady_clock>;
template class sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
template class sqsim::FifoQueue<std::chrono::steady_clock>;
#endif
