// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::sim {

/// What may happen to a consumer other than the best: the alternatives of the choice points.
enum class Fault : std::uint8_t {
    none,
    // a send
    resend,
    refuse_send,
    lose_send_reply,
    refuse_entry,
    late,
    resend_in_window,
    resend_after_window,
    // a receive
    reorder,
    fewer,
    miss,
    duplicate,
    lose_messages,
    throttle,
    repeat_attempt,
    to_back,
    retention_ends,
    // a consumer
    crash,
    stall,
    handler_fails,
    effect_fails,
    effect_unknown,
    clock_ahead,
    clock_behind,
    stop,
    // a change of visibility
    lose_extension,
    lose_extension_reply,
    // a delete
    lose_delete,
    lose_delete_reply,
    survive,
    stale_delete,
    refuse_delete_entry,
    // administration
    redrive,
    late_purge,
    late_attribute,
    // the scheduler
    preempt,
};

inline constexpr std::size_t fault_kinds = 36;

/// What a deviation counts against in the budgets of an exploration.
enum class Category : std::uint8_t { fault, preemption, reorder, miss };

/// What is known of a kind of fault.
struct FaultInfo {
    Fault fault;
    std::string_view word;  // in tokens: letters and hyphens
    std::string_view site;  // its number in the table of docs/faults.md
    Category category;
    bool usual;         // offered unless asked otherwise
    std::uint8_t mild;  // of two counterexamples of equal size the one with the smaller sum is reported
    std::string_view basis;
};

/// Every kind, in the order of the enumeration. The basis is the service's documentation unless it says otherwise.
inline constexpr std::array<FaultInfo, fault_kinds> fault_table{{
    {Fault::none, "none", "-", Category::fault, false, 0, "nothing happens"},
    {Fault::resend, "resend", "S1", Category::fault, true, 2,
     "the reply to a send is lost and the producer sends again: a second message with another id"},
    {Fault::refuse_send, "refuse", "S2", Category::fault, true, 1, "a send is refused and stores nothing"},
    {Fault::lose_send_reply, "lost-reply", "S3", Category::fault, true, 2,
     "a send is stored, but its sender sees an error and gives up"},
    {Fault::refuse_entry, "refuse-entry", "S4", Category::fault, true, 1, "one entry of a batch of sends fails"},
    {Fault::late, "late", "S5", Category::reorder, true, 1, "a message becomes visible later than those sent after it"},
    {Fault::resend_in_window, "resend-early", "S6", Category::fault, true, 2,
     "a FIFO send is repeated at the last instant of the deduplication window"},
    {Fault::resend_after_window, "resend-late", "S6", Category::fault, true, 3,
     "a FIFO send is repeated when the deduplication window has ended: a second message"},
    {Fault::reorder, "order", "R1", Category::reorder, true, 1, "any visible message may come first"},
    {Fault::fewer, "fewer", "R1", Category::miss, true, 1, "a receive returns fewer messages than it could"},
    {Fault::miss, "miss", "R2", Category::miss, true, 1, "a receive returns nothing though messages are visible"},
    {Fault::duplicate, "dup", "R3", Category::fault, true, 4,
     "a message in flight is delivered once more: the visibility timeout is no guarantee"},
    {Fault::lose_messages, "lost", "R4", Category::fault, true, 2,
     "the messages of a receive are marked as received, but the answer is lost"},
    {Fault::throttle, "throttle", "R5", Category::fault, true, 1, "the call is refused: the service is throttling"},
    {Fault::repeat_attempt, "again", "R6", Category::fault, true, 1,
     "a FIFO receive is repeated with its attempt id and returns the same messages and handles"},
    {Fault::to_back, "to-back", "R7", Category::reorder, false, 1,
     "after three receives a message goes behind all others"},
    {Fault::retention_ends, "expire", "R8", Category::fault, false, 6,
     "the retention period of a message passes before it is received"},
    {Fault::crash, "crash", "C1", Category::fault, true, 6, "the consumer's process ends here and starts again"},
    {Fault::stall, "stall", "C2", Category::fault, true, 5,
     "the consumer stands still past a pending deadline, here or before the next message of its batch (C3)"},
    {Fault::handler_fails, "fail", "C4", Category::fault, true, 3, "the handler fails before it does anything"},
    {Fault::effect_fails, "effect-fails", "C5", Category::fault, true, 3, "an effect is refused, its caller sees it"},
    {Fault::effect_unknown, "effect-unknown", "C5", Category::fault, true, 4,
     "an effect takes place, but its caller sees an error"},
    {Fault::clock_ahead, "ahead", "C6", Category::fault, true, 3, "the consumer's clock is ahead (engineering)"},
    {Fault::clock_behind, "behind", "C6", Category::fault, true, 3, "the consumer's clock is behind (engineering)"},
    {Fault::stop, "stop", "C7", Category::fault, true, 3,
     "the consumer is asked to stop and leaves the rest of its batch; another starts"},
    {Fault::lose_extension, "lost", "V1", Category::fault, true, 2, "a change of visibility never arrives"},
    {Fault::lose_extension_reply, "lost-reply", "V1", Category::fault, true, 2,
     "a change of visibility takes effect, but its caller sees an error"},
    {Fault::lose_delete, "lost", "D1", Category::fault, true, 2, "a delete never arrives, its caller sees an error"},
    {Fault::lose_delete_reply, "lost-reply", "D2", Category::fault, true, 2,
     "a delete takes effect, but is repeated because its reply is lost"},
    {Fault::survive, "survive", "D3", Category::fault, true, 4,
     "a copy of a deleted message survives and is delivered later"},
    {Fault::stale_delete, "stale", "D4", Category::fault, true, 3, "a delete by an older handle takes effect"},
    {Fault::refuse_delete_entry, "refuse-entry", "D5", Category::fault, true, 1,
     "one entry of a batch of deletes fails"},
    {Fault::redrive, "redrive", "L1", Category::fault, false, 4, "a dead letter is moved back at once, under a new id"},
    {Fault::late_purge, "late", "A1", Category::fault, true, 2,
     "a purge takes up to 60 s, and messages that are sent meanwhile"},
    {Fault::late_attribute, "late", "A1", Category::fault, true, 2, "a change of an attribute takes up to 60 s"},
    {Fault::preempt, "preempt", "P", Category::preemption, true, 1, "another consumer goes first (scheduling)"},
}};

/// Whether a fault of this kind can cost a message a receive, and so bring it closer to the dead-letter queue.
[[nodiscard]] constexpr bool costs_an_attempt(Fault fault) noexcept {
    switch (fault) {
    case Fault::duplicate:
    case Fault::lose_messages:
    case Fault::crash:
    case Fault::stall:
    case Fault::handler_fails:
    case Fault::effect_fails:
    case Fault::effect_unknown:
    case Fault::clock_ahead:
    case Fault::clock_behind:
    case Fault::stop:
    case Fault::lose_extension:
    case Fault::lose_extension_reply:
    case Fault::lose_delete:
    case Fault::lose_delete_reply:
    case Fault::survive:
    case Fault::refuse_delete_entry:
        return true;
    default:
        return false;
    }
}

[[nodiscard]] constexpr const FaultInfo& info(Fault fault) noexcept {
    return fault_table[static_cast<std::size_t>(fault)];
}

/// A set of kinds of faults.
class Faults {
public:
    constexpr Faults() noexcept = default;
    constexpr Faults(Fault fault) noexcept : bits_{bit(fault)} {}
    constexpr Faults(std::initializer_list<Fault> faults) noexcept {
        for (const Fault fault : faults) {
            bits_ |= bit(fault);
        }
    }

    /// What a correct consumer survives: everything but what loses messages rightfully (`retention_ends`), needs many
    /// other faults first (`to_back`) or an operator (`redrive`).
    [[nodiscard]] static constexpr Faults usual() noexcept {
        Faults result;
        for (const FaultInfo& entry : fault_table) {
            result.bits_ |= entry.usual ? bit(entry.fault) : 0;
        }
        return result;
    }
    [[nodiscard]] static constexpr Faults all() noexcept {
        Faults result;
        result.bits_ = (std::uint64_t{1} << fault_kinds) - 2;
        return result;
    }

    [[nodiscard]] constexpr bool contains(Fault fault) const noexcept { return (bits_ & bit(fault)) != 0; }
    [[nodiscard]] constexpr Faults with(Faults more) const noexcept { return Faults{bits_ | more.bits_}; }
    [[nodiscard]] constexpr Faults without(Faults less) const noexcept { return Faults{bits_ & ~less.bits_}; }

    [[nodiscard]] constexpr Faults common(Faults other) const noexcept { return Faults{bits_ & other.bits_}; }

    friend constexpr bool operator==(const Faults&, const Faults&) noexcept = default;

private:
    constexpr explicit Faults(std::uint64_t bits) noexcept : bits_{bits} {}
    static constexpr std::uint64_t bit(Fault fault) noexcept {
        return std::uint64_t{1} << static_cast<unsigned>(fault);
    }

    std::uint64_t bits_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim
