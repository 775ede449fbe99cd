// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <chrono>
#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// How a simulated consumer works.
struct ConsumeOptions {
    int consumers = 1;
    std::chrono::nanoseconds work_time{};         // of virtual time, from the handler to the delete
    std::optional<int> max_number_of_messages{};  // of a receive; absent: 1, and 10 for handlers of batches
    std::optional<std::chrono::nanoseconds> visibility_timeout{};
    std::string name{};  // empty: "consumer", after the name of the queue if it has one
};

namespace detail {

/// Makes a handler for every incarnation: what it keeps in itself dies with the process.
template <class Handler>
concept HandlerFactory = std::invocable<Handler&>;

template <class Handler>
concept MessageHandler = std::invocable<Handler&, const SimMessage&>;

template <class Handler>
concept BatchHandler = !MessageHandler<Handler> && std::invocable<Handler&, std::span<const SimMessage>>;

/// A handler of the user's, as the loop of a consumer calls it. One for each message has `handle`, one for batches has
/// `handle_batch`, which adds to `failed`.
class HandlerCall {
public:
    HandlerCall() = default;
    HandlerCall(const HandlerCall&) = delete;
    HandlerCall& operator=(const HandlerCall&) = delete;
    virtual ~HandlerCall() = default;

    virtual void handle(const SimMessage& message) = 0;
    virtual void handle_batch(std::span<const SimMessage> messages, std::vector<MessageId>& failed) = 0;
};

template <class Handler>
class HandlerCallOf final : public HandlerCall {
public:
    static_assert(MessageHandler<Handler> || BatchHandler<Handler>,
                  "a handler takes a const SimMessage&, or a std::span<const SimMessage>");

    explicit HandlerCallOf(Handler handler) : handler_{std::move(handler)} {}

    void handle([[maybe_unused]] const SimMessage& message) override {
        if constexpr (MessageHandler<Handler>) {
            std::invoke(handler_, message);
        }
    }
    void handle_batch([[maybe_unused]] std::span<const SimMessage> messages,
                      [[maybe_unused]] std::vector<MessageId>& failed) override {
        if constexpr (BatchHandler<Handler>) {
            if constexpr (std::is_void_v<std::invoke_result_t<Handler&, std::span<const SimMessage>>>) {
                std::invoke(handler_, messages);
            } else {
                failed = std::invoke(handler_, messages);
            }
        }
    }

private:
    Handler handler_;
};

/// Where the consumers of a group get their handler from: one that they share, or a factory that makes it anew for each
/// incarnation, so that what it keeps in itself dies with the process.
struct HandlerSource {
    std::shared_ptr<HandlerCall> shared{};
    std::function<std::shared_ptr<HandlerCall>()> factory{};
    bool is_batch_handler = false;

    [[nodiscard]] bool is_factory() const noexcept { return shared == nullptr; }

    /// A consumer refers to a shared handler without owning it, so that one that is abandoned keeps nothing alive.
    [[nodiscard]] std::shared_ptr<HandlerCall> handler() const {
        return is_factory() ? factory() : std::shared_ptr<HandlerCall>{std::shared_ptr<void>{}, shared.get()};
    }
};

template <class Handler>
[[nodiscard]] HandlerSource handler_source(Handler handler) {
    HandlerSource source;
    if constexpr (HandlerFactory<Handler>) {
        using Made = std::invoke_result_t<Handler&>;
        source.is_batch_handler = !MessageHandler<Made>;
        source.factory = [handler = std::move(handler)]() mutable -> std::shared_ptr<HandlerCall> {
            return std::make_shared<HandlerCallOf<Made>>(handler());
        };
    } else {
        source.is_batch_handler = !MessageHandler<Handler>;
        source.shared = std::make_shared<HandlerCallOf<Handler>>(std::move(handler));
    }
    return source;
}

}  // namespace detail
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
