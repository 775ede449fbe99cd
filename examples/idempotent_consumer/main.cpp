// SPDX-License-Identifier: MIT

// Four consumers of donations, under everything that SQS and a crash may do to them: each plan of up to two faults and
// one preemption is run. Three of the consumers lose money or make it up, and the report tells in which smallest run.
// For the fourth it says that no plan makes a difference.

#include "consumers.hpp"
#include "ledger.hpp"

#include "sqsim/io/report.hpp"
#include "sqsim/io/text_file.hpp"
#include "sqsim/sim/explore.hpp"

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace donations;
using Consumer = void (*)(sim::SimQueue&, Ledger&, std::stop_token);

/// Two donations, two consumers: the ledger must come out as if nothing had gone wrong.
sim::Report check(const char* name, Consumer consumer) {
    const auto records = load_donations(SQSIM_EXAMPLE_DATA "/fast_data.json");
    return sim::explore({.name = name}, [&](sim::World& world) {
        Ledger ledger;
        auto& queue = world.queue({.name = "donations"});
        world.produce(queue, {to_json(records[0]), to_json(records[1])});
        for (const char* actor : {"fast", "slow"}) {
            world.spawn(actor, [&](std::stop_token stop) { consumer(queue, ledger, stop); });
        }
        world.run();
        world.expect(sim::drained(queue));
        world.expect_same_as_fault_free(ledger);
    });
}

/// Writes what "--html FILE" and "--trace FILE" ask for.
bool write_files(const sim::Report& report, const std::vector<std::string_view>& arguments) {
    for (std::size_t i = 0; i < arguments.size(); i += 2) {
        const bool html = arguments[i] == "--html";
        if ((!html && arguments[i] != "--trace") || i + 1 == arguments.size() ||
            !sim::write_text_file(std::string{arguments[i + 1]},
                                  html ? sim::to_html(report) : sim::to_chrome_trace(report))) {
            std::cerr << "usage: idempotent_consumer [--html FILE] [--trace FILE], the files must be writable\n";
            return false;
        }
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    const auto naive = check("naive consumer", naive_consumer);
    const auto hasty = check("hasty consumer", hasty_consumer);
    const auto trusting = check("trusting consumer", trusting_consumer);
    const auto idempotent = check("idempotent consumer", idempotent_consumer);
    std::cout << naive << '\n' << hasty << '\n' << trusting << '\n' << idempotent;

    const bool as_told = !naive && !hasty && !trusting && idempotent;
    return write_files(naive, {argv + 1, argv + argc}) && as_told ? EXIT_SUCCESS : EXIT_FAILURE;
}
