// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// What may happen at a choice point instead of the fault-free alternative. `fault_table` says on what basis.
enum class Fault : std::uint8_t {
    none,
    // a send
    resend,               ///< the reply is lost and the sender repeats the request: a second message, another id
    refuse_send,          ///< the send stores nothing, its sender sees an error
    lose_send_reply,      ///< the message is stored, its sender sees an error
    refuse_entry,         ///< one entry of a batch of sends stores nothing
    late_visibility,      ///< the message becomes visible 15 minutes later
    resend_in_window,     ///< the reply is lost; a FIFO send is repeated just before its deduplication interval ends
    resend_after_window,  ///< the reply is lost; a FIFO send is repeated when the interval has ended: a second message
    // a receive
    reorder,          ///< another of the next four visible messages comes first
    partial_receive,  ///< the receive returns fewer messages than it could
    empty_receive,    ///< the receive returns nothing though messages are visible
    duplicate,        ///< a message in flight is delivered once more
    lose_messages,    ///< the messages count as received, the answer is lost
    throttle,         ///< the receive is refused
    repeat_attempt,   ///< a FIFO receive is repeated with its attempt id and returns the same messages and handles
    to_back,          ///< in this execution a message received three times goes behind all others
    retention_ends,   ///< the consumer asks when the retention of the oldest message has just ended
    // a consumer
    crash,           ///< the process ends here and starts again
    outage,          ///< all consumers end here and start again after a deadline of the world has passed
    stall,           ///< the process stands still past a deadline
    handler_fails,   ///< the handler of a simulated consumer fails before it does anything
    effect_fails,    ///< an effect does not take place, its caller sees an error
    effect_unknown,  ///< an effect takes place, its caller sees an error
    call_fails,      ///< `sim::fails` answers true: a dependency of the user's own fails
    clock_ahead,     ///< the consumer's own clock is ahead
    clock_behind,    ///< the consumer's own clock is behind
    stop_mid_batch,  ///< the consumer is asked to stop and leaves the rest of its batch, another one starts
    // a change of visibility
    lose_extension,        ///< the change never arrives, its caller sees an error
    lose_extension_reply,  ///< the change takes effect, its caller sees an error
    // a delete
    lose_delete,          ///< the delete never arrives, its caller sees an error
    lose_delete_reply,    ///< the delete takes effect and is repeated because its reply is lost
    delete_survives,      ///< the delete succeeds, but a copy survives and is delivered later
    stale_delete,         ///< a delete by an older handle takes effect
    refuse_delete_entry,  ///< one entry of a batch of deletes has no effect
    // administration
    redrive,         ///< an operator moves the dead letter back at once, under a new id
    late_purge,      ///< the purge takes place 60 s later, and takes what is sent meanwhile
    late_attribute,  ///< the change of an attribute takes effect 60 s later
    // no faults, but choices all the same
    preempt,      ///< the other actors that are ready go first
    free_choice,  ///< `sim::choose` takes another alternative than the first
};

inline constexpr std::size_t fault_kinds = 39;

/// The budget of an exploration that a kind counts against.
enum class Category : std::uint8_t { fault, preemption, reorder, miss, choice };
inline constexpr std::size_t categories = 5;

/// What is known of a kind of fault.
struct FaultInfo {
    Fault fault;
    std::string_view word;  // in tokens; a word may serve several kinds that no site offers together
    Category category;
    bool is_default;        // offered unless asked otherwise
    std::uint8_t severity;  // of two counterexamples of equal size the one with the smaller sum is reported
    std::string_view description;
    std::string_view basis;  // why a consumer must expect it
};

/// Every kind, in the order of the enumeration.
inline constexpr std::array<FaultInfo, fault_kinds> fault_table{{
    {Fault::none, "none", Category::fault, false, 0, "nothing happens", ""},
    {Fault::resend, "resend", Category::fault, true, 2,
     "the reply to a send is lost and the sender sends again: a second message with another id",
     "SDKs repeat a request that got no answer; a standard queue keeps both messages"},
    {Fault::refuse_send, "refuse", Category::fault, true, 1, "a send is refused and stores nothing",
     "requests may be throttled or fail"},
    {Fault::lose_send_reply, "lost-reply", Category::fault, true, 2,
     "a send is stored, but its sender sees an error and gives up",
     "an error of the connection says nothing about the effect"},
    {Fault::refuse_entry, "refuse-entry", Category::fault, true, 1, "one entry of a batch of sends fails",
     "a batch may succeed in part, with status 200"},
    {Fault::late_visibility, "late-visibility", Category::reorder, true, 1,
     "a message becomes visible later than those sent after it", "the order of a standard queue is best effort"},
    {Fault::resend_in_window, "resend-early", Category::fault, true, 2,
     "the reply to a FIFO send is lost and the sender sends again at the last instant of the deduplication interval",
     "deduplication ids are remembered for five minutes"},
    {Fault::resend_after_window, "resend-late", Category::fault, true, 3,
     "the reply to a FIFO send is lost and the sender sends again when the deduplication interval has ended: a second "
     "message",
     "deduplication ids are remembered for five minutes"},
    {Fault::reorder, "order", Category::reorder, true, 1, "another visible message comes first",
     "the order of a standard queue is best effort"},
    {Fault::partial_receive, "partial-receive", Category::miss, true, 1,
     "a receive returns fewer messages than it could", "a receive returns up to as many as asked for, often fewer"},
    {Fault::empty_receive, "empty-receive", Category::miss, true, 1,
     "a receive returns nothing though messages are visible",
     "a short poll asks a part of the servers; a long poll may rarely come back empty"},
    {Fault::duplicate, "dup", Category::fault, true, 4,
     "a message in flight is delivered once more: the visibility timeout is no guarantee",
     "the visibility timeout does not guarantee that a message is received only once"},
    {Fault::lose_messages, "lost", Category::fault, true, 2,
     "the messages of a receive are marked as received, but the answer is lost",
     "a message may count as received though the consumer never saw it"},
    {Fault::throttle, "throttle", Category::fault, true, 1, "the call is refused: the service is throttling",
     "requests may be throttled"},
    {Fault::repeat_attempt, "again", Category::fault, true, 1,
     "a FIFO receive is repeated with its attempt id and returns the same messages and handles",
     "receives may be retried with their attempt id for five minutes"},
    {Fault::to_back, "to-back", Category::reorder, false, 1, "after three receives a message goes behind all others",
     "documented for messages that are received again and again"},
    {Fault::retention_ends, "expire", Category::fault, false, 6,
     "the retention period of a message ends before it is received", "messages are deleted when their retention ends"},
    {Fault::crash, "crash", Category::fault, true, 6, "the consumer's process ends here and starts again",
     "a message comes again until it is deleted"},
    {Fault::outage, "outage", Category::fault, true, 7,
     "all consumers end here and start again after a deadline has passed", "deployments and failures take their time"},
    {Fault::stall, "stall", Category::fault, true, 5, "the consumer stands still past a pending deadline",
     "leases end while a process pauses"},
    {Fault::handler_fails, "fail", Category::fault, true, 3, "the handler fails before it does anything",
     "engineering"},
    {Fault::effect_fails, "effect-fails", Category::fault, true, 3, "an effect is refused, its caller sees an error",
     "engineering"},
    {Fault::effect_unknown, "effect-unknown", Category::fault, true, 4,
     "an effect takes place, but its caller sees an error", "engineering"},
    {Fault::call_fails, "fails", Category::fault, true, 3, "a dependency of the consumer fails", "engineering"},
    {Fault::clock_ahead, "ahead", Category::fault, true, 3, "the consumer's clock is ahead", "engineering"},
    {Fault::clock_behind, "behind", Category::fault, true, 3, "the consumer's clock is behind", "engineering"},
    {Fault::stop_mid_batch, "stop-mid-batch", Category::fault, true, 3,
     "the consumer is asked to stop and leaves the rest of its batch; another starts",
     "a message comes again until it is deleted"},
    {Fault::lose_extension, "lost", Category::fault, true, 2, "a change of visibility never arrives",
     "requests may fail"},
    {Fault::lose_extension_reply, "lost-reply", Category::fault, true, 2,
     "a change of visibility takes effect, but its caller sees an error", "requests may fail"},
    {Fault::lose_delete, "lost", Category::fault, true, 2, "a delete never arrives, its caller sees an error",
     "requests may fail"},
    {Fault::lose_delete_reply, "lost-reply", Category::fault, true, 2,
     "a delete takes effect, but is repeated because its reply is lost", "SDKs repeat a request that got no answer"},
    {Fault::delete_survives, "delete-survives", Category::fault, true, 4,
     "a copy of a deleted message survives and is delivered later",
     "a copy on a server that was not available may survive"},
    {Fault::stale_delete, "stale", Category::fault, true, 3, "a delete by an older handle takes effect",
     "such a delete succeeds, but the message may not be deleted"},
    {Fault::refuse_delete_entry, "refuse-entry", Category::fault, true, 1, "one entry of a batch of deletes fails",
     "a batch may succeed in part"},
    {Fault::redrive, "redrive", Category::fault, false, 4, "a dead letter is moved back at once, under a new id",
     "message move tasks"},
    {Fault::late_purge, "late", Category::fault, true, 2,
     "the purge takes place 60 s later, and takes what is sent meanwhile", "a purge takes up to 60 seconds"},
    {Fault::late_attribute, "late", Category::fault, true, 2, "the change of an attribute takes effect 60 s later",
     "changes of attributes take up to 60 seconds"},
    {Fault::preempt, "preempt", Category::preemption, true, 1, "the other actors that are ready go first",
     "scheduling"},
    {Fault::free_choice, "choose", Category::choice, true, 0, "another alternative of the scenario's own",
     "the scenario"},
}};

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
    [[nodiscard]] static constexpr Faults default_faults() noexcept {
        Faults result;
        for (const FaultInfo& entry : fault_table) {
            result.bits_ |= entry.is_default ? bit(entry.fault) : 0;
        }
        return result;
    }
    /// The earlier name of `default_faults`, for one release.
    [[nodiscard]] static constexpr Faults usual() noexcept { return default_faults(); }
    [[nodiscard]] static constexpr Faults all() noexcept {
        Faults result;
        result.bits_ = (std::uint64_t{1} << fault_kinds) - 2;
        return result;
    }

    [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
    [[nodiscard]] constexpr bool contains(Fault fault) const noexcept { return (bits_ & bit(fault)) != 0; }
    [[nodiscard]] constexpr Faults with(Faults more) const noexcept { return Faults{bits_ | more.bits_}; }
    [[nodiscard]] constexpr Faults without(Faults less) const noexcept { return Faults{bits_ & ~less.bits_}; }
    [[nodiscard]] constexpr Faults common(Faults other) const noexcept { return Faults{bits_ & other.bits_}; }

    friend constexpr bool operator==(const Faults&, const Faults&) noexcept = default;

    /// The kinds of the set, in the order of the enumeration.
    class Iterator {
    public:
        constexpr explicit Iterator(std::uint64_t bits) noexcept : bits_{bits} {}
        [[nodiscard]] constexpr Fault operator*() const noexcept { return static_cast<Fault>(std::countr_zero(bits_)); }
        constexpr Iterator& operator++() noexcept {
            bits_ &= bits_ - 1;
            return *this;
        }
        friend constexpr bool operator==(const Iterator&, const Iterator&) noexcept = default;

    private:
        std::uint64_t bits_;
    };
    [[nodiscard]] constexpr Iterator begin() const noexcept { return Iterator{bits_}; }
    [[nodiscard]] constexpr Iterator end() const noexcept { return Iterator{0}; }

private:
    constexpr explicit Faults(std::uint64_t bits) noexcept : bits_{bits} {}
    static constexpr std::uint64_t bit(Fault fault) noexcept {
        return std::uint64_t{1} << static_cast<unsigned>(fault);
    }

    std::uint64_t bits_ = 0;
};

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
