// SPDX-License-Identifier: MIT

#include "standard.hpp"

int main() { bench::CountedStandard<sqsim::NullMutex>{}.run(); }
