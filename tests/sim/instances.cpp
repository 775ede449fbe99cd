// SPDX-License-Identifier: MIT

#include "sim/instances.hpp"

template class sqsim::detail::StandardEngine<std::string>;
template class sqsim::detail::FifoEngine<std::string>;
template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                        sqsim::detail::StandardEngine<std::string>, sqsim::QueueOptions>;
template class sqsim::detail::QueueCore<sqsim::ManualClock, std::string, sqsim::NullMutex,
                                        sqsim::detail::FifoEngine<std::string>, sqsim::FifoQueueOptions>;
template class sqsim::sim::detail::RecordedQueue<instances::Standard>;
template class sqsim::sim::detail::RecordedQueue<instances::Fifo>;
template class sqsim::sim::detail::RedrivingQueue<instances::Standard>;
template class sqsim::sim::detail::RedrivingQueue<instances::Fifo>;
template class sqsim::sim::detail::DeliveringQueue<instances::Standard>;
template class sqsim::sim::detail::DeliveringQueue<instances::Fifo>;
template class sqsim::sim::detail::ReceivingQueue<instances::Standard>;
template class sqsim::sim::detail::ReceivingQueue<instances::Fifo>;
template class sqsim::sim::detail::QueueVerbs<instances::Standard>;
template class sqsim::sim::detail::QueueVerbs<instances::Fifo>;
