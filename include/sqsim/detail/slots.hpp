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
class Slots {
public:
    /// So many regions of pages never go back: a queue whose backlog comes and goes would take them again at once.
    static constexpr std::size_t kept_regions = 2;

    Slots() = default;
    Slots(const Slots&) = delete;
    Slots& operator=(const Slots&) = delete;
    ~Slots() = default;

    /// The class of slots with room for so many bytes.
    [[nodiscard]] static std::uint8_t class_for(std::size_t payload_size) noexcept {
        return SlotSizes::class_of[(payload_size + 63) / 64];
    }
    [[nodiscard]] static std::uint8_t class_of(const Record& record) noexcept {
        return static_cast<std::uint8_t>(record.layout >> layout_class_shift);
    }

    /// A slot of a class. Errors: `std::bad_alloc`.
    [[gnu::always_inline]] [[nodiscard]] Record& take(std::uint8_t number) {
        Record* const record = free_[number];
        if (record == nullptr) [[unlikely]] {
            return take_new(number);
        }
        free_[number] = record->next_free;
        return *record;
    }
    [[nodiscard]] bool has_freed(std::uint8_t number) const noexcept { return free_[number] != nullptr; }
    /// A slot of a class that was freed; null if there is none.
    [[nodiscard]] Record* take_freed(std::uint8_t number) noexcept {
        Record* const record = free_[number];
        return record != nullptr ? std::exchange(free_[number], record->next_free) : nullptr;
    }

    /// Frees a slot, or returns one that was taken and is not needed.
    [[gnu::always_inline]] void recycle(Record& record) noexcept {
        record.next_free = std::exchange(free_[class_of(record)], &record);
    }

    /// How many slots of a class hold a record.
    [[nodiscard]] std::size_t used(std::uint8_t number) const noexcept { return classes_[number].used; }

    /// The record of a slot that was in use at some time.
    [[gnu::always_inline]] [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept {
        const Block& block = table_[slot >> place_bits];
        return *std::launder(reinterpret_cast<Record*>(block.memory + std::size_t{slot & place_mask} * block.stride));
    }

    /// Whether a slot, as a handle may name it, is in use or was since its memory last went back to the system.
    [[gnu::always_inline]] [[nodiscard]] bool contains(std::uint32_t slot) const noexcept {
        const std::uint32_t block = slot >> place_bits;
        return block < block_count_ && (slot & place_mask) < table_[block].used;
    }

    /// The latest generation that a slot may have had before its memory went back to the system; 0: none.
    [[nodiscard]] std::uint32_t generation_before(std::uint32_t slot) const noexcept {
        const std::uint32_t block = slot >> place_bits;
        return block < blocks_.size() ? blocks_[block].generation : 0;
    }

    /// How many slots hold memory that could go back to the system.
    [[nodiscard]] std::size_t returnable() const noexcept { return returnable_; }

    /// Begins to give memory back to the system where all slots of a region are free: `trim_piece` does it. Errors:
    /// `std::bad_alloc`; nothing has changed then. Complexity: linear in the blocks.
    void begin_trim() {
        if (trim_ != nullptr) {
            return;
        }
        auto trim = std::make_unique<Trim>();
        trim->region_of.resize(blocks_.size(), Trim::none);
        trim->regions.resize(regions_.size());
        for (std::size_t i = kept_regions; i < regions_.size(); ++i) {
            std::fill(trim->region_of.begin() + regions_[i].first_block,
                      trim->region_of.begin() + regions_[i].end_block, static_cast<std::uint32_t>(i));
        }
        std::swap(trim->unsorted, free_);
        trim_ = std::move(trim);
    }
    /// Sorts some free slots by region, or gives one region back. Returns: whether there is more to do.
    bool trim_piece() noexcept {
        if (trim_ == nullptr) {
            return false;
        }
        for (std::size_t i = 0; i != Trim::piece; ++i) {
            Record* const record = trim_->next_unsorted();
            if (record == nullptr) {
                end_next_region();
                break;
            }
            sort(*record);
        }
        return trim_ != nullptr;
    }
    /// Does all of it at once.
    void trim() {
        begin_trim();
        while (trim_piece()) {
        }
    }

    /// How many slots hold a record that is not free.
    [[nodiscard]] std::size_t count_taken() const noexcept {
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

    template <class Visit>
    void for_each_free(Visit visit) const noexcept {
        for (Record* record : free_) {
            for (; record != nullptr; record = record->next_free) {
                visit(*record);
            }
        }
    }

    // The free slots while memory is given back: a list of each class, and then a list of each region. What is freed
    // meanwhile is not among them, so that its region is kept.
    struct Trim {
        static constexpr std::size_t piece = 2048;  // slots, of which each costs a miss of the cache
        static constexpr std::uint32_t none = 0xFFFF'FFFF;

        struct Sorted {
            Record* first = nullptr;
            Record* last = nullptr;
            std::size_t count = 0;
        };

        [[nodiscard]] Record* take(std::uint8_t number) noexcept {
            Record* const record = unsorted[number];
            return record != nullptr ? std::exchange(unsorted[number], record->next_free) : nullptr;
        }
        [[nodiscard]] Record* next_unsorted() noexcept {
            for (; next_class != unsorted.size(); ++next_class) {
                if (Record* const record = take(next_class)) {
                    return record;
                }
            }
            return nullptr;
        }

        std::array<Record*, SlotSizes::payloads.size()> unsorted{};
        std::uint8_t next_class = 0;
        std::vector<std::uint32_t> region_of{};  // of a block; none if that is kept
        std::vector<Sorted> regions{};
        std::size_t next_region = 0;
    };

    void sort(Record& record) noexcept {
        const std::uint32_t number = trim_->region_of[record.slot() >> place_bits];
        if (number == Trim::none) {
            recycle(record);
            return;
        }
        typename Trim::Sorted& region = trim_->regions[number];
        region.last = region.first == nullptr ? &record : region.last;
        record.next_free = std::exchange(region.first, &record);
        ++region.count;
    }

    /// Ends a region of which all slots are free. The others go on with theirs; if there is none, the trim is over.
    void end_next_region() noexcept {
        while (trim_->next_region != trim_->regions.size()) {
            const std::size_t number = trim_->next_region++;
            const typename Trim::Sorted& sorted = trim_->regions[number];
            if (sorted.first == nullptr) {
                continue;
            }
            Region& region = regions_[number];
            std::size_t used = 0;
            for (std::uint32_t block = region.first_block; block != region.end_block; ++block) {
                used += blocks_[block].used;
            }
            if (sorted.count != used) {
                sorted.last->next_free = std::exchange(free_[class_of(*sorted.first)], sorted.first);
                continue;
            }
            for (const Record* record = sorted.first; record != nullptr; record = record->next_free) {
                Block& block = blocks_[record->slot() >> place_bits];
                block.generation = std::max(block.generation, record->generation());
            }
            forget(region);
            return;
        }
        trim_.reset();
    }

    [[gnu::noinline]] [[nodiscard]] Record& take_new(std::uint8_t number) {
        if (Record* const record = trim_ != nullptr ? trim_->take(number) : nullptr) {
            return *record;
        }
        SizeClass& size_class = classes_[number];
        if (size_class.open.empty()) {
            grow(number);
        }
        const std::uint32_t block = size_class.open.back();
        Record& record = construct(block);
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
        record->place = Place{number << place_bits | block.used++, block.generation};
        record->born = block.generation;
        record->layout = static_cast<std::uint8_t>(block.number << layout_class_shift);
        return *record;
    }

    void grow(std::uint8_t number) {
        const std::size_t stride = sizeof(Record) + SlotSizes::payloads[number];
        const std::uint32_t blocks = classes_[number].blocks;
        if (blocks < 7) {
            const std::size_t slots = blocks == 0 ? 16 : std::size_t{8} << blocks;
            const std::size_t size = slots * stride;
            std::unique_ptr<std::byte, Free> memory{
                static_cast<std::byte*>(SpareMemory::allocate(size, alignof(Record))), Free{size}};
            reserve_blocks(number, 1);
            memories_.push_back(std::move(memory));
            add_blocks(number, memories_.back().get(), slots, false);
        } else {
            const std::size_t size = (1024 * stride + Pages::unit - 1) / Pages::unit * Pages::unit;
            const auto first = static_cast<std::uint32_t>(blocks_.size());
            const bool is_returnable = regions_.size() >= kept_regions;
            reserve_blocks(number, (size / stride + place_mask) / (place_mask + 1));
            regions_.push_back({Pages{size}, first, first});  // owns the memory before a block refers to it
            Region& region = regions_.back();
            region.end_block = add_blocks(number, region.pages.memory(), size / stride, is_returnable);
        }
    }

    template <class T>
    static void reserve(std::vector<T>& vector, std::size_t size) {
        if (vector.capacity() < size) {
            vector.reserve(std::max(size, 2 * vector.capacity()));
        }
    }
    /// Sees to it that so many blocks of a class can be added, and be open.
    void reserve_blocks(std::uint8_t number, std::size_t count) {
        reserve(blocks_, blocks_.size() + count);
        table_ = blocks_.data();
        reserve(classes_[number].open, classes_[number].blocks + count);
    }

    /// Returns the number behind the last of the new blocks. Precondition: memory is reserved.
    std::uint32_t add_blocks(std::uint8_t number, std::byte* memory, std::size_t slots, bool returnable) noexcept {
        SizeClass& size_class = classes_[number];
        const std::size_t stride = sizeof(Record) + SlotSizes::payloads[number];
        for (std::size_t start = 0; start < slots; start += place_mask + 1) {
            blocks_.push_back({.memory = memory + start * stride,
                               .stride = static_cast<std::uint32_t>(stride),
                               .size = static_cast<std::uint16_t>(std::min<std::size_t>(slots - start, place_mask + 1)),
                               .number = number,
                               .returnable = returnable});
            table_ = blocks_.data();
            block_count_ = static_cast<std::uint32_t>(blocks_.size());
            size_class.open.insert(size_class.open.begin(), static_cast<std::uint32_t>(blocks_.size() - 1));
            ++size_class.blocks;
        }
        return static_cast<std::uint32_t>(blocks_.size());
    }

    void forget(Region& region) noexcept {
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

    const Block* table_ = nullptr;  // the blocks: to find one takes no division
    std::uint32_t block_count_ = 0;
    std::vector<Block> blocks_{};
    std::array<SizeClass, SlotSizes::payloads.size()> classes_{};
    std::vector<std::unique_ptr<std::byte, Free>> memories_{};
    std::vector<Region> regions_{};
    std::size_t returnable_ = 0;
    std::array<Record*, SlotSizes::payloads.size()> free_{};
    std::unique_ptr<Trim> trim_{};  // while one goes on
};

}  // namespace sqsim::inline SQSIM_ABI::detail
