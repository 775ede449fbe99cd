// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history::detail {

struct RuleText {
    std::string_view name;
    std::string_view source;  // the name of the rule of the service, if there is one
};

inline constexpr std::array<RuleText, 17> rule_texts{{
    {"malformed", ""},
    {"lost", ""},
    {"unexpected", ""},
    {"content changed", ""},
    {"received while leased", "fifo.lease"},
    {"received after delete", ""},
    {"received before delay", "send.delay"},
    {"received after retention", "retention.period"},
    {"receive count not growing", "receive.count"},
    {"dead-lettered early", "dead-letter.threshold"},
    {"received beyond maximum", "dead-letter.threshold"},
    {"group overtaken", "fifo.order"},
    {"group locked", "fifo.group-lock"},
    {"duplicate within interval", "fifo.deduplication"},
    {"stale delete", "fifo.expired-handle"},
    {"too many messages", "receive.batch-size"},
    {"waited too long", "receive.wait"},
}};

}  // namespace history::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim

namespace sqsim {
inline namespace SQSIM_ABI {
namespace history {

/// What a queue must never do. Some of it a standard queue may do: there it is counted, and no finding.
enum class HistoryRule : std::uint8_t {
    malformed,                  ///< not a history that could be judged
    lost,                       ///< a stored message that was not to be had any more
    unexpected,                 ///< a message that nobody sent, or not to this queue
    content_changed,            ///< another body, attributes or group than sent
    received_while_leased,      ///< again before the visibility timeout ended; standard: counted
    received_after_delete,      ///< after an acknowledged delete; standard: counted
    received_before_delay,      ///< before the delay ended, or before the send
    received_after_retention,   ///< after the retention period
    receive_count_not_growing,  ///< standard: counted
    dead_lettered_early,        ///< moved before it was received often enough
    received_beyond_maximum,    ///< received again when it had to move, or had moved
    group_overtaken,            ///< FIFO: before an earlier message of its group
    group_locked,               ///< FIFO: while an earlier message of its group was in flight
    duplicate_within_interval,  ///< FIFO: one deduplication id, two messages
    stale_delete,               ///< a handle that had no right any more deleted; standard: counted
    too_many_messages,          ///< more than asked for, or than ten
    waited_too_long,            ///< a receive that blocked longer than asked
};

/// The name of a rule, for people.
[[nodiscard]] constexpr std::string_view to_string(HistoryRule rule) noexcept {
    return detail::rule_texts[static_cast<std::size_t>(rule)].name;
}

/// The rule of the service behind it, such as "fifo.order"; empty if it is common sense.
[[nodiscard]] constexpr std::string_view source_of(HistoryRule rule) noexcept {
    return detail::rule_texts[static_cast<std::size_t>(rule)].source;
}

/// One thing that certainly was wrong.
struct HistoryFinding {
    HistoryRule rule = HistoryRule::malformed;
    std::size_t operation = 0;  // index into History::operations
    std::string text{};         // a sentence with message, queue and times

    friend bool operator==(const HistoryFinding&, const HistoryFinding&) noexcept = default;
};

/// What happened how often. Also what is no fault, so that a test can ask whether it happened at all.
struct HistoryCounts {
    std::size_t operations = 0;
    std::size_t messages = 0;  // that were stored, or may have been
    std::size_t deliveries = 0;
    std::size_t duplicates = 0;          // deliveries of a message after its first, for whatever reason
    std::size_t while_leased = 0;        // of these, certainly before the visibility timeout ended
    std::size_t ghosts = 0;              // deliveries after an acknowledged delete
    std::size_t recovered = 0;           // messages that were seen although no send was acknowledged
    std::size_t not_growing_counts = 0;  // deliveries with a receive count that was there before
    std::size_t stale_deletes = 0;       // acknowledged deletes of a message that another client held
    std::size_t dead_letters = 0;        // messages seen to be moved to a dead-letter queue
    std::size_t lost = 0;
    std::size_t violations = 0;  // of forbidden things, also of those without a finding of their own

    friend bool operator==(const HistoryCounts&, const HistoryCounts&) noexcept = default;
};

/// What a history shows: whether the queues kept their rules, and what happened how often.
struct HistoryVerdict {
    static constexpr std::size_t most_findings = 20;

    std::vector<HistoryFinding> findings{};  // the first ones
    HistoryCounts counts{};

    /// Whether nothing forbidden happened for sure.
    [[nodiscard]] bool ok() const noexcept { return counts.violations == 0; }
    explicit operator bool() const noexcept { return ok(); }

    /// A line with the counts, and a line for each finding.
    [[nodiscard]] std::string to_string() const {
        const std::array<std::pair<std::string_view, std::size_t>, 11> numbers{{
            {"operations", counts.operations},
            {"messages", counts.messages},
            {"deliveries", counts.deliveries},
            {"duplicates", counts.duplicates},
            {"received while leased", counts.while_leased},
            {"received after delete", counts.ghosts},
            {"recovered", counts.recovered},
            {"receive counts not growing", counts.not_growing_counts},
            {"stale deletes", counts.stale_deletes},
            {"dead letters", counts.dead_letters},
            {"lost", counts.lost},
        }};
        std::string text = ok() ? "clean" : "violations: " + std::to_string(counts.violations);
        for (std::size_t i = 0; i < numbers.size(); ++i) {
            if (i < 3 || numbers[i].second != 0) {
                text +=
                    (i == 0 ? "; " : ", ") + std::string{numbers[i].first} + ": " + std::to_string(numbers[i].second);
            }
        }
        text += '\n';
        for (const HistoryFinding& finding : findings) {
            text += "  operation " + std::to_string(finding.operation) + ": " + finding.text + '\n';
        }
        if (findings.size() < counts.violations) {
            text += "  and " + std::to_string(counts.violations - findings.size()) + " more\n";
        }
        return text;
    }
};

}  // namespace history
}  // namespace SQSIM_ABI
}  // namespace sqsim

// The names from when the module was a part of `sim`; they stay for one release.
namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {
using history::HistoryCounts;
using history::HistoryFinding;
using history::HistoryRule;
using history::HistoryVerdict;
using history::source_of;
using history::to_string;
}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
