// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/message_store.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"

#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the receipt handles of a queue refer to.
///
/// A handle is the queue's tag, a slot, and the generation that the record there had when its message was received. So
/// nothing is kept of handles: a stale one names a generation that has passed. A view, made where it is used.
template <class Body>
class Handles {
public:
    Handles(const MessageStore<Body>& store, std::uint64_t tag) noexcept : store_{store}, tag_{tag} {}

    [[nodiscard]] std::uint64_t tag() const noexcept { return tag_; }

    /// The handle of a message's latest receive.
    [[nodiscard]] ReceiptHandle make(const Record& record) const noexcept {
        return IdAccess::handle(tag_, record.place.word());
    }

    /// What a handle refers to. `superseded` comes with the record, too.
    struct Found {
        HandleStatus status;
        Record* record = nullptr;
    };
    [[gnu::always_inline]] [[nodiscard]] Found find(const ReceiptHandle& handle) const noexcept {
        const std::uint32_t slot = Place{IdAccess::place(handle)}.slot();
        const std::uint32_t generation = Place{IdAccess::place(handle)}.generation();
        if (IdAccess::queue(handle) != tag_ || !store_.contains(slot)) {
            const bool was_ours =
                IdAccess::queue(handle) == tag_ && generation - 1 < store_.slots().generation_before(slot);
            return {was_ours ? HandleStatus::gone : HandleStatus::invalid};
        }
        Record& record = store_[slot];
        if (record.generation() - generation >= record.receives() || record.state() == State::free) {
            // Generations only grow, also modulo 2^32: a distance beyond half of that is a handle from the future. No
            // receive had the one that a slot begins with, until the numbers come around.
            const bool is_of_future = record.generation() - generation > 0x8000'0000U;
            return {is_of_future || generation == 0 ? HandleStatus::invalid : HandleStatus::gone};
        }
        return {record.generation() == generation ? HandleStatus::ok : HandleStatus::superseded, &record};
    }

    /// The message in flight of a handle that is its latest; null if that is not what it is.
    [[gnu::always_inline]] [[nodiscard]] Record* find_in_flight(const ReceiptHandle& handle) const noexcept {
        if (IdAccess::issuer(handle) != tag_ && !names_slot(handle)) [[unlikely]] {
            return nullptr;
        }
        return store_.find(Place{IdAccess::place(handle)},
                           [](const Record& record) { return record.state() == State::in_flight; });
    }
    /// The same for the usual case only: the handle was not read from a text, and no delete of the message was lost.
    [[gnu::always_inline]] [[nodiscard]] Record* find_usual(const ReceiptHandle& handle) const noexcept {
        if (IdAccess::issuer(handle) != tag_) [[unlikely]] {
            return nullptr;
        }
        return store_.find(Place{IdAccess::place(handle)},
                           [](const Record& record) { return record.status == Record::leased_status; });
    }

private:
    /// Whether a handle that was read from a text names a slot of this queue.
    [[gnu::noinline]] [[nodiscard]] bool names_slot(const ReceiptHandle& handle) const noexcept {
        return IdAccess::queue(handle) == tag_ && store_.contains(Place{IdAccess::place(handle)}.slot());
    }

    const MessageStore<Body>& store_;
    std::uint64_t tag_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
