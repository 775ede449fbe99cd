// SPDX-License-Identifier: MIT

// Compiled twice, with hidden visibility, into shared objects that `shared_objects.cpp` loads.

#include "shared_object.hpp"

#include "sqsim/sqsim.hpp"

#include <chrono>
#include <cstring>
#include <optional>
#include <string>

namespace {

using Queue = sqsim::Queue<std::chrono::steady_clock>;
using Message = Queue::message_type;

Queue& queue_at(void* queue) { return *static_cast<Queue*>(queue); }

const char* status_of_delete(void* queue, const char* text) {
    const auto handle = sqsim::ReceiptHandle::from_string(text);
    if (!handle) {
        return "malformed";
    }
    try {
        return queue_at(queue).delete_message(*handle).status == sqsim::HandleStatus::ok ? "ok" : "not ok";
    } catch (const sqsim::Error&) {
        return "invalid";
    }
}

bool set_dead_letters(void* queue, void* dead_letter_queue) {
    try {
        queue_at(queue).set_redrive_policy({.dead_letter_queue = queue_at(dead_letter_queue), .max_receive_count = 1});
    } catch (const sqsim::Error&) {
        return false;
    }
    return true;
}

const SharedObject functions{
    []() -> void* { return new Queue; },
    [](void* queue) { delete &queue_at(queue); },
    [](void* queue) { static_cast<void>(queue_at(queue).send_message("message")); },
    [](void* queue, char* handle) -> void* {
        auto message = queue_at(queue).receive_message();
        std::strcpy(handle, message.value().receipt_handle().to_string().c_str());
        return new Message{*message};
    },
    [](void* message) { delete static_cast<Message*>(message); },
    status_of_delete,
    [](void* queue) -> unsigned long { return queue_at(queue).counts().total(); },
    set_dead_letters,
};

}  // namespace

extern "C" [[gnu::visibility("default")]] const SharedObject* get_shared_object();
const SharedObject* get_shared_object() { return &functions; }
