// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/record.hpp"
#include "sqsim/detail/slots.hpp"
#include "sqsim/detail/spare_memory.hpp"

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// The messages of a queue: records with their payloads, in slots that are used again.
///
/// Body and ids lie behind their record, so that a send allocates nothing once the queue has reached its size. A slot
/// is recycled when its message is gone and no `Message` refers to it.
/// Concurrency: as `Slots` says, with the queue's lock for the owner's side; and as `RecordOwner` says.
template <class Body>
class MessageStore final : public RecordOwner {
    using Layout = PayloadOf<Body>;
    static_assert(is_text<Body> || alignof(Body) <= alignof(Record), "a body may not be aligned beyond 64 bytes");

    struct Close {
        void operator()(MessageStore* store) const noexcept { store->close_with_queue(); }
    };

public:
    /// The queue's share of a store, which goes when the last message that the user holds goes.
    using Pointer = std::unique_ptr<MessageStore, Close>;

    [[nodiscard]] static Pointer make(std::uint64_t id_key, bool concurrent) {
        return Pointer{new MessageStore{id_key, concurrent}};
    }

    [[nodiscard]] static void* operator new(std::size_t size, std::align_val_t alignment) {
        return SpareMemory::allocate(size, static_cast<std::size_t>(alignment));
    }
    static void operator delete(void* memory, std::size_t size, std::align_val_t alignment) noexcept {
        SpareMemory::deallocate(memory, size, static_cast<std::size_t>(alignment));
    }

    /// A new record for a message with this body; null if the senders' side has no slot for it. Needs that side only.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] Record* try_store(From&& body) {
        const std::size_t size = size_of(body);
        const std::uint8_t layout = layout_for(size, false, false);
        Record* record = slots_.try_take(Layout::ids_offset(layout, size));
        if (record == nullptr && !is_concurrent()) {  // then this is the owner's side, too
            collect();
            record = slots_.try_take(Layout::ids_offset(layout, size));
        }
        if (record != nullptr) {
            begin(*record, layout, size, {}, {});
            fill(*record, std::forward<From>(body), nullptr);
        }
        return record;
    }

    /// Returns slots that `try_store` took, linked by `next_free`, and whose messages will not be. Needs that side
    /// only.
    void put_back(Record* record) noexcept {
        while (record != nullptr) {
            Record* const next = record->next_free;
            if (!has_plain_payload(*record)) {
                destroy_payload(*record);
            }
            slots_.put_back(*record);
            record = next;
        }
    }

    /// A new record for a message with this body.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] Record& store(From&& body, std::unique_ptr<const Extras> extras,
                                                       std::string_view group_id, std::string_view deduplication_id,
                                                       bool linked) {
        const std::size_t size = size_of(body);
        Record& record = allocate(layout_for(size, extras != nullptr, linked), size, group_id, deduplication_id);
        fill(record, std::forward<From>(body), std::move(extras));
        return record;
    }

    /// A new record for a message whose body stays in the record that `extras` names.
    [[nodiscard]] Record& store_moved(std::unique_ptr<const Extras> extras, std::string_view group_id,
                                      std::string_view deduplication_id, bool linked) {
        Record& record = allocate(layout_for(0, true, linked), 0, group_id, deduplication_id);
        ::new (Layout::begin(record)) const Extras* {extras.release()};
        return record;
    }

    [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept { return slots_[slot]; }
    [[nodiscard]] Slots& slots() noexcept { return slots_; }
    [[nodiscard]] const Slots& slots() const noexcept { return slots_; }

    /// Whether a slot, as a handle may name it, was ever allocated.
    [[nodiscard]] bool contains(std::uint32_t slot) const noexcept { return slots_.contains(slot); }

    /// Ends a message's life in the queue: every reference to it but those of `Message` objects becomes stale.
    [[gnu::always_inline]] void remove(Record& record) noexcept {
        record.state = State::free;
        record.born = ++record.generation;
        drop(record);
    }

    /// Gives a reference back, under the queue's lock. What must be destroyed is, once the lock has been let go.
    [[gnu::always_inline]] void drop(Record& record) noexcept {
        if (!drop_reference(record)) {
            return;
        }
        if (has_plain_payload(record)) {
            slots_.recycle(record);
        } else {
            record.next_free = doomed_;
            doomed_ = &record;
        }
    }

    /// Frees the slots that were given back from anywhere.
    void collect() noexcept {
        for (Record* record = take_returned(); record != nullptr;) {
            Record* const next = record->next_free;
            slots_.recycle(*record);
            record = next;
        }
    }

    [[nodiscard]] bool has_doomed() const noexcept { return doomed_ != nullptr; }

    /// The removed records whose payload must be destroyed: by `bury`, when the queue's lock has been let go.
    [[nodiscard]] Record* take_doomed() noexcept { return std::exchange(doomed_, nullptr); }

    /// Destroys what `take_doomed` returned. Concurrency: needs no lock.
    void bury(Record* doomed) noexcept {
        while (doomed != nullptr) {
            Record* const next = doomed->next_free;
            destroy_payload(*doomed);
            give_back(*doomed);
            doomed = next;
        }
    }

private:
    static constexpr std::size_t largest_inline_body = 4096;
    static_assert(sizeof(Extras*) + sizeof(GroupLink) + 64 + largest_inline_body + 2 * 128 <= SlotSizes::largest);

    // Gives a slot back whose body could not be constructed.
    struct Unfinished {
        Unfinished(MessageStore& store_, Record& record_) noexcept : store{store_}, record{&record_} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (record != nullptr) {
                store.slots_.put_back(*record);
            }
        }
        MessageStore& store;
        Record* record;
    };

    MessageStore(std::uint64_t id_key, bool concurrent)
        : RecordOwner{id_key, concurrent, is_text<Body>}, slots_{concurrent} {}
    ~MessageStore() override = default;

    template <class From>
    [[nodiscard]] static std::size_t size_of(const From& body) noexcept {
        if constexpr (is_text<Body>) {
            return std::string_view{body}.size();
        } else {
            return sizeof(Body);
        }
    }

    [[nodiscard]] static std::uint8_t layout_for(std::size_t size, bool extras, bool linked) noexcept {
        return static_cast<std::uint8_t>((size > largest_inline_body ? layout_boxed : 0U) |
                                         (extras ? layout_extras : 0U) | (linked ? layout_linked : 0U));
    }

    [[gnu::always_inline]] [[nodiscard]] Record&
    allocate(std::uint8_t layout, std::size_t body_size, std::string_view group_id, std::string_view deduplication_id) {
        collect();
        Record& record = slots_.take(Layout::ids_offset(layout, body_size) + group_id.size() + deduplication_id.size());
        begin(record, layout, body_size, group_id, deduplication_id);
        return record;
    }

    /// Writes everything but body and extras.
    [[gnu::always_inline]] void begin(Record& record, std::uint8_t layout, std::size_t body_size,
                                      std::string_view group_id, std::string_view deduplication_id) noexcept {
        record.references.store(1, std::memory_order_relaxed);
        record.body_size = static_cast<std::uint32_t>(body_size);
        record.group_id_size = static_cast<std::uint8_t>(group_id.size());
        record.deduplication_id_size = static_cast<std::uint8_t>(deduplication_id.size());
        record.layout = layout;
        record.was_delayed = false;
        record.survived_delete = false;
        record.first_received_at = never;
        if ((layout & layout_linked) != 0) {
            ::new (Layout::begin(record) + Layout::link_offset(layout)) GroupLink{};
        }
        if (!group_id.empty() || !deduplication_id.empty()) {
            copy(Layout::ids(record), group_id);
            copy(Layout::ids(record) + group_id.size(), deduplication_id);
        }
    }

    template <class From>
    [[gnu::always_inline]] void fill(Record& record, From&& body, std::unique_ptr<const Extras>&& extras) {
        if constexpr (is_text<Body>) {
            if (record.layout == 0) [[likely]] {
                copy(Layout::begin(record), std::string_view{body});
                return;
            }
        }
        Unfinished unfinished{*this, record};
        AlignedMemory box{(record.layout & layout_boxed) != 0 ? allocate_aligned(record.body_size)
                                                              : nullptr};  // may throw
        if (box != nullptr) {
            ::new (Layout::begin(record) + Layout::body_offset(record.layout)) BodyBox{box.get()};
        }
        if constexpr (is_text<Body>) {
            copy(Layout::body(record), std::string_view{body});
        } else {
            ::new (Layout::body(record)) Body(std::forward<From>(body));  // may throw
        }
        if (extras != nullptr) {
            ::new (Layout::begin(record)) const Extras* {extras.release()};
        }
        static_cast<void>(box.release());
        unfinished.record = nullptr;
    }

    void destroy_payload(Record& record) noexcept override {
        const Extras* const extras = Layout::extras(record);
        const bool body_is_here = extras == nullptr || extras->body_record == nullptr;
        if (body_is_here) {
            if constexpr (!is_text<Body>) {
                std::destroy_at(std::launder(reinterpret_cast<Body*>(Layout::body(record))));
            }
            if ((record.layout & layout_boxed) != 0) {
                AlignedDelete{}(Layout::box(record).memory);
            }
        }
        if (extras != nullptr) {
            if (!body_is_here) {
                extras->body_owner->release(*extras->body_record);
            }
            delete extras;
        }
    }

    void close_with_queue() noexcept {
        slots_.for_each([this](Record& record) {
            if (record.state != State::free) {
                remove(record);
            }
        });
        bury(take_doomed());
        collect();
        close(static_cast<std::uint32_t>(slots_.count_taken()));
    }

    static void copy(std::byte* to, std::string_view text) noexcept {
        if (!text.empty()) {
            std::memcpy(to, text.data(), text.size());
        }
    }

    Slots slots_;
    Record* doomed_ = nullptr;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
