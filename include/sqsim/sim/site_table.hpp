// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/fault.hpp"

#include <array>
#include <cstddef>
#include <string_view>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim {

/// A row of the table of sites, which the simulation and docs/faults.md share.
struct SiteInfo {
    Site site;
    std::string_view name;         // in tokens and reports
    Faults faults;                 // that may be offered there, apart from harm
    Faults harm;                   // what may happen there to the actor itself
    std::string_view description;  // when it is reached
};

/// What may happen to the actor itself around its calls. An outage is offered where something has just happened: in the
/// queues, or before the delete that follows a handler, in the user's own state.
inline constexpr Faults harm_before{Fault::crash, Fault::stall, Fault::preempt};
inline constexpr Faults harm_after{Fault::crash, Fault::outage, Fault::stall, Fault::preempt};

/// Every site, in the order of the enumeration.
inline constexpr std::array<SiteInfo, site_count> site_table{{
    {Site::short_poll, "poll", {}, {}, "never chosen in a world: a receive that misses something is `receive`"},
    {Site::receive_order, "next", {Fault::reorder}, {}, "a standard queue takes the next visible message"},
    {Site::duplicate, "receive", {Fault::duplicate}, {}, "a standard queue hands out a message"},
    {Site::lost_delete, "remove", {Fault::delete_survives}, {}, "a standard queue removes a message"},
    {Site::stale_delete, "stale", {Fault::stale_delete}, {}, "a delete by an older handle reaches a standard queue"},
    {Site::send,
     "send",
     {Fault::refuse_send, Fault::lose_send_reply, Fault::resend, Fault::late_visibility, Fault::resend_in_window,
      Fault::resend_after_window},
     harm_before,
     "before a send"},
    {Site::sent, "sent", {}, harm_after, "after a send that was stored"},
    {Site::send_batch,
     "send-batch",
     {Fault::refuse_send, Fault::lose_send_reply},
     harm_before,
     "before a batch of sends"},
    {Site::batch_sent, "batch-sent", {}, harm_after, "after a batch of sends"},
    {Site::send_entry, "send-entry", {Fault::refuse_entry, Fault::resend}, {}, "an entry of a batch of sends"},
    {Site::receive,
     "receive",
     {Fault::partial_receive, Fault::empty_receive, Fault::throttle, Fault::retention_ends},
     harm_before,
     "before a receive"},
    {Site::received,
     "received",
     {Fault::lose_messages, Fault::repeat_attempt, Fault::stop_mid_batch},
     harm_after,
     "after a receive that returns messages"},
    {Site::delete_message,
     "delete",
     {Fault::lose_delete, Fault::lose_delete_reply},
     harm_after,
     "before a delete, or a batch of them"},
    {Site::deleted, "deleted", {}, harm_after, "after a delete, or a batch of them"},
    {Site::delete_entry, "delete-entry", {Fault::refuse_delete_entry}, {}, "an entry of a batch of deletes"},
    {Site::extend,
     "extend",
     {Fault::lose_extension, Fault::lose_extension_reply},
     harm_before,
     "before a change of visibility"},
    {Site::extended, "extended", {}, harm_after, "after a change of visibility"},
    {Site::purge, "purge", {Fault::late_purge}, harm_before, "before a purge"},
    {Site::purged, "purged", {}, harm_after, "after a purge"},
    {Site::set_visibility_timeout,
     "set-visibility-timeout",
     {Fault::late_attribute},
     harm_before,
     "before the visibility timeout of a queue is changed"},
    {Site::visibility_timeout_set,
     "visibility-timeout-set",
     {},
     harm_after,
     "after the visibility timeout of a queue was changed"},
    {Site::set_delay, "set-delay", {Fault::late_attribute}, harm_before, "before the delay of a queue is changed"},
    {Site::delay_set, "delay-set", {}, harm_after, "after the delay of a queue was changed"},
    {Site::set_redrive_policy, "set-redrive-policy", {}, harm_before, "before an actor sets a redrive policy"},
    {Site::redrive_policy_set, "redrive-policy-set", {}, harm_after, "after an actor set a redrive policy"},
    {Site::dead_letter, "dead", {Fault::redrive}, {}, "a message has become a dead letter"},
    {Site::run_property, "run", {Fault::to_back}, {}, "once for a standard queue, before its first receive"},
    {Site::start,
     "start",
     {},
     {Fault::stall, Fault::preempt},
     "before the first step of an actor; of consumers that are alike, of the first"},
    {Site::handle, "handle", {Fault::handler_fails}, {}, "before the handler of a simulated consumer"},
    {Site::turn,
     "turn",
     {Fault::stop_mid_batch},
     harm_before,
     "before a simulated consumer turns to the next message of its batch"},
    {Site::work, "work", {}, harm_before, "before the `work_time` of a simulated consumer; `delete` comes after it"},
    {Site::working, "working", {}, Fault::crash, "in the middle of the `work_time`"},
    {Site::sleep, "sleep", {}, harm_before, "before a `sim::sleep_for`"},
    {Site::asleep, "asleep", {}, Fault::crash, "in the middle of a `sim::sleep_for`"},
    {Site::slept, "slept", {}, harm_before, "after a `sim::sleep_for`"},
    {Site::clock, "clock", {Fault::clock_ahead, Fault::clock_behind}, {}, "a call of `sim::clock_error`"},
    {Site::await, "await", {}, harm_before, "a coroutine suspends itself"},
}};

[[nodiscard]] constexpr const SiteInfo& info(Site site) noexcept { return site_table[static_cast<std::size_t>(site)]; }

}  // namespace sim
}  // namespace SQSIM_ABI
}  // namespace sqsim
