// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/ledger.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/ids.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// A message on its way from one queue to another. Holds a reference to the record that it leaves.
struct MovedMessage {
    MovedMessage() = default;
    MovedMessage(const MovedMessage&) = delete;
    MovedMessage& operator=(const MovedMessage&) = delete;
    ~MovedMessage() {
        if (owner != nullptr) {
            owner->release(*record);
        }
    }

    RecordOwner* owner = nullptr;
    Record* record = nullptr;
    bool redriven = false;  // by a move task: a new message (R191)
    MessageId message_id{};
    std::uint32_t receives = 0;
    Nanos sent_at{};
    Nanos first_received_at{};
    std::uint64_t source_tag = 0;
    std::string source_name{};
    std::unique_ptr<MovedMessage> next{};  // in a mailbox
};

/// Memory for a message that is to be taken away. Errors: `std::bad_alloc`.
[[nodiscard]] inline std::unique_ptr<MovedMessage> prepare_move(std::string_view source_name) {
    auto moved = std::make_unique<MovedMessage>();
    moved->source_name = source_name;
    return moved;
}

/// Packs a message for another queue and takes it out of this one.
template <class Body>
void take_away(Ledger<Body>& ledger, Record& record, bool redriven, MovedMessage& moved) noexcept {
    ledger.store().retain(record);
    moved.owner = &ledger.store();
    moved.record = &record;
    moved.redriven = redriven;
    moved.message_id = message_id<Body>(record, ledger.store());
    moved.receives = receive_count<Body>(record);
    moved.sent_at = record.sent_at;
    moved.first_received_at = record.first_receive();
    moved.source_tag = ledger.handles().tag();
    ledger.remove(record);
}

/// What a message has in the queue that it was moved to: where its body is, and where it came from.
template <class Body>
void describe_origin(Extras& extras, MovedMessage& moved, Nanos arrived_at) noexcept {
    extras.body_owner = moved.owner;
    extras.body_record = moved.record;
    const Extras* origin = PayloadOf<Body>::extras(*moved.record);
    if (origin != nullptr && origin->body_record != nullptr) {  // moved before: refer to the first record
        extras.body_owner = origin->body_owner;
        extras.body_record = origin->body_record;
    }
    extras.body_owner->retain(*extras.body_record);
    extras.arrived_at = arrived_at;
    if (!moved.redriven) {
        extras.from_dead_letter_move = true;
        extras.message_id = moved.message_id;
        extras.earlier_receives = moved.receives;
        extras.source_tag = moved.source_tag;
    }
}

/// Stores a message that came from another queue, without making it visible. Keeps its times of the send and of the
/// first receive if asked to (R174-R176). Errors: `std::bad_alloc`; the message is still on its way then.
template <class Body>
[[nodiscard]] Record& admit(Ledger<Body>& ledger, MovedMessage& moved, bool keep_times, bool fifo) {
    using Layout = PayloadOf<Body>;
    const std::uint64_t ordinal = ledger.next_ordinal();
    auto extras = std::make_unique<Extras>();
    if (!moved.redriven) {
        extras->source_name = moved.source_name;
    }
    const std::string_view group_id = Layout::group_id(*moved.record);
    std::string deduplication_id;
    if (fifo) {  // R157: so that equal ids of unrelated messages do not meet
        deduplication_id =
            (moved.redriven ? IdAccess::message_id(ledger.store().id_key(), ordinal) : moved.message_id).to_string();
    }
    Extras& its_extras = *extras;
    Record& record = ledger.store().store_moved(std::move(extras), group_id, deduplication_id, !group_id.empty());
    describe_origin<Body>(its_extras, moved, ledger.now());
    record.ordinal = ordinal;
    record.sent_at = keep_times ? moved.sent_at : ledger.now();
    record.first_received_at = keep_times ? moved.first_received_at : never;  // it is never before the send
    if (record.sent_at >= ledger.now()) {
        record.sent_at = ledger.send_time(record.sent_at);
    }
    return record;
}

}  // namespace sqsim::inline SQSIM_ABI::detail
