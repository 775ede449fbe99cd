// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/attributes.hpp"
#include "sqsim/clock/clock.hpp"
#include "sqsim/ids.hpp"

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// What is written by different threads lies so far apart: processors fetch lines in pairs.
inline constexpr std::size_t two_cache_lines = 128;

struct AlignedDelete {
    void operator()(std::byte* memory) const noexcept { ::operator delete (memory, std::align_val_t{64}); }
};
/// Memory with the alignment of a record.
using AlignedMemory = std::unique_ptr<std::byte, AlignedDelete>;

[[nodiscard]] inline AlignedMemory allocate_aligned(std::size_t size) {
    return AlignedMemory{static_cast<std::byte*>(::operator new (size, std::align_val_t{64}))};
}

enum class State : std::uint8_t { free, delayed, visible, in_flight };

struct Record;
class RecordOwner;

/// The most bytes that a body may have, whatever the limits of its queue say: records count them so.
inline constexpr std::size_t largest_body = std::numeric_limits<std::uint32_t>::max();

// What a payload has beside the body, as bits; the class of the slot lies above them.
inline constexpr std::uint8_t layout_extras = 1;  // a pointer to Extras
inline constexpr std::uint8_t layout_linked = 2;  // a GroupLink
inline constexpr std::uint8_t layout_boxed = 4;   // the body is large and has memory of its own
inline constexpr int layout_class_shift = 4;

/// What few messages have; immutable once the message is stored.
struct Extras {
    MessageAttributes attributes{};
    std::string aws_trace_header{};

    // Only on a message that was moved here from another queue:
    RecordOwner* body_owner = nullptr;  // the record that has body, attributes and trace header; it is kept for them
    Record* body_record = nullptr;
    bool from_dead_letter_move = false;  // false: redriven, which makes a new message of it (R191)
    MessageId message_id{};              // these: of a dead-letter move
    std::uint32_t earlier_receives = 0;  // in the queues before this one (R173)
    std::uint64_t source_tag = 0;
    std::string source_name{};
    Nanos arrived_at{};
};

/// Where a message lies and in which of the slot's lives: slot number and generation in one word, as in a receipt
/// handle. As two numbers that are written apart they could not be read back at once.
class Place {
public:
    constexpr Place() noexcept = default;
    constexpr explicit Place(std::uint64_t word) noexcept : word_{word} {}
    constexpr Place(std::uint32_t slot, std::uint32_t generation) noexcept
        : word_{std::uint64_t{generation} << 32 | slot} {}

    [[nodiscard]] constexpr std::uint64_t word() const noexcept { return word_; }
    [[nodiscard]] constexpr std::uint32_t slot() const noexcept { return static_cast<std::uint32_t>(word_); }
    [[nodiscard]] constexpr std::uint32_t generation() const noexcept {
        return static_cast<std::uint32_t>(word_ >> 32);
    }
    /// The same slot, a receive or a removal later.
    [[nodiscard]] constexpr Place next() const noexcept { return Place{word_ + (std::uint64_t{1} << 32)}; }

    friend constexpr bool operator==(Place, Place) noexcept = default;

private:
    std::uint64_t word_ = 0;
};

/// A stored message: one cache line, with the payload right behind it. Fields above the line below are written once,
/// before the message can be seen; a `Message` reads them without the queue's lock. The others belong to the lock.
struct alignas(64) Record {
    // The generation counts receives and removals, so that every reference made for an earlier life or lease is
    // recognised as stale. Between `born`, when the life before this one ended, and it lie the receives in this queue.
    // Both belong to the lock even while a sender fills the slot: only who finds them as expected may look at the other
    // fields.
    Place place{};
    union {
        std::uint64_t ordinal = 0;  // by send, from 1; the identity and the place in the queue derive from it
        Record* next_free;          // once nobody refers to the record: the way back to the store
    };
    Nanos sent_at{};
    std::uint32_t body_size = 0;
    std::uint8_t group_id_size = 0;
    std::uint8_t deduplication_id_size = 0;
    std::uint8_t layout = 0;  // bits for what the payload has, and the class of the slot
    // ---------------------------------------------------------------------------------------------------------
    std::uint8_t status = 0;                   // the state and marks
    std::atomic<std::uint32_t> references{1};  // the queue's and every Message's; 1 while the slot is free
    std::uint32_t born = 0;
    Nanos deadline{};  // of the delay or the lease; once visible: since when
    union {
        Nanos received_at{};  // when the lease began
        Record* next_held;    // once it was removed although somebody refers to it
    };
    Nanos first_received_at{};  // never: not yet

    static constexpr std::uint8_t state_mask = 3;
    // Marks in `status`.
    static constexpr std::uint8_t in_line = 4;          // visible from the send on: the order of arrivals delivers it
    static constexpr std::uint8_t survived_delete = 8;  // a delete of it was lost; the next one works
    static constexpr std::uint8_t untouched = 16;       // visible since its send: the three times are not written yet
    static constexpr std::uint8_t leaving = 32;         // deleted by the batch that is at work

    /// A message that a plain send has stored and that nothing has happened to.
    static constexpr std::uint8_t plain_status = static_cast<std::uint8_t>(State::visible) | in_line | untouched;

    /// One that is in flight, and no delete of it was lost.
    static constexpr std::uint8_t leased_status = static_cast<std::uint8_t>(State::in_flight);

    [[nodiscard]] std::uint32_t slot() const noexcept { return place.slot(); }
    [[nodiscard]] std::uint32_t generation() const noexcept { return place.generation(); }
    [[nodiscard]] State state() const noexcept { return static_cast<State>(status & state_mask); }
    void set_state(State state) noexcept {
        status = static_cast<std::uint8_t>((status & ~state_mask) | static_cast<std::uint8_t>(state));
    }
    [[nodiscard]] bool has(std::uint8_t mark) const noexcept { return (status & mark) != 0; }
    void mark(std::uint8_t mark) noexcept { status |= mark; }
    void unmark(std::uint8_t mark) noexcept { status &= static_cast<std::uint8_t>(~mark); }

    /// Describes a message with a body of so many bytes and nothing else, visible since its send.
    [[gnu::always_inline]] void describe_plain(std::uint64_t size, std::uint64_t plain_layout) noexcept {
        if constexpr (std::endian::native == std::endian::little) {  // the five fields in one store
            const std::uint64_t word = size | plain_layout << 48 | std::uint64_t{plain_status} << 56;
            std::memcpy(reinterpret_cast<std::byte*>(this) + offsetof(Record, body_size), &word, sizeof word);
        } else {
            body_size = static_cast<std::uint32_t>(size);
            group_id_size = 0;
            deduplication_id_size = 0;
            layout = static_cast<std::uint8_t>(plain_layout);
            status = plain_status;
        }
    }

    /// How often the message was received in this queue.
    [[nodiscard]] std::uint32_t receives() const noexcept { return generation() - born; }
    /// When a delay or lease ends, or since when the message is visible.
    [[nodiscard]] Nanos state_until() const noexcept { return has(untouched) ? sent_at : deadline; }
    [[nodiscard]] Nanos first_receive() const noexcept { return has(untouched) ? never : first_received_at; }
};

static_assert(sizeof(Record) == 64);

/// Starts to fetch a record and what lies behind it, which are soon read or, if `to_write`, written.
template <bool to_write>
void prefetch([[maybe_unused]] const Record& record) noexcept {
#if defined(__GNUC__)
    __builtin_prefetch(&record, to_write ? 1 : 0);
    __builtin_prefetch(&record + 1, to_write ? 1 : 0);
#endif
}

/// A message's place in its group, at the front of the payload.
struct GroupLink {
    std::uint32_t group = 0;
    std::uint32_t previous = 0;
    std::uint32_t next = 0;
    std::uint32_t timer = 0;             // of the timer that ends the delay or the lease
    std::uint64_t visible_sequence = 0;  // orders messages that became visible at one instant (R144)
};

/// Where a large body is.
struct BodyBox {
    std::byte* memory = nullptr;
};

/// Where the parts of a payload lie behind their record: [extras] [link] body-or-box [group id] [deduplication id].
/// The alignment is the body's; a body of type std::string is stored as its characters.
template <std::size_t BodyAlignment>
struct Payload {
    [[nodiscard]] static std::byte* begin(Record& record) noexcept {
        return reinterpret_cast<std::byte*>(&record) + sizeof(Record);
    }
    [[nodiscard]] static constexpr std::size_t link_offset(std::uint8_t layout) noexcept {
        return (layout & layout_extras) != 0 ? sizeof(Extras*) : 0;
    }
    [[nodiscard]] static constexpr std::size_t body_offset(std::uint8_t layout) noexcept {
        const std::size_t front = link_offset(layout) + ((layout & layout_linked) != 0 ? sizeof(GroupLink) : 0);
        const std::size_t alignment = (layout & layout_boxed) != 0 ? alignof(BodyBox) : BodyAlignment;
        return (front + alignment - 1) / alignment * alignment;
    }
    [[nodiscard]] static constexpr std::size_t ids_offset(std::uint8_t layout, std::size_t body_size) noexcept {
        return body_offset(layout) + ((layout & layout_boxed) != 0 ? sizeof(BodyBox) : body_size);
    }
    [[nodiscard]] static const Extras* extras(Record& record) noexcept {
        return (record.layout & layout_extras) != 0 ? *std::launder(reinterpret_cast<const Extras**>(begin(record)))
                                                    : nullptr;
    }
    [[nodiscard]] static GroupLink& link(Record& record) noexcept {
        return *std::launder(reinterpret_cast<GroupLink*>(begin(record) + link_offset(record.layout)));
    }
    [[nodiscard]] static BodyBox& box(Record& record) noexcept {
        return *std::launder(reinterpret_cast<BodyBox*>(begin(record) + body_offset(record.layout)));
    }
    [[nodiscard]] static std::byte* body(Record& record) noexcept {
        return (record.layout & layout_boxed) != 0 ? box(record).memory : begin(record) + body_offset(record.layout);
    }
    [[nodiscard]] static std::byte* ids(Record& record) noexcept {
        return begin(record) + ids_offset(record.layout, record.body_size);
    }
    [[nodiscard]] static std::string_view group_id(Record& record) noexcept {
        return {reinterpret_cast<const char*>(ids(record)), record.group_id_size};
    }
    [[nodiscard]] static std::string_view deduplication_id(Record& record) noexcept {
        return {reinterpret_cast<const char*>(ids(record)) + record.group_id_size, record.deduplication_id_size};
    }
};

template <class Body>
inline constexpr bool is_text = std::is_same_v<Body, std::string>;

template <class Body>
using PayloadOf = Payload<is_text<Body> ? 1 : alignof(Body)>;

/// How often a message was received, in all queues that it went through (R173).
template <class Body>
[[nodiscard]] std::uint32_t receive_count(Record& record) noexcept {
    const Extras* extras = PayloadOf<Body>::extras(record);
    return record.receives() + (extras != nullptr ? extras->earlier_receives : 0);
}

/// What a store of records offers to those who hold a reference without knowing its type.
///
/// References are counted with as few locked instructions as can be: who holds the only reference shares the count with
/// nobody, and who has the queue's lock shares two of them with nobody if one is the queue's.
class RecordOwner {
public:
    RecordOwner(const RecordOwner&) = delete;
    RecordOwner& operator=(const RecordOwner&) = delete;

    /// Adds a reference to a record that the caller already holds one of.
    void retain(Record& record) noexcept {
        if (concurrent_) {
            record.references.fetch_add(1, std::memory_order_relaxed);
        } else {
            record.references.store(record.references.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
        }
    }

    /// Adds a reference to a record that the queue holds, under the queue's lock.
    void hand_out(Record& record) noexcept { concurrent_ ? hand_out<true>(record) : hand_out<false>(record); }
    template <bool is_shared>
    [[gnu::always_inline]] void hand_out(Record& record) noexcept {
        const std::uint32_t count = record.references.load(std::memory_order_acquire);
        if (!is_shared || count == 1) {
            record.references.store(count + 1, std::memory_order_relaxed);
        } else {
            record.references.fetch_add(1, std::memory_order_relaxed);
        }
    }

    /// Gives a reference back; the last one frees the payload and returns the slot, from any thread.
    void release(Record& record) noexcept {
        if (drop_reference(record)) {
            if (!has_plain_payload(record)) {
                destroy_payload(record);
            }
            give_back(record);
        }
    }

    /// The key of the ids of new messages.
    [[nodiscard]] std::uint64_t id_key() const noexcept { return id_key_; }
    /// The key of the id of any message.
    [[nodiscard]] std::uint64_t id_key_of(std::uint64_t ordinal) const noexcept {
        std::uint64_t key = id_key_;
        for (const EarlierIds* ids = earlier_ids_.get(); ids != nullptr && ordinal <= ids->last_ordinal;
             ids = ids->earlier.get()) {
            key = ids->key;
        }
        return key;
    }
    /// Gives messages after this one ids of another key. Without memory the earlier ones have other ids, too.
    /// Precondition: no other thread uses the store.
    [[gnu::noinline, gnu::cold]] void change_id_key(std::uint64_t key, std::uint64_t last_ordinal) noexcept {
        if (auto* const ids = new (std::nothrow) EarlierIds{last_ordinal, id_key_, nullptr}) {
            ids->earlier = std::move(earlier_ids_);
            earlier_ids_.reset(ids);
        }
        id_key_ = key;
    }
    /// Whether several threads may use the store.
    [[nodiscard]] bool is_concurrent() const noexcept { return concurrent_; }

protected:
    RecordOwner(std::uint64_t id_key, bool concurrent, bool text_bodies) noexcept
        : id_key_{id_key}, concurrent_{concurrent}, text_bodies_{text_bodies} {}
    virtual ~RecordOwner() = default;

    /// Whether a payload is nothing but characters.
    [[gnu::always_inline]] [[nodiscard]] bool has_plain_payload(const Record& record) const noexcept {
        return text_bodies_ && (record.layout & (layout_boxed | layout_extras)) == 0;
    }

    /// Frees body and extras of a record that nobody refers to any more.
    virtual void destroy_payload(Record& record) noexcept = 0;

    /// Drops a reference. Returns whether it was the last one, which then is not counted down.
    [[gnu::always_inline]] [[nodiscard]] bool drop_reference(Record& record) noexcept {
        const std::uint32_t count = record.references.load(std::memory_order_acquire);
        if (count == 1) {
            return true;
        }
        if (concurrent_) {
            if (record.references.fetch_sub(1, std::memory_order_acq_rel) != 1) {
                return false;
            }
            record.references.store(1, std::memory_order_relaxed);
            return true;
        }
        record.references.store(count - 1, std::memory_order_relaxed);
        return false;
    }

    /// The same where one thread has the queue for itself.
    [[gnu::always_inline]] [[nodiscard]] static bool drop_uncontended(Record& record) noexcept {
        const std::uint32_t count = record.references.load(std::memory_order_relaxed);
        if (count == 1) {
            return true;
        }
        record.references.store(count - 1, std::memory_order_relaxed);
        return false;
    }

    /// Drops a `Message`'s reference to a record that the queue refers to, too. Under the queue's lock.
    [[gnu::always_inline]] static void drop_beside_the_queue(Record& record) noexcept {
        if (record.references.load(std::memory_order_acquire) == 2) [[likely]] {
            record.references.store(1, std::memory_order_release);
        } else {
            record.references.fetch_sub(1, std::memory_order_acq_rel);
        }
    }

    /// Returns the slot of a record that nobody refers to, from any thread.
    void give_back(Record& record) noexcept {
        Record* head = returned_.load(std::memory_order_acquire);
        do {
            if (head == closed()) {
                if (orphans_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                    delete this;
                }
                return;
            }
            record.next_free = head;
            if (!concurrent_) {
                returned_.store(&record, std::memory_order_relaxed);
                return;
            }
        } while (!returned_.compare_exchange_weak(head, &record, std::memory_order_acq_rel, std::memory_order_acquire));
    }

    /// All records given back since the last call, linked by `next_free`.
    [[nodiscard]] Record* take_returned() noexcept {
        if (returned_.load(std::memory_order_relaxed) == nullptr) {
            return nullptr;
        }
        return returned_.exchange(nullptr, std::memory_order_acquire);
    }

    /// Ends the store's life with its queue's: frees it now, or when the last of `referenced` records is given back.
    void close(std::uint32_t referenced) noexcept {
        std::uint32_t returned = 0;
        for (Record* record = returned_.exchange(closed(), std::memory_order_acq_rel); record != nullptr;
             record = record->next_free) {
            ++returned;
        }
        const auto outstanding = static_cast<std::int64_t>(referenced) - returned;
        if (orphans_.fetch_add(outstanding, std::memory_order_acq_rel) + outstanding == 0) {
            delete this;
        }
    }

private:
    // Stands in `returned_` for "the queue is gone". The store's own address: a variable would be another one in each
    // shared object that hides its symbols.
    [[nodiscard]] Record* closed() noexcept { return reinterpret_cast<Record*>(this); }

    struct EarlierIds {
        std::uint64_t last_ordinal;
        std::uint64_t key;
        std::unique_ptr<const EarlierIds> earlier;
    };

    std::uint64_t id_key_;
    std::unique_ptr<const EarlierIds> earlier_ids_{};  // the latest first
    bool concurrent_;
    bool text_bodies_;
    alignas(two_cache_lines) std::atomic<Record*> returned_{nullptr};  // apart: many write it, all read the above
    std::atomic<std::int64_t> orphans_{0};
};

/// A message's identity: its queue's key and its ordinal, unless it came with a dead-letter move.
template <class Body>
[[nodiscard]] MessageId message_id(Record& record, const RecordOwner& owner) noexcept {
    const Extras* extras = PayloadOf<Body>::extras(record);
    return extras != nullptr && extras->from_dead_letter_move
               ? extras->message_id
               : IdAccess::message_id(owner.id_key_of(record.ordinal), record.ordinal);
}

}  // namespace sqsim::inline SQSIM_ABI::detail
