// SPDX-License-Identifier: MIT
#pragma once

/// What each of two shared objects does, both with a copy of the library that the other does not see.
struct SharedObject {
    void* (*make_queue)();
    void (*end_queue)(void* queue);
    void (*send)(void* queue);
    /// A message of the queue, for `end_message` of either object; its handle as text goes to `handle`.
    void* (*receive)(void* queue, char* handle);
    void (*end_message)(void* message);
    /// "ok", "invalid" and so on.
    const char* (*delete_message)(void* queue, const char* handle);
    unsigned long (*messages)(void* queue);
    /// Makes a queue the dead-letter queue of another, which may be of the other object. Returns whether it could.
    bool (*set_dead_letter_queue)(void* queue, void* dead_letter_queue);
};

extern "C" using GetSharedObject = const SharedObject * ();
