// SPDX-License-Identifier: MIT
#pragma once

#include "counted.hpp"

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/queue.hpp"

#include <array>
#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace bench {

/// The life of messages in a standard queue, each step a function of its own.
template <class Lock>
class CountedStandard {
    using Queue = sqsim::Queue<sqsim::ManualClock, std::string, Lock>;
    using Message = typename Queue::message_type;

public:
    CountedStandard() {
        bodies_.fill(counted_body);
        keep(bodies_);  // what is known of them when compiling is no longer
    }

    /// By ten, one at a time, fused, and over the ends of leases.
    void run() {
        pass_messages(messages_before, 10, [this](std::size_t batch) { pass<false>(batch); });
        pass_messages(counted_messages, 10, [this](std::size_t batch) { pass<true>(batch); });
        pass_messages(messages_before, 1, [this](std::size_t) { pass_one<false>(); });
        pass_messages(counted_messages, 1, [this](std::size_t) { pass_one<true>(); });
        end_leases<false>();
        end_leases<true>();
    }

private:
    template <bool is_counted>
    void pass(std::size_t batch) {
        is_counted ? counted_send_ten(batch) : send_ten(batch);
        is_counted ? counted_receive_ten(batch) : receive_ten(batch);
        note_handles(batch);
        is_counted ? counted_delete_ten(batch) : delete_ten(batch);
    }
    template <bool is_counted>
    void pass_one() {
        is_counted ? counted_send_one() : send_one();
        is_counted ? counted_receive_one() : receive_one();
        note_handles(1);
        is_counted ? counted_delete_one() : delete_one();
    }

    /// Leases of which none is deleted before it ends; the next receives find all of them again.
    template <bool is_counted>
    void end_leases() {
        pass_messages(counted_messages, 10, [this](std::size_t batch) {
            send_ten(batch);
            receive_ten(batch);
        });
        is_counted ? counted_end_leases() : clock_.advance(std::chrono::seconds{31});
        pass_messages(counted_messages, 10, [this](std::size_t batch) {
            is_counted ? counted_receive_again(batch) : receive_ten(batch);
            note_handles(batch);
            delete_ten(batch);
        });
    }

    [[gnu::noinline]] void counted_send_ten(std::size_t batch) { send_ten(batch); }
    [[gnu::noinline]] void counted_receive_ten(std::size_t batch) { receive_ten(batch); }
    [[gnu::noinline]] void counted_delete_ten(std::size_t batch) { delete_ten(batch); }
    [[gnu::noinline]] void counted_send_one() { send_one(); }
    [[gnu::noinline]] void counted_receive_one() { receive_one(); }
    [[gnu::noinline]] void counted_delete_one() { delete_one(); }
    [[gnu::noinline]] void counted_end_leases() { clock_.advance(std::chrono::seconds{31}); }
    [[gnu::noinline]] void counted_receive_again(std::size_t batch) { receive_ten(batch); }

    void send_ten(std::size_t batch) {
        keep(queue_.send_messages(std::span<const std::string_view>{bodies_.data(), batch}));
    }
    void receive_ten(std::size_t batch) { keep(queue_.receive_messages({messages_.data(), batch})); }
    void delete_ten(std::size_t batch) { keep(queue_.delete_messages({handles_.data(), batch})); }
    void send_one() { static_cast<void>(queue_.send_message(bodies_[0])); }  // the id is made if it is asked for
    void receive_one() { keep(queue_.receive_messages({messages_.data(), 1})); }
    void delete_one() { keep(queue_.delete_message(handles_[0])); }

    void note_handles(std::size_t batch) {
        for (std::size_t i = 0; i < batch; ++i) {
            handles_[i] = messages_[i].receipt_handle();
        }
    }

    sqsim::ManualClock clock_{};
    Queue queue_{clock_, {.limits = {.maximum_in_flight = sqsim::unlimited}}};
    std::array<std::string_view, 10> bodies_{};
    std::array<Message, 10> messages_{};
    std::array<sqsim::ReceiptHandle, 10> handles_{};
};

}  // namespace bench
