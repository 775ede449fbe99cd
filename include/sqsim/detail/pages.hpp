// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstddef>
#include <new>

#if defined(__linux__)
#    include <sys/mman.h>
#endif

namespace sqsim::inline SQSIM_ABI::detail {

/// Memory for many messages, straight from the operating system: it can go back there, and it can be backed by huge
/// pages, without which a queue of millions spends its time on address translation.
///
/// Elsewhere than on Linux it is ordinary memory, which is used again but does not go back before the queue ends.
class Pages {
public:
    static constexpr std::size_t unit = std::size_t{1} << 21;

    /// Takes a multiple of `unit` bytes, zeroed on Linux. Errors: throws `std::bad_alloc`.
    explicit Pages(std::size_t size) : size_{size} {
#if defined(__linux__)
        // More than needed, for the start of a huge page lies at a multiple of its size.
        void* const mapped =
            ::mmap(nullptr, size + unit, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (mapped != MAP_FAILED) {
            auto* const begin = static_cast<std::byte*>(mapped);
            const std::size_t before = (unit - reinterpret_cast<std::size_t>(begin) % unit) % unit;
            memory_ = begin + before;
            if (before != 0) {
                ::munmap(begin, before);
            }
            ::munmap(memory_ + size, unit - before);
            ::madvise(memory_, size, MADV_HUGEPAGE);
            return;
        }
        size_ = 0;
#endif
        memory_ = static_cast<std::byte*>(::operator new (size, std::align_val_t{alignment}));
    }

    Pages(const Pages&) = delete;
    Pages& operator=(const Pages&) = delete;
    Pages(Pages&& other) noexcept : memory_{other.memory_}, size_{other.size_} { other.memory_ = nullptr; }
    Pages& operator=(Pages&&) = delete;
    ~Pages() {
        if (memory_ == nullptr) {
            return;
        }
#if defined(__linux__)
        if (size_ != 0) {
            ::munmap(memory_, size_);
            return;
        }
#endif
        ::operator delete (memory_, std::align_val_t{alignment});
    }

    [[nodiscard]] std::byte* memory() const noexcept { return memory_; }

    /// Gives the content back to the system; the addresses stay and read as zeros. Returns whether that is possible.
    bool discard() noexcept {
#if defined(__linux__)
        return size_ != 0 && ::madvise(memory_, size_, MADV_DONTNEED) == 0;
#else
        return false;
#endif
    }

private:
    static constexpr std::size_t alignment = 64;

    std::byte* memory_ = nullptr;
    std::size_t size_;  // 0 on Linux: ordinary memory, for there was no other
};

}  // namespace sqsim::inline SQSIM_ABI::detail
