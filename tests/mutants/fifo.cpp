// SPDX-License-Identifier: MIT

#include "mutants/gate.hpp"

int main() { return mutants::compare<model::Fifo>(model::fifo_configurations()); }
