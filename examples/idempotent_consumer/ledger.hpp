// SPDX-License-Identifier: MIT
#pragma once

#include "../donation_pipeline/records.hpp"

#include <map>
#include <string>

// The consumers' database: it outlives them, and each call is a transaction.

namespace donations {

/// What each donor has given. Nobody gives twice.
class Ledger {
public:
    /// `update ... set amount = amount + ?`
    void add(const Donation& donation) { amounts_[donation.name] += donation.amount; }

    /// `insert ... on conflict do nothing`
    void enter(const Donation& donation) { amounts_.emplace(donation.name, donation.amount); }

    [[nodiscard]] std::string to_string() const {
        std::string text;
        for (const auto& [name, amount] : amounts_) {
            text += (text.empty() ? "" : ", ") + name + " " + to_decimal(amount);
        }
        return text;
    }

private:
    std::map<std::string, Cents> amounts_{};
};

}  // namespace donations
