// SPDX-License-Identifier: MIT

// Catches a part of a queue that fails without memory where it promises not to, and a watch that sees no allocation in
// a commit: the other tests of this folder rely on it.

#include "failure/starved_wheel.hpp"

#include "catch.hpp"
#include "watched_memory.hpp"

#include "sqsim/detail/commit.hpp"
#include "sqsim/detail/obtain.hpp"

#include <cstdint>
#include <memory>
#include <vector>

TEST_CASE("a wheel gives its timers back in order when there is no memory left", "[failure]") {
    const std::uint64_t spread = GENERATE(std::uint64_t{3}, std::uint64_t{5'000}, std::uint64_t{1} << 50);
    const bool fails = GENERATE(true, false);
    CHECK(failing::out_of_order(spread, fails) == 0);
}

TEST_CASE("an allocation in a commit is seen, and in nothing else", "[failure]") {
    using sqsim::detail::Commit;
    using sqsim::detail::Dispensable;
    static_cast<void>(watched::in_commits.exchange(0));
    const auto allocate = [] { static_cast<void>(std::make_unique<std::vector<int>>(3)); };
    const auto seen = [&] {
        allocate();
        return watched::in_commits.exchange(0) != 0;
    };

    CHECK_FALSE(seen());
    {
        const Commit commit{};
        const bool in_commit = seen();
        const bool in_inner_commit = [&] {
            const Commit inner{};
            return seen();
        }();
        const bool in_dispensable = [&] {
            const Dispensable dispensable{};
            return seen();
        }();
        const bool in_obtained = sqsim::detail::obtained(allocate) && watched::in_commits.exchange(0) != 0;
        const bool in_commit_of_dispensable = [&] {
            const Dispensable dispensable{};
            const Commit inner{};
            return seen();
        }();
        const bool still_in_commit = seen();
        CHECK(in_commit);
        CHECK(in_inner_commit);
        CHECK_FALSE(in_dispensable);
        CHECK_FALSE(in_obtained);
        CHECK(in_commit_of_dispensable);
        CHECK(still_in_commit);
    }
    static_cast<void>(watched::in_commits.exchange(0));  // Catch2's own
    CHECK_FALSE(seen());
}
