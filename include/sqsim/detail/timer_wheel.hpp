// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// A deadline of one lease or delay of the message in a slot.
struct Timer {
    Nanos deadline;
    std::uint64_t sequence;  // of its scheduling: breaks ties
    std::uint32_t slot;
    std::uint32_t generation;

    friend constexpr bool operator<(const Timer& a, const Timer& b) noexcept {
        return a.deadline != b.deadline ? a.deadline < b.deadline : a.sequence < b.sequence;
    }
};

/// Timers in any order, taken out in (deadline, sequence) order at an amortised constant cost, exact to the nanosecond.
///
/// A hierarchical wheel of 64-way buckets, one level for each 6 bits of the deadline. Only the earliest bucket is
/// ever ordered: whole if it is small, by spreading it over the level below if it is not. What falls before the end of
/// that bucket joins a small heap beside it. The wheel is built when more than a few timers wait: most queues never
/// need it.
class TimerWheel {
public:
    void push(const Timer& timer) {
        ++size_;
        if (wheel_ == nullptr && near_.size() == few) {
            wheel_ = std::make_unique<Wheel>();
            limit_ = key(*std::max_element(near_.begin(), near_.end())) + 1;
            wheel_->base = limit_;
        }
        if (wheel_ != nullptr && key(timer) >= limit_) {
            put(timer);
        } else {
            near_.push_back(timer);
            std::push_heap(near_.begin(), near_.end(), later);
        }
    }

    /// The earliest timer; null if there is none.
    [[nodiscard]] const Timer* peek() {
        if (size_ == 0) {
            return nullptr;
        }
        if (sorted_next_ == sorted_.size() && near_.empty()) {
            refill();
        }
        return from_sorted() ? &sorted_[sorted_next_] : &near_.front();
    }

    /// Removes the timer that `peek` returned.
    void pop() {
        --size_;
        if (from_sorted()) {
            if (++sorted_next_ == sorted_.size()) {
                sorted_.clear();
                sorted_next_ = 0;
            }
        } else {
            std::pop_heap(near_.begin(), near_.end(), later);
            near_.pop_back();
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template <class Keep>
    void remove_unless(Keep keep) {
        const auto refused = [&](const Timer& timer) { return !keep(timer); };
        sorted_.erase(sorted_.begin(), sorted_.begin() + static_cast<std::ptrdiff_t>(sorted_next_));
        sorted_next_ = 0;
        std::erase_if(sorted_, refused);
        std::erase_if(near_, refused);
        std::make_heap(near_.begin(), near_.end(), later);
        size_ = sorted_.size() + near_.size();
        if (wheel_ == nullptr) {
            return;
        }
        for (std::size_t level = 0; level < levels; ++level) {
            for (std::uint64_t bits = wheel_->occupied[level]; bits != 0; bits &= bits - 1) {
                auto& bucket = wheel_->buckets[level][static_cast<std::size_t>(std::countr_zero(bits))];
                std::erase_if(bucket, refused);
                if (bucket.empty()) {
                    wheel_->occupied[level] &= ~(bits & (~bits + 1));
                }
                size_ += bucket.size();
            }
        }
    }

    void clear() {
        sorted_.clear();
        sorted_next_ = 0;
        near_.clear();
        wheel_.reset();
        limit_ = 0;
        size_ = 0;
    }

private:
    static constexpr std::size_t few = 64;
    static constexpr std::size_t levels = 11;  // 11 * 6 >= 64 bits
    using Bucket = std::vector<Timer>;

    struct Wheel {
        std::uint64_t base = 0;  // a bucket's level is the highest digit in which its keys differ from this
        std::array<std::uint64_t, levels> occupied{};
        std::array<std::array<Bucket, 64>, levels> buckets{};
    };

    /// The deadline with the order of the signed number kept in the unsigned one.
    [[nodiscard]] static std::uint64_t key(const Timer& timer) noexcept {
        return static_cast<std::uint64_t>(timer.deadline.count()) ^ (std::uint64_t{1} << 63);
    }
    [[nodiscard]] static bool later(const Timer& a, const Timer& b) noexcept { return b < a; }

    [[nodiscard]] bool from_sorted() const noexcept {
        return sorted_next_ != sorted_.size() && (near_.empty() || sorted_[sorted_next_] < near_.front());
    }

    void put(const Timer& timer) {
        const std::uint64_t differing = key(timer) ^ wheel_->base;
        const auto level = static_cast<std::size_t>(differing == 0 ? 0 : (std::bit_width(differing) - 1) / 6);
        const auto digit = static_cast<std::size_t>(key(timer) >> (6 * level) & 63);
        wheel_->buckets[level][digit].push_back(timer);
        wheel_->occupied[level] |= std::uint64_t{1} << digit;
    }

    /// Makes the earliest bucket the sorted run. Precondition: run and heap are empty, the wheel is not.
    void refill() {
        while (true) {
            std::size_t level = 0;
            while (wheel_->occupied[level] == 0) {
                ++level;
            }
            const auto digit = static_cast<std::size_t>(std::countr_zero(wheel_->occupied[level]));
            Bucket& bucket = wheel_->buckets[level][digit];
            wheel_->occupied[level] &= ~(std::uint64_t{1} << digit);
            const std::uint64_t above = level + 1 == levels ? 0 : ~std::uint64_t{0} << (6 * (level + 1));
            wheel_->base = (wheel_->base & above) | std::uint64_t{digit} << (6 * level);
            if (level == 0 || bucket.size() <= few) {
                sorted_.swap(bucket);
                if (!std::is_sorted(sorted_.begin(), sorted_.end())) {
                    std::sort(sorted_.begin(), sorted_.end());
                }
                limit_ = key(sorted_.back()) + 1;
                return;
            }
            Bucket spread;
            spread.swap(bucket);
            for (const Timer& timer : spread) {
                put(timer);
            }
            spread.clear();
            bucket.swap(spread);  // keeps the memory where it is needed again
        }
    }

    Bucket sorted_{};  // the earliest timers in order, from `sorted_next_` on
    std::size_t sorted_next_ = 0;
    Bucket near_{};  // a heap of those before `limit_` that came later
    std::unique_ptr<Wheel> wheel_{};
    std::uint64_t limit_ = 0;  // the wheel holds only keys from here on
    std::size_t size_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI::detail
