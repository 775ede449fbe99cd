// SPDX-License-Identifier: MIT

#include "standard.hpp"

#include <mutex>

int main() { bench::CountedStandard<std::mutex>{}.run(); }
