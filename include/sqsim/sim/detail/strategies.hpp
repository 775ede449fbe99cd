// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"
#include "sqsim/detail/rng.hpp"
#include "sqsim/sim/detail/choice_path.hpp"
#include "sqsim/sim/fault.hpp"

#include <cstddef>
#include <cstdint>
#include <span>

namespace sqsim {
inline namespace SQSIM_ABI {
namespace sim::detail {

/// Chooses by chance at two levels: an execution draws which kinds of faults it has, then each of these happens with
/// some probability. So some executions are about one kind only, and some are full of it, which a single rate never
/// gives.
class RandomStrategy final : public Strategy {
public:
    RandomStrategy(std::uint64_t seed, std::uint64_t execution, double kind_probability, double fault_probability,
                   std::size_t maximum_faults)
        : random_{sqsim::detail::mix64(seed + 0x5341'4d50U) ^ sqsim::detail::mix64(execution + 1)},
          fault_bound_{sqsim::detail::probability_bound(fault_probability)}, left_{maximum_faults} {
        const std::uint64_t bound = sqsim::detail::probability_bound(kind_probability);
        for (std::size_t i = 1; i < fault_kinds; ++i) {
            const bool active = random_.next() <= bound && bound != 0;
            active_ |= active ? std::uint64_t{1} << i : 0;
        }
    }

    [[nodiscard]] std::size_t choose(std::span<const Alternative> alternatives) override {
        for (std::size_t i = 0; i < alternatives.size(); ++i) {
            const bool active = (active_ >> static_cast<unsigned>(alternatives[i].fault) & 1) != 0;
            if (active && left_ != 0 && fault_bound_ != 0 && random_.next() <= fault_bound_) {
                --left_;
                return i + 1;
            }
        }
        return 0;
    }

private:
    sqsim::detail::SplitMix random_;
    std::uint64_t fault_bound_;
    std::size_t left_;  // faults until they stop
    std::uint64_t active_ = 0;
};

/// Chooses by bytes, one for each choice: zero, and what is beyond the end, is fault-free.
class ByteStrategy final : public Strategy {
public:
    explicit ByteStrategy(std::span<const std::uint8_t> bytes) noexcept : bytes_{bytes} {}

    [[nodiscard]] std::size_t choose(std::span<const Alternative> alternatives) override {
        if (at_ == bytes_.size()) {
            return 0;
        }
        const std::size_t byte = bytes_[at_++];
        return byte == 0 ? 0 : 1 + (byte - 1) % alternatives.size();
    }

private:
    std::span<const std::uint8_t> bytes_;
    std::size_t at_ = 0;
};

}  // namespace sim::detail
}  // namespace SQSIM_ABI
}  // namespace sqsim
