// SPDX-License-Identifier: MIT

// Catches a delivery model whose faults happen too often, never, out of range, or depend on each other's settings.

#include "catch.hpp"

#include "sqsim/choice.hpp"
#include "sqsim/delivery_model.hpp"
#include "sqsim/detail/seeded_choices.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

using sqsim::DeliveryModel;
using sqsim::Site;
using sqsim::detail::SeededChoices;

namespace {

std::vector<std::uint32_t> draw(SeededChoices& decisions, Site site, std::uint32_t alternatives,
                                std::size_t count = 4000) {
    std::vector<std::uint32_t> drawn;
    for (std::size_t i = 0; i < count; ++i) {
        drawn.push_back(decisions.choose(site, i, alternatives));
    }
    return drawn;
}

std::vector<std::uint32_t> draw(const DeliveryModel& model, Site site, std::uint32_t alternatives) {
    SeededChoices decisions{model};
    return draw(decisions, site, alternatives);
}

std::size_t faults(const std::vector<std::uint32_t>& drawn) {
    std::size_t count = 0;
    for (const std::uint32_t choice : drawn) {
        count += choice != 0 ? 1 : 0;
    }
    return count;
}

}  // namespace

TEST_CASE("The same seed decides the same, another seed differently", "[detail][decisions][determinism]") {
    for (const Site site : {Site::short_poll, Site::receive_order, Site::duplicate, Site::lost_delete}) {
        const std::uint32_t alternatives = site == Site::duplicate || site == Site::lost_delete ? 2 : 9;
        CHECK(draw(DeliveryModel::adversarial(1), site, alternatives) ==
              draw(DeliveryModel::adversarial(1), site, alternatives));
        CHECK(draw(DeliveryModel::adversarial(1), site, alternatives) !=
              draw(DeliveryModel::adversarial(2), site, alternatives));
    }
}

TEST_CASE("Probability zero never decides for a fault, one always does", "[detail][decisions]") {
    DeliveryModel model{.reorder_window = 3, .seed = 5};
    for (const Site site : {Site::short_poll, Site::duplicate, Site::lost_delete}) {
        CHECK(faults(draw(model, site, 2)) == 0);
    }
    model.short_poll_miss_probability = model.duplicate_probability = model.lost_delete_probability = 1;
    for (const Site site : {Site::short_poll, Site::duplicate, Site::lost_delete}) {
        CHECK(faults(draw(model, site, 2)) == 4000);
    }
    CHECK(SeededChoices{model}.reorder_window() == 3);
}

TEST_CASE("R108: the default model never lets an older handle delete", "[detail][decisions]") {
    CHECK(faults(draw(DeliveryModel::adversarial(7), Site::stale_delete, 2)) == 0);
}

TEST_CASE("Faults happen about as often as asked", "[detail][decisions]") {
    // The seeds are fixed; 4,000 draws at one quarter have a standard deviation of 27, at one eighth of 21.
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
        const auto model = DeliveryModel::adversarial(seed);
        const auto near = [](std::size_t count, std::size_t expected) {
            return count + 150 > expected && count < expected + 150;
        };
        CHECK(near(faults(draw(model, Site::duplicate, 2)), 1000));
        CHECK(near(faults(draw(model, Site::short_poll, 11)), 1000));
        CHECK(near(faults(draw(model, Site::lost_delete, 2)), 500));
        CHECK(near(faults(draw(model, Site::receive_order, 2)), 2000));
    }
}

TEST_CASE("Choices stay within the alternatives and reach each of them", "[detail][decisions]") {
    for (const Site site : {Site::short_poll, Site::receive_order}) {
        std::vector<std::size_t> seen(11, 0);
        for (const std::uint32_t choice : draw(DeliveryModel::adversarial(3), site, 11)) {
            REQUIRE(choice < 11);
            ++seen[choice];
        }
        for (const std::size_t count : seen) {
            CHECK(count > 0);
        }
    }
    CHECK(faults(draw(DeliveryModel::adversarial(3), Site::receive_order, 1)) == 0);
}

TEST_CASE("Each kind of fault has a stream of its own", "[detail][decisions][determinism]") {
    auto model = DeliveryModel::adversarial(11);
    const auto alone = draw(model, Site::duplicate, 2);
    SeededChoices mixed{model};
    std::vector<std::uint32_t> drawn;
    for (std::size_t i = 0; i < 4000; ++i) {
        static_cast<void>(mixed.choose(Site::short_poll, i, 11));
        drawn.push_back(mixed.choose(Site::duplicate, i, 2));
        static_cast<void>(mixed.choose(Site::receive_order, i, 3));
        static_cast<void>(mixed.choose(Site::lost_delete, i, 2));
    }
    CHECK(drawn == alone);
    model.lost_delete_probability = 0;
    model.short_poll_miss_probability = 1;
    CHECK(draw(model, Site::duplicate, 2) == alone);
    CHECK(draw(model, Site::duplicate, 2) != draw(model, Site::lost_delete, 2));
}
