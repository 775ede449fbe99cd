// SPDX-License-Identifier: MIT

// The global operators of the whole test program. Outside of measurements they do what the usual ones do.

#include "watched_memory.hpp"

#include "sqsim/detail/commit.hpp"

#include <cstddef>
#include <cstdlib>
#include <new>

#if defined(__GNUC__) && !defined(__clang__)
// g++ takes the replaced operators for a mismatch where it inlines one of a pair but not the other.
#    pragma GCC diagnostic ignored "-Wmismatched-new-delete"
#endif

namespace {

/// Whether the next allocation is to fail.
bool fails(std::size_t size) noexcept {
#if SQSIM_WATCHES_COMMITS
    if (sqsim::detail::Commit::depth != 0) {
        watched::in_commits.fetch_add(1, std::memory_order_relaxed);
    }
#endif
    if (watched::own_failures != 0 && ++watched::own_allocations % watched::own_failures == 0) {
        return true;
    }
    if (watched::counting.load(std::memory_order_relaxed)) {
        const std::uint64_t number = watched::allocations.fetch_add(1, std::memory_order_relaxed) + 1;
        const std::uint64_t fails_at = watched::fails_at.load(std::memory_order_relaxed);
        if (number == fails_at || (number > fails_at && watched::goes_on_failing.load(std::memory_order_relaxed))) {
            return true;
        }
        watched::bytes.fetch_add(size, std::memory_order_relaxed);
    }
    return false;
}

#if SQSIM_TSAN
void check_or_throw(std::size_t size) {
    if (fails(size)) {
        throw std::bad_alloc{};
    }
}
#else
void* allocate(std::size_t size, std::size_t alignment) noexcept {
    if (fails(size)) {
        return nullptr;
    }
    watched::living.fetch_add(1, std::memory_order_relaxed);
    const std::size_t bytes = size == 0 ? 1 : size;
    return alignment <= alignof(std::max_align_t)
               ? std::malloc(bytes)
               : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t size, std::size_t alignment) {
    void* const memory = allocate(size, alignment);
    if (memory == nullptr) {
        throw std::bad_alloc{};
    }
    return memory;
}

void release(void* memory) noexcept {
    if (memory != nullptr) {
        watched::living.fetch_sub(1, std::memory_order_relaxed);
        std::free(memory);
    }
}
#endif

}  // namespace

#if SQSIM_TSAN
// The runtime of the thread sanitizer has these operators itself. The linker sends the calls of this program through
// what follows (`--wrap`), but not those of libraries: what lives cannot be counted.
extern "C" {
void* __real__Znwm(std::size_t size);                                             // NOLINT: the linker's names
void* __real__ZnwmSt11align_val_t(std::size_t size, std::align_val_t alignment);  // NOLINT
void* __wrap__Znwm(std::size_t size) {                                            // NOLINT
    check_or_throw(size);
    return __real__Znwm(size);
}
void* __wrap__Znam(std::size_t size) { return __wrap__Znwm(size); }                // NOLINT
void* __wrap__ZnwmSt11align_val_t(std::size_t size, std::align_val_t alignment) {  // NOLINT
    check_or_throw(size);
    return __real__ZnwmSt11align_val_t(size, alignment);
}
void* __wrap__ZnwmRKSt9nothrow_t(std::size_t size, const std::nothrow_t&) noexcept {  // NOLINT
    return fails(size) ? nullptr : __real__Znwm(size);
}
}
#else
void* operator new(std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new[](std::size_t size) { return allocate_or_throw(size, 1); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size, std::align_val_t alignment) {
    return allocate_or_throw(size, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void* operator new[](std::size_t size, const std::nothrow_t&) noexcept { return allocate(size, 1); }
void operator delete(void* memory) noexcept { release(memory); }
void operator delete[](void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, const std::nothrow_t&) noexcept { release(memory); }
void operator delete[](void* memory, const std::nothrow_t&) noexcept { release(memory); }
#endif
