// SPDX-License-Identifier: MIT
#pragma once

#include "sqsim/config.hpp"

#include <cstdio>
#include <string>
#include <string_view>

namespace sqsim::inline SQSIM_ABI::sim {

/// Writes a file, in place of one that is there. Returns whether all of it was written.
[[nodiscard]] inline bool write_text_file(const std::string& path, std::string_view text) noexcept {
    std::FILE* const file = std::fopen(path.c_str(), "wb");
    if (file == nullptr) {
        return false;
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
    // A full disk may show only when the file is closed.
    return std::fclose(file) == 0 && written;
}

}  // namespace sqsim::inline SQSIM_ABI::sim
