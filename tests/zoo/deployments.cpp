// SPDX-License-Identifier: MIT
#include "zoo/animal.hpp"
#include "zoo/crashes.hpp"
#include "zoo/deadlines.hpp"
#include "zoo/polling.hpp"
#include "zoo/processes.hpp"

#include <iterator>
#include <vector>

namespace zoo {

std::vector<Animal> deployments() {
    std::vector<Animal> result;
    result.insert(result.end(), std::begin(polling), std::end(polling));
    result.insert(result.end(), std::begin(crashes), std::end(crashes));
    result.insert(result.end(), std::begin(deadlines), std::end(deadlines));
    result.insert(result.end(), std::begin(processes), std::end(processes));
    return result;
}

}  // namespace zoo
