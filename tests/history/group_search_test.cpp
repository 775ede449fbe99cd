// SPDX-License-Identifier: MIT

// Catches a search in a FIFO group that passes a message over which may be wrong, or walks along those that are not.

#include "catch.hpp"
#include "history/history_support.hpp"

#include "sqsim/history/detail/group_search.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace {

using history::broken;
using history::Got;
using history::HistoryRule;
using history::Rules;
using history::Story;
using sqsim::history::detail::GroupSearch;
using sqsim::history::detail::MessageHistory;
using sqsim::history::detail::no_operation;
using std::chrono::nanoseconds;
using namespace std::chrono_literals;

}  // namespace

TEST_CASE("a search in a group finds what a walk finds", "[history][group_search]") {
    std::mt19937 random{3};
    const auto below = [&](std::uint32_t bound) { return static_cast<std::uint32_t>(random() % bound); };
    for (int round = 0; round < 200; ++round) {
        struct Model {
            MessageHistory message{};
            std::uint32_t until = 0;
            bool has_left = false;
        };
        std::vector<Model> models(1);
        GroupSearch search;
        std::uint32_t order = 0;
        for (int step = 0; step < 300; ++step) {
            const std::uint32_t number = below(static_cast<std::uint32_t>(models.size()));
            Model& model = models[number];
            switch (below(4)) {
            case 0:
                models.emplace_back();
                models.back().message.send_operation = order += 1 + below(3);
                models.back().message.sent.last = nanoseconds{below(100)};
                search.append(static_cast<std::uint32_t>(models.size() - 1), models.back().message);
                break;
            case 1:
                if (number != 0 && below(4) == 0) {
                    model.has_left = true;
                    search.erase(model.message);
                }
                break;
            case 2:
                if (number != 0 && !model.has_left) {
                    model.until = below(100);
                    search.pass_until(model.message, model.until);
                }
                break;
            default:
                if (number != 0) {
                    const std::uint32_t index = below(100);
                    const nanoseconds sent_by{below(150)};
                    const auto found = std::find_if(models.begin() + number, models.end(), [&](const Model& each) {
                        return !each.has_left && (each.until <= index || each.message.sent.last >= sent_by);
                    });
                    REQUIRE(search.find(model.message, index, sent_by) ==
                            (found == models.end() ? 0 : static_cast<std::uint32_t>(found - models.begin())));
                }
                break;
            }
        }
    }
}

TEST_CASE("a search in a group takes logarithmic steps however many messages it passes over",
          "[history][group_search]") {
    constexpr std::uint32_t count = 1U << 15;
    std::vector<MessageHistory> messages(count + 1);
    GroupSearch search;
    for (std::uint32_t number = 1; number <= count; ++number) {
        messages[number].send_operation = number;
        messages[number].sent.last = nanoseconds{1};
        search.append(number, messages[number]);
        search.pass_until(messages[number], no_operation - 1);
    }
    CHECK(search.find(messages[1], 10, 2ns) == 0);
    search.pass_until(messages[count], 5);
    CHECK(search.find(messages[1], 10, 2ns) == count);
    CHECK(search.steps() <= 2 * (1 + 2 * 15));
}

TEST_CASE("a message that another receive may have moved away is looked at again once that receive was answered",
          "[history][group_search]") {
    // Whether the second receive of message 1 or that of message 2 came first nobody knows.
    Story story{Story::with_dead_letters(Story::fifo(), 3)};
    for (const std::uint32_t number : {1U, 2U, 3U, 4U}) {
        story.at(nanoseconds{number}).send(number, 7);
    }
    story.by(1).during(100ns, 110ns).receive({Got{2}}, 1ns);
    CHECK(broken(story.check()) == Rules{HistoryRule::group_overtaken});
    story.by(3).during(106ns, 115ns).receive({Got{2, 2}, Got{3}}, 1ns);
    CHECK(broken(story.check()) == Rules{HistoryRule::group_overtaken});
    story.by(2).during(105ns, 120ns).receive({Got{1}}, 1ns);
    CHECK(broken(story.check()) == Rules{});
    story.by(3).during(130ns, 140ns).receive({Got{2, 3}, Got{3, 2}, Got{4}}, 1h);
    const auto verdict = story.check();
    CHECK(broken(verdict) == Rules{HistoryRule::group_overtaken});
    REQUIRE_FALSE(verdict.findings.empty());
    CHECK(verdict.findings[0].operation == 12);
}
