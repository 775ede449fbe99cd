// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/history/detail/history_index.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/history.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// The operations of each message, for the question whether one that was answered later took effect earlier. Few
/// histories raise it, so the index is built by the first question.
///
/// Invariants: once `built_`, `operations_` has the operations of message m from `begins_[m]` up to `begins_[m + 1]`,
/// in the order of the history.
class CallIndex {
public:
    void begin() noexcept { built_ = false; }

    /// An operation of a message, and the call that it belongs to: of a delivery its receive.
    struct Entry {
        std::uint32_t operation;
        std::uint32_t call;
    };

    /// The operations of the message after `index`. Complexity: logarithmic, the first time linear in the history.
    [[nodiscard]] std::span<const Entry> after(const History& history, const HistoryIndex& index, std::uint32_t message,
                                               std::uint32_t operation) {
        if (!built_) {
            build(history, index);
        }
        const auto first = operations_.begin() + begins_[message];
        const auto last = operations_.begin() + begins_[message + 1];
        const auto found =
            std::upper_bound(first, last, operation, [](std::uint32_t a, const Entry& b) { return a < b.operation; });
        return {found, last};
    }

private:
    [[nodiscard]] static bool may_have_effect(const Operation& operation) noexcept {
        return (operation.answer == Answer::ok || operation.answer == Answer::unknown) &&
               (operation.action == Action::delivery || operation.action == Action::delete_message ||
                operation.action == Action::change_message_visibility || operation.action == Action::dead_letter);
    }

    void build(const History& history, const HistoryIndex& index) {
        built_ = true;
        begins_.assign(index.messages.size() + 2, 0);
        for (const Operation& operation : history.operations) {
            if (may_have_effect(operation)) {
                ++begins_[index.message_of(operation) + 2];
            }
        }
        for (std::size_t i = 2; i < begins_.size(); ++i) {
            begins_[i] += begins_[i - 1];
        }
        operations_.resize(begins_.back());
        std::uint32_t call = 0;
        for (std::uint32_t i = 0; i < history.operations.size(); ++i) {
            const Operation& operation = history.operations[i];
            call = operation.action == Action::delivery ? call : i;
            if (may_have_effect(operation)) {
                operations_[begins_[index.message_of(operation) + 1]++] = {i, call};
            }
        }
    }

    std::vector<std::uint32_t> begins_{};
    std::vector<Entry> operations_{};
    bool built_ = false;
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
