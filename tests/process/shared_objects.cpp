// SPDX-License-Identifier: MIT

// Catches queues of two shared objects that take each other's handles for their own, and a message that outlives its
// queue and, ended by the other object, leaks what its queue has left.

#include <cstdio>

#if __has_include(<dlfcn.h>)

#    include "shared_object.hpp"

#    include <dlfcn.h>

#    include <array>
#    include <atomic>
#    include <cstdlib>
#    include <cstring>
#    include <new>

namespace {

std::atomic<long> living{0};  // pieces of memory, also those of the shared objects

bool has_failed = false;

void expect(bool holds, const char* what) {
    if (!holds) {
        std::fprintf(stderr, "does not hold: %s\n", what);
        has_failed = true;
    }
}

const SharedObject& load(const char* path) {
    void* const object = ::dlopen(path, RTLD_NOW | RTLD_LOCAL);
    void* const symbol = object != nullptr ? ::dlsym(object, "get_shared_object") : nullptr;
    if (symbol == nullptr) {
        std::fprintf(stderr, "%s\n", ::dlerror());
        std::exit(1);
    }
    return *reinterpret_cast<GetSharedObject*>(symbol)();
}

void* allocate(std::size_t size, std::size_t alignment) {
    ++living;
    return std::aligned_alloc(alignment, (size + alignment - 1) / alignment * alignment);
}
void release(void* memory) noexcept {
    if (memory != nullptr) {
        --living;
        std::free(memory);
    }
}

}  // namespace

void* operator new(std::size_t size) { return allocate(size, 16); }
void* operator new(std::size_t size, std::align_val_t alignment) {
    return allocate(size, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { release(memory); }
void operator delete(void* memory, std::size_t) noexcept { release(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { release(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { release(memory); }

int main(int count, char** arguments) {
    if (count != 3) {
        return 1;
    }
    const SharedObject& a = load(arguments[1]);
    const SharedObject& b = load(arguments[2]);
    std::array<char, 64> handle{};
    std::array<char, 64> other_handle{};
    long before = 0;
    for (int round = 0; round < 3; ++round) {
        void* const queue = a.make_queue();
        void* const other = b.make_queue();
        a.send(queue);
        b.send(other);
        void* const message = a.receive(queue, handle.data());
        void* const other_message = b.receive(other, other_handle.data());
        expect(std::strcmp(b.delete_message(other, handle.data()), "invalid") == 0, "a foreign handle is invalid");
        expect(std::strcmp(a.delete_message(queue, other_handle.data()), "invalid") == 0, "so is the other one");
        expect(b.messages(other) == 1 && a.messages(queue) == 1, "nothing is deleted by a foreign handle");
        expect(std::strcmp(b.delete_message(queue, handle.data()), "ok") == 0,
               "a queue knows its handles, whoever calls it");
        expect(living > before, "the memory of the shared objects is counted");
        expect(b.set_dead_letter_queue(queue, other), "two queues on one clock may be of two objects");
        a.end_queue(queue);
        b.end_message(message);  // the last that refers to it
        b.end_queue(other);
        a.end_message(other_message);
        if (round == 0) {
            before = living;  // what is made once stays
        }
    }
    expect(living == before, "what the queues had is given back");
    return has_failed ? 1 : 0;
}

#else

int main() {
    std::puts("skipped: this platform has no dlopen");
    return 77;
}

#endif
