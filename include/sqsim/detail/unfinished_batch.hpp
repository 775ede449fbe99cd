// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/given_body.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/error.hpp"
#include "sqsim/ids.hpp"
#include "sqsim/options.hpp"

#include <cstddef>
#include <span>
#include <vector>

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
            engine_->take_back(before_, [](Record&) {});
        }
    }

    void keep() noexcept { engine_ = nullptr; }

protected:
    Engine* engine_;
    typename Engine::BeforeBatch before_;
};

/// The same for entries, whose bodies go back to the caller. There is a result for each entry that was looked at.
template <class Engine, class Body, class Entry>
class UnfinishedEntries : public UnfinishedBatch<Engine> {
public:
    using Results = std::vector<Result<SendMessageResult>>;

    UnfinishedEntries(Engine& engine, std::span<Entry> entries, const Results& results) noexcept
        : UnfinishedBatch<Engine>{engine}, entries_{entries}, results_{results} {}
    UnfinishedEntries(const UnfinishedEntries&) = delete;
    UnfinishedEntries& operator=(const UnfinishedEntries&) = delete;
    ~UnfinishedEntries() {
        if (this->engine_ != nullptr) [[unlikely]] {
            std::size_t next = 0;
            this->engine_->take_back(this->before_, [&](Record& record) {
                while (!is_stored(results_[next])) {
                    ++next;
                }
                return_body<Body>(record, given_body<Body>(entries_[next++].body));
            });
            this->keep();
        }
    }

private:
    [[nodiscard]] static bool is_stored(const Result<SendMessageResult>& result) noexcept {
        return result.has_value() && !result->deduplicated;
    }

    std::span<Entry> entries_;
    const Results& results_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
