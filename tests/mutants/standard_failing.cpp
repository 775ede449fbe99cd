// SPDX-License-Identifier: MIT

// What tests/failure/standard_test.cpp does.

#include "mutants/failing_gate.hpp"

int main() { return mutants::run_out_of_memory<failing::StandardWorld<std::mutex, std::string>>(); }
