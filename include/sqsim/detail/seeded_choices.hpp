// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/choice.hpp"
#include "sqsim/delivery_model.hpp"
#include "sqsim/detail/rng.hpp"

#include <cstdint>

namespace sqsim::inline SQSIM_ABI::detail {

/// The choices of a `DeliveryModel`. Each site draws from a stream of its own, so that switching one kind of fault
/// on or off leaves the others where they were.
class SeededChoices final : public ChoiceSource {
public:
    explicit SeededChoices(const DeliveryModel& model)
        : duplicate_{model.seed, Site::duplicate, model.duplicate_probability},
          short_poll_{model.seed, Site::short_poll, model.short_poll_miss_probability},
          lost_delete_{model.seed, Site::lost_delete, model.lost_delete_probability}, order_{model.seed,
                                                                                             Site::receive_order, 1},
          reorder_window_{static_cast<std::uint32_t>(model.reorder_window)} {}

    [[nodiscard]] std::uint32_t choose(Site site, std::uint64_t, std::uint32_t alternatives) override {
        switch (site) {
        case Site::short_poll:
            return short_poll_.happens() ? 1 + short_poll_.random.below(alternatives - 1) : 0;
        case Site::receive_order:
            return order_.random.below(alternatives);
        case Site::duplicate:
            return duplicate_.happens() ? 1 : 0;
        case Site::lost_delete:
            return lost_delete_.happens() ? 1 : 0;
        default:
            return 0;
        }
    }

    [[nodiscard]] std::uint32_t reorder_window() const override { return reorder_window_; }

private:
    struct Stream {
        Stream(std::uint64_t seed, Site site, double probability)
            : random{mix64(seed + 1) ^ mix64(0x517e'0000U + static_cast<std::uint64_t>(site))}, bound{probability_bound(
                                                                                                    probability)} {}

        [[nodiscard]] bool happens() noexcept { return random.next() <= bound && bound != 0; }

        SplitMix random;
        std::uint64_t bound;
    };

    Stream duplicate_;
    Stream short_poll_;
    Stream lost_delete_;
    Stream order_;
    std::uint32_t reorder_window_;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
