// SPDX-License-Identifier: MIT

// Catches a slot that is given out twice or lies in another one, memory that does not go back to the system or goes
// back under somebody's hands, a generation that falls, and slots that get lost between a queue and its stock.

#include "catch.hpp"

#include "sqsim/detail/pages.hpp"
#include "sqsim/detail/rng.hpp"
#include "sqsim/detail/slot_stock.hpp"
#include "sqsim/detail/slots.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <map>
#include <mutex>
#include <set>
#include <thread>
#include <utility>
#include <vector>

using sqsim::detail::Pages;
using sqsim::detail::Place;
using sqsim::detail::Record;
using sqsim::detail::Slots;
using sqsim::detail::SlotSizes;
using sqsim::detail::SlotStock;
using sqsim::detail::SplitMix;

namespace {

#if defined(__linux__)
constexpr bool memory_goes_back = true;
#else
constexpr bool memory_goes_back = false;
#endif

Record& take(Slots& slots, std::size_t size) { return slots.take(Slots::class_for(size)); }

/// Gives a slot a later generation.
void grow_older(Record& record, std::uint32_t by) { record.place = Place{record.slot(), record.generation() + by}; }

std::byte* payload(Record& record) { return reinterpret_cast<std::byte*>(&record) + sizeof(Record); }

/// Takes many slots of one size and gives each a generation.
std::vector<Record*> take_many(Slots& slots, std::size_t count, std::size_t size, std::uint32_t generation) {
    std::vector<Record*> records;
    for (std::size_t i = 0; i < count; ++i) {
        records.push_back(&take(slots, size));
        grow_older(*records.back(), generation);
    }
    return records;
}

void recycle_all(Slots& slots, const std::vector<Record*>& records) {
    for (Record* record : records) {
        slots.recycle(*record);
    }
}

std::vector<std::uint32_t> numbers_of(const std::vector<Record*>& records) {
    std::vector<std::uint32_t> numbers;
    for (const Record* record : records) {
        numbers.push_back(record->slot());
    }
    return numbers;
}

}  // namespace

TEST_CASE("Slots of all sizes are found by their numbers, are large enough, and hold what was written",
          "[detail][slots]") {
    struct Taken {
        Record* record;
        std::size_t size;
        unsigned char fill;
    };
    Slots slots;
    std::map<std::uint32_t, Taken> taken;
    SplitMix random{7};
    bool good = true;
    for (int step = 0; step < 30'000; ++step) {
        if (random.below(100) < 55 || taken.empty()) {
            const bool edge = random.below(2) == 0;
            constexpr std::array<std::size_t, 10> edges{0, 1, 63, 64, 65, 256, 257, 4096, 4097, SlotSizes::largest};
            const std::size_t size = edge ? edges[random.below(edges.size())] : random.below(SlotSizes::largest);
            Record* const record = &take(slots, size);
            const auto fill = static_cast<unsigned char>(random.below(256));
            std::memset(payload(*record), fill, size);
            good = good && taken.emplace(record->slot(), Taken{record, size, fill}).second &&
                   slots.contains(record->slot()) && &slots[record->slot()] == record;
        } else {
            auto found = taken.lower_bound(random.below(taken.rbegin()->first + 1));
            Record& record = slots[found->first];
            good = good && &record == found->second.record && record.slot() == found->first;
            const std::byte* const begin = payload(record);
            good = good && std::all_of(begin, begin + found->second.size,
                                       [&](std::byte b) { return b == std::byte{found->second.fill}; });
            taken.erase(found);
            slots.recycle(record);
        }
        if (step % 1000 == 999) {
            good = good && slots.count_taken() == taken.size();
        }
    }
    CHECK(good);
    CHECK_FALSE(slots.contains(0xFFFF'FFFFU));
}

TEST_CASE("No slot is made that is not needed", "[detail][slots]") {
    Slots slots;
    std::set<const Record*> used;
    for (int round = 0; round < 1000; ++round) {
        const auto records = take_many(slots, 50, 100, 1);
        used.insert(records.begin(), records.end());
        recycle_all(slots, records);
    }
    CHECK(used.size() == 50);
}

TEST_CASE("Memory goes back to the system, and handles of then are still known", "[detail][slots]") {
    constexpr std::size_t many = 80'000;
    constexpr std::size_t size = 64;
    constexpr std::size_t kept = Slots::kept_regions * sqsim::detail::Pages::unit / (sizeof(Record) + size);
    Slots slots;
    const auto first = take_many(slots, many, size, 3);
    const auto numbers = numbers_of(first);
    CHECK(std::set<std::uint32_t>(numbers.begin(), numbers.end()).size() == many);
    const std::size_t returnable = slots.returnable();
    CHECK(returnable > many - kept - 1100);
    CHECK(returnable < many - kept + 100);
    slots.trim();  // nothing is free
    CHECK(slots.returnable() == returnable);
    CHECK(slots.count_taken() == many);

    grow_older(*first[many / 2], 9 - 3);
    recycle_all(slots, first);
    slots.trim();
    CHECK(slots.returnable() == 0);
    CHECK(slots.count_taken() == 0);

    std::size_t contained = 0;
    std::size_t known = 0;
    std::size_t stale_found = 0;
    for (std::size_t i = 0; i < many; ++i) {
        const std::uint32_t slot = numbers[i];
        const std::uint32_t latest = i == many / 2 ? 9 : 3;
        contained += slots.contains(slot) ? 1U : 0U;
        known += slots.contains(slot) || slots.generation_before(slot) >= latest ? 1U : 0U;
        // What still names the slot finds a record that is free, not another memory.
        stale_found += slots[slot].state() != sqsim::detail::State::free ? 1U : 0U;
    }
    CHECK(contained <= 1024 + kept);  // those from before there were regions, and of the first ones
    CHECK(known == many);
    CHECK(stale_found == 0);
    if (memory_goes_back) {
        CHECK(slots[numbers.back()].generation() == 0);
    }

    const auto second = take_many(slots, many, size, 0);
    const auto again = numbers_of(second);
    std::map<std::uint32_t, std::uint32_t> before;
    for (std::size_t i = 0; i < many; ++i) {
        before[numbers[i]] = i == many / 2 ? 9 : 3;
    }
    CHECK(std::set<std::uint32_t>(again.begin(), again.end()).size() == many);
    CHECK(std::all_of(second.begin(), second.end(), [&](const Record* record) {
        const auto found = before.find(record->slot());
        return found == before.end() || record->generation() >= found->second;
    }));
    const auto reused = std::count_if(again.begin(), again.end(), [&](auto slot) { return before.contains(slot); });
    CHECK(reused > static_cast<std::ptrdiff_t>(many * 9 / 10));  // the same memory, not more of it
    CHECK(slots.count_taken() == many);
}

TEST_CASE("A region stays as long as one of its slots is taken, and others go", "[detail][slots]") {
    const std::size_t size = GENERATE(std::size_t{64}, std::size_t{1000}, SlotSizes::largest);
    const std::uint32_t many = size == 64     ? 140'000
                               : size == 1000 ? 30'000
                                              : 12'000;  // more regions than slots are kept
    Slots slots;
    std::map<std::uint32_t, std::uint32_t> latest;  // generations
    SplitMix random{size};
    bool good = true;
    for (int round = 0; round < 6; ++round) {
        auto records = take_many(slots, many, size, 1 + random.below(5));
        for (Record* record : records) {
            good = good && record->generation() > latest[record->slot()];
            latest[record->slot()] = record->generation();
            std::memset(payload(*record), static_cast<int>(record->slot() & 0xFF), size);
        }
        std::vector<Record*> kept;
        for (int i = 0; i < 3; ++i) {
            kept.push_back(std::exchange(records[random.below(many)], nullptr));
        }
        std::erase(kept, nullptr);
        std::erase(records, nullptr);
        recycle_all(slots, records);
        const std::size_t before = slots.returnable();
        slots.trim();
        good = good && slots.returnable() < before && slots.count_taken() == kept.size();
        for (Record* record : kept) {
            const std::byte* const begin = payload(*record);
            good = good && slots.contains(record->slot()) && &slots[record->slot()] == record &&
                   record->generation() == latest[record->slot()] &&
                   std::all_of(begin, begin + size, [&](std::byte b) { return b == std::byte(record->slot() & 0xFF); });
        }
        for (const auto& [slot, generation] : latest) {
            good = good && (slots.contains(slot) || slots.generation_before(slot) >= generation);
        }
        recycle_all(slots, kept);
    }
    CHECK(good);
}

TEST_CASE("A stock gives what it was refilled with, of the classes that were asked for", "[detail][slots]") {
    Slots slots;
    SlotStock stock;
    const std::uint8_t small = Slots::class_for(64);
    const auto records = take_many(slots, 1000, 64, 1);
    CHECK(stock.take(small) == nullptr);
    stock.refill(slots);  // of no class
    CHECK(stock.take(small) == nullptr);
    stock.obtain_missing(slots, 1);
    std::set<const Record*> taken;
    while (const Record* record = stock.take(small)) {
        taken.insert(record);
    }
    CHECK(taken.size() == 1000 / 8);  // new ones, for all of the others are in use
    recycle_all(slots, records);
    stock.refill(slots);
    taken.clear();
    while (const Record* record = stock.take(small)) {
        taken.insert(record);
    }
    CHECK(taken.size() == SlotStock::most);
    CHECK(std::includes(std::set<const Record*>(records.begin(), records.end()).begin(),
                        std::set<const Record*>(records.begin(), records.end()).end(), taken.begin(), taken.end()));
}

TEST_CASE("A slot that a stock gets back is the next that it gives, and all go back in the end", "[detail][slots]") {
    Slots slots;
    SlotStock stock;
    for (const std::size_t size : {64U, 1000U, 4000U}) {
        CHECK(stock.take(Slots::class_for(size)) == nullptr);
        stock.obtain_missing(slots, 1);
        Record* const record = stock.take(Slots::class_for(size));
        REQUIRE(record != nullptr);
        CHECK(slots.count_taken() >= 16);
        stock.put_back(*record);
        CHECK(stock.take(Slots::class_for(size)) == record);
        stock.put_back(*record);
    }
    stock.empty_into(slots);
    CHECK(slots.count_taken() == 0);
    CHECK(stock.take(Slots::class_for(64)) == nullptr);
}

TEST_CASE("A stock keeps room for the slots that it has lent", "[detail][slots]") {
    Slots slots;
    SlotStock stock;
    const std::uint8_t small = Slots::class_for(64);
    const auto records = take_many(slots, 1000, 64, 1);
    CHECK(stock.take(small) == nullptr);
    stock.obtain_missing(slots, 1);
    recycle_all(slots, records);
    stock.refill(slots);
    std::vector<Record*> lent;
    for (int i = 0; i < 16; ++i) {
        lent.push_back(stock.lend(small));
        REQUIRE(lent.back() != nullptr);
    }
    stock.refill(slots);  // another operation, meanwhile
    stock.give_lent(*lent.back());
    lent.pop_back();
    for (Record* const record : lent) {
        stock.take_back_lent(*record);
    }
    std::set<const Record*> taken;
    while (const Record* record = stock.take(small)) {
        taken.insert(record);
    }
    CHECK(taken.size() == SlotStock::most - 1);
}

TEST_CASE("A sender and an owner pass slots around in a circle", "[detail][slots][threads]") {
    constexpr std::uint32_t rounds = 60'000;
    constexpr std::size_t most = 2000;  // on their way to the owner
    Slots slots;
    SlotStock stock;
    std::mutex owner;   // of the slots; always before the other
    std::mutex sender;  // of the stock, and of what was sent
    std::vector<Record*> sent;
    bool good = true;
    std::uint32_t beside = 0;  // taken without the owner's lock
    std::jthread thread{[&] {
        const auto hand_over = [&](Record& record, std::uint32_t number) {
            std::memcpy(payload(record), &number, sizeof number);
            sent.push_back(&record);
        };
        for (std::uint32_t i = 0; i < rounds;) {
            const std::uint8_t number = Slots::class_for(i % 5 == 0 ? 500 : 60);
            std::unique_lock lock{sender};
            if (sent.size() >= most) {
                lock.unlock();
                std::this_thread::yield();
                continue;
            }
            if (Record* const record = stock.take(number)) {
                hand_over(*record, i++);
                ++beside;
                continue;
            }
            lock.unlock();
            const std::scoped_lock both{owner, sender};
            stock.obtain_missing(slots, 1);
        }
    }};
    std::uint32_t expected = 0;
    std::vector<Record*> received;
    while (expected != rounds) {
        const std::scoped_lock lock{owner};
        {
            const std::scoped_lock other{sender};
            received.swap(sent);
            if (expected % 64 == 0) {
                stock.empty_into(slots);
                slots.trim();
            }
            stock.refill(slots);
        }
        for (Record* record : received) {
            std::uint32_t number = 0;
            std::memcpy(&number, payload(slots[record->slot()]), sizeof number);
            good = good && number == expected++ && slots.contains(record->slot());
            slots.recycle(*record);
        }
        received.clear();
    }
    thread.join();
    stock.empty_into(slots);
    CHECK(good);
    CHECK(beside == rounds);
    CHECK(slots.count_taken() == 0);
}

TEST_CASE("Slots are taken and freed while memory goes back piece by piece", "[detail][slots]") {
    constexpr std::size_t many = 80'000;
    constexpr std::size_t size = 64;
    Slots slots;
    recycle_all(slots, take_many(slots, many, size, 3));
    const std::size_t returnable = slots.returnable();
    slots.begin_trim();
    std::set<Record*> taken;
    std::size_t pieces = 1;
    bool are_distinct = true;
    const auto use = [&](std::size_t count) {
        const auto records = take_many(slots, count, size, 5);
        for (Record* const record : records) {
            are_distinct = taken.insert(record).second && are_distinct;
        }
        for (std::size_t i = 0; i != count / 2; ++i) {  // freed again while the others stay
            taken.erase(records[i]);
            slots.recycle(*records[i]);
        }
    };
    for (; slots.trim_piece(); ++pieces) {
        use(pieces == 4 ? 20 : 0);  // beside each other: one region or two are kept
    }
    CHECK(pieces >= many / 2048);
    CHECK(slots.returnable() < returnable);
    CHECK(slots.count_taken() == taken.size());
    use(many);
    CHECK(are_distinct);
    CHECK(slots.count_taken() == taken.size());
    CHECK(std::all_of(taken.begin(), taken.end(), [&](Record* record) {
        return slots.contains(record->slot()) && &slots[record->slot()] == record;
    }));
}

TEST_CASE("Pages start at a huge page's address, and read as zeros once they were given back", "[detail][slots]") {
    Pages pages{2 * Pages::unit};
    std::byte* const memory = pages.memory();
    if (memory_goes_back) {
        CHECK(reinterpret_cast<std::size_t>(memory) % Pages::unit == 0);
    }
    std::memset(memory, 1, 2 * Pages::unit);
    Pages moved{std::move(pages)};
    CHECK(moved.memory() == memory);
    const bool discarded = moved.discard();
    CHECK(discarded == memory_goes_back);
    const std::byte expected{discarded ? std::uint8_t{0} : std::uint8_t{1}};
    CHECK(std::all_of(memory, memory + 2 * Pages::unit, [&](std::byte b) { return b == expected; }));
    std::memset(memory, 2, 2 * Pages::unit);
    CHECK(memory[2 * Pages::unit - 1] == std::byte{2});
}
