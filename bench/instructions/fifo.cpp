// SPDX-License-Identifier: MIT

#include "../fifo_contenders.hpp"
#include "counted.hpp"

namespace bench {
namespace {

/// The life of messages in a FIFO queue with 1,000 groups that remembers 1,000 ids.
class CountedFifo {
    using Queue = sqsim::FifoQueue<sqsim::ManualClock, std::string, sqsim::NullMutex>;

public:
    CountedFifo() {
        for (auto& entry : entries_) {
            entry.body = counted_body;
        }
    }

    void run() {
        pass_messages(messages_before, 10, [this](std::size_t batch) { pass<false>(batch); });
        pass_messages(counted_messages, 10, [this](std::size_t batch) { pass<true>(batch); });
        pass_messages(messages_before, 1, [this](std::size_t) { pass_one<false>(); });
        pass_messages(counted_messages, 1, [this](std::size_t) { pass_one<true>(); });
    }

private:
    template <bool is_counted>
    void pass(std::size_t batch) {
        for (std::size_t i = 0; i < batch; ++i) {
            entries_[i].body.assign(counted_body);
            ids_.next(entries_[i].message_group_id, entries_[i].options.message_deduplication_id);
        }
        is_counted ? counted_send_ten(batch) : send_ten(batch);
        is_counted ? counted_receive_ten(batch) : receive_ten(batch);
        for (std::size_t i = 0; i < batch; ++i) {
            handles_[i] = messages_[i].receipt_handle();
        }
        is_counted ? counted_delete_ten(batch) : delete_ten(batch);
        is_counted ? counted_advance(batch) : advance(batch);
    }
    template <bool is_counted>
    void pass_one() {
        ids_.next(entries_[0].message_group_id, entries_[0].options.message_deduplication_id);
        is_counted ? counted_send_one() : send_one();
        is_counted ? counted_receive_one() : receive_ten(1);
        handles_[0] = messages_[0].receipt_handle();
        is_counted ? counted_delete_one() : delete_one();
        advance(1);
    }

    [[gnu::noinline]] void counted_send_ten(std::size_t batch) { send_ten(batch); }
    [[gnu::noinline]] void counted_receive_ten(std::size_t batch) { receive_ten(batch); }
    [[gnu::noinline]] void counted_delete_ten(std::size_t batch) { delete_ten(batch); }
    [[gnu::noinline]] void counted_advance(std::size_t batch) { advance(batch); }
    [[gnu::noinline]] void counted_send_one() { send_one(); }
    [[gnu::noinline]] void counted_receive_one() { receive_ten(1); }
    [[gnu::noinline]] void counted_delete_one() { delete_one(); }

    void send_ten(std::size_t batch) { keep(queue_.send_messages({entries_.data(), batch})); }
    void receive_ten(std::size_t batch) { keep(queue_.receive_messages({messages_.data(), batch})); }
    void delete_ten(std::size_t batch) { keep(queue_.delete_messages({handles_.data(), batch})); }
    /// A nanosecond for each message: as many ids end as begin.
    void advance(std::size_t batch) { clock_.advance(std::chrono::nanoseconds{batch}); }
    void send_one() {
        keep(queue_.send_message(counted_body, entries_[0].message_group_id,
                                 {.message_deduplication_id = entries_[0].options.message_deduplication_id}));
    }
    void delete_one() { keep(queue_.delete_message(handles_[0])); }

    Ids ids_{1'000};
    sqsim::ManualClock clock_{};
    Queue queue_{clock_, {.deduplication_interval = std::chrono::nanoseconds{1'000}}};
    std::array<sqsim::FifoSendMessageEntry<std::string>, 10> entries_{};
    std::array<Queue::message_type, 10> messages_{};
    std::array<sqsim::ReceiptHandle, 10> handles_{};
};

}  // namespace
}  // namespace bench

int main() { bench::CountedFifo{}.run(); }
