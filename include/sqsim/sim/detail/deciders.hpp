// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/rng.hpp"
#include "sqsim/sim/detail/chooser.hpp"
#include "sqsim/sim/fault.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sqsim::inline SQSIM_ABI::sim::detail {

/// Decides by chance at two levels: a run activates some kinds of faults, and those happen now and then. So some runs
/// are about one kind only, and some are full of it, which a single rate never gives.
class RandomDecider final : public Decider {
public:
    RandomDecider(std::uint64_t seed, std::uint64_t run, double activate, double fire, std::size_t most)
        : random_{sqsim::detail::mix64(seed + 0x5341'4d50U) ^ sqsim::detail::mix64(run + 1)},
          fire_{sqsim::detail::probability_bound(fire)}, left_{most} {
        const std::uint64_t bound = sqsim::detail::probability_bound(activate);
        for (std::size_t i = 1; i < fault_kinds; ++i) {
            const bool active = random_.next() <= bound && bound != 0;
            active_ |= active ? std::uint64_t{1} << i : 0;
        }
    }

    [[nodiscard]] std::size_t decide(std::span<const Option> options) override {
        for (std::size_t i = 0; i < options.size(); ++i) {
            const bool active = (active_ >> static_cast<unsigned>(options[i].fault) & 1) != 0;
            if (active && left_ != 0 && fire_ != 0 && random_.next() <= fire_) {
                --left_;
                return i + 1;
            }
        }
        return 0;
    }

private:
    sqsim::detail::SplitMix random_;
    std::uint64_t fire_;
    std::size_t left_;  // deviations until faults stop
    std::uint64_t active_ = 0;
};

/// Decides by bytes, one for each choice: zero, and what is beyond the end, is the best.
class ByteDecider final : public Decider {
public:
    explicit ByteDecider(std::span<const std::uint8_t> bytes) noexcept : bytes_{bytes} {}

    [[nodiscard]] std::size_t decide(std::span<const Option> options) override {
        if (at_ == bytes_.size()) {
            return 0;
        }
        const std::size_t byte = bytes_[at_++];
        return byte == 0 ? 0 : 1 + (byte - 1) % options.size();
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::sim::detail
