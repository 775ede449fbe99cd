// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/record.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The slots in which a queue keeps its messages.
///
/// A slot is a record and a payload of one of a few sizes, so that body and ids lie behind their record and a send
/// allocates nothing once the queue has reached its size. A slot is recycled when its message is gone and no `Message`
/// refers to it. Its number encodes the size: 4 bits of class, 28 bits of place.
/// Concurrency: under the queue's lock, but for what `RecordOwner` says.
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

    /// A new record for a message with this body.
    template <class From>
    [[nodiscard]] Record& store(From&& body, std::unique_ptr<const Extras> extras, std::string_view group_id,
                                std::string_view deduplication_id, bool linked) {
        std::size_t size = sizeof(Body);
        if constexpr (is_text<Body>) {
            size = std::string_view{body}.size();
        }
        const std::uint8_t boxed = size > largest_inline_body ? layout_boxed : std::uint8_t{0};
        Block box{boxed != 0 ? allocate_aligned(size) : nullptr};
        Unfinished unfinished{*this, allocate(boxed, size, std::move(extras), group_id, deduplication_id, linked)};
        Record& record = *unfinished.record;
        if (boxed != 0) {
            ::new (Layout::begin(record) + Layout::body_offset(record.layout)) BodyBox{box.get()};
        }
        if constexpr (is_text<Body>) {
            copy(Layout::body(record), std::string_view{body});
        } else {
            ::new (Layout::body(record)) Body(std::forward<From>(body));  // may throw
        }
        static_cast<void>(box.release());
        unfinished.record = nullptr;
        return record;
    }

    /// A new record for a message whose body stays in the record that `extras` names.
    [[nodiscard]] Record& store_moved(std::unique_ptr<const Extras> extras, std::string_view group_id,
                                      std::string_view deduplication_id, bool linked) {
        return allocate(0, 0, std::move(extras), group_id, deduplication_id, linked);
    }

    /// The record of a slot that was allocated at some time.
    [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept {
        return classes_[slot >> place_bits].record(slot & place_mask);
    }

    /// Whether a slot, as a handle may name it, was ever allocated.
    [[nodiscard]] bool contains(std::uint32_t slot) const noexcept {
        const std::uint32_t number = slot >> place_bits;
        return number < classes_.size() && (slot & place_mask) < classes_[number].used;
    }

    /// Ends a message's life in the queue: every reference to it but those of `Message` objects becomes stale.
    void remove(Record& record) noexcept {
        record.state = State::free;
        ++record.generation;
        if (!drop_reference(record)) {
            return;
        }
        if (is_text<Body> && (record.layout & (layout_boxed | layout_extras)) == 0) {
            recycle(record);
        } else {
            record.next_free = doomed_;
            doomed_ = &record;
        }
    }

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
    static constexpr std::uint32_t place_bits = 28;
    static constexpr std::uint32_t place_mask = (std::uint32_t{1} << place_bits) - 1;
    static constexpr std::size_t largest_inline_body = 4096;
    static constexpr std::array<std::uint32_t, 13> payload_sizes{64,   128,  192,  256,  384,  512, 768,
                                                                 1024, 1536, 2048, 3072, 4096, 4480};
    static_assert(sizeof(Extras*) + sizeof(GroupLink) + 64 + largest_inline_body + 2 * 128 <= payload_sizes.back());

    // The smallest class for a payload of so many times 64 bytes.
    static constexpr auto class_of = [] {
        std::array<std::uint8_t, payload_sizes.back() / 64 + 1> table{};
        std::uint8_t number = 0;
        for (std::size_t lines = 0; lines < table.size(); ++lines) {
            number = static_cast<std::uint8_t>(number + (lines * 64 > payload_sizes[number] ? 1 : 0));
            table[lines] = number;
        }
        return table;
    }();

    struct AlignedDelete {
        void operator()(std::byte* memory) const noexcept {
            ::operator delete (memory, std::align_val_t{alignof(Record)});
        }
    };

    using Block = std::unique_ptr<std::byte, AlignedDelete>;

    [[nodiscard]] static std::byte* allocate_aligned(std::size_t size) {
        return static_cast<std::byte*>(::operator new (size, std::align_val_t{alignof(Record)}));
    }

    // Gives a slot back whose body could not be constructed.
    struct Unfinished {
        Unfinished(MessageStore& store_, Record& record_) noexcept : store{store_}, record{&record_} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (record != nullptr) {
                delete Layout::extras(*record);
                store.recycle(*record);
            }
        }
        MessageStore& store;
        Record* record;
    };

    // The slots of one size. Blocks double up to 1,024 slots, so that a small queue stays small.
    struct SizeClass {
        std::uint32_t stride = 0;
        std::uint32_t used = 0;  // slots ever allocated
        std::uint32_t capacity = 0;
        Record* free = nullptr;
        std::vector<Block> blocks{};

        [[nodiscard]] Record& record(std::uint32_t place) const noexcept {
            return *std::launder(reinterpret_cast<Record*>(memory(place)));
        }

        [[nodiscard]] std::byte* memory(std::uint32_t place) const noexcept {
            std::size_t block = 6 + (place >> 10);
            std::size_t offset = place & 1023;
            if (place < 1024) {
                block = static_cast<std::size_t>(std::bit_width(place >> 4));
                offset = block == 0 ? place : place - (std::size_t{8} << block);
            }
            return blocks[block].get() + offset * stride;
        }

        void grow() {
            const std::size_t number = blocks.size();
            const std::size_t slots = number == 0 ? 16 : number < 7 ? std::size_t{8} << number : 1024;
            blocks.reserve(number + 1);
            blocks.emplace_back(allocate_aligned(slots * stride));
            capacity += static_cast<std::uint32_t>(slots);
        }
    };

    MessageStore(std::uint64_t id_key, bool concurrent) : RecordOwner{id_key, concurrent} {
        for (std::size_t number = 0; number < classes_.size(); ++number) {
            classes_[number].stride = static_cast<std::uint32_t>(sizeof(Record)) + payload_sizes[number];
        }
    }
    ~MessageStore() override = default;

    [[nodiscard]] Record& allocate(std::uint8_t boxed, std::size_t body_size, std::unique_ptr<const Extras> extras,
                                   std::string_view group_id, std::string_view deduplication_id, bool linked) {
        collect();
        auto layout = boxed;
        layout |= extras != nullptr ? layout_extras : std::uint8_t{0};
        layout |= linked ? layout_linked : std::uint8_t{0};
        const std::size_t ids = Layout::ids_offset(layout, body_size);
        Record& record = take(ids + group_id.size() + deduplication_id.size());
        record.references.store(1, std::memory_order_relaxed);
        record.body_size = static_cast<std::uint32_t>(body_size);
        record.group_id_size = static_cast<std::uint8_t>(group_id.size());
        record.deduplication_id_size = static_cast<std::uint8_t>(deduplication_id.size());
        record.layout = layout;
        record.was_delayed = false;
        record.survived_delete = false;
        record.first_received_at = never;
        record.born = record.generation;
        if (extras != nullptr) {
            ::new (Layout::begin(record)) const Extras* {extras.release()};
        }
        if (linked) {
            ::new (Layout::begin(record) + Layout::link_offset(layout)) GroupLink{};
        }
        copy(Layout::begin(record) + ids, group_id);
        copy(Layout::begin(record) + ids + group_id.size(), deduplication_id);
        return record;
    }

    [[nodiscard]] Record& take(std::size_t payload_size) {
        const std::uint32_t number = class_of[(payload_size + 63) / 64];
        SizeClass& size_class = classes_[number];
        if (Record* const record = size_class.free; record != nullptr) {
            size_class.free = record->next_free;
            return *record;
        }
        if (size_class.used == size_class.capacity) {
            size_class.grow();
        }
        auto* const record = ::new (size_class.memory(size_class.used)) Record{};
        record->slot = number << place_bits | size_class.used++;
        return *record;
    }

    void recycle(Record& record) noexcept {
        SizeClass& size_class = classes_[record.slot >> place_bits];
        record.next_free = size_class.free;
        size_class.free = &record;
    }

    void collect() noexcept {
        for (Record* record = take_returned(); record != nullptr;) {
            Record* const next = record->next_free;
            recycle(*record);
            record = next;
        }
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
        std::uint32_t referenced = 0;
        for (SizeClass& size_class : classes_) {
            for (std::uint32_t place = 0; place < size_class.used; ++place) {
                if (Record& record = size_class.record(place); record.state != State::free) {
                    remove(record);
                }
            }
        }
        bury(take_doomed());
        collect();
        for (SizeClass& size_class : classes_) {
            referenced += size_class.used;
            for (const Record* record = size_class.free; record != nullptr; record = record->next_free) {
                --referenced;
            }
        }
        close(referenced);
    }

    static void copy(std::byte* to, std::string_view text) noexcept {
        if (!text.empty()) {
            std::memcpy(to, text.data(), text.size());
        }
    }

    std::array<SizeClass, payload_sizes.size()> classes_{};
    Record* doomed_ = nullptr;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
