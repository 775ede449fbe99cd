// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/limits.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/run_context.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// What the calls of a simulated queue need to know of the queue underneath.
struct QueueTraits {
    bool is_fifo = false;
    bool deduplicates_by_group = false;
    Limits limits{};
    Nanos visibility_timeout{};
    Nanos delay{};
    Nanos wait_time{};
    Nanos retention{};
    Nanos deduplication_interval{};
};

/// A stored message as its queue knows it.
struct StoredId {
    std::uint64_t ordinal = 0;  // in the order in which they came to the queue
    MessageId id{};
    std::uint64_t content = 0;  // a hash of the body
    std::uint32_t group = 0;    // its number

    friend bool operator==(const StoredId&, const StoredId&) noexcept = default;
};

/// The queue under a simulated queue: the same calls for both kinds.
class BackingQueue {
public:
    using Real = ReceivedMessages::Real;
    using Peeked = PeekedMessage<Real>;

    BackingQueue() = default;
    BackingQueue(const BackingQueue&) = delete;
    BackingQueue& operator=(const BackingQueue&) = delete;

    [[nodiscard]] virtual std::size_t receive(std::span<Real> out, const ReceiveMessageOptions& options) = 0;
    [[nodiscard]] virtual HandleResult delete_message(const ReceiptHandle& handle) = 0;
    /// Throws for a batch that the service refuses as a whole.
    virtual void check_delete_batch(std::span<const ReceiptHandle> handles) = 0;
    [[nodiscard]] virtual HandleResult change_visibility(const ReceiptHandle& handle, Nanos timeout) = 0;
    virtual void purge() = 0;
    virtual void set_visibility_timeout(Nanos timeout) = 0;
    virtual void set_delay(Nanos delay) = 0;
    /// Lets messages that were received three times go behind all others.
    virtual void let_go_to_back() = 0;
    [[nodiscard]] virtual const std::string& name() const = 0;
    [[nodiscard]] virtual std::string describe() const = 0;
    [[nodiscard]] virtual QueueCounts counts() const = 0;
    [[nodiscard]] virtual std::vector<Peeked> peek(MessageState state, std::size_t maximum) const = 0;
    [[nodiscard]] virtual std::optional<Peeked> peek(const MessageId& id) const = 0;
    /// Calls `visit(state, sent_at, available_at)` for each stored message.
    virtual void visit_times(const std::function<void(MessageState, Nanos, Nanos)>& visit) const = 0;
    /// The ids of the stored messages, in no order.
    [[nodiscard]] virtual std::vector<StoredId> ids() const = 0;
    /// Moves what the dead-letter queue, of the same kind, holds into this queue.
    virtual void redrive(BackingQueue& dead_letter_queue) = 0;

protected:
    ~BackingQueue() = default;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
