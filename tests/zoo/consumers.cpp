// SPDX-License-Identifier: MIT
#include "zoo/animal.hpp"
#include "zoo/dead_letters.hpp"
#include "zoo/idempotency.hpp"
#include "zoo/leases.hpp"
#include "zoo/memory.hpp"
#include "zoo/tutorial.hpp"

#include <iterator>
#include <vector>

namespace zoo {

std::vector<Animal> consumers() {
    std::vector<Animal> result;
    result.insert(result.end(), std::begin(tutorial), std::end(tutorial));
    result.insert(result.end(), std::begin(idempotency), std::end(idempotency));
    result.insert(result.end(), std::begin(leases), std::end(leases));
    result.insert(result.end(), std::begin(dead_letters), std::end(dead_letters));
    result.insert(result.end(), std::begin(memory), std::end(memory));
    return result;
}

}  // namespace zoo
