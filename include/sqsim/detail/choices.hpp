// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/detail/plans.hpp"
#include "sqsim/detail/record.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// Where a standard queue may behave in several ways: what a choice source says, or without one the usual.
class Choices {
public:
    void decide_by(ChoiceSource* source) noexcept { source_ = source; }

    /// Whether everything is the usual.
    [[nodiscard]] bool are_made() const noexcept { return source_ == nullptr; }
    [[nodiscard]] ChoiceSource* source() const noexcept { return source_; }

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
        const std::uint32_t choice = source_->choose(Site::short_poll, 0, static_cast<std::uint32_t>(most) + 1);
        return choice == 0 ? plan.maximum : choice - 1;
    }

    /// Whether a message that is delivered now is delivered once more.
    [[nodiscard]] bool is_doubled(const Record& record) { return chooses(Site::duplicate, record); }

    /// Whether a delete by an older handle works (R108).
    [[nodiscard]] bool stale_delete_works(const Record& record) { return chooses(Site::stale_delete, record); }

    /// Whether a delete is lost: only the first of a message can be.
    [[nodiscard]] bool is_delete_lost(Record& record) {
        if (record.has(Record::survived_delete) || !chooses(Site::lost_delete, record)) {
            return false;
        }
        record.mark(Record::survived_delete);
        return true;
    }

private:
    [[nodiscard]] bool chooses(Site site, const Record& record) {
        return source_ != nullptr && source_->choose(site, record.ordinal, 2) != 0;
    }

    ChoiceSource* source_ = nullptr;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
