// SPDX-License-Identifier: MIT

// Catches any difference between a FIFO queue and the naive model of it; the input is a program of calls.

#include "model/driver.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string report = model::check_bytes<model::Fifo>(model::fifo_configurations(), {data, size});
    if (!report.empty()) {
        std::fputs(report.c_str(), stderr);
        std::abort();
    }
    return 0;
}
