// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/sim/detail/actor.hpp"
#include "sqsim/sim/detail/execution.hpp"
#include "sqsim/sim/fault.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

// What an execution knows of each kind of fault.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

inline void Execution::add_alternatives_of(Fault fault, std::size_t count) {
    const auto add = [this, fault](std::size_t first, std::size_t last) {
        for (std::size_t i = first; i <= last; ++i) {
            context_.path.add_alternative({fault, static_cast<std::uint8_t>(i), 0});
        }
    };
    switch (fault) {
    case Fault::reorder:
        add(1, count - 1);
        break;
    case Fault::partial_receive:
        add(1, 1);
        if (count > 2) {
            add(std::min(count - 1, most_alternatives), std::min(count - 1, most_alternatives));
        }
        break;
    case Fault::stall:
        add(instants_.first_stall(), std::min(instants_.last_stall(), most_alternatives));
        break;
    case Fault::outage:
        if (const std::size_t instants = instants_.ends_of_outages().size(); instants != 0) {
            add(0, std::min(instants, most_alternatives) - 1);
        }
        break;
    case Fault::preempt:  // where nobody acts, the first of those that are ready goes on anyway
        add(scheduler_.current() == nullptr ? 1 : 0,
            settings().chooses_actors ? std::min(scheduler_.ready().size() - 1, most_alternatives) : 0);
        break;
    default:
        add(0, 0);
    }
}

inline void Execution::charge_current(Fault fault) {
    ++client().faults;
    switch (fault) {
    case Fault::preempt:
    case Fault::free_choice:
    case Fault::reorder:
    case Fault::to_back:
    case Fault::partial_receive:
    case Fault::empty_receive:
        return;
    default:
        may_delay_ = true;
    }
    switch (fault) {
    case Fault::duplicate:  // these are charged to the message that they are about
    case Fault::delete_survives:
    case Fault::stale_delete:
    case Fault::lose_messages:
    case Fault::late_visibility:
    case Fault::late_purge:
    case Fault::late_attribute:
        return;
    case Fault::outage:
        scheduler_.each([this](const Actor& actor) { charge_leases(client_of(actor)); });
        return;
    case Fault::crash:
    case Fault::stall:
        for (const Actor* const member : scheduler_.current()->process->members) {
            charge_leases(client_of(*member));
        }
        return;
    case Fault::stop_mid_batch:
    case Fault::handler_fails:
        charge_leases(client());
        return;
    default:
        charge(client().current.message);
    }
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
