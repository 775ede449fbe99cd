// SPDX-License-Identifier: MIT

// Catches an id that is forgotten with those of another instant, one that was claimed in vain and is remembered, and an
// original that is mistaken for another once places no longer fit into 32 bits.

#include "catch.hpp"
#include "expiring.hpp"

#include "sqsim/detail/dedup_window.hpp"
#include "sqsim/detail/rng.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <utility>

using namespace std::chrono_literals;
using sqsim::detail::DedupWindow;
using sqsim::detail::Fingerprint;
using sqsim::detail::SplitMix;

namespace {

using Nanos = std::chrono::nanoseconds;

/// Ids whose table places and tags collide now and then.
Fingerprint id_of(std::uint32_t number) { return {number % 3, std::uint64_t{number} << 5 | number % 7}; }

struct Remembered {
    std::uint64_t ordinal;
    Nanos ends;
};

/// Calls that send several messages each, many at one instant, against a plain map. Some of the claims are given up.
/// Once in `late` calls the ids whose time has come are forgotten.
bool behaves_like_map(std::uint64_t seed, std::uint64_t first_ordinal, std::uint32_t ids, std::uint32_t instants,
                      std::uint32_t late = 1) {
    SplitMix random{seed};
    DedupWindow window;
    std::map<std::uint32_t, Remembered> model;
    std::uint64_t ordinal = first_ordinal;
    Nanos now{0};
    bool same = true;
    for (int call = 0; call < 2000 && same; ++call) {
        const Nanos ends = now + 50ns;
        window.begin_run(ordinal, ends);
        for (std::uint32_t i = random.below(12); i != 0; --i) {
            const std::uint32_t number = random.below(ids);
            const Fingerprint id = id_of(number);
            const auto known = model.find(number);
            const std::uint64_t found = window.find_or_claim(id, ordinal, now);
            same = same && found == (known != model.end() ? known->second.ordinal : 0);
            if (found == 0) {
                DedupWindow::Claim claim{&window, id};
                if (random.below(4) != 0) {
                    claim.confirm();
                    model[number] = {ordinal++, ends};
                }
            }
        }
        ordinal += random.below(40) == 0 ? random.below(1000) : 0;  // messages without an id take places, too
        if (random.below(300) == 0) {
            window.clear();
            model.clear();
        }
        now += Nanos{random.below(instants) == 0 ? random.below(20) : 0};
        std::erase_if(model, [&](const auto& entry) { return entry.second.ends <= now; });
        if (random.below(late) != 0) {
            sqsim::detail::Piece piece;  // of which little is left
            piece.count(sqsim::detail::Piece::most - random.below(10));
            window.expire(now, piece);
            continue;
        }
        expire(window, now);
        Nanos next = Nanos::max();
        for (const auto& entry : model) {
            next = std::min(next, entry.second.ends);
            same = same && window.find(id_of(entry.first)) == entry.second.ordinal;
        }
        same = same && window.size() == model.size() && window.next_end() == next;
    }
    return same;
}

}  // namespace

TEST_CASE("R149: claimed ids are remembered by run as one by one", "[fifo][detail][dedup]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        CHECK(behaves_like_map(seed, 1, 200, 1));
        CHECK(behaves_like_map(seed, 1, 1000, 4));
    }
}

TEST_CASE("R149: an id whose time has come can be claimed before it is forgotten", "[fifo][detail][dedup]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        CHECK(behaves_like_map(seed, 1, 40, 1, 10));
        CHECK(behaves_like_map(seed, 0x7'FFFF'F800, 300, 2, 100));
    }
}

TEST_CASE("R156: originals are told apart beyond the first four billion messages", "[fifo][detail][dedup]") {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        CAPTURE(seed);
        CHECK(behaves_like_map(seed, 0xFFFF'FFF0, 300, 3));
        CHECK(behaves_like_map(seed, 0x7'FFFF'F800, 300, 30));
    }
}

TEST_CASE("R149: a claim in vain leaves no event behind", "[fifo][detail][dedup]") {
    DedupWindow window;
    window.begin_run(1, 10ns);
    CHECK(window.find_or_claim(id_of(1), 1, 0ns) == 0);
    window.give_up(id_of(1));
    CHECK(window.size() == 0);
    CHECK(window.next_end() == Nanos::max());
    expire(window, 10ns);

    window.insert(id_of(2), 1, 30ns);
    CHECK(window.next_end() == 30ns);
    CHECK_FALSE(window.find(id_of(1)));
    expire(window, 29ns);
    CHECK(window.find(id_of(2)) == 1U);
    expire(window, 30ns);
    CHECK(window.size() == 0);
}
