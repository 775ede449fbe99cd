// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"
#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/obtain.hpp"
#include "sqsim/detail/timer_chunks.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// Timers in any order, taken out in (deadline, sequence) order at an amortised constant cost, exact to the nanosecond.
///
/// What comes next is the run: a few timers in order, and beside it those of them that came later, merged into it now
/// and then. The others wait in a hierarchical wheel of 64-way buckets, one level for each 6 bits of the deadline. Only
/// the earliest bucket is ever ordered: it becomes the run if it is small and is spread over the level below if it is
/// not. There is no wheel before the run is full: most queues never need one.
///
/// At any time one deadline belongs to one bucket, and buckets keep the order in which timers came: equal deadlines
/// never need to be compared by their sequence there.
class TimerWheel {
public:
    TimerWheel() = default;
    TimerWheel(const TimerWheel&) = delete;
    TimerWheel& operator=(const TimerWheel&) = delete;
    ~TimerWheel() { clear(); }

    /// Sees to it that so many `add` in a row throw nothing. Errors: `std::bad_alloc`; nothing has changed then.
    void reserve(std::size_t count) {
        if (late_.capacity() < late_limit) {
            late_.reserve(late_limit);
        }
        const std::size_t most = run_.size() + late_.size() + count;
        const std::size_t wanted = most > merge_limit ? std::max(run_limit, most) : most;
        if (run_.capacity() < wanted) {
            run_.reserve(std::max(wanted, 2 * run_.capacity()));
        }
        if (wheel_ != nullptr && !wheel_->pool.reserve(count)) {
            raise_out_of_memory();
        }
        reserved_ = count;
    }

    /// Adds a timer for which memory is reserved. Precondition: the deadline is not `never`.
    void add(const Timer& timer) noexcept {
        ++size_;
        if (key(timer) >= limit_) {
            put(timer);
        } else {
            push_late(timer);
        }
    }
    /// The same, with the memory. Errors: `std::bad_alloc`.
    void push(const Timer& timer) {
        reserve(1);
        add(timer);
    }

    /// The earliest timer; null if there is none.
    [[nodiscard]] const Timer* peek() noexcept {
        if (!late_.empty()) {
            from_late_ = run_.empty() || late_.back() < run_.back();
            return from_late_ ? &late_.back() : &run_.back();
        }
        from_late_ = false;
        if (run_.empty()) {
            if (size_ == 0) {
                return nullptr;
            }
            refill();
        }
        return &run_.back();
    }

    /// Removes the timer that `peek` has just returned.
    void pop() noexcept {
        (from_late_ ? late_ : run_).pop_back();
        if (--size_ == 0) {
            limit_ = no_wheel;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }

    template <class Keep>
    void remove_unless(Keep keep) {
        const auto refused = [&](const Timer& timer) { return !keep(timer); };
        std::erase_if(run_, refused);
        std::erase_if(late_, refused);
        size_ = run_.size() + late_.size();
        for_each_bucket([&](TimerBucket& bucket) {
            size_ += wheel_->pool.remove_unless(bucket, keep);
            return bucket != nullptr;
        });
        if (size_ == 0) {
            limit_ = no_wheel;
        }
    }

    void clear() noexcept {
        for_each_bucket([&](TimerBucket& bucket) {
            wheel_->pool.clear(bucket);
            return false;
        });
        wheel_.reset();
        run_.clear();
        late_.clear();
        limit_ = no_wheel;
        size_ = 0;
    }

private:
    static constexpr std::size_t late_limit = 32;
    static constexpr std::size_t merge_limit = 256;
    static constexpr std::size_t run_limit = 512;  // how many are ordered at once
    static constexpr std::size_t levels = 11;      // 11 * 6 >= 64 bits
    static constexpr std::uint64_t no_wheel = ~std::uint64_t{0};

    struct Wheel {
        std::uint64_t base = 0;  // a bucket's level is the highest digit in which its keys differ from this
        TimerPool pool{};
        std::array<std::uint64_t, levels> occupied{};
        std::array<std::array<TimerBucket, 64>, levels> buckets{};
        std::array<std::uint16_t, 2 * run_limit> places{};  // of the parts of a bucket that is ordered
    };

    /// The deadline with the order of the signed number kept in the unsigned one.
    [[nodiscard]] static std::uint64_t key(const Timer& timer) noexcept {
        return static_cast<std::uint64_t>(timer.deadline.count()) ^ (std::uint64_t{1} << 63);
    }
    void push_late(const Timer& timer) noexcept {
        if (late_.size() == late_limit) {
            if (run_.size() <= merge_limit || !lower_limit()) {
                merge_late();
            } else {
                if (key(timer) >= limit_) {
                    put(timer);
                    return;
                }
            }
        }
        late_.push_back(timer);
        std::size_t place = late_.size() - 1;
        for (; place != 0 && late_[place - 1].deadline <= timer.deadline; --place) {
            late_[place] = late_[place - 1];
        }
        late_[place] = timer;
    }

    void merge_late() noexcept {
        std::size_t from = run_.size();
        std::size_t to = from + late_.size();
        run_.resize(to);
        while (!late_.empty()) {
            if (from != 0 && run_[from - 1] < late_.back()) {
                run_[--to] = run_[--from];
            } else {
                run_[--to] = late_.back();
                late_.pop_back();
            }
        }
    }

    /// Moves everything to the wheel: too many timers are earlier than its limit. Returns whether there was memory;
    /// nothing has changed if not.
    [[nodiscard]] bool lower_limit() noexcept {
        const std::uint64_t lowest = key(*peek());
        if (!has_wheel_for(chunks_from(lowest) + reserved_)) {
            return false;
        }
        if (limit_ == no_wheel) {
            wheel_->base = lowest;
        }
        const std::uint64_t old_base = wheel_->base;
        // What has the same digits as the old base above the highest one that changes is one bucket for the new one.
        TimerBucket rest = nullptr;
        const std::size_t changed = level_of(old_base ^ lowest);
        const std::size_t digit = digit_of(old_base, changed);
        if (lowest < old_base) {
            wheel_->base = lowest;
            std::swap(rest, wheel_->buckets[changed][digit]);
            for (std::size_t level = 0; level < changed; ++level) {
                for (std::uint64_t& bits = wheel_->occupied[level]; bits != 0; bits &= bits - 1) {
                    TimerBucket& bucket = wheel_->buckets[level][static_cast<std::size_t>(std::countr_zero(bits))];
                    TimerPool::append_all(rest, bucket);
                }
            }
        }
        for (auto* const list : {&run_, &late_}) {
            for (; !list->empty(); list->pop_back()) {
                put(list->back());
            }
        }
        if (rest != nullptr) {  // behind the run, which may have some of the same deadline
            TimerPool::append_all(wheel_->buckets[changed][digit], rest);
            wheel_->occupied[changed] |= std::uint64_t{1} << digit;
        }
        limit_ = lowest;
        return true;
    }

    [[nodiscard]] bool has_wheel_for(std::size_t chunks) noexcept {
        const Dispensable dispensable{};
        if (wheel_ == nullptr) {
            wheel_.reset(new (std::nothrow) Wheel);
        }
        return wheel_ != nullptr && wheel_->pool.reserve(chunks);
    }

    /// As many chunks as the run and the late ones need in a wheel with this base, at most.
    [[nodiscard]] std::size_t chunks_from(std::uint64_t base) const noexcept {
        std::array<std::uint8_t, levels * 64> counts{};
        std::size_t chunks = 0;
        for (const auto* const list : {&run_, &late_}) {
            for (const Timer& timer : *list) {
                const std::size_t level = level_of(key(timer) ^ base);
                std::uint8_t& count = counts[level * 64 + digit_of(key(timer), level)];
                chunks += count == 0 ? 1 : 0;
                count = count + 1U == TimerChunk::capacity ? std::uint8_t{0} : static_cast<std::uint8_t>(count + 1);
            }
        }
        return chunks;
    }

    [[nodiscard]] static std::size_t level_of(std::uint64_t differing) noexcept {
        return static_cast<std::size_t>(std::bit_width(differing | 1) - 1) / 6;
    }
    [[nodiscard]] static std::size_t digit_of(std::uint64_t key, std::size_t level) noexcept {
        return static_cast<std::size_t>(key >> (6 * level) & 63);
    }

    /// Precondition: the pool has a chunk.
    void put(const Timer& timer) noexcept { static_cast<void>(try_put(timer)); }

    [[nodiscard]] bool try_put(const Timer& timer) noexcept {
        const std::size_t level = level_of(key(timer) ^ wheel_->base);
        const std::size_t digit = digit_of(key(timer), level);
        if (!wheel_->pool.append(wheel_->buckets[level][digit], timer)) [[unlikely]] {
            return false;
        }
        wheel_->occupied[level] |= std::uint64_t{1} << digit;
        return true;
    }

    /// Calls `visit(bucket)`, which returns whether there is something left in it, for every bucket with something.
    template <class Visit>
    void for_each_bucket(Visit visit) {
        for (std::size_t level = 0; wheel_ != nullptr && level < levels; ++level) {
            for (std::uint64_t bits = wheel_->occupied[level]; bits != 0; bits &= bits - 1) {
                if (!visit(wheel_->buckets[level][static_cast<std::size_t>(std::countr_zero(bits))])) {
                    wheel_->occupied[level] &= ~(bits & (~bits + 1));
                }
            }
        }
    }

    /// Makes the earliest timers the run. Precondition: there is none, but something in the wheel.
    void refill() noexcept {
        while (true) {
            std::size_t level = 0;
            while (wheel_->occupied[level] == 0) {
                ++level;
            }
            const auto digit = static_cast<std::size_t>(std::countr_zero(wheel_->occupied[level]));
            TimerBucket& bucket = wheel_->buckets[level][digit];
            const std::uint64_t above = level + 1 == levels ? 0 : ~std::uint64_t{0} << (6 * (level + 1));
            const std::uint64_t old_base = wheel_->base;
            wheel_->base = (wheel_->base & above) | std::uint64_t{digit} << (6 * level);
            if (level == 0) {
                take_equal(bucket);
                if (bucket == nullptr) {
                    wheel_->occupied[0] &= ~(std::uint64_t{1} << digit);
                }
                return;
            }
            wheel_->occupied[level] &= ~(std::uint64_t{1} << digit);
            TimerBucket rest = std::exchange(bucket, nullptr);
            if (order(rest)) {
                return;
            }
            const Dispensable dispensable{};
            while (rest != nullptr) {
                TimerChunk* const chunk = TimerPool::take_first(rest);
                if (rest != nullptr) {
                    rest->next->prefetch();
                }
                std::uint32_t done = 0;
                while (done < chunk->size && try_put(chunk->timers[done])) {
                    ++done;
                }
                if (done < chunk->size) [[unlikely]] {
                    chunk->size -= done;
                    std::copy_n(chunk->timers.begin() + done, chunk->size, chunk->timers.begin());
                    TimerPool::put_first(rest, chunk);
                    wheel_->base = old_base;
                    take_back(bucket, level, rest);
                    wheel_->occupied[level] |= std::uint64_t{1} << digit;
                    select(bucket);
                    return;
                }
                wheel_->pool.give_back(chunk);
            }
        }
    }

    /// Undoes that a bucket of this level was spread until no memory was left: what is below it and then `rest` is the
    /// bucket again.
    void take_back(TimerBucket& bucket, std::size_t level, TimerBucket& rest) noexcept {
        for (std::size_t below = 0; below < level; ++below) {
            for (std::uint64_t& bits = wheel_->occupied[below]; bits != 0; bits &= bits - 1) {
                TimerPool::append_all(bucket, wheel_->buckets[below][static_cast<std::size_t>(std::countr_zero(bits))]);
            }
        }
        TimerPool::append_all(bucket, rest);
    }

    /// Makes the earliest timers of a bucket, which has more than fit, the run. Linear in the bucket, but needs no
    /// memory. Those that come meanwhile with the deadline of the last one belong behind the rest.
    [[gnu::noinline]] void select(TimerBucket& bucket) noexcept {
        const TimerChunk* chunk = bucket;
        do {
            chunk = chunk->next;
            for (std::uint32_t i = 0; i < chunk->size; ++i) {
                if (run_.size() == run_limit) {
                    if (!(chunk->timers[i] < run_.front())) {
                        continue;
                    }
                    std::pop_heap(run_.begin(), run_.end());
                    run_.pop_back();
                }
                run_.push_back(chunk->timers[i]);
                std::push_heap(run_.begin(), run_.end());
            }
        } while (chunk != bucket);
        const Timer last = run_.front();
        static_cast<void>(wheel_->pool.remove_unless(bucket, [&](const Timer& timer) { return last < timer; }));
        std::sort(run_.begin(), run_.end(), [](const Timer& a, const Timer& b) { return b < a; });
        limit_ = key(last);
    }

    /// Makes some of a bucket whose deadlines are all equal the run. Those that come meanwhile belong behind the rest.
    void take_equal(TimerBucket& bucket) noexcept {
        limit_ = wheel_->base;
        TimerChunk* const chunk = TimerPool::take_first(bucket);
        run_.assign(chunk->timers.rend() - chunk->size, chunk->timers.rend());
        wheel_->pool.give_back(chunk);
    }

    /// Makes a bucket the run unless it is too large. Linear if its deadlines are spread evenly over some time: each
    /// timer then finds its place by the highest bits of its deadline, up to a few neighbours.
    [[nodiscard]] bool order(TimerBucket& bucket) noexcept {
        std::size_t size = 0;
        std::uint64_t differing = 0;
        const std::uint64_t first = key(bucket->timers[0]);
        const TimerChunk* chunk = bucket;
        do {
            chunk = chunk->next;
            size += chunk->size;
            if (size > run_limit) {
                return false;
            }
            for (std::uint32_t i = 0; i < chunk->size; ++i) {
                differing |= key(chunk->timers[i]) ^ first;
            }
        } while (chunk != bucket);

        const int width = static_cast<int>(std::bit_width(differing));
        const int bits = std::min(width, static_cast<int>(std::bit_width(size)));
        const int shift = width - bits;
        const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
        const auto part = [=](const Timer& timer) { return static_cast<std::size_t>(key(timer) >> shift & mask); };
        auto& places = wheel_->places;
        std::fill_n(places.begin(), mask + 1, std::uint16_t{0});
        do {
            chunk = chunk->next;
            for (std::uint32_t i = 0; i < chunk->size; ++i) {
                ++places[part(chunk->timers[i])];
            }
        } while (chunk != bucket);
        std::uint16_t end = 0;
        std::uint16_t largest = 0;
        for (std::size_t i = mask + 1; i-- != 0;) {
            largest = std::max(largest, places[i]);
            end = static_cast<std::uint16_t>(end + places[i]);
            places[i] = end;
        }
        run_.resize(size);
        while (bucket != nullptr) {
            TimerChunk* const taken = TimerPool::take_first(bucket);
            for (std::uint32_t i = 0; i < taken->size; ++i) {
                run_[--places[part(taken->timers[i])]] = taken->timers[i];
            }
            wheel_->pool.give_back(taken);
        }
        const auto later = [](const Timer& a, const Timer& b) { return b < a; };
        if (largest <= 16) {
            insertion_sort();
        } else if (!std::is_sorted(run_.begin(), run_.end(), later)) {
            std::sort(run_.begin(), run_.end(), later);
        }
        limit_ = key(run_.front()) + 1;
        return true;
    }

    /// For a run in which all are near their places and those of one deadline are in order.
    void insertion_sort() noexcept {
        for (std::size_t i = 1; i < run_.size(); ++i) {
            const Timer timer = run_[i];
            std::size_t place = i;
            for (; place != 0 && run_[place - 1].deadline < timer.deadline; --place) {
                run_[place] = run_[place - 1];
            }
            run_[place] = timer;
        }
    }

    // Both in order, the earliest is the last.
    std::vector<Timer> run_{};
    std::vector<Timer> late_{};
    bool from_late_ = false;  // which of them has what was peeked at
    std::unique_ptr<Wheel> wheel_{};
    std::uint64_t limit_ = no_wheel;  // the wheel holds only keys from here on
    std::size_t size_ = 0;
    std::size_t reserved_ = 0;  // how many `add` may follow at once
};

}  // namespace sqsim::inline SQSIM_ABI::detail
