// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <mutex>
#include <string>

// Every public template, declared once with its default arguments.

namespace sqsim::inline SQSIM_ABI {

class ManualClock;
class CoarseClock;
class LightMutex;
struct NullMutex;

template <class Clock = std::chrono::steady_clock, class Body = std::string, class Lock = std::mutex>
class Queue;

template <class Clock = std::chrono::steady_clock, class Body = std::string, class Lock = std::mutex>
class FifoQueue;

template <class Body, class TimePoint>
class Message;

template <class QueueType>
class MessageMoveTask;

template <class QueueType>
struct RedrivePolicy;

class Error;
class MessageId;
class ReceiptHandle;
class SequenceNumber;

template <class T>
class Result;

}  // namespace sqsim::inline SQSIM_ABI
