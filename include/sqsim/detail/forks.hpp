// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/config.hpp"

#include <mutex>

#if defined(__unix__) || defined(__APPLE__)
#    include <pthread.h>
#endif

namespace sqsim::inline SQSIM_ABI::detail {

/// Something that must change in a process that was forked: what gives ids, for its parent goes on to give them, too.
class ForkWatcher {
public:
    ForkWatcher(const ForkWatcher&) = delete;
    ForkWatcher& operator=(const ForkWatcher&) = delete;

protected:
    ForkWatcher() = default;
    ~ForkWatcher() { unwatch(); }

    void watch() {
        List& all = list();
        const std::scoped_lock lock{all.mutex};
        next_ = all.first;
        link_ = &all.first;
        all.first = this;
        if (next_ != nullptr) {
            next_->link_ = &next_;
        }
    }

    void unwatch() noexcept {
        if (link_ == nullptr) {
            return;
        }
        const std::scoped_lock lock{list().mutex};
        *link_ = next_;
        if (next_ != nullptr) {
            next_->link_ = link_;
        }
        link_ = nullptr;
    }

    /// In the new process, in which no other thread is.
    virtual void was_forked() noexcept = 0;

private:
    struct List {
        std::mutex mutex{};
        ForkWatcher* first = nullptr;
    };

    /// Never destroyed: static queues end late.
    [[nodiscard]] static List& list() {
        static List& all = *make_list();
        return all;
    }
    [[nodiscard]] static List* make_list() {
        auto* const all = new List;
#if defined(__unix__) || defined(__APPLE__)
        static_cast<void>(process_entropy());  // so that it differs by the time the list is told
        ::pthread_atfork([] { list().mutex.lock(); }, [] { list().mutex.unlock(); },
                         [] {
                             list().mutex.unlock();
                             for (ForkWatcher* watcher = list().first; watcher != nullptr; watcher = watcher->next_) {
                                 watcher->was_forked();
                             }
                         });
#endif
        return all;
    }

    ForkWatcher* next_ = nullptr;
    ForkWatcher** link_ = nullptr;  // what points to this; null: not watching
};

}  // namespace sqsim::inline SQSIM_ABI::detail
