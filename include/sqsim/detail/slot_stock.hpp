// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/slots.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// Free slots that a queue has put aside for those who prepare messages without its lock.
///
/// They are kept as addresses beside each other, not as a list: who walks a list of records that another core has
/// written waits for each of them.
class SlotStock {
public:
    static constexpr std::uint32_t most = 256;  // of a class

    /// A slot of a class; null if there is none left.
    [[gnu::always_inline]] [[nodiscard]] Record* take(std::uint8_t number) noexcept {
        FreeSlots& free = free_[number];
        if (free.count == 0) [[unlikely]] {
            missing_ = number;
            return nullptr;
        }
        Record* const record = free.records[--free.count];
        if (free.count >= ahead) {
            prefetch<true>(*free.records[free.count - ahead]);
        }
        return record;
    }
    /// Returns a slot that was taken and is not needed.
    void put_back(Record& record) noexcept { add(free_[Slots::class_of(record)], record); }

    // The same for a sender who lets go of the lock before it knows whether it needs the slot: for as long as it has
    // it, there is room for it here.
    [[nodiscard]] Record* lend(std::uint8_t number) noexcept {
        Record* const record = take(number);
        free_[number].lent += record != nullptr ? 1U : 0U;
        return record;
    }
    void take_back_lent(Record& record) noexcept {
        give_lent(record);
        put_back(record);
    }
    /// A slot that was lent has become a message.
    void give_lent(const Record& record) noexcept { --free_[Slots::class_of(record)].lent; }

    /// Adds what was freed to the classes that are in use.
    [[gnu::always_inline]] void refill(Slots& slots) noexcept {
        for (std::uint32_t rest = used_; rest != 0; rest &= rest - 1) {
            const auto number = static_cast<std::uint8_t>(std::countr_zero(rest));
            fill(free_[number], slots, number);
        }
    }

    /// Sees to it that there are some slots of the class that was missing, `wanted` if it can be, new ones if need be.
    /// Errors: `std::bad_alloc`.
    void obtain_missing(Slots& slots, std::size_t wanted) {
        const std::uint8_t number = std::exchange(missing_, none);
        if (number == none) {
            return;
        }
        FreeSlots& free = free_[number];
        if (free.records == nullptr) {
            free.records = std::make_unique<Record*[]>(most);
            used_ |= std::uint32_t{1} << number;
        }
        fill(free, slots, number);
        // An eighth of what there is: a small queue stays small. What there was has not sufficed.
        const std::size_t enough = std::clamp<std::size_t>(std::max(slots.used(number) / 8, wanted), 16, most);
        while (free.count < enough && free.count + free.lent < most) {
            add(free, slots.take(number));
        }
    }

    /// Gives everything back.
    void empty_into(Slots& slots) noexcept {
        for (FreeSlots& free : free_) {
            while (free.count != 0) {
                slots.recycle(*free.records[--free.count]);
            }
        }
    }

private:
    struct FreeSlots {
        std::unique_ptr<Record* []> records {};
        std::uint32_t count = 0;
        std::uint32_t lent = 0;
    };
    static constexpr std::uint32_t ahead = 8;
    static constexpr std::uint8_t none = 0xFF;

    static void add(FreeSlots& free, Record& record) noexcept { free.records[free.count++] = &record; }

    static void fill(FreeSlots& free, Slots& slots, std::uint8_t number) noexcept {
        while (free.count + free.lent < most) {
            Record* const record = slots.take_freed(number);
            if (record == nullptr) {
                break;
            }
            add(free, *record);
        }
    }

    std::array<FreeSlots, SlotSizes::payloads.size()> free_{};
    std::uint32_t used_ = 0;       // classes, as bits
    std::uint8_t missing_ = none;  // the class that there was no slot of
};

}  // namespace sqsim::inline SQSIM_ABI::detail
