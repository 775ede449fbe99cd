// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/record.hpp"
#include "sqsim/error.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>

namespace sqsim::inline SQSIM_ABI::detail {

/// Where a standard queue may behave in several ways: what a choice source says, or without one the usual. Errors, of
/// everything that asks: what the source throws, and `std::out_of_range` if there is no such alternative. So whoever
/// asks does so before anything else, or undoes what it has done.
class Choices {
public:
    void decide_by(ChoiceSource* source) noexcept { source_ = source; }

    /// Whether everything is the usual.
    [[nodiscard]] bool are_made() const noexcept { return source_ == nullptr; }

    /// How many messages sent later may overtake a message.
    [[nodiscard]] std::uint32_t reorder_window() const { return source_ != nullptr ? source_->reorder_window() : 0; }

    /// Which of the next `count` messages comes first, the first of which has this ordinal.
    [[nodiscard]] std::uint32_t first_of(std::uint32_t count, std::uint64_t ordinal) {
        return count > 1 ? ask(Site::receive_order, ordinal, count) : 0;
    }

    /// How many messages a poll can see (R90): a short poll may miss some or all of the `returnable()` ones, which are
    /// no more than it asks for.
    template <class Returnable>
    [[nodiscard]] std::size_t seen_by_poll(const ReceivePlan& plan, Returnable returnable) {
        if (source_ == nullptr || !plan.short_poll) {
            return plan.maximum;
        }
        const std::size_t most = std::min<std::size_t>(returnable(), 1000);
        if (most == 0) {
            return plan.maximum;
        }
        const std::uint32_t choice = ask(Site::short_poll, 0, static_cast<std::uint32_t>(most) + 1);
        return choice == 0 ? plan.maximum : choice - 1;
    }

    /// Whether a message that is delivered now is delivered once more.
    [[nodiscard]] bool is_doubled(const Record& record) { return chooses(Site::duplicate, record); }

    /// Whether a delete by an older handle works (R108).
    [[nodiscard]] bool stale_delete_works(const Record& record) { return chooses(Site::stale_delete, record); }

    /// Whether a delete is lost: only the first of a message can be. The record is marked then.
    [[nodiscard]] bool is_delete_lost(Record& record) {
        if (record.has(Record::survived_delete) || !chooses(Site::lost_delete, record)) {
            return false;
        }
        record.mark(Record::survived_delete);
        return true;
    }

private:
    [[nodiscard]] bool chooses(Site site, const Record& record) {
        return source_ != nullptr && ask(site, record.ordinal, 2) != 0;
    }

    [[nodiscard]] std::uint32_t ask(Site site, std::uint64_t subject, std::uint32_t count) {
        const std::uint32_t answer = source_->choose(site, subject, count);
        if (answer >= count) [[unlikely]] {
            refuse(answer, site, count);
        }
        return answer;
    }

    [[noreturn]] static void refuse(std::uint32_t answer, Site site, std::uint32_t count) {
        constexpr std::array<const char*, 5> names{"short_poll", "receive_order", "duplicate", "lost_delete",
                                                   "stale_delete"};
        raise_standard<std::out_of_range>("sqsim::ChoiceSource::choose returned " + std::to_string(answer) +
                                          " at the site " + names.at(static_cast<std::size_t>(site)) +
                                          ": the alternatives there are 0 to " + std::to_string(count - 1));
    }

    ChoiceSource* source_ = nullptr;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
