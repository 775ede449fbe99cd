// SPDX-License-Identifier: MIT

// Catches a checker that accuses a right history when its clients know less: because answers were lost, or because
// their calls took longer.

#include "catch.hpp"
#include "history/history_support.hpp"
#include "history/recorded_program.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace {

using namespace std::chrono_literals;
using namespace history;

/// A call with its deliveries.
using Call = std::vector<Operation>;

std::vector<Call> calls_of(const History& history) {
    std::vector<Call> calls;
    for (const Operation& operation : history.operations) {
        if (operation.action == Action::delivery) {
            calls.back().push_back(operation);
        } else {
            calls.push_back({operation});
        }
    }
    return calls;
}

/// The same events, of which the clients know less.
class Weakening {
public:
    explicit Weakening(std::uint64_t seed) : dice_{seed} {}

    History weaken(History history, bool loses_answers, bool keeps_deliveries) {
        std::vector<Call> calls = calls_of(history);
        std::vector<bool> is_known(16 * history.operations.size());
        nanoseconds instant{};
        for (Call& call : calls) {
            instant += 1ns;  // so that the order is certain also for calls that were at one instant
            stretch(call, instant);
            if (loses_answers && dice_.one_in(12)) {
                lose(call, keeps_deliveries);
            }
            for (const Operation& operation : call) {
                is_known[operation.receipt] = is_known[operation.receipt] ||
                                              (operation.action == Action::delivery && operation.answer == Answer::ok);
            }
        }
        for (Call& call : calls) {  // nobody can have used a handle that never arrived
            Operation& operation = call.front();
            if (operation.receipt != 0 && !is_known[operation.receipt] && operation.answer == Answer::ok) {
                operation.answer = Answer::unknown;
            }
        }
        std::stable_sort(calls.begin(), calls.end(),
                         [](const Call& a, const Call& b) { return a.front().answered < b.front().answered; });
        history.operations.clear();
        for (const Call& call : calls) {
            history.operations.insert(history.operations.end(), call.begin(), call.end());
        }
        return history;
    }

private:
    void stretch(Call& call, nanoseconds instant) {
        const nanoseconds earlier = std::chrono::milliseconds{dice_.below(3) * dice_.below(2000)};
        // A client uses the handles of an answer only after it.
        const nanoseconds later = call.front().action == Action::receive
                                      ? 0ns
                                      : nanoseconds{std::chrono::milliseconds{dice_.below(3) * dice_.below(2000)}};
        for (Operation& operation : call) {
            operation.invoked += instant - earlier;
            operation.answered += instant + later;
            operation.client = 0;  // attempt ids are shared
        }
    }

    static void lose(Call& call, bool keeps_deliveries) {
        for (Operation& operation : call) {
            if (operation.answer == Answer::ok && operation.action != Action::dead_letter) {
                operation.answer = Answer::unknown;
            }
        }
        if (!keeps_deliveries) {
            call.resize(1);
        }
    }

    Dice dice_;
};

template <class QueueType>
void check_weakened(std::uint64_t seeds) {
    std::size_t recovered = 0;
    for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
        Program<QueueType> program{seed};
        program.run(600);
        program.drain();
        for (const int kind : {0, 1, 2}) {
            INFO("seed " << seed << ", kind " << kind);
            const History history = Weakening{seed}.weaken(program.history(true), kind != 0, kind == 1);
            const auto verdict = check_history(history, CheckOptions::exact());
            INFO(verdict.to_string());
            CHECK(verdict.ok());
            recovered += verdict.counts.recovered;
        }
    }
    CHECK(recovered > seeds);  // or no answer was lost
}

}  // namespace

TEST_CASE("a right history of a standard queue stays right when its clients know less", "[history]") {
    check_weakened<Standard>(30);
}

TEST_CASE("a right history of a FIFO queue stays right when its clients know less", "[history]") {
    check_weakened<Fifo>(60);
}
