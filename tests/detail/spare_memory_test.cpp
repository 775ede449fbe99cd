// SPDX-License-Identifier: MIT

// Catches memory that is handed out in the wrong size or alignment, twice at once, or after it went back to the system.

#include "catch.hpp"

#include <sqsim/detail/spare_memory.hpp>

#include <sqsim/clock/manual_clock.hpp>
#include <sqsim/queue.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>
#include <vector>

namespace {

using sqsim::detail::SpareMemory;

// Under the address sanitizer nothing is kept.
constexpr bool keeps = !SQSIM_ASAN;

[[nodiscard]] bool is_aligned(const void* memory, std::size_t alignment) {
    return reinterpret_cast<std::uintptr_t>(memory) % alignment == 0;
}

}  // namespace

TEST_CASE("memory that was given back is the next of its size and alignment", "[detail][spare-memory]") {
    SpareMemory spare;
    const SpareMemory::Use use{spare};
    void* const first = SpareMemory::allocate(2048, 64);
    CHECK(is_aligned(first, 64));
    SpareMemory::deallocate(first, 2048, 64);

    void* const larger = SpareMemory::allocate(2049, 64);
    void* const stricter = SpareMemory::allocate(2048, 128);
    CHECK(is_aligned(stricter, 128));
    CHECK(larger != first);
    CHECK(stricter != first);

    void* const again = SpareMemory::allocate(2048, 64);
    void* const another = SpareMemory::allocate(2048, 64);
    CHECK((again == first || !keeps));
    CHECK(another != again);
    SpareMemory::deallocate(larger, 2049, 64);
    SpareMemory::deallocate(stricter, 2048, 128);
    SpareMemory::deallocate(again, 2048, 64);
    SpareMemory::deallocate(another, 2048, 64);
}

TEST_CASE("no piece of memory is handed out twice", "[detail][spare-memory]") {
    SpareMemory spare;
    const SpareMemory::Use use{spare};
    for (int round = 0; round < 3; ++round) {
        std::set<void*> held;
        for (int i = 0; i < 40; ++i) {  // more than are kept
            void* const memory = SpareMemory::allocate(1536, 8);
            std::memset(memory, i, 1536);
            CHECK(held.insert(memory).second);
        }
        for (void* const memory : held) {
            SpareMemory::deallocate(memory, 1536, 8);
        }
    }
}

TEST_CASE("without a place to leave it memory goes back to the system", "[detail][spare-memory]") {
    SpareMemory outer;
    SpareMemory inner;
    void* const before = SpareMemory::allocate(1024, 16);  // as that of a queue that is older than the exploration
    {
        const SpareMemory::Use use{outer};
        SpareMemory::deallocate(before, 1024, 16);
        {
            const SpareMemory::Use nested{inner};
            void* const memory = SpareMemory::allocate(1024, 16);
            CHECK((memory != before || !keeps));
            SpareMemory::deallocate(memory, 1024, 16);
        }
        void* const memory = SpareMemory::allocate(1024, 16);
        CHECK((memory == before || !keeps));
        SpareMemory::deallocate(memory, 1024, 16);
        void* const huge = SpareMemory::allocate(1 << 20, 16);  // is not kept
        SpareMemory::deallocate(huge, 1 << 20, 16);
    }
    void* const after = SpareMemory::allocate(1024, 16);
    CHECK((after != before || !keeps));
    SpareMemory::deallocate(after, 1024, 16);
}

TEST_CASE("queues that use each other's memory are as good as new", "[detail][spare-memory]") {
    SpareMemory spare;
    sqsim::Message<std::string, sqsim::ManualClock::time_point> kept;
    const SpareMemory::Use use{spare};
    for (int round = 0; round < 5; ++round) {
        sqsim::ManualClock clock;
        sqsim::Queue<sqsim::ManualClock, std::string, sqsim::NullMutex> queue{clock};
        for (int i = 0; i < 200; ++i) {
            queue.send_message("round " + std::to_string(round) + ", message " + std::to_string(i));
        }
        for (int i = 0; i < 100; ++i) {
            const auto message = queue.receive_message();
            REQUIRE(message);
            CHECK(message->body() == "round " + std::to_string(round) + ", message " + std::to_string(i));
            CHECK(message->approximate_receive_count() == 1);
            queue.delete_message(message->receipt_handle());
        }
        if (round == 0) {
            kept = *queue.receive_message();  // its memory must not be another queue's
        }
    }
    CHECK(kept.body() == "round 0, message 100");
}
