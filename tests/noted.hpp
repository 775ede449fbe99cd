// SPDX-License-Identifier: MIT
#pragma once

#include <utility>
#include <vector>

/// Writes down when it is destroyed, in the order in which that happens.
class Noted {
public:
    Noted(int number, std::vector<int>& ends) : number_{number}, ends_{&ends} {}
    Noted(Noted&& other) noexcept : number_{other.number_}, ends_{std::exchange(other.ends_, nullptr)} {}
    Noted& operator=(Noted&&) = delete;
    ~Noted() {
        if (ends_ != nullptr) {
            ends_->push_back(number_);
        }
    }

private:
    int number_;
    std::vector<int>* ends_;
};
