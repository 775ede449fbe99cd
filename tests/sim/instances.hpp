// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/sim/model/world.hpp"

#include <string>

// The queues of simulated worlds, compiled once, in instances.cpp: a test of exploring compiles a quarter faster.

namespace instances {
using Standard = sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
using Fifo = sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;
}  // namespace instances

extern template class sqsim::detail::StandardEngine<std::string>;
extern template class sqsim::detail::FifoEngine<std::string>;
extern template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                               sqsim::detail::StandardEngine<std::string>, sqsim::QueueOptions>;
extern template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                               sqsim::detail::FifoEngine<std::string>, sqsim::FifoQueueOptions>;
extern template class sqsim::sim::detail::BackingQueueOf<instances::Standard>;
extern template class sqsim::sim::detail::SimulatedQueueOf<instances::Standard, sqsim::QueueOptions>;
extern template class sqsim::sim::detail::BackingQueueOf<instances::Fifo>;
extern template class sqsim::sim::detail::SimulatedQueueOf<instances::Fifo, sqsim::FifoQueueOptions>;
