// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/error.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"
#include "sqsim/sim/detail/run.hpp"
#include "sqsim/sim/sim_message.hpp"

#include <algorithm>
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

namespace sqsim::inline SQSIM_ABI::sim {

/// How a simulated consumer works.
struct ConsumeOptions {
    int consumers = 1;
    std::chrono::nanoseconds work_time{};  // of virtual time, from the handler to the delete
    int max_number_of_messages = 1;
    std::optional<std::chrono::nanoseconds> visibility_timeout{};
    std::string name = "consumer";
};

namespace detail {

/// Makes a handler for every incarnation: what it keeps in itself dies with the process.
template <class Handler>
concept HandlerFactory = std::invocable<Handler&>;

template <class Handler>
concept MessageHandler = !HandlerFactory<Handler> && std::invocable<Handler&, const SimMessage&>;

template <class Handler>
concept BatchHandler =
    !HandlerFactory<Handler> && !MessageHandler<Handler> && std::invocable<Handler&, std::span<const SimMessage>>;

template <class Handler>
[[nodiscard]] auto make_handler(Handler& handler) {
    if constexpr (HandlerFactory<Handler>) {
        return handler();
    } else {
        return std::ref(handler);
    }
}

/// The loop of a consumer: receive, handle, delete; for one incarnation of an actor.
template <class Q, class Handler>
class Consumer {
public:
    Consumer(Run& run, Q& queue, Handler handler, const ConsumeOptions& options)
        : run_{run}, queue_{queue}, handler_{std::move(handler)}, work_time_{options.work_time},
          batch_(static_cast<std::size_t>(std::max(options.max_number_of_messages, 1))) {
        receive_options_.max_number_of_messages = options.max_number_of_messages;
        receive_options_.visibility_timeout = options.visibility_timeout;
    }

    void live() {
        Actor& actor = run_.actor();
        while (!actor.is_ending && !actor.is_replaced) {
            const std::span received = std::span{batch_}.first(receive());
            if constexpr (std::invocable<std::unwrap_reference_t<Handler>&, const SimMessage&>) {
                handle_each(received);
            } else if (!received.empty()) {
                handle_batch(received);
            }
        }
    }

private:
    /// Calls the service; an error of it is a reason to try again.
    template <class Call>
    auto calmly(Call call) -> decltype(call()) {
#if SQSIM_EXCEPTIONS
        try {
            return call();
        } catch (const Error& error) {
            tell_error(error.what());
            return decltype(call()){};
        }
#else
        return call();
#endif
    }

    [[nodiscard]] std::size_t receive() {
        return calmly([&] { return queue_.receive_or_wait(batch_, receive_options_); });
    }

    void handle_each(std::span<const SimMessage> received) {
        Actor& actor = run_.actor();
        for (std::size_t i = 0; i < received.size(); ++i) {
            actor.subject = received[i].subject_;
            // The first message of a batch comes straight from the receive, where all of this was possible already.
            if (i != 0 && leaves_the_rest()) {
                return;
            }
            if (handle([&] { std::invoke(handler_, received[i]); })) {
                run_.sleep_until(run_.now() + work_time_);
                const auto result = queue_.try_delete_message(received[i].receipt_handle());
                if (!result) {
                    tell_error(result.error().what());
                }
            }
        }
    }

    void handle_batch(std::span<const SimMessage> received) {
        run_.actor().subject = received.front().subject_;
        std::vector<MessageId>& failed = failed_;
        failed.clear();
        const bool done = handle([&] {
            if constexpr (std::is_void_v<
                              std::invoke_result_t<std::unwrap_reference_t<Handler>&, std::span<const SimMessage>>>) {
                std::invoke(handler_, received);
            } else {
                failed = std::invoke(handler_, received);
            }
        });
        if (!done) {
            return;
        }
        run_.sleep_until(run_.now() + work_time_);
        handles_.clear();
        for (const SimMessage& message : received) {
            if (std::find(failed.begin(), failed.end(), message.message_id()) == failed.end()) {
                handles_.push_back(message.receipt_handle());
            }
        }
        if (!handles_.empty()) {
            calmly([&] { return queue_.delete_messages(handles_); });
        }
    }

    /// C7: asked to stop in the middle of a batch, the consumer leaves; another begins.
    [[nodiscard]] bool leaves_the_rest() {
        Actor& actor = run_.actor();
        if (!run_.enter()) {
            return true;
        }
        run_.story().tell(actor, TimelineStep::Kind::point, actor.subject,
                          [&] { return "turn to " + subject_text(actor.subject); });
        const Option option = run_.at(static_cast<std::uint16_t>(Verb::turn), actor.subject, {{Fault::stop}}, true);
        actor.is_replaced = option.fault == Fault::stop;
        return actor.is_replaced;
    }

    /// Calls the user's handler. Returns whether it is content.
    template <class Call>
    [[nodiscard]] bool handle(Call call) {
        Actor& actor = run_.actor();
        if (!run_.enter()) {
            return false;
        }
        run_.story().tell(actor, TimelineStep::Kind::point, actor.subject,
                          [&] { return "handle " + subject_text(actor.subject); });
        if (run_.at(static_cast<std::uint16_t>(Verb::handle), actor.subject, {{Fault::handler_fails}}, false).fault ==
            Fault::handler_fails) {
            return false;
        }
        const Holding holding{actor};
#if SQSIM_EXCEPTIONS
        try {
            call();
        } catch (const Crash&) {
            throw;
        } catch (const std::exception& error) {
            tell_error(error.what());
            return false;
        } catch (...) {
            tell_error("an exception");
            return false;
        }
#else
        call();
#endif
        return true;
    }

    void tell_error(const char* what) {
        run_.story().tell(run_.actor(), TimelineStep::Kind::point, run_.actor().subject,
                          [&] { return "error: " + std::string{what}; });
    }

    Run& run_;
    Q& queue_;
    Handler handler_;
    Nanos work_time_;
    ReceiveMessageOptions receive_options_{};
    std::vector<SimMessage> batch_;
    std::vector<MessageId> failed_{};
    std::vector<ReceiptHandle> handles_{};
};

/// Consumers that work alike.
template <class Q, class Handler>
struct Crew {
    Run& run;
    Q& queue;
    Handler handler;
    ConsumeOptions options;

    /// One incarnation of a member.
    void live(Actor& self) {
        using Member = Consumer<Q, decltype(make_handler(handler))>;
        // The stack may be given up while it waits, so that nothing there may own anything.
        self.memory = std::make_shared<Member>(run, queue, make_handler(handler), options);
        static_cast<Member*>(self.memory.get())->live();
    }
};

}  // namespace detail
}  // namespace sqsim::inline SQSIM_ABI::sim
