// SPDX-License-Identifier: MIT

// A queue that is looked at seldom, on a clock that does not drive it: much is due at once.

#include "mutants/gate.hpp"

int main() { return mutants::compare<model::PlainFifo>(model::fifo_configurations(), model::Compare::seldom); }
