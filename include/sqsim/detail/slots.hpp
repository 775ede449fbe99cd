// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/pages.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/detail/slot_sizes.hpp"
#include "sqsim/detail/spare_memory.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// The memory of a queue's messages: slots of a few sizes, in blocks of up to 2 MiB, found by number.
///
/// A number is 17 bits of block and 15 bits of line: a slot lies where its first line of 64 bytes does. Blocks have a
/// power of two of lines, so that no number leads out of a block.
class Slots {
    struct Block {
        std::byte* memory;
        std::uint32_t mask;            // of its lines
        std::uint32_t stride;          // of its slots, in lines
        std::uint32_t used = 0;        // slots that hold a record
        std::uint32_t generation = 0;  // no slot had a later one before the memory went back to the system
        std::uint16_t size;            // in slots
        std::uint8_t number;           // of the class
        bool is_returnable;
        std::uint32_t region;  // of which it is, unless it is small
    };
    static_assert(sizeof(Block) == 32);

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
        Record* const record = take_freed(number);
        return record != nullptr ? *record : take_new(number);
    }
    /// A slot of a class that was freed; null if there is none.
    [[gnu::always_inline]] [[nodiscard]] Record* take_freed(std::uint8_t number) noexcept {
        Record* const record = free_[number];
        return record != nullptr ? std::exchange(free_[number], record->next_free) : nullptr;
    }

    /// Frees a slot, or returns one that was taken and is not needed.
    [[gnu::always_inline]] void recycle(Record& record) noexcept {
        record.next_free = std::exchange(free_[class_of(record)], &record);
    }

    /// How many slots of a class hold a record.
    [[nodiscard]] std::size_t used(std::uint8_t number) const noexcept { return classes_[number].used; }

    /// Finds records by their slots, until the next slot is made.
    class Finder {
    public:
        /// The record of a slot that was in use at some time.
        [[gnu::always_inline]] [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept {
            return *std::launder(reinterpret_cast<Record*>(table_[slot >> line_bits].memory +
                                                           (std::size_t{slot & line_mask} << line_shift)));
        }

    private:
        friend class Slots;
        explicit Finder(const Block* table) noexcept : table_{table} {}
        const Block* table_;
    };
    [[nodiscard]] Finder finder() const noexcept { return Finder{table_}; }
    [[gnu::always_inline]] [[nodiscard]] Record& operator[](std::uint32_t slot) const noexcept {
        return finder()[slot];
    }

    /// The record that is at a place now, if `accept(record)`; null otherwise. For a place that a record had at some
    /// time: another one may lead into a payload that happens to look like it.
    template <class Accept>
    [[gnu::always_inline]] [[nodiscard]] Record* find(Place place, Accept accept) const noexcept {
        const std::uint32_t number = place.slot() >> line_bits;
        if (number < block_count_) [[likely]] {
            std::byte* const memory = line_in(table_[number], place.slot());
            std::uint64_t word = 0;  // the slot may never have been used
            std::memcpy(&word, memory, sizeof word);
            if (word == place.word()) [[likely]] {
                Record* const record = std::launder(reinterpret_cast<Record*>(memory));
                if (accept(*record)) [[likely]] {
                    return record;
                }
            }
        }
        return nullptr;
    }

    /// Whether a number, whatever it may be, is that of a slot that is in use or was since its memory last went back to
    /// the system.
    [[nodiscard]] bool contains(std::uint32_t slot) const noexcept {
        const std::uint32_t number = slot >> line_bits;
        const std::uint32_t line = slot & line_mask;
        return number < block_count_ && line <= table_[number].mask && line % table_[number].stride == 0 &&
               line / table_[number].stride < table_[number].used;
    }

    /// The latest generation that a slot may have had before its memory went back to the system; 0: none.
    [[nodiscard]] std::uint32_t generation_before(std::uint32_t slot) const noexcept {
        const std::uint32_t number = slot >> line_bits;
        const std::uint32_t line = slot & line_mask;
        return number < block_count_ && line % table_[number].stride == 0 &&
                       line / table_[number].stride < table_[number].size
                   ? table_[number].generation
                   : 0;
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
        trim->regions.resize(regions_.size());
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
                visit(*std::launder(reinterpret_cast<Record*>(block.memory + (place * block.stride << line_shift))));
            }
        }
    }

private:
    static constexpr std::uint32_t line_bits = 15;
    static constexpr std::uint32_t line_mask = (std::uint32_t{1} << line_bits) - 1;
    static constexpr std::uint32_t line_shift = 6;
    static constexpr std::size_t line_size = std::size_t{1} << line_shift;
    static_assert(Pages::unit == line_size << line_bits);

    // Pages that go back to the system, with the block that they are.
    struct Region {
        Pages pages;
        std::uint32_t block;
    };

    struct Free {
        std::size_t size;
        void operator()(std::byte* memory) const noexcept { SpareMemory::deallocate(memory, size, alignof(Record)); }
    };

    // The blocks of a class. They double up to a region, so that a small queue stays small.
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

        struct Sorted {
            Record* first = nullptr;
            Record* last = nullptr;
            std::size_t count = 0;
            bool is_worn = false;
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
        std::vector<Sorted> regions{};
        std::size_t next_region = 0;
    };

    void sort(Record& record) noexcept {
        const Block& block = blocks_[record.slot() >> line_bits];
        if (!block.is_returnable) {
            recycle(record);
            return;
        }
        typename Trim::Sorted& region = trim_->regions[block.region];
        region.last = region.first == nullptr ? &record : region.last;
        record.next_free = std::exchange(region.first, &record);
        ++region.count;
        // Of a slot whose generations may soon begin anew, the block could not say which is the latest.
        region.is_worn = region.is_worn || record.generation() >> 31 != 0;
    }

    /// Ends a region of which all slots are free. The others go on with theirs; if there is none, the trim is over.
    void end_next_region() noexcept {
        while (trim_->next_region != trim_->regions.size()) {
            const std::size_t number = trim_->next_region++;
            const typename Trim::Sorted& sorted = trim_->regions[number];
            if (sorted.first == nullptr) {
                continue;
            }
            Block& block = blocks_[regions_[number].block];
            if (sorted.count != block.used || sorted.is_worn) {
                sorted.last->next_free = std::exchange(free_[block.number], sorted.first);
                continue;
            }
            for (const Record* record = sorted.first; record != nullptr; record = record->next_free) {
                block.generation = std::max(block.generation, record->generation());
            }
            forget(regions_[number]);
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

    /// The line of a block that a number names.
    [[gnu::always_inline]] [[nodiscard]] static std::byte* line_in(const Block& block, std::uint32_t slot) noexcept {
        return block.memory + (std::size_t{slot & block.mask} << line_shift);
    }

    [[nodiscard]] Record& construct(std::uint32_t number) noexcept {
        Block& block = blocks_[number];
        const std::uint32_t slot = number << line_bits | block.used * block.stride;
        auto* const record = ::new (line_in(block, slot)) Record{};
        ++block.used;
        ++classes_[block.number].used;
        returnable_ += block.is_returnable ? 1 : 0;
        record->place = Place{slot, block.generation};
        record->born = block.generation;
        record->layout = static_cast<std::uint8_t>(block.number << layout_class_shift);
        return *record;
    }

    void grow(std::uint8_t number) {
        const std::uint32_t stride = 1 + (SlotSizes::payloads[number] >> line_shift);
        const std::uint32_t blocks = classes_[number].blocks;
        if (blocks_.size() > std::numeric_limits<std::uint32_t>::max() >> line_bits) {
            raise_out_of_memory();  // there is no number left
        }
        if (blocks < small_blocks) {
            const std::uint32_t lines = std::bit_floor(stride) * (blocks == 0 ? 16 : std::uint32_t{8} << blocks);
            const std::size_t size = lines * line_size;
            std::unique_ptr<std::byte, Free> memory{
                static_cast<std::byte*>(SpareMemory::allocate(size, alignof(Record))), Free{size}};
            std::memset(memory.get(), 0, size);
            reserve_block(number);
            memories_.push_back(std::move(memory));
            add_block(number, memories_.back().get(), lines, stride, false, 0);
        } else {
            Pages pages{Pages::unit};
            reserve_block(number);
            regions_.push_back({std::move(pages), static_cast<std::uint32_t>(blocks_.size())});
            add_block(number, regions_.back().pages.memory(), line_mask + 1, stride, regions_.size() > kept_regions,
                      static_cast<std::uint32_t>(regions_.size() - 1));
        }
    }

    template <class T>
    static void reserve(std::vector<T>& vector, std::size_t size) {
        if (vector.capacity() < size) {
            vector.reserve(std::max(size, 2 * vector.capacity()));
        }
    }
    /// Sees to it that a block of a class can be added, and be open.
    void reserve_block(std::uint8_t number) {
        reserve(blocks_, blocks_.size() + 1);
        table_ = blocks_.data();
        reserve(classes_[number].open, classes_[number].blocks + std::size_t{1});
    }

    /// Precondition: memory is reserved.
    void add_block(std::uint8_t number, std::byte* memory, std::uint32_t lines, std::uint32_t stride,
                   bool is_returnable, std::uint32_t region) noexcept {
        SizeClass& size_class = classes_[number];
        size_class.open.insert(size_class.open.begin(), static_cast<std::uint32_t>(blocks_.size()));
        ++size_class.blocks;
        blocks_.push_back({.memory = memory,
                           .mask = lines - 1,
                           .stride = stride,
                           .size = static_cast<std::uint16_t>(lines / stride),
                           .number = number,
                           .is_returnable = is_returnable,
                           .region = region});
        table_ = blocks_.data();
        block_count_ = static_cast<std::uint32_t>(blocks_.size());
    }

    void forget(Region& region) noexcept {
        Block& block = blocks_[region.block];
        if (block.used == block.size) {
            classes_[block.number].open.push_back(region.block);
        }
        classes_[block.number].used -= block.used;
        returnable_ -= block.used;
        block.used = 0;
        region.pages.discard();
    }

    static constexpr std::uint32_t small_blocks = 7;  // of a class, before there are regions

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
