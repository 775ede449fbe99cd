// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/error.hpp"

#include <sys/mman.h>
#if !defined(__x86_64__)
#    include <ucontext.h>
#endif

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#if SQSIM_EXCEPTIONS
#    include <cxxabi.h>
#endif
#if SQSIM_ASAN
#    include <sanitizer/asan_interface.h>
#    include <sanitizer/common_interface_defs.h>
#endif
#if SQSIM_TSAN
#    include <sanitizer/tsan_interface.h>
#endif

#if SQSIM_EXCEPTIONS && defined(_LIBCPP_VERSION)
namespace __cxxabiv1 {
// libc++ has it, as the ABI demands, but does not declare it.
struct __cxa_eh_globals;
extern "C" __cxa_eh_globals* __cxa_get_globals();
}  // namespace __cxxabiv1
#endif

// What lets ordinary code stand still while other code goes on, in one thread: each consumer has a stack of its own.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The exceptions that are being handled belong to a stack, but the runtime keeps them for the thread.
class HandledExceptions {
public:
    /// Exchanges those of the thread with these.
    void exchange() noexcept {
#if SQSIM_EXCEPTIONS
        std::byte* const current = reinterpret_cast<std::byte*>(abi::__cxa_get_globals());
        std::byte other[size];
        std::memcpy(other, current, size);
        std::memcpy(current, saved_, size);
        std::memcpy(saved_, other, size);
#endif
    }

private:
    static constexpr std::size_t size = 2 * sizeof(void*);  // a list and a count, fixed by the ABI
    std::byte saved_[size]{};
};

#if defined(__x86_64__)

/// Saves what a call preserves on this stack, and goes on with what was saved on another.
[[gnu::naked, gnu::noinline]] inline void switch_stack(void** /*from*/, void* /*to*/) {
    __asm__("pushq %rbp\n\t"
            "pushq %rbx\n\t"
            "pushq %r12\n\t"
            "pushq %r13\n\t"
            "pushq %r14\n\t"
            "pushq %r15\n\t"
            "movq %rsp, (%rdi)\n\t"
            "movq %rsi, %rsp\n\t"
            "popq %r15\n\t"
            "popq %r14\n\t"
            "popq %r13\n\t"
            "popq %r12\n\t"
            "popq %rbx\n\t"
            "popq %rbp\n\t"
            "ret");
}

#endif

/// Code with its own stack that runs until it suspends itself or ends. Used by one thread; the code must not let an
/// exception out.
class Fiber {
public:
    using Code = void (*)(void*);

    static constexpr std::size_t default_stack_size = 256 * 1024;

    /// With a stack of so many bytes, rounded up to pages.
    explicit Fiber(std::size_t stack_size = default_stack_size)
        : stack_size_{(std::max(stack_size, least_pages * page) + page - 1) / page * page + page}, stack_{map()} {}
    Fiber(const Fiber&) = delete;
    Fiber& operator=(const Fiber&) = delete;
    ~Fiber() {
#if SQSIM_TSAN
        give_up_calls();
#endif
#if SQSIM_ASAN
        // Frames that were given up are still marked, and a thread whose own memory is mapped here does not clear them.
        ASAN_UNPOISON_MEMORY_REGION(bottom(), usable_size());
#endif
        ::munmap(stack_, stack_size_);
    }

    /// Whether an address is in the page that guards the stack of the code that runs now.
    [[nodiscard]] static bool is_overflow(const void* address) noexcept {
        const Fiber* const fiber = current();
        const auto* const byte = static_cast<const std::byte*>(address);
        return fiber != nullptr && byte >= fiber->stack_ && byte < fiber->stack_ + page;
    }

    /// Makes `code(argument)` what the next `resume` begins. Whatever was suspended here is given up: its objects are
    /// never destroyed.
    void start(Code code, void* argument) noexcept {
        code_ = code;
        argument_ = argument;
        is_active_ = true;
        exceptions_ = {};
#if SQSIM_ASAN
        ASAN_UNPOISON_MEMORY_REGION(bottom(), usable_size());
        fake_stack_ = nullptr;
#endif
#if SQSIM_TSAN
        give_up_calls();
        calls_ = __tsan_create_fiber(0);
#endif
#if defined(__x86_64__)
        // As if `switch_stack` had been called by something that `enter` returns to: six registers and an address,
        // placed so that the stack is aligned as after a call.
        auto* top = static_cast<std::uintptr_t*>(static_cast<void*>(stack_ + stack_size_)) - 1;
        *--top = reinterpret_cast<std::uintptr_t>(&Fiber::enter);
        for (int i = 0; i < 6; ++i) {
            *--top = 0;
        }
        position_ = top;
#else
        ::getcontext(&position_);
        position_.uc_stack.ss_sp = bottom();
        position_.uc_stack.ss_size = usable_size();
        position_.uc_link = nullptr;
        ::makecontext(&position_, &Fiber::enter, 0);
#endif
    }

    /// Runs the code until it suspends itself or ends. Returns: whether it can be resumed again.
    bool resume() noexcept {
        Fiber* const outer = std::exchange(current(), this);
        exceptions_.exchange();
#if SQSIM_ASAN
        void* fake = nullptr;
        __sanitizer_start_switch_fiber(&fake, bottom(), usable_size());
#endif
#if SQSIM_TSAN
        owner_calls_ = __tsan_get_current_fiber();
        __tsan_switch_to_fiber(calls_, 0);
#endif
        leave(owner_, position_);
#if SQSIM_ASAN
        __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
        exceptions_.exchange();
        current() = outer;
        return is_active_;
    }

    /// From the running code: back to whom resumed it.
    void suspend() noexcept {
#if SQSIM_ASAN
        __sanitizer_start_switch_fiber(is_active_ ? &fake_stack_ : nullptr, owner_bottom_, owner_size_);
#endif
#if SQSIM_TSAN
        __tsan_switch_to_fiber(owner_calls_, 0);
#endif
        leave(position_, owner_);
#if SQSIM_ASAN
        __sanitizer_finish_switch_fiber(fake_stack_, &owner_bottom_, &owner_size_);
#endif
    }

private:
    static constexpr std::size_t page = 4096;

    [[nodiscard]] std::size_t usable_size() const noexcept { return stack_size_ - page; }

#if defined(__x86_64__)
    using Position = void*;
    static void leave(Position& from, Position& to) noexcept { switch_stack(&from, to); }
#else
    using Position = ::ucontext_t;
    static void leave(Position& from, Position& to) noexcept { ::swapcontext(&from, &to); }
#endif

    [[nodiscard]] static Fiber*& current() noexcept {
        static thread_local Fiber* fiber = nullptr;
        return fiber;
    }

    /// The first page is never mapped in: a stack that grows too far ends the program and nothing else.
    [[nodiscard]] std::byte* map() const {
        void* const memory = ::mmap(nullptr, stack_size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) {
            sqsim::detail::raise_out_of_memory();
        }
        if (::mprotect(memory, page, PROT_NONE) != 0) {
            ::munmap(memory, stack_size_);
            sqsim::detail::raise_out_of_memory();
        }
        return static_cast<std::byte*>(memory);
    }

    [[nodiscard]] std::byte* bottom() const noexcept { return stack_ + page; }

#if SQSIM_TSAN
    void give_up_calls() noexcept {
        if (void* const calls = std::exchange(calls_, nullptr)) {
            __tsan_destroy_fiber(calls);
        }
    }
#endif

    static void enter() {
        Fiber& fiber = *current();
#if SQSIM_ASAN
        __sanitizer_finish_switch_fiber(nullptr, &fiber.owner_bottom_, &fiber.owner_size_);
#endif
        fiber.code_(fiber.argument_);
        fiber.is_active_ = false;
        fiber.suspend();
        sqsim::detail::require(false, "a fiber that has ended is not resumed");
    }

    static constexpr std::size_t least_pages = SQSIM_ASAN ? 64 : 4;  // the address sanitizer makes frames large

    std::size_t stack_size_;  // with the page that guards it
    std::byte* stack_;
    Position position_{};
    Position owner_{};
    Code code_ = nullptr;
    void* argument_ = nullptr;
    HandledExceptions exceptions_{};
    bool is_active_ = false;
#if SQSIM_ASAN
    void* fake_stack_ = nullptr;
    const void* owner_bottom_ = nullptr;
    std::size_t owner_size_ = 0;
#endif
#if SQSIM_TSAN
    void* calls_ = nullptr;
    void* owner_calls_ = nullptr;
#endif
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
