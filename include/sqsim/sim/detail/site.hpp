// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/config.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/fault_plan.hpp"
#include "sqsim/sim/site_table.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// How the executions of one exploration name choices: by small numbers.

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// The number of a site's name: that of the `Site` for the sites of unnamed queues and of actors, a further one for
/// those of named queues and for the user's own points.
using SiteNumber = std::uint16_t;

/// A message as choices and reports name it: twice its number in the order of the sends, plus one for the second
/// message that a repetition of the same send made. 0: none.
using Subject = std::uint32_t;

[[nodiscard]] constexpr SiteNumber number_of(Site site) noexcept { return static_cast<SiteNumber>(site); }

/// The name of the choice which of those that are ready goes on, where executions have that: never of an exploration,
/// in which the one goes on that has waited longest.
inline constexpr std::string_view next_actor_site = "next-actor";

/// The numbers of the sites of one queue; of those that are no queue's, too.
using QueueSites = std::array<SiteNumber, site_count>;

/// The names of sites and of the user's alternatives, by number: the same number for the same name throughout an
/// exploration.
class SiteTable {
public:
    SiteTable() {
        for (const SiteInfo& entry : site_table) {
            names_.emplace_back(entry.name);
        }
    }

    [[nodiscard]] SiteNumber number(std::string_view name) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (names_[i] == name && i != number_of(Site::duplicate)) {
                return static_cast<SiteNumber>(i);
            }
        }
        for (auto& [text, number] : awaited_) {
            if (token_site(name, std::max<std::size_t>(text.size(), 6)) == text) {
                names_[number] = name;
                text.clear();
                return number;
            }
        }
        names_.emplace_back(name);
        return static_cast<SiteNumber>(names_.size() - 1);
    }

    /// The number for the text of a token: that of the first name that is shortened to it.
    [[nodiscard]] SiteNumber number_of_text(const std::string& text) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (i != number_of(Site::duplicate) &&
                token_site(names_[i], std::max<std::size_t>(text.size(), 6)) == text) {
                return static_cast<SiteNumber>(i);
            }
        }
        names_.push_back(text);
        const auto number = static_cast<SiteNumber>(names_.size() - 1);
        awaited_.emplace_back(text, number);
        return number;
    }

    /// The sites of a queue; without a label those of the unnamed one.
    [[nodiscard]] const QueueSites& of_queue(const std::string& label) {
        for (const auto& [known, sites] : queues_) {
            if (known == label) {
                return sites;
            }
        }
        QueueSites sites{};
        for (std::size_t i = 0; i < site_count; ++i) {
            const std::string name{site_table[i].name};
            sites[i] = label.empty() ? static_cast<SiteNumber>(i) : number(label + ":" + name);
        }
        // A duplicate is chosen under the name of the receive that delivers it.
        sites[number_of(Site::duplicate)] = sites[number_of(Site::receive)];
        queues_.emplace_back(label, sites);
        return queues_.back().second;
    }

    [[nodiscard]] const std::string& name(SiteNumber number) const noexcept { return names_[number]; }

    /// How many names there are: their numbers are below.
    [[nodiscard]] std::size_t size() const noexcept { return names_.size(); }

private:
    std::vector<std::string> names_{};
    std::deque<std::pair<std::string, QueueSites>> queues_{};
    std::vector<std::pair<std::string, SiteNumber>> awaited_{};  // texts of a token whose name has not been met yet
};

/// The identity of a choice: the same in every execution that reaches it.
struct ChoiceId {
    SiteNumber site = 0;
    std::uint16_t occurrence = 0;
    Subject subject = 0;

    [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
        return std::uint64_t{site} << 48 | std::uint64_t{occurrence} << 32 | subject;
    }
    friend constexpr bool operator==(const ChoiceId&, const ChoiceId&) noexcept = default;
};

/// One alternative to the fault-free one.
struct Alternative {
    Fault fault = Fault::none;
    std::uint8_t parameter = 0;
    SiteNumber label = 0;  // the number of its name, if it is the user's

    friend constexpr bool operator==(const Alternative&, const Alternative&) noexcept = default;
};

/// A fault of a plan.
struct PackedFault {
    ChoiceId choice;
    Alternative alternative;

    friend constexpr bool operator==(const PackedFault&, const PackedFault&) noexcept = default;
};

/// The faults of a plan with their names, for people and tokens.
[[nodiscard]] inline FaultPlan describe(std::span<const PackedFault> plan, const SiteTable& sites) {
    FaultPlan result;
    for (const PackedFault& packed : plan) {
        const Alternative& alternative = packed.alternative;
        PlannedFault planned;
        if (alternative.fault == Fault::free_choice) {
            planned.fault = std::string{choice_prefix} + token_site(sites.name(alternative.label), 24);
        } else {
            planned.fault = info(alternative.fault).word;
            planned.parameter = alternative.parameter;
        }
        planned.site = sites.name(packed.choice.site);
        planned.subject = packed.choice.subject / 2;
        planned.copy = packed.choice.subject % 2 != 0;
        planned.occurrence = packed.choice.occurrence;
        result.push_back(std::move(planned));
    }
    return result;
}

/// The faults of a token, for an execution.
[[nodiscard]] inline std::vector<PackedFault> resolve(const FaultPlan& plan, SiteTable& sites) {
    std::vector<PackedFault> result;
    for (const PlannedFault& planned : plan) {
        PackedFault packed;
        packed.choice.site = sites.number_of_text(planned.site);
        packed.choice.subject = 2 * planned.subject + (planned.copy ? 1 : 0);
        packed.choice.occurrence = static_cast<std::uint16_t>(planned.occurrence);
        packed.alternative.parameter = static_cast<std::uint8_t>(planned.parameter);
        if (planned.fault.starts_with(choice_prefix)) {
            packed.alternative.fault = Fault::free_choice;
            packed.alternative.label = sites.number_of_text(planned.fault.substr(choice_prefix.size()));
        } else {
            const auto kind = std::find_if(fault_table.begin() + 1, fault_table.end(),
                                           [&](const FaultInfo& entry) { return entry.word == planned.fault; });
            packed.alternative.fault = kind != fault_table.end() ? kind->fault : Fault::none;
        }
        result.push_back(packed);
    }
    return result;
}

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
