// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/sim/detail/epoch_table.hpp"
#include "sqsim/sim/fault.hpp"
#include "sqsim/sim/plan.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// Where a choice is made.
struct Address {
    std::uint16_t place = 0;  // a number of `Places`
    std::uint16_t occurrence = 0;
    std::uint32_t subject = 0;  // twice the message's number, plus one for a copy

    [[nodiscard]] constexpr std::uint64_t bits() const noexcept {
        return std::uint64_t{place} << 48 | std::uint64_t{occurrence} << 32 | subject;
    }
    friend constexpr bool operator==(const Address&, const Address&) noexcept = default;
};

/// One alternative to the best.
struct Option {
    Fault fault = Fault::none;
    std::uint8_t parameter = 0;

    friend constexpr bool operator==(const Option&, const Option&) noexcept = default;
};

/// A deviation as the runs of one exploration know it.
struct Planned {
    Address address;
    Option option;

    friend constexpr bool operator==(const Planned&, const Planned&) noexcept = default;
};

/// The calls of a queue and the steps of a consumer, and the places that they are.
enum class Verb : std::uint8_t {
    send,
    sent,
    send_entry,
    receive,
    received,
    next,
    habit,
    dead,
    erase,
    erased,
    entry,
    extend,
    purge,
    visibility_timeout,
    delay,
    stale,
    handle,
    turn,
};
inline constexpr std::array<std::string_view, 18> verb_names{
    "send",      "sent",   "send-entry", "receive",      "received", "next",  "habit",
    "dead",      "delete", "deleted",    "delete-entry", "extend",   "purge", "set-visibility-timeout",
    "set-delay", "stale",  "handle",     "turn"};

/// Numbers the names of places: the same number for the same name throughout an exploration. The calls of the first
/// queue come first.
class Places {
public:
    Places() : names_{verb_names.begin(), verb_names.end()} {}

    [[nodiscard]] std::uint16_t number(std::string_view name) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (names_[i] == name) {
                return static_cast<std::uint16_t>(i);
            }
        }
        for (auto& [text, number] : awaited_) {
            if (token_place(name, std::max<std::size_t>(text.size(), 6)) == text) {
                names_[number] = name;
                text.clear();
                return number;
            }
        }
        names_.emplace_back(name);
        return static_cast<std::uint16_t>(names_.size() - 1);
    }

    /// The number for the text of a token: that of the first name that is shortened to it.
    [[nodiscard]] std::uint16_t number_of_text(const std::string& text) {
        for (std::size_t i = 0; i < names_.size(); ++i) {
            if (token_place(names_[i], std::max<std::size_t>(text.size(), 6)) == text) {
                return static_cast<std::uint16_t>(i);
            }
        }
        names_.push_back(text);
        const auto number = static_cast<std::uint16_t>(names_.size() - 1);
        awaited_.emplace_back(text, number);
        return number;
    }

    [[nodiscard]] const std::string& name(std::uint16_t number) const noexcept { return names_[number]; }

private:
    std::vector<std::string> names_{};
    std::vector<std::pair<std::string, std::uint16_t>> awaited_{};  // texts of a token whose name was not met yet
};

/// Decides where no plan does: by chance, or by the bytes of a fuzzer.
class Decider {
public:
    Decider() = default;
    Decider(const Decider&) = delete;
    Decider& operator=(const Decider&) = delete;
    virtual ~Decider() = default;

    /// 0, or the number of an option from 1 on.
    [[nodiscard]] virtual std::size_t decide(std::span<const Option> options) = 0;
};

/// Makes the choices of a run: what its plan says, else the best.
class Chooser {
public:
    /// A choice that a run met.
    struct Met {
        Address address;
        std::uint32_t first_option;
        std::uint16_t options;
        std::uint16_t chosen;  // 0: the best; else the number of an option from 1 on
    };

    /// Begins a run. The plan and the decider, which may be null, stay where they are until it ends. A run that nobody
    /// asks for all the choices it met remembers only those that its plan speaks of, and is the faster for it.
    void begin(std::span<const Planned> plan, Decider* decider, bool remembers_all) {
        plan_ = plan;
        decider_ = decider;
        remembers_all_ = remembers_all || decider != nullptr;
        followed_ = 0;
        seen_.assign(plan.size(), 0);
        if (remembers_all_) {
            occurrences_.clear();
        }
        met_.clear();
        options_.clear();
        offered_ = 0;
    }

    /// A choice at a place about a message, among these kinds, is next. Returns false if it is the best without further
    /// ado; else its options are to be offered, and then chosen from.
    [[nodiscard]] bool comes_to(std::uint16_t place, std::uint32_t subject, Faults kinds) {
        if (place >= kinds_.size()) {
            kinds_.resize(place + std::size_t{1});
        }
        kinds_[place] = kinds_[place].with(kinds);
        planned_ = nullptr;
        if (followed_ != plan_.size()) {
            look_into_plan(place, subject);
        }
        if (remembers_all_) {
            const std::uint32_t times = ++occurrences_[std::uint64_t{place} << 32 | subject];
            address_ = {place, static_cast<std::uint16_t>(times), subject};
        }
        return remembers_all_ || planned_ != nullptr;
    }

    /// Offers an option of the choice.
    void offer(Option option) { options_.push_back(option); }

    /// Chooses between the best and what was offered. Returns: the chosen option; its fault is `none` for the best.
    [[nodiscard]] Option choose() {
        const std::size_t first = std::exchange(offered_, options_.size());
        const std::span<const Option> options = std::span{options_}.subspan(first);
        if (options.empty()) {
            return {};
        }
        std::size_t chosen = 0;
        if (planned_ != nullptr) {
            // By the word: a token does not tell kinds that share one, which no place offers together.
            const auto found = std::find_if(options.begin(), options.end(), [&](const Option& option) {
                return option.parameter == planned_->option.parameter &&
                       info(option.fault).word == info(planned_->option.fault).word;
            });
            if (found != options.end()) {
                chosen = static_cast<std::size_t>(found - options.begin()) + 1;
                ++followed_;
            }
        }
        if (decider_ != nullptr) {
            chosen = decider_->decide(options);
        }
        met_.push_back({address_, static_cast<std::uint32_t>(first), static_cast<std::uint16_t>(options.size()),
                        static_cast<std::uint16_t>(chosen)});
        return chosen == 0 ? Option{} : options[chosen - 1];
    }

    /// The kinds that came up at a place in any run since the last call of `forget_kinds`.
    [[nodiscard]] std::span<const Faults> kinds() const noexcept { return kinds_; }
    void forget_kinds() noexcept { kinds_.clear(); }

    /// The choices that the run met so far and remembers, in their order.
    [[nodiscard]] const std::vector<Met>& met() const noexcept { return met_; }
    [[nodiscard]] Planned planned(const Met& met, std::size_t option) const noexcept {
        return {met.address, options_[met.first_option + option]};
    }

    /// The deviations that really happened, in their order.
    [[nodiscard]] std::vector<Planned> taken() const {
        std::vector<Planned> result;
        for (const Met& met : met_) {
            if (met.chosen != 0) {
                result.push_back(planned(met, met.chosen - 1U));
            }
        }
        return result;
    }

    /// Whether the run reached every deviation of its plan.
    [[nodiscard]] bool followed_plan() const noexcept { return followed_ == plan_.size(); }

private:
    void look_into_plan(std::uint16_t place, std::uint32_t subject) {
        for (std::size_t i = 0; i < plan_.size(); ++i) {
            const Planned& planned = plan_[i];
            if (planned.address.place == place && planned.address.subject == subject &&
                ++seen_[i] == planned.address.occurrence) {
                planned_ = &planned;
                address_ = planned.address;
            }
        }
    }

    std::span<const Planned> plan_{};
    Decider* decider_ = nullptr;
    bool remembers_all_ = true;
    std::size_t followed_ = 0;
    std::vector<std::uint16_t> seen_{};  // for each of the plan, how often its place was come to about its message
    const Planned* planned_ = nullptr;   // what the plan says of the choice that is being made
    Address address_{};                  // of that choice
    std::vector<Faults> kinds_{};        // by place
    EpochTable occurrences_{};           // if all is remembered
    std::vector<Met> met_{};
    std::vector<Option> options_{};  // of all choices so far, and of the next
    std::size_t offered_ = 0;        // where those of the next begin
};

/// A plan's deviations with their names, for people and tokens.
[[nodiscard]] inline Plan describe(std::span<const Planned> plan, const Places& places) {
    Plan result;
    for (const Planned& planned : plan) {
        result.push_back({std::string{info(planned.option.fault).word}, planned.option.parameter,
                          places.name(planned.address.place), planned.address.subject / 2,
                          planned.address.subject % 2 != 0, planned.address.occurrence});
    }
    return result;
}

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
