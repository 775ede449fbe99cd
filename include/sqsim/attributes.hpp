// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <map>
#include <string>

namespace sqsim::inline SQSIM_ABI {

/// One attribute of a message. `data_type` is `String`, `Number` or `Binary`, optionally with a label behind a period
/// (`Number.int`), which is kept and never interpreted (R58). A `Binary` value holds the raw bytes.
struct MessageAttribute {
    std::string data_type = "String";
    std::string value{};

    friend bool operator==(const MessageAttribute&, const MessageAttribute&) = default;
};

/// A message's attributes by name.
using MessageAttributes = std::map<std::string, MessageAttribute, std::less<>>;

}  // namespace sqsim::inline SQSIM_ABI
