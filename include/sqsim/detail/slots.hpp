// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/pages.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/slot_sizes.hpp"
#include "sqsim/detail/spare_memory.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The memory of a queue's messages: slots of a few sizes, in blocks of up to 1,024, found by number. A number is 22
/// bits of block and 10 bits of place.
///
/// Two sides use it. *Senders* take slots; the *owner*, who has the queue's lock, finds them and frees them. What is
/// freed goes back to the senders in batches (`hand_over`), so that the two rarely touch the same memory. What is said
/// to need both sides excludes either; a queue of one thread has both always.
class Slots {
public:
    /// So many regions of pages never go back: a queue whose backlog comes and goes would take them again at once.
    static constexpr std::size_t kept_regions = 2;

    explicit Slots(bool two_sided) {
        if (two_sided) {
            exchange_ = std::make_unique<Exchange>();
            slack_ = 2 * exchange_->freed.size();
        }
    }
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;
    ~Slots() = default;

    // Senders.

    /// A free slot with room for so many bytes; null if the senders have none left.
    [[gnu::always_inline]] [[nodiscard]] Record* try_take(std::size_t payload_size) noexcept {
        const std::uint8_t number = SlotSizes::class_of[(payload_size + 63) / 64];
        Record*& free = free_[number];
        if (free == nullptr && !restock(number)) {
            return nullptr;
        }
        return std::exchange(free, free->next_free);
    }

    /// Returns a slot that was taken and is not needed.
    [[gnu::always_inline]] void put_back(Record& record) noexcept {
        record.next_free = std::exchange(free_[class_number(record)], &record);
    }

    // The owner.

    /// The record of a slot that was in use at some time.
    [[gnu::always_inline]] [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept {
        const Block& block = blocks_[slot >> place_bits];
        return *std::launder(reinterpret_cast<Record*>(block.memory + std::size_t{slot & place_mask} * block.stride));
    }

    /// Whether a slot, as a handle may name it, is in use or was since its memory last went back to the system.
    [[gnu::always_inline]] [[nodiscard]] bool contains(std::uint32_t slot) const noexcept {
        const std::uint32_t block = slot >> place_bits;
        return block < blocks_.size() && (slot & place_mask) < blocks_[block].used;
    }

    /// The latest generation that a slot may have had before its memory went back to the system; 0: none.
    [[nodiscard]] std::uint32_t generation_before(std::uint32_t slot) const noexcept {
        const std::uint32_t block = slot >> place_bits;
        return block < blocks_.size() ? blocks_[block].generation : 0;
    }

    /// Frees a slot.
    [[gnu::always_inline]] void recycle(Record& record) noexcept {
        if (exchange_ == nullptr) {
            put_back(record);
        } else if (exchange_->freed_count != exchange_->freed.size()) {
            exchange_->freed[exchange_->freed_count++] = &record;
        } else {
            record.next_free = exchange_->freed_chain;
            exchange_->freed_chain = &record;
        }
    }

    /// Whether so much was freed that it should be handed over.
    [[nodiscard]] bool has_batch() const noexcept {
        return exchange_ != nullptr && exchange_->freed_count == exchange_->freed.size();
    }

    // Both sides.

    /// Gives what was freed to the senders.
    void hand_over() noexcept {
        if (exchange_ == nullptr) {
            return;
        }
        Exchange& exchange = *exchange_;
        while (exchange.freed_count != 0 && exchange.handed_count != exchange.handed.size()) {
            exchange.handed[exchange.handed_count++] = exchange.freed[--exchange.freed_count];
        }
        while (exchange.freed_count != 0) {
            put_back(*exchange.freed[--exchange.freed_count]);
        }
        while (exchange.freed_chain != nullptr) {
            put_back(*std::exchange(exchange.freed_chain, exchange.freed_chain->next_free));
        }
    }

    /// A slot with room for so many bytes. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] [[nodiscard]] Record& take(std::size_t payload_size) {
        Record* record = try_take(payload_size);
        const std::uint8_t number = SlotSizes::class_of[(payload_size + 63) / 64];
        if (record == nullptr && classes_[number].used >= slack_) {
            hand_over();
            record = try_take(payload_size);
        }
        return record != nullptr ? *record : take_new(number);
    }

    /// How many slots hold memory that could go back to the system.
    [[nodiscard]] std::size_t returnable() const noexcept { return returnable_; }

    /// Gives memory back to the system where all slots of a region are free. Linear in the free slots.
    void trim() {
        std::vector<std::uint32_t> free(blocks_.size());
        for_each_free([&](Record& record) { ++free[record.slot >> place_bits]; });
        std::vector<bool> ends(blocks_.size());
        for (std::size_t i = kept_regions; i < regions_.size(); ++i) {
            const Region& region = regions_[i];
            bool all_free = true;
            for (std::uint32_t block = region.first_block; block != region.end_block; ++block) {
                all_free = all_free && free[block] == blocks_[block].used;
            }
            std::fill(ends.begin() + region.first_block, ends.begin() + region.end_block, all_free);
        }
        for (Record*& list : free_) {
            for (Record* record = std::exchange(list, nullptr); record != nullptr;) {
                Record* const next = record->next_free;
                Block& block = blocks_[record->slot >> place_bits];
                if (ends[record->slot >> place_bits]) {
                    block.generation = std::max(block.generation, record->generation);
                } else {
                    put_back(*record);
                }
                record = next;
            }
        }
        for (Region& region : regions_) {
            if (region.first_block != region.end_block && ends[region.first_block]) {
                forget(region);
            }
        }
    }

    /// How many slots hold a record that is not free.
    [[nodiscard]] std::size_t count_taken() noexcept {
        std::size_t count = 0;
        for_each([&](Record&) { ++count; });
        for_each_free([&](Record&) { --count; });
        return count;
    }

    /// Calls `visit(record)` for every slot that is or was in use.
    template <class Visit>
    void for_each(Visit visit) const {
        for (const Block& block : blocks_) {
            for (std::size_t place = 0; place != block.used; ++place) {
                visit(*std::launder(reinterpret_cast<Record*>(block.memory + place * block.stride)));
            }
        }
    }

private:
    static constexpr std::uint32_t place_bits = 10;
    static constexpr std::uint32_t place_mask = (std::uint32_t{1} << place_bits) - 1;

    // Pages that go back to the system together.
    struct Region {
        Pages pages;
        std::uint32_t first_block;
        std::uint32_t end_block;
    };

    struct Block {
        std::byte* memory;
        std::uint32_t stride;
        std::uint16_t used = 0;  // slots that hold a record
        std::uint16_t size;
        std::uint8_t number;  // of the class
        bool returnable;
        std::uint32_t generation = 0;  // no slot had a later one before the memory went back to the system
        std::uint64_t unused = 0;      // its size is a power of two, for the shortest way to the block of a slot
    };
    static_assert(sizeof(Block) == 32);

    struct Free {
        std::size_t size;
        void operator()(std::byte* memory) const noexcept { SpareMemory::deallocate(memory, size, alignof(Record)); }
    };

    // The blocks of a class. They double up to 1,024 slots, so that a small queue stays small.
    struct SizeClass {
        std::uint32_t blocks = 0;
        std::uint32_t used = 0;             // slots, at one time or another
        std::vector<std::uint32_t> open{};  // those that have slots never used, or not since; the last one is next
    };

    // What was freed on its way to the senders. Addresses beside each other, not a list: who walks a list of records
    // that another core has written waits for each of them.
    struct Exchange {
        std::array<Record*, 64> freed;  // the owner's
        std::size_t freed_count = 0;
        Record* freed_chain = nullptr;                             // the owner's: more of them
        alignas(two_cache_lines) std::array<Record*, 256> handed;  // the senders'
        std::size_t handed_count = 0;
    };

    template <class Visit>
    void for_each_free(Visit visit) noexcept {
        hand_over();
        while (exchange_ != nullptr && exchange_->handed_count != 0) {
            put_back(*exchange_->handed[--exchange_->handed_count]);
        }
        for (Record* record : free_) {
            for (; record != nullptr; record = record->next_free) {
                visit(*record);
            }
        }
    }

    [[nodiscard]] std::uint8_t class_number(const Record& record) const noexcept {
        return blocks_[record.slot >> place_bits].number;
    }

    /// Takes some of the freed slots that were handed over. Returns whether one of this class was among them.
    bool restock(std::uint8_t number) noexcept {
        if (exchange_ == nullptr) {
            return false;
        }
        for (std::size_t rest = exchange_->handed_count; rest != 0 && free_[number] == nullptr;) {
            // Writing to many at once lets their transfers from the other core overlap.
            for (std::size_t i = std::min<std::size_t>(rest, 32); i != 0; --i) {
                prefetch<true>(*exchange_->handed[rest - i]);
            }
            for (std::size_t i = std::min<std::size_t>(rest, 32); i != 0; --i) {
                put_back(*exchange_->handed[--rest]);
            }
            exchange_->handed_count = rest;
        }
        return free_[number] != nullptr;
    }

    [[nodiscard]] Record& take_new(std::uint8_t number) {
        SizeClass& size_class = classes_[number];
        if (size_class.open.empty()) {
            grow(number);
        }
        const std::uint32_t block = size_class.open.back();
        Record& record = construct(block);
        if (exchange_ != nullptr && size_class.used >= slack_) {  // some more, for senders alone cannot do this
            const std::uint32_t more = std::min(size_class.used / 8, 256U);
            for (std::uint32_t i = 0; i < more && blocks_[block].used != blocks_[block].size; ++i) {
                put_back(construct(block));
            }
        }
        if (blocks_[block].used == blocks_[block].size) {
            size_class.open.pop_back();
        }
        return record;
    }

    [[nodiscard]] Record& construct(std::uint32_t number) noexcept {
        Block& block = blocks_[number];
        auto* const record = ::new (block.memory + std::size_t{block.used} * block.stride) Record{};
        ++classes_[block.number].used;
        returnable_ += block.returnable ? 1 : 0;
        record->slot = number << place_bits | block.used++;
        record->born = record->generation = block.generation;
        return *record;
    }

    void grow(std::uint8_t number) {
        const std::size_t stride = sizeof(Record) + SlotSizes::payloads[number];
        const std::uint32_t blocks = classes_[number].blocks;
        if (blocks < 7) {
            const std::size_t slots = blocks == 0 ? 16 : std::size_t{8} << blocks;
            const std::size_t size = slots * stride;
            memories_.emplace_back(static_cast<std::byte*>(SpareMemory::allocate(size, alignof(Record))), Free{size});
            add_blocks(number, memories_.back().get(), slots, false);
        } else {
            const std::size_t size = (1024 * stride + Pages::unit - 1) / Pages::unit * Pages::unit;
            const auto first = static_cast<std::uint32_t>(blocks_.size());
            const bool is_returnable = regions_.size() >= kept_regions;
            regions_.push_back({Pages{size}, first, first});  // owns the memory before a block refers to it
            Region& region = regions_.back();
            region.end_block = add_blocks(number, region.pages.memory(), size / stride, is_returnable);
        }
    }

    /// Returns the number behind the last of the new blocks.
    std::uint32_t add_blocks(std::uint8_t number, std::byte* memory, std::size_t slots, bool returnable) {
        SizeClass& size_class = classes_[number];
        const std::size_t stride = sizeof(Record) + SlotSizes::payloads[number];
        for (std::size_t start = 0; start < slots; start += place_mask + 1) {
            blocks_.push_back({.memory = memory + start * stride,
                               .stride = static_cast<std::uint32_t>(stride),
                               .size = static_cast<std::uint16_t>(std::min<std::size_t>(slots - start, place_mask + 1)),
                               .number = number,
                               .returnable = returnable});
            size_class.open.insert(size_class.open.begin(), static_cast<std::uint32_t>(blocks_.size() - 1));
            ++size_class.blocks;
        }
        return static_cast<std::uint32_t>(blocks_.size());
    }

    void forget(Region& region) {
        for (std::uint32_t number = region.first_block; number != region.end_block; ++number) {
            Block& block = blocks_[number];
            if (block.used == block.size) {
                classes_[block.number].open.push_back(number);
            }
            classes_[block.number].used -= block.used;
            returnable_ -= block.used;
            block.used = 0;
        }
        region.pages.discard();
    }

    std::unique_ptr<Exchange> exchange_{};  // if there are two sides
    std::vector<Block> blocks_{};
    std::array<SizeClass, SlotSizes::payloads.size()> classes_{};
    std::vector<std::unique_ptr<std::byte, Free>> memories_{};
    std::vector<Region> regions_{};
    std::size_t returnable_ = 0;
    // So many slots of a class are made before others are waited for that are being handed over.
    std::size_t slack_ = 0;
    // The senders'.
    alignas(two_cache_lines) std::array<Record*, SlotSizes::payloads.size()> free_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
