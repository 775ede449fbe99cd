// SPDX-License-Identifier: MIT

// Catches the end of the old paths and names of the history module before the release that drops them.

#include "catch.hpp"
#include "sqsim/sim/check_history.hpp"
#include "sqsim/sim/history.hpp"
#include "sqsim/sim/history_file.hpp"
#include "sqsim/sim/recorder.hpp"

#include "sqsim/clock/manual_clock.hpp"
#include "sqsim/queue.hpp"

#include <type_traits>

TEST_CASE("the old paths and names of the history module still work", "[history]") {
    sqsim::ManualClock clock;
    sqsim::Queue queue{clock};
    sqsim::sim::HistoryLog log{clock};
    sqsim::sim::Recorder client{queue, log, "client"};
    client.send_message("a");
    CHECK(client.delete_message(client.receive_message()->receipt_handle()));
    const sqsim::sim::History history = log.history(true);
    const sqsim::sim::HistoryVerdict verdict = sqsim::sim::check_history(history, sqsim::sim::CheckOptions::exact());
    CHECK(verdict.ok());
    CHECK(sqsim::sim::history_from_text(sqsim::sim::to_text(history)).value() == history);
    CHECK(sqsim::sim::to_string(sqsim::sim::HistoryRule::lost) == "lost");
    STATIC_REQUIRE(std::is_same_v<sqsim::sim::Operation, sqsim::history::Operation>);
    STATIC_REQUIRE(std::is_same_v<sqsim::sim::HistoryChecker, sqsim::history::HistoryChecker>);
}
