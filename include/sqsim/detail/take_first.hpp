// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/record.hpp"

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// Messages that a receive overwrites, of other queues: what they refer to must not end under this queue's lock.
template <class Message, std::size_t most>
class OtherMessages {
public:
    OtherMessages() noexcept {}  // no memory is written
    OtherMessages(const OtherMessages&) = delete;
    OtherMessages& operator=(const OtherMessages&) = delete;
    ~OtherMessages() {
        if (count_ != 0) [[unlikely]] {
            end();
        }
    }

    [[gnu::noinline]] void keep(Message& message) noexcept {
        ::new (places_ + count_++ * sizeof(Message)) Message{std::move(message)};
    }

private:
    [[gnu::noinline]] void end() noexcept {
        while (count_ != 0) {
            std::destroy_at(std::launder(reinterpret_cast<Message*>(places_ + --count_ * sizeof(Message))));
        }
    }

    alignas(Message) std::byte places_[most * sizeof(Message)];
    std::size_t count_ = 0;
};

/// Puts what the fast path receives where other messages were, or none.
template <class Core, class Others>
struct TakeFirst {
    [[gnu::always_inline]] void operator()(Record& record) noexcept {
        make_room();
        core.fill(*next++, record);
    }
    [[gnu::always_inline]] void plain(Record& record, Place place, Nanos received_at, Nanos deadline) noexcept {
        make_room();
        core.fill_first(*next++, record, place, received_at, deadline);
    }
    [[gnu::always_inline]] void make_room() noexcept {
        if (!core.let_go(*next)) [[unlikely]] {
            others.keep(*next);
        }
    }

    Core& core;
    typename Core::message_type* next;
    Others& others;
};

/// The same for one plain message, where none of another queue was.
template <class Core>
struct TakeOneFirst {
    [[gnu::always_inline]] void plain(Record& record, Place place, Nanos received_at, Nanos deadline) noexcept {
        static_cast<void>(core.let_go(out));
        core.fill_first(out, record, place, received_at, deadline);
    }

    Core& core;
    typename Core::message_type& out;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
