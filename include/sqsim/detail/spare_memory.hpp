// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <new>
#include <utility>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the queues of a thread leave to those that come after them: a simulation makes a hundred thousand of them, each
/// of which begins with the same few pieces of memory, too large for the allocator to have them at hand.
class SpareMemory {
public:
    SpareMemory() = default;
    SpareMemory(const SpareMemory&) = delete;
    SpareMemory& operator=(const SpareMemory&) = delete;
    ~SpareMemory() {
        while (count_ != 0) {
            release(pieces_[--count_]);
        }
    }

    /// While it lives, this thread's queues leave their memory to `spare`.
    class Use {
    public:
        explicit Use(SpareMemory& spare) noexcept : outer_{std::exchange(used(), &spare)} {}
        Use(const Use&) = delete;
        Use& operator=(const Use&) = delete;
        ~Use() { used() = outer_; }

    private:
        SpareMemory* outer_;
    };

    /// Memory of this size and alignment, which `deallocate` takes back. Errors: `std::bad_alloc`.
    [[nodiscard]] static void* allocate(std::size_t size, std::size_t alignment) {
        if (SpareMemory* const spare = used()) {
            for (std::size_t i = 0; i < spare->count_; ++i) {
                Piece& piece = spare->pieces_[i];
                if (piece.size == size && piece.alignment == alignment) {
                    void* const memory = piece.memory;
                    piece = spare->pieces_[--spare->count_];
                    return memory;
                }
            }
        }
        return alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__ ? ::operator new (size, std::align_val_t{alignment})
                                                            : ::operator new(size);
    }

    static void deallocate(void* memory, std::size_t size, std::size_t alignment) noexcept {
        SpareMemory* const spare = used();
        // The address sanitizer is to see who uses what was given back.
        if (!SQSIM_ASAN && spare != nullptr && size <= largest && spare->count_ != spare->pieces_.size()) {
            spare->pieces_[spare->count_++] = {memory, size, alignment};
        } else {
            release({memory, size, alignment});
        }
    }

private:
    struct Piece {
        void* memory;
        std::size_t size;
        std::size_t alignment;
    };

    static void release(const Piece& piece) noexcept {
        if (piece.alignment > __STDCPP_DEFAULT_NEW_ALIGNMENT__) {
            ::operator delete (piece.memory, std::align_val_t{piece.alignment});
        } else {
            ::operator delete(piece.memory);
        }
    }

    static constexpr std::size_t largest = 4096;

    [[nodiscard]] static SpareMemory*& used() noexcept {
        static thread_local SpareMemory* spare = nullptr;
        return spare;
    }

    std::array<Piece, 16> pieces_;
    std::size_t count_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
