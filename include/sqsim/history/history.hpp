// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// What a client asked of a queue, or what the queue did by itself.
enum class Action : std::uint8_t {
    send,                       ///< one message, also as a part of a batch
    receive,                    ///< one call; its messages follow as `delivery`
    delivery,                   ///< one message of the answer to the client's `receive` before it
    delete_message,             ///< by receipt handle
    change_message_visibility,  ///< by receipt handle
    purge,                      ///< everything
    dead_letter,                ///< the queue moved the message to its dead-letter queue
    redrive,                    ///< a move task put the message into this queue, under a new id
    set_delay,                  ///< the queue's delay, on a FIFO queue also of the messages that wait (R130)
    set_redrive_policy,         ///< in place of the one in `QueueFacts`, or of an earlier one
};

/// What the client got to know of the effect.
enum class Answer : std::uint8_t {
    ok,            ///< it took effect
    refused,       ///< it did not
    unknown,       ///< no answer came: it may have, or may not have
    deduplicated,  ///< a FIFO send that stored nothing; `message` is the original
    expired,       ///< the handle's lease had ended, nothing happened
    superseded,    ///< the message was received again since, nothing happened
    gone,          ///< the message was not there any more
};

/// One operation as its client saw it. Messages, handles, groups and deduplication ids are numbers from 1 within the
/// history; 0 is none.
struct Operation {
    std::chrono::nanoseconds invoked{};
    std::chrono::nanoseconds answered{};  // with an unknown answer: when the client gave up
    std::uint32_t queue = 0;              // index into History::queues
    std::uint32_t client = 0;             // index into History::clients
    std::uint32_t message = 0;
    std::uint32_t receipt = 0;
    std::uint32_t group = 0;
    std::uint32_t deduplication = 0;
    std::int32_t receive_count = 0;       // delivery; set_redrive_policy: how many receives
    std::int32_t maximum = 0;             // receive; set_redrive_policy: index of the dead-letter queue, plus one
    std::chrono::nanoseconds duration{};  // send, set_delay: delay; otherwise visibility timeout
    std::chrono::nanoseconds wait{};      // receive: how long at most
    std::uint64_t content = 0;            // send, delivery: a fingerprint of body and attributes
    Action action = Action::send;
    Answer answer = Answer::ok;

    friend bool operator==(const Operation&, const Operation&) noexcept = default;
};

/// What the rules need to know of a queue.
struct QueueFacts {
    static constexpr std::uint32_t none = 0xFFFF'FFFF;

    std::string name{};
    bool fifo = false;
    bool deduplicates_by_group = false;
    std::chrono::nanoseconds message_retention_period = std::chrono::hours{96};
    std::chrono::nanoseconds deduplication_interval = std::chrono::minutes{5};
    std::int32_t max_receive_count = 0;        // 0: no dead-letter queue
    std::uint32_t dead_letter_queue = none;    // index into History::queues
    std::int32_t max_number_of_messages = 10;  // in one answer
    bool keeps_messages = false;               // at the end it may hold messages also of a drained history

    friend bool operator==(const QueueFacts&, const QueueFacts&) noexcept = default;
};

/// What happened to some queues, in the order of the answers; deliveries directly after their receive.
struct History {
    std::vector<QueueFacts> queues{};
    std::vector<std::string> clients{};
    std::vector<Operation> operations{};
    /// Whether the clients went on until the queues were empty: only then can a message be called lost.
    bool drained = false;

    friend bool operator==(const History&, const History&) noexcept = default;
};

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::Action;
using history::Answer;
using history::History;
using history::Operation;
using history::QueueFacts;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
