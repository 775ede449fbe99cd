// SPDX-License-Identifier: MIT
#pragma once

// Catch2 (2.13 or 3) shows sqsim's values in its reports. Include it beside Catch2's own header, in any order.

#include "sqsim/io/ostream.hpp"

#if __has_include(<catch2/catch_tostring.hpp>)
#    include <catch2/catch_tostring.hpp>
#else
#    include <catch2/catch.hpp>
#endif

#include <chrono>
#include <optional>
#include <sstream>
#include <string>

namespace Catch {

/// An empty answer reads "no message".
template <class Body, class TimePoint>
struct StringMaker<std::optional<sqsim::Message<Body, TimePoint>>> {
    static std::string convert(const std::optional<sqsim::Message<Body, TimePoint>>& message) {
        return message ? StringMaker<sqsim::Message<Body, TimePoint>>::convert(*message) : "no message";
    }
};

/// Instants of a manual clock are seconds since its epoch.
template <>
struct StringMaker<sqsim::ManualClock::time_point> {
    static std::string convert(const sqsim::ManualClock::time_point& instant) {
        std::ostringstream out;
        out << instant;
        return out.str();
    }
};

}  // namespace Catch
