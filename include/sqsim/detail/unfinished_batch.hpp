// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

namespace sqsim::inline SQSIM_ABI::detail {

/// One call that sends several messages. Unless it comes to its end (`keep`), those that it has stored leave again, and
/// nobody has seen them: all under one lock.
template <class Engine>
class UnfinishedBatch {
public:
    explicit UnfinishedBatch(Engine& engine) noexcept : engine_{&engine}, before_{engine.before_batch()} {}
    UnfinishedBatch(const UnfinishedBatch&) = delete;
    UnfinishedBatch& operator=(const UnfinishedBatch&) = delete;
    ~UnfinishedBatch() {
        if (engine_ != nullptr) [[unlikely]] {
            engine_->take_back(before_);
        }
    }

    void keep() noexcept { engine_ = nullptr; }

private:
    Engine* engine_;
    typename Engine::BeforeBatch before_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
