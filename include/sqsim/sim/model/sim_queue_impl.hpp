// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/queue_kinds.hpp"
#include "sqsim/sim/model/sim_queue.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

// The functions of `SimQueue` and `SimFifoQueue`.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

namespace detail {

SQSIM_EXPLORE_INLINE std::optional<SimMessage> SimulatedClient::receive_message(const ReceiveMessageOptions& options,
                                                                                std::stop_token stop) {
    return queue_.noting_shortage([&] { return queue_.receive_message(options, stop); });
}
SQSIM_EXPLORE_INLINE std::vector<SimMessage> SimulatedClient::receive_messages(const ReceiveMessageOptions& options,
                                                                               std::stop_token stop) {
    return queue_.noting_shortage([&] { return queue_.receive_messages(options, stop); });
}
SQSIM_EXPLORE_INLINE std::size_t SimulatedClient::receive_messages(std::span<SimMessage> out,
                                                                   const ReceiveMessageOptions& options,
                                                                   std::stop_token stop) {
    return queue_.noting_shortage([&] { return queue_.receive_messages(out, options, stop); });
}
SQSIM_EXPLORE_INLINE std::size_t SimulatedClient::delete_and_receive(std::span<const ReceiptHandle> done,
                                                                     std::span<SimMessage> out,
                                                                     const ReceiveMessageOptions& options,
                                                                     std::stop_token stop) {
    return queue_.noting_shortage([&] { return queue_.delete_and_receive(done, out, options, stop); });
}

SQSIM_EXPLORE_INLINE HandleResult SimulatedClient::delete_message(const ReceiptHandle& handle) {
    return queue_.noting_shortage([&] { return queue_.delete_message(handle); });
}
SQSIM_EXPLORE_INLINE Result<HandleResult> SimulatedClient::try_delete_message(const ReceiptHandle& handle) {
    return queue_.noting_shortage([&] { return queue_.try_delete_message(handle); });
}
SQSIM_EXPLORE_INLINE std::vector<HandleResult>
SimulatedClient::delete_messages(std::span<const ReceiptHandle> handles) {
    return queue_.noting_shortage([&] { return queue_.delete_messages(handles); });
}
SQSIM_EXPLORE_INLINE HandleResult SimulatedClient::change_message_visibility(const ReceiptHandle& handle,
                                                                             std::chrono::nanoseconds timeout) {
    return queue_.noting_shortage([&] { return queue_.change_message_visibility(handle, timeout); });
}

SQSIM_EXPLORE_INLINE void SimulatedClient::purge() {
    queue_.noting_shortage([&] { queue_.purge(); });
}
SQSIM_EXPLORE_INLINE void SimulatedClient::set_visibility_timeout(std::chrono::nanoseconds timeout) {
    queue_.noting_shortage([&] { queue_.set_visibility_timeout(timeout); });
}
SQSIM_EXPLORE_INLINE void SimulatedClient::set_delay(std::chrono::nanoseconds delay) {
    queue_.noting_shortage([&] { queue_.set_delay(delay); });
}

SQSIM_EXPLORE_INLINE const std::string& SimulatedClient::name() const { return queue_.name(); }
SQSIM_EXPLORE_INLINE std::string SimulatedClient::describe() const {
    return queue_.noting_shortage([&] { return queue_.describe(); });
}
SQSIM_EXPLORE_INLINE QueueCounts SimulatedClient::counts() const { return queue_.stored(); }
SQSIM_EXPLORE_INLINE bool SimulatedClient::is_fifo() const noexcept { return queue_.is_fifo(); }
SQSIM_EXPLORE_INLINE std::vector<SimulatedClient::peeked_type> SimulatedClient::peek(MessageState state,
                                                                                     std::size_t maximum) const {
    return queue_.noting_shortage([&] { return queue_.peek(state, maximum); });
}
SQSIM_EXPLORE_INLINE std::optional<SimulatedClient::peeked_type> SimulatedClient::peek(const MessageId& id) const {
    return queue_.noting_shortage([&] { return queue_.peek(id); });
}
SQSIM_EXPLORE_INLINE const std::string& SimulatedClient::label() const { return queue_.label(); }
SQSIM_EXPLORE_INLINE std::string SimulatedClient::contents() const {
    return queue_.noting_shortage([&] { return queue_.contents(); });
}
SQSIM_EXPLORE_INLINE std::vector<std::string> SimulatedClient::bodies() const {
    return queue_.noting_shortage([&] { return queue_.bodies(); });
}
SQSIM_EXPLORE_INLINE std::vector<DeadLetter> SimulatedClient::letters() const {
    return queue_.noting_shortage([&] { return queue_.letters(); });
}
SQSIM_EXPLORE_INLINE int SimulatedClient::attempts_before_dead_letter() const noexcept {
    return queue_.attempts_before_dead_letter();
}

}  // namespace detail

SQSIM_EXPLORE_INLINE SimQueue::SimQueue(detail::SimulatedStandardQueue& queue) noexcept : SimulatedClient{queue} {}
SQSIM_EXPLORE_INLINE SendMessageResult SimQueue::send_message(std::string_view body,
                                                              const SendMessageOptions& options) {
    return try_send_message(body, options).value();
}
SQSIM_EXPLORE_INLINE Result<SendMessageResult> SimQueue::try_send_message(std::string_view body,
                                                                          const SendMessageOptions& options) {
    return queue_.noting_shortage([&] { return simulated().try_send_message(body, options); });
}
SQSIM_EXPLORE_INLINE std::vector<Result<SendMessageResult>>
SimQueue::send_messages(std::span<SendMessageEntry<std::string>> entries) {
    return queue_.noting_shortage([&] { return simulated().send_messages(entries); });
}
SQSIM_EXPLORE_INLINE std::size_t SimQueue::send_messages(std::span<const std::string_view> bodies,
                                                         const SendMessageOptions& options) {
    return queue_.noting_shortage([&] { return simulated().send_messages(bodies, options); });
}
SQSIM_EXPLORE_INLINE void SimQueue::set_redrive_policy(RedrivePolicy<SimQueue> policy) {
    queue_.noting_shortage(
        [&] { simulated().set_redrive_policy(policy.dead_letter_queue.simulated(), policy.max_receive_count); });
}
SQSIM_EXPLORE_INLINE QueueOptions SimQueue::options() const {
    return queue_.noting_shortage([&] { return simulated().options(); });
}
SQSIM_EXPLORE_INLINE Queue<ManualClock, std::string, NullMutex>& SimQueue::underlying() noexcept {
    return simulated().underlying();
}
SQSIM_EXPLORE_INLINE detail::SimulatedStandardQueue& SimQueue::simulated() const noexcept {
    return static_cast<detail::SimulatedStandardQueue&>(queue_);
}

SQSIM_EXPLORE_INLINE SimFifoQueue::SimFifoQueue(detail::SimulatedFifoQueue& queue) noexcept : SimulatedClient{queue} {}
SQSIM_EXPLORE_INLINE SendMessageResult SimFifoQueue::send_message(std::string_view body,
                                                                  std::string_view message_group_id,
                                                                  const FifoSendMessageOptions& options) {
    return try_send_message(body, message_group_id, options).value();
}
SQSIM_EXPLORE_INLINE Result<SendMessageResult> SimFifoQueue::try_send_message(std::string_view body,
                                                                              std::string_view message_group_id,
                                                                              const FifoSendMessageOptions& options) {
    return queue_.noting_shortage([&] { return simulated().try_send_message(body, message_group_id, options); });
}
SQSIM_EXPLORE_INLINE std::vector<Result<SendMessageResult>>
SimFifoQueue::send_messages(std::span<FifoSendMessageEntry<std::string>> entries) {
    return queue_.noting_shortage([&] { return simulated().send_messages(entries); });
}
SQSIM_EXPLORE_INLINE void SimFifoQueue::set_redrive_policy(RedrivePolicy<SimFifoQueue> policy) {
    queue_.noting_shortage(
        [&] { simulated().set_redrive_policy(policy.dead_letter_queue.simulated(), policy.max_receive_count); });
}
SQSIM_EXPLORE_INLINE FifoQueueOptions SimFifoQueue::options() const {
    return queue_.noting_shortage([&] { return simulated().options(); });
}
SQSIM_EXPLORE_INLINE FifoQueue<ManualClock, std::string, NullMutex>& SimFifoQueue::underlying() noexcept {
    return simulated().underlying();
}
SQSIM_EXPLORE_INLINE detail::SimulatedFifoQueue& SimFifoQueue::simulated() const noexcept {
    return static_cast<detail::SimulatedFifoQueue&>(queue_);
}

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
