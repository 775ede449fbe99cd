// SPDX-License-Identifier: MIT

// Catches a log that loses or reorders entries at the border of a chunk, moves a cursor off its entry, takes back too
// much or too little, or asks for memory that was reserved.

#include "catch.hpp"

#include "sqsim/detail/log.hpp"
#include "sqsim/detail/rng.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <vector>

using sqsim::detail::Log;
using sqsim::detail::SplitMix;

namespace {

using Numbers = Log<std::uint64_t>;

/// What a log is: some entries and one cursor. Every operation is done on both, and `good` says whether they agree.
struct Pair {
    Numbers log{};
    Numbers::Cursor cursor{};
    std::deque<std::uint64_t> entries{};
    std::size_t place = 0;   // of the cursor
    std::uint64_t next = 0;  // entry
    bool good = true;

    void expect(bool agree) { good = good && agree; }

    void write(std::uint32_t count) {
        for (; count != 0; --count) {
            log.push_back(next);
            entries.push_back(next++);
        }
    }
    /// Appends so many and takes them back.
    void write_in_vain(std::uint32_t count, bool reserved) {
        const Numbers::End end = log.end();
        if (reserved) {
            log.reserve(count);
        }
        for (std::uint32_t i = 0; i != count; ++i) {
            log.push_back(next + i);
        }
        std::uint64_t expected = next;
        log.for_each_since(end, [&](std::uint64_t entry) { expect(entry == expected++); });
        expect(expected == next + count);
        log.take_back(end);
    }
    void look() {
        const std::uint64_t* const front = log.front();
        expect(entries.empty() ? front == nullptr : front != nullptr && *front == entries.front());
        const std::uint64_t* const at = log.get(cursor);
        expect(place == entries.size() ? at == nullptr : at != nullptr && *at == entries[place]);
        expect(log.size() == entries.size());
    }
    void pop(std::uint32_t count) {
        for (; count != 0 && !entries.empty(); --count) {
            const std::uint64_t* const front = log.front();
            expect(front != nullptr && *front == entries.front());
            log.pop_front();
            drop(1);
        }
    }
    void step(std::uint32_t count) {
        for (; count != 0 && place != entries.size(); --count) {
            const std::uint64_t* const at = log.get(cursor);
            expect(at != nullptr && *at == entries[place]);
            Numbers::step(cursor);
            ++place;
        }
    }
    void leap(std::uint32_t most) {
        const std::span<const std::uint64_t> ahead = log.ahead(cursor);
        expect(ahead.empty() == (place == entries.size()) && ahead.size() <= entries.size() - place);
        expect(std::equal(ahead.begin(), ahead.end(), entries.begin() + static_cast<std::ptrdiff_t>(place)));
        const std::size_t count = std::min<std::size_t>(most, ahead.size());
        Numbers::step(cursor, count);
        place += count;
    }
    void drop_until_cursor() {
        log.drop_until(cursor);
        drop(place);
    }
    void visit_all(std::size_t most) {
        std::vector<std::uint64_t> visited;
        log.for_each([&](std::uint64_t entry) {
            visited.push_back(entry);
            return visited.size() < most;
        });
        expect(visited.size() == std::min(most, entries.size()));
        expect(std::equal(visited.begin(), visited.end(), entries.begin()));
    }
    template <class Keep>
    void compact(Keep keep) {
        log.compact(keep, cursor);
        place = static_cast<std::size_t>(
            std::count_if(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(place), keep));
        std::erase_if(entries, [&](std::uint64_t entry) { return !keep(entry); });
    }

    void drop(std::size_t count) {
        entries.erase(entries.begin(), entries.begin() + static_cast<std::ptrdiff_t>(count));
        place -= std::min(place, count);
    }
};

}  // namespace

TEST_CASE("A log is a deque with a cursor, and with an end that it returns to", "[detail][log]") {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        Pair pair;
        SplitMix random{seed};
        const std::uint32_t burst = seed % 2 == 0 ? 100 : 3000;  // within a chunk, and over several
        for (int i = 0; i < 2000 && pair.good; ++i) {
            switch (random.below(12)) {
            case 0:
            case 1:
                pair.write(random.below(burst));
                break;
            case 2:
            case 3:
            case 4:
                pair.write_in_vain(random.below(burst), random.below(2) == 0);
                break;
            case 5:
                pair.pop(random.below(burst));
                break;
            case 6:
                pair.step(random.below(burst));
                break;
            case 7:
            case 8:
                pair.leap(random.below(burst));
                break;
            case 9:
                if (random.below(4) == 0) {
                    pair.drop_until_cursor();
                }
                break;
            case 10:
                pair.visit_all(1 + random.below(2 * burst));
                break;
            default:
                if (random.below(8) == 0) {
                    const std::uint32_t of = 1 + random.below(5);
                    const std::uint32_t rest = random.below(5);  // sometimes nothing is kept
                    pair.compact([&](std::uint64_t entry) { return entry % of == rest; });
                }
                break;
            }
            pair.look();
        }
        INFO("seed " << seed);
        CHECK(pair.good);
    }
}

TEST_CASE("Entries stay in order over the borders of all sizes of chunks", "[detail][log]") {
    for (const std::uint32_t count : {63U, 64U, 65U, 191U, 192U, 193U, 960U, 1984U, 3008U, 10'000U}) {
        Pair pair;
        for (int round = 0; round < 4; ++round) {  // again in the chunks that were left behind
            pair.write(count);
            pair.look();
            pair.step(count / 2);
            pair.visit_all(count);
            pair.pop(count / 3);
            pair.look();
            pair.compact([](std::uint64_t entry) { return entry % 7 != 0; });
            pair.look();
            pair.step(count);
            pair.drop_until_cursor();
            pair.look();
        }
        CHECK(pair.good);
        CHECK(pair.log.size() == 0);
    }
}

TEST_CASE("A log that empties by one entry keeps it, at every place of a chunk", "[detail][log]") {
    Pair pair;
    for (int i = 0; i < 5000; ++i) {
        pair.write(1);
        pair.look();
        pair.look();
        if (i % 3 == 0) {
            pair.step(1);
            pair.drop_until_cursor();
        } else {
            pair.pop(1);
        }
        pair.look();
    }
    CHECK(pair.good);
}

TEST_CASE("A cursor at the end stays in front of what is written behind it when the rest is compacted",
          "[detail][log]") {
    Pair pair;
    pair.write(100);
    pair.step(100);
    pair.write(100);
    pair.compact([](std::uint64_t entry) { return entry % 2 == 0; });
    pair.look();
    pair.write(1000);
    pair.step(2000);
    CHECK(pair.good);
    CHECK(pair.place == 1100);
}
