// SPDX-License-Identifier: MIT

#include "mutants/gate.hpp"

int main() { return mutants::compare<model::Standard>(model::standard_configurations()); }
