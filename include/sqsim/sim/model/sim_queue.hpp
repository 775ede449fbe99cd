// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/fwd.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/message.hpp"
#include "sqsim/metrics.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

class SimulatedFifoQueue;
class SimulatedQueue;
class SimulatedStandardQueue;

/// The client's side of a simulated queue: the calls that both kinds have in common. Each call of an actor has a site
/// before it and one after it, where faults may happen; the scenario's own calls never fail.
class SimulatedClient {
public:
    using clock_type = ManualClock;
    using body_type = std::string;
    using time_point = ManualClock::time_point;
    using message_type = SimMessage;
    using peeked_type = PeekedMessage<Message<std::string, time_point>>;

    SimulatedClient(const SimulatedClient&) = delete;
    SimulatedClient& operator=(const SimulatedClient&) = delete;

    // Receives. One that waits lets other actors go on in virtual time.

    std::optional<message_type> receive_message(const ReceiveMessageOptions& options = {}, std::stop_token stop = {});
    std::vector<message_type> receive_messages(const ReceiveMessageOptions& options = {}, std::stop_token stop = {});
    std::size_t receive_messages(std::span<message_type> out, const ReceiveMessageOptions& options = {},
                                 std::stop_token stop = {});
    std::size_t delete_and_receive(std::span<const ReceiptHandle> done, std::span<message_type> out,
                                   const ReceiveMessageOptions& options = {}, std::stop_token stop = {});

    // Deletes, and changes of visibility.

    HandleResult delete_message(const ReceiptHandle& handle);
    /// The same with the service's error as a value.
    Result<HandleResult> try_delete_message(const ReceiptHandle& handle);
    std::vector<HandleResult> delete_messages(std::span<const ReceiptHandle> handles);
    HandleResult change_message_visibility(const ReceiptHandle& handle, std::chrono::nanoseconds timeout);

    // Administration.

    /// Removes every message; a purge may take up to a minute.
    void purge();
    /// A change of an attribute may take up to a minute.
    void set_visibility_timeout(std::chrono::nanoseconds timeout);
    void set_delay(std::chrono::nanoseconds delay);

    // Inspection, by the scenario or by an actor: no sites for faults.

    [[nodiscard]] const std::string& name() const;
    [[nodiscard]] std::string describe() const;
    [[nodiscard]] QueueCounts counts() const;
    [[nodiscard]] bool is_fifo() const noexcept;
    [[nodiscard]] std::vector<peeked_type> peek(MessageState state, std::size_t maximum = 10) const;
    [[nodiscard]] std::optional<peeked_type> peek(const MessageId& id) const;
    /// What reports call the queue.
    [[nodiscard]] const std::string& label() const;
    /// The names of the stored messages, as reports have them.
    [[nodiscard]] std::string contents() const;
    /// The stored bodies, whatever their state.
    [[nodiscard]] std::vector<std::string> bodies() const;
    /// The stored messages of a dead-letter queue.
    [[nodiscard]] std::vector<DeadLetter> letters() const;
    /// Of a dead-letter queue: after how many receives a message comes here, at the earliest; 0 if none comes.
    [[nodiscard]] int attempts_before_dead_letter() const noexcept;

    /// For `World`.
    [[nodiscard]] SimulatedQueue& base() const noexcept { return queue_; }

protected:
    explicit SimulatedClient(SimulatedQueue& queue) noexcept : queue_{queue} {}
    ~SimulatedClient() = default;

    SimulatedQueue& queue_;
};

}  // namespace detail

/// A standard queue of a simulated world, with the verbs of `Queue`: consumers that are templates on the queue run on
/// it as they are.
class SimQueue final : public detail::SimulatedClient {
public:
    /// For `World::queue`.
    explicit SimQueue(detail::SimulatedStandardQueue& queue) noexcept;

    SendMessageResult send_message(std::string_view body, const SendMessageOptions& options = {});
    Result<SendMessageResult> try_send_message(std::string_view body, const SendMessageOptions& options = {});
    /// Each entry may be refused by itself, or the whole request.
    std::vector<Result<SendMessageResult>> send_messages(std::span<SendMessageEntry<std::string>> entries);
    /// Stores all or none.
    std::size_t send_messages(std::span<const std::string_view> bodies, const SendMessageOptions& options = {});
    void set_redrive_policy(RedrivePolicy<SimQueue> policy);

    [[nodiscard]] QueueOptions options() const;
    /// The queue itself, for what a world has no faults for; `sqsim/queue.hpp` has its definition.
    [[nodiscard]] Queue<ManualClock, std::string, NullMutex>& underlying() noexcept;
    /// For `World`.
    [[nodiscard]] detail::SimulatedStandardQueue& simulated() const noexcept;
};

/// A FIFO queue of a simulated world, with the verbs of `FifoQueue`.
class SimFifoQueue final : public detail::SimulatedClient {
public:
    /// For `World::fifo_queue`.
    explicit SimFifoQueue(detail::SimulatedFifoQueue& queue) noexcept;

    SendMessageResult send_message(std::string_view body, std::string_view message_group_id,
                                   const FifoSendMessageOptions& options = {});
    Result<SendMessageResult> try_send_message(std::string_view body, std::string_view message_group_id,
                                               const FifoSendMessageOptions& options = {});
    /// Each entry may be refused by itself, and later ones of its group are stored none the less; or the whole request.
    std::vector<Result<SendMessageResult>> send_messages(std::span<FifoSendMessageEntry<std::string>> entries);
    void set_redrive_policy(RedrivePolicy<SimFifoQueue> policy);

    [[nodiscard]] FifoQueueOptions options() const;
    /// The queue itself, for what a world has no faults for; `sqsim/fifo_queue.hpp` has its definition.
    [[nodiscard]] FifoQueue<ManualClock, std::string, NullMutex>& underlying() noexcept;
    /// For `World`.
    [[nodiscard]] detail::SimulatedFifoQueue& simulated() const noexcept;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim

#if !SQSIM_COMPILED_EXPLORE
#    include "sqsim/sim/model/sim_queue_impl.hpp"  // IWYU pragma: export
#endif
