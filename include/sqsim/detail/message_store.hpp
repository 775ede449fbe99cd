// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/record.hpp"
#include "sqsim/detail/slots.hpp"
#include "sqsim/detail/spare_memory.hpp"
#include "sqsim/detail/text.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// The bytes of a body. One that is not text has no bytes on the wire: it counts as none.
template <class Body, class From>
[[nodiscard]] std::size_t body_size([[maybe_unused]] const From& body) noexcept {
    if constexpr (is_text<Body>) {
        return std::string_view{body}.size();
    } else {
        return 0;
    }
}

/// The largest body that lies behind its record.
inline constexpr std::size_t largest_inline_body = 4096;

/// What a text needs so that a plain send stores it.
struct PlainRules {
    constexpr PlainRules(std::size_t maximum, bool are_checked) noexcept
        : maximum_size{maximum}, checks_characters{are_checked}, usual_size{are_checked
                                                                                ? std::min(maximum, largest_inline_body)
                                                                                : 0} {}
    std::size_t maximum_size;
    bool checks_characters;
    std::size_t usual_size;  // of texts that need no more than a look at their characters
};

/// The messages of a queue: records with their payloads, in slots that are used again.
///
/// Body and ids lie behind their record, so that a send allocates nothing once the queue has reached its size. A slot
/// is recycled when its message is gone and no `Message` refers to it.
/// Concurrency: everything needs the queue's lock but `write_plain` and `take_back` with a source of their own, `bury`,
/// and what `RecordOwner` says.
template <class Body>
class MessageStore final : public RecordOwner {
    using Layout = PayloadOf<Body>;
    static_assert(is_text<Body> || alignof(Body) <= alignof(Record), "a body may not be aligned beyond 64 bytes");
    static_assert(std::is_nothrow_destructible_v<Body>, "the destructor of a body must be noexcept");

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

    /// A free slot of a class. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] [[nodiscard]] Record* take(std::uint8_t number) {
        Record* const record = slots_.take_freed(number);
        return record != nullptr ? record : &take_other(number);
    }
    void put_back(Record& record) noexcept { slots_.recycle(record); }

    /// The class of slots for a message with this body and nothing else.
    template <class From>
    [[nodiscard]] static std::uint8_t plain_class(const From& body) noexcept {
        const std::size_t size = size_of(body);
        return Slots::class_for(Layout::ids_offset(layout_for(size, false, false), size));
    }

    /// Why a plain message was not written.
    enum class Plain : std::uint8_t { no_slot, refused };

    /// Writes a message with this body and nothing else, visible at once, into a slot of `source.take(class)`; a text
    /// only if it has 1 to `rules.maximum_size` bytes and no character that is refused. Without the queue's lock if the
    /// source needs none. Returns: the record; null if it was not written, and `why`. Errors: what the source, a body's
    /// constructor and large bodies throw; nothing is taken then.
    template <class Source, class From>
    [[gnu::always_inline]] [[nodiscard]] Record* write_plain(Source& source, From&& body, const PlainRules& rules,
                                                             Plain& why) {
        if constexpr (is_text<Body>) {
            const std::string_view text{body};
            if (text.size() - 1 >= rules.usual_size) [[unlikely]] {
                return write_other(source, text, rules, why);
            }
            Record* const record = begin_plain(source, Slots::class_for(text.size()), 0, text.size());
            if (record == nullptr) [[unlikely]] {
                why = Plain::no_slot;
            } else if (!copy_text(reinterpret_cast<char*>(Layout::begin(*record)), text)) [[unlikely]] {
                return keep_if_allowed(source, *record, text, why);
            }
            return record;
        } else {
            return write_other<Source, From&&>(source, std::forward<From>(body), rules, why);
        }
    }

    /// Undoes `write_plain`.
    template <class Source>
    [[gnu::noinline]] void take_back(Source& source, Record& record) noexcept {
        record.status = 0;
        if (!has_plain_payload(record)) {
            destroy_payload(record);
        }
        source.put_back(record);
    }

    /// A new record for a message with this body.
    template <class From>
    [[gnu::always_inline]] [[nodiscard]] Record& store(From&& body, std::unique_ptr<const Extras> extras,
                                                       std::string_view group_id, std::string_view deduplication_id,
                                                       bool linked) {
        const std::size_t size = size_of(body);
        Record& record = allocate(layout_for(size, extras != nullptr, linked), size, group_id, deduplication_id);
        Unfinished<MessageStore> unfinished{*this, record};
        write_body(record, std::forward<From>(body), std::move(extras));
        unfinished.record = nullptr;
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

    /// As `Slots::find`.
    template <class Accept>
    [[gnu::always_inline]] [[nodiscard]] Record* find(Place place, Accept accept) const noexcept {
        return slots_.find(place, accept);
    }
    /// Whether a slot, as a handle may name it, was ever allocated.
    [[nodiscard]] bool contains(std::uint32_t slot) const noexcept { return slots_.contains(slot); }

    /// Ends a message's life in the queue: every reference to it but those of `Message` objects becomes stale.
    void remove(Record& record) noexcept { is_concurrent() ? remove<true>(record) : remove<false>(record); }
    template <bool is_shared>
    [[gnu::always_inline]] void remove(Record& record) noexcept {
        const Place next = record.place.next();
        record.status = 0;
        record.place = next;
        record.born = next.generation();
        if (!is_shared) {
            drop<false>(record);
        } else if (is_plain(record) && record.references.load(std::memory_order_acquire) != 1) {
            hold(record);
        } else {
            drop<true>(record);
        }
    }

    /// Gives a `Message`'s reference back, under the queue's lock. `is_shared`: whether other threads count, too.
    template <bool is_shared>
    [[gnu::always_inline]] void let_go(Record& record) noexcept {
        if (is_shared && is_plain(record)) {
            drop_beside_the_queue(record);  // which has one as long as somebody else has
        } else {
            drop<is_shared>(record);
        }
    }

    /// Frees the slots of removed messages that somebody referred to and nobody does any more, once there may be many.
    void sweep_held() noexcept {
        if (held_count_ >= enough_held_) {
            free_held();
            enough_held_ = 2 * held_count_ + 64;
        }
    }

    /// Frees every slot that nobody refers to any more. Linear in the removed messages that somebody does.
    [[gnu::noinline]] void free_held() noexcept {
        Record** link = &held_;
        while (Record* const record = *link) {
            if (record->references.load(std::memory_order_acquire) == 1) {
                *link = record->next_held;
                --held_count_;
                slots_.recycle(*record);
            } else {
                link = &record->next_held;
            }
        }
    }

    /// Frees the slots that were given back from anywhere.
    [[gnu::always_inline]] void collect() noexcept {
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
    /// A slot that was given back from anywhere, or a new one.
    [[gnu::noinline]] Record& take_other(std::uint8_t number) {
        collect();
        free_held();
        return slots_.take(number);
    }

    /// Whether a payload is nothing but characters.
    [[nodiscard]] static bool is_plain(const Record& record) noexcept {
        return is_text<Body> && (record.layout & (layout_boxed | layout_extras)) == 0;
    }

    // A removed record keeps the queue's reference as long as somebody else has one: so nobody need count it down.
    [[gnu::always_inline]] void hold(Record& record) noexcept {
        record.next_held = std::exchange(held_, &record);
        ++held_count_;
    }

    /// Gives a reference of the queue's back, under its lock. What must be destroyed is, once the lock has been let go.
    template <bool is_shared>
    [[gnu::always_inline]] void drop(Record& record) noexcept {
        if (!(is_shared ? drop_reference(record) : drop_uncontended(record))) {
            return;
        }
        if (is_plain(record)) [[likely]] {
            slots_.recycle(record);
        } else {
            record.next_free = doomed_;
            doomed_ = &record;
        }
    }

    static_assert(sizeof(Extras*) + sizeof(GroupLink) + 64 + largest_inline_body + 2 * 128 <= SlotSizes::largest);

    // Gives a slot back whose body could not be constructed.
    template <class Source>
    struct Unfinished {
        Unfinished(Source& source_, Record& record_) noexcept : source{source_}, record{&record_} {}
        Unfinished(const Unfinished&) = delete;
        Unfinished& operator=(const Unfinished&) = delete;
        ~Unfinished() {
            if (record != nullptr) {
                record->status = 0;
                source.put_back(*record);
            }
        }
        Source& source;
        Record* record;
    };

    MessageStore(std::uint64_t id_key, bool concurrent) : RecordOwner{id_key, concurrent, is_text<Body>} {}
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
        const std::uint8_t number =
            Slots::class_for(Layout::ids_offset(layout, body_size) + group_id.size() + deduplication_id.size());
        Record& record = *take(number);
        begin(record, static_cast<std::uint8_t>(number << layout_class_shift | layout), body_size, group_id,
              deduplication_id);
        return record;
    }

    /// Takes a slot for a plain message; null if there is none.
    template <class Source>
    [[gnu::always_inline]] static Record* begin_plain(Source& source, std::uint8_t number, std::uint8_t layout,
                                                      std::size_t size) {
        Record* const record = source.take(number);
        if (record != nullptr) [[likely]] {
            record->describe_plain(size, std::uint64_t{number} << layout_class_shift | layout);
        }
        return record;
    }

    /// As `write_plain`, for what is no text of the usual size.
    template <class Source, class From>
    [[gnu::noinline]] Record* write_other(Source& source, From body, const PlainRules& rules, Plain& why) {
        const std::size_t size = size_of(body);
        if (is_text<Body> && size - 1 >= rules.maximum_size) {
            why = Plain::refused;
            return nullptr;
        }
        Record* const record = begin_plain(source, plain_class(body), layout_for(size, false, false), size);
        if (record == nullptr) {
            why = Plain::no_slot;
            return nullptr;
        }
        Unfinished<Source> unfinished{source, *record};
        write_body(*record, std::forward<From>(body), nullptr);
        unfinished.record = nullptr;
        if constexpr (is_text<Body>) {
            return rules.checks_characters ? keep_if_allowed(source, *record, body, why) : record;
        }
        return record;
    }

    /// A text that is not plain ASCII, if it may be stored: if not, its slot goes back.
    template <class Source>
    [[gnu::noinline]] Record* keep_if_allowed(Source& source, Record& record, std::string_view text,
                                              Plain& why) noexcept {
        if (has_only_allowed_characters(text)) {
            return &record;
        }
        take_back(source, record);
        why = Plain::refused;
        return nullptr;
    }

    /// Writes everything but body and extras.
    [[gnu::always_inline]] void begin(Record& record, std::uint8_t layout, std::size_t body_size,
                                      std::string_view group_id, std::string_view deduplication_id) noexcept {
        record.body_size = static_cast<std::uint32_t>(body_size);
        record.group_id_size = static_cast<std::uint8_t>(group_id.size());
        record.deduplication_id_size = static_cast<std::uint8_t>(deduplication_id.size());
        record.layout = layout;
        record.status = 0;
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
    [[gnu::always_inline]] void write_body(Record& record, From&& body, std::unique_ptr<const Extras>&& extras) {
        if constexpr (is_text<Body>) {
            if ((record.layout & (layout_boxed | layout_extras)) == 0) [[likely]] {
                copy(Layout::body(record), std::string_view{body});
                return;
            }
        }
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
            if (record.state() != State::free) {
                remove(record);
            }
        });
        bury(take_doomed());
        while (held_ != nullptr) {
            drop<true>(*std::exchange(held_, held_->next_held));
        }
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
    Record* held_ = nullptr;  // removed, but referred to when last looked at
    std::size_t held_count_ = 0;
    std::size_t enough_held_ = 64;  // to look at them
};

}  // namespace sqsim::inline SQSIM_ABI::detail
