// SPDX-License-Identifier: MIT

// What tests/failure/fifo_test.cpp does.

#include "mutants/failing_gate.hpp"

#include <mutex>
#include <string>

int main() { return mutants::run_out_of_memory<failing::FifoWorld<std::mutex, std::string>>(); }
