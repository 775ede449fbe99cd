// SPDX-License-Identifier: MIT

#include "sim/instances.hpp"

template class sqsim::detail::StandardEngine<std::string>;
template class sqsim::detail::FifoEngine<std::string>;
template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                        sqsim::detail::StandardEngine<std::string>, sqsim::QueueOptions>;
template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                        sqsim::detail::FifoEngine<std::string>, sqsim::FifoQueueOptions>;
template class sqsim::sim::detail::BackingQueueOf<instances::Standard>;
template class sqsim::sim::detail::SimulatedQueueOf<instances::Standard, sqsim::QueueOptions>;
template class sqsim::sim::detail::BackingQueueOf<instances::Fifo>;
template class sqsim::sim::detail::SimulatedQueueOf<instances::Fifo, sqsim::FifoQueueOptions>;
