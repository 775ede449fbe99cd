// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/clock/clock.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sqsim::inline SQSIM_ABI::detail {

/// What the receives with a ReceiveRequestAttemptId of the last five minutes returned (R100).
class Attempts {
public:
    struct Lease {
        std::uint32_t slot;
        std::uint32_t generation;
    };

    /// The leases of an earlier receive with this id; null if there was none.
    [[nodiscard]] std::vector<Lease>* find(std::string_view id) {
        const auto found = attempts_.find(id);
        return found == attempts_.end() ? nullptr : &found->second;
    }

    void remember(std::string_view id, std::vector<Lease> leases, Nanos now) {
        forget(id);
        attempts_.emplace(id, std::move(leases));
        ends_.emplace_back(saturating_add(now, validity), id);
    }

    void forget(std::string_view id) {
        if (const auto found = attempts_.find(id); found != attempts_.end()) {
            attempts_.erase(found);
            std::erase_if(ends_, [&](const auto& end) { return end.second == id; });
        }
    }

    void expire(Nanos now) {
        while (!ends_.empty() && ends_.front().first <= now) {
            attempts_.erase(ends_.front().second);
            ends_.pop_front();
        }
    }

private:
    static constexpr Nanos validity = std::chrono::minutes{5};

    std::map<std::string, std::vector<Lease>, std::less<>> attempts_{};
    std::deque<std::pair<Nanos, std::string>> ends_{};
};

}  // namespace sqsim::inline SQSIM_ABI::detail
