// SPDX-License-Identifier: MIT
#include "zoo/animal.hpp"
#include "zoo/batches.hpp"
#include "zoo/fifo.hpp"
#include "zoo/producers.hpp"
#include "zoo/transactions.hpp"

#include <iterator>
#include <vector>

namespace zoo {

std::vector<Animal> systems() {
    std::vector<Animal> result;
    result.insert(result.end(), std::begin(transactions), std::end(transactions));
    result.insert(result.end(), std::begin(batches), std::end(batches));
    result.insert(result.end(), std::begin(fifo), std::end(fifo));
    result.insert(result.end(), std::begin(producers), std::end(producers));
    return result;
}

}  // namespace zoo
