// SPDX-License-Identifier: MIT

// Catches text that breaks the reader of histories, a history that writing and reading changes, and one on which the
// checker fails or says nothing of use.

#include "sqsim/history/history_file.hpp"
#include "sqsim/history/check_history.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

[[noreturn]] void fail(const char* what) {
    std::fprintf(stderr, "%s\n", what);
    std::abort();
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto history = sqsim::history::history_from_text({reinterpret_cast<const char*>(data), size});
    if (!history) {
        if (!std::string_view{history.error().what()}.starts_with("line ")) {
            fail("an error without a line");
        }
        return 0;
    }
    const auto again = sqsim::history::history_from_text(sqsim::history::to_text(*history));
    if (!again || *again != *history) {
        fail("not the same history");
    }
    sqsim::history::HistoryChecker checker;
    for (const auto options : {sqsim::history::CheckOptions{}, sqsim::history::CheckOptions::exact(),
                               sqsim::history::CheckOptions{.clock_error = std::chrono::nanoseconds::max()}}) {
        const auto& verdict = checker.check(*history, options);
        if (verdict.ok() != verdict.findings.empty() || verdict.to_string().empty()) {
            fail("a verdict without findings");
        }
        for (const auto& finding : verdict.findings) {
            if (finding.text.empty()) {
                fail("a finding without words");
            }
        }
    }
    return 0;
}
