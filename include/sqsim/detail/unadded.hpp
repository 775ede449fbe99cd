// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/given_body.hpp"
#include "sqsim/detail/message_store.hpp"
#include "sqsim/detail/record.hpp"

namespace sqsim::inline SQSIM_ABI::detail {

/// A record that is no message yet: it is given back unless it becomes one (`release`), and its body to `given`.
/// Whatever names it already is stale then.
template <class Body>
class Unadded {
public:
    Unadded(MessageStore<Body>& store, Record& record, Body* given) noexcept
        : store_{store}, record_{&record}, given_{given} {}
    Unadded(const Unadded&) = delete;
    Unadded& operator=(const Unadded&) = delete;
    ~Unadded() {
        const Commit commit{};
        if (record_ != nullptr) [[unlikely]] {
            return_body(*record_, given_);
            record_->place = record_->place.next();
            record_->born = record_->generation();
            store_.take_back(store_, *record_);
        }
    }

    void release() noexcept { record_ = nullptr; }

private:
    MessageStore<Body>& store_;
    Record* record_;
    Body* given_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
