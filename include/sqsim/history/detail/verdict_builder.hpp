// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/text.hpp"
#include "sqsim/history/detail/check_context.hpp"
#include "sqsim/history/detail/interval.hpp"
#include "sqsim/history/history.hpp"
#include "sqsim/history/verdict.hpp"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

/// Collects what the rules find, and writes the sentences.
class VerdictBuilder {
public:
    void begin(const History& history) noexcept {
        history_ = &history;
        verdict_.findings.clear();
        verdict_.counts = {};
    }

    [[nodiscard]] const HistoryVerdict& verdict() const noexcept { return verdict_; }
    [[nodiscard]] HistoryCounts& counts() noexcept { return verdict_.counts; }

    [[gnu::noinline]] void add_malformed(std::size_t operation, std::string_view problem) {
        ++verdict_.counts.violations;
        verdict_.findings.push_back({HistoryRule::malformed, operation, std::string{problem}});
    }

    [[gnu::noinline]] void add(std::size_t operation, const Finding& finding) {
        ++verdict_.counts.violations;
        if (verdict_.findings.size() < HistoryVerdict::most_findings) {
            verdict_.findings.push_back({finding.rule, operation, sentence(finding, operation)});
        }
    }

private:
    using Rule = HistoryRule;

    [[nodiscard]] static std::string seconds(Nanos instant) { return sqsim::detail::seconds_text(instant) + " s"; }
    [[nodiscard]] static std::string message(std::int64_t number) { return "message " + std::to_string(number); }

    [[nodiscard]] std::string sentence(const Finding& finding, std::size_t index) const {
        const Operation& operation = history_->operations[index];
        std::string text = subject(operation) + ": " + what(finding, operation) + ", " + when(index);
        if (!source_of(finding.rule).empty()) {
            text += " [" + std::string{source_of(finding.rule)} + "]";
        }
        return text;
    }

    [[nodiscard]] std::string subject(const Operation& operation) const {
        const QueueFacts& queue = history_->queues[operation.queue];
        const std::string name =
            queue.name.empty() ? "queue " + std::to_string(operation.queue) : "queue '" + queue.name + "'";
        return operation.message != 0 ? message(operation.message) + ", " + name : name;
    }

    /// When the operation was, or the receive that it belongs to.
    [[nodiscard]] std::string when(std::size_t index) const {
        while (index != 0 && history_->operations[index].action == Action::delivery) {
            --index;
        }
        const Operation& call = history_->operations[index];
        return call.invoked == call.answered
                   ? "at " + seconds(call.answered)
                   : "between " + sqsim::detail::seconds_text(call.invoked) + " and " + seconds(call.answered);
    }

    [[nodiscard]] static std::string what(const Finding& finding, const Operation& operation) {
        const auto [rule, instant, number] = finding;
        const std::string count = std::to_string(operation.receive_count);
        switch (rule) {
        case Rule::malformed:
            break;
        case Rule::lost:
            return number == 0 ? "it was stored, but never received, deleted or moved, and the queue is empty; sent"
                               : "it was received, but never deleted or moved, and is not there any more; sent";
        case Rule::unexpected:
            return "received, but nobody sent it to this queue or one that it could have moved from";
        case Rule::content_changed:
            return "received with another body, other attributes or another group than it was sent with";
        case Rule::received_while_leased:
            return "received again although it was hidden until " + seconds(instant);
        case Rule::received_after_delete:
            return "received although its delete was acknowledged at " + seconds(instant);
        case Rule::received_before_delay:
            return "received although it was not there before " + seconds(instant);
        case Rule::received_after_retention:
            return "received although its retention ended at " + seconds(instant);
        case Rule::receive_count_not_growing:
            return "received with the receive count " + count + " after one with " + std::to_string(number);
        case Rule::dead_lettered_early:
            return "moved to the dead-letter queue before it was received " + std::to_string(number) + " times";
        case Rule::received_beyond_maximum:
            return instant == never ? "received for the " + std::to_string(number) + ". time instead of being moved"
                                    : "received although it was moved to the dead-letter queue by " + seconds(instant);
        case Rule::group_overtaken:
            return "received before " + message(number) + " of its group, which was sent earlier";
        case Rule::group_locked:
            return "received while " + message(number) + " of its group, which was sent earlier, was in flight until " +
                   seconds(instant);
        case Rule::duplicate_within_interval:
            return "received, and so was " + message(number) + " with the same deduplication id, both sent within " +
                   seconds(instant);
        case Rule::stale_delete:
            return instant == never
                       ? message(number) + " was deleted by a handle although it was received again since"
                       : message(number) + " was deleted by a handle whose lease ended by " + seconds(instant);
        case Rule::too_many_messages:
            return "more than " + std::to_string(number) + " messages in one answer";
        case Rule::waited_too_long:
            return "a receive waited longer than " + seconds(instant);
        }
        return {};
    }

    const History* history_ = nullptr;
    HistoryVerdict verdict_{};
};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
