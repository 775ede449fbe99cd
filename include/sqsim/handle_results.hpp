// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/options.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <vector>

namespace sqsim::inline SQSIM_ABI {

/// What a batch of deletes answers: a result for each handle, in their order. As many as the service allows, ten, need
/// no memory of their own.
class HandleResults {
public:
    using value_type = HandleResult;
    using const_iterator = const HandleResult*;
    using iterator = const_iterator;

    HandleResults() noexcept = default;

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
    [[nodiscard]] const HandleResult* data() const noexcept { return many_.empty() ? few_.data() : many_.data(); }
    [[nodiscard]] const HandleResult* begin() const noexcept { return data(); }
    [[nodiscard]] const HandleResult* end() const noexcept { return data() + size_; }
    /// Precondition: there are more than `index`.
    [[nodiscard]] const HandleResult& operator[](std::size_t index) const noexcept { return data()[index]; }
    [[nodiscard]] const HandleResult& front() const noexcept { return *begin(); }
    [[nodiscard]] const HandleResult& back() const noexcept { return end()[-1]; }

    // NOLINTNEXTLINE(google-explicit-constructor): it takes the place of a vector
    operator std::vector<HandleResult>() const { return {begin(), end()}; }

    friend bool operator==(const HandleResults& a, const HandleResults& b) noexcept {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }
    friend bool operator==(const HandleResults& a, const std::vector<HandleResult>& b) noexcept {
        return std::equal(a.begin(), a.end(), b.begin(), b.end());
    }

    /// Of so many handles, for who fills them in: at `data()`. Errors: `std::bad_alloc`.
    explicit HandleResults(std::size_t size) : size_{size} {
        if (size > few_.size()) {
            many_.resize(size);
        }
    }
    [[nodiscard]] HandleResult* data() noexcept { return many_.empty() ? few_.data() : many_.data(); }

private:
    std::array<HandleResult, 10> few_{};
    std::vector<HandleResult> many_{};
    std::size_t size_ = 0;
};

}  // namespace sqsim::inline SQSIM_ABI
